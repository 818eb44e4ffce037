#include "order/name.h"

#include <ctype.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "order/der.h"
#include "order/oid.h"
#include "order/utf8.h"

/*
 * The attributes with a name of their own: RFC 4514, 3 and RFC 5280, appendix A.1, and what else
 * certificates carry.  `most` is the upper bound in characters.  The first row of an OID gives the
 * name that is written.
 */
static const struct attribute_type {
        const char *name;
        const char *oid;
        int string; /* V_ASN1_… of the values we make */
        int least;
        int most;
} attribute_types[] = {
        { "CN", "2.5.4.3", V_ASN1_UTF8STRING, 1, 64 },
        { "L", "2.5.4.7", V_ASN1_UTF8STRING, 1, 128 },
        { "ST", "2.5.4.8", V_ASN1_UTF8STRING, 1, 128 },
        { "O", "2.5.4.10", V_ASN1_UTF8STRING, 1, 64 },
        { "OU", "2.5.4.11", V_ASN1_UTF8STRING, 1, 64 },
        { "C", "2.5.4.6", V_ASN1_PRINTABLESTRING, 2, 2 },
        { "STREET", "2.5.4.9", V_ASN1_UTF8STRING, 1, 128 },
        { "DC", "0.9.2342.19200300.100.1.25", V_ASN1_IA5STRING, 1, 63 },
        { "UID", "0.9.2342.19200300.100.1.1", V_ASN1_UTF8STRING, 1, 256 },
        { "serialNumber", "2.5.4.5", V_ASN1_PRINTABLESTRING, 1, 64 },
        { "SN", "2.5.4.4", V_ASN1_UTF8STRING, 1, 32768 },
        { "surname", "2.5.4.4", V_ASN1_UTF8STRING, 1, 32768 },
        { "GN", "2.5.4.42", V_ASN1_UTF8STRING, 1, 32768 },
        { "givenName", "2.5.4.42", V_ASN1_UTF8STRING, 1, 32768 },
        { "initials", "2.5.4.43", V_ASN1_UTF8STRING, 1, 32768 },
        { "generationQualifier", "2.5.4.44", V_ASN1_UTF8STRING, 1, 32768 },
        { "name", "2.5.4.41", V_ASN1_UTF8STRING, 1, 32768 },
        { "title", "2.5.4.12", V_ASN1_UTF8STRING, 1, 64 },
        { "dnQualifier", "2.5.4.46", V_ASN1_PRINTABLESTRING, 1, 64 },
        { "pseudonym", "2.5.4.65", V_ASN1_UTF8STRING, 1, 128 },
        { "emailAddress", "1.2.840.113549.1.9.1", V_ASN1_IA5STRING, 1, 255 },
        { "description", "2.5.4.13", V_ASN1_UTF8STRING, 1, 1024 },
        { "businessCategory", "2.5.4.15", V_ASN1_UTF8STRING, 1, 128 },
        { "postalCode", "2.5.4.17", V_ASN1_UTF8STRING, 1, 40 },
        { "organizationIdentifier", "2.5.4.97", V_ASN1_UTF8STRING, 1, 256 },
        { "commonName", "2.5.4.3", V_ASN1_UTF8STRING, 1, 64 },
        { "countryName", "2.5.4.6", V_ASN1_PRINTABLESTRING, 2, 2 },
        { "localityName", "2.5.4.7", V_ASN1_UTF8STRING, 1, 128 },
        { "stateOrProvinceName", "2.5.4.8", V_ASN1_UTF8STRING, 1, 128 },
        { "streetAddress", "2.5.4.9", V_ASN1_UTF8STRING, 1, 128 },
        { "organizationName", "2.5.4.10", V_ASN1_UTF8STRING, 1, 64 },
        { "organizationalUnitName", "2.5.4.11", V_ASN1_UTF8STRING, 1, 64 },
        { "domainComponent", "0.9.2342.19200300.100.1.25", V_ASN1_IA5STRING, 1, 63 },
        { "userId", "0.9.2342.19200300.100.1.1", V_ASN1_UTF8STRING, 1, 256 },
};

/* An attribute whose type is a dotted OID that the table does not know. */
static const struct attribute_type any_type = { NULL, NULL, V_ASN1_UTF8STRING, 1, 32768 };

/* What may stand in a name at most, in bytes and in attributes; a certificate has to fit a token.
 */
enum { SUBJECT_BYTES = 65536, SUBJECT_ATTRIBUTES = 128 };

static void
name_cleanup(X509_NAME **name)
{
        X509_NAME_free(*name);
}

static void
object_cleanup(ASN1_OBJECT **object)
{
        ASN1_OBJECT_free(*object);
}

static const struct attribute_type *
type_named(const char *name)
{
        for (size_t i = 0; i < ARRAY_LENGTH(attribute_types); i++) {
                if (strcasecmp(attribute_types[i].name, name) == 0)
                        return &attribute_types[i];
        }
        return NULL;
}

static const struct attribute_type *
type_of_oid(const char *oid)
{
        for (size_t i = 0; i < ARRAY_LENGTH(attribute_types); i++) {
                if (strcmp(attribute_types[i].oid, oid) == 0)
                        return &attribute_types[i];
        }
        return NULL;
}

/* -- reading ------------------------------------------------------------------------------ */

static bool
broken(struct error *err, const char *at, const char *rule)
{
        if (*at)
                error_set(err, ERROR_USAGE, "the subject is not as RFC 4514 has it at '%.40s': %s",
                          at, rule);
        else
                error_set(err, ERROR_USAGE, "the subject is not as RFC 4514 has it: %s", rule);
        return error_advise(err, "write it like CN=device-1,O=Example Corp,C=DE; put a backslash "
                                 "in front of , + \" \\ < > ; and of a # or space that begins a "
                                 "value or a space that ends it");
}

/* attributeType: a name of the table or a dotted OID.  `*at` moves behind the '='. */
static bool
read_type(const char **at, const struct attribute_type **type, char oid[OID_TEXT],
          struct error *err)
{
        size_t len = strcspn(*at, "=,+;\\\"<># ");
        CLEANUP(free_cleanup) char *name = text_copy_length(*at, len);

        if (len == 0)
                return broken(err, *at, "an attribute type is missing");
        if ((*at)[len] != '=')
                return broken(err, *at, "'=' has to follow the attribute type");
        *type = oid_is_dotted(name) ? type_of_oid(name) : type_named(name);
        if (oid_is_dotted(name)) {
                memcpy(oid, name, len + 1);
                if (!*type)
                        *type = &any_type;
        }
        if (!*type) {
                const char *nearest = attribute_types[0].name;

                for (size_t i = 1; i < ARRAY_LENGTH(attribute_types); i++) {
                        if (text_distance(name, attribute_types[i].name) <
                            text_distance(name, nearest))
                                nearest = attribute_types[i].name;
                }
                error_set(err, ERROR_USAGE, "the subject has an unknown attribute '%.40s'", name);
                return error_advise(err, "did you mean '%s'? Others are written as dotted OIDs",
                                    nearest);
        }
        if ((*type)->oid)
                memcpy(oid, (*type)->oid, strlen((*type)->oid) + 1);
        *at += len + 1;
        return true;
}

static bool
is_hex_pair(const char *at)
{
        return isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1]);
}

static uint8_t
hex_pair(const char *at)
{
        char text[] = { at[0], at[1], '\0' };

        return (uint8_t)strtoul(text, NULL, 16);
}

/* `pair` of RFC 4514: a backslash and a special character or two hex digits. */
static bool
read_pair(const char **at, struct buf *value, struct error *err)
{
        if ((*at)[1] && strchr(" #=\"+,;<>\\", (*at)[1])) {
                buf_add_byte(value, (uint8_t)(*at)[1]);
                *at += 2;
                return true;
        }
        if (!(*at)[1] || !is_hex_pair(*at + 1))
                return broken(err, *at,
                              "a backslash is followed by a special character or two hex "
                              "digits");
        buf_add_byte(value, hex_pair(*at + 1));
        *at += 3;
        return true;
}

/* `string` of RFC 4514: ends before an unescaped ',' or '+', or at the end. */
static bool
read_string(const char **at, struct buf *value, struct error *err)
{
        bool ends_in_space = false;

        if (**at == ' ')
                return broken(err, *at, "a value cannot begin with a space");
        while (**at && **at != ',' && **at != '+') {
                if (**at == '\\') {
                        ends_in_space = false;
                        if (!read_pair(at, value, err))
                                return false;
                        continue;
                }
                if (strchr("\";<>", **at))
                        return broken(err, *at, "this character needs a backslash in front of it");
                ends_in_space = **at == ' ';
                buf_add_byte(value, (uint8_t) * (*at)++);
        }
        if (ends_in_space)
                return broken(err, *at, "a value cannot end with a space");
        return true;
}

static bool
is_printable(struct view value)
{
        for (size_t i = 0; i < value.len; i++) {
                uint8_t c = value.data[i];

                if (!c || (!(c < 0x80 && isalnum(c)) && !strchr(" '()+,-./:=?", c)))
                        return false;
        }
        return true;
}

static bool
is_ascii(struct view value)
{
        for (size_t i = 0; i < value.len; i++) {
                if (value.data[i] >= 0x80)
                        return false;
        }
        return true;
}

/* The rule that a value (in UTF-8) breaks for its type, or NULL. */
static const char *
value_rule(const struct attribute_type *type, struct view value)
{
        int characters = utf8_length(value);

        if (characters < 0)
                return "the value is not UTF-8";
        if (type->string == V_ASN1_PRINTABLESTRING && !is_printable(value))
                return "it is a PrintableString, of letters, digits, space and '()+,-./:=? only";
        if (type->string == V_ASN1_IA5STRING && !is_ascii(value))
                return "the value may hold ASCII characters only";
        if (characters < type->least)
                return type->least == 1 ? "the value is empty" : "the value is too short";
        if (characters > type->most)
                return "the value is too long";
        if (type->most == 2 && !(isalpha(value.data[0]) && isalpha(value.data[1])))
                return "a country is the two letters of ISO 3166";
        return NULL;
}

static bool
check_value(const struct attribute_type *type, const char *oid, struct view value,
            struct error *err)
{
        const char *rule = value_rule(type, value);

        if (!rule)
                return true;
        error_set(err, ERROR_USAGE, "the subject's %s is wrong: %s", type->name ? type->name : oid,
                  rule);
        return error_advise(err, "it takes %d to %d characters (RFC 5280, appendix A)", type->least,
                            type->most);
}

/* The string types that a name's attribute can hold and that can be turned into UTF-8. */
static bool
is_text_type(int tag)
{
        return tag == V_ASN1_UTF8STRING || tag == V_ASN1_PRINTABLESTRING ||
               tag == V_ASN1_IA5STRING || tag == V_ASN1_BMPSTRING ||
               tag == V_ASN1_UNIVERSALSTRING || tag == V_ASN1_T61STRING;
}

static void
entry_cleanup(X509_NAME_ENTRY **entry)
{
        X509_NAME_ENTRY_free(*entry);
}

/*
 * Put an entry in front: the text begins with the last RDN.  A further one of the same RDN joins
 * the one that is in front by now.
 */
static bool
add_entry(X509_NAME *name, const X509_NAME_ENTRY *entry, bool first_of_rdn, struct error *err)
{
        if (X509_NAME_entry_count(name) >= SUBJECT_ATTRIBUTES)
                return error_set(err, ERROR_USAGE, "the subject has more than %d attributes",
                                 SUBJECT_ATTRIBUTES);
        if (X509_NAME_add_entry(name, entry, 0, first_of_rdn ? 0 : 1))
                return true;
        ERR_clear_error();
        return error_set(err, ERROR_INTERNAL, "the subject cannot be put together");
}

/* The attribute with a value that is DER already; NULL where no name can hold it. */
static X509_NAME_ENTRY *
entry_of_der(const char *oid, struct view value)
{
        CLEANUP(object_cleanup) ASN1_OBJECT *object = oid_object(oid);
        CLEANUP(entry_cleanup) X509_NAME_ENTRY *entry = NULL;
        CLEANUP(buf_cleanup) struct buf fields = { 0 };
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        unsigned char *again = NULL;

        if (!object)
                return NULL;
        der_add_object(&fields, object);
        buf_add(&fields, value);
        der_add(&der, DER_SEQUENCE, view_buf(&fields));
        const unsigned char *end = der.data;

        entry = d2i_X509_NAME_ENTRY(NULL, &end, (long)der.len);
        int len = entry ? i2d_X509_NAME_ENTRY(entry, &again) : -1;
        bool same = len > 0 && view_equal(view_of(again, (size_t)len), view_buf(&der));

        OPENSSL_free(again);
        ERR_clear_error();
        return same ? MOVE(entry) : NULL;
}

/* A string of a known type keeps its bounds in whatever encoding. */
static bool
check_hex_value(const struct attribute_type *type, const char *oid, const ASN1_STRING *string,
                struct error *err)
{
        unsigned char *utf8 = NULL;

        if (!is_text_type(ASN1_STRING_type(string)))
                return true;
        int len = ASN1_STRING_to_UTF8(&utf8, string);

        ERR_clear_error();
        if (len < 0)
                return broken(err, "", "a string in hex does not decode");
        bool good = check_value(type, oid, view_of(utf8, (size_t)len), err);

        OPENSSL_free(utf8);
        return good;
}

/* `hexstring` of RFC 4514: the encoding of the value, of any type that OpenSSL's names can hold. */
static bool
read_hex(const char **at, X509_NAME *name, const struct attribute_type *type, const char *oid,
         bool first_of_rdn, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        const char *start = *at;

        for ((*at)++; is_hex_pair(*at); *at += 2)
                buf_add_byte(&der, hex_pair(*at));
        if (**at && **at != ',' && **at != '+')
                return broken(err, start, "'#' is followed by pairs of hex digits only");
        CLEANUP(entry_cleanup) X509_NAME_ENTRY *entry = entry_of_der(oid, view_buf(&der));

        if (!entry)
                return broken(err, start, "the hex digits are not the DER of a string");
        return check_hex_value(type, oid, X509_NAME_ENTRY_get_data(entry), err) &&
               add_entry(name, entry, first_of_rdn, err);
}

static bool
read_attribute(const char **at, X509_NAME *name, bool first_of_rdn, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf value = { 0 };
        const struct attribute_type *type = NULL;
        char oid[OID_TEXT] = "";

        if (!read_type(at, &type, oid, err))
                return false;
        if (**at == '#')
                return read_hex(at, name, type, oid, first_of_rdn, err);
        if (!read_string(at, &value, err) || !check_value(type, oid, view_buf(&value), err))
                return false;
        CLEANUP(object_cleanup) ASN1_OBJECT *object = oid_object(oid);
        CLEANUP(entry_cleanup)
        X509_NAME_ENTRY *entry = X509_NAME_ENTRY_create_by_OBJ(NULL, object, type->string,
                                                               value.data, (int)value.len);

        if (!entry)
                return error_set(err, ERROR_USAGE, "the subject cannot hold this value for %s",
                                 oid);
        return add_entry(name, entry, first_of_rdn, err);
}

bool
subject_parse(const char *text, X509_NAME **name, struct error *err)
{
        CLEANUP(name_cleanup) X509_NAME *parsed = X509_NAME_new();
        const char *at = text;
        bool first_of_rdn = true;

        if (!parsed)
                return error_set(err, ERROR_INTERNAL, "there is no memory for a name");
        if (strlen(text) > SUBJECT_BYTES)
                return error_set(err, ERROR_USAGE, "the subject is longer than %d bytes",
                                 SUBJECT_BYTES);
        while (*text) {
                if (!read_attribute(&at, parsed, first_of_rdn, err))
                        return false;
                if (*at == '\0')
                        break;
                first_of_rdn = *at++ == ',';
                if (*at == ' ')
                        return broken(err, at, "no space may follow ',' or '+'");
        }
        *name = MOVE(parsed);
        return true;
}

/* -- writing ------------------------------------------------------------------------------ */

static void
write_escaped(struct buf *text, struct view bytes)
{
        for (size_t i = 0; i < bytes.len; i++)
                buf_format(text, "\\%02X", bytes.data[i]);
}

/* `value` is UTF-8. */
static void
write_string(struct buf *text, struct view value)
{
        struct view left = value;

        while (left.len) {
                struct view character = left;
                long code = utf8_next(&left);
                bool first = character.len == value.len;

                character.len -= left.len;
                if (utf8_is_control(code)) {
                        write_escaped(text, character);
                        continue;
                }
                if ((code == ' ' && (first || !left.len)) || (code == '#' && first) ||
                    (code < 0x80 && strchr("\"+,;<>\\", (int)code)))
                        buf_add_byte(text, '\\');
                buf_add(text, character);
        }
}

static void
write_hex(struct buf *text, const ASN1_STRING *string)
{
        unsigned char *der = NULL;
        ASN1_TYPE value = { .type = ASN1_STRING_type(string) };

        /* i2d only reads: the cast does not let anybody write. */
        value.value.asn1_string = (ASN1_STRING *)(uintptr_t)string;
        int len = i2d_ASN1_TYPE(&value, &der);
        CLEANUP(free_cleanup) char *hex = hex_encode(view_of(der, len > 0 ? (size_t)len : 0));

        buf_format(text, "#%s", hex);
        OPENSSL_free(der);
}

static void
write_attribute(struct buf *text, const X509_NAME_ENTRY *entry)
{
        const ASN1_STRING *string = X509_NAME_ENTRY_get_data(entry);
        unsigned char *utf8 = NULL;
        char oid[OID_TEXT];
        const struct attribute_type *type;
        int len = -1;

        type = type_of_oid(oid_text(X509_NAME_ENTRY_get_object(entry), oid));
        buf_format(text, "%s=", type ? type->name : oid);
        if (type && is_text_type(ASN1_STRING_type(string)))
                len = ASN1_STRING_to_UTF8(&utf8, string);
        /* As text only where reading it gives the same value again. */
        if (len >= 0 && !value_rule(type, view_of(utf8, (size_t)len)))
                write_string(text, view_of(utf8, (size_t)len));
        else
                write_hex(text, string);
        OPENSSL_free(utf8);
        ERR_clear_error();
}

char *
subject_format(const X509_NAME *name)
{
        struct buf text = { 0 };
        int rdn = -1;

        buf_add_text(&text, "");
        for (int i = X509_NAME_entry_count(name) - 1; i >= 0; i--) {
                const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);

                if (text.len)
                        buf_add_byte(&text, X509_NAME_ENTRY_set(entry) == rdn ? '+' : ',');
                rdn = X509_NAME_ENTRY_set(entry);
                write_attribute(&text, entry);
        }
        return (char *)text.data;
}

bool
subject_equal(const X509_NAME *a, const X509_NAME *b)
{
        return X509_NAME_cmp(a, b) == 0;
}

/* "2.5.4.3=device-1" of each attribute; of one that is no text its encoding. */
static void
list_attributes(const X509_NAME *name, char ***list, size_t *count)
{
        for (int i = 0; i < X509_NAME_entry_count(name); i++) {
                const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
                CLEANUP(buf_cleanup) struct buf text = { 0 };
                unsigned char *utf8 = NULL;
                char oid[OID_TEXT];
                int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));

                buf_format(&text, "%s=", oid_text(X509_NAME_ENTRY_get_object(entry), oid));
                if (len >= 0)
                        buf_add(&text, view_of(utf8, (size_t)len));
                else
                        write_hex(&text, X509_NAME_ENTRY_get_data(entry));
                OPENSSL_free(utf8);
                text_list_add(list, count, buf_text(&text));
        }
        ERR_clear_error();
}

bool
subject_same_attributes(const X509_NAME *a, const X509_NAME *b)
{
        char **a_list = NULL, **b_list = NULL;
        size_t a_count = 0, b_count = 0;

        list_attributes(a, &a_list, &a_count);
        list_attributes(b, &b_list, &b_count);
        bool same = text_list_same(a_list, a_count, b_list, b_count);

        text_list_free(a_list, a_count);
        text_list_free(b_list, b_count);
        return same;
}

char *
subject_common_name(const X509_NAME *name)
{
        unsigned char *utf8 = NULL;
        char *text = NULL;
        int last = -1;

        for (int i = -1; (i = X509_NAME_get_index_by_NID(name, NID_commonName, i)) >= 0;)
                last = i;
        if (last < 0)
                return NULL;
        int len = ASN1_STRING_to_UTF8(&utf8,
                                      X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));

        /* A NUL inside would let the text say less than the name does. */
        if (len > 0 && strlen((char *)utf8) == (size_t)len)
                text = text_copy((char *)utf8);
        OPENSSL_free(utf8);
        ERR_clear_error();
        return text;
}
