#include <string.h>

#include "base/bytes.h"
#include "localpca/facts_macros.h"

ENUM(key_algorithm, "KeyAlgorithm", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1",
     "EC_secp384r1", "EC_secp521r1", "ML_DSA_44", "ML_DSA_65", "ML_DSA_87", "SM2");
ENUM(signing_algorithm, "SigningAlgorithm", "SHA256WITHECDSA", "SHA384WITHECDSA", "SHA512WITHECDSA",
     "SHA256WITHRSA", "SHA384WITHRSA", "SHA512WITHRSA", "SHA256WITHRSA_PSS", "SHA384WITHRSA_PSS",
     "SHA512WITHRSA_PSS", "SM3WITHSM2", "ML_DSA_44", "ML_DSA_65", "ML_DSA_87");
TEXT(country_code_string, "CountryCodeString", 2, 2, "[A-Za-z]{2}");
TEXT(string64, "String64", 0, 64, NULL);
TEXT(asn1_printable_string64, "ASN1PrintableString64", 0, 64, "[a-zA-Z0-9'()+-.?:/= ]*");
TEXT(string128, "String128", 0, 128, NULL);
TEXT(string40, "String40", 0, 40, NULL);
TEXT(string16, "String16", 0, 16, NULL);
TEXT(string5, "String5", 0, 5, NULL);
TEXT(string3, "String3", 0, 3, NULL);
TEXT(custom_object_identifier, "CustomObjectIdentifier", 0, 64,
     "([0-2])\\.([0-9]|([0-3][0-9]))((\\.([0-9]+)){0,126})");
TEXT(string1_to256, "String1To256", 1, 256, NULL);
STRUCTURE(custom_attribute, "CustomAttribute",
          REQUIRED("ObjectIdentifier", custom_object_identifier), REQUIRED("Value", string1_to256));
LIST(custom_attribute_list, "CustomAttributeList", 1, 150, custom_attribute);
STRUCTURE(asn1_subject, "ASN1Subject", OPTIONAL("Country", country_code_string),
          OPTIONAL("Organization", string64), OPTIONAL("OrganizationalUnit", string64),
          OPTIONAL("DistinguishedNameQualifier", asn1_printable_string64),
          OPTIONAL("State", string128), OPTIONAL("CommonName", string64),
          OPTIONAL("SerialNumber", asn1_printable_string64), OPTIONAL("Locality", string128),
          OPTIONAL("Title", string64), OPTIONAL("Surname", string40),
          OPTIONAL("GivenName", string16), OPTIONAL("Initials", string5),
          OPTIONAL("Pseudonym", string128), OPTIONAL("GenerationQualifier", string3),
          OPTIONAL("CustomAttributes", custom_attribute_list));
PLAIN(boolean_value, "Boolean", SHAPE_BOOLEAN, 0, 0);
STRUCTURE(key_usage, "KeyUsage", OPTIONAL("DigitalSignature", boolean_value),
          OPTIONAL("NonRepudiation", boolean_value), OPTIONAL("KeyEncipherment", boolean_value),
          OPTIONAL("DataEncipherment", boolean_value), OPTIONAL("KeyAgreement", boolean_value),
          OPTIONAL("KeyCertSign", boolean_value), OPTIONAL("CRLSign", boolean_value),
          OPTIONAL("EncipherOnly", boolean_value), OPTIONAL("DecipherOnly", boolean_value));
ENUM(access_method_type, "AccessMethodType", "CA_REPOSITORY", "RESOURCE_PKI_MANIFEST",
     "RESOURCE_PKI_NOTIFY");
STRUCTURE(access_method, "AccessMethod",
          OPTIONAL("CustomObjectIdentifier", custom_object_identifier),
          OPTIONAL("AccessMethodType", access_method_type));
TEXT(string256, "String256", 0, 256, NULL);
STRUCTURE(other_name, "OtherName", REQUIRED("TypeId", custom_object_identifier),
          REQUIRED("Value", string256));
TEXT(string253, "String253", 0, 253, NULL);
STRUCTURE(edi_party_name, "EdiPartyName", REQUIRED("PartyName", string256),
          OPTIONAL("NameAssigner", string256));
TEXT(string39, "String39", 0, 39, NULL);
STRUCTURE(general_name, "GeneralName", OPTIONAL("OtherName", other_name),
          OPTIONAL("Rfc822Name", string256), OPTIONAL("DnsName", string253),
          OPTIONAL("DirectoryName", asn1_subject), OPTIONAL("EdiPartyName", edi_party_name),
          OPTIONAL("UniformResourceIdentifier", string253), OPTIONAL("IpAddress", string39),
          OPTIONAL("RegisteredId", custom_object_identifier));
STRUCTURE(access_description, "AccessDescription", REQUIRED("AccessMethod", access_method),
          REQUIRED("AccessLocation", general_name));
LIST(access_description_list, "AccessDescriptionList", 0, 0, access_description);
STRUCTURE(csr_extensions, "CsrExtensions", OPTIONAL("KeyUsage", key_usage),
          OPTIONAL("SubjectInformationAccess", access_description_list));
STRUCTURE(certificate_authority_configuration, "CertificateAuthorityConfiguration",
          REQUIRED("KeyAlgorithm", key_algorithm), REQUIRED("SigningAlgorithm", signing_algorithm),
          REQUIRED("Subject", asn1_subject), OPTIONAL("CsrExtensions", csr_extensions));
PLAIN(integer1_to5000, "Integer1To5000", SHAPE_INTEGER, 1, 5000);
TEXT(cname_string, "CnameString", 0, 253, "[-a-zA-Z0-9;/?:@&=+$,%_.!~*()']*");
TEXT(s3_bucket_name3_to255, "S3BucketName3To255", 3, 255, "[-a-zA-Z0-9._/]+");
ENUM(s3_object_acl, "S3ObjectAcl", "PUBLIC_READ", "BUCKET_OWNER_FULL_CONTROL");
STRUCTURE(crl_distribution_point_extension_configuration,
          "CrlDistributionPointExtensionConfiguration", REQUIRED("OmitExtension", boolean_value));
ENUM(crl_type, "CrlType", "COMPLETE", "PARTITIONED");
TEXT(crl_path_string, "CrlPathString", 0, 253,
     "(/|[-a-zA-Z0-9;?:@&=+$,%_.!~*()']+(/[-a-zA-Z0-9;?:@&=+$,%_.!~*()']+)*)");
STRUCTURE(crl_configuration, "CrlConfiguration", REQUIRED("Enabled", boolean_value),
          OPTIONAL("ExpirationInDays", integer1_to5000), OPTIONAL("CustomCname", cname_string),
          OPTIONAL("S3BucketName", s3_bucket_name3_to255), OPTIONAL("S3ObjectAcl", s3_object_acl),
          OPTIONAL("CrlDistributionPointExtensionConfiguration",
                   crl_distribution_point_extension_configuration),
          OPTIONAL("CrlType", crl_type), OPTIONAL("CustomPath", crl_path_string));
STRUCTURE(ocsp_configuration, "OcspConfiguration", REQUIRED("Enabled", boolean_value),
          OPTIONAL("OcspCustomCname", cname_string));
STRUCTURE(revocation_configuration, "RevocationConfiguration",
          OPTIONAL("CrlConfiguration", crl_configuration),
          OPTIONAL("OcspConfiguration", ocsp_configuration));
ENUM(certificate_authority_type, "CertificateAuthorityType", "ROOT", "SUBORDINATE");
TEXT(idempotency_token, "IdempotencyToken", 1, 36, "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]*");
ENUM(key_storage_security_standard, "KeyStorageSecurityStandard", "FIPS_140_2_LEVEL_2_OR_HIGHER",
     "FIPS_140_2_LEVEL_3_OR_HIGHER", "CCPC_LEVEL_1_OR_HIGHER");
TEXT(tag_key, "TagKey", 1, 128, "([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)");
TEXT(tag_value, "TagValue", 0, 256, "([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)");
STRUCTURE(tag, "Tag", REQUIRED("Key", tag_key), OPTIONAL("Value", tag_value));
LIST(tag_list, "TagList", 1, 50, tag);
ENUM(certificate_authority_usage_mode, "CertificateAuthorityUsageMode", "GENERAL_PURPOSE",
     "SHORT_LIVED_CERTIFICATE");
STRUCTURE(create_certificate_authority_request, "CreateCertificateAuthorityRequest",
          REQUIRED("CertificateAuthorityConfiguration", certificate_authority_configuration),
          OPTIONAL("RevocationConfiguration", revocation_configuration),
          REQUIRED("CertificateAuthorityType", certificate_authority_type),
          OPTIONAL("IdempotencyToken", idempotency_token),
          OPTIONAL("KeyStorageSecurityStandard", key_storage_security_standard),
          OPTIONAL("Tags", tag_list), OPTIONAL("UsageMode", certificate_authority_usage_mode));
TEXT(arn, "Arn", 5, 200,
     "arn:[\\w+=/,.@-]+:acm-pca:[\\w+=/,.@-]*:[0-9]*:[\\w+=,.@-]+(/[\\w+=,.@-]+)*");
TEXT(s3_bucket_name, "S3BucketName", 3, 63, NULL);
ENUM(audit_report_response_format, "AuditReportResponseFormat", "JSON", "CSV");
STRUCTURE(create_certificate_authority_audit_report_request,
          "CreateCertificateAuthorityAuditReportRequest", REQUIRED("CertificateAuthorityArn", arn),
          REQUIRED("S3BucketName", s3_bucket_name),
          REQUIRED("AuditReportResponseFormat", audit_report_response_format));
TEXT(principal, "Principal", 0, 128, "[^*]+");
TEXT(account_id, "AccountId", 12, 12, "[0-9]+");
ENUM(action_type, "ActionType", "IssueCertificate", "GetCertificate", "ListPermissions");
LIST(action_list, "ActionList", 1, 3, action_type);
STRUCTURE(create_permission_request, "CreatePermissionRequest",
          REQUIRED("CertificateAuthorityArn", arn), REQUIRED("Principal", principal),
          OPTIONAL("SourceAccount", account_id), REQUIRED("Actions", action_list));
PLAIN(permanent_deletion_time_in_days, "PermanentDeletionTimeInDays", SHAPE_INTEGER, 7, 30);
STRUCTURE(delete_certificate_authority_request, "DeleteCertificateAuthorityRequest",
          REQUIRED("CertificateAuthorityArn", arn),
          OPTIONAL("PermanentDeletionTimeInDays", permanent_deletion_time_in_days));
STRUCTURE(delete_permission_request, "DeletePermissionRequest",
          REQUIRED("CertificateAuthorityArn", arn), REQUIRED("Principal", principal),
          OPTIONAL("SourceAccount", account_id));
STRUCTURE(delete_policy_request, "DeletePolicyRequest", REQUIRED("ResourceArn", arn));
STRUCTURE(describe_certificate_authority_request, "DescribeCertificateAuthorityRequest",
          REQUIRED("CertificateAuthorityArn", arn));
TEXT(audit_report_id, "AuditReportId", 36, 36,
     "[a-z0-9]{8}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{12}");
STRUCTURE(describe_certificate_authority_audit_report_request,
          "DescribeCertificateAuthorityAuditReportRequest",
          REQUIRED("CertificateAuthorityArn", arn), REQUIRED("AuditReportId", audit_report_id));
STRUCTURE(get_certificate_request, "GetCertificateRequest",
          REQUIRED("CertificateAuthorityArn", arn), REQUIRED("CertificateArn", arn));
STRUCTURE(get_certificate_authority_certificate_request,
          "GetCertificateAuthorityCertificateRequest", REQUIRED("CertificateAuthorityArn", arn));
STRUCTURE(get_certificate_authority_csr_request, "GetCertificateAuthorityCsrRequest",
          REQUIRED("CertificateAuthorityArn", arn));
STRUCTURE(get_policy_request, "GetPolicyRequest", REQUIRED("ResourceArn", arn));
PLAIN(certificate_body_blob, "CertificateBodyBlob", SHAPE_BLOB, 1, 32768);
PLAIN(certificate_chain_blob, "CertificateChainBlob", SHAPE_BLOB, 0, 2097152);
STRUCTURE(import_certificate_authority_certificate_request,
          "ImportCertificateAuthorityCertificateRequest", REQUIRED("CertificateAuthorityArn", arn),
          REQUIRED("Certificate", certificate_body_blob),
          OPTIONAL("CertificateChain", certificate_chain_blob));
ENUM(policy_qualifier_id, "PolicyQualifierId", "CPS");
STRUCTURE(qualifier, "Qualifier", REQUIRED("CpsUri", string256));
STRUCTURE(policy_qualifier_info, "PolicyQualifierInfo",
          REQUIRED("PolicyQualifierId", policy_qualifier_id), REQUIRED("Qualifier", qualifier));
LIST(policy_qualifier_info_list, "PolicyQualifierInfoList", 1, 20, policy_qualifier_info);
STRUCTURE(policy_information, "PolicyInformation",
          REQUIRED("CertPolicyId", custom_object_identifier),
          OPTIONAL("PolicyQualifiers", policy_qualifier_info_list));
LIST(certificate_policy_list, "CertificatePolicyList", 1, 20, policy_information);
ENUM(extended_key_usage_type, "ExtendedKeyUsageType", "SERVER_AUTH", "CLIENT_AUTH", "CODE_SIGNING",
     "EMAIL_PROTECTION", "TIME_STAMPING", "OCSP_SIGNING", "SMART_CARD_LOGIN", "DOCUMENT_SIGNING",
     "CERTIFICATE_TRANSPARENCY");
STRUCTURE(extended_key_usage, "ExtendedKeyUsage",
          OPTIONAL("ExtendedKeyUsageType", extended_key_usage_type),
          OPTIONAL("ExtendedKeyUsageObjectIdentifier", custom_object_identifier));
LIST(extended_key_usage_list, "ExtendedKeyUsageList", 1, 20, extended_key_usage);
LIST(general_name_list, "GeneralNameList", 1, 150, general_name);
TEXT(base64_string1_to4096, "Base64String1To4096", 1, 4096,
     "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?");
STRUCTURE(custom_extension, "CustomExtension",
          REQUIRED("ObjectIdentifier", custom_object_identifier),
          REQUIRED("Value", base64_string1_to4096), OPTIONAL("Critical", boolean_value));
LIST(custom_extension_list, "CustomExtensionList", 1, 150, custom_extension);
STRUCTURE(extensions, "Extensions", OPTIONAL("CertificatePolicies", certificate_policy_list),
          OPTIONAL("ExtendedKeyUsage", extended_key_usage_list), OPTIONAL("KeyUsage", key_usage),
          OPTIONAL("SubjectAlternativeNames", general_name_list),
          OPTIONAL("CustomExtensions", custom_extension_list));
STRUCTURE(api_passthrough, "ApiPassthrough", OPTIONAL("Extensions", extensions),
          OPTIONAL("Subject", asn1_subject));
PLAIN(csr_blob, "CsrBlob", SHAPE_BLOB, 1, 32768);
PLAIN(positive_long, "PositiveLong", SHAPE_LONG, 1, 0);
ENUM(validity_period_type, "ValidityPeriodType", "END_DATE", "ABSOLUTE", "DAYS", "MONTHS", "YEARS");
STRUCTURE(validity, "Validity", REQUIRED("Value", positive_long),
          REQUIRED("Type", validity_period_type));
STRUCTURE(issue_certificate_request, "IssueCertificateRequest",
          OPTIONAL("ApiPassthrough", api_passthrough), REQUIRED("CertificateAuthorityArn", arn),
          REQUIRED("Csr", csr_blob), REQUIRED("SigningAlgorithm", signing_algorithm),
          OPTIONAL("TemplateArn", arn), REQUIRED("Validity", validity),
          OPTIONAL("ValidityNotBefore", validity), OPTIONAL("IdempotencyToken", idempotency_token));
PLAIN(max_results, "MaxResults", SHAPE_INTEGER, 1, 1000);
TEXT(next_token, "NextToken", 1, 43739, NULL);
ENUM(resource_owner, "ResourceOwner", "SELF", "OTHER_ACCOUNTS");
STRUCTURE(list_certificate_authorities_request, "ListCertificateAuthoritiesRequest",
          OPTIONAL("MaxResults", max_results), OPTIONAL("NextToken", next_token),
          OPTIONAL("ResourceOwner", resource_owner));
STRUCTURE(list_permissions_request, "ListPermissionsRequest", OPTIONAL("MaxResults", max_results),
          OPTIONAL("NextToken", next_token), REQUIRED("CertificateAuthorityArn", arn));
STRUCTURE(list_tags_request, "ListTagsRequest", OPTIONAL("MaxResults", max_results),
          OPTIONAL("NextToken", next_token), REQUIRED("CertificateAuthorityArn", arn));
TEXT(aws_policy, "AWSPolicy", 1, 81920, "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+");
STRUCTURE(put_policy_request, "PutPolicyRequest", REQUIRED("ResourceArn", arn),
          REQUIRED("Policy", aws_policy));
STRUCTURE(restore_certificate_authority_request, "RestoreCertificateAuthorityRequest",
          REQUIRED("CertificateAuthorityArn", arn));
ENUM(revocation_reason, "RevocationReason", "UNSPECIFIED", "KEY_COMPROMISE",
     "CERTIFICATE_AUTHORITY_COMPROMISE", "AFFILIATION_CHANGED", "SUPERSEDED",
     "CESSATION_OF_OPERATION", "PRIVILEGE_WITHDRAWN", "A_A_COMPROMISE");
STRUCTURE(revoke_certificate_request, "RevokeCertificateRequest",
          REQUIRED("CertificateAuthorityArn", arn), REQUIRED("CertificateSerial", string128),
          REQUIRED("RevocationReason", revocation_reason));
STRUCTURE(tag_certificate_authority_request, "TagCertificateAuthorityRequest",
          REQUIRED("CertificateAuthorityArn", arn), REQUIRED("Tags", tag_list));
STRUCTURE(untag_certificate_authority_request, "UntagCertificateAuthorityRequest",
          REQUIRED("CertificateAuthorityArn", arn), REQUIRED("Tags", tag_list));
ENUM(certificate_authority_status, "CertificateAuthorityStatus", "CREATING", "PENDING_CERTIFICATE",
     "ACTIVE", "DELETED", "DISABLED", "EXPIRED", "FAILED");
STRUCTURE(update_certificate_authority_request, "UpdateCertificateAuthorityRequest",
          REQUIRED("CertificateAuthorityArn", arn),
          OPTIONAL("RevocationConfiguration", revocation_configuration),
          OPTIONAL("Status", certificate_authority_status));

static const struct {
        const char *operation;
        const struct shape *input;
} inputs[] = {
        { "CreateCertificateAuthority", &create_certificate_authority_request },
        { "CreateCertificateAuthorityAuditReport",
          &create_certificate_authority_audit_report_request },
        { "CreatePermission", &create_permission_request },
        { "DeleteCertificateAuthority", &delete_certificate_authority_request },
        { "DeletePermission", &delete_permission_request },
        { "DeletePolicy", &delete_policy_request },
        { "DescribeCertificateAuthority", &describe_certificate_authority_request },
        { "DescribeCertificateAuthorityAuditReport",
          &describe_certificate_authority_audit_report_request },
        { "GetCertificate", &get_certificate_request },
        { "GetCertificateAuthorityCertificate", &get_certificate_authority_certificate_request },
        { "GetCertificateAuthorityCsr", &get_certificate_authority_csr_request },
        { "GetPolicy", &get_policy_request },
        { "ImportCertificateAuthorityCertificate",
          &import_certificate_authority_certificate_request },
        { "IssueCertificate", &issue_certificate_request },
        { "ListCertificateAuthorities", &list_certificate_authorities_request },
        { "ListPermissions", &list_permissions_request },
        { "ListTags", &list_tags_request },
        { "PutPolicy", &put_policy_request },
        { "RestoreCertificateAuthority", &restore_certificate_authority_request },
        { "RevokeCertificate", &revoke_certificate_request },
        { "TagCertificateAuthority", &tag_certificate_authority_request },
        { "UntagCertificateAuthority", &untag_certificate_authority_request },
        { "UpdateCertificateAuthority", &update_certificate_authority_request },
};

const struct shape *
facts_input(const char *operation)
{
        for (size_t i = 0; i < ARRAY_LENGTH(inputs); i++)
                if (strcmp(inputs[i].operation, operation) == 0)
                        return inputs[i].input;
        return NULL;
}

const char *
facts_operation(size_t index)
{
        return index < ARRAY_LENGTH(inputs) ? inputs[index].operation : NULL;
}

enum { OF_PRIVATE_CA = ARRAY_LENGTH(inputs), NAMES_MOST = 128 };

/* The names of the other services, put together once. */
static const char *const *
names_make(void)
{
        static char *names[NAMES_MOST];
        static const struct {
                const char *service;
                const struct facts_operation *operations;
        } services[] = { { "sts", facts_sts },
                         { "iam", facts_iam },
                         { "rolesanywhere", facts_rolesanywhere } };
        size_t count = 0;

        for (size_t i = 0; !names[0] || (count && i < ARRAY_LENGTH(services)); i++) {
                const struct facts_operation *one = services[i].operations;
                for (; one->name; one++) {
                        assert(count + 1 < NAMES_MOST);
                        names[count++] = text_format("%s.%s", services[i].service, one->name);
                }
        }
        return (const char *const *)names;
}

const char *
facts_name(size_t index)
{
        return index < OF_PRIVATE_CA ? inputs[index].operation
                                     : names_make()[index - OF_PRIVATE_CA];
}

int
facts_index(const char *name)
{
        const char *one;

        for (size_t i = 0; (one = facts_name(i)); i++)
                if (strcmp(one, name) == 0)
                        return (int)i;
        return -1;
}
