#include "localpca/decide.h"

#include <string.h>

/* What one kind of policy says: a Deny of any of its documents beats every Allow. */
struct saying {
        enum policy_answer answer;
        enum policy_naming naming;
};

static void
saying_add(struct saying *saying, const cJSON *document, const struct policy_question *question)
{
        enum policy_naming naming;
        enum policy_answer answer = policy_ask(document, question, &naming);

        if (answer > saying->answer)
                saying->answer = answer;
        if (naming > saying->naming)
                saying->naming = naming;
}

struct sayings {
        struct saying identity, boundary, session, resource;
        bool has_boundary, has_session;
};

static void
sayings_collect(const struct policies *policies, const struct policy_question *question,
                struct sayings *out)
{
        const cJSON *one;

        *out = (struct sayings){ .has_boundary = policies->boundary != NULL,
                                 .has_session = policies->session != NULL };
        for (size_t i = 0; i < policies->identity_count; i++)
                saying_add(&out->identity, policies->identity[i], question);
        if (policies->boundary)
                saying_add(&out->boundary, policies->boundary, question);
        cJSON_ArrayForEach(one, policies->session) saying_add(&out->session, one, question);
        if (policies->resource)
                saying_add(&out->resource, policies->resource, question);
}

static bool
denied(const struct sayings *sayings, struct decision *out)
{
        const struct {
                const struct saying *saying;
                enum policy_layer layer;
        } order[] = {
                { &sayings->identity, LAYER_IDENTITY },
                { &sayings->resource, LAYER_RESOURCE },
                { &sayings->boundary, LAYER_BOUNDARY },
                { &sayings->session, LAYER_SESSION },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(order); i++) {
                if (order[i].saying->answer != POLICY_DENIES)
                        continue;
                out->answer = POLICY_DENIES;
                out->layer = order[i].layer;
                return true;
        }
        return false;
}

/* The first limit that does not allow; LAYER_NONE when all do. */
static enum policy_layer
limit_missing(const struct sayings *sayings)
{
        if (sayings->has_boundary && sayings->boundary.answer != POLICY_ALLOWS)
                return LAYER_BOUNDARY;
        if (sayings->has_session && sayings->session.answer != POLICY_ALLOWS)
                return LAYER_SESSION;
        return LAYER_NONE;
}

/* The caller's side alone: its policies within its limits. */
static enum policy_layer
side_missing(const struct sayings *sayings, const struct principal *principal)
{
        /* Nothing limits an account's root; whoever is federated has only what his session gives.
         */
        if (principal->kind == PRINCIPAL_ROOT)
                return LAYER_NONE;
        if (principal->kind == PRINCIPAL_SERVICE || principal->kind == PRINCIPAL_PROVIDER)
                return LAYER_IDENTITY;
        if (sayings->identity.answer != POLICY_ALLOWS)
                return LAYER_IDENTITY;
        if (principal->kind == PRINCIPAL_FEDERATED && !sayings->has_session)
                return LAYER_SESSION;
        return limit_missing(sayings);
}

static enum policy_layer
missing(const struct policies *policies, const struct sayings *sayings,
        const struct principal *principal, bool same_account)
{
        bool granted = sayings->resource.answer == POLICY_ALLOWS;
        enum policy_naming naming = sayings->resource.naming;
        bool stranger =
                principal->kind == PRINCIPAL_SERVICE || principal->kind == PRINCIPAL_PROVIDER;

        if (policies->trust && !granted)
                return LAYER_RESOURCE;
        /* Services and providers have no policies of their own: who names them has said it all. */
        if (stranger)
                return granted ? LAYER_NONE : LAYER_RESOURCE;
        if (!same_account) {
                enum policy_layer side = side_missing(sayings, principal);
                return side == LAYER_NONE && !granted ? LAYER_RESOURCE : side;
        }
        if (granted && naming == NAMED_ITSELF)
                return LAYER_NONE;
        if (granted && naming == NAMED_ROLE)
                return limit_missing(sayings);
        return side_missing(sayings, principal);
}

void
decide(const struct policies *policies, const struct policy_question *question, const char *owner,
       struct decision *out)
{
        const struct principal *principal = question->principal;
        bool same_account = !owner || !*owner || strcmp(owner, principal->account) == 0;
        struct sayings sayings;

        sayings_collect(policies, question, &sayings);
        *out = (struct decision){ .boundary_allows = !sayings.has_boundary ||
                                                     sayings.boundary.answer == POLICY_ALLOWS };
        if (denied(&sayings, out))
                return;
        out->layer = missing(policies, &sayings, principal, same_account);
        out->answer = out->layer == LAYER_NONE ? POLICY_ALLOWS : POLICY_SILENT;
}
