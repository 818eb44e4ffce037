/*
 * Object identifiers in their dotted form (RFC 4512, 1.4, numericoid).  Pure.
 */
#ifndef ORDER_OID_H
#define ORDER_OID_H

#include <openssl/asn1.h>

#include "base/compiler.h"

/* Room for the longest dotted OID that is accepted here, and a NUL. */
enum { OID_TEXT = 128 };

/*
 * Is this a dotted OID: two arcs or more, no leading zeros, first arc 0 to 2, second under 40 below
 * the first two?  At most OID_TEXT - 1 characters.
 */
bool oid_is_dotted(const char *text);

/* The object of a dotted OID, or NULL if it is none; the caller frees with ASN1_OBJECT_free. */
ASN1_OBJECT *oid_object(const char *text);

/* The dotted form; "" when it is longer than OID_TEXT allows.  Returns `out`. */
const char *oid_text(const ASN1_OBJECT *object, char out[OID_TEXT]);

#endif
