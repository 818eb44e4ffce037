/*
 * The one table: what p11cert is used for, and the AWS actions that this takes.
 *
 * It drives the policies that are written, the session policies that narrow, what is checked and
 * foreseen, and the help when AWS denies.  A row says on which resource the action is authorised,
 * whether the use fails without it or only goes less comfortably, and what its condition may bind.
 * Pure.  (Service Authorization Reference: Private CA, ACM, IAM, STS, Organizations, Secrets
 * Manager.)
 */
#ifndef IAM_ACTIONS_H
#define IAM_ACTIONS_H

#include "base/bytes.h"

enum iam_use {
        USE_ISSUE,
        USE_FETCH,
        USE_RENEW,
        USE_VERIFY,
        USE_REVOKE,
        USE_CA_LIST,
        USE_CA_SHOW,
        USE_AUDIT_REPORT,
        USE_PERMISSIONS,
        USE_MANAGED,
        USE_CONNECTOR,
        USE_IDENTITY,
        IAM_USES,
};

enum iam_resource {
        RESOURCE_ANY,         /* "*": the action knows no other */
        RESOURCE_CA,          /* the CA's ARN; GetCertificate and RevokeCertificate as well */
        RESOURCE_CERTIFICATE, /* ACM: certificate/ of Region and account of the CA */
        RESOURCE_PRINCIPAL,   /* IAM: users and roles under the path /p11cert/ */
        RESOURCE_USER,        /* IAM: users under that path */
        RESOURCE_ROLE,        /* IAM: roles under that path */
        RESOURCE_COMMON_ROLE, /* the role of one name in every account */
        RESOURCE_SECRET,      /* Secrets Manager: names that begin with p11cert/ */
};

/* What a condition binds the action to, beside what a policy is asked to bind everything to. */
enum iam_bound {
        BOUND_BY_NOTHING,
        BOUND_BY_TEMPLATE, /* acm-pca:TemplateArn */
        BOUND_BY_CA,       /* acm:CertificateAuthority */
};

struct iam_grant {
        enum iam_use use;
        const char *sid; /* rows of one sid are one statement */
        const char *action;
        enum iam_resource resource;
        enum iam_bound bound;
        bool needed; /* false: left out by --strict, and never fatal when denied */
};

/* Row `index` of the table, or NULL behind the last; the rows of a use stand together. */
const struct iam_grant *iam_grant_at(size_t index);

/* A row for that action (of any case), or NULL: none of our uses takes it. */
const struct iam_grant *iam_grant_of_action(const char *action);

/* "issue", "ca-list": the name of a use on the command line; never NULL. */
const char *iam_use_name(enum iam_use use);

/* What it is for, in a few words; never NULL. */
const char *iam_use_summary(enum iam_use use);

/* The use of that name; false if there is none. */
bool iam_use_named(const char *name, enum iam_use *out) MUST_CHECK;

/*
 * The use behind a verb of the program ("submit" is issuing); false for a verb that asks AWS
 * nothing, or only things that need no permission.
 */
bool iam_use_of_verb(const char *verb, enum iam_use *out) MUST_CHECK;

#endif
