/*
 * The commit phase: a turn's facts go to the ledger together.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "drive/conductor.h"
#include "order/cert.h"

enum { COMMIT_TRIES = 5, COMMIT_PAUSE_S = 1 };

static bool
record_predecessor(struct conductor *conductor, struct ride *ride, int64_t now, struct error *err)
{
        struct ledger *ledger = conductor->options->ledger;
        struct order *old = ledger_get(ledger, ride->order->replaces, err);

        /* It was at rest: others may have recorded something of it since it was read. */
        if (!old)
                return false;
        order_free(ride->predecessor);
        ride->predecessor = old;
        old->superseded_by = ride->order->number;
        old->state = ORDER_SUPERSEDED;
        return ledger_update(ledger, old, "superseded", now, err);
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

/* A person may have recorded the installation while the last steps were taken. */
static bool
note_installation(struct ledger *ledger, struct order *order, struct error *err)
{
        CLEANUP(order_cleanup) struct order *now = ledger_get(ledger, order->number, err);

        if (!now)
                return false;
        if (now->state != ORDER_INSTALLED)
                return true;
        order->state = now->state;
        order->installed_at = now->installed_at;
        wishes_take_attributes(&order->wishes, &now->wishes);
        return true;
}

/* The facts from `first` on, of an order that has its number: its row is written once for all. */
static bool
record_facts(struct conductor *conductor, struct ride *ride, size_t first, int64_t now,
             struct error *err)
{
        struct ledger *ledger = conductor->options->ledger;
        struct order *order = ride->order;
        struct ledger_fact facts[RIDE_FACTS];
        size_t count = ride->fact_count - first;
        bool rested = false;

        for (size_t i = 0; i < count; i++) {
                facts[i].state = order->state = ride->facts[first + i].state;
                facts[i].name = ride->facts[first + i].name;
                rested |=
                        order->state == ORDER_DELIVERED && strcmp(facts[i].name, "delivered") != 0;
        }
        if (rested && !note_installation(ledger, order, err))
                return false;
        for (size_t i = 0; i < count; i++) {
                if (order->state == ORDER_INSTALLED && facts[i].state == ORDER_DELIVERED)
                        facts[i].state = ORDER_INSTALLED;
        }
        if (!ledger_update_facts(ledger, order, facts, count, now, err))
                return false;
        for (size_t i = 0; i < count; i++) {
                if (strcmp(facts[i].name, "verified") == 0 &&
                    !record_issuer(conductor, order, now, err))
                        return false;
                if (strcmp(facts[i].name, "predecessor-superseded") == 0 &&
                    !record_predecessor(conductor, ride, now, err))
                        return false;
        }
        return true;
}

static bool
record_ride(struct conductor *conductor, struct ride *ride, int64_t now, struct error *err)
{
        struct order *order = ride->order;
        enum order_state last = order->state;
        size_t first = 0;
        bool done = true;

        if (ride->fact_count && !order->number) {
                order->state = ride->facts[first++].state;
                done = ledger_insert(conductor->options->ledger, order, now, err);
        }
        if (done && first < ride->fact_count)
                done = record_facts(conductor, ride, first, now, err);
        if (!done || order->state != ORDER_INSTALLED)
                order->state = last;
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

/*
 * One attempt at the turn's transaction; on failure nothing of it is in the ledger, and `failed` is
 * the ride whose facts were not taken (NULL: it was the turn's own failure).
 */
static bool
commit_once(struct conductor *conductor, struct ride **failed, struct error *err)
{
        struct ledger *ledger = conductor->options->ledger;
        int64_t now = clock_now();
        bool done = ledger_begin(ledger, err);

        *failed = NULL;
        for (struct ride *ride = conductor->rides; done && ride; ride = ride->next) {
                bool fresh = !ride->order->number;

                done = record_ride(conductor, ride, now, err);
                *failed = done ? NULL : ride;
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
                if (strcmp(ca->root_how, "first use") == 0)
                        conductor_tell(conductor, EVENT_ROOT, NULL, ca->arn);
                ca->root_how = NULL;
        }
        for (struct ride *ride = conductor->rides; ride; ride = ride->next)
                tell_facts(conductor, ride);
}

/*
 * A second order of a name that is open, or a step that the ledger does not allow, is that order's
 * own error, not the turn's.
 */
static bool
blame_order(struct ride *ride, const struct error *err)
{
        if (!ride || err->kind != ERROR_ORDER_STATE)
                return false;
        ride->fact_count = 0;
        ride->order->error = *err;
        ride->deed = DEED_FINISH;
        return true;
}

/*
 * The turn's facts go to the disk together.  While that fails nothing is dispatched; after some
 * tries the run ends, and what could not be recorded is told.
 */
bool
conductor_commit(struct conductor *conductor, struct error *err)
{
        if (!has_facts(conductor))
                return true;
        struct ride *failed = NULL;

        failpoint("before-commit");
        for (int tries = 1; !commit_once(conductor, &failed, err); tries++) {
                log_info("commit-failed", "try=%d what=%s", tries, err->what);
                if (blame_order(failed, err)) {
                        *err = (struct error){ 0 };
                        if (!has_facts(conductor))
                                return true;
                        continue;
                }
                if (tries == COMMIT_TRIES || conductor_stop_level(conductor) > 1)
                        return false;
                struct timespec pause = { .tv_sec = COMMIT_PAUSE_S };

                nanosleep(&pause, NULL);
                *err = (struct error){ 0 };
        }
        failpoint("after-commit");
        committed(conductor);
        return true;
}

/* What the ledger could not take, for a person to keep. */
void
conductor_tell_unrecorded(struct conductor *conductor)
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
