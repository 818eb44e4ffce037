/*
 * Hooks: what they are told, what becomes of them.
 */
#include "drive/hook.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/folder.h"
#include "tests/unit/unit.h"

enum { LONG_MS = 20 * 1000 };

static char folder[64];

static int
begin(void **state)
{
        (void)state;
        return folder_make(folder);
}

static int
end(void **state)
{
        (void)state;
        return folder_remove(folder);
}

/* A shell script as the hook; the caller frees its path. */
static char *
script(const char *text)
{
        char *path = text_format("%s/hook", folder);
        CLEANUP(free_cleanup) char *whole = text_format("#!/bin/sh\ncd '%s'\n%s\n", folder, text);
        struct error err = { 0 };

        assert_done(file_write(path, 0700, view_text(whole), &err), err);
        return path;
}

static char *
written(const char *name)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/%s", folder, name);
        struct buf text = { 0 };
        struct error err = { 0 };

        assert_done(file_read(path, 65536, &text, &err), err);
        return text.data ? (char *)text.data : text_copy("");
}

static void
only_an_absolute_program_that_nobody_else_can_change_is_a_hook(void **state)
{
        CLEANUP(free_cleanup) char *path = script("exit 0");
        CLEANUP(free_cleanup) char *missing = text_format("%s/missing", folder);
        struct error err = { 0 };

        (void)state;
        assert_done(hook_check(path, &err), err);
        assert_refused(hook_check("hook", &err), err, ERROR_USAGE);
        assert_refused(hook_check(missing, &err), err, ERROR_CONFIG);
        assert_refused(hook_check(folder, &err), err, ERROR_CONFIG);
        assert_int_equal(chmod(path, 0722), 0);
        assert_refused(hook_check(path, &err), err, ERROR_CONFIG);
        assert_int_equal(chmod(path, 0600), 0);
        assert_refused(hook_check(path, &err), err, ERROR_CONFIG);
}

static void
a_hook_finds_its_facts_in_the_environment_and_no_credentials(void **state)
{
        CLEANUP(free_cleanup) char *path = script("env >env; cat >input");
        CLEANUP(secret_cleanup) struct secret input = { 0 };
        struct hook_facts facts = { 0 };
        struct error err = { 0 };

        (void)state;
        setenv("AWS_SECRET_ACCESS_KEY", "not for hooks", 1);
        setenv("TEST_PIN", "1234", 1);
        setenv("TEST_STAYS", "here", 1);
        setenv("P11CERT_ORDER", "the caller's own", 1);
        secret_set(&input, view_text("so-pin=1\nuser-pin=2\n"));
        hook_fact(&facts, "P11CERT_ORDER", "17");
        hook_fact(&facts, "P11CERT_HOLDER", "line\nbreak");
        hook_fact(&facts, "P11CERT_PLACE", NULL);
        assert_done(hook_run(path, &facts, "TEST_PIN", &input, LONG_MS, &err), err);
        hook_facts_clear(&facts);

        CLEANUP(free_cleanup) char *env = written("env");
        CLEANUP(free_cleanup) char *got = written("input");

        assert_string_equal(got, "so-pin=1\nuser-pin=2\n");
        assert_non_null(strstr(env, "P11CERT_ORDER=17\n"));
        assert_null(strstr(env, "the caller's own"));
        assert_non_null(strstr(env, "P11CERT_HOLDER=line?break\n"));
        assert_non_null(strstr(env, "P11CERT_PLACE=\n"));
        assert_non_null(strstr(env, "TEST_STAYS=here\n"));
        assert_null(strstr(env, "AWS_"));
        assert_null(strstr(env, "TEST_PIN"));
        unsetenv("AWS_SECRET_ACCESS_KEY");
        unsetenv("P11CERT_ORDER");
}

static void
a_hook_that_fails_is_quoted_with_its_status_and_last_line(void **state)
{
        CLEANUP(free_cleanup)
        char *path = script("echo starting; echo 'no paper' >&2; echo; exit 3");
        struct hook_facts none = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_refused(hook_run(path, &none, NULL, NULL, LONG_MS, &err), err, ERROR_HOOK);
        assert_non_null(strstr(err.what, "exit status 3"));
        assert_non_null(strstr(err.about, "no paper"));
        assert_non_null(strstr(err.about, path));
}

static void
a_hook_that_hangs_is_killed_with_its_children(void **state)
{
        CLEANUP(free_cleanup) char *path = script("echo $$ >pid; sleep 1000 & sleep 1000");
        struct hook_facts none = { 0 };
        struct error err = { 0 };
        int64_t pid = 0;

        (void)state;
        assert_refused(hook_run(path, &none, NULL, NULL, 500, &err), err, ERROR_HOOK);
        CLEANUP(free_cleanup) char *text = written("pid");

        text[strcspn(text, "\n")] = '\0';
        assert_true(number_parse(text, 2, INT32_MAX, &pid));
        /* The whole group got the signal; what is left of it is not ours to wait for. */
        for (unsigned i = 0; i < 200 && kill((pid_t)-pid, 0) == 0; i++)
                usleep(20 * 1000);
        assert_int_equal(kill((pid_t)-pid, 0), -1);
}

static void
a_hook_whose_child_keeps_its_output_open_has_ended_all_the_same(void **state)
{
        CLEANUP(free_cleanup) char *path = script("sleep 5 & exit 0");
        struct hook_facts none = { 0 };
        struct error err = { 0 };

        (void)state;
        int64_t before = clock_boot_ms();

        assert_done(hook_run(path, &none, NULL, NULL, LONG_MS, &err), err);
        assert_in_range(clock_boot_ms() - before, 0, 4500);
}

static void
a_program_that_cannot_be_started_says_so(void **state)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/none", folder);
        struct hook_facts none = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_refused(hook_run(path, &none, NULL, NULL, LONG_MS, &err), err, ERROR_HOOK);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_an_absolute_program_that_nobody_else_can_change_is_a_hook),
                cmocka_unit_test(a_hook_finds_its_facts_in_the_environment_and_no_credentials),
                cmocka_unit_test(a_hook_that_fails_is_quoted_with_its_status_and_last_line),
                cmocka_unit_test(a_hook_that_hangs_is_killed_with_its_children),
                cmocka_unit_test(a_hook_whose_child_keeps_its_output_open_has_ended_all_the_same),
                cmocka_unit_test(a_program_that_cannot_be_started_says_so),
        };

        return cmocka_run_group_tests(tests, begin, end);
}
