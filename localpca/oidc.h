/*
 * A local issuer of OpenID Connect tokens, as a CI system is one: it signs tokens for whatever
 * subject it is asked for, and STS believes them where an account has it as a provider.
 *
 * Its URL is OIDC_ISSUER, a name that nobody resolves: the verification key is taken from the state
 * and not fetched.  One RSA and one EC key are made when the first token is.
 */
#ifndef LOCALPCA_OIDC_H
#define LOCALPCA_OIDC_H

#include "localpca/pca.h"

#define OIDC_ISSUER "https://oidc.localpca.test"

/* What a token is to say.  What is NULL is left out. */
struct oidc_wish {
        const char *issuer;    /* OIDC_ISSUER */
        const char *subject;   /* "sub" */
        const char *audience;  /* "aud" */
        const char *algorithm; /* "RS256", "ES256", or another one, which is then not signed */
        int64_t issued, expires;
        const cJSON *claims; /* {"name":"value"}: more of them */
};

/* A token (RFC 7519, compact); the caller frees.  NULL: the state failed. */
char *oidc_token_make(struct pca *pca, const struct oidc_wish *wish, struct error *err) MUST_CHECK;

/*
 * A token taken apart: its claims, once the form is right and the signature is by the local issuer.
 * The caller deletes it.
 * refusals: InvalidIdentityToken
 */
cJSON *oidc_token_read(struct call *call, const char *token) MUST_CHECK;

#endif
