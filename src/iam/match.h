/*
 * How IAM compares texts: wildcards, ARNs part by part, and policy variables.  Pure.
 */
#ifndef IAM_MATCH_H
#define IAM_MATCH_H

#include "base/bytes.h"
#include "iam/context.h"

/* '*' is any run of characters, '?' any one (a character, not a byte); case does not matter. */
bool match_action(const char *pattern, const char *action);

/*
 * A pattern made ready: its variables replaced by what the request says, as literal text.
 *
 * "${aws:username}", "${key, 'otherwise'}", and "${*}", "${?}", "${$}" for those characters.
 * `wildcards` says whether '*' and '?' of the pattern itself mean something; `variables` whether
 * "${" does.  IAM_NO: a key of it is not in the request, so that the pattern fits nothing;
 * IAM_UNSURE: what the key holds is not known here, or the variable is malformed.  `out` is
 * given to match_ready() and match_ready_arn(), and cleared by the caller.
 */
enum iam_truth match_prepare(const char *pattern, bool variables, bool wildcards,
                             const struct iam_context *context, struct buf *out) MUST_CHECK;

/* Does it fit the whole text?  Case matters. */
bool match_ready(const struct buf *pattern, const char *text);

/*
 * Each of the six parts of an ARN by itself, as ArnLike and ArnEquals do.  IAM_UNSURE when the
 * pattern is no ARN; IAM_NO when `text` is none.
 */
enum iam_truth match_ready_arn(const struct buf *pattern, const char *text);

#endif
