#include "order/der.h"

#include <openssl/crypto.h>
#include <stdlib.h>

void
der_add(struct buf *out, enum der_tag tag, struct view contents)
{
        size_t len = contents.len;
        unsigned more = 0; /* bytes of a length over 127 */

        buf_add_byte(out, (uint8_t)tag);
        for (size_t left = len; len > 127 && left; left >>= 8)
                more++;
        if (more)
                buf_add_byte(out, (uint8_t)(0x80 | more));
        else
                buf_add_byte(out, (uint8_t)len);
        while (more--)
                buf_add_byte(out, (uint8_t)(len >> 8 * more));
        buf_add(out, contents);
}

void
der_add_object(struct buf *out, const ASN1_OBJECT *object)
{
        unsigned char *der = NULL;
        int len = i2d_ASN1_OBJECT(object, &der);

        if (len < 0)
                abort();
        buf_add(out, view_of(der, (size_t)len));
        OPENSSL_free(der);
}

size_t
der_sequence_length(struct view bytes)
{
        size_t len = 0;

        if (bytes.len < 2 || bytes.data[0] != DER_SEQUENCE)
                return 0;
        if (bytes.data[1] < 0x80)
                return bytes.data[1] + 2u <= bytes.len ? bytes.data[1] + 2u : 0;
        size_t more = bytes.data[1] & 0x7f;

        if (more == 0 || more > 4 || bytes.len < 2 + more || bytes.data[2] == 0)
                return 0;
        for (size_t i = 0; i < more; i++)
                len = len << 8 | bytes.data[2 + i];
        if (len < 0x80 || len > bytes.len - 2 - more)
                return 0;
        return 2 + more + len;
}
