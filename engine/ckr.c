#include "engine/cryptoki.h"

#include <stdio.h>

/* What return values have in common beyond their kind. */
enum trait {
        TEMPLATE = 1 << 0, /* the module did not like an attribute */
        VAGUE = 1 << 1,    /* may mean anything */
        SESSION = 1 << 2,  /* the session or its login is gone */
        LOOK = 1 << 3      /* look whether the token is still there */
};

struct meaning {
        CK_RV rv;
        const char *name;
        enum error_kind kind;
        unsigned traits;
        const char *means;
        const char *next;
};

static const char insert_again[] = "insert the token again and repeat the command; it goes on "
                                   "where it stopped";
static const char try_again[] = "repeat the command; if it happens again, look at the device and "
                                "its module's own log";
static const char other_type[] = "choose another key type, or look at `p11cert token info` for "
                                 "what the token can do";
static const char attributes[] = "the token may want a certain key id (PIV: one byte, YubiHSM: "
                                 "two) or another key type; give --id or --key-type";

#define ROW(rv, kind, traits, means, next)         \
        {                                          \
                rv, #rv, kind, traits, means, next \
        }
static const struct meaning meanings[] = {
        ROW(CKR_CANCEL, ERROR_TOKEN, 0, "it was cancelled", try_again),
        ROW(CKR_HOST_MEMORY, ERROR_TOKEN, 0, "the module ran out of memory", try_again),
        ROW(CKR_SLOT_ID_INVALID, ERROR_TOKEN_REMOVED, LOOK, "the slot is gone", insert_again),
        ROW(CKR_GENERAL_ERROR, ERROR_TOKEN, TEMPLATE | VAGUE | LOOK,
            "the module reports an error that it does not explain", try_again),
        ROW(CKR_FUNCTION_FAILED, ERROR_TOKEN, TEMPLATE | VAGUE | LOOK,
            "the module could not do it and does not say why", try_again),
        ROW(CKR_ARGUMENTS_BAD, ERROR_TOKEN, 0, "the module refuses the arguments", try_again),
        ROW(CKR_NEED_TO_CREATE_THREADS, ERROR_MODULE, 0, "the module wants threads of its own",
            try_again),
        ROW(CKR_CANT_LOCK, ERROR_MODULE, 0, "the module cannot be used by several threads",
            "use one session for this module"),
        ROW(CKR_ATTRIBUTE_READ_ONLY, ERROR_TOKEN, TEMPLATE, "the token refuses an attribute",
            attributes),
        ROW(CKR_ATTRIBUTE_SENSITIVE, ERROR_TOKEN, 0, "the token keeps the value to itself",
            try_again),
        ROW(CKR_ATTRIBUTE_TYPE_INVALID, ERROR_TOKEN, TEMPLATE,
            "the token does not know an attribute", attributes),
        ROW(CKR_ATTRIBUTE_VALUE_INVALID, ERROR_TOKEN, TEMPLATE,
            "the token refuses the value of an attribute", attributes),
        ROW(CKR_ACTION_PROHIBITED, ERROR_TOKEN, 0, "the token's policy forbids it",
            "ask whoever administers the token"),
        ROW(CKR_DATA_INVALID, ERROR_TOKEN, 0, "the token refuses the data", try_again),
        ROW(CKR_DATA_LEN_RANGE, ERROR_TOKEN, 0, "the token refuses data of that length", try_again),
        ROW(CKR_DEVICE_ERROR, ERROR_TOKEN, LOOK, "the device reports an error", try_again),
        ROW(CKR_DEVICE_MEMORY, ERROR_TOKEN_FULL, 0, "the token is full",
            "delete what is no longer needed from the token (p11cert key list), or take another "
            "one; on a YubiHSM the audit log may be what is full"),
        ROW(CKR_DEVICE_REMOVED, ERROR_TOKEN_REMOVED, LOOK, "the token was removed", insert_again),
        ROW(CKR_FUNCTION_CANCELED, ERROR_PIN_MISSING, 0, "it was cancelled at the device",
            "repeat the command and enter the PIN at the device"),
        ROW(CKR_FUNCTION_NOT_SUPPORTED, ERROR_MECHANISM, 0, "the module cannot do that at all",
            other_type),
        ROW(CKR_KEY_HANDLE_INVALID, ERROR_KEY_ABSENT, LOOK, "the key is no longer there",
            "look at `p11cert key list` for what the token holds now"),
        ROW(CKR_KEY_SIZE_RANGE, ERROR_MECHANISM, 0, "the token has no keys of that size",
            other_type),
        ROW(CKR_KEY_TYPE_INCONSISTENT, ERROR_MECHANISM, 0, "the key is of another type",
            other_type),
        ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, ERROR_MECHANISM, 0, "the key may not be used for that",
            "use a key that may sign"),
        ROW(CKR_MECHANISM_INVALID, ERROR_MECHANISM, 0, "the token lacks the mechanism", other_type),
        ROW(CKR_MECHANISM_PARAM_INVALID, ERROR_MECHANISM, 0,
            "the token refuses the mechanism's parameters", other_type),
        ROW(CKR_OBJECT_HANDLE_INVALID, ERROR_KEY_ABSENT, LOOK, "the object is no longer there",
            "look at `p11cert key list` for what the token holds now"),
        ROW(CKR_OPERATION_ACTIVE, ERROR_TOKEN, SESSION, "another operation is still active",
            try_again),
        ROW(CKR_OPERATION_NOT_INITIALIZED, ERROR_TOKEN, SESSION | LOOK,
            "the module forgot the operation that was begun", try_again),
        ROW(CKR_PIN_INCORRECT, ERROR_PIN_WRONG, 0, "the token refused the PIN",
            "correct the PIN source; it is not tried again until it changes (--retry-pin)"),
        ROW(CKR_PIN_INVALID, ERROR_PIN_WRONG, 0,
            "the PIN holds characters that the token does "
            "not take",
            "correct the PIN source"),
        ROW(CKR_PIN_LEN_RANGE, ERROR_PIN_WRONG, 0, "no PIN of this token has that length",
            "correct the PIN source"),
        ROW(CKR_PIN_EXPIRED, ERROR_PIN_REFUSED, 0, "the PIN has expired",
            "change the PIN with the token's own tool"),
        ROW(CKR_PIN_LOCKED, ERROR_PIN_LOCKED, 0, "the PIN is locked",
            "unlock it with the security officer's PIN or PUK, with the token's own tool"),
        ROW(CKR_SESSION_CLOSED, ERROR_TOKEN, SESSION | LOOK, "the session was closed", try_again),
        ROW(CKR_SESSION_COUNT, ERROR_TOKEN, 0, "the token has no session left",
            "close other programs that use the token and repeat the command"),
        ROW(CKR_SESSION_HANDLE_INVALID, ERROR_TOKEN, SESSION | LOOK,
            "the session is no longer valid", try_again),
        ROW(CKR_SESSION_READ_ONLY, ERROR_TOKEN_READ_ONLY, 0, "the session may only read",
            "lift the token's write protection"),
        ROW(CKR_SIGNATURE_INVALID, ERROR_TOKEN, 0, "the signature is wrong", try_again),
        ROW(CKR_TEMPLATE_INCOMPLETE, ERROR_TOKEN, 0, "the token wants one more attribute",
            attributes),
        ROW(CKR_TEMPLATE_INCONSISTENT, ERROR_TOKEN, TEMPLATE,
            "the token refuses the attributes together", attributes),
        ROW(CKR_TOKEN_NOT_PRESENT, ERROR_TOKEN_REMOVED, LOOK, "the token is not there",
            insert_again),
        ROW(CKR_TOKEN_NOT_RECOGNIZED, ERROR_TOKEN, LOOK, "the module does not recognise the token",
            "take a module that fits the token (--module)"),
        ROW(CKR_TOKEN_WRITE_PROTECTED, ERROR_TOKEN_READ_ONLY, 0, "the token is write-protected",
            "lift the token's write protection"),
        ROW(CKR_USER_ALREADY_LOGGED_IN, ERROR_TOKEN, 0, "somebody is logged in already", try_again),
        ROW(CKR_USER_NOT_LOGGED_IN, ERROR_TOKEN, SESSION | LOOK, "nobody is logged in", try_again),
        ROW(CKR_USER_PIN_NOT_INITIALIZED, ERROR_PIN_MISSING, 0, "the token has no user PIN yet",
            "initialise the token and set its user PIN first"),
        ROW(CKR_USER_TYPE_INVALID, ERROR_TOKEN, 0,
            "this module allows it to its security officer alone",
            "make the key with the device's own tool (YubiKey: ykman) and name it with --key; "
            "logging in as security officer is not supported"),
        ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, ERROR_TOKEN, 0,
            "another user of the token is logged in", try_again),
        ROW(CKR_USER_TOO_MANY_TYPES, ERROR_TOKEN, 0, "too many users are logged in", try_again),
        ROW(CKR_RANDOM_NO_RNG, ERROR_MECHANISM, 0, "the token has no random numbers", other_type),
        ROW(CKR_DOMAIN_PARAMS_INVALID, ERROR_MECHANISM, 0, "the token does not take the curve",
            other_type),
        ROW(CKR_CURVE_NOT_SUPPORTED, ERROR_MECHANISM, 0, "the token does not know the curve",
            other_type),
        ROW(CKR_BUFFER_TOO_SMALL, ERROR_TOKEN, 0, "the answer is longer than it can be", try_again),
        ROW(CKR_CRYPTOKI_NOT_INITIALIZED, ERROR_MODULE, 0, "the module is not initialised",
            try_again),
        ROW(CKR_MUTEX_BAD, ERROR_MODULE, 0, "the module's locking is broken", try_again),
        ROW(CKR_FUNCTION_REJECTED, ERROR_TOKEN, 0, "it was rejected at the device",
            "repeat the command and confirm it at the device"),
        ROW(CKR_PIN_TOO_WEAK, ERROR_PIN_WRONG, 0, "the token finds the PIN too weak",
            "take a better PIN"),
};
#undef ROW

static const struct meaning *
meaning_of(CK_RV rv)
{
        for (size_t i = 0; i < ARRAY_LENGTH(meanings); i++) {
                if (meanings[i].rv == rv)
                        return &meanings[i];
        }
        return NULL;
}

static bool
has_trait(CK_RV rv, unsigned trait)
{
        const struct meaning *meaning = meaning_of(rv);

        return meaning && (meaning->traits & trait);
}

const char *
ckr_text(CK_RV rv, char out[CKR_TEXT])
{
        const struct meaning *meaning = meaning_of(rv);

        if (meaning)
                return meaning->name;
        snprintf(out, CKR_TEXT, "CKR 0x%08lx", rv);
        return out;
}

bool
ckr_error(struct error *err, CK_RV rv, const char *doing)
{
        const struct meaning *meaning = meaning_of(rv);
        char text[CKR_TEXT];

        if (meaning) {
                error_set(err, meaning->kind, "%s: %s (%s)", doing, meaning->means, meaning->name);
                return error_advise(err, "%s", meaning->next);
        }
        error_set(err, ERROR_TOKEN, "%s: the module answers with a value of its own (%s)", doing,
                  ckr_text(rv, text));
        return error_advise(err, "look the value up in the manual of the device");
}

bool
ckr_is_template_refusal(CK_RV rv)
{
        return has_trait(rv, TEMPLATE);
}

bool
ckr_is_vague(CK_RV rv)
{
        return has_trait(rv, VAGUE);
}

bool
ckr_is_session_loss(CK_RV rv)
{
        return has_trait(rv, SESSION);
}

bool
ckr_may_mean_removal(CK_RV rv)
{
        return has_trait(rv, LOOK);
}
