/*
 * What the files of the conductor share: the orders in flight and the five phases of a turn.
 * Private to src/drive.
 */
#ifndef DRIVE_CONDUCTOR_H
#define DRIVE_CONDUCTOR_H

#include "drive/batch.h"
#include "drive/ca.h"
#include "drive/worker.h"

/* What is done for an order once the turn's facts are on disk. */
enum deed {
        DEED_NONE,   /* look again next turn, or wait for what is under way */
        DEED_WORK,   /* give `work_kind` to the token's worker */
        DEED_ISSUE,  /* send the recorded request */
        DEED_POLL,   /* ask for the certificate */
        DEED_FINISH, /* it stands still: give it back */
};

enum { RIDE_FACTS = 6 };

/* One order in flight, and what the conductor remembers of it beside its facts. */
struct ride {
        struct ride *next;
        struct order *order;
        struct order *predecessor; /* of a delivered successor, until it is superseded */

        enum deed deed;
        enum work_kind work_kind;
        bool at_worker;  /* a work is under way: the order may only be read */
        bool at_network; /* a call is under way */
        bool waiting;    /* decided that only an answer to a question can move it */
        bool inserted;   /* got its number in the transaction that is open */
        bool finished;   /* its last facts are recorded; waits for the key handle's release */
        int64_t wake_ms; /* look again at this time (clock_boot_ms), 0: now */
        struct worker *worker;
        struct hold *hold;

        bool looked;    /* WORK_LOOK came back */
        bool recovered; /* WORK_RECOVER came back */
        bool composed;  /* `request` was made or checked for repeating in this run */
        bool doubt;     /* an earlier send may have reached the CA */
        bool delivered; /* the worker's part of the delivery is done */
        bool retired;   /* the predecessor's certificate object is gone */
        bool proved;
        bool have_key;
        int64_t submitted_ms; /* when polling began */
        int64_t outage_ms;    /* since when the network or the quota is in the way; 0: it is not */
        unsigned outages;
        int64_t told_ms; /* when EVENT_WAITING was last told */

        /* facts to record this turn, oldest first */
        struct {
                enum order_state state;
                const char *name;
                enum drive_event event;
        } facts[RIDE_FACTS];
        size_t fact_count;
        char *notes; /* told with the facts */
};

struct conductor {
        const struct drive_options *options;
        struct aws_client *aws; /* NULL until a CA is needed */
        bool heard;             /* AWS answered in this run: its clock was measured */
        struct queue *results;
        struct worker **workers;
        size_t worker_count;
        struct ca *cas;
        struct ride *rides;
        size_t ride_count;
        bool no_more; /* `next` gave its last order */
        char boot_id[64];

        struct order *(*next)(void *context);
        void (*done)(void *context, struct order *order);
        void *context;
};

/* -- decide.c ------------------------------------------------------------------------------ */

/*
 * Decide what comes next for an order at rest: notes the facts to record and the deed to do after
 * that.  Does nothing itself, but that questions to a CA are sent and that files are written,
 * which have to be on the disk before the commit that says so.
 */
void ride_decide(struct conductor *conductor, struct ride *ride);

/* Note a fact to be recorded this turn, with the state the order has from then on. */
void ride_note(struct ride *ride, enum order_state state, const char *name, enum drive_event event);

/* The order stands still with this error: FAILED if it is a verdict. */
void ride_stop(struct ride *ride, const struct error *err);

/* -- apply.c: what comes back --------------------------------------------------------------- */

void ride_apply_work(struct conductor *conductor, struct ride *ride, struct work *work);
void ride_apply_reply(struct conductor *conductor, struct ride *ride,
                      const struct aws_reply *reply);

/*
 * Hold the order's certificate against its wishes and note the verdict.  Dates are judged by AWS's
 * clock: a station's own may be wrong.  Without a verdict and without a fact the order waits for
 * AWS to be heard.
 */
void ride_judge(struct conductor *conductor, struct ride *ride, struct ca *ca);

/* -- record.c -------------------------------------------------------------------------------- */

/*
 * Record the facts of all orders in one transaction and tell them.  Tried again some times when it
 * fails; false then, and nothing of the turn is in the ledger.
 */
bool conductor_commit(struct conductor *conductor, struct error *err) MUST_CHECK;

/* Tell what the ledger could not take, ARNs above all. */
void conductor_tell_unrecorded(struct conductor *conductor);

/* -- batch.c --------------------------------------------------------------------------------- */

/* The client, opened when it is first needed; NULL with the error. */
struct aws_client *conductor_aws(struct conductor *conductor, struct error *err);

/* 0 go on, 1 finish what is in flight, 2 leave now. */
int conductor_stop_level(const struct conductor *conductor);

/* A worker was abandoned inside a module: drive_hangs() is true from now on. */
void drive_note_hang(void);

void conductor_tell(const struct conductor *conductor, enum drive_event event,
                    const struct order *order, const char *text);

#endif
