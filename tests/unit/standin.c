#include "tests/unit/standin.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_REQUESTS = 256, MOST_CONNECTIONS = 64, MOST_BYTES = 256 * 1024 };

struct standin {
        const struct standin_step *script;
        size_t steps;
        int listener;
        int stop[2]; /* readable once it is over */
        char url[64];
        char certificate[64];
        SSL_CTX *tls;
        pthread_t thread;

        pthread_mutex_t lock; /* for what follows */
        char *requests[MOST_REQUESTS];
        unsigned request_count;
        pthread_t threads[MOST_CONNECTIONS];
        unsigned connection_count;
};

struct connection {
        struct standin *standin;
        int fd;
        SSL *tls;
};

static void
must(bool done)
{
        if (!done)
                abort();
}

/* -- a certificate ------------------------------------------------------------------------ */

static void
add_names(X509 *certificate, const char *name)
{
        bool address = strspn(name, "0123456789.") == strlen(name);
        CLEANUP(free_cleanup) char *value = text_format("%s:%s", address ? "IP" : "DNS", name);
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value);

        must(extension && X509_add_ext(certificate, extension, -1));
        X509_EXTENSION_free(extension);
}

static void
make_tls(struct standin *standin, const char *name)
{
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *certificate = X509_new();
        X509_NAME *subject = X509_get_subject_name(certificate);

        must(key && certificate);
        X509_set_version(certificate, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"stand-in",
                                   -1, -1, 0);
        X509_set_issuer_name(certificate, subject);
        X509_set_pubkey(certificate, key);
        add_names(certificate, name);
        must(X509_sign(certificate, key, EVP_sha256()) > 0);
        standin->tls = SSL_CTX_new(TLS_server_method());
        must(SSL_CTX_use_certificate(standin->tls, certificate) == 1 &&
             SSL_CTX_use_PrivateKey(standin->tls, key) == 1);
        snprintf(standin->certificate, sizeof(standin->certificate), "/tmp/standin.XXXXXX");
        int fd = mkstemp(standin->certificate);
        FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

        must(file && PEM_write_X509(file, certificate) == 1);
        fclose(file);
        X509_free(certificate);
        EVP_PKEY_free(key);
}

/* -- bytes -------------------------------------------------------------------------------- */

/* Wait for bytes; false when it is over. */
static bool
wait_readable(const struct connection *connection, int timeout_ms)
{
        struct pollfd ready[] = { { .fd = connection->fd, .events = POLLIN },
                                  { .fd = connection->standin->stop[0], .events = POLLIN } };

        if (connection->tls && SSL_pending(connection->tls))
                return true;
        return poll(ready, 2, timeout_ms) > 0 && !ready[1].revents;
}

static ssize_t
receive(struct connection *connection, char *bytes, size_t size)
{
        if (!wait_readable(connection, -1))
                return 0;
        if (connection->tls)
                return SSL_read(connection->tls, bytes, (int)size);
        return recv(connection->fd, bytes, size, 0);
}

static bool
transmit(struct connection *connection, const char *bytes, size_t length)
{
        while (length) {
                ssize_t sent = connection->tls ? SSL_write(connection->tls, bytes, (int)length)
                                               : send(connection->fd, bytes, length, MSG_NOSIGNAL);

                if (sent <= 0)
                        return false;
                bytes += sent;
                length -= (size_t)sent;
        }
        return true;
}

/* A whole request, or NULL at the connection's end. */
static char *
read_request(struct connection *connection)
{
        CLEANUP(buf_cleanup) struct buf all = { 0 };
        char chunk[4096];
        size_t needed = 0;

        while (all.len < MOST_BYTES) {
                ssize_t got = receive(connection, chunk, sizeof(chunk));

                if (got <= 0)
                        return NULL;
                buf_add(&all, view_of(chunk, (size_t)got));
                const char *end = strstr(buf_text(&all), "\r\n\r\n");
                const char *length = strcasestr(buf_text(&all), "\r\ncontent-length:");

                if (end)
                        needed = (size_t)(end + 4 - buf_text(&all)) +
                                 (length ? strtoul(length + 17, NULL, 10) : 0);
                if (needed && all.len >= needed)
                        return text_copy(buf_text(&all));
        }
        return NULL;
}

/* -- deeds -------------------------------------------------------------------------------- */

static void
answer(struct connection *connection, const struct standin_step *step, bool cut)
{
        const char *body = step->body ? step->body : "{}";
        CLEANUP(buf_cleanup) struct buf out = { 0 };

        buf_format(&out, "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n",
                   step->status ? step->status : 200, step->headers ? step->headers : "",
                   strlen(body) + (cut ? 100 : 0));
        buf_add_text(&out, body);
        transmit(connection, buf_text(&out), out.len);
}

static void
flood(struct connection *connection)
{
        static const char head[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        char chunk[4096];

        memset(chunk, 'x', sizeof(chunk));
        transmit(connection, head, strlen(head));
        for (int i = 0; i < 512 && transmit(connection, chunk, sizeof(chunk)); i++)
                ;
}

static void
reset(struct connection *connection)
{
        struct linger now = { .l_onoff = 1 };

        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* True when the connection goes on. */
static bool
act(struct connection *connection, const struct standin_step *step)
{
        static const char garbage[] = "\x16\x03 this is not HTTP\r\n\r\n";

        if (step->delay_ms)
                usleep((useconds_t)step->delay_ms * 1000);
        switch (step->deed) {
        case STANDIN_ANSWER:
                answer(connection, step, false);
                return true;
        case STANDIN_ANSWER_CLOSE:
                answer(connection, step, false);
                return false;
        case STANDIN_RESET:
                reset(connection);
                return false;
        case STANDIN_HANG:
                while (wait_readable(connection, -1) &&
                       recv(connection->fd, &(char){ 0 }, 1, 0) > 0)
                        ;
                return false;
        case STANDIN_GARBAGE:
                transmit(connection, garbage, sizeof(garbage) - 1);
                return false;
        case STANDIN_CUT:
                answer(connection, step, true);
                return false;
        case STANDIN_FLOOD:
                flood(connection);
                return false;
        case STANDIN_CLOSE:
                return false;
        }
        return false;
}

static const struct standin_step *
note_request(struct standin *standin, char *request)
{
        pthread_mutex_lock(&standin->lock);
        must(standin->request_count < MOST_REQUESTS);
        size_t index = standin->request_count++;

        standin->requests[index] = request;
        pthread_mutex_unlock(&standin->lock);
        return &standin->script[index < standin->steps ? index : standin->steps - 1];
}

static void *
serve(void *context)
{
        struct connection *connection = context;
        char *request;
        sigset_t pipes;

        /* In these threads only: the client has to cope with the signal on its own. */
        sigemptyset(&pipes);
        sigaddset(&pipes, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipes, NULL);
        if (connection->standin->tls) {
                connection->tls = SSL_new(connection->standin->tls);
                SSL_set_fd(connection->tls, connection->fd);
                if (SSL_accept(connection->tls) != 1)
                        goto out;
        }
        while ((request = read_request(connection))) {
                if (!act(connection, note_request(connection->standin, request)))
                        break;
        }
out:
        SSL_free(connection->tls);
        close(connection->fd);
        free(connection);
        return NULL;
}

static void *
listen_on(void *context)
{
        struct standin *standin = context;
        struct pollfd ready[] = { { .fd = standin->listener, .events = POLLIN },
                                  { .fd = standin->stop[0], .events = POLLIN } };

        while (poll(ready, 2, -1) > 0 && !ready[1].revents) {
                struct connection *connection = memory_new(1, sizeof(*connection));

                connection->standin = standin;
                connection->fd = accept(standin->listener, NULL, NULL);
                pthread_mutex_lock(&standin->lock);
                must(standin->connection_count < MOST_CONNECTIONS);
                must(pthread_create(&standin->threads[standin->connection_count++], NULL, serve,
                                    connection) == 0);
                pthread_mutex_unlock(&standin->lock);
        }
        return NULL;
}

/* -- the header's functions --------------------------------------------------------------- */

struct standin *
standin_start(const struct standin_step *script, size_t steps, const char *name)
{
        struct standin *standin = memory_new(1, sizeof(*standin));
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);

        standin->script = script;
        standin->steps = steps;
        pthread_mutex_init(&standin->lock, NULL);
        standin->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must(pipe2(standin->stop, O_CLOEXEC) == 0);
        must(bind(standin->listener, (struct sockaddr *)&address, size) == 0);
        must(listen(standin->listener, 64) == 0);
        must(getsockname(standin->listener, (struct sockaddr *)&address, &size) == 0);
        if (name)
                make_tls(standin, name);
        snprintf(standin->url, sizeof(standin->url), "%s://127.0.0.1:%u", name ? "https" : "http",
                 ntohs(address.sin_port));
        must(pthread_create(&standin->thread, NULL, listen_on, standin) == 0);
        return standin;
}

void
standin_stop(struct standin *standin)
{
        must(write(standin->stop[1], "x", 1) == 1);
        pthread_join(standin->thread, NULL);
        for (unsigned i = 0; i < standin->connection_count; i++)
                pthread_join(standin->threads[i], NULL);
        for (unsigned i = 0; i < standin->request_count; i++)
                free(standin->requests[i]);
        if (*standin->certificate)
                unlink(standin->certificate);
        SSL_CTX_free(standin->tls);
        close(standin->listener);
        close(standin->stop[0]);
        close(standin->stop[1]);
        pthread_mutex_destroy(&standin->lock);
        free(standin);
}

const char *
standin_url(const struct standin *standin)
{
        return standin->url;
}

const char *
standin_certificate(const struct standin *standin)
{
        return standin->certificate;
}

unsigned
standin_connections(struct standin *standin)
{
        pthread_mutex_lock(&standin->lock);
        unsigned count = standin->connection_count;

        pthread_mutex_unlock(&standin->lock);
        return count;
}

unsigned
standin_requests(struct standin *standin)
{
        pthread_mutex_lock(&standin->lock);
        unsigned count = standin->request_count;

        pthread_mutex_unlock(&standin->lock);
        return count;
}

char *
standin_request(struct standin *standin, unsigned index)
{
        must(index < standin_requests(standin));
        pthread_mutex_lock(&standin->lock);
        char *request = text_copy(standin->requests[index]);

        pthread_mutex_unlock(&standin->lock);
        return request;
}

char *
standin_header(struct standin *standin, unsigned index, const char *name)
{
        CLEANUP(free_cleanup) char *request = standin_request(standin, index);
        CLEANUP(free_cleanup) char *mark = text_format("\r\n%s:", name);
        const char *found = strcasestr(request, mark);

        if (!found)
                return text_copy("");
        found += strlen(mark);
        found += strspn(found, " ");
        return text_copy_length(found, strcspn(found, "\r"));
}
