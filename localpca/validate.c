#include "localpca/validate.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "localpca/pattern.h"

enum { PATH_MOST = 512, ERRORS_MOST = 20, VALUE_SHOWN_MOST = 256 };

struct walk {
        char path[PATH_MOST]; /* "tags.1.member.key" */
        unsigned errors;
        struct buf details;
        struct refusal *refusal;
};

/* A member's name as AWS's messages write it: the first letter small. */
static size_t
path_enter(struct walk *walk, const char *name)
{
        size_t len = strlen(walk->path);
        size_t at = len;

        if (len && at + 1 < sizeof(walk->path))
                walk->path[at++] = '.';
        size_t start = at;
        while (*name && at + 1 < sizeof(walk->path))
                walk->path[at++] = *name++;
        walk->path[at] = '\0';
        walk->path[start] = (char)tolower((unsigned char)walk->path[start]);
        return len;
}

static void
path_leave(struct walk *walk, size_t len)
{
        walk->path[len] = '\0';
}

static void
detail_add(struct walk *walk, const char *value, const char *constraint, const char *more)
{
        size_t shown = value ? strlen(value) : 0;

        if (++walk->errors > ERRORS_MOST)
                return;
        if (walk->details.len)
                buf_add_text(&walk->details, "; ");
        if (!value) {
                buf_add_text(&walk->details, "Value null");
        } else {
                while (shown > VALUE_SHOWN_MOST && (value[shown] & 0xc0) == 0x80)
                        shown--;
                if (shown > VALUE_SHOWN_MOST)
                        for (shown = VALUE_SHOWN_MOST; (value[shown] & 0xc0) == 0x80;)
                                shown--;
                buf_format(&walk->details, "Value '%.*s'", (int)shown, value);
        }
        buf_format(&walk->details, " at '%s' failed to satisfy constraint: Member must %s%s",
                   walk->path, constraint, more ? more : "");
}

static void
detail_bound(struct walk *walk, const char *value, const char *what, const char *side,
             int64_t bound)
{
        char text[32];

        snprintf(text, sizeof(text), "%lld", (long long)bound);
        char *constraint = text_format("%s %s than or equal to ", what, side);
        detail_add(walk, value, constraint, text);
        free(constraint);
}

static void
bounds_check(struct walk *walk, const struct shape *shape, int64_t measure, const char *value,
             const char *what)
{
        if (shape->most && measure > shape->most)
                detail_bound(walk, value, what, "less", shape->most);
        if (shape->least && measure < shape->least)
                detail_bound(walk, value, what, "greater", shape->least);
}

static void
enum_check(struct walk *walk, const struct shape *shape, const char *value)
{
        struct buf set = { 0 };

        for (const char *const *known = shape->values; *known; known++) {
                if (strcmp(*known, value) == 0) {
                        buf_clear(&set);
                        return;
                }
                buf_format(&set, "%s%s", set.len ? ", " : "[", *known);
        }
        buf_add_text(&set, "]");
        detail_add(walk, value, "satisfy enum value set: ", buf_text(&set));
        buf_clear(&set);
}

static bool
string_check(struct walk *walk, const struct shape *shape, const cJSON *value)
{
        const char *text = cJSON_GetStringValue(value);

        if (!text)
                return refuse(walk->refusal, "SerializationException",
                              "%s can not be converted to a String", walk->path);
        size_t characters = pattern_characters(text);
        bounds_check(walk, shape, (int64_t)characters, text, "have length");
        if (shape->values)
                enum_check(walk, shape, text);
        /* The matcher backtracks: never let it run on what is too long already. */
        bool too_long = shape->most && characters > (size_t)shape->most;
        if (shape->pattern && !too_long && !pattern_matches(shape->pattern, text))
                detail_add(walk, text, "satisfy regular expression pattern: ", shape->pattern);
        return true;
}

static bool
blob_check(struct walk *walk, const struct shape *shape, const cJSON *value)
{
        const char *text = cJSON_GetStringValue(value);
        struct buf bytes = { 0 };
        struct error ignored = { 0 };

        if (!text || !base64_decode(view_text(text), &bytes, &ignored)) {
                buf_clear(&bytes);
                return refuse(walk->refusal, "SerializationException",
                              "%s can not be converted to a Blob", walk->path);
        }
        /* AWS shows a buffer's ends here; its bytes would not be readable either. */
        char *shown =
                text_format("java.nio.HeapByteBuffer[pos=0 lim=%zu cap=%zu]", bytes.len, bytes.len);
        bounds_check(walk, shape, (int64_t)bytes.len, shown, "have length");
        free(shown);
        buf_clear(&bytes);
        return true;
}

static bool
number_check(struct walk *walk, const struct shape *shape, const cJSON *value)
{
        /* A long is exact in a double up to 2^53, far beyond every date. */
        double most = shape->type == SHAPE_LONG ? 9223372036854774784.0 : 2147483647.0;

        if (!cJSON_IsNumber(value))
                return refuse(walk->refusal, "SerializationException",
                              "%s can not be converted to %s", walk->path,
                              shape->type == SHAPE_LONG ? "a Long" : "an Integer");
        if (!(fabs(value->valuedouble) <= most) || trunc(value->valuedouble) != value->valuedouble)
                return refuse(walk->refusal, "SerializationException",
                              "%s: the number can not be converted to %s", walk->path,
                              shape->type == SHAPE_LONG ? "a Long" : "an Integer");
        char *text = text_format("%.0f", value->valuedouble);
        bounds_check(walk, shape, (int64_t)value->valuedouble, text, "have value");
        free(text);
        return true;
}

static bool value_check(struct walk *walk, const struct shape *shape, const cJSON *value);

static bool
list_check(struct walk *walk, const struct shape *shape, const cJSON *value)
{
        unsigned index = 0;
        const cJSON *element;

        if (!cJSON_IsArray(value))
                return refuse(walk->refusal, "SerializationException",
                              "Expected list or null at %s", walk->path);
        int count = cJSON_GetArraySize(value);
        bounds_check(walk, shape, count, "[...]", "have length");
        if (shape->most && count > shape->most)
                return true;
        cJSON_ArrayForEach(element, value)
        {
                char name[32];
                snprintf(name, sizeof(name), "%u.member", ++index);
                size_t len = path_enter(walk, name);
                bool done = value_check(walk, shape->element, element);
                path_leave(walk, len);
                if (!done)
                        return false;
        }
        return true;
}

static bool
structure_check(struct walk *walk, const struct shape *shape, const cJSON *value)
{
        if (!cJSON_IsObject(value))
                return refuse(walk->refusal, "SerializationException",
                              "Unexpected value type in payload at '%s'", walk->path);
        for (size_t i = 0; i < shape->member_count; i++) {
                const struct member *member = &shape->members[i];
                const cJSON *found = cJSON_GetObjectItemCaseSensitive(value, member->name);
                size_t len = path_enter(walk, member->name);
                bool done = true;

                if (found && !cJSON_IsNull(found))
                        done = value_check(walk, member->shape, found);
                else if (member->required)
                        detail_add(walk, NULL, "not be null", NULL);
                path_leave(walk, len);
                if (!done)
                        return false;
        }
        return true;
}

static bool
boolean_check(struct walk *walk, const struct shape *shape, const cJSON *value)
{
        (void)shape;
        if (cJSON_IsBool(value))
                return true;
        return refuse(walk->refusal, "SerializationException",
                      "%s can not be converted to a Boolean", walk->path);
}

static bool (*const checks[SHAPE_TYPES])(struct walk *walk, const struct shape *shape,
                                         const cJSON *value) = {
        [SHAPE_STRUCTURE] = structure_check, [SHAPE_LIST] = list_check,
        [SHAPE_STRING] = string_check,       [SHAPE_BLOB] = blob_check,
        [SHAPE_INTEGER] = number_check,      [SHAPE_LONG] = number_check,
        [SHAPE_BOOLEAN] = boolean_check,
};

static bool
value_check(struct walk *walk, const struct shape *shape, const cJSON *value)
{
        return checks[shape->type](walk, shape, value);
}

bool
validate(const struct shape *shape, const cJSON *input, struct refusal *refusal)
{
        struct walk walk = { .refusal = refusal };
        bool done = structure_check(&walk, shape, input);

        if (done && walk.errors)
                done = refuse(refusal, "ValidationException", "%u validation error%s detected: %s",
                              walk.errors, walk.errors > 1 ? "s" : "", buf_text(&walk.details));
        buf_clear(&walk.details);
        return done;
}
