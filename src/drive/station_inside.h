/*
 * What the files of the station share.  Private to src/drive.
 */
#ifndef DRIVE_STATION_INSIDE_H
#define DRIVE_STATION_INSIDE_H

#include "drive/hook.h"
#include "drive/station.h"
#include "engine/uri.h"
#include "engine/watcher.h"

/* One module, and what is known of it. */
struct watch {
        struct watcher *watcher;
        bool looking; /* a sighting is on its way */
        bool seen;    /* one came */
        bool hangs;   /* it has been on its way for too long */
        bool haunted; /* a thread was left behind inside it: it cannot be started anew */
        bool restarting;
        unsigned asks;     /* sightings asked for so far */
        unsigned failures; /* sightings in a row that failed */
        unsigned restarts; /* in a row */
        int64_t asked_ms;
        int64_t restart_ms; /* not before */
};

/* How far a unit is. */
enum unit_step {
        UNIT_NEW,    /* nothing is known but that there is a token */
        UNIT_HELD,   /* not begun, for a reason that may pass: tried again */
        UNIT_BIRTH,  /* the blank token is being initialised */
        UNIT_SCAN,   /* waits for its scanned line */
        UNIT_BEFORE, /* the first hook runs */
        UNIT_READY,  /* its order waits for the conductor */
        UNIT_MOVING, /* its order is with the conductor */
        UNIT_AFTER,  /* the second hook runs */
        UNIT_BACK,   /* its order stands still because the token is gone */
        UNIT_OK,
        UNIT_DONE, /* on another day */
        UNIT_FAILED,
        UNIT_FOREIGN, /* a token that is not for this station */
};

/* A token on its way, from its insertion until it is pulled and done with. */
struct unit {
        struct unit *next;
        char manufacturer[33];
        char serial[17]; /* "" while it is blank */
        char name[65];   /* "" until it has an order */
        enum unit_step step;

        struct order *order; /* while it is not with the conductor */
        bool resumed;        /* its order was in the ledger */
        bool counted;        /* in the quota: it was sent in this run */
        bool reserved;       /* `name` has a row that is to be given back if nothing comes of it */
        bool fresh;          /* it has not been sent yet, so it counts as soon as it is begun */
        unsigned returns;    /* how often it came back for a token that is there after all */
        char *lane_module;   /* as it was given to the conductor */
        char *lane_uri;
        enum order_state state; /* as it was told last */
        bool waits;             /* the CA or AWS keeps it waiting */

        struct birth *birth;
        struct hook *hook;
        struct error error;
        char doing[STATION_TEXT];
        int64_t began_ms;
        int64_t since_ms; /* since it is in this step */
        int64_t tried_ms; /* UNIT_HELD: when it was last looked at */
        unsigned tried;   /* and station.departures then */
};

/* A token that refused the PIN that a person had entered. */
struct refusal {
        struct refusal *next;
        char manufacturer[33];
        char serial[17];
};

/* One reader. */
struct bay {
        struct bay *next;
        struct watch *watch;
        unsigned number;
        unsigned long slot_id;
        char reader[65];
        bool present;
        unsigned doubts;          /* sightings in a row that are not believed yet */
        unsigned valid_from;      /* earlier sightings (watch.asks) are out of date */
        struct token_facts facts; /* of the token in it, or of the last one */
        struct unit *unit;        /* may be of a token that was pulled too early */
        int64_t since_ms;
};

/* A token whose sessions are being closed. */
struct leaving {
        struct leaving *next;
        char *module;
        char *uri;
};

/* An order of the station itself, which no unit stands for. */
struct errand {
        struct order *order; /* while it is not with the conductor */
        bool moving;         /* it is */
        char *name;
        char *module;
        char *uri;
        int64_t asked_ms;
};

enum { RATE_MINUTES = 60 };

struct station {
        const struct station_options *options;
        const struct station_user *user;
        struct drive_options drive;
        struct conductor *conductor; /* during a callback of it */
        struct uri *filter;

        struct queue *sightings;
        struct watch *watches;
        size_t watch_count;
        struct bay *bays;
        unsigned bay_count;
        struct unit *units;
        struct leaving *leaving;
        struct errand errand;
        struct refusal *refusals;

        char scan[65];
        bool finishing;
        bool told_outage;
        volatile int stop; /* for the conductor */
        uint64_t issued;   /* of the quota */
        uint64_t ended;    /* units that came to an end, well or not */
        /* Units that left a place in the quota, or a row: what is held is worth another look. */
        unsigned departures;
        struct station_result *result;

        struct station_view view;
        struct bay_view *bay_views;
        struct {
                int64_t minute;
                unsigned count;
        } rate[RATE_MINUTES];
};

/* -- station.c -------------------------------------------------------------------------------- */

void station_tell(const struct station *station, enum station_event event, unsigned bay,
                  const char *format, ...) PRINTF(4, 5);

/*
 * The lane of a token ends.  Its sessions are closed before the next token comes, and the module
 * counts them until then.  The texts are taken over.
 */
void station_leave_token(struct station *station, char *module, char *uri);

/* May one more certificate be asked for? */
bool station_has_quota(const struct station *station);

/* -- bay.c ------------------------------------------------------------------------------------ */

/* Take what the watcher saw. */
void bays_take(struct station *station, struct watch *watch, const struct sighting *sighting);

/* The bay of a unit, or NULL: it was pulled, and the reader was given to another. */
struct bay *bay_of(const struct station *station, const struct unit *unit);

/* Is the unit's token in a reader now? */
bool unit_is_here(const struct station *station, const struct unit *unit);

/* -- unit.c ----------------------------------------------------------------------------------- */

/* The token of a bay, that was just inserted, or is tried again. */
void unit_arrive(struct station *station, struct bay *bay);

/* A token that does not answer: a unit that has failed. */
void unit_trouble(struct station *station, struct bay *bay, const struct error *err);

/* Its token was pulled.  False: nothing of it is left, and the unit is gone. */
bool unit_leave(struct station *station, struct unit *unit);

/* Once a turn: hooks, births, what was held. */
void unit_turn(struct station *station, struct unit *unit);

/* A line was scanned: for the unit that waits for it, if there is one. */
bool unit_take_scan(struct station *station, const char *line);

void unit_set(struct unit *unit, enum unit_step step, const char *format, ...) PRINTF(3, 4);
void unit_drop(struct station *station, struct unit *unit);

/* Is something being done for it that should not be left? */
bool unit_is_busy(const struct unit *unit);

/* Was it held before another unit left a place that it could have now? */
bool unit_is_worth_a_look(const struct station *station, const struct unit *unit);

/* How it ends, until its token is pulled.  The error is told. */
void unit_fail(struct station *station, struct unit *unit, const struct error *err);
void unit_good(struct station *station, struct unit *unit);

/* What people call it, and the number of its reader (0: none). */
const char *unit_title(const struct station *station, const struct unit *unit);
unsigned unit_bay_number(const struct station *station, const struct unit *unit);

/* -- unit_hook.c ------------------------------------------------------------------------------ */

/*
 * That the second hook has to run is on record with the order from its first fact on, as an
 * attribute; when it has ended well, that is recorded, too.
 */
void unit_mark_hook(const struct station *station, struct order *order);
bool unit_owes_hook(const struct station *station, const struct order *order);

/* Start a hook, and go on without one where there is none. */
void unit_run_before(struct station *station, struct bay *bay, struct unit *unit);
void unit_run_after(struct station *station, struct unit *unit);
void unit_turn_hook(struct station *station, struct unit *unit);

/* -- unit_move.c ------------------------------------------------------------------------------ */

/* The conductor gives an order back; takes it over. */
void unit_take_back(struct station *station, struct order *order);

void unit_heard(struct station *station, enum drive_event event, const struct order *order,
                const char *text);

/* -- station_view.c --------------------------------------------------------------------------- */

/* Fill `out` as snprintf() does; what does not fit is cut at a character's boundary. */
void station_text(char *out, size_t size, const char *format, ...) PRINTF(3, 4);

/* Fill in station->view. */
void station_look(struct station *station);

/* Note a unit that left, and count it. */
void station_note_unit(struct station *station, const char *name, bool good, const char *text);

#endif
