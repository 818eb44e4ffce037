#include "tests/unit/unit.h"

#include <sqlite3.h>

#include "ledger/internal.h"
#include "tests/unit/ledger_order.h"

enum { NOW = 1795305600, DAY = 86400 };

#define CA_1 "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/1"
#define CA_2 "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/2"

/* -- one order by reference
 * ------------------------------------------------------------------------ */

static int64_t
record(struct ledger *ledger, const char *name, enum order_state order_state, const char *serial)
{
        CLEANUP(order_cleanup) struct order *order = order_planned(name);
        struct error err = { 0 };

        order->state = order_state;
        text_assign(&order->serial, serial);
        if (serial)
                order->certificate_arn = text_format(CA_1 "/certificate/%s", serial);
        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        return order->number;
}

static void
assert_found(struct ledger *ledger, const char *reference, int64_t number)
{
        struct error err = { 0 };
        CLEANUP(order_cleanup) struct order *order = ledger_find(ledger, reference, &err);

        assert_done(order, err);
        if (order->number != number)
                fail_msg("%s: order %lld, not %lld", reference, (long long)order->number,
                         (long long)number);
}

static void
an_order_is_found_by_whatever_a_person_calls_it(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        int64_t first =
                record(ledger, "device-1", ORDER_DELIVERED, "0a1b2c3d4e5f60718293a4b5c6d7e8f9");
        int64_t second = record(ledger, "device-2", ORDER_PLANNED, NULL);

        assert_found(ledger, "1", first);
        assert_found(ledger, "2", second);
        assert_found(ledger, "device-1", first);
        assert_found(ledger, "name:device-2", second);
        assert_found(ledger, "0a1b2c3d4e5f60718293a4b5c6d7e8f9", first);
        assert_found(ledger, "0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9", first);
        assert_found(ledger, "000a1b2c3d4e5f60718293a4b5c6d7e8f9", first);
        assert_found(ledger, "0x0a1b2c3d4e5f60718293a4b5c6d7e8f9", first);
        assert_found(ledger, CA_1 "/certificate/0a1b2c3d4e5f60718293a4b5c6d7e8f9", first);
}

static void
a_name_means_its_newest_order_that_has_not_failed(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(order_cleanup) struct order *newest = NULL;
        struct error err = { 0 };
        int64_t live, failed;

        record(ledger, "device-1", ORDER_SUPERSEDED, "01");
        live = record(ledger, "device-1", ORDER_DELIVERED, "02");
        record(ledger, "device-1", ORDER_FAILED, NULL);
        record(ledger, "device-2", ORDER_FAILED, NULL);
        failed = record(ledger, "device-2", ORDER_FAILED, NULL);
        assert_found(ledger, "device-1", live);
        assert_found(ledger, "device-2", failed);

        newest = ledger_newest(ledger, "device-1", &err);
        assert_done(newest, err);
        assert_int_equal(newest->number, live);
        assert_null(ledger_newest(ledger, "device-2", &err));
        assert_int_equal(err.kind, ERROR_NONE);
        assert_null(ledger_newest(ledger, "device-3", &err));
        assert_int_equal(err.kind, ERROR_NONE);
}

static void
a_name_that_is_a_number_needs_its_prefix(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        struct error err = { 0 };
        int64_t number = record(ledger, "4711", ORDER_PLANNED, NULL);

        assert_refused(ledger_find(ledger, "4711", &err), err, ERROR_ORDER_UNKNOWN);
        assert_non_null(strstr(err.next, "name:4711"));
        assert_found(ledger, "name:4711", number);
}

static void
what_means_several_orders_lists_them(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        struct error err = { 0 };

        record(ledger, "device-1", ORDER_DELIVERED, "abcd");
        record(ledger, "abcd", ORDER_DELIVERED, "01");
        assert_refused(ledger_find(ledger, "abcd", &err), err, ERROR_ORDER_AMBIGUOUS);
        assert_non_null(strstr(err.what, "1 ('device-1', delivered)"));
        assert_non_null(strstr(err.what, "2 ('abcd', delivered)"));
        assert_found(ledger, "name:abcd", 2);

        record(ledger, "device-3", ORDER_DELIVERED, "abcd");
        assert_refused(ledger_find(ledger, "AB:CD", &err), err, ERROR_ORDER_AMBIGUOUS);
        assert_non_null(strstr(err.what, "3 ('device-3', delivered)"));
}

static void
an_unknown_name_suggests_the_nearest(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        struct error err = { 0 };

        record(ledger, "gateway-north", ORDER_PLANNED, NULL);
        record(ledger, "device-1", ORDER_DELIVERED, NULL);
        record(ledger, "device-1", ORDER_PLANNED, NULL);
        record(ledger, "device-22", ORDER_PLANNED, NULL);
        assert_refused(ledger_find(ledger, "devcie-1", &err), err, ERROR_ORDER_UNKNOWN);
        assert_string_equal(err.next, "did you mean 'device-1', 'device-22'?");
        assert_refused(ledger_find(ledger, "name:gateway-nort", &err), err, ERROR_ORDER_UNKNOWN);
        assert_non_null(strstr(err.next, "'gateway-north'"));
        assert_refused(ledger_find(ledger, "quite-something-else", &err), err, ERROR_ORDER_UNKNOWN);
        assert_non_null(strstr(err.next, "p11cert list"));
}

static void
strange_references_are_unknown_and_nothing_else(void **state)
{
        static const char *const references[] = {
                "",
                ":",
                "name:",
                "arn:",
                "0x",
                "0",
                "-1",
                "99999999999999999999",
                "' OR 1=1 --",
                "%",
                "a:b:c",
                "\xff\xfe",
        };
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        struct error err = { 0 };

        record(ledger, "device-1", ORDER_PLANNED, NULL);
        for (size_t i = 0; i < ARRAY_LENGTH(references); i++)
                assert_refused(ledger_find(ledger, references[i], &err), err, ERROR_ORDER_UNKNOWN);
}

/* -- many orders, by filter
 * -------------------------------------------------------------------------- */

static bool
add_number(void *context, const struct order *order)
{
        buf_format(context, "%lld ", (long long)order->number);
        return true;
}

static void
assert_passing(struct ledger *ledger, const struct ledger_filter *filter, const char *numbers)
{
        CLEANUP(buf_cleanup) struct buf seen = { 0 };
        struct error err = { 0 };

        assert_done(ledger_each(ledger, filter, add_number, &seen, &err), err);
        assert_string_equal(buf_text(&seen), numbers);
}

/* Eight orders that differ in what filters look at. */
static void
record_eight(struct ledger *ledger)
{
        static const struct {
                const char *name, *ca_arn, *holder, *place, *token;
                int days;
                enum order_state order_state;
                bool held;
        } rows[] = {
                { "a", CA_1, "alice", "hall-1", "token-1", 10, ORDER_SUPERSEDED, false },
                { "a", CA_1, "alice", "hall-1", "token-1", 90, ORDER_DELIVERED, false },
                { "b", CA_2, "bob", "hall-2", "token-2", 20, ORDER_INSTALLED, false },
                { "b", CA_2, "bob", "hall-2", "token-2", 0, ORDER_FAILED, false },
                { "c", CA_1, NULL, NULL, "token-3", 0, ORDER_PLANNED, false },
                { "d", CA_1, NULL, "hall-1", "token-3", 0, ORDER_REQUESTED, true },
                { "e", CA_2, NULL, NULL, "token-1", 0, ORDER_FAILED, false },
                { "e", CA_2, NULL, NULL, "token-1", 0, ORDER_FAILED, false },
        };
        struct error err = { 0 };

        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(order_cleanup) struct order *order = order_planned(rows[i].name);

                text_assign(&order->wishes.ca_arn, rows[i].ca_arn);
                text_assign(&order->wishes.holder, rows[i].holder);
                text_assign(&order->wishes.place, rows[i].place);
                text_assign(&order->token.serial, rows[i].token);
                order->token.label = text_format("label of %s", rows[i].token);
                order->not_after = rows[i].days ? NOW + rows[i].days * DAY : 0;
                order->state = rows[i].order_state;
                order->held = rows[i].held;
                assert_done(ledger_insert(ledger, order, NOW, &err), err);
        }
}

static void
a_filter_lets_through_what_it_says(void **state)
{
        static const struct {
                struct ledger_filter filter;
                const char *numbers;
        } rows[] = {
                { { 0 }, "1 2 3 4 5 6 7 8 " },
                { { .states = 1 << ORDER_DELIVERED | 1 << ORDER_PLANNED }, "2 5 " },
                { { .ca_arn = CA_2 }, "3 4 7 8 " },
                { { .holder = "alice" }, "1 2 " },
                { { .place = "hall-1" }, "1 2 6 " },
                { { .token_serial = "token-3" }, "5 6 " },
                { { .token_serial = "label of token-2" }, "3 4 " },
                { { .ends_before = NOW + 30 * DAY }, "1 3 " },
                { { .ends_before = NOW + 20 * DAY }, "1 3 " },
                { { .ends_before = NOW + 20 * DAY - 1 }, "1 " },
                { { .only_open = true }, "5 " },
                { { .only_newest = true }, "2 3 5 6 8 " },
                { { .only_newest = true, .ends_before = NOW + 30 * DAY }, "3 " },
                { { .holder = "alice", .place = "hall-2" }, "" },
                { { .holder = "' OR 1 --" }, "" },
        };
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);

        record_eight(ledger);
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
                assert_passing(ledger, &rows[i].filter, rows[i].numbers);
}

static bool
stop_at_three(void *context, const struct order *order)
{
        add_number(context, order);
        return order->number < 3;
}

static void
a_visitor_ends_the_walk(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        CLEANUP(buf_cleanup) struct buf seen = { 0 };
        struct ledger_filter all = { 0 };
        struct error err = { 0 };

        record_eight(ledger);
        assert_done(ledger_each(ledger, &all, stop_at_three, &seen, &err), err);
        assert_string_equal(buf_text(&seen), "1 2 3 ");
}

struct walk {
        struct ledger *ledger;
        struct buf seen;
};

/* Supersedes number 2, and number 3 with it. */
static bool
supersede_both(void *context, const struct order *order)
{
        struct walk *walk = context;
        struct error err = { 0 };

        add_number(&walk->seen, order);
        assert_done(ledger_begin(walk->ledger, &err), err);
        for (int64_t number = 2; number <= 3; number++) {
                CLEANUP(order_cleanup)
                struct order *mine = ledger_get(walk->ledger, number, &err);

                mine->state = ORDER_SUPERSEDED;
                assert_done(ledger_update(walk->ledger, mine, "superseded", NOW, &err), err);
        }
        assert_done(ledger_commit(walk->ledger, &err), err);
        return true;
}

static void
a_visitor_may_change_orders_and_those_that_no_longer_pass_are_left_out(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        struct ledger_filter filter = { .states = 1 << ORDER_DELIVERED | 1 << ORDER_INSTALLED };
        struct walk walk = { .ledger = ledger };
        struct error err = { 0 };

        record_eight(ledger);
        assert_done(ledger_each(ledger, &filter, supersede_both, &walk, &err), err);
        assert_string_equal(buf_text(&walk.seen), "2 ");
        buf_clear(&walk.seen);
}

/* -- twenty thousand orders: every question is answered by an index
 * --------------------------------- */

enum { MANY = 20000 };

static void
record_many(struct ledger *ledger)
{
        struct error err = { 0 };

        assert_done(ledger_begin(ledger, &err), err);
        for (int i = 0; i < MANY; i++) {
                CLEANUP(free_cleanup) char *name = text_format("device-%d", i);
                CLEANUP(order_cleanup) struct order *order = order_planned(name);

                order->state = i % 100 ? ORDER_DELIVERED : ORDER_SUBMITTED;
                order->serial = text_format("%08x", i);
                order->certificate_arn = text_format(CA_1 "/certificate/%d", i);
                order->token.serial = text_format("token-%d", i / 100);
                order->key_label = text_format("key of %d", i);
                order->wishes.holder = text_format("person-%d", i / 10);
                order->wishes.place = text_format("hall-%d", i / 100);
                order->not_after = NOW + i * 60;
                /* A thousand were renewed; of ninety of them the predecessor still stands. */
                if (i >= MANY - 1000 && i % 100) {
                        order->replaces = i % 1000 + 2;
                        order->state = ORDER_DELIVERED;
                }
                if (i < 1000 && i % 100 > 10)
                        order->state = ORDER_SUPERSEDED;
                assert_done(ledger_insert(ledger, order, NOW, &err), err);
        }
        assert_done(ledger_commit(ledger, &err), err);
}

struct texts {
        char *items[64];
        size_t count;
};

/* SQLite tells every statement that it ran; each is noted once.  None may take more steps than a
 * walk over all orders would. */
static int
note_statement(unsigned event, void *context, void *statement, void *unused)
{
        struct texts *texts = context;
        int steps = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);

        (void)event;
        (void)unused;
        if (steps > MANY)
                fail_msg("%d steps: …%s", steps, strstr(sqlite3_sql(statement), "WHERE"));
        for (size_t i = 0; i < texts->count; i++) {
                if (strcmp(texts->items[i], sqlite3_sql(statement)) == 0)
                        return 0;
        }
        assert_true(texts->count < ARRAY_LENGTH(texts->items));
        texts->items[texts->count++] = text_copy(sqlite3_sql(statement));
        return 0;
}

static void
assert_plan_uses_indices(sqlite3 *db, const char *text)
{
        CLEANUP(free_cleanup) char *explain = text_format("EXPLAIN QUERY PLAN %s", text);
        CLEANUP(sql_finalize) sqlite3_stmt *plan = NULL;

        assert_int_equal(sqlite3_prepare_v2(db, explain, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
                const char *detail = (const char *)sqlite3_column_text(plan, 3);

                if (strstr(detail, "SCAN"))
                        fail_msg("%s: %s", text, detail);
        }
}

static bool
count_visit(void *context, const struct order *order)
{
        (void)order;
        (*(size_t *)context)++;
        return true;
}

static void
ask_everything(struct ledger *ledger)
{
        static const struct {
                struct ledger_filter filter;
                size_t passing;
        } rows[] = {
                { { .only_open = true }, 290 },
                { { .states = 1 << ORDER_SUBMITTED }, 200 },
                { { .states = 1 << ORDER_FAILED | 1 << ORDER_PLANNED }, 0 },
                { { .ends_before = NOW + 60 * 60, .only_newest = true }, 61 },
                { { .token_serial = "token-7" }, 100 },
                { { .holder = "person-9" }, 10 },
                { { .place = "hall-9" }, 100 },
        };
        CLEANUP(order_cleanup) struct order *newest = NULL;
        struct error err = { 0 };
        bool taken;

        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                size_t count = 0;

                assert_done(ledger_each(ledger, &rows[i].filter, count_visit, &count, &err), err);
                assert_int_equal(count, rows[i].passing);
        }
        assert_found(ledger, "777", 777);
        assert_found(ledger, "device-19999", 20000);
        assert_found(ledger, "00001000", 0x1001);
        assert_found(ledger, CA_1 "/certificate/5", 6);
        newest = ledger_newest(ledger, "device-3003", &err);
        assert_done(newest, err);
        assert_done(ledger_label_taken(ledger, "token-3", "key of 300", &taken, &err), err);
        assert_true(taken);
        newest->state = ORDER_INSTALLED;
        assert_done(ledger_update(ledger, newest, "installed", NOW, &err), err);
}

static void
with_many_orders_no_question_reads_them_all(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);
        struct texts texts = { 0 };
        struct error err = { 0 };
        int64_t links;

        record_many(ledger);
        for (size_t i = 0; i < SQL_STATEMENTS; i++) {
                if (ledger->statements[i])
                        sqlite3_stmt_status(ledger->statements[i], SQLITE_STMTSTATUS_VM_STEP, 1);
        }
        sqlite3_trace_v2(ledger->db, SQLITE_TRACE_PROFILE, note_statement, &texts);
        ask_everything(ledger);
        sqlite3_trace_v2(ledger->db, 0, NULL, NULL);
        assert_true(texts.count > 20);
        for (size_t i = 0; i < texts.count; i++) {
                /* The newest link is one step from the end of its table. */
                if (!strstr(texts.items[i], "ORDER BY seq DESC LIMIT 1"))
                        assert_plan_uses_indices(ledger->db, texts.items[i]);
                free(texts.items[i]);
        }
        assert_done(ledger_verify(ledger, &links, &err), err);
        assert_int_equal(links, MANY + 1);
}

/* -- what a token was given ------------------------------------------------------------------ */

static int64_t
record_on(struct ledger *ledger, const char *name, enum order_state order_state, bool held,
          const char *manufacturer, const char *serial)
{
        CLEANUP(order_cleanup) struct order *order = order_planned(name);
        struct error err = { 0 };

        order->state = order_state;
        order->held = held;
        text_assign(&order->token.manufacturer, manufacturer);
        text_assign(&order->token.serial, serial);
        assert_done(ledger_insert(ledger, order, NOW, &err), err);
        return order->number;
}

static void
assert_given(struct ledger *ledger, const char *manufacturer, const char *serial, int64_t number)
{
        struct error err = { 0 };
        CLEANUP(order_cleanup)
        struct order *order = ledger_of_token(ledger, manufacturer, serial, &err);

        assert_int_equal(err.kind, ERROR_NONE);
        assert_int_equal(order ? order->number : 0, number);
}

static void
a_token_is_known_by_maker_and_serial_number_and_what_is_open_comes_first(void **state)
{
        CLEANUP(close_cleanup) struct ledger *ledger = open_ledger(*state);

        assert_given(ledger, "A", "01", 0);
        int64_t failed = record_on(ledger, "d-1", ORDER_FAILED, false, "A", "01");

        assert_given(ledger, "A", "01", failed);
        int64_t delivered = record_on(ledger, "d-2", ORDER_DELIVERED, false, "A", "01");

        (void)record_on(ledger, "d-3", ORDER_FAILED, false, "A", "01");
        assert_given(ledger, "A", "01", delivered);
        int64_t open = record_on(ledger, "d-4", ORDER_KEYED, false, "A", "01");

        (void)record_on(ledger, "d-5", ORDER_DELIVERED, false, "A", "01");
        assert_given(ledger, "A", "01", open);
        assert_given(ledger, "B", "01", 0);
        assert_given(ledger, "A", "02", 0);
        /* A serial number is not a label. */
        int64_t held = record_on(ledger, "d-6", ORDER_REQUESTED, true, "A", "03");

        assert_given(ledger, "A", "03", held);
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)
        const struct CMUnitTest tests[] = {
                CASE(a_token_is_known_by_maker_and_serial_number_and_what_is_open_comes_first),
                CASE(an_order_is_found_by_whatever_a_person_calls_it),
                CASE(a_name_means_its_newest_order_that_has_not_failed),
                CASE(a_name_that_is_a_number_needs_its_prefix),
                CASE(what_means_several_orders_lists_them),
                CASE(an_unknown_name_suggests_the_nearest),
                CASE(strange_references_are_unknown_and_nothing_else),
                CASE(a_filter_lets_through_what_it_says),
                CASE(a_visitor_ends_the_walk),
                CASE(a_visitor_may_change_orders_and_those_that_no_longer_pass_are_left_out),
                CASE(with_many_orders_no_question_reads_them_all),
        };

        return cmocka_run_group_tests_name("ledger: finding", tests, NULL, NULL);
}
