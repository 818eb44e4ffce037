#include "tests/unit/softhsm.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "engine/key.h"

static struct modules *modules;
static struct token *token;
static char *pin_path;

static int
open_token(void **state)
{
        struct error err = { 0 };

        if (softhsm_begin(state) != 0)
                return -1;
        softhsm_add_token("keys");
        pin_path = text_format("%s/pin", softhsm_folder());
        FILE *file = fopen(pin_path, "we");

        if (!file || fputs(SOFTHSM_PIN "\n", file) < 0 || fchmod(fileno(file), 0600) != 0 ||
            fclose(file) != 0)
                return -1;
        modules = modules_open(SOFTHSM_MODULE, NULL, NULL, &err);
        if (!modules)
                return -1;
        struct pin_source source = { PIN_FILE, pin_path };
        struct token_login login = { .source = &source };
        struct uri *uri = uri_parse("pkcs11:token=keys", &err);

        token = token_open(modules, uri, &login, &err);
        uri_free(uri);
        if (!token)
                fprintf(stderr, "%s: %s\n", err.what, err.next);
        return token ? 0 : -1;
}

static int
close_token(void **state)
{
        token_close(token);
        modules_close(modules);
        free(pin_path);
        return softhsm_end(state);
}

/* A certificate for a public key, or for none in particular, by a throw-away software key. */
static void
make_certificate(struct view spki, struct buf *certificate, struct buf *subject, struct buf *serial)
{
        EVP_PKEY *key = EVP_EC_gen("P-256");
        const unsigned char *at = spki.data;
        EVP_PKEY *public = spki.len ? d2i_PUBKEY(NULL, &at, (long)spki.len) : NULL;
        X509 *x = X509_new();
        unsigned char *der = NULL;
        int length;

        ASN1_INTEGER_set(X509_get_serialNumber(x), 4711);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                   (const unsigned char *)"device", -1, -1, 0);
        X509_set_issuer_name(x, X509_get_subject_name(x));
        X509_gmtime_adj(X509_getm_notBefore(x), 0);
        X509_gmtime_adj(X509_getm_notAfter(x), 3600);
        X509_set_pubkey(x, public ? public : key);
        assert_true(X509_sign(x, key, EVP_sha256()) > 0);
        length = i2d_X509(x, &der);
        buf_set(certificate, view_of(der, (size_t)length));
        OPENSSL_free(der);
        der = NULL;
        length = i2d_X509_NAME(X509_get_subject_name(x), &der);
        buf_set(subject, view_of(der, (size_t)length));
        OPENSSL_free(der);
        der = NULL;
        length = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &der);
        buf_set(serial, view_of(der, (size_t)length));
        OPENSSL_free(der);
        X509_free(x);
        EVP_PKEY_free(public);
        EVP_PKEY_free(key);
}

static void
new_id(struct buf *id)
{
        uint8_t bytes[20];

        random_bytes(bytes, sizeof(bytes));
        buf_set(id, view_of(bytes, sizeof(bytes)));
}

static void
every_key_type_is_made_and_signs(void **state)
{
        static const enum key_type types[] = { KEY_EC_P256, KEY_EC_P384, KEY_EC_P521, KEY_RSA_2048,
                                               KEY_RSA_3072 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
                CLEANUP(buf_cleanup) struct buf id = { 0 };
                CLEANUP(buf_cleanup) struct buf signature = { 0 };
                struct error err = { 0 };

                new_id(&id);
                struct key *key = key_make(token, types[i], view_buf(&id), "one", &err);

                assert_done(key, err);
                assert_int_equal(key_type_of_spki(key_spki(key)), types[i]);
                assert_done(key_sign(key, key_type_hash(types[i]), view_text("message"), &signature,
                                     &err),
                            err);
                assert_done(key_check(key, key_spki(key), &err), err);
                assert_done(key_destroy(key, &err), err);
                key_free(key);
        }
}

static void
a_new_key_is_private_sensitive_and_cannot_be_extracted(void **state)
{
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        struct key_evidence evidence;
        struct error err = { 0 };

        (void)state;
        new_id(&id);
        struct key *key = key_make(token, KEY_EC_P256, view_buf(&id), "evidence", &err);

        assert_done(key, err);
        key_evidence(key, &evidence);
        assert_int_equal(evidence.local, KEY_ANSWER_YES);
        assert_int_equal(evidence.sensitive, KEY_ANSWER_YES);
        assert_int_equal(evidence.always_sensitive, KEY_ANSWER_YES);
        assert_int_equal(evidence.extractable, KEY_ANSWER_NO);
        assert_int_equal(evidence.never_extractable, KEY_ANSWER_YES);
        assert_int_equal(evidence.always_authenticate, KEY_ANSWER_NO);
        assert_true(view_equal(key_id(key), view_buf(&id)));
        assert_string_equal(key_label(key), "evidence");
        assert_non_null(strstr(key_uri(key), "object=evidence"));
        key_free(key);
}

static void
a_certificate_is_written_once_and_found_and_destroyed(void **state)
{
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        CLEANUP(buf_cleanup) struct buf subject = { 0 };
        CLEANUP(buf_cleanup) struct buf serial = { 0 };
        struct object_facts *list = NULL;
        struct error err = { 0 };
        size_t count = 0;

        (void)state;
        new_id(&id);
        make_certificate(view_of(NULL, 0), &certificate, &subject, &serial);
        for (unsigned i = 0; i < 2; i++)
                assert_done(token_write_certificate(token, view_buf(&certificate),
                                                    view_buf(&subject), view_buf(&subject),
                                                    view_buf(&serial), view_buf(&id), "device",
                                                    &err),
                            err);
        assert_done(token_has_certificate(token, view_buf(&certificate), view_buf(&id), &err), err);
        assert_done(token_find_objects(token, "cert", view_buf(&id), NULL, &list, &count, &err),
                    err);
        assert_int_equal(count, 1);
        assert_true(view_equal(view_buf(&list[0].certificate), view_buf(&certificate)));
        assert_string_equal(list[0].label, "device");
        objects_free(list, count);
        assert_done(token_destroy_certificate(token, view_buf(&certificate), view_buf(&id), &err),
                    err);
        assert_false(token_has_certificate(token, view_buf(&certificate), view_buf(&id), &err));
        assert_int_equal(err.kind, ERROR_NONE);
}

/* How many objects carry the id. */
static size_t
count_objects(struct view id)
{
        struct object_facts *list = NULL;
        struct error err = { 0 };
        size_t count = 0;

        assert_done(token_find_objects(token, NULL, id, NULL, &list, &count, &err), err);
        objects_free(list, count);
        return count;
}

static void
a_complete_pair_is_recovered(void **state)
{
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        struct error err = { 0 };

        (void)state;
        new_id(&id);
        struct key *made = key_make(token, KEY_EC_P256, view_buf(&id), "left", &err);

        assert_done(made, err);
        struct key *found = key_recover(token, KEY_EC_P256, view_buf(&id), view_of(NULL, 0), &err);

        assert_done(found, err);
        assert_true(view_equal(key_spki(found), key_spki(made)));
        assert_int_equal(count_objects(view_buf(&id)), 2);
        key_free(found);
        key_free(made);
}

static void
a_pair_that_must_not_be_adopted_is_destroyed(void **state)
{
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        struct error err = { 0 };
        uint8_t digest[32];

        (void)state;
        new_id(&id);
        struct key *old = key_make(token, KEY_EC_P256, view_buf(&id), "old", &err);
        struct key *new = key_make(token, KEY_EC_P256, view_buf(&id), "new", &err);

        assert_done(old && new, err);
        sha256(key_spki(old), digest);
        struct key *found =
                key_recover(token, KEY_EC_P256, view_buf(&id), view_of(digest, 32), &err);

        assert_done(found, err);
        assert_true(view_equal(key_spki(found), key_spki(new)));
        assert_int_equal(count_objects(view_buf(&id)), 2);
        sha256(key_spki(new), digest);
        assert_null(key_recover(token, KEY_EC_P256, view_buf(&id), view_of(digest, 32), &err));
        assert_int_equal(err.kind, ERROR_NONE);
        assert_int_equal(count_objects(view_buf(&id)), 0);
        key_free(found);
        key_free(old);
        key_free(new);
}

static void
a_pair_of_another_type_is_destroyed(void **state)
{
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        struct error err = { 0 };

        (void)state;
        new_id(&id);
        struct key *made = key_make(token, KEY_EC_P384, view_buf(&id), "left", &err);

        assert_done(made, err);
        assert_null(key_recover(token, KEY_EC_P256, view_buf(&id), view_of(NULL, 0), &err));
        assert_int_equal(err.kind, ERROR_NONE);
        assert_int_equal(count_objects(view_buf(&id)), 0);
        key_free(made);
}

static void
nothing_to_recover_is_no_error(void **state)
{
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        struct error err = { .kind = ERROR_TOKEN };

        (void)state;
        new_id(&id);
        assert_null(key_recover(token, KEY_EC_P256, view_buf(&id), view_of(NULL, 0), &err));
        assert_int_equal(err.kind, ERROR_NONE);
}

static void
two_keys_with_one_id_are_told_apart_by_their_public_keys(void **state)
{
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        struct view none = { 0 };
        struct error err = { 0 };

        (void)state;
        new_id(&id);
        struct key *one = key_make(token, KEY_EC_P256, view_buf(&id), "same", &err);
        struct key *two = key_make(token, KEY_EC_P256, view_buf(&id), "same", &err);

        assert_done(one && two, err);
        assert_null(key_find(token, view_buf(&id), NULL, none, &err));
        assert_int_equal(err.kind, ERROR_KEY_AMBIGUOUS);
        assert_non_null(strstr(err.next, "pkcs11:"));
        struct key *found = key_find(token, view_buf(&id), NULL, key_spki(two), &err);

        assert_done(found, err);
        assert_true(view_equal(key_spki(found), key_spki(two)));
        assert_done(key_check(found, key_spki(two), &err), err);
        assert_refused(key_check(found, key_spki(one), &err), err, ERROR_KEY_LOST);
        assert_done(key_destroy(found, &err), err);
        assert_int_equal(count_objects(view_buf(&id)), 2);
        key_free(found);
        key_free(one);
        key_free(two);
}

static void
an_id_or_a_label_that_is_taken_is_named(void **state)
{
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        CLEANUP(free_cleanup) char *uris = NULL;
        struct view none = { 0 };
        struct error err = { 0 };

        (void)state;
        new_id(&id);
        assert_done(token_taken(token, view_buf(&id), "taken-label", &uris, &err), err);
        assert_null(uris);
        struct key *key = key_make(token, KEY_EC_P256, view_buf(&id), "taken-label", &err);

        assert_done(key, err);
        assert_done(token_taken(token, view_buf(&id), NULL, &uris, &err), err);
        assert_non_null(strstr(uris, "type=private"));
        free_cleanup(&uris);
        assert_done(token_taken(token, none, "taken-label", &uris, &err), err);
        assert_non_null(strstr(uris, "type=public"));
        key_free(key);
}

static void
a_key_outlives_the_session_it_was_made_in(void **state)
{
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        struct error err = { 0 };

        (void)state;
        new_id(&id);
        struct key *key = key_make(token, KEY_EC_P521, view_buf(&id), "reopened", &err);

        assert_done(key, err);
        assert_done(token_reopen(token, &err), err);
        assert_done(key_check(key, key_spki(key), &err), err);
        assert_done(key_sign(key, HASH_SHA512, view_text("again"), &signature, &err), err);
        assert_done(key_destroy(key, &err), err);
        assert_int_equal(count_objects(view_buf(&id)), 0);
        assert_done(token_reopen(token, &err), err);
        assert_refused(key_check(key, key_spki(key), &err), err, ERROR_KEY_LOST);
        key_free(key);
}

static void
a_key_is_found_by_id_label_and_public_key(void **state)
{
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        struct view none = { 0 };
        struct error err = { 0 };

        (void)state;
        new_id(&id);
        struct key *made = key_make(token, KEY_EC_P384, view_buf(&id), "find-me", &err);

        assert_done(made, err);
        struct key *by_id = key_find(token, view_buf(&id), NULL, none, &err);
        struct key *by_label = key_find(token, none, "find-me", none, &err);
        struct key *by_public = key_find_public(token, key_spki(made), &err);

        assert_done(by_id, err);
        assert_done(by_label, err);
        assert_done(by_public, err);
        assert_true(view_equal(key_spki(by_id), key_spki(made)));
        assert_true(view_equal(key_spki(by_label), key_spki(made)));
        assert_true(view_equal(key_id(by_public), view_buf(&id)));
        assert_null(key_find(token, none, "nobody", none, &err));
        assert_int_equal(err.kind, ERROR_KEY_ABSENT);
        assert_non_null(strstr(err.next, "pkcs11:"));
        key_free(by_id);
        key_free(by_label);
        key_free(by_public);
        key_free(made);
}

/* As a card without public key objects: another program takes ours away. */
static void
delete_public_object(struct view id)
{
        CLEANUP(free_cleanup) char *hex = hex_encode(id);
        const char *const words[] = {
                "pkcs11-tool", "--module",  SOFTHSM_MODULE,    "--token-label", "keys",   "--login",
                "--pin",       SOFTHSM_PIN, "--delete-object", "--type",        "pubkey", "--id",
                hex,           NULL
        };

        assert_int_equal(run_program(words), 0);
}

static void
an_rsa_key_without_a_public_object_is_read_from_its_private_one(void **state)
{
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        struct view none = { 0 };
        struct error err = { 0 };

        (void)state;
        new_id(&id);
        struct key *made = key_make(token, KEY_RSA_2048, view_buf(&id), "card", &err);

        assert_done(made, err);
        delete_public_object(view_buf(&id));
        struct key *found = key_find(token, view_buf(&id), NULL, none, &err);

        assert_done(found, err);
        assert_true(view_equal(key_spki(found), key_spki(made)));
        assert_done(key_check(found, key_spki(made), &err), err);
        key_free(found);
        key_free(made);
}

static void
an_ec_key_without_a_public_object_is_known_by_its_certificate(void **state)
{
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        CLEANUP(buf_cleanup) struct buf name = { 0 };
        CLEANUP(buf_cleanup) struct buf serial = { 0 };
        struct view none = { 0 };
        struct error err = { 0 };

        (void)state;
        new_id(&id);
        struct key *made = key_make(token, KEY_EC_P256, view_buf(&id), "card", &err);

        assert_done(made, err);
        delete_public_object(view_buf(&id));
        assert_null(key_find(token, view_buf(&id), NULL, none, &err));
        assert_int_equal(err.kind, ERROR_MECHANISM);
        make_certificate(key_spki(made), &certificate, &name, &serial);
        assert_done(token_write_certificate(token, view_buf(&certificate), view_buf(&name),
                                            view_buf(&name), view_buf(&serial), view_buf(&id),
                                            "card", &err),
                    err);
        struct key *found = key_find(token, view_buf(&id), NULL, none, &err);

        assert_done(found, err);
        assert_true(view_equal(key_spki(found), key_spki(made)));
        /* Nothing to read it from: a test signature proves it. */
        assert_done(key_check(found, key_spki(made), &err), err);
        key_free(found);
        key_free(made);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_key_type_is_made_and_signs),
                cmocka_unit_test(a_new_key_is_private_sensitive_and_cannot_be_extracted),
                cmocka_unit_test(a_certificate_is_written_once_and_found_and_destroyed),
                cmocka_unit_test(a_complete_pair_is_recovered),
                cmocka_unit_test(a_pair_that_must_not_be_adopted_is_destroyed),
                cmocka_unit_test(a_pair_of_another_type_is_destroyed),
                cmocka_unit_test(nothing_to_recover_is_no_error),
                cmocka_unit_test(two_keys_with_one_id_are_told_apart_by_their_public_keys),
                cmocka_unit_test(an_id_or_a_label_that_is_taken_is_named),
                cmocka_unit_test(a_key_outlives_the_session_it_was_made_in),
                cmocka_unit_test(an_rsa_key_without_a_public_object_is_read_from_its_private_one),
                cmocka_unit_test(an_ec_key_without_a_public_object_is_known_by_its_certificate),
                cmocka_unit_test(a_key_is_found_by_id_label_and_public_key),
        };

        return cmocka_run_group_tests_name("engine keys", tests, open_token, close_token);
}
