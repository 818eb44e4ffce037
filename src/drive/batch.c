#include "drive/batch.h"

#include <malloc.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/decoded.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/log.h"
#include "drive/conductor.h"
#include "drive/deliver.h"

enum {
        LANE_WINDOW = 112, /* orders in flight on one token, beside those that the CA has; */
        FOR_EACH_AWAY = 3, /* and so many more for each of these, to be ready behind it, */
        MOST_WINDOW = 576, /* up to that */
        FIRST_WINDOW = 8,  /* the same until a CA took a first request, */
        FIRST_MS = 60,     /* and what the token makes in that time, */
        MOST_FIRST = 32,   /* up to that */
        TURN_MS = 200,     /* a turn waits at most this long, so that signals are seen */
        MANY_RIDES = 16,   /* from here on turns are at least this far apart: */
        LEAST_TURN_MS = 24,
        QUICK_TURN_MS = 4,     /* where a worker would be idle otherwise */
        SPARE_BYTES = 4 << 20, /* of memory that goes back to the system no sooner */
        DECODED = 192,         /* keys, requests and certificates that a turn looks at */
        FLUSHED_ALONE = 2,     /* orders whose files are flushed one by one */
};

static atomic_bool hangs;

bool
drive_hangs(void)
{
        return hangs;
}

void
drive_note_hang(void)
{
        hangs = true;
        modules_unmute();
}

void
conductor_tell(const struct conductor *conductor, enum drive_event event, const struct order *order,
               const char *text)
{
        if (conductor->options->event)
                conductor->options->event(conductor->options->context, event, order, text);
}

struct aws_client *
conductor_aws(struct conductor *conductor, struct error *err)
{
        if (!conductor->aws)
                conductor->aws = aws_client_open(conductor->options->aws, err);
        return conductor->aws;
}

int
conductor_stop_level(const struct conductor *conductor)
{
        return conductor->options->stop ? *conductor->options->stop : 0;
}

/* -- rides ------------------------------------------------------------------------------------ */

/* Odd, so that it is no pointer: replies to a CA's questions carry one. */
static void *
tag_of(size_t slot, unsigned age)
{
        return (void *)(uintptr_t)(((uintptr_t)age * SLOTS + slot) << 1 | 1);
}

void *
ride_tag(const struct ride *ride)
{
        return tag_of(ride->slot, ride->age);
}

struct ride *
ride_tagged(const struct conductor *conductor, const void *tag)
{
        uintptr_t number = (uintptr_t)tag;
        struct ride *ride = conductor->slots[(number >> 1) % SLOTS];

        return (number & 1) && ride && ride_tag(ride) == tag ? ride : NULL;
}

void
ride_renew_tag(struct conductor *conductor, struct ride *ride)
{
        ride->age = ++conductor->ages[ride->slot];
}

static const char *
token_of(const struct order *order)
{
        if (order->token.uri)
                return order->token.uri;
        return order->wishes.key_uri ? order->wishes.key_uri : order->wishes.token_uri;
}

static void
ride_add(struct conductor *conductor, struct order *order)
{
        struct ride *ride = memory_new(1, sizeof(*ride));

        ride->order = order;
        order->error = (struct error){ 0 };
        while (conductor->slots[conductor->next_slot])
                conductor->next_slot = (conductor->next_slot + 1) % SLOTS;
        ride->slot = conductor->next_slot;
        conductor->next_slot = (conductor->next_slot + 1) % SLOTS;
        conductor->slots[ride->slot] = ride;
        ride_renew_tag(conductor, ride);
        ride->link = conductor->rides_end;
        *conductor->rides_end = ride;
        conductor->rides_end = &ride->next;
        conductor->ride_count++;
        if (!token_of(order))
                return;
        ride->lane = lane_need(&conductor->lanes, order->wishes.module, token_of(order));
        ride->lane->rides++;
}

void
ride_free(struct conductor *conductor, struct ride *ride)
{
        *ride->link = ride->next;
        if (ride->next)
                ride->next->link = ride->link;
        else
                conductor->rides_end = ride->link;
        conductor->slots[ride->slot] = NULL;
        conductor->ride_count--;
        network_drop(conductor, ride);
        ride_end_hook(conductor, ride);
        if (ride->lane)
                ride->lane->rides--;
        order_free(ride->order);
        order_free(ride->predecessor);
        certificate_facts_clear(&ride->certificate);
        free(ride->notes);
        free(ride);
}

bool
ride_is_busy(const struct ride *ride)
{
        return ride->at_worker || ride->at_network;
}

/* -- lanes ------------------------------------------------------------------------------------ */

/* A CA that takes nothing is to leave few keys behind; but a quick token need not wait for it. */
static size_t
first_window(const struct lane *lane)
{
        int64_t pace = lane && lane->worker_count ? worker_pace_us(lane->workers[0], WORK_KEY) : 0;
        size_t window = FIRST_WINDOW + (pace > 0 ? (size_t)(FIRST_MS * 1000 / pace) : 0);

        return window < MOST_FIRST ? window : MOST_FIRST;
}

static size_t
window_of(const struct conductor *conductor, const struct lane *lane)
{
        size_t window = LANE_WINDOW + (lane ? FOR_EACH_AWAY * lane->away : 0);

        if (!conductor->proven)
                return first_window(lane);
        return window < MOST_WINDOW ? window : MOST_WINDOW;
}

size_t
drive_room(const struct conductor *conductor, const char *module, const char *token_uri)
{
        const struct lane *lane = lane_find(conductor->lanes, module, token_uri);
        size_t window = window_of(conductor, lane);

        if (lane && (lane->dead.kind != ERROR_NONE || lane->rides >= window))
                return 0;
        window -= lane ? lane->rides : 0;
        return window < SLOTS - conductor->ride_count ? window : SLOTS - conductor->ride_count;
}

void
drive_leave_token(struct conductor *conductor, const char *module, const char *token_uri)
{
        struct lane *lane = lane_find(conductor->lanes, module, token_uri);

        if (lane)
                lane->leaving = true;
}

/* -- collect ---------------------------------------------------------------------------------- */

static void
collect_works(struct conductor *conductor)
{
        struct work *work;

        while ((work = queue_take(conductor->results, 0))) {
                struct ride *ride =
                        work->kind == WORK_END ? NULL : ride_tagged(conductor, work->tag);

                if (work->kind == WORK_END)
                        conductor_worker_ended(conductor, work->tag);
                if (ride) {
                        worker_taken_back(ride->worker, work);
                        ride_apply_work(conductor, ride, work);
                }
                work_free(work);
        }
}

static void
ca_answered(struct conductor *conductor, const struct aws_reply *reply)
{
        for (struct ca *ca = conductor->cas; ca; ca = ca->next) {
                if (!ca_take(ca, reply))
                        continue;
                if (reply->tag == &ca->describe && ca->describe.state == KNOWLEDGE_KNOWN)
                        conductor_tell(conductor, EVENT_CA, NULL, ca->arn);
                return;
        }
}

static void
collect_replies(struct conductor *conductor)
{
        struct aws_reply *reply;

        while (conductor->aws && (reply = aws_receive(conductor->aws))) {
                struct ride *ride = ride_tagged(conductor, reply->tag);

                conductor->heard |= reply->ok || reply->error.aws.code[0];
                network_heard(conductor, ride, reply);
                if (ride)
                        ride_apply_reply(conductor, ride, reply);
                else
                        ca_answered(conductor, reply);
                aws_reply_free(reply);
        }
}

static void
collect_orders(struct conductor *conductor)
{
        const struct drive_source *source = conductor->source;

        if (conductor_stop_level(conductor) && !conductor->stopped_ms)
                conductor_note_stop(conductor);
        while (!conductor->no_more && conductor->ride_count < SLOTS) {
                struct order *order = NULL;
                enum drive_supply supply = source->next(source->context, conductor, &order);

                if (supply == SUPPLY_END)
                        conductor->no_more = true;
                if (supply != SUPPLY_ORDER)
                        return;
                ride_add(conductor, order);
        }
}

/* -- decide ----------------------------------------------------------------------------------- */

static void
interrupt(struct ride *ride)
{
        struct error err = { 0 };

        error_set(&err, ERROR_INTERRUPTED, "interrupted");
        error_about(&err, "order '%s'", ride->order->wishes.name);
        error_advise(&err, "nothing is lost; go on with: p11cert resume");
        ride_stop(ride, &err);
}

/* After the first signal: what the CA was asked for is brought home, for a while. */
static bool
is_brought_home(const struct conductor *conductor, const struct ride *ride)
{
        return ride->order->state >= ORDER_SUBMITTED && !conductor->outage.since_ms &&
               clock_boot_ms() - conductor->stopped_ms < conductor->options->grace_ms;
}

/* A deed that was decided on and has to wait for its worker is not decided again. */
static bool
is_decided(const struct ride *ride)
{
        return ride->finished || ride_is_busy(ride) || ride->deed == DEED_FINISH ||
               ride->deed == DEED_WORK;
}

static void
decide_one(struct conductor *conductor, struct ride *ride, int64_t now)
{
        if (conductor->stopped_ms && !is_brought_home(conductor, ride)) {
                /* What is in flight was finished and is recorded; nothing new is begun. */
                if (!ride->fact_count && !ride->finished && !ride_is_busy(ride) &&
                    ride->deed != DEED_FINISH)
                        interrupt(ride);
                return;
        }
        if (ride->gated && network_is_given_up(conductor)) {
                ride_stop(ride, &conductor->outage.error);
                return;
        }
        if (is_decided(ride) || ride->wake_ms > now ||
            (ride->gated && !network_is_open(conductor, ride->gate)))
                return;
        ride->wake_ms = 0;
        ride->gated = false;
        ride_decide(conductor, ride);
        ride->waiting = ride->deed == DEED_NONE && !ride->fact_count;
}

static bool
is_away(const struct ride *ride)
{
        return ride->at_network || ride->order->state == ORDER_SUBMITTED;
}

static void
decide_all(struct conductor *conductor)
{
        int64_t now = clock_boot_ms();

        for (struct lane *lane = conductor->lanes; lane; lane = lane->next)
                lane->away = 0;
        for (struct ride *ride = conductor->rides; ride; ride = ride->next) {
                decide_one(conductor, ride, now);
                if (ride->lane)
                        ride->lane->away += is_away(ride);
        }
}

/* -- flush ------------------------------------------------------------------------------------ */

/* The files of this turn are on the disk before the commit says that they were delivered. */
static void
flush_files(struct conductor *conductor)
{
        size_t count = 0;

        for (const struct ride *ride = conductor->rides; ride; ride = ride->next)
                count += ride->unflushed;
        if (!count)
                return;
        struct deliver_flush flush = { .together = count > FLUSHED_ALONE };

        for (struct ride *ride = conductor->rides; ride; ride = ride->next) {
                struct error err = { 0 };

                if (!ride->unflushed)
                        continue;
                ride->unflushed = false;
                if (deliver_flush(&flush, ride->order, &err)) {
                        failpoint("files-written");
                        continue;
                }
                ride->fact_count = 0;
                ride->order->state = ORDER_VERIFIED;
                ride->order->delivered_at = 0;
                ride_stop(ride, &err);
        }
}

/* -- dispatch --------------------------------------------------------------------------------- */

/*
 * What brings an order to its end comes first, and a new key last; but the last keys of all come
 * first, so that there is something to do while the CA has them.
 */
enum { PRIORITIES = 3 };

static int
priority_of(const struct conductor *conductor, enum work_kind kind)
{
        switch (kind) {
        case WORK_TEST:
        case WORK_DELIVER:
        case WORK_RETIRE:
        case WORK_PROVE:
                return conductor->no_more ? 2 : 0;
        case WORK_CSR:
                return 1;
        default:
                return conductor->no_more ? 0 : 2;
        }
}

static void
give_work(struct conductor *conductor, struct ride *ride)
{
        struct lane *lane = ride->lane;
        struct worker *worker;
        struct work *work;

        if (lane->dead.kind != ERROR_NONE) {
                ride_stop(ride, &lane->dead);
                return;
        }
        /* A ride stays with the worker that made its key, so that handles stay good. */
        worker = lane_worker(&conductor->lanes, lane, ride->hold ? ride->worker : NULL,
                             conductor->options, conductor->results);
        if (!worker) {
                /* For one with a worker of its own there may be room all the same. */
                lane->full = true;
                return;
        }
        ride->worker = worker;
        ride->deed = DEED_NONE;
        work = work_new(ride->work_kind, ride_tag(ride), ride->order);
        if (ride->work_kind == WORK_DELIVER) {
                /* Read when its key was tested: the token is not to wait for that. */
                work->facts = ride->certificate;
                ride->certificate = (struct certificate_facts){ 0 };
        }
        work->hold = ride->hold;
        work->doubted = ride->doubted;
        work->last = ride->work_kind == WORK_DELIVER && !ride->order->replaces &&
                     !ride->order->wishes.prove;
        work->may_reload = lane->worker_count == 1 && !lane_shares_module(conductor->lanes, lane);
        if (ride->work_kind == WORK_RETIRE)
                buf_set(&work->old_certificate, view_buf(&ride->predecessor->certificate));
        ride->at_worker = true;
        worker_give(worker, work);
}

/* The order stands still: its key handle is given up, then it goes back to its owner. */
static void
finish(struct ride *ride)
{
        ride->finished = true;
        if (!ride->hold || worker_is_abandoned(ride->worker))
                return;
        struct work *work = work_new(WORK_RELEASE, ride_tag(ride), ride->order);

        /* It touches no module, so it need not wait for anybody. */
        work->hold = MOVE(ride->hold);
        ride->at_worker = true;
        worker_give(ride->worker, work);
}

static void
dispatch_works(struct conductor *conductor)
{
        for (struct lane *lane = conductor->lanes; lane; lane = lane->next)
                lane->full = false;
        for (int priority = 0; priority < PRIORITIES; priority++) {
                for (struct ride *ride = conductor->rides; ride; ride = ride->next) {
                        if (!ride_is_busy(ride) && ride->deed == DEED_WORK &&
                            (!ride->lane->full || (ride->hold && ride->lane->worker_count > 1)) &&
                            priority_of(conductor, ride->work_kind) == priority)
                                give_work(conductor, ride);
                }
        }
}

static void
dispatch(struct conductor *conductor)
{
        for (struct ride *ride = conductor->rides; ride; ride = ride->next) {
                enum deed deed = ride->deed;

                if (ride->finished || ride_is_busy(ride) || deed == DEED_WORK)
                        continue;
                if (deed != DEED_FINISH)
                        ride->deed = DEED_NONE;
                if (deed == DEED_ISSUE)
                        network_issue(conductor, ride);
                else if (deed == DEED_POLL)
                        network_poll(conductor, ride);
                else if (deed == DEED_FINISH)
                        finish(ride);
        }
        dispatch_works(conductor);
}

/* Orders whose last facts are recorded go back. */
static void
hand_back(struct conductor *conductor)
{
        const struct drive_source *source = conductor->source;

        for (struct ride *next, *ride = conductor->rides; ride; ride = next) {
                next = ride->next;
                if (!ride->finished || ride_is_busy(ride) || ride->fact_count)
                        continue;
                struct order *order = MOVE(ride->order);

                ride_free(conductor, ride);
                if (source->done)
                        source->done(source->context, conductor, order);
                else
                        order_free(order);
        }
}

/* -- wait ------------------------------------------------------------------------------------- */

/* May something be decided without anything coming in? */
static int
time_to_wait(const struct conductor *conductor)
{
        int64_t now = clock_boot_ms();
        int64_t wait = TURN_MS;

        for (const struct ride *ride = conductor->rides; ride; ride = ride->next) {
                int64_t own = TURN_MS;

                if (ride->fact_count || (ride->deed == DEED_FINISH && !ride_is_busy(ride)))
                        return 0;
                if (ride_is_busy(ride) || ride->deed == DEED_WORK)
                        continue;
                if (ride->wake_ms)
                        own = ride->wake_ms - now;
                else if (ride->gated)
                        own = network_wait_ms(conductor, ride->gate);
                else if (!ride->waiting)
                        return 0;
                if (own >= 0 && own < wait)
                        wait = own;
        }
        return (int)wait;
}

/* Is nobody idle before so much time is over, of those who are not through with it all? */
static bool
are_workers_busy_for(const struct conductor *conductor, int64_t ms)
{
        for (const struct lane *lane = conductor->lanes; lane; lane = lane->next) {
                for (size_t i = 0; i < lane->worker_count; i++) {
                        if (lane->rides && !worker_is_abandoned(lane->workers[i]) &&
                            worker_ahead_us(lane->workers[i]) < ms * 1000)
                                return false;
                }
        }
        return true;
}

/*
 * While much is under way, what comes in within a few milliseconds shares a turn and its commit;
 * but no worker is to wait long for that.
 */
static void
let_news_gather(const struct conductor *conductor)
{
        int64_t since = clock_boot_ms() - conductor->turned_ms;
        bool busy = are_workers_busy_for(conductor, LEAST_TURN_MS - since);
        int64_t early = (busy ? LEAST_TURN_MS : QUICK_TURN_MS) - since;
        struct timespec pause = { .tv_nsec = early * 1000000 };

        if (conductor->ride_count > MANY_RIDES && early > 0 && early <= LEAST_TURN_MS)
                nanosleep(&pause, NULL);
}

static void
wait_for_news(struct conductor *conductor)
{
        int timeout = time_to_wait(conductor);
        struct pollfd news = { .fd = conductor->news_fd, .events = POLLIN };

        let_news_gather(conductor);
        if (conductor->aws)
                aws_wait(conductor->aws, news.fd, timeout);
        else
                poll(&news, 1, timeout);
        conductor->turned_ms = clock_boot_ms();
}

/* -- the run ---------------------------------------------------------------------------------- */

static void
read_boot_id(struct conductor *conductor)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        struct error ignored = { 0 };

        if (!file_read("/proc/sys/kernel/random/boot_id", 256, &text, &ignored))
                return;
        snprintf(conductor->boot_id, sizeof(conductor->boot_id), "%.*s",
                 (int)strcspn(buf_text(&text), "\n"), buf_text(&text));
}

static void
watch(int epoll, int fd)
{
        struct epoll_event event = { .events = EPOLLIN };

        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static bool
conductor_init(struct conductor *conductor, struct error *err)
{
        conductor->results = queue_new();
        conductor->rides_end = &conductor->rides;
        conductor->news_fd = epoll_create1(EPOLL_CLOEXEC);
        if (conductor->news_fd < 0)
                return error_set(err, ERROR_INTERNAL, "the system has no descriptor left");
        watch(conductor->news_fd, queue_fd(conductor->results));
        if (conductor->source->wake_fd)
                watch(conductor->news_fd, conductor->source->wake_fd);
        read_boot_id(conductor);
        decoded_remember(DECODED);
        /* A turn gives back what the next one needs: the system is not to clear it each time. */
        mallopt(M_TRIM_THRESHOLD, SPARE_BYTES);
        mallopt(M_TOP_PAD, SPARE_BYTES / 8);
        network_open(conductor);
        return true;
}

static void
conductor_clear(struct conductor *conductor)
{
        struct work *work;

        conductor_stop_workers(conductor);
        while ((work = queue_take(conductor->results, 0)))
                work_free(work);
        if (!drive_hangs())
                queue_free(conductor->results);
        if (conductor->news_fd >= 0)
                close(conductor->news_fd);
        aws_client_close(conductor->aws);
        ca_list_free(conductor->cas);
}

/* One turn; false when the ledger takes no more. */
static bool
take_turn(struct conductor *conductor, struct error *err)
{
        collect_works(conductor);
        collect_replies(conductor);
        conductor_collect_hangs(conductor);
        collect_orders(conductor);
        decide_all(conductor);
        flush_files(conductor);
        if (!conductor_commit(conductor, err))
                return false;
        dispatch(conductor);
        hand_back(conductor);
        conductor_close_lanes(conductor);
        if (conductor->source->turn)
                conductor->source->turn(conductor->source->context, conductor);
        return true;
}

bool
drive_run(const struct drive_options *options, const struct drive_source *source, struct error *err)
{
        struct conductor conductor = { .options = options, .source = source, .news_fd = -1 };
        bool fine = conductor_init(&conductor, err);

        while (fine) {
                fine = take_turn(&conductor, err);
                if (!fine || (!conductor.rides && conductor.no_more))
                        break;
                if (conductor_stop_level(&conductor) > 1) {
                        conductor_leave_now(&conductor);
                        break;
                }
                wait_for_news(&conductor);
        }
        if (!fine)
                conductor_abort_run(&conductor, err);
        conductor_clear(&conductor);
        return fine;
}

void
drive_standing(const struct conductor *conductor, struct drive_standing *out)
{
        int64_t to_wall = clock_now_ms() - clock_boot_ms();
        const struct outage *outage = &conductor->outage;

        *out = (struct drive_standing){ .in_flight = conductor->ride_count,
                                        .rate = pace_rate(&conductor->pace[CALL_ISSUE]) };
        for (const struct ride *ride = conductor->rides; ride; ride = ride->next) {
                out->at_token += ride->at_worker || ride->deed == DEED_WORK;
                out->at_network += ride->at_network || ride->order->state == ORDER_SUBMITTED;
                out->for_rate += ride->gated && ride->gate == CALL_ISSUE;
        }
        if (!outage->since_ms)
                return;
        out->outage = outage->error;
        out->next_try = (outage->until_ms + to_wall + 999) / 1000;
        out->give_up = (outage->since_ms + conductor->options->outage_ms + to_wall) / 1000;
}
