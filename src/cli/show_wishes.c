/*
 * What was asked for, as JSON and as text.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/show.h"
#include "order/custom.h"

static cJSON *
texts_json(char *const *list, size_t count, const char *(*name)(const char *text))
{
        cJSON *array = cJSON_CreateArray();

        for (size_t i = 0; i < count; i++)
                show_add_item(array, name ? name(list[i]) : list[i]);
        return array;
}

static cJSON *
key_usage_json(unsigned key_usage)
{
        CLEANUP(free_cleanup) char *text = key_usage_format(key_usage);
        cJSON *array = cJSON_CreateArray();
        char *rest = text;

        for (char *word = strtok_r(rest, ", ", &rest); word; word = strtok_r(NULL, ", ", &rest))
                show_add_item(array, word);
        return array;
}

static cJSON *
policies_json(const struct usages *usages)
{
        cJSON *array = cJSON_CreateArray();

        for (size_t i = 0; i < usages->policy_count; i++) {
                CLEANUP(free_cleanup) char *oid = policy_oid(usages->policies[i]);
                cJSON *policy = cJSON_CreateObject();

                show_add_text(policy, "oid", oid);
                show_add_text(policy, "cps", policy_cps(usages->policies[i]));
                cJSON_AddItemToArray(array, policy);
        }
        return array;
}

static cJSON *
extensions_json(const struct wishes *wishes)
{
        cJSON *array = cJSON_CreateArray();

        for (size_t i = 0; i < wishes->extension_count; i++) {
                struct custom custom;
                cJSON *extension = cJSON_CreateObject();

                custom_read(wishes->extensions[i], &custom);
                CLEANUP(free_cleanup) char *hex = hex_encode(view_buf(&custom.value));

                buf_clear(&custom.value);
                show_add_text(extension, "oid", custom.oid);
                cJSON_AddBoolToObject(extension, "critical", custom.critical);
                show_add_text(extension, "value", hex);
                cJSON_AddItemToArray(array, extension);
        }
        return array;
}

cJSON *
show_wishes_json(const struct wishes *wishes)
{
        const struct usages *usages = &wishes->usages;
        CLEANUP(free_cleanup)
        char *validity = wishes->validity.type ? validity_format(&wishes->validity) : NULL;
        cJSON *object = cJSON_CreateObject();

        show_add_text(object, "profile", wishes->profile);
        cJSON_AddItemToObject(object, "key_usage", key_usage_json(usages->key_usage));
        cJSON_AddItemToObject(object, "ext_key_usage",
                              texts_json(usages->extended, usages->extended_count,
                                         extended_usage_name));
        cJSON_AddItemToObject(object, "policies", policies_json(usages));
        cJSON_AddItemToObject(object, "extensions", extensions_json(wishes));
        if (wishes->path_length)
                cJSON_AddNumberToObject(object, "path_length", wishes->path_length - 1);
        else
                cJSON_AddNullToObject(object, "path_length");
        show_add_text(object, "hash", hash_name(wishes->hash));
        show_add_text(object, "validity", validity);
        show_add_time(object, "not_before", wishes->not_before);
        CLEANUP(free_cleanup) char *renewal = renewal_format(&wishes->renewal);

        show_add_text(object, "renew_before", renewal);
        show_add_text(object, "signing_algorithm", wishes->signing_algorithm);
        cJSON_AddItemToObject(object, "allowed_differences",
                              texts_json(wishes->allowed, wishes->allowed_count, NULL));
        return object;
}

void
show_wishes_text(struct buf *out, const struct wishes *wishes)
{
        const struct usages *usages = &wishes->usages;
        CLEANUP(free_cleanup) char *key_usage = key_usage_format(usages->key_usage);

        show_fact(out, "key usage", key_usage);
        for (size_t i = 0; i < usages->extended_count; i++)
                show_fact(out, i ? "" : "extended usage", extended_usage_name(usages->extended[i]));
        for (size_t i = 0; i < usages->policy_count; i++)
                show_fact(out, i ? "" : "policy", usages->policies[i]);
        for (size_t i = 0; i < wishes->extension_count; i++)
                show_fact(out, i ? "" : "extension", wishes->extensions[i]);
        if (wishes->path_length)
                show_fact_format(out, "path length", "%u", wishes->path_length - 1);
        show_fact(out, "CSR hash", hash_name(wishes->hash));
        for (size_t i = 0; i < wishes->allowed_count; i++)
                show_fact(out, i ? "" : "may differ in", wishes->allowed[i]);
}
