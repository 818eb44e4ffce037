/*
 * Extensions that are wished for as they are: an object identifier, whether it is critical, and the
 * DER of its value.  Pure.
 */
#ifndef ORDER_CUSTOM_H
#define ORDER_CUSTOM_H

#include "base/bytes.h"
#include "base/err.h"
#include "order/oid.h"

/*
 * Read "OID[,critical]:VALUE".  VALUE is the DER of the extension's value in hex, or in base64
 * behind "base64:".
 *
 * normal  out, "OID[,critical]:HEX" in lower case; the caller frees
 * errors  ERROR_USAGE with the rule that is broken; also for an extension that has an option of its
 *         own (key usage …) or that the CA alone sets (key identifiers)
 */
bool custom_parse(const char *text, char **normal, struct error *err) MUST_CHECK;

struct custom {
        char oid[OID_TEXT];
        bool critical;
        struct buf value; /* DER */
};

/* The parts of a normal form; `value` is cleared by the caller. */
void custom_read(const char *normal, struct custom *out);

/* The normal form of an extension's parts; the caller frees. */
char *custom_format(const char *oid, bool critical, struct view value);

#endif
