#include "localpca/x509.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

void
certificate_cleanup(X509 **certificate)
{
        X509_free(*certificate);
}

void
x509_req_cleanup(X509_REQ **csr)
{
        X509_REQ_free(*csr);
}

void
pkey_cleanup(EVP_PKEY **key)
{
        EVP_PKEY_free(*key);
}

void
name_cleanup(X509_NAME **name)
{
        X509_NAME_free(*name);
}

void
extensions_cleanup(STACK_OF(X509_EXTENSION) * *extensions)
{
        sk_X509_EXTENSION_pop_free(*extensions, X509_EXTENSION_free);
}

/* -- facts -------------------------------------------------------------------------------- */

static const struct algorithm algorithms[] = {
        { "SHA256WITHECDSA", "EC", "SHA256", false },
        { "SHA384WITHECDSA", "EC", "SHA384", false },
        { "SHA512WITHECDSA", "EC", "SHA512", false },
        { "SHA256WITHRSA", "RSA", "SHA256", false },
        { "SHA384WITHRSA", "RSA", "SHA384", false },
        { "SHA512WITHRSA", "RSA", "SHA512", false },
        { "SHA256WITHRSA_PSS", "RSA", "SHA256", true },
        { "SHA384WITHRSA_PSS", "RSA", "SHA384", true },
        { "SHA512WITHRSA_PSS", "RSA", "SHA512", true },
};

const struct algorithm *
algorithm_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_LENGTH(algorithms); i++)
                if (strcmp(algorithms[i].name, name) == 0)
                        return &algorithms[i];
        return NULL;
}

static const struct key_kind key_kinds[] = {
        { "RSA_2048", "RSA", NULL, 2048, "SHA256WITHRSA", "rsa:2048" },
        { "RSA_3072", "RSA", NULL, 3072, "SHA256WITHRSA", "rsa:3072" },
        { "RSA_4096", "RSA", NULL, 4096, "SHA256WITHRSA", "rsa:4096" },
        { "EC_prime256v1", "EC", "P-256", 256, "SHA256WITHECDSA", "ec:p256" },
        { "EC_secp384r1", "EC", "P-384", 384, "SHA384WITHECDSA", "ec:p384" },
        { "EC_secp521r1", "EC", "P-521", 521, "SHA512WITHECDSA", "ec:p521" },
};

const struct key_kind *
key_kind_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_LENGTH(key_kinds); i++)
                if (strcmp(key_kinds[i].name, name) == 0)
                        return &key_kinds[i];
        return NULL;
}

const struct key_kind *
key_kind_of_option(const char *name)
{
        for (size_t i = 0; i < ARRAY_LENGTH(key_kinds); i++)
                if (strcmp(key_kinds[i].option, name) == 0)
                        return &key_kinds[i];
        return NULL;
}

EVP_PKEY *
key_make(const struct key_kind *kind)
{
        return kind->curve ? EVP_EC_gen(kind->curve) : EVP_RSA_gen((size_t)kind->bits);
}

/* -- making certificates ------------------------------------------------------------------ */

bool
signing_start(EVP_MD_CTX *context, EVP_PKEY *key, const struct algorithm *algorithm)
{
        EVP_PKEY_CTX *parameters;

        if (EVP_DigestSignInit_ex(context, &parameters, algorithm->digest, NULL, NULL, key, NULL) !=
            1)
                return false;
        if (!algorithm->pss)
                return true;
        return EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool
basic_add(X509 *certificate, const struct template *template)
{
        BASIC_CONSTRAINTS *basic = BASIC_CONSTRAINTS_new();
        bool done = basic != NULL;

        if (done && template->ca)
                basic->ca = 0xff;
        if (done && template->path_length >= 0) {
                basic->pathlen = ASN1_INTEGER_new();
                done = basic->pathlen && ASN1_INTEGER_set(basic->pathlen, template->path_length);
        }
        done = done && X509_add1_ext_i2d(certificate, NID_basic_constraints, basic,
                                         template->critical_basic, X509V3_ADD_APPEND) == 1;
        BASIC_CONSTRAINTS_free(basic);
        return done;
}

/* SHA-1 of the public key's bits (RFC 5280, 4.2.1.2, method 1). */
static bool
key_id(const X509 *certificate, uint8_t out[20])
{
        const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(certificate);
        unsigned len = 20;

        return bits && EVP_Digest(bits->data, (size_t)bits->length, out, &len, EVP_sha1(), NULL);
}

static bool
subject_key_id_add(X509 *certificate)
{
        uint8_t digest[20];
        ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
        bool done = id && key_id(certificate, digest) &&
                    ASN1_OCTET_STRING_set(id, digest, sizeof(digest)) &&
                    X509_add1_ext_i2d(certificate, NID_subject_key_identifier, id, 0,
                                      X509V3_ADD_APPEND) == 1;

        ASN1_OCTET_STRING_free(id);
        return done;
}

static bool
authority_key_id_add(X509 *certificate, X509 *issuer)
{
        const ASN1_OCTET_STRING *found = X509_get0_subject_key_id(issuer);
        AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
        uint8_t digest[20];
        bool done = id && (found || key_id(issuer, digest));

        if (done) {
                id->keyid = ASN1_OCTET_STRING_new();
                done = id->keyid &&
                       ASN1_OCTET_STRING_set(id->keyid, found ? found->data : digest,
                                             found ? found->length : (int)sizeof(digest)) &&
                       X509_add1_ext_i2d(certificate, NID_authority_key_identifier, id, 0,
                                         X509V3_ADD_APPEND) == 1;
        }
        AUTHORITY_KEYID_free(id);
        return done;
}

ASN1_BIT_STRING *
key_usage_string(unsigned usage)
{
        ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();

        /* KU_… has the first bit of the string (digitalSignature) as 0x80, decipherOnly as 0x8000
         */
        for (int i = 0; bits && i < 9; i++)
                if (usage & (i < 8 ? 0x80U >> i : 0x8000U))
                        ASN1_BIT_STRING_set_bit(bits, i, 1);
        return bits;
}

static bool
key_usage_add(X509 *certificate, unsigned usage)
{
        ASN1_BIT_STRING *bits = key_usage_string(usage);
        bool done = bits &&
                    X509_add1_ext_i2d(certificate, NID_key_usage, bits, 1, X509V3_ADD_APPEND) == 1;

        ASN1_BIT_STRING_free(bits);
        return done;
}

static bool
extended_usage_add(X509 *certificate, const struct template *template)
{
        EXTENDED_KEY_USAGE *usage = sk_ASN1_OBJECT_new_null();
        bool done = usage != NULL;

        for (const int *nid = template->extended_nids; done && *nid; nid++)
                done = sk_ASN1_OBJECT_push(usage, OBJ_nid2obj(*nid)) > 0;
        done = done && X509_add1_ext_i2d(certificate, NID_ext_key_usage, usage,
                                         template->extended_critical, X509V3_ADD_APPEND) == 1;
        sk_ASN1_OBJECT_free(usage); /* the objects are OpenSSL's own */
        return done;
}

/* Append what does not stand there yet, or of that only the alternative names. */
static bool
extensions_pass(X509 *certificate, const STACK_OF(X509_EXTENSION) * from, bool names_only)
{
        for (int i = 0; i < sk_X509_EXTENSION_num(from); i++) {
                X509_EXTENSION *extension = sk_X509_EXTENSION_value(from, i);
                ASN1_OBJECT *object = X509_EXTENSION_get_object(extension);

                if (names_only && OBJ_obj2nid(object) != NID_subject_alt_name)
                        continue;
                if (X509_get_ext_by_OBJ(certificate, object, -1) < 0 &&
                    X509_add_ext(certificate, extension, -1) != 1)
                        return false;
        }
        return true;
}

static GENERAL_NAME *
uri_name(const char *url)
{
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();

        if (name && text && ASN1_STRING_set(text, url, -1)) {
                GENERAL_NAME_set0_value(name, GEN_URI, text);
                return name;
        }
        GENERAL_NAME_free(name);
        ASN1_IA5STRING_free(text);
        return NULL;
}

DIST_POINT_NAME *
url_dist_point_name(const char *url)
{
        DIST_POINT_NAME *name = DIST_POINT_NAME_new();
        GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

        if (name && names && sk_GENERAL_NAME_push(names, uri_name(url)) > 0) {
                name->type = 0; /* a full name, not one relative to the CA's */
                name->name.fullname = names;
                return name;
        }
        DIST_POINT_NAME_free(name);
        sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
        return NULL;
}

static bool
crl_url_add(X509 *certificate, const char *url)
{
        CRL_DIST_POINTS *points = sk_DIST_POINT_new_null();
        DIST_POINT *point = DIST_POINT_new();
        bool done = points && point && sk_DIST_POINT_push(points, point) > 0;

        if (!done) {
                DIST_POINT_free(point);
        } else {
                point->distpoint = url_dist_point_name(url);
                done = point->distpoint &&
                       X509_add1_ext_i2d(certificate, NID_crl_distribution_points, points, 0,
                                         X509V3_ADD_APPEND) == 1;
        }
        sk_DIST_POINT_pop_free(points, DIST_POINT_free);
        return done;
}

static bool
ocsp_url_add(X509 *certificate, const char *url)
{
        AUTHORITY_INFO_ACCESS *access = sk_ACCESS_DESCRIPTION_new_null();
        ACCESS_DESCRIPTION *one = ACCESS_DESCRIPTION_new();
        bool done = access && one && sk_ACCESS_DESCRIPTION_push(access, one) > 0;

        if (!done) {
                ACCESS_DESCRIPTION_free(one);
        } else {
                one->method = OBJ_nid2obj(NID_ad_OCSP);
                GENERAL_NAME_free(one->location);
                one->location = uri_name(url);
                done = one->location && X509_add1_ext_i2d(certificate, NID_info_access, access, 0,
                                                          X509V3_ADD_APPEND) == 1;
        }
        sk_ACCESS_DESCRIPTION_pop_free(access, ACCESS_DESCRIPTION_free);
        return done;
}

static bool
extensions_add(X509 *certificate, const struct wish *wish, const struct signer *signer)
{
        const struct template *template = wish->template;

        if (!basic_add(certificate, template))
                return false;
        if (!template->root && !authority_key_id_add(certificate, signer->certificate))
                return false;
        if (!subject_key_id_add(certificate))
                return false;
        if (template->key_usage && !key_usage_add(certificate, template->key_usage))
                return false;
        if (template->extended_nids && !extended_usage_add(certificate, template))
                return false;
        /* The guide: passthrough templates do not work with the AIA extension. */
        bool passing = template->csr_passthrough || template->api_passthrough;
        if (wish->ocsp_url && !template->root && !passing &&
            !ocsp_url_add(certificate, wish->ocsp_url))
                return false;
        if (wish->crl_url && !template->root && !crl_url_add(certificate, wish->crl_url))
                return false;
        if (template->api_passthrough && !extensions_pass(certificate, wish->api_extensions, false))
                return false;
        return extensions_pass(certificate, wish->csr_extensions, !template->csr_passthrough);
}

/*
 * The holder's key as it stands in the CSR: encoding it anew costs OpenSSL 3.0 a third of the time
 * a certificate takes.
 */
static bool
public_key_set(X509 *certificate, const struct wish *wish)
{
        const uint8_t *encoded;
        const void *parameters;
        X509_ALGOR *algorithm;
        ASN1_OBJECT *object;
        int encoded_len, type;

        if (!wish->public_key)
                return X509_set_pubkey(certificate, wish->key);
        if (!X509_PUBKEY_get0_param(&object, &encoded, &encoded_len, &algorithm, wish->public_key))
                return false;
        X509_ALGOR_get0(NULL, &type, &parameters, algorithm);
        ASN1_TYPE *copy = ASN1_TYPE_new();
        uint8_t *bytes = OPENSSL_memdup(encoded, (size_t)encoded_len);
        bool done = copy && bytes && ASN1_TYPE_set1(copy, type, parameters) == 1;
        if (done)
                done = X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(certificate), OBJ_dup(object),
                                              type, copy->value.ptr, bytes, encoded_len) == 1;
        if (!done) {
                OPENSSL_free(bytes);
                ASN1_TYPE_free(copy);
                return false;
        }
        copy->type = V_ASN1_UNDEF;
        copy->value.ptr = NULL;
        ASN1_TYPE_free(copy);
        return true;
}

static bool
fields_set(X509 *certificate, const struct wish *wish, const struct signer *signer)
{
        BIGNUM *serial = BN_bin2bn(wish->serial, SERIAL_SIZE, NULL);
        const X509_NAME *issuer =
                signer->certificate ? X509_get_subject_name(signer->certificate) : wish->subject;
        bool done = serial && BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) &&
                    X509_set_version(certificate, X509_VERSION_3) &&
                    X509_set_issuer_name(certificate, issuer) &&
                    X509_set_subject_name(certificate, wish->subject) &&
                    ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)wish->not_before) &&
                    ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)wish->not_after) &&
                    public_key_set(certificate, wish);

        BN_free(serial);
        return done;
}

X509 *
certificate_make(const struct wish *wish, const struct signer *signer,
                 const struct algorithm *algorithm, struct error *err)
{
        CLEANUP(certificate_cleanup) X509 *certificate = X509_new();
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        bool done = certificate && context && fields_set(certificate, wish, signer) &&
                    extensions_add(certificate, wish, signer) &&
                    signing_start(context, signer->key, algorithm) &&
                    X509_sign_ctx(certificate, context) > 0;

        EVP_MD_CTX_free(context);
        if (done)
                return MOVE(certificate);
        error_set(err, ERROR_INTERNAL, "OpenSSL cannot sign the certificate");
        return NULL;
}

/* -- reading ------------------------------------------------------------------------------ */

/* Keys that a CSR may have: those that the service's own documentation lists for any CA. */
static bool
key_is_supported(EVP_PKEY *key)
{
        static const char *const curves[] = { "prime256v1", "secp384r1", "secp521r1" };
        char curve[64];
        size_t len;

        if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
                return EVP_PKEY_get_bits(key) >= 2048 && EVP_PKEY_get_bits(key) <= 4096;
        if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
            EVP_PKEY_get_group_name(key, curve, sizeof(curve), &len) != 1)
                return false;
        for (size_t i = 0; i < ARRAY_LENGTH(curves); i++)
                if (strcmp(curves[i], curve) == 0)
                        return true;
        return false;
}

X509_REQ *
csr_parse(struct view pem, const char **why)
{
        BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
        CLEANUP(x509_req_cleanup) X509_REQ *csr = NULL;
        char *label = NULL, *header = NULL;
        uint8_t *der = NULL;
        long len = 0;

        *why = "it is not a PEM CERTIFICATE REQUEST";
        if (bio && PEM_read_bio(bio, &label, &header, &der, &len) == 1 &&
            (strcmp(label, PEM_STRING_X509_REQ) == 0 ||
             strcmp(label, PEM_STRING_X509_REQ_OLD) == 0)) {
                const uint8_t *at = der;
                csr = d2i_X509_REQ(NULL, &at, len);
                *why = "its content is not a PKCS #10 request";
        }
        BIO_free(bio);
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_free(der);
        if (!csr)
                return NULL;
        EVP_PKEY *key = X509_REQ_get0_pubkey(csr);
        *why = "its public key cannot be read";
        if (!key)
                return NULL;
        *why = "its public key is not RSA of 2048 to 4096 bits or EC on P-256, P-384 or P-521";
        if (!key_is_supported(key))
                return NULL;
        *why = "its extensions cannot be read";
        if (X509_REQ_get_attr_by_NID(csr, NID_ext_req, -1) >= 0) {
                CLEANUP(extensions_cleanup)
                STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr);
                if (!extensions)
                        return NULL;
        }
        *why = "its signature does not verify with its public key";
        return X509_REQ_verify(csr, key) == 1 ? MOVE(csr) : NULL;
}

/* Step over the header of a DER element, or over all of it; false at the end or at nonsense. */
static bool
element_enter(const uint8_t **at, const uint8_t *end)
{
        long len;
        int tag, class;

        return !(ASN1_get_object(at, &len, &tag, &class, end - *at) & 0x80);
}

static bool
element_skip(const uint8_t **at, const uint8_t *end)
{
        const uint8_t *inside = *at;
        long len;
        int tag, class;

        if (inside >= end || ASN1_get_object(&inside, &len, &tag, &class, end - inside) & 0x80)
                return false;
        *at = inside + len;
        return true;
}

static bool
date_read(const uint8_t **at, const uint8_t *end, int64_t *out)
{
        ASN1_TIME *time = d2i_ASN1_TIME(NULL, at, end - *at);

        *out = asn1_time_read(time);
        ASN1_TIME_free(time);
        return time != NULL;
}

/* RFC 5280, 4.1: version [0], serialNumber, signature, issuer, validity, subject, … */
bool
certificate_outline(struct view der, X509_NAME **subject, int64_t *not_before, int64_t *not_after)
{
        const uint8_t *at = der.data;
        const uint8_t *end = at + der.len;
        bool done = element_enter(&at, end) && element_enter(&at, end);

        for (int i = 0; done && i < 4; i++)
                done = element_skip(&at, end);
        if (!done || !element_enter(&at, end) || !date_read(&at, end, not_before) ||
            !date_read(&at, end, not_after))
                return false;
        *subject = d2i_X509_NAME(NULL, &at, end - at);
        return *subject != NULL;
}

X509 *
certificate_of_pem(struct view pem, size_t *used)
{
        BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
        X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

        *used = pem.len - (bio ? (size_t)BIO_pending(bio) : 0);
        BIO_free(bio);
        return certificate;
}

char *
der_pem(struct view der)
{
        struct buf out = { 0 };
        char *text = base64_encode(der);
        size_t len = strlen(text);

        buf_add_text(&out, "-----BEGIN CERTIFICATE-----\n");
        for (size_t at = 0; at < len; at += 64) {
                buf_add(&out, view_of(text + at, len - at < 64 ? len - at : 64));
                buf_add_byte(&out, '\n');
        }
        buf_add_text(&out, "-----END CERTIFICATE-----");
        free(text);
        return (char *)out.data; /* from malloc, with its NUL: the caller's now */
}

char *
certificate_pem(X509 *certificate)
{
        struct buf der = { 0 };

        certificate_der(certificate, &der);
        char *pem = der_pem(view_buf(&der));
        buf_clear(&der);
        return pem;
}

void
certificate_der(X509 *certificate, struct buf *out)
{
        uint8_t *der = NULL;
        int len = i2d_X509(certificate, &der);

        if (len > 0)
                buf_add(out, view_of(der, (size_t)len));
        OPENSSL_free(der);
}

void
csr_spki(X509_REQ *csr, struct buf *out)
{
        uint8_t *der = NULL;
        int len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(csr), &der);

        if (len > 0)
                buf_add(out, view_of(der, (size_t)len));
        OPENSSL_free(der);
}

X509 *
certificate_of_der(struct view der)
{
        const uint8_t *at = der.data;

        return d2i_X509(NULL, &at, (long)der.len);
}

int64_t
asn1_time_read(const ASN1_TIME *time)
{
        struct tm civil = { 0 };

        if (!time || ASN1_TIME_to_tm(time, &civil) != 1)
                return 0;
        return clock_civil(civil.tm_year + 1900, civil.tm_mon + 1, civil.tm_mday, civil.tm_hour,
                           civil.tm_min, civil.tm_sec);
}

char *
serial_colons(struct view serial)
{
        struct buf out = { 0 };

        for (size_t i = 0; i < serial.len; i++)
                buf_format(&out, "%s%02x", i ? ":" : "", serial.data[i]);
        return (char *)out.data;
}
