/*
 * Roles Anywhere 2018-05-10: the inputs of the operations that localpca answers.  CreateSession is
 * in no published model; its form is that of the open-source credential helper.
 */
#include "localpca/facts_macros.h"

PLAIN(boolean, "Boolean", SHAPE_BOOLEAN, 0, 0);
PLAIN(integer, "Integer", SHAPE_INTEGER, 0, 0);
TEXT(string, "String", 0, 0, NULL);
TEXT(resource_name, "ResourceName", 1, 255, "[ a-zA-Z0-9-_]*");
TEXT(uuid, "Uuid", 36, 36, "[a-f0-9]{8}-([a-z0-9]{4}-){3}[a-z0-9]{12}");
TEXT(tag_key, "TagKey", 1, 128, "[ a-zA-Z0-9_.:/=+@-]*");
TEXT(tag_value, "TagValue", 0, 256, "[ a-zA-Z0-9_.:/=+@-]*");
STRUCTURE(tag, "Tag", REQUIRED("key", tag_key), REQUIRED("value", tag_value));
LIST(tag_list, "TagList", 0, 200, tag);
TEXT(next_token, "ListRequestNextTokenString", 1, 10000, NULL);
STRUCTURE(list_request, "ListRequest", OPTIONAL("nextToken", next_token),
          OPTIONAL("pageSize", integer));

ENUM(trust_anchor_type, "TrustAnchorType", "AWS_ACM_PCA", "CERTIFICATE_BUNDLE",
     "SELF_SIGNED_REPOSITORY");
TEXT(certificate_data, "SourceDataX509CertificateDataString", 1, 204800, NULL);
STRUCTURE(source_data, "SourceData", OPTIONAL("x509CertificateData", certificate_data),
          OPTIONAL("acmPcaArn", string));
STRUCTURE(source, "Source", OPTIONAL("sourceType", trust_anchor_type),
          OPTIONAL("sourceData", source_data));
STRUCTURE(create_trust_anchor_request, "CreateTrustAnchorRequest", REQUIRED("name", resource_name),
          REQUIRED("source", source), OPTIONAL("enabled", boolean), OPTIONAL("tags", tag_list));
STRUCTURE(update_trust_anchor_request, "UpdateTrustAnchorRequest", REQUIRED("trustAnchorId", uuid),
          OPTIONAL("name", resource_name), OPTIONAL("source", source));
STRUCTURE(scalar_trust_anchor_request, "ScalarTrustAnchorRequest", REQUIRED("trustAnchorId", uuid));

TEXT(role_arn, "RoleArn", 1, 1011, "arn:aws(-[^:]+)?:iam(:[^:]*){2}(:role[^:]*)");
LIST(role_arn_list, "RoleArnList", 0, 250, role_arn);
TEXT(managed_policy_arn, "ManagedPolicyListMemberString", 1, 200, NULL);
LIST(managed_policy_list, "ManagedPolicyList", 0, 50, managed_policy_arn);
PLAIN(profile_duration, "CreateProfileRequestDurationSecondsInteger", SHAPE_INTEGER, 900, 43200);
STRUCTURE(create_profile_request, "CreateProfileRequest", REQUIRED("name", resource_name),
          OPTIONAL("requireInstanceProperties", boolean), OPTIONAL("sessionPolicy", string),
          REQUIRED("roleArns", role_arn_list), OPTIONAL("managedPolicyArns", managed_policy_list),
          OPTIONAL("durationSeconds", profile_duration), OPTIONAL("enabled", boolean),
          OPTIONAL("tags", tag_list), OPTIONAL("acceptRoleSessionName", boolean));
TEXT(session_policy, "UpdateProfileRequestSessionPolicyString", 1, 100000, NULL);
PLAIN(updated_duration, "UpdateProfileRequestDurationSecondsInteger", SHAPE_INTEGER, 900, 43200);
STRUCTURE(update_profile_request, "UpdateProfileRequest", REQUIRED("profileId", uuid),
          OPTIONAL("name", resource_name), OPTIONAL("sessionPolicy", session_policy),
          OPTIONAL("roleArns", role_arn_list), OPTIONAL("managedPolicyArns", managed_policy_list),
          OPTIONAL("durationSeconds", updated_duration),
          OPTIONAL("acceptRoleSessionName", boolean));
STRUCTURE(scalar_profile_request, "ScalarProfileRequest", REQUIRED("profileId", uuid));

PLAIN(crl_data, "ImportCrlRequestCrlDataBlob", SHAPE_BLOB, 1, 300000);
TEXT(trust_anchor_arn, "TrustAnchorArn", 1, 1011,
     "arn:aws(-[^:]+)?:rolesanywhere(:[^:]*){2}(:trust-anchor[^:]*)");
STRUCTURE(import_crl_request, "ImportCrlRequest", REQUIRED("crlData", crl_data),
          OPTIONAL("enabled", boolean), REQUIRED("name", resource_name), OPTIONAL("tags", tag_list),
          REQUIRED("trustAnchorArn", trust_anchor_arn));
PLAIN(updated_crl_data, "UpdateCrlRequestCrlDataBlob", SHAPE_BLOB, 1, 300000);
STRUCTURE(update_crl_request, "UpdateCrlRequest", OPTIONAL("crlData", updated_crl_data),
          REQUIRED("crlId", uuid), OPTIONAL("name", resource_name));
STRUCTURE(scalar_crl_request, "ScalarCrlRequest", REQUIRED("crlId", uuid));

TEXT(arn_string, "ArnString", 1, 0, NULL);
PLAIN(duration_seconds, "DurationSeconds", SHAPE_INTEGER, 900, 43200);
STRUCTURE(create_session_request, "CreateSessionRequest", REQUIRED("profileArn", arn_string),
          REQUIRED("roleArn", arn_string), REQUIRED("trustAnchorArn", arn_string),
          OPTIONAL("durationSeconds", duration_seconds), OPTIONAL("roleSessionName", string),
          OPTIONAL("sessionName", string));

const struct facts_operation facts_rolesanywhere[] = {
        { "CreateProfile", &create_profile_request },
        { "CreateSession", &create_session_request },
        { "CreateTrustAnchor", &create_trust_anchor_request },
        { "DeleteCrl", &scalar_crl_request },
        { "DeleteProfile", &scalar_profile_request },
        { "DeleteTrustAnchor", &scalar_trust_anchor_request },
        { "DisableCrl", &scalar_crl_request },
        { "DisableProfile", &scalar_profile_request },
        { "DisableTrustAnchor", &scalar_trust_anchor_request },
        { "EnableCrl", &scalar_crl_request },
        { "EnableProfile", &scalar_profile_request },
        { "EnableTrustAnchor", &scalar_trust_anchor_request },
        { "GetCrl", &scalar_crl_request },
        { "GetProfile", &scalar_profile_request },
        { "GetTrustAnchor", &scalar_trust_anchor_request },
        { "ImportCrl", &import_crl_request },
        { "ListCrls", &list_request },
        { "ListProfiles", &list_request },
        { "ListTrustAnchors", &list_request },
        { "UpdateCrl", &update_crl_request },
        { "UpdateProfile", &update_profile_request },
        { "UpdateTrustAnchor", &update_trust_anchor_request },
        { 0 },
};
