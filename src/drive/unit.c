/*
 * Units: a token that is recognised, gets its order, and leaves.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "drive/station_inside.h"
#include "engine/admin.h"

enum { TRY_AGAIN_MS = 2000 }; /* what is held is looked at again */

void
unit_set(struct unit *unit, enum unit_step step, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        CLEANUP(free_cleanup) char *text = NULL;
        int length = vasprintf(&text, format, arguments);

        va_end(arguments);
        assert(length >= 0);
        station_text(unit->doing, sizeof(unit->doing), "%s", text);
        if (unit->step == step)
                return;
        unit->step = step;
        unit->since_ms = clock_boot_ms();
}

bool
unit_is_busy(const struct unit *unit)
{
        return unit->step == UNIT_BIRTH || unit->step == UNIT_BEFORE || unit->step == UNIT_READY ||
               unit->step == UNIT_MOVING || unit->step == UNIT_AFTER;
}

bool
unit_is_worth_a_look(const struct station *station, const struct unit *unit)
{
        return unit->step == UNIT_HELD && unit->tried != station->departures;
}

unsigned
unit_bay_number(const struct station *station, const struct unit *unit)
{
        const struct bay *bay = bay_of(station, unit);

        return bay ? bay->number : 0;
}

/* What people call it. */
const char *
unit_title(const struct station *station, const struct unit *unit)
{
        const struct bay *bay = bay_of(station, unit);

        if (unit->name[0])
                return unit->name;
        if (bay && bay->facts.label[0])
                return bay->facts.label;
        if (unit->serial[0])
                return unit->serial;
        return "(without a label)";
}

static struct unit *
unit_new(struct station *station)
{
        struct unit *unit = memory_new(1, sizeof(*unit));

        unit->since_ms = unit->began_ms = clock_boot_ms();
        unit->next = station->units;
        station->units = unit;
        return unit;
}

static void
clear_lane(struct unit *unit)
{
        free(MOVE(unit->lane_module));
        free(MOVE(unit->lane_uri));
}

void
unit_drop(struct station *station, struct unit *unit)
{
        struct unit **link = &station->units;
        struct bay *bay = bay_of(station, unit);

        assert(unit->step != UNIT_MOVING);
        station->departures += unit->name[0] || unit->birth;
        while (*link != unit)
                link = &(*link)->next;
        *link = unit->next;
        if (bay)
                bay->unit = NULL;
        if (unit->reserved)
                station->user->give_back(station->user->context, unit->name);
        if (unit->serial[0])
                pin_forget(unit->manufacturer, unit->serial);
        hook_free(unit->hook);
        birth_free(unit->birth);
        order_free(unit->order);
        clear_lane(unit);
        free(unit);
}

/* -- how it ends ------------------------------------------------------------------------------ */

void
unit_fail(struct station *station, struct unit *unit, const struct error *err)
{
        unit->error = *err;
        unit_set(unit, UNIT_FAILED, "%s", err->what);
        station->ended++;
        station->departures++;
        station->result->failed++;
        station->result->last_error = *err;
        if (unit->reserved)
                station->user->give_back(station->user->context, unit->name);
        unit->reserved = false;
        station_note_unit(station, unit_title(station, unit), false, err->what);
        station_tell(station, STATION_FAILED, unit_bay_number(station, unit), "%s: %s",
                     unit_title(station, unit), err->what);
        if (err->about[0])
                station_tell(station, STATION_NOTE, unit_bay_number(station, unit), "on: %s",
                             err->about);
        if (err->next[0])
                station_tell(station, STATION_NOTE, unit_bay_number(station, unit), "next: %s",
                             err->next);
}

void
unit_trouble(struct station *station, struct bay *bay, const struct error *err)
{
        bay->unit = unit_new(station);
        unit_fail(station, bay->unit, err);
}

void
unit_good(struct station *station, struct unit *unit)
{
        double took = (double)(clock_boot_ms() - unit->began_ms) / 1000;
        CLEANUP(free_cleanup) char *text = text_format("delivered in %.1f s", took);

        unit_set(unit, UNIT_OK, "%s", text);
        unit->reserved = false;
        station->ended++;
        station->result->good++;
        station_note_unit(station, unit->name, true, text);
        station_tell(station, STATION_GOOD, unit_bay_number(station, unit), "%s: %s", unit->name,
                     text);
}

/* -- an order for it -------------------------------------------------------------------------- */

static void
take_order(struct unit *unit, struct order *order)
{
        unit->order = order;
        unit->state = order->state;
        station_text(unit->name, sizeof(unit->name), "%s", order->wishes.name);
}

/* The token and the module are what the reader says; the rest is the user's wish. */
static void
bind_order(struct order *order, const struct token_facts *facts)
{
        CLEANUP(free_cleanup) char *uri = uri_of_token(facts);

        text_assign(&order->wishes.token_uri, uri);
        text_assign(&order->wishes.module, facts->module_path);
}

static void
hold(struct station *station, struct unit *unit, const char *why)
{
        bool told = unit->step == UNIT_HELD && strcmp(unit->doing, why) == 0;

        unit->tried_ms = clock_boot_ms();
        unit->tried = station->departures;
        unit_set(unit, UNIT_HELD, "%s", why);
        if (!told)
                station_tell(station, STATION_TROUBLE, unit_bay_number(station, unit), "%s: %s",
                             unit_title(station, unit), why);
}

/* The conductor and the ledger know orders by their names. */
static bool
name_is_alone(const struct station *station, const struct order *order, struct error *err)
{
        for (const struct unit *unit = station->units; unit; unit = unit->next) {
                if (!unit_is_busy(unit) || strcmp(unit->name, order->wishes.name) != 0)
                        continue;
                error_set(err, ERROR_ORDER_STATE, "another token here has the name %s", unit->name);
                error_about(err, "token serial %s", unit->serial);
                return error_advise(err, "names come from --name or the common name; let one have "
                                         "{token.serial} in it");
        }
        return true;
}

static void
begin_new(struct station *station, struct bay *bay, const char *scan)
{
        struct unit *unit = bay->unit;
        struct order *order = NULL;
        struct error err = { 0 };

        if (!station->user->order(station->user->context, &bay->facts, scan, &order, &err)) {
                if (err.kind == ERROR_NOTHING)
                        hold(station, unit, err.what);
                else
                        unit_fail(station, unit, &err);
                return;
        }
        if (!name_is_alone(station, order, &err)) {
                order_free(order);
                unit_fail(station, unit, &err);
                return;
        }
        bind_order(order, &bay->facts);
        unit_mark_hook(station, order);
        take_order(unit, order);
        unit->reserved = unit->fresh = true;
        station_tell(station, STATION_BEGUN, bay->number, "%s", unit->name);
        unit_run_before(station, bay, unit);
}

/* What keeps every new unit from being begun, or NULL. */
static const char *
reason_to_hold(const struct station *station)
{
        if (station->finishing)
                return "the station is finishing: nothing new is begun";
        return station_has_quota(station) ? NULL : "the quota is used up";
}

static void
want_new(struct station *station, struct bay *bay)
{
        const char *reason = reason_to_hold(station);
        CLEANUP(free_cleanup) char *scan = NULL;

        if (reason) {
                hold(station, bay->unit, reason);
                return;
        }
        if (station->options->scans && !station->scan[0]) {
                unit_set(bay->unit, UNIT_SCAN, "waits for its label to be scanned");
                return;
        }
        if (station->options->scans) {
                scan = text_copy(station->scan);
                station->scan[0] = '\0';
        }
        begin_new(station, bay, scan);
}

static void
go_on(struct station *station, struct bay *bay, struct order *order)
{
        struct unit *unit = bay->unit;
        struct error err = { 0 };

        take_order(unit, order);
        if (!station->user->accept(station->user->context, order, &err)) {
                unit_fail(station, unit, &err);
                return;
        }
        bool fresh = order->state <= ORDER_REQUESTED;
        const char *reason = station->finishing || fresh ? reason_to_hold(station) : NULL;

        if (reason) {
                order_free(MOVE(unit->order));
                hold(station, unit, reason);
                return;
        }
        unit->resumed = true;
        unit->fresh = fresh;
        station_tell(station, STATION_BEGUN, bay->number, "%s goes on, from %s", unit->name,
                     order_state_name(order->state));
        unit_set(unit, UNIT_READY, "goes on where it stopped");
}

static void
done_before(struct station *station, struct bay *bay, struct order *order)
{
        struct unit *unit = bay->unit;
        char day[CLOCK_TEXT];

        take_order(unit, order);
        if (unit_owes_hook(station, order)) {
                unit_run_after(station, unit);
                return;
        }
        clock_format(order->delivered_at ? order->delivered_at : order->updated_at, day);
        day[10] = '\0';
        unit_set(unit, UNIT_DONE, "done already: %s, on %s", unit->name, day);
        station->result->again++;
        station->ended++;
        station_tell(station, STATION_AGAIN, bay->number, "%s", unit->doing);
}

static void
failed_before(struct station *station, struct bay *bay, struct order *order)
{
        struct unit *unit = bay->unit;
        struct error err = { 0 };

        if (station->options->retry_failed && !order->certificate_arn) {
                order_free(order);
                want_new(station, bay);
                return;
        }
        take_order(unit, order);
        error_set(&err, ERROR_ORDER_FAILED, "it failed before: %s",
                  order->error.what[0] ? order->error.what : "see the ledger");
        error_about(&err, "order %lld '%s'", (long long)order->number, unit->name);
        error_advise(&err,
                     order->certificate_arn
                             ? "its certificate was issued; `p11cert show %lld` tells more"
                             : "`p11cert show %lld` tells more; --retry-failed makes another order",
                     (long long)order->number);
        unit_fail(station, unit, &err);
}

static void
held_before(struct station *station, struct unit *unit, struct order *order)
{
        struct error err = { 0 };

        take_order(unit, order);
        error_set(&err, ERROR_HELD, "its order is held: the CSR is on the way");
        error_about(&err, "order %lld '%s'", (long long)order->number, unit->name);
        error_advise(&err, "p11cert submit or p11cert import moves it");
        unit_fail(station, unit, &err);
}

/* What the ledger knows of the token decides. */
static void
consult_ledger(struct station *station, struct bay *bay)
{
        struct error err = { 0 };
        struct order *order = ledger_of_token(station->drive.ledger, bay->facts.manufacturer,
                                              bay->facts.serial, &err);

        if (!order && err.kind != ERROR_NONE)
                unit_fail(station, bay->unit, &err);
        else if (!order || order->revoked_at || order->state == ORDER_SUPERSEDED) {
                /* What was revoked is out of the way. */
                order_free(order);
                want_new(station, bay);
        } else if (order->held)
                held_before(station, bay->unit, order);
        else if (order_state_is_open(order->state))
                go_on(station, bay, order);
        else if (order->state == ORDER_FAILED)
                failed_before(station, bay, order);
        else
                done_before(station, bay, order);
}

/* -- blank tokens ----------------------------------------------------------------------------- */

static void
begin_birth(struct station *station, struct bay *bay)
{
        struct unit *unit = bay->unit;
        struct birth_plan plan = *station->options->birth;
        CLEANUP(free_cleanup) char *label = NULL;
        const char *reason = reason_to_hold(station);
        struct error err = { 0 };

        if (reason) {
                hold(station, unit, reason);
                return;
        }
        if (!station->user->label(station->user->context, &bay->facts, &label, &err)) {
                unit_fail(station, unit, &err);
                return;
        }
        plan.label = label;
        unit->birth = birth_begin(&bay->facts, &plan, &err);
        if (!unit->birth) {
                unit_fail(station, unit, &err);
                return;
        }
        station_tell(station, STATION_STEP, bay->number, "the blank token becomes '%s'", label);
        unit_set(unit, UNIT_BIRTH, "is being initialised as '%s'", label);
}

static void
know_token(struct unit *unit, const struct token_facts *facts)
{
        station_text(unit->serial, sizeof(unit->serial), "%s", facts->serial);
        station_text(unit->manufacturer, sizeof(unit->manufacturer), "%s", facts->manufacturer);
}

static void
turn_birth(struct station *station, struct unit *unit)
{
        struct bay *bay = bay_of(station, unit);
        struct token_facts made = { 0 };
        struct error err = { 0 };
        enum birth_state state = birth_poll(unit->birth, &made, &err);

        if (state == BIRTH_GOES_ON)
                return;
        birth_free(MOVE(unit->birth));
        bay->valid_from = bay->watch->asks + 1;
        bay->watch->haunted |= err.kind == ERROR_TOKEN_HANGS;
        if (state == BIRTH_FAILED) {
                unit_fail(station, unit, &err);
                return;
        }
        token_facts_copy(&bay->facts, &made);
        token_facts_clear(&made);
        station_tell(station, STATION_STEP, bay->number, "the token is '%s' now, serial %s",
                     bay->facts.label, bay->facts.serial);
        know_token(unit, &bay->facts);
        unit_set(unit, UNIT_NEW, "%s", "");
        unit_arrive(station, bay);
}

/* -- arriving --------------------------------------------------------------------------------- */

static bool
is_elsewhere(const struct station *station, const struct bay *here)
{
        for (const struct bay *bay = station->bays; bay; bay = bay->next) {
                if (bay != here && bay->present && bay->unit && here->facts.serial[0] &&
                    strcmp(bay->facts.serial, here->facts.serial) == 0 &&
                    strcmp(bay->facts.manufacturer, here->facts.manufacturer) == 0)
                        return true;
        }
        return false;
}

static void
no_identity(struct station *station, struct unit *unit)
{
        struct error err = { 0 };

        error_set(&err, ERROR_TOKEN,
                  "the token has no serial number of its own, so it could not "
                  "be known again");
        error_advise(&err, "issue for it by hand: p11cert issue --token …");
        unit_fail(station, unit, &err);
}

static void
blank_token(struct station *station, struct bay *bay)
{
        struct error err = { 0 };

        if (station->options->birth) {
                begin_birth(station, bay);
                return;
        }
        error_set(&err, ERROR_TOKEN_ABSENT, "the token is blank: it has not been initialised");
        error_advise(&err, "take it out; --init initialises blank tokens");
        unit_fail(station, bay->unit, &err);
}

/* A token that got its label and no user PIN, because it was pulled too early, is finished. */
static bool
is_half_born(const struct station *station, const struct token_facts *facts)
{
        CLEANUP(free_cleanup) char *label = NULL;
        struct error ignored = { 0 };

        return station->options->birth && facts->initialized && !facts->pin_initialized &&
               station->user->label(station->user->context, facts, &label, &ignored) &&
               token_is_half_made(facts, label);
}

static bool
was_refused(const struct station *station, const struct unit *unit)
{
        for (const struct refusal *one = station->refusals; one; one = one->next) {
                if (strcmp(one->serial, unit->serial) == 0 &&
                    strcmp(one->manufacturer, unit->manufacturer) == 0)
                        return true;
        }
        return false;
}

static void
refuse_pin(struct station *station, struct unit *unit)
{
        struct error err = { 0 };

        error_set(&err, ERROR_PIN_REFUSED, "the token refused the PIN before");
        error_advise(&err, "the PIN that was entered is not tried again on this token; put it "
                           "aside");
        unit_fail(station, unit, &err);
}

static void
unit_foreign(struct station *station, struct unit *unit)
{
        unit_set(unit, UNIT_FOREIGN, "not a token for this station");
        station_tell(station, STATION_TROUBLE, unit_bay_number(station, unit), "%s: %s",
                     unit_title(station, unit), unit->doing);
}

static void
identify(struct station *station, struct bay *bay)
{
        struct unit *unit = bay->unit;

        if (station->filter && !uri_matches(station->filter, &bay->facts))
                unit_foreign(station, unit);
        else if (is_elsewhere(station, bay))
                hold(station, unit, "another reader has a token with the same serial number");
        else if (token_is_blank(&bay->facts) || is_half_born(station, &bay->facts))
                blank_token(station, bay);
        else if (!token_serial_is_identity(bay->facts.serial))
                no_identity(station, unit);
        else if (was_refused(station, unit))
                refuse_pin(station, unit);
        else
                consult_ledger(station, bay);
}

void
unit_arrive(struct station *station, struct bay *bay)
{
        if (!bay->unit)
                bay->unit = unit_new(station);
        struct unit *unit = bay->unit;

        know_token(unit, &bay->facts);
        /* What is under way needs nothing but its token. */
        if (unit_is_busy(unit))
                return;
        order_free(MOVE(unit->order));
        unit->name[0] = '\0';
        unit->returns = 0;
        unit->began_ms = clock_boot_ms();
        identify(station, bay);
}

/* An order that the ledger has not heard of is forgotten with its token. */
bool
unit_leave(struct station *station, struct unit *unit)
{
        switch (unit->step) {
        case UNIT_BIRTH:
        case UNIT_MOVING:
        case UNIT_AFTER:
        case UNIT_BACK:
                return true;
        case UNIT_READY:
                if (unit->resumed) {
                        order_free(MOVE(unit->order));
                        unit_set(unit, UNIT_BACK, "taken out too early");
                        return true;
                }
                break;
        default:
                break;
        }
        unit_drop(station, unit);
        return false;
}

void
unit_turn(struct station *station, struct unit *unit)
{
        struct bay *bay = bay_of(station, unit);

        if (unit->step == UNIT_BIRTH)
                turn_birth(station, unit);
        else if (unit->hook)
                unit_turn_hook(station, unit);
        else if (unit->step == UNIT_HELD && bay && bay->present &&
                 (unit_is_worth_a_look(station, unit) ||
                  clock_boot_ms() - unit->tried_ms >= TRY_AGAIN_MS))
                unit_arrive(station, bay);
        else if (unit->step == UNIT_SCAN && station->finishing)
                hold(station, unit, "the station is finishing: nothing new is begun");
}

bool
unit_take_scan(struct station *station, const char *line)
{
        for (struct bay *bay = station->bays; bay; bay = bay->next) {
                if (!bay->present || !bay->unit || bay->unit->step != UNIT_SCAN)
                        continue;
                begin_new(station, bay, line);
                return true;
        }
        return false;
}
