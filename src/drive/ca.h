/*
 * What this run knows of a CA: its description and its root, each asked for at most once.
 */
#ifndef DRIVE_CA_H
#define DRIVE_CA_H

#include "aws/client.h"
#include "aws/pca.h"
#include "drive/batch.h"
#include "order/cert.h"
#include "order/issuer.h"

enum knowledge {
        KNOWLEDGE_NONE,  /* not asked */
        KNOWLEDGE_ASKED, /* a call is under way */
        KNOWLEDGE_KNOWN,
        KNOWLEDGE_REFUSED /* the error says why */
};

/* One question to the CA; its address is the tag of the call. */
struct ca_question {
        enum knowledge state;
        struct error error;
};

struct ca {
        struct ca *next;
        char *arn;
        struct ca_arn parts;

        struct ca_question describe;
        struct pca_authority facts;

        struct ca_question certificate; /* GetCertificateAuthorityCertificate */
        struct buf own;                 /* the issuing certificate, DER */
        struct certificate_facts read;  /* what it says; empty where it cannot be read */
        struct buf chain;               /* the issuers above it, root last, concatenated DER */

        int64_t issue_ms; /* from ARN to certificate, as lately seen; 0: at once, or not known */
        unsigned issued;  /* how many were asked for */

        struct buf root;      /* DER; empty: none is trusted yet */
        const char *root_how; /* to be pinned by this run, or NULL: it is in the ledger */
};

/* The CA of that ARN in the list, made where it is missing; ERROR_USAGE for a bad ARN. */
struct ca *ca_get(struct ca **list, const char *arn, struct error *err);
void ca_list_free(struct ca *list);

/*
 * Find the root to trust: --root, else the pinned one.  False and ERROR_ROOT_CHANGED when both are
 * there and differ.  Leaves ca->root empty when neither is.
 */
bool ca_load_root(struct ca *ca, const struct drive_options *options, struct error *err) MUST_CHECK;

/* Ask for what is not known yet: the description, the CA's certificate, or both. */
void ca_ask_describe(struct ca *ca, struct aws_client *aws);
void ca_ask_certificate(struct ca *ca, struct aws_client *aws);

/*
 * Take a reply if it answers one of this CA's questions.  A CA certificate whose chain ends in a
 * root gives ca->root ("first use") when there was none.
 */
bool ca_take(struct ca *ca, const struct aws_reply *reply);

/* Forget refusals that pass by themselves, so that it is asked again. */
void ca_ask_again(struct ca *ca);

/* Is a call of this CA still under way? */
bool ca_is_asking(const struct ca *ca);

/*
 * May this CA issue now?  ERROR_CA_STATE, ERROR_CA_EXPIRED, or what kept its description from
 * being read.  A denied description is no hindrance.
 */
bool ca_judge(const struct ca *ca, int64_t now, struct error *err) MUST_CHECK;

/*
 * The signing algorithm to ask for: from the description, else from the CA certificate's key.
 * NULL with ERROR_DENIED when neither is known: --signing-algorithm would help.
 */
const char *ca_signing_algorithm(const struct ca *ca, struct error *err);

/* NotAfter of the CA's certificate, 0 when it is not known. */
int64_t ca_not_after(const struct ca *ca);

bool ca_is_short_lived(const struct ca *ca);

/* Add what the CA's own certificate (DER, or empty) says: its path length. */
void issuer_facts_add_own(struct issuer_facts *issuer, struct view own);

/* What counts for certificates; texts are borrowed from the CA. */
struct issuer_facts ca_issuer_facts(const struct ca *ca);

/*
 * The reason why a chain does not end in ca->root may be that the CA has another root now: is
 * there another self-signed certificate in `chain`?
 */
bool ca_chain_has_other_root(const struct ca *ca, struct view chain);

#endif
