/*
 * What the files of a worker share: worker.c, the thread and the queues on both sides of it, and
 * work.c, what it does.  Private to those two.
 */
#ifndef DRIVE_WORKER_INSIDE_H
#define DRIVE_WORKER_INSIDE_H

#include <pthread.h>

#include "drive/worker.h"

struct hold {
        struct key *key; /* NULL once its token was closed */
        struct hold *next;
        struct hold **link;
};

struct worker {
        const struct drive_options *options;
        char *module;
        char *token_uri;
        bool by_openssl; /* `token_uri` is a key that OpenSSL reaches: there is no token */
        struct queue *inbox;
        struct queue *results;
        pthread_t thread;
        bool abandoned;

        /* the conductor's side */
        size_t load;
        size_t reloads;      /* works of it that may load the module anew */
        int64_t given_at_ms; /* when the work that is under way was given or became the first */
        bool loaded;         /* a work came back: its module is loaded */
        bool cannot_lock;
        bool ending;
        int64_t pace_us[WORK_END + 1]; /* what a work of each kind takes, smoothed */
        int64_t ahead_us;              /* the works given and not yet taken back, by that */

        /* the thread's side */
        struct modules *modules;
        unsigned trouble; /* works in a row that the module failed without saying why */
        bool spoiled;     /* the module is to be loaded anew, if it may be */
        struct token *token;
        struct hold *holds; /* every key handle, so that none outlives its token */
};

/* Do it, with its results and its error in it; opens the token where that is not open. */
void work_run(struct worker *worker, struct work *work);
bool work_needs_token(enum work_kind kind);

/* Handles die with their session; the next work that needs one searches its key again. */
void worker_close_token(struct worker *worker);

#endif
