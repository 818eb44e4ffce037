/*
 * The hooks of a unit: one before anything is done for it, one after its delivery.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "drive/deliver.h"
#include "drive/station_inside.h"

/* Says with the order whether the hook that comes after it has ended well. */
static const char hook_mark[] = "station-hook";

static void
add_attributes(struct hook_facts *facts, const struct wishes *wishes)
{
        for (size_t i = 0; i < wishes->attribute_count; i++) {
                CLEANUP(free_cleanup)
                char *name = text_format("P11CERT_ATTR_%s", wishes->attributes[i].name);

                for (char *c = name; *c; c++) {
                        if (*c >= 'a' && *c <= 'z')
                                *c = (char)(*c - 'a' + 'A');
                        else if (!(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9'))
                                *c = '_';
                }
                hook_fact(facts, name, wishes->attributes[i].value);
        }
}

/* The facts of the order, and of the token that lies in the reader. */
static void
gather_facts(const struct station *station, const struct bay *bay, const struct order *order,
             const char *which, struct hook_facts *facts)
{
        CLEANUP(free_cleanup) char *uri = uri_of_token(&bay->facts);
        char reader[12];

        snprintf(reader, sizeof(reader), "%u", bay->number);
        const struct {
                const char *name;
                const char *value;
        } rows[] = {
                { "P11CERT_HOOK", which },
                { "P11CERT_STATE", station->drive.state },
                { "P11CERT_ORDER_STATE", order->number ? order_state_name(order->state) : "" },
                { "P11CERT_READER", bay->reader },
                { "P11CERT_READER_NUMBER", reader },
                { "P11CERT_TOKEN_LABEL", bay->facts.label },
                { "P11CERT_TOKEN_SERIAL", bay->facts.serial },
                { "P11CERT_TOKEN_MANUFACTURER", bay->facts.manufacturer },
                { "P11CERT_TOKEN_MODEL", bay->facts.model },
                { "P11CERT_TOKEN_URI", uri },
        };

        deliver_hook_facts(order, facts);
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
                hook_fact(facts, rows[i].name, rows[i].value);
        add_attributes(facts, &order->wishes);
}

static bool
start_hook(struct station *station, struct bay *bay, struct unit *unit, const char *program,
           const char *which, struct error *err)
{
        struct hook_facts facts = { 0 };

        gather_facts(station, bay, unit->order, which, &facts);
        unit->hook = hook_start(program, &facts, station->options->hide, NULL,
                                station->options->hook_timeout_ms, err);
        hook_facts_clear(&facts);
        return unit->hook != NULL;
}

void
unit_run_before(struct station *station, struct bay *bay, struct unit *unit)
{
        struct error err = { 0 };

        if (!station->options->before)
                unit_set(unit, UNIT_READY, "its turn comes");
        else if (start_hook(station, bay, unit, station->options->before, "before", &err))
                unit_set(unit, UNIT_BEFORE, "the hook runs");
        else
                unit_fail(station, unit, &err);
}

void
unit_mark_hook(const struct station *station, struct order *order)
{
        if (station->options->after)
                wishes_add_attribute(&order->wishes, hook_mark, "pending");
}

static struct attribute *
find_mark(const struct order *order)
{
        for (size_t i = 0; i < order->wishes.attribute_count; i++) {
                if (strcmp(order->wishes.attributes[i].name, hook_mark) == 0)
                        return &order->wishes.attributes[i];
        }
        return NULL;
}

/* The hook has still to run: that is on record with the order from its first fact on. */
bool
unit_owes_hook(const struct station *station, const struct order *order)
{
        const struct attribute *mark = find_mark(order);

        return station->options->after && mark && strcmp(mark->value, "pending") == 0;
}

void
unit_run_after(struct station *station, struct unit *unit)
{
        struct bay *bay = bay_of(station, unit);
        struct error err = { 0 };

        if (!bay) {
                error_set(&err, ERROR_TOKEN_REMOVED,
                          "the token was taken out before its hook could run");
                error_advise(&err, "the certificate is delivered; insert the token again to run "
                                   "the hook");
                unit_fail(station, unit, &err);
                return;
        }
        if (!start_hook(station, bay, unit, station->options->after, "after", &err)) {
                unit_fail(station, unit, &err);
                return;
        }
        unit_set(unit, UNIT_AFTER, "the hook runs");
}

static void
after_ended(struct station *station, struct unit *unit, enum hook_state state, struct error *err)
{
        struct attribute *mark = find_mark(unit->order);

        if (state == HOOK_GOOD) {
                text_assign(&mark->value, "done");
                if (ledger_update(station->drive.ledger, unit->order, "hook", clock_now(), err)) {
                        unit_good(station, unit);
                        return;
                }
        }
        error_advise(err, "the certificate is delivered; insert the token again to run the hook "
                          "again");
        unit_fail(station, unit, err);
}

void
unit_turn_hook(struct station *station, struct unit *unit)
{
        struct error err = { 0 };
        enum hook_state state = hook_poll(unit->hook, &err);

        if (state == HOOK_RUNS)
                return;
        hook_free(MOVE(unit->hook));
        if (unit->step == UNIT_AFTER)
                after_ended(station, unit, state, &err);
        else if (state == HOOK_FAILED)
                unit_fail(station, unit, &err);
        else
                unit_set(unit, UNIT_READY, "its turn comes");
}
