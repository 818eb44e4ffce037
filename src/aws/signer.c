#include "aws/signer.h"

#include <stdlib.h>
#include <string.h>

#include "aws/rolesanywhere.h"
#include "base/clock.h"
#include "base/log.h"

enum {
        SKEW_S = 4 * 60,      /* services accept five minutes, some more */
        REFRESH_S = 15 * 60,  /* so long before they expire, credentials are looked for anew */
        REFRESH_PART = 4,     /* (in the last quarter of their time, if that is shorter), */
        REFRESH_PAUSE_S = 60, /* but not more often than this */
};

struct skew {
        struct skew *next;
        char *host;
        int64_t offset;
};

void
signer_clear(struct signer *signer)
{
        while (signer->skews) {
                struct skew *skew = signer->skews;

                signer->skews = skew->next;
                free(skew->host);
                free(skew);
        }
        credentials_clear(&signer->credentials);
        sigv4_key_clear(&signer->key);
}

/* -- credentials -------------------------------------------------------------------------- */

static bool
credentials_equal(const struct credentials *a, const struct credentials *b)
{
        return text_equal(a->access_key_id, b->access_key_id) &&
               text_equal(a->session_token, b->session_token) &&
               view_equal(secret_view(&a->secret_access_key), secret_view(&b->secret_access_key));
}

/* The shortest sessions last 15 minutes: they must not be renewed all the time. */
int64_t
signer_refresh_time(int64_t expires_at, int64_t now)
{
        int64_t part = (expires_at - now) / REFRESH_PART;

        if (!expires_at)
                return 0;
        return expires_at - (part < REFRESH_S ? part : REFRESH_S);
}

bool
signer_renew(struct signer *signer, struct error *err)
{
        struct credentials fresh = { 0 };

        if (signer->fixed)
                return error_set(err, ERROR_NOTHING, "there are no newer credentials");
        signer->looked_at = clock_now();
        if (!credentials_find(signer->settings, &fresh, err))
                return false;
        if (signer->generation && credentials_equal(&fresh, &signer->credentials)) {
                signer->credentials.expires_at = fresh.expires_at;
                credentials_clear(&fresh);
                return error_set(err, ERROR_NOTHING, "there are no newer credentials");
        }
        credentials_clear(&signer->credentials);
        signer->credentials = fresh;
        signer->generation++;
        signer->refresh_at = signer_refresh_time(fresh.expires_at, signer->looked_at);
        sigv4_key_clear(&signer->key);
        log_debug("aws-credentials", "access_key_id=%s origin=\"%s\"", fresh.access_key_id,
                  fresh.origin);
        return true;
}

bool
signer_need(struct signer *signer, struct error *err)
{
        int64_t now = clock_now();
        struct error ignored = { 0 };
        char when[CLOCK_TEXT];

        if (!signer->generation)
                return signer_renew(signer, err);
        int64_t expires_at = signer->credentials.expires_at;

        if (!signer->refresh_at || now < signer->refresh_at)
                return true;
        /* A refresh that fails early leaves the old ones in use. */
        if (now - signer->looked_at >= REFRESH_PAUSE_S || now < signer->looked_at)
                signer_renew(signer, &ignored);
        if (signer->credentials.expires_at != expires_at || now < expires_at)
                return true;
        error_set(err, ERROR_CREDENTIALS_EXPIRED, "the AWS credentials expired at %s",
                  clock_format(expires_at, when));
        error_about(err, "%s", signer->credentials.origin);
        return error_advise(err, "get fresh ones from where these came (log in again)");
}

/* -- clocks ------------------------------------------------------------------------------- */

static struct skew *
skew_of(const struct signer *signer, const char *host)
{
        struct skew *skew = signer->skews;

        while (skew && strcmp(skew->host, host) != 0)
                skew = skew->next;
        return skew;
}

static void
set_offset(struct signer *signer, const char *host, int64_t offset)
{
        struct skew *skew = skew_of(signer, host);

        if (!skew) {
                skew = memory_new(1, sizeof(*skew));
                skew->host = text_copy(host);
                skew->next = signer->skews;
                signer->skews = skew;
        }
        skew->offset = offset;
        log_info("clock-skew", "host=%s offset_s=%lld", host, (long long)offset);
}

bool
signer_correct_clock(struct signer *signer, const char *host, const struct signer_stamp *stamp,
                     int64_t server)
{
        int64_t now = clock_now();
        int64_t off = server - (now + stamp->offset);

        if (!server || (off > -SKEW_S && off < SKEW_S))
                return false;
        set_offset(signer, host, server - now);
        return true;
}

/* -- signing ------------------------------------------------------------------------------ */

struct signer_stamp
signer_sign(struct signer *signer, const struct signer_request *request, char *lines[SIGNER_LINES])
{
        const struct skew *skew = skew_of(signer, request->host);
        const struct credentials *credentials = &signer->credentials;
        const char *token = credentials->session_token;
        struct signer_stamp stamp = { .offset = skew ? skew->offset : 0,
                                      .generation = signer->generation };
        struct sigv4_scope scope = { .region = request->region, .service = request->service };
        CLEANUP(buf_cleanup) struct buf authorization = { 0 };

        /* Taken once for header and scope: midnight may come in between. */
        sigv4_date_time(clock_now() + stamp.offset, scope.date_time);
        struct sigv4_header headers[5] = {
                { "content-type", request->content_type },
                { "host", request->host },
                { "x-amz-date", scope.date_time },
        };
        size_t count = 3;

        if (request->target)
                headers[count++] = (struct sigv4_header){ "x-amz-target", request->target };
        if (token)
                headers[count++] = (struct sigv4_header){ "x-amz-security-token", token };
        const struct sigv4_request canonical = {
                .method = "POST",
                .path = request->path,
                .headers = headers,
                .header_count = count,
                .body = request->body,
                .normalize_path = true,
        };

        sigv4_authorization_kept(&canonical, &scope, credentials->access_key_id,
                                 &credentials->secret_access_key, &signer->key, &authorization);
        signer_leave_unsigned(request, lines);
        char **line = lines;

        while (*line)
                line++;
        *line++ = text_format("X-Amz-Date: %s", scope.date_time);
        *line++ = text_format("Authorization: %s", buf_text(&authorization));
        if (token)
                *line = text_format("X-Amz-Security-Token: %s", token);
        return stamp;
}

bool
signer_sign_card(struct signer *signer, const struct signer_request *request,
                 const struct anywhere_card *card, struct signer_stamp *stamp,
                 char *lines[SIGNER_LINES], struct error *err)
{
        const struct skew *skew = skew_of(signer, request->host);
        struct sigv4_scope scope = { .algorithm = card->algorithm,
                                     .region = request->region,
                                     .service = request->service };
        CLEANUP(buf_cleanup) struct buf authorization = { 0 };

        *stamp = (struct signer_stamp){ .offset = skew ? skew->offset : 0,
                                        .generation = signer->generation };
        sigv4_date_time(clock_now() + stamp->offset, scope.date_time);
        const struct sigv4_header headers[] = {
                { "content-type", request->content_type }, { "host", request->host },
                { "x-amz-date", scope.date_time },         { "x-amz-x509", card->certificate },
                { "x-amz-x509-chain", card->chain },
        };
        const struct sigv4_request canonical = {
                .method = "POST",
                .path = request->path,
                .query = request->query,
                .headers = headers,
                .header_count = ARRAY_LENGTH(headers) - !card->chain,
                .body = request->body,
                .normalize_path = true,
        };

        if (!sigv4_authorization_x509(&canonical, &scope, card->serial, card->sign, card->context,
                                      &authorization, err))
                return false;
        signer_leave_unsigned(request, lines);
        lines[1] = text_format("X-Amz-Date: %s", scope.date_time);
        lines[2] = text_format("Authorization: %s", buf_text(&authorization));
        lines[3] = text_format("X-Amz-X509: %s", card->certificate);
        lines[4] = card->chain ? text_format("X-Amz-X509-Chain: %s", card->chain) : NULL;
        return true;
}

void
signer_leave_unsigned(const struct signer_request *request, char *lines[SIGNER_LINES])
{
        memset(lines, 0, SIGNER_LINES * sizeof(*lines));
        lines[0] = text_format("Content-Type: %s", request->content_type);
        if (request->target)
                lines[1] = text_format("X-Amz-Target: %s", request->target);
}

void
signer_lines_free(char *lines[SIGNER_LINES])
{
        for (size_t i = 0; i < SIGNER_LINES; i++)
                free(lines[i]);
}
