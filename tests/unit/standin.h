/*
 * A server on loopback that misbehaves to order: each request takes the next step of a script.
 */
#ifndef TESTS_UNIT_STANDIN_H
#define TESTS_UNIT_STANDIN_H

#include "base/bytes.h"

enum standin_deed {
        STANDIN_ANSWER,       /* status, headers, body; the connection is kept */
        STANDIN_ANSWER_CLOSE, /* the same, then close without having said so */
        STANDIN_RESET,        /* read the request, then reset */
        STANDIN_CLOSE,        /* read the request, then close */
        STANDIN_HANG,         /* read the request, say nothing until the end */
        STANDIN_GARBAGE,      /* bytes that are not HTTP */
        STANDIN_CUT,          /* half of the promised body, then close */
        STANDIN_FLOOD,        /* two megabytes without a length */
};

struct standin_step {
        enum standin_deed deed;
        int status;          /* 0: 200 */
        const char *headers; /* whole lines with \r\n, or NULL */
        const char *body;    /* or NULL: "{}" */
        int delay_ms;        /* before the deed */
};

struct standin;

/*
 * Start on a free port.  The script's last step goes on for ever.  `name`: NULL for plain http,
 * else TLS with a certificate for that name ("127.0.0.1" is the right one).
 */
struct standin *standin_start(const struct standin_step *script, size_t steps, const char *name);
void standin_stop(struct standin *standin);

/* "http://127.0.0.1:PORT"; and where the TLS certificate is, in PEM. */
const char *standin_url(const struct standin *standin);
const char *standin_certificate(const struct standin *standin);

unsigned standin_connections(struct standin *standin);
unsigned standin_requests(struct standin *standin);

/* Request number `index` (from 0) as it came, head and body; the caller frees. */
char *standin_request(struct standin *standin, unsigned index);

/* The value of a header of that request, "" if it is not there; the caller frees. */
char *standin_header(struct standin *standin, unsigned index, const char *name);

#endif
