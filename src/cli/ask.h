/*
 * Asking a person, on the terminal itself (/dev/tty): stdin and stdout may be anything.
 */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "base/bytes.h"
#include "base/err.h"

/*
 * Ask for a PIN without showing it (engine/pin.h, pin_ask; `context` is not used).
 *
 * errors  ERROR_PIN_MISSING without a terminal or with an empty answer, ERROR_INTERRUPTED
 * time    as long as the person takes
 */
bool ask_pin(void *context, const char *prompt, struct secret *pin, struct error *err) MUST_CHECK;

/*
 * Ask for the code that an MFA device shows (aws/credentials.h, mfa_asker; `context` is not used).
 *
 * errors  ERROR_CREDENTIALS_MISSING without a terminal or with an empty answer, ERROR_INTERRUPTED
 * time    as long as the person takes
 */
bool ask_mfa(void *context, const char *serial, struct secret *code, struct error *err) MUST_CHECK;

/*
 * Ask a question that "y" or "yes" agrees to; `*yes` is false for anything else.
 * errors: ERROR_USAGE without a terminal, ERROR_INTERRUPTED
 */
bool ask_yes(const char *question, bool *yes, struct error *err) MUST_CHECK;

#endif
