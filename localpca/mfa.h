/*
 * Virtual MFA devices: time-based one-time passwords (RFC 6238: SHA-1, six digits, 30 seconds).
 */
#ifndef LOCALPCA_MFA_H
#define LOCALPCA_MFA_H

#include "localpca/pca.h"

enum { MFA_STEP = 30 }; /* seconds that a code counts for */

/*
 * SerialNumber and TokenCode of an STS request: `*at` is now when they are right, 0 when none are
 * there.  The code of the interval before and of the one after count, too, each of them once.
 * refusals: AccessDenied, ValidationError
 */
bool mfa_check(struct call *call, int64_t *at) MUST_CHECK;

/* The code of a device at a time; `seed` in base32.  Six digits and a NUL. */
void mfa_code(const char *seed, int64_t now, char out[7]);

/* What a device shows: its code now, or the next one when that was taken already. */
void mfa_show(const struct record *device, int64_t now, char out[7]);

/* A new seed, 64 characters of base32; the caller frees. */
char *mfa_seed(void);

#endif
