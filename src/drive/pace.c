#include "drive/pace.h"

#include <limits.h>
#include <math.h>

/* The numbers of the SDKs' adaptive mode. */
#define BETA 0.7
#define SCALE 0.4
#define SMOOTH 0.8
#define LEAST_RATE 0.5
enum { BUCKET_MS = 500 };

/* A send that is late by up to this much is caught up with. */
enum { SLACK_MS = 400 };

/*
 * Where a quota may show: so many calls at once, one more for each GROWTH good answers, and one for
 * each behind the first DOUBT.  By then the usual one, 25 a second, would have shown.
 */
enum { FIRST_IN_FLIGHT = 6, GROWTH = 12, DOUBT = 48 };

void
pace_init(struct pace *pace, double limit, double once_bitten)
{
        *pace = (struct pace){ .limit = limit, .once_bitten = once_bitten };
}

double
pace_rate(const struct pace *pace)
{
        if (!pace->adapting)
                return pace->limit;
        return pace->limit > 0 && pace->limit < pace->rate ? pace->limit : pace->rate;
}

static unsigned
may_fly(const struct pace *pace)
{
        unsigned certain = pace->good > DOUBT ? pace->good - DOUBT : 0;

        if (pace->once_bitten <= 0)
                return UINT_MAX;
        return FIRST_IN_FLIGHT + pace->good / GROWTH + certain;
}

int64_t
pace_wait_ms(const struct pace *pace, int64_t now_ms)
{
        double wait = pace->due_ms - (double)now_ms;

        if (pace_rate(pace) <= 0)
                return pace->in_flight < may_fly(pace) ? 0 : -1;
        return wait > 0 ? (int64_t)ceil(wait) : 0;
}

void
pace_sent(struct pace *pace, int64_t now_ms)
{
        double rate = pace_rate(pace);

        pace->in_flight++;
        if (rate <= 0)
                return;
        if (pace->due_ms <= 0)
                pace->due_ms = (double)now_ms;
        if (pace->due_ms < (double)now_ms - SLACK_MS)
                pace->due_ms = (double)now_ms - SLACK_MS;
        pace->due_ms += 1000 / rate;
}

void
pace_dropped(struct pace *pace)
{
        if (pace->in_flight)
                pace->in_flight--;
}

/* Answers a second, in steps of half a second, the newest ones counting most. */
static void
count_answer(struct pace *pace, int64_t now_ms)
{
        int64_t span = now_ms - pace->counted_ms;

        pace->good++;
        pace->count++;
        if (!pace->counted_ms) {
                pace->counted_ms = now_ms;
                return;
        }
        if (span < BUCKET_MS)
                return;
        double rate = pace->count * 1000.0 / (double)span;

        pace->answered = rate * SMOOTH + pace->answered * (1 - SMOOTH);
        pace->counted_ms = now_ms;
        pace->count = 0;
}

static void
set_rate(struct pace *pace, double rate, int64_t now_ms)
{
        pace->rate = rate > LEAST_RATE ? rate : LEAST_RATE;
        pace->adapting = true;
        /* What was scheduled at another rate is not waited for any longer than at this one. */
        double most = (double)now_ms + 1000 / pace_rate(pace);

        if (pace->due_ms <= 0 || pace->due_ms > most)
                pace->due_ms = most;
}

static void
lower(struct pace *pace, int64_t now_ms)
{
        double known = pace_rate(pace);
        double rate = pace->answered;

        if (pace->once_bitten > 0 && (pace->limit <= 0 || pace->once_bitten < pace->limit))
                pace->limit = pace->once_bitten;
        /* Before there is anything to measure, what is allowed counts. */
        if (rate <= 0 || (known > 0 && known < rate))
                rate = known > 0 ? known : pace->limit;
        if (rate <= 0)
                rate = (double)pace->good > 1 ? (double)pace->good : 1;
        if (known <= 0 && pace->limit > 0) {
                /* The quota that nobody had told of is the one to be expected. */
                pace->most = pace->limit;
                pace->throttled_ms = now_ms;
                set_rate(pace, pace->limit, now_ms);
                pace->due_ms = (double)now_ms + 1000 / pace->limit;
                return;
        }
        pace->most = rate;
        pace->throttled_ms = now_ms;
        set_rate(pace, rate * BETA, now_ms);
}

/* Cubic growth: flat around the rate at which it was throttled, steep far from it. */
static void
grow(struct pace *pace, int64_t now_ms)
{
        double since = (double)(now_ms - pace->throttled_ms) / 1000;
        double flat = cbrt(pace->most * (1 - BETA) / SCALE);
        double rate = SCALE * pow(since - flat, 3) + pace->most;

        if (pace->answered > 0 && rate > 2 * pace->answered)
                rate = 2 * pace->answered;
        if (rate > pace->rate)
                set_rate(pace, rate, now_ms);
}

void
pace_answered(struct pace *pace, int64_t sent_ms, bool throttled, int64_t now_ms)
{
        if (pace->in_flight)
                pace->in_flight--;
        if (!throttled) {
                count_answer(pace, now_ms);
                if (pace->adapting)
                        grow(pace, now_ms);
                return;
        }
        if (!pace->adapting || sent_ms > pace->throttled_ms)
                lower(pace, now_ms);
}
