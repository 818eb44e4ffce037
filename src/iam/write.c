#include "iam/write.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "iam/condition.h"

/* -- what may stand in a policy ----------------------------------------------------------- */

static const char letters_and_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                         "0123456789";

/* At least one character, all of them letters, digits or of `others`. */
static bool
consists_of(const char *text, const char *others)
{
        size_t length = strlen(text);

        for (size_t i = 0; i < length; i++) {
                if (!strchr(letters_and_digits, text[i]) && !strchr(others, text[i]))
                        return false;
        }
        return length > 0;
}

static bool
is_account(const char *text)
{
        return strlen(text) == 12 && strspn(text, "0123456789") == 12;
}

/* An ARN in six parts, none of which can mean more than it says. */
struct arn {
        char *part[6]; /* "arn", partition, service, Region, account, resource */
};

enum { ARN_PARTITION = 1, ARN_SERVICE, ARN_REGION, ARN_ACCOUNT, ARN_RESOURCE };

static void
arn_clear(struct arn *arn)
{
        for (size_t i = 0; i < ARRAY_LENGTH(arn->part); i++)
                free(arn->part[i]);
}

static bool
arn_read(const char *text, struct arn *out)
{
        *out = (struct arn){ 0 };
        if (strlen(text) > 2048 || !consists_of(text, "+=,.@:/_-"))
                return false;
        for (size_t i = 0; i < ARRAY_LENGTH(out->part); i++) {
                bool last = i + 1 == ARRAY_LENGTH(out->part);
                size_t length = last ? strlen(text) : strcspn(text, ":");

                if (!last && text[length] != ':')
                        return false;
                out->part[i] = text_copy_length(text, length);
                text += length + !last;
        }
        return strcmp(out->part[0], "arn") == 0 && *out->part[ARN_PARTITION] &&
               *out->part[ARN_SERVICE] && *out->part[ARN_RESOURCE];
}

/* "arn:aws:acm-pca:::template/EndEntityCertificate/V1" or what stands behind "template/". */
static bool
is_template_name(const char *text)
{
        const char *slash = strchr(text, '/');

        return slash && slash > text && consists_of(text, "_/") && slash[1] == 'V' && slash[2] &&
               strspn(slash + 2, "0123456789") == strlen(slash + 2);
}

/* -- cJSON -------------------------------------------------------------------------------- */

/* One value as a text, several as a list; each once. */
static cJSON *
texts_json(char *const *texts, size_t count)
{
        cJSON *list;

        if (count == 1)
                return cJSON_CreateString(texts[0]);
        list = cJSON_CreateArray();
        for (size_t i = 0; i < count; i++)
                cJSON_AddItemToArray(list, cJSON_CreateString(texts[i]));
        return list;
}

struct texts {
        char **items;
        size_t count;
};

static void
texts_clear(struct texts *texts)
{
        for (size_t i = 0; i < texts->count; i++)
                free(texts->items[i]);
        free(texts->items);
}

/* Takes the text. */
static void
texts_add(struct texts *texts, char *text)
{
        for (size_t i = 0; i < texts->count; i++) {
                if (strcmp(texts->items[i], text) == 0) {
                        free(text);
                        return;
                }
        }
        texts->items = memory_grow(texts->items, texts->count + 1, sizeof(*texts->items));
        texts->items[texts->count++] = text;
}

static void
json_cleanup(cJSON **json)
{
        cJSON_Delete(*json);
}

static void
print_scalar(const cJSON *json, struct buf *out)
{
        char *text = cJSON_PrintUnformatted(json);

        buf_add_text(out, text);
        cJSON_free(text);
}

static void
print_newline(unsigned depth, struct buf *out)
{
        buf_format(out, "\n%*s", (int)depth * 4, "");
}

/* Indented as the IAM console does. */
static void
print_pretty(const cJSON *json, unsigned depth, struct buf *out)
{
        bool object = cJSON_IsObject(json);

        if (!json->child) {
                print_scalar(json, out);
                return;
        }
        buf_add_byte(out, object ? '{' : '[');
        for (const cJSON *item = json->child; item; item = item->next) {
                print_newline(depth + 1, out);
                if (object)
                        buf_format(out, "\"%s\": ", item->string);
                print_pretty(item, depth + 1, out);
                if (item->next)
                        buf_add_byte(out, ',');
        }
        print_newline(depth, out);
        buf_add_byte(out, object ? '}' : ']');
}

/* Takes the statements. */
static char *
policy_print(cJSON *statements, bool pretty)
{
        CLEANUP(json_cleanup) cJSON *policy = cJSON_CreateObject();
        CLEANUP(buf_cleanup) struct buf out = { 0 };

        cJSON_AddStringToObject(policy, "Version", "2012-10-17");
        cJSON_AddItemToObject(policy, "Statement", statements);
        if (pretty)
                print_pretty(policy, 0, &out);
        else
                print_scalar(policy, &out);
        return text_copy(buf_text(&out));
}

/* -- a wish, checked ---------------------------------------------------------------------- */

struct draft {
        const struct iam_wish *wish;
        char *partition;
        char *account; /* or NULL */
        struct texts cas;
        struct texts certificates; /* ACM's, where those CAs are */
        struct texts templates;
        bool session; /* without names of statements */
};

static void
draft_clear(struct draft *draft)
{
        free(draft->partition);
        free(draft->account);
        texts_clear(&draft->cas);
        texts_clear(&draft->certificates);
        texts_clear(&draft->templates);
}

static bool
use_has_resource(enum iam_use use, enum iam_resource resource)
{
        const struct iam_grant *grant;

        for (size_t i = 0; (grant = iam_grant_at(i)); i++) {
                if (grant->use == use && grant->resource == resource)
                        return true;
        }
        return false;
}

static bool
use_is_bound(enum iam_use use, enum iam_bound bound)
{
        const struct iam_grant *grant;

        for (size_t i = 0; (grant = iam_grant_at(i)); i++) {
                if (grant->use == use && grant->bound == bound)
                        return true;
        }
        return false;
}

static bool
draft_partition(struct draft *draft, const char *partition, const char *of, struct error *err)
{
        if (!draft->partition)
                draft->partition = text_copy(partition);
        if (strcmp(draft->partition, partition) == 0)
                return true;
        error_set(err, ERROR_USAGE, "'%s' is of partition %s, but what stands before it of %s", of,
                  partition, draft->partition);
        return error_advise(err, "write a policy of its own for each partition");
}

static bool
draft_ca(struct draft *draft, const char *text, struct error *err)
{
        static const char resource[] = "certificate-authority/";
        CLEANUP(arn_clear) struct arn arn;

        if (!arn_read(text, &arn) || strcmp(arn.part[ARN_SERVICE], "acm-pca") != 0 ||
            !*arn.part[ARN_REGION] || !is_account(arn.part[ARN_ACCOUNT]) ||
            !text_starts(arn.part[ARN_RESOURCE], resource) ||
            !consists_of(arn.part[ARN_RESOURCE] + strlen(resource), "-")) {
                error_set(err, ERROR_USAGE, "'%.120s' is not the ARN of a CA", text);
                return error_advise(err, "it looks like arn:aws:acm-pca:REGION:ACCOUNT:"
                                         "certificate-authority/ID; p11cert ca list shows them");
        }
        if (!draft_partition(draft, arn.part[ARN_PARTITION], text, err))
                return false;
        texts_add(&draft->cas, text_copy(text));
        texts_add(&draft->certificates,
                  text_format("arn:%s:acm:%s:%s:certificate/*", arn.part[ARN_PARTITION],
                              arn.part[ARN_REGION], arn.part[ARN_ACCOUNT]));
        if (!draft->account)
                draft->account = text_copy(arn.part[ARN_ACCOUNT]);
        return true;
}

static bool
draft_template(struct draft *draft, const char *text, struct error *err)
{
        static const char resource[] = "template/";
        CLEANUP(arn_clear) struct arn arn = { 0 };

        if (is_template_name(text)) {
                texts_add(&draft->templates,
                          text_format("arn:%s:acm-pca:::template/%s", draft->partition, text));
                return true;
        }
        if (!arn_read(text, &arn) || strcmp(arn.part[ARN_SERVICE], "acm-pca") != 0 ||
            *arn.part[ARN_REGION] || *arn.part[ARN_ACCOUNT] ||
            !text_starts(arn.part[ARN_RESOURCE], resource) ||
            !is_template_name(arn.part[ARN_RESOURCE] + strlen(resource))) {
                error_set(err, ERROR_USAGE, "'%.120s' is not the ARN of a certificate template",
                          text);
                return error_advise(err, "it looks like arn:aws:acm-pca:::template/"
                                         "EndEntityCertificate/V1");
        }
        if (!draft_partition(draft, arn.part[ARN_PARTITION], text, err))
                return false;
        texts_add(&draft->templates, text_copy(text));
        return true;
}

static bool
draft_names(struct draft *draft, struct error *err)
{
        const struct iam_wish *wish = draft->wish;

        if (wish->account) {
                if (!is_account(wish->account))
                        return error_set(err, ERROR_USAGE, "'%.60s' is not an account's 12 digits",
                                         wish->account);
                text_assign(&draft->account, wish->account);
        }
        if (use_has_resource(wish->use, RESOURCE_USER) && !draft->account) {
                error_set(err, ERROR_USAGE, "the policy needs to know the account");
                return error_advise(err, "name the account, or a CA of it");
        }
        if (!use_has_resource(wish->use, RESOURCE_COMMON_ROLE))
                return true;
        if (!wish->role_name || strlen(wish->role_name) > 64 ||
            !consists_of(wish->role_name, "+=,.@_-")) {
                error_set(err, ERROR_USAGE, "the policy needs the name of the common role");
                return error_advise(err, "name the role that has the same name in every account");
        }
        return true;
}

static bool
draft_sources(const struct iam_wish *wish, struct error *err)
{
        for (size_t i = 0; i < wish->source_count; i++) {
                if (condition_is_block(wish->sources[i]))
                        continue;
                error_set(err, ERROR_USAGE, "'%.60s' is not a block of addresses",
                          wish->sources[i]);
                return error_advise(err, "write it like 203.0.113.0/24 or 2001:db8::/32");
        }
        return true;
}

static bool
draft_make(const struct iam_wish *wish, struct draft *draft, struct error *err)
{
        bool needs_ca = use_has_resource(wish->use, RESOURCE_CA);
        bool needs_template = use_is_bound(wish->use, BOUND_BY_TEMPLATE);

        draft->wish = wish;
        if (wish->partition && !consists_of(wish->partition, "-"))
                return error_set(err, ERROR_USAGE, "'%.60s' is not a partition", wish->partition);
        if (wish->partition)
                draft->partition = text_copy(wish->partition);
        for (size_t i = 0; i < wish->ca_count; i++) {
                if (!draft_ca(draft, wish->cas[i], err))
                        return false;
        }
        if (needs_ca && !draft->cas.count) {
                error_set(err, ERROR_USAGE, "the policy needs to know the CA");
                return error_advise(err, "name one or more with --ca");
        }
        if (!draft->partition)
                draft->partition = text_copy("aws");
        for (size_t i = 0; needs_template && i < wish->template_count; i++) {
                if (!draft_template(draft, wish->templates[i], err))
                        return false;
        }
        if (needs_template && !draft->templates.count) {
                error_set(err, ERROR_USAGE, "the policy needs to know the templates");
                return error_advise(err, "name one or more with --template; without that "
                                         "condition the identity could make CAs");
        }
        return draft_names(draft, err) && draft_sources(wish, err);
}

/* -- statements --------------------------------------------------------------------------- */

static cJSON *
resource_json(const struct draft *draft, enum iam_resource resource)
{
        CLEANUP(texts_clear) struct texts list = { 0 };
        const char *partition = draft->partition;
        const char *account = draft->account;

        switch (resource) {
        case RESOURCE_CA:
                return texts_json(draft->cas.items, draft->cas.count);
        case RESOURCE_CERTIFICATE:
                return texts_json(draft->certificates.items, draft->certificates.count);
        case RESOURCE_COMMON_ROLE:
                texts_add(&list,
                          text_format("arn:%s:iam::*:role/%s", partition, draft->wish->role_name));
                break;
        case RESOURCE_SECRET:
                texts_add(&list, text_format("arn:%s:secretsmanager:*:%s:secret:p11cert/*",
                                             partition, account ? account : "*"));
                break;
        case RESOURCE_USER:
        case RESOURCE_ROLE:
        case RESOURCE_PRINCIPAL:
                if (resource != RESOURCE_ROLE)
                        texts_add(&list,
                                  text_format("arn:%s:iam::%s:user/p11cert/*", partition, account));
                if (resource != RESOURCE_USER)
                        texts_add(&list,
                                  text_format("arn:%s:iam::%s:role/p11cert/*", partition, account));
                break;
        case RESOURCE_ANY:
                texts_add(&list, text_copy("*"));
                break;
        }
        return texts_json(list.items, list.count);
}

/* {"Operator": {"key": values}}, added where the operator is not there yet. */
static void
condition_add(cJSON *conditions, const char *operation, const char *key, cJSON *values)
{
        cJSON *keys = cJSON_GetObjectItemCaseSensitive(conditions, operation);

        if (!keys)
                keys = cJSON_AddObjectToObject(conditions, operation);
        cJSON_AddItemToObject(keys, key, values);
}

static cJSON *
conditions_json(const struct draft *draft, enum iam_bound bound)
{
        const struct iam_wish *wish = draft->wish;
        cJSON *conditions = cJSON_CreateObject();

        if (bound == BOUND_BY_TEMPLATE)
                condition_add(conditions, "ArnEquals", "acm-pca:TemplateArn",
                              texts_json(draft->templates.items, draft->templates.count));
        if (bound == BOUND_BY_CA)
                condition_add(conditions, "ArnEquals", "acm:CertificateAuthority",
                              texts_json(draft->cas.items, draft->cas.count));
        if (wish->source_count) {
                CLEANUP(texts_clear) struct texts sources = { 0 };

                for (size_t i = 0; i < wish->source_count; i++)
                        texts_add(&sources, text_copy(wish->sources[i]));
                condition_add(conditions, "IpAddress", "aws:SourceIp",
                              texts_json(sources.items, sources.count));
        }
        if (wish->mfa)
                condition_add(conditions, "Bool", "aws:MultiFactorAuthPresent",
                              cJSON_CreateString("true"));
        return conditions;
}

/* A statement of the grants from `index` on that belong together; moves `index` behind them. */
static cJSON *
statement_json(const struct draft *draft, size_t *index)
{
        CLEANUP(texts_clear) struct texts actions = { 0 };
        const struct iam_grant *first = iam_grant_at(*index);
        const struct iam_grant *grant;

        for (; (grant = iam_grant_at(*index)); (*index)++) {
                if (grant->use != first->use || strcmp(grant->sid, first->sid) != 0)
                        break;
                if (grant->needed || !draft->wish->strict)
                        texts_add(&actions, text_copy(grant->action));
        }
        if (!actions.count)
                return NULL;
        cJSON *statement = cJSON_CreateObject();
        cJSON *conditions = conditions_json(draft, first->bound);

        if (!draft->session)
                cJSON_AddStringToObject(statement, "Sid", first->sid);
        cJSON_AddStringToObject(statement, "Effect", "Allow");
        cJSON_AddItemToObject(statement, "Action", texts_json(actions.items, actions.count));
        cJSON_AddItemToObject(statement, "Resource", resource_json(draft, first->resource));
        if (conditions->child)
                cJSON_AddItemToObject(statement, "Condition", conditions);
        else
                cJSON_Delete(conditions);
        return statement;
}

static bool
draft_print(const struct draft *draft, bool pretty, char **json, struct error *err)
{
        cJSON *statements = cJSON_CreateArray();
        const struct iam_grant *grant;

        for (size_t i = 0; (grant = iam_grant_at(i));) {
                cJSON *statement = NULL;

                if (grant->use == draft->wish->use)
                        statement = statement_json(draft, &i);
                else
                        i++;
                if (statement)
                        cJSON_AddItemToArray(statements, statement);
        }
        if (!statements->child) {
                cJSON_Delete(statements);
                error_set(err, ERROR_NOTHING, "'%s' needs no permission of AWS",
                          iam_use_name(draft->wish->use));
                return error_advise(err, "no policy has to be written for it");
        }
        *json = policy_print(statements, pretty);
        return true;
}

bool
iam_write_policy(const struct iam_wish *wish, bool pretty, char **json, struct error *err)
{
        CLEANUP(draft_clear) struct draft draft = { 0 };

        return draft_make(wish, &draft, err) && draft_print(&draft, pretty, json, err);
}

const char iam_cut_to_nothing[] = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":"
                                  "\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}]}";

bool
iam_write_cut(const struct iam_wish *wish, char **json, struct error *err)
{
        CLEANUP(draft_clear) struct draft draft = { .session = true };

        return draft_make(wish, &draft, err) && draft_print(&draft, false, json, err);
}

bool
iam_write_session(const struct iam_wish *wish, char **json, struct error *err)
{
        CLEANUP(free_cleanup) char *text = NULL;

        if (!iam_write_cut(wish, &text, err) || !iam_policy_fits(PLACE_SESSION, text, err))
                return false;
        *json = MOVE(text);
        return true;
}

/* -- one statement ------------------------------------------------------------------------ */

static bool
is_action(const char *text)
{
        const char *colon = strchr(text, ':');

        return colon && colon > text && colon[1] && !strchr(colon + 1, ':') &&
               strlen(text) <= 128 && consists_of(text, ":-");
}

bool
iam_write_statement(const char *action, const char *resource, const char *template_arn,
                    struct buf *out)
{
        CLEANUP(arn_clear) struct arn named = { 0 };
        CLEANUP(arn_clear) struct arn template = { 0 };
        const struct iam_grant *grant = iam_grant_of_action(action);

        if (!is_action(action))
                return false;
        if (grant && grant->resource == RESOURCE_ANY)
                resource = "*";
        if (strcmp(resource, "*") != 0 && !arn_read(resource, &named))
                return false;
        if (template_arn && !arn_read(template_arn, &template))
                return false;
        buf_format(out, "{\"Effect\":\"Allow\",\"Action\":\"%s\",\"Resource\":\"%s\"", action,
                   resource);
        if (template_arn && grant && grant->bound == BOUND_BY_TEMPLATE)
                buf_format(out, ",\"Condition\":{\"ArnEquals\":{\"acm-pca:TemplateArn\":\"%s\"}}",
                           template_arn);
        buf_add_text(out, "}");
        return true;
}

/* -- trust -------------------------------------------------------------------------------- */

/* Takes principal, action and conditions. */
static cJSON *
trust_json(const char *sid, cJSON *principal, cJSON *action, cJSON *conditions)
{
        cJSON *statements = cJSON_CreateArray();
        cJSON *statement = cJSON_CreateObject();

        cJSON_AddStringToObject(statement, "Sid", sid);
        cJSON_AddStringToObject(statement, "Effect", "Allow");
        cJSON_AddItemToObject(statement, "Principal", principal);
        cJSON_AddItemToObject(statement, "Action", action);
        if (conditions->child)
                cJSON_AddItemToObject(statement, "Condition", conditions);
        else
                cJSON_Delete(conditions);
        cJSON_AddItemToArray(statements, statement);
        return statements;
}

static bool
is_trustee(const char *principal)
{
        CLEANUP(arn_clear) struct arn arn;

        return arn_read(principal, &arn) && strcmp(arn.part[ARN_SERVICE], "iam") == 0 &&
               !*arn.part[ARN_REGION] && is_account(arn.part[ARN_ACCOUNT]) &&
               (strcmp(arn.part[ARN_RESOURCE], "root") == 0 ||
                text_starts(arn.part[ARN_RESOURCE], "user/") ||
                text_starts(arn.part[ARN_RESOURCE], "role/"));
}

/* STS: 2 to 1,224 of these. */
static bool
is_external_id(const char *text)
{
        return strlen(text) >= 2 && strlen(text) <= 1224 && consists_of(text, "+=,.@:/_-");
}

bool
iam_write_trust(const struct iam_trust *trust, bool pretty, char **json, struct error *err)
{
        const char *partition = trust->partition ? trust->partition : "aws";
        CLEANUP(free_cleanup) char *principal = NULL;

        if (is_account(trust->principal) && consists_of(partition, "-"))
                principal = text_format("arn:%s:iam::%s:root", partition, trust->principal);
        else if (is_trustee(trust->principal))
                principal = text_copy(trust->principal);
        if (!principal) {
                error_set(err, ERROR_USAGE, "'%.120s' cannot be trusted", trust->principal);
                return error_advise(err, "name an account's 12 digits, or the ARN of a user or a "
                                         "role");
        }
        if (trust->external_id && !is_external_id(trust->external_id)) {
                error_set(err, ERROR_USAGE, "the external id is not one");
                return error_advise(err, "it has 2 to 1224 letters, digits or =,.@:/+-_");
        }
        cJSON *who = cJSON_CreateObject();
        cJSON *conditions = cJSON_CreateObject();

        cJSON_AddStringToObject(who, "AWS", principal);
        if (trust->external_id)
                condition_add(conditions, "StringEquals", "sts:ExternalId",
                              cJSON_CreateString(trust->external_id));
        if (trust->mfa)
                condition_add(conditions, "Bool", "aws:MultiFactorAuthPresent",
                              cJSON_CreateString("true"));
        *json = policy_print(trust_json("Assume", who, cJSON_CreateString("sts:AssumeRole"),
                                        conditions),
                             pretty);
        return true;
}

static bool
is_anchor(const char *text)
{
        static const char resource[] = "trust-anchor/";
        CLEANUP(arn_clear) struct arn arn;

        return arn_read(text, &arn) && strcmp(arn.part[ARN_SERVICE], "rolesanywhere") == 0 &&
               *arn.part[ARN_REGION] && is_account(arn.part[ARN_ACCOUNT]) &&
               text_starts(arn.part[ARN_RESOURCE], resource) &&
               consists_of(arn.part[ARN_RESOURCE] + strlen(resource), "-");
}

/* A session tag holds at most 256 characters of these; RFC 5280 gives a common name 64. */
static bool
is_common_name(const char *text)
{
        return strlen(text) <= 64 && consists_of(text, " _.:/=+-@");
}

bool
iam_write_trust_anywhere(const char *anchor, const char *const *names, size_t name_count,
                         bool pretty, char **json, struct error *err)
{
        static const char *const actions[] = { "sts:AssumeRole", "sts:TagSession",
                                               "sts:SetSourceIdentity" };
        CLEANUP(texts_clear) struct texts list = { 0 };

        if (!is_anchor(anchor)) {
                error_set(err, ERROR_USAGE, "'%.120s' is not the ARN of a trust anchor", anchor);
                return error_advise(err, "it looks like arn:aws:rolesanywhere:REGION:ACCOUNT:"
                                         "trust-anchor/ID");
        }
        if (!name_count) {
                error_set(err, ERROR_USAGE, "the trust policy needs the common names it is for");
                return error_advise(err, "without them any certificate of the anchor could assume "
                                         "the role");
        }
        for (size_t i = 0; i < name_count; i++) {
                if (!is_common_name(names[i])) {
                        error_set(err, ERROR_USAGE,
                                  "'%.64s' is not a common name that a policy can hold", names[i]);
                        return error_advise(err, "a session tag takes letters, digits, blanks and "
                                                 "_.:/=+-@");
                }
                texts_add(&list, text_copy(names[i]));
        }
        cJSON *who = cJSON_CreateObject();
        cJSON *conditions = cJSON_CreateObject();

        cJSON_AddStringToObject(who, "Service", "rolesanywhere.amazonaws.com");
        cJSON *what = cJSON_CreateStringArray(actions, ARRAY_LENGTH(actions));

        condition_add(conditions, "ArnEquals", "aws:SourceArn", cJSON_CreateString(anchor));
        condition_add(conditions, "StringEquals", "aws:PrincipalTag/x509Subject/CN",
                      texts_json(list.items, list.count));
        *json = policy_print(trust_json("RolesAnywhere", who, what, conditions), pretty);
        return true;
}
