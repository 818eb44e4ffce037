#include "iam/condition.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "iam/match.h"

/* -- values ------------------------------------------------------------------------------- */

/* A decimal number without the locale's ideas: an optional sign, digits, and maybe a fraction. */
static bool
decimal_parse(const char *text, double *out)
{
        double value = 0, unit = 1;
        bool minus = *text == '-';
        size_t digits = 0;

        text += *text == '-' || *text == '+';
        for (; *text >= '0' && *text <= '9' && digits < 18; text++, digits++)
                value = value * 10 + (*text - '0');
        if (*text == '.' && digits) {
                for (text++; *text >= '0' && *text <= '9' && digits < 36; text++, digits++)
                        value += (*text - '0') * (unit /= 10);
        }
        *out = minus ? -value : value;
        return digits && !*text;
}

/* ISO 8601, or seconds since 1970. */
static bool
date_parse(const char *text, double *out)
{
        int64_t when = 0;

        if (clock_parse(text, &when)) {
                *out = (double)when;
                return true;
        }
        return decimal_parse(text, out);
}

struct address {
        uint8_t bytes[16];
        size_t len; /* 4 or 16 */
};

static bool
address_parse(const char *text, struct address *out)
{
        if (inet_pton(AF_INET, text, out->bytes) == 1)
                out->len = 4;
        else if (inet_pton(AF_INET6, text, out->bytes) == 1)
                out->len = 16;
        else
                return false;
        return true;
}

/* "203.0.113.0/24", "2001:db8::/32", or an address alone. */
static enum iam_truth
address_is_in(const char *block, const char *text)
{
        const char *slash = strchr(block, '/');
        CLEANUP(free_cleanup)
        char *start = slash ? text_copy_length(block, (size_t)(slash - block)) : text_copy(block);
        struct address net, have;
        int64_t bits = 0;

        if (!address_parse(start, &net))
                return IAM_UNSURE;
        if (!slash)
                bits = (int64_t)net.len * 8;
        else if (!number_parse(slash + 1, 0, (int64_t)net.len * 8, &bits))
                return IAM_UNSURE;
        if (!address_parse(text, &have) || have.len != net.len)
                return IAM_NO;
        for (int64_t bit = 0; bit < bits; bit++) {
                if ((net.bytes[bit / 8] ^ have.bytes[bit / 8]) & (0x80 >> bit % 8))
                        return IAM_NO;
        }
        return IAM_YES;
}

bool
condition_is_block(const char *text)
{
        return address_is_in(text, "") != IAM_UNSURE;
}

/* -- operators ---------------------------------------------------------------------------- */

struct question {
        const struct policy_condition *condition;
        bool variables;
        const struct iam_context *context;
};

/* A value of the policy that nobody can read leaves the answer open; one of the request fits not.
 */
static enum iam_truth
numbers_compare(enum policy_operator operation, bool (*parse)(const char *text, double *out),
                const char *want, const char *have)
{
        double right = 0, left = 0;

        if (!parse(want, &right))
                return IAM_UNSURE;
        if (!parse(have, &left))
                return IAM_NO;
        switch (operation) {
        case OPERATOR_NUMERIC_EQUALS:
        case OPERATOR_DATE_EQUALS:
                return !(left < right) && !(left > right) ? IAM_YES : IAM_NO;
        case OPERATOR_NUMERIC_LESS:
        case OPERATOR_DATE_LESS:
                return left < right ? IAM_YES : IAM_NO;
        case OPERATOR_NUMERIC_LESS_EQUALS:
        case OPERATOR_DATE_LESS_EQUALS:
                return left <= right ? IAM_YES : IAM_NO;
        case OPERATOR_NUMERIC_GREATER:
        case OPERATOR_DATE_GREATER:
                return left > right ? IAM_YES : IAM_NO;
        default:
                return left >= right ? IAM_YES : IAM_NO;
        }
}

static enum iam_truth
texts_compare(const struct question *question, const char *want, const char *have)
{
        enum policy_operator operation = question->condition->operation;
        bool wildcards = operation == OPERATOR_STRING_LIKE || operation == OPERATOR_ARN_LIKE;
        CLEANUP(buf_cleanup) struct buf ready = { 0 };
        enum iam_truth truth =
                match_prepare(want, question->variables, wildcards, question->context, &ready);

        /* What a key that is missing leaves of "not equal" is not written down anywhere. */
        if (truth == IAM_NO && question->condition->negated)
                truth = IAM_UNSURE;
        if (truth != IAM_YES)
                return truth;
        if (operation == OPERATOR_ARN_LIKE)
                return match_ready_arn(&ready, have);
        if (operation == OPERATOR_STRING_EQUALS_IGNORE_CASE)
                return strcasecmp(buf_text(&ready), have) == 0 ? IAM_YES : IAM_NO;
        return match_ready(&ready, have) ? IAM_YES : IAM_NO;
}

/* Does this value of the policy fit this value of the request, negation left aside? */
static enum iam_truth
value_fits(const struct question *question, const char *want, const char *have)
{
        enum policy_operator operation = question->condition->operation;

        switch (operation) {
        case OPERATOR_STRING_EQUALS:
        case OPERATOR_STRING_EQUALS_IGNORE_CASE:
        case OPERATOR_STRING_LIKE:
        case OPERATOR_ARN_LIKE:
                return texts_compare(question, want, have);
        case OPERATOR_NUMERIC_EQUALS:
        case OPERATOR_NUMERIC_LESS:
        case OPERATOR_NUMERIC_LESS_EQUALS:
        case OPERATOR_NUMERIC_GREATER:
        case OPERATOR_NUMERIC_GREATER_EQUALS:
                return numbers_compare(operation, decimal_parse, want, have);
        case OPERATOR_DATE_EQUALS:
        case OPERATOR_DATE_LESS:
        case OPERATOR_DATE_LESS_EQUALS:
        case OPERATOR_DATE_GREATER:
        case OPERATOR_DATE_GREATER_EQUALS:
                return numbers_compare(operation, date_parse, want, have);
        case OPERATOR_BOOL:
                return strcasecmp(want, have) == 0 ? IAM_YES : IAM_NO;
        case OPERATOR_IP_ADDRESS:
                return address_is_in(want, have);
        case OPERATOR_NULL:
        case OPERATOR_UNKNOWN:
                break;
        }
        return IAM_UNSURE;
}

/* One value of the request against all of the policy. */
static enum iam_truth
values_fit(const struct question *question, const char *have)
{
        const struct policy_condition *condition = question->condition;
        enum iam_truth any = IAM_NO;

        for (size_t i = 0; i < condition->values.count; i++)
                any = iam_or(any, value_fits(question, condition->values.items[i], have));
        return condition->negated ? iam_not(any) : any;
}

static enum iam_truth
null_holds(const struct policy_condition *condition, enum iam_truth there)
{
        enum iam_truth any = IAM_NO;

        for (size_t i = 0; i < condition->values.count; i++) {
                const char *value = condition->values.items[i];

                if (strcasecmp(value, "true") == 0)
                        any = iam_or(any, iam_not(there));
                else if (strcasecmp(value, "false") == 0)
                        any = iam_or(any, there);
                else
                        return IAM_UNSURE;
        }
        return any;
}

/* Of a key that is not in the request. */
static enum iam_truth
absent_holds(const struct policy_condition *condition)
{
        if (condition->if_exists || condition->quantifier == FOR_ALL_VALUES)
                return IAM_YES;
        if (condition->quantifier == FOR_ANY_VALUE)
                return IAM_NO;
        return condition->negated ? IAM_YES : IAM_NO;
}

enum iam_truth
condition_holds(const struct policy_condition *condition, bool variables,
                const struct iam_context *context)
{
        const struct question question = { condition, variables, context };
        const struct iam_key *key = iam_context_find(context, condition->key);
        enum iam_truth there = iam_context_has(context, condition->key);

        if (condition->operation == OPERATOR_UNKNOWN)
                return IAM_UNSURE;
        if (condition->operation == OPERATOR_NULL)
                return null_holds(condition, there);
        if (there == IAM_UNSURE)
                return IAM_UNSURE;
        if (there == IAM_NO)
                return absent_holds(condition);

        /* Without a quantifier, one value decides; several are any of them, or none where negated.
         */
        bool every = condition->quantifier == FOR_ALL_VALUES ||
                     (condition->quantifier == FOR_THE_VALUE && condition->negated);
        enum iam_truth truth = every ? IAM_YES : IAM_NO;

        for (size_t i = 0; i < key->count; i++) {
                enum iam_truth one = values_fit(&question, key->values[i]);

                truth = every ? iam_and(truth, one) : iam_or(truth, one);
        }
        return truth;
}
