#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "aws/shared_edit.h"
#include "base/file.h"
#include "tests/unit/folder.h"

#define KEYS(id) "aws_access_key_id = " id "\naws_secret_access_key = new/+secret\n"

static void
edited(const char *old, const char *profile, const char *id, const char *expected)
{
        CLEANUP(secret_cleanup) struct secret out = { 0 };
        struct credentials keys = { 0 };

        if (id) {
                keys.access_key_id = text_copy(id);
                secret_set(&keys.secret_access_key, view_text("new/+secret"));
        }
        shared_edit(view_text(old), profile, id ? &keys : NULL, &out);
        CLEANUP(free_cleanup) char *text = text_copy_length(out.data, out.len);

        assert_string_equal(text, expected);
        credentials_clear(&keys);
}

static void
a_profile_that_is_not_there_is_added_at_the_end(void **state)
{
        (void)state;
        edited("", "p", "AK1", "[p]\n" KEYS("AK1"));
        edited("# mine\n[default]\nregion = x\n", "p", "AK1",
               "# mine\n[default]\nregion = x\n\n[p]\n" KEYS("AK1"));
        edited("[default]\nregion = x", "p", "AK1", "[default]\nregion = x\n\n[p]\n" KEYS("AK1"));
        edited("[default]\r\nregion = x\r\n", "p", "AK1",
               "[default]\r\nregion = x\r\n\r\n[p]\r\naws_access_key_id = AK1\r\n"
               "aws_secret_access_key = new/+secret\r\n");
}

static void
only_the_keys_of_the_profile_are_replaced(void **state)
{
        (void)state;
        edited("; first\n[a]\naws_access_key_id=A\naws_secret_access_key=S\n\n"
               "[ p ] # why\n  # a comment\nregion = eu-west-1\nAWS_Access_Key_ID : OLD\n"
               "aws_secret_access_key = OLDSECRET\naws_session_token = OLDTOKEN\n"
               "aws_access_key_ids = 7\n\n[pp]\naws_access_key_id = Z\n",
               "p", "AK1",
               "; first\n[a]\naws_access_key_id=A\naws_secret_access_key=S\n\n"
               "[ p ] # why\n" KEYS(
                       "AK1") "  # a comment\nregion = eu-west-1\n"
                              "aws_access_key_ids = 7\n\n[pp]\naws_access_key_id = Z\n");
        edited("[p]", "p", "AK1", "[p]\n" KEYS("AK1"));
        edited("[\"p\"]\n", "p", "AK1", "[\"p\"]\n" KEYS("AK1"));
}

static void
a_profile_that_stands_there_twice_has_its_keys_once(void **state)
{
        (void)state;
        edited("[p]\naws_access_key_id = A\n[q]\nx = y\n[p]\naws_access_key_id = B\n"
               "aws_secret_access_key = S\n",
               "p", "AK1", "[p]\n" KEYS("AK1") "[q]\nx = y\n[p]\n");
}

static void
what_was_added_can_be_taken_out_without_a_trace(void **state)
{
        static const char *const files[] = {
                "",
                "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key = S\n# end\n",
                "[x]\n\n\n",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
                CLEANUP(secret_cleanup) struct secret with = { 0 };
                struct credentials keys = { .access_key_id = text_copy("AK1") };

                secret_set(&keys.secret_access_key, view_text("new/+secret"));
                shared_edit(view_text(files[i]), "p", &keys, &with);
                CLEANUP(free_cleanup) char *text = text_copy_length(with.data, with.len);

                edited(text, "p", NULL, files[i]);
                credentials_clear(&keys);
        }
        /* What somebody wrote below the heading stays. */
        edited("[p]\n# keep\naws_access_key_id = A\nregion = r\n", "p", NULL,
               "[p]\n# keep\nregion = r\n");
        edited("[q]\naws_access_key_id = A\n", "p", NULL, "[q]\naws_access_key_id = A\n");
}

static void
the_file_is_private_made_where_it_is_missing_and_a_link_to_it_stays(void **state)
{
        char folder[64];
        struct credentials keys = { .access_key_id = text_copy("AK1") };
        struct error err = { 0 };
        struct stat status;
        bool changed = false;

        (void)state;
        assert_int_equal(folder_make(folder), 0);
        CLEANUP(free_cleanup) char *path = text_format("%s/.aws/credentials", folder);
        CLEANUP(free_cleanup) char *link = text_format("%s/link", folder);

        secret_set(&keys.secret_access_key, view_text("new/+secret"));
        assert_done(shared_edit_file(path, "p", &keys, &changed, &err), err);
        assert_true(changed);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        assert_int_equal(chmod(path, 0644), 0);
        assert_int_equal(symlink(path, link), 0);
        assert_done(shared_edit_file(link, "p", &keys, &changed, &err), err);
        assert_false(changed);
        assert_done(shared_edit_file(link, "q", &keys, &changed, &err), err);
        assert_int_equal(lstat(link, &status), 0);
        assert_true(S_ISLNK(status.st_mode));
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        credentials_clear(&keys);
        folder_remove(folder);
}

static void
a_name_that_could_be_more_than_a_heading_is_refused(void **state)
{
        static const char *const bad[] = { "", "a]b", "[a", "a b", "a\nb", "a#", "\"a\"" };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
                assert_refused(shared_profile_name_check(bad[i], &err), err, ERROR_USAGE);
        assert_done(shared_profile_name_check("station-7@x+=,._", &err), err);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_profile_that_is_not_there_is_added_at_the_end),
                cmocka_unit_test(only_the_keys_of_the_profile_are_replaced),
                cmocka_unit_test(a_profile_that_stands_there_twice_has_its_keys_once),
                cmocka_unit_test(what_was_added_can_be_taken_out_without_a_trace),
                cmocka_unit_test(
                        the_file_is_private_made_where_it_is_missing_and_a_link_to_it_stays),
                cmocka_unit_test(a_name_that_could_be_more_than_a_heading_is_refused),
        };

        return cmocka_run_group_tests_name("shared_edit", tests, NULL, NULL);
}
