#include "order/text_list.h"
#include "tests/unit/scene.h"
#include "tests/unit/unit.h"

#define BIG_SERIAL "00aabbccddeeff00112233445566778899aabbccdd"

static const int64_t now = SCENE_NOW;

/* -- rows that change one extension ---------------------------------------------------------- */

static const struct {
        const char *name;
        const char *extension;
        const char *value;
        const char *difference;
} extension_rows[] = {
        { "name missing", "subjectAltName", "DNS:device-1.example",
          "alternative names: asked ip:10.0.0.1, missing" },
        { "name added", "subjectAltName", "DNS:device-1.example,IP:10.0.0.1,DNS:evil.example",
          "alternative names: got dns:evil.example, not asked for" },
        { "name of another kind", "subjectAltName", "DNS:device-1.example,DNS:10.0.0.1",
          "alternative names: asked ip:10.0.0.1, missing" },
        { "other address", "subjectAltName", "DNS:device-1.example,IP:10.0.0.2",
          "alternative names: got ip:10.0.0.2, not asked for" },
        { "all names missing", "subjectAltName", NULL,
          "alternative names: asked dns:device-1.example, missing" },
        { "wildcard for a name", "subjectAltName", "DNS:*.example,IP:10.0.0.1",
          "alternative names: got dns:*.example, not asked for" },
        { "a CA", "basicConstraints", "critical,CA:TRUE",
          "basic constraints: asked CA:FALSE, got CA:TRUE" },
        { "path length without CA", "basicConstraints", "CA:FALSE,pathlen:1",
          "basic constraints: asked no path length, got 1" },
        { "key usage missing", "keyUsage", "critical,digitalSignature",
          "key usage: asked keyEncipherment, missing" },
        { "no key usage at all", "keyUsage", NULL,
          "key usage: asked digitalSignature, keyEncipherment, missing" },
        { "key usage added", "keyUsage", "critical,digitalSignature,keyEncipherment,nonRepudiation",
          "key usage: got nonRepudiation, not asked for" },
        { "certificate signing added", "keyUsage",
          "critical,digitalSignature,keyEncipherment,keyCertSign",
          "key usage: got keyCertSign, not asked for" },
        { "extended usage missing", "extendedKeyUsage", "serverAuth",
          "extended key usage: asked clientAuth, missing" },
        { "no extended usage at all", "extendedKeyUsage", NULL,
          "extended key usage: asked serverAuth, missing" },
        { "extended usage added", "extendedKeyUsage", "serverAuth,clientAuth,codeSigning",
          "extended key usage: got codeSigning, not asked for" },
        { "any usage added", "extendedKeyUsage", "serverAuth,clientAuth,anyExtendedKeyUsage",
          "extended key usage: got anyExtendedKeyUsage, not asked for" },
        { "unknown extension", "1.3.6.1.4.1.99999.1", "DER:05:00",
          "extension: got 1.3.6.1.4.1.99999.1, not asked for" },
        { "name constraints on a leaf", "nameConstraints", "permitted;DNS:example",
          "extension: got 2.5.29.30, not asked for" },
        { "unknown critical extension", "1.3.6.1.4.1.99999.1", "critical,DER:05:00",
          "extension: got 1.3.6.1.4.1.99999.1, not asked for" },
        { "must-staple added", "tlsfeature", "status_request",
          "extension: got 1.3.6.1.5.5.7.1.24, not asked for" },
        { "policy added", "certificatePolicies", "1.3.6.1.4.1.99999.2",
          "policies: got 1.3.6.1.4.1.99999.2, not asked for" },
        { "extension twice", "basicConstraints again", "CA:FALSE",
          "form: extension 2.5.29.19 is there twice" },
        { "names twice", "subjectAltName again", "DNS:evil.example",
          "form: extension 2.5.29.17 is there twice" },
        { "bytes behind an extension's value", "keyUsage", "critical,DER:03:02:05:a0:00",
          "form: extension 2.5.29.15 does not decode" },
        { "extension that does not decode", "extendedKeyUsage", "DER:04:00",
          "form: extension 2.5.29.37 does not decode" },
};

static void
an_extension_that_nobody_asked_for_is_a_difference(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(extension_rows); i++) {
                CLEANUP(buf_cleanup) struct buf differences = { 0 };
                struct error err = { 0 };
                struct scene scene;

                scene_init(&scene);
                maker_set(&scene.leaf, extension_rows[i].extension, extension_rows[i].value);
                if (scene_judge(&scene, &differences, &err))
                        fail_msg("'%s' passes", extension_rows[i].name);
                assert_int_equal(err.kind, ERROR_NOT_AS_ASKED);
                if (!strstr(buf_text(&differences), extension_rows[i].difference))
                        fail_msg("'%s' says: %s", extension_rows[i].name, buf_text(&differences));
                scene_clear(&scene);
        }
}

/* -- rows that change something else ----------------------------------------------------------- */

static void
other_key(struct scene *scene)
{
        scene->leaf.key = keys.other;
}

static void
other_subject(struct scene *scene)
{
        scene->leaf.subject = "CN=device-2,O=Example";
}

static void
longer_subject(struct scene *scene)
{
        scene->leaf.subject = "CN=device-1,OU=Admins,O=Example";
}

static void
swapped_subject(struct scene *scene)
{
        scene->leaf.subject = "O=Example,CN=device-1";
}

static void
no_subject(struct scene *scene)
{
        scene->leaf.subject = "";
}

static void
begins_too_early(struct scene *scene)
{
        scene->leaf.not_before = now - 66 * MINUTE;
}

static void
begins_too_late(struct scene *scene)
{
        scene->leaf.not_before = now + 6 * MINUTE;
}

static void
begins_not_as_asked(struct scene *scene)
{
        scene->wishes.not_before = now - 2 * HOUR;
}

static void
ends_too_early(struct scene *scene)
{
        scene->leaf.not_after -= 6 * MINUTE;
}

static void
ends_too_late(struct scene *scene)
{
        scene->leaf.not_after += 6 * MINUTE;
}

static void
ends_not_on_the_date(struct scene *scene)
{
        scene->wishes.validity = (struct validity){ VALIDITY_END_DATE, now + 300 * DAY };
}

static void
ends_not_with_the_ca(struct scene *scene)
{
        scene->wishes.validity = (struct validity){ VALIDITY_CA_END, 0 };
}

static void
ends_not_with_the_described_ca(struct scene *scene)
{
        scene->wishes.validity = (struct validity){ VALIDITY_CA_END, 0 };
        scene->expected.ca_not_after = now + 400 * DAY;
}

static void
years_are_not_months(struct scene *scene)
{
        scene->wishes.validity = (struct validity){ VALIDITY_YEARS, 2 };
}

static void
ends_before_it_begins(struct scene *scene)
{
        scene->wishes.validity = (struct validity){ VALIDITY_ABSOLUTE, now - 2 * HOUR };
        scene->leaf.not_after = now - 2 * HOUR;
}

static void
has_expired(struct scene *scene)
{
        scene->expected.now = now + 366 * DAY;
}

static void
foreign_root(struct scene *scene)
{
        scene->pin_other_root = true;
}

static void
no_chain(struct scene *scene)
{
        scene->chain_missing = true;
}

static void
other_issuer_key(struct scene *scene)
{
        scene->leaf.issuer_key = keys.other;
}

static void
other_issuer_name(struct scene *scene)
{
        scene->leaf.issuer = "CN=Another CA,O=Example";
}

static void
self_signed(struct scene *scene)
{
        scene->leaf.issuer = scene->leaf.subject;
        scene->leaf.issuer_key = keys.leaf;
        maker_set(&scene->leaf, "authorityKeyIdentifier", NULL);
}

static void
broken_signature(struct scene *scene)
{
        scene->flip_signature = true;
}

static void
issuer_is_no_ca(struct scene *scene)
{
        maker_set(&scene->issuer, "basicConstraints", "critical,CA:FALSE");
}

static void
issuer_has_no_basic_constraints(struct scene *scene)
{
        maker_set(&scene->issuer, "basicConstraints", NULL);
}

static void
issuer_may_not_sign(struct scene *scene)
{
        maker_set(&scene->issuer, "keyUsage", "critical,digitalSignature,cRLSign");
}

static void
issuer_has_expired(struct scene *scene)
{
        scene->issuer.not_after = now - DAY;
}

static void
root_has_expired(struct scene *scene)
{
        scene->root.not_after = now - DAY;
}

static void
root_is_version_1(struct scene *scene)
{
        scene->root.version = 0;
}

static void
root_has_no_basic_constraints(struct scene *scene)
{
        maker_set(&scene->root, "basicConstraints", NULL);
}

static void
root_may_not_sign(struct scene *scene)
{
        maker_set(&scene->root, "keyUsage", "critical,digitalSignature,cRLSign");
}

static void
date_is_garbage(struct scene *scene)
{
        scene->leaf.not_after_text = "991301000000Z"; /* month 13 */
}

static void
path_is_too_long(struct scene *scene)
{
        maker_set(&scene->root, "basicConstraints", "critical,CA:TRUE,pathlen:0");
}

static void
name_not_permitted(struct scene *scene)
{
        maker_set(&scene->issuer, "nameConstraints", "critical,permitted;DNS:other.example");
}

static void
issuer_has_an_unknown_critical_extension(struct scene *scene)
{
        maker_set(&scene->issuer, "1.3.6.1.4.1.99999.1", "critical,DER:05:00");
}

static void
issuer_signed_weakly(struct scene *scene)
{
        scene->issuer.md = EVP_sha1();
}

static void
signed_with_sha1(struct scene *scene)
{
        scene->leaf.md = EVP_sha1();
}

static void
signed_with_md5(struct scene *scene)
{
        scene->issuer.key = scene->leaf.issuer_key = keys.rsa; /* there is no ECDSA with MD5 */
        scene->leaf.md = EVP_md5();
}

static void
version_1(struct scene *scene)
{
        scene->leaf.version = 0;
}

static void
unique_identifier(struct scene *scene)
{
        scene->leaf.unique_id = true;
}

static void
serial_negative(struct scene *scene)
{
        scene->leaf.serial = "-1b";
}

static void
serial_zero(struct scene *scene)
{
        scene->leaf.serial = "00";
}

static void
serial_of_21_bytes(struct scene *scene)
{
        scene->leaf.serial = "01" BIG_SERIAL;
}

/* 20 bytes of which the first bit is set are 21 in DER. */
static void
serial_of_20_bytes_and_a_sign(struct scene *scene)
{
        scene->leaf.serial = "ffaabbccddeeff00112233445566778899aabbcc";
}

static void
trailing_byte(struct scene *scene)
{
        scene->trailing_byte = true;
}

static void
wished_key_usage_was_dropped(struct scene *scene)
{
        scene->wishes.usages.key_usage = USAGE_DIGITAL_SIGNATURE | USAGE_KEY_AGREEMENT;
}

static void
wished_extended_usage_was_dropped(struct scene *scene)
{
        struct error err = { 0 };

        assert_true(usages_add_extended(&scene->wishes.usages, "smartCardLogin", &err));
}

static void
wished_policy_was_dropped(struct scene *scene)
{
        struct error err = { 0 };

        assert_true(usages_add_policy(&scene->wishes.usages, "1.2.3.4", &err));
}

static void
not_a_ca_where_one_was_asked(struct scene *scene)
{
        text_assign(&scene->wishes.template_arn, TEMPLATE("SubordinateCACertificate_PathLen0"));
}

static void
unknown_template_made_a_ca(struct scene *scene)
{
        text_assign(&scene->wishes.template_arn, TEMPLATE("NewCertificate"));
        maker_set(&scene->leaf, "basicConstraints", "critical,CA:TRUE");
}

static const struct issuer_facts plain_issuer = { .described = true };

static void
points_although_the_ca_has_no_crls(struct scene *scene)
{
        static const struct issuer_facts ocsp_only = { .described = true, .ocsp_enabled = true };

        scene->expected.issuer = &ocsp_only;
}

static void
access_although_the_ca_has_no_ocsp(struct scene *scene)
{
        scene->expected.issuer = &plain_issuer;
        maker_set(&scene->leaf, "crlDistributionPoints", NULL);
}

static void
points_to_another_host(struct scene *scene)
{
        static const struct issuer_facts issuer = { .described = true,
                                                    .crl_enabled = true,
                                                    .ocsp_enabled = true,
                                                    .crl_host = "crl.other.example" };

        scene->expected.issuer = &issuer;
}

static void
asks_another_responder(struct scene *scene)
{
        static const struct issuer_facts issuer = { .described = true,
                                                    .crl_enabled = true,
                                                    .ocsp_enabled = true,
                                                    .ocsp_host = "ocsp.other.example" };

        scene->expected.issuer = &issuer;
}

static void
wish_extension(struct scene *scene, const char *text)
{
        struct wishes *wishes = &scene->wishes;

        text_assign(&wishes->template_arn, TEMPLATE("EndEntityCertificate_CSRPassthrough"));
        text_list_add(&wishes->extensions, &wishes->extension_count, text);
}

static void
wished_extension_missing(struct scene *scene)
{
        wish_extension(scene, "1.3.6.1.4.1.99999.1:0500");
}

static void
wished_extension_of_another_value(struct scene *scene)
{
        wish_extension(scene, "1.3.6.1.4.1.99999.1:0500");
        maker_set(&scene->leaf, "1.3.6.1.4.1.99999.1", "DER:04:00");
}

static void
wished_critical_extension_is_not_critical(struct scene *scene)
{
        wish_extension(scene, "1.3.6.1.4.1.99999.1,critical:0500");
        maker_set(&scene->leaf, "1.3.6.1.4.1.99999.1", "DER:05:00");
}

static void
practice_statement_missing(struct scene *scene)
{
        struct error err = { 0 };

        text_assign(&scene->wishes.template_arn, TEMPLATE("EndEntityCertificate_CSRPassthrough"));
        assert_true(
                usages_add_policy(&scene->wishes.usages, "1.2.3.4,cps=https://a.example/", &err));
        maker_set(&scene->leaf, "certificatePolicies", "1.2.3.4");
}

static void
path_length_not_as_wished(struct scene *scene)
{
        text_assign(&scene->wishes.template_arn, TEMPLATE("SubordinateCACertificate_PathLen0"));
        scene->wishes.path_length = 1 + 0;
        maker_set(&scene->issuer, "basicConstraints", "critical,CA:TRUE,pathlen:2");
        maker_set(&scene->leaf, "basicConstraints", "critical,CA:TRUE,pathlen:1");
        maker_set(&scene->leaf, "keyUsage", "critical,digitalSignature,keyCertSign,cRLSign");
        maker_set(&scene->leaf, "extendedKeyUsage", NULL);
}

static void
a_leaf_for_a_wished_ca(struct scene *scene)
{
        scene->wishes.path_length = 1 + 3;
}

static void
given_by_the_api_and_missing(struct scene *scene)
{
        text_assign(&scene->wishes.template_arn,
                    TEMPLATE("BlankEndEntityCertificate_APIPassthrough"));
        scene->wishes.usages.key_usage = USAGE_KEY_AGREEMENT;
        maker_set(&scene->leaf, "keyUsage", NULL);
        maker_set(&scene->leaf, "extendedKeyUsage", NULL);
}

static void
of_a_blank_template_with_usages(struct scene *scene)
{
        text_assign(&scene->wishes.template_arn,
                    TEMPLATE("BlankEndEntityCertificate_APIPassthrough"));
}

/* What was asked for over a CSR has to come, even though the CSR was somebody else's. */
static void
wished_over_a_csr_and_missing(struct scene *scene)
{
        struct error err = { 0 };

        scene_make_request(scene);
        text_assign(&scene->wishes.template_arn, TEMPLATE("EndEntityCertificate_APIPassthrough"));
        scene->wishes.csr_given = true;
        scene->wishes.over_csr = WISH_POLICIES;
        assert_true(usages_add_policy(&scene->wishes.usages, "1.2.3.4", &err));
}

static void
another_difference_is_allowed(struct scene *scene)
{
        text_list_add(&scene->wishes.allowed, &scene->wishes.allowed_count, "not-before");
        text_list_add(&scene->wishes.allowed, &scene->wishes.allowed_count, "extension:1.2.9");
        scene->leaf.not_after += 6 * MINUTE;
}

static void
a_ca_whatever_is_allowed(struct scene *scene)
{
        text_list_add(&scene->wishes.allowed, &scene->wishes.allowed_count, "basic-constraints");
        maker_set(&scene->leaf, "basicConstraints", "critical,CA:TRUE");
}

static void
request_is_broken(struct scene *scene)
{
        buf_add_text(&scene->csr, "0");
}

static const struct {
        const char *name;
        void (*spoil)(struct scene *scene);
        const char *difference;
} rows[] = {
        { "other key", other_key, "public key: it is not the key of the request" },
        { "other subject", other_subject,
          "subject: asked CN=device-1,O=Example, got CN=device-2,O=Example" },
        { "longer subject", longer_subject, "got CN=device-1,OU=Admins,O=Example" },
        { "subject turned round", swapped_subject, "got O=Example,CN=device-1" },
        { "no subject", no_subject, "subject: asked CN=device-1,O=Example, got none" },
        { "begins too early", begins_too_early, "not before: asked 2026-11-21T22:55:00Z" },
        { "begins too late", begins_too_late, "not before: asked" },
        { "begins not as asked", begins_not_as_asked,
          "not before: asked 2026-11-21T22:00:00Z, got 2026-11-21T23:00:00Z" },
        { "ends too early", ends_too_early, "not after: asked" },
        { "ends too late", ends_too_late, "not after: asked" },
        { "ends not on the date", ends_not_on_the_date, "not after: asked 2027-09-17T23:55:00Z" },
        { "ends not with the CA", ends_not_with_the_ca, "not after: asked 2029-08-" },
        { "ends not with the CA as described", ends_not_with_the_described_ca,
          "not after: asked 2027-12-26T23:55:00Z" },
        { "one year for two", years_are_not_months, "not after: asked 2028-11-21T23:55:00Z" },
        { "ends before it begins", ends_before_it_begins, "form: it ends before it begins" },
        { "expired", has_expired, "certificate has expired" },
        { "foreign root", foreign_root, "chain: " },
        { "no chain", no_chain, "unable to get local issuer certificate" },
        { "other issuer's key", other_issuer_key, "certificate signature failure" },
        { "other issuer's name", other_issuer_name, "unable to get local issuer certificate" },
        { "self-signed", self_signed, "self-signed certificate" },
        { "broken signature", broken_signature, "signature failure" },
        { "issuer is no CA", issuer_is_no_ca, "invalid CA certificate" },
        { "issuer without basic constraints", issuer_has_no_basic_constraints, "chain: " },
        { "issuer may not sign", issuer_may_not_sign, "chain: " },
        { "issuer expired", issuer_has_expired,
          "certificate has expired (certificate 'CN=Issuing" },
        { "root expired", root_has_expired, "certificate has expired (certificate 'CN=Root" },
        { "root is version 1", root_is_version_1, "an issuer is not an X.509 version 3" },
        { "root without basic constraints", root_has_no_basic_constraints,
          "an issuer is not a CA (basicConstraints)" },
        { "root may not sign", root_may_not_sign, "invalid CA certificate" },
        { "date is garbage", date_is_garbage, "form: the dates are not well formed" },
        { "path too long", path_is_too_long, "path length constraint exceeded" },
        { "name not permitted", name_not_permitted, "permitted subtree violation" },
        { "unknown critical extension of the issuer", issuer_has_an_unknown_critical_extension,
          "unhandled critical extension" },
        { "issuer signed with SHA-1", issuer_signed_weakly,
          "CA signature digest algorithm too weak" },
        { "signed with SHA-1", signed_with_sha1,
          "signature: made with a weak or unknown algorithm" },
        { "signed with MD5", signed_with_md5, "signature: made with a weak or unknown algorithm" },
        { "version 1", version_1, "form: asked X.509 version 3, got 1" },
        { "unique identifier", unique_identifier, "form: got unique identifiers, not asked for" },
        { "negative serial", serial_negative, "serial number: -1b is negative" },
        { "zero serial", serial_zero, "serial number: it is zero" },
        { "serial of 21 bytes", serial_of_21_bytes, "is longer than 20 bytes" },
        { "serial of 20 bytes and a sign", serial_of_20_bytes_and_a_sign,
          "is longer than 20 bytes" },
        { "a byte behind it", trailing_byte, "form: it is not one X.509 certificate" },
        { "wished key usage dropped", wished_key_usage_was_dropped,
          "key usage: asked keyAgreement, missing" },
        { "wished extended usage dropped", wished_extended_usage_was_dropped,
          "extended key usage: asked smartCardLogin, missing" },
        { "wished policy dropped", wished_policy_was_dropped, "policies: asked 1.2.3.4, missing" },
        { "no CA where one was asked", not_a_ca_where_one_was_asked,
          "basic constraints: asked CA:TRUE, got CA:FALSE" },
        { "a CA from an unknown template", unknown_template_made_a_ca,
          "basic constraints: asked CA:FALSE, got CA:TRUE" },
        { "CRL points and no CRLs", points_although_the_ca_has_no_crls,
          "CRL distribution points: got some, not asked for: the CA has CRLs off" },
        { "AIA and no OCSP", access_although_the_ca_has_no_ocsp,
          "authority information access: got some, not asked for: the CA has OCSP off" },
        { "CRL points of another host", points_to_another_host,
          "CRL distribution points: asked crl.other.example, as the CA is configured" },
        { "AIA of another host", asks_another_responder,
          "authority information access: asked ocsp.other.example, as the CA is configured" },
        { "wished extension missing", wished_extension_missing,
          "extension: asked 1.3.6.1.4.1.99999.1, missing" },
        { "wished extension of another value", wished_extension_of_another_value,
          "extension: asked 0500, got 0400" },
        { "wished extension not critical", wished_critical_extension_is_not_critical,
          "extension: asked critical:0500, got 0500" },
        { "practice statement missing", practice_statement_missing,
          "policies: asked 1.2.3.4,cps=https://a.example/, missing" },
        { "longer path than wished", path_length_not_as_wished,
          "basic constraints: asked 0 path length, got 1" },
        { "a leaf for a wished CA", a_leaf_for_a_wished_ca,
          "basic constraints: asked CA:TRUE, got CA:FALSE" },
        { "given by the API and missing", given_by_the_api_and_missing,
          "key usage: asked keyAgreement, missing" },
        { "usages under a blank template", of_a_blank_template_with_usages,
          "key usage: got digitalSignature, keyEncipherment, not asked for" },
        { "wished over a CSR and missing", wished_over_a_csr_and_missing,
          "policies: asked 1.2.3.4, missing" },
        { "another difference is allowed", another_difference_is_allowed, "not after: asked" },
        { "a CA, whatever is allowed", a_ca_whatever_is_allowed,
          "basic constraints: asked CA:FALSE, got CA:TRUE" },
        { "the request is broken", request_is_broken, "form: the recorded request" },
};

static void
a_certificate_that_is_not_as_asked_is_refused(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(buf_cleanup) struct buf differences = { 0 };
                struct error err = { 0 };
                struct scene scene;

                scene_init(&scene);
                rows[i].spoil(&scene);
                if (scene_judge(&scene, &differences, &err))
                        fail_msg("'%s' passes", rows[i].name);
                assert_int_equal(err.kind, ERROR_NOT_AS_ASKED);
                assert_true(err.next[0] != '\0');
                if (!strstr(buf_text(&differences), rows[i].difference))
                        fail_msg("'%s' says: %s", rows[i].name, buf_text(&differences));
                scene_clear(&scene);
        }
}

static void
all_differences_are_told_and_counted(void **state)
{
        CLEANUP(buf_cleanup) struct buf differences = { 0 };
        struct error err = { 0 };
        struct scene scene;

        (void)state;
        scene_init(&scene);
        other_subject(&scene);
        ends_too_late(&scene);
        maker_set(&scene.leaf, "keyUsage", NULL);
        assert_refused(scene_judge(&scene, &differences, &err), err, ERROR_NOT_AS_ASKED);
        assert_non_null(strstr(err.what, "subject: asked CN=device-1"));
        assert_string_equal(err.about, "2 more differences");
        assert_non_null(strstr(buf_text(&differences), "key usage: asked digitalSignature"));
        assert_non_null(strstr(buf_text(&differences), "not after: "));
        scene_clear(&scene);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_extension_that_nobody_asked_for_is_a_difference),
                cmocka_unit_test(a_certificate_that_is_not_as_asked_is_refused),
                cmocka_unit_test(all_differences_are_told_and_counted),
        };

        return cmocka_run_group_tests_name("judge", tests, scene_make_keys, scene_free_keys);
}
