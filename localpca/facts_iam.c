/* IAM 2010-05-08: the inputs of the operations that localpca answers. */
#include "localpca/facts_macros.h"

TEXT(role_name_type, "roleNameType", 1, 64, "[\\w+=,.@-]+");
TEXT(arn_type, "arnType", 20, 2048, NULL);
STRUCTURE(attach_role_policy_request, "AttachRolePolicyRequest",
          REQUIRED("RoleName", role_name_type), REQUIRED("PolicyArn", arn_type));
TEXT(user_name_type, "userNameType", 1, 64, "[\\w+=,.@-]+");
STRUCTURE(attach_user_policy_request, "AttachUserPolicyRequest",
          REQUIRED("UserName", user_name_type), REQUIRED("PolicyArn", arn_type));
TEXT(existing_user_name_type, "existingUserNameType", 1, 128, "[\\w+=,.@-]+");
STRUCTURE(create_access_key_request, "CreateAccessKeyRequest",
          OPTIONAL("UserName", existing_user_name_type));
TEXT(open_id_connect_provider_url_type, "OpenIDConnectProviderUrlType", 1, 255, NULL);
TEXT(client_idtype, "clientIDType", 1, 255, NULL);
LIST(client_idlist_type, "clientIDListType", 0, 0, client_idtype);
TEXT(thumbprint_type, "thumbprintType", 40, 40, NULL);
LIST(thumbprint_list_type, "thumbprintListType", 0, 0, thumbprint_type);
TEXT(tag_key_type, "tagKeyType", 1, 128, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+");
TEXT(tag_value_type, "tagValueType", 0, 256, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*");
STRUCTURE(tag, "Tag", REQUIRED("Key", tag_key_type), REQUIRED("Value", tag_value_type));
LIST(tag_list_type, "tagListType", 0, 50, tag);
STRUCTURE(create_open_id_connect_provider_request, "CreateOpenIDConnectProviderRequest",
          REQUIRED("Url", open_id_connect_provider_url_type),
          OPTIONAL("ClientIDList", client_idlist_type),
          REQUIRED("ThumbprintList", thumbprint_list_type), OPTIONAL("Tags", tag_list_type));
TEXT(policy_name_type, "policyNameType", 1, 128, "[\\w+=,.@-]+");
TEXT(policy_path_type, "policyPathType", 1, 512, "((/[A-Za-z0-9\\.,\\+@=_-]+)*)/");
TEXT(policy_document_type, "policyDocumentType", 1, 131072,
     "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+");
TEXT(policy_description_type, "policyDescriptionType", 0, 1000, NULL);
STRUCTURE(create_policy_request, "CreatePolicyRequest", REQUIRED("PolicyName", policy_name_type),
          OPTIONAL("Path", policy_path_type), REQUIRED("PolicyDocument", policy_document_type),
          OPTIONAL("Description", policy_description_type), OPTIONAL("Tags", tag_list_type));
PLAIN(boolean_type, "booleanType", SHAPE_BOOLEAN, 0, 0);
STRUCTURE(create_policy_version_request, "CreatePolicyVersionRequest",
          REQUIRED("PolicyArn", arn_type), REQUIRED("PolicyDocument", policy_document_type),
          OPTIONAL("SetAsDefault", boolean_type));
TEXT(path_type, "pathType", 1, 512, "(\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)");
TEXT(role_description_type, "roleDescriptionType", 0, 1000,
     "[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*");
PLAIN(role_max_session_duration_type, "roleMaxSessionDurationType", SHAPE_INTEGER, 3600, 43200);
STRUCTURE(create_role_request, "CreateRoleRequest", OPTIONAL("Path", path_type),
          REQUIRED("RoleName", role_name_type),
          REQUIRED("AssumeRolePolicyDocument", policy_document_type),
          OPTIONAL("Description", role_description_type),
          OPTIONAL("MaxSessionDuration", role_max_session_duration_type),
          OPTIONAL("PermissionsBoundary", arn_type), OPTIONAL("Tags", tag_list_type));
STRUCTURE(create_user_request, "CreateUserRequest", OPTIONAL("Path", path_type),
          REQUIRED("UserName", user_name_type), OPTIONAL("PermissionsBoundary", arn_type),
          OPTIONAL("Tags", tag_list_type));
TEXT(virtual_mfa_device_name, "virtualMFADeviceName", 1, 0, "[\\w+=,.@-]+");
STRUCTURE(create_virtual_mfa_device_request, "CreateVirtualMFADeviceRequest",
          OPTIONAL("Path", path_type), REQUIRED("VirtualMFADeviceName", virtual_mfa_device_name),
          OPTIONAL("Tags", tag_list_type));
TEXT(serial_number_type, "serialNumberType", 9, 256, "[\\w+=/:,.@-]+");
STRUCTURE(deactivate_mfa_device_request, "DeactivateMFADeviceRequest",
          REQUIRED("UserName", existing_user_name_type),
          REQUIRED("SerialNumber", serial_number_type));
TEXT(access_key_id_type, "accessKeyIdType", 16, 128, "[\\w]+");
STRUCTURE(delete_access_key_request, "DeleteAccessKeyRequest",
          OPTIONAL("UserName", existing_user_name_type),
          REQUIRED("AccessKeyId", access_key_id_type));
STRUCTURE(delete_open_id_connect_provider_request, "DeleteOpenIDConnectProviderRequest",
          REQUIRED("OpenIDConnectProviderArn", arn_type));
STRUCTURE(delete_policy_request, "DeletePolicyRequest", REQUIRED("PolicyArn", arn_type));
TEXT(policy_version_id_type, "policyVersionIdType", 0, 0, "v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?");
STRUCTURE(delete_policy_version_request, "DeletePolicyVersionRequest",
          REQUIRED("PolicyArn", arn_type), REQUIRED("VersionId", policy_version_id_type));
STRUCTURE(delete_role_request, "DeleteRoleRequest", REQUIRED("RoleName", role_name_type));
STRUCTURE(delete_role_permissions_boundary_request, "DeleteRolePermissionsBoundaryRequest",
          REQUIRED("RoleName", role_name_type));
STRUCTURE(delete_role_policy_request, "DeleteRolePolicyRequest",
          REQUIRED("RoleName", role_name_type), REQUIRED("PolicyName", policy_name_type));
STRUCTURE(delete_user_request, "DeleteUserRequest", REQUIRED("UserName", existing_user_name_type));
STRUCTURE(delete_user_permissions_boundary_request, "DeleteUserPermissionsBoundaryRequest",
          REQUIRED("UserName", user_name_type));
STRUCTURE(delete_user_policy_request, "DeleteUserPolicyRequest",
          REQUIRED("UserName", existing_user_name_type), REQUIRED("PolicyName", policy_name_type));
STRUCTURE(delete_virtual_mfa_device_request, "DeleteVirtualMFADeviceRequest",
          REQUIRED("SerialNumber", serial_number_type));
STRUCTURE(detach_role_policy_request, "DetachRolePolicyRequest",
          REQUIRED("RoleName", role_name_type), REQUIRED("PolicyArn", arn_type));
STRUCTURE(detach_user_policy_request, "DetachUserPolicyRequest",
          REQUIRED("UserName", user_name_type), REQUIRED("PolicyArn", arn_type));
TEXT(authentication_code_type, "authenticationCodeType", 6, 6, "[\\d]+");
STRUCTURE(enable_mfa_device_request, "EnableMFADeviceRequest",
          REQUIRED("UserName", existing_user_name_type),
          REQUIRED("SerialNumber", serial_number_type),
          REQUIRED("AuthenticationCode1", authentication_code_type),
          REQUIRED("AuthenticationCode2", authentication_code_type));
STRUCTURE(get_access_key_last_used_request, "GetAccessKeyLastUsedRequest",
          REQUIRED("AccessKeyId", access_key_id_type));
LIST(simulation_policy_list_type, "SimulationPolicyListType", 0, 0, policy_document_type);
STRUCTURE(get_context_keys_for_principal_policy_request, "GetContextKeysForPrincipalPolicyRequest",
          REQUIRED("PolicySourceArn", arn_type),
          OPTIONAL("PolicyInputList", simulation_policy_list_type));
STRUCTURE(get_open_id_connect_provider_request, "GetOpenIDConnectProviderRequest",
          REQUIRED("OpenIDConnectProviderArn", arn_type));
STRUCTURE(get_policy_request, "GetPolicyRequest", REQUIRED("PolicyArn", arn_type));
STRUCTURE(get_policy_version_request, "GetPolicyVersionRequest", REQUIRED("PolicyArn", arn_type),
          REQUIRED("VersionId", policy_version_id_type));
STRUCTURE(get_role_request, "GetRoleRequest", REQUIRED("RoleName", role_name_type));
STRUCTURE(get_role_policy_request, "GetRolePolicyRequest", REQUIRED("RoleName", role_name_type),
          REQUIRED("PolicyName", policy_name_type));
STRUCTURE(get_user_request, "GetUserRequest", OPTIONAL("UserName", existing_user_name_type));
STRUCTURE(get_user_policy_request, "GetUserPolicyRequest",
          REQUIRED("UserName", existing_user_name_type), REQUIRED("PolicyName", policy_name_type));
TEXT(marker_type, "markerType", 1, 320, "[\\u0020-\\u00FF]+");
PLAIN(max_items_type, "maxItemsType", SHAPE_INTEGER, 1, 1000);
STRUCTURE(list_access_keys_request, "ListAccessKeysRequest",
          OPTIONAL("UserName", existing_user_name_type), OPTIONAL("Marker", marker_type),
          OPTIONAL("MaxItems", max_items_type));
STRUCTURE(list_attached_role_policies_request, "ListAttachedRolePoliciesRequest",
          REQUIRED("RoleName", role_name_type), OPTIONAL("PathPrefix", policy_path_type),
          OPTIONAL("Marker", marker_type), OPTIONAL("MaxItems", max_items_type));
STRUCTURE(list_attached_user_policies_request, "ListAttachedUserPoliciesRequest",
          REQUIRED("UserName", user_name_type), OPTIONAL("PathPrefix", policy_path_type),
          OPTIONAL("Marker", marker_type), OPTIONAL("MaxItems", max_items_type));
STRUCTURE(list_groups_for_user_request, "ListGroupsForUserRequest",
          REQUIRED("UserName", existing_user_name_type), OPTIONAL("Marker", marker_type),
          OPTIONAL("MaxItems", max_items_type));
STRUCTURE(list_mfa_devices_request, "ListMFADevicesRequest",
          OPTIONAL("UserName", existing_user_name_type), OPTIONAL("Marker", marker_type),
          OPTIONAL("MaxItems", max_items_type));
static const struct shape list_open_id_connect_providers_request = {
        .name = "ListOpenIDConnectProvidersRequest", .type = SHAPE_STRUCTURE
};
ENUM(policy_scope_type, "policyScopeType", "All", "AWS", "Local");
ENUM(policy_usage_type, "PolicyUsageType", "PermissionsPolicy", "PermissionsBoundary");
STRUCTURE(list_policies_request, "ListPoliciesRequest", OPTIONAL("Scope", policy_scope_type),
          OPTIONAL("OnlyAttached", boolean_type), OPTIONAL("PathPrefix", policy_path_type),
          OPTIONAL("PolicyUsageFilter", policy_usage_type), OPTIONAL("Marker", marker_type),
          OPTIONAL("MaxItems", max_items_type));
STRUCTURE(list_policy_versions_request, "ListPolicyVersionsRequest",
          REQUIRED("PolicyArn", arn_type), OPTIONAL("Marker", marker_type),
          OPTIONAL("MaxItems", max_items_type));
STRUCTURE(list_role_policies_request, "ListRolePoliciesRequest",
          REQUIRED("RoleName", role_name_type), OPTIONAL("Marker", marker_type),
          OPTIONAL("MaxItems", max_items_type));
STRUCTURE(list_role_tags_request, "ListRoleTagsRequest", REQUIRED("RoleName", role_name_type),
          OPTIONAL("Marker", marker_type), OPTIONAL("MaxItems", max_items_type));
TEXT(path_prefix_type, "pathPrefixType", 1, 512, "\\u002F[\\u0021-\\u007F]*");
STRUCTURE(list_roles_request, "ListRolesRequest", OPTIONAL("PathPrefix", path_prefix_type),
          OPTIONAL("Marker", marker_type), OPTIONAL("MaxItems", max_items_type));
STRUCTURE(list_user_policies_request, "ListUserPoliciesRequest",
          REQUIRED("UserName", existing_user_name_type), OPTIONAL("Marker", marker_type),
          OPTIONAL("MaxItems", max_items_type));
STRUCTURE(list_user_tags_request, "ListUserTagsRequest",
          REQUIRED("UserName", existing_user_name_type), OPTIONAL("Marker", marker_type),
          OPTIONAL("MaxItems", max_items_type));
STRUCTURE(list_users_request, "ListUsersRequest", OPTIONAL("PathPrefix", path_prefix_type),
          OPTIONAL("Marker", marker_type), OPTIONAL("MaxItems", max_items_type));
STRUCTURE(put_role_permissions_boundary_request, "PutRolePermissionsBoundaryRequest",
          REQUIRED("RoleName", role_name_type), REQUIRED("PermissionsBoundary", arn_type));
STRUCTURE(put_role_policy_request, "PutRolePolicyRequest", REQUIRED("RoleName", role_name_type),
          REQUIRED("PolicyName", policy_name_type),
          REQUIRED("PolicyDocument", policy_document_type));
STRUCTURE(put_user_permissions_boundary_request, "PutUserPermissionsBoundaryRequest",
          REQUIRED("UserName", user_name_type), REQUIRED("PermissionsBoundary", arn_type));
STRUCTURE(put_user_policy_request, "PutUserPolicyRequest",
          REQUIRED("UserName", existing_user_name_type), REQUIRED("PolicyName", policy_name_type),
          REQUIRED("PolicyDocument", policy_document_type));
STRUCTURE(ordered_organization_policy_type, "OrderedOrganizationPolicyType",
          OPTIONAL("ServiceControlPolicyInputList", simulation_policy_list_type));
LIST(organization_policy_list_type, "OrganizationPolicyListType", 0, 7,
     ordered_organization_policy_type);
TEXT(action_name_type, "ActionNameType", 3, 128, NULL);
LIST(action_name_list_type, "ActionNameListType", 0, 0, action_name_type);
TEXT(resource_name_type, "ResourceNameType", 1, 2048, NULL);
LIST(resource_name_list_type, "ResourceNameListType", 0, 0, resource_name_type);
TEXT(context_key_name_type, "ContextKeyNameType", 5, 256, NULL);
TEXT(context_key_value_type, "ContextKeyValueType", 0, 0, NULL);
LIST(context_key_value_list_type, "ContextKeyValueListType", 0, 0, context_key_value_type);
ENUM(context_key_type_enum, "ContextKeyTypeEnum", "string", "stringList", "numeric", "numericList",
     "boolean", "booleanList", "ip", "ipList", "binary", "binaryList", "date", "dateList");
STRUCTURE(context_entry, "ContextEntry", OPTIONAL("ContextKeyName", context_key_name_type),
          OPTIONAL("ContextKeyValues", context_key_value_list_type),
          OPTIONAL("ContextKeyType", context_key_type_enum));
LIST(context_entry_list_type, "ContextEntryListType", 0, 0, context_entry);
TEXT(resource_handling_option_type, "ResourceHandlingOptionType", 1, 64, NULL);
STRUCTURE(simulate_custom_policy_request, "SimulateCustomPolicyRequest",
          REQUIRED("PolicyInputList", simulation_policy_list_type),
          OPTIONAL("PermissionsBoundaryPolicyInputList", simulation_policy_list_type),
          OPTIONAL("OrderedOrganizationPolicyInputList", organization_policy_list_type),
          REQUIRED("ActionNames", action_name_list_type),
          OPTIONAL("ResourceArns", resource_name_list_type),
          OPTIONAL("ResourcePolicy", policy_document_type),
          OPTIONAL("ResourceOwner", resource_name_type), OPTIONAL("CallerArn", resource_name_type),
          OPTIONAL("ContextEntries", context_entry_list_type),
          OPTIONAL("ResourceHandlingOption", resource_handling_option_type),
          OPTIONAL("MaxItems", max_items_type), OPTIONAL("Marker", marker_type));
ENUM(policy_identifier_policy_type, "PolicyIdentifierPolicyType", "inline", "aws-managed",
     "user-managed", "permission-boundary", "scp", "rcp");
ENUM(attachment_type, "AttachmentType", "user", "group", "role");
TEXT(attachment_name, "AttachmentName", 1, 128, "[\\w+=,.@-]+");
STRUCTURE(inline_policy_identifier_type, "InlinePolicyIdentifierType",
          REQUIRED("PolicyName", policy_name_type), REQUIRED("AttachmentType", attachment_type),
          REQUIRED("AttachmentName", attachment_name));
STRUCTURE(policy_identifier, "PolicyIdentifier",
          OPTIONAL("PolicyType", policy_identifier_policy_type), OPTIONAL("PolicyArn", arn_type),
          OPTIONAL("InlinePolicyIdentifier", inline_policy_identifier_type));
LIST(policy_exclusions_list_type, "PolicyExclusionsListType", 0, 256, policy_identifier);
STRUCTURE(simulate_principal_policy_request, "SimulatePrincipalPolicyRequest",
          REQUIRED("PolicySourceArn", arn_type),
          OPTIONAL("PolicyInputList", simulation_policy_list_type),
          OPTIONAL("PermissionsBoundaryPolicyInputList", simulation_policy_list_type),
          OPTIONAL("PolicyExclusionList", policy_exclusions_list_type),
          REQUIRED("ActionNames", action_name_list_type),
          OPTIONAL("ResourceArns", resource_name_list_type),
          OPTIONAL("ResourcePolicy", policy_document_type),
          OPTIONAL("ResourceOwner", resource_name_type), OPTIONAL("CallerArn", resource_name_type),
          OPTIONAL("ContextEntries", context_entry_list_type),
          OPTIONAL("ResourceHandlingOption", resource_handling_option_type),
          OPTIONAL("MaxItems", max_items_type), OPTIONAL("Marker", marker_type));
STRUCTURE(tag_role_request, "TagRoleRequest", REQUIRED("RoleName", role_name_type),
          REQUIRED("Tags", tag_list_type));
STRUCTURE(tag_user_request, "TagUserRequest", REQUIRED("UserName", existing_user_name_type),
          REQUIRED("Tags", tag_list_type));
LIST(tag_key_list_type, "tagKeyListType", 0, 50, tag_key_type);
STRUCTURE(untag_role_request, "UntagRoleRequest", REQUIRED("RoleName", role_name_type),
          REQUIRED("TagKeys", tag_key_list_type));
STRUCTURE(untag_user_request, "UntagUserRequest", REQUIRED("UserName", existing_user_name_type),
          REQUIRED("TagKeys", tag_key_list_type));
ENUM(status_type, "statusType", "Active", "Inactive", "Expired");
STRUCTURE(update_access_key_request, "UpdateAccessKeyRequest",
          OPTIONAL("UserName", existing_user_name_type),
          REQUIRED("AccessKeyId", access_key_id_type), REQUIRED("Status", status_type));
STRUCTURE(update_assume_role_policy_request, "UpdateAssumeRolePolicyRequest",
          REQUIRED("RoleName", role_name_type), REQUIRED("PolicyDocument", policy_document_type));
STRUCTURE(update_role_request, "UpdateRoleRequest", REQUIRED("RoleName", role_name_type),
          OPTIONAL("Description", role_description_type),
          OPTIONAL("MaxSessionDuration", role_max_session_duration_type));

const struct facts_operation facts_iam[] = {
        { "AttachRolePolicy", &attach_role_policy_request },
        { "AttachUserPolicy", &attach_user_policy_request },
        { "CreateAccessKey", &create_access_key_request },
        { "CreateOpenIDConnectProvider", &create_open_id_connect_provider_request },
        { "CreatePolicy", &create_policy_request },
        { "CreatePolicyVersion", &create_policy_version_request },
        { "CreateRole", &create_role_request },
        { "CreateUser", &create_user_request },
        { "CreateVirtualMFADevice", &create_virtual_mfa_device_request },
        { "DeactivateMFADevice", &deactivate_mfa_device_request },
        { "DeleteAccessKey", &delete_access_key_request },
        { "DeleteOpenIDConnectProvider", &delete_open_id_connect_provider_request },
        { "DeletePolicy", &delete_policy_request },
        { "DeletePolicyVersion", &delete_policy_version_request },
        { "DeleteRole", &delete_role_request },
        { "DeleteRolePermissionsBoundary", &delete_role_permissions_boundary_request },
        { "DeleteRolePolicy", &delete_role_policy_request },
        { "DeleteUser", &delete_user_request },
        { "DeleteUserPermissionsBoundary", &delete_user_permissions_boundary_request },
        { "DeleteUserPolicy", &delete_user_policy_request },
        { "DeleteVirtualMFADevice", &delete_virtual_mfa_device_request },
        { "DetachRolePolicy", &detach_role_policy_request },
        { "DetachUserPolicy", &detach_user_policy_request },
        { "EnableMFADevice", &enable_mfa_device_request },
        { "GetAccessKeyLastUsed", &get_access_key_last_used_request },
        { "GetContextKeysForPrincipalPolicy", &get_context_keys_for_principal_policy_request },
        { "GetOpenIDConnectProvider", &get_open_id_connect_provider_request },
        { "GetPolicy", &get_policy_request },
        { "GetPolicyVersion", &get_policy_version_request },
        { "GetRole", &get_role_request },
        { "GetRolePolicy", &get_role_policy_request },
        { "GetUser", &get_user_request },
        { "GetUserPolicy", &get_user_policy_request },
        { "ListAccessKeys", &list_access_keys_request },
        { "ListAttachedRolePolicies", &list_attached_role_policies_request },
        { "ListAttachedUserPolicies", &list_attached_user_policies_request },
        { "ListGroupsForUser", &list_groups_for_user_request },
        { "ListMFADevices", &list_mfa_devices_request },
        { "ListOpenIDConnectProviders", &list_open_id_connect_providers_request },
        { "ListPolicies", &list_policies_request },
        { "ListPolicyVersions", &list_policy_versions_request },
        { "ListRolePolicies", &list_role_policies_request },
        { "ListRoleTags", &list_role_tags_request },
        { "ListRoles", &list_roles_request },
        { "ListUserPolicies", &list_user_policies_request },
        { "ListUserTags", &list_user_tags_request },
        { "ListUsers", &list_users_request },
        { "PutRolePermissionsBoundary", &put_role_permissions_boundary_request },
        { "PutRolePolicy", &put_role_policy_request },
        { "PutUserPermissionsBoundary", &put_user_permissions_boundary_request },
        { "PutUserPolicy", &put_user_policy_request },
        { "SimulateCustomPolicy", &simulate_custom_policy_request },
        { "SimulatePrincipalPolicy", &simulate_principal_policy_request },
        { "TagRole", &tag_role_request },
        { "TagUser", &tag_user_request },
        { "UntagRole", &untag_role_request },
        { "UntagUser", &untag_user_request },
        { "UpdateAccessKey", &update_access_key_request },
        { "UpdateAssumeRolePolicy", &update_assume_role_policy_request },
        { "UpdateRole", &update_role_request },
        { 0 },
};
