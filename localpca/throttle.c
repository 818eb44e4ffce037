#include "localpca/throttle.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "localpca/facts.h"

/* Requests a second for an account and Region, as AWS's service quotas list them. */
static const struct {
        const char *operation;
        double rate;
} documented[] = {
        { "IssueCertificate", 25 },
        { "GetCertificate", 75 },
        { "DescribeCertificateAuthority", 20 },
        { "ListCertificateAuthorities", 20 },
        { "GetCertificateAuthorityCertificate", 20 },
        { "DescribeCertificateAuthorityAuditReport", 20 },
        { "ListTags", 20 },
        { "RestoreCertificateAuthority", 20 },
        { "RevokeCertificate", 20 },
        { "GetCertificateAuthorityCsr", 10 },
        { "ImportCertificateAuthorityCertificate", 10 },
        { "UpdateCertificateAuthority", 10 },
        { "DeleteCertificateAuthority", 10 },
        { "TagCertificateAuthority", 10 },
        { "UntagCertificateAuthority", 10 },
        { "ListPermissions", 5 },
        { "PutPolicy", 5 },
        { "GetPolicy", 5 },
        { "DeletePolicy", 5 },
        { "CreatePermission", 1 },
        { "DeletePermission", 1 },
        { "CreateCertificateAuthority", 1 },
        { "CreateCertificateAuthorityAuditReport", 1 },
};

struct bucket {
        char *operation;
        char *account;
        double tokens;
        int64_t filled_ms;
};

struct rate {
        char *operation;
        double per_second;
};

struct throttle {
        struct rate *rates;
        size_t rate_count;
        struct bucket *buckets;
        size_t bucket_count;
};

struct throttle *
throttle_new(void)
{
        return memory_new(1, sizeof(struct throttle));
}

static void
buckets_clear(struct throttle *throttle)
{
        for (size_t i = 0; i < throttle->bucket_count; i++) {
                free(throttle->buckets[i].operation);
                free(throttle->buckets[i].account);
        }
        free(throttle->buckets);
        throttle->buckets = NULL;
        throttle->bucket_count = 0;
}

void
throttle_free(struct throttle *throttle)
{
        if (!throttle)
                return;
        buckets_clear(throttle);
        for (size_t i = 0; i < throttle->rate_count; i++)
                free(throttle->rates[i].operation);
        free(throttle->rates);
        free(throttle);
}

static struct rate *
rate_find(struct throttle *throttle, const char *operation)
{
        for (size_t i = 0; i < throttle->rate_count; i++)
                if (strcmp(throttle->rates[i].operation, operation) == 0)
                        return &throttle->rates[i];
        return NULL;
}

static void
rate_set(struct throttle *throttle, const char *operation, double per_second)
{
        struct rate *rate = rate_find(throttle, operation);

        if (!rate) {
                throttle->rates = memory_grow(throttle->rates, throttle->rate_count + 1,
                                              sizeof(*throttle->rates));
                rate = &throttle->rates[throttle->rate_count++];
                rate->operation = text_copy(operation);
        }
        rate->per_second = per_second;
        buckets_clear(throttle);
}

bool
throttle_set(struct throttle *throttle, const char *rule, struct error *err)
{
        const char *equals = strchr(rule, '=');
        char *end = NULL;

        if (strcmp(rule, "aws") == 0) {
                for (size_t i = 0; i < ARRAY_LENGTH(documented); i++)
                        rate_set(throttle, documented[i].operation, documented[i].rate);
                return true;
        }
        if (!equals)
                return error_set(err, ERROR_USAGE, "a rate reads OPERATION=N/s, not '%s'", rule);
        char *operation = text_copy_length(rule, (size_t)(equals - rule));
        double rate = strcmp(equals + 1, "off") == 0 ? 0 : strtod(equals + 1, &end);
        bool known = facts_index(operation) >= 0;
        bool number = !end || (end != equals + 1 && (!*end || strcmp(end, "/s") == 0) && rate > 0 &&
                               rate < 1e9);
        if (known && number)
                rate_set(throttle, operation, rate);
        free(operation);
        if (!known)
                return error_set(err, ERROR_USAGE, "there is no operation of that name in '%s'",
                                 rule);
        if (!number)
                return error_set(err, ERROR_USAGE, "a rate reads OPERATION=N/s, not '%s'", rule);
        return true;
}

static struct bucket *
bucket_find(struct throttle *throttle, const char *operation, const char *account, double tokens,
            int64_t now_ms)
{
        for (size_t i = 0; i < throttle->bucket_count; i++)
                if (strcmp(throttle->buckets[i].operation, operation) == 0 &&
                    strcmp(throttle->buckets[i].account, account) == 0)
                        return &throttle->buckets[i];
        throttle->buckets = memory_grow(throttle->buckets, throttle->bucket_count + 1,
                                        sizeof(*throttle->buckets));
        struct bucket *bucket = &throttle->buckets[throttle->bucket_count++];
        *bucket = (struct bucket){ text_copy(operation), text_copy(account), tokens, now_ms };
        return bucket;
}

bool
throttle_take(struct throttle *throttle, const char *operation, const char *account, int64_t now_ms)
{
        const struct rate *rate = rate_find(throttle, operation);

        if (!rate || !rate->per_second)
                return true;
        double most = rate->per_second < 1 ? 1 : rate->per_second;
        struct bucket *bucket = bucket_find(throttle, operation, account, most, now_ms);
        bucket->tokens += (double)(now_ms - bucket->filled_ms) * rate->per_second / 1000;
        bucket->filled_ms = now_ms;
        if (bucket->tokens > most)
                bucket->tokens = most;
        if (bucket->tokens < 1)
                return false;
        bucket->tokens -= 1;
        return true;
}
