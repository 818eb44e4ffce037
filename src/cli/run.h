/*
 * Moving orders: the bridge between the verbs and the conductor (drive/batch.h).  Shows progress,
 * takes the orders back and makes the answer of them.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/command.h"
#include "cli/narrow.h"
#include "drive/batch.h"
#include "order/order.h"

/* Orders that are moved together: one endpoint and one AWS profile. */
struct run {
        struct command *command;
        struct ledger *ledger;
        struct buf root;     /* --root, or empty */
        bool no_wait;        /* stop at SUBMITTED */
        bool token_may_miss; /* fetch */
        bool own;            /* the station's own certificate (self_renew.h) */

        struct order **orders; /* what to move, what stands still afterwards; owned */
        size_t count;
};

/* `ledger` is locked and stays with the caller.  ERROR_INPUT for a bad --root. */
bool run_open(struct run *run, struct command *command, struct ledger *ledger,
              struct error *err) MUST_CHECK;
void run_cleanup(struct run *run);

/* Hand an order over. */
void run_add(struct run *run, struct order *order);

/*
 * Move the orders, one group of equal endpoint and AWS profile after the other; afterwards they
 * are there by number, with `error` set where one stands still.
 *
 * errors  only what concerns the whole run
 */
bool run_move(struct run *run, struct error *err) MUST_CHECK;

/*
 * Run the conductor on any source of orders with one endpoint and one AWS profile, those of
 * `wishes`; to be called between interrupt_catch() and interrupt_release().
 *
 * to        CAs and templates that the orders are about to touch
 * needs_ca  will any of them need AWS?
 * more      what the command's own options do not say: event, rate, sessions, outage_ms …
 * errors    what concerns the whole run: credentials, --require-limited, the ledger
 */
bool run_drive(const struct run *run, const struct narrow_to *to, const struct wishes *wishes,
               bool needs_ca, const struct drive_options *more, const struct drive_source *source,
               struct error *err) MUST_CHECK;

/*
 * The same with somebody else who calls the conductor: `go` gets the options to do so.
 */
bool run_with(const struct run *run, const struct narrow_to *to, const struct wishes *wishes,
              bool needs_ca, const struct drive_options *more,
              bool (*go)(void *context, const struct drive_options *options, struct error *err),
              void *context, struct error *err) MUST_CHECK;

/*
 * Move one order and make it the command's answer; its error, if any, is the error.
 */
bool run_one(struct run *run, struct error *err) MUST_CHECK;

/*
 * Move many and stream them as the answer.  One failed: its error; some: ERROR_BATCH_PARTIAL.
 */
bool run_many(struct run *run, struct error *err) MUST_CHECK;

/* Why an order is not where it should be, or ERROR_NONE: its error, or that it is still open. */
bool run_verdict(const struct order *order, struct error *err) MUST_CHECK;

#endif
