/*
 * The conductor's calls: each operation at its own pace, and none while AWS is out of reach.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "drive/conductor.h"

/*
 * Just under the quotas of AWS Private CA for an account and Region: 25 IssueCertificate and 75
 * GetCertificate a second.  One poll of three may so be in vain.
 */
#define ISSUE_RATE 24.9
#define POLLS_PER_ISSUE 3

enum {
        ISSUES_IN_FLIGHT = 64,
        FAILURES_OF_AN_OUTAGE = 3,
        FIRST_PAUSE_MS = 1000,
        MOST_PAUSE_MS = 30 * 1000,
        TOLD_EVERY_MS = 10 * 1000,
};

int64_t
network_jitter(int64_t ms)
{
        uint8_t random;

        random_bytes(&random, 1);
        return ms * 4 / 5 + ms * 2 / 5 * random / 255;
}

void
network_open(struct conductor *conductor)
{
        double rate = conductor->options->rate;
        double once_bitten = 0;

        if (rate == 0) {
                rate = ISSUE_RATE;
                /* A local CA has the quota it was given, if any: it is assumed once it shows. */
                if (conductor->options->local_ca) {
                        once_bitten = rate;
                        rate = 0;
                }
        }
        if (rate < 0)
                rate = 0;
        pace_init(&conductor->pace[CALL_ISSUE], rate, once_bitten);
        pace_init(&conductor->pace[CALL_GET], POLLS_PER_ISSUE * rate,
                  POLLS_PER_ISSUE * once_bitten);
}

/* -- may a call be made? --------------------------------------------------------------------- */

int64_t
network_wait_ms(const struct conductor *conductor, enum call call)
{
        int64_t now = clock_boot_ms();
        size_t most = call == CALL_ISSUE ? ISSUES_IN_FLIGHT : CALLS_IN_FLIGHT;

        if (conductor->outage.until_ms > now)
                return conductor->outage.until_ms - now;
        /* After a pause one asks; its answer is everybody's. */
        if (conductor->outage.since_ms && conductor->calls)
                return -1;
        if (conductor->calls >= most)
                return -1;
        return pace_wait_ms(&conductor->pace[call], now);
}

bool
network_is_open(const struct conductor *conductor, enum call call)
{
        return network_wait_ms(conductor, call) == 0;
}

bool
network_grant(struct conductor *conductor, struct ride *ride, enum call call)
{
        int64_t now = clock_boot_ms();

        if (ride->granted)
                return true;
        ride->gate = call;
        ride->gated = !network_is_open(conductor, call);
        if (ride->gated)
                return false;
        ride->granted = true;
        ride->sent_ms = now;
        pace_sent(&conductor->pace[call], now);
        conductor->calls++;
        return true;
}

/* The grant is used up, or given up. */
void
network_drop(struct conductor *conductor, struct ride *ride)
{
        if (!ride->granted)
                return;
        ride->granted = false;
        conductor->calls--;
        pace_dropped(&conductor->pace[ride->gate]);
}

/* -- calls ----------------------------------------------------------------------------------- */

/* Ask the order's CA; the reply comes back to this ride. */
static void
send_call(struct conductor *conductor, struct ride *ride, const char *operation, struct view body,
          int64_t no_attempt_after_ms)
{
        struct ca_arn parts;
        struct error err = { 0 };

        assert(ride->granted);
        if (!ca_arn_parse(ride->order->wishes.ca_arn, &parts, &err)) {
                ride_stop(ride, &err);
                return;
        }
        struct aws_call call = {
                .service = "acm-pca",
                .region = parts.region,
                .operation = operation,
                .body = body,
                .tag = ride_tag(ride),
                .no_attempt_after_ms = no_attempt_after_ms,
                .throttled_once = conductor->options->outage_ms > 0,
        };

        ride->at_network = true;
        aws_send(conductor->aws, &call);
}

void
network_issue(struct conductor *conductor, struct ride *ride)
{
        const struct order *order = ride->order;

        failpoint("about-to-send");
        send_call(conductor, ride, "IssueCertificate", view_buf(&order->request),
                  order->first_sent_boot_ms + ORDER_REPEAT_MS);
}

void
network_poll(struct conductor *conductor, struct ride *ride)
{
        const struct order *order = ride->order;
        CLEANUP(free_cleanup)
        char *body = pca_write_get_certificate(order->wishes.ca_arn, order->certificate_arn);
        int64_t now = clock_boot_ms();

        if (now - ride->submitted_ms > TOLD_EVERY_MS && now - ride->told_ms > TOLD_EVERY_MS) {
                ride->told_ms = now;
                conductor_tell(conductor, EVENT_WAITING, order, "the CA is at work");
        }
        ride->polled_ms = now;
        ride->polls++;
        send_call(conductor, ride, "GetCertificate", view_text(body), 0);
}

/* -- is AWS there? --------------------------------------------------------------------------- */

bool
network_is_outage(enum error_kind kind)
{
        return kind == ERROR_NETWORK || kind == ERROR_THROTTLED || kind == ERROR_AWS_UNAVAILABLE;
}

bool
network_has_patience(const struct conductor *conductor)
{
        const struct outage *outage = &conductor->outage;
        int64_t most = conductor->options->outage_ms;

        if (!most || conductor->stopped_ms)
                return false;
        return !outage->since_ms || clock_boot_ms() - outage->since_ms < most;
}

bool
network_is_given_up(const struct conductor *conductor)
{
        return conductor->outage.since_ms && conductor->options->outage_ms &&
               !network_has_patience(conductor);
}

/* Said once when it begins; how it goes on is what drive_standing() is for. */
static void
tell_outage(struct conductor *conductor)
{
        struct drive_standing standing;
        char next[CLOCK_TEXT], end[CLOCK_TEXT];

        drive_standing(conductor, &standing);
        clock_format(standing.next_try, next);
        log_info("outage", "next_try=%s failures=%u what=\"%s\"", next, conductor->outage.failures,
                 standing.outage.what);
        if (conductor->outage.waits > 1)
                return;
        CLEANUP(free_cleanup)
        char *text = text_format("%s; orders wait: it is tried again at %s, then less and less "
                                 "often, until %s at most",
                                 standing.outage.what, next, clock_format(standing.give_up, end));

        conductor_tell(conductor, EVENT_WAITING, NULL, text);
}

static void
tell_again(struct conductor *conductor)
{
        int64_t lasted_ms = clock_boot_ms() - conductor->outage.since_ms;
        CLEANUP(free_cleanup)
        char *text = text_format("AWS answers again after %lld s; the orders go on",
                                 (long long)(lasted_ms + 999) / 1000);

        log_info("outage-over", "after_ms=%lld", (long long)lasted_ms);
        conductor_tell(conductor, EVENT_AGAIN, NULL, text);
}

/* Nobody answers: all wait, twice as long each time. */
static void
note_failure(struct conductor *conductor, const struct error *err)
{
        struct outage *outage = &conductor->outage;
        int64_t now = clock_boot_ms();
        int64_t pause = FIRST_PAUSE_MS;

        outage->failures++;
        if (!conductor->options->outage_ms ||
            (!outage->since_ms && outage->failures < FAILURES_OF_AN_OUTAGE))
                return;
        outage->error = *err;
        if (!outage->since_ms)
                outage->since_ms = now;
        if (outage->until_ms > now)
                return;
        for (unsigned i = 0; i < outage->waits && pause < MOST_PAUSE_MS; i++)
                pause *= 2;
        outage->waits++;
        outage->until_ms = now + network_jitter(pause < MOST_PAUSE_MS ? pause : MOST_PAUSE_MS);
        tell_outage(conductor);
}

void
network_heard(struct conductor *conductor, struct ride *ride, const struct aws_reply *reply)
{
        bool throttled = !reply->ok && reply->error.kind == ERROR_THROTTLED;

        if (ride && ride->granted) {
                ride->granted = false;
                conductor->calls--;
                pace_answered(&conductor->pace[ride->gate], ride->sent_ms,
                              throttled || reply->throttled, clock_boot_ms());
        }
        if (reply->ok || !network_is_outage(reply->error.kind) || throttled) {
                if (conductor->outage.since_ms)
                        tell_again(conductor);
                conductor->outage = (struct outage){ 0 };
                return;
        }
        note_failure(conductor, &reply->error);
}
