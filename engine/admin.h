/*
 * Bringing a token into service: initialising a blank one, and changing its PIN.
 */
#ifndef ENGINE_ADMIN_H
#define ENGINE_ADMIN_H

#include "engine/token.h"

enum { TOKEN_LABEL_BYTES = 32 };

/* What is to become of a blank token. */
struct token_new {
        const char *label; /* 1 to 32 bytes of UTF-8 */
        const struct secret *so_pin;
        const struct secret *user_pin;
        const struct pin_source *so_source; /* where the first came from, for the guard; may be
                                               NULL: then nothing half-made is finished */
        const char *guard_folder;           /* NULL: no guard */
};

/*
 * Find the one blank token that `uri` matches (NULL: any): among all that are here, those that say
 * of themselves that they are not initialised.  Label and serial number of a blank token may be
 * empty.
 *
 * errors  ERROR_TOKEN_ABSENT, ERROR_TOKEN_AMBIGUOUS; ERROR_TOKEN_NOT_BLANK when only initialised
 *         ones match.  One that got its label but no user PIN (see token_initialize()) is found,
 *         too, when `label` is its label.
 */
bool token_find_blank(struct modules *modules, const struct uri *uri, const char *label,
                      struct token_facts *found, struct error *err) MUST_CHECK;

/* Would token_initialize() take it: not initialised, or left half-way with this label? */
bool token_is_blank(const struct token_facts *facts);
bool token_is_half_made(const struct token_facts *facts, const char *label);

/*
 * Initialise a blank token: C_InitToken with the label padded to 32 bytes, then, as security
 * officer, C_InitPIN; the user PIN is proved by a login.  Destroys nothing: before anything is
 * written the slot is read again, and a token that is initialised, has a user PIN or shows any
 * object is refused.
 *
 * Safe to repeat after an interruption: a token that has the label, no user PIN and no object gets
 * its user PIN; for that the security officer's PIN is tried once, never the last try, and never
 * one from an unchanged source that was refused before.
 *
 * facts   which one: module, slot; it must still be the one that is there
 * made    out: the facts as they are afterwards, serial number included; the caller clears it
 * errors  ERROR_TOKEN_NOT_BLANK, ERROR_PIN_WRONG (length, or refused), ERROR_PIN_LOCKED,
 *         ERROR_PIN_LAST_TRY, ERROR_PIN_REFUSED, ERROR_PIN_MISSING (a PIN pad), ERROR_USAGE (the
 *         label), ERROR_TOKEN_*
 *
 * PKCS #11 v2.40, C_InitToken, C_InitPIN.
 */
bool token_initialize(struct modules *modules, const struct token_facts *facts,
                      const struct token_new *wanted, struct token_facts *made,
                      struct error *err) MUST_CHECK;

/* Is the label one that a token can have?  ERROR_USAGE. */
bool token_label_check(const char *label, struct error *err) MUST_CHECK;

/*
 * Change the user PIN of a token that is open and logged in, and prove the new one by a login.
 * errors: ERROR_PIN_WRONG (length, too weak), ERROR_TOKEN_READ_ONLY, ERROR_TOKEN_*, ERROR_PIN_*
 */
bool token_change_pin(struct token *token, const struct secret *fresh,
                      struct error *err) MUST_CHECK;

#endif
