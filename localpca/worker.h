/*
 * What takes long happens on one thread of its own: key pairs and audit reports.
 *
 * A job crosses threads whole: the server gives it, the worker runs it, the server takes it back.
 */
#ifndef LOCALPCA_WORKER_H
#define LOCALPCA_WORKER_H

#include "base/compiler.h"
#include "base/err.h"

struct pca;

struct job {
        /* On the worker's thread; touches nothing but the job. */
        void (*run)(struct job *job);
        /* Back on the server's thread, `pca` NULL when it is about to end; frees the job. */
        void (*finish)(struct job *job, struct pca *pca);
};

struct worker;

struct worker *worker_new(struct error *err) MUST_CHECK;

/* Waits for the job that is running; those behind it are finished without having run. */
void worker_free(struct worker *worker);

void worker_give(struct worker *worker, struct job *job);

/* Readable when a job is done. */
int worker_fd(const struct worker *worker);

/* Finish the jobs that are done. */
void worker_collect(struct worker *worker, struct pca *pca);

#endif
