/*
 * What is wrong with wishes before anything is made or sent: what AWS Private CA refuses for
 * certain, and what is legal and hardly meant.  Pure.
 */
#ifndef ORDER_LINT_H
#define ORDER_LINT_H

#include "order/issuer.h"
#include "order/order.h"
#include "order/template.h"

/*
 * Would the request be taken?  Its size, and the limits of the API for what goes through it.
 *
 * facts   NULL: a template that is not known, or none yet
 * csr     DER, or empty: it is made from the wishes, and its size is reckoned
 * errors  ERROR_USAGE with the limit that is broken
 */
bool lint_wishes(const struct wishes *wishes, const struct template_facts *facts, struct view csr,
                 struct error *err) MUST_CHECK;

/* Append a sentence for each thing that deserves a second look. */
void lint_warnings(const struct wishes *wishes, const struct template_facts *facts, struct view csr,
                   const struct issuer_facts *issuer, char ***warnings, size_t *count);

#endif
