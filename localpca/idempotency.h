/*
 * Idempotency tokens: the same request with the same token within the window is the same request.
 */
#ifndef LOCALPCA_IDEMPOTENCY_H
#define LOCALPCA_IDEMPOTENCY_H

#include "localpca/pca.h"

/*
 * Has this request's token been used in `scope` within the window?  Then the answer of that time
 * is put into the output as `member`, and `*repeated` is true.  The same token with other
 * parameters is refused (InvalidArgsException).
 */
bool token_answer(struct call *call, const char *scope, const char *member,
                  bool *repeated) MUST_CHECK;

/* Remember what this request, if it has a token, was answered. */
bool token_record(struct call *call, const char *scope, const char *arn) MUST_CHECK;

#endif
