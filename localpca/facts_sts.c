/* STS 2011-06-15: the inputs of the operations that localpca answers. */
#include "localpca/facts_macros.h"

TEXT(arn_type, "arnType", 20, 2048,
     "[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u0085\\u00A0-\\uD7FF\\uE000-\\uFFFD\\u10000-\\u10FFFF]"
     "+");
TEXT(role_session_name_type, "roleSessionNameType", 2, 64, "[\\w+=,.@-]*");
STRUCTURE(policy_descriptor_type, "PolicyDescriptorType", OPTIONAL("arn", arn_type));
LIST(policy_descriptor_list_type, "policyDescriptorListType", 0, 0, policy_descriptor_type);
TEXT(unrestricted_session_policy_document_type, "unrestrictedSessionPolicyDocumentType", 1, 0,
     "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+");
PLAIN(role_duration_seconds_type, "roleDurationSecondsType", SHAPE_INTEGER, 900, 43200);
TEXT(tag_key_type, "tagKeyType", 1, 128, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+");
TEXT(tag_value_type, "tagValueType", 0, 256, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*");
STRUCTURE(tag, "Tag", REQUIRED("Key", tag_key_type), REQUIRED("Value", tag_value_type));
LIST(tag_list_type, "tagListType", 0, 50, tag);
LIST(tag_key_list_type, "tagKeyListType", 0, 50, tag_key_type);
TEXT(external_id_type, "externalIdType", 2, 1224, "[\\w+=,.@:\\/-]*");
TEXT(serial_number_type, "serialNumberType", 9, 256, "[\\w+=/:,.@-]*");
TEXT(token_code_type, "tokenCodeType", 6, 6, "[\\d]*");
TEXT(source_identity_type, "sourceIdentityType", 2, 64, "[\\w+=,.@-]*");
TEXT(context_assertion_type, "contextAssertionType", 4, 2048, NULL);
STRUCTURE(provided_context, "ProvidedContext", OPTIONAL("ProviderArn", arn_type),
          OPTIONAL("ContextAssertion", context_assertion_type));
LIST(provided_contexts_list_type, "ProvidedContextsListType", 1, 5, provided_context);
STRUCTURE(assume_role_request, "AssumeRoleRequest", REQUIRED("RoleArn", arn_type),
          REQUIRED("RoleSessionName", role_session_name_type),
          OPTIONAL("PolicyArns", policy_descriptor_list_type),
          OPTIONAL("Policy", unrestricted_session_policy_document_type),
          OPTIONAL("DurationSeconds", role_duration_seconds_type), OPTIONAL("Tags", tag_list_type),
          OPTIONAL("TransitiveTagKeys", tag_key_list_type),
          OPTIONAL("ExternalId", external_id_type), OPTIONAL("SerialNumber", serial_number_type),
          OPTIONAL("TokenCode", token_code_type), OPTIONAL("SourceIdentity", source_identity_type),
          OPTIONAL("ProvidedContexts", provided_contexts_list_type));
TEXT(client_token_type, "clientTokenType", 4, 20000, NULL);
TEXT(url_type, "urlType", 4, 2048, NULL);
TEXT(session_policy_document_type, "sessionPolicyDocumentType", 1, 2048,
     "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+");
STRUCTURE(assume_role_with_web_identity_request, "AssumeRoleWithWebIdentityRequest",
          REQUIRED("RoleArn", arn_type), REQUIRED("RoleSessionName", role_session_name_type),
          REQUIRED("WebIdentityToken", client_token_type), OPTIONAL("ProviderId", url_type),
          OPTIONAL("PolicyArns", policy_descriptor_list_type),
          OPTIONAL("Policy", session_policy_document_type),
          OPTIONAL("DurationSeconds", role_duration_seconds_type));
TEXT(access_key_id_type, "accessKeyIdType", 16, 128, "[\\w]*");
STRUCTURE(get_access_key_info_request, "GetAccessKeyInfoRequest",
          REQUIRED("AccessKeyId", access_key_id_type));
static const struct shape get_caller_identity_request = { .name = "GetCallerIdentityRequest",
                                                          .type = SHAPE_STRUCTURE };
PLAIN(duration_seconds_type, "durationSecondsType", SHAPE_INTEGER, 900, 129600);
STRUCTURE(get_session_token_request, "GetSessionTokenRequest",
          OPTIONAL("DurationSeconds", duration_seconds_type),
          OPTIONAL("SerialNumber", serial_number_type), OPTIONAL("TokenCode", token_code_type));

const struct facts_operation facts_sts[] = {
        { "AssumeRole", &assume_role_request },
        { "AssumeRoleWithWebIdentity", &assume_role_with_web_identity_request },
        { "GetAccessKeyInfo", &get_access_key_info_request },
        { "GetCallerIdentity", &get_caller_identity_request },
        { "GetSessionToken", &get_session_token_request },
        { 0 },
};
