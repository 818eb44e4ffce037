#include "tests/unit/unit.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/decoded.h"

/* The SPKI of a fresh key of this kind. */
static EVP_PKEY *
make(const char *curve, struct buf *spki)
{
        EVP_PKEY *key = curve ? EVP_EC_gen(curve) : EVP_RSA_gen(2048);
        unsigned char *der = NULL;
        int length = i2d_PUBKEY(key, &der);

        buf_set(spki, view_of(der, (size_t)length));
        OPENSSL_free(der);
        return key;
}

static void
a_key_is_the_same_however_it_is_decoded(void **state)
{
        static const char *const curves[] = { "P-256", "P-384", "P-521", NULL };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(curves); i++) {
                CLEANUP(buf_cleanup) struct buf spki = { 0 };
                CLEANUP(buf_cleanup) struct buf again = { 0 };
                EVP_PKEY *key = make(curves[i], &spki);

                for (int times = 0; times < 2; times++) {
                        EVP_PKEY *decoded = decoded_key(view_buf(&spki));
                        unsigned char *der = NULL;

                        assert_non_null(decoded);
                        assert_int_equal(EVP_PKEY_eq(key, decoded), 1);
                        int length = i2d_PUBKEY(decoded, &der);

                        buf_set(&again, view_of(der, (size_t)length));
                        assert_true(view_equal(view_buf(&spki), view_buf(&again)));
                        OPENSSL_free(der);
                        EVP_PKEY_free(decoded);
                }
                EVP_PKEY_free(key);
        }
}

static void
a_point_off_its_curve_is_no_key(void **state)
{
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        EVP_PKEY *key = make("P-256", &spki);

        (void)state;
        spki.data[spki.len - 1] ^= 1;
        assert_null(decoded_key(view_buf(&spki)));
        spki.data[spki.len - 1] ^= 1;
        buf_add_byte(&spki, 0);
        assert_null(decoded_key(view_buf(&spki)));
        assert_null(decoded_key(view_of(NULL, 0)));
        EVP_PKEY_free(key);
}

static X509 *
certificate_of(EVP_PKEY *key, struct buf *der)
{
        X509 *certificate = X509_new();
        unsigned char *bytes = NULL;

        assert_int_equal(X509_set_pubkey(certificate, key), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        assert_true(X509_sign(certificate, key,
                              EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
        int length = i2d_X509(certificate, &bytes);

        buf_set(der, view_of(bytes, (size_t)length));
        OPENSSL_free(bytes);
        return certificate;
}

/* Of kinds that are decoded the quick way, and of one that is not. */
static void
a_certificate_s_key_is_decoded_and_verifies(void **state)
{
        EVP_PKEY *made[] = { EVP_EC_gen("P-256"), EVP_EC_gen("P-384"), EVP_EC_gen("P-521"),
                             EVP_RSA_gen(2048), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(made); i++) {
                CLEANUP(buf_cleanup) struct buf der = { 0 };
                X509 *certificate = certificate_of(made[i], &der);
                X509 *decoded = decoded_certificate(view_buf(&der));

                assert_non_null(decoded);
                assert_int_equal(EVP_PKEY_eq(made[i], X509_get0_pubkey(decoded)), 1);
                assert_int_equal(X509_verify(certificate, X509_get0_pubkey(decoded)), 1);
                assert_int_equal(X509_verify(decoded, made[i]), 1);
                der.data[der.len - 1] ^= 1;
                X509 *wrong = decoded_certificate(view_buf(&der));

                assert_true(!wrong || X509_verify(wrong, X509_get0_pubkey(decoded)) != 1);
                X509_free(wrong);
                X509_free(decoded);
                X509_free(certificate);
                EVP_PKEY_free(made[i]);
        }
}

static void
more_than_is_remembered_is_decoded_again(void **state)
{
        struct buf spkis[40] = { 0 };

        (void)state;
        decoded_remember(0);
        for (int round = 0; round < 2; round++) {
                for (size_t i = 0; i < ARRAY_LENGTH(spkis); i++) {
                        if (!round)
                                EVP_PKEY_free(make("P-256", &spkis[i]));
                        EVP_PKEY *key = decoded_key(view_buf(&spkis[i]));

                        assert_non_null(key);
                        EVP_PKEY_free(key);
                }
        }
        for (size_t i = 0; i < ARRAY_LENGTH(spkis); i++)
                buf_clear(&spkis[i]);
        decoded_remember(0);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_key_is_the_same_however_it_is_decoded),
                cmocka_unit_test(a_point_off_its_curve_is_no_key),
                cmocka_unit_test(a_certificate_s_key_is_decoded_and_verifies),
                cmocka_unit_test(more_than_is_remembered_is_decoded_again),
        };

        return cmocka_run_group_tests_name("decoded", tests, NULL, NULL);
}
