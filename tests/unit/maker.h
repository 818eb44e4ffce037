/*
 * Makes real certificates for the tests, right or wrong in any way that is asked for.
 */
#ifndef TESTS_UNIT_MAKER_H
#define TESTS_UNIT_MAKER_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "order/csr.h"

/* An extension as OpenSSL's configuration has it: "keyUsage", "critical,digitalSignature". */
struct maker_extension {
        const char *name; /* NULL: none in this place */
        const char *value;
};

enum { MAKER_EXTENSIONS = 16 };

struct maker_certificate {
        const char *subject; /* RFC 4514 */
        EVP_PKEY *key;
        const char *issuer; /* RFC 4514 */
        EVP_PKEY *issuer_key;
        X509 *issuer_certificate; /* for the authority key identifier; NULL: itself */
        long version;             /* as encoded: 2 is version 3 */
        const char *serial;       /* hex, "-" in front where negative */
        int64_t not_before;
        int64_t not_after;
        const char *not_after_text; /* instead, as it is: not checked by anybody */
        const EVP_MD *md;
        bool pss;       /* with an RSA key: RSASSA-PSS */
        bool unique_id; /* with an issuerUniqueID, as version 2 had it */
        struct maker_extension extensions[MAKER_EXTENSIONS];
};

/* Sign it; fails the test where OpenSSL will not. */
X509 *maker_sign(const struct maker_certificate *certificate);

void maker_der(X509 *certificate, struct buf *out);
void maker_spki(EVP_PKEY *key, struct buf *out);

/* Set, add or (value NULL) take away an extension. */
void maker_set(struct maker_certificate *certificate, const char *name, const char *value);

/* A signer for csr_build() that signs with `key`. */
struct signer maker_signer(EVP_PKEY *key);

#endif
