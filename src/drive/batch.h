/*
 * The conductor: the one code path that moves orders.  `issue` is a batch of one.
 *
 * It owns every order at rest, the ledger, the network and all decisions; one worker per token
 * does the blocking PKCS #11 calls on the order in its hands.  A turn has five phases: collect,
 * decide, commit (one ledger transaction for the whole turn), dispatch, wait.
 */
#ifndef DRIVE_BATCH_H
#define DRIVE_BATCH_H

#include "aws/client.h"
#include "base/bytes.h"
#include "base/err.h"
#include "engine/pin.h"
#include "ledger/ledger.h"
#include "order/order.h"

/* What the operator is told as it happens. */
enum drive_event {
        EVENT_CA,      /* what is known of the CA */
        EVENT_ROOT,    /* a root was pinned at first use */
        EVENT_TOKEN,   /* the token was found and logged in */
        EVENT_PLANNED, /* from here on: the order's state */
        EVENT_KEYED,
        EVENT_CSR,
        EVENT_REQUESTED,
        EVENT_SUBMITTED,
        EVENT_WAITING, /* the CA is at work, or a retry waits; once in a while */
        EVENT_ISSUED,
        EVENT_VERIFIED,
        EVENT_DELIVERED,
        EVENT_PROVED,
        EVENT_FACT,   /* something else that is on record now; a note says what, where it matters */
        EVENT_NOTE,   /* something worth knowing; text says what */
        EVENT_STOPPED /* the order stands still: order->error */
};

struct drive_options {
        struct ledger *ledger; /* locked by this process */
        struct aws_settings *aws;
        const char *state; /* folder of the ledger; PIN guard and files live below it */

        const struct pin_source *pin; /* NULL: the URI's pin-source, else a prompt */
        pin_ask *ask;
        void *ask_context;
        bool retry_pin;
        const char *init_args;
        int64_t token_timeout_ms; /* 0: 120 s */

        bool no_wait;        /* stop at SUBMITTED */
        bool token_may_miss; /* an absent token ends in ERROR_PENDING at VERIFIED (fetch) */
        struct view root;    /* --root: DER, or empty */
        int64_t pending_ms;  /* how long the CA may take to issue; 0: 10 minutes */
        int64_t outage_ms;   /* how long to wait for network, AWS or quota to come back, beyond
                                the client's own attempts; 0: not at all */

        void (*event)(void *context, enum drive_event event, const struct order *order,
                      const char *text); /* may be NULL */
        void *context;
        const volatile int *stop; /* set by a signal: 1 finish what is in flight, 2 leave now */
};

/*
 * Move orders as far as they go.
 *
 * A new order may leave open what only the CA or the ledger can tell: a validity of type NONE
 * becomes 365 days (6 on a short-lived CA), no label becomes one that is free.
 *
 * next  gives one order after the other, new (number 0) or from the ledger; the conductor owns it.
 *       NULL: no more.
 * done  takes each order back when it stands still: delivered, failed, or with order->error set.
 *       May be NULL.
 *
 * errors  only what concerns the whole run (ERROR_LEDGER_*, ERROR_INTERNAL); what concerns one
 *         order is in order->error.  After ERROR_TOKEN_HANGS on any order, drive_hangs() is true
 *         and the process has to leave by _exit().
 */
bool drive_run(const struct drive_options *options, struct order *(*next)(void *context),
               void (*done)(void *context, struct order *order), void *context,
               struct error *err) MUST_CHECK;

/*
 * Take a certificate that came another way into a held order, or one that was submitted, and record
 * it up to VERIFIED; drive_run() then delivers it.  `certificate` is DER, `chain` concatenated DER.
 * The root is `options->root`, or the one that is pinned for the order's CA.  When it is not what
 * was asked for, the order stays where it was: ERROR_NOT_AS_ASKED.
 */
bool drive_import(const struct drive_options *options, struct order *order, struct view certificate,
                  struct view chain, struct error *err) MUST_CHECK;

/* Was a worker abandoned inside a module?  Then nothing may be finalised: leave by _exit(). */
bool drive_hangs(void);

/*
 * Run `call` on a thread of its own and wait for it at most `timeout_ms`; for the verbs that ask a
 * token one thing.  ERROR_TOKEN_HANGS when it does not come back (drive_hangs() is then true).
 */
bool drive_guarded(bool (*call)(void *context, struct error *err), void *context,
                   int64_t timeout_ms, struct error *err) MUST_CHECK;

#endif
