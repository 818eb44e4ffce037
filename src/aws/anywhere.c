/*
 * The session of Roles Anywhere, kept for every client of the process: a provider of credentials.
 */
#include <stdlib.h>
#include <string.h>

#include "aws/client.h"
#include "aws/provider.h"
#include "aws/rolesanywhere.h"
#include "aws/signer.h"
#include "aws/sts.h"
#include "base/clock.h"

enum {
        CONNECT_MS = 3100,
        ATTEMPT_MS = 10 * 1000,
};

struct anywhere {
        struct anywhere_options options; /* its texts are these */
        char *trust_anchor;
        char *profile;
        char *role;
        char *session_name;
        char *region;
        struct credentials session;
        int64_t fresh_until; /* later than this another one is asked for */
};

/* -- the session -------------------------------------------------------------------------- */

struct anywhere *
anywhere_new(const struct anywhere_options *options, struct error *err)
{
        int64_t duration = options->duration_s;

        if (!anywhere_arns_check(options->trust_anchor, options->profile, options->role, err) ||
            (options->session_name && !sts_session_name_check(options->session_name, err)))
                return NULL;
        if (duration && (duration < ANYWHERE_LEAST_S || duration > ANYWHERE_MOST_S)) {
                error_set(err, ERROR_CONFIG, "a session of %lld seconds is not to be had",
                          (long long)duration);
                error_advise(err, "Roles Anywhere gives sessions of 15 minutes to 12 hours");
                return NULL;
        }
        struct anywhere *anywhere = memory_new(1, sizeof(*anywhere));

        anywhere->options = *options;
        anywhere->options.trust_anchor = anywhere->trust_anchor = text_copy(options->trust_anchor);
        anywhere->options.profile = anywhere->profile = text_copy(options->profile);
        anywhere->options.role = anywhere->role = text_copy(options->role);
        anywhere->options.session_name = anywhere->session_name = text_copy(options->session_name);
        anywhere->region = anywhere_region(options->trust_anchor);
        return anywhere;
}

void
anywhere_free(struct anywhere *anywhere)
{
        if (!anywhere)
                return;
        free(anywhere->trust_anchor);
        free(anywhere->profile);
        free(anywhere->role);
        free(anywhere->session_name);
        free(anywhere->region);
        credentials_clear(&anywhere->session);
        free(anywhere);
}

void
anywhere_forget(struct anywhere *anywhere)
{
        credentials_clear(&anywhere->session);
        anywhere->fresh_until = 0;
}

/* What AWS's few words mean, and who can mend it. */
static const struct {
        const char *message; /* a part of it, of any case */
        const char *next;
} refusals[] = {
        { "untrusted",
          "the certificate must come from the trust anchor's CA and must not be revoked: check the "
          "trust anchor's ARN, and name the intermediate certificates with --rolesanywhere-chain" },
        { "invalid signature",
          "the key on the token does not belong to the certificate, or this computer's clock is "
          "off: see `p11cert doctor`" },
        { "assume role",
          "the role's trust policy must name rolesanywhere.amazonaws.com, this anchor and this "
          "common name (`p11cert identity policy --role-trust ANCHOR --common-name NAME` writes "
          "it), and the Roles Anywhere profile must list the role" },
        { "rolesessionname", "leave --role-session-name out, or let the Roles Anywhere profile "
                             "accept names of sessions" },
        { "disabled", "ask the administrator: trust anchor or profile are disabled, which is also "
                      "how a station is shut out" },
};

static bool
explain(const struct anywhere *anywhere, struct error *err)
{
        const char *next = NULL;

        for (size_t i = 0; !next && i < ARRAY_LENGTH(refusals); i++) {
                if (strcasestr(err->aws.message, refusals[i].message))
                        next = refusals[i].next;
        }
        if (err->kind == ERROR_DENIED) {
                struct error why = *err;

                error_set(err, ERROR_DENIED, "Roles Anywhere refuses the station's certificate: %s",
                          *why.aws.message ? why.aws.message : why.what);
                error_aws(err, why.aws.code, why.aws.message, why.aws.request_id);
                error_advise(err, "%s", next ? next : why.next);
        }
        if (err->kind == ERROR_CA_UNKNOWN) {
                *err->next = '\0';
                error_advise(err, "check the ARNs of trust anchor and profile: one of them is not "
                                  "there");
        }
        /* Nobody's order is to blame for a session that cannot be had. */
        if (err->kind == ERROR_CA_UNKNOWN || error_is_verdict(err->kind))
                err->kind = ERROR_CONFIG;
        return error_about(err, "role %s, trust anchor %s", anywhere->options.role,
                           anywhere->options.trust_anchor);
}

static bool
ask(struct anywhere *anywhere, struct aws_settings *settings, const struct anywhere_card *card,
    struct error *err)
{
        struct aws_client *client = aws_client_open_as(settings, NULL, err);
        CLEANUP(free_cleanup) char *query = anywhere_write_query(&anywhere->options);
        CLEANUP(free_cleanup) char *body = anywhere_write_body(&anywhere->options);
        CLEANUP(buf_cleanup) struct buf reply = { 0 };

        if (!client)
                return false;
        aws_client_set_timeouts(client, CONNECT_MS, ATTEMPT_MS);
        bool done = aws_call(client,
                             &(struct aws_call){ .service = "rolesanywhere",
                                                 .region = anywhere->region,
                                                 .operation = "CreateSession",
                                                 .path = "/sessions",
                                                 .query = query,
                                                 .card = card,
                                                 .body = view_text(body) },
                             &reply, err) &&
                    anywhere_read_session(view_buf(&reply), &anywhere->session, err);

        aws_client_close(client);
        if (reply.data)
                wipe(reply.data, reply.len);
        return done || explain(anywhere, err);
}

static bool
create_session(struct anywhere *anywhere, struct aws_settings *settings, struct error *err)
{
        struct anywhere_identity identity = { 0 };
        CLEANUP(anywhere_card_clear) struct anywhere_card card = { 0 };

        if (!anywhere->options.identity(anywhere->options.context, &identity, err) ||
            !anywhere_card_make(&identity, &card, err) || !ask(anywhere, settings, &card, err))
                return false;
        free(anywhere->session.origin);
        anywhere->session.origin = text_format("Roles Anywhere, role %s, certificate %s",
                                               anywhere->options.role, card.serial);
        anywhere->session.settled = true; /* the session policy is the AWS-side profile's */
        anywhere->fresh_until = signer_refresh_time(anywhere->session.expires_at, clock_now());
        return true;
}

enum finding
anywhere_find(const struct search *search, struct credentials *out, struct error *err)
{
        struct anywhere *anywhere = search->settings->anywhere;

        if (!anywhere)
                return NOT_HERE;
        int64_t now = clock_now();
        bool kept = anywhere->session.access_key_id != NULL;

        /* One that cannot be renewed early is used until its end. */
        if ((!kept || now >= anywhere->fresh_until) &&
            !create_session(anywhere, search->settings, err) &&
            (!kept || now >= anywhere->session.expires_at))
                return FAILED;
        credentials_copy(out, &anywhere->session);
        return FOUND;
}
