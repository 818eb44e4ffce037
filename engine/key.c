/*
 * Keys: making a pair, checking it, destroying it.  Finding is find.c, signing sign.c.
 */
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/decoded.h"
#include "base/log.h"
#include "engine/attributes.h"
#include "engine/objects.h"

/* -- the struct --------------------------------------------------------------------------- */

void
key_free(struct key *key)
{
        if (!key)
                return;
        buf_clear(&key->id);
        buf_clear(&key->spki);
        EVP_PKEY_free(key->public_key);
        openssl_home_free(key->home);
        free(key->label);
        free(key->uri);
        free(key);
}

void
key_cleanup(struct key **key)
{
        key_free(*key);
        *key = NULL;
}

struct view
key_spki(const struct key *key)
{
        return view_buf(&key->spki);
}

struct view
key_id(const struct key *key)
{
        return view_buf(&key->id);
}

const char *
key_label(const struct key *key)
{
        return key->label;
}

const char *
key_uri(const struct key *key)
{
        return key->uri;
}

enum key_type
key_type(const struct key *key)
{
        return key->type;
}

void
key_evidence(const struct key *key, struct key_evidence *out)
{
        *out = key->evidence;
}

static void
read_evidence(struct key *key)
{
        const struct {
                CK_ATTRIBUTE_TYPE type;
                enum key_answer *answer;
        } rows[] = {
                { CKA_LOCAL, &key->evidence.local },
                { CKA_SENSITIVE, &key->evidence.sensitive },
                { CKA_ALWAYS_SENSITIVE, &key->evidence.always_sensitive },
                { CKA_EXTRACTABLE, &key->evidence.extractable },
                { CKA_NEVER_EXTRACTABLE, &key->evidence.never_extractable },
                { CKA_ALWAYS_AUTHENTICATE, &key->evidence.always_authenticate },
        };

        /* One by one: a module that does not know one of them may fail them all. */
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
                *rows[i].answer =
                        attribute_read_bool(key->token, key->private_handle, rows[i].type);
}

struct key *
key_from_handles(struct token *token, CK_OBJECT_HANDLE private_handle,
                 CK_OBJECT_HANDLE public_handle, enum key_type type, struct view spki)
{
        static const CK_ATTRIBUTE_TYPE told[] = {
                CKA_LABEL,
                CKA_ID,
                CKA_LOCAL,
                CKA_SENSITIVE,
                CKA_EXTRACTABLE,
                CKA_ALWAYS_SENSITIVE,
                CKA_NEVER_EXTRACTABLE,
                CKA_ALWAYS_AUTHENTICATE,
        };
        CLEANUP(key_cleanup) struct key *key = memory_new(1, sizeof(*key));

        key->token = token;
        key->epoch = token->epoch;
        key->private_handle = private_handle;
        key->public_handle = public_handle;
        key->type = type;
        buf_add(&key->spki, spki);
        /* A point that is not on its curve ends here. */
        key->public_key = decoded_key(spki);
        if (!key->public_key)
                return NULL;
        attributes_glance(token, private_handle, told, ARRAY_LENGTH(told));
        /* As the token has them: some give keys labels of their own. */
        (void)attribute_read(token, private_handle, CKA_ID, &key->id);
        key->label = object_label(token, private_handle);
        key->uri = uri_of_object(&token->facts, view_buf(&key->id), key->label, "private");
        read_evidence(key);
        attributes_forget(token);
        return MOVE(key);
}

/* -- making ------------------------------------------------------------------------------- */

static CK_RV
generate(struct token *token, enum key_type type, struct view id, const char *label, int rung,
         CK_OBJECT_HANDLE *public_handle, CK_OBJECT_HANDLE *private_handle)
{
        struct pair_parameters parameters = pair_parameters(type);
        struct attributes public;
        struct attributes private;
        CK_MECHANISM mechanism = { key_type_is_ec(type) ? CKM_EC_KEY_PAIR_GEN
                                                        : CKM_RSA_PKCS_KEY_PAIR_GEN,
                                   NULL, 0 };

        pair_attributes(rung, &parameters, id, label, &public, &private);
        return MODULE_CALL(token->module->calls->C_GenerateKeyPair(token->session, &mechanism,
                                                                   public.list, public.count,
                                                                   private.list, private.count,
                                                                   public_handle, private_handle));
}

/* After a vague failure: did the module make something under the id all the same? */
static bool
made_something(struct token *token, struct view id, bool *made, struct error *err)
{
        CLEANUP(free_cleanup) CK_OBJECT_HANDLE *handles = NULL;
        struct attributes wanted = { 0 };
        size_t count = 0;

        attributes_add(&wanted, CKA_ID, id);
        if (!objects_search(token, &wanted, &handles, &count, err))
                return false;
        *made = count > 0;
        return true;
}

/* Go down the ladder until the token takes the attributes. */
static bool
descend(struct token *token, enum key_type type, struct view id, const char *label,
        CK_OBJECT_HANDLE *public_handle, CK_OBJECT_HANDLE *private_handle, struct error *err)
{
        int *known = &token->rung[key_type_is_ec(type)];
        CK_RV rv = CKR_GENERAL_ERROR;
        CK_RV first = CKR_OK;

        for (int rung = *known < 0 ? 0 : *known; rung < RUNGS; rung++) {
                bool made = false;

                rv = generate(token, type, id, label, rung, public_handle, private_handle);
                if (rv == CKR_OK) {
                        *known = rung;
                        return true;
                }
                first = first ? first : rv;
                /* What took this rung before does not mind its attributes now. */
                if (!ckr_is_template_refusal(rv) || (rung == *known && ckr_is_vague(rv)))
                        break;
                if (ckr_is_vague(rv) && !made_something(token, id, &made, err))
                        return false;
                if (made)
                        break;
                log_debug("key-attributes-refused", "rung=%d rv=0x%lx", rung, rv);
        }
        token_error(token, err, ckr_is_template_refusal(rv) ? first : rv, "cannot make a key pair");
        if (token->writes && ckr_is_vague(rv) && err->kind == ERROR_TOKEN) {
                error_set(err, ERROR_TOKEN_FULL,
                          "cannot make another key pair: the token is probably full");
                error_advise(err, "delete what is no longer needed from it, or take another one");
                error_about(err, "token '%s'", token->facts.label);
        }
        return false;
}

static void
destroy_quietly(struct token *token, CK_OBJECT_HANDLE object)
{
        if (object != CK_NO_HANDLE)
                (void)MODULE_CALL(token->module->calls->C_DestroyObject(token->session, object));
}

static bool
refuse_weak(struct key *key, struct error *err)
{
        destroy_quietly(key->token, key->private_handle);
        destroy_quietly(key->token, key->public_handle);
        error_set(err, ERROR_KEY_WEAK,
                  "the token made a key that can be taken out of it (CKA_EXTRACTABLE is true)");
        return error_advise(err, "the key was destroyed; use a token or a module whose keys stay "
                                 "inside");
}

/* A key that the token does not tell the id of has the one that it was made under. */
static void
name_made(struct key *key, struct view id, const char *label)
{
        if (key->id.len)
                return;
        buf_set(&key->id, id);
        if (!key->label || !*key->label)
                text_assign(&key->label, label ? label : "");
        free(key->uri);
        key->uri = uri_of_object(&key->token->facts, id, key->label, "private");
}

struct key *
key_make(struct token *token, enum key_type type, struct view id, const char *label,
         struct error *err)
{
        CK_OBJECT_HANDLE public_handle = CK_NO_HANDLE;
        CK_OBJECT_HANDLE private_handle = CK_NO_HANDLE;
        CLEANUP(key_cleanup) struct key *key = NULL;
        CLEANUP(buf_cleanup) struct buf spki = { 0 };
        enum key_type made = KEY_NONE;

        if (!token_may_write(token, err))
                return NULL;
        if (!descend(token, type, id, label, &public_handle, &private_handle, err)) {
                error_about(err, "%s key", key_type_name(type));
                return NULL;
        }
        token->writes++;
        if (spki_read(token, public_handle, &made, &spki) && made == type)
                key = key_from_handles(token, private_handle, public_handle, type, view_buf(&spki));
        if (!key) {
                /* Pulled in between: what was made is found under its id when it is back. */
                if (!token_check(token, err))
                        return NULL;
                destroy_quietly(token, private_handle);
                destroy_quietly(token, public_handle);
                error_set(err, ERROR_TOKEN,
                          "the token made a key pair whose public key is not "
                          "the %s key that was asked for",
                          key_type_name(type));
                error_advise(err, "the pair was destroyed; look at the token with its own tool");
                return NULL;
        }
        if (key->evidence.extractable == KEY_ANSWER_YES) {
                refuse_weak(key, err);
                return NULL;
        }
        name_made(key, id, label);
        token_remember_fresh(token, id);
        return MOVE(key);
}

/* -- checking and destroying --------------------------------------------------------------- */

static bool
is_lost(struct key *key, struct error *err)
{
        error_set(err, ERROR_KEY_LOST, "the key on the token is not the one on record");
        error_advise(err, "the token was initialised anew, or the key replaced; order the "
                          "certificate again with a new key");
        return error_about(err, "key %s", key->uri);
}

bool
key_reach(struct key *key, struct error *err)
{
        return key->home || (token_check_lately(key->token, err) && token_revive(key->token, err) &&
                             key_refresh(key, err));
}

bool
key_check(struct key *key, struct view spki, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        bool same = false;

        if (key->home)
                return (view_equal(view_buf(&key->spki), spki) || is_lost(key, err)) &&
                       key_sign(key, key_type_hash(key->type), view_text("p11cert test signature"),
                                &signature, err);
        if (!key_reach(key, err))
                return false;
        if (!view_equal(view_buf(&key->spki), spki))
                return is_lost(key, err);
        if ((key->public_handle != CK_NO_HANDLE &&
             spki_compare(key->token, key->public_handle, key->type, spki, &same)) ||
            spki_compare(key->token, key->private_handle, key->type, spki, &same))
                return same || is_lost(key, err);
        /* The signature is verified with the public key before it is handed out. */
        return key_sign(key, key_type_hash(key->type), view_text("p11cert test signature"),
                        &signature, err);
}

static bool
destroy(struct key *key, CK_OBJECT_HANDLE object, struct error *err)
{
        struct token *token = key->token;
        CK_RV rv;

        if (object == CK_NO_HANDLE)
                return true;
        rv = MODULE_CALL(token->module->calls->C_DestroyObject(token->session, object));
        if (rv == CKR_OK || rv == CKR_OBJECT_HANDLE_INVALID)
                return true;
        token_error(token, err, rv, "cannot destroy the key");
        return error_about(err, "key %s", key->uri);
}

bool
key_destroy(struct key *key, struct error *err)
{
        assert(!key->home);
        /* The private half first: what an interruption leaves behind cannot sign. */
        return token_may_write(key->token, err) && key_refresh(key, err) &&
               destroy(key, key->private_handle, err) && destroy(key, key->public_handle, err);
}
