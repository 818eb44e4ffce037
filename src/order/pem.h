/*
 * PEM (RFC 7468), as it really comes: CRLF, text around, blocks glued together.  Pure.
 */
#ifndef ORDER_PEM_H
#define ORDER_PEM_H

#include "base/bytes.h"
#include "base/err.h"

/*
 * Find the next block with `label` ("CERTIFICATE") in `*text`, which moves behind it, and decode
 * it.  False with ERROR_NONE in `err` when there is no further one; false with ERROR_INPUT when
 * it has no end or is not base64.
 */
bool pem_next(struct view *text, const char *label, struct buf *der, struct error *err) MUST_CHECK;

/* Append one block with lines of 64 characters and a newline at the end. */
void pem_add(struct buf *out, const char *label, struct view der);

#endif
