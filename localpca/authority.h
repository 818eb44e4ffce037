/*
 * A certificate authority: its key, certificate, configuration and state.
 */
#ifndef LOCALPCA_AUTHORITY_H
#define LOCALPCA_AUTHORITY_H

#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "base/err.h"
#include "localpca/store.h"
#include "localpca/x509.h"

enum authority_status {
        AUTHORITY_CREATING,
        AUTHORITY_PENDING,
        AUTHORITY_ACTIVE,
        AUTHORITY_DISABLED,
        AUTHORITY_EXPIRED, /* never stored: what an active one becomes with time */
        AUTHORITY_DELETED,
        AUTHORITY_FAILED,
        AUTHORITY_STATUSES
};

struct authority {
        int64_t row; /* in the store */
        char *id;    /* a UUID */
        char *arn;
        enum authority_status status;
        enum authority_status status_before; /* it was deleted */
        bool root;
        char *account;
        const struct key_kind *kind;
        const struct algorithm *algorithm;
        EVP_PKEY *key;     /* NULL while it is being made */
        X509 *certificate; /* NULL until one is imported */
        char *certificate_pem;
        char *chain; /* PEM, issuer first, without a newline at its end; NULL for a root */
        int64_t not_before, not_after; /* of the certificate */
        int64_t created_ms, changed_ms;
        int64_t restorable_until; /* while deleted */
        /* As AWS has them in requests and answers: */
        cJSON *configuration; /* CertificateAuthorityConfiguration */
        cJSON *revocation;    /* RevocationConfiguration */
        cJSON *tags;          /* a list */
        cJSON *permissions;   /* a list */
        char *policy;         /* resource policy; NULL: none */
        char *usage_mode;
        char *storage_standard;
        char *csr; /* PEM; NULL while the key is being made */
        /* The CRL made last, its number, when, and how many revocations the service knew then. */
        struct buf crl;
        int64_t crl_number, crl_made, crl_revoked;
};

struct authorities {
        struct authority **all;
        size_t count;
};

void authorities_clear(struct authorities *authorities);
bool authorities_load(struct authorities *authorities, struct store *store,
                      struct error *err) MUST_CHECK;

/* A new one with a random id, in memory only; `configuration` is copied. */
struct authority *authority_new(struct authorities *authorities, const char *region,
                                const char *account, const cJSON *configuration);

struct authority *authority_find(const struct authorities *authorities, const char *arn);

/* Give it its certificate; `chain` is NULL for a root. */
void authority_set_certificate(struct authority *authority, X509 *certificate, const char *chain);

/* Record it. */
bool authority_save(struct authority *authority, struct store *store, struct error *err) MUST_CHECK;

/* What it is at that time: an active one whose certificate ran out is expired. */
enum authority_status authority_status_at(const struct authority *authority, int64_t now);

/* Is it deleted, and its time to be restored over?  Then nobody sees it any more. */
bool authority_is_gone(const struct authority *authority, int64_t now);

/* "ACTIVE" */
const char *authority_status_name(enum authority_status status);

/*
 * The first two CAs of an empty state: a root, and a subordinate that issues.  The last one made is
 * the issuing one.  The clock is the service's.
 */
bool authorities_found(struct authorities *authorities, struct store *store, const char *region,
                       const char *account, const struct key_kind *kind, int64_t now_ms,
                       struct error *err) MUST_CHECK;

#endif
