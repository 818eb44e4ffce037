/*
 * Temporary sessions: what STS and Roles Anywhere hand out.
 *
 * A session of a role is an identity (identity.h) with a key "ASIA…", a token, an end, the role
 * whose policies it has, and what narrows it or is known of it: session policies, principal tags,
 * condition keys.  It lies in the state, so that it survives as everything does, and it ends with
 * its role.  To hand one out: find the role (session_role()), ask its trust policy
 * (access_check_trust() or access_is_trusted() in access.h, with the service or provider as
 * principal), then session_make().
 */
#ifndef LOCALPCA_SESSION_H
#define LOCALPCA_SESSION_H

#include "localpca/pca.h"

/* What a session of a role is to be.  Borrowed; what is NULL or 0 is not there. */
struct session_wish {
        const struct record *role;
        const char *name;            /* RoleSessionName */
        int64_t duration_s;          /* checked by whoever calls, see session_duration_check() */
        const cJSON *policies;       /* a list of policy documents, as JSON, that narrow it */
        const cJSON *tags;           /* {"key":"value"}: aws:PrincipalTag/key */
        const cJSON *transitive;     /* a list of the tag keys that role chaining carries on */
        const cJSON *context;        /* {"key":"value"}: more condition keys of all its requests */
        const char *source_identity; /* aws:SourceIdentity */
};

/* The role with this ARN; NULL when there is none. */
struct record *session_role(const struct pca *pca, const char *arn);

/*
 * A new session: an identity of the state (its access key, secret, token, arn "…:assumed-role/ROLE/
 * NAME", user_id "AROA…:NAME", expires).  Borrowed until the call ends; NULL: the state failed, and
 * the call is refused.
 */
const struct identity *session_make(struct call *call, const struct session_wish *wish) MUST_CHECK;

/*
 * DurationSeconds against the role's maximum; `chained`: asked for with a role's session, so that
 * an hour is all there is.
 * refusals: ValidationError
 */
bool session_duration_check(struct call *call, const struct record *role, int64_t duration_s,
                            bool chained) MUST_CHECK;

/*
 * The session policies of a request: inline text (NULL: none) and a list of ARNs of managed ones
 * (NULL: none), as a list of documents; `*out` NULL when there are none, and `*packed` in percent
 * of what fits, tags ({"key":"value"}, NULL: none) included.  The caller deletes `*out`.
 * refusals: MalformedPolicyDocument, ValidationError, PackedPolicyTooLarge
 */
bool session_policies_read(struct call *call, const char *inline_policy, const cJSON *arns,
                           const cJSON *tags, cJSON **out, int64_t *packed) MUST_CHECK;

#endif
