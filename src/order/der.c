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

/* The length at `at` and the contents that it counts: how many bytes both take; 0 if broken. */
static size_t
counted_length(struct view bytes, size_t at, size_t *contents)
{
        size_t len = 0;

        if (bytes.len <= at)
                return 0;
        size_t left = bytes.len - at - 1;

        if (bytes.data[at] < 0x80) {
                *contents = bytes.data[at];
                return *contents <= left ? 1 + *contents : 0;
        }
        size_t more = bytes.data[at] & 0x7f;

        if (more == 0 || more > 4 || left < more || bytes.data[at + 1] == 0)
                return 0;
        for (size_t i = 0; i < more; i++)
                len = len << 8 | bytes.data[at + 1 + i];
        if (len < 0x80 || len > left - more)
                return 0;
        *contents = len;
        return 1 + more + len;
}

size_t
der_sequence_length(struct view bytes)
{
        size_t contents = 0;

        if (!bytes.len || bytes.data[0] != DER_SEQUENCE)
                return 0;
        size_t counted = counted_length(bytes, 1, &contents);

        return counted ? 1 + counted : 0;
}

enum { DEEPEST = 32, CONSTRUCTED = 0x20, LONG_TAG = 0x1f };

/* How many bytes the first element takes, and its contents at its end; 0 if it is broken. */
static size_t
element_length(struct view bytes, size_t *contents)
{
        size_t tag = 1;

        if (!bytes.len)
                return 0;
        if ((bytes.data[0] & LONG_TAG) == LONG_TAG) {
                while (tag < bytes.len && bytes.data[tag] & 0x80)
                        tag++;
                tag++;
        }
        size_t counted = counted_length(bytes, tag, contents);

        return counted ? tag + counted : 0;
}

bool
der_take(struct view *rest, uint8_t *tag, struct view *contents)
{
        size_t inside = 0;
        size_t len = element_length(*rest, &inside);

        if (!len || (rest->data[0] & LONG_TAG) == LONG_TAG)
                return false;
        *tag = rest->data[0];
        *contents = view_of(rest->data + len - inside, inside);
        *rest = view_of(rest->data + len, rest->len - len);
        return true;
}

static bool
are_elements(struct view bytes, unsigned deep)
{
        while (bytes.len) {
                size_t contents = 0;
                size_t len = element_length(bytes, &contents);

                if (!len || deep > DEEPEST)
                        return false;
                if (bytes.data[0] & CONSTRUCTED &&
                    !are_elements(view_of(bytes.data + len - contents, contents), deep + 1))
                        return false;
                bytes = view_of(bytes.data + len, bytes.len - len);
        }
        return true;
}

bool
der_is_one_element(struct view bytes)
{
        size_t contents = 0;

        return bytes.len && element_length(bytes, &contents) == bytes.len && are_elements(bytes, 0);
}
