/*
 * Throttling: a token bucket for each operation and account.
 */
#ifndef LOCALPCA_THROTTLE_H
#define LOCALPCA_THROTTLE_H

#include "base/compiler.h"
#include "base/err.h"

struct throttle;

struct throttle *throttle_new(void);
void throttle_free(struct throttle *throttle);

/* "IssueCertificate=25/s", "Operation=off", or "aws": the documented rates.  ERROR_USAGE */
bool throttle_set(struct throttle *throttle, const char *rule, struct error *err) MUST_CHECK;

/* May this account call this operation now?  Takes a token if so. */
bool throttle_take(struct throttle *throttle, const char *operation, const char *account,
                   int64_t now_ms);

#endif
