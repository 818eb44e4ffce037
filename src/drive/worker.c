#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "drive/worker_inside.h"
#include "engine/openssl_key.h"

enum {
        /* So much work a worker has ahead, that it does not wait for the conductor's turn. */
        AHEAD_US = 60 * 1000,
        LEAST_AHEAD = 2,
        MOST_AHEAD = 192,
        ROOM_BYTES = 100 * 1024, /* less than what glibc maps by itself */
};

/* -- the thread's side --------------------------------------------------------------------- */

/*
 * A module keeps objects in memory, and glibc gives a thread's heap a page more each time, with a
 * system call: it is to have room for a few orders at once.
 */
static void
make_room(void)
{
        void *volatile room = malloc(ROOM_BYTES);

        free(room);
}

static void *
worker_main(void *argument)
{
        struct worker *worker = argument;
        struct work *work;

        while ((work = queue_take(worker->inbox, -1)) && work->kind != WORK_END) {
                if (work->kind == WORK_KEY)
                        make_room();
                work_run(worker, work);
                queue_push(worker->results, work);
        }
        worker_close_token(worker);
        while (worker->holds) {
                struct hold *hold = worker->holds;

                worker->holds = hold->next;
                free(hold);
        }
        queue_push(worker->results, work);
        return NULL;
}

/* -- the conductor's side ------------------------------------------------------------------ */

struct worker *
worker_start(const struct drive_options *options, const char *module, const char *token_uri,
             struct queue *results)
{
        struct worker *worker = memory_new(1, sizeof(*worker));

        worker->options = options;
        worker->module = text_copy(module);
        worker->token_uri = text_copy(token_uri);
        worker->by_openssl = openssl_key_is(token_uri);
        worker->inbox = queue_new();
        worker->results = results;
        if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
                abort();
        return worker;
}

void
worker_give(struct worker *worker, struct work *work)
{
        worker->reloads += work->may_reload;
        work->foreseen_us = worker->pace_us[work->kind];
        worker->ahead_us += work->foreseen_us;
        if (worker->load++ == 0)
                worker->given_at_ms = clock_boot_ms();
        queue_push(worker->inbox, work);
}

size_t
worker_load(const struct worker *worker)
{
        return worker->load;
}

static void
note_gone(struct worker *worker, const struct work *work)
{
        worker->load--;
        worker->reloads -= work->may_reload;
        worker->ahead_us -= work->foreseen_us;
}

void
worker_taken_back(struct worker *worker, const struct work *work)
{
        int64_t *pace_us = &worker->pace_us[work->kind];

        note_gone(worker, work);
        worker->loaded = true;
        worker->cannot_lock = worker->cannot_lock || work->cannot_lock;
        worker->given_at_ms = clock_boot_ms();
        *pace_us = *pace_us ? *pace_us + (work->took_us - *pace_us) / 4 : work->took_us;
}

bool
worker_has_room(const struct worker *worker)
{
        bool enough = worker->load >= MOST_AHEAD || !worker->loaded || worker->ahead_us >= AHEAD_US;

        return !worker->ending && (worker->load < LEAST_AHEAD || !enough);
}

int64_t
worker_pace_us(const struct worker *worker, enum work_kind kind)
{
        return worker->pace_us[kind];
}

int64_t
worker_ahead_us(const struct worker *worker)
{
        return worker->ahead_us;
}

struct work *
worker_reclaim(struct worker *worker)
{
        /* Whatever stays goes back in its old order. */
        for (size_t left = worker->load; left; left--) {
                struct work *work = queue_take(worker->inbox, 0);

                if (!work)
                        return NULL;
                if (work->kind != WORK_RELEASE && work->kind != WORK_END) {
                        note_gone(worker, work);
                        return work;
                }
                queue_push(worker->inbox, work);
        }
        return NULL;
}

bool
worker_is_loaded(const struct worker *worker)
{
        return worker->loaded;
}

bool
worker_cannot_lock(const struct worker *worker)
{
        return worker->cannot_lock;
}

bool
worker_must_wait_for(const struct worker *worker, const struct worker *other)
{
        if (worker == other || !other->load || other->abandoned ||
            !text_equal(worker->module, other->module))
                return false;
        if (other->cannot_lock || worker->cannot_lock)
                return true;
        return !worker->loaded && (!other->loaded || other->reloads);
}

int64_t
worker_busy_ms(const struct worker *worker, int64_t boot_ms)
{
        return worker->load && !worker->abandoned ? boot_ms - worker->given_at_ms : 0;
}

void
worker_end(struct worker *worker)
{
        if (worker->ending)
                return;
        worker->ending = true;
        worker_give(worker, work_new(WORK_END, worker, NULL));
}

struct modules *
worker_join(struct worker *worker)
{
        pthread_join(worker->thread, NULL);
        struct modules *modules = worker->modules;

        queue_free(worker->inbox);
        free(worker->module);
        free(worker->token_uri);
        free(worker);
        return modules;
}

void
worker_abandon(struct worker *worker)
{
        worker->abandoned = true;
        pthread_detach(worker->thread);
}

bool
worker_is_abandoned(const struct worker *worker)
{
        return worker->abandoned;
}
