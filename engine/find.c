/*
 * Finding keys that are on the token already: by id, label or public key, and what an interrupted
 * key_make() left behind.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/objects.h"

/* More than this many are not listed in an error. */
enum { LISTED = 8 };

/* -- the public half ---------------------------------------------------------------------- */

/* A public key, and where on the token it was read. */
struct half {
        CK_OBJECT_HANDLE handle; /* of the public key object, if there is one */
        enum key_type type;
        struct buf spki;
};

static void
half_cleanup(struct half *half)
{
        buf_clear(&half->spki);
}

/*
 * The public key objects with this id: the one with `spki` if that is given, else of those of the
 * private key's type the one with its label, else the first.
 */
static bool
half_from_public(struct token *token, struct view id, const char *label, enum key_type type,
                 struct view spki, struct half *half, struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        size_t count = 0;
        bool same_label = false;

        if (!objects_of_class(token, CKO_PUBLIC_KEY, id, NULL, &handles, &count, err))
                return false;
        for (size_t i = 0; i < count && !same_label; i++) {
                CLEANUP(buf_cleanup) struct buf read = { 0 };
                enum key_type found = KEY_NONE;

                if (!spki_read(token, handles[i], &found, &read) ||
                    (type != KEY_NONE && found != type) ||
                    (spki.len && !view_equal(view_buf(&read), spki)))
                        continue;
                CLEANUP(free_cleanup)
                char *own = count > 1 ? object_label(token, handles[i]) : NULL;

                same_label = text_equal(own, label);
                if (half->spki.len && !same_label)
                        continue;
                buf_set(&half->spki, view_buf(&read));
                half->handle = handles[i];
                half->type = found;
        }
        return true;
}

/* Cards without public key objects still have certificates. */
static bool
half_from_certificate(struct token *token, struct view id, enum key_type type, struct half *half,
                      struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        size_t count = 0;

        if (!objects_of_class(token, CKO_CERTIFICATE, id, NULL, &handles, &count, err))
                return false;
        for (size_t i = 0; i < count && !half->spki.len; i++) {
                CLEANUP(buf_cleanup) struct buf value = { 0 };

                if (!attribute_read(token, handles[i], CKA_VALUE, &value) ||
                    !certificate_spki(view_buf(&value), &half->spki))
                        continue;
                half->type = key_type_of_spki(view_buf(&half->spki));
                if (half->type == KEY_NONE || (type != KEY_NONE && half->type != type))
                        buf_clear(&half->spki);
        }
        return true;
}

/*
 * The public key that belongs to a private key object.  `spki`: the one that is expected, or
 * empty.  Nothing found leaves half->spki empty.
 */
static bool
half_of(struct token *token, CK_OBJECT_HANDLE private_handle, struct view spki, struct half *half,
        struct error *err)
{
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        enum key_type type = object_key_type(token, private_handle);

        CLEANUP(free_cleanup) char *label = object_label(token, private_handle);

        (void)attribute_read(token, private_handle, CKA_ID, &id);
        if (id.len && !half_from_public(token, view_buf(&id), label, type, spki, half, err))
                return false;
        if (!half->spki.len)
                (void)spki_read(token, private_handle, &half->type, &half->spki);
        if (!half->spki.len && id.len &&
            !half_from_certificate(token, view_buf(&id), type, half, err))
                return false;
        return true;
}

/* -- one key ------------------------------------------------------------------------------ */

static void
list_objects(struct token *token, const CK_OBJECT_HANDLE *handles, size_t count, struct buf *text)
{
        for (size_t i = 0; i < count && i < LISTED; i++) {
                CLEANUP(buf_cleanup) struct buf id = { 0 };
                CLEANUP(free_cleanup) char *label = object_label(token, handles[i]);

                (void)attribute_read(token, handles[i], CKA_ID, &id);
                CLEANUP(free_cleanup)
                char *uri = uri_of_object(&token->facts, view_buf(&id), label, "private");

                buf_format(text, "%s%s", i ? "\n" : "", uri);
        }
        if (count > LISTED)
                buf_add_text(text, "\n…");
}

static bool
is_absent(struct token *token, struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        size_t count = 0;

        if (!objects_of_class(token, CKO_PRIVATE_KEY, view_of(NULL, 0), NULL, &handles, &count,
                              err))
                return false;
        list_objects(token, handles, count, &text);
        error_set(err, ERROR_KEY_ABSENT, "the token has no such private key");
        error_about(err, "token '%s' (serial %s)", token->facts.label, token->facts.serial);
        if (!count)
                return error_advise(err, "there is no private key on it that p11cert can see");
        return error_advise(err, "choose one that is there:\n%s", buf_text(&text));
}

static bool
is_ambiguous(struct token *token, const CK_OBJECT_HANDLE *handles, size_t count, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        list_objects(token, handles, count, &text);
        error_set(err, ERROR_KEY_AMBIGUOUS, "%zu private keys match", count);
        error_about(err, "token '%s' (serial %s)", token->facts.label, token->facts.serial);
        return error_advise(err, "choose one with --key:\n%s", buf_text(&text));
}

static struct key *
key_from_half(struct token *token, CK_OBJECT_HANDLE private_handle, const struct half *half,
              struct error *err)
{
        struct key *key = NULL;

        if (half->spki.len)
                key = key_from_handles(token, private_handle, half->handle, half->type,
                                       view_buf(&half->spki));
        if (key)
                return key;
        error_set(err, ERROR_MECHANISM,
                  "the key's public half cannot be read, or is of a type "
                  "that p11cert does not use");
        error_about(err, "token '%s'", token->facts.label);
        error_advise(err, "use an EC key on P-256, P-384 or P-521 or an RSA key of 2048, 3072 or "
                          "4096 bits");
        return NULL;
}

/* Does the error say that the token, not the key, is in the way?  Then nothing is judged. */
static bool
is_circumstance(enum error_kind kind)
{
        switch (kind) {
        case ERROR_TOKEN_REMOVED:
        case ERROR_TOKEN_SWAPPED:
        case ERROR_TOKEN_ABSENT:
        case ERROR_TOKEN_READ_ONLY:
        case ERROR_PIN_WRONG:
        case ERROR_PIN_REFUSED:
        case ERROR_PIN_MISSING:
        case ERROR_PIN_LOCKED:
        case ERROR_PIN_LAST_TRY:
                return true;
        default:
                return false;
        }
}

/* Where several private keys share an id, only a signature tells whose public key it is. */
static bool
belongs(struct key *key, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        struct error failed = { 0 };

        if (key_sign(key, key_type_hash(key->type), view_text("p11cert test signature"), &signature,
                     &failed))
                return true;
        if (is_circumstance(failed.kind))
                *err = failed;
        return false;
}

/* Among several private keys, the one whose public key is `spki`.  NULL without error: none. */
static struct key *
pick_by_public(struct token *token, const CK_OBJECT_HANDLE *handles, size_t count, struct view spki,
               struct error *err)
{
        for (size_t i = 0; i < count; i++) {
                CLEANUP(half_cleanup) struct half half = { 0 };
                CLEANUP(key_cleanup) struct key *key = NULL;

                if (!half_of(token, handles[i], spki, &half, err))
                        return NULL;
                if (!view_equal(view_buf(&half.spki), spki))
                        continue;
                key = key_from_half(token, handles[i], &half, err);
                if (!key || count == 1 || belongs(key, err))
                        return MOVE(key);
                if (err->kind != ERROR_NONE)
                        return NULL;
        }
        return NULL;
}

static struct key *
find_one(struct token *token, CK_OBJECT_HANDLE handle, struct view spki, struct error *err)
{
        CLEANUP(half_cleanup) struct half half = { 0 };

        if (!half_of(token, handle, spki, &half, err))
                return NULL;
        return key_from_half(token, handle, &half, err);
}

struct key *
key_find(struct token *token, struct view id, const char *label, struct view spki,
         struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        struct error trouble = { 0 };
        size_t count = 0;

        if (!objects_of_class(token, CKO_PRIVATE_KEY, id, label, &handles, &count, err))
                return NULL;
        if (count == 1)
                return find_one(token, handles[0], spki, err);
        if (count == 0) {
                is_absent(token, err);
                return NULL;
        }
        struct key *key = spki.len ? pick_by_public(token, handles, count, spki, &trouble) : NULL;

        if (key)
                return key;
        if (trouble.kind != ERROR_NONE)
                *err = trouble;
        else
                is_ambiguous(token, handles, count, err);
        return NULL;
}

/* The ids of public key objects that hold exactly this key: quicker than looking at every key. */
static bool
find_public_object(struct token *token, struct view spki, struct buf *id, struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        CLEANUP(buf_cleanup) struct buf found = { 0 };
        size_t count = 0;

        if (!objects_of_class(token, CKO_PUBLIC_KEY, view_of(NULL, 0), NULL, &handles, &count, err))
                return false;
        for (size_t i = 0; i < count; i++) {
                enum key_type type = KEY_NONE;

                if (spki_read(token, handles[i], &type, &found) &&
                    view_equal(view_buf(&found), spki))
                        return attribute_read(token, handles[i], CKA_ID, id) || true;
        }
        return true;
}

struct key *
key_find_public(struct token *token, struct view spki, struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        CLEANUP(buf_cleanup) struct buf id = { 0 };
        struct error trouble = { 0 };
        struct key *key = NULL;
        size_t count = 0;

        if (!find_public_object(token, spki, &id, err))
                return NULL;
        if (!objects_of_class(token, CKO_PRIVATE_KEY, view_buf(&id), NULL, &handles, &count, err))
                return NULL;
        key = pick_by_public(token, handles, count, spki, &trouble);
        if (key)
                return key;
        if (trouble.kind != ERROR_NONE)
                *err = trouble;
        else
                is_absent(token, err);
        return NULL;
}

bool
key_refresh(struct key *key, struct error *err)
{
        struct token *token = key->token;
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        CLEANUP(key_cleanup) struct key *found = NULL;
        struct error trouble = { 0 };
        size_t count = 0;

        if (key->epoch == token->epoch)
                return true;
        if (!objects_of_class(token, CKO_PRIVATE_KEY, view_buf(&key->id), NULL, &handles, &count,
                              err))
                return false;
        found = pick_by_public(token, handles, count, view_buf(&key->spki), &trouble);
        if (!found && trouble.kind != ERROR_NONE) {
                *err = trouble;
                return false;
        }
        if (!found) {
                error_set(err, ERROR_KEY_LOST, "the key is no longer on the token");
                error_advise(err, "the token was initialised anew, or the key deleted; order the "
                                  "certificate again with a new key");
                return error_about(err, "key %s", key->uri);
        }
        key->private_handle = found->private_handle;
        key->public_handle = found->public_handle;
        key->epoch = token->epoch;
        return true;
}

/* -- after an interruption ------------------------------------------------------------------ */

static bool
is_digest_of(struct view digest, struct view spki)
{
        uint8_t own[32];

        sha256(spki, own);
        return view_equal(view_of(own, sizeof(own)), digest);
}

/* The objects that carry the id; among the publics also what has no class (an interrupted write).
 */
struct leftover {
        CK_OBJECT_HANDLE *privates;
        size_t private_count;
        CK_OBJECT_HANDLE *publics;
        size_t public_count;
};

static void
leftover_cleanup(struct leftover *left)
{
        free(left->privates);
        free(left->publics);
}

static bool
collect_leftover(struct token *token, struct view id, struct leftover *left, struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        struct attributes wanted = { 0 };
        size_t count = 0;

        attributes_add(&wanted, CKA_ID, id);
        if (!objects_search(token, &wanted, &handles, &count, err))
                return false;
        left->privates = memory_new(count, sizeof(*left->privates));
        left->publics = memory_new(count, sizeof(*left->publics));
        for (size_t i = 0; i < count; i++) {
                CK_ULONG class = CKO_PUBLIC_KEY;

                (void)attribute_read_number(token, handles[i], CKA_CLASS, &class);
                if (class == CKO_PRIVATE_KEY)
                        left->privates[left->private_count++] = handles[i];
                else if (class == CKO_PUBLIC_KEY)
                        left->publics[left->public_count++] = handles[i];
        }
        return true;
}

/* A pair that can sign, is of the right type, cannot be taken out and is not the forbidden one. */
static struct key *
try_pair(struct token *token, CK_OBJECT_HANDLE private_handle, CK_OBJECT_HANDLE public_handle,
         enum key_type type, struct view not_this, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        CLEANUP(key_cleanup) struct key *key = NULL;
        enum key_type found = KEY_NONE;
        struct error failed = { 0 };

        if (!spki_read(token, public_handle, &found, &spki) || found != type ||
            is_digest_of(not_this, view_buf(&spki)))
                return NULL;
        key = key_from_handles(token, private_handle, public_handle, found, view_buf(&spki));
        if (!key || key->evidence.extractable == KEY_ANSWER_YES)
                return NULL;
        if (key_sign_once(key, key_type_hash(found), view_text("p11cert test signature"),
                          &signature, &failed))
                return MOVE(key);
        if (is_circumstance(failed.kind))
                *err = failed;
        log_debug("key-left-behind", "cannot sign: %s", failed.what);
        return NULL;
}

static bool
destroy_object(struct token *token, CK_OBJECT_HANDLE object, struct error *err)
{
        CK_RV rv = MODULE_CALL(token->module->calls->C_DestroyObject(token->session, object));

        if (rv == CKR_OK || rv == CKR_OBJECT_HANDLE_INVALID)
                return true;
        return token_error(token, err, rv, "cannot destroy what an interruption left behind");
}

/*
 * Try each private key with each public key.  The pair that is adopted is taken off the lists: what
 * stays on them is to be destroyed.
 */
static struct key *
adopt(struct token *token, struct leftover *left, enum key_type type, struct view not_this,
      struct error *err)
{
        for (size_t i = 0; i < left->private_count; i++) {
                for (size_t j = 0; j < left->public_count; j++) {
                        struct key *key = try_pair(token, left->privates[i], left->publics[j], type,
                                                   not_this, err);

                        if (!key && err->kind == ERROR_NONE)
                                continue;
                        left->privates[i] = CK_NO_HANDLE;
                        left->publics[j] = CK_NO_HANDLE;
                        return key;
                }
        }
        return NULL;
}

static bool
destroy_rest(struct token *token, const CK_OBJECT_HANDLE *handles, size_t count, struct error *err)
{
        for (size_t i = 0; i < count; i++) {
                if (handles[i] != CK_NO_HANDLE && !destroy_object(token, handles[i], err))
                        return false;
        }
        return true;
}

/* A handle that was invalid may have been stale: look again before saying that all is clear. */
static bool
nothing_else_is_left(struct token *token, struct view id, const struct key *adopted,
                     struct error *err)
{
        CLEANUP(leftover_cleanup) struct leftover now = { 0 };

        if (!collect_leftover(token, id, &now, err))
                return false;
        if (now.private_count + now.public_count == (adopted ? 2 : 0))
                return true;
        error_set(err, ERROR_TOKEN, "what an interruption left behind could not be destroyed");
        error_advise(err, "repeat the command; if it stays, delete the keys with that id with the "
                          "token's own tool");
        return error_about(err, "token '%s' (serial %s)", token->facts.label, token->facts.serial);
}

struct key *
key_recover(struct token *token, enum key_type type, struct view id, struct view not_this_sha256,
            struct error *err)
{
        CLEANUP(leftover_cleanup) struct leftover left = { 0 };
        CLEANUP(key_cleanup) struct key *key = NULL;

        *err = (struct error){ 0 };
        if (!token_may_write(token, err) || !collect_leftover(token, id, &left, err))
                return NULL;
        key = adopt(token, &left, type, not_this_sha256, err);
        if (err->kind != ERROR_NONE)
                return NULL;
        if (!destroy_rest(token, left.privates, left.private_count, err) ||
            !destroy_rest(token, left.publics, left.public_count, err) ||
            !nothing_else_is_left(token, id, key, err))
                return NULL;
        return MOVE(key);
}
