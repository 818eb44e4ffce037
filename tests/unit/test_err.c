#include "tests/unit/unit.h"

static void
every_kind_has_a_name_of_its_own_and_an_exit_status(void **state)
{
        (void)state;
        for (int i = 0; i < ERROR_KINDS; i++) {
                assert_non_null(error_kind_name((enum error_kind)i));
                assert_int_equal(error_kind_named(error_kind_name((enum error_kind)i)), i);
                assert_in_range(error_exit_status((enum error_kind)i), i ? 1 : 0, 12);
        }
}

static void
a_name_from_a_newer_version_is_an_internal_error(void **state)
{
        (void)state;
        assert_int_equal(error_kind_named("from-the-future"), ERROR_INTERNAL);
}

static void
the_first_advice_stays(void **state)
{
        struct error err = { 0 };

        (void)state;
        assert_false(error_set(&err, ERROR_PIN_WRONG, "the token refused the PIN"));
        error_advise(&err, "look at the file");
        error_advise(&err, "something vaguer");
        assert_string_equal(err.next, "look at the file");
}

static void
outer_callers_put_their_object_in_front(void **state)
{
        struct error err = { 0 };

        (void)state;
        error_set(&err, ERROR_TOKEN, "it failed");
        error_about(&err, "token 'a'");
        error_about(&err, "order %d", 3);
        assert_string_equal(err.about, "order 3, token 'a'");
}

static void
a_long_text_is_cut_at_a_character_and_marked(void **state)
{
        struct error err = { 0 };
        char text[2000];

        (void)state;
        for (size_t i = 0; i + 2 < sizeof(text); i += 2)
                memcpy(text + i, "é", 2);
        text[sizeof(text) - 2] = '\0';
        error_set(&err, ERROR_INPUT, "%s", text);
        size_t length = strlen(err.what);

        assert_true(length < sizeof(err.what));
        assert_string_equal(err.what + length - 3, "…");
        assert_int_equal((length - 3) % 2, 0);
}

static void
an_error_can_quote_itself(void **state)
{
        struct error err = { 0 };

        (void)state;
        error_set(&err, ERROR_FILE, "first");
        error_set(&err, ERROR_FILE, "second after %s", err.what);
        assert_string_equal(err.what, "second after first");
}

static void
only_verdicts_end_an_order(void **state)
{
        (void)state;
        assert_true(error_is_verdict(ERROR_KEY_LOST));
        assert_true(error_is_verdict(ERROR_REQUEST_REFUSED));
        assert_true(error_is_verdict(ERROR_NOT_AS_ASKED));
        assert_false(error_is_verdict(ERROR_TOKEN_ABSENT));
        assert_false(error_is_verdict(ERROR_DISK_FULL));
        assert_false(error_is_verdict(ERROR_DENIED));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_kind_has_a_name_of_its_own_and_an_exit_status),
                cmocka_unit_test(a_name_from_a_newer_version_is_an_internal_error),
                cmocka_unit_test(the_first_advice_stays),
                cmocka_unit_test(outer_callers_put_their_object_in_front),
                cmocka_unit_test(a_long_text_is_cut_at_a_character_and_marked),
                cmocka_unit_test(an_error_can_quote_itself),
                cmocka_unit_test(only_verdicts_end_an_order),
        };

        return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
