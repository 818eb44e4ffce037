/*
 * As much of STS as a client asks before anything else: GetCallerIdentity, over the query protocol.
 *
 * Signature errors have STS's own names and its window of 15 minutes; answers are XML.
 */
#ifndef LOCALPCA_STS_H
#define LOCALPCA_STS_H

#include "localpca/pca.h"

/* Is this a request of the query protocol (a form, and no X-Amz-Target)? */
bool sts_is_request(const struct sigv4_request *request);

void sts_answer(struct pca *pca, const struct sigv4_request *request, struct answer *answer);

#endif
