/*
 * AWS Signature Version 4, in its three visible stages: canonical request, string to sign,
 * signature.  Pure.  (AWS General Reference, "Signature Version 4 signing process".)
 */
#ifndef AWS_SIGV4_H
#define AWS_SIGV4_H

#include "base/bytes.h"
#include "base/err.h"

struct sigv4_header {
        const char *name;
        const char *value; /* as sent; trimmed and folded here */
};

struct sigv4_request {
        const char *method;
        const char *path;  /* as in the request line, percent-encoding included or not */
        const char *query; /* without '?', or NULL */
        const struct sigv4_header *headers; /* those to sign */
        size_t header_count;
        struct view body;
        bool normalize_path; /* true for all services but S3 */
};

struct sigv4_scope {
        const char *algorithm; /* NULL: "AWS4-HMAC-SHA256" */
        char date_time[17];    /* 20261101T120000Z */
        const char *region;
        const char *service;
};

/* "20261101T120000Z" of a time. */
void sigv4_date_time(int64_t when, char out[17]);

/* Stage 1; `signed_headers` (may be NULL) gets "content-type;host;x-amz-date". */
void sigv4_canonical(const struct sigv4_request *request, struct buf *canonical,
                     struct buf *signed_headers);

/* Stage 2. */
void sigv4_string_to_sign(const struct sigv4_scope *scope, struct view canonical, struct buf *out);

/* Stage 3: 64 hex digits and a NUL. */
void sigv4_signature(const struct secret *secret_key, const struct sigv4_scope *scope,
                     struct view string_to_sign, char out[65]);

/* All three: the value of the Authorization header. */
void sigv4_authorization(const struct sigv4_request *request, const struct sigv4_scope *scope,
                         const char *access_key_id, const struct secret *secret_key,
                         struct buf *out);

/*
 * The signing key of one day, region and service, kept between requests.  It is derived again when
 * the scope is another one; whoever changes the secret key clears it.  `{ 0 }` is empty.
 */
struct sigv4_key {
        struct secret key;
        char scope[80]; /* "20261101/us-east-1/acm-pca" */
};

/* The same as sigv4_authorization(), with the key kept in `kept`. */
void sigv4_authorization_kept(const struct sigv4_request *request, const struct sigv4_scope *scope,
                              const char *access_key_id, const struct secret *secret_key,
                              struct sigv4_key *kept, struct buf *out);
void sigv4_key_clear(struct sigv4_key *kept);

/*
 * Sign with the private key of a certificate: SHA-256, RSA as in PKCS #1 v1.5, ECDSA in DER
 * whatever the curve.  May take as long as a token does.
 */
typedef bool sigv4_signer(void *context, struct view message, struct buf *signature,
                          struct error *err);

/*
 * The variant of Roles Anywhere: the first two stages are the same, under the scope's algorithm
 * ("AWS4-X509-RSA-SHA256", "AWS4-X509-ECDSA-SHA256"); the third is a private key's signature over
 * the string to sign itself, and the certificate's serial number, in decimal, stands for the
 * access key.
 */
bool sigv4_authorization_x509(const struct sigv4_request *request, const struct sigv4_scope *scope,
                              const char *serial, sigv4_signer *sign, void *context,
                              struct buf *out, struct error *err) MUST_CHECK;

#endif
