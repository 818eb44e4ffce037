#include "order/othername.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "order/der.h"
#include "order/oid.h"
#include "order/utf8.h"

/* userPrincipalName, and id-pkinit-san of RFC 4556. */
#define UPN_OID "1.3.6.1.4.1.311.20.2.3"
#define KRB5_OID "1.3.6.1.5.2.2"

/* How a value is written, and the tag it gets; 0: it is DER already. */
static const struct {
        const char *prefix;
        uint8_t tag;
} values[] = {
        { "UTF8:", DER_UTF8_STRING },
        { "IA5:", DER_IA5_STRING },
        { "DER:", 0 },
};

static const char *
text_rule(struct view value)
{
        if (!value.len)
                return "it is empty";
        if (utf8_length(value) < 0)
                return "it is not UTF-8";
        if (utf8_has_control(value))
                return "it holds a control character";
        return NULL;
}

static const char *
ascii_rule(struct view value)
{
        for (size_t i = 0; i < value.len; i++) {
                if (value.data[i] < ' ' || value.data[i] > '~')
                        return "it holds more than ASCII characters";
        }
        return value.len ? NULL : "it is empty";
}

static const char *
rule_of(uint8_t tag, struct view value)
{
        return tag == DER_IA5_STRING ? ascii_rule(value) : text_rule(value);
}

/* Put the name together: a type and the DER of a value. */
static bool
build(GENERAL_NAME *name, const char *oid, struct view der)
{
        const unsigned char *at = der.data;
        ASN1_OBJECT *object = oid_object(oid);
        ASN1_TYPE *value = d2i_ASN1_TYPE(NULL, &at, (long)der.len);

        ERR_clear_error();
        if (object && value && at == der.data + der.len &&
            GENERAL_NAME_set0_othername(name, object, value))
                return true;
        ASN1_OBJECT_free(object);
        ASN1_TYPE_free(value);
        return false;
}

/* -- Windows -------------------------------------------------------------------------------- */

const char *
upn_normal(const char *value, char **normal)
{
        const char *at = strrchr(value, '@');
        const char *rule = text_rule(view_text(value));

        if (rule)
                return rule;
        if (!at || at == value || !at[1])
                return "it is not of the form user@realm";
        *normal = text_copy(value);
        return NULL;
}

bool
upn_build(GENERAL_NAME *name, int type, const char *value)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };

        (void)type;
        der_add(&der, DER_UTF8_STRING, view_text(value));
        return build(name, UPN_OID, view_buf(&der));
}

/* -- Kerberos ------------------------------------------------------------------------------- */

/* Name type NT-PRINCIPAL (RFC 4120, 6.2): who compares principals leaves the type alone. */
enum { NT_PRINCIPAL = 1 };

/* One name up to an unescaped '/' or '@', or the realm up to the end. */
static const char *
take_name(const char **at, bool realm, struct buf *out)
{
        for (; **at && (realm || (**at != '/' && **at != '@')); (*at)++) {
                if (realm && strchr("/@\\", **at))
                        return "the realm holds '/', '@' or a backslash";
                if (**at == '\\' && !strchr("/@\\", (*at)[1]))
                        return "a backslash stands in front of /, @ or \\ only";
                if (**at == '\\' && !*++(*at))
                        return "nothing follows the backslash";
                if (**at < ' ' || **at > '~')
                        return "it holds more than ASCII characters (RFC 4120, 5.2.1)";
                buf_add_byte(out, (uint8_t) * *at);
        }
        return out->len ? NULL : realm ? "the realm is empty" : "a name in it is empty";
}

static void
add_inside(struct buf *out, enum der_tag outer, enum der_tag inner, struct view contents)
{
        CLEANUP(buf_cleanup) struct buf inside = { 0 };

        der_add(&inside, inner, contents);
        der_add(out, outer, view_buf(&inside));
}

/* The DER of KRB5PrincipalName, or the rule that the text breaks. */
static const char *
krb5_der(const char *value, struct buf *der)
{
        static const uint8_t type = NT_PRINCIPAL;
        CLEANUP(buf_cleanup) struct buf names = { 0 };
        CLEANUP(buf_cleanup) struct buf realm = { 0 };
        CLEANUP(buf_cleanup) struct buf principal = { 0 };
        CLEANUP(buf_cleanup) struct buf fields = { 0 };
        const char *at = value;
        const char *rule = NULL;

        do {
                CLEANUP(buf_cleanup) struct buf name = { 0 };

                at += names.len ? 1 : 0;
                rule = take_name(&at, false, &name);
                der_add(&names, DER_GENERAL_STRING, view_buf(&name));
        } while (!rule && *at == '/');
        if (!rule && *at != '@')
                return "it is not of the form name@REALM";
        at += *at == '@';
        rule = rule ? rule : take_name(&at, true, &realm);
        if (rule)
                return rule;
        add_inside(&fields, DER_CONTEXT_0, DER_GENERAL_STRING, view_buf(&realm));
        add_inside(&principal, DER_CONTEXT_0, DER_INTEGER, view_of(&type, 1));
        add_inside(&principal, DER_CONTEXT_1, DER_SEQUENCE, view_buf(&names));
        add_inside(&fields, DER_CONTEXT_1, DER_SEQUENCE, view_buf(&principal));
        der_add(der, DER_SEQUENCE, view_buf(&fields));
        return NULL;
}

static void
add_escaped(struct buf *text, struct view name)
{
        for (size_t i = 0; i < name.len; i++) {
                if (name.data[i] && strchr("/@\\", name.data[i]))
                        buf_add_byte(text, '\\');
                buf_add_byte(text, name.data[i]);
        }
}

/* The contents of the next element if it has that tag. */
static bool
enter(struct view *rest, enum der_tag tag, struct view *contents)
{
        uint8_t found = 0;

        return der_take(rest, &found, contents) && found == tag;
}

/* The text of a KRB5PrincipalName as krb5_der() writes one; NULL for any other value. */
static char *
krb5_text(struct view der)
{
        struct view fields, realm, principal, names, inside;
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        CLEANUP(buf_cleanup) struct buf again = { 0 };
        struct view rest = der;

        if (!enter(&rest, DER_SEQUENCE, &fields) || !enter(&fields, DER_CONTEXT_0, &inside) ||
            !enter(&inside, DER_GENERAL_STRING, &realm) ||
            !enter(&fields, DER_CONTEXT_1, &inside) || !enter(&inside, DER_SEQUENCE, &principal) ||
            !enter(&principal, DER_CONTEXT_0, &inside) ||
            !enter(&principal, DER_CONTEXT_1, &inside) || !enter(&inside, DER_SEQUENCE, &names))
                return NULL;
        for (struct view name; names.len;) {
                if (!enter(&names, DER_GENERAL_STRING, &name))
                        return NULL;
                if (text.len)
                        buf_add_byte(&text, '/');
                add_escaped(&text, name);
        }
        buf_add_byte(&text, '@');
        buf_add(&text, realm);
        /* The type, and whatever else was not looked at, shows here. */
        if (strlen(buf_text(&text)) != text.len || krb5_der(buf_text(&text), &again) ||
            !view_equal(view_buf(&again), der))
                return NULL;
        return text_copy(buf_text(&text));
}

const char *
krb5_normal(const char *value, char **normal)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        const char *rule = krb5_der(value, &der);

        if (!rule)
                *normal = text_copy(value);
        return rule;
}

bool
krb5_build(GENERAL_NAME *name, int type, const char *value)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };

        (void)type;
        return !krb5_der(value, &der) && build(name, KRB5_OID, view_buf(&der));
}

/* -- any type ------------------------------------------------------------------------------- */

/* Does a value of a universal type decode, and come back as it was? */
static bool
keeps(struct view der)
{
        const unsigned char *at = der.data;
        ASN1_TYPE *value = d2i_ASN1_TYPE(NULL, &at, (long)der.len);
        unsigned char *bytes = NULL;
        int len = value ? i2d_ASN1_TYPE(value, &bytes) : -1;
        bool same = len > 0 && view_equal(view_of(bytes, (size_t)len), der);

        OPENSSL_free(bytes);
        ASN1_TYPE_free(value);
        ERR_clear_error();
        return same;
}

/* "UTF8:text" and its like as DER, or the rule that it breaks. */
static const char *
value_der(const char *text, struct buf *der)
{
        struct error ignored = { 0 };

        for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
                if (!text_starts(text, values[i].prefix))
                        continue;
                struct view value = view_text(text + strlen(values[i].prefix));
                const char *rule = values[i].tag ? rule_of(values[i].tag, value) : NULL;

                if (rule)
                        return rule;
                if (values[i].tag)
                        der_add(der, (enum der_tag)values[i].tag, value);
                else if (!hex_decode((const char *)value.data, der, &ignored))
                        return "its value is not hex";
                return der_is_one_element(view_buf(der)) && keeps(view_buf(der))
                               ? NULL
                               : "its value is not one DER element";
        }
        return "it is not of the form OID;UTF8:text, OID;IA5:text or OID;DER:hex";
}

/* The other way round: text where the value is one that text can say. */
static char *
value_text(struct view der)
{
        struct view rest = der, contents;
        uint8_t tag = 0;

        if (der_take(&rest, &tag, &contents) && !rest.len) {
                for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
                        if (values[i].tag != tag || rule_of(tag, contents))
                                continue;
                        CLEANUP(free_cleanup)
                        char *text = text_copy_length(contents.data, contents.len);

                        return text_format("%s%s", values[i].prefix, text);
                }
        }
        CLEANUP(free_cleanup) char *hex = hex_encode(der);

        return text_format("DER:%s", hex);
}

const char *
othername_normal(const char *value, char **normal)
{
        size_t len = strcspn(value, ";");
        CLEANUP(free_cleanup) char *oid = text_copy_length(value, len);
        CLEANUP(free_cleanup) char *krb5 = NULL;
        CLEANUP(buf_cleanup) struct buf der = { 0 };

        if (!oid_is_dotted(oid))
                return "it does not begin with a dotted object identifier";
        const char *rule = value_der(value[len] ? value + len + 1 : "", &der);

        if (rule)
                return rule;
        krb5 = strcmp(oid, KRB5_OID) == 0 ? krb5_text(view_buf(&der)) : NULL;
        if (krb5)
                return "this object identifier is written krb5:name@REALM";
        if (strcmp(oid, UPN_OID) == 0 && der.data[0] == DER_UTF8_STRING)
                return "this object identifier is written upn:user@realm";
        CLEANUP(free_cleanup) char *text = value_text(view_buf(&der));

        *normal = text_format("%s;%s", oid, text);
        return NULL;
}

bool
othername_build(GENERAL_NAME *name, int type, const char *value)
{
        size_t len = strcspn(value, ";");
        CLEANUP(free_cleanup) char *oid = text_copy_length(value, len);
        CLEANUP(buf_cleanup) struct buf der = { 0 };

        (void)type;
        return value[len] && !value_der(value + len + 1, &der) && build(name, oid, view_buf(&der));
}

char *
othername_text(const OTHERNAME *other)
{
        unsigned char *bytes = NULL;
        int len = i2d_ASN1_TYPE(other->value, &bytes);
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        CLEANUP(free_cleanup) char *text = NULL;
        char oid[OID_TEXT];

        if (len > 0)
                buf_add(&der, view_of(bytes, (size_t)len));
        OPENSSL_free(bytes);
        if (!der.len || !*oid_text(other->type_id, oid))
                return NULL;
        if (strcmp(oid, KRB5_OID) == 0 && (text = krb5_text(view_buf(&der))))
                return text_format("krb5:%s", text);
        text = value_text(view_buf(&der));
        if (strcmp(oid, UPN_OID) == 0 && text_starts(text, "UTF8:"))
                return text_format("upn:%s", text + strlen("UTF8:"));
        return text_format("othername:%s;%s", oid, text);
}
