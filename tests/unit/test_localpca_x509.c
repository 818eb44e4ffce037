#include "tests/unit/unit.h"

#include <cjson/cJSON.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "localpca/csr.h"
#include "localpca/x509.h"

enum { NOW = 1800000000 };

/* A CSR as a certificate authority makes one, from its JSON configuration. */
static char *
csr_of(const char *configuration, EVP_PKEY *key, const char *algorithm)
{
        struct error err = { 0 };
        cJSON *json = cJSON_Parse(configuration);
        char *pem = csr_make(json, key, algorithm_find(algorithm), &err);

        cJSON_Delete(json);
        return pem;
}

static void
every_kind_of_key_signs_with_every_algorithm_of_its_family(void **state)
{
        static const char *const kinds[] = { "EC_prime256v1", "EC_secp384r1", "EC_secp521r1",
                                             "RSA_2048" };
        static const char *const algorithms[] = {
                "SHA256WITHECDSA",   "SHA384WITHECDSA",   "SHA512WITHECDSA",
                "SHA256WITHRSA",     "SHA384WITHRSA",     "SHA512WITHRSA",
                "SHA256WITHRSA_PSS", "SHA384WITHRSA_PSS", "SHA512WITHRSA_PSS",
        };
        unsigned made = 0;

        (void)state;
        for (size_t k = 0; k < ARRAY_LENGTH(kinds); k++) {
                const struct key_kind *kind = key_kind_find(kinds[k]);
                CLEANUP(pkey_cleanup) EVP_PKEY *key = key_make(kind);
                for (size_t a = 0; a < ARRAY_LENGTH(algorithms); a++) {
                        const char *why;
                        if (strcmp(algorithm_find(algorithms[a])->family, kind->family) != 0)
                                continue;
                        char *pem =
                                csr_of("{\"Subject\":{\"CommonName\":\"a\"}}", key, algorithms[a]);
                        CLEANUP(x509_req_cleanup) X509_REQ *csr = csr_parse(view_text(pem), &why);
                        if (!csr)
                                fail_msg("%s with %s: %s", kinds[k], algorithms[a], why);
                        free(pem);
                        made++;
                }
        }
        assert_int_equal(made, 3 * 3 + 6);
        assert_null(key_kind_find("SM2"));
        assert_null(algorithm_find("ML_DSA_44"));
}

static void
a_csr_that_is_none_is_refused_with_the_reason(void **state)
{
        CLEANUP(pkey_cleanup) EVP_PKEY *key = EVP_EC_gen("P-256");
        char *good = csr_of("{\"Subject\":{\"CommonName\":\"a\"}}", key, "SHA256WITHECDSA");
        const char *why = NULL;

        (void)state;
        assert_null(csr_parse(view_text("nothing"), &why));
        assert_non_null(strstr(why, "PEM"));
        assert_null(csr_parse(view_text(""), &why));
        char *other = text_format("%s", good);
        for (char *at; (at = strstr(other, "CERTIFICATE REQUEST"));)
                memcpy(at, "CERTIFICATE REQVEST", 19);
        assert_null(csr_parse(view_text(other), &why));
        assert_non_null(strstr(why, "PEM"));
        assert_null(csr_parse(view_text("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"
                                        "-----END CERTIFICATE REQUEST-----\n"),
                              &why));
        assert_non_null(strstr(why, "PKCS #10"));
        free(other);
        free(good);
}

static char *
self_made_csr(EVP_PKEY *key, const EVP_MD *digest)
{
        X509_REQ *csr = X509_REQ_new();
        BIO *bio = BIO_new(BIO_s_mem());
        char *data = NULL;

        assert_true(X509_REQ_set_pubkey(csr, key) && X509_REQ_sign(csr, key, digest) > 0 &&
                    PEM_write_bio_X509_REQ(bio, csr) == 1);
        long len = BIO_get_mem_data(bio, &data);
        char *pem = text_copy_length(data, (size_t)len);
        BIO_free(bio);
        X509_REQ_free(csr);
        return pem;
}

static void
a_csr_for_a_key_that_no_certificate_may_have_is_refused(void **state)
{
        EVP_PKEY *const keys[] = { EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), EVP_RSA_gen(1024),
                                   EVP_EC_gen("secp256k1"), EVP_EC_gen("P-224") };
        const char *why = NULL;

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
                char *pem = self_made_csr(keys[i], i ? EVP_sha256() : NULL);
                if (csr_parse(view_text(pem), &why) || !strstr(why, "2048 to 4096"))
                        fail_msg("key %zu: %s", i, why);
                free(pem);
                EVP_PKEY_free(keys[i]);
        }
}

static void
a_configuration_becomes_subject_usages_and_information_access(void **state)
{
        static const char configuration[] =
                "{\"Subject\":{\"Country\":\"DE\",\"CommonName\":\"caf\xc3\xa9\"},"
                "\"CsrExtensions\":"
                "{\"KeyUsage\":{\"KeyCertSign\":true,\"CRLSign\":true,\"DecipherOnly\":true},"
                "\"SubjectInformationAccess\":["
                "{\"AccessMethod\":{\"AccessMethodType\":\"CA_REPOSITORY\"},\"AccessLocation\":"
                "{\"UniformResourceIdentifier\":\"http://a.example\"}},"
                "{\"AccessMethod\":{\"CustomObjectIdentifier\":\"1.2.3\"},\"AccessLocation\":"
                "{\"DirectoryName\":{\"CommonName\":\"b\"}}},"
                "{\"AccessMethod\":{\"CustomObjectIdentifier\":\"1.2.3\"},\"AccessLocation\":"
                "{\"IpAddress\":\"2001:db8::1\"}},"
                "{\"AccessMethod\":{\"CustomObjectIdentifier\":\"1.2.3\"},\"AccessLocation\":"
                "{\"RegisteredId\":\"1.2.4\"}},"
                "{\"AccessMethod\":{\"CustomObjectIdentifier\":\"1.2.3\"},\"AccessLocation\":"
                "{\"OtherName\":{\"TypeId\":\"1.2.5\",\"Value\":\"c\"}}},"
                "{\"AccessMethod\":{\"CustomObjectIdentifier\":\"1.2.3\"},\"AccessLocation\":"
                "{\"EdiPartyName\":{\"PartyName\":\"d\",\"NameAssigner\":\"e\"}}}]}}";
        CLEANUP(pkey_cleanup) EVP_PKEY *key = EVP_EC_gen("P-256");
        char *pem = csr_of(configuration, key, "SHA256WITHECDSA");
        const char *why;

        (void)state;
        assert_non_null(pem);
        CLEANUP(x509_req_cleanup) X509_REQ *csr = csr_parse(view_text(pem), &why);
        assert_non_null(csr);
        char *subject = X509_NAME_oneline(X509_REQ_get_subject_name(csr), NULL, 0);
        assert_string_equal(subject, "/C=DE/CN=caf\\xC3\\xA9");
        OPENSSL_free(subject);
        CLEANUP(extensions_cleanup)
        STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr);
        ASN1_BIT_STRING *usage = X509V3_get_d2i(extensions, NID_key_usage, NULL, NULL);
        assert_true(ASN1_BIT_STRING_get_bit(usage, 5) && ASN1_BIT_STRING_get_bit(usage, 6) &&
                    ASN1_BIT_STRING_get_bit(usage, 8) && !ASN1_BIT_STRING_get_bit(usage, 0));
        ASN1_BIT_STRING_free(usage);
        AUTHORITY_INFO_ACCESS *access = X509V3_get_d2i(extensions, NID_sinfo_access, NULL, NULL);
        assert_int_equal(sk_ACCESS_DESCRIPTION_num(access), 6);
        sk_ACCESS_DESCRIPTION_pop_free(access, ACCESS_DESCRIPTION_free);
        free(pem);
}

static void
a_configuration_that_cannot_be_encoded_is_refused(void **state)
{
        static const char *const configurations[] = {
                "{\"Subject\":{\"Country\":\"Germany\"}}",
                "{\"Subject\":{\"CustomAttributes\":[{\"ObjectIdentifier\":\"9.9.9\",\"Value\":"
                "\"a\"}]}}",
                "{\"Subject\":{\"CommonName\":\"a\"},\"CsrExtensions\":{"
                "\"SubjectInformationAccess\":"
                "[{\"AccessMethod\":{},\"AccessLocation\":{\"DnsName\":\"a\"}}]}}",
                "{\"Subject\":{\"CommonName\":\"a\"},\"CsrExtensions\":{"
                "\"SubjectInformationAccess\":"
                "[{\"AccessMethod\":{\"AccessMethodType\":\"CA_REPOSITORY\"},\"AccessLocation\":{}}"
                "]}}",
                "{\"Subject\":{\"CommonName\":\"a\"},\"CsrExtensions\":{"
                "\"SubjectInformationAccess\":"
                "[{\"AccessMethod\":{\"AccessMethodType\":\"CA_REPOSITORY\"},\"AccessLocation\":"
                "{\"IpAddress\":\"300.1.1.1\"}}]}}",
        };
        CLEANUP(pkey_cleanup) EVP_PKEY *key = EVP_EC_gen("P-256");

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(configurations); i++)
                if (csr_of(configurations[i], key, "SHA256WITHECDSA"))
                        fail_msg("taken: %s", configurations[i]);
}

static X509 *
self_signed(EVP_PKEY *key, const char *subject)
{
        struct error err = { 0 };
        CLEANUP(name_cleanup) X509_NAME *name = X509_NAME_new();
        static const uint8_t serial[SERIAL_SIZE] = { 0, 0x80, 1 };
        struct wish wish = { .template = template_named(
                                     "arn:aws:acm-pca:::template/RootCACertificate/V1"),
                             .subject = name,
                             .key = key,
                             .serial = serial,
                             .not_before = NOW - 60,
                             .not_after = NOW + 60 };
        struct signer signer = { key, NULL };

        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)subject, -1,
                                   -1, 0);
        X509 *certificate =
                certificate_make(&wish, &signer, algorithm_find("SHA256WITHECDSA"), &err);
        assert_non_null(certificate);
        return certificate;
}

static void
pem_and_der_are_the_same_certificate_and_dates_are_to_the_second(void **state)
{
        CLEANUP(pkey_cleanup) EVP_PKEY *key = EVP_EC_gen("P-256");
        CLEANUP(certificate_cleanup) X509 *made = self_signed(key, "a");
        struct buf der = { 0 };
        size_t used = 0;

        (void)state;
        certificate_der(made, &der);
        CLEANUP(certificate_cleanup) X509 *read = certificate_of_der(view_buf(&der));
        assert_int_equal(X509_cmp(made, read), 0);
        char *pem = certificate_pem(made);
        assert_true(pem[strlen(pem) - 1] == '-');
        char *twice = text_format("%s\n%s\n", pem, pem);
        CLEANUP(certificate_cleanup) X509 *first = certificate_of_pem(view_text(twice), &used);
        assert_int_equal(X509_cmp(made, first), 0);
        CLEANUP(certificate_cleanup)
        X509 *second = certificate_of_pem(view_text(twice + used), &used);
        assert_int_equal(X509_cmp(made, second), 0);
        assert_int_equal(asn1_time_read(X509_get0_notBefore(made)), NOW - 60);
        assert_int_equal(asn1_time_read(X509_get0_notAfter(made)), NOW + 60);
        free(twice);
        free(pem);
        buf_clear(&der);
}

static void
the_outline_of_a_certificate_is_what_the_whole_says(void **state)
{
        CLEANUP(pkey_cleanup) EVP_PKEY *key = EVP_EC_gen("P-256");
        CLEANUP(certificate_cleanup) X509 *made = self_signed(key, "outline");
        CLEANUP(name_cleanup) X509_NAME *subject = NULL;
        struct buf der = { 0 };
        int64_t not_before, not_after;

        (void)state;
        certificate_der(made, &der);
        assert_true(certificate_outline(view_buf(&der), &subject, &not_before, &not_after));
        assert_int_equal(X509_NAME_cmp(subject, X509_get_subject_name(made)), 0);
        assert_int_equal(not_before, NOW - 60);
        assert_int_equal(not_after, NOW + 60);
        /* Cut anywhere, nothing is read behind the end. */
        for (size_t len = 0; len < der.len; len++) {
                uint8_t *exact = memory_new(len, 1);
                X509_NAME *none = NULL;
                memcpy(exact, der.data, len);
                bool done =
                        certificate_outline(view_of(exact, len), &none, &not_before, &not_after);
                assert_true(!done || none != NULL);
                X509_NAME_free(none);
                free(exact);
        }
        buf_clear(&der);
}

static void
templates_are_found_by_arn_in_any_partition(void **state)
{
        (void)state;
        assert_non_null(
                template_named("arn:aws-us-gov:acm-pca:::template/EndEntityCertificate/V1"));
        assert_int_equal(template_named(
                                 "arn:aws:acm-pca:::template/SubordinateCACertificate_PathLen2/V1")
                                 ->path_length,
                         2);
        assert_null(template_named("arn:aws:acm-pca:::template/EndEntityCertificate/V2"));
        assert_null(template_named("arn:aws:acm-pca:::template/"));
        assert_null(template_named("EndEntityCertificate/V1"));
        assert_null(template_named("arn:aws:acm-pca:us-east-1::template/EndEntityCertificate/V1"));
}

static void
serial_numbers_are_written_with_colons(void **state)
{
        char *text = serial_colons(view_of("\x00\xab\x01", 3));

        (void)state;
        assert_string_equal(text, "00:ab:01");
        free(text);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_kind_of_key_signs_with_every_algorithm_of_its_family),
                cmocka_unit_test(a_csr_that_is_none_is_refused_with_the_reason),
                cmocka_unit_test(a_csr_for_a_key_that_no_certificate_may_have_is_refused),
                cmocka_unit_test(a_configuration_becomes_subject_usages_and_information_access),
                cmocka_unit_test(a_configuration_that_cannot_be_encoded_is_refused),
                cmocka_unit_test(pem_and_der_are_the_same_certificate_and_dates_are_to_the_second),
                cmocka_unit_test(the_outline_of_a_certificate_is_what_the_whole_says),
                cmocka_unit_test(templates_are_found_by_arn_in_any_partition),
                cmocka_unit_test(serial_numbers_are_written_with_colons),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
