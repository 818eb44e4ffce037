#include "tests/unit/unit.h"

#include "localpca/policy.h"

#define CA "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/a"
#define TEMPLATE "arn:aws:acm-pca:::template/EndEntityCertificate/V1"

/* A statement, a question, and the answer. */
static const struct {
        const char *name, *statement, *action, *resource, *template_arn;
        enum policy_answer answer;
} rows[] = {
        { "the action and the resource",
          "{'Effect':'Allow','Action':'acm-pca:GetCertificate',"
          "'Resource':'" CA "'}",
          "acm-pca:GetCertificate", CA, NULL, POLICY_ALLOWS },
        { "actions fold case",
          "{'Effect':'Allow','Action':'ACM-PCA:getcertificate',"
          "'Resource':'*'}",
          "acm-pca:GetCertificate", CA, NULL, POLICY_ALLOWS },
        { "resources do not", "{'Effect':'Allow','Action':'*','Resource':'ARN:*'}",
          "acm-pca:GetCertificate", CA, NULL, POLICY_SILENT },
        { "another resource", "{'Effect':'Allow','Action':'*','Resource':'" CA "b'}",
          "acm-pca:GetCertificate", CA, NULL, POLICY_SILENT },
        { "lists and wildcards",
          "{'Effect':'Allow','Action':['x:y','acm-pca:Get*'],"
          "'Resource':['arn:*:certificate-authority/?']}",
          "acm-pca:GetCertificate", CA, NULL, POLICY_ALLOWS },
        { "NotAction", "{'Effect':'Allow','NotAction':'acm-pca:Delete*','Resource':'*'}",
          "acm-pca:DeletePolicy", CA, NULL, POLICY_SILENT },
        { "NotResource", "{'Effect':'Allow','Action':'*','NotResource':'" CA "'}",
          "acm-pca:GetCertificate", CA, NULL, POLICY_SILENT },
        { "a deny", "{'Effect':'Deny','Action':'acm-pca:*','Resource':'*'}",
          "acm-pca:GetCertificate", CA, NULL, POLICY_DENIES },
        { "the template named",
          "{'Effect':'Allow','Action':'*','Resource':'*','Condition':"
          "{'ArnEquals':{'acm-pca:TemplateArn':'" TEMPLATE "'}}}",
          "acm-pca:IssueCertificate", CA, TEMPLATE, POLICY_ALLOWS },
        { "another template",
          "{'Effect':'Allow','Action':'*','Resource':'*','Condition':"
          "{'StringEquals':{'acm-pca:TemplateArn':'" TEMPLATE "'}}}",
          "acm-pca:IssueCertificate", CA, TEMPLATE "x", POLICY_SILENT },
        { "no template in the request",
          "{'Effect':'Allow','Action':'*','Resource':'*','Condition':"
          "{'StringLike':{'acm-pca:TemplateArn':'*'}}}",
          "acm-pca:IssueCertificate", CA, NULL, POLICY_SILENT },
        { "… denied by a negated one",
          "{'Effect':'Deny','Action':'*','Resource':'*','Condition':"
          "{'StringNotEquals':{'acm-pca:TemplateArn':'x'}}}",
          "acm-pca:IssueCertificate", CA, NULL, POLICY_DENIES },
        { "… allowed by IfExists",
          "{'Effect':'Allow','Action':'*','Resource':'*','Condition':"
          "{'StringEqualsIfExists':{'acm-pca:TemplateArn':'x'}}}",
          "acm-pca:IssueCertificate", CA, NULL, POLICY_ALLOWS },
        { "Null",
          "{'Effect':'Deny','Action':'*','Resource':'*','Condition':"
          "{'Null':{'acm-pca:TemplateArn':'true'}}}",
          "acm-pca:IssueCertificate", CA, NULL, POLICY_DENIES },
        { "an unknown operator does not allow",
          "{'Effect':'Allow','Action':'*','Resource':'*','Condition':"
          "{'StringResembles':{'aws:CurrentTime':'2030-01-01'}}}",
          "acm-pca:IssueCertificate", CA, NULL, POLICY_SILENT },
        { "… but denies",
          "{'Effect':'Deny','Action':'*','Resource':'*','Condition':"
          "{'StringResembles':{'aws:CurrentTime':'2030-01-01'}}}",
          "acm-pca:IssueCertificate", CA, NULL, POLICY_DENIES },
        { "a principal by account",
          "{'Effect':'Allow','Principal':{'AWS':'444455556666'},"
          "'Action':'*','Resource':'*'}",
          "acm-pca:GetCertificate", CA, NULL, POLICY_ALLOWS },
        { "a principal by root",
          "{'Effect':'Allow','Principal':{'AWS':['arn:aws:iam::444455556666:root']},"
          "'Action':'*','Resource':'*'}",
          "acm-pca:GetCertificate", CA, NULL, POLICY_ALLOWS },
        { "another principal",
          "{'Effect':'Allow','Principal':{'AWS':'999955556666'},"
          "'Action':'*','Resource':'*'}",
          "acm-pca:GetCertificate", CA, NULL, POLICY_SILENT },
        { "the organization",
          "{'Effect':'Allow','Principal':'*','Action':'*','Resource':'*',"
          "'Condition':{'StringEquals':{'aws:PrincipalOrgID':'o-1'}}}",
          "acm-pca:GetCertificate", CA, NULL, POLICY_ALLOWS },
};

static cJSON *
document_of(const char *statements)
{
        char *text = text_format("{\"Version\":\"2012-10-17\",\"Statement\":[%s]}", statements);

        for (char *at = text; *at; at++)
                if (*at == '\'')
                        *at = '"';
        cJSON *document = cJSON_Parse(text);
        free(text);
        assert_non_null(document);
        return document;
}

static enum policy_answer
ask(const char *statements, const char *action, const char *resource, const char *template_arn)
{
        struct principal principal;
        struct context context = { 0 };
        struct policy_question question = {
                .action = action, .resource = resource, .principal = &principal, .context = &context
        };
        cJSON *document = document_of(statements);

        principal_read(&principal, "arn:aws:iam::444455556666:user/u", NULL);
        context_add(&context, "acm-pca:TemplateArn", template_arn);
        context_add(&context, "aws:PrincipalOrgID", "o-1");
        enum policy_answer answer = policy_ask(document, &question, NULL);

        context_clear(&context);
        principal_clear(&principal);
        cJSON_Delete(document);
        return answer;
}

static void
a_statement_answers_as_iam_would(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
                if (ask(rows[i].statement, rows[i].action, rows[i].resource,
                        rows[i].template_arn) != rows[i].answer)
                        fail_msg("%s", rows[i].name);
}

static void
a_deny_beats_every_allow(void **state)
{
        (void)state;
        assert_int_equal(ask("{'Effect':'Deny','Action':'*','Resource':'*'},"
                             "{'Effect':'Allow','Action':'*','Resource':'*'}",
                             "acm-pca:GetCertificate", CA, NULL),
                         POLICY_DENIES);
}

static void
wildcards_match_runs_and_single_characters(void **state)
{
        static const struct {
                const char *pattern, *resource;
                bool matches;
        } patterns[] = {
                { "a*c?e", "abbbcde", true }, { "*", "a", true },       { "a**b", "ab", true },
                { "a*c", "abcd", false },     { "?", "ab", false },     { "a?", "a", false },
                { "*b*b", "abb", true },      { "*bc", "abcbc", true },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(patterns); i++) {
                char *statement =
                        text_format("{'Effect':'Allow','Action':'acm-pca:*','Resource':'%s'}",
                                    patterns[i].pattern);
                bool allowed = ask(statement, "acm-pca:GetCertificate", patterns[i].resource,
                                   NULL) == POLICY_ALLOWS;
                if (allowed != patterns[i].matches)
                        fail_msg("%s against %s", patterns[i].pattern, patterns[i].resource);
                free(statement);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_statement_answers_as_iam_would),
                cmocka_unit_test(a_deny_beats_every_allow),
                cmocka_unit_test(wildcards_match_runs_and_single_characters),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
