/*
 * A PKCS #11 module that breaks on request: it forwards to a real one (BREAKABLE_MODULE, else
 * SoftHSM) and fails, delays, hangs, hides or lies as the rules say (BREAKABLE_RULES, see rules.h).
 * With BREAKABLE_COUNTS it counts the calls of each function in that file, over all processes that
 * use it: a line a function, and one of calls that began while another thread was inside.
 *
 * Only C_GetFunctionList is exported.  A rule that cannot be understood ends the process, so that
 * no test passes because of a spelling mistake.
 */
#include "tests/token/counts.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/token/rules.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum { SLOTS_MOST = 16, SESSIONS_MOST = 64 };

/* What a call is about; the slot is found through the session where there is one. */
enum subject { ABOUT_MODULE, ABOUT_SLOT, ABOUT_SESSION };

struct call {
        enum function function;
        enum subject subject;
        bool slot_known;
        CK_SLOT_ID slot;
        char token[33]; /* the label of the token there; empty: none */

        bool answers; /* with `rv`, and nothing is forwarded */
        CK_RV rv;
        bool kill_after;
};

struct slot_state {
        CK_SLOT_ID slot;
        bool used;
        bool gone;
        bool told;         /* ykcs11 tells of a removal once, then of a lost login */
        bool wants_logout; /* a removal ended the login; done at the next call with a session */
        enum rule_style style;
};

struct session_state {
        CK_SESSION_HANDLE session;
        bool wants_login; /* C_SignInit was called, and no context-specific login since */
};

static struct {
        pthread_mutex_t mutex;
        CK_FUNCTION_LIST *real;
        CK_FUNCTION_LIST wrapped;
        struct rules rules;
        struct slot_state slots[SLOTS_MOST];
        struct session_state sessions[SESSIONS_MOST];
        unsigned inside;
        unsigned char pin[256]; /* of the last login, for context-specific ones */
        CK_ULONG pin_length;
} module = { .mutex = PTHREAD_MUTEX_INITIALIZER };

__attribute__((noreturn)) static void
give_up(const char *what, const char *detail)
{
        fprintf(stderr, "breakable: %s: %s\n", what, detail);
        abort();
}

/* -- rules ---------------------------------------------------------------------------------- */

/* The rule of this kind in force for the call, beginning the search behind `last` (or NULL). */
static const struct rule *
rule_next(enum rule_kind kind, const struct call *call, const struct rule *last)
{
        return rules_next(&module.rules, kind, call->token, last);
}

static const struct rule *
rule_first(enum rule_kind kind, const struct call *call)
{
        return rule_next(kind, call, NULL);
}

/* -- tokens that come and go -------------------------------------------------------------- */

/* The label of the token in a slot without its padding; empty if there is none. */
static void
read_label(CK_SLOT_ID slot, char label[33])
{
        CK_TOKEN_INFO info;
        size_t length = sizeof(info.label);

        label[0] = '\0';
        if (module.real->C_GetTokenInfo(slot, &info) != CKR_OK)
                return;
        while (length > 0 && (info.label[length - 1] == ' ' || !info.label[length - 1]))
                length--;
        snprintf(label, 33, "%.*s", (int)length, (const char *)info.label);
}

static struct slot_state *
slot_state(CK_SLOT_ID slot)
{
        for (size_t i = 0; i < SLOTS_MOST; i++) {
                struct slot_state *state = &module.slots[i];

                if (state->used && state->slot == slot)
                        return state;
                if (!state->used) {
                        *state = (struct slot_state){ .slot = slot, .used = true };
                        return state;
                }
        }
        give_up("too many slots", "SLOTS_MOST");
}

/*
 * Note whether the token is gone now.  When it comes back, its sessions are dead and nobody is
 * logged in; only with ykcs11 do the old handles live on (measured).
 */
static struct slot_state *
slot_refresh(const struct call *call)
{
        struct slot_state *state = slot_state(call->slot);
        const struct rule *rule = rule_first(RULE_VANISH, call);

        if (rule && !state->gone) {
                state->style = rule->style;
                state->told = false;
        }
        if (!rule && state->gone) {
                state->wants_logout = state->style == VANISH_YKCS11;
                if (!state->wants_logout)
                        module.real->C_CloseAllSessions(call->slot);
        }
        state->gone = rule != NULL;
        return state;
}

/* What a call to a token that is gone answers; CKR_OK: it is forwarded all the same. */
static CK_RV
answer_of_gone(struct slot_state *state, const struct call *call)
{
        if (call->function == CALL_C_GetSlotInfo)
                return CKR_OK;
        if (call->function == CALL_C_OpenSession && state->style == VANISH_REMOVED)
                return CKR_DEVICE_REMOVED;
        if (call->subject == ABOUT_SLOT)
                return CKR_TOKEN_NOT_PRESENT;
        if (state->style == VANISH_REMOVED)
                return CKR_DEVICE_REMOVED;
        if (state->style == VANISH_OPENSC)
                return CKR_SESSION_HANDLE_INVALID;
        if (call->function == CALL_C_GetSessionInfo)
                return CKR_OK;
        if (state->told)
                return CKR_USER_NOT_LOGGED_IN;
        state->told = true;
        return CKR_DEVICE_ERROR;
}

static void
find_slot(struct call *call, unsigned long handle)
{
        CK_SESSION_INFO info;

        if (call->subject == ABOUT_SLOT) {
                call->slot = handle;
                call->slot_known = true;
        }
        if (call->subject == ABOUT_SESSION &&
            module.real->C_GetSessionInfo(handle, &info) == CKR_OK) {
                call->slot = info.slotID;
                call->slot_known = true;
        }
        if (call->slot_known)
                read_label(call->slot, call->token);
}

static void
consider_removal(struct call *call, unsigned long handle)
{
        struct slot_state *state = slot_refresh(call);

        if (state->gone) {
                CK_RV rv = answer_of_gone(state, call);

                call->answers = call->answers || rv != CKR_OK;
                call->rv = rv != CKR_OK ? rv : call->rv;
        }
        if (!state->gone && state->wants_logout && call->subject == ABOUT_SESSION) {
                state->wants_logout = false;
                module.real->C_Logout(handle);
        }
}

/* -- every call --------------------------------------------------------------------------- */

static void
sleep_ms(unsigned long ms)
{
        struct timespec rest = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

        while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
                continue;
}

/* What the call's own rules say, together. */
static void
consider_rules(struct call *call, struct rule *effect)
{
        for (size_t i = 0; i < module.rules.length; i++)
                if (module.rules.list[i].function == call->function)
                        module.rules.list[i].seen++;
        for (const struct rule *rule = rule_first(RULE_CALL, call); rule;
             rule = rule_next(RULE_CALL, call, rule)) {
                if (rule->function != call->function)
                        continue;
                effect->delay_ms += rule->delay_ms;
                effect->hangs = effect->hangs || rule->hangs;
                effect->kill = rule->kill ? rule->kill : effect->kill;
                if (rule->answers && !call->answers) {
                        call->answers = true;
                        call->rv = rule->rv;
                }
        }
}

/*
 * Begin a call: count it, look at the rules, and do what has to be done before the real module
 * hears of it.  The lock is not held while it sleeps or hangs.
 */
static struct call
begin(enum function function, enum subject subject, unsigned long handle)
{
        struct call call = { .function = function, .subject = subject };
        struct rule effect = { 0 };
        char complaint[1200];

        pthread_mutex_lock(&module.mutex);
        count_call(function, module.inside > 0);
        module.inside++;
        if (!rules_refresh(&module.rules, getenv("BREAKABLE_RULES"), complaint, sizeof(complaint)))
                give_up("a rule that cannot be understood", complaint);
        if (module.rules.length > 0 || module.slots[0].used) {
                find_slot(&call, handle);
                consider_rules(&call, &effect);
                if (call.slot_known)
                        consider_removal(&call, handle);
        }
        pthread_mutex_unlock(&module.mutex);

        sleep_ms(effect.delay_ms);
        while (effect.hangs)
                pause();
        if (effect.kill == KILL_BEFORE)
                raise(SIGKILL);
        call.kill_after = effect.kill == KILL_AFTER;
        return call;
}

static CK_RV
end(const struct call *call, CK_RV rv)
{
        if (call->kill_after)
                raise(SIGKILL);
        pthread_mutex_lock(&module.mutex);
        module.inside--;
        pthread_mutex_unlock(&module.mutex);
        return rv;
}

/* A function that is only counted, broken and forwarded. */
#define FORWARD(name, subject, handle, parameters, arguments)           \
        static CK_RV wrapped_##name parameters                          \
        {                                                               \
                struct call call = begin(CALL_##name, subject, handle); \
                                                                        \
                if (call.answers)                                       \
                        return end(&call, call.rv);                     \
                return end(&call, module.real->name arguments);         \
        }

#define SESSION CK_SESSION_HANDLE session
#define ON_MODULE(name, parameters, arguments) FORWARD(name, ABOUT_MODULE, 0, parameters, arguments)
#define ON_SLOT(name, parameters, arguments) FORWARD(name, ABOUT_SLOT, slot, parameters, arguments)
#define ON_SESSION(name, parameters, arguments) \
        FORWARD(name, ABOUT_SESSION, session, parameters, arguments)

ON_MODULE(C_Finalize, (void *reserved), (reserved))
ON_MODULE(C_GetInfo, (CK_INFO_PTR info), (info))
ON_MODULE(C_WaitForSlotEvent, (CK_FLAGS flags, CK_SLOT_ID_PTR slot, void *reserved),
          (flags, slot, reserved))
ON_SLOT(C_InitToken, (CK_SLOT_ID slot, CK_BYTE_PTR pin, CK_ULONG length, CK_UTF8CHAR_PTR label),
        (slot, pin, length, label))
ON_SLOT(C_OpenSession,
        (CK_SLOT_ID slot, CK_FLAGS flags, void *context, CK_NOTIFY notify,
         CK_SESSION_HANDLE_PTR session),
        (slot, flags, context, notify, session))
ON_SLOT(C_CloseAllSessions, (CK_SLOT_ID slot), (slot))
ON_SESSION(C_InitPIN, (SESSION, CK_BYTE_PTR pin, CK_ULONG length), (session, pin, length))
ON_SESSION(C_SetPIN,
           (SESSION, CK_BYTE_PTR old, CK_ULONG old_length, CK_BYTE_PTR fresh, CK_ULONG length),
           (session, old, old_length, fresh, length))
ON_SESSION(C_CloseSession, (SESSION), (session))
ON_SESSION(C_GetSessionInfo, (SESSION, CK_SESSION_INFO_PTR info), (session, info))
ON_SESSION(C_Logout, (SESSION), (session))
ON_SESSION(C_DestroyObject, (SESSION, CK_OBJECT_HANDLE object), (session, object))
ON_SESSION(C_SetAttributeValue,
           (SESSION, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR list, CK_ULONG count),
           (session, object, list, count))
ON_SESSION(C_FindObjectsInit, (SESSION, CK_ATTRIBUTE_PTR list, CK_ULONG count),
           (session, list, count))
ON_SESSION(C_FindObjectsFinal, (SESSION), (session))
ON_SESSION(C_SignFinal, (SESSION, CK_BYTE_PTR signature, CK_ULONG_PTR length),
           (session, signature, length))

/* -- functions that lie ------------------------------------------------------------------- */

static CK_RV
wrapped_C_Initialize(void *arguments)
{
        struct call call = begin(CALL_C_Initialize, ABOUT_MODULE, 0);
        const CK_C_INITIALIZE_ARGS *init = arguments;

        if (call.answers)
                return end(&call, call.rv);
        if (rule_first(RULE_CANT_LOCK, &call) && init && (init->flags & CKF_OS_LOCKING_OK))
                return end(&call, CKR_CANT_LOCK);
        return end(&call, module.real->C_Initialize(arguments));
}

static CK_RV
wrapped_C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects, CK_ULONG most,
                      CK_ULONG_PTR count)
{
        struct call call = begin(CALL_C_FindObjects, ABOUT_SESSION, session);
        bool shows = rule_first(RULE_SHOW_OBJECT, &call) != NULL;

        if (shows)
                *count = 1;
        if (shows || call.answers)
                return end(&call, call.rv);
        return end(&call, module.real->C_FindObjects(session, objects, most, count));
}

/* Is the slot to be left out of the list? */
static bool
slot_is_hidden(CK_SLOT_ID slot, CK_BBOOL only_present)
{
        struct call call = { .function = CALL_C_GetSlotList, .subject = ABOUT_SLOT };
        bool hidden;

        find_slot(&call, slot);
        pthread_mutex_lock(&module.mutex);
        hidden = rule_first(RULE_HIDE_SLOT, &call) != NULL;
        hidden = (slot_refresh(&call)->gone && only_present) || hidden;
        pthread_mutex_unlock(&module.mutex);
        return hidden;
}

static CK_RV
wrapped_C_GetSlotList(CK_BBOOL only_present, CK_SLOT_ID_PTR out, CK_ULONG_PTR count)
{
        struct call call = begin(CALL_C_GetSlotList, ABOUT_MODULE, 0);
        CK_SLOT_ID slots[SLOTS_MOST];
        CK_ULONG length = SLOTS_MOST;
        CK_ULONG kept = 0;
        CK_RV rv = call.rv;

        /* SoftHSM looks for new tokens only when asked for the length. */
        if (!call.answers && !out)
                rv = module.real->C_GetSlotList(only_present, NULL, &length);
        length = SLOTS_MOST;
        if (!call.answers && rv == CKR_OK)
                rv = module.real->C_GetSlotList(only_present, slots, &length);
        if (call.answers || rv != CKR_OK)
                return end(&call, rv);
        for (CK_ULONG i = 0; i < length; i++)
                if (!slot_is_hidden(slots[i], only_present))
                        slots[kept++] = slots[i];
        if (out && *count < kept)
                rv = CKR_BUFFER_TOO_SMALL;
        if (out && rv == CKR_OK)
                memcpy(out, slots, kept * sizeof(slots[0]));
        *count = kept;
        return end(&call, rv);
}

static CK_RV
wrapped_C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info)
{
        struct call call = begin(CALL_C_GetSlotInfo, ABOUT_SLOT, slot);
        CK_RV rv = call.answers ? call.rv : module.real->C_GetSlotInfo(slot, info);

        if (rv == CKR_OK && rule_first(RULE_VANISH, &call))
                info->flags &= ~(CK_FLAGS)CKF_TOKEN_PRESENT;
        return end(&call, rv);
}

static CK_RV
wrapped_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
        struct call call = begin(CALL_C_GetTokenInfo, ABOUT_SLOT, slot);
        CK_RV rv = call.answers ? call.rv : module.real->C_GetTokenInfo(slot, info);
        const struct rule *rule = NULL;

        if (rv != CKR_OK)
                return end(&call, rv);
        while ((rule = rule_next(RULE_SET_FLAG, &call, rule)))
                info->flags |= rule->number;
        rule = rule_first(RULE_CHANGE_SERIAL, &call);
        if (rule) {
                size_t length = strnlen(rule->text, sizeof(info->serialNumber));

                memset(info->serialNumber, ' ', sizeof(info->serialNumber));
                memcpy(info->serialNumber, rule->text, length);
        }
        return end(&call, rv);
}

static bool
mechanism_is_hidden(const struct call *call, CK_MECHANISM_TYPE mechanism)
{
        const struct rule *rule = NULL;

        while ((rule = rule_next(RULE_HIDE_MECHANISM, call, rule)))
                if (rule->number == mechanism)
                        return true;
        return false;
}

static CK_RV
wrapped_C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR out, CK_ULONG_PTR count)
{
        struct call call = begin(CALL_C_GetMechanismList, ABOUT_SLOT, slot);
        CK_MECHANISM_TYPE list[512];
        CK_ULONG length = LENGTH(list);
        CK_ULONG kept = 0;
        CK_RV rv = call.answers ? call.rv : module.real->C_GetMechanismList(slot, list, &length);

        if (rv != CKR_OK)
                return end(&call, rv);
        for (CK_ULONG i = 0; i < length; i++)
                if (!mechanism_is_hidden(&call, list[i]))
                        list[kept++] = list[i];
        if (out && *count < kept)
                rv = CKR_BUFFER_TOO_SMALL;
        if (out && rv == CKR_OK)
                memcpy(out, list, kept * sizeof(list[0]));
        *count = kept;
        return end(&call, rv);
}

static CK_RV
wrapped_C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info)
{
        struct call call = begin(CALL_C_GetMechanismInfo, ABOUT_SLOT, slot);

        if (call.answers)
                return end(&call, call.rv);
        if (mechanism_is_hidden(&call, type))
                return end(&call, CKR_MECHANISM_INVALID);
        return end(&call, module.real->C_GetMechanismInfo(slot, type, info));
}

/* Does a rule refuse one of these attributes? */
static bool
template_is_refused(const struct call *call, enum rule_place place, const CK_ATTRIBUTE *list,
                    CK_ULONG count, CK_RV *rv)
{
        const struct rule *rule = NULL;

        while ((rule = rule_next(RULE_REFUSE_ATTRIBUTE, call, rule))) {
                if (rule->place != IN_ANY && rule->place != place)
                        continue;
                for (CK_ULONG i = 0; i < count; i++) {
                        if (list[i].type != rule->number)
                                continue;
                        *rv = rule->rv;
                        return true;
                }
        }
        return false;
}

static CK_RV
wrapped_C_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                          CK_ATTRIBUTE_PTR public_list, CK_ULONG public_count,
                          CK_ATTRIBUTE_PTR private_list, CK_ULONG private_count,
                          CK_OBJECT_HANDLE_PTR public_key, CK_OBJECT_HANDLE_PTR private_key)
{
        struct call call = begin(CALL_C_GenerateKeyPair, ABOUT_SESSION, session);

        if (call.answers)
                return end(&call, call.rv);
        if (mechanism_is_hidden(&call, mechanism->mechanism))
                return end(&call, CKR_MECHANISM_INVALID);
        if (template_is_refused(&call, IN_PUBLIC, public_list, public_count, &call.rv) ||
            template_is_refused(&call, IN_PRIVATE, private_list, private_count, &call.rv))
                return end(&call, call.rv);
        return end(&call, module.real->C_GenerateKeyPair(session, mechanism, public_list,
                                                         public_count, private_list, private_count,
                                                         public_key, private_key));
}

static CK_RV
wrapped_C_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR list, CK_ULONG count,
                       CK_OBJECT_HANDLE_PTR object)
{
        struct call call = begin(CALL_C_CreateObject, ABOUT_SESSION, session);

        if (call.answers || template_is_refused(&call, IN_CERTIFICATE, list, count, &call.rv))
                return end(&call, call.rv);
        return end(&call, module.real->C_CreateObject(session, list, count, object));
}

/* -- attributes --------------------------------------------------------------------------- */

static enum rule_place
place_of_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
        CK_OBJECT_CLASS class = CKO_DATA;
        CK_ATTRIBUTE attribute = { CKA_CLASS, &class, sizeof(class) };

        if (module.real->C_GetAttributeValue(session, object, &attribute, 1) != CKR_OK)
                return IN_ANY;
        switch (class) {
        case CKO_PUBLIC_KEY:
                return IN_PUBLIC;
        case CKO_PRIVATE_KEY:
                return IN_PRIVATE;
        case CKO_CERTIFICATE:
                return IN_CERTIFICATE;
        default:
                return IN_ANY;
        }
}

/* Answer one attribute with these bytes, as C_GetAttributeValue does. */
static CK_RV
attribute_answer(CK_ATTRIBUTE *attribute, CK_ULONG room, const void *bytes, size_t length)
{
        if (attribute->pValue && room < length) {
                attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
                return CKR_BUFFER_TOO_SMALL;
        }
        if (attribute->pValue)
                memcpy(attribute->pValue, bytes, length);
        attribute->ulValueLen = length;
        return CKR_OK;
}

/* Take the OCTET STRING around a point away (04 41 …, 04 81 85 …). */
static void
attribute_bare_point(CK_ATTRIBUTE *attribute)
{
        CK_ULONG length = attribute->ulValueLen;
        CK_ULONG header = length > 0x7F + 2 ? 3 : 2;
        unsigned char *bytes = attribute->pValue;

        if (length == CK_UNAVAILABLE_INFORMATION || length <= header)
                return;
        attribute->ulValueLen = length - header;
        if (bytes)
                memmove(bytes, bytes + header, length - header);
}

/* Change an answer of the real module (`rv`, for this one attribute) as the rules say. */
static CK_RV
attribute_change(const struct call *call, enum rule_place place, CK_ATTRIBUTE *attribute,
                 CK_ULONG room, CK_RV rv)
{
        const CK_BBOOL yes = CK_TRUE;
        const struct rule *rule = NULL;

        while ((rule = rule_next(RULE_FORCE_ATTRIBUTE, call, rule))) {
                if (rule->number != attribute->type || rule->place != place)
                        continue;
                if (!rule->unreadable)
                        return attribute_answer(attribute, room, rule->value, rule->value_length);
                attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
                return CKR_ATTRIBUTE_TYPE_INVALID;
        }
        if (attribute->type == CKA_ALWAYS_AUTHENTICATE && place == IN_PRIVATE &&
            rule_first(RULE_ALWAYS_AUTHENTICATE, call))
                return attribute_answer(attribute, room, &yes, sizeof(yes));
        if (rv == CKR_OK && attribute->type == CKA_EC_POINT && rule_first(RULE_BARE_POINT, call))
                attribute_bare_point(attribute);
        return rv;
}

static CK_RV
wrapped_C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                            CK_ATTRIBUTE_PTR list, CK_ULONG count)
{
        struct call call = begin(CALL_C_GetAttributeValue, ABOUT_SESSION, session);
        enum rule_place place;
        CK_RV rv = CKR_OK;

        if (call.answers)
                return end(&call, call.rv);
        if (module.rules.length == 0)
                return end(&call, module.real->C_GetAttributeValue(session, object, list, count));
        place = place_of_object(session, object);
        /* One by one, so that a forced answer replaces the real one's error, too. */
        for (CK_ULONG i = 0; i < count; i++) {
                CK_ULONG room = list[i].ulValueLen;
                CK_RV one = module.real->C_GetAttributeValue(session, object, &list[i], 1);

                one = attribute_change(&call, place, &list[i], room, one);
                rv = rv == CKR_OK ? one : rv;
        }
        return end(&call, rv);
}

/* -- logins and signatures ---------------------------------------------------------------- */

static struct session_state *
session_state(CK_SESSION_HANDLE session)
{
        struct session_state *spare = NULL;

        for (size_t i = 0; i < SESSIONS_MOST; i++) {
                if (module.sessions[i].session == session)
                        return &module.sessions[i];
                if (!module.sessions[i].wants_login)
                        spare = &module.sessions[i];
        }
        if (!spare)
                give_up("too many sessions", "SESSIONS_MOST");
        *spare = (struct session_state){ .session = session };
        return spare;
}

/* Set or read "this session's signature still wants a login". */
static void
session_set(CK_SESSION_HANDLE session, bool wants_login)
{
        pthread_mutex_lock(&module.mutex);
        session_state(session)->wants_login = wants_login;
        pthread_mutex_unlock(&module.mutex);
}

static bool
session_wants_login(CK_SESSION_HANDLE session)
{
        bool wants;

        pthread_mutex_lock(&module.mutex);
        wants = session_state(session)->wants_login;
        pthread_mutex_unlock(&module.mutex);
        return wants;
}

/* The real module knows nothing of always-authenticate keys, so the PIN is compared here. */
static CK_RV
login_for_signature(CK_SESSION_HANDLE session, const CK_BYTE *pin, CK_ULONG length)
{
        if (!session_wants_login(session))
                return CKR_OPERATION_NOT_INITIALIZED;
        if (length != module.pin_length || memcmp(pin, module.pin, length) != 0)
                return CKR_PIN_INCORRECT;
        session_set(session, false);
        return CKR_OK;
}

static CK_RV
wrapped_C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length)
{
        struct call call = begin(CALL_C_Login, ABOUT_SESSION, session);
        const char *pad_pin = getenv("BREAKABLE_PAD_PIN");
        CK_RV rv;

        if (call.answers)
                return end(&call, call.rv);
        /* A PIN pad: no PIN from the program, the person's from the environment. */
        if (!pin && pad_pin && rule_first(RULE_SET_FLAG, &call)) {
                memcpy(&pin, &pad_pin, sizeof(pin));
                length = strlen(pad_pin);
        }
        if (user == CKU_CONTEXT_SPECIFIC && rule_first(RULE_ALWAYS_AUTHENTICATE, &call))
                return end(&call,
                           pin ? login_for_signature(session, pin, length) : CKR_ARGUMENTS_BAD);
        rv = module.real->C_Login(session, user, pin, length);
        if (rv == CKR_OK && user == CKU_USER && pin && length <= sizeof(module.pin)) {
                memcpy(module.pin, pin, length);
                module.pin_length = length;
        }
        return end(&call, rv);
}

static CK_RV
wrapped_C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
        struct call call = begin(CALL_C_SignInit, ABOUT_SESSION, session);
        CK_RV rv;

        if (call.answers)
                return end(&call, call.rv);
        if (mechanism_is_hidden(&call, mechanism->mechanism))
                return end(&call, CKR_MECHANISM_INVALID);
        rv = module.real->C_SignInit(session, mechanism, key);
        if (rv == CKR_OK)
                session_set(session, rule_first(RULE_ALWAYS_AUTHENTICATE, &call) != NULL);
        return end(&call, rv);
}

/* Refuse a signature without its login; that ends the operation, in the real module too. */
static CK_RV
refuse_signature(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG length)
{
        unsigned char dropped[1024];
        CK_ULONG room = sizeof(dropped);

        module.real->C_Sign(session, data, length, dropped, &room);
        session_set(session, false);
        return CKR_USER_NOT_LOGGED_IN;
}

static CK_RV
wrapped_C_Sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_length,
               CK_BYTE_PTR signature, CK_ULONG_PTR length)
{
        struct call call = begin(CALL_C_Sign, ABOUT_SESSION, session);
        CK_RV rv;

        if (call.answers)
                return end(&call, call.rv);
        if (session_wants_login(session))
                return end(&call, refuse_signature(session, data, data_length));
        rv = module.real->C_Sign(session, data, data_length, signature, length);
        if (rv == CKR_OK && signature && rule_first(RULE_WRONG_SIGNATURE, &call))
                signature[*length - 1] ^= 1;
        return end(&call, rv);
}

static CK_RV
wrapped_C_SignUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG length)
{
        struct call call = begin(CALL_C_SignUpdate, ABOUT_SESSION, session);

        if (call.answers)
                return end(&call, call.rv);
        if (session_wants_login(session))
                return end(&call, refuse_signature(session, data, length));
        return end(&call, module.real->C_SignUpdate(session, data, length));
}

/* -- the door ----------------------------------------------------------------------------- */

static void
open_real(void)
{
        const char *path = getenv("BREAKABLE_MODULE");
        CK_C_GetFunctionList get_list;
        void *handle;

        if (!path)
                path = "/usr/lib/softhsm/libsofthsm2.so";
        handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!handle)
                give_up(path, dlerror());
        *(void **)&get_list = dlsym(handle, "C_GetFunctionList");
        if (!get_list || get_list(&module.real) != CKR_OK)
                give_up(path, "not a PKCS #11 module");
        module.wrapped = *module.real;
        module.wrapped.C_GetFunctionList = C_GetFunctionList;
#define X(name) module.wrapped.name = wrapped_##name;
        FUNCTION_LIST(X)
#undef X
        count_open(getenv("BREAKABLE_COUNTS"));
}

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        pthread_once(&once, open_real);
        *list = &module.wrapped;
        return CKR_OK;
}
