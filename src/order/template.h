/*
 * AWS Private CA certificate templates: what each sets, passes on and drops.  One table of facts.
 * Pure.  (AWS Private CA User Guide, "Certificate templates".)
 */
#ifndef ORDER_TEMPLATE_H
#define ORDER_TEMPLATE_H

#include "base/bytes.h"
#include "base/err.h"
#include "order/usage.h"

/*
 * By which permission of AWS RAM another account can use a template of a CA that is shared with it
 * (User Guide, "Cross-account access").
 */
enum template_share {
        SHARE_BY_CUSTOMER, /* one that the owner writes himself */
        SHARE_BY_NAME,     /* one of those that AWS keeps ready beside the default */
        SHARE_BY_DEFAULT,  /* AWSRAMDefaultPermissionCertificateAuthority */
};

struct template_facts {
        const char *name; /* "EndEntityCertificate" with its suffix, without "/V1" */
        const char *nick; /* short name for people, or NULL: "server" */
        bool is_ca;       /* sets CA:TRUE */
        bool is_root;     /* for a self-signed certificate */
        int path_length;  /* -1: none set */
        bool basic_constraints_critical;
        unsigned key_usage;      /* bits of order/usage.h; 0: not set by the template */
        const char *extended[2]; /* OIDs set by the template; NULL: none */
        bool extended_critical;
        bool csr_passthrough; /* other extensions of the CSR pass */
        bool api_passthrough; /* ApiPassthrough is read */
        enum template_share share;
};

/* The template with that name ("EndEntityCertificate/V1" or without the version) or nick; or NULL.
 */
const struct template_facts *template_find(const char *name);

/* The facts behind a template ARN, or NULL when this table does not know it. */
const struct template_facts *template_of_arn(const char *arn);

/* Row `index` of the table, or NULL behind the last; for listings and tests. */
const struct template_facts *template_at(size_t index);

/*
 * What the command line gave (a nick, a name with or without "/V1", an ARN) as an ARN in the
 * partition of `ca_arn`.  An ARN that the table does not know passes; a name it does not know is
 * ERROR_USAGE with the nearest one.  The caller frees `arn`.
 */
bool template_resolve(const char *given, const char *ca_arn, char **arn,
                      struct error *err) MUST_CHECK;

#endif
