#include "tests/unit/unit.h"

#include "aws/fault.h"
#include "base/clock.h"

static const struct fault_call issue = {
        .service = "acm-pca",
        .operation = "IssueCertificate",
        .region = "us-east-1",
        .host = "acm-pca.us-east-1.amazonaws.com",
        .access_key_id = "AKIDTEST",
};

/* An answer with this JSON (status 400). */
static struct fault_answer
answer_of(const char *body)
{
        return (struct fault_answer){ .status = 400, .body = view_text(body) };
}

static struct error
explained(const struct fault_call *call, const struct fault_answer *answer)
{
        struct fault fault;
        struct error err = { 0 };

        fault_read(call, answer, &fault);
        assert_false(fault_explain(call, answer, &fault, &err));
        assert_true(*err.what && *err.about && *err.next);
        return err;
}

static void
a_code_is_reduced_from_every_spelling(void **state)
{
        static const struct {
                const char *header;
                const char *body;
                const char *code;
        } rows[] = {
                { NULL, "{\"__type\":\"AccessDeniedException\"}", "AccessDeniedException" },
                { NULL, "{\"__type\":\"com.amazon.coral.service#AccessDeniedException\"}",
                  "AccessDeniedException" },
                { NULL, "{\"__type\":\"com.amazonaws.acmpca#InvalidArgsException\"}",
                  "InvalidArgsException" },
                { NULL, "{\"__type\":\"AccessDeniedException:http://internal.amazon.com/x#y\"}",
                  "AccessDeniedException" },
                { NULL, "{\"code\":\"ThrottlingException\"}", "ThrottlingException" },
                { "InvalidStateException:http://x", "{\"__type\":\"Other\"}",
                  "InvalidStateException" },
                { "", "{\"__type\":\"Other\"}", "Other" },
                { NULL, "{\"__type\":\"a#\"}", "" },
                { NULL, "{\"__type\":7}", "" },
                { NULL, "{\"__type\":\"Bad\\u0007 <b>\"}", "Badb" },
                { NULL, "[]", "" },
                { NULL, "", "" },
                { NULL, "{\"__type\":", "" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct fault_answer answer = answer_of(rows[i].body);
                struct fault fault;

                answer.error_type = rows[i].header;
                fault_read(&issue, &answer, &fault);
                assert_string_equal(fault.code, rows[i].code);
        }
}

static void
every_code_has_its_kind_with_and_without_the_ending(void **state)
{
        static const struct {
                const char *code;
                enum error_kind kind;
                enum retry_class retry;
        } rows[] = {
                { "AccessDenied", ERROR_DENIED, RETRY_NEVER },
                { "ExpiredToken", ERROR_CREDENTIALS_EXPIRED, RETRY_CREDENTIALS },
                { "UnrecognizedClient", ERROR_CREDENTIALS_REFUSED, RETRY_CREDENTIALS },
                { "InvalidSignature", ERROR_CREDENTIALS_REFUSED, RETRY_CLOCK },
                { "RequestExpired", ERROR_CLOCK, RETRY_CLOCK },
                { "MissingAuthenticationToken", ERROR_CREDENTIALS_REFUSED, RETRY_NEVER },
                { "Throttling", ERROR_THROTTLED, RETRY_THROTTLED },
                { "TooManyRequests", ERROR_THROTTLED, RETRY_THROTTLED },
                { "LimitExceeded", ERROR_CA_QUOTA, RETRY_NEVER },
                { "ResourceNotFound", ERROR_CA_UNKNOWN, RETRY_NEVER },
                { "InvalidState", ERROR_CA_STATE, RETRY_NEVER },
                { "MalformedCSR", ERROR_REQUEST_REFUSED, RETRY_NEVER },
                { "InvalidArgs", ERROR_REQUEST_REFUSED, RETRY_NEVER },
                { "InvalidArn", ERROR_REQUEST_REFUSED, RETRY_NEVER },
                { "Validation", ERROR_REQUEST_REFUSED, RETRY_NEVER },
                { "RequestInProgress", ERROR_PENDING, RETRY_NEVER },
                { "InternalFailure", ERROR_AWS_UNAVAILABLE, RETRY_TRANSIENT },
                { "InternalServer", ERROR_AWS_UNAVAILABLE, RETRY_TRANSIENT },
                { "ServiceUnavailable", ERROR_AWS_UNAVAILABLE, RETRY_TRANSIENT },
                { "RequestTimeout", ERROR_AWS_UNAVAILABLE, RETRY_TIMEOUT },
                { "SomethingNew", ERROR_AWS, RETRY_NEVER },
        };
        static const char *const endings[] = { "", "Exception" };

        (void)state;
        for (size_t i = 0; i < 2 * ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup)
                char *body = text_format("{\"__type\":\"%s%s\",\"message\":\"why\"}",
                                         rows[i / 2].code, endings[i % 2]);
                struct fault_answer answer = answer_of(body);
                struct fault fault;

                print_message("  %s\n", body);
                fault_read(&issue, &answer, &fault);
                assert_string_equal(error_kind_name(fault.kind), error_kind_name(rows[i / 2].kind));
                assert_int_equal(fault.retry, rows[i / 2].retry);
                explained(&issue, &answer);
        }
}

static void
a_failed_request_is_final_for_a_certificate_and_trouble_elsewhere(void **state)
{
        struct fault_answer answer = answer_of("{\"__type\":\"RequestFailedException\"}");
        struct fault_call get = issue;
        struct fault fault;

        (void)state;
        get.operation = "GetCertificate";
        fault_read(&get, &answer, &fault);
        assert_int_equal(fault.kind, ERROR_ISSUE_FAILED);
        assert_int_equal(fault.retry, RETRY_NEVER);
        fault_read(&issue, &answer, &fault);
        assert_int_equal(fault.kind, ERROR_AWS_UNAVAILABLE);
        assert_int_equal(fault.retry, RETRY_TRANSIENT);
        assert_false(fault.refusal);
}

#define CA_ARN "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/x"

static void
a_denial_names_the_statement_that_is_missing(void **state)
{
        struct fault_answer answer = answer_of(
                "{\"__type\":\"AccessDeniedException\",\"Message\":\"User: "
                "arn:aws:iam::111122223333:user/issuer is not authorized to perform: "
                "acm-pca:IssueCertificate on resource: arn:aws:acm-pca:us-east-1:111122223333:"
                "certificate-authority/x because no identity-based policy allows the "
                "acm-pca:IssueCertificate action\"}");
        struct fault_call call = issue;

        (void)state;
        call.request = view_text("{\"TemplateArn\":\"arn:aws:acm-pca:::template/"
                                 "EndEntityCertificate/V1\"}");
        struct error err = explained(&call, &answer);

        assert_int_equal(err.kind, ERROR_DENIED);
        assert_non_null(strstr(err.what, "arn:aws:iam::111122223333:user/issuer"));
        assert_non_null(strstr(err.what, "no identity-based policy"));
        assert_non_null(
                strstr(err.next,
                       "{\"Effect\":\"Allow\",\"Action\":\"acm-pca:IssueCertificate\",\"Resource\":"
                       "\"arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/x\","
                       "\"Condition\":{\"ArnEquals\":{\"acm-pca:TemplateArn\":"
                       "\"arn:aws:acm-pca:::template/EndEntityCertificate/V1\"}}}"));
        assert_string_equal(err.aws.code, "AccessDeniedException");
        assert_non_null(strstr(err.aws.message, "is not authorized"));
}

static void
an_explicit_deny_is_told_from_a_missing_permission(void **state)
{
        struct fault_answer answer = answer_of(
                "{\"__type\":\"AccessDeniedException\",\"Message\":\"User: u is not authorized to "
                "perform: acm-pca:GetCertificate on resource: r with an explicit deny in a "
                "service control policy\"}");
        struct fault_answer because = answer_of(
                "{\"__type\":\"AccessDeniedException\",\"Message\":\"User: u is not authorized to "
                "perform: acm-pca:GetCertificate on resource: " CA_ARN " because no resource-based "
                "policy allows the acm-pca:GetCertificate action\"}");

        (void)state;
        struct error err = explained(&issue, &answer);

        assert_non_null(strstr(err.next, "Deny"));
        assert_null(strstr(err.next, "\"Effect\""));
        err = explained(&issue, &because);
        assert_non_null(strstr(err.next, "resource policy or share"));
}

static void
a_deny_is_looked_for_in_the_policy_that_says_it(void **state)
{
        static const struct {
                const char *deny;
                const char *where;
        } rows[] = {
                { "an identity-based policy", "that Deny in the identity's policy changed" },
                { "a permissions boundary", "in the identity's permissions boundary changed" },
                { "a session policy", "--no-narrow leaves its policy out" },
                { "a service control policy", "in the organization's service control policy" },
                { "a resource control policy", "in the organization's resource control policy" },
                { "a resource-based policy", "in the CA's resource policy or share changed" },
                { "a VPC endpoint policy", "in the VPC endpoint's policy changed" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup)
                char *body = text_format("{\"__type\":\"AccessDeniedException\",\"Message\":"
                                         "\"User: u is not authorized to perform: "
                                         "acm-pca:GetCertificate on resource: " CA_ARN
                                         " with an explicit deny in %s\"}",
                                         rows[i].deny);
                struct fault_answer answer = answer_of(body);
                struct error err = explained(&issue, &answer);

                assert_null(strstr(err.next, "\"Effect\""));
                if (!strstr(err.next, rows[i].where))
                        fail_msg("'%s' is not in: %s", rows[i].where, err.next);
        }
}

static void
what_was_signed_is_kept_out_of_the_sentence_about_a_refused_signature(void **state)
{
        struct fault_answer answer = answer_of("{\"__type\":\"InvalidSignatureException\","
                                               "\"message\":\"The Canonical String …\"}");

        (void)state;
        struct error err = explained(&issue, &answer);

        assert_null(strstr(err.what, "Canonical"));
        assert_non_null(strstr(err.aws.message, "Canonical"));
        assert_non_null(strstr(err.next, "secret access key"));
}

static void
the_statement_goes_to_the_policy_that_was_silent(void **state)
{
        static const struct {
                const char *because;
                const char *where;
        } rows[] = {
                { "because no identity-based policy allows the acm-pca:GetCertificate action",
                  "added to the identity's policy: {" },
                { "because no permissions boundary allows the acm-pca:GetCertificate action",
                  "added to the identity's permissions boundary: {" },
                { "because no session policy allows the acm-pca:GetCertificate action",
                  "added to the session policy that this session was made with: {" },
                { "because no service control policy allows the acm-pca:GetCertificate action",
                  "added to the organization's service control policy: {" },
                { "because no VPC endpoint policy allows the acm-pca:GetCertificate action",
                  "added to the VPC endpoint's policy: {" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup)
                char *body = text_format("{\"__type\":\"AccessDeniedException\",\"Message\":"
                                         "\"User: u is not authorized to perform: "
                                         "acm-pca:GetCertificate on resource: " CA_ARN " %s\"}",
                                         rows[i].because);
                struct fault_answer answer = answer_of(body);
                struct error err = explained(&issue, &answer);

                assert_non_null(strstr(err.next, rows[i].where));
        }
}

static void
a_statement_is_not_made_of_what_could_break_a_policy(void **state)
{
        struct fault_answer answer = answer_of(
                "{\"__type\":\"AccessDeniedException\",\"Message\":\"User: u is not authorized to "
                "perform: acm-pca:GetCertificate on resource: " CA_ARN
                "\\\"},{\\\"Effect\\\" because no identity-based policy allows it\"}");

        (void)state;
        struct error err = explained(&issue, &answer);

        assert_int_equal(err.kind, ERROR_DENIED);
        assert_null(strstr(err.next, "Effect"));
}

static void
an_unknown_ca_hints_at_the_region(void **state)
{
        struct fault_answer answer = answer_of("{\"__type\":\"ResourceNotFoundException\"}");

        (void)state;
        struct error err = explained(&issue, &answer);

        assert_int_equal(err.kind, ERROR_CA_UNKNOWN);
        assert_non_null(strstr(err.next, "us-east-1"));
        assert_non_null(strstr(err.about, "IssueCertificate in us-east-1"));
}

static void
an_answer_of_something_else_is_readable(void **state)
{
        static const struct {
                int status;
                const char *body;
                enum error_kind kind;
                const char *word;
        } rows[] = {
                { 502, "\r\n<html>\x01<title>Bad Gateway</title>", ERROR_AWS_UNAVAILABLE,
                  "status 502 and without an error code: <html> <title>Bad Gateway" },
                { 503, "", ERROR_AWS_UNAVAILABLE, "nothing else" },
                { 407, "no", ERROR_AWS_ANSWER, "status 407" },
                { 302, "", ERROR_AWS_ANSWER, "status 302" },
                { 429, "", ERROR_THROTTLED, "status 429" },
                { 200, "x", ERROR_AWS_ANSWER, "status 200" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct fault_answer answer = answer_of(rows[i].body);

                answer.status = rows[i].status;
                struct error err = explained(&issue, &answer);

                assert_string_equal(error_kind_name(err.kind), error_kind_name(rows[i].kind));
                if (!strstr(err.what, rows[i].word))
                        fail_msg("'%s' is not in: %s", rows[i].word, err.what);
        }
}

static void
a_long_message_is_cut_between_characters(void **state)
{
        CLEANUP(buf_cleanup) struct buf body = { 0 };
        struct fault fault;

        (void)state;
        buf_add_text(&body, "{\"__type\":\"ValidationException\",\"message\":\"x");
        for (int i = 0; i < 2000; i++)
                buf_add_text(&body, "\xC3\xA4");
        buf_add_text(&body, "\"}");
        struct fault_answer answer = answer_of(buf_text(&body));

        fault_read(&issue, &answer, &fault);
        size_t length = strlen(fault.message);

        assert_in_range(length, 1000, sizeof(fault.message) - 1);
        assert_int_equal(length % 2, 1);
        explained(&issue, &answer);
}

static void
the_servers_time_is_read_from_its_message(void **state)
{
        static const char *const bad[] = { "",
                                           "Rate exceeded",
                                           "(x)",
                                           "(20230822T194757 - 15 min.)",
                                           "(20231322T194757Z - 15 min.)",
                                           "(2023 822T194757Z - 15 min.)",
                                           "(20230822T254757Z - 15 min.)" };
        int64_t when = 7;

        (void)state;
        assert_true(fault_server_time("Signature expired: 20230822T072529Z is now earlier than "
                                      "20230822T193257Z (20230822T194757Z - 15 min.)",
                                      &when));
        assert_int_equal(when, clock_civil(2023, 8, 22, 19, 47, 57));
        assert_true(fault_server_time("Signature not yet current: 20230822T202529Z is still later "
                                      "than 20230822T200757Z (20230822T195257Z + 15 min.)",
                                      &when));
        assert_int_equal(when, clock_civil(2023, 8, 22, 19, 52, 57));
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
                when = 7;
                assert_false(fault_server_time(bad[i], &when));
                assert_int_equal(when, 7);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_code_is_reduced_from_every_spelling),
                cmocka_unit_test(every_code_has_its_kind_with_and_without_the_ending),
                cmocka_unit_test(a_failed_request_is_final_for_a_certificate_and_trouble_elsewhere),
                cmocka_unit_test(a_denial_names_the_statement_that_is_missing),
                cmocka_unit_test(an_explicit_deny_is_told_from_a_missing_permission),
                cmocka_unit_test(a_deny_is_looked_for_in_the_policy_that_says_it),
                cmocka_unit_test(
                        what_was_signed_is_kept_out_of_the_sentence_about_a_refused_signature),
                cmocka_unit_test(the_statement_goes_to_the_policy_that_was_silent),
                cmocka_unit_test(a_statement_is_not_made_of_what_could_break_a_policy),
                cmocka_unit_test(an_unknown_ca_hints_at_the_region),
                cmocka_unit_test(an_answer_of_something_else_is_readable),
                cmocka_unit_test(a_long_message_is_cut_between_characters),
                cmocka_unit_test(the_servers_time_is_read_from_its_message),
        };

        return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
