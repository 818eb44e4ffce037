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
        DER_INTEGER = 0x02,
        DER_OCTET_STRING = 0x04,
        DER_UTF8_STRING = 0x0c,
        DER_IA5_STRING = 0x16,
        DER_GENERAL_STRING = 0x1b,
        DER_SEQUENCE = 0x30,
        DER_SET = 0x31,
        DER_CONTEXT_0 = 0xa0,
        DER_CONTEXT_1 = 0xa1,
};

/* Append one element: tag, length in the shortest form, contents. */
void der_add(struct buf *out, enum der_tag tag, struct view contents);

/* Append an OBJECT IDENTIFIER. */
void der_add_object(struct buf *out, const ASN1_OBJECT *object);

/*
 * Take the first element off: its tag (one byte: those of 31 and more are broken here) and its
 * contents, borrowed.  False and nothing taken if there is none in definite, shortest form.
 */
bool der_take(struct view *rest, uint8_t *tag, struct view *contents);

/*
 * Are these bytes one element, and what is inside constructed ones elements again, all in definite,
 * shortest form (X.690, 10.1)?  Primitive values are not looked into; no more than 32 deep.
 */
bool der_is_one_element(struct view bytes);

/*
 * How many bytes the SEQUENCE takes that `bytes` begin with; 0 if they do not begin with a whole
 * one in definite, shortest form.
 */
size_t der_sequence_length(struct view bytes);

#endif
