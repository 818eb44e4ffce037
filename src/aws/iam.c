#include "aws/iam.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "aws/form.h"
#include "aws/found.h"
#include "aws/xml.h"
#include "base/clock.h"

/* -- writing ------------------------------------------------------------------------------ */

char *
iam_form(const char *name, ...)
{
        CLEANUP(buf_cleanup) struct buf form = { 0 };
        va_list arguments;

        va_start(arguments, name);
        while (name) {
                form_add(&form, name, va_arg(arguments, const char *));
                name = va_arg(arguments, const char *);
        }
        va_end(arguments);
        return text_copy(buf_text(&form));
}

char *
iam_write_simulation(const struct iam_simulation *question)
{
        CLEANUP(buf_cleanup) struct buf form = { 0 };

        form_add(&form, "PolicySourceArn", question->principal);
        for (size_t i = 0; i < question->action_count; i++)
                form_add_member(&form, "ActionNames", i + 1, NULL, question->actions[i]);
        if (question->resource)
                form_add_member(&form, "ResourceArns", 1, NULL, question->resource);
        for (size_t i = 0; i < question->key_count; i++) {
                const struct iam_simulated_key *key = &question->keys[i];

                form_add_member(&form, "ContextEntries", i + 1, "ContextKeyName", key->name);
                form_add_member(&form, "ContextEntries", i + 1, "ContextKeyValues.member.1",
                                key->value);
                form_add_member(&form, "ContextEntries", i + 1, "ContextKeyType", key->type);
        }
        return text_copy(buf_text(&form));
}

/* -- reading ------------------------------------------------------------------------------ */

static bool
not_as_promised(struct error *err, const char *operation, const char *rule)
{
        error_set(err, ERROR_AWS_ANSWER, "the answer to %s %s", operation, rule);
        return error_advise(err, "something other than AWS IAM may answer there; check the "
                                 "endpoint URL");
}

static void
xml_cleanup(struct xml **xml)
{
        xml_free(*xml);
}

/* <OperationResponse><OperationResult>; NULL on failure. */
static const struct xml_element *
open_result(struct view body, const char *operation, struct xml **xml, struct error *err)
{
        CLEANUP(free_cleanup) char *response = text_format("%sResponse", operation);
        CLEANUP(free_cleanup) char *name = text_format("%sResult", operation);

        *xml = xml_read(body, err);
        if (!*xml)
                return NULL;
        const struct xml_element *root = xml_root(*xml);
        const struct xml_element *result = xml_is(root, response) ? xml_find(root, name) : NULL;

        if (!result)
                not_as_promised(err, operation, "has no result");
        return result;
}

/* The marker of the next page, where there is one. */
static void
read_marker(const struct xml_element *result, char **marker)
{
        const char *truncated = xml_text_at(result, "IsTruncated");

        *marker = truncated && strcmp(truncated, "true") == 0
                          ? text_copy(xml_text_at(result, "Marker"))
                          : NULL;
}

static int
hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 3986, 2.1; NULL when it is malformed.  The caller frees. */
static char *
percent_decode(const char *text)
{
        CLEANUP(buf_cleanup) struct buf out = { 0 };

        for (; *text; text++) {
                if (*text != '%') {
                        buf_add_byte(&out, (uint8_t)*text);
                        continue;
                }
                int high = hex_digit(text[1]);
                int low = high < 0 ? -1 : hex_digit(text[2]);

                if (low < 0 || (high == 0 && low == 0))
                        return NULL;
                buf_add_byte(&out, (uint8_t)(high * 16 + low));
                text += 2;
        }
        return text_copy(buf_text(&out));
}

bool
iam_read_text(struct view body, const char *operation, const char *path, char **out,
              struct error *err)
{
        CLEANUP(xml_cleanup) struct xml *xml = NULL;
        const struct xml_element *result = open_result(body, operation, &xml, err);
        const char *text = xml_text_at(result, path);

        if (!result)
                return false;
        if (!text || !*text)
                return not_as_promised(err, operation, "lacks what was asked for");
        *out = text_copy(text);
        return true;
}

bool
iam_read_document(struct view body, const char *operation, const char *path, char **out,
                  struct error *err)
{
        CLEANUP(free_cleanup) char *text = NULL;

        if (!iam_read_text(body, operation, path, &text, err))
                return false;
        char *document = percent_decode(text);

        if (!document)
                return not_as_promised(err, operation, "has a document that cannot be decoded");
        *out = document;
        return true;
}

/* -- users and roles ---------------------------------------------------------------------- */

void
iam_entity_clear(struct iam_entity *entity)
{
        free(entity->arn);
        free(entity->name);
        free(entity->path);
        free(entity->unique_id);
        free(entity->boundary_arn);
        free(entity->trust);
        for (size_t i = 0; i < entity->tag_count; i++) {
                free(entity->tags[i].key);
                free(entity->tags[i].value);
        }
        free(entity->tags);
        *entity = (struct iam_entity){ 0 };
}

const char *
iam_entity_tag(const struct iam_entity *entity, const char *key)
{
        for (size_t i = 0; i < entity->tag_count; i++) {
                if (strcmp(entity->tags[i].key, key) == 0)
                        return entity->tags[i].value;
        }
        return NULL;
}

static void
read_tags(const struct xml_element *from, struct iam_entity *out)
{
        const struct xml_element *member = xml_find(from, "Tags/member");

        for (; member; member = xml_next(member)) {
                const char *key = xml_text_at(member, "Key");
                const char *value = xml_text_at(member, "Value");

                if (!key)
                        continue;
                out->tags = memory_grow(out->tags, out->tag_count + 1, sizeof(*out->tags));
                out->tags[out->tag_count++] =
                        (struct iam_tag){ .key = text_copy(key),
                                          .value = text_copy(value ? value : "") };
        }
}

bool
iam_read_entity(struct view body, const char *operation, struct iam_entity *out, struct error *err)
{
        bool role = strcmp(operation + strlen(operation) - 4, "Role") == 0;
        CLEANUP(xml_cleanup) struct xml *xml = NULL;
        const struct xml_element *result = open_result(body, operation, &xml, err);
        const struct xml_element *from = xml_find(result, role ? "Role" : "User");
        const char *arn = xml_text_at(from, "Arn");
        const char *name = xml_text_at(from, role ? "RoleName" : "UserName");
        const char *path = xml_text_at(from, "Path");
        const char *id = xml_text_at(from, role ? "RoleId" : "UserId");
        const char *trust = xml_text_at(from, "AssumeRolePolicyDocument");

        if (!result)
                return false;
        if (!arn || !text_starts(arn, "arn:") || !name || !*name || !path || !id || !*id)
                return not_as_promised(err, operation, "lacks ARN, name, path or id");
        struct iam_entity entity = {
                .arn = text_copy(arn),
                .name = text_copy(name),
                .path = text_copy(path),
                .unique_id = text_copy(id),
                .boundary_arn =
                        text_copy(xml_text_at(from, "PermissionsBoundary/PermissionsBoundaryArn")),
                .trust = trust ? percent_decode(trust) : NULL,
        };

        read_tags(from, &entity);
        *out = entity;
        return true;
}

/* -- access keys -------------------------------------------------------------------------- */

bool
iam_read_new_key(struct view body, struct credentials *out, struct error *err)
{
        static const char operation[] = "CreateAccessKey";
        CLEANUP(xml_cleanup) struct xml *xml = NULL;
        const struct xml_element *result = open_result(body, operation, &xml, err);
        struct found found = { .access_key_id = xml_text_at(result, "AccessKey/AccessKeyId"),
                               .secret_access_key =
                                       xml_text_at(result, "AccessKey/SecretAccessKey"),
                               .origin = operation };

        if (!result)
                return false;
        if (!found.access_key_id || !*found.access_key_id || !found.secret_access_key ||
            !*found.secret_access_key)
                return not_as_promised(err, operation, "lacks the key");
        if (found_take(&found, out, err))
                return true;
        return not_as_promised(err, operation, "has a key that none can be");
}

void
iam_keys_clear(struct iam_keys *keys)
{
        for (size_t i = 0; i < keys->count; i++)
                free(keys->all[i].id);
        free(keys->all);
        *keys = (struct iam_keys){ 0 };
}

bool
iam_read_keys(struct view body, struct iam_keys *out, char **marker, struct error *err)
{
        static const char operation[] = "ListAccessKeys";
        CLEANUP(xml_cleanup) struct xml *xml = NULL;
        const struct xml_element *result = open_result(body, operation, &xml, err);
        const struct xml_element *member = xml_find(result, "AccessKeyMetadata/member");

        if (!result)
                return false;
        for (; member; member = xml_next(member)) {
                const char *id = xml_text_at(member, "AccessKeyId");
                const char *created = xml_text_at(member, "CreateDate");
                struct iam_key_facts key = { .active = text_equal(xml_text_at(member, "Status"),
                                                                  "Active") };

                if (!id || !*id)
                        return not_as_promised(err, operation, "has a key without an id");
                if (created && !clock_parse(created, &key.created_at))
                        key.created_at = 0;
                key.id = text_copy(id);
                out->all = memory_grow(out->all, out->count + 1, sizeof(*out->all));
                out->all[out->count++] = key;
        }
        read_marker(result, marker);
        return true;
}

bool
iam_read_last_used(struct view body, int64_t *out, struct error *err)
{
        static const char operation[] = "GetAccessKeyLastUsed";
        CLEANUP(xml_cleanup) struct xml *xml = NULL;
        const struct xml_element *result = open_result(body, operation, &xml, err);
        const char *date = xml_text_at(result, "AccessKeyLastUsed/LastUsedDate");

        if (!result)
                return false;
        *out = 0;
        return !date || !*date || strcmp(date, "N/A") == 0 || clock_parse(date, out) ||
               not_as_promised(err, operation, "has a time that is none");
}

/* -- lists -------------------------------------------------------------------------------- */

void
iam_names_clear(struct iam_names *names)
{
        for (size_t i = 0; i < names->count; i++)
                free(names->all[i]);
        free(names->all);
        *names = (struct iam_names){ 0 };
}

bool
iam_read_names(struct view body, const char *operation, const char *list, const char *member,
               struct iam_names *out, char **marker, struct error *err)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/member", list);
        CLEANUP(xml_cleanup) struct xml *xml = NULL;
        const struct xml_element *result = open_result(body, operation, &xml, err);
        const struct xml_element *item = xml_find(result, path);

        if (!result)
                return false;
        for (; item; item = xml_next(item)) {
                const char *text = member ? xml_text_at(item, member) : xml_text(item);

                if (!text || !*text)
                        return not_as_promised(err, operation, "has something without a name");
                out->all = memory_grow(out->all, out->count + 1, sizeof(*out->all));
                out->all[out->count++] = text_copy(text);
        }
        read_marker(result, marker);
        return true;
}

/* -- the simulator ------------------------------------------------------------------------ */

bool
iam_read_simulation(struct view body, const char *action, char **decision, bool *missing,
                    struct error *err)
{
        static const char operation[] = "SimulatePrincipalPolicy";
        static const char *const known[] = { "allowed", "explicitDeny", "implicitDeny" };
        CLEANUP(xml_cleanup) struct xml *xml = NULL;
        const struct xml_element *result = open_result(body, operation, &xml, err);
        const struct xml_element *answer = xml_find(result, "EvaluationResults/member");

        if (!result)
                return false;
        while (answer && !text_equal(xml_text_at(answer, "EvalActionName"), action))
                answer = xml_next(answer);
        const char *text = xml_text_at(answer, "EvalDecision");

        for (size_t i = 0; text && i < ARRAY_LENGTH(known); i++) {
                if (strcmp(known[i], text) != 0)
                        continue;
                *decision = text_copy(text);
                *missing = xml_find(answer, "MissingContextValues/member") != NULL;
                return true;
        }
        return not_as_promised(err, operation, "has no decision");
}
