/*
 * The CSR that a certificate authority gives out to have its certificate made.
 */
#ifndef LOCALPCA_CSR_H
#define LOCALPCA_CSR_H

#include <cjson/cJSON.h>

#include "localpca/x509.h"

/*
 * PEM, with a final newline, of a CSR for a CertificateAuthorityConfiguration (subject,
 * CsrExtensions); the caller frees.  ERROR_INPUT when the configuration cannot be encoded.
 */
char *csr_make(const cJSON *configuration, EVP_PKEY *key, const struct algorithm *algorithm,
               struct error *err) MUST_CHECK;

#endif
