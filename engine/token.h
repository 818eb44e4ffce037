/*
 * Modules and tokens: finding one token among all that are plugged in, and a logged-in session.
 *
 * A `struct modules` is used by one thread at a time for listing.  Each `struct token` is one
 * long-lived read/write session, used by one thread at a time.  (PKCS #11 v2.40.)
 */
#ifndef ENGINE_TOKEN_H
#define ENGINE_TOKEN_H

#include "base/algorithm.h"
#include "base/bytes.h"
#include "base/err.h"
#include "engine/pin.h"
#include "engine/uri.h"

/* What C_GetTokenInfo and C_GetSlotInfo say; texts without their padding. */
struct token_facts {
        char label[33];
        char manufacturer[33];
        char model[17];
        char serial[17];
        char slot_description[65];
        char slot_manufacturer[33];
        char library_manufacturer[33]; /* of the module (C_GetInfo) */
        char library_description[33];
        unsigned char library_version[2];
        char hardware[12]; /* "1.0" */
        char firmware[12];
        unsigned long slot_id;
        char *module_path; /* owned; token_facts_clear() */
        bool initialized;
        bool login_required;
        bool pin_initialized;
        bool pin_pad; /* CKF_PROTECTED_AUTHENTICATION_PATH */
        bool write_protected;
        bool pin_count_low;
        bool pin_final_try;
        bool pin_locked;
        bool so_pin_final_try; /* of the security officer */
        bool so_pin_locked;
        unsigned long pin_min;
        unsigned long pin_max;
        bool removable;
};

void token_facts_clear(struct token_facts *facts);
void token_facts_copy(struct token_facts *to, const struct token_facts *from);

/* Neither empty nor all zeros: PIV cards without a printed number report "0000000000000000". */
bool token_serial_is_identity(const char *serial);

/* -- modules ------------------------------------------------------------------------------ */

struct modules;

/*
 * Load and initialise PKCS #11 modules: the one at `path`, or with NULL those of p11-kit's
 * registry (the trust modules are left out; one that cannot be loaded is skipped and remembered
 * for modules_notes()).  What modules print on stdout or stderr while they are loaded is
 * swallowed: for that time the descriptors 1 and 2 of the whole process lead elsewhere, and a
 * thread that has something to say meanwhile says it through a duplicate.  With `only_name`, only
 * the registry's module of that name (module-name in a URI).
 *
 * init_args  text for CK_C_INITIALIZE_ARGS.pReserved (NSS), or NULL
 * errors     ERROR_MODULE: not a module, not there, C_Initialize failed
 * time       as long as the modules take (SoftHSM reads every object file: 1 s for 10,000 keys)
 */
struct modules *modules_open(const char *path, const char *only_name, const char *init_args,
                             struct error *err);

/* Give stdout and stderr back when modules_open() was left behind because a module hangs. */
void modules_unmute(void);

/* C_Finalize where our own C_Initialize succeeded.  Sessions must be closed.  NULL does nothing. */
void modules_close(struct modules *modules);

/*
 * The same where the process is about to end.  C_Finalize is left out for modules that hold nothing
 * outside the process and are slow to forget what is in it (a table in module.c): its end does
 * that.
 */
void modules_leave(struct modules *modules);

/*
 * One set for each module, so that each can be used by a thread of its own; `modules` is gone
 * afterwards.  The caller frees the array and closes each.
 */
struct modules **modules_apart(struct modules *modules, size_t *count);

/*
 * End the modules and start them anew.  Every session behind them is gone then, whoever opened it.
 * errors: ERROR_MODULE: C_Initialize failed; it may be tried again
 */
bool modules_restart(struct modules *modules, struct error *err) MUST_CHECK;

/* What could not be loaded, a line each; "" when all went well.  Borrowed. */
const char *modules_notes(const struct modules *modules);

/*
 * Every token that is present now.  `list` is owned by the caller (tokens_free).
 * A slot that fails to answer is left out.  Also makes modules look for new tokens.
 */
bool modules_list(struct modules *modules, struct token_facts **list, size_t *count,
                  struct error *err) MUST_CHECK;
void tokens_free(struct token_facts *list, size_t count);

/* Are sessions of one module to be used by one thread at a time (CKR_CANT_LOCK)? */
bool modules_cannot_lock(const struct modules *modules, const char *module_path);

/* -- a token ------------------------------------------------------------------------------ */

struct token;

struct token_login {
        const struct pin_source *source; /* NULL: pin-source of the URI, else a prompt */
        pin_ask *ask;                    /* NULL: nobody may be asked */
        void *ask_context;
        const char *guard_folder; /* NULL: no guard */
        bool retry_pin;           /* --retry-pin: try although the guard says no */
        /*
         * A token that took this PIN a moment ago, so that a person is asked once; both NULL: none.
         * Only read; they outlive the opening.
         */
        const struct token_facts *known_token;
        const struct secret *known_pin;
};

/*
 * Open the one token that `uri` matches and log in as user, unless `login` is NULL.
 *
 * The PIN is kept (struct secret) for always-authenticate keys and re-logins, until token_close().
 * Flags are read before every login: a locked PIN is ERROR_PIN_LOCKED, a last try is never used
 * (ERROR_PIN_LAST_TRY).  A PIN pad is used with C_Login(NULL, 0).  CKR_USER_ALREADY_LOGGED_IN is
 * success.
 *
 * A write-protected token is opened for reading; what has to write then fails with
 * ERROR_TOKEN_READ_ONLY.  A NULL `uri` matches every token.
 *
 * errors  ERROR_TOKEN_ABSENT (says what is there), ERROR_TOKEN_AMBIGUOUS (lists the URIs to choose
 *         from), ERROR_PIN_*, ERROR_TOKEN
 * time    blocks as long as the token and a person at its PIN pad take
 */
struct token *token_open(struct modules *modules, const struct uri *uri,
                         const struct token_login *login, struct error *err);

/* The same token again after it was gone: same serial, new session, login with the kept PIN. */
bool token_reopen(struct token *token, struct error *err) MUST_CHECK;

void token_close(struct token *token); /* NULL does nothing */

/* As read when it was opened; borrowed. */
const struct token_facts *token_facts(const struct token *token);

/* The PIN it was logged in with, or NULL (a PIN pad, no login); borrowed until token_close(). */
const struct secret *token_pin(const struct token *token);

/*
 * Is this still the same token?  Reads the slot list and the serial number again, as every write
 * does by itself.  ERROR_TOKEN_REMOVED, ERROR_TOKEN_SWAPPED.
 */
bool token_check(struct token *token, struct error *err) MUST_CHECK;

/* Mechanisms that matter to us, as text "EC key pair generation, ECDSA"; for `token info`. */
char *token_mechanisms(struct token *token);

/* Is there a mechanism that makes, and one that signs with, keys of this type? */
bool token_can_make(struct token *token, enum key_type type);

/* Is there one that signs with such a key and this hash, by itself or a digest that we make? */
bool token_can_sign(struct token *token, enum key_type type, enum hash hash);

#endif
