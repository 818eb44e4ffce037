#include "localpca/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/queue.h"

struct worker {
        pthread_t thread;
        struct queue *todo, *done;
};

/* The last job: it ends the thread. */
static struct job end_of_work;

static void *
work(void *context)
{
        struct worker *worker = context;

        for (;;) {
                struct job *job = queue_take(worker->todo, -1);
                if (job == &end_of_work)
                        return NULL;
                job->run(job);
                queue_push(worker->done, job);
        }
}

struct worker *
worker_new(struct error *err)
{
        struct worker *worker = memory_new(1, sizeof(*worker));

        worker->todo = queue_new();
        worker->done = queue_new();
        /* Signals are the server's: this thread takes none. */
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int failed = pthread_create(&worker->thread, NULL, work, worker);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (!failed)
                return worker;
        queue_free(worker->todo);
        queue_free(worker->done);
        free(worker);
        error_set(err, ERROR_INTERNAL, "cannot start a thread: %s", strerror(failed));
        return NULL;
}

void
worker_give(struct worker *worker, struct job *job)
{
        queue_push(worker->todo, job);
}

int
worker_fd(const struct worker *worker)
{
        return queue_fd(worker->done);
}

void
worker_collect(struct worker *worker, struct pca *pca)
{
        for (struct job *job; (job = queue_take(worker->done, 0));)
                job->finish(job, pca);
}

void
worker_free(struct worker *worker)
{
        struct job *job;

        if (!worker)
                return;
        while ((job = queue_take(worker->todo, 0)))
                job->finish(job, NULL);
        queue_push(worker->todo, &end_of_work);
        pthread_join(worker->thread, NULL);
        worker_collect(worker, NULL);
        queue_free(worker->todo);
        queue_free(worker->done);
        free(worker);
}
