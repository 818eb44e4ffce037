/*
 * What is recorded beside the orders: pinned roots, issuing certificates, revocations.
 */
#include "ledger/internal.h"

#include <string.h>

#include "base/algorithm.h"

/* -- roots
 * ------------------------------------------------------------------------------------------ */

bool
ledger_root(struct ledger *ledger, const char *ca_arn, struct buf *root, char **how, int64_t *since,
            struct error *err)
{
        CLEANUP(sql_release)
        sqlite3_stmt *statement =
                sql_cached(ledger, SQL_ROOT_READ,
                           "SELECT root, how, since FROM roots WHERE ca_arn = ?1", err);
        bool row;

        if (!statement)
                return false;
        sql_bind_text(statement, 1, ca_arn);
        if (!sql_row(ledger, statement, "read a pinned root", &row, err))
                return false;
        buf_clear(root);
        *how = NULL;
        *since = 0;
        if (!row)
                return true;
        buf_set(root, sql_column(statement, 0));
        *how = sql_column_text(statement, 1);
        *since = sqlite3_column_int64(statement, 2);
        return true;
}

void
trust_digest(struct view bytes, const char *text, int64_t at, uint8_t out[32])
{
        CLEANUP(buf_cleanup) struct buf content = { 0 };

        chain_encode(&content, "bytes", 'b', bytes);
        chain_encode(&content, "text", 't', view_text(text));
        chain_encode_number(&content, "at", at);
        sha256(view_buf(&content), out);
}

static bool
pin(struct ledger *ledger, const char *ca_arn, struct view root, const char *how, int64_t now,
    struct error *err)
{
        CLEANUP(free_cleanup) char *subject = text_format("root %s", ca_arn);
        struct link link = { .subject = subject, .at = now, .fact = "root-pinned" };
        CLEANUP(sql_release)
        sqlite3_stmt *statement = sql_cached(
                ledger, SQL_ROOT_PIN,
                "INSERT OR REPLACE INTO roots (ca_arn, root, how, since) VALUES (?1, ?2, ?3, ?4)",
                err);

        if (!statement)
                return false;
        sql_bind_text(statement, 1, ca_arn);
        sql_bind_view(statement, 2, root);
        sql_bind_text(statement, 3, how);
        sqlite3_bind_int64(statement, 4, now);
        trust_digest(root, how, now, link.content);
        return sql_run(ledger, statement, "pin a root", err) && chain_add(ledger, &link, err);
}

bool
ledger_pin_root(struct ledger *ledger, const char *ca_arn, struct view root, const char *how,
                int64_t now, struct error *err)
{
        bool own;

        if (!write_begin(ledger, &own, err))
                return false;
        return write_end(ledger, own, pin(ledger, ca_arn, root, how, now, err), err);
}

/* -- issuing certificates
 * ---------------------------------------------------------------------------- */

/* Is there a row of these two keys? */
static bool
known(struct ledger *ledger, enum statement which, const char *query, const char *first,
      const char *second, bool *found, struct error *err)
{
        CLEANUP(sql_release) sqlite3_stmt *statement = sql_cached(ledger, which, query, err);

        if (!statement)
                return false;
        sql_bind_text(statement, 1, first);
        sql_bind_text(statement, 2, second);
        return sql_row(ledger, statement, "read the ledger", found, err);
}

static bool
note_issuer(struct ledger *ledger, const char *ca_arn, struct view certificate,
            const char *fingerprint, int64_t now, struct error *err)
{
        CLEANUP(free_cleanup) char *subject = text_format("issuer %s %s", ca_arn, fingerprint);
        struct link link = { .subject = subject, .at = now, .fact = "issuer-seen" };
        CLEANUP(sql_release)
        sqlite3_stmt *statement =
                sql_cached(ledger, SQL_ISSUER_NOTE,
                           "INSERT INTO issuers (ca_arn, fingerprint, certificate, since)"
                           " VALUES (?1, ?2, ?3, ?4)",
                           err);

        if (!statement)
                return false;
        sql_bind_text(statement, 1, ca_arn);
        sql_bind_text(statement, 2, fingerprint);
        sql_bind_view(statement, 3, certificate);
        sqlite3_bind_int64(statement, 4, now);
        trust_digest(certificate, fingerprint, now, link.content);
        return sql_run(ledger, statement, "note an issuing certificate", err) &&
               chain_add(ledger, &link, err);
}

static bool
issuer_known(struct ledger *ledger, const char *ca_arn, const char *fingerprint, bool *found,
             struct error *err)
{
        return known(ledger, SQL_ISSUER_KNOWN,
                     "SELECT 1 FROM issuers WHERE ca_arn = ?1 AND fingerprint = ?2", ca_arn,
                     fingerprint, found, err);
}

bool
ledger_note_issuer(struct ledger *ledger, const char *ca_arn, struct view certificate, int64_t now,
                   bool *fresh, struct error *err)
{
        CLEANUP(free_cleanup) char *fingerprint = NULL;
        uint8_t digest[32];
        bool own, found, done;

        sha256(certificate, digest);
        fingerprint = hex_encode(view_of(digest, sizeof(digest)));
        if (!issuer_known(ledger, ca_arn, fingerprint, &found, err))
                return false;
        if (!found) {
                if (!write_begin(ledger, &own, err))
                        return false;
                done = issuer_known(ledger, ca_arn, fingerprint, &found, err) &&
                       (found || note_issuer(ledger, ca_arn, certificate, fingerprint, now, err));
                if (!write_end(ledger, own, done, err))
                        return false;
        }
        *fresh = !found;
        return true;
}

/* -- revocations
 * -------------------------------------------------------------------------------------- */

static bool
note_revocation(struct ledger *ledger, const char *ca_arn, const char *serial, const char *reason,
                int64_t now, struct error *err)
{
        CLEANUP(free_cleanup) char *subject = text_format("revocation %s %s", ca_arn, serial);
        struct link link = { .subject = subject, .at = now, .fact = "revoked" };
        CLEANUP(sql_release)
        sqlite3_stmt *statement = sql_cached(ledger, SQL_REVOCATION_NOTE,
                                             "INSERT INTO revocations (ca_arn, serial, reason, at)"
                                             " VALUES (?1, ?2, ?3, ?4)",
                                             err);

        if (!statement)
                return false;
        sql_bind_text(statement, 1, ca_arn);
        sql_bind_text(statement, 2, serial);
        sql_bind_text(statement, 3, reason);
        sqlite3_bind_int64(statement, 4, now);
        trust_digest(view_text(serial), reason, now, link.content);
        return sql_run(ledger, statement, "record a revocation", err) &&
               chain_add(ledger, &link, err);
}

bool
ledger_revoked(struct ledger *ledger, const char *ca_arn, const char *serial, const char *reason,
               int64_t now, struct error *err)
{
        bool own, found = false, done;

        if (!write_begin(ledger, &own, err))
                return false;
        done = known(ledger, SQL_REVOCATION_KNOWN,
                     "SELECT 1 FROM revocations WHERE ca_arn = ?1 AND serial = ?2", ca_arn, serial,
                     &found, err) &&
               (found || note_revocation(ledger, ca_arn, serial, reason, now, err));
        return write_end(ledger, own, done, err);
}

/* -- verifying
 * ------------------------------------------------------------------------------------------ */

/* Every row here with the subject that its links have, and what trust_digest() was made of. */
#define TRUST_ROWS                                                                                 \
        "SELECT 'root ' || ca_arn AS subject, root AS bytes, how AS text, since AS at FROM roots " \
        "UNION ALL SELECT 'issuer ' || ca_arn || ' ' || fingerprint, certificate, fingerprint,"    \
        " since FROM issuers "                                                                     \
        "UNION ALL SELECT 'revocation ' || ca_arn || ' ' || serial, serial, reason, at"            \
        " FROM revocations "                                                                       \
        "UNION ALL SELECT 'identity ' || principal, CAST(record AS BLOB), verdict, at"             \
        " FROM identities"

static bool
not_as_recorded(struct ledger *ledger, const char *subject, struct error *err)
{
        error_set(err, ERROR_LEDGER_CORRUPT, "this is not as it was recorded");
        error_about(err, "%s, ledger %s", subject, ledger->path);
        return error_advise(err, "somebody or something other than p11cert changed the file: "
                                 "compare it with the newest copy of 'p11cert ledger backup'");
}

bool
verify_trust(struct ledger *ledger, struct error *err)
{
        CLEANUP(sql_finalize)
        sqlite3_stmt *rows =
                sql_prepare(ledger,
                            "WITH rows AS (" TRUST_ROWS "), subjects AS (SELECT subject FROM rows"
                            " UNION SELECT subject FROM facts WHERE subject IS NOT NULL)"
                            " SELECT s.subject, r.bytes, r.text, r.at, (SELECT content FROM facts f"
                            " WHERE f.subject = s.subject ORDER BY seq DESC LIMIT 1)"
                            " FROM subjects s LEFT JOIN rows r ON r.subject = s.subject",
                            err);
        bool row;

        if (!rows)
                return false;
        for (;;) {
                CLEANUP(free_cleanup) char *subject = NULL;
                CLEANUP(free_cleanup) char *text = NULL;
                uint8_t digest[32];

                if (!sql_row(ledger, rows, "read the ledger", &row, err))
                        return false;
                if (!row)
                        return true;
                subject = sql_column_text(rows, 0);
                text = sql_column_text(rows, 2);
                trust_digest(sql_column(rows, 1), text, sqlite3_column_int64(rows, 3), digest);
                if (!view_equal(sql_column(rows, 4), view_of(digest, sizeof(digest))))
                        return not_as_recorded(ledger, subject, err);
        }
}
