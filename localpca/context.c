#include "localpca/context.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct context_key *
key_find(const struct context *context, const char *name)
{
        for (size_t i = 0; i < context->count; i++)
                if (strcasecmp(context->keys[i].name, name) == 0)
                        return &context->keys[i];
        return NULL;
}

const struct context_key *
context_find(const struct context *context, const char *name)
{
        return key_find(context, name);
}

void
context_add(struct context *context, const char *name, const char *value)
{
        struct context_key *key = key_find(context, name);

        if (!value)
                return;
        if (!key) {
                context->keys =
                        memory_grow(context->keys, context->count + 1, sizeof(*context->keys));
                key = &context->keys[context->count++];
                *key = (struct context_key){ .name = text_copy(name) };
        }
        key->values = memory_grow(key->values, key->count + 1, sizeof(*key->values));
        key->values[key->count++] = text_copy(value);
}

void
context_default(struct context *context, const char *name, const char *value)
{
        if (!key_find(context, name))
                context_add(context, name, value);
}

void
context_clear(struct context *context)
{
        for (size_t i = 0; i < context->count; i++) {
                for (size_t j = 0; j < context->keys[i].count; j++)
                        free(context->keys[i].values[j]);
                free(context->keys[i].values);
                free(context->keys[i].name);
        }
        free(context->keys);
        *context = (struct context){ 0 };
}

/* -- who asks ----------------------------------------------------------------------------- */

char *
arn_part(const char *arn, unsigned index)
{
        for (; index; index--) {
                arn = strchr(arn, ':');
                if (!arn)
                        return text_copy("");
                arn++;
        }
        return text_copy_length(arn, strcspn(arn, ":"));
}

static enum principal_kind
kind_of(const char *arn)
{
        static const struct {
                const char *service, *resource;
                enum principal_kind kind;
        } kinds[] = {
                { "iam", "root", PRINCIPAL_ROOT },
                { "iam", "user/", PRINCIPAL_USER },
                { "iam", "role/", PRINCIPAL_SESSION },
                { "iam", "oidc-provider/", PRINCIPAL_PROVIDER },
                { "iam", "saml-provider/", PRINCIPAL_PROVIDER },
                { "sts", "assumed-role/", PRINCIPAL_SESSION },
                { "sts", "federated-user/", PRINCIPAL_FEDERATED },
        };
        CLEANUP(free_cleanup) char *service = arn_part(arn, 2);
        CLEANUP(free_cleanup) char *resource = arn_part(arn, 5);

        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
                if (strcmp(kinds[i].service, service) == 0 &&
                    text_starts(resource, kinds[i].resource))
                        return kinds[i].kind;
        return text_starts(arn, "arn:") ? PRINCIPAL_USER : PRINCIPAL_SERVICE;
}

void
principal_read(struct principal *principal, const char *arn, const char *role)
{
        CLEANUP(free_cleanup) char *resource = arn_part(arn, 5);

        /* A role itself (the simulator's): any session of it. */
        if (!role && text_starts(resource, "role/"))
                role = arn;
        *principal = (struct principal){ .kind = kind_of(arn),
                                         .arn = text_copy(arn),
                                         .account = arn_part(arn, 4),
                                         .role = text_copy(role) };
}

void
principal_clear(struct principal *principal)
{
        free(principal->arn);
        free(principal->account);
        free(principal->role);
        *principal = (struct principal){ 0 };
}

void
principal_describe(const struct principal *principal, struct context *context)
{
        static const char *const types[] = {
                [PRINCIPAL_ROOT] = "Account",        [PRINCIPAL_USER] = "User",
                [PRINCIPAL_SESSION] = "AssumedRole", [PRINCIPAL_FEDERATED] = "FederatedUser",
                [PRINCIPAL_SERVICE] = NULL,          [PRINCIPAL_PROVIDER] = NULL,
        };
        const char *name = strrchr(principal->arn, '/');

        if (principal->kind == PRINCIPAL_SERVICE) {
                context_default(context, "aws:PrincipalServiceName", principal->arn);
                context_default(context, "aws:PrincipalIsAWSService", "true");
                return;
        }
        context_default(context, "aws:PrincipalIsAWSService", "false");
        /* A session's principal is its role (IAM User Guide, "aws:PrincipalArn"). */
        context_default(context, "aws:PrincipalArn",
                        principal->kind == PRINCIPAL_SESSION ? principal->role : principal->arn);
        context_default(context, "aws:PrincipalAccount", principal->account);
        context_default(context, "aws:PrincipalType", types[principal->kind]);
        if (principal->kind == PRINCIPAL_USER && name)
                context_default(context, "aws:username", name + 1);
}
