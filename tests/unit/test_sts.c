/* Before the bench, whose names its functions use, too. */
#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

#include "tests/unit/bench.h"

#include "aws/sts.h"
#include "base/clock.h"

#define SESSION(operation, more)                                                              \
        "<" operation "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"       \
        "  <" operation "Result>\n" more "    <Credentials><AccessKeyId>ASIAX</AccessKeyId>"  \
        "<SecretAccessKey>a/b+c&amp;d</SecretAccessKey><SessionToken>to/ken==</SessionToken>" \
        "<Expiration>2222-01-01T00:00:00.123Z</Expiration></Credentials>\n"                   \
        "  </" operation "Result>\n"                                                          \
        "  <ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>\n"                 \
        "</" operation "Response>\n"
#define ROLE_USER                                                                    \
        "<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/x/y</Arn><AssumedRoleId>" \
        "AROA:y</AssumedRoleId></AssumedRoleUser>"
#define ROLE "arn:aws:iam::111122223333:role/issuer"

/* -- writing ------------------------------------------------------------------------------ */

/* Where the recorded requests are; asked for before the bench clears the environment. */
static char *wire;

/* The body of a recorded request of the aws CLI without its Action and Version; the caller frees.
 */
static char *
recorded_parameters(const char *name)
{
        CLEANUP(free_cleanup) char *text = read_text(wire, name);

        assert_non_null(text);
        const char *version = strstr(text, "&Version=");

        assert_non_null(version);
        return text_copy(version + strlen("&Version=2011-06-15&"));
}

/* Is every parameter of one form in the other, and none more?  Their order is free. */
static void
assert_same_parameters(const char *form, const char *expected)
{
        assert_int_equal(strlen(form), strlen(expected));
        while (*expected) {
                size_t length = strcspn(expected, "&");
                CLEANUP(free_cleanup) char *parameter = text_copy_length(expected, length);

                if (!strstr(form, parameter))
                        fail_msg("%s is not in %s", parameter, form);
                expected += length + (expected[length] == '&');
        }
}

static void
an_assume_role_request_has_the_form_of_real_clients(void **state)
{
        struct sts_assume_role wish = { .role_arn = ROLE, .session_name = "provision-1" };
        CLEANUP(free_cleanup)
        char *short_recorded = recorded_parameters("30-sts-assume-role-awscli-1.45.http");
        CLEANUP(free_cleanup) char *recorded = recorded_parameters("18-sts-assume-role.http");
        CLEANUP(free_cleanup) char *short_form = sts_write_assume_role(&wish);

        (void)state;
        wish.duration_s = 900;
        wish.external_id = "ext-1";
        CLEANUP(free_cleanup) char *form = sts_write_assume_role(&wish);

        assert_same_parameters(short_form, short_recorded);
        assert_same_parameters(form, recorded);
}

static void
policy_and_mfa_are_sent_when_there_are_any(void **state)
{
        CLEANUP(free_cleanup)
        char *role = sts_write_assume_role(&(struct sts_assume_role){ .role_arn = "r",
                                                                      .session_name = "s",
                                                                      .policy = "{ }",
                                                                      .mfa_serial = "arn:x",
                                                                      .mfa_code = "123456" });
        CLEANUP(free_cleanup)
        char *web = sts_write_assume_role_with_web_identity(&(struct sts_web_identity){
                .role_arn = "r", .session_name = "s", .token = "a.b", .duration_s = 900 });
        CLEANUP(free_cleanup) char *token = sts_write_get_session_token(900, "arn:x", "123456");
        CLEANUP(free_cleanup) char *plain = sts_write_get_session_token(0, NULL, NULL);
        CLEANUP(free_cleanup) char *info = sts_write_get_access_key_info("AKID");

        (void)state;
        assert_string_equal(role, "RoleArn=r&RoleSessionName=s&Policy=%7B%20%7D&"
                                  "SerialNumber=arn%3Ax&TokenCode=123456");
        assert_string_equal(web, "RoleArn=r&RoleSessionName=s&WebIdentityToken=a.b&"
                                 "DurationSeconds=900");
        assert_string_equal(token, "DurationSeconds=900&SerialNumber=arn%3Ax&TokenCode=123456");
        assert_string_equal(plain, "");
        assert_string_equal(info, "AccessKeyId=AKID");
}

/* -- reading ------------------------------------------------------------------------------ */

static void
a_session_is_read_from_each_operation_that_gives_one(void **state)
{
        static const struct {
                const char *operation;
                const char *body;
                const char *arn;
        } rows[] = {
                { "AssumeRole", SESSION("AssumeRole", ROLE_USER),
                  "arn:aws:sts::1:assumed-role/x/y" },
                { "AssumeRoleWithWebIdentity", SESSION("AssumeRoleWithWebIdentity", ROLE_USER),
                  "arn:aws:sts::1:assumed-role/x/y" },
                { "GetSessionToken", SESSION("GetSessionToken", ""), NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct credentials session = { 0 };
                struct error err = { 0 };
                CLEANUP(free_cleanup) char *arn = NULL;
                int64_t expires_at = 0;

                assert_done(sts_read_session(view_text(rows[i].body), rows[i].operation, &session,
                                             &arn, &err),
                            err);
                assert_true(clock_parse("2222-01-01T00:00:00Z", &expires_at));
                assert_string_equal(session.access_key_id, "ASIAX");
                assert_true(
                        view_equal(secret_view(&session.secret_access_key), view_text("a/b+c&d")));
                assert_string_equal(session.session_token, "to/ken==");
                assert_int_equal(session.expires_at, expires_at);
                assert_true(text_equal(arn, rows[i].arn));
                credentials_clear(&session);
        }
}

static void
answers_that_lack_what_is_promised_are_refused_without_their_secrets(void **state)
{
#define ANSWER(parts)                                                                \
        "<AssumeRoleResponse><AssumeRoleResult><Credentials>" parts "</Credentials>" \
        "</AssumeRoleResult></AssumeRoleResponse>"
#define ID "<AccessKeyId>A</AccessKeyId>"
#define KEY "<SecretAccessKey>HUSH</SecretAccessKey>"
#define TOKEN "<SessionToken>t</SessionToken>"
#define END "<Expiration>2222-01-01T00:00:00Z</Expiration>"
        static const char *const bodies[] = {
                "",
                "{}",
                "<html/>",
                "<AssumeRoleResponse/>",
                "<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>",
                SESSION("GetSessionToken", ""),
                ANSWER(""),
                ANSWER(KEY TOKEN END),
                ANSWER(ID TOKEN END),
                ANSWER(ID KEY END),
                ANSWER(ID KEY TOKEN),
                ANSWER(ID KEY "<SessionToken></SessionToken>" END),
                ANSWER(ID KEY TOKEN "<Expiration>soon</Expiration>"),
                ANSWER("<AccessKeyId>A&#10;X-Evil: 1</AccessKeyId>" KEY TOKEN END),
                ANSWER(ID KEY "<SessionToken>t&#13;&#10;X: 1</SessionToken>" END),
                ANSWER(ID "<SecretAccessKey> HUSH</SecretAccessKey>" TOKEN END),
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
                struct credentials session = { 0 };
                struct error err = { 0 };

                assert_refused(sts_read_session(view_text(bodies[i]), "AssumeRole", &session, NULL,
                                                &err),
                               err, ERROR_AWS_ANSWER);
                assert_null(session.access_key_id);
                assert_null(strstr(err.what, "HUSH"));
                assert_null(strstr(err.about, "HUSH"));
        }
}

static void
who_one_is_and_whose_a_key_is_can_be_read(void **state)
{
        static const char identity_body[] =
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/x"
                "</Arn><UserId>AIDA</UserId><Account>111122223333</Account>"
                "</GetCallerIdentityResult></GetCallerIdentityResponse>";
        static const char info_body[] =
                "<GetAccessKeyInfoResponse><GetAccessKeyInfoResult><Account>111122223333</Account>"
                "</GetAccessKeyInfoResult></GetAccessKeyInfoResponse>";
        struct sts_identity identity = { 0 };
        CLEANUP(free_cleanup) char *account = NULL;
        struct error err = { 0 };

        (void)state;
        assert_refused(sts_read_caller_identity(view_text(info_body), &identity, &err), err,
                       ERROR_AWS_ANSWER);
        assert_refused(sts_read_access_key_info(view_text(identity_body), &account, &err), err,
                       ERROR_AWS_ANSWER);
        assert_done(sts_read_caller_identity(view_text(identity_body), &identity, &err), err);
        assert_string_equal(identity.account, "111122223333");
        assert_string_equal(identity.arn, "arn:aws:iam::1:user/x");
        assert_string_equal(identity.user_id, "AIDA");
        assert_done(sts_read_access_key_info(view_text(info_body), &account, &err), err);
        assert_string_equal(account, "111122223333");
        sts_identity_clear(&identity);
}

/* -- checking ----------------------------------------------------------------------------- */

static void
only_arns_of_roles_pass(void **state)
{
        static const char *const good[] = {
                ROLE,
                "arn:aws-cn:iam::111122223333:role/a/b/c",
                "arn:aws-us-gov:iam::111122223333:role/x+y=z,q.@_-",
        };
        static const char *const bad[] = {
                "",
                "issuer",
                "arn:aws:iam::111122223333",
                "arn:aws:iam::111122223333:user/x",
                "arn:aws:iam::111122223333:role/",
                "arn:aws:iam::11112222333:role/x",
                "arn:aws:iam::1111222233334:role/x",
                "arn:aws:iam:us-east-1:111122223333:role/x",
                "arn:aws:sts::111122223333:assumed-role/x/y",
                "arn:aws:iam::111122223333:role/x y",
                "arn:aws:iam::111122223333:role/x\n",
                "arn:a w:iam::111122223333:role/x",
                "urn:aws:iam::111122223333:role/x",
        };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
                assert_done(sts_role_arn_check(good[i], &err), err);
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
                assert_refused(sts_role_arn_check(bad[i], &err), err, ERROR_CONFIG);
}

static void
texts_are_held_against_what_sts_takes(void **state)
{
        CLEANUP(free_cleanup) char *policy = memory_new(STS_POLICY_MOST + 2, 1);
        CLEANUP(free_cleanup) char *name = memory_new(66, 1);
        struct error err = { 0 };

        (void)state;
        memset(policy, 'x', STS_POLICY_MOST);
        memset(name, 'x', 64);
        assert_done(sts_policy_check(policy, &err), err);
        assert_done(sts_session_name_check(name, &err), err);
        policy[STS_POLICY_MOST] = name[64] = 'x';
        assert_refused(sts_policy_check(policy, &err), err, ERROR_CONFIG);
        assert_refused(sts_session_name_check(name, &err), err, ERROR_CONFIG);
        assert_refused(sts_session_name_check("x", &err), err, ERROR_CONFIG);
        assert_refused(sts_session_name_check("a b", &err), err, ERROR_CONFIG);
        assert_done(sts_external_id_check("a:/=,.@-_9", &err), err);
        assert_refused(sts_external_id_check("a b", &err), err, ERROR_CONFIG);
        assert_done(sts_mfa_code_check("012345", &err), err);
        assert_refused(sts_mfa_code_check("12345", &err), err, ERROR_CONFIG);
        assert_refused(sts_mfa_code_check("12345x", &err), err, ERROR_CONFIG);
        assert_refused(sts_mfa_code_check("1234567", &err), err, ERROR_CONFIG);
        assert_null(strstr(err.what, "1234567"));
}

static void
without_a_region_a_role_is_asked_for_in_its_partition(void **state)
{
        (void)state;
        assert_string_equal(sts_home_region(ROLE), "us-east-1");
        assert_string_equal(sts_home_region("arn:aws-cn:iam::1:role/x"), "cn-north-1");
        assert_string_equal(sts_home_region("arn:aws-iso-b:iam::1:role/x"), "us-isob-east-1");
}

/* -- on the wire -------------------------------------------------------------------------- */

static struct aws_call
sts_call(const char *operation, const char *form)
{
        return (struct aws_call){ .service = "sts",
                                  .region = "eu-central-1",
                                  .operation = operation,
                                  .body = view_text(form),
                                  .most_attempts = 1 };
}

static void
a_query_call_goes_out_as_a_signed_form(void **state)
{
        START({ .headers = "x-amzn-RequestId: r-9\r\n", .body = "<x/>" });
        struct aws_call call = sts_call("AssumeRole", "RoleArn=r");
        struct aws_reply *reply = ask(&call);

        assert_true(reply->ok);
        assert_string_equal(buf_text(&reply->body), "<x/>");
        assert_string_equal(reply->request_id, "r-9");
        aws_reply_free(reply);
        CLEANUP(free_cleanup) char *request = standin_request(bench.standin, 0);
        CLEANUP(free_cleanup) char *signature = standin_header(bench.standin, 0, "Authorization");

        assert_non_null(strstr(request, "\r\nContent-Type: application/x-www-form-urlencoded; "
                                        "charset=utf-8\r\n"));
        assert_non_null(strstr(request, "\r\n\r\nAction=AssumeRole&Version=2011-06-15&RoleArn=r"));
        assert_null(strcasestr(request, "X-Amz-Target"));
        assert_non_null(strstr(signature, "/eu-central-1/sts/aws4_request, "
                                          "SignedHeaders=content-type;host;x-amz-date, "));
}

static void
a_call_without_parameters_is_action_and_version(void **state)
{
        START({ .body = "<x/>" });
        struct aws_call call = sts_call("GetCallerIdentity", "");

        aws_reply_free(ask(&call));
        call.service = "iam";
        call.operation = "GetUser";
        aws_reply_free(ask(&call));
        CLEANUP(free_cleanup) char *sts = standin_request(bench.standin, 0);
        CLEANUP(free_cleanup) char *iam = standin_request(bench.standin, 1);

        assert_string_equal(strstr(sts, "\r\n\r\n") + 4,
                            "Action=GetCallerIdentity&Version=2011-06-15");
        assert_string_equal(strstr(iam, "\r\n\r\n") + 4, "Action=GetUser&Version=2010-05-08");
}

static void
other_json_services_have_their_own_targets(void **state)
{
        START({ 0 });
        struct aws_call call = call_of("GetSecretValue");

        call.service = "secretsmanager";
        aws_reply_free(ask(&call));
        call.service = "organizations";
        call.operation = "ListAccounts";
        aws_reply_free(ask(&call));
        CLEANUP(free_cleanup) char *secret = standin_header(bench.standin, 0, "X-Amz-Target");
        CLEANUP(free_cleanup) char *accounts = standin_header(bench.standin, 1, "X-Amz-Target");

        assert_string_equal(secret, "secretsmanager.GetSecretValue");
        assert_string_equal(accounts, "AWSOrganizationsV20161128.ListAccounts");
}

static void
an_unsigned_call_needs_no_credentials_and_carries_none(void **state)
{
        START({ .body = "<x/>" });
        struct error err = { 0 };
        struct aws_client *client = aws_client_open_as(bench.settings, NULL, &err);
        struct aws_call call = sts_call("AssumeRoleWithWebIdentity", "WebIdentityToken=t");
        CLEANUP(buf_cleanup) struct buf body = { 0 };

        assert_done(client, err);
        call.unsigned_call = true;
        assert_done(aws_call(client, &call, &body, &err), err);
        aws_client_close(client);
        CLEANUP(free_cleanup) char *request = standin_request(bench.standin, 0);

        assert_null(strcasestr(request, "\r\nAuthorization:"));
        assert_null(strcasestr(request, "\r\nX-Amz-"));
        assert_non_null(strstr(request, "&WebIdentityToken=t"));
}

static void
a_client_with_fixed_credentials_signs_with_them_and_looks_for_no_others(void **state)
{
        START({ .status = 403,
                .body = "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>old</Message>"
                        "</Error></ErrorResponse>" });
        struct error err = { 0 };
        struct credentials own = { .access_key_id = text_copy("AKIDOWN") };
        struct aws_call call = sts_call("AssumeRole", "RoleArn=r");
        CLEANUP(buf_cleanup) struct buf body = { 0 };

        secret_set(&own.secret_access_key, view_text("s"));
        struct aws_client *client = aws_client_open_as(bench.settings, &own, &err);

        assert_done(client, err);
        assert_refused(aws_call(client, &call, &body, &err), err, ERROR_CREDENTIALS_EXPIRED);
        aws_client_close(client);
        credentials_clear(&own);
        CLEANUP(free_cleanup) char *signature = standin_header(bench.standin, 0, "Authorization");

        assert_non_null(strstr(signature, "Credential=AKIDOWN/"));
        assert_int_equal(standin_requests(bench.standin), 1);
}

/* -- errors ------------------------------------------------------------------------------- */

static void
xml_errors_of_both_forms_mean_what_json_errors_mean(void **state)
{
#define NEW(code)                                                                            \
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>"         \
        "<Type>Sender</Type><Code>" code "</Code><Message>say &lt;why&gt;</Message></Error>" \
        "<RequestId>r-7</RequestId></ErrorResponse>"
#define OLD(code)                                                                              \
        "<?xml version=\"1.0\"?>\n<Response><Errors><Error><Code>" code "</Code><Message>say " \
        "&lt;why&gt;</Message></Error></Errors><RequestID>r-7</RequestID></Response>"
        static const struct standin_step script[] = {
                { .status = 403, .body = NEW("AccessDenied") },
                { .status = 403, .body = OLD("AccessDenied") },
                { .status = 403, .body = NEW("ExpiredToken") },
                { .status = 403, .body = NEW("InvalidClientTokenId") },
                { .status = 403, .body = NEW("SignatureDoesNotMatch") },
                { .status = 400, .body = NEW("ValidationError") },
                { .status = 400, .body = NEW("Throttling") },
                { .status = 500, .body = NEW("InternalFailure") },
                { .status = 400, .body = NEW("IDPCommunicationError") },
                { .status = 400, .body = NEW("PackedPolicyTooLarge") },
                { .status = 400, .body = NEW("InvalidIdentityToken") },
                { .status = 403, .body = NEW("RegionDisabledException") },
                { .status = 404, .body = NEW("NoSuchEntity") },
        };
        static const enum error_kind kinds[] = {
                ERROR_DENIED,
                ERROR_DENIED,
                ERROR_CREDENTIALS_EXPIRED,
                ERROR_CREDENTIALS_REFUSED,
                ERROR_CREDENTIALS_REFUSED,
                ERROR_REQUEST_REFUSED,
                ERROR_THROTTLED,
                ERROR_AWS_UNAVAILABLE,
                ERROR_AWS_UNAVAILABLE,
                ERROR_REQUEST_REFUSED,
                ERROR_CREDENTIALS_REFUSED,
                ERROR_DENIED,
                ERROR_AWS,
        };
        struct aws_call call = sts_call("AssumeRole", "RoleArn=r");

        (void)state;
        static_assert(ARRAY_LENGTH(script) == ARRAY_LENGTH(kinds), "a kind for every answer");
        start(script, ARRAY_LENGTH(script));
        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
                struct aws_reply *reply = ask(&call);

                assert_false(reply->ok);
                assert_kind(reply, kinds[i]);
                assert_string_equal(reply->error.aws.message, "say <why>");
                assert_string_equal(reply->error.aws.request_id, "r-7");
                assert_string_equal(reply->request_id, "r-7");
                assert_true(*reply->error.next);
                aws_reply_free(reply);
        }
}

static void
the_header_s_request_id_wins_and_a_page_in_xml_is_no_error_of_aws(void **state)
{
        START({ .status = 403,
                .headers = "x-amzn-RequestId: r-head\r\n",
                .body = NEW("AccessDenied") },
              { .status = 403, .body = "<html><Error><Code>AccessDenied</Code></Error></html>" },
              { .status = 403, .body = "<ErrorResponse><Error><Code>AccessDenied</Code>" });
        struct aws_call call = sts_call("AssumeRole", "RoleArn=r");
        struct aws_reply *reply = ask(&call);

        assert_string_equal(reply->request_id, "r-head");
        aws_reply_free(reply);
        for (int i = 0; i < 2; i++) {
                reply = ask(&call);
                assert_kind(reply, ERROR_AWS_ANSWER);
                aws_reply_free(reply);
        }
}

#define WIRE(test) cmocka_unit_test_teardown(test, stop)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_assume_role_request_has_the_form_of_real_clients),
                cmocka_unit_test(policy_and_mfa_are_sent_when_there_are_any),
                cmocka_unit_test(a_session_is_read_from_each_operation_that_gives_one),
                cmocka_unit_test(
                        answers_that_lack_what_is_promised_are_refused_without_their_secrets),
                cmocka_unit_test(who_one_is_and_whose_a_key_is_can_be_read),
                cmocka_unit_test(only_arns_of_roles_pass),
                cmocka_unit_test(texts_are_held_against_what_sts_takes),
                cmocka_unit_test(without_a_region_a_role_is_asked_for_in_its_partition),
                WIRE(a_query_call_goes_out_as_a_signed_form),
                WIRE(a_call_without_parameters_is_action_and_version),
                WIRE(other_json_services_have_their_own_targets),
                WIRE(an_unsigned_call_needs_no_credentials_and_carries_none),
                WIRE(a_client_with_fixed_credentials_signs_with_them_and_looks_for_no_others),
                WIRE(xml_errors_of_both_forms_mean_what_json_errors_mean),
                WIRE(the_header_s_request_id_wins_and_a_page_in_xml_is_no_error_of_aws),
        };

        wire = source_path("tests/wire");
        int failed = cmocka_run_group_tests(tests, make_folder, remove_folder);

        free(wire);
        return failed;
}
