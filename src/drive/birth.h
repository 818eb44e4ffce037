/*
 * A blank token is brought into service: PINs are made or read, a hook may take them into a vault,
 * and the token is initialised.  None of it blocks the caller: programs run beside it, and the
 * module is called by a thread that can be left behind.
 */
#ifndef DRIVE_BIRTH_H
#define DRIVE_BIRTH_H

#include "base/bytes.h"
#include "base/err.h"
#include "engine/token.h"

/* How tokens are initialised; borrowed for the call. */
struct birth_plan {
        const char *label; /* that the token gets */

        /* The PINs: random ones for the hook, or given, or read from their sources. */
        const char *hook; /* absolute path, or NULL */
        int64_t hook_timeout_ms;
        const struct secret *officer;
        const struct secret *user;
        const struct pin_source *officer_source;
        const struct pin_source *user_source;

        const char *guard_folder;
        const char *init_args;
        int64_t timeout_ms; /* for the module */
        bool keep;          /* the user PIN is kept for the logins of this process (pin_keep()) */
};

enum birth_state { BIRTH_GOES_ON, BIRTH_GOOD, BIRTH_FAILED };

struct birth;

/*
 * Begin with the blank token that `facts` describe (module, slot).
 *
 * The hook is handed "so-pin=…" and "user-pin=…", a line each, on its standard input, and the token
 * is not touched unless it ends well: a PIN that nobody knows would cost the token.  Its
 * environment has P11CERT_HOOK=pins, P11CERT_TOKEN_LABEL (the new one), P11CERT_TOKEN_SERIAL,
 * P11CERT_TOKEN_MANUFACTURER, P11CERT_TOKEN_MODEL and P11CERT_READER.
 *
 * errors  ERROR_PIN_WRONG (the token takes no random PIN of ours), ERROR_HOOK
 */
struct birth *birth_begin(const struct token_facts *facts, const struct birth_plan *plan,
                          struct error *err);

/*
 * How far is it?  Does not block.
 *
 * made    out, with BIRTH_GOOD: the token as it is now; the caller clears it
 * errors  with BIRTH_FAILED those of token_initialize() and pin_read(); ERROR_HOOK;
 *         ERROR_TOKEN_HANGS: drive_hangs() is true from then on
 */
enum birth_state birth_poll(struct birth *birth, struct token_facts *made, struct error *err);

/* Is the module being called? */
bool birth_is_at_token(const struct birth *birth);

/* Once it ended, or to forget it before the module is called.  NULL does nothing. */
void birth_free(struct birth *birth);

#endif
