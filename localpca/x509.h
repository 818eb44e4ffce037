/*
 * X.509 as a CA makes it: keys, certificates from CSRs and templates, PEM.  Knows no AWS request.
 */
#ifndef LOCALPCA_X509_H
#define LOCALPCA_X509_H

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/err.h"
#include "localpca/store.h"
#include "localpca/template.h"

/* One signature algorithm of the API: "SHA256WITHECDSA". */
struct algorithm {
        const char *name;
        const char *family; /* "EC", "RSA" */
        const char *digest; /* OpenSSL's name */
        bool pss;
};

const struct algorithm *algorithm_find(const char *name); /* NULL: not one that we can do */

/* One key algorithm of the API: "EC_prime256v1". */
struct key_kind {
        const char *name;
        const char *family;
        const char *curve; /* OpenSSL's name; NULL for RSA */
        unsigned bits;
        const char *signing; /* its usual signing algorithm */
        const char *option;  /* "ec:p256", as --key-type has it */
};

const struct key_kind *key_kind_find(const char *name);      /* NULL: not one that we can do */
const struct key_kind *key_kind_of_option(const char *name); /* the same by option name */

/* A new key pair; takes seconds for RSA_4096. */
EVP_PKEY *key_make(const struct key_kind *kind);

/* What a certificate is to be; all borrowed. */
struct wish {
        const struct template *template;
        X509_NAME *subject;
        EVP_PKEY *key;           /* of the holder */
        X509_PUBKEY *public_key; /* the same as the CSR has it; NULL: encode `key` */
        const uint8_t *serial;
        int64_t not_before, not_after;
        const STACK_OF(X509_EXTENSION) * api_extensions; /* passthrough.h; NULL: none */
        const STACK_OF(X509_EXTENSION) * csr_extensions; /* as asked for in the CSR; NULL: none */
        const char *crl_url, *ocsp_url;                  /* NULL: none */
};

/* Who signs.  `certificate` is NULL when a root signs itself. */
struct signer {
        EVP_PKEY *key;
        X509 *certificate;
};

/*
 * Make and sign a certificate.  NULL only when OpenSSL refuses (ERROR_INTERNAL).
 *
 * Extensions stand in one order: basicConstraints, authorityKeyIdentifier, subjectKeyIdentifier,
 * keyUsage, extendedKeyUsage, authorityInfoAccess, cRLDistributionPoints, as far as template and CA
 * set them; then those of the API, then those of the CSR, each in the order they came.  What stands
 * there already is not added again: template and CA come before the API, the API before the CSR.
 * Without CSRPassthrough only alternative names are taken from the CSR.
 */
X509 *certificate_make(const struct wish *wish, const struct signer *signer,
                       const struct algorithm *algorithm, struct error *err) MUST_CHECK;

/* Sign what `algorithm` says: certificate, CSR and CRL have one form (RFC 5280, 4.1.1). */
bool signing_start(EVP_MD_CTX *context, EVP_PKEY *key, const struct algorithm *algorithm);

/*
 * A CSR of PEM text, with anything around it, or NULL when it does not parse, its label is another
 * one, its key is of a kind that is not taken, or its signature is not by its own key; `*why` says
 * which.
 */
X509_REQ *csr_parse(struct view pem, const char **why) MUST_CHECK;

/* PEM without a newline at its end, as AWS answers it; the caller frees. */
char *certificate_pem(X509 *certificate);
char *der_pem(struct view der); /* a certificate's DER as PEM without the final newline */

/* DER of things, appended. */
void certificate_der(X509 *certificate, struct buf *out);
void csr_spki(X509_REQ *csr, struct buf *out);

X509 *certificate_of_der(struct view der);

/*
 * Subject and dates of a certificate in DER, a tenth of the work of reading all of it (OpenSSL 3.0
 * decodes the public key at once).  The caller frees `*subject`.  False when it is no certificate.
 */
bool certificate_outline(struct view der, X509_NAME **subject, int64_t *not_before,
                         int64_t *not_after) MUST_CHECK;

/* The first certificate in PEM text, NULL when there is none; `*used` bytes were read for it. */
X509 *certificate_of_pem(struct view pem, size_t *used);

/* A distribution point's name that is this URL; NULL when OpenSSL has no memory. */
DIST_POINT_NAME *url_dist_point_name(const char *url);

/* The value of a keyUsage extension with these KU_… bits. */
ASN1_BIT_STRING *key_usage_string(unsigned usage);

/* Seconds since 1970; 0 when it cannot be told. */
int64_t asn1_time_read(const ASN1_TIME *time);

/* Lower-case hex with colons between the bytes, as AWS writes serial numbers. */
char *serial_colons(struct view serial);

void certificate_cleanup(X509 **certificate);
void x509_req_cleanup(X509_REQ **csr);
void pkey_cleanup(EVP_PKEY **key);
void name_cleanup(X509_NAME **name);
void extensions_cleanup(STACK_OF(X509_EXTENSION) * *extensions);

#endif
