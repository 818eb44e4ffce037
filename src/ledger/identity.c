/*
 * What was found about the identities that issue: one row a principal, the newest check.
 */
#include "ledger/internal.h"

#include <stdlib.h>

static bool
note(struct ledger *ledger, const struct ledger_identity *identity, struct error *err)
{
        CLEANUP(free_cleanup) char *subject = text_format("identity %s", identity->principal);
        struct link link = { .subject = subject, .at = identity->at, .fact = "identity-checked" };
        CLEANUP(sql_release)
        sqlite3_stmt *statement =
                sql_cached(ledger, SQL_IDENTITY_NOTE,
                           "INSERT OR REPLACE INTO identities (principal, verdict, record, at)"
                           " VALUES (?1, ?2, ?3, ?4)",
                           err);

        if (!statement)
                return false;
        sql_bind_text(statement, 1, identity->principal);
        sql_bind_text(statement, 2, identity->verdict);
        sql_bind_text(statement, 3, identity->record);
        sqlite3_bind_int64(statement, 4, identity->at);
        trust_digest(view_text(identity->record), identity->verdict, identity->at, link.content);
        return sql_run(ledger, statement, "record the check of an identity", err) &&
               chain_add(ledger, &link, err);
}

bool
ledger_note_identity(struct ledger *ledger, const struct ledger_identity *identity,
                     struct error *err)
{
        bool own;

        if (!write_begin(ledger, &own, err))
                return false;
        return write_end(ledger, own, note(ledger, identity, err), err);
}

bool
ledger_each_identity(struct ledger *ledger,
                     bool (*visit)(void *context, const struct ledger_identity *identity),
                     void *context, struct error *err)
{
        CLEANUP(sql_finalize)
        sqlite3_stmt *rows = sql_prepare(ledger,
                                         "SELECT principal, verdict, record, at FROM identities"
                                         " ORDER BY principal",
                                         err);
        bool row = true;

        if (!rows)
                return false;
        while (row) {
                if (!sql_row(ledger, rows, "read the checks of identities", &row, err))
                        return false;
                if (!row)
                        break;
                CLEANUP(free_cleanup) char *principal = sql_column_text(rows, 0);
                CLEANUP(free_cleanup) char *verdict = sql_column_text(rows, 1);
                CLEANUP(free_cleanup) char *record = sql_column_text(rows, 2);
                struct ledger_identity identity = { .principal = principal,
                                                    .verdict = verdict,
                                                    .record = record,
                                                    .at = sqlite3_column_int64(rows, 3) };

                if (!visit(context, &identity))
                        break;
        }
        return true;
}
