#include "aws/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

extern char **environ;

enum { MOST_OUTPUT = 64 * 1024, MOST_COMPLAINT = 600 };

/* -- words -------------------------------------------------------------------------------- */

struct splitter {
        const char *at;
        struct buf word;
        bool in_word; /* an empty word in quotes is a word, too */
};

/* A quoted part; `at` stands on the opening quote.  False when it never closes. */
static bool
take_quoted(struct splitter *splitter)
{
        char quote = *splitter->at++;

        splitter->in_word = true;
        for (; *splitter->at && *splitter->at != quote; splitter->at++) {
                /* Between double quotes a backslash escapes itself and the quote only. */
                if (quote == '"' && *splitter->at == '\\' &&
                    (splitter->at[1] == '"' || splitter->at[1] == '\\'))
                        splitter->at++;
                buf_add_byte(&splitter->word, (uint8_t)*splitter->at);
        }
        if (!*splitter->at)
                return false;
        splitter->at++;
        return true;
}

/* The next word into `word`; false at the end or at an open quote (`at` tells which). */
static bool
take_word(struct splitter *splitter, bool *open_quote)
{
        buf_clear(&splitter->word);
        splitter->in_word = false;
        splitter->at += strspn(splitter->at, " \t\r\n");
        while (*splitter->at && !strchr(" \t\r\n", *splitter->at)) {
                if (*splitter->at == '\'' || *splitter->at == '"') {
                        *open_quote = !take_quoted(splitter);
                        if (*open_quote)
                                return false;
                        continue;
                }
                if (*splitter->at == '\\' && splitter->at[1])
                        splitter->at++;
                buf_add_byte(&splitter->word, (uint8_t)*splitter->at++);
                splitter->in_word = true;
        }
        return splitter->in_word;
}

bool
process_split(const char *command, char ***words, struct error *err)
{
        struct splitter splitter = { .at = command };
        char **list = memory_new(1, sizeof(*list));
        bool open_quote = false;
        size_t count = 0;

        while (take_word(&splitter, &open_quote)) {
                list = memory_grow(list, count + 2, sizeof(*list));
                list[count++] = text_copy(buf_text(&splitter.word));
                list[count] = NULL;
        }
        buf_clear(&splitter.word);
        if (count && !open_quote) {
                *words = list;
                return true;
        }
        process_words_free(list);
        return error_set(err, ERROR_CONFIG, "%s",
                         open_quote ? "a quote is never closed" : "the command is empty");
}

void
process_words_free(char **words)
{
        for (size_t i = 0; words && words[i]; i++)
                free(words[i]);
        free(words);
}

/* -- running ------------------------------------------------------------------------------ */

struct child {
        pid_t pid;
        int output; /* our end of its stdout and stderr; -1 once they ended */
        int complaint;
        int64_t deadline_ms;
};

static void
close_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

/*
 * Its own process group, so that a wrapper's children can be killed with it; no descriptor of ours
 * but the three; signals as a fresh program expects them.
 */
static int
spawn(char **words, int output, int complaint, pid_t *pid)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t set;
        int failed;

        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, complaint, STDERR_FILENO);
        posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
        posix_spawnattr_init(&attributes);
        sigfillset(&set);
        posix_spawnattr_setsigdefault(&attributes, &set);
        sigemptyset(&set);
        posix_spawnattr_setsigmask(&attributes, &set);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                      POSIX_SPAWN_SETPGROUP);
        failed = posix_spawnp(pid, words[0], &actions, &attributes, words, environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return failed;
}

static bool
start(char **words, struct child *child, struct error *err)
{
        int output[2] = { -1, -1 };
        int complaint[2] = { -1, -1 };
        int failed = 0;

        if (pipe2(output, O_CLOEXEC) < 0 || pipe2(complaint, O_CLOEXEC) < 0)
                failed = errno;
        if (!failed)
                failed = spawn(words, output[1], complaint[1], &child->pid);
        close_fd(&output[1]);
        close_fd(&complaint[1]);
        child->output = output[0];
        child->complaint = complaint[0];
        if (!failed)
                return true;
        close_fd(&child->output);
        close_fd(&child->complaint);
        return error_set(err, ERROR_CREDENTIALS_MISSING,
                         "the credential_process '%s' cannot be started: %s", words[0],
                         strerror(failed));
}

/* What there is to read goes into `into`, as far as it has room; at the end the pipe is closed. */
static void
drain(int *fd, uint8_t *into, size_t *length, size_t most)
{
        uint8_t chunk[4096];
        ssize_t got = read(*fd, chunk, sizeof(chunk));

        if (got > 0) {
                size_t room = most - *length;
                size_t kept = (size_t)got < room ? (size_t)got : room;

                memcpy(into + *length, chunk, kept);
                *length += kept;
        } else if (got == 0 || errno != EINTR) {
                close_fd(fd);
        }
        wipe(chunk, sizeof(chunk));
}

/* Read both pipes to their ends; false when the time is over first. */
static bool
read_pipes(struct child *child, struct secret *output, char *complaint)
{
        size_t complained = 0;

        while (child->output >= 0 || child->complaint >= 0) {
                struct pollfd ready[] = { { .fd = child->output, .events = POLLIN },
                                          { .fd = child->complaint, .events = POLLIN } };
                int64_t left = child->deadline_ms - clock_boot_ms();

                if (left <= 0)
                        return false;
                if (poll(ready, ARRAY_LENGTH(ready), (int)left) < 0 && errno != EINTR)
                        return false;
                if (child->output >= 0 && ready[0].revents)
                        drain(&child->output, output->data, &output->len, MOST_OUTPUT);
                if (child->complaint >= 0 && ready[1].revents)
                        drain(&child->complaint, (uint8_t *)complaint, &complained, MOST_COMPLAINT);
        }
        return true;
}

/* Wait for its end; a program that closed its pipes but stays is killed at the deadline. */
static bool
reap(struct child *child, int *status)
{
        useconds_t pause_us = 200;

        for (;;) {
                pid_t ended = waitpid(child->pid, status, WNOHANG);

                if (ended == child->pid)
                        return true;
                /* Whoever started us ignores SIGCHLD: its output has to speak for it. */
                if (ended < 0 && errno == ECHILD) {
                        *status = 0;
                        return true;
                }
                if ((ended < 0 && errno != EINTR) || clock_boot_ms() >= child->deadline_ms)
                        return false;
                usleep(pause_us);
                if (pause_us < 20000)
                        pause_us *= 2;
        }
}

static void
kill_group(const struct child *child)
{
        int status;

        kill(-child->pid, SIGKILL);
        while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
                ;
}

/* Its stderr is for people: one line of printable text. */
static void
tidy(char *text)
{
        size_t length = strlen(text);

        while (length && (unsigned char)text[length - 1] <= ' ')
                text[--length] = '\0';
        for (; *text; text++) {
                if ((unsigned char)*text < ' ' || *text == 0x7F)
                        *text = ' ';
        }
}

static bool
ended_badly(const char *program, int status, const char *complaint, struct error *err)
{
        const char *colon = *complaint ? ": " : "";

        if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && !*complaint)
                /* How posix_spawn() may tell it, where it cannot tell at once. */
                error_set(err, ERROR_CREDENTIALS_MISSING,
                          "the credential_process '%s' cannot be started", program);
        else if (WIFSIGNALED(status))
                error_set(err, ERROR_CREDENTIALS_MISSING,
                          "the credential_process '%s' was ended by signal %d%s%s", program,
                          WTERMSIG(status), colon, complaint);
        else
                error_set(err, ERROR_CREDENTIALS_MISSING,
                          "the credential_process '%s' failed with exit status %d%s%s", program,
                          WEXITSTATUS(status), colon, complaint);
        return error_advise(err, "run it by hand to see what it wants (a login, perhaps)");
}

bool
process_run(const char *command, int64_t limit_ms, struct secret *output, struct error *err)
{
        char complaint[MOST_COMPLAINT + 1] = "";
        struct child child = { .output = -1, .complaint = -1 };
        char **words = NULL;
        int status = 0;

        if (!process_split(command, &words, err))
                return false;
        secret_reserve(output, MOST_OUTPUT);
        child.deadline_ms = clock_boot_ms() + limit_ms;
        bool done = start(words, &child, err);

        if (!done) {
                error_advise(err, "check credential_process in AWS's config file");
        } else if (!read_pipes(&child, output, complaint) || !reap(&child, &status)) {
                kill_group(&child);
                done = error_set(err, ERROR_CREDENTIALS_MISSING,
                                 "the credential_process '%s' was not done after %lld seconds and "
                                 "was ended",
                                 words[0], (long long)(limit_ms / 1000));
                error_advise(err, "run it by hand to see what it waits for");
        } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                tidy(complaint);
                done = ended_badly(words[0], status, complaint, err);
        }
        close_fd(&child.output);
        close_fd(&child.complaint);
        process_words_free(words);
        return done;
}
