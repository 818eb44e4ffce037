/*
 * How long a certificate is wanted to be valid, in the five forms of AWS Private CA plus `ca-end`.
 * Pure.
 */
#ifndef ORDER_VALIDITY_H
#define ORDER_VALIDITY_H

#include "base/bytes.h"
#include "base/err.h"

enum validity_type {
        VALIDITY_NONE,
        VALIDITY_DAYS,     /* 365d */
        VALIDITY_MONTHS,   /* 13mo */
        VALIDITY_YEARS,    /* 2y */
        VALIDITY_END_DATE, /* end:2027-12-31T23:59:59Z (or a date: its last second) */
        VALIDITY_ABSOLUTE, /* absolute:1830297599 */
        VALIDITY_CA_END,   /* ca-end: the CA's own NotAfter, sent as ABSOLUTE */
        VALIDITY_TYPES
};

struct validity {
        enum validity_type type;
        int64_t value; /* a count, or seconds since 1970 for END_DATE and ABSOLUTE */
};

/* Read the command line's form; ERROR_USAGE says what is wrong and what would be right. */
bool validity_parse(const char *text, struct validity *out, struct error *err) MUST_CHECK;

/* The same form back ("365d", "end:2027-12-31T23:59:59Z"); the caller frees. */
char *validity_format(const struct validity *validity);

/*
 * The two members of the API's Validity structure.  END_DATE becomes the number YYYYMMDDHHMMSS.
 * VALIDITY_CA_END needs `ca_not_after`, else ERROR_INPUT.
 */
bool validity_for_api(const struct validity *validity, int64_t ca_not_after, const char **type,
                      int64_t *value, struct error *err) MUST_CHECK;

/* The NotAfter to expect when issued at `issued_at` (calendar months and years, UTC). */
int64_t validity_end(const struct validity *validity, int64_t issued_at, int64_t ca_not_after);

#endif
