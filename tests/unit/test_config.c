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

static void
a_line_or_a_section_that_the_parser_would_cut_is_refused(void **state)
{
        CLEANUP(buf_cleanup) struct buf line = { 0 };
        CLEANUP(buf_cleanup) struct buf section = { 0 };
        struct config config = { 0 };
        struct error err = { 0 };

        buf_format(&line, "ca = %0250d\n", 1);
        buf_format(&section, "[profile %060d]\nca = a\n", 1);
        CLEANUP(free_cleanup) char *long_line = write_file(state, "line", buf_text(&line));
        CLEANUP(free_cleanup) char *long_name = write_file(state, "section", buf_text(&section));

        assert_refused(config_load(&config, long_line, &err), err, ERROR_CONFIG);
        assert_non_null(strstr(err.what, "longer"));
        assert_refused(config_load(&config, long_name, &err), err, ERROR_CONFIG);
        assert_non_null(strstr(err.what, "longer"));
        config_clear(&config);
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
                cmocka_unit_test(mistakes_are_named_with_file_and_line),
                cmocka_unit_test(a_line_or_a_section_that_the_parser_would_cut_is_refused),
                cmocka_unit_test(a_file_that_others_may_write_is_refused),
                cmocka_unit_test(bytes_that_are_no_text_are_refused),
                cmocka_unit_test(a_file_that_was_named_has_to_exist),
                cmocka_unit_test(a_profile_that_does_not_exist_names_those_that_do),
                cmocka_unit_test(parts_beside_the_file_are_read_by_name_and_the_later_one_wins),
                cmocka_unit_test(the_variables_that_aws_tools_read_beat_the_file),
        };

        return cmocka_run_group_tests_name("config", tests, setup, teardown);
}
