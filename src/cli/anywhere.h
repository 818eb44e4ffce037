/*
 * The options that let this machine log in to AWS by a key on a token (IAM Roles Anywhere), and the
 * one session of the process that comes of them.
 */
#ifndef CLI_ANYWHERE_H
#define CLI_ANYWHERE_H

#include "aws/rolesanywhere.h"
#include "cli/command.h"
#include "drive/station_key.h"

struct anywhere_login;

/* Nothing is read or opened yet. */
struct anywhere_login *anywhere_login_new(void);
void anywhere_login_free(struct anywhere_login *login); /* NULL does nothing */

/*
 * The session that AWS is asked with, or NULL where the options do not say that it is by Roles
 * Anywhere.  Made once; no token is touched yet.
 *
 * What the configuration says yields to an AWS profile that the command line or an order names, and
 * to AWS_PROFILE, AWS_DEFAULT_PROFILE and AWS_ACCESS_KEY_ID.
 *
 * profile  that of an order, or NULL
 * errors   ERROR_CONFIG, on the command line ERROR_USAGE: part of the options is missing or wrong,
 *          or an AWS profile is configured beside them
 */
bool anywhere_session(const struct command *command, const char *profile, struct anywhere **out,
                      struct error *err) MUST_CHECK;

/* The same whatever the environment says; ERROR_CONFIG when Roles Anywhere is not configured. */
bool anywhere_session_always(const struct command *command, struct anywhere **out,
                             struct error *err) MUST_CHECK;

/* The key behind the session that these settings use, or NULL. */
struct station_key *anywhere_station(const struct command *command,
                                     const struct aws_settings *settings);

/* Are any of the options given? */
bool anywhere_is_configured(const struct options *options);

/*
 * Check the options by themselves, as `config check` does: complete, ARNs that go together, a URI
 * that names a key.  Nothing is opened.
 */
bool anywhere_check(const struct command *command, const struct options *options,
                    struct error *err) MUST_CHECK;

/*
 * Get the session now, before workers use tokens: one login, and what is wrong is told at once.
 * Does nothing where these settings do not use Roles Anywhere.
 */
bool anywhere_prefetch(const struct command *command, struct aws_settings *settings,
                       struct error *err) MUST_CHECK;

#endif
