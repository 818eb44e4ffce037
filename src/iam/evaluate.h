/*
 * The offline evaluator: what do these policies say to this request?  Nothing is asked of AWS and
 * nothing is tried.  Pure.
 *
 * IAM's order: a Deny that applies, in whatever policy, ends it.  Then the request needs an Allow
 * in an identity policy *and* in the permissions boundary *and* in a session policy (of those that
 * there are), or an Allow in the resource's own policy, by these rules:
 *
 *   same account   the resource's policy alone is enough when it names the user or the session;
 *                  when it names the role, boundary and session policies still have to allow; when
 *                  it names the account, nothing is gained: the account's own policies decide
 *   other account  both sides have to allow
 *   role trust     as a resource, but its policy has to allow in any case
 *
 * What cannot be known here (an operator, a key's value, a kind of principal that this evaluator
 * does not understand) is never guessed: the answer is `unknown` whenever it could turn the
 * decision.  Service control policies and VPC endpoint policies are not known here; they can only
 * take away.  (IAM User Guide, "Policy evaluation logic".)
 */
#ifndef IAM_EVALUATE_H
#define IAM_EVALUATE_H

#include "iam/context.h"
#include "iam/policy.h"

enum iam_decision { IAM_ALLOWED, IAM_IMPLICIT_DENY, IAM_EXPLICIT_DENY, IAM_UNKNOWN };

/* Which policies; borrowed.  A boundary or session policies that are not there limit nothing. */
struct iam_policies {
        const struct policy *identity;
        size_t identity_count;
        const struct policy *boundary; /* or NULL */
        const struct policy *session;
        size_t session_count;
        const struct policy *resource; /* the resource's own, or a role's trust policy; or NULL */
};

/*
 * Who asks for what; borrowed.
 *
 * principal       an ARN: a user, a role session (sts … assumed-role/ROLE/NAME), the account's
 *                 root, an identity provider; or a service ("rolesanywhere.amazonaws.com")
 * role            of a session: the role's own ARN, which a session's does not tell (its path);
 *                 or NULL
 * owner           account of the resource where its ARN names none; or NULL
 * context         condition keys.  aws:PrincipalArn, aws:PrincipalAccount, aws:PrincipalType,
 *                 aws:username and aws:ResourceAccount are added where they are not listed
 */
struct iam_request {
        const char *action;
        const char *resource;
        const char *principal;
        const char *role;
        const char *owner;
        struct iam_context context;
};

enum iam_layer {
        IAM_LAYER_NONE,
        IAM_LAYER_IDENTITY,
        IAM_LAYER_BOUNDARY,
        IAM_LAYER_SESSION,
        IAM_LAYER_RESOURCE,
        IAM_LAYERS,
};

/*
 * The decision and what it hangs on: the Allow, the Deny, the statement that is not understood, or
 * (implicit deny) the layer whose Allow is missing.  `policy` and `statement` point into what was
 * given, NULL where there is none to show.
 */
struct iam_answer {
        enum iam_decision decision;
        enum iam_layer layer;
        const struct policy *policy;
        const struct policy_statement *statement;
};

void iam_evaluate(const struct iam_policies *policies, const struct iam_request *request,
                  struct iam_answer *out);

/* "allowed", "implicit deny", "explicit deny", "unknown". */
const char *iam_decision_name(enum iam_decision decision);

/* A sentence: "explicitly denied by statement 2 of user policy 'issuer'"; the caller frees. */
char *iam_answer_text(const struct iam_answer *answer);

#endif
