/*
 * What the engine's own files know of each other: the insides of modules, tokens and keys.
 */
#ifndef ENGINE_INSIDE_H
#define ENGINE_INSIDE_H

#include <openssl/evp.h>

#include "engine/cryptoki.h"
#include "engine/key.h"
#include "engine/pin.h"
#include "engine/token.h"

/* -- modules ------------------------------------------------------------------------------ */

struct module {
        CK_FUNCTION_LIST *calls;
        char *path;
        char *init_args;    /* for pReserved, or NULL */
        bool cannot_lock;   /* CKR_CANT_LOCK: one thread at a time */
        bool finalize_ours; /* our own C_Initialize succeeded */
        CK_INFO info;
};

struct modules {
        struct module *list;
        size_t count;
        struct buf notes;
};

/*
 * Slots with a token as of now (`present`), or all; the module looks anew.  The caller frees
 * `*slots`.
 */
CK_RV module_slots(struct module *module, bool present, CK_SLOT_ID **slots, CK_ULONG *count);

/* What the slot alone says of itself. */
CK_RV module_slot_facts(struct module *module, CK_SLOT_ID slot, struct token_facts *facts);

/* What slot and token say of themselves; false when the slot does not answer. */
CK_RV module_token_facts(struct module *module, CK_SLOT_ID slot, struct token_facts *facts);

/* -- tokens ------------------------------------------------------------------------------- */

/* More than there are orders in flight on one token. */
enum { FRESH_IDS = 1024, FRESH_DIGEST = 16 };

/* Attributes of one object that were read with one call; see attributes_glance(). */
enum { GLANCE_MOST = 8, GLANCE_BYTES = 2048 };

/* How often a module is asked while another process may be rewriting the token's file; 2 ms, 4 ms,
 * 8 ms and so on later, 254 ms in all. */
enum { REWRITE_TRIES = 8 };

struct glance {
        CK_OBJECT_HANDLE object; /* CK_NO_HANDLE: there is none */
        size_t count;
        struct {
                CK_ATTRIBUTE_TYPE type;
                size_t start;
                size_t length;
        } parts[GLANCE_MOST];
        uint8_t bytes[GLANCE_BYTES];
};

struct token {
        struct module *module;
        CK_SESSION_HANDLE session;
        CK_STATE state; /* of the session, right after the login */
        bool read_only; /* the token takes no read/write session */
        struct token_facts facts;
        int64_t checked_ms; /* when token_check() found it last (clock_boot_ms) */
        unsigned epoch;     /* counts reopenings: handles of an earlier one are stale */

        bool wants_login;
        struct secret pin; /* kept for re-logins and always-authenticate keys */
        struct pin_source source;
        pin_ask *ask;
        void *ask_context;
        char *guard_folder;
        bool retry_pin;

        CK_MECHANISM_TYPE *mechanisms; /* read once */
        CK_ULONG mechanism_count;
        bool mechanisms_known;
        /* a signature of that kind was verified since the token was opened */
        bool signs[KEY_TYPES][HASHES];
        int rung[2]; /* the rung of the ladder that worked: RSA, EC; -1 none yet */
        struct glance glance;
        unsigned writes; /* objects made: a vague failure after them suggests a full token */

        /* Digests of ids under which a pair was made here and no certificate was written yet:
         * nothing has to be searched for before the first one is. */
        uint8_t fresh[FRESH_IDS][FRESH_DIGEST];
        size_t fresh_next;
};

/*
 * Set the error for `rv`.  Where the value may hide it, looks first whether the token is still
 * there and the same.  Says which token it is about.
 */
bool token_error(struct token *token, struct error *err, CK_RV rv, const char *doing);

/*
 * Is the session still what it was?  Modules close it after a while (YubiHSM: 30 s) or at a reset,
 * and others may log us out: it is then opened anew, once.
 */
bool token_revive(struct token *token, struct error *err) MUST_CHECK;

/*
 * token_check(), where that was not done just now: within CHECK_LASTS_MS nobody swaps a token.  For
 * what only reads or signs; a write looks again every time.
 */
enum { CHECK_LASTS_MS = 100 };
bool token_check_lately(struct token *token, struct error *err) MUST_CHECK;

/* token_check() and token_revive(), and may it be written to? */
bool token_may_write(struct token *token, struct error *err) MUST_CHECK;

/* After a failure inside an operation: another session, without losing the login. */
void token_replace_session(struct token *token);

/* C_Login for one operation (CKU_CONTEXT_SPECIFIC), flags looked at first. */
bool token_login_context(struct token *token, struct error *err) MUST_CHECK;

bool token_has_mechanism(struct token *token, CK_MECHANISM_TYPE mechanism);

void token_remember_fresh(struct token *token, struct view id);
bool token_is_fresh(const struct token *token, struct view id);
void token_forget_fresh(struct token *token, struct view id);

/* Log in as user, if the token wants that and the caller asked for it. */
bool token_login_user(struct token *token, struct error *err) MUST_CHECK;

/* -- keys --------------------------------------------------------------------------------- */

struct openssl_home;

struct key {
        struct openssl_home
                *home; /* of a key that OpenSSL reaches (openssl_key.h); or NULL, then: */
        struct token *token;
        unsigned epoch; /* of the token, when the handles were found */
        CK_OBJECT_HANDLE private_handle;
        CK_OBJECT_HANDLE public_handle; /* CK_INVALID_HANDLE: none on the token */
        enum key_type type;
        struct buf id;
        char *label;
        struct buf spki;
        EVP_PKEY *public_key;
        char *uri;
        struct key_evidence evidence;
};

enum { CK_NO_HANDLE = 0 }; /* CK_INVALID_HANDLE, which p11-kit's header lacks */

void key_cleanup(struct key **key);

/* The other kind's part of key_free() and key_sign() (openssl_key.c). */
void openssl_home_free(struct openssl_home *home);
bool openssl_key_sign(const struct key *key, enum hash hash, struct view message,
                      struct buf *signature, struct error *err) MUST_CHECK;

/*
 * Make the handles valid again after the token was reopened: find the key by its id and public
 * key.  ERROR_KEY_LOST when it is not there any more.
 */
bool key_refresh(struct key *key, struct error *err) MUST_CHECK;

/* As key_sign(), but never opens the session anew: handles stay what they are. */
bool key_sign_once(struct key *key, enum hash hash, struct view message, struct buf *signature,
                   struct error *err) MUST_CHECK;

/* Can the token sign with keys of this type and this hash, one way or the other? */
bool sign_mechanism_exists(struct token *token, enum key_type type, enum hash hash);

#endif
