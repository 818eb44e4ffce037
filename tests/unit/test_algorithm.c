#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/algorithm.h"
#include "tests/unit/unit.h"

static void
spki_of(EVP_PKEY *key, struct buf *out)
{
        unsigned char *der = NULL;
        int len = i2d_PUBKEY(key, &der);

        assert_true(len > 0);
        buf_set(out, view_of(der, (size_t)len));
        OPENSSL_free(der);
}

static void
every_key_type_is_found_by_its_name(void **state)
{
        struct error err = { 0 };

        (void)state;
        for (enum key_type type = KEY_NONE + 1; type < KEY_TYPES; type++) {
                enum key_type found = KEY_NONE;

                assert_done(key_type_named(key_type_name(type), &found, &err), err);
                assert_int_equal(found, type);
                assert_int_equal(key_type_is_ec(type), text_starts(key_type_name(type), "ec:"));
                assert_true(key_type_bits(type) >= 256);
                assert_true(hash_size(key_type_hash(type)) >= 32);
        }
        assert_string_equal(key_type_name(KEY_NONE), "");
}

static void
an_unknown_key_type_is_refused_with_the_nearest(void **state)
{
        static const char *const wrong[] = { "", "rsa", "rsa:1024", "p256", "EC:P256", "ed25519" };
        enum key_type untouched = KEY_RSA_3072;
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
                assert_refused(key_type_named(wrong[i], &untouched, &err), err, ERROR_USAGE);
        assert_refused(key_type_named("ec:p385", &untouched, &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.next, "'ec:p384'"));
        assert_int_equal(untouched, KEY_RSA_3072);
}

static void
the_type_of_a_public_key_is_told(void **state)
{
        static const struct {
                const char *curve; /* NULL: RSA */
                size_t bits;
                enum key_type type;
        } cases[] = {
                { "P-256", 0, KEY_EC_P256 },  { "P-384", 0, KEY_EC_P384 },
                { "P-521", 0, KEY_EC_P521 },  { "secp256k1", 0, KEY_NONE },
                { NULL, 2048, KEY_RSA_2048 }, { NULL, 1024, KEY_NONE },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                EVP_PKEY *key =
                        cases[i].curve ? EVP_EC_gen(cases[i].curve) : EVP_RSA_gen(cases[i].bits);
                CLEANUP(buf_cleanup) struct buf spki = { 0 };

                assert_non_null(key);
                spki_of(key, &spki);
                assert_int_equal(key_type_of_spki(view_buf(&spki)), cases[i].type);
                assert_int_equal(key_type_of_key(key), cases[i].type);
                EVP_PKEY_free(key);
        }
}

static void
what_is_no_public_key_has_no_type(void **state)
{
        EVP_PKEY *edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        EVP_PKEY *key = EVP_EC_gen("P-256");
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        CLEANUP(buf_cleanup) struct buf other = { 0 };

        (void)state;
        spki_of(edwards, &other);
        spki_of(key, &spki);
        assert_int_equal(key_type_of_spki(view_buf(&other)), KEY_NONE);
        assert_int_equal(key_type_of_spki(view_of(NULL, 0)), KEY_NONE);
        for (size_t len = 0; len < spki.len; len++)
                assert_int_equal(key_type_of_spki(view_of(spki.data, len)), KEY_NONE);
        spki.data[spki.len - 1] ^= 1; /* no longer a point of the curve */
        assert_int_equal(key_type_of_spki(view_buf(&spki)), KEY_NONE);
        spki.data[spki.len - 1] ^= 1;
        assert_int_equal(key_type_of_spki(view_buf(&spki)), KEY_EC_P256);
        buf_add_byte(&spki, 0);
        assert_int_equal(key_type_of_spki(view_buf(&spki)), KEY_NONE);
        EVP_PKEY_free(key);
        EVP_PKEY_free(edwards);
}

static void
hashes_are_those_of_the_standard(void **state)
{
        /* FIPS 180-4's example "abc": the first bytes */
        static const struct {
                enum hash hash;
                const char *name;
                const char *digest;
        } cases[] = {
                { HASH_SHA256, "sha256", "ba7816bf8f01cfea" },
                { HASH_SHA384, "sha384", "cb00753f45a35e8b" },
                { HASH_SHA512, "sha512", "ddaf35a193617aba" },
        };
        uint8_t digest[64], short_digest[32];

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                hash_bytes(cases[i].hash, view_text("abc"), digest);
                CLEANUP(free_cleanup) char *hex = hex_encode(view_of(digest, 8));

                assert_string_equal(hex, cases[i].digest);
                assert_string_equal(hash_name(cases[i].hash), cases[i].name);
        }
        hash_bytes(HASH_SHA256, view_text("abc"), digest);
        sha256(view_text("abc"), short_digest);
        assert_memory_equal(digest, short_digest, 32);
        assert_string_equal(hash_name(HASH_NONE), "");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_key_type_is_found_by_its_name),
                cmocka_unit_test(an_unknown_key_type_is_refused_with_the_nearest),
                cmocka_unit_test(the_type_of_a_public_key_is_told),
                cmocka_unit_test(what_is_no_public_key_has_no_type),
                cmocka_unit_test(hashes_are_those_of_the_standard),
        };

        return cmocka_run_group_tests_name("algorithm", tests, NULL, NULL);
}
