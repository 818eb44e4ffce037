#include "cli/admit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/recorded.h"

/* -- what is known ------------------------------------------------------------------------ */

/* "by the check of 2026-11-27T00:00:00Z …": what they may, in the words of the record. */
static void
say_record(const struct command *command, const char *who, const struct recorded *recorded)
{
        CLEANUP(free_cleanup) char *may = recorded_list(recorded, "may");
        char when[CLOCK_TEXT];

        clock_format(recorded->at, when);
        if (strcmp(recorded->verdict, "limited") == 0)
                command_say(command,
                            "note      %s; by the check of %s they may do no more than issue", who,
                            when);
        else if (*may)
                command_say(command, "note      %s; by the check of %s they also may: %s", who,
                            when, may);
        else
                command_say(command, "note      %s; the check of %s said: %s", who, when,
                            recorded->verdict);
}

static void
say_what_they_can(const struct command *command, struct ledger *ledger,
                  const struct aws_settings *aws, const struct credentials *credentials)
{
        const char *why = aws_settings_unnarrowed(aws);
        CLEANUP(free_cleanup) char *who = NULL;
        CLEANUP(recorded_clear) struct recorded recorded = { 0 };
        struct error ignored = { 0 };

        if (credentials->session_token)
                who = text_format("this session is not cut to what is asked for%s%s",
                                  why ? ": " : "", why ? why : "");
        else
                who = text_copy("these are long-term keys, which p11cert cannot cut to what is "
                                "asked for");
        if (recorded_of_key(ledger, credentials->access_key_id, &recorded, &ignored) &&
            recorded.principal)
                say_record(command, who, &recorded);
        else
                command_say(command,
                            "note      %s; they can do whatever their policies say, which was not "
                            "checked here: p11cert identity check tells",
                            who);
}

/* -- --require-limited -------------------------------------------------------------------- */

static bool
refuse(struct error *err, const struct caller *caller, const char *what)
{
        error_set(err, ERROR_NOT_LIMITED, "%s", what);
        return error_about(err, "%s", caller->said.arn);
}

/* The check that would answer, ready to paste; for whom there is none, what to take instead. */
static bool
advise_check(const struct caller *caller, const char *ca, const struct narrow_to *to,
             struct error *err)
{
        CLEANUP(buf_cleanup) struct buf command = { 0 };

        if (caller->kind != CALLER_USER && caller->kind != CALLER_ROLE)
                return error_advise(err, "take a user or a role: p11cert identity create makes one "
                                         "that may do no more");
        buf_format(&command, "p11cert identity check %s",
                   caller->kind == CALLER_USER ? caller->principal : caller->name);
        if (ca)
                buf_format(&command, " --ca %s", ca);
        for (size_t i = 0; i < to->template_count; i++)
                buf_format(&command, "%s%s", i ? "," : " --template ", to->templates[i]);
        return error_advise(err,
                            "let an administrator check it, with this ledger: %s; or use a role "
                            "with --role-arn, whose session p11cert cuts",
                            buf_text(&command));
}

static bool
hold_against(const struct command *command, const struct recorded *recorded,
             const struct caller *caller, const struct narrow_to *to, struct error *err)
{
        const char *ca = to->ca_count ? to->cas[0] : NULL;
        CLEANUP(free_cleanup) char *what = NULL;
        CLEANUP(free_cleanup) char *may = recorded_list(recorded, "may");
        const char *missing = NULL;
        char when[CLOCK_TEXT];

        if (!recorded->principal) {
                refuse(err, caller,
                       "it is not known whether this identity may do more than issue: no check of "
                       "it is recorded here");
                return advise_check(caller, ca, to, err);
        }
        if (strcmp(recorded->verdict, "limited") != 0) {
                what = text_format("this identity was not found to be limited: %s%s%s",
                                   recorded->verdict, *may ? "; it may " : "", may);
                refuse(err, caller, what);
                return error_advise(err, "take from its policies what it need not do, then check "
                                         "it again");
        }
        if (recorded_is_old(recorded, &command->options, clock_now())) {
                what = text_format("that this identity is limited was found on %s, which is not "
                                   "within --limited-within (%s)",
                                   clock_format(recorded->at, when),
                                   option_text(&command->options, OPTION_LIMITED_WITHIN)
                                           ? option_text(&command->options, OPTION_LIMITED_WITHIN)
                                           : option_row(OPTION_LIMITED_WITHIN)->fallback);
                refuse(err, caller, what);
                return advise_check(caller, ca, to, err);
        }
        for (size_t i = 0; !missing && i < to->ca_count; i++) {
                if (!recorded_covers(recorded, to->cas[i], NULL))
                        missing = ca = to->cas[i];
        }
        for (size_t i = 0; !missing && to->ca_count && i < to->template_count; i++) {
                if (!recorded_covers(recorded, to->cas[0], to->templates[i]))
                        missing = to->templates[i];
        }
        if (!missing)
                return true;
        what = text_format("the recorded check was not about %s", missing);
        refuse(err, caller, what);
        return advise_check(caller, ca, to, err);
}

static bool
require_limited(const struct command *command, struct ledger *ledger, struct aws_settings *aws,
                const struct credentials *credentials, const struct narrow_to *to,
                const char *region, struct error *err)
{
        CLEANUP(aws_client_cleanup)
        struct aws_client *client = aws_client_open_as(aws, credentials, err);
        CLEANUP(recorded_clear) struct recorded recorded = { 0 };
        CLEANUP(caller_clear) struct caller caller = { 0 };
        char when[CLOCK_TEXT];

        if (!client ||
            !caller_ask(client, region ? region : aws_settings_region(aws), &caller, err) ||
            !recorded_of_caller(ledger, &caller, &recorded, err) ||
            !hold_against(command, &recorded, &caller, to, err))
                return false;
        command_say(command, "note      %s was found to be limited on %s (by %s)",
                    recorded.principal, clock_format(recorded.at, when),
                    recorded_text(&recorded, "source"));
        return true;
}

bool
admit(const struct command *command, struct ledger *ledger, struct aws_settings *aws,
      const struct narrow_to *to, const char *region, struct error *err)
{
        bool required = option_flag(&command->options, OPTION_REQUIRE_LIMITED);
        struct error why = { 0 };
        const struct credentials *credentials = credentials_look(aws, &why);

        if (!credentials && required)
                *err = why;
        if (!credentials)
                return !required;
        if (credentials->narrowed)
                return true;
        if (required)
                return require_limited(command, ledger, aws, credentials, to, region, err);
        if (!credentials->settled)
                say_what_they_can(command, ledger, aws, credentials);
        return true;
}
