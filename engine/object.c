/*
 * Listing what is on a token.
 */
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "engine/objects.h"

enum { LABEL_MOST = 255 };

char *
object_label(struct token *token, CK_OBJECT_HANDLE object)
{
        CLEANUP(buf_cleanup) struct buf label = { 0 };

        if (!attribute_read(token, object, CKA_LABEL, &label))
                return text_copy("");
        if (label.len > LABEL_MOST)
                label.len = LABEL_MOST;
        for (size_t i = 0; i < label.len; i++) {
                if (label.data[i] < ' ' || label.data[i] == 0x7F)
                        label.data[i] = '?';
        }
        return text_copy_length(label.data, label.len);
}

bool
objects_of_class(struct token *token, CK_OBJECT_CLASS class, struct view id, const char *label,
                 CK_OBJECT_HANDLE **handles, size_t *count, struct error *err)
{
        struct attributes wanted = { 0 };

        attributes_add_number(&wanted, CKA_CLASS, class);
        if (id.len)
                attributes_add(&wanted, CKA_ID, id);
        if (label && *label)
                attributes_add(&wanted, CKA_LABEL, view_text(label));
        return objects_search(token, &wanted, handles, count, err);
}

bool
certificate_spki(struct view certificate, struct buf *spki)
{
        const unsigned char *at = certificate.data;
        unsigned char *der = NULL;

        ERR_set_mark();
        X509 *parsed = d2i_X509(NULL, &at, (long)certificate.len);
        int length = parsed ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(parsed), &der) : -1;

        (void)ERR_pop_to_mark();
        X509_free(parsed);
        if (length <= 0)
                return false;
        buf_set(spki, view_of(der, (size_t)length));
        OPENSSL_free(der);
        return true;
}

/* -- lists -------------------------------------------------------------------------------- */

static const struct kind {
        const char *name;
        CK_OBJECT_CLASS class;
} kinds[] = {
        { "private", CKO_PRIVATE_KEY },
        { "public", CKO_PUBLIC_KEY },
        { "cert", CKO_CERTIFICATE },
};

static void
read_facts(struct token *token, CK_OBJECT_HANDLE object, const struct kind *kind,
           struct object_facts *facts)
{
        enum key_type type = KEY_NONE;

        *facts = (struct object_facts){ .kind = text_copy(kind->name) };
        facts->label = object_label(token, object);
        (void)attribute_read(token, object, CKA_ID, &facts->id);
        facts->uri = uri_of_object(&token->facts, view_buf(&facts->id), facts->label, kind->name);
        if (kind->class == CKO_CERTIFICATE) {
                facts->key_type = text_copy("");
                if (attribute_read(token, object, CKA_VALUE, &facts->certificate))
                        (void)certificate_spki(view_buf(&facts->certificate), &facts->spki);
                return;
        }
        if (!spki_read(token, object, &type, &facts->spki))
                type = object_key_type(token, object);
        facts->key_type = text_copy(type == KEY_NONE ? "other" : key_type_name(type));
}

static bool
add_kind(struct token *token, const struct kind *kind, struct view id, const char *label,
         struct object_facts **list, size_t *count, struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        size_t found = 0;

        if (!objects_of_class(token, kind->class, id, label, &handles, &found, err))
                return false;
        if (!found)
                return true;
        *list = memory_grow(*list, *count + found, sizeof(**list));
        for (size_t i = 0; i < found; i++)
                read_facts(token, handles[i], kind, &(*list)[(*count)++]);
        return true;
}

bool
token_find_objects(struct token *token, const char *kind, struct view id, const char *label,
                   struct object_facts **list, size_t *count, struct error *err)
{
        struct object_facts *found = NULL;
        size_t found_count = 0;

        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
                if (kind && strcmp(kind, kinds[i].name) != 0)
                        continue;
                if (!add_kind(token, &kinds[i], id, label, &found, &found_count, err)) {
                        objects_free(found, found_count);
                        return false;
                }
        }
        *list = found;
        *count = found_count;
        return true;
}

void
objects_free(struct object_facts *list, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                free(list[i].kind);
                free(list[i].label);
                free(list[i].key_type);
                free(list[i].uri);
                buf_clear(&list[i].id);
                buf_clear(&list[i].certificate);
                buf_clear(&list[i].spki);
        }
        free(list);
}

/* -- is it taken? ------------------------------------------------------------------------- */

static bool
add_taken(struct token *token, struct view id, const char *label, struct buf *uris,
          struct error *err)
{
        struct object_facts *list = NULL;
        size_t count = 0;

        if (!token_find_objects(token, NULL, id, label, &list, &count, err))
                return false;
        for (size_t i = 0; i < count; i++)
                buf_format(uris, "%s%s", uris->len ? "\n" : "", list[i].uri);
        objects_free(list, count);
        return true;
}

bool
token_taken(struct token *token, struct view id, const char *label, char **uris, struct error *err)
{
        struct buf text = { 0 };

        /* Either is enough: two searches, not one for both. */
        if ((id.len && !add_taken(token, id, NULL, &text, err)) ||
            (label && *label && !add_taken(token, view_of(NULL, 0), label, &text, err))) {
                buf_clear(&text);
                return false;
        }
        *uris = text.len ? (char *)text.data : NULL;
        return true;
}

/* -- an id is to be used anew -------------------------------------------------------------- */

static bool
clear_class(struct token *token, CK_OBJECT_CLASS class, struct view id, struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        size_t count = 0;

        if (!objects_of_class(token, class, id, NULL, &handles, &count, err))
                return false;
        for (size_t i = 0; i < count; i++) {
                CK_RV rv = MODULE_CALL(
                        token->module->calls->C_DestroyObject(token->session, handles[i]));
                bool protected = class == CKO_CERTIFICATE && rv == CKR_ACTION_PROHIBITED;

                if (rv != CKR_OK && rv != CKR_OBJECT_HANDLE_INVALID && !protected)
                        return token_error(token, err, rv, "cannot destroy what is to be replaced");
        }
        return true;
}

bool
token_clear_id(struct token *token, struct view id, struct error *err)
{
        assert(id.len);
        /* The private key first: what an interruption leaves behind cannot sign. */
        return token_may_write(token, err) && clear_class(token, CKO_PRIVATE_KEY, id, err) &&
               clear_class(token, CKO_PUBLIC_KEY, id, err) &&
               clear_class(token, CKO_CERTIFICATE, id, err);
}
