#include "localpca/csr.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "localpca/names.h"
#include "localpca/passthrough.h"

static const struct {
        const char *type;
        const char *oid;
} access_methods[] = {
        { "CA_REPOSITORY", "1.3.6.1.5.5.7.48.5" },
        { "RESOURCE_PKI_MANIFEST", "1.3.6.1.5.5.7.48.10" },
        { "RESOURCE_PKI_NOTIFY", "1.3.6.1.5.5.7.48.13" },
};

static const char *
member_text(const cJSON *object, const char *name)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static ASN1_OBJECT *
access_method_of(const cJSON *method)
{
        const char *oid = member_text(method, "CustomObjectIdentifier");
        const char *type = member_text(method, "AccessMethodType");

        if ((oid != NULL) == (type != NULL))
                return NULL;
        for (size_t i = 0; type && i < ARRAY_LENGTH(access_methods); i++)
                if (strcmp(access_methods[i].type, type) == 0)
                        oid = access_methods[i].oid;
        return oid_of_text(oid);
}

/* SubjectInfoAccess has the form of AuthorityInfoAccess (RFC 5280, 4.2.2.2). */
static bool
information_access_add(STACK_OF(X509_EXTENSION) * extensions, const cJSON *list)
{
        AUTHORITY_INFO_ACCESS *access = sk_ACCESS_DESCRIPTION_new_null();
        struct error ignored = { 0 };
        const cJSON *one;
        bool done = access != NULL;

        cJSON_ArrayForEach(one, list)
        {
                ACCESS_DESCRIPTION *description = ACCESS_DESCRIPTION_new();
                ASN1_OBJECT_free(description->method);
                GENERAL_NAME_free(description->location);
                description->method =
                        access_method_of(cJSON_GetObjectItemCaseSensitive(one, "AccessMethod"));
                description->location =
                        name_of_general(cJSON_GetObjectItemCaseSensitive(one, "AccessLocation"),
                                        &ignored);
                sk_ACCESS_DESCRIPTION_push(access, description);
                done = done && description->method && description->location;
        }
        done = done &&
               X509V3_add1_i2d(&extensions, NID_sinfo_access, access, 0, X509V3_ADD_APPEND) == 1;
        sk_ACCESS_DESCRIPTION_pop_free(access, ACCESS_DESCRIPTION_free);
        return done;
}

static bool
usage_add(STACK_OF(X509_EXTENSION) * extensions, unsigned usage)
{
        ASN1_BIT_STRING *bits = key_usage_string(usage);
        bool done = bits &&
                    X509V3_add1_i2d(&extensions, NID_key_usage, bits, 1, X509V3_ADD_APPEND) == 1;

        ASN1_BIT_STRING_free(bits);
        return done;
}

static bool
extensions_put(X509_REQ *csr, const cJSON *wanted)
{
        const cJSON *usage = cJSON_GetObjectItemCaseSensitive(wanted, "KeyUsage");
        const cJSON *access = cJSON_GetObjectItemCaseSensitive(wanted, "SubjectInformationAccess");
        CLEANUP(extensions_cleanup)
        STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();

        if (usage && !usage_add(extensions, passthrough_key_usage(usage)))
                return false;
        if (cJSON_GetArraySize(access) && !information_access_add(extensions, access))
                return false;
        return !sk_X509_EXTENSION_num(extensions) || X509_REQ_add_extensions(csr, extensions) == 1;
}

static char *
csr_pem(X509_REQ *csr)
{
        BIO *bio = BIO_new(BIO_s_mem());
        char *data = NULL, *copy = NULL;

        if (bio && PEM_write_bio_X509_REQ(bio, csr) == 1) {
                long len = BIO_get_mem_data(bio, &data);
                copy = text_copy_length(data, (size_t)len);
        }
        BIO_free(bio);
        return copy;
}

char *
csr_make(const cJSON *configuration, EVP_PKEY *key, const struct algorithm *algorithm,
         struct error *err)
{
        CLEANUP(name_cleanup)
        X509_NAME *subject =
                name_of_subject(cJSON_GetObjectItemCaseSensitive(configuration, "Subject"), err);
        CLEANUP(x509_req_cleanup) X509_REQ *csr = X509_REQ_new();
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        char *pem = NULL;

        if (subject && X509_REQ_set_version(csr, X509_REQ_VERSION_1) &&
            X509_REQ_set_subject_name(csr, subject) && X509_REQ_set_pubkey(csr, key) &&
            extensions_put(csr, cJSON_GetObjectItemCaseSensitive(configuration, "CsrExtensions")) &&
            signing_start(context, key, algorithm) && X509_REQ_sign_ctx(csr, context) > 0)
                pem = csr_pem(csr);
        EVP_MD_CTX_free(context);
        if (!pem)
                error_set(err, ERROR_INPUT, "the configuration cannot be written as a CSR");
        return pem;
}
