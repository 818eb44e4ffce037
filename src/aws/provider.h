/*
 * What the providers of credentials share: where one looks, and how it says that a file is wrong.
 */
#ifndef AWS_PROVIDER_H
#define AWS_PROVIDER_H

#include "aws/credentials.h"
#include "aws/settings.h"

enum finding { FOUND, NOT_HERE, FAILED };

/* A profile whose credentials are looked for. */
struct search {
        struct aws_settings *settings;
        const struct shared_file *config; /* freshly read */
        const struct shared_file *credentials;
        const char *profile;
        const char *config_section; /* the heading that is the profile in the config file */
        const struct search *user;  /* the role profile whose source_profile this is, or NULL */
};

typedef enum finding provider(const struct search *search, struct credentials *out,
                              struct error *err);

/* A key of the profile; the credentials file wins.  NULL if there is none. */
const char *search_get(const struct search *search, const char *key);

/* A variable of the environment, where it counts: not below a role, nor when a profile was named.
 */
const char *search_variable(const struct search *search, const char *name);

/*
 * ERROR_CONFIG about a key of the profile, with its file and line.  Keeps the sentence that is in
 * `err` when `rule` is NULL.  Returns FAILED.
 */
enum finding search_refuse(const struct search *search, const char *key, struct error *err,
                           const char *rule);

/* Roles and web identities (role.c). */
provider role_find;
provider role_find_web_identity;
/* The role of --role-arn, with these credentials; they are replaced by the session's. */
bool role_assume_option(const struct search *search, struct credentials *base,
                        struct error *err) MUST_CHECK;

/*
 * A user's own keys and a profile with mfa_serial: with --mfa-code they become the session that
 * GetSessionToken gives, which is kept; one that is kept is taken without a code.
 */
bool role_strengthen(const struct search *search, struct credentials *base,
                     struct error *err) MUST_CHECK;

/*
 * Cut a role's session that somebody else made to the wished session policy, by assuming the role
 * anew: that works where the role's trust policy names the role.  Where not, the session stays as
 * it is, and settings->unnarrowed says why.  Asks STS twice, once.
 */
void role_narrow(const struct search *search, struct credentials *session);

/* Credentials of a role profile's source (credentials.c). */
provider search_source;
provider search_keys; /* those that stand in the profile itself */
provider search_environment;

/* Roles Anywhere (rolesanywhere.c). */
provider anywhere_find;

/* Metadata services (metadata.c). */
provider metadata_find_container;
provider metadata_find_instance;

#endif
