#include "tests/unit/softhsm.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/token.h"

static struct modules *modules;

static int
prepare(void **state)
{
        struct error err = { 0 };

        if (softhsm_begin(state) != 0)
                return -1;
        softhsm_add_token("first");
        softhsm_add_token("twin");
        softhsm_add_token("twin");
        modules = modules_open(SOFTHSM_MODULE, NULL, NULL, &err);
        return modules ? 0 : -1;
}

static int
clean_up(void **state)
{
        modules_close(modules);
        return softhsm_end(state);
}

static struct token *
open_with(const char *text, const char *pin, struct error *err)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/pin", softhsm_folder());
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse(text, err);
        struct pin_source source = { PIN_FILE, path };
        struct token_login login = { .source = &source };

        assert_done(file_write(path, 0600, view_text(pin), err), *err);
        assert_non_null(uri);
        return token_open(modules, uri, &login, err);
}

static void
every_token_is_listed(void **state)
{
        struct token_facts *list = NULL;
        struct error err = { 0 };
        size_t count = 0;
        size_t ready = 0;

        (void)state;
        assert_done(modules_list(modules, &list, &count, &err), err);
        for (size_t i = 0; i < count; i++)
                ready += list[i].initialized;
        assert_int_equal(ready, 3);
        assert_int_equal(count, 4); /* SoftHSM always has a blank one */
        assert_string_equal(list[0].manufacturer, "SoftHSM project");
        assert_true(list[0].login_required);
        assert_string_equal(list[0].module_path, SOFTHSM_MODULE);
        tokens_free(list, count);
}

static void
one_token_is_opened_and_logged_in(void **state)
{
        struct error err = { 0 };
        struct token *token = open_with("pkcs11:token=first", SOFTHSM_PIN, &err);

        (void)state;
        assert_done(token, err);
        assert_string_equal(token_facts(token)->label, "first");
        assert_true(token_serial_is_identity(token_facts(token)->serial));
        assert_true(view_equal(secret_view(token_pin(token)), view_text(SOFTHSM_PIN)));
        assert_done(token_check(token, &err), err);
        assert_done(token_reopen(token, &err), err);
        assert_done(token_check(token, &err), err);
        token_close(token);
}

static void
no_match_lists_what_is_there(void **state)
{
        struct error err = { 0 };

        (void)state;
        assert_null(open_with("pkcs11:token=nobody", SOFTHSM_PIN, &err));
        assert_int_equal(err.kind, ERROR_TOKEN_ABSENT);
        assert_non_null(strstr(err.next, "token=first"));
        assert_non_null(strstr(err.next, "token=twin"));
}

static void
several_matches_list_the_uris_to_choose_from(void **state)
{
        struct error err = { 0 };

        (void)state;
        assert_null(open_with("pkcs11:token=twin", SOFTHSM_PIN, &err));
        assert_int_equal(err.kind, ERROR_TOKEN_AMBIGUOUS);
        assert_null(strstr(err.next, "token=first"));
        /* Each of the listed URIs is one token. */
        const char *at = err.next;
        unsigned listed = 0;

        while ((at = strstr(at, "pkcs11:"))) {
                CLEANUP(free_cleanup) char *uri = text_copy_length(at, strcspn(at, "\n"));
                struct error one = { 0 };
                struct token *token = open_with(uri, SOFTHSM_PIN, &one);

                assert_done(token, one);
                token_close(token);
                listed++;
                at++;
        }
        assert_int_equal(listed, 2);
}

static void
a_blank_token_is_named_as_such(void **state)
{
        struct token_facts *list = NULL;
        CLEANUP(free_cleanup) char *uri = NULL;
        struct error err = { 0 };
        size_t count = 0;

        (void)state;
        assert_done(modules_list(modules, &list, &count, &err), err);
        for (size_t i = 0; i < count; i++) {
                if (!list[i].initialized)
                        uri = text_format("pkcs11:slot-id=%lu", list[i].slot_id);
        }
        tokens_free(list, count);
        assert_null(open_with(uri, SOFTHSM_PIN, &err));
        assert_int_equal(err.kind, ERROR_TOKEN_ABSENT);
        assert_non_null(strstr(err.what, "blank"));
}

static void
a_wrong_pin_is_tried_once_and_then_refused_by_the_guard(void **state)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/wrong", softhsm_folder());
        CLEANUP(free_cleanup) char *guard = text_format("%s/guard", softhsm_folder());
        struct pin_source source = { PIN_FILE, path };
        struct token_login login = { .source = &source, .guard_folder = guard };
        struct error err = { 0 };
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse("pkcs11:token=first", &err);

        (void)state;
        assert_done(file_write(path, 0600, view_text("9876\n"), &err), err);
        assert_null(token_open(modules, uri, &login, &err));
        assert_int_equal(err.kind, ERROR_PIN_WRONG);
        assert_non_null(strstr(err.what, "CKR_PIN_INCORRECT"));
        assert_null(strstr(err.what, "9876"));
        assert_non_null(strstr(err.about, path));
        assert_null(token_open(modules, uri, &login, &err));
        assert_int_equal(err.kind, ERROR_PIN_REFUSED);
        login.retry_pin = true;
        assert_null(token_open(modules, uri, &login, &err));
        assert_int_equal(err.kind, ERROR_PIN_WRONG);
        login.retry_pin = false;
        assert_done(file_write(path, 0600, view_text(SOFTHSM_PIN "\n"), &err), err);
        struct token *token = token_open(modules, uri, &login, &err);

        assert_done(token, err);
        token_close(token);
}

static void
a_pin_source_in_the_uri_is_used_where_none_is_given(void **state)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/pin", softhsm_folder());
        CLEANUP(free_cleanup)
        char *text = text_format("pkcs11:token=first?pin-source=file:%s", path);
        struct token_login login = { 0 };
        struct error err = { 0 };
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse(text, &err);

        (void)state;
        assert_done(file_write(path, 0600, view_text(SOFTHSM_PIN "\n"), &err), err);
        struct token *token = token_open(modules, uri, &login, &err);

        assert_done(token, err);
        token_close(token);
}

static void
without_a_source_nobody_is_asked_unless_somebody_may_be(void **state)
{
        struct token_login login = { 0 };
        struct error err = { 0 };
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse("pkcs11:token=first", &err);

        (void)state;
        assert_null(token_open(modules, uri, &login, &err));
        assert_int_equal(err.kind, ERROR_PIN_MISSING);
}

static bool
answer_prompt(void *context, const char *prompt, struct secret *pin, struct error *err)
{
        (void)err;
        assert_non_null(strstr(prompt, "first"));
        ++*(unsigned *)context;
        secret_set(pin, view_text(SOFTHSM_PIN));
        return true;
}

static void
a_person_is_asked_once_also_for_a_token_that_is_reopened(void **state)
{
        unsigned asked = 0;
        struct token_login login = { .ask = answer_prompt, .ask_context = &asked };
        struct error err = { 0 };
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse("pkcs11:token=first", &err);

        (void)state;
        struct token *token = token_open(modules, uri, &login, &err);

        assert_done(token, err);
        assert_done(token_reopen(token, &err), err);
        assert_int_equal(asked, 1);
        token_close(token);
}

static void
what_the_token_can_make_is_known(void **state)
{
        struct error err = { 0 };
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse("pkcs11:token=first", &err);

        (void)state;
        struct token *token = token_open(modules, uri, NULL, &err);

        assert_done(token, err);
        for (enum key_type type = KEY_EC_P256; type < KEY_TYPES; type++)
                assert_true(token_can_make(token, type));
        CLEANUP(free_cleanup) char *mechanisms = token_mechanisms(token);

        assert_non_null(strstr(mechanisms, "EC key pair generation, "));
        assert_null(token_pin(token));
        token_close(token);
}

static void
what_is_no_module_is_refused(void **state)
{
        static const char *const paths[] = { "/no/such/module.so", "/etc/passwd",
                                             "/usr/lib/x86_64-linux-gnu/libcmocka.so.0",
                                             "no-such-module.so" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
                struct error err = { 0 };

                assert_null(modules_open(paths[i], NULL, NULL, &err));
                assert_int_equal(err.kind, ERROR_MODULE);
                assert_non_null(strstr(err.what, paths[i]));
        }
}

static void
a_module_that_was_initialised_already_is_not_finalised(void **state)
{
        struct error err = { 0 };
        struct modules *again = modules_open(SOFTHSM_MODULE, NULL, NULL, &err);
        struct token_facts *list = NULL;
        size_t count = 0;

        (void)state;
        assert_done(again, err);
        modules_close(again);
        assert_done(modules_list(modules, &list, &count, &err), err);
        tokens_free(list, count);
}

static void
the_registry_has_softhsm_and_not_the_trust_module(void **state)
{
        struct error err = { 0 };
        struct modules *registry = modules_open(NULL, NULL, NULL, &err);
        struct token_facts *list = NULL;
        bool softhsm = false;
        size_t count = 0;

        (void)state;
        assert_done(registry, err);
        assert_done(modules_list(registry, &list, &count, &err), err);
        for (size_t i = 0; i < count; i++) {
                assert_null(strstr(list[i].module_path, "p11-kit-trust"));
                softhsm = softhsm || strcmp(list[i].label, "first") == 0;
        }
        assert_true(softhsm);
        tokens_free(list, count);
        modules_close(registry);
        assert_null(modules_open(NULL, "no-such-name", NULL, &err));
        assert_int_equal(err.kind, ERROR_MODULE);
        registry = modules_open(NULL, "softhsm2", NULL, &err);
        assert_done(registry, err);
        modules_close(registry);
}

static void
modules_leave_nothing_on_the_error_queue_of_openssl(void **state)
{
        struct error err = { 0 };

        (void)state;
        ERR_clear_error();
        struct token *token = open_with("pkcs11:token=first", SOFTHSM_PIN, &err);

        assert_done(token, err);
        assert_int_equal(ERR_peek_error(), 0);
        token_close(token);
}

static void
serial_numbers_of_zeros_are_no_identity(void **state)
{
        (void)state;
        assert_false(token_serial_is_identity(""));
        assert_false(token_serial_is_identity("0000000000000000"));
        assert_false(token_serial_is_identity("  "));
        assert_true(token_serial_is_identity("0000000000000001"));
        assert_true(token_serial_is_identity("A"));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_token_is_listed),
                cmocka_unit_test(one_token_is_opened_and_logged_in),
                cmocka_unit_test(no_match_lists_what_is_there),
                cmocka_unit_test(several_matches_list_the_uris_to_choose_from),
                cmocka_unit_test(a_blank_token_is_named_as_such),
                cmocka_unit_test(a_wrong_pin_is_tried_once_and_then_refused_by_the_guard),
                cmocka_unit_test(a_pin_source_in_the_uri_is_used_where_none_is_given),
                cmocka_unit_test(without_a_source_nobody_is_asked_unless_somebody_may_be),
                cmocka_unit_test(a_person_is_asked_once_also_for_a_token_that_is_reopened),
                cmocka_unit_test(what_the_token_can_make_is_known),
                cmocka_unit_test(what_is_no_module_is_refused),
                cmocka_unit_test(a_module_that_was_initialised_already_is_not_finalised),
                cmocka_unit_test(the_registry_has_softhsm_and_not_the_trust_module),
                cmocka_unit_test(modules_leave_nothing_on_the_error_queue_of_openssl),
                cmocka_unit_test(serial_numbers_of_zeros_are_no_identity),
        };

        return cmocka_run_group_tests_name("tokens", tests, prepare, clean_up);
}
