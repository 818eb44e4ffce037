/*
 * AWS Private CA: requests written and replies read.  No I/O.  (API version 2017-08-22, json 1.1.)
 *
 * Writers return the JSON body; the caller frees.  Readers take the body of a 2xx reply; anything
 * that is not what the API promises is ERROR_AWS_ANSWER.
 */
#ifndef AWS_PCA_H
#define AWS_PCA_H

#include "base/bytes.h"
#include "base/err.h"
#include "order/issuer.h"
#include "order/order.h"
#include "order/template.h"

/* The parts of "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/…". */
struct ca_arn {
        char partition[24];
        char region[32];
        char account[13];
        char id[64];
};

/* Read the ARN of a CA; ERROR_USAGE with the rule it breaks (another service, no id …). */
bool ca_arn_parse(const char *text, struct ca_arn *out, struct error *err) MUST_CHECK;

/* Is this a certificate's ARN (…/certificate/…)?  `ca_arn` gets the CA's part (caller frees). */
bool certificate_arn_parse(const char *text, char **ca_arn, struct error *err) MUST_CHECK;

struct pca_issue {
        const char *ca_arn;
        struct view csr; /* DER; sent as base64 of PEM */
        const char *csr_pem;
        const char *signing_algorithm;
        const char *template_arn;
        const char *validity_type;
        int64_t validity_value;
        int64_t not_before; /* 0: none */
        const char *idempotency_token;
        const char *api_passthrough; /* JSON of pca_write_passthrough(), or NULL */
};

/*
 * ApiPassthrough, of the wishes that go through the API under that template (order/content.h) and
 * for which passthrough_check() holds; NULL where nothing does.  The caller frees.
 */
char *pca_write_passthrough(const struct wishes *wishes, const struct template_facts *facts);

char *pca_write_issue(const struct pca_issue *issue);
bool pca_read_issue(struct view body, char **certificate_arn, struct error *err) MUST_CHECK;

char *pca_write_get_certificate(const char *ca_arn, const char *certificate_arn);
/* PEM texts; `chain` is empty when there is none. */
bool pca_read_get_certificate(struct view body, struct buf *certificate, struct buf *chain,
                              struct error *err) MUST_CHECK;

char *pca_write_get_ca_certificate(const char *ca_arn);
bool pca_read_get_ca_certificate(struct view body, struct buf *certificate, struct buf *chain,
                                 struct error *err) MUST_CHECK;

struct pca_authority {
        char *arn;
        char *owner;
        char *type;   /* "ROOT", "SUBORDINATE" */
        char *status; /* "ACTIVE" … */
        char *failure_reason;
        char *serial;
        char *key_algorithm;     /* "EC_prime256v1" … */
        char *signing_algorithm; /* of the CA's own certificate */
        char *subject;           /* RFC 4514-like text for people */
        char *usage_mode;        /* "GENERAL_PURPOSE", "SHORT_LIVED_CERTIFICATE" */
        int64_t not_before;
        int64_t not_after; /* 0: not known */
        int64_t created_at;
        bool crl_enabled;
        bool crl_omitted; /* CRLs are written, but certificates do not say where */
        bool ocsp_enabled;
        char *crl_host;  /* CustomCname of the CRLs, else their bucket; or NULL */
        char *ocsp_host; /* OcspCustomCname, or NULL */
};
void pca_authority_clear(struct pca_authority *authority);

/* What counts for certificates, in the words of order/issuer.h; texts are borrowed. */
struct issuer_facts pca_issuer_facts(const struct pca_authority *authority);

char *pca_write_describe(const char *ca_arn);
bool pca_read_describe(struct view body, struct pca_authority *out, struct error *err) MUST_CHECK;

char *pca_write_list(const char *next_token, bool other_accounts); /* next_token may be NULL */
bool pca_read_list(struct view body, struct pca_authority **list, size_t *count, char **next_token,
                   struct error *err) MUST_CHECK; /* appends to list */

/* `serial` in lower-case hex; sent with colons.  `reason` as the API's enum. */
char *pca_write_revoke(const char *ca_arn, const char *serial, const char *reason);

/* The API's enum for "key-compromise", "KEY_COMPROMISE", "keyCompromise"; ERROR_USAGE. */
bool pca_revocation_reason(const char *text, const char **reason, struct error *err) MUST_CHECK;

/*
 * The signing algorithm to ask for when nobody said: the CA's own where it fits its key, else the
 * default for the key ("EC_prime256v1": SHA256WITHECDSA).  NULL for a key that is not known.
 */
const char *pca_signing_algorithm(const char *key_algorithm, const char *own_algorithm);

/* Is this one of the API's SigningAlgorithm values?  ERROR_USAGE names the nearest. */
bool pca_signing_algorithm_check(const char *text, struct error *err) MUST_CHECK;

#endif
