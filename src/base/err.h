/*
 * Errors: a kind, which decides exit status and what a batch does next, and three sentences for a
 * person: what happened, to which object, what to do next.  What AWS said is kept beside them.
 *
 * A function that can fail returns `bool` (or a pointer) and takes `struct error *` last.  The
 * setters return false, so that a failure is one line.  A struct error owns nothing: it may be
 * copied, cross threads by value, and be forgotten.  `{ 0 }` is "no error".
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/compiler.h"

#define ERROR_KIND_LIST(X)                                        \
        /* kind, name in JSON, exit status, what an order does */ \
        X(NONE, "none", 0, STAY)                                  \
        /* 1: failed */                                           \
        X(INTERNAL, "internal", 1, STAY)                          \
        X(FILE, "file", 1, STAY)                                  \
        X(DISK_FULL, "disk-full", 1, STAY)                        \
        X(ORDER_UNKNOWN, "order-unknown", 1, STAY)                \
        X(ORDER_STATE, "order-state", 1, STAY)                    \
        X(ORDER_FAILED, "order-failed", 1, STAY)                  \
        X(OBJECT_EXISTS, "object-exists", 1, STAY)                \
        X(KEY_ABSENT, "key-absent", 1, STAY)                      \
        X(KEY_LOST, "key-lost", 1, VERDICT)                       \
        X(KEY_WEAK, "key-weak", 1, VERDICT)                       \
        X(MECHANISM, "mechanism-missing", 1, STAY)                \
        X(TOKEN_FULL, "token-full", 1, STAY)                      \
        X(TOKEN_READ_ONLY, "token-read-only", 1, STAY)            \
        X(TOKEN, "token-error", 1, STAY)                          \
        X(TOKEN_NOT_BLANK, "token-not-blank", 1, STAY)            \
        X(HOOK, "hook-failed", 1, STAY)                           \
        X(CA_STATE, "ca-not-active", 1, STAY)                     \
        X(CA_EXPIRED, "ca-expired", 1, STAY)                      \
        X(CA_UNKNOWN, "ca-unknown", 1, STAY)                      \
        X(CA_QUOTA, "ca-quota", 1, STAY)                          \
        X(REQUEST_REFUSED, "request-refused", 1, VERDICT)         \
        X(ISSUE_FAILED, "issue-failed", 1, VERDICT)               \
        X(AWS, "aws-error", 1, STAY)                              \
        X(LIMITS_UNKNOWN, "identity-unknown", 1, STAY)            \
        /* 2: usage or configuration */                           \
        X(USAGE, "usage", 2, STAY)                                \
        X(CONFIG, "config", 2, STAY)                              \
        X(INPUT, "input", 2, STAY)                                \
        X(MODULE, "module", 2, STAY)                              \
        X(TOKEN_AMBIGUOUS, "token-ambiguous", 2, STAY)            \
        X(KEY_AMBIGUOUS, "key-ambiguous", 2, STAY)                \
        X(ORDER_AMBIGUOUS, "order-ambiguous", 2, STAY)            \
        X(ORDER_DIFFERS, "order-differs", 2, STAY)                \
        X(CREDENTIALS_MISSING, "credentials-missing", 2, STAY)    \
        X(ANCHOR_SHARED, "anchor-shared", 2, STAY)                \
        /* 3: nothing to do */                                    \
        X(NOTHING, "nothing-to-do", 3, STAY)                      \
        /* 4: pending, try later */                               \
        X(PENDING, "pending", 4, STAY)                            \
        X(HELD, "held", 4, STAY)                                  \
        X(INTERRUPTED, "interrupted", 4, STAY)                    \
        /* 5: denied */                                           \
        X(DENIED, "access-denied", 5, STAY)                       \
        X(ROLE_DENIED, "role-denied", 5, STAY)                    \
        X(CREDENTIALS_EXPIRED, "credentials-expired", 5, STAY)    \
        X(CREDENTIALS_REFUSED, "credentials-refused", 5, STAY)    \
        X(CLOCK, "clock-skew", 5, STAY)                           \
        /* 6: token absent */                                     \
        X(TOKEN_ABSENT, "token-absent", 6, STAY)                  \
        X(TOKEN_REMOVED, "token-removed", 6, STAY)                \
        X(TOKEN_SWAPPED, "token-swapped", 6, STAY)                \
        X(TOKEN_HANGS, "token-hangs", 6, STAY)                    \
        /* 7: PIN wrong or refused */                             \
        X(PIN_WRONG, "pin-wrong", 7, STAY)                        \
        X(PIN_REFUSED, "pin-refused", 7, STAY)                    \
        X(PIN_MISSING, "pin-missing", 7, STAY)                    \
        /* 8: PIN locked or last try */                           \
        X(PIN_LOCKED, "pin-locked", 8, STAY)                      \
        X(PIN_LAST_TRY, "pin-last-try", 8, STAY)                  \
        /* 9: not what was asked for */                           \
        X(NOT_AS_ASKED, "not-as-asked", 9, VERDICT)               \
        X(WISH_LOST, "wish-lost", 9, STAY)                        \
        X(ROOT_CHANGED, "root-changed", 9, STAY)                  \
        X(NOT_PROVED, "not-proved", 9, STAY)                      \
        X(NOT_LIMITED, "identity-not-limited", 9, STAY)           \
        /* 10: some of a batch failed */                          \
        X(BATCH_PARTIAL, "batch-partial", 10, STAY)               \
        /* 11: network or AWS unavailable */                      \
        X(NETWORK, "network", 11, STAY)                           \
        X(TLS, "tls", 11, STAY)                                   \
        X(THROTTLED, "throttled", 11, STAY)                       \
        X(AWS_UNAVAILABLE, "aws-unavailable", 11, STAY)           \
        X(AWS_ANSWER, "aws-answer", 11, STAY)                     \
        /* 12: ledger */                                          \
        X(LEDGER, "ledger", 12, STAY)                             \
        X(LEDGER_LOCKED, "ledger-locked", 12, STAY)               \
        X(LEDGER_FULL, "ledger-full", 12, STAY)                   \
        X(LEDGER_CORRUPT, "ledger-corrupt", 12, STAY)             \
        X(LEDGER_NEWER, "ledger-newer", 12, STAY)                 \
        X(LEDGER_READ_ONLY, "ledger-read-only", 12, STAY)

enum error_kind {
#define X(kind, name, exit_status, effect) ERROR_##kind,
        ERROR_KIND_LIST(X)
#undef X
                ERROR_KINDS
};

struct error {
        enum error_kind kind;
        char what[512];  /* what happened; a sentence without a full stop */
        char about[384]; /* on which object; may be empty */
        char next[768];  /* what to do next; may be empty */
        struct {
                char code[96]; /* "ThrottlingException"; empty when AWS said nothing */
                char message[1024];
                char request_id[96];
        } aws;
};

/*
 * Start an error.  Forgets whatever `err` held.  Texts that do not fit are cut at a character
 * boundary and end in "…".  Returns false.
 */
bool error_set(struct error *err, enum error_kind kind, const char *format, ...) PRINTF(3, 4);

/* Say which object it concerns; a second call puts its text in front ("order 3, token 'a'"). */
bool error_about(struct error *err, const char *format, ...) PRINTF(2, 3);

/* Say what to do next.  The first advice stays: whoever was nearest knew best. */
bool error_advise(struct error *err, const char *format, ...) PRINTF(2, 3);

/* Keep what AWS said.  NULL leaves a part empty. */
bool error_aws(struct error *err, const char *code, const char *message, const char *request_id);

/* The name in JSON (`error.kind`), such as "pin-wrong"; never NULL. */
const char *error_kind_name(enum error_kind kind);

/* The kind with that name; ERROR_INTERNAL for a name this version does not know. */
enum error_kind error_kind_named(const char *name);

/* The exit status of the program (design.md, 5). */
int error_exit_status(enum error_kind kind);

/* Does this error end an order for good (state FAILED)?  All others leave it where it is. */
bool error_is_verdict(enum error_kind kind);

#endif
