#include "aws/form.h"

#include <string.h>

static bool
is_plain(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.' || c == '~';
}

void
form_encode(struct buf *out, const char *text)
{
        static const char digits[] = "0123456789ABCDEF";

        for (; *text; text++) {
                uint8_t byte = (uint8_t)*text;

                if (is_plain(*text)) {
                        buf_add_byte(out, byte);
                        continue;
                }
                buf_add_byte(out, '%');
                buf_add_byte(out, (uint8_t)digits[byte >> 4]);
                buf_add_byte(out, (uint8_t)digits[byte & 0x0F]);
        }
}

void
form_add(struct buf *form, const char *name, const char *value)
{
        if (!value)
                return;
        if (form->len)
                buf_add_byte(form, '&');
        form_encode(form, name);
        buf_add_byte(form, '=');
        form_encode(form, value);
}

void
form_add_number(struct buf *form, const char *name, int64_t value)
{
        CLEANUP(free_cleanup) char *digits = text_format("%lld", (long long)value);

        form_add(form, name, digits);
}

void
form_add_member(struct buf *form, const char *list, size_t index, const char *member,
                const char *value)
{
        CLEANUP(free_cleanup)
        char *name = text_format("%s.member.%zu%s%s", list, index, member ? "." : "",
                                 member ? member : "");

        form_add(form, name, value);
}
