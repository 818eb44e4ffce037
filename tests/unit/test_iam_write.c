#include "tests/unit/unit.h"

#include "iam/evaluate.h"
#include "iam/write.h"

#define CA "arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/11111111-2222"
#define CA2 "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/33333333-4444"
#define CA_CN "arn:aws-cn:acm-pca:cn-north-1:111122223333:certificate-authority/5"
#define TEMPLATE "arn:aws:acm-pca:::template/"
#define EE TEMPLATE "EndEntityCertificate/V1"
#define SUBCA TEMPLATE "SubordinateCACertificate_PathLen0/V1"
#define USER "arn:aws:iam::111122223333:user/p11cert/issuer"
#define ANCHOR "arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/7777-8888"

static const char *const one_ca[] = { CA };
static const char *const one_template[] = { EE };
static const struct iam_wish issuing = { .use = USE_ISSUE,
                                         .cas = one_ca,
                                         .ca_count = 1,
                                         .templates = one_template,
                                         .template_count = 1 };

/* What a policy, as text, says to a request. */
static enum iam_decision
judge(enum policy_kind kind, const char *json, const char *who, const char *action,
      const char *resource, const struct iam_key *key)
{
        struct policy policy = { 0 };
        struct error err = { 0 };
        struct iam_request request = { .action = action,
                                       .resource = resource,
                                       .principal = who,
                                       .context = { .keys = key, .count = key ? 1 : 0 } };
        struct iam_policies policies = { 0 };
        struct iam_answer answer;

        assert_done(policy_read(kind, "written", view_text(json), &policy, &err), err);
        if (kind == POLICY_OF_TRUST) {
                policies.resource = &policy;
        } else {
                policies.identity = &policy;
                policies.identity_count = 1;
        }
        iam_evaluate(&policies, &request, &answer);
        policy_clear(&policy);
        return answer.decision;
}

static enum iam_decision
may(const char *json, const char *action, const char *resource, const char *template)
{
        const char *const values[] = { template };
        const struct iam_key key = { .name = "acm-pca:TemplateArn", .values = values, .count = 1 };

        return judge(POLICY_OF_IDENTITY, json, USER, action, resource, template ? &key : NULL);
}

/* -- the table ---------------------------------------------------------------------------- */

static void
the_table_of_actions_has_no_hole(void **state)
{
        const struct iam_grant *grant;
        bool used[IAM_USES] = { [USE_VERIFY] = true };

        (void)state;
        for (size_t i = 0; (grant = iam_grant_at(i)); i++) {
                const struct iam_grant *before = i ? iam_grant_at(i - 1) : NULL;

                assert_non_null(strchr(grant->action, ':'));
                assert_ptr_not_equal(iam_grant_of_action(grant->action), NULL);
                /* Rows of one statement agree on what the statement says once. */
                if (before && before->use == grant->use && strcmp(before->sid, grant->sid) == 0) {
                        assert_int_equal(before->resource, grant->resource);
                        assert_int_equal(before->bound, grant->bound);
                }
                if (before && before->use != grant->use)
                        assert_false(used[grant->use]);
                used[grant->use] = true;
        }
        for (size_t i = 0; i < IAM_USES; i++) {
                enum iam_use use;

                assert_true(used[i]);
                assert_true(iam_use_named(iam_use_name((enum iam_use)i), &use));
                assert_int_equal(use, i);
                assert_true(strlen(iam_use_summary((enum iam_use)i)) > 10);
        }
}

static void
only_issuing_is_bound_to_a_template_and_only_revoking_revokes(void **state)
{
        const struct iam_grant *grant;

        (void)state;
        for (size_t i = 0; (grant = iam_grant_at(i)); i++) {
                bool issues = strcmp(grant->action, "acm-pca:IssueCertificate") == 0;

                assert_int_equal(grant->bound == BOUND_BY_TEMPLATE, issues);
                if (issues)
                        assert_true(grant->use == USE_ISSUE || grant->use == USE_RENEW);
                if (strcmp(grant->action, "acm-pca:RevokeCertificate") == 0)
                        assert_int_equal(grant->use, USE_REVOKE);
        }
}

static void
verbs_lead_to_their_use(void **state)
{
        enum iam_use use;

        (void)state;
        assert_true(iam_use_of_verb("submit", &use));
        assert_int_equal(use, USE_ISSUE);
        assert_true(iam_use_of_verb("ca chain", &use));
        assert_int_equal(use, USE_CA_SHOW);
        assert_true(iam_use_of_verb("ca list", &use));
        assert_int_equal(use, USE_CA_LIST);
        assert_true(iam_use_of_verb("renew", &use));
        assert_int_equal(use, USE_RENEW);
        assert_false(iam_use_of_verb("verify", &use));
        assert_false(iam_use_of_verb("token list", &use));
}

/* -- policies ----------------------------------------------------------------------------- */

static void
the_policy_of_an_issuer_is_the_smallest_one(void **state)
{
        struct iam_wish wish = issuing;
        CLEANUP(free_cleanup) char *json = NULL;
        struct error err = { 0 };

        (void)state;
        wish.strict = true;
        assert_done(iam_write_policy(&wish, false, &json, &err), err);
        assert_string_equal(
                json, "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Issue\",\"Effect\":"
                      "\"Allow\",\"Action\":\"acm-pca:IssueCertificate\",\"Resource\":\"" CA
                      "\",\"Condition\":{\"ArnEquals\":{\"acm-pca:TemplateArn\":\"" EE
                      "\"}}},{\"Sid\":\"Fetch\",\"Effect\":\"Allow\",\"Action\":"
                      "\"acm-pca:GetCertificate\",\"Resource\":\"" CA "\"}]}");
        assert_int_equal(may(json, "acm-pca:IssueCertificate", CA, EE), IAM_ALLOWED);
        assert_int_equal(may(json, "acm-pca:IssueCertificate", CA, SUBCA), IAM_IMPLICIT_DENY);
        assert_int_equal(may(json, "acm-pca:IssueCertificate", CA2, EE), IAM_IMPLICIT_DENY);
        assert_int_equal(may(json, "acm-pca:IssueCertificate", CA, NULL), IAM_IMPLICIT_DENY);
        assert_int_equal(may(json, "acm-pca:GetCertificate", CA, NULL), IAM_ALLOWED);
        assert_int_equal(may(json, "acm-pca:DescribeCertificateAuthority", CA, NULL),
                         IAM_IMPLICIT_DENY);
        assert_int_equal(may(json, "acm-pca:RevokeCertificate", CA, NULL), IAM_IMPLICIT_DENY);
}

static void
comforts_are_included_unless_strict(void **state)
{
        CLEANUP(free_cleanup) char *json = NULL;
        struct error err = { 0 };

        (void)state;
        assert_done(iam_write_policy(&issuing, false, &json, &err), err);
        assert_int_equal(may(json, "acm-pca:DescribeCertificateAuthority", CA, NULL), IAM_ALLOWED);
        assert_int_equal(may(json, "acm-pca:GetCertificateAuthorityCertificate", CA, NULL),
                         IAM_ALLOWED);
        assert_int_equal(may(json, "acm-pca:ListCertificateAuthorities", "*", NULL),
                         IAM_IMPLICIT_DENY);
}

/*
 * Every row of the table is allowed by the policy of its use, and no other use's action is; with
 * its CA's context, since that is what ACM tells.
 */
static void
every_use_may_what_its_rows_say_and_nothing_else(void **state)
{
        static const char *const ca_value[] = { CA };
        static const struct iam_key in_acm = { .name = "acm:CertificateAuthority",
                                               .values = ca_value,
                                               .count = 1 };
        static const char *const template_value[] = { EE };
        static const struct iam_key in_pca = { .name = "acm-pca:TemplateArn",
                                               .values = template_value,
                                               .count = 1 };
        static const char *const resources[] = {
                [RESOURCE_ANY] = "*",
                [RESOURCE_CA] = CA,
                [RESOURCE_CERTIFICATE] = "arn:aws:acm:eu-central-1:111122223333:certificate/x",
                [RESOURCE_PRINCIPAL] = USER,
                [RESOURCE_USER] = USER,
                [RESOURCE_ROLE] = "arn:aws:iam::111122223333:role/p11cert/station",
                [RESOURCE_COMMON_ROLE] = "arn:aws:iam::111122223333:role/common",
                [RESOURCE_SECRET] =
                        "arn:aws:secretsmanager:eu-central-1:111122223333:secret:p11cert/x-AbCdEf",
        };
        const struct iam_grant *grant;

        (void)state;
        for (size_t use = 0; use < IAM_USES; use++) {
                struct iam_wish wish = issuing;
                CLEANUP(free_cleanup) char *json = NULL;
                struct error err = { 0 };

                wish.use = (enum iam_use)use;
                wish.role_name = "common";
                if (use == USE_VERIFY) {
                        assert_refused(iam_write_policy(&wish, false, &json, &err), err,
                                       ERROR_NOTHING);
                        continue;
                }
                assert_done(iam_write_policy(&wish, true, &json, &err), err);
                for (size_t i = 0; (grant = iam_grant_at(i)); i++) {
                        bool own = false;
                        const struct iam_grant *other;

                        for (size_t k = 0; (other = iam_grant_at(k)); k++)
                                own = own || (other->use == use &&
                                              strcmp(other->action, grant->action) == 0);
                        const struct iam_key *key =
                                grant->bound == BOUND_BY_TEMPLATE ? &in_pca : &in_acm;
                        enum iam_decision decision =
                                judge(POLICY_OF_IDENTITY, json, USER, grant->action,
                                      resources[grant->resource], key);

                        if ((decision == IAM_ALLOWED) != own)
                                fail_msg("%s: %s is %s", iam_use_name((enum iam_use)use),
                                         grant->action, iam_decision_name(decision));
                }
        }
}

static void
conditions_on_source_and_second_factor_are_in_every_statement(void **state)
{
        static const char *const sources[] = { "203.0.113.0/24", "2001:db8::/32" };
        struct iam_wish wish = issuing;
        CLEANUP(free_cleanup) char *json = NULL;
        struct error err = { 0 };
        size_t found = 0;

        (void)state;
        wish.sources = sources;
        wish.source_count = 2;
        wish.mfa = true;
        assert_done(iam_write_policy(&wish, false, &json, &err), err);
        for (const char *at = json; (at = strstr(at, "\"IpAddress\":{\"aws:SourceIp\":"
                                                     "[\"203.0.113.0/24\",\"2001:db8::/32\"]},"
                                                     "\"Bool\":{\"aws:MultiFactorAuthPresent\":"
                                                     "\"true\"}"));
             at++)
                found++;
        assert_int_equal(found, 2);
        assert_int_equal(may(json, "acm-pca:GetCertificate", CA, NULL), IAM_IMPLICIT_DENY);
}

static void
templates_are_of_the_partition_of_the_ca(void **state)
{
        static const char *const cas[] = { CA_CN };
        static const char *const names[] = { "EndEntityServerAuthCertificate/V1" };
        static const char *const two[] = { CA, CA_CN };
        struct iam_wish wish = issuing;
        CLEANUP(free_cleanup) char *json = NULL;
        CLEANUP(free_cleanup) char *none = NULL;
        struct error err = { 0 };

        (void)state;
        wish.cas = cas;
        wish.templates = names;
        assert_done(iam_write_policy(&wish, false, &json, &err), err);
        assert_non_null(strstr(json, "\"arn:aws-cn:acm-pca:::template/"
                                     "EndEntityServerAuthCertificate/V1\""));
        wish.templates = one_template;
        assert_refused(iam_write_policy(&wish, false, &none, &err), err, ERROR_USAGE);
        wish.cas = two;
        wish.ca_count = 2;
        assert_refused(iam_write_policy(&wish, false, &none, &err), err, ERROR_USAGE);
        assert_null(none);
}

static void
what_could_mean_more_than_it_says_is_refused(void **state)
{
        static const char *const wrong_cas[] = {
                "*",
                "arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/*",
                "arn:aws:acm-pca:*:111122223333:certificate-authority/1",
                "arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/${aws:username}",
                "arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/1\",\"x",
                "arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/",
                "arn:aws:acm-pca:eu-central-1:1:certificate-authority/1",
                "arn:aws:acm-pca::111122223333:certificate-authority/1",
                "arn:aws:s3:eu-central-1:111122223333:certificate-authority/1",
                "arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/1/certificate/2",
                "",
        };
        static const char *const wrong_templates[] = {
                "*",
                TEMPLATE "*",
                TEMPLATE "EndEntityCertificate/V?",
                "EndEntityCertificate",
                "EndEntityCertificate/V",
                "/V1",
                "a/V1/V2",
                CA,
                "",
                "arn:aws:acm-pca:eu-central-1::template/EndEntityCertificate/V1",
        };
        static const char *const wrong_sources[] = { "",       "203.0.113.0/33", "203.0.113/24",
                                                     "::/129", "0.0.0.0/0\"",    "here" };
        struct error err = { 0 };
        char *json = NULL;

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong_cas); i++) {
                struct iam_wish wish = issuing;

                wish.cas = &wrong_cas[i];
                assert_refused(iam_write_policy(&wish, false, &json, &err), err, ERROR_USAGE);
        }
        for (size_t i = 0; i < ARRAY_LENGTH(wrong_templates); i++) {
                struct iam_wish wish = issuing;

                wish.templates = &wrong_templates[i];
                assert_refused(iam_write_policy(&wish, false, &json, &err), err, ERROR_USAGE);
        }
        for (size_t i = 0; i < ARRAY_LENGTH(wrong_sources); i++) {
                struct iam_wish wish = issuing;

                wish.sources = &wrong_sources[i];
                wish.source_count = 1;
                assert_refused(iam_write_policy(&wish, false, &json, &err), err, ERROR_USAGE);
        }
        assert_null(json);
}

static void
what_is_missing_is_named(void **state)
{
        struct iam_wish wish = issuing;
        struct error err = { 0 };
        char *json = NULL;

        (void)state;
        wish.ca_count = 0;
        assert_refused(iam_write_policy(&wish, false, &json, &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.what, "the CA"));
        wish = issuing;
        wish.template_count = 0;
        assert_refused(iam_write_policy(&wish, false, &json, &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.what, "templates"));
        wish = (struct iam_wish){ .use = USE_IDENTITY };
        assert_refused(iam_write_policy(&wish, false, &json, &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.what, "account"));
        wish = (struct iam_wish){ .use = USE_CONNECTOR, .role_name = "a/*" };
        assert_refused(iam_write_policy(&wish, false, &json, &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.what, "common role"));
        wish = (struct iam_wish){ .use = USE_IDENTITY, .account = "12345678901x" };
        assert_refused(iam_write_policy(&wish, false, &json, &err), err, ERROR_USAGE);
}

static void
the_pretty_form_says_the_same_and_is_readable(void **state)
{
        struct iam_wish wish = { .use = USE_CA_LIST };
        CLEANUP(free_cleanup) char *json = NULL;
        struct error err = { 0 };

        (void)state;
        assert_done(iam_write_policy(&wish, true, &json, &err), err);
        assert_string_equal(json,
                            "{\n"
                            "    \"Version\": \"2012-10-17\",\n"
                            "    \"Statement\": [\n"
                            "        {\n"
                            "            \"Sid\": \"ListCAs\",\n"
                            "            \"Effect\": \"Allow\",\n"
                            "            \"Action\": \"acm-pca:ListCertificateAuthorities\",\n"
                            "            \"Resource\": \"*\"\n"
                            "        }\n"
                            "    ]\n"
                            "}");
}

/* -- sessions and lengths ----------------------------------------------------------------- */

static void
a_session_policy_is_short_and_cuts_a_role_to_the_wish(void **state)
{
        static const char everything[] = "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\","
                                         "\"Resource\":\"*\"}}";
        CLEANUP(free_cleanup) char *json = NULL;
        struct policy role = { 0 }, session = { 0 };
        struct error err = { 0 };
        struct iam_answer answer;
        struct iam_request request = {
                .action = "acm-pca:RevokeCertificate",
                .resource = CA,
                .principal = "arn:aws:sts::111122223333:assumed-role/station/host"
        };

        (void)state;
        assert_done(iam_write_session(&issuing, &json, &err), err);
        assert_null(strstr(json, "Sid"));
        assert_null(strchr(json, ' '));
        assert_done(policy_read(POLICY_OF_IDENTITY, "role", view_text(everything), &role, &err),
                    err);
        assert_done(policy_read(POLICY_OF_IDENTITY, "session", view_text(json), &session, &err),
                    err);
        struct iam_policies policies = {
                .identity = &role, .identity_count = 1, .session = &session, .session_count = 1
        };

        iam_evaluate(&policies, &request, &answer);
        assert_int_equal(answer.decision, IAM_IMPLICIT_DENY);
        assert_int_equal(answer.layer, IAM_LAYER_SESSION);
        request.action = "acm-pca:GetCertificate";
        iam_evaluate(&policies, &request, &answer);
        assert_int_equal(answer.decision, IAM_ALLOWED);
        policy_clear(&role);
        policy_clear(&session);
}

static void
a_session_policy_that_is_too_long_is_refused(void **state)
{
        char names[40][32];
        const char *templates[40];
        struct iam_wish wish = issuing;
        struct error err = { 0 };
        char *json = NULL;

        (void)state;
        for (size_t i = 0; i < 40; i++) {
                snprintf(names[i], sizeof(names[i]), "Template%zu/V1", i);
                templates[i] = names[i];
        }
        wish.templates = templates;
        wish.template_count = 40;
        assert_refused(iam_write_session(&wish, &json, &err), err, ERROR_INPUT);
        assert_null(json);
        assert_non_null(strstr(err.what, "2048"));
}

static void
lengths_are_counted_as_aws_counts_them(void **state)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_int_equal(iam_policy_length(PLACE_SESSION, "{ \"é\":\n1 }"), 10);
        assert_int_equal(iam_policy_length(PLACE_USER, "{ \"é\":\n1 }"), 7);
        for (size_t i = 0; i < 2048; i++)
                buf_add_byte(&text, 'x');
        assert_done(iam_policy_fits(PLACE_USER, buf_text(&text), &err), err);
        assert_done(iam_policy_fits(PLACE_SESSION, buf_text(&text), &err), err);
        buf_add_byte(&text, ' ');
        assert_done(iam_policy_fits(PLACE_USER, buf_text(&text), &err), err);
        assert_refused(iam_policy_fits(PLACE_SESSION, buf_text(&text), &err), err, ERROR_INPUT);
        buf_add_byte(&text, 'x');
        assert_refused(iam_policy_fits(PLACE_USER, buf_text(&text), &err), err, ERROR_INPUT);
        assert_done(iam_policy_fits(PLACE_ROLE, buf_text(&text), &err), err);
}

/* -- trust -------------------------------------------------------------------------------- */

static void
a_role_trusts_an_account_with_its_external_id(void **state)
{
        struct iam_trust trust = { .principal = "444455556666",
                                   .external_id = "batch-7",
                                   .mfa = true };
        CLEANUP(free_cleanup) char *json = NULL;
        struct error err = { 0 };

        (void)state;
        assert_done(iam_write_trust(&trust, false, &json, &err), err);
        assert_string_equal(
                json, "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Assume\",\"Effect\":"
                      "\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::444455556666:root\"},"
                      "\"Action\":\"sts:AssumeRole\",\"Condition\":{\"StringEquals\":{"
                      "\"sts:ExternalId\":\"batch-7\"},\"Bool\":{"
                      "\"aws:MultiFactorAuthPresent\":\"true\"}}}]}");
}

static void
nobody_is_trusted_by_a_wildcard_or_a_broken_id(void **state)
{
        static const char *const wrong[] = { "*",
                                             "",
                                             "1234",
                                             "arn:aws:iam::111122223333:user/*",
                                             "arn:aws:iam::111122223333:group/x",
                                             "arn:aws:sts::111122223333:assumed-role/a/b",
                                             "arn:aws:iam::*:root" };
        struct iam_trust trust = { .principal = USER, .external_id = "a\"b" };
        struct error err = { 0 };
        char *json = NULL;

        (void)state;
        assert_refused(iam_write_trust(&trust, false, &json, &err), err, ERROR_USAGE);
        trust.external_id = "x";
        assert_refused(iam_write_trust(&trust, false, &json, &err), err, ERROR_USAGE);
        trust.external_id = NULL;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                trust.principal = wrong[i];
                assert_refused(iam_write_trust(&trust, false, &json, &err), err, ERROR_USAGE);
        }
        assert_null(json);
}

static void
roles_anywhere_is_trusted_by_anchor_and_name_only(void **state)
{
        static const char *const names[] = { "station-7" };
        static const char *const anchor[] = { ANCHOR };
        static const struct iam_key source = { .name = "aws:SourceArn",
                                               .values = anchor,
                                               .count = 1 };
        CLEANUP(free_cleanup) char *json = NULL;
        char *none = NULL;
        struct error err = { 0 };

        (void)state;
        assert_done(iam_write_trust_anywhere(ANCHOR, names, 1, false, &json, &err), err);
        assert_non_null(strstr(json, "{\"ArnEquals\":{\"aws:SourceArn\":\"" ANCHOR
                                     "\"},\"StringEquals\":{\"aws:PrincipalTag/x509Subject/CN\":"
                                     "\"station-7\"}}"));
        /* The anchor alone is not enough. */
        assert_int_equal(judge(POLICY_OF_TRUST, json, "rolesanywhere.amazonaws.com",
                               "sts:AssumeRole", "arn:aws:iam::111122223333:role/p11cert/station",
                               &source),
                         IAM_IMPLICIT_DENY);
        assert_refused(iam_write_trust_anywhere(ANCHOR, names, 0, false, &none, &err), err,
                       ERROR_USAGE);
        assert_refused(iam_write_trust_anywhere(CA, names, 1, false, &none, &err), err,
                       ERROR_USAGE);
        assert_refused(iam_write_trust_anywhere(ANCHOR, (const char *const[]){ "a*" }, 1, false,
                                                &none, &err),
                       err, ERROR_USAGE);
        assert_null(none);
}

/* -- one statement ------------------------------------------------------------------------ */

static void
a_missing_statement_is_bound_as_the_table_says(void **state)
{
        CLEANUP(buf_cleanup) struct buf issue = { 0 };
        CLEANUP(buf_cleanup) struct buf get = { 0 };
        CLEANUP(buf_cleanup) struct buf list = { 0 };

        (void)state;
        assert_true(iam_write_statement("acm-pca:IssueCertificate", CA, EE, &issue));
        assert_string_equal(buf_text(&issue),
                            "{\"Effect\":\"Allow\",\"Action\":\"acm-pca:IssueCertificate\","
                            "\"Resource\":\"" CA "\",\"Condition\":{\"ArnEquals\":{"
                            "\"acm-pca:TemplateArn\":\"" EE "\"}}}");
        assert_true(iam_write_statement("acm-pca:GetCertificate", CA, EE, &get));
        assert_null(strstr(buf_text(&get), "Condition"));
        assert_true(iam_write_statement("acm-pca:ListCertificateAuthorities",
                                        "arn:aws:acm-pca:eu-central-1:111122223333:*", NULL,
                                        &list));
        assert_non_null(strstr(buf_text(&list), "\"Resource\":\"*\""));
}

static void
a_statement_is_not_made_from_what_cannot_stand_in_one(void **state)
{
        CLEANUP(buf_cleanup) struct buf out = { 0 };

        (void)state;
        assert_false(iam_write_statement("acm-pca:*", CA, NULL, &out));
        assert_false(iam_write_statement("GetCertificate", CA, NULL, &out));
        assert_false(iam_write_statement("acm-pca:GetCertificate", "r", NULL, &out));
        assert_false(iam_write_statement("acm-pca:GetCertificate", CA "\"}", NULL, &out));
        assert_false(iam_write_statement("acm-pca:IssueCertificate", CA, "x\"y", &out));
        assert_int_equal(out.len, 0);
}

/* -- limits ------------------------------------------------------------------------------- */

static void
the_limits_say_that_names_are_free_and_what_templates_give_away(void **state)
{
        static const char *const templates[] = { "BlankEndEntityCertificate_CSRPassthrough/V1",
                                                 SUBCA, EE };
        static const char *const sources[] = { "203.0.113.0/24" };
        struct iam_wish wish = issuing;
        CLEANUP(buf_cleanup) struct buf plain = { 0 };
        CLEANUP(buf_cleanup) struct buf more = { 0 };

        (void)state;
        iam_limits(&wish, &plain);
        assert_non_null(strstr(buf_text(&plain), "IAM cannot restrict names"));
        assert_null(strstr(buf_text(&plain), "With template"));
        wish.templates = templates;
        wish.template_count = 3;
        wish.sources = sources;
        wish.source_count = 1;
        wish.mfa = true;
        iam_limits(&wish, &more);
        assert_non_null(strstr(buf_text(&more), "With template BlankEndEntityCertificate_"
                                                "CSRPassthrough/V1 it may choose the extensions"));
        assert_non_null(strstr(buf_text(&more), "it may make certificate authorities"));
        assert_null(strstr(buf_text(&more), "With template EndEntityCertificate/V1"));
        assert_non_null(strstr(buf_text(&more), "VPC endpoint"));
        assert_non_null(strstr(buf_text(&more), "second factor"));
}

/* -- AWS's own policy --------------------------------------------------------------------- */

/*
 * The content of the managed policy AWSPrivateCAUser: with --root and a configured signing
 * algorithm p11cert needs no more than it gives.
 */
static void
issue_works_with_the_managed_policy_as_it_stands(void **state)
{
        static const char any_ca[] = "arn:aws:acm-pca:*:*:certificate-authority/*";
        CLEANUP(free_cleanup)
        char *managed = text_format(
                "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":"
                "[\"acm-pca:IssueCertificate\"],\"Resource\":\"%s\",\"Condition\":{\"StringLike\":"
                "{\"acm-pca:TemplateArn\":[\"" TEMPLATE "EndEntityCertificate/V*\"]}}},"
                "{\"Effect\":\"Deny\",\"Action\":[\"acm-pca:IssueCertificate\"],\"Resource\":"
                "\"%s\",\"Condition\":{\"StringNotLike\":{\"acm-pca:TemplateArn\":[\"" TEMPLATE
                "EndEntityCertificate/V*\"]}}},{\"Effect\":\"Allow\",\"Action\":"
                "[\"acm-pca:RevokeCertificate\",\"acm-pca:GetCertificate\","
                "\"acm-pca:ListPermissions\"],\"Resource\":\"%s\"},{\"Effect\":\"Allow\","
                "\"Action\":[\"acm-pca:ListCertificateAuthorities\"],\"Resource\":\"*\"}]}",
                any_ca, any_ca, any_ca);
        const struct iam_grant *grant;
        size_t needed = 0;

        (void)state;
        for (size_t i = 0; (grant = iam_grant_at(i)); i++) {
                if (grant->use != USE_ISSUE)
                        continue;
                enum iam_decision decision = may(managed, grant->action, CA,
                                                 grant->bound == BOUND_BY_TEMPLATE ? EE : NULL);

                assert_int_equal(decision, grant->needed ? IAM_ALLOWED : IAM_IMPLICIT_DENY);
                needed += grant->needed;
        }
        assert_int_equal(needed, 2);
        assert_int_equal(may(managed, "acm-pca:IssueCertificate", CA, SUBCA), IAM_EXPLICIT_DENY);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_table_of_actions_has_no_hole),
                cmocka_unit_test(only_issuing_is_bound_to_a_template_and_only_revoking_revokes),
                cmocka_unit_test(verbs_lead_to_their_use),
                cmocka_unit_test(the_policy_of_an_issuer_is_the_smallest_one),
                cmocka_unit_test(comforts_are_included_unless_strict),
                cmocka_unit_test(every_use_may_what_its_rows_say_and_nothing_else),
                cmocka_unit_test(conditions_on_source_and_second_factor_are_in_every_statement),
                cmocka_unit_test(templates_are_of_the_partition_of_the_ca),
                cmocka_unit_test(what_could_mean_more_than_it_says_is_refused),
                cmocka_unit_test(what_is_missing_is_named),
                cmocka_unit_test(the_pretty_form_says_the_same_and_is_readable),
                cmocka_unit_test(a_session_policy_is_short_and_cuts_a_role_to_the_wish),
                cmocka_unit_test(a_session_policy_that_is_too_long_is_refused),
                cmocka_unit_test(lengths_are_counted_as_aws_counts_them),
                cmocka_unit_test(a_role_trusts_an_account_with_its_external_id),
                cmocka_unit_test(nobody_is_trusted_by_a_wildcard_or_a_broken_id),
                cmocka_unit_test(roles_anywhere_is_trusted_by_anchor_and_name_only),
                cmocka_unit_test(a_missing_statement_is_bound_as_the_table_says),
                cmocka_unit_test(a_statement_is_not_made_from_what_cannot_stand_in_one),
                cmocka_unit_test(the_limits_say_that_names_are_free_and_what_templates_give_away),
                cmocka_unit_test(issue_works_with_the_managed_policy_as_it_stands),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
