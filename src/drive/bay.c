/*
 * Readers: what the watchers see becomes tokens that are inserted and pulled.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "drive/station_inside.h"

enum {
        /* So many sightings in a row make up for one that may be a glitch: 0.5 s. */
        DOUBTS = 2,
};

struct bay *
bay_of(const struct station *station, const struct unit *unit)
{
        for (struct bay *bay = station->bays; bay; bay = bay->next) {
                if (bay->unit == unit)
                        return bay;
        }
        return NULL;
}

bool
unit_is_here(const struct station *station, const struct unit *unit)
{
        const struct bay *bay = bay_of(station, unit);

        return bay && bay->present;
}

static bool
is_same(const struct token_facts *a, const struct token_facts *b)
{
        if (strcmp(a->serial, b->serial) != 0 || strcmp(a->manufacturer, b->manufacturer) != 0 ||
            a->initialized != b->initialized)
                return false;
        return token_serial_is_identity(a->serial) ||
               (strcmp(a->label, b->label) == 0 && strcmp(a->model, b->model) == 0);
}

static struct bay *
find_bay(const struct station *station, const struct watch *watch, unsigned long slot_id)
{
        for (struct bay *bay = station->bays; bay; bay = bay->next) {
                if (bay->watch == watch && bay->slot_id == slot_id)
                        return bay;
        }
        return NULL;
}

/*
 * Which slots are readers?  Those that tokens can be pulled from, and those that have held one:
 * software tokens always have one more slot, for the next blank token.
 */
static bool
is_reader(const struct station *station, const struct seat *seat)
{
        if (seat->facts.removable)
                return true;
        if (seat->state == SEAT_TAKEN)
                return seat->facts.initialized || station->options->birth;
        return seat->state == SEAT_TROUBLE;
}

static struct bay *
add_bay(struct station *station, struct watch *watch, const struct seat *seat)
{
        struct bay *bay = memory_new(1, sizeof(*bay));
        struct bay **end = &station->bays;
        const char *text = seat->facts.slot_description;

        bay->watch = watch;
        bay->slot_id = seat->facts.slot_id;
        bay->number = ++station->bay_count;
        bay->since_ms = clock_boot_ms();
        if (*text)
                memcpy(bay->reader, text, sizeof(bay->reader));
        while (*end)
                end = &(*end)->next;
        *end = bay;
        return bay;
}

/* -- in and out ------------------------------------------------------------------------------- */

static void
pulled(struct station *station, struct bay *bay)
{
        bay->present = false;
        bay->doubts = 0;
        bay->since_ms = clock_boot_ms();
        station_tell(station, STATION_PULLED, bay->number, "'%s' was taken out",
                     bay->facts.label[0] ? bay->facts.label : bay->facts.serial);
        if (bay->unit && !unit_leave(station, bay->unit))
                bay->unit = NULL;
}

/* A unit that was begun with this token, in whatever reader, and that nobody else has. */
static struct unit *
find_unit(const struct station *station, const struct token_facts *facts)
{
        for (struct unit *unit = station->units; unit; unit = unit->next) {
                if (unit->serial[0] && strcmp(unit->serial, facts->serial) == 0 &&
                    strcmp(unit->manufacturer, facts->manufacturer) == 0 &&
                    !unit_is_here(station, unit))
                        return unit;
        }
        return NULL;
}

/* What another token left behind here is found again by its serial number, wherever it turns up. */
static void
forget_unit(struct station *station, struct bay *bay)
{
        struct unit *unit = bay->unit;

        bay->unit = NULL;
        if (unit && !unit_is_busy(unit))
                unit_drop(station, unit);
}

static void
inserted(struct station *station, struct bay *bay, const struct token_facts *facts)
{
        struct unit *unit = find_unit(station, facts);
        struct bay *before = unit ? bay_of(station, unit) : NULL;

        token_facts_copy(&bay->facts, facts);
        bay->present = true;
        bay->doubts = 0;
        bay->since_ms = clock_boot_ms();
        station_tell(station, STATION_INSERTED, bay->number, "'%s', serial %s",
                     facts->label[0] ? facts->label : "(blank)",
                     facts->serial[0] ? facts->serial : "unknown");
        if (before)
                before->unit = NULL;
        if (unit && bay->unit == unit)
                bay->unit = NULL;
        forget_unit(station, bay);
        bay->unit = unit;
        unit_arrive(station, bay);
}

/* -- sightings -------------------------------------------------------------------------------- */

static void
take_facts(struct station *station, struct bay *bay, const struct token_facts *facts)
{
        if (!bay->present) {
                inserted(station, bay, facts);
                return;
        }
        if (is_same(&bay->facts, facts)) {
                bay->doubts = 0;
                return;
        }
        /* What was initialised and looks blank may be in the hands of another process just now. */
        if (bay->facts.initialized && !facts->initialized && ++bay->doubts < DOUBTS)
                return;
        pulled(station, bay);
        inserted(station, bay, facts);
}

/* A token that does not answer.  While one is at work, that is for the work to find out. */
static void
take_trouble(struct station *station, struct bay *bay, const struct seat *seat)
{
        if (bay->present || ++bay->doubts < DOUBTS)
                return;
        forget_unit(station, bay);
        token_facts_copy(&bay->facts, &seat->facts);
        bay->present = true;
        bay->since_ms = clock_boot_ms();
        unit_trouble(station, bay, &seat->trouble);
}

static void
take_seat(struct station *station, struct watch *watch, const struct seat *seat)
{
        struct bay *bay = find_bay(station, watch, seat->facts.slot_id);

        if (!bay && !is_reader(station, seat))
                return;
        if (!bay)
                bay = add_bay(station, watch, seat);
        /* While a token is being initialised it looks like anything. */
        if (bay->valid_from > watch->asks ||
            (bay->unit && bay->unit->step == UNIT_BIRTH && seat->state != SEAT_EMPTY))
                return;
        switch (seat->state) {
        case SEAT_TAKEN:
                take_facts(station, bay, &seat->facts);
                return;
        case SEAT_TROUBLE:
                take_trouble(station, bay, seat);
                return;
        case SEAT_EMPTY:
                if (bay->present)
                        pulled(station, bay);
                bay->doubts = 0;
                return;
        }
}

/* A reader that was unplugged took its token along. */
static void
unplug(struct station *station, const struct watch *watch, const struct sighting *sighting)
{
        struct bay **link = &station->bays;

        while (*link) {
                struct bay *bay = *link;

                if (bay->watch != watch || bay->valid_from > watch->asks ||
                    sighting_find(sighting, bay->slot_id)) {
                        link = &bay->next;
                        continue;
                }
                if (bay->present)
                        pulled(station, bay);
                if (bay->unit) {
                        link = &bay->next;
                        continue;
                }
                *link = bay->next;
                token_facts_clear(&bay->facts);
                free(bay);
        }
}

void
bays_take(struct station *station, struct watch *watch, const struct sighting *sighting)
{
        for (size_t i = 0; i < sighting->count; i++)
                take_seat(station, watch, &sighting->seats[i]);
        unplug(station, watch, sighting);
}
