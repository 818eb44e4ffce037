/*
 * One identity of ours at AWS IAM: a user or a role under the path /p11cert/ that bears our tag.
 * Nothing else is ever changed or deleted.
 */
#ifndef CLI_KEEPER_H
#define CLI_KEEPER_H

#include "aws/iam.h"
#include "cli/cloud.h"

#define KEEPER_PATH "/p11cert/"
#define KEEPER_TAG "p11cert"
#define KEEPER_TAG_VALUE "identity"
#define KEEPER_POLICY "p11cert" /* name of the inline policy */

struct keeper {
        struct cloud *cloud;
        const char *region; /* of the partition that is asked */
        const char *name;
        bool role;
        bool found;
        struct iam_entity entity; /* when found */
};

void keeper_clear(struct keeper *keeper);

/*
 * One call of IAM, waited for.  `form` is taken over and wiped.  `once`: it must not be sent again
 * when the answer got lost.
 */
bool keeper_call(struct keeper *keeper, const char *operation, char *form, bool once,
                 struct buf *reply, struct error *err) MUST_CHECK;

/* Was it the answer that there is no such thing? */
bool keeper_is_absent(const struct error *err);

/* Read the user, or (`role`) the role, whosever it is; `found` says whether it is there. */
bool keeper_read(struct keeper *keeper, struct error *err) MUST_CHECK;

/*
 * Look for the user, or (`role`) the role; `found` says whether it is there.
 *
 * errors  ERROR_OBJECT_EXISTS: somebody else's, without our path or our tag
 */
bool keeper_look(struct keeper *keeper, struct error *err) MUST_CHECK;

/* The user of that name, else the role; ERROR_NOTHING when there is neither. */
bool keeper_look_for_either(struct keeper *keeper, struct error *err) MUST_CHECK;

/* Make it, with path and tag at once.  `trust`: of a role. */
bool keeper_make(struct keeper *keeper, const char *trust, struct error *err) MUST_CHECK;

/* Have it bear this inline policy; `changed` tells whether that took a change. */
bool keeper_set_policy(struct keeper *keeper, const char *policy, bool *changed,
                       struct error *err) MUST_CHECK;

/* Have a role trust whom `trust` says. */
bool keeper_set_trust(struct keeper *keeper, const char *trust, bool *changed,
                      struct error *err) MUST_CHECK;

/* The names of what hangs on it: inline policies, or (`attached`) ARNs of managed ones. */
bool keeper_policies(struct keeper *keeper, bool attached, struct iam_names *out,
                     struct error *err) MUST_CHECK;

/* Policies off, then itself; what is not there any more counts as done.  Keys go before. */
bool keeper_delete(struct keeper *keeper, struct error *err) MUST_CHECK;

/* -- access keys of a user ------------------------------------------------------------------ */

bool keeper_keys(struct keeper *keeper, struct iam_keys *out, struct error *err) MUST_CHECK;
bool keeper_new_key(struct keeper *keeper, struct credentials *out, struct error *err) MUST_CHECK;

/* Inactive first, then gone. */
bool keeper_delete_key(struct keeper *keeper, const char *id, struct error *err) MUST_CHECK;

/* Has it ever been used?  True where AWS does not say. */
bool keeper_key_was_used(struct keeper *keeper, const char *id);

#endif
