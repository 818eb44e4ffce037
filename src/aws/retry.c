#include "aws/retry.h"

enum { COST = 5, COST_AFTER_TIMEOUT = 10, LONGEST_S = 20, ASKED_MOST_MS = 5000 };

int
retry_quota_take(struct retry_quota *quota, enum retry_class class)
{
        int cost = class == RETRY_TIMEOUT ? COST_AFTER_TIMEOUT : COST;

        if (quota->tokens < cost)
                return 0;
        quota->tokens -= cost;
        return cost;
}

void
retry_quota_give(struct retry_quota *quota, int cost)
{
        quota->tokens += cost ? cost : 1;
        if (quota->tokens > RETRY_QUOTA_FULL)
                quota->tokens = RETRY_QUOTA_FULL;
}

int64_t
retry_delay_ms(unsigned retry, double random, int64_t asked_ms)
{
        int64_t longest_s = retry < 5 ? INT64_C(1) << retry : LONGEST_S;
        int64_t delay_ms = (int64_t)(random * 1000.0 * (double)longest_s);

        if (asked_ms > delay_ms + ASKED_MOST_MS)
                return delay_ms + ASKED_MOST_MS;
        return asked_ms > delay_ms ? asked_ms : delay_ms;
}
