/*
 * How fast one operation may be called: a rate that is never exceeded, and one that is learnt from
 * being throttled.  Pure: times come in (milliseconds that never go back, as clock_boot_ms()).
 *
 * The quota of AWS Private CA is one per operation, account and Region.  Sends are spread evenly; a
 * late one may be caught up with, a burst is not.  After the first throttling the learnt rate
 * follows the SDKs' adaptive mode: times 0.7 at once, then a cubic growth that comes back to where
 * it was throttled and goes on from there, never under one call in two seconds, never over twice
 * what was answered lately.
 */
#ifndef DRIVE_PACE_H
#define DRIVE_PACE_H

#include "base/compiler.h"

struct pace {
        double limit;         /* calls a second; 0: no limit */
        double once_bitten;   /* the limit from the first throttling on; 0: it stays */
        double due_ms;        /* the next send's time, when the rate has an end */
        bool adapting;        /* it was throttled: `rate` counts */
        double rate;          /* learnt, calls a second */
        double most;          /* the rate at which it was throttled last */
        int64_t throttled_ms; /* and when */
        double answered;      /* smoothed calls a second that were answered well */
        int64_t counted_ms;   /* since when `count` counts */
        unsigned count;
        unsigned in_flight;
        unsigned good; /* answers since the beginning */
};

/*
 * limit        calls a second; 0: none
 * once_bitten  a limit that is taken on with the first throttling (a CA that may have no quota at
 *              all); 0: none
 */
void pace_init(struct pace *pace, double limit, double once_bitten);

/*
 * How long the next call has to wait, 0: it may go now.  Where there is no limit but one may show,
 * the number of calls in flight grows with the answers, so that only few are refused by a quota
 * that nobody told of; then -1 is the answer: wait until one of them comes back.
 */
int64_t pace_wait_ms(const struct pace *pace, int64_t now_ms);

void pace_sent(struct pace *pace, int64_t now_ms);

/* What was to be sent was not, after all. */
void pace_dropped(struct pace *pace);

/*
 * The answer to a call that was sent at `sent_ms`.  Refusals of calls that were under way when the
 * rate was lowered do not lower it again.
 */
void pace_answered(struct pace *pace, int64_t sent_ms, bool throttled, int64_t now_ms);

/* Calls a second at this moment; 0: as many as can be. */
double pace_rate(const struct pace *pace);

#endif
