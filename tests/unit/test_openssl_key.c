#include "tests/unit/unit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "engine/openssl_key.h"

static void
uris_of_openssl_keys_are_told_from_others_and_checked(void **state)
{
        static const struct {
                const char *uri;
                bool is, good;
        } rows[] = {
                { "engine:pkcs11:pkcs11:object=k", true, true },
                { "engine:tpm2tss:0x81000001", true, true },
                { "engine:pkcs11", true, false },
                { "engine::x", true, false },
                { "engine:x:", true, false },
                { "store:handle:0x81000001", true, true },
                { "store:/etc/key.pem", true, true },
                { "store:", true, false },
                { "store:pkcs11:token=a?pin-value=1234", true, false },
                { "engine:pkcs11:pkcs11:token=a?PIN-VALUE=1234", true, false },
                { "pkcs11:token=a", false, false },
                { NULL, false, false },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct error err = { 0 };

                assert_int_equal(openssl_key_is(rows[i].uri), rows[i].is);
                if (!rows[i].is)
                        continue;
                bool good = openssl_key_check(rows[i].uri, &err);

                if (rows[i].good)
                        assert_done(good, err);
                else
                        assert_refused(good, err, ERROR_USAGE);
                assert_null(strstr(err.what, "1234"));
        }
}

static void
a_key_in_a_file_is_refused_since_openssl_hands_it_out(void **state)
{
        static const char *const types[] = { "EC", "RSA" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
                char path[] = "/tmp/test_openssl_key.XXXXXX";
                int fd = mkstemp(path);
                FILE *file = fdopen(fd, "w");
                EVP_PKEY *software = i ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                                       : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
                CLEANUP(free_cleanup) char *uri = text_format("store:%s", path);
                struct error err = { 0 };

                assert_non_null(file);
                assert_int_equal(PEM_write_PrivateKey(file, software, NULL, NULL, 0, NULL, NULL),
                                 1);
                fclose(file);
                EVP_PKEY_free(software);
                struct key *key = openssl_key_open(uri, NULL, NULL, &err);

                unlink(path);
                assert_refused(key != NULL, err, ERROR_KEY_WEAK);
        }
}

static void
what_is_not_there_is_said_with_openssls_words(void **state)
{
        static const char *const uris[] = { "engine:none-such:key", "store:/none/such.pem",
                                            "store:none-such:key" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(uris); i++) {
                struct error err = { 0 };

                assert_refused(openssl_key_open(uris[i], NULL, NULL, &err) != NULL, err,
                               ERROR_KEY_ABSENT);
                assert_string_equal(err.about, uris[i]);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(uris_of_openssl_keys_are_told_from_others_and_checked),
                cmocka_unit_test(a_key_in_a_file_is_refused_since_openssl_hands_it_out),
                cmocka_unit_test(what_is_not_there_is_said_with_openssls_words),
        };

        return cmocka_run_group_tests_name("openssl_key", tests, NULL, NULL);
}
