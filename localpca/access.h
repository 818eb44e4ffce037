/*
 * May this caller do that?  Identity policies, and resource policies across accounts.
 */
#ifndef LOCALPCA_ACCESS_H
#define LOCALPCA_ACCESS_H

#include "localpca/pca.h"

/*
 * Within an account the caller's policy decides; for a CA of another account its resource policy
 * has to allow it as well.
 * refusals: AccessDeniedException with AWS's sentence
 */
bool access_check(struct call *call) MUST_CHECK;

/* Refuse as if no policy allowed it. */
bool access_refuse(struct call *call);

/* Has the owner of this CA shared it with this caller? */
bool access_is_shared(const struct authority *authority, const struct identity *caller);

#endif
