/*
 * The certificate with which localpca itself answers over HTTPS.
 */
#ifndef LOCALPCA_TLS_H
#define LOCALPCA_TLS_H

#include "localpca/pca.h"

/* PEM texts, owned. */
struct tls_files {
        char *key;
        char *chain;
};

/*
 * A fresh key and a server certificate for localhost and the listening address, issued by the first
 * root CA: whoever trusts root-ca.pem trusts the endpoint.
 */
bool tls_make(struct tls_files *files, const struct pca *pca, struct error *err) MUST_CHECK;
void tls_files_clear(struct tls_files *files);

#endif
