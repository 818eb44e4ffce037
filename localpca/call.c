/* What the operations share: members, resources, pages. */
#include <stdlib.h>
#include <string.h>

#include "localpca/pca.h"

const char *
call_text(const struct call *call, const char *member)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(call->input, member));
}

int64_t
call_number(const struct call *call, const char *member, int64_t otherwise)
{
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(call->input, member);

        return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : otherwise;
}

const char *
call_resource(const struct call *call)
{
        const char *arn = call_text(call, "CertificateAuthorityArn");

        return arn ? arn : call_text(call, "ResourceArn");
}

struct authority *
call_authority(struct call *call)
{
        const char *arn = call_resource(call);
        const char *name = arn ? strstr(arn, ":certificate-authority/") : NULL;
        struct authority *authority = arn ? authority_find(&call->pca->authorities, arn) : NULL;

        if (authority && !authority_is_gone(authority, call->now_ms / 1000))
                return authority;
        if (!name || strchr(strchr(name, '/') + 1, '/'))
                refuse(&call->refusal, "InvalidArnException",
                       "The ARN %s is not the ARN of a certificate authority", arn ? arn : "");
        else
                refuse(&call->refusal, "ResourceNotFoundException",
                       "Could not find Certificate Authority with ARN %s", arn);
        return NULL;
}

struct authority *
call_authority_in(struct call *call, unsigned states)
{
        struct authority *authority = call_authority(call);

        if (!authority)
                return NULL;
        enum authority_status status = authority_status_at(authority, call->now_ms / 1000);
        if (states & 1U << status)
                return authority;
        refuse(&call->refusal, "InvalidStateException",
               "The certificate authority is not in a valid state for %s: it is %s",
               call->operation, authority_status_name(status));
        return NULL;
}

bool
call_broken(struct call *call, const struct error *err)
{
        call->pca->broken = true;
        return refuse(&call->refusal, "InternalFailure", "localpca: %s", err->what);
}

bool
call_save(struct call *call, struct authority *authority)
{
        struct error err = { 0 };

        return authority_save(authority, call->pca->store, &err) || call_broken(call, &err);
}

/* -- pages -------------------------------------------------------------------------------- */

/* A token says which list it goes on with, and from where. */
static char *
page_token(const struct call *call, int64_t offset)
{
        const char *resource = call_resource(call), *owner = call_text(call, "ResourceOwner");
        char *plain = text_format("%s %s %s %s %lld", call->operation, resource ? resource : "*",
                                  owner ? owner : "SELF", call->caller->account, (long long)offset);
        char *token = base64_encode(view_text(plain));

        free(plain);
        return token;
}

/* The offset that NextToken stands for; false when it is not one of ours for this very list. */
static bool
page_offset(const struct call *call, int64_t *out)
{
        const char *token = call_text(call, "NextToken");
        CLEANUP(buf_cleanup) struct buf plain = { 0 };
        struct error ignored = { 0 };

        *out = 0;
        if (!token)
                return true;
        if (!base64_decode(view_text(token), &plain, &ignored))
                return false;
        const char *number = strrchr(buf_text(&plain), ' ');
        if (!number || !number_parse(number + 1, 1, INT32_MAX, out))
                return false;
        CLEANUP(free_cleanup) char *expected = page_token(call, *out);
        return strcmp(expected, token) == 0;
}

bool
call_page(struct call *call, const char *member, cJSON *all, int64_t page_most)
{
        int64_t count = cJSON_GetArraySize(all);
        int64_t most = call_number(call, "MaxResults", page_most);
        int64_t offset;

        if (!page_offset(call, &offset)) {
                cJSON_Delete(all);
                return refuse(&call->refusal, "InvalidNextTokenException",
                              "The nextToken is not valid for this list");
        }
        if (most > page_most)
                most = page_most;
        if (count - offset > most) {
                char *token = page_token(call, offset + most);
                cJSON_AddStringToObject(call->output, "NextToken", token);
                free(token);
        }
        cJSON *page = cJSON_AddArrayToObject(call->output, member);
        for (int64_t i = 0; i < most && cJSON_GetArraySize(all) > offset; i++)
                cJSON_AddItemToArray(page, cJSON_DetachItemFromArray(all, (int)offset));
        cJSON_Delete(all);
        return true;
}
