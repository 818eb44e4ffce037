/* The policies of users and roles: inline ones, and managed ones attached. */
#include <stdlib.h>
#include <string.h>

#include "localpca/access.h"
#include "localpca/iam.h"
#include "localpca/json.h"

enum { USER_MOST = 2048, ROLE_MOST = 10240, ATTACHED_MOST = 10 };

/* -- inline ------------------------------------------------------------------------------- */

/* All inline policies together, white space not counted, have a limit. */
static bool
size_check(struct call *call, const struct record *record, const char *name, const char *text)
{
        size_t most = record->kind == RECORD_ROLE ? ROLE_MOST : USER_MOST;
        size_t size = policy_size(text);
        const cJSON *one;

        cJSON_ArrayForEach(one, json_member(record->json, "inline"))
        {
                if (strcmp(one->string, name) != 0)
                        size += policy_size(one->valuestring);
        }
        if (size <= most)
                return true;
        return refuse(&call->refusal, "LimitExceeded",
                      "Maximum policy size of %zu bytes exceeded for %s %s", most, iam_word(record),
                      record_text(record, "name"));
}

bool
iam_put_inline(struct call *call)
{
        const char *name = call_text(call, "PolicyName"), *text = call_text(call, "PolicyDocument");
        CLEANUP(free_cleanup) char *why = NULL;
        struct record *record = iam_holder(call, NULL);

        if (!record)
                return false;
        cJSON *document = policy_check(text, POLICY_OF_IDENTITY, &why);
        if (!document)
                return refuse(&call->refusal, "MalformedPolicyDocument", "%s", why);
        cJSON_Delete(document);
        if (!size_check(call, record, name, text))
                return false;
        cJSON *all = json_member(record->json, "inline");
        json_set_text(all ? all : cJSON_AddObjectToObject(record->json, "inline"), name, text);
        return iam_save(call, record);
}

/* The text of the policy that PolicyName names; NULL: refused. */
static const char *
inline_find(struct call *call, const struct record *record)
{
        const char *name = call_text(call, "PolicyName");
        const char *text = json_text(json_member(record->json, "inline"), name);

        if (!text)
                refuse(&call->refusal, "NoSuchEntity",
                       "The %s policy with name %s cannot be found.", iam_word(record), name);
        return text;
}

bool
iam_get_inline(struct call *call)
{
        struct record *record = iam_holder(call, NULL);
        const char *text = record ? inline_find(call, record) : NULL;

        if (!text)
                return false;
        CLEANUP(free_cleanup) char *encoded = iam_encoded(text);
        cJSON_AddStringToObject(call->output, record->kind == RECORD_ROLE ? "RoleName" : "UserName",
                                record_text(record, "name"));
        cJSON_AddStringToObject(call->output, "PolicyName", call_text(call, "PolicyName"));
        cJSON_AddStringToObject(call->output, "PolicyDocument", encoded);
        return true;
}

bool
iam_delete_inline(struct call *call)
{
        struct record *record = iam_holder(call, NULL);

        if (!record || !inline_find(call, record))
                return false;
        json_set_text(json_member(record->json, "inline"), call_text(call, "PolicyName"), NULL);
        return iam_save(call, record);
}

bool
iam_list_inline(struct call *call)
{
        struct record *record = iam_holder(call, NULL);
        const cJSON *one;

        if (!record)
                return false;
        cJSON *all = cJSON_CreateArray();
        cJSON_ArrayForEach(one, json_member(record->json, "inline"))
                cJSON_AddItemToArray(all, cJSON_CreateString(one->string));
        return iam_page(call, "PolicyNames", all);
}

/* -- attached ----------------------------------------------------------------------------- */

/* Where an ARN stands in a record's list; -1 when it is not there. */
static int
attached_index(const struct record *record, const char *arn)
{
        const cJSON *one;
        int index = 0;

        cJSON_ArrayForEach(one, json_member(record->json, "attached"))
        {
                if (strcmp(one->valuestring, arn) == 0)
                        return index;
                index++;
        }
        return -1;
}

static struct record *
attaching_holder(struct call *call)
{
        CLEANUP(context_clear) struct context context = { 0 };

        context_add(&context, "iam:PolicyARN", call_text(call, "PolicyArn"));
        return iam_holder(call, &context);
}

bool
iam_attach(struct call *call)
{
        const char *arn = call_text(call, "PolicyArn");
        struct record *record = attaching_holder(call);

        if (!record || !iam_managed_check(call, arn))
                return false;
        if (attached_index(record, arn) >= 0)
                return true;
        cJSON *all = json_member(record->json, "attached");
        if (cJSON_GetArraySize(all) >= ATTACHED_MOST)
                return refuse(&call->refusal, "LimitExceeded",
                              "Cannot exceed quota for PoliciesPer%s: %d",
                              record->kind == RECORD_ROLE ? "Role" : "User", ATTACHED_MOST);
        cJSON_AddItemToArray(all ? all : cJSON_AddArrayToObject(record->json, "attached"),
                             cJSON_CreateString(arn));
        return iam_save(call, record);
}

bool
iam_detach(struct call *call)
{
        const char *arn = call_text(call, "PolicyArn");
        struct record *record = attaching_holder(call);
        int index = record ? attached_index(record, arn) : -1;

        if (!record)
                return false;
        if (index < 0)
                return refuse(&call->refusal, "NoSuchEntity", "Policy %s was not found.", arn);
        cJSON_DeleteItemFromArray(json_member(record->json, "attached"), index);
        return iam_save(call, record);
}

bool
iam_list_attached(struct call *call)
{
        const char *prefix = call_text(call, "PathPrefix");
        struct record *record = iam_holder(call, NULL);
        const cJSON *one;

        if (!record)
                return false;
        cJSON *all = cJSON_CreateArray();
        cJSON_ArrayForEach(one, json_member(record->json, "attached"))
        {
                const char *path = strstr(one->valuestring, ":policy/") + strlen(":policy");
                if (prefix && !text_starts(path, prefix))
                        continue;
                cJSON *policy = cJSON_CreateObject();
                cJSON_AddStringToObject(policy, "PolicyName", strrchr(one->valuestring, '/') + 1);
                cJSON_AddStringToObject(policy, "PolicyArn", one->valuestring);
                cJSON_AddItemToArray(all, policy);
        }
        return iam_page(call, "AttachedPolicies", all);
}
