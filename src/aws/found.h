/*
 * What a provider of credentials found, still borrowed from where it stood, and the checks before
 * it becomes a struct credentials.
 */
#ifndef AWS_FOUND_H
#define AWS_FOUND_H

#include <cjson/cJSON.h>

#include "aws/credentials.h"

struct found {
        const char *access_key_id;
        const char *secret_access_key;
        const char *session_token; /* or NULL */
        int64_t expires_at;
        const char *origin; /* for people */
};

/* Check a pair and make it ours.  ERROR_CONFIG with the rule it breaks; never with its texts. */
bool found_take(const struct found *found, struct credentials *out, struct error *err) MUST_CHECK;

/* ERROR_CONFIG: these credentials are not usable, for that reason.  Returns false. */
bool found_refuse(struct error *err, const struct found *found, const char *rule);

/* ERROR_CREDENTIALS_EXPIRED.  Returns false. */
bool found_expired(struct error *err, const char *origin, int64_t expires_at);

/* Free a JSON tree; all texts in it are wiped first. */
void found_wipe_json(cJSON *json);

/* How a JSON document names the parts; credential_process and the metadata services differ. */
struct found_names {
        const char *token;   /* "SessionToken", "Token" */
        bool has_version;    /* there is a "Version", and it is 1 */
        const char *subject; /* "the program", "the container's endpoint" */
};

/* Read credentials in JSON and check them; ERROR_CONFIG, ERROR_CREDENTIALS_EXPIRED. */
bool found_read_json(struct view text, const struct found_names *names, const char *origin,
                     struct credentials *out, struct error *err) MUST_CHECK;

#endif
