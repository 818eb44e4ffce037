#include "localpca/policy.h"

#include <string.h>
#include <strings.h>

#include "localpca/wildcard.h"

static const cJSON *
member(const cJSON *object, const char *name)
{
        return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* A policy element may be one text or a list of them: call `fits` until one does. */
static bool
any_fits(const cJSON *element, bool (*fits)(const char *text, void *context), void *context)
{
        const cJSON *one;

        if (cJSON_IsString(element))
                return fits(element->valuestring, context);
        if (!cJSON_IsArray(element))
                return false;
        cJSON_ArrayForEach(one, element)
        {
                if (cJSON_IsString(one) && fits(one->valuestring, context))
                        return true;
        }
        return false;
}

/* -- actions and resources ---------------------------------------------------------------- */

struct asking {
        const struct policy_question *question;
        bool variables;
        enum policy_naming naming;
};

static bool
action_fits(const char *text, void *context)
{
        const struct asking *asking = context;

        return wildcard_action(text, asking->question->action);
}

static bool
resource_fits(const char *text, void *context)
{
        const struct asking *asking = context;
        CLEANUP(buf_cleanup) struct buf ready = { 0 };

        return wildcard_prepare(text, asking->variables, true, asking->question->context, &ready) &&
               wildcard_fits(&ready, asking->question->resource, false);
}

static bool
statement_concerns(const cJSON *statement, struct asking *asking)
{
        const cJSON *action = member(statement, "Action");
        const cJSON *not_action = member(statement, "NotAction");
        const cJSON *resource = member(statement, "Resource");
        const cJSON *not_resource = member(statement, "NotResource");
        bool trust = !resource && !not_resource &&
                     (member(statement, "Principal") || member(statement, "NotPrincipal"));

        if (action ? !any_fits(action, action_fits, asking)
                   : !not_action || any_fits(not_action, action_fits, asking))
                return false;
        if (trust)
                return true;
        return resource ? any_fits(resource, resource_fits, asking)
                        : not_resource && !any_fits(not_resource, resource_fits, asking);
}

/* -- principals --------------------------------------------------------------------------- */

/* "444455556666" and "arn:aws:iam::444455556666:root" mean the same. */
static bool
is_account(const char *text, const struct principal *principal)
{
        CLEANUP(free_cleanup) char *partition = arn_part(principal->arn, 1);
        CLEANUP(free_cleanup)
        char *root = text_format("arn:%s:iam::%s:root", partition, principal->account);

        return *principal->account &&
               (strcmp(text, principal->account) == 0 || strcmp(text, root) == 0);
}

static bool
aws_names(const char *text, void *context)
{
        struct asking *asking = context;
        const struct principal *principal = asking->question->principal;
        enum policy_naming naming = NAMED_NOT;

        if (strcmp(text, principal->arn) == 0)
                naming = NAMED_ITSELF;
        else if (principal->role && strcmp(text, principal->role) == 0)
                naming = NAMED_ROLE;
        else if (strcmp(text, "*") == 0)
                naming = principal->kind == PRINCIPAL_SESSION ? NAMED_ROLE : NAMED_ITSELF;
        else if (is_account(text, principal))
                naming = principal->kind == PRINCIPAL_ROOT ? NAMED_ITSELF : NAMED_ACCOUNT;
        if (naming > asking->naming)
                asking->naming = naming;
        return false; /* the one that says most is wanted, not the first */
}

static bool
other_names(const char *text, void *context)
{
        struct asking *asking = context;

        if (strcmp(text, asking->question->principal->arn) == 0)
                asking->naming = NAMED_ITSELF;
        return false;
}

/* How a Principal element names who asks. */
static enum policy_naming
principal_names(const cJSON *element, struct asking *asking)
{
        enum principal_kind kind = asking->question->principal->kind;

        asking->naming = NAMED_NOT;
        if (cJSON_IsString(element)) {
                if (strcmp(element->valuestring, "*") == 0)
                        aws_names("*", asking);
        } else if (kind == PRINCIPAL_SERVICE) {
                any_fits(member(element, "Service"), other_names, asking);
        } else if (kind == PRINCIPAL_PROVIDER) {
                any_fits(member(element, "Federated"), other_names, asking);
        } else {
                any_fits(member(element, "AWS"), aws_names, asking);
        }
        return asking->naming;
}

struct sparing {
        const struct principal *principal;
        bool itself, role, account;
};

static bool
sparing_take(const char *text, void *context)
{
        struct sparing *sparing = context;
        const struct principal *principal = sparing->principal;

        sparing->itself |= strcmp(text, principal->arn) == 0;
        sparing->role |= principal->role && strcmp(text, principal->role) == 0;
        sparing->account |= is_account(text, principal);
        return false;
}

/*
 * NotPrincipal spares only who is listed together with the account, and a session only together
 * with its role (IAM User Guide, "NotPrincipal").
 */
static bool
is_spared(const cJSON *element, const struct principal *principal)
{
        struct sparing sparing = { .principal = principal };

        if (principal->kind == PRINCIPAL_SERVICE) {
                any_fits(member(element, "Service"), sparing_take, &sparing);
                return sparing.itself;
        }
        any_fits(member(element, "AWS"), sparing_take, &sparing);
        if (principal->kind == PRINCIPAL_ROOT)
                return sparing.account;
        return sparing.itself && sparing.account &&
               (principal->kind != PRINCIPAL_SESSION || sparing.role);
}

/* -- statements --------------------------------------------------------------------------- */

static enum condition_answer
conditions_ask(const cJSON *condition, const struct asking *asking)
{
        enum condition_answer all = CONDITION_HOLDS;
        const cJSON *operation, *key;

        cJSON_ArrayForEach(operation, condition)
        {
                cJSON_ArrayForEach(key, operation)
                {
                        enum condition_answer one =
                                condition_ask(operation->string, key->string, key,
                                              asking->variables, asking->question->context);
                        if (one == CONDITION_FAILS)
                                return one;
                        if (one == CONDITION_UNKNOWN)
                                all = one;
                }
        }
        return all;
}

static enum policy_answer
statement_ask(const cJSON *statement, struct asking *asking, enum policy_naming *naming)
{
        const char *effect = cJSON_GetStringValue(member(statement, "Effect"));
        const cJSON *principal = member(statement, "Principal");
        const cJSON *not_principal = member(statement, "NotPrincipal");
        bool denies = effect && strcmp(effect, "Deny") == 0;
        enum policy_naming named = NAMED_ITSELF;

        if (!effect || !statement_concerns(statement, asking))
                return POLICY_SILENT;
        if (principal)
                named = principal_names(principal, asking);
        else if (not_principal && is_spared(not_principal, asking->question->principal))
                named = NAMED_NOT;
        if (named == NAMED_NOT)
                return POLICY_SILENT;
        enum condition_answer holds = conditions_ask(member(statement, "Condition"), asking);
        if (denies)
                return holds == CONDITION_FAILS ? POLICY_SILENT : POLICY_DENIES;
        if (holds != CONDITION_HOLDS)
                return POLICY_SILENT;
        if (naming && named > *naming)
                *naming = named;
        return POLICY_ALLOWS;
}

enum policy_answer
policy_ask(const cJSON *document, const struct policy_question *question,
           enum policy_naming *naming)
{
        const cJSON *statements = member(document, "Statement");
        const char *version = cJSON_GetStringValue(member(document, "Version"));
        struct asking asking = { .question = question,
                                 .variables = version && strcmp(version, "2012-10-17") == 0 };
        const cJSON *statement;
        enum policy_answer answer = POLICY_SILENT;

        if (naming)
                *naming = NAMED_NOT;
        if (cJSON_IsObject(statements))
                return statement_ask(statements, &asking, naming);
        cJSON_ArrayForEach(statement, statements)
        {
                enum policy_answer one = statement_ask(statement, &asking, naming);
                if (one > answer)
                        answer = one;
        }
        return answer;
}

static void
statement_keys(const cJSON *statement, void (*visit)(void *context, const char *key), void *context)
{
        const cJSON *operation, *key;

        cJSON_ArrayForEach(operation, member(statement, "Condition"))
        {
                cJSON_ArrayForEach(key, operation) visit(context, key->string);
        }
}

void
policy_keys(const cJSON *document, void (*visit)(void *context, const char *key), void *context)
{
        const cJSON *statements = member(document, "Statement");
        const cJSON *statement;

        if (cJSON_IsObject(statements)) {
                statement_keys(statements, visit, context);
                return;
        }
        cJSON_ArrayForEach(statement, statements) statement_keys(statement, visit, context);
}
