#include "tests/unit/unit.h"

#include <time.h>

#include "base/clock.h"

static void
every_day_of_five_centuries_goes_there_and_back(void **state)
{
        (void)state;
        for (int64_t when = clock_civil(1800, 1, 1, 0, 0, 0);
             when < clock_civil(2300, 1, 1, 0, 0, 0); when += 86400 + 3661) {
                int year, month, day, second;
                struct tm tm;
                time_t t = (time_t)when;

                clock_to_civil(when, &year, &month, &day, &second);
                gmtime_r(&t, &tm);
                assert_int_equal(year, tm.tm_year + 1900);
                assert_int_equal(month, tm.tm_mon + 1);
                assert_int_equal(day, tm.tm_mday);
                assert_int_equal(clock_civil(year, month, day, 0, 0, second), when);
        }
}

static void
times_are_read_in_the_forms_that_aws_and_people_write(void **state)
{
        static const struct {
                const char *text;
                int64_t when;
        } rows[] = {
                { "1970-01-01T00:00:00Z", 0 },
                { "2026-11-21T21:00:00Z", 1795294800 },
                { "2026-11-21T21:00:00.123Z", 1795294800 },
                { "2026-11-21T22:00:00+01:00", 1795294800 },
                { "2026-11-21 16:00:00-0500", 1795294800 },
                { "2026-11-21", 1795219200 },
                { "9999-12-31T23:59:59Z", 253402300799 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                int64_t when = -1;

                assert_true(clock_parse(rows[i].text, &when));
                assert_int_equal(when, rows[i].when);
        }
}

static void
times_that_do_not_exist_are_refused(void **state)
{
        static const char *const wrong[] = { "",
                                             "2026",
                                             "2026-13-01",
                                             "2026-02-29",
                                             "2026-1-1",
                                             "2026-11-21T",
                                             "2026-11-21T25:00:00Z",
                                             "2026-11-21T21:00:00",
                                             "2026-11-21T21:00:00Zx" };
        int64_t when;

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
                assert_false(clock_parse(wrong[i], &when));
}

static void
a_time_is_printed_as_rfc_3339(void **state)
{
        char text[CLOCK_TEXT];

        (void)state;
        assert_string_equal(clock_format(1795294800, text), "2026-11-21T21:00:00Z");
        assert_string_equal(clock_format(253402300799, text), "9999-12-31T23:59:59Z");
}

static void
spans_have_units(void **state)
{
        int64_t ms = 0;

        (void)state;
        assert_true(clock_parse_span("10s", &ms));
        assert_int_equal(ms, 10000);
        assert_true(clock_parse_span("40ms", &ms));
        assert_int_equal(ms, 40);
        assert_true(clock_parse_span("30d", &ms));
        assert_int_equal(ms, INT64_C(30) * 86400000);
        assert_true(clock_parse_span("5", &ms));
        assert_int_equal(ms, 5000);
        assert_false(clock_parse_span("", &ms));
        assert_false(clock_parse_span("-1s", &ms));
        assert_false(clock_parse_span("1y2", &ms));
        assert_false(clock_parse_span("99999999999999999999s", &ms));
        assert_false(clock_parse_span("99999999999w", &ms));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_day_of_five_centuries_goes_there_and_back),
                cmocka_unit_test(times_are_read_in_the_forms_that_aws_and_people_write),
                cmocka_unit_test(times_that_do_not_exist_are_refused),
                cmocka_unit_test(a_time_is_printed_as_rfc_3339),
                cmocka_unit_test(spans_have_units),
        };

        return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
