#include "order/usage.h"
#include "tests/unit/unit.h"

static void
usages_cleanup(struct usages *usages)
{
        usages_clear(usages);
}

static void
key_usages_are_read_in_any_case_and_added(void **state)
{
        CLEANUP(usages_cleanup) struct usages usages = { 0 };
        CLEANUP(free_cleanup) char *text = NULL;
        struct error err = { 0 };

        (void)state;
        assert_done(usages_add_key_usage(&usages, "digitalSignature,KEY-AGREEMENT", &err), err);
        assert_done(usages_add_key_usage(&usages, "crl-sign, contentCommitment", &err), err);
        assert_int_equal(usages.key_usage, USAGE_DIGITAL_SIGNATURE | USAGE_KEY_AGREEMENT |
                                                   USAGE_CRL_SIGN | USAGE_NON_REPUDIATION);
        text = key_usage_format(usages.key_usage);
        assert_string_equal(text, "digitalSignature, nonRepudiation, keyAgreement, cRLSign");
}

static void
every_key_usage_is_read_back_from_its_own_text(void **state)
{
        struct error err = { 0 };

        (void)state;
        for (unsigned bits = 0; bits < 1u << 9; bits++) {
                CLEANUP(free_cleanup) char *text = key_usage_format(bits);
                struct usages usages = { 0 };

                if (bits)
                        assert_done(usages_add_key_usage(&usages, text, &err), err);
                else
                        assert_string_equal(text, "");
                assert_int_equal(usages.key_usage, bits);
        }
}

static void
what_is_no_key_usage_is_refused_and_adds_nothing(void **state)
{
        static const char *const wrong[] = { "",
                                             ",",
                                             "digitalSignature,",
                                             "signing",
                                             ",digitalSignature",
                                             "digitalSignature,,cRLSign" };
        CLEANUP(usages_cleanup) struct usages usages = { 0 };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                assert_refused(usages_add_key_usage(&usages, wrong[i], &err), err, ERROR_USAGE);
                assert_int_equal(usages.key_usage, 0);
        }
        assert_refused(usages_add_key_usage(&usages, "digitalSignatur", &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.next, "'digitalSignature'"));
}

static void
extended_usages_are_names_or_numbers_once_each(void **state)
{
        CLEANUP(usages_cleanup) struct usages usages = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(usages_add_extended(&usages, "clientAuth,1.3.6.1.4.1.311.20.2.2", &err), err);
        assert_done(usages_add_extended(&usages, "ClientAuth,smart-card-logon,1.2.3", &err), err);
        assert_int_equal(usages.extended_count, 3);
        assert_string_equal(usages.extended[0], "1.3.6.1.5.5.7.3.2");
        assert_string_equal(usages.extended[1], "1.3.6.1.4.1.311.20.2.2");
        assert_string_equal(usages.extended[2], "1.2.3");
        assert_string_equal(extended_usage_name(usages.extended[0]), "clientAuth");
        assert_string_equal(extended_usage_name("1.2.3"), "1.2.3");
}

static void
what_is_no_extended_usage_is_refused_and_adds_nothing(void **state)
{
        static const char *const wrong[] = { "",     "clientAuth,",    "client",
                                             "1",    "1.2.",           "1..2",
                                             "3.1",  "1.40",           "01.2",
                                             "1.02", "clientAuth,nope" };
        CLEANUP(usages_cleanup) struct usages usages = { 0 };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                if (usages_add_extended(&usages, wrong[i], &err))
                        fail_msg("'%s' passes", wrong[i]);
                assert_int_equal(err.kind, ERROR_USAGE);
                assert_int_equal(usages.extended_count, 0);
        }
}

static void
policies_are_numbers_once_each(void **state)
{
        CLEANUP(usages_cleanup) struct usages usages = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(usages_add_policy(&usages, "2.23.140.1.2.1", &err), err);
        assert_done(usages_add_policy(&usages, "2.23.140.1.2.1", &err), err);
        assert_done(usages_add_policy(&usages, "2.999.1", &err), err);
        assert_int_equal(usages.policy_count, 2);
        assert_refused(usages_add_policy(&usages, "anyPolicy", &err), err, ERROR_USAGE);
        assert_refused(usages_add_policy(&usages, "1.2.3,1.2.4", &err), err, ERROR_USAGE);
}

static void
a_policy_may_name_its_practice_statement(void **state)
{
        static const char *const wrong[] = {
                "1.2.3,cps=",
                "1.2.3,cps=pki.example",
                "1.2.3,cps=https:",
                "1.2.3,cps=https://a b",
                "1.2.3,notice=x",
                "1.2.3,",
                "1.2.3,cps=https://b\xc3\xbc",
        };
        static const char policy[] = "1.3.6.1.4.1.99999.1,cps=https://pki.example/cps?a,b";
        CLEANUP(usages_cleanup) struct usages usages = { 0 };
        CLEANUP(free_cleanup) char *oid = policy_oid(policy);
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
                assert_refused(usages_add_policy(&usages, wrong[i], &err), err, ERROR_USAGE);
        assert_done(usages_add_policy(&usages, policy, &err), err);
        assert_done(usages_add_policy(&usages, policy, &err), err);
        assert_refused(usages_add_policy(&usages, oid, &err), err, ERROR_USAGE);
        assert_int_equal(usages.policy_count, 1);
        assert_string_equal(oid, "1.3.6.1.4.1.99999.1");
        assert_string_equal(policy_cps(usages.policies[0]), "https://pki.example/cps?a,b");
        assert_null(policy_cps(oid));
}

static void
a_copy_replaces_what_was_there(void **state)
{
        CLEANUP(usages_cleanup) struct usages from = { 0 };
        CLEANUP(usages_cleanup) struct usages to = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(usages_add_extended(&from, "serverAuth", &err), err);
        assert_done(usages_add_extended(&to, "clientAuth,codeSigning", &err), err);
        assert_done(usages_add_policy(&to, "1.2.3", &err), err);
        usages_copy(&to, &from);
        assert_int_equal(to.extended_count, 1);
        assert_string_equal(to.extended[0], from.extended[0]);
        assert_ptr_not_equal(to.extended[0], from.extended[0]);
        assert_int_equal(to.policy_count, 0);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(key_usages_are_read_in_any_case_and_added),
                cmocka_unit_test(every_key_usage_is_read_back_from_its_own_text),
                cmocka_unit_test(what_is_no_key_usage_is_refused_and_adds_nothing),
                cmocka_unit_test(extended_usages_are_names_or_numbers_once_each),
                cmocka_unit_test(what_is_no_extended_usage_is_refused_and_adds_nothing),
                cmocka_unit_test(policies_are_numbers_once_each),
                cmocka_unit_test(a_policy_may_name_its_practice_statement),
                cmocka_unit_test(a_copy_replaces_what_was_there),
        };

        return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
