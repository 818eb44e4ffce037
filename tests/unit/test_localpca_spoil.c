/* Every deviation changes what its word says, and nothing else. */
#include "tests/unit/unit.h"

#include <openssl/x509v3.h>

#include "localpca/fault.h"
#include "localpca/spoil.h"
#include "localpca/x509.h"

enum { NOW = 1800000000, END = NOW + 30 * 24 * 60 * 60, FIELDS_MOST = 32 };

/* A certificate as a list of texts, one for each field: "subject …", "2.5.29.15 critical …". */
struct fields {
        char *all[FIELDS_MOST];
        size_t count;
};

static void
fields_clear(struct fields *fields)
{
        for (size_t i = 0; i < fields->count; i++)
                free(fields->all[i]);
}

static void
field_add(struct fields *fields, const char *name, const void *der, size_t len)
{
        char *hex = hex_encode(view_of(der, len));

        assert_true(fields->count < FIELDS_MOST);
        fields->all[fields->count++] = text_format("%s %s", name, hex);
        free(hex);
}

static void
extension_read(struct fields *fields, X509_EXTENSION *extension)
{
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
        char oid[80], name[100];

        OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(extension), 1);
        snprintf(name, sizeof(name), "%s%s", oid,
                 X509_EXTENSION_get_critical(extension) ? " critical" : "");
        field_add(fields, name, value->data, (size_t)value->length);
}

static struct fields
fields_of(const X509 *certificate, EVP_PKEY *ca)
{
        struct fields fields = { 0 };
        const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
        uint8_t *key = NULL;
        int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);
        struct view names[2] = { { 0 } };
        int64_t dates[] = { asn1_time_read(X509_get0_notBefore(certificate)),
                            asn1_time_read(X509_get0_notAfter(certificate)) };
        long version = X509_get_version(certificate);
        int digest = 0;

        X509_NAME_get0_der(X509_get_subject_name(certificate), (const uint8_t **)&names[0].data,
                           &names[0].len);
        X509_NAME_get0_der(X509_get_issuer_name(certificate), (const uint8_t **)&names[1].data,
                           &names[1].len);
        X509_get_signature_info((X509 *)(uintptr_t)certificate, &digest, NULL, NULL, NULL);
        field_add(&fields, "version", &version, sizeof(version));
        field_add(&fields, ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "serial -" : "serial",
                  serial->data, (size_t)serial->length);
        field_add(&fields, "subject", names[0].data, names[0].len);
        field_add(&fields, "issuer", names[1].data, names[1].len);
        field_add(&fields, "begin", &dates[0], sizeof(dates[0]));
        field_add(&fields, "end", &dates[1], sizeof(dates[1]));
        field_add(&fields, "key", key, (size_t)len);
        field_add(&fields, "digest", &digest, sizeof(digest));
        field_add(&fields,
                  X509_verify((X509 *)(uintptr_t)certificate, ca) == 1 ? "verifies" : "does not",
                  "", 0);
        for (int i = 0; i < X509_get_ext_count(certificate); i++)
                extension_read(&fields, X509_get_ext(certificate, i));
        OPENSSL_free(key);
        return fields;
}

/* The names of the fields that stand in one and not in the other, without repeats. */
static char *
difference_of(const struct fields *a, const struct fields *b)
{
        const struct fields *both[] = { a, b };
        struct buf names = { 0 };

        for (size_t side = 0; side < 2; side++) {
                for (size_t i = 0; i < both[side]->count; i++) {
                        const char *field = both[side]->all[i];
                        unsigned here = 0, there = 0;
                        for (size_t n = 0; n < both[side]->count; n++)
                                here += strcmp(both[side]->all[n], field) == 0;
                        for (size_t n = 0; n < both[!side]->count; n++)
                                there += strcmp(both[!side]->all[n], field) == 0;
                        char *name = text_copy_length(field, strcspn(field, " "));
                        if (here > there && !(names.len && strstr(buf_text(&names), name)))
                                buf_format(&names, "%s%s", names.len ? " " : "", name);
                        free(name);
                }
        }
        char *text = text_copy(names.len ? buf_text(&names) : "");
        buf_clear(&names);
        return text;
}

/* -- a certificate with everything in it -------------------------------------------------- */

static STACK_OF(X509_EXTENSION) * passed_extensions(void)
{
        static const struct {
                const char *oid, *hex;
                int critical;
        } rows[] = {
                { "2.5.29.15", "03020388", 1 },
                { "2.5.29.37", "301406082b0601050507030206082b06010505070304", 0 },
                { "2.5.29.17", "30168209612e6578616d706c658209622e6578616d706c65", 0 },
                { "2.5.29.32", "300e300506032a0304300506032a0305", 0 },
                { "1.2.3.4.5", "040100", 0 },
        };
        STACK_OF(X509_EXTENSION) *list = NULL;
        struct error err = { 0 };

        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                ASN1_OBJECT *object = OBJ_txt2obj(rows[i].oid, 1);
                ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
                struct buf der = { 0 };

                assert_done(hex_decode(rows[i].hex, &der, &err), err);
                ASN1_OCTET_STRING_set(value, der.data, (int)der.len);
                X509_EXTENSION *one =
                        X509_EXTENSION_create_by_OBJ(NULL, object, rows[i].critical, value);
                assert_non_null(X509v3_add_ext(&list, one, -1));
                X509_EXTENSION_free(one);
                ASN1_OCTET_STRING_free(value);
                ASN1_OBJECT_free(object);
                buf_clear(&der);
        }
        return list;
}

static X509 *
certificate_of(EVP_PKEY *ca, EVP_PKEY *key, const char *template, bool full)
{
        static const uint8_t serial[SERIAL_SIZE] = { 0x12, 0x34, 0x56 };
        CLEANUP(name_cleanup) X509_NAME *name = X509_NAME_new();
        CLEANUP(name_cleanup) X509_NAME *ca_name = X509_NAME_new();
        CLEANUP(certificate_cleanup) X509 *issuer = X509_new();
        CLEANUP(extensions_cleanup) STACK_OF(X509_EXTENSION) *passed = passed_extensions();
        struct error err = { 0 };

        X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const uint8_t *)"org", -1, -1, 0);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)"a", -1, -1, 0);
        X509_NAME_add_entry_by_txt(ca_name, "CN", MBSTRING_UTF8, (const uint8_t *)"CA", -1, -1, 0);
        assert_true(X509_set_subject_name(issuer, ca_name) && X509_set_pubkey(issuer, ca));
        struct wish wish = { .template = template_named(template),
                             .subject = name,
                             .key = key,
                             .serial = serial,
                             .not_before = NOW - 60 * 60,
                             .not_after = END,
                             .csr_extensions = full ? passed : NULL,
                             .crl_url = full ? "http://ca.example/crl" : NULL };
        struct signer signer = { ca, issuer };
        X509 *made = certificate_make(&wish, &signer, algorithm_find("SHA256WITHECDSA"), &err);
        assert_non_null(made);
        return made;
}

#define BLANK "arn:aws:acm-pca:::template/BlankEndEntityCertificate_CSRPassthrough/V1"
#define CODE "arn:aws:acm-pca:::template/CodeSigningCertificate/V1"

struct spoiling {
        EVP_PKEY *ca;
        X509 *good;
        struct authority authority;
};

/* Spoil the good one; what changed, "unreadable" when it is no certificate any more. */
static char *
spoilt_difference(const struct spoiling *spoiling, uint64_t deviations)
{
        struct error err = { 0 };
        struct buf der = { 0 };
        char *text = NULL;

        certificate_der(spoiling->good, &der);
        assert_done(spoil(&der, deviations, &spoiling->authority, NOW, &err), err);
        const uint8_t *at = der.data;
        X509 *bad = d2i_X509(NULL, &at, (long)der.len);
        if (bad && at == der.data + der.len) {
                struct fields before = fields_of(spoiling->good, spoiling->ca);
                struct fields after = fields_of(bad, spoiling->ca);
                text = difference_of(&before, &after);
                fields_clear(&before);
                fields_clear(&after);
        }
        X509_free(bad);
        buf_clear(&der);
        return text ? text : text_copy("unreadable");
}

static void
every_word_changes_what_it_says_and_nothing_else(void **state)
{
        static const struct {
                const char *word, *changed;
                const char *changed_in_code; /* of a code signing certificate with little in it */
        } rows[] = {
                { "wrong-key", "key", "key" },
                { "wrong-subject", "subject", "subject" },
                { "expired", "begin end", "begin end" },
                { "foreign", "verifies does", "verifies does" },
                { "subject-more", "subject", "subject" },
                { "subject-less", "subject", "subject" },
                { "san-none", "2.5.29.17", "" },
                { "san-less", "2.5.29.17", "" },
                { "san-more", "2.5.29.17", "2.5.29.17" },
                { "san-other", "2.5.29.17", "" },
                { "san-critical", "2.5.29.17", "" },
                { "issuer-other", "issuer", "issuer" },
                { "begins-early", "begin", "begin" },
                { "begins-late", "begin", "begin" },
                { "ends-early", "end", "end" },
                { "ends-late", "end", "end" },
                { "basic-turned", "2.5.29.19", "2.5.29.19" },
                { "basic-none", "2.5.29.19", "2.5.29.19" },
                { "basic-critical", "2.5.29.19", "2.5.29.19" },
                { "path-length", "2.5.29.19", "2.5.29.19" },
                { "usage-none", "2.5.29.15", "2.5.29.15" },
                { "usage-less", "2.5.29.15", "2.5.29.15" },
                { "usage-more", "2.5.29.15", "2.5.29.15" },
                { "usage-critical", "2.5.29.15", "2.5.29.15" },
                { "purpose-none", "2.5.29.37", "2.5.29.37" },
                { "purpose-less", "2.5.29.37", "2.5.29.37" },
                { "purpose-more", "2.5.29.37", "2.5.29.37" },
                { "purpose-other", "2.5.29.37", "2.5.29.37" },
                { "purpose-critical", "2.5.29.37", "2.5.29.37" },
                { "policy-less", "2.5.29.32", "" },
                { "policy-more", "2.5.29.32", "2.5.29.32" },
                { "extension-more", "1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.1" },
                { "extension-critical", "1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.1" },
                { "extension-less", "1.2.3.4.5", "" },
                { "extension-other", "1.2.3.4.5", "" },
                { "extension-twice", "2.5.29.19", "2.5.29.19" },
                { "ski-none", "2.5.29.14", "2.5.29.14" },
                { "ski-other", "2.5.29.14", "2.5.29.14" },
                { "aki-none", "2.5.29.35", "2.5.29.35" },
                { "aki-other", "2.5.29.35", "2.5.29.35" },
                { "crl-other", "2.5.29.31", "2.5.29.31" },
                { "ocsp-other", "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.1.1" },
                { "serial-zero", "serial", "serial" },
                { "serial-negative", "serial", "serial" },
                { "serial-long", "serial", "serial" },
                { "version-1", "version", "version" },
                { "sha1", "digest", "digest" },
                { "broken-signature", "verifies does", "verifies does" },
                { "trailing", "unreadable", "unreadable" },
        };
        CLEANUP(pkey_cleanup) EVP_PKEY *ca = EVP_EC_gen("P-256");
        CLEANUP(pkey_cleanup) EVP_PKEY *key = EVP_EC_gen("P-256");
        CLEANUP(certificate_cleanup) X509 *full = certificate_of(ca, key, BLANK, true);
        CLEANUP(certificate_cleanup) X509 *code = certificate_of(ca, key, CODE, false);
        struct spoiling spoiling = { .ca = ca,
                                     .authority = { .key = ca,
                                                    .kind = key_kind_find("EC_prime256v1"),
                                                    .algorithm =
                                                            algorithm_find("SHA256WITHECDSA") } };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                const char *const expected[] = { rows[i].changed, rows[i].changed_in_code };
                uint64_t bit = 0;

                assert_true(spoil_named(rows[i].word, &bit));
                assert_string_equal(spoil_word(i), rows[i].word);
                for (size_t n = 0; n < 2; n++) {
                        spoiling.good = n ? code : full;
                        char *text = spoilt_difference(&spoiling, bit);
                        if (strcmp(text, expected[n]) != 0)
                                fail_msg("%s changes '%s', not '%s'", rows[i].word, text,
                                         expected[n]);
                        free(text);
                }
        }
        assert_null(spoil_word(ARRAY_LENGTH(rows)));
}

static void
words_add_up_in_a_rule(void **state)
{
        struct faults *faults = faults_new(1);
        struct error err = { 0 };
        uint64_t key = 0, names = 0;

        (void)state;
        assert_true(spoil_named("wrong-key", &key) && spoil_named("san-none", &names));
        assert_false(spoil_named("wrong", &key));
        assert_done(faults_add(faults, "GetCertificate:wrong-key", &err), err);
        assert_done(faults_add(faults, "GetCertificate:at=1:san-none", &err), err);
        assert_true(faults_next(faults, "GetCertificate").deviations == (key | names));
        assert_true(faults_next(faults, "GetCertificate").deviations == key);
        assert_true(faults_next(faults, "IssueCertificate").deviations == 0);
        faults_free(faults);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_word_changes_what_it_says_and_nothing_else),
                cmocka_unit_test(words_add_up_in_a_rule),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
