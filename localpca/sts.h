/*
 * The operations of STS.
 */
#ifndef LOCALPCA_STS_H
#define LOCALPCA_STS_H

#include "localpca/query.h"
#include "localpca/session.h"

bool sts_assume_role(struct call *call);
bool sts_assume_role_with_web_identity(struct call *call);

/* "Credentials" of an answer. */
void sts_credentials_add(cJSON *output, const struct identity *session);

/* The answer of AssumeRole and its kin; `packed` as session_policies_read() has it. */
void sts_session_answer(struct call *call, const struct identity *session,
                        const struct session_wish *wish, int64_t packed);

/* refusals: AccessDenied where a session of GetSessionToken may not call this operation */
bool sts_session_check(struct call *call) MUST_CHECK;

#endif
