/*
 * Units whose orders are with the conductor: what it says, and how they come back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "drive/station_inside.h"

/* How often an order that missed its token, which is here, is tried again. */
enum { RETURNS = 3 };

static struct unit *
unit_of_order(const struct station *station, const struct order *order)
{
        for (struct unit *unit = station->units; order->wishes.name && unit; unit = unit->next) {
                if (unit->step == UNIT_MOVING && strcmp(unit->name, order->wishes.name) == 0)
                        return unit;
        }
        return NULL;
}

static const char *const doings[] = {
        [EVENT_PLANNED] = "makes its key",
        [EVENT_KEYED] = "signs its request",
        [EVENT_CSR] = "signs its request",
        [EVENT_REQUESTED] = "asks the CA",
        [EVENT_SUBMITTED] = "waits for its certificate",
        [EVENT_ISSUED] = "checks its certificate",
        [EVENT_VERIFIED] = "writes its certificate",
        [EVENT_DELIVERED] = "is delivered",
        [EVENT_PROVED] = "is proved",
};

static void
count_issued(struct station *station, struct unit *unit)
{
        if (!unit->fresh)
                return;
        unit->fresh = false;
        unit->counted = true;
        station->issued++;
}

void
unit_heard(struct station *station, enum drive_event event, const struct order *order,
           const char *text)
{
        struct unit *unit = order ? unit_of_order(station, order) : NULL;

        if (event == EVENT_NOTE && text)
                station_tell(station, STATION_NOTE, unit ? unit_bay_number(station, unit) : 0, "%s",
                             text);
        if (event == EVENT_ROOT && text)
                station_tell(station, STATION_NOTE, 0, "the root is pinned at first use for CA %s",
                             text);
        if (!unit)
                return;
        unit->state = order->state;
        if (order->number)
                unit->reserved = false; /* from now on the ledger has the name */
        if (event == EVENT_SUBMITTED)
                count_issued(station, unit);
        unit->waits = event == EVENT_WAITING || (unit->waits && event == EVENT_NOTE);
        if (event == EVENT_WAITING && text) {
                unit_set(unit, UNIT_MOVING, "%s", text);
                return;
        }
        if ((size_t)event >= ARRAY_LENGTH(doings) || !doings[event])
                return;
        unit_set(unit, UNIT_MOVING, "%s", doings[event]);
        station_tell(station, STATION_STEP, unit_bay_number(station, unit), "%s: %s", unit->name,
                     order_state_name(order->state));
}

static bool
is_token_missing(enum error_kind kind)
{
        return kind == ERROR_TOKEN_ABSENT || kind == ERROR_TOKEN_REMOVED;
}

static void
leave_token(struct station *station, struct unit *unit)
{
        station_leave_token(station, MOVE(unit->lane_module), MOVE(unit->lane_uri));
}

/* What is in the ledger is taken up when its token is back; what is not begins anew then. */
static void
token_gone(struct station *station, struct unit *unit)
{
        bool recorded = unit->order->number != 0;

        station_tell(station, STATION_PULLED, unit_bay_number(station, unit),
                     "%s stands still: its token was taken out", unit->name);
        order_free(MOVE(unit->order));
        unit_set(unit, recorded ? UNIT_BACK : UNIT_FOREIGN, "taken out too early");
}

/* Missed, but it is there: a contact that was bad for a moment, or it is back already. */
static void
token_missed(struct station *station, struct unit *unit)
{
        struct bay *bay = bay_of(station, unit);
        struct error err = unit->order->error;
        unsigned returns = unit->returns + 1;

        if (!bay || !bay->present) {
                token_gone(station, unit);
                return;
        }
        if (returns > RETURNS) {
                unit_fail(station, unit, &err);
                return;
        }
        if (unit->reserved)
                station->user->give_back(station->user->context, unit->name);
        unit->reserved = false;
        unit_set(unit, UNIT_BACK, "looks for its token again");
        unit_arrive(station, bay);
        unit->returns = returns;
}

/* A prompt's PIN is not on any guard's list, and the same for every token: it is not tried again.
 */
static void
note_refusal(struct station *station, const struct unit *unit, const struct error *err)
{
        const struct pin_source *source = station->drive.pin;
        struct refusal *refusal;

        if (err->kind != ERROR_PIN_WRONG ||
            (source && source->kind != PIN_PROMPT && source->kind != PIN_NONE))
                return;
        refusal = memory_new(1, sizeof(*refusal));
        memcpy(refusal->serial, unit->serial, sizeof(refusal->serial));
        memcpy(refusal->manufacturer, unit->manufacturer, sizeof(refusal->manufacturer));
        refusal->next = station->refusals;
        station->refusals = refusal;
}

static bool
is_delivered(const struct order *order)
{
        return order->error.kind == ERROR_NONE &&
               (order->state == ORDER_DELIVERED || order->state == ORDER_INSTALLED);
}

static void
stands_still(struct station *station, struct unit *unit)
{
        struct order *order = unit->order;
        struct error err = order->error;

        station->user->done(station->user->context, order);
        if (is_delivered(order)) {
                if (unit_owes_hook(station, order))
                        unit_run_after(station, unit);
                else
                        unit_good(station, unit);
                return;
        }
        if (err.kind == ERROR_INTERRUPTED) {
                station->result->interrupted++;
                unit->tried = station->departures;
                unit_set(unit, UNIT_HELD, "left half-way; it goes on when it is inserted again");
                return;
        }
        note_refusal(station, unit, &err);
        if (err.kind == ERROR_TOKEN_HANGS && bay_of(station, unit))
                bay_of(station, unit)->watch->haunted = true;
        if (err.kind == ERROR_NONE)
                error_set(&err, ERROR_PENDING, "the order is %s", order_state_name(order->state));
        unit_fail(station, unit, &err);
}

void
unit_take_back(struct station *station, struct order *order)
{
        struct unit *unit = unit_of_order(station, order);

        /* One whose module hangs comes back as the ledger has it; its name is the same. */
        assert(unit);
        unit->order = order;
        unit->state = order->state;
        unit->waits = false;
        unit->step = UNIT_NEW;
        if (order->number)
                unit->reserved = false;
        leave_token(station, unit);
        if (is_token_missing(order->error.kind) && unit->order->state != ORDER_FAILED)
                token_missed(station, unit);
        else
                stands_still(station, unit);
}
