/*
 * A lane: one token, its workers (one, or as many as --sessions says where the module allows), and
 * what is known of it.  Private to src/drive; the conductor's side only.
 */
#ifndef DRIVE_LANE_H
#define DRIVE_LANE_H

#include "drive/worker.h"

enum { LANE_MOST_SESSIONS = 64 };

struct lane {
        struct lane *next;
        char *module;
        char *token_uri;
        struct worker *workers[LANE_MOST_SESSIONS];
        size_t worker_count;
        size_t rides;
        size_t away; /* of them: the CA has them, or they wait for it; counted once a turn */
        bool full;   /* a ride found no room in this turn */
        bool leaving;
        struct error dead; /* its module hangs: nothing is asked of it any more */

        struct order_token known; /* as it said when it was looked at; uri NULL: not yet, or it may
                                     be another one by now */
        unsigned can_make;        /* key types (1 << enum key_type) that it was seen to make */
};

/* The lane of a token, or NULL.  A lane that is being left is none. */
struct lane *lane_find(struct lane *lanes, const char *module, const char *token_uri);

/* The same, begun where it is missing. */
struct lane *lane_need(struct lane **lanes, const char *module, const char *token_uri);

/* Take the lane out of the list and free it; its workers have ended. */
void lane_free(struct lane **lanes, struct lane *lane);

/*
 * The worker to give a work to, NULL when all are as busy as is good (each has what it needs until
 * the next turn), or have to wait for others at the same module.  `mine`: the one that the order
 * was with, or NULL; its handles are good nowhere else.
 */
struct worker *lane_worker(struct lane **lanes, struct lane *lane, struct worker *mine,
                           const struct drive_options *options, struct queue *results);

/* Does any other lane use the same module? */
bool lane_shares_module(const struct lane *lanes, const struct lane *lane);

/* Tell the workers to end; the last works that they give back are of kind WORK_END. */
void lane_end(struct lane *lane);

#endif
