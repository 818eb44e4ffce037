#include "order/oid.h"

#include <openssl/objects.h>
#include <stdlib.h>
#include <string.h>

/* One arc's digits at `at`: how many, or 0 if there is none or it has a leading zero. */
static size_t
arc_length(const char *at)
{
        size_t length = strspn(at, "0123456789");

        return at[0] == '0' && length > 1 ? 0 : length;
}

bool
oid_is_dotted(const char *text)
{
        size_t length = strlen(text);
        const char *at = text;
        size_t arcs = 0;

        if (length >= OID_TEXT)
                return false;
        for (;; at++) {
                size_t digits = arc_length(at);

                if (digits == 0)
                        return false;
                if (arcs == 0 && (digits > 1 || *at > '2'))
                        return false;
                if (arcs == 1 && text[0] < '2' && (digits > 2 || (digits == 2 && *at > '3')))
                        return false;
                arcs++;
                at += digits;
                if (*at == '\0')
                        return arcs >= 2;
                if (*at != '.')
                        return false;
        }
}

ASN1_OBJECT *
oid_object(const char *text)
{
        return oid_is_dotted(text) ? OBJ_txt2obj(text, 1) : NULL;
}

const char *
oid_text(const ASN1_OBJECT *object, char out[OID_TEXT])
{
        int length = OBJ_obj2txt(out, OID_TEXT, object, 1);

        if (length <= 0 || length >= OID_TEXT)
                out[0] = '\0';
        return out;
}
