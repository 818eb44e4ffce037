/*
 * The fields of a certificate by the words that the plan, the comparison after the issue and
 * --allow-difference share.  Pure.
 */
#ifndef ORDER_FIELD_H
#define ORDER_FIELD_H

#include "base/bytes.h"
#include "base/err.h"

enum field {
        FIELD_SUBJECT,
        FIELD_SANS,
        FIELD_PUBLIC_KEY,
        FIELD_BASIC_CONSTRAINTS,
        FIELD_KEY_USAGE,
        FIELD_EXTENDED_USAGE,
        FIELD_POLICIES,
        FIELD_EXTENSION, /* any other one; told apart by its OID */
        FIELD_ISSUER,
        FIELD_SUBJECT_KEY_ID,
        FIELD_AUTHORITY_KEY_ID,
        FIELD_CRL_POINTS,
        FIELD_INFORMATION_ACCESS,
        FIELD_SIGNATURE,
        FIELD_NOT_BEFORE,
        FIELD_NOT_AFTER,
        FIELD_SERIAL,
        FIELD_FORM, /* version, unique identifiers, encoding */
        FIELD_CHAIN,
        FIELDS
};

/* "key usage", "CRL distribution points". */
const char *field_name(enum field field);

/*
 * Read the name of a difference that is allowed: "key-usage" (any case; blanks do for hyphens), or
 * "extension:OID" for one extension.
 *
 * normal  out, in lower case with hyphens; the caller frees
 * errors  ERROR_USAGE, for a name that there is not and for what no order can allow (key, chain,
 *         signature, being a CA)
 */
bool field_allow_parse(const char *text, char **normal, struct error *err) MUST_CHECK;

/* Is a difference in that field among those allowed?  `oid` of an extension, else NULL. */
bool field_is_allowed(char *const *allowed, size_t count, enum field field, const char *oid);

#endif
