/*
 * The station: the batch that never ends.  Tokens come and go in readers, one bay per reader; each
 * token is recognised, gets its order, and the conductor (drive/batch.h) moves that like any other.
 *
 * A watcher per module tells what is in the readers (engine/watcher.h), hooks and the birth of
 * blank tokens run beside it (drive/hook.h, drive/birth.h), and nothing in one bay keeps another
 * waiting. The ledger is the memory: a token that was done on another day is known by its serial
 * number, and one that was pulled half-way goes on where it stopped, in whatever reader it comes
 * back.
 *
 * All of it happens on the thread that called station_run(), all callbacks included.
 */
#ifndef DRIVE_STATION_H
#define DRIVE_STATION_H

#include "drive/batch.h"
#include "drive/birth.h"
#include "engine/token.h"

/* -- what the operator sees ------------------------------------------------------------------- */

enum bay_sight {
        SIGHT_FREE, /* insert a token */
        SIGHT_BUSY, /* work at the token: leave it in */
        SIGHT_WAIT, /* for the CA, or for AWS to come back */
        SIGHT_OK,   /* take it out */
        SIGHT_DONE, /* it was done before: take it out */
        SIGHT_FAIL, /* take it out; `doing` says why */
        SIGHT_BACK, /* it was pulled too early: put it back */
        SIGHT_SCAN, /* scan the label of this one */
        SIGHT_HOLD, /* it is not begun: `doing` says why */
        SIGHTS
};

enum { STATION_TEXT = 200, STATION_LAST = 10 };

struct bay_view {
        unsigned number; /* from 1 */
        char reader[65];
        enum bay_sight sight;
        char unit[65];            /* the order's name, else the token's label or serial number */
        char doing[STATION_TEXT]; /* what happens, or what happened */
        char next[STATION_TEXT];  /* what to do about it; "" */
        int64_t since_ms;         /* clock_boot_ms(): since when it is so */
};

/* A unit that has left the station. */
struct unit_view {
        char name[65];
        bool good;
        char text[STATION_TEXT]; /* how long it took, or why it failed */
        int64_t at;              /* seconds since 1970 */
};

struct station_view {
        const struct bay_view *bays;
        size_t bay_count;
        struct unit_view last[STATION_LAST]; /* newest first */
        size_t last_count;
        uint64_t good;              /* units of this run */
        uint64_t failed;            /* attempts of this run that ended in an error */
        uint64_t again;             /* tokens that came although they were done before */
        unsigned per_hour;          /* good ones, by the last hour */
        uint64_t quota;             /* --quota; 0: none */
        uint64_t issued;            /* of it: certificates that were asked for */
        int64_t until;              /* --until; 0: none */
        bool finishing;             /* nothing new is begun */
        char scan[65];              /* a line that was scanned and waits for its token; "" */
        char trouble[STATION_TEXT]; /* a module that hangs or fails; "" */
        char outage[STATION_TEXT];  /* why AWS is left alone, and until when; "" */
        char next[STATION_TEXT];    /* what the operator does next */
        int64_t began_at;
};

/* -- who runs it ------------------------------------------------------------------------------ */

enum station_event {
        STATION_INSERTED,
        STATION_PULLED,
        STATION_BEGUN, /* the unit is known by name from now on */
        STATION_STEP,  /* something on its way */
        STATION_GOOD,  /* a unit is done */
        STATION_AGAIN, /* it was done before */
        STATION_FAILED,
        STATION_TROUBLE, /* a reader, a module or AWS */
        STATION_NOTE,
};

struct station_user {
        /*
         * The order for a token: new, with all its wishes, but for the token's URI and module.
         *
         * scan    the line that was scanned for it, or NULL
         * errors  ERROR_NOTHING: no row is left for it; whatever else is wrong with its wishes
         */
        bool (*order)(void *context, const struct token_facts *facts, const char *scan,
                      struct order **order, struct error *err);

        /* The order of that name was not begun after all: its row is free again. */
        void (*give_back)(void *context, const char *name);

        /* The label that a blank token is to get; the caller frees it. */
        bool (*label)(void *context, const struct token_facts *facts, char **label,
                      struct error *err);

        /* May an order that is in the ledger go on with the options of this run? */
        bool (*accept)(void *context, struct order *order, struct error *err);

        /* A unit's order stands still: delivered, or with its error. */
        void (*done)(void *context, const struct order *order);

        /*
         * An order of the station itself, to be moved beside the units; asked once a second while
         * none is under way, and not any more once the station is finishing.  False: there is none
         * now.  May be NULL.
         */
        bool (*errand)(void *context, struct order **order);

        /* It stands still: delivered, or with its error. */
        void (*errand_done)(void *context, const struct order *order);

        /* One line an event.  `bay` is 0 where it concerns no reader. */
        void (*tell)(void *context, enum station_event event, unsigned bay, const char *text);

        /* Once a turn, a few times a second. */
        void (*draw)(void *context, const struct station_view *view);

        /* The next line that was scanned, into `line`; false when there is none now. */
        bool (*scan)(void *context, char *line, size_t size);

        void *context;
};

struct station_options {
        struct drive_options drive; /* event, context and stop are the station's own */
        const char *filter;         /* pkcs11: URI that a token has to match, or NULL */

        const struct birth_plan *birth; /* --init; its label comes from station_user */
        const char *before;             /* hook, or NULL */
        const char *after;
        int64_t hook_timeout_ms;
        const char *hide; /* a variable that hooks are not to see, or NULL */

        bool scans; /* each new unit waits for a scanned line */
        bool once;
        uint64_t quota;    /* 0: none */
        int64_t until;     /* seconds since 1970, 0: none */
        bool retry_failed; /* a token whose order failed gets another one */

        const volatile int *signals; /* 1: finish the units that are begun, 2: leave now */
};

/* What became of the run. */
struct station_result {
        uint64_t good;
        uint64_t failed;
        uint64_t again;
        uint64_t interrupted;    /* units that were left half-way */
        struct error last_error; /* of the last unit that failed */
};

/*
 * Run the station: until --once, --quota, --until or a signal end it.
 *
 * modules  taken over
 * errors   only what concerns the whole run (drive_run())
 */
bool station_run(const struct station_options *options, const struct station_user *user,
                 struct modules *modules, struct station_result *result,
                 struct error *err) MUST_CHECK;

#endif
