/*
 * Access keys: who signs with them, and for how long.
 *
 * Long-lived keys belong to a user of IAM (records.h), or come from --identities with a policy of
 * their own; temporary ones are sessions (session.h).
 */
#ifndef LOCALPCA_IDENTITY_H
#define LOCALPCA_IDENTITY_H

#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "base/err.h"
#include "localpca/records.h"
#include "localpca/store.h"

struct identity {
        char *access_key_id;
        struct secret secret;
        char *session_token; /* NULL: a long-lived key */
        int64_t created;     /* seconds since 1970 */
        int64_t expires;     /* 0: never */
        int64_t known_ms;    /* from when on it is known (--iam-delay) */
        bool inactive;
        bool stored; /* in the state, not of --identities */
        char *account;
        char *arn;          /* of the user, or of the session */
        char *user_id;      /* "AIDA…", "AROA…:session"; NULL: the access key stands for it */
        char *organization; /* its id; NULL: in none */
        cJSON *policy;      /* of --identities: the one policy; NULL: IAM's record has them */
        char *record;       /* the key of the user or role in IAM; NULL: none */
        bool is_role;       /* … which is a role: a session of it */
        char *role_arn;     /* of a session of a role */
        cJSON *session;     /* what a session carries (session.h); NULL: none */
        /* GetAccessKeyLastUsed; not kept over restarts */
        int64_t used;
        char *used_service, *used_region;
};

/* A zeroed struct is empty; identities_clear() wipes it. */
struct identities {
        struct identity **all;
        size_t count;
};

void identities_clear(struct identities *identities);

/* NULL when that key is nobody's. */
struct identity *identity_find(const struct identities *identities, const char *access_key_id);

/*
 * The state's identities; the first time, a limited issuer for `ca_arn` and an administrator are
 * made and recorded, as users of IAM with a key each.  They are all[0] and all[1].
 */
bool identities_load(struct identities *identities, struct records *records, struct store *store,
                     const char *ca_arn, const char *account, struct error *err) MUST_CHECK;

/* Forget those of the state, and read them anew: after a turn was undone. */
bool identities_reload(struct identities *identities, struct store *store, const char *account,
                       struct error *err) MUST_CHECK;

/* More of them from a JSON file (localpca(1), --identities).  ERROR_CONFIG, ERROR_INPUT */
bool identities_read(struct identities *identities, const char *path, const char *account,
                     struct error *err) MUST_CHECK;

/*
 * A new one with a key of its own ("AKIA…", for a session "ASIA…" with a token), in the state.  Of
 * `form`, what the JSON form of an identity has besides: arn, account, user_id, record, role_arn,
 * expires, session; it is consumed.  Borrowed; NULL: the store failed.
 */
struct identity *identity_make(struct identities *identities, struct store *store, cJSON *form,
                               bool session, int64_t now, struct error *err) MUST_CHECK;

bool identity_delete(struct identities *identities, struct identity *identity, struct store *store,
                     struct error *err) MUST_CHECK;

/* Active, or not. */
bool identity_set_inactive(struct identity *identity, bool inactive, struct store *store,
                           struct error *err) MUST_CHECK;

/* `len` random characters of `alphabet`, and a NUL. */
void random_text(char *out, size_t len, const char *alphabet);

/* An id of IAM's, "AIDA" and 17 characters; the caller frees. */
char *iam_id(const char *prefix);

/* The account that is written into an access key id, as AWS does it; "" for one that has none. */
void access_key_account(const char *access_key_id, char out[13]);

#endif
