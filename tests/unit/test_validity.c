#include "base/clock.h"
#include "order/validity.h"
#include "tests/unit/unit.h"

static int64_t
at(const char *text)
{
        int64_t when;

        assert_true(clock_parse(text, &when));
        return when;
}

static void
every_form_is_read_and_written_back(void **state)
{
        static const struct {
                const char *text;
                enum validity_type type;
                int64_t value;
                const char *back;
        } cases[] = {
                { "365d", VALIDITY_DAYS, 365, "365d" },
                { "1d", VALIDITY_DAYS, 1, "1d" },
                { "13mo", VALIDITY_MONTHS, 13, "13mo" },
                { "100y", VALIDITY_YEARS, 100, "100y" },
                { "end:2027-12-31T23:59:59Z", VALIDITY_END_DATE, INT64_C(1830297599),
                  "end:2027-12-31T23:59:59Z" },
                { "end:2027-12-31", VALIDITY_END_DATE, INT64_C(1830297599),
                  "end:2027-12-31T23:59:59Z" },
                { "end:2028-01-01T01:59:59+02:00", VALIDITY_END_DATE, INT64_C(1830297599),
                  "end:2027-12-31T23:59:59Z" },
                { "absolute:1830297599", VALIDITY_ABSOLUTE, INT64_C(1830297599),
                  "absolute:1830297599" },
                { "ca-end", VALIDITY_CA_END, 0, "ca-end" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(free_cleanup) char *back = NULL;
                struct validity validity = { 0 };
                struct validity again = { 0 };
                struct error err = { 0 };

                assert_done(validity_parse(cases[i].text, &validity, &err), err);
                assert_int_equal(validity.type, cases[i].type);
                assert_int_equal(validity.value, cases[i].value);
                back = validity_format(&validity);
                assert_string_equal(back, cases[i].back);
                assert_done(validity_parse(back, &again, &err), err);
                assert_int_equal(again.value, validity.value);
        }
}

static void
what_is_no_validity_is_refused_with_the_right_forms(void **state)
{
        static const char *const wrong[] = {
                "",
                "d",
                "0d",
                "-1d",
                "365",
                "365D",
                "1.5y",
                "1 d",
                "36526d",
                "1201mo",
                "101y",
                "99999999999999999999d",
                "12m",
                "end:",
                "end:2027",
                "end:2027-02-30",
                "end:1969-12-31",
                "absolute:",
                "absolute:0",
                "absolute:253402300800",
                "absolute:1x",
                "ca-end ",
                "+5d",
                "0x10d",
                "000000000000000000000000000001d",
        };
        struct validity untouched = { VALIDITY_YEARS, 7 };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                if (validity_parse(wrong[i], &untouched, &err))
                        fail_msg("'%s' passes", wrong[i]);
                assert_int_equal(err.kind, ERROR_USAGE);
                assert_non_null(strstr(err.next, "365d"));
        }
        assert_int_equal(untouched.value, 7);
}

static void
what_is_no_validity_is_told_which_rule_it_breaks(void **state)
{
        static const struct {
                const char *text;
                const char *says;
        } rows[] = {
                { "end:20491231", "with dashes, as in end:2049-12-31" },
                { "end:20491231235959", "with dashes" },
                { "end:2027", "with dashes" },
                { "end:10000-01-01", "the year 9999" },
                { "end:soon", "a date, or a time in RFC 3339" },
                { "end:2027-02-30", "a date, or a time in RFC 3339" },
                { "absolute:253402300800", "the year 9999" },
                { "absolute:soon", "seconds since 1970" },
                { "101y", "at most 100 years" },
                { "0d", "at least one" },
                { "12m", "ends in d, mo or y" },
                { "365", "ends in d, mo or y" },
                { "-1d", "neither a span nor an end" },
        };
        struct validity validity;
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                assert_refused(validity_parse(rows[i].text, &validity, &err), err, ERROR_USAGE);
                if (!strstr(err.what, rows[i].says))
                        fail_msg("%s", err.what);
        }
}

static void
the_api_gets_its_own_types_and_numbers(void **state)
{
        static const struct {
                struct validity validity;
                const char *type;
                int64_t value;
        } cases[] = {
                { { VALIDITY_DAYS, 365 }, "DAYS", 365 },
                { { VALIDITY_MONTHS, 13 }, "MONTHS", 13 },
                { { VALIDITY_YEARS, 2 }, "YEARS", 2 },
                { { VALIDITY_END_DATE, INT64_C(1830297599) }, "END_DATE", INT64_C(20271231235959) },
                { { VALIDITY_ABSOLUTE, INT64_C(1830297599) }, "ABSOLUTE", INT64_C(1830297599) },
                { { VALIDITY_CA_END, 0 }, "ABSOLUTE", INT64_C(1900000000) },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct error err = { 0 };
                const char *type = NULL;
                int64_t value = 0;

                assert_done(validity_for_api(&cases[i].validity, 1900000000, &type, &value, &err),
                            err);
                assert_string_equal(type, cases[i].type);
                assert_int_equal(value, cases[i].value);
        }
}

static void
the_end_of_the_ca_has_to_be_known(void **state)
{
        struct validity validity = { VALIDITY_CA_END, 0 };
        struct error err = { 0 };
        const char *type = NULL;
        int64_t value = 0;

        (void)state;
        assert_refused(validity_for_api(&validity, 0, &type, &value, &err), err, ERROR_INPUT);
        assert_null(type);
}

static void
months_and_years_go_by_the_calendar(void **state)
{
        static const struct {
                const char *from;
                struct validity validity;
                const char *until;
        } cases[] = {
                { "2026-11-22T10:20:30Z", { VALIDITY_DAYS, 365 }, "2027-11-22T10:20:30Z" },
                { "2027-11-22T10:20:30Z", { VALIDITY_DAYS, 365 }, "2028-11-21T10:20:30Z" },
                { "2026-11-22T10:20:30Z", { VALIDITY_MONTHS, 1 }, "2026-12-22T10:20:30Z" },
                { "2026-11-22T10:20:30Z", { VALIDITY_MONTHS, 13 }, "2027-12-22T10:20:30Z" },
                { "2026-12-31T00:00:00Z", { VALIDITY_MONTHS, 2 }, "2027-02-28T00:00:00Z" },
                { "2027-12-31T00:00:00Z", { VALIDITY_MONTHS, 2 }, "2028-02-29T00:00:00Z" },
                { "2027-01-31T23:59:59Z", { VALIDITY_MONTHS, 3 }, "2027-04-30T23:59:59Z" },
                { "2028-02-29T12:00:00Z", { VALIDITY_YEARS, 1 }, "2029-02-28T12:00:00Z" },
                { "2028-02-29T12:00:00Z", { VALIDITY_YEARS, 4 }, "2032-02-29T12:00:00Z" },
                { "2026-11-22T00:00:00Z", { VALIDITY_YEARS, 100 }, "2126-11-22T00:00:00Z" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
                assert_int_equal(validity_end(&cases[i].validity, at(cases[i].from), 0),
                                 at(cases[i].until));
}

static void
dates_do_not_depend_on_the_issuing_moment(void **state)
{
        struct validity date = { VALIDITY_END_DATE, 1830297599 };
        struct validity absolute = { VALIDITY_ABSOLUTE, 1830297598 };
        struct validity ca = { VALIDITY_CA_END, 0 };
        struct validity none = { VALIDITY_NONE, 0 };

        (void)state;
        assert_int_equal(validity_end(&date, 5, 7), 1830297599);
        assert_int_equal(validity_end(&absolute, 5, 7), 1830297598);
        assert_int_equal(validity_end(&ca, 5, 7), 7);
        assert_int_equal(validity_end(&none, 5, 7), 0);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_form_is_read_and_written_back),
                cmocka_unit_test(what_is_no_validity_is_refused_with_the_right_forms),
                cmocka_unit_test(what_is_no_validity_is_told_which_rule_it_breaks),
                cmocka_unit_test(the_api_gets_its_own_types_and_numbers),
                cmocka_unit_test(the_end_of_the_ca_has_to_be_known),
                cmocka_unit_test(months_and_years_go_by_the_calendar),
                cmocka_unit_test(dates_do_not_depend_on_the_issuing_moment),
        };

        return cmocka_run_group_tests_name("validity", tests, NULL, NULL);
}
