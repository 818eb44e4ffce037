#include "drive/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { INPUT_MOST = 4096, SAID_MOST = 160, POLL_MS = 20 };

extern char **environ;

struct hook {
        char *program;
        pid_t child; /* 0: it ended */
        int said_fd; /* what it prints; -1: nobody listens any more */
        int64_t ends_ms;
        int64_t timeout_ms;
        char said[SAID_MOST]; /* its last line that is not empty */
        char line[SAID_MOST]; /* the line that is not complete yet */
        size_t line_length;
        enum hook_state state;
        struct error error;
};

bool
hook_check(const char *program, struct error *err)
{
        struct stat status;

        if (program[0] != '/') {
                error_set(err, ERROR_USAGE, "a hook is named by its absolute path");
                error_about(err, "'%s'", program);
                return error_advise(err,
                                    "give the whole path; there are no arguments and no shell");
        }
        if (stat(program, &status) != 0 || !S_ISREG(status.st_mode) || access(program, X_OK) != 0) {
                error_set(err, ERROR_CONFIG, "the hook is not a program that can be run");
                error_about(err, "%s", program);
                return error_advise(err, "check the path, and chmod +x the program");
        }
        if ((status.st_uid == geteuid() || status.st_uid == 0) &&
            !(status.st_mode & (S_IWGRP | S_IWOTH)))
                return true;
        error_set(err, ERROR_CONFIG, "other users can change the hook");
        error_about(err, "%s", program);
        return error_advise(err, "let it belong to you or root, and chmod go-w it");
}

/* -- facts ------------------------------------------------------------------------------------ */

static bool
is_variable(const char *entry, const char *name)
{
        size_t length = name ? strlen(name) : 0;

        return name && strncmp(entry, name, length) == 0 && entry[length] == '=';
}

void
hook_fact(struct hook_facts *facts, const char *name, const char *value)
{
        char *text = text_format("%s=%s", name, value ? value : "");

        for (char *c = text; *c; c++) {
                if ((unsigned char)*c < ' ' || *c == 0x7F)
                        *c = '?';
        }
        for (size_t i = 0; i < facts->count; i++) {
                if (!is_variable(facts->list[i], name))
                        continue;
                free(facts->list[i]);
                facts->list[i] = text;
                return;
        }
        facts->list = memory_grow(facts->list, facts->count + 1, sizeof(*facts->list));
        facts->list[facts->count++] = text;
}

void
hook_facts_clear(struct hook_facts *facts)
{
        for (size_t i = 0; i < facts->count; i++)
                free(facts->list[i]);
        free(facts->list);
        *facts = (struct hook_facts){ 0 };
}

/* Does a fact have the variable's name?  Then the inherited one is left out. */
static bool
is_a_fact(const struct hook_facts *facts, const char *entry)
{
        size_t length = strcspn(entry, "=") + 1;

        for (size_t i = 0; i < facts->count; i++) {
                if (strncmp(facts->list[i], entry, length) == 0)
                        return true;
        }
        return false;
}

/* Credentials and PINs are none of a hook's business.  The caller frees the array alone. */
static char **
environment_of(const struct hook_facts *facts, const char *hide)
{
        size_t inherited = 0;
        size_t count = facts->count;

        while (environ[inherited])
                inherited++;
        char **list = memory_new(inherited + facts->count + 1, sizeof(*list));

        for (size_t i = 0; i < facts->count; i++)
                list[i] = facts->list[i];
        for (size_t i = 0; i < inherited; i++) {
                if (text_starts(environ[i], "AWS_") || is_variable(environ[i], hide) ||
                    is_a_fact(facts, environ[i]))
                        continue;
                list[count++] = environ[i];
        }
        return list;
}

/* -- running ---------------------------------------------------------------------------------- */

static int
spawn(const char *program, char *const *environment, int input, int output, pid_t *child)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        char *const words[] = { text_copy(program), NULL };
        sigset_t none;
        sigset_t usual;

        sigemptyset(&none);
        sigemptyset(&usual);
        sigaddset(&usual, SIGINT);
        sigaddset(&usual, SIGTERM);
        sigaddset(&usual, SIGPIPE);
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        if (input < 0)
                posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        else
                posix_spawn_file_actions_adddup2(&actions, input, 0);
        posix_spawn_file_actions_adddup2(&actions, output, 1);
        posix_spawn_file_actions_adddup2(&actions, output, 2);
        posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &usual);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                      POSIX_SPAWN_SETPGROUP);
        int failed = posix_spawn(child, program, &actions, &attributes, words, environment);

        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        free(words[0]);
        return failed;
}

/* A pipe that holds the secret already, so that nobody has to wait for the hook to read it. */
static int
fill_pipe(const struct secret *input)
{
        int ends[2];

        assert(input->len <= INPUT_MOST);
        if (pipe2(ends, O_CLOEXEC) != 0)
                return -1;
        if (write(ends[1], input->data, input->len) != (ssize_t)input->len) {
                close(ends[0]);
                ends[0] = -1;
        }
        close(ends[1]);
        return ends[0];
}

static bool
cannot_start(const char *program, int number, struct error *err)
{
        error_set(err, ERROR_HOOK, "the hook cannot be started: %s", strerror(number));
        return error_about(err, "%s", program);
}

static pid_t
begin(const char *program, const struct hook_facts *facts, const char *hide,
      const struct secret *input, int output, struct error *err)
{
        CLEANUP(free_cleanup) char **environment = environment_of(facts, hide);
        int in = input ? fill_pipe(input) : -1;
        pid_t child = 0;

        if (input && in < 0) {
                cannot_start(program, errno, err);
                return 0;
        }
        int failed = spawn(program, environment, in, output, &child);

        if (in >= 0)
                close(in);
        if (!failed)
                return child;
        cannot_start(program, failed, err);
        return 0;
}

struct hook *
hook_start(const char *program, const struct hook_facts *facts, const char *hide,
           const struct secret *input, int64_t timeout_ms, struct error *err)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) != 0) {
                cannot_start(program, errno, err);
                return NULL;
        }
        pid_t child = begin(program, facts, hide, input, ends[1], err);

        close(ends[1]);
        if (!child) {
                close(ends[0]);
                return NULL;
        }
        struct hook *hook = memory_new(1, sizeof(*hook));

        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        hook->program = text_copy(program);
        hook->child = child;
        hook->said_fd = ends[0];
        hook->timeout_ms = timeout_ms;
        hook->ends_ms = clock_boot_ms() + timeout_ms;
        return hook;
}

static void
keep_line(struct hook *hook)
{
        hook->line[hook->line_length] = '\0';
        if (hook->line[strspn(hook->line, " ")])
                memcpy(hook->said, hook->line, sizeof(hook->said));
        hook->line_length = 0;
}

/* Of what it prints the last line is kept: that is where programs say why they end. */
static void
listen_to(struct hook *hook)
{
        char bytes[1024];
        ssize_t got;

        while (hook->said_fd >= 0 && (got = read(hook->said_fd, bytes, sizeof(bytes))) > 0) {
                for (ssize_t i = 0; i < got; i++) {
                        if (bytes[i] == '\n')
                                keep_line(hook);
                        else if (hook->line_length + 1 < sizeof(hook->line))
                                hook->line[hook->line_length++] =
                                        (unsigned char)bytes[i] < ' ' ? ' ' : bytes[i];
                }
        }
}

static void
kill_hook(struct hook *hook)
{
        int status;

        kill(-hook->child, SIGKILL);
        kill(hook->child, SIGKILL);
        while (waitpid(hook->child, &status, 0) < 0 && errno == EINTR)
                continue;
        hook->child = 0;
}

static enum hook_state
ended(struct hook *hook, enum hook_state state)
{
        hook->state = state;
        hook->child = 0;
        close(hook->said_fd);
        hook->said_fd = -1;
        return state;
}

static enum hook_state
failed(struct hook *hook)
{
        error_about(&hook->error, "%s", hook->program);
        if (hook->said[0])
                error_about(&hook->error, "it said: %s", hook->said);
        error_advise(&hook->error, "run it by hand, and see its environment in p11cert-station(1)");
        return ended(hook, HOOK_FAILED);
}

static enum hook_state
judge(struct hook *hook, int status)
{
        listen_to(hook);
        keep_line(hook);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return ended(hook, HOOK_GOOD);
        error_set(&hook->error, ERROR_HOOK, "the hook failed (%s %d)",
                  WIFEXITED(status) ? "exit status" : "signal",
                  WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        return failed(hook);
}

static enum hook_state
look_after(struct hook *hook)
{
        int status = 0;

        listen_to(hook);
        if (waitpid(hook->child, &status, WNOHANG) == hook->child)
                return judge(hook, status);
        if (clock_boot_ms() < hook->ends_ms)
                return HOOK_RUNS;
        kill_hook(hook);
        listen_to(hook);
        keep_line(hook);
        error_set(&hook->error, ERROR_HOOK, "the hook did not end within %lld s",
                  (long long)(hook->timeout_ms / 1000));
        return failed(hook);
}

enum hook_state
hook_poll(struct hook *hook, struct error *err)
{
        enum hook_state state = hook->child ? look_after(hook) : hook->state;

        if (state == HOOK_FAILED)
                *err = hook->error;
        return state;
}

void
hook_free(struct hook *hook)
{
        if (!hook)
                return;
        if (hook->child)
                kill_hook(hook);
        if (hook->said_fd >= 0)
                close(hook->said_fd);
        free(hook->program);
        free(hook);
}

bool
hook_run(const char *program, const struct hook_facts *facts, const char *hide,
         const struct secret *input, int64_t timeout_ms, struct error *err)
{
        struct hook *hook = hook_start(program, facts, hide, input, timeout_ms, err);
        enum hook_state state;

        if (!hook)
                return false;
        while ((state = hook_poll(hook, err)) == HOOK_RUNS)
                (void)poll(NULL, 0, POLL_MS);
        hook_free(hook);
        return state == HOOK_GOOD;
}
