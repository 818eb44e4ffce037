#include "cli/keeper.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

void
keeper_clear(struct keeper *keeper)
{
        iam_entity_clear(&keeper->entity);
}

static const char *
kind_of(const struct keeper *keeper)
{
        return keeper->role ? "role" : "user";
}

static const char *
name_key(const struct keeper *keeper)
{
        return keeper->role ? "RoleName" : "UserName";
}

bool
keeper_call(struct keeper *keeper, const char *operation, char *form, bool once, struct buf *reply,
            struct error *err)
{
        struct aws_call call = { .service = "iam",
                                 .region = keeper->region,
                                 .operation = operation,
                                 .body = view_text(form),
                                 .most_attempts = once ? 1 : 0 };
        bool done = aws_call(keeper->cloud->client, &call, reply, err);

        free(form);
        return done || error_about(err, "%s '%s'", kind_of(keeper), keeper->name);
}

/* A call whose answer says nothing. */
static bool
tell(struct keeper *keeper, const char *operation, char *form, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf reply = { 0 };

        return keeper_call(keeper, operation, form, false, &reply, err);
}

bool
keeper_is_absent(const struct error *err)
{
        return strcmp(err->aws.code, "NoSuchEntity") == 0;
}

/* Done, or there was nothing to do it to. */
static bool
done_or_absent(bool done, struct error *err)
{
        if (done || !keeper_is_absent(err))
                return done;
        *err = (struct error){ 0 };
        return true;
}

/* -- whose it is -------------------------------------------------------------------------- */

static bool
refuse_foreign(const struct keeper *keeper, struct error *err)
{
        error_set(err, ERROR_OBJECT_EXISTS,
                  "there is a %s of that name which p11cert did not make: it has not both the path "
                  "%s and the tag %s=%s",
                  kind_of(keeper), KEEPER_PATH, KEEPER_TAG, KEEPER_TAG_VALUE);
        error_about(err, "%s", keeper->entity.arn);
        return error_advise(err, "take another name; this one is left as it is");
}

bool
keeper_read(struct keeper *keeper, struct error *err)
{
        const char *operation = keeper->role ? "GetRole" : "GetUser";
        CLEANUP(buf_cleanup) struct buf reply = { 0 };

        iam_entity_clear(&keeper->entity);
        keeper->found = false;
        if (!keeper_call(keeper, operation, iam_form(name_key(keeper), keeper->name, NULL), false,
                         &reply, err))
                return done_or_absent(false, err);
        keeper->found = iam_read_entity(view_buf(&reply), operation, &keeper->entity, err);
        return keeper->found;
}

bool
keeper_look(struct keeper *keeper, struct error *err)
{
        if (!keeper_read(keeper, err))
                return false;
        if (!keeper->found ||
            (strcmp(keeper->entity.path, KEEPER_PATH) == 0 &&
             text_equal(iam_entity_tag(&keeper->entity, KEEPER_TAG), KEEPER_TAG_VALUE)))
                return true;
        return refuse_foreign(keeper, err);
}

bool
keeper_look_for_either(struct keeper *keeper, struct error *err)
{
        for (int role = 0; role <= 1; role++) {
                keeper->role = role;
                if (!keeper_look(keeper, err))
                        return false;
                if (keeper->found)
                        return true;
        }
        keeper->role = false;
        error_set(err, ERROR_NOTHING, "there is no user and no role of that name");
        return error_about(err, "'%s'", keeper->name);
}

/* -- making and changing ------------------------------------------------------------------ */

/* IAM is eventually consistent; as AWS's own waiters: every second, twenty times. */
static bool
wait_until_there(struct keeper *keeper, struct error *err)
{
        for (int i = 0; i < 20; i++) {
                if (!keeper_look(keeper, err))
                        return false;
                if (keeper->found)
                        return true;
                aws_wait(keeper->cloud->client, -1, 1000);
        }
        error_set(err, ERROR_AWS_UNAVAILABLE, "IAM made the %s but does not know it yet",
                  kind_of(keeper));
        return error_advise(err, "run the command again in a minute");
}

bool
keeper_make(struct keeper *keeper, const char *trust, struct error *err)
{
        char *form = iam_form("Path", KEEPER_PATH, name_key(keeper), keeper->name,
                              "AssumeRolePolicyDocument", trust, "Tags.member.1.Key", KEEPER_TAG,
                              "Tags.member.1.Value", KEEPER_TAG_VALUE, NULL);
        const char *operation = keeper->role ? "CreateRole" : "CreateUser";
        CLEANUP(buf_cleanup) struct buf reply = { 0 };

        if (!keeper_call(keeper, operation, form, false, &reply, err)) {
                /* A first try whose answer got lost has made it. */
                if (strcmp(err->aws.code, "EntityAlreadyExists") != 0)
                        return false;
                *err = (struct error){ 0 };
                return keeper_look(keeper, err);
        }
        return iam_read_entity(view_buf(&reply), operation, &keeper->entity, err) &&
               wait_until_there(keeper, err);
}

/* Do two documents say the same, however they are written? */
static bool
is_same_json(const char *a, const char *b)
{
        cJSON *first = a ? cJSON_Parse(a) : NULL;
        cJSON *second = b ? cJSON_Parse(b) : NULL;
        bool same = first && second && cJSON_Compare(first, second, true);

        cJSON_Delete(first);
        cJSON_Delete(second);
        return same;
}

bool
keeper_set_policy(struct keeper *keeper, const char *policy, bool *changed, struct error *err)
{
        const char *get = keeper->role ? "GetRolePolicy" : "GetUserPolicy";
        CLEANUP(buf_cleanup) struct buf reply = { 0 };
        CLEANUP(free_cleanup) char *there = NULL;

        *changed = false;
        if (keeper_call(keeper, get,
                        iam_form(name_key(keeper), keeper->name, "PolicyName", KEEPER_POLICY, NULL),
                        false, &reply, err)) {
                if (!iam_read_document(view_buf(&reply), get, "PolicyDocument", &there, err))
                        return false;
        } else if (!done_or_absent(false, err)) {
                return false;
        }
        if (is_same_json(there, policy))
                return true;
        *changed = true;
        return tell(keeper, keeper->role ? "PutRolePolicy" : "PutUserPolicy",
                    iam_form(name_key(keeper), keeper->name, "PolicyName", KEEPER_POLICY,
                             "PolicyDocument", policy, NULL),
                    err);
}

bool
keeper_set_trust(struct keeper *keeper, const char *trust, bool *changed, struct error *err)
{
        *changed = !is_same_json(keeper->entity.trust, trust);
        return !*changed ||
               tell(keeper, "UpdateAssumeRolePolicy",
                    iam_form("RoleName", keeper->name, "PolicyDocument", trust, NULL), err);
}

bool
keeper_policies(struct keeper *keeper, bool attached, struct iam_names *out, struct error *err)
{
        static const char *const operations[2][2] = {
                { "ListUserPolicies", "ListAttachedUserPolicies" },
                { "ListRolePolicies", "ListAttachedRolePolicies" },
        };
        const char *operation = operations[keeper->role][attached];
        char *marker = NULL;

        do {
                CLEANUP(free_cleanup) char *from = MOVE(marker);
                CLEANUP(buf_cleanup) struct buf reply = { 0 };

                if (!keeper_call(keeper, operation,
                                 iam_form(name_key(keeper), keeper->name, "Marker", from, NULL),
                                 false, &reply, err) ||
                    !iam_read_names(view_buf(&reply), operation,
                                    attached ? "AttachedPolicies" : "PolicyNames",
                                    attached ? "PolicyArn" : NULL, out, &marker, err))
                        return false;
        } while (marker);
        return true;
}

static bool
drop_policies(struct keeper *keeper, bool attached, struct error *err)
{
        static const char *const operations[2][2] = {
                { "DeleteUserPolicy", "DetachUserPolicy" },
                { "DeleteRolePolicy", "DetachRolePolicy" },
        };
        CLEANUP(iam_names_clear) struct iam_names names = { 0 };

        if (!keeper_policies(keeper, attached, &names, err))
                return false;
        for (size_t i = 0; i < names.count; i++) {
                char *form = iam_form(name_key(keeper), keeper->name,
                                      attached ? "PolicyArn" : "PolicyName", names.all[i], NULL);

                if (!done_or_absent(tell(keeper, operations[keeper->role][attached], form, err),
                                    err))
                        return false;
        }
        return true;
}

bool
keeper_delete(struct keeper *keeper, struct error *err)
{
        return drop_policies(keeper, false, err) && drop_policies(keeper, true, err) &&
               done_or_absent(tell(keeper, keeper->role ? "DeleteRole" : "DeleteUser",
                                   iam_form(name_key(keeper), keeper->name, NULL), err),
                              err);
}

/* -- access keys -------------------------------------------------------------------------- */

bool
keeper_keys(struct keeper *keeper, struct iam_keys *out, struct error *err)
{
        char *marker = NULL;

        do {
                CLEANUP(free_cleanup) char *from = MOVE(marker);
                CLEANUP(buf_cleanup) struct buf reply = { 0 };

                if (!keeper_call(keeper, "ListAccessKeys",
                                 iam_form("UserName", keeper->name, "Marker", from, NULL), false,
                                 &reply, err) ||
                    !iam_read_keys(view_buf(&reply), out, &marker, err))
                        return false;
        } while (marker);
        return true;
}

bool
keeper_new_key(struct keeper *keeper, struct credentials *out, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf reply = { 0 };
        /* Sent twice, it would make two. */
        bool done = keeper_call(keeper, "CreateAccessKey", iam_form("UserName", keeper->name, NULL),
                                true, &reply, err) &&
                    iam_read_new_key(view_buf(&reply), out, err);

        if (reply.data)
                wipe(reply.data, reply.len);
        return done;
}

bool
keeper_delete_key(struct keeper *keeper, const char *id, struct error *err)
{
        return done_or_absent(tell(keeper, "UpdateAccessKey",
                                   iam_form("UserName", keeper->name, "AccessKeyId", id, "Status",
                                            "Inactive", NULL),
                                   err),
                              err) &&
               done_or_absent(tell(keeper, "DeleteAccessKey",
                                   iam_form("UserName", keeper->name, "AccessKeyId", id, NULL),
                                   err),
                              err);
}

bool
keeper_key_was_used(struct keeper *keeper, const char *id)
{
        CLEANUP(buf_cleanup) struct buf reply = { 0 };
        struct error ignored = { 0 };
        int64_t used = 0;

        return !keeper_call(keeper, "GetAccessKeyLastUsed", iam_form("AccessKeyId", id, NULL),
                            false, &reply, &ignored) ||
               !iam_read_last_used(view_buf(&reply), &used, &ignored) || used != 0;
}
