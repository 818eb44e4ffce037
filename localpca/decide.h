/*
 * IAM's evaluation logic: what all policies together say to one request.
 *
 * A Deny that applies, wherever it stands, ends it.  Then there has to be an Allow in a policy of
 * the identity, in the permissions boundary and in a session policy (of those that there are), or
 * in the resource's own policy by these rules:
 *
 *   same account    naming user or session itself is enough; naming the role of a session leaves
 *                   boundary and session policies to allow as well; naming the account gives
 * nothing other account   both sides have to allow trust policy    a resource's policy that has to
 * allow in any case
 *
 * (IAM User Guide, "Policy evaluation logic".)  Written apart from the client's evaluator.
 */
#ifndef LOCALPCA_DECIDE_H
#define LOCALPCA_DECIDE_H

#include "localpca/policy.h"

/* The documents; borrowed.  What is NULL is not there, and limits nothing. */
struct policies {
        const cJSON **identity;
        size_t identity_count;
        const cJSON *boundary;
        const cJSON *session; /* a list of documents */
        const cJSON *resource;
        bool trust; /* `resource` is a role's trust policy */
};

/* Which kind of policy a decision hangs on: the one that denies, or whose Allow is missing. */
enum policy_layer { LAYER_NONE, LAYER_IDENTITY, LAYER_BOUNDARY, LAYER_SESSION, LAYER_RESOURCE };

struct decision {
        enum policy_answer answer; /* POLICY_SILENT: an implicit deny */
        enum policy_layer layer;
        bool boundary_allows; /* true without one */
};

/* `owner`: the account of the resource. */
void decide(const struct policies *policies, const struct policy_question *question,
            const char *owner, struct decision *out);

#endif
