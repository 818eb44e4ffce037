/*
 * Who may call: access keys, the principals behind them, and their policies.
 */
#ifndef LOCALPCA_IDENTITY_H
#define LOCALPCA_IDENTITY_H

#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "base/err.h"
#include "localpca/store.h"

struct identity {
        char *access_key_id;
        struct secret secret;
        char *session_token; /* NULL: a long-lived key */
        int64_t expires;     /* 0: never */
        char *account;
        char *arn;
        char *organization; /* its id; NULL: in none */
        cJSON *policy;      /* an IAM policy document */
};

/* A zeroed struct is empty; identities_clear() wipes it. */
struct identities {
        struct identity **all;
        size_t count;
};

void identities_clear(struct identities *identities);

/* NULL when that key is nobody's. */
const struct identity *identity_find(const struct identities *identities,
                                     const char *access_key_id);

/*
 * The state's identities; the first time, a limited issuer for `ca_arn` and an administrator are
 * made and recorded.  They are all[0] and all[1].
 */
bool identities_load(struct identities *identities, struct store *store, const char *ca_arn,
                     const char *account, struct error *err) MUST_CHECK;

/* More of them from a JSON file (localpca(1), --identities).  ERROR_CONFIG, ERROR_INPUT */
bool identities_read(struct identities *identities, const char *path, const char *account,
                     struct error *err) MUST_CHECK;

#endif
