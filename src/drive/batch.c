#include "drive/batch.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/log.h"
#include "drive/conductor.h"
#include "order/cert.h"

enum {
        WINDOW = 64,   /* orders in flight */
        TURN_MS = 200, /* a turn waits at most this long, so that signals are seen */
        TOLD_EVERY_MS = 10 * 1000,
        DEFAULT_TOKEN_TIMEOUT_MS = 120 * 1000,
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

static struct ride *
ride_new(struct order *order)
{
        struct ride *ride = memory_new(1, sizeof(*ride));

        ride->order = order;
        order->error = (struct error){ 0 };
        return ride;
}

static void
ride_free(struct ride *ride)
{
        order_free(ride->order);
        order_free(ride->predecessor);
        free(ride->notes);
        free(ride);
}

static bool
ride_is_busy(const struct ride *ride)
{
        return ride->at_worker || ride->at_network;
}

/* -- collect ---------------------------------------------------------------------------------- */

static struct ride *
ride_of(const struct conductor *conductor, const void *tag)
{
        for (struct ride *ride = conductor->rides; ride; ride = ride->next) {
                if (ride == tag)
                        return ride;
        }
        return NULL;
}

static void
collect_works(struct conductor *conductor)
{
        struct work *work;

        while ((work = queue_take(conductor->results, 0))) {
                struct ride *ride = ride_of(conductor, work->tag);

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
                struct ride *ride = ride_of(conductor, reply->tag);

                conductor->heard |= reply->ok || reply->error.aws.code[0];
                if (ride)
                        ride_apply_reply(conductor, ride, reply);
                else
                        ca_answered(conductor, reply);
                aws_reply_free(reply);
        }
}

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
}

/* The worker's module hangs: what it has in its hands stays as it is. */
static void
give_up_worker(struct conductor *conductor, struct worker *worker)
{
        worker_abandon(worker);
        drive_note_hang();
        for (struct ride *ride = conductor->rides; ride; ride = ride->next) {
                struct error err = { 0 };

                if (ride->worker != worker || !ride->at_worker)
                        continue;
                stand_in(conductor, ride);
                const struct order *copy = ride->order;

                error_set(&err, ERROR_TOKEN_HANGS, "the token's module does not answer");
                error_about(&err, "order '%s', %s", copy->wishes.name,
                            copy->token.uri ? copy->token.uri : copy->wishes.token_uri);
                error_advise(&err, "unplug the token and plug it in again, or restart its service, "
                                   "then: p11cert resume; --token-timeout allows for more time");
                ride_stop(ride, &err);
        }
}

static void
collect_hangs(struct conductor *conductor)
{
        int64_t timeout = conductor->options->token_timeout_ms
                                  ? conductor->options->token_timeout_ms
                                  : DEFAULT_TOKEN_TIMEOUT_MS;
        int64_t now = clock_boot_ms();

        for (size_t i = 0; i < conductor->worker_count; i++) {
                if (worker_busy_ms(conductor->workers[i], now) > timeout)
                        give_up_worker(conductor, conductor->workers[i]);
        }
}

static void
collect_orders(struct conductor *conductor)
{
        while (!conductor->no_more && conductor->ride_count < WINDOW &&
               !conductor_stop_level(conductor)) {
                struct order *order = conductor->next(conductor->context);

                if (!order) {
                        conductor->no_more = true;
                        return;
                }
                struct ride *ride = ride_new(order);
                struct ride **end = &conductor->rides;

                while (*end)
                        end = &(*end)->next;
                *end = ride;
                conductor->ride_count++;
        }
        if (conductor_stop_level(conductor))
                conductor->no_more = true;
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

static void
decide_all(struct conductor *conductor)
{
        int64_t now = clock_boot_ms();

        for (struct ride *ride = conductor->rides; ride; ride = ride->next) {
                if (ride->finished || ride_is_busy(ride) || ride->deed == DEED_FINISH)
                        continue;
                if (conductor_stop_level(conductor)) {
                        /* What is in flight was finished and is recorded; nothing new is begun. */
                        if (!ride->fact_count)
                                interrupt(ride);
                        continue;
                }
                if (ride->wake_ms > now)
                        continue;
                ride->wake_ms = 0;
                ride_decide(conductor, ride);
                ride->waiting = ride->deed == DEED_NONE && !ride->fact_count;
        }
}

/* -- dispatch --------------------------------------------------------------------------------- */

static const char *
token_of(const struct order *order)
{
        if (order->token.uri)
                return order->token.uri;
        return order->wishes.key_uri ? order->wishes.key_uri : order->wishes.token_uri;
}

static struct worker *
worker_for(struct conductor *conductor, const struct order *order)
{
        const char *module = order->wishes.module;
        const char *uri = token_of(order);

        for (size_t i = 0; i < conductor->worker_count; i++) {
                if (worker_serves(conductor->workers[i], module, uri))
                        return conductor->workers[i];
        }
        conductor->workers = memory_grow(conductor->workers, conductor->worker_count + 1,
                                         sizeof(*conductor->workers));
        struct worker *worker = worker_start(conductor->options, module, uri, conductor->results);

        conductor->workers[conductor->worker_count++] = worker;
        return worker;
}

static bool
worker_may_start(const struct conductor *conductor, const struct worker *worker)
{
        for (size_t i = 0; i < conductor->worker_count; i++) {
                if (worker_must_wait_for(worker, conductor->workers[i]))
                        return false;
        }
        return true;
}

static void
give_work(struct conductor *conductor, struct ride *ride, enum work_kind kind)
{
        /* A ride stays with the worker that found its token, so that handles stay good. */
        if (!ride->worker)
                ride->worker = worker_for(conductor, ride->order);
        if (!worker_may_start(conductor, ride->worker)) {
                ride->waiting = true; /* decided again when that other work comes back */
                return;
        }
        struct work *work = work_new(kind, ride, ride->order);

        work->hold = ride->hold;
        if (kind == WORK_RETIRE)
                buf_set(&work->old_certificate, view_buf(&ride->predecessor->certificate));
        ride->at_worker = true;
        worker_give(ride->worker, work);
}

/* Ask the order's CA; the reply comes back to this ride. */
static void
send_call(struct conductor *conductor, struct ride *ride, const char *operation, struct view body,
          int64_t no_attempt_after_ms)
{
        struct ca_arn parts;
        struct error err = { 0 };

        if (!ca_arn_parse(ride->order->wishes.ca_arn, &parts, &err)) {
                ride_stop(ride, &err);
                return;
        }
        struct aws_call call = {
                .service = "acm-pca",
                .region = parts.region,
                .operation = operation,
                .body = body,
                .tag = ride,
                .no_attempt_after_ms = no_attempt_after_ms,
        };

        ride->at_network = true;
        aws_send(conductor->aws, &call);
}

static void
send_issue(struct conductor *conductor, struct ride *ride)
{
        const struct order *order = ride->order;

        failpoint("about-to-send");
        send_call(conductor, ride, "IssueCertificate", view_buf(&order->request),
                  order->first_sent_boot_ms + ORDER_REPEAT_MS);
}

static void
send_poll(struct conductor *conductor, struct ride *ride)
{
        const struct order *order = ride->order;
        CLEANUP(free_cleanup)
        char *body = pca_write_get_certificate(order->wishes.ca_arn, order->certificate_arn);
        int64_t now = clock_boot_ms();

        if (now - ride->submitted_ms > TOLD_EVERY_MS && now - ride->told_ms > TOLD_EVERY_MS) {
                ride->told_ms = now;
                conductor_tell(conductor, EVENT_WAITING, order, "the CA is at work");
        }
        send_call(conductor, ride, "GetCertificate", view_text(body), 0);
}

/* The order stands still: its key handle is given up, then it goes back to its owner. */
static void
finish(struct ride *ride)
{
        ride->finished = true;
        if (!ride->hold || worker_is_abandoned(ride->worker))
                return;
        struct work *work = work_new(WORK_RELEASE, ride, ride->order);

        /* It touches no module, so it need not wait for anybody. */
        work->hold = MOVE(ride->hold);
        ride->at_worker = true;
        worker_give(ride->worker, work);
}

static void
dispatch(struct conductor *conductor)
{
        for (struct ride *ride = conductor->rides; ride; ride = ride->next) {
                enum deed deed = ride->deed;

                if (ride->finished || ride_is_busy(ride))
                        continue;
                if (deed != DEED_FINISH)
                        ride->deed = DEED_NONE;
                switch (deed) {
                case DEED_NONE:
                        break;
                case DEED_WORK:
                        give_work(conductor, ride, ride->work_kind);
                        break;
                case DEED_ISSUE:
                        send_issue(conductor, ride);
                        break;
                case DEED_POLL:
                        send_poll(conductor, ride);
                        break;
                case DEED_FINISH:
                        finish(ride);
                        break;
                }
        }
}

/* Orders whose last facts are recorded go back. */
static void
hand_back(struct conductor *conductor)
{
        struct ride **link = &conductor->rides;

        while (*link) {
                struct ride *ride = *link;

                if (!ride->finished || ride_is_busy(ride) || ride->fact_count) {
                        link = &ride->next;
                        continue;
                }
                *link = ride->next;
                conductor->ride_count--;
                if (conductor->done)
                        conductor->done(conductor->context, MOVE(ride->order));
                ride_free(ride);
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
                if (ride->fact_count || (ride->deed == DEED_FINISH && !ride_is_busy(ride)))
                        return 0;
                if (ride_is_busy(ride))
                        continue;
                if (ride->wake_ms && ride->wake_ms - now < wait)
                        wait = ride->wake_ms - now;
                if (!ride->wake_ms && !ride->waiting)
                        return 0;
        }
        return wait > 0 ? (int)wait : 0;
}

static void
wait_for_news(struct conductor *conductor)
{
        int timeout = time_to_wait(conductor);
        struct pollfd results = { .fd = queue_fd(conductor->results), .events = POLLIN };

        if (conductor->aws)
                aws_wait(conductor->aws, results.fd, timeout);
        else
                poll(&results, 1, timeout);
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
stop_workers(struct conductor *conductor)
{
        struct modules **modules = memory_new(conductor->worker_count, sizeof(*modules));

        for (size_t i = 0; i < conductor->worker_count; i++) {
                if (!worker_is_abandoned(conductor->workers[i]))
                        modules[i] = worker_stop(conductor->workers[i]);
        }
        /* Workers of one module share it: it is finalised once the last of them is gone. */
        for (size_t i = 0; i < conductor->worker_count && !drive_hangs(); i++)
                modules_leave(modules[i]);
        free(modules);
        free(conductor->workers);
}

static void
conductor_clear(struct conductor *conductor)
{
        struct work *work;

        stop_workers(conductor);
        while ((work = queue_take(conductor->results, 0)))
                work_free(work);
        if (!drive_hangs())
                queue_free(conductor->results);
        aws_client_close(conductor->aws);
        ca_list_free(conductor->cas);
}

/* The ledger takes nothing any more: every order goes back with that error. */
static void
abort_run(struct conductor *conductor, const struct error *err)
{
        conductor_tell_unrecorded(conductor);
        while (conductor->rides) {
                struct ride *ride = conductor->rides;

                conductor->rides = ride->next;
                if (ride->at_worker && worker_is_abandoned(ride->worker))
                        stand_in(conductor, ride);
                /* What is in a worker's hands is not ours to give back. */
                if (ride->at_worker)
                        continue;
                ride->order->error = *err;
                if (ride->fact_count && ride->order->certificate_arn)
                        error_about(&ride->order->error, "certificate ARN %s",
                                    ride->order->certificate_arn);
                if (conductor->done)
                        conductor->done(conductor->context, MOVE(ride->order));
                ride_free(ride);
        }
}

/* The second signal: whoever is inside a module is left behind. */
static void
leave_now(struct conductor *conductor)
{
        struct error err = { 0 };

        for (size_t i = 0; i < conductor->worker_count; i++) {
                if (!worker_load(conductor->workers[i]))
                        continue;
                worker_abandon(conductor->workers[i]);
                drive_note_hang();
        }
        error_set(&err, ERROR_INTERRUPTED, "interrupted");
        error_advise(&err, "nothing is lost; go on with: p11cert resume");
        abort_run(conductor, &err);
}

bool
drive_run(const struct drive_options *options, struct order *(*next)(void *context),
          void (*done)(void *context, struct order *order), void *context, struct error *err)
{
        struct conductor conductor = {
                .options = options,
                .results = queue_new(),
                .next = next,
                .done = done,
                .context = context,
        };
        bool fine = true;

        read_boot_id(&conductor);
        while (fine) {
                collect_works(&conductor);
                collect_replies(&conductor);
                collect_hangs(&conductor);
                collect_orders(&conductor);
                decide_all(&conductor);
                fine = conductor_commit(&conductor, err);
                if (!fine)
                        break;
                dispatch(&conductor);
                hand_back(&conductor);
                if (!conductor.rides && conductor.no_more)
                        break;
                if (conductor_stop_level(&conductor) > 1) {
                        leave_now(&conductor);
                        break;
                }
                wait_for_news(&conductor);
        }
        if (!fine)
                abort_run(&conductor, err);
        conductor_clear(&conductor);
        return fine;
}
