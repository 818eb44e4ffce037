#include "engine/attributes.h"

#include <stdlib.h>
#include <string.h>

/* Longer values are not read: certificates on tokens are a few KiB. */
enum { VALUE_MOST = 1 << 18, OBJECTS_MOST = 1 << 20 };

/* -- building ----------------------------------------------------------------------------- */

static CK_ATTRIBUTE *
next_place(struct attributes *attributes, CK_ATTRIBUTE_TYPE type)
{
        assert(attributes->count < ATTRIBUTES_MOST);
        CK_ATTRIBUTE *attribute = &attributes->list[attributes->count++];

        attribute->type = type;
        return attribute;
}

void
attributes_add(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, struct view value)
{
        CK_ATTRIBUTE *attribute = next_place(attributes, type);

        /* Modules do not change templates; the structure just has no const. */
        memcpy(&attribute->pValue, &value.data, sizeof(attribute->pValue));
        attribute->ulValueLen = value.len;
}

void
attributes_add_number(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
        CK_ULONG *number = &attributes->numbers[attributes->count];

        *number = value;
        attributes_add(attributes, type, view_of(number, sizeof(*number)));
}

void
attributes_add_bool(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, bool value)
{
        static const CK_BBOOL values[] = { CK_FALSE, CK_TRUE };

        attributes_add(attributes, type, view_of(&values[value], sizeof(values[value])));
}

/* -- reading ------------------------------------------------------------------------------ */

/* Room for ids, labels, curve names and points; the first has all the rest. */
enum { GLANCE_PART = 136 };

void
attributes_glance(struct token *token, CK_OBJECT_HANDLE object, const CK_ATTRIBUTE_TYPE *types,
                  size_t count)
{
        struct glance *glance = &token->glance;
        size_t first = GLANCE_BYTES - (count - 1) * GLANCE_PART;
        CK_ATTRIBUTE list[GLANCE_MOST];

        assert(count && count <= GLANCE_MOST);
        glance->object = CK_NO_HANDLE;
        for (size_t i = 0; i < count; i++) {
                size_t start = i ? first + (i - 1) * GLANCE_PART : 0;

                glance->parts[i].type = types[i];
                glance->parts[i].start = start;
                list[i] = (CK_ATTRIBUTE){ types[i], glance->bytes + start,
                                          i ? (CK_ULONG)GLANCE_PART : (CK_ULONG)first };
        }
        if (MODULE_CALL(token->module->calls->C_GetAttributeValue(token->session, object, list,
                                                                  count)) != CKR_OK)
                return;
        for (size_t i = 0; i < count; i++) {
                if (list[i].ulValueLen > (i ? GLANCE_PART : first))
                        return;
                glance->parts[i].length = list[i].ulValueLen;
        }
        glance->count = count;
        glance->object = object;
}

void
attributes_forget(struct token *token)
{
        token->glance.object = CK_NO_HANDLE;
}

/* Was it seen already?  Borrowed until attributes_forget(). */
static bool
seen(const struct token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct view *out)
{
        const struct glance *glance = &token->glance;

        for (size_t i = 0; object != CK_NO_HANDLE && glance->object == object && i < glance->count;
             i++) {
                if (glance->parts[i].type != type)
                        continue;
                *out = view_of(glance->bytes + glance->parts[i].start, glance->parts[i].length);
                return true;
        }
        return false;
}

bool
attribute_read(struct token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
               struct buf *out)
{
        CK_FUNCTION_LIST *calls = token->module->calls;
        uint8_t small[512];
        CLEANUP(free_cleanup) uint8_t *large = NULL;
        CK_ATTRIBUTE attribute = { type, small, sizeof(small) };
        struct view known;

        if (seen(token, object, type, &known)) {
                buf_set(out, known);
                return true;
        }
        CK_RV rv = MODULE_CALL(calls->C_GetAttributeValue(token->session, object, &attribute, 1));

        if (rv == CKR_BUFFER_TOO_SMALL) {
                attribute = (CK_ATTRIBUTE){ type, NULL, 0 };
                rv = MODULE_CALL(calls->C_GetAttributeValue(token->session, object, &attribute, 1));
                if (rv != CKR_OK || attribute.ulValueLen > VALUE_MOST)
                        return false;
                CK_ULONG room = attribute.ulValueLen;

                large = memory_new(room, 1);
                attribute.pValue = large;
                rv = MODULE_CALL(calls->C_GetAttributeValue(token->session, object, &attribute, 1));
                if (rv != CKR_OK || attribute.ulValueLen > room)
                        return false;
        } else if (rv != CKR_OK || attribute.ulValueLen > sizeof(small)) {
                return false;
        }
        buf_set(out, view_of(attribute.pValue, attribute.ulValueLen));
        return true;
}

bool
attribute_read_number(struct token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                      CK_ULONG *out)
{
        CK_ULONG number = 0;
        CK_ATTRIBUTE attribute = { type, &number, sizeof(number) };
        struct view known;

        if (seen(token, object, type, &known) && known.len == sizeof(number)) {
                memcpy(out, known.data, sizeof(number));
                return true;
        }
        if (MODULE_CALL(token->module->calls->C_GetAttributeValue(token->session, object,
                                                                  &attribute, 1)) != CKR_OK ||
            attribute.ulValueLen != sizeof(number))
                return false;
        *out = number;
        return true;
}

enum key_answer
attribute_read_bool(struct token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
        CK_BBOOL value = CK_FALSE;
        CK_ATTRIBUTE attribute = { type, &value, sizeof(value) };
        struct view known;

        if (seen(token, object, type, &known) && known.len == sizeof(value))
                return known.data[0] ? KEY_ANSWER_YES : KEY_ANSWER_NO;
        if (MODULE_CALL(token->module->calls->C_GetAttributeValue(token->session, object,
                                                                  &attribute, 1)) != CKR_OK ||
            attribute.ulValueLen != sizeof(value))
                return KEY_ANSWER_UNKNOWN;
        return value ? KEY_ANSWER_YES : KEY_ANSWER_NO;
}

/* -- searching ---------------------------------------------------------------------------- */

static CK_RV
collect(struct token *token, CK_OBJECT_HANDLE **handles, size_t *count)
{
        CK_FUNCTION_LIST *calls = token->module->calls;
        CK_OBJECT_HANDLE found[64];
        CK_ULONG got = 0;
        CK_RV rv;

        do {
                rv = MODULE_CALL(
                        calls->C_FindObjects(token->session, found, ARRAY_LENGTH(found), &got));
                if (rv != CKR_OK || got == 0)
                        break;
                if (got > ARRAY_LENGTH(found) || *count + got > OBJECTS_MOST) {
                        rv = CKR_GENERAL_ERROR;
                        break;
                }
                *handles = memory_grow(*handles, *count + got, sizeof(**handles));
                memcpy(*handles + *count, found, got * sizeof(found[0]));
                *count += got;
        } while (got);
        return rv;
}

bool
objects_search(struct token *token, const struct attributes *wanted, CK_OBJECT_HANDLE **handles,
               size_t *count, struct error *err)
{
        CK_FUNCTION_LIST *calls = token->module->calls;
        CK_OBJECT_HANDLE *found = NULL;
        size_t found_count = 0;
        struct attributes copy = *wanted;
        CK_RV rv = MODULE_CALL(calls->C_FindObjectsInit(token->session, copy.list, copy.count));

        if (rv == CKR_OK) {
                rv = collect(token, &found, &found_count);
                (void)MODULE_CALL(calls->C_FindObjectsFinal(token->session));
        }
        if (rv != CKR_OK) {
                free(found);
                return token_error(token, err, rv, "cannot search the token");
        }
        *handles = found;
        *count = found_count;
        return true;
}

/* -- the ladder --------------------------------------------------------------------------- */

/* Attributes that are refused, or taken, together. */
enum group {
        BASE = 1 << 0,    /* no key without them */
        PROTECT = 1 << 1, /* private, sensitive, label */
        EXTRACT = 1 << 2, /* EXTRACTABLE=false: ykcs11 2.2 refuses it */
        USAGE = 1 << 3    /* what the key may not do */
};

static const unsigned rungs[] = {
        BASE | PROTECT | EXTRACT | USAGE, /* everything spelled out */
        BASE | PROTECT | USAGE,           /* without EXTRACTABLE */
        BASE | PROTECT | EXTRACT,         /* without the usages that are false */
        BASE | PROTECT,
        BASE,
};
static_assert(ARRAY_LENGTH(rungs) == RUNGS, "as many rungs as promised");

struct flag {
        CK_ATTRIBUTE_TYPE type;
        bool value;
        enum group group;
};

static const struct flag private_flags[] = {
        { CKA_TOKEN, true, BASE },           { CKA_SIGN, true, BASE },
        { CKA_PRIVATE, true, PROTECT },      { CKA_SENSITIVE, true, PROTECT },
        { CKA_EXTRACTABLE, false, EXTRACT }, { CKA_DECRYPT, false, USAGE },
        { CKA_UNWRAP, false, USAGE },        { CKA_DERIVE, false, USAGE },
        { CKA_SIGN_RECOVER, false, USAGE },
};

static const struct flag public_flags[] = {
        { CKA_TOKEN, true, BASE },       { CKA_VERIFY, true, BASE },
        { CKA_PRIVATE, false, PROTECT }, { CKA_ENCRYPT, false, USAGE },
        { CKA_WRAP, false, USAGE },      { CKA_VERIFY_RECOVER, false, USAGE },
};

static void
add_flags(struct attributes *attributes, const struct flag *flags, size_t count, unsigned groups)
{
        for (size_t i = 0; i < count; i++) {
                if (flags[i].group & groups)
                        attributes_add_bool(attributes, flags[i].type, flags[i].value);
        }
}

struct pair_parameters
pair_parameters(enum key_type type)
{
        if (key_type_is_ec(type))
                return (struct pair_parameters){ .curve = curve_oid(type) };
        return (struct pair_parameters){ .modulus_bits = key_type_bits(type) };
}

void
pair_attributes(int rung, const struct pair_parameters *parameters, struct view id,
                const char *label, struct attributes *public, struct attributes *private)
{
        static const uint8_t exponent[] = { 0x01, 0x00, 0x01 };
        unsigned groups = rungs[rung];

        *public = (struct attributes){ 0 };
        *private = (struct attributes){ 0 };
        add_flags(public, public_flags, ARRAY_LENGTH(public_flags), groups);
        add_flags(private, private_flags, ARRAY_LENGTH(private_flags), groups);
        attributes_add(public, CKA_ID, id);
        attributes_add(private, CKA_ID, id);
        if ((groups & PROTECT) && label && *label) {
                attributes_add(public, CKA_LABEL, view_text(label));
                attributes_add(private, CKA_LABEL, view_text(label));
        }
        if (parameters->curve.len) {
                attributes_add(public, CKA_EC_PARAMS, parameters->curve);
                return;
        }
        attributes_add_number(public, CKA_MODULUS_BITS, parameters->modulus_bits);
        attributes_add(public, CKA_PUBLIC_EXPONENT, view_of(exponent, sizeof(exponent)));
}
