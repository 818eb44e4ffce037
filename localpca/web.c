#include "localpca/web.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "localpca/json.h"
#include "localpca/mfa.h"
#include "localpca/oidc.h"
#include "localpca/revocation.h"

static void
text_answer(struct answer *answer, unsigned status, const char *text)
{
        answer->status = status;
        answer->content_type = "text/plain; charset=utf-8";
        buf_format(&answer->body, "%s\n", text);
}

static void
json_answer(struct answer *answer, cJSON *object)
{
        char *text = cJSON_PrintUnformatted(object);

        answer->status = 200;
        answer->content_type = "application/json";
        buf_format(&answer->body, "%s\n", text);
        cJSON_free(text);
        cJSON_Delete(object);
}

static void
refused_answer(struct answer *answer, const struct error *err)
{
        char *text = text_format("%s%s%s", err->what, err->next[0] ? "; " : "", err->next);

        text_answer(answer, 400, text);
        free(text);
}

/* -- revocation --------------------------------------------------------------------------- */

static bool
crl_page(struct pca *pca, const struct web_request *request, struct answer *answer)
{
        struct error err = { 0 };

        if (strcmp(request->method, "GET") != 0)
                return false;
        for (size_t i = 0; i < pca->authorities.count; i++) {
                struct authority *authority = pca->authorities.all[i];
                if (!revocation_crl_is_at(authority, request->path))
                        continue;
                const struct buf *crl = revocation_crl(pca, authority, &err);
                if (!crl)
                        return false;
                answer->status = 200;
                answer->content_type = "application/pkix-crl";
                buf_set(&answer->body, view_buf(crl));
                return true;
        }
        return false;
}

bool
web_is_ocsp(const char *method, const char *content_type)
{
        return strcmp(method, "POST") == 0 && content_type &&
               strcmp(content_type, "application/ocsp-request") == 0;
}

static bool
ocsp_page(struct pca *pca, const struct web_request *request, struct answer *answer)
{
        CLEANUP(buf_cleanup) struct buf decoded = { 0 };
        struct error ignored = { 0 };
        struct view bytes = request->body;

        if (strcmp(request->method, "GET") == 0) {
                if (!text_starts(request->path, "/ocsp/"))
                        return false;
                const char *text = request->path + strlen("/ocsp/");
                if (base64_decode(view_text(text), &decoded, &ignored))
                        bytes = view_buf(&decoded);
        } else if (strcmp(request->method, "POST") != 0) {
                return false;
        }
        answer->status = 200;
        answer->content_type = "application/ocsp-response";
        revocation_ocsp(pca, bytes, &answer->body);
        return true;
}

/* -- /_localpca/ -------------------------------------------------------------------------- */

/* Hand each line of a body to `take`; all of them, or the first that is refused. */
static bool
lines_take(struct view body, bool (*take)(struct pca *pca, char *line, struct error *err),
           struct pca *pca, struct error *err)
{
        CLEANUP(free_cleanup) char *text = text_copy_length(body.data, body.len);
        char *rest = NULL;

        for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest))
                if (!take(pca, line, err))
                        return false;
        return true;
}

static bool
fault_line(struct pca *pca, char *line, struct error *err)
{
        /* A script would be a file of this machine's, named by whoever can post here. */
        if (strstr(line, "script="))
                return error_set(err, ERROR_USAGE, "a script can be given by --fault only");
        return faults_add(pca->faults, line, err);
}

static void
faults_page(struct pca *pca, const struct web_request *request, struct answer *answer)
{
        struct error err = { 0 };

        if (strcmp(request->method, "DELETE") == 0)
                faults_clear(pca->faults);
        if (strcmp(request->method, "POST") == 0 &&
            !lines_take(request->body, fault_line, pca, &err)) {
                refused_answer(answer, &err);
                return;
        }
        cJSON *list = cJSON_CreateArray();
        for (size_t i = 0; i < faults_count(pca->faults); i++)
                cJSON_AddItemToArray(list, cJSON_CreateString(faults_rule(pca->faults, i)));
        json_answer(answer, list);
}

static const struct {
        const char *name;
        size_t offset;
        bool is_negative_fine;
} settings[] = {
        { "latency", offsetof(struct settings, latency_ms), false },
        { "issue-delay", offsetof(struct settings, issue_delay_ms), false },
        { "clock-offset", offsetof(struct settings, clock_offset_ms), true },
        { "idempotency-window", offsetof(struct settings, idempotency_window_ms), false },
        { "iam-delay", offsetof(struct settings, iam_delay_ms), false },
};

static int64_t *
setting_at(struct pca *pca, size_t i)
{
        return (int64_t *)(void *)((char *)&pca->settings + settings[i].offset);
}

static bool
setting_line(struct pca *pca, char *line, struct error *err)
{
        char *value = strchr(line, '=');

        if (!value)
                return error_set(err, ERROR_USAGE, "'%s' is not name=value", line);
        *value++ = '\0';
        if (strcmp(line, "rate") == 0)
                return throttle_set(pca->throttle, value, err);
        for (size_t i = 0; i < ARRAY_LENGTH(settings); i++) {
                if (strcmp(settings[i].name, line) != 0)
                        continue;
                return options_read_span(value, settings[i].is_negative_fine, setting_at(pca, i)) ||
                       error_set(err, ERROR_USAGE, "'%s' is not a span such as 40ms or 5m", value);
        }
        return error_set(err, ERROR_USAGE, "there is no setting '%s'", line);
}

static void
settings_page(struct pca *pca, const struct web_request *request, struct answer *answer)
{
        struct error err = { 0 };

        if (strcmp(request->method, "POST") == 0 &&
            !lines_take(request->body, setting_line, pca, &err)) {
                refused_answer(answer, &err);
                return;
        }
        cJSON *object = cJSON_CreateObject();
        for (size_t i = 0; i < ARRAY_LENGTH(settings); i++) {
                char *name = text_format("%s_ms", settings[i].name);
                for (char *dash; (dash = strchr(name, '-'));)
                        *dash = '_';
                cJSON_AddNumberToObject(object, name, (double)*setting_at(pca, i));
                free(name);
        }
        json_answer(answer, object);
}

static void
stats_page(struct pca *pca, const struct web_request *request, struct answer *answer)
{
        (void)request;
        answer->status = 200;
        answer->content_type = "application/json";
        pca_stats(pca, &answer->body);
        buf_add_byte(&answer->body, '\n');
}

/* The code that a virtual MFA device shows now; the body is its serial number. */
static void
mfa_page(struct pca *pca, const struct web_request *request, struct answer *answer)
{
        CLEANUP(free_cleanup)
        char *serial = text_copy_length(request->body.data, request->body.len);
        char code[7];

        serial[strcspn(serial, "\r\n")] = '\0';
        const struct record *device = record_find(&pca->records, RECORD_MFA, serial);
        if (!device) {
                text_answer(answer, 404, "there is no such MFA device");
                return;
        }
        mfa_show(device, pca_now_ms(pca) / 1000, code);
        text_answer(answer, 200, code);
}

/* name=value lines of a token that is asked for; what is no name of ours is a claim. */
static bool
claim_line(cJSON *form, char *line)
{
        char *value = strchr(line, '=');

        if (!value)
                return false;
        *value++ = '\0';
        json_set_text(form, line, value);
        return true;
}

/* A text of the form, taken out of it; the caller frees. */
static char *
form_take(cJSON *form, const char *name, const char *otherwise)
{
        const char *value = json_text(form, name);
        char *taken = text_copy(value ? value : otherwise);

        json_set_text(form, name, NULL);
        return taken;
}

static void
web_identity_page(struct pca *pca, const struct web_request *request, struct answer *answer)
{
        CLEANUP(free_cleanup)
        char *text = text_copy_length(request->body.data, request->body.len);
        cJSON *form = cJSON_CreateObject();
        char *rest = NULL;
        bool readable = true;
        struct error err = { 0 };
        int64_t lifetime_ms = 0, now = pca_now_ms(pca) / 1000;

        for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest))
                readable = claim_line(form, line) && readable;
        CLEANUP(free_cleanup) char *lifetime = form_take(form, "lifetime", "1h");
        CLEANUP(free_cleanup) char *issuer = form_take(form, "iss", OIDC_ISSUER);
        CLEANUP(free_cleanup) char *subject = form_take(form, "sub", NULL);
        CLEANUP(free_cleanup) char *audience = form_take(form, "aud", "sts.amazonaws.com");
        CLEANUP(free_cleanup) char *algorithm = form_take(form, "alg", "RS256");
        readable = readable && options_read_span(lifetime, true, &lifetime_ms);
        struct oidc_wish wish = { .issuer = issuer,
                                  .subject = subject,
                                  .audience = audience,
                                  .algorithm = algorithm,
                                  .issued = lifetime_ms < 0 ? now + 2 * lifetime_ms / 1000 : now,
                                  .expires = now + lifetime_ms / 1000,
                                  .claims = form };
        CLEANUP(free_cleanup) char *token = readable ? oidc_token_make(pca, &wish, &err) : NULL;
        cJSON_Delete(form);
        if (token)
                text_answer(answer, 200, token);
        else
                text_answer(answer, 400, readable ? err.what : "lines of name=value are wanted");
}

static const struct {
        const char *path;
        void (*answer)(struct pca *pca, const struct web_request *request, struct answer *answer);
} pages[] = {
        { "/_localpca/stats", stats_page },
        { "/_localpca/faults", faults_page },
        { "/_localpca/settings", settings_page },
        { "/_localpca/mfa", mfa_page },
        { "/_localpca/web-identity", web_identity_page },
};

void
web_answer(struct pca *pca, const struct web_request *request, struct answer *answer)
{
        for (size_t i = 0; i < ARRAY_LENGTH(pages); i++) {
                if (strcmp(pages[i].path, request->path) != 0)
                        continue;
                if (request->from_loopback)
                        pages[i].answer(pca, request, answer);
                else
                        text_answer(answer, 403, "only for this machine");
                return;
        }
        if (crl_page(pca, request, answer))
                return;
        bool ocsp = text_starts(request->path, "/ocsp/") || strcmp(request->path, "/ocsp") == 0 ||
                    strcmp(request->path, "/") == 0;
        if (!ocsp || !ocsp_page(pca, request, answer))
                text_answer(answer, 404, "not found");
}
