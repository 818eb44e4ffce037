/*
 * What the operator sees of a station: pure, but for the clocks.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "drive/station_inside.h"

enum { WAITS_MS = 3000, MINUTE = 60 };

void
station_text(char *out, size_t size, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        int length = vsnprintf(out, size, format, arguments);

        va_end(arguments);
        if (length < 0 || (size_t)length < size)
                return;
        size_t end = size - 1;

        while (end > 0 && ((unsigned char)out[end - 1] & 0xC0) == 0x80)
                end--;
        if (end > 0 && (unsigned char)out[end - 1] >= 0xC0)
                end--;
        out[end] = '\0';
}

/* -- units that left -------------------------------------------------------------------------- */

void
station_note_unit(struct station *station, const char *name, bool good, const char *text)
{
        struct station_view *view = &station->view;
        int64_t now = clock_now();
        size_t kept = view->last_count < STATION_LAST ? view->last_count : STATION_LAST - 1;

        memmove(view->last + 1, view->last, kept * sizeof(view->last[0]));
        view->last[0] = (struct unit_view){ .good = good, .at = now };
        station_text(view->last[0].name, sizeof(view->last[0].name), "%s", name);
        station_text(view->last[0].text, sizeof(view->last[0].text), "%s", text);
        view->last_count = kept + 1;
        if (!good)
                return;
        int64_t minute = now / MINUTE;
        size_t slot = (size_t)(minute % RATE_MINUTES);

        if (station->rate[slot].minute != minute) {
                station->rate[slot].minute = minute;
                station->rate[slot].count = 0;
        }
        station->rate[slot].count++;
}

/* By the last hour; in the first one, as if it went on like that once five minutes are over. */
static unsigned
per_hour(const struct station *station, int64_t now)
{
        enum { LEAST_S = 5 * MINUTE, HOUR_S = 60 * MINUTE };
        int64_t ran = now - station->view.began_at;
        uint64_t count = 0;

        for (size_t i = 0; i < RATE_MINUTES; i++) {
                if (station->rate[i].minute > now / MINUTE - RATE_MINUTES)
                        count += station->rate[i].count;
        }
        if (ran >= HOUR_S || ran < LEAST_S)
                return (unsigned)count;
        return (unsigned)(count * HOUR_S / (uint64_t)ran);
}

/* -- one bay ---------------------------------------------------------------------------------- */

static enum bay_sight
sight_of(const struct bay *bay, bool outage, int64_t now)
{
        const struct unit *unit = bay->unit;

        if (!unit)
                return SIGHT_FREE;
        switch (unit->step) {
        case UNIT_NEW:
        case UNIT_BEFORE:
        case UNIT_READY:
                return SIGHT_BUSY;
        case UNIT_BIRTH:
        case UNIT_MOVING:
                if (!bay->present)
                        return SIGHT_BACK;
                if (unit->state < ORDER_REQUESTED || unit->state >= ORDER_ISSUED)
                        return SIGHT_BUSY;
                return outage || unit->waits || now - unit->since_ms > WAITS_MS ? SIGHT_WAIT
                                                                                : SIGHT_BUSY;
        case UNIT_AFTER:
                return SIGHT_BUSY;
        case UNIT_HELD:
        case UNIT_FOREIGN:
                return SIGHT_HOLD;
        case UNIT_SCAN:
                return SIGHT_SCAN;
        case UNIT_BACK:
                return bay->present ? SIGHT_BUSY : SIGHT_BACK;
        case UNIT_OK:
                return SIGHT_OK;
        case UNIT_DONE:
                return SIGHT_DONE;
        case UNIT_FAILED:
                return SIGHT_FAIL;
        }
        return SIGHT_HOLD;
}

static void
name_bay(const struct bay *bay, struct bay_view *view)
{
        const struct unit *unit = bay->unit;
        const char *text = bay->facts.label[0] ? bay->facts.label : bay->facts.serial;

        if (!unit)
                return;
        if (unit->name[0])
                text = unit->name;
        station_text(view->unit, sizeof(view->unit), "%s", text);
}

static const char *const nexts[SIGHTS] = {
        [SIGHT_FREE] = "insert a token",
        [SIGHT_BUSY] = "leave it in",
        [SIGHT_WAIT] = "leave it in",
        [SIGHT_OK] = "take it out",
        [SIGHT_DONE] = "take it out",
        [SIGHT_FAIL] = "take it out",
        [SIGHT_BACK] = "put it back",
        [SIGHT_SCAN] = "scan its label",
        [SIGHT_HOLD] = "",
};

static void
look_at_bay(struct station *station, const struct bay *bay, struct bay_view *view)
{
        const struct unit *unit = bay->unit;
        bool outage = station->view.outage[0] != '\0';

        *view = (struct bay_view){
                .number = bay->number,
                .sight = sight_of(bay, outage, clock_boot_ms()),
                .since_ms = unit ? unit->since_ms : bay->since_ms,
        };
        memcpy(view->reader, bay->reader, sizeof(view->reader));
        name_bay(bay, view);
        if (unit)
                memcpy(view->doing, unit->doing, sizeof(view->doing));
        if (view->sight == SIGHT_BACK)
                station_text(view->doing, sizeof(view->doing), "taken out too early");
        if (view->sight == SIGHT_WAIT && outage)
                memcpy(view->doing, station->view.outage, sizeof(view->doing));
        const char *next = nexts[view->sight];

        if (view->sight == SIGHT_FREE && station->finishing)
                next = "";
        if (unit && unit->step == UNIT_FOREIGN)
                next = "take it out";
        if (unit && unit->step == UNIT_FAILED && unit->error.next[0])
                next = unit->error.next;
        station_text(view->next, sizeof(view->next), "%s", next);
}

/* -- the whole -------------------------------------------------------------------------------- */

static void
look_at_outage(struct station *station)
{
        struct drive_standing standing = { 0 };
        struct tm local;
        char clock[16];

        station->view.outage[0] = '\0';
        drive_standing(station->conductor, &standing);
        if (standing.outage.kind == ERROR_NONE) {
                if (station->told_outage)
                        station_tell(station, STATION_NOTE, 0, "AWS answers again");
                station->told_outage = false;
                return;
        }
        time_t next = (time_t)standing.next_try;

        localtime_r(&next, &local);
        strftime(clock, sizeof(clock), "%H:%M:%S", &local);
        station_text(station->view.outage, sizeof(station->view.outage), "%s; next try at %s",
                     standing.outage.what, clock);
        if (!station->told_outage)
                station_tell(station, STATION_TROUBLE, 0, "%s", station->view.outage);
        station->told_outage = true;
}

/* The first module that is in the way, by its file's name. */
static void
look_at_modules(struct station *station)
{
        struct station_view *view = &station->view;

        view->trouble[0] = '\0';
        for (size_t i = 0; i < station->watch_count && !view->trouble[0]; i++) {
                const struct watch *watch = &station->watches[i];
                const char *path = watcher_module(watch->watcher);
                const char *slash = strrchr(path, '/');
                const char *name = slash ? slash + 1 : path;

                if (watch->hangs)
                        station_text(view->trouble, sizeof(view->trouble),
                                     "%s does not answer: unplug its reader and plug it in again, "
                                     "or start the station anew",
                                     name);
                else if (watch->failures)
                        station_text(view->trouble, sizeof(view->trouble), "%s fails: %s", name,
                                     watch->haunted ? "start the station anew"
                                                    : "it is started anew");
        }
}

/* "1", "1 and 3", "1, 2 and 4": the bays that look like that; NULL for none. */
static char *
bays_that(const struct station_view *view, enum bay_sight sight)
{
        struct buf text = { 0 };
        size_t count = 0;
        size_t told = 0;

        for (size_t i = 0; i < view->bay_count; i++)
                count += view->bays[i].sight == sight;
        for (size_t i = 0; i < view->bay_count; i++) {
                if (view->bays[i].sight != sight)
                        continue;
                buf_format(&text, "%s%u",
                           told == 0           ? ""
                           : told + 1 == count ? " and "
                                               : ", ",
                           view->bays[i].number);
                told++;
        }
        return (char *)text.data;
}

/* What has to be done by hand, the most urgent first; then what there is to wait for. */
static void
say_next(struct station_view *view)
{
        static const struct {
                enum bay_sight sight;
                const char *format;
                bool more; /* is there anything to say besides? */
        } rows[] = {
                { SIGHT_BACK, "put the token back into reader %s", false },
                { SIGHT_FAIL, "take out %s (failed)", true },
                { SIGHT_SCAN, "scan the label of the token in reader %s", true },
                { SIGHT_OK, "take out %s", true },
                { SIGHT_DONE, "take out %s (done before)", true },
                { SIGHT_FREE, "insert a token into reader %s", true },
                { SIGHT_WAIT, "wait", false },
                { SIGHT_BUSY, "wait", false },
        };
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup) char *bays = bays_that(view, rows[i].sight);

                if (!bays || (rows[i].sight == SIGHT_FREE && view->finishing) ||
                    (strcmp(rows[i].format, "wait") == 0 && text.len))
                        continue;
                buf_add_text(&text, text.len ? "; " : "");
                /* The row's format has the bays in it, or nothing. */
                const char *place = strstr(rows[i].format, "%s");
                size_t head = place ? (size_t)(place - rows[i].format) : strlen(rows[i].format);

                buf_format(&text, "%.*s%s%s", (int)head, rows[i].format, place ? bays : "",
                           place ? place + 2 : "");
                if (!rows[i].more)
                        break;
        }
        if (!text.len && view->finishing)
                buf_add_text(&text, "the station ends");
        else if (!text.len)
                buf_add_text(&text, "insert a token");
        station_text(view->next, sizeof(view->next), "%s", buf_text(&text));
        if (view->next[0] >= 'a' && view->next[0] <= 'z')
                view->next[0] = (char)(view->next[0] - 'a' + 'A');
}

void
station_look(struct station *station)
{
        struct station_view *view = &station->view;
        size_t count = 0;

        look_at_outage(station);
        look_at_modules(station);
        station->bay_views =
                memory_grow(station->bay_views, station->bay_count, sizeof(*station->bay_views));
        for (const struct bay *bay = station->bays; bay; bay = bay->next)
                look_at_bay(station, bay, &station->bay_views[count++]);
        view->bays = station->bay_views;
        view->bay_count = count;
        view->good = station->result->good;
        view->failed = station->result->failed;
        view->again = station->result->again;
        view->per_hour = per_hour(station, clock_now());
        view->quota = station->options->quota;
        view->issued = station->issued;
        view->until = station->options->until;
        view->finishing = station->finishing;
        memcpy(view->scan, station->scan, sizeof(view->scan));
        say_next(view);
}
