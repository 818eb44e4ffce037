/*
 * ca list, ca show, ca chain, ca trust: the certificate authorities and the roots we trust.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/ca_templates.h"
#include "cli/cloud.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "order/cert.h"

enum { CA_FILE_MODE = 0644, FOLDER_MODE = 0755 };

/* -- ca list, ca show
 * ------------------------------------------------------------------------------ */

/* AWS writes colons between the bytes; we write serial numbers in one way. */
static void
show_serial(cJSON *json, const char *serial)
{
        CLEANUP(buf_cleanup) struct buf bytes = { 0 };
        struct error odd = { 0 };
        CLEANUP(free_cleanup)
        char *hex = serial && hex_decode(serial, &bytes, &odd) ? hex_encode(view_buf(&bytes))
                                                               : text_copy(serial);

        show_add_text(json, "serial", hex);
}

static cJSON *
authority_json(const struct pca_authority *authority)
{
        cJSON *json = cJSON_CreateObject();

        show_add_text(json, "arn", authority->arn);
        show_add_text(json, "owner", authority->owner);
        show_add_text(json, "type", authority->type);
        show_add_text(json, "status", authority->status);
        show_add_text(json, "failure_reason", authority->failure_reason);
        show_add_text(json, "subject", authority->subject);
        show_serial(json, authority->serial);
        show_add_text(json, "key_algorithm", authority->key_algorithm);
        show_add_text(json, "signing_algorithm", authority->signing_algorithm);
        show_add_text(json, "usage_mode", authority->usage_mode);
        show_add_time(json, "not_before", authority->not_before);
        show_add_time(json, "not_after", authority->not_after);
        show_add_time(json, "created_at", authority->created_at);
        cJSON_AddBoolToObject(json, "crl", authority->crl_enabled);
        cJSON_AddBoolToObject(json, "ocsp", authority->ocsp_enabled);
        return json;
}

static void
authority_text(struct buf *out, const struct pca_authority *authority)
{
        char end[CLOCK_TEXT];

        show_fact(out, "CA", authority->arn);
        show_fact(out, "subject", authority->subject);
        show_fact_format(out, "status", "%s%s%s", authority->status ? authority->status : "unknown",
                         authority->failure_reason ? ": " : "",
                         authority->failure_reason ? authority->failure_reason : "");
        show_fact(out, "owner", authority->owner);
        show_fact_format(out, "kind", "%s, %s", authority->type ? authority->type : "unknown",
                         authority->usage_mode ? authority->usage_mode : "unknown");
        show_fact_format(out, "key", "%s, signs with %s",
                         authority->key_algorithm ? authority->key_algorithm : "unknown",
                         authority->signing_algorithm ? authority->signing_algorithm : "unknown");
        if (authority->not_after)
                show_fact(out, "not after", clock_format(authority->not_after, end));
        show_fact_format(out, "revocation", "CRL %s, OCSP %s",
                         authority->crl_enabled ? "on" : "off",
                         authority->ocsp_enabled ? "on" : "off");
}

/* All pages. */
static bool
list_pages(struct cloud *cloud, const char *region, bool others, struct pca_authority **list,
           size_t *count, struct error *err)
{
        CLEANUP(free_cleanup) char *next = NULL;

        do {
                CLEANUP(buf_cleanup) struct buf reply = { 0 };
                CLEANUP(free_cleanup) char *from = MOVE(next);

                if (!cloud_call(cloud, region, "ListCertificateAuthorities",
                                pca_write_list(from, others), &reply, err) ||
                    !pca_read_list(view_buf(&reply), list, count, &next, err))
                        return false;
                if (next && from && strcmp(next, from) == 0)
                        return error_set(err, ERROR_AWS_ANSWER,
                                         "AWS answers the same page of CAs again and again");
        } while (next);
        return true;
}

/* That of a CA which is named here; else what AWS's tools would take; else the configured CA's. */
static const char *
list_region(const struct command *command, const struct cloud *cloud, struct ca_arn *named,
            struct error *err)
{
        const char *region = aws_settings_region(cloud->settings);
        const char *arn;

        if (option_line_text(&command->options, OPTION_CA)) {
                arn = command_ca(command, NULL, err);
                return arn && ca_arn_parse(arn, named, err) ? named->region : NULL;
        }
        if (region)
                return region;
        error_set(err, ERROR_USAGE, "no Region was named");
        error_advise(err, "say --region REGION, set AWS_REGION, or configure a CA");
        return NULL;
}

bool
cmd_ca_list(struct command *command, struct error *err)
{
        CLEANUP(cloud_cleanup) struct cloud cloud = { 0 };
        struct ca_arn named;
        struct pca_authority *list = NULL;
        size_t count = 0;

        if (!cloud_open(&cloud, command, NULL, NULL, err))
                return false;
        const char *region = list_region(command, &cloud, &named, err);

        if (!region)
                return false;
        bool others = option_flag(&command->options, OPTION_OTHER_ACCOUNTS);
        bool good = list_pages(&cloud, region, others, &list, &count, err);

        command->answer = cJSON_CreateObject();
        cJSON *array = cJSON_AddArrayToObject(command->answer, "authorities");

        for (size_t i = 0; i < count; i++) {
                if (good) {
                        buf_add_text(&command->text, i ? "\n" : "");
                        authority_text(&command->text, &list[i]);
                        cJSON *json = authority_json(&list[i]);

                        cJSON_AddBoolToObject(json, "shared", others);
                        ca_templates_answer(&list[i], others, json, &command->text);
                        cJSON_AddItemToArray(array, json);
                }
                pca_authority_clear(&list[i]);
        }
        free(list);
        if (good && !count)
                command_say(command, "there are no CAs in %s", region);
        return good;
}

/* The CA that is meant, by an argument or --ca. */
static const char *
ca_argument(const struct command *command, struct error *err)
{
        return command_ca(command, command->argument_count ? command->arguments[0] : NULL, err);
}

/* The pinned root, if there is a ledger and a root in it. */
static bool
read_pinned(const struct command *command, const char *arn, struct buf *root, char **how,
            int64_t *since, struct error *err)
{
        struct error none = { 0 };
        CLEANUP(ledger_cleanup) struct ledger *ledger = ledger_open_read(command->state, &none);

        if (ledger)
                return ledger_root(ledger, arn, root, how, since, err);
        if (none.kind == ERROR_NOTHING)
                return true;
        *err = none;
        return false;
}

static void
answer_root(struct command *command, cJSON *json, struct view root, const char *how, int64_t since)
{
        struct certificate_facts facts = { 0 };
        struct error ignored = { 0 };
        char when[CLOCK_TEXT];

        if (!root.len || !certificate_facts_read(root, &facts, &ignored)) {
                cJSON_AddNullToObject(json, "root");
                show_fact(&command->text, "root", "none is pinned yet");
                return;
        }
        cJSON *object = cJSON_AddObjectToObject(json, "root");

        show_add_text(object, "subject", facts.subject);
        show_add_text(object, "fingerprint_sha256", facts.fingerprint);
        show_add_time(object, "not_after", facts.not_after);
        show_add_text(object, "pinned_by", how);
        show_add_time(object, "pinned_at", since);
        show_fact(&command->text, "root", facts.subject);
        show_fact(&command->text, "", facts.fingerprint);
        show_fact_format(&command->text, "", "pinned %s (%s)", clock_format(since, when),
                         how ? how : "?");
        certificate_facts_clear(&facts);
}

/* Whose CA it is, as far as STS tells, and what it can be used for. */
static void
answer_share(struct command *command, struct cloud *cloud, const char *arn,
             const struct pca_authority *authority)
{
        struct error ignored = { 0 };
        struct ca_arn parts = { 0 };
        CLEANUP(free_cleanup)
        char *account =
                ca_arn_parse(arn, &parts, &ignored) ? cloud_account(cloud, parts.region) : NULL;
        bool shared = account && strcmp(account, parts.account) != 0;

        show_add_text(command->answer, "account", account);
        if (account)
                cJSON_AddBoolToObject(command->answer, "shared", shared);
        else
                cJSON_AddNullToObject(command->answer, "shared");
        if (shared)
                show_fact_format(&command->text, "shared", "the CA is of account %s, we are of %s",
                                 parts.account, account);
        ca_templates_answer(authority, shared, command->answer, &command->text);
}

bool
cmd_ca_show(struct command *command, struct error *err)
{
        const char *arn = ca_argument(command, err);
        CLEANUP(cloud_cleanup) struct cloud cloud = { 0 };
        CLEANUP(buf_cleanup) struct buf root = { 0 };
        CLEANUP(free_cleanup) char *how = NULL;
        struct pca_authority authority = { 0 };
        int64_t since = 0;

        if (!arn || !cloud_open(&cloud, command, NULL, NULL, err) ||
            !cloud_describe(&cloud, arn, &authority, err))
                return false;
        bool good = read_pinned(command, arn, &root, &how, &since, err);

        if (good) {
                command->answer = authority_json(&authority);
                authority_text(&command->text, &authority);
                answer_share(command, &cloud, arn, &authority);
                answer_root(command, command->answer, view_buf(&root), how, since);
        }
        pca_authority_clear(&authority);
        return good;
}

/* -- ca chain
 * --------------------------------------------------------------------------------------- */

/* The issuing certificate, then its issuers up to the root, as PEM; the root apart. */
static bool
split_chain(struct view certificate, struct view chain, struct buf *issuers, struct buf *root,
            struct error *err)
{
        CLEANUP(buf_cleanup) struct buf own = { 0 };
        CLEANUP(buf_cleanup) struct buf first = { 0 };
        CLEANUP(buf_cleanup) struct buf all = { 0 };

        if (!certificates_read(certificate, &own, NULL, err) ||
            (chain.len && !certificates_read(chain, &first, &all, err)))
                return false;
        struct buf ordered = { 0 };

        buf_add(&ordered, view_buf(&own));
        buf_add(&ordered, view_buf(&first));
        buf_add(&ordered, view_buf(&all));
        for (struct view at = view_buf(&ordered); at.len;) {
                size_t length = certificate_length(at);
                struct view one = view_of(at.data, length);

                if (!length)
                        break;
                if (certificate_is_root(one))
                        buf_set(root, one);
                else
                        certificate_pem_add(issuers, one);
                at = view_of(at.data + length, at.len - length);
        }
        buf_clear(&ordered);
        if (root->len)
                return true;
        error_set(err, ERROR_AWS_ANSWER, "the chain that AWS answers does not end in a root");
        return error_advise(err, "ask the CA's administrator for the root certificate");
}

static bool
check_pinned(const struct command *command, const char *arn, struct view root, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf pinned = { 0 };
        CLEANUP(free_cleanup) char *how = NULL;
        int64_t since = 0;

        if (!read_pinned(command, arn, &pinned, &how, &since, err))
                return false;
        if (!pinned.len) {
                command_say(command, "note      no root is pinned for this CA yet: compare its "
                                     "fingerprint before you trust it");
                return true;
        }
        if (certificate_same_root(view_buf(&pinned), root))
                return true;
        error_set(err, ERROR_ROOT_CHANGED,
                  "the CA's chain ends in another root than the one "
                  "pinned for it");
        error_about(err, "%s", arn);
        return error_advise(err,
                            "find out from the CA's administrator whether it has another root "
                            "now; then: p11cert ca trust %s --root FILE",
                            arn);
}

static bool
write_pem(struct command *command, const char *folder, const char *name, struct view pem,
          struct error *err)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/%s.pem", folder, name);

        if (!pem.len) {
                cJSON_AddNullToObject(command->answer, name);
                return true;
        }
        if (!command->dry_run && (!file_make_folder(folder, FOLDER_MODE, err) ||
                                  !file_put(path, CA_FILE_MODE, pem, err)))
                return false;
        show_add_text(command->answer, name, path);
        show_fact(&command->text, name, path);
        return true;
}

bool
cmd_ca_chain(struct command *command, struct error *err)
{
        const char *arn = ca_argument(command, err);
        /* A configured folder is meant for the files of orders. */
        const char *out = option_line_text(&command->options, OPTION_OUT);
        CLEANUP(free_cleanup) char *folder = file_absolute(out ? out : ".");
        CLEANUP(cloud_cleanup) struct cloud cloud = { 0 };
        CLEANUP(buf_cleanup) struct buf reply = { 0 };
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        CLEANUP(buf_cleanup) struct buf chain = { 0 };
        CLEANUP(buf_cleanup) struct buf issuers = { 0 };
        CLEANUP(buf_cleanup) struct buf root = { 0 };
        CLEANUP(buf_cleanup) struct buf root_pem = { 0 };
        struct ca_arn parts;

        if (!arn || !ca_arn_parse(arn, &parts, err) ||
            !cloud_open(&cloud, command, NULL, NULL, err) ||
            !cloud_call(&cloud, parts.region, "GetCertificateAuthorityCertificate",
                        pca_write_get_ca_certificate(arn), &reply, err) ||
            !pca_read_get_ca_certificate(view_buf(&reply), &certificate, &chain, err) ||
            !split_chain(view_buf(&certificate), view_buf(&chain), &issuers, &root, err) ||
            !check_pinned(command, arn, view_buf(&root), err))
                return false;
        certificate_pem_add(&root_pem, view_buf(&root));
        command->answer = cJSON_CreateObject();
        show_add_text(command->answer, "ca_arn", arn);
        return write_pem(command, folder, "chain", view_buf(&issuers), err) &&
               write_pem(command, folder, "root", view_buf(&root_pem), err);
}

/* -- ca trust
 * --------------------------------------------------------------------------------------- */

static bool
pin(const struct command *command, const char *arn, struct view root, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = command_ledger_unlocked(command, err);
        CLEANUP(buf_cleanup) struct buf pinned = { 0 };
        CLEANUP(free_cleanup) char *how = NULL;
        int64_t since = 0;

        if (!ledger)
                return command->dry_run && err->kind == ERROR_NOTHING;
        if (!ledger_root(ledger, arn, &pinned, &how, &since, err))
                return false;
        if (pinned.len && certificate_same_root(view_buf(&pinned), root))
                return error_set(err, ERROR_NOTHING, "this root is pinned for the CA already");
        if (command->dry_run)
                return true;
        if (!ledger_begin(ledger, err))
                return false;
        if (ledger_pin_root(ledger, arn, root, "ca trust", clock_now(), err) &&
            ledger_commit(ledger, err))
                return true;
        ledger_rollback(ledger);
        return false;
}

bool
cmd_ca_trust(struct command *command, struct error *err)
{
        const char *arn = ca_argument(command, err);
        CLEANUP(buf_cleanup) struct buf root = { 0 };

        if (!arn ||
            !command_need(command, OPTION_ROOT, "the root certificate, from a source you trust",
                          err) ||
            !command_root(command, &root, err) || !pin(command, arn, view_buf(&root), err))
                return false;
        command->answer = cJSON_CreateObject();
        show_add_text(command->answer, "ca_arn", arn);
        show_fact(&command->text, "CA", arn);
        answer_root(command, command->answer, view_buf(&root), "ca trust", clock_now());
        return true;
}
