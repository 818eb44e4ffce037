/*
 * What is known about a request when policies are judged: condition keys and their values, and
 * the third answer beside yes and no.  Pure.
 */
#ifndef IAM_CONTEXT_H
#define IAM_CONTEXT_H

#include "base/bytes.h"

/* In this order: the lesser of two is "and", the greater is "or". */
enum iam_truth { IAM_NO, IAM_UNSURE, IAM_YES };

enum iam_truth iam_and(enum iam_truth a, enum iam_truth b);
enum iam_truth iam_or(enum iam_truth a, enum iam_truth b);
enum iam_truth iam_not(enum iam_truth a);

/* One condition key of the request; borrowed. */
struct iam_key {
        const char *name; /* "acm-pca:TemplateArn"; case does not matter */
        const char *const *values;
        size_t count;
        bool unknown; /* it may be there, with whatever value */
};

struct iam_context {
        const struct iam_key *keys;
        size_t count;
        bool open; /* a key that is not listed may be there all the same */
};

/* The key of that name, or NULL. */
const struct iam_key *iam_context_find(const struct iam_context *context, const char *name);

/* Is the key in the request?  IAM_UNSURE when nobody here can know. */
enum iam_truth iam_context_has(const struct iam_context *context, const char *name);

#endif
