/* Credentials that the machine hands out: a container's endpoint, an instance's metadata. */
#include "aws/provider.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/endpoint.h"
#include "aws/found.h"
#include "aws/http.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

enum {
        CONTAINER_MS = 2000,
        CONTAINER_ATTEMPTS = 3,
        INSTANCE_MS = 1000,
        /* Where no instance is, nobody answers the first question: that must not take long. */
        FIRST_MS = 700,
        MOST_TOKEN_BYTES = 16 * 1024,
        MOST_ROLE_LENGTH = 128,
};

static const struct found_names names = { .token = "Token", .subject = "the metadata service" };

/* -- asking ------------------------------------------------------------------------------- */

/* A request and its answer, waited for; never by a proxy. */
static struct http_answer *
fetch(struct http *http, const char *method, const char *url, const char *const *headers,
      int64_t limit_ms)
{
        struct http_answer *answer;

        http_start(http, &(struct http_request){ .method = method,
                                                 .url = url,
                                                 .headers = headers,
                                                 .loopback = true,
                                                 .connect_timeout_ms = limit_ms,
                                                 .timeout_ms = limit_ms });
        while (!(answer = http_finish(http)))
                http_wait(http, -1, (int)limit_ms);
        log_debug("aws-metadata", "method=%s url=%s status=%d %s", method, url, answer->status,
                  answer->detail);
        return answer;
}

static void
forget(struct http_answer *answer)
{
        if (answer && answer->body.data)
                wipe(answer->body.data, answer->body.len);
        http_answer_free(answer);
}

static bool
is_good(const struct http_answer *answer)
{
        return answer->outcome == HTTP_ANSWERED && answer->status == 200;
}

/* A token that fits into a header line: printable, without blanks at its ends. */
static bool
is_header_value(const char *text)
{
        for (const char *c = text; *c; c++) {
                if (*c < ' ' || *c >= 0x7F)
                        return false;
        }
        return *text && *text != ' ';
}

static bool
refuse_answer(const struct http_answer *answer, const char *origin, struct error *err)
{
        if (answer->outcome == HTTP_ANSWERED)
                error_set(err, ERROR_CREDENTIALS_MISSING,
                          "the metadata service answered with HTTP status %d", answer->status);
        else
                error_set(err, ERROR_CREDENTIALS_MISSING, "the metadata service did not answer: %s",
                          answer->detail);
        error_about(err, "%s", origin);
        return error_advise(err, "check that a role is attached there, and try again");
}

/* -- containers --------------------------------------------------------------------------- */

static bool
container_url(char **url, struct error *err)
{
        const char *relative = environment_get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        const char *full = environment_get("AWS_CONTAINER_CREDENTIALS_FULL_URI");

        if (relative) {
                *url = text_format("http://169.254.170.2%s", relative);
                if (*relative == '/' && endpoint_is_local(*url))
                        return true;
                error_set(err, ERROR_CONFIG,
                          "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not a path");
                return error_advise(err, "it begins with '/' and is set by the container's agent");
        }
        *url = text_copy(full);
        if (endpoint_is_local(full) || endpoint_is_https(full))
                return true;
        error_set(err, ERROR_CONFIG,
                  "AWS_CONTAINER_CREDENTIALS_FULL_URI leads off this machine without TLS");
        return error_advise(err, "plain http is accepted for loopback and the container agents' "
                                 "addresses only; use https elsewhere");
}

/* "Authorization: …", or NULL without a token; false when the token is none. */
static bool
authorization_line(char **line, struct error *err)
{
        const char *path = environment_get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        const char *token = environment_get("AWS_CONTAINER_AUTHORIZATION_TOKEN");
        CLEANUP(buf_cleanup) struct buf bytes = { 0 };

        if (path && !file_read(path, MOST_TOKEN_BYTES, &bytes, err)) {
                err->kind = ERROR_CONFIG;
                return error_about(err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        }
        while (bytes.len && strchr("\r\n", bytes.data[bytes.len - 1]))
                bytes.data[--bytes.len] = '\0';
        if (path)
                token = buf_text(&bytes);
        if (!token)
                return true;
        bool good = is_header_value(token) && (!path || strlen(token) == bytes.len);

        if (good)
                *line = text_format("Authorization: %s", token);
        if (bytes.data)
                wipe(bytes.data, bytes.len);
        if (good)
                return true;
        error_set(err, ERROR_CONFIG,
                  "the container's authorization token has characters that none "
                  "has");
        error_about(err, "%s", path ? path : "AWS_CONTAINER_AUTHORIZATION_TOKEN");
        return error_advise(err, "it is a single line of printable characters");
}

static bool
ask_container(const char *url, const char *line, struct credentials *out, struct error *err)
{
        const char *headers[] = { "Accept: application/json", line, NULL };
        CLEANUP(free_cleanup) char *origin = text_format("container credentials at %s", url);
        struct http *http = http_open(NULL, err);
        struct http_answer *answer = NULL;

        if (!http)
                return false;
        for (int attempt = 0; attempt < CONTAINER_ATTEMPTS; attempt++) {
                forget(answer);
                answer = fetch(http, "GET", url, headers, CONTAINER_MS);
                if (answer->outcome == HTTP_ANSWERED && answer->status < 500)
                        break;
        }
        bool done = is_good(answer)
                            ? found_read_json(view_buf(&answer->body), &names, origin, out, err)
                            : refuse_answer(answer, origin, err);

        forget(answer);
        http_close(http);
        return done;
}

enum finding
metadata_find_container(const struct search *search, struct credentials *out, struct error *err)
{
        CLEANUP(free_cleanup) char *url = NULL;
        CLEANUP(free_cleanup) char *line = NULL;

        (void)search;
        if (!environment_get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") &&
            !environment_get("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
                return NOT_HERE;
        if (!container_url(&url, err) || !authorization_line(&line, err))
                return FAILED;
        bool done = ask_container(url, line, out, err);

        if (line)
                wipe(line, strlen(line));
        return done ? FOUND : FAILED;
}

/* -- instances ---------------------------------------------------------------------------- */

struct instance {
        struct http *http;
        const char *base; /* without a slash at its end */
        int64_t limit_ms;
        char *token_line;
};

static bool
is_set(const char *name)
{
        const char *value = environment_get(name);

        return value && strcasecmp(value, "true") == 0;
}

static bool
instance_base(char **base, struct error *err)
{
        const char *url = environment_get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        const char *mode = environment_get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
        bool v6 = mode && strcasecmp(mode, "IPv6") == 0;

        *base = text_copy(url ? url : v6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254");
        size_t length = strlen(*base);

        while (length && (*base)[length - 1] == '/')
                (*base)[--length] = '\0';
        if (endpoint_is_local(*base))
                return true;
        error_set(err, ERROR_CONFIG, "AWS_EC2_METADATA_SERVICE_ENDPOINT leads off this machine");
        return error_advise(err, "it is http://169.254.169.254, http://[fd00:ec2::254] or a "
                                 "loopback address; leave it unset");
}

/* IMDSv2 only: version 1 answers whoever can make a machine fetch a URL. */
static bool
open_metadata(struct instance *instance)
{
        static const char *const headers[] = { "x-aws-ec2-metadata-token-ttl-seconds: 21600",
                                               "Content-Type:", "Expect:", NULL };
        CLEANUP(free_cleanup) char *url = text_format("%s/latest/api/token", instance->base);
        int64_t limit_ms = instance->limit_ms < FIRST_MS ? instance->limit_ms : FIRST_MS;
        struct http_answer *answer = fetch(instance->http, "PUT", url, headers, limit_ms);
        const char *token = buf_text(&answer->body);
        bool good = is_good(answer) && is_header_value(token) &&
                    strlen(token) == answer->body.len && answer->body.len < MOST_TOKEN_BYTES;

        if (good)
                instance->token_line = text_format("x-aws-ec2-metadata-token: %s", token);
        forget(answer);
        return good;
}

static struct http_answer *
get_metadata(const struct instance *instance, const char *role)
{
        const char *headers[] = { instance->token_line, NULL };
        CLEANUP(free_cleanup)
        char *url = text_format("%s/latest/meta-data/iam/security-credentials/%s", instance->base,
                                role);

        return fetch(instance->http, "GET", url, headers, instance->limit_ms);
}

/* The role's name: the first line. */
static bool
read_role_name(const struct http_answer *answer, char **role)
{
        const char *text = buf_text(&answer->body);
        size_t length = strcspn(text, "\r\n");
        static const char plain[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-";

        if (!is_good(answer) || !length || length > MOST_ROLE_LENGTH ||
            strspn(text, plain) != length)
                return false;
        *role = text_copy_length(text, length);
        return true;
}

static enum finding
ask_instance(const struct instance *instance, struct credentials *out, struct error *err)
{
        CLEANUP(free_cleanup) char *role = NULL;
        CLEANUP(free_cleanup) char *origin = text_format("instance metadata at %s", instance->base);
        struct http_answer *answer = get_metadata(instance, "");
        /* An instance without a role has no such document. */
        bool none = answer->outcome == HTTP_ANSWERED && answer->status == 404;

        if (none || !read_role_name(answer, &role)) {
                if (!none)
                        refuse_answer(answer, origin, err);
                forget(answer);
                return none ? NOT_HERE : FAILED;
        }
        forget(answer);
        answer = get_metadata(instance, role);
        bool done = is_good(answer)
                            ? found_read_json(view_buf(&answer->body), &names, origin, out, err)
                            : refuse_answer(answer, origin, err);

        forget(answer);
        return done ? FOUND : FAILED;
}

static int64_t
instance_limit(void)
{
        const char *text = environment_get("AWS_METADATA_SERVICE_TIMEOUT");
        int64_t seconds = 0;

        return text && number_parse(text, 1, 60, &seconds) ? seconds * 1000 : INSTANCE_MS;
}

enum finding
metadata_find_instance(const struct search *search, struct credentials *out, struct error *err)
{
        CLEANUP(free_cleanup) char *base = NULL;
        struct instance instance = { .limit_ms = instance_limit() };

        (void)search;
        if (is_set("AWS_EC2_METADATA_DISABLED"))
                return NOT_HERE;
        if (!instance_base(&base, err))
                return FAILED;
        instance.base = base;
        instance.http = http_open(NULL, err);
        if (!instance.http)
                return FAILED;
        enum finding finding = NOT_HERE;

        if (open_metadata(&instance))
                finding = ask_instance(&instance, out, err);
        if (instance.token_line)
                wipe(instance.token_line, strlen(instance.token_line));
        free(instance.token_line);
        http_close(instance.http);
        return finding;
}
