#include "localpca/idempotency.h"

#include <stdlib.h>
#include <string.h>

#include "base/algorithm.h"
#include "localpca/facts.h"

enum { TOKEN_PURGE_EVERY_MS = 60 * 1000 };

static const char TOKEN[] = "IdempotencyToken";

/* What makes two requests the same: every member but the token. */
static void
request_digest(const struct call *call, uint8_t out[32])
{
        const struct shape *input = facts_input(call->operation);
        struct buf all = { 0 };

        for (size_t i = 0; i < input->member_count; i++) {
                const char *name = input->members[i].name;
                const cJSON *item = cJSON_GetObjectItemCaseSensitive(call->input, name);
                char *text = item && strcmp(name, TOKEN) != 0 ? cJSON_PrintUnformatted(item) : NULL;
                buf_format(&all, "%s=%s;", name, text ? text : "");
                cJSON_free(text);
        }
        sha256(view_buf(&all), out);
        buf_clear(&all);
}

bool
token_answer(struct call *call, const char *scope, const char *member, bool *repeated)
{
        const char *token = call_text(call, TOKEN);
        int64_t oldest = call->now_ms - call->pca->settings.idempotency_window_ms;
        struct token_use use = { 0 };
        struct error err = { 0 };
        uint8_t digest[32];
        bool found = false, done = true;

        *repeated = false;
        if (!token)
                return true;
        if (!store_token_find(call->pca->store, scope, token, &use, &found, &err))
                done = call_broken(call, &err);
        if (done && found && use.used_ms > oldest) {
                request_digest(call, digest);
                if (memcmp(use.digest, digest, sizeof(digest)) != 0)
                        done = refuse(&call->refusal, "InvalidArgsException",
                                      "The idempotencyToken was used with other parameters");
                else
                        cJSON_AddStringToObject(call->output, member, use.arn);
                *repeated = done;
        }
        token_use_clear(&use);
        return done;
}

bool
token_record(struct call *call, const char *scope, const char *arn)
{
        const char *token = call_text(call, TOKEN);
        struct pca *pca = call->pca;
        struct token_use use = { .used_ms = call->now_ms };
        struct error err = { 0 };
        bool done = true;

        if (token) {
                text_assign(&use.scope, scope);
                text_assign(&use.token, token);
                text_assign(&use.arn, arn);
                request_digest(call, use.digest);
                done = store_token_put(pca->store, &use, &err);
                token_use_clear(&use);
        }
        if (done && call->now_ms >= pca->next_token_purge_ms) {
                pca->next_token_purge_ms = call->now_ms + TOKEN_PURGE_EVERY_MS;
                done = store_token_purge(pca->store,
                                         call->now_ms - pca->settings.idempotency_window_ms, &err);
        }
        return done || call_broken(call, &err);
}
