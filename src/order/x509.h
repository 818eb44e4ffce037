/*
 * Small things that cert.c, chain.c and judge.c do with OpenSSL's certificates.  Pure.
 */
#ifndef ORDER_X509_H
#define ORDER_X509_H

#include <openssl/x509.h>

#include "base/bytes.h"

/* One certificate in DER with nothing before or behind it; NULL if it is anything else. */
X509 *x509_read(struct view der);
void x509_cleanup(X509 **certificate);

void x509_add_der(struct buf *out, X509 *certificate);

/* Seconds since 1970; false for a time that is not well formed. */
bool x509_time(const ASN1_TIME *time, int64_t *out);

/* Lower-case hex, two digits a byte, "-" in front where negative; the caller frees. */
char *x509_serial(const X509 *certificate);

/* SubjectPublicKeyInfo, DER. */
void x509_spki(X509 *certificate, struct buf *out);

#endif
