/*
 * How the world learns of revocations: the CRL of a CA, and OCSP for all of them.
 */
#ifndef LOCALPCA_REVOCATION_H
#define LOCALPCA_REVOCATION_H

#include "localpca/pca.h"

/*
 * The complete CRL of a CA in DER, signed now or, when nothing was revoked since, up to an hour
 * ago.  Expired certificates are not in it.  The buffer belongs to the authority.
 * A partitioned one names its address in a critical issuingDistributionPoint.
 * RFC 5280, 5; ERROR_KEY_ABSENT when the CA has no certificate yet
 */
const struct buf *revocation_crl(struct pca *pca, struct authority *authority,
                                 struct error *err) MUST_CHECK;

/* The DER answer to a DER request; always one, as RFC 6960 wants it. */
void revocation_ocsp(struct pca *pca, struct view request, struct buf *answer);

/*
 * Where certificates of this CA say that its CRL and its OCSP service are, by its revocation
 * configuration; NULL: they do not say.  The caller frees.
 */
char *revocation_crl_url(const struct pca *pca, const struct authority *authority);
char *revocation_ocsp_url(const struct pca *pca, const struct authority *authority);

/*
 * Is the CRL of this CA what that path of an URL names?  "…/ID.crl" always; of a partitioned one,
 * which is one partition here, "…/GUID.crl" too.
 */
bool revocation_crl_is_at(const struct authority *authority, const char *path);

#endif
