#include "iam/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "iam/condition.h"
#include "iam/match.h"

/* -- who asks ----------------------------------------------------------------------------- */

enum principal_kind {
        PRINCIPAL_STRANGE, /* one that is not understood */
        PRINCIPAL_ROOT,
        PRINCIPAL_USER,
        PRINCIPAL_SESSION,
        PRINCIPAL_SERVICE,
        PRINCIPAL_PROVIDER,
};

/* How an Allow of the resource's policy names who asks; each is worth more than the one before. */
enum naming { NAMED_NOT, NAMED_ACCOUNT, NAMED_ROLE, NAMED_ITSELF, NAMINGS };

struct asking {
        const struct iam_request *request;
        enum principal_kind kind;
        char *account; /* of the principal; "" when it has none */
        char *owner;   /* of the resource; "" when nobody says */
        char *user;    /* aws:username, or NULL */
        struct iam_context context;
        struct iam_key *keys;
};

/* Part `index` of an ARN, counted from 0; "" where there is none.  The caller frees. */
static char *
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
kind_of(const char *principal)
{
        CLEANUP(free_cleanup) char *service = arn_part(principal, 2);
        CLEANUP(free_cleanup) char *what = arn_part(principal, 5);

        if (!text_starts(principal, "arn:"))
                return strchr(principal, '.') ? PRINCIPAL_SERVICE : PRINCIPAL_STRANGE;
        if (strcmp(service, "sts") == 0 && text_starts(what, "assumed-role/"))
                return PRINCIPAL_SESSION;
        if (strcmp(service, "iam") != 0)
                return PRINCIPAL_STRANGE;
        if (strcmp(what, "root") == 0)
                return PRINCIPAL_ROOT;
        if (text_starts(what, "user/"))
                return PRINCIPAL_USER;
        if (text_starts(what, "oidc-provider/") || text_starts(what, "saml-provider/"))
                return PRINCIPAL_PROVIDER;
        return PRINCIPAL_STRANGE;
}

static void
add_key(struct asking *asking, const char *name, const char *const *value)
{
        if (!*value || !**value || iam_context_find(&asking->request->context, name))
                return;
        asking->keys[asking->context.count++] =
                (struct iam_key){ .name = name, .values = value, .count = 1 };
}

static void
asking_init(struct asking *asking, const struct iam_request *request)
{
        static const char *const types[] = {
                [PRINCIPAL_STRANGE] = "",  [PRINCIPAL_ROOT] = "Account",
                [PRINCIPAL_USER] = "User", [PRINCIPAL_SESSION] = "AssumedRole",
                [PRINCIPAL_SERVICE] = "",  [PRINCIPAL_PROVIDER] = "",
        };
        const struct iam_context *given = &request->context;
        enum principal_kind kind = kind_of(request->principal);
        const char *slash = strrchr(request->principal, '/');

        *asking = (struct asking){ .request = request,
                                   .kind = kind,
                                   .account = arn_part(request->principal, 4),
                                   .owner = arn_part(request->resource, 4),
                                   .context = { .open = given->open } };
        if (!*asking->owner && request->owner)
                text_assign(&asking->owner, request->owner);
        if (kind == PRINCIPAL_USER && slash)
                asking->user = text_copy(slash + 1);
        asking->keys = memory_new(given->count + 5, sizeof(*asking->keys));
        asking->context.keys = asking->keys;
        for (; asking->context.count < given->count; asking->context.count++)
                asking->keys[asking->context.count] = given->keys[asking->context.count];
        if (kind == PRINCIPAL_SESSION)
                add_key(asking, "aws:PrincipalArn", &request->role);
        else if (kind != PRINCIPAL_SERVICE && kind != PRINCIPAL_STRANGE)
                add_key(asking, "aws:PrincipalArn", &request->principal);
        add_key(asking, "aws:PrincipalAccount", (const char *const *)&asking->account);
        add_key(asking, "aws:PrincipalType", &types[kind]);
        add_key(asking, "aws:username", (const char *const *)&asking->user);
        add_key(asking, "aws:ResourceAccount", (const char *const *)&asking->owner);
}

static void
asking_clear(struct asking *asking)
{
        free(asking->account);
        free(asking->owner);
        free(asking->user);
        free(asking->keys);
}

/* -- statements --------------------------------------------------------------------------- */

static enum iam_truth
action_fits(const struct policy_statement *statement, const struct asking *asking)
{
        enum iam_truth any = IAM_NO;

        for (size_t i = 0; i < statement->actions.count; i++) {
                if (match_action(statement->actions.items[i], asking->request->action))
                        any = IAM_YES;
        }
        return statement->not_action ? iam_not(any) : any;
}

static enum iam_truth
resource_fits(const struct policy *policy, const struct policy_statement *statement,
              const struct asking *asking)
{
        enum iam_truth any = IAM_NO;

        if (policy->kind == POLICY_OF_TRUST)
                return IAM_YES;
        for (size_t i = 0; i < statement->resources.count; i++) {
                CLEANUP(buf_cleanup) struct buf ready = { 0 };
                enum iam_truth one = match_prepare(statement->resources.items[i], policy->variables,
                                                   true, &asking->context, &ready);

                if (one == IAM_NO && statement->not_resource)
                        one = IAM_UNSURE;
                if (one == IAM_YES && !match_ready(&ready, asking->request->resource))
                        one = IAM_NO;
                any = iam_or(any, one);
        }
        return statement->not_resource ? iam_not(any) : any;
}

static enum iam_truth
conditions_hold(const struct policy *policy, const struct policy_statement *statement,
                const struct asking *asking)
{
        enum iam_truth all = IAM_YES;

        for (size_t i = 0; i < statement->condition_count; i++)
                all = iam_and(all, condition_holds(&statement->conditions[i], policy->variables,
                                                   &asking->context));
        return all;
}

/* Everything of a statement but its principal. */
static enum iam_truth
statement_fits(const struct policy *policy, const struct policy_statement *statement,
               const struct asking *asking)
{
        enum iam_truth truth = action_fits(statement, asking);

        if (truth != IAM_NO)
                truth = iam_and(truth, resource_fits(policy, statement, asking));
        if (truth != IAM_NO)
                truth = iam_and(truth, conditions_hold(policy, statement, asking));
        return truth;
}

/* -- principals --------------------------------------------------------------------------- */

static bool
is_the_account(const char *who, const struct asking *asking)
{
        CLEANUP(free_cleanup) char *account = arn_part(who, 4);
        CLEANUP(free_cleanup) char *what = arn_part(who, 5);

        if (!*asking->account)
                return false;
        if (strcmp(who, asking->account) == 0)
                return true;
        return strcmp(account, asking->account) == 0 && strcmp(what, "root") == 0;
}

/* The role's ARN without its path, from the session's; "" when it is none.  The caller frees. */
static char *
role_name(const char *session)
{
        const char *start = strstr(session, ":assumed-role/");

        if (!start)
                return text_copy("");
        start += strlen(":assumed-role/");
        return text_copy_length(start, strcspn(start, "/"));
}

/*
 * Is `who` the role of this session?  Without the role's own ARN its path is not known, so that an
 * equal name in the same account leaves it open.
 */
static enum iam_truth
is_the_role(const char *who, const struct asking *asking)
{
        const struct iam_request *request = asking->request;

        if (asking->kind != PRINCIPAL_SESSION || !strstr(who, ":role/"))
                return IAM_NO;
        if (request->role)
                return strcmp(who, request->role) == 0 ? IAM_YES : IAM_NO;
        CLEANUP(free_cleanup) char *name = role_name(request->principal);
        CLEANUP(free_cleanup) char *account = arn_part(who, 4);
        bool equal = strcmp(strrchr(who, '/') + 1, name) == 0;

        return equal && strcmp(account, asking->account) == 0 ? IAM_UNSURE : IAM_NO;
}

/* How one principal names who asks: the truth of each naming. */
static void
principal_names(const struct policy_principal *principal, const struct asking *asking,
                enum iam_truth names[NAMINGS])
{
        static const char *const type_of[] = {
                [PRINCIPAL_STRANGE] = "AWS",     [PRINCIPAL_ROOT] = "AWS",
                [PRINCIPAL_USER] = "AWS",        [PRINCIPAL_SESSION] = "AWS",
                [PRINCIPAL_SERVICE] = "Service", [PRINCIPAL_PROVIDER] = "Federated",
        };
        bool anybody = strcmp(principal->who, "*") == 0;

        if (strcmp(principal->type, "*") != 0 &&
            strcmp(principal->type, type_of[asking->kind]) != 0)
                return;
        if (anybody && asking->kind == PRINCIPAL_SESSION) {
                /* Whether "*" names the role or its session is not written down. */
                names[NAMED_ROLE] = IAM_YES;
                names[NAMED_ITSELF] = iam_or(names[NAMED_ITSELF], IAM_UNSURE);
                return;
        }
        if (anybody || strcmp(principal->who, asking->request->principal) == 0)
                names[NAMED_ITSELF] = IAM_YES;
        if (is_the_account(principal->who, asking))
                names[NAMED_ACCOUNT] = IAM_YES;
        names[NAMED_ROLE] = iam_or(names[NAMED_ROLE], is_the_role(principal->who, asking));
}

static void
statement_names(const struct policy_statement *statement, const struct asking *asking,
                enum iam_truth names[NAMINGS])
{
        for (size_t i = 0; i < NAMINGS; i++)
                names[i] = IAM_NO;
        for (size_t i = 0; i < statement->principal_count; i++)
                principal_names(&statement->principals[i], asking, names);
}

static enum iam_truth
any_naming(const enum iam_truth names[NAMINGS])
{
        return iam_or(names[NAMED_ACCOUNT], iam_or(names[NAMED_ROLE], names[NAMED_ITSELF]));
}

/*
 * Does a Deny reach who asks?  Excepted by NotPrincipal is only who is named in every form that
 * AWS looks at, his account and (of a session) his role among them; who is named in some, perhaps.
 */
static enum iam_truth
denial_reaches(const struct policy_statement *statement, const struct asking *asking)
{
        enum iam_truth names[NAMINGS];
        enum iam_truth every;

        statement_names(statement, asking, names);
        if (!statement->not_principal)
                return any_naming(names);
        every = iam_and(names[NAMED_ACCOUNT], names[NAMED_ITSELF]);
        if (asking->kind == PRINCIPAL_SESSION)
                every = iam_and(every, names[NAMED_ROLE]);
        if (every == IAM_YES)
                return IAM_NO;
        return iam_or(names[NAMED_ROLE], names[NAMED_ITSELF]) == IAM_NO ? IAM_YES : IAM_UNSURE;
}

/* -- layers ------------------------------------------------------------------------------- */

/* What one layer says: the truth, and the statement it comes from. */
struct finding {
        enum iam_truth truth;
        enum iam_layer layer;
        const struct policy *policy;
        const struct policy_statement *statement;
};

static void
finding_raise(struct finding *finding, enum iam_truth truth, const struct policy *policy,
              const struct policy_statement *statement)
{
        if (truth <= finding->truth)
                return;
        finding->truth = truth;
        finding->policy = policy;
        finding->statement = statement;
}

static void
collect_allows(const struct policy *list, size_t count, const struct asking *asking,
               struct finding *out)
{
        for (size_t p = 0; p < count; p++) {
                for (size_t s = 0; s < list[p].count; s++) {
                        const struct policy_statement *statement = &list[p].statements[s];

                        if (statement->effect == POLICY_ALLOW)
                                finding_raise(out, statement_fits(&list[p], statement, asking),
                                              &list[p], statement);
                }
        }
}

static void
collect_denials(const struct policy *list, size_t count, enum iam_layer layer,
                const struct asking *asking, struct finding *out)
{
        for (size_t p = 0; p < count; p++) {
                for (size_t s = 0; s < list[p].count; s++) {
                        const struct policy_statement *statement = &list[p].statements[s];

                        if (statement->effect != POLICY_DENY)
                                continue;
                        enum iam_truth truth = statement_fits(&list[p], statement, asking);

                        if (layer == IAM_LAYER_RESOURCE)
                                truth = iam_and(truth, denial_reaches(statement, asking));
                        if (truth > out->truth)
                                out->layer = layer;
                        finding_raise(out, truth, &list[p], statement);
                }
        }
}

/* The Allows of the resource's policy, for each way of naming who asks. */
static void
collect_grants(const struct policy *policy, const struct asking *asking,
               struct finding out[NAMINGS])
{
        for (size_t s = 0; policy && s < policy->count; s++) {
                const struct policy_statement *statement = &policy->statements[s];
                enum iam_truth names[NAMINGS];

                if (statement->effect != POLICY_ALLOW)
                        continue;
                enum iam_truth fits = statement_fits(policy, statement, asking);

                statement_names(statement, asking, names);
                /* An Allow with NotPrincipal means all others; how it names them, nobody says. */
                if (statement->not_principal) {
                        enum iam_truth others = any_naming(names) == IAM_NO ? IAM_UNSURE : IAM_NO;

                        names[NAMED_ACCOUNT] = names[NAMED_ROLE] = names[NAMED_ITSELF] = others;
                }
                for (size_t i = 0; i < NAMINGS; i++)
                        finding_raise(&out[i], iam_and(fits, names[i]), policy, statement);
        }
}

/* -- the decision ------------------------------------------------------------------------- */

/* The lesser is "and": its layer is what is missing. */
static struct finding
both(struct finding a, struct finding b)
{
        return b.truth < a.truth ? b : a;
}

static struct finding
either(struct finding a, struct finding b)
{
        return b.truth > a.truth ? b : a;
}

struct layers {
        struct finding identity;
        struct finding limits; /* boundary and session policies */
        struct finding grants[NAMINGS];
};

static void
layers_collect(const struct iam_policies *policies, const struct asking *asking, struct layers *out)
{
        struct finding boundary = { .truth = IAM_YES, .layer = IAM_LAYER_BOUNDARY };
        struct finding session = { .truth = IAM_YES, .layer = IAM_LAYER_SESSION };

        *out = (struct layers){ .identity = { .layer = IAM_LAYER_IDENTITY } };
        collect_allows(policies->identity, policies->identity_count, asking, &out->identity);
        /* No policy limits an account's root. */
        if (asking->kind == PRINCIPAL_ROOT)
                out->identity.truth = IAM_YES;
        if (policies->boundary) {
                boundary.truth = IAM_NO;
                collect_allows(policies->boundary, 1, asking, &boundary);
        }
        if (policies->session_count) {
                session.truth = IAM_NO;
                collect_allows(policies->session, policies->session_count, asking, &session);
        }
        out->limits = both(boundary, session);
        for (size_t i = 0; i < NAMINGS; i++)
                out->grants[i] = (struct finding){ .layer = IAM_LAYER_RESOURCE };
        collect_grants(policies->resource, asking, out->grants);
}

/* What the Allows come to, by whose account it is and what kind of policy the resource has. */
static struct finding
allows_weigh(const struct iam_policies *policies, const struct asking *asking,
             const struct layers *layers)
{
        bool trust = policies->resource && policies->resource->kind == POLICY_OF_TRUST;
        bool foreign = *asking->owner && strcmp(asking->account, asking->owner) != 0;
        struct finding own = both(layers->identity, layers->limits);
        const struct finding *grants = layers->grants;
        struct finding named =
                either(grants[NAMED_ITSELF], either(grants[NAMED_ROLE], grants[NAMED_ACCOUNT]));

        /* Services and providers have no policies of their own. */
        if (asking->kind == PRINCIPAL_SERVICE || asking->kind == PRINCIPAL_PROVIDER)
                return grants[NAMED_ITSELF];
        if (foreign)
                return both(own, named);
        struct finding direct =
                either(grants[NAMED_ITSELF], both(grants[NAMED_ROLE], layers->limits));

        if (trust)
                return either(direct, both(named, own));
        return either(own, direct);
}

void
iam_evaluate(const struct iam_policies *policies, const struct iam_request *request,
             struct iam_answer *out)
{
        CLEANUP(asking_clear) struct asking asking;
        struct finding denial = { 0 };
        struct layers layers;

        asking_init(&asking, request);
        collect_denials(policies->identity, policies->identity_count, IAM_LAYER_IDENTITY, &asking,
                        &denial);
        collect_denials(policies->boundary, policies->boundary ? 1 : 0, IAM_LAYER_BOUNDARY, &asking,
                        &denial);
        collect_denials(policies->session, policies->session_count, IAM_LAYER_SESSION, &asking,
                        &denial);
        collect_denials(policies->resource, policies->resource ? 1 : 0, IAM_LAYER_RESOURCE, &asking,
                        &denial);
        layers_collect(policies, &asking, &layers);
        struct finding allow = allows_weigh(policies, &asking, &layers);
        struct finding shown = allow;

        if (asking.kind == PRINCIPAL_STRANGE && denial.truth != IAM_YES) {
                out->decision = IAM_UNKNOWN;
                shown = (struct finding){ 0 };
        } else if (denial.truth == IAM_YES) {
                out->decision = IAM_EXPLICIT_DENY;
                shown = denial;
        } else if (allow.truth == IAM_NO) {
                out->decision = IAM_IMPLICIT_DENY;
        } else if (denial.truth == IAM_UNSURE) {
                out->decision = IAM_UNKNOWN;
                shown = denial;
        } else {
                out->decision = allow.truth == IAM_YES ? IAM_ALLOWED : IAM_UNKNOWN;
        }
        out->layer = shown.layer;
        out->policy = shown.policy;
        out->statement = shown.statement;
}

/* -- words -------------------------------------------------------------------------------- */

const char *
iam_decision_name(enum iam_decision decision)
{
        static const char *const names[] = { [IAM_ALLOWED] = "allowed",
                                             [IAM_IMPLICIT_DENY] = "implicit deny",
                                             [IAM_EXPLICIT_DENY] = "explicit deny",
                                             [IAM_UNKNOWN] = "unknown" };

        return names[decision];
}

char *
iam_answer_text(const struct iam_answer *answer)
{
        static const char *const missing[IAM_LAYERS] = {
                [IAM_LAYER_NONE] = "no policy allows it",
                [IAM_LAYER_IDENTITY] = "no policy of the identity allows it",
                [IAM_LAYER_BOUNDARY] = "the permissions boundary does not allow it",
                [IAM_LAYER_SESSION] = "no session policy allows it",
                [IAM_LAYER_RESOURCE] = "the policy of the resource does not allow it",
        };
        CLEANUP(free_cleanup)
        char *statement =
                answer->statement ? policy_statement_name(answer->policy, answer->statement) : NULL;

        switch (answer->decision) {
        case IAM_ALLOWED:
                return text_format("allowed%s%s", statement ? " by " : "",
                                   statement ? statement : "");
        case IAM_EXPLICIT_DENY:
                return text_format("explicitly denied by %s", statement);
        case IAM_UNKNOWN:
                return text_format("unknown: %s%s", statement ? "it hangs on " : "",
                                   statement ? statement : "who asks is not understood");
        case IAM_IMPLICIT_DENY:
                break;
        }
        return text_format("implicitly denied: %s", missing[answer->layer]);
}
