/*
 * A CA in memory that stands in for the AWS client, so that the conductor can be tested with every
 * answer at every step.  What it issues are real certificates.
 */
#ifndef TESTS_UNIT_FAKE_CA_H
#define TESTS_UNIT_FAKE_CA_H

#include "aws/client.h"

#define FAKE_CA_ARN                                                     \
        "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/" \
        "11111111-2222-3333-4444-555555555555"

enum fake_operation { FAKE_DESCRIBE, FAKE_CA_CERTIFICATE, FAKE_ISSUE, FAKE_GET, FAKE_OPERATIONS };

struct fake_failure {
        enum error_kind kind; /* ERROR_NONE: it succeeds */
        bool maybe_done;
        unsigned times; /* how many calls fail; 0: all */
};

struct fake_ca {
        unsigned counts[FAKE_OPERATIONS];
        struct fake_failure failures[FAKE_OPERATIONS];
        unsigned issued;  /* certificates for distinct idempotency tokens */
        unsigned pending; /* GetCertificate says "in progress" this often */
        int64_t takes_ms; /* GetCertificate says so until this long after the certificate's issue */
        unsigned in_vain; /* how often it did */
        bool wrong_key;   /* certificates are for another key */
        bool broken;      /* an extension of certificates does not decode */
        const char *instead;  /* of a certificate: GetCertificate answers this text */
        bool other_root;      /* certificates come from a foreign hierarchy */
        int64_t clock_offset; /* of AWS's clock, once it was heard */
        const char *status;   /* of the CA; "ACTIVE" */
        char last_token[64];  /* idempotency token of the last IssueCertificate */
};

extern struct fake_ca fake_ca;

void fake_ca_reset(void);

/* The root's DER; borrowed. */
struct view fake_ca_root(void);

#endif
