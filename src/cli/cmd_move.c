/*
 * submit, fetch, import, resume: orders that are in the ledger go on.
 */
#include <stdlib.h>

#include "base/file.h"
#include "cli/run.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "cli/wish.h"
#include "drive/batch.h"
#include "order/cert.h"

enum { CERTIFICATE_BYTES = 1 << 20 };

static bool
refuse_state(const struct order *order, enum error_kind kind, const char *what, struct error *err)
{
        error_set(err, kind, "%s", what);
        return error_about(err, "order %lld '%s', %s%s", (long long)order->number,
                           order->wishes.name, order_state_name(order->state),
                           order->held ? ", held" : "");
}

/* The ledger, locked, and the order that the first argument means. */
static bool
open_order(struct command *command, struct run *run, struct ledger **ledger, struct order **order,
           struct error *err)
{
        bool override = option_flag(&command->options, OPTION_OVERRIDE);

        if (!command_has_ledger(command, err))
                return false;
        *ledger = command_ledger(command, err);
        if (!*ledger || !run_open(run, command, *ledger, err))
                return false;
        *order = ledger_find(*ledger, command->arguments[0], err);
        return *order && wish_check_recorded(&command->options, override, &(*order)->wishes, err);
}

/* Nothing may be changed: the order as it is, and what would happen to it. */
static bool
show_only(struct command *command, const struct order *order, const char *what)
{
        command_answer_order(command, order, show_order_summary);
        command_say(command, "dry run: %s", what);
        return true;
}

/* -- submit --------------------------------------------------------------------------------------
 */

static bool
open_held(struct command *command, struct run *run, struct ledger **ledger, struct order **order,
          struct error *err)
{
        bool override = option_flag(&command->options, OPTION_OVERRIDE);

        if (!command_has_ledger(command, err))
                return false;
        *ledger = command_ledger(command, err);
        if (!*ledger || !run_open(run, command, *ledger, err))
                return false;
        *order = ledger_find(*ledger, command->arguments[0], err);
        if (!*order)
                return false;
        if (!(*order)->held) {
                refuse_state(*order, ERROR_ORDER_STATE, "the order is not held", err);
                return show_way_on(*order, err);
        }
        wish_adopt_endpoint(&command->options, &(*order)->wishes);
        return wish_check_recorded(&command->options, override, &(*order)->wishes, err);
}

bool
cmd_submit(struct command *command, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = NULL;
        CLEANUP(order_cleanup) struct order *order = NULL;
        CLEANUP(run_cleanup) struct run run = { 0 };
        CLEANUP(buf_cleanup) struct buf used = { 0 };

        if (!open_held(command, &run, &ledger, &order, err) ||
            !wish_amend(&command->options, &order->wishes, err))
                return false;
        if (!order->wishes.ca_arn) {
                error_set(err, ERROR_USAGE, "the order has no CA yet: --ca ARN");
                return error_advise(err, "`p11cert ca list` shows the CAs there are");
        }
        if (!wish_default(&order->wishes, command->state, &used, err))
                return false;
        if (used.len)
                command_say(command, "defaults  %s", buf_text(&used));
        if (command->dry_run)
                return show_only(command, order, "it would be sent to the CA");
        order->held = false;
        run.no_wait = option_flag(&command->options, OPTION_NO_WAIT);
        run_add(&run, MOVE(order));
        return run_one(&run, err);
}

/* -- fetch ----------------------------------------------------------------------------------------
 */

static bool
check_fetch(struct command *command, const struct order *order, struct error *err)
{
        if (order->state >= ORDER_SUBMITTED && order->state <= ORDER_VERIFIED)
                return true;
        command_answer_order(command, order, show_order_summary);
        if (order->state == ORDER_FAILED) {
                refuse_state(order, ERROR_ORDER_FAILED, "the order failed", err);
        } else if (order->state >= ORDER_DELIVERED) {
                refuse_state(order, ERROR_NOTHING, "the certificate was fetched already", err);
        } else {
                refuse_state(order, order->held ? ERROR_HELD : ERROR_ORDER_STATE,
                             "the order was not submitted yet", err);
        }
        return show_way_on(order, err);
}

bool
cmd_fetch(struct command *command, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = NULL;
        CLEANUP(order_cleanup) struct order *order = NULL;
        CLEANUP(run_cleanup) struct run run = { 0 };

        if (!open_order(command, &run, &ledger, &order, err) || !check_fetch(command, order, err))
                return false;
        if (command->dry_run)
                return show_only(command, order, "its certificate would be fetched and delivered");
        run.token_may_miss = true;
        run_add(&run, MOVE(order));
        return run_one(&run, err);
}

/* -- import ---------------------------------------------------------------------------------------
 */

static bool
take_in(const struct command *command, const struct run *run, struct order *order,
        struct error *err)
{
        const char *path = command->arguments[1];
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        CLEANUP(buf_cleanup) struct buf certificate = { 0 };
        CLEANUP(buf_cleanup) struct buf chain = { 0 };
        struct drive_options options = {
                .ledger = run->ledger,
                .state = command->state,
                .root = view_buf(&run->root),
        };

        if (!file_read_named(path, CERTIFICATE_BYTES, &text, err) ||
            !certificates_read(view_buf(&text), &certificate, &chain, err))
                return error_about(err, "%s", path);
        if (command->dry_run)
                return true;
        return drive_import(&options, order, view_buf(&certificate), view_buf(&chain), err);
}

bool
cmd_import(struct command *command, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = NULL;
        CLEANUP(order_cleanup) struct order *order = NULL;
        CLEANUP(run_cleanup) struct run run = { 0 };

        if (!open_order(command, &run, &ledger, &order, err))
                return false;
        command_answer_order(command, order, show_order_summary);
        buf_clear(&command->text);
        if (!take_in(command, &run, order, err))
                return false;
        if (command->dry_run)
                return show_only(command, order, "the certificate would be verified and delivered");
        run.token_may_miss = true;
        run_add(&run, MOVE(order));
        return run_one(&run, err);
}

/* -- resume ---------------------------------------------------------------------------------------
 */

/* Numbers first: the ledger is not written while it is walked. */
struct numbers {
        int64_t *list;
        size_t count;
};

static bool
note_number(void *context, const struct order *order)
{
        struct numbers *numbers = context;

        numbers->list = memory_grow(numbers->list, numbers->count + 1, sizeof(int64_t));
        numbers->list[numbers->count++] = order->number;
        return true;
}

static bool
add_numbers(struct command *command, struct run *run, const struct numbers *numbers,
            struct error *err)
{
        bool override = option_flag(&command->options, OPTION_OVERRIDE);

        for (size_t i = 0; i < numbers->count; i++) {
                CLEANUP(order_cleanup)
                struct order *order = ledger_get(run->ledger, numbers->list[i], err);

                if (!order)
                        return false;
                if (!wish_check_recorded(&command->options, override, &order->wishes, err))
                        return error_about(err, "order %lld '%s'", (long long)order->number,
                                           order->wishes.name);
                run_add(run, MOVE(order));
        }
        return true;
}

static bool
find_interrupted(struct command *command, struct run *run, struct error *err)
{
        const struct ledger_filter open = { .only_open = true };
        struct numbers numbers = { 0 };
        bool good = ledger_each(run->ledger, &open, note_number, &numbers, err) &&
                    add_numbers(command, run, &numbers, err);

        free(numbers.list);
        return good;
}

bool
cmd_resume(struct command *command, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = NULL;
        CLEANUP(run_cleanup) struct run run = { 0 };

        if (!command_has_ledger(command, err))
                return false;
        ledger = command_ledger(command, err);
        if (!ledger || !run_open(&run, command, ledger, err) ||
            !find_interrupted(command, &run, err))
                return false;
        if (!run.count)
                return error_set(err, ERROR_NOTHING, "there is nothing to resume");
        if (command->dry_run) {
                for (size_t i = 0; i < run.count; i++)
                        command_stream_order(command, run.orders[i], show_order_line);
                command_say(command, "dry run: these orders would be resumed");
                return true;
        }
        run.no_wait = option_flag(&command->options, OPTION_NO_WAIT);
        return run_many(&run, err);
}
