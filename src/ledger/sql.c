#include "ledger/internal.h"

#include <errno.h>
#include <string.h>

/* Which of our kinds an answer is.  The system's errno tells what SQLite's code leaves open. */
static enum error_kind
kind_of(int code, int number)
{
        bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
        bool read_only = number == EROFS || number == EACCES || number == EPERM;

        switch (code & 0xff) {
        case SQLITE_FULL:
                return ERROR_LEDGER_FULL;
        case SQLITE_READONLY:
        case SQLITE_PERM:
                return ERROR_LEDGER_READ_ONLY;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return ERROR_LEDGER_CORRUPT;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return ERROR_LEDGER_LOCKED;
        case SQLITE_CANTOPEN:
        case SQLITE_IOERR:
                if (full)
                        return ERROR_LEDGER_FULL;
                return read_only ? ERROR_LEDGER_READ_ONLY : ERROR_LEDGER;
        default:
                return ERROR_LEDGER;
        }
}

static const char *
advice_for(enum error_kind kind)
{
        switch (kind) {
        case ERROR_LEDGER_FULL:
                return "free some space on that disk and repeat the command: what was recorded "
                       "before is whole";
        case ERROR_LEDGER_READ_ONLY:
                return "make the state folder writable for this user, or name another with "
                       "--state";
        case ERROR_LEDGER_CORRUPT:
                return "keep the file, and put the newest copy made by 'p11cert ledger backup' in "
                       "its place";
        case ERROR_LEDGER_LOCKED:
                return "repeat the command in a moment";
        default:
                return "run 'p11cert ledger check', and look for the disk's own errors";
        }
}

bool
sql_failed(struct ledger *ledger, const char *doing, struct error *err)
{
        int code = sqlite3_extended_errcode(ledger->db);
        int number = sqlite3_system_errno(ledger->db) ? sqlite3_system_errno(ledger->db) : errno;
        bool system = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
        enum error_kind kind = kind_of(code, system ? number : 0);

        error_set(err, kind, "cannot %s: %s%s%s", doing, sqlite3_errmsg(ledger->db),
                  system && number ? ": " : "", system && number ? strerror(number) : "");
        error_about(err, "ledger %s", ledger->path);
        return error_advise(err, "%s", advice_for(kind));
}

sqlite3_stmt *
sql_prepare(struct ledger *ledger, const char *text, struct error *err)
{
        sqlite3_stmt *statement = NULL;

        if (sqlite3_prepare_v2(ledger->db, text, -1, &statement, NULL) != SQLITE_OK) {
                sql_failed(ledger, "read the ledger", err);
                return NULL;
        }
        return statement;
}

sqlite3_stmt *
sql_cached(struct ledger *ledger, enum statement which, const char *text, struct error *err)
{
        sqlite3_stmt **slot = &ledger->statements[which];

        if (!*slot && sqlite3_prepare_v3(ledger->db, text, -1, SQLITE_PREPARE_PERSISTENT, slot,
                                         NULL) != SQLITE_OK) {
                sql_failed(ledger, "read the ledger", err);
                return NULL;
        }
        return *slot;
}

sqlite3_stmt *
sql_update(struct ledger *ledger, const struct row_columns *columns, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        struct update *update = NULL;

        for (size_t i = 0; i < UPDATES; i++) {
                update = &ledger->updates[i];
                if (update->statement && memcmp(&update->columns, columns, sizeof(*columns)) == 0)
                        return update->statement;
        }
        update = &ledger->updates[ledger->next_update];
        ledger->next_update = (ledger->next_update + 1) % UPDATES;
        sql_finalize(&update->statement);
        update->columns = *columns;
        row_update_text(&text, columns);
        if (sqlite3_prepare_v3(ledger->db, buf_text(&text), -1, SQLITE_PREPARE_PERSISTENT,
                               &update->statement, NULL) != SQLITE_OK) {
                sql_failed(ledger, "record an order", err);
                return NULL;
        }
        return update->statement;
}

void
sql_release(sqlite3_stmt **statement)
{
        if (!*statement)
                return;
        sqlite3_reset(*statement);
        sqlite3_clear_bindings(*statement);
}

void
sql_finalize(sqlite3_stmt **statement)
{
        sqlite3_finalize(*statement);
        *statement = NULL;
}

void
sql_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
        if (text)
                sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
        else
                sqlite3_bind_null(statement, index);
}

void
sql_bind_view(sqlite3_stmt *statement, int index, struct view bytes)
{
        if (bytes.len)
                sqlite3_bind_blob64(statement, index, bytes.data, bytes.len, SQLITE_STATIC);
        else
                sqlite3_bind_null(statement, index);
}

struct view
sql_column(sqlite3_stmt *statement, int column)
{
        const void *data = sqlite3_column_blob(statement, column);

        return view_of(data, (size_t)sqlite3_column_bytes(statement, column));
}

char *
sql_column_text(sqlite3_stmt *statement, int column)
{
        struct view text;

        if (sqlite3_column_type(statement, column) == SQLITE_NULL)
                return NULL;
        text = sql_column(statement, column);
        return text_copy_length(text.data, text.len);
}

bool
sql_row(struct ledger *ledger, sqlite3_stmt *statement, const char *doing, bool *row,
        struct error *err)
{
        int code;

        /* SQLite does not hand on the errno of every failure; sql_failed() looks for it here. */
        errno = 0;
        code = sqlite3_step(statement);
        if (code != SQLITE_ROW && code != SQLITE_DONE)
                return sql_failed(ledger, doing, err);
        *row = code == SQLITE_ROW;
        return true;
}

bool
sql_run(struct ledger *ledger, sqlite3_stmt *statement, const char *doing, struct error *err)
{
        bool row = true;

        while (row) {
                if (!sql_row(ledger, statement, doing, &row, err))
                        return false;
        }
        return true;
}

bool
sql_execute(struct ledger *ledger, const char *text, const char *doing, struct error *err)
{
        errno = 0;
        if (sqlite3_exec(ledger->db, text, NULL, NULL, NULL) != SQLITE_OK)
                return sql_failed(ledger, doing, err);
        return true;
}

bool
sql_number(struct ledger *ledger, const char *text, int64_t *out, struct error *err)
{
        CLEANUP(sql_finalize) sqlite3_stmt *statement = sql_prepare(ledger, text, err);
        bool row = false;

        if (!statement || !sql_row(ledger, statement, "read the ledger", &row, err))
                return false;
        *out = row ? sqlite3_column_int64(statement, 0) : 0;
        return true;
}
