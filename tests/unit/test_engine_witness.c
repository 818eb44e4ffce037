#include "tests/unit/softhsm.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "engine/key.h"
#include "engine/witness.h"

static struct modules *modules;
static struct token *token;

static int
prepare(void **state)
{
        CLEANUP(free_cleanup) char *path = NULL;
        CLEANUP(uri_cleanup) struct uri *uri = NULL;
        struct error err = { 0 };

        if (softhsm_begin(state) != 0)
                return -1;
        softhsm_add_token("witnessed");
        path = text_format("%s/pin", softhsm_folder());
        if (!file_write(path, 0600, view_text(SOFTHSM_PIN), &err))
                return -1;
        struct pin_source source = { PIN_FILE, path };
        struct token_login login = { .source = &source };

        uri = uri_parse("pkcs11:token=witnessed", &err);
        modules = modules_open(SOFTHSM_MODULE, NULL, NULL, &err);
        token = modules ? token_open(modules, uri, &login, &err) : NULL;
        return token ? 0 : -1;
}

static int
clean_up(void **state)
{
        token_close(token);
        modules_close(modules);
        return softhsm_end(state);
}

/* A certificate for the key, signed by a throw-away CA key. */
static void
certify(const struct key *key, struct buf *certificate, struct buf *name, struct buf *serial)
{
        struct view spki = key_spki(key);
        const unsigned char *at = spki.data;
        EVP_PKEY *public = d2i_PUBKEY(NULL, &at, (long)spki.len);
        EVP_PKEY *ca = EVP_EC_gen("P-256");
        X509 *x = X509_new();
        unsigned char *der = NULL;

        ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
        X509_set_version(x, X509_VERSION_3);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                   (const unsigned char *)"witnessed", -1, -1, 0);
        X509_set_issuer_name(x, X509_get_subject_name(x));
        X509_gmtime_adj(X509_getm_notBefore(x), 0);
        X509_gmtime_adj(X509_getm_notAfter(x), 3600);
        X509_set_pubkey(x, public);
        assert_true(X509_sign(x, ca, EVP_sha256()) > 0);
        int length = i2d_X509(x, &der);

        buf_set(certificate, view_of(der, (size_t)length));
        OPENSSL_free(der);
        der = NULL;
        length = i2d_X509_NAME(X509_get_subject_name(x), &der);
        buf_set(name, view_of(der, (size_t)length));
        OPENSSL_free(der);
        der = NULL;
        length = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &der);
        buf_set(serial, view_of(der, (size_t)length));
        OPENSSL_free(der);
        X509_free(x);
        EVP_PKEY_free(ca);
        EVP_PKEY_free(public);
}

/* A key with its certificate, written to the token under `certificate_id`. */
static void
make_delivered(enum key_type type, struct view id, struct view certificate_id,
               struct buf *certificate)
{
        CLEANUP(buf_cleanup) struct buf name = { 0 };
        CLEANUP(buf_cleanup) struct buf serial = { 0 };
        struct error err = { 0 };
        struct key *key = key_make(token, type, id, "witnessed", &err);

        assert_done(key, err);
        certify(key, certificate, &name, &serial);
        assert_done(token_write_certificate(token, view_buf(certificate), view_buf(&name),
                                            view_buf(&name), view_buf(&serial), certificate_id,
                                            "witnessed", &err),
                    err);
        key_free(key);
}

static struct witness_question
question_about(struct view id, const struct buf *certificate)
{
        const struct token_facts *facts = token_facts(token);

        return (struct witness_question){
                .module_path = facts->module_path,
                .token_serial = facts->serial,
                .token_label = facts->label,
                .key_id = id,
                .certificate = view_buf(certificate),
                .pin = token_pin(token),
        };
}

static void
an_application_does_tls_with_every_type_of_key(void **state)
{
        static const enum key_type types[] = { KEY_EC_P256, KEY_EC_P384, KEY_EC_P521,
                                               KEY_RSA_2048 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
                CLEANUP(buf_cleanup) struct buf certificate = { 0 };
                uint8_t id[] = { 'o', 'k', (uint8_t)i };
                struct view id_of_key = view_of(id, sizeof(id));
                struct error err = { 0 };

                make_delivered(types[i], id_of_key, id_of_key, &certificate);
                struct witness_question question = question_about(id_of_key, &certificate);

                assert_done(witness_ask("/proc/self/exe", &question, &err), err);
        }
}

static void
a_key_that_is_not_found_is_not_proved(void **state)
{
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        struct error err = { 0 };

        (void)state;
        make_delivered(KEY_EC_P256, view_text("there"), view_text("there"), &certificate);
        struct witness_question question = question_about(view_text("elsewhere"), &certificate);

        assert_refused(witness_ask("/proc/self/exe", &question, &err), err, ERROR_NOT_PROVED);
        assert_non_null(strstr(err.what, "private key"));
        assert_true(err.next[0]);
}

static void
a_certificate_under_another_id_is_not_proved(void **state)
{
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        struct error err = { 0 };

        (void)state;
        make_delivered(KEY_EC_P256, view_text("key"), view_text("certificate"), &certificate);
        struct witness_question question = question_about(view_text("key"), &certificate);

        assert_refused(witness_ask("/proc/self/exe", &question, &err), err, ERROR_NOT_PROVED);
        assert_non_null(strstr(err.what, "another id"));
}

static void
a_certificate_for_another_key_is_not_proved(void **state)
{
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        CLEANUP(buf_cleanup) struct buf other = { 0 };
        struct error err = { 0 };

        (void)state;
        make_delivered(KEY_EC_P256, view_text("one"), view_text("not-one"), &other);
        make_delivered(KEY_EC_P256, view_text("two"), view_text("one"), &certificate);
        struct witness_question question = question_about(view_text("one"), &certificate);

        assert_refused(witness_ask("/proc/self/exe", &question, &err), err, ERROR_NOT_PROVED);
        assert_non_null(strstr(err.what, "does not belong"));
}

static void
without_a_pin_to_hand_on_nothing_is_asked(void **state)
{
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        struct witness_question question = question_about(view_text("x"), &certificate);
        struct error err = { 0 };

        (void)state;
        question.pin = NULL;
        assert_refused(witness_ask("/proc/self/exe", &question, &err), err, ERROR_PIN_MISSING);
}

static void
a_witness_that_hangs_is_killed_in_time(void **state)
{
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        struct witness_question question = question_about(view_text("x"), &certificate);
        struct error err = { 0 };
        int64_t before = clock_boot_ms();

        (void)state;
        question.timeout_ms = 300;
        assert_int_equal(setenv("P11CERT_TEST_HANG", "1", 1), 0);
        assert_refused(witness_ask("/proc/self/exe", &question, &err), err, ERROR_NOT_PROVED);
        unsetenv("P11CERT_TEST_HANG");
        assert_non_null(strstr(err.what, "hangs"));
        assert_true(clock_boot_ms() - before < 5000);
}

static void
a_witness_that_dies_is_an_answer_too(void **state)
{
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        struct witness_question question = question_about(view_text("x"), &certificate);
        struct error err = { 0 };

        (void)state;
        assert_refused(witness_ask("/bin/false", &question, &err), err, ERROR_NOT_PROVED);
        assert_refused(witness_ask("/no/such/program", &question, &err), err, ERROR_INTERNAL);
}

static void
the_child_has_neither_our_descriptors_nor_the_pin_in_its_environment(void **state)
{
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        struct error err = { 0 };
        int ends[2];

        (void)state;
        make_delivered(KEY_EC_P256, view_text("leak"), view_text("leak"), &certificate);
        struct witness_question question = question_about(view_text("leak"), &certificate);

        assert_int_equal(pipe(ends), 0);
        assert_int_equal(setenv("P11CERT_TEST_PIN", SOFTHSM_PIN, 1), 0);
        assert_done(witness_ask("/proc/self/exe", &question, &err), err);
        unsetenv("P11CERT_TEST_PIN");
        close(ends[0]);
        close(ends[1]);
}

/* In the child, before anything else: what it should not have been given. */
static bool
has_too_much(void)
{
        for (int fd = 4; fd < 256; fd++) {
                if (fcntl(fd, F_GETFD) >= 0)
                        return true;
        }
        return getenv("P11CERT_TEST_PIN") != NULL;
}

static int
be_the_child(void)
{
        if (getenv("P11CERT_TEST_HANG"))
                return pause();
        return has_too_much() ? 99 : witness_child();
}

int
main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_application_does_tls_with_every_type_of_key),
                cmocka_unit_test(a_key_that_is_not_found_is_not_proved),
                cmocka_unit_test(a_certificate_under_another_id_is_not_proved),
                cmocka_unit_test(a_certificate_for_another_key_is_not_proved),
                cmocka_unit_test(without_a_pin_to_hand_on_nothing_is_asked),
                cmocka_unit_test(a_witness_that_hangs_is_killed_in_time),
                cmocka_unit_test(a_witness_that_dies_is_an_answer_too),
                cmocka_unit_test(
                        the_child_has_neither_our_descriptors_nor_the_pin_in_its_environment),
        };

        if (argc == 2 && strcmp(argv[1], "witness-child") == 0)
                return be_the_child();
        return cmocka_run_group_tests_name("the application's view", tests, prepare, clean_up);
}
