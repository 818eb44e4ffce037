#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
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

static void
a_file_is_written_whole_with_its_mode(void **state)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/a", folder);
        CLEANUP(buf_cleanup) struct buf back = { 0 };
        struct error err = { 0 };
        struct stat status;

        (void)state;
        assert_done(file_write(path, 0600, view_text("one"), &err), err);
        assert_done(file_write(path, 0600, view_text("second"), &err), err);
        assert_done(file_read(path, 100, &back, &err), err);
        assert_string_equal(buf_text(&back), "second");
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
}

static void
a_link_is_replaced_and_its_target_left_alone(void **state)
{
        CLEANUP(free_cleanup) char *target = text_format("%s/target", folder);
        CLEANUP(free_cleanup) char *link_path = text_format("%s/link", folder);
        CLEANUP(buf_cleanup) struct buf back = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(file_write(target, 0600, view_text("precious"), &err), err);
        assert_int_equal(symlink(target, link_path), 0);
        assert_done(file_write(link_path, 0600, view_text("new"), &err), err);
        assert_done(file_read(target, 100, &back, &err), err);
        assert_string_equal(buf_text(&back), "precious");
}

static void
a_pipe_or_a_device_is_written_into_and_stays(void **state)
{
        CLEANUP(free_cleanup) char *pipe_path = text_format("%s/pipe", folder);
        CLEANUP(free_cleanup) char *link_path = text_format("%s/stdout", folder);
        struct error err = { 0 };
        struct stat status;
        char text[8] = "";

        (void)state;
        assert_int_equal(mkfifo(pipe_path, 0600), 0);
        int fd = open(pipe_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

        assert_done(file_put(pipe_path, 0600, view_text("one"), &err), err);
        assert_int_equal(read(fd, text, sizeof(text)), 3);
        assert_int_equal(lstat(pipe_path, &status), 0);
        assert_true(S_ISFIFO(status.st_mode));
        /* As /dev/stdout is, wherever that leads. */
        CLEANUP(free_cleanup) char *target = text_format("/proc/self/fd/%d", fd);

        assert_int_equal(symlink(target, link_path), 0);
        assert_done(file_put(link_path, 0600, view_text("two"), &err), err);
        assert_int_equal(read(fd, text, sizeof(text)), 3);
        assert_int_equal(lstat(link_path, &status), 0);
        assert_true(S_ISLNK(status.st_mode));
        close(fd);
}

static void
a_file_over_the_bound_is_refused(void **state)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/big", folder);
        CLEANUP(buf_cleanup) struct buf back = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(file_write(path, 0600, view_text("12345"), &err), err);
        assert_done(file_read(path, 5, &back, &err), err);
        assert_refused(file_read(path, 4, &back, &err), err, ERROR_INPUT);
}

static void
a_path_that_cannot_be_written_is_named(void **state)
{
        struct error err = { 0 };

        (void)state;
        assert_refused(file_write("/proc/no-such-place", 0600, view_text("x"), &err), err,
                       ERROR_FILE);
        assert_non_null(strstr(err.what, "/proc/no-such-place"));
}

static void
folders_are_made_with_those_above_them(void **state)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/x/y/z", folder);
        CLEANUP(free_cleanup) char *file = text_format("%s/plain", folder);
        CLEANUP(free_cleanup) char *below = text_format("%s/plain/z", folder);
        struct error err = { 0 };
        struct stat status;

        (void)state;
        assert_done(file_make_folder(path, 0700, &err), err);
        assert_done(file_make_folder(path, 0700, &err), err);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0700);
        assert_done(file_write(file, 0600, view_text(""), &err), err);
        assert_refused(file_make_folder(below, 0700, &err), err, ERROR_FILE);
}

static void
a_folder_that_cannot_be_made_is_noticed_before_it_is_needed(void **state)
{
        CLEANUP(free_cleanup) char *file = text_format("%s/plain2", folder);
        CLEANUP(free_cleanup) char *below = text_format("%s/a/b", file);
        CLEANUP(free_cleanup) char *fresh = text_format("%s/new/a/b", folder);
        struct error err = { 0 };

        (void)state;
        assert_done(file_write(file, 0600, view_text(""), &err), err);
        assert_refused(file_check_folder(below, &err), err, ERROR_FILE);
        assert_done(file_check_folder(fresh, &err), err);
        assert_false(file_exists(fresh));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_file_is_written_whole_with_its_mode),
                cmocka_unit_test(a_link_is_replaced_and_its_target_left_alone),
                cmocka_unit_test(a_pipe_or_a_device_is_written_into_and_stays),
                cmocka_unit_test(a_file_over_the_bound_is_refused),
                cmocka_unit_test(a_path_that_cannot_be_written_is_named),
                cmocka_unit_test(folders_are_made_with_those_above_them),
                cmocka_unit_test(a_folder_that_cannot_be_made_is_noticed_before_it_is_needed),
        };

        return cmocka_run_group_tests_name("file", tests, make_folder, remove_folder);
}
