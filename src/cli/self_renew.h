/*
 * A station that renews the certificate it logs in with (--allow-self-renew), before it runs out.
 */
#ifndef CLI_SELF_RENEW_H
#define CLI_SELF_RENEW_H

#include "cli/run.h"

/*
 * Renew the station's own certificate where that is allowed, its order is in the ledger, and less
 * than a third of its time (at most 30 days) is left: a successor with the same key, moved as any
 * order.  What `run` moves itself is left alone.
 *
 * Whether that works or not is told, and never an error of `run`: it goes on with the certificate
 * that there is.
 *
 * time  as moving one order
 */
void self_renew(const struct run *run);

#endif
