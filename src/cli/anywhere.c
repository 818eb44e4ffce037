#include "cli/anywhere.h"

#include <stdlib.h>
#include <string.h>

#include "aws/client.h"

struct anywhere_login {
        struct station_key *station;
        struct anywhere *anywhere;
};

/* What there has to be. */
static const enum option_id needed[] = {
        OPTION_ROLESANYWHERE_TRUST_ANCHOR,
        OPTION_ROLESANYWHERE_PROFILE,
        OPTION_ROLESANYWHERE_ROLE,
        OPTION_ROLESANYWHERE_KEY,
};

static const enum option_id optional[] = {
        OPTION_ROLESANYWHERE_CERTIFICATE,
        OPTION_ROLESANYWHERE_CHAIN,
        OPTION_ROLESANYWHERE_DURATION,
        OPTION_ROLESANYWHERE_PIN_SOURCE,
};

struct anywhere_login *
anywhere_login_new(void)
{
        return memory_new(1, sizeof(struct anywhere_login));
}

void
anywhere_login_free(struct anywhere_login *login)
{
        if (!login)
                return;
        anywhere_free(login->anywhere);
        station_key_free(login->station);
        free(login);
}

struct station_key *
anywhere_station(const struct command *command, const struct aws_settings *settings)
{
        bool used = command->anywhere && settings && aws_settings_use_anywhere(settings);

        return used ? command->anywhere->station : NULL;
}

/* -- what is asked for -------------------------------------------------------------------- */

/* The strongest origin among the options; ORIGIN_NONE when none is given. */
static enum option_origin
origin_of(const struct options *options)
{
        enum option_origin strongest = ORIGIN_NONE;

        for (size_t i = 0; i < ARRAY_LENGTH(needed); i++) {
                enum option_origin origin = option_value(options, needed[i])->origin;

                strongest = origin > strongest ? origin : strongest;
        }
        for (size_t i = 0; i < ARRAY_LENGTH(optional); i++) {
                enum option_origin origin = option_value(options, optional[i])->origin;

                strongest = origin > strongest ? origin : strongest;
        }
        return strongest;
}

bool
anywhere_is_configured(const struct options *options)
{
        return origin_of(options) != ORIGIN_NONE;
}

static bool
is_set(const char *variable)
{
        const char *text = getenv(variable);

        return text && *text;
}

/* Does somebody who says more than the configuration name other credentials? */
static bool
others_are_named(const struct options *options, const char *profile)
{
        static const char *const variables[] = { "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
                                                 "AWS_ACCESS_KEY_ID" };

        if (profile || option_value(options, OPTION_PROFILE)->origin == ORIGIN_LINE)
                return true;
        for (size_t i = 0; i < ARRAY_LENGTH(variables); i++) {
                if (is_set(variables[i]))
                        return true;
        }
        return false;
}

static enum error_kind
kind_of(const struct options *options)
{
        return origin_of(options) == ORIGIN_LINE ? ERROR_USAGE : ERROR_CONFIG;
}

static bool
check_complete(const struct options *options, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf missing = { 0 };

        for (size_t i = 0; i < ARRAY_LENGTH(needed); i++) {
                if (!option_text(options, needed[i]))
                        buf_format(&missing, "%s%s", missing.len ? ", " : "",
                                   option_row(needed[i])->name);
        }
        if (!missing.len)
                return true;
        error_set(err, kind_of(options), "Roles Anywhere needs more to be set: %s",
                  buf_text(&missing));
        return error_advise(err, "set all of rolesanywhere-trust-anchor, -profile, -role and -key, "
                                 "or none");
}

/* Two that both say who asks. */
static bool
check_alone(const struct options *options, struct error *err)
{
        const struct option_value *profile = option_value(options, OPTION_PROFILE);

        if (profile->origin == ORIGIN_NONE)
                return true;
        error_set(err, profile->origin == ORIGIN_LINE ? ERROR_USAGE : ERROR_CONFIG,
                  "an AWS profile and Roles Anywhere cannot both say who asks");
        error_about(err, "%s, and %s", profile->where,
                    option_value(options, OPTION_ROLESANYWHERE_TRUST_ANCHOR)->where);
        return error_advise(err, "leave one of them out");
}

/* -- making it ---------------------------------------------------------------------------- */

/* Token options for verbs that have none of their own: from variables and configuration. */
static bool
token_options(const struct command *command, struct options *own, const struct options **out,
              struct error *err)
{
        static const struct option_list list = { .groups = 1U << GROUP_TOKEN };

        *out = &command->options;
        if (command->verb && command->verb->groups & list.groups)
                return true;
        *out = own;
        return options_from_environment(own, &list, err) &&
               config_apply(&command->config, &list, own, err);
}

static bool
read_pin_source(const struct options *options, enum option_id id, struct pin_source *out,
                struct error *err)
{
        const char *text = option_text(options, id);

        if (!text || pin_source_parse(text, out, err))
                return true;
        return error_about(err, "%s", option_value(options, id)->where);
}

static struct station_key *
make_station(const struct command *command, const struct options *options, struct error *err)
{
        CLEANUP(options_clear) struct options own = { 0 };
        CLEANUP(pin_source_clear) struct pin_source pin = { 0 };
        CLEANUP(pin_source_clear) struct pin_source other_pin = { 0 };
        const struct options *token = NULL;

        if (!token_options(command, &own, &token, err) ||
            !read_pin_source(options, OPTION_ROLESANYWHERE_PIN_SOURCE, &pin, err) ||
            !read_pin_source(token, OPTION_PIN_SOURCE, &other_pin, err))
                return NULL;
        return station_key_new(
                &(struct station_key_options){
                        .uri = option_text(options, OPTION_ROLESANYWHERE_KEY),
                        .module = option_text(token, OPTION_MODULE),
                        .certificate = option_text(options, OPTION_ROLESANYWHERE_CERTIFICATE),
                        .chain = option_text(options, OPTION_ROLESANYWHERE_CHAIN),
                        .pin = pin.kind == PIN_NONE ? NULL : &pin,
                        .other_token = option_text(token, OPTION_TOKEN),
                        .other_pin = other_pin.kind == PIN_NONE ? NULL : &other_pin,
                        .ask = command_ask(command),
                        .state = command->state,
                        .retry_pin = option_flag(token, OPTION_RETRY_PIN),
                        .token_timeout_ms = options_token_timeout_ms(token),
                },
                err);
}

static bool
make_login(const struct command *command, const struct options *options,
           struct anywhere_login *login, struct error *err)
{
        int64_t duration_ms = option_span(options, OPTION_ROLESANYWHERE_DURATION, 0);
        /* With --role-arn the name is of that role's session. */
        bool named = !option_text(options, OPTION_ROLE_ARN);

        login->station = make_station(command, options, err);
        if (!login->station)
                return error_about(err, "%s", option_row(OPTION_ROLESANYWHERE_KEY)->name);
        login->anywhere = anywhere_new(
                &(struct anywhere_options){
                        .trust_anchor = option_text(options, OPTION_ROLESANYWHERE_TRUST_ANCHOR),
                        .profile = option_text(options, OPTION_ROLESANYWHERE_PROFILE),
                        .role = option_text(options, OPTION_ROLESANYWHERE_ROLE),
                        .session_name =
                                named ? option_text(options, OPTION_ROLE_SESSION_NAME) : NULL,
                        .duration_s = (duration_ms + 999) / 1000,
                        .identity = station_key_identity,
                        .context = login->station,
                },
                err);
        if (login->anywhere)
                return true;
        station_key_free(MOVE(login->station));
        return false;
}

bool
anywhere_check(const struct command *command, const struct options *options, struct error *err)
{
        struct anywhere_login login = { 0 };

        if (!anywhere_is_configured(options))
                return true;
        bool good = check_complete(options, err) && check_alone(options, err) &&
                    make_login(command, options, &login, err);

        anywhere_free(login.anywhere);
        station_key_free(login.station);
        return good;
}

/* -- the header's other functions ----------------------------------------------------------- */

static bool
need_login(const struct command *command, struct anywhere **out, struct error *err)
{
        struct anywhere_login *login = command->anywhere;

        if (!login->anywhere && !(check_complete(&command->options, err) &&
                                  make_login(command, &command->options, login, err)))
                return false;
        *out = login->anywhere;
        return true;
}

bool
anywhere_session(const struct command *command, const char *profile, struct anywhere **out,
                 struct error *err)
{
        const struct options *options = &command->options;
        enum option_origin origin = origin_of(options);

        *out = NULL;
        if (!command->anywhere || origin == ORIGIN_NONE)
                return true;
        if (origin != ORIGIN_LINE && others_are_named(options, profile))
                return true;
        return check_alone(options, err) && need_login(command, out, err);
}

bool
anywhere_session_always(const struct command *command, struct anywhere **out, struct error *err)
{
        if (anywhere_is_configured(&command->options))
                return need_login(command, out, err);
        error_set(err, ERROR_CONFIG, "Roles Anywhere is not configured");
        return error_advise(err, "set rolesanywhere-trust-anchor, -profile, -role and -key in the "
                                 "configuration (p11cert.conf(5))");
}

bool
anywhere_prefetch(const struct command *command, struct aws_settings *settings, struct error *err)
{
        struct credentials session = { 0 };

        if (!anywhere_station(command, settings))
                return true;
        bool done = credentials_find(settings, &session, err);

        credentials_clear(&session);
        return done;
}
