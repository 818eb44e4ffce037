#include "tests/unit/maker.h"

#include <openssl/bn.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "order/der.h"
#include "order/name.h"
#include "tests/unit/unit.h"

static X509_NAME *
name_of(const char *text)
{
        X509_NAME *name = NULL;
        struct error err = { 0 };

        assert_done(subject_parse(text, &name, &err), err);
        return name;
}

static void
set_serial(X509 *certificate, const char *hex)
{
        BIGNUM *number = NULL;

        assert_true(BN_hex2bn(&number, hex) > 0);
        ASN1_INTEGER *serial = BN_to_ASN1_INTEGER(number, NULL);

        assert_int_equal(X509_set_serialNumber(certificate, serial), 1);
        ASN1_INTEGER_free(serial);
        BN_free(number);
}

static void
add_extension(X509 *certificate, X509 *issuer, const struct maker_extension *extension)
{
        CONF *none = NCONF_new(NULL); /* policies want a configuration, if an empty one */
        X509V3_CTX context;
        char name[64];
        size_t len = strcspn(extension->name, " ");

        /* Behind a space stands what tells a second one of the same name from the first. */
        assert_true(len < sizeof(name));
        memcpy(name, extension->name, len);
        name[len] = '\0';
        X509V3_set_ctx(&context, issuer ? issuer : certificate, certificate, NULL, NULL, 0);
        X509V3_set_nconf(&context, none);
        X509_EXTENSION *made = X509V3_EXT_nconf(none, &context, name, extension->value);

        if (!made)
                fail_msg("OpenSSL does not make '%s' of '%s'", extension->name, extension->value);
        assert_int_equal(X509_add_ext(certificate, made, -1), 1);
        X509_EXTENSION_free(made);
        NCONF_free(none);
}

static void
sign_it(X509 *certificate, const struct maker_certificate *from)
{
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        EVP_PKEY_CTX *key = NULL;

        assert_int_equal(EVP_DigestSignInit(context, &key, from->md, NULL, from->issuer_key), 1);
        if (from->pss)
                assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING), 1);
        assert_true(X509_sign_ctx(certificate, context) > 0);
        EVP_MD_CTX_free(context);
}

static struct view
rest_of(struct view bytes, size_t from)
{
        return view_of(bytes.data + from, bytes.len - from);
}

/* Where the extensions, [3], begin: the element with a length of one byte that ends the list. */
static size_t
extensions_at(struct view list)
{
        for (size_t i = 0; i + 3 < list.len; i++) {
                if (list.data[i] == 0xa3 && list.data[i + 1] == 0x81 &&
                    list.data[i + 2] == list.len - i - 3)
                        return i;
        }
        fail_msg("the extensions are not where they were expected");
        return 0;
}

/* OpenSSL writes no unique identifiers: put one in front of the extensions and sign again. */
static X509 *
with_unique_id(X509 *certificate, const struct maker_certificate *from)
{
        static const uint8_t id[] = { 0x81, 0x02, 0x00, 0x01 }; /* [1] BIT STRING */
        CLEANUP(buf_cleanup) struct buf fields = { 0 };
        CLEANUP(buf_cleanup) struct buf info = { 0 };
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        CLEANUP(buf_cleanup) struct buf bits = { 0 };
        CLEANUP(buf_cleanup) struct buf whole = { 0 };
        const X509_ALGOR *algorithm = X509_get0_tbs_sigalg(certificate);
        struct signer signer = maker_signer(from->issuer_key);
        unsigned char *der = NULL;
        struct error err = { 0 };
        int len = i2d_re_X509_tbs(certificate, &der);
        struct view tbs = view_of(der, (size_t)len);
        struct view list = rest_of(tbs, 4); /* behind SEQUENCE and its length of two bytes */
        size_t before = extensions_at(list);

        buf_add(&fields, view_of(list.data, before));
        buf_add(&fields, view_of(id, sizeof(id)));
        buf_add(&fields, rest_of(list, before));
        der_add(&info, DER_SEQUENCE, view_buf(&fields));
        OPENSSL_free(der);
        assert_done(signer.sign(signer.context, HASH_SHA256, view_buf(&info), &signature, &err),
                    err);
        der = NULL;
        len = i2d_X509_ALGOR(algorithm, &der);
        buf_add(&info, view_of(der, (size_t)len));
        OPENSSL_free(der);
        buf_add_byte(&bits, 0);
        buf_add(&bits, view_buf(&signature));
        der_add(&info, DER_BIT_STRING, view_buf(&bits));
        der_add(&whole, DER_SEQUENCE, view_buf(&info));
        X509_free(certificate);
        const unsigned char *at = whole.data;

        certificate = d2i_X509(NULL, &at, (long)whole.len);
        assert_non_null(certificate);
        return certificate;
}

X509 *
maker_sign(const struct maker_certificate *from)
{
        X509 *certificate = X509_new();
        X509_NAME *subject = name_of(from->subject);
        X509_NAME *issuer = name_of(from->issuer);

        X509_set_version(certificate, from->version);
        set_serial(certificate, from->serial);
        X509_set_subject_name(certificate, subject);
        X509_set_issuer_name(certificate, issuer);
        X509_set_pubkey(certificate, from->key);
        assert_non_null(ASN1_TIME_set(X509_getm_notBefore(certificate), from->not_before));
        assert_non_null(ASN1_TIME_set(X509_getm_notAfter(certificate), from->not_after));
        if (from->not_after_text)
                assert_int_equal(ASN1_STRING_set(X509_getm_notAfter(certificate),
                                                 from->not_after_text, -1),
                                 1);
        for (size_t i = 0; i < MAKER_EXTENSIONS; i++) {
                if (from->extensions[i].name)
                        add_extension(certificate, from->issuer_certificate, &from->extensions[i]);
        }
        sign_it(certificate, from);
        X509_NAME_free(subject);
        X509_NAME_free(issuer);
        ERR_clear_error();
        return from->unique_id ? with_unique_id(certificate, from) : certificate;
}

void
maker_der(X509 *certificate, struct buf *out)
{
        unsigned char *der = NULL;
        int len = i2d_X509(certificate, &der);

        assert_true(len > 0);
        buf_set(out, view_of(der, (size_t)len));
        OPENSSL_free(der);
}

void
maker_spki(EVP_PKEY *key, struct buf *out)
{
        unsigned char *der = NULL;
        int len = i2d_PUBKEY(key, &der);

        assert_true(len > 0);
        buf_set(out, view_of(der, (size_t)len));
        OPENSSL_free(der);
}

void
maker_set(struct maker_certificate *certificate, const char *name, const char *value)
{
        struct maker_extension *place = NULL;

        for (size_t i = 0; i < MAKER_EXTENSIONS; i++) {
                struct maker_extension *at = &certificate->extensions[i];

                if (at->name && strcmp(at->name, name) == 0) {
                        place = at;
                        break;
                }
                if (!at->name && !place)
                        place = at;
        }
        assert_non_null(place);
        *place = (struct maker_extension){ value ? name : NULL, value };
}

static bool
sign(void *context, enum hash hash, struct view message, struct buf *signature, struct error *err)
{
        static const char *const names[] = {
                [HASH_SHA256] = "SHA256",
                [HASH_SHA384] = "SHA384",
                [HASH_SHA512] = "SHA512",
        };
        EVP_MD_CTX *digest = EVP_MD_CTX_new();
        uint8_t bytes[1024];
        size_t len = sizeof(bytes);
        bool good = EVP_DigestSignInit_ex(digest, NULL, names[hash], NULL, NULL, context, NULL) &&
                    EVP_DigestSign(digest, bytes, &len, message.data, message.len) == 1;

        EVP_MD_CTX_free(digest);
        if (!good)
                return error_set(err, ERROR_TOKEN, "the test's key does not sign");
        buf_set(signature, view_of(bytes, len));
        return true;
}

struct signer
maker_signer(EVP_PKEY *key)
{
        return (struct signer){ key, sign };
}
