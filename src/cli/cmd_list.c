/*
 * list, show, due: the tracking, read only.
 */
#include <string.h>

#include "base/clock.h"
#include "cli/show.h"
#include "cli/tracking.h"
#include "cli/verbs.h"

enum { DUE_MS_DAYS = 30 };

static const int64_t due_ms = (int64_t)DUE_MS_DAYS * 24 * 3600 * 1000;

bool
tracking_filter(const struct command *command, struct ledger_filter *filter, struct error *err)
{
        const struct options *options = &command->options;
        const struct option_value *states = option_value(options, OPTION_IN_STATE);

        *filter = (struct ledger_filter){
                .ca_arn = option_line_text(options, OPTION_CA),
                .holder = option_line_text(options, OPTION_HOLDER),
                .place = option_line_text(options, OPTION_PLACE),
                .token_serial = option_text(options, OPTION_ON_TOKEN),
        };
        if (option_line_text(options, OPTION_WITHIN))
                filter->ends_before = clock_now() + option_span(options, OPTION_WITHIN, 0) / 1000;
        for (size_t i = 0; i < states->count; i++) {
                enum order_state state;

                if (!order_state_named(states->texts[i], &state, err))
                        return error_about(err, "--in-state");
                filter->states |= 1U << state;
        }
        return true;
}

/*
 * The ledger to read; NULL and ERROR_NONE when there is none yet, which holds no orders.  That is
 * said: it may be another folder than was meant.
 */
static struct ledger *
open_ledger(const struct command *command, struct error *err)
{
        struct ledger *ledger = ledger_open_read(command->state, err);

        if (ledger || err->kind != ERROR_NOTHING)
                return ledger;
        command_say(command, "note      %s; %s", err->what, err->next);
        *err = (struct error){ 0 };
        return NULL;
}

static bool
stream_line(void *context, const struct order *order)
{
        command_stream_order(context, order, show_order_line);
        return true;
}

bool
cmd_list(struct command *command, struct error *err)
{
        struct ledger_filter filter;
        CLEANUP(ledger_cleanup) struct ledger *ledger = open_ledger(command, err);

        if (!ledger && err->kind != ERROR_NONE)
                return false;
        if (!tracking_filter(command, &filter, err))
                return false;
        if (ledger && !ledger_each(ledger, &filter, stream_line, command, err))
                return false;
        if (ledger && !command->streamed)
                command_say(command, "there are no such orders in %s", command->state);
        return true;
}

bool
cmd_show(struct command *command, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = NULL;
        CLEANUP(order_cleanup) struct order *order = NULL;

        if (!command_has_ledger(command, err))
                return false;
        ledger = ledger_open_read(command->state, err);
        order = ledger ? ledger_find(ledger, command->arguments[0], err) : NULL;
        if (!order)
                return false;
        command_answer_order(command, order, show_order_text);
        return true;
}

/* -- due ------------------------------------------------------------------------------------------
 */

struct due_walk {
        struct ledger *ledger;
        int64_t now;
        int64_t window_s;
        bool is_given; /* --within was: it counts for all */
        bool to_renew;
        bool (*visit)(void *context, const struct order *order);
        void *context;
};

/* Superseded on paper, but what is in use until its successor is installed. */
static bool
is_still_in_use(const struct due_walk *walk, const struct order *order)
{
        struct error ignored = { 0 };

        if (order->state != ORDER_SUPERSEDED || !order->installed_at || !order->superseded_by ||
            order->revoked_at)
                return false;
        CLEANUP(order_cleanup)
        struct order *successor = ledger_get(walk->ledger, order->superseded_by, &ignored);

        return successor && successor->state == ORDER_DELIVERED;
}

static bool
visit_due(void *context, const struct order *order)
{
        struct due_walk *walk = context;
        bool own = order->renew_at && !walk->is_given;
        int64_t window_s = own ? order->not_after - order->renew_at : walk->window_s;
        bool due = order_is_due(order, walk->now, window_s) ||
                   (!walk->to_renew && is_still_in_use(walk, order));

        return !due || walk->visit(walk->context, order);
}

bool
tracking_due(const struct command *command, struct ledger *ledger, bool to_renew,
             bool (*visit)(void *context, const struct order *order), void *context,
             struct error *err)
{
        struct ledger_filter filter;
        struct due_walk walk = {
                .ledger = ledger,
                .now = clock_now(),
                .window_s = option_span(&command->options, OPTION_WITHIN, due_ms) / 1000,
                .is_given = option_line_text(&command->options, OPTION_WITHIN) != NULL,
                .to_renew = to_renew,
                .visit = visit,
                .context = context,
        };

        if (!tracking_filter(command, &filter, err))
                return false;
        filter.ends_before = walk.now + walk.window_s;
        filter.renew_before = walk.is_given ? 0 : walk.now;
        return ledger_each(ledger, &filter, visit_due, &walk, err);
}

bool
cmd_due(struct command *command, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = open_ledger(command, err);

        if (!ledger && err->kind != ERROR_NONE)
                return false;
        if (ledger && !tracking_due(command, ledger, false, stream_line, command, err))
                return false;
        if (command->streamed)
                return true;
        error_set(err, ERROR_NOTHING, "nothing is due");
        return error_advise(err, "`p11cert due --within 90d` looks further ahead");
}
