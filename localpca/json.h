/*
 * Short words for members of JSON objects.
 */
#ifndef LOCALPCA_JSON_H
#define LOCALPCA_JSON_H

#include <cjson/cJSON.h>

#include "base/compiler.h"

static inline cJSON *
json_member(const cJSON *object, const char *name)
{
        return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* A text member; NULL when it is absent or no text. */
static inline const char *
json_text(const cJSON *object, const char *name)
{
        return cJSON_GetStringValue(json_member(object, name));
}

static inline int64_t
json_number(const cJSON *object, const char *name, int64_t otherwise)
{
        const cJSON *number = json_member(object, name);

        return cJSON_IsNumber(number) ? (int64_t)number->valuedouble : otherwise;
}

/* Set a text member, in place of the one that was there; NULL removes it. */
static inline void
json_set_text(cJSON *object, const char *name, const char *value)
{
        cJSON_DeleteItemFromObjectCaseSensitive(object, name);
        if (value)
                cJSON_AddStringToObject(object, name, value);
}

#endif
