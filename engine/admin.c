#include "engine/admin.h"

#include <stdlib.h>
#include <string.h>

#include "engine/inside.h"

static bool
about_slot(const struct token_facts *facts, struct error *err)
{
        return error_about(err, "slot %lu (%s)", facts->slot_id, facts->slot_description);
}

bool
token_is_blank(const struct token_facts *facts)
{
        return !facts->initialized && !facts->pin_initialized;
}

bool
token_is_half_made(const struct token_facts *facts, const char *label)
{
        return facts->initialized && !facts->pin_initialized && strcmp(facts->label, label) == 0;
}

static bool
not_blank(const struct token_facts *facts, const char *why, struct error *err)
{
        error_set(err, ERROR_TOKEN_NOT_BLANK, "the token is not blank: %s", why);
        error_about(err, "token '%s' (serial %s)", facts->label,
                    facts->serial[0] ? facts->serial : "unknown");
        return error_advise(err, "p11cert never erases a token; where what is on it may go, erase "
                                 "it with the token's own tool first");
}

bool
token_label_check(const char *label, struct error *err)
{
        size_t length = strlen(label);

        for (size_t i = 0; i < length; i++) {
                if ((unsigned char)label[i] < ' ' || label[i] == 0x7F)
                        return error_set(err, ERROR_USAGE,
                                         "the token's label has a control character");
        }
        if (length > 0 && length <= TOKEN_LABEL_BYTES)
                return true;
        error_set(err, ERROR_USAGE,
                  length ? "the token's label is longer than %d bytes"
                         : "the token's label is empty",
                  TOKEN_LABEL_BYTES);
        error_about(err, "'%s'", label);
        return error_advise(err, "give a label of 1 to %d bytes with --token-label",
                            TOKEN_LABEL_BYTES);
}

/* -- finding one ---------------------------------------------------------------------------- */

static bool
several_blank(const struct token_facts *list, size_t count, const struct uri *uri,
              struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        for (size_t i = 0; i < count; i++) {
                if (!token_is_blank(&list[i]) || (uri && !uri_matches(uri, &list[i])))
                        continue;
                buf_format(&text, "\npkcs11:slot-id=%lu (%s)", list[i].slot_id,
                           list[i].slot_description);
        }
        error_set(err, ERROR_TOKEN_AMBIGUOUS, "several blank tokens match");
        return error_advise(err, "choose one with --token:%s", buf_text(&text));
}

bool
token_find_blank(struct modules *modules, const struct uri *uri, const char *label,
                 struct token_facts *found, struct error *err)
{
        struct token_facts *list = NULL;
        const struct token_facts *match = NULL;
        const struct token_facts *in_use = NULL;
        size_t count = 0;
        size_t matches = 0;

        if (!modules_list(modules, &list, &count, err))
                return false;
        for (size_t i = 0; i < count; i++) {
                if (uri && !uri_matches(uri, &list[i]))
                        continue;
                if (token_is_half_made(&list[i], label) || token_is_blank(&list[i])) {
                        /* What was begun goes first. */
                        if (!match || token_is_blank(match))
                                match = &list[i];
                        matches += token_is_blank(&list[i]);
                } else {
                        in_use = &list[i];
                }
        }
        bool good = match && (matches <= 1 || !token_is_blank(match));

        if (good)
                token_facts_copy(found, match);
        else if (match)
                several_blank(list, count, uri, err);
        else if (in_use && uri)
                not_blank(in_use, "it is initialised", err);
        else
                error_set(err, ERROR_TOKEN_ABSENT, "no blank token is here");
        error_advise(err, "insert one; `p11cert token list` shows what is there");
        tokens_free(list, count);
        return good;
}

/* -- initialising --------------------------------------------------------------------------- */

static struct module *
module_of(struct modules *modules, const struct token_facts *facts)
{
        for (size_t i = 0; i < modules->count; i++) {
                if (text_equal(modules->list[i].path, facts->module_path))
                        return &modules->list[i];
        }
        return NULL;
}

/* How many objects does anybody see without a login?  A blank token may refuse the session. */
static CK_ULONG
visible_objects(const struct module *module, CK_SLOT_ID slot)
{
        CK_FUNCTION_LIST *calls = module->calls;
        CK_SESSION_HANDLE session = CK_NO_HANDLE;
        CK_OBJECT_HANDLE object;
        CK_ULONG count = 0;

        if (MODULE_CALL(calls->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session)) !=
            CKR_OK)
                return 0;
        if (MODULE_CALL(calls->C_FindObjectsInit(session, NULL, 0)) == CKR_OK) {
                (void)MODULE_CALL(calls->C_FindObjects(session, &object, 1, &count));
                (void)MODULE_CALL(calls->C_FindObjectsFinal(session));
        }
        (void)MODULE_CALL(calls->C_CloseSession(session));
        return count;
}

/* The slot as it is now; refuses what is not blank or half-made.  `half` tells which. */
static bool
look_again(struct module *module, const struct token_facts *facts, const char *label,
           struct token_facts *now, bool *half, struct error *err)
{
        CK_RV rv = module_token_facts(module, facts->slot_id, now);

        if (rv != CKR_OK) {
                ckr_error(err, rv, "cannot read what the token says of itself");
                return about_slot(facts, err);
        }
        *half = token_is_half_made(now, label);
        if (strcmp(now->serial, facts->serial) != 0) {
                error_set(err, ERROR_TOKEN_SWAPPED, "another token is in the slot now");
                return about_slot(facts, err);
        }
        if (!*half && now->initialized)
                return not_blank(now, "it is initialised", err);
        if (!*half && now->pin_initialized)
                return not_blank(now, "it has a user PIN", err);
        if (visible_objects(module, now->slot_id))
                return not_blank(now, "there are objects on it", err);
        if (!now->pin_pad)
                return true;
        error_set(err, ERROR_PIN_MISSING, "the token takes its PINs from a pad");
        about_slot(facts, err);
        return error_advise(err, "initialise it with its own tool");
}

static bool
has_admin_calls(const struct module *module, struct error *err)
{
        const CK_FUNCTION_LIST *calls = module->calls;

        if (calls->C_InitToken && calls->C_InitPIN && calls->C_SetPIN && calls->C_Logout)
                return true;
        error_set(err, ERROR_MECHANISM, "the module cannot initialise tokens or set PINs");
        return error_advise(err, "use the token's own tool");
}

static CK_RV
init_token(const struct module *module, CK_SLOT_ID slot, const struct token_new *wanted)
{
        CK_UTF8CHAR label[TOKEN_LABEL_BYTES];

        memset(label, ' ', sizeof(label));
        memcpy(label, wanted->label, strlen(wanted->label));
        return MODULE_CALL(module->calls->C_InitToken(slot, wanted->so_pin->data,
                                                      (CK_ULONG)wanted->so_pin->len, label));
}

/* The guard knows the security officer's PIN of a token under a name of its own. */
static char *
guard_name(const struct token_facts *facts)
{
        return text_format("security officer of %s", facts->serial);
}

/* May the security officer's PIN be tried on what somebody initialised before? */
static bool
may_try_officer(const struct token_facts *now, const struct token_new *wanted, struct error *err)
{
        CLEANUP(free_cleanup) char *name = guard_name(now);

        if (now->so_pin_locked)
                return error_set(err, ERROR_PIN_LOCKED, "the security officer's PIN is locked");
        if (now->so_pin_final_try)
                return error_set(err, ERROR_PIN_LAST_TRY,
                                 "only one try of the security officer's PIN is left, and p11cert "
                                 "never uses the last");
        if (!wanted->so_source)
                return not_blank(now,
                                 "it was initialised, but has no user PIN, and its security "
                                 "officer's PIN is not known here",
                                 err);
        return pin_guard_check(wanted->guard_folder, now->manufacturer, name, wanted->so_source,
                               err);
}

static bool
officer_refused(CK_RV rv, const struct token_facts *now, const struct token_new *wanted,
                struct error *err)
{
        CLEANUP(free_cleanup) char *name = guard_name(now);
        struct error guard = { 0 };

        ckr_error(err, rv, "cannot log in as security officer");
        if (rv == CKR_PIN_INCORRECT && wanted->so_source &&
            !pin_guard_record(wanted->guard_folder, now->manufacturer, name, wanted->so_source,
                              &guard))
                error_about(err, "the refusal could not be recorded (%s)", guard.what);
        return about_slot(now, err);
}

/* C_InitPIN by the security officer, in a session of its own; then the user logs in once. */
static bool
set_user_pin(struct module *module, const struct token_facts *now, const struct token_new *wanted,
             CK_SESSION_HANDLE session, struct error *err)
{
        CK_FUNCTION_LIST *calls = module->calls;
        CK_RV rv = MODULE_CALL(calls->C_Login(session, CKU_SO, wanted->so_pin->data,
                                              (CK_ULONG)wanted->so_pin->len));

        if (rv != CKR_OK)
                return officer_refused(rv, now, wanted, err);
        rv = MODULE_CALL(
                calls->C_InitPIN(session, wanted->user_pin->data, (CK_ULONG)wanted->user_pin->len));
        (void)MODULE_CALL(calls->C_Logout(session));
        if (rv != CKR_OK) {
                ckr_error(err, rv, "cannot set the user PIN");
                return about_slot(now, err);
        }
        rv = MODULE_CALL(calls->C_Login(session, CKU_USER, wanted->user_pin->data,
                                        (CK_ULONG)wanted->user_pin->len));
        if (rv != CKR_OK) {
                ckr_error(err, rv, "cannot log in with the user PIN that was just set");
                return about_slot(now, err);
        }
        (void)MODULE_CALL(calls->C_Logout(session));
        return true;
}

static bool
give_user_pin(struct module *module, const struct token_facts *now, const struct token_new *wanted,
              struct error *err)
{
        CK_SESSION_HANDLE session = CK_NO_HANDLE;
        CK_RV rv = MODULE_CALL(module->calls->C_OpenSession(
                now->slot_id, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));

        if (rv != CKR_OK) {
                ckr_error(err, rv, "cannot open a session");
                return about_slot(now, err);
        }
        bool done = set_user_pin(module, now, wanted, session, err);

        (void)MODULE_CALL(module->calls->C_CloseSession(session));
        return done;
}

static bool
check_wanted(const struct token_facts *now, const struct token_new *wanted, struct error *err)
{
        return token_label_check(wanted->label, err) &&
               (pin_length_fits(wanted->so_pin, now->pin_min, now->pin_max, err) ||
                error_about(err, "the security officer's PIN")) &&
               (pin_length_fits(wanted->user_pin, now->pin_min, now->pin_max, err) ||
                error_about(err, "the user PIN"));
}

/* The token says what was asked of it. */
static bool
read_back(struct module *module, const struct token_facts *before, const char *label, bool with_pin,
          struct token_facts *made, struct error *err)
{
        struct token_facts after = { 0 };
        CK_RV rv = module_token_facts(module, before->slot_id, &after);

        if (rv != CKR_OK) {
                ckr_error(err, rv, "cannot read back what the token says of itself");
                return about_slot(before, err);
        }
        if (!after.initialized || strcmp(after.label, label) != 0 ||
            (with_pin && !after.pin_initialized)) {
                error_set(err, ERROR_TOKEN, "the token was initialised but does not say so");
                about_slot(before, err);
                token_facts_clear(&after);
                return error_advise(err, "look at it with `p11cert token info`");
        }
        token_facts_clear(made);
        *made = after;
        return true;
}

static bool
initialize(struct module *module, const struct token_facts *now, bool half,
           const struct token_new *wanted, struct token_facts *made, struct error *err)
{
        if (!check_wanted(now, wanted, err) || (half && !may_try_officer(now, wanted, err)))
                return false;
        if (!half) {
                CK_RV rv = init_token(module, now->slot_id, wanted);

                if (rv != CKR_OK) {
                        ckr_error(err, rv, "cannot initialise the token");
                        return about_slot(now, err);
                }
        }
        return read_back(module, now, wanted->label, false, made, err) &&
               give_user_pin(module, made, wanted, err) &&
               read_back(module, now, wanted->label, true, made, err);
}

bool
token_initialize(struct modules *modules, const struct token_facts *facts,
                 const struct token_new *wanted, struct token_facts *made, struct error *err)
{
        struct module *module = module_of(modules, facts);
        struct token_facts now = { 0 };
        bool half = false;

        assert(module);
        bool done = has_admin_calls(module, err) &&
                    look_again(module, facts, wanted->label, &now, &half, err) &&
                    initialize(module, &now, half, wanted, made, err);

        token_facts_clear(&now);
        return done;
}

/* -- changing the PIN ----------------------------------------------------------------------- */

static CK_RV
set_pin(struct token *token, const struct secret *fresh)
{
        return MODULE_CALL(token->module->calls->C_SetPIN(token->session, token->pin.data,
                                                          (CK_ULONG)token->pin.len, fresh->data,
                                                          (CK_ULONG)fresh->len));
}

static bool
can_change(struct token *token, const struct secret *fresh, struct error *err)
{
        if (token->facts.pin_pad) {
                error_set(err, ERROR_PIN_MISSING, "the token takes its PINs from a pad");
                return error_advise(err, "change it with the token's own tool");
        }
        if (!token->pin.data) {
                error_set(err, ERROR_PIN_MISSING,
                          "the token wants no login, so it has no PIN to "
                          "change");
                return error_advise(err, "see `p11cert token info`");
        }
        return has_admin_calls(token->module, err) &&
               pin_length_fits(fresh, token->facts.pin_min, token->facts.pin_max, err) &&
               token_may_write(token, err);
}

bool
token_change_pin(struct token *token, const struct secret *fresh, struct error *err)
{
        if (!can_change(token, fresh, err))
                return false;
        CK_RV rv = set_pin(token, fresh);

        if (rv != CKR_OK)
                return token_error(token, err, rv, "cannot change the PIN");
        /* The old one was right a moment ago: the source that still holds it is not to blame. */
        secret_copy(&token->pin, fresh);
        (void)MODULE_CALL(token->module->calls->C_Logout(token->session));
        return token_login_user(token, err);
}
