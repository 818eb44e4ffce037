/*
 * What the files of src/ledger share.  Nobody else includes this.
 */
#ifndef LEDGER_INTERNAL_H
#define LEDGER_INTERNAL_H

#include <sqlite3.h>

#include "base/bytes.h"
#include "base/err.h"
#include "ledger/ledger.h"

/* Prepared statements that live as long as the ledger is open. */
enum statement {
        SQL_BEGIN,
        SQL_COMMIT,
        SQL_ORDER_INSERT,
        SQL_ORDER_READ,
        SQL_NAME_NEWEST,
        SQL_NAME_NEWEST_LIVE,
        SQL_LABEL_TAKEN,
        SQL_ROOT_READ,
        SQL_ROOT_PIN,
        SQL_ISSUER_KNOWN,
        SQL_ISSUER_NOTE,
        SQL_REVOCATION_KNOWN,
        SQL_REVOCATION_NOTE,
        SQL_IDENTITY_NOTE,
        SQL_LINK_LAST,
        SQL_LINK_ADD,
        SQL_STATEMENTS
};

/* A set of the columns of `orders`, by their place in row.c's table. */
struct row_columns {
        uint64_t bits[2];
};

/* An UPDATE of just these columns: SQLite leaves the indices over the others alone. */
struct update {
        struct row_columns columns;
        sqlite3_stmt *statement;
};

enum { UPDATES = 24 };

struct ledger {
        sqlite3 *db;
        char *path; /* STATE/ledger.db */
        char *lock_path;
        int lock_fd; /* -1: this process does not move orders */
        bool read_only;
        struct {
                bool known; /* in this turn: nobody else adds links while it lasts */
                int64_t seq;
                uint8_t follows[32]; /* what the next link's digest covers */
        } tip;                       /* of the chain */
        bool turn;         /* between ledger_begin() and a commit that succeeded, or a rollback */
        struct error lost; /* why the turn that the caller believes in is gone */
        sqlite3_stmt *statements[SQL_STATEMENTS];
        struct update updates[UPDATES]; /* the oldest gives way */
        size_t next_update;
};

/* The states that order_state_is_open() names. */
#define OPEN_STATES "('planned', 'keyed', 'requested', 'submitted', 'issued', 'verified')"

/* -- sql.c: statements and what SQLite's answers mean --------------------------------------- */

/*
 * The error for SQLite's last answer.  `doing`: "record an order".
 * Kinds: ERROR_LEDGER_FULL, _READ_ONLY, _CORRUPT, _LOCKED, or ERROR_LEDGER.  Returns false.
 */
bool sql_failed(struct ledger *ledger, const char *doing, struct error *err);

/* A cached statement, ready to be bound; NULL with an error.  `text` is read once. */
sqlite3_stmt *sql_cached(struct ledger *ledger, enum statement which, const char *text,
                         struct error *err);

/* The cached UPDATE of these columns, as sql_cached(). */
sqlite3_stmt *sql_update(struct ledger *ledger, const struct row_columns *columns,
                         struct error *err);

/* A statement for once; the caller finalizes. */
sqlite3_stmt *sql_prepare(struct ledger *ledger, const char *text, struct error *err);

/* Give a cached statement back (for CLEANUP): no cursor and no borrowed memory stays in it. */
void sql_release(sqlite3_stmt **statement);
void sql_finalize(sqlite3_stmt **statement);

/* Bound memory has to stay until the statement was given back.  NULL and empty views bind NULL. */
void sql_bind_text(sqlite3_stmt *statement, int index, const char *text);
void sql_bind_view(sqlite3_stmt *statement, int index, struct view bytes);

/* A column's bytes, valid until the next step. */
struct view sql_column(sqlite3_stmt *statement, int column);
char *sql_column_text(sqlite3_stmt *statement, int column); /* NULL stays NULL; the caller frees */

/* Next row: false is a failure, `*row` false the end. */
bool sql_row(struct ledger *ledger, sqlite3_stmt *statement, const char *doing, bool *row,
             struct error *err) MUST_CHECK;

/* Run to the end. */
bool sql_run(struct ledger *ledger, sqlite3_stmt *statement, const char *doing,
             struct error *err) MUST_CHECK;
bool sql_execute(struct ledger *ledger, const char *text, const char *doing,
                 struct error *err) MUST_CHECK;

/* One whole number from a statement such as a PRAGMA. */
bool sql_number(struct ledger *ledger, const char *text, int64_t *out,
                struct error *err) MUST_CHECK;

/* -- turn.c --------------------------------------------------------------------------------- */

/*
 * Every change goes between these two: within the caller's turn, or in a transaction of its own.
 * write_end() takes what the change came to and returns what the caller is to return.
 * A change that is refused before anything was written (ERROR_ORDER_*) leaves a turn as it was;
 * one that failed half-way loses it.
 */
bool write_begin(struct ledger *ledger, bool *own, struct error *err) MUST_CHECK;
bool write_end(struct ledger *ledger, bool own, bool done, struct error *err) MUST_CHECK;

/* -- schema.c ------------------------------------------------------------------------------- */

/* Refuse a file that is newer or somebody else's.  `*version` is 0 for an empty one. */
bool schema_check(struct ledger *ledger, int64_t *version, struct error *err) MUST_CHECK;

/* Bring the file to this program's version. */
bool schema_migrate(struct ledger *ledger, struct error *err) MUST_CHECK;

/* Is `version` what this program reads without migrating? */
bool schema_is_current(int64_t version);

/* -- row.c: an order as a row --------------------------------------------------------------- */

/* INSERT, and UPDATE of some columns, which then row_bind() binds; `which` NULL: of all. */
void row_insert_text(struct buf *sql);
void row_update_text(struct buf *sql, const struct row_columns *which);
void row_bind(sqlite3_stmt *statement, const struct order *order, const struct row_columns *which);

/* In which columns the order is not what row_select_text() stands on; false: in none. */
bool row_changes(sqlite3_stmt *statement, const struct order *order, struct row_columns *which);

/* The SELECT that row_read() understands, up to its WHERE: number, columns, revocation. */
void row_select_text(struct buf *sql);
struct order *row_read(struct ledger *ledger, sqlite3_stmt *statement, struct error *err);

/* The state in the row that row_select_text() stands on; false: no such state is known. */
bool row_state(sqlite3_stmt *statement, enum order_state *state, struct error *err);

/* The digest of the row that row_select_text() stands on, for the chain. */
void row_digest(sqlite3_stmt *statement, uint8_t out[32]);

/*
 * The digest of the row that the order makes once it is written: of what is encoded of it, and of
 * the state, which is all that differs between the facts of one turn.
 */
void row_encode(const struct order *order, struct buf *rest);
void row_digest_of(enum order_state state, struct view rest, uint8_t out[32]);

/* -- orders.c ------------------------------------------------------------------------------- */

/* The order that a name means: its newest that has not failed, else its newest; 0 for none. */
bool name_number(struct ledger *ledger, const char *name, int64_t *number,
                 struct error *err) MUST_CHECK;

/* -- lock.c -------------------------------------------------------------------------------- */

void lock_release(struct ledger *ledger);

/* -- trust.c ------------------------------------------------------------------------------- */

/* The digest of a row that stands beside the orders: one encoding to write and to verify. */
void trust_digest(struct view bytes, const char *text, int64_t at, uint8_t out[32]);

/* Are the rows beside the orders as their newest links recorded them, and all still there? */
bool verify_trust(struct ledger *ledger, struct error *err) MUST_CHECK;

/* -- chain.c -------------------------------------------------------------------------------- */

/* One recorded fact.  Of an order (number), or of something else that `subject` names. */
struct link {
        int64_t order;       /* 0: not an order */
        const char *subject; /* "root ARN"; NULL for an order */
        int64_t at;
        const char *fact;
        uint8_t content[32]; /* digest of the row that the fact is about */
};

bool chain_add(struct ledger *ledger, const struct link *link, struct error *err) MUST_CHECK;

/* Parts of a digest: a name and a value with its length, so that no two rows encode alike. */
void chain_encode(struct buf *out, const char *name, char type, struct view value);
void chain_encode_number(struct buf *out, const char *name, int64_t value);

#endif
