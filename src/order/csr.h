/*
 * Certificate signing requests (PKCS #10, RFC 2986), signed outside OpenSSL's method tables: the
 * to-be-signed part is encoded, a signer signs it, the signature is put in.  Pure but for the
 * signer.
 */
#ifndef ORDER_CSR_H
#define ORDER_CSR_H

#include "base/algorithm.h"
#include "base/bytes.h"
#include "base/err.h"
#include "order/order.h"

/*
 * Whoever can sign with the private key, wherever it lives.
 *
 * sign  signs `message` (not its digest) with `hash`; gives the signature as X.509 has it: ECDSA
 *       as DER SEQUENCE of r and s, RSA as PKCS #1 v1.5 block.
 * spki  of the key that `sign` answers for: its signatures are not verified again.  Empty: for none
 */
struct signer {
        void *context;
        bool (*sign)(void *context, enum hash hash, struct view message, struct buf *signature,
                     struct error *err);
        struct view spki;
};

/*
 * Build and sign the CSR that `wishes` ask for.  Subject and SANs always go in; key usages,
 * extended key usages and policies too, whatever the template will do with them.
 *
 * spki    DER; the public half of the signer's key
 * csr     out, DER; its own signature was verified with `spki` (catches a swapped token), but
 *         where the signer answers for that key
 * errors  those of the signer; ERROR_NOT_PROVED if the signature does not verify
 * time    as long as the signer takes
 */
bool csr_build(const struct wishes *wishes, struct view spki, const struct signer *signer,
               struct buf *csr, struct error *err) MUST_CHECK;

/*
 * Read a CSR that somebody else made: PEM (either label) or DER.  Its signature is verified.
 *
 * csr     out, DER
 * spki    out, DER
 * wishes  subject, SANs, usages and other extensions are taken from it; what the caller had set
 *         there is replaced
 * errors  ERROR_INPUT; also for a key that is not one of enum key_type, broken extensions, and a
 *         request with neither subject nor alternative name
 */
bool csr_read(struct view text, struct buf *csr, struct buf *spki, struct wishes *wishes,
              struct error *err) MUST_CHECK;

/* PEM with the standard label and a newline at the end; the caller frees. */
char *csr_pem(struct view csr);

#endif
