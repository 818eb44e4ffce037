/*
 * Certificates as facts, and the judgement whether one is what was asked for.  Pure: the time is
 * an argument.  What comes in here came from the network and is hostile until parsed.
 */
#ifndef ORDER_CERT_H
#define ORDER_CERT_H

#include "base/bytes.h"
#include "base/err.h"
#include "order/issuer.h"
#include "order/order.h"

/* What p11cert shows and records of a certificate.  Owns its texts. */
struct certificate_facts {
        char *subject; /* RFC 4514 */
        char *issuer;
        char *serial;      /* lower-case hex, two digits a byte */
        char *fingerprint; /* SHA-256, lower-case hex */
        int64_t not_before;
        int64_t not_after;
        struct buf spki;
        struct buf subject_der; /* Name, for CKA_SUBJECT */
        struct buf issuer_der;  /* Name, for CKA_ISSUER */
        struct buf serial_der;  /* INTEGER, for CKA_SERIAL_NUMBER */
        char **sans;
        size_t san_count;
        enum key_type key_type;
        bool is_ca;
        int path_length; /* of a CA; -1: not bounded */
        struct usages usages;
};

void certificate_facts_clear(struct certificate_facts *facts);

/* Read the facts of one DER certificate; nothing may follow it.  ERROR_INPUT. */
bool certificate_facts_read(struct view der, struct certificate_facts *facts,
                            struct error *err) MUST_CHECK;

/*
 * The serial number alone, as certificate_facts has it, of a certificate whose other parts may be
 * beyond reading, or that has something behind it; NULL without one.  The caller frees.
 */
char *certificate_serial(struct view der);

/*
 * Read PEM: the first certificate, and all that follow it (`rest`: DER, one after the other; may
 * be NULL).  Glued PEM blocks ("-----END CERTIFICATE----------BEGIN…"), CRLF and text between the
 * blocks are accepted; DER instead of PEM too.  ERROR_INPUT when there is none, or for more than
 * 16 of them or 1 MiB.
 */
bool certificates_read(struct view text, struct buf *first, struct buf *rest,
                       struct error *err) MUST_CHECK;

/* Split concatenated DER certificates: the first one's length in bytes, 0 at the end or if broken.
 */
size_t certificate_length(struct view concatenated);

/* PEM with a newline at the end, appended to `out`; for concatenated DER one block each. */
void certificate_pem_add(struct buf *out, struct view concatenated);

/*
 * Build and check the chain from `certificate` to `root` (RFC 5280, 6): signatures, CA:TRUE,
 * key usages of the issuers, path lengths, dates at `now`.  A critical extension of the certificate
 * itself that nobody here knows passes; one of an issuer does not.
 *
 * chain   concatenated DER as the CA answered it, in any order, with or without the root
 * root    DER: the pinned root, the only trust
 * path    out, the issuers from the leaf's own up to but not including the root, concatenated DER
 * errors  ERROR_NOT_AS_ASKED, with the certificate and the reason
 */
bool certificate_chain(struct view certificate, struct view chain, struct view root, int64_t now,
                       struct buf *path, struct error *err) MUST_CHECK;

/* What to hold an issued certificate against besides its order's wishes. */
struct certificate_expectation {
        struct view csr; /* DER as it was sent: public key, subject, SANs, extensions */
        struct view chain;
        struct view root;
        int64_t asked_at;     /* when the request was first sent; 0: not known (`import`), then
                                 only dates that were asked for as dates are held */
        int64_t received_at;  /* when the certificate came; 0: `now` */
        int64_t ca_not_after; /* 0: not known, the issuer's own end is taken */
        const struct issuer_facts *issuer; /* or NULL: nothing is known of the CA's configuration */
        int64_t now;
};

/* What a comparison found; texts of a line each, "key usage: asked digitalSignature, missing". */
struct comparison {
        struct buf differences; /* all that keep the certificate from being delivered */
        struct buf allowed;     /* those that the wishes allow by name */
        struct buf notes;       /* what is no difference and should be known */
        bool wants_issuer;      /* a note would not be there if the CA's configuration were known */
};

void comparison_clear(struct comparison *comparison);

/*
 * Is this the certificate that was asked for, extension by extension?  What comes of the request
 * under its template (order/content.h) and every wish have to be there, and nothing else:
 *
 * - the public key of the CSR; the chain to the root; a serial number, version and signature as
 *   they should be
 * - the subject, and the alternative names as a set; a subject that went through the API as a set
 *   of attributes, whose order is the service's
 * - CA:FALSE, or what a CA's template says; a leaf without basicConstraints is no CA either
 * - key usages, extended ones and policies with their practice statements, as sets; of a template
 *   that is not known only what was wished for
 * - every other extension by OID, value and whether it is critical; where one of the standard ones
 *   is critical against what was foretold, or the subject key identifier is not the SHA-1 of the
 *   key, that is noted
 * - NotBefore at most 65 minutes before asking when none was asked, exactly when it was; NotAfter
 *   within 5 minutes of what was asked
 *
 * No differences: key identifiers, and CRL distribution points and authority information access
 * that follow from the CA's revocation configuration; where that is not known they are noted.  A
 * wish that the template drops is a difference; what a given CSR (--csr) holds beyond names is not.
 * What the wishes allow by name is told apart.
 *
 * path         out as in certificate_chain()
 * found        out; the caller clears
 * errors       ERROR_NOT_AS_ASKED with the first difference and how many more there are
 */
bool certificate_judge(const struct wishes *wishes, struct view certificate,
                       const struct certificate_expectation *expected, struct buf *path,
                       struct comparison *found, struct error *err) MUST_CHECK;

/* Does `signature` over `message` verify with the public key (SPKI)?  ERROR_NOT_PROVED if not. */
bool signature_verify(struct view spki, enum hash hash, struct view message, struct view signature,
                      struct error *err) MUST_CHECK;

/* Are these the same root: equal public key and subject? */
bool certificate_same_root(struct view a, struct view b);

/* Do issuer name and signature of this DER certificate say that the other one's key signed it? */
bool certificate_is_issued_by(struct view certificate, struct view issuer);

/* Is this DER certificate self-issued and self-signed (a root)? */
bool certificate_is_root(struct view der);

#endif
