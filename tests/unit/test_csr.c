#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "order/cert.h"
#include "order/csr.h"
#include "order/text_list.h"
#include "tests/unit/maker.h"
#include "tests/unit/unit.h"

static struct {
        EVP_PKEY *p256;
        EVP_PKEY *p384;
        EVP_PKEY *p521;
        EVP_PKEY *rsa;
} keys;

static int
make_keys(void **state)
{
        (void)state;
        keys.p256 = EVP_EC_gen("P-256");
        keys.p384 = EVP_EC_gen("P-384");
        keys.p521 = EVP_EC_gen("P-521");
        keys.rsa = EVP_RSA_gen(2048);
        return keys.rsa ? 0 : -1;
}

static int
free_keys(void **state)
{
        (void)state;
        EVP_PKEY_free(keys.p256);
        EVP_PKEY_free(keys.p384);
        EVP_PKEY_free(keys.p521);
        EVP_PKEY_free(keys.rsa);
        return 0;
}

static void
wishes_cleanup(struct wishes *wishes)
{
        wishes_clear(wishes);
}

static void
fill(struct wishes *wishes)
{
        struct error err = { 0 };

        text_assign(&wishes->subject, "CN=device-1,O=Example\\, Inc.,C=DE");
        wishes_add_san(wishes, "dns:device-1.example");
        wishes_add_san(wishes, "ip:2001:db8::1");
        wishes_add_san(wishes, "upn:a@realm");
        assert_done(usages_add_key_usage(&wishes->usages, "digitalSignature,decipherOnly", &err),
                    err);
        assert_done(usages_add_extended(&wishes->usages, "clientAuth,1.2.3.4", &err), err);
        assert_done(usages_add_policy(&wishes->usages, "1.3.6.1.4.1.99999.1", &err), err);
        assert_done(usages_add_policy(&wishes->usages, "1.2.3,cps=https://pki.example/cps", &err),
                    err);
        text_list_add(&wishes->extensions, &wishes->extension_count, "1.2.3.4,critical:0500");
        text_list_add(&wishes->extensions, &wishes->extension_count, "1.2.3.5:020101");
}

static bool
build(const struct wishes *wishes, EVP_PKEY *public_key, EVP_PKEY *signing_key, struct buf *csr,
      struct error *err)
{
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        struct signer signer = maker_signer(signing_key);

        maker_spki(public_key, &spki);
        return csr_build(wishes, view_buf(&spki), &signer, csr, err);
}

static void
a_request_is_what_openssl_reads_and_verifies(void **state)
{
        static const struct {
                EVP_PKEY **key;
                int nid;
        } cases[] = {
                { &keys.p256, NID_ecdsa_with_SHA256 },
                { &keys.p384, NID_ecdsa_with_SHA384 },
                { &keys.p521, NID_ecdsa_with_SHA512 },
                { &keys.rsa, NID_sha256WithRSAEncryption },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };
                CLEANUP(buf_cleanup) struct buf csr = { 0 };
                struct error err = { 0 };
                unsigned char *again = NULL;

                fill(&wishes);
                assert_done(build(&wishes, *cases[i].key, *cases[i].key, &csr, &err), err);
                const unsigned char *at = csr.data;
                X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)csr.len);

                assert_non_null(request);
                assert_ptr_equal(at, csr.data + csr.len);
                assert_int_equal(X509_REQ_get_version(request), X509_REQ_VERSION_1);
                assert_int_equal(X509_REQ_get_signature_nid(request), cases[i].nid);
                assert_int_equal(X509_REQ_verify(request, *cases[i].key), 1);
                /* Encoded anew, OpenSSL writes the same bytes. */
                i2d_re_X509_REQ_tbs(request, &again);
                OPENSSL_free(MOVE(again));
                int len = i2d_X509_REQ(request, &again);

                assert_true(view_equal(view_of(again, (size_t)len), view_buf(&csr)));
                OPENSSL_free(again);
                X509_REQ_free(request);
        }
}

static void
all_wishes_go_into_the_request_and_come_back(void **state)
{
        CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };
        CLEANUP(wishes_cleanup) struct wishes back = { 0 };
        CLEANUP(buf_cleanup) struct buf csr = { 0 };
        CLEANUP(buf_cleanup) struct buf again = { 0 };
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        CLEANUP(buf_cleanup) struct buf expected = { 0 };
        CLEANUP(free_cleanup) char *pem = NULL;
        CLEANUP(free_cleanup) char *difference = NULL;
        struct error err = { 0 };

        (void)state;
        fill(&wishes);
        assert_done(build(&wishes, keys.p256, keys.p256, &csr, &err), err);
        pem = csr_pem(view_buf(&csr));
        assert_true(text_starts(pem, "-----BEGIN CERTIFICATE REQUEST-----\n"));
        assert_non_null(strstr(pem, "\n-----END CERTIFICATE REQUEST-----\n"));
        text_assign(&back.subject, "CN=goes away");
        wishes_add_san(&back, "dns:goes.away");
        assert_done(csr_read(view_text(pem), &again, &spki, &back, &err), err);
        assert_true(view_equal(view_buf(&again), view_buf(&csr)));
        maker_spki(keys.p256, &expected);
        assert_true(view_equal(view_buf(&spki), view_buf(&expected)));
        assert_true(wishes_equal(&wishes, &back, &difference));
        assert_true(wishes_equal(&back, &wishes, &difference));
}

static void
the_hash_is_the_one_that_was_asked_for(void **state)
{
        static const struct {
                EVP_PKEY **key;
                enum hash hash;
                int nid;
        } cases[] = {
                { &keys.p256, HASH_SHA512, NID_ecdsa_with_SHA512 },
                { &keys.p521, HASH_SHA256, NID_ecdsa_with_SHA256 },
                { &keys.rsa, HASH_SHA384, NID_sha384WithRSAEncryption },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(wishes_cleanup) struct wishes wishes = { .hash = cases[i].hash };
                CLEANUP(buf_cleanup) struct buf csr = { 0 };
                struct error err = { 0 };

                fill(&wishes);
                assert_done(build(&wishes, *cases[i].key, *cases[i].key, &csr, &err), err);
                const unsigned char *at = csr.data;
                X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)csr.len);

                assert_int_equal(X509_REQ_get_signature_nid(request), cases[i].nid);
                assert_int_equal(X509_REQ_verify(request, *cases[i].key), 1);
                X509_REQ_free(request);
        }
}

static void
a_request_without_subject_has_critical_names(void **state)
{
        CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };
        CLEANUP(buf_cleanup) struct buf csr = { 0 };
        struct error err = { 0 };

        (void)state;
        wishes_add_san(&wishes, "dns:a.example");
        assert_done(build(&wishes, keys.p256, keys.p256, &csr, &err), err);
        const unsigned char *at = csr.data;
        X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)csr.len);
        STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(request);

        assert_int_equal(sk_X509_EXTENSION_num(list), 1);
        assert_int_equal(X509_EXTENSION_get_critical(sk_X509_EXTENSION_value(list, 0)), 1);
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
        X509_REQ_free(request);
}

static void
a_request_for_nobody_is_refused(void **state)
{
        struct wishes wishes = { 0 };
        struct buf csr = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_refused(build(&wishes, keys.p256, keys.p256, &csr, &err), err, ERROR_USAGE);
        assert_int_equal(csr.len, 0);
}

static void
a_subject_alone_makes_an_empty_attribute_list(void **state)
{
        CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };
        CLEANUP(wishes_cleanup) struct wishes back = { 0 };
        CLEANUP(buf_cleanup) struct buf csr = { 0 };
        CLEANUP(buf_cleanup) struct buf again = { 0 };
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        struct error err = { 0 };

        (void)state;
        text_assign(&wishes.subject, "CN=a");
        assert_done(build(&wishes, keys.p256, keys.p256, &csr, &err), err);
        assert_done(csr_read(view_buf(&csr), &again, &spki, &back, &err), err);
        assert_string_equal(back.subject, "CN=a");
        assert_int_equal(back.san_count, 0);
        assert_int_equal(back.usages.key_usage, 0);
}

static void
a_swapped_key_is_found_before_anything_is_sent(void **state)
{
        CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };
        struct buf csr = { 0 };
        struct error err = { 0 };
        EVP_PKEY *other = EVP_EC_gen("P-256");

        (void)state;
        fill(&wishes);
        assert_refused(build(&wishes, keys.p256, other, &csr, &err), err, ERROR_NOT_PROVED);
        assert_int_equal(csr.len, 0);
        EVP_PKEY_free(other);
}

static bool
token_is_gone(void *context, enum hash hash, struct view message, struct buf *signature,
              struct error *err)
{
        (void)context;
        (void)hash;
        (void)message;
        (void)signature;
        return error_set(err, ERROR_TOKEN_REMOVED, "the token is gone");
}

static void
an_error_of_the_signer_is_handed_on(void **state)
{
        CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        struct signer signer = { NULL, token_is_gone };
        struct buf csr = { 0 };
        struct error err = { 0 };

        (void)state;
        fill(&wishes);
        maker_spki(keys.p256, &spki);
        assert_refused(csr_build(&wishes, view_buf(&spki), &signer, &csr, &err), err,
                       ERROR_TOKEN_REMOVED);
}

static void
a_key_of_another_kind_is_refused(void **state)
{
        CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };
        EVP_PKEY *edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        struct signer signer = maker_signer(edwards);
        struct buf csr = { 0 };
        struct error err = { 0 };

        (void)state;
        fill(&wishes);
        assert_refused(build(&wishes, edwards, edwards, &csr, &err), err, ERROR_INPUT);
        assert_refused(csr_build(&wishes, view_text("garbage"), &signer, &csr, &err), err,
                       ERROR_INPUT);
        EVP_PKEY_free(edwards);
}

/* -- requests of others -------------------------------------------------------------------- */

static bool
readable(struct view text, struct error *err)
{
        CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };
        CLEANUP(buf_cleanup) struct buf csr = { 0 };
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        bool good;

        text_assign(&wishes.subject, "CN=untouched");
        good = csr_read(text, &csr, &spki, &wishes, err);
        if (!good) {
                assert_string_equal(wishes.subject, "CN=untouched");
                assert_int_equal(csr.len, 0);
                assert_int_equal(ERR_peek_error(), 0);
        }
        return good;
}

static void
the_old_label_and_windows_line_ends_are_read(void **state)
{
        CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };
        CLEANUP(buf_cleanup) struct buf csr = { 0 };
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        CLEANUP(free_cleanup) char *base64 = NULL;
        struct error err = { 0 };

        (void)state;
        fill(&wishes);
        assert_done(build(&wishes, keys.p256, keys.p256, &csr, &err), err);
        base64 = base64_encode(view_buf(&csr));
        buf_format(&text,
                   "Subject: me\r\n-----BEGIN NEW CERTIFICATE REQUEST-----\r\n%s\r\n"
                   "-----END NEW CERTIFICATE REQUEST-----\r\n",
                   base64);
        assert_done(readable(view_buf(&text), &err), err);
}

static void
every_cut_and_every_flipped_bit_is_refused(void **state)
{
        CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };
        CLEANUP(buf_cleanup) struct buf csr = { 0 };
        struct error err = { 0 };

        (void)state;
        fill(&wishes);
        assert_done(build(&wishes, keys.p256, keys.p256, &csr, &err), err);
        for (size_t len = 0; len < csr.len; len++)
                assert_refused(readable(view_of(csr.data, len), &err), err, ERROR_INPUT);
        for (size_t i = 0; i < csr.len; i++) {
                csr.data[i] ^= (uint8_t)(1 << i % 8);
                if (readable(view_buf(&csr), &err))
                        fail_msg("byte %zu does not matter", i);
                csr.data[i] ^= (uint8_t)(1 << i % 8);
        }
        assert_done(readable(view_buf(&csr), &err), err);
        buf_add_byte(&csr, 0);
        assert_refused(readable(view_buf(&csr), &err), err, ERROR_INPUT);
}

static void
a_request_that_names_nobody_is_refused(void **state)
{
        X509_REQ *request = X509_REQ_new();
        struct error err = { 0 };
        unsigned char *der = NULL;

        (void)state;
        X509_REQ_set_pubkey(request, keys.p256);
        assert_true(X509_REQ_sign(request, keys.p256, EVP_sha256()) > 0);
        int len = i2d_X509_REQ(request, &der);

        assert_refused(readable(view_of(der, (size_t)len), &err), err, ERROR_INPUT);
        assert_non_null(strstr(err.what, "names nobody"));
        OPENSSL_free(der);
        X509_REQ_free(request);
}

static void
what_is_no_request_is_refused(void **state)
{
        static const char *const wrong[] = {
                "",
                "file://request.pem",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n",
                "-----BEGIN CERTIFICATE REQUEST-----\n!!!!\n-----END CERTIFICATE REQUEST-----\n",
                "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n",
                "0",
        };
        CLEANUP(buf_cleanup) struct buf large = { 0 };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
                assert_refused(readable(view_text(wrong[i]), &err), err, ERROR_INPUT);
        for (size_t i = 0; i < 70000; i++)
                buf_add_byte(&large, '0');
        assert_refused(readable(view_buf(&large), &err), err, ERROR_INPUT);
}

static void
a_request_with_a_weak_key_or_broken_extensions_is_refused(void **state)
{
        static const char *const extensions[][2] = {
                { NULL, NULL },
                { "keyUsage", "DER:04:00" },
                { "subjectAltName", "DER:30:02:82:05" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(extensions); i++) {
                EVP_PKEY *key = i ? keys.p256 : EVP_RSA_gen(1024);
                X509_REQ *request = X509_REQ_new();
                STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
                struct error err = { 0 };
                unsigned char *der = NULL;

                X509_REQ_set_pubkey(request, key);
                if (extensions[i][0]) {
                        sk_X509_EXTENSION_push(list, X509V3_EXT_nconf(NULL, NULL, extensions[i][0],
                                                                      extensions[i][1]));
                        X509_REQ_add_extensions(request, list);
                }
                assert_true(X509_REQ_sign(request, key, EVP_sha256()) > 0);
                int len = i2d_X509_REQ(request, &der);

                assert_refused(readable(view_of(der, (size_t)len), &err), err, ERROR_INPUT);
                assert_int_equal(strstr(err.what, "weak") != NULL, i == 0);
                OPENSSL_free(der);
                sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
                X509_REQ_free(request);
                if (!i)
                        EVP_PKEY_free(key);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_request_is_what_openssl_reads_and_verifies),
                cmocka_unit_test(all_wishes_go_into_the_request_and_come_back),
                cmocka_unit_test(the_hash_is_the_one_that_was_asked_for),
                cmocka_unit_test(a_request_without_subject_has_critical_names),
                cmocka_unit_test(a_request_for_nobody_is_refused),
                cmocka_unit_test(a_subject_alone_makes_an_empty_attribute_list),
                cmocka_unit_test(a_swapped_key_is_found_before_anything_is_sent),
                cmocka_unit_test(an_error_of_the_signer_is_handed_on),
                cmocka_unit_test(a_key_of_another_kind_is_refused),
                cmocka_unit_test(the_old_label_and_windows_line_ends_are_read),
                cmocka_unit_test(every_cut_and_every_flipped_bit_is_refused),
                cmocka_unit_test(a_request_that_names_nobody_is_refused),
                cmocka_unit_test(what_is_no_request_is_refused),
                cmocka_unit_test(a_request_with_a_weak_key_or_broken_extensions_is_refused),
        };

        return cmocka_run_group_tests_name("csr", tests, make_keys, free_keys);
}
