/*
 * The conductor's workers: when they end, when they are left behind, and what becomes of the orders
 * in their hands.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "drive/conductor.h"

enum { DEFAULT_TOKEN_TIMEOUT_MS = 120 * 1000 };

/* -- lanes and their modules ------------------------------------------------------------------ */

/* Modules of workers that ended, until no lane uses them any more. */
static void
park_modules(struct conductor *conductor, const char *module, struct modules *modules)
{
        struct parked *parked;

        if (!modules)
                return;
        parked = memory_new(1, sizeof(*parked));
        parked->module = text_copy(module);
        parked->modules = modules;
        parked->next = conductor->parked;
        conductor->parked = parked;
}

static void
unload_parked(struct conductor *conductor, const struct lane *lane, bool at_end)
{
        struct parked **link = &conductor->parked;

        while (*link) {
                struct parked *parked = *link;

                if (!at_end && !text_equal(parked->module, lane->module)) {
                        link = &parked->next;
                        continue;
                }
                *link = parked->next;
                if (drive_hangs()) {
                        /* Its thread may be inside: nothing is finalised any more. */
                } else if (at_end) {
                        modules_leave(parked->modules);
                } else {
                        modules_close(parked->modules);
                }
                free(parked->module);
                free(parked);
        }
}

/* A worker's last word. */
void
conductor_worker_ended(struct conductor *conductor, struct worker *worker)
{
        for (struct lane *lane = conductor->lanes; lane; lane = lane->next) {
                for (size_t i = 0; i < lane->worker_count; i++) {
                        if (lane->workers[i] != worker)
                                continue;
                        lane->workers[i] = lane->workers[--lane->worker_count];
                        park_modules(conductor, lane->module, worker_join(worker));
                        return;
                }
        }
}

/* Lanes that were left and have nothing to do end their workers, and go when those are gone. */
void
conductor_close_lanes(struct conductor *conductor)
{
        for (struct lane *next, *lane = conductor->lanes; lane; lane = next) {
                next = lane->next;
                if (!lane->leaving || lane->rides)
                        continue;
                lane_end(lane);
                if (lane->worker_count)
                        continue;
                if (!lane_shares_module(conductor->lanes, lane))
                        unload_parked(conductor, lane, false);
                lane_free(&conductor->lanes, lane);
        }
}

/* -- workers that hang ------------------------------------------------------------------------ */

/*
 * The thread that is left behind may still read the order, so the ledger's copy (or, before there
 * is one, the wishes') stands in for it.
 */
static void
stand_in(struct conductor *conductor, struct ride *ride)
{
        struct order *copy = NULL;
        struct error ignored = { 0 };

        if (ride->order->number)
                copy = ledger_get(conductor->options->ledger, ride->order->number, &ignored);
        if (!copy) {
                copy = order_new();
                wishes_copy(&copy->wishes, &ride->order->wishes);
        }
        ride->order = copy;
        ride->at_worker = false;
        ride->hold = NULL;
        ride_renew_tag(conductor, ride);
}

/* What a worker has not begun yet comes back as if it had never been given. */
static void
reclaim(struct conductor *conductor, struct worker *worker)
{
        struct work *work;

        while ((work = worker_reclaim(worker))) {
                struct ride *ride = ride_tagged(conductor, work->tag);

                ride->at_worker = false;
                ride->hold = work->hold;
                if (work->kind == WORK_DELIVER) {
                        ride->certificate = work->facts;
                        work->facts = (struct certificate_facts){ 0 };
                }
                work_free(work);
        }
}

/* The worker's module hangs: what it has in its hands stays as it is. */
static void
give_up_worker(struct conductor *conductor, struct lane *lane, struct worker *worker)
{
        reclaim(conductor, worker);
        worker_abandon(worker);
        drive_note_hang();
        error_set(&lane->dead, ERROR_TOKEN_HANGS, "the token's module does not answer");
        error_about(&lane->dead, "%s", lane->token_uri);
        error_advise(&lane->dead, "unplug the token and plug it in again, or restart its service, "
                                  "then: p11cert resume; --token-timeout allows for more time");
        for (struct ride *ride = conductor->rides; ride; ride = ride->next) {
                struct error err = lane->dead;

                if (ride->worker != worker)
                        continue;
                ride->hold = NULL;
                if (!ride->at_worker)
                        continue;
                stand_in(conductor, ride);
                const struct order *copy = ride->order;

                err.about[0] = '\0';
                error_about(&err, "order '%s', %s", copy->wishes.name,
                            copy->token.uri ? copy->token.uri : copy->wishes.token_uri);
                ride_stop(ride, &err);
        }
}

void
conductor_collect_hangs(struct conductor *conductor)
{
        int64_t timeout = conductor->options->token_timeout_ms
                                  ? conductor->options->token_timeout_ms
                                  : DEFAULT_TOKEN_TIMEOUT_MS;
        int64_t now = clock_boot_ms();

        for (struct lane *lane = conductor->lanes; lane; lane = lane->next) {
                for (size_t i = 0; i < lane->worker_count; i++) {
                        if (worker_busy_ms(lane->workers[i], now) > timeout)
                                give_up_worker(conductor, lane, lane->workers[i]);
                }
        }
}

/* The first signal: workers finish what they are at, and begin with nothing else. */
void
conductor_note_stop(struct conductor *conductor)
{
        conductor->no_more = true;
        conductor->stopped_ms = clock_boot_ms();
        for (struct lane *lane = conductor->lanes; lane; lane = lane->next) {
                for (size_t i = 0; i < lane->worker_count; i++)
                        reclaim(conductor, lane->workers[i]);
        }
        /* A call that waits to be repeated has its last answer now. */
        if (conductor->aws)
                aws_cancel(conductor->aws);
}

/* -- the end ---------------------------------------------------------------------------------- */

void
conductor_stop_workers(struct conductor *conductor)
{
        for (struct lane *lane = conductor->lanes; lane; lane = lane->next)
                lane_end(lane);
        for (struct lane *lane = conductor->lanes; lane; lane = lane->next) {
                for (size_t i = 0; i < lane->worker_count; i++) {
                        if (!worker_is_abandoned(lane->workers[i]))
                                park_modules(conductor, lane->module,
                                             worker_join(lane->workers[i]));
                }
        }
        /* Workers of one module share it: it is finalised once the last of them is gone. */
        unload_parked(conductor, NULL, true);
        while (conductor->lanes)
                lane_free(&conductor->lanes, conductor->lanes);
}

/* The ledger takes nothing any more: every order goes back with that error. */
void
conductor_abort_run(struct conductor *conductor, const struct error *err)
{
        const struct drive_source *source = conductor->source;

        conductor_tell_unrecorded(conductor);
        for (struct lane *lane = conductor->lanes; lane; lane = lane->next) {
                for (size_t i = 0; i < lane->worker_count; i++) {
                        if (!worker_is_abandoned(lane->workers[i]))
                                reclaim(conductor, lane->workers[i]);
                }
        }
        while (conductor->rides) {
                struct ride *ride = conductor->rides;
                struct order *order;

                if (ride->at_worker && worker_is_abandoned(ride->worker))
                        stand_in(conductor, ride);
                order = MOVE(ride->order);
                bool unrecorded = ride->fact_count > 0;
                /* What is in a worker's hands is not ours to give back. */
                bool ours = !ride->at_worker;

                ride_free(conductor, ride);
                if (!ours)
                        continue;
                order->error = *err;
                if (unrecorded && order->certificate_arn)
                        error_about(&order->error, "certificate ARN %s", order->certificate_arn);
                if (source->done)
                        source->done(source->context, conductor, order);
                else
                        order_free(order);
        }
}

/* The second signal: whoever is inside a module is left behind. */
void
conductor_leave_now(struct conductor *conductor)
{
        struct error err = { 0 };

        for (struct lane *lane = conductor->lanes; lane; lane = lane->next) {
                for (size_t i = 0; i < lane->worker_count; i++) {
                        if (!worker_load(lane->workers[i]) || worker_is_abandoned(lane->workers[i]))
                                continue;
                        reclaim(conductor, lane->workers[i]);
                        worker_abandon(lane->workers[i]);
                        drive_note_hang();
                }
        }
        error_set(&err, ERROR_INTERRUPTED, "interrupted");
        error_advise(&err, "nothing is lost; go on with: p11cert resume");
        conductor_abort_run(conductor, &err);
}
