/* Validity, throttling, faults, and the heap of waiting answers: what decides without I/O. */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "base/clock.h"
#include "localpca/exchange.h"
#include "localpca/fault.h"
#include "localpca/throttle.h"
#include "localpca/validity.h"

static int64_t
at(const char *text)
{
        int64_t when = 0;

        assert_true(clock_parse(text, &when));
        return when;
}

static void
validity_is_counted_from_now_or_read_as_a_date(void **state)
{
        static const struct {
                const char *type;
                int64_t value;
                const char *expected; /* NULL: refused */
        } rows[] = {
                { "DAYS", 1, "2028-02-01T10:11:12Z" },
                { "DAYS", 30, "2028-03-01T10:11:12Z" },
                { "MONTHS", 1, "2028-02-29T10:11:12Z" }, /* the month's last day */
                { "MONTHS", 13, "2029-02-28T10:11:12Z" },
                { "YEARS", 1, "2029-01-31T10:11:12Z" },
                { "ABSOLUTE", 1900000000, "2030-03-17T17:46:40Z" },
                { "END_DATE", 300131235959, "2030-01-31T23:59:59Z" },
                { "END_DATE", 20300131235959, "2030-01-31T23:59:59Z" },
                { "END_DATE", 990131235959, "1999-01-31T23:59:59Z" },
                { "END_DATE", 491231235959, "2049-12-31T23:59:59Z" },
                { "END_DATE", 500101000000, "1950-01-01T00:00:00Z" },
                { "END_DATE", 100101000000, "2010-01-01T00:00:00Z" },
                { "END_DATE", 99991231235959, "9999-12-31T23:59:59Z" },
                { "END_DATE", 90101000000, NULL }, /* 2009 has lost its zero */
                { "END_DATE", 2030013123595, NULL },
                { "END_DATE", 202301312359591, NULL },
                { "END_DATE", 20300231000000, NULL },
                { "END_DATE", 20301301000000, NULL },
                { "END_DATE", 20300101240000, NULL },
                { "END_DATE", 1, NULL },
                { "DAYS", 9223372036854774784, NULL },
                { "YEARS", 7990, NULL },
                { "ABSOLUTE", 253402300800, NULL },
        };
        int64_t now = at("2028-01-31T10:11:12Z");

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct refusal refusal = { 0 };
                char text[CLOCK_TEXT];
                int64_t end = 0;
                bool done = validity_resolve("validity", rows[i].type, rows[i].value, now, &end,
                                             &refusal);
                if (done != (rows[i].expected != NULL) ||
                    (done && strcmp(clock_format(end, text), rows[i].expected) != 0))
                        fail_msg("%s %lld gives %s", rows[i].type, (long long)rows[i].value,
                                 done ? text : buf_text(&refusal.message));
                refusal_clear(&refusal);
        }
}

static void
a_bucket_gives_its_rate_and_a_burst_of_one_second(void **state)
{
        struct throttle *throttle = throttle_new();
        struct error err = { 0 };
        int taken = 0;

        (void)state;
        assert_done(throttle_set(throttle, "IssueCertificate=25/s", &err), err);
        for (int i = 0; i < 100; i++)
                taken += throttle_take(throttle, "IssueCertificate", "1", 1000);
        assert_int_equal(taken, 25);
        assert_true(throttle_take(throttle, "IssueCertificate", "2", 1000)); /* another account */
        assert_true(throttle_take(throttle, "GetCertificate", "1", 1000));   /* another operation */
        assert_false(throttle_take(throttle, "IssueCertificate", "1", 1039));
        assert_true(throttle_take(throttle, "IssueCertificate", "1", 1040));
        assert_done(throttle_set(throttle, "IssueCertificate=off", &err), err);
        for (int i = 0; i < 100; i++)
                assert_true(throttle_take(throttle, "IssueCertificate", "1", 1040));
        throttle_free(throttle);
}

static void
rates_that_make_no_sense_are_refused(void **state)
{
        static const char *const rules[] = { "IssueCertificate",
                                             "Nothing=1/s",
                                             "IssueCertificate=",
                                             "IssueCertificate=-1",
                                             "IssueCertificate=1/m",
                                             "IssueCertificate=0",
                                             "=1/s" };
        struct throttle *throttle = throttle_new();

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rules); i++) {
                struct error err = { 0 };
                assert_refused(throttle_set(throttle, rules[i], &err), err, ERROR_USAGE);
        }
        throttle_free(throttle);
}

static void
documented_rates_can_be_had_at_once(void **state)
{
        struct throttle *throttle = throttle_new();
        struct error err = { 0 };

        (void)state;
        assert_done(throttle_set(throttle, "aws", &err), err);
        assert_true(throttle_take(throttle, "CreatePermission", "1", 1000));
        assert_false(throttle_take(throttle, "CreatePermission", "1", 1000));
        throttle_free(throttle);
}

static struct faults *
faults_with(const char *rule)
{
        struct faults *faults = faults_new(7);
        struct error err = { 0 };

        assert_done(faults_add(faults, rule, &err), err);
        return faults;
}

static void
a_rule_strikes_when_it_says(void **state)
{
        static const struct {
                const char *rule;
                unsigned strikes; /* of the first ten requests, a bit each */
        } rows[] = {
                { "GetCertificate:http=500", 0x3ff },
                { "*:http=500", 0x3ff },
                { "IssueCertificate:http=500", 0 },
                { "GetCertificate:every=3:http=500", 0x124 },
                { "GetCertificate:at=2:http=500", 0x002 },
                { "GetCertificate:first=4:http=500", 0x00f },
                { "GetCertificate:p=1:http=500", 0x3ff },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct faults *faults = faults_with(rows[i].rule);
                unsigned strikes = 0;
                for (unsigned request = 0; request < 10; request++)
                        if (faults_next(faults, "GetCertificate").http == 500)
                                strikes |= 1U << request;
                if (strikes != rows[i].strikes)
                        fail_msg("%s strikes at %#x", rows[i].rule, strikes);
                faults_free(faults);
        }
}

static void
chances_are_kept_and_repeat_with_the_seed(void **state)
{
        struct faults *one = faults_with("GetCertificate:p=0.25:throttle");
        struct faults *two = faults_with("GetCertificate:p=0.25:throttle");
        int strikes = 0;

        (void)state;
        for (int i = 0; i < 10000; i++) {
                struct fault fault = faults_next(one, "GetCertificate");
                assert_string_equal(fault.error, faults_next(two, "GetCertificate").error);
                strikes += fault.error[0] != '\0';
        }
        assert_in_range(strikes, 2300, 2700);
        faults_free(one);
        faults_free(two);
}

static void
several_words_and_several_rules_add_up(void **state)
{
        struct faults *faults = faults_with("GetCertificate:reset=after:slow=5");
        struct error err = { 0 };

        (void)state;
        assert_done(faults_add(faults, "GetCertificate:chain=garbage:error=LimitExceededException",
                               &err),
                    err);
        struct fault fault = faults_next(faults, "GetCertificate");
        assert_true(fault.reset_after && fault.garbled_chain);
        assert_false(fault.reset_before);
        assert_int_equal(fault.slow_ms, 5);
        assert_string_equal(fault.error, "LimitExceededException");
        assert_int_equal(faults_count(faults), 2);
        assert_string_equal(faults_rule(faults, 0), "GetCertificate:reset=after:slow=5");
        faults_clear(faults);
        assert_int_equal(faults_count(faults), 0);
        assert_false(faults_next(faults, "GetCertificate").reset_after);
        faults_free(faults);
}

static void
rules_that_make_no_sense_are_refused(void **state)
{
        static const char *const rules[] = {
                "",
                "GetCertificate",
                "GetCertificate:",
                ":http=500",
                "GetCertificates:http=500",
                "ListTags:what",
                "ListTags:p=2:http=500",
                "ListTags:p=nan:http=500",
                "ListTags:http=99",
                "ListTags:at=0",
                "ListTags:every=-1:reset=after",
                "ListTags:reset=between",
                "ListTags:slow=x",
                "ListTags:error=",
        };
        struct faults *faults = faults_new(1);

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rules); i++) {
                struct error err = { 0 };
                if (faults_add(faults, rules[i], &err))
                        fail_msg("'%s' is taken", rules[i]);
        }
        faults_free(faults);
}

static void
a_misspelt_operation_is_named_with_the_one_that_was_meant(void **state)
{
        struct faults *faults = faults_new(1);
        struct error err = { 0 };

        (void)state;
        assert_refused(faults_add(faults, "IsueCertificate:http=500", &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.next, "IssueCertificate"));
        faults_free(faults);
}

static void
a_script_says_what_happens_to_each_request_in_turn(void **state)
{
        char path[] = "/tmp/localpca-script-XXXXXX";
        int fd = mkstemp(path);
        static const char script[] = "# two lines\nhttp=500\n\nreset=after:slow=3\n";
        struct error err = { 0 };

        (void)state;
        assert_true(fd >= 0);
        assert_int_equal(write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
        close(fd);
        char *rule = text_format("GetCertificate:script=%s", path);
        struct faults *faults = faults_with(rule);
        assert_int_equal(faults_next(faults, "GetCertificate").http, 500);
        assert_int_equal(faults_next(faults, "GetCertificate").http, 0);
        assert_true(faults_next(faults, "GetCertificate").reset_after);
        assert_false(faults_next(faults, "GetCertificate").reset_after);
        unlink(path);
        assert_refused(faults_add(faults, rule, &err), err, ERROR_INPUT);
        faults_free(faults);
        free(rule);
}

static void
answers_leave_in_the_order_of_their_times(void **state)
{
        struct waiting waiting = { 0 };
        int64_t last = 0;
        size_t count = 0;

        (void)state;
        assert_int_equal(waiting_due_ms(&waiting), INT64_MAX);
        for (int i = 0; i < 1000; i++) {
                struct exchange *exchange = exchange_new("/");
                exchange->due_ms = (int64_t)i * 7919 % 1009;
                waiting_add(&waiting, exchange);
        }
        assert_null(waiting_take(&waiting, -1));
        for (struct exchange *one; (one = waiting_take(&waiting, 2000)); count++) {
                assert_true(one->due_ms >= last);
                last = one->due_ms;
                exchange_free(one);
        }
        assert_int_equal(count, 1000);
        waiting_clear(&waiting);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(validity_is_counted_from_now_or_read_as_a_date),
                cmocka_unit_test(a_bucket_gives_its_rate_and_a_burst_of_one_second),
                cmocka_unit_test(rates_that_make_no_sense_are_refused),
                cmocka_unit_test(documented_rates_can_be_had_at_once),
                cmocka_unit_test(a_rule_strikes_when_it_says),
                cmocka_unit_test(chances_are_kept_and_repeat_with_the_seed),
                cmocka_unit_test(several_words_and_several_rules_add_up),
                cmocka_unit_test(rules_that_make_no_sense_are_refused),
                cmocka_unit_test(a_misspelt_operation_is_named_with_the_one_that_was_meant),
                cmocka_unit_test(a_script_says_what_happens_to_each_request_in_turn),
                cmocka_unit_test(answers_leave_in_the_order_of_their_times),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
