#include <openssl/x509v3.h>

#include "order/predict.h"
#include "tests/unit/unit.h"

#define CA_ARN "arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/0"
#define PREFIX "arn:aws:acm-pca:::template/"
#define SMART_CARD "1.3.6.1.4.1.311.20.2.2"
#define POLICY "1.3.6.1.4.1.99999.2"
#define BLANK "BlankEndEntityCertificate"
#define BLANK_CRITICAL BLANK "_CriticalBasicConstraints"

#define NOW ((int64_t)1795311600) /* 2026-11-22T01:00:00Z */
#define YEAR ((int64_t)365 * 24 * 60 * 60)

static const struct issuer_facts plain_ca = { .described = true,
                                              .not_after = NOW + 10 * YEAR,
                                              .subject = "CN=Example CA",
                                              .key_algorithm = "EC_prime256v1" };

/* What is held against the CSR, and what the certificate has to say then. */
static const struct row {
        const char *template;
        const char *key_usage; /* wishes, or NULL */
        const char *extended;
        const char *policy;
        const char *got_usage; /* NULL: no such row */
        const char *got_extended;
        const char *got_policy;
        const char *dropped; /* what is lost, "; " between */
        const char *carries; /* NULL: nothing is lost */
} rows[] = {
#define DS "digitalSignature"
#define DS_KE "digitalSignature, keyEncipherment"
#define DS_NR "digitalSignature, nonRepudiation"
#define BOTH "serverAuth, clientAuth"
        /* base templates: the wishes that the template grants anyway */
        { "EndEntityCertificate", NULL, NULL, NULL, DS_KE, BOTH, NULL, "", NULL },
        { "EndEntityCertificate", DS, NULL, NULL, DS_KE, BOTH, NULL, "", NULL },
        { "EndEntityCertificate", "keyEncipherment", NULL, NULL, DS_KE, BOTH, NULL, "", NULL },
        { "EndEntityCertificate", DS ",keyEncipherment", "serverAuth,clientAuth", NULL, DS_KE, BOTH,
          NULL, "", NULL },
        { "EndEntityCertificate", NULL, "clientAuth", NULL, DS_KE, BOTH, NULL, "", NULL },
        { "EndEntityClientAuthCertificate", NULL, NULL, NULL, DS_KE, "clientAuth", NULL, "", NULL },
        { "EndEntityServerAuthCertificate", NULL, "serverAuth", NULL, DS_KE, "serverAuth", NULL, "",
          NULL },
        { "CodeSigningCertificate", DS, "codeSigning", NULL, DS, "codeSigning", NULL, "", NULL },
        { "OCSPSigningCertificate", NULL, NULL, NULL, DS, "OCSPSigning", NULL, "", NULL },
        { "OCSPSigningCertificate", NULL, "OCSPSigning", NULL, DS, "OCSPSigning", NULL, "", NULL },
        /* … and those it drops */
        { "EndEntityCertificate", "nonRepudiation", NULL, NULL, DS_KE, BOTH, NULL,
          "key usage nonRepudiation", BLANK "_CSRPassthrough" },
        { "EndEntityCertificate", DS ",keyAgreement", NULL, NULL, DS_KE, BOTH, NULL,
          "key usage keyAgreement", BLANK "_CSRPassthrough" },
        { "EndEntityCertificate", NULL, "codeSigning", NULL, DS_KE, BOTH, NULL,
          "extended key usage codeSigning", "CodeSigningCertificate" },
        { "EndEntityCertificate", NULL, "OCSPSigning", NULL, DS_KE, BOTH, NULL,
          "extended key usage OCSPSigning", "OCSPSigningCertificate" },
        { "EndEntityCertificate", NULL, "emailProtection", NULL, DS_KE, BOTH, NULL,
          "extended key usage emailProtection", BLANK "_CSRPassthrough" },
        { "EndEntityCertificate", NULL, "clientAuth,emailProtection", NULL, DS_KE, BOTH, NULL,
          "extended key usage emailProtection", BLANK "_CSRPassthrough" },
        { "EndEntityCertificate", NULL, NULL, POLICY, DS_KE, BOTH, NULL, "policies " POLICY,
          "EndEntityCertificate_CSRPassthrough" },
        { "EndEntityCertificate", NULL, "serverAuth", POLICY, DS_KE, BOTH, NULL, "policies " POLICY,
          "EndEntityServerAuthCertificate_CSRPassthrough" },
        { "EndEntityCertificate", DS, "clientAuth", POLICY, DS_KE, BOTH, NULL, "policies " POLICY,
          BLANK "_CSRPassthrough" },
        { "EndEntityCertificate", "nonRepudiation", "codeSigning", POLICY, DS_KE, BOTH, NULL,
          "key usage nonRepudiation; extended key usage codeSigning; policies " POLICY,
          BLANK "_CSRPassthrough" },
        { "EndEntityClientAuthCertificate", NULL, "serverAuth", NULL, DS_KE, "clientAuth", NULL,
          "extended key usage serverAuth", "EndEntityServerAuthCertificate" },
        { "EndEntityClientAuthCertificate", NULL, "serverAuth,clientAuth", NULL, DS_KE,
          "clientAuth", NULL, "extended key usage serverAuth", "EndEntityCertificate" },
        { "EndEntityServerAuthCertificate", NULL, "clientAuth", NULL, DS_KE, "serverAuth", NULL,
          "extended key usage clientAuth", "EndEntityClientAuthCertificate" },
        { "EndEntityServerAuthCertificate", NULL, NULL, POLICY, DS_KE, "serverAuth", NULL,
          "policies " POLICY, "EndEntityServerAuthCertificate_CSRPassthrough" },
        { "CodeSigningCertificate", "keyEncipherment", NULL, NULL, DS, "codeSigning", NULL,
          "key usage keyEncipherment", BLANK "_CSRPassthrough" },
        { "CodeSigningCertificate", NULL, NULL, POLICY, DS, "codeSigning", NULL, "policies " POLICY,
          "CodeSigningCertificate_CSRPassthrough" },
        { "OCSPSigningCertificate", DS ",nonRepudiation", NULL, NULL, DS, "OCSPSigning", NULL,
          "key usage nonRepudiation", BLANK "_CSRPassthrough" },
        /* the CSR passes, but not over what the template sets */
        { "EndEntityCertificate_CSRPassthrough", NULL, NULL, POLICY, DS_KE, BOTH, POLICY, "",
          NULL },
        { "EndEntityCertificate_CSRPassthrough", DS, "serverAuth", POLICY, DS_KE, BOTH, POLICY, "",
          NULL },
        { "EndEntityCertificate_CSRPassthrough", "nonRepudiation", NULL, NULL, DS_KE, BOTH, NULL,
          "key usage nonRepudiation", BLANK "_CSRPassthrough" },
        { "EndEntityCertificate_CSRPassthrough", NULL, "codeSigning", POLICY, DS_KE, BOTH, POLICY,
          "extended key usage codeSigning", "CodeSigningCertificate_CSRPassthrough" },
        { "CodeSigningCertificate_CSRPassthrough", DS, "codeSigning", POLICY, DS, "codeSigning",
          POLICY, "", NULL },
        { "OCSPSigningCertificate_CSRPassthrough", NULL, "clientAuth", NULL, DS, "OCSPSigning",
          NULL, "extended key usage clientAuth", "EndEntityClientAuthCertificate" },
        /* blank templates say what the CSR says */
        { BLANK "_CSRPassthrough", NULL, NULL, NULL, NULL, NULL, NULL, "", NULL },
        { BLANK "_CSRPassthrough", DS, NULL, NULL, DS, NULL, NULL, "", NULL },
        { BLANK "_CSRPassthrough", DS ",nonRepudiation", "clientAuth," SMART_CARD, NULL, DS_NR,
          "clientAuth, smartCardLogin", NULL, "", NULL },
        { BLANK "_CSRPassthrough", NULL, "emailProtection", POLICY, NULL, "emailProtection", POLICY,
          "", NULL },
        { BLANK "_CSRPassthrough", "keyAgreement", "1.3.6.1.4.1.99999.7", NULL, "keyAgreement",
          "1.3.6.1.4.1.99999.7", NULL, "", NULL },
        { BLANK_CRITICAL "_CSRPassthrough", DS, "codeSigning", POLICY, DS, "codeSigning", POLICY,
          "", NULL },
        { BLANK_CRITICAL "_CSRPassthrough", NULL, NULL, POLICY, NULL, NULL, POLICY, "", NULL },
        /* what the CSR cannot carry goes through the API */
        { BLANK "_APIPassthrough", NULL, NULL, NULL, NULL, NULL, NULL, "", NULL },
        { BLANK "_APIPassthrough", DS, "clientAuth", NULL, DS, "clientAuth", NULL, "", NULL },
        { BLANK_CRITICAL "_APIPassthrough", "keyAgreement", NULL, POLICY, "keyAgreement", NULL,
          POLICY, "", NULL },
        { BLANK "_APICSRPassthrough", DS, "clientAuth", POLICY, DS, "clientAuth", POLICY, "",
          NULL },
        { "EndEntityCertificate_APIPassthrough", NULL, NULL, POLICY, DS_KE, BOTH, POLICY, "",
          NULL },
        { "EndEntityCertificate_APIPassthrough", "nonRepudiation", NULL, POLICY, DS_KE, BOTH,
          POLICY, "key usage nonRepudiation", BLANK "_CSRPassthrough" },
        { "EndEntityCertificate_APICSRPassthrough", NULL, NULL, POLICY, DS_KE, BOTH, POLICY, "",
          NULL },
        { "CodeSigningCertificate_APIPassthrough", DS, "codeSigning", NULL, DS, "codeSigning", NULL,
          "", NULL },
};

static void
wishes_cleanup(struct wishes *wishes)
{
        wishes_clear(wishes);
}

static void
wishes_make(struct wishes *wishes, const char *template)
{
        *wishes = (struct wishes){ .key_type = KEY_EC_P256, .validity = { VALIDITY_DAYS, 90 } };
        wishes->name = text_copy("device-1");
        wishes->subject = text_copy("CN=device-1");
        wishes->ca_arn = text_copy(CA_ARN);
        wishes->template_arn = text_format(PREFIX "%s/V1", template);
        wishes_add_san(wishes, "dns:device-1.example");
}

static void
wish_usages(struct wishes *wishes, const struct row *row)
{
        struct error err = { 0 };

        if (row->key_usage)
                assert_done(usages_add_key_usage(&wishes->usages, row->key_usage, &err), err);
        if (row->extended)
                assert_done(usages_add_extended(&wishes->usages, row->extended, &err), err);
        if (row->policy)
                assert_done(usages_add_policy(&wishes->usages, row->policy, &err), err);
}

static const struct predicted_row *
row_of(const struct prediction *prediction, const char *field)
{
        for (size_t i = 0; i < prediction->row_count; i++) {
                if (strcmp(field_name(prediction->rows[i].field), field) == 0)
                        return &prediction->rows[i];
        }
        return NULL;
}

static const char *
value_of(const struct prediction *prediction, const char *field)
{
        const struct predicted_row *row = row_of(prediction, field);

        return row ? row->value : NULL;
}

static bool
warns(const struct prediction *prediction, const char *words)
{
        for (size_t i = 0; i < prediction->warning_count; i++) {
                if (strstr(prediction->warnings[i], words))
                        return true;
        }
        return false;
}

/* -- what comes out ------------------------------------------------------------------------- */

static void
check_value(size_t index, const struct prediction *prediction, const char *field,
            const char *expected)
{
        const char *got = value_of(prediction, field);

        if (!text_equal(got, expected))
                fail_msg("row %zu (%s): %s is %s, not %s", index, rows[index].template, field,
                         got ? got : "none", expected ? expected : "none");
}

static void
check_drops(size_t index, const struct prediction *prediction)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        const char *carries = prediction->carries ? prediction->carries->name : NULL;

        for (size_t i = 0; i < prediction->drop_count; i++)
                buf_format(&text, "%s%s %s", i ? "; " : "", field_name(prediction->drops[i].field),
                           prediction->drops[i].value);
        if (strcmp(buf_text(&text), rows[index].dropped) != 0)
                fail_msg("row %zu (%s) drops '%s'", index, rows[index].template, buf_text(&text));
        if (!text_equal(carries, rows[index].carries))
                fail_msg("row %zu (%s): %s carries it", index, rows[index].template,
                         carries ? carries : "nothing");
}

static void
what_a_template_sets_passes_and_drops_is_foretold(void **state)
{
        (void)state;
        assert_true(ARRAY_LENGTH(rows) >= 40);
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(wishes_cleanup) struct wishes wishes;
                CLEANUP(prediction_clear) struct prediction prediction;
                struct error err = { 0 };

                wishes_make(&wishes, rows[i].template);
                wish_usages(&wishes, &rows[i]);
                predict(&wishes, view_text(NULL), &plain_ca, NOW, &prediction);
                check_value(i, &prediction, "key usage", rows[i].got_usage);
                check_value(i, &prediction, "extended key usage", rows[i].got_extended);
                check_value(i, &prediction, "policies", rows[i].got_policy);
                check_value(i, &prediction, "basic constraints", "CA:FALSE");
                check_drops(i, &prediction);
                if (!rows[i].carries) {
                        assert_done(prediction_check(&prediction, &err), err);
                        continue;
                }
                assert_refused(prediction_check(&prediction, &err), err, ERROR_WISH_LOST);
                assert_non_null(strstr(err.next, rows[i].carries));
        }
}

/* Every profile of the table under every leaf template. */
static void
the_template_that_is_named_really_carries_every_wish(void **state)
{
        size_t lost = 0;

        (void)state;
        for (size_t t = 0; template_at(t); t++) {
                for (size_t i = 0; i < ARRAY_LENGTH(rows) && !template_at(t)->is_ca; i++) {
                        CLEANUP(wishes_cleanup) struct wishes wishes;
                        CLEANUP(prediction_clear) struct prediction prediction;
                        CLEANUP(prediction_clear) struct prediction again = { 0 };
                        struct error err = { 0 };

                        wishes_make(&wishes, template_at(t)->name);
                        wish_usages(&wishes, &rows[i]);
                        predict(&wishes, view_text(NULL), &plain_ca, NOW, &prediction);
                        if (prediction_check(&prediction, &err))
                                continue;
                        assert_non_null(prediction.carries);
                        assert_false(prediction.carries->is_ca);
                        assert_false(prediction.carries->api_passthrough);
                        lost++;
                        free(wishes.template_arn);
                        wishes.template_arn = text_format(PREFIX "%s/V1", prediction.carries->name);
                        predict(&wishes, view_text(NULL), &plain_ca, NOW, &again);
                        assert_done(prediction_check(&again, &err), err);
                }
        }
        assert_true(lost > 100);
}

static void
every_row_says_where_it_comes_from_and_whether_it_is_critical(void **state)
{
        static const struct {
                const char *template;
                const char *field;
                enum source source;
                enum answer critical;
        } origins[] = {
                { "EndEntityCertificate", "subject", SOURCE_CSR, ANSWER_UNKNOWN },
                { "EndEntityCertificate", "alternative names", SOURCE_CSR, ANSWER_NO },
                { "EndEntityCertificate", "basic constraints", SOURCE_TEMPLATE, ANSWER_NO },
                { BLANK_CRITICAL "_CSRPassthrough", "basic constraints", SOURCE_TEMPLATE,
                  ANSWER_YES },
                { "EndEntityCertificate", "key usage", SOURCE_TEMPLATE, ANSWER_YES },
                { BLANK "_CSRPassthrough", "key usage", SOURCE_CSR, ANSWER_YES },
                { "EndEntityCertificate", "extended key usage", SOURCE_TEMPLATE, ANSWER_NO },
                { "CodeSigningCertificate", "extended key usage", SOURCE_TEMPLATE, ANSWER_YES },
                { BLANK "_CSRPassthrough", "extended key usage", SOURCE_CSR, ANSWER_NO },
                { "EndEntityCertificate", "not before", SOURCE_CA, ANSWER_UNKNOWN },
                { "EndEntityCertificate", "not after", SOURCE_REQUEST, ANSWER_UNKNOWN },
                { "EndEntityCertificate", "issuer", SOURCE_CA, ANSWER_UNKNOWN },
        };
        static const struct row wished = { .key_usage = DS, .extended = "clientAuth" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(origins); i++) {
                CLEANUP(wishes_cleanup) struct wishes wishes;
                CLEANUP(prediction_clear) struct prediction prediction;

                wishes_make(&wishes, origins[i].template);
                wish_usages(&wishes, &wished);
                predict(&wishes, view_text(NULL), &plain_ca, NOW, &prediction);
                const struct predicted_row *row = row_of(&prediction, origins[i].field);

                assert_non_null(row);
                assert_string_equal(source_name(row->source), source_name(origins[i].source));
                assert_int_equal(row->critical, origins[i].critical);
        }
}

static void
a_ca_template_says_so_with_its_path_length(void **state)
{
        CLEANUP(wishes_cleanup) struct wishes wishes;
        CLEANUP(prediction_clear) struct prediction prediction;

        (void)state;
        wishes_make(&wishes, "SubordinateCACertificate_PathLen2");
        predict(&wishes, view_text(NULL), &plain_ca, NOW, &prediction);
        assert_string_equal(value_of(&prediction, "basic constraints"), "CA:TRUE, path length 2");
        assert_string_equal(value_of(&prediction, "key usage"),
                            "digitalSignature, keyCertSign, cRLSign");
        assert_null(value_of(&prediction, "extended key usage"));
        assert_true(warns(&prediction, "makes a CA"));
}

static void
a_ca_too_deep_for_its_issuer_is_refused_before_it_is_asked_for(void **state)
{
        static const struct {
                const char *template;
                int issuer; /* -1: not bounded */
                bool good;
        } cases[] = {
                { "SubordinateCACertificate_PathLen0", 0, false },
                { "SubordinateCACertificate_PathLen0", 1, true },
                { "SubordinateCACertificate_PathLen2", 2, false },
                { "SubordinateCACertificate_PathLen3", -1, true },
                { "EndEntityCertificate", 0, true },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(wishes_cleanup) struct wishes wishes;
                CLEANUP(prediction_clear) struct prediction prediction;
                struct issuer_facts ca = plain_ca;
                struct error err = { 0 };

                ca.has_path_length = cases[i].issuer >= 0;
                ca.path_length = cases[i].issuer;
                wishes_make(&wishes, cases[i].template);
                predict(&wishes, view_text(NULL), &ca, NOW, &prediction);
                assert_int_equal(prediction_check(&prediction, &err), cases[i].good);
                if (!cases[i].good)
                        assert_non_null(strstr(err.what, "path length"));
        }
}

static void
what_a_given_csr_holds_besides_names_is_told_but_no_lost_wish(void **state)
{
        static const struct row wished = { .key_usage = "nonRepudiation", .policy = POLICY };
        CLEANUP(wishes_cleanup) struct wishes wishes;
        CLEANUP(prediction_clear) struct prediction prediction;
        struct error err = { 0 };

        (void)state;
        wishes_make(&wishes, "EndEntityCertificate");
        wishes.csr_given = true;
        wish_usages(&wishes, &wished);
        predict(&wishes, view_text(NULL), &plain_ca, NOW, &prediction);
        assert_int_equal(prediction.drop_count, 2);
        assert_false(prediction.drops[0].lost);
        assert_done(prediction_check(&prediction, &err), err);
}

/* A request by somebody else, with extensions that our wishes have no member for. */
static void
make_request(struct buf *der)
{
        static const struct {
                int nid;
                const char *value;
        } values[] = { { NID_basic_constraints, "CA:FALSE" },
                       { NID_tlsfeature, "status_request" },
                       { NID_subject_alt_name, "DNS:device-1.example" } };
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509_REQ *request = X509_REQ_new();
        STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
        unsigned char *bytes = NULL;

        for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
                sk_X509_EXTENSION_push(list, X509V3_EXT_conf_nid(NULL, NULL, values[i].nid,
                                                                 values[i].value));
        X509_REQ_set_pubkey(request, key);
        X509_REQ_add_extensions(request, list);
        X509_REQ_sign(request, key, EVP_sha256());
        int len = i2d_X509_REQ(request, &bytes);

        assert_true(len > 0);
        buf_add(der, view_of(bytes, (size_t)len));
        OPENSSL_free(bytes);
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
        X509_REQ_free(request);
        EVP_PKEY_free(key);
}

static void
other_extensions_of_a_given_csr_pass_with_passthrough_only(void **state)
{
        static const char must_staple[] = "1.3.6.1.5.5.7.1.24, value 3003020105";
        CLEANUP(buf_cleanup) struct buf der = { 0 };

        (void)state;
        make_request(&der);
        for (unsigned passing = 0; passing < 2; passing++) {
                CLEANUP(wishes_cleanup) struct wishes wishes;
                CLEANUP(prediction_clear) struct prediction prediction;

                wishes_make(&wishes, passing ? BLANK "_CSRPassthrough" : "EndEntityCertificate");
                wishes.csr_given = true;
                predict(&wishes, view_buf(&der), &plain_ca, NOW, &prediction);
                const char *passed = value_of(&prediction, "extension");

                assert_string_equal(passed ? passed : "", passing ? must_staple : "");
                /* The template's own basicConstraints stand, whatever the CSR says. */
                assert_int_equal(prediction.drop_count, passing ? 1 : 2);
                assert_int_equal(prediction.drops[0].field, FIELD_BASIC_CONSTRAINTS);
                assert_false(prediction.drops[0].lost);
        }
}

/* -- what the CA adds and allows -------------------------------------------------------------- */

static void
the_ca_adds_what_it_is_configured_for(void **state)
{
        struct issuer_facts ca = plain_ca;

        (void)state;
        ca.crl_enabled = ca.ocsp_enabled = true;
        for (unsigned passing = 0; passing < 2; passing++) {
                CLEANUP(wishes_cleanup) struct wishes wishes;
                CLEANUP(prediction_clear) struct prediction prediction;

                wishes_make(&wishes, passing ? BLANK "_CSRPassthrough" : "EndEntityCertificate");
                predict(&wishes, view_text(NULL), &ca, NOW, &prediction);
                assert_non_null(row_of(&prediction, "CRL distribution points"));
                assert_int_equal(!row_of(&prediction, "authority information access"), passing);
                assert_int_equal(warns(&prediction, "OCSP"), passing);
        }
}

static void
dates_that_aws_would_refuse_are_refused_first(void **state)
{
        static const struct {
                struct validity validity;
                int64_t not_before;
                bool short_lived;
                const char *template;
                const char *words; /* of the refusal; NULL: none */
        } dates[] = {
                { { VALIDITY_DAYS, 365 }, 0, false, "EndEntityCertificate", NULL },
                { { VALIDITY_DAYS, 3650 }, 0, false, "EndEntityCertificate", NULL },
                { { VALIDITY_DAYS, 3651 }, 0, false, "EndEntityCertificate", "the CA itself ends" },
                { { VALIDITY_YEARS, 50 }, 0, false, "EndEntityCertificate", "the CA itself ends" },
                { { VALIDITY_ABSOLUTE, NOW + 10 * YEAR + 1 },
                  0,
                  false,
                  "EndEntityCertificate",
                  "the CA itself ends" },
                { { VALIDITY_CA_END, 0 }, 0, false, "EndEntityCertificate", NULL },
                { { VALIDITY_DAYS, 7 }, 0, true, "EndEntityCertificate", NULL },
                { { VALIDITY_DAYS, 8 }, 0, true, "EndEntityCertificate", "7 days" },
                { { VALIDITY_CA_END, 0 }, 0, true, "EndEntityCertificate", "7 days" },
                { { VALIDITY_DAYS, 8 }, 0, true, "SubordinateCACertificate_PathLen0", NULL },
                { { VALIDITY_END_DATE, NOW - 1 },
                  0,
                  false,
                  "EndEntityCertificate",
                  "before it begins" },
                { { VALIDITY_DAYS, 1 },
                  NOW + 2 * YEAR,
                  false,
                  "EndEntityCertificate",
                  "before it begins" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(dates); i++) {
                CLEANUP(wishes_cleanup) struct wishes wishes;
                CLEANUP(prediction_clear) struct prediction prediction;
                struct issuer_facts ca = plain_ca;
                struct error err = { 0 };

                wishes_make(&wishes, dates[i].template);
                wishes.validity = dates[i].validity;
                wishes.not_before = dates[i].not_before;
                ca.short_lived = dates[i].short_lived;
                predict(&wishes, view_text(NULL), &ca, NOW, &prediction);
                if (!dates[i].words) {
                        assert_done(prediction_check(&prediction, &err), err);
                        continue;
                }
                assert_refused(prediction_check(&prediction, &err), err, ERROR_USAGE);
                assert_non_null(strstr(err.what, dates[i].words));
                assert_true(*err.next != '\0');
        }
}

static void
a_ca_of_which_nothing_is_known_refuses_nothing(void **state)
{
        static const struct issuer_facts unknown = { 0 };
        CLEANUP(wishes_cleanup) struct wishes wishes;
        CLEANUP(prediction_clear) struct prediction prediction;
        struct error err = { 0 };

        (void)state;
        wishes_make(&wishes, "EndEntityCertificate");
        wishes.validity = (struct validity){ VALIDITY_YEARS, 50 };
        predict(&wishes, view_text(NULL), &unknown, NOW, &prediction);
        assert_done(prediction_check(&prediction, &err), err);
        assert_true(warns(&prediction, "may not be described"));
}

static void
a_signing_algorithm_of_another_family_is_refused(void **state)
{
        static const struct {
                const char *key;
                const char *algorithm;
                bool good;
        } pairs[] = {
                { "EC_prime256v1", "SHA512WITHECDSA", true },
                { "EC_prime256v1", "SHA256WITHRSA", false },
                { "RSA_2048", "SHA256WITHRSA_PSS", true },
                { "RSA_2048", "SHA256WITHECDSA", false },
                { "ML_DSA_65", "ML_DSA_65", true },
                { "something new", "SHA256WITHRSA", true },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
                CLEANUP(wishes_cleanup) struct wishes wishes;
                CLEANUP(prediction_clear) struct prediction prediction;
                struct issuer_facts ca = plain_ca;
                struct error err = { 0 };

                wishes_make(&wishes, "EndEntityCertificate");
                wishes.signing_algorithm = text_copy(pairs[i].algorithm);
                ca.key_algorithm = pairs[i].key;
                predict(&wishes, view_text(NULL), &ca, NOW, &prediction);
                assert_int_equal(prediction_check(&prediction, &err), pairs[i].good);
        }
}

static void
more_names_than_a_request_holds_are_refused(void **state)
{
        CLEANUP(wishes_cleanup) struct wishes wishes;
        struct error err = { 0 };

        (void)state;
        wishes_make(&wishes, "EndEntityCertificate");
        for (unsigned i = 0; i < 1000; i++) {
                CLEANUP(free_cleanup) char *name = text_format("dns:device-%04u.example", i);

                wishes_add_san(&wishes, name);
        }
        struct prediction few, many;

        predict(&wishes, view_text(NULL), &plain_ca, NOW, &few);
        bool few_pass = prediction_check(&few, &err);

        prediction_clear(&few);
        assert_done(few_pass, err);
        for (unsigned i = 0; i < 1000; i++) {
                CLEANUP(free_cleanup) char *name = text_format("dns:gateway-%04u.example", i);

                wishes_add_san(&wishes, name);
        }
        predict(&wishes, view_text(NULL), &plain_ca, NOW, &many);
        bool many_pass = prediction_check(&many, &err);

        prediction_clear(&many);
        assert_refused(many_pass, err, ERROR_USAGE);
}

/* -- warnings ---------------------------------------------------------------------------------- */

static void
what_is_odd_is_warned_of(void **state)
{
        static const struct {
                const char *template;
                const char *key_usage;
                const char *extended;
                enum key_type type;
                const char *words;
                bool warned;
        } oddities[] = {
                { "EndEntityCertificate", NULL, NULL, KEY_EC_P256, "keyEncipherment", true },
                { "EndEntityCertificate", NULL, NULL, KEY_RSA_2048, "keyEncipherment", false },
                { "CodeSigningCertificate", NULL, NULL, KEY_EC_P256, "keyEncipherment", false },
                { BLANK "_CSRPassthrough", "keyAgreement", NULL, KEY_RSA_2048, "keyAgreement",
                  true },
                { BLANK "_CSRPassthrough", "keyAgreement", NULL, KEY_EC_P384, "keyAgreement",
                  false },
                { "EndEntityCertificate", NULL, "serverAuth", KEY_EC_P256, "common name", true },
                { "EndEntityServerAuthCertificate", NULL, NULL, KEY_EC_P256, "common name", true },
                { "EndEntityCertificate", NULL, NULL, KEY_EC_P256, "common name", false },
                { "SomethingNew", NULL, NULL, KEY_EC_P256, "not one that this version knows",
                  true },
                { "EndEntityCertificate", NULL, NULL, KEY_EC_P256, "this version knows", false },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(oddities); i++) {
                struct row wished = { .key_usage = oddities[i].key_usage,
                                      .extended = oddities[i].extended };
                CLEANUP(wishes_cleanup) struct wishes wishes;
                CLEANUP(prediction_clear) struct prediction prediction;

                wishes_make(&wishes, oddities[i].template);
                wishes.key_type = oddities[i].type;
                free(wishes.sans[0]);
                wishes.sans[0] = text_copy("email:who@example.org");
                wish_usages(&wishes, &wished);
                predict(&wishes, view_text(NULL), &plain_ca, NOW, &prediction);
                if (warns(&prediction, oddities[i].words) != oddities[i].warned)
                        fail_msg("row %zu: '%s'", i, oddities[i].words);
        }
}

static void
a_held_order_without_a_ca_is_foretold_as_far_as_it_goes(void **state)
{
        static const struct issuer_facts none = { 0 };
        CLEANUP(wishes_cleanup) struct wishes wishes;
        CLEANUP(prediction_clear) struct prediction prediction;
        struct error err = { 0 };

        (void)state;
        wishes_make(&wishes, "EndEntityCertificate");
        text_assign(&wishes.ca_arn, NULL);
        text_assign(&wishes.template_arn, NULL);
        wishes.validity = (struct validity){ 0 };
        predict(&wishes, view_text(NULL), &none, NOW, &prediction);
        assert_done(prediction_check(&prediction, &err), err);
        assert_string_equal(value_of(&prediction, "subject"), "CN=device-1");
        assert_null(row_of(&prediction, "not after"));
        assert_true(warns(&prediction, "no template yet"));
}

static void
the_default_validity_goes_with_the_mode_of_the_ca(void **state)
{
        struct wishes wishes = { 0 };

        (void)state;
        predict_default_validity(&wishes, true);
        assert_int_equal(wishes.validity.value, 6);
        predict_default_validity(&wishes, false);
        assert_int_equal(wishes.validity.value, 6);
        wishes.validity.type = VALIDITY_NONE;
        predict_default_validity(&wishes, false);
        assert_int_equal(wishes.validity.value, 365);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_template_sets_passes_and_drops_is_foretold),
                cmocka_unit_test(the_template_that_is_named_really_carries_every_wish),
                cmocka_unit_test(every_row_says_where_it_comes_from_and_whether_it_is_critical),
                cmocka_unit_test(a_ca_template_says_so_with_its_path_length),
                cmocka_unit_test(a_ca_too_deep_for_its_issuer_is_refused_before_it_is_asked_for),
                cmocka_unit_test(what_a_given_csr_holds_besides_names_is_told_but_no_lost_wish),
                cmocka_unit_test(other_extensions_of_a_given_csr_pass_with_passthrough_only),
                cmocka_unit_test(the_ca_adds_what_it_is_configured_for),
                cmocka_unit_test(dates_that_aws_would_refuse_are_refused_first),
                cmocka_unit_test(a_ca_of_which_nothing_is_known_refuses_nothing),
                cmocka_unit_test(a_signing_algorithm_of_another_family_is_refused),
                cmocka_unit_test(more_names_than_a_request_holds_are_refused),
                cmocka_unit_test(what_is_odd_is_warned_of),
                cmocka_unit_test(a_held_order_without_a_ca_is_foretold_as_far_as_it_goes),
                cmocka_unit_test(the_default_validity_goes_with_the_mode_of_the_ca),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
