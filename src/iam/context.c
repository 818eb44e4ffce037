#include "iam/context.h"

#include <strings.h>

enum iam_truth
iam_and(enum iam_truth a, enum iam_truth b)
{
        return a < b ? a : b;
}

enum iam_truth
iam_or(enum iam_truth a, enum iam_truth b)
{
        return a > b ? a : b;
}

enum iam_truth
iam_not(enum iam_truth a)
{
        return IAM_YES - a;
}

const struct iam_key *
iam_context_find(const struct iam_context *context, const char *name)
{
        for (size_t i = 0; i < context->count; i++) {
                if (strcasecmp(context->keys[i].name, name) == 0)
                        return &context->keys[i];
        }
        return NULL;
}

enum iam_truth
iam_context_has(const struct iam_context *context, const char *name)
{
        const struct iam_key *key = iam_context_find(context, name);

        if (!key)
                return context->open ? IAM_UNSURE : IAM_NO;
        if (key->unknown)
                return IAM_UNSURE;
        return key->count ? IAM_YES : IAM_NO;
}
