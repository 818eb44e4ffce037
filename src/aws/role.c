#include "aws/provider.h"

#include <stdlib.h>
#include <string.h>

#include "aws/client.h"
#include "aws/session.h"
#include "aws/sts.h"
#include "base/clock.h"
#include "base/file.h"

enum {
        CONNECT_MS = 3100,
        ATTEMPT_MS = 10 * 1000,
        LEAST_DURATION_S = 900,
        MOST_DURATION_S = 43200,
        MOST_TOKEN_BYTES = 20000,
};

/* A role and how it is to be assumed; borrowed but for the name. */
struct role {
        const char *arn;
        char *session_name;
        const char *external_id;
        const char *mfa_serial;
        const char *policy; /* a session policy: less than the role may; or NULL */
        int64_t duration_s;
        bool once; /* one attempt */
};

static void
role_clear(struct role *role)
{
        free(role->session_name);
        *role = (struct role){ 0 };
}

/* -- what a profile says ------------------------------------------------------------------ */

/* Is it the session that is used in the end?  The command line's words are about that one. */
static bool
is_last(const struct search *search)
{
        return !search->user && !search->settings->option_role_arn;
}

static const char *
said(const struct search *search, const char *option, const char *key)
{
        return option && is_last(search) ? option : search_get(search, key);
}

static bool
read_duration(const struct search *search, struct role *role, struct error *err)
{
        const char *text = search_get(search, "duration_seconds");

        if (!text || number_parse(text, LEAST_DURATION_S, MOST_DURATION_S, &role->duration_s))
                return true;
        search_refuse(search, "duration_seconds", err,
                      "duration_seconds is no number from 900 to 43200");
        return false;
}

static void
name_session(struct role *role, const char *name)
{
        role->session_name = name ? text_copy(name)
                                  : text_format("p11cert-session-%lld", (long long)clock_now());
}

/* Everything but the ARN, which may come from elsewhere; that is checked, too. */
static bool
read_role(const struct search *search, const char *arn, struct role *role, struct error *err)
{
        const struct aws_settings *settings = search->settings;
        const char *external_id = said(search, settings->option_external_id, "external_id");
        const char *name = said(search, settings->option_role_session_name, "role_session_name");
        const char *key = NULL;

        *role = (struct role){ .arn = arn, .external_id = external_id };
        if (!sts_role_arn_check(arn, err))
                key = "role_arn";
        else if (external_id && !sts_external_id_check(external_id, err))
                key = "external_id";
        else if (name && !sts_session_name_check(name, err))
                key = "role_session_name";
        if (key)
                search_refuse(search, key, err, NULL);
        if (key || !read_duration(search, role, err))
                return false;
        name_session(role, name);
        role->mfa_serial = search_get(search, "mfa_serial");
        role->policy = is_last(search) ? settings->option_session_policy : NULL;
        return !role->policy || sts_policy_check(role->policy, err);
}

/* -- MFA ---------------------------------------------------------------------------------- */

/* What makes one session another than the next; its time does not. */
static char *
kept_path(const struct search *search, const struct role *role)
{
        const char *parts[] = { search->settings->config_path,
                                search->profile,
                                role->arn,
                                role->mfa_serial,
                                role->external_id,
                                role->policy };
        CLEANUP(buf_cleanup) struct buf facts = { 0 };

        for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
                buf_add_text(&facts, parts[i] ? parts[i] : "");
                buf_add_byte(&facts, '\0');
        }
        buf_format(&facts, "%lld", (long long)role->duration_s);
        return session_path(view_buf(&facts));
}

static bool
code_missing(const struct role *role, struct error *err, bool used)
{
        error_set(err, ERROR_CREDENTIALS_MISSING, "role %s needs %s MFA code of %s", role->arn,
                  used ? "another" : "an", role->mfa_serial);
        return error_advise(err,
                            used ? "a code serves once: repeat the command with --mfa-code and "
                                   "the next code"
                                 : "name it with --mfa-code, or run the command on a terminal "
                                   "to be asked");
}

/* The code, once: from the option, else from a person. */
static bool
need_code(struct aws_settings *settings, const struct role *role, struct secret *code,
          struct error *err)
{
        if (settings->option_mfa_code && !settings->mfa_code_used) {
                settings->mfa_code_used = true;
                secret_set(code, view_of(settings->option_mfa_code,
                                         strlen(settings->option_mfa_code) + 1));
                return true;
        }
        if (!settings->ask_mfa)
                return code_missing(role, err, settings->mfa_code_used);
        CLEANUP(secret_cleanup) struct secret answer = { 0 };

        if (!settings->ask_mfa(settings->ask_context, role->mfa_serial, &answer, err))
                return false;
        secret_reserve(code, answer.len + 1);
        if (answer.len)
                memcpy(code->data, answer.data, answer.len);
        code->data[answer.len] = '\0';
        code->len = answer.len + 1;
        return true;
}

/* -- asking STS --------------------------------------------------------------------------- */

/* A text with secrets in it. */
static void
wiped_cleanup(char **text)
{
        if (*text)
                wipe(*text, strlen(*text));
        free(*text);
}

static void
wiped_buf_cleanup(struct buf *buf)
{
        if (buf->data)
                wipe(buf->data, buf->len);
        buf_clear(buf);
}

/* Nobody's order is to blame for a role that cannot be had. */
static bool
blame_role(const struct search *search, const char *arn, struct error *err)
{
        if (error_is_verdict(err->kind))
                err->kind = ERROR_CONFIG;
        error_about(err, "%s %s, AWS profile '%s'", strstr(arn, ":mfa/") ? "MFA device" : "role",
                    arn, search->profile);
        if (strstr(arn, ":mfa/"))
                return false;
        /* AWS does not say which of the two is missing. */
        if (err->kind == ERROR_DENIED) {
                CLEANUP(free_cleanup) char *advice = text_copy(err->next);

                *err->next = '\0';
                error_advise(err, "let the role's trust policy name this identity; and %s", advice);
                /* Not the call that the credentials were wanted for. */
                err->kind = ERROR_ROLE_DENIED;
        }
        return false;
}

/* `base` NULL: unsigned. */
static bool
ask_sts(const struct search *search, const char *operation, const struct role *role,
        const char *form, const struct credentials *base, struct credentials *out,
        struct error *err)
{
        struct aws_settings *settings = search->settings;
        const char *region = aws_settings_region(settings);
        struct aws_client *client = aws_client_open_as(settings, base, err);
        CLEANUP(wiped_buf_cleanup) struct buf body = { 0 };

        if (!client)
                return false;
        aws_client_set_timeouts(client, CONNECT_MS, ATTEMPT_MS);
        bool done = aws_call(client,
                             &(struct aws_call){
                                     .service = "sts",
                                     .region = region ? region : sts_home_region(role->arn),
                                     .operation = operation,
                                     .body = view_text(form),
                                     .unsigned_call = !base,
                                     /* A code serves once. */
                                     .most_attempts = role->mfa_serial || role->once ? 1 : 0 },
                             &body, err) &&
                    sts_read_session(view_buf(&body), operation, out, NULL, err);

        aws_client_close(client);
        if (!done)
                return blame_role(search, role->arn, err);
        free(out->origin);
        out->origin = text_format("role %s (session %s) of profile '%s'", role->arn,
                                  role->session_name, search->profile);
        out->narrowed = role->policy != NULL;
        return true;
}

static bool
assume(const struct search *search, const struct role *role, const struct credentials *base,
       struct credentials *out, struct error *err)
{
        CLEANUP(secret_cleanup) struct secret code = { 0 };

        if (role->mfa_serial && !need_code(search->settings, role, &code, err))
                return false;
        if (code.data && !sts_mfa_code_check((const char *)code.data, err))
                return error_about(err, "MFA device %s", role->mfa_serial);
        CLEANUP(wiped_cleanup)
        char *form = sts_write_assume_role(&(struct sts_assume_role){
                .role_arn = role->arn,
                .session_name = role->session_name,
                .external_id = role->external_id,
                .policy = role->policy,
                .mfa_serial = role->mfa_serial,
                .mfa_code = (const char *)code.data,
                .duration_s = role->duration_s,
        });

        return ask_sts(search, "AssumeRole", role, form, base, out, err);
}

/* A session of the profile's own user, made with a code, and kept as those of roles are. */
static bool
get_session_token(const struct search *search, const struct role *role,
                  const struct credentials *base, struct credentials *out, struct error *err)
{
        CLEANUP(secret_cleanup) struct secret code = { 0 };

        if (!need_code(search->settings, role, &code, err))
                return false;
        if (!sts_mfa_code_check((const char *)code.data, err))
                return error_about(err, "MFA device %s", role->mfa_serial);
        CLEANUP(wiped_cleanup)
        char *form = sts_write_get_session_token(0, role->mfa_serial, (const char *)code.data);

        return ask_sts(search, "GetSessionToken", role, form, base, out, err);
}

bool
role_strengthen(const struct search *search, struct credentials *base, struct error *err)
{
        const char *serial = search_get(search, "mfa_serial");
        struct role role = { .arn = serial, .mfa_serial = serial };
        struct credentials session = { 0 };

        /* Only keys that stand in the profile are its user's. */
        if (!serial || base->session_token || !text_starts(base->origin, "profile '"))
                return true;
        CLEANUP(free_cleanup) char *path = kept_path(search, &role);
        bool kept = path && session_load(path, &session);

        if (!kept && !search->settings->option_mfa_code)
                return true;
        if (!kept && !get_session_token(search, &role, base, &session, err))
                return false;
        if (!kept && path)
                session_save(path, &session);
        free(session.origin);
        session.origin = text_format("%s, with the second factor %s", base->origin, serial);
        credentials_clear(base);
        *base = session;
        return true;
}

/* -- roles of profiles -------------------------------------------------------------------- */

static enum finding
find_source(const struct search *search, struct credentials *out, struct error *err)
{
        static const struct {
                const char *name;
                provider *find;
                const char *missing;
        } sources[] = {
                { "Environment", search_environment,
                  "credential_source is Environment, but AWS_ACCESS_KEY_ID is not set" },
                { "EcsContainer", metadata_find_container,
                  "credential_source is EcsContainer, but no container's variables are set" },
                { "Ec2InstanceMetadata", metadata_find_instance,
                  "credential_source is Ec2InstanceMetadata, but no instance metadata answered" },
        };
        const char *name = search_get(search, "credential_source");

        if (!name)
                return search_source(search, out, err);
        for (size_t i = 0; i < ARRAY_LENGTH(sources); i++) {
                if (strcmp(sources[i].name, name) != 0)
                        continue;
                enum finding finding = sources[i].find(search, out, err);

                return finding != NOT_HERE ? finding
                                           : search_refuse(search, "credential_source", err,
                                                           sources[i].missing);
        }
        return search_refuse(search, "credential_source", err,
                             "credential_source is none of Environment, EcsContainer and "
                             "Ec2InstanceMetadata");
}

static enum finding
assume_from_source(const struct search *search, const struct role *role, struct credentials *out,
                   struct error *err)
{
        CLEANUP(free_cleanup) char *path = role->mfa_serial ? kept_path(search, role) : NULL;
        struct credentials base = { 0 };

        if (path && session_load(path, out)) {
                free(out->origin);
                out->origin = text_format("role %s of profile '%s', kept in %s", role->arn,
                                          search->profile, path);
                out->narrowed = role->policy != NULL;
                return FOUND;
        }
        enum finding finding = find_source(search, &base, err);

        if (finding == FOUND && !assume(search, role, &base, out, err))
                finding = FAILED;
        credentials_clear(&base);
        if (finding == FOUND && path)
                session_save(path, out);
        return finding;
}

enum finding
role_find(const struct search *search, struct credentials *out, struct error *err)
{
        const char *arn = search_get(search, "role_arn");
        const char *source = search_get(search, "source_profile");
        const char *from = search_get(search, "credential_source");
        CLEANUP(role_clear) struct role role = { 0 };

        if (!arn)
                return NOT_HERE;
        if (!source && !from) {
                if (search_get(search, "web_identity_token_file") ||
                    search_variable(search, "AWS_WEB_IDENTITY_TOKEN_FILE"))
                        return NOT_HERE;
                return search_refuse(
                        search, "role_arn", err,
                        "role_arn needs source_profile or credential_source beside it");
        }
        if (source && from)
                return search_refuse(search, "credential_source", err,
                                     "source_profile and credential_source exclude each other");
        if (!read_role(search, arn, &role, err))
                return FAILED;
        return assume_from_source(search, &role, out, err);
}

bool
role_assume_option(const struct search *search, struct credentials *base, struct error *err)
{
        const struct aws_settings *settings = search->settings;
        struct role role = { .arn = settings->option_role_arn,
                             .external_id = settings->option_external_id,
                             .policy = settings->option_session_policy };
        const char *name = settings->option_role_session_name;
        struct credentials session = { 0 };

        if (!sts_role_arn_check(role.arn, err) ||
            (role.external_id && !sts_external_id_check(role.external_id, err)) ||
            (name && !sts_session_name_check(name, err)) ||
            (role.policy && !sts_policy_check(role.policy, err)))
                return error_about(err, "command line");
        name_session(&role, name);
        bool done = assume(search, &role, base, &session, err);

        role_clear(&role);
        if (!done)
                return false;
        credentials_clear(base);
        *base = session;
        return true;
}

/* -- sessions that others made ------------------------------------------------------------- */

/* Who these credentials are, or NULL; the caller frees. */
static char *
session_arn(struct aws_settings *settings, const struct credentials *session)
{
        const char *region = aws_settings_region(settings);
        CLEANUP(buf_cleanup) struct buf body = { 0 };
        struct sts_identity identity = { 0 };
        struct error ignored = { 0 };
        struct aws_client *client = aws_client_open_as(settings, session, &ignored);

        if (!client)
                return NULL;
        aws_client_set_timeouts(client, CONNECT_MS, ATTEMPT_MS);
        struct aws_call call = { .service = "sts",
                                 .region = region ? region : sts_home_region(""),
                                 .operation = "GetCallerIdentity",
                                 .most_attempts = 1 };
        bool known = aws_call(client, &call, &body, &ignored) &&
                     sts_read_caller_identity(view_buf(&body), &identity, &ignored);

        aws_client_close(client);
        char *arn = known ? MOVE(identity.arn) : NULL;

        sts_identity_clear(&identity);
        return arn;
}

void
role_narrow(const struct search *search, struct credentials *session)
{
        struct aws_settings *settings = search->settings;
        CLEANUP(free_cleanup) char *role_arn = NULL;
        char *session_name = NULL;
        struct credentials cut = { 0 };
        struct error denied = { 0 };

        if (!settings->option_session_policy || !settings->option_cut_others ||
            settings->unnarrowed || !session->session_token || session->narrowed ||
            session->settled)
                return;
        CLEANUP(free_cleanup) char *arn = session_arn(settings, session);

        /* The path is not in a session's ARN; who has one names the role with --role-arn. */
        if (!arn || !sts_session_arn_read(arn, &role_arn, &session_name)) {
                settings->unnarrowed =
                        text_copy(arn ? "no role stands behind it" : "STS did not say whose it is");
                return;
        }
        CLEANUP(role_clear)
        struct role role = { .arn = role_arn,
                             .session_name = session_name,
                             .policy = settings->option_session_policy,
                             .once = true };

        if (sts_policy_check(role.policy, &denied) &&
            assume(search, &role, session, &cut, &denied)) {
                free(cut.origin);
                cut.origin = text_format("role %s, cut from: %s", role.arn, session->origin);
                credentials_clear(session);
                *session = cut;
                return;
        }
        settings->unnarrowed =
                text_format(denied.kind == ERROR_ROLE_DENIED
                                    ? "role %s does not trust itself"
                                    : "role %s could not be assumed by its own session",
                            strrchr(role_arn, '/') + 1);
}

/* -- web identities ----------------------------------------------------------------------- */

/* The token, with a NUL behind it; read anew each time, since others renew it. */
static bool
read_token(const char *path, struct secret *out, struct error *err)
{
        CLEANUP(wiped_buf_cleanup) struct buf bytes = { 0 };

        if (!file_read(path, MOST_TOKEN_BYTES + 2, &bytes, err)) {
                err->kind = ERROR_CONFIG;
                return false;
        }
        while (bytes.len && strchr(" \t\r\n", bytes.data[bytes.len - 1]))
                bytes.len--;
        bool good = bytes.len >= 4 && bytes.len <= MOST_TOKEN_BYTES;

        for (size_t i = 0; good && i < bytes.len; i++)
                good = bytes.data[i] > ' ' && bytes.data[i] < 0x7F;
        if (!good) {
                error_set(err, ERROR_CONFIG, "'%s' holds no web identity token", path);
                return error_advise(err, "it is one line of printable characters, put there by the "
                                         "identity provider");
        }
        secret_reserve(out, bytes.len + 1);
        memcpy(out->data, bytes.data, bytes.len);
        out->data[bytes.len] = '\0';
        out->len = bytes.len;
        return true;
}

static enum finding
use_token(const struct search *search, const char *path, const char *arn, const char *name,
          struct credentials *out, struct error *err)
{
        CLEANUP(role_clear) struct role role = { 0 };
        CLEANUP(secret_cleanup) struct secret token = { 0 };

        if (!read_role(search, arn, &role, err))
                return FAILED;
        if (name && !sts_session_name_check(name, err))
                return FAILED;
        if (name)
                text_assign(&role.session_name, name);
        role.mfa_serial = NULL;
        if (!read_token(path, &token, err)) {
                error_about(err, "web identity of AWS profile '%s'", search->profile);
                return FAILED;
        }
        CLEANUP(wiped_cleanup)
        char *form = sts_write_assume_role_with_web_identity(&(struct sts_web_identity){
                .role_arn = role.arn,
                .session_name = role.session_name,
                .token = (const char *)token.data,
                .policy = role.policy,
                .duration_s = role.duration_s,
        });

        return ask_sts(search, "AssumeRoleWithWebIdentity", &role, form, NULL, out, err) ? FOUND
                                                                                         : FAILED;
}

enum finding
role_find_web_identity(const struct search *search, struct credentials *out, struct error *err)
{
        const char *path = search_variable(search, "AWS_WEB_IDENTITY_TOKEN_FILE");
        const char *arn = search_variable(search, "AWS_ROLE_ARN");
        const char *name = search_variable(search, "AWS_ROLE_SESSION_NAME");

        if (!path) {
                path = search_get(search, "web_identity_token_file");
                arn = search_get(search, "role_arn");
                name = NULL;
        }
        if (!path)
                return NOT_HERE;
        if (!arn)
                arn = search_get(search, "role_arn");
        if (arn)
                return use_token(search, path, arn, name, out, err);
        error_set(err, ERROR_CONFIG, "there is a web identity token file but no role for it");
        error_about(err, "'%s', AWS profile '%s'", path, search->profile);
        error_advise(err, "name the role with AWS_ROLE_ARN or the profile's role_arn");
        return FAILED;
}
