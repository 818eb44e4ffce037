/*
 * Is what the ledger says still so?  Token, files and the application's view against the ledger.
 */
#ifndef DRIVE_VERIFY_H
#define DRIVE_VERIFY_H

#include "drive/batch.h"

enum proof { PROOF_PASSED, PROOF_FAILED, PROOF_SKIPPED };

/* One thing that was looked at. */
struct proof_row {
        const char *name; /* "chain", "files", "token-key", "token-certificate", "test-signature",
                             "application-view", "dates", "revocation"; "token" when it cannot be
                             opened */
        enum proof result;
        char detail[512]; /* what was found, or why it was skipped */
};

enum { PROOFS = 16 };

struct proof_report {
        struct proof_row rows[PROOFS];
        size_t count;
};

/*
 * Verify one delivered order.  Everything is tried; the error is that of the first failure
 * (ERROR_NOT_PROVED, or what kept it from being tried: ERROR_TOKEN_ABSENT, ERROR_PIN_*).
 *
 * time  as long as the token takes; the application's view up to 30 s
 */
bool drive_verify(const struct drive_options *options, const struct order *order,
                  struct proof_report *report, struct error *err) MUST_CHECK;

#endif
