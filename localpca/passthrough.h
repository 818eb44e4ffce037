/*
 * ApiPassthrough: the subject and the extensions that a request brings along, as X.509 has them.
 *
 * Which of them go into the certificate is the template's business (x509.h); what they are is told
 * here, whether the template lets them through or not.
 */
#ifndef LOCALPCA_PASSTHROUGH_H
#define LOCALPCA_PASSTHROUGH_H

#include <cjson/cJSON.h>
#include <openssl/x509v3.h>

#include "localpca/refusal.h"

/* `{ 0 }`: nothing is passed. */
struct passthrough {
        X509_NAME *subject; /* NULL: none, or one without attributes */
        /*
         * In the order in which they are appended to a certificate: key usage, extended key usage,
         * alternative names, policies, then the custom ones as the request lists them.
         */
        STACK_OF(X509_EXTENSION) * extensions;
};

/*
 * Read the ApiPassthrough of a request whose form was checked (validate.h).  Nothing is critical
 * but what CustomExtensions say is, and alternative names beside an empty subject
 * (`csr_subject_empty`: that of the CSR, which counts where the API brings none).
 * refusals: InvalidArgsException
 */
bool passthrough_read(const cJSON *from, bool csr_subject_empty, struct passthrough *out,
                      struct refusal *refusal) MUST_CHECK;

void passthrough_clear(struct passthrough *passthrough);

/* The bits (KU_…) of a KeyUsage structure. */
unsigned passthrough_key_usage(const cJSON *key_usage);

#endif
