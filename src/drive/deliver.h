/*
 * Delivery to files, for manual installation: certificate, chain, fullchain, root and a README.
 */
#ifndef DRIVE_DELIVER_H
#define DRIVE_DELIVER_H

#include <sys/types.h>

#include "base/err.h"
#include "drive/hook.h"
#include "order/order.h"

/*
 * Decide and note the paths (order->file_*) below the order's folder; nothing is written.  To be
 * recorded before deliver_files().  There is no chain file when the root issued the certificate.
 */
void deliver_plan(struct order *order);

/*
 * Who "USER", "USER:GROUP" or ":GROUP" is; a user's own group goes with it.  (uid_t)-1, (gid_t)-1
 * for what is left out.  ERROR_USAGE: there is none of that name.
 */
bool deliver_owner(const char *text, uid_t *user, gid_t *group, struct error *err) MUST_CHECK;

/*
 * Write the planned files atomically, with the owner and mode that were wished for (0600), and read
 * each back.  The order's own folder gets the same owner, and a mode that lets in who may read the
 * files (0700).  Safe to repeat.  They count only after deliver_flush().  ERROR_DISK_FULL,
 * ERROR_FILE.
 */
bool deliver_files(const struct order *order, struct error *err) MUST_CHECK;

/* The flushes of one turn. */
struct deliver_flush {
        bool together; /* many orders: whole file systems, each once */
        dev_t flushed[8];
        size_t count;
};

/*
 * Bring what deliver_files() wrote to the disk.  Together, one call for the file system serves
 * every order of the turn that was written before the first call.
 * time: as long as the disk takes
 */
bool deliver_flush(struct deliver_flush *flush, const struct order *order,
                   struct error *err) MUST_CHECK;

/*
 * What hooks are told of the order, as P11CERT_… variables (P11CERT_HOOK says "deploy"), empty what
 * is not known yet; the caller clears them.
 */
void deliver_hook_facts(const struct order *order, struct hook_facts *facts);

/* Are the planned files there with the order's certificates?  ERROR_NOT_PROVED names the first. */
bool deliver_check(const struct order *order, struct error *err) MUST_CHECK;

#endif
