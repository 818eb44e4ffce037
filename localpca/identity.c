#include "localpca/identity.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"

enum { IDENTITY_FILE_MOST = 1 << 20, SECRET_LENGTH = 40 };

static const char KIND[] = "identity";

static void
identity_free(struct identity *identity)
{
        free(identity->access_key_id);
        secret_clear(&identity->secret);
        free(identity->session_token);
        free(identity->account);
        free(identity->arn);
        free(identity->organization);
        cJSON_Delete(identity->policy);
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

const struct identity *
identity_find(const struct identities *identities, const char *access_key_id)
{
        for (size_t i = 0; i < identities->count; i++)
                if (strcmp(identities->all[i]->access_key_id, access_key_id) == 0)
                        return identities->all[i];
        return NULL;
}

static const char *
member_text(const cJSON *object, const char *name)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* One identity from its JSON form, which is the same in the state and in --identities. */
static bool
identity_add(struct identities *identities, const cJSON *document, const char *account,
             struct error *err)
{
        const char *key = member_text(document, "access_key_id");
        const char *secret = member_text(document, "secret_access_key");
        const char *arn = member_text(document, "arn");
        const char *expires = member_text(document, "expires");
        const cJSON *policy = cJSON_GetObjectItemCaseSensitive(document, "policy");
        int64_t until = 0;

        if (arn && !text_starts(arn, "arn:"))
                return error_set(err, ERROR_CONFIG, "'%s' is not an ARN", arn);
        if (!key || !*key || !secret || !*secret || !arn || !cJSON_IsObject(policy))
                return error_set(err, ERROR_CONFIG,
                                 "an identity needs access_key_id, secret_access_key, arn, policy");
        if (expires && !clock_parse(expires, &until))
                return error_set(err, ERROR_CONFIG, "'%s' is not a time", expires);
        if (identity_find(identities, key))
                return error_set(err, ERROR_CONFIG, "the access key '%s' is there twice", key);
        struct identity *identity = memory_new(1, sizeof(*identity));
        identity->access_key_id = text_copy(key);
        secret_set(&identity->secret, view_text(secret));
        identity->session_token = text_copy(member_text(document, "session_token"));
        identity->expires = until;
        const char *own = member_text(document, "account");
        identity->account = text_copy(own ? own : account);
        identity->arn = text_copy(arn);
        identity->organization = text_copy(member_text(document, "organization"));
        identity->policy = cJSON_Duplicate(policy, true);
        identities->all = memory_grow(identities->all, identities->count + 1, sizeof(identity));
        identities->all[identities->count++] = identity;
        return true;
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
        return identity_add(loading->identities, document, loading->account, err);
}

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
        "[{\"Effect\":\"Allow\",\"Action\":\"acm-pca:*\",\"Resource\":\"*\"}]}";

static void
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

static bool
identity_make(struct store *store, const char *user, const char *policy, const char *account,
              const char *ca_arn, struct error *err)
{
        char key[21] = "AKIA", secret[SECRET_LENGTH + 1];
        cJSON *document = cJSON_CreateObject();
        char *arn = text_format("arn:%.*s:iam::%s:user/%s", (int)strcspn(ca_arn + 4, ":"),
                                ca_arn + 4, account, user);

        random_text(key + 4, 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
        random_text(secret, SECRET_LENGTH,
                    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
        cJSON_AddStringToObject(document, "access_key_id", key);
        cJSON_AddStringToObject(document, "secret_access_key", secret);
        cJSON_AddStringToObject(document, "arn", arn);
        cJSON_AddItemToObject(document, "policy", cJSON_Parse(policy));
        wipe(secret, sizeof(secret));
        bool done = store_document_put(store, KIND, key, document, NULL, err);
        cJSON_Delete(document);
        free(arn);
        return done;
}

bool
identities_load(struct identities *identities, struct store *store, const char *ca_arn,
                const char *account, struct error *err)
{
        struct loading loading = { identities, account };

        if (!store_document_each(store, KIND, identity_visit, &loading, err))
                return false;
        if (identities->count)
                return true;
        char *policy = issuer_policy(ca_arn);
        bool done = identity_make(store, "localpca-issuer", policy, account, ca_arn, err) &&
                    identity_make(store, "localpca-admin", administrator_policy, account, ca_arn,
                                  err) &&
                    store_document_each(store, KIND, identity_visit, &loading, err);
        free(policy);
        return done;
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
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(document, "identities");
        if (!cJSON_IsArray(list))
                done = error_set(err, ERROR_CONFIG, "there is no list \"identities\"");
        cJSON_ArrayForEach(one, list) done = done && identity_add(identities, one, account, err);
        cJSON_Delete(document);
        wipe(text.data, text.len);
        return done || error_about(err, "the identities in '%s'", path);
}
