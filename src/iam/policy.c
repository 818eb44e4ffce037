#include "iam/policy.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/* -- operators ---------------------------------------------------------------------------- */

static const struct {
        const char *name;
        enum policy_operator operation;
        bool negated;
} operators[] = {
        { "StringEquals", OPERATOR_STRING_EQUALS, false },
        { "StringNotEquals", OPERATOR_STRING_EQUALS, true },
        { "StringEqualsIgnoreCase", OPERATOR_STRING_EQUALS_IGNORE_CASE, false },
        { "StringNotEqualsIgnoreCase", OPERATOR_STRING_EQUALS_IGNORE_CASE, true },
        { "StringLike", OPERATOR_STRING_LIKE, false },
        { "StringNotLike", OPERATOR_STRING_LIKE, true },
        { "ArnEquals", OPERATOR_ARN_LIKE, false },
        { "ArnNotEquals", OPERATOR_ARN_LIKE, true },
        { "ArnLike", OPERATOR_ARN_LIKE, false },
        { "ArnNotLike", OPERATOR_ARN_LIKE, true },
        { "NumericEquals", OPERATOR_NUMERIC_EQUALS, false },
        { "NumericNotEquals", OPERATOR_NUMERIC_EQUALS, true },
        { "NumericLessThan", OPERATOR_NUMERIC_LESS, false },
        { "NumericLessThanEquals", OPERATOR_NUMERIC_LESS_EQUALS, false },
        { "NumericGreaterThan", OPERATOR_NUMERIC_GREATER, false },
        { "NumericGreaterThanEquals", OPERATOR_NUMERIC_GREATER_EQUALS, false },
        { "DateEquals", OPERATOR_DATE_EQUALS, false },
        { "DateNotEquals", OPERATOR_DATE_EQUALS, true },
        { "DateLessThan", OPERATOR_DATE_LESS, false },
        { "DateLessThanEquals", OPERATOR_DATE_LESS_EQUALS, false },
        { "DateGreaterThan", OPERATOR_DATE_GREATER, false },
        { "DateGreaterThanEquals", OPERATOR_DATE_GREATER_EQUALS, false },
        { "Bool", OPERATOR_BOOL, false },
        { "IpAddress", OPERATOR_IP_ADDRESS, false },
        { "NotIpAddress", OPERATOR_IP_ADDRESS, true },
        { "Null", OPERATOR_NULL, false },
};

/* "ForAnyValue:StringNotLikeIfExists" taken apart. */
static void
operator_read(const char *written, struct policy_condition *out)
{
        static const char all[] = "ForAllValues:";
        static const char any[] = "ForAnyValue:";
        static const char ending[] = "IfExists";
        const char *name = written;

        if (text_starts(name, all)) {
                out->quantifier = FOR_ALL_VALUES;
                name += strlen(all);
        } else if (text_starts(name, any)) {
                out->quantifier = FOR_ANY_VALUE;
                name += strlen(any);
        }
        size_t length = strlen(name);

        if (length > strlen(ending) && strcmp(name + length - strlen(ending), ending) == 0) {
                out->if_exists = true;
                length -= strlen(ending);
        }
        for (size_t i = 0; i < ARRAY_LENGTH(operators); i++) {
                if (strlen(operators[i].name) == length &&
                    memcmp(operators[i].name, name, length) == 0) {
                        out->operation = operators[i].operation;
                        out->negated = operators[i].negated;
                }
        }
        /* "NullIfExists" and a set of nulls mean nothing. */
        if (out->operation == OPERATOR_NULL && (out->if_exists || out->quantifier))
                out->operation = OPERATOR_UNKNOWN;
}

/* -- reading ------------------------------------------------------------------------------ */

struct reader {
        struct policy *policy;
        struct policy_statement *statement; /* the one at hand */
        struct error *err;
};

/* A text that a policy may hold: not too long, and without control characters. */
static bool
text_is_sane(const char *text)
{
        size_t length = 0;

        for (; text[length]; length++) {
                if ((unsigned char)text[length] < ' ' || text[length] == 0x7F)
                        return false;
        }
        return length > 0 && length <= POLICY_MOST_TEXT;
}

static bool
add_text(struct reader *reader, const char *what, const char *text, struct policy_list *out)
{
        if (out->count == POLICY_MOST_VALUES)
                return error_set(reader->err, ERROR_INPUT, "%s has over %d values", what,
                                 POLICY_MOST_VALUES);
        if (*text && !text_is_sane(text))
                return error_set(reader->err, ERROR_INPUT,
                                 "a value of %s is over %d bytes long or has control characters",
                                 what, POLICY_MOST_TEXT);
        out->items = memory_grow(out->items, out->count + 1, sizeof(*out->items));
        out->items[out->count++] = text_copy(text);
        return true;
}

/* A value of a condition may be written as a number or a truth value as well. */
static bool
add_value(struct reader *reader, const char *what, const cJSON *json, struct policy_list *out)
{
        if (cJSON_IsString(json))
                return add_text(reader, what, json->valuestring, out);
        if (cJSON_IsBool(json))
                return add_text(reader, what, cJSON_IsTrue(json) ? "true" : "false", out);
        if (cJSON_IsNumber(json)) {
                char *printed = cJSON_PrintUnformatted(json);
                CLEANUP(free_cleanup) char *text = text_copy(printed);

                cJSON_free(printed);
                return add_text(reader, what, text, out);
        }
        return error_set(reader->err, ERROR_INPUT, "a value of %s is neither text nor a number",
                         what);
}

static bool
read_values(struct reader *reader, const char *what, const cJSON *json, struct policy_list *out)
{
        const cJSON *item;

        if (!cJSON_IsArray(json))
                return add_value(reader, what, json, out);
        cJSON_ArrayForEach(item, json)
        {
                if (!add_value(reader, what, item, out))
                        return false;
        }
        return true;
}

/* A text, or a list of at least one, none of them empty. */
static bool
read_names(struct reader *reader, const char *what, const cJSON *json, struct policy_list *out)
{
        const cJSON *item = cJSON_IsArray(json) ? json->child : json;

        if (!item)
                return error_set(reader->err, ERROR_INPUT, "%s is an empty list", what);
        for (; item; item = cJSON_IsArray(json) ? item->next : NULL) {
                if (!cJSON_IsString(item) || !*item->valuestring)
                        return error_set(reader->err, ERROR_INPUT,
                                         "%s is neither text nor a list of texts", what);
                if (!add_text(reader, what, item->valuestring, out))
                        return false;
        }
        return true;
}

static bool
read_sid(struct reader *reader, const cJSON *json)
{
        if (!cJSON_IsString(json) || (*json->valuestring && !text_is_sane(json->valuestring)))
                return error_set(reader->err, ERROR_INPUT, "Sid is not a text");
        text_assign(&reader->statement->sid, *json->valuestring ? json->valuestring : NULL);
        return true;
}

static bool
read_effect(struct reader *reader, const cJSON *json)
{
        const char *text = cJSON_GetStringValue(json);

        if (text && strcmp(text, "Allow") == 0)
                reader->statement->effect = POLICY_ALLOW;
        else if (text && strcmp(text, "Deny") == 0)
                reader->statement->effect = POLICY_DENY;
        else
                return error_set(reader->err, ERROR_INPUT, "Effect is neither Allow nor Deny");
        return true;
}

static bool
read_actions(struct reader *reader, const cJSON *json)
{
        struct policy_list *actions = &reader->statement->actions;

        if (!read_names(reader, json->string, json, actions))
                return false;
        reader->statement->not_action = strcmp(json->string, "NotAction") == 0;
        for (size_t i = 0; i < actions->count; i++) {
                const char *action = actions->items[i];
                const char *colon = strchr(action, ':');

                if (strcmp(action, "*") != 0 && (!colon || colon == action || !colon[1]))
                        return error_set(reader->err, ERROR_INPUT,
                                         "'%s' is not an action: it has no service in front",
                                         action);
        }
        return true;
}

static bool
read_resources(struct reader *reader, const cJSON *json)
{
        struct policy_list *resources = &reader->statement->resources;

        if (reader->policy->kind == POLICY_OF_TRUST)
                return error_set(reader->err, ERROR_INPUT, "a trust policy has no %s",
                                 json->string);
        if (!read_names(reader, json->string, json, resources))
                return false;
        reader->statement->not_resource = strcmp(json->string, "NotResource") == 0;
        for (size_t i = 0; i < resources->count; i++) {
                const char *resource = resources->items[i];

                if (strcmp(resource, "*") != 0 && !text_starts(resource, "arn:"))
                        return error_set(reader->err, ERROR_INPUT,
                                         "'%s' is not a resource: neither \"*\" nor an ARN",
                                         resource);
        }
        return true;
}

static bool
add_principals(struct reader *reader, const char *type, const cJSON *json)
{
        static const char *const types[] = { "*", "AWS", "Service", "Federated", "CanonicalUser" };
        struct policy_statement *statement = reader->statement;
        struct policy_list who = { 0 };
        bool known = false;

        for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
                known = known || strcmp(types[i], type) == 0;
        if (!known)
                return error_set(reader->err, ERROR_INPUT, "a principal has the unknown type '%s'",
                                 type);
        bool done = read_names(reader, "a principal", json, &who);

        for (size_t i = 0; i < who.count; i++) {
                statement->principals =
                        memory_grow(statement->principals, statement->principal_count + 1,
                                    sizeof(*statement->principals));
                statement->principals[statement->principal_count++] =
                        (struct policy_principal){ .type = text_copy(type), .who = who.items[i] };
        }
        free(who.items);
        return done;
}

static bool
read_principals(struct reader *reader, const cJSON *json)
{
        const cJSON *type;

        if (reader->policy->kind == POLICY_OF_IDENTITY)
                return error_set(reader->err, ERROR_INPUT,
                                 "an identity's policy has no %s: it belongs to whom it is "
                                 "attached to",
                                 json->string);
        reader->statement->not_principal = strcmp(json->string, "NotPrincipal") == 0;
        if (cJSON_IsString(json) && strcmp(json->valuestring, "*") == 0)
                return add_principals(reader, "*", json);
        if (!cJSON_IsObject(json) || !json->child)
                return error_set(reader->err, ERROR_INPUT,
                                 "%s is neither \"*\" nor an object of types", json->string);
        cJSON_ArrayForEach(type, json)
        {
                if (strcmp(type->string, "*") == 0)
                        return error_set(reader->err, ERROR_INPUT, "a principal has no type");
                if (!add_principals(reader, type->string, type))
                        return false;
        }
        return true;
}

static bool
read_keys(struct reader *reader, const cJSON *json)
{
        struct policy_statement *statement = reader->statement;
        const cJSON *key;

        if (!cJSON_IsObject(json) || !text_is_sane(json->string))
                return error_set(reader->err, ERROR_INPUT,
                                 "an operator of Condition is not an object of keys");
        cJSON_ArrayForEach(key, json)
        {
                if (statement->condition_count == POLICY_MOST_VALUES || !text_is_sane(key->string))
                        return error_set(reader->err, ERROR_INPUT,
                                         "%s has a key that is empty or too long, or too many",
                                         json->string);
                statement->conditions =
                        memory_grow(statement->conditions, statement->condition_count + 1,
                                    sizeof(*statement->conditions));
                struct policy_condition *condition =
                        &statement->conditions[statement->condition_count++];

                *condition = (struct policy_condition){ .written = text_copy(json->string),
                                                        .key = text_copy(key->string) };
                operator_read(json->string, condition);
                if (!read_values(reader, key->string, key, &condition->values))
                        return false;
        }
        return true;
}

static bool
read_conditions(struct reader *reader, const cJSON *json)
{
        const cJSON *operation;

        if (!cJSON_IsObject(json))
                return error_set(reader->err, ERROR_INPUT,
                                 "Condition is not an object of operators");
        cJSON_ArrayForEach(operation, json)
        {
                if (!read_keys(reader, operation))
                        return false;
        }
        return true;
}

/* `excludes`: the other spelling, which must not stand beside it. */
static const struct member {
        const char *name;
        const char *excludes;
        bool (*read)(struct reader *reader, const cJSON *json);
} members[] = {
        { "Sid", NULL, read_sid },
        { "Effect", NULL, read_effect },
        { "Principal", "NotPrincipal", read_principals },
        { "NotPrincipal", "Principal", read_principals },
        { "Action", "NotAction", read_actions },
        { "NotAction", "Action", read_actions },
        { "Resource", "NotResource", read_resources },
        { "NotResource", "Resource", read_resources },
        { "Condition", NULL, read_conditions },
};

static bool
read_member(struct reader *reader, const cJSON *object, const cJSON *json)
{
        for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
                const struct member *member = &members[i];

                if (strcmp(member->name, json->string) != 0)
                        continue;
                if (member->excludes && cJSON_GetObjectItemCaseSensitive(object, member->excludes))
                        return error_set(reader->err, ERROR_INPUT, "%s and %s stand side by side",
                                         member->name, member->excludes);
                return member->read(reader, json);
        }
        return error_set(reader->err, ERROR_INPUT, "'%s' is not a member of a statement",
                         json->string);
}

static bool
read_statement(struct reader *reader, const cJSON *json)
{
        struct policy_statement *statement = reader->statement;
        enum policy_kind kind = reader->policy->kind;
        const cJSON *member;

        if (!cJSON_IsObject(json))
                return error_set(reader->err, ERROR_INPUT, "it is not an object");
        const cJSON *sid = cJSON_GetObjectItemCaseSensitive(json, "Sid");

        /* First of all, so that every error can name it. */
        if (sid && !read_sid(reader, sid))
                return false;
        cJSON_ArrayForEach(member, json)
        {
                if (!read_member(reader, json, member))
                        return false;
        }
        if (!cJSON_GetObjectItemCaseSensitive(json, "Effect"))
                return error_set(reader->err, ERROR_INPUT, "Effect is missing");
        if (!statement->actions.count)
                return error_set(reader->err, ERROR_INPUT, "Action is missing");
        if (!statement->resources.count && kind != POLICY_OF_TRUST)
                return error_set(reader->err, ERROR_INPUT, "Resource is missing");
        if (!statement->principal_count && kind != POLICY_OF_IDENTITY)
                return error_set(reader->err, ERROR_INPUT, "Principal is missing");
        return true;
}

static bool
read_statements(struct reader *reader, const cJSON *json)
{
        struct policy *policy = reader->policy;
        const cJSON *item = cJSON_IsArray(json) ? json->child : json;

        if (!item)
                return error_set(reader->err, ERROR_INPUT, "Statement is missing or empty");
        for (; item; item = cJSON_IsArray(json) ? item->next : NULL) {
                if (policy->count == POLICY_MOST_STATEMENTS)
                        return error_set(reader->err, ERROR_INPUT, "there are over %d statements",
                                         POLICY_MOST_STATEMENTS);
                policy->statements = memory_grow(policy->statements, policy->count + 1,
                                                 sizeof(*policy->statements));
                reader->statement = &policy->statements[policy->count++];
                *reader->statement = (struct policy_statement){ .number = policy->count };
                if (!read_statement(reader, item))
                        return false;
        }
        reader->statement = NULL;
        return true;
}

static bool
read_version(struct reader *reader, const cJSON *json)
{
        const char *version = cJSON_GetStringValue(json);

        if (!json)
                return true;
        reader->policy->variables = version && strcmp(version, "2012-10-17") == 0;
        if (reader->policy->variables || (version && strcmp(version, "2008-10-17") == 0))
                return true;
        return error_set(reader->err, ERROR_INPUT,
                         "Version is neither \"2012-10-17\" nor \"2008-10-17\"");
}

/* No two members of an object have the same name, at any depth.  (The count bounds the time.) */
static bool
names_are_unique(const cJSON *json, unsigned depth, struct error *err)
{
        const cJSON *item;

        if (depth > POLICY_MOST_DEPTH)
                return error_set(err, ERROR_INPUT, "it is nested deeper than a policy can be");
        if (cJSON_IsObject(json) && cJSON_GetArraySize(json) > POLICY_MOST_VALUES)
                return error_set(err, ERROR_INPUT, "an object has over %d members",
                                 POLICY_MOST_VALUES);
        cJSON_ArrayForEach(item, json)
        {
                if (cJSON_IsObject(json) &&
                    cJSON_GetObjectItemCaseSensitive(json, item->string) != item)
                        return error_set(err, ERROR_INPUT, "a member stands there twice");
                if (!names_are_unique(item, depth + 1, err))
                        return false;
        }
        return true;
}

static bool
read_document(struct reader *reader, const cJSON *json)
{
        const cJSON *member;

        if (!cJSON_IsObject(json))
                return error_set(reader->err, ERROR_INPUT, "it is not a JSON object");
        cJSON_ArrayForEach(member, json)
        {
                if (strcmp(member->string, "Version") != 0 && strcmp(member->string, "Id") != 0 &&
                    strcmp(member->string, "Statement") != 0)
                        return error_set(reader->err, ERROR_INPUT,
                                         "'%s' is not a member of a policy", member->string);
        }
        return names_are_unique(json, 0, reader->err) &&
               read_version(reader, cJSON_GetObjectItemCaseSensitive(json, "Version")) &&
               read_statements(reader, cJSON_GetObjectItemCaseSensitive(json, "Statement"));
}

/* cJSON ends texts at a NUL, so that "acm-pca:Get\u0000…" would read as something shorter. */
static bool
document_is_text(struct view document)
{
        return !memchr(document.data, '\0', document.len) &&
               !memmem(document.data, document.len, "\\u0000", strlen("\\u0000"));
}

static cJSON *
document_parse(struct view document, struct error *err)
{
        const char *end = NULL;

        if (!document.len || document.len > POLICY_MOST_BYTES) {
                error_set(err, ERROR_INPUT, "it is empty or over %d bytes long", POLICY_MOST_BYTES);
                return NULL;
        }
        if (!document_is_text(document)) {
                error_set(err, ERROR_INPUT, "it has a NUL in it");
                return NULL;
        }
        const char *text = (const char *)document.data;
        cJSON *json = cJSON_ParseWithLengthOpts(text, document.len, &end, false);

        if (!json) {
                error_set(err, ERROR_INPUT, "it is not JSON from byte %zu on",
                          end ? (size_t)(end - text) + 1 : 1);
                return NULL;
        }
        for (; end < text + document.len; end++) {
                if (strchr(" \t\r\n", *end))
                        continue;
                error_set(err, ERROR_INPUT, "something follows behind the JSON, at byte %zu",
                          (size_t)(end - text) + 1);
                cJSON_Delete(json);
                return NULL;
        }
        return json;
}

bool
policy_read(enum policy_kind kind, const char *name, struct view document, struct policy *out,
            struct error *err)
{
        struct policy policy = { .kind = kind, .name = text_copy(name) };
        struct reader reader = { .policy = &policy, .err = err };
        cJSON *json = document_parse(document, err);
        bool done = json && read_document(&reader, json);

        cJSON_Delete(json);
        if (done) {
                *out = policy;
                return true;
        }
        CLEANUP(free_cleanup)
        char *about = reader.statement ? policy_statement_name(&policy, reader.statement)
                                       : text_copy(name);

        error_about(err, "%s", about);
        error_advise(err, "correct the policy document; AWS would not take it as it is");
        policy_clear(&policy);
        return false;
}

/* -- memory and names --------------------------------------------------------------------- */

static void
list_clear(struct policy_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                free(list->items[i]);
        free(list->items);
}

static void
statement_clear(struct policy_statement *statement)
{
        free(statement->sid);
        list_clear(&statement->actions);
        list_clear(&statement->resources);
        for (size_t i = 0; i < statement->principal_count; i++) {
                free(statement->principals[i].type);
                free(statement->principals[i].who);
        }
        free(statement->principals);
        for (size_t i = 0; i < statement->condition_count; i++) {
                free(statement->conditions[i].written);
                free(statement->conditions[i].key);
                list_clear(&statement->conditions[i].values);
        }
        free(statement->conditions);
}

void
policy_clear(struct policy *policy)
{
        for (size_t i = 0; i < policy->count; i++)
                statement_clear(&policy->statements[i]);
        free(policy->statements);
        free(policy->name);
        *policy = (struct policy){ 0 };
}

char *
policy_statement_name(const struct policy *policy, const struct policy_statement *statement)
{
        if (!statement->sid)
                return text_format("statement %zu of %s", statement->number, policy->name);
        return text_format("statement %zu (Sid '%.60s') of %s", statement->number, statement->sid,
                           policy->name);
}
