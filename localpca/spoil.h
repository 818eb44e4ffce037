/*
 * Certificates that are not what was asked for, as the faults of fault.h want them.
 */
#ifndef LOCALPCA_SPOIL_H
#define LOCALPCA_SPOIL_H

#include "localpca/authority.h"
#include "localpca/fault.h"

/* Does this fault change a certificate? */
bool spoil_wanted(const struct fault *fault);

/*
 * Change a certificate of this CA and sign it anew: for another key, another subject, dates in the
 * past, or by a key that is not the CA's.  `der` is replaced.
 */
bool spoil(struct buf *der, const struct fault *fault, const struct authority *authority,
           int64_t now, struct error *err) MUST_CHECK;

#endif
