#include "localpca/iam.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "localpca/access.h"
#include "localpca/json.h"

enum { PAGE_USUAL = 100, TAGS_MOST = 50 };

const struct query_operation iam_operations[] = {
        { .name = "AttachRolePolicy", .run = iam_attach },
        { .name = "AttachUserPolicy", .run = iam_attach },
        { .name = "CreateAccessKey", .run = iam_create_access_key },
        { .name = "CreateOpenIDConnectProvider", .run = iam_create_provider },
        { .name = "CreatePolicy", .run = iam_create_policy },
        { .name = "CreatePolicyVersion", .run = iam_create_policy_version },
        { .name = "CreateRole", .run = iam_create_role },
        { .name = "CreateUser", .run = iam_create_user },
        { .name = "CreateVirtualMFADevice", .run = iam_create_virtual_mfa_device },
        { .name = "DeactivateMFADevice", .run = iam_deactivate_mfa_device },
        { .name = "DeleteAccessKey", .run = iam_delete_access_key },
        { .name = "DeleteOpenIDConnectProvider", .run = iam_delete_provider },
        { .name = "DeletePolicy", .run = iam_delete_policy },
        { .name = "DeletePolicyVersion", .run = iam_delete_policy_version },
        { .name = "DeleteRole", .run = iam_delete_role },
        { .name = "DeleteRolePermissionsBoundary", .run = iam_delete_boundary },
        { .name = "DeleteRolePolicy", .run = iam_delete_inline },
        { .name = "DeleteUser", .run = iam_delete_user },
        { .name = "DeleteUserPermissionsBoundary", .run = iam_delete_boundary },
        { .name = "DeleteUserPolicy", .run = iam_delete_inline },
        { .name = "DeleteVirtualMFADevice", .run = iam_delete_virtual_mfa_device },
        { .name = "DetachRolePolicy", .run = iam_detach },
        { .name = "DetachUserPolicy", .run = iam_detach },
        { .name = "EnableMFADevice", .run = iam_enable_mfa_device },
        { .name = "GetAccessKeyLastUsed", .run = iam_get_access_key_last_used },
        { .name = "GetContextKeysForPrincipalPolicy", .run = iam_get_context_keys },
        { .name = "GetOpenIDConnectProvider", .run = iam_get_provider },
        { .name = "GetPolicy", .run = iam_get_policy },
        { .name = "GetPolicyVersion", .run = iam_get_policy_version },
        { .name = "GetRole", .run = iam_get_role },
        { .name = "GetRolePolicy", .run = iam_get_inline },
        { .name = "GetUser", .run = iam_get_user },
        { .name = "GetUserPolicy", .run = iam_get_inline },
        { .name = "ListAccessKeys", .run = iam_list_access_keys },
        { .name = "ListAttachedRolePolicies", .run = iam_list_attached },
        { .name = "ListAttachedUserPolicies", .run = iam_list_attached },
        { .name = "ListGroupsForUser", .run = iam_list_groups_for_user },
        { .name = "ListMFADevices", .run = iam_list_mfa_devices },
        { .name = "ListOpenIDConnectProviders", .run = iam_list_providers },
        { .name = "ListPolicies", .run = iam_list_policies },
        { .name = "ListPolicyVersions", .run = iam_list_policy_versions },
        { .name = "ListRolePolicies", .run = iam_list_inline },
        { .name = "ListRoleTags", .run = iam_list_tags },
        { .name = "ListRoles", .run = iam_list_roles },
        { .name = "ListUserPolicies", .run = iam_list_inline },
        { .name = "ListUserTags", .run = iam_list_tags },
        { .name = "ListUsers", .run = iam_list_users },
        { .name = "PutRolePermissionsBoundary", .run = iam_put_boundary },
        { .name = "PutRolePolicy", .run = iam_put_inline },
        { .name = "PutUserPermissionsBoundary", .run = iam_put_boundary },
        { .name = "PutUserPolicy", .run = iam_put_inline },
        { .name = "SimulateCustomPolicy", .run = iam_simulate_custom_policy },
        { .name = "SimulatePrincipalPolicy", .run = iam_simulate_principal_policy },
        { .name = "TagRole", .run = iam_tag },
        { .name = "TagUser", .run = iam_tag },
        { .name = "UntagRole", .run = iam_untag },
        { .name = "UntagUser", .run = iam_untag },
        { .name = "UpdateAccessKey", .run = iam_update_access_key },
        { .name = "UpdateAssumeRolePolicy", .run = iam_update_assume_role_policy },
        { .name = "UpdateRole", .run = iam_update_role, .empty_result = true },
        { 0 },
};

bool
iam_may(struct call *call, const char *resource, const char *shown, const struct context *more)
{
        const struct identity *caller = call->caller;
        CLEANUP(free_cleanup) char *action = text_format("iam:%s", call->operation);
        bool of_user = caller->session_token && !caller->is_role && caller->session;

        /* GetSessionToken: "cannot call any IAM API unless MFA information is included". */
        if (of_user && !json_member(caller->session, "mfa_at"))
                return refuse(&call->refusal, "InvalidClientTokenId",
                              "The security token included in the request is invalid");
        return access_check_action(call, action, resource, shown ? shown : resource, more);
}

char *
iam_arn(const struct call *call, const char *type, const char *path, const char *name)
{
        CLEANUP(free_cleanup) char *partition = arn_part(call->pca->authorities.all[0]->arn, 1);

        return text_format("arn:%s:iam::%s:%s%s%s", partition, call->caller->account, type,
                           path ? path : "/", name);
}

const char *
iam_word(const struct record *record)
{
        return record->kind == RECORD_ROLE ? "role" : "user";
}

/* Without UserName, the user who signs. */
static struct record *
own_record(const struct call *call)
{
        const struct identity *caller = call->caller;

        return caller->record && !caller->is_role
                       ? record_find(&call->pca->records, RECORD_USER, caller->record)
                       : NULL;
}

struct record *
iam_holder(struct call *call, const struct context *more)
{
        const char *role = call_text(call, "RoleName");
        const char *name = role ? role : call_text(call, "UserName");
        enum record_kind kind = role ? RECORD_ROLE : RECORD_USER;
        const char *word = role ? "role" : "user";
        struct record *record = NULL;

        if (name) {
                CLEANUP(free_cleanup) char *key = record_key(call->caller->account, name);
                record = record_find(&call->pca->records, kind, key);
        } else {
                record = own_record(call);
                if (!record) {
                        refuse(&call->refusal, "ValidationError",
                               "Must specify userName when calling with non-User credentials");
                        return NULL;
                }
                name = record_text(record, "name");
        }
        CLEANUP(context_clear) struct context context = { 0 };
        const cJSON *tag;
        for (size_t i = 0; more && i < more->count; i++)
                for (size_t j = 0; j < more->keys[i].count; j++)
                        context_add(&context, more->keys[i].name, more->keys[i].values[j]);
        cJSON_ArrayForEach(tag, json_member(record ? record->json : NULL, "tags"))
        {
                CLEANUP(free_cleanup) char *plain = text_format("aws:ResourceTag/%s", tag->string);
                CLEANUP(free_cleanup) char *iam = text_format("iam:ResourceTag/%s", tag->string);
                context_add(&context, plain, tag->valuestring);
                context_add(&context, iam, tag->valuestring);
        }
        CLEANUP(free_cleanup)
        char *arn =
                record ? text_copy(record_text(record, "arn")) : iam_arn(call, word, NULL, name);
        CLEANUP(free_cleanup) char *shown = text_format("%s %s", word, name);
        if (!iam_may(call, arn, shown, &context))
                return NULL;
        if (!record)
                refuse(&call->refusal, "NoSuchEntity", "The %s with name %s cannot be found.", word,
                       name);
        return record;
}

bool
iam_save(struct call *call, struct record *record)
{
        struct error err = { 0 };

        return record_save(record, call->pca->store, call->now_ms, call->pca->settings.iam_delay_ms,
                           &err) ||
               call_broken(call, &err);
}

/* -- pages -------------------------------------------------------------------------------- */

bool
iam_page(struct call *call, const char *member, cJSON *all)
{
        const char *marker = call_text(call, "Marker");
        int64_t most = call_number(call, "MaxItems", PAGE_USUAL), offset = 0;
        int64_t count = cJSON_GetArraySize(all);
        CLEANUP(buf_cleanup) struct buf plain = { 0 };
        struct error ignored = { 0 };

        /* A marker says which operation's list goes on, and from where. */
        if (marker) {
                const char *space = NULL;
                if (base64_decode(view_text(marker), &plain, &ignored))
                        space = strchr(buf_text(&plain), ' ');
                size_t len = space ? (size_t)(space - buf_text(&plain)) : 0;
                if (!space || len != strlen(call->operation) ||
                    strncmp(buf_text(&plain), call->operation, len) != 0 ||
                    !number_parse(space + 1, 1, INT32_MAX, &offset)) {
                        cJSON_Delete(all);
                        return refuse(&call->refusal, "InvalidInput", "Invalid Marker.");
                }
        }
        bool more = count - offset > most;
        cJSON_AddBoolToObject(call->output, "IsTruncated", more);
        cJSON *page = cJSON_AddArrayToObject(call->output, member);
        for (int64_t i = 0; i < most && cJSON_GetArraySize(all) > offset; i++)
                cJSON_AddItemToArray(page, cJSON_DetachItemFromArray(all, (int)offset));
        if (more) {
                CLEANUP(free_cleanup)
                char *next = text_format("%s %lld", call->operation, (long long)(offset + most));
                CLEANUP(free_cleanup) char *encoded = base64_encode(view_text(next));
                cJSON_AddStringToObject(call->output, "Marker", encoded);
        }
        cJSON_Delete(all);
        return true;
}

char *
iam_encoded(const char *text)
{
        struct buf out = { 0 };

        for (; *text; text++) {
                if (isalnum((unsigned char)*text) || strchr("-_.~", *text))
                        buf_add_byte(&out, (uint8_t)*text);
                else
                        buf_format(&out, "%%%02X", (unsigned char)*text);
        }
        char *encoded = text_copy(buf_text(&out));
        buf_clear(&out);
        return encoded;
}

void
iam_add_time(cJSON *object, const char *name, int64_t when)
{
        char text[CLOCK_TEXT];

        cJSON_AddStringToObject(object, name, clock_format(when, text));
}

/* -- tags --------------------------------------------------------------------------------- */

/* The tags of a request: none of AWS's own, and none twice. */
static bool
tags_check(struct call *call, const cJSON *list)
{
        const cJSON *one, *other;

        cJSON_ArrayForEach(one, list)
        {
                const char *key = json_text(one, "Key");
                for (other = one->next; other; other = other->next)
                        if (strcasecmp(json_text(other, "Key"), key) == 0)
                                return refuse(&call->refusal, "InvalidInput",
                                              "Duplicate tag keys found. Please note that Tag keys "
                                              "are case insensitive.");
                if (strncasecmp(key, "aws:", 4) == 0)
                        return refuse(&call->refusal, "InvalidInput",
                                      "Caller is an end user and not allowed to mutate system "
                                      "tags");
        }
        return true;
}

bool
iam_tags_take(struct call *call, cJSON *json)
{
        const cJSON *list = json_member(call->input, "Tags");
        const cJSON *old = json_member(json, "tags"), *one;

        if (!tags_check(call, list))
                return false;
        cJSON *tags = old ? cJSON_Duplicate(old, true) : cJSON_CreateObject();
        cJSON_ArrayForEach(one, list)
        {
                /* Keys are the same whatever their case; the new spelling stays. */
                cJSON_DeleteItemFromObject(tags, json_text(one, "Key"));
                cJSON_AddStringToObject(tags, json_text(one, "Key"), json_text(one, "Value"));
        }
        if (cJSON_GetArraySize(tags) > TAGS_MOST) {
                cJSON_Delete(tags);
                return refuse(&call->refusal, "LimitExceeded",
                              "The number of tags has reached the maximum limit.");
        }
        cJSON_DeleteItemFromObjectCaseSensitive(json, "tags");
        cJSON_AddItemToObject(json, "tags", tags);
        return true;
}

void
iam_tags_add(cJSON *object, const cJSON *json)
{
        const cJSON *tags = json_member(json, "tags");
        const cJSON *tag;

        if (!tags || !tags->child)
                return;
        cJSON *list = cJSON_AddArrayToObject(object, "Tags");
        cJSON_ArrayForEach(tag, tags)
        {
                cJSON *one = cJSON_CreateObject();
                cJSON_AddStringToObject(one, "Key", tag->string);
                cJSON_AddStringToObject(one, "Value", tag->valuestring);
                cJSON_AddItemToArray(list, one);
        }
}

void
iam_tags_context(const struct call *call, struct context *context)
{
        const cJSON *tag;

        cJSON_ArrayForEach(tag, json_member(call->input, "Tags"))
        {
                CLEANUP(free_cleanup)
                char *name = text_format("aws:RequestTag/%s", json_text(tag, "Key"));
                context_add(context, name, json_text(tag, "Value"));
                context_add(context, "aws:TagKeys", json_text(tag, "Key"));
        }
        cJSON_ArrayForEach(tag, json_member(call->input, "TagKeys"))
                context_add(context, "aws:TagKeys", tag->valuestring);
}

bool
iam_tag(struct call *call)
{
        CLEANUP(context_clear) struct context context = { 0 };

        iam_tags_context(call, &context);
        struct record *record = iam_holder(call, &context);
        return record && iam_tags_take(call, record->json) && iam_save(call, record);
}

bool
iam_untag(struct call *call)
{
        CLEANUP(context_clear) struct context context = { 0 };
        const cJSON *key;

        iam_tags_context(call, &context);
        struct record *record = iam_holder(call, &context);
        if (!record)
                return false;
        cJSON_ArrayForEach(key, json_member(call->input, "TagKeys"))
                cJSON_DeleteItemFromObject(json_member(record->json, "tags"), key->valuestring);
        return iam_save(call, record);
}

bool
iam_list_tags(struct call *call)
{
        struct record *record = iam_holder(call, NULL);
        cJSON *object = cJSON_CreateObject();

        if (record)
                iam_tags_add(object, record->json);
        cJSON *tags = cJSON_DetachItemFromObject(object, "Tags");
        cJSON_Delete(object);
        if (!tags)
                tags = cJSON_CreateArray();
        if (record)
                return iam_page(call, "Tags", tags);
        cJSON_Delete(tags);
        return false;
}

/* -- boundaries --------------------------------------------------------------------------- */

void
iam_boundary_add(cJSON *object, const cJSON *json)
{
        const char *arn = json_text(json, "boundary");

        if (!arn)
                return;
        cJSON *boundary = cJSON_AddObjectToObject(object, "PermissionsBoundary");
        cJSON_AddStringToObject(boundary, "PermissionsBoundaryType", "PermissionsBoundaryPolicy");
        cJSON_AddStringToObject(boundary, "PermissionsBoundaryArn", arn);
}

bool
iam_managed_check(struct call *call, const char *arn)
{
        if (managed_document(call->pca, arn, INT64_MAX))
                return true;
        return refuse(&call->refusal, "NoSuchEntity",
                      "Policy %s does not exist or is not "
                      "attachable.",
                      arn);
}

bool
iam_put_boundary(struct call *call)
{
        const char *arn = call_text(call, "PermissionsBoundary");
        CLEANUP(context_clear) struct context context = { 0 };

        context_add(&context, "iam:PermissionsBoundary", arn);
        struct record *record = iam_holder(call, &context);
        if (!record || !iam_managed_check(call, arn))
                return false;
        json_set_text(record->json, "boundary", arn);
        return iam_save(call, record);
}

bool
iam_delete_boundary(struct call *call)
{
        struct record *record = iam_holder(call, NULL);

        if (!record)
                return false;
        if (!json_text(record->json, "boundary"))
                return refuse(&call->refusal, "NoSuchEntity",
                              "%s does not have a permissions boundary",
                              record_text(record, "name"));
        json_set_text(record->json, "boundary", NULL);
        return iam_save(call, record);
}
