#include "localpca/authority.h"

#include <stdlib.h>
#include <string.h>

#include "localpca/csr.h"
#include "localpca/names.h"

static const char KIND[] = "authority";

enum { FIRST_ROOT_YEARS = 20, FIRST_ISSUER_YEARS = 10 };

#define YEAR_SECONDS ((int64_t)365 * 24 * 60 * 60)

static const char *const status_names[] = {
        [AUTHORITY_CREATING] = "CREATING", [AUTHORITY_PENDING] = "PENDING_CERTIFICATE",
        [AUTHORITY_ACTIVE] = "ACTIVE",     [AUTHORITY_DISABLED] = "DISABLED",
        [AUTHORITY_EXPIRED] = "EXPIRED",   [AUTHORITY_DELETED] = "DELETED",
        [AUTHORITY_FAILED] = "FAILED",
};
static_assert(ARRAY_LENGTH(status_names) == AUTHORITY_STATUSES, "a name for every status");

const char *
authority_status_name(enum authority_status status)
{
        return status_names[status];
}

static enum authority_status
status_named(const char *name)
{
        for (size_t i = 0; name && i < ARRAY_LENGTH(status_names); i++)
                if (strcmp(status_names[i], name) == 0)
                        return (enum authority_status)i;
        return AUTHORITY_FAILED;
}

enum authority_status
authority_status_at(const struct authority *authority, int64_t now)
{
        bool lives =
                authority->status == AUTHORITY_ACTIVE || authority->status == AUTHORITY_DISABLED;

        return lives && now > authority->not_after ? AUTHORITY_EXPIRED : authority->status;
}

bool
authority_is_gone(const struct authority *authority, int64_t now)
{
        return authority->status == AUTHORITY_DELETED && now > authority->restorable_until;
}

static void
authority_free(struct authority *authority)
{
        free(authority->id);
        free(authority->arn);
        free(authority->account);
        EVP_PKEY_free(authority->key);
        X509_free(authority->certificate);
        free(authority->certificate_pem);
        free(authority->chain);
        cJSON_Delete(authority->configuration);
        cJSON_Delete(authority->revocation);
        cJSON_Delete(authority->tags);
        cJSON_Delete(authority->permissions);
        free(authority->policy);
        free(authority->usage_mode);
        free(authority->storage_standard);
        free(authority->csr);
        buf_clear(&authority->crl);
        free(authority);
}

void
authorities_clear(struct authorities *authorities)
{
        for (size_t i = 0; i < authorities->count; i++)
                authority_free(authorities->all[i]);
        free(authorities->all);
        *authorities = (struct authorities){ 0 };
}

struct authority *
authority_find(const struct authorities *authorities, const char *arn)
{
        for (size_t i = 0; i < authorities->count; i++)
                if (strcmp(authorities->all[i]->arn, arn) == 0)
                        return authorities->all[i];
        return NULL;
}

static struct authority *
authority_add(struct authorities *authorities)
{
        struct authority *authority = memory_new(1, sizeof(*authority));

        authorities->all = memory_grow(authorities->all, authorities->count + 1, sizeof(authority));
        authorities->all[authorities->count++] = authority;
        return authority;
}

static const char *
member_text(const cJSON *object, const char *name)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static int64_t
member_number(const cJSON *object, const char *name)
{
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

        return cJSON_IsNumber(member) ? (int64_t)member->valuedouble : 0;
}

/* The facts that the configuration implies. */
static void
configuration_take(struct authority *authority, const cJSON *configuration)
{
        authority->configuration = cJSON_Duplicate(configuration, true);
        authority->kind = key_kind_find(member_text(configuration, "KeyAlgorithm"));
        authority->algorithm = algorithm_find(member_text(configuration, "SigningAlgorithm"));
}

static const char *
partition_of(const char *region)
{
        static const struct {
                const char *prefix, *partition;
        } partitions[] = { { "cn-", "aws-cn" },
                           { "us-gov-", "aws-us-gov" },
                           { "eusc-", "aws-eusc" } };

        for (size_t i = 0; i < ARRAY_LENGTH(partitions); i++)
                if (text_starts(region, partitions[i].prefix))
                        return partitions[i].partition;
        return "aws";
}

struct authority *
authority_new(struct authorities *authorities, const char *region, const char *account,
              const cJSON *configuration)
{
        struct authority *authority = authority_add(authorities);
        char id[37];

        random_uuid(id);
        authority->id = text_copy(id);
        authority->account = text_copy(account);
        authority->arn = text_format("arn:%s:acm-pca:%s:%s:certificate-authority/%s",
                                     partition_of(region), region, account, id);
        authority->tags = cJSON_CreateArray();
        authority->permissions = cJSON_CreateArray();
        configuration_take(authority, configuration);
        return authority;
}

void
authority_set_certificate(struct authority *authority, X509 *certificate, const char *chain)
{
        X509_up_ref(certificate);
        X509_free(authority->certificate);
        authority->certificate = certificate;
        free(authority->certificate_pem);
        authority->certificate_pem = certificate_pem(certificate);
        text_assign(&authority->chain, chain);
        authority->not_before = asn1_time_read(X509_get0_notBefore(certificate));
        authority->not_after = asn1_time_read(X509_get0_notAfter(certificate));
}

/* -- the document ------------------------------------------------------------------------- */

static void
bytes_add(cJSON *document, const char *name, struct buf *der)
{
        char *text = base64_encode(view_buf(der));

        if (der->len)
                cJSON_AddStringToObject(document, name, text);
        wipe(text, strlen(text));
        free(text);
        wipe(der->data, der->len);
        buf_clear(der);
}

static cJSON *
copy_or_null(const cJSON *item)
{
        return item ? cJSON_Duplicate(item, true) : cJSON_CreateNull();
}

bool
authority_save(struct authority *authority, struct store *store, struct error *err)
{
        cJSON *document = cJSON_CreateObject();
        const struct {
                const char *name, *value;
        } texts[] = {
                { "arn", authority->arn },
                { "account", authority->account },
                { "status", authority_status_name(authority->status) },
                { "status_before", authority_status_name(authority->status_before) },
                { "chain", authority->chain },
                { "policy", authority->policy },
                { "usage_mode", authority->usage_mode },
                { "storage_standard", authority->storage_standard },
                { "csr", authority->csr },
        };
        struct buf der = { 0 };
        uint8_t *key = NULL;

        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
                if (texts[i].value)
                        cJSON_AddStringToObject(document, texts[i].name, texts[i].value);
        cJSON_AddBoolToObject(document, "root", authority->root);
        cJSON_AddNumberToObject(document, "created_ms", (double)authority->created_ms);
        cJSON_AddNumberToObject(document, "changed_ms", (double)authority->changed_ms);
        cJSON_AddNumberToObject(document, "restorable_until", (double)authority->restorable_until);
        cJSON_AddItemToObject(document, "configuration", copy_or_null(authority->configuration));
        cJSON_AddItemToObject(document, "revocation", copy_or_null(authority->revocation));
        cJSON_AddItemToObject(document, "tags", copy_or_null(authority->tags));
        cJSON_AddItemToObject(document, "permissions", copy_or_null(authority->permissions));
        int len = authority->key ? i2d_PrivateKey(authority->key, &key) : 0;
        if (len > 0)
                buf_add(&der, view_of(key, (size_t)len));
        OPENSSL_clear_free(key, len > 0 ? (size_t)len : 0);
        bytes_add(document, "key", &der);
        if (authority->certificate)
                certificate_der(authority->certificate, &der);
        bytes_add(document, "certificate", &der);
        bool done = store_document_put(store, KIND, authority->id, document, &authority->row, err);
        cJSON_Delete(document);
        return done;
}

static cJSON *
list_of(const cJSON *document, const char *name)
{
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(document, name);

        return cJSON_IsArray(list) ? cJSON_Duplicate(list, true) : cJSON_CreateArray();
}

static void
key_and_certificate_load(struct authority *authority, const cJSON *document)
{
        struct error ignored = { 0 };
        struct buf der = { 0 };
        const char *chain = member_text(document, "chain");

        if (base64_decode(view_text(member_text(document, "key")), &der, &ignored) && der.len) {
                const uint8_t *at = der.data;
                authority->key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
                wipe(der.data, der.len);
        }
        buf_clear(&der);
        if (base64_decode(view_text(member_text(document, "certificate")), &der, &ignored) &&
            der.len) {
                CLEANUP(certificate_cleanup) X509 *certificate = certificate_of_der(view_buf(&der));
                if (certificate)
                        authority_set_certificate(authority, certificate, chain);
        }
        buf_clear(&der);
}

static bool
authority_visit(void *context, int64_t row, const char *key, const cJSON *document,
                struct error *err)
{
        const cJSON *configuration = cJSON_GetObjectItemCaseSensitive(document, "configuration");
        const cJSON *revocation = cJSON_GetObjectItemCaseSensitive(document, "revocation");

        if (!cJSON_IsObject(configuration) || !member_text(document, "arn"))
                return error_set(err, ERROR_FILE, "the certificate authority %s is damaged", key);
        struct authority *authority = authority_add(context);
        authority->row = row;
        authority->id = text_copy(key);
        authority->arn = text_copy(member_text(document, "arn"));
        authority->account = text_copy(member_text(document, "account"));
        authority->status = status_named(member_text(document, "status"));
        authority->status_before = status_named(member_text(document, "status_before"));
        authority->policy = text_copy(member_text(document, "policy"));
        authority->usage_mode = text_copy(member_text(document, "usage_mode"));
        authority->storage_standard = text_copy(member_text(document, "storage_standard"));
        authority->csr = text_copy(member_text(document, "csr"));
        authority->root = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(document, "root"));
        authority->created_ms = member_number(document, "created_ms");
        authority->changed_ms = member_number(document, "changed_ms");
        authority->restorable_until = member_number(document, "restorable_until");
        authority->revocation =
                cJSON_IsObject(revocation) ? cJSON_Duplicate(revocation, true) : NULL;
        authority->tags = list_of(document, "tags");
        authority->permissions = list_of(document, "permissions");
        configuration_take(authority, configuration);
        key_and_certificate_load(authority, document);
        return true;
}

bool
authorities_load(struct authorities *authorities, struct store *store, struct error *err)
{
        return store_document_each(store, KIND, authority_visit, authorities, err);
}

/* -- the first two ------------------------------------------------------------------------ */

static struct authority *
founder_new(struct authorities *authorities, const char *region, const char *account,
            const struct key_kind *kind, const char *common_name, int64_t now_ms)
{
        cJSON *configuration = cJSON_CreateObject();
        cJSON *subject = cJSON_CreateObject();

        cJSON_AddStringToObject(subject, "Organization", "localpca");
        cJSON_AddStringToObject(subject, "CommonName", common_name);
        cJSON_AddStringToObject(configuration, "KeyAlgorithm", kind->name);
        cJSON_AddStringToObject(configuration, "SigningAlgorithm", kind->signing);
        cJSON_AddItemToObject(configuration, "Subject", subject);
        struct authority *authority = authority_new(authorities, region, account, configuration);
        cJSON_Delete(configuration);
        authority->status = AUTHORITY_ACTIVE;
        authority->usage_mode = text_copy("GENERAL_PURPOSE");
        authority->storage_standard = text_copy("FIPS_140_2_LEVEL_3_OR_HIGHER");
        authority->created_ms = authority->changed_ms = now_ms;
        authority->key = key_make(kind);
        return authority;
}

static bool
founder_sign(struct authority *authority, const struct authority *parent, const char *template_arn,
             int64_t now, int years, struct error *err)
{
        uint8_t serial[SERIAL_SIZE];
        CLEANUP(name_cleanup)
        X509_NAME *subject = name_of_subject(
                cJSON_GetObjectItemCaseSensitive(authority->configuration, "Subject"), err);
        struct signer signer = { parent ? parent->key : authority->key,
                                 parent ? parent->certificate : NULL };
        struct wish wish = { .template = template_named(template_arn),
                             .subject = subject,
                             .key = authority->key,
                             .serial = serial,
                             .not_before = now - 60 * 60,
                             .not_after = now + years * YEAR_SECONDS };

        if (!subject || !authority->key)
                return error_set(err, ERROR_INTERNAL, "OpenSSL cannot make a key pair");
        random_bytes(serial, sizeof(serial));
        CLEANUP(certificate_cleanup)
        X509 *certificate = certificate_make(&wish, &signer, authority->algorithm, err);
        if (!certificate)
                return false;
        authority->csr =
                csr_make(authority->configuration, authority->key, authority->algorithm, err);
        if (!authority->csr)
                return false;
        authority->root = !parent;
        authority_set_certificate(authority, certificate, parent ? parent->certificate_pem : NULL);
        return true;
}

bool
authorities_found(struct authorities *authorities, struct store *store, const char *region,
                  const char *account, const struct key_kind *kind, int64_t now_ms,
                  struct error *err)
{
        struct authority *root =
                founder_new(authorities, region, account, kind, "localpca root CA", now_ms);
        struct authority *issuer =
                founder_new(authorities, region, account, kind, "localpca issuing CA", now_ms);

        return founder_sign(root, NULL, "arn:aws:acm-pca:::template/RootCACertificate/V1",
                            now_ms / 1000, FIRST_ROOT_YEARS, err) &&
               founder_sign(issuer, root,
                            "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen0/V1",
                            now_ms / 1000, FIRST_ISSUER_YEARS, err) &&
               authority_save(root, store, err) && authority_save(issuer, store, err);
}
