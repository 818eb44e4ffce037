/*
 * Initialising blank tokens, and changing PINs.
 */
#include "engine/admin.h"
#include "base/file.h"
#include "tests/unit/broken.h"

static struct secret officer;
static struct secret user;
static struct pin_source officer_source = { .kind = PIN_FILE };
static char *guard;

static struct token_new
wanted(const char *label)
{
        return (struct token_new){
                .label = label,
                .so_pin = &officer,
                .user_pin = &user,
                .so_source = &officer_source,
                .guard_folder = guard,
        };
}

static int
prepare(void **state)
{
        struct error err = { 0 };

        if (broken_prepare(state) != 0)
                return -1;
        guard = text_format("%s/guard", softhsm_folder());
        officer_source.argument = text_format("%s/so-pin", softhsm_folder());
        secret_set(&officer, view_text("87654321"));
        secret_set(&user, view_text("654321"));
        return file_write(officer_source.argument, 0600, view_text("87654321"), &err) ? 0 : -1;
}

static int
clean_up(void **state)
{
        free(guard);
        pin_source_clear(&officer_source);
        secret_clear(&officer);
        secret_clear(&user);
        return broken_clean_up(state);
}

static int
without_rules(void **state)
{
        (void)state;
        rules("");
        return 0;
}

static struct token_facts
blank(void)
{
        struct token_facts facts = { 0 };
        struct error err = { 0 };

        assert_done(token_find_blank(modules, NULL, "", &facts, &err), err);
        return facts;
}

/* Log in as user with `pin`; the error says how it went. */
static bool
logs_in(const char *serial, const char *pin, struct error *err)
{
        CLEANUP(free_cleanup) char *text = text_format("pkcs11:serial=%s", serial);
        CLEANUP(uri_cleanup) struct uri *which = uri_parse(text, err);
        struct pin_source variable = { .kind = PIN_ENV, .argument = (char[]){ "TEST_PIN" } };
        const struct token_login by = { .source = &variable };

        setenv("TEST_PIN", pin, 1);
        struct token *opened = token_open(modules, which, &by, err);

        token_close(opened);
        return opened != NULL;
}

static void
a_blank_token_gets_its_label_and_both_pins(void **state)
{
        struct token_facts facts = blank();
        struct token_facts made = { 0 };
        struct token_new as = wanted("fresh one");
        struct error err = { 0 };

        (void)state;
        assert_done(token_initialize(modules, &facts, &as, &made, &err), err);
        assert_string_equal(made.label, "fresh one");
        assert_true(made.initialized && made.pin_initialized);
        assert_true(token_serial_is_identity(made.serial));
        assert_done(logs_in(made.serial, "654321", &err), err);
        assert_refused(logs_in(made.serial, "111111", &err), err, ERROR_PIN_WRONG);
        token_facts_clear(&made);
        token_facts_clear(&facts);
}

static void
a_token_that_is_not_blank_is_never_initialised(void **state)
{
        CLEANUP(uri_cleanup) struct uri *by_label = NULL;
        struct token_facts facts = { 0 };
        struct token_facts made = { 0 };
        struct token_facts *list = NULL;
        struct token_new as = wanted("another label");
        struct error err = { 0 };
        size_t count = 0;
        unsigned long before = counted("C_InitToken");

        (void)state;
        by_label = uri_parse("pkcs11:token=breakable", &err);
        assert_refused(token_find_blank(modules, by_label, "x", &facts, &err), err,
                       ERROR_TOKEN_NOT_BLANK);
        /* It looked blank when it was found, and is read again before anything is written. */
        assert_done(modules_list(modules, &list, &count, &err), err);
        for (size_t i = 0; i < count; i++) {
                if (strcmp(list[i].label, "breakable") != 0)
                        continue;
                list[i].initialized = list[i].pin_initialized = false;
                assert_refused(token_initialize(modules, &list[i], &as, &made, &err), err,
                               ERROR_TOKEN_NOT_BLANK);
        }
        tokens_free(list, count);
        assert_int_equal(counted("C_InitToken"), before);
}

static void
a_blank_token_on_which_objects_show_is_not_touched(void **state)
{
        struct token_facts facts = blank();
        struct token_facts made = { 0 };
        struct token_new as = wanted("objects");
        struct error err = { 0 };
        unsigned long before = counted("C_InitToken");

        (void)state;
        /* SoftHSM gives no session on a blank token: the module plays one that does. */
        rules("C_OpenSession rv=CKR_OK\nC_FindObjectsInit rv=CKR_OK\nshow-object\n");
        assert_refused(token_initialize(modules, &facts, &as, &made, &err), err,
                       ERROR_TOKEN_NOT_BLANK);
        assert_int_equal(counted("C_InitToken"), before);
        token_facts_clear(&facts);
}

static void
what_was_left_half_way_gets_its_user_pin(void **state)
{
        struct token_facts facts = blank();
        struct token_facts again = { 0 };
        struct token_facts made = { 0 };
        struct token_new as = wanted("half");
        struct error err = { 0 };

        (void)state;
        rules("C_InitPIN rv=CKR_DEVICE_ERROR\n");
        assert_refused(token_initialize(modules, &facts, &as, &made, &err), err, ERROR_TOKEN);
        token_facts_clear(&made);
        rules("");
        unsigned long before = counted("C_InitToken");

        /* Another label means another token. */
        assert_done(token_find_blank(modules, NULL, "half", &again, &err), err);
        assert_string_equal(again.label, "half");
        assert_false(again.pin_initialized);
        assert_done(token_initialize(modules, &again, &as, &made, &err), err);
        assert_int_equal(counted("C_InitToken"), before);
        assert_done(logs_in(made.serial, "654321", &err), err);
        token_facts_clear(&made);
        token_facts_clear(&again);
        token_facts_clear(&facts);
}

static void
a_wrong_officers_pin_is_tried_once(void **state)
{
        struct token_facts facts = blank();
        struct token_facts again = { 0 };
        struct token_facts made = { 0 };
        struct token_new as = wanted("once");
        struct secret wrong = { 0 };
        struct error err = { 0 };

        (void)state;
        rules("C_InitPIN rv=CKR_DEVICE_ERROR\n");
        assert_refused(token_initialize(modules, &facts, &as, &made, &err), err, ERROR_TOKEN);
        token_facts_clear(&made);
        rules("");
        secret_set(&wrong, view_text("00000000"));
        as.so_pin = &wrong;
        assert_done(token_find_blank(modules, NULL, "once", &again, &err), err);
        assert_refused(token_initialize(modules, &again, &as, &made, &err), err, ERROR_PIN_WRONG);
        token_facts_clear(&made);
        unsigned long before = counted("C_Login");

        assert_refused(token_initialize(modules, &again, &as, &made, &err), err, ERROR_PIN_REFUSED);
        rules("set-flag=CKF_SO_PIN_FINAL_TRY\n");
        assert_refused(token_initialize(modules, &again, &as, &made, &err), err,
                       ERROR_PIN_LAST_TRY);
        rules("set-flag=CKF_SO_PIN_LOCKED\n");
        assert_refused(token_initialize(modules, &again, &as, &made, &err), err, ERROR_PIN_LOCKED);
        assert_int_equal(counted("C_Login"), before);
        secret_clear(&wrong);
        token_facts_clear(&again);
        token_facts_clear(&facts);
}

static void
labels_and_pins_that_cannot_be_are_refused_before_anything_is_written(void **state)
{
        static const struct {
                const char *label;
                const char *user_pin;
                enum error_kind kind;
        } rows[] = {
                { "", "654321", ERROR_USAGE },
                { "a label of more than 32 bytes is none", "654321", ERROR_USAGE },
                { "tab\tbed", "654321", ERROR_USAGE },
                { "short", "1", ERROR_PIN_WRONG },
        };
        struct token_facts facts = blank();
        struct token_facts made = { 0 };
        struct secret pin = { 0 };
        unsigned long before = counted("C_InitToken");

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct token_new as = wanted(rows[i].label);
                struct error err = { 0 };

                secret_set(&pin, view_text(rows[i].user_pin));
                as.user_pin = &pin;
                assert_refused(token_initialize(modules, &facts, &as, &made, &err), err,
                               rows[i].kind);
        }
        assert_int_equal(counted("C_InitToken"), before);
        secret_clear(&pin);
        token_facts_clear(&facts);
}

static void
a_changed_pin_is_the_one_that_logs_in(void **state)
{
        struct secret fresh = { 0 };
        struct secret old = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_int_equal(broken_open_token(state), 0);
        CLEANUP(free_cleanup) char *serial = text_copy(token_facts(token)->serial);

        secret_set(&fresh, view_text("1"));
        assert_refused(token_change_pin(token, &fresh, &err), err, ERROR_PIN_WRONG);
        secret_set(&fresh, view_text("998877"));
        assert_done(token_change_pin(token, &fresh, &err), err);
        broken_close_token(state);
        assert_refused(logs_in(serial, SOFTHSM_PIN, &err), err, ERROR_PIN_WRONG);
        assert_done(logs_in(serial, "998877", &err), err);
        /* As it was, for the other tests. */
        CLEANUP(uri_cleanup) struct uri *which = uri_parse("pkcs11:token=breakable", &err);
        struct pin_source variable = { .kind = PIN_ENV, .argument = (char[]){ "TEST_PIN" } };
        const struct token_login by = { .source = &variable };

        token = token_open(modules, which, &by, &err);
        assert_done(token, err);
        secret_set(&old, view_text(SOFTHSM_PIN));
        assert_done(token_change_pin(token, &old, &err), err);
        token_close(token);
        secret_clear(&fresh);
        secret_clear(&old);
}

static void
a_pin_that_was_kept_logs_in_without_any_source(void **state)
{
        struct token_facts facts = blank();
        struct token_facts made = { 0 };
        struct token_new as = wanted("kept");
        struct secret pin = { 0 };
        struct error err = { 0 };

        (void)state;
        pin_random(8, &pin);
        assert_int_equal(pin.len, 8);
        as.user_pin = &pin;
        assert_done(token_initialize(modules, &facts, &as, &made, &err), err);
        pin_keep(made.manufacturer, made.serial, &pin);
        assert_done(logs_in(made.serial, "wrong, and not looked at", &err), err);
        pin_forget(made.manufacturer, made.serial);
        assert_refused(logs_in(made.serial, "111111", &err), err, ERROR_PIN_WRONG);
        secret_clear(&pin);
        token_facts_clear(&made);
        token_facts_clear(&facts);
}

#define after_others(name) cmocka_unit_test_setup_teardown(name, without_rules, without_rules)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                after_others(a_blank_token_gets_its_label_and_both_pins),
                after_others(a_token_that_is_not_blank_is_never_initialised),
                after_others(a_blank_token_on_which_objects_show_is_not_touched),
                after_others(what_was_left_half_way_gets_its_user_pin),
                after_others(a_wrong_officers_pin_is_tried_once),
                after_others(labels_and_pins_that_cannot_be_are_refused_before_anything_is_written),
                after_others(a_changed_pin_is_the_one_that_logs_in),
                after_others(a_pin_that_was_kept_logs_in_without_any_source),
        };

        return cmocka_run_group_tests(tests, prepare, clean_up);
}
