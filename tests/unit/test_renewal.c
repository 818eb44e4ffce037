#include "order/renewal.h"
#include "tests/unit/unit.h"

enum { DAY = 24 * 60 * 60 };

static void
spans_and_parts_of_a_life_are_read_and_written_back(void **state)
{
        static const struct {
                const char *text;
                int64_t before_s;
                unsigned percent;
                const char *back;
        } rows[] = {
                { "30d", INT64_C(30) * DAY, 0, "30d" },
                { "12h", DAY / 2, 0, "12h" },
                { "90m", 5400, 0, "5400s" },
                { "24h", DAY, 0, "1d" },
                { "33%", 0, 33, "33%" },
                { "1%", 0, 1, "1%" },
                { "99%", 0, 99, "99%" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct renewal renewal = { 0 };
                struct error err = { 0 };

                assert_done(renewal_parse(rows[i].text, &renewal, &err), err);
                assert_int_equal(renewal.before_s, rows[i].before_s);
                assert_int_equal(renewal.percent, rows[i].percent);
                CLEANUP(free_cleanup) char *back = renewal_format(&renewal);

                assert_string_equal(back, rows[i].back);
        }
}

static void
what_is_neither_is_refused_with_what_would_be_right(void **state)
{
        static const char *const wrong[] = { "",  "0%", "100%", "%",    "3.3%", "-1d",
                                             "0", "0d", "x",    "30 d", "30d%" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                struct renewal renewal = { .percent = 7 };
                struct error err = { 0 };

                assert_refused(renewal_parse(wrong[i], &renewal, &err), err, ERROR_USAGE);
                assert_non_null(strstr(err.next, "30d"));
                assert_int_equal(renewal.percent, 7);
        }
}

static void
it_begins_so_long_before_the_end_or_in_the_last_part_of_the_life(void **state)
{
        static const struct {
                struct renewal renewal;
                int64_t begins;
        } rows[] = {
                { { .before_s = 10 * DAY }, 290 * DAY },
                { { .percent = 33 }, 201 * DAY },
                { { .percent = 99 }, 3 * DAY },
                { { 0 }, 270 * DAY },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
                assert_int_equal(renewal_begins(&rows[i].renewal, 0, 300 * DAY, 30 * DAY),
                                 rows[i].begins);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(spans_and_parts_of_a_life_are_read_and_written_back),
                cmocka_unit_test(what_is_neither_is_refused_with_what_would_be_right),
                cmocka_unit_test(it_begins_so_long_before_the_end_or_in_the_last_part_of_the_life),
        };

        return cmocka_run_group_tests_name("renewal", tests, NULL, NULL);
}
