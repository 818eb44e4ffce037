/*
 * localpca's issuing without its server: a request's JSON in, a certificate or a refusal out.
 *
 * Everything that decides runs as in the program (form, templates, passthrough, validity, signing);
 * only HTTP, signatures of requests and permissions are left out.
 */
#ifndef TESTS_UNIT_LOCAL_ISSUER_H
#define TESTS_UNIT_LOCAL_ISSUER_H

#include <openssl/evp.h>

#include "base/bytes.h"

struct local_issuer;

/* With a state in a folder of its own, which close removes; NULL when that cannot be. */
struct local_issuer *local_issuer_open(void);
void local_issuer_close(struct local_issuer *issuer);

/* Its root CA, which may issue for any template: ARN, certificate (DER), private key. */
const char *local_issuer_arn(const struct local_issuer *issuer);
struct view local_issuer_certificate(const struct local_issuer *issuer);
EVP_PKEY *local_issuer_key(const struct local_issuer *issuer);

/* Give the CA this RevocationConfiguration; NULL: none. */
void local_issuer_configure(struct local_issuer *issuer, const char *json);

/*
 * IssueCertificate with this body, then GetCertificate.  NULL when `der` has the certificate; else
 * the code and the message of the refusal, which the caller frees.
 */
char *local_issuer_issue(struct local_issuer *issuer, const char *body, struct buf *der);

/* Change a certificate as the fault of that word does; false when there is no such word. */
bool local_issuer_spoil(struct local_issuer *issuer, const char *word, struct buf *der);

/* The words of faults that change certificates, counted from 0; NULL behind the last. */
const char *local_issuer_deviation(size_t index);

#endif
