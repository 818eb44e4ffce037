#include "localpca/spoil.h"

#include <openssl/x509v3.h>
#include <string.h>

enum { HOUR_SECONDS = 60 * 60, DAY_SECONDS = 24 * HOUR_SECONDS, LONG_SERIAL_BYTES = 21 };

/* -- subject, names, key ------------------------------------------------------------------ */

static bool
key_wrong(X509 *certificate, int64_t now)
{
        CLEANUP(pkey_cleanup) EVP_PKEY *other = EVP_EC_gen("P-256");

        (void)now;
        return other && X509_set_pubkey(certificate, other);
}

static bool
entry_add(X509_NAME *name, const char *attribute, const char *value)
{
        return X509_NAME_add_entry_by_txt(name, attribute, MBSTRING_UTF8,
                                          (const unsigned char *)value, -1, -1, 0) == 1;
}

static bool
subject_wrong(X509 *certificate, int64_t now)
{
        CLEANUP(name_cleanup) X509_NAME *name = X509_NAME_new();

        (void)now;
        return name && entry_add(name, "CN", "somebody else") &&
               X509_set_subject_name(certificate, name);
}

static bool
subject_more(X509 *certificate, int64_t now)
{
        CLEANUP(name_cleanup)
        X509_NAME *name = X509_NAME_dup(X509_get_subject_name(certificate));

        (void)now;
        return name && entry_add(name, "OU", "one more") &&
               X509_set_subject_name(certificate, name);
}

static bool
subject_less(X509 *certificate, int64_t now)
{
        CLEANUP(name_cleanup)
        X509_NAME *name = X509_NAME_dup(X509_get_subject_name(certificate));

        (void)now;
        if (name)
                X509_NAME_ENTRY_free(X509_NAME_delete_entry(name, 0));
        return name && X509_set_subject_name(certificate, name);
}

static bool
issuer_wrong(X509 *certificate, int64_t now)
{
        CLEANUP(name_cleanup) X509_NAME *name = X509_NAME_new();

        (void)now;
        return name && entry_add(name, "CN", "another CA") &&
               X509_set_issuer_name(certificate, name);
}

/* -- extensions --------------------------------------------------------------------------- */

/* Remove one; false when there is none of that kind. */
static bool
extension_drop(X509 *certificate, int nid)
{
        int at = X509_get_ext_by_NID(certificate, nid, -1);

        if (at < 0)
                return false;
        X509_EXTENSION_free(X509_delete_ext(certificate, at));
        return true;
}

/* Another value in place of one of that kind, or a new one at the end. */
static bool
extension_put(X509 *certificate, int nid, void *value, bool critical)
{
        return value &&
               X509_add1_ext_i2d(certificate, nid, value, critical, X509V3_ADD_REPLACE) == 1;
}

static bool
is_critical(const X509 *certificate, int nid)
{
        int at = X509_get_ext_by_NID(certificate, nid, -1);

        return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(certificate, at));
}

enum change { NONE, LESS, MORE, OTHER };

static GENERAL_NAME *
dns_name(const char *text)
{
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_IA5STRING *string = ASN1_IA5STRING_new();

        ASN1_STRING_set(string, text, -1);
        GENERAL_NAME_set0_value(name, GEN_DNS, string);
        return name;
}

static bool
names_change(X509 *certificate, enum change change)
{
        bool critical = is_critical(certificate, NID_subject_alt_name);
        GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
        bool done = true;

        if (!names && change != MORE)
                return true;
        if (!names)
                names = sk_GENERAL_NAME_new_null();
        if (change == LESS || change == OTHER)
                GENERAL_NAME_free(sk_GENERAL_NAME_pop(names));
        if (change == MORE || change == OTHER)
                sk_GENERAL_NAME_push(names, dns_name("somebody.else.example"));
        if (change == NONE || !sk_GENERAL_NAME_num(names))
                extension_drop(certificate, NID_subject_alt_name);
        else
                done = extension_put(certificate, NID_subject_alt_name, names, critical);
        sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
        return done;
}

static bool
key_usage_change(X509 *certificate, enum change change)
{
        bool critical = is_critical(certificate, NID_key_usage);
        ASN1_BIT_STRING *bits = X509_get_ext_d2i(certificate, NID_key_usage, NULL, NULL);
        bool done = true;

        if (change == NONE) {
                extension_drop(certificate, NID_key_usage);
        } else if (bits || change == MORE) {
                int bit = 0;

                if (!bits)
                        bits = ASN1_BIT_STRING_new();
                while (bit < 8 && ASN1_BIT_STRING_get_bit(bits, bit) != (change == LESS))
                        bit++;
                ASN1_BIT_STRING_set_bit(bits, bit, change == MORE);
                done = extension_put(certificate, NID_key_usage, bits, critical);
        }
        ASN1_BIT_STRING_free(bits);
        return done;
}

static bool
extended_usage_change(X509 *certificate, enum change change)
{
        bool critical = is_critical(certificate, NID_ext_key_usage);
        EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
        bool done = true;

        if (!usage && change != MORE)
                return true;
        if (!usage)
                usage = sk_ASN1_OBJECT_new_null();
        if (change == LESS || change == OTHER)
                ASN1_OBJECT_free(sk_ASN1_OBJECT_pop(usage));
        if (change == MORE || change == OTHER)
                sk_ASN1_OBJECT_push(usage, OBJ_nid2obj(NID_anyExtendedKeyUsage));
        if (change == NONE || !sk_ASN1_OBJECT_num(usage))
                extension_drop(certificate, NID_ext_key_usage);
        else
                done = extension_put(certificate, NID_ext_key_usage, usage, critical);
        sk_ASN1_OBJECT_pop_free(usage, ASN1_OBJECT_free);
        return done;
}

static bool
policies_change(X509 *certificate, enum change change)
{
        CERTIFICATEPOLICIES *policies =
                X509_get_ext_d2i(certificate, NID_certificate_policies, NULL, NULL);
        bool done = true;

        if (!policies && change != MORE)
                return true;
        if (!policies)
                policies = sk_POLICYINFO_new_null();
        if (change == LESS)
                POLICYINFO_free(sk_POLICYINFO_pop(policies));
        if (change == MORE) {
                POLICYINFO *any = POLICYINFO_new();
                any->policyid = OBJ_nid2obj(NID_any_policy);
                sk_POLICYINFO_push(policies, any);
        }
        if (!sk_POLICYINFO_num(policies))
                extension_drop(certificate, NID_certificate_policies);
        else
                done = extension_put(certificate, NID_certificate_policies, policies, false);
        sk_POLICYINFO_pop_free(policies, POLICYINFO_free);
        return done;
}

#define CHANGE(name, function, how)                      \
        static bool name(X509 *certificate, int64_t now) \
        {                                                \
                (void)now;                               \
                return function(certificate, how);       \
        }

CHANGE(names_none, names_change, NONE)
CHANGE(names_less, names_change, LESS)
CHANGE(names_more, names_change, MORE)
CHANGE(names_other, names_change, OTHER)
CHANGE(key_usage_none, key_usage_change, NONE)
CHANGE(key_usage_less, key_usage_change, LESS)
CHANGE(key_usage_more, key_usage_change, MORE)
CHANGE(extended_usage_none, extended_usage_change, NONE)
CHANGE(extended_usage_less, extended_usage_change, LESS)
CHANGE(extended_usage_more, extended_usage_change, MORE)
CHANGE(extended_usage_other, extended_usage_change, OTHER)
CHANGE(policy_less, policies_change, LESS)
CHANGE(policy_more, policies_change, MORE)

/* CA:TRUE of one without, CA:FALSE of a CA; `length` -1: as it was. */
static bool
basic_change(X509 *certificate, bool turn, long length)
{
        bool critical = is_critical(certificate, NID_basic_constraints);
        BASIC_CONSTRAINTS *basic = X509_get_ext_d2i(certificate, NID_basic_constraints, NULL, NULL);

        if (!basic)
                basic = BASIC_CONSTRAINTS_new();
        if (turn)
                basic->ca = basic->ca ? 0 : 0xff;
        if (length >= 0 && !basic->pathlen)
                basic->pathlen = ASN1_INTEGER_new();
        bool done = (length < 0 || ASN1_INTEGER_set(basic->pathlen, length)) &&
                    extension_put(certificate, NID_basic_constraints, basic, critical);
        BASIC_CONSTRAINTS_free(basic);
        return done;
}

static bool
basic_turned(X509 *certificate, int64_t now)
{
        (void)now;
        return basic_change(certificate, true, -1);
}

static bool
path_length_other(X509 *certificate, int64_t now)
{
        (void)now;
        return basic_change(certificate, false, 7);
}

static bool
basic_none(X509 *certificate, int64_t now)
{
        (void)now;
        extension_drop(certificate, NID_basic_constraints);
        return true;
}

/* 1.3.6.1.4.1.99999.1 with a NULL: nobody's extension. */
static X509_EXTENSION *
strange_extension(bool critical)
{
        static const uint8_t null[] = { 0x05, 0x00 };
        ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
        ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

        ASN1_OCTET_STRING_set(value, null, sizeof(null));
        X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
        ASN1_OCTET_STRING_free(value);
        ASN1_OBJECT_free(object);
        return extension;
}

static bool
strange_add(X509 *certificate, bool critical)
{
        X509_EXTENSION *extension = strange_extension(critical);
        bool done = extension && X509_add_ext(certificate, extension, -1) == 1;

        X509_EXTENSION_free(extension);
        return done;
}

CHANGE(extension_more, strange_add, false)
CHANGE(extension_critical, strange_add, true)

/* The last extension that OpenSSL has no name for, -1 without one. */
static int
custom_find(const X509 *certificate)
{
        for (int i = X509_get_ext_count(certificate) - 1; i >= 0; i--)
                if (OBJ_obj2nid(X509_EXTENSION_get_object(X509_get_ext(certificate, i))) ==
                    NID_undef)
                        return i;
        return -1;
}

static bool
extension_less(X509 *certificate, int64_t now)
{
        int at = custom_find(certificate);

        (void)now;
        if (at >= 0)
                X509_EXTENSION_free(X509_delete_ext(certificate, at));
        return true;
}

/* One bit of the last byte of an extension's value. */
static bool
value_turn(X509 *certificate, int at)
{
        if (at < 0)
                return true;
        const ASN1_OCTET_STRING *old = X509_EXTENSION_get_data(X509_get_ext(certificate, at));
        ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_dup(old);
        if (value->length)
                value->data[value->length - 1] ^= 1;
        bool done = X509_EXTENSION_set_data(X509_get_ext(certificate, at), value) == 1;
        ASN1_OCTET_STRING_free(value);
        return done;
}

static bool
extension_other(X509 *certificate, int64_t now)
{
        (void)now;
        return value_turn(certificate, custom_find(certificate));
}

static bool
value_turn_of(X509 *certificate, int nid)
{
        return value_turn(certificate, X509_get_ext_by_NID(certificate, nid, -1));
}

CHANGE(subject_id_other, value_turn_of, NID_subject_key_identifier)
CHANGE(authority_id_other, value_turn_of, NID_authority_key_identifier)

static bool
drop_of(X509 *certificate, int nid)
{
        extension_drop(certificate, nid);
        return true;
}

CHANGE(subject_id_none, drop_of, NID_subject_key_identifier)
CHANGE(authority_id_none, drop_of, NID_authority_key_identifier)

/* The first extension once more (RFC 5280, 4.2: not more than one of a kind). */
static bool
extension_twice(X509 *certificate, int64_t now)
{
        (void)now;
        return !X509_get_ext_count(certificate) ||
               X509_add_ext(certificate, X509_get_ext(certificate, 0), -1) == 1;
}

/* What is critical is so no longer, and the other way round. */
static bool
critical_turn(X509 *certificate, int nid)
{
        int at = X509_get_ext_by_NID(certificate, nid, -1);

        return at < 0 || X509_EXTENSION_set_critical(X509_get_ext(certificate, at),
                                                     !is_critical(certificate, nid)) == 1;
}

CHANGE(key_usage_critical, critical_turn, NID_key_usage)
CHANGE(extended_usage_critical, critical_turn, NID_ext_key_usage)
CHANGE(names_critical, critical_turn, NID_subject_alt_name)
CHANGE(basic_critical, critical_turn, NID_basic_constraints)

/* Addresses for revocation that are not the CA's. */
static bool
address_put(X509 *certificate, int nid)
{
        bool crl = nid == NID_crl_distribution_points;
        X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, NULL, nid,
                                                         crl ? "URI:http://elsewhere.example/crl"
                                                             : "OCSP;URI:http://elsewhere.example");

        extension_drop(certificate, nid);
        bool done = extension && X509_add_ext(certificate, extension, -1) == 1;
        X509_EXTENSION_free(extension);
        return done;
}

CHANGE(crl_other, address_put, NID_crl_distribution_points)
CHANGE(ocsp_other, address_put, NID_info_access)

/* -- dates -------------------------------------------------------------------------------- */

static bool
dates_move(X509 *certificate, int64_t not_before, int64_t not_after)
{
        int64_t begin = asn1_time_read(X509_get0_notBefore(certificate)) + not_before;
        int64_t end = asn1_time_read(X509_get0_notAfter(certificate)) + not_after;

        return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)begin) &&
               ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)end);
}

static bool
expired(X509 *certificate, int64_t now)
{
        return ASN1_TIME_set(X509_getm_notBefore(certificate), now - 2 * DAY_SECONDS) &&
               ASN1_TIME_set(X509_getm_notAfter(certificate), now - DAY_SECONDS);
}

static bool
begins_early(X509 *certificate, int64_t now)
{
        (void)now;
        return dates_move(certificate, -DAY_SECONDS, 0);
}

static bool
begins_late(X509 *certificate, int64_t now)
{
        int64_t begin = asn1_time_read(X509_get0_notBefore(certificate));

        return dates_move(certificate, now + HOUR_SECONDS - begin, 0);
}

static bool
ends_early(X509 *certificate, int64_t now)
{
        (void)now;
        return dates_move(certificate, 0, -HOUR_SECONDS);
}

static bool
ends_late(X509 *certificate, int64_t now)
{
        (void)now;
        return dates_move(certificate, 0, HOUR_SECONDS);
}

/* -- form --------------------------------------------------------------------------------- */

static bool
serial_set(X509 *certificate, const uint8_t *bytes, size_t len, bool negative)
{
        BIGNUM *number = BN_bin2bn(bytes, (int)len, NULL);

        if (number)
                BN_set_negative(number, negative);
        bool done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
        BN_free(number);
        return done;
}

static bool
serial_zero(X509 *certificate, int64_t now)
{
        (void)now;
        return serial_set(certificate, (const uint8_t *)"", 1, false);
}

static bool
serial_negative(X509 *certificate, int64_t now)
{
        static const uint8_t bytes[] = { 0x11, 0x22, 0x33 };

        (void)now;
        return serial_set(certificate, bytes, sizeof(bytes), true);
}

static bool
serial_long(X509 *certificate, int64_t now)
{
        uint8_t bytes[LONG_SERIAL_BYTES];

        (void)now;
        random_bytes(bytes, sizeof(bytes));
        bytes[0] = 0x7f;
        return serial_set(certificate, bytes, sizeof(bytes), false);
}

static bool
version_one(X509 *certificate, int64_t now)
{
        (void)now;
        return X509_set_version(certificate, X509_VERSION_1);
}

/* Signed in another way, or nothing to change before the signature. */
static bool
as_it_is(X509 *certificate, int64_t now)
{
        (void)certificate;
        (void)now;
        return true;
}

/* -- the table ---------------------------------------------------------------------------- */

enum {
        FOREIGN = 1,       /* signed by a key that is not the CA's */
        WEAK = 1 << 1,     /* with SHA-1 */
        BROKEN = 1 << 2,   /* one bit of the signature is turned */
        TRAILING = 1 << 3, /* a byte stands behind the certificate */
};

static const struct {
        const char *word;
        bool (*change)(X509 *certificate, int64_t now);
        unsigned signing;
} deviations_known[] = {
        { "wrong-key", key_wrong, 0 },
        { "wrong-subject", subject_wrong, 0 },
        { "expired", expired, 0 },
        { "foreign", as_it_is, FOREIGN },
        { "subject-more", subject_more, 0 },
        { "subject-less", subject_less, 0 },
        { "san-none", names_none, 0 },
        { "san-less", names_less, 0 },
        { "san-more", names_more, 0 },
        { "san-other", names_other, 0 },
        { "san-critical", names_critical, 0 },
        { "issuer-other", issuer_wrong, 0 },
        { "begins-early", begins_early, 0 },
        { "begins-late", begins_late, 0 },
        { "ends-early", ends_early, 0 },
        { "ends-late", ends_late, 0 },
        { "basic-turned", basic_turned, 0 },
        { "basic-none", basic_none, 0 },
        { "basic-critical", basic_critical, 0 },
        { "path-length", path_length_other, 0 },
        { "usage-none", key_usage_none, 0 },
        { "usage-less", key_usage_less, 0 },
        { "usage-more", key_usage_more, 0 },
        { "usage-critical", key_usage_critical, 0 },
        { "purpose-none", extended_usage_none, 0 },
        { "purpose-less", extended_usage_less, 0 },
        { "purpose-more", extended_usage_more, 0 },
        { "purpose-other", extended_usage_other, 0 },
        { "purpose-critical", extended_usage_critical, 0 },
        { "policy-less", policy_less, 0 },
        { "policy-more", policy_more, 0 },
        { "extension-more", extension_more, 0 },
        { "extension-critical", extension_critical, 0 },
        { "extension-less", extension_less, 0 },
        { "extension-other", extension_other, 0 },
        { "extension-twice", extension_twice, 0 },
        { "ski-none", subject_id_none, 0 },
        { "ski-other", subject_id_other, 0 },
        { "aki-none", authority_id_none, 0 },
        { "aki-other", authority_id_other, 0 },
        { "crl-other", crl_other, 0 },
        { "ocsp-other", ocsp_other, 0 },
        { "serial-zero", serial_zero, 0 },
        { "serial-negative", serial_negative, 0 },
        { "serial-long", serial_long, 0 },
        { "version-1", version_one, 0 },
        { "sha1", as_it_is, WEAK },
        { "broken-signature", as_it_is, BROKEN },
        { "trailing", as_it_is, TRAILING },
};
static_assert(ARRAY_LENGTH(deviations_known) <= 64, "a bit for each");

bool
spoil_named(const char *word, uint64_t *bit)
{
        for (size_t i = 0; i < ARRAY_LENGTH(deviations_known); i++) {
                if (strcmp(deviations_known[i].word, word) == 0) {
                        *bit = (uint64_t)1 << i;
                        return true;
                }
        }
        return false;
}

const char *
spoil_word(size_t index)
{
        return index < ARRAY_LENGTH(deviations_known) ? deviations_known[index].word : NULL;
}

static bool
sign(X509 *certificate, unsigned signing, const struct authority *authority)
{
        CLEANUP(pkey_cleanup)
        EVP_PKEY *foreign = signing & FOREIGN ? key_make(authority->kind) : NULL;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        struct algorithm algorithm = *authority->algorithm;

        if (signing & WEAK)
                algorithm.digest = "SHA1";
        bool done =
                context &&
                signing_start(context, signing & FOREIGN ? foreign : authority->key, &algorithm) &&
                X509_sign_ctx(certificate, context) > 0;
        EVP_MD_CTX_free(context);
        return done;
}

bool
spoil(struct buf *der, uint64_t deviations, const struct authority *authority, int64_t now,
      struct error *err)
{
        CLEANUP(certificate_cleanup) X509 *certificate = certificate_of_der(view_buf(der));
        bool done = certificate != NULL;
        unsigned signing = 0;

        for (size_t i = 0; i < ARRAY_LENGTH(deviations_known); i++) {
                if (!(deviations >> i & 1))
                        continue;
                signing |= deviations_known[i].signing;
                done = done && deviations_known[i].change(certificate, now);
        }
        if (!done || !sign(certificate, signing, authority))
                return error_set(err, ERROR_INTERNAL, "OpenSSL cannot spoil the certificate");
        buf_clear(der);
        certificate_der(certificate, der);
        if (signing & BROKEN)
                der->data[der->len - 1] ^= 1; /* the signature is the last field */
        if (signing & TRAILING)
                buf_add_byte(der, 0);
        return true;
}
