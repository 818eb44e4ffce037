/*
 * One HTTP request and its answer, and the heap of answers that wait for their time.
 */
#ifndef LOCALPCA_EXCHANGE_H
#define LOCALPCA_EXCHANGE_H

#include <microhttpd.h>

#include "localpca/pca.h"

struct waiting;

struct exchange {
        struct MHD_Connection *connection;
        char *uri; /* as it came, still encoded */
        struct buf body;
        bool too_large;
        bool decided; /* the answer is there; the connection waits for `due_ms` */
        bool plain;   /* no API call: CRL, OCSP, statistics */
        struct answer answer;
        int64_t due_ms;
        /* a body that dribbles: where it waits between pieces, and since when it is on its way */
        struct waiting *waiting;
        int64_t slow_started_ms;
};

struct exchange *exchange_new(const char *uri);
void exchange_free(struct exchange *exchange);

/* A heap of exchanges, the earliest `due_ms` first; a zeroed one is empty. */
struct waiting {
        struct exchange **all;
        size_t count, capacity;
};

void waiting_add(struct waiting *waiting, struct exchange *exchange);

/* The earliest one's time; INT64_MAX when there is none. */
int64_t waiting_due_ms(const struct waiting *waiting);

/* Take the earliest one out; NULL when it is not due at `now_ms`. */
struct exchange *waiting_take(struct waiting *waiting, int64_t now_ms);

void waiting_clear(struct waiting *waiting);

#endif
