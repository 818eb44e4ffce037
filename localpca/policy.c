#include "localpca/policy.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool
wildcard(const char *pattern, const char *text, bool fold)
{
        const char *star = NULL, *resume = NULL;

        while (*text) {
                bool same = fold ? tolower((unsigned char)*pattern) == tolower((unsigned char)*text)
                                 : *pattern == *text;
                if (*pattern == '*') {
                        star = pattern++;
                        resume = text;
                } else if (*pattern && (*pattern == '?' || same)) {
                        pattern++;
                        text++;
                } else if (star) {
                        pattern = star + 1;
                        text = ++resume;
                } else {
                        return false;
                }
        }
        while (*pattern == '*')
                pattern++;
        return !*pattern;
}

/* A policy element may be one text or a list of them. */
static bool
any_matches(const cJSON *element, const char *text, bool fold)
{
        const cJSON *one;

        if (cJSON_IsString(element))
                return wildcard(element->valuestring, text, fold);
        if (!cJSON_IsArray(element))
                return false;
        cJSON_ArrayForEach(one, element)
        {
                if (cJSON_IsString(one) && wildcard(one->valuestring, text, fold))
                        return true;
        }
        return false;
}

static bool
any_equals(const cJSON *element, const char *text, bool fold)
{
        const cJSON *one;

        if (cJSON_IsString(element))
                return (fold ? strcasecmp : strcmp)(element->valuestring, text) == 0;
        cJSON_ArrayForEach(one, element)
        {
                if (cJSON_IsString(one) &&
                    (fold ? strcasecmp : strcmp)(one->valuestring, text) == 0)
                        return true;
        }
        return false;
}

enum comparison { COMPARE_EQUAL, COMPARE_EQUAL_FOLDED, COMPARE_LIKE };

static const struct {
        const char *operator;
        enum comparison comparison;
        bool negated;
} operators[] = {
        { "StringEquals", COMPARE_EQUAL, false },
        { "StringNotEquals", COMPARE_EQUAL, true },
        { "StringEqualsIgnoreCase", COMPARE_EQUAL_FOLDED, false },
        { "StringNotEqualsIgnoreCase", COMPARE_EQUAL_FOLDED, true },
        { "StringLike", COMPARE_LIKE, false },
        { "StringNotLike", COMPARE_LIKE, true },
        { "ArnEquals", COMPARE_LIKE, false }, /* IAM: ArnEquals and ArnLike behave the same */
        { "ArnNotEquals", COMPARE_LIKE, true },
        { "ArnLike", COMPARE_LIKE, false },
        { "ArnNotLike", COMPARE_LIKE, true },
};

enum truth { NO, YES, UNKNOWN };

static enum truth
operator_holds(const char *name, const cJSON *expected, const char *value)
{
        size_t len = strlen(name);
        bool if_exists = len > 8 && strcmp(name + len - 8, "IfExists") == 0;

        if (if_exists)
                len -= 8;
        if (len == 4 && strncmp(name, "Null", 4) == 0) {
                bool want_null = any_equals(expected, "true", true) || cJSON_IsTrue(expected);
                return want_null == !value ? YES : NO;
        }
        for (size_t i = 0; i < ARRAY_LENGTH(operators); i++) {
                if (strlen(operators[i].operator) != len ||
                    strncmp(operators[i].operator, name, len) != 0)
                        continue;
                if (!value)
                        return if_exists || operators[i].negated ? YES : NO;
                bool holds = operators[i].comparison == COMPARE_LIKE
                                     ? any_matches(expected, value, false)
                                     : any_equals(expected, value,
                                                  operators[i].comparison == COMPARE_EQUAL_FOLDED);
                return holds != operators[i].negated ? YES : NO;
        }
        return UNKNOWN;
}

/* The value of a condition key; NULL when the request has none. */
static const char *
value_of(const char *key, const struct policy_question *question)
{
        const struct {
                const char *key, *value;
        } values[] = {
                { "acm-pca:TemplateArn", question->template_arn },
                { "aws:PrincipalOrgID", question->organization },
                { "aws:PrincipalAccount", question->principal_account },
                { "aws:PrincipalArn", question->principal_arn },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
                if (strcasecmp(values[i].key, key) == 0)
                        return values[i].value;
        return NULL;
}

/* Does a statement's Principal element, if it has one, name who asks? */
static bool
principal_matches(const cJSON *principal, const struct policy_question *question)
{
        const cJSON *aws = cJSON_GetObjectItemCaseSensitive(principal, "AWS");
        char root[64];

        if (!principal)
                return true;
        if (cJSON_IsString(principal))
                return strcmp(principal->valuestring, "*") == 0;
        if (!aws || !question->principal_account || !question->principal_arn)
                return false;
        /* arn:PARTITION:iam::ACCOUNT:root means the same as the bare account. */
        snprintf(root, sizeof(root), "arn:%.*s:iam::%s:root",
                 (int)strcspn(question->principal_arn + 4, ":"), question->principal_arn + 4,
                 question->principal_account);
        return any_equals(aws, "*", false) || any_equals(aws, root, false) ||
               any_equals(aws, question->principal_account, false) ||
               any_equals(aws, question->principal_arn, false);
}

static enum truth
condition_holds(const cJSON *condition, const struct policy_question *question)
{
        const cJSON *operator, * key;

        cJSON_ArrayForEach(operator, condition)
        {
                cJSON_ArrayForEach(key, operator)
                {
                        enum truth holds = operator_holds(operator->string, key,
                                                          value_of(key->string, question));
                        if (holds != YES)
                                return holds;
                }
        }
        return YES;
}

static bool
statement_concerns(const cJSON *statement, const struct policy_question *question)
{
        const cJSON *action = cJSON_GetObjectItemCaseSensitive(statement, "Action");
        const cJSON *not_action = cJSON_GetObjectItemCaseSensitive(statement, "NotAction");
        const cJSON *resource = cJSON_GetObjectItemCaseSensitive(statement, "Resource");
        const cJSON *not_resource = cJSON_GetObjectItemCaseSensitive(statement, "NotResource");

        if (action ? !any_matches(action, question->action, true)
                   : !not_action || any_matches(not_action, question->action, true))
                return false;
        return resource ? any_matches(resource, question->resource, false)
                        : not_resource && !any_matches(not_resource, question->resource, false);
}

static enum policy_answer
statement_ask(const cJSON *statement, const struct policy_question *question)
{
        const cJSON *effect = cJSON_GetObjectItemCaseSensitive(statement, "Effect");
        bool denies = cJSON_IsString(effect) && strcmp(effect->valuestring, "Deny") == 0;

        if (!cJSON_IsString(effect) || !statement_concerns(statement, question) ||
            !principal_matches(cJSON_GetObjectItemCaseSensitive(statement, "Principal"), question))
                return POLICY_SILENT;
        enum truth holds =
                condition_holds(cJSON_GetObjectItemCaseSensitive(statement, "Condition"), question);
        if (denies)
                return holds == NO ? POLICY_SILENT : POLICY_DENIES;
        return holds == YES ? POLICY_ALLOWS : POLICY_SILENT;
}

enum policy_answer
policy_ask(const cJSON *document, const struct policy_question *question)
{
        const cJSON *statements = cJSON_GetObjectItemCaseSensitive(document, "Statement");
        const cJSON *statement;
        enum policy_answer answer = POLICY_SILENT;

        if (cJSON_IsObject(statements))
                return statement_ask(statements, question);
        cJSON_ArrayForEach(statement, statements)
        {
                enum policy_answer one = statement_ask(statement, question);
                if (one > answer)
                        answer = one;
        }
        return answer;
}
