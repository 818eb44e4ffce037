#include "tests/unit/unit.h"

#include <sys/stat.h>

#include "base/file.h"
#include "cli/config.h"
#include "tests/unit/folder.h"

static const struct option_list everything = { .groups = ~0U };

/* Write `text` as a file of the test's folder; the caller frees the path. */
static char *
write_file(void **state, const char *name, const char *text)
{
        char *path = text_format("%s/%s", (const char *)*state, name);
        struct error err = { 0 };

        assert_done(file_write(path, 0600, view_text(text), &err), err);
        return path;
}

static void
values_come_from_the_general_part_and_from_the_profile_that_is_named(void **state)
{
        CLEANUP(free_cleanup)
        char *path = write_file(state, "config",
                                "# a comment\n"
                                "module = /usr/lib/one.so\n"
                                "  validity = 30d\n"
                                "[profile server]\n"
                                "validity = 90d\n"
                                "san = dns:a.example\n"
                                "san = dns:b.example\n"
                                "[profile empty]\n");
        struct config config = { 0 };
        struct options options = { 0 };
        struct error err = { 0 };

        assert_done(config_load(&config, path, &err), err);
        assert_int_equal(config.profile_count, 2);
        assert_done(config_apply(&config, &everything, &options, &err), err);
        assert_string_equal(option_text(&options, OPTION_MODULE), "/usr/lib/one.so");
        assert_string_equal(option_text(&options, OPTION_VALIDITY), "30d");
        assert_int_equal(option_value(&options, OPTION_SAN)->count, 0);
        options_clear(&options);
        assert_done(options_set(&options, OPTION_CERT_PROFILE, "server", ORIGIN_LINE,
                                "--cert-profile", &err),
                    err);
        assert_done(config_apply(&config, &everything, &options, &err), err);
        assert_string_equal(option_text(&options, OPTION_VALIDITY), "90d");
        assert_int_equal(option_value(&options, OPTION_SAN)->count, 2);
        assert_non_null(strstr(option_value(&options, OPTION_VALIDITY)->where, "config:5"));
        options_clear(&options);
        config_clear(&config);
}

static void
a_byte_order_mark_in_front_is_no_part_of_the_first_key(void **state)
{
        CLEANUP(free_cleanup)
        char *path = write_file(state, "marked", "\xEF\xBB\xBFoutput = json\r\nca = a\r\n");
        struct config config = { 0 };
        struct error err = { 0 };

        assert_done(config_load(&config, path, &err), err);
        config_clear(&config);
}

static void
mistakes_are_named_with_file_and_line(void **state)
{
        static const struct {
                const char *name;
                const char *text;
                const char *says;
                const char *line;
        } rows[] = {
                { "unknown key", "state = /a\nmodul = x\n", "did you mean 'module'", "line 2" },
                { "unknown section", "[server]\n", "[profile NAME]", "line 1" },
                { "a key twice", "ca = a\nca = b\n", "given twice", "line 2" },
                { "not a pair", "ca = a\nnonsense\n", "KEY = VALUE", "line 2" },
                { "not a choice", "\noutput = xml\n", "text|json|jsonl", "line 2" },
                { "an empty value", "module =\n", "is empty", "line 1" },
                { "a wish in the general part", "subject = CN=a\n", "profile", "line 1" },
                { "a global key in a profile", "[profile a]\nstate = /x\n", "first section",
                  "line 2" },
                { "what belongs on the line", "csr = x\n", "command line", "line 1" },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup) char *path = write_file(state, "wrong", rows[i].text);
                struct config config = { 0 };
                struct error err = { 0 };
                char all[2048];

                print_message("%s\n", rows[i].name);
                assert_refused(config_load(&config, path, &err), err, ERROR_CONFIG);
                snprintf(all, sizeof(all), "%s %s", err.what, err.next);
                assert_non_null(strstr(all, rows[i].says));
                assert_non_null(strstr(err.about, rows[i].line));
                config_clear(&config);
        }
}

/* Nothing is cut on the way: what does not fit is refused. */
static void
a_long_value_comes_whole_and_one_that_is_too_long_is_refused(void **state)
{
        CLEANUP(buf_cleanup) struct buf fits = { 0 };
        CLEANUP(buf_cleanup) struct buf too_long = { 0 };
        struct config config = { 0 };
        struct error err = { 0 };

        buf_format(&fits, "[profile %060d]\nsubject = CN=%016000d\n", 1, 7);
        buf_format(&too_long, "ca = %016390d\nmodul = x\n", 1);
        CLEANUP(free_cleanup) char *good = write_file(state, "fits", buf_text(&fits));
        CLEANUP(free_cleanup) char *bad = write_file(state, "long", buf_text(&too_long));

        assert_done(config_load(&config, good, &err), err);
        assert_int_equal(strlen(config.entries[0].text), 16003);
        assert_int_equal(config.entries[0].text[16002], '7');
        config_clear(&config);
        assert_refused(config_load(&config, bad, &err), err, ERROR_CONFIG);
        assert_non_null(strstr(err.what, "longer than 16384 bytes"));
        assert_int_equal(config.problem_count, 2);
        config_clear(&config);
}

static void
every_mistake_is_found_not_only_the_first(void **state)
{
        CLEANUP(free_cleanup)
        char *path = write_file(state, "many",
                                "modul = x\n"         /* 1 */
                                "state = /a\n"        /* 2 */
                                "nonsense\n"          /* 3 */
                                "state = /b\n"        /* 4 */
                                "[servers]\n"         /* 5 */
                                "anything = at all\n" /* 6: of a section that is none */
                                "[profile a]\n"       /* 7 */
                                "extends = c\n"       /* 8 */
                                "extends = b\n"       /* 9 */
                                "sann = dns:x\n"      /* 10 */
                                "[profile b] x\n"     /* 11 */
                                "[profile cc\n");     /* 12 */
        static const char *const lines[] = {
                ":1", ":3", ":4", ":5", ":9", ":10", ":11", ":12", ":8"
        };
        struct config config = { 0 };
        struct error err = { 0 };

        assert_refused(config_load(&config, path, &err), err, ERROR_CONFIG);
        assert_non_null(strstr(err.about, "one of 9 mistakes"));
        assert_int_equal(config.problem_count, ARRAY_LENGTH(lines));
        for (size_t i = 0; i < ARRAY_LENGTH(lines); i++)
                assert_string_equal(strrchr(config.problems[i].where, ':'), lines[i]);
        config_clear(&config);
}

static void
a_profile_has_what_it_extends_but_for_what_it_says_itself(void **state)
{
        CLEANUP(free_cleanup)
        char *path = write_file(state, "heirs",
                                "validity = 1d\n"
                                "[profile child]\n"
                                "extends = parent\n"
                                "san = dns:child.example\n"
                                "[profile parent]\n"
                                "extends = grandparent\n"
                                "key-type = ec:p384\n"
                                "san = dns:one.example\n"
                                "san = dns:two.example\n"
                                "[profile grandparent]\n"
                                "key-type = rsa:2048\n"
                                "validity = 2d\n"
                                "policy-oid = 1.2.3\n"
                                "policy-oid = 1.2.4\n");
        struct config config = { 0 };
        struct options options = { 0 };
        struct error err = { 0 };

        assert_done(config_load(&config, path, &err), err);
        assert_done(options_set(&options, OPTION_CERT_PROFILE, "child", ORIGIN_LINE, "-p", &err),
                    err);
        assert_done(config_apply(&config, &everything, &options, &err), err);
        assert_int_equal(option_value(&options, OPTION_SAN)->count, 1);
        assert_string_equal(option_text(&options, OPTION_SAN), "dns:child.example");
        assert_string_equal(option_text(&options, OPTION_KEY_TYPE), "ec:p384");
        assert_string_equal(option_text(&options, OPTION_VALIDITY), "2d");
        assert_int_equal(option_value(&options, OPTION_POLICY_OID)->count, 2);
        assert_non_null(strstr(option_value(&options, OPTION_POLICY_OID)->wheres[0], "heirs:13"));
        assert_non_null(strstr(option_value(&options, OPTION_POLICY_OID)->wheres[1], "heirs:14"));
        options_clear(&options);
        config_clear(&config);
}

static void
profiles_that_cannot_be_extended_are_named(void **state)
{
        static const struct {
                const char *text;
                const char *what;
                const char *next;
        } rows[] = {
                { "[profile a]\nextends = servr\n[profile server]\n", "no profile 'servr'",
                  "did you mean 'server'" },
                { "[profile a]\nextends = zebra\n", "no profile 'zebra'", "[profile zebra]" },
                { "[profile a]\nextends = a\n", "itself: a extends a", "out" },
                { "[profile a]\nextends = b\n[profile b]\nextends = c\n"
                  "[profile c]\nextends = a\n",
                  "a extends b extends c extends a", "out" },
                { "[profile 1]\nextends=2\n[profile 2]\nextends=3\n[profile 3]\nextends=4\n"
                  "[profile 4]\nextends=5\n[profile 5]\nextends=6\n[profile 6]\nextends=7\n"
                  "[profile 7]\nextends=8\n[profile 8]\nextends=9\n[profile 9]\n",
                  "too many profiles in a row", "together" },
                { "[profile a]\nextends =\n", "extends is empty", "leave it out" },
                { "extends = a\n[profile a]\n", "belongs into a profile", "[profile NAME]" },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup) char *path = write_file(state, "parents", rows[i].text);
                struct config config = { 0 };
                struct error err = { 0 };

                assert_refused(config_load(&config, path, &err), err, ERROR_CONFIG);
                if (!strstr(err.what, rows[i].what) || !strstr(err.next, rows[i].next))
                        fail_msg("%s: %s / %s", rows[i].what, err.what, err.next);
                config_clear(&config);
        }
}

/* Bytes of a configuration that were shaken, from a seed that is told. */
static void
no_configuration_makes_the_reader_stumble(void **state)
{
        static const char seed_text[] = "# c\nca = arn:aws:x\n[profile a]\nextends = b\nsan = "
                                        "dns:{name}.x ; c\n[profile b]\nkey-type=ec:p256\n";
        static const char bytes[] = "[]=;#\n\r {}:,\\ab\xff\x01";
        const char *path_text = *state;
        CLEANUP(free_cleanup) char *path = text_format("%s/shaken", path_text);
        uint32_t random = 20261127;

        for (unsigned round = 0; round < 400; round++) {
                char text[sizeof(seed_text)];
                struct config config = { 0 };
                struct options options = { 0 };
                struct error err = { 0 };

                memcpy(text, seed_text, sizeof(text));
                for (unsigned i = 0; i < 1 + round % 12; i++) {
                        random = random * 1664525U + 1013904223U;
                        text[(random >> 8) % (sizeof(text) - 1)] =
                                bytes[(random >> 20) % (sizeof(bytes) - 1)];
                }
                free(write_file(state, "shaken", text));
                if (config_load(&config, path, &err)) {
                        assert_int_equal(config.problem_count, 0);
                        for (size_t i = 0; i < config.profile_count; i++) {
                                assert_done(options_set(&options, OPTION_CERT_PROFILE,
                                                        config.profiles[i].name, ORIGIN_LINE, "-p",
                                                        &err),
                                            err);
                                assert_done(config_apply(&config, &everything, &options, &err),
                                            err);
                                options_clear(&options);
                        }
                } else {
                        assert_true(config.problem_count > 0 && err.what[0] && err.about[0] &&
                                    err.next[0]);
                }
                config_clear(&config);
        }
}

static void
a_file_that_others_may_write_is_refused(void **state)
{
        CLEANUP(free_cleanup) char *path = write_file(state, "open", "ca = a\n");
        struct config config = { 0 };
        struct error err = { 0 };

        assert_int_equal(chmod(path, 0666), 0);
        assert_refused(config_load(&config, path, &err), err, ERROR_CONFIG);
        assert_non_null(strstr(err.next, "chmod"));
        config_clear(&config);
}

static void
bytes_that_are_no_text_are_refused(void **state)
{
        CLEANUP(free_cleanup) char *path = write_file(state, "binary", "");
        struct config config = { 0 };
        struct error err = { 0 };

        assert_done(file_write(path, 0600, view_of("ca = a\0b\n", 9), &err), err);
        assert_refused(config_load(&config, path, &err), err, ERROR_CONFIG);
        config_clear(&config);
}

static void
a_file_that_was_named_has_to_exist(void **state)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/none", (const char *)*state);
        struct config config = { 0 };
        struct error err = { 0 };

        assert_refused(config_load(&config, path, &err), err, ERROR_CONFIG);
        config_clear(&config);
}

static void
a_profile_that_does_not_exist_names_those_that_do(void **state)
{
        CLEANUP(free_cleanup)
        char *path = write_file(state, "profiles", "[profile one]\n[profile two]\n");
        struct config config = { 0 };
        struct options options = { 0 };
        struct error err = { 0 };

        assert_done(config_load(&config, path, &err), err);
        assert_done(options_set(&options, OPTION_CERT_PROFILE, "three", ORIGIN_LINE,
                                "--cert-profile", &err),
                    err);
        assert_refused(config_apply(&config, &everything, &options, &err), err, ERROR_CONFIG);
        assert_non_null(strstr(err.next, "one, two"));
        options_clear(&options);
        config_clear(&config);
}

static void
parts_beside_the_file_are_read_by_name_and_the_later_one_wins(void **state)
{
        const char *home = *state;
        CLEANUP(free_cleanup) char *parts = text_format("%s/p11cert/config.d", home);
        struct config config = { 0 };
        struct options options = { 0 };
        struct error err = { 0 };

        assert_done(file_make_folder(parts, 0700, &err), err);
        free(write_file(state, "p11cert/config", "ca = main\nmodule = /main\nformat = der\n"));
        free(write_file(state, "p11cert/config.d/20.conf", "ca = twenty\nformat = p7b\n"));
        free(write_file(state, "p11cert/config.d/10.conf", "ca = ten\n"));
        free(write_file(state, "p11cert/config.d/30.conf~", "ca = backup\n"));
        assert_int_equal(setenv("XDG_CONFIG_HOME", home, 1), 0);
        assert_done(config_load(&config, NULL, &err), err);
        unsetenv("XDG_CONFIG_HOME");
        assert_int_equal(config.file_count, 3);
        assert_done(config_apply(&config, &everything, &options, &err), err);
        assert_string_equal(option_text(&options, OPTION_CA), "twenty");
        assert_string_equal(option_text(&options, OPTION_MODULE), "/main");
        assert_int_equal(option_value(&options, OPTION_FORMAT)->count, 1);
        assert_string_equal(option_text(&options, OPTION_FORMAT), "p7b");
        options_clear(&options);
        config_clear(&config);
}

static void
the_variables_that_aws_tools_read_beat_the_file(void **state)
{
        CLEANUP(free_cleanup)
        char *path = write_file(state, "aws", "region = eu-west-1\nprofile = from-file\n");
        struct config config = { 0 };
        struct options options = { 0 };
        struct error err = { 0 };

        assert_done(config_load(&config, path, &err), err);
        unsetenv("AWS_REGION");
        unsetenv("AWS_DEFAULT_REGION");
        assert_int_equal(setenv("AWS_PROFILE", "from-variable", 1), 0);
        assert_done(config_apply(&config, &everything, &options, &err), err);
        unsetenv("AWS_PROFILE");
        assert_string_equal(option_text(&options, OPTION_REGION), "eu-west-1");
        assert_null(option_text(&options, OPTION_PROFILE));
        options_clear(&options);
        config_clear(&config);
}

static char folder[64];

static int
setup(void **state)
{
        *state = folder;
        return folder_make(folder);
}

static int
teardown(void **state)
{
        (void)state;
        return folder_remove(folder);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(
                        values_come_from_the_general_part_and_from_the_profile_that_is_named),
                cmocka_unit_test(a_byte_order_mark_in_front_is_no_part_of_the_first_key),
                cmocka_unit_test(mistakes_are_named_with_file_and_line),
                cmocka_unit_test(a_long_value_comes_whole_and_one_that_is_too_long_is_refused),
                cmocka_unit_test(every_mistake_is_found_not_only_the_first),
                cmocka_unit_test(a_profile_has_what_it_extends_but_for_what_it_says_itself),
                cmocka_unit_test(profiles_that_cannot_be_extended_are_named),
                cmocka_unit_test(no_configuration_makes_the_reader_stumble),
                cmocka_unit_test(a_file_that_others_may_write_is_refused),
                cmocka_unit_test(bytes_that_are_no_text_are_refused),
                cmocka_unit_test(a_file_that_was_named_has_to_exist),
                cmocka_unit_test(a_profile_that_does_not_exist_names_those_that_do),
                cmocka_unit_test(parts_beside_the_file_are_read_by_name_and_the_later_one_wins),
                cmocka_unit_test(the_variables_that_aws_tools_read_beat_the_file),
        };

        return cmocka_run_group_tests_name("config", tests, setup, teardown);
}
