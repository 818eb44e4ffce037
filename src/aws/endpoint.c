#include "aws/endpoint.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* -- AWS's own ---------------------------------------------------------------------------- */

/* The first match counts; what matches none is taken for a new Region of the first partition. */
static const struct partition {
        const char *name;
        const char *region_prefix;
        const char *suffix;
        const char *dual_stack_suffix;
} partitions[] = {
        { "aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn" },
        { "aws-us-gov", "us-gov-", "amazonaws.com", "api.aws" },
        { "aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu" },
        { "aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud" },
        { "aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov" },
        { "aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov" },
        { "aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk" },
        { "aws", "", "amazonaws.com", "api.aws" },
};

/* "aws-cn-global": the partition as a whole, as far as services know such a thing. */
static bool
is_global_of(const char *region, const char *partition)
{
        size_t length = strlen(partition);

        return strncmp(region, partition, length) == 0 && strcmp(region + length, "-global") == 0;
}

static const struct partition *
partition_of(const char *region)
{
        const struct partition *partition = partitions;

        while (!text_starts(region, partition->region_prefix) &&
               !is_global_of(region, partition->name))
                partition++;
        return partition;
}

const char *
endpoint_partition(const char *region)
{
        return partition_of(region)->name;
}

static bool
is_host_char(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool
endpoint_region_check(const char *region, struct error *err)
{
        size_t length = strlen(region);
        bool good = length >= 3 && length < 32 && region[0] != '-' && region[length - 1] != '-';

        for (size_t i = 0; good && i < length; i++)
                good = is_host_char(region[i]);
        if (good)
                return true;
        error_set(err, ERROR_CONFIG, "'%s' is not an AWS Region", region);
        return error_advise(err, "a Region looks like us-east-1: small letters, digits, hyphens");
}

/*
 * Services with one host for a partition, or with another host than the pattern's; signed for
 * `region`.  NULL: as the pattern says.
 */
static const struct exception {
        const char *service;
        const char *partition;
        const char *region;
        const char *hosts[2][2]; /* [dual-stack][FIPS] */
} exceptions[] = {
        { "iam",
          "aws",
          "us-east-1",
          { { "iam.amazonaws.com", "iam-fips.amazonaws.com" },
            { "iam.global.api.aws", "iam-fips.global.api.aws" } } },
        { "iam",
          "aws-cn",
          "cn-north-1",
          { { "iam.cn-north-1.amazonaws.com.cn", "iam-fips.amazonaws.com.cn" },
            { "iam.global.api.amazonwebservices.com.cn",
              "iam-fips.api.amazonwebservices.com.cn" } } },
        { "iam",
          "aws-us-gov",
          "us-gov-west-1",
          { { "iam.us-gov.amazonaws.com", "iam.us-gov.amazonaws.com" },
            { "iam.us-gov.api.aws", "iam.us-gov.api.aws" } } },
        { "iam",
          "aws-eusc",
          "eusc-de-east-1",
          { { "iam.eusc-de-east-1.amazonaws.eu", "iam-fips.amazonaws.eu" } } },
        { "iam",
          "aws-iso",
          "us-iso-east-1",
          { { "iam.us-iso-east-1.c2s.ic.gov", "iam-fips.us-iso-east-1.c2s.ic.gov" } } },
        { "iam",
          "aws-iso-b",
          "us-isob-east-1",
          { { "iam.us-isob-east-1.sc2s.sgov.gov", "iam-fips.us-isob-east-1.sc2s.sgov.gov" } } },
        { "iam",
          "aws-iso-e",
          "eu-isoe-west-1",
          { { "iam.eu-isoe-west-1.cloud.adc-e.uk", "iam-fips.cloud.adc-e.uk" } } },
        { "iam",
          "aws-iso-f",
          "us-isof-south-1",
          { { "iam.us-isof-south-1.csp.hci.ic.gov", "iam-fips.csp.hci.ic.gov" } } },

        { "organizations",
          "aws",
          "us-east-1",
          { { "organizations.us-east-1.amazonaws.com",
              "organizations-fips.us-east-1.amazonaws.com" } } },
        { "organizations",
          "aws-cn",
          "cn-northwest-1",
          { { "organizations.cn-northwest-1.amazonaws.com.cn" } } },
        { "organizations",
          "aws-us-gov",
          "us-gov-west-1",
          { { "organizations.us-gov-west-1.amazonaws.com",
              "organizations.us-gov-west-1.amazonaws.com" } } },
        { "organizations",
          "aws-iso",
          "us-iso-east-1",
          { { "organizations.us-iso-east-1.c2s.ic.gov" } } },
        { "organizations",
          "aws-iso-b",
          "us-isob-east-1",
          { { "organizations.us-isob-east-1.sc2s.sgov.gov" } } },
        { "organizations",
          "aws-iso-f",
          "us-isof-south-1",
          { { "organizations.us-isof-south-1.csp.hci.ic.gov" } } },
};

/* The exception's host and Region; false where the pattern holds. */
static bool
is_exception(const struct endpoint_wish *wish, const char *partition, const char **host,
             const char **region)
{
        for (size_t i = 0; i < ARRAY_LENGTH(exceptions); i++) {
                const struct exception *exception = &exceptions[i];

                if (strcmp(exception->service, wish->service) != 0 ||
                    strcmp(exception->partition, partition) != 0)
                        continue;
                *host = exception->hosts[wish->dual_stack][wish->fips];
                if (*host)
                        *region = exception->region;
                return *host != NULL;
        }
        return false;
}

/* Regions from the time when STS had one host for all: "legacy" sends them there still. */
static bool
is_sts_global(const struct endpoint_wish *wish)
{
        static const char *const old[] = {
                "ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1",
                "eu-central-1",   "eu-north-1", "eu-west-1",      "eu-west-2",      "eu-west-3",
                "sa-east-1",      "us-east-1",  "us-east-2",      "us-west-1",      "us-west-2",
        };

        if (strcmp(wish->service, "sts") != 0 || wish->fips || wish->dual_stack)
                return false;
        if (strcmp(wish->region, "aws-global") == 0)
                return true;
        for (size_t i = 0; wish->sts_global && i < ARRAY_LENGTH(old); i++) {
                if (strcmp(wish->region, old[i]) == 0)
                        return true;
        }
        return false;
}

/* "acm-pca-fips.us-east-1.api.aws" */
static char *
pattern_host(const struct endpoint_wish *wish, const struct partition *partition)
{
        bool gov = strcmp(partition->name, "aws-us-gov") == 0;
        bool china = strcmp(partition->name, "aws-cn") == 0;
        bool secrets = strcmp(wish->service, "secretsmanager") == 0;
        bool usual = strcmp(wish->service, "rolesanywhere") != 0 && !secrets;
        bool dual_stack = wish->dual_stack;

        /* Its ordinary hosts are dual-stack ones. */
        if (secrets && (gov || strcmp(partition->name, "aws") == 0 || (china && !wish->fips)))
                dual_stack = false;
        /* GovCloud's ordinary host is the FIPS one, for most. */
        bool plain_is_fips = gov && usual && !dual_stack;

        return text_format("%s%s.%s.%s", wish->service, wish->fips && !plain_is_fips ? "-fips" : "",
                           wish->region,
                           dual_stack ? partition->dual_stack_suffix : partition->suffix);
}

static bool
resolve_own(const struct endpoint_wish *wish, struct endpoint *out, struct error *err)
{
        if (!endpoint_region_check(wish->region, err))
                return false;
        const struct partition *partition = partition_of(wish->region);
        const char *host = NULL;
        const char *region = wish->region;

        if (is_sts_global(wish)) {
                host = "sts.amazonaws.com";
                region = "us-east-1";
        }
        if (host || is_exception(wish, partition->name, &host, &region))
                out->host = text_copy(host);
        else
                out->host = pattern_host(wish, partition);
        out->signing_region = text_copy(region);
        out->path = text_copy("/");
        out->url = text_format("https://%s/", out->host);
        out->tls = true;
        return true;
}

/* -- custom ------------------------------------------------------------------------------- */

/* The parts of "https://host:port/path", all inside `url`. */
struct url_parts {
        bool tls;
        struct view host; /* without brackets */
        bool bracketed;
        struct view port; /* empty: none */
        const char *path; /* from the slash on, or "" */
};

static bool
url_refused(const char *url, struct error *err, const char *rule)
{
        error_set(err, ERROR_USAGE, "the endpoint URL '%s' %s", url, rule);
        return error_advise(err, "an endpoint looks like https://host or http://127.0.0.1:PORT");
}

static bool
split_authority(const char *at, size_t length, struct url_parts *parts)
{
        const char *end = at + length;
        const char *host_end = memchr(at, ':', length);

        parts->bracketed = length && *at == '[';
        if (parts->bracketed) {
                at++;
                host_end = memchr(at, ']', (size_t)(end - at));
                if (!host_end)
                        return false;
        }
        if (!host_end)
                host_end = end;
        parts->host = view_of(at, (size_t)(host_end - at));
        const char *rest = host_end + parts->bracketed;

        if (rest == end)
                return parts->host.len > 0;
        if (*rest != ':')
                return false;
        parts->port = view_of(rest + 1, (size_t)(end - rest - 1));
        return parts->host.len > 0;
}

static bool
split_url(const char *url, struct url_parts *parts)
{
        const char *at = NULL;

        *parts = (struct url_parts){ 0 };
        if (strncasecmp(url, "https://", 8) == 0) {
                parts->tls = true;
                at = url + 8;
        } else if (strncasecmp(url, "http://", 7) == 0) {
                at = url + 7;
        } else {
                return false;
        }
        size_t length = strcspn(at, "/?#");

        parts->path = at + length;
        return split_authority(at, length, parts);
}

static bool
host_is_good(const struct url_parts *parts)
{
        for (size_t i = 0; i < parts->host.len; i++) {
                char c = (char)parts->host.data[i];

                if (c >= 'A' && c <= 'Z')
                        c = (char)(c + 32);
                if (!is_host_char(c) && c != '.' && c != '_' && !(parts->bracketed && c == ':'))
                        return false;
        }
        return true;
}

static bool
path_is_good(const char *path)
{
        for (; *path; path++) {
                if (*path <= ' ' || *path >= 0x7F || strchr("?#\\\"<>^`{|}%", *path))
                        return false;
        }
        return true;
}

static bool
parts_are_loopback(const struct url_parts *parts)
{
        CLEANUP(free_cleanup) char *host = text_copy_length(parts->host.data, parts->host.len);
        struct in_addr v4;
        struct in6_addr v6;

        if (parts->bracketed)
                return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
        if (strcasecmp(host, "localhost") == 0)
                return true;
        return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

bool
endpoint_is_loopback(const char *url)
{
        struct url_parts parts;

        return split_url(url, &parts) && parts_are_loopback(&parts);
}

/* A URL without a user, with a host and a port that are some. */
static bool
split_plain_url(const char *url, struct url_parts *parts)
{
        int64_t port = 0;

        if (strchr(url, '@') || !split_url(url, parts) || !host_is_good(parts))
                return false;
        for (const char *c = parts->path; *c; c++) {
                if (*c <= ' ' || *c >= 0x7F || *c == '\\')
                        return false;
        }
        CLEANUP(free_cleanup) char *digits = text_copy_length(parts->port.data, parts->port.len);

        return !parts->port.data || number_parse(digits, 1, 65535, &port);
}

bool
endpoint_is_local(const char *url)
{
        static const char *const addresses[] = { "169.254.170.2", "169.254.170.23",
                                                 "169.254.169.254", "fd00:ec2::23",
                                                 "fd00:ec2::254" };
        struct url_parts parts;

        if (!split_plain_url(url, &parts))
                return false;
        if (parts_are_loopback(&parts))
                return true;
        for (size_t i = 0; i < ARRAY_LENGTH(addresses); i++) {
                if (view_equal(parts.host, view_text(addresses[i])))
                        return true;
        }
        return false;
}

bool
endpoint_is_https(const char *url)
{
        struct url_parts parts;

        return split_plain_url(url, &parts) && parts.tls;
}

/* The Host header: lower case, and the port only where it is not the scheme's own. */
static char *
host_header(const struct url_parts *parts, int64_t port)
{
        CLEANUP(free_cleanup) char *host = text_copy_length(parts->host.data, parts->host.len);
        const char *open = parts->bracketed ? "[" : "";
        const char *close = parts->bracketed ? "]" : "";

        for (char *c = host; *c; c++)
                *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        if (port == (parts->tls ? 443 : 80))
                return text_format("%s%s%s", open, host, close);
        return text_format("%s%s%s:%d", open, host, close, (int)port);
}

static bool
resolve_custom(const struct endpoint_wish *wish, struct endpoint *out, struct error *err)
{
        const char *url = wish->custom;
        struct url_parts parts;
        int64_t port = 0;

        /* Not quoted: a password may stand there. */
        if (strchr(url, '@')) {
                error_set(err, ERROR_USAGE, "the endpoint URL carries a user name");
                return error_advise(err, "leave out what stands before the '@': AWS requests are "
                                         "signed with access keys");
        }
        if (!split_url(url, &parts) || !host_is_good(&parts))
                return url_refused(url, err, "is not an http or https URL");
        if (!path_is_good(parts.path))
                return url_refused(url, err, "has a query, an escape or a strange character");
        CLEANUP(free_cleanup) char *digits = text_copy_length(parts.port.data, parts.port.len);

        port = parts.tls ? 443 : 80;
        if (parts.port.data && !number_parse(digits, 1, 65535, &port))
                return url_refused(url, err, "has a port that is none");
        out->loopback = parts_are_loopback(&parts);
        if (!parts.tls && !out->loopback) {
                error_set(err, ERROR_USAGE, "the endpoint '%s' is plain http to another machine",
                          url);
                return error_advise(err,
                                    "use https there; plain http is accepted on loopback only");
        }
        out->tls = parts.tls;
        out->custom = true;
        out->signing_region = text_copy(wish->region);
        out->host = host_header(&parts, port);
        out->path = text_copy(*parts.path ? parts.path : "/");
        out->url = text_format("%s://%s%s", parts.tls ? "https" : "http", out->host, out->path);
        return true;
}

bool
endpoint_resolve(const struct endpoint_wish *wish, struct endpoint *out, struct error *err)
{
        struct endpoint endpoint = { 0 };

        if (wish->custom && (wish->fips || wish->dual_stack)) {
                error_set(err, ERROR_CONFIG, "a custom endpoint cannot be combined with %s",
                          wish->fips ? "FIPS endpoints" : "dual-stack endpoints");
                error_about(err, "%s", wish->custom);
                return error_advise(err, "leave out either the endpoint URL or %s",
                                    wish->fips ? "AWS_USE_FIPS_ENDPOINT / use_fips_endpoint"
                                               : "AWS_USE_DUALSTACK_ENDPOINT / "
                                                 "use_dualstack_endpoint");
        }
        bool done = wish->custom ? resolve_custom(wish, &endpoint, err)
                                 : resolve_own(wish, &endpoint, err);

        if (!done)
                return false;
        *out = endpoint;
        return true;
}

void
endpoint_clear(struct endpoint *endpoint)
{
        free(endpoint->url);
        free(endpoint->host);
        free(endpoint->path);
        free(endpoint->signing_region);
        *endpoint = (struct endpoint){ 0 };
}

void
endpoint_extend(struct endpoint *endpoint, const char *path, const char *query)
{
        size_t length = strlen(endpoint->url) - strlen(endpoint->path);
        size_t prefix = strlen(endpoint->path);

        /* The prefix of a custom endpoint may end in a slash, or not. */
        if (prefix && endpoint->path[prefix - 1] == '/')
                prefix--;
        CLEANUP(free_cleanup)
        char *whole = text_format("%.*s%s", (int)prefix, endpoint->path, path);
        CLEANUP(free_cleanup)
        char *url = text_format("%.*s%s%s%s", (int)length, endpoint->url, whole, query ? "?" : "",
                                query ? query : "");

        text_assign(&endpoint->path, whole);
        text_assign(&endpoint->url, url);
}
