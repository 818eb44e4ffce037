/*
 * Delivery to files, for manual installation: certificate, chain, fullchain, root and a README.
 */
#ifndef DRIVE_DELIVER_H
#define DRIVE_DELIVER_H

#include <sys/types.h>

#include "base/err.h"
#include "order/order.h"

/*
 * Decide and note the paths (order->file_*) below the order's folder; nothing is written.  To be
 * recorded before deliver_files().  There is no chain file when the root issued the certificate.
 */
void deliver_plan(struct order *order);

/*
 * Write the planned files atomically, 0600 in a folder of 0700, and read each back.  Safe to
 * repeat.  They count only after deliver_flush().  ERROR_DISK_FULL, ERROR_FILE.
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

/* Are the planned files there with the order's certificates?  ERROR_NOT_PROVED names the first. */
bool deliver_check(const struct order *order, struct error *err) MUST_CHECK;

#endif
