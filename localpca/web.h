/*
 * What localpca answers besides the API: CRLs, OCSP, and its own pages under /_localpca/.
 *
 *     GET  /crl/ID.crl             the CRL of the CA with that id (its ARN's end)
 *     POST /ocsp                   application/ocsp-request; also GET /ocsp/BASE64 (RFC 6960, A.1)
 *     GET  /_localpca/stats        statistics
 *     GET  /_localpca/faults       the fault rules
 *     POST /_localpca/faults       add rules, a line each
 *     DELETE /_localpca/faults     forget all rules
 *     GET  /_localpca/settings     latency, issue delay, clock offset, idempotency window, …
 *     POST /_localpca/settings     change them: lines of name=span; rate=OPERATION=N/s
 *     POST /_localpca/mfa          the code that the MFA device with this serial number shows now
 *     POST /_localpca/web-identity a token of the local OIDC issuer: lines of sub=, aud=, alg=,
 * iss=, lifetime=, or other claims
 */
#ifndef LOCALPCA_WEB_H
#define LOCALPCA_WEB_H

#include "localpca/pca.h"

struct web_request {
        const char *method;
        const char *path; /* decoded */
        struct view body;
        bool from_loopback; /* /_localpca/ answers nobody else */
};

/* Answer; 404 for what is not there. */
void web_answer(struct pca *pca, const struct web_request *request, struct answer *answer);

/* Is this an OCSP request, wherever it is posted to? */
bool web_is_ocsp(const char *method, const char *content_type);

#endif
