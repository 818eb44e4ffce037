/*
 * Logins, removals and swaps on a token that breaks.
 */
#include "tests/unit/broken.h"

/* -- removal and swap --------------------------------------------------------------------- */

static void
a_token_that_was_pulled_is_told_as_such_and_taken_back(void **state)
{
        static const char *const styles[] = { "vanish=removed", "vanish=opensc", "vanish=ykcs11" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(styles); i++) {
                CLEANUP(free_cleanup) char *rule = text_format("%s on=C_SignInit", styles[i]);
                struct error err = { 0 };
                struct key *key = make(KEY_EC_P256, &err);

                assert_done(key, err);
                rules(rule);
                if (signs(key, &err) || err.kind != ERROR_TOKEN_REMOVED)
                        fail_msg("%s: %s: %s", styles[i], error_kind_name(err.kind), err.what);
                assert_refused(token_check(token, &err), err, ERROR_TOKEN_REMOVED);
                assert_refused(token_reopen(token, &err), err, ERROR_TOKEN_REMOVED);
                rules("");
                assert_done(token_reopen(token, &err), err);
                assert_done(key_check(key, key_spki(key), &err), err);
                assert_done(signs(key, &err), err);
                key_free(key);
        }
}

/* The pair is there, and its public key could not be read any more. */
static void
a_token_pulled_right_after_it_made_a_pair_is_told_as_pulled(void **state)
{
        struct error err = { 0 };

        (void)state;
        rules("vanish=removed on=C_GetAttributeValue\n");
        assert_null(make(KEY_EC_P256, &err));
        assert_int_equal(err.kind, ERROR_TOKEN_REMOVED);
        rules("");
        assert_done(token_reopen(token, &err), err);
}

static void
nothing_is_written_to_another_token_in_the_same_slot(void **state)
{
        struct error err = { 0 };
        struct key *key = make(KEY_EC_P256, &err);
        struct view bytes = view_text("certificate");

        (void)state;
        assert_done(key, err);
        unsigned long made = counted("C_GenerateKeyPair");
        unsigned long created = counted("C_CreateObject");
        unsigned long destroyed = counted("C_DestroyObject");

        rules("change-serial=0123456789ABCDEF\n");
        assert_null(make(KEY_EC_P256, &err));
        assert_int_equal(err.kind, ERROR_TOKEN_SWAPPED);
        assert_refused(token_write_certificate(token, bytes, bytes, bytes, bytes, key_id(key), "l",
                                               &err),
                       err, ERROR_TOKEN_SWAPPED);
        assert_refused(key_destroy(key, &err), err, ERROR_TOKEN_SWAPPED);
        assert_refused(key_check(key, key_spki(key), &err), err, ERROR_TOKEN_SWAPPED);
        assert_refused(key_reach(key, &err), err, ERROR_TOKEN_SWAPPED);
        assert_int_equal(counted("C_GenerateKeyPair"), made);
        assert_int_equal(counted("C_CreateObject"), created);
        assert_int_equal(counted("C_DestroyObject"), destroyed);
        key_free(key);
}

static void
a_token_that_is_being_rewritten_by_another_process_is_asked_again(void **state)
{
        struct error err = { 0 };

        (void)state;
        token_close(token);
        rules("C_GetTokenInfo rv=CKR_GENERAL_ERROR token=breakable count=2\n");
        token = token_open(modules, uri, &login, &err);
        assert_done(token, err);
        rules("C_GetTokenInfo rv=CKR_GENERAL_ERROR token=breakable count=2\n");
        assert_done(token_check(token, &err), err);
        rules("change-serial=0000 on=C_GetTokenInfo count=1\n");
        assert_done(token_check(token, &err), err);
        rules("C_GetTokenInfo rv=CKR_GENERAL_ERROR token=breakable\n");
        assert_refused(token_check(token, &err), err, ERROR_TOKEN);
}

static void
a_login_while_another_process_rewrites_the_token_is_tried_again(void **state)
{
        struct error err = { 0 };

        (void)state;
        token_close(token);
        rules("C_Login rv=CKR_USER_PIN_NOT_INITIALIZED count=2\n");
        token = token_open(modules, uri, &login, &err);
        assert_done(token, err);
        token_close(token);
        rules("C_Login rv=CKR_USER_PIN_NOT_INITIALIZED\n");
        token = token_open(modules, uri, &login, &err);
        assert_null(token);
        assert_int_equal(err.kind, ERROR_PIN_MISSING);
}

static void
a_write_protected_token_is_read_and_never_written(void **state)
{
        struct error err = { 0 };
        struct key *key = make(KEY_EC_P256, &err);

        (void)state;
        assert_done(key, err);
        rules("set-flag=CKF_WRITE_PROTECTED\n");
        assert_null(make(KEY_EC_P256, &err));
        assert_int_equal(err.kind, ERROR_TOKEN_READ_ONLY);
        assert_done(signs(key, &err), err);
        key_free(key);
}

static void
a_token_without_read_write_sessions_is_opened_for_reading(void **state)
{
        struct error err = { 0 };

        (void)state;
        token_close(token);
        rules("C_OpenSession rv=CKR_TOKEN_WRITE_PROTECTED count=1\n");
        token = token_open(modules, uri, &login, &err);
        assert_done(token, err);
        assert_null(make(KEY_EC_P256, &err));
        assert_int_equal(err.kind, ERROR_TOKEN_READ_ONLY);
}

/* -- logging in --------------------------------------------------------------------------- */

static void
no_try_is_spent_on_a_pin_that_is_locked_or_has_one_try_left(void **state)
{
        static const struct {
                const char *rule;
                enum error_kind kind;
        } rows[] = {
                { "set-flag=CKF_USER_PIN_LOCKED", ERROR_PIN_LOCKED },
                { "set-flag=CKF_USER_PIN_FINAL_TRY", ERROR_PIN_LAST_TRY },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                unsigned long before = counted("C_Login");
                struct error err = { 0 };

                rules(rows[i].rule);
                assert_null(token_open(modules, uri, &login, &err));
                assert_int_equal(err.kind, rows[i].kind);
                assert_refused(token_reopen(token, &err), err, rows[i].kind);
                assert_int_equal(counted("C_Login"), before);
                rules("");
                assert_done(token_reopen(token, &err), err);
        }
}

static void
the_last_try_is_not_spent_on_a_signature_either(void **state)
{
        struct error err = { 0 };

        (void)state;
        rules("always-authenticate\n");
        struct key *key = make(KEY_EC_P256, &err);

        assert_done(key, err);
        unsigned long before = counted("C_Login");

        rules("always-authenticate\nset-flag=CKF_USER_PIN_FINAL_TRY\n");
        assert_refused(signs(key, &err), err, ERROR_PIN_LAST_TRY);
        assert_int_equal(counted("C_Login"), before);
        key_free(key);
}

static void
a_login_that_fails_says_why(void **state)
{
        static const struct {
                const char *rule;
                enum error_kind kind;
        } rows[] = {
                { "C_Login rv=CKR_PIN_INCORRECT", ERROR_PIN_WRONG },
                { "C_Login rv=CKR_PIN_LEN_RANGE", ERROR_PIN_WRONG },
                { "C_Login rv=CKR_PIN_LOCKED", ERROR_PIN_LOCKED },
                { "C_Login rv=CKR_PIN_EXPIRED", ERROR_PIN_REFUSED },
                { "C_Login rv=CKR_USER_PIN_NOT_INITIALIZED", ERROR_PIN_MISSING },
                { "C_Login rv=CKR_FUNCTION_CANCELED", ERROR_PIN_MISSING },
                { "C_Login rv=CKR_DEVICE_REMOVED", ERROR_TOKEN_REMOVED },
                { "C_OpenSession rv=CKR_SESSION_COUNT", ERROR_TOKEN },
                { "vanish=ykcs11 on=C_Login", ERROR_TOKEN_REMOVED },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct error err = { 0 };

                token_close(token);
                rules("");
                token = NULL;
                rules(rows[i].rule);
                assert_null(token_open(modules, uri, &login, &err));
                if (err.kind != rows[i].kind)
                        fail_msg("%s: %s: %s", rows[i].rule, error_kind_name(err.kind), err.what);
                assert_true(err.what[0] && err.about[0] && err.next[0]);
                rules("");
        }
}

static void
a_pin_pad_is_asked_without_a_pin(void **state)
{
        struct error err = { 0 };

        (void)state;
        token_close(token);
        rules("set-flag=CKF_PROTECTED_AUTHENTICATION_PATH\n");
        setenv("BREAKABLE_PAD_PIN", SOFTHSM_PIN, 1);
        token = token_open(modules, uri, &(struct token_login){ 0 }, &err);
        unsetenv("BREAKABLE_PAD_PIN");
        assert_done(token, err);
        assert_null(token_pin(token));
        struct key *key = make(KEY_EC_P256, &err);

        assert_done(key, err);
        key_free(key);
}

static void
a_token_is_opened_while_somebody_else_is_logged_in(void **state)
{
        struct error err = { 0 };
        struct token *second = token_open(modules, uri, &login, &err);

        (void)state;
        assert_done(second, err);
        token_close(second);
}

/* -- locking ------------------------------------------------------------------------------ */

static void
a_module_that_cannot_lock_is_known_as_such(void **state)
{
        struct error err = { 0 };
        const char *path = getenv("P11CERT_BREAKABLE");

        (void)state;
        assert_false(modules_cannot_lock(modules, token_facts(token)->module_path));
        token_close(token);
        token = NULL;
        modules_close(modules);
        rules("cant-lock\n");
        modules = modules_open(path, NULL, NULL, &err);
        assert_done(modules, err);
        token = token_open(modules, uri, &login, &err);
        assert_done(token, err);
        assert_true(modules_cannot_lock(modules, token_facts(token)->module_path));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                broken_test(a_token_that_was_pulled_is_told_as_such_and_taken_back),
                broken_test(a_token_pulled_right_after_it_made_a_pair_is_told_as_pulled),
                broken_test(nothing_is_written_to_another_token_in_the_same_slot),
                broken_test(a_token_that_is_being_rewritten_by_another_process_is_asked_again),
                broken_test(a_login_while_another_process_rewrites_the_token_is_tried_again),
                broken_test(a_write_protected_token_is_read_and_never_written),
                broken_test(a_token_without_read_write_sessions_is_opened_for_reading),
                broken_test(no_try_is_spent_on_a_pin_that_is_locked_or_has_one_try_left),
                broken_test(the_last_try_is_not_spent_on_a_signature_either),
                broken_test(a_login_that_fails_says_why),
                broken_test(a_pin_pad_is_asked_without_a_pin),
                broken_test(a_token_is_opened_while_somebody_else_is_logged_in),
                broken_test(a_module_that_cannot_lock_is_known_as_such),
        };

        return cmocka_run_group_tests_name("a token that breaks", tests, broken_prepare,
                                           broken_clean_up);
}
