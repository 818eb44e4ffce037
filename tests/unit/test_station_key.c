#include "tests/unit/softhsm.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/file.h"
#include "drive/station_key.h"
#include "engine/key.h"
#include "order/cert.h"
#include "tests/unit/maker.h"

enum { HOUR_S = 3600 };

/* Root, intermediate and station: the station's key is on a token. */
static struct pki {
        EVP_PKEY *root_key;
        EVP_PKEY *middle_key;
        EVP_PKEY *other_key;
        struct buf root;
        struct buf middle;
        struct buf other; /* a CA beside them, of the same root */
} pki;

static const char *const key_labels[] = { "ec", "rsa" };

static void
sign_certificate(const char *subject, EVP_PKEY *key, const char *issuer, EVP_PKEY *issuer_key,
                 bool ca, int64_t lasts_s, struct buf *der)
{
        struct maker_certificate wish = {
                .subject = subject,
                .key = key,
                .issuer = issuer,
                .issuer_key = issuer_key,
                .version = 2,
                .serial = "01020304",
                .not_before = clock_now() - HOUR_S,
                .not_after = clock_now() + lasts_s,
                .md = EVP_sha256(),
                .extensions = { { "basicConstraints", ca ? "critical,CA:TRUE" : "CA:FALSE" },
                                { "keyUsage", ca ? "keyCertSign,cRLSign" : "digitalSignature" } },
        };
        X509 *certificate = maker_sign(&wish);

        buf_clear(der);
        maker_der(certificate, der);
        X509_free(certificate);
}

static void
make_pki(void)
{
        pki.root_key = EVP_EC_gen("P-256");
        pki.middle_key = EVP_EC_gen("P-256");
        pki.other_key = EVP_EC_gen("P-256");
        sign_certificate("CN=Root", pki.root_key, "CN=Root", pki.root_key, true, 24 * HOUR_S,
                         &pki.root);
        sign_certificate("CN=Stations", pki.middle_key, "CN=Root", pki.root_key, true, 24 * HOUR_S,
                         &pki.middle);
        sign_certificate("CN=Devices", pki.other_key, "CN=Root", pki.root_key, true, 24 * HOUR_S,
                         &pki.other);
}

/* A certificate of the station for a key on the token. */
static void
sign_for(struct view spki, int64_t lasts_s, struct buf *der)
{
        const unsigned char *at = spki.data;
        EVP_PKEY *public = d2i_PUBKEY(NULL, &at, (long)spki.len);

        assert_non_null(public);
        sign_certificate("CN=station-7", public, "CN=Stations", pki.middle_key, false, lasts_s,
                         der);
        EVP_PKEY_free(public);
}

static void
write_certificate(struct token *token, struct view der, struct view id)
{
        CLEANUP(certificate_facts_clear) struct certificate_facts facts = { 0 };
        struct error err = { 0 };

        assert_done(certificate_facts_read(der, &facts, &err), err);
        assert_done(token_write_certificate(token, der, view_buf(&facts.subject_der),
                                            view_buf(&facts.issuer_der),
                                            view_buf(&facts.serial_der), id, "station", &err),
                    err);
}

static char *
path_of(const char *name)
{
        return text_format("%s/%s", softhsm_folder(), name);
}

static void
write_file(const char *name, struct view bytes)
{
        CLEANUP(free_cleanup) char *path = path_of(name);
        struct error err = { 0 };

        assert_done(file_write(path, 0600, bytes, &err), err);
}

/* Two keys with two certificates each, the shorter one written last; and the CAs. */
static void
fill_token(struct token *token)
{
        static const enum key_type types[] = { KEY_EC_P384, KEY_RSA_2048 };
        struct error err = { 0 };

        for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
                CLEANUP(buf_cleanup) struct buf certificate = { 0 };
                CLEANUP(buf_cleanup) struct buf pem = { 0 };
                CLEANUP(free_cleanup) char *name = text_format("%s.pem", key_labels[i]);
                uint8_t id[] = { 1, (uint8_t)i };
                struct key *key =
                        key_make(token, types[i], view_of(id, sizeof(id)), key_labels[i], &err);

                assert_done(key, err);
                sign_for(key_spki(key), 2 * HOUR_S, &certificate);
                write_certificate(token, view_buf(&certificate), view_of(id, sizeof(id)));
                certificate_pem_add(&pem, view_buf(&certificate));
                certificate_pem_add(&pem, view_buf(&pki.middle));
                certificate_pem_add(&pem, view_buf(&pki.root));
                write_file(name, view_buf(&pem));
                sign_for(key_spki(key), HOUR_S, &certificate);
                write_certificate(token, view_buf(&certificate), view_of(id, sizeof(id)));
                key_free(key);
        }
        write_certificate(token, view_buf(&pki.root), view_text("root"));
        write_certificate(token, view_buf(&pki.middle), view_text("middle"));
}

static int
set_up(void **state)
{
        struct error err = { 0 };
        struct pin_source source = { PIN_ENV, (char[]){ "TEST_PIN" } };
        struct token_login login = { .source = &source };

        if (softhsm_begin(state) != 0)
                return -1;
        softhsm_add_token("station");
        softhsm_add_token("other");
        setenv("TEST_PIN", SOFTHSM_PIN, 1);
        make_pki();
        struct modules *modules = modules_open(SOFTHSM_MODULE, NULL, NULL, &err);
        struct uri *uri = uri_parse("pkcs11:token=station", &err);
        struct token *token = modules ? token_open(modules, uri, &login, &err) : NULL;

        uri_free(uri);
        if (!token)
                return -1;
        fill_token(token);
        token_close(token);
        modules_close(modules);
        return 0;
}

static int
tear_down(void **state)
{
        EVP_PKEY_free(pki.root_key);
        EVP_PKEY_free(pki.middle_key);
        EVP_PKEY_free(pki.other_key);
        buf_clear(&pki.root);
        buf_clear(&pki.middle);
        buf_clear(&pki.other);
        return softhsm_end(state);
}

static const struct pin_source right_pin = { PIN_ENV, (char[]){ "TEST_PIN" } };

static struct station_key *
open_station(const struct station_key_options *wish)
{
        struct station_key_options options = *wish;
        struct error err = { 0 };

        if (!options.uri)
                options.uri = "pkcs11:token=station;object=ec";
        options.module = SOFTHSM_MODULE;
        options.state = softhsm_folder();
        options.token_timeout_ms = 60 * 1000;
        struct station_key *station = station_key_new(&options, &err);

        assert_done(station, err);
        return station;
}

/* The identity signs, and its certificate verifies that. */
static void
assert_signs(const struct anywhere_identity *identity)
{
        CLEANUP(certificate_facts_clear) struct certificate_facts facts = { 0 };
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        struct view text = view_text("AWS4-X509-ECDSA-SHA256\n…");
        struct error err = { 0 };

        assert_done(certificate_facts_read(identity->certificate, &facts, &err), err);
        assert_done(identity->sign(identity->context, text, &signature, &err), err);
        assert_done(signature_verify(view_buf(&facts.spki), HASH_SHA256, text, view_buf(&signature),
                                     &err),
                    err);
        /* Of the two on the token the one that lasts longer. */
        assert_true(facts.not_after > clock_now() + HOUR_S);
}

static void
key_certificate_and_chain_come_from_the_token_and_the_root_stays(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(key_labels); i++) {
                CLEANUP(free_cleanup)
                char *uri = text_format("pkcs11:token=station;object=%s", key_labels[i]);
                struct station_key *station = open_station(
                        &(struct station_key_options){ .uri = uri, .pin = &right_pin });
                struct anywhere_identity identity = { 0 };
                struct error err = { 0 };

                assert_done(station_key_identity(station, &identity, &err), err);
                assert_signs(&identity);
                assert_true(view_equal(identity.chain, view_buf(&pki.middle)));
                /* Once more, as for the next session. */
                assert_done(station_key_identity(station, &identity, &err), err);
                assert_signs(&identity);
                station_key_free(station);
        }
}

static void
a_certificate_in_a_file_finds_its_key_and_brings_its_chain(void **state)
{
        CLEANUP(free_cleanup) char *path = path_of("rsa.pem");
        struct anywhere_identity identity = { 0 };
        struct error err = { 0 };

        (void)state;
        struct station_key *station = open_station(&(struct station_key_options){
                .uri = "pkcs11:token=station", .certificate = path, .pin = &right_pin });

        assert_done(station_key_identity(station, &identity, &err), err);
        assert_signs(&identity);
        assert_true(view_equal(identity.chain, view_buf(&pki.middle)));
        station_key_free(station);
}

static void
a_certificate_of_another_key_is_refused(void **state)
{
        CLEANUP(free_cleanup) char *path = path_of("rsa.pem");
        struct anywhere_identity identity = { 0 };
        struct error err = { 0 };

        (void)state;
        struct station_key *station = open_station(
                &(struct station_key_options){ .certificate = path, .pin = &right_pin });

        assert_false(station_key_identity(station, &identity, &err));
        assert_true(err.kind == ERROR_CONFIG || err.kind == ERROR_KEY_ABSENT);
        station_key_free(station);
}

static void
a_uri_that_names_no_key_is_refused_before_a_token_is_opened(void **state)
{
        static const char *const uris[] = { "pkcs11:", "pkcs11:token=station", "pkcs11:object=ec",
                                            "nonsense",
                                            "pkcs11:token=station;object=ec?pin-value=1234" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(uris); i++) {
                struct error err = { 0 };
                struct station_key *station = station_key_new(
                        &(struct station_key_options){ .uri = uris[i], .state = "/nowhere" }, &err);

                assert_refused(station != NULL, err, ERROR_CONFIG);
                assert_null(strstr(err.what, "1234"));
        }
}

static void
the_pin_source_of_a_token_serves_only_where_it_is_the_same_token(void **state)
{
        static const struct {
                const char *token;
                bool same;
        } rows[] = { { "pkcs11:token=station", true }, { "pkcs11:token=other", false } };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct anywhere_identity identity = { 0 };
                struct error err = { 0 };
                struct station_key *station = open_station(&(struct station_key_options){
                        .other_token = rows[i].token, .other_pin = &right_pin });
                bool done = station_key_identity(station, &identity, &err);

                if (rows[i].same)
                        assert_done(done, err);
                else
                        assert_refused(done, err, ERROR_PIN_MISSING);
                station_key_free(station);
        }
}

static void
a_pin_that_was_refused_is_not_tried_again_in_the_process(void **state)
{
        struct anywhere_identity identity = { 0 };
        struct error err = { 0 };

        (void)state;
        setenv("TEST_PIN", "9999", 1);
        struct station_key *station =
                open_station(&(struct station_key_options){ .pin = &right_pin, .retry_pin = true });

        assert_refused(station_key_identity(station, &identity, &err), err, ERROR_PIN_WRONG);
        /* What would log in now is not even read. */
        setenv("TEST_PIN", SOFTHSM_PIN, 1);
        assert_refused(station_key_identity(station, &identity, &err), err, ERROR_PIN_WRONG);
        station_key_free(station);
        /* The next process may: and it takes the record of the refusal away. */
        station =
                open_station(&(struct station_key_options){ .pin = &right_pin, .retry_pin = true });
        assert_done(station_key_identity(station, &identity, &err), err);
        station_key_free(station);
}

static void
a_run_is_told_the_pin_for_the_same_token(void **state)
{
        struct drive_options run = { 0 };
        struct anywhere_identity identity = { 0 };
        struct error err = { 0 };

        (void)state;
        station_key_tell(NULL, true, &run);
        assert_null(run.shares_anchor);
        struct station_key *station =
                open_station(&(struct station_key_options){ .pin = &right_pin });

        station_key_tell(station, false, &run);
        assert_null(run.known_pin);
        assert_done(station_key_identity(station, &identity, &err), err);
        station_key_tell(station, true, &run);
        assert_non_null(run.shares_anchor);
        struct modules *modules = modules_open(SOFTHSM_MODULE, NULL, NULL, &err);
        struct uri *uri = uri_parse("pkcs11:token=station", &err);
        struct token_login login = { .known_token = run.known_token, .known_pin = run.known_pin };
        /* Nobody may be asked, and there is no source. */
        struct token *token = token_open(modules, uri, &login, &err);

        assert_done(token, err);
        assert_true(view_equal(secret_view(token_pin(token)), view_text(SOFTHSM_PIN)));
        token_close(token);
        uri_free(uri);
        modules_close(modules);
        station_key_free(station);
}

static void
a_token_is_not_opened_beside_workers(void **state)
{
        struct anywhere_identity identity = { 0 };
        struct error err = { 0 };

        (void)state;
        struct station_key *station =
                open_station(&(struct station_key_options){ .pin = &right_pin });

        station_key_share(station, true);
        assert_refused(station_key_identity(station, &identity, &err), err, ERROR_MODULE);
        station_key_share(station, false);
        assert_done(station_key_identity(station, &identity, &err), err);
        /* One that is open signs beside them, where its module can be locked. */
        station_key_share(station, true);
        assert_done(station_key_identity(station, &identity, &err), err);
        assert_signs(&identity);
        station_key_free(station);
        station_key_share(NULL, true);
}

static void
an_anchor_is_shared_with_the_stations_ca_and_those_above_but_not_beside(void **state)
{
        static const struct {
                const char *name;
                const char *chain; /* sent with the certificate */
                const struct buf *path[2];
                bool shared;
        } rows[] = {
                { "the CA that issued the station's", NULL, { &pki.middle, &pki.root }, true },
                { "a CA beside it", "none", { &pki.other, &pki.root }, false },
                { "a CA beside it, below an anchor that stands above both",
                  "middle.pem",
                  { &pki.other, &pki.root },
                  true },
                { "the root itself, below which the station is",
                  "middle.pem",
                  { &pki.root, &pki.root },
                  true },
        };
        CLEANUP(buf_cleanup) struct buf pem = { 0 };

        (void)state;
        certificate_pem_add(&pem, view_buf(&pki.middle));
        write_file("middle.pem", view_buf(&pem));
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                bool none = text_equal(rows[i].chain, "none");
                CLEANUP(free_cleanup)
                char *path = !rows[i].chain ? NULL
                             : none         ? text_copy("none")
                                            : path_of(rows[i].chain);
                CLEANUP(buf_cleanup) struct buf cas = { 0 };
                struct anywhere_identity identity = { 0 };
                struct error err = { 0 };
                struct station_key *station = open_station(
                        &(struct station_key_options){ .pin = &right_pin, .chain = path });

                assert_done(station_key_identity(station, &identity, &err), err);
                buf_add(&cas, view_buf(rows[i].path[0]));
                buf_add(&cas, view_buf(rows[i].path[1]));
                if (station_key_shares_anchor(station, view_buf(&cas)) != rows[i].shared)
                        fail_msg("%s", rows[i].name);
                station_key_free(station);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(key_certificate_and_chain_come_from_the_token_and_the_root_stays),
                cmocka_unit_test(a_certificate_in_a_file_finds_its_key_and_brings_its_chain),
                cmocka_unit_test(a_certificate_of_another_key_is_refused),
                cmocka_unit_test(a_uri_that_names_no_key_is_refused_before_a_token_is_opened),
                cmocka_unit_test(the_pin_source_of_a_token_serves_only_where_it_is_the_same_token),
                cmocka_unit_test(a_pin_that_was_refused_is_not_tried_again_in_the_process),
                cmocka_unit_test(a_token_is_not_opened_beside_workers),
                cmocka_unit_test(a_run_is_told_the_pin_for_the_same_token),
                cmocka_unit_test(
                        an_anchor_is_shared_with_the_stations_ca_and_those_above_but_not_beside),
        };

        return cmocka_run_group_tests_name("station_key", tests, set_up, tear_down);
}
