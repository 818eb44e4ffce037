#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "ledger/ledger.h"
#include "tests/unit/ledger_order.h"

enum { NOW = 1795305600 };

/* -- opening
 * --------------------------------------------------------------------------------------- */

static mode_t
mode_of(const char *folder, const char *name)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/%s", folder, name);
        struct stat status;

        assert_int_equal(stat(path, &status), 0);
        return status.st_mode & 07777;
}

static void
folder_and_files_are_closed_to_others_whatever_the_umask(void **state)
{
        static const mode_t masks[] = { 0, 022, 077, 0177 };
        const char *folder = *state;

        for (size_t i = 0; i < ARRAY_LENGTH(masks); i++) {
                CLEANUP(free_cleanup) char *place = text_format("%s/%zu/below", folder, i);
                CLEANUP(order_cleanup) struct order *order = order_planned("device-1");
                CLEANUP(close_cleanup) struct ledger *ledger = NULL;
                struct error err = { 0 };
                mode_t before;

                /* The folder above has to be passable even for the strangest mask. */
                assert_int_equal(mkdir_parent(place), 0);
                before = umask(masks[i]);
                ledger = ledger_open(place, &err);
                assert_done(ledger && ledger_insert(ledger, order, NOW, &err) &&
                                    ledger_lock(ledger, "issue", 0, &err),
                            err);
                umask(before);
                assert_int_equal(mode_of(place, "."), 0700);
                assert_int_equal(mode_of(place, "ledger.db"), 0600);
                assert_int_equal(mode_of(place, "ledger.db-wal"), 0600);
                assert_int_equal(mode_of(place, "ledger.db-shm"), 0600);
                assert_int_equal(mode_of(place, "ledger.lock"), 0600);
        }
}

static void
a_folder_that_others_may_enter_is_refused(void **state)
{
        CLEANUP(free_cleanup) char *place = text_format("%s/open", (char *)*state);
        struct error err = { 0 };

        ledger_close(open_ledger(place));
        assert_int_equal(chmod(place, 0755), 0);
        assert_refused(ledger_open(place, &err), err, ERROR_CONFIG);
        assert_non_null(strstr(err.next, "chmod 700"));
}

static void
an_empty_folder_of_ours_is_closed_and_used(void **state)
{
        CLEANUP(free_cleanup) char *place = text_format("%s/empty", (char *)*state);
        CLEANUP(close_cleanup) struct ledger *ledger = NULL;

        assert_int_equal(mkdir(place, 0755), 0);
        ledger = open_ledger(place);
        assert_int_equal(mode_of(place, "."), 0700);
}

static void
a_folder_of_somebody_else_is_refused(void **state)
{
        CLEANUP(free_cleanup) char *place = text_format("%s/foreign", (char *)*state);
        struct error err = { 0 };

        if (geteuid() != 0) {
                free(MOVE(place)); /* skip() jumps over clean-ups */
                skip();
        }
        assert_int_equal(mkdir(place, 0700), 0);
        assert_int_equal(chown(place, 65534, 65534), 0);
        assert_refused(ledger_open(place, &err), err, ERROR_CONFIG);
}

static void
a_link_in_place_of_the_file_is_refused(void **state)
{
        CLEANUP(free_cleanup) char *place = text_format("%s/linked", (char *)*state);
        CLEANUP(free_cleanup) char *link_path = text_format("%s/ledger.db", place);
        struct error err = { 0 };

        assert_int_equal(mkdir(place, 0700), 0);
        assert_int_equal(symlink("/dev/null", link_path), 0);
        assert_refused(ledger_open(place, &err), err, ERROR_CONFIG);
}

static void
reading_what_is_not_there_says_nothing_to_do_and_makes_nothing(void **state)
{
        CLEANUP(free_cleanup) char *place = text_format("%s/none", (char *)*state);
        struct error err = { 0 };

        assert_refused(ledger_open_read(place, &err), err, ERROR_NOTHING);
        assert_false(file_exists(place));
}

static void
a_reader_sees_what_is_committed_while_another_writes(void **state)
{
        CLEANUP(free_cleanup) char *place = text_format("%s/shared", (char *)*state);
        CLEANUP(order_cleanup) struct order *first = order_planned("device-1");
        CLEANUP(order_cleanup) struct order *second = order_planned("device-2");
        CLEANUP(order_cleanup) struct order *seen = NULL;
        CLEANUP(close_cleanup) struct ledger *writer = open_ledger(place);
        CLEANUP(close_cleanup) struct ledger *reader = NULL;
        struct error err = { 0 };

        assert_done(ledger_lock(writer, "issue", 0, &err), err);
        assert_done(ledger_insert(writer, first, NOW, &err), err);
        assert_done(ledger_begin(writer, &err), err);
        assert_done(ledger_insert(writer, second, NOW, &err), err);
        reader = ledger_open_read(place, &err);
        assert_done(reader, err);
        seen = ledger_get(reader, first->number, &err);
        assert_done(seen, err);
        assert_refused(ledger_get(reader, second->number, &err), err, ERROR_ORDER_UNKNOWN);
        assert_done(ledger_commit(writer, &err), err);
        order_free(seen);
        seen = ledger_get(reader, second->number, &err);
        assert_done(seen, err);
}

static void
eight_processes_may_make_the_ledger_at_once(void **state)
{
        CLEANUP(free_cleanup) char *place = text_format("%s/race", (char *)*state);
        pid_t children[8];

        for (size_t i = 0; i < ARRAY_LENGTH(children); i++) {
                children[i] = fork();
                assert_true(children[i] >= 0);
                if (children[i] == 0) {
                        CLEANUP(free_cleanup) char *name = text_format("device-%zu", i);
                        struct order *order = order_planned(name);
                        struct error err = { 0 };
                        struct ledger *ledger = ledger_open(place, &err);

                        if (!ledger || !ledger_insert(ledger, order, NOW, &err)) {
                                fprintf(stderr, "%s: %s\n", err.what, err.about);
                                child_leave(1);
                        }
                        child_leave(0);
                }
        }
        for (size_t i = 0; i < ARRAY_LENGTH(children); i++)
                assert_int_equal(exit_status(children[i]), 0);
        assert_int_equal(count_orders(place), ARRAY_LENGTH(children));
}

/* -- orders
 * ---------------------------------------------------------------------------------------- */

static void
every_member_of_an_order_comes_back_as_it_was(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(order_cleanup) struct order *predecessor = order_planned("predecessor");
        CLEANUP(order_cleanup) struct order *order = order_full("device-1");
        CLEANUP(order_cleanup) struct order *back = NULL;
        struct error err = { 0 };

        assert_done(ledger_insert(ledger, predecessor, NOW, &err), err);
        order->replaces = order->superseded_by = predecessor->number;
        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        back = ledger_get(ledger, order->number, &err);
        assert_done(back, err);
        assert_orders_equal(back, order);

        order_free(back);
        order->state = ORDER_KEYED;
        order->held = false;
        order->wishes.validity = (struct validity){ VALIDITY_CA_END, 0 };
        order->error = (struct error){ 0 };
        assert_done(ledger_update(ledger, order, "keyed", NOW + 5, &err), err);
        back = ledger_get(ledger, order->number, &err);
        assert_done(back, err);
        assert_int_equal(back->updated_at, NOW + 5);
        assert_orders_equal(back, order);
}

static void
what_was_never_set_comes_back_as_not_set(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(order_cleanup) struct order *order = order_new();
        CLEANUP(order_cleanup) struct order *back = NULL;
        struct error err = { 0 };

        order->wishes.name = text_copy("bare");
        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        back = ledger_get(ledger, order->number, &err);
        assert_done(back, err);
        assert_orders_equal(back, order);
        assert_null(back->wishes.ca_arn);
        assert_null(back->wishes.sans);
        assert_int_equal(back->wishes.key_type, KEY_NONE);
}

static void
every_state_and_word_survives(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        struct error err = { 0 };

        for (int i = 0; i < ORDER_STATES; i++) {
                CLEANUP(free_cleanup) char *name = text_format("device-%d", i);
                CLEANUP(order_cleanup) struct order *order = order_planned(name);
                CLEANUP(order_cleanup) struct order *back = NULL;

                order->state = (enum order_state)i;
                order->wishes.key_type = (enum key_type)(i % KEY_TYPES);
                order->wishes.validity.type = (enum validity_type)(i % VALIDITY_TYPES);
                order->evidence.local = (enum answer)(i % 3);
                assert_done(ledger_insert(ledger, order, NOW, &err), err);
                back = ledger_get(ledger, order->number, &err);
                assert_done(back, err);
                assert_orders_equal(back, order);
        }
        for (int kind = 0; kind < ERROR_KINDS; kind++) {
                CLEANUP(order_cleanup) struct order *back = ledger_get(ledger, 1, &err);
                CLEANUP(order_cleanup) struct order *again = NULL;

                error_set(&back->error, (enum error_kind)kind, "what");
                assert_done(ledger_update(ledger, back, "error", NOW, &err), err);
                again = ledger_get(ledger, 1, &err);
                assert_int_equal(again->error.kind, kind);
        }
}

static void
one_name_has_one_open_order(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        struct error err = { 0 };

        for (int i = 0; i < ORDER_STATES; i++) {
                CLEANUP(free_cleanup) char *name = text_format("device-%d", i);
                CLEANUP(order_cleanup) struct order *first = order_planned(name);
                CLEANUP(order_cleanup) struct order *second = order_planned(name);

                first->state = (enum order_state)i;
                assert_done(ledger_insert(ledger, first, NOW, &err), err);
                if (!order_state_is_open(first->state)) {
                        assert_done(ledger_insert(ledger, second, NOW, &err), err);
                        continue;
                }
                assert_refused(ledger_insert(ledger, second, NOW, &err), err, ERROR_ORDER_STATE);
                assert_non_null(strstr(err.what, order_state_name(first->state)));
                assert_int_equal(second->number, 0);
                assert_int_equal(second->created_at, 0);
        }
}

static void
a_refused_change_leaves_the_turn_as_it_was(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(order_cleanup) struct order *order = order_planned("device-1");
        CLEANUP(order_cleanup) struct order *second = order_planned("device-1");
        CLEANUP(order_cleanup) struct order *back = NULL;
        struct error err = { 0 };

        assert_done(ledger_begin(ledger, &err), err);
        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        assert_refused(ledger_insert(ledger, second, NOW, &err), err, ERROR_ORDER_STATE);
        order->state = ORDER_DELIVERED;
        assert_refused(ledger_update(ledger, order, "delivered", NOW, &err), err,
                       ERROR_ORDER_STATE);
        second->number = 99;
        assert_refused(ledger_update(ledger, second, "keyed", NOW, &err), err, ERROR_ORDER_UNKNOWN);
        assert_true(ledger_in_turn(ledger));
        assert_done(ledger_commit(ledger, &err), err);
        back = ledger_get(ledger, order->number, &err);
        assert_done(back, err);
        assert_int_equal(back->state, ORDER_PLANNED);
}

static void
a_rolled_back_turn_leaves_nothing_and_can_be_written_again(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(order_cleanup) struct order *order = order_planned("device-1");
        struct error err = { 0 };
        int64_t number, links;

        assert_done(ledger_begin(ledger, &err), err);
        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        number = order->number;
        ledger_rollback(ledger);
        assert_false(ledger_in_turn(ledger));
        assert_refused(ledger_get(ledger, number, &err), err, ERROR_ORDER_UNKNOWN);
        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        assert_int_equal(order->number, number);
        assert_done(ledger_verify(ledger, &links, &err), err);
        assert_int_equal(links, 1);
}

static void
a_number_that_went_to_another_order_meanwhile_is_not_taken_twice(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(order_cleanup) struct order *lost = order_planned("device-1");
        CLEANUP(order_cleanup) struct order *other = order_planned("device-2");
        struct error err = { 0 };

        assert_done(ledger_begin(ledger, &err), err);
        assert_done(ledger_insert(ledger, lost, NOW, &err), err);
        ledger_rollback(ledger);
        assert_done(ledger_insert(ledger, other, NOW, &err), err);
        assert_int_equal(other->number, lost->number);
        assert_done(ledger_insert(ledger, lost, NOW, &err), err);
        assert_int_not_equal(other->number, lost->number);
}

static void
labels_given_on_a_token_are_known(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(order_cleanup) struct order *order = order_full("device-1");
        struct error err = { 0 };
        bool taken;

        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        assert_done(ledger_label_taken(ledger, order->token.serial, order->key_label, &taken, &err),
                    err);
        assert_true(taken);
        assert_done(ledger_label_taken(ledger, "other", order->key_label, &taken, &err), err);
        assert_false(taken);
        assert_done(ledger_label_taken(ledger, order->token.serial, "other", &taken, &err), err);
        assert_false(taken);
}

/* -- crashes and the lock
 * ------------------------------------------------------------------------------ */

/* A child that does `work`, tells that it is done, and is killed with -9. */
static void
do_and_die(const char *place, void (*work)(const char *place))
{
        int ready[2];
        pid_t child;
        char byte;

        assert_int_equal(pipe(ready), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                work(place);
                if (write(ready[1], "x", 1) != 1)
                        child_leave(1);
                pause();
                child_leave(1);
        }
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        kill(child, SIGKILL);
        assert_int_equal(exit_status(child), 128 + SIGKILL);
}

static void
commit_one_and_leave_a_turn_open(const char *place)
{
        struct error err = { 0 };
        struct order *kept = order_planned("kept");
        struct order *lost = order_planned("lost");
        struct ledger *ledger = ledger_open(place, &err);

        if (!ledger || !ledger_lock(ledger, "issue", 0, &err) || !ledger_begin(ledger, &err) ||
            !ledger_insert(ledger, kept, NOW, &err) || !ledger_commit(ledger, &err) ||
            !ledger_begin(ledger, &err) || !ledger_insert(ledger, lost, NOW, &err))
                child_leave(1);
        kept->state = ORDER_KEYED;
        if (!ledger_update(ledger, kept, "keyed", NOW, &err))
                child_leave(1);
}

static void
after_kill_9_the_committed_turns_are_there_and_the_open_one_is_not(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = NULL;
        CLEANUP(order_cleanup) struct order *kept = NULL;
        struct error err = { 0 };
        int64_t links;

        do_and_die(*state, commit_one_and_leave_a_turn_open);
        ledger = open_ledger(*state);
        kept = ledger_find(ledger, "kept", &err);
        assert_done(kept, err);
        assert_int_equal(kept->state, ORDER_PLANNED);
        assert_refused(ledger_find(ledger, "lost", &err), err, ERROR_ORDER_UNKNOWN);
        assert_done(ledger_verify(ledger, &links, &err), err);
        assert_int_equal(links, 1);
        assert_done(ledger_check(ledger, &err), err);
}

static void
after_kill_9_the_lock_is_free(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = NULL;
        struct error err = { 0 };

        do_and_die(*state, commit_one_and_leave_a_turn_open);
        ledger = open_ledger(*state);
        assert_done(ledger_lock(ledger, "resume", 0, &err), err);
}

static void
who_is_kept_out_is_told_who_moves_orders(void **state)
{
        CLEANUP(close_cleanup) struct ledger *holder = open_ledger(*state);
        CLEANUP(close_cleanup) struct ledger *other = open_ledger(*state);
        CLEANUP(free_cleanup) char *pid = text_format("process %ld,", (long)getpid());
        struct error err = { 0 };

        assert_done(ledger_lock(holder, "batch", 0, &err), err);
        assert_done(ledger_lock(holder, "batch", 0, &err), err);
        assert_refused(ledger_lock(other, "issue", 0, &err), err, ERROR_LEDGER_LOCKED);
        assert_non_null(strstr(err.what, "'batch'"));
        assert_non_null(strstr(err.what, pid));
        assert_non_null(strstr(err.what, "since 20"));
        assert_non_null(strstr(err.next, "--lock-wait"));
        ledger_close(holder);
        holder = NULL;
        assert_done(ledger_lock(other, "issue", 0, &err), err);
}

static void
the_lock_is_waited_for(void **state)
{
        CLEANUP(close_cleanup) struct ledger *other = open_ledger(*state);
        struct error err = { 0 };
        int ready[2];
        pid_t child;
        char byte;

        assert_int_equal(pipe(ready), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                struct ledger *ledger = ledger_open(*state, &err);

                if (!ledger || !ledger_lock(ledger, "batch", 0, &err) ||
                    write(ready[1], "x", 1) != 1)
                        child_leave(1);
                usleep(200000);
                child_leave(0);
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        assert_refused(ledger_lock(other, "issue", 0, &err), err, ERROR_LEDGER_LOCKED);
        assert_done(ledger_lock(other, "issue", 10000, &err), err);
        assert_int_equal(exit_status(child), 0);
        close(ready[0]);
        close(ready[1]);
}

static void
a_scrawled_lock_file_does_not_matter(void **state)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/ledger.lock", (char *)*state);
        CLEANUP(close_cleanup) struct ledger *holder = open_ledger(*state);
        CLEANUP(close_cleanup) struct ledger *other = open_ledger(*state);
        struct error err = { 0 };
        FILE *file;

        assert_done(ledger_lock(holder, "batch", 0, &err), err);
        file = fopen(path, "r+");
        assert_non_null(file);
        fputs("99999999999999999999999 %n%s \n", file);
        fclose(file);
        assert_refused(ledger_lock(other, "issue", 0, &err), err, ERROR_LEDGER_LOCKED);
        assert_null(strstr(err.what, "%n"));
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)
        const struct CMUnitTest tests[] = {
                CASE(folder_and_files_are_closed_to_others_whatever_the_umask),
                CASE(a_folder_that_others_may_enter_is_refused),
                CASE(an_empty_folder_of_ours_is_closed_and_used),
                CASE(a_folder_of_somebody_else_is_refused),
                CASE(a_link_in_place_of_the_file_is_refused),
                CASE(reading_what_is_not_there_says_nothing_to_do_and_makes_nothing),
                CASE(a_reader_sees_what_is_committed_while_another_writes),
                CASE(eight_processes_may_make_the_ledger_at_once),
                CASE(every_member_of_an_order_comes_back_as_it_was),
                CASE(what_was_never_set_comes_back_as_not_set),
                CASE(every_state_and_word_survives),
                CASE(one_name_has_one_open_order),
                CASE(a_refused_change_leaves_the_turn_as_it_was),
                CASE(a_rolled_back_turn_leaves_nothing_and_can_be_written_again),
                CASE(a_number_that_went_to_another_order_meanwhile_is_not_taken_twice),
                CASE(labels_given_on_a_token_are_known),
                CASE(after_kill_9_the_committed_turns_are_there_and_the_open_one_is_not),
                CASE(after_kill_9_the_lock_is_free),
                CASE(who_is_kept_out_is_told_who_moves_orders),
                CASE(the_lock_is_waited_for),
                CASE(a_scrawled_lock_file_does_not_matter),
        };

        return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
