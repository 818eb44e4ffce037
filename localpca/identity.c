#include "localpca/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "localpca/json.h"

enum {
        IDENTITY_FILE_MOST = 1 << 20,
        SECRET_LENGTH = 40,
        TOKEN_LENGTH = 356,
        KEPT_AFTER_END = 24 * 60 * 60
};

static const char KIND[] = "identity";
static const char BASE32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void
identity_free(struct identity *identity)
{
        free(identity->access_key_id);
        secret_clear(&identity->secret);
        free(identity->session_token);
        free(identity->account);
        free(identity->arn);
        free(identity->user_id);
        free(identity->organization);
        cJSON_Delete(identity->policy);
        free(identity->record);
        free(identity->role_arn);
        cJSON_Delete(identity->session);
        free(identity->used_service);
        free(identity->used_region);
        free(identity);
}

void
identities_clear(struct identities *identities)
{
        for (size_t i = 0; i < identities->count; i++)
                identity_free(identities->all[i]);
        free(identities->all);
        *identities = (struct identities){ 0 };
}

struct identity *
identity_find(const struct identities *identities, const char *access_key_id)
{
        for (size_t i = 0; i < identities->count; i++)
                if (strcmp(identities->all[i]->access_key_id, access_key_id) == 0)
                        return identities->all[i];
        return NULL;
}

/* -- the JSON form ------------------------------------------------------------------------ */

/* One identity from its JSON form, which is the same in the state and in --identities. */
static struct identity *
identity_add(struct identities *identities, const cJSON *document, const char *account)
{
        struct identity *identity = memory_new(1, sizeof(*identity));
        const char *own = json_text(document, "account");
        const cJSON *policy = json_member(document, "policy");
        const cJSON *session = json_member(document, "session");

        identity->access_key_id = text_copy(json_text(document, "access_key_id"));
        secret_set(&identity->secret, view_text(json_text(document, "secret_access_key")));
        identity->session_token = text_copy(json_text(document, "session_token"));
        identity->created = json_number(document, "created", 0);
        identity->expires = json_number(document, "expires", 0);
        identity->inactive = cJSON_IsTrue(json_member(document, "inactive"));
        identity->account = text_copy(own ? own : account);
        identity->arn = text_copy(json_text(document, "arn"));
        identity->user_id = text_copy(json_text(document, "user_id"));
        identity->organization = text_copy(json_text(document, "organization"));
        identity->policy = policy ? cJSON_Duplicate(policy, true) : NULL;
        identity->record = text_copy(json_text(document, "record"));
        identity->role_arn = text_copy(json_text(document, "role_arn"));
        identity->is_role = identity->role_arn != NULL;
        identity->session = session ? cJSON_Duplicate(session, true) : NULL;
        identities->all = memory_grow(identities->all, identities->count + 1, sizeof(identity));
        identities->all[identities->count++] = identity;
        return identity;
}

/* What --identities has to have, which people write. */
static bool
identity_check(const struct identities *identities, const cJSON *document, struct error *err)
{
        const char *key = json_text(document, "access_key_id");
        const char *secret = json_text(document, "secret_access_key");
        const char *arn = json_text(document, "arn");

        if (arn && !text_starts(arn, "arn:"))
                return error_set(err, ERROR_CONFIG, "'%s' is not an ARN", arn);
        if (!key || !*key || !secret || !*secret || !arn ||
            !cJSON_IsObject(json_member(document, "policy")))
                return error_set(err, ERROR_CONFIG,
                                 "an identity needs access_key_id, secret_access_key, arn, policy");
        if (identity_find(identities, key))
                return error_set(err, ERROR_CONFIG, "the access key '%s' is there twice", key);
        return true;
}

bool
identities_read(struct identities *identities, const char *path, const char *account,
                struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        const cJSON *one;
        bool done = true;

        if (!file_read(path, IDENTITY_FILE_MOST, &text, err))
                return false;
        cJSON *document = cJSON_ParseWithLength(buf_text(&text), text.len);
        const cJSON *list = json_member(document, "identities");
        if (!cJSON_IsArray(list))
                done = error_set(err, ERROR_CONFIG, "there is no list \"identities\"");
        cJSON_ArrayForEach(one, list)
        {
                const char *expires = json_text(one, "expires");
                int64_t until = 0;

                done = done && identity_check(identities, one, err);
                if (done && expires && !clock_parse(expires, &until))
                        done = error_set(err, ERROR_CONFIG, "'%s' is not a time", expires);
                if (done)
                        identity_add(identities, one, account)->expires = until;
        }
        cJSON_Delete(document);
        wipe(text.data, text.len);
        return done || error_about(err, "the identities in '%s'", path);
}

/* -- new ones ----------------------------------------------------------------------------- */

void
random_text(char *out, size_t len, const char *alphabet)
{
        size_t count = strlen(alphabet);
        uint8_t byte;

        for (size_t i = 0; i < len; i++) {
                random_bytes(&byte, 1);
                out[i] = alphabet[byte % count];
        }
        out[len] = '\0';
}

char *
iam_id(const char *prefix)
{
        char rest[18];

        random_text(rest, sizeof(rest) - 1, BASE32);
        return text_format("%s%s", prefix, rest);
}

/*
 * 80 bits in base32 behind the prefix: a one, 40 bits of the account, the rest chance.  AWS writes
 * key ids so, which is how GetAccessKeyInfo can answer without looking anything up.
 */
static void
access_key_make(const char *prefix, const char *account, char out[21])
{
        int64_t number = 0;
        uint8_t bytes[10];
        unsigned bits = 0, pending = 0;
        size_t at = 4;

        if (!number_parse(account, 0, 999999999999, &number))
                number = 0;
        random_bytes(bytes, sizeof(bytes));
        uint64_t head = (uint64_t)1 << 47 | (uint64_t)number << 7 | (bytes[5] & 0x7f);
        for (size_t i = 0; i < 6; i++)
                bytes[i] = (uint8_t)(head >> (40 - 8 * i));
        memcpy(out, prefix, 4);
        for (size_t i = 0; i < sizeof(bytes); i++) {
                pending = pending << 8 | bytes[i];
                for (bits += 8; bits >= 5; bits -= 5)
                        out[at++] = BASE32[pending >> (bits - 5) & 31];
        }
        out[at] = '\0';
}

void
access_key_account(const char *access_key_id, char out[13])
{
        uint64_t head = 0;

        out[0] = '\0';
        if (strlen(access_key_id) != 20)
                return;
        /* Ten characters are 50 bits: the head and two more. */
        for (size_t i = 4; i < 14; i++) {
                const char *digit = strchr(BASE32, access_key_id[i]);
                if (!digit)
                        return;
                head = head << 5 | (uint64_t)(digit - BASE32);
        }
        head >>= 2;
        uint64_t account = head >> 7 & (((uint64_t)1 << 40) - 1);
        if (head >> 47 && account <= 999999999999)
                snprintf(out, 13, "%012llu", (unsigned long long)account);
}

bool
identity_delete(struct identities *identities, struct identity *identity, struct store *store,
                struct error *err)
{
        if (!store_document_delete(store, KIND, identity->access_key_id, err))
                return false;
        for (size_t i = 0; i < identities->count; i++) {
                if (identities->all[i] != identity)
                        continue;
                memmove(&identities->all[i], &identities->all[i + 1],
                        (identities->count - i - 1) * sizeof(identity));
                identities->count--;
                break;
        }
        identity_free(identity);
        return true;
}

/* Forget the sessions that ended before `before`: until then they are told that they ended. */
static bool
identities_purge(struct identities *identities, struct store *store, int64_t before,
                 struct error *err)
{
        for (size_t i = identities->count; i-- > 0;) {
                struct identity *one = identities->all[i];
                if (one->stored && one->session_token && one->expires < before &&
                    !identity_delete(identities, one, store, err))
                        return false;
        }
        return true;
}

struct identity *
identity_make(struct identities *identities, struct store *store, cJSON *form, bool session,
              int64_t now, struct error *err)
{
        char key[21], secret[SECRET_LENGTH + 1], token[TOKEN_LENGTH + 1];
        struct identity *identity = NULL;
        const char *account = json_text(form, "account");

        if (session && !identities_purge(identities, store, now - KEPT_AFTER_END, err)) {
                cJSON_Delete(form);
                return NULL;
        }
        access_key_make(session ? "ASIA" : "AKIA", account, key);
        random_text(secret, SECRET_LENGTH, BASE64);
        random_text(token, TOKEN_LENGTH, BASE64);
        cJSON_AddStringToObject(form, "access_key_id", key);
        cJSON_AddStringToObject(form, "secret_access_key", secret);
        if (session)
                cJSON_AddStringToObject(form, "session_token", token);
        cJSON_AddNumberToObject(form, "created", (double)now);
        wipe(secret, sizeof(secret));
        if (store_document_put(store, KIND, key, form, NULL, err)) {
                identity = identity_add(identities, form, account);
                identity->stored = true;
        }
        cJSON_Delete(form);
        return identity;
}

/* The state's JSON form of an identity. */
static cJSON *
identity_form(const struct identity *identity)
{
        const struct {
                const char *name, *value;
        } texts[] = {
                { "access_key_id", identity->access_key_id },
                { "session_token", identity->session_token },
                { "account", identity->account },
                { "arn", identity->arn },
                { "user_id", identity->user_id },
                { "record", identity->record },
                { "role_arn", identity->role_arn },
        };
        cJSON *form = cJSON_CreateObject();
        char *secret = text_copy_length(identity->secret.data, identity->secret.len);

        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
                json_set_text(form, texts[i].name, texts[i].value);
        cJSON_AddStringToObject(form, "secret_access_key", secret);
        wipe(secret, identity->secret.len);
        free(secret);
        cJSON_AddNumberToObject(form, "created", (double)identity->created);
        cJSON_AddNumberToObject(form, "expires", (double)identity->expires);
        cJSON_AddBoolToObject(form, "inactive", identity->inactive);
        if (identity->session)
                cJSON_AddItemToObject(form, "session", cJSON_Duplicate(identity->session, true));
        return form;
}

bool
identity_set_inactive(struct identity *identity, bool inactive, struct store *store,
                      struct error *err)
{
        identity->inactive = inactive;
        cJSON *form = identity_form(identity);
        bool done = store_document_put(store, KIND, identity->access_key_id, form, NULL, err);

        cJSON_Delete(form);
        return done;
}

/* -- the first two ------------------------------------------------------------------------ */

/* What the limited issuer may: issue from three templates, and read its work back. */
static char *
issuer_policy(const char *ca_arn)
{
        size_t partition = strcspn(ca_arn + 4, ":");

        return text_format(
                "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Issue\",\"Effect\":"
                "\"Allow\","
                "\"Action\":\"acm-pca:IssueCertificate\",\"Resource\":\"%1$s\",\"Condition\":"
                "{\"ArnEquals\":{\"acm-pca:TemplateArn\":["
                "\"arn:%3$.*2$s:acm-pca:::template/EndEntityCertificate/V1\","
                "\"arn:%3$.*2$s:acm-pca:::template/EndEntityClientAuthCertificate/V1\","
                "\"arn:%3$.*2$s:acm-pca:::template/EndEntityServerAuthCertificate/V1\"]}}},"
                "{\"Sid\":\"ReadBack\",\"Effect\":\"Allow\",\"Action\":[\"acm-pca:GetCertificate\","
                "\"acm-pca:GetCertificateAuthorityCertificate\","
                "\"acm-pca:DescribeCertificateAuthority\"],\"Resource\":\"%1$s\"}]}",
                ca_arn, (int)partition, ca_arn + 4);
}

static const char administrator_policy[] =
        "{\"Version\":\"2012-10-17\",\"Statement\":"
        "[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}";

/* A user of IAM with one inline policy. */
static struct record *
user_make(struct records *records, struct store *store, const char *arn, const char *account,
          const char *policy, struct error *err)
{
        const char *name = strrchr(arn, '/') + 1;
        CLEANUP(free_cleanup) char *key = record_key(account, name);
        CLEANUP(free_cleanup) char *id = iam_id("AIDA");
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "account", account);
        cJSON_AddStringToObject(json, "name", name);
        cJSON_AddStringToObject(json, "path", "/");
        cJSON_AddStringToObject(json, "id", id);
        cJSON_AddStringToObject(json, "arn", arn);
        cJSON_AddNumberToObject(json, "created", (double)clock_now());
        cJSON_AddStringToObject(cJSON_AddObjectToObject(json, "inline"), "localpca", policy);
        struct record *record = record_new(records, RECORD_USER, key, json);
        return record_save(record, store, 0, 0, err) ? record : NULL;
}

static bool
first_make(struct identities *identities, struct records *records, struct store *store,
           const char *user, const char *policy, const char *account, const char *ca_arn,
           struct error *err)
{
        CLEANUP(free_cleanup)
        char *arn = text_format("arn:%.*s:iam::%s:user/%s", (int)strcspn(ca_arn + 4, ":"),
                                ca_arn + 4, account, user);
        struct record *record = user_make(records, store, arn, account, policy, err);

        if (!record)
                return false;
        cJSON *form = cJSON_CreateObject();
        cJSON_AddStringToObject(form, "account", account);
        cJSON_AddStringToObject(form, "arn", arn);
        cJSON_AddStringToObject(form, "user_id", json_text(record->json, "id"));
        cJSON_AddStringToObject(form, "record", record->key);
        return identity_make(identities, store, form, false, clock_now(), err) != NULL;
}

/* Before there was IAM, the state held a policy beside each key: it becomes a user with that. */
static bool
old_take(struct identity *identity, struct records *records, struct store *store, struct error *err)
{
        bool administrator = strstr(identity->arn, ":user/localpca-admin") != NULL;
        CLEANUP(free_cleanup) char *policy = cJSON_PrintUnformatted(identity->policy);
        struct record *record = user_make(records, store, identity->arn, identity->account,
                                          administrator ? administrator_policy : policy, err);

        if (!record)
                return false;
        cJSON_Delete(identity->policy);
        identity->policy = NULL;
        identity->record = text_copy(record->key);
        identity->user_id = text_copy(record_text(record, "id"));
        identity->created = record_number(record, "created");
        return identity_set_inactive(identity, false, store, err);
}

struct loading {
        struct identities *identities;
        const char *account;
};

static bool
identity_visit(void *context, int64_t row, const char *key, const cJSON *document,
               struct error *err)
{
        struct loading *loading = context;

        (void)row;
        (void)key;
        (void)err;
        identity_add(loading->identities, document, loading->account)->stored = true;
        return true;
}

bool
identities_load(struct identities *identities, struct records *records, struct store *store,
                const char *ca_arn, const char *account, struct error *err)
{
        struct loading loading = { identities, account };

        if (!store_document_each(store, KIND, identity_visit, &loading, err))
                return false;
        for (size_t i = 0; i < identities->count; i++)
                if (identities->all[i]->policy && !identities->all[i]->session_token &&
                    !old_take(identities->all[i], records, store, err))
                        return false;
        if (identities->count)
                return true;
        CLEANUP(free_cleanup) char *policy = issuer_policy(ca_arn);
        return first_make(identities, records, store, "localpca-issuer", policy, account, ca_arn,
                          err) &&
               first_make(identities, records, store, "localpca-admin", administrator_policy,
                          account, ca_arn, err);
}

bool
identities_reload(struct identities *identities, struct store *store, const char *account,
                  struct error *err)
{
        struct loading loading = { identities, account };
        size_t kept = 0;

        for (size_t i = 0; i < identities->count; i++) {
                if (identities->all[i]->stored)
                        identity_free(identities->all[i]);
                else
                        identities->all[kept++] = identities->all[i];
        }
        identities->count = kept;
        return store_document_each(store, KIND, identity_visit, &loading, err);
}
