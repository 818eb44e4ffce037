#include "localpca/facts.h"

#include <string.h>

static const char *const key_algorithm_values[] = {
        "RSA_2048",     "RSA_3072",     "RSA_4096",  "EC_prime256v1",
        "EC_secp384r1", "EC_secp521r1", "ML_DSA_44", "ML_DSA_65",
        "ML_DSA_87",    "SM2",          NULL
};

static const struct shape key_algorithm = { .name = "KeyAlgorithm",
                                            .type = SHAPE_STRING,
                                            .values = key_algorithm_values };

static const char *const signing_algorithm_values[] = { "SHA256WITHECDSA",   "SHA384WITHECDSA",
                                                        "SHA512WITHECDSA",   "SHA256WITHRSA",
                                                        "SHA384WITHRSA",     "SHA512WITHRSA",
                                                        "SHA256WITHRSA_PSS", "SHA384WITHRSA_PSS",
                                                        "SHA512WITHRSA_PSS", "SM3WITHSM2",
                                                        "ML_DSA_44",         "ML_DSA_65",
                                                        "ML_DSA_87",         NULL };

static const struct shape signing_algorithm = { .name = "SigningAlgorithm",
                                                .type = SHAPE_STRING,
                                                .values = signing_algorithm_values };

static const struct shape country_code_string = { .name = "CountryCodeString",
                                                  .type = SHAPE_STRING,
                                                  .least = 2,
                                                  .most = 2,
                                                  .pattern = "[A-Za-z]{2}" };

static const struct shape string64 = { .name = "String64", .type = SHAPE_STRING, .most = 64 };

static const struct shape asn1_printable_string64 = { .name = "ASN1PrintableString64",
                                                      .type = SHAPE_STRING,
                                                      .most = 64,
                                                      .pattern = "[a-zA-Z0-9'()+-.?:/= ]*" };

static const struct shape string128 = { .name = "String128", .type = SHAPE_STRING, .most = 128 };

static const struct shape string40 = { .name = "String40", .type = SHAPE_STRING, .most = 40 };

static const struct shape string16 = { .name = "String16", .type = SHAPE_STRING, .most = 16 };

static const struct shape string5 = { .name = "String5", .type = SHAPE_STRING, .most = 5 };

static const struct shape string3 = { .name = "String3", .type = SHAPE_STRING, .most = 3 };

static const struct shape custom_object_identifier = {
        .name = "CustomObjectIdentifier",
        .type = SHAPE_STRING,
        .most = 64,
        .pattern = "([0-2])\\.([0-9]|([0-3][0-9]))((\\.([0-9]+)){0,126})"
};

static const struct shape string1_to256 = {
        .name = "String1To256", .type = SHAPE_STRING, .least = 1, .most = 256
};

static const struct member custom_attribute_members[] = {
        { "ObjectIdentifier", &custom_object_identifier, true },
        { "Value", &string1_to256, true },
};

static const struct shape custom_attribute = { .name = "CustomAttribute",
                                               .type = SHAPE_STRUCTURE,
                                               .members = custom_attribute_members,
                                               .member_count =
                                                       ARRAY_LENGTH(custom_attribute_members) };

static const struct shape custom_attribute_list = { .name = "CustomAttributeList",
                                                    .type = SHAPE_LIST,
                                                    .element = &custom_attribute,
                                                    .least = 1,
                                                    .most = 150 };

static const struct member asn1_subject_members[] = {
        { "Country", &country_code_string },
        { "Organization", &string64 },
        { "OrganizationalUnit", &string64 },
        { "DistinguishedNameQualifier", &asn1_printable_string64 },
        { "State", &string128 },
        { "CommonName", &string64 },
        { "SerialNumber", &asn1_printable_string64 },
        { "Locality", &string128 },
        { "Title", &string64 },
        { "Surname", &string40 },
        { "GivenName", &string16 },
        { "Initials", &string5 },
        { "Pseudonym", &string128 },
        { "GenerationQualifier", &string3 },
        { "CustomAttributes", &custom_attribute_list },
};

static const struct shape asn1_subject = { .name = "ASN1Subject",
                                           .type = SHAPE_STRUCTURE,
                                           .members = asn1_subject_members,
                                           .member_count = ARRAY_LENGTH(asn1_subject_members) };

static const struct shape boolean_value = { .name = "Boolean", .type = SHAPE_BOOLEAN };

static const struct member key_usage_members[] = {
        { "DigitalSignature", &boolean_value }, { "NonRepudiation", &boolean_value },
        { "KeyEncipherment", &boolean_value },  { "DataEncipherment", &boolean_value },
        { "KeyAgreement", &boolean_value },     { "KeyCertSign", &boolean_value },
        { "CRLSign", &boolean_value },          { "EncipherOnly", &boolean_value },
        { "DecipherOnly", &boolean_value },
};

static const struct shape key_usage = { .name = "KeyUsage",
                                        .type = SHAPE_STRUCTURE,
                                        .members = key_usage_members,
                                        .member_count = ARRAY_LENGTH(key_usage_members) };

static const char *const access_method_type_values[] = { "CA_REPOSITORY", "RESOURCE_PKI_MANIFEST",
                                                         "RESOURCE_PKI_NOTIFY", NULL };

static const struct shape access_method_type = { .name = "AccessMethodType",
                                                 .type = SHAPE_STRING,
                                                 .values = access_method_type_values };

static const struct member access_method_members[] = {
        { "CustomObjectIdentifier", &custom_object_identifier },
        { "AccessMethodType", &access_method_type },
};

static const struct shape access_method = { .name = "AccessMethod",
                                            .type = SHAPE_STRUCTURE,
                                            .members = access_method_members,
                                            .member_count = ARRAY_LENGTH(access_method_members) };

static const struct shape string256 = { .name = "String256", .type = SHAPE_STRING, .most = 256 };

static const struct member other_name_members[] = {
        { "TypeId", &custom_object_identifier, true },
        { "Value", &string256, true },
};

static const struct shape other_name = { .name = "OtherName",
                                         .type = SHAPE_STRUCTURE,
                                         .members = other_name_members,
                                         .member_count = ARRAY_LENGTH(other_name_members) };

static const struct shape string253 = { .name = "String253", .type = SHAPE_STRING, .most = 253 };

static const struct member edi_party_name_members[] = {
        { "PartyName", &string256, true },
        { "NameAssigner", &string256 },
};

static const struct shape edi_party_name = { .name = "EdiPartyName",
                                             .type = SHAPE_STRUCTURE,
                                             .members = edi_party_name_members,
                                             .member_count = ARRAY_LENGTH(edi_party_name_members) };

static const struct shape string39 = { .name = "String39", .type = SHAPE_STRING, .most = 39 };

static const struct member general_name_members[] = {
        { "OtherName", &other_name },        { "Rfc822Name", &string256 },
        { "DnsName", &string253 },           { "DirectoryName", &asn1_subject },
        { "EdiPartyName", &edi_party_name }, { "UniformResourceIdentifier", &string253 },
        { "IpAddress", &string39 },          { "RegisteredId", &custom_object_identifier },
};

static const struct shape general_name = { .name = "GeneralName",
                                           .type = SHAPE_STRUCTURE,
                                           .members = general_name_members,
                                           .member_count = ARRAY_LENGTH(general_name_members) };

static const struct member access_description_members[] = {
        { "AccessMethod", &access_method, true },
        { "AccessLocation", &general_name, true },
};

static const struct shape access_description = { .name = "AccessDescription",
                                                 .type = SHAPE_STRUCTURE,
                                                 .members = access_description_members,
                                                 .member_count =
                                                         ARRAY_LENGTH(access_description_members) };

static const struct shape access_description_list = { .name = "AccessDescriptionList",
                                                      .type = SHAPE_LIST,
                                                      .element = &access_description };

static const struct member csr_extensions_members[] = {
        { "KeyUsage", &key_usage },
        { "SubjectInformationAccess", &access_description_list },
};

static const struct shape csr_extensions = { .name = "CsrExtensions",
                                             .type = SHAPE_STRUCTURE,
                                             .members = csr_extensions_members,
                                             .member_count = ARRAY_LENGTH(csr_extensions_members) };

static const struct member certificate_authority_configuration_members[] = {
        { "KeyAlgorithm", &key_algorithm, true },
        { "SigningAlgorithm", &signing_algorithm, true },
        { "Subject", &asn1_subject, true },
        { "CsrExtensions", &csr_extensions },
};

static const struct shape certificate_authority_configuration = {
        .name = "CertificateAuthorityConfiguration",
        .type = SHAPE_STRUCTURE,
        .members = certificate_authority_configuration_members,
        .member_count = ARRAY_LENGTH(certificate_authority_configuration_members)
};

static const struct shape integer1_to5000 = {
        .name = "Integer1To5000", .type = SHAPE_INTEGER, .least = 1, .most = 5000
};

static const struct shape cname_string = { .name = "CnameString",
                                           .type = SHAPE_STRING,
                                           .most = 253,
                                           .pattern = "[-a-zA-Z0-9;/?:@&=+$,%_.!~*()']*" };

static const struct shape s3_bucket_name3_to255 = { .name = "S3BucketName3To255",
                                                    .type = SHAPE_STRING,
                                                    .least = 3,
                                                    .most = 255,
                                                    .pattern = "[-a-zA-Z0-9._/]+" };

static const char *const s3_object_acl_values[] = { "PUBLIC_READ", "BUCKET_OWNER_FULL_CONTROL",
                                                    NULL };

static const struct shape s3_object_acl = { .name = "S3ObjectAcl",
                                            .type = SHAPE_STRING,
                                            .values = s3_object_acl_values };

static const struct member crl_distribution_point_extension_configuration_members[] = {
        { "OmitExtension", &boolean_value, true },
};

static const struct shape crl_distribution_point_extension_configuration = {
        .name = "CrlDistributionPointExtensionConfiguration",
        .type = SHAPE_STRUCTURE,
        .members = crl_distribution_point_extension_configuration_members,
        .member_count = ARRAY_LENGTH(crl_distribution_point_extension_configuration_members)
};

static const char *const crl_type_values[] = { "COMPLETE", "PARTITIONED", NULL };

static const struct shape crl_type = { .name = "CrlType",
                                       .type = SHAPE_STRING,
                                       .values = crl_type_values };

static const struct shape crl_path_string = {
        .name = "CrlPathString",
        .type = SHAPE_STRING,
        .most = 253,
        .pattern = "(/|[-a-zA-Z0-9;?:@&=+$,%_.!~*()']+(/[-a-zA-Z0-9;?:@&=+$,%_.!~*()']+)*)"
};

static const struct member crl_configuration_members[] = {
        { "Enabled", &boolean_value, true },
        { "ExpirationInDays", &integer1_to5000 },
        { "CustomCname", &cname_string },
        { "S3BucketName", &s3_bucket_name3_to255 },
        { "S3ObjectAcl", &s3_object_acl },
        { "CrlDistributionPointExtensionConfiguration",
          &crl_distribution_point_extension_configuration },
        { "CrlType", &crl_type },
        { "CustomPath", &crl_path_string },
};

static const struct shape crl_configuration = { .name = "CrlConfiguration",
                                                .type = SHAPE_STRUCTURE,
                                                .members = crl_configuration_members,
                                                .member_count =
                                                        ARRAY_LENGTH(crl_configuration_members) };

static const struct member ocsp_configuration_members[] = {
        { "Enabled", &boolean_value, true },
        { "OcspCustomCname", &cname_string },
};

static const struct shape ocsp_configuration = { .name = "OcspConfiguration",
                                                 .type = SHAPE_STRUCTURE,
                                                 .members = ocsp_configuration_members,
                                                 .member_count =
                                                         ARRAY_LENGTH(ocsp_configuration_members) };

static const struct member revocation_configuration_members[] = {
        { "CrlConfiguration", &crl_configuration },
        { "OcspConfiguration", &ocsp_configuration },
};

static const struct shape revocation_configuration = { .name = "RevocationConfiguration",
                                                       .type = SHAPE_STRUCTURE,
                                                       .members = revocation_configuration_members,
                                                       .member_count = ARRAY_LENGTH(
                                                               revocation_configuration_members) };

static const char *const certificate_authority_type_values[] = { "ROOT", "SUBORDINATE", NULL };

static const struct shape certificate_authority_type = {
        .name = "CertificateAuthorityType",
        .type = SHAPE_STRING,
        .values = certificate_authority_type_values
};

static const struct shape idempotency_token = { .name = "IdempotencyToken",
                                                .type = SHAPE_STRING,
                                                .least = 1,
                                                .most = 36,
                                                .pattern =
                                                        "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]*" };

static const char *const key_storage_security_standard_values[] = { "FIPS_140_2_LEVEL_2_OR_HIGHER",
                                                                    "FIPS_140_2_LEVEL_3_OR_HIGHER",
                                                                    "CCPC_LEVEL_1_OR_HIGHER",
                                                                    NULL };

static const struct shape key_storage_security_standard = {
        .name = "KeyStorageSecurityStandard",
        .type = SHAPE_STRING,
        .values = key_storage_security_standard_values
};

static const struct shape tag_key = { .name = "TagKey",
                                      .type = SHAPE_STRING,
                                      .least = 1,
                                      .most = 128,
                                      .pattern = "([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)" };

static const struct shape tag_value = { .name = "TagValue",
                                        .type = SHAPE_STRING,
                                        .most = 256,
                                        .pattern = "([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)" };

static const struct member tag_members[] = {
        { "Key", &tag_key, true },
        { "Value", &tag_value },
};

static const struct shape tag = { .name = "Tag",
                                  .type = SHAPE_STRUCTURE,
                                  .members = tag_members,
                                  .member_count = ARRAY_LENGTH(tag_members) };

static const struct shape tag_list = {
        .name = "TagList", .type = SHAPE_LIST, .element = &tag, .least = 1, .most = 50
};

static const char *const certificate_authority_usage_mode_values[] = { "GENERAL_PURPOSE",
                                                                       "SHORT_LIVED_CERTIFICATE",
                                                                       NULL };

static const struct shape certificate_authority_usage_mode = {
        .name = "CertificateAuthorityUsageMode",
        .type = SHAPE_STRING,
        .values = certificate_authority_usage_mode_values
};

static const struct member create_certificate_authority_request_members[] = {
        { "CertificateAuthorityConfiguration", &certificate_authority_configuration, true },
        { "RevocationConfiguration", &revocation_configuration },
        { "CertificateAuthorityType", &certificate_authority_type, true },
        { "IdempotencyToken", &idempotency_token },
        { "KeyStorageSecurityStandard", &key_storage_security_standard },
        { "Tags", &tag_list },
        { "UsageMode", &certificate_authority_usage_mode },
};

static const struct shape create_certificate_authority_request = {
        .name = "CreateCertificateAuthorityRequest",
        .type = SHAPE_STRUCTURE,
        .members = create_certificate_authority_request_members,
        .member_count = ARRAY_LENGTH(create_certificate_authority_request_members)
};

static const struct shape arn = {
        .name = "Arn",
        .type = SHAPE_STRING,
        .least = 5,
        .most = 200,
        .pattern = "arn:[\\w+=/,.@-]+:acm-pca:[\\w+=/,.@-]*:[0-9]*:[\\w+=,.@-]+(/[\\w+=,.@-]+)*"
};

static const struct shape s3_bucket_name = {
        .name = "S3BucketName", .type = SHAPE_STRING, .least = 3, .most = 63
};

static const char *const audit_report_response_format_values[] = { "JSON", "CSV", NULL };

static const struct shape audit_report_response_format = {
        .name = "AuditReportResponseFormat",
        .type = SHAPE_STRING,
        .values = audit_report_response_format_values
};

static const struct member create_certificate_authority_audit_report_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
        { "S3BucketName", &s3_bucket_name, true },
        { "AuditReportResponseFormat", &audit_report_response_format, true },
};

static const struct shape create_certificate_authority_audit_report_request = {
        .name = "CreateCertificateAuthorityAuditReportRequest",
        .type = SHAPE_STRUCTURE,
        .members = create_certificate_authority_audit_report_request_members,
        .member_count = ARRAY_LENGTH(create_certificate_authority_audit_report_request_members)
};

static const struct shape principal = {
        .name = "Principal", .type = SHAPE_STRING, .most = 128, .pattern = "[^*]+"
};

static const struct shape account_id = {
        .name = "AccountId", .type = SHAPE_STRING, .least = 12, .most = 12, .pattern = "[0-9]+"
};

static const char *const action_type_values[] = { "IssueCertificate", "GetCertificate",
                                                  "ListPermissions", NULL };

static const struct shape action_type = { .name = "ActionType",
                                          .type = SHAPE_STRING,
                                          .values = action_type_values };

static const struct shape action_list = {
        .name = "ActionList", .type = SHAPE_LIST, .element = &action_type, .least = 1, .most = 3
};

static const struct member create_permission_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
        { "Principal", &principal, true },
        { "SourceAccount", &account_id },
        { "Actions", &action_list, true },
};

static const struct shape create_permission_request = {
        .name = "CreatePermissionRequest",
        .type = SHAPE_STRUCTURE,
        .members = create_permission_request_members,
        .member_count = ARRAY_LENGTH(create_permission_request_members)
};

static const struct shape permanent_deletion_time_in_days = {
        .name = "PermanentDeletionTimeInDays", .type = SHAPE_INTEGER, .least = 7, .most = 30
};

static const struct member delete_certificate_authority_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
        { "PermanentDeletionTimeInDays", &permanent_deletion_time_in_days },
};

static const struct shape delete_certificate_authority_request = {
        .name = "DeleteCertificateAuthorityRequest",
        .type = SHAPE_STRUCTURE,
        .members = delete_certificate_authority_request_members,
        .member_count = ARRAY_LENGTH(delete_certificate_authority_request_members)
};

static const struct member delete_permission_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
        { "Principal", &principal, true },
        { "SourceAccount", &account_id },
};

static const struct shape delete_permission_request = {
        .name = "DeletePermissionRequest",
        .type = SHAPE_STRUCTURE,
        .members = delete_permission_request_members,
        .member_count = ARRAY_LENGTH(delete_permission_request_members)
};

static const struct member delete_policy_request_members[] = {
        { "ResourceArn", &arn, true },
};

static const struct shape delete_policy_request = { .name = "DeletePolicyRequest",
                                                    .type = SHAPE_STRUCTURE,
                                                    .members = delete_policy_request_members,
                                                    .member_count = ARRAY_LENGTH(
                                                            delete_policy_request_members) };

static const struct member describe_certificate_authority_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
};

static const struct shape describe_certificate_authority_request = {
        .name = "DescribeCertificateAuthorityRequest",
        .type = SHAPE_STRUCTURE,
        .members = describe_certificate_authority_request_members,
        .member_count = ARRAY_LENGTH(describe_certificate_authority_request_members)
};

static const struct shape audit_report_id = {
        .name = "AuditReportId",
        .type = SHAPE_STRING,
        .least = 36,
        .most = 36,
        .pattern = "[a-z0-9]{8}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{12}"
};

static const struct member describe_certificate_authority_audit_report_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
        { "AuditReportId", &audit_report_id, true },
};

static const struct shape describe_certificate_authority_audit_report_request = {
        .name = "DescribeCertificateAuthorityAuditReportRequest",
        .type = SHAPE_STRUCTURE,
        .members = describe_certificate_authority_audit_report_request_members,
        .member_count = ARRAY_LENGTH(describe_certificate_authority_audit_report_request_members)
};

static const struct member get_certificate_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
        { "CertificateArn", &arn, true },
};

static const struct shape get_certificate_request = { .name = "GetCertificateRequest",
                                                      .type = SHAPE_STRUCTURE,
                                                      .members = get_certificate_request_members,
                                                      .member_count = ARRAY_LENGTH(
                                                              get_certificate_request_members) };

static const struct member get_certificate_authority_certificate_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
};

static const struct shape get_certificate_authority_certificate_request = {
        .name = "GetCertificateAuthorityCertificateRequest",
        .type = SHAPE_STRUCTURE,
        .members = get_certificate_authority_certificate_request_members,
        .member_count = ARRAY_LENGTH(get_certificate_authority_certificate_request_members)
};

static const struct member get_certificate_authority_csr_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
};

static const struct shape get_certificate_authority_csr_request = {
        .name = "GetCertificateAuthorityCsrRequest",
        .type = SHAPE_STRUCTURE,
        .members = get_certificate_authority_csr_request_members,
        .member_count = ARRAY_LENGTH(get_certificate_authority_csr_request_members)
};

static const struct member get_policy_request_members[] = {
        { "ResourceArn", &arn, true },
};

static const struct shape get_policy_request = { .name = "GetPolicyRequest",
                                                 .type = SHAPE_STRUCTURE,
                                                 .members = get_policy_request_members,
                                                 .member_count =
                                                         ARRAY_LENGTH(get_policy_request_members) };

static const struct shape certificate_body_blob = {
        .name = "CertificateBodyBlob", .type = SHAPE_BLOB, .least = 1, .most = 32768
};

static const struct shape certificate_chain_blob = { .name = "CertificateChainBlob",
                                                     .type = SHAPE_BLOB,
                                                     .most = 2097152 };

static const struct member import_certificate_authority_certificate_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
        { "Certificate", &certificate_body_blob, true },
        { "CertificateChain", &certificate_chain_blob },
};

static const struct shape import_certificate_authority_certificate_request = {
        .name = "ImportCertificateAuthorityCertificateRequest",
        .type = SHAPE_STRUCTURE,
        .members = import_certificate_authority_certificate_request_members,
        .member_count = ARRAY_LENGTH(import_certificate_authority_certificate_request_members)
};

static const char *const policy_qualifier_id_values[] = { "CPS", NULL };

static const struct shape policy_qualifier_id = { .name = "PolicyQualifierId",
                                                  .type = SHAPE_STRING,
                                                  .values = policy_qualifier_id_values };

static const struct member qualifier_members[] = {
        { "CpsUri", &string256, true },
};

static const struct shape qualifier = { .name = "Qualifier",
                                        .type = SHAPE_STRUCTURE,
                                        .members = qualifier_members,
                                        .member_count = ARRAY_LENGTH(qualifier_members) };

static const struct member policy_qualifier_info_members[] = {
        { "PolicyQualifierId", &policy_qualifier_id, true },
        { "Qualifier", &qualifier, true },
};

static const struct shape policy_qualifier_info = { .name = "PolicyQualifierInfo",
                                                    .type = SHAPE_STRUCTURE,
                                                    .members = policy_qualifier_info_members,
                                                    .member_count = ARRAY_LENGTH(
                                                            policy_qualifier_info_members) };

static const struct shape policy_qualifier_info_list = { .name = "PolicyQualifierInfoList",
                                                         .type = SHAPE_LIST,
                                                         .element = &policy_qualifier_info,
                                                         .least = 1,
                                                         .most = 20 };

static const struct member policy_information_members[] = {
        { "CertPolicyId", &custom_object_identifier, true },
        { "PolicyQualifiers", &policy_qualifier_info_list },
};

static const struct shape policy_information = { .name = "PolicyInformation",
                                                 .type = SHAPE_STRUCTURE,
                                                 .members = policy_information_members,
                                                 .member_count =
                                                         ARRAY_LENGTH(policy_information_members) };

static const struct shape certificate_policy_list = { .name = "CertificatePolicyList",
                                                      .type = SHAPE_LIST,
                                                      .element = &policy_information,
                                                      .least = 1,
                                                      .most = 20 };

static const char *const extended_key_usage_type_values[] = { "SERVER_AUTH",
                                                              "CLIENT_AUTH",
                                                              "CODE_SIGNING",
                                                              "EMAIL_PROTECTION",
                                                              "TIME_STAMPING",
                                                              "OCSP_SIGNING",
                                                              "SMART_CARD_LOGIN",
                                                              "DOCUMENT_SIGNING",
                                                              "CERTIFICATE_TRANSPARENCY",
                                                              NULL };

static const struct shape extended_key_usage_type = { .name = "ExtendedKeyUsageType",
                                                      .type = SHAPE_STRING,
                                                      .values = extended_key_usage_type_values };

static const struct member extended_key_usage_members[] = {
        { "ExtendedKeyUsageType", &extended_key_usage_type },
        { "ExtendedKeyUsageObjectIdentifier", &custom_object_identifier },
};

static const struct shape extended_key_usage = { .name = "ExtendedKeyUsage",
                                                 .type = SHAPE_STRUCTURE,
                                                 .members = extended_key_usage_members,
                                                 .member_count =
                                                         ARRAY_LENGTH(extended_key_usage_members) };

static const struct shape extended_key_usage_list = { .name = "ExtendedKeyUsageList",
                                                      .type = SHAPE_LIST,
                                                      .element = &extended_key_usage,
                                                      .least = 1,
                                                      .most = 20 };

static const struct shape general_name_list = { .name = "GeneralNameList",
                                                .type = SHAPE_LIST,
                                                .element = &general_name,
                                                .least = 1,
                                                .most = 150 };

static const struct shape base64_string1_to4096 = {
        .name = "Base64String1To4096",
        .type = SHAPE_STRING,
        .least = 1,
        .most = 4096,
        .pattern = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
};

static const struct member custom_extension_members[] = {
        { "ObjectIdentifier", &custom_object_identifier, true },
        { "Value", &base64_string1_to4096, true },
        { "Critical", &boolean_value },
};

static const struct shape custom_extension = { .name = "CustomExtension",
                                               .type = SHAPE_STRUCTURE,
                                               .members = custom_extension_members,
                                               .member_count =
                                                       ARRAY_LENGTH(custom_extension_members) };

static const struct shape custom_extension_list = { .name = "CustomExtensionList",
                                                    .type = SHAPE_LIST,
                                                    .element = &custom_extension,
                                                    .least = 1,
                                                    .most = 150 };

static const struct member extensions_members[] = {
        { "CertificatePolicies", &certificate_policy_list },
        { "ExtendedKeyUsage", &extended_key_usage_list },
        { "KeyUsage", &key_usage },
        { "SubjectAlternativeNames", &general_name_list },
        { "CustomExtensions", &custom_extension_list },
};

static const struct shape extensions = { .name = "Extensions",
                                         .type = SHAPE_STRUCTURE,
                                         .members = extensions_members,
                                         .member_count = ARRAY_LENGTH(extensions_members) };

static const struct member api_passthrough_members[] = {
        { "Extensions", &extensions },
        { "Subject", &asn1_subject },
};

static const struct shape api_passthrough = { .name = "ApiPassthrough",
                                              .type = SHAPE_STRUCTURE,
                                              .members = api_passthrough_members,
                                              .member_count =
                                                      ARRAY_LENGTH(api_passthrough_members) };

static const struct shape csr_blob = {
        .name = "CsrBlob", .type = SHAPE_BLOB, .least = 1, .most = 32768
};

static const struct shape positive_long = { .name = "PositiveLong",
                                            .type = SHAPE_LONG,
                                            .least = 1 };

static const char *const validity_period_type_values[] = { "END_DATE", "ABSOLUTE", "DAYS",
                                                           "MONTHS",   "YEARS",    NULL };

static const struct shape validity_period_type = { .name = "ValidityPeriodType",
                                                   .type = SHAPE_STRING,
                                                   .values = validity_period_type_values };

static const struct member validity_members[] = {
        { "Value", &positive_long, true },
        { "Type", &validity_period_type, true },
};

static const struct shape validity = { .name = "Validity",
                                       .type = SHAPE_STRUCTURE,
                                       .members = validity_members,
                                       .member_count = ARRAY_LENGTH(validity_members) };

static const struct member issue_certificate_request_members[] = {
        { "ApiPassthrough", &api_passthrough },
        { "CertificateAuthorityArn", &arn, true },
        { "Csr", &csr_blob, true },
        { "SigningAlgorithm", &signing_algorithm, true },
        { "TemplateArn", &arn },
        { "Validity", &validity, true },
        { "ValidityNotBefore", &validity },
        { "IdempotencyToken", &idempotency_token },
};

static const struct shape issue_certificate_request = {
        .name = "IssueCertificateRequest",
        .type = SHAPE_STRUCTURE,
        .members = issue_certificate_request_members,
        .member_count = ARRAY_LENGTH(issue_certificate_request_members)
};

static const struct shape max_results = {
        .name = "MaxResults", .type = SHAPE_INTEGER, .least = 1, .most = 1000
};

static const struct shape next_token = {
        .name = "NextToken", .type = SHAPE_STRING, .least = 1, .most = 43739
};

static const char *const resource_owner_values[] = { "SELF", "OTHER_ACCOUNTS", NULL };

static const struct shape resource_owner = { .name = "ResourceOwner",
                                             .type = SHAPE_STRING,
                                             .values = resource_owner_values };

static const struct member list_certificate_authorities_request_members[] = {
        { "MaxResults", &max_results },
        { "NextToken", &next_token },
        { "ResourceOwner", &resource_owner },
};

static const struct shape list_certificate_authorities_request = {
        .name = "ListCertificateAuthoritiesRequest",
        .type = SHAPE_STRUCTURE,
        .members = list_certificate_authorities_request_members,
        .member_count = ARRAY_LENGTH(list_certificate_authorities_request_members)
};

static const struct member list_permissions_request_members[] = {
        { "MaxResults", &max_results },
        { "NextToken", &next_token },
        { "CertificateAuthorityArn", &arn, true },
};

static const struct shape list_permissions_request = { .name = "ListPermissionsRequest",
                                                       .type = SHAPE_STRUCTURE,
                                                       .members = list_permissions_request_members,
                                                       .member_count = ARRAY_LENGTH(
                                                               list_permissions_request_members) };

static const struct member list_tags_request_members[] = {
        { "MaxResults", &max_results },
        { "NextToken", &next_token },
        { "CertificateAuthorityArn", &arn, true },
};

static const struct shape list_tags_request = { .name = "ListTagsRequest",
                                                .type = SHAPE_STRUCTURE,
                                                .members = list_tags_request_members,
                                                .member_count =
                                                        ARRAY_LENGTH(list_tags_request_members) };

static const struct shape aws_policy = { .name = "AWSPolicy",
                                         .type = SHAPE_STRING,
                                         .least = 1,
                                         .most = 81920,
                                         .pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+" };

static const struct member put_policy_request_members[] = {
        { "ResourceArn", &arn, true },
        { "Policy", &aws_policy, true },
};

static const struct shape put_policy_request = { .name = "PutPolicyRequest",
                                                 .type = SHAPE_STRUCTURE,
                                                 .members = put_policy_request_members,
                                                 .member_count =
                                                         ARRAY_LENGTH(put_policy_request_members) };

static const struct member restore_certificate_authority_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
};

static const struct shape restore_certificate_authority_request = {
        .name = "RestoreCertificateAuthorityRequest",
        .type = SHAPE_STRUCTURE,
        .members = restore_certificate_authority_request_members,
        .member_count = ARRAY_LENGTH(restore_certificate_authority_request_members)
};

static const char *const revocation_reason_values[] = {
        "UNSPECIFIED",         "KEY_COMPROMISE", "CERTIFICATE_AUTHORITY_COMPROMISE",
        "AFFILIATION_CHANGED", "SUPERSEDED",     "CESSATION_OF_OPERATION",
        "PRIVILEGE_WITHDRAWN", "A_A_COMPROMISE", NULL
};

static const struct shape revocation_reason = { .name = "RevocationReason",
                                                .type = SHAPE_STRING,
                                                .values = revocation_reason_values };

static const struct member revoke_certificate_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
        { "CertificateSerial", &string128, true },
        { "RevocationReason", &revocation_reason, true },
};

static const struct shape revoke_certificate_request = {
        .name = "RevokeCertificateRequest",
        .type = SHAPE_STRUCTURE,
        .members = revoke_certificate_request_members,
        .member_count = ARRAY_LENGTH(revoke_certificate_request_members)
};

static const struct member tag_certificate_authority_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
        { "Tags", &tag_list, true },
};

static const struct shape tag_certificate_authority_request = {
        .name = "TagCertificateAuthorityRequest",
        .type = SHAPE_STRUCTURE,
        .members = tag_certificate_authority_request_members,
        .member_count = ARRAY_LENGTH(tag_certificate_authority_request_members)
};

static const struct member untag_certificate_authority_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
        { "Tags", &tag_list, true },
};

static const struct shape untag_certificate_authority_request = {
        .name = "UntagCertificateAuthorityRequest",
        .type = SHAPE_STRUCTURE,
        .members = untag_certificate_authority_request_members,
        .member_count = ARRAY_LENGTH(untag_certificate_authority_request_members)
};

static const char *const certificate_authority_status_values[] = {
        "CREATING", "PENDING_CERTIFICATE", "ACTIVE", "DELETED", "DISABLED", "EXPIRED", "FAILED",
        NULL
};

static const struct shape certificate_authority_status = {
        .name = "CertificateAuthorityStatus",
        .type = SHAPE_STRING,
        .values = certificate_authority_status_values
};

static const struct member update_certificate_authority_request_members[] = {
        { "CertificateAuthorityArn", &arn, true },
        { "RevocationConfiguration", &revocation_configuration },
        { "Status", &certificate_authority_status },
};

static const struct shape update_certificate_authority_request = {
        .name = "UpdateCertificateAuthorityRequest",
        .type = SHAPE_STRUCTURE,
        .members = update_certificate_authority_request_members,
        .member_count = ARRAY_LENGTH(update_certificate_authority_request_members)
};

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
