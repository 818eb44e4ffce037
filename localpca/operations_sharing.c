/* Permissions, resource policies and tags. */
#include <stdlib.h>
#include <string.h>

#include "localpca/pca.h"
#include "localpca/policy.h"

enum { TAGS_MOST = 50, PERMISSIONS_MOST = 10 };

static const char *
member_text(const cJSON *object, const char *name)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* -- permissions -------------------------------------------------------------------------- */

/* The index of the permission for this principal and source account; -1 when there is none. */
static int
permission_find(const struct authority *authority, const char *principal, const char *account)
{
        for (int i = 0; i < cJSON_GetArraySize(authority->permissions); i++) {
                const cJSON *one = cJSON_GetArrayItem(authority->permissions, i);
                if (text_equal(member_text(one, "Principal"), principal) &&
                    text_equal(member_text(one, "SourceAccount"), account))
                        return i;
        }
        return -1;
}

/* The policy that a permission amounts to, as ListPermissions shows it. */
static char *
permission_policy(const struct authority *authority, const char *principal, const char *account,
                  const cJSON *actions)
{
        cJSON *document = cJSON_CreateObject();
        cJSON *list = cJSON_AddArrayToObject(document, "Statement");
        cJSON *statement = cJSON_CreateObject();
        const cJSON *action;

        cJSON_AddStringToObject(document, "Version", "2012-10-17");
        cJSON_AddItemToArray(list, statement);
        cJSON_AddStringToObject(statement, "Effect", "Allow");
        cJSON_AddStringToObject(cJSON_AddObjectToObject(statement, "Principal"), "Service",
                                principal);
        cJSON *names = cJSON_AddArrayToObject(statement, "Action");
        cJSON_ArrayForEach(action, actions)
        {
                char *name = text_format("acm-pca:%s", action->valuestring);
                cJSON_AddItemToArray(names, cJSON_CreateString(name));
                free(name);
        }
        cJSON_AddStringToObject(statement, "Resource", authority->arn);
        cJSON *condition = cJSON_AddObjectToObject(statement, "Condition");
        cJSON_AddStringToObject(cJSON_AddObjectToObject(condition, "StringEquals"),
                                "aws:SourceAccount", account);
        char *printed = cJSON_PrintUnformatted(document);
        char *text = text_copy(printed);
        cJSON_free(printed);
        cJSON_Delete(document);
        return text;
}

bool
operation_create_permission(struct call *call)
{
        const char *principal = call_text(call, "Principal");
        const char *source = call_text(call, "SourceAccount");
        const char *account = source ? source : call->caller->account;
        const cJSON *actions = cJSON_GetObjectItemCaseSensitive(call->input, "Actions");
        struct authority *authority = call_authority_in(call, 1U << AUTHORITY_ACTIVE);

        if (!authority)
                return false;
        if (strcmp(principal, "acm.amazonaws.com") != 0)
                return refuse(&call->refusal, "ValidationException",
                              "The principal must be acm.amazonaws.com, not %s", principal);
        if (permission_find(authority, principal, account) >= 0)
                return refuse(&call->refusal, "PermissionAlreadyExistsException",
                              "The permission for %s in account %s already exists", principal,
                              account);
        if (cJSON_GetArraySize(authority->permissions) >= PERMISSIONS_MOST)
                return refuse(&call->refusal, "LimitExceededException",
                              "The certificate authority has reached its limit of %d permissions",
                              PERMISSIONS_MOST);
        cJSON *permission = cJSON_CreateObject();
        char *policy = permission_policy(authority, principal, account, actions);
        cJSON_AddStringToObject(permission, "CertificateAuthorityArn", authority->arn);
        cJSON_AddNumberToObject(permission, "CreatedAt", (double)call->now_ms / 1000);
        cJSON_AddStringToObject(permission, "Principal", principal);
        cJSON_AddStringToObject(permission, "SourceAccount", account);
        cJSON_AddItemToObject(permission, "Actions", cJSON_Duplicate(actions, true));
        cJSON_AddStringToObject(permission, "Policy", policy);
        cJSON_AddItemToArray(authority->permissions, permission);
        free(policy);
        return call_save(call, authority);
}

static const unsigned NOT_DELETED = ~(1U << AUTHORITY_DELETED);

bool
operation_list_permissions(struct call *call)
{
        struct authority *authority = call_authority_in(call, NOT_DELETED);

        return authority &&
               call_page(call, "Permissions", cJSON_Duplicate(authority->permissions, true), 1000);
}

bool
operation_delete_permission(struct call *call)
{
        const char *principal = call_text(call, "Principal");
        const char *source = call_text(call, "SourceAccount");
        struct authority *authority = call_authority_in(call, NOT_DELETED);

        if (!authority)
                return false;
        int index = permission_find(authority, principal, source ? source : call->caller->account);
        if (index < 0)
                return refuse(&call->refusal, "ResourceNotFoundException",
                              "There is no permission for %s", principal);
        cJSON_DeleteItemFromArray(authority->permissions, index);
        return call_save(call, authority);
}

/* -- resource policies -------------------------------------------------------------------- */

/* All that a resource policy may allow. */
static const char *const shareable[] = {
        "acm-pca:DescribeCertificateAuthority",
        "acm-pca:GetCertificate",
        "acm-pca:GetCertificateAuthorityCertificate",
        "acm-pca:ListPermissions",
        "acm-pca:ListTags",
        "acm-pca:IssueCertificate",
        "acm-pca:RevokeCertificate",
};

static bool
action_is_shareable(const cJSON *action)
{
        for (size_t i = 0; i < ARRAY_LENGTH(shareable); i++)
                if (text_equal(cJSON_GetStringValue(action), shareable[i]))
                        return true;
        return false;
}

static bool
actions_are_shareable(const cJSON *actions)
{
        const cJSON *one;

        if (cJSON_IsString(actions))
                return action_is_shareable(actions);
        cJSON_ArrayForEach(one, actions)
        {
                if (!action_is_shareable(one))
                        return false;
        }
        return cJSON_GetArraySize(actions) > 0;
}

static bool
actions_have(const cJSON *actions, const char *name)
{
        const cJSON *one;

        if (cJSON_IsString(actions))
                return strcmp(actions->valuestring, name) == 0;
        cJSON_ArrayForEach(one, actions)
        {
                if (text_equal(cJSON_GetStringValue(one), name))
                        return true;
        }
        return false;
}

/* Why a statement has not the one shape that the service takes; NULL when it has. */
static const char *
statement_fault(const cJSON *statement, const struct authority *authority)
{
        const cJSON *actions = cJSON_GetObjectItemCaseSensitive(statement, "Action");
        const cJSON *condition = cJSON_GetObjectItemCaseSensitive(statement, "Condition");
        const cJSON *equals = cJSON_GetObjectItemCaseSensitive(condition, "StringEquals");
        const cJSON *principal = cJSON_GetObjectItemCaseSensitive(statement, "Principal");
        bool everybody = cJSON_IsString(principal) && strcmp(principal->valuestring, "*") == 0;

        if (!text_equal(member_text(statement, "Effect"), "Allow"))
                return "a statement must allow";
        if (!actions_are_shareable(actions))
                return "a statement has an action that cannot be shared";
        if (!text_equal(member_text(statement, "Resource"), authority->arn))
                return "the resource must be the certificate authority";
        if (!cJSON_IsObject(principal) && !everybody)
                return "a statement needs a principal";
        if (everybody && !cJSON_GetObjectItemCaseSensitive(equals, "aws:PrincipalOrgID"))
                return "the principal * needs the condition aws:PrincipalOrgID";
        if (actions_have(actions, "acm-pca:IssueCertificate") &&
            !cJSON_GetObjectItemCaseSensitive(equals, "acm-pca:TemplateArn"))
                return "IssueCertificate needs the condition acm-pca:TemplateArn";
        return NULL;
}

static const char *
policy_fault(const cJSON *document, const struct authority *authority)
{
        const cJSON *statements = cJSON_GetObjectItemCaseSensitive(document, "Statement");
        const cJSON *one;

        if (!cJSON_IsObject(document))
                return "it is not a JSON object";
        if (!text_equal(member_text(document, "Version"), "2012-10-17"))
                return "its version must be 2012-10-17";
        if (!cJSON_IsArray(statements) || !cJSON_GetArraySize(statements))
                return "it has no statements";
        cJSON_ArrayForEach(one, statements)
        {
                const char *fault = statement_fault(one, authority);
                if (fault)
                        return fault;
        }
        return NULL;
}

bool
operation_put_policy(struct call *call)
{
        const char *policy = call_text(call, "Policy");
        struct authority *authority = call_authority_in(call, 1U << AUTHORITY_ACTIVE);

        if (!authority)
                return false;
        cJSON *document = cJSON_Parse(policy);
        const char *fault = policy_fault(document, authority);
        cJSON_Delete(document);
        if (fault)
                return refuse(&call->refusal, "InvalidPolicyException",
                              "The resource policy is invalid: %s", fault);
        text_assign(&authority->policy, policy);
        return call_save(call, authority);
}

static bool
policy_missing(struct call *call, const struct authority *authority)
{
        return refuse(&call->refusal, "ResourceNotFoundException",
                      "The certificate authority %s has no resource policy", authority->arn);
}

bool
operation_get_policy(struct call *call)
{
        struct authority *authority = call_authority_in(call, NOT_DELETED);

        if (!authority)
                return false;
        if (!authority->policy)
                return policy_missing(call, authority);
        cJSON_AddStringToObject(call->output, "Policy", authority->policy);
        return true;
}

bool
operation_delete_policy(struct call *call)
{
        struct authority *authority = call_authority_in(call, NOT_DELETED);

        if (!authority)
                return false;
        if (!authority->policy)
                return policy_missing(call, authority);
        text_assign(&authority->policy, NULL);
        return call_save(call, authority);
}

/* -- tags --------------------------------------------------------------------------------- */

bool
call_tags_check(struct call *call, const cJSON *tags)
{
        const cJSON *one, *other;

        cJSON_ArrayForEach(one, tags)
        {
                const char *key = member_text(one, "Key");
                if (strncasecmp(key, "aws:", 4) == 0)
                        return refuse(&call->refusal, "InvalidTagException",
                                      "The tag key %s starts with aws:, which is reserved", key);
                for (other = one->next; other; other = other->next)
                        if (text_equal(member_text(other, "Key"), key))
                                return refuse(&call->refusal, "InvalidTagException",
                                              "The tag key %s is there twice", key);
        }
        return true;
}

static int
tag_find(const cJSON *tags, const char *key)
{
        for (int i = 0; i < cJSON_GetArraySize(tags); i++)
                if (text_equal(member_text(cJSON_GetArrayItem(tags, i), "Key"), key))
                        return i;
        return -1;
}

bool
operation_tag_certificate_authority(struct call *call)
{
        const cJSON *tags = cJSON_GetObjectItemCaseSensitive(call->input, "Tags");
        struct authority *authority = call_authority_in(call, NOT_DELETED);
        const cJSON *one;

        if (!authority || !call_tags_check(call, tags))
                return false;
        cJSON *changed = cJSON_Duplicate(authority->tags, true);
        cJSON_ArrayForEach(one, tags)
        {
                int index = tag_find(changed, member_text(one, "Key"));
                if (index >= 0)
                        cJSON_DeleteItemFromArray(changed, index);
                cJSON_AddItemToArray(changed, cJSON_Duplicate(one, true));
        }
        if (cJSON_GetArraySize(changed) > TAGS_MOST) {
                cJSON_Delete(changed);
                return refuse(&call->refusal, "TooManyTagsException",
                              "A certificate authority can have at most %d tags", TAGS_MOST);
        }
        cJSON_Delete(authority->tags);
        authority->tags = changed;
        return call_save(call, authority);
}

bool
operation_untag_certificate_authority(struct call *call)
{
        const cJSON *tags = cJSON_GetObjectItemCaseSensitive(call->input, "Tags");
        struct authority *authority = call_authority_in(call, NOT_DELETED);
        const cJSON *one;

        if (!authority || !call_tags_check(call, tags))
                return false;
        cJSON_ArrayForEach(one, tags)
        {
                const char *value = member_text(one, "Value");
                int index = tag_find(authority->tags, member_text(one, "Key"));
                const cJSON *found = index < 0 ? NULL : cJSON_GetArrayItem(authority->tags, index);
                const char *has = member_text(found, "Value");
                /* With a value, only the pair is removed. */
                if (found && (!value || text_equal(value, has ? has : "")))
                        cJSON_DeleteItemFromArray(authority->tags, index);
        }
        return call_save(call, authority);
}

bool
operation_list_tags(struct call *call)
{
        struct authority *authority = call_authority_in(call, NOT_DELETED);

        return authority && call_page(call, "Tags", cJSON_Duplicate(authority->tags, true), 1000);
}
