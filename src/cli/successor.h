/*
 * The order that takes another one's place: the same key, a new certificate.
 */
#ifndef CLI_SUCCESSOR_H
#define CLI_SUCCESSOR_H

#include "ledger/ledger.h"
#include "order/order.h"

/*
 * A new successor with the wishes of its predecessor; the caller frees.
 * errors: ERROR_ORDER_STATE, ERROR_NOTHING: it was not delivered, was revoked or has a successor
 */
struct order *successor_new(const struct order *before, struct error *err);

/* The one that is on its way, or NULL: then `err` says whether the ledger failed. */
struct order *successor_under_way(struct ledger *ledger, const struct order *before,
                                  struct error *err);

#endif
