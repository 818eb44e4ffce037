/*
 * NSS softokn, a module that differs from SoftHSM where it counts: it wants a text in pReserved,
 * refuses attributes with CKR_GENERAL_ERROR, parses certificates, and calls its own keys imported.
 */
#include "tests/unit/softhsm.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/key.h"
#include "tests/unit/folder.h"

#define SOFTOKN_MODULE "/usr/lib/x86_64-linux-gnu/libsoftokn3.so"

static char folder[64];
static struct modules *modules;
static struct token *token;

static int
prepare(void **state)
{
        struct error err = { 0 };

        (void)state;
        if (folder_make(folder) != 0)
                return -1;
        CLEANUP(free_cleanup) char *pin = text_format("%s/pin", folder);
        CLEANUP(free_cleanup) char *directory = text_format("sql:%s", folder);
        CLEANUP(free_cleanup)
        char *arguments = text_format("configDir='%s' certPrefix='' keyPrefix='' "
                                      "secmod='secmod.db' flags= updatedir='' "
                                      "updateCertPrefix='' updateKeyPrefix='' updateid='' "
                                      "updateTokenDescription=''",
                                      directory);
        const char *const words[] = { "certutil", "-N", "-d", directory, "-f", pin, NULL };

        if (!file_write(pin, 0600, view_text("test-pin\n"), &err) || run_program(words) != 0)
                return -1;
        struct pin_source source = { PIN_FILE, pin };
        struct token_login login = { .source = &source };
        CLEANUP(uri_cleanup)
        struct uri *uri = uri_parse("pkcs11:token=NSS%20Certificate%20DB", &err);

        modules = modules_open(SOFTOKN_MODULE, NULL, arguments, &err);
        token = modules ? token_open(modules, uri, &login, &err) : NULL;
        if (!token)
                fprintf(stderr, "%s: %s\n", err.what, err.about);
        return token ? 0 : -1;
}

static int
clean_up(void **state)
{
        (void)state;
        token_close(token);
        modules_close(modules);
        return folder_remove(folder);
}

static void
certify(const struct key *key, struct buf *certificate, struct buf *name, struct buf *serial)
{
        struct view spki = key_spki(key);
        const unsigned char *at = spki.data;
        EVP_PKEY *public = d2i_PUBKEY(NULL, &at, (long)spki.len);
        EVP_PKEY *ca = EVP_EC_gen("P-256");
        X509 *x = X509_new();
        unsigned char *der = NULL;

        X509_set_version(x, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(x), 99);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                   (const unsigned char *)"nss", -1, -1, 0);
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

static void
keys_are_made_sign_and_get_their_certificates(void **state)
{
        static const enum key_type types[] = { KEY_EC_P256, KEY_EC_P384, KEY_EC_P521,
                                               KEY_RSA_2048 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
                CLEANUP(buf_cleanup) struct buf signature = { 0 };
                CLEANUP(buf_cleanup) struct buf certificate = { 0 };
                CLEANUP(buf_cleanup) struct buf name = { 0 };
                CLEANUP(buf_cleanup) struct buf serial = { 0 };
                uint8_t id[20];
                struct view id_view = view_of(id, sizeof(id));
                struct error err = { 0 };

                random_bytes(id, sizeof(id));
                struct key *key = key_make(token, types[i], id_view, "nss key", &err);

                assert_done(key, err);
                assert_done(key_sign(key, key_type_hash(types[i]), view_text("message"), &signature,
                                     &err),
                            err);
                certify(key, &certificate, &name, &serial);
                assert_done(token_write_certificate(token, view_buf(&certificate), view_buf(&name),
                                                    view_buf(&name), view_buf(&serial), id_view,
                                                    "nss key", &err),
                            err);
                assert_done(token_has_certificate(token, view_buf(&certificate), id_view, &err),
                            err);
                assert_done(key_check(key, key_spki(key), &err), err);
                struct key *found = key_find(token, id_view, NULL, view_of(NULL, 0), &err);

                assert_done(found, err);
                assert_true(view_equal(key_spki(found), key_spki(key)));
                key_free(found);
                assert_done(token_destroy_certificate(token, view_buf(&certificate), id_view, &err),
                            err);
                assert_done(key_destroy(key, &err), err);
                key_free(key);
        }
}

static void
local_is_false_and_that_is_no_reason_to_refuse(void **state)
{
        struct key_evidence evidence;
        struct error err = { 0 };

        (void)state;
        struct key *key = key_make(token, KEY_EC_P256, view_text("evidence"), "nss", &err);

        assert_done(key, err);
        key_evidence(key, &evidence);
        assert_int_equal(evidence.local, KEY_ANSWER_NO);
        assert_int_equal(evidence.extractable, KEY_ANSWER_NO);
        assert_int_equal(evidence.sensitive, KEY_ANSWER_YES);
        assert_int_equal(evidence.always_authenticate, KEY_ANSWER_UNKNOWN);
        assert_done(key_destroy(key, &err), err);
        key_free(key);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys_are_made_sign_and_get_their_certificates),
                cmocka_unit_test(local_is_false_and_that_is_no_reason_to_refuse),
        };

        if (access(SOFTOKN_MODULE, R_OK) != 0) {
                fprintf(stderr, "skipped: %s is not there\n", SOFTOKN_MODULE);
                return 77;
        }
        return cmocka_run_group_tests_name("NSS softokn", tests, prepare, clean_up);
}
