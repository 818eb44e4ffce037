/*
 * The condition keys of one request, and who makes it.
 */
#ifndef LOCALPCA_CONTEXT_H
#define LOCALPCA_CONTEXT_H

#include "base/bytes.h"

/* One key, "aws:SourceIp", and its values. */
struct context_key {
        char *name;
        char **values;
        size_t count;
};

/* `{ 0 }` is empty.  Names are compared without regard to case. */
struct context {
        struct context_key *keys;
        size_t count;
};

/* Another value of a key; NULL adds nothing. */
void context_add(struct context *context, const char *name, const char *value);
/* The same, unless the key is there already. */
void context_default(struct context *context, const char *name, const char *value);

const struct context_key *context_find(const struct context *context, const char *name);
void context_clear(struct context *context);

enum principal_kind {
        PRINCIPAL_ROOT, /* of an account */
        PRINCIPAL_USER,
        PRINCIPAL_SESSION, /* of a role */
        PRINCIPAL_FEDERATED,
        PRINCIPAL_SERVICE,
        PRINCIPAL_PROVIDER, /* of identities: OIDC, SAML */
};

/* Who asks. */
struct principal {
        enum principal_kind kind;
        char *arn;     /* a service's name where it is one */
        char *account; /* "" for a service */
        char *role;    /* a session's: the ARN of the role; NULL: not known */
};

/* From an ARN or a service's name; `role` as above, or NULL.  Clear it. */
void principal_read(struct principal *principal, const char *arn, const char *role);
void principal_clear(struct principal *principal);

/* The condition keys that follow from who asks: aws:PrincipalArn, aws:username and their like. */
void principal_describe(const struct principal *principal, struct context *context);

/* Part `index` of an ARN counted from 0, "" where there is none; the caller frees. */
char *arn_part(const char *arn, unsigned index);

#endif
