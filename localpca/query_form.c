/* Forms to JSON, JSON to XML. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "localpca/query.h"

enum { FIELDS_MOST = 4096, MEMBERS_MOST = 4096 };

/* -- reading ------------------------------------------------------------------------------ */

static int
digit_of(char c)
{
        return isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10;
}

/* application/x-www-form-urlencoded: "+" is a space. */
static char *
decoded(const char *text, size_t len)
{
        char *out = memory_new(len + 1, 1);
        size_t at = 0;

        for (size_t i = 0; i < len; i++) {
                bool escape = text[i] == '%' && i + 2 < len &&
                              isxdigit((unsigned char)text[i + 1]) &&
                              isxdigit((unsigned char)text[i + 2]);
                if (escape) {
                        out[at++] = (char)(digit_of(text[i + 1]) << 4 | digit_of(text[i + 2]));
                        i += 2;
                } else {
                        out[at++] = text[i];
                        if (text[i] == '+')
                                out[at - 1] = ' ';
                }
        }
        out[at] = '\0';
        return out;
}

bool
form_read(struct view body, struct form *form)
{
        const char *text = (const char *)body.data;

        for (size_t at = 0; at < body.len;) {
                const char *end = memchr(text + at, '&', body.len - at);
                size_t len = end ? (size_t)(end - text) - at : body.len - at;
                const char *equals = memchr(text + at, '=', len);
                size_t name_len = equals ? (size_t)(equals - text) - at : len;

                if (form->count == FIELDS_MOST)
                        return false;
                form->names = memory_grow(form->names, form->count + 1, sizeof(char *));
                form->values = memory_grow(form->values, form->count + 1, sizeof(char *));
                form->names[form->count] = decoded(text + at, name_len);
                form->values[form->count++] =
                        equals ? decoded(equals + 1, len - name_len - 1) : text_copy("");
                at += len + 1;
        }
        return true;
}

void
form_clear(struct form *form)
{
        for (size_t i = 0; i < form->count; i++) {
                free(form->names[i]);
                wipe(form->values[i], strlen(form->values[i]));
                free(form->values[i]);
        }
        free(form->names);
        free(form->values);
        *form = (struct form){ 0 };
}

const char *
form_value(const struct form *form, const char *name)
{
        for (size_t i = 0; i < form->count; i++)
                if (strcmp(form->names[i], name) == 0)
                        return form->values[i];
        return NULL;
}

/* Is there a field of that name, or below it? */
static bool
form_has(const struct form *form, const char *name)
{
        size_t len = strlen(name);

        for (size_t i = 0; i < form->count; i++)
                if (strncmp(form->names[i], name, len) == 0 &&
                    (!form->names[i][len] || form->names[i][len] == '.'))
                        return true;
        return false;
}

static cJSON *form_take(const struct form *form, const char *name, const struct shape *shape);

static cJSON *
list_take(const struct form *form, const char *name, const struct shape *shape)
{
        cJSON *list = cJSON_CreateArray();

        for (int i = 1; i <= MEMBERS_MOST; i++) {
                CLEANUP(free_cleanup) char *one = text_format("%s.member.%d", name, i);
                if (!form_has(form, one))
                        break;
                cJSON *item = form_take(form, one, shape->element);
                cJSON_AddItemToArray(list, item ? item : cJSON_CreateNull());
        }
        return list;
}

static cJSON *
structure_take(const struct form *form, const char *name, const struct shape *shape)
{
        cJSON *object = cJSON_CreateObject();

        for (size_t i = 0; i < shape->member_count; i++) {
                const struct member *member = &shape->members[i];
                CLEANUP(free_cleanup)
                char *below = text_format("%s%s%s", name, *name ? "." : "", member->name);
                cJSON *item = form_take(form, below, member->shape);
                if (item)
                        cJSON_AddItemToObject(object, member->name, item);
        }
        return object;
}

/* A value that is not of its type stays a text, for the validator to refuse. */
static cJSON *
form_take(const struct form *form, const char *name, const struct shape *shape)
{
        const char *value = form_value(form, name);
        int64_t number;

        if (*name && !form_has(form, name))
                return NULL;
        if (shape->type == SHAPE_LIST)
                return list_take(form, name, shape);
        if (shape->type == SHAPE_STRUCTURE)
                return structure_take(form, name, shape);
        if (!value)
                return NULL;
        if ((shape->type == SHAPE_INTEGER || shape->type == SHAPE_LONG) &&
            number_parse(value, INT32_MIN, INT32_MAX, &number))
                return cJSON_CreateNumber((double)number);
        if (shape->type == SHAPE_BOOLEAN && strcmp(value, "true") == 0)
                return cJSON_CreateTrue();
        if (shape->type == SHAPE_BOOLEAN && strcmp(value, "false") == 0)
                return cJSON_CreateFalse();
        return cJSON_CreateString(value);
}

cJSON *
form_input(const struct form *form, const struct shape *shape)
{
        return form_take(form, "", shape);
}

/* -- writing ------------------------------------------------------------------------------ */

static void
text_write(struct buf *out, const char *text)
{
        for (; *text; text++) {
                if (*text == '&')
                        buf_add_text(out, "&amp;");
                else if (*text == '<')
                        buf_add_text(out, "&lt;");
                else if (*text == '>')
                        buf_add_text(out, "&gt;");
                else if (*text == '\r')
                        buf_add_text(out, "&#xD;");
                else if ((unsigned char)*text >= 0x20 || strchr("\t\n", *text))
                        buf_add_byte(out, (uint8_t)*text);
        }
}

static void
element_write(struct buf *out, const char *name, const cJSON *value)
{
        const cJSON *one;

        buf_format(out, "<%s>", name);
        if (cJSON_IsArray(value)) {
                cJSON_ArrayForEach(one, value) element_write(out, "member", one);
        } else if (cJSON_IsObject(value)) {
                xml_write(out, value);
        } else if (cJSON_IsBool(value)) {
                buf_add_text(out, cJSON_IsTrue(value) ? "true" : "false");
        } else if (cJSON_IsNumber(value)) {
                buf_format(out, "%lld", (long long)value->valuedouble);
        } else if (cJSON_IsString(value)) {
                text_write(out, value->valuestring);
        }
        buf_format(out, "</%s>", name);
}

void
xml_write(struct buf *out, const cJSON *object)
{
        const cJSON *one;

        cJSON_ArrayForEach(one, object) element_write(out, one->string, one);
}
