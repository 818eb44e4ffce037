/*
 * issue, plan, csr: an order from its wishes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/plan.h"
#include "cli/run.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "cli/wish.h"
#include "order/csr.h"
#include "order/template.h"

/* AWS may have templates that are newer than this program: it is theirs to refuse them. */
static void
note_template(const struct command *command, const struct wishes *wishes)
{
        if (wishes->template_arn && !template_of_arn(wishes->template_arn))
                command_say(command,
                            "warning   %s is not a template that this version knows: it is sent as "
                            "it is, and what it drops is not foretold",
                            wishes->template_arn);
}

static bool
refuse_held(const struct order *open, struct error *err)
{
        error_set(err, ERROR_HELD, "the order is held: its CSR is on the way");
        return error_advise(err,
                            "p11cert submit %s sends it; p11cert import %s FILE takes a "
                            "certificate in",
                            order_call(open->wishes.name).text, order_call(open->wishes.name).text);
}

static bool
refuse_under_way(const struct order *open, struct error *err)
{
        error_set(err, ERROR_ORDER_STATE, "an order of that name is on its way to the CA");
        return error_advise(err, "p11cert resume goes on with it; p11cert show %s shows it",
                            order_call(open->wishes.name).text);
}

/*
 * The same wishes, and the same request where one was given?  They are read once more with what the
 * open order knows: its token, and the day it was made.
 */
static bool
check_wishes(const struct command *command, const struct order *open, struct error *err)
{
        CLEANUP(order_cleanup) struct order *asked = order_new();
        CLEANUP(free_cleanup) char *difference = NULL;

        asked->created_at = open->created_at;
        text_assign(&asked->token.label, open->token.label);
        text_assign(&asked->token.serial, open->token.serial);
        if (!wish_read(&command->options, false, asked, err))
                return false;
        bool other_csr = asked->csr.len && open->csr.len &&
                         !view_equal(view_buf(&open->csr), view_buf(&asked->csr));

        if (wishes_equal(&open->wishes, &asked->wishes, &difference) && !other_csr)
                return true;
        error_set(err, ERROR_ORDER_DIFFERS, "an order of that name asks for something else: %s",
                  difference ? difference : "--csr: another request");
        return error_advise(err, "repeat it as it was (p11cert show %s), or take another --name",
                            order_call(open->wishes.name).text);
}

/* An order of that name is open: is it the one that is asked for? */
static bool
check_open(const struct command *command, const struct order *open, const struct order *asked,
           struct error *err)
{
        bool good = true;

        if (open->held && !asked->held)
                good = refuse_held(open, err);
        else if (!open->held && asked->held)
                good = refuse_under_way(open, err);
        else
                good = check_wishes(command, open, err);
        return good || error_about(err, "order %lld '%s', %s", (long long)open->number,
                                   open->wishes.name, order_state_name(open->state));
}

bool
issue_look_up(struct command *command, struct ledger *ledger, struct order **order,
              struct error *err)
{
        struct error none = { 0 };

        if (wish_name_is_open(&(*order)->wishes) && !plan_bind_token(command, *order, err))
                return false;
        struct order *newest = ledger_newest(ledger, (*order)->wishes.name, &none);
        bool good = true;

        if (!newest && none.kind != ERROR_NONE)
                *err = none;
        if (!newest)
                return none.kind == ERROR_NONE;
        if (order_state_is_open(newest->state)) {
                good = check_open(command, newest, *order, err);
        } else {
                good = error_set(err, ERROR_NOTHING, "the order is %s already%s",
                                 order_state_name(newest->state),
                                 newest->revoked_at ? ", and its certificate was revoked since"
                                                    : "");
                error_about(err, "order %lld '%s'", (long long)newest->number, newest->wishes.name);
                /* What was revoked is not renewed. */
                if (newest->revoked_at)
                        error_advise(err, "issue another certificate under another --name");
                error_advise(err, "p11cert renew %s makes a successor; another --name a second one",
                             order_call(newest->wishes.name).text);
        }
        newest->error = (struct error){ 0 };
        command_answer_order(command, newest, show_order_summary);
        if (!good) {
                order_free(newest);
                return false;
        }
        command_say(command, "%s order %lld '%s', which is %s",
                    command->dry_run ? "would resume" : "resuming", (long long)newest->number,
                    newest->wishes.name, order_state_name(newest->state));
        order_free(*order);
        *order = newest;
        return true;
}

/* The order that is asked for: a new one, or the open one of that name. */
static bool
prepare(struct command *command, struct ledger *ledger, struct order **order, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf used = { 0 };

        if (!issue_look_up(command, ledger, order, err))
                return false;
        if ((*order)->number)
                return true;
        if (!wish_default(&(*order)->wishes, command->state, &used, err))
                return false;
        command_note_region(command, (*order)->wishes.ca_arn);
        note_template(command, &(*order)->wishes);
        if (used.len)
                command_say(command, "defaults  %s", buf_text(&used));
        if (!option_text(&command->options, OPTION_NAME))
                command_say(command, "name      %s", (*order)->wishes.name);
        return true;
}

bool
cmd_issue(struct command *command, struct error *err)
{
        CLEANUP(order_cleanup) struct order *order = order_new();
        CLEANUP(ledger_cleanup) struct ledger *ledger = NULL;
        CLEANUP(run_cleanup) struct run run = { 0 };

        if (!wish_read(&command->options, true, order, err))
                return false;
        if (command->dry_run)
                return plan_show(command, &order, err);
        ledger = command_ledger(command, err);
        if (!ledger || !run_open(&run, command, ledger, err) ||
            !prepare(command, ledger, &order, err))
                return false;
        run.no_wait = option_flag(&command->options, OPTION_NO_WAIT);
        run_add(&run, MOVE(order));
        return run_one(&run, err);
}

bool
cmd_plan(struct command *command, struct error *err)
{
        CLEANUP(order_cleanup) struct order *order = order_new();

        command->dry_run = true;
        return wish_read(&command->options, true, order, err) && plan_show(command, &order, err);
}

/* -- csr --------------------------------------------------------------------------------------- */

enum { CSR_MODE = 0644 };

/* The CSR goes to the file, or is the answer itself. */
static bool
hand_out(struct command *command, const struct order *order, struct error *err)
{
        CLEANUP(free_cleanup) char *pem = csr_pem(view_buf(&order->csr));
        const char *path = command->argument_count ? command->arguments[0] : "-";

        if (strcmp(path, "-") != 0) {
                if (!file_put(path, CSR_MODE, view_text(pem), err))
                        return error_advise(err, "the order is held; repeat the command with "
                                                 "another file");
                show_fact(&command->text, "CSR", path);
                return true;
        }
        cJSON_AddStringToObject(command->answer, "csr", pem);
        if (command->output == OUTPUT_TEXT)
                command_say(command, "order %lld '%s' is held", (long long)order->number,
                            order->wishes.name);
        buf_clear(&command->text);
        buf_add_text(&command->text, pem);
        return true;
}

bool
cmd_csr(struct command *command, struct error *err)
{
        CLEANUP(order_cleanup) struct order *order = order_new();
        CLEANUP(ledger_cleanup) struct ledger *ledger = NULL;
        CLEANUP(run_cleanup) struct run run = { 0 };

        order->held = true;
        if (!wish_read(&command->options, false, order, err))
                return false;
        if (command->dry_run)
                return plan_show(command, &order, err);
        ledger = command_ledger(command, err);
        if (!ledger || !run_open(&run, command, ledger, err) ||
            !prepare(command, ledger, &order, err))
                return false;
        run_add(&run, MOVE(order));
        return run_one(&run, err) && hand_out(command, run.orders[0], err);
}
