#include "localpca/access.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "localpca/json.h"
#include "localpca/managed.h"

/* -- policies ----------------------------------------------------------------------------- */

const cJSON *
managed_document(const struct pca *pca, const char *arn, int64_t now_ms)
{
        const cJSON *document = managed_find(arn);
        const struct record *record =
                document ? NULL : record_find(&pca->records, RECORD_POLICY, arn);
        const cJSON *ready = record ? record_in_force(record, now_ms) : NULL;
        const char *version = json_text(ready, "default");

        return version ? json_member(json_member(ready, "versions"), version) : document;
}

static void
identity_add(struct policies *policies, const cJSON *document)
{
        if (!document)
                return;
        policies->identity = memory_grow(policies->identity, policies->identity_count + 1,
                                         sizeof(*policies->identity));
        policies->identity[policies->identity_count++] = document;
}

/* A boundary that is gone allows nothing. */
static const cJSON *
boundary_find(const struct pca *pca, const char *arn, int64_t now_ms)
{
        static cJSON *nothing;
        const cJSON *document = managed_document(pca, arn, now_ms);

        if (!nothing)
                nothing = cJSON_CreateObject();
        return document ? document : nothing;
}

void
policies_of_record(const struct pca *pca, const struct record *record, int64_t now_ms,
                   struct policies *out)
{
        const cJSON *ready = record_in_force(record, now_ms);
        const char *boundary = json_text(ready, "boundary");
        const cJSON *one;

        *out = (struct policies){ 0 };
        cJSON_ArrayForEach(one, json_member(ready, "inline")) identity_add(out, one);
        cJSON_ArrayForEach(one, json_member(ready, "attached"))
                identity_add(out, managed_document(pca, one->valuestring, now_ms));
        if (boundary)
                out->boundary = boundary_find(pca, boundary, now_ms);
}

void
policies_clear(struct policies *policies)
{
        free(policies->identity);
        *policies = (struct policies){ 0 };
}

static const struct record *
caller_record(const struct call *call)
{
        const struct identity *caller = call->caller;

        if (!caller->record)
                return NULL;
        return record_find(&call->pca->records, caller->is_role ? RECORD_ROLE : RECORD_USER,
                           caller->record);
}

/* A role that was deleted and made anew is another one: its id is in the session's. */
static bool
is_same(const struct record *record, const struct identity *caller)
{
        const char *id = record_text(record, "id");

        return id && caller->user_id && text_starts(caller->user_id, id);
}

static void
policies_of_caller(const struct call *call, struct policies *out)
{
        const struct identity *caller = call->caller;
        const struct record *record = caller_record(call);

        *out = (struct policies){ 0 };
        if (record && is_same(record, caller))
                policies_of_record(call->pca, record, call->now_ms, out);
        identity_add(out, caller->policy);
        out->session = json_member(caller->session, "policies");
}

/* -- condition keys ----------------------------------------------------------------------- */

static void
tags_add(struct context *context, const cJSON *tags)
{
        const cJSON *tag;

        cJSON_ArrayForEach(tag, tags)
        {
                CLEANUP(free_cleanup) char *name = text_format("aws:PrincipalTag/%s", tag->string);
                if (cJSON_IsString(tag))
                        context_default(context, name, tag->valuestring);
        }
}

/* What a session brings along: how it was made, and whether with a second factor. */
static void
session_add(struct context *context, const struct call *call)
{
        const cJSON *session = call->caller->session;
        const cJSON *one;
        char issued[CLOCK_TEXT];

        cJSON_ArrayForEach(one, json_member(session, "context"))
                context_default(context, one->string, cJSON_GetStringValue(one));
        clock_format(call->caller->created, issued);
        context_default(context, "aws:TokenIssueTime", issued);
        int64_t at = json_number(session, "mfa_at", 0);
        context_default(context, "aws:MultiFactorAuthPresent", at ? "true" : "false");
        if (at) {
                CLEANUP(free_cleanup)
                char *age = text_format("%lld", (long long)(call->now_ms / 1000 - at));
                context_default(context, "aws:MultiFactorAuthAge", age);
        }
        tags_add(context, json_member(session, "tags"));
}

static void
request_add(struct context *context, const struct call *call)
{
        const struct sigv4_request *request = call->request;
        char now[CLOCK_TEXT];
        CLEANUP(free_cleanup)
        char *epoch = text_format("%lld", (long long)(call->now_ms / 1000));

        clock_format(call->now_ms / 1000, now);
        context_default(context, "aws:CurrentTime", now);
        context_default(context, "aws:EpochTime", epoch);
        context_default(context, "aws:RequestedRegion", call->region);
        if (!request)
                return;
        context_default(context, "aws:SourceIp", request->source_ip);
        context_default(context, "aws:SecureTransport", request->secure ? "true" : "false");
        context_default(context, "aws:UserAgent", sigv4_header(request, "User-Agent"));
}

static void
caller_add(struct context *context, const struct call *call)
{
        const struct identity *caller = call->caller;
        const struct record *record = caller_record(call);

        context_default(context, "aws:userid",
                        caller->user_id ? caller->user_id : caller->access_key_id);
        context_default(context, "aws:PrincipalOrgID", caller->organization);
        if (caller->session)
                session_add(context, call);
        if (record)
                tags_add(context, json_member(record->json, "tags"));
}

/* All that a request says of itself, behind what `more` says already. */
static void
context_fill(struct context *context, const struct call *call, const struct context *more,
             const struct principal *principal)
{
        for (size_t i = 0; more && i < more->count; i++)
                for (size_t j = 0; j < more->keys[i].count; j++)
                        context_add(context, more->keys[i].name, more->keys[i].values[j]);
        if (call->caller)
                caller_add(context, call);
        request_add(context, call);
        principal_describe(principal, context);
}

/* The tags of a resource, and those that a request wants to set. */
static void
tag_list_add(struct context *context, const char *prefix, const cJSON *tags, bool keys)
{
        const cJSON *tag;

        cJSON_ArrayForEach(tag, tags)
        {
                const char *key = json_text(tag, "Key"), *value = json_text(tag, "Value");
                if (!key)
                        continue;
                CLEANUP(free_cleanup) char *name = text_format("%s/%s", prefix, key);
                context_add(context, name, value ? value : "");
                if (keys)
                        context_add(context, "aws:TagKeys", key);
        }
}

/* -- the decision ------------------------------------------------------------------------- */

struct question {
        struct principal principal;
        struct context context;
        struct policies policies;
        struct policy_question asked;
        struct decision decision;
};

static void
question_clear(struct question *question)
{
        principal_clear(&question->principal);
        context_clear(&question->context);
        policies_clear(&question->policies);
}

static void
question_fill(struct question *question, const struct call *call, const char *action,
              const char *resource, const struct context *more, const char *owner)
{
        policies_of_caller(call, &question->policies);
        principal_read(&question->principal, call->caller->arn, call->caller->role_arn);
        context_fill(&question->context, call, more, &question->principal);
        context_default(&question->context, "aws:ResourceAccount", owner);
        question->asked = (struct policy_question){ .action = action,
                                                    .resource = resource,
                                                    .principal = &question->principal,
                                                    .context = &question->context };
}

/* How a denial ends: by the kind of policy that denies, or whose Allow is missing. */
static char *
because(const struct decision *decision, const char *action)
{
        static const char *const names[] = {
                [LAYER_NONE] = "identity-based policy",
                [LAYER_IDENTITY] = "identity-based policy",
                [LAYER_BOUNDARY] = "permissions boundary",
                [LAYER_SESSION] = "session policy",
                [LAYER_RESOURCE] = "resource-based policy",
        };
        const char *name = names[decision->layer];
        bool vowel = *name == 'i';

        if (decision->answer == POLICY_DENIES)
                return text_format("with an explicit deny in a%s %s", vowel ? "n" : "", name);
        return text_format("because no %s allows the %s action", name, action);
}

static bool
denied(struct call *call, const struct decision *decision, const char *action)
{
        const char *resource = call_resource(call);
        CLEANUP(free_cleanup) char *reason = because(decision, action);

        return refuse(&call->refusal, "AccessDeniedException",
                      "User: %s is not authorized to perform: %s on resource: %s %s",
                      call->caller->arn, action, resource ? resource : "*", reason);
}

bool
access_refuse(struct call *call)
{
        CLEANUP(free_cleanup) char *action = text_format("acm-pca:%s", call->operation);
        struct decision decision = { .layer = LAYER_IDENTITY };

        return denied(call, &decision, action);
}

bool
access_is_shared(const struct call *call, const struct authority *authority)
{
        struct question question = { 0 };

        if (!authority->policy)
                return false;
        cJSON *document = cJSON_Parse(authority->policy);
        question_fill(&question, call, "acm-pca:DescribeCertificateAuthority", authority->arn, NULL,
                      authority->account);
        bool shared = policy_ask(document, &question.asked, NULL) == POLICY_ALLOWS;
        question_clear(&question);
        cJSON_Delete(document);
        return shared;
}

bool
access_check(struct call *call)
{
        const char *resource = call_resource(call);
        const struct authority *authority =
                resource ? authority_find(&call->pca->authorities, resource) : NULL;
        CLEANUP(free_cleanup) char *action = text_format("acm-pca:%s", call->operation);
        CLEANUP(question_clear) struct question question = { 0 };
        CLEANUP(context_clear) struct context more = { 0 };

        context_add(&more, "acm-pca:TemplateArn", call_text(call, "TemplateArn"));
        tag_list_add(&more, "aws:RequestTag", json_member(call->input, "Tags"), true);
        if (authority)
                tag_list_add(&more, "aws:ResourceTag", authority->tags, false);
        const char *owner = authority ? authority->account : call->caller->account;
        question_fill(&question, call, action, resource ? resource : "*", &more, owner);
        cJSON *shared = authority && authority->policy ? cJSON_Parse(authority->policy) : NULL;
        question.policies.resource = shared;
        decide(&question.policies, &question.asked, owner, &question.decision);
        cJSON_Delete(shared);
        return question.decision.answer == POLICY_ALLOWS ||
               denied(call, &question.decision, action);
}

bool
access_check_action(struct call *call, const char *action, const char *resource, const char *shown,
                    const struct context *context)
{
        CLEANUP(question_clear) struct question question = { 0 };

        question_fill(&question, call, action, resource, context, call->caller->account);
        decide(&question.policies, &question.asked, call->caller->account, &question.decision);
        if (question.decision.answer == POLICY_ALLOWS)
                return true;
        CLEANUP(free_cleanup) char *reason = because(&question.decision, action);
        return refuse(&call->refusal, "AccessDenied",
                      "User: %s is not authorized to perform: %s on resource: %s %s",
                      call->caller->arn, action, shown, reason);
}

/* -- trust -------------------------------------------------------------------------------- */

static void
trust_decide(const struct call *call, const struct trust_question *question,
             struct decision *decision)
{
        const struct record *role = question->role;
        const char *arn = record_text(role, "arn"), *owner = record_text(role, "account");
        CLEANUP(context_clear) struct context context = { 0 };
        CLEANUP(policies_clear) struct policies policies = { 0 };
        struct principal own = { 0 };
        const struct principal *principal = question->principal;
        const cJSON *tag;

        if (!principal) {
                policies_of_caller(call, &policies);
                principal_read(&own, call->caller->arn, call->caller->role_arn);
                principal = &own;
        }
        context_fill(&context, call, question->context, principal);
        context_default(&context, "aws:ResourceAccount", owner);
        cJSON_ArrayForEach(tag, json_member(role->json, "tags"))
        {
                CLEANUP(free_cleanup) char *name = text_format("aws:ResourceTag/%s", tag->string);
                context_default(&context, name, cJSON_GetStringValue(tag));
        }
        policies.resource = json_member(record_in_force(role, call->now_ms), "trust");
        policies.trust = true;
        struct policy_question asked = { .action = question->action,
                                         .resource = arn,
                                         .principal = principal,
                                         .context = &context };
        decide(&policies, &asked, owner, decision);
        principal_clear(&own);
}

bool
access_is_trusted(struct call *call, const struct trust_question *question)
{
        struct decision decision;

        trust_decide(call, question, &decision);
        return decision.answer == POLICY_ALLOWS;
}

bool
access_check_trust(struct call *call, const struct trust_question *question)
{
        struct decision decision;
        const char *arn = record_text(question->role, "arn");

        trust_decide(call, question, &decision);
        if (decision.answer == POLICY_ALLOWS)
                return true;
        /* STS does not tell whose Allow is missing. */
        CLEANUP(free_cleanup)
        char *reason = decision.answer == POLICY_DENIES ? because(&decision, question->action)
                                                        : text_copy("");
        return refuse(&call->refusal, "AccessDenied",
                      "User: %s is not authorized to perform: %s on resource: %s%s%s",
                      call->caller->arn, question->action, arn, *reason ? " " : "", reason);
}
