#include "localpca/options.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static bool
listen_read(struct options *options, const char *value, struct error *err)
{
        const char *colon = strrchr(value, ':');
        int64_t port;

        if (!colon || colon == value || !number_parse(colon + 1, 0, 65535, &port))
                return error_set(err, ERROR_USAGE, "'%s' is not ADDRESS:PORT", value);
        if (*value != '[' && memchr(value, ':', (size_t)(colon - value)))
                return error_set(err, ERROR_USAGE,
                                 "an IPv6 address stands in brackets, as in [::1]:0, not '%s'",
                                 value);
        free(options->host);
        options->host = text_copy_length(value, (size_t)(colon - value));
        if (strcmp(options->host, "localhost") == 0)
                text_assign(&options->host, "127.0.0.1");
        options->port = (unsigned)port;
        return true;
}

static bool
account_read(struct options *options, const char *value, struct error *err)
{
        if (strlen(value) != 12 || strspn(value, "0123456789") != 12)
                return error_set(err, ERROR_USAGE, "an account has 12 digits, not '%s'", value);
        text_assign(&options->account, value);
        return true;
}

static bool
region_read(struct options *options, const char *value, struct error *err)
{
        if (!*value || strlen(value) > 64 ||
            strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(value))
                return error_set(err, ERROR_USAGE, "'%s' is not a Region", value);
        text_assign(&options->region, value);
        return true;
}

static bool
key_type_read(struct options *options, const char *value, struct error *err)
{
        options->key_kind = key_kind_of_option(value);
        if (options->key_kind)
                return true;
        error_set(err, ERROR_USAGE, "'%s' is not a key type of a CA", value);
        return error_advise(err, "use ec:p256, ec:p384, ec:p521, rsa:2048, rsa:3072 or rsa:4096");
}

static bool
seed_read(struct options *options, const char *value, struct error *err)
{
        int64_t seed;

        if (!number_parse(value, 1, INT64_MAX, &seed))
                return error_set(err, ERROR_USAGE, "a seed is a number from 1 on, not '%s'", value);
        options->seed = (uint64_t)seed;
        return true;
}

static bool
rate_read(struct options *options, const char *value, struct error *err)
{
        (void)err; /* the operations know their names: throttle_set() judges it */
        options->rates = memory_grow(options->rates, options->rate_count + 1, sizeof(char *));
        options->rates[options->rate_count++] = text_copy(value);
        return true;
}

static bool
fault_read(struct options *options, const char *value, struct error *err)
{
        (void)err; /* faults_add() judges it */
        options->faults = memory_grow(options->faults, options->fault_count + 1, sizeof(char *));
        options->faults[options->fault_count++] = text_copy(value);
        return true;
}

/* One row for each option: exactly one of `text`, `span`, `flag` and `read` says what it sets. */
static const struct {
        const char *name;
        const char *value; /* as help shows it; NULL: takes none */
        size_t text, span, flag;
        bool is_negative_fine;
        bool (*read)(struct options *options, const char *value, struct error *err);
        const char *help;
} table[] = {
#define AT(member) (offsetof(struct options, member) + 1)
        { .name = "listen",
          .value = "ADDRESS:PORT",
          .read = listen_read,
          .help = "where to answer; port 0 takes a free one (127.0.0.1:0)" },
        { .name = "state",
          .value = "DIR",
          .text = AT(state),
          .help = "where keys, certificates and everything else is kept; made if absent" },
        { .name = "tls",
          .flag = AT(tls),
          .help = "answer over HTTPS, with a certificate by a CA of localpca's own" },
        { .name = "region", .value = "NAME", .read = region_read, .help = "(us-east-1)" },
        { .name = "account", .value = "ID", .read = account_read, .help = "(111122223333)" },
        { .name = "key-type",
          .value = "TYPE",
          .read = key_type_read,
          .help = "of the two first CAs: ec:p256 (default), ec:p384, ec:p521, rsa:2048…4096" },
        { .name = "latency",
          .value = "SPAN",
          .span = AT(latency_ms),
          .help = "every answer comes that much later, such as 40ms" },
        { .name = "issue-delay",
          .value = "SPAN",
          .span = AT(issue_delay_ms),
          .help = "a certificate is in progress for so long, such as 300ms" },
        { .name = "rate",
          .value = "OPERATION=N/s",
          .read = rate_read,
          .help = "throttle an operation; 'aws' sets AWS's documented rates for all" },
        { .name = "fault",
          .value = "RULE",
          .read = fault_read,
          .help = "OPERATION:PART:PART…, such as IssueCertificate:p=0.05:http=500" },
        { .name = "seed", .value = "N", .read = seed_read, .help = "make chances repeatable" },
        { .name = "clock-offset",
          .value = "SPAN",
          .span = AT(clock_offset_ms),
          .is_negative_fine = true,
          .help = "the server's clock is off by that, such as -20m" },
        { .name = "idempotency-window",
          .value = "SPAN",
          .span = AT(idempotency_window_ms),
          .help = "how long idempotency tokens are remembered (5m)" },
        { .name = "iam-delay",
          .value = "SPAN",
          .span = AT(iam_delay_ms),
          .help = "new access keys and changed policies come into force so much later (0)" },
        { .name = "identities",
          .value = "FILE",
          .text = AT(identities),
          .help = "more access keys with their policies, as JSON" },
        { .name = "bucket",
          .value = "DIR",
          .text = AT(bucket),
          .help = "the folder that stands for S3 (STATE/s3)" },
        { .name = "aws-config",
          .flag = AT(aws_config),
          .help = "print lines for AWS's shared config and credentials files, and leave" },
        { .name = "i-know-this-is-not-aws",
          .flag = AT(not_loopback),
          .help = "allow to listen on addresses that others can reach" },
        { .name = "help", .flag = AT(help), .help = "print this" },
        { .name = "version", .flag = AT(version), .help = "print the version" },
};

bool
options_read_span(const char *value, bool is_negative_fine, int64_t *out)
{
        bool negative = is_negative_fine && *value == '-';
        int64_t ms;

        if (!clock_parse_span(value + (negative || (is_negative_fine && *value == '+')), &ms))
                return false;
        *out = negative ? -ms : ms;
        return true;
}

static bool
option_set(struct options *options, size_t i, const char *value, struct error *err)
{
        char *base = (char *)options - 1; /* AT() counts from 1 */

        if (table[i].flag)
                *(bool *)(void *)(base + table[i].flag) = true;
        if (table[i].text)
                text_assign((char **)(void *)(base + table[i].text), value);
        if (table[i].span && !options_read_span(value, table[i].is_negative_fine,
                                                (int64_t *)(void *)(base + table[i].span)))
                return error_set(err, ERROR_USAGE, "'%s' is not a span such as 40ms or 5m", value);
        return !table[i].read || table[i].read(options, value, err);
}

static bool
option_unknown(const char *argument, struct error *err)
{
        const char *nearest = NULL;
        unsigned best = 4;

        for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
                unsigned distance = text_distance(argument + 2, table[i].name);
                if (distance < best) {
                        best = distance;
                        nearest = table[i].name;
                }
        }
        error_set(err, ERROR_USAGE, "there is no option '%s'", argument);
        return nearest ? error_advise(err, "did you mean --%s?", nearest)
                       : error_advise(err, "see localpca --help");
}

static bool
argument_read(struct options *options, int argc, char **argv, int *at, struct error *err)
{
        const char *argument = argv[(*at)++];
        size_t len = strcspn(argument, "=");
        const char *value = argument[len] ? argument + len + 1 : NULL;

        if (!text_starts(argument, "--")) {
                error_set(err, ERROR_USAGE, "'%s' is not an option", argument);
                return error_advise(err, "see localpca --help");
        }
        for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
                if (strlen(table[i].name) != len - 2 ||
                    strncmp(table[i].name, argument + 2, len - 2) != 0)
                        continue;
                if (!table[i].value && value)
                        return error_set(err, ERROR_USAGE, "--%s takes no value", table[i].name);
                if (table[i].value && !value && *at < argc)
                        value = argv[(*at)++];
                if (table[i].value && !value)
                        return error_set(err, ERROR_USAGE, "--%s needs %s", table[i].name,
                                         table[i].value);
                return option_set(options, i, value, err) ||
                       error_about(err, "the option --%s", table[i].name);
        }
        return option_unknown(argument, err);
}

bool
options_read(struct options *options, int argc, char **argv, struct error *err)
{
        *options = (struct options){ .host = text_copy("127.0.0.1"),
                                     .region = text_copy("us-east-1"),
                                     .account = text_copy("111122223333"),
                                     .key_kind = key_kind_of_option("ec:p256"),
                                     .idempotency_window_ms = 5 * 60 * 1000 };
        for (int at = 1; at < argc;)
                if (!argument_read(options, argc, argv, &at, err))
                        return false;
        if (options->help || options->version)
                return true;
        if (!options->state) {
                error_set(err, ERROR_USAGE, "there is no --state DIR");
                return error_advise(err, "name a folder; it is made if it does not exist");
        }
        bool loopback = text_starts(options->host, "127.") || strcmp(options->host, "[::1]") == 0;
        if (!loopback && !options->not_loopback) {
                error_set(err, ERROR_USAGE, "'%s' is not a loopback address", options->host);
                return error_advise(err, "localpca is for tests and guards nothing; if others are "
                                         "to reach it, say --i-know-this-is-not-aws");
        }
        return true;
}

void
options_clear(struct options *options)
{
        for (size_t i = 0; i < options->rate_count; i++)
                free(options->rates[i]);
        for (size_t i = 0; i < options->fault_count; i++)
                free(options->faults[i]);
        free(options->rates);
        free(options->faults);
        free(options->host);
        free(options->state);
        free(options->region);
        free(options->account);
        free(options->identities);
        free(options->bucket);
        *options = (struct options){ 0 };
}

void
options_help(struct buf *out)
{
        buf_add_text(out,
                     "Usage: localpca --state DIR [OPTIONS]\n\n"
                     "A local AWS Private CA for tests, demos and CI.  Prints one line of JSON\n"
                     "with its endpoint and access keys, then answers until it is ended.\n\n");
        for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
                char *left = text_format("--%s%s%s", table[i].name, table[i].value ? " " : "",
                                         table[i].value ? table[i].value : "");
                buf_format(out, "  %-26s %s\n", left, table[i].help);
                free(left);
        }
}
