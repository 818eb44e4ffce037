/*
 * How many certificates may be asked for in a second: --rate.  Pure.
 */
#ifndef CLI_RATE_H
#define CLI_RATE_H

#include "base/err.h"

/* What is kept to unless something else is said: just under AWS's quota of 25 a second. */
#define RATE_OF_QUOTA 24.9

/*
 * "10/s", "10", "0.5/s", "300/m"; "none" and 0 are no limit, which is DRIVE_NO_RATE.
 * ERROR_USAGE for anything else.
 */
bool rate_parse(const char *text, double *rate, struct error *err) MUST_CHECK;

#endif
