/*
 * AWS STS: requests written and replies read.  No I/O.  (API version 2011-06-15, query protocol.)
 *
 * Writers return the call's parameters as a form; the caller frees, and wipes where an MFA code or
 * a web identity token is in it.  Readers take the body of a 2xx reply; anything that is not what
 * the API promises is ERROR_AWS_ANSWER.
 */
#ifndef AWS_STS_H
#define AWS_STS_H

#include "aws/credentials.h"
#include "base/bytes.h"
#include "base/err.h"

/* What inline and managed session policies may have together. */
enum { STS_POLICY_MOST = 2048 };

/* NULL and 0: not sent. */
struct sts_assume_role {
        const char *role_arn;
        const char *session_name;
        const char *external_id;
        const char *policy; /* a session policy, which cuts the role's rights; JSON */
        const char *mfa_serial;
        const char *mfa_code;
        int64_t duration_s;
};
char *sts_write_assume_role(const struct sts_assume_role *wish);

struct sts_web_identity {
        const char *role_arn;
        const char *session_name;
        const char *token;
        const char *policy;
        int64_t duration_s;
};
char *sts_write_assume_role_with_web_identity(const struct sts_web_identity *wish);

char *sts_write_get_session_token(int64_t duration_s, const char *mfa_serial, const char *mfa_code);
char *sts_write_get_access_key_info(const char *access_key_id);
/* GetCallerIdentity takes nothing: an empty body. */

/*
 * The session that AssumeRole, AssumeRoleWithWebIdentity or GetSessionToken gives; `out` has no
 * origin yet.  `arn` (may be NULL) gets that of the assumed role's session, NULL where there is
 * none; the caller frees.
 */
bool sts_read_session(struct view body, const char *operation, struct credentials *out, char **arn,
                      struct error *err) MUST_CHECK;

struct sts_identity {
        char *account;
        char *arn;
        char *user_id;
};
bool sts_read_caller_identity(struct view body, struct sts_identity *out,
                              struct error *err) MUST_CHECK;
void sts_identity_clear(struct sts_identity *identity);

/* The account that an access key id belongs to; the caller frees. */
bool sts_read_access_key_info(struct view body, char **account, struct error *err) MUST_CHECK;

/*
 * Is it the ARN of an IAM role ("arn:aws:iam::111122223333:role/path/name")?  ERROR_CONFIG with the
 * rule it breaks.
 */
bool sts_role_arn_check(const char *arn, struct error *err) MUST_CHECK;

/*
 * The role and the session's name in "arn:aws:sts::111122223333:assumed-role/ROLE/NAME"; the caller
 * frees both.  The role's path is not in it, so its ARN is that of a role without one.  False for
 * any other ARN.
 */
bool sts_session_arn_read(const char *arn, char **role_arn, char **name) MUST_CHECK;

/* What STS demands of these texts; ERROR_CONFIG. */
bool sts_session_name_check(const char *name, struct error *err) MUST_CHECK;
bool sts_external_id_check(const char *id, struct error *err) MUST_CHECK;
bool sts_mfa_code_check(const char *code, struct error *err) MUST_CHECK; /* never quoted */
bool sts_policy_check(const char *policy, struct error *err) MUST_CHECK; /* its length */

/* The Region to ask STS in when nobody named one: the partition's own, by the role's ARN. */
const char *sts_home_region(const char *role_arn);

#endif
