/*
 * What comes of a request under a template: each part of the certificate, where it comes from, and
 * by which way a wish gets there.  Of each extension the template's own wins, then what is given
 * through the API (ApiPassthrough), then what the CSR says (AWS Private CA User Guide, "Template
 * order of operations").  Used by the plan, by the request and by the comparison.  Pure.
 */
#ifndef ORDER_CONTENT_H
#define ORDER_CONTENT_H

#include "order/extension.h"
#include "order/issuer.h"
#include "order/order.h"
#include "order/template.h"

/* Where a field of the certificate comes from. */
enum source { SOURCE_TEMPLATE, SOURCE_CSR, SOURCE_API, SOURCE_REQUEST, SOURCE_CA };

/* "template", "CSR", "API", "request", "CA". */
const char *source_name(enum source source);

/*
 * Does this part of the wishes go through the API?  What the CSR carries to its place goes by the
 * CSR, which keeps order and encoding: subject and names under every template, the rest under one
 * that passes the CSR on.  The API carries what the template takes from nowhere else, and what was
 * asked for over a CSR that somebody else made.  A template that is not known (NULL) is taken to
 * read the API for the latter.
 */
bool wish_goes_by_api(const struct wishes *wishes, const struct template_facts *facts,
                      enum wish_part part);

/* Does anything go through the API? */
bool wishes_need_api(const struct wishes *wishes, const struct template_facts *facts);

/* Was this part asked for by ourselves?  What a given CSR holds besides was not. */
bool wish_is_ours(const struct wishes *wishes, enum wish_part part);

struct content {
        enum source subject_from;
        enum source sans_from;
        struct usages usages;
        enum source key_usage_from;
        enum source extended_from;
        enum source policies_from;
        char **extensions; /* all others, as custom_format() writes them */
        size_t extension_count;
        size_t from_csr; /* so many of them, behind the others, come from the CSR */
};

void content_clear(struct content *content);

/*
 * What the certificate holds.
 *
 * facts   NULL, a template that is not known, gives nothing but the sources of the names
 * csr     what the request says: extensions_read() of it, or request_of_wishes()
 * issuer  or NULL; a CA that writes CRL distribution points writes over those of a request
 */
void content_make(const struct wishes *wishes, const struct template_facts *facts,
                  const struct extensions *csr, const struct issuer_facts *issuer,
                  struct content *out);

/* The extensions of the request that we make of the wishes. */
void request_of_wishes(const struct wishes *wishes, struct extensions *out);

/* The same of a request in DER; of the wishes where there is none (or it does not decode). */
void request_content(const struct wishes *wishes, struct view csr, struct extensions *out);

/* An extension that no request sets: basicConstraints and the key identifiers. */
bool extension_is_never_passed(const char *oid);

/* The OID of an extension in its normal form; the caller frees. */
char *extension_oid(const char *normal);

/* Do the contents hold all that was wished for, and is the template's kind the one wished for? */
bool content_carries(const struct wishes *wishes, const struct template_facts *facts,
                     const struct content *content);

/*
 * The smallest template that drops no wish and takes all of them, or NULL.  Smallest: its purposes
 * are nearest to those wished for, or to those of the template at hand where none were; it passes
 * on as little as it can, nothing rather than the CSR, the CSR rather than the API, one rather than
 * both; its key usages are nearest.  Of another account's CA rather one that a ready-made share
 * covers.  A leaf's template for a leaf, a CA's of the same path length for a CA.
 */
const struct template_facts *content_smallest(const struct wishes *wishes,
                                              const struct template_facts *at_hand,
                                              const struct extensions *csr,
                                              const struct issuer_facts *issuer);

#endif
