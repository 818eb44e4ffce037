/*
 * Who AWS says we are: GetCallerIdentity, which needs no permission, and what its ARN tells.
 */
#ifndef CLI_CALLER_H
#define CLI_CALLER_H

#include "aws/client.h"
#include "aws/sts.h"

enum caller_kind {
        CALLER_USER,
        CALLER_ROLE, /* a session of one */
        CALLER_ROOT,
        CALLER_FEDERATED, /* GetFederationToken */
        CALLER_OTHER,
};

struct caller {
        struct sts_identity said;
        enum caller_kind kind;
        char *principal; /* ARN of who has the policies; a role's without its path */
        char *name;      /* of the user or the role; NULL for others */
        char *session;   /* of a role; or NULL */
};

/* Ask STS in that Region; `out` is cleared by the caller. */
bool caller_ask(struct aws_client *client, const char *region, struct caller *out,
                struct error *err) MUST_CHECK;
void caller_clear(struct caller *caller);

/* Read the ARN and user id that STS gave; takes `said` over. */
void caller_read(struct sts_identity *said, struct caller *out);

/* "user", "role session", "root", "federated user", "other". */
const char *caller_kind_name(enum caller_kind kind);

/*
 * Is this principal (an ARN, a role's with its path) the caller's?  `unique_id` (or NULL) is the
 * one that IAM gave it ("AIDA…", "AROA…"): who was deleted and made anew is another.
 */
bool caller_is(const struct caller *caller, const char *principal, const char *unique_id);

#endif
