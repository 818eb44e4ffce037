#include "iam/actions.h"

#include <string.h>
#include <strings.h>

/* clang-format off */
static const struct iam_grant grants[] = {
        { USE_ISSUE, "Issue", "acm-pca:IssueCertificate", RESOURCE_CA, BOUND_BY_TEMPLATE, true },
        { USE_ISSUE, "Fetch", "acm-pca:GetCertificate", RESOURCE_CA, BOUND_BY_NOTHING, true },
        { USE_ISSUE, "Fetch", "acm-pca:GetCertificateAuthorityCertificate", RESOURCE_CA, BOUND_BY_NOTHING, false },
        { USE_ISSUE, "Fetch", "acm-pca:DescribeCertificateAuthority", RESOURCE_CA, BOUND_BY_NOTHING, false },

        { USE_FETCH, "Fetch", "acm-pca:GetCertificate", RESOURCE_CA, BOUND_BY_NOTHING, true },
        { USE_FETCH, "Fetch", "acm-pca:GetCertificateAuthorityCertificate", RESOURCE_CA, BOUND_BY_NOTHING, false },
        { USE_FETCH, "Fetch", "acm-pca:DescribeCertificateAuthority", RESOURCE_CA, BOUND_BY_NOTHING, false },

        { USE_RENEW, "Issue", "acm-pca:IssueCertificate", RESOURCE_CA, BOUND_BY_TEMPLATE, true },
        { USE_RENEW, "Fetch", "acm-pca:GetCertificate", RESOURCE_CA, BOUND_BY_NOTHING, true },
        { USE_RENEW, "Fetch", "acm-pca:GetCertificateAuthorityCertificate", RESOURCE_CA, BOUND_BY_NOTHING, false },
        { USE_RENEW, "Fetch", "acm-pca:DescribeCertificateAuthority", RESOURCE_CA, BOUND_BY_NOTHING, false },

        { USE_REVOKE, "Revoke", "acm-pca:RevokeCertificate", RESOURCE_CA, BOUND_BY_NOTHING, true },
        { USE_REVOKE, "Revoke", "acm-pca:GetCertificate", RESOURCE_CA, BOUND_BY_NOTHING, false },
        { USE_REVOKE, "Revoke", "acm-pca:DescribeCertificateAuthority", RESOURCE_CA, BOUND_BY_NOTHING, false },

        { USE_CA_LIST, "ListCAs", "acm-pca:ListCertificateAuthorities", RESOURCE_ANY, BOUND_BY_NOTHING, true },

        { USE_CA_SHOW, "ShowCA", "acm-pca:DescribeCertificateAuthority", RESOURCE_CA, BOUND_BY_NOTHING, true },
        { USE_CA_SHOW, "ShowCA", "acm-pca:GetCertificateAuthorityCertificate", RESOURCE_CA, BOUND_BY_NOTHING, true },

        { USE_AUDIT_REPORT, "AuditReport", "acm-pca:CreateCertificateAuthorityAuditReport", RESOURCE_CA, BOUND_BY_NOTHING, true },
        { USE_AUDIT_REPORT, "AuditReport", "acm-pca:DescribeCertificateAuthorityAuditReport", RESOURCE_CA, BOUND_BY_NOTHING, true },
        { USE_AUDIT_REPORT, "AuditReport", "acm-pca:DescribeCertificateAuthority", RESOURCE_CA, BOUND_BY_NOTHING, false },

        { USE_PERMISSIONS, "Permissions", "acm-pca:CreatePermission", RESOURCE_CA, BOUND_BY_NOTHING, true },
        { USE_PERMISSIONS, "Permissions", "acm-pca:ListPermissions", RESOURCE_CA, BOUND_BY_NOTHING, true },
        { USE_PERMISSIONS, "Permissions", "acm-pca:DeletePermission", RESOURCE_CA, BOUND_BY_NOTHING, true },

        { USE_MANAGED, "RequestManaged", "acm:RequestCertificate", RESOURCE_ANY, BOUND_BY_CA, true },
        { USE_MANAGED, "FollowManaged", "acm:DescribeCertificate", RESOURCE_CERTIFICATE, BOUND_BY_NOTHING, true },
        { USE_MANAGED, "FollowManaged", "acm:GetCertificate", RESOURCE_CERTIFICATE, BOUND_BY_NOTHING, true },
        { USE_MANAGED, "FollowManaged", "acm:AddTagsToCertificate", RESOURCE_CERTIFICATE, BOUND_BY_NOTHING, false },
        { USE_MANAGED, "ListManaged", "acm:ListCertificates", RESOURCE_ANY, BOUND_BY_NOTHING, false },
        { USE_MANAGED, "ReadCA", "acm-pca:DescribeCertificateAuthority", RESOURCE_CA, BOUND_BY_NOTHING, false },

        { USE_CONNECTOR, "Discover", "organizations:ListAccounts", RESOURCE_ANY, BOUND_BY_NOTHING, true },
        { USE_CONNECTOR, "Discover", "organizations:DescribeOrganization", RESOURCE_ANY, BOUND_BY_NOTHING, true },
        { USE_CONNECTOR, "Discover", "sts:GetAccessKeyInfo", RESOURCE_ANY, BOUND_BY_NOTHING, false },
        { USE_CONNECTOR, "EnterAccounts", "sts:AssumeRole", RESOURCE_COMMON_ROLE, BOUND_BY_NOTHING, true },
        { USE_CONNECTOR, "Secrets", "secretsmanager:GetSecretValue", RESOURCE_SECRET, BOUND_BY_NOTHING, false },

        { USE_IDENTITY, "Users", "iam:CreateUser", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Users", "iam:GetUser", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Users", "iam:TagUser", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Users", "iam:DeleteUser", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Users", "iam:PutUserPolicy", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Users", "iam:GetUserPolicy", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Users", "iam:ListUserPolicies", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Users", "iam:DeleteUserPolicy", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Users", "iam:CreateAccessKey", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Users", "iam:ListAccessKeys", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Users", "iam:UpdateAccessKey", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Users", "iam:DeleteAccessKey", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Users", "iam:GetAccessKeyLastUsed", RESOURCE_USER, BOUND_BY_NOTHING, false },
        { USE_IDENTITY, "Users", "iam:ListAttachedUserPolicies", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Users", "iam:DetachUserPolicy", RESOURCE_USER, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Roles", "iam:CreateRole", RESOURCE_ROLE, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Roles", "iam:GetRole", RESOURCE_ROLE, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Roles", "iam:TagRole", RESOURCE_ROLE, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Roles", "iam:UpdateAssumeRolePolicy", RESOURCE_ROLE, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Roles", "iam:DeleteRole", RESOURCE_ROLE, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Roles", "iam:PutRolePolicy", RESOURCE_ROLE, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Roles", "iam:GetRolePolicy", RESOURCE_ROLE, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Roles", "iam:ListRolePolicies", RESOURCE_ROLE, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Roles", "iam:DeleteRolePolicy", RESOURCE_ROLE, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Roles", "iam:ListAttachedRolePolicies", RESOURCE_ROLE, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Roles", "iam:DetachRolePolicy", RESOURCE_ROLE, BOUND_BY_NOTHING, true },
        { USE_IDENTITY, "Simulate", "iam:SimulatePrincipalPolicy", RESOURCE_PRINCIPAL, BOUND_BY_NOTHING, false },
};

static const struct {
        const char *name;
        const char *summary;
} uses[] = {
        [USE_ISSUE] = { "issue", "issue certificates and fetch them" },
        [USE_FETCH] = { "fetch", "fetch certificates that were asked for" },
        [USE_RENEW] = { "renew", "issue successors and fetch them" },
        [USE_VERIFY] = { "verify", "hold tokens and files against the ledger" },
        [USE_REVOKE] = { "revoke", "revoke certificates" },
        [USE_CA_LIST] = { "ca-list", "list the certificate authorities of the account" },
        [USE_CA_SHOW] = { "ca-show", "read a certificate authority and its chain" },
        [USE_AUDIT_REPORT] = { "audit", "have the CA write its audit report" },
        [USE_PERMISSIONS] = { "permissions", "let ACM renew from the CA, or stop it" },
        [USE_MANAGED] = { "managed", "ask ACM for managed certificates" },
        [USE_CONNECTOR] = { "connector", "reach the accounts of an organization" },
        [USE_IDENTITY] = { "identity", "make, rotate and delete limited identities" },
};
static_assert(ARRAY_LENGTH(uses) == IAM_USES, "a name for every use");

/* Verbs that are not called as their use is. */
static const struct {
        const char *verb;
        enum iam_use use;
} verbs[] = {
        { "submit", USE_ISSUE },
        { "import", USE_FETCH },
        { "track", USE_FETCH },
        { "retire", USE_REVOKE },
        { "reconcile", USE_AUDIT_REPORT },
        { "plan", USE_CA_SHOW },
        { "resume", USE_ISSUE },
        { "batch", USE_ISSUE },
        { "station", USE_ISSUE },
        { "ca list", USE_CA_LIST },
        { "ca show", USE_CA_SHOW },
        { "ca chain", USE_CA_SHOW },
        { "doctor", USE_CA_SHOW },
        { "audit report", USE_AUDIT_REPORT },
        { "permission create", USE_PERMISSIONS },
        { "permission list", USE_PERMISSIONS },
        { "permission delete", USE_PERMISSIONS },
        { "identity create", USE_IDENTITY },
        { "identity rotate", USE_IDENTITY },
        { "identity delete", USE_IDENTITY },
};
/* clang-format on */

const struct iam_grant *
iam_grant_at(size_t index)
{
        return index < ARRAY_LENGTH(grants) ? &grants[index] : NULL;
}

const struct iam_grant *
iam_grant_of_action(const char *action)
{
        for (size_t i = 0; i < ARRAY_LENGTH(grants); i++) {
                if (strcasecmp(grants[i].action, action) == 0)
                        return &grants[i];
        }
        return NULL;
}

const char *
iam_use_name(enum iam_use use)
{
        return uses[use].name;
}

const char *
iam_use_summary(enum iam_use use)
{
        return uses[use].summary;
}

bool
iam_use_named(const char *name, enum iam_use *out)
{
        for (size_t i = 0; i < ARRAY_LENGTH(uses); i++) {
                if (strcmp(uses[i].name, name) != 0)
                        continue;
                *out = (enum iam_use)i;
                return true;
        }
        return false;
}

static bool
use_has_grants(enum iam_use use)
{
        for (size_t i = 0; i < ARRAY_LENGTH(grants); i++) {
                if (grants[i].use == use)
                        return true;
        }
        return false;
}

/* Some verbs of the family take nothing, or something else. */
static bool
family_is_mixed(enum iam_use use)
{
        return use == USE_IDENTITY || use == USE_AUDIT_REPORT;
}

bool
iam_use_of_verb(const char *verb, enum iam_use *out)
{
        for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++) {
                if (strcmp(verbs[i].verb, verb) != 0)
                        continue;
                *out = verbs[i].use;
                return true;
        }
        CLEANUP(free_cleanup) char *family = text_copy_length(verb, strcspn(verb, " "));
        enum iam_use use;

        /* "managed list" is of use "managed", but "identity whoami" needs no permission. */
        if (!iam_use_named(family, &use) || !use_has_grants(use) ||
            (family_is_mixed(use) && strcmp(family, verb) != 0))
                return false;
        *out = use;
        return true;
}
