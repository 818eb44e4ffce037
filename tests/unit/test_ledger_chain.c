#include "tests/unit/unit.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "ledger/ledger.h"
#include "tests/unit/ledger_order.h"

enum { NOW = 1795305600 };

#define CA_1 "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/1"
#define CA_2 "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/2"

#define USER "arn:aws:iam::111122223333:user/p11cert/x"

/* Change the file as somebody would who is not p11cert. */
static void
tamper(const char *place, const char *sql)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/ledger.db", place);
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
                fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        if (sqlite3_total_changes(db) == 0)
                fail_msg("%s: changed nothing", sql);
        sqlite3_close(db);
}

/* A ledger with something of every kind in it: ten links. */
static void
fill(const char *place)
{
        static const enum order_state steps[] = { ORDER_KEYED, ORDER_REQUESTED, ORDER_SUBMITTED };
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(place);
        CLEANUP(order_cleanup) struct order *order = order_full("device-1");
        CLEANUP(order_cleanup) struct order *other = order_planned("device-2");
        struct error err = { 0 };
        bool fresh;

        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
                order->state = steps[i];
                assert_done(ledger_update(ledger, order, order_state_name(steps[i]), NOW, &err),
                            err);
        }
        assert_done(ledger_insert(ledger, other, NOW, &err), err);
        assert_done(ledger_pin_root(ledger, CA_1, view_text("root"), "first use", NOW, &err), err);
        assert_done(ledger_pin_root(ledger, CA_1, view_text("ROOT"), "ca trust", NOW, &err), err);
        assert_done(ledger_note_issuer(ledger, CA_1, view_text("issuer"), NOW, &fresh, &err), err);
        assert_done(ledger_revoked(ledger, CA_1, "0a1b", "superseded", NOW, &err), err);
        assert_done(ledger_note_identity(ledger,
                                         &(struct ledger_identity){ .principal = USER,
                                                                    .verdict = "limited",
                                                                    .record = "{}",
                                                                    .at = NOW },
                                         &err),
                    err);
}

/* -- the chain
 * -------------------------------------------------------------------------------------- */

static void
an_untouched_ledger_verifies(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = NULL;
        CLEANUP(close_cleanup) struct ledger *reader = NULL;
        struct error err = { 0 };
        int64_t links = 0;

        fill(*state);
        ledger = open_ledger(*state);
        assert_done(ledger_verify(ledger, &links, &err), err);
        assert_int_equal(links, 10);
        assert_done(ledger_check(ledger, &err), err);
        reader = ledger_open_read(*state, &err);
        assert_done(reader, err);
        assert_done(ledger_verify(reader, &links, &err), err);
        assert_done(ledger_begin(ledger, &err), err);
        assert_done(ledger_verify(ledger, &links, &err), err);
        assert_true(ledger_in_turn(ledger));
}

static void
an_empty_ledger_verifies(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        struct error err = { 0 };
        int64_t links = 99;

        assert_done(ledger_verify(ledger, &links, &err), err);
        assert_int_equal(links, 0);
}

static void
whatever_is_changed_behind_our_back_shows(void **state)
{
        static const struct {
                const char *sql;
                const char *named; /* in the error's text */
        } rows[] = {
                { "UPDATE orders SET certificate_arn = 'arn:other' WHERE number = 1", "order 1" },
                { "UPDATE orders SET certificate = x'3082' WHERE number = 1", "order 1" },
                { "UPDATE orders SET key_id = x'01' WHERE number = 1", "order 1" },
                { "UPDATE orders SET spki = NULL WHERE number = 1", "order 1" },
                { "UPDATE orders SET state = 'failed' WHERE number = 2", "order 2" },
                { "UPDATE orders SET maybe_duplicate = 0 WHERE number = 1", "order 1" },
                { "UPDATE orders SET holder = 'mallory' WHERE number = 2", "order 2" },
                { "UPDATE orders SET profile = holder, holder = profile WHERE number = 1",
                  "order 1" },
                { "INSERT INTO orders (number, state, held, maybe_duplicate, name, csr_given,"
                  " replace_key, prove) VALUES (3, 'failed', 0, 0, 'x', 0, 0, 0)",
                  "order 3" },
                { "DELETE FROM orders WHERE number = 2", "order 2" },
                { "UPDATE facts SET fact = 'delivered' WHERE seq = 3", "link 3" },
                { "UPDATE facts SET at = at + 1 WHERE seq = 1", "link 1" },
                { "UPDATE facts SET order_number = 2 WHERE seq = 2", "link 2" },
                { "UPDATE facts SET content = x'00' WHERE seq = 4", "link 4" },
                { "UPDATE facts SET digest = zeroblob(32) WHERE seq = 9", "link 9" },
                { "DELETE FROM facts WHERE seq = 2", "link 3" },
                { "DELETE FROM facts WHERE seq = 4", "link 5" },
                { "DELETE FROM facts WHERE seq > 4", "order 2" },
                { "DELETE FROM facts WHERE seq = 9", "link 10" },
                { "DELETE FROM facts WHERE seq = 10", "identity " USER },
                { "DELETE FROM facts WHERE seq > 8", "identity " USER },
                { "UPDATE roots SET root = x'01'", "root " CA_1 },
                { "UPDATE roots SET how = 'first use'", "root " CA_1 },
                { "DELETE FROM roots", "root " CA_1 },
                { "UPDATE roots SET ca_arn = '" CA_2 "'", "root " CA_1 },
                { "UPDATE issuers SET certificate = x'01'", "issuer " CA_1 },
                { "UPDATE revocations SET at = at - 1", "revocation " CA_1 },
                { "UPDATE identities SET verdict = 'unknown'", "identity " USER },
                { "UPDATE identities SET record = '{\"may\":[]}'", "identity " USER },
                { "DELETE FROM identities", "identity " USER },
                { "INSERT INTO revocations VALUES ('" CA_2 "', '01', 'x', 1)", "revocation " CA_2 },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup) char *place = text_format("%s/%zu", (char *)*state, i);
                CLEANUP(close_cleanup) struct ledger *ledger = NULL;
                struct error err = { 0 };
                int64_t links;

                fill(place);
                tamper(place, rows[i].sql);
                ledger = open_ledger(place);
                if (ledger_verify(ledger, &links, &err))
                        fail_msg("not seen: %s", rows[i].sql);
                assert_int_equal(err.kind, ERROR_LEDGER_CORRUPT);
                if (!strstr(err.what, rows[i].named) && !strstr(err.about, rows[i].named))
                        fail_msg("%s: %s, %s", rows[i].sql, err.what, err.about);
                assert_true(err.next[0]);
        }
}

static bool
add_fact(void *context, int64_t at, const char *fact)
{
        assert_int_equal(at, NOW);
        buf_format(context, "%s ", fact);
        return true;
}

static void
an_orders_history_is_told_from_its_first_fact(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = NULL;
        CLEANUP(buf_cleanup) struct buf facts = { 0 };
        struct error err = { 0 };

        fill(*state);
        ledger = open_ledger(*state);
        assert_done(ledger_history(ledger, 1, add_fact, &facts, &err), err);
        assert_string_equal(buf_text(&facts), "planned keyed requested submitted ");
}

static void
facts_that_come_together_are_a_link_each_and_the_row_is_as_after_the_last(void **state)
{
        static const struct ledger_fact good[] = { { ORDER_PLANNED, "planned-anew" },
                                                   { ORDER_KEYED, "keyed" },
                                                   { ORDER_REQUESTED, "requested" } };
        static const struct ledger_fact bad[] = { { ORDER_SUBMITTED, "submitted" },
                                                  { ORDER_KEYED, "keyed" },
                                                  { ORDER_REQUESTED, "requested" } };
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(order_cleanup) struct order *order = order_planned("device-1");
        CLEANUP(order_cleanup) struct order *read = NULL;
        CLEANUP(buf_cleanup) struct buf facts = { 0 };
        struct error err = { 0 };
        int64_t links;

        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        order->state = ORDER_REQUESTED;
        text_assign(&order->key_label, "label");
        assert_done(ledger_update_facts(ledger, order, good, ARRAY_LENGTH(good), NOW, &err), err);
        /* None of them is recorded when one is no step that an order may take. */
        text_assign(&order->key_label, "another");
        assert_refused(ledger_update_facts(ledger, order, bad, ARRAY_LENGTH(bad), NOW, &err), err,
                       ERROR_ORDER_STATE);
        assert_done(ledger_history(ledger, 1, add_fact, &facts, &err), err);
        assert_string_equal(buf_text(&facts), "planned planned-anew keyed requested ");
        read = ledger_get(ledger, 1, &err);
        assert_non_null(read);
        assert_int_equal(read->state, ORDER_REQUESTED);
        assert_string_equal(read->key_label, "label");
        assert_done(ledger_verify(ledger, &links, &err), err);
        assert_int_equal(links, 4);
}

/* -- roots, issuers, revocations
 * ---------------------------------------------------------------------- */

static void
a_pinned_root_is_kept_for_its_ca_alone(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(buf_cleanup) struct buf root = { 0 };
        CLEANUP(free_cleanup) char *how = NULL;
        struct error err = { 0 };
        int64_t since = 1;

        assert_done(ledger_root(ledger, CA_1, &root, &how, &since, &err), err);
        assert_int_equal(root.len, 0);
        assert_null(how);
        assert_int_equal(since, 0);
        assert_done(ledger_pin_root(ledger, CA_1, view_text("root"), "first use", NOW, &err), err);
        assert_done(ledger_root(ledger, CA_2, &root, &how, &since, &err), err);
        assert_int_equal(root.len, 0);
        assert_done(ledger_root(ledger, CA_1, &root, &how, &since, &err), err);
        assert_string_equal(buf_text(&root), "root");
        assert_string_equal(how, "first use");
        assert_int_equal(since, NOW);
        free(how);
        assert_done(ledger_pin_root(ledger, CA_1, view_text("new"), "ca trust", NOW + 1, &err),
                    err);
        assert_done(ledger_root(ledger, CA_1, &root, &how, &since, &err), err);
        assert_string_equal(buf_text(&root), "new");
        assert_string_equal(how, "ca trust");
}

static void
an_issuing_certificate_is_new_once(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        struct error err = { 0 };
        int64_t links;
        bool fresh;

        assert_done(ledger_note_issuer(ledger, CA_1, view_text("one"), NOW, &fresh, &err), err);
        assert_true(fresh);
        assert_done(ledger_note_issuer(ledger, CA_1, view_text("one"), NOW, &fresh, &err), err);
        assert_false(fresh);
        assert_done(ledger_note_issuer(ledger, CA_2, view_text("one"), NOW, &fresh, &err), err);
        assert_true(fresh);
        assert_done(ledger_note_issuer(ledger, CA_1, view_text("two"), NOW, &fresh, &err), err);
        assert_true(fresh);
        assert_done(ledger_verify(ledger, &links, &err), err);
        assert_int_equal(links, 3);
}

static void
a_revocation_shows_in_its_order_and_its_first_record_stays(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(order_cleanup) struct order *order = order_planned("device-1");
        CLEANUP(order_cleanup) struct order *back = NULL;
        struct error err = { 0 };
        int64_t links;

        text_assign(&order->wishes.ca_arn, CA_1);
        order->serial = text_copy("0a1b");
        order->state = ORDER_DELIVERED;
        assert_done(ledger_revoked(ledger, CA_2, "0a1b", "unspecified", NOW, &err), err);
        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        back = ledger_get(ledger, order->number, &err);
        assert_done(back, err);
        assert_int_equal(back->revoked_at, 0);
        assert_null(back->revocation_reason);
        order_free(back);
        assert_done(ledger_revoked(ledger, CA_1, "0a1b", "key-compromise", NOW + 7, &err), err);
        assert_done(ledger_revoked(ledger, CA_1, "0a1b", "superseded", NOW + 9, &err), err);
        back = ledger_get(ledger, order->number, &err);
        assert_done(back, err);
        assert_int_equal(back->revoked_at, NOW + 7);
        assert_string_equal(back->revocation_reason, "key-compromise");
        assert_done(ledger_verify(ledger, &links, &err), err);
        assert_int_equal(links, 3);
}

/* -- copies
 * ------------------------------------------------------------------------------------------- */

/* -- identities
 * ------------------------------------------------------------------------------------- */

static bool
see_identity(void *context, const struct ledger_identity *identity)
{
        CLEANUP(free_cleanup)
        char *line = text_format("%s %s %s %lld;", identity->principal, identity->verdict,
                                 identity->record, (long long)identity->at - NOW);

        buf_add_text(context, line);
        return true;
}

static void
the_newest_check_of_a_principal_takes_the_place_of_the_one_before(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(buf_cleanup) struct buf seen = { 0 };
        struct ledger_identity first = { USER, "too-powerful", "{\"may\":[\"iam:*\"]}", NOW };
        struct ledger_identity second = { USER, "limited", "{}", NOW + 5 };
        struct ledger_identity other = { "arn:aws:iam::1:role/r", "unknown", "{}", NOW + 6 };
        struct error err = { 0 };
        int64_t links = 0;

        assert_done(ledger_note_identity(ledger, &first, &err), err);
        assert_done(ledger_note_identity(ledger, &second, &err), err);
        assert_done(ledger_note_identity(ledger, &other, &err), err);
        assert_done(ledger_each_identity(ledger, see_identity, &seen, &err), err);
        assert_string_equal(buf_text(&seen),
                            USER " limited {} 5;arn:aws:iam::1:role/r unknown {} 6;");
        assert_done(ledger_verify(ledger, &links, &err), err);
        assert_int_equal(links, 3);
}

static void
a_backup_is_whole_while_others_write_and_nobody_elses_to_read(void **state)
{
        CLEANUP(free_cleanup) char *place = text_format("%s/copy", (char *)*state);
        CLEANUP(free_cleanup) char *file = text_format("%s/ledger.db", place);
        CLEANUP(close_cleanup) struct ledger *reader = NULL;
        CLEANUP(close_cleanup) struct ledger *writer = NULL;
        CLEANUP(close_cleanup) struct ledger *copy = NULL;
        CLEANUP(order_cleanup) struct order *order = order_planned("device-9");
        struct error err = { 0 };
        struct stat status;
        int64_t links;
        mode_t before;

        fill(*state);
        writer = open_ledger(*state);
        assert_done(ledger_begin(writer, &err) && ledger_insert(writer, order, NOW, &err), err);
        assert_int_equal(mkdir(place, 0700), 0);
        reader = ledger_open_read(*state, &err);
        assert_done(reader, err);
        before = umask(0);
        assert_done(ledger_backup(reader, file, &err), err);
        umask(before);
        assert_int_equal(stat(file, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        copy = open_ledger(place);
        assert_done(ledger_verify(copy, &links, &err), err);
        assert_int_equal(links, 10);
        assert_refused(ledger_find(copy, "device-9", &err), err, ERROR_ORDER_UNKNOWN);
}

static void
a_backup_overwrites_nothing(void **state)
{
        CLEANUP(free_cleanup) char *file = text_format("%s/precious", (char *)*state);
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        struct error err = { 0 };

        assert_done(file_write(file, 0600, view_text(""), &err), err);
        assert_refused(ledger_backup(ledger, file, &err), err, ERROR_FILE);
        assert_true(file_exists(file));
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)
        const struct CMUnitTest tests[] = {
                CASE(an_untouched_ledger_verifies),
                CASE(an_empty_ledger_verifies),
                CASE(whatever_is_changed_behind_our_back_shows),
                CASE(an_orders_history_is_told_from_its_first_fact),
                CASE(facts_that_come_together_are_a_link_each_and_the_row_is_as_after_the_last),
                CASE(a_pinned_root_is_kept_for_its_ca_alone),
                CASE(an_issuing_certificate_is_new_once),
                CASE(a_revocation_shows_in_its_order_and_its_first_record_stays),
                CASE(the_newest_check_of_a_principal_takes_the_place_of_the_one_before),
                CASE(a_backup_is_whole_while_others_write_and_nobody_elses_to_read),
                CASE(a_backup_overwrites_nothing),
        };

        return cmocka_run_group_tests_name("ledger: chain", tests, NULL, NULL);
}
