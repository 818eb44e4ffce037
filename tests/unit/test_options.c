#include "tests/unit/unit.h"

#include "cli/options.h"

static const enum option_id own[] = { OPTION_SUBJECT,  OPTION_SAN,    OPTION_REPLACE,
                                      OPTION_KEY_TYPE, OPTION_WITHIN, OPTIONS };
static const struct option_list list = { .own = own,
                                         .groups = 1U << GROUP_TOKEN | 1U << GROUP_AWS,
                                         .verb = "try" };

/* Parse words that end with NULL. */
static bool
parse(struct options *options, const char *const *words, const char **arguments, size_t *count,
      struct error *err)
{
        char *copies[16] = { 0 };
        size_t length = 0;

        for (; words[length]; length++)
                copies[length] = text_copy(words[length]);
        bool good = options_parse(options, &list, copies, length, arguments, count, NULL, err);

        /* Arguments are borrowed from the words; the literals live longer. */
        for (size_t i = 0; i < length; i++) {
                for (size_t j = 0; good && j < *count; j++) {
                        if (arguments[j] == copies[i])
                                arguments[j] = words[i];
                }
                free(copies[i]);
        }
        return good;
}

#define PARSE(options, ...) \
        parse(options, (const char *const[]){ __VA_ARGS__, NULL }, arguments, &count, &err)

static void
an_option_takes_its_argument_behind_a_blank_or_an_equals_sign(void **state)
{
        struct options options = { 0 };
        struct error err = { 0 };
        const char *arguments[16];
        size_t count = 0;

        (void)state;
        assert_done(PARSE(&options, "--subject", "CN=a", "--token=pkcs11:token=b", "file"), err);
        assert_string_equal(option_text(&options, OPTION_SUBJECT), "CN=a");
        assert_string_equal(option_text(&options, OPTION_TOKEN), "pkcs11:token=b");
        assert_int_equal(count, 1);
        assert_string_equal(arguments[0], "file");
        options_clear(&options);
}

static void
letters_can_be_joined_and_carry_an_argument(void **state)
{
        struct options options = { 0 };
        struct error err = { 0 };
        const char *arguments[16];
        size_t count = 0;

        (void)state;
        assert_done(PARSE(&options, "-qyvv", "-c/etc/x", "-p", "server"), err);
        assert_true(option_flag(&options, OPTION_QUIET));
        assert_true(option_flag(&options, OPTION_YES));
        assert_int_equal(option_value(&options, OPTION_VERBOSE)->count, 2);
        assert_string_equal(option_text(&options, OPTION_CONFIG), "/etc/x");
        assert_string_equal(option_text(&options, OPTION_CERT_PROFILE), "server");
        options_clear(&options);
}

static void
a_list_keeps_all_its_values_in_order(void **state)
{
        struct options options = { 0 };
        struct error err = { 0 };
        const char *arguments[16];
        size_t count = 0;

        (void)state;
        assert_done(PARSE(&options, "--san", "dns:a", "--san", "dns:b"), err);
        const struct option_value *sans = option_value(&options, OPTION_SAN);

        assert_int_equal(sans->count, 2);
        assert_string_equal(sans->texts[0], "dns:a");
        assert_string_equal(sans->texts[1], "dns:b");
        options_clear(&options);
}

static void
behind_two_dashes_everything_is_an_argument(void **state)
{
        struct options options = { 0 };
        struct error err = { 0 };
        const char *arguments[16];
        size_t count = 0;

        (void)state;
        assert_done(PARSE(&options, "-", "--", "--subject", "-q"), err);
        assert_int_equal(count, 3);
        assert_string_equal(arguments[0], "-");
        assert_string_equal(arguments[1], "--subject");
        assert_false(option_flag(&options, OPTION_QUIET));
        options_clear(&options);
}

static void
what_is_wrong_is_a_usage_error_that_says_how_it_should_be(void **state)
{
        static const struct {
                const char *name;
                const char *words[4];
                const char *says;
        } rows[] = {
                { "a typing error", { "--subjet", "x" }, "--subject" },
                { "an option of another verb", { "--no-wait" }, "'try' has no option" },
                { "a letter that is none", { "-Z" }, "-Z" },
                { "a forgotten argument", { "--subject", "--san", "dns:a" }, "--subject needs" },
                { "an argument missing at the end", { "--subject" }, "--subject needs" },
                { "an empty argument", { "--subject", "" }, "--subject is empty" },
                { "no choice", { "--output", "xml" }, "text|json|jsonl" },
                { "no span", { "--within", "soon" }, "30d" },
                { "a span in words", { "--token-timeout", "forever" }, "not a span" },
                { "a negative span", { "--token-timeout", "-5s" }, "not a span" },
                { "a span with a fraction", { "--token-timeout", "1.5s" }, "not a span" },
                { "more than a century", { "--token-timeout", "99999999d" }, "not a span" },
                { "no time for the token", { "--token-timeout", "0" }, "then it is 120s" },
                { "no time, with a unit", { "--token-timeout=0ms" }, "longer than '0ms'" },
                { "no session", { "--rolesanywhere-duration", "0" }, "then it is 1h" },
                { "neither yes nor no", { "--replace=maybe" }, "yes or no" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct options options = { 0 };
                struct error err = { 0 };
                const char *arguments[16];
                size_t count = 0;
                char all[2048];

                print_message("%s\n", rows[i].name);
                assert_refused(parse(&options, rows[i].words, arguments, &count, &err), err,
                               ERROR_USAGE);
                snprintf(all, sizeof(all), "%s %s", err.what, err.next);
                assert_non_null(strstr(all, rows[i].says));
                options_clear(&options);
        }
}

static void
an_option_of_the_verb_given_twice_is_refused_but_a_global_one_may_be_overruled(void **state)
{
        struct options options = { 0 };
        struct error err = { 0 };
        const char *arguments[16];
        size_t count = 0;

        (void)state;
        assert_done(PARSE(&options, "--output", "json", "--output", "text"), err);
        assert_string_equal(option_text(&options, OPTION_OUTPUT), "text");
        assert_refused(PARSE(&options, "--subject", "CN=a", "--subject", "CN=b"), err, ERROR_USAGE);
        options_clear(&options);
}

static void
the_line_beats_the_variable_and_the_variable_beats_the_file(void **state)
{
        struct options options = { 0 };
        struct error err = { 0 };
        const char *arguments[16];
        size_t count = 0;

        (void)state;
        assert_done(PARSE(&options, "--module", "/line"), err);
        assert_int_equal(setenv("P11CERT_MODULE", "/variable", 1), 0);
        assert_int_equal(setenv("P11CERT_TOKEN", "pkcs11:token=variable", 1), 0);
        assert_done(options_from_environment(&options, &list, &err), err);
        unsetenv("P11CERT_MODULE");
        unsetenv("P11CERT_TOKEN");
        assert_done(options_set(&options, OPTION_TOKEN, "pkcs11:token=file", ORIGIN_GENERAL, "f:1",
                                &err),
                    err);
        assert_done(options_set(&options, OPTION_LOCK_WAIT, "3s", ORIGIN_GENERAL, "f:2", &err),
                    err);
        assert_string_equal(option_text(&options, OPTION_MODULE), "/line");
        assert_string_equal(option_text(&options, OPTION_TOKEN), "pkcs11:token=variable");
        assert_string_equal(option_value(&options, OPTION_TOKEN)->where, "P11CERT_TOKEN");
        assert_int_equal(option_span(&options, OPTION_LOCK_WAIT, 0), 3000);
        /* Not to wait at all is something else than no time for the token. */
        assert_done(PARSE(&options, "--lock-wait", "0"), err);
        assert_int_equal(option_span(&options, OPTION_LOCK_WAIT, 1), 0);
        options_clear(&options);
}

static void
a_flag_of_the_file_can_be_taken_back_on_the_line(void **state)
{
        struct options options = { 0 };
        struct error err = { 0 };
        const char *arguments[16];
        size_t count = 0;

        (void)state;
        assert_done(options_set(&options, OPTION_QUIET, "yes", ORIGIN_GENERAL, "f:1", &err), err);
        assert_true(option_flag(&options, OPTION_QUIET));
        assert_done(PARSE(&options, "--quiet=no"), err);
        assert_false(option_flag(&options, OPTION_QUIET));
        options_clear(&options);
}

static void
every_global_option_that_means_something_later_has_a_variable_and_a_key(void **state)
{
        (void)state;
        for (enum option_id id = 0; id < OPTIONS; id++) {
                const struct option_row *row = option_row(id);

                assert_non_null(row->name);
                assert_non_null(row->help);
                assert_int_equal(option_named(row->name), id);
                assert_int_equal(row->kind == OPTION_IS_FLAG, row->argument == NULL);
                if (row->group != GROUP_GLOBAL || id == OPTION_HELP || id == OPTION_VERSION)
                        continue;
                assert_true(row->variable);
                /* Which file to read cannot be said in the file. */
                assert_true((row->scope & SCOPE_GENERAL) || id == OPTION_CONFIG);
        }
        char *name = option_variable(OPTION_LOCK_WAIT);

        assert_string_equal(name, "P11CERT_LOCK_WAIT");
        free(name);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_option_takes_its_argument_behind_a_blank_or_an_equals_sign),
                cmocka_unit_test(letters_can_be_joined_and_carry_an_argument),
                cmocka_unit_test(a_list_keeps_all_its_values_in_order),
                cmocka_unit_test(behind_two_dashes_everything_is_an_argument),
                cmocka_unit_test(what_is_wrong_is_a_usage_error_that_says_how_it_should_be),
                cmocka_unit_test(
                        an_option_of_the_verb_given_twice_is_refused_but_a_global_one_may_be_overruled),
                cmocka_unit_test(the_line_beats_the_variable_and_the_variable_beats_the_file),
                cmocka_unit_test(a_flag_of_the_file_can_be_taken_back_on_the_line),
                cmocka_unit_test(
                        every_global_option_that_means_something_later_has_a_variable_and_a_key),
        };

        return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
