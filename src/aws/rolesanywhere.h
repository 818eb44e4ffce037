/*
 * IAM Roles Anywhere: a session for a certificate, asked for with CreateSession.
 *
 * The request is signed with the certificate's private key, which this layer never sees: whoever
 * has the key hands in a signer.  The session is kept in memory and handed to every client of the
 * process until its time is nearly over.  (API version 2018-05-10, rest-json; signature:
 * aws/sigv4.h.)
 */
#ifndef AWS_ROLESANYWHERE_H
#define AWS_ROLESANYWHERE_H

#include "aws/credentials.h"
#include "aws/sigv4.h"

/* Whose certificate, and who signs for it; borrowed from whoever filled it in. */
struct anywhere_identity {
        struct view certificate; /* DER */
        struct view chain;       /* intermediates, DER one after the other; may be empty */
        sigv4_signer *sign;
        void *context;
};

/* What CreateSession is asked with; copied. */
struct anywhere_options {
        const char *trust_anchor; /* ARNs */
        const char *profile;
        const char *role;
        const char *session_name; /* NULL: AWS takes the certificate's serial number */
        int64_t duration_s;       /* 900 to 43,200; 0: 3,600 */
        /*
         * Have key and certificate ready; called before each CreateSession, so that a renewed
         * certificate is found.  What it fills in stays good until the next call.
         */
        bool (*identity)(void *context, struct anywhere_identity *out, struct error *err);
        void *context;
};

enum {
        ANYWHERE_LEAST_S = 900,
        ANYWHERE_MOST_S = 43200,
        ANYWHERE_USUAL_S = 3600,
};

struct anywhere;

/*
 * Remember the wish.  No network, no token.
 * errors: ERROR_CONFIG, those of anywhere_arns_check() and a wrong duration or session name
 */
struct anywhere *anywhere_new(const struct anywhere_options *options, struct error *err);
void anywhere_free(struct anywhere *anywhere); /* NULL does nothing */

/* Forget the session that is kept, since AWS does not take it any more. */
void anywhere_forget(struct anywhere *anywhere);

/*
 * Are these the ARNs of a trust anchor, a profile and a role that go together?  Anchor and profile
 * of one Region, and all three of one account and partition.  ERROR_CONFIG with the rule that is
 * broken.
 */
bool anywhere_arns_check(const char *trust_anchor, const char *profile, const char *role,
                         struct error *err) MUST_CHECK;

/* The Region of a trust anchor whose ARN was checked; the caller frees. */
char *anywhere_region(const char *trust_anchor);

/*
 * Would Roles Anywhere take this certificate (DER)?  X.509 v3, an end entity (CA:FALSE) with key
 * usage digitalSignature, signed with SHA-256 or better, an RSA or EC key, and within its dates at
 * `now`.  (User guide, "Trust model".)
 *
 * errors  ERROR_CONFIG with the rule that it breaks; ERROR_CREDENTIALS_EXPIRED for its dates
 */
bool anywhere_certificate_check(struct view certificate, int64_t now, struct error *err) MUST_CHECK;

/* -- the call, without I/O ------------------------------------------------------------------ */

/* "profileArn=…&roleArn=…&trustAnchorArn=…", percent-encoded; the caller frees. */
char *anywhere_write_query(const struct anywhere_options *options);

/* {"durationSeconds":3600}, with the session's name where there is one; the caller frees. */
char *anywhere_write_body(const struct anywhere_options *options);

/* The session of a 2xx answer; `out` has no origin yet.  ERROR_AWS_ANSWER. */
bool anywhere_read_session(struct view body, struct credentials *out, struct error *err) MUST_CHECK;

/*
 * What a certificate is in headers and in the string to sign.  `{ 0 }` is empty.
 * errors: ERROR_CONFIG for what is no certificate or has a key of another kind
 */
struct anywhere_card {
        const char *algorithm; /* "AWS4-X509-RSA-SHA256" */
        char *serial;          /* decimal */
        char *certificate;     /* X-Amz-X509: base64 of the DER */
        char *chain;           /* X-Amz-X509-Chain: the same with commas between, or NULL */
        sigv4_signer *sign;
        void *context;
};
bool anywhere_card_make(const struct anywhere_identity *identity, struct anywhere_card *out,
                        struct error *err) MUST_CHECK;
void anywhere_card_clear(struct anywhere_card *card);

#endif
