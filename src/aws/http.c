#include "aws/http.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

enum { MOST_HEADER_BYTES = 256 * 1024, IDLE_HANDLES = 8, MOST_KEPT = 128 };

struct http {
        CURLM *multi;
        char *ca_file;
        struct exchange *under_way;
        size_t count;
        bool needs_alarm;         /* curl was built to time names out with SIGALRM: it must not */
        CURL *idle[IDLE_HANDLES]; /* handles to use again: they keep TLS sessions */
        size_t idle_count;
};

/* One request on its way. */
struct exchange {
        struct exchange *next;
        CURL *easy;
        struct curl_slist *headers;
        struct http_answer *answer;
        size_t header_bytes;
        int64_t no_send_after_ms;
        bool too_large;
        bool too_late; /* a lost connection was not replaced any more */
        char detail[CURL_ERROR_SIZE];
};

struct http *
http_open(const char *ca_file, struct error *err)
{
        static bool initialised;

        if (!initialised && curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
                error_set(err, ERROR_INTERNAL, "libcurl cannot be initialised");
                return NULL;
        }
        initialised = true;
        struct http *http = memory_new(1, sizeof(*http));

        http->multi = curl_multi_init();
        if (!http->multi) {
                free(http);
                error_set(err, ERROR_INTERNAL, "libcurl gives no handle");
                return NULL;
        }
        http->ca_file = text_copy(ca_file);
        /* Else connections are closed whenever few calls are under way. */
        curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)MOST_KEPT);
        return http;
}

static void
exchange_free(struct http *http, struct exchange *exchange)
{
        curl_multi_remove_handle(http->multi, exchange->easy);
        curl_easy_reset(exchange->easy);
        if (http->idle_count < IDLE_HANDLES)
                http->idle[http->idle_count++] = exchange->easy;
        else
                curl_easy_cleanup(exchange->easy);
        curl_slist_free_all(exchange->headers);
        http_answer_free(exchange->answer);
        free(exchange);
}

void
http_close(struct http *http)
{
        if (!http)
                return;
        while (http->under_way) {
                struct exchange *exchange = http->under_way;

                http->under_way = exchange->next;
                exchange_free(http, exchange);
        }
        for (size_t i = 0; i < http->idle_count; i++)
                curl_easy_cleanup(http->idle[i]);
        curl_multi_cleanup(http->multi);
        free(http->ca_file);
        free(http);
}

/* -- what curl calls ---------------------------------------------------------------------- */

static size_t
take_body(char *bytes, size_t size, size_t count, void *context)
{
        struct exchange *exchange = context;
        struct buf *body = &exchange->answer->body;
        size_t length = size * count;

        if (length > HTTP_MOST_BYTES - body->len) {
                exchange->too_large = true;
                return 0;
        }
        buf_add(body, view_of(bytes, length));
        return length;
}

/* A header's value, without blanks around it, if the line is that header. */
static bool
header_value(const char *line, size_t length, const char *name, char *out, size_t size)
{
        size_t name_length = strlen(name);

        if (length <= name_length || strncasecmp(line, name, name_length) != 0 ||
            line[name_length] != ':')
                return false;
        const char *from = line + name_length + 1;
        const char *end = line + length;

        while (from < end && (*from == ' ' || *from == '\t'))
                from++;
        while (end > from && (unsigned char)end[-1] <= ' ')
                end--;
        size_t kept = 0;

        for (; from < end && kept + 1 < size; from++)
                out[kept++] = (char)((unsigned char)*from < ' ' || *from == 0x7F ? ' ' : *from);
        out[kept] = '\0';
        return true;
}

static void
take_header_line(struct http_answer *answer, const char *line, size_t length)
{
        char value[64];
        int64_t number = 0;

        /* The head of another answer: a 100 before the real one. */
        if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
                answer->content_type[0] = answer->error_type[0] = answer->request_id[0] = '\0';
                answer->date = 0;
                answer->retry_after_ms = -1;
                return;
        }
        if (header_value(line, length, "content-type", answer->content_type,
                         sizeof(answer->content_type)) ||
            header_value(line, length, "x-amzn-errortype", answer->error_type,
                         sizeof(answer->error_type)) ||
            header_value(line, length, "x-amzn-requestid", answer->request_id,
                         sizeof(answer->request_id)))
                return;
        if (header_value(line, length, "date", value, sizeof(value))) {
                time_t date = curl_getdate(value, NULL);

                answer->date = date > 0 ? date : 0;
        }
        if (header_value(line, length, "x-amz-retry-after", value, sizeof(value)) &&
            number_parse(value, 0, 3600 * 1000, &number))
                answer->retry_after_ms = number;
}

static size_t
take_header(char *bytes, size_t size, size_t count, void *context)
{
        struct exchange *exchange = context;
        size_t length = size * count;

        exchange->header_bytes += length;
        if (exchange->header_bytes > MOST_HEADER_BYTES) {
                exchange->too_large = true;
                return 0;
        }
        take_header_line(exchange->answer, bytes, length);
        return length;
}

/*
 * A connection stands and the request is about to go out.  curl also comes here when it replaces a
 * kept-alive connection that turned out to be dead: not any more after the caller's last moment.
 */
static int
about_to_send(void *context, char *remote, char *local, int remote_port, int local_port)
{
        struct exchange *exchange = context;

        (void)remote;
        (void)local;
        (void)remote_port;
        (void)local_port;
        if (exchange->answer->sent && exchange->no_send_after_ms &&
            clock_boot_ms() > exchange->no_send_after_ms) {
                exchange->too_late = true;
                return CURL_PREREQFUNC_ABORT;
        }
        exchange->answer->sent_again = exchange->answer->sent;
        exchange->answer->sent = true;
        return CURL_PREREQFUNC_OK;
}

/* Programs that we start must not inherit connections. */
static int
prepare_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
        (void)context;
        (void)purpose;
        return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? CURL_SOCKOPT_ERROR : CURL_SOCKOPT_OK;
}

/* -- starting ----------------------------------------------------------------------------- */

static void
set_up_method(CURL *easy, const struct http_request *request)
{
        if (request->method && strcmp(request->method, "GET") == 0) {
                curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
                return;
        }
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                         request->body.len ? (const char *)request->body.data : "");
}

static void
set_up(struct http *http, struct exchange *exchange, const struct http_request *request)
{
        CURL *easy = exchange->easy;

        curl_easy_setopt(easy, CURLOPT_URL, request->url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, request->loopback ? "http,https" : "https");
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        set_up_method(easy, request);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
        /* There are other threads.  A broken connection raises no SIGPIPE: curl sends without. */
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        /* Never wait for a name service that hangs: its thread is left to end on its own. */
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
        curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)HTTP_MOST_BYTES);
        curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
        curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        if (http->ca_file) {
                curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file);
                curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
        }
        if (request->loopback)
                curl_easy_setopt(easy, CURLOPT_PROXY, "");
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
        curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, about_to_send);
        curl_easy_setopt(easy, CURLOPT_PREREQDATA, exchange);
        curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, prepare_socket);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->detail);
        curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
}

static void
must(bool done)
{
        /* curl fails here for want of memory only. */
        if (!done)
                abort();
}

void
http_start(struct http *http, const struct http_request *request)
{
        struct exchange *exchange = memory_new(1, sizeof(*exchange));

        exchange->no_send_after_ms = request->no_send_after_ms;
        exchange->answer = memory_new(1, sizeof(*exchange->answer));
        exchange->answer->tag = request->tag;
        exchange->answer->retry_after_ms = -1;
        exchange->easy = http->idle_count ? http->idle[--http->idle_count] : curl_easy_init();
        must(exchange->easy != NULL);
        for (size_t i = 0; request->headers[i]; i++) {
                exchange->headers = curl_slist_append(exchange->headers, request->headers[i]);
                must(exchange->headers != NULL);
        }
        set_up(http, exchange, request);
        exchange->next = http->under_way;
        http->under_way = exchange;
        http->count++;
        must(curl_multi_add_handle(http->multi, exchange->easy) == CURLM_OK);
        /* Out it goes at once, before the caller does something else. */
        int running = 0;

        curl_multi_perform(http->multi, &running);
}

/* -- moving and ending -------------------------------------------------------------------- */

void
http_wait(struct http *http, int fd, int timeout_ms)
{
        struct curl_waitfd extra = { .fd = fd, .events = CURL_WAIT_POLLIN };
        int running = 0;
        int ready = 0;

        curl_multi_perform(http->multi, &running);
        if ((size_t)running < http->count)
                return; /* something ended already */
        curl_multi_poll(http->multi, fd >= 0 ? &extra : NULL, fd >= 0 ? 1 : 0, timeout_ms, &ready);
        curl_multi_perform(http->multi, &running);
}

static enum http_outcome
outcome_of(CURLcode code, const struct exchange *exchange)
{
        static const struct {
                CURLcode code;
                enum http_outcome outcome;
        } outcomes[] = {
                { CURLE_OK, HTTP_ANSWERED },
                { CURLE_COULDNT_RESOLVE_HOST, HTTP_UNREACHABLE },
                { CURLE_COULDNT_RESOLVE_PROXY, HTTP_UNREACHABLE },
                { CURLE_COULDNT_CONNECT, HTTP_UNREACHABLE },
                { CURLE_PROXY, HTTP_UNREACHABLE },
                { CURLE_OPERATION_TIMEDOUT, HTTP_TIMED_OUT },
                { CURLE_SSL_CONNECT_ERROR, HTTP_TLS_HANDSHAKE },
                { CURLE_PEER_FAILED_VERIFICATION, HTTP_TLS },
                { CURLE_SSL_CIPHER, HTTP_TLS },
                { CURLE_SSL_ISSUER_ERROR, HTTP_TLS },
                { CURLE_SSL_INVALIDCERTSTATUS, HTTP_TLS },
                { CURLE_SSL_CACERT_BADFILE, HTTP_CA_FILE },
                { CURLE_FILESIZE_EXCEEDED, HTTP_TOO_LARGE },
                { CURLE_WEIRD_SERVER_REPLY, HTTP_BAD_ANSWER },
                { CURLE_UNSUPPORTED_PROTOCOL, HTTP_BAD_ANSWER }, /* "HTTP/0.9 is not allowed" */
                { CURLE_BAD_CONTENT_ENCODING, HTTP_BAD_ANSWER },
        };

        if (exchange->too_large)
                return HTTP_TOO_LARGE;
        for (size_t i = 0; i < ARRAY_LENGTH(outcomes); i++) {
                if (outcomes[i].code == code)
                        return outcomes[i].outcome;
        }
        return exchange->answer->sent ? HTTP_BROKEN : HTTP_UNREACHABLE;
}

static struct http_answer *
answer_of(struct exchange *exchange, CURLcode code)
{
        struct http_answer *answer = MOVE(exchange->answer);
        long status = 0;

        exchange->answer = NULL;
        curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
        answer->status = (int)status;
        if (exchange->too_late)
                snprintf(answer->detail, sizeof(answer->detail),
                         "it was lost, and too late to send again");
        else if (code != CURLE_OK)
                snprintf(answer->detail, sizeof(answer->detail), "%s",
                         *exchange->detail ? exchange->detail : curl_easy_strerror(code));
        return answer;
}

struct http_answer *
http_finish(struct http *http)
{
        CURLMsg *message;
        int left = 0;

        while ((message = curl_multi_info_read(http->multi, &left))) {
                struct exchange *exchange = NULL;

                if (message->msg != CURLMSG_DONE)
                        continue;
                CURLcode code = message->data.result;

                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&exchange);
                enum http_outcome outcome = outcome_of(code, exchange);
                struct http_answer *answer = answer_of(exchange, code);
                struct exchange **link = &http->under_way;

                answer->outcome = outcome;
                while (*link != exchange)
                        link = &(*link)->next;
                *link = exchange->next;
                http->count--;
                exchange_free(http, exchange);
                return answer;
        }
        return NULL;
}

void
http_answer_free(struct http_answer *answer)
{
        if (!answer)
                return;
        buf_clear(&answer->body);
        free(answer);
}
