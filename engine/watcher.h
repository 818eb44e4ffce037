/*
 * The watcher: what is in the readers behind one module, looked at by a thread of its own, so that
 * a module that hangs keeps nobody from looking at the others.
 *
 * The thread looks when it is asked to, four times a second in a station (sighting_ask()), and
 * answers with a whole picture; what changed between two of them is for sighting_find() to tell.
 * So a module that is for one thread at a time is not asked while somebody else is inside.
 *
 * C_GetSlotList is the only thing that is asked.  C_WaitForSlotEvent is not used: of the modules
 * that were tried only OpenSC's delivers events, its blocking form ends with C_Finalize alone, and
 * polling finds what it would have told a quarter of a second later.
 */
#ifndef ENGINE_WATCHER_H
#define ENGINE_WATCHER_H

#include "base/queue.h"
#include "engine/token.h"

enum seat_state {
        SEAT_EMPTY,  /* a reader without a token */
        SEAT_TAKEN,  /* `facts` are the token's */
        SEAT_TROUBLE /* a token is there and does not answer: `trouble` */
};

/* One slot.  Without a token that answers, only what `facts` say of the slot is filled. */
struct seat {
        enum seat_state state;
        struct token_facts facts;
        struct error trouble;
};

struct watcher;

/* What the watcher saw; the receiver frees it. */
struct sighting {
        struct watcher *watcher;
        struct seat *seats;
        size_t count;
        struct error error; /* the module as a whole does not answer; there are no seats then */
        bool restarted;     /* it was asked to start the module anew, and did */
};

void sighting_free(struct sighting *sighting); /* NULL does nothing */

/* The seat with that slot, or NULL. */
const struct seat *sighting_find(const struct sighting *sighting, unsigned long slot_id);

/*
 * Start the thread.  `modules` holds one module (modules_apart()) and belongs to the watcher from
 * now on; sightings go to `out`, which outlives it.
 */
struct watcher *watcher_start(struct modules *modules, struct queue *out);

/* Path of the module; borrowed. */
const char *watcher_module(const struct watcher *watcher);

/* Is the module for one thread at a time?  Then it must not be asked while another is inside. */
bool watcher_cannot_lock(const struct watcher *watcher);

/* Look now; a sighting will come.  Not before the last one came. */
void watcher_look(struct watcher *watcher);

/*
 * End the module and start it anew (C_Finalize, C_Initialize), then look.  Every session behind the
 * module must be closed: they would be gone.
 */
void watcher_restart(struct watcher *watcher);

/*
 * End the thread.  With `forget` it is left behind, because its module hangs: nothing may be
 * finalised then.
 */
void watcher_stop(struct watcher *watcher, bool forget);

#endif
