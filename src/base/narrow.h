/*
 * A library context of OpenSSL's that finds quickly how to decode an EC or RSA public key, because
 * it knows nothing else.
 *
 * OpenSSL before 3.2 goes through all decoders and key types of a context for each public key that
 * it decodes, a certificate's too, which takes ten times as long as the decoding.
 */
#ifndef BASE_NARROW_H
#define BASE_NARROW_H

#include <openssl/crypto.h>

/*
 * Made once, for good; any thread may use it (OSSL_LIB_CTX_set0_default()) to decode.  It has no
 * digests and no signatures.  NULL where OpenSSL is quick by itself, or has no default provider.
 */
OSSL_LIB_CTX *narrow_context(void);

/* The same, for what holds a key that nobody looks at: it knows no key type, either. */
OSSL_LIB_CTX *bare_context(void);

#endif
