/*
 * Key usages, extended key usages and certificate policies: what a certificate is good for.
 * RFC 5280, 4.2.1.3, 4.2.1.12 and 4.2.1.4.  Pure.
 */
#ifndef ORDER_USAGE_H
#define ORDER_USAGE_H

#include "base/bytes.h"
#include "base/err.h"

/* Key usage bits as in RFC 5280: bit 0 is digitalSignature. */
enum key_usage {
        USAGE_DIGITAL_SIGNATURE = 1 << 0,
        USAGE_NON_REPUDIATION = 1 << 1,
        USAGE_KEY_ENCIPHERMENT = 1 << 2,
        USAGE_DATA_ENCIPHERMENT = 1 << 3,
        USAGE_KEY_AGREEMENT = 1 << 4,
        USAGE_KEY_CERT_SIGN = 1 << 5,
        USAGE_CRL_SIGN = 1 << 6,
        USAGE_ENCIPHER_ONLY = 1 << 7,
        USAGE_DECIPHER_ONLY = 1 << 8,
};

struct usages {
        unsigned key_usage; /* enum key_usage bits; 0: none asked for */
        char **extended;    /* dotted OIDs */
        size_t extended_count;
        char **policies; /* "OID" or "OID,cps=URI", as usages_add_policy() has them */
        size_t policy_count;
};

void usages_clear(struct usages *usages);
void usages_copy(struct usages *to, const struct usages *from);

/* "digitalSignature,keyAgreement" (any case, hyphens allowed); adds to what is there. */
bool usages_add_key_usage(struct usages *usages, const char *names, struct error *err) MUST_CHECK;

/* "clientAuth,1.3.6.1.4.1.311.20.2.2": names or dotted OIDs; adds. */
bool usages_add_extended(struct usages *usages, const char *names, struct error *err) MUST_CHECK;

/*
 * A policy's dotted OID, where need be with the address of its practice statement behind it:
 * "1.3.6.1.4.1.99999.1,cps=https://pki.example/cps" (RFC 5280, 4.2.1.4); adds.  The same OID twice
 * is an error unless it says the same.
 */
bool usages_add_policy(struct usages *usages, const char *policy, struct error *err) MUST_CHECK;

/* The OID of a policy; the caller frees. */
char *policy_oid(const char *policy);

/* The URI of its practice statement, borrowed from `policy`; NULL without one. */
const char *policy_cps(const char *policy);

/* "digitalSignature, keyEncipherment"; the caller frees. */
char *key_usage_format(unsigned key_usage);

/* "clientAuth" for 1.3.6.1.5.5.7.3.2; the OID itself when it has no name here. */
const char *extended_usage_name(const char *oid);

#endif
