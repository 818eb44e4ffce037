/*
 * The tables, as numbered migrations.  A migration that was released is never edited: a change is
 * a new one at the end.  A new column has to be NULL (or 0) where nothing was recorded, so that
 * the digests of rows written before stay what they were (row_digest()).
 */
#include "ledger/internal.h"

/* "P11c": marks the file as ours (PRAGMA application_id). */
#define APPLICATION_ID "1345401187"
enum { application_id = 1345401187 };

/*
 * One open order of a name.  Spelt out: for more than two values after IN, SQLite makes a table of
 * them each time that it looks whether a row belongs into the index, twice for each change.
 */
#define OPEN_NAME                                                                       \
        "CREATE UNIQUE INDEX orders_open_name ON orders (name) WHERE state = 'planned'" \
        " OR state = 'keyed' OR state = 'requested' OR state = 'submitted'"             \
        " OR state = 'issued' OR state = 'verified';"

/* What an empty file becomes: the same as by the migrations, in a fifth of the time. */
static const char whole[] =
        "CREATE TABLE orders ("
        " number INTEGER PRIMARY KEY,"
        " state TEXT NOT NULL,"
        " held INTEGER NOT NULL,"
        " maybe_duplicate INTEGER NOT NULL,"
        " created_at INTEGER,"
        " updated_at INTEGER,"
        /* the wishes */
        " name TEXT NOT NULL,"
        " profile TEXT,"
        " ca_arn TEXT,"
        " region TEXT,"
        " endpoint TEXT,"
        " aws_profile TEXT,"
        " module TEXT,"
        " wanted_token_uri TEXT,"
        " wanted_key_uri TEXT,"
        " csr_given INTEGER NOT NULL,"
        " key_type TEXT,"
        " wanted_label TEXT,"
        " wanted_key_id BLOB,"
        " replace_key INTEGER NOT NULL,"
        " subject TEXT,"
        " sans TEXT,"
        " key_usage INTEGER,"
        " extended_usages TEXT,"
        " policies TEXT,"
        " template_arn TEXT,"
        " validity_type TEXT,"
        " validity_value INTEGER,"
        " wanted_not_before INTEGER,"
        " signing_algorithm TEXT,"
        " stores INTEGER,"
        " formats INTEGER,"
        " folder TEXT,"
        " prove INTEGER NOT NULL,"
        " extensions TEXT,"
        " path_length INTEGER,"
        " csr_hash TEXT,"
        " allowed_differences TEXT,"
        " over_csr INTEGER,"
        " file_mode INTEGER,"
        " file_owner TEXT,"
        " deploy_hook TEXT,"
        " renew_before_s INTEGER,"
        " renew_percent INTEGER,"
        " holder TEXT,"
        " place TEXT,"
        " attributes TEXT,"
        /* the token and the key */
        " token_label TEXT,"
        " token_serial TEXT,"
        " token_manufacturer TEXT,"
        " token_model TEXT,"
        " token_uri TEXT,"
        " key_id BLOB,"
        " key_label TEXT,"
        " key_uri TEXT,"
        " old_key_sha256 BLOB,"
        " evidence_local TEXT,"
        " evidence_sensitive TEXT,"
        " evidence_always_sensitive TEXT,"
        " evidence_extractable TEXT,"
        " evidence_never_extractable TEXT,"
        /* the request */
        " idempotency_token TEXT,"
        " first_sent_at INTEGER,"
        " first_sent_boot_ms INTEGER,"
        " boot_id TEXT,"
        " issue_failures INTEGER,"
        " certificate_arn TEXT,"
        /* the certificate and its delivery */
        " serial TEXT,"
        " fingerprint TEXT,"
        " not_before INTEGER,"
        " not_after INTEGER,"
        " renew_at INTEGER,"
        " differences TEXT,"
        " file_certificate TEXT,"
        " file_chain TEXT,"
        " file_fullchain TEXT,"
        " file_root TEXT,"
        " replaces INTEGER REFERENCES orders (number),"
        " superseded_by INTEGER REFERENCES orders (number),"
        " issued_at INTEGER,"
        " delivered_at INTEGER,"
        " installed_at INTEGER,"
        /* why it stands still */
        " error_kind TEXT,"
        " error_what TEXT,"
        " error_about TEXT,"
        " error_next TEXT,"
        " error_aws_code TEXT,"
        " error_aws_message TEXT,"
        " error_aws_request_id TEXT,"
        /* What is long stands last: a search that reads the columns above leaves it alone. */
        " spki BLOB,"
        " csr BLOB,"
        " request BLOB,"
        " certificate BLOB,"
        " chain BLOB,"
        " root BLOB"
        ") STRICT;" OPEN_NAME "CREATE INDEX orders_name ON orders (name);"
        "CREATE INDEX orders_state ON orders (state);"
        "CREATE INDEX orders_successor ON orders (replaces)"
        " WHERE state IN ('delivered', 'installed') AND replaces IS NOT NULL;"
        "CREATE INDEX orders_serial ON orders (serial) WHERE serial IS NOT NULL;"
        "CREATE INDEX orders_arn ON orders (certificate_arn) WHERE certificate_arn IS NOT NULL;"
        "CREATE INDEX orders_not_after ON orders (not_after) WHERE not_after IS NOT NULL;"
        "CREATE INDEX orders_renew_at ON orders (renew_at) WHERE renew_at IS NOT NULL;"
        "CREATE INDEX orders_token ON orders (token_serial, key_label);"
        "CREATE INDEX orders_token_label ON orders (token_label);"
        "CREATE INDEX orders_holder ON orders (holder) WHERE holder IS NOT NULL;"
        "CREATE INDEX orders_place ON orders (place) WHERE place IS NOT NULL;"
        "CREATE TABLE facts ("
        " seq INTEGER PRIMARY KEY,"
        " order_number INTEGER REFERENCES orders (number),"
        " subject TEXT,"
        " at INTEGER NOT NULL,"
        " fact TEXT NOT NULL,"
        " content BLOB NOT NULL,"
        " digest BLOB NOT NULL,"
        " CHECK ((order_number IS NULL) <> (subject IS NULL))"
        ") STRICT;"
        "CREATE INDEX facts_order ON facts (order_number) WHERE order_number IS NOT NULL;"
        "CREATE INDEX facts_subject ON facts (subject) WHERE subject IS NOT NULL;"
        "CREATE TABLE roots ("
        " ca_arn TEXT PRIMARY KEY NOT NULL,"
        " root BLOB NOT NULL,"
        " how TEXT NOT NULL,"
        " since INTEGER NOT NULL"
        ") STRICT, WITHOUT ROWID;"
        "CREATE TABLE issuers ("
        " ca_arn TEXT NOT NULL,"
        " fingerprint TEXT NOT NULL,"
        " certificate BLOB NOT NULL,"
        " since INTEGER NOT NULL,"
        " PRIMARY KEY (ca_arn, fingerprint)"
        ") STRICT, WITHOUT ROWID;"
        "CREATE TABLE revocations ("
        " ca_arn TEXT NOT NULL,"
        " serial TEXT NOT NULL,"
        " reason TEXT NOT NULL,"
        " at INTEGER NOT NULL,"
        " PRIMARY KEY (ca_arn, serial)"
        ") STRICT, WITHOUT ROWID;"
        /* what a check found about a principal */
        "CREATE TABLE identities ("
        " principal TEXT PRIMARY KEY NOT NULL,"
        " verdict TEXT NOT NULL,"
        " record TEXT NOT NULL,"
        " at INTEGER NOT NULL"
        ") STRICT, WITHOUT ROWID;";

/* Wishes that a profile may hold. */
static const char second[] = "ALTER TABLE orders ADD COLUMN extensions TEXT;"
                             "ALTER TABLE orders ADD COLUMN path_length INTEGER;"
                             "ALTER TABLE orders ADD COLUMN csr_hash TEXT;"
                             "ALTER TABLE orders ADD COLUMN allowed_differences TEXT;";

/* What a check found about a principal. */
static const char identities[] = "CREATE TABLE identities ("
                                 " principal TEXT PRIMARY KEY NOT NULL,"
                                 " verdict TEXT NOT NULL,"
                                 " record TEXT NOT NULL,"
                                 " at INTEGER NOT NULL"
                                 ") STRICT, WITHOUT ROWID;";

/* What was asked for over a CSR that somebody else made, and what the certificate differs in. */
static const char over_csr[] = "ALTER TABLE orders ADD COLUMN over_csr INTEGER;"
                               "ALTER TABLE orders ADD COLUMN differences TEXT;";

/* What happens to a certificate once it is there, and when it is due by itself. */
static const char delivery[] =
        "ALTER TABLE orders ADD COLUMN file_mode INTEGER;"
        "ALTER TABLE orders ADD COLUMN file_owner TEXT;"
        "ALTER TABLE orders ADD COLUMN deploy_hook TEXT;"
        "ALTER TABLE orders ADD COLUMN renew_before_s INTEGER;"
        "ALTER TABLE orders ADD COLUMN renew_percent INTEGER;"
        "ALTER TABLE orders ADD COLUMN renew_at INTEGER;"
        "CREATE INDEX orders_renew_at ON orders (renew_at) WHERE renew_at IS NOT NULL;";

static const char open_name[] = "DROP INDEX orders_open_name;" OPEN_NAME;

/* Migration i brings a file of version i + 1 to version i + 2. */
static const char *const migrations[] = { second, identities, over_csr, delivery, open_name };
enum { LAST_VERSION = ARRAY_LENGTH(migrations) + 1 };

bool
schema_is_current(int64_t version)
{
        return version == LAST_VERSION;
}

static bool
is_not_ours(struct ledger *ledger, struct error *err)
{
        error_set(err, ERROR_LEDGER_CORRUPT, "this file is not a ledger of p11cert");
        error_about(err, "ledger %s", ledger->path);
        return error_advise(err, "move it away, or name another state folder with --state");
}

bool
schema_check(struct ledger *ledger, int64_t *version, struct error *err)
{
        int64_t whose, tables;

        if (!sql_number(ledger, "PRAGMA user_version", version, err) ||
            !sql_number(ledger, "PRAGMA application_id", &whose, err))
                return false;
        if (*version == 0 && whose == 0) {
                if (!sql_number(ledger, "SELECT count(*) FROM sqlite_schema", &tables, err))
                        return false;
                return tables == 0 || is_not_ours(ledger, err);
        }
        if (whose != application_id || *version < 0)
                return is_not_ours(ledger, err);
        if (*version <= LAST_VERSION)
                return true;
        error_set(err, ERROR_LEDGER_NEWER,
                  "a newer p11cert made this ledger: its version is %lld, this program knows %d",
                  (long long)*version, LAST_VERSION);
        error_about(err, "ledger %s", ledger->path);
        return error_advise(err, "use the newer p11cert, or another --state");
}

static bool
migrate_from(struct ledger *ledger, int64_t version, struct error *err)
{
        CLEANUP(free_cleanup)
        char *mark = text_format("PRAGMA user_version = %d", LAST_VERSION);
        bool done = version > 0 || sql_execute(ledger, whole, "make the ledger", err);

        for (; done && version > 0 && version < LAST_VERSION; version++)
                done = sql_execute(ledger, migrations[version - 1], "migrate the ledger", err);
        return done && sql_execute(ledger, mark, "migrate the ledger", err) &&
               sql_execute(ledger, "PRAGMA application_id = " APPLICATION_ID, "mark the ledger",
                           err);
}

bool
schema_migrate(struct ledger *ledger, struct error *err)
{
        int64_t version;

        /* Another process may have migrated it since we looked, so look again with the lock. */
        if (!sql_execute(ledger, "BEGIN IMMEDIATE", "migrate the ledger", err))
                return false;
        if (!schema_check(ledger, &version, err) || !migrate_from(ledger, version, err) ||
            !sql_execute(ledger, "COMMIT", "migrate the ledger", err)) {
                sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
                return false;
        }
        return true;
}
