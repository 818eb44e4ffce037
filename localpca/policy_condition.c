/* The condition operators of policies. */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "localpca/policy.h"
#include "localpca/wildcard.h"

enum family {
        FAMILY_TEXT,
        FAMILY_TEXT_FOLDED,
        FAMILY_LIKE,
        FAMILY_ARN,
        FAMILY_NUMBER,
        FAMILY_DATE,
        FAMILY_BOOL,
        FAMILY_IP,
        FAMILY_NULL,
};

enum relation { EQUAL, LESS, LESS_OR_EQUAL, GREATER, GREATER_OR_EQUAL };

static const struct operation {
        const char *name;
        enum family family;
        enum relation relation;
        bool negated;
} operations[] = {
        { "StringEquals", FAMILY_TEXT, EQUAL, false },
        { "StringNotEquals", FAMILY_TEXT, EQUAL, true },
        { "StringEqualsIgnoreCase", FAMILY_TEXT_FOLDED, EQUAL, false },
        { "StringNotEqualsIgnoreCase", FAMILY_TEXT_FOLDED, EQUAL, true },
        { "StringLike", FAMILY_LIKE, EQUAL, false },
        { "StringNotLike", FAMILY_LIKE, EQUAL, true },
        { "ArnEquals", FAMILY_ARN, EQUAL, false }, /* ArnEquals and ArnLike behave the same */
        { "ArnNotEquals", FAMILY_ARN, EQUAL, true },
        { "ArnLike", FAMILY_ARN, EQUAL, false },
        { "ArnNotLike", FAMILY_ARN, EQUAL, true },
        { "NumericEquals", FAMILY_NUMBER, EQUAL, false },
        { "NumericNotEquals", FAMILY_NUMBER, EQUAL, true },
        { "NumericLessThan", FAMILY_NUMBER, LESS, false },
        { "NumericLessThanEquals", FAMILY_NUMBER, LESS_OR_EQUAL, false },
        { "NumericGreaterThan", FAMILY_NUMBER, GREATER, false },
        { "NumericGreaterThanEquals", FAMILY_NUMBER, GREATER_OR_EQUAL, false },
        { "DateEquals", FAMILY_DATE, EQUAL, false },
        { "DateNotEquals", FAMILY_DATE, EQUAL, true },
        { "DateLessThan", FAMILY_DATE, LESS, false },
        { "DateLessThanEquals", FAMILY_DATE, LESS_OR_EQUAL, false },
        { "DateGreaterThan", FAMILY_DATE, GREATER, false },
        { "DateGreaterThanEquals", FAMILY_DATE, GREATER_OR_EQUAL, false },
        { "Bool", FAMILY_BOOL, EQUAL, false },
        { "BinaryEquals", FAMILY_TEXT, EQUAL, false },
        { "IpAddress", FAMILY_IP, EQUAL, false },
        { "NotIpAddress", FAMILY_IP, EQUAL, true },
        { "Null", FAMILY_NULL, EQUAL, false },
};

enum quantifier { PLAIN, FOR_ALL, FOR_ANY };

struct condition {
        const struct operation *operation;
        enum quantifier quantifier;
        bool if_exists;
        bool variables;
        const struct context *context;
};

/* "ForAllValues:StringLikeIfExists" taken apart. */
static bool
condition_read(const char *name, struct condition *out)
{
        static const char suffix[] = "IfExists";

        *out = (struct condition){ 0 };
        if (strncasecmp(name, "ForAllValues:", 13) == 0)
                out->quantifier = FOR_ALL;
        else if (strncasecmp(name, "ForAnyValue:", 12) == 0)
                out->quantifier = FOR_ANY;
        if (out->quantifier != PLAIN)
                name = strchr(name, ':') + 1;
        size_t len = strlen(name), tail = sizeof(suffix) - 1;
        out->if_exists = len > tail && strcasecmp(name + len - tail, suffix) == 0;
        if (out->if_exists)
                len -= tail;
        for (size_t i = 0; i < ARRAY_LENGTH(operations); i++)
                if (strlen(operations[i].name) == len &&
                    strncasecmp(operations[i].name, name, len) == 0)
                        out->operation = &operations[i];
        /* Null asks for existence itself. */
        return out->operation && !(out->if_exists && out->operation->family == FAMILY_NULL);
}

bool
condition_is_known(const char *name)
{
        struct condition ignored;

        return condition_read(name, &ignored);
}

/* -- values ------------------------------------------------------------------------------- */

static bool
number_read(const char *text, double *out)
{
        char *end = NULL;

        if (!*text || strspn(text, "+-.0123456789") != strlen(text))
                return false;
        *out = strtod(text, &end);
        return !*end && isfinite(*out);
}

static bool
date_read(const char *text, double *out)
{
        int64_t when;

        if (!clock_parse(text, &when))
                return number_read(text, out);
        *out = (double)when;
        return true;
}

static bool
related(enum relation relation, double have, double want)
{
        switch (relation) {
        case LESS:
                return have < want;
        case LESS_OR_EQUAL:
                return have <= want;
        case GREATER:
                return have > want;
        case GREATER_OR_EQUAL:
                return have >= want;
        case EQUAL:
                break;
        }
        return !(have < want) && !(have > want);
}

static bool
in_block(const char *address, const char *block)
{
        uint8_t have[16], want[16];
        int family = strchr(block, ':') ? AF_INET6 : AF_INET;
        int64_t bits = family == AF_INET6 ? 128 : 32;
        size_t len = strcspn(block, "/");
        CLEANUP(free_cleanup) char *start = text_copy_length(block, len);

        if (block[len] && !number_parse(block + len + 1, 0, bits, &bits))
                return false;
        if (inet_pton(family, start, want) != 1 || inet_pton(family, address, have) != 1)
                return false;
        for (int64_t bit = 0; bit < bits; bit++)
                if ((have[bit / 8] ^ want[bit / 8]) >> (7 - bit % 8) & 1)
                        return false;
        return true;
}

static bool
texts_fit(const struct condition *condition, const char *have, const char *want)
{
        enum family family = condition->operation->family;
        bool wildcards = family == FAMILY_LIKE || family == FAMILY_ARN;
        CLEANUP(buf_cleanup) struct buf ready = { 0 };

        if (!wildcard_prepare(want, condition->variables, wildcards, condition->context, &ready))
                return false;
        return family == FAMILY_ARN ? wildcard_fits_arn(&ready, have)
                                    : wildcard_fits(&ready, have, family == FAMILY_TEXT_FOLDED);
}

/* A value of the request against one of the policy, negation left aside. */
static bool
value_fits(const struct condition *condition, const char *have, const char *want)
{
        enum family family = condition->operation->family;
        double left, right;

        switch (family) {
        case FAMILY_NUMBER:
                return number_read(have, &left) && number_read(want, &right) &&
                       related(condition->operation->relation, left, right);
        case FAMILY_DATE:
                return date_read(have, &left) && date_read(want, &right) &&
                       related(condition->operation->relation, left, right);
        case FAMILY_IP:
                return in_block(have, want);
        case FAMILY_BOOL:
                return strcasecmp(have, want) == 0;
        default:
                return texts_fit(condition, have, want);
        }
}

/* A value of the policy as text: JSON's numbers and truth values are as good. */
static const char *
want_text(const cJSON *value, char room[40])
{
        if (cJSON_IsBool(value))
                return cJSON_IsTrue(value) ? "true" : "false";
        if (cJSON_IsNumber(value)) {
                snprintf(room, 40, "%.17g", value->valuedouble);
                return room;
        }
        return cJSON_GetStringValue(value);
}

/* Does a value of the request fit any (or, negated, none) of the policy's? */
static bool
values_fit(const struct condition *condition, const char *have, const cJSON *values)
{
        const cJSON *one = cJSON_IsArray(values) ? values->child : values;
        bool listed = cJSON_IsArray(values), any = false;
        char room[40];

        for (; one && !any; one = listed ? one->next : NULL) {
                const char *want = want_text(one, room);
                any = want && value_fits(condition, have, want);
        }
        return any != condition->operation->negated;
}

/* "true" wants the key absent, "false" wants it there. */
static bool
null_holds(bool exists, const cJSON *values)
{
        const cJSON *one = cJSON_IsArray(values) ? values->child : values;
        char room[40];

        for (; one; one = cJSON_IsArray(values) ? one->next : NULL) {
                const char *want = want_text(one, room);
                if (want && strcasecmp(want, exists ? "false" : "true") == 0)
                        return true;
        }
        return false;
}

enum condition_answer
condition_ask(const char *name, const char *key, const cJSON *values, bool variables,
              const struct context *context)
{
        struct condition condition;
        const struct context_key *found = context_find(context, key);

        if (!condition_read(name, &condition))
                return CONDITION_UNKNOWN;
        condition.variables = variables;
        condition.context = context;
        if (condition.operation->family == FAMILY_NULL)
                return null_holds(found != NULL, values) ? CONDITION_HOLDS : CONDITION_FAILS;
        bool negated = condition.operation->negated;
        if (!found) {
                bool holds = condition.if_exists || condition.quantifier == FOR_ALL ||
                             (condition.quantifier == PLAIN && negated);
                return holds ? CONDITION_HOLDS : CONDITION_FAILS;
        }
        /* Several values without a quantifier: any of them, or, negated, none. */
        bool every = condition.quantifier == FOR_ALL || (condition.quantifier == PLAIN && negated);
        bool holds = every;
        for (size_t i = 0; i < found->count && holds == every; i++)
                holds = values_fit(&condition, found->values[i], values);
        return holds ? CONDITION_HOLDS : CONDITION_FAILS;
}
