/*
 * The hash chain: every recorded fact is a link, whose digest covers the link before it and the
 * digest of the row that the fact is about.  A row that was changed behind our back no longer has
 * the digest that its newest link recorded; a link that was changed no longer fits the next one.
 * Who can write the file can also make a whole new chain: only a copy of the last digest kept
 * elsewhere shows that.
 */
#include "ledger/internal.h"

#include <string.h>

#include "base/algorithm.h"
#include "base/clock.h"

/* What the first link follows. */
static const char origin[] = "p11cert ledger, chain 1";

struct big_endian {
        uint8_t bytes[8];
};

static struct big_endian
big_endian(uint64_t number)
{
        struct big_endian out;

        for (int i = 7; i >= 0; i--, number >>= 8)
                out.bytes[i] = (uint8_t)number;
        return out;
}

static void
encode_length(struct buf *out, uint64_t number)
{
        struct big_endian bytes = big_endian(number);

        buf_add(out, view_of(bytes.bytes, sizeof(bytes.bytes)));
}

void
chain_encode(struct buf *out, const char *name, char type, struct view value)
{
        encode_length(out, strlen(name));
        buf_add_text(out, name);
        buf_add_byte(out, (uint8_t)type);
        encode_length(out, value.len);
        buf_add(out, value);
}

void
chain_encode_number(struct buf *out, const char *name, int64_t value)
{
        struct big_endian bytes = big_endian((uint64_t)value);

        if (value)
                chain_encode(out, name, 'n', view_of(bytes.bytes, sizeof(bytes.bytes)));
}

static void
link_digest(struct view previous, int64_t seq, const struct link *link, uint8_t out[32])
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        chain_encode(&text, "previous", 'b', previous);
        chain_encode_number(&text, "seq", seq);
        chain_encode_number(&text, "order", link->order);
        chain_encode(&text, "subject", 't', view_text(link->subject));
        chain_encode_number(&text, "at", link->at);
        chain_encode(&text, "fact", 't', view_text(link->fact));
        chain_encode(&text, "content", 'b', view_of(link->content, sizeof(link->content)));
        sha256(view_buf(&text), out);
}

/* The last link's number and digest; 0 and the origin's when there is none. */
static bool
read_tip(struct ledger *ledger, struct error *err)
{
        CLEANUP(sql_release) sqlite3_stmt *statement = NULL;
        bool row;

        if (ledger->tip.known)
                return true;
        statement = sql_cached(ledger, SQL_LINK_LAST,
                               "SELECT seq, digest FROM facts ORDER BY seq DESC LIMIT 1", err);
        if (!statement || !sql_row(ledger, statement, "read the chain", &row, err))
                return false;
        ledger->tip.seq = row ? sqlite3_column_int64(statement, 0) : 0;
        sha256(row ? sql_column(statement, 1) : view_text(origin), ledger->tip.follows);
        ledger->tip.known = true;
        return true;
}

bool
chain_add(struct ledger *ledger, const struct link *link, struct error *err)
{
        CLEANUP(sql_release) sqlite3_stmt *statement = NULL;
        uint8_t digest[32];
        int64_t seq;

        assert(ledger->turn);
        if (!read_tip(ledger, err))
                return false;
        seq = ledger->tip.seq + 1;
        link_digest(view_of(ledger->tip.follows, sizeof(ledger->tip.follows)), seq, link, digest);
        statement = sql_cached(ledger, SQL_LINK_ADD,
                               "INSERT INTO facts (seq, order_number, subject, at, fact, content,"
                               " digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                               err);
        if (!statement)
                return false;
        sqlite3_bind_int64(statement, 1, seq);
        if (link->order)
                sqlite3_bind_int64(statement, 2, link->order);
        sql_bind_text(statement, 3, link->subject);
        sqlite3_bind_int64(statement, 4, link->at);
        sql_bind_text(statement, 5, link->fact);
        sql_bind_view(statement, 6, view_of(link->content, sizeof(link->content)));
        sql_bind_view(statement, 7, view_of(digest, sizeof(digest)));
        if (!sql_run(ledger, statement, "record a fact", err))
                return false;
        ledger->tip.seq = seq;
        sha256(view_of(digest, sizeof(digest)), ledger->tip.follows);
        return true;
}

/* -- verifying ----------------------------------------------------------------------------------
 */

static bool
broken(struct ledger *ledger, struct error *err)
{
        error_about(err, "ledger %s", ledger->path);
        return error_advise(err, "somebody or something other than p11cert changed the file: "
                                 "compare it with the newest copy of 'p11cert ledger backup'");
}

static bool
verify_links(struct ledger *ledger, int64_t *links, struct error *err)
{
        CLEANUP(sql_finalize)
        sqlite3_stmt *statement =
                sql_prepare(ledger,
                            "SELECT seq, order_number, subject, at, fact, content, digest"
                            " FROM facts ORDER BY seq",
                            err);
        uint8_t previous[32], digest[32];
        bool row;

        if (!statement)
                return false;
        sha256(view_text(origin), previous);
        for (*links = 0;; (*links)++) {
                CLEANUP(free_cleanup) char *subject = NULL;
                CLEANUP(free_cleanup) char *fact = NULL;
                struct link link = { 0 };
                struct view content;
                char at[CLOCK_TEXT];
                int64_t seq;

                if (!sql_row(ledger, statement, "read the chain", &row, err))
                        return false;
                if (!row)
                        return true;
                seq = sqlite3_column_int64(statement, 0);
                link.order = sqlite3_column_int64(statement, 1);
                link.subject = subject = sql_column_text(statement, 2);
                link.at = sqlite3_column_int64(statement, 3);
                link.fact = fact = sql_column_text(statement, 4);
                content = sql_column(statement, 5);
                if (content.len == sizeof(link.content))
                        memcpy(link.content, content.data, sizeof(link.content));
                link_digest(view_of(previous, sizeof(previous)), *links + 1, &link, digest);
                if (seq != *links + 1 || content.len != sizeof(link.content) ||
                    !view_equal(sql_column(statement, 6), view_of(digest, sizeof(digest)))) {
                        error_set(err, ERROR_LEDGER_CORRUPT,
                                  "link %lld of the chain, '%s' at %s, does not follow from the "
                                  "one before it",
                                  (long long)seq, fact, clock_format(link.at, at));
                        if (link.order)
                                error_about(err, "order %lld", (long long)link.order);
                        return broken(ledger, err);
                }
                sha256(view_of(digest, sizeof(digest)), previous);
        }
}

/* What the newest link says of an order's row. */
static bool
verify_order(struct ledger *ledger, sqlite3_stmt *row, sqlite3_stmt *newest, struct error *err)
{
        int64_t number = sqlite3_column_int64(row, 0);
        uint8_t digest[32];
        bool known, same;

        row_digest(row, digest);
        sqlite3_bind_int64(newest, 1, number);
        if (!sql_row(ledger, newest, "read the chain", &known, err))
                return false;
        same = known && view_equal(sql_column(newest, 0), view_of(digest, sizeof(digest)));
        sqlite3_reset(newest);
        if (same)
                return true;
        error_set(err, ERROR_LEDGER_CORRUPT, "the order is not as it was recorded%s",
                  known ? "" : ": no link of the chain speaks of it");
        error_about(err, "order %lld", (long long)number);
        return broken(ledger, err);
}

static bool
verify_orders(struct ledger *ledger, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        CLEANUP(sql_finalize) sqlite3_stmt *orders = NULL;
        CLEANUP(sql_finalize) sqlite3_stmt *newest = NULL;
        bool row = true;

        row_select_text(&text);
        buf_add_text(&text, "ORDER BY o.number");
        orders = sql_prepare(ledger, buf_text(&text), err);
        newest = sql_prepare(ledger,
                             "SELECT content FROM facts WHERE order_number = ?1"
                             " ORDER BY seq DESC LIMIT 1",
                             err);
        if (!orders || !newest)
                return false;
        while (row) {
                if (!sql_row(ledger, orders, "read the orders", &row, err))
                        return false;
                if (row && !verify_order(ledger, orders, newest, err))
                        return false;
        }
        return true;
}

/* Links about rows that are gone. */
static bool
verify_nothing_is_gone(struct ledger *ledger, struct error *err)
{
        CLEANUP(sql_finalize)
        sqlite3_stmt *statement =
                sql_prepare(ledger,
                            "SELECT 'order ' || order_number FROM facts"
                            " WHERE order_number IS NOT NULL"
                            " AND order_number NOT IN (SELECT number FROM orders) LIMIT 1",
                            err);
        bool row;

        if (!statement || !sql_row(ledger, statement, "read the chain", &row, err))
                return false;
        if (!row)
                return true;
        CLEANUP(free_cleanup) char *what = sql_column_text(statement, 0);
        error_set(err, ERROR_LEDGER_CORRUPT, "the chain speaks of what is no longer there");
        error_about(err, "%s", what);
        return broken(ledger, err);
}

bool
ledger_verify(struct ledger *ledger, int64_t *links, struct error *err)
{
        int64_t count = 0;
        bool done;

        /* One view of the file, whatever others write meanwhile; works inside a turn too. */
        if (!sql_execute(ledger, "SAVEPOINT verify", "read the ledger", err))
                return false;
        done = verify_links(ledger, &count, err) && verify_orders(ledger, err) &&
               verify_trust(ledger, err) && verify_nothing_is_gone(ledger, err);
        sqlite3_exec(ledger->db, "RELEASE verify", NULL, NULL, NULL);
        if (done)
                *links = count;
        return done;
}

bool
ledger_history(struct ledger *ledger, int64_t number,
               bool (*visit)(void *context, int64_t at, const char *fact), void *context,
               struct error *err)
{
        CLEANUP(sql_finalize)
        sqlite3_stmt *statement =
                sql_prepare(ledger,
                            "SELECT at, fact FROM facts WHERE order_number = ?1 ORDER BY seq", err);
        bool row;

        if (!statement)
                return false;
        sqlite3_bind_int64(statement, 1, number);
        for (;;) {
                CLEANUP(free_cleanup) char *fact = NULL;

                if (!sql_row(ledger, statement, "read the chain", &row, err))
                        return false;
                if (!row)
                        return true;
                fact = sql_column_text(statement, 1);
                if (!visit(context, sqlite3_column_int64(statement, 0), fact ? fact : ""))
                        return true;
        }
}
