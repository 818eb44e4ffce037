/*
 * IAM policy documents: what one of them says to one request, and whether it is one at all.
 *
 * Effect, Action and NotAction, Resource and NotResource, Principal and NotPrincipal, and Condition
 * with every operator of the IAM User Guide, IfExists, ForAllValues, ForAnyValue and Null.  A
 * document that came through the API has passed policy_check(), so nothing in it is unknown; in one
 * that came by --identities an operator that is not known makes its statement refuse: an Allow does
 * not match, a Deny does.
 */
#ifndef LOCALPCA_POLICY_H
#define LOCALPCA_POLICY_H

#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "localpca/context.h"

enum policy_answer { POLICY_SILENT, POLICY_ALLOWS, POLICY_DENIES };

/* How an Allow names who asks; each says more than the one before. */
enum policy_naming {
        NAMED_NOT,
        NAMED_ACCOUNT, /* the account: its own policies decide */
        NAMED_ROLE,    /* the role of a session, or everybody */
        NAMED_ITSELF,  /* user, session, service, provider */
};

/* One question; borrowed. */
struct policy_question {
        const char *action;   /* "acm-pca:IssueCertificate" */
        const char *resource; /* an ARN, or "*" */
        const struct principal *principal;
        const struct context *context;
};

/* Ask one document.  `naming` (may be NULL): the most that an Allow with a Principal named him. */
enum policy_answer policy_ask(const cJSON *document, const struct policy_question *question,
                              enum policy_naming *naming);

/* Does this operator with this key hold?  `values`: a text, number, truth value or list of them. */
enum condition_answer { CONDITION_FAILS, CONDITION_HOLDS, CONDITION_UNKNOWN };
enum condition_answer condition_ask(const char *name, const char *key, const cJSON *values,
                                    bool variables, const struct context *context);

/* Is that the name of a condition operator? */
bool condition_is_known(const char *name);

/* Every condition key that a document asks for, to `visit`. */
void policy_keys(const cJSON *document, void (*visit)(void *context, const char *key),
                 void *context);

/* What a document is for, which decides what its statements must and must not have. */
enum policy_use {
        POLICY_OF_IDENTITY, /* inline, managed, boundary, session: a Resource, no Principal */
        POLICY_OF_RESOURCE, /* both */
        POLICY_OF_TRUST,    /* a Principal, no Resource */
};

/*
 * A document from its text, or NULL with what is wrong in `why` (the sentence of
 * MalformedPolicyDocument).  The caller deletes it.
 */
cJSON *policy_check(const char *text, enum policy_use use, char **why) MUST_CHECK;

/* The characters of a document that count against IAM's limits: all but white space. */
size_t policy_size(const char *text);

#endif
