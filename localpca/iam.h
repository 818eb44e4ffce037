/*
 * The operations of IAM: users, roles, access keys, policies, MFA devices, identity providers, and
 * the simulator.  What they keep is in records.h and identity.h.
 */
#ifndef LOCALPCA_IAM_H
#define LOCALPCA_IAM_H

#include "localpca/context.h"
#include "localpca/query.h"

/* -- what they share (iam.c) -------------------------------------------------------------- */

/*
 * May the caller do this operation on `resource`?  Every IAM operation asks this first.
 * `shown`: as the denial names it; NULL: the resource.  `more`: condition keys; may be NULL.
 * refusals: AccessDenied, and InvalidClientTokenId for a user's session without a second factor
 */
bool iam_may(struct call *call, const char *resource, const char *shown,
             const struct context *more) MUST_CHECK;

/* "arn:aws:iam::ACCOUNT:user/p11cert/name" of the caller's account; the caller frees. */
char *iam_arn(const struct call *call, const char *type, const char *path, const char *name);

/*
 * The user or role that UserName or RoleName names (without a name: the caller himself), once the
 * caller may do this operation on it.
 * refusals: those of iam_may(), NoSuchEntity, ValidationError
 */
struct record *iam_holder(struct call *call, const struct context *more);

/* "user" or "role". */
const char *iam_word(const struct record *record);

/* Change a record for good. */
bool iam_save(struct call *call, struct record *record);

/*
 * A page of a list by Marker and MaxItems, 100 unless told: the rest of `all`, which is consumed,
 * as `member`, with IsTruncated.
 * refusals: InvalidInput for a marker that is none
 */
bool iam_page(struct call *call, const char *member, cJSON *all);

/* Percent-encoded as IAM answers documents (RFC 3986); the caller frees. */
char *iam_encoded(const char *text);

/* Add a time as IAM writes it. */
void iam_add_time(cJSON *object, const char *name, int64_t when);

/* Tags: what the input has into a record's {"key":"value"}; out again as a list. */
bool iam_tags_take(struct call *call, cJSON *json);
void iam_tags_add(cJSON *object, const cJSON *json);
void iam_tags_context(const struct call *call, struct context *context);

/* PermissionsBoundary of an answer, if the record has one. */
void iam_boundary_add(cJSON *object, const cJSON *json);

/* Is there a managed policy with this ARN?  refusals: NoSuchEntity */
bool iam_managed_check(struct call *call, const char *arn) MUST_CHECK;

/* -- operations --------------------------------------------------------------------------- */

bool iam_create_user(struct call *call);
bool iam_get_user(struct call *call);
bool iam_list_users(struct call *call);
bool iam_delete_user(struct call *call);
bool iam_list_groups_for_user(struct call *call);

bool iam_create_role(struct call *call);
bool iam_get_role(struct call *call);
bool iam_list_roles(struct call *call);
bool iam_delete_role(struct call *call);
bool iam_update_role(struct call *call);
bool iam_update_assume_role_policy(struct call *call);

/* Of users and roles alike. */
bool iam_tag(struct call *call);
bool iam_untag(struct call *call);
bool iam_list_tags(struct call *call);
bool iam_put_boundary(struct call *call);
bool iam_delete_boundary(struct call *call);
bool iam_put_inline(struct call *call);
bool iam_get_inline(struct call *call);
bool iam_delete_inline(struct call *call);
bool iam_list_inline(struct call *call);
bool iam_attach(struct call *call);
bool iam_detach(struct call *call);
bool iam_list_attached(struct call *call);

bool iam_create_access_key(struct call *call);
bool iam_list_access_keys(struct call *call);
bool iam_update_access_key(struct call *call);
bool iam_delete_access_key(struct call *call);
bool iam_get_access_key_last_used(struct call *call);

bool iam_create_policy(struct call *call);
bool iam_get_policy(struct call *call);
bool iam_list_policies(struct call *call);
bool iam_delete_policy(struct call *call);
bool iam_create_policy_version(struct call *call);
bool iam_get_policy_version(struct call *call);
bool iam_list_policy_versions(struct call *call);
bool iam_delete_policy_version(struct call *call);

bool iam_create_virtual_mfa_device(struct call *call);
bool iam_enable_mfa_device(struct call *call);
bool iam_deactivate_mfa_device(struct call *call);
bool iam_delete_virtual_mfa_device(struct call *call);
bool iam_list_mfa_devices(struct call *call);

bool iam_create_provider(struct call *call);
bool iam_get_provider(struct call *call);
bool iam_list_providers(struct call *call);
bool iam_delete_provider(struct call *call);

bool iam_simulate_principal_policy(struct call *call);
bool iam_simulate_custom_policy(struct call *call);
bool iam_get_context_keys(struct call *call);

#endif
