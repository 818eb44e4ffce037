/*
 * What the files of the conductor share: the orders in flight and the five phases of a turn.
 * Private to src/drive.
 */
#ifndef DRIVE_CONDUCTOR_H
#define DRIVE_CONDUCTOR_H

#include "drive/batch.h"
#include "drive/ca.h"
#include "drive/hook.h"
#include "drive/lane.h"
#include "drive/pace.h"
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

/* The calls that orders make, each with a pace of its own. */
enum call { CALL_ISSUE, CALL_GET, CALLS };

/* One order in flight, and what the conductor remembers of it beside its facts. */
struct ride {
        struct ride *next;
        struct ride **link;
        size_t slot;  /* in conductor.slots */
        unsigned age; /* of the slot: who comes late with an older tag is not meant */
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
        struct lane *lane;
        struct worker *worker;
        struct hold *hold;

        bool gated;       /* the pace of `gate` keeps it back */
        bool granted;     /* its call of kind `gate` may be sent */
        enum call gate;   /* of the call that it waits for or has under way */
        int64_t sent_ms;  /* when that was granted */
        bool unflushed;   /* files were written that are not on the disk yet */
        bool files_fresh; /* they were written and read back in this run */

        struct certificate_facts certificate; /* read when it was judged; or empty */

        bool looked;       /* WORK_LOOK came back */
        bool foretold;     /* what the CA will make of it was looked at in this run */
        bool recovered;    /* WORK_RECOVER came back */
        bool composed;     /* `request` was made or checked for repeating in this run */
        bool doubt;        /* an earlier send may have reached the CA */
        bool tested;       /* the token's test signature is that of the certificate's key */
        bool doubted;      /* it is not: the worker is to say why */
        bool delivered;    /* the certificate is on the token */
        bool retired;      /* the predecessor's certificate object is gone */
        bool written;      /* its files were written in this run */
        struct hook *hook; /* --deploy-hook while it runs */
        bool deployed;     /* it ended well */
        bool proved;
        bool have_key;
        int64_t submitted_ms; /* when polling began */
        int64_t polled_ms;    /* when it was asked for last */
        unsigned polls;       /* how often */
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

/* AWS out of reach: everybody waits, and one asks. */
struct outage {
        unsigned failures;  /* calls in a row that nobody answered */
        unsigned waits;     /* pauses so far */
        int64_t since_ms;   /* clock_boot_ms(); 0: there is none */
        int64_t until_ms;   /* nothing is sent before */
        struct error error; /* the last failure's */
};

enum { SLOTS = 1024, CALLS_IN_FLIGHT = 96 };

/* Modules that a worker left behind, and the --module that they came by. */
struct parked {
        struct parked *next;
        char *module;
        struct modules *modules;
};

struct conductor {
        const struct drive_options *options;
        const struct drive_source *source;
        struct aws_client *aws; /* NULL until a CA is needed */
        bool heard;             /* AWS answered in this run: its clock was measured */
        struct queue *results;
        int news_fd; /* epoll: `results`, and the source's wake_fd */
        struct lane *lanes;
        struct parked *parked;
        struct ride *deploying; /* whose --deploy-hook runs */
        struct ca *cas;

        struct ride *rides; /* in the order in which they came */
        struct ride **rides_end;
        size_t ride_count;
        struct ride *slots[SLOTS];
        unsigned ages[SLOTS];
        size_t next_slot;

        struct pace pace[CALLS];
        size_t calls; /* under way or granted */
        struct outage outage;
        bool proven; /* a certificate was issued in this run: the windows are wide */

        bool no_more;       /* `next` gave its last order */
        int64_t stopped_ms; /* when the first signal was seen; 0: not yet */
        int64_t turned_ms;  /* when the last turn ended */
        char boot_id[64];
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

/* -- deploy.c ------------------------------------------------------------------------------ */

/*
 * Run the order's --deploy-hook; true once there is nothing (more) to run.  False while it runs, or
 * waits for another order's, and when the order was stopped over it.  Does not block.
 */
bool ride_deploy(struct conductor *conductor, struct ride *ride);

/* Forget the hook; one that still runs is killed, and runs again when the order is resumed. */
void ride_end_hook(struct conductor *conductor, struct ride *ride);

/* -- apply.c: what comes back --------------------------------------------------------------- */

void ride_apply_work(struct conductor *conductor, struct ride *ride, struct work *work);
void ride_apply_reply(struct conductor *conductor, struct ride *ride,
                      const struct aws_reply *reply);

/* Is what the lane knows of its token enough for this new order?  Then it has it. */
bool ride_spare_look(struct ride *ride);

/*
 * Hold the order's certificate against its wishes and note the verdict.  Dates are judged by AWS's
 * clock: a station's own may be wrong.  Without a verdict and without a fact the order waits for
 * AWS to be heard.
 */
void ride_judge(struct conductor *conductor, struct ride *ride, struct ca *ca);

/* -- leave.c: how workers end ------------------------------------------------------------------ */

/* A worker's last word (WORK_END); lanes that were left and have nothing to do any more. */
void conductor_worker_ended(struct conductor *conductor, struct worker *worker);
void conductor_close_lanes(struct conductor *conductor);

/* Workers inside a module for too long are abandoned, and what they had in their hands stops. */
void conductor_collect_hangs(struct conductor *conductor);

/* The first signal: workers finish what they are at, and begin with nothing else. */
void conductor_note_stop(struct conductor *conductor);

/* The second signal: whoever is inside a module is left behind, and every order goes back. */
void conductor_leave_now(struct conductor *conductor);

/* The ledger takes nothing any more: every order goes back with that error. */
void conductor_abort_run(struct conductor *conductor, const struct error *err);

/* The end of the run: threads, modules, lanes. */
void conductor_stop_workers(struct conductor *conductor);

/* -- network.c: calls, at their pace ---------------------------------------------------------- */

/* The limits of this run, and the pause that is due when AWS is out of reach. */
void network_open(struct conductor *conductor);

/*
 * May this ride make that call now?  False: it is gated, and decided again when its turn comes.
 * A grant is used by the send that follows, or given up by network_drop().
 */
bool network_grant(struct conductor *conductor, struct ride *ride, enum call call);
void network_drop(struct conductor *conductor, struct ride *ride);

/* Could a gated ride go on now?  And how long until then (-1: when something comes back). */
bool network_is_open(const struct conductor *conductor, enum call call);
int64_t network_wait_ms(const struct conductor *conductor, enum call call);

void network_issue(struct conductor *conductor, struct ride *ride);
void network_poll(struct conductor *conductor, struct ride *ride);

/* Learn from a reply: the pace, and whether AWS is there.  `ride` is NULL for a CA's question. */
void network_heard(struct conductor *conductor, struct ride *ride, const struct aws_reply *reply);

/* Is it an error that passes by itself?  And is there patience left for it? */
bool network_is_outage(enum error_kind kind);
bool network_has_patience(const struct conductor *conductor);

/* Has the outage lasted longer than orders are to wait? */
bool network_is_given_up(const struct conductor *conductor);

/* Up to a fifth more or less, so that many clients do not ask in step. */
int64_t network_jitter(int64_t ms);

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

/* The tag of the ride's works and calls, and the ride that a tag means, or NULL. */
void *ride_tag(const struct ride *ride);
struct ride *ride_tagged(const struct conductor *conductor, const void *tag);

/* From now on nobody is meant by the tag that the ride had. */
void ride_renew_tag(struct conductor *conductor, struct ride *ride);

bool ride_is_busy(const struct ride *ride);
void ride_free(struct conductor *conductor, struct ride *ride);

/* A worker was abandoned inside a module: drive_hangs() is true from now on. */
void drive_note_hang(void);

void conductor_tell(const struct conductor *conductor, enum drive_event event,
                    const struct order *order, const char *text);

#endif
