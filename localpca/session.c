#include "localpca/session.h"

#include <stdlib.h>
#include <string.h>

#include "localpca/access.h"
#include "localpca/json.h"

enum { POLICIES_MOST = 2048, ARNS_MOST = 10, CHAINED_MOST = 3600 };

struct record *
session_role(const struct pca *pca, const char *arn)
{
        CLEANUP(free_cleanup) char *account = arn_part(arn, 4);
        CLEANUP(free_cleanup) char *path = arn_part(arn, 5);
        const char *name = strrchr(path, '/');

        if (!name || !text_starts(path, "role/"))
                return NULL;
        CLEANUP(free_cleanup) char *key = record_key(account, name + 1);
        struct record *role = record_find(&pca->records, RECORD_ROLE, key);
        return role && text_equal(record_text(role, "arn"), arn) ? role : NULL;
}

bool
session_duration_check(struct call *call, const struct record *role, int64_t duration_s,
                       bool chained)
{
        if (chained && duration_s > CHAINED_MOST)
                return refuse(&call->refusal, "ValidationError",
                              "The requested DurationSeconds exceeds the 1 hour session limit for "
                              "roles assumed by role chaining");
        if (duration_s > json_number(role->json, "max_session", CHAINED_MOST))
                return refuse(&call->refusal, "ValidationError",
                              "The requested DurationSeconds exceeds the MaxSessionDuration set "
                              "for this role.");
        return true;
}

/* -- session policies --------------------------------------------------------------------- */

/*
 * AWS packs policies and tags into a binary form that it does not describe.  What we count: the
 * policy without its white space, each managed policy's ARN, each tag's key and value, against the
 * 2,048 characters that a policy may have.
 */
static int64_t
packed_size(const char *inline_policy, const cJSON *arns, const cJSON *tags)
{
        size_t size = inline_policy ? policy_size(inline_policy) : 0;
        const cJSON *one;

        cJSON_ArrayForEach(one, arns)
        {
                const char *arn = json_text(one, "arn");
                size += arn ? strlen(arn) : 0;
        }
        cJSON_ArrayForEach(one, tags)
        {
                const char *value = cJSON_GetStringValue(one);
                size += strlen(one->string) + (value ? strlen(value) : 0);
        }
        return (int64_t)((size * 100 + POLICIES_MOST - 1) / POLICIES_MOST);
}

static bool
managed_add(struct call *call, const cJSON *arns, cJSON *out)
{
        const cJSON *one;

        if (cJSON_GetArraySize(arns) > ARNS_MOST)
                return refuse(&call->refusal, "ValidationError",
                              "1 validation error detected: Value at 'policyArns' failed to "
                              "satisfy constraint: Member must have length less than or equal to "
                              "%d",
                              ARNS_MOST);
        cJSON_ArrayForEach(one, arns)
        {
                const char *arn = json_text(one, "arn");
                const cJSON *document = arn ? managed_document(call->pca, arn, call->now_ms) : NULL;
                if (!document)
                        return refuse(&call->refusal, "ValidationError",
                                      "PolicyArns: %s does not exist or is not attachable",
                                      arn ? arn : "");
                cJSON_AddItemToArray(out, cJSON_Duplicate(document, true));
        }
        return true;
}

static bool
inline_add(struct call *call, const char *text, cJSON *out)
{
        CLEANUP(free_cleanup) char *why = NULL;

        if (!text)
                return true;
        if (strlen(text) > POLICIES_MOST)
                return refuse(&call->refusal, "ValidationError",
                              "1 validation error detected: Value '%.64s...' at 'policy' failed to "
                              "satisfy constraint: Member must have length less than or equal to "
                              "%d",
                              text, POLICIES_MOST);
        cJSON *document = policy_check(text, POLICY_OF_IDENTITY, &why);
        if (!document)
                return refuse(&call->refusal, "MalformedPolicyDocument", "%s", why);
        cJSON_AddItemToArray(out, document);
        return true;
}

bool
session_policies_read(struct call *call, const char *inline_policy, const cJSON *arns,
                      const cJSON *tags, cJSON **out, int64_t *packed)
{
        cJSON *list = cJSON_CreateArray();
        bool done = inline_add(call, inline_policy, list) && managed_add(call, arns, list);

        *packed = packed_size(inline_policy, arns, tags);
        if (done && *packed > 100)
                done = refuse(&call->refusal, "PackedPolicyTooLarge",
                              "Packed size of session tags consumes %lld%% of allotted space.",
                              (long long)*packed);
        if (!done || !list->child) {
                cJSON_Delete(list);
                list = NULL;
        }
        *out = list;
        return done;
}

/* -- making one --------------------------------------------------------------------------- */

static void
add_copy(cJSON *object, const char *name, const cJSON *item)
{
        if (item)
                cJSON_AddItemToObject(object, name, cJSON_Duplicate(item, true));
}

/* What the session carries, as its identity keeps it. */
static cJSON *
session_form(const struct session_wish *wish)
{
        cJSON *session = cJSON_CreateObject();

        cJSON_AddStringToObject(session, "name", wish->name);
        add_copy(session, "policies", wish->policies);
        add_copy(session, "tags", wish->tags);
        add_copy(session, "transitive", wish->transitive);
        cJSON *context =
                wish->context ? cJSON_Duplicate(wish->context, true) : cJSON_CreateObject();
        cJSON_AddItemToObject(session, "context", context);
        json_set_text(context, "aws:SourceIdentity", wish->source_identity);
        return session;
}

const struct identity *
session_make(struct call *call, const struct session_wish *wish)
{
        const char *account = record_text(wish->role, "account");
        const char *role_arn = record_text(wish->role, "arn");
        int64_t now = call->now_ms / 1000;
        CLEANUP(free_cleanup) char *partition = arn_part(role_arn, 1);
        CLEANUP(free_cleanup)
        char *arn = text_format("arn:%s:sts::%s:assumed-role/%s/%s", partition, account,
                                record_text(wish->role, "name"), wish->name);
        CLEANUP(free_cleanup)
        char *user_id = text_format("%s:%s", record_text(wish->role, "id"), wish->name);
        struct error err = { 0 };
        cJSON *form = cJSON_CreateObject();

        cJSON_AddStringToObject(form, "account", account);
        cJSON_AddStringToObject(form, "arn", arn);
        cJSON_AddStringToObject(form, "user_id", user_id);
        cJSON_AddStringToObject(form, "record", wish->role->key);
        cJSON_AddStringToObject(form, "role_arn", role_arn);
        cJSON_AddNumberToObject(form, "expires", (double)(now + wish->duration_s));
        cJSON_AddItemToObject(form, "session", session_form(wish));
        const struct identity *made =
                identity_make(&call->pca->identities, call->pca->store, form, true, now, &err);
        if (!made)
                call_broken(call, &err);
        return made;
}
