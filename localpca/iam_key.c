/* Access keys of users: two at most, active or not. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "localpca/iam.h"
#include "localpca/json.h"

enum { KEYS_MOST = 2 };

static bool
is_key_of(const struct identity *identity, const struct record *user)
{
        return !identity->session_token && !identity->is_role &&
               text_equal(identity->record, user->key);
}

static const char *
status_name(const struct identity *identity)
{
        return identity->inactive ? "Inactive" : "Active";
}

static void
key_fill(cJSON *object, const struct record *user, const struct identity *key)
{
        cJSON_AddStringToObject(object, "UserName", record_text(user, "name"));
        cJSON_AddStringToObject(object, "AccessKeyId", key->access_key_id);
        cJSON_AddStringToObject(object, "Status", status_name(key));
}

bool
iam_create_access_key(struct call *call)
{
        struct record *user = iam_holder(call, NULL);
        struct identities *identities = &call->pca->identities;
        size_t count = 0;
        struct error err = { 0 };

        if (!user)
                return false;
        for (size_t i = 0; i < identities->count; i++)
                count += is_key_of(identities->all[i], user);
        if (count >= KEYS_MOST)
                return refuse(&call->refusal, "LimitExceeded",
                              "Cannot exceed quota for AccessKeysPerUser: %d", KEYS_MOST);
        cJSON *form = cJSON_CreateObject();
        cJSON_AddStringToObject(form, "account", record_text(user, "account"));
        cJSON_AddStringToObject(form, "arn", record_text(user, "arn"));
        cJSON_AddStringToObject(form, "user_id", record_text(user, "id"));
        cJSON_AddStringToObject(form, "record", user->key);
        struct identity *key =
                identity_make(identities, call->pca->store, form, false, call->now_ms / 1000, &err);
        if (!key)
                return call_broken(call, &err);
        key->known_ms = call->now_ms + call->pca->settings.iam_delay_ms;
        cJSON *answer = cJSON_AddObjectToObject(call->output, "AccessKey");
        key_fill(answer, user, key);
        char *secret = text_copy_length(key->secret.data, key->secret.len);
        cJSON_AddStringToObject(answer, "SecretAccessKey", secret);
        wipe(secret, key->secret.len);
        free(secret);
        iam_add_time(answer, "CreateDate", key->created);
        return true;
}

bool
iam_list_access_keys(struct call *call)
{
        struct record *user = iam_holder(call, NULL);
        const struct identities *identities = &call->pca->identities;

        if (!user)
                return false;
        cJSON *all = cJSON_CreateArray();
        for (size_t i = 0; i < identities->count; i++) {
                if (!is_key_of(identities->all[i], user))
                        continue;
                cJSON *one = cJSON_CreateObject();
                key_fill(one, user, identities->all[i]);
                iam_add_time(one, "CreateDate", identities->all[i]->created);
                cJSON_AddItemToArray(all, one);
        }
        return iam_page(call, "AccessKeyMetadata", all);
}

/* The key that AccessKeyId names, of the user; NULL: refused. */
static struct identity *
key_find(struct call *call)
{
        const char *id = call_text(call, "AccessKeyId");
        struct record *user = iam_holder(call, NULL);
        struct identity *key = user ? identity_find(&call->pca->identities, id) : NULL;

        if (key && is_key_of(key, user))
                return key;
        if (user)
                refuse(&call->refusal, "NoSuchEntity", "The Access Key with id %s cannot be found.",
                       id);
        return NULL;
}

bool
iam_update_access_key(struct call *call)
{
        struct identity *key = key_find(call);
        const char *status = call_text(call, "Status");
        struct error err = { 0 };

        if (!key)
                return false;
        if (strcmp(status, "Expired") == 0)
                return refuse(&call->refusal, "InvalidInput",
                              "The status of an access key can be set to Active or Inactive only");
        return identity_set_inactive(key, strcmp(status, "Inactive") == 0, call->pca->store,
                                     &err) ||
               call_broken(call, &err);
}

bool
iam_delete_access_key(struct call *call)
{
        struct identity *key = key_find(call);
        struct error err = { 0 };

        return key && (identity_delete(&call->pca->identities, key, call->pca->store, &err) ||
                       call_broken(call, &err));
}

bool
iam_get_access_key_last_used(struct call *call)
{
        const char *id = call_text(call, "AccessKeyId");
        const struct identity *key = identity_find(&call->pca->identities, id);
        const struct record *user =
                key && key->record ? record_find(&call->pca->records, RECORD_USER, key->record)
                                   : NULL;
        bool own = user && is_key_of(key, user) &&
                   text_equal(record_text(user, "account"), call->caller->account);
        CLEANUP(free_cleanup)
        char *arn = own ? text_copy(record_text(user, "arn")) : iam_arn(call, "user", NULL, "*");
        CLEANUP(free_cleanup) char *shown = text_format("access key %s", id);

        if (!iam_may(call, arn, shown, NULL))
                return false;
        if (!own)
                return refuse(&call->refusal, "NoSuchEntity",
                              "The Access Key with id %s cannot be found.", id);
        cJSON_AddStringToObject(call->output, "UserName", record_text(user, "name"));
        cJSON *last = cJSON_AddObjectToObject(call->output, "AccessKeyLastUsed");
        if (key->used)
                iam_add_time(last, "LastUsedDate", key->used);
        cJSON_AddStringToObject(last, "ServiceName", key->used_service ? key->used_service : "N/A");
        cJSON_AddStringToObject(last, "Region", key->used_region ? key->used_region : "N/A");
        return true;
}
