#include "aws/settings.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws/endpoint.h"

const char *
environment_get(const char *name)
{
        const char *value = getenv(name);

        return value && *value ? value : NULL;
}

/* -- the files ---------------------------------------------------------------------------- */

static const char *
home(void)
{
        const char *folder = environment_get("HOME");

        if (folder)
                return folder;
        const struct passwd *user = getpwuid(getuid());

        return user && user->pw_dir ? user->pw_dir : "/";
}

/* Where a file is: as the variable says ("~/" is expanded), else below the home folder. */
static char *
file_path(const char *variable, const char *usual)
{
        const char *path = environment_get(variable);

        if (!path)
                return text_format("%s/%s", home(), usual);
        if (text_starts(path, "~/"))
                return text_format("%s/%s", home(), path + 2);
        return text_copy(path);
}

bool
settings_read_files(const struct aws_settings *settings, struct shared_file *config,
                    struct shared_file *credentials, struct error *err)
{
        if (!shared_open(settings->config_path, config, err))
                return false;
        if (shared_open(settings->credentials_path, credentials, err))
                return true;
        shared_clear(config);
        return false;
}

/* -- the profile -------------------------------------------------------------------------- */

static void
list_profiles(const struct aws_settings *settings, struct buf *out)
{
        for (size_t i = 0; i < settings->credentials.section_count; i++)
                buf_format(out, "%s%s", out->len ? ", " : "", settings->credentials.sections[i]);
        for (size_t i = 0; i < settings->config.section_count; i++) {
                const char *section = settings->config.sections[i];
                bool named = text_starts(section, "profile ");

                if (!named && strcmp(section, "default") != 0)
                        continue;
                const char *name = named ? section + strlen("profile ") : section;

                if (!shared_has_section(&settings->credentials, name))
                        buf_format(out, "%s%s", out->len ? ", " : "", name);
        }
}

static bool
profile_missing(const struct aws_settings *settings, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf profiles = { 0 };

        list_profiles(settings, &profiles);
        error_set(err, ERROR_CONFIG, "there is no AWS profile '%s'", settings->profile);
        error_about(err, "'%s' and '%s'", settings->config_path, settings->credentials_path);
        if (!profiles.len)
                return error_advise(err,
                                    "these files hold no profile at all; `aws configure "
                                    "--profile %s` makes one",
                                    settings->profile);
        return error_advise(err, "name one of: %s", buf_text(&profiles));
}

char *
settings_config_section(const struct shared_file *config, const char *profile)
{
        char *section = text_format("profile %s", profile);

        if (strcmp(profile, "default") == 0 && !shared_has_section(config, section))
                text_assign(&section, "default");
        return section;
}

static bool
find_profile(struct aws_settings *settings, struct error *err)
{
        const char *variable = environment_get("AWS_PROFILE");

        if (!variable)
                variable = environment_get("AWS_DEFAULT_PROFILE");
        const char *named = settings->option_profile ? settings->option_profile : variable;
        bool is_default = !named || strcmp(named, "default") == 0;

        settings->profile = text_copy(named ? named : "default");
        settings->config_section = settings_config_section(&settings->config, settings->profile);
        if (is_default || shared_has_section(&settings->config, settings->config_section) ||
            shared_has_section(&settings->credentials, settings->profile))
                return true;
        return profile_missing(settings, err);
}

/* -- values with rules -------------------------------------------------------------------- */

/* A variable or, failing that, a key of the profile; `origin` names which. */
static const char *
variable_or_key(const struct aws_settings *settings, const char *variable, const char *key,
                const char **origin)
{
        const char *value = environment_get(variable);

        *origin = value ? variable : key;
        return value ? value : aws_settings_get(settings, key);
}

static bool
read_flag(const struct aws_settings *settings, const char *variable, const char *key, bool *out,
          struct error *err)
{
        const char *origin = NULL;
        const char *value = variable_or_key(settings, variable, key, &origin);

        *out = value && strcasecmp(value, "true") == 0;
        if (!value || *out || strcasecmp(value, "false") == 0)
                return true;
        error_set(err, ERROR_CONFIG, "%s is neither 'true' nor 'false'", origin);
        return error_advise(err, "correct it in the environment or in profile '%s'",
                            settings->profile);
}

static bool
read_retry(struct aws_settings *settings, struct error *err)
{
        static const struct {
                const char *name;
                struct aws_retry_settings retry;
        } modes[] = {
                { "standard", { .max_attempts = 3, .mode = "standard" } },
                { "adaptive", { .max_attempts = 3, .mode = "standard" } },
                { "legacy", { .max_attempts = 5, .mode = "legacy" } },
        };
        const char *origin = NULL;
        const char *mode = variable_or_key(settings, "AWS_RETRY_MODE", "retry_mode", &origin);
        int64_t attempts = 0;

        settings->retry = modes[0].retry;
        for (size_t i = 0; mode && i < ARRAY_LENGTH(modes); i++) {
                if (strcasecmp(mode, modes[i].name) == 0) {
                        settings->retry = modes[i].retry;
                        mode = NULL;
                }
        }
        if (mode) {
                error_set(err, ERROR_CONFIG, "%s is '%s'", origin, mode);
                return error_advise(err, "it can be standard, adaptive or legacy");
        }
        const char *most = variable_or_key(settings, "AWS_MAX_ATTEMPTS", "max_attempts", &origin);

        if (!most)
                return true;
        if (!number_parse(most, 1, 100, &attempts)) {
                error_set(err, ERROR_CONFIG, "%s is '%s'", origin, most);
                return error_advise(err, "it is a number from 1 to 100, the first try included");
        }
        settings->retry.max_attempts = (int)attempts;
        return true;
}

static bool
read_sts(struct aws_settings *settings, struct error *err)
{
        const char *origin = NULL;
        const char *kind = variable_or_key(settings, "AWS_STS_REGIONAL_ENDPOINTS",
                                           "sts_regional_endpoints", &origin);

        settings->sts_global = kind && strcasecmp(kind, "legacy") == 0;
        if (!kind || settings->sts_global || strcasecmp(kind, "regional") == 0)
                return true;
        error_set(err, ERROR_CONFIG, "%s is '%s'", origin, kind);
        return error_advise(err, "it can be regional or legacy");
}

static bool
read_values(struct aws_settings *settings, struct error *err)
{
        const char *region = aws_settings_region(settings);

        if (region && !endpoint_region_check(region, err))
                return error_about(err, "AWS profile '%s'", settings->profile);
        return read_flag(settings, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", &settings->fips,
                         err) &&
               read_flag(settings, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint",
                         &settings->dual_stack, err) &&
               read_sts(settings, err) && read_retry(settings, err);
}

/* -- the header's functions --------------------------------------------------------------- */

/* An option that was given and is not empty. */
static char *
option_copy(const char *value)
{
        return value && *value ? text_copy(value) : NULL;
}

/* Does it hold a secret, and may others read or write it? */
static bool
is_exposed(const struct shared_file *file)
{
        struct stat status;
        bool secret = false;

        for (size_t i = 0; !secret && i < file->count; i++)
                secret = strcmp(file->keys[i].name, "aws_secret_access_key") == 0;
        return secret && stat(file->path, &status) == 0 && S_ISREG(status.st_mode) &&
               (status.st_mode & (S_IRWXG | S_IRWXO));
}

static void
find_exposed(struct aws_settings *settings)
{
        if (is_exposed(&settings->credentials))
                settings->exposed = settings->credentials.path;
        else if (is_exposed(&settings->config))
                settings->exposed = settings->config.path;
}

struct aws_settings *
aws_settings_open(const struct aws_options *options, struct error *err)
{
        struct aws_settings *settings = memory_new(1, sizeof(*settings));

        *settings = (struct aws_settings){
                .option_profile = option_copy(options->profile),
                .option_region = option_copy(options->region),
                .fallback_region = option_copy(options->fallback_region),
                .option_endpoint_url = option_copy(options->endpoint_url),
                .option_ca_bundle = option_copy(options->ca_bundle),
                .option_role_arn = option_copy(options->role_arn),
                .option_external_id = option_copy(options->external_id),
                .option_role_session_name = option_copy(options->role_session_name),
                .option_session_policy = option_copy(options->session_policy),
                .option_cut_others = options->cut_others,
                .option_mfa_code = option_copy(options->mfa_code),
                .anywhere = options->anywhere,
                .ask_mfa = options->ask_mfa,
                .ask_context = options->ask_context,
                .config_path = file_path("AWS_CONFIG_FILE", ".aws/config"),
                .credentials_path = file_path("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
        };
        if (settings_read_files(settings, &settings->config, &settings->credentials, err) &&
            find_profile(settings, err) && read_values(settings, err)) {
                find_exposed(settings);
                return settings;
        }
        aws_settings_free(settings);
        return NULL;
}

void
aws_settings_free(struct aws_settings *settings)
{
        if (!settings)
                return;
        free(settings->option_profile);
        free(settings->option_region);
        free(settings->fallback_region);
        free(settings->option_endpoint_url);
        free(settings->option_ca_bundle);
        free(settings->option_role_arn);
        free(settings->option_external_id);
        free(settings->option_role_session_name);
        free(settings->option_session_policy);
        free(settings->option_mfa_code);
        free(settings->profile);
        free(settings->config_path);
        free(settings->credentials_path);
        free(settings->config_section);
        free(settings->unnarrowed);
        credentials_clear(&settings->looked_at);
        shared_clear(&settings->config);
        shared_clear(&settings->credentials);
        free(settings);
}

const char *
aws_settings_exposed(const struct aws_settings *settings)
{
        return settings->exposed;
}

const char *
aws_settings_credentials_path(const struct aws_settings *settings)
{
        return settings->credentials_path;
}

const char *
aws_settings_unnarrowed(const struct aws_settings *settings)
{
        return settings->unnarrowed;
}

const char *
aws_settings_get(const struct aws_settings *settings, const char *key)
{
        const char *value = shared_get(&settings->credentials, settings->profile, NULL, key);

        return value ? value : shared_get(&settings->config, settings->config_section, NULL, key);
}

const char *
aws_settings_region(const struct aws_settings *settings)
{
        if (settings->option_region)
                return settings->option_region;
        const char *region = environment_get("AWS_REGION");

        if (!region)
                region = environment_get("AWS_DEFAULT_REGION");
        if (!region)
                region = aws_settings_get(settings, "region");
        return region ? region : settings->fallback_region;
}

static bool
endpoints_ignored(const struct aws_settings *settings)
{
        const char *origin = NULL;
        const char *value = variable_or_key(settings, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                                            "ignore_configured_endpoint_urls", &origin);

        return value && strcasecmp(value, "true") == 0;
}

/* "acm-pca" as it stands in variables (ACM_PCA) or in files (acm_pca). */
static char *
service_key(const char *service, bool upper)
{
        char *key = text_copy(service);

        for (char *c = key; *c; c++) {
                if (*c == '-')
                        *c = '_';
                else if (upper && *c >= 'a' && *c <= 'z')
                        *c = (char)(*c - 32);
        }
        return key;
}

static const char *
endpoint_of_environment(const char *service)
{
        CLEANUP(free_cleanup) char *upper = service_key(service, true);
        CLEANUP(free_cleanup) char *variable = text_format("AWS_ENDPOINT_URL_%s", upper);
        const char *url = environment_get(variable);

        return url ? url : environment_get("AWS_ENDPOINT_URL");
}

static const char *
endpoint_of_services(const struct aws_settings *settings, const char *service)
{
        const char *services = aws_settings_get(settings, "services");

        if (!services)
                return NULL;
        CLEANUP(free_cleanup) char *section = text_format("services %s", services);
        CLEANUP(free_cleanup) char *outer = service_key(service, false);

        return shared_get(&settings->config, section, outer, "endpoint_url");
}

const char *
aws_settings_endpoint(const struct aws_settings *settings, const char *service)
{
        const char *option = settings->option_endpoint_url;

        if (option && (strcmp(service, "acm-pca") == 0 || endpoint_is_loopback(option)))
                return option;
        if (endpoints_ignored(settings))
                return NULL;
        const char *url = endpoint_of_environment(service);

        if (!url)
                url = endpoint_of_services(settings, service);
        return url ? url : aws_settings_get(settings, "endpoint_url");
}

const char *
aws_settings_ca_bundle(const struct aws_settings *settings)
{
        if (settings->option_ca_bundle)
                return settings->option_ca_bundle;
        const char *origin = NULL;

        return variable_or_key(settings, "AWS_CA_BUNDLE", "ca_bundle", &origin);
}

const char *
aws_settings_profile(const struct aws_settings *settings)
{
        return settings->profile;
}

bool
aws_settings_fips(const struct aws_settings *settings)
{
        return settings->fips;
}

bool
aws_settings_dual_stack(const struct aws_settings *settings)
{
        return settings->dual_stack;
}

bool
aws_settings_sts_global(const struct aws_settings *settings)
{
        return settings->sts_global;
}

struct aws_retry_settings
aws_settings_retry(const struct aws_settings *settings)
{
        return settings->retry;
}

const char *
aws_settings_app_id(const struct aws_settings *settings)
{
        const char *origin = NULL;

        return variable_or_key(settings, "AWS_SDK_UA_APP_ID", "sdk_ua_app_id", &origin);
}
