/*
 * Orders: recorded, changed and read one at a time.
 */
#include "ledger/internal.h"

#include <string.h>

static bool
unknown(struct ledger *ledger, int64_t number, struct error *err)
{
        error_set(err, ERROR_ORDER_UNKNOWN, "there is no order %lld in the ledger",
                  (long long)number);
        error_about(err, "ledger %s", ledger->path);
        return error_advise(err, "'p11cert list' shows the orders that there are");
}

/* The cached SELECT of one order by number, standing on its row; NULL with an error. */
static sqlite3_stmt *
stand_on(struct ledger *ledger, int64_t number, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        CLEANUP(sql_release) sqlite3_stmt *statement = NULL;
        bool row;

        if (!ledger->statements[SQL_ORDER_READ]) {
                row_select_text(&text);
                buf_add_text(&text, "WHERE o.number = ?1");
        }
        statement = sql_cached(ledger, SQL_ORDER_READ, buf_text(&text), err);
        if (!statement)
                return NULL;
        sqlite3_bind_int64(statement, 1, number);
        if (!sql_row(ledger, statement, "read an order", &row, err))
                return NULL;
        if (!row) {
                unknown(ledger, number, err);
                return NULL;
        }
        return MOVE(statement);
}

struct order *
ledger_get(struct ledger *ledger, int64_t number, struct error *err)
{
        CLEANUP(sql_release) sqlite3_stmt *statement = stand_on(ledger, number, err);

        return statement ? row_read(ledger, statement, err) : NULL;
}

/* Link the order, as its row was just written, to the chain: by each fact in its state. */
static bool
add_links(struct ledger *ledger, const struct order *order, int64_t number,
          const struct ledger_fact *facts, size_t count, int64_t now, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf rest = { 0 };
        bool done = true;

        row_encode(order, &rest);
        for (size_t i = 0; done && i < count; i++) {
                struct link link = { .order = number, .at = now, .fact = facts[i].name };

                row_digest_of(facts[i].state, view_buf(&rest), link.content);
                done = chain_add(ledger, &link, err);
        }
        return done;
}

/* -- a new order
 * ----------------------------------------------------------------------------------- */

/* Why the index that allows one open order of a name said no. */
static bool
refuse_second(struct ledger *ledger, const struct order *order, struct error *err)
{
        struct error ignored;
        CLEANUP(order_cleanup)
        struct order *open = ledger_newest(ledger, order->wishes.name, &ignored);

        error_set(err, ERROR_ORDER_STATE, "an order of that name is still open%s%s",
                  open ? ": it is " : "", open ? order_state_name(open->state) : "");
        if (open)
                error_about(err, "order %lld", (long long)open->number);
        error_about(err, "name '%s'", order->wishes.name);
        return error_advise(err, "'p11cert resume' goes on with it; or use another --name");
}

/* Write the row; `*number` is the one it got. */
static bool
insert_row(struct ledger *ledger, const struct order *order, int64_t *number, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        CLEANUP(sql_release) sqlite3_stmt *statement = NULL;
        int code;

        if (!ledger->statements[SQL_ORDER_INSERT])
                row_insert_text(&text);
        statement = sql_cached(ledger, SQL_ORDER_INSERT, buf_text(&text), err);
        if (!statement)
                return false;
        row_bind(statement, order, NULL);
        code = sqlite3_step(statement);
        if (code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_ROWID) {
                /* The number of a turn that was lost went to somebody else meanwhile. */
                sqlite3_reset(statement);
                sqlite3_bind_null(statement, 1);
                code = sqlite3_step(statement);
        }
        if (code == SQLITE_CONSTRAINT_UNIQUE)
                return refuse_second(ledger, order, err);
        if (code != SQLITE_DONE)
                return sql_failed(ledger, "record an order", err);
        *number = sqlite3_last_insert_rowid(ledger->db);
        return true;
}

bool
ledger_insert(struct ledger *ledger, struct order *order, int64_t now, struct error *err)
{
        int64_t created_at = order->created_at;
        int64_t updated_at = order->updated_at;
        int64_t number = 0;
        const struct ledger_fact planned = { order->state, order_state_name(order->state) };
        bool own, done;

        assert(order->wishes.name && !order->wishes.unfilled);
        if (!write_begin(ledger, &own, err))
                return false;
        order->updated_at = now;
        if (!order->created_at)
                order->created_at = now;
        done = insert_row(ledger, order, &number, err) &&
               add_links(ledger, order, number, &planned, 1, now, err);
        if (write_end(ledger, own, done, err)) {
                order->number = number;
                return true;
        }
        order->created_at = created_at;
        order->updated_at = updated_at;
        return false;
}

/* -- a change
 * ---------------------------------------------------------------------------------------- */

static bool
refuse_step(const struct order *order, enum order_state from, enum order_state to,
            struct error *err)
{
        error_set(err, ERROR_ORDER_STATE, "the order is %s and cannot become %s",
                  order_state_name(from), order_state_name(to));
        error_about(err, "order %lld", (long long)order->number);
        return error_advise(err, "'p11cert show %lld' tells what happened to it",
                            (long long)order->number);
}

/*
 * Each step from the state that is recorded.  Another process may have moved an order that was at
 * rest, so this is not a matter for assert.
 */
static bool
check_steps(struct ledger *ledger, sqlite3_stmt *recorded, const struct order *order,
            const struct ledger_fact *facts, size_t count, struct error *err)
{
        enum order_state from;

        if (!row_state(recorded, &from, err)) {
                err->kind = ERROR_LEDGER_CORRUPT;
                return error_about(err, "order %lld, ledger %s", (long long)order->number,
                                   ledger->path);
        }
        for (size_t i = 0; i < count; i++) {
                if (from != facts[i].state && !order_may_move(from, facts[i].state))
                        return refuse_step(order, from, facts[i].state, err);
                from = facts[i].state;
        }
        return true;
}

/* What is not yet in the row. */
static bool
write_row(struct ledger *ledger, const struct order *order, const struct ledger_fact *facts,
          size_t count, struct error *err)
{
        CLEANUP(sql_release) sqlite3_stmt *recorded = stand_on(ledger, order->number, err);
        CLEANUP(sql_release) sqlite3_stmt *statement = NULL;
        struct row_columns changed;

        if (!recorded || !check_steps(ledger, recorded, order, facts, count, err))
                return false;
        if (!row_changes(recorded, order, &changed))
                return true;
        sql_release(&recorded);
        statement = sql_update(ledger, &changed, err);
        if (!statement)
                return false;
        row_bind(statement, order, &changed);
        return sql_run(ledger, statement, "record an order", err);
}

bool
ledger_update_facts(struct ledger *ledger, struct order *order, const struct ledger_fact *facts,
                    size_t count, int64_t now, struct error *err)
{
        int64_t updated_at = order->updated_at;
        bool own, done;

        assert(order->number > 0 && count > 0 && facts[count - 1].state == order->state);
        if (!write_begin(ledger, &own, err))
                return false;
        order->updated_at = now;
        done = write_row(ledger, order, facts, count, err) &&
               add_links(ledger, order, order->number, facts, count, now, err);
        if (write_end(ledger, own, done, err))
                return true;
        order->updated_at = updated_at;
        return false;
}

bool
ledger_update(struct ledger *ledger, struct order *order, const char *fact, int64_t now,
              struct error *err)
{
        const struct ledger_fact one = { order->state, fact };

        return ledger_update_facts(ledger, order, &one, 1, now, err);
}

/* -- names and labels
 * -------------------------------------------------------------------------------- */

/* The number of the newest order of a name, 0 for none. */
static bool
newest_number(struct ledger *ledger, enum statement which, const char *text, const char *name,
              int64_t *number, struct error *err)
{
        CLEANUP(sql_release) sqlite3_stmt *statement = sql_cached(ledger, which, text, err);
        bool row;

        if (!statement)
                return false;
        sql_bind_text(statement, 1, name);
        if (!sql_row(ledger, statement, "look for a name", &row, err))
                return false;
        *number = row ? sqlite3_column_int64(statement, 0) : 0;
        return true;
}

struct order *
ledger_newest(struct ledger *ledger, const char *name, struct error *err)
{
        int64_t number;

        if (!newest_number(ledger, SQL_NAME_NEWEST_LIVE,
                           "SELECT number FROM orders WHERE name = ?1 AND state <> 'failed'"
                           " ORDER BY number DESC LIMIT 1",
                           name, &number, err))
                return NULL;
        if (number)
                return ledger_get(ledger, number, err);
        *err = (struct error){ 0 };
        return NULL;
}

bool
name_number(struct ledger *ledger, const char *name, int64_t *number, struct error *err)
{
        return newest_number(ledger, SQL_NAME_NEWEST,
                             "SELECT number FROM orders WHERE name = ?1"
                             " ORDER BY state = 'failed', number DESC LIMIT 1",
                             name, number, err);
}

struct order *
ledger_named(struct ledger *ledger, const char *name, struct error *err)
{
        int64_t number;

        if (!name_number(ledger, name, &number, err))
                return NULL;
        if (number)
                return ledger_get(ledger, number, err);
        *err = (struct error){ 0 };
        return NULL;
}

bool
ledger_label_taken(struct ledger *ledger, const char *token_serial, const char *label, bool *taken,
                   struct error *err)
{
        CLEANUP(sql_release)
        sqlite3_stmt *statement = sql_cached(ledger, SQL_LABEL_TAKEN,
                                             "SELECT 1 FROM orders WHERE token_serial = ?1"
                                             " AND key_label = ?2 LIMIT 1",
                                             err);

        if (!statement)
                return false;
        sql_bind_text(statement, 1, token_serial);
        sql_bind_text(statement, 2, label);
        return sql_row(ledger, statement, "look for a label", taken, err);
}
