/*
 * What is known of a CA that counts for the certificates it issues.
 */
#ifndef ORDER_ISSUER_H
#define ORDER_ISSUER_H

#include "base/bytes.h"

struct issuer_facts {
        bool shared;           /* another account's, shared with that of the caller */
        bool described;        /* false: only `not_after` may be known */
        bool short_lived;      /* usage mode SHORT_LIVED_CERTIFICATE */
        bool crl_enabled;      /* a CRL distribution point goes into certificates */
        bool ocsp_enabled;     /* an AIA extension does */
        const char *crl_host;  /* CustomCname, else the S3 bucket that CRLs are put in; or NULL */
        const char *ocsp_host; /* OcspCustomCname, or NULL */
        int64_t not_after;     /* 0: not known */
        bool has_path_length;  /* its own certificate bounds the CAs below it … */
        int path_length;       /* … to so many in a row */
        const char *subject;   /* or NULL */
        const char *key_algorithm; /* "EC_prime256v1", or NULL */
};

#endif
