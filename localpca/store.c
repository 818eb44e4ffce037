#include "localpca/store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { SCHEMA_VERSION = 1, CACHE_KIB = 16 * 1024 };

static const char schema[] =
        "CREATE TABLE document(row INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL,"
        " json TEXT NOT NULL, UNIQUE(kind, key));"
        "CREATE TABLE issued(row INTEGER PRIMARY KEY, authority INTEGER NOT NULL,"
        " serial BLOB NOT NULL, issued_ms INTEGER NOT NULL, ready_ms INTEGER NOT NULL,"
        " not_after INTEGER NOT NULL, failed INTEGER NOT NULL, garbled INTEGER NOT NULL,"
        " service INTEGER NOT NULL, der BLOB NOT NULL, template TEXT NOT NULL,"
        " csr_digest INTEGER NOT NULL, key_digest INTEGER NOT NULL,"
        " revoked_at INTEGER NOT NULL DEFAULT 0, reason TEXT);"
        "CREATE UNIQUE INDEX issued_serial ON issued(serial, authority);"
        "CREATE INDEX issued_csr ON issued(csr_digest);"
        "CREATE INDEX issued_key ON issued(key_digest);"
        "CREATE INDEX issued_revoked ON issued(authority, revoked_at) WHERE revoked_at <> 0;"
        "CREATE TABLE token(scope TEXT NOT NULL, token TEXT NOT NULL, digest BLOB NOT NULL,"
        " arn TEXT NOT NULL, used_ms INTEGER NOT NULL, PRIMARY KEY(scope, token)) WITHOUT ROWID;"
        "CREATE INDEX token_used ON token(used_ms);"
        "PRAGMA user_version = 1;";

#define ISSUED_COLUMNS                                                                  \
        "authority, serial, issued_ms, ready_ms, not_after, failed, garbled, service, " \
        "der, template, csr_digest, key_digest, revoked_at, reason"

enum statement {
        ISSUED_ADD,
        ISSUED_FIND,
        ISSUED_REVOKE,
        ISSUED_ALL,
        ISSUED_REVOKED,
        ISSUED_CSR_SEEN,
        ISSUED_KEY_SEEN,
        TOKEN_PUT,
        TOKEN_FIND,
        TOKEN_PURGE,
        DOCUMENT_PUT,
        DOCUMENT_EACH,
        DOCUMENT_DELETE,
        STATEMENTS
};

static const char *const sql[STATEMENTS] = {
        [ISSUED_ADD] = "INSERT INTO issued(" ISSUED_COLUMNS
                       ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
        [ISSUED_FIND] =
                "SELECT " ISSUED_COLUMNS " FROM issued WHERE serial = ?2 AND authority = ?1",
        [ISSUED_REVOKE] = "UPDATE issued SET revoked_at = ?3, reason = ?4 WHERE serial = ?2 AND "
                          "authority = ?1",
        [ISSUED_ALL] = "SELECT " ISSUED_COLUMNS " FROM issued WHERE authority = ?1 ORDER BY row",
        [ISSUED_REVOKED] = "SELECT " ISSUED_COLUMNS
                           " FROM issued WHERE authority = ?1 AND revoked_at <> 0 ORDER BY row",
        [ISSUED_CSR_SEEN] = "SELECT 1 FROM issued WHERE csr_digest = ?1 LIMIT 1",
        [ISSUED_KEY_SEEN] = "SELECT 1 FROM issued WHERE key_digest = ?1 LIMIT 1",
        [TOKEN_PUT] = "INSERT OR REPLACE INTO token(scope, token, digest, arn, used_ms)"
                      " VALUES(?1,?2,?3,?4,?5)",
        [TOKEN_FIND] = "SELECT digest, arn, used_ms FROM token WHERE scope = ?1 AND token = ?2",
        [TOKEN_PURGE] = "DELETE FROM token WHERE used_ms < ?1",
        [DOCUMENT_PUT] = "INSERT INTO document(kind, key, json) VALUES(?1,?2,?3)"
                         " ON CONFLICT(kind, key) DO UPDATE SET json = excluded.json RETURNING row",
        [DOCUMENT_EACH] = "SELECT row, key, json FROM document WHERE kind = ?1 ORDER BY row",
        [DOCUMENT_DELETE] = "DELETE FROM document WHERE kind = ?1 AND key = ?2",
};

struct store {
        sqlite3 *db;
        int lock; /* an advisory lock keeps a second server out */
        bool writing;
        sqlite3_stmt *statements[STATEMENTS];
};

static bool
store_failed(struct store *store, struct error *err, const char *doing)
{
        int code = sqlite3_errcode(store->db);

        error_set(err, code == SQLITE_FULL ? ERROR_DISK_FULL : ERROR_FILE, "cannot %s: %s", doing,
                  sqlite3_errmsg(store->db));
        return error_about(err, "the state in '%s'", sqlite3_db_filename(store->db, "main"));
}

static bool
store_run(struct store *store, const char *text, const char *doing, struct error *err)
{
        if (sqlite3_exec(store->db, text, NULL, NULL, NULL) == SQLITE_OK)
                return true;
        return store_failed(store, err, doing);
}

static bool
store_prepare(struct store *store, struct error *err)
{
        sqlite3_stmt *version = NULL;
        int64_t found = -1;

        if (!store_run(store,
                       "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                       "PRAGMA wal_autocheckpoint = 4000; PRAGMA temp_store = MEMORY;",
                       "set up the database", err))
                return false;
        if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &version, NULL) == SQLITE_OK &&
            sqlite3_step(version) == SQLITE_ROW)
                found = sqlite3_column_int64(version, 0);
        sqlite3_finalize(version);
        if (found < 0)
                return store_failed(store, err, "read the database");
        if (found > SCHEMA_VERSION) {
                error_set(err, ERROR_LEDGER_NEWER, "the state was written by a newer localpca");
                return error_advise(err, "use the newer program, or another --state folder");
        }
        if (found == 0 && !store_run(store, schema, "make the tables", err))
                return false;
        char *cache = text_format("PRAGMA cache_size = -%d", CACHE_KIB);
        bool done = store_run(store, cache, "size the cache", err);
        free(cache);
        return done;
}

static bool
store_lock(struct store *store, const char *folder, struct error *err)
{
        char *path = text_format("%s/lock", folder);
        struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

        store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        free(path);
        if (store->lock >= 0 && fcntl(store->lock, F_SETLK, &range) == 0)
                return true;
        error_set(err, ERROR_LEDGER_LOCKED, "another localpca uses this state");
        error_about(err, "the folder '%s'", folder);
        return error_advise(err, "stop the other one, or give another --state folder");
}

struct store *
store_open(const char *folder, struct error *err)
{
        struct store *store = memory_new(1, sizeof(*store));
        char *path = text_format("%s/localpca.db", folder);
        bool done = false;

        store->lock = -1;
        mode_t old = umask(077);
        if (file_make_folder(folder, 0700, err) && store_lock(store, folder, err)) {
                if (sqlite3_open_v2(path, &store->db,
                                    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                            SQLITE_OPEN_NOMUTEX,
                                    NULL) == SQLITE_OK)
                        done = store_prepare(store, err);
                else
                        store_failed(store, err, "open the database");
        }
        umask(old);
        free(path);
        if (done)
                return store;
        store_close(store);
        return NULL;
}

struct store *
store_open_reader(const char *folder, struct error *err)
{
        struct store *store = memory_new(1, sizeof(*store));
        char *path = text_format("%s/localpca.db", folder);

        store->lock = -1;
        int opened = sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                                     NULL);
        free(path);
        if (opened == SQLITE_OK &&
            store_run(store, "PRAGMA query_only = 1; PRAGMA busy_timeout = 10000;", "read", err))
                return store;
        store_failed(store, err, "open the database");
        store_close(store);
        return NULL;
}

void
store_close(struct store *store)
{
        if (!store)
                return;
        for (size_t i = 0; i < STATEMENTS; i++)
                sqlite3_finalize(store->statements[i]);
        sqlite3_close(store->db);
        if (store->lock >= 0)
                close(store->lock);
        free(store);
}

bool
store_commit(struct store *store, struct error *err)
{
        if (!store->writing)
                return true;
        store->writing = false;
        if (store_run(store, "COMMIT", "commit", err))
                return true;
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return false;
}

void
store_rollback(struct store *store)
{
        if (store->writing)
                sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        store->writing = false;
}

/* A kept statement, ready for its parameters; NULL when it cannot be prepared. */
static sqlite3_stmt *
statement_get(struct store *store, enum statement which)
{
        if (!store->statements[which])
                sqlite3_prepare_v3(store->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                   &store->statements[which], NULL);
        return store->statements[which];
}

static void
statement_done(sqlite3_stmt *statement)
{
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
}

static bool
write_begin(struct store *store, struct error *err)
{
        if (store->writing)
                return true;
        store->writing = store_run(store, "BEGIN IMMEDIATE", "begin", err);
        return store->writing;
}

/* Run a statement that writes and returns nothing. */
static bool
write_step(struct store *store, sqlite3_stmt *statement, struct error *err)
{
        bool done = sqlite3_step(statement) == SQLITE_DONE;

        if (!done)
                store_failed(store, err, "write");
        statement_done(statement);
        return done;
}

static void
bind_view(sqlite3_stmt *statement, int at, struct view bytes)
{
        sqlite3_bind_blob64(statement, at, bytes.data ? bytes.data : (const void *)"", bytes.len,
                            SQLITE_STATIC);
}

static void
bind_text(sqlite3_stmt *statement, int at, const char *text)
{
        sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

/* -- certificates ------------------------------------------------------------------------- */

void
issued_clear(struct issued *issued)
{
        buf_clear(&issued->der);
        free(issued->template_arn);
        free(issued->reason);
        memset(issued, 0, sizeof(*issued));
}

bool
store_issued_add(struct store *store, const struct issued *issued, struct error *err)
{
        sqlite3_stmt *add = statement_get(store, ISSUED_ADD);

        if (!add || !write_begin(store, err))
                return store_failed(store, err, "record a certificate");
        sqlite3_bind_int64(add, 1, issued->authority);
        bind_view(add, 2, view_of(issued->serial, SERIAL_SIZE));
        sqlite3_bind_int64(add, 3, issued->issued_ms);
        sqlite3_bind_int64(add, 4, issued->ready_ms);
        sqlite3_bind_int64(add, 5, issued->not_after);
        sqlite3_bind_int(add, 6, issued->failed);
        sqlite3_bind_int(add, 7, issued->garbled_chain);
        sqlite3_bind_int(add, 8, issued->service);
        bind_view(add, 9, view_buf(&issued->der));
        bind_text(add, 10, issued->template_arn);
        sqlite3_bind_int64(add, 11, (int64_t)issued->csr_digest);
        sqlite3_bind_int64(add, 12, (int64_t)issued->key_digest);
        sqlite3_bind_int64(add, 13, issued->revoked_at);
        bind_text(add, 14, issued->reason);
        return write_step(store, add, err);
}

static void
issued_read(sqlite3_stmt *row, struct issued *out)
{
        out->authority = sqlite3_column_int64(row, 0);
        if (sqlite3_column_bytes(row, 1) == SERIAL_SIZE)
                memcpy(out->serial, sqlite3_column_blob(row, 1), SERIAL_SIZE);
        out->issued_ms = sqlite3_column_int64(row, 2);
        out->ready_ms = sqlite3_column_int64(row, 3);
        out->not_after = sqlite3_column_int64(row, 4);
        out->failed = sqlite3_column_int(row, 5);
        out->garbled_chain = sqlite3_column_int(row, 6);
        out->service = sqlite3_column_int(row, 7);
        buf_set(&out->der,
                view_of(sqlite3_column_blob(row, 8), (size_t)sqlite3_column_bytes(row, 8)));
        text_assign(&out->template_arn, (const char *)sqlite3_column_text(row, 9));
        out->csr_digest = (uint64_t)sqlite3_column_int64(row, 10);
        out->key_digest = (uint64_t)sqlite3_column_int64(row, 11);
        out->revoked_at = sqlite3_column_int64(row, 12);
        text_assign(&out->reason, (const char *)sqlite3_column_text(row, 13));
}

bool
store_issued_find(struct store *store, int64_t authority, const uint8_t serial[SERIAL_SIZE],
                  struct issued *out, bool *found, struct error *err)
{
        sqlite3_stmt *find = statement_get(store, ISSUED_FIND);

        if (!find)
                return store_failed(store, err, "look for a certificate");
        sqlite3_bind_int64(find, 1, authority);
        bind_view(find, 2, view_of(serial, SERIAL_SIZE));
        int step = sqlite3_step(find);
        *found = step == SQLITE_ROW;
        if (*found)
                issued_read(find, out);
        statement_done(find);
        return *found || step == SQLITE_DONE || store_failed(store, err, "look for a certificate");
}

bool
store_issued_revoke(struct store *store, const struct issued *issued, struct error *err)
{
        sqlite3_stmt *revoke = statement_get(store, ISSUED_REVOKE);

        if (!revoke || !write_begin(store, err))
                return store_failed(store, err, "record a revocation");
        sqlite3_bind_int64(revoke, 1, issued->authority);
        bind_view(revoke, 2, view_of(issued->serial, SERIAL_SIZE));
        sqlite3_bind_int64(revoke, 3, issued->revoked_at);
        bind_text(revoke, 4, issued->reason);
        return write_step(store, revoke, err);
}

bool
store_issued_each(struct store *store, int64_t authority, bool revoked_only,
                  bool (*visit)(void *context, const struct issued *issued), void *context,
                  struct error *err)
{
        sqlite3_stmt *each = statement_get(store, revoked_only ? ISSUED_REVOKED : ISSUED_ALL);
        struct issued issued = { 0 };
        bool going = true;
        int step = SQLITE_DONE;

        if (!each)
                return store_failed(store, err, "list certificates");
        sqlite3_bind_int64(each, 1, authority);
        while (going && (step = sqlite3_step(each)) == SQLITE_ROW) {
                issued_read(each, &issued);
                going = visit(context, &issued);
        }
        issued_clear(&issued);
        statement_done(each);
        return !going || step == SQLITE_DONE || store_failed(store, err, "list certificates");
}

static bool
digest_seen(struct store *store, enum statement which, uint64_t digest, bool *seen,
            struct error *err)
{
        sqlite3_stmt *query = statement_get(store, which);

        if (!query)
                return store_failed(store, err, "look for repeats");
        sqlite3_bind_int64(query, 1, (int64_t)digest);
        int step = sqlite3_step(query);
        *seen = step == SQLITE_ROW;
        statement_done(query);
        return *seen || step == SQLITE_DONE || store_failed(store, err, "look for repeats");
}

bool
store_issued_seen(struct store *store, const struct issued *issued, bool *csr_seen, bool *key_seen,
                  struct error *err)
{
        return digest_seen(store, ISSUED_CSR_SEEN, issued->csr_digest, csr_seen, err) &&
               digest_seen(store, ISSUED_KEY_SEEN, issued->key_digest, key_seen, err);
}

/* -- idempotency tokens ------------------------------------------------------------------- */

void
token_use_clear(struct token_use *use)
{
        free(use->scope);
        free(use->token);
        free(use->arn);
        memset(use, 0, sizeof(*use));
}

bool
store_token_put(struct store *store, const struct token_use *use, struct error *err)
{
        sqlite3_stmt *put = statement_get(store, TOKEN_PUT);

        if (!put || !write_begin(store, err))
                return store_failed(store, err, "record an idempotency token");
        bind_text(put, 1, use->scope);
        bind_text(put, 2, use->token);
        bind_view(put, 3, view_of(use->digest, sizeof(use->digest)));
        bind_text(put, 4, use->arn);
        sqlite3_bind_int64(put, 5, use->used_ms);
        return write_step(store, put, err);
}

bool
store_token_find(struct store *store, const char *scope, const char *token, struct token_use *out,
                 bool *found, struct error *err)
{
        sqlite3_stmt *find = statement_get(store, TOKEN_FIND);

        if (!find)
                return store_failed(store, err, "look for an idempotency token");
        bind_text(find, 1, scope);
        bind_text(find, 2, token);
        int step = sqlite3_step(find);
        *found = step == SQLITE_ROW;
        if (*found) {
                if (sqlite3_column_bytes(find, 0) == sizeof(out->digest))
                        memcpy(out->digest, sqlite3_column_blob(find, 0), sizeof(out->digest));
                text_assign(&out->arn, (const char *)sqlite3_column_text(find, 1));
                out->used_ms = sqlite3_column_int64(find, 2);
        }
        statement_done(find);
        return *found || step == SQLITE_DONE ||
               store_failed(store, err, "look for an idempotency token");
}

bool
store_token_purge(struct store *store, int64_t before_ms, struct error *err)
{
        sqlite3_stmt *purge = statement_get(store, TOKEN_PURGE);

        if (!purge || !write_begin(store, err))
                return store_failed(store, err, "forget idempotency tokens");
        sqlite3_bind_int64(purge, 1, before_ms);
        return write_step(store, purge, err);
}

/* -- documents ---------------------------------------------------------------------------- */

bool
store_document_put(struct store *store, const char *kind, const char *key, const cJSON *document,
                   int64_t *row, struct error *err)
{
        sqlite3_stmt *put = statement_get(store, DOCUMENT_PUT);
        char *json = cJSON_PrintUnformatted(document);
        bool done = false;

        if (!json || !put || !write_begin(store, err)) {
                cJSON_free(json);
                return store_failed(store, err, "record a document");
        }
        bind_text(put, 1, kind);
        bind_text(put, 2, key);
        bind_text(put, 3, json);
        if (sqlite3_step(put) == SQLITE_ROW) {
                if (row)
                        *row = sqlite3_column_int64(put, 0);
                done = sqlite3_step(put) == SQLITE_DONE;
        }
        if (!done)
                store_failed(store, err, "record a document");
        statement_done(put);
        cJSON_free(json);
        return done;
}

bool
store_document_each(struct store *store, const char *kind,
                    bool (*visit)(void *context, int64_t row, const char *key,
                                  const cJSON *document, struct error *err),
                    void *context, struct error *err)
{
        sqlite3_stmt *each = statement_get(store, DOCUMENT_EACH);
        bool going = true;
        int step = SQLITE_DONE;

        if (!each)
                return store_failed(store, err, "list documents");
        bind_text(each, 1, kind);
        while (going && (step = sqlite3_step(each)) == SQLITE_ROW) {
                cJSON *document = cJSON_Parse((const char *)sqlite3_column_text(each, 2));
                going = visit(context, sqlite3_column_int64(each, 0),
                              (const char *)sqlite3_column_text(each, 1), document, err);
                cJSON_Delete(document);
        }
        statement_done(each);
        if (!going)
                return false;
        return step == SQLITE_DONE || store_failed(store, err, "list documents");
}

bool
store_document_delete(struct store *store, const char *kind, const char *key, struct error *err)
{
        sqlite3_stmt *erase = statement_get(store, DOCUMENT_DELETE);

        if (!erase || !write_begin(store, err))
                return store_failed(store, err, "delete a document");
        bind_text(erase, 1, kind);
        bind_text(erase, 2, key);
        return write_step(store, erase, err);
}
