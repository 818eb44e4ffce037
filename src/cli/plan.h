/*
 * plan, and --dry-run of issue and csr: the certificate that would come out, after looking at token
 * and CA.
 */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "cli/command.h"
#include "order/order.h"

/*
 * Make the plan the command's answer.  Reads token (without a login), CA and ledger, and changes
 * nothing.  Errors are those that `issue` would meet before it asks for anything (order/predict.h).
 */
bool plan_show(struct command *command, struct order **order, struct error *err) MUST_CHECK;

/*
 * Look for the order's token, without a login, and fill in what its wishes need of it; the order is
 * bound to that token then.  errors: those of inquire(), fill_wishes()
 */
bool plan_bind_token(const struct command *command, struct order *order,
                     struct error *err) MUST_CHECK;

/*
 * The order of that name that is there already, if any: an open one with equal wishes takes the
 * place of `*order`.  Else the order that is there becomes the answer, with ERROR_NOTHING (it is
 * delivered), ERROR_HELD, ERROR_ORDER_STATE or ERROR_ORDER_DIFFERS.  (cmd_issue.c)
 */
bool issue_look_up(struct command *command, struct ledger *ledger, struct order **order,
                   struct error *err) MUST_CHECK;

#endif
