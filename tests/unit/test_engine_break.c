/*
 * Keys, certificates and logins on a token that breaks: SoftHSM behind the breakable module
 * (tests/token/rules.h has its rules).
 */
#include "tests/unit/softhsm.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/key.h"

extern char **environ;

static struct modules *modules;
static struct token *token;
static struct uri *uri;
static char *guard;
static struct pin_source source = { .kind = PIN_FILE };
static struct token_login login = { .source = &source };

/* The rules in force from the next call on; each file is new, so that the module reads it. */
static void
rules(const char *text)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/rules", softhsm_folder());
        struct error err = { 0 };

        assert_done(file_write(path, 0600, view_text(text), &err), err);
}

static int
prepare(void **state)
{
        const char *module = getenv("P11CERT_BREAKABLE");
        struct error err = { 0 };

        if (!module || softhsm_begin(state) != 0)
                return -1;
        softhsm_add_token("breakable");
        CLEANUP(free_cleanup) char *path = text_format("%s/rules", softhsm_folder());
        CLEANUP(free_cleanup) char *counts = text_format("%s/counts", softhsm_folder());

        setenv("BREAKABLE_RULES", path, 1);
        setenv("BREAKABLE_COUNTS", counts, 1);
        guard = text_format("%s/guard", softhsm_folder());
        source.argument = text_format("%s/pin", softhsm_folder());
        rules("");
        if (!file_write(source.argument, 0600, view_text(SOFTHSM_PIN), &err))
                return -1;
        uri = uri_parse("pkcs11:token=breakable", &err);
        modules = modules_open(module, NULL, NULL, &err);
        return modules ? 0 : -1;
}

static int
clean_up(void **state)
{
        modules_close(modules);
        uri_free(uri);
        free(guard);
        pin_source_clear(&source);
        return softhsm_end(state);
}

static int
open_token(void **state)
{
        struct error err = { 0 };

        (void)state;
        rules("");
        token = token_open(modules, uri, &login, &err);
        return token ? 0 : -1;
}

static int
close_token(void **state)
{
        (void)state;
        rules("");
        token_close(token);
        return 0;
}

/* How often a function was called since the tests began. */
static unsigned long
counted(const char *function)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/counts", softhsm_folder());
        FILE *file = fopen(path, "re");
        unsigned long number = 0;
        unsigned long found = 0;
        char name[64];

        assert_non_null(file);
        while (fscanf(file, "%63s %lu", name, &number) == 2) {
                if (strcmp(name, function) == 0)
                        found = number;
        }
        fclose(file);
        return found;
}

static struct key *
make(enum key_type type, struct error *err)
{
        uint8_t id[20];

        random_bytes(id, sizeof(id));
        return key_make(token, type, view_of(id, sizeof(id)), "label", err);
}

/* Everything that carries the id. */
static size_t
count_objects(struct view id)
{
        struct object_facts *list = NULL;
        struct error err = { 0 };
        size_t count = 0;

        assert_done(token_find_objects(token, NULL, id, NULL, &list, &count, &err), err);
        objects_free(list, count);
        return count;
}

/* -- the ladder --------------------------------------------------------------------------- */

static const struct {
        const char *name;
        const char *rules;
} refusals[] = {
        { "ykcs11 2.2", "refuse-attribute=CKA_EXTRACTABLE in=private\n" },
        { "no usages", "refuse-attribute=CKA_DERIVE in=private rv=CKR_ATTRIBUTE_VALUE_INVALID\n" },
        { "both", "refuse-attribute=CKA_EXTRACTABLE in=private\n"
                  "refuse-attribute=CKA_UNWRAP in=private rv=CKR_TEMPLATE_INCONSISTENT\n" },
        { "NSS, vaguely", "refuse-attribute=CKA_SIGN_RECOVER rv=CKR_GENERAL_ERROR\n" },
        { "failed, vaguely", "refuse-attribute=CKA_EXTRACTABLE rv=CKR_FUNCTION_FAILED\n" },
        { "minimal", "refuse-attribute=CKA_SENSITIVE\n" },
        { "usages of the public half", "refuse-attribute=CKA_WRAP in=public\n" },
};

static void
a_token_that_refuses_attributes_still_makes_keys(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(refusals); i++) {
                struct error err = { 0 };

                token_close(token);
                rules("");
                token = token_open(modules, uri, &login, &err);
                assert_done(token, err);
                rules(refusals[i].rules);
                struct key *key = make(KEY_EC_P256, &err);

                if (!key)
                        fail_msg("%s: %s", refusals[i].name, err.what);
                rules("");
                assert_int_equal(count_objects(key_id(key)), 2);
                assert_done(key_destroy(key, &err), err);
                key_free(key);
        }
}

static void
the_rung_that_worked_is_remembered(void **state)
{
        struct error err = { 0 };

        (void)state;
        rules("refuse-attribute=CKA_EXTRACTABLE\n");
        struct key *first = make(KEY_EC_P256, &err);
        unsigned long before = counted("C_GenerateKeyPair");
        struct key *second = make(KEY_EC_P256, &err);

        assert_true(first && second);
        assert_int_equal(counted("C_GenerateKeyPair") - before, 1);
        key_free(first);
        key_free(second);
}

static void
what_is_no_refusal_ends_the_descent_at_once(void **state)
{
        static const struct {
                const char *rule;
                enum error_kind kind;
        } rows[] = {
                { "C_GenerateKeyPair rv=CKR_DEVICE_MEMORY", ERROR_TOKEN_FULL },
                { "C_GenerateKeyPair rv=CKR_USER_TYPE_INVALID", ERROR_TOKEN },
                { "C_GenerateKeyPair rv=CKR_USER_NOT_LOGGED_IN", ERROR_TOKEN },
                { "C_GenerateKeyPair rv=CKR_MECHANISM_INVALID", ERROR_MECHANISM },
                { "C_GenerateKeyPair rv=0x62", ERROR_MECHANISM },
                { "C_GenerateKeyPair rv=CKR_TOKEN_WRITE_PROTECTED", ERROR_TOKEN_READ_ONLY },
                { "C_GenerateKeyPair rv=0xB5", ERROR_TOKEN_READ_ONLY },
                { "C_GenerateKeyPair rv=CKR_DEVICE_REMOVED", ERROR_TOKEN_REMOVED },
                { "C_GenerateKeyPair rv=0x80001234", ERROR_TOKEN },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                unsigned long before = counted("C_GenerateKeyPair");
                struct error err = { 0 };

                rules(rows[i].rule);
                assert_null(make(KEY_EC_P256, &err));
                if (err.kind != rows[i].kind)
                        fail_msg("%s: %s", rows[i].rule, err.what);
                assert_true(err.next[0] && err.about[0]);
                assert_non_null(strstr(err.what, "CKR"));
                assert_int_equal(counted("C_GenerateKeyPair") - before, 1);
        }
}

static void
a_vague_failure_after_successes_is_a_token_that_is_probably_full(void **state)
{
        struct error err = { 0 };

        (void)state;
        struct key *key = make(KEY_EC_P256, &err);

        assert_done(key, err);
        rules("C_GenerateKeyPair rv=CKR_GENERAL_ERROR");
        unsigned long before = counted("C_GenerateKeyPair");

        assert_null(make(KEY_EC_P256, &err));
        assert_int_equal(err.kind, ERROR_TOKEN_FULL);
        assert_int_equal(counted("C_GenerateKeyPair") - before, 1);
        key_free(key);
}

/* -- what the token made ------------------------------------------------------------------ */

static void
a_key_that_can_be_taken_out_is_refused_and_destroyed(void **state)
{
        struct view id = view_text("weak-key");
        struct error err = { 0 };

        (void)state;
        rules("force-attribute=CKA_EXTRACTABLE value=01 in=private\n");
        assert_null(key_make(token, KEY_EC_P256, id, "weak", &err));
        assert_int_equal(err.kind, ERROR_KEY_WEAK);
        rules("");
        assert_int_equal(count_objects(id), 0);
}

static void
what_a_token_will_not_tell_is_unknown(void **state)
{
        struct key_evidence evidence;
        struct error err = { 0 };

        (void)state;
        rules("force-attribute=CKA_LOCAL value=00 in=private\n"
              "force-attribute=CKA_ALWAYS_SENSITIVE value=unreadable in=private\n"
              "force-attribute=CKA_EXTRACTABLE value=unreadable in=private\n");
        struct key *key = make(KEY_EC_P256, &err);

        assert_done(key, err);
        key_evidence(key, &evidence);
        assert_int_equal(evidence.local, KEY_ANSWER_NO);
        assert_int_equal(evidence.always_sensitive, KEY_ANSWER_UNKNOWN);
        assert_int_equal(evidence.extractable, KEY_ANSWER_UNKNOWN);
        assert_int_equal(evidence.sensitive, KEY_ANSWER_YES);
        key_free(key);
}

static void
a_bare_ec_point_is_taken_too(void **state)
{
        static const enum key_type types[] = { KEY_EC_P256, KEY_EC_P384, KEY_EC_P521 };

        (void)state;
        rules("bare-point\n");
        for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
                CLEANUP(buf_cleanup) struct buf signature = { 0 };
                struct error err = { 0 };
                struct key *key = make(types[i], &err);

                assert_done(key, err);
                assert_int_equal(key_type_of_spki(key_spki(key)), types[i]);
                assert_done(key_sign(key, key_type_hash(types[i]), view_text("m"), &signature,
                                     &err),
                            err);
                key_free(key);
        }
}

static void
a_public_key_that_is_none_is_refused_and_destroyed(void **state)
{
        struct view id = view_text("nonsense");
        struct error err = { 0 };

        (void)state;
        rules("force-attribute=CKA_EC_POINT value=0404ffffffff in=public\n");
        assert_null(key_make(token, KEY_EC_P256, id, "nonsense", &err));
        assert_int_equal(err.kind, ERROR_TOKEN);
        rules("");
        assert_int_equal(count_objects(id), 0);
}

/* -- signing ------------------------------------------------------------------------------ */

static bool
signs(struct key *key, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf signature = { 0 };

        return key_sign(key, key_type_hash(key_type(key)), view_text("message"), &signature, err);
}

static void
the_combined_mechanism_serves_where_the_raw_one_is_missing(void **state)
{
        struct error err = { 0 };

        (void)state;
        rules("hide-mechanism=CKM_ECDSA\nhide-mechanism=CKM_RSA_PKCS\n");
        /* SoftHSM has no combined ECDSA: without CKM_ECDSA it cannot sign at all. */
        assert_false(token_can_make(token, KEY_EC_P256));
        assert_true(token_can_make(token, KEY_RSA_2048));
        struct key *key = make(KEY_RSA_2048, &err);

        assert_done(key, err);
        assert_done(signs(key, &err), err);
        key_free(key);
        key = make(KEY_EC_P256, &err);
        assert_done(key, err);
        assert_refused(signs(key, &err), err, ERROR_MECHANISM);
        key_free(key);
}

static void
a_key_that_wants_a_login_for_each_signature_gets_it(void **state)
{
        struct error err = { 0 };

        (void)state;
        rules("always-authenticate\n");
        struct key *key = make(KEY_EC_P256, &err);

        assert_done(key, err);
        unsigned long before = counted("C_Login");

        assert_done(signs(key, &err), err);
        assert_done(signs(key, &err), err);
        assert_int_equal(counted("C_Login") - before, 2);
        key_free(key);
}

static void
a_key_that_does_not_say_so_gets_it_once_it_refuses(void **state)
{
        struct error err = { 0 };

        (void)state;
        rules("always-authenticate\n"
              "force-attribute=CKA_ALWAYS_AUTHENTICATE value=unreadable in=private\n");
        struct key *key = make(KEY_EC_P256, &err);

        assert_done(key, err);
        assert_done(signs(key, &err), err);
        key_free(key);
}

static void
a_signature_by_another_key_is_never_handed_out(void **state)
{
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        struct error err = { 0 };
        struct key *one = make(KEY_EC_P256, &err);
        struct key *other = make(KEY_EC_P256, &err);

        (void)state;
        assert_true(one && other);
        /* The token claims that the second key's point is the first one's. */
        CLEANUP(free_cleanup) char *hex = hex_encode(key_spki(one));
        CLEANUP(free_cleanup)
        char *rule = text_format("force-attribute=CKA_EC_POINT value=0441%s in=public\n",
                                 hex + strlen(hex) - 130);
        struct view id = key_id(other);

        rules(rule);
        struct key *lie = key_find(token, id, NULL, view_of(NULL, 0), &err);

        assert_done(lie, err);
        assert_refused(key_sign(lie, HASH_SHA256, view_text("m"), &signature, &err), err,
                       ERROR_KEY_LOST);
        assert_int_equal(signature.len, 0);
        key_free(lie);
        key_free(one);
        key_free(other);
}

static void
a_session_that_somebody_closed_is_opened_again(void **state)
{
        static const char *const losses[] = {
                "C_SignInit rv=CKR_SESSION_HANDLE_INVALID count=1",
                "C_Sign rv=CKR_SESSION_CLOSED count=1",
                "C_SignInit rv=CKR_USER_NOT_LOGGED_IN count=1",
                "C_SignInit rv=CKR_KEY_HANDLE_INVALID count=1",
        };
        struct error err = { 0 };
        struct key *key = make(KEY_EC_P256, &err);

        (void)state;
        assert_done(key, err);
        for (size_t i = 0; i < ARRAY_LENGTH(losses); i++) {
                rules(losses[i]);
                assert_done(signs(key, &err), err);
        }
        key_free(key);
}

static void
a_failure_that_stays_is_reported_and_leaves_a_session_that_works(void **state)
{
        struct error err = { 0 };
        struct key *key = make(KEY_EC_P256, &err);

        (void)state;
        assert_done(key, err);
        rules("C_Sign rv=CKR_DEVICE_ERROR");
        assert_refused(signs(key, &err), err, ERROR_TOKEN);
        assert_non_null(strstr(err.what, "CKR_DEVICE_ERROR"));
        rules("");
        assert_done(signs(key, &err), err);
        key_free(key);
}

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
        assert_int_equal(counted("C_GenerateKeyPair"), made);
        assert_int_equal(counted("C_CreateObject"), created);
        assert_int_equal(counted("C_DestroyObject"), destroyed);
        key_free(key);
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

/* -- throughput --------------------------------------------------------------------------- */

static void
an_order_costs_no_search_and_no_login(void **state)
{
        static const char certificate[] = "not a certificate: SoftHSM does not mind";
        struct view bytes = view_text(certificate);
        unsigned long logins = counted("C_Login");
        unsigned long searches = counted("C_FindObjectsInit");
        struct error err = { 0 };

        (void)state;
        for (unsigned i = 0; i < 3; i++) {
                struct key *key = make(KEY_EC_P256, &err);

                assert_done(key, err);
                assert_done(signs(key, &err), err);
                assert_done(key_check(key, key_spki(key), &err), err);
                assert_done(signs(key, &err), err);
                assert_done(token_write_certificate(token, bytes, bytes, bytes, bytes, key_id(key),
                                                    "l", &err),
                            err);
                key_free(key);
        }
        assert_int_equal(counted("C_Login"), logins);
        assert_int_equal(counted("C_FindObjectsInit"), searches);
}

static void
a_certificate_that_reads_back_differently_is_destroyed(void **state)
{
        struct view id = view_text("odd");
        struct view bytes = view_text("certificate");
        struct error err = { 0 };

        (void)state;
        rules("force-attribute=CKA_VALUE value=00 in=certificate\n");
        assert_refused(token_write_certificate(token, bytes, bytes, bytes, bytes, id, "l", &err),
                       err, ERROR_TOKEN);
        rules("");
        assert_int_equal(count_objects(id), 0);
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

/* -- killed in the middle ------------------------------------------------------------------- */

/* In a process of its own: make a key pair under the id, over and over. */
static int
be_the_maker(const char *module, const char *id)
{
        CLEANUP(buf_cleanup) struct buf bytes = { 0 };
        struct error err = { 0 };

        if (!hex_decode(id, &bytes, &err))
                return 1;
        source.argument = text_copy(getenv("P11CERT_TEST_PIN_FILE"));
        uri = uri_parse("pkcs11:token=breakable", &err);
        modules = modules_open(module, NULL, NULL, &err);
        token = modules ? token_open(modules, uri, &login, &err) : NULL;
        if (!token || write(STDOUT_FILENO, "r", 1) != 1)
                return 1;
        for (;;)
                key_free(key_make(token, KEY_EC_P256, view_buf(&bytes), "killed", &err));
}

/* Start one, let it work for some microseconds, kill it. */
static void
kill_a_maker(char *id, useconds_t after_us)
{
        char self[] = "/proc/self/exe";
        char verb[] = "make-keys";
        char *const words[] = { self, verb, id, NULL };
        posix_spawn_file_actions_t actions;
        int ends[2];
        char ready;
        pid_t child;

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        assert_int_equal(posix_spawn(&child, self, &actions, NULL, words, environ), 0);
        posix_spawn_file_actions_destroy(&actions);
        close(ends[1]);
        assert_int_equal(read(ends[0], &ready, 1), 1);
        usleep(after_us);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(ends[0]);
}

static void
what_a_killed_process_left_is_adopted_or_destroyed(void **state)
{
        (void)state;
        setenv("P11CERT_TEST_PIN_FILE", source.argument, 1);
        for (unsigned i = 0; i < 50; i++) {
                uint8_t bytes[20];
                struct error err = { 0 };

                random_bytes(bytes, sizeof(bytes));
                struct view id = view_of(bytes, sizeof(bytes));
                CLEANUP(free_cleanup) char *hex = hex_encode(id);

                kill_a_maker(hex, 100 + (useconds_t)bytes[0] * 8);
                struct key *key = key_recover(token, KEY_EC_P256, id, view_of(NULL, 0), &err);

                assert_done(err.kind == ERROR_NONE, err);
                if (key)
                        assert_done(signs(key, &err), err);
                assert_int_equal(count_objects(id), key ? 2 : 0);
                key_free(key);
        }
}

static void
a_pair_that_cannot_sign_is_destroyed_unless_the_token_is_in_the_way(void **state)
{
        struct error err = { 0 };
        struct view none = { 0 };
        struct key *key = make(KEY_EC_P256, &err);

        (void)state;
        assert_done(key, err);
        rules("vanish=removed on=C_SignInit\n");
        assert_null(key_recover(token, KEY_EC_P256, key_id(key), none, &err));
        assert_int_equal(err.kind, ERROR_TOKEN_REMOVED);
        rules("");
        assert_done(token_reopen(token, &err), err);
        assert_int_equal(count_objects(key_id(key)), 2);
        rules("C_Sign rv=CKR_FUNCTION_FAILED\n");
        assert_null(key_recover(token, KEY_EC_P256, key_id(key), none, &err));
        assert_int_equal(err.kind, ERROR_NONE);
        rules("");
        assert_int_equal(count_objects(key_id(key)), 0);
        key_free(key);
}

static void
a_pair_that_could_be_taken_out_is_not_adopted(void **state)
{
        struct error err = { 0 };
        struct view none = { 0 };
        struct key *key = make(KEY_EC_P256, &err);

        (void)state;
        assert_done(key, err);
        rules("force-attribute=CKA_EXTRACTABLE value=01 in=private\n");
        assert_null(key_recover(token, KEY_EC_P256, key_id(key), none, &err));
        assert_int_equal(err.kind, ERROR_NONE);
        rules("");
        assert_int_equal(count_objects(key_id(key)), 0);
        key_free(key);
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

#define broken_test(name) cmocka_unit_test_setup_teardown(name, open_token, close_token)

int
main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                broken_test(a_token_that_refuses_attributes_still_makes_keys),
                broken_test(the_rung_that_worked_is_remembered),
                broken_test(what_is_no_refusal_ends_the_descent_at_once),
                broken_test(a_vague_failure_after_successes_is_a_token_that_is_probably_full),
                broken_test(a_key_that_can_be_taken_out_is_refused_and_destroyed),
                broken_test(what_a_token_will_not_tell_is_unknown),
                broken_test(a_bare_ec_point_is_taken_too),
                broken_test(a_public_key_that_is_none_is_refused_and_destroyed),
                broken_test(the_combined_mechanism_serves_where_the_raw_one_is_missing),
                broken_test(a_key_that_wants_a_login_for_each_signature_gets_it),
                broken_test(a_key_that_does_not_say_so_gets_it_once_it_refuses),
                broken_test(a_signature_by_another_key_is_never_handed_out),
                broken_test(a_session_that_somebody_closed_is_opened_again),
                broken_test(a_failure_that_stays_is_reported_and_leaves_a_session_that_works),
                broken_test(a_token_that_was_pulled_is_told_as_such_and_taken_back),
                broken_test(nothing_is_written_to_another_token_in_the_same_slot),
                broken_test(a_write_protected_token_is_read_and_never_written),
                broken_test(a_token_without_read_write_sessions_is_opened_for_reading),
                broken_test(an_order_costs_no_search_and_no_login),
                broken_test(a_certificate_that_reads_back_differently_is_destroyed),
                broken_test(no_try_is_spent_on_a_pin_that_is_locked_or_has_one_try_left),
                broken_test(the_last_try_is_not_spent_on_a_signature_either),
                broken_test(a_login_that_fails_says_why),
                broken_test(a_pin_pad_is_asked_without_a_pin),
                broken_test(a_token_is_opened_while_somebody_else_is_logged_in),
                broken_test(what_a_killed_process_left_is_adopted_or_destroyed),
                broken_test(a_pair_that_cannot_sign_is_destroyed_unless_the_token_is_in_the_way),
                broken_test(a_pair_that_could_be_taken_out_is_not_adopted),
                broken_test(a_module_that_cannot_lock_is_known_as_such),
        };

        if (argc == 3 && strcmp(argv[1], "make-keys") == 0)
                return be_the_maker(getenv("P11CERT_BREAKABLE"), argv[2]);
        return cmocka_run_group_tests_name("a token that breaks", tests, prepare, clean_up);
}
