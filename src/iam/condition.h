/*
 * One condition of a statement against a request: IAM's operators.  Pure.
 *
 * Positive operators hold when any value of the policy fits, negated ones when none does; a key
 * that is not in the request makes the former false and the latter true, …IfExists true, and only
 * Null asks for just that.  ForAllValues: holds for no values at all, ForAnyValue: does not.
 * (IAM User Guide, "Condition operators", "Creating a condition with multiple keys or values".)
 */
#ifndef IAM_CONDITION_H
#define IAM_CONDITION_H

#include "iam/context.h"
#include "iam/policy.h"

/* `variables`: those of the policy's version.  IAM_UNSURE where the answer cannot be known here. */
enum iam_truth condition_holds(const struct policy_condition *condition, bool variables,
                               const struct iam_context *context);

/* "203.0.113.0/24", "2001:db8::/32", or an address: what IpAddress takes. */
bool condition_is_block(const char *text);

#endif
