#include "order/custom.h"

#include <stdlib.h>
#include <string.h>

#include "order/der.h"

static const char critical_mark[] = ",critical";

/* No extension that fits a certificate is longer. */
enum { VALUE_MOST = 16 * 1024 };

/* Extensions that are asked for otherwise, or not at all. */
static const struct {
        const char *oid;
        const char *name;
        const char *instead;
} elsewhere[] = {
        { "2.5.29.15", "key usage", "use --key-usage" },
        { "2.5.29.37", "extended key usage", "use --ext-key-usage" },
        { "2.5.29.17", "subject alternative name", "use --san" },
        { "2.5.29.32", "certificate policies", "use --policy-oid" },
        { "2.5.29.19", "basic constraints", "the template sets it: choose one with --template" },
        { "2.5.29.14", "subject key identifier", "the CA makes it from the public key" },
        { "2.5.29.35", "authority key identifier", "the CA takes it from its own certificate" },
};

static bool
refuse(struct error *err, const char *text, const char *rule)
{
        error_set(err, ERROR_USAGE, "the extension '%.80s' is wrong: %s", text, rule);
        return error_advise(err, "write OID[,critical]:HEX, such as 1.3.6.1.4.1.99999.1:0500, or "
                                 "the DER in base64 as OID:base64:BQA=");
}

static bool
check_oid(const char *text, const char *oid, struct error *err)
{
        if (!oid_is_dotted(oid))
                return refuse(err, text, "it does not begin with a dotted object identifier");
        for (size_t i = 0; i < ARRAY_LENGTH(elsewhere); i++) {
                if (strcmp(elsewhere[i].oid, oid) != 0)
                        continue;
                error_set(err, ERROR_USAGE, "%s is the %s, which --extension does not take", oid,
                          elsewhere[i].name);
                return error_advise(err, "%s", elsewhere[i].instead);
        }
        return true;
}

static const char *
decode(const char *text, struct buf *value)
{
        static const char base64[] = "base64:";
        struct error ignored = { 0 };

        if (text_starts(text, base64)) {
                if (!base64_decode(view_text(text + strlen(base64)), value, &ignored))
                        return "its value is not base64";
        } else if (!hex_decode(text, value, &ignored)) {
                return "its value is not hex";
        }
        if (!value->len)
                return "its value is empty";
        if (value->len > VALUE_MOST)
                return "its value is longer than 16 KiB";
        if (!der_is_one_element(view_buf(value)))
                return "its value is not one DER element (RFC 5280, 4.2)";
        return NULL;
}

bool
custom_parse(const char *text, char **normal, struct error *err)
{
        size_t len = strcspn(text, ",:");
        CLEANUP(free_cleanup) char *oid = text_copy_length(text, len);
        CLEANUP(buf_cleanup) struct buf value = { 0 };
        const char *at = text + len;
        bool critical = text_starts(at, critical_mark);

        if (!check_oid(text, oid, err))
                return false;
        if (critical)
                at += strlen(critical_mark);
        if (*at != ':')
                return refuse(err, text,
                              *at == ',' ? "only 'critical' may stand behind the comma"
                                         : "its value is missing");
        const char *rule = decode(at + 1, &value);

        if (rule)
                return refuse(err, text, rule);
        *normal = custom_format(oid, critical, view_buf(&value));
        return true;
}

void
custom_read(const char *normal, struct custom *out)
{
        size_t len = strcspn(normal, ",:");
        const char *colon = strchr(normal, ':');
        struct error ignored = { 0 };

        *out = (struct custom){ .critical = normal[len] == ',' };
        assert(colon && len < OID_TEXT);
        memcpy(out->oid, normal, len);
        /* A normal form decodes. */
        if (!hex_decode(colon + 1, &out->value, &ignored))
                buf_clear(&out->value);
}

char *
custom_format(const char *oid, bool critical, struct view value)
{
        CLEANUP(free_cleanup) char *hex = hex_encode(value);

        return text_format("%s%s:%s", oid, critical ? critical_mark : "", hex);
}
