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

/* The same while a long run goes on, which moves the successor beside its own orders. */
struct self_renewal {
        const struct run *run;
        const struct station_key *station; /* NULL: there is nothing to renew */
        const char *endpoint;              /* of the run, or NULL */
        struct buf certificate;            /* the one that is looked at */
        char *serial;
        int64_t not_after;
        int64_t due_at; /* seconds since 1970; not before that (again) */
};

void self_renewal_clear(struct self_renewal *renewal);

/*
 * The successor that is to be moved now, or NULL; the caller frees.  That it cannot be made is
 * told in `err` (else ERROR_NONE), and not tried again for ten minutes.
 */
struct order *self_renewal_next(struct self_renewal *renewal, struct error *err);

/*
 * It stands still.  A text to tell about it (the caller frees); `good`: it took the other one's
 * place, and the next session is asked for with it.
 */
char *self_renewal_done(struct self_renewal *renewal, const struct order *order, bool *good);

#endif
