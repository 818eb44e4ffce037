/*
 * The rules by which the breakable module (breakable.c) breaks, read from the text file that
 * BREAKABLE_RULES names and read again whenever it changes.
 *
 * One rule a line, `#` starts a comment, words are separated by blanks:
 *
 *     C_Sign rv=CKR_DEVICE_REMOVED       answer this instead of doing it
 *     C_Sign delay_ms=500                do it later
 *     C_Sign hang                        never come back
 *     C_Sign kill                        SIGKILL to the own process before the call (kill=after:
 *                                        when the real module has done it)
 *     hide-slot                          C_GetSlotList leaves the slot out
 *     vanish[=removed|opensc|ykcs11]     the token is pulled, told as that module tells it; when
 *                                        the rule goes away the token is back, logged out
 *     change-serial=TEXT                 another token answers: C_GetTokenInfo
 *     set-flag=CKF_USER_PIN_LOCKED       a flag in C_GetTokenInfo's answer
 *     refuse-attribute=CKA_EXTRACTABLE   in a template (in=public|private|create; rv=…, else
 *                                        CKR_ATTRIBUTE_TYPE_INVALID)
 *     force-attribute=CKA_LOCAL value=00 an attribute's answer, in hex, or value=unreadable
 *                                        (in=public|private|certificate; else private)
 *     hide-mechanism=CKM_ECDSA           not listed, and refused
 *     cant-lock                          C_Initialize with CKF_OS_LOCKING_OK: CKR_CANT_LOCK
 *     always-authenticate                every signature wants a context-specific login
 *     bare-point                         CKA_EC_POINT without the OCTET STRING around it
 *     wrong-signature                    C_Sign's answer has a bit flipped
 *     show-object                        C_FindObjects finds one, whatever is asked for
 *
 * To all of them: `token=LABEL` limits the rule to one token, `token=-` to blank ones.  To calls:
 * `after=N` lets the first N pass, `count=M` breaks only M.  To the others: `on=FUNCTION`, with
 * after and count, puts the rule in force from that call on.  Calls are counted from when the rule
 * was read.
 */
#ifndef TESTS_TOKEN_RULES_H
#define TESTS_TOKEN_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include <p11-kit/pkcs11.h>

/* Every function that is wrapped, as X(name). */
#define FUNCTION_LIST(X)       \
        X(C_Initialize)        \
        X(C_Finalize)          \
        X(C_GetInfo)           \
        X(C_WaitForSlotEvent)  \
        X(C_GetSlotList)       \
        X(C_GetSlotInfo)       \
        X(C_GetTokenInfo)      \
        X(C_GetMechanismList)  \
        X(C_GetMechanismInfo)  \
        X(C_InitToken)         \
        X(C_InitPIN)           \
        X(C_SetPIN)            \
        X(C_OpenSession)       \
        X(C_CloseSession)      \
        X(C_CloseAllSessions)  \
        X(C_GetSessionInfo)    \
        X(C_Login)             \
        X(C_Logout)            \
        X(C_CreateObject)      \
        X(C_DestroyObject)     \
        X(C_GetAttributeValue) \
        X(C_SetAttributeValue) \
        X(C_FindObjectsInit)   \
        X(C_FindObjects)       \
        X(C_FindObjectsFinal)  \
        X(C_SignInit)          \
        X(C_Sign)              \
        X(C_SignUpdate)        \
        X(C_SignFinal)         \
        X(C_GenerateKeyPair)

enum function {
        NO_FUNCTION,
#define X(name) CALL_##name,
        FUNCTION_LIST(X)
#undef X
                FUNCTIONS
};

enum rule_kind {
        RULE_CALL,
        RULE_HIDE_SLOT,
        RULE_VANISH,
        RULE_CHANGE_SERIAL,
        RULE_SET_FLAG,
        RULE_REFUSE_ATTRIBUTE,
        RULE_FORCE_ATTRIBUTE,
        RULE_HIDE_MECHANISM,
        RULE_CANT_LOCK,
        RULE_ALWAYS_AUTHENTICATE,
        RULE_BARE_POINT,
        RULE_WRONG_SIGNATURE,
        RULE_SHOW_OBJECT,
        RULE_KINDS
};

enum rule_kill { KILL_NOT, KILL_BEFORE, KILL_AFTER };
enum rule_style { VANISH_REMOVED, VANISH_OPENSC, VANISH_YKCS11 };
enum rule_place { IN_ANY, IN_PUBLIC, IN_PRIVATE, IN_CERTIFICATE };

struct rule {
        enum rule_kind kind;
        enum function function; /* of RULE_CALL; of the others: on=, or NO_FUNCTION */
        unsigned long seen;     /* calls of `function` since the rule was read */
        unsigned long after;
        unsigned long count; /* 0: no end */

        bool answers;
        CK_RV rv;
        unsigned long delay_ms;
        bool hangs;
        enum rule_kill kill;

        enum rule_style style;
        enum rule_place place;
        unsigned long number; /* the attribute, mechanism or flag */
        char text[33];        /* the serial number */
        char token[33];       /* limited to this label; empty: any */
        bool unreadable;
        unsigned char value[256];
        size_t value_length;
};

enum { RULES_MOST = 64 };

struct rules {
        struct rule list[RULES_MOST];
        size_t length;
        struct stat read; /* of the file, when it was read */
};

const char *function_name(enum function function);

/*
 * Read the rules in `text`; `complaint` (of `size` bytes) says in which line the first is that
 * cannot be understood, and false is returned.
 */
bool rules_parse(struct rules *rules, const char *text, char *complaint, size_t size);

/*
 * Read the file again if it was written, replaced or taken away since the last time; without a
 * file (or a path) there are no rules.  False and a complaint as rules_parse().
 */
bool rules_refresh(struct rules *rules, const char *path, char *complaint, size_t size);

/*
 * The next rule of a kind that is in force, going by its counts, for the token with this label;
 * the search begins behind `last`, or with NULL at the first.  NULL: no more.
 */
const struct rule *rules_next(const struct rules *rules, enum rule_kind kind, const char *token,
                              const struct rule *last);

#endif
