/*
 * identity check: may it do what it needs, and what may it do that it should not?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/caller.h"
#include "cli/identity_wish.h"
#include "cli/principal.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "iam/powers.h"

/* One check on its way. */
struct check {
        struct command *command;
        struct identity_wish request;
        struct cloud cloud;
        char region[32];
        struct caller caller;
        struct principal principal;
        struct iam_names other_cas;
        struct iam_names other_templates;
        struct powers powers;
        const char *source; /* "simulation", "policies", "file", "reads" */
        bool recorded;
};

static void
check_clear(struct check *check)
{
        identity_wish_clear(&check->request);
        caller_clear(&check->caller);
        principal_clear(&check->principal);
        cloud_cleanup(&check->cloud);
        iam_names_clear(&check->other_cas);
        iam_names_clear(&check->other_templates);
        powers_clear(&check->powers);
}

/* -- what else there is to ask about ------------------------------------------------------ */

static void
add_name(struct iam_names *names, const char *text)
{
        for (size_t i = 0; i < names->count; i++) {
                if (strcmp(names->all[i], text) == 0)
                        return;
        }
        names->all = memory_grow(names->all, names->count + 1, sizeof(*names->all));
        names->all[names->count++] = text_copy(text);
}

/* CAs and templates that its policies speak of: somebody meant them. */
static void
look_into(const struct policy *policy, struct check *check)
{
        for (size_t i = 0; i < policy->count; i++) {
                const struct policy_statement *statement = &policy->statements[i];

                for (size_t j = 0; j < statement->resources.count; j++) {
                        const char *text = statement->resources.items[j];

                        if (strstr(text, ":certificate-authority/") && !strpbrk(text, "*?$"))
                                add_name(&check->other_cas, text);
                }
                for (size_t j = 0; j < statement->condition_count; j++) {
                        const struct policy_list *values = &statement->conditions[j].values;

                        for (size_t k = 0; k < values->count; k++) {
                                const char *text = values->items[k];

                                if (strstr(text, ":acm-pca:::template/") && !strpbrk(text, "*?$"))
                                        add_name(&check->other_templates, text);
                        }
                }
        }
}

/* The CAs of the account, where they may be listed; the first page is enough to find a leak. */
static void
list_cas(struct check *check)
{
        CLEANUP(buf_cleanup) struct buf reply = { 0 };
        CLEANUP(free_cleanup) char *next = NULL;
        struct pca_authority *list = NULL;
        struct error ignored = { 0 };
        size_t count = 0;

        if (!cloud_call(&check->cloud, check->region, "ListCertificateAuthorities",
                        pca_write_list(NULL, false), &reply, &ignored) ||
            !pca_read_list(view_buf(&reply), &list, &count, &next, &ignored))
                count = 0;
        for (size_t i = 0; i < count; i++) {
                add_name(&check->other_cas, list[i].arn);
                pca_authority_clear(&list[i]);
        }
        free(list);
}

static bool
make_questions(struct check *check, struct error *err)
{
        for (size_t i = 0; i < check->principal.count; i++)
                look_into(&check->principal.policies[i], check);
        struct power_others others = {
                .cas = (const char *const *)check->other_cas.all,
                .ca_count = check->other_cas.count,
                .templates = (const char *const *)check->other_templates.all,
                .template_count = check->other_templates.count,
        };

        return powers_of(&check->request.wish, &others, &check->powers, err);
}

/* -- the simulator ------------------------------------------------------------------------ */

enum { MOST_ACTIONS = 64, MOST_KEYS = 3 };

/* What is known of the request, as the simulator wants it. */
static size_t
simulated_keys(const struct check *check, const struct power *power,
               struct iam_simulated_key keys[MOST_KEYS], char address[64])
{
        const struct iam_wish *wish = &check->request.wish;
        size_t count = 0;

        /* Left out, it would be missing wherever a policy speaks of it. */
        if (power->template_arn || wish->template_count)
                keys[count++] = (struct iam_simulated_key){
                        "acm-pca:TemplateArn",
                        power->template_arn ? power->template_arn : wish->templates[0], "string"
                };
        if (wish->mfa)
                keys[count++] = (struct iam_simulated_key){ "aws:MultiFactorAuthPresent", "true",
                                                            "boolean" };
        if (wish->source_count) {
                size_t length = strcspn(wish->sources[0], "/");

                length = length < 63 ? length : 63;
                memcpy(address, wish->sources[0], length);
                address[length] = '\0';
                keys[count++] = (struct iam_simulated_key){ "aws:SourceIp", address, "ip" };
        }
        return count;
}

static enum iam_decision
decision_of(const char *text, bool missing)
{
        if (strcmp(text, "allowed") == 0)
                return IAM_ALLOWED;
        if (strcmp(text, "explicitDeny") == 0)
                return IAM_EXPLICIT_DENY;
        /* A condition on something that was not said might be met. */
        return missing ? IAM_UNKNOWN : IAM_IMPLICIT_DENY;
}

static bool
is_asked_with(const struct power *a, const struct power *b)
{
        return strcmp(a->resource, b->resource) == 0 &&
               text_equal(a->template_arn, b->template_arn);
}

/* Ask about all that is as `first` but for the action. */
static bool
simulate(struct check *check, size_t first, bool *asked, struct error *err)
{
        struct power *all = check->powers.all;
        const char *actions[MOST_ACTIONS];
        struct iam_simulated_key keys[MOST_KEYS];
        char address[64];
        size_t count = 0;
        CLEANUP(buf_cleanup) struct buf reply = { 0 };

        for (size_t i = first; i < check->powers.count && count < MOST_ACTIONS; i++) {
                if (!asked[i] && is_asked_with(&all[i], &all[first]))
                        actions[count++] = all[i].action;
        }
        struct iam_simulation question = {
                .principal = check->principal.arn,
                .actions = actions,
                .action_count = count,
                .resource = all[first].resource,
                .keys = keys,
                .key_count = simulated_keys(check, &all[first], keys, address),
        };

        if (!keeper_call(&check->principal.keeper, "SimulatePrincipalPolicy",
                         iam_write_simulation(&question), false, &reply, err))
                return false;
        for (size_t i = first; i < check->powers.count && count; i++) {
                CLEANUP(free_cleanup) char *text = NULL;
                bool missing = false;

                if (asked[i] || !is_asked_with(&all[i], &all[first]))
                        continue;
                if (!iam_read_simulation(view_buf(&reply), all[i].action, &text, &missing, err))
                        return false;
                all[i].answer = decision_of(text, missing);
                asked[i] = true;
                count--;
        }
        return true;
}

static bool
simulate_all(struct check *check, struct error *err)
{
        bool *asked = memory_new(check->powers.count + 1, sizeof(*asked));
        bool good = true;

        for (size_t i = 0; good && i < check->powers.count; i++)
                good = asked[i] || simulate(check, i, asked, err);
        free(asked);
        for (size_t i = 0; !good && i < check->powers.count; i++)
                check->powers.all[i].answer = IAM_UNKNOWN;
        return good;
}

/* -- reads: the only thing that is tried -------------------------------------------------- */

static char *
read_body(const char *operation, const char *ca_arn)
{
        if (strcmp(operation, "DescribeCertificateAuthority") == 0)
                return pca_write_describe(ca_arn);
        if (strcmp(operation, "GetCertificateAuthorityCertificate") == 0)
                return pca_write_get_ca_certificate(ca_arn);
        if (strcmp(operation, "GetCertificate") != 0)
                return NULL;
        /* One that there is not: who may ask is told so, who may not is denied. */
        CLEANUP(free_cleanup)
        char *certificate = text_format("%s/certificate/00000000000000000000000000000000", ca_arn);

        return pca_write_get_certificate(ca_arn, certificate);
}

static void
try_reads(struct check *check)
{
        static const char service[] = "acm-pca:";

        for (size_t i = 0; i < check->powers.count; i++) {
                struct power *power = &check->powers.all[i];
                const char *operation = power->action + strlen(service);
                struct error why = { 0 };
                struct ca_arn parts;
                CLEANUP(buf_cleanup) struct buf reply = { 0 };

                if (power->kind == POWER_FORBIDDEN || !text_starts(power->action, service) ||
                    !ca_arn_parse(power->resource, &parts, &why))
                        continue;
                char *body = read_body(operation, power->resource);

                if (!body)
                        continue;
                if (cloud_call(&check->cloud, parts.region, operation, body, &reply, &why) ||
                    why.kind == ERROR_CA_UNKNOWN || why.kind == ERROR_PENDING ||
                    why.kind == ERROR_CA_STATE)
                        power->answer = IAM_ALLOWED;
                else if (why.kind == ERROR_DENIED)
                        power->answer = IAM_IMPLICIT_DENY;
        }
}

/* -- judging ------------------------------------------------------------------------------ */

static void
evaluate(struct check *check)
{
        const struct principal *principal = &check->principal;
        struct iam_policies policies = {
                .identity = principal->policies,
                .identity_count = principal->count,
                .boundary = principal->bounded ? &principal->boundary : NULL,
        };

        powers_evaluate(&check->powers, &policies, principal->arn, &check->request.wish);
}

static bool
judge_files(struct check *check, const struct option_value *files, struct error *err)
{
        const struct command *command = check->command;
        const char *named = command->argument_count ? command->arguments[0] : NULL;
        struct error ignored = { 0 };
        struct ca_arn parts = { 0 };

        if (check->request.wish.ca_count &&
            !ca_arn_parse(check->request.wish.cas[0], &parts, &ignored))
                parts = (struct ca_arn){ 0 };
        check->source = "file";
        check->principal.arn =
                named && strchr(named, ':')
                        ? text_copy(named)
                        : text_format("arn:%s:iam::%s:user/%s",
                                      *parts.partition ? parts.partition : "aws",
                                      *parts.account ? parts.account : "111122223333",
                                      named ? named : "whoever-has-these-policies");
        for (size_t i = 0; i < files->count; i++) {
                if (!principal_add_file(&check->principal, files->texts[i], err))
                        return false;
        }
        check->principal.complete = true;
        if (!make_questions(check, err))
                return false;
        evaluate(check);
        return true;
}

/* Who is checked: by name or ARN, else who we are. */
static bool
find_principal(struct check *check, struct error *err)
{
        const struct command *command = check->command;
        const char *named = command->argument_count ? command->arguments[0] : NULL;

        if (!caller_ask(check->cloud.client, check->region, &check->caller, err))
                return false;
        if (!named && check->caller.kind != CALLER_USER && check->caller.kind != CALLER_ROLE) {
                error_set(err, ERROR_LIMITS_UNKNOWN, "a %s has no policies that could be judged",
                          caller_kind_name(check->caller.kind));
                error_about(err, "%s", check->caller.said.arn);
                return error_advise(err, "name the user or the role that is to be checked");
        }
        return principal_read(&check->cloud, check->region, named ? named : check->caller.principal,
                              &check->principal, err);
}

static bool
judge_at_aws(struct check *check, struct error *err)
{
        struct error why = { 0 };

        if (!find_principal(check, err))
                return false;
        list_cas(check);
        if (!make_questions(check, err))
                return false;
        if (simulate_all(check, &why)) {
                check->source = "simulation";
                return true;
        }
        if (error_exit_status(why.kind) == 11) {
                *err = why;
                return false;
        }
        if (check->principal.complete) {
                check->source = "policies";
                evaluate(check);
                return true;
        }
        check->source = "reads";
        if (caller_is(&check->caller, check->principal.arn, NULL))
                try_reads(check);
        command_say(check->command, "note      AWS's simulator may not be asked: %s", why.what);
        return true;
}

/* -- the record --------------------------------------------------------------------------- */

static cJSON *
texts_json(const char *const *texts, size_t count)
{
        cJSON *list = cJSON_CreateArray();

        for (size_t i = 0; i < count; i++)
                cJSON_AddItemToArray(list, cJSON_CreateString(texts[i]));
        return list;
}

/* What it may and should not, each once. */
static cJSON *
may_json(const struct check *check)
{
        cJSON *list = cJSON_CreateArray();
        CLEANUP(iam_names_clear) struct iam_names names = { 0 };

        for (size_t i = 0; i < check->powers.count; i++) {
                const struct power *power = &check->powers.all[i];

                if (power->kind == POWER_FORBIDDEN && power->answer == IAM_ALLOWED)
                        add_name(&names, power->what);
        }
        for (size_t i = 0; i < names.count; i++)
                cJSON_AddItemToArray(list, cJSON_CreateString(names.all[i]));
        return list;
}

static bool
record(struct check *check, enum power_verdict verdict, struct error *err)
{
        const struct iam_wish *wish = &check->request.wish;
        const struct principal *principal = &check->principal;
        CLEANUP(free_cleanup) char *digest = principal_digest(principal);
        CLEANUP(ledger_cleanup)
        struct ledger *ledger = command_ledger_unlocked(check->command, err);

        if (!ledger)
                return false;
        cJSON *facts = cJSON_CreateObject();
        cJSON *keys = cJSON_AddArrayToObject(facts, "access_keys");

        for (size_t i = 0; i < principal->keys.count; i++)
                cJSON_AddItemToArray(keys, cJSON_CreateString(principal->keys.all[i].id));
        if (principal->keeper.found)
                cJSON_AddStringToObject(facts, "unique_id", principal->keeper.entity.unique_id);
        cJSON_AddStringToObject(facts, "use", iam_use_name(wish->use));
        cJSON_AddItemToObject(facts, "cas", texts_json(wish->cas, wish->ca_count));
        cJSON_AddItemToObject(facts, "templates",
                              texts_json(wish->templates, wish->template_count));
        cJSON_AddStringToObject(facts, "source", check->source);
        cJSON_AddStringToObject(facts, "by", check->caller.said.arn);
        if (digest)
                cJSON_AddStringToObject(facts, "policy_sha256", digest);
        cJSON_AddItemToObject(facts, "may", may_json(check));
        char *text = cJSON_PrintUnformatted(facts);
        struct ledger_identity identity = { .principal = principal->arn,
                                            .verdict = power_verdict_name(verdict),
                                            .record = text,
                                            .at = clock_now() };

        check->recorded = ledger_note_identity(ledger, &identity, err);
        cJSON_free(text);
        cJSON_Delete(facts);
        return check->recorded;
}

/* What AWS itself answered is worth a record; a file says what somebody wrote into it. */
static bool
is_worth_a_record(const struct check *check)
{
        return !check->command->dry_run &&
               (strcmp(check->source, "simulation") == 0 || strcmp(check->source, "policies") == 0);
}

/* -- the answer --------------------------------------------------------------------------- */

static void
answer_power(cJSON *list, const struct power *power)
{
        cJSON *row = cJSON_CreateObject();

        cJSON_AddItemToArray(list, row);
        cJSON_AddStringToObject(row, "action", power->action);
        show_add_text(row, "resource", power->resource);
        show_add_text(row, "template_arn", power->template_arn);
        cJSON_AddStringToObject(row, "what", power->what);
        if (power->kind != POWER_FORBIDDEN)
                cJSON_AddBoolToObject(row, "needed", power->kind == POWER_NEEDED);
        cJSON_AddStringToObject(row, "result", iam_decision_name(power->answer));
}

static void
show_need(struct buf *out, const struct power *power)
{
        const char *template = power->template_arn ? strchr(power->template_arn, '/') : NULL;

        show_fact_format(out, "needs", "%s%s%s%s: %s", power->action, template ? " (" : "",
                         template ? template + 1 : "", template ? ")" : "",
                         iam_decision_name(power->answer));
}

/* What it should not be able to do and may, or might, each once. */
static void
show_powers(const struct check *check, enum iam_decision answer, const char *word)
{
        CLEANUP(iam_names_clear) struct iam_names names = { 0 };

        for (size_t i = 0; i < check->powers.count; i++) {
                const struct power *power = &check->powers.all[i];

                if (power->kind == POWER_FORBIDDEN && power->answer == answer)
                        add_name(&names, power->what);
        }
        for (size_t i = 0; i < names.count; i++)
                show_fact(&check->command->text, word, names.all[i]);
}

static void
answer(struct check *check, enum power_verdict verdict)
{
        struct command *command = check->command;
        CLEANUP(free_cleanup) char *digest = principal_digest(&check->principal);
        cJSON *needs, *should_not;

        command->answer = cJSON_CreateObject();
        show_add_text(command->answer, "principal", check->principal.arn);
        cJSON_AddStringToObject(command->answer, "verdict", power_verdict_name(verdict));
        cJSON_AddStringToObject(command->answer, "source", check->source);
        cJSON_AddBoolToObject(command->answer, "recorded", check->recorded);
        show_add_text(command->answer, "policy_sha256", digest);
        cJSON_AddStringToObject(command->answer, "use", iam_use_name(check->request.wish.use));
        cJSON_AddItemToObject(command->answer, "may", may_json(check));
        needs = cJSON_AddArrayToObject(command->answer, "needs");
        should_not = cJSON_AddArrayToObject(command->answer, "should_not");
        show_fact(&command->text, "principal", check->principal.arn);
        show_fact(&command->text, "for", iam_use_summary(check->request.wish.use));
        for (size_t i = 0; i < check->powers.count; i++) {
                const struct power *power = &check->powers.all[i];

                answer_power(power->kind == POWER_FORBIDDEN ? should_not : needs, power);
                if (power->kind != POWER_FORBIDDEN)
                        show_need(&command->text, power);
        }
        show_powers(check, IAM_ALLOWED, "may, too");
        show_powers(check, IAM_UNKNOWN, "perhaps");
        show_fact_format(&command->text, "verdict", "%s (by %s)%s", power_verdict_name(verdict),
                         check->source, check->recorded ? ", recorded" : "");
}

static bool
refuse_powerful(const struct check *check, struct error *err)
{
        enum { NAMED = 6 };
        cJSON *may = may_json(check);
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        int count = cJSON_GetArraySize(may);
        int named = count > NAMED ? NAMED - 1 : count;

        for (int i = 0; i < named; i++)
                buf_format(&text, "%s%s", i ? ", " : "", cJSON_GetArrayItem(may, i)->valuestring);
        if (named < count)
                buf_format(&text, " and %d more", count - named);
        cJSON_Delete(may);
        error_set(err, ERROR_NOT_LIMITED, "it may do more than it needs: %s", buf_text(&text));
        return error_advise(err, "give it the policy of `p11cert identity policy` and no other");
}

static bool
refuse_lack(const struct check *check, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf statement = { 0 };
        const struct power *power = check->powers.all;

        while (power->kind != POWER_NEEDED || power->answer == IAM_ALLOWED)
                power++;
        error_set(err, ERROR_DENIED, "it may not do what it needs: %s", power->action);
        if (iam_write_statement(power->action, power->resource, power->template_arn, &statement))
                error_advise(err, "have this statement added to its policy: %s",
                             buf_text(&statement));
        return false;
}

static bool
verdict_error(const struct check *check, enum power_verdict verdict, struct error *err)
{
        switch (verdict) {
        case VERDICT_LIMITED:
                return true;
        case VERDICT_TOO_POWERFUL:
                refuse_powerful(check, err);
                break;
        case VERDICT_INSUFFICIENT:
                refuse_lack(check, err);
                break;
        case VERDICT_UNKNOWN:
                error_set(err, ERROR_LIMITS_UNKNOWN, "it is not known what it may do");
                error_advise(err, "let an administrator check it, who may ask IAM's simulator or "
                                  "read its policies; or give the policies with --policy FILE");
                break;
        }
        return error_about(err, "%s", check->principal.arn);
}

/* -- the verb ----------------------------------------------------------------------------- */

static void
choose_region(struct check *check)
{
        const struct iam_wish *wish = &check->request.wish;
        const char *region = aws_settings_region(check->cloud.settings);
        struct error ignored = { 0 };
        struct ca_arn parts;

        if (wish->ca_count && ca_arn_parse(wish->cas[0], &parts, &ignored))
                memcpy(check->region, parts.region, sizeof(parts.region));
        else
                snprintf(check->region, sizeof(check->region), "%s", region ? region : "us-east-1");
}

bool
cmd_identity_check(struct command *command, struct error *err)
{
        CLEANUP(check_clear) struct check check = { .command = command };
        const struct option_value *files = option_value(&command->options, OPTION_POLICY);

        if (!identity_wish_read(command, command->argument_count, &check.request, err))
                return false;
        if (files->count) {
                if (!judge_files(&check, files, err))
                        return false;
        } else {
                if (!cloud_open(&check.cloud, command, NULL, NULL, err))
                        return false;
                choose_region(&check);
                if (!judge_at_aws(&check, err))
                        return false;
        }
        enum power_verdict verdict = powers_verdict(&check.powers);

        if (is_worth_a_record(&check) && !record(&check, verdict, err))
                return false;
        answer(&check, verdict);
        return verdict_error(&check, verdict, err);
}
