#include "tests/unit/unit.h"

#include "engine/token.h"
#include "engine/uri.h"

static struct token_facts
facts_of_a_token(void)
{
        return (struct token_facts){
                .label = "batch 07",
                .manufacturer = "SoftHSM project",
                .model = "SoftHSM v2",
                .serial = "2f5c0a9f",
                .slot_description = "SoftHSM slot ID 0x1",
                .slot_manufacturer = "SoftHSM project",
                .library_manufacturer = "SoftHSM",
                .library_description = "Implementation of PKCS11",
                .library_version = { 2, 6 },
                .slot_id = 5,
        };
}

static const struct {
        const char *name;
        const char *text;
} refused[] = {
        { "no scheme", "token=a" },
        { "another scheme", "http://token" },
        { "broken encoding", "pkcs11:token=%4" },
        { "an unknown attribute", "pkcs11:tokne=a" },
        { "a vendor attribute", "pkcs11:token=a;x-mine=b" },
        { "an unknown query attribute", "pkcs11:token=a?pin-sauce=file:/x" },
        { "the same attribute twice", "pkcs11:token=a;token=b" },
        { "a query attribute twice", "pkcs11:token=a?module-name=a&module-name=b" },
        { "a PIN as query", "pkcs11:token=a?pin-value=1234" },
        { "a PIN in the path", "pkcs11:token=a;pin-value=1234" },
        { "a PIN in other letters", "pkcs11:token=a?PIN-VALUE=1234" },
        { "a query attribute in the path", "pkcs11:token=a;module-path=/x.so" },
        { "a path attribute in the query", "pkcs11:token=a?object=b" },
        { "an empty value", "pkcs11:token=" },
        { "no value", "pkcs11:token" },
        { "an empty attribute", "pkcs11:token=a;;serial=1" },
        { "an id that looks like hex", "pkcs11:id=0aff" },
        { "a label longer than labels are", "pkcs11:token=123456789012345678901234567890123" },
        { "a slot that is no number", "pkcs11:slot-id=five" },
        { "a NUL in a label", "pkcs11:object=a%00b" },
        { "a type that is none", "pkcs11:object=a;type=keys" },
};

static void
what_cannot_be_honoured_is_refused(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
                struct error err = { 0 };
                struct uri *uri = uri_parse(refused[i].text, &err);

                if (uri)
                        fail_msg("%s: taken", refused[i].name);
                assert_int_equal(err.kind, ERROR_USAGE);
        }
}

static void
a_pin_in_a_uri_is_never_quoted_back(void **state)
{
        struct error err = { 0 };

        (void)state;
        assert_null(uri_parse("pkcs11:token=a?pin-value=7391", &err));
        assert_null(strstr(err.what, "7391"));
        assert_null(strstr(err.about, "7391"));
        assert_null(strstr(err.next, "7391"));
}

static void
an_id_in_hex_is_answered_with_the_form_it_should_have_had(void **state)
{
        struct error err = { 0 };

        (void)state;
        assert_null(uri_parse("pkcs11:id=01Fe", &err));
        assert_non_null(strstr(err.next, "id=%01%Fe"));
}

static void
a_misspelt_attribute_is_answered_with_the_nearest_one(void **state)
{
        struct error err = { 0 };

        (void)state;
        assert_null(uri_parse("pkcs11:seriel=1", &err));
        assert_non_null(strstr(err.next, "'serial'"));
}

static const struct {
        const char *text;
        bool matches;
        bool names_token;
} matching[] = {
        { "pkcs11:", true, false },
        { "PKCS11:token=batch%2007", true, true },
        { "pkcs11:token=batch%2008", false, true },
        { "pkcs11:serial=2f5c0a9f", true, true },
        { "pkcs11:serial=2f5c0a9", false, true },
        { "pkcs11:manufacturer=SoftHSM%20project;model=SoftHSM%20v2", true, true },
        { "pkcs11:model=other", false, true },
        { "pkcs11:slot-id=5", true, true },
        { "pkcs11:slot-id=6", false, true },
        { "pkcs11:slot-description=SoftHSM%20slot%20ID%200x1", true, true },
        { "pkcs11:slot-manufacturer=other", false, true },
        { "pkcs11:library-description=Implementation%20of%20PKCS11", true, false },
        { "pkcs11:library-version=3.0", false, false },
        { "pkcs11:library-version=2.6", true, false },
        { "pkcs11:object=a;id=%01;type=private", true, false },
};

static void
a_uri_matches_the_tokens_it_says(void **state)
{
        struct token_facts facts = facts_of_a_token();

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(matching); i++) {
                CLEANUP(uri_cleanup) struct uri *uri = NULL;
                struct error err = { 0 };

                uri = uri_parse(matching[i].text, &err);
                assert_done(uri, err);
                if (uri_matches(uri, &facts) != matching[i].matches ||
                    uri_names_token(uri) != matching[i].names_token)
                        fail_msg("%s", matching[i].text);
        }
}

static void
a_token_is_called_by_its_serial_number_else_by_its_label(void **state)
{
        static const char *const cases[][2] = {
                { "pkcs11:token=batch%2007;serial=2f5c", "2f5c" },
                { "pkcs11:token=batch%2007", "batch 07" },
                { "pkcs11:token=12345678901234567890123456789012",
                  "12345678901234567890123456789012" },
                { "pkcs11:model=a", NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(uri_cleanup) struct uri *uri = NULL;
                struct error err = { 0 };

                uri = uri_parse(cases[i][0], &err);
                assert_done(uri, err);
                CLEANUP(free_cleanup) char *name = uri_token_name(uri);

                assert_true(text_equal(name, cases[i][1]));
        }
}

static void
what_a_uri_says_can_be_asked(void **state)
{
        CLEANUP(uri_cleanup) struct uri *uri = NULL;
        struct error err = { 0 };
        struct view id;

        (void)state;
        uri = uri_parse("pkcs11:token=a;object=the%20key;id=%00%ff?pin-source=file:/etc/pin"
                        "&module-path=/m.so&module-name=soft",
                        &err);
        assert_done(uri, err);
        assert_string_equal(uri_object(uri), "the key");
        assert_true(uri_id(uri, &id));
        assert_true(view_equal(id, view_of("\x00\xff", 2)));
        assert_string_equal(uri_pin_source(uri), "file:/etc/pin");
        assert_string_equal(uri_module_path(uri), "/m.so");
        assert_string_equal(uri_module_name(uri), "soft");
        uri_cleanup(&uri);
        uri = uri_parse("pkcs11:token=a", &err);
        assert_null(uri_object(uri));
        assert_false(uri_id(uri, &id));
        assert_null(uri_pin_source(uri));
        assert_null(uri_module_path(uri));
        assert_null(uri_module_name(uri));
}

static void
a_uri_that_we_write_reads_back_as_the_same_object(void **state)
{
        struct token_facts facts = facts_of_a_token();
        CLEANUP(uri_cleanup) struct uri *uri = NULL;
        struct error err = { 0 };
        struct view id = view_of("\x31\x32\x00;", 4);
        struct view back;

        (void)state;
        snprintf(facts.label, sizeof(facts.label), "a;b?c%%d é");
        CLEANUP(free_cleanup) char *text = uri_of_object(&facts, id, "x;y=z/ü", "private");

        uri = uri_parse(text, &err);
        assert_done(uri, err);
        assert_true(uri_matches(uri, &facts));
        assert_string_equal(uri_object(uri), "x;y=z/ü");
        assert_true(uri_id(uri, &back));
        assert_true(view_equal(back, id));
        assert_non_null(strstr(text, "type=private"));
}

static void
the_uri_of_a_token_names_that_token_alone(void **state)
{
        struct token_facts facts = facts_of_a_token();
        struct token_facts other = facts_of_a_token();
        CLEANUP(free_cleanup) char *text = uri_of_token(&facts);
        CLEANUP(uri_cleanup) struct uri *uri = NULL;
        struct error err = { 0 };

        (void)state;
        snprintf(other.serial, sizeof(other.serial), "ffff");
        uri = uri_parse(text, &err);
        assert_done(uri, err);
        assert_true(uri_matches(uri, &facts));
        assert_false(uri_matches(uri, &other));
}

static void
a_token_without_a_name_is_named_by_its_slot(void **state)
{
        struct token_facts blank = facts_of_a_token();
        struct token_facts named = facts_of_a_token();
        struct error err = { 0 };

        (void)state;
        blank.label[0] = blank.serial[0] = '\0';
        CLEANUP(free_cleanup) char *text = uri_of_token(&blank);
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse(text, &err);

        assert_done(uri, err);
        assert_true(uri_matches(uri, &blank));
        blank.slot_id++;
        assert_false(uri_matches(uri, &blank));
        CLEANUP(free_cleanup) char *plain = uri_of_token(&named);

        assert_null(strstr(plain, "slot"));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_cannot_be_honoured_is_refused),
                cmocka_unit_test(a_pin_in_a_uri_is_never_quoted_back),
                cmocka_unit_test(an_id_in_hex_is_answered_with_the_form_it_should_have_had),
                cmocka_unit_test(a_misspelt_attribute_is_answered_with_the_nearest_one),
                cmocka_unit_test(a_uri_matches_the_tokens_it_says),
                cmocka_unit_test(a_token_is_called_by_its_serial_number_else_by_its_label),
                cmocka_unit_test(what_a_uri_says_can_be_asked),
                cmocka_unit_test(a_uri_that_we_write_reads_back_as_the_same_object),
                cmocka_unit_test(the_uri_of_a_token_names_that_token_alone),
                cmocka_unit_test(a_token_without_a_name_is_named_by_its_slot),
        };

        return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}
