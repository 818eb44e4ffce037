/*
 * A user or a role that is checked: what IAM tells about it, and the documents of all its policies,
 * as far as whoever asks may read them.
 */
#ifndef CLI_PRINCIPAL_H
#define CLI_PRINCIPAL_H

#include "cli/keeper.h"
#include "iam/policy.h"

struct principal {
        struct keeper keeper; /* for calls; `entity` as far as it could be read */
        char *arn;
        struct policy *policies; /* inline, attached, and those of groups */
        size_t count;
        struct policy boundary;
        bool bounded;
        bool complete;        /* these are all of them */
        struct error why;     /* where not: what was in the way */
        struct buf documents; /* their texts, one behind the other, for a digest */
        struct iam_keys keys; /* its access keys, where they could be read */
};

/*
 * Read what can be read of `named`: an ARN of a user or a role, or the name of one (a user first).
 * What is denied only leaves things out.
 *
 * errors  ERROR_USAGE: not such an ARN; ERROR_NOTHING: there is none of that name; network
 */
bool principal_read(struct cloud *cloud, const char *region, const char *named,
                    struct principal *out, struct error *err) MUST_CHECK;
void principal_clear(struct principal *principal);

/* Read a document that a file holds, and add it; ERROR_INPUT. */
bool principal_add_file(struct principal *principal, const char *path,
                        struct error *err) MUST_CHECK;

/* SHA-256 of the documents, in hex; NULL where they are not complete.  The caller frees. */
char *principal_digest(const struct principal *principal);

#endif
