/* The policy simulator: the evaluator that judges requests, asked without one. */
#include <stdlib.h>
#include <string.h>

#include "localpca/access.h"
#include "localpca/iam.h"
#include "localpca/json.h"
#include "localpca/managed.h"

/* A document that is simulated, and where it comes from. */
struct source {
        const cJSON *document;
        cJSON *owned; /* to be deleted; NULL: borrowed */
        char *id;     /* "PolicyInputList.1", "user_issuer_policy" */
        const char *type;
};

struct simulation {
        struct source *sources;
        size_t count;
        const cJSON **identity;
        size_t identity_count;
        const cJSON *boundary, *resource;
        cJSON *boundary_owned, *resource_owned;
        struct principal principal;
        struct context context;
        char *owner;
};

static void
simulation_clear(struct simulation *simulation)
{
        for (size_t i = 0; i < simulation->count; i++) {
                cJSON_Delete(simulation->sources[i].owned);
                free(simulation->sources[i].id);
        }
        free(simulation->sources);
        free(simulation->identity);
        cJSON_Delete(simulation->boundary_owned);
        cJSON_Delete(simulation->resource_owned);
        principal_clear(&simulation->principal);
        context_clear(&simulation->context);
        free(simulation->owner);
}

/* -- what is simulated -------------------------------------------------------------------- */

static void
source_add(struct simulation *simulation, const cJSON *document, cJSON *owned, char *id,
           const char *type)
{
        simulation->sources = memory_grow(simulation->sources, simulation->count + 1,
                                          sizeof(*simulation->sources));
        simulation->sources[simulation->count++] =
                (struct source){ .document = document, .owned = owned, .id = id, .type = type };
}

static cJSON *
document_read(struct call *call, const char *text, enum policy_use use)
{
        CLEANUP(free_cleanup) char *why = NULL;
        cJSON *document = policy_check(text, use, &why);

        if (!document)
                refuse(&call->refusal, "InvalidInput", "Invalid policy document: %s", why);
        return document;
}

static bool
input_take(struct call *call, struct simulation *simulation)
{
        const cJSON *one;
        int number = 0;

        cJSON_ArrayForEach(one, json_member(call->input, "PolicyInputList"))
        {
                cJSON *document = document_read(call, one->valuestring, POLICY_OF_IDENTITY);
                if (!document)
                        return false;
                source_add(simulation, document, document,
                           text_format("PolicyInputList.%d", ++number), "none");
        }
        const cJSON *boundary = json_member(call->input, "PermissionsBoundaryPolicyInputList");
        if (boundary && boundary->child) {
                simulation->boundary_owned =
                        document_read(call, boundary->child->valuestring, POLICY_OF_IDENTITY);
                simulation->boundary = simulation->boundary_owned;
                if (!simulation->boundary)
                        return false;
        }
        if (call_text(call, "ResourcePolicy")) {
                simulation->resource_owned =
                        document_read(call, call_text(call, "ResourcePolicy"), POLICY_OF_RESOURCE);
                simulation->resource = simulation->resource_owned;
                if (!simulation->resource)
                        return false;
        }
        return true;
}

/* What is attached to a user or role, as requests are judged by now. */
static void
record_take(struct call *call, struct simulation *simulation, const struct record *record)
{
        const cJSON *ready = record_in_force(record, call->now_ms);
        const char *boundary = json_text(ready, "boundary");
        const cJSON *one;

        cJSON_ArrayForEach(one, json_member(ready, "inline")) source_add(
                simulation, one, NULL,
                text_format("%s_%s_%s", iam_word(record), record_text(record, "name"), one->string),
                iam_word(record));
        cJSON_ArrayForEach(one, json_member(ready, "attached"))
                source_add(simulation, managed_document(call->pca, one->valuestring, call->now_ms),
                           NULL, text_copy(strrchr(one->valuestring, '/') + 1),
                           managed_row(one->valuestring) ? "aws-managed" : "user-managed");
        if (boundary && !simulation->boundary)
                simulation->boundary = managed_document(call->pca, boundary, call->now_ms);
}

/* The user or role that PolicySourceArn names; NULL: refused. */
static struct record *
source_find(struct call *call)
{
        const char *arn = call_text(call, "PolicySourceArn");
        CLEANUP(free_cleanup) char *service = arn_part(arn, 2);
        CLEANUP(free_cleanup) char *account = arn_part(arn, 4);
        CLEANUP(free_cleanup) char *what = arn_part(arn, 5);
        const char *name = strrchr(what, '/');
        bool role = text_starts(what, "role/");

        if (strcmp(service, "iam") != 0 || !name || (!role && !text_starts(what, "user/")) ||
            strcmp(account, call->caller->account) != 0) {
                refuse(&call->refusal, "InvalidInput",
                       "Invalid Entity Arn: %s does not clearly define entity type and name.", arn);
                return NULL;
        }
        CLEANUP(free_cleanup) char *key = record_key(account, name + 1);
        struct record *record =
                record_find(&call->pca->records, role ? RECORD_ROLE : RECORD_USER, key);
        if (record && text_equal(record_text(record, "arn"), arn))
                return record;
        refuse(&call->refusal, "NoSuchEntity", "The %s with name %s cannot be found.",
               role ? "role" : "user", name + 1);
        return NULL;
}

static void
context_take(struct call *call, struct simulation *simulation)
{
        const char *owner = call_text(call, "ResourceOwner");
        const cJSON *entry, *value;

        cJSON_ArrayForEach(entry, json_member(call->input, "ContextEntries"))
        {
                const char *name = json_text(entry, "ContextKeyName");
                cJSON_ArrayForEach(value, json_member(entry, "ContextKeyValues"))
                {
                        if (name)
                                context_add(&simulation->context, name, value->valuestring);
                }
        }
        principal_describe(&simulation->principal, &simulation->context);
        simulation->owner = owner ? arn_part(owner, 4) : NULL;
        if (owner && !*simulation->owner)
                text_assign(&simulation->owner, owner);
}

/* -- answers ------------------------------------------------------------------------------ */

struct missing {
        const struct context *context;
        cJSON *list;
};

static void
missing_visit(void *context, const char *key)
{
        struct missing *missing = context;
        const cJSON *one;

        if (context_find(missing->context, key))
                return;
        cJSON_ArrayForEach(one, missing->list)
        {
                if (strcmp(one->valuestring, key) == 0)
                        return;
        }
        cJSON_AddItemToArray(missing->list, cJSON_CreateString(key));
}

/* The condition keys that the policies ask for and nobody gave. */
static void
missing_add(const struct simulation *simulation, cJSON *result)
{
        struct missing missing = { &simulation->context,
                                   cJSON_AddArrayToObject(result, "MissingContextValues") };

        for (size_t i = 0; i < simulation->count; i++)
                policy_keys(simulation->sources[i].document, missing_visit, &missing);
        if (simulation->boundary)
                policy_keys(simulation->boundary, missing_visit, &missing);
        if (simulation->resource)
                policy_keys(simulation->resource, missing_visit, &missing);
}

static const char *
decision_name(enum policy_answer answer)
{
        static const char *const names[] = { [POLICY_SILENT] = "implicitDeny",
                                             [POLICY_ALLOWS] = "allowed",
                                             [POLICY_DENIES] = "explicitDeny" };

        return names[answer];
}

/* The policies that say what was decided. */
static void
matched_add(const struct simulation *simulation, const struct policy_question *question,
            enum policy_answer answer, cJSON *result)
{
        cJSON *list = cJSON_AddArrayToObject(result, "MatchedStatements");

        for (size_t i = 0; i < simulation->count && answer != POLICY_SILENT; i++) {
                const struct source *source = &simulation->sources[i];
                if (policy_ask(source->document, question, NULL) != answer)
                        continue;
                cJSON *statement = cJSON_CreateObject();
                cJSON_AddStringToObject(statement, "SourcePolicyId", source->id);
                cJSON_AddStringToObject(statement, "SourcePolicyType", source->type);
                cJSON_AddItemToArray(list, statement);
        }
}

static void
boundary_add(const struct simulation *simulation, const struct decision *decision, cJSON *result)
{
        if (!simulation->boundary)
                return;
        cJSON *detail = cJSON_AddObjectToObject(result, "PermissionsBoundaryDecisionDetail");
        cJSON_AddBoolToObject(detail, "AllowedByPermissionsBoundary", decision->boundary_allows);
}

/* One action on one resource. */
static enum policy_answer
simulate_one(struct simulation *simulation, const char *action, const char *resource, cJSON *result,
             const char *decision_member)
{
        struct policies policies = { .identity = simulation->identity,
                                     .identity_count = simulation->identity_count,
                                     .boundary = simulation->boundary,
                                     .resource = simulation->resource };
        struct policy_question question = { .action = action,
                                            .resource = resource,
                                            .principal = &simulation->principal,
                                            .context = &simulation->context };
        CLEANUP(free_cleanup) char *own = arn_part(resource, 4);
        const char *owner = simulation->owner ? simulation->owner : own;
        struct decision decision;

        decide(&policies, &question, simulation->resource ? owner : NULL, &decision);
        cJSON_AddStringToObject(result, decision_member, decision_name(decision.answer));
        matched_add(simulation, &question, decision.answer, result);
        missing_add(simulation, result);
        boundary_add(simulation, &decision, result);
        return decision.answer;
}

/* The most restrictive of several. */
static enum policy_answer
worse(enum policy_answer a, enum policy_answer b)
{
        if (a == POLICY_DENIES || b == POLICY_DENIES)
                return POLICY_DENIES;
        return a == POLICY_SILENT || b == POLICY_SILENT ? POLICY_SILENT : POLICY_ALLOWS;
}

/* One result for an action: of its resources the most restrictive, and each by itself. */
static cJSON *
simulate_action(struct simulation *simulation, const char *action, const cJSON *resources)
{
        cJSON *result = cJSON_CreateObject();
        const cJSON *first = resources ? resources->child : NULL;
        const char *name = first ? first->valuestring : "*";

        cJSON_AddStringToObject(result, "EvalActionName", action);
        cJSON_AddStringToObject(result, "EvalResourceName", name);
        enum policy_answer answer = simulate_one(simulation, action, name, result, "EvalDecision");
        if (!first || !first->next)
                return result;
        cJSON *each = cJSON_AddArrayToObject(result, "ResourceSpecificResults");
        for (const cJSON *one = first; one; one = one->next) {
                cJSON *specific = cJSON_CreateObject();
                cJSON_AddStringToObject(specific, "EvalResourceName", one->valuestring);
                answer = worse(answer, simulate_one(simulation, action, one->valuestring, specific,
                                                    "EvalResourceDecision"));
                cJSON_AddItemToArray(each, specific);
        }
        json_set_text(result, "EvalDecision", decision_name(answer));
        return result;
}

static bool
simulate_all(struct call *call, struct simulation *simulation)
{
        const cJSON *resources = json_member(call->input, "ResourceArns");
        const cJSON *action;

        simulation->identity = memory_new(simulation->count + 1, sizeof(*simulation->identity));
        for (size_t i = 0; i < simulation->count; i++)
                if (simulation->sources[i].document)
                        simulation->identity[simulation->identity_count++] =
                                simulation->sources[i].document;
        cJSON *all = cJSON_CreateArray();
        cJSON_ArrayForEach(action, json_member(call->input, "ActionNames"))
        {
                if (!strchr(action->valuestring, ':')) {
                        cJSON_Delete(all);
                        return refuse(&call->refusal, "InvalidInput", "Invalid action name: %s",
                                      action->valuestring);
                }
                cJSON_AddItemToArray(all,
                                     simulate_action(simulation, action->valuestring, resources));
        }
        return iam_page(call, "EvaluationResults", all);
}

bool
iam_simulate_principal_policy(struct call *call)
{
        const char *source = call_text(call, "PolicySourceArn");
        const char *caller = call_text(call, "CallerArn");
        CLEANUP(simulation_clear) struct simulation simulation = { 0 };

        if (!iam_may(call, source, NULL, NULL))
                return false;
        struct record *record = source_find(call);
        if (!record)
                return false;
        principal_read(&simulation.principal, caller ? caller : source, NULL);
        context_take(call, &simulation);
        if (!input_take(call, &simulation))
                return false;
        record_take(call, &simulation, record);
        return simulate_all(call, &simulation);
}

bool
iam_simulate_custom_policy(struct call *call)
{
        const char *caller = call_text(call, "CallerArn");
        CLEANUP(simulation_clear) struct simulation simulation = { 0 };

        if (!iam_may(call, "*", NULL, NULL))
                return false;
        principal_read(&simulation.principal, caller ? caller : call->caller->arn,
                       call->caller->role_arn);
        context_take(call, &simulation);
        return input_take(call, &simulation) && simulate_all(call, &simulation);
}

bool
iam_get_context_keys(struct call *call)
{
        const char *source = call_text(call, "PolicySourceArn");
        CLEANUP(simulation_clear) struct simulation simulation = { 0 };

        if (!iam_may(call, source, NULL, NULL))
                return false;
        struct record *record = source_find(call);
        if (!record || !input_take(call, &simulation))
                return false;
        record_take(call, &simulation, record);
        struct missing missing = { &simulation.context,
                                   cJSON_AddArrayToObject(call->output, "ContextKeyNames") };
        for (size_t i = 0; i < simulation.count; i++)
                policy_keys(simulation.sources[i].document, missing_visit, &missing);
        return true;
}
