#include "localpca/csr.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "localpca/authority.h"

static const struct {
        const char *member;
        unsigned bit;
} usages[] = {
        { "DigitalSignature", KU_DIGITAL_SIGNATURE },
        { "NonRepudiation", KU_NON_REPUDIATION },
        { "KeyEncipherment", KU_KEY_ENCIPHERMENT },
        { "DataEncipherment", KU_DATA_ENCIPHERMENT },
        { "KeyAgreement", KU_KEY_AGREEMENT },
        { "KeyCertSign", KU_KEY_CERT_SIGN },
        { "CRLSign", KU_CRL_SIGN },
        { "EncipherOnly", KU_ENCIPHER_ONLY },
        { "DecipherOnly", KU_DECIPHER_ONLY },
};

static const struct {
        const char *type;
        const char *oid;
} access_methods[] = {
        { "CA_REPOSITORY", "1.3.6.1.5.5.7.48.5" },
        { "RESOURCE_PKI_MANIFEST", "1.3.6.1.5.5.7.48.10" },
        { "RESOURCE_PKI_NOTIFY", "1.3.6.1.5.5.7.48.13" },
};

static unsigned
key_usage_bits(const cJSON *key_usage)
{
        unsigned bits = 0;

        for (size_t i = 0; i < ARRAY_LENGTH(usages); i++)
                if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(key_usage, usages[i].member)))
                        bits |= usages[i].bit;
        return bits;
}

/* -- general names ------------------------------------------------------------------------ */

static const char *
member_text(const cJSON *object, const char *name)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static bool
text_name(GENERAL_NAME *name, int type, const char *text)
{
        ASN1_IA5STRING *string = ASN1_IA5STRING_new();

        if (!string || !ASN1_STRING_set(string, text, -1)) {
                ASN1_IA5STRING_free(string);
                return false;
        }
        GENERAL_NAME_set0_value(name, type, string);
        return true;
}

static bool
address_name(GENERAL_NAME *name, const char *text)
{
        ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);

        if (address)
                GENERAL_NAME_set0_value(name, GEN_IPADD, address);
        return address != NULL;
}

static bool
directory_name(GENERAL_NAME *name, const cJSON *subject)
{
        struct error ignored = { 0 };
        X509_NAME *directory = authority_subject(subject, &ignored);

        if (directory)
                GENERAL_NAME_set0_value(name, GEN_DIRNAME, directory);
        return directory != NULL;
}

static bool
registered_name(GENERAL_NAME *name, const char *oid)
{
        ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);

        if (object)
                GENERAL_NAME_set0_value(name, GEN_RID, object);
        return object != NULL;
}

static bool
other_name(GENERAL_NAME *name, const cJSON *other)
{
        const char *oid = member_text(other, "TypeId"), *value = member_text(other, "Value");
        ASN1_OBJECT *object = oid ? OBJ_txt2obj(oid, 1) : NULL;
        ASN1_TYPE *wrapped = ASN1_TYPE_new();
        ASN1_UTF8STRING *text = ASN1_UTF8STRING_new();

        if (object && wrapped && text && ASN1_STRING_set(text, value, -1)) {
                ASN1_TYPE_set(wrapped, V_ASN1_UTF8STRING, text);
                if (GENERAL_NAME_set0_othername(name, object, wrapped))
                        return true;
                text = NULL;
        }
        ASN1_OBJECT_free(object);
        ASN1_TYPE_free(wrapped);
        ASN1_UTF8STRING_free(text);
        return false;
}

static bool
party_name(GENERAL_NAME *name, const cJSON *party)
{
        const char *assigner = member_text(party, "NameAssigner");
        EDIPARTYNAME *edi = EDIPARTYNAME_new();
        bool done = edi != NULL;

        /* A DirectoryString is a choice of string types: UTF-8 (RFC 5280, 4.2.1.6). */
        if (done) {
                ASN1_STRING_free(edi->partyName);
                edi->partyName = ASN1_STRING_type_new(V_ASN1_UTF8STRING);
                done = edi->partyName &&
                       ASN1_STRING_set(edi->partyName, member_text(party, "PartyName"), -1);
        }
        if (done && assigner) {
                edi->nameAssigner = ASN1_STRING_type_new(V_ASN1_UTF8STRING);
                done = edi->nameAssigner && ASN1_STRING_set(edi->nameAssigner, assigner, -1);
        }
        if (done)
                GENERAL_NAME_set0_value(name, GEN_EDIPARTY, edi);
        else
                EDIPARTYNAME_free(edi);
        return done;
}

/* NULL when it cannot be encoded or has not exactly one member. */
static GENERAL_NAME *
general_name_of(const cJSON *from)
{
        static const struct {
                const char *member;
                int type;
        } texts[] = { { "Rfc822Name", GEN_EMAIL },
                      { "DnsName", GEN_DNS },
                      { "UniformResourceIdentifier", GEN_URI } };
        GENERAL_NAME *name = GENERAL_NAME_new();
        const cJSON *one = from ? from->child : NULL;
        bool done = false;

        if (one && !one->next) {
                for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
                        if (strcmp(one->string, texts[i].member) == 0)
                                done = text_name(name, texts[i].type, one->valuestring);
                if (strcmp(one->string, "IpAddress") == 0)
                        done = address_name(name, one->valuestring);
                if (strcmp(one->string, "DirectoryName") == 0)
                        done = directory_name(name, one);
                if (strcmp(one->string, "RegisteredId") == 0)
                        done = registered_name(name, one->valuestring);
                if (strcmp(one->string, "OtherName") == 0)
                        done = other_name(name, one);
                if (strcmp(one->string, "EdiPartyName") == 0)
                        done = party_name(name, one);
        }
        if (done)
                return name;
        GENERAL_NAME_free(name);
        return NULL;
}

/* -- the request -------------------------------------------------------------------------- */

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
        return OBJ_txt2obj(oid, 1);
}

/* SubjectInfoAccess has the form of AuthorityInfoAccess (RFC 5280, 4.2.2.2). */
static bool
information_access_add(STACK_OF(X509_EXTENSION) * extensions, const cJSON *list)
{
        AUTHORITY_INFO_ACCESS *access = sk_ACCESS_DESCRIPTION_new_null();
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
                        general_name_of(cJSON_GetObjectItemCaseSensitive(one, "AccessLocation"));
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

        if (usage && !usage_add(extensions, key_usage_bits(usage)))
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
                authority_subject(cJSON_GetObjectItemCaseSensitive(configuration, "Subject"), err);
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
