#include "localpca/passthrough.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "localpca/names.h"
#include "localpca/x509.h"

static const struct {
        const char *member;
        unsigned bit;
} key_usages[] = {
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
} purposes[] = {
        { "SERVER_AUTH", "1.3.6.1.5.5.7.3.1" },
        { "CLIENT_AUTH", "1.3.6.1.5.5.7.3.2" },
        { "CODE_SIGNING", "1.3.6.1.5.5.7.3.3" },
        { "EMAIL_PROTECTION", "1.3.6.1.5.5.7.3.4" },
        { "TIME_STAMPING", "1.3.6.1.5.5.7.3.8" },
        { "OCSP_SIGNING", "1.3.6.1.5.5.7.3.9" },
        { "SMART_CARD_LOGIN", "1.3.6.1.4.1.311.20.2.2" },
        /* Microsoft's, as smart-card logon is; RFC 9336 has its own since, later than the enum. */
        { "DOCUMENT_SIGNING", "1.3.6.1.4.1.311.10.3.12" },
        { "CERTIFICATE_TRANSPARENCY", "1.3.6.1.4.1.11129.2.4.4" }, /* RFC 6962, 3.1 */
};

static const cJSON *
member_of(const cJSON *object, const char *name)
{
        const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);

        return cJSON_IsNull(found) ? NULL : found;
}

static const char *
member_text(const cJSON *object, const char *name)
{
        return cJSON_GetStringValue(member_of(object, name));
}

unsigned
passthrough_key_usage(const cJSON *key_usage)
{
        unsigned bits = 0;

        for (size_t i = 0; i < ARRAY_LENGTH(key_usages); i++)
                if (cJSON_IsTrue(member_of(key_usage, key_usages[i].member)))
                        bits |= key_usages[i].bit;
        return bits;
}

void
passthrough_clear(struct passthrough *passthrough)
{
        X509_NAME_free(passthrough->subject);
        sk_X509_EXTENSION_pop_free(passthrough->extensions, X509_EXTENSION_free);
        *passthrough = (struct passthrough){ 0 };
}

/* Every mistake in a passthrough is refused with one code. */
#define REFUSE(refusal, ...) refuse(refusal, "InvalidArgsException", __VA_ARGS__)

static bool
extension_add(struct passthrough *out, int nid, void *value, bool critical)
{
        return X509V3_add1_i2d(&out->extensions, nid, value, critical, X509V3_ADD_APPEND) == 1;
}

static bool
key_usage_read(const cJSON *from, struct passthrough *out)
{
        unsigned usage = passthrough_key_usage(from);
        ASN1_BIT_STRING *bits = usage ? key_usage_string(usage) : NULL;
        bool done = !usage || (bits && extension_add(out, NID_key_usage, bits, false));

        ASN1_BIT_STRING_free(bits);
        return done;
}

static ASN1_OBJECT *
purpose_of(const cJSON *one, struct refusal *refusal)
{
        const char *type = member_text(one, "ExtendedKeyUsageType");
        const char *oid = member_text(one, "ExtendedKeyUsageObjectIdentifier");

        if ((type != NULL) == (oid != NULL)) {
                REFUSE(refusal, "An extendedKeyUsage has either a type or an object identifier");
                return NULL;
        }
        for (size_t i = 0; type && i < ARRAY_LENGTH(purposes); i++)
                if (strcmp(purposes[i].type, type) == 0)
                        oid = purposes[i].oid;
        ASN1_OBJECT *object = oid_of_text(oid);
        if (!object)
                REFUSE(refusal, "The extendedKeyUsage %s is not an object identifier", oid);
        return object;
}

static bool
extended_usage_read(const cJSON *list, struct passthrough *out, struct refusal *refusal)
{
        EXTENDED_KEY_USAGE *usage = sk_ASN1_OBJECT_new_null();
        bool done = usage != NULL;
        const cJSON *one;

        cJSON_ArrayForEach(one, list)
        {
                ASN1_OBJECT *purpose = done ? purpose_of(one, refusal) : NULL;

                done = purpose && sk_ASN1_OBJECT_push(usage, purpose) > 0;
        }
        done = done && extension_add(out, NID_ext_key_usage, usage, false);
        sk_ASN1_OBJECT_pop_free(usage, ASN1_OBJECT_free);
        return done;
}

static bool
alternative_names_read(const cJSON *list, bool critical, struct passthrough *out,
                       struct refusal *refusal)
{
        GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
        bool done = names != NULL;
        const cJSON *one;

        cJSON_ArrayForEach(one, list)
        {
                struct error err = { 0 };
                GENERAL_NAME *name = done ? name_of_general(one, &err) : NULL;

                done = name && sk_GENERAL_NAME_push(names, name) > 0;
                if (err.kind != ERROR_NONE)
                        REFUSE(refusal, "The subjectAlternativeNames are not valid: %s", err.what);
        }
        done = done && extension_add(out, NID_subject_alt_name, names, critical);
        sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
        return done;
}

/* The only qualifier there is: where the practice statement is (RFC 5280, 4.2.1.4). */
static POLICYQUALINFO *
practice_of(const cJSON *from)
{
        const char *uri = member_text(member_of(from, "Qualifier"), "CpsUri");
        POLICYQUALINFO *info = POLICYQUALINFO_new();
        bool done = info && uri && *uri;

        for (const char *at = uri; done && *at; at++)
                done = !(*at & 0x80);
        if (done) {
                ASN1_OBJECT_free(info->pqualid);
                info->pqualid = OBJ_nid2obj(NID_id_qt_cps);
                info->d.cpsuri = ASN1_IA5STRING_new();
                done = info->d.cpsuri && ASN1_STRING_set(info->d.cpsuri, uri, -1);
        }
        if (done)
                return info;
        POLICYQUALINFO_free(info);
        return NULL;
}

static POLICYINFO *
policy_of(const cJSON *from, struct refusal *refusal)
{
        const char *oid = member_text(from, "CertPolicyId");
        POLICYINFO *policy = POLICYINFO_new();
        bool done = policy && (policy->policyid = oid_of_text(oid));
        const cJSON *one;

        cJSON_ArrayForEach(one, member_of(from, "PolicyQualifiers"))
        {
                POLICYQUALINFO *info = done ? practice_of(one) : NULL;

                if (done && !policy->qualifiers)
                        policy->qualifiers = sk_POLICYQUALINFO_new_null();
                done = info && sk_POLICYQUALINFO_push(policy->qualifiers, info) > 0;
        }
        if (done)
                return policy;
        POLICYINFO_free(policy);
        REFUSE(refusal, "The certificatePolicy %s cannot be encoded", oid);
        return NULL;
}

static bool
policies_read(const cJSON *list, struct passthrough *out, struct refusal *refusal)
{
        CERTIFICATEPOLICIES *policies = sk_POLICYINFO_new_null();
        bool done = policies != NULL;
        const cJSON *one;

        cJSON_ArrayForEach(one, list)
        {
                POLICYINFO *policy = done ? policy_of(one, refusal) : NULL;

                done = policy && sk_POLICYINFO_push(policies, policy) > 0;
        }
        done = done && extension_add(out, NID_certificate_policies, policies, false);
        sk_POLICYINFO_pop_free(policies, POLICYINFO_free);
        return done;
}

/* The value is copied as it is: nobody looks into it. */
static X509_EXTENSION *
custom_of(const cJSON *from)
{
        const char *value = member_text(from, "Value");
        ASN1_OBJECT *object = oid_of_text(member_text(from, "ObjectIdentifier"));
        ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
        X509_EXTENSION *extension = NULL;
        struct buf der = { 0 };
        struct error ignored = { 0 };

        if (object && octets && value && base64_decode(view_text(value), &der, &ignored) &&
            ASN1_OCTET_STRING_set(octets, der.data, (int)der.len))
                extension = X509_EXTENSION_create_by_OBJ(NULL, object,
                                                         cJSON_IsTrue(member_of(from, "Critical")),
                                                         octets);
        ASN1_OBJECT_free(object);
        ASN1_OCTET_STRING_free(octets);
        buf_clear(&der);
        return extension;
}

static bool
custom_read(const cJSON *list, struct passthrough *out, struct refusal *refusal)
{
        const cJSON *one;

        cJSON_ArrayForEach(one, list)
        {
                const char *oid = member_text(one, "ObjectIdentifier");
                X509_EXTENSION *extension = custom_of(one);
                bool twice = extension &&
                             X509v3_get_ext_by_OBJ(out->extensions,
                                                   X509_EXTENSION_get_object(extension), -1) >= 0;
                bool done = extension && !twice && X509v3_add_ext(&out->extensions, extension, -1);

                X509_EXTENSION_free(extension);
                if (!done)
                        return REFUSE(refusal, "The customExtension %s %s", oid,
                                      twice ? "is given twice" : "cannot be encoded");
        }
        return true;
}

static bool
subject_read(const cJSON *from, struct passthrough *out, struct refusal *refusal)
{
        struct error err = { 0 };

        if (!from)
                return true;
        out->subject = name_of_subject(from, &err);
        if (!out->subject)
                return REFUSE(refusal, "The apiPassthrough.subject is not valid: %s", err.what);
        if (X509_NAME_entry_count(out->subject))
                return true;
        X509_NAME_free(out->subject);
        out->subject = NULL;
        return true;
}

bool
passthrough_read(const cJSON *from, bool csr_subject_empty, struct passthrough *out,
                 struct refusal *refusal)
{
        const cJSON *extensions = member_of(from, "Extensions");
        const cJSON *purposes_asked = member_of(extensions, "ExtendedKeyUsage");
        const cJSON *names = member_of(extensions, "SubjectAlternativeNames");
        const cJSON *policies = member_of(extensions, "CertificatePolicies");

        if (!subject_read(member_of(from, "Subject"), out, refusal))
                return false;
        bool critical = csr_subject_empty && !out->subject;
        bool done = key_usage_read(member_of(extensions, "KeyUsage"), out) &&
                    (!purposes_asked || extended_usage_read(purposes_asked, out, refusal)) &&
                    (!names || alternative_names_read(names, critical, out, refusal)) &&
                    (!policies || policies_read(policies, out, refusal)) &&
                    custom_read(member_of(extensions, "CustomExtensions"), out, refusal);

        /* What was not told is that memory ran out. */
        return done || REFUSE(refusal, "The apiPassthrough cannot be encoded");
}
