/*
 * Public keys, certificates and requests, decoded from DER once and remembered: OpenSSL 3.0 takes a
 * quarter of a millisecond to decode a public key, and an order's are looked at a dozen times.
 *
 * Each thread remembers the last few it decoded (decoded_remember()), and nobody else's.
 */
#ifndef BASE_DECODED_H
#define BASE_DECODED_H

#include <openssl/x509.h>

#include "base/bytes.h"

/* A SubjectPublicKeyInfo and nothing behind it, or NULL.  The caller frees (EVP_PKEY_free). */
EVP_PKEY *decoded_key(struct view spki);

/*
 * One X.509 certificate and nothing behind it, or NULL.  What merely decodes but is not DER is
 * refused: written again it has to be the same.  The caller frees (X509_free), and changes nothing.
 */
X509 *decoded_certificate(struct view der);

/*
 * One PKCS #10 request and nothing behind it, or NULL.  Borrowed, until the thread has decoded as
 * many other things as it remembers.  Its key is there in DER only (X509_REQ_get_X509_PUBKEY()).
 */
X509_REQ *decoded_request(struct view der);

/* How many this thread remembers from now on, 32 at least; what it remembers now is forgotten. */
void decoded_remember(size_t count);

#endif
