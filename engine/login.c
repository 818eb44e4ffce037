/*
 * Logging in: flags first, the guard, the PIN, and never the last try.
 */
#include "engine/inside.h"

#include <poll.h>
#include <string.h>

/* May a try be spent?  The flags are read anew before every login. */
static bool
flags_allow(struct token *token, struct error *err)
{
        struct token_facts now = { 0 };
        CK_RV rv = module_token_facts(token->module, token->facts.slot_id, &now);

        if (rv != CKR_OK)
                return ckr_error(err, rv, "cannot read the token's PIN flags");
        token->facts.pin_initialized = token->facts.pin_initialized || now.pin_initialized;
        token->facts.pin_count_low = now.pin_count_low;
        token->facts.pin_final_try = now.pin_final_try;
        token->facts.pin_locked = now.pin_locked;
        token_facts_clear(&now);
        if (token->facts.pin_locked) {
                error_set(err, ERROR_PIN_LOCKED, "the token's PIN is locked");
                return error_advise(err, "unlock it with the security officer's PIN or PUK, with "
                                         "the token's own tool");
        }
        if (token->facts.pin_final_try) {
                error_set(err, ERROR_PIN_LAST_TRY,
                          "only one try of the PIN is left, and p11cert never uses the last");
                return error_advise(err, "log in once with the right PIN with the token's own tool "
                                         "(pkcs11-tool --login --test), then repeat the command");
        }
        return true;
}

/* The PIN into token->pin, unless it is kept there from an earlier login. */
static bool
fetch_pin(struct token *token, struct error *err)
{
        if (token->pin.data ||
            pin_kept(token->facts.manufacturer, token->facts.serial, &token->pin))
                return true;
        if (!token->retry_pin && !pin_guard_check(token->guard_folder, token->facts.manufacturer,
                                                  token->facts.serial, &token->source, err))
                return false;
        return pin_read_for(&token->source, token->facts.label, token->facts.serial, token->ask,
                            token->ask_context, &token->pin, err);
}

/* A refused PIN is forgotten here and remembered by the guard. */
static bool
refused(struct token *token, CK_RV rv, struct error *err)
{
        struct token_facts now = { 0 };
        struct error guard = { 0 };
        char source[256];

        if (rv != CKR_PIN_INCORRECT)
                return token_error(token, err, rv, "cannot log in");
        secret_clear(&token->pin);
        ckr_error(err, rv, "cannot log in");
        error_about(err, "PIN from %s",
                    token->facts.pin_pad ? "the PIN pad"
                                         : pin_source_text(&token->source, source, sizeof(source)));
        if (!token->facts.pin_pad &&
            !pin_guard_record(token->guard_folder, token->facts.manufacturer, token->facts.serial,
                              &token->source, &guard))
                error_about(err, "the refusal could not be recorded (%s)", guard.what);
        if (module_token_facts(token->module, token->facts.slot_id, &now) == CKR_OK &&
            (now.pin_final_try || now.pin_locked))
                error_about(err, now.pin_locked ? "the PIN is locked now" : "one try is left");
        token_facts_clear(&now);
        return false;
}

static CK_RV
login_as(struct token *token, CK_USER_TYPE user)
{
        struct view pin = secret_view(&token->pin);
        CK_FUNCTION_LIST *calls = token->module->calls;

        /* C_Login does not change the PIN; its type has no const. */
        if (token->facts.pin_pad)
                return MODULE_CALL(calls->C_Login(token->session, user, NULL, 0));
        return MODULE_CALL(
                calls->C_Login(token->session, user, token->pin.data, (CK_ULONG)pin.len));
}

/*
 * SoftHSM says that there is no user PIN for the moment in which another process rewrites the
 * token's file.  The flags were read just before and know better, and no try of the PIN was spent.
 */
static bool
login_patiently(struct token *token, CK_USER_TYPE user, CK_RV *rv, struct error *err)
{
        *rv = login_as(token, user);
        for (unsigned i = 1; i < REWRITE_TRIES && *rv == CKR_USER_PIN_NOT_INITIALIZED &&
                             token->facts.pin_initialized;
             i++) {
                (void)poll(NULL, 0, 1 << i);
                if (!flags_allow(token, err))
                        return false;
                *rv = login_as(token, user);
        }
        return true;
}

static bool
login(struct token *token, CK_USER_TYPE user, struct error *err)
{
        if (!flags_allow(token, err))
                return false;
        if (!token->facts.pin_pad && !fetch_pin(token, err))
                return false;
        CK_RV rv;

        if (!login_patiently(token, user, &rv, err))
                return false;
        if (rv == CKR_USER_ALREADY_LOGGED_IN)
                return true; /* says nothing about the PIN: the guard keeps what it has */
        if (rv != CKR_OK)
                return refused(token, rv, err);
        if (!token->facts.pin_pad)
                pin_guard_forget(token->guard_folder, token->facts.manufacturer,
                                 token->facts.serial);
        return true;
}

bool
token_login_user(struct token *token, struct error *err)
{
        if (!token->wants_login || !token->facts.login_required)
                return true;
        return login(token, CKU_USER, err);
}

bool
token_login_context(struct token *token, struct error *err)
{
        return login(token, CKU_CONTEXT_SPECIFIC, err);
}
