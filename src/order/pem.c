#include "order/pem.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 64 };

/* Behind `mark` in `text`: true and its place, if it is there. */
static bool
find(struct view text, const char *mark, size_t *at)
{
        const uint8_t *found = text.len ? memmem(text.data, text.len, mark, strlen(mark)) : NULL;

        if (!found)
                return false;
        *at = (size_t)(found - text.data);
        return true;
}

static struct view
skip(struct view text, size_t bytes)
{
        return view_of(text.data + bytes, text.len - bytes);
}

bool
pem_next(struct view *text, const char *label, struct buf *der, struct error *err)
{
        CLEANUP(free_cleanup) char *begin = text_format("-----BEGIN %s-----", label);
        CLEANUP(free_cleanup) char *end = text_format("-----END %s-----", label);
        size_t at;

        *err = (struct error){ 0 };
        if (!find(*text, begin, &at))
                return false;
        struct view body = skip(*text, at + strlen(begin));

        if (!find(body, end, &at))
                return error_set(err, ERROR_INPUT, "a PEM block '%s' has no end", label);
        if (!base64_decode(view_of(body.data, at), der, err))
                return error_set(err, ERROR_INPUT, "a PEM block '%s' is not base64", label);
        *text = skip(body, at + strlen(end));
        return true;
}

void
pem_add(struct buf *out, const char *label, struct view der)
{
        CLEANUP(free_cleanup) char *text = base64_encode(der);

        buf_reserve(out, der.len + der.len / 2 + 128);
        buf_format(out, "-----BEGIN %s-----\n", label);
        for (const char *at = text; *at;) {
                size_t len = strnlen(at, LINE);

                buf_add(out, view_of(at, len));
                buf_add_byte(out, '\n');
                at += len;
        }
        buf_format(out, "-----END %s-----\n", label);
}
