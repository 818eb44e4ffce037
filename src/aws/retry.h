/*
 * When a failed attempt is worth another one, and after how long: the SDKs' standard mode.  Pure.
 */
#ifndef AWS_RETRY_H
#define AWS_RETRY_H

#include "base/compiler.h"

/* What became of an attempt, as far as another one is concerned. */
enum retry_class {
        RETRY_NEVER,     /* a final word, or a success */
        RETRY_TRANSIENT, /* a connection that failed, a service in trouble */
        RETRY_TIMEOUT,   /* the same, and it took its whole time */
        RETRY_THROTTLED,
        RETRY_CLOCK,       /* signed with a wrong time, maybe: once, with the measured one */
        RETRY_CREDENTIALS, /* expired or unknown: once, with those found anew */
};

/* A bucket that keeps many calls from hammering a service in trouble. */
struct retry_quota {
        int tokens;
};

enum { RETRY_QUOTA_FULL = 500 };

/* Take what a retry costs (5, after a timeout 10); 0 if the bucket has not as much. */
int retry_quota_take(struct retry_quota *quota, enum retry_class class);

/* A success gives back what the call's last retry cost, or 1. */
void retry_quota_give(struct retry_quota *quota, int cost);

/*
 * How long to wait before retry number `retry` (0 is the first): random * min(2^retry, 20) seconds.
 *
 * random       from 0 up to 1
 * asked_ms     what the service asked for (x-amz-retry-after), -1: nothing; kept between the
 *              computed time and that plus five seconds
 */
int64_t retry_delay_ms(unsigned retry, double random, int64_t asked_ms);

#endif
