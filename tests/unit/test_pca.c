#include "tests/unit/unit.h"

#include <cjson/cJSON.h>

#include "aws/pca.h"
#include "base/clock.h"
#include "order/text_list.h"
#include "tests/unit/vectors.h"

#define CA                                                              \
        "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/" \
        "11111111-2222-3333-4444-555555555555"
#define CERTIFICATE CA "/certificate/0fd1c2a3b4d5e6f708192a3b4c5d6e7f"
#define PEM "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"

/* -- ARNs --------------------------------------------------------------------------------- */

static void
the_arn_of_a_ca_is_taken_apart(void **state)
{
        struct ca_arn arn;
        struct error err = { 0 };

        (void)state;
        assert_done(ca_arn_parse(CA, &arn, &err), err);
        assert_string_equal(arn.partition, "aws");
        assert_string_equal(arn.region, "us-east-1");
        assert_string_equal(arn.account, "111122223333");
        assert_string_equal(arn.id, "11111111-2222-3333-4444-555555555555");
        assert_done(ca_arn_parse("arn:aws-us-gov:acm-pca:us-gov-west-1:111122223333:"
                                 "certificate-authority/x",
                                 &arn, &err),
                    err);
        assert_string_equal(arn.partition, "aws-us-gov");
}

static void
what_is_not_the_arn_of_a_ca_is_refused_with_the_rule(void **state)
{
        static const struct {
                const char *text;
                const char *rule;
        } rows[] = {
                { "", "'arn:'" },
                { "device-1", "'arn:'" },
                { "arn:", "partition" },
                { "arn::acm-pca:us-east-1:111122223333:certificate-authority/x", "partition" },
                { "arn:aws:acm:us-east-1:111122223333:certificate/x", "another service" },
                { "arn:aws:acm-pca::111122223333:certificate-authority/x", "Region" },
                { "arn:aws:acm-pca:us.evil:111122223333:certificate-authority/x", "Region" },
                { "arn:aws:acm-pca:us-east-1:11112222333:certificate-authority/x", "12 digits" },
                { "arn:aws:acm-pca:us-east-1:1111222233334:certificate-authority/x", "12 digits" },
                { "arn:aws:acm-pca:us-east-1::certificate-authority/x", "12 digits" },
                { "arn:aws", "another service" },
                { "arn:aws:acm-pca:us-east-1", "Region" },
                { "arn:aws:acm-pca:us-east-1:111122223333", "12 digits" },
                { "arn:aws:acm-pca:us-east-1:111122223333:", "something else" },
                { "arn:aws:acm-pca:::template/EndEntityCertificate/V1", "Region" },
                { "arn:aws:acm-pca:us-east-1:111122223333:template/x", "something else" },
                { "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/", "no CA id" },
                { "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/a b", "no CA id" },
                { CA "/x", "behind" },
                { CERTIFICATE, "names a certificate" },
        };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct ca_arn arn;

                print_message("  %s\n", rows[i].text);
                assert_refused(ca_arn_parse(rows[i].text, &arn, &err), err, ERROR_USAGE);
                assert_non_null(strstr(err.what, rows[i].rule));
        }
}

static void
a_certificate_arn_gives_the_arn_of_its_ca(void **state)
{
        static const char *const bad[] = { CA, CA "/certificate/", CA "/certificate/a/b",
                                           "arn:aws:acm:us-east-1:111122223333:certificate/x",
                                           "x/certificate/y" };
        char *ca = NULL;
        struct error err = { 0 };

        (void)state;
        assert_done(certificate_arn_parse(CERTIFICATE, &ca, &err), err);
        assert_string_equal(ca, CA);
        free(ca);
        ca = NULL;
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
                assert_refused(certificate_arn_parse(bad[i], &ca, &err), err, ERROR_USAGE);
                assert_null(ca);
        }
}

/* -- requests ----------------------------------------------------------------------------- */

static struct pca_issue
issue_of(void)
{
        return (struct pca_issue){
                .ca_arn = CA,
                .csr = view_text("not really DER, but seventy bytes of it to see how lines break"),
                .signing_algorithm = "SHA256WITHECDSA",
                .template_arn = "arn:aws:acm-pca:::template/EndEntityCertificate/V1",
                .validity_type = "DAYS",
                .validity_value = 365,
                .idempotency_token = "token-1",
        };
}

static void
an_issue_request_has_the_wire_form_of_real_clients(void **state)
{
        struct pca_issue issue = issue_of();

        (void)state;
        issue.csr_pem = "PEM";
        CLEANUP(free_cleanup) char *body = pca_write_issue(&issue);

        assert_string_equal(
                body, "{\"CertificateAuthorityArn\":\"" CA "\",\"Csr\":\"UEVN\","
                      "\"SigningAlgorithm\":\"SHA256WITHECDSA\","
                      "\"TemplateArn\":\"arn:aws:acm-pca:::template/EndEntityCertificate/V1\","
                      "\"Validity\":{\"Value\":365,\"Type\":\"DAYS\"},"
                      "\"IdempotencyToken\":\"token-1\"}");
}

static void
the_csr_goes_out_as_base64_of_its_pem(void **state)
{
        struct pca_issue issue = issue_of();
        CLEANUP(free_cleanup) char *body = pca_write_issue(&issue);
        cJSON *json = cJSON_Parse(body);
        CLEANUP(buf_cleanup) struct buf pem = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(base64_decode(view_text(cJSON_GetStringValue(cJSON_GetObjectItem(json, "Csr"))),
                                  &pem, &err),
                    err);
        assert_string_equal(buf_text(&pem),
                            "-----BEGIN CERTIFICATE REQUEST-----\n"
                            "bm90IHJlYWxseSBERVIsIGJ1dCBzZXZlbnR5IGJ5dGVzIG9mIGl0IHRvIHNlZSBo\n"
                            "b3cgbGluZXMgYnJlYWs=\n"
                            "-----END CERTIFICATE REQUEST-----\n");
        cJSON_Delete(json);
}

static void
large_numbers_go_out_digit_by_digit(void **state)
{
        struct pca_issue issue = issue_of();

        (void)state;
        issue.validity_type = "END_DATE";
        issue.validity_value = 20271231235959;
        issue.not_before = 1700000000;
        CLEANUP(free_cleanup) char *body = pca_write_issue(&issue);

        assert_non_null(
                strstr(body, "\"Validity\":{\"Value\":20271231235959,\"Type\":\"END_DATE\"}"));
        assert_non_null(strstr(body, "\"ValidityNotBefore\":{\"Value\":1700000000,"
                                     "\"Type\":\"ABSOLUTE\"}"));
}

static void
the_other_requests_name_what_they_concern_and_nothing_else(void **state)
{
        CLEANUP(free_cleanup) char *get = pca_write_get_certificate(CA, CERTIFICATE);
        CLEANUP(free_cleanup) char *chain = pca_write_get_ca_certificate(CA);
        CLEANUP(free_cleanup) char *describe = pca_write_describe(CA);
        CLEANUP(free_cleanup) char *list = pca_write_list(NULL, false);
        CLEANUP(free_cleanup) char *more = pca_write_list("n\"1", true);

        (void)state;
        assert_string_equal(get, "{\"CertificateAuthorityArn\":\"" CA
                                 "\",\"CertificateArn\":\"" CERTIFICATE "\"}");
        assert_string_equal(chain, "{\"CertificateAuthorityArn\":\"" CA "\"}");
        assert_string_equal(describe, chain);
        assert_string_equal(list, "{}");
        assert_string_equal(more,
                            "{\"NextToken\":\"n\\\"1\",\"ResourceOwner\":\"OTHER_ACCOUNTS\"}");
}

static void
a_serial_goes_out_with_colons(void **state)
{
        static const char *const rows[][2] = { { "0a1b2c", "0a:1b:2c" },
                                               { "ff", "ff" },
                                               { "abc", "a:bc" } };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup)
                char *body = pca_write_revoke(CA, rows[i][0], "KEY_COMPROMISE");
                CLEANUP(free_cleanup)
                char *expected = text_format("{\"CertificateAuthorityArn\":\"" CA
                                             "\",\"CertificateSerial\":\"%s\","
                                             "\"RevocationReason\":\"KEY_COMPROMISE\"}",
                                             rows[i][1]);

                assert_string_equal(body, expected);
        }
}

/* -- replies ------------------------------------------------------------------------------ */

static void
the_certificate_arn_is_read(void **state)
{
        char *arn = NULL;
        struct error err = { 0 };

        (void)state;
        assert_done(pca_read_issue(view_text("{\"New\":[1],\"CertificateArn\":\"" CERTIFICATE
                                             "\"}"),
                                   &arn, &err),
                    err);
        assert_string_equal(arn, CERTIFICATE);
        free(arn);
}

static void
an_answer_that_is_not_the_promised_one_is_named_so(void **state)
{
        static const char *const bad[] = { "",
                                           "{}",
                                           "[]",
                                           "null",
                                           "\"x\"",
                                           "<html>",
                                           "{\"CertificateArn\":7}",
                                           "{\"CertificateArn\":\"\"}",
                                           "{\"CertificateArn\":\"x\"}",
                                           "{\"CertificateArn\":\"" CA "\"}",
                                           "{\"CertificateArn\":\"" CERTIFICATE "\"" };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
                char *arn = NULL;

                print_message("  %s\n", bad[i]);
                assert_refused(pca_read_issue(view_text(bad[i]), &arn, &err), err,
                               ERROR_AWS_ANSWER);
                assert_null(arn);
        }
}

static void
certificate_and_chain_are_read_and_get_their_last_newline(void **state)
{
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        CLEANUP(buf_cleanup) struct buf chain = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(pca_read_get_certificate(
                            view_text("{\"Certificate\":\"-----BEGIN CERTIFICATE-----\\nMIIB\\n"
                                      "-----END CERTIFICATE-----\",\"CertificateChain\":"
                                      "\"-----BEGIN CERTIFICATE-----\\nMIIB\\n"
                                      "-----END CERTIFICATE-----\\n\"}"),
                            &certificate, &chain, &err),
                    err);
        assert_string_equal(buf_text(&certificate), PEM "\n");
        assert_string_equal(buf_text(&chain), PEM "\n");
        assert_done(pca_read_get_ca_certificate(
                            view_text("{\"Certificate\":\"-----BEGIN CERTIFICATE-----\\nMIIB\\n"
                                      "-----END CERTIFICATE-----\"}"),
                            &certificate, &chain, &err),
                    err);
        assert_int_equal(chain.len, 0);
}

static void
an_answer_without_certificates_is_refused(void **state)
{
        static const char *const bad[] = {
                "{}",
                "{\"Certificate\":\"\"}",
                "{\"Certificate\":\"MIIB\"}",
                "{\"Certificate\":\"-----BEGIN PRIVATE KEY-----\"}",
                "{\"Certificate\":null}",
                "{\"CertificateChain\":\""
                "x"
                "\"}",
        };
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        CLEANUP(buf_cleanup) struct buf chain = { 0 };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
                assert_refused(pca_read_get_certificate(view_text(bad[i]), &certificate, &chain,
                                                        &err),
                               err, ERROR_AWS_ANSWER);
}

static const char described[] =
        "{\"CertificateAuthority\":{\"Arn\":\"" CA "\",\"OwnerAccount\":\"111122223333\","
        "\"CreatedAt\":1.7E9,\"Type\":\"SUBORDINATE\",\"Serial\":\"0a\",\"Status\":\"ACTIVE\","
        "\"NotBefore\":1700000000.5,\"NotAfter\":\"2033-05-18T03:33:20Z\","
        "\"CertificateAuthorityConfiguration\":{\"KeyAlgorithm\":\"EC_prime256v1\","
        "\"SigningAlgorithm\":\"SHA256WITHECDSA\",\"Subject\":{\"Country\":\"DE\","
        "\"Organization\":\"Example, Inc.\",\"CommonName\":\"Example Issuing CA\"}},"
        "\"RevocationConfiguration\":{\"CrlConfiguration\":{\"Enabled\":true}},"
        "\"UsageMode\":\"GENERAL_PURPOSE\",\"Surprise\":{}}}";

static void
a_ca_is_described_with_times_in_every_spelling(void **state)
{
        struct pca_authority ca = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(pca_read_describe(view_text(described), &ca, &err), err);
        assert_string_equal(ca.arn, CA);
        assert_string_equal(ca.status, "ACTIVE");
        assert_string_equal(ca.key_algorithm, "EC_prime256v1");
        assert_string_equal(ca.subject, "CN=Example Issuing CA,O=Example\\, Inc.,C=DE");
        assert_int_equal(ca.created_at, 1700000000);
        assert_int_equal(ca.not_before, 1700000000);
        assert_int_equal(ca.not_after, 2000000000);
        assert_true(ca.crl_enabled);
        assert_false(ca.ocsp_enabled);
        assert_null(ca.failure_reason);
        pca_authority_clear(&ca);
        pca_authority_clear(&ca);
}

static void
a_description_with_impossible_times_or_no_status_is_refused(void **state)
{
        static const char *const bad[] = {
                "{}",
                "{\"CertificateAuthority\":[]}",
                "{\"CertificateAuthority\":{\"Arn\":\"" CA "\"}}",
                "{\"CertificateAuthority\":{\"Arn\":\"" CA "\",\"Status\":\"ACTIVE\","
                "\"NotAfter\":1e300}}",
                "{\"CertificateAuthority\":{\"Arn\":\"" CA "\",\"Status\":\"ACTIVE\","
                "\"NotAfter\":-5}}",
                "{\"CertificateAuthority\":{\"Arn\":\"" CA "\",\"Status\":\"ACTIVE\","
                "\"NotAfter\":\"soon\"}}",
                "{\"CertificateAuthority\":{\"Arn\":\"" CA "\",\"Status\":\"ACTIVE\","
                "\"NotAfter\":[]}}",
        };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
                struct pca_authority ca = { 0 };

                assert_refused(pca_read_describe(view_text(bad[i]), &ca, &err), err,
                               ERROR_AWS_ANSWER);
                assert_null(ca.arn);
        }
}

static void
pages_of_a_list_are_appended(void **state)
{
        struct pca_authority *list = NULL;
        size_t count = 0;
        char *next = NULL;
        struct error err = { 0 };

        (void)state;
        assert_done(pca_read_list(view_text("{\"CertificateAuthorities\":[{\"Arn\":\"a\","
                                            "\"Status\":\"ACTIVE\"}],\"NextToken\":\"n\"}"),
                                  &list, &count, &next, &err),
                    err);
        assert_string_equal(next, "n");
        assert_refused(pca_read_list(view_text("{\"CertificateAuthorities\":[{\"Arn\":\"b\","
                                               "\"Status\":\"ACTIVE\"},7]}"),
                                     &list, &count, &next, &err),
                       err, ERROR_AWS_ANSWER);
        assert_int_equal(count, 1);
        assert_done(pca_read_list(view_text("{\"CertificateAuthorities\":[{\"Arn\":\"b\","
                                            "\"Status\":\"DISABLED\"}]}"),
                                  &list, &count, &next, &err),
                    err);
        assert_null(next);
        assert_int_equal(count, 2);
        assert_string_equal(list[1].status, "DISABLED");
        for (size_t i = 0; i < count; i++)
                pca_authority_clear(&list[i]);
        free(list);
}

/* -- the API's words ---------------------------------------------------------------------- */

static void
the_signing_algorithm_fits_the_key_of_the_ca(void **state)
{
        static const struct {
                const char *key;
                const char *own;
                const char *expected;
        } rows[] = {
                { "EC_prime256v1", NULL, "SHA256WITHECDSA" },
                { "EC_secp384r1", NULL, "SHA384WITHECDSA" },
                { "EC_secp521r1", NULL, "SHA512WITHECDSA" },
                { "RSA_2048", NULL, "SHA256WITHRSA" },
                { "RSA_4096", "SHA512WITHRSA", "SHA512WITHRSA" },
                { "RSA_3072", "SHA384WITHRSA_PSS", "SHA384WITHRSA_PSS" },
                { "EC_prime256v1", "SHA512WITHECDSA", "SHA512WITHECDSA" },
                { "EC_prime256v1", "SHA256WITHRSA", "SHA256WITHECDSA" },
                { "RSA_2048", "SHA256WITHECDSA", "SHA256WITHRSA" },
                { "RSA_2048", "SHA999WITHRSA", "SHA256WITHRSA" },
                { "ML_DSA_65", "ML_DSA_65", "ML_DSA_65" },
                { "ML_DSA_65", "ML_DSA_87", "ML_DSA_65" },
                { "SM2", NULL, "SM3WITHSM2" },
                { "EC_brainpool", "SHA256WITHECDSA", NULL },
                { NULL, "SHA256WITHECDSA", NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                const char *chosen = pca_signing_algorithm(rows[i].key, rows[i].own);

                assert_true(text_equal(chosen, rows[i].expected));
        }
}

static void
a_mistyped_signing_algorithm_names_the_nearest(void **state)
{
        struct error err = { 0 };

        (void)state;
        assert_done(pca_signing_algorithm_check("SHA384WITHECDSA", &err), err);
        assert_refused(pca_signing_algorithm_check("SHA256ECDSA", &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.next, "SHA256WITHECDSA"));
}

static void
reasons_to_revoke_are_known_in_every_spelling(void **state)
{
        static const char *const rows[][2] = {
                { "key-compromise", "KEY_COMPROMISE" },
                { "KEY_COMPROMISE", "KEY_COMPROMISE" },
                { "keyCompromise", "KEY_COMPROMISE" },
                { "cACompromise", "CERTIFICATE_AUTHORITY_COMPROMISE" },
                { "aACompromise", "A_A_COMPROMISE" },
                { "superseded", "SUPERSEDED" },
                { "cessationOfOperation", "CESSATION_OF_OPERATION" },
        };
        const char *reason = NULL;
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                assert_done(pca_revocation_reason(rows[i][0], &reason, &err), err);
                assert_string_equal(reason, rows[i][1]);
        }
        assert_refused(pca_revocation_reason("key-comprmise", &reason, &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.next, "key-compromise"));
        assert_refused(pca_revocation_reason("", &reason, &err), err, ERROR_USAGE);
}

/* -- ApiPassthrough ------------------------------------------------------------------------- */

static void
wish_everything(struct wishes *wishes)
{
        static const char *const sans[] = {
                "dns:a.example", "ip:2001:db8::1", "email:a@b.example", "uri:urn:a:b",
                "rid:1.2.3",     "upn:a@r",        "dirname:CN=a",      "othername:1.2.4;UTF8:x;y",
        };
        struct error err = { 0 };

        for (size_t i = 0; i < ARRAY_LENGTH(sans); i++)
                wishes_add_san(wishes, sans[i]);
        assert_done(usages_add_key_usage(&wishes->usages, "digitalSignature,decipherOnly", &err),
                    err);
        assert_done(usages_add_extended(&wishes->usages, "clientAuth,smartCardLogin,1.2.5", &err),
                    err);
        assert_done(usages_add_policy(&wishes->usages, "1.2.6,cps=https://c.example/", &err), err);
        assert_done(usages_add_policy(&wishes->usages, "1.2.7", &err), err);
        text_list_add(&wishes->extensions, &wishes->extension_count, "1.2.8,critical:0500");
        text_list_add(&wishes->extensions, &wishes->extension_count, "1.2.9:0500");
}

static const char everything[] =
        "{\"Extensions\":{\"CertificatePolicies\":[{\"CertPolicyId\":\"1.2.6\","
        "\"PolicyQualifiers\":[{\"PolicyQualifierId\":\"CPS\","
        "\"Qualifier\":{\"CpsUri\":\"https://c.example/\"}}]},{\"CertPolicyId\":\"1.2.7\"}],"
        "\"ExtendedKeyUsage\":[{\"ExtendedKeyUsageType\":\"CLIENT_AUTH\"},"
        "{\"ExtendedKeyUsageType\":\"SMART_CARD_LOGIN\"},"
        "{\"ExtendedKeyUsageObjectIdentifier\":\"1.2.5\"}],"
        "\"KeyUsage\":{\"DigitalSignature\":true,\"NonRepudiation\":false,"
        "\"KeyEncipherment\":false,\"DataEncipherment\":false,\"KeyAgreement\":false,"
        "\"KeyCertSign\":false,\"CRLSign\":false,\"EncipherOnly\":false,"
        "\"DecipherOnly\":true},"
        "\"SubjectAlternativeNames\":[{\"DnsName\":\"a.example\"},"
        "{\"IpAddress\":\"2001:db8::1\"},{\"Rfc822Name\":\"a@b.example\"},"
        "{\"UniformResourceIdentifier\":\"urn:a:b\"},{\"RegisteredId\":\"1.2.3\"},"
        "{\"OtherName\":{\"TypeId\":\"1.3.6.1.4.1.311.20.2.3\",\"Value\":\"a@r\"}},"
        "{\"DirectoryName\":{\"CommonName\":\"a\"}},"
        "{\"OtherName\":{\"TypeId\":\"1.2.4\",\"Value\":\"x;y\"}}],"
        "\"CustomExtensions\":[{\"ObjectIdentifier\":\"1.2.8\",\"Value\":\"BQA=\","
        "\"Critical\":true},{\"ObjectIdentifier\":\"1.2.9\",\"Value\":\"BQA=\","
        "\"Critical\":false}]},"
        "\"Subject\":{\"Country\":\"DE\",\"Organization\":\"Example\","
        "\"CommonName\":\"device-1\"}}";

static void
api_passthrough_has_one_member_for_each_name_and_base64_once(void **state)
{
        struct wishes wishes = { .csr_given = true, .over_csr = ~0u };
        const struct template_facts *facts = template_find("EndEntityCertificate_APIPassthrough");

        (void)state;
        wish_everything(&wishes);
        text_assign(&wishes.subject, "CN=device-1,O=Example,C=DE");
        char *text = pca_write_passthrough(&wishes, facts);

        assert_string_equal(text, everything);
        free(text);
        assert_null(pca_write_passthrough(&wishes, template_find("EndEntityCertificate")));
        wishes_clear(&wishes);
}

static void
a_subject_is_written_in_standard_or_in_custom_attributes_never_in_both(void **state)
{
        static const struct {
                const char *subject;
                const char *json;
        } cases[] = {
                { "CN=a,O=b", "{\"Subject\":{\"Organization\":\"b\",\"CommonName\":\"a\"}}" },
                { "CN=a,DC=b,DC=c",
                  "{\"Subject\":{\"CustomAttributes\":["
                  "{\"ObjectIdentifier\":\"0.9.2342.19200300.100.1.25\",\"Value\":\"c\"},"
                  "{\"ObjectIdentifier\":\"0.9.2342.19200300.100.1.25\",\"Value\":\"b\"},"
                  "{\"ObjectIdentifier\":\"2.5.4.3\",\"Value\":\"a\"}]}}" },
                { "CN=\\\"\\,\xc3\xa4", "{\"Subject\":{\"CommonName\":\"\\\",\xc3\xa4\"}}" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct wishes wishes = { .csr_given = true, .over_csr = WISH_SUBJECT };

                text_assign(&wishes.subject, cases[i].subject);
                char *text =
                        pca_write_passthrough(&wishes,
                                              template_find("EndEntityCertificate_APIPassthrough"));

                assert_string_equal(text, cases[i].json);
                free(text);
                wishes_clear(&wishes);
        }
}

/* Walk what is written along the shapes of the service's model. */
static void
check_shape(const cJSON *shapes, const char *name, const cJSON *value)
{
        const cJSON *shape = cJSON_GetObjectItemCaseSensitive(shapes, name);
        const char *type = cJSON_GetObjectItemCaseSensitive(shape, "type")->valuestring;
        const cJSON *part;

        if (strcmp(type, "list") == 0) {
                const cJSON *member = cJSON_GetObjectItemCaseSensitive(shape, "member");

                cJSON_ArrayForEach(part, value)
                        check_shape(shapes,
                                    cJSON_GetObjectItemCaseSensitive(member, "shape")->valuestring,
                                    part);
                return;
        }
        if (strcmp(type, "structure") != 0) {
                assert_int_equal(cJSON_IsBool(value) != 0, strcmp(type, "boolean") == 0);
                assert_int_equal(cJSON_IsString(value) != 0, strcmp(type, "string") == 0);
                return;
        }
        cJSON_ArrayForEach(part, value)
        {
                const cJSON *member = cJSON_GetObjectItemCaseSensitive(
                        cJSON_GetObjectItemCaseSensitive(shape, "members"), part->string);

                if (!member)
                        fail_msg("%s has no member %s", name, part->string);
                check_shape(shapes, cJSON_GetObjectItemCaseSensitive(member, "shape")->valuestring,
                            part);
        }
}

static void
api_passthrough_has_the_members_of_the_model(void **state)
{
        CLEANUP(free_cleanup) char *path = shared_path("reference/models/acm-pca.json");
        CLEANUP(free_cleanup) char *text = read_text(path, NULL);

        (void)state;
        if (!text) {
                print_message("skipped: the service's model is not at hand\n");
                free(MOVE(path)); /* skip() jumps over clean-ups */
                skip();
        }
        cJSON *model = cJSON_Parse(text);
        cJSON *value = cJSON_Parse(everything);

        assert_non_null(value);
        check_shape(cJSON_GetObjectItemCaseSensitive(model, "shapes"), "ApiPassthrough", value);
        cJSON_Delete(value);
        cJSON_Delete(model);
}

static void
a_request_carries_api_passthrough_where_there_is_one(void **state)
{
        struct pca_issue issue = { .ca_arn = CA,
                                   .csr_pem = "x",
                                   .signing_algorithm = "SHA256WITHECDSA",
                                   .validity_type = "DAYS",
                                   .validity_value = 1 };
        char *without = pca_write_issue(&issue);

        (void)state;
        issue.api_passthrough = "{\"Subject\":{\"CommonName\":\"a\"}}";
        char *with = pca_write_issue(&issue);

        assert_null(strstr(without, "ApiPassthrough"));
        assert_non_null(strstr(with, "\"ApiPassthrough\":{\"Subject\":{\"CommonName\":\"a\"}}"));
        free(without);
        free(with);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(api_passthrough_has_one_member_for_each_name_and_base64_once),
                cmocka_unit_test(
                        a_subject_is_written_in_standard_or_in_custom_attributes_never_in_both),
                cmocka_unit_test(api_passthrough_has_the_members_of_the_model),
                cmocka_unit_test(a_request_carries_api_passthrough_where_there_is_one),
                cmocka_unit_test(the_arn_of_a_ca_is_taken_apart),
                cmocka_unit_test(what_is_not_the_arn_of_a_ca_is_refused_with_the_rule),
                cmocka_unit_test(a_certificate_arn_gives_the_arn_of_its_ca),
                cmocka_unit_test(an_issue_request_has_the_wire_form_of_real_clients),
                cmocka_unit_test(the_csr_goes_out_as_base64_of_its_pem),
                cmocka_unit_test(large_numbers_go_out_digit_by_digit),
                cmocka_unit_test(the_other_requests_name_what_they_concern_and_nothing_else),
                cmocka_unit_test(a_serial_goes_out_with_colons),
                cmocka_unit_test(the_certificate_arn_is_read),
                cmocka_unit_test(an_answer_that_is_not_the_promised_one_is_named_so),
                cmocka_unit_test(certificate_and_chain_are_read_and_get_their_last_newline),
                cmocka_unit_test(an_answer_without_certificates_is_refused),
                cmocka_unit_test(a_ca_is_described_with_times_in_every_spelling),
                cmocka_unit_test(a_description_with_impossible_times_or_no_status_is_refused),
                cmocka_unit_test(pages_of_a_list_are_appended),
                cmocka_unit_test(the_signing_algorithm_fits_the_key_of_the_ca),
                cmocka_unit_test(a_mistyped_signing_algorithm_names_the_nearest),
                cmocka_unit_test(reasons_to_revoke_are_known_in_every_spelling),
        };

        return cmocka_run_group_tests_name("pca", tests, NULL, NULL);
}
