#include "drive/station.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "drive/conductor.h"
#include "drive/station_inside.h"

enum {
        LOOK_EVERY_MS = 250,
        ERRAND_EVERY_MS = 1000,
        HUNGRY_MS = 1000, /* a module for one thread at a time gets its look after that */
        FAILURES = 3,     /* sightings in a row, before a module is started anew */
        RESTART_FIRST_MS = 1000,
        RESTART_MOST_MS = 60 * 1000,
        LAST_LOOK_MS = 2000,
        TOKEN_TIMEOUT_MS = 120 * 1000,
};

/* Orders wait for AWS as long as the shift may be. */
static const int64_t patience_ms = 30LL * 24 * 60 * 60 * 1000;

void
station_tell(const struct station *station, enum station_event event, unsigned bay,
             const char *format, ...)
{
        CLEANUP(free_cleanup) char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        int length = vasprintf(&text, format, arguments);

        va_end(arguments);
        assert(length >= 0);
        station->user->tell(station->user->context, event, bay, text);
}

bool
station_has_quota(const struct station *station)
{
        uint64_t used = station->issued;

        if (!station->options->quota)
                return true;
        /* Those that are on their way to theirs have a claim on it. */
        for (const struct unit *unit = station->units; unit; unit = unit->next)
                used += unit->step == UNIT_BIRTH || unit->step == UNIT_SCAN ||
                        (unit->fresh && unit_is_busy(unit));
        return used < station->options->quota;
}

/* -- modules ---------------------------------------------------------------------------------- */

static int64_t
token_timeout_ms(const struct station *station)
{
        return station->drive.token_timeout_ms ? station->drive.token_timeout_ms : TOKEN_TIMEOUT_MS;
}

/* Is anybody inside the module, or has a session behind it? */
static bool
module_is_used(const struct station *station, const struct watch *watch)
{
        const char *path = watcher_module(watch->watcher);

        for (const struct leaving *leaving = station->leaving; leaving; leaving = leaving->next) {
                if (!leaving->module || strcmp(leaving->module, path) == 0)
                        return true;
        }
        for (const struct bay *bay = station->bays; bay; bay = bay->next) {
                if (bay->watch == watch && bay->unit &&
                    (bay->unit->step == UNIT_MOVING ||
                     (bay->unit->birth && birth_is_at_token(bay->unit->birth))))
                        return true;
        }
        for (const struct unit *unit = station->units; unit; unit = unit->next) {
                if (unit->step == UNIT_MOVING && !bay_of(station, unit))
                        return true;
        }
        return station->errand.moving &&
               (!station->errand.module || strcmp(station->errand.module, path) == 0);
}

static void
ask(struct watch *watch, int64_t now)
{
        watch->looking = true;
        watch->asked_ms = now;
        watch->asks++;
}

static void
note_hang(struct station *station, struct watch *watch, int64_t now)
{
        if (watch->hangs || now - watch->asked_ms < token_timeout_ms(station))
                return;
        watch->hangs = true;
        drive_note_hang();
        station_tell(station, STATION_TROUBLE, 0,
                     "the module %s does not answer: unplug its reader and plug it in again, or "
                     "end the station and start it anew",
                     watcher_module(watch->watcher));
}

static void
ask_watch(struct station *station, struct watch *watch, int64_t now)
{
        bool used;

        if (watch->looking) {
                note_hang(station, watch, now);
                return;
        }
        if (now - watch->asked_ms < LOOK_EVERY_MS)
                return;
        used = module_is_used(station, watch);
        if (watch->failures >= FAILURES && now >= watch->restart_ms && !used && !watch->haunted) {
                log_info("module-restart", "module=%s", watcher_module(watch->watcher));
                watch->restarting = true;
                ask(watch, now);
                watcher_restart(watch->watcher);
                return;
        }
        if (used && watcher_cannot_lock(watch->watcher))
                return;
        ask(watch, now);
        watcher_look(watch->watcher);
}

static void
ask_watches(struct station *station)
{
        int64_t now = clock_boot_ms();

        for (size_t i = 0; i < station->watch_count; i++)
                ask_watch(station, &station->watches[i], now);
}

static void
sighting_failed(struct station *station, struct watch *watch, const struct error *err)
{
        int64_t pause = RESTART_FIRST_MS;

        if (watch->failures++ == 0)
                station_tell(station, STATION_TROUBLE, 0, "%s: %s; %s",
                             watcher_module(watch->watcher), err->what,
                             watch->haunted ? "end the station and start it anew"
                                            : "it is started anew");
        if (!watch->restarting)
                return;
        watch->restarting = false;
        for (unsigned i = 0; i < watch->restarts && pause < RESTART_MOST_MS; i++)
                pause *= 2;
        watch->restarts++;
        watch->restart_ms = clock_boot_ms() + pause;
}

static void
sighting_came(struct station *station, struct watch *watch, const struct sighting *sighting)
{
        watch->looking = false;
        watch->hangs = false;
        if (sighting->error.kind != ERROR_NONE) {
                sighting_failed(station, watch, &sighting->error);
                return;
        }
        if (watch->failures)
                station_tell(station, STATION_NOTE, 0, "%s answers again",
                             watcher_module(watch->watcher));
        watch->failures = watch->restarts = 0;
        watch->restart_ms = 0;
        watch->restarting = false;
        watch->seen = true;
        bays_take(station, watch, sighting);
}

static void
take_sightings(struct station *station)
{
        struct sighting *sighting;

        while ((sighting = queue_take(station->sightings, 0))) {
                for (size_t i = 0; i < station->watch_count; i++) {
                        if (station->watches[i].watcher == sighting->watcher)
                                sighting_came(station, &station->watches[i], sighting);
                }
                sighting_free(sighting);
        }
}

void
station_leave_token(struct station *station, char *module, char *uri)
{
        struct leaving *leaving = memory_new(1, sizeof(*leaving));

        drive_leave_token(station->conductor, module, uri);
        leaving->module = module;
        leaving->uri = uri;
        leaving->next = station->leaving;
        station->leaving = leaving;
}

/* Sessions that are closed by now need not be counted any more. */
static void
settle_leaving(struct station *station)
{
        struct leaving **link = &station->leaving;

        while (*link) {
                struct leaving *leaving = *link;

                if (!drive_room(station->conductor, leaving->module, leaving->uri)) {
                        link = &leaving->next;
                        continue;
                }
                *link = leaving->next;
                free(leaving->module);
                free(leaving->uri);
                free(leaving);
        }
}

/* -- giving orders ---------------------------------------------------------------------------- */

static bool
watch_lets_in(const struct watch *watch)
{
        if (watch->failures || watch->restarting || watch->hangs)
                return false;
        return !watcher_cannot_lock(watch->watcher) ||
               (!watch->looking && clock_boot_ms() - watch->asked_ms < HUNGRY_MS);
}

static bool
hand_over(struct station *station, struct unit *unit, struct order **order)
{
        const char *uri =
                unit->order->token.uri ? unit->order->token.uri : unit->order->wishes.token_uri;
        const char *module = unit->order->wishes.module;

        if (!drive_room(station->conductor, module, uri))
                return false;
        text_assign(&unit->lane_module, module);
        text_assign(&unit->lane_uri, uri);
        unit_set(unit, UNIT_MOVING, "looks at the token");
        *order = MOVE(unit->order);
        return true;
}

/* -- an order of the station itself ----------------------------------------------------------- */

static bool
module_lets_in(const struct station *station, const char *module)
{
        for (size_t i = 0; i < station->watch_count; i++) {
                const struct watch *watch = &station->watches[i];

                if ((!module || strcmp(watcher_module(watch->watcher), module) == 0) &&
                    !watch_lets_in(watch))
                        return false;
        }
        return true;
}

static bool
run_errand(struct station *station, struct order **order)
{
        const struct station_user *user = station->user;
        struct errand *errand = &station->errand;
        int64_t now = clock_boot_ms();

        if (!user->errand || errand->moving || station->finishing)
                return false;
        if (!errand->order && now - errand->asked_ms >= ERRAND_EVERY_MS) {
                errand->asked_ms = now;
                if (!user->errand(user->context, &errand->order))
                        return false;
        }
        if (!errand->order)
                return false;
        const struct wishes *wishes = &errand->order->wishes;

        if (!module_lets_in(station, wishes->module) ||
            !drive_room(station->conductor, wishes->module, wishes->token_uri))
                return false;
        text_assign(&errand->name, wishes->name);
        text_assign(&errand->module, wishes->module);
        text_assign(&errand->uri, wishes->token_uri);
        errand->moving = true;
        *order = MOVE(errand->order);
        return true;
}

/* False when it is a unit's. */
static bool
end_errand(struct station *station, const struct order *order)
{
        struct errand *errand = &station->errand;

        if (!errand->moving || !text_equal(order->wishes.name, errand->name))
                return false;
        errand->moving = false;
        station_leave_token(station, MOVE(errand->module), MOVE(errand->uri));
        station->user->errand_done(station->user->context, order);
        return true;
}

static void
errand_clear(struct errand *errand)
{
        order_free(errand->order);
        free(errand->name);
        free(errand->module);
        free(errand->uri);
}

static bool
is_busy(const struct station *station)
{
        for (const struct unit *unit = station->units; unit; unit = unit->next) {
                if (unit_is_busy(unit))
                        return true;
        }
        return false;
}

static enum drive_supply
give_next(void *context, struct conductor *conductor, struct order **order)
{
        struct station *station = context;

        station->conductor = conductor;
        take_sightings(station);
        if (run_errand(station, order))
                return SUPPLY_ORDER;
        for (struct bay *bay = station->bays; bay; bay = bay->next) {
                if (bay->present && bay->unit && bay->unit->step == UNIT_READY &&
                    watch_lets_in(bay->watch) && hand_over(station, bay->unit, order))
                        return SUPPLY_ORDER;
        }
        return station->finishing && !is_busy(station) ? SUPPLY_END : SUPPLY_LATER;
}

static void
take_back(void *context, struct conductor *conductor, struct order *order)
{
        struct station *station = context;

        station->conductor = conductor;
        if (end_errand(station, order))
                order_free(order);
        else
                unit_take_back(station, order);
}

/* -- a turn ----------------------------------------------------------------------------------- */

static void
finish(struct station *station, const char *why)
{
        if (station->finishing)
                return;
        station->finishing = true;
        station_tell(station, STATION_NOTE, 0, "%s", why);
}

/* With --once: a token came, and nothing more is to be done for any that is here. */
static bool
is_round_over(const struct station *station)
{
        if (!station->ended)
                return false;
        for (size_t i = 0; i < station->watch_count; i++) {
                if (!station->watches[i].seen && !station->watches[i].hangs)
                        return false;
        }
        for (const struct unit *unit = station->units; unit; unit = unit->next) {
                if (unit_is_busy(unit) || unit->step == UNIT_SCAN || unit->step == UNIT_BACK ||
                    unit_is_worth_a_look(station, unit))
                        return false;
        }
        return true;
}

static void
keep_limits(struct station *station)
{
        const struct station_options *options = station->options;
        int signals = options->signals ? *options->signals : 0;

        if (signals >= 1)
                finish(station, "finishing what was begun; once more leaves at once");
        if (signals >= 2)
                station->stop = 2;
        if (options->until && clock_now() >= options->until)
                finish(station, "the time is up: finishing what was begun");
        if (options->quota && station->issued >= options->quota)
                finish(station, "the quota is used up: finishing what was begun");
        if (options->once && is_round_over(station))
                finish(station, "done");
}

static void
take_scans(struct station *station)
{
        const struct station_user *user = station->user;
        char line[sizeof(station->scan)];

        while (station->options->scans && !station->scan[0] &&
               user->scan(user->context, line, sizeof(line))) {
                if (!station->finishing && unit_take_scan(station, line))
                        continue;
                memcpy(station->scan, line, sizeof(line));
                station_tell(station, STATION_NOTE, 0, "scanned: %s", line);
        }
}

/* Whose token is gone, and that nobody waits for. */
static bool
is_forgotten(const struct station *station, const struct unit *unit)
{
        if (unit_is_busy(unit))
                return false;
        return unit->step == UNIT_BACK ? !bay_of(station, unit) : !unit_is_here(station, unit);
}

static void
turn_units(struct station *station)
{
        struct unit *next;

        for (struct unit *unit = station->units; unit; unit = next) {
                next = unit->next;
                unit_turn(station, unit);
                if (is_forgotten(station, unit))
                        unit_drop(station, unit);
        }
}

static void
on_turn(void *context, struct conductor *conductor)
{
        struct station *station = context;

        station->conductor = conductor;
        take_sightings(station);
        settle_leaving(station);
        take_scans(station);
        turn_units(station);
        keep_limits(station);
        ask_watches(station);
        station_look(station);
        station->user->draw(station->user->context, &station->view);
}

static void
on_event(void *context, enum drive_event event, const struct order *order, const char *text)
{
        unit_heard(context, event, order, text);
}

/* -- beginning and end ------------------------------------------------------------------------ */

static void
start_watches(struct station *station, struct modules *modules)
{
        struct modules **apart = modules_apart(modules, &station->watch_count);

        station->watches = memory_new(station->watch_count, sizeof(*station->watches));
        for (size_t i = 0; i < station->watch_count; i++)
                station->watches[i].watcher = watcher_start(apart[i], station->sightings);
        free(apart);
}

static bool
anybody_looks(const struct station *station)
{
        for (size_t i = 0; i < station->watch_count; i++) {
                if (station->watches[i].looking)
                        return true;
        }
        return false;
}

/* Wait for the looks that are under way; who does not come back hangs. */
static void
await_looks(struct station *station)
{
        int64_t ends = clock_boot_ms() + LAST_LOOK_MS;

        while (anybody_looks(station) && clock_boot_ms() < ends) {
                struct sighting *sighting =
                        queue_take(station->sightings, (int)(ends - clock_boot_ms()));

                for (size_t i = 0; sighting && i < station->watch_count; i++) {
                        if (station->watches[i].watcher == sighting->watcher)
                                station->watches[i].looking = false;
                }
                sighting_free(sighting);
        }
        if (anybody_looks(station))
                drive_note_hang();
}

static void
forget_units(struct station *station)
{
        while (station->units) {
                struct unit *unit = station->units;

                /* Its thread is inside the module; what it works on is its own. */
                if (unit->birth && birth_is_at_token(unit->birth)) {
                        unit->birth = NULL;
                        drive_note_hang();
                }
                unit->step = UNIT_FOREIGN;
                unit_drop(station, unit);
        }
}

static void
station_clear(struct station *station)
{
        forget_units(station);
        await_looks(station);
        for (size_t i = 0; i < station->watch_count; i++)
                watcher_stop(station->watches[i].watcher, drive_hangs());
        free(station->watches);
        while (station->bays) {
                struct bay *bay = station->bays;

                station->bays = bay->next;
                token_facts_clear(&bay->facts);
                free(bay);
        }
        while (station->leaving) {
                struct leaving *leaving = station->leaving;

                station->leaving = leaving->next;
                free(leaving->module);
                free(leaving->uri);
                free(leaving);
        }
        while (station->refusals) {
                struct refusal *refusal = station->refusals;

                station->refusals = refusal->next;
                free(refusal);
        }
        free(station->bay_views);
        errand_clear(&station->errand);
        uri_free(station->filter);
        if (!drive_hangs())
                queue_free(station->sightings);
}

bool
station_run(const struct station_options *options, const struct station_user *user,
            struct modules *modules, struct station_result *result, struct error *err)
{
        struct station station = {
                .options = options,
                .user = user,
                .drive = options->drive,
                .result = result,
                .sightings = queue_new(),
        };
        const struct drive_source source = {
                .next = give_next,
                .done = take_back,
                .turn = on_turn,
                .context = &station,
                .wake_fd = queue_fd(station.sightings),
        };

        *result = (struct station_result){ 0 };
        station.view.began_at = clock_now();
        station.drive.event = on_event;
        station.drive.context = &station;
        station.drive.stop = &station.stop;
        if (!station.drive.outage_ms)
                station.drive.outage_ms = patience_ms;
        if (options->filter && !(station.filter = uri_parse(options->filter, err))) {
                modules_close(modules);
                queue_free(station.sightings);
                return false;
        }
        start_watches(&station, modules);
        bool good = drive_run(&station.drive, &source, err);

        station_clear(&station);
        return good;
}
