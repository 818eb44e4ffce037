/*
 * The five ways to say when a certificate ends.
 */
#ifndef LOCALPCA_VALIDITY_H
#define LOCALPCA_VALIDITY_H

#include "base/compiler.h"
#include "localpca/refusal.h"

/*
 * Seconds since 1970 of a Validity structure: DAYS, MONTHS and YEARS count from `now`, ABSOLUTE is
 * seconds since 1970, END_DATE has the digits of UTCTime or GeneralizedTime.
 * refusals: ValidationException naming `member` ("validity")
 */
bool validity_resolve(const char *member, const char *type, int64_t value, int64_t now,
                      int64_t *out, struct refusal *refusal) MUST_CHECK;

#endif
