/*
 * May this caller do that?  The request's condition keys, the policies that concern it, and the
 * denial in AWS's words.
 */
#ifndef LOCALPCA_ACCESS_H
#define LOCALPCA_ACCESS_H

#include "localpca/decide.h"
#include "localpca/pca.h"

/*
 * Private CA: identity policies with their boundary and session policies, and the CA's resource
 * policy, as decide.h has it.
 * refusals: AccessDeniedException with AWS's sentence
 */
bool access_check(struct call *call) MUST_CHECK;

/*
 * IAM and STS: may the caller do `action` ("iam:CreateUser") on `resource`?
 *
 * shown     the resource as the denial names it
 * context   more condition keys; may be NULL
 * refusals  AccessDenied
 */
bool access_check_action(struct call *call, const char *action, const char *resource,
                         const char *shown, const struct context *context) MUST_CHECK;

/* What may assume a role (or tag its session): the caller's policies and the role's trust policy.
 */
struct trust_question {
        const struct record *role;
        const char *action;                /* "sts:AssumeRole" */
        const struct principal *principal; /* NULL: the caller */
        const struct context *context;     /* more condition keys; may be NULL */
};

/* refusals: AccessDenied in STS's shape */
bool access_check_trust(struct call *call, const struct trust_question *question) MUST_CHECK;

/* The same without a refusal, for whoever answers in another shape. */
bool access_is_trusted(struct call *call, const struct trust_question *question) MUST_CHECK;

/* Refuse as if no policy allowed it. */
bool access_refuse(struct call *call);

/* Has the owner of this CA shared it with this caller? */
bool access_is_shared(const struct call *call, const struct authority *authority);

/* A managed policy's document in force, AWS's or a customer's; NULL when there is none. */
const cJSON *managed_document(const struct pca *pca, const char *arn, int64_t now_ms);

/* The policies of a user or role that are in force; `identity` is freed by policies_clear(). */
void policies_of_record(const struct pca *pca, const struct record *record, int64_t now_ms,
                        struct policies *out);
void policies_clear(struct policies *policies);

#endif
