#include "tests/unit/unit.h"

#include "iam/policy.h"

#define IDENTITY(statement) "{\"Version\":\"2012-10-17\",\"Statement\":[" statement "]}"
#define GOOD "\"Effect\":\"Allow\",\"Action\":\"acm-pca:GetCertificate\",\"Resource\":\"*\""

static bool
reads(enum policy_kind kind, const char *text, struct error *err)
{
        struct policy policy = { 0 };
        bool done = policy_read(kind, "the policy", view_text(text), &policy, err);

        policy_clear(&policy);
        return done;
}

static void
a_document_is_read_with_all_its_parts(void **state)
{
        static const char text[] =
                "{\"Version\":\"2012-10-17\",\"Id\":\"x\",\"Statement\":[{\"Sid\":\"One\","
                "\"Effect\":\"Deny\",\"NotAction\":[\"acm-pca:Get*\",\"iam:*\"],\"NotResource\":"
                "\"arn:aws:acm-pca:*\",\"NotPrincipal\":{\"AWS\":[\"111122223333\",\"*\"],"
                "\"Service\":\"acm.amazonaws.com\"},\"Condition\":{"
                "\"ForAnyValue:StringNotLikeIfExists\":{\"aws:TagKeys\":[\"a\",\"b\"]},"
                "\"Bool\":{\"aws:SecureTransport\":true},"
                "\"NumericLessThan\":{\"aws:MultiFactorAuthAge\":3600}}}]}";
        struct policy policy = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(policy_read(POLICY_OF_RESOURCE, "p", view_text(text), &policy, &err), err);
        assert_true(policy.variables);
        assert_int_equal(policy.count, 1);
        const struct policy_statement *one = &policy.statements[0];

        assert_string_equal(one->sid, "One");
        assert_int_equal(one->effect, POLICY_DENY);
        assert_true(one->not_action && one->not_resource && one->not_principal);
        assert_int_equal(one->actions.count, 2);
        assert_string_equal(one->actions.items[1], "iam:*");
        assert_int_equal(one->principal_count, 3);
        assert_string_equal(one->principals[2].type, "Service");
        assert_string_equal(one->principals[2].who, "acm.amazonaws.com");
        assert_int_equal(one->condition_count, 3);
        assert_int_equal(one->conditions[0].operation, OPERATOR_STRING_LIKE);
        assert_int_equal(one->conditions[0].quantifier, FOR_ANY_VALUE);
        assert_true(one->conditions[0].negated && one->conditions[0].if_exists);
        assert_int_equal(one->conditions[0].values.count, 2);
        assert_string_equal(one->conditions[1].values.items[0], "true");
        assert_string_equal(one->conditions[2].values.items[0], "3600");
        policy_clear(&policy);
        policy_clear(&policy);
        assert_null(policy.statements);
}

static void
an_operator_that_is_not_known_is_kept_and_marked(void **state)
{
        static const char *const unknown[] = { "StringResembles",   "stringequals",
                                               "BinaryEquals",      "NullIfExists",
                                               "ForAllValues:Null", "ForSomeValues:StringEquals",
                                               "IfExists" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(unknown); i++) {
                CLEANUP(free_cleanup)
                char *text =
                        text_format(IDENTITY("{" GOOD ",\"Condition\":{\"%s\":{\"aws:x\":\"y\"}}}"),
                                    unknown[i]);
                struct policy policy = { 0 };
                struct error err = { 0 };

                assert_done(policy_read(POLICY_OF_IDENTITY, "p", view_text(text), &policy, &err),
                            err);
                const struct policy_condition *condition = policy.statements[0].conditions;

                assert_int_equal(condition->operation, OPERATOR_UNKNOWN);
                assert_string_equal(condition->written, unknown[i]);
                policy_clear(&policy);
        }
}

static void
a_version_before_variables_has_none(void **state)
{
        struct policy policy = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(policy_read(POLICY_OF_IDENTITY, "p",
                                view_text("{\"Statement\":{" GOOD "}} \r\n\t"), &policy, &err),
                    err);
        assert_false(policy.variables);
        policy_clear(&policy);
}

static void
what_is_not_a_policy_is_refused_with_its_place(void **state)
{
        static const struct {
                const char *text;
                const char *what; /* of the error */
        } rows[] = {
                { "", "empty" },
                { "{", "not JSON" },
                { "[]", "not a JSON object" },
                { "null", "not a JSON object" },
                { "{}", "Statement is missing" },
                { "{\"Statement\":[]}", "Statement is missing" },
                { "{\"Statement\":\"x\"}", "not an object" },
                { "{\"Statement\":{" GOOD "}} x", "follows behind the JSON" },
                { "{\"Statement\":{" GOOD "},\"Statment\":1}", "'Statment' is not a member" },
                { "{\"Version\":\"2012-10-18\",\"Statement\":{" GOOD "}}", "Version" },
                { "{\"Version\":7,\"Statement\":{" GOOD "}}", "Version" },
                { "{\"Statement\":{" GOOD "},\"Statement\":{" GOOD "}}", "twice" },
                { IDENTITY("{" GOOD ",\"Effect\":\"Deny\"}"), "twice" },
                { IDENTITY("{" GOOD ",\"Condtion\":{}}"), "'Condtion' is not a member" },
                { IDENTITY("{" GOOD ",\"effect\":\"Allow\"}"), "'effect' is not a member" },
                { IDENTITY("{" GOOD ",\"NotAction\":\"a:b\"}"), "side by side" },
                { IDENTITY("{" GOOD ",\"NotResource\":\"*\"}"), "side by side" },
                { IDENTITY("{" GOOD ",\"Principal\":\"*\"}"), "no Principal" },
                { IDENTITY("{" GOOD ",\"Sid\":7}"), "Sid" },
                { IDENTITY("{" GOOD ",\"Condition\":[]}"), "Condition is not" },
                { IDENTITY("{" GOOD ",\"Condition\":{\"Bool\":\"x\"}}"), "object of keys" },
                { IDENTITY("{" GOOD ",\"Condition\":{\"Bool\":{\"k\":null}}}"), "neither text" },
                { IDENTITY("{" GOOD ",\"Condition\":{\"Bool\":{\"k\":[[]]}}}"), "neither text" },
                { IDENTITY("{" GOOD ",\"Condition\":{\"Bool\":{\"\":\"x\"}}}"), "empty" },
                { IDENTITY("{" GOOD ",\"Condition\":{\"Bool\":{\"k\":[[[[[[]]]]]]}}}"), "deeper" },
                { IDENTITY("{\"Effect\":\"allow\",\"Action\":\"*\",\"Resource\":\"*\"}"),
                  "Effect is neither" },
                { IDENTITY("{\"Action\":\"*\",\"Resource\":\"*\"}"), "Effect is missing" },
                { IDENTITY("{\"Effect\":\"Allow\",\"Resource\":\"*\"}"), "Action is missing" },
                { IDENTITY("{\"Effect\":\"Allow\",\"Action\":\"*\"}"), "Resource is missing" },
                { IDENTITY("{\"Effect\":\"Allow\",\"Action\":[],\"Resource\":\"*\"}"), "empty" },
                { IDENTITY("{\"Effect\":\"Allow\",\"Action\":[7],\"Resource\":\"*\"}"), "texts" },
                { IDENTITY("{\"Effect\":\"Allow\",\"Action\":\"\",\"Resource\":\"*\"}"), "texts" },
                { IDENTITY("{\"Effect\":\"Allow\",\"Action\":\"Get*\",\"Resource\":\"*\"}"),
                  "no service" },
                { IDENTITY("{\"Effect\":\"Allow\",\"Action\":\"a:\",\"Resource\":\"*\"}"),
                  "no service" },
                { IDENTITY("{\"Effect\":\"Allow\",\"Action\":\"a:b\\u0000c\",\"Resource\":\"*\"}"),
                  "NUL" },
                { IDENTITY("{\"Effect\":\"Allow\",\"Action\":\"a:b\\u0001c\",\"Resource\":\"*\"}"),
                  "control characters" },
                { IDENTITY("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"my-ca\"}"),
                  "neither \"*\" nor an ARN" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct error err = { 0 };

                assert_refused(reads(POLICY_OF_IDENTITY, rows[i].text, &err), err, ERROR_INPUT);
                if (!strstr(err.what, rows[i].what) || !strstr(err.about, "the policy"))
                        fail_msg("row %zu: %s [%s]", i, err.what, err.about);
        }
}

static void
an_error_names_the_statement(void **state)
{
        struct error err = { 0 };

        (void)state;
        assert_false(reads(POLICY_OF_IDENTITY,
                           IDENTITY("{" GOOD "},{\"Effect\":\"Maybe\",\"Sid\":\"Two\"}"), &err));
        assert_string_equal(err.about, "statement 2 (Sid 'Two') of the policy");
}

static void
each_kind_of_policy_has_its_members(void **state)
{
        static const char assume[] = "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"sts:*\","
                                     "\"Principal\":{\"AWS\":\"111122223333\"}}}";
        struct error err = { 0 };

        (void)state;
        assert_done(reads(POLICY_OF_TRUST, assume, &err), err);
        assert_false(reads(POLICY_OF_RESOURCE, assume, &err));
        assert_non_null(strstr(err.what, "Resource is missing"));
        assert_false(reads(POLICY_OF_RESOURCE, "{\"Statement\":{" GOOD "}}", &err));
        assert_non_null(strstr(err.what, "Principal is missing"));
        assert_false(
                reads(POLICY_OF_TRUST, "{\"Statement\":{" GOOD ",\"Principal\":\"*\"}}", &err));
        assert_non_null(strstr(err.what, "no Resource"));
        assert_false(reads(POLICY_OF_TRUST,
                           "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"sts:*\","
                           "\"Principal\":{\"Robot\":\"x\"}}}",
                           &err));
        assert_non_null(strstr(err.what, "unknown type 'Robot'"));
        assert_false(reads(POLICY_OF_TRUST,
                           "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"sts:*\","
                           "\"Principal\":\"111122223333\"}}",
                           &err));
}

/* A document with `count` times `item` in a list of actions. */
static void
build(struct buf *out, const char *item, size_t count)
{
        buf_add_text(out, "{\"Statement\":{\"Effect\":\"Allow\",\"Resource\":\"*\",\"Action\":[");
        for (size_t i = 0; i < count; i++)
                buf_format(out, "%s\"%s\"", i ? "," : "", item);
        buf_add_text(out, "]}}");
}

static void
what_is_too_large_is_refused(void **state)
{
        CLEANUP(buf_cleanup) struct buf many = { 0 };
        CLEANUP(buf_cleanup) struct buf large = { 0 };
        CLEANUP(buf_cleanup) struct buf word = { 0 };
        CLEANUP(buf_cleanup) struct buf long_word = { 0 };
        CLEANUP(buf_cleanup) struct buf deep = { 0 };
        struct error err = { 0 };

        (void)state;
        build(&many, "a:b", POLICY_MOST_VALUES + 1);
        assert_refused(reads(POLICY_OF_IDENTITY, buf_text(&many), &err), err, ERROR_INPUT);
        assert_non_null(strstr(err.what, "over 4096 values"));
        build(&large, "acm-pca:GetCertificate", POLICY_MOST_BYTES / 20);
        assert_refused(reads(POLICY_OF_IDENTITY, buf_text(&large), &err), err, ERROR_INPUT);
        assert_non_null(strstr(err.what, "131072"));
        buf_add_text(&word, "a:");
        for (size_t i = 0; i < POLICY_MOST_TEXT; i++)
                buf_add_byte(&word, 'x');
        build(&long_word, buf_text(&word), 1);
        assert_refused(reads(POLICY_OF_IDENTITY, buf_text(&long_word), &err), err, ERROR_INPUT);
        for (size_t i = 0; i < POLICY_MOST_BYTES; i++)
                buf_add_byte(&deep, '[');
        assert_refused(reads(POLICY_OF_IDENTITY, buf_text(&deep), &err), err, ERROR_INPUT);
}

static void
every_cut_of_a_document_is_refused_and_nothing_breaks(void **state)
{
        static const char text[] = IDENTITY("{\"Sid\":\"a\"," GOOD
                                            ",\"Condition\":{\"Bool\":{\"k\":[true,\"x\",7]}}}");

        (void)state;
        for (size_t cut = 0; cut < strlen(text); cut++) {
                CLEANUP(free_cleanup) char *part = text_copy_length(text, cut);
                struct error err = { 0 };

                assert_refused(reads(POLICY_OF_IDENTITY, part, &err), err, ERROR_INPUT);
        }
}

static void
every_changed_byte_is_read_or_refused_and_nothing_breaks(void **state)
{
        static const char text[] = IDENTITY("{\"Sid\":\"a\"," GOOD
                                            ",\"Condition\":{\"Bool\":{\"k\":[true,\"x\",7]}}}");
        static const char others[] = "\"{}[],:\\\x01\x80*0";
        size_t read = 0, refused = 0;

        (void)state;
        for (size_t at = 0; at < strlen(text); at++) {
                for (size_t i = 0; i < sizeof(others); i++) {
                        CLEANUP(free_cleanup) char *changed = text_copy(text);
                        struct policy policy = { 0 };
                        struct error err = { 0 };

                        changed[at] = others[i];
                        if (policy_read(POLICY_OF_IDENTITY, "p", view_of(changed, strlen(text)),
                                        &policy, &err))
                                read++;
                        else
                                refused++;
                        policy_clear(&policy);
                }
        }
        assert_true(read > 0 && refused > read);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_document_is_read_with_all_its_parts),
                cmocka_unit_test(an_operator_that_is_not_known_is_kept_and_marked),
                cmocka_unit_test(a_version_before_variables_has_none),
                cmocka_unit_test(what_is_not_a_policy_is_refused_with_its_place),
                cmocka_unit_test(an_error_names_the_statement),
                cmocka_unit_test(each_kind_of_policy_has_its_members),
                cmocka_unit_test(what_is_too_large_is_refused),
                cmocka_unit_test(every_cut_of_a_document_is_refused_and_nothing_breaks),
                cmocka_unit_test(every_changed_byte_is_read_or_refused_and_nothing_breaks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
