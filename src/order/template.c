#include "order/template.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SERVER_AUTH "1.3.6.1.5.5.7.3.1"
#define CLIENT_AUTH "1.3.6.1.5.5.7.3.2"
#define CODE_SIGNING "1.3.6.1.5.5.7.3.3"
#define OCSP_SIGNING "1.3.6.1.5.5.7.3.9"

/* What a family sets in a certificate. */
#define TLS_USAGE .key_usage = USAGE_DIGITAL_SIGNATURE | USAGE_KEY_ENCIPHERMENT
#define SIGNING_USAGE .key_usage = USAGE_DIGITAL_SIGNATURE
#define CA_USAGE .key_usage = USAGE_DIGITAL_SIGNATURE | USAGE_KEY_CERT_SIGN | USAGE_CRL_SIGN
#define LEAF .is_ca = false, .path_length = -1
#define LEAF_CRITICAL LEAF, .basic_constraints_critical = true
#define CA(length) .is_ca = true, .path_length = (length), .basic_constraints_critical = true
#define ROOT(length) CA(length), .is_root = true

#define END_ENTITY LEAF, TLS_USAGE, .extended = { SERVER_AUTH, CLIENT_AUTH }
#define END_ENTITY_CLIENT LEAF, TLS_USAGE, .extended = { CLIENT_AUTH }
#define END_ENTITY_SERVER LEAF, TLS_USAGE, .extended = { SERVER_AUTH }
#define CODE LEAF, SIGNING_USAGE, .extended = { CODE_SIGNING }, .extended_critical = true
#define OCSP LEAF, SIGNING_USAGE, .extended = { OCSP_SIGNING }, .extended_critical = true

/* The varieties a family comes in. */
#define BASE(family, short_name, ...)                           \
        {                                                       \
                .name = family, .nick = short_name, __VA_ARGS__ \
        }
#define FROM_CSR(family, ...)                                                          \
        {                                                                              \
                .name = family "_CSRPassthrough", .csr_passthrough = true, __VA_ARGS__ \
        }
#define FROM_API(family, ...)                                                          \
        {                                                                              \
                .name = family "_APIPassthrough", .api_passthrough = true, __VA_ARGS__ \
        }
#define FROM_BOTH(family, ...)                                                \
        {                                                                     \
                .name = family "_APICSRPassthrough", .csr_passthrough = true, \
                .api_passthrough = true, __VA_ARGS__                          \
        }
#define THREE(family, ...) \
        FROM_CSR(family, __VA_ARGS__), FROM_API(family, __VA_ARGS__), FROM_BOTH(family, __VA_ARGS__)
#define FOUR(family, short_name, ...) \
        BASE(family, short_name, __VA_ARGS__), THREE(family, __VA_ARGS__)

/* clang-format off */
static const struct template_facts templates[] = {
        BASE("EndEntityCertificate", "end-entity", END_ENTITY, .share = SHARE_BY_DEFAULT),
        THREE("EndEntityCertificate", END_ENTITY),
        BASE("EndEntityClientAuthCertificate", "client", END_ENTITY_CLIENT,
             .share = SHARE_BY_NAME),
        THREE("EndEntityClientAuthCertificate", END_ENTITY_CLIENT),
        BASE("EndEntityServerAuthCertificate", "server", END_ENTITY_SERVER,
             .share = SHARE_BY_NAME),
        THREE("EndEntityServerAuthCertificate", END_ENTITY_SERVER),
        FOUR("CodeSigningCertificate", "code-signing", CODE),
        FOUR("OCSPSigningCertificate", "ocsp-signing", OCSP),
        FROM_CSR("BlankEndEntityCertificate", LEAF),
        FROM_API("BlankEndEntityCertificate", LEAF, .share = SHARE_BY_NAME),
        FROM_BOTH("BlankEndEntityCertificate", LEAF, .share = SHARE_BY_NAME),
        THREE("BlankEndEntityCertificate_CriticalBasicConstraints", LEAF_CRITICAL),
        BASE("SubordinateCACertificate_PathLen0", "subordinate-0", CA(0), CA_USAGE,
             .share = SHARE_BY_NAME),
        THREE("SubordinateCACertificate_PathLen0", CA(0), CA_USAGE),
        FOUR("SubordinateCACertificate_PathLen1", "subordinate-1", CA(1), CA_USAGE),
        FOUR("SubordinateCACertificate_PathLen2", "subordinate-2", CA(2), CA_USAGE),
        FOUR("SubordinateCACertificate_PathLen3", "subordinate-3", CA(3), CA_USAGE),
        THREE("BlankSubordinateCACertificate_PathLen0", CA(0)),
        THREE("BlankSubordinateCACertificate_PathLen1", CA(1)),
        THREE("BlankSubordinateCACertificate_PathLen2", CA(2)),
        THREE("BlankSubordinateCACertificate_PathLen3", CA(3)),
        BASE("RootCACertificate", "root", ROOT(-1), CA_USAGE),
        FROM_API("RootCACertificate", ROOT(-1), CA_USAGE),
        FROM_API("BlankRootCACertificate", ROOT(-1)),
        FROM_API("BlankRootCACertificate_PathLen0", ROOT(0)),
        FROM_API("BlankRootCACertificate_PathLen1", ROOT(1)),
        FROM_API("BlankRootCACertificate_PathLen2", ROOT(2)),
        FROM_API("BlankRootCACertificate_PathLen3", ROOT(3)),
};
/* clang-format on */
static_assert(ARRAY_LENGTH(templates) == 61, "all templates that exist");

static const char version[] = "/V1";

const struct template_facts *
template_at(size_t index)
{
        return index < ARRAY_LENGTH(templates) ? &templates[index] : NULL;
}

const struct template_facts *
template_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_LENGTH(templates); i++) {
                size_t len = strlen(templates[i].name);

                if (templates[i].nick && strcmp(templates[i].nick, name) == 0)
                        return &templates[i];
                if (!text_starts(name, templates[i].name))
                        continue;
                if (name[len] == '\0' || strcmp(name + len, version) == 0)
                        return &templates[i];
        }
        return NULL;
}

/* The part behind "arn:PARTITION:acm-pca:::template/", or NULL if it is no template's ARN. */
static const char *
arn_name(const char *arn)
{
        static const char service[] = ":acm-pca:::template/";
        const char *at;

        if (!text_starts(arn, "arn:"))
                return NULL;
        at = strchr(arn + strlen("arn:"), ':');
        if (!at || at == arn + strlen("arn:") || !text_starts(at, service))
                return NULL;
        return at + strlen(service);
}

const struct template_facts *
template_of_arn(const char *arn)
{
        const char *name = arn_name(arn);

        /* An ARN always carries the version, and never a nick. */
        if (!name || !strchr(name, '/'))
                return NULL;
        return template_find(name);
}

/* A name that begins so, else the one with the fewest letters to change; NULL when none is near. */
static const char *
nearest_template(const char *given)
{
        enum { FEW = 2, OF_LETTERS = 3 };
        const char *nearest = NULL;
        size_t least = strlen(given) / OF_LETTERS > FEW ? strlen(given) / OF_LETTERS : FEW;

        for (size_t i = 0; i < ARRAY_LENGTH(templates); i++) {
                const char *names[] = { templates[i].nick, templates[i].name };

                for (size_t n = 0; n < ARRAY_LENGTH(names); n++) {
                        if (!names[n])
                                continue;
                        if (*given && strncasecmp(names[n], given, strlen(given)) == 0)
                                return names[n];
                        size_t distance = text_distance(given, names[n]);

                        if (distance > least || (nearest && distance == least))
                                continue;
                        nearest = names[n];
                        least = distance;
                }
        }
        return nearest;
}

static bool
refuse_template(const char *given, struct error *err)
{
        const char *nearest = nearest_template(given);
        CLEANUP(buf_cleanup) struct buf nicks = { 0 };

        error_set(err, ERROR_USAGE, "there is no certificate template '%s'", given);
        if (nearest)
                return error_advise(err, "did you mean '%s'? An ARN is taken as it is", nearest);
        for (size_t i = 0; i < ARRAY_LENGTH(templates); i++) {
                if (templates[i].nick)
                        buf_format(&nicks, "%s%s", nicks.len ? ", " : "", templates[i].nick);
        }
        return error_advise(
                err,
                "short names are %s; `p11cert ca show --output json` lists all; an ARN is taken "
                "as it is",
                buf_text(&nicks));
}

static char *
partition_of(const char *ca_arn)
{
        const char *at = ca_arn && text_starts(ca_arn, "arn:") ? ca_arn + strlen("arn:") : NULL;
        size_t len = at ? strcspn(at, ":") : 0;

        /* A held order has no CA yet: the partition that nearly everybody is in. */
        return len ? text_copy_length(at, len) : text_copy("aws");
}

bool
template_resolve(const char *given, const char *ca_arn, char **arn, struct error *err)
{
        const struct template_facts *facts = template_find(given);

        if (text_starts(given, "arn:")) {
                const char *name = arn_name(given);

                if (!name || !*name) {
                        error_set(err, ERROR_USAGE, "'%s' is not the ARN of a template", given);
                        return error_advise(err, "it looks like arn:aws:acm-pca:::template/%s%s",
                                            templates[0].name, version);
                }
                *arn = text_copy(given);
                return true;
        }
        if (!facts)
                return refuse_template(given, err);
        CLEANUP(free_cleanup) char *partition = partition_of(ca_arn);

        *arn = text_format("arn:%s:acm-pca:::template/%s%s", partition, facts->name, version);
        return true;
}
