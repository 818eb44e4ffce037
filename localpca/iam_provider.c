/* OIDC identity providers. */
#include <stdlib.h>
#include <string.h>

#include "localpca/iam.h"
#include "localpca/json.h"

static bool
provider_may(struct call *call)
{
        return iam_may(call, call_text(call, "OpenIDConnectProviderArn"), NULL, NULL);
}

static struct record *
provider_find(struct call *call)
{
        const char *arn = call_text(call, "OpenIDConnectProviderArn");
        struct record *record = record_find(&call->pca->records, RECORD_PROVIDER, arn);

        if (record && text_equal(record_text(record, "account"), call->caller->account))
                return record;
        refuse(&call->refusal, "NoSuchEntity", "OpenIDConnect Provider not found for arn %s", arn);
        return NULL;
}

bool
iam_create_provider(struct call *call)
{
        static const char https[] = "https://";
        const char *url = call_text(call, "Url");
        const cJSON *clients = json_member(call->input, "ClientIDList");
        const cJSON *thumbprints = json_member(call->input, "ThumbprintList");
        bool fine = text_starts(url, https) && url[strlen(https)];
        const char *host = fine ? url + strlen(https) : "";
        CLEANUP(free_cleanup) char *arn = iam_arn(call, "oidc-provider", NULL, host);

        if (!iam_may(call, arn, NULL, NULL))
                return false;
        if (!fine)
                return refuse(&call->refusal, "InvalidInput",
                              "Invalid Open ID Connect Provider "
                              "URL");
        if (record_find(&call->pca->records, RECORD_PROVIDER, arn))
                return refuse(&call->refusal, "EntityAlreadyExists",
                              "Provider with url %s already exists.", url);
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "account", call->caller->account);
        cJSON_AddStringToObject(json, "arn", arn);
        cJSON_AddStringToObject(json, "url", host);
        cJSON_AddNumberToObject(json, "created", (double)(call->now_ms / 1000));
        cJSON_AddItemToObject(json, "clients",
                              clients ? cJSON_Duplicate(clients, true) : cJSON_CreateArray());
        cJSON_AddItemToObject(json, "thumbprints", cJSON_Duplicate(thumbprints, true));
        if (!iam_tags_take(call, json)) {
                cJSON_Delete(json);
                return false;
        }
        struct record *record = record_new(&call->pca->records, RECORD_PROVIDER, arn, json);
        cJSON_AddStringToObject(call->output, "OpenIDConnectProviderArn", arn);
        iam_tags_add(call->output, json);
        return iam_save(call, record);
}

bool
iam_get_provider(struct call *call)
{
        struct record *record = provider_may(call) ? provider_find(call) : NULL;

        if (!record)
                return false;
        cJSON_AddStringToObject(call->output, "Url", record_text(record, "url"));
        cJSON_AddItemToObject(call->output, "ClientIDList",
                              cJSON_Duplicate(json_member(record->json, "clients"), true));
        cJSON_AddItemToObject(call->output, "ThumbprintList",
                              cJSON_Duplicate(json_member(record->json, "thumbprints"), true));
        iam_add_time(call->output, "CreateDate", record_number(record, "created"));
        iam_tags_add(call->output, record->json);
        return true;
}

bool
iam_list_providers(struct call *call)
{
        const struct records *records = &call->pca->records;
        CLEANUP(free_cleanup) char *arn = iam_arn(call, "oidc-provider", NULL, "*");

        if (!iam_may(call, arn, NULL, NULL))
                return false;
        cJSON *all = cJSON_AddArrayToObject(call->output, "OpenIDConnectProviderList");
        for (size_t i = 0; i < records->count; i++) {
                const struct record *one = records->all[i];
                if (one->kind != RECORD_PROVIDER ||
                    !text_equal(record_text(one, "account"), call->caller->account))
                        continue;
                cJSON *entry = cJSON_CreateObject();
                cJSON_AddStringToObject(entry, "Arn", one->key);
                cJSON_AddItemToArray(all, entry);
        }
        return true;
}

bool
iam_delete_provider(struct call *call)
{
        struct record *record = provider_may(call) ? provider_find(call) : NULL;
        struct error err = { 0 };

        return record && (record_delete(&call->pca->records, record, call->pca->store, &err) ||
                          call_broken(call, &err));
}
