#include "aws/credentials.h"

#include <stdlib.h>
#include <string.h>

#include "aws/found.h"
#include "aws/process.h"
#include "aws/settings.h"
#include "base/clock.h"

enum { PROCESS_LIMIT_MS = 60 * 1000 };

void
credentials_clear(struct credentials *credentials)
{
        free(credentials->access_key_id);
        free(credentials->session_token);
        free(credentials->origin);
        secret_clear(&credentials->secret_access_key);
        *credentials = (struct credentials){ 0 };
}

void
credentials_copy(struct credentials *to, const struct credentials *from)
{
        struct credentials copy = {
                .access_key_id = text_copy(from->access_key_id),
                .session_token = text_copy(from->session_token),
                .expires_at = from->expires_at,
                .origin = text_copy(from->origin),
        };

        secret_copy(&copy.secret_access_key, &from->secret_access_key);
        credentials_clear(to);
        *to = copy;
}

/* -- the providers ------------------------------------------------------------------------ */

/* What a provider looks at. */
struct search {
        const struct aws_settings *settings;
        const struct shared_file *config; /* freshly read */
        const struct shared_file *credentials;
};

enum finding { FOUND, NOT_HERE, FAILED };

static enum finding
finding_of(bool taken)
{
        return taken ? FOUND : FAILED;
}

static const char *
config_get(const struct search *search, const char *key)
{
        return shared_get(search->config, search->settings->config_section, NULL, key);
}

static const char *
credentials_get(const struct search *search, const char *key)
{
        return shared_get(search->credentials, search->settings->profile, NULL, key);
}

/* The credentials file wins. */
static const char *
either_get(const struct search *search, const char *key)
{
        const char *value = credentials_get(search, key);

        return value ? value : config_get(search, key);
}

/* A role that was asked for may not be left out silently. */
static enum finding
refuse_role(const struct search *search, struct credentials *out, struct error *err)
{
        const char *role = search->settings->option_role_arn;

        (void)out;
        if (!role)
                return NOT_HERE;
        error_set(err, ERROR_CONFIG, "this version cannot assume a role itself");
        error_about(err, "%s", role);
        error_advise(err, "assume it outside and pass the result: a profile with "
                          "credential_process, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
                          "AWS_SESSION_TOKEN");
        return FAILED;
}

/* AWS_ACCESS_KEY_ID and its kin; skipped when a profile was named on the command line. */
static enum finding
find_in_environment(const struct search *search, struct credentials *out, struct error *err)
{
        const char *expiration = environment_get("AWS_CREDENTIAL_EXPIRATION");
        struct found found = { .access_key_id = environment_get("AWS_ACCESS_KEY_ID"),
                               .secret_access_key = environment_get("AWS_SECRET_ACCESS_KEY"),
                               .session_token = environment_get("AWS_SESSION_TOKEN"),
                               .origin = "environment" };

        if (search->settings->option_profile)
                return NOT_HERE;
        if (!found.access_key_id && !found.secret_access_key)
                return NOT_HERE;
        if (!found.session_token)
                found.session_token = environment_get("AWS_SECURITY_TOKEN");
        if (expiration && !clock_parse(expiration, &found.expires_at))
                return finding_of(found_refuse(
                        err, &found, "AWS_CREDENTIAL_EXPIRATION is not an ISO 8601 time"));
        if (expiration && found.expires_at <= clock_now())
                return finding_of(found_expired(err, found.origin, found.expires_at));
        return finding_of(found_take(&found, out, err));
}

/* Kinds of profile that need a service we do not speak: say what helps instead of going on. */
static enum finding
find_by_other_means(const struct search *search, struct credentials *out, struct error *err)
{
        static const struct {
                const char *key;
                const char *what;
        } kinds[] = {
                { "role_arn", "assumes a role" },
                { "web_identity_token_file", "uses a web identity" },
                { "sso_session", "uses IAM Identity Center (SSO)" },
                { "sso_start_url", "uses IAM Identity Center (SSO)" },
                { "login_session", "uses a console login" },
        };
        const char *profile = search->settings->profile;

        (void)out;
        if (environment_get("AWS_WEB_IDENTITY_TOKEN_FILE") && environment_get("AWS_ROLE_ARN")) {
                error_set(err, ERROR_CONFIG, "this version cannot use a web identity itself");
                error_about(err, "environment: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN");
                error_advise(err, "let the AWS CLI do it: eval \"$(aws configure "
                                  "export-credentials --format env)\"");
                return FAILED;
        }
        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
                if (!either_get(search, kinds[i].key))
                        continue;
                error_set(err, ERROR_CONFIG,
                          "AWS profile '%s' %s, which this version cannot do itself", profile,
                          kinds[i].what);
                error_about(err, "'%s'", search->config->path);
                error_advise(err,
                             "let the AWS CLI do it: eval \"$(aws configure export-credentials "
                             "--profile %s --format env)\", or a second profile with "
                             "credential_process = aws configure export-credentials --profile %s",
                             profile, profile);
                return FAILED;
        }
        return NOT_HERE;
}

static enum finding
find_in_file(const struct search *search, const struct shared_file *file, const char *section,
             struct credentials *out, struct error *err)
{
        CLEANUP(free_cleanup)
        char *origin = text_format("profile '%s' in %s", search->settings->profile, file->path);
        struct found found = {
                .access_key_id = shared_get(file, section, NULL, "aws_access_key_id"),
                .secret_access_key = shared_get(file, section, NULL, "aws_secret_access_key"),
                .session_token = shared_get(file, section, NULL, "aws_session_token"),
                .origin = origin,
        };

        if (!found.access_key_id && !found.secret_access_key)
                return NOT_HERE;
        return finding_of(found_take(&found, out, err));
}

static enum finding
find_in_credentials(const struct search *search, struct credentials *out, struct error *err)
{
        return find_in_file(search, search->credentials, search->settings->profile, out, err);
}

static enum finding
find_in_config(const struct search *search, struct credentials *out, struct error *err)
{
        return find_in_file(search, search->config, search->settings->config_section, out, err);
}

/* -- credential_process ------------------------------------------------------------------- */

static const struct found_names process_names = { .token = "SessionToken",
                                                  .has_version = true,
                                                  .subject = "the program" };

static enum finding
find_by_process(const struct search *search, struct credentials *out, struct error *err)
{
        const char *command = either_get(search, "credential_process");
        CLEANUP(secret_cleanup) struct secret output = { 0 };

        if (!command)
                return NOT_HERE;
        CLEANUP(free_cleanup)
        char *origin = text_format("credential_process of profile '%s'", search->settings->profile);

        if (!process_run(command, PROCESS_LIMIT_MS, &output, err)) {
                error_about(err, "%s", origin);
                return FAILED;
        }
        return finding_of(found_read_json(secret_view(&output), &process_names, origin, out, err));
}

/* -- the chain ---------------------------------------------------------------------------- */

typedef enum finding provider(const struct search *search, struct credentials *out,
                              struct error *err);

/* In the order of AWS's own tools; the first that has something decides. */
static provider *const providers[] = {
        refuse_role,         find_in_environment, find_by_other_means,
        find_in_credentials, find_by_process,     find_in_config,
};

static bool
nothing_found(const struct search *search, struct error *err)
{
        const struct aws_settings *settings = search->settings;

        error_set(err, ERROR_CREDENTIALS_MISSING, "no AWS credentials were found");
        error_about(err, "%sprofile '%s' in '%s' and '%s'",
                    settings->option_profile ? "" : "environment, ", settings->profile,
                    settings->credentials_path, settings->config_path);
        return error_advise(err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and "
                                 "AWS_SESSION_TOKEN), or name a profile with --profile; `aws "
                                 "configure` makes one (instance and container roles are not "
                                 "asked by this version)");
}

bool
credentials_find(struct aws_settings *settings, struct credentials *out, struct error *err)
{
        struct shared_file config = { 0 };
        struct shared_file shared = { 0 };
        enum finding finding = NOT_HERE;

        /* Read again each time: another program may have renewed what stands there. */
        if (!settings_read_files(settings, &config, &shared, err))
                return false;
        struct search search = { .settings = settings, .config = &config, .credentials = &shared };

        for (size_t i = 0; finding == NOT_HERE && i < ARRAY_LENGTH(providers); i++)
                finding = providers[i](&search, out, err);
        if (finding == NOT_HERE)
                nothing_found(&search, err);
        shared_clear(&config);
        shared_clear(&shared);
        return finding == FOUND;
}
