/*
 * doctor: who AWS says we are, and whether that is known to be limited.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/caller.h"
#include "cli/checkup.h"
#include "cli/recorded.h"
#include "iam/actions.h"

static const char advice[] = "let an administrator check it: p11cert identity check ARN --ca …";

/* "acm-pca:IssueCertificate, acm-pca:GetCertificate": what issuing takes; the caller frees. */
static char *
needed_actions(void)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        const struct iam_grant *grant;

        for (size_t i = 0; (grant = iam_grant_at(i)); i++) {
                if (grant->use == USE_ISSUE && grant->needed)
                        buf_format(&text, "%s%s", text.len ? ", " : "", grant->action);
        }
        return text_copy(buf_text(&text));
}

static void
add_record(struct checkup *checkup, const struct recorded *recorded)
{
        CLEANUP(free_cleanup) char *may = recorded_list(recorded, "may");
        CLEANUP(free_cleanup) char *needed = needed_actions();
        const char *by = recorded_text(recorded, "by");
        char when[CLOCK_TEXT];
        bool limited = strcmp(recorded->verdict, "limited") == 0;
        bool old = recorded_is_old(recorded, &checkup->command->options, clock_now());

        clock_format(recorded->at, when);
        CLEANUP(free_cleanup)
        char *detail = text_format("%s by the check of %s (%s)%s%s%s", recorded->verdict, when,
                                   by ? by : "?", *may ? "; it may " : "", may,
                                   old ? ", which is too old for --require-limited" : "");
        CLEANUP(free_cleanup)
        char *next = text_format("leave it %s and no more, then check it again", needed);

        checkup_add(checkup, "limits", limited && !old ? RESULT_OK : RESULT_WARN, detail,
                    !limited ? next
                    : old    ? advice
                             : NULL);
}

static void
check_limits(struct checkup *checkup, const struct caller *caller, const struct credentials *who)
{
        CLEANUP(recorded_clear) struct recorded recorded = { 0 };
        struct error ignored = { 0 };
        CLEANUP(ledger_cleanup)
        struct ledger *ledger = ledger_open_read(checkup->command->state, &ignored);

        if (who->narrowed)
                checkup_ok(checkup, "limits", "p11cert cuts the session of role %s to each verb",
                           caller->name ? caller->name : caller->principal);
        else if (ledger && recorded_of_caller(ledger, caller, &recorded, &ignored) &&
                 recorded.principal)
                add_record(checkup, &recorded);
        else
                checkup_add(checkup, "limits", RESULT_WARN,
                            "what else this identity may do is not known here", advice);
}

bool
checkup_identity(struct checkup *checkup, struct cloud *cloud)
{
        CLEANUP(caller_clear) struct caller caller = { 0 };
        CLEANUP(credentials_clear) struct credentials who = { 0 };
        const struct credentials *seen;
        struct error err = { 0 };

        if (!cloud_open(cloud, checkup->command, NULL, NULL, &err) ||
            !(seen = credentials_look(cloud->settings, &err))) {
                checkup_fail(checkup, "identity", &err);
                return false;
        }
        /* The client takes what was seen. */
        credentials_copy(&who, seen);
        if (!caller_ask(cloud->client, aws_settings_region(cloud->settings), &caller, &err)) {
                checkup_fail(checkup, "identity", &err);
                return false;
        }
        checkup_ok(checkup, "identity", "%s (%s), %s from %s", caller.said.arn,
                   caller_kind_name(caller.kind), who.access_key_id, who.origin);
        check_limits(checkup, &caller, &who);
        return true;
}
