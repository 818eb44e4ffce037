/*
 * The conductor: the one code path that moves orders.  `issue` is a batch of one.
 *
 * It owns every order at rest, the ledger, the network and all decisions; one worker per token
 * session does the blocking PKCS #11 calls on the order in its hands.  A turn has five phases:
 * collect, decide, commit (one ledger transaction for the whole turn), dispatch, wait.
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
        EVENT_WAITING, /* the CA is at work: once in a while; or, with order NULL, AWS is out of
                          reach: text says why and until when, once, until EVENT_AGAIN */
        EVENT_AGAIN,   /* AWS answers again; order is NULL, text says after how long */
        EVENT_ISSUED,
        EVENT_VERIFIED,
        EVENT_DELIVERED,
        EVENT_PROVED,
        EVENT_FACT,   /* something else that is on record now; a note says what, where it matters */
        EVENT_NOTE,   /* something worth knowing; text says what */
        EVENT_STOPPED /* the order stands still: order->error */
};

struct token_facts;

struct drive_options {
        struct ledger *ledger; /* locked by this process */
        struct aws_settings *aws;
        const char *state; /* folder of the ledger; PIN guard and files live below it */

        const struct pin_source *pin; /* NULL: the URI's pin-source, else a prompt */
        pin_ask *ask;
        void *ask_context;
        bool retry_pin;
        const struct token_facts *known_token; /* of struct token_login */
        const struct secret *known_pin;
        /*
         * Does the trust anchor that logs this machine in take the certificates of a CA, too?  Then
         * nothing is issued from it.  `ca_path`: the CA's certificate and those above, DER one
         * after the other.  NULL: there is no such anchor, or it does not matter.
         */
        bool (*shares_anchor)(const void *station, struct view ca_path);
        const void *station;
        const char *init_args;
        int64_t token_timeout_ms; /* 0: 120 s */
        int64_t hook_timeout_ms;  /* of --deploy-hook; 0: 60 s */

        bool no_wait;        /* stop at SUBMITTED */
        bool token_may_miss; /* an absent token ends in ERROR_PENDING at VERIFIED (fetch) */
        struct view root;    /* --root: DER, or empty */
        int64_t pending_ms;  /* how long the CA may take to issue; 0: 10 minutes */
        int64_t outage_ms;   /* how long to wait for network, AWS or quota to come back, beyond
                                the client's own attempts; 0: not at all */
        int64_t grace_ms;    /* after the first signal, how long what was sent to the CA may take to
                                be delivered; 0: nothing new is begun */
        double rate;         /* IssueCertificate calls a second, DRIVE_NO_RATE: no limit; 0: just
                                under AWS's quota */
        bool local_ca;       /* the CA is on this machine: rate 0 is no limit until it throttles */
        unsigned sessions;   /* workers on each token, where its module allows; 0: one */

        void (*event)(void *context, enum drive_event event, const struct order *order,
                      const char *text); /* may be NULL */
        void *context;
        const volatile int *stop; /* set by a signal: 1 finish what is in flight, 2 leave now */
};

#define DRIVE_NO_RATE (-1.0)

/* -- a run ----------------------------------------------------------------------------------- */

/*
 * Whoever wants orders moved is a source of them.  All its functions are called by the thread that
 * called drive_run(), which owns the conductor; they may call the functions below that take one.
 *
 * Several tokens work at once: an order belongs to the lane of its token (module and URI, the
 * recorded one if it has one, else that of --key or --token), which begins with the first order for
 * it.  So that no lane starves behind another's orders, give the orders of the lanes that have
 * room (drive_room()) in turn.
 */
enum drive_supply {
        SUPPLY_ORDER, /* here is one */
        SUPPLY_LATER, /* none now; asked again in the next turn, a fifth of a second away at most,
                         and at once when `wake_fd` is readable */
        SUPPLY_END,   /* no more ever: the run ends when all have come back */
};

struct conductor;

struct drive_source {
        /*
         * One more order, new (number 0) or from the ledger; the conductor owns it then.  Asked
         * only while there is room for one, several times a turn; not any more after a signal.
         */
        enum drive_supply (*next)(void *context, struct conductor *conductor, struct order **order);

        /*
         * Takes each order back when it stands still: delivered, failed, or with order->error set.
         * May be NULL.
         */
        void (*done)(void *context, struct conductor *conductor, struct order *order);

        /* Once a turn, five times a second at least: to draw, or to end lanes.  May be NULL. */
        void (*turn)(void *context, struct conductor *conductor);

        void *context;
        int wake_fd; /* readable when `next` has news, and read empty by it; 0: none */
};

/*
 * Move orders as far as they go.
 *
 * A new order may leave open what only the CA or the ledger can tell: a validity of type NONE
 * becomes 365 days (6 on a short-lived CA), no label becomes one that is free.
 *
 * A token that is absent, locked, full or hangs keeps only its own orders.  When AWS cannot be
 * reached, or throttles, orders wait (drive_options.outage_ms) and drive_standing() says until
 * when.  Memory: an order that came back is forgotten, and few hundred are in flight at a time.
 *
 * errors  only what concerns the whole run (ERROR_LEDGER_*, ERROR_INTERNAL); what concerns one
 *         order is in order->error.  After ERROR_TOKEN_HANGS on any order, drive_hangs() is true
 *         and the process has to leave by _exit().
 */
bool drive_run(const struct drive_options *options, const struct drive_source *source,
               struct error *err) MUST_CHECK;

/* How many more orders the lane of this token takes now; 0 while it is being ended. */
size_t drive_room(const struct conductor *conductor, const char *module, const char *token_uri);

/*
 * The token was pulled or is done with: its lane ends as soon as the orders that are in flight
 * there stand still (with what the token answers them), and its sessions and its PIN go.  The
 * module is unloaded once no lane uses it.  The next order for that token begins a new lane.
 */
void drive_leave_token(struct conductor *conductor, const char *module, const char *token_uri);

/* What is under way, and what is in the way. */
struct drive_standing {
        size_t in_flight;    /* orders that have not come back */
        size_t at_token;     /* of them: in the hands of a worker, or waiting for one */
        size_t at_network;   /* a call is under way, or the CA is at work */
        size_t for_rate;     /* ready to be sent, and kept back by the rate */
        double rate;         /* certificates that may be asked for a second; 0: no limit */
        struct error outage; /* why AWS is left alone, or ERROR_NONE */
        int64_t next_try;    /* and until when: seconds since 1970 */
        int64_t give_up;     /* when the orders stop waiting for it: seconds since 1970 */
};

void drive_standing(const struct conductor *conductor, struct drive_standing *out);

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
