#include "drive/lane.h"

#include <stdlib.h>

#include "base/log.h"

struct lane *
lane_find(struct lane *lanes, const char *module, const char *token_uri)
{
        for (struct lane *lane = lanes; lane; lane = lane->next) {
                if (!lane->leaving && text_equal(lane->module, module) &&
                    (text_equal(lane->token_uri, token_uri) ||
                     (token_uri && text_equal(lane->known.uri, token_uri))))
                        return lane;
        }
        return NULL;
}

struct lane *
lane_need(struct lane **lanes, const char *module, const char *token_uri)
{
        struct lane *lane = lane_find(*lanes, module, token_uri);

        if (lane)
                return lane;
        lane = memory_new(1, sizeof(*lane));
        lane->module = text_copy(module);
        lane->token_uri = text_copy(token_uri);
        lane->next = *lanes;
        *lanes = lane;
        return lane;
}

void
lane_free(struct lane **lanes, struct lane *lane)
{
        while (*lanes && *lanes != lane)
                lanes = &(*lanes)->next;
        assert(*lanes);
        *lanes = lane->next;
        free(lane->module);
        free(lane->token_uri);
        order_token_clear(&lane->known);
        free(lane);
}

/* No worker of another one is at the same module while that is for one thread at a time. */
static bool
may_start(const struct lane *lanes, const struct worker *worker)
{
        for (const struct lane *lane = lanes; lane; lane = lane->next) {
                for (size_t i = 0; i < lane->worker_count; i++) {
                        if (worker_must_wait_for(worker, lane->workers[i]))
                                return false;
                }
        }
        return true;
}

static struct worker *
add_worker(struct lane *lane, const struct drive_options *options, struct queue *results)
{
        struct worker *worker = worker_start(options, lane->module, lane->token_uri, results);

        lane->workers[lane->worker_count++] = worker;
        log_debug("worker-started", "token=%s workers=%zu", lane->token_uri, lane->worker_count);
        return worker;
}

/* Is one more session allowed, and would it help? */
static bool
wants_session(const struct lane *lane, const struct drive_options *options)
{
        size_t most = options->sessions ? options->sessions : 1;

        if (!lane->worker_count)
                return true;
        if (most > LANE_MOST_SESSIONS)
                most = LANE_MOST_SESSIONS;
        return lane->worker_count < most && worker_is_loaded(lane->workers[0]) &&
               !worker_cannot_lock(lane->workers[0]);
}

struct worker *
lane_worker(struct lane **lanes, struct lane *lane, struct worker *mine,
            const struct drive_options *options, struct queue *results)
{
        struct worker *best = mine;

        for (size_t i = 0; !mine && i < lane->worker_count; i++) {
                struct worker *worker = lane->workers[i];

                if (!worker_is_abandoned(worker) &&
                    (!best || worker_load(worker) < worker_load(best)))
                        best = worker;
        }
        if (!mine && (!best || worker_load(best) > 0) && wants_session(lane, options))
                best = add_worker(lane, options, results);
        return best && worker_has_room(best) && may_start(*lanes, best) ? best : NULL;
}

bool
lane_shares_module(const struct lane *lanes, const struct lane *lane)
{
        for (; lanes; lanes = lanes->next) {
                /* Without a module it is every module of the registry. */
                bool same =
                        !lanes->module || !lane->module || text_equal(lanes->module, lane->module);

                if (lanes != lane && lanes->worker_count && same)
                        return true;
        }
        return false;
}

void
lane_end(struct lane *lane)
{
        lane->leaving = true;
        for (size_t i = 0; i < lane->worker_count; i++) {
                if (!worker_is_abandoned(lane->workers[i]))
                        worker_end(lane->workers[i]);
        }
}
