/*
 * verify: token, files and the application's view against the ledger.
 */
#include <stdlib.h>

#include "cli/run.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "cli/wish.h"
#include "drive/verify.h"

static const char *
proof_name(enum proof proof)
{
        static const char *const names[] = { "passed", "failed", "skipped" };

        return names[proof];
}

static void
answer_report(struct command *command, const struct order *order, const struct proof_report *report,
              const struct error *why)
{
        bool passed = why->kind == ERROR_NONE;
        cJSON *json = cJSON_CreateObject();
        cJSON *array = cJSON_GetObjectItem(command->answer, "orders");

        cJSON_AddItemToArray(array, json);
        cJSON_AddNumberToObject(json, "order", (double)order->number);
        show_add_text(json, "name", order->wishes.name);
        show_add_text(json, "result", passed ? "passed" : "failed");
        cJSON *checks = cJSON_AddArrayToObject(json, "checks");

        buf_format(&command->text, "%sorder %lld '%s': %s\n", command->text.len ? "\n" : "",
                   (long long)order->number, order->wishes.name, passed ? "passed" : "FAILED");
        for (size_t i = 0; i < report->count; i++) {
                const struct proof_row *row = &report->rows[i];
                CLEANUP(free_cleanup) char *detail = show_printable(row->detail);
                cJSON *check = cJSON_CreateObject();

                cJSON_AddItemToArray(checks, check);
                show_add_text(check, "name", row->name);
                show_add_text(check, "result", proof_name(row->result));
                show_add_text(check, "detail", row->detail);
                buf_format(&command->text, "  %-8s %-18s %s\n", proof_name(row->result), row->name,
                           detail);
        }
        cJSON_AddItemToObject(json, "error", show_error_json(why));
}

static bool
check_state(const struct order *order, struct error *err)
{
        if (order->state >= ORDER_DELIVERED && order->state <= ORDER_SUPERSEDED)
                return true;
        error_set(err, ERROR_ORDER_STATE, "only what was delivered can be verified");
        error_about(err, "order %lld '%s', %s", (long long)order->number, order->wishes.name,
                    order_state_name(order->state));
        return show_way_on(order, err);
}

/* One order; false with the reason. */
static bool
verify_one(struct command *command, struct ledger *ledger, struct order *order, struct error *why)
{
        bool override = option_flag(&command->options, OPTION_OVERRIDE);
        struct proof_report report = { 0 };
        struct drive_options options = {
                .ledger = ledger,
                .state = command->state,
                .pin = command_pin(command),
                .ask = command_ask(command),
                .retry_pin = option_flag(&command->options, OPTION_RETRY_PIN),
                .token_timeout_ms = command_token_timeout_ms(command),
        };

        if (!check_state(order, why) ||
            !wish_check_recorded(&command->options, override, &order->wishes, why))
                return false;
        bool good = drive_verify(&options, order, &report, why);

        answer_report(command, order, &report, why);
        return good;
}

static bool
add_order(void *context, const struct order *order)
{
        struct run *run = context;
        struct order *number_only = order_new();

        number_only->number = order->number;
        run_add(run, number_only);
        return true;
}

static bool
choose(struct command *command, struct ledger *ledger, struct run *run, struct error *err)
{
        const struct ledger_filter filter = {
                .states = 1U << ORDER_DELIVERED | 1U << ORDER_INSTALLED,
        };

        for (size_t i = 0; i < command->argument_count; i++) {
                struct order *order = ledger_find(ledger, command->arguments[i], err);

                if (!order)
                        return false;
                run_add(run, order);
        }
        if (command->argument_count)
                return true;
        if (!ledger_each(ledger, &filter, add_order, run, err))
                return false;
        return run->count > 0 || error_set(err, ERROR_NOTHING, "nothing is delivered yet");
}

static bool
verify_all(struct command *command, struct ledger *ledger, struct run *run, struct error *err)
{
        struct error first = { 0 };
        size_t failed = 0;

        for (size_t i = 0; i < run->count && !drive_hangs(); i++) {
                struct error why = { 0 };
                CLEANUP(order_cleanup)
                struct order *order = ledger_get(ledger, run->orders[i]->number, err);

                if (!order)
                        return false;
                if (verify_one(command, ledger, order, &why))
                        continue;
                if (failed++ == 0)
                        first = why;
        }
        if (!failed)
                return true;
        *err = first;
        if (failed == run->count || drive_hangs())
                return false;
        error_set(err, ERROR_BATCH_PARTIAL, "%zu of %zu orders did not pass", failed, run->count);
        return error_advise(err, "see the rows above for each of them");
}

bool
cmd_verify(struct command *command, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = NULL;
        CLEANUP(run_cleanup) struct run run = { 0 };

        command->answer = cJSON_CreateObject();
        cJSON_AddArrayToObject(command->answer, "orders");
        if (!command_has_ledger(command, err))
                return false;
        ledger = ledger_open_read(command->state, err);
        return ledger && choose(command, ledger, &run, err) &&
               verify_all(command, ledger, &run, err);
}
