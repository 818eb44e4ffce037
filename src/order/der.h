/*
 * Just enough DER to write a request and to cut certificates apart (ITU-T X.690).  Pure.
 */
#ifndef ORDER_DER_H
#define ORDER_DER_H

#include <openssl/asn1.h>

#include "base/bytes.h"

enum der_tag {
        DER_BOOLEAN = 0x01,
        DER_BIT_STRING = 0x03,
        DER_OCTET_STRING = 0x04,
        DER_SEQUENCE = 0x30,
        DER_SET = 0x31,
        DER_CONTEXT_0 = 0xa0,
};

/* Append one element: tag, length in the shortest form, contents. */
void der_add(struct buf *out, enum der_tag tag, struct view contents);

/* Append an OBJECT IDENTIFIER. */
void der_add_object(struct buf *out, const ASN1_OBJECT *object);

/*
 * How many bytes the SEQUENCE takes that `bytes` begin with; 0 if they do not begin with a whole
 * one in definite, shortest form.
 */
size_t der_sequence_length(struct view bytes);

#endif
