#include "tests/unit/unit.h"

#include "localpca/pattern.h"

static const struct {
        const char *pattern, *text;
        bool matches;
} rows[] = {
        { "abc", "abc", true },
        { "abc", "abcd", false },
        { "abc", "ab", false },
        { "[a-c]+", "abccba", true },
        { "[a-c]+", "", false },
        { "[a-c]*", "", true },
        { "[^*]+", "no star", true },
        { "[^*]+", "a*", false },
        { "a{2}", "aa", true },
        { "a{2}", "aaa", false },
        { "a{1,3}", "aaa", true },
        { "a{1,3}", "aaaa", false },
        { "a{2,}", "aaaaaa", true },
        { "(ab)*", "ababab", true },
        { "(ab)*", "ababa", false },
        { "(a|bc)+d", "abcad", true },
        { "(a|bc)+d", "abad", false },
        { "x(/[a-z]+)*", "x/a/b", true },
        { "x(/[a-z]+)*", "x/a//b", false },
        { "()*a", "a", true },
        { "(a*)*b", "aaab", true },
        { "(?:[A-Z]{2})*(?:[A-Z]=)?", "ABCDE=", true },
        { "\\w+", "a_9", true },
        { "\\w+", "a-9", false },
        { "\\d+\\.\\d+", "1.25", true },
        { "[\\w+=,.@-]+", "a-b@c", true },
        { "[()+-.]", ",", true }, /* '+' to '.' is a range */
        { "[\\u0009\\u0020-\\u00FF]*", "\t caf\xc3\xa9", true },
        { "[\\u0009\\u0020-\\u00FF]*", "\xe2\x82\xac", false },
        { "[\\p{L}\\p{Z}\\p{N}_]*", "\xd0\x96 \xe4\xb8\xad_1", true },
        { "[\\p{L}\\p{Z}\\p{N}_]*", "a!", false },
        { "\\p{L}", "\xf0\x90\x8c\xb0", true },
        { "[a-z]*a", "aaaa", true }, /* has to give one back */
};

static void
a_pattern_matches_whole_strings_and_nothing_else(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
                if (pattern_matches(rows[i].pattern, rows[i].text) != rows[i].matches)
                        fail_msg("%s against '%s'", rows[i].pattern, rows[i].text);
}

static void
a_long_string_is_matched_without_a_deep_stack(void **state)
{
        size_t len = 80000;
        char *text = memory_new(len + 1, 1);

        (void)state;
        memset(text, 'a', len);
        assert_true(pattern_matches("[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+", text));
        text[len - 1] = '\x01';
        assert_false(pattern_matches("[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+", text));
        free(text);
}

static void
a_long_run_of_groups_is_matched(void **state)
{
        static const char base64[] =
                "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?";
        char text[4097];

        (void)state;
        memset(text, 'A', sizeof(text));
        text[4096] = '\0';
        assert_true(pattern_matches(base64, text));
        text[4095] = '=';
        assert_true(pattern_matches(base64, text));
        text[4094] = '!';
        assert_false(pattern_matches(base64, text));
}

static void
bytes_that_are_no_utf8_are_read_to_their_end_and_no_further(void **state)
{
        static const char *const texts[] = { "\xff", "\xc3",  "\xe2\x82", "\xf0\x9f\x98",
                                             "\x80", "a\xc3", "\xc3(" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                char *exact = text_copy(texts[i]); /* for the sanitizer to see its end */
                assert_true(pattern_characters(exact) <= strlen(exact));
                assert_false(pattern_matches("[a-z]{2}", exact));
                free(exact);
        }
}

/* A byte that only goes on, at the start: going back for the rest of the pattern ends there. */
static void
going_back_ends_where_the_text_starts(void **state)
{
        static const char *const texts[] = { "\x80", "\x80\x80", "\xc3\xa9\x80\x80",
                                             "a\x80\x80"
                                             "b",
                                             "\xe2\x82" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                char *exact = text_copy(texts[i]); /* for the sanitizer to see its start */
                assert_false(pattern_matches("[\\u0000-\\uFFFF]*x", exact));
                assert_true(pattern_matches("[\\u0000-\\uFFFF]*", exact));
                free(exact);
        }
}

static void
characters_are_counted_not_bytes(void **state)
{
        (void)state;
        assert_int_equal(pattern_characters("\xe2\x82\xac\xc3\xa9x"), 3);
        assert_int_equal(pattern_characters(""), 0);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_pattern_matches_whole_strings_and_nothing_else),
                cmocka_unit_test(a_long_string_is_matched_without_a_deep_stack),
                cmocka_unit_test(a_long_run_of_groups_is_matched),
                cmocka_unit_test(bytes_that_are_no_utf8_are_read_to_their_end_and_no_further),
                cmocka_unit_test(going_back_ends_where_the_text_starts),
                cmocka_unit_test(characters_are_counted_not_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
