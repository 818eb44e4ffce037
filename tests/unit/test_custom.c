#include "order/custom.h"
#include "order/field.h"
#include "tests/unit/unit.h"

static void
an_extension_is_brought_into_its_normal_form(void **state)
{
        static const struct {
                const char *text;
                const char *normal;
        } cases[] = {
                { "1.2.3:0500", "1.2.3:0500" },
                { "1.2.3,critical:0500", "1.2.3,critical:0500" },
                { "1.3.6.1.4.1.99999.1:30030201FF", "1.3.6.1.4.1.99999.1:30030201ff" },
                { "1.2.3:base64:BQA=", "1.2.3:0500" },
                { "1.2.3,critical:base64:BQA=", "1.2.3,critical:0500" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(free_cleanup) char *normal = NULL;
                CLEANUP(free_cleanup) char *again = NULL;
                struct error err = { 0 };

                assert_done(custom_parse(cases[i].text, &normal, &err), err);
                assert_string_equal(normal, cases[i].normal);
                assert_done(custom_parse(normal, &again, &err), err);
                assert_string_equal(again, normal);
        }
}

static void
what_is_no_extension_is_refused_with_its_rule(void **state)
{
        static const struct {
                const char *text;
                const char *rule;
        } cases[] = {
                { "", "dotted" },
                { "a:0500", "dotted" },
                { "1:0500", "dotted" },
                { "1.2.3", "missing" },
                { "1.2.3,critical", "missing" },
                { "1.2.3,important:0500", "only 'critical'" },
                { "1.2.3:", "hex" },
                { "1.2.3:base64:", "empty" },
                { "1.2.3:05", "DER" },
                { "1.2.3:050", "hex" },
                { "1.2.3:zz", "hex" },
                { "1.2.3:05000500", "DER" },
                { "1.2.3:3080050000", "DER" },
                { "1.2.3:30810105", "DER" },
                { "1.2.3:30020201", "DER" },
                { "1.2.3:base64:!", "base64" },
                { "2.5.29.15:030205a0", "--key-usage" },
                { "2.5.29.17:3000", "--san" },
                { "2.5.29.19:3000", "--template" },
                { "2.5.29.32:3000", "--policy-oid" },
                { "2.5.29.37:3000", "--ext-key-usage" },
                { "2.5.29.14:0400", "the CA" },
                { "2.5.29.35:3000", "the CA" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct error err = { 0 };
                char *normal = NULL;

                assert_refused(custom_parse(cases[i].text, &normal, &err), err, ERROR_USAGE);
                if (!strstr(err.what, cases[i].rule) && !strstr(err.next, cases[i].rule))
                        fail_msg("'%s': %s; %s", cases[i].text, err.what, err.next);
                assert_null(normal);
        }
}

static void
an_extension_nested_without_end_is_refused(void **state)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        struct error err = { 0 };
        char *normal = NULL;

        (void)state;
        buf_add_text(&text, "1.2.3:");
        for (unsigned length = 126; length; length -= 2)
                buf_format(&text, "30%02x", length - 2);
        buf_add_text(&text, "");
        assert_refused(custom_parse(buf_text(&text), &normal, &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.what, "DER"));
}

static void
the_parts_are_those_of_the_text(void **state)
{
        struct custom custom;

        (void)state;
        custom_read("1.3.6.1.4.1.99999.1,critical:0500", &custom);
        CLEANUP(free_cleanup)
        char *text = custom_format(custom.oid, custom.critical, view_buf(&custom.value));

        assert_string_equal(custom.oid, "1.3.6.1.4.1.99999.1");
        assert_true(custom.critical);
        assert_true(view_equal(view_buf(&custom.value), view_of("\x05\0", 2)));
        assert_string_equal(text, "1.3.6.1.4.1.99999.1,critical:0500");
        buf_clear(&custom.value);
}

static void
differences_are_allowed_by_name_and_some_never(void **state)
{
        static const char *const names[][2] = {
                { "key-usage", "key-usage" },
                { "Key Usage", "key-usage" },
                { "EXTENSION:1.2.3", "extension:1.2.3" },
                { "CRL distribution points", "crl-distribution-points" },
        };
        static const char *const wrong[] = {
                "",       "public-key", "chain",       "issuer",   "signature",
                "serial", "form",       "extension:a", "keyusage", "basic-constraints",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
                CLEANUP(free_cleanup) char *normal = NULL;
                struct error err = { 0 };

                assert_done(field_allow_parse(names[i][0], &normal, &err), err);
                assert_string_equal(normal, names[i][1]);
        }
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                struct error err = { 0 };
                char *normal = NULL;

                assert_refused(field_allow_parse(wrong[i], &normal, &err), err, ERROR_USAGE);
                assert_non_null(strstr(err.next, "key-usage"));
        }
}

static void
only_what_was_named_may_differ(void **state)
{
        char one[] = "extension:1.2.3";
        char two[] = "not-after";
        char *allowed[] = { one, two };

        (void)state;
        assert_true(field_is_allowed(allowed, 2, FIELD_EXTENSION, "1.2.3"));
        assert_false(field_is_allowed(allowed, 2, FIELD_EXTENSION, "1.2.4"));
        assert_true(field_is_allowed(allowed, 2, FIELD_NOT_AFTER, NULL));
        assert_false(field_is_allowed(allowed, 2, FIELD_NOT_BEFORE, NULL));
        assert_false(field_is_allowed(allowed, 2, FIELD_PUBLIC_KEY, NULL));
        assert_false(field_is_allowed(NULL, 0, FIELD_SUBJECT, NULL));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_extension_is_brought_into_its_normal_form),
                cmocka_unit_test(what_is_no_extension_is_refused_with_its_rule),
                cmocka_unit_test(an_extension_nested_without_end_is_refused),
                cmocka_unit_test(the_parts_are_those_of_the_text),
                cmocka_unit_test(differences_are_allowed_by_name_and_some_never),
                cmocka_unit_test(only_what_was_named_may_differ),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
