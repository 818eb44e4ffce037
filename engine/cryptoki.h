/*
 * PKCS #11 as the engine speaks it: the header, calls into a module, and what return values mean.
 * Only files in engine/ include this.
 */
#ifndef ENGINE_CRYPTOKI_H
#define ENGINE_CRYPTOKI_H

#include <openssl/err.h>
#include <p11-kit/pkcs11.h>

#include "base/compiler.h"
#include "base/err.h"

/*
 * Call into a module.  SoftHSM leaves entries on the caller's OpenSSL error queue, where TLS would
 * take them for its own: whatever the call added is dropped.
 */
#define MODULE_CALL(expression)           \
        (__extension__({                  \
                ERR_set_mark();           \
                CK_RV rv_ = (expression); \
                (void)ERR_pop_to_mark();  \
                rv_;                      \
        }))

enum { CKR_TEXT = 32 };

/* "CKR_PIN_INCORRECT", or the number for one we do not know; in `out`. */
const char *ckr_text(CK_RV rv, char out[CKR_TEXT]);

/*
 * Set the error that a return value stands for: its kind, "`doing`: what it means (CKR_NAME)", and
 * what to do next.  `doing` is "cannot make a key pair".
 */
bool ckr_error(struct error *err, CK_RV rv, const char *doing);

/* Does the value say that the module did not like the attributes, in whatever words it has? */
bool ckr_is_template_refusal(CK_RV rv);

/* The two values that modules use for everything, a refused template and a full token included. */
bool ckr_is_vague(CK_RV rv);

/* Did the session (and with it perhaps the login) end without the token being gone? */
bool ckr_is_session_loss(CK_RV rv);

/* Is it worth looking whether the token is still there before believing the value? */
bool ckr_may_mean_removal(CK_RV rv);

#endif
