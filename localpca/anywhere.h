/*
 * IAM Roles Anywhere: trust anchors, profiles and CRLs, and CreateSession, which turns a
 * certificate into a session of a role.  (API version 2018-05-10, rest-json.)
 *
 * Objects lie in the state as documents, in the form in which the API answers them:
 *
 *     trust anchor  trustAnchorId, trustAnchorArn, name, source, enabled, createdAt, updatedAt
 *     profile       profileId, profileArn, name, roleArns, sessionPolicy, managedPolicyArns,
 *                   durationSeconds, enabled, requireInstanceProperties, acceptRoleSessionName, …
 *     CRL           crlId, crlArn, name, crlData, trustAnchorArn, enabled, …
 */
#ifndef LOCALPCA_ANYWHERE_H
#define LOCALPCA_ANYWHERE_H

#include <openssl/x509.h>

#include "localpca/pca.h"

/* Is this a request of Roles Anywhere?  By method and path: it has its own. */
bool anywhere_is_request(const char *method, const char *path);

void anywhere_answer(struct pca *pca, const struct sigv4_request *request, struct answer *answer);

/* Read the objects, in place of those that are there. */
bool anywhere_load(struct pca *pca, struct error *err) MUST_CHECK;

/* -- objects (anywhere_objects.c) ---------------------------------------------------------- */

/* The kinds, as paths name them; their ids and lists are called after them. */
enum anywhere_kind { ANYWHERE_TRUST_ANCHOR, ANYWHERE_PROFILE, ANYWHERE_CRL, ANYWHERE_KINDS };

/* The object with this ARN, or NULL. */
cJSON *anywhere_find(const struct pca *pca, enum anywhere_kind kind, const char *arn);

/* The certificates of a trust anchor; the caller frees them all. */
STACK_OF(X509) * anywhere_anchor_certificates(const struct pca *pca, const cJSON *anchor);

/* All certificates in PEM text; the caller frees them all. */
STACK_OF(X509) * anywhere_certificates_of_pem(const char *pem);
void anywhere_certificates_free(STACK_OF(X509) * certificates);

/* Operations; what the path names stands in the input, and `kind` says of what. */
bool anywhere_create_trust_anchor(struct call *call, enum anywhere_kind kind);
bool anywhere_update_trust_anchor(struct call *call, enum anywhere_kind kind);
bool anywhere_create_profile(struct call *call, enum anywhere_kind kind);
bool anywhere_update_profile(struct call *call, enum anywhere_kind kind);
bool anywhere_import_crl(struct call *call, enum anywhere_kind kind);
bool anywhere_update_crl(struct call *call, enum anywhere_kind kind);
bool anywhere_get(struct call *call, enum anywhere_kind kind);
bool anywhere_list(struct call *call, enum anywhere_kind kind);
bool anywhere_delete(struct call *call, enum anywhere_kind kind);
bool anywhere_enable(struct call *call, enum anywhere_kind kind);
bool anywhere_disable(struct call *call, enum anywhere_kind kind);

/* -- certificates (anywhere_certificate.c) -------------------------------------------------- */

/* What an anchor may be: a CA's certificate.  NULL when it may, else what is wrong. */
const char *anywhere_anchor_fault(X509 *certificate);

/*
 * Is this certificate one of an end entity that the anchors' CAs issued, directly or through the
 * intermediate ones in `chain`, valid at `now`, and not in a CRL of theirs?
 *
 * crls  of X509_CRL; only those count that are signed by the issuer of what they revoke
 *
 * NULL when it is, else what is wrong.  (RFC 5280, 6; Roles Anywhere user guide, "Trust model".)
 */
const char *anywhere_certificate_fault(X509 *certificate, STACK_OF(X509) * chain,
                                       STACK_OF(X509) * anchors, STACK_OF(X509_CRL) * crls,
                                       int64_t now);

/*
 * The session tags that a certificate gives: {"x509Subject/CN":…, "x509Issuer/…":…,
 * "x509SAN/DNS":…}.  What no tag can hold is named in `bad` as AWS does: "Issuer: [  ]; Subject: [
 * CN ]; SAN: [  ]"; it stays empty when all can be mapped.
 */
void anywhere_certificate_tags(X509 *certificate, cJSON *tags, struct buf *bad);

/* -- sessions (anywhere_session.c) ---------------------------------------------------------- */

/*
 * Is the request signed by the key of the certificate that it shows?  Asked before its body is
 * looked at.  refusals: AccessDeniedException, those of sigv4_read_x509()
 */
bool anywhere_is_signed(struct call *call) MUST_CHECK;

/* CreateSession: signed by a certificate, so that there is no caller. */
bool anywhere_create_session(struct call *call);

#endif
