/* Users and roles: made, shown, listed, deleted. */
#include <stdlib.h>
#include <string.h>

#include "localpca/access.h"
#include "localpca/iam.h"
#include "localpca/json.h"

enum { SESSION_USUAL = 3600 };

/* -- answers ------------------------------------------------------------------------------ */

static void
user_fill(cJSON *user, const cJSON *json, bool whole)
{
        cJSON_AddStringToObject(user, "Path", json_text(json, "path"));
        cJSON_AddStringToObject(user, "UserName", json_text(json, "name"));
        cJSON_AddStringToObject(user, "UserId", json_text(json, "id"));
        cJSON_AddStringToObject(user, "Arn", json_text(json, "arn"));
        iam_add_time(user, "CreateDate", json_number(json, "created", 0));
        if (!whole)
                return;
        iam_boundary_add(user, json);
        iam_tags_add(user, json);
}

static void
role_fill(cJSON *role, const cJSON *json, bool whole)
{
        CLEANUP(free_cleanup) char *trust = iam_encoded(json_text(json, "trust"));
        const char *description = json_text(json, "description");

        cJSON_AddStringToObject(role, "Path", json_text(json, "path"));
        cJSON_AddStringToObject(role, "RoleName", json_text(json, "name"));
        cJSON_AddStringToObject(role, "RoleId", json_text(json, "id"));
        cJSON_AddStringToObject(role, "Arn", json_text(json, "arn"));
        iam_add_time(role, "CreateDate", json_number(json, "created", 0));
        cJSON_AddStringToObject(role, "AssumeRolePolicyDocument", trust);
        if (description)
                cJSON_AddStringToObject(role, "Description", description);
        cJSON_AddNumberToObject(role, "MaxSessionDuration",
                                (double)json_number(json, "max_session", SESSION_USUAL));
        if (!whole)
                return;
        iam_boundary_add(role, json);
        iam_tags_add(role, json);
}

static const struct kind {
        enum record_kind record;
        const char *type, *member, *list, *name_member, *id_prefix;
        void (*fill)(cJSON *object, const cJSON *json, bool whole);
} kinds[] = {
        { RECORD_USER, "user", "User", "Users", "UserName", "AIDA", user_fill },
        { RECORD_ROLE, "role", "Role", "Roles", "RoleName", "AROA", role_fill },
};

/* -- making ------------------------------------------------------------------------------- */

/* A trust policy has to be one, and the users and roles that it names have to exist. */
static bool
trust_names(struct call *call, const cJSON *principal)
{
        const cJSON *aws = json_member(principal, "AWS");
        const cJSON *one = cJSON_IsArray(aws) ? aws->child : aws;

        for (; one; one = cJSON_IsArray(aws) ? one->next : NULL) {
                const char *arn = cJSON_GetStringValue(one);
                CLEANUP(free_cleanup) char *what = arn ? arn_part(arn, 5) : NULL;
                CLEANUP(free_cleanup) char *service = arn ? arn_part(arn, 2) : NULL;
                bool role = what && text_starts(what, "role/");
                bool user = what && text_starts(what, "user/");

                if (!service || strcmp(service, "iam") != 0 || (!role && !user))
                        continue;
                CLEANUP(free_cleanup) char *account = arn_part(arn, 4);
                CLEANUP(free_cleanup) char *key = record_key(account, strrchr(what, '/') + 1);
                const struct record *found =
                        record_find(&call->pca->records, role ? RECORD_ROLE : RECORD_USER, key);
                bool known = found && text_equal(record_text(found, "arn"), arn);
                for (size_t i = 0; i < call->pca->identities.count && !known; i++)
                        known = strcmp(call->pca->identities.all[i]->arn, arn) == 0;
                if (!known)
                        return refuse(&call->refusal, "MalformedPolicyDocument",
                                      "Invalid principal in policy: \"AWS\":\"%s\"", arn);
        }
        return true;
}

static bool
trust_check(struct call *call, const char *text)
{
        CLEANUP(free_cleanup) char *why = NULL;
        cJSON *document = policy_check(text, POLICY_OF_TRUST, &why);
        const cJSON *statements = json_member(document, "Statement");
        const cJSON *one = cJSON_IsArray(statements) ? statements->child : statements;
        bool fine = true;

        if (!document)
                return refuse(&call->refusal, "MalformedPolicyDocument", "%s", why);
        for (; one && fine; one = cJSON_IsArray(statements) ? one->next : NULL)
                fine = trust_names(call, json_member(one, "Principal"));
        cJSON_Delete(document);
        return fine;
}

/* What a new user or role is, before it is one; NULL: refused. */
static cJSON *
holder_form(struct call *call, const struct kind *kind, const char *arn)
{
        const char *path = call_text(call, "Path");
        CLEANUP(free_cleanup) char *id = iam_id(kind->id_prefix);
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "account", call->caller->account);
        cJSON_AddStringToObject(json, "name", call_text(call, kind->name_member));
        cJSON_AddStringToObject(json, "path", path ? path : "/");
        cJSON_AddStringToObject(json, "id", id);
        cJSON_AddStringToObject(json, "arn", arn);
        cJSON_AddNumberToObject(json, "created", (double)(call->now_ms / 1000));
        json_set_text(json, "boundary", call_text(call, "PermissionsBoundary"));
        if (iam_tags_take(call, json))
                return json;
        cJSON_Delete(json);
        return NULL;
}

/* The new record, or NULL when it is refused.  `trust`: of a role; NULL for a user. */
static struct record *
holder_make(struct call *call, const struct kind *kind, const char *trust)
{
        const char *name = call_text(call, kind->name_member);
        const char *boundary = call_text(call, "PermissionsBoundary");
        CLEANUP(free_cleanup) char *arn = iam_arn(call, kind->type, call_text(call, "Path"), name);
        CLEANUP(free_cleanup) char *key = record_key(call->caller->account, name);
        CLEANUP(context_clear) struct context context = { 0 };

        context_add(&context, "iam:PermissionsBoundary", boundary);
        iam_tags_context(call, &context);
        if (!iam_may(call, arn, NULL, &context))
                return NULL;
        if (record_find(&call->pca->records, kind->record, key)) {
                refuse(&call->refusal, "EntityAlreadyExists", "%s with name %s already exists.",
                       kind->member, name);
                return NULL;
        }
        if ((boundary && !iam_managed_check(call, boundary)) ||
            (trust && !trust_check(call, trust)))
                return NULL;
        cJSON *json = holder_form(call, kind, arn);
        return json ? record_new(&call->pca->records, kind->record, key, json) : NULL;
}

/* The record's answer. */
static bool
holder_answer(struct call *call, const struct kind *kind, const struct record *record)
{
        kind->fill(cJSON_AddObjectToObject(call->output, kind->member), record->json, true);
        return true;
}

bool
iam_create_user(struct call *call)
{
        struct record *record = holder_make(call, &kinds[0], NULL);

        return record && iam_save(call, record) && holder_answer(call, &kinds[0], record);
}

bool
iam_create_role(struct call *call)
{
        const char *trust = call_text(call, "AssumeRolePolicyDocument");
        struct record *record = holder_make(call, &kinds[1], trust);

        if (!record)
                return false;
        json_set_text(record->json, "trust", trust);
        json_set_text(record->json, "description", call_text(call, "Description"));
        cJSON_AddNumberToObject(record->json, "max_session",
                                (double)call_number(call, "MaxSessionDuration", SESSION_USUAL));
        return iam_save(call, record) && holder_answer(call, &kinds[1], record);
}

/* -- showing ------------------------------------------------------------------------------ */

bool
iam_get_user(struct call *call)
{
        struct record *record = iam_holder(call, NULL);

        return record && holder_answer(call, &kinds[0], record);
}

bool
iam_get_role(struct call *call)
{
        struct record *record = iam_holder(call, NULL);

        return record && holder_answer(call, &kinds[1], record);
}

static int
by_name(const void *a, const void *b)
{
        const struct record *const *one = a, *const *other = b;

        return strcmp((*one)->key, (*other)->key);
}

/* All of the caller's account below PathPrefix, by name. */
static bool
holders_list(struct call *call, const struct kind *kind)
{
        const struct records *records = &call->pca->records;
        const char *prefix = call_text(call, "PathPrefix");
        CLEANUP(free_cleanup) char *arn = iam_arn(call, kind->type, prefix, "");
        struct record **found;
        size_t count = 0;

        if (!iam_may(call, arn, NULL, NULL))
                return false;
        found = memory_new(records->count + 1, sizeof(struct record *));
        for (size_t i = 0; i < records->count; i++) {
                struct record *one = records->all[i];
                if (one->kind == kind->record &&
                    text_equal(record_text(one, "account"), call->caller->account) &&
                    (!prefix || text_starts(record_text(one, "path"), prefix)))
                        found[count++] = one;
        }
        qsort(found, count, sizeof(struct record *), by_name);
        cJSON *all = cJSON_CreateArray();
        for (size_t i = 0; i < count; i++) {
                cJSON *one = cJSON_CreateObject();
                kind->fill(one, found[i]->json, false);
                cJSON_AddItemToArray(all, one);
        }
        free(found);
        return iam_page(call, kind->list, all);
}

bool
iam_list_users(struct call *call)
{
        return holders_list(call, &kinds[0]);
}

bool
iam_list_roles(struct call *call)
{
        return holders_list(call, &kinds[1]);
}

/* There are no groups here. */
bool
iam_list_groups_for_user(struct call *call)
{
        return iam_holder(call, NULL) && iam_page(call, "Groups", cJSON_CreateArray());
}

/* -- changing and deleting ---------------------------------------------------------------- */

bool
iam_update_assume_role_policy(struct call *call)
{
        const char *trust = call_text(call, "PolicyDocument");
        struct record *record = iam_holder(call, NULL);

        if (!record || !trust_check(call, trust))
                return false;
        json_set_text(record->json, "trust", trust);
        return iam_save(call, record);
}

bool
iam_update_role(struct call *call)
{
        struct record *record = iam_holder(call, NULL);
        int64_t most = call_number(call, "MaxSessionDuration", 0);

        if (!record)
                return false;
        if (call_text(call, "Description"))
                json_set_text(record->json, "description", call_text(call, "Description"));
        if (most)
                cJSON_ReplaceItemInObjectCaseSensitive(record->json, "max_session",
                                                       cJSON_CreateNumber((double)most));
        return iam_save(call, record);
}

static bool
in_the_way(struct call *call, const char *what)
{
        return refuse(&call->refusal, "DeleteConflict", "Cannot delete entity, must %s first.",
                      what);
}

static bool
policies_gone(struct call *call, const struct record *record)
{
        if (cJSON_GetArraySize(json_member(record->json, "inline")))
                return in_the_way(call, "delete policies");
        if (cJSON_GetArraySize(json_member(record->json, "attached")))
                return in_the_way(call, "detach all policies");
        return true;
}

/* `"from"` in a document by `"to"`; NULL when it is not in there.  The caller frees. */
static char *
replaced(const char *text, const char *from, const char *to)
{
        CLEANUP(free_cleanup) char *quoted = text_format("\"%s\"", from);
        struct buf out = { 0 };

        if (!strstr(text, quoted))
                return NULL;
        for (const char *at; (at = strstr(text, quoted)); text = at + strlen(quoted)) {
                buf_add(&out, view_of(text, (size_t)(at - text)));
                buf_format(&out, "\"%s\"", to);
        }
        buf_add_text(&out, text);
        return (char *)out.data;
}

/*
 * Trust policies that name who goes keep the id instead, as AWS has it all along: who is made anew
 * under the old name is not trusted.
 */
static bool
trusts_forget(struct call *call, const struct record *gone)
{
        const struct records *records = &call->pca->records;

        for (size_t i = 0; i < records->count; i++) {
                struct record *role = records->all[i];
                if (role->kind != RECORD_ROLE || role == gone)
                        continue;
                CLEANUP(free_cleanup)
                char *trust = replaced(record_text(role, "trust"), record_text(gone, "arn"),
                                       record_text(gone, "id"));
                if (!trust)
                        continue;
                json_set_text(role->json, "trust", trust);
                if (!iam_save(call, role))
                        return false;
        }
        return true;
}

static bool
holder_delete(struct call *call, struct record *record)
{
        struct error err = { 0 };

        if (!trusts_forget(call, record))
                return false;
        return record_delete(&call->pca->records, record, call->pca->store, &err) ||
               call_broken(call, &err);
}

bool
iam_delete_user(struct call *call)
{
        struct record *record = iam_holder(call, NULL);
        const struct records *records = &call->pca->records;
        const struct identities *identities = &call->pca->identities;

        if (!record)
                return false;
        for (size_t i = 0; i < identities->count; i++) {
                const struct identity *one = identities->all[i];
                if (!one->session_token && !one->is_role && text_equal(one->record, record->key))
                        return in_the_way(call, "delete access keys");
        }
        for (size_t i = 0; i < records->count; i++)
                if (records->all[i]->kind == RECORD_MFA &&
                    text_equal(record_text(records->all[i], "user"), record->key))
                        return in_the_way(call, "delete MFA device");
        return policies_gone(call, record) && holder_delete(call, record);
}

bool
iam_delete_role(struct call *call)
{
        struct record *record = iam_holder(call, NULL);

        return record && policies_gone(call, record) && holder_delete(call, record);
}
