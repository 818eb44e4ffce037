/*
 * From options to wishes: what happens to the certificate once it is there.  For wish.c.
 */
#ifndef CLI_DELIVERY_H
#define CLI_DELIVERY_H

#include "cli/options.h"
#include "order/order.h"

/*
 * --store, --format, --file-mode, --file-owner, --deploy-hook and --renew-before.
 * errors: ERROR_USAGE; ERROR_CONFIG for a hook that must not be run
 */
bool delivery_read(const struct options *options, struct wishes *wishes,
                   struct error *err) MUST_CHECK;

#endif
