/* Is a text a policy document?  With IAM's own sentences for what is not. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "localpca/policy.h"

static const char SYNTAX[] = "Syntax errors in policy.";

struct grammar {
        enum policy_use use;
        char *why;
};

/* The first complaint stays. */
static bool
complain(struct grammar *grammar, char *why)
{
        if (!grammar->why)
                grammar->why = why;
        else
                free_cleanup(&why);
        return false;
}

static const cJSON *
member(const cJSON *object, const char *name)
{
        return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* Only members of the grammar, and none twice. */
static bool
members_check(struct grammar *grammar, const cJSON *object, const char *const *known)
{
        const cJSON *one, *other;

        if (!cJSON_IsObject(object))
                return complain(grammar, text_copy(SYNTAX));
        cJSON_ArrayForEach(one, object)
        {
                size_t i = 0;
                while (known[i] && strcmp(known[i], one->string) != 0)
                        i++;
                if (!known[i])
                        return complain(grammar, text_copy(SYNTAX));
                for (other = one->next; other; other = other->next)
                        if (strcmp(other->string, one->string) == 0)
                                return complain(grammar, text_copy(SYNTAX));
        }
        return true;
}

/* A text, or a list of texts with at least one, each of which `check` takes. */
static bool
texts_check(struct grammar *grammar, const cJSON *element,
            bool (*check)(struct grammar *grammar, const char *text))
{
        const cJSON *one = element;

        if (cJSON_IsString(element))
                return check(grammar, element->valuestring);
        if (!cJSON_IsArray(element))
                return complain(grammar, text_copy(SYNTAX));
        cJSON_ArrayForEach(one, element)
        {
                if (!cJSON_IsString(one))
                        return complain(grammar, text_copy(SYNTAX));
                if (!check(grammar, one->valuestring))
                        return false;
        }
        return true;
}

static bool
action_check(struct grammar *grammar, const char *text)
{
        static const char *const more[] = { "sts:TagSession", "sts:SetSourceIdentity",
                                            "sts:SetContext" };
        const char *colon = strchr(text, ':');

        if (grammar->use == POLICY_OF_TRUST) {
                bool fine = strncasecmp(text, "sts:AssumeRole", 14) == 0;
                for (size_t i = 0; i < ARRAY_LENGTH(more); i++)
                        fine |= strcasecmp(text, more[i]) == 0;
                return fine || complain(grammar, text_copy("AssumeRole policy may only specify STS "
                                                           "AssumeRole actions."));
        }
        if (strcmp(text, "*") == 0)
                return true;
        if (!colon || colon == text || !colon[1])
                return complain(grammar, text_copy("Actions/Conditions must be prefaced by a "
                                                   "vendor, e.g., iam, sdb, ec2, etc."));
        return true;
}

static bool
resource_check(struct grammar *grammar, const char *text)
{
        unsigned colons = 0;

        for (const char *at = text; *at; at++)
                colons += *at == ':';
        if (strcmp(text, "*") == 0 || (text_starts(text, "arn:") && colons >= 5))
                return true;
        /* Wildcards may stand for whole parts. */
        if (text_starts(text, "arn:") && strpbrk(text, "*?"))
                return true;
        return complain(grammar, text_format("Resource %s must be in ARN format or \"*\".", text));
}

static bool
principal_check(struct grammar *grammar, const char *text)
{
        bool account = strlen(text) == 12 && strspn(text, "0123456789") == 12;

        if (account || strcmp(text, "*") == 0 || text_starts(text, "arn:") ||
            text_starts(text, "AIDA") || text_starts(text, "AROA"))
                return true;
        return complain(grammar, text_format("Invalid principal in policy: \"AWS\":\"%s\"", text));
}

static bool
name_check(struct grammar *grammar, const char *text)
{
        return *text || complain(grammar, text_copy("Invalid principal in policy"));
}

static bool
principals_check(struct grammar *grammar, const cJSON *element)
{
        static const char *const kinds[] = { "AWS", "Service", "Federated", "CanonicalUser", NULL };
        const cJSON *one;

        if (cJSON_IsString(element))
                return strcmp(element->valuestring, "*") == 0 ||
                       complain(grammar, text_copy("Invalid principal in policy"));
        if (!members_check(grammar, element, kinds))
                return false;
        cJSON_ArrayForEach(one, element)
        {
                bool aws = strcmp(one->string, "AWS") == 0;
                if (!texts_check(grammar, one, aws ? principal_check : name_check))
                        return false;
        }
        return true;
}

static bool
values_check(struct grammar *grammar, const cJSON *values)
{
        const cJSON *one;

        if (!cJSON_IsArray(values))
                return cJSON_IsString(values) || cJSON_IsNumber(values) || cJSON_IsBool(values) ||
                       complain(grammar, text_copy(SYNTAX));
        cJSON_ArrayForEach(one, values)
        {
                if (!cJSON_IsString(one) && !cJSON_IsNumber(one) && !cJSON_IsBool(one))
                        return complain(grammar, text_copy(SYNTAX));
        }
        return true;
}

static bool
condition_check(struct grammar *grammar, const cJSON *condition)
{
        const cJSON *operation, *key;

        if (!condition)
                return true;
        if (!cJSON_IsObject(condition))
                return complain(grammar, text_copy(SYNTAX));
        cJSON_ArrayForEach(operation, condition)
        {
                if (!condition_is_known(operation->string))
                        return complain(grammar, text_format("Invalid Condition type : %s.",
                                                             operation->string));
                if (!cJSON_IsObject(operation))
                        return complain(grammar, text_copy(SYNTAX));
                cJSON_ArrayForEach(key, operation)
                {
                        if (!strchr(key->string, ':'))
                                return complain(grammar,
                                                text_copy("Actions/Conditions must be prefaced by "
                                                          "a vendor, e.g., iam, sdb, ec2, etc."));
                        if (!values_check(grammar, key))
                                return false;
                }
        }
        return true;
}

static bool
sid_check(struct grammar *grammar, const cJSON *statement, const cJSON *statements)
{
        const cJSON *sid = member(statement, "Sid");

        if (!sid)
                return true;
        if (!cJSON_IsString(sid))
                return complain(grammar, text_copy(SYNTAX));
        for (const char *at = sid->valuestring; *at && grammar->use == POLICY_OF_IDENTITY; at++)
                if (!isalnum((unsigned char)*at))
                        return complain(grammar,
                                        text_copy("Statement IDs (SID) must be alpha-numeric. "
                                                  "Check that your input satisfies the regular "
                                                  "expression [0-9A-Za-z]*"));
        for (const cJSON *other = cJSON_IsArray(statements) ? statement->next : NULL; other;
             other = other->next) {
                const char *text = cJSON_GetStringValue(member(other, "Sid"));
                if (text && *text && strcmp(text, sid->valuestring) == 0)
                        return complain(grammar, text_copy("Statement IDs (SID) in a single policy "
                                                           "must be unique."));
        }
        return true;
}

/* Who and what a statement is about, by what the document is for. */
static bool
about_check(struct grammar *grammar, const cJSON *statement)
{
        const cJSON *principal = member(statement, "Principal");
        const cJSON *not_principal = member(statement, "NotPrincipal");
        const cJSON *resource = member(statement, "Resource");
        const cJSON *not_resource = member(statement, "NotResource");

        if (grammar->use == POLICY_OF_IDENTITY && (principal || not_principal))
                return complain(grammar,
                                text_copy("Policy document should not specify a principal."));
        if (grammar->use != POLICY_OF_IDENTITY && !principal == !not_principal)
                return complain(grammar, text_copy("Missing required field Principal"));
        if (principal && !principals_check(grammar, principal))
                return false;
        if (not_principal && !principals_check(grammar, not_principal))
                return false;
        if (grammar->use == POLICY_OF_TRUST)
                return (!resource && !not_resource) ||
                       complain(grammar, text_copy("Has prohibited field Resource"));
        if (!resource && !not_resource)
                return complain(grammar, text_copy("Policy statement must contain resources."));
        if (resource && not_resource)
                return complain(grammar, text_copy(SYNTAX));
        return texts_check(grammar, resource ? resource : not_resource, resource_check);
}

static bool
statement_check(struct grammar *grammar, const cJSON *statement, const cJSON *statements)
{
        static const char *const known[] = { "Sid",       "Effect",    "Principal", "NotPrincipal",
                                             "Action",    "NotAction", "Resource",  "NotResource",
                                             "Condition", NULL };
        const char *effect = cJSON_GetStringValue(member(statement, "Effect"));
        const cJSON *action = member(statement, "Action");
        const cJSON *not_action = member(statement, "NotAction");

        if (!members_check(grammar, statement, known))
                return false;
        if (!effect)
                return complain(grammar, text_copy("Missing required field Effect"));
        if (strcmp(effect, "Allow") != 0 && strcmp(effect, "Deny") != 0)
                return complain(grammar, text_format("Invalid effect: %s", effect));
        if (!action && !not_action)
                return complain(grammar, text_copy("Policy statement must contain actions."));
        if (action && not_action)
                return complain(grammar, text_copy(SYNTAX));
        return texts_check(grammar, action ? action : not_action, action_check) &&
               about_check(grammar, statement) && sid_check(grammar, statement, statements) &&
               condition_check(grammar, member(statement, "Condition"));
}

static bool
document_check(struct grammar *grammar, const cJSON *document)
{
        static const char *const known[] = { "Version", "Id", "Statement", NULL };
        const cJSON *version = member(document, "Version");
        const cJSON *statements = member(document, "Statement");
        const cJSON *statement;

        if (!members_check(grammar, document, known))
                return false;
        if (version &&
            (!cJSON_IsString(version) || (strcmp(version->valuestring, "2012-10-17") != 0 &&
                                          strcmp(version->valuestring, "2008-10-17") != 0)))
                return complain(grammar, text_copy("Policy document must be version 2012-10-17 or "
                                                   "greater."));
        if (cJSON_IsObject(statements))
                return statement_check(grammar, statements, statements);
        if (!cJSON_IsArray(statements) || !statements->child)
                return complain(grammar, text_copy(SYNTAX));
        cJSON_ArrayForEach(statement, statements)
        {
                if (!statement_check(grammar, statement, statements))
                        return false;
        }
        return true;
}

cJSON *
policy_check(const char *text, enum policy_use use, char **why)
{
        struct grammar grammar = { .use = use };
        cJSON *document = cJSON_ParseWithOpts(text, NULL, true);

        if (!cJSON_IsObject(document))
                complain(&grammar, text_copy("This policy contains invalid Json"));
        else if (document_check(&grammar, document))
                return document;
        cJSON_Delete(document);
        *why = grammar.why;
        return NULL;
}

size_t
policy_size(const char *text)
{
        size_t size = 0;

        for (; *text; text++)
                size += !isspace((unsigned char)*text) && ((unsigned char)*text & 0xc0) != 0x80;
        return size;
}
