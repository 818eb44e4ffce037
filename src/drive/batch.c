#include "drive/batch.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
        COMMIT_TRIES = 5,
        COMMIT_PAUSE_MS = 1000,
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

static int
stop_level(const struct conductor *conductor)
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

                if (ride)
                        ride_apply_reply(conductor, ride, reply);
                else
                        ca_answered(conductor, reply);
                aws_reply_free(reply);
        }
}

/*
 * The worker's module hangs: what it has in its hands stays as it is.  The thread may still read
 * that order, so the ledger's copy (or, before there is one, the wishes') stands in for it.
 */
static void
give_up_worker(struct conductor *conductor, struct worker *worker)
{
        worker_abandon(worker);
        drive_note_hang();
        for (struct ride *ride = conductor->rides; ride; ride = ride->next) {
                struct error err = { 0 };
                struct order *copy = NULL;

                if (ride->worker != worker || !ride->at_worker)
                        continue;
                if (ride->order->number)
                        copy = ledger_get(conductor->options->ledger, ride->order->number, &err);
                if (!copy) {
                        copy = order_new();
                        wishes_copy(&copy->wishes, &ride->order->wishes);
                }
                ride->order = copy;
                ride->at_worker = false;
                ride->hold = NULL;
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
        while (!conductor->no_more && conductor->ride_count < WINDOW && !stop_level(conductor)) {
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
        if (stop_level(conductor))
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
                if (stop_level(conductor)) {
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

/* -- commit ----------------------------------------------------------------------------------- */

static bool
record_predecessor(struct conductor *conductor, struct ride *ride, int64_t now, struct error *err)
{
        struct order *old = ride->predecessor;

        old->superseded_by = ride->order->number;
        old->state = ORDER_SUPERSEDED;
        return ledger_update(conductor->options->ledger, old, "superseded", now, err);
}

static bool
record_issuer(struct conductor *conductor, const struct order *order, int64_t now,
              struct error *err)
{
        size_t length = certificate_length(view_buf(&order->chain));
        struct view issuer = length ? view_of(order->chain.data, length) : view_buf(&order->root);
        bool fresh;

        if (!order->wishes.ca_arn)
                return true;
        return ledger_note_issuer(conductor->options->ledger, order->wishes.ca_arn, issuer, now,
                                  &fresh, err);
}

static bool
record_fact(struct conductor *conductor, struct ride *ride, size_t i, int64_t now,
            struct error *err)
{
        struct ledger *ledger = conductor->options->ledger;
        struct order *order = ride->order;
        const char *name = ride->facts[i].name;
        bool done;

        order->state = ride->facts[i].state;
        if (!order->number)
                return ledger_insert(ledger, order, now, err);
        done = ledger_update(ledger, order, name, now, err);
        if (done && strcmp(name, "verified") == 0)
                done = record_issuer(conductor, order, now, err);
        if (done && strcmp(name, "predecessor-superseded") == 0)
                done = record_predecessor(conductor, ride, now, err);
        return done;
}

static bool
record_ride(struct conductor *conductor, struct ride *ride, int64_t now, struct error *err)
{
        enum order_state last = ride->order->state;
        bool done = true;

        for (size_t i = 0; done && i < ride->fact_count; i++)
                done = record_fact(conductor, ride, i, now, err);
        ride->order->state = last;
        return done;
}

static bool
record_roots(struct conductor *conductor, int64_t now, struct error *err)
{
        for (struct ca *ca = conductor->cas; ca; ca = ca->next) {
                if (ca->root_how && ca->root.len &&
                    !ledger_pin_root(conductor->options->ledger, ca->arn, view_buf(&ca->root),
                                     ca->root_how, now, err))
                        return false;
        }
        return true;
}

static bool
has_facts(const struct conductor *conductor)
{
        for (const struct ride *ride = conductor->rides; ride; ride = ride->next) {
                if (ride->fact_count)
                        return true;
        }
        return false;
}

/* One attempt at the turn's transaction; on failure nothing of it is in the ledger. */
static bool
commit_once(struct conductor *conductor, struct error *err)
{
        struct ledger *ledger = conductor->options->ledger;
        int64_t now = clock_now();
        bool done = ledger_begin(ledger, err);

        for (struct ride *ride = conductor->rides; done && ride; ride = ride->next) {
                bool fresh = !ride->order->number;

                done = record_ride(conductor, ride, now, err);
                ride->inserted = ride->inserted || (fresh && ride->order->number);
        }
        done = done && record_roots(conductor, now, err) && ledger_commit(ledger, err);
        if (done)
                return true;
        ledger_rollback(ledger);
        for (struct ride *ride = conductor->rides; ride; ride = ride->next) {
                if (ride->inserted)
                        ride->order->number = 0;
                ride->inserted = false;
        }
        return false;
}

/* Tell what is now on record. */
static void
tell_facts(struct conductor *conductor, struct ride *ride)
{
        for (size_t i = 0; i < ride->fact_count; i++)
                conductor_tell(conductor, ride->facts[i].event, ride->order, ride->facts[i].name);
        if (ride->notes)
                conductor_tell(conductor, EVENT_NOTE, ride->order, ride->notes);
        free(MOVE(ride->notes));
        ride->fact_count = 0;
        ride->inserted = false;
        if (ride->predecessor && ride->predecessor->state == ORDER_SUPERSEDED)
                order_free(MOVE(ride->predecessor));
}

static void
committed(struct conductor *conductor)
{
        for (struct ca *ca = conductor->cas; ca; ca = ca->next) {
                if (!ca->root_how || !ca->root.len)
                        continue;
                conductor_tell(conductor, EVENT_ROOT, NULL, ca->arn);
                ca->root_how = NULL;
        }
        for (struct ride *ride = conductor->rides; ride; ride = ride->next)
                tell_facts(conductor, ride);
}

/* A second order of a name that is open is that order's own error, not the turn's. */
static bool
blame_order(struct conductor *conductor, const struct error *err)
{
        if (err->kind != ERROR_ORDER_STATE)
                return false;
        for (struct ride *ride = conductor->rides; ride; ride = ride->next) {
                if (ride->order->number || !ride->fact_count)
                        continue;
                ride->fact_count = 0;
                ride_stop(ride, err);
                return true;
        }
        return false;
}

/*
 * The turn's facts go to the disk together.  While that fails nothing is dispatched; after some
 * tries the run ends, and what could not be recorded is told.
 */
static bool
commit(struct conductor *conductor, struct error *err)
{
        if (!has_facts(conductor))
                return true;
        failpoint("before-commit");
        for (int tries = 1; !commit_once(conductor, err); tries++) {
                log_info("commit-failed", "try=%d what=%s", tries, err->what);
                if (blame_order(conductor, err)) {
                        *err = (struct error){ 0 };
                        if (!has_facts(conductor))
                                return true;
                        continue;
                }
                if (tries == COMMIT_TRIES || stop_level(conductor) > 1)
                        return false;
                struct timespec pause = { .tv_sec = COMMIT_PAUSE_MS / 1000 };

                nanosleep(&pause, NULL);
                *err = (struct error){ 0 };
        }
        failpoint("after-commit");
        committed(conductor);
        return true;
}

/* What the ledger could not take, for a person to keep. */
static void
tell_unrecorded(struct conductor *conductor)
{
        for (struct ride *ride = conductor->rides; ride; ride = ride->next) {
                const struct order *order = ride->order;

                if (!ride->fact_count)
                        continue;
                CLEANUP(free_cleanup)
                char *text = text_format("not recorded: order %lld '%s' is %s, certificate ARN %s",
                                         (long long)order->number, order->wishes.name,
                                         order_state_name(order->state),
                                         order->certificate_arn ? order->certificate_arn : "none");

                conductor_tell(conductor, EVENT_NOTE, order, text);
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

static void
send_issue(struct conductor *conductor, struct ride *ride)
{
        const struct order *order = ride->order;
        struct ca_arn parts;
        struct error err = { 0 };

        if (!ca_arn_parse(order->wishes.ca_arn, &parts, &err)) {
                ride_stop(ride, &err);
                return;
        }
        struct aws_call call = {
                .service = "acm-pca",
                .region = parts.region,
                .operation = "IssueCertificate",
                .body = view_buf(&order->request),
                .tag = ride,
                .no_attempt_after_ms = order->first_sent_boot_ms + ORDER_REPEAT_MS,
        };

        failpoint("about-to-send");
        ride->at_network = true;
        aws_send(conductor->aws, &call);
}

static void
send_poll(struct conductor *conductor, struct ride *ride)
{
        const struct order *order = ride->order;
        struct ca_arn parts;
        struct error err = { 0 };

        if (!ca_arn_parse(order->wishes.ca_arn, &parts, &err)) {
                ride_stop(ride, &err);
                return;
        }
        CLEANUP(free_cleanup)
        char *body = pca_write_get_certificate(order->wishes.ca_arn, order->certificate_arn);
        struct aws_call call = {
                .service = "acm-pca",
                .region = parts.region,
                .operation = "GetCertificate",
                .body = view_text(body),
                .tag = ride,
        };
        int64_t now = clock_boot_ms();

        if (now - ride->submitted_ms > TOLD_EVERY_MS && now - ride->told_ms > TOLD_EVERY_MS) {
                ride->told_ms = now;
                conductor_tell(conductor, EVENT_WAITING, order, "the CA is at work");
        }
        ride->at_network = true;
        aws_send(conductor->aws, &call);
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
                modules_close(modules[i]);
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
        tell_unrecorded(conductor);
        while (conductor->rides) {
                struct ride *ride = conductor->rides;

                conductor->rides = ride->next;
                /* What is in a worker's hands is not ours to give back. */
                if (ride->at_worker)
                        continue;
                ride->order->error = *err;
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
                fine = commit(&conductor, err);
                if (!fine)
                        break;
                dispatch(&conductor);
                hand_back(&conductor);
                if (!conductor.rides && conductor.no_more)
                        break;
                if (stop_level(&conductor) > 1) {
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
