/* AssumeRole: a session of a role, for whoever its trust policy names. */
#include <stdlib.h>
#include <string.h>

#include "localpca/access.h"
#include "localpca/json.h"
#include "localpca/mfa.h"
#include "localpca/session.h"
#include "localpca/sts.h"

enum { DURATION_USUAL = 3600 };

/* The request's tags, and the transitive ones of the session that asks, by key. */
static bool
tags_collect(struct call *call, cJSON *tags)
{
        const cJSON *session = call->caller->session;
        const cJSON *one;

        cJSON_ArrayForEach(one, json_member(session, "transitive"))
        {
                const char *value = json_text(json_member(session, "tags"), one->valuestring);
                json_set_text(tags, one->valuestring, value);
        }
        cJSON_ArrayForEach(one, json_member(call->input, "Tags"))
        {
                const char *key = json_text(one, "Key"), *value = json_text(one, "Value");
                /* One that came along cannot be set anew; nor one twice. */
                if (json_member(tags, key))
                        return refuse(&call->refusal, "InvalidParameterValue",
                                      "Duplicate tag keys found. Please note that Tag keys are "
                                      "case insensitive.");
                cJSON_AddStringToObject(tags, key, value);
        }
        return true;
}

static cJSON *
transitive_collect(const struct call *call)
{
        cJSON *keys = cJSON_CreateArray();
        const cJSON *one;

        cJSON_ArrayForEach(one, json_member(call->caller->session, "transitive"))
                cJSON_AddItemToArray(keys, cJSON_Duplicate(one, true));
        cJSON_ArrayForEach(one, json_member(call->input, "TransitiveTagKeys"))
                cJSON_AddItemToArray(keys, cJSON_Duplicate(one, true));
        return keys;
}

static const char *
source_identity(const struct call *call)
{
        const char *carried =
                json_text(json_member(call->caller->session, "context"), "aws:SourceIdentity");

        return carried ? carried : call_text(call, "SourceIdentity");
}

/* What the trust policy is asked with. */
static void
trust_context(const struct call *call, const cJSON *tags, int64_t mfa_at, struct context *out)
{
        const cJSON *tag;

        context_add(out, "sts:ExternalId", call_text(call, "ExternalId"));
        context_add(out, "sts:RoleSessionName", call_text(call, "RoleSessionName"));
        context_add(out, "sts:SourceIdentity", source_identity(call));
        if (mfa_at) {
                context_add(out, "aws:MultiFactorAuthPresent", "true");
                context_add(out, "aws:MultiFactorAuthAge", "0");
        }
        cJSON_ArrayForEach(tag, tags)
        {
                CLEANUP(free_cleanup) char *name = text_format("aws:RequestTag/%s", tag->string);
                context_add(out, name, tag->valuestring);
                context_add(out, "aws:TagKeys", tag->string);
        }
        cJSON_ArrayForEach(tag, json_member(call->input, "TransitiveTagKeys"))
                context_add(out, "sts:TransitiveTagKeys", tag->valuestring);
}

static bool
trust_check(struct call *call, const struct record *role, const cJSON *tags, int64_t mfa_at)
{
        static const char *const actions[] = { "sts:AssumeRole", "sts:TagSession",
                                               "sts:SetSourceIdentity" };
        CLEANUP(context_clear) struct context context = { 0 };
        bool wanted[] = { true, json_member(call->input, "Tags") != NULL,
                          call_text(call, "SourceIdentity") != NULL };

        trust_context(call, tags, mfa_at, &context);
        for (size_t i = 0; i < ARRAY_LENGTH(actions); i++) {
                struct trust_question question = { .role = role,
                                                   .action = actions[i],
                                                   .context = &context };
                if (wanted[i] && !access_check_trust(call, &question))
                        return false;
        }
        return true;
}

void
sts_session_answer(struct call *call, const struct identity *session,
                   const struct session_wish *wish, int64_t packed)
{
        cJSON *user;

        sts_credentials_add(call->output, session);
        user = cJSON_AddObjectToObject(call->output, "AssumedRoleUser");
        cJSON_AddStringToObject(user, "AssumedRoleId", session->user_id);
        cJSON_AddStringToObject(user, "Arn", session->arn);
        if (packed)
                cJSON_AddNumberToObject(call->output, "PackedPolicySize", (double)packed);
        if (wish->source_identity)
                cJSON_AddStringToObject(call->output, "SourceIdentity", wish->source_identity);
}

/* Who may ask at all, and for which role; NULL: refused. */
static struct record *
role_find(struct call *call)
{
        const char *arn = call_text(call, "RoleArn");
        CLEANUP(free_cleanup) char *who = arn_part(call->caller->arn, 5);

        if (strcmp(who, "root") == 0) {
                refuse(&call->refusal, "AccessDenied",
                       "Roles may not be assumed by root accounts.");
                return NULL;
        }
        if (!text_starts(arn, "arn:")) {
                refuse(&call->refusal, "ValidationError", "%s is invalid", arn);
                return NULL;
        }
        struct record *role = session_role(call->pca, arn);
        /* A role that does not exist cannot be told from one that does not trust the caller. */
        if (!role)
                refuse(&call->refusal, "AccessDenied",
                       "User: %s is not authorized to perform: sts:AssumeRole on resource: %s",
                       call->caller->arn, arn);
        return role;
}

static bool
session_give(struct call *call, struct session_wish *wish, cJSON *tags)
{
        cJSON *policies = NULL, *transitive = transitive_collect(call);
        int64_t packed = 0;
        const struct identity *session = NULL;

        if (session_policies_read(call, call_text(call, "Policy"),
                                  json_member(call->input, "PolicyArns"), tags, &policies,
                                  &packed)) {
                wish->policies = policies;
                wish->tags = tags;
                wish->transitive = transitive;
                session = session_make(call, wish);
        }
        if (session)
                sts_session_answer(call, session, wish, packed);
        cJSON_Delete(policies);
        cJSON_Delete(transitive);
        return session != NULL;
}

/* A second factor counts for the trust policy only: sessions of roles do not carry it on. */
bool
sts_assume_role(struct call *call)
{
        struct record *role = role_find(call);
        struct session_wish wish = { .role = role,
                                     .name = call_text(call, "RoleSessionName"),
                                     .duration_s =
                                             call_number(call, "DurationSeconds", DURATION_USUAL),
                                     .source_identity = source_identity(call) };
        int64_t mfa_at;

        if (!role || !mfa_check(call, &mfa_at))
                return false;
        cJSON *tags = cJSON_CreateObject();
        bool done = tags_collect(call, tags) && trust_check(call, role, tags, mfa_at) &&
                    session_duration_check(call, role, wish.duration_s, call->caller->is_role) &&
                    session_give(call, &wish, tags);
        cJSON_Delete(tags);
        return done;
}
