/*
 * A worker: one thread that does the blocking PKCS #11 calls on one token, one work at a time.
 *
 * The conductor gives it works and takes them back from the results queue.  A work's inputs are
 * only read while it is under way, by both sides; its results belong to the worker until it comes
 * back.  So the conductor may abandon a worker whose module hangs and still show the order.
 */
#ifndef DRIVE_WORKER_H
#define DRIVE_WORKER_H

#include "base/queue.h"
#include "drive/batch.h"
#include "engine/key.h"
#include "order/cert.h"

enum work_kind {
        WORK_LOOK, /* before PLANNED: is the token there, is the given id free, is the key there */
        WORK_RECOVER, /* a PLANNED order after a crash: adopt or destroy what carries its id */
        WORK_KEY,     /* make the key pair, and at once what WORK_CSR does */
        WORK_CSR,     /* build the CSR and have the token sign it */
        WORK_TEST,    /* a signature over something fresh, for the conductor to verify */
        WORK_DELIVER, /* certificate written and read back */
        WORK_RETIRE,  /* destroy the certificate object that a successor replaced */
        WORK_PROVE,   /* the application's view */
        WORK_RELEASE, /* the order leaves: forget its key handle */
        WORK_END      /* the last one; ends the thread */
};

/* A key handle between two works of the same order.  Only its worker looks inside. */
struct hold;

struct work {
        enum work_kind kind;
        void *tag; /* the conductor's */

        /* inputs */
        const struct order *order;
        struct hold *hold;              /* in and out: the worker makes, changes and drops it */
        bool last;                      /* nothing follows it: the handle is dropped */
        bool may_reload;                /* nobody else uses the module: it may be loaded anew */
        bool doubted;                   /* WORK_TEST: the signature was by another key: why? */
        struct buf old_certificate;     /* WORK_RETIRE: DER */
        struct certificate_facts facts; /* WORK_DELIVER: of the order's certificate */

        /* results */
        struct error error;
        struct order_token token;
        struct wishes wishes; /* WORK_LOOK: filled, where the order's waited for the token */
        struct buf key_id;
        char *key_label;
        char *key_uri;
        struct buf spki;
        struct evidence evidence;
        bool have_key;    /* the five above are filled */
        bool cannot_lock; /* the module is for one thread at a time (CKR_CANT_LOCK) */
        struct buf csr;
        enum hash hash; /* WORK_TEST, and the two below */
        struct buf message;
        struct buf signature;
        struct buf old_key_sha256; /* WORK_LOOK with --replace */
        char *notes;               /* what is worth telling, or NULL */
        int64_t took_us;

        int64_t foreseen_us; /* the conductor's: what it was given as */
};

struct work *work_new(enum work_kind kind, void *tag, const struct order *order);
void work_free(struct work *work);

struct worker;

/*
 * Start a worker for the token that `token_uri` names, behind `module` (NULL: the registry).  The
 * token is opened by the first work that needs it, and again after it was gone; a module that only
 * fails is loaded anew then.  Texts are copied; `options` outlives the worker.
 */
struct worker *worker_start(const struct drive_options *options, const char *module,
                            const char *token_uri, struct queue *results);

void worker_give(struct worker *worker, struct work *work);

/* Works given and not yet taken back by the conductor, which tells so here. */
size_t worker_load(const struct worker *worker);
void worker_taken_back(struct worker *worker, const struct work *work);

/*
 * Would it be idle before the next turn without another work?  Quick tokens get some ahead, slow
 * ones no more than one.
 */
bool worker_has_room(const struct worker *worker);

/* What a work of that kind takes it, smoothed, in microseconds; 0 before the first one. */
int64_t worker_pace_us(const struct worker *worker, enum work_kind kind);

/* What it was given and has not done yet, by what works took it until now. */
int64_t worker_ahead_us(const struct worker *worker);

/* Take back a work that was not begun yet, or NULL; a key handle's release is left to it. */
struct work *worker_reclaim(struct worker *worker);

/* Has a work come back: is its module loaded?  And may its sessions be used by several threads? */
bool worker_is_loaded(const struct worker *worker);
bool worker_cannot_lock(const struct worker *worker);

/*
 * Has this worker to wait while `other` is at a work?  When they share a module that is for one
 * thread at a time, or of which neither knows that yet; and before its first work while the other
 * one, who was alone until now, may load the module anew.
 */
bool worker_must_wait_for(const struct worker *worker, const struct worker *other);

/* How long the work that came up last has been under way, in ms; 0 when idle. */
int64_t worker_busy_ms(const struct worker *worker, int64_t boot_ms);

/*
 * Tell the thread to close the token and end: the last work that comes back is of kind WORK_END,
 * its tag the worker.  Then worker_join() does not block; it frees the worker and hands over the
 * modules, to be closed after all workers that use them.
 */
void worker_end(struct worker *worker);
struct modules *worker_join(struct worker *worker);

/* Forget a thread that hangs inside its module.  Nothing may be finalised any more. */
void worker_abandon(struct worker *worker);
bool worker_is_abandoned(const struct worker *worker);

#endif
