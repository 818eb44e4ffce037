/*
 * HTTP, and the only place that knows libcurl: many requests at a time over kept-alive connections.
 *
 * No redirects, no Expect, no cookies; TLS from 1.2 on, always verified.  Proxies as
 * curl takes them from the environment, but never for loopback.  One thread.
 */
#ifndef AWS_HTTP_H
#define AWS_HTTP_H

#include "base/bytes.h"
#include "base/err.h"

struct http;

enum { HTTP_MOST_BYTES = 1024 * 1024 };

struct http_request {
        const char *method; /* "GET", "PUT"; NULL: POST */
        const char *url;
        const char *const *headers; /* "Name: value", ends with NULL; copied */
        struct view body;           /* the caller keeps it until the exchange is over */
        bool loopback;              /* no proxy, and plain http will do */
        int64_t connect_timeout_ms;
        int64_t timeout_ms;       /* for the whole exchange */
        int64_t no_send_after_ms; /* clock_boot_ms(); a lost connection is not replaced then; 0: no
                                     bound */
        void *tag;
};

enum http_outcome {
        HTTP_ANSWERED,
        HTTP_UNREACHABLE, /* no such host, refused, no route, proxy in the way */
        HTTP_BROKEN,      /* the connection ended without a whole answer */
        HTTP_TIMED_OUT,
        HTTP_TLS,           /* the server is not who it should be */
        HTTP_TLS_HANDSHAKE, /* cut off, or no TLS that both accept */
        HTTP_CA_FILE,       /* our own CA bundle cannot be read */
        HTTP_TOO_LARGE,     /* over HTTP_MOST_BYTES */
        HTTP_BAD_ANSWER,    /* not HTTP */
        HTTP_OUTCOMES
};

struct http_answer {
        void *tag;
        enum http_outcome outcome;
        bool sent;       /* a connection stood and the request went onto it, in part at least */
        bool sent_again; /* the same, before the connection that brought the answer */
        int status;
        struct buf body;
        char content_type[64]; /* these: empty when not there */
        char error_type[160];
        char request_id[96];
        int64_t date;           /* the Date header; 0: none */
        int64_t retry_after_ms; /* x-amz-retry-after; -1: none */
        char detail[256];       /* when there is no answer: why, in curl's words */
};

/* `ca_file`: NULL for the system's.  ERROR_INTERNAL if curl cannot be had. */
struct http *http_open(const char *ca_file, struct error *err);
void http_close(struct http *http); /* drops what is under way; NULL does nothing */

/* Start an exchange; its end comes from http_finish(). */
void http_start(struct http *http, const struct http_request *request);

/* Move bytes until something ends, `fd` (-1: none) is readable, or the time is over. */
void http_wait(struct http *http, int fd, int timeout_ms);

/* An exchange that ended, or NULL; free with http_answer_free(). */
struct http_answer *http_finish(struct http *http);
void http_answer_free(struct http_answer *answer);

#endif
