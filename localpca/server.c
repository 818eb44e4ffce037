#include "localpca/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "localpca/anywhere.h"
#include "localpca/exchange.h"
#include "localpca/query.h"
#include "localpca/tls.h"
#include "localpca/web.h"

enum {
        BODY_MOST = 4 << 20,     /* a CA chain may have 2 MiB, base64 makes 2.7 of it */
        BODIES_MOST = 256 << 20, /* all that is being received */
        CONNECTIONS_MOST = 8192,
        IDLE_SECONDS = 60,
        BACKLOG = 1024,
        WAIT_MOST_MS = 60 * 1000,
        SLOW_PIECES = 20,
};

struct server {
        struct pca *pca;
        struct MHD_Daemon *daemons[2]; /* the second is plain HTTP beside HTTPS; or NULL */
        struct tls_files tls;
        int signals;
        size_t bodies; /* bytes of bodies being received */
        struct waiting waiting;
        struct exchange **turn; /* decided since the last commit */
        size_t turn_count, turn_capacity;
};

/* -- taking requests ---------------------------------------------------------------------- */

static void *
request_begin(void *context, const char *uri, struct MHD_Connection *connection)
{
        (void)context;
        (void)connection;
        return exchange_new(uri);
}

static void
request_end(void *context, struct MHD_Connection *connection, void **slot,
            enum MHD_RequestTerminationCode code)
{
        struct server *server = context;
        struct exchange *exchange = *slot;

        (void)connection;
        (void)code;
        if (exchange)
                server->bodies -= exchange->body.len;
        exchange_free(exchange);
        *slot = NULL;
}

static void
connection_count(void *context, struct MHD_Connection *connection, void **slot,
                 enum MHD_ConnectionNotificationCode code)
{
        struct stats *stats = &((struct server *)context)->pca->stats;

        (void)connection;
        (void)slot;
        if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
                stats->connections_open--;
                return;
        }
        stats->connections++;
        if (++stats->connections_open > stats->connections_most)
                stats->connections_most = stats->connections_open;
}

static void
body_take(struct server *server, struct exchange *exchange, const char *data, size_t len)
{
        if (exchange->too_large)
                return;
        if (exchange->body.len + len > BODY_MOST || server->bodies + len > BODIES_MOST) {
                exchange->too_large = true;
                server->bodies -= exchange->body.len;
                buf_clear(&exchange->body);
                return;
        }
        buf_add(&exchange->body, view_of(data, len));
        server->bodies += len;
}

struct headers {
        struct sigv4_header *all;
        size_t count;
};

static enum MHD_Result
header_take(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
        struct headers *headers = context;

        (void)kind;
        headers->all = memory_grow(headers->all, headers->count + 1, sizeof(*headers->all));
        headers->all[headers->count++] = (struct sigv4_header){ name, value ? value : "" };
        return MHD_YES;
}

/* -- deciding ----------------------------------------------------------------------------- */

/* The address that a request came from, as aws:SourceIp has it. */
static void
source_write(struct MHD_Connection *connection, char out[INET6_ADDRSTRLEN])
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        const struct sockaddr *address = info ? info->client_addr : NULL;

        if (address && address->sa_family == AF_INET)
                inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
                          out, INET6_ADDRSTRLEN);
        if (address && address->sa_family == AF_INET6)
                inet_ntop(AF_INET6,
                          &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, out,
                          INET6_ADDRSTRLEN);
}

static void
api_decide(struct server *server, struct exchange *exchange, const char *method)
{
        struct headers headers = { 0 };
        size_t path_len = strcspn(exchange->uri, "?");
        char *path = text_copy_length(exchange->uri, path_len);
        char source[INET6_ADDRSTRLEN] = "";

        MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, header_take, &headers);
        source_write(exchange->connection, source);
        struct sigv4_request request = { .method = method,
                                         .path = path,
                                         .query = exchange->uri[path_len]
                                                          ? exchange->uri + path_len + 1
                                                          : NULL,
                                         .headers = headers.all,
                                         .header_count = headers.count,
                                         .body = view_buf(&exchange->body),
                                         .source_ip = source,
                                         .secure = server->pca->options->tls };
        if (anywhere_is_request(method, path))
                anywhere_answer(server->pca, &request, &exchange->answer);
        else if (query_is_request(&request))
                query_answer(server->pca, &request, &exchange->answer);
        else
                pca_answer(server->pca, &request, &exchange->answer);
        free(headers.all);
        free(path);
}

static void
error_answer(struct answer *answer, unsigned status, const char *code, const char *message)
{
        random_uuid(answer->request_id);
        answer->status = status;
        answer->content_type = "application/x-amz-json-1.1";
        buf_format(&answer->body, "{\"__type\":\"%s\",\"message\":\"%s\"}", code, message);
}

static bool
is_from_loopback(struct MHD_Connection *connection)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        const struct sockaddr *address = info ? info->client_addr : NULL;

        if (!address)
                return false;
        if (address->sa_family == AF_INET)
                return ntohl(((const struct sockaddr_in *)(const void *)address)
                                     ->sin_addr.s_addr) >>
                               24 ==
                       127;
        return address->sa_family == AF_INET6 &&
               IN6_IS_ADDR_LOOPBACK(
                       &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

static void
exchange_decide(struct server *server, struct exchange *exchange, const char *method,
                const char *url)
{
        const char *type =
                MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, "Content-Type");
        const char *target =
                MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, "X-Amz-Target");
        bool ocsp = web_is_ocsp(method, type);
        struct web_request request = { .method = method,
                                       .path = url,
                                       .body = view_buf(&exchange->body),
                                       .from_loopback = is_from_loopback(exchange->connection) };

        if (exchange->too_large) {
                error_answer(&exchange->answer, 413, "RequestEntityTooLargeException",
                             "The request is too large");
        } else if (anywhere_is_request(method, url) ||
                   (strcmp(method, "POST") == 0 && !ocsp && (strcmp(url, "/") == 0 || target))) {
                api_decide(server, exchange, method);
        } else {
                exchange->plain = true;
                web_answer(server->pca, &request, &exchange->answer);
        }
}

/* Keep the connection until the turn is committed and the answer's time has come. */
static void
exchange_park(struct server *server, struct exchange *exchange)
{
        exchange->waiting = &server->waiting;
        int64_t wait_ms = exchange->plain ? 0
                                          : server->pca->settings.latency_ms +
                                                    exchange->answer.fault.delay_ms;

        exchange->decided = true;
        exchange->due_ms = clock_boot_ms() + wait_ms;
        if (server->turn_count == server->turn_capacity) {
                server->turn_capacity = server->turn_capacity ? server->turn_capacity * 2 : 64;
                server->turn =
                        memory_grow(server->turn, server->turn_capacity, sizeof(*server->turn));
        }
        server->turn[server->turn_count++] = exchange;
        MHD_suspend_connection(exchange->connection);
}

/* -- answering ---------------------------------------------------------------------------- */

/* A reset, not an orderly end: disconnecting a TCP socket makes Linux send RST at once. */
static enum MHD_Result
connection_reset(struct MHD_Connection *connection)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

        if (info)
                (void)!connect(info->connect_fd, &nowhere, sizeof(nowhere));
        return MHD_NO;
}

/* The body in twenty pieces over the time the fault asks for; half of it when truncated. */
static ssize_t
slow_body(void *context, uint64_t position, char *out, size_t room)
{
        struct exchange *exchange = context;
        const struct fault *fault = &exchange->answer.fault;
        size_t end = fault->truncate ? exchange->answer.body.len / 2 : exchange->answer.body.len;

        if (position >= end)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        size_t len = end - (size_t)position;
        if (fault->slow_ms) {
                int64_t passed = clock_boot_ms() - exchange->slow_started_ms;
                int64_t piece = passed * SLOW_PIECES / fault->slow_ms + 1;
                int64_t allowed = (int64_t)end * piece / SLOW_PIECES - (int64_t)position;
                if (allowed <= 0) {
                        exchange->due_ms = clock_boot_ms() + fault->slow_ms / SLOW_PIECES + 1;
                        waiting_add(exchange->waiting, exchange);
                        MHD_suspend_connection(exchange->connection);
                        return 0;
                }
                len = (size_t)allowed < len ? (size_t)allowed : len;
        }
        len = len < room ? len : room;
        memcpy(out, exchange->answer.body.data + position, len);
        return (ssize_t)len;
}

/* RFC 7231, 7.1.1.1, by the service's clock: clients measure theirs against it. */
static void
date_write(int64_t now, char out[64])
{
        time_t when = (time_t)now;
        struct tm civil;

        gmtime_r(&when, &civil);
        static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
        static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
        snprintf(out, 64, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[civil.tm_wday], civil.tm_mday,
                 months[civil.tm_mon], civil.tm_year + 1900, civil.tm_hour, civil.tm_min,
                 civil.tm_sec);
}

static struct MHD_Response *
response_make(struct exchange *exchange)
{
        struct answer *answer = &exchange->answer;
        const struct fault *fault = &answer->fault;
        static const char garbage[] = "<html><body>Bad gateway {\"CertificateArn\":";

        if (fault->garbage)
                buf_set(&answer->body, view_of(garbage, sizeof(garbage) - 1));
        if ((fault->truncate || fault->slow_ms) && answer->body.len) {
                exchange->slow_started_ms = clock_boot_ms();
                return MHD_create_response_from_callback(answer->body.len, 1024, slow_body,
                                                         exchange, NULL);
        }
        return MHD_create_response_from_buffer(answer->body.len, answer->body.data,
                                               MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result
exchange_answer(struct server *server, struct exchange *exchange)
{
        struct answer *answer = &exchange->answer;
        char date[64];

        if (answer->fault.reset_before || answer->fault.reset_after)
                return connection_reset(exchange->connection);
        struct MHD_Response *response = response_make(exchange);
        date_write(pca_now_ms(server->pca) / 1000, date);
        MHD_add_response_header(response, "Date", date);
        MHD_add_response_header(response, "Content-Type", answer->content_type);
        if (answer->error_type)
                MHD_add_response_header(response, "x-amzn-ErrorType", answer->error_type);
        if (answer->request_id[0])
                MHD_add_response_header(response, "x-amzn-RequestId", answer->request_id);
        enum MHD_Result queued = MHD_queue_response(exchange->connection, answer->status, response);
        MHD_destroy_response(response);
        return queued;
}

static enum MHD_Result
request_take(void *context, struct MHD_Connection *connection, const char *url, const char *method,
             const char *version, const char *data, size_t *data_len, void **slot)
{
        struct server *server = context;
        struct exchange *exchange = *slot;

        (void)version;
        if (!exchange->connection) {
                exchange->connection = connection;
                return MHD_YES;
        }
        if (*data_len) {
                body_take(server, exchange, data, *data_len);
                *data_len = 0;
                return MHD_YES;
        }
        if (exchange->decided)
                return exchange_answer(server, exchange);
        exchange_decide(server, exchange, method, url);
        exchange_park(server, exchange);
        return MHD_YES;
}

/* -- the loop ----------------------------------------------------------------------------- */

/* Commit, and let go what is due.  True when connections were resumed. */
static bool
turn_end(struct server *server)
{
        struct error err = { 0 };
        bool kept = pca_commit(server->pca, &err);
        bool resumed = false;

        for (size_t i = 0; i < server->turn_count; i++) {
                if (!kept)
                        answer_unkept(&server->turn[i]->answer, &err);
                waiting_add(&server->waiting, server->turn[i]);
        }
        server->turn_count = 0;
        int64_t now_ms = clock_boot_ms();
        for (struct exchange *exchange; (exchange = waiting_take(&server->waiting, now_ms));) {
                MHD_resume_connection(exchange->connection);
                resumed = true;
        }
        return resumed;
}

static int
wait_ms(const struct server *server, bool resumed)
{
        int64_t wait = WAIT_MOST_MS;
        int64_t due = waiting_due_ms(&server->waiting);

        if (resumed)
                return 0;
        for (size_t i = 0; i < ARRAY_LENGTH(server->daemons) && server->daemons[i]; i++) {
                MHD_UNSIGNED_LONG_LONG daemon_ms;
                if (MHD_get_timeout(server->daemons[i], &daemon_ms) == MHD_YES &&
                    (int64_t)daemon_ms < wait)
                        wait = (int64_t)daemon_ms;
        }
        if (due != INT64_MAX && due - clock_boot_ms() < wait)
                wait = due - clock_boot_ms();
        return wait < 0 ? 0 : (int)wait;
}

static int
daemon_fd(struct MHD_Daemon *daemon)
{
        return daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd : -1;
}

bool
server_run(struct server *server, struct error *err)
{
        struct pollfd fds[] = { { .fd = server->signals, .events = POLLIN },
                                { .fd = worker_fd(server->pca->worker), .events = POLLIN },
                                { .fd = daemon_fd(server->daemons[0]), .events = POLLIN },
                                { .fd = daemon_fd(server->daemons[1]), .events = POLLIN } };
        bool resumed = false;

        for (;;) {
                if (poll(fds, ARRAY_LENGTH(fds), wait_ms(server, resumed)) < 0 && errno != EINTR)
                        return error_set(err, ERROR_INTERNAL, "poll: %s", strerror(errno));
                if (fds[0].revents)
                        return true;
                for (size_t i = 0; i < ARRAY_LENGTH(server->daemons) && server->daemons[i]; i++)
                        if (MHD_run(server->daemons[i]) != MHD_YES)
                                return error_set(err, ERROR_INTERNAL, "libmicrohttpd gave up");
                worker_collect(server->pca->worker, server->pca);
                resumed = turn_end(server);
        }
}

/* -- opening and closing ------------------------------------------------------------------ */

static void
limits_raise(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &limit);
        }
}

static bool
address_read(const struct options *options, unsigned port, struct sockaddr_storage *out,
             struct error *err)
{
        struct sockaddr_in *v4 = (struct sockaddr_in *)out;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
        size_t len = strlen(options->host);
        bool brackets = len > 2 && options->host[0] == '[' && options->host[len - 1] == ']';
        char *bare = text_copy_length(options->host + brackets, len - 2 * brackets);
        bool done = true;

        memset(out, 0, sizeof(*out));
        if (inet_pton(AF_INET, bare, &v4->sin_addr) == 1) {
                v4->sin_family = AF_INET;
                v4->sin_port = htons((uint16_t)port);
        } else if (inet_pton(AF_INET6, bare, &v6->sin6_addr) == 1) {
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons((uint16_t)port);
        } else {
                done = error_set(err, ERROR_USAGE, "'%s' is not an IP address", options->host);
        }
        free(bare);
        return done;
}

static struct MHD_Daemon *
daemon_start(struct server *server, const struct sockaddr_storage *address, bool tls,
             struct error *err)
{
        const struct options *options = server->pca->options;
        unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK |
                         (tls ? MHD_USE_TLS : 0) |
                         (address->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0);
        struct MHD_OptionItem keys[] = {
                { MHD_OPTION_HTTPS_MEM_KEY, 0, server->tls.key },
                { MHD_OPTION_HTTPS_MEM_CERT, 0, server->tls.chain },
                { MHD_OPTION_END, 0, NULL },
        };
        struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
        struct MHD_Daemon *daemon =
                MHD_start_daemon(flags, 0, NULL, NULL, request_take, server, MHD_OPTION_SOCK_ADDR,
                                 address, MHD_OPTION_URI_LOG_CALLBACK, request_begin, server,
                                 MHD_OPTION_NOTIFY_COMPLETED, request_end, server,
                                 MHD_OPTION_NOTIFY_CONNECTION, connection_count, server,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MOST,
                                 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
                                 MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)BACKLOG,
                                 MHD_OPTION_ARRAY, tls ? keys : none, MHD_OPTION_END);

        if (daemon)
                return daemon;
        error_set(err, ERROR_NETWORK, "cannot listen on %s port %u: %s", options->host,
                  options->port, strerror(errno));
        error_advise(err, "take another --listen address, or port 0 for a free one");
        return NULL;
}

static char *
daemon_url(struct MHD_Daemon *daemon, const char *scheme, const char *host)
{
        return text_format("%s://%s:%u", scheme, host,
                           (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
}

/* CRL and OCSP are plain HTTP always (RFC 5280, 8): beside HTTPS on a port of their own. */
static bool
daemons_start(struct server *server, struct error *err)
{
        struct pca *pca = server->pca;
        const struct options *options = pca->options;
        struct sockaddr_storage address;

        if (!address_read(options, options->port, &address, err))
                return false;
        server->daemons[0] = daemon_start(server, &address, options->tls, err);
        if (!server->daemons[0])
                return false;
        pca->endpoint =
                daemon_url(server->daemons[0], options->tls ? "https" : "http", options->host);
        if (!options->tls) {
                pca->plain_url = text_copy(pca->endpoint);
                return true;
        }
        if (!address_read(options, 0, &address, err))
                return false;
        server->daemons[1] = daemon_start(server, &address, false, err);
        if (server->daemons[1])
                pca->plain_url = daemon_url(server->daemons[1], "http", options->host);
        return server->daemons[1] != NULL;
}

static void
signals_take(struct server *server)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, NULL);
        server->signals = signalfd(-1, &set, SFD_CLOEXEC);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of write(), as a full disk is */
}

struct server *
server_open(struct pca *pca, struct error *err)
{
        struct server *server = memory_new(1, sizeof(*server));

        server->pca = pca;
        signals_take(server);
        limits_raise();
        if ((!pca->options->tls || tls_make(&server->tls, pca, err)) && daemons_start(server, err))
                return server;
        server_close(server);
        return NULL;
}

void
server_close(struct server *server)
{
        if (!server)
                return;
        /* libmicrohttpd wants none suspended when it is stopped. */
        for (size_t i = 0; i < server->turn_count; i++)
                MHD_resume_connection(server->turn[i]->connection);
        for (struct exchange *one; (one = waiting_take(&server->waiting, INT64_MAX));)
                MHD_resume_connection(one->connection);
        for (size_t i = 0; i < ARRAY_LENGTH(server->daemons) && server->daemons[i]; i++)
                MHD_stop_daemon(server->daemons[i]);
        close(server->signals);
        waiting_clear(&server->waiting);
        free(server->turn);
        tls_files_clear(&server->tls);
        free(server);
}
