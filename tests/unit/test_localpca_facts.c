#include "tests/unit/unit.h"

#include <cjson/cJSON.h>

#include "localpca/facts.h"
#include "localpca/validate.h"
#include "tests/unit/vectors.h"

/* -- against the published models --------------------------------------------------------- */

#define DEBIAN "/usr/lib/python3/dist-packages/botocore/data/"

/*
 * A model, and whether it is the one that the table was made from or an older one.  Of IAM and STS
 * the table has the operations that localpca answers (`rows`), and the first model not all of them.
 */
static const struct {
        const char *name;
        bool shared;
        bool exact;
        const struct facts_operation *rows;
        const char *path;
        unsigned members_least;
} models[] = {
        { "Private CA of August 2026", true, true, NULL, "reference/models/acm-pca.json", 234 },
        { "Debian's Private CA", false, false, NULL, DEBIAN "acm-pca/2017-08-22/service-2.json",
          200 },
        { "IAM of August 2026", true, true, facts_iam, "reference/models/iam.json", 90 },
        { "Debian's IAM", false, false, facts_iam, DEBIAN "iam/2010-05-08/service-2.json", 150 },
        { "STS of August 2026", true, true, facts_sts, "reference/models/sts.json", 28 },
        { "Debian's STS", false, false, facts_sts, DEBIAN "sts/2011-06-15/service-2.json", 25 },
};

static const char *const type_names[SHAPE_TYPES] = {
        [SHAPE_STRUCTURE] = "structure", [SHAPE_LIST] = "list",       [SHAPE_STRING] = "string",
        [SHAPE_BLOB] = "blob",           [SHAPE_INTEGER] = "integer", [SHAPE_LONG] = "long",
        [SHAPE_BOOLEAN] = "boolean",
};

struct comparison {
        const cJSON *shapes;
        const char *model;
        bool exact;
        unsigned members;
};

static const cJSON *
get(const cJSON *object, const char *name)
{
        return cJSON_GetObjectItemCaseSensitive(object, name);
}

static int64_t
number_of(const cJSON *object, const char *name)
{
        return cJSON_IsNumber(get(object, name)) ? (int64_t)get(object, name)->valuedouble : 0;
}

static bool
array_has(const cJSON *array, const char *text)
{
        const cJSON *one;

        cJSON_ArrayForEach(one, array)
        {
                if (text_equal(cJSON_GetStringValue(one), text))
                        return true;
        }
        return false;
}

static bool
values_have(const struct shape *shape, const char *text)
{
        for (const char *const *value = shape->values; value && *value; value++)
                if (strcmp(*value, text) == 0)
                        return true;
        return false;
}

static const struct member *
member_find(const struct shape *shape, const char *name)
{
        for (size_t i = 0; i < shape->member_count; i++)
                if (strcmp(shape->members[i].name, name) == 0)
                        return &shape->members[i];
        return NULL;
}

static void
compare_scalar(const struct comparison *comparison, const struct shape *shape, const cJSON *model)
{
        const cJSON *one;

        cJSON_ArrayForEach(one, get(model, "enum"))
        {
                if (!values_have(shape, one->valuestring))
                        fail_msg("%s: %s lacks the value %s", comparison->model, shape->name,
                                 one->valuestring);
        }
        if (!comparison->exact)
                return;
        for (const char *const *value = shape->values; value && *value; value++)
                if (!array_has(get(model, "enum"), *value))
                        fail_msg("%s: %s has the value %s too much", comparison->model, shape->name,
                                 *value);
        assert_int_equal(shape->least, number_of(model, "min"));
        assert_int_equal(shape->most, number_of(model, "max"));
        if (!text_equal(shape->pattern, cJSON_GetStringValue(get(model, "pattern"))))
                fail_msg("%s: the pattern of %s", comparison->model, shape->name);
}

static void compare(struct comparison *comparison, const struct shape *shape, const char *name);

static void
compare_structure(struct comparison *comparison, const struct shape *shape, const cJSON *model)
{
        const cJSON *one;

        cJSON_ArrayForEach(one, get(model, "members"))
        {
                const struct member *member = member_find(shape, one->string);
                if (!member)
                        fail_msg("%s: %s lacks %s", comparison->model, shape->name, one->string);
                if (member->required != array_has(get(model, "required"), one->string))
                        fail_msg("%s: is %s.%s required?", comparison->model, shape->name,
                                 one->string);
                comparison->members++;
                compare(comparison, member->shape, cJSON_GetStringValue(get(one, "shape")));
        }
        if (comparison->exact)
                assert_int_equal(shape->member_count, cJSON_GetArraySize(get(model, "members")));
}

static void
compare(struct comparison *comparison, const struct shape *shape, const char *name)
{
        const cJSON *model = get(comparison->shapes, name);

        assert_non_null(model);
        if (!text_equal(type_names[shape->type], cJSON_GetStringValue(get(model, "type"))))
                fail_msg("%s: the type of %s", comparison->model, name);
        if (comparison->exact)
                assert_string_equal(shape->name, name);
        compare_scalar(comparison, shape, model);
        if (shape->type == SHAPE_LIST)
                compare(comparison, shape->element,
                        cJSON_GetStringValue(get(get(model, "member"), "shape")));
        if (shape->type == SHAPE_STRUCTURE)
                compare_structure(comparison, shape, model);
}

static void
compare_operation(struct comparison *comparison, const cJSON *operation, const struct shape *input)
{
        const char *name = cJSON_GetStringValue(get(get(operation, "input"), "shape"));

        if (!input)
                fail_msg("%s: %s is missing", comparison->model, operation->string);
        if (name)
                compare(comparison, input, name);
        else
                assert_int_equal(input->member_count, 0);
}

/* Private CA: every operation of the model; the others: every row that the model has. */
static void
compare_model(struct comparison *comparison, const cJSON *operations,
              const struct facts_operation *rows)
{
        const cJSON *operation;
        size_t count = 0;

        for (; rows && rows->name; rows++) {
                operation = get(operations, rows->name);
                if (operation)
                        compare_operation(comparison, operation, rows->input);
                else if (!comparison->exact)
                        fail_msg("%s does not have %s", comparison->model, rows->name);
                count++;
        }
        if (count)
                return;
        cJSON_ArrayForEach(operation, operations)
        {
                compare_operation(comparison, operation, facts_input(operation->string));
                count++;
        }
        assert_int_equal(count, 23);
        assert_null(facts_operation(23));
}

static void
every_member_is_as_the_service_models_say(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(models); i++) {
                char *path =
                        models[i].shared ? shared_path(models[i].path) : text_copy(models[i].path);
                char *text = read_text(path, NULL);
                struct comparison comparison = { .model = models[i].name,
                                                 .exact = models[i].exact };
                free(path);
                if (!text) {
                        print_message("skipped: %s is not here\n", models[i].name);
                        continue;
                }
                cJSON *model = cJSON_Parse(text);
                comparison.shapes = get(model, "shapes");
                compare_model(&comparison, get(model, "operations"), models[i].rows);
                print_message("%u members compared with %s\n", comparison.members, models[i].name);
                assert_true(comparison.members >= models[i].members_least);
                cJSON_Delete(model);
                free(text);
        }
}

/* -- one value inside and one outside for every constraint -------------------------------- */

/* What matches the pattern of a shape, what does not, and what makes the good one longer. */
static const struct {
        const char *shape, *good, *bad;
        char filler;
} examples[] = {
        { "Arn", "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/a", "arn:aws:s3:::b",
          'a' },
        { "AuditReportId", "01234567-89ab-cdef-0123-456789abcdef",
          "01234567089ab-cdef-0123-456789abcdef", 0 },
        { "AccountId", "111122223333", "11112222333x", 0 },
        { "CountryCodeString", "US", "1!", 0 },
        { "ASN1PrintableString64", "a", "_", 'a' },
        { "CustomObjectIdentifier", "1.2.3", "3.2.1", '1' },
        { "CnameString", "a.example", "a b", 'a' },
        { "CrlPathString", "a/b", "a//b", 'b' },
        { "S3BucketName3To255", "bucket", "a bucket", 'a' },
        { "IdempotencyToken", "token", "\x01", 't' },
        { "TagKey", "key \xc3\xa9", "a!", 'k' },
        { "TagValue", "value", "a!", 'v' },
        { "Principal", "acm.amazonaws.com", "*", 'a' },
        { "Base64String1To4096", "BAEB", "BAE", 0 },
        { "AWSPolicy", "{}", "\xe2\x82\xac", '}' },
        { "AttachmentName", "name", "a/b", 'n' },
        { "accessKeyIdType", "AKIAIOSFODNN7EXAMPLE", "AKIA-IOSFODNN7EXAMPLE", 'A' },
        { "arnType", "arn:aws:iam::111122223333:role/a", "arn:aws:iam::111122223333:role/\x01",
          'a' },
        { "authenticationCodeType", "123456", "12345a", 0 },
        { "existingUserNameType", "name", "a/b", 'n' },
        { "externalIdType", "batch:7", "batch 7", 'b' },
        { "markerType", "marker", "\x01", 'm' },
        { "pathPrefixType", "/a", "a", 'a' },
        { "pathType", "/a/", "a", 0 },
        { "policyDocumentType", "{}", "\xe2\x82\xac", '}' },
        { "policyNameType", "name", "a/b", 'n' },
        { "policyPathType", "/a/", "a", 0 },
        { "policyVersionIdType", "v1", "1", 0 },
        { "roleDescriptionType", "words", "\x01", 'w' },
        { "roleNameType", "name", "a/b", 'n' },
        { "roleSessionNameType", "name", "a/b", 'n' },
        { "serialNumberType", "arn:aws:iam::111122223333:mfa/a", "arn aws", 'a' },
        { "sessionPolicyDocumentType", "{}", "\xe2\x82\xac", '}' },
        { "sourceIdentityType", "name", "a/b", 'n' },
        { "tagKeyType", "key \xc3\xa9", "a!", 'k' },
        { "tagValueType", "value", "a!", 'v' },
        { "tokenCodeType", "123456", "12345a", 0 },
        { "unrestrictedSessionPolicyDocumentType", "{}", "\xe2\x82\xac", '}' },
        { "userNameType", "name", "a/b", 'n' },
        { "virtualMFADeviceName", "name", "a/b", 'n' },
};

static size_t
example_of(const struct shape *shape)
{
        for (size_t i = 0; i < ARRAY_LENGTH(examples); i++)
                if (strcmp(examples[i].shape, shape->name) == 0)
                        return i;
        fail_msg("%s has a pattern and no example", shape->name);
        return 0;
}

static char *
text_of_length(const struct shape *shape, size_t len)
{
        size_t row = shape->pattern ? example_of(shape) : 0;
        const char *start = shape->pattern ? examples[row].good : "";
        char filler = shape->pattern ? examples[row].filler : 'x';
        char *text = memory_new(len + strlen(start) + 1, 1);
        size_t bytes = strlen(start), characters = 0;

        memcpy(text, start, bytes);
        for (size_t i = 0; i < bytes; i++)
                characters += (text[i] & 0xc0) != 0x80;
        for (; characters < len && filler; characters++)
                text[bytes++] = filler;
        if (characters > len)
                text[len] = '\0';
        return text;
}

static cJSON *
blob_of_length(size_t len)
{
        uint8_t *bytes = memory_new(len, 1);
        char *encoded = base64_encode(view_of(bytes, len));
        cJSON *item = cJSON_CreateString(encoded);

        free(encoded);
        free(bytes);
        return item;
}

static cJSON *
string_item(char *text)
{
        cJSON *item = cJSON_CreateString(text);

        free(text);
        return item;
}

/* A value inside all constraints, with every member there is. */
static cJSON *
inside(const struct shape *shape)
{
        cJSON *item = NULL;

        switch (shape->type) {
        case SHAPE_STRUCTURE:
                item = cJSON_CreateObject();
                for (size_t i = 0; i < shape->member_count; i++)
                        cJSON_AddItemToObject(item, shape->members[i].name,
                                              inside(shape->members[i].shape));
                return item;
        case SHAPE_LIST:
                item = cJSON_CreateArray();
                cJSON_AddItemToArray(item, inside(shape->element));
                return item;
        case SHAPE_STRING:
                if (shape->values)
                        return cJSON_CreateString(shape->values[0]);
                if (shape->pattern)
                        return cJSON_CreateString(examples[example_of(shape)].good);
                return string_item(text_of_length(shape, shape->least ? (size_t)shape->least : 1));
        case SHAPE_BLOB:
                return blob_of_length(10);
        case SHAPE_INTEGER:
        case SHAPE_LONG:
                return cJSON_CreateNumber((double)(shape->least ? shape->least : 1));
        default:
                return cJSON_CreateTrue();
        }
}

struct walk {
        const char *operation;
        const struct shape *input;
        cJSON *root;
        unsigned inside, outside;
        FILE *lines; /* where the walk is written to, for whoever sends it to a server; or NULL */
};

/* One step of the walk as a line of JSON: what is sent, and which refusal it has to meet. */
static void
write_step(const struct walk *walk, const char *where, const char *code)
{
        cJSON *line;
        char *text;

        if (!walk->lines)
                return;
        line = cJSON_CreateObject();
        cJSON_AddStringToObject(line, "operation", walk->operation);
        cJSON_AddStringToObject(line, "where", where);
        cJSON_AddItemToObject(line, "code", code ? cJSON_CreateString(code) : cJSON_CreateNull());
        cJSON_AddItemToObject(line, "body", cJSON_Duplicate(walk->root, true));
        text = cJSON_PrintUnformatted(line);
        fprintf(walk->lines, "%s\n", text);
        free(text);
        cJSON_Delete(line);
}

static void
expect(struct walk *walk, const char *where, const char *code)
{
        struct refusal refusal = { 0 };
        bool passed = validate(walk->input, walk->root, &refusal);

        write_step(walk, where, code);
        if (code && (passed || strcmp(refusal.code, code) != 0 ||
                     !strstr(buf_text(&refusal.message), where)))
                fail_msg("%s at %s: %s %s", walk->input->name, where,
                         passed ? "taken" : refusal.code, buf_text(&refusal.message));
        if (!code && !passed)
                fail_msg("%s at %s is refused: %s", walk->input->name, where,
                         buf_text(&refusal.message));
        walk->outside += code != NULL;
        walk->inside += code == NULL;
        refusal_clear(&refusal);
}

/* Put `item` where `*at` is, look what happens, and put back what was there. */
static void
try_item(struct walk *walk, cJSON *parent, cJSON **at, cJSON *item, const char *where,
         const char *code)
{
        cJSON *kept = cJSON_Duplicate(*at, true);

        if ((*at)->string) {
                item->string = (char *)(uintptr_t)text_copy((*at)->string);
                kept->string = kept->string ? kept->string : text_copy((*at)->string);
        }
        cJSON_ReplaceItemViaPointer(parent, *at, item);
        expect(walk, where, code);
        cJSON_ReplaceItemViaPointer(parent, item, kept);
        *at = kept;
}

static void
try_bounds(struct walk *walk, cJSON *parent, cJSON **at, const struct shape *shape,
           const char *where)
{
        static const char outside[] = "ValidationException";
        bool is_text = shape->type == SHAPE_STRING && !shape->values;
        bool is_number = shape->type == SHAPE_INTEGER || shape->type == SHAPE_LONG;

        if (is_text && shape->most) {
                bool grows = !shape->pattern || examples[example_of(shape)].filler;
                if (grows)
                        try_item(walk, parent, at,
                                 string_item(text_of_length(shape, (size_t)shape->most)), where,
                                 NULL);
                char *longer = text_of_length(shape, (size_t)shape->most + 1);
                if (!grows) {
                        char *grown = text_format("%s%s", longer, longer);
                        free(longer);
                        longer = grown;
                }
                if ((int64_t)strlen(longer) > shape->most)
                        try_item(walk, parent, at, string_item(longer), where, outside);
                else
                        free(longer);
        }
        if (is_text && shape->least)
                try_item(walk, parent, at, cJSON_CreateString(""), where, outside);
        if (is_number && shape->most) {
                try_item(walk, parent, at, cJSON_CreateNumber((double)shape->most), where, NULL);
                try_item(walk, parent, at, cJSON_CreateNumber((double)shape->most + 1), where,
                         outside);
        }
        if (is_number && shape->least)
                try_item(walk, parent, at, cJSON_CreateNumber((double)shape->least - 1), where,
                         outside);
        if (shape->type == SHAPE_BLOB && shape->most) {
                try_item(walk, parent, at, blob_of_length((size_t)shape->most), where, NULL);
                try_item(walk, parent, at, blob_of_length((size_t)shape->most + 1), where, outside);
        }
        if (shape->type == SHAPE_BLOB && shape->least)
                try_item(walk, parent, at, cJSON_CreateString(""), where, outside);
}

static cJSON *
list_of(const struct shape *shape, size_t count)
{
        cJSON *list = cJSON_CreateArray();

        for (size_t i = 0; i < count; i++)
                cJSON_AddItemToArray(list, inside(shape->element));
        return list;
}

static void walk_members(struct walk *walk, cJSON *object, const struct shape *shape);

static void
walk_value(struct walk *walk, cJSON *parent, cJSON *at, const struct shape *shape,
           const char *where)
{
        static const char outside[] = "ValidationException";

        try_bounds(walk, parent, &at, shape, where);
        if (shape->pattern)
                try_item(walk, parent, &at, cJSON_CreateString(examples[example_of(shape)].bad),
                         where, outside);
        for (const char *const *value = shape->values; value && *value; value++)
                try_item(walk, parent, &at, cJSON_CreateString(*value), where, NULL);
        if (shape->values)
                try_item(walk, parent, &at, cJSON_CreateString("NO_SUCH_VALUE"), where, outside);
        if (shape->type == SHAPE_LIST && shape->most) {
                try_item(walk, parent, &at, list_of(shape, (size_t)shape->most), where, NULL);
                try_item(walk, parent, &at, list_of(shape, (size_t)shape->most + 1), where,
                         outside);
        }
        if (shape->type == SHAPE_LIST && shape->least)
                try_item(walk, parent, &at, cJSON_CreateArray(), where, outside);
        /* A value of another JSON type than any member has. */
        bool takes_list = shape->type == SHAPE_LIST;
        try_item(walk, parent, &at, takes_list ? cJSON_CreateTrue() : cJSON_CreateArray(), where,
                 "SerializationException");
        if (shape->type == SHAPE_STRUCTURE)
                walk_members(walk, at, shape);
        if (shape->type == SHAPE_LIST && shape->element->type == SHAPE_STRUCTURE)
                walk_members(walk, at->child, shape->element);
}

static void
walk_members(struct walk *walk, cJSON *object, const struct shape *shape)
{
        for (size_t i = 0; i < shape->member_count; i++) {
                const struct member *member = &shape->members[i];
                char where[64];

                /* As the messages write it: the first letter small. */
                snprintf(where, sizeof(where), "%c%s", member->name[0] | 0x20, member->name + 1);
                cJSON *kept = cJSON_DetachItemFromObjectCaseSensitive(object, member->name);
                expect(walk, where, member->required ? "ValidationException" : NULL);
                cJSON_AddItemToObject(object, member->name, kept);
                walk_value(walk, object, cJSON_GetObjectItemCaseSensitive(object, member->name),
                           member->shape, where);
        }
}

static void
walk_operation(const char *operation, const struct shape *input, FILE *lines, unsigned *taken,
               unsigned *refused)
{
        struct walk walk = { .operation = operation, .input = input, .lines = lines };

        walk.root = inside(input);
        expect(&walk, "the whole", NULL);
        walk_members(&walk, walk.root, input);
        *taken += walk.inside;
        *refused += walk.outside;
        cJSON_Delete(walk.root);
}

static void
every_constraint_takes_a_value_inside_and_refuses_one_outside(void **state)
{
        const char *path = getenv("LOCALPCA_WALK");
        FILE *lines = path ? fopen(path, "we") : NULL;
        unsigned taken = 0, refused = 0;

        (void)state;
        for (size_t i = 0; facts_operation(i); i++)
                walk_operation(facts_operation(i), facts_input(facts_operation(i)), lines, &taken,
                               &refused);
        if (lines)
                assert_int_equal(fclose(lines), 0);
        print_message("%u values inside were taken, %u outside refused\n", taken, refused);
        assert_true(taken > 400 && refused > 600);
}

static void
so_does_every_constraint_of_iam_and_sts(void **state)
{
        const struct facts_operation *const tables[] = { facts_iam, facts_sts };
        unsigned taken = 0, refused = 0;

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(tables); i++)
                for (const struct facts_operation *one = tables[i]; one->name; one++)
                        walk_operation(one->name, one->input, NULL, &taken, &refused);
        print_message("%u values inside were taken, %u outside refused\n", taken, refused);
        assert_true(taken > 300 && refused > 400);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_member_is_as_the_service_models_say),
                cmocka_unit_test(every_constraint_takes_a_value_inside_and_refuses_one_outside),
                cmocka_unit_test(so_does_every_constraint_of_iam_and_sts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
