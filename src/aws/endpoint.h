/*
 * Which URL a service is called at: AWS's own by Region and partition, or a custom one.  Pure.
 */
#ifndef AWS_ENDPOINT_H
#define AWS_ENDPOINT_H

#include "base/bytes.h"
#include "base/err.h"

struct endpoint {
        char *url;  /* "https://acm-pca.us-east-1.amazonaws.com/", with the path to send to */
        char *host; /* as in the Host header: lower case, a port that is not the usual one kept */
        char *path; /* "/" or a custom endpoint's prefix */
        char *signing_region; /* not always the one wished for: IAM has one for a partition */
        bool tls;
        bool loopback;
        bool custom;
};

struct endpoint_wish {
        const char *service;
        const char *region;
        const char *custom; /* a configured URL, or NULL */
        bool fips;
        bool dual_stack;
        bool sts_global; /* STS's global host for the Regions that are old enough */
};

/*
 * Build the endpoint; `out` is cleared by the caller.
 *
 * errors  ERROR_USAGE for a custom URL that is none, carries a user or a query, or is plain http
 *         to another machine; ERROR_CONFIG for a Region that is none, or a custom endpoint
 *         together with FIPS or dual-stack
 */
bool endpoint_resolve(const struct endpoint_wish *wish, struct endpoint *out,
                      struct error *err) MUST_CHECK;
void endpoint_clear(struct endpoint *endpoint);

/* Lead to a path below it ("/sessions"), with a query (encoded, or NULL) behind. */
void endpoint_extend(struct endpoint *endpoint, const char *path, const char *query);

/* Letters, digits and hyphens only, as "us-east-1": fit for a host name.  ERROR_CONFIG. */
bool endpoint_region_check(const char *region, struct error *err) MUST_CHECK;

/* Does this URL lead to this machine (127.0.0.0/8, [::1], localhost)? */
bool endpoint_is_loopback(const char *url);

/*
 * Does this URL lead to this machine, or to the addresses at which containers' agents and EC2 give
 * credentials (169.254.170.2, 169.254.170.23, 169.254.169.254 and their IPv6 kin)?  False for what
 * carries a user or anything else that might mislead.
 */
bool endpoint_is_local(const char *url);

/* A whole https URL, without a user in it? */
bool endpoint_is_https(const char *url);

/* "aws", "aws-cn" …: the partition a Region belongs to. */
const char *endpoint_partition(const char *region);

#endif
