#include "tests/unit/chain_bench.h"

#include <glob.h>

#include "base/clock.h"

/* -- roles -------------------------------------------------------------------------------- */

static void
a_role_is_assumed_with_the_keys_of_its_source_profile(void **state)
{
        SERVE({ .body = SESSION("AssumeRole", "ASIA1") });
        write_file("credentials", 0600, BASE);
        write_file(
                "config", 0600,
                "[profile r]\nrole_arn = " ROLE(
                        "x") "\nsource_profile = base\n"
                             "external_id = ext-1\nrole_session_name = me\nduration_seconds = 900\n"
                             "region = eu-west-3\n");
        expect("r", "ASIA1");
        assert_sent(0, "Credential=AKIDBASE/");
        assert_sent(0, "/eu-west-3/sts/aws4_request");
        assert_sent(0, "Action=AssumeRole&Version=2011-06-15&"
                       "RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fx&RoleSessionName=me&"
                       "DurationSeconds=900&ExternalId=ext-1");
        assert_int_equal(standin_requests(standin), 1);
}

static void
roles_are_assumed_one_after_the_other(void **state)
{
        SERVE({ .body = SESSION("AssumeRole", "ASIA1") },
              { .body = SESSION("AssumeRole", "ASIA2") });
        write_file("credentials", 0600, BASE);
        write_file("config", 0600,
                   "[profile first]\nrole_arn = " ROLE(
                           "first") "\nsource_profile = base\n"
                                    "[profile second]\nrole_arn = " ROLE(
                                            "second") "\nsource_profile = first\n");
        expect("second", "ASIA2");
        assert_sent(0, "Credential=AKIDBASE/");
        assert_sent(0, "role%2Ffirst");
        assert_not_sent(0, "X-Amz-Security-Token");
        assert_sent(1, "Credential=ASIA1/");
        assert_sent(1, "role%2Fsecond");
        assert_sent(1, "X-Amz-Security-Token: HUSH-TOKEN");
}

static void
a_circle_of_profiles_is_named_and_its_own_keys_are_none(void **state)
{
        SERVE({ .body = SESSION("AssumeRole", "ASIA1") });
        write_file("config", 0600,
                   "[profile a]\nrole_arn = " ROLE(
                           "a") "\nsource_profile = b\n"
                                "[profile b]\nrole_arn = " ROLE(
                                        "b") "\nsource_profile = a\n"
                                             "[profile c]\nrole_arn = " ROLE(
                                                     "c") "\nsource_profile = c\n"
                                                          "[profile d]\nrole_arn = " ROLE(
                                                                  "d") "\nsource_profile = d\n"
                                                                       "aws_access_key_id = "
                                                                       "AKIDD\naws_secret_access_"
                                                                       "key = HUSH\n");
        expect_error("a", ERROR_CONFIG, "circle: a <- b <- a");
        expect_error("a", ERROR_CONFIG, "line 6 of '");
        expect_error("c", ERROR_CONFIG, "line 9 of '");
        assert_int_equal(standin_requests(standin), 0);
        expect("d", "ASIA1");
        assert_sent(0, "Credential=AKIDD/");
}

static void
every_wrong_key_of_a_role_is_named_with_its_line(void **state)
{
        static const struct {
                const char *config;
                const char *word;
        } rows[] = {
                { "role_arn = nonsense\nsource_profile = base\n", "line 2 of '" },
                { "role_arn = " ROLE("x") "\n", "line 2 of '" },
                { "role_arn = " ROLE("x") "\nsource_profile = base\ncredential_source = "
                                          "Environment\n",
                  "line 4 of '" },
                { "role_arn = " ROLE("x") "\nsource_profile = absent\n", "line 3 of '" },
                { "role_arn = " ROLE("x") "\nsource_profile = empty\n", "line 3 of '" },
                { "role_arn = " ROLE("x") "\ncredential_source = Magic\n", "line 3 of '" },
                { "role_arn = " ROLE("x") "\ncredential_source = Environment\n",
                  "AWS_ACCESS_KEY_ID is not set" },
                { "role_arn = " ROLE("x") "\ncredential_source = EcsContainer\n", "line 3 of '" },
                { "role_arn = " ROLE("x") "\ncredential_source = Ec2InstanceMetadata\n",
                  "line 3 of '" },
                { "role_arn = " ROLE("x") "\nsource_profile = base\nduration_seconds = 899\n",
                  "line 4 of '" },
                { "role_arn = " ROLE("x") "\nsource_profile = base\nduration_seconds = 1h\n",
                  "line 4 of '" },
                { "role_arn = " ROLE("x") "\nsource_profile = base\nexternal_id = a b\n",
                  "line 4 of '" },
                { "role_arn = " ROLE("x") "\nsource_profile = base\nrole_session_name = a b\n",
                  "line 4 of '" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup)
                char *config = text_format("[profile r]\n%s[profile empty]\n", rows[i].config);

                write_file("credentials", 0600, BASE);
                write_file("config", 0600, config);
                expect_error("r", ERROR_CONFIG, rows[i].word);
        }
}

static void
the_environment_may_be_a_role_s_source(void **state)
{
        SERVE({ .body = SESSION("AssumeRole", "ASIA1") });
        setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "HUSH", 1);
        write_file("config", 0600,
                   "[profile r]\nrole_arn = " ROLE("x") "\ncredential_source = Environment\n");
        expect("r", "ASIA1");
        assert_sent(0, "Credential=AKIDENV/");
        /* Without a Region anywhere: that of the role's partition. */
        assert_sent(0, "/us-east-1/sts/aws4_request");
}

static void
a_role_on_the_command_line_is_assumed_with_whatever_was_found(void **state)
{
        SERVE({ .body = SESSION("AssumeRole", "ASIA1") },
              { .body = SESSION("AssumeRole", "ASIA2") });
        struct aws_options options = { .role_arn = ROLE("option"),
                                       .external_id = "ext-2",
                                       .role_session_name = "line-3",
                                       .session_policy = "{}" };

        setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "HUSH", 1);
        expect_with(&options, "ASIA1");
        assert_sent(0, "Credential=AKIDENV/");
        assert_sent(0, "RoleSessionName=line-3&Policy=%7B%7D&ExternalId=ext-2");
        options.role_arn = "no-arn";
        expect_error_with(&options, ERROR_CONFIG, "command line");
        assert_int_equal(standin_requests(standin), 1);
}

static void
only_the_last_role_is_cut_by_the_session_policy(void **state)
{
        SERVE({ .body = SESSION("AssumeRole", "ASIA1") },
              { .body = SESSION("AssumeRole", "ASIA2") },
              { .body = SESSION("AssumeRole", "ASIA3") });
        struct aws_options options = { .profile = "second", .session_policy = "{}" };

        write_file("credentials", 0600, BASE);
        write_file("config", 0600,
                   "[profile first]\nrole_arn = " ROLE(
                           "first") "\nsource_profile = base\n"
                                    "[profile second]\nrole_arn = " ROLE(
                                            "second") "\nsource_profile = first\n");
        expect_with(&options, "ASIA2");
        assert_not_sent(0, "Policy=");
        assert_sent(1, "&Policy=%7B%7D");
        CLEANUP(free_cleanup) char *large = memory_new(2050, 1);

        memset(large, 'x', 2049);
        options.session_policy = large;
        options.profile = "first";
        expect_error_with(&options, ERROR_CONFIG, "2049 characters");
        assert_int_equal(standin_requests(standin), 2);
}

static void
what_sts_refuses_is_said_with_the_role_and_ends_no_order(void **state)
{
        SERVE({ .status = 403, .body = REFUSAL("AccessDenied") },
              { .status = 403, .body = REFUSAL("AccessDenied") },
              { .status = 400, .body = REFUSAL("ValidationError") },
              { .status = 200, .body = "{}" }, { .status = 200, .body = "<a>" },
              { .status = 403, .body = REFUSAL("ExpiredToken") });
        write_file("credentials", 0600, BASE);
        write_file("config", 0600,
                   "[profile r]\nrole_arn = " ROLE("x") "\nsource_profile = base\n");
        expect_error("r", ERROR_ROLE_DENIED, "role " ROLE("x") ", AWS profile 'r'");
        expect_error("r", ERROR_ROLE_DENIED, "trust policy");
        expect_error("r", ERROR_CONFIG, "role " ROLE("x"));
        expect_error("r", ERROR_AWS_ANSWER, "role " ROLE("x"));
        expect_error("r", ERROR_AWS_ANSWER, "role " ROLE("x"));
        expect_error("r", ERROR_CREDENTIALS_EXPIRED, "role " ROLE("x"));
        assert_int_equal(standin_requests(standin), 6);
}

/* -- MFA ---------------------------------------------------------------------------------- */

static unsigned times_asked;

static bool
answer_mfa(void *context, const char *serial, struct secret *code, struct error *err)
{
        (void)err;
        times_asked++;
        assert_string_equal(serial, "arn:aws:iam::111122223333:mfa/me");
        secret_set(code, view_text(context));
        return true;
}

static void
begin_mfa(void)
{
        times_asked = 0;
        write_file("credentials", 0600, BASE);
        write_file("config", 0600,
                   "[profile r]\nrole_arn = " ROLE(
                           "x") "\nsource_profile = base\n"
                                "mfa_serial = arn:aws:iam::111122223333:mfa/me\n");
}

static void
an_mfa_code_comes_from_the_option_or_from_a_person(void **state)
{
        SERVE({ .body = SESSION("AssumeRole", "ASIA1") });
        struct aws_options asking = { .profile = "r", .ask_mfa = answer_mfa };

        begin_mfa();
        expect_error("r", ERROR_CREDENTIALS_MISSING, "--mfa-code");
        expect_error_with(&(struct aws_options){ .profile = "r", .mfa_code = "12345x" },
                          ERROR_CONFIG, "MFA code");
        assert_int_equal(standin_requests(standin), 0);
        expect_with(&(struct aws_options){ .profile = "r", .mfa_code = "123456" }, "ASIA1");
        assert_sent(0, "SerialNumber=arn%3Aaws%3Aiam%3A%3A111122223333%3Amfa%2Fme&"
                       "TokenCode=123456");
        asking.ask_context = (char[]){ "654321" };
        expect_with(&asking, "ASIA1");
        assert_sent(1, "TokenCode=654321");
        assert_int_equal(times_asked, 1);
}

static void
a_code_on_the_command_line_serves_once(void **state)
{
        SERVE({ .body = SESSION("AssumeRole", "ASIA1") });
        struct aws_options options = { .profile = "r", .mfa_code = "123456" };
        struct credentials found = { 0 };
        struct error err = { 0 };

        begin_mfa();
        struct aws_settings *settings = aws_settings_open(&options, &err);

        assert_done(settings, err);
        assert_done(credentials_find(settings, &found, &err), err);
        assert_refused(credentials_find(settings, &found, &err), err, ERROR_CREDENTIALS_MISSING);
        assert_string_equal(found.access_key_id, "ASIA1");
        assert_int_equal(standin_requests(standin), 1);
        credentials_clear(&found);
        aws_settings_free(settings);
}

/* The one file that was kept; the caller frees. */
static char *
kept_file(void)
{
        CLEANUP(free_cleanup) char *pattern = path_of("p11cert/session-*.json");
        glob_t found = { 0 };

        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        assert_int_equal(found.gl_pathc, 1);
        char *path = text_copy(found.gl_pathv[0]);

        globfree(&found);
        return path;
}

static void
a_session_that_took_a_code_is_kept_private_and_used_again(void **state)
{
        SERVE({ .body = SESSION("AssumeRole", "ASIA1") },
              { .body = SESSION("AssumeRole", "ASIA2") });
        struct aws_options asking = { .profile = "r",
                                      .ask_mfa = answer_mfa,
                                      .ask_context = (char[]){ "654321" } };

        begin_mfa();
        setenv("XDG_RUNTIME_DIR", folder, 1);
        expect_with(&asking, "ASIA1");
        expect_with(&asking, "ASIA1");
        assert_int_equal(times_asked, 1);
        assert_int_equal(standin_requests(standin), 1);
        CLEANUP(free_cleanup) char *file = kept_file();
        struct stat status;

        assert_int_equal(stat(file, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        /* Others could have written it: not to be trusted. */
        assert_int_equal(chmod(file, 0640), 0);
        expect_with(&asking, "ASIA2");
        assert_int_equal(times_asked, 2);
}

/* -- web identities ----------------------------------------------------------------------- */

static void
a_web_identity_goes_out_unsigned_from_environment_or_profile(void **state)
{
        SERVE({ .body = SESSION("AssumeRoleWithWebIdentity", "ASIA1") });
        CLEANUP(free_cleanup) char *path = path_of("token");
        CLEANUP(free_cleanup)
        char *config =
                text_format("[profile w]\nrole_arn = " ROLE("w") "\n"
                                                                 "web_identity_token_file = %s\n",
                            path);

        write_file("config", 0600, config);
        write_file("token", 0600, "eyJ.a-b_c.d\n");
        expect("w", "ASIA1");
        assert_sent(0, "Action=AssumeRoleWithWebIdentity&");
        assert_sent(0, "WebIdentityToken=eyJ.a-b_c.d");
        assert_not_sent(0, "Authorization:");
        write_file("token", 0600, "next.token");
        setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path, 1);
        setenv("AWS_ROLE_ARN", ROLE("env"), 1);
        setenv("AWS_ROLE_SESSION_NAME", "pod", 1);
        expect(NULL, "ASIA1");
        assert_sent(1, "role%2Fenv&RoleSessionName=pod&WebIdentityToken=next.token");
}

static void
a_web_identity_that_is_none_is_refused_before_any_call(void **state)
{
        static const char *const tokens[] = { "", "abc", "a b c d", "to\nken", "t\xC3\xA4ken" };
        SERVE({ .body = SESSION("AssumeRoleWithWebIdentity", "ASIA1") });
        CLEANUP(free_cleanup) char *path = path_of("token");

        setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path, 1);
        expect_error(NULL, ERROR_CONFIG, "AWS_ROLE_ARN");
        setenv("AWS_ROLE_ARN", ROLE("env"), 1);
        expect_error(NULL, ERROR_CONFIG, path);
        for (size_t i = 0; i < ARRAY_LENGTH(tokens); i++) {
                write_file("token", 0600, tokens[i]);
                expect_error(NULL, ERROR_CONFIG, "holds no web identity token");
        }
        assert_int_equal(standin_requests(standin), 0);
}

/* -- containers --------------------------------------------------------------------------- */

static void
a_container_s_endpoint_is_asked_with_its_token_and_without_a_proxy(void **state)
{
        SERVE({ .status = 500, .body = "" }, { .body = JSON("ASIAC") });
        CLEANUP(free_cleanup) char *url = text_format("%s/creds", standin_url(standin));
        CLEANUP(free_cleanup) char *path = path_of("token");

        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
        setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "from-variable", 1);
        expect(NULL, "ASIAC");
        assert_sent(0, "GET /creds HTTP/1.1\r\n");
        assert_sent(1, "\r\nAuthorization: from-variable\r\n");
        write_file("token", 0600, "Bearer from-file\n");
        setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
        expect(NULL, "ASIAC");
        assert_sent(2, "\r\nAuthorization: Bearer from-file\r\n");
}

static void
a_container_may_be_a_role_s_source(void **state)
{
        SERVE({ .body = JSON("ASIAC") }, { .body = SESSION("AssumeRole", "ASIA1") });
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", standin_url(standin), 1);
        write_file("config", 0600,
                   "[profile r]\nrole_arn = " ROLE("x") "\ncredential_source = EcsContainer\n");
        expect("r", "ASIA1");
        assert_sent(1, "Credential=ASIAC/");
}

static void
container_uris_that_lead_off_the_host_are_refused(void **state)
{
        static const char *const uris[] = {
                "http://example.com/creds",
                "http://10.0.0.1/creds",
                "http://127.0.0.1.example.com/",
                "http://127.0.0.1@example.com/",
                "http://127.0.0.1:80@example.com/x",
                "ftp://127.0.0.1/",
                "http://169.254.170.22/",
                "creds",
                "http://[fd00:ec2::24]/",
                "http://localhost\\@example.com/",
        };
        static const char *const paths[] = { "@example.com/", ".example.com/", "creds", "/a b" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(uris); i++) {
                setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uris[i], 1);
                expect_error(NULL, ERROR_CONFIG, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
        }
        for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
                setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", paths[i], 1);
                expect_error(NULL, ERROR_CONFIG, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        }
}

static void
a_container_s_hostile_answers_and_tokens_are_refused(void **state)
{
        SERVE({ .body = "" }, { .body = "{}" }, { .body = "[1]" },
              { .body = "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"HUSH\",\"Token\":"
                        "\"a\\nb\"}" },
              { .body = "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"HUSH\",\"Token\":\"t\","
                        "\"Expiration\":\"soon\"}" },
              { .status = 302, .headers = "Location: /x\r\n" }, { .status = 403 },
              { .deed = STANDIN_GARBAGE });
        static const enum error_kind kinds[] = {
                ERROR_CONFIG,
                ERROR_CONFIG,
                ERROR_CONFIG,
                ERROR_CONFIG,
                ERROR_CONFIG,
                ERROR_CREDENTIALS_MISSING,
                ERROR_CREDENTIALS_MISSING,
                ERROR_CREDENTIALS_MISSING,
        };

        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", standin_url(standin), 1);
        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
                expect_error(NULL, kinds[i], "container credentials at ");
        unsigned before = standin_requests(standin);

        setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\r\nX-Evil: HUSH", 1);
        expect_error(NULL, ERROR_CONFIG, "authorization token");
        assert_int_equal(standin_requests(standin), before);
}

/* -- instances ---------------------------------------------------------------------------- */

static void
an_instance_s_metadata_is_asked_last_with_a_token_and_without_a_proxy(void **state)
{
        SERVE({ .body = "IMDS-TOKEN" }, { .body = "the-role\nother" }, { .body = JSON("ASIAI") });
        unsetenv("AWS_EC2_METADATA_DISABLED");
        expect(NULL, "ASIAI");
        assert_sent(0, "PUT /latest/api/token HTTP/1.1\r\n");
        assert_sent(0, "\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\n");
        assert_sent(1, "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\n");
        assert_sent(1, "\r\nx-aws-ec2-metadata-token: IMDS-TOKEN\r\n");
        assert_sent(2, "GET /latest/meta-data/iam/security-credentials/the-role HTTP/1.1\r\n");
        write_file("credentials", 0600, BASE);
        expect("base", "AKIDBASE");
        assert_int_equal(standin_requests(standin), 3);
}

static void
where_no_instance_is_the_answer_comes_within_a_second(void **state)
{
        SERVE({ .deed = STANDIN_HANG });
        int64_t begun = clock_boot_ms();

        unsetenv("AWS_EC2_METADATA_DISABLED");
        expect_error(NULL, ERROR_CREDENTIALS_MISSING, "instance metadata");
        assert_in_range(clock_boot_ms() - begun, 0, 999);
        assert_int_equal(standin_requests(standin), 1);
        setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
        expect_error(NULL, ERROR_CREDENTIALS_MISSING, "no AWS credentials");
        assert_int_equal(standin_requests(standin), 1);
        unsetenv("AWS_EC2_METADATA_DISABLED");
        setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://example.com/", 1);
        expect_error(NULL, ERROR_CONFIG, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
}

static void
an_instance_s_hostile_answers_are_refused(void **state)
{
        static const struct {
                const char *token;
                const char *role;
                const char *body;
                enum error_kind kind;
        } rows[] = {
                { "a\r\nX-Evil: 1", "", "", ERROR_CREDENTIALS_MISSING },
                { "", "", "", ERROR_CREDENTIALS_MISSING },
                { "token", "../../x", "", ERROR_CREDENTIALS_MISSING },
                { "token", "<html>", "", ERROR_CREDENTIALS_MISSING },
                { "token", "", "", ERROR_CREDENTIALS_MISSING },
                { "token", "r", "{\"Code\":\"Failed\"}", ERROR_CONFIG },
        };

        (void)state;
        unsetenv("AWS_EC2_METADATA_DISABLED");
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                const struct standin_step script[] = { { .body = rows[i].token },
                                                       { .body = rows[i].role },
                                                       { .body = rows[i].body } };

                serve(script, ARRAY_LENGTH(script));
                expect_error(NULL, rows[i].kind, "metadata");
                standin_stop(standin);
                standin = NULL;
        }
}

/* -- speed -------------------------------------------------------------------------------- */

static void
credentials_of_the_environment_take_no_time(void **state)
{
        struct aws_options options = { 0 };
        struct credentials found = { 0 };
        struct error err = { 0 };

        (void)state;
        unsetenv("AWS_EC2_METADATA_DISABLED");
        setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "HUSH", 1);
        int64_t begun = clock_boot_ms();

        for (int i = 0; i < 100; i++)
                assert_done(find(&options, &found, &err), err);
        credentials_clear(&found);
        /* 5 ms each are promised. */
        assert_in_range(clock_boot_ms() - begun, 0, 500);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                ROW(a_role_is_assumed_with_the_keys_of_its_source_profile),
                ROW(roles_are_assumed_one_after_the_other),
                ROW(a_circle_of_profiles_is_named_and_its_own_keys_are_none),
                ROW(every_wrong_key_of_a_role_is_named_with_its_line),
                ROW(the_environment_may_be_a_role_s_source),
                ROW(a_role_on_the_command_line_is_assumed_with_whatever_was_found),
                ROW(only_the_last_role_is_cut_by_the_session_policy),
                ROW(what_sts_refuses_is_said_with_the_role_and_ends_no_order),
                ROW(an_mfa_code_comes_from_the_option_or_from_a_person),
                ROW(a_code_on_the_command_line_serves_once),
                ROW(a_session_that_took_a_code_is_kept_private_and_used_again),
                ROW(a_web_identity_goes_out_unsigned_from_environment_or_profile),
                ROW(a_web_identity_that_is_none_is_refused_before_any_call),
                ROW(a_container_s_endpoint_is_asked_with_its_token_and_without_a_proxy),
                ROW(a_container_may_be_a_role_s_source),
                ROW(container_uris_that_lead_off_the_host_are_refused),
                ROW(a_container_s_hostile_answers_and_tokens_are_refused),
                ROW(an_instance_s_metadata_is_asked_last_with_a_token_and_without_a_proxy),
                ROW(where_no_instance_is_the_answer_comes_within_a_second),
                ROW(an_instance_s_hostile_answers_are_refused),
                ROW(credentials_of_the_environment_take_no_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
