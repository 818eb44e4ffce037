#include "cli/plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/cloud.h"
#include "cli/inquiry.h"
#include "cli/show.h"
#include "cli/wish.h"
#include "drive/ca.h"
#include "drive/session.h"
#include "engine/openssl_key.h"
#include "engine/uri.h"
#include "iam/write.h"
#include "order/fill.h"
#include "order/cert.h"
#include "order/predict.h"

/* -- the token, looked at without a login ------------------------------------------------------ */

struct token_seen {
        struct token_facts facts;
        enum key_type type;
        enum hash hash; /* that was asked for */
};

static bool
look_at_token(struct modules *modules, struct token *token, void *context, struct error *err)
{
        struct token_seen *seen = context;

        (void)modules;
        if (seen->type != KEY_NONE && !session_can_serve(token, seen->type, seen->hash, err))
                return error_about(err, "token '%s'", token_facts(token)->label);
        token_facts_copy(&seen->facts, token_facts(token));
        return true;
}

/* With `to_serve` it has to be able to make and use the key that is wished for. */
static bool
find_token(const struct command *command, struct order *order, bool to_serve, struct error *err)
{
        CLEANUP(inquiry_free) struct token_seen *seen = memory_new(1, sizeof(*seen));
        const struct wishes *wishes = &order->wishes;
        const char *uri = wishes->key_uri ? wishes->key_uri : wishes->token_uri;
        bool makes = !wishes->key_uri && !wishes->csr_given;

        if (!uri || openssl_key_is(uri))
                return true;
        seen->type = to_serve && makes ? wishes->key_type : KEY_NONE;
        seen->hash = wishes->hash;
        if (!inquire(command, uri, wishes->module, false, look_at_token, seen, err))
                return false;
        free(order->token.uri);
        order->token.uri = uri_of_token(&seen->facts);
        text_assign(&order->token.label, seen->facts.label);
        text_assign(&order->token.serial, seen->facts.serial);
        token_facts_clear(&seen->facts);
        return true;
}

bool
plan_bind_token(const struct command *command, struct order *order, struct error *err)
{
        if (!order->token.uri && !find_token(command, order, false, err))
                return false;
        const char *serial = order->token.serial;
        const struct fill_facts facts = {
                .name = order->wishes.name,
                .token_serial = serial && token_serial_is_identity(serial) ? serial : NULL,
                .token_label = order->token.label,
        };

        return fill_wishes(&order->wishes, &facts, err);
}

/* -- the CA -------------------------------------------------------------------------------------
 */

struct ca_seen {
        struct pca_authority facts;
        struct buf own; /* DER of its certificate, where that counts */
        bool shared;
};

static void
ca_seen_cleanup(struct ca_seen *seen)
{
        pca_authority_clear(&seen->facts);
        buf_clear(&seen->own);
}

/* For a CA's certificate the path length of the CA itself counts; whoever may not read it asks. */
static void
read_own(struct cloud *cloud, const struct wishes *wishes, struct buf *own)
{
        const struct template_facts *facts =
                wishes->template_arn ? template_of_arn(wishes->template_arn) : NULL;
        CLEANUP(buf_cleanup) struct buf reply = { 0 };
        CLEANUP(buf_cleanup) struct buf pem = { 0 };
        CLEANUP(buf_cleanup) struct buf chain = { 0 };
        struct error ignored = { 0 };
        struct ca_arn parts;

        if (!facts || !facts->is_ca || facts->is_root ||
            !ca_arn_parse(wishes->ca_arn, &parts, &ignored) ||
            !cloud_call(cloud, parts.region, "GetCertificateAuthorityCertificate",
                        pca_write_get_ca_certificate(wishes->ca_arn), &reply, &ignored) ||
            !pca_read_get_ca_certificate(view_buf(&reply), &pem, &chain, &ignored) ||
            !certificates_read(view_buf(&pem), own, NULL, &ignored))
                buf_clear(own);
}

/*
 * Would it count that the CA is another account's?  Only then is it asked whose we are: for a
 * template outside the default share, or wishes that may lead to one.
 */
static bool
needs_share(const struct wishes *wishes)
{
        const struct template_facts *facts =
                wishes->template_arn ? template_of_arn(wishes->template_arn) : NULL;

        return facts && (facts->share != SHARE_BY_DEFAULT || wishes->extension_count ||
                         wishes->usages.key_usage || wishes->usages.extended_count ||
                         wishes->usages.policy_count);
}

/* Who may not describe the CA can still issue: that is worth a note, no error. */
static bool
find_ca(const struct command *command, const struct order *order, struct ca_seen *seen,
        struct error *err)
{
        const struct wishes *wishes = &order->wishes;
        CLEANUP(cloud_cleanup) struct cloud cloud = { 0 };

        if (!wishes->ca_arn)
                return true;
        if (!cloud_open_at(&cloud, command, wishes->endpoint, wishes->aws_profile, wishes->ca_arn,
                           err))
                return false;
        read_own(&cloud, wishes, &seen->own);
        if (cloud_describe(&cloud, wishes->ca_arn, &seen->facts, err)) {
                seen->shared = needs_share(wishes) && cloud_is_shared(&cloud, wishes->ca_arn);
                return true;
        }
        if (err->kind != ERROR_DENIED)
                return false;
        command_say(command, "note      the CA may not be described: %s", err->aws.message);
        *err = (struct error){ 0 };
        return true;
}

/* -- what it comes to -------------------------------------------------------------------------- */

/* What a CA takes from one account in one Region (AWS Private CA quotas), before it throttles. */
static const char quota_text[] =
        "IssueCertificate 25 and GetCertificate 75 a second, in an account and Region; 1,000,000 "
        "certificates of a CA with one complete CRL";

static void
write_rows(struct buf *out, const struct prediction *prediction)
{
        buf_format(out, "\n%-28s %-9s %s\n", "field", "from", "value");
        for (size_t i = 0; i < prediction->row_count; i++) {
                const struct predicted_row *row = &prediction->rows[i];
                CLEANUP(free_cleanup) char *value = show_printable(row->value);

                buf_format(out, "%-28s %-9s %s%s\n", field_name(row->field),
                           source_name(row->source),
                           row->critical == ANSWER_YES ? "critical, " : "", value);
        }
        for (size_t i = 0; i < prediction->drop_count; i++) {
                const struct predicted_drop *drop = &prediction->drops[i];

                buf_format(out, "%-28s %-9s %s: %s\n", field_name(drop->field), "dropped",
                           drop->value, drop->rule);
        }
        if (prediction->warning_count)
                buf_add_text(out, "\n");
        for (size_t i = 0; i < prediction->warning_count; i++)
                buf_format(out, "warning: %s\n", prediction->warnings[i]);
}

static void
add_rows(cJSON *plan, const struct prediction *prediction)
{
        cJSON *rows = cJSON_AddArrayToObject(plan, "rows");
        cJSON *dropped = cJSON_AddArrayToObject(plan, "dropped");
        cJSON *warnings = cJSON_AddArrayToObject(plan, "warnings");

        for (size_t i = 0; i < prediction->row_count; i++) {
                const struct predicted_row *row = &prediction->rows[i];
                cJSON *json = cJSON_CreateObject();

                show_add_text(json, "field", field_name(row->field));
                show_add_text(json, "value", row->value);
                if (row->critical == ANSWER_UNKNOWN)
                        cJSON_AddNullToObject(json, "critical");
                else
                        cJSON_AddBoolToObject(json, "critical", row->critical == ANSWER_YES);
                show_add_text(json, "from", source_name(row->source));
                cJSON_AddItemToArray(rows, json);
        }
        for (size_t i = 0; i < prediction->drop_count; i++) {
                const struct predicted_drop *drop = &prediction->drops[i];
                cJSON *json = cJSON_CreateObject();

                show_add_text(json, "field", field_name(drop->field));
                show_add_text(json, "value", drop->value);
                show_add_text(json, "rule", drop->rule);
                cJSON_AddBoolToObject(json, "wished", drop->lost);
                cJSON_AddItemToArray(dropped, json);
        }
        for (size_t i = 0; i < prediction->warning_count; i++)
                cJSON_AddItemToArray(warnings, cJSON_CreateString(prediction->warnings[i]));
}

/* What the identity needs: a statement for each action, as a policy lists them. */
static cJSON *
write_statements(const struct wishes *wishes)
{
        cJSON *list = cJSON_CreateArray();
        const struct iam_grant *grant;

        for (size_t i = 0; wishes->ca_arn && (grant = iam_grant_at(i)); i++) {
                CLEANUP(buf_cleanup) struct buf text = { 0 };
                cJSON *statement = NULL;

                if (grant->use != USE_ISSUE || !grant->needed)
                        continue;
                if (iam_write_statement(grant->action, wishes->ca_arn, wishes->template_arn, &text))
                        statement = cJSON_Parse(buf_text(&text));
                if (statement)
                        cJSON_AddItemToArray(list, statement);
        }
        return list;
}

static void
answer_text(struct buf *out, const struct order *order, const struct pca_authority *authority,
            const struct prediction *prediction)
{
        const struct wishes *wishes = &order->wishes;

        show_order_text(out, order);
        show_fact(out, "CA status", authority->status);
        show_fact(out, "CA key", authority->key_algorithm);
        show_fact(out, "CA mode", authority->usage_mode);
        show_fact(out, "files in", wishes->stores & STORE_FILES ? wishes->folder : NULL);
        show_fact(out, "quota", wishes->ca_arn ? quota_text : NULL);
        show_fact(out, "dry run", "nothing was changed and nothing was asked for");
        write_rows(out, prediction);
        cJSON *statements = write_statements(wishes);

        for (int i = 0; i < cJSON_GetArraySize(statements); i++) {
                char *text = cJSON_PrintUnformatted(cJSON_GetArrayItem(statements, i));

                buf_format(out, "%s%s\n", i ? "" : "\nthe identity needs:\n", text);
                cJSON_free(text);
        }
        cJSON_Delete(statements);
}

static cJSON *
answer_json(const struct order *order, const struct pca_authority *authority,
            const struct prediction *prediction)
{
        const struct wishes *wishes = &order->wishes;
        CLEANUP(free_cleanup) char *validity = validity_format(&wishes->validity);
        cJSON *answer = show_order_json(order);
        cJSON *plan = cJSON_AddObjectToObject(answer, "plan");

        add_rows(plan, prediction);
        show_add_text(plan, "carrying_template",
                      prediction->carries ? prediction->carries->name : NULL);
        show_add_text(plan, "quota", wishes->ca_arn ? quota_text : NULL);
        cJSON_AddItemToObject(plan, "statement", write_statements(wishes));
        show_add_text(plan, "validity", validity);
        show_add_time(plan, "not_after", prediction->not_after);
        show_add_text(plan, "ca_subject", authority->subject);
        show_add_text(plan, "ca_status", authority->status);
        show_add_text(plan, "ca_key_algorithm", authority->key_algorithm);
        show_add_text(plan, "ca_mode", authority->usage_mode);
        show_add_text(plan, "folder", wishes->folder);
        return answer;
}

/* As `issue` judges it: only an ACTIVE CA whose own certificate has not ended issues. */
static bool
may_issue(const struct wishes *wishes, const struct pca_authority *authority, struct error *err)
{
        const struct ca ca = { .arn = wishes->ca_arn,
                               .describe = { .state = KNOWLEDGE_KNOWN },
                               .facts = *authority };

        return !authority->status || ca_judge(&ca, clock_now(), err);
}

/* The plan is the answer, whatever is wrong with it. */
static bool
foretell(struct command *command, struct order *order, const struct ca_seen *seen,
         struct error *err)
{
        const struct pca_authority *authority = &seen->facts;
        struct issuer_facts issuer = pca_issuer_facts(authority);
        struct wishes *wishes = &order->wishes;
        CLEANUP(prediction_clear) struct prediction prediction;

        issuer.shared = seen->shared;
        issuer_facts_add_own(&issuer, view_buf(&seen->own));
        if (wishes->ca_arn)
                predict_default_validity(wishes, issuer.short_lived);
        if (!wishes->signing_algorithm && authority->key_algorithm)
                text_assign(&wishes->signing_algorithm,
                            pca_signing_algorithm(authority->key_algorithm,
                                                  authority->signing_algorithm));
        predict(wishes, view_buf(&order->csr), &issuer, clock_now(), &prediction);
        answer_text(&command->text, order, authority, &prediction);
        cJSON_Delete(command->answer);
        command->answer = answer_json(order, authority, &prediction);
        if (!prediction_check(&prediction, err))
                return error_about(err, "order '%s'", wishes->name);
        return may_issue(wishes, authority, err);
}

static bool
look_up(struct command *command, struct order **order, struct error *err)
{
        struct error none = { 0 };
        CLEANUP(ledger_cleanup) struct ledger *ledger = ledger_open_read(command->state, &none);

        if (ledger)
                return issue_look_up(command, ledger, order, err);
        if (none.kind == ERROR_NOTHING)
                return true;
        *err = none;
        return false;
}

/* The order goes to `issue_look_up`, which may put another in its place. */
bool
plan_show(struct command *command, struct order **order, struct error *err)
{
        CLEANUP(ca_seen_cleanup) struct ca_seen seen = { 0 };
        CLEANUP(buf_cleanup) struct buf used = { 0 };

        if (!look_up(command, order, err))
                return false;
        if ((*order)->number)
                return true;
        struct wishes *wishes = &(*order)->wishes;

        if (!wish_default(wishes, command->state, &used, err) ||
            !find_token(command, *order, true, err) || !plan_bind_token(command, *order, err) ||
            !find_ca(command, *order, &seen, err))
                return false;
        if (used.len)
                command_say(command, "defaults  %s", buf_text(&used));
        return foretell(command, *order, &seen, err);
}
