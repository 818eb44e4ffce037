#include "engine/inside.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* -- choosing one token ------------------------------------------------------------------- */

/* More than this many are not listed in an error. */
enum { LISTED = 8 };

/* Two tokens that say the same of themselves are told apart by their slots alone. */
static char *
uri_to_choose(const struct token_facts *list, size_t count, size_t which)
{
        CLEANUP(free_cleanup) char *uri = uri_of_token(&list[which]);

        for (size_t i = 0; i < count; i++) {
                CLEANUP(free_cleanup) char *other = uri_of_token(&list[i]);

                if (i != which && strcmp(uri, other) == 0)
                        return text_format("%s;slot-id=%lu", uri, list[which].slot_id);
        }
        return MOVE(uri);
}

static void
list_uris(struct buf *text, const struct token_facts *list, size_t count, const struct uri *only)
{
        size_t listed = 0;

        for (size_t i = 0; i < count; i++) {
                if (!list[i].initialized || (only && !uri_matches(only, &list[i])))
                        continue;
                if (listed++ == LISTED) {
                        buf_add_text(text, "\n…");
                        return;
                }
                CLEANUP(free_cleanup) char *uri = uri_to_choose(list, count, i);

                buf_format(text, "%s%s", text->len ? "\n" : "", uri);
        }
}

static bool
no_token_matches(const struct token_facts *list, size_t count, const struct uri *uri,
                 bool blank_matches, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf there = { 0 };

        list_uris(&there, list, count, NULL);
        if (blank_matches) {
                error_set(err, ERROR_TOKEN_ABSENT,
                          "the token is there, but it is blank: it has "
                          "not been initialised");
                return error_advise(err, "initialise it and set its user PIN first: p11cert token "
                                         "init does both");
        }
        if (!there.len) {
                error_set(err, ERROR_TOKEN_ABSENT, "there is no token in any slot");
                return error_advise(err, "insert the token and repeat the command");
        }
        CLEANUP(free_cleanup) char *wanted = uri ? uri_wanted(uri) : NULL;

        error_set(err, ERROR_TOKEN_ABSENT, "no token matches the URI%s%s", wanted ? " " : "",
                  wanted ? wanted : "");
        return error_advise(err, "insert it, or choose one that is there:\n%s", buf_text(&there));
}

static bool
several_match(const struct token_facts *list, size_t count, const struct uri *uri,
              struct error *err)
{
        CLEANUP(buf_cleanup) struct buf matching = { 0 };

        list_uris(&matching, list, count, uri);
        error_set(err, ERROR_TOKEN_AMBIGUOUS, "several tokens match the URI");
        return error_advise(err, "choose one with --token:\n%s", buf_text(&matching));
}

/* The one initialised token that matches. */
static bool
choose(const struct token_facts *list, size_t count, const struct uri *uri, size_t *which,
       struct error *err)
{
        size_t matches = 0;
        bool blank_matches = false;

        for (size_t i = 0; i < count; i++) {
                if (uri && !uri_matches(uri, &list[i]))
                        continue;
                if (!list[i].initialized) {
                        blank_matches = blank_matches || (uri && uri_names_token(uri));
                        continue;
                }
                *which = i;
                matches++;
        }
        if (matches == 0)
                return no_token_matches(list, count, uri, blank_matches, err);
        return matches == 1 || several_match(list, count, uri, err);
}

/*
 * While another process rewrites a SoftHSM token's file, which every login does, the token shows
 * itself blank for a moment: a second look decides.
 */
static void
wait_for_other_writers(void)
{
        enum { PAUSE_MS = 20 };

        (void)poll(NULL, 0, PAUSE_MS);
}

/* -- sessions ----------------------------------------------------------------------------- */

static CK_RV
open_session(struct token *token, CK_SESSION_HANDLE *session)
{
        CK_FUNCTION_LIST *calls = token->module->calls;
        CK_FLAGS flags = CKF_SERIAL_SESSION | (token->read_only ? 0 : CKF_RW_SESSION);
        CK_RV rv =
                MODULE_CALL(calls->C_OpenSession(token->facts.slot_id, flags, NULL, NULL, session));

        if (rv != CKR_TOKEN_WRITE_PROTECTED || token->read_only)
                return rv;
        /* What needs no writing (verifying, listing, signing) still works. */
        token->read_only = true;
        return MODULE_CALL(calls->C_OpenSession(token->facts.slot_id, CKF_SERIAL_SESSION, NULL,
                                                NULL, session));
}

static void
close_session(struct token *token)
{
        if (token->session == CK_NO_HANDLE)
                return;
        (void)MODULE_CALL(token->module->calls->C_CloseSession(token->session));
        token->session = CK_NO_HANDLE;
}

void
token_replace_session(struct token *token)
{
        CK_SESSION_HANDLE fresh = CK_NO_HANDLE;

        /* Opened before the old one is closed: the login ends with an application's last session
         * (PKCS #11 v2.40, C_CloseSession). */
        if (open_session(token, &fresh) != CKR_OK)
                return;
        close_session(token);
        token->session = fresh;
}

/* -- opening ------------------------------------------------------------------------------ */

static struct module *
module_at(struct modules *modules, const char *path)
{
        for (size_t i = 0; i < modules->count; i++) {
                if (text_equal(modules->list[i].path, path))
                        return &modules->list[i];
        }
        return NULL;
}

/* A token without a serial number is known by everything else it says of itself. */
static bool
is_same_token(const struct token_facts *a, const struct token_facts *b)
{
        if (strcmp(a->serial, b->serial) != 0 || strcmp(a->manufacturer, b->manufacturer) != 0)
                return false;
        return token_serial_is_identity(a->serial) ||
               (strcmp(a->label, b->label) == 0 && strcmp(a->model, b->model) == 0);
}

/* Keep what a re-login needs.  The PIN source: the caller's, else the URI's, else a prompt. */
static bool
keep_login(struct token *token, const struct uri *uri, const struct token_login *login,
           struct error *err)
{
        const char *named = uri ? uri_pin_source(uri) : NULL;

        if (!login)
                return true;
        token->wants_login = true;
        token->ask = login->ask;
        token->ask_context = login->ask_context;
        token->guard_folder = text_copy(login->guard_folder);
        token->retry_pin = login->retry_pin;
        if (login->known_token && login->known_pin &&
            is_same_token(login->known_token, &token->facts))
                secret_copy(&token->pin, login->known_pin);
        if (login->source && login->source->kind != PIN_NONE) {
                token->source.kind = login->source->kind;
                token->source.argument = text_copy(login->source->argument);
                return true;
        }
        if (named)
                return pin_source_parse(named, &token->source, err);
        token->source.kind = PIN_PROMPT;
        return true;
}

/* Say which token it is about, once. */
static bool
about_token(const struct token *token, struct error *err)
{
        CLEANUP(free_cleanup)
        char *text = text_format("token '%s' (serial %s)", token->facts.label,
                                 token->facts.serial[0] ? token->facts.serial : "unknown");

        return strstr(err->about, text) ? false : error_about(err, "%s", text);
}

enum { NO_STATE = 0xFFFF }; /* the session is gone, or the module does not tell */

static CK_STATE
session_state(struct token *token)
{
        CK_SESSION_INFO info = { 0 };
        CK_RV rv = MODULE_CALL(token->module->calls->C_GetSessionInfo(token->session, &info));

        return rv == CKR_OK ? info.state : NO_STATE;
}

/* A session, and the login where it is wanted. */
static bool
start(struct token *token, struct error *err)
{
        CK_RV rv = open_session(token, &token->session);
        struct error look = { 0 };

        if (rv != CKR_OK) {
                ckr_error(err, rv, "cannot open a session");
                return about_token(token, err);
        }
        if (token_login_user(token, err)) {
                token->state = session_state(token);
                return true;
        }
        /* A vague answer may hide that it was pulled just now; that says which token it is. */
        if (err->kind == ERROR_TOKEN && !token_check(token, &look)) {
                *err = look;
                return false;
        }
        return about_token(token, err);
}

/* Find the one token; NULL and the error of choose(). */
static struct token *
find_token(struct modules *modules, const struct uri *uri, struct error *err)
{
        struct token_facts *list = NULL;
        size_t count = 0;
        size_t which = 0;
        struct token *token = NULL;

        if (!modules_list(modules, &list, &count, err))
                return NULL;
        if (choose(list, count, uri, &which, err)) {
                token = memory_new(1, sizeof(*token));
                token_facts_copy(&token->facts, &list[which]);
                token->module = module_at(modules, list[which].module_path);
                token->rung[0] = token->rung[1] = -1;
        }
        tokens_free(list, count);
        return token;
}

struct token *
token_open(struct modules *modules, const struct uri *uri, const struct token_login *login,
           struct error *err)
{
        struct token *token = find_token(modules, uri, err);

        if (!token && err->kind == ERROR_TOKEN_ABSENT) {
                wait_for_other_writers();
                token = find_token(modules, uri, err);
        }
        if (!token)
                return NULL;
        if (!keep_login(token, uri, login, err) || !start(token, err)) {
                token_close(token);
                return NULL;
        }
        return token;
}

void
token_close(struct token *token)
{
        if (!token)
                return;
        close_session(token);
        secret_clear(&token->pin);
        pin_source_clear(&token->source);
        free(token->guard_folder);
        free(token->mechanisms);
        token_facts_clear(&token->facts);
        free(token);
}

const struct token_facts *
token_facts(const struct token *token)
{
        return &token->facts;
}

const struct secret *
token_pin(const struct token *token)
{
        return token->pin.data ? &token->pin : NULL;
}

/* -- is it still there, and the same? ------------------------------------------------------- */

static bool
is_gone(struct token *token, struct error *err)
{
        error_set(err, ERROR_TOKEN_REMOVED, "the token was removed");
        error_advise(err, "insert it again and repeat the command; it goes on where it stopped");
        return about_token(token, err);
}

static bool
is_swapped(struct token *token, const struct token_facts *now, struct error *err)
{
        error_set(err, ERROR_TOKEN_SWAPPED, "another token is in the slot now: '%s' (serial %s)",
                  now->label, now->serial[0] ? now->serial : "unknown");
        error_advise(err, "insert the first token again and repeat the command");
        return about_token(token, err);
}

static bool
slot_is_listed(struct token *token, bool *listed, struct error *err)
{
        CLEANUP(free_cleanup) CK_SLOT_ID *slots = NULL;
        CK_ULONG count = 0;
        CK_RV rv = module_slots(token->module, true, &slots, &count);

        if (rv != CKR_OK) {
                ckr_error(err, rv, "cannot list the slots");
                return about_token(token, err);
        }
        *listed = false;
        for (CK_ULONG i = 0; i < count; i++)
                *listed = *listed || slots[i] == token->facts.slot_id;
        return true;
}

/* What the slot says now; ERROR_TOKEN_REMOVED where it has no token. */
static bool
read_slot(struct token *token, struct token_facts *now, struct error *err)
{
        bool listed = false;

        /* The list first: for some modules it is what makes them look (ykcs11). */
        if (!slot_is_listed(token, &listed, err))
                return false;
        if (!listed)
                return is_gone(token, err);
        CK_RV rv = module_token_facts(token->module, token->facts.slot_id, now);

        if (rv == CKR_OK)
                return true;
        if (rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_DEVICE_REMOVED || rv == CKR_SLOT_ID_INVALID)
                return is_gone(token, err);
        ckr_error(err, rv, "cannot read the token's serial number");
        return about_token(token, err);
}

bool
token_check(struct token *token, struct error *err)
{
        struct token_facts now = { 0 };

        token->checked_ms = 0;
        if (!read_slot(token, &now, err))
                return false;
        bool same = is_same_token(&token->facts, &now);

        if (!same) {
                token_facts_clear(&now);
                wait_for_other_writers();
                if (!read_slot(token, &now, err))
                        return false;
                same = is_same_token(&token->facts, &now);
        }
        if (!same) {
                is_swapped(token, &now, err);
        } else {
                token->facts.write_protected = now.write_protected;
                token->checked_ms = clock_boot_ms();
        }
        token_facts_clear(&now);
        return same;
}

bool
token_check_lately(struct token *token, struct error *err)
{
        return clock_boot_ms() - token->checked_ms < CHECK_LASTS_MS || token_check(token, err);
}

bool
token_may_write(struct token *token, struct error *err)
{
        if (!token_check(token, err) || !token_revive(token, err))
                return false;
        if (!token->read_only && !token->facts.write_protected)
                return true;
        error_set(err, ERROR_TOKEN_READ_ONLY, "the token is write-protected");
        error_advise(err, "lift the token's write protection and repeat the command");
        return about_token(token, err);
}

bool
token_error(struct token *token, struct error *err, CK_RV rv, const char *doing)
{
        struct error look = { 0 };

        if (ckr_may_mean_removal(rv) && !token_check(token, &look) &&
            (look.kind == ERROR_TOKEN_REMOVED || look.kind == ERROR_TOKEN_SWAPPED)) {
                char text[CKR_TEXT];

                *err = look;
                return error_about(err, "while it said %s to: %s", ckr_text(rv, text), doing);
        }
        ckr_error(err, rv, doing);
        return about_token(token, err);
}

/* Slot ids change when tokens come and go: look for it in every slot of its module. */
static bool
find_again(struct token *token, struct error *err)
{
        CLEANUP(free_cleanup) CK_SLOT_ID *slots = NULL;
        CK_ULONG count = 0;
        CK_RV rv = module_slots(token->module, true, &slots, &count);

        if (rv != CKR_OK) {
                ckr_error(err, rv, "cannot list the slots");
                return about_token(token, err);
        }
        for (CK_ULONG i = 0; i < count; i++) {
                struct token_facts facts = { 0 };

                if (module_token_facts(token->module, slots[i], &facts) != CKR_OK)
                        continue;
                if (!is_same_token(&token->facts, &facts)) {
                        token_facts_clear(&facts);
                        continue;
                }
                token_facts_clear(&token->facts);
                token->facts = facts;
                return true;
        }
        return is_gone(token, err);
}

bool
token_reopen(struct token *token, struct error *err)
{
        struct token_facts before = { 0 };

        token_facts_copy(&before, &token->facts);
        bool found = find_again(token, err);

        if (found) {
                close_session(token);
                token->read_only = false;
                memset(token->signs, 0, sizeof(token->signs));
                token->epoch++;
                found = start(token, err);
        }
        token_facts_clear(&before);
        return found;
}

bool
token_revive(struct token *token, struct error *err)
{
        /* Compared with what it was: not every module tells the truth about states. */
        return session_state(token) == token->state || token_reopen(token, err);
}

/* -- what it can do ----------------------------------------------------------------------- */

enum { MECHANISMS_MOST = 4096 };

static void
read_mechanisms(struct token *token)
{
        CK_FUNCTION_LIST *calls = token->module->calls;
        CK_ULONG count = 0;

        if (token->mechanisms_known)
                return;
        if (MODULE_CALL(calls->C_GetMechanismList(token->facts.slot_id, NULL, &count)) != CKR_OK ||
            count == 0 || count > MECHANISMS_MOST)
                return;
        CK_ULONG allocated = count;

        token->mechanisms = memory_grow(token->mechanisms, count, sizeof(*token->mechanisms));
        if (MODULE_CALL(calls->C_GetMechanismList(token->facts.slot_id, token->mechanisms,
                                                  &count)) != CKR_OK ||
            count > allocated)
                return;
        token->mechanism_count = count;
        token->mechanisms_known = true;
}

bool
token_has_mechanism(struct token *token, CK_MECHANISM_TYPE mechanism)
{
        read_mechanisms(token);
        for (CK_ULONG i = 0; i < token->mechanism_count; i++) {
                if (token->mechanisms[i] == mechanism)
                        return true;
        }
        return false;
}

static const struct {
        CK_MECHANISM_TYPE mechanism;
        const char *name;
} named_mechanisms[] = {
        { CKM_EC_KEY_PAIR_GEN, "EC key pair generation" },
        { CKM_RSA_PKCS_KEY_PAIR_GEN, "RSA key pair generation" },
        { CKM_ECDSA, "ECDSA" },
        { CKM_ECDSA_SHA256, "ECDSA with SHA-256" },
        { CKM_ECDSA_SHA384, "ECDSA with SHA-384" },
        { CKM_ECDSA_SHA512, "ECDSA with SHA-512" },
        { CKM_RSA_PKCS, "RSA PKCS #1" },
        { CKM_SHA256_RSA_PKCS, "RSA PKCS #1 with SHA-256" },
        { CKM_SHA384_RSA_PKCS, "RSA PKCS #1 with SHA-384" },
        { CKM_SHA512_RSA_PKCS, "RSA PKCS #1 with SHA-512" },
        { CKM_RSA_PKCS_PSS, "RSA PSS" },
};

char *
token_mechanisms(struct token *token)
{
        struct buf text = { 0 };

        for (size_t i = 0; i < ARRAY_LENGTH(named_mechanisms); i++) {
                if (token_has_mechanism(token, named_mechanisms[i].mechanism))
                        buf_format(&text, "%s%s", text.len ? ", " : "", named_mechanisms[i].name);
        }
        return text.data ? (char *)text.data : text_copy("");
}

/* Sizes are in bits; a module that leaves them out (0) or counts in bytes is believed to be able */
static bool
size_fits(struct token *token, CK_MECHANISM_TYPE mechanism, unsigned bits)
{
        CK_MECHANISM_INFO info = { 0 };
        CK_FUNCTION_LIST *calls = token->module->calls;

        if (MODULE_CALL(calls->C_GetMechanismInfo(token->facts.slot_id, mechanism, &info)) !=
                    CKR_OK ||
            info.ulMaxKeySize < 128 || info.ulMaxKeySize < info.ulMinKeySize)
                return true;
        return bits <= info.ulMaxKeySize || (info.ulMaxKeySize <= 512 && bits > 1024);
}

bool
token_can_make(struct token *token, enum key_type type)
{
        bool ec = key_type_is_ec(type);
        CK_MECHANISM_TYPE make = ec ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN;

        return token_has_mechanism(token, make) && size_fits(token, make, key_type_bits(type)) &&
               sign_mechanism_exists(token, type, key_type_hash(type));
}

/* -- ids that were made here -------------------------------------------------------------- */

void
token_remember_fresh(struct token *token, struct view id)
{
        uint8_t digest[32];

        sha256(id, digest);
        memcpy(token->fresh[token->fresh_next], digest, FRESH_DIGEST);
        token->fresh_next = (token->fresh_next + 1) % FRESH_IDS;
}

static size_t
fresh_place(const struct token *token, struct view id)
{
        uint8_t digest[32];

        sha256(id, digest);
        for (size_t i = 0; i < FRESH_IDS; i++) {
                if (memcmp(token->fresh[i], digest, FRESH_DIGEST) == 0)
                        return i;
        }
        return FRESH_IDS;
}

bool
token_is_fresh(const struct token *token, struct view id)
{
        return fresh_place(token, id) < FRESH_IDS;
}

void
token_forget_fresh(struct token *token, struct view id)
{
        size_t place = fresh_place(token, id);

        if (place < FRESH_IDS)
                memset(token->fresh[place], 0, FRESH_DIGEST);
}
