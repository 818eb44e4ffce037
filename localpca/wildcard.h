/*
 * How policies compare texts: '*' any run of characters, '?' any one, and ${variables}.
 */
#ifndef LOCALPCA_WILDCARD_H
#define LOCALPCA_WILDCARD_H

#include "localpca/context.h"

/* An action against a pattern; case does not matter. */
bool wildcard_action(const char *pattern, const char *action);

/*
 * A text of a policy made ready to be compared: its variables filled in as plain text, its
 * wildcards marked so that none of the plain text is taken for one.
 *
 * variables  is "${…}" one?  (documents of 2012-10-17)
 * wildcards  do '*' and '?' mean something?
 * false      a variable has no value in this request: the text fits nothing
 */
bool wildcard_prepare(const char *text, bool variables, bool wildcards,
                      const struct context *context, struct buf *out) MUST_CHECK;

/* A prepared pattern against a whole text; `fold`: case does not matter. */
bool wildcard_fits(const struct buf *pattern, const char *text, bool fold);

/* The same for ARNs: each of the six parts by itself.  What is no ARN fits nothing. */
bool wildcard_fits_arn(const struct buf *pattern, const char *arn);

#endif
