#include "tests/unit/unit.h"

static void
hex_and_back_is_the_same(void **state)
{
        CLEANUP(buf_cleanup) struct buf bytes = { 0 };
        CLEANUP(free_cleanup) char *text = NULL;
        struct error err = { 0 };

        (void)state;
        assert_done(hex_decode("00:0a:FF", &bytes, &err), err);
        assert_int_equal(bytes.len, 3);
        text = hex_encode(view_buf(&bytes));
        assert_string_equal(text, "000aff");
}

static void
what_is_not_hex_is_refused(void **state)
{
        static const char *const wrong[] = { "", "0", "0g", "00:", ":00", "00::00", "0x00", " 00" };
        CLEANUP(buf_cleanup) struct buf bytes = { 0 };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
                assert_refused(hex_decode(wrong[i], &bytes, &err), err, ERROR_INPUT);
}

static void
base64_of_every_length_comes_back(void **state)
{
        uint8_t bytes[70];

        (void)state;
        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(i * 37);
        for (size_t len = 0; len <= sizeof(bytes); len++) {
                CLEANUP(free_cleanup) char *text = base64_encode(view_of(bytes, len));
                CLEANUP(buf_cleanup) struct buf back = { 0 };
                struct error err = { 0 };

                assert_done(base64_decode(view_text(text), &back, &err), err);
                assert_true(view_equal(view_buf(&back), view_of(bytes, len)));
        }
}

static void
what_is_not_base64_is_refused(void **state)
{
        static const char *const wrong[] = { "A", "AAA", "AA=A", "A===", "====", "AA-_", "AAAA=" };
        CLEANUP(buf_cleanup) struct buf bytes = { 0 };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
                assert_refused(base64_decode(view_text(wrong[i]), &bytes, &err), err, ERROR_INPUT);
}

static void
a_buffer_takes_a_part_of_itself(void **state)
{
        CLEANUP(buf_cleanup) struct buf buf = { 0 };

        (void)state;
        buf_add_text(&buf, "hello world");
        buf_set(&buf, view_of(buf.data + 6, 5));
        assert_string_equal(buf_text(&buf), "world");
}

static void
numbers_are_read_whole_or_not_at_all(void **state)
{
        int64_t number = 7;

        (void)state;
        assert_true(number_parse("42", 0, 100, &number));
        assert_int_equal(number, 42);
        assert_true(number_parse("-1", -5, 5, &number));
        assert_false(number_parse("", 0, 100, &number));
        assert_false(number_parse(" 1", 0, 100, &number));
        assert_false(number_parse("+1", 0, 100, &number));
        assert_false(number_parse("1x", 0, 100, &number));
        assert_false(number_parse("101", 0, 100, &number));
        assert_false(number_parse("99999999999999999999", 0, INT64_MAX, &number));
        assert_int_equal(number, -1);
}

static void
a_swap_of_neighbours_is_one_edit(void **state)
{
        (void)state;
        assert_int_equal(text_distance("issue", "issue"), 0);
        assert_int_equal(text_distance("isseu", "issue"), 1);
        assert_int_equal(text_distance("isue", "issue"), 1);
        assert_int_equal(text_distance("", "abc"), 3);
        assert_int_equal(text_distance("kitten", "sitting"), 3);
}

static void
a_uuid_has_its_version_and_variant(void **state)
{
        char a[37], b[37];

        (void)state;
        random_uuid(a);
        random_uuid(b);
        assert_int_equal(strlen(a), 36);
        assert_int_equal(a[14], '4');
        assert_non_null(strchr("89ab", a[19]));
        assert_string_not_equal(a, b);
}

static void
a_secret_is_copied_and_cleared(void **state)
{
        struct secret first = { 0 };
        struct secret second = { 0 };

        (void)state;
        secret_set(&first, view_text("1234"));
        secret_copy(&second, &first);
        secret_clear(&first);
        assert_null(first.data);
        assert_true(view_equal(secret_view(&second), view_text("1234")));
        secret_clear(&second);
        secret_clear(&second);
}

static void
a_pointer_is_handed_on_with_one_look_at_the_argument(void **state)
{
        int things[2] = { 0 };
        int *list[2] = { &things[0], &things[1] };
        size_t next = 0;

        (void)state;
        assert_ptr_equal(MOVE(list[next++]), &things[0]);
        assert_int_equal(next, 1);
        assert_null(list[0]);
        assert_ptr_equal(list[1], &things[1]);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hex_and_back_is_the_same),
                cmocka_unit_test(what_is_not_hex_is_refused),
                cmocka_unit_test(base64_of_every_length_comes_back),
                cmocka_unit_test(what_is_not_base64_is_refused),
                cmocka_unit_test(a_buffer_takes_a_part_of_itself),
                cmocka_unit_test(numbers_are_read_whole_or_not_at_all),
                cmocka_unit_test(a_swap_of_neighbours_is_one_edit),
                cmocka_unit_test(a_uuid_has_its_version_and_variant),
                cmocka_unit_test(a_secret_is_copied_and_cleared),
                cmocka_unit_test(a_pointer_is_handed_on_with_one_look_at_the_argument),
        };

        return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
