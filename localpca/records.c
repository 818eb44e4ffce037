#include "localpca/records.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "localpca/json.h"

static const char *const kinds[RECORD_KINDS] = {
        [RECORD_USER] = "iam-user",         [RECORD_ROLE] = "iam-role",
        [RECORD_POLICY] = "iam-policy",     [RECORD_MFA] = "iam-mfa",
        [RECORD_PROVIDER] = "iam-provider",
};

static void
record_free(struct record *record)
{
        cJSON_Delete(record->json);
        cJSON_Delete(record->ready);
        cJSON_Delete(record->before);
        free(record->key);
        free(record);
}

void
records_clear(struct records *records)
{
        for (size_t i = 0; i < records->count; i++)
                record_free(records->all[i]);
        free(records->all);
        *records = (struct records){ 0 };
}

/* Parse {name: text} into {name: document} under `name` of `ready`. */
static void
ready_add(cJSON *ready, const char *name, const cJSON *texts)
{
        cJSON *documents = cJSON_AddObjectToObject(ready, name);
        const cJSON *one;

        cJSON_ArrayForEach(one, texts)
        {
                const cJSON *text = cJSON_IsObject(one) ? json_member(one, "text") : one;
                if (cJSON_IsString(text))
                        cJSON_AddItemToObject(documents, one->string,
                                              cJSON_Parse(text->valuestring));
        }
}

static cJSON *
ready_make(const cJSON *json)
{
        static const char *const plain[] = { "attached", "boundary", "default" };
        cJSON *ready = cJSON_CreateObject();
        const char *trust = json_text(json, "trust");

        ready_add(ready, "inline", json_member(json, "inline"));
        ready_add(ready, "versions", json_member(json, "versions"));
        if (trust)
                cJSON_AddItemToObject(ready, "trust", cJSON_Parse(trust));
        for (size_t i = 0; i < ARRAY_LENGTH(plain); i++) {
                const cJSON *one = json_member(json, plain[i]);
                if (one)
                        cJSON_AddItemToObject(ready, plain[i], cJSON_Duplicate(one, true));
        }
        return ready;
}

struct record *
record_new(struct records *records, enum record_kind kind, const char *key, cJSON *json)
{
        struct record *record = memory_new(1, sizeof(*record));

        record->kind = kind;
        record->key = text_copy(key);
        record->json = json;
        records->all = memory_grow(records->all, records->count + 1, sizeof(record));
        records->all[records->count++] = record;
        return record;
}

struct loading {
        struct records *records;
        enum record_kind kind;
};

static bool
record_visit(void *context, int64_t row, const char *key, const cJSON *document, struct error *err)
{
        struct loading *loading = context;
        struct record *record =
                record_new(loading->records, loading->kind, key, cJSON_Duplicate(document, true));

        (void)row;
        (void)err;
        record->ready = ready_make(record->json);
        return true;
}

bool
records_load(struct records *records, struct store *store, struct error *err)
{
        for (enum record_kind kind = 0; kind < RECORD_KINDS; kind++) {
                struct loading loading = { records, kind };
                if (!store_document_each(store, kinds[kind], record_visit, &loading, err))
                        return false;
        }
        return true;
}

struct record *
record_find(const struct records *records, enum record_kind kind, const char *key)
{
        for (size_t i = 0; i < records->count; i++)
                if (records->all[i]->kind == kind && strcmp(records->all[i]->key, key) == 0)
                        return records->all[i];
        return NULL;
}

bool
record_save(struct record *record, struct store *store, int64_t now_ms, int64_t delay_ms,
            struct error *err)
{
        if (!store_document_put(store, kinds[record->kind], record->key, record->json, NULL, err))
                return false;
        if (now_ms >= record->in_force_ms) {
                cJSON_Delete(record->before);
                record->before = MOVE(record->ready);
        }
        cJSON_Delete(record->ready);
        record->ready = ready_make(record->json);
        record->in_force_ms = now_ms + delay_ms;
        return true;
}

bool
record_delete(struct records *records, struct record *record, struct store *store,
              struct error *err)
{
        if (!store_document_delete(store, kinds[record->kind], record->key, err))
                return false;
        for (size_t i = 0; i < records->count; i++) {
                if (records->all[i] != record)
                        continue;
                memmove(&records->all[i], &records->all[i + 1],
                        (records->count - i - 1) * sizeof(*records->all));
                records->count--;
                break;
        }
        record_free(record);
        return true;
}

const cJSON *
record_in_force(const struct record *record, int64_t now_ms)
{
        return now_ms >= record->in_force_ms ? record->ready : record->before;
}

char *
record_key(const char *account, const char *name)
{
        char *key = text_format("%s/%s", account, name);

        for (char *at = key; *at; at++)
                *at = (char)tolower((unsigned char)*at);
        return key;
}

const char *
record_text(const struct record *record, const char *member)
{
        return cJSON_GetStringValue(json_member(record->json, member));
}

int64_t
record_number(const struct record *record, const char *member)
{
        const cJSON *number = json_member(record->json, member);

        return cJSON_IsNumber(number) ? (int64_t)number->valuedouble : 0;
}
