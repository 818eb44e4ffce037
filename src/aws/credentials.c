#include "aws/credentials.h"

#include <stdlib.h>
#include <string.h>

#include "aws/found.h"
#include "aws/process.h"
#include "aws/provider.h"
#include "aws/rolesanywhere.h"
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
                .narrowed = from->narrowed,
                .settled = from->settled,
        };

        secret_copy(&copy.secret_access_key, &from->secret_access_key);
        credentials_clear(to);
        *to = copy;
}

/* -- what providers share ----------------------------------------------------------------- */

static enum finding
finding_of(bool taken)
{
        return taken ? FOUND : FAILED;
}

/* A key and the file it stands in; NULL if there is none.  The credentials file wins. */
static const struct shared_key *
find_key(const struct search *search, const char *name, const char **path)
{
        const struct shared_key *key =
                shared_find(search->credentials, search->profile, NULL, name);

        *path = search->credentials->path;
        if (key)
                return key;
        *path = search->config->path;
        return shared_find(search->config, search->config_section, NULL, name);
}

const char *
search_get(const struct search *search, const char *name)
{
        const char *path = NULL;
        const struct shared_key *key = find_key(search, name, &path);

        return key ? key->value : NULL;
}

const char *
search_variable(const struct search *search, const char *name)
{
        return search->user || search->settings->option_profile ? NULL : environment_get(name);
}

enum finding
search_refuse(const struct search *search, const char *name, struct error *err, const char *rule)
{
        const char *path = NULL;
        const struct shared_key *key = find_key(search, name, &path);

        if (rule)
                error_set(err, ERROR_CONFIG, "%s", rule);
        error_about(err, "AWS profile '%s'", search->profile);
        if (key)
                error_about(err, "line %u of '%s'", key->line, path);
        error_advise(err, "correct the profile there");
        return FAILED;
}

/* -- the providers ------------------------------------------------------------------------ */

enum finding
search_environment(const struct search *search, struct credentials *out, struct error *err)
{
        const char *expiration = environment_get("AWS_CREDENTIAL_EXPIRATION");
        struct found found = { .access_key_id = environment_get("AWS_ACCESS_KEY_ID"),
                               .secret_access_key = environment_get("AWS_SECRET_ACCESS_KEY"),
                               .session_token = environment_get("AWS_SESSION_TOKEN"),
                               .origin = "environment" };

        (void)search;
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

/* Skipped when a profile was named on the command line. */
static enum finding
find_in_environment(const struct search *search, struct credentials *out, struct error *err)
{
        if (search->settings->option_profile)
                return NOT_HERE;
        return search_environment(search, out, err);
}

/* Kinds of profile that need a browser: say what helps instead of going on. */
static enum finding
find_by_login(const struct search *search, struct credentials *out, struct error *err)
{
        static const struct {
                const char *key;
                const char *what;
        } kinds[] = {
                { "sso_session", "uses IAM Identity Center (SSO)" },
                { "sso_start_url", "uses IAM Identity Center (SSO)" },
                { "login_session", "uses a console login" },
        };
        const char *profile = search->profile;

        (void)out;
        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
                if (!search_get(search, kinds[i].key))
                        continue;
                CLEANUP(free_cleanup)
                char *what = text_format("AWS profile '%s' %s, which p11cert cannot do itself",
                                         profile, kinds[i].what);

                error_set(err, ERROR_CONFIG, "%s", what);
                error_advise(err,
                             "let the AWS CLI do it: log in there, and use a second profile with "
                             "credential_process = aws configure export-credentials --profile %s "
                             "--format process",
                             profile);
                return search_refuse(search, kinds[i].key, err, NULL);
        }
        return NOT_HERE;
}

static enum finding
find_in_file(const struct search *search, const struct shared_file *file, const char *section,
             struct credentials *out, struct error *err)
{
        CLEANUP(free_cleanup)
        char *origin = text_format("profile '%s' in %s", search->profile, file->path);
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
        return find_in_file(search, search->credentials, search->profile, out, err);
}

static enum finding
find_in_config(const struct search *search, struct credentials *out, struct error *err)
{
        return find_in_file(search, search->config, search->config_section, out, err);
}

static const struct found_names process_names = { .token = "SessionToken",
                                                  .has_version = true,
                                                  .subject = "the program" };

static enum finding
find_by_process(const struct search *search, struct credentials *out, struct error *err)
{
        const char *command = search_get(search, "credential_process");
        CLEANUP(secret_cleanup) struct secret output = { 0 };

        if (!command)
                return NOT_HERE;
        CLEANUP(free_cleanup)
        char *origin = text_format("credential_process of profile '%s'", search->profile);

        if (!process_run(command, PROCESS_LIMIT_MS, &output, err)) {
                error_about(err, "%s", origin);
                return FAILED;
        }
        return finding_of(found_read_json(secret_view(&output), &process_names, origin, out, err));
}

/* -- the chain ---------------------------------------------------------------------------- */

/* The first that has something decides. */
static enum finding
ask_in_turn(provider *const *providers, size_t count, const struct search *search,
            struct credentials *out, struct error *err)
{
        enum finding finding = NOT_HERE;

        for (size_t i = 0; finding == NOT_HERE && i < count; i++)
                finding = providers[i](search, out, err);
        return finding;
}

enum finding
search_keys(const struct search *search, struct credentials *out, struct error *err)
{
        static provider *const providers[] = { find_in_credentials, find_in_config };

        return ask_in_turn(providers, ARRAY_LENGTH(providers), search, out, err);
}

static bool
profile_exists(const struct search *search)
{
        return shared_has_section(search->credentials, search->profile) ||
               shared_has_section(search->config, search->config_section);
}

/* Does one profile need another that needs the first? */
static bool
is_loop(const struct search *search)
{
        for (const struct search *user = search->user; user; user = user->user) {
                if (strcmp(user->profile, search->profile) == 0)
                        return true;
        }
        return false;
}

static enum finding
refuse_loop(const struct search *search, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf rule = { 0 };

        buf_format(&rule, "the AWS profiles need each other in a circle: %s", search->profile);
        for (const struct search *user = search->user; user; user = user->user) {
                buf_format(&rule, " <- %s", user->profile);
                if (strcmp(user->profile, search->profile) == 0)
                        break;
        }
        return search_refuse(search->user, "source_profile", err, buf_text(&rule));
}

enum finding
search_source(const struct search *search, struct credentials *out, struct error *err)
{
        /* Keys of its own win over a role: that is where a chain of roles begins. */
        static provider *const providers[] = { search_keys, role_find, role_find_web_identity,
                                               find_by_login, find_by_process };
        const char *profile = search_get(search, "source_profile");
        CLEANUP(free_cleanup) char *section = settings_config_section(search->config, profile);
        struct search source = *search;
        enum finding finding = NOT_HERE;

        source.profile = profile;
        source.config_section = section;
        source.user = search;
        if (!profile_exists(&source))
                return search_refuse(search, "source_profile", err,
                                     "source_profile names an AWS profile that is not there");
        /* Its own source by its own keys, which is no circle. */
        if (strcmp(profile, search->profile) == 0)
                finding = search_keys(&source, out, err);
        else if (!is_loop(&source))
                finding = ask_in_turn(providers, ARRAY_LENGTH(providers), &source, out, err);
        if (finding != NOT_HERE)
                return finding;
        if (is_loop(&source))
                return refuse_loop(&source, err);
        return search_refuse(search, "source_profile", err,
                             "source_profile names an AWS profile without credentials");
}

static bool
nothing_found(const struct search *search, struct error *err)
{
        const struct aws_settings *settings = search->settings;

        error_set(err, ERROR_CREDENTIALS_MISSING, "no AWS credentials were found");
        error_about(err, "%sprofile '%s' in '%s' and '%s', container, instance metadata",
                    settings->option_profile ? "" : "environment, ", settings->profile,
                    settings->credentials_path, settings->config_path);
        return error_advise(err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and "
                                 "AWS_SESSION_TOKEN), or name a profile with --profile; `aws "
                                 "configure` makes one");
}

/* In the order of AWS's own tools, behind what our own options ask for. */
static bool
find(const struct search *search, struct credentials *out, struct error *err)
{
        static provider *const providers[] = {
                anywhere_find,          find_in_environment, role_find,
                role_find_web_identity, find_by_login,       find_in_credentials,
                find_by_process,        find_in_config,      metadata_find_container,
                metadata_find_instance,
        };
        struct credentials found = { 0 };
        enum finding finding = ask_in_turn(providers, ARRAY_LENGTH(providers), search, &found, err);

        if (finding == NOT_HERE)
                nothing_found(search, err);
        bool done = finding == FOUND && role_strengthen(search, &found, err) &&
                    (!search->settings->option_role_arn || role_assume_option(search, &found, err));

        if (done) {
                role_narrow(search, &found);
                credentials_clear(out);
                *out = found;
                return true;
        }
        credentials_clear(&found);
        return false;
}

bool
aws_settings_use_anywhere(const struct aws_settings *settings)
{
        return settings->anywhere != NULL;
}

void
aws_settings_forget(struct aws_settings *settings)
{
        if (settings->anywhere)
                anywhere_forget(settings->anywhere);
}

/* What credentials_look() kept; false if there is nothing. */
static bool
take_kept(struct aws_settings *settings, struct credentials *out, bool *done, struct error *err)
{
        *done = settings->looked_at.access_key_id != NULL;
        if (*done) {
                credentials_clear(out);
                *out = settings->looked_at;
                settings->looked_at = (struct credentials){ 0 };
                return true;
        }
        if (settings->look_error.kind == ERROR_NONE)
                return false;
        *err = settings->look_error;
        settings->look_error = (struct error){ 0 };
        return true;
}

const struct credentials *
credentials_look(struct aws_settings *settings, struct error *err)
{
        struct credentials found = { 0 };

        if (!credentials_find(settings, &found, err)) {
                settings->look_error = *err;
                return NULL;
        }
        settings->looked_at = found;
        return &settings->looked_at;
}

bool
credentials_find(struct aws_settings *settings, struct credentials *out, struct error *err)
{
        struct shared_file config = { 0 };
        struct shared_file shared = { 0 };
        bool kept;

        if (take_kept(settings, out, &kept, err))
                return kept;

        /* Read again each time: another program may have renewed what stands there. */
        if (!settings_read_files(settings, &config, &shared, err))
                return false;
        struct search search = { .settings = settings,
                                 .config = &config,
                                 .credentials = &shared,
                                 .profile = settings->profile,
                                 .config_section = settings->config_section };
        bool done = find(&search, out, err);

        shared_clear(&config);
        shared_clear(&shared);
        return done;
}
