/*
 * installed: a person says that the certificate is where it is used.
 */
#include <string.h>

#include "base/clock.h"
#include "cli/show.h"
#include "cli/verbs.h"

static bool
check_state(struct command *command, const struct order *order, struct error *err)
{
        if (order->state == ORDER_DELIVERED)
                return true;
        command_answer_order(command, order, show_order_summary);
        buf_clear(&command->text);
        if (order->state == ORDER_INSTALLED)
                error_set(err, ERROR_NOTHING, "that was recorded before");
        else
                error_set(err, ERROR_ORDER_STATE, "only what was delivered can be installed");
        error_about(err, "order %lld '%s', %s", (long long)order->number, order->wishes.name,
                    order_state_name(order->state));
        return show_way_on(order, err);
}

/* Who, where and what else: kept as attributes of the order. */
static void
note_circumstances(const struct command *command, struct wishes *wishes)
{
        static const struct {
                enum option_id id;
                const char *name;
        } notes[] = {
                { OPTION_BY, "installed-by" },
                { OPTION_WHERE, "installed-where" },
                { OPTION_NOTE, "installed-note" },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(notes); i++) {
                const char *text = option_text(&command->options, notes[i].id);

                if (text)
                        wishes_add_attribute(wishes, notes[i].name, text);
        }
}

static bool
record(struct ledger *ledger, struct order *order, int64_t now, struct error *err)
{
        if (!ledger_begin(ledger, err))
                return false;
        order->state = ORDER_INSTALLED;
        order->installed_at = now;
        if (ledger_update(ledger, order, "installed", now, err) && ledger_commit(ledger, err))
                return true;
        ledger_rollback(ledger);
        return false;
}

bool
cmd_installed(struct command *command, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = NULL;
        CLEANUP(order_cleanup) struct order *order = NULL;

        if (!command_has_ledger(command, err))
                return false;
        ledger = command_ledger_unlocked(command, err);
        if (!ledger)
                return false;
        order = ledger_find(ledger, command->arguments[0], err);
        if (!order || !check_state(command, order, err))
                return false;
        note_circumstances(command, &order->wishes);
        if (!command->dry_run && !record(ledger, order, clock_now(), err))
                return false;
        command_answer_order(command, order, show_order_summary);
        if (command->dry_run)
                command_say(command, "dry run: it would be recorded as installed");
        return true;
}
