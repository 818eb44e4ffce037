/*
 * Faults on request: what AWS and networks do to clients, made to happen.
 *
 * A rule is OPERATION:PART:PART…, OPERATION an operation's name (those of STS and IAM as in
 * "sts.AssumeRole") or '*' for all of Private CA.  Parts say when:
 *
 *     p=0.05     with that probability        every=N   on every N-th request
 *     at=N       on the N-th request only     first=N   on the first N requests
 *
 * (always, when none is given) and what:
 *
 *     http=500|503         a failure of the service    error=CODE     that error, status 400
 *     reset=before|after   the connection is reset before or after the deed
 *     truncate  garbage    half the answer's body; a body that is not JSON
 *     slow=MS   delay=MS   the body dribbles over that time; the answer comes later
 *     throttle  denied  expired-token  clock    the errors of those names
 *     fail                 GetCertificate says RequestFailedException
 *     wrong-key expired …  a certificate that is not what was asked for; the words of spoil.h
 *     chain=garbage        GetCertificate gives a chain that is none
 *
 * (these on IssueCertificate: for good for that certificate; on GetCertificate: for that answer)
 *
 *     script=FILE          one line of WHAT for each request in turn; empty lines do nothing
 */
#ifndef LOCALPCA_FAULT_H
#define LOCALPCA_FAULT_H

#include "base/bytes.h"
#include "base/err.h"

/* What is to happen to one request.  `{ 0 }`: nothing. */
struct fault {
        unsigned http; /* status; 0: none */
        char error[64];
        bool reset_before, reset_after;
        bool truncate, garbage;
        bool fail, garbled_chain;
        bool clock;
        uint64_t deviations; /* bits of spoil.h */
        unsigned slow_ms, delay_ms;
};

struct faults;

/* `seed` makes probabilities reproducible; 0 takes one from the system. */
struct faults *faults_new(uint64_t seed);
void faults_free(struct faults *faults);

/* Add a rule.  ERROR_USAGE says which part is wrong; ERROR_INPUT for a script file. */
bool faults_add(struct faults *faults, const char *rule, struct error *err) MUST_CHECK;
void faults_clear(struct faults *faults); /* forget all rules */
size_t faults_count(const struct faults *faults);
const char *faults_rule(const struct faults *faults, size_t index); /* its text */

/* What happens to the next request for this operation; counts the request. */
struct fault faults_next(struct faults *faults, const char *operation);

#endif
