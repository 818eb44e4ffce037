/*
 * Every template × every profile: the certificate that localpca issues for the request that we send
 * is the one that the plan had foretold, extension by extension and byte by byte, and the
 * comparison after the issue passes it just when no wish is lost.  localpca was written from the
 * documentation apart from the client; here they meet.
 */
#include "tests/unit/unit.h"

#include <openssl/x509v3.h>
#include <time.h>

#include "aws/pca.h"
#include "base/clock.h"
#include "order/cert.h"
#include "order/csr.h"
#include "order/field.h"
#include "order/name.h"
#include "order/predict.h"
#include "order/x509.h"
#include "tests/unit/agreement.h"
#include "tests/unit/local_issuer.h"
#include "tests/unit/planned.h"

enum { HOUR = 60 * 60, CLOCK_SLACK = 5 * 60, PROFILES_MOST = 128, DISAGREEMENTS_SHOWN = 20 };

/* How the CA is configured, and what that puts into certificates. */
static const struct configuration {
        const char *told; /* in words */
        const char *json;
        const char *crl_host, *ocsp_host; /* as the client reads them; NULL: off */
        const char *crl_folder, *ocsp_url;
} configurations[] = {
        { .told = "nothing on" },
        { "CRL and OCSP on",
          "{\"CrlConfiguration\":{\"Enabled\":true,\"ExpirationInDays\":7,\"S3BucketName\":\"b\","
          "\"CustomCname\":\"crl.example\"},"
          "\"OcspConfiguration\":{\"Enabled\":true,\"OcspCustomCname\":\"ocsp.example\"}}",
          "crl.example", "ocsp.example", "http://crl.example/crl", "http://ocsp.example" },
        { "CRL in a bucket",
          "{\"CrlConfiguration\":{\"Enabled\":true,\"ExpirationInDays\":7,"
          "\"S3BucketName\":\"bucket-7\"}}",
          "bucket-7", NULL, "http://localpca.example/bucket-7/crl", NULL },
};

struct asked {
        struct wishes wishes;
        struct buf csr;
};

static struct {
        struct local_issuer *issuer;
        struct asked asked[PROFILES_MOST][2];
        EVP_PKEY *p256, *p384, *p521, *rsa;
        X509 *root;
        char *root_subject;
        const struct configuration *configuration;
        unsigned issued, refused, lost, disagreements;
        /* which sources and fields were seen: a row that never occurs proves nothing */
        unsigned seen[FIELDS][SOURCE_CA + 1];
} all;

/* One template with one profile. */
struct meeting {
        const struct template_facts *template;
        const struct profile *profile;
        size_t index; /* of the profile */
        EVP_PKEY *key;
        struct wishes wishes;
        struct buf csr;
        struct issuer_facts facts;
        struct prediction plan;
        int64_t asked_at;
        struct buf certificate;
        X509 *x509;
};

static void
meeting_clear(struct meeting *meeting)
{
        wishes_clear(&meeting->wishes);
        buf_clear(&meeting->csr);
        prediction_clear(&meeting->plan);
        buf_clear(&meeting->certificate);
        X509_free(meeting->x509);
}

#define disagree(meeting, ...) disagree_at(meeting, __LINE__, __VA_ARGS__)

static void PRINTF(3, 4)
        disagree_at(const struct meeting *meeting, int line, const char *format, ...)
{
        va_list arguments;
        char *text = NULL;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                abort();
        va_end(arguments);
        if (all.disagreements++ < DISAGREEMENTS_SHOWN)
                print_error("%s, '%s' (%s), line %d: %s\n", meeting->template->name,
                            meeting->profile->name, all.configuration->told, line, text);
        free(text);
}

/* -- before the issue ----------------------------------------------------------------------- */

static EVP_PKEY *
key_of(const struct template_facts *template, const struct profile *profile)
{
        /* A root signs itself: only the CA's own key will do. */
        if (template->is_root)
                return local_issuer_key(all.issuer);
        if (!profile->key)
                return all.p256;
        if (strcmp(profile->key, "rsa") == 0)
                return all.rsa;
        return strcmp(profile->key, "P-384") == 0 ? all.p384 : all.p521;
}

/* Wishes and CSR do not depend on the template, but for whose key it is. */
static const struct asked *
asked_of(const struct meeting *meeting)
{
        struct asked *asked = &all.asked[meeting->index][meeting->template->is_root];

        if (!asked->csr.len)
                profile_read(meeting->profile, meeting->key, &asked->wishes, &asked->csr);
        return asked;
}

static void
meeting_plan(struct meeting *meeting)
{
        struct wishes *wishes = &meeting->wishes;
        int64_t ca_end = 0;

        const struct asked *asked = asked_of(meeting);

        wishes_copy(wishes, &asked->wishes);
        buf_set(&meeting->csr, view_buf(&asked->csr));
        text_assign(&wishes->ca_arn, local_issuer_arn(all.issuer));
        wishes->template_arn =
                text_format("arn:aws:acm-pca:::template/%s/V1", meeting->template->name);
        text_assign(&wishes->signing_algorithm, "SHA384WITHECDSA");
        wishes->validity = (struct validity){ VALIDITY_DAYS, 30 };
        x509_time(X509_get0_notAfter(all.root), &ca_end);
        meeting->facts = (struct issuer_facts){
                .described = true,
                .crl_enabled = all.configuration->crl_host != NULL,
                .ocsp_enabled = all.configuration->ocsp_host != NULL,
                .crl_host = all.configuration->crl_host,
                .ocsp_host = all.configuration->ocsp_host,
                .not_after = ca_end,
                .subject = all.root_subject,
                .key_algorithm = "EC_prime256v1",
        };
        meeting->asked_at = clock_now();
        predict(wishes, view_buf(&meeting->csr), &meeting->facts, meeting->asked_at,
                &meeting->plan);
}

static char *
meeting_request(const struct meeting *meeting)
{
        const struct wishes *wishes = &meeting->wishes;
        CLEANUP(free_cleanup) char *pem = csr_pem(view_buf(&meeting->csr));
        CLEANUP(free_cleanup)
        char *passthrough = pca_write_passthrough(wishes, meeting->template);
        struct pca_issue issue = {
                .ca_arn = wishes->ca_arn,
                .csr = view_buf(&meeting->csr),
                .csr_pem = pem,
                .signing_algorithm = wishes->signing_algorithm,
                .template_arn = wishes->template_arn,
                .api_passthrough = passthrough,
        };
        struct error err = { 0 };

        assert_done(validity_for_api(&wishes->validity, 0, &issue.validity_type,
                                     &issue.validity_value, &err),
                    err);
        return pca_write_issue(&issue);
}

/* -- the certificate against the plan -------------------------------------------------------- */

static void
check_extensions(const struct meeting *meeting)
{
        const struct configuration *configuration = all.configuration;
        CLEANUP(free_cleanup)
        char *crl_url = text_format("%s%s.crl", configuration->crl_folder,
                                    strrchr(meeting->wishes.ca_arn, '/'));
        struct planned_from from = { &meeting->wishes, view_buf(&meeting->csr),
                                     meeting->x509,    all.root,
                                     crl_url,          configuration->ocsp_url };
        struct extension_list expected;

        planned_extensions(&meeting->plan, &from, &expected);
        if ((int)expected.count != X509_get_ext_count(meeting->x509))
                disagree(meeting, "the plan has %zu extensions, the certificate %d", expected.count,
                         X509_get_ext_count(meeting->x509));
        for (size_t i = 0; i < expected.count; i++) {
                const struct extension *one = &expected.all[i];
                ASN1_OBJECT *object = OBJ_txt2obj(one->oid, 1);
                int at = X509_get_ext_by_OBJ(meeting->x509, object, -1);

                ASN1_OBJECT_free(object);
                if (at < 0) {
                        disagree(meeting, "the certificate has no %s", one->oid);
                        continue;
                }
                X509_EXTENSION *got = X509_get_ext(meeting->x509, at);
                const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(got);
                bool critical = X509_EXTENSION_get_critical(got);
                if (!view_equal(view_buf(&one->value),
                                view_of(value->data, (size_t)value->length))) {
                        char *a = hex_encode(view_buf(&one->value));
                        char *b = hex_encode(view_of(value->data, (size_t)value->length));
                        disagree(meeting, "%s: the plan means %s, the certificate has %s", one->oid,
                                 a, b);
                        free(a);
                        free(b);
                }
                if (one->critical != ANSWER_UNKNOWN && critical != (one->critical == ANSWER_YES))
                        disagree(meeting, "%s is %scritical", one->oid, critical ? "" : "not ");
        }
        planned_clear(&expected);
}

static void
check_subject(const struct meeting *meeting, const struct predicted_row *row)
{
        const X509_NAME *got = X509_get_subject_name(meeting->x509);
        CLEANUP(free_cleanup) char *text = subject_format(got);
        const uint8_t *at = meeting->csr.data;
        X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)meeting->csr.len);
        X509_NAME *planned = NULL;
        struct error err = { 0 };

        if (strcmp(row->value, "none") == 0)
                planned = X509_NAME_new();
        else
                assert_done(subject_parse(row->value, &planned, &err), err);
        if (!(row->source == SOURCE_API ? subject_same_attributes(planned, got)
                                        : subject_equal(planned, got)))
                disagree(meeting, "the plan has the subject %s, the certificate %s", row->value,
                         text);
        /* What comes from the request is not a bit different. */
        if (row->source == SOURCE_CSR) {
                const uint8_t *a = NULL, *b = NULL;
                size_t a_len = 0, b_len = 0;

                X509_NAME_get0_der(got, &a, &a_len);
                X509_NAME_get0_der(X509_REQ_get_subject_name(request), &b, &b_len);
                if (!view_equal(view_of(a, a_len), view_of(b, b_len)))
                        disagree(meeting, "the subject %s is encoded in another way", text);
        }
        X509_NAME_free(planned);
        X509_REQ_free(request);
}

static void
check_field(const struct meeting *meeting, const struct predicted_row *row)
{
        CLEANUP(free_cleanup) char *issuer = subject_format(X509_get_issuer_name(meeting->x509));
        int64_t begin = 0, end = 0;

        x509_time(X509_get0_notBefore(meeting->x509), &begin);
        x509_time(X509_get0_notAfter(meeting->x509), &end);
        switch (row->field) {
        case FIELD_SUBJECT:
                check_subject(meeting, row);
                break;
        case FIELD_PUBLIC_KEY:
                if (EVP_PKEY_eq(X509_get0_pubkey(meeting->x509), meeting->key) != 1)
                        disagree(meeting, "it is another key");
                break;
        case FIELD_ISSUER:
                if (strcmp(*issuer ? issuer : "none", row->value) != 0 &&
                    X509_NAME_cmp(X509_get_issuer_name(meeting->x509),
                                  X509_get_subject_name(meeting->x509)) != 0)
                        disagree(meeting, "the plan has the issuer %s, the certificate %s",
                                 row->value, issuer);
                break;
        case FIELD_SIGNATURE:
                assert_string_equal(row->value, "SHA384WITHECDSA");
                assert_int_equal(X509_get_signature_nid(meeting->x509), NID_ecdsa_with_SHA384);
                break;
        case FIELD_NOT_BEFORE:
                assert_string_equal(row->value, "an hour before it is issued");
                assert_in_range(begin - (meeting->asked_at - HOUR), 0, CLOCK_SLACK);
                break;
        case FIELD_NOT_AFTER:
                assert_in_range(end - meeting->plan.not_after, 0, CLOCK_SLACK);
                break;
        default:
                break;
        }
}

/* What the plan says is dropped is not there. */
static void
check_drop(const struct meeting *meeting, const struct predicted_drop *drop,
           const struct extensions *got)
{
        struct error err = { 0 };
        struct usages dropped = { 0 };

        if (drop->field == FIELD_KEY_USAGE) {
                assert_done(usages_add_key_usage(&dropped, drop->value, &err), err);
                if (got->usages.key_usage & dropped.key_usage)
                        disagree(meeting, "%s is not dropped", drop->value);
        }
        if (drop->field == FIELD_EXTENDED_USAGE) {
                assert_done(usages_add_extended(&dropped, drop->value, &err), err);
                for (size_t i = 0; i < dropped.extended_count; i++)
                        if (text_list_has(got->usages.extended, got->usages.extended_count,
                                          dropped.extended[i]))
                                disagree(meeting, "%s is not dropped", drop->value);
        }
        if (drop->field == FIELD_POLICIES && got->usages.policy_count)
                disagree(meeting, "policies are not dropped");
        usages_clear(&dropped);
}

static void
check_drops(const struct meeting *meeting)
{
        struct extensions got;

        extensions_read(X509_get0_extensions(meeting->x509), &got);
        for (size_t i = 0; i < meeting->plan.drop_count; i++)
                check_drop(meeting, &meeting->plan.drops[i], &got);
        extensions_clear(&got);
}

/* The comparison after the issue says the same as the plan before it. */
static void
check_judgement(const struct meeting *meeting)
{
        struct certificate_expectation expected = {
                .csr = view_buf(&meeting->csr),
                .chain = local_issuer_certificate(all.issuer),
                .root = local_issuer_certificate(all.issuer),
                .asked_at = meeting->asked_at,
                .issuer = &meeting->facts,
                .now = clock_now(),
        };
        struct comparison found = { 0 };
        struct error err = { 0 }, lost = { 0 };
        CLEANUP(buf_cleanup) struct buf path = { 0 };
        bool carries = prediction_check(&meeting->plan, &lost);
        bool passes = certificate_judge(&meeting->wishes, view_buf(&meeting->certificate),
                                        &expected, &path, &found, &err);

        /* What signs itself is delivered to nobody, and nothing else may be wrong with it. */
        if (meeting->template->is_root) {
                const char *first = buf_text(&found.differences);

                assert_false(passes);
                passes = text_starts(first, "chain: ") && !strchr(first, '\n')[1];
        }

        if (carries && !passes)
                disagree(meeting, "the plan carries all, and the comparison says: %s",
                         buf_text(&found.differences));
        if (!carries && passes)
                disagree(meeting, "the plan says: %s, and the comparison passes", lost.what);
        if (found.notes.len)
                disagree(meeting, "noted: %s", buf_text(&found.notes));
        all.lost += !carries;
        comparison_clear(&found);
}

/* The template that the plan recommends does carry all. */
static void
check_recommendation(const struct meeting *meeting)
{
        struct prediction plan;
        struct wishes wishes = { 0 };
        struct error err = { 0 };

        if (!meeting->plan.carries)
                return;
        wishes_copy(&wishes, &meeting->wishes);
        free(wishes.template_arn);
        wishes.template_arn =
                text_format("arn:aws:acm-pca:::template/%s/V1", meeting->plan.carries->name);
        predict(&wishes, view_buf(&meeting->csr), &meeting->facts, meeting->asked_at, &plan);
        if (!prediction_check(&plan, &err))
                disagree(meeting, "%s is recommended, but %s", meeting->plan.carries->name,
                         err.what);
        prediction_clear(&plan);
        wishes_clear(&wishes);
}

static void
meet(const struct template_facts *template, size_t index)
{
        const struct profile *profile = profile_at(index);
        struct meeting meeting = { .template = template,
                                   .profile = profile,
                                   .index = index,
                                   .key = key_of(template, profile) };

        meeting_plan(&meeting);
        bool refused = meeting.plan.refusal.kind != ERROR_NONE;
        if (profile->refused && !refused)
                disagree(&meeting, "the plan sees nothing wrong");
        if (refused && profile->unsayable) {
                all.refused++;
                meeting_clear(&meeting);
                return;
        }
        CLEANUP(free_cleanup) char *body = meeting_request(&meeting);
        CLEANUP(free_cleanup)
        char *told = local_issuer_issue(all.issuer, body, &meeting.certificate);

        if (refused != (told != NULL))
                disagree(&meeting, "the plan says %s, the service %s",
                         refused ? meeting.plan.refusal.what : "yes", told ? told : "issues");
        if (told) {
                all.refused++;
                meeting_clear(&meeting);
                return;
        }
        all.issued++;
        meeting.x509 = x509_read(view_buf(&meeting.certificate));
        assert_non_null(meeting.x509);
        for (size_t i = 0; i < meeting.plan.row_count; i++) {
                const struct predicted_row *row = &meeting.plan.rows[i];

                all.seen[row->field][row->source]++;
                check_field(&meeting, row);
        }
        check_extensions(&meeting);
        check_drops(&meeting);
        check_judgement(&meeting);
        check_recommendation(&meeting);
        meeting_clear(&meeting);
}

/* Each field was planned from each place that it can come from. */
static void
check_seen(void)
{
        static const struct {
                enum field field;
                enum source sources[3];
                size_t count;
        } rows[] = {
                { FIELD_SUBJECT, { SOURCE_CSR, SOURCE_API }, 2 },
                { FIELD_SANS, { SOURCE_CSR, SOURCE_API }, 2 },
                { FIELD_BASIC_CONSTRAINTS, { SOURCE_TEMPLATE }, 1 },
                { FIELD_KEY_USAGE, { SOURCE_TEMPLATE, SOURCE_CSR, SOURCE_API }, 3 },
                { FIELD_EXTENDED_USAGE, { SOURCE_TEMPLATE, SOURCE_CSR, SOURCE_API }, 3 },
                { FIELD_POLICIES, { SOURCE_CSR, SOURCE_API }, 2 },
                { FIELD_EXTENSION, { SOURCE_CSR, SOURCE_API }, 2 },
                { FIELD_SUBJECT_KEY_ID, { SOURCE_CA }, 1 },
                { FIELD_AUTHORITY_KEY_ID, { SOURCE_CA }, 1 },
                { FIELD_CRL_POINTS, { SOURCE_CA }, 1 },
                { FIELD_INFORMATION_ACCESS, { SOURCE_CA }, 1 },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
                for (size_t n = 0; n < rows[i].count; n++)
                        if (!all.seen[rows[i].field][rows[i].sources[n]])
                                fail_msg("%s never came from the %s", field_name(rows[i].field),
                                         source_name(rows[i].sources[n]));
}

static void
plan_issue_and_comparison_agree_for_every_template_and_profile(void **state)
{
        size_t profiles = 0, templates = 0;
        /* Under sanitizers a third will do: each template and each profile still has its turns. */
        const char *brief = getenv("P11CERT_SHORT");
        size_t step = brief && *brief ? 3 : 1;

        (void)state;
        while (profile_at(profiles))
                profiles++;
        assert_in_range(profiles, 40, PROFILES_MOST);
        for (size_t c = 0; c < ARRAY_LENGTH(configurations); c++) {
                all.configuration = &configurations[c];
                local_issuer_configure(all.issuer, configurations[c].json);
                for (templates = 0; template_at(templates); templates++)
                        for (size_t i = 0; i < profiles; i++)
                                if ((c == 0 || profile_at(i)->by_configuration) &&
                                    (templates + i) % step == 0)
                                        meet(template_at(templates), i);
        }
        assert_int_equal(templates, 61);
        check_seen();
        print_message("%zu templates, %zu profiles: %u issued, %u refused, %u lose a wish\n",
                      templates, profiles, all.issued, all.refused, all.lost);
        assert_int_equal(all.disagreements, 0);
        assert_true(all.issued > 5000 / step && all.refused > 400 / step && all.lost > 1400 / step);
}

/* -- certificates with one thing wrong -------------------------------------------------------- */

/* What the comparison lets pass: order/cert.h says so. */
static bool
may_pass(const char *word)
{
        static const char *const words[] = {
                "basic-none", /* a leaf without basicConstraints is no CA either */
                "basic-critical", "san-critical", "usage-critical", "purpose-critical",
                "ski-none",       "ski-other",    "aki-none",
        };

        for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
                if (strcmp(words[i], word) == 0)
                        return true;
        return false;
}

/* These change nothing in a certificate without policies and extensions of its own. */
static bool
finds_nothing(const char *word, const char *profile)
{
        bool bare = strcmp(profile, "all at once") != 0;

        return bare && (strcmp(word, "policy-less") == 0 || strcmp(word, "extension-less") == 0 ||
                        strcmp(word, "extension-other") == 0);
}

/* The certificate of a template and a profile, as it was issued. */
static void
meeting_issue(struct meeting *meeting, const char *template, const char *profile)
{
        meeting->template = template_find(template);
        while (strcmp(profile_at(meeting->index)->name, profile) != 0)
                meeting->index++;
        meeting->profile = profile_at(meeting->index);
        meeting->key = key_of(meeting->template, meeting->profile);
        meeting_plan(meeting);
        CLEANUP(free_cleanup) char *body = meeting_request(meeting);
        assert_null(local_issuer_issue(all.issuer, body, &meeting->certificate));
}

static bool
spoilt_passes(const struct meeting *meeting, const char *word, char **told)
{
        CLEANUP(buf_cleanup) struct buf bad = { 0 };
        CLEANUP(buf_cleanup) struct buf path = { 0 };
        struct certificate_expectation expected = {
                .csr = view_buf(&meeting->csr),
                .chain = local_issuer_certificate(all.issuer),
                .root = local_issuer_certificate(all.issuer),
                .asked_at = meeting->asked_at,
                .issuer = &meeting->facts,
                .now = clock_now(),
        };
        struct comparison found = { 0 };
        struct error err = { 0 };

        buf_set(&bad, view_buf(&meeting->certificate));
        assert_true(local_issuer_spoil(all.issuer, word, &bad));
        bool passes =
                certificate_judge(&meeting->wishes, view_buf(&bad), &expected, &path, &found, &err);
        *told = text_copy(found.differences.len ? buf_text(&found.differences) : "");
        comparison_clear(&found);
        return passes;
}

static void
every_certificate_with_one_thing_wrong_is_caught(void **state)
{
        static const struct {
                const char *template, *profile;
        } rows[] = {
                { "BlankEndEntityCertificate_CSRPassthrough", "all at once" },
                { "BlankEndEntityCertificate_APIPassthrough", "all at once" },
                { "EndEntityCertificate", "a server with two names" },
        };
        unsigned caught = 0;

        (void)state;
        all.configuration = &configurations[1];
        local_issuer_configure(all.issuer, all.configuration->json);
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct meeting meeting = { 0 };

                meeting_issue(&meeting, rows[i].template, rows[i].profile);
                for (size_t n = 0; local_issuer_deviation(n); n++) {
                        const char *word = local_issuer_deviation(n);
                        CLEANUP(free_cleanup) char *told = NULL;
                        bool passes = spoilt_passes(&meeting, word, &told);

                        if (passes && !may_pass(word) && !finds_nothing(word, rows[i].profile))
                                disagree(&meeting, "%s passes", word);
                        if (!passes && may_pass(word))
                                disagree(&meeting, "%s: %s", word, told);
                        caught += i == 0 && !passes;
                }
                meeting_clear(&meeting);
        }
        assert_int_equal(all.disagreements, 0);
        assert_true(caught >= 41);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_certificate_with_one_thing_wrong_is_caught),
                cmocka_unit_test(plan_issue_and_comparison_agree_for_every_template_and_profile),
        };

        all.issuer = local_issuer_open();
        if (!all.issuer) {
                fprintf(stderr, "there is no localpca\n");
                return 1;
        }
        all.p256 = EVP_EC_gen("P-256");
        all.p384 = EVP_EC_gen("P-384");
        all.p521 = EVP_EC_gen("P-521");
        all.rsa = EVP_RSA_gen(2048);
        all.root = x509_read(local_issuer_certificate(all.issuer));
        all.root_subject = subject_format(X509_get_subject_name(all.root));
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        for (size_t i = 0; i < PROFILES_MOST; i++) {
                for (size_t own = 0; own < 2; own++) {
                        wishes_clear(&all.asked[i][own].wishes);
                        buf_clear(&all.asked[i][own].csr);
                }
        }
        free(all.root_subject);
        X509_free(all.root);
        EVP_PKEY_free(all.p256);
        EVP_PKEY_free(all.p384);
        EVP_PKEY_free(all.p521);
        EVP_PKEY_free(all.rsa);
        local_issuer_close(all.issuer);
        return failed;
}
