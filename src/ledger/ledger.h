/*
 * The ledger: the record of every order, in SQLite (WAL, synchronous FULL), in STATE/ledger.db.
 *
 * Moving orders is one process's job at a time (ledger_lock()); readers never wait.  Holds no
 * secret.  One thread.  Every recorded fact is a link of a hash chain.
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "base/bytes.h"
#include "base/err.h"
#include "order/order.h"

struct ledger;

/*
 * Open (and make, 0700 / 0600 whatever the umask is) the ledger in the folder `state`.  An empty
 * folder of ours that others may enter is closed to them; any other one is refused.
 *
 * errors  ERROR_CONFIG (others may enter the folder, or it is not ours), ERROR_LEDGER_NEWER (made
 *         by a newer p11cert), ERROR_LEDGER_CORRUPT (or not a ledger), ERROR_LEDGER_FULL,
 *         ERROR_LEDGER_READ_ONLY, ERROR_LEDGER_LOCKED, ERROR_LEDGER
 */
struct ledger *ledger_open(const char *state, struct error *err);

/*
 * Only to read: never makes, migrates or locks anything, and works on a medium that cannot be
 * written.  ERROR_NOTHING when there is none yet.
 */
struct ledger *ledger_open_read(const char *state, struct error *err);
void ledger_close(struct ledger *ledger); /* NULL does nothing; rolls back what is open */

/*
 * Become the process that moves orders, waiting up to `wait_ms`; ERROR_LEDGER_LOCKED says who it is
 * (process id, verb, since when).  Ends with ledger_close() or the process, kill -9 included.
 */
bool ledger_lock(struct ledger *ledger, const char *verb, int64_t wait_ms,
                 struct error *err) MUST_CHECK;

/*
 * A turn's transaction (BEGIN IMMEDIATE; waits up to 5 s for another writer's).  What is written
 * outside a turn has a transaction of its own.
 *
 * After ledger_begin(), the turn lasts until a commit that succeeds, or a rollback.  A change that
 * is refused (ERROR_ORDER_STATE, ERROR_ORDER_UNKNOWN) wrote nothing and leaves the turn as it was.
 * Any other failure of a change or a commit may lose it (full disk, broken file): ledger_in_turn()
 * is false then, all that was written since ledger_begin() is undone, and every further change or
 * commit fails with the same error until ledger_begin() or ledger_rollback().  So after a failure
 *
 *     ledger_in_turn()   call ledger_commit() again
 *     else               call ledger_begin(), write everything again (ledger_insert() for orders
 *                        that were new, which keep their number), commit
 *
 * as often as it takes; the orders in memory stay what they are.
 */
bool ledger_begin(struct ledger *ledger, struct error *err) MUST_CHECK;
bool ledger_commit(struct ledger *ledger, struct error *err) MUST_CHECK;
void ledger_rollback(struct ledger *ledger);
bool ledger_in_turn(const struct ledger *ledger);

/* -- orders ------------------------------------------------------------------------------- */

/*
 * Record a new order; fills `number`, updated_at and, where it is open, created_at.  One open order
 * at a time of a name: a second is ERROR_ORDER_STATE.  `now`: seconds since 1970.  An order that
 * has a number already (its turn was lost) gets that one again, or a new one where it went to
 * another order meanwhile.
 */
bool ledger_insert(struct ledger *ledger, struct order *order, int64_t now,
                   struct error *err) MUST_CHECK;

/*
 * Record all facts of an order as they are now, and one link of the chain that says `fact`
 * ("keyed", "submitted", "error").  Revocation is not written here but by ledger_revoked().
 *
 * A step from the recorded state that order_may_move() forbids is ERROR_ORDER_STATE: another
 * process may have moved what was at rest.  Who changes an order at rest without the lock reads it
 * again within the turn, so that nobody's facts are overwritten.
 */
bool ledger_update(struct ledger *ledger, struct order *order, const char *fact, int64_t now,
                   struct error *err) MUST_CHECK;

/* A fact, and the state that the order came to by it. */
struct ledger_fact {
        enum order_state state;
        const char *name;
};

/*
 * The same for several facts at once, oldest first (at least one; the last one's state is the
 * order's): a link each, and the row is written once.
 */
bool ledger_update_facts(struct ledger *ledger, struct order *order,
                         const struct ledger_fact *facts, size_t count, int64_t now,
                         struct error *err) MUST_CHECK;

/* An order by number; ERROR_ORDER_UNKNOWN.  The caller frees. */
struct order *ledger_get(struct ledger *ledger, int64_t number, struct error *err);

/*
 * What a person calls ORDER: number, name (newest that has not failed, else the newest; `name:` in
 * front of a name that is a number), certificate serial (hex, colons allowed), certificate ARN.
 * ERROR_ORDER_UNKNOWN suggests the nearest names; ERROR_ORDER_AMBIGUOUS lists what matches.
 */
struct order *ledger_find(struct ledger *ledger, const char *reference, struct error *err);

/* The newest order of a name that has not failed, or NULL with ERROR_NONE. */
struct order *ledger_newest(struct ledger *ledger, const char *name, struct error *err);

/*
 * What a token was given before: of the orders whose key is on the token with this manufacturer and
 * serial number, the newest that resume takes up; else the newest that has not failed; else the
 * newest.  NULL with ERROR_NONE when there is none.
 */
struct order *ledger_of_token(struct ledger *ledger, const char *manufacturer, const char *serial,
                              struct error *err);

/*
 * The order that a name means: the newest that has not failed, else the newest; NULL with
 * ERROR_NONE where there is none.
 */
struct order *ledger_named(struct ledger *ledger, const char *name, struct error *err);

struct ledger_filter {
        unsigned states; /* bits 1 << enum order_state; 0: all */
        const char *ca_arn;
        const char *holder;
        const char *place;
        const char *token_serial; /* serial or label */
        int64_t ends_before;      /* not_after <= this; 0: any */
        int64_t renew_before;     /* with ends_before: or renew_at <= this */
        bool only_open;   /* what `resume` takes up: order_state_is_open() and not held, and a
                             delivered or installed successor whose predecessor was not
                             superseded yet */
        bool only_newest; /* of each name */
};

/*
 * Walk the orders that pass, by number; `order` belongs to the callback's caller.  False ends it.
 * The visitor may change orders: one that no longer passes when its turn comes is left out.
 */
bool ledger_each(struct ledger *ledger, const struct ledger_filter *filter,
                 bool (*visit)(void *context, const struct order *order), void *context,
                 struct error *err) MUST_CHECK;

/* Is this label already given to a key of ours on that token? */
bool ledger_label_taken(struct ledger *ledger, const char *token_serial, const char *label,
                        bool *taken, struct error *err) MUST_CHECK;

/* -- roots -------------------------------------------------------------------------------- */

/*
 * The pinned root of a CA (DER) and how it was pinned ("first use", "--root", "ca trust").
 * Empty `root` when there is none yet.
 */
bool ledger_root(struct ledger *ledger, const char *ca_arn, struct buf *root, char **how,
                 int64_t *since, struct error *err) MUST_CHECK;
bool ledger_pin_root(struct ledger *ledger, const char *ca_arn, struct view root, const char *how,
                     int64_t now, struct error *err) MUST_CHECK;

/* Note an issuing certificate that chains to the root; false in `*fresh` if it was known. */
bool ledger_note_issuer(struct ledger *ledger, const char *ca_arn, struct view certificate,
                        int64_t now, bool *fresh, struct error *err) MUST_CHECK;

/* -- revocations: a record beside the state ------------------------------------------------- */

/*
 * Also for certificates that have no order.  `serial`: lower-case hex, two digits a byte.  The
 * first record of a certificate stays.
 */
bool ledger_revoked(struct ledger *ledger, const char *ca_arn, const char *serial,
                    const char *reason, int64_t now, struct error *err) MUST_CHECK;

/* -- identities: what a check found about a principal ------------------------------------------ */

struct ledger_identity {
        const char *principal; /* ARN of the user or role */
        const char *verdict;
        const char *record; /* JSON of who checked it, how, and what it is about */
        int64_t at;
};

/* The newest check of a principal takes the place of the one before. */
bool ledger_note_identity(struct ledger *ledger, const struct ledger_identity *identity,
                          struct error *err) MUST_CHECK;

/* Walk the checks by principal.  False ends it. */
bool ledger_each_identity(struct ledger *ledger,
                          bool (*visit)(void *context, const struct ledger_identity *identity),
                          void *context, struct error *err) MUST_CHECK;

/* -- the chain ---------------------------------------------------------------------------- */

/*
 * Walk the hash chain, and hold every order, root, issuer and revocation against the newest link
 * that speaks of it.  ERROR_LEDGER_CORRUPT names the first link or row that does not fit.
 */
bool ledger_verify(struct ledger *ledger, int64_t *links, struct error *err) MUST_CHECK;

/* What was recorded of an order and when, oldest first.  False ends it. */
bool ledger_history(struct ledger *ledger, int64_t number,
                    bool (*visit)(void *context, int64_t at, const char *fact), void *context,
                    struct error *err) MUST_CHECK;

/* What SQLite says of its own file (PRAGMA integrity_check). */
bool ledger_check(struct ledger *ledger, struct error *err) MUST_CHECK;

/* A consistent copy into a file that does not exist yet. */
bool ledger_backup(struct ledger *ledger, const char *path, struct error *err) MUST_CHECK;

#endif
