/*
 * The command line of localpca.
 */
#ifndef LOCALPCA_OPTIONS_H
#define LOCALPCA_OPTIONS_H

#include "base/bytes.h"
#include "base/err.h"
#include "localpca/x509.h"

struct options {
        char *host; /* of --listen */
        unsigned port;
        char *state;
        bool tls;
        bool not_loopback; /* --i-know-this-is-not-aws */
        bool aws_config;
        bool help, version;
        char *region;
        char *account;
        const struct key_kind *key_kind;
        int64_t latency_ms;
        int64_t issue_delay_ms;
        int64_t clock_offset_ms;
        int64_t idempotency_window_ms;
        int64_t iam_delay_ms;
        uint64_t seed;
        char *identities;
        char *bucket; /* the folder that stands for S3 */
        char **rates;
        size_t rate_count;
        char **faults;
        size_t fault_count;
};

/* Read argv over the defaults.  ERROR_USAGE names the option.  Clear in any case. */
bool options_read(struct options *options, int argc, char **argv, struct error *err) MUST_CHECK;
void options_clear(struct options *options);

/* "40ms", "5m", and "-20m" where that makes sense. */
bool options_read_span(const char *value, bool is_negative_fine, int64_t *ms) MUST_CHECK;

/* What --help prints. */
void options_help(struct buf *out);

#endif
