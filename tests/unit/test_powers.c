#include "tests/unit/unit.h"

#include "iam/powers.h"

#define CA "arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/11111111-2222"
#define OTHER_CA "arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/99999999-2222"
#define FOREIGN_CA "arn:aws:acm-pca:eu-west-1:444455556666:certificate-authority/7"
#define TEMPLATE "arn:aws:acm-pca:::template/EndEntityCertificate/V1"
#define USER "arn:aws:iam::111122223333:user/p11cert/x"
#define ROLE "arn:aws:iam::111122223333:role/p11cert/x"

static const char *const cas[] = { CA };
static const char *const templates[] = { TEMPLATE };
static const struct iam_wish issuing = {
        .use = USE_ISSUE, .cas = cas, .ca_count = 1, .templates = templates, .template_count = 1
};

/* What the documents come to for an issuer; `boundary` may be NULL. */
static enum power_verdict
verdict_of(const struct iam_wish *wish, const char *principal, const char *document,
           const char *boundary)
{
        static const char *const other_cas[] = { OTHER_CA, CA, FOREIGN_CA };
        static const char *const other_templates[] = { "arn:aws:acm-pca:::template/Odd/V1" };
        struct power_others others = { other_cas, 3, other_templates, 1 };
        struct policy policy = { 0 };
        struct policy bound = { 0 };
        struct powers powers = { 0 };
        struct error err = { 0 };

        assert_done(policy_read(POLICY_OF_IDENTITY, "p", view_text(document), &policy, &err), err);
        if (boundary)
                assert_done(policy_read(POLICY_OF_IDENTITY, "b", view_text(boundary), &bound, &err),
                            err);
        assert_done(powers_of(wish, &others, &powers, &err), err);
        /* Nobody has answered yet. */
        assert_int_equal(powers_verdict(&powers), VERDICT_UNKNOWN);
        struct iam_policies policies = { .identity = &policy,
                                         .identity_count = 1,
                                         .boundary = boundary ? &bound : NULL };

        powers_evaluate(&powers, &policies, principal, wish);
        enum power_verdict verdict = powers_verdict(&powers);

        powers_clear(&powers);
        policy_clear(&policy);
        policy_clear(&bound);
        return verdict;
}

#define DOCUMENT(statements) "{\"Version\":\"2012-10-17\",\"Statement\":[" statements "]}"
#define ALLOW(action, resource) \
        "{\"Effect\":\"Allow\",\"Action\":\"" action "\",\"Resource\":\"" resource "\"}"
#define ISSUE(resource, template)                                                                \
        "{\"Effect\":\"Allow\",\"Action\":\"acm-pca:IssueCertificate\",\"Resource\":\"" resource \
        "\",\"Condition\":{\"ArnLike\":{\"acm-pca:TemplateArn\":\"" template "\"}}}"
#define FETCH ALLOW("acm-pca:GetCertificate", CA)

static void
the_policy_that_is_written_is_limited_for_every_use_of_a_ca(void **state)
{
        static const enum iam_use uses[] = { USE_ISSUE,      USE_FETCH,   USE_RENEW,
                                             USE_REVOKE,     USE_CA_SHOW, USE_AUDIT_REPORT,
                                             USE_PERMISSIONS };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(uses); i++) {
                struct iam_wish wish = issuing;
                CLEANUP(free_cleanup) char *json = NULL;
                struct error err = { 0 };

                wish.use = uses[i];
                assert_done(iam_write_policy(&wish, false, &json, &err), err);
                print_message("%s\n", iam_use_name(uses[i]));
                assert_int_equal(verdict_of(&wish, USER, json, NULL), VERDICT_LIMITED);
                assert_int_equal(verdict_of(&wish, ROLE, json, NULL), VERDICT_LIMITED);
        }
}

static void
what_is_more_than_issuing_is_found(void **state)
{
        static const char *const more[] = {
                ALLOW("*", "*"),
                ALLOW("acm-pca:*", "*"),
                ALLOW("acm-pca:Create*", "*"),
                ALLOW("acm-pca:DeleteCertificateAuthority", CA),
                ALLOW("acm-pca:RevokeCertificate", CA),
                ALLOW("acm-pca:IssueCertificate", CA),
                ISSUE(OTHER_CA, "arn:aws:acm-pca:::template/*"),
                ISSUE("arn:aws:acm-pca:*:*:certificate-authority/*",
                      "arn:aws:acm-pca:::template/EndEntityCertificate/V*"),
                ISSUE(FOREIGN_CA, "arn:aws:acm-pca:::template/EndEntity*"),
                ISSUE(CA, "arn:aws:acm-pca:::template/Sub*"),
                ISSUE(CA, "arn:aws:acm-pca:::template/Odd/V1"),
                ISSUE(CA, "arn:aws:acm-pca:::template/Blank*"),
                ALLOW("iam:*", "*"),
                ALLOW("iam:PassRole", "*"),
                ALLOW("sts:AssumeRole", "*"),
                "{\"Effect\":\"Allow\",\"NotAction\":\"s3:*\",\"Resource\":\"*\"}",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(more); i++) {
                CLEANUP(free_cleanup)
                char *document =
                        text_format(DOCUMENT("%s,%s,%s"), ISSUE(CA, TEMPLATE), FETCH, more[i]);

                if (verdict_of(&issuing, USER, document, NULL) != VERDICT_TOO_POWERFUL)
                        fail_msg("not found: %s", more[i]);
        }
}

static void
a_boundary_and_a_deny_take_back_what_a_policy_gives(void **state)
{
        static const char boundary[] = DOCUMENT(ISSUE(CA, TEMPLATE) "," FETCH);
        static const char denying[] =
                DOCUMENT(ALLOW("acm-pca:*", "*") ",{\"Effect\":\"Deny\",\"NotAction\":"
                                                 "\"acm-pca:GetCertificate\",\"Resource\":\"*\"}");

        (void)state;
        assert_int_equal(verdict_of(&issuing, USER, DOCUMENT(ALLOW("*", "*")), boundary),
                         VERDICT_LIMITED);
        assert_int_equal(verdict_of(&issuing, USER, denying, NULL), VERDICT_INSUFFICIENT);
}

static void
what_is_missing_is_insufficient_but_comforts_are_not_missed(void **state)
{
        (void)state;
        assert_int_equal(verdict_of(&issuing, USER, DOCUMENT(ISSUE(CA, TEMPLATE) "," FETCH), NULL),
                         VERDICT_LIMITED);
        assert_int_equal(verdict_of(&issuing, USER, DOCUMENT(FETCH), NULL), VERDICT_INSUFFICIENT);
        assert_int_equal(verdict_of(&issuing, USER, DOCUMENT(ISSUE(CA, TEMPLATE)), NULL),
                         VERDICT_INSUFFICIENT);
}

static void
what_cannot_be_known_is_unknown_unless_it_is_said(void **state)
{
        static const char from[] =
                DOCUMENT(FETCH ",{\"Effect\":\"Allow\",\"Action\":\"acm-pca:IssueCertificate\","
                               "\"Resource\":\"" CA "\",\"Condition\":{\"ArnEquals\":{\"acm-pca:"
                               "TemplateArn\":\"" TEMPLATE "\"},\"IpAddress\":{\"aws:SourceIp\":"
                               "\"10.0.0.0/8\"},\"Bool\":{\"aws:MultiFactorAuthPresent\":\"true\"}"
                               "}}");
        static const char *const sources[] = { "10.1.0.0/16" };
        struct iam_wish wish = issuing;

        (void)state;
        assert_int_equal(verdict_of(&issuing, USER, from, NULL), VERDICT_UNKNOWN);
        wish.sources = sources;
        wish.source_count = 1;
        wish.mfa = true;
        assert_int_equal(verdict_of(&wish, USER, from, NULL), VERDICT_LIMITED);
        /* A power on a condition that nobody knows might be there. */
        assert_int_equal(verdict_of(&issuing, USER,
                                    DOCUMENT(
                                            ISSUE(CA, TEMPLATE) "," FETCH
                                                                ",{\"Effect\":\"Allow\",\"Action\":"
                                                                "\"iam:*\",\"Resource\":\"*\","
                                                                "\"Condition\":{\"StringEquals\":{"
                                                                "\"aws:PrincipalTag/a\":\"b\"}"
                                                                "}}"),
                                    NULL),
                         VERDICT_UNKNOWN);
}

static void
a_wish_without_a_ca_is_refused(void **state)
{
        struct iam_wish wish = issuing;
        struct power_others none = { 0 };
        struct powers powers = { 0 };
        struct error err = { 0 };

        (void)state;
        wish.ca_count = 0;
        assert_refused(powers_of(&wish, &none, &powers, &err), err, ERROR_USAGE);
        assert_int_equal(powers.count, 0);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_policy_that_is_written_is_limited_for_every_use_of_a_ca),
                cmocka_unit_test(what_is_more_than_issuing_is_found),
                cmocka_unit_test(a_boundary_and_a_deny_take_back_what_a_policy_gives),
                cmocka_unit_test(what_is_missing_is_insufficient_but_comforts_are_not_missed),
                cmocka_unit_test(what_cannot_be_known_is_unknown_unless_it_is_said),
                cmocka_unit_test(a_wish_without_a_ca_is_refused),
        };

        return cmocka_run_group_tests_name("powers", tests, NULL, NULL);
}
