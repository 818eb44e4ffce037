#include <openssl/x509v3.h>

#include "order/name.h"
#include "order/text_list.h"
#include "tests/unit/scene.h"
#include "tests/unit/unit.h"

static const int64_t now = SCENE_NOW;

/* -- rows that are fine --------------------------------------------------------------------------
 */

static void
nothing(struct scene *scene)
{
        (void)scene;
}

static void
without_basic_constraints(struct scene *scene)
{
        maker_set(&scene->leaf, "basicConstraints", NULL);
}

static void
names_in_another_order(struct scene *scene)
{
        maker_set(&scene->leaf, "subjectAltName", "IP:10.0.0.1,DNS:Device-1.EXAMPLE");
}

static void
subject_in_another_case(struct scene *scene)
{
        scene->leaf.subject = "CN=DEVICE-1,O=example";
}

static void
without_what_the_ca_is_free_to_set(struct scene *scene)
{
        maker_set(&scene->leaf, "subjectKeyIdentifier", NULL);
        maker_set(&scene->leaf, "authorityKeyIdentifier", NULL);
        maker_set(&scene->leaf, "authorityInfoAccess", NULL);
        maker_set(&scene->leaf, "crlDistributionPoints", NULL);
}

static void
at_the_edges_of_the_dates(struct scene *scene)
{
        scene->leaf.not_before = now - 65 * MINUTE;
        scene->leaf.not_after = now + 365 * DAY + 3 + 5 * MINUTE;
}

static void
begins_when_asked(struct scene *scene)
{
        scene->wishes.not_before = now - HOUR;
}

static void
begins_in_the_future_as_asked(struct scene *scene)
{
        scene->wishes.not_before = scene->leaf.not_before = now + 10 * DAY;
}

static void
thirteen_months(struct scene *scene)
{
        scene->wishes.validity = (struct validity){ VALIDITY_MONTHS, 13 };
        scene->leaf.not_after = now + (365 + 30) * DAY; /* November 22nd to December 22nd */
}

static void
ends_with_its_issuer(struct scene *scene)
{
        scene->wishes.validity = (struct validity){ VALIDITY_CA_END, 0 };
        scene->leaf.not_after = scene->issuer.not_after;
}

/* 9999-12-31T23:59:59Z: "no well-defined expiration" (RFC 5280, 4.1.2.5), as IDevIDs have it. */
static void
never_ends(struct scene *scene)
{
        const int64_t last = INT64_C(253402300799);

        scene->wishes.validity = (struct validity){ VALIDITY_CA_END, 0 };
        scene->root.not_after = scene->issuer.not_after = scene->leaf.not_after = last;
}

static void
ends_after_2049(struct scene *scene)
{
        const int64_t end = now + 40 * 365 * DAY;

        scene->wishes.validity = (struct validity){ VALIDITY_END_DATE, end };
        scene->root.not_after = scene->issuer.not_after = end + DAY;
        scene->leaf.not_after = end;
}

static void
imported(struct scene *scene)
{
        scene->expected.asked_at = scene->expected.received_at = 0;
        scene->leaf.not_before = now - 30 * DAY;
        scene->leaf.not_after = now + 30 * DAY;
}

static void
serial_of_20_bytes(struct scene *scene)
{
        scene->leaf.serial = "7faabbccddeeff00112233445566778899aabbcc";
}

static void
usages_passed_on_from_the_request(struct scene *scene)
{
        struct error err = { 0 };

        text_assign(&scene->wishes.template_arn,
                    TEMPLATE("BlankEndEntityCertificate_CSRPassthrough"));
        assert_true(usages_add_key_usage(&scene->wishes.usages, "keyAgreement", &err));
        assert_true(usages_add_extended(&scene->wishes.usages, "smartCardLogin", &err));
        assert_true(usages_add_policy(&scene->wishes.usages, "1.2.3.4", &err));
        maker_set(&scene->leaf, "keyUsage", "critical,keyAgreement");
        maker_set(&scene->leaf, "extendedKeyUsage", "1.3.6.1.4.1.311.20.2.2");
        maker_set(&scene->leaf, "certificatePolicies", "1.2.3.4");
}

/* What a given request asks for beyond names is the template's to drop. */
static void
usages_of_a_given_request_dropped(struct scene *scene)
{
        struct error err = { 0 };

        scene->wishes.csr_given = true;
        assert_true(usages_add_key_usage(&scene->wishes.usages, "keyAgreement", &err));
        assert_true(usages_add_extended(&scene->wishes.usages, "smartCardLogin", &err));
}

/* An order that was taken over may know its request only. */
static void
subject_known_from_the_request_only(struct scene *scene)
{
        scene_make_request(scene);
        free(scene->wishes.subject);
        scene->wishes.subject = NULL;
}

static void
unknown_template(struct scene *scene)
{
        text_assign(&scene->wishes.template_arn, TEMPLATE("NewCertificate"));
        maker_set(&scene->leaf, "keyUsage", "critical,keyAgreement");
        maker_set(&scene->leaf, "extendedKeyUsage", "timeStamping");
}

static void
no_template(struct scene *scene)
{
        free(scene->wishes.template_arn);
        scene->wishes.template_arn = NULL;
}

static void
a_ca_where_one_was_asked(struct scene *scene)
{
        text_assign(&scene->wishes.template_arn, TEMPLATE("SubordinateCACertificate_PathLen0"));
        maker_set(&scene->issuer, "basicConstraints", "critical,CA:TRUE,pathlen:1");
        maker_set(&scene->leaf, "basicConstraints", "critical,CA:TRUE,pathlen:0");
        maker_set(&scene->leaf, "keyUsage", "critical,digitalSignature,keyCertSign,cRLSign");
        maker_set(&scene->leaf, "extendedKeyUsage", NULL);
}

static void
stronger_signatures(struct scene *scene)
{
        scene->issuer.md = EVP_sha384();
        scene->leaf.md = EVP_sha512();
}

static void
signed_with_pss(struct scene *scene)
{
        scene->issuer.key = scene->leaf.issuer_key = keys.rsa;
        scene->leaf.pss = true;
}

static void
revocation_as_the_ca_is_configured(struct scene *scene)
{
        static const struct issuer_facts issuer = { .described = true,
                                                    .crl_enabled = true,
                                                    .ocsp_enabled = true,
                                                    .crl_host = "crl.example",
                                                    .ocsp_host = "ocsp.example" };

        scene->expected.issuer = &issuer;
}

static void
an_extension_as_wished(struct scene *scene)
{
        struct wishes *wishes = &scene->wishes;
        struct error err = { 0 };

        text_assign(&wishes->template_arn, TEMPLATE("EndEntityCertificate_CSRPassthrough"));
        text_list_add(&wishes->extensions, &wishes->extension_count, "1.3.6.1.4.1.99999.1:0500");
        assert_true(usages_add_policy(&wishes->usages, "1.2.3.4,cps=https://a.b.cd/", &err));
        maker_set(&scene->leaf, "1.3.6.1.4.1.99999.1", "DER:05:00");
        /* SEQUENCE { SEQUENCE { 1.2.3.4, SEQUENCE { SEQUENCE { id-qt-cps, "https://a.b.cd/" } } } }
         */
        maker_set(&scene->leaf, "certificatePolicies",
                  "DER:30:26:30:24:06:03:2a:03:04:30:1d:30:1b:06:08:2b:06:01:05:05:07:02:01:16:0f:"
                  "68:74:74:70:73:3a:2f:2f:61:2e:62:2e:63:64:2f");
}

static void
a_critical_extension_as_wished(struct scene *scene)
{
        struct wishes *wishes = &scene->wishes;

        text_assign(&wishes->template_arn, TEMPLATE("EndEntityCertificate_CSRPassthrough"));
        text_list_add(&wishes->extensions, &wishes->extension_count,
                      "1.3.6.1.4.1.99999.1,critical:0500");
        maker_set(&scene->leaf, "1.3.6.1.4.1.99999.1", "critical,DER:05:00");
}

static void
given_by_the_api(struct scene *scene)
{
        struct error err = { 0 };

        text_assign(&scene->wishes.template_arn,
                    TEMPLATE("BlankEndEntityCertificate_APIPassthrough"));
        assert_true(usages_add_key_usage(&scene->wishes.usages, "keyAgreement", &err));
        assert_true(usages_add_extended(&scene->wishes.usages, "clientAuth", &err));
        maker_set(&scene->leaf, "keyUsage", "keyAgreement");
        maker_set(&scene->leaf, "extendedKeyUsage", "clientAuth");
}

/* The order of a subject that goes through the API is the service's. */
static void
subject_of_the_api_in_another_order(struct scene *scene)
{
        scene_make_request(scene);
        text_assign(&scene->wishes.template_arn, TEMPLATE("EndEntityCertificate_APIPassthrough"));
        text_assign(&scene->wishes.subject, "CN=device-9,O=Example");
        scene->wishes.csr_given = true;
        scene->wishes.over_csr = WISH_SUBJECT;
        scene->leaf.subject = "O=Example,CN=device-9";
}

static void
an_allowed_difference(struct scene *scene)
{
        static const char *const names[] = { "not-after", "extension:1.3.6.1.4.1.99999.1",
                                             "key-usage" };

        for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
                text_list_add(&scene->wishes.allowed, &scene->wishes.allowed_count, names[i]);
        scene->leaf.not_after += DAY;
        maker_set(&scene->leaf, "1.3.6.1.4.1.99999.1", "DER:05:00");
        maker_set(&scene->leaf, "keyUsage", "critical,digitalSignature");
}

static const struct {
        const char *name;
        void (*change)(struct scene *scene);
} fine_rows[] = {
        { "revocation as the CA is configured", revocation_as_the_ca_is_configured },
        { "an extension and a practice statement as wished", an_extension_as_wished },
        { "a critical extension as wished", a_critical_extension_as_wished },
        { "given by the API", given_by_the_api },
        { "a subject of the API in another order", subject_of_the_api_in_another_order },
        { "a difference that is allowed by name", an_allowed_difference },
        { "as asked", nothing },
        { "without basic constraints", without_basic_constraints },
        { "names in another order", names_in_another_order },
        { "subject in another case", subject_in_another_case },
        { "without what the CA is free to set", without_what_the_ca_is_free_to_set },
        { "at the edges of the dates", at_the_edges_of_the_dates },
        { "begins when asked", begins_when_asked },
        { "begins in the future as asked", begins_in_the_future_as_asked },
        { "thirteen months", thirteen_months },
        { "ends with its issuer", ends_with_its_issuer },
        { "never ends", never_ends },
        { "ends after 2049", ends_after_2049 },
        { "imported", imported },
        { "serial of 20 bytes", serial_of_20_bytes },
        { "usages passed on from the request", usages_passed_on_from_the_request },
        { "usages of a given request dropped", usages_of_a_given_request_dropped },
        { "subject known from the request only", subject_known_from_the_request_only },
        { "unknown template", unknown_template },
        { "no template", no_template },
        { "a CA where one was asked", a_ca_where_one_was_asked },
        { "stronger signatures", stronger_signatures },
        { "signed with RSA-PSS", signed_with_pss },
};

static void
a_certificate_that_is_as_asked_passes(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(fine_rows); i++) {
                CLEANUP(buf_cleanup) struct buf differences = { 0 };
                struct error err = { 0 };
                struct scene scene;

                scene_init(&scene);
                fine_rows[i].change(&scene);
                if (!scene_judge(&scene, &differences, &err))
                        fail_msg("'%s' does not pass: %s", fine_rows[i].name,
                                 buf_text(&differences));
                assert_int_equal(differences.len, 0);
                scene_clear(&scene);
        }
}

/* A request that was made elsewhere, with an extension of its own and a template that passes it. */
static void
make_foreign_request(struct scene *scene)
{
        X509_REQ *request = X509_REQ_new();
        STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
        struct error err = { 0 };
        unsigned char *der = NULL;
        X509_NAME *name = NULL;

        assert_done(subject_parse(scene->wishes.subject, &name, &err), err);
        X509_REQ_set_subject_name(request, name);
        X509_REQ_set_pubkey(request, keys.leaf);
        sk_X509_EXTENSION_push(list,
                               X509V3_EXT_nconf(NULL, NULL, "1.3.6.1.4.1.99999.1", "DER:05:00"));
        X509_REQ_add_extensions(request, list);
        assert_true(X509_REQ_sign(request, keys.leaf, EVP_sha256()) > 0);
        int len = i2d_X509_REQ(request, &der);

        buf_set(&scene->csr, view_of(der, (size_t)len));
        OPENSSL_free(der);
        X509_NAME_free(name);
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
        X509_REQ_free(request);
}

static void
what_the_ca_alone_can_explain_is_noted_where_its_configuration_is_not_known(void **state)
{
        CLEANUP(buf_cleanup) struct buf differences = { 0 };
        struct error err = { 0 };
        struct scene scene;

        (void)state;
        scene_init(&scene);
        assert_done(scene_judge(&scene, &differences, &err), err);
        assert_non_null(strstr(buf_text(&scene.notes), "CRL distribution points: there are some"));
        assert_non_null(strstr(buf_text(&scene.notes), "authority information access: there are"));
        revocation_as_the_ca_is_configured(&scene);
        assert_done(scene_judge(&scene, &differences, &err), err);
        assert_int_equal(scene.notes.len, 0);
        scene_clear(&scene);
}

static void
what_is_critical_against_what_was_foretold_is_noted(void **state)
{
        static const struct {
                const char *extension;
                const char *value;
                const char *note;
        } cases[] = {
                { "keyUsage", "digitalSignature,keyEncipherment", "key usage: it is not critical" },
                { "basicConstraints", "critical,CA:FALSE", "basic constraints: it is critical" },
                { "extendedKeyUsage", "critical,serverAuth,clientAuth",
                  "extended key usage: it is critical" },
                { "subjectAltName", "critical,DNS:device-1.example,IP:10.0.0.1",
                  "alternative names: it is critical" },
                { "subjectKeyIdentifier", "00:11", "it is not the SHA-1 of the public key" },
                { "subjectKeyIdentifier", NULL, "subject key identifier: there is none" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(buf_cleanup) struct buf differences = { 0 };
                struct error err = { 0 };
                struct scene scene;

                scene_init(&scene);
                revocation_as_the_ca_is_configured(&scene);
                maker_set(&scene.leaf, cases[i].extension, cases[i].value);
                assert_done(scene_judge(&scene, &differences, &err), err);
                if (!strstr(buf_text(&scene.notes), cases[i].note))
                        fail_msg("%s: %s", cases[i].extension, buf_text(&scene.notes));
                scene_clear(&scene);
        }
}

static void
what_is_allowed_to_differ_is_still_told(void **state)
{
        CLEANUP(buf_cleanup) struct buf differences = { 0 };
        struct error err = { 0 };
        struct scene scene;

        (void)state;
        scene_init(&scene);
        an_allowed_difference(&scene);
        assert_done(scene_judge(&scene, &differences, &err), err);
        assert_non_null(strstr(buf_text(&scene.allowed), "not after: asked"));
        assert_non_null(strstr(buf_text(&scene.allowed), "key usage: asked keyEncipherment"));
        assert_non_null(strstr(buf_text(&scene.allowed), "extension: got 1.3.6.1.4.1.99999.1"));
        scene_clear(&scene);
}

static void
an_extension_of_the_request_passes_with_the_template_only(void **state)
{
        static const struct {
                const char *template_arn;
                const char *value;
                const char *difference; /* NULL: fine */
        } cases[] = {
                { TEMPLATE("EndEntityCertificate_CSRPassthrough"), "DER:05:00", NULL },
                { TEMPLATE("EndEntityCertificate_CSRPassthrough"), "DER:04:00",
                  "extension: asked 0500, got 0400" },
                { TEMPLATE("EndEntityCertificate_CSRPassthrough"), NULL,
                  "extension: asked 1.3.6.1.4.1.99999.1, missing" },
                { TEMPLATE("EndEntityCertificate"), NULL, NULL },
                { TEMPLATE("EndEntityCertificate"), "DER:05:00",
                  "extension: got 1.3.6.1.4.1.99999.1, not asked for" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(buf_cleanup) struct buf differences = { 0 };
                struct error err = { 0 };
                struct scene scene;

                scene_init(&scene);
                make_foreign_request(&scene);
                text_assign(&scene.wishes.template_arn, cases[i].template_arn);
                maker_set(&scene.leaf, "1.3.6.1.4.1.99999.1", cases[i].value);
                assert_int_equal(scene_judge(&scene, &differences, &err), !cases[i].difference);
                if (cases[i].difference)
                        assert_non_null(strstr(buf_text(&differences), cases[i].difference));
                scene_clear(&scene);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_certificate_that_is_as_asked_passes),
                cmocka_unit_test(
                        what_the_ca_alone_can_explain_is_noted_where_its_configuration_is_not_known),
                cmocka_unit_test(what_is_critical_against_what_was_foretold_is_noted),
                cmocka_unit_test(what_is_allowed_to_differ_is_still_told),
                cmocka_unit_test(an_extension_of_the_request_passes_with_the_template_only),
        };

        return cmocka_run_group_tests_name("judge_passes", tests, scene_make_keys, scene_free_keys);
}
