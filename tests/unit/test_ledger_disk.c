#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "ledger/internal.h"
#include "order/text_list.h"
#include "tests/unit/ledger_order.h"

enum { NOW = 1795305600, SKIPPED = 77 };

/* What goes wrong here goes wrong in a child, whose limits and mounts end with it. */
static void
in_a_child(void **state, void (*work)(const char *place))
{
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        if (child == 0) {
                work(*state);
                child_leave(0);
        }
        status = exit_status(child);
        if (status == SKIPPED)
                skip();
        assert_int_equal(status, 0);
}

/* cmocka's own asserts belong to the parent: a child says what it wanted and leaves. */
#define child_wants(expression, err)                                                               \
        do {                                                                                       \
                if (!(expression)) {                                                               \
                        fprintf(stderr, "%s:%d: %s [%s: %s, %s]\n", __FILE__, __LINE__,            \
                                #expression, error_kind_name((err).kind), (err).what, (err).next); \
                        child_leave(1);                                                            \
                }                                                                                  \
        } while (0)

static struct order *
order_of_size(const char *name, size_t size)
{
        struct order *order = order_planned(name);
        CLEANUP(free_cleanup) char *bytes = memory_new(size, 1);

        memset(bytes, 'x', size);
        buf_set(&order->request, view_of(bytes, size));
        return order;
}

/* -- a full disk
 * -------------------------------------------------------------------------------------- */

/*
 * Write turns until the disk is full; then `make_room` and go on as ledger.h says.  In the end
 * everything is there once.
 */
static void
fill_and_go_on(const char *place, void (*make_room)(const char *place))
{
        struct error err = { 0 };
        struct ledger *ledger = ledger_open(place, &err);
        struct order *first, *second;
        int64_t links, count = 0;

        child_wants(ledger, err);
        for (;; count += 2) {
                CLEANUP(free_cleanup) char *one = text_format("one-%lld", (long long)count);
                CLEANUP(free_cleanup) char *two = text_format("two-%lld", (long long)count);

                first = order_of_size(one, 20000);
                second = order_of_size(two, 200);
                child_wants(count < 1000, err);
                child_wants(ledger_begin(ledger, &err), err);
                if (!ledger_insert(ledger, first, NOW, &err) ||
                    !ledger_insert(ledger, second, NOW, &err) || !ledger_commit(ledger, &err))
                        break;
                order_free(first);
                order_free(second);
        }
        child_wants(err.kind == ERROR_LEDGER_FULL, err);
        child_wants(strstr(err.next, "free some space"), err);
        if (!ledger_in_turn(ledger)) {
                /* Nothing of the lost turn may slip in behind the caller's back. */
                child_wants(!ledger_insert(ledger, second, NOW, &err), err);
                child_wants(err.kind == ERROR_LEDGER_FULL, err);
                child_wants(!ledger_commit(ledger, &err), err);
        }
        make_room(place);
        if (!ledger_in_turn(ledger)) {
                child_wants(ledger_begin(ledger, &err), err);
                child_wants(ledger_insert(ledger, first, NOW, &err), err);
                child_wants(ledger_insert(ledger, second, NOW, &err), err);
        }
        child_wants(ledger_commit(ledger, &err), err);
        child_wants(ledger_verify(ledger, &links, &err), err);
        child_wants(links == count + 2, err);
        child_wants(first->number == count + 1 && second->number == count + 2, err);
        child_wants(ledger_check(ledger, &err), err);
        ledger_close(ledger);
        order_free(first);
        order_free(second);
}

static void
lift_the_limit(const char *place)
{
        struct rlimit limit;

        (void)place;
        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_FSIZE, &limit);
}

static void
fill_up_to_a_limit(const char *place)
{
        struct rlimit limit;

        signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = 400 * 1024;
        setrlimit(RLIMIT_FSIZE, &limit);
        fill_and_go_on(place, lift_the_limit);
}

static void
a_turn_that_does_not_fit_is_undone_and_written_again_when_it_does(void **state)
{
        in_a_child(state, fill_up_to_a_limit);
}

static void
enlarge_disk(const char *place)
{
        if (mount("tmpfs", place, "tmpfs", MS_REMOUNT, "size=4m,mode=700") != 0)
                child_leave(1);
}

static void
fill_small_disk(const char *place)
{
        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "", MS_REC | MS_PRIVATE, "") != 0 ||
            mount("tmpfs", place, "tmpfs", 0, "size=300k,mode=700") != 0)
                child_leave(SKIPPED);
        fill_and_go_on(place, enlarge_disk);
}

static void
a_full_disk_loses_nothing_and_is_gone_on_from(void **state)
{
        in_a_child(state, fill_small_disk);
}

static void
open_on_full_disk(const char *place)
{
        CLEANUP(free_cleanup) char *ballast = text_format("%s/ballast", place);
        static const char block[4096];
        struct error err = { 0 };
        int fd;

        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "", MS_REC | MS_PRIVATE, "") != 0 ||
            mount("tmpfs", place, "tmpfs", 0, "size=64k,mode=700") != 0)
                child_leave(SKIPPED);
        fd = open(ballast, O_WRONLY | O_CREAT, 0600);
        while (write(fd, block, sizeof(block)) > 0)
                continue;
        close(fd);
        child_wants(!ledger_open(place, &err), err);
        child_wants(err.kind == ERROR_LEDGER_FULL, err);
        child_wants(err.next[0], err);
        unlink(ballast);
        enlarge_disk(place);
        child_wants(ledger_open(place, &err), err);
}

static void
a_ledger_that_could_not_be_made_for_want_of_space_is_made_later(void **state)
{
        in_a_child(state, open_on_full_disk);
}

/* -- a folder that cannot be written
 * ------------------------------------------------------------------- */

/* Root may write anywhere but on a read-only mount; others are kept out by the mode. */
static void
make_read_only(const char *place)
{
        if (geteuid() != 0) {
                CLEANUP(free_cleanup) char *file = text_format("%s/ledger.db", place);

                chmod(file, 0400);
                chmod(place, 0500);
                return;
        }
        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "", MS_REC | MS_PRIVATE, "") != 0 ||
            mount(place, place, "", MS_BIND, "") != 0 ||
            mount("none", place, "", MS_REMOUNT | MS_BIND | MS_RDONLY, "") != 0)
                child_leave(SKIPPED);
}

static void
use_read_only(const char *place)
{
        struct order *order = order_planned("device-1");
        struct error err = { 0 };
        struct ledger *ledger = ledger_open(place, &err);

        child_wants(ledger && ledger_insert(ledger, order, NOW, &err), err);
        ledger_close(ledger);
        make_read_only(place);

        ledger = ledger_open(place, &err);
        child_wants(!ledger, err);
        child_wants(err.kind == ERROR_LEDGER_READ_ONLY, err);
        child_wants(strstr(err.next, "--state"), err);

        ledger = ledger_open_read(place, &err);
        child_wants(ledger, err);
        child_wants(ledger_get(ledger, order->number, &err), err);
        ledger_close(ledger);
        if (geteuid() != 0)
                chmod(place, 0700);
}

static void
a_read_only_folder_can_be_read_and_says_so_when_it_is_written(void **state)
{
        in_a_child(state, use_read_only);
}

static void
make_in_read_only(const char *place)
{
        CLEANUP(free_cleanup) char *below = text_format("%s/below", place);
        struct error err = { 0 };

        make_read_only(place);
        child_wants(!ledger_open(below, &err), err);
        child_wants(err.kind == ERROR_LEDGER_READ_ONLY, err);
        if (geteuid() != 0)
                chmod(place, 0700);
}

static void
a_ledger_cannot_be_made_in_a_read_only_folder(void **state)
{
        in_a_child(state, make_in_read_only);
}

static void
become_read_only(const char *place)
{
        struct order *order = order_planned("device-1");
        struct error err = { 0 };
        struct ledger *ledger = ledger_open(place, &err);

        child_wants(ledger, err);
        if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
            mount("none", "/", "", MS_REC | MS_PRIVATE, "") != 0 ||
            mount("tmpfs", place, "tmpfs", 0, "size=4m,mode=700") != 0)
                child_leave(SKIPPED);
        ledger_close(ledger);
        ledger = ledger_open(place, &err);
        child_wants(ledger && ledger_insert(ledger, order, NOW, &err), err);
        ledger_close(ledger);
        if (mount("tmpfs", place, "tmpfs", MS_REMOUNT | MS_RDONLY, "mode=700") != 0)
                child_leave(SKIPPED);
        child_wants(!ledger_open(place, &err), err);
        child_wants(err.kind == ERROR_LEDGER_READ_ONLY, err);
        child_wants(ledger_open_read(place, &err), err);
}

static void
a_disk_that_was_mounted_read_only_can_be_read(void **state)
{
        in_a_child(state, become_read_only);
}

/* -- files that are not what they should be
 * ------------------------------------------------------------- */

static char *
database_path(const char *place)
{
        return text_format("%s/ledger.db", place);
}

static void
execute(const char *place, const char *sql)
{
        CLEANUP(free_cleanup) char *path = database_path(place);
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
                fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        sqlite3_close(db);
}

static void
assert_no_open(const char *place, enum error_kind kind)
{
        struct error err = { 0 };

        assert_refused(ledger_open(place, &err), err, kind);
        assert_true(err.next[0]);
        assert_refused(ledger_open_read(place, &err), err, kind);
        assert_true(err.next[0]);
}

static void
a_file_of_a_newer_version_is_refused_and_left_as_it_is(void **state)
{
        CLEANUP(free_cleanup) char *path = database_path(*state);
        CLEANUP(buf_cleanup) struct buf before = { 0 };
        CLEANUP(buf_cleanup) struct buf after = { 0 };
        struct error err = { 0 };

        ledger_close(open_ledger(*state));
        execute(*state, "PRAGMA journal_mode = DELETE; PRAGMA user_version = 4711");
        assert_done(file_read(path, 10000000, &before, &err), err);
        assert_no_open(*state, ERROR_LEDGER_NEWER);
        assert_done(file_read(path, 10000000, &after, &err), err);
        assert_true(view_equal(view_buf(&before), view_buf(&after)));
}

/* Tables, indices and columns, in any order. */
static char *
shape_of(const char *state)
{
        static const char question[] =
                "SELECT group_concat(what, ' ') FROM (SELECT s.type || ':' || s.name || ':' ||"
                " ifnull(c.name || ' ' || c.type || c.\"notnull\", '') AS what FROM sqlite_schema s"
                " LEFT JOIN pragma_table_info(s.name) c ORDER BY what)";
        CLEANUP(free_cleanup) char *path = database_path(state);
        sqlite3_stmt *statement = NULL;
        sqlite3 *db = NULL;
        char *text;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, question, -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        text = text_copy((const char *)sqlite3_column_text(statement, 0));
        sqlite3_finalize(statement);
        sqlite3_close(db);
        return text;
}

/* What the first version wrote has none of the later columns; its digests have to hold. */
static void
a_file_of_the_first_version_is_brought_up_to_date_and_still_proves_itself(void **state)
{
        CLEANUP(order_cleanup) struct order *order = order_planned("device-1");
        CLEANUP(order_cleanup) struct order *back = NULL;
        struct error err = { 0 };
        struct ledger *ledger = open_ledger(*state);
        int64_t links = 0;

        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        ledger_close(ledger);
        CLEANUP(free_cleanup) char *fresh = shape_of(*state);

        execute(*state, "ALTER TABLE orders DROP COLUMN extensions;"
                        "ALTER TABLE orders DROP COLUMN path_length;"
                        "ALTER TABLE orders DROP COLUMN csr_hash;"
                        "ALTER TABLE orders DROP COLUMN allowed_differences;"
                        "DROP INDEX orders_renew_at;"
                        "ALTER TABLE orders DROP COLUMN file_mode;"
                        "ALTER TABLE orders DROP COLUMN file_owner;"
                        "ALTER TABLE orders DROP COLUMN deploy_hook;"
                        "ALTER TABLE orders DROP COLUMN renew_before_s;"
                        "ALTER TABLE orders DROP COLUMN renew_percent;"
                        "ALTER TABLE orders DROP COLUMN renew_at;"
                        "DROP TABLE identities;"
                        "ALTER TABLE orders DROP COLUMN over_csr;"
                        "ALTER TABLE orders DROP COLUMN differences;"
                        "DROP INDEX orders_open_name;"
                        "CREATE UNIQUE INDEX orders_open_name ON orders (name) WHERE state IN"
                        " ('planned', 'keyed', 'requested', 'submitted', 'issued', 'verified');"
                        "PRAGMA user_version = 1");
        CLEANUP(close_cleanup) struct ledger *again = open_ledger(*state);
        CLEANUP(free_cleanup) char *migrated = shape_of(*state);

        assert_string_equal(migrated, fresh);
        back = ledger_get(again, order->number, &err);
        assert_done(back, err);
        assert_orders_equal(back, order);
        assert_done(ledger_verify(again, &links, &err), err);
        assert_int_equal(links, 1);
        buf_set(&order->key_id, view_text("id"));
        text_list_add(&order->wishes.extensions, &order->wishes.extension_count, "1.2.3:0500");
        assert_done(ledger_update(again, order, "again", NOW, &err), err);
        assert_done(ledger_verify(again, &links, &err), err);
}

static void
somebody_elses_database_is_refused(void **state)
{
        execute(*state, "CREATE TABLE theirs (a)");
        assert_no_open(*state, ERROR_LEDGER_CORRUPT);
        execute(*state, "DROP TABLE theirs; PRAGMA application_id = 12; PRAGMA user_version = 1");
        assert_no_open(*state, ERROR_LEDGER_CORRUPT);
}

static void
a_file_of_garbage_is_called_corrupt(void **state)
{
        CLEANUP(free_cleanup) char *path = database_path(*state);
        char garbage[8192];
        struct error err = { 0 };

        random_bytes(garbage, sizeof(garbage));
        assert_done(file_write(path, 0600, view_of(garbage, sizeof(garbage)), &err), err);
        assert_no_open(*state, ERROR_LEDGER_CORRUPT);
}

static void
an_empty_file_is_a_new_ledger(void **state)
{
        CLEANUP(free_cleanup) char *path = database_path(*state);
        CLEANUP(close_cleanup) struct ledger *ledger = NULL;
        struct error err = { 0 };

        assert_done(file_write(path, 0600, view_text(""), &err), err);
        assert_refused(ledger_open_read(*state, &err), err, ERROR_NOTHING);
        ledger = open_ledger(*state);
}

static void
a_file_that_was_torn_is_called_corrupt_and_not_a_crash(void **state)
{
        CLEANUP(free_cleanup) char *path = database_path(*state);
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        struct error err = { 0 };
        char block[4096] = { 0 };
        struct stat status;
        int fd;

        assert_done(ledger_begin(ledger, &err), err);
        for (int i = 0; i < 200; i++) {
                CLEANUP(free_cleanup) char *name = text_format("device-%d", i);
                CLEANUP(order_cleanup) struct order *order = order_full(name);

                assert_done(ledger_insert(ledger, order, NOW, &err), err);
        }
        assert_done(ledger_commit(ledger, &err), err);
        ledger_close(ledger);
        ledger = NULL;
        assert_int_equal(stat(path, &status), 0);
        fd = open(path, O_RDWR);
        /* Not the first pages, where the tables are described: it has to open. */
        for (off_t at = status.st_size * 3 / 4 / 4096 * 4096; at < status.st_size; at += 4096)
                assert_int_equal(pwrite(fd, block, sizeof(block), at), sizeof(block));
        close(fd);
        ledger = open_ledger(*state);
        assert_refused(ledger_check(ledger, &err), err, ERROR_LEDGER_CORRUPT);
        assert_non_null(strstr(err.next, "ledger backup"));
}

static void
a_word_nobody_wrote_is_called_corrupt(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(order_cleanup) struct order *order = order_full("device-1");
        struct error err = { 0 };

        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        execute(*state, "UPDATE orders SET state = 'molten'");
        assert_refused(ledger_get(ledger, order->number, &err), err, ERROR_LEDGER_CORRUPT);
        assert_non_null(strstr(err.about, "order 1"));
        assert_refused(ledger_update(ledger, order, "keyed", NOW, &err), err, ERROR_LEDGER_CORRUPT);
        execute(*state, "UPDATE orders SET state = 'planned', issue_failures = -5");
        assert_refused(ledger_get(ledger, order->number, &err), err, ERROR_LEDGER_CORRUPT);
}

/* Escapes without an end, names without a value, lines without a name. */
static void
random_list(char *text, size_t size)
{
        static const char letters[] = "\\\\\\=\n\nab\xc3";

        random_bytes(text, size);
        for (size_t i = 0; i < size; i++)
                text[i] = letters[(unsigned char)text[i] % (sizeof(letters) - 1)];
}

static void
lists_that_nobody_wrote_are_read_without_harm(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(order_cleanup) struct order *order = order_full("device-1");
        CLEANUP(sql_finalize) sqlite3_stmt *change = NULL;
        struct error err = { 0 };

        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        change = sql_prepare(ledger, "UPDATE orders SET sans = ?1, attributes = ?1, policies = ?1",
                             &err);
        assert_done(change && ledger_begin(ledger, &err), err);
        for (int i = 0; i < 500; i++) {
                CLEANUP(order_cleanup) struct order *back = NULL;
                char text[24];

                random_list(text, sizeof(text));
                sqlite3_bind_text(change, 1, text, i % (int)sizeof(text), SQLITE_STATIC);
                assert_done(sql_run(ledger, change, "change", &err), err);
                sqlite3_reset(change);
                back = ledger_get(ledger, order->number, &err);
                assert_done(back, err);
                assert_int_equal(back->wishes.san_count, back->wishes.usages.policy_count);
                for (size_t k = 0; k < back->wishes.attribute_count; k++)
                        assert_non_null(back->wishes.attributes[k].value);
                /* What is read can be written, and is then read as the same. */
                assert_done(ledger_update(ledger, back, "again", NOW, &err), err);
                order_free(order);
                order = back;
                back = ledger_get(ledger, order->number, &err);
                assert_done(back, err);
                assert_orders_equal(back, order);
        }
}

static void
another_writer_is_waited_for(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(order_cleanup) struct order *order = order_planned("device-1");
        struct error err = { 0 };
        int ready[2];
        pid_t child;
        char byte;

        assert_int_equal(pipe(ready), 0);
        child = fork();
        if (child == 0) {
                struct ledger *other = ledger_open(*state, &err);

                if (!other || !ledger_begin(other, &err) || write(ready[1], "x", 1) != 1)
                        child_leave(1);
                usleep(100000);
                child_leave(ledger_commit(other, &err) ? 0 : 1);
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        assert_int_equal(exit_status(child), 0);
        close(ready[0]);
        close(ready[1]);
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)
        const struct CMUnitTest tests[] = {
                CASE(a_turn_that_does_not_fit_is_undone_and_written_again_when_it_does),
                CASE(a_full_disk_loses_nothing_and_is_gone_on_from),
                CASE(a_ledger_that_could_not_be_made_for_want_of_space_is_made_later),
                CASE(a_read_only_folder_can_be_read_and_says_so_when_it_is_written),
                CASE(a_ledger_cannot_be_made_in_a_read_only_folder),
                CASE(a_disk_that_was_mounted_read_only_can_be_read),
                CASE(a_file_of_a_newer_version_is_refused_and_left_as_it_is),
                CASE(a_file_of_the_first_version_is_brought_up_to_date_and_still_proves_itself),
                CASE(somebody_elses_database_is_refused),
                CASE(a_file_of_garbage_is_called_corrupt),
                CASE(an_empty_file_is_a_new_ledger),
                CASE(a_file_that_was_torn_is_called_corrupt_and_not_a_crash),
                CASE(a_word_nobody_wrote_is_called_corrupt),
                CASE(lists_that_nobody_wrote_are_read_without_harm),
                CASE(another_writer_is_waited_for),
        };

        return cmocka_run_group_tests_name("ledger: disk", tests, NULL, NULL);
}
