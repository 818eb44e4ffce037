/*
 * What an interrupted key_make() leaves on a token, and what key_recover() makes of it.
 */
#include "tests/unit/broken.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

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

int
main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                broken_test(what_a_killed_process_left_is_adopted_or_destroyed),
                broken_test(a_pair_that_cannot_sign_is_destroyed_unless_the_token_is_in_the_way),
                broken_test(a_pair_that_could_be_taken_out_is_not_adopted),
        };

        if (argc == 3 && strcmp(argv[1], "make-keys") == 0)
                return be_the_maker(getenv("P11CERT_BREAKABLE"), argv[2]);
        return cmocka_run_group_tests_name("after an interruption", tests, broken_prepare,
                                           broken_clean_up);
}
