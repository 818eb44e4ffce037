/*
 * IAM policies, as far as Private CA can be reached by them: may this principal do that?
 *
 * Effect, Action and NotAction, Resource and NotResource with IAM's wildcards ('*' any run of
 * characters, '?' any one), Principal, and the Condition operators of strings and ARNs with
 * IfExists and Null.  An operator that is not known makes its statement refuse: an Allow does not
 * match, a Deny does.
 */
#ifndef LOCALPCA_POLICY_H
#define LOCALPCA_POLICY_H

#include <cjson/cJSON.h>

#include "base/bytes.h"

enum policy_answer { POLICY_SILENT, POLICY_ALLOWS, POLICY_DENIES };

/* One question.  What is NULL is not present. */
struct policy_question {
        const char *action;            /* "acm-pca:IssueCertificate" */
        const char *resource;          /* the CA's ARN, or "*" */
        const char *template_arn;      /* the condition key acm-pca:TemplateArn */
        const char *principal_account; /* who asks: a Principal element has to name him */
        const char *principal_arn;
        const char *organization; /* the condition key aws:PrincipalOrgID */
};

/* Ask one policy document. */
enum policy_answer policy_ask(const cJSON *document, const struct policy_question *question);

#endif
