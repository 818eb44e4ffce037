#include "engine/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/queue.h"

/* Longer than any PIN: CloudHSM's "user:password" included. */
enum { PIN_MOST = 1024, COMMAND_MS = 60000 };

extern char **environ;

/* -- naming a source ---------------------------------------------------------------------- */

static bool
set_source(struct pin_source *out, enum pin_kind kind, const char *argument)
{
        pin_source_clear(out);
        out->kind = kind;
        out->argument = text_copy(argument);
        return true;
}

static bool
not_a_source(struct error *err)
{
        /* What was given may be the PIN itself: it is not repeated. */
        error_set(err, ERROR_USAGE, "the PIN source is none that p11cert knows");
        return error_advise(err, "give file:/PATH, env:NAME, fd:NUMBER, cmd:PROGRAM or prompt; a "
                                 "PIN itself is not accepted on the command line");
}

/* file:/path, file:///path and file://localhost/path (RFC 8089), percent-encoding left alone. */
static const char *
path_of_file(const char *text)
{
        if (text_starts(text, "//localhost/"))
                return text + strlen("//localhost");
        if (text_starts(text, "///"))
                return text + 2;
        return text_starts(text, "//") ? "" : text;
}

bool
pin_source_parse(const char *text, struct pin_source *out, struct error *err)
{
        int64_t fd;

        if (strcmp(text, "prompt") == 0)
                return set_source(out, PIN_PROMPT, NULL);
        if (text[0] == '/')
                return set_source(out, PIN_FILE, text);
        if (text_starts(text, "file:") && *path_of_file(text + 5))
                return set_source(out, PIN_FILE, path_of_file(text + 5));
        if (text_starts(text, "env:") && text[4] && !strchr(text, '='))
                return set_source(out, PIN_ENV, text + 4);
        if (text_starts(text, "fd:") && number_parse(text + 3, 0, 65535, &fd))
                return set_source(out, PIN_FD, text + 3);
        if (text_starts(text, "cmd:") && text[4 + strspn(text + 4, " ")])
                return set_source(out, PIN_COMMAND, text + 4);
        return not_a_source(err);
}

void
pin_source_clear(struct pin_source *source)
{
        free(source->argument);
        *source = (struct pin_source){ 0 };
}

const char *
pin_source_text(const struct pin_source *source, char *out, size_t size)
{
        static const char *const prefixes[] = {
                [PIN_NONE] = "none", [PIN_FILE] = "file:",   [PIN_ENV] = "env:",
                [PIN_FD] = "fd:",    [PIN_COMMAND] = "cmd:", [PIN_PROMPT] = "prompt",
        };
        const char *argument = source->argument ? source->argument : "";
        /* A command's arguments may hold what opens a vault. */
        size_t length = source->kind == PIN_COMMAND ? strspn(argument, " ") : 0;

        length = source->kind == PIN_COMMAND ? length + strcspn(argument + length, " ")
                                             : strlen(argument);
        snprintf(out, size, "%s%.*s", prefixes[source->kind], (int)length, argument);
        return out;
}

/* -- reading ------------------------------------------------------------------------------ */

/* Read to the end, into locked memory.  False with errno, E2BIG for more than a PIN can be. */
static bool
read_secret(int fd, int timeout_ms, struct secret *pin)
{
        int64_t deadline = clock_boot_ms() + timeout_ms;

        secret_reserve(pin, PIN_MOST + 1);
        for (;;) {
                struct pollfd ready = { .fd = fd, .events = POLLIN };
                int64_t left = timeout_ms < 0 ? -1 : deadline - clock_boot_ms();

                if (timeout_ms >= 0 && (left <= 0 || poll(&ready, 1, (int)left) == 0)) {
                        errno = ETIMEDOUT;
                        return false;
                }
                ssize_t got = read(fd, pin->data + pin->len, PIN_MOST + 1 - pin->len);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return got == 0;
                pin->len += (size_t)got;
                if (pin->len > PIN_MOST) {
                        errno = E2BIG;
                        return false;
                }
        }
}

static void
cut_newline(struct secret *pin)
{
        if (pin->len && pin->data[pin->len - 1] == '\n')
                pin->len--;
        else
                return;
        if (pin->len && pin->data[pin->len - 1] == '\r')
                pin->len--;
}

static bool
cannot_read(struct error *err, const struct pin_source *source)
{
        char text[256];
        const char *reason = errno == E2BIG ? "it is longer than a PIN can be" : strerror(errno);

        error_set(err, ERROR_PIN_MISSING, "cannot read the PIN from %s: %s",
                  pin_source_text(source, text, sizeof(text)), reason);
        return error_advise(err, "correct --pin-source, or enter the PIN at a prompt");
}

bool
pin_source_is_open(const struct pin_source *source)
{
        struct stat status;

        return source->kind == PIN_FILE && stat(source->argument, &status) == 0 &&
               S_ISREG(status.st_mode) && (status.st_mode & (S_IRWXG | S_IRWXO));
}

static bool
check_file(const struct pin_source *source, const struct stat *status, struct error *err)
{
        if (!S_ISREG(status->st_mode) && !S_ISFIFO(status->st_mode))
                return error_set(err, ERROR_CONFIG, "the PIN file %s is not a file",
                                 source->argument);
        if (status->st_uid != geteuid() && status->st_uid != 0) {
                error_set(err, ERROR_CONFIG, "the PIN file %s belongs to another user",
                          source->argument);
                return error_advise(err, "give it to the user who runs p11cert (chown)");
        }
        /* Who can put another PIN there can lock the token; who can read it, gets a warning. */
        if (status->st_mode & S_IWOTH) {
                error_set(err, ERROR_CONFIG, "everybody can change the PIN file %s (mode %04o)",
                          source->argument, (unsigned)status->st_mode & 07777);
                return error_advise(err, "chmod 600 %s", source->argument);
        }
        return true;
}

static bool
read_file(const struct pin_source *source, struct secret *pin, struct error *err)
{
        int fd = open(source->argument, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        struct stat status;
        bool done;

        if (fd < 0 || fstat(fd, &status) != 0) {
                cannot_read(err, source);
                if (fd >= 0)
                        close(fd);
                return false;
        }
        done = check_file(source, &status, err) &&
               (read_secret(fd, -1, pin) || cannot_read(err, source));
        close(fd);
        cut_newline(pin);
        return done;
}

static bool
read_variable(const struct pin_source *source, struct secret *pin, struct error *err)
{
        const char *value = getenv(source->argument);

        if (!value) {
                error_set(err, ERROR_PIN_MISSING, "the environment has no variable %s",
                          source->argument);
                return error_advise(err, "export %s, or give another --pin-source",
                                    source->argument);
        }
        secret_set(pin, view_text(value));
        return true;
}

/* -- descriptors: read once, remembered for the process -------------------------------------- */

struct remembered {
        struct remembered *next;
        int fd;
        struct secret pin;
};

/* The list itself is the one item of a queue: whoever took it out may look and add. */
static struct queue *remembered_queue;

struct remembered_list {
        struct remembered *first;
};

static void
make_remembered(void)
{
        remembered_queue = queue_new();
        queue_push(remembered_queue, memory_new(1, sizeof(struct remembered_list)));
}

static struct remembered *
remembered_fd(struct remembered_list *list, int fd)
{
        for (struct remembered *one = list->first; one; one = one->next) {
                if (one->fd == fd)
                        return one;
        }
        return NULL;
}

static bool
read_descriptor(const struct pin_source *source, struct secret *pin, struct error *err)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        int64_t fd = -1;

        if (!number_parse(source->argument, 0, 65535, &fd))
                return not_a_source(err);
        pthread_once(&once, make_remembered);
        struct remembered_list *list = queue_take(remembered_queue, -1);
        struct remembered *one = remembered_fd(list, (int)fd);
        bool done = one != NULL;

        if (one) {
                secret_copy(pin, &one->pin);
        } else if (read_secret((int)fd, -1, pin)) {
                one = memory_new(1, sizeof(*one));
                cut_newline(pin);
                *one = (struct remembered){ .next = list->first, .fd = (int)fd };
                secret_copy(&one->pin, pin);
                list->first = one;
                done = true;
        } else {
                cannot_read(err, source);
        }
        queue_push(remembered_queue, list);
        return done;
}

/* -- commands ----------------------------------------------------------------------------- */

/* Words parted by spaces; there is no shell and no quoting.  NULL-terminated, pointing into text */
static char **
split_words(char *text)
{
        char **words = NULL;
        size_t count = 0;

        while (*(text += strspn(text, " "))) {
                words = memory_grow(words, count + 2, sizeof(*words));
                words[count++] = text;
                words[count] = NULL;
                text += strcspn(text, " ");
                if (*text)
                        *text++ = '\0';
        }
        return words;
}

static int
spawn_reader(char *const *words, char *const *environment, int output, pid_t *child)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none;

        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        sigemptyset(&none);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, output, 1);
        posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        int failed = posix_spawnp(child, words[0], &actions, &attributes, words, environment);

        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return failed;
}

/*
 * The environment with facts of the token in front: getenv() takes the first.  The caller frees the
 * array and its first `*own` texts.
 */
static char **
environment_for(const char *label, const char *serial, size_t *own)
{
        size_t count = 0;

        while (environ[count])
                count++;
        char **list = memory_new(count + 3, sizeof(*list));

        *own = 0;
        if (label)
                list[(*own)++] = text_format("P11CERT_TOKEN_LABEL=%s", label);
        if (serial)
                list[(*own)++] = text_format("P11CERT_TOKEN_SERIAL=%s", serial);
        memcpy(list + *own, environ, count * sizeof(*list));
        return list;
}

static bool
command_ended_well(pid_t child, bool kill_it, struct error *err)
{
        int status = 0;

        if (kill_it)
                kill(child, SIGKILL);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                ;
        if (kill_it || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
                return !kill_it;
        error_set(err, ERROR_PIN_MISSING, "the PIN command failed (%s %d)",
                  WIFEXITED(status) ? "exit status" : "signal",
                  WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        return error_advise(err, "run the command of --pin-source by hand and see what it says");
}

static bool
read_command(const struct pin_source *source, const char *label, const char *serial,
             struct secret *pin, struct error *err)
{
        CLEANUP(free_cleanup) char *text = text_copy(source->argument);
        CLEANUP(free_cleanup) char **words = split_words(text);
        size_t own = 0;
        int ends[2];
        pid_t child;

        if (pipe2(ends, O_CLOEXEC) != 0)
                return cannot_read(err, source);
        char **environment = environment_for(label, serial, &own);

        errno = spawn_reader(words, environment, ends[1], &child);
        for (size_t i = 0; i < own; i++)
                free(environment[i]);
        free(environment);
        close(ends[1]);
        if (errno) {
                cannot_read(err, source);
                close(ends[0]);
                return false;
        }
        bool done = read_secret(ends[0], COMMAND_MS, pin);

        if (!done)
                cannot_read(err, source);
        close(ends[0]);
        if (!command_ended_well(child, !done, err))
                return false;
        cut_newline(pin);
        return true;
}

static bool
read_prompt(const char *token_name, pin_ask *ask, void *ask_context, struct secret *pin,
            struct error *err)
{
        CLEANUP(free_cleanup) char *prompt = text_format("token '%s'", token_name);

        if (ask)
                return ask(ask_context, prompt, pin, err);
        error_set(err, ERROR_PIN_MISSING, "the token wants a PIN and nobody may be asked for it");
        return error_advise(err, "give --pin-source file:/PATH, env:NAME, fd:N or cmd:PROGRAM");
}

static bool
read_source(const struct pin_source *source, const char *label, const char *serial, pin_ask *ask,
            void *ask_context, struct secret *pin, struct error *err)
{
        switch (source->kind) {
        case PIN_FILE:
                return read_file(source, pin, err);
        case PIN_ENV:
                return read_variable(source, pin, err);
        case PIN_FD:
                return read_descriptor(source, pin, err);
        case PIN_COMMAND:
                return read_command(source, label, serial, pin, err);
        case PIN_NONE:
        case PIN_PROMPT:
                break;
        }
        return read_prompt(label, ask, ask_context, pin, err);
}

bool
pin_read(const struct pin_source *source, const char *token_name, pin_ask *ask, void *ask_context,
         struct secret *pin, struct error *err)
{
        return pin_read_for(source, token_name, NULL, ask, ask_context, pin, err);
}

bool
pin_read_for(const struct pin_source *source, const char *token_label, const char *token_serial,
             pin_ask *ask, void *ask_context, struct secret *pin, struct error *err)
{
        static const struct pin_source nowhere = { .kind = PIN_PROMPT };
        CLEANUP(secret_cleanup) struct secret read = { 0 };
        char text[256];

        if (!source)
                source = &nowhere;
        if (!read_source(source, token_label, token_serial, ask, ask_context, &read, err))
                return false;
        if (read.len == 0) {
                error_set(err, ERROR_PIN_MISSING, "the PIN from %s is empty",
                          pin_source_text(source, text, sizeof(text)));
                return error_advise(err, "put the PIN there; an empty one is never tried");
        }
        secret_copy(pin, &read);
        return true;
}
