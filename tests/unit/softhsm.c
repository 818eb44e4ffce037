#include "tests/unit/softhsm.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

extern char **environ;

static char folder[64];

int
run_program(const char *const *words)
{
        posix_spawn_file_actions_t actions;
        int status = 0;
        pid_t child;

        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        char **copy = memory_new(32, sizeof(*copy));

        for (size_t i = 0; words[i] && i < 31; i++)
                copy[i] = text_copy(words[i]);
        int failed = posix_spawnp(&child, copy[0], &actions, NULL, copy, environ);

        posix_spawn_file_actions_destroy(&actions);
        for (size_t i = 0; copy[i]; i++)
                free(copy[i]);
        free(copy);
        if (failed || waitpid(child, &status, 0) != child)
                return -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
softhsm_begin(void **state)
{
        struct error err = { 0 };

        (void)state;
        if (access(SOFTHSM_MODULE, R_OK) != 0) {
                fprintf(stderr, "%s is not there: install softhsm2\n", SOFTHSM_MODULE);
                return -1;
        }
        snprintf(folder, sizeof(folder), "%s/p11cert-test.XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(folder))
                return -1;
        CLEANUP(free_cleanup) char *tokens = text_format("%s/tokens", folder);
        CLEANUP(free_cleanup) char *path = text_format("%s/softhsm2.conf", folder);
        CLEANUP(free_cleanup)
        char *text = text_format("directories.tokendir = %s\nobjectstore.backend = file\n"
                                 "log.level = ERROR\nslots.removable = false\n",
                                 tokens);

        if (mkdir(tokens, 0700) != 0 || !file_write(path, 0600, view_text(text), &err))
                return -1;
        return setenv("SOFTHSM2_CONF", path, 1);
}

int
softhsm_end(void **state)
{
        const char *const words[] = { "rm", "-rf", folder, NULL };

        (void)state;
        return run_program(words);
}

const char *
softhsm_folder(void)
{
        return folder;
}

void
softhsm_add_token(const char *label)
{
        const char *const words[] = {
                "softhsm2-util", "--init-token", "--free",   "--label",  label,
                "--pin",         SOFTHSM_PIN,    "--so-pin", "12345678", NULL
        };

        assert_int_equal(run_program(words), 0);
}
