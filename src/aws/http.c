#include "aws/http.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

enum {
        MOST_HEADER_BYTES = 256 * 1024,
        IDLE_HANDLES = 32,
        MOST_KEPT = 128,
        EVENTS = 64,
        UPLOAD_BYTES = 16 * 1024, /* curl's least buffer; ours is a few kilobytes at a time */
};

struct http {
        CURLM *multi;
        int epoll;      /* what curl wants to know of its sockets */
        int64_t due_ms; /* when curl wants to be called without any (clock_boot_ms), 0: not */
        char *ca_file;
        struct exchange *under_way;
        size_t count;
        size_t running;           /* of them; the others have ended */
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

static void
must(bool done)
{
        /* curl and the system fail here for want of memory only. */
        if (!done)
                abort();
}

/* -- which sockets, and when --------------------------------------------------------------- */

/* curl tells which of a socket's events it waits for (CURLMOPT_SOCKETFUNCTION). */
static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
        struct http *http = context;
        struct epoll_event event = { .data = { .fd = fd } };

        (void)easy;
        (void)known;
        if (what == CURL_POLL_REMOVE) {
                (void)epoll_ctl(http->epoll, EPOLL_CTL_DEL, fd, NULL);
                return 0;
        }
        if (what & CURL_POLL_IN)
                event.events |= EPOLLIN;
        if (what & CURL_POLL_OUT)
                event.events |= EPOLLOUT;
        /* A number may have been closed and come back without a word. */
        must(epoll_ctl(http->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ||
             epoll_ctl(http->epoll, EPOLL_CTL_MOD, fd, &event) == 0);
        return 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int
set_timer(CURLM *multi, long wait_ms, void *context)
{
        struct http *http = context;

        (void)multi;
        http->due_ms = wait_ms < 0 ? 0 : clock_boot_ms() + wait_ms;
        return 0;
}

/* `fd` CURL_SOCKET_TIMEOUT: what is due. */
static void
run(struct http *http, curl_socket_t fd, int what)
{
        int running = 0;

        curl_multi_socket_action(http->multi, fd, what, &running);
        http->running = (size_t)running;
}

static void
run_timer(struct http *http)
{
        if (!http->due_ms || clock_boot_ms() < http->due_ms)
                return;
        /* curl sets it anew where there is more to wait for. */
        http->due_ms = 0;
        run(http, CURL_SOCKET_TIMEOUT, 0);
}

static void
run_sockets(struct http *http)
{
        struct epoll_event events[EVENTS];
        int count = epoll_wait(http->epoll, events, EVENTS, 0);

        for (int i = 0; i < count; i++) {
                int what = 0;

                if (events[i].events & EPOLLIN)
                        what |= CURL_CSELECT_IN;
                if (events[i].events & EPOLLOUT)
                        what |= CURL_CSELECT_OUT;
                if (events[i].events & (EPOLLERR | EPOLLHUP))
                        what |= CURL_CSELECT_ERR;
                run(http, events[i].data.fd, what);
        }
}

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
        http->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (http->epoll < 0) {
                curl_multi_cleanup(http->multi);
                free(http);
                error_set(err, ERROR_INTERNAL, "the system has no descriptor left");
                return NULL;
        }
        http->ca_file = text_copy(ca_file);
        curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
        curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
        curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer);
        curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
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
        close(http->epoll);
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
        curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BYTES);
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
        http->due_ms = clock_boot_ms();
        run_timer(http);
}

/* -- moving and ending -------------------------------------------------------------------- */

void
http_wait(struct http *http, int fd, int timeout_ms)
{
        struct pollfd fds[2] = { { .fd = http->epoll, .events = POLLIN },
                                 { .fd = fd, .events = POLLIN } };
        int64_t wait = timeout_ms;

        run_timer(http);
        if (http->running < http->count)
                wait = 0; /* something ended already */
        if (http->due_ms) {
                int64_t due = http->due_ms - clock_boot_ms();

                due = due < 0 ? 0 : due;
                wait = wait < 0 || due < wait ? due : wait;
        }
        poll(fds, fd >= 0 ? 2 : 1, (int)wait);
        run_sockets(http);
        run_timer(http);
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
