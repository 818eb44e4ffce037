/*
 * Which orders are due: shared by `due` and `renew --due`.
 */
#ifndef CLI_TRACKING_H
#define CLI_TRACKING_H

#include "cli/command.h"
#include "order/order.h"

/* The filters of list and due, as far as they were given on the command line. */
bool tracking_filter(const struct command *command, struct ledger_filter *filter,
                     struct error *err) MUST_CHECK;

/*
 * Visit what is due within --within (30d): the certificates that expire, and in the place of a
 * successor that waits to be installed the one that is still in use (doc/architecture.md).
 *
 * to_renew  leave out the latter: it has its successor
 */
bool tracking_due(const struct command *command, struct ledger *ledger, bool to_renew,
                  bool (*visit)(void *context, const struct order *order), void *context,
                  struct error *err) MUST_CHECK;

#endif
