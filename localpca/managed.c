#include "localpca/managed.h"

#include <string.h>

#include "localpca/context.h"

#define DOCUMENT(statements) "{\"Version\":\"2012-10-17\",\"Statement\":[" statements "]}"
#define ALLOW(actions, resource) \
        "{\"Effect\":\"Allow\",\"Action\":[" actions "],\"Resource\":[\"" resource "\"]}"
#define CAS "arn:aws:acm-pca:*:*:certificate-authority/*"
#define ISSUE(effect, operation, pattern)                                   \
        "{\"Effect\":\"" effect                                             \
        "\",\"Action\":[\"acm-pca:IssueCertificate\"],\"Resource\":[\"" CAS \
        "\"],\"Condition\":{\"" operation "\":{\"acm-pca:TemplateArn\":"    \
        "[\"arn:aws:acm-pca:::template/" pattern "\"]}}}"
/* A user of that kind may issue from those templates, is denied all others, and may revoke. */
#define USER(pattern)                                                                          \
        DOCUMENT(ISSUE("Allow", "StringLike", pattern) "," ISSUE(                              \
                "Deny", "StringNotLike",                                                       \
                pattern) "," ALLOW("\"acm-pca:RevokeCertificate\",\"acm-pca:GetCertificate\"," \
                                   "\"acm-pca:ListPermissions\"",                              \
                                   CAS) "," ALLOW("\"acm-pca:ListCertificateAuthorities\"", "*"))
#define READS                                                                  \
        "\"acm-pca:DescribeCertificateAuthority\","                            \
        "\"acm-pca:DescribeCertificateAuthorityAuditReport\","                 \
        "\"acm-pca:GetCertificateAuthorityCsr\","                              \
        "\"acm-pca:GetCertificateAuthorityCertificate\","                      \
        "\"acm-pca:GetCertificate\",\"acm-pca:GetPolicy\"," /* of resources */ \
        "\"acm-pca:ListPermissions\",\"acm-pca:ListTags\""
#define AUDITOR                                                                    \
        DOCUMENT(ALLOW("\"acm-pca:CreateCertificateAuthorityAuditReport\"," READS, \
                       CAS) "," ALLOW("\"acm-pca:ListCertificateAuthorities\"", "*"))
#define READ_ONLY DOCUMENT(ALLOW("\"acm-pca:ListCertificateAuthorities\"," READS, "*"))
#define FULL DOCUMENT(ALLOW("\"acm-pca:*\"", "*"))

static const struct managed rows[] = {
        { "AWSPrivateCAUser", "/", USER("EndEntityCertificate/V*") },
        { "AWSPrivateCAPrivilegedUser", "/", USER("*CACertificate*/V*") },
        { "AWSPrivateCAFullAccess", "/", FULL },
        { "AWSPrivateCAReadOnly", "/", READ_ONLY },
        { "AWSPrivateCAAuditor", "/", AUDITOR },
        { "AWSPrivateCAConnectorForKubernetesPolicy", "/",
          DOCUMENT(ALLOW("\"acm-pca:DescribeCertificateAuthority\",\"acm-pca:GetCertificate\","
                         "\"acm-pca:IssueCertificate\"",
                         "*")) },
        /* What they were called before. */
        { "AWSCertificateManagerPrivateCAUser", "/", USER("EndEntityCertificate/V*") },
        { "AWSCertificateManagerPrivateCAPrivilegedUser", "/", USER("*CACertificate*/V*") },
        { "AWSCertificateManagerPrivateCAFullAccess", "/", FULL },
        { "AWSCertificateManagerPrivateCAReadOnly", "/", READ_ONLY },
        { "AWSCertificateManagerPrivateCAAuditor", "/", AUDITOR },
        { "AWSCertificateManagerFullAccess", "/", DOCUMENT(ALLOW("\"acm:*\"", "*")) },
        { "AdministratorAccess", "/", DOCUMENT(ALLOW("\"*\"", "*")) },
        { "IAMFullAccess", "/", DOCUMENT(ALLOW("\"iam:*\"", "*")) },
        { "IAMReadOnlyAccess", "/",
          DOCUMENT(ALLOW("\"iam:GenerateCredentialReport\","
                         "\"iam:GenerateServiceLastAccessedDetails\",\"iam:Get*\",\"iam:List*\","
                         "\"iam:SimulateCustomPolicy\",\"iam:SimulatePrincipalPolicy\"",
                         "*")) },
};

const struct managed *
managed_at(size_t index)
{
        return index < ARRAY_LENGTH(rows) ? &rows[index] : NULL;
}

const struct managed *
managed_row(const char *arn)
{
        CLEANUP(free_cleanup) char *account = arn_part(arn, 4);
        CLEANUP(free_cleanup) char *policy = arn_part(arn, 5);

        for (size_t i = 0; strcmp(account, "aws") == 0 && i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup)
                char *name = text_format("policy%s%s", rows[i].path, rows[i].name);
                if (strcmp(policy, name) == 0)
                        return &rows[i];
        }
        return NULL;
}

const cJSON *
managed_find(const char *arn)
{
        static cJSON *documents[ARRAY_LENGTH(rows)];
        const struct managed *row = managed_row(arn);

        if (!row)
                return NULL;
        cJSON **document = &documents[row - rows];
        if (!*document)
                *document = cJSON_Parse(row->text);
        assert(*document);
        return *document;
}
