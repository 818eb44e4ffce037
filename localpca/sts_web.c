/* AssumeRoleWithWebIdentity: a session of a role for whoever an identity provider vouches for. */
#include <stdlib.h>
#include <string.h>

#include "localpca/access.h"
#include "localpca/json.h"
#include "localpca/oidc.h"
#include "localpca/session.h"
#include "localpca/sts.h"

enum { DURATION_USUAL = 3600 };

struct web {
        cJSON *claims;
        const struct record *provider;
        char *issuer; /* without "https://": the prefix of its condition keys */
        char *audience;
};

static void
web_clear(struct web *web)
{
        cJSON_Delete(web->claims);
        free(web->issuer);
        free(web->audience);
}

static bool
denied(struct call *call)
{
        return refuse(&call->refusal, "AccessDenied",
                      "Not authorized to perform sts:AssumeRoleWithWebIdentity");
}

/* The provider of the role's account for the token's issuer. */
static bool
provider_find(struct call *call, struct web *web)
{
        const char *issuer = json_text(web->claims, "iss");
        const char *role = call_text(call, "RoleArn");
        CLEANUP(free_cleanup) char *partition = arn_part(role, 1);
        CLEANUP(free_cleanup) char *account = arn_part(role, 4);

        web->issuer = text_copy(text_starts(issuer, "https://") ? issuer + 8 : issuer);
        CLEANUP(free_cleanup)
        char *arn = text_format("arn:%s:iam::%s:oidc-provider/%s", partition, account, web->issuer);
        web->provider = record_find(&call->pca->records, RECORD_PROVIDER, arn);
        return web->provider ||
               refuse(&call->refusal, "InvalidIdentityToken",
                      "No OpenIDConnect provider found in your account for %s", issuer);
}

static bool
is_client(const struct record *provider, const char *audience)
{
        const cJSON *one;

        cJSON_ArrayForEach(one, json_member(provider->json, "clients"))
        {
                if (strcmp(one->valuestring, audience) == 0)
                        return true;
        }
        return false;
}

/* "aud" is one text or a list: the first that the provider knows counts. */
static bool
audience_check(struct call *call, struct web *web)
{
        const cJSON *aud = json_member(web->claims, "aud");
        const cJSON *one = cJSON_IsArray(aud) ? aud->child : aud;

        for (; one; one = cJSON_IsArray(aud) ? one->next : NULL)
                if (cJSON_IsString(one) && is_client(web->provider, one->valuestring)) {
                        web->audience = text_copy(one->valuestring);
                        return true;
                }
        return refuse(&call->refusal, "InvalidIdentityToken", "Incorrect token audience");
}

static bool
claims_check(struct call *call, const struct web *web)
{
        static const char *const required[] = { "sub", "exp", "iat" };
        int64_t now = call->now_ms / 1000;

        for (size_t i = 0; i < ARRAY_LENGTH(required); i++)
                if (!json_member(web->claims, required[i]))
                        return refuse(&call->refusal, "InvalidIdentityToken",
                                      "Missing a required claim: %s", required[i]);
        if (!json_text(web->claims, "sub"))
                return refuse(&call->refusal, "InvalidIdentityToken",
                              "The claim sub has to be a text");
        int64_t expires = json_number(web->claims, "exp", 0);
        int64_t from = json_number(web->claims, "nbf", json_number(web->claims, "iat", 0));
        if (now >= expires)
                return refuse(&call->refusal, "ExpiredTokenException",
                              "Token expired: current date/time %lld must be before the "
                              "expiration date/time %lld",
                              (long long)now, (long long)expires);
        return from <= now + 300 || refuse(&call->refusal, "InvalidIdentityToken",
                                           "The token is not valid yet: %lld", (long long)from);
}

/* HOST:sub and HOST:aud, which trust policies ask for. */
static void
keys_add(const struct web *web, cJSON *context)
{
        CLEANUP(free_cleanup) char *sub = text_format("%s:sub", web->issuer);
        CLEANUP(free_cleanup) char *aud = text_format("%s:aud", web->issuer);

        json_set_text(context, sub, json_text(web->claims, "sub"));
        json_set_text(context, aud, web->audience);
        json_set_text(context, "aws:FederatedProvider", web->provider->key);
}

static bool
is_trusted(struct call *call, const struct record *role, const struct web *web,
           const cJSON *session_keys)
{
        CLEANUP(context_clear) struct context context = { 0 };
        struct principal principal;
        const cJSON *one;

        cJSON_ArrayForEach(one, session_keys) context_add(&context, one->string, one->valuestring);
        context_add(&context, "sts:RoleSessionName", call_text(call, "RoleSessionName"));
        principal_read(&principal, web->provider->key, NULL);
        struct trust_question question = { .role = role,
                                           .action = "sts:AssumeRoleWithWebIdentity",
                                           .principal = &principal,
                                           .context = &context };
        bool trusted = access_is_trusted(call, &question);
        principal_clear(&principal);
        return trusted;
}

static bool
session_give(struct call *call, struct session_wish *wish, const struct web *web)
{
        cJSON *policies = NULL;
        int64_t packed = 0;
        const struct identity *session = NULL;

        if (session_policies_read(call, call_text(call, "Policy"),
                                  json_member(call->input, "PolicyArns"), NULL, &policies,
                                  &packed)) {
                wish->policies = policies;
                session = session_make(call, wish);
        }
        cJSON_Delete(policies);
        wish->policies = NULL;
        if (!session)
                return false;
        sts_session_answer(call, session, wish, packed);
        cJSON_AddStringToObject(call->output, "SubjectFromWebIdentityToken",
                                json_text(web->claims, "sub"));
        cJSON_AddStringToObject(call->output, "Provider", web->provider->key);
        cJSON_AddStringToObject(call->output, "Audience", web->audience);
        return true;
}

bool
sts_assume_role_with_web_identity(struct call *call)
{
        CLEANUP(web_clear) struct web web = { 0 };
        const char *arn = call_text(call, "RoleArn");
        struct session_wish wish = { .name = call_text(call, "RoleSessionName"),
                                     .duration_s =
                                             call_number(call, "DurationSeconds", DURATION_USUAL) };

        if (!text_starts(arn, "arn:"))
                return refuse(&call->refusal, "ValidationError", "Request ARN is invalid");
        web.claims = oidc_token_read(call, call_text(call, "WebIdentityToken"));
        if (!web.claims || !provider_find(call, &web) || !audience_check(call, &web) ||
            !claims_check(call, &web))
                return false;
        wish.role = session_role(call->pca, arn);
        if (!wish.role)
                return denied(call);
        cJSON *keys = cJSON_CreateObject();
        keys_add(&web, keys);
        wish.context = keys;
        bool done = is_trusted(call, wish.role, &web, keys)
                            ? session_duration_check(call, wish.role, wish.duration_s, false) &&
                                      session_give(call, &wish, &web)
                            : denied(call);
        cJSON_Delete(keys);
        return done;
}
