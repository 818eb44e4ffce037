#include "tests/unit/bench.h"

#include "base/clock.h"

/* -- the network -------------------------------------------------------------------------- */

static void
a_refused_connection_is_a_network_error_without_doubt(void **state)
{
        START({ 0 });
        CLEANUP(free_cleanup) char *url = text_copy(standin_url(bench.standin));

        stop(NULL);
        open_client(url, NULL);
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_kind(reply, ERROR_NETWORK);
        assert_false(reply->maybe_done);
        assert_non_null(strstr(reply->error.what, "127.0.0.1"));
        assert_int_equal(reply->attempts, 1);
        aws_reply_free(reply);
}

static void
an_answer_that_never_came_leaves_a_doubt(void **state)
{
        static const enum standin_deed deeds[] = { STANDIN_RESET, STANDIN_CLOSE, STANDIN_CUT };

        for (size_t i = 0; i < ARRAY_LENGTH(deeds); i++) {
                struct standin_step script = { .deed = deeds[i] };

                (void)state;
                start(&script, 1);
                struct aws_reply *reply = ask_once("IssueCertificate");

                assert_kind(reply, ERROR_NETWORK);
                assert_true(reply->maybe_done);
                aws_reply_free(reply);
                stop(NULL);
        }
}

static void
a_server_that_hangs_is_given_up_after_the_attempts_time(void **state)
{
        START({ .deed = STANDIN_HANG });

        aws_client_set_timeouts(bench.client, 200, 200);
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_kind(reply, ERROR_NETWORK);
        assert_true(reply->maybe_done);
        aws_reply_free(reply);
}

static void
garbage_is_named_as_such(void **state)
{
        START({ .deed = STANDIN_GARBAGE });
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_kind(reply, ERROR_AWS_ANSWER);
        assert_true(reply->maybe_done);
        aws_reply_free(reply);
}

static void
an_answer_over_the_bound_is_refused(void **state)
{
        START({ .deed = STANDIN_FLOOD });
        struct aws_reply *reply = ask_once("GetCertificate");

        assert_kind(reply, ERROR_AWS_ANSWER);
        assert_non_null(strstr(reply->error.what, "1 MiB"));
        aws_reply_free(reply);
}

static void
a_lost_connection_is_tried_again(void **state)
{
        START({ .deed = STANDIN_RESET }, { 0 });
        struct aws_call call = call_of("IssueCertificate");

        call.most_attempts = 2;
        struct aws_reply *reply = ask(&call);

        assert_true(reply->ok);
        assert_int_equal(reply->attempts, 2);
        aws_reply_free(reply);
        CLEANUP(free_cleanup) char *first = standin_request(bench.standin, 0);
        CLEANUP(free_cleanup) char *second = standin_request(bench.standin, 1);

        assert_string_equal(strstr(first, "\r\n\r\n"), strstr(second, "\r\n\r\n"));
}

static void
a_kept_connection_that_died_is_replaced_unnoticed(void **state)
{
        START({ .deed = STANDIN_ANSWER_CLOSE }, { 0 });

        aws_reply_free(ask_once("GetCertificate"));
        usleep(50 * 1000);
        struct aws_reply *reply = ask_once("GetCertificate");

        assert_true(reply->ok);
        assert_int_equal(reply->attempts, 1);
        aws_reply_free(reply);
}

static void
a_refusal_says_nothing_of_a_connection_that_died_before_it(void **state)
{
        START({ 0 }, { .deed = STANDIN_CLOSE },
              { .status = 400,
                .headers = "x-amzn-ErrorType: AccessDeniedException\r\n",
                .body = "{\"message\":\"no\"}" });

        aws_reply_free(ask_once("GetCertificate"));
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_kind(reply, ERROR_DENIED);
        assert_true(reply->maybe_done);
        aws_reply_free(reply);
        assert_int_equal(standin_requests(bench.standin), 3);
}

static void
a_kept_connection_is_not_replaced_after_the_last_moment(void **state)
{
        START({ 0 }, { .deed = STANDIN_CLOSE, .delay_ms = 300 }, { 0 });
        struct aws_call call = call_of("IssueCertificate");

        aws_reply_free(ask_once("GetCertificate"));
        call.no_attempt_after_ms = clock_boot_ms() + 100;
        struct aws_reply *reply = ask(&call);

        assert_kind(reply, ERROR_NETWORK);
        assert_true(reply->maybe_done);
        aws_reply_free(reply);
        assert_int_equal(standin_requests(bench.standin), 2);
}

static void
nothing_is_sent_after_the_last_moment(void **state)
{
        START({ 0 });
        struct aws_call call = call_of("IssueCertificate");

        call.no_attempt_after_ms = clock_boot_ms() - 1;
        struct aws_reply *reply = ask(&call);

        assert_false(reply->ok);
        assert_false(reply->maybe_done);
        assert_int_equal(reply->attempts, 0);
        aws_reply_free(reply);
        assert_int_equal(standin_requests(bench.standin), 0);
}

static void
no_retry_starts_after_the_last_moment(void **state)
{
        START({ .status = 500 });
        struct aws_call call = call_of("IssueCertificate");
        int64_t begun = clock_boot_ms();

        call.most_attempts = 100;
        call.no_attempt_after_ms = begun + 300;
        struct aws_reply *reply = ask(&call);

        assert_kind(reply, ERROR_AWS_UNAVAILABLE);
        assert_true(reply->maybe_done);
        assert_in_range(clock_boot_ms() - begun, 0, 400);
        aws_reply_free(reply);
}

static void
a_doubt_outlives_an_attempt_that_sent_nothing(void **state)
{
        START({ .deed = STANDIN_RESET });
        struct aws_call call = call_of("IssueCertificate");
        struct aws_reply *reply = NULL;

        call.most_attempts = 2;
        aws_send(bench.client, &call);
        while (standin_requests(bench.standin) < 1)
                aws_wait(bench.client, -1, 1);
        standin_stop(MOVE(bench.standin));
        while (!(reply = aws_receive(bench.client)))
                aws_wait(bench.client, -1, 1000);
        assert_kind(reply, ERROR_NETWORK);
        assert_int_equal(reply->attempts, 2);
        assert_true(reply->maybe_done);
        aws_reply_free(reply);
}

static void
a_redirect_is_not_followed(void **state)
{
        START({ .status = 307, .headers = "Location: /other\r\n" });
        struct aws_reply *reply = ask_once("GetCertificate");

        assert_kind(reply, ERROR_AWS_ANSWER);
        aws_reply_free(reply);
        assert_int_equal(standin_requests(bench.standin), 1);
}

/* -- where it goes ------------------------------------------------------------------------ */

static void
plain_http_stays_on_this_machine(void **state)
{
        (void)state;
        write_credentials("AKID", "secret");
        open_client("http://192.0.2.1", NULL);
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_kind(reply, ERROR_USAGE);
        assert_int_equal(reply->attempts, 0);
        aws_reply_free(reply);
}

static void
other_machines_are_asked_through_the_proxy_and_its_refusal_leaves_no_doubt(void **state)
{
        static const struct standin_step script[] = { { .status = 403 } };

        (void)state;
        write_credentials("AKID", "secret");
        bench.standin = standin_start(script, 1, NULL);
        setenv("https_proxy", standin_url(bench.standin), 1);
        open_client("https://pca.example", NULL);
        struct aws_reply *reply = ask_once("IssueCertificate");

        setenv("https_proxy", "http://127.0.0.1:1", 1);
        assert_kind(reply, ERROR_NETWORK);
        assert_false(reply->maybe_done);
        aws_reply_free(reply);
        CLEANUP(free_cleanup) char *request = standin_request(bench.standin, 0);

        assert_memory_equal(request, "CONNECT pca.example:443 HTTP/1.1\r\n", 34);
        assert_null(strstr(request, "Authorization"));
}

static void
start_tls(const char *name, bool trusted)
{
        static const struct standin_step script[] = { { 0 } };

        write_credentials("AKID", "secret");
        bench.standin = standin_start(script, 1, name);
        open_client(standin_url(bench.standin),
                    trusted ? standin_certificate(bench.standin) : NULL);
}

static void
tls_works_with_a_trusted_certificate_for_the_right_name(void **state)
{
        (void)state;
        start_tls("127.0.0.1", true);
        for (int i = 0; i < 2; i++) {
                struct aws_reply *reply = ask_once("IssueCertificate");

                assert_true(reply->ok);
                aws_reply_free(reply);
        }
        assert_int_equal(standin_connections(bench.standin), 1);
}

static void
tls_is_refused_before_a_byte_of_the_request_is_sent(void **state)
{
        static const struct {
                const char *name;
                bool trusted;
        } rows[] = { { "127.0.0.1", false }, { "other.example", true } };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                start_tls(rows[i].name, rows[i].trusted);
                struct aws_reply *reply = ask_once("IssueCertificate");

                assert_kind(reply, ERROR_TLS);
                assert_false(reply->maybe_done);
                assert_int_equal(standin_requests(bench.standin), 0);
                aws_reply_free(reply);
                stop(NULL);
        }
}

static void
a_tls_connection_that_breaks_does_not_end_the_program(void **state)
{
        static const struct standin_step script[] = { { .deed = STANDIN_ANSWER_CLOSE },
                                                      { .deed = STANDIN_RESET },
                                                      { .deed = STANDIN_CLOSE },
                                                      { .deed = STANDIN_RESET, .delay_ms = 50 },
                                                      { 0 } };

        (void)state;
        write_credentials("AKID", "secret");
        bench.standin = standin_start(script, ARRAY_LENGTH(script), "127.0.0.1");
        open_client(standin_url(bench.standin), standin_certificate(bench.standin));
        for (int i = 0; i < 4; i++) {
                aws_reply_free(ask_once("GetCertificate"));
                usleep(20 * 1000);
        }
        struct aws_reply *reply = ask_once("GetCertificate");

        assert_true(reply->ok);
        aws_reply_free(reply);
}

static void
a_ca_bundle_that_is_not_there_is_a_matter_of_configuration(void **state)
{
        static const struct standin_step script[] = { { 0 } };

        (void)state;
        write_credentials("AKID", "secret");
        bench.standin = standin_start(script, 1, "127.0.0.1");
        open_client(standin_url(bench.standin), "/nonexistent/ca.pem");
        struct aws_reply *reply = ask_once("IssueCertificate");

        assert_kind(reply, ERROR_CONFIG);
        aws_reply_free(reply);
}

int
main(void)
{
#define ROW(test) cmocka_unit_test_teardown(test, stop)
        const struct CMUnitTest tests[] = {
                ROW(a_refused_connection_is_a_network_error_without_doubt),
                ROW(an_answer_that_never_came_leaves_a_doubt),
                ROW(a_server_that_hangs_is_given_up_after_the_attempts_time),
                ROW(garbage_is_named_as_such),
                ROW(an_answer_over_the_bound_is_refused),
                ROW(a_lost_connection_is_tried_again),
                ROW(a_kept_connection_that_died_is_replaced_unnoticed),
                ROW(a_refusal_says_nothing_of_a_connection_that_died_before_it),
                ROW(a_kept_connection_is_not_replaced_after_the_last_moment),
                ROW(nothing_is_sent_after_the_last_moment),
                ROW(no_retry_starts_after_the_last_moment),
                ROW(a_doubt_outlives_an_attempt_that_sent_nothing),
                ROW(a_redirect_is_not_followed),
                ROW(plain_http_stays_on_this_machine),
                ROW(other_machines_are_asked_through_the_proxy_and_its_refusal_leaves_no_doubt),
                ROW(tls_works_with_a_trusted_certificate_for_the_right_name),
                ROW(tls_is_refused_before_a_byte_of_the_request_is_sent),
                ROW(a_tls_connection_that_breaks_does_not_end_the_program),
                ROW(a_ca_bundle_that_is_not_there_is_a_matter_of_configuration),
        };

        return cmocka_run_group_tests_name("client-network", tests, make_folder, remove_folder);
}
