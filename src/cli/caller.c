#include "cli/caller.h"

#include <stdlib.h>
#include <string.h>

void
caller_clear(struct caller *caller)
{
        sts_identity_clear(&caller->said);
        free(caller->principal);
        free(caller->name);
        free(caller->session);
        *caller = (struct caller){ 0 };
}

void
caller_read(struct sts_identity *said, struct caller *out)
{
        static const struct {
                const char *part;
                enum caller_kind kind;
        } kinds[] = {
                { ":user/", CALLER_USER },
                { ":assumed-role/", CALLER_ROLE },
                { ":root", CALLER_ROOT },
                { ":federated-user/", CALLER_FEDERATED },
        };

        *out = (struct caller){ .said = *said, .kind = CALLER_OTHER };
        *said = (struct sts_identity){ 0 };
        const char *arn = out->said.arn;

        for (size_t i = 0; out->kind == CALLER_OTHER && i < ARRAY_LENGTH(kinds); i++) {
                if (strstr(arn, kinds[i].part))
                        out->kind = kinds[i].kind;
        }
        if (out->kind == CALLER_ROLE && !sts_session_arn_read(arn, &out->principal, &out->session))
                out->kind = CALLER_OTHER;
        if (!out->principal)
                out->principal = text_copy(arn);
        if (out->kind == CALLER_USER || out->kind == CALLER_ROLE)
                out->name = text_copy(strrchr(out->principal, '/') + 1);
}

bool
caller_ask(struct aws_client *client, const char *region, struct caller *out, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf body = { 0 };
        struct sts_identity said = { 0 };
        struct aws_call call = { .service = "sts",
                                 .region = region ? region : sts_home_region(""),
                                 .operation = "GetCallerIdentity" };

        if (!aws_call(client, &call, &body, err) ||
            !sts_read_caller_identity(view_buf(&body), &said, err))
                return false;
        caller_read(&said, out);
        return true;
}

const char *
caller_kind_name(enum caller_kind kind)
{
        static const char *const names[] = {
                [CALLER_USER] = "user",   [CALLER_ROLE] = "role session",
                [CALLER_ROOT] = "root",   [CALLER_FEDERATED] = "federated user",
                [CALLER_OTHER] = "other",
        };

        return names[kind];
}

/* The same account and the same last part of the name: a session's ARN has no path. */
static bool
is_same_role(const char *role, const char *other)
{
        static const char resource[] = ":role/";
        const char *a = strstr(role, resource);
        const char *b = strstr(other, resource);

        return a && b && a - role == b - other && strncmp(role, other, (size_t)(a - role)) == 0 &&
               strcmp(strrchr(a, '/'), strrchr(b, '/')) == 0;
}

bool
caller_is(const struct caller *caller, const char *principal, const char *unique_id)
{
        const char *id = caller->said.user_id;
        size_t length = id ? strcspn(id, ":") : 0;

        if (caller->kind == CALLER_ROLE ? !is_same_role(caller->principal, principal)
                                        : strcmp(caller->principal, principal) != 0)
                return false;
        return !unique_id || (strlen(unique_id) == length && strncmp(unique_id, id, length) == 0);
}
