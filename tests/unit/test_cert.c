#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "order/cert.h"
#include "tests/unit/scene.h"
#include "tests/unit/unit.h"

/* -- facts -------------------------------------------------------------------------------- */

static void
facts_cleanup(struct certificate_facts *facts)
{
        certificate_facts_clear(facts);
}

static void
leaf_der(struct buf *out)
{
        struct scene scene;

        scene_init(&scene);
        X509 *leaf = maker_sign(&scene.leaf);

        maker_der(leaf, out);
        X509_free(leaf);
        scene_clear(&scene);
}

static void
the_facts_are_those_of_the_certificate(void **state)
{
        CLEANUP(facts_cleanup) struct certificate_facts facts = { 0 };
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        CLEANUP(free_cleanup) char *serial_der = NULL;
        CLEANUP(free_cleanup) char *fingerprint = NULL;
        struct error err = { 0 };
        uint8_t digest[32];

        (void)state;
        leaf_der(&der);
        maker_spki(keys.leaf, &spki);
        sha256(view_buf(&der), digest);
        fingerprint = hex_encode(view_of(digest, sizeof(digest)));
        assert_done(certificate_facts_read(view_buf(&der), &facts, &err), err);
        assert_string_equal(facts.subject, "CN=device-1,O=Example");
        assert_string_equal(facts.issuer, "CN=Issuing CA,O=Example");
        assert_string_equal(facts.serial, "4a11bb");
        assert_string_equal(facts.fingerprint, fingerprint);
        assert_int_equal(facts.not_before, SCENE_NOW - HOUR);
        assert_int_equal(facts.not_after, SCENE_NOW + 365 * DAY + 2);
        assert_true(view_equal(view_buf(&facts.spki), view_buf(&spki)));
        assert_int_equal(facts.key_type, KEY_EC_P256);
        assert_false(facts.is_ca);
        assert_int_equal(facts.usages.key_usage, USAGE_DIGITAL_SIGNATURE | USAGE_KEY_ENCIPHERMENT);
        assert_int_equal(facts.usages.extended_count, 2);
        assert_int_equal(facts.san_count, 2);
        assert_string_equal(facts.sans[0], "dns:device-1.example");
        assert_string_equal(facts.sans[1], "ip:10.0.0.1");
        serial_der = hex_encode(view_buf(&facts.serial_der));
        assert_string_equal(serial_der, "02034a11bb");
        assert_int_equal(facts.subject_der.data[0], 0x30);
        assert_int_equal(facts.issuer_der.data[0], 0x30);
}

static void
a_serial_has_two_digits_a_byte(void **state)
{
        static const char *const cases[][2] = {
                { "01", "01" }, { "0a0b", "0a0b" }, { "ff", "ff" },
                { "00", "00" }, { "-1b", "-1b" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(facts_cleanup) struct certificate_facts facts = { 0 };
                CLEANUP(buf_cleanup) struct buf der = { 0 };
                struct error err = { 0 };
                struct scene scene;

                scene_init(&scene);
                scene.leaf.serial = cases[i][0];
                X509 *leaf = maker_sign(&scene.leaf);

                maker_der(leaf, &der);
                assert_done(certificate_facts_read(view_buf(&der), &facts, &err), err);
                assert_string_equal(facts.serial, cases[i][1]);
                X509_free(leaf);
                scene_clear(&scene);
        }
}

static void
what_is_not_one_certificate_has_no_facts(void **state)
{
        struct certificate_facts facts = { 0 };
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        struct error err = { 0 };

        (void)state;
        leaf_der(&der);
        for (size_t len = 0; len < der.len; len += 7)
                assert_refused(certificate_facts_read(view_of(der.data, len), &facts, &err), err,
                               ERROR_INPUT);
        buf_add_byte(&der, 0);
        assert_refused(certificate_facts_read(view_buf(&der), &facts, &err), err, ERROR_INPUT);
        assert_null(facts.subject);
        assert_int_equal(ERR_peek_error(), 0);
}

static void
a_certificate_with_a_garbage_date_has_no_facts(void **state)
{
        struct certificate_facts facts = { 0 };
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        struct error err = { 0 };
        struct scene scene;

        (void)state;
        scene_init(&scene);
        scene.leaf.not_after_text = "9913";
        X509 *leaf = maker_sign(&scene.leaf);

        maker_der(leaf, &der);
        assert_refused(certificate_facts_read(view_buf(&der), &facts, &err), err, ERROR_INPUT);
        assert_string_equal(err.about, "certificate 'CN=device-1,O=Example'");
        X509_free(leaf);
        scene_clear(&scene);
}

static void
a_certificate_with_an_extension_twice_has_no_facts(void **state)
{
        struct certificate_facts facts = { 0 };
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        struct error err = { 0 };
        struct scene scene;

        (void)state;
        scene_init(&scene);
        maker_set(&scene.leaf, "subjectAltName again", "DNS:evil.example");
        X509 *leaf = maker_sign(&scene.leaf);

        maker_der(leaf, &der);
        assert_refused(certificate_facts_read(view_buf(&der), &facts, &err), err, ERROR_INPUT);
        assert_non_null(strstr(err.what, "is there twice"));
        X509_free(leaf);
        scene_clear(&scene);
}

/* -- PEM ---------------------------------------------------------------------------------- */

static void
pem_and_der_come_back_the_same(void **state)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        CLEANUP(buf_cleanup) struct buf two = { 0 };
        CLEANUP(buf_cleanup) struct buf pem = { 0 };
        CLEANUP(buf_cleanup) struct buf first = { 0 };
        CLEANUP(buf_cleanup) struct buf rest = { 0 };
        struct error err = { 0 };

        (void)state;
        leaf_der(&der);
        buf_add(&two, view_buf(&der));
        buf_add(&two, view_buf(&der));
        certificate_pem_add(&pem, view_buf(&two));
        assert_int_equal(pem.data[pem.len - 1], '\n');
        struct view forms[] = { view_buf(&pem), view_buf(&two) };

        for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
                assert_done(certificates_read(forms[i], &first, &rest, &err), err);
                assert_true(view_equal(view_buf(&first), view_buf(&der)));
                assert_true(view_equal(view_buf(&rest), view_buf(&der)));
        }
        assert_int_equal(certificate_length(view_buf(&two)), der.len);
        assert_int_equal(certificate_length(view_of(two.data, der.len - 1)), 0);
        assert_int_equal(certificate_length(view_text("")), 0);
}

static void
pem_is_read_as_it_really_comes(void **state)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        CLEANUP(free_cleanup) char *base64 = NULL;
        static const struct {
                const char *name;
                const char *before;
                const char *after;
                size_t rest;
        } cases[] = {
                { "as it should be", "-----BEGIN CERTIFICATE-----\n",
                  "\n-----END CERTIFICATE-----\n", 0 },
                { "without a newline", "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----",
                  0 },
                { "CRLF", "-----BEGIN CERTIFICATE-----\r\n", "\r\n-----END CERTIFICATE-----\r\n",
                  0 },
                { "text in front", "subject=me\n-----BEGIN CERTIFICATE-----\n",
                  "\n-----END CERTIFICATE-----\nand behind", 0 },
                { "a key in front",
                  "-----BEGIN EC PARAMETERS-----\nAAAA\n-----END EC PARAMETERS-----\n"
                  "-----BEGIN CERTIFICATE-----\n",
                  "\n-----END CERTIFICATE-----\n", 0 },
        };

        (void)state;
        leaf_der(&der);
        base64 = base64_encode(view_buf(&der));
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                /* once alone, once glued to a second one */
                for (int glued = 0; glued < 2; glued++) {
                        CLEANUP(buf_cleanup) struct buf text = { 0 };
                        CLEANUP(buf_cleanup) struct buf first = { 0 };
                        CLEANUP(buf_cleanup) struct buf rest = { 0 };
                        struct error err = { 0 };

                        for (int n = 0; n <= glued; n++)
                                buf_format(&text, "%s%s%s", cases[i].before, base64,
                                           cases[i].after);
                        assert_done(certificates_read(view_buf(&text), &first, &rest, &err), err);
                        assert_true(view_equal(view_buf(&first), view_buf(&der)));
                        assert_int_equal(rest.len, glued ? der.len : 0);
                        assert_done(certificates_read(view_buf(&text), &first, NULL, &err), err);
                }
        }
}

static void
what_holds_no_certificate_is_refused(void **state)
{
        static const char *const wrong[] = {
                "",
                "nothing here",
                "-----BEGIN CERTIFICATE-----\nAAAA\n",
                "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
                "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
                "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
                "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n",
                "0\x82\x01",
                "0",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                struct buf first = { 0 };
                struct buf rest = { 0 };
                struct error err = { 0 };

                assert_refused(certificates_read(view_text(wrong[i]), &first, &rest, &err), err,
                               ERROR_INPUT);
                assert_true(err.next[0] != '\0');
                assert_int_equal(first.len + rest.len, 0);
        }
}

static void
more_than_sixteen_or_a_mebibyte_is_refused(void **state)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        CLEANUP(buf_cleanup) struct buf many = { 0 };
        CLEANUP(buf_cleanup) struct buf pem = { 0 };
        CLEANUP(buf_cleanup) struct buf first = { 0 };
        CLEANUP(buf_cleanup) struct buf large = { 0 };
        struct error err = { 0 };

        (void)state;
        leaf_der(&der);
        for (int i = 0; i < 16; i++)
                buf_add(&many, view_buf(&der));
        assert_done(certificates_read(view_buf(&many), &first, NULL, &err), err);
        buf_add(&many, view_buf(&der));
        assert_refused(certificates_read(view_buf(&many), &first, NULL, &err), err, ERROR_INPUT);
        certificate_pem_add(&pem, view_buf(&many));
        assert_refused(certificates_read(view_buf(&pem), &first, NULL, &err), err, ERROR_INPUT);
        certificate_pem_add(&large, view_buf(&der));
        while (large.len <= 1024 * 1024)
                buf_add_text(&large, "text between the blocks is accepted, but not for ever\n");
        assert_refused(certificates_read(view_buf(&large), &first, NULL, &err), err, ERROR_INPUT);
}

/* -- chains and roots --------------------------------------------------------------------- */

/* A root, two CAs below it and a leaf, in DER; the lower CA ends before all others. */
enum { SCENE_LOWER_END = SCENE_NOW + 1000 };

struct long_chain {
        struct buf root;
        struct buf upper;
        struct buf lower;
        struct buf leaf;
        struct buf odd; /* a leaf whose end is not written as RFC 5280 wants it */
};

static void
long_chain_make(struct long_chain *chain)
{
        struct scene scene;

        scene_init(&scene);
        struct maker_certificate lower = scene.issuer;

        maker_set(&scene.issuer, "basicConstraints", "critical,CA:TRUE,pathlen:1");
        lower.subject = "CN=Lower CA";
        lower.key = keys.other;
        lower.issuer = scene.issuer.subject;
        lower.issuer_key = keys.issuer;
        lower.not_after = SCENE_LOWER_END;
        scene.leaf.issuer = lower.subject;
        scene.leaf.issuer_key = keys.other;
        X509 *root = maker_sign(&scene.root);
        X509 *upper = maker_sign(&scene.issuer);
        X509 *below = maker_sign(&lower);

        scene.leaf.issuer_certificate = below;
        X509 *leaf = maker_sign(&scene.leaf);

        scene.leaf.not_after_text = "371122000002+0000";
        X509 *odd = maker_sign(&scene.leaf);

        maker_der(odd, &chain->odd);
        X509_free(odd);
        maker_der(root, &chain->root);
        maker_der(upper, &chain->upper);
        maker_der(below, &chain->lower);
        maker_der(leaf, &chain->leaf);
        X509_free(root);
        X509_free(upper);
        X509_free(below);
        X509_free(leaf);
        scene_clear(&scene);
}

static void
long_chain_cleanup(struct long_chain *chain)
{
        buf_clear(&chain->root);
        buf_clear(&chain->upper);
        buf_clear(&chain->lower);
        buf_clear(&chain->leaf);
        buf_clear(&chain->odd);
}

static void
a_chain_in_any_order_gives_the_same_path(void **state)
{
        CLEANUP(long_chain_cleanup) struct long_chain made = { 0 };
        CLEANUP(buf_cleanup) struct buf expected = { 0 };

        (void)state;
        long_chain_make(&made);
        buf_add(&expected, view_buf(&made.lower));
        buf_add(&expected, view_buf(&made.upper));
        const struct buf *orders[][4] = {
                { &made.lower, &made.upper },
                { &made.upper, &made.lower },
                { &made.root, &made.upper, &made.lower },
                { &made.leaf, &made.lower, &made.upper, &made.root },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(orders); i++) {
                CLEANUP(buf_cleanup) struct buf chain = { 0 };
                CLEANUP(buf_cleanup) struct buf path = { 0 };
                struct error err = { 0 };

                for (size_t n = 0; n < 4 && orders[i][n]; n++)
                        buf_add(&chain, view_buf(orders[i][n]));
                assert_done(certificate_chain(view_buf(&made.leaf), view_buf(&chain),
                                              view_buf(&made.root), SCENE_NOW, &path, &err),
                            err);
                assert_true(view_equal(view_buf(&path), view_buf(&expected)));
        }
}

static void
only_the_pinned_root_is_trusted(void **state)
{
        CLEANUP(long_chain_cleanup) struct long_chain made = { 0 };
        CLEANUP(buf_cleanup) struct buf chain = { 0 };
        struct buf path = { 0 };
        struct error err = { 0 };

        (void)state;
        long_chain_make(&made);
        buf_add(&chain, view_buf(&made.root));
        buf_add(&chain, view_buf(&made.upper));
        /* a chain that is cut, an intermediate as the root, a broken one, a leaf as its own root */
        assert_refused(certificate_chain(view_buf(&made.leaf), view_buf(&chain),
                                         view_buf(&made.root), SCENE_NOW, &path, &err),
                       err, ERROR_NOT_AS_ASKED);
        assert_refused(certificate_chain(view_buf(&made.leaf), view_buf(&made.lower),
                                         view_buf(&made.upper), SCENE_NOW, &path, &err),
                       err, ERROR_NOT_AS_ASKED);
        assert_refused(certificate_chain(view_buf(&made.leaf), view_buf(&chain), view_text("0"),
                                         SCENE_NOW, &path, &err),
                       err, ERROR_NOT_AS_ASKED);
        assert_refused(certificate_chain(view_buf(&made.leaf), view_text("0123"),
                                         view_buf(&made.root), SCENE_NOW, &path, &err),
                       err, ERROR_NOT_AS_ASKED);
        assert_refused(certificate_chain(view_buf(&made.root), view_text(""), view_buf(&made.root),
                                         SCENE_NOW, &path, &err),
                       err, ERROR_NOT_AS_ASKED);
        assert_refused(certificate_chain(view_text(""), view_text(""), view_buf(&made.root),
                                         SCENE_NOW, &path, &err),
                       err, ERROR_NOT_AS_ASKED);
        assert_int_equal(path.len, 0);
}

/* Whose signatures were verified is remembered, dates and the certificate itself are not. */
static void
a_path_that_was_verified_before_hides_nothing(void **state)
{
        CLEANUP(long_chain_cleanup) struct long_chain made = { 0 };
        CLEANUP(buf_cleanup) struct buf chain = { 0 };
        CLEANUP(buf_cleanup) struct buf path = { 0 };
        struct error err = { 0 };
        struct view root;

        (void)state;
        long_chain_make(&made);
        root = view_buf(&made.root);
        buf_add(&chain, view_buf(&made.lower));
        buf_add(&chain, view_buf(&made.upper));
        for (int round = 0; round < 2; round++) {
                assert_done(certificate_chain(view_buf(&made.leaf), view_buf(&chain), root,
                                              SCENE_NOW, &path, &err),
                            err);
                made.leaf.data[made.leaf.len - 1] ^= 1;
                assert_refused(certificate_chain(view_buf(&made.leaf), view_buf(&chain), root,
                                                 SCENE_NOW, &path, &err),
                               err, ERROR_NOT_AS_ASKED);
                made.leaf.data[made.leaf.len - 1] ^= 1;
                assert_refused(certificate_chain(view_buf(&made.leaf), view_buf(&chain), root,
                                                 SCENE_LOWER_END + 1, &path, &err),
                               err, ERROR_NOT_AS_ASKED);
                assert_non_null(strstr(err.what, "expired"));
                assert_non_null(strstr(err.about, "Lower CA"));
                err = (struct error){ 0 };
                assert_refused(certificate_chain(view_buf(&made.odd), view_buf(&chain), root,
                                                 SCENE_NOW, &path, &err),
                               err, ERROR_NOT_AS_ASKED);
                err = (struct error){ 0 };
                /* the same names, another signature above */
                chain.data[made.lower.len - 1] ^= 1;
                assert_refused(certificate_chain(view_buf(&made.leaf), view_buf(&chain), root,
                                                 SCENE_NOW, &path, &err),
                               err, ERROR_NOT_AS_ASKED);
                chain.data[made.lower.len - 1] ^= 1;
        }
}

static void
a_chain_of_more_than_sixteen_is_refused(void **state)
{
        CLEANUP(long_chain_cleanup) struct long_chain made = { 0 };
        CLEANUP(buf_cleanup) struct buf chain = { 0 };
        struct buf path = { 0 };
        struct error err = { 0 };

        (void)state;
        long_chain_make(&made);
        for (int i = 0; i < 17; i++)
                buf_add(&chain, view_buf(&made.root));
        assert_refused(certificate_chain(view_buf(&made.upper), view_buf(&chain),
                                         view_buf(&made.root), SCENE_NOW, &path, &err),
                       err, ERROR_NOT_AS_ASKED);
        assert_non_null(strstr(err.what, "the chain is too long"));
}

static void
a_certificate_of_the_root_itself_has_an_empty_path(void **state)
{
        CLEANUP(long_chain_cleanup) struct long_chain made = { 0 };
        CLEANUP(buf_cleanup) struct buf path = { 0 };
        struct error err = { 0 };

        (void)state;
        long_chain_make(&made);
        buf_add_text(&path, "goes away");
        assert_done(certificate_chain(view_buf(&made.upper), view_text(""), view_buf(&made.root),
                                      SCENE_NOW, &path, &err),
                    err);
        assert_int_equal(path.len, 0);
}

static void
the_same_root_has_the_same_key_and_name(void **state)
{
        CLEANUP(long_chain_cleanup) struct long_chain made = { 0 };
        CLEANUP(buf_cleanup) struct buf renewed = { 0 };
        CLEANUP(buf_cleanup) struct buf rekeyed = { 0 };
        CLEANUP(buf_cleanup) struct buf renamed = { 0 };
        struct scene scene;

        (void)state;
        long_chain_make(&made);
        scene_init(&scene);
        struct maker_certificate other = scene.root;

        other.not_after += 365 * DAY;
        other.serial = "77";
        X509 *certificate = maker_sign(&other);

        maker_der(certificate, &renewed);
        X509_free(certificate);
        other.key = other.issuer_key = keys.other;
        certificate = maker_sign(&other);
        maker_der(certificate, &rekeyed);
        X509_free(certificate);
        other = scene.root;
        other.subject = other.issuer = "CN=Other Root";
        certificate = maker_sign(&other);
        maker_der(certificate, &renamed);
        X509_free(certificate);
        scene_clear(&scene);
        assert_true(certificate_same_root(view_buf(&made.root), view_buf(&renewed)));
        assert_false(certificate_same_root(view_buf(&made.root), view_buf(&rekeyed)));
        assert_false(certificate_same_root(view_buf(&made.root), view_buf(&renamed)));
        assert_false(certificate_same_root(view_buf(&made.root), view_text("")));
        assert_true(certificate_is_root(view_buf(&made.root)));
        assert_false(certificate_is_root(view_buf(&made.upper)));
        assert_false(certificate_is_root(view_text("0")));
        made.root.data[made.root.len - 1] ^= 1;
        assert_false(certificate_is_root(view_buf(&made.root)));
}

/* -- signatures ---------------------------------------------------------------------------- */

static void
a_signature_verifies_with_its_key_hash_and_message_only(void **state)
{
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        CLEANUP(buf_cleanup) struct buf other = { 0 };
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        struct view message = view_text("a message");
        struct error err = { 0 };
        EVP_PKEY *const signing[] = { keys.leaf, keys.rsa };

        (void)state;
        maker_spki(keys.other, &other);
        for (size_t i = 0; i < ARRAY_LENGTH(signing); i++) {
                struct signer signer = maker_signer(signing[i]);

                maker_spki(signing[i], &spki);
                assert_done(signer.sign(signer.context, HASH_SHA256, message, &signature, &err),
                            err);
                struct view good = view_buf(&signature);

                assert_done(signature_verify(view_buf(&spki), HASH_SHA256, message, good, &err),
                            err);
                assert_refused(signature_verify(view_buf(&spki), HASH_SHA384, message, good, &err),
                               err, ERROR_NOT_PROVED);
                assert_refused(signature_verify(view_buf(&spki), HASH_SHA256, view_text("another"),
                                                good, &err),
                               err, ERROR_NOT_PROVED);
                assert_refused(signature_verify(view_buf(&other), HASH_SHA256, message, good, &err),
                               err, ERROR_NOT_PROVED);
                assert_refused(signature_verify(view_buf(&spki), HASH_SHA256, message,
                                                view_of(NULL, 0), &err),
                               err, ERROR_NOT_PROVED);
                assert_refused(signature_verify(view_text("key"), HASH_SHA256, message, good, &err),
                               err, ERROR_NOT_PROVED);
                assert_int_equal(ERR_peek_error(), 0);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_facts_are_those_of_the_certificate),
                cmocka_unit_test(a_serial_has_two_digits_a_byte),
                cmocka_unit_test(what_is_not_one_certificate_has_no_facts),
                cmocka_unit_test(a_certificate_with_a_garbage_date_has_no_facts),
                cmocka_unit_test(a_certificate_with_an_extension_twice_has_no_facts),
                cmocka_unit_test(pem_and_der_come_back_the_same),
                cmocka_unit_test(pem_is_read_as_it_really_comes),
                cmocka_unit_test(what_holds_no_certificate_is_refused),
                cmocka_unit_test(more_than_sixteen_or_a_mebibyte_is_refused),
                cmocka_unit_test(a_chain_in_any_order_gives_the_same_path),
                cmocka_unit_test(only_the_pinned_root_is_trusted),
                cmocka_unit_test(a_path_that_was_verified_before_hides_nothing),
                cmocka_unit_test(a_chain_of_more_than_sixteen_is_refused),
                cmocka_unit_test(a_certificate_of_the_root_itself_has_an_empty_path),
                cmocka_unit_test(the_same_root_has_the_same_key_and_name),
                cmocka_unit_test(a_signature_verifies_with_its_key_hash_and_message_only),
        };

        return cmocka_run_group_tests_name("cert", tests, scene_make_keys, scene_free_keys);
}
