#include "tests/unit/unit.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "engine/pin.h"
#include "tests/unit/folder.h"

static char folder[64];

static int
make_folder(void **state)
{
        (void)state;
        return folder_make(folder);
}

static int
remove_folder(void **state)
{
        (void)state;
        return folder_remove(folder);
}

static const struct {
        const char *text;
        enum pin_kind kind;
        const char *argument;
} sources[] = {
        { "file:/etc/pin", PIN_FILE, "/etc/pin" },
        { "file:///etc/pin", PIN_FILE, "/etc/pin" },
        { "file://localhost/etc/pin", PIN_FILE, "/etc/pin" },
        { "/etc/pin", PIN_FILE, "/etc/pin" },
        { "env:MY_PIN", PIN_ENV, "MY_PIN" },
        { "fd:0", PIN_FD, "0" },
        { "cmd:pass show token", PIN_COMMAND, "pass show token" },
        { "prompt", PIN_PROMPT, NULL },
};

static void
sources_are_read_in_every_spelling(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(sources); i++) {
                struct pin_source source = { 0 };
                struct error err = { 0 };

                assert_done(pin_source_parse(sources[i].text, &source, &err), err);
                assert_int_equal(source.kind, sources[i].kind);
                assert_true(text_equal(source.argument, sources[i].argument));
                pin_source_clear(&source);
        }
}

static void
what_may_be_a_pin_itself_is_not_quoted_back(void **state)
{
        static const char *const texts[] = {
                "7391",  "",     "file:",  "env:",   "env:A=7391", "fd:x",
                "fd:-1", "cmd:", "cmd:  ", "|7391x", "file://h",   "FILE:/7391"
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                struct pin_source source = { 0 };
                struct error err = { 0 };

                assert_refused(pin_source_parse(texts[i], &source, &err), err, ERROR_USAGE);
                assert_null(strstr(err.what, "7391"));
                assert_null(strstr(err.next, "7391"));
                assert_int_equal(source.kind, PIN_NONE);
        }
}

static char *
pin_file(const char *content, mode_t mode)
{
        char *path = text_format("%s/pin", folder);
        struct error err = { 0 };

        assert_done(file_write(path, mode, view_text(content), &err), err);
        return path;
}

static void
assert_pin(const struct pin_source *source, const char *expected)
{
        CLEANUP(secret_cleanup) struct secret pin = { 0 };
        struct error err = { 0 };

        assert_done(pin_read(source, "t", NULL, NULL, &pin, &err), err);
        assert_true(view_equal(secret_view(&pin), view_text(expected)));
}

static void
one_newline_is_cut_from_a_file(void **state)
{
        static const struct {
                const char *content;
                const char *pin;
        } rows[] = { { "1234", "1234" },
                     { "1234\n", "1234" },
                     { "1234\r\n", "1234" },
                     { "12 34 \n", "12 34 " },
                     { "1234\n\n", "1234\n" } };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup) char *path = pin_file(rows[i].content, 0600);

                assert_pin(&(struct pin_source){ PIN_FILE, path }, rows[i].pin);
        }
}

static void
a_pin_file_that_everybody_can_change_is_refused(void **state)
{
        static const mode_t modes[] = { 0602, 0622, 0666 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(modes); i++) {
                CLEANUP(free_cleanup) char *path = pin_file("1234", modes[i]);
                CLEANUP(secret_cleanup) struct secret pin = { 0 };
                struct pin_source source = { PIN_FILE, path };
                struct error err = { 0 };

                assert_refused(pin_read(&source, "t", NULL, NULL, &pin, &err), err, ERROR_CONFIG);
                assert_null(pin.data);
        }
}

static void
a_pin_file_that_others_can_read_is_open_and_read(void **state)
{
        static const mode_t modes[] = { 0640, 0604, 0644, 0664 };
        CLEANUP(free_cleanup) char *own = pin_file("1234", 0600);

        (void)state;
        assert_false(pin_source_is_open(&(struct pin_source){ PIN_FILE, own }));
        for (size_t i = 0; i < ARRAY_LENGTH(modes); i++) {
                CLEANUP(free_cleanup) char *path = pin_file("1234", modes[i]);

                assert_true(pin_source_is_open(&(struct pin_source){ PIN_FILE, path }));
                assert_pin(&(struct pin_source){ PIN_FILE, path }, "1234");
        }
}

static void
no_pin_an_empty_one_and_an_endless_one_are_refused(void **state)
{
        CLEANUP(free_cleanup) char *path = pin_file("\n", 0600);
        CLEANUP(free_cleanup) char *missing = text_format("%s/missing", folder);
        CLEANUP(secret_cleanup) struct secret pin = { 0 };
        char zero[] = "/dev/zero";
        char name[] = "P11CERT_TEST_NO_SUCH_VARIABLE";
        struct error err = { 0 };

        (void)state;
        assert_refused(pin_read(&(struct pin_source){ PIN_FILE, path }, "t", NULL, NULL, &pin,
                                &err),
                       err, ERROR_PIN_MISSING);
        assert_refused(pin_read(&(struct pin_source){ PIN_FILE, missing }, "t", NULL, NULL, &pin,
                                &err),
                       err, ERROR_PIN_MISSING);
        assert_refused(pin_read(&(struct pin_source){ PIN_FILE, zero }, "t", NULL, NULL, &pin,
                                &err),
                       err, ERROR_CONFIG);
        assert_refused(pin_read(&(struct pin_source){ PIN_ENV, name }, "t", NULL, NULL, &pin, &err),
                       err, ERROR_PIN_MISSING);
        assert_refused(pin_read(NULL, "t", NULL, NULL, &pin, &err), err, ERROR_PIN_MISSING);
}

static void
a_variable_is_taken_as_it_is(void **state)
{
        char name[] = "P11CERT_TEST_PIN";

        (void)state;
        assert_int_equal(setenv(name, "1234 ", 1), 0);
        assert_pin(&(struct pin_source){ PIN_ENV, name }, "1234 ");
        unsetenv(name);
}

static void
a_descriptor_is_read_once_and_remembered(void **state)
{
        char number[16];
        int ends[2];

        (void)state;
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], "4321\n", 5), 5);
        close(ends[1]);
        snprintf(number, sizeof(number), "%d", ends[0]);
        assert_pin(&(struct pin_source){ PIN_FD, number }, "4321");
        close(ends[0]);
        assert_pin(&(struct pin_source){ PIN_FD, number }, "4321");
}

static void
a_command_runs_without_a_shell(void **state)
{
        char command[] = "printf %s\\n  12$HOME;34";

        (void)state;
        assert_pin(&(struct pin_source){ PIN_COMMAND, command }, "12$HOME;34");
}

static void
a_command_that_fails_gives_no_pin(void **state)
{
        CLEANUP(secret_cleanup) struct secret pin = { 0 };
        char command[] = "false";
        char nothing[] = "/no/such/program";
        struct error err = { 0 };

        (void)state;
        assert_refused(pin_read(&(struct pin_source){ PIN_COMMAND, command }, "t", NULL, NULL, &pin,
                                &err),
                       err, ERROR_PIN_MISSING);
        assert_refused(pin_read(&(struct pin_source){ PIN_COMMAND, nothing }, "t", NULL, NULL, &pin,
                                &err),
                       err, ERROR_PIN_MISSING);
}

static void
a_command_may_hold_secrets_and_only_its_program_is_shown(void **state)
{
        char command[] = "vault read -token=s3cr3t pin";
        char text[64];

        (void)state;
        assert_string_equal(pin_source_text(&(struct pin_source){ PIN_COMMAND, command }, text,
                                            sizeof(text)),
                            "cmd:vault");
}

/* -- the guard ---------------------------------------------------------------------------- */

static void
an_unchanged_file_is_refused_until_it_changes(void **state)
{
        CLEANUP(free_cleanup) char *guard = text_format("%s/guard", folder);
        CLEANUP(free_cleanup) char *path = pin_file("1111", 0600);
        struct pin_source source = { PIN_FILE, path };
        struct error err = { 0 };

        (void)state;
        assert_done(pin_guard_check(guard, "maker", "01", &source, &err), err);
        assert_done(pin_guard_record(guard, "maker", "01", &source, &err), err);
        assert_refused(pin_guard_check(guard, "maker", "01", &source, &err), err,
                       ERROR_PIN_REFUSED);
        assert_non_null(strstr(err.next, "--retry-pin"));
        /* Another token, another maker, another source: not concerned. */
        assert_done(pin_guard_check(guard, "maker", "02", &source, &err), err);
        assert_done(pin_guard_check(guard, "other", "01", &source, &err), err);
        char name[] = "P11CERT_TEST_PIN";

        assert_done(pin_guard_check(guard, "maker", "01", &(struct pin_source){ PIN_ENV, name },
                                    &err),
                    err);
        free(pin_file("2222", 0600));
        assert_done(pin_guard_check(guard, "maker", "01", &source, &err), err);
}

static void
sources_that_are_refused_in_turn_are_all_remembered(void **state)
{
        CLEANUP(free_cleanup) char *guard = text_format("%s/turns", folder);
        struct error err = { 0 };
        char *names[] = { (char[]){ "ONE" }, (char[]){ "TWO" }, (char[]){ "THREE" } };

        (void)state;
        for (size_t round = 0; round < 2; round++) {
                for (size_t i = 0; i < 3; i++)
                        assert_done(pin_guard_record(guard, "maker", "07",
                                                     &(struct pin_source){ PIN_ENV, names[i] },
                                                     &err),
                                    err);
        }
        for (size_t i = 0; i < 3; i++)
                assert_refused(pin_guard_check(guard, "maker", "07",
                                               &(struct pin_source){ PIN_ENV, names[i] }, &err),
                               err, ERROR_PIN_REFUSED);
}

static void
a_success_makes_the_guard_forget(void **state)
{
        CLEANUP(free_cleanup) char *guard = text_format("%s/guard", folder);
        CLEANUP(free_cleanup) char *path = pin_file("1111", 0600);
        struct pin_source source = { PIN_FILE, path };
        struct error err = { 0 };

        (void)state;
        assert_done(pin_guard_record(guard, "maker", "03", &source, &err), err);
        pin_guard_forget(guard, "maker", "03");
        assert_done(pin_guard_check(guard, "maker", "03", &source, &err), err);
}

static void
a_variable_stays_refused_and_a_prompt_never_is(void **state)
{
        CLEANUP(free_cleanup) char *guard = text_format("%s/guard", folder);
        char name[] = "P11CERT_TEST_PIN";
        struct pin_source variable = { PIN_ENV, name };
        struct pin_source prompt = { PIN_PROMPT, NULL };
        struct error err = { 0 };

        (void)state;
        assert_done(pin_guard_record(guard, "maker", "04", &variable, &err), err);
        assert_refused(pin_guard_check(guard, "maker", "04", &variable, &err), err,
                       ERROR_PIN_REFUSED);
        assert_done(pin_guard_record(guard, "maker", "05", &prompt, &err), err);
        assert_done(pin_guard_check(guard, "maker", "05", &prompt, &err), err);
}

/* The content of the one file in a folder; its path in `path`. */
static void
read_only_file(const char *where, char path[512], struct buf *content)
{
        DIR *listing = opendir(where);
        struct error err = { 0 };
        unsigned files = 0;

        assert_non_null(listing);
        for (struct dirent *entry; (entry = readdir(listing));) {
                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, 512, "%s/%s", where, entry->d_name);
                files++;
        }
        closedir(listing);
        assert_int_equal(files, 1);
        assert_done(file_read(path, 4096, content, &err), err);
}

static void
a_record_holds_no_pin_and_ages_where_change_cannot_be_seen(void **state)
{
        CLEANUP(free_cleanup) char *guard = text_format("%s/aging", folder);
        CLEANUP(buf_cleanup) struct buf record = { 0 };
        char name[] = "P11CERT_TEST_PIN";
        struct pin_source source = { PIN_ENV, name };
        struct error err = { 0 };
        struct stat status;
        char path[512];

        (void)state;
        assert_int_equal(setenv(name, "739173917391", 1), 0);
        assert_done(pin_guard_record(guard, "maker", "06", &source, &err), err);
        read_only_file(guard, path, &record);
        assert_null(strstr(buf_text(&record), "7391"));
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        assert_int_equal(stat(guard, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0700);

        const char *source_state = strchr(buf_text(&record), ' ');
        CLEANUP(free_cleanup)
        char *aged = text_format("%lld%s", (long long)clock_now() - 25 * 60 * 60, source_state);

        assert_done(file_write(path, 0600, view_text(aged), &err), err);
        assert_done(pin_guard_check(guard, "maker", "06", &source, &err), err);
        unsetenv(name);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sources_are_read_in_every_spelling),
                cmocka_unit_test(what_may_be_a_pin_itself_is_not_quoted_back),
                cmocka_unit_test(one_newline_is_cut_from_a_file),
                cmocka_unit_test(a_pin_file_that_everybody_can_change_is_refused),
                cmocka_unit_test(a_pin_file_that_others_can_read_is_open_and_read),
                cmocka_unit_test(no_pin_an_empty_one_and_an_endless_one_are_refused),
                cmocka_unit_test(a_variable_is_taken_as_it_is),
                cmocka_unit_test(a_descriptor_is_read_once_and_remembered),
                cmocka_unit_test(a_command_runs_without_a_shell),
                cmocka_unit_test(a_command_that_fails_gives_no_pin),
                cmocka_unit_test(a_command_may_hold_secrets_and_only_its_program_is_shown),
                cmocka_unit_test(an_unchanged_file_is_refused_until_it_changes),
                cmocka_unit_test(sources_that_are_refused_in_turn_are_all_remembered),
                cmocka_unit_test(a_success_makes_the_guard_forget),
                cmocka_unit_test(a_variable_stays_refused_and_a_prompt_never_is),
                cmocka_unit_test(a_record_holds_no_pin_and_ages_where_change_cannot_be_seen),
        };

        return cmocka_run_group_tests_name("pin", tests, make_folder, remove_folder);
}
