/*
 * A refusal: how AWS says no.  A code, an HTTP status that goes with it, and a message.
 */
#ifndef LOCALPCA_REFUSAL_H
#define LOCALPCA_REFUSAL_H

#include "base/bytes.h"

/* `{ 0 }` is "not refused". */
struct refusal {
        const char *code; /* "ThrottlingException"; NULL: none.  Lives as long as the program */
        struct buf message;
};

/* Refuse.  The first refusal stays.  `code` is a literal.  Returns false. */
bool refuse(struct refusal *refusal, const char *code, const char *format, ...) PRINTF(3, 4);

/* The HTTP status of a code: 500 and 503 for the service's own failures, 400 for all others. */
unsigned refusal_status(const char *code);

void refusal_clear(struct refusal *refusal);

#endif
