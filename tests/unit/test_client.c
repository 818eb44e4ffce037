#include "tests/unit/bench.h"

#include <time.h>

#include "aws/sigv4.h"
#include "base/clock.h"

/* -- the ordinary case -------------------------------------------------------------------- */

static void
a_call_goes_out_signed_and_its_answer_comes_back(void **state)
{
        START({ .headers = "x-amzn-RequestId: r-1\r\n", .body = "{\"CertificateArn\":\"x\"}" });
        struct aws_call call = call_of("IssueCertificate");
        int tag = 0;

        call.tag = &tag;
        struct aws_reply *reply = ask(&call);

        assert_true(reply->ok);
        assert_ptr_equal(reply->tag, &tag);
        assert_string_equal(reply->operation, "IssueCertificate");
        assert_string_equal(buf_text(&reply->body), "{\"CertificateArn\":\"x\"}");
        assert_string_equal(reply->request_id, "r-1");
        assert_int_equal(reply->attempts, 1);
        aws_reply_free(reply);
        CLEANUP(free_cleanup) char *request = standin_request(bench.standin, 0);

        assert_memory_equal(request, "POST / HTTP/1.1\r\n", 17);
        assert_non_null(strstr(request, "\r\nContent-Type: application/x-amz-json-1.1\r\n"));
        assert_non_null(strstr(request, "\r\nX-Amz-Target: ACMPrivateCA.IssueCertificate\r\n"));
        assert_non_null(strstr(request, "\r\nUser-Agent: p11cert/"));
        assert_non_null(strstr(request, "\r\n\r\n{\"A\":1}"));
        assert_null(strcasestr(request, "\r\nExpect:"));
        assert_null(strcasestr(request, "\r\nX-Amz-Security-Token:"));
}

/* The Authorization header that a request should have had. */
static void
expect_authorization(unsigned index, const char *id, const char *secret, const char *token)
{
        CLEANUP(free_cleanup) char *host = standin_header(bench.standin, index, "Host");
        CLEANUP(free_cleanup) char *date = standin_header(bench.standin, index, "X-Amz-Date");
        CLEANUP(free_cleanup) char *sent = standin_header(bench.standin, index, "Authorization");
        CLEANUP(buf_cleanup) struct buf expected = { 0 };
        CLEANUP(secret_cleanup) struct secret key = { 0 };
        struct sigv4_scope scope = { .region = "eu-central-1", .service = "acm-pca" };
        struct sigv4_header headers[] = { { "content-type", "application/x-amz-json-1.1" },
                                          { "host", host },
                                          { "x-amz-date", date },
                                          { "x-amz-target", "ACMPrivateCA.GetCertificate" },
                                          { "x-amz-security-token", token } };
        struct sigv4_request request = { .method = "POST",
                                         .path = "/",
                                         .headers = headers,
                                         .header_count = token ? 5 : 4,
                                         .body = view_text("{\"A\":1}"),
                                         .normalize_path = true };

        assert_int_equal(strlen(date), 16);
        memcpy(scope.date_time, date, 17);
        secret_set(&key, view_text(secret));
        sigv4_authorization(&request, &scope, id, &key, &expected);
        assert_string_equal(sent, buf_text(&expected));
}

static void
the_signature_covers_what_really_goes_out(void **state)
{
        START({ 0 });

        aws_reply_free(ask_once("GetCertificate"));
        expect_authorization(0, "AKIDFIRST", "secret-one", NULL);
}

static void
a_session_token_is_sent_and_signed(void **state)
{
        setenv("AWS_ACCESS_KEY_ID", "ASIAENV", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "secret-env", 1);
        setenv("AWS_SESSION_TOKEN", "to/ken+==", 1);
        START({ 0 });

        aws_reply_free(ask_once("GetCertificate"));
        unsetenv("AWS_ACCESS_KEY_ID");
        unsetenv("AWS_SECRET_ACCESS_KEY");
        unsetenv("AWS_SESSION_TOKEN");
        CLEANUP(free_cleanup)
        char *token = standin_header(bench.standin, 0, "X-Amz-Security-Token");

        assert_string_equal(token, "to/ken+==");
        expect_authorization(0, "ASIAENV", "secret-env", "to/ken+==");
}

static void
the_user_agent_says_what_we_are_and_nothing_that_breaks_a_header(void **state)
{
        setenv("AWS_SDK_UA_APP_ID", "line 3/\xC3\xA4", 1);
        setenv("AWS_EXECUTION_ENV", "AWS_Lambda\r\nX-Evil: 1", 1);
        START({ 0 });

        aws_reply_free(ask_once("GetCertificate"));
        unsetenv("AWS_SDK_UA_APP_ID");
        unsetenv("AWS_EXECUTION_ENV");
        CLEANUP(free_cleanup) char *agent = standin_header(bench.standin, 0, "User-Agent");
        CLEANUP(free_cleanup) char *evil = standin_header(bench.standin, 0, "X-Evil");

        assert_memory_equal(agent, "p11cert/", 8);
        assert_non_null(strstr(agent, " ua/2.1 os/linux#"));
        assert_non_null(strstr(agent, " lang/c cfg/retry-mode#standard "));
        assert_non_null(strstr(agent, " exec-env/AWS_Lambda--X-Evil--1"));
        assert_string_equal(strstr(agent, " app/"), " app/line-3---");
        assert_string_equal(evil, "");
}

static void
one_connection_serves_call_after_call(void **state)
{
        START({ 0 });

        for (int i = 0; i < 5; i++)
                aws_reply_free(ask_once("GetCertificate"));
        assert_int_equal(standin_requests(bench.standin), 5);
        assert_int_equal(standin_connections(bench.standin), 1);
}

static void
calls_run_side_by_side_and_keep_their_tags(void **state)
{
        START({ .delay_ms = 200 });
        int tags[8];
        bool seen[8] = { 0 };
        int64_t begun = clock_boot_ms();

        for (size_t i = 0; i < ARRAY_LENGTH(tags); i++) {
                struct aws_call call = call_of("GetCertificate");

                call.tag = &tags[i];
                aws_send(bench.client, &call);
        }
        assert_int_equal(aws_pending(bench.client), 8);
        while (aws_pending(bench.client)) {
                struct aws_reply *reply;

                aws_wait(bench.client, -1, 1000);
                while ((reply = aws_receive(bench.client))) {
                        assert_true(reply->ok);
                        seen[(int *)reply->tag - tags] = true;
                        aws_reply_free(reply);
                }
        }
        for (size_t i = 0; i < ARRAY_LENGTH(seen); i++)
                assert_true(seen[i]);
        assert_in_range(clock_boot_ms() - begun, 200, 1000);
}

static void
send_calls(unsigned count)
{
        struct aws_call call = call_of("GetCertificate");

        while (count--)
                aws_send(bench.client, &call);
}

static unsigned
receive_all(void)
{
        struct aws_reply *reply;
        unsigned count = 0;

        for (; (reply = aws_receive(bench.client)); count++)
                aws_reply_free(reply);
        return count;
}

/* Time enough for every answer to lie in its socket, and for one more call to be under way. */
static void
what_came_in_meanwhile_comes_with_one_wait(void **state)
{
        START({ 0 });

        send_calls(8);
        for (unsigned count = 0; count < 8; count += receive_all())
                aws_wait(bench.client, -1, 1000);
        for (unsigned count = 8; count; count--) {
                send_calls(1);
                usleep(30 * 1000);
        }
        aws_wait(bench.client, -1, 1000);
        assert_int_equal(receive_all(), 8);
}

static void
one_call_can_simply_be_waited_for(void **state)
{
        START({ .body = "{\"B\":2}" },
              { .status = 400, .body = "{\"__type\":\"InvalidArnException\"}" });
        struct aws_call call = call_of("DescribeCertificateAuthority");
        CLEANUP(buf_cleanup) struct buf body = { 0 };
        struct error err = { 0 };

        assert_done(aws_call(bench.client, &call, &body, &err), err);
        assert_string_equal(buf_text(&body), "{\"B\":2}");
        assert_refused(aws_call(bench.client, &call, &body, &err), err, ERROR_REQUEST_REFUSED);
        assert_string_equal(buf_text(&body), "{\"B\":2}");
}

static void
a_readable_descriptor_ends_the_wait(void **state)
{
        START({ .deed = STANDIN_HANG });
        struct aws_call call = call_of("GetCertificate");
        int ends[2];
        int64_t begun = clock_boot_ms();

        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], "x", 1), 1);
        aws_send(bench.client, &call);
        aws_wait(bench.client, ends[0], 5000);
        assert_in_range(clock_boot_ms() - begun, 0, 1000);
        assert_int_equal(aws_pending(bench.client), 1);
        close(ends[0]);
        close(ends[1]);
}

/* -- refusals and doubts ------------------------------------------------------------------ */

static void
a_code_decides_about_kind_retry_and_doubt(void **state)
{
        static const struct {
                int status;
                const char *headers;
                const char *body;
                enum error_kind kind;
                bool retried;
                bool doubt;
        } rows[] = {
                { 400, NULL, "{\"__type\":\"AccessDeniedException\"}", ERROR_DENIED, false, false },
                { 500, NULL, "{\"__type\":\"AccessDeniedException\"}", ERROR_DENIED, false, false },
                { 400, NULL, "{\"__type\":\"LimitExceededException\"}", ERROR_CA_QUOTA, false,
                  false },
                { 400, NULL, "{\"__type\":\"RequestInProgressException\"}", ERROR_PENDING, false,
                  false },
                { 400, NULL, "{\"__type\":\"ThrottlingException\"}", ERROR_THROTTLED, true, false },
                { 503, NULL, "{\"__type\":\"ThrottlingException\"}", ERROR_THROTTLED, true, false },
                { 400, "x-amzn-ErrorType: InvalidStateException:http://x\r\n", "{}", ERROR_CA_STATE,
                  false, false },
                { 400, NULL, "{\"__type\":\"InternalFailure\"}", ERROR_AWS_UNAVAILABLE, true,
                  true },
                { 500, NULL, "{}", ERROR_AWS_UNAVAILABLE, true, true },
                { 502, NULL, "<html>Bad Gateway</html>", ERROR_AWS_UNAVAILABLE, true, true },
                { 503, NULL, "", ERROR_AWS_UNAVAILABLE, true, true },
                { 501, NULL, "", ERROR_AWS_UNAVAILABLE, false, true },
                { 403, NULL, "<html>no</html>", ERROR_AWS_ANSWER, false, true },
                { 400, NULL, "{\"__type\":\"NeverHeardOfException\"}", ERROR_AWS, false, false },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct standin_step script = { .status = rows[i].status,
                                               .headers = rows[i].headers,
                                               .body = rows[i].body };
                struct aws_call call = call_of("IssueCertificate");

                print_message("  %d %s\n", rows[i].status, rows[i].body);
                start(&script, 1);
                call.most_attempts = rows[i].retried ? 2 : 3;
                struct aws_reply *reply = ask(&call);

                assert_kind(reply, rows[i].kind);
                assert_int_equal(reply->attempts, rows[i].retried ? 2 : 1);
                assert_int_equal(reply->maybe_done, rows[i].doubt);
                aws_reply_free(reply);
                stop(NULL);
        }
}

static void
a_doubt_outlives_a_later_refusal(void **state)
{
        START({ .deed = STANDIN_CLOSE },
              { .status = 400, .body = "{\"__type\":\"AccessDeniedException\"}" });
        struct aws_call call = call_of("IssueCertificate");

        call.most_attempts = 2;
        struct aws_reply *reply = ask(&call);

        assert_kind(reply, ERROR_DENIED);
        assert_true(reply->maybe_done);
        aws_reply_free(reply);
}

static void
what_aws_said_is_kept(void **state)
{
        START({ .status = 400,
                .headers = "x-amzn-RequestId: r-7\r\n",
                .body = "{\"__type\":\"com.amazonaws.acmpca#InvalidArgsException\","
                        "\"message\":\"no\\nway\"}" });
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_string_equal(reply->error.aws.code, "InvalidArgsException");
        assert_string_equal(reply->error.aws.message, "no way");
        assert_string_equal(reply->error.aws.request_id, "r-7");
        assert_string_equal(reply->request_id, "r-7");
        aws_reply_free(reply);
}

/* -- throttling and waiting --------------------------------------------------------------- */

static void
throttling_is_counted_and_waited_out(void **state)
{
        START({ .status = 400, .body = "{\"__type\":\"ThrottlingException\"}" }, { 0 });
        struct aws_call call = call_of("GetCertificate");

        call.most_attempts = 0;
        struct aws_reply *reply = ask(&call);

        assert_true(reply->ok);
        assert_int_equal(reply->attempts, 2);
        assert_int_equal(reply->throttled, 1);
        aws_reply_free(reply);
}

static void
the_service_says_how_long_to_wait_and_others_go_on_meanwhile(void **state)
{
        START({ .status = 503, .headers = "x-amz-retry-after: 1100\r\n" }, { 0 });
        struct aws_call call = call_of("IssueCertificate");
        int tag = 0;
        int64_t begun = clock_boot_ms();

        call.tag = &tag;
        call.most_attempts = 2;
        aws_send(bench.client, &call);
        while (standin_requests(bench.standin) < 1)
                aws_wait(bench.client, -1, 10);
        for (int i = 0; i < 5; i++)
                aws_wait(bench.client, -1, 10);
        struct aws_reply *other = ask_once("GetCertificate");

        assert_true(other->ok);
        assert_string_equal(other->operation, "GetCertificate");
        assert_in_range(clock_boot_ms() - begun, 0, 900);
        aws_reply_free(other);
        struct aws_reply *reply = NULL;

        while (!(reply = aws_receive(bench.client)))
                aws_wait(bench.client, -1, 1000);
        assert_true(reply->ok);
        assert_ptr_equal(reply->tag, &tag);
        assert_in_range(clock_boot_ms() - begun, 1100, 3000);
        aws_reply_free(reply);
}

static void
a_cancelled_call_ends_with_its_last_error(void **state)
{
        START({ .status = 400,
                .headers = "x-amz-retry-after: 3000\r\n",
                .body = "{\"__type\":\"ThrottlingException\"}" });
        struct aws_call call = call_of("GetCertificate");

        call.most_attempts = 3;
        aws_send(bench.client, &call);
        for (int i = 0; i < 10; i++)
                aws_wait(bench.client, -1, 20);
        assert_null(aws_receive(bench.client));
        aws_cancel(bench.client);
        struct aws_reply *reply = aws_receive(bench.client);

        assert_non_null(reply);
        assert_kind(reply, ERROR_THROTTLED);
        assert_int_equal(reply->attempts, 1);
        aws_reply_free(reply);
}

static void
who_has_a_pace_of_its_own_hears_of_the_first_throttling(void **state)
{
        START({ .status = 400, .body = "{\"__type\":\"ThrottlingException\"}" });
        struct aws_call call = call_of("GetCertificate");

        call.most_attempts = 3;
        call.throttled_once = true;
        struct aws_reply *reply = ask(&call);

        assert_kind(reply, ERROR_THROTTLED);
        assert_int_equal(reply->attempts, 1);
        assert_int_equal(reply->throttled, 1);
        aws_reply_free(reply);
}

static void
attempts_are_counted_as_configured(void **state)
{
        setenv("AWS_MAX_ATTEMPTS", "1", 1);
        START({ .status = 500 });
        struct aws_call call = call_of("GetCertificate");

        call.most_attempts = 0;
        struct aws_reply *reply = ask(&call);

        assert_int_equal(reply->attempts, 1);
        aws_reply_free(reply);
}

/* -- clock and credentials ---------------------------------------------------------------- */

/* "Signature expired" as a server whose clock is an hour ahead says it. */
static char *
skewed_body(int64_t server)
{
        char now[17];

        sigv4_date_time(server, now);
        return text_format("{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature "
                           "expired: 20230822T072529Z is now earlier than 20230822T193257Z "
                           "(%s - 15 min.)\"}",
                           now);
}

static int64_t
time_of_request(unsigned index)
{
        CLEANUP(free_cleanup) char *text = standin_header(bench.standin, index, "X-Amz-Date");
        int y, mo, d, h, mi, s;

        assert_int_equal(sscanf(text, "%4d%2d%2dT%2d%2d%2dZ", &y, &mo, &d, &h, &mi, &s), 6);
        return clock_civil(y, mo, d, h, mi, s);
}

static void
a_skewed_clock_is_measured_and_corrected_once(void **state)
{
        int64_t server = clock_now() + 3600;
        CLEANUP(free_cleanup) char *body = skewed_body(server);
        struct standin_step script[] = { { .status = 400, .body = body }, { 0 }, { 0 } };

        (void)state;
        start(script, 3);
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_true(reply->ok);
        assert_int_equal(reply->attempts, 2);
        aws_reply_free(reply);
        assert_in_range(time_of_request(1), server, server + 10);
        assert_in_range(aws_clock_offset(bench.client), 3590, 3610);
        aws_reply_free(ask_once("IssueCertificate"));
        assert_int_equal(standin_requests(bench.standin), 3);
        assert_in_range(time_of_request(2), server, server + 10);
}

static void
calls_that_were_signed_before_the_correction_are_corrected_too(void **state)
{
        CLEANUP(free_cleanup) char *body = skewed_body(clock_now() + 3600);
        struct standin_step script[] = { { .status = 400, .body = body, .delay_ms = 100 },
                                         { .status = 400, .body = body, .delay_ms = 100 },
                                         { .status = 400, .body = body, .delay_ms = 100 },
                                         { 0 } };
        struct aws_call call = call_of("IssueCertificate");
        struct aws_reply *reply;

        (void)state;
        start(script, ARRAY_LENGTH(script));
        for (int i = 0; i < 3; i++)
                aws_send(bench.client, &call);
        while (aws_pending(bench.client)) {
                aws_wait(bench.client, -1, 1000);
                while ((reply = aws_receive(bench.client))) {
                        assert_true(reply->ok);
                        assert_int_equal(reply->attempts, 2);
                        aws_reply_free(reply);
                }
        }
}

static void
a_clock_that_stays_wrong_is_named(void **state)
{
        CLEANUP(free_cleanup) char *body = skewed_body(clock_now() + 3600);
        struct standin_step script = { .status = 400, .body = body };

        (void)state;
        start(&script, 1);
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_kind(reply, ERROR_CLOCK);
        assert_int_equal(reply->attempts, 2);
        assert_false(reply->maybe_done);
        assert_non_null(strstr(reply->error.what, "behind AWS"));
        aws_reply_free(reply);
}

static void
a_clock_that_jumps_is_followed_once(void **state)
{
        CLEANUP(free_cleanup) char *first = skewed_body(clock_now() + 3600);
        CLEANUP(free_cleanup) char *second = skewed_body(clock_now() + 3 * 3600);
        struct standin_step script[] = { { .status = 400, .body = first },
                                         { .status = 400, .body = second },
                                         { 0 } };

        (void)state;
        start(script, ARRAY_LENGTH(script));
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_kind(reply, ERROR_CLOCK);
        assert_int_equal(reply->attempts, 2);
        aws_reply_free(reply);
}

static void
with_a_corrected_clock_a_wrong_secret_is_still_told_apart(void **state)
{
        int64_t server = clock_now() + 3600;
        CLEANUP(free_cleanup) char *skewed = skewed_body(server);
        char date[64];
        time_t when = (time_t)server;
        struct standin_step script[] = {
                { .status = 400, .body = skewed },
                { 0 },
                { .status = 400,
                  .headers = date,
                  .body = "{\"__type\":\"InvalidSignatureException\",\"message\":\"no\"}" },
        };

        (void)state;
        strftime(date, sizeof(date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime(&when));
        start(script, ARRAY_LENGTH(script));
        aws_reply_free(ask_once("IssueCertificate"));
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_kind(reply, ERROR_CREDENTIALS_REFUSED);
        assert_int_equal(reply->attempts, 1);
        aws_reply_free(reply);
}

static void
the_date_header_serves_where_the_message_has_no_time(void **state)
{
        START({ .status = 400,
                .headers = "Date: Tue, 01 Jan 2030 00:00:00 GMT\r\n",
                .body = "{\"__type\":\"InvalidSignatureException\",\"message\":\"no\"}" },
              { 0 });
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_true(reply->ok);
        aws_reply_free(reply);
        assert_in_range(time_of_request(1), clock_civil(2030, 1, 1, 0, 0, 0),
                        clock_civil(2030, 1, 1, 0, 0, 10));
}

static void
a_wrong_secret_is_not_mistaken_for_a_wrong_clock(void **state)
{
        START({ .status = 400,
                .body = "{\"__type\":\"InvalidSignatureException\",\"message\":\"The request "
                        "signature we calculated does not match\"}" });
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_kind(reply, ERROR_CREDENTIALS_REFUSED);
        assert_int_equal(reply->attempts, 1);
        aws_reply_free(reply);
}

static void
expired_credentials_are_read_anew_once(void **state)
{
        START({ .status = 400, .body = "{\"__type\":\"ExpiredTokenException\"}" }, { 0 });
        const char *id = NULL;
        const char *origin = NULL;
        struct error err = { 0 };

        assert_done(aws_client_identity(bench.client, &id, &origin, &err), err);
        assert_string_equal(id, "AKIDFIRST");
        write_credentials("AKIDSECOND", "secret-two");
        struct aws_reply *reply = ask_once("GetCertificate");

        assert_true(reply->ok);
        assert_int_equal(reply->attempts, 2);
        aws_reply_free(reply);
        expect_authorization(0, "AKIDFIRST", "secret-one", NULL);
        expect_authorization(1, "AKIDSECOND", "secret-two", NULL);
}

static void
expired_credentials_without_newer_ones_end_the_call(void **state)
{
        START({ .status = 400, .body = "{\"__type\":\"ExpiredTokenException\"}" });
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_kind(reply, ERROR_CREDENTIALS_EXPIRED);
        assert_int_equal(reply->attempts, 1);
        assert_false(reply->maybe_done);
        aws_reply_free(reply);
}

static void
credentials_that_expire_again_and_again_end_the_call(void **state)
{
        static const char config[] = "[profile p]\ncredential_process = sh -c 'echo "
                                     "\\{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"P$$\\\","
                                     "\\\"SecretAccessKey\\\":\\\"s\\\"\\}'\n";
        CLEANUP(free_cleanup) char *path = text_format("%s/config", folder);
        struct error err = { 0 };

        assert_done(file_write(path, 0600, view_text(config), &err), err);
        setenv("AWS_PROFILE", "p", 1);
        START({ .status = 400, .body = "{\"__type\":\"ExpiredTokenException\"}" });
        struct aws_reply *reply = ask_once("IssueCertificate");

        unsetenv("AWS_PROFILE");
        unlink(path);
        assert_kind(reply, ERROR_CREDENTIALS_EXPIRED);
        assert_int_equal(reply->attempts, 2);
        aws_reply_free(reply);
        CLEANUP(free_cleanup) char *first = standin_header(bench.standin, 0, "Authorization");
        CLEANUP(free_cleanup) char *second = standin_header(bench.standin, 1, "Authorization");

        assert_string_not_equal(first, second);
        assert_non_null(strstr(first, "Credential=P"));
}

static void
why_no_newer_credentials_are_found_is_said(void **state)
{
        START({ .status = 400, .body = "{\"__type\":\"ExpiredTokenException\"}" });
        const char *id = NULL;
        const char *origin = NULL;
        struct error err = { 0 };

        assert_done(aws_client_identity(bench.client, &id, &origin, &err), err);
        write_credentials("AKIDSECOND", "");
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_kind(reply, ERROR_CREDENTIALS_EXPIRED);
        assert_non_null(strstr(reply->error.what, "no secret access key"));
        assert_string_equal(reply->error.aws.code, "ExpiredTokenException");
        aws_reply_free(reply);
}

static void
without_credentials_nothing_is_sent(void **state)
{
        START({ 0 });
        CLEANUP(free_cleanup) char *path = text_format("%s/credentials", folder);

        unlink(path);
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_kind(reply, ERROR_CREDENTIALS_MISSING);
        assert_int_equal(reply->attempts, 0);
        aws_reply_free(reply);
        assert_int_equal(standin_connections(bench.standin), 0);
}

int
main(void)
{
#define ROW(test) cmocka_unit_test_teardown(test, stop)
        const struct CMUnitTest tests[] = {
                ROW(a_call_goes_out_signed_and_its_answer_comes_back),
                ROW(the_signature_covers_what_really_goes_out),
                ROW(a_session_token_is_sent_and_signed),
                ROW(the_user_agent_says_what_we_are_and_nothing_that_breaks_a_header),
                ROW(one_connection_serves_call_after_call),
                ROW(calls_run_side_by_side_and_keep_their_tags),
                ROW(what_came_in_meanwhile_comes_with_one_wait),
                ROW(one_call_can_simply_be_waited_for),
                ROW(a_readable_descriptor_ends_the_wait),
                ROW(a_code_decides_about_kind_retry_and_doubt),
                ROW(a_doubt_outlives_a_later_refusal),
                ROW(what_aws_said_is_kept),
                ROW(throttling_is_counted_and_waited_out),
                ROW(the_service_says_how_long_to_wait_and_others_go_on_meanwhile),
                ROW(a_cancelled_call_ends_with_its_last_error),
                ROW(who_has_a_pace_of_its_own_hears_of_the_first_throttling),
                ROW(attempts_are_counted_as_configured),
                ROW(a_skewed_clock_is_measured_and_corrected_once),
                ROW(calls_that_were_signed_before_the_correction_are_corrected_too),
                ROW(a_clock_that_stays_wrong_is_named),
                ROW(a_clock_that_jumps_is_followed_once),
                ROW(with_a_corrected_clock_a_wrong_secret_is_still_told_apart),
                ROW(the_date_header_serves_where_the_message_has_no_time),
                ROW(a_wrong_secret_is_not_mistaken_for_a_wrong_clock),
                ROW(expired_credentials_are_read_anew_once),
                ROW(expired_credentials_without_newer_ones_end_the_call),
                ROW(credentials_that_expire_again_and_again_end_the_call),
                ROW(why_no_newer_credentials_are_found_is_said),
                ROW(without_credentials_nothing_is_sent),
        };

        return cmocka_run_group_tests_name("client", tests, make_folder, remove_folder);
}
