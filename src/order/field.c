#include "order/field.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "order/oid.h"
#include "order/text_list.h"

/* `allow`: the name by which a difference can be allowed; NULL where it never can. */
static const struct {
        const char *name;
        const char *allow;
} fields[] = {
        [FIELD_SUBJECT] = { "subject", "subject" },
        [FIELD_SANS] = { "alternative names", "alternative-names" },
        [FIELD_PUBLIC_KEY] = { "public key", NULL },
        [FIELD_BASIC_CONSTRAINTS] = { "basic constraints", NULL },
        [FIELD_KEY_USAGE] = { "key usage", "key-usage" },
        [FIELD_EXTENDED_USAGE] = { "extended key usage", "extended-key-usage" },
        [FIELD_POLICIES] = { "policies", "policies" },
        [FIELD_EXTENSION] = { "extension", "extension" },
        [FIELD_ISSUER] = { "issuer", NULL },
        [FIELD_SUBJECT_KEY_ID] = { "subject key identifier", "subject-key-identifier" },
        [FIELD_AUTHORITY_KEY_ID] = { "authority key identifier", "authority-key-identifier" },
        [FIELD_CRL_POINTS] = { "CRL distribution points", "crl-distribution-points" },
        [FIELD_INFORMATION_ACCESS] = { "authority information access",
                                       "authority-information-access" },
        [FIELD_SIGNATURE] = { "signature", NULL },
        [FIELD_NOT_BEFORE] = { "not before", "not-before" },
        [FIELD_NOT_AFTER] = { "not after", "not-after" },
        [FIELD_SERIAL] = { "serial number", NULL },
        [FIELD_FORM] = { "form", NULL },
        [FIELD_CHAIN] = { "chain", NULL },
};
static_assert(ARRAY_LENGTH(fields) == FIELDS, "a name for every field");

static const char extension_prefix[] = "extension:";

const char *
field_name(enum field field)
{
        return fields[field].name;
}

static bool
refuse(struct error *err, const char *text)
{
        CLEANUP(buf_cleanup) struct buf names = { 0 };

        for (size_t i = 0; i < FIELDS; i++) {
                if (fields[i].allow)
                        buf_format(&names, "%s%s", names.len ? ", " : "", fields[i].allow);
        }
        error_set(err, ERROR_USAGE, "'%.80s' is no difference that can be allowed", text);
        return error_advise(err,
                            "there are %s and extension:OID; key, issuer, chain, signature and "
                            "being a CA have to be as asked for",
                            buf_text(&names));
}

bool
field_allow_parse(const char *text, char **normal, struct error *err)
{
        CLEANUP(free_cleanup) char *name = text_copy(text);

        for (char *at = name; *at; at++)
                *at = *at == ' ' || *at == '_' ? '-' : (char)tolower((unsigned char)*at);
        if (text_starts(name, extension_prefix)) {
                if (!oid_is_dotted(name + strlen(extension_prefix)))
                        return refuse(err, text);
                *normal = MOVE(name);
                return true;
        }
        for (size_t i = 0; i < FIELDS; i++) {
                if (!text_equal(fields[i].allow, name))
                        continue;
                *normal = MOVE(name);
                return true;
        }
        return refuse(err, text);
}

bool
field_is_allowed(char *const *allowed, size_t count, enum field field, const char *oid)
{
        CLEANUP(free_cleanup)
        char *one = oid ? text_format("%s%s", extension_prefix, oid) : NULL;

        return (fields[field].allow && text_list_has(allowed, count, fields[field].allow)) ||
               (one && text_list_has(allowed, count, one));
}
