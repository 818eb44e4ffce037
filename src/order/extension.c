#include "order/extension.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order/custom.h"
#include "order/der.h"
#include "order/name.h"
#include "order/oid.h"
#include "order/text_list.h"

void
extensions_clear(struct extensions *extensions)
{
        usages_clear(&extensions->usages);
        text_list_free(extensions->sans, extensions->san_count);
        text_list_free(extensions->others, extensions->other_count);
        *extensions = (struct extensions){ 0 };
}

/* -- reading ------------------------------------------------------------------------------ */

/* Each reads one value of `len` bytes at `*at`, moves behind it, and says whether it decoded. */

static bool
read_basic_constraints(struct extensions *out, const unsigned char **at, long len)
{
        BASIC_CONSTRAINTS *value = d2i_BASIC_CONSTRAINTS(NULL, at, len);

        if (!value)
                return false;
        out->has_basic_constraints = true;
        out->is_ca = value->ca != 0;
        if (value->pathlen) {
                long length = ASN1_INTEGER_get(value->pathlen);

                out->path_length = length < 0 || length > 255 ? 255 : (int)length;
        }
        BASIC_CONSTRAINTS_free(value);
        return true;
}

static bool
read_key_usage(struct extensions *out, const unsigned char **at, long len)
{
        ASN1_BIT_STRING *value = d2i_ASN1_BIT_STRING(NULL, at, len);

        if (!value)
                return false;
        for (int bit = 0; bit < 9; bit++) {
                if (ASN1_BIT_STRING_get_bit(value, bit))
                        out->usages.key_usage |= 1u << bit;
        }
        ASN1_BIT_STRING_free(value);
        return true;
}

static void
add_object(char ***list, size_t *count, const ASN1_OBJECT *object)
{
        char oid[OID_TEXT];

        text_list_add(list, count, oid_text(object, oid));
}

static bool
read_extended(struct extensions *out, const unsigned char **at, long len)
{
        EXTENDED_KEY_USAGE *value = d2i_EXTENDED_KEY_USAGE(NULL, at, len);

        for (int i = 0; i < sk_ASN1_OBJECT_num(value); i++)
                add_object(&out->usages.extended, &out->usages.extended_count,
                           sk_ASN1_OBJECT_value(value, i));
        EXTENDED_KEY_USAGE_free(value);
        return value != NULL;
}

/* ",cps=URI" for a practice statement, ",qualifier=HEX" for whatever else qualifies a policy. */
static void
add_qualifier(struct buf *text, const POLICYQUALINFO *qualifier)
{
        unsigned char *der = NULL;

        if (OBJ_obj2nid(qualifier->pqualid) == NID_id_qt_cps) {
                const ASN1_IA5STRING *uri = qualifier->d.cpsuri;

                buf_add_text(text, ",cps=");
                buf_add(text, view_of(ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri)));
                return;
        }
        int len = i2d_POLICYQUALINFO(qualifier, &der);
        CLEANUP(free_cleanup) char *hex = hex_encode(view_of(der, len > 0 ? (size_t)len : 0));

        OPENSSL_free(der);
        buf_format(text, ",qualifier=%s", hex);
}

static void
add_policy(struct extensions *out, const POLICYINFO *policy)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        char oid[OID_TEXT];

        buf_add_text(&text, oid_text(policy->policyid, oid));
        for (int i = 0; i < sk_POLICYQUALINFO_num(policy->qualifiers); i++)
                add_qualifier(&text, sk_POLICYQUALINFO_value(policy->qualifiers, i));
        text_list_add(&out->usages.policies, &out->usages.policy_count, buf_text(&text));
}

static bool
read_policies(struct extensions *out, const unsigned char **at, long len)
{
        CERTIFICATEPOLICIES *value = d2i_CERTIFICATEPOLICIES(NULL, at, len);

        for (int i = 0; i < sk_POLICYINFO_num(value); i++)
                add_policy(out, sk_POLICYINFO_value(value, i));
        CERTIFICATEPOLICIES_free(value);
        return value != NULL;
}

static bool
read_sans(struct extensions *out, const unsigned char **at, long len)
{
        GENERAL_NAMES *value = d2i_GENERAL_NAMES(NULL, at, len);

        if (value && !out->sans)
                san_list(value, &out->sans, &out->san_count);
        GENERAL_NAMES_free(value);
        return value != NULL;
}

static const struct {
        int nid;
        bool (*read)(struct extensions *out, const unsigned char **at, long len);
} readers[] = {
        { NID_basic_constraints, read_basic_constraints },
        { NID_key_usage, read_key_usage },
        { NID_ext_key_usage, read_extended },
        { NID_certificate_policies, read_policies },
        { NID_subject_alt_name, read_sans },
};

static void
add_other(struct extensions *out, X509_EXTENSION *extension)
{
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
        char oid[OID_TEXT];
        CLEANUP(free_cleanup)
        char *text = custom_format(oid_text(X509_EXTENSION_get_object(extension), oid),
                                   X509_EXTENSION_get_critical(extension) != 0,
                                   view_of(ASN1_STRING_get0_data(value),
                                           (size_t)ASN1_STRING_length(value)));

        text_list_add(&out->others, &out->other_count, text);
}

static bool
read_value(X509_EXTENSION *extension, struct extensions *out)
{
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
        const unsigned char *start = ASN1_STRING_get0_data(value);
        const unsigned char *at = start;
        long len = ASN1_STRING_length(value);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));

        for (size_t i = 0; i < ARRAY_LENGTH(readers); i++) {
                if (readers[i].nid == nid)
                        return readers[i].read(out, &at, len) && at == start + len;
        }
        if (nid != NID_subject_key_identifier && nid != NID_authority_key_identifier)
                add_other(out, extension);
        return true;
}

static void
problem(struct extensions *out, X509_EXTENSION *extension, const char *what)
{
        char oid[OID_TEXT];

        if (out->problem[0])
                return;
        snprintf(out->problem, sizeof(out->problem), "extension %s %s",
                 oid_text(X509_EXTENSION_get_object(extension), oid), what);
}

void
extensions_read(const STACK_OF(X509_EXTENSION) * list, struct extensions *out)
{
        *out = (struct extensions){ .path_length = -1 };
        for (int i = 0; i < sk_X509_EXTENSION_num(list); i++) {
                X509_EXTENSION *extension = sk_X509_EXTENSION_value(list, i);
                char oid[OID_TEXT];

                if (X509v3_get_ext_by_OBJ(list, X509_EXTENSION_get_object(extension), -1) < i)
                        problem(out, extension, "is there twice");
                /* What is longer has no name by which it could be asked for or compared. */
                if (!*oid_text(X509_EXTENSION_get_object(extension), oid))
                        problem(out, extension, "has an identifier of more than 127 characters");
                if (!read_value(extension, out))
                        problem(out, extension, "does not decode, or something follows its value");
        }
        ERR_clear_error();
}

/* -- writing ------------------------------------------------------------------------------ */

static void
add_object_extension(struct buf *out, const ASN1_OBJECT *object, bool critical, struct view value)
{
        static const uint8_t yes = 0xff;
        CLEANUP(buf_cleanup) struct buf fields = { 0 };

        der_add_object(&fields, object);
        if (critical)
                der_add(&fields, DER_BOOLEAN, view_of(&yes, 1));
        der_add(&fields, DER_OCTET_STRING, value);
        der_add(out, DER_SEQUENCE, view_buf(&fields));
}

static void
add_extension(struct buf *out, int nid, bool critical, struct view value)
{
        add_object_extension(out, OBJ_nid2obj(nid), critical, value);
}

/* A BIT STRING of named bits has no trailing zero bits (X.690, 11.2.2). */
static void
add_key_usage(struct buf *out, unsigned key_usage)
{
        CLEANUP(buf_cleanup) struct buf value = { 0 };
        uint8_t bytes[3] = { 0 }; /* unused bits, bits 0 to 7, bit 8 */
        unsigned last = 0;

        for (unsigned bit = 0; bit < 9; bit++) {
                if (!(key_usage & 1u << bit))
                        continue;
                bytes[1 + bit / 8] |= (uint8_t)(0x80 >> bit % 8);
                last = bit;
        }
        bytes[0] = (uint8_t)(7 - last % 8);
        der_add(&value, DER_BIT_STRING, view_of(bytes, 2 + last / 8));
        add_extension(out, NID_key_usage, true, view_buf(&value));
}

static void
add_oid(struct buf *out, const char *oid)
{
        ASN1_OBJECT *object = oid_object(oid);

        assert(object);
        der_add_object(out, object);
        ASN1_OBJECT_free(object);
}

static void
add_extended(struct buf *out, const struct usages *usages)
{
        CLEANUP(buf_cleanup) struct buf oids = { 0 };
        CLEANUP(buf_cleanup) struct buf value = { 0 };

        for (size_t i = 0; i < usages->extended_count; i++)
                add_oid(&oids, usages->extended[i]);
        der_add(&value, DER_SEQUENCE, view_buf(&oids));
        add_extension(out, NID_ext_key_usage, false, view_buf(&value));
}

/* PolicyInformation: the identifier and, where there is one, the practice statement's address. */
static void
add_policy_information(struct buf *out, const char *policy)
{
        CLEANUP(free_cleanup) char *oid = policy_oid(policy);
        const char *cps = policy_cps(policy);
        CLEANUP(buf_cleanup) struct buf fields = { 0 };
        CLEANUP(buf_cleanup) struct buf qualifier = { 0 };
        CLEANUP(buf_cleanup) struct buf qualifiers = { 0 };

        add_oid(&fields, oid);
        if (cps) {
                der_add_object(&qualifier, OBJ_nid2obj(NID_id_qt_cps));
                der_add(&qualifier, DER_IA5_STRING, view_text(cps));
                der_add(&qualifiers, DER_SEQUENCE, view_buf(&qualifier));
                der_add(&fields, DER_SEQUENCE, view_buf(&qualifiers));
        }
        der_add(out, DER_SEQUENCE, view_buf(&fields));
}

static void
add_policies(struct buf *out, const struct usages *usages)
{
        CLEANUP(buf_cleanup) struct buf policies = { 0 };
        CLEANUP(buf_cleanup) struct buf value = { 0 };

        for (size_t i = 0; i < usages->policy_count; i++)
                add_policy_information(&policies, usages->policies[i]);
        der_add(&value, DER_SEQUENCE, view_buf(&policies));
        add_extension(out, NID_certificate_policies, false, view_buf(&value));
}

static void
add_custom(struct buf *out, const char *wish)
{
        struct custom custom;

        custom_read(wish, &custom);
        ASN1_OBJECT *object = oid_object(custom.oid);

        assert(object);
        add_object_extension(out, object, custom.critical, view_buf(&custom.value));
        ASN1_OBJECT_free(object);
        buf_clear(&custom.value);
}

void
extensions_write(struct buf *out, struct view sans, bool sans_critical, const struct wishes *wishes)
{
        const struct usages *usages = &wishes->usages;
        CLEANUP(buf_cleanup) struct buf list = { 0 };

        if (usages->key_usage)
                add_key_usage(&list, usages->key_usage);
        if (usages->extended_count)
                add_extended(&list, usages);
        if (usages->policy_count)
                add_policies(&list, usages);
        if (sans.len)
                add_extension(&list, NID_subject_alt_name, sans_critical, sans);
        for (size_t i = 0; i < wishes->extension_count; i++)
                add_custom(&list, wishes->extensions[i]);
        if (list.len)
                der_add(out, DER_SEQUENCE, view_buf(&list));
}
