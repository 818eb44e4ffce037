/*
 * What an identity is asked about when it is checked: what it needs for its use, from the table of
 * actions, and what it should not be able to do besides.  Pure: the answers come from elsewhere
 * (AWS's simulator, or the evaluator).
 */
#ifndef IAM_POWERS_H
#define IAM_POWERS_H

#include "iam/evaluate.h"
#include "iam/write.h"

enum power_kind {
        POWER_NEEDED,
        POWER_COMFORT,   /* the use can do without */
        POWER_FORBIDDEN, /* more than the use takes */
};

struct power {
        enum power_kind kind;
        const char *action;
        char *resource;           /* an ARN, or "*" */
        char *template_arn;       /* of the request, or NULL */
        const char *what;         /* "make a certificate authority" */
        enum iam_decision answer; /* IAM_UNKNOWN until somebody knows better */
};

struct powers {
        struct power *all;
        size_t count;
};

/*
 * The questions for a wish.
 *
 * others       ARNs of other CAs that there are; one that is made up is asked about in any case
 * other_names  templates (ARNs) beside the wish's that somebody might have been given; the ones
 *              that give most away are asked about in any case
 * errors       ERROR_USAGE: as iam_write_policy()
 */
struct power_others {
        const char *const *cas;
        size_t ca_count;
        const char *const *templates;
        size_t template_count;
};

bool powers_of(const struct iam_wish *wish, const struct power_others *others, struct powers *out,
               struct error *err) MUST_CHECK;
void powers_clear(struct powers *powers);

/*
 * Judge them all by these policies.  `principal`: ARN of the user or role that has them; conditions
 * on where a request comes from are met by the wish's first address block and its second factor,
 * where it names them, and unknown where not.
 */
void powers_evaluate(struct powers *powers, const struct iam_policies *policies,
                     const char *principal, const struct iam_wish *wish);

enum power_verdict {
        VERDICT_LIMITED,      /* all that is needed, and nothing else of what was asked about */
        VERDICT_INSUFFICIENT, /* nothing else, but something that is needed is missing */
        VERDICT_TOO_POWERFUL,
        VERDICT_UNKNOWN, /* some answer is not known */
};

enum power_verdict powers_verdict(const struct powers *powers);

/* "limited", "insufficient", "too-powerful", "unknown". */
const char *power_verdict_name(enum power_verdict verdict);

#endif
