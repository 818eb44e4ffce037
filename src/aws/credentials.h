/*
 * AWS credentials and settings, from where AWS's own tools read them: environment, shared files
 * (profiles, roles, web identities, credential_process), containers, instances.  A wrong file is
 * named with its line.
 */
#ifndef AWS_CREDENTIALS_H
#define AWS_CREDENTIALS_H

#include "base/bytes.h"
#include "base/err.h"

struct credentials {
        char *access_key_id;
        struct secret secret_access_key;
        char *session_token; /* or NULL */
        int64_t expires_at;  /* 0: not known to expire */
        char *origin;  /* "environment", "profile 'pki' in /home/…/credentials"; for people */
        bool narrowed; /* a session that the wished session policy cuts */
        bool settled;  /* what cuts this session is settled elsewhere (Roles Anywhere) */
};

void credentials_clear(struct credentials *credentials);
void credentials_copy(struct credentials *to, const struct credentials *from);

/*
 * Ask a person for the code that this MFA device shows.  ERROR_CREDENTIALS_MISSING when nobody is
 * there.
 */
typedef bool mfa_asker(void *context, const char *serial, struct secret *code, struct error *err);

struct anywhere; /* aws/rolesanywhere.h */

/* What the user said on our command line; NULL where nothing was said. */
struct aws_options {
        const char *profile;
        const char *region;
        const char *fallback_region; /* where nobody says: that of the CA */
        const char *endpoint_url;
        const char *ca_bundle;
        const char *role_arn;
        const char *external_id;
        const char *role_session_name;
        const char *mfa_code;
        /*
         * JSON that cuts the session of the role that is assumed last; at most 2,048 characters.
         */
        const char *session_policy;
        /*
         * A role's session that somebody else made, too: it is assumed anew where the role trusts
         * itself, and stays as it is where not (aws_settings_unnarrowed()).
         */
        bool cut_others;
        struct anywhere *anywhere; /* a session of Roles Anywhere before all else; or NULL */
        mfa_asker *ask_mfa;        /* NULL: there is nobody to ask */
        void *ask_context;
};

struct aws_settings;

/* Standard or legacy: how often and on what a call is tried again ("adaptive" counts as standard).
 */
struct aws_retry_settings {
        int max_attempts;
        const char *mode; /* "standard", "legacy" */
};

/*
 * Read the settings of the active profile (option, AWS_PROFILE, "default") from ~/.aws/config and
 * ~/.aws/credentials or where AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say.  A profile that
 * was named and does not exist is ERROR_CONFIG.  Missing files are fine.  No network.
 */
struct aws_settings *aws_settings_open(const struct aws_options *options, struct error *err);
void aws_settings_free(struct aws_settings *settings);

/* A key of the active profile, or NULL; borrowed. */
const char *aws_settings_get(const struct aws_settings *settings, const char *key);

/* Option, AWS_REGION, AWS_DEFAULT_REGION, profile, fallback; NULL when nobody says.  Borrowed. */
const char *aws_settings_region(const struct aws_settings *settings);

/*
 * The custom endpoint for a service ("acm-pca"), or NULL for AWS's own.  Option (for acm-pca
 * always, for the others when it is a loopback address), AWS_ENDPOINT_URL_<SERVICE>,
 * AWS_ENDPOINT_URL, the profile's services section, its endpoint_url;
 * AWS_IGNORE_CONFIGURED_ENDPOINT_URLS leaves only the option.  Borrowed.
 */
const char *aws_settings_endpoint(const struct aws_settings *settings, const char *service);

/* --ca-bundle, AWS_CA_BUNDLE, profile; NULL: the system's.  Borrowed. */
const char *aws_settings_ca_bundle(const struct aws_settings *settings);

/*
 * A file of AWS's that holds secret keys and that others may read or write: its path, or NULL.
 * Borrowed.
 */
const char *aws_settings_exposed(const struct aws_settings *settings);

/* Where the credentials file is: AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials.  Borrowed. */
const char *aws_settings_credentials_path(const struct aws_settings *settings);

/* Name of the active profile ("default"). */
const char *aws_settings_profile(const struct aws_settings *settings);

/* AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT or the profile's keys. */
bool aws_settings_fips(const struct aws_settings *settings);
bool aws_settings_dual_stack(const struct aws_settings *settings);

/* STS by its global host where there is one: AWS_STS_REGIONAL_ENDPOINTS, sts_regional_endpoints. */
bool aws_settings_sts_global(const struct aws_settings *settings);

/* AWS_RETRY_MODE, AWS_MAX_ATTEMPTS or the profile's keys; checked when the settings were read. */
struct aws_retry_settings aws_settings_retry(const struct aws_settings *settings);

/* AWS_SDK_UA_APP_ID or the profile's sdk_ua_app_id: who we are said to be; or NULL.  Borrowed. */
const char *aws_settings_app_id(const struct aws_settings *settings);

/* Do these settings log in by Roles Anywhere? */
bool aws_settings_use_anywhere(const struct aws_settings *settings);

/* Forget a session of Roles Anywhere that is kept: AWS does not take it any more. */
void aws_settings_forget(struct aws_settings *settings);

/*
 * Find credentials: Roles Anywhere where it is asked for, environment (skipped when a profile was
 * named on the command line), the profile's role with its source, a web identity, static keys of
 * the profile, credential_process, a container's endpoint, the instance's metadata (IMDSv2).  The
 * first that has something decides.
 * --role-arn is assumed with what was found.  A session that took an MFA code is kept in
 * $XDG_RUNTIME_DIR until it expires.
 *
 * errors  ERROR_CREDENTIALS_MISSING says where was looked and what to set; ERROR_CONFIG for half a
 *         pair, a wrong key of a profile (with its line), an expired AWS_CREDENTIAL_EXPIRATION
 *         (ERROR_CREDENTIALS_EXPIRED), an SSO profile (with the sentence that helps); for roles
 *         what STS says
 * time    nothing is asked for environment and static keys; a role takes a call to STS (10 s an
 *         attempt), a container's endpoint up to 6 s, the instance's metadata 0.7 s where there is
 *         none; credential_process may take up to 60 s, then it is killed
 */
bool credentials_find(struct aws_settings *settings, struct credentials *out,
                      struct error *err) MUST_CHECK;

/*
 * Find them now, for a look at what they are; the next credentials_find(), which is the client's
 * first, gives these (or this error) without looking again.  Borrowed, until then; NULL on failure.
 */
const struct credentials *credentials_look(struct aws_settings *settings, struct error *err);

/*
 * Why the session that was found last is not cut by the session policy, as a part of a sentence
 * ("role ISSUER does not trust itself"); NULL where it is, or where there was no session. Borrowed.
 */
const char *aws_settings_unnarrowed(const struct aws_settings *settings);

#endif
