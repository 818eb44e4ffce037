#include "order/utf8.h"

#include <openssl/asn1.h>

long
utf8_next(struct view *text)
{
        unsigned long character;
        int used = UTF8_getc(text->data, (int)text->len, &character);

        if (used <= 0 || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
                return -1;
        *text = view_of(text->data + used, text->len - (size_t)used);
        return (long)character;
}

int
utf8_length(struct view text)
{
        int characters = 0;

        for (; text.len; characters++) {
                if (utf8_next(&text) < 0)
                        return -1;
        }
        return characters;
}

bool
utf8_is_control(long character)
{
        return character < 0x20 || (character >= 0x7f && character < 0xa0) ||
               (character >= 0x200e && character <= 0x200f) ||
               (character >= 0x2028 && character <= 0x202e) ||
               (character >= 0x2066 && character <= 0x2069);
}

bool
utf8_has_control(struct view text)
{
        while (text.len) {
                long character = utf8_next(&text);

                if (character < 0)
                        return false;
                if (utf8_is_control(character))
                        return true;
        }
        return false;
}
