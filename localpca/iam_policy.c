/* Managed policies: customers' own with their versions, and AWS's, which nobody changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/algorithm.h"
#include "localpca/access.h"
#include "localpca/iam.h"
#include "localpca/json.h"
#include "localpca/managed.h"

enum { SIZE_MOST = 6144, VERSIONS_MOST = 5 };

/* When AWS's own count as made: that of the Private CA ones, give or take. */
static const int64_t MANAGED_CREATED = 1676332800;

/* -- answers ------------------------------------------------------------------------------ */

/* How many users and roles have it attached, or as their boundary. */
static int64_t
uses_count(const struct call *call, const char *arn, bool boundary)
{
        const struct records *records = &call->pca->records;
        const cJSON *one;
        int64_t count = 0;

        for (size_t i = 0; i < records->count; i++) {
                const struct record *record = records->all[i];
                if (!text_equal(record_text(record, "account"), call->caller->account))
                        continue;
                if (boundary) {
                        count += text_equal(record_text(record, "boundary"), arn);
                        continue;
                }
                cJSON_ArrayForEach(one, json_member(record->json, "attached")) count +=
                        strcmp(one->valuestring, arn) == 0;
        }
        return count;
}

static void
policy_fill(const struct call *call, cJSON *object, const cJSON *json, bool whole)
{
        const char *arn = json_text(json, "arn"), *description = json_text(json, "description");

        cJSON_AddStringToObject(object, "PolicyName", json_text(json, "name"));
        cJSON_AddStringToObject(object, "PolicyId", json_text(json, "id"));
        cJSON_AddStringToObject(object, "Arn", arn);
        cJSON_AddStringToObject(object, "Path", json_text(json, "path"));
        cJSON_AddStringToObject(object, "DefaultVersionId", json_text(json, "default"));
        cJSON_AddNumberToObject(object, "AttachmentCount", (double)uses_count(call, arn, false));
        cJSON_AddNumberToObject(object, "PermissionsBoundaryUsageCount",
                                (double)uses_count(call, arn, true));
        cJSON_AddBoolToObject(object, "IsAttachable", true);
        if (whole && description)
                cJSON_AddStringToObject(object, "Description", description);
        iam_add_time(object, "CreateDate", json_number(json, "created", 0));
        iam_add_time(object, "UpdateDate", json_number(json, "updated", 0));
        if (whole)
                iam_tags_add(object, json);
}

static void
version_fill(cJSON *object, const cJSON *json, const cJSON *version, bool whole)
{
        if (whole) {
                CLEANUP(free_cleanup) char *encoded = iam_encoded(json_text(version, "text"));
                cJSON_AddStringToObject(object, "Document", encoded);
        }
        cJSON_AddStringToObject(object, "VersionId", version->string);
        cJSON_AddBoolToObject(object, "IsDefaultVersion",
                              strcmp(version->string, json_text(json, "default")) == 0);
        iam_add_time(object, "CreateDate", json_number(version, "created", 0));
}

/* One of AWS's own in the form of a record. */
static cJSON *
managed_json(const struct managed *row, const char *arn)
{
        cJSON *json = cJSON_CreateObject();
        uint8_t digest[32];
        char id[22] = "ANPA";

        sha256(view_text(row->name), digest);
        for (size_t i = 0; i < 17; i++)
                id[4 + i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[digest[i] & 31];
        id[21] = '\0';
        cJSON_AddStringToObject(json, "name", row->name);
        cJSON_AddStringToObject(json, "path", row->path);
        cJSON_AddStringToObject(json, "id", id);
        cJSON_AddStringToObject(json, "arn", arn);
        cJSON_AddStringToObject(json, "default", "v1");
        cJSON_AddNumberToObject(json, "created", (double)MANAGED_CREATED);
        cJSON_AddNumberToObject(json, "updated", (double)MANAGED_CREATED);
        cJSON *version = cJSON_AddObjectToObject(cJSON_AddObjectToObject(json, "versions"), "v1");
        cJSON_AddStringToObject(version, "text", row->text);
        cJSON_AddNumberToObject(version, "created", (double)MANAGED_CREATED);
        return json;
}

/* -- finding ------------------------------------------------------------------------------ */

/* May the caller do this operation on the policy that PolicyArn names? */
static bool
policy_may(struct call *call)
{
        const char *arn = call_text(call, "PolicyArn");
        CLEANUP(free_cleanup) char *shown = text_format("policy %s", arn);

        return iam_may(call, arn, shown, NULL);
}

/* Its record; NULL, refused, when there is none. */
static struct record *
policy_record(struct call *call)
{
        const char *arn = call_text(call, "PolicyArn");
        struct record *record = record_find(&call->pca->records, RECORD_POLICY, arn);

        if (record && text_equal(record_text(record, "account"), call->caller->account))
                return record;
        if (managed_row(arn))
                refuse(&call->refusal, "AccessDenied",
                       "User: %s is not authorized to perform: iam:%s on resource: policy %s",
                       call->caller->arn, call->operation, arn);
        else
                refuse(&call->refusal, "NoSuchEntity", "Policy %s was not found.", arn);
        return NULL;
}

/* To be read: a copy, of AWS's own, too; NULL: refused. */
static cJSON *
policy_read(struct call *call)
{
        const char *arn = call_text(call, "PolicyArn");
        const struct managed *row = managed_row(arn);

        if (!policy_may(call))
                return NULL;
        if (row)
                return managed_json(row, arn);
        struct record *record = policy_record(call);
        return record ? cJSON_Duplicate(record->json, true) : NULL;
}

static bool
version_missing(struct call *call)
{
        return refuse(&call->refusal, "NoSuchEntity",
                      "Policy %s version %s does not exist or is not attachable.",
                      call_text(call, "PolicyArn"), call_text(call, "VersionId"));
}

/* -- operations --------------------------------------------------------------------------- */

static bool
document_check(struct call *call, const char *text)
{
        CLEANUP(free_cleanup) char *why = NULL;
        cJSON *document = policy_check(text, POLICY_OF_IDENTITY, &why);

        if (!document)
                return refuse(&call->refusal, "MalformedPolicyDocument", "%s", why);
        cJSON_Delete(document);
        return policy_size(text) <= SIZE_MOST ||
               refuse(&call->refusal, "LimitExceeded", "Cannot exceed quota for PolicySize: %d",
                      SIZE_MOST);
}

static cJSON *
version_add(struct call *call, cJSON *json, const char *id, const char *text)
{
        cJSON *versions = json_member(json, "versions");
        cJSON *version = cJSON_AddObjectToObject(
                versions ? versions : cJSON_AddObjectToObject(json, "versions"), id);

        cJSON_AddStringToObject(version, "text", text);
        cJSON_AddNumberToObject(version, "created", (double)(call->now_ms / 1000));
        return version;
}

static cJSON *
policy_form(struct call *call, const char *arn)
{
        const char *path = call_text(call, "Path");
        CLEANUP(free_cleanup) char *id = iam_id("ANPA");
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "account", call->caller->account);
        cJSON_AddStringToObject(json, "name", call_text(call, "PolicyName"));
        cJSON_AddStringToObject(json, "path", path ? path : "/");
        cJSON_AddStringToObject(json, "id", id);
        cJSON_AddStringToObject(json, "arn", arn);
        cJSON_AddStringToObject(json, "default", "v1");
        json_set_text(json, "description", call_text(call, "Description"));
        cJSON_AddNumberToObject(json, "created", (double)(call->now_ms / 1000));
        cJSON_AddNumberToObject(json, "updated", (double)(call->now_ms / 1000));
        version_add(call, json, "v1", call_text(call, "PolicyDocument"));
        return json;
}

/* Names of policies are told apart without regard to case and path. */
static bool
policy_exists(const struct call *call, const char *name)
{
        const struct records *records = &call->pca->records;

        for (size_t i = 0; i < records->count; i++)
                if (records->all[i]->kind == RECORD_POLICY &&
                    text_equal(record_text(records->all[i], "account"), call->caller->account) &&
                    strcasecmp(record_text(records->all[i], "name"), name) == 0)
                        return true;
        return false;
}

bool
iam_create_policy(struct call *call)
{
        const char *name = call_text(call, "PolicyName");
        CLEANUP(free_cleanup) char *arn = iam_arn(call, "policy", call_text(call, "Path"), name);
        CLEANUP(free_cleanup) char *shown = text_format("policy %s", name);
        CLEANUP(context_clear) struct context context = { 0 };

        iam_tags_context(call, &context);
        if (!iam_may(call, arn, shown, &context) ||
            !document_check(call, call_text(call, "PolicyDocument")))
                return false;
        if (policy_exists(call, name))
                return refuse(&call->refusal, "EntityAlreadyExists",
                              "A policy called %s already exists. Duplicate names are not allowed.",
                              name);
        cJSON *json = policy_form(call, arn);
        if (!iam_tags_take(call, json)) {
                cJSON_Delete(json);
                return false;
        }
        struct record *record = record_new(&call->pca->records, RECORD_POLICY, arn, json);
        if (!iam_save(call, record))
                return false;
        policy_fill(call, cJSON_AddObjectToObject(call->output, "Policy"), json, true);
        return true;
}

bool
iam_get_policy(struct call *call)
{
        cJSON *json = policy_read(call);

        if (!json)
                return false;
        policy_fill(call, cJSON_AddObjectToObject(call->output, "Policy"), json, true);
        cJSON_Delete(json);
        return true;
}

bool
iam_get_policy_version(struct call *call)
{
        cJSON *json = policy_read(call);
        const cJSON *version =
                json_member(json_member(json, "versions"), call_text(call, "VersionId"));

        if (version)
                version_fill(cJSON_AddObjectToObject(call->output, "PolicyVersion"), json, version,
                             true);
        else if (json)
                version_missing(call);
        cJSON_Delete(json);
        return version != NULL;
}

bool
iam_list_policy_versions(struct call *call)
{
        cJSON *json = policy_read(call);
        const cJSON *version;

        if (!json)
                return false;
        cJSON *all = cJSON_CreateArray();
        cJSON_ArrayForEach(version, json_member(json, "versions"))
        {
                cJSON *one = cJSON_CreateObject();
                version_fill(one, json, version, false);
                cJSON_InsertItemInArray(all, 0, one);
        }
        cJSON_Delete(json);
        return iam_page(call, "Versions", all);
}

bool
iam_create_policy_version(struct call *call)
{
        const char *text = call_text(call, "PolicyDocument");
        struct record *record = policy_may(call) ? policy_record(call) : NULL;
        const cJSON *version;
        int64_t most = 0, number;

        if (!record || !document_check(call, text))
                return false;
        cJSON *versions = json_member(record->json, "versions");
        if (cJSON_GetArraySize(versions) >= VERSIONS_MOST)
                return refuse(
                        &call->refusal, "LimitExceeded",
                        "A managed policy can have up to %d versions. Before you create a new "
                        "version, you must delete an existing version.",
                        VERSIONS_MOST);
        cJSON_ArrayForEach(version, versions)
        {
                if (number_parse(version->string + 1, 1, INT32_MAX, &number) && number > most)
                        most = number;
        }
        /* Numbers are not given again, even when their version was deleted. */
        number = json_number(record->json, "last_version", 0);
        CLEANUP(free_cleanup)
        char *id = text_format("v%lld", (long long)((most > number ? most : number) + 1));
        cJSON_DeleteItemFromObjectCaseSensitive(record->json, "last_version");
        cJSON_AddNumberToObject(record->json, "last_version",
                                (double)((most > number ? most : number) + 1));
        cJSON *made = version_add(call, record->json, id, text);
        if (cJSON_IsTrue(json_member(call->input, "SetAsDefault"))) {
                json_set_text(record->json, "default", id);
                cJSON_ReplaceItemInObjectCaseSensitive(
                        record->json, "updated", cJSON_CreateNumber((double)(call->now_ms / 1000)));
        }
        if (!iam_save(call, record))
                return false;
        version_fill(cJSON_AddObjectToObject(call->output, "PolicyVersion"), record->json, made,
                     false);
        return true;
}

bool
iam_delete_policy_version(struct call *call)
{
        const char *id = call_text(call, "VersionId");
        struct record *record = policy_may(call) ? policy_record(call) : NULL;

        if (!record)
                return false;
        if (!json_member(json_member(record->json, "versions"), id))
                return version_missing(call);
        if (text_equal(record_text(record, "default"), id))
                return refuse(&call->refusal, "DeleteConflict",
                              "Cannot delete the default version of a policy.");
        cJSON_DeleteItemFromObjectCaseSensitive(json_member(record->json, "versions"), id);
        return iam_save(call, record);
}

bool
iam_delete_policy(struct call *call)
{
        const char *arn = call_text(call, "PolicyArn");
        struct record *record = policy_may(call) ? policy_record(call) : NULL;
        struct error err = { 0 };

        if (!record)
                return false;
        if (uses_count(call, arn, false) || uses_count(call, arn, true))
                return refuse(&call->refusal, "DeleteConflict",
                              "Cannot delete a policy attached to entities.");
        if (cJSON_GetArraySize(json_member(record->json, "versions")) > 1)
                return refuse(&call->refusal, "DeleteConflict",
                              "This policy has more than one version. Before you delete a policy, "
                              "you must delete the policy's versions. The default version is "
                              "deleted with the policy.");
        return record_delete(&call->pca->records, record, call->pca->store, &err) ||
               call_broken(call, &err);
}

/* Scope, PathPrefix and OnlyAttached of a list. */
static void
list_add(const struct call *call, cJSON *all, const cJSON *json)
{
        const char *prefix = call_text(call, "PathPrefix");
        bool attached = cJSON_IsTrue(json_member(call->input, "OnlyAttached"));

        if (prefix && !text_starts(json_text(json, "path"), prefix))
                return;
        if (attached && !uses_count(call, json_text(json, "arn"), false))
                return;
        cJSON *one = cJSON_CreateObject();
        policy_fill(call, one, json, false);
        cJSON_AddItemToArray(all, one);
}

bool
iam_list_policies(struct call *call)
{
        const struct records *records = &call->pca->records;
        const char *scope = call_text(call, "Scope"), *prefix = call_text(call, "PathPrefix");
        CLEANUP(free_cleanup) char *arn = iam_arn(call, "policy", prefix, "");
        CLEANUP(free_cleanup)
        char *shown = text_format("policy path %s", prefix ? prefix : "/");
        CLEANUP(free_cleanup) char *partition = arn_part(arn, 1);
        const struct managed *row;

        if (!iam_may(call, arn, shown, NULL))
                return false;
        cJSON *all = cJSON_CreateArray();
        for (size_t i = 0; i < records->count && !(scope && strcmp(scope, "AWS") == 0); i++)
                if (records->all[i]->kind == RECORD_POLICY &&
                    text_equal(record_text(records->all[i], "account"), call->caller->account))
                        list_add(call, all, records->all[i]->json);
        for (size_t i = 0; (row = managed_at(i)) && !(scope && strcmp(scope, "Local") == 0); i++) {
                CLEANUP(free_cleanup)
                char *own =
                        text_format("arn:%s:iam::aws:policy%s%s", partition, row->path, row->name);
                cJSON *json = managed_json(row, own);
                list_add(call, all, json);
                cJSON_Delete(json);
        }
        return iam_page(call, "Policies", all);
}
