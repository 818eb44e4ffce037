#include "tests/unit/maker.h"

#include <openssl/bn.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

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
        for (size_t i = 0; i < MAKER_EXTENSIONS; i++) {
                if (from->extensions[i].name)
                        add_extension(certificate, from->issuer_certificate, &from->extensions[i]);
        }
        assert_true(X509_sign(certificate, from->issuer_key, from->md) > 0);
        X509_NAME_free(subject);
        X509_NAME_free(issuer);
        ERR_clear_error();
        return certificate;
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
