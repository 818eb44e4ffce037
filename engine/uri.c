#include "engine/uri.h"

#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>
#include <stdlib.h>
#include <string.h>

#include "engine/token.h"

/* Where in a URI an attribute stands, and whether it narrows the choice of tokens. */
enum place { PATH, QUERY };

struct attribute {
        const char *name;
        enum place place;
        bool names_token;
};

static const struct attribute known[] = {
        { "token", PATH, true },
        { "serial", PATH, true },
        { "manufacturer", PATH, true },
        { "model", PATH, true },
        { "slot-id", PATH, true },
        { "slot-description", PATH, true },
        { "slot-manufacturer", PATH, true },
        { "library-manufacturer", PATH, false },
        { "library-description", PATH, false },
        { "library-version", PATH, false },
        { "object", PATH, false },
        { "id", PATH, false },
        { "type", PATH, false },
        { "pin-source", QUERY, false },
        { "module-path", QUERY, false },
        { "module-name", QUERY, false },
};

struct uri {
        P11KitUri *parsed;
        bool names_token;
        char *object;
        bool has_id;
        struct buf id;
};

/* -- reading ------------------------------------------------------------------------------ */

static const struct attribute *
attribute_named(const char *name, size_t length)
{
        for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
                if (strlen(known[i].name) == length && memcmp(known[i].name, name, length) == 0)
                        return &known[i];
        }
        return NULL;
}

static bool
refuse_unknown(const char *name, size_t length, struct error *err)
{
        CLEANUP(free_cleanup) char *text = text_copy_length(name, length > 40 ? 40 : length);
        const char *nearest = known[0].name;

        for (size_t i = 1; i < ARRAY_LENGTH(known); i++) {
                if (text_distance(text, known[i].name) < text_distance(text, nearest))
                        nearest = known[i].name;
        }
        error_set(err, ERROR_USAGE, "the URI has an attribute '%s' that p11cert does not know",
                  text);
        return error_advise(err,
                            "leave it out: without it the URI would match too much; the "
                            "nearest name is '%s'",
                            nearest);
}

/* "id=01" means the characters 0 and 1 (RFC 7512, 2.3); whoever writes it means the byte. */
static bool
looks_like_hex(const char *value, size_t length)
{
        return length > 0 && length % 2 == 0 && strspn(value, "0123456789abcdefABCDEF") >= length;
}

static bool
refuse_hex_id(const char *value, size_t length, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf escaped = { 0 };

        for (size_t i = 0; i + 1 < length && i < 128; i += 2)
                buf_format(&escaped, "%%%.2s", value + i);
        error_set(err, ERROR_USAGE,
                  "the id in the URI looks like hex, but means the characters "
                  "themselves");
        return error_advise(err, "write id=%s", buf_text(&escaped));
}

/* One "name=value".  `seen` has a place for each known attribute. */
static bool
check_attribute(const char *text, size_t length, enum place place, bool *seen, struct error *err)
{
        const char *equals = memchr(text, '=', length);
        size_t name_length = equals ? (size_t)(equals - text) : length;
        const struct attribute *attribute = attribute_named(text, name_length);
        size_t value_length = equals ? length - name_length - 1 : 0;

        if (name_length == strlen("pin-value") && memcmp(text, "pin-value", name_length) == 0) {
                error_set(err, ERROR_USAGE, "a PIN in a URI is refused");
                return error_advise(err, "anybody who sees the command line sees the PIN: put it "
                                         "in a file and give --pin-source file:/PATH");
        }
        if (!attribute)
                return refuse_unknown(text, name_length, err);
        if (attribute->place != place)
                return error_set(err, ERROR_USAGE, "'%s' stands %s the '?' of a URI",
                                 attribute->name, attribute->place == QUERY ? "behind" : "before");
        if (seen[attribute - known])
                return error_set(err, ERROR_USAGE, "the URI has '%s' twice", attribute->name);
        if (!value_length)
                return error_set(err, ERROR_USAGE, "'%s' has no value in the URI", attribute->name);
        seen[attribute - known] = true;
        if (strcmp(attribute->name, "id") == 0 && looks_like_hex(equals + 1, value_length))
                return refuse_hex_id(equals + 1, value_length, err);
        return true;
}

/* The attributes between `text` and `end`, parted by `separator`. */
static bool
check_part(const char *text, const char *end, char separator, enum place place, bool *seen,
           struct error *err)
{
        while (text < end) {
                const char *stop = memchr(text, separator, (size_t)(end - text));
                size_t length = (size_t)((stop ? stop : end) - text);

                if (!length)
                        return error_set(err, ERROR_USAGE, "the URI has an empty attribute");
                if (!check_attribute(text, length, place, seen, err))
                        return false;
                text += length + 1;
        }
        return true;
}

/* p11-kit takes unknown attributes, repeated ones and PINs: what it lets pass is checked here. */
static bool
check_text(const char *text, bool *names_token, struct error *err)
{
        static const char scheme[] = "pkcs11:";
        bool seen[ARRAY_LENGTH(known)] = { false };

        if (strncasecmp(text, scheme, sizeof(scheme) - 1) != 0) {
                error_set(err, ERROR_USAGE, "a token is named by a URI that begins with 'pkcs11:'");
                return error_advise(err, "write pkcs11:token=LABEL, or see `p11cert token list`");
        }
        text += sizeof(scheme) - 1;
        const char *query = strchr(text, '?');
        const char *end = text + strlen(text);

        if (!check_part(text, query ? query : end, ';', PATH, seen, err))
                return false;
        if (query && !check_part(query + 1, end, '&', QUERY, seen, err))
                return false;
        for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
                if (seen[i] && known[i].names_token)
                        *names_token = true;
        }
        return true;
}

static bool
take_object_attributes(struct uri *uri, struct error *err)
{
        const CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(uri->parsed, CKA_LABEL);
        const CK_ATTRIBUTE *id = p11_kit_uri_get_attribute(uri->parsed, CKA_ID);

        if (label) {
                if (memchr(label->pValue, '\0', label->ulValueLen))
                        return error_set(err, ERROR_USAGE, "a NUL character in the URI's object");
                uri->object = text_copy_length(label->pValue, label->ulValueLen);
        }
        if (id) {
                buf_add(&uri->id, view_of(id->pValue, id->ulValueLen));
                uri->has_id = true;
        }
        return true;
}

struct uri *
uri_parse(const char *text, struct error *err)
{
        CLEANUP(uri_cleanup) struct uri *uri = memory_new(1, sizeof(*uri));

        if (!check_text(text, &uri->names_token, err))
                return NULL;
        uri->parsed = p11_kit_uri_new();
        int result = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri->parsed);

        if (result != P11_KIT_URI_OK) {
                error_set(err, ERROR_USAGE, "the token's URI cannot be read: %s",
                          p11_kit_uri_message(result));
                error_advise(err, "see `p11cert token list` for URIs to copy");
                return NULL;
        }
        if (p11_kit_uri_any_unrecognized(uri->parsed)) {
                error_set(err, ERROR_USAGE, "the URI has a value that no token can have");
                error_advise(err, "token and manufacturer have at most 32 bytes, model and "
                                  "serial 16");
                return NULL;
        }
        if (!take_object_attributes(uri, err))
                return NULL;
        return MOVE(uri);
}

void
uri_free(struct uri *uri)
{
        if (!uri)
                return;
        p11_kit_uri_free(uri->parsed);
        free(uri->object);
        buf_clear(&uri->id);
        free(uri);
}

void
uri_cleanup(struct uri **uri)
{
        uri_free(*uri);
        *uri = NULL;
}

/* -- asking ------------------------------------------------------------------------------- */

const char *
uri_module_path(const struct uri *uri)
{
        return p11_kit_uri_get_module_path(uri->parsed);
}

const char *
uri_module_name(const struct uri *uri)
{
        return p11_kit_uri_get_module_name(uri->parsed);
}

const char *
uri_pin_source(const struct uri *uri)
{
        return p11_kit_uri_get_pin_source(uri->parsed);
}

const char *
uri_object(const struct uri *uri)
{
        return uri->object;
}

bool
uri_id(const struct uri *uri, struct view *id)
{
        if (!uri->has_id)
                return false;
        *id = view_buf(&uri->id);
        return true;
}

bool
uri_names_token(const struct uri *uri)
{
        return uri->names_token;
}

/* The text of a padded field, or NULL where the URI left it open. */
static char *
unpad(const unsigned char *field, size_t size)
{
        if (!field[0])
                return NULL;
        while (size && (field[size - 1] == ' ' || !field[size - 1]))
                size--;
        return text_copy_length(field, size);
}

char *
uri_token_name(const struct uri *uri)
{
        const CK_TOKEN_INFO *info = p11_kit_uri_get_token_info(uri->parsed);
        char *serial = unpad(info->serialNumber, sizeof(info->serialNumber));

        return serial ? serial : unpad(info->label, sizeof(info->label));
}

/* A text as PKCS #11 keeps it: padded with spaces. */
static void
pad(unsigned char *field, size_t size, const char *text)
{
        size_t length = strlen(text);

        memset(field, ' ', size);
        memcpy(field, text, length < size ? length : size);
}

static void
token_info_of(CK_TOKEN_INFO *info, const struct token_facts *facts)
{
        pad(info->label, sizeof(info->label), facts->label);
        pad(info->manufacturerID, sizeof(info->manufacturerID), facts->manufacturer);
        pad(info->model, sizeof(info->model), facts->model);
        pad(info->serialNumber, sizeof(info->serialNumber), facts->serial);
}

bool
uri_matches(const struct uri *uri, const struct token_facts *facts)
{
        CK_TOKEN_INFO token = { 0 };
        CK_SLOT_INFO slot = { 0 };
        CK_INFO library = { 0 };
        CK_SLOT_ID slot_id = p11_kit_uri_get_slot_id(uri->parsed);

        token_info_of(&token, facts);
        pad(slot.slotDescription, sizeof(slot.slotDescription), facts->slot_description);
        pad(slot.manufacturerID, sizeof(slot.manufacturerID), facts->slot_manufacturer);
        pad(library.manufacturerID, sizeof(library.manufacturerID), facts->library_manufacturer);
        pad(library.libraryDescription, sizeof(library.libraryDescription),
            facts->library_description);
        library.libraryVersion.major = facts->library_version[0];
        library.libraryVersion.minor = facts->library_version[1];
        return (slot_id == (CK_SLOT_ID)-1 || slot_id == facts->slot_id) &&
               p11_kit_uri_match_token_info(uri->parsed, &token) &&
               p11_kit_uri_match_slot_info(uri->parsed, &slot) &&
               p11_kit_uri_match_module_info(uri->parsed, &library);
}

/* -- writing ------------------------------------------------------------------------------ */

static char *
format(P11KitUri *uri, P11KitUriType type)
{
        CLEANUP(free_cleanup) char *text = NULL;

        if (p11_kit_uri_format(uri, type, &text) != P11_KIT_URI_OK)
                return text_copy("pkcs11:");
        return text_copy(text);
}

/* What the token says of itself; a field that it leaves empty is left out, and a token without a
 * name or number is named by its slot. */
static void
name_token(P11KitUri *uri, const struct token_facts *facts)
{
        CK_TOKEN_INFO *info = p11_kit_uri_get_token_info(uri);

        if (facts->label[0])
                pad(info->label, sizeof(info->label), facts->label);
        if (facts->manufacturer[0])
                pad(info->manufacturerID, sizeof(info->manufacturerID), facts->manufacturer);
        if (facts->model[0])
                pad(info->model, sizeof(info->model), facts->model);
        if (facts->serial[0])
                pad(info->serialNumber, sizeof(info->serialNumber), facts->serial);
        if (!facts->label[0] && !facts->serial[0])
                p11_kit_uri_set_slot_id(uri, facts->slot_id);
}

char *
uri_wanted(const struct uri *uri)
{
        char *text = format(uri->parsed, P11_KIT_URI_FOR_TOKEN | P11_KIT_URI_FOR_SLOT);

        text[strcspn(text, "?")] = '\0';
        return text;
}

char *
uri_of_token(const struct token_facts *facts)
{
        P11KitUri *uri = p11_kit_uri_new();

        name_token(uri, facts);
        char *text = format(uri, P11_KIT_URI_FOR_TOKEN | P11_KIT_URI_FOR_SLOT);

        p11_kit_uri_free(uri);
        return text;
}

static const struct {
        const char *type;
        CK_OBJECT_CLASS class;
} types[] = {
        { "private", CKO_PRIVATE_KEY },
        { "public", CKO_PUBLIC_KEY },
        { "cert", CKO_CERTIFICATE },
};

char *
uri_of_object(const struct token_facts *facts, struct view id, const char *label, const char *type)
{
        P11KitUri *uri = p11_kit_uri_new();
        CK_OBJECT_CLASS class;

        name_token(uri, facts);
        if (label && *label) {
                CLEANUP(free_cleanup) char *copy = text_copy(label);
                CK_ATTRIBUTE attribute = { CKA_LABEL, copy, strlen(copy) };

                p11_kit_uri_set_attribute(uri, &attribute);
        }
        if (id.len) {
                CLEANUP(buf_cleanup) struct buf copy = { 0 };

                buf_add(&copy, id);
                CK_ATTRIBUTE attribute = { CKA_ID, copy.data, copy.len };

                p11_kit_uri_set_attribute(uri, &attribute);
        }
        for (size_t i = 0; type && i < ARRAY_LENGTH(types); i++) {
                CK_ATTRIBUTE attribute = { CKA_CLASS, &class, sizeof(class) };

                class = types[i].class;
                if (strcmp(types[i].type, type) == 0)
                        p11_kit_uri_set_attribute(uri, &attribute);
        }
        char *text = format(uri, P11_KIT_URI_FOR_OBJECT_ON_TOKEN | P11_KIT_URI_FOR_SLOT);

        p11_kit_uri_free(uri);
        return text;
}
