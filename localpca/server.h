/*
 * The HTTP side: one thread, one loop, libmicrohttpd driven from it.
 *
 * A turn takes whatever arrived, decides it (pca.h), commits the state once, and only then lets the
 * answers of the turn go.  An answer that is to come later waits in a heap by its time, its
 * connection suspended: nothing blocks, whatever the number of waiting clients.
 */
#ifndef LOCALPCA_SERVER_H
#define LOCALPCA_SERVER_H

#include "localpca/pca.h"

struct server;

/* Listen; fills pca->endpoint and pca->plain_url.  ERROR_NETWORK when the address is taken. */
struct server *server_open(struct pca *pca, struct error *err) MUST_CHECK;

/* Answer until SIGTERM or SIGINT. */
bool server_run(struct server *server, struct error *err) MUST_CHECK;

void server_close(struct server *server);

#endif
