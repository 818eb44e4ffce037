/*
 * Public keys as tokens show them, made into SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
 */
#include <string.h>

#include "engine/attributes.h"

static const uint8_t oid_p256[] = { 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07 };
static const uint8_t oid_p384[] = { 0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22 };
static const uint8_t oid_p521[] = { 0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23 };
static const uint8_t oid_ec[] = { 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01 };
/* rsaEncryption with its NULL parameters (RFC 3279, 2.3.1) */
static const uint8_t rsa_algorithm[] = { 0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86,
                                         0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00 };

enum { DER_INTEGER = 0x02, DER_BIT_STRING = 0x03, DER_OCTET_STRING = 0x04, DER_SEQUENCE = 0x30 };

struct view
curve_oid(enum key_type type)
{
        switch (type) {
        case KEY_EC_P256:
                return view_of(oid_p256, sizeof(oid_p256));
        case KEY_EC_P384:
                return view_of(oid_p384, sizeof(oid_p384));
        case KEY_EC_P521:
                return view_of(oid_p521, sizeof(oid_p521));
        default:
                return view_of(NULL, 0);
        }
}

/* -- DER ---------------------------------------------------------------------------------- */

static void
add_length(struct buf *out, size_t length)
{
        if (length >= 0x100) {
                buf_add_byte(out, 0x82);
                buf_add_byte(out, (uint8_t)(length >> 8));
        } else if (length >= 0x80) {
                buf_add_byte(out, 0x81);
        }
        buf_add_byte(out, (uint8_t)length);
}

/* Tag, length, a leading zero byte if asked for, content.  Content is below 64 KiB. */
static void
add_element(struct buf *out, uint8_t tag, bool zero_first, struct view content)
{
        assert(content.len < 0xFFFF);
        buf_add_byte(out, tag);
        add_length(out, content.len + zero_first);
        if (zero_first)
                buf_add_byte(out, 0);
        buf_add(out, content);
}

static void
add_positive_integer(struct buf *out, struct view number)
{
        while (number.len > 1 && number.data[0] == 0)
                number = view_of(number.data + 1, number.len - 1);
        add_element(out, DER_INTEGER, number.data[0] & 0x80, number);
}

static void
add_spki(struct buf *out, struct view algorithm, struct view key)
{
        CLEANUP(buf_cleanup) struct buf body = { 0 };

        buf_add(&body, algorithm);
        add_element(&body, DER_BIT_STRING, true, key);
        add_element(out, DER_SEQUENCE, false, view_buf(&body));
}

/* -- EC ----------------------------------------------------------------------------------- */

static enum key_type
curve_named(struct view oid)
{
        static const enum key_type curves[] = { KEY_EC_P256, KEY_EC_P384, KEY_EC_P521 };

        for (size_t i = 0; i < ARRAY_LENGTH(curves); i++) {
                if (view_equal(curve_oid(curves[i]), oid))
                        return curves[i];
        }
        return KEY_NONE;
}

static enum key_type
curve_of(struct token *token, CK_OBJECT_HANDLE object)
{
        CLEANUP(buf_cleanup) struct buf parameters = { 0 };

        if (!attribute_read(token, object, CKA_EC_PARAMS, &parameters))
                return KEY_NONE;
        return curve_named(view_buf(&parameters));
}

/*
 * The uncompressed point, which has a known length.  PKCS #11 wants it wrapped in an OCTET STRING;
 * some modules give it bare.
 */
static bool
unwrap_point(enum key_type type, struct view value, struct view *point)
{
        size_t field = (key_type_bits(type) + 7) / 8;
        size_t length = 1 + 2 * field;
        size_t header = length < 0x80 ? 2 : 3;

        if (value.len == length + header && value.data[0] == DER_OCTET_STRING &&
            value.data[header - 1] == length && (header == 2 || value.data[1] == 0x81))
                value = view_of(value.data + header, length);
        if (value.len != length || value.data[0] != 0x04)
                return false;
        *point = value;
        return true;
}

static bool
read_ec(struct token *token, CK_OBJECT_HANDLE object, enum key_type *type, struct buf *spki)
{
        CLEANUP(buf_cleanup) struct buf value = { 0 };
        CLEANUP(buf_cleanup) struct buf names = { 0 };
        CLEANUP(buf_cleanup) struct buf algorithm = { 0 };
        struct view point;
        enum key_type curve = curve_of(token, object);

        if (curve == KEY_NONE || !attribute_read(token, object, CKA_EC_POINT, &value) ||
            !unwrap_point(curve, view_buf(&value), &point))
                return false;
        buf_add(&names, view_of(oid_ec, sizeof(oid_ec)));
        buf_add(&names, curve_oid(curve));
        add_element(&algorithm, DER_SEQUENCE, false, view_buf(&names));
        buf_clear(spki);
        add_spki(spki, view_buf(&algorithm), point);
        *type = curve;
        return true;
}

/* -- RSA ---------------------------------------------------------------------------------- */

static enum key_type
rsa_type_of(struct view modulus)
{
        while (modulus.len && modulus.data[0] == 0)
                modulus = view_of(modulus.data + 1, modulus.len - 1);
        /* The top bit of a modulus is set: its bytes tell its length in bits. */
        if (!modulus.len || !(modulus.data[0] & 0x80))
                return KEY_NONE;
        switch (modulus.len * 8) {
        case 2048:
                return KEY_RSA_2048;
        case 3072:
                return KEY_RSA_3072;
        case 4096:
                return KEY_RSA_4096;
        default:
                return KEY_NONE;
        }
}

static bool
read_rsa(struct token *token, CK_OBJECT_HANDLE object, enum key_type *type, struct buf *spki)
{
        CLEANUP(buf_cleanup) struct buf modulus = { 0 };
        CLEANUP(buf_cleanup) struct buf exponent = { 0 };
        CLEANUP(buf_cleanup) struct buf numbers = { 0 };
        CLEANUP(buf_cleanup) struct buf key = { 0 };

        if (!attribute_read(token, object, CKA_MODULUS, &modulus) ||
            !attribute_read(token, object, CKA_PUBLIC_EXPONENT, &exponent) || !exponent.len ||
            exponent.len > 512)
                return false;
        *type = rsa_type_of(view_buf(&modulus));
        if (*type == KEY_NONE)
                return false;
        add_positive_integer(&numbers, view_buf(&modulus));
        add_positive_integer(&numbers, view_buf(&exponent));
        add_element(&key, DER_SEQUENCE, false, view_buf(&numbers));
        buf_clear(spki);
        add_spki(spki, view_of(rsa_algorithm, sizeof(rsa_algorithm)), view_buf(&key));
        return true;
}

/* -- both --------------------------------------------------------------------------------- */

static bool
read_either(struct token *token, CK_OBJECT_HANDLE object, enum key_type *type, struct buf *spki)
{
        CK_ULONG kind = 0;

        if (!attribute_read_number(token, object, CKA_KEY_TYPE, &kind))
                return false;
        if (kind == CKK_EC)
                return read_ec(token, object, type, spki);
        return kind == CKK_RSA && read_rsa(token, object, type, spki);
}

bool
spki_read(struct token *token, CK_OBJECT_HANDLE object, enum key_type *type, struct buf *spki)
{
        static const CK_ATTRIBUTE_TYPE of_ec[] = { CKA_EC_POINT, CKA_EC_PARAMS, CKA_KEY_TYPE };

        attributes_glance(token, object, of_ec, ARRAY_LENGTH(of_ec));
        bool done = read_either(token, object, type, spki);

        attributes_forget(token);
        return done;
}

bool
spki_compare(struct token *token, CK_OBJECT_HANDLE object, enum key_type type, struct view spki,
             bool *same)
{
        CLEANUP(buf_cleanup) struct buf value = { 0 };
        struct view key;

        if (!attribute_read(token, object, key_type_is_ec(type) ? CKA_EC_POINT : CKA_MODULUS,
                            &value))
                return false;
        key = view_buf(&value);
        if (key_type_is_ec(type) && !unwrap_point(type, key, &key))
                return false;
        while (!key_type_is_ec(type) && key.len > 1 && key.data[0] == 0)
                key = view_of(key.data + 1, key.len - 1);
        if (!key_type_is_ec(type) && key.len != key_type_bits(type) / 8)
                return false;
        *same = memmem(spki.data, spki.len, key.data, key.len);
        return true;
}

enum key_type
object_key_type(struct token *token, CK_OBJECT_HANDLE object)
{
        CLEANUP(buf_cleanup) struct buf modulus = { 0 };
        CK_ULONG kind = 0;

        if (!attribute_read_number(token, object, CKA_KEY_TYPE, &kind))
                return KEY_NONE;
        if (kind == CKK_EC)
                return curve_of(token, object);
        if (kind == CKK_RSA && attribute_read(token, object, CKA_MODULUS, &modulus))
                return rsa_type_of(view_buf(&modulus));
        return KEY_NONE;
}
