/*
 * What people ask for: the profiles that are asked of every template, to see that the plan, what is
 * issued and the comparison after the issue agree.
 */
#ifndef TESTS_UNIT_AGREEMENT_H
#define TESTS_UNIT_AGREEMENT_H

#include <openssl/x509v3.h>

#include "order/order.h"

enum { PROFILE_TEXTS = 12 };

struct profile {
        const char *name;
        const char *key; /* "rsa", "P-384" …; NULL: P-256 */

        /* What is wished for, as options have it. */
        const char *subject;
        const char *sans[PROFILE_TEXTS];
        unsigned numbered_sans; /* besides: dns:n0.example, dns:n1.example … */
        bool long_sans;         /* … of 200 characters each */
        const char *key_usage;
        const char *extended;
        const char *policies[PROFILE_TEXTS];
        const char *extensions[PROFILE_TEXTS];
        unsigned path_length; /* plus one; 0: not asked for */

        /* A CSR that somebody else made, with these in it; then the above is asked for over it. */
        const char *given_subject; /* NULL: we make the CSR */
        struct {
                const char *name, *value; /* as OpenSSL's configuration has them */
        } given[PROFILE_TEXTS];
        unsigned over; /* enum wish_part */

        bool by_configuration; /* asked again of a CA that has CRLs and OCSP on */
        bool unsayable;        /* the API has no form for it: the plan refuses, nothing is asked */
        bool refused;          /* AWS refuses it under every template, and the plan says so */
};

/* The n-th profile, counted from 0; NULL behind the last. */
const struct profile *profile_at(size_t index);

/*
 * The wishes of a profile and the CSR for this key.  Template, CA and validity are the caller's,
 * who clears both.  Fails the test when the profile itself is wrong.
 */
void profile_read(const struct profile *profile, EVP_PKEY *key, struct wishes *wishes,
                  struct buf *csr);

#endif
