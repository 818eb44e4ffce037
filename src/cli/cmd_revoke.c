/*
 * revoke: at the CA, and in the record.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/cloud.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "order/cert.h"

enum { CERTIFICATE_BYTES = 1 << 20 };

/* What is to be revoked. */
struct target {
        char *ca_arn;
        char *serial;
        char *subject;
        char *endpoint;
        char *aws_profile;
        struct order *order; /* NULL: the ledger has none */
};

static void
target_cleanup(struct target *target)
{
        free(target->ca_arn);
        free(target->serial);
        free(target->subject);
        free(target->endpoint);
        free(target->aws_profile);
        order_free(target->order);
}

/* -- which certificate
 * ----------------------------------------------------------------------------- */

static bool
take_order(struct target *target, struct order *order, struct error *err)
{
        target->order = order;
        if (!order->serial || !order->wishes.ca_arn) {
                error_set(err, ERROR_ORDER_STATE,
                          "the order has no certificate that a CA of AWS "
                          "could revoke");
                return error_about(err, "order %lld '%s', %s", (long long)order->number,
                                   order->wishes.name, order_state_name(order->state));
        }
        text_assign(&target->ca_arn, order->wishes.ca_arn);
        text_assign(&target->serial, order->serial);
        text_assign(&target->subject, order->wishes.subject);
        text_assign(&target->endpoint, order->wishes.endpoint);
        text_assign(&target->aws_profile, order->wishes.aws_profile);
        return true;
}

static bool
take_file(struct target *target, const char *path, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        struct certificate_facts facts = { 0 };

        if (!file_read_named(path, CERTIFICATE_BYTES, &text, err) ||
            !certificates_read(view_buf(&text), &certificate, NULL, err) ||
            !certificate_facts_read(view_buf(&certificate), &facts, err))
                return error_about(err, "%s", path);
        text_assign(&target->serial, facts.serial);
        text_assign(&target->subject, facts.subject);
        certificate_facts_clear(&facts);
        return true;
}

static bool
take_serial(struct target *target, const char *text, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf bytes = { 0 };

        if (!hex_decode(text, &bytes, err))
                return false;
        free(target->serial);
        target->serial = hex_encode(view_buf(&bytes));
        return true;
}

/* There may be no ledger, which knows no order then. */
static struct order *
find_order(struct ledger *ledger, const char *reference, struct error *err)
{
        if (ledger)
                return ledger_find(ledger, reference, err);
        error_set(err, ERROR_ORDER_UNKNOWN, "there is no ledger yet, and no order '%s'", reference);
        error_advise(err, "name a certificate's file or its serial number; --state names another "
                          "ledger");
        return NULL;
}

/*
 * The ledger first: it knows names, numbers and serial numbers.  Then a file, whose certificate the
 * ledger may know after all, then a bare serial number.
 */
static bool
find_target(const struct command *command, struct ledger *ledger, struct target *target,
            struct error *err)
{
        const char *what = command->arguments[0];
        struct error unknown = { 0 };
        struct error no_serial = { 0 };
        struct order *order = find_order(ledger, what, &unknown);

        if (order)
                return take_order(target, order, err);
        if (unknown.kind != ERROR_ORDER_UNKNOWN) {
                *err = unknown;
                return false;
        }
        if (file_exists(what)) {
                if (!take_file(target, what, err))
                        return false;
                order = find_order(ledger, target->serial, &no_serial);
                if (order)
                        return take_order(target, order, err);
        } else if (!take_serial(target, what, &no_serial)) {
                *err = unknown;
                return false;
        }
        const char *arn = command_ca(command, NULL, err);

        if (!arn)
                return false;
        text_assign(&target->ca_arn, arn);
        return true;
}

/* -- the deed
 * --------------------------------------------------------------------------------------- */

static bool
ask_ca(const struct command *command, const struct target *target, const char *reason,
       struct error *err)
{
        CLEANUP(cloud_cleanup) struct cloud cloud = { 0 };
        CLEANUP(buf_cleanup) struct buf reply = { 0 };
        struct ca_arn parts;

        if (!ca_arn_parse(target->ca_arn, &parts, err) ||
            !cloud_open_at(&cloud, command, target->endpoint, target->aws_profile, target->ca_arn,
                           err))
                return false;
        if (cloud_call(&cloud, parts.region, "RevokeCertificate",
                       pca_write_revoke(target->ca_arn, target->serial, reason), &reply, err))
                return true;
        if (strcmp(err->aws.code, "RequestAlreadyProcessedException") != 0)
                return error_about(err, "certificate %s of %s", target->serial, target->ca_arn);
        command_say(command, "the CA had revoked it before");
        *err = (struct error){ 0 };
        return true;
}

static bool
record(struct ledger *ledger, const struct target *target, const char *reason, int64_t now,
       struct error *err)
{
        if (!ledger_begin(ledger, err))
                return false;
        if (ledger_revoked(ledger, target->ca_arn, target->serial, reason, now, err) &&
            ledger_commit(ledger, err))
                return true;
        ledger_rollback(ledger);
        error_about(err, "the CA has revoked certificate %s", target->serial);
        return error_advise(err, "repeat the command to have it recorded, too");
}

static void
answer(struct command *command, const struct target *target, const char *reason, int64_t when)
{
        char text[CLOCK_TEXT] = "";

        if (when)
                clock_format(when, text);
        command->answer = cJSON_CreateObject();
        show_add_text(command->answer, "serial", target->serial);
        show_add_text(command->answer, "ca_arn", target->ca_arn);
        show_add_text(command->answer, "subject", target->subject);
        show_add_text(command->answer, "reason", reason);
        show_add_text(command->answer, "revoked_at", text);
        if (target->order)
                cJSON_AddNumberToObject(command->answer, "order", (double)target->order->number);
        else
                cJSON_AddNullToObject(command->answer, "order");
        show_fact(&command->text, when ? "revoked" : "would revoke", target->serial);
        show_fact(&command->text, "subject", target->subject);
        show_fact(&command->text, "CA", target->ca_arn);
        show_fact(&command->text, "reason", reason);
}

static bool
confirm(const struct command *command, const struct target *target, const char *reason,
        struct error *err)
{
        CLEANUP(free_cleanup)
        char *question = text_format("Revoke certificate %s%s%s%s for %s? This cannot be undone.",
                                     target->serial, target->subject ? " (" : "",
                                     target->subject ? target->subject : "",
                                     target->subject ? ")" : "", reason);

        return command_confirm(command, question, err);
}

bool
cmd_revoke(struct command *command, struct error *err)
{
        const char *text = command_need(command, OPTION_REASON,
                                        "such as --reason key-compromise, superseded or "
                                        "cessation-of-operation",
                                        err);
        const char *reason = NULL;
        struct error none = { 0 };
        CLEANUP(ledger_cleanup) struct ledger *ledger = NULL;
        CLEANUP(target_cleanup) struct target target = { 0 };

        if (!text || !pca_revocation_reason(text, &reason, err))
                return false;
        /* A slip in --state makes no ledger; a revocation of what no order knows does. */
        if (command_has_ledger(command, &none) && !(ledger = command_ledger_unlocked(command, err)))
                return false;
        if (!find_target(command, ledger, &target, err))
                return false;
        if (command->dry_run) {
                answer(command, &target, reason, 0);
                return true;
        }
        int64_t now = clock_now();

        if (!confirm(command, &target, reason, err) ||
            (!ledger && !(ledger = command_ledger_unlocked(command, err))) ||
            !ask_ca(command, &target, reason, err) || !record(ledger, &target, reason, now, err))
                return false;
        answer(command, &target, reason, now);
        return true;
}
