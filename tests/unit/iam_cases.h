/*
 * tests/vectors/iam-cases.json: the one table of what IAM says, that both evaluators have to give.
 */
#ifndef TESTS_UNIT_IAM_CASES_H
#define TESTS_UNIT_IAM_CASES_H

#include <cjson/cJSON.h>

#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

static inline const cJSON *
cases_member(const cJSON *json, const char *name)
{
        return cJSON_GetObjectItemCaseSensitive(json, name);
}

/* A text of a case, or of the table's defaults; NULL where neither has it. */
static inline const char *
cases_text(const cJSON *table, const cJSON *row, const char *name)
{
        const char *text = cJSON_GetStringValue(cases_member(row, name));

        return text ? text
                    : cJSON_GetStringValue(cases_member(cases_member(table, "defaults"), name));
}

/* `text` with each @NAME@ of the table's names replaced; the caller frees. */
static inline char *
cases_replace(const char *text, const cJSON *names)
{
        struct buf out = { 0 };

        while (*text) {
                const cJSON *tried = *text == '@' ? names : NULL;
                const cJSON *name;
                size_t length = 0;

                cJSON_ArrayForEach(name, tried)
                {
                        CLEANUP(free_cleanup) char *mark = text_format("@%s@", name->string);

                        if (!text_starts(text, mark))
                                continue;
                        buf_add_text(&out, name->valuestring);
                        length = strlen(mark);
                        break;
                }
                if (!length) {
                        buf_add_byte(&out, (uint8_t)*text);
                        length = 1;
                }
                text += length;
        }
        return (char *)out.data;
}

/* The table, its names put in; the caller deletes it. */
static inline cJSON *
cases_read(void)
{
        CLEANUP(free_cleanup) char *path = source_path("tests/vectors/iam-cases.json");
        CLEANUP(free_cleanup) char *raw = read_text(path, NULL);

        assert_non_null(raw);
        cJSON *first = cJSON_Parse(raw);

        assert_non_null(first);
        CLEANUP(free_cleanup) char *text = cases_replace(raw, cases_member(first, "names"));
        cJSON *table = cJSON_Parse(text);

        cJSON_Delete(first);
        assert_non_null(table);
        return table;
}

/* A policy of a case: a name of the table, a document, or one statement.  The caller deletes it. */
static inline cJSON *
cases_policy(const cJSON *table, const cJSON *given)
{
        const char *name = cJSON_GetStringValue(given);
        const cJSON *found = name ? cases_member(cases_member(table, "policies"), name) : given;

        assert_non_null(found);
        if (cases_member(found, "Statement"))
                return cJSON_Duplicate(found, true);
        cJSON *document = cJSON_CreateObject();

        cJSON_AddStringToObject(document, "Version", "2012-10-17");
        cJSON_AddItemToObject(document, "Statement", cJSON_Duplicate(found, true));
        return document;
}

#endif
