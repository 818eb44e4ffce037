/*
 * renew: a successor with the same key, for orders that are named or due.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "cli/run.h"
#include "cli/show.h"
#include "cli/successor.h"
#include "cli/tracking.h"
#include "cli/verbs.h"
#include "cli/wish.h"

/* A relative validity is meant anew each time; a fixed end that is over cannot be. */
static bool
check_validity(const struct wishes *wishes, const struct order *before, struct error *err)
{
        bool fixed = wishes->validity.type == VALIDITY_END_DATE ||
                     wishes->validity.type == VALIDITY_ABSOLUTE;

        if (!fixed || wishes->validity.value > before->not_after)
                return true;
        error_set(err, ERROR_USAGE, "its validity has a fixed end, which a successor cannot share");
        error_about(err, "order %lld '%s'", (long long)before->number, wishes->name);
        return error_advise(err, "give another --validity");
}

/* What was imported has no CA, and nothing that goes with one: it is said now, or left alone. */
static bool
settle_ca(const struct command *command, const struct order *before, struct wishes *wishes,
          struct error *err)
{
        CLEANUP(buf_cleanup) struct buf used = { 0 };

        if (before->wishes.ca_arn)
                return true;
        if (!wishes->ca_arn) {
                error_set(err, ERROR_USAGE,
                          "its certificate was imported, and no CA is known that renews it");
                error_about(err, "order %lld '%s'", (long long)before->number, wishes->name);
                return error_advise(err, "name one with --ca ARN; or make a CSR with p11cert csr "
                                         "--key URI and import what comes of it");
        }
        wish_adopt_endpoint(&command->options, wishes);
        if (!wish_default(wishes, command->state, &used, err))
                return false;
        if (used.len)
                command_say(command, "defaults  %s", buf_text(&used));
        return true;
}

/* The successor to move: a new one, or the one that is on its way. */
static struct order *
find_successor(struct command *command, struct ledger *ledger, const struct order *before,
               struct error *err)
{
        bool override = option_flag(&command->options, OPTION_OVERRIDE);
        struct error none = { 0 };
        CLEANUP(order_cleanup) struct order *order = successor_under_way(ledger, before, &none);

        if (none.kind != ERROR_NONE) {
                *err = none;
                return NULL;
        }
        if (order) {
                command_say(command, "%s order %lld '%s', which is %s",
                            command->dry_run ? "there is" : "resuming", (long long)order->number,
                            order->wishes.name, order_state_name(order->state));
        } else {
                order = successor_new(before, err);
                if (!order || !wish_amend(&command->options, &order->wishes, err) ||
                    !settle_ca(command, before, &order->wishes, err) ||
                    !check_validity(&order->wishes, before, err))
                        return NULL;
        }
        if (!wish_check_recorded(&command->options, override, &order->wishes, err))
                return NULL;
        return MOVE(order);
}

/* -- which ones
 * ------------------------------------------------------------------------------------ */

struct chosen {
        int64_t *list;
        size_t count;
};

static bool
note_number(void *context, const struct order *order)
{
        struct chosen *chosen = context;

        chosen->list = memory_grow(chosen->list, chosen->count + 1, sizeof(int64_t));
        chosen->list[chosen->count++] = order->number;
        return true;
}

static bool
add_successor(struct command *command, struct run *run, const struct order *before,
              struct error *err)
{
        struct order *order = find_successor(command, run->ledger, before, err);

        if (!order)
                return false;
        run_add(run, order);
        return true;
}

static bool
add_due(struct command *command, struct run *run, struct error *err)
{
        struct chosen chosen = { 0 };
        bool good = tracking_due(command, run->ledger, true, note_number, &chosen, err);

        for (size_t i = 0; good && i < chosen.count; i++) {
                CLEANUP(order_cleanup)
                struct order *before = ledger_get(run->ledger, chosen.list[i], err);

                /* One that AWS cannot renew must not keep it from renewing the others. */
                if (before && !before->wishes.ca_arn &&
                    !option_text(&command->options, OPTION_CA)) {
                        command_say(command,
                                    "order %lld '%s' was imported and stays as it is: it "
                                    "has no CA, and none is given with --ca",
                                    (long long)before->number, before->wishes.name);
                        continue;
                }
                good = before && add_successor(command, run, before, err);
        }
        free(chosen.list);
        if (good && !run->count) {
                good = error_set(err, ERROR_NOTHING, "nothing is due that could be renewed");
                error_advise(err, "`p11cert due --within 90d` looks further ahead");
        }
        return good;
}

/* Was it named before, by its name or its number? */
static bool
is_taken(const struct run *run, const struct order *before)
{
        for (size_t i = 0; i < run->count; i++) {
                if (run->orders[i]->replaces == before->number ||
                    (before->number && run->orders[i]->number == before->number))
                        return true;
        }
        return false;
}

static bool
add_named(struct command *command, struct run *run, struct error *err)
{
        for (size_t i = 0; i < command->argument_count; i++) {
                CLEANUP(order_cleanup)
                struct order *before = ledger_find(run->ledger, command->arguments[i], err);

                if (!before)
                        return false;
                if (is_taken(run, before))
                        continue;
                /* The name of a lineage means the successor that is on its way. */
                if (order_state_is_open(before->state) && before->replaces) {
                        run_add(run, MOVE(before));
                        continue;
                }
                if (!add_successor(command, run, before, err))
                        return false;
        }
        return true;
}

bool
cmd_renew(struct command *command, struct error *err)
{
        bool due = option_flag(&command->options, OPTION_DUE);
        CLEANUP(ledger_cleanup) struct ledger *ledger = NULL;
        CLEANUP(run_cleanup) struct run run = { 0 };

        if (due == (command->argument_count > 0)) {
                error_set(err, ERROR_USAGE, "either name what to renew, or say --due");
                return error_advise(err, "`p11cert due` lists what would be renewed");
        }
        /* One that is named is answered like `issue`, its errors too. */
        if (command->argument_count == 1)
                command->answer = show_order_json(NULL);
        if (!command_has_ledger(command, err))
                return false;
        ledger = command_ledger(command, err);
        if (!ledger || !run_open(&run, command, ledger, err) ||
            !(due ? add_due(command, &run, err) : add_named(command, &run, err)))
                return false;
        if (command->dry_run) {
                cJSON_Delete(MOVE(command->answer));
                for (size_t i = 0; i < run.count; i++)
                        command_stream_order(command, run.orders[i], show_order_line);
                command_say(command, "dry run: these successors would be made");
                return true;
        }
        run.no_wait = option_flag(&command->options, OPTION_NO_WAIT);
        return command->argument_count == 1 ? run_one(&run, err) : run_many(&run, err);
}
