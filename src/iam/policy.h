/*
 * IAM policy documents: JSON read into a struct, every statement checked, nothing judged.  Pure.
 *
 * A document is hostile until it is read: its size, its depth, the number of its statements and of
 * their values are bounded, a member that this reader does not know is an error (a misspelt
 * "Condition" must not read as "none"), and so is a member that stands there twice.  An operator
 * that it does not know is kept and marked, since whoever judges has to say `unknown` then.
 * (IAM User Guide, "Grammar of the IAM JSON policy language".)
 */
#ifndef IAM_POLICY_H
#define IAM_POLICY_H

#include "base/bytes.h"
#include "base/err.h"

/* Bounds of what is read. */
enum {
        POLICY_MOST_BYTES = 131072, /* IAM's own for a document */
        POLICY_MOST_STATEMENTS = 512,
        POLICY_MOST_VALUES = 4096, /* in one list */
        POLICY_MOST_TEXT = 2048,   /* bytes of one value */
        POLICY_MOST_DEPTH = 8,     /* of nesting; a policy needs six */
};

/* What a document is attached to, which decides what its statements must and may not have. */
enum policy_kind {
        POLICY_OF_IDENTITY, /* user, role, boundary, session: a Resource, no Principal */
        POLICY_OF_RESOURCE, /* a CA: a Principal and a Resource */
        POLICY_OF_TRUST,    /* who may assume a role: a Principal, no Resource */
};

enum policy_effect { POLICY_ALLOW, POLICY_DENY };

/* Texts of its own. */
struct policy_list {
        char **items;
        size_t count;
};

enum policy_operator {
        OPERATOR_UNKNOWN, /* not one that this reader knows */
        OPERATOR_STRING_EQUALS,
        OPERATOR_STRING_EQUALS_IGNORE_CASE,
        OPERATOR_STRING_LIKE,
        OPERATOR_ARN_LIKE, /* ArnEquals is the same */
        OPERATOR_NUMERIC_EQUALS,
        OPERATOR_NUMERIC_LESS,
        OPERATOR_NUMERIC_LESS_EQUALS,
        OPERATOR_NUMERIC_GREATER,
        OPERATOR_NUMERIC_GREATER_EQUALS,
        OPERATOR_DATE_EQUALS,
        OPERATOR_DATE_LESS,
        OPERATOR_DATE_LESS_EQUALS,
        OPERATOR_DATE_GREATER,
        OPERATOR_DATE_GREATER_EQUALS,
        OPERATOR_BOOL,
        OPERATOR_IP_ADDRESS,
        OPERATOR_NULL,
};

enum policy_quantifier { FOR_THE_VALUE, FOR_ALL_VALUES, FOR_ANY_VALUE };

/* One key under one operator: {"StringNotLikeIfExists": {"key": [values]}}. */
struct policy_condition {
        char *written; /* the operator as it stands there */
        enum policy_operator operation;
        bool negated;   /* …Not… */
        bool if_exists; /* …IfExists */
        enum policy_quantifier quantifier;
        char *key;
        struct policy_list values;
};

/* A principal: type "AWS", "Service", "Federated" or "CanonicalUser", and who; or "*" of both. */
struct policy_principal {
        char *type;
        char *who;
};

struct policy_statement {
        size_t number; /* from 1 */
        char *sid;     /* or NULL */
        enum policy_effect effect;
        bool not_action;
        struct policy_list actions;
        bool not_resource;
        struct policy_list resources; /* empty in a trust policy */
        bool not_principal;
        struct policy_principal *principals;
        size_t principal_count;
        struct policy_condition *conditions;
        size_t condition_count;
};

struct policy {
        enum policy_kind kind;
        char *name;     /* for people: "user policy 'issuer'" */
        bool variables; /* "2012-10-17": ${…} is a variable */
        struct policy_statement *statements;
        size_t count;
};

/*
 * Read a document.  `name` says which it is, in errors and answers.
 *
 * errors  ERROR_INPUT; the object it concerns names policy and statement
 */
bool policy_read(enum policy_kind kind, const char *name, struct view document, struct policy *out,
                 struct error *err) MUST_CHECK;

void policy_clear(struct policy *policy); /* may be called twice */

/* "statement 2 (Sid 'ReadBack') of user policy 'issuer'"; the caller frees. */
char *policy_statement_name(const struct policy *policy, const struct policy_statement *statement);

#endif
