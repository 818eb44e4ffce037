#include "tests/unit/chain_bench.h"

#define CALLER(arn)                                                      \
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>" arn  \
        "</Arn><UserId>AROAX:me</UserId><Account>111122223333</Account>" \
        "</GetCallerIdentityResult></GetCallerIdentityResponse>"
#define SESSION_OF(role) "arn:aws:sts::111122223333:assumed-role/" role "/me"

/* A session in the environment, and the policy that is to cut it. */
static void
expect_narrowed(bool narrowed, const char *id, const char *why, unsigned asked)
{
        struct aws_options options = { .session_policy = "{}", .cut_others = true };
        struct credentials found = { 0 };
        struct error err = { 0 };

        setenv("AWS_ACCESS_KEY_ID", "ASIAENV", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "HUSH", 1);
        setenv("AWS_SESSION_TOKEN", "HUSH-ENV", 1);
        struct aws_settings *settings = aws_settings_open(&options, &err);

        assert_non_null(settings);
        assert_done(credentials_find(settings, &found, &err), err);
        assert_string_equal(found.access_key_id, id);
        assert_int_equal(found.narrowed, narrowed);
        if (why)
                assert_non_null(strstr(aws_settings_unnarrowed(settings), why));
        else
                assert_null(aws_settings_unnarrowed(settings));
        assert_int_equal(standin_requests(standin), asked);
        /* What was refused is not asked for again. */
        if (why)
                assert_done(credentials_find(settings, &found, &err), err);
        assert_int_equal(standin_requests(standin), asked);
        credentials_clear(&found);
        aws_settings_free(settings);
}

static void
a_role_s_session_of_somebody_else_is_assumed_anew_where_the_role_trusts_itself(void **state)
{
        SERVE({ .body = CALLER(SESSION_OF("issuer")) },
              { .body = SESSION("AssumeRole", "ASIACUT") });
        expect_narrowed(true, "ASIACUT", NULL, 2);
        assert_sent(0, "Action=GetCallerIdentity");
        assert_sent(0, "X-Amz-Security-Token: HUSH-ENV");
        assert_sent(1, "RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fissuer&"
                       "RoleSessionName=me&Policy=%7B%7D");
}

static void
a_role_that_does_not_trust_itself_is_used_as_it_is_and_said_so(void **state)
{
        SERVE({ .body = CALLER(SESSION_OF("issuer")) },
              { .status = 403, .body = REFUSAL("AccessDenied") });
        expect_narrowed(false, "ASIAENV", "role issuer does not trust itself", 2);
}

static void
a_session_without_a_role_is_used_as_it_is(void **state)
{
        SERVE({ .body = CALLER("arn:aws:iam::111122223333:user/p11cert/x") });
        expect_narrowed(false, "ASIAENV", "no role stands behind it", 1);
}

static void
an_sts_that_fails_keeps_nobody_from_the_session_there_is(void **state)
{
        SERVE({ .status = 500, .body = "" });
        expect_narrowed(false, "ASIAENV", "STS did not say whose it is", 1);
}

static void
without_a_policy_and_for_long_term_keys_nothing_is_asked(void **state)
{
        SERVE({ .body = CALLER(SESSION_OF("issuer")) });
        struct aws_options cut = { .session_policy = "{}", .cut_others = true };

        setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "HUSH", 1);
        expect_with(&cut, "AKIDENV");
        setenv("AWS_SESSION_TOKEN", "HUSH-ENV", 1);
        expect(NULL, "AKIDENV");
        assert_int_equal(standin_requests(standin), 0);
}

static void
a_web_identity_s_session_is_cut_as_well(void **state)
{
        SERVE({ .body = SESSION("AssumeRoleWithWebIdentity", "ASIAWEB") });
        CLEANUP(free_cleanup) char *token = path_of("token");
        struct aws_options options = { .session_policy = "{}", .cut_others = true };
        struct credentials found = { 0 };
        struct error err = { 0 };

        write_file("token", 0600, "eyJhbGciOi.web.token");
        setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token, 1);
        setenv("AWS_ROLE_ARN", ROLE("web"), 1);
        assert_done(find(&options, &found, &err), err);
        assert_true(found.narrowed);
        assert_sent(0, "&Policy=%7B%7D");
        assert_int_equal(standin_requests(standin), 1);
        credentials_clear(&found);
}

static void
a_user_s_own_keys_become_a_session_with_a_code_which_is_kept(void **state)
{
        SERVE({ .body = SESSION("GetSessionToken", "ASIAMFA") },
              { .status = 403, .body = REFUSAL("AccessDenied") });
        struct aws_options options = { .profile = "u" };

        setenv("XDG_RUNTIME_DIR", folder, 1);
        write_file("credentials", 0600,
                   "[u]\naws_access_key_id = AKIDU\n"
                   "aws_secret_access_key = HUSH\n"
                   "mfa_serial = arn:aws:iam::111122223333:mfa/u\n");
        /* Without a code they are what they are. */
        expect_with(&options, "AKIDU");
        assert_int_equal(standin_requests(standin), 0);
        options.mfa_code = "123456";
        expect_with(&options, "ASIAMFA");
        assert_sent(0, "Action=GetSessionToken");
        assert_sent(0, "SerialNumber=arn%3Aaws%3Aiam%3A%3A111122223333%3Amfa%2Fu&TokenCode=123456");
        options.mfa_code = NULL;
        expect_with(&options, "ASIAMFA");
        assert_int_equal(standin_requests(standin), 1);
        unsetenv("XDG_RUNTIME_DIR");
        options.mfa_code = "123457";
        expect_error_with(&options, ERROR_DENIED, "MFA device arn:aws:iam::111122223333:mfa/u");
}

static void
what_was_looked_at_is_what_the_client_gets_without_a_second_look(void **state)
{
        SERVE({ .body = SESSION("AssumeRole", "ASIA1") },
              { .body = SESSION("AssumeRole", "ASIA2") });
        struct aws_options options = { .profile = "r", .session_policy = "{}", .cut_others = true };
        struct credentials found = { 0 };
        struct error err = { 0 };

        write_file("credentials", 0600, BASE);
        write_file("config", 0600,
                   "[profile r]\nrole_arn = " ROLE("x") "\nsource_profile = base\n");
        struct aws_settings *settings = aws_settings_open(&options, &err);

        assert_non_null(settings);
        const struct credentials *seen = credentials_look(settings, &err);

        assert_non_null(seen);
        assert_true(seen->narrowed);
        assert_done(credentials_find(settings, &found, &err), err);
        assert_string_equal(found.access_key_id, "ASIA1");
        assert_int_equal(standin_requests(standin), 1);
        assert_done(credentials_find(settings, &found, &err), err);
        assert_string_equal(found.access_key_id, "ASIA2");
        credentials_clear(&found);
        aws_settings_free(settings);
}

static void
what_could_not_be_found_in_a_look_is_not_looked_for_twice(void **state)
{
        SERVE({ .status = 403, .body = REFUSAL("AccessDenied") });
        struct aws_options options = { .profile = "r" };
        struct credentials found = { 0 };
        struct error err = { 0 };

        write_file("credentials", 0600, BASE);
        write_file("config", 0600,
                   "[profile r]\nrole_arn = " ROLE("x") "\nsource_profile = base\n");
        struct aws_settings *settings = aws_settings_open(&options, &err);

        assert_non_null(settings);
        assert_null(credentials_look(settings, &err));
        err = (struct error){ 0 };
        assert_refused(credentials_find(settings, &found, &err), err, ERROR_ROLE_DENIED);
        assert_int_equal(standin_requests(standin), 1);
        aws_settings_free(settings);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                ROW(a_role_s_session_of_somebody_else_is_assumed_anew_where_the_role_trusts_itself),
                ROW(a_role_that_does_not_trust_itself_is_used_as_it_is_and_said_so),
                ROW(a_session_without_a_role_is_used_as_it_is),
                ROW(an_sts_that_fails_keeps_nobody_from_the_session_there_is),
                ROW(without_a_policy_and_for_long_term_keys_nothing_is_asked),
                ROW(a_web_identity_s_session_is_cut_as_well),
                ROW(a_user_s_own_keys_become_a_session_with_a_code_which_is_kept),
                ROW(what_was_looked_at_is_what_the_client_gets_without_a_second_look),
                ROW(what_could_not_be_found_in_a_look_is_not_looked_for_twice),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
