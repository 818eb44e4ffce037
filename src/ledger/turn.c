#include "ledger/internal.h"

bool
ledger_in_turn(const struct ledger *ledger)
{
        /* SQLite may roll back by itself, when the disk is full for one. */
        return ledger->turn && !sqlite3_get_autocommit(ledger->db);
}

bool
ledger_begin(struct ledger *ledger, struct error *err)
{
        CLEANUP(sql_release) sqlite3_stmt *begin = NULL;

        assert(!ledger_in_turn(ledger) && !ledger->read_only);
        ledger->turn = false;
        ledger->tip.known = false;
        begin = sql_cached(ledger, SQL_BEGIN, "BEGIN IMMEDIATE", err);
        if (!begin || !sql_run(ledger, begin, "begin a turn in the ledger", err))
                return false;
        ledger->turn = true;
        return true;
}

bool
ledger_commit(struct ledger *ledger, struct error *err)
{
        CLEANUP(sql_release) sqlite3_stmt *commit = NULL;

        assert(ledger->turn);
        if (!ledger_in_turn(ledger)) {
                *err = ledger->lost;
                return false;
        }
        commit = sql_cached(ledger, SQL_COMMIT, "COMMIT", err);
        if (!commit || !sql_run(ledger, commit, "commit to the ledger", err)) {
                ledger->lost = *err;
                return false;
        }
        ledger->turn = false;
        return true;
}

void
ledger_rollback(struct ledger *ledger)
{
        ledger->turn = false;
        ledger->tip.known = false;
        if (!sqlite3_get_autocommit(ledger->db))
                sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
}

bool
write_begin(struct ledger *ledger, bool *own, struct error *err)
{
        *own = !ledger->turn;
        if (*own)
                return ledger_begin(ledger, err);
        if (ledger_in_turn(ledger))
                return true;
        *err = ledger->lost;
        return false;
}

bool
write_end(struct ledger *ledger, bool own, bool done, struct error *err)
{
        bool refused =
                !done && (err->kind == ERROR_ORDER_STATE || err->kind == ERROR_ORDER_UNKNOWN);

        if (done && !own)
                return true;
        if (done && ledger_commit(ledger, err))
                return true;
        if (refused && !own)
                return false;
        ledger_rollback(ledger);
        if (!own) {
                /* Half of a change must not be committed, and the caller thinks it is in a turn. */
                ledger->lost = *err;
                ledger->turn = true;
        }
        return false;
}
