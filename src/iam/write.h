/*
 * IAM policies written from the table of actions (iam/actions.h): the smallest one for a use, the
 * session policy that narrows to it, trust policies for roles, and the single statement that was
 * missing when AWS denied.  Pure.
 *
 * The same wish gives the same bytes.  Nothing is written from a text that could end a JSON string
 * or mean more than it says: ARNs, names and address blocks are checked, and a '*', '?' or "${" in
 * one of them is refused.
 */
#ifndef IAM_WRITE_H
#define IAM_WRITE_H

#include "base/bytes.h"
#include "base/err.h"
#include "iam/actions.h"

/* Where a policy is going to be put, which bounds its length. */
enum iam_place {
        PLACE_SESSION, /* 2,048 characters, blanks counted, together with others of the session */
        PLACE_USER,    /* 2,048 without blanks, all inline policies of the user together */
        PLACE_ROLE,    /* 10,240 without blanks, as before */
        PLACE_MANAGED, /* 6,144 without blanks */
        PLACE_TRUST,   /* 2,048 without blanks, the quota as it is unless it was raised */
        IAM_PLACES,
};

/* What a policy is wanted for; borrowed. */
struct iam_wish {
        enum iam_use use;
        const char *const *cas; /* ARNs, of one partition; needed where the use has one */
        size_t ca_count;
        const char *const *templates; /* ARNs, or names with their version; for issue and renew */
        size_t template_count;
        const char *role_name;      /* connector: the role of the same name in every account */
        const char *account;        /* identity, connector: 12 digits; a CA's is taken otherwise */
        const char *partition;      /* where there is no CA; NULL is "aws" */
        bool strict;                /* leave out what is only a comfort */
        const char *const *sources; /* address blocks that requests have to come from */
        size_t source_count;
        bool mfa; /* only with a second factor */
};

/*
 * Write the policy; minified or, for people, indented.  The caller frees `json`.
 *
 * errors  ERROR_USAGE: something is missing, malformed or of another partition; ERROR_NOTHING: the
 *         use needs no permission
 */
bool iam_write_policy(const struct iam_wish *wish, bool pretty, char **json,
                      struct error *err) MUST_CHECK;

/* What cuts a session to the wish, of whatever length: minified, without names of statements. */
bool iam_write_cut(const struct iam_wish *wish, char **json, struct error *err) MUST_CHECK;

/* What cuts a session to nothing at all. */
extern const char iam_cut_to_nothing[];

/*
 * Write the session policy that cuts a session to the wish: minified, without names of statements,
 * and refused above 2,048 characters, before AWS refuses it.
 */
bool iam_write_session(const struct iam_wish *wish, char **json, struct error *err) MUST_CHECK;

/*
 * The one statement that allows `action` on `resource`, minified: what a denied caller has added.
 * `template_arn` (or NULL) is bound to where the table says that the action takes it.  False, with
 * `out` untouched, when one of them cannot stand in a policy.
 */
bool iam_write_statement(const char *action, const char *resource, const char *template_arn,
                         struct buf *out) MUST_CHECK;

/* Who may assume a role; borrowed. */
struct iam_trust {
        const char
                *principal; /* ARN of a user or role, or of an account's root; or its 12 digits */
        const char *partition;   /* for those; NULL is "aws" */
        const char *external_id; /* or NULL */
        bool mfa;
};

bool iam_write_trust(const struct iam_trust *trust, bool pretty, char **json,
                     struct error *err) MUST_CHECK;

/*
 * The trust policy of a role for Roles Anywhere: certificates of this trust anchor (ARN), with one
 * of these common names.  Both are required: without the former any anchor of the account would
 * do, without the latter any certificate of the anchor.
 */
bool iam_write_trust_anywhere(const char *anchor, const char *const *names, size_t name_count,
                              bool pretty, char **json, struct error *err) MUST_CHECK;

/* Characters of a policy as AWS counts them in that place. */
size_t iam_policy_length(enum iam_place place, const char *json);

/* ERROR_INPUT when it does not fit there, with what it has and what it may have. */
bool iam_policy_fits(enum iam_place place, const char *json, struct error *err) MUST_CHECK;

/*
 * The limits of the policy in words, one a line: what it cannot keep the identity from.  Never
 * empty for a use that issues.
 */
void iam_limits(const struct iam_wish *wish, struct buf *out);

#endif
