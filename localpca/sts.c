/* STS: who am I, whose key is that, and sessions of users.  sts_role.c has those of roles. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "localpca/access.h"
#include "localpca/json.h"
#include "localpca/mfa.h"
#include "localpca/sts.h"

enum { SESSION_USUAL = 43200, SESSION_ROOT_MOST = 3600 };

void
sts_credentials_add(cJSON *output, const struct identity *session)
{
        cJSON *credentials = cJSON_AddObjectToObject(output, "Credentials");
        char *secret = text_copy_length(session->secret.data, session->secret.len);
        char until[CLOCK_TEXT];

        cJSON_AddStringToObject(credentials, "AccessKeyId", session->access_key_id);
        cJSON_AddStringToObject(credentials, "SecretAccessKey", secret);
        wipe(secret, session->secret.len);
        free(secret);
        cJSON_AddStringToObject(credentials, "SessionToken", session->session_token);
        cJSON_AddStringToObject(credentials, "Expiration", clock_format(session->expires, until));
}

static bool
sts_get_caller_identity(struct call *call)
{
        const struct identity *caller = call->caller;
        CLEANUP(free_cleanup) char *who = arn_part(caller->arn, 5);
        const char *id = caller->user_id ? caller->user_id : caller->access_key_id;

        cJSON_AddStringToObject(call->output, "Arn", caller->arn);
        cJSON_AddStringToObject(call->output, "UserId",
                                strcmp(who, "root") == 0 ? caller->account : id);
        cJSON_AddStringToObject(call->output, "Account", caller->account);
        return true;
}

/* What a user's session may do of STS: nothing more (GetSessionToken, "Permissions"). */
bool
sts_session_check(struct call *call)
{
        const struct identity *caller = call->caller;

        if (!caller->session_token || caller->is_role)
                return true;
        return refuse(&call->refusal, "AccessDenied", "Cannot call %s with session credentials",
                      call->operation);
}

static bool
sts_get_access_key_info(struct call *call)
{
        const char *id = call_text(call, "AccessKeyId");
        const struct identity *known = identity_find(&call->pca->identities, id);
        char account[13];

        if (!sts_session_check(call) ||
            !access_check_action(call, "sts:GetAccessKeyInfo", "*", "*", NULL))
                return false;
        access_key_account(id, account);
        if (!*account && !known)
                return refuse(&call->refusal, "ValidationError", "Invalid Access Key %s", id);
        cJSON_AddStringToObject(call->output, "Account", known ? known->account : account);
        return true;
}

static bool
sts_get_session_token(struct call *call)
{
        const struct identity *caller = call->caller;
        CLEANUP(free_cleanup) char *who = arn_part(caller->arn, 5);
        bool root = strcmp(who, "root") == 0;
        int64_t duration =
                call_number(call, "DurationSeconds", root ? SESSION_ROOT_MOST : SESSION_USUAL);
        int64_t now = call->now_ms / 1000, mfa_at = 0;
        struct error err = { 0 };

        if (caller->session_token)
                return refuse(&call->refusal, "AccessDenied",
                              "Cannot call GetSessionToken with session credentials");
        if (root && duration > SESSION_ROOT_MOST)
                duration = SESSION_ROOT_MOST;
        if (!mfa_check(call, &mfa_at))
                return false;
        cJSON *form = cJSON_CreateObject();
        cJSON_AddStringToObject(form, "account", caller->account);
        cJSON_AddStringToObject(form, "arn", caller->arn);
        json_set_text(form, "user_id", caller->user_id);
        json_set_text(form, "record", caller->record);
        cJSON_AddNumberToObject(form, "expires", (double)(now + duration));
        cJSON *session = cJSON_AddObjectToObject(form, "session");
        if (mfa_at)
                cJSON_AddNumberToObject(session, "mfa_at", (double)mfa_at);
        if (caller->policy)
                cJSON_AddItemToObject(form, "policy", cJSON_Duplicate(caller->policy, true));
        const struct identity *made =
                identity_make(&call->pca->identities, call->pca->store, form, true, now, &err);
        if (!made)
                return call_broken(call, &err);
        sts_credentials_add(call->output, made);
        return true;
}

const struct query_operation sts_operations[] = {
        { .name = "AssumeRole", .run = sts_assume_role },
        { .name = "AssumeRoleWithWebIdentity",
          .run = sts_assume_role_with_web_identity,
          .is_unsigned = true },
        { .name = "GetAccessKeyInfo", .run = sts_get_access_key_info },
        { .name = "GetCallerIdentity", .run = sts_get_caller_identity },
        { .name = "GetSessionToken", .run = sts_get_session_token },
        { 0 },
};
