/*
 * Orders by what a person calls them, and by what they have in common.
 */
#include "ledger/internal.h"

#include <stdlib.h>
#include <string.h>

/* -- one order, by reference
 * ------------------------------------------------------------------------ */

struct numbers {
        int64_t *items;
        size_t count;
        size_t capacity;
};

static void
numbers_cleanup(struct numbers *numbers)
{
        free(numbers->items);
}

static void
numbers_add(struct numbers *numbers, int64_t number)
{
        if (numbers->count == numbers->capacity) {
                numbers->capacity = numbers->capacity ? 2 * numbers->capacity : 16;
                numbers->items =
                        memory_grow(numbers->items, numbers->capacity, sizeof(*numbers->items));
        }
        numbers->items[numbers->count++] = number;
}

static void
numbers_add_new(struct numbers *numbers, int64_t number)
{
        for (size_t i = 0; i < numbers->count; i++) {
                if (numbers->items[i] == number)
                        return;
        }
        numbers_add(numbers, number);
}

/* Add the orders that a query gives for one text, at most a handful. */
static bool
add_matches(struct ledger *ledger, const char *query, const char *text, struct numbers *found,
            struct error *err)
{
        CLEANUP(sql_finalize) sqlite3_stmt *statement = sql_prepare(ledger, query, err);
        bool row;

        if (!statement)
                return false;
        sql_bind_text(statement, 1, text);
        for (;;) {
                if (!sql_row(ledger, statement, "look for an order", &row, err))
                        return false;
                if (!row)
                        return true;
                numbers_add_new(found, sqlite3_column_int64(statement, 0));
        }
}

static bool
add_arn(struct ledger *ledger, const char *arn, struct numbers *found, struct error *err)
{
        return add_matches(ledger,
                           "SELECT number FROM orders WHERE certificate_arn = ?1"
                           " ORDER BY number LIMIT 8",
                           arn, found, err);
}

static bool
add_number(struct ledger *ledger, const char *reference, struct numbers *found, struct error *err)
{
        int64_t number;

        /* With a zero in front it is a serial number. */
        if (*reference == '0' || !number_parse(reference, 1, INT64_MAX, &number))
                return true;
        return add_matches(ledger, "SELECT number FROM orders WHERE number = CAST(?1 AS INTEGER)",
                           reference, found, err);
}

static bool
add_name(struct ledger *ledger, const char *name, struct numbers *found, struct error *err)
{
        int64_t number;

        if (!name_number(ledger, name, &number, err))
                return false;
        if (number)
                numbers_add_new(found, number);
        return true;
}

static bool
add_hex(struct ledger *ledger, struct view bytes, struct numbers *found, struct error *err)
{
        CLEANUP(free_cleanup) char *serial = hex_encode(bytes);

        return add_matches(ledger,
                           "SELECT number FROM orders WHERE serial = ?1 ORDER BY number LIMIT 8",
                           serial, found, err);
}

/* Serial numbers as people copy them: colons, capitals, "0x", the zero that DER puts in front. */
static bool
add_serial(struct ledger *ledger, const char *reference, struct numbers *found, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf bytes = { 0 };
        struct error ignored;
        struct view serial;

        if (text_starts(reference, "0x") || text_starts(reference, "0X"))
                reference += 2;
        if (!*reference || !hex_decode(reference, &bytes, &ignored) || !bytes.len)
                return true;
        serial = view_buf(&bytes);
        if (!add_hex(ledger, serial, found, err))
                return false;
        return serial.len == 1 || serial.data[0] != 0 ||
               add_hex(ledger, view_of(serial.data + 1, serial.len - 1), found, err);
}

static bool
refuse_ambiguous(struct ledger *ledger, const char *reference, const struct numbers *found,
                 struct error *err)
{
        CLEANUP(buf_cleanup) struct buf list = { 0 };

        for (size_t i = 0; i < found->count; i++) {
                CLEANUP(order_cleanup)
                struct order *order = ledger_get(ledger, found->items[i], err);

                if (!order)
                        return false;
                buf_format(&list, "%s%lld ('%s', %s)", i ? ", " : "", (long long)order->number,
                           order->wishes.name, order_state_name(order->state));
        }
        error_set(err, ERROR_ORDER_AMBIGUOUS, "'%s' means %zu orders: %s", reference, found->count,
                  buf_text(&list));
        return error_advise(err, "give the order's number, or name:NAME");
}

/* The names most like `reference`, for "did you mean".  Only the newest orders are looked at. */
enum { SUGGESTIONS = 3, NEWEST_LOOKED_AT = 5000 };

struct suggestion {
        char *name;
        unsigned distance;
};

static void
consider(struct suggestion best[SUGGESTIONS], const char *name, unsigned distance)
{
        size_t at = SUGGESTIONS;

        for (size_t i = 0; i < SUGGESTIONS; i++) {
                if (best[i].name && strcmp(best[i].name, name) == 0)
                        return;
        }
        while (at > 0 && (!best[at - 1].name || distance < best[at - 1].distance))
                at--;
        if (at == SUGGESTIONS)
                return;
        free(best[SUGGESTIONS - 1].name);
        memmove(&best[at + 1], &best[at], (SUGGESTIONS - 1 - at) * sizeof(best[0]));
        best[at] = (struct suggestion){ text_copy(name), distance };
}

static bool
nearest_names(struct ledger *ledger, const char *reference, struct suggestion best[SUGGESTIONS],
              struct error *err)
{
        CLEANUP(sql_finalize)
        sqlite3_stmt *statement =
                sql_prepare(ledger, "SELECT name FROM orders ORDER BY number DESC LIMIT ?1", err);
        size_t most = 1 + strlen(reference) / 4;
        bool row = true;

        if (!statement)
                return false;
        sqlite3_bind_int(statement, 1, NEWEST_LOOKED_AT);
        while (row) {
                CLEANUP(free_cleanup) char *name = NULL;
                unsigned distance;

                if (!sql_row(ledger, statement, "look for an order", &row, err))
                        return false;
                name = row ? sql_column_text(statement, 0) : NULL;
                if (!name)
                        continue;
                distance = text_distance(reference, name);
                if (distance <= most)
                        consider(best, name, distance);
        }
        return true;
}

static bool
refuse_unknown(struct ledger *ledger, const char *reference, const char *name, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf list = { 0 };
        struct suggestion best[SUGGESTIONS] = { 0 };
        struct numbers same = { 0 };
        bool number_like = name == reference && *name && !name[strspn(name, "0123456789")];
        bool looked = nearest_names(ledger, name, best, err) &&
                      (!number_like || add_name(ledger, name, &same, err));

        for (size_t i = 0; i < SUGGESTIONS; i++) {
                if (best[i].name)
                        buf_format(&list, "%s'%s'", list.len ? ", " : "", best[i].name);
                free(best[i].name);
        }
        free(same.items);
        if (!looked)
                return false;
        error_set(err, ERROR_ORDER_UNKNOWN, "no order is called '%s'", reference);
        error_about(err, "ledger %s", ledger->path);
        if (same.count)
                return error_advise(err, "an order has this as its name: say 'name:%s'", name);
        if (list.len)
                return error_advise(err, "did you mean %s?", buf_text(&list));
        return error_advise(err, "'p11cert list' shows the orders that there are");
}

static bool
find_all(struct ledger *ledger, const char *reference, struct numbers *found, struct error *err)
{
        if (text_starts(reference, "name:"))
                return add_name(ledger, reference + strlen("name:"), found, err);
        if (text_starts(reference, "arn:"))
                return add_arn(ledger, reference, found, err);
        if (!add_number(ledger, reference, found, err) ||
            !add_serial(ledger, reference, found, err))
                return false;
        /* A name that is a number is only meant where "name:" says so. */
        return !reference[strspn(reference, "0123456789")] ||
               add_name(ledger, reference, found, err);
}

struct order *
ledger_find(struct ledger *ledger, const char *reference, struct error *err)
{
        CLEANUP(numbers_cleanup) struct numbers found = { 0 };
        bool named = text_starts(reference, "name:");

        if (!find_all(ledger, reference, &found, err))
                return NULL;
        if (found.count == 1)
                return ledger_get(ledger, found.items[0], err);
        if (found.count)
                refuse_ambiguous(ledger, reference, &found, err);
        else
                refuse_unknown(ledger, reference, named ? reference + strlen("name:") : reference,
                               err);
        return NULL;
}

/* -- many orders, by filter
 * --------------------------------------------------------------------------- */

/* The newest of its name that has not failed, else the newest: what the name means. */
#define NEWEST_OF_NAME                                                                           \
        " AND NOT EXISTS (SELECT 1 FROM orders n WHERE n.name = o.name AND n.number <> o.number" \
        " AND CASE WHEN (n.state = 'failed') = (o.state = 'failed') THEN n.number > o.number"    \
        " ELSE o.state = 'failed' END)"

static void
add_condition(struct buf *where, bool wanted, const char *condition)
{
        if (wanted)
                buf_add_text(where, condition);
}

/*
 * What `resume` takes up: open orders that are not held, and delivered or installed
 * successors whose predecessor was not superseded yet.
 */
#define PREDECESSOR_STANDS(successor)                                            \
        "EXISTS (SELECT 1 FROM orders p WHERE p.number = " successor ".replaces" \
        " AND p.state IN ('delivered', 'installed'))"
#define UNFINISHED                                                              \
        " AND ((o.state IN " OPEN_STATES " AND o.held = 0)"                     \
        " OR (o.state IN ('delivered', 'installed') AND o.replaces IS NOT NULL" \
        " AND " PREDECESSOR_STANDS("o") "))"

/* The same for a search: an index holds the successors that were delivered. */
#define SEARCH_UNFINISHED                                                            \
        " AND ((o.state IN " OPEN_STATES " AND o.held = 0)"                          \
        " OR o.number IN (SELECT s.number FROM orders s INDEXED BY orders_successor" \
        " WHERE s.state IN ('delivered', 'installed') AND s.replaces > 0"            \
        " AND " PREDECESSOR_STANDS("s") "))"

/* The WHERE of a filter: to find what passes, or to ask whether one order still does. */
enum purpose { TO_SEARCH, TO_CHECK };

struct order *
ledger_of_token(struct ledger *ledger, const char *manufacturer, const char *serial,
                struct error *err)
{
        CLEANUP(sql_finalize)
        sqlite3_stmt *statement = sql_prepare(
                ledger,
                "SELECT number FROM orders"
                " WHERE token_serial = ?1 AND ifnull(token_manufacturer, '') = ?2"
                " ORDER BY state IN ('planned', 'keyed', 'requested', 'submitted', 'issued',"
                " 'verified') AND NOT held DESC, state = 'failed', number DESC LIMIT 1",
                err);
        bool row = false;

        if (!statement)
                return NULL;
        sql_bind_text(statement, 1, serial);
        sql_bind_text(statement, 2, manufacturer ? manufacturer : "");
        if (!sql_row(ledger, statement, "look for what a token was given", &row, err))
                return NULL;
        if (row)
                return ledger_get(ledger, sqlite3_column_int64(statement, 0), err);
        *err = (struct error){ 0 };
        return NULL;
}

static void
filter_text(const struct ledger_filter *filter, enum purpose purpose, struct buf *where)
{
        const char *comma = "";

        buf_add_text(where, "WHERE 1");
        add_condition(where, filter->ca_arn, " AND o.ca_arn = ?2");
        add_condition(where, filter->holder, " AND o.holder = ?3");
        add_condition(where, filter->place, " AND o.place = ?4");
        add_condition(where, filter->token_serial,
                      " AND (o.token_serial = ?5 OR o.token_label = ?5)");
        add_condition(where, filter->ends_before && !filter->renew_before,
                      " AND o.not_after <= ?6");
        add_condition(where, filter->ends_before && filter->renew_before,
                      " AND (o.not_after <= ?6 OR o.renew_at <= ?7)");
        add_condition(where, filter->only_open,
                      purpose == TO_SEARCH ? SEARCH_UNFINISHED : UNFINISHED);
        add_condition(where, filter->only_newest, NEWEST_OF_NAME);
        if (!filter->states)
                return;
        buf_add_text(where, " AND o.state IN (");
        for (int state = 0; state < ORDER_STATES; state++) {
                if (!(filter->states & 1U << state))
                        continue;
                buf_format(where, "%s'%s'", comma, order_state_name((enum order_state)state));
                comma = ", ";
        }
        buf_add_text(where, ")");
}

static void
filter_bind(sqlite3_stmt *statement, const struct ledger_filter *filter)
{
        sql_bind_text(statement, 2, filter->ca_arn);
        sql_bind_text(statement, 3, filter->holder);
        sql_bind_text(statement, 4, filter->place);
        sql_bind_text(statement, 5, filter->token_serial);
        sqlite3_bind_int64(statement, 6, filter->ends_before);
        sqlite3_bind_int64(statement, 7, filter->renew_before);
}

/*
 * First the numbers, which the indices give without touching a row, then one row at a time: so the
 * visitor may change orders, and a million of them take 8 MB and not their certificates' size.
 */
static bool
collect_numbers(struct ledger *ledger, const struct ledger_filter *filter, struct numbers *numbers,
                struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        CLEANUP(sql_finalize) sqlite3_stmt *statement = NULL;
        bool row;

        buf_add_text(&text, "SELECT o.number FROM orders o ");
        filter_text(filter, TO_SEARCH, &text);
        buf_add_text(&text, " ORDER BY +o.number");
        statement = sql_prepare(ledger, buf_text(&text), err);
        if (!statement)
                return false;
        filter_bind(statement, filter);
        for (;;) {
                if (!sql_row(ledger, statement, "list the orders", &row, err))
                        return false;
                if (!row)
                        return true;
                numbers_add(numbers, sqlite3_column_int64(statement, 0));
        }
}

bool
ledger_each(struct ledger *ledger, const struct ledger_filter *filter,
            bool (*visit)(void *context, const struct order *order), void *context,
            struct error *err)
{
        CLEANUP(numbers_cleanup) struct numbers numbers = { 0 };
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        CLEANUP(sql_finalize) sqlite3_stmt *statement = NULL;
        bool row;

        if (!collect_numbers(ledger, filter, &numbers, err))
                return false;
        /* An order that was changed meanwhile has to pass again. */
        row_select_text(&text);
        filter_text(filter, TO_CHECK, &text);
        buf_add_text(&text, " AND o.number = ?1");
        statement = sql_prepare(ledger, buf_text(&text), err);
        if (!statement)
                return false;
        filter_bind(statement, filter);
        for (size_t i = 0; i < numbers.count; i++) {
                CLEANUP(order_cleanup) struct order *order = NULL;

                sqlite3_bind_int64(statement, 1, numbers.items[i]);
                if (!sql_row(ledger, statement, "read an order", &row, err))
                        return false;
                if (row && !(order = row_read(ledger, statement, err)))
                        return false;
                sqlite3_reset(statement);
                if (order && !visit(context, order))
                        return true;
        }
        return true;
}
