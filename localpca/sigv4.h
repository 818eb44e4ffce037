/*
 * AWS Signature Version 4, the server's half: is this request signed by who it says?
 *
 * Written from the specification, for requests as they came off the wire; shares nothing with the
 * client in src/aws.  The outcome of a check is a verdict with AWS's own code and message.
 */
#ifndef LOCALPCA_SIGV4_H
#define LOCALPCA_SIGV4_H

#include <openssl/types.h>

#include "base/bytes.h"
#include "localpca/refusal.h"

struct sigv4_header {
        const char *name;
        const char *value;
};

/* A request as it was received.  All borrowed. */
struct sigv4_request {
        const char *method;
        const char *path;  /* still encoded, without the query */
        const char *query; /* behind the '?', still encoded; NULL: none */
        const struct sigv4_header *headers;
        size_t header_count;
        struct view body;
        const char *source_ip; /* where it came from; NULL: not known */
        bool secure;           /* over TLS */
};

/* What the Authorization header says. */
struct sigv4_claim {
        const char *algorithm;
        char access_key_id[129]; /* of a certificate: its serial number in decimal */
        char date[9];            /* of the credential scope */
        char region[65];
        char service[65];
        char signed_headers[1025];
        char signature[1025]; /* hex */
        char time[17];        /* "20261121T222440Z" */
        int64_t when;         /* the same in seconds since 1970 */
};

/* What the server expects of a claim, and how it measures time. */
struct sigv4_rules {
        const char *region;
        const char *service;
        int64_t now;
        unsigned window_minutes;   /* 5, at STS 15 */
        const char *mismatch_code; /* "InvalidSignatureException", at STS "SignatureDoesNotMatch" */
};

/*
 * Read the Authorization and date headers.
 * refusals: MissingAuthenticationTokenException, IncompleteSignatureException
 */
bool sigv4_read(const struct sigv4_request *request, struct sigv4_claim *claim,
                struct refusal *refusal) MUST_CHECK;

/*
 * Check a claim: scope, signed headers, clock, and the signature by `secret`.
 * refusals: rules->mismatch_code in all its forms
 */
bool sigv4_check(const struct sigv4_request *request, const struct sigv4_claim *claim,
                 const struct sigv4_rules *rules, const struct secret *secret,
                 struct refusal *refusal) MUST_CHECK;

/*
 * The variant of Roles Anywhere, signed with the key of a certificate: the claim's algorithm is
 * "AWS4-X509-RSA-SHA256" or "AWS4-X509-ECDSA-SHA256".  Both refuse as their namesakes do; the check
 * with rules->mismatch_code.
 */
bool sigv4_read_x509(const struct sigv4_request *request, struct sigv4_claim *claim,
                     struct refusal *refusal) MUST_CHECK;
bool sigv4_check_x509(const struct sigv4_request *request, const struct sigv4_claim *claim,
                      const struct sigv4_rules *rules, EVP_PKEY *key,
                      struct refusal *refusal) MUST_CHECK;

/* The value of the first header of that name (any case); NULL when there is none. */
const char *sigv4_header(const struct sigv4_request *request, const char *name);

/* The stages, as the specification names them. */
void sigv4_canonical_request(const struct sigv4_request *request, const char *signed_headers,
                             struct buf *out);
void sigv4_string_to_sign(const struct sigv4_claim *claim, const struct buf *canonical,
                          struct buf *out);
void sigv4_signature(const struct sigv4_claim *claim, const struct secret *secret,
                     const struct buf *string_to_sign, char out[65]);

#endif
