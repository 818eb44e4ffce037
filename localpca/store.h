/*
 * The state: one SQLite database in the state folder, and the only place that knows SQL.
 *
 * Writes gather in one transaction until store_commit(), which the server calls once for each turn
 * of its loop, before any answer of that turn leaves.  So an answered request survives kill -9.
 */
#ifndef LOCALPCA_STORE_H
#define LOCALPCA_STORE_H

#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "base/err.h"

enum { SERIAL_SIZE = 16 };

struct store;

/* Open or make DIR/localpca.db.  ERROR_FILE, ERROR_LEDGER_NEWER, ERROR_LEDGER_LOCKED */
struct store *store_open(const char *folder, struct error *err) MUST_CHECK;

/* Another connection, for another thread and to read only: sees what is committed. */
struct store *store_open_reader(const char *folder, struct error *err) MUST_CHECK;

void store_close(struct store *store); /* what was not committed is gone; NULL does nothing */

/*
 * Make everything since the last commit lasting.  False: it is all undone, ERROR_FILE or
 * ERROR_DISK_FULL says why.
 */
bool store_commit(struct store *store, struct error *err) MUST_CHECK;

/* Undo what was written since the last commit. */
void store_rollback(struct store *store);

/* -- certificates ------------------------------------------------------------------------- */

/* One row of the issued certificates. */
struct issued {
        int64_t authority; /* row of the CA */
        uint8_t serial[SERIAL_SIZE];
        int64_t issued_ms, ready_ms; /* ready: from when on GetCertificate hands it out */
        int64_t not_after;
        bool failed; /* GetCertificate will say RequestFailedException */
        bool garbled_chain;
        bool service; /* asked for on behalf of ACM */
        struct buf der;
        char *template_arn;
        uint64_t csr_digest, key_digest; /* the first 64 bits of a SHA-256 */
        int64_t revoked_at;              /* 0: not */
        char *reason;                    /* of the revocation; NULL: not revoked */
};

void issued_clear(struct issued *issued);

bool store_issued_add(struct store *store, const struct issued *issued,
                      struct error *err) MUST_CHECK;

/* One certificate of a CA; `*found` false when there is none. */
bool store_issued_find(struct store *store, int64_t authority, const uint8_t serial[SERIAL_SIZE],
                       struct issued *out, bool *found, struct error *err) MUST_CHECK;

bool store_issued_revoke(struct store *store, const struct issued *issued,
                         struct error *err) MUST_CHECK;

/* Call `visit` for all certificates of a CA in the order of issue, or only the revoked ones. */
bool store_issued_each(struct store *store, int64_t authority, bool revoked_only,
                       bool (*visit)(void *context, const struct issued *issued), void *context,
                       struct error *err) MUST_CHECK;

/* Was a certificate issued before for this CSR, for this public key? */
bool store_issued_seen(struct store *store, const struct issued *issued, bool *csr_seen,
                       bool *key_seen, struct error *err) MUST_CHECK;

/* -- idempotency tokens ------------------------------------------------------------------- */

struct token_use {
        char *scope; /* account, operation and CA */
        char *token;
        uint8_t digest[32]; /* of the request */
        char *arn;          /* what was answered */
        int64_t used_ms;
};

void token_use_clear(struct token_use *use);
bool store_token_put(struct store *store, const struct token_use *use,
                     struct error *err) MUST_CHECK;

/* The use of a token in a scope; `*found` false when there is none. */
bool store_token_find(struct store *store, const char *scope, const char *token,
                      struct token_use *out, bool *found, struct error *err) MUST_CHECK;

/* Forget the tokens used before `before_ms`. */
bool store_token_purge(struct store *store, int64_t before_ms, struct error *err) MUST_CHECK;

/* -- documents: everything that is few ---------------------------------------------------- */

/*
 * A JSON document under a kind ("authority", "identity", "report", "setting") and a key.
 * `row` is its number for store_issued_add(); it never changes.
 */
bool store_document_put(struct store *store, const char *kind, const char *key,
                        const cJSON *document, int64_t *row, struct error *err) MUST_CHECK;
bool store_document_each(struct store *store, const char *kind,
                         bool (*visit)(void *context, int64_t row, const char *key,
                                       const cJSON *document, struct error *err),
                         void *context, struct error *err) MUST_CHECK;

/* Nothing happens when there is none. */
bool store_document_delete(struct store *store, const char *kind, const char *key,
                           struct error *err) MUST_CHECK;

#endif
