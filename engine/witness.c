/*
 * The asking side of the witness: a child, a question, an answer, and a deadline.
 */
#include "engine/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/witness_message.h"

enum { TIMEOUT_MS = 30000, ANSWER_MOST = 4096 };

extern char **environ;

/* -- the child ---------------------------------------------------------------------------- */

/* Our environment, which modules need, without any variable that holds the PIN. */
static char **
environment_without(const struct secret *pin)
{
        size_t count = 0;
        size_t kept = 0;

        while (environ[count])
                count++;
        char **copy = memory_new(count + 1, sizeof(*copy));

        for (size_t i = 0; i < count; i++) {
                const char *equals = strchr(environ[i], '=');
                struct view value = view_text(equals ? equals + 1 : "");

                if (!view_equal(value, secret_view(pin)))
                        copy[kept++] = environ[i];
        }
        return copy;
}

static int
spawn_child(const char *program, int channel, const struct secret *pin, pid_t *child)
{
        char name[] = "p11cert";
        char verb[] = "witness-child";
        char *words[] = { name, verb, NULL };
        CLEANUP(free_cleanup) char **environment = environment_without(pin);
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t signals;

        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        sigemptyset(&signals);
        posix_spawnattr_setsigmask(&attributes, &signals);
        sigaddset(&signals, SIGPIPE);
        posix_spawnattr_setsigdefault(&attributes, &signals);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, channel, WITNESS_CHANNEL);
        posix_spawn_file_actions_addclosefrom_np(&actions, WITNESS_CHANNEL + 1);
        int failed = posix_spawn(child, program, &actions, &attributes, words, environment);

        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return failed;
}

/* -- question and answer -------------------------------------------------------------------- */

static bool
send_all(int channel, struct view bytes)
{
        while (bytes.len) {
                ssize_t sent = send(channel, bytes.data, bytes.len, MSG_NOSIGNAL);

                if (sent < 0 && errno == EINTR)
                        continue;
                if (sent <= 0)
                        return false;
                bytes = view_of(bytes.data + sent, bytes.len - (size_t)sent);
        }
        return true;
}

static bool
send_part(int channel, struct view part)
{
        uint8_t length[4] = { (uint8_t)(part.len >> 24), (uint8_t)(part.len >> 16),
                              (uint8_t)(part.len >> 8), (uint8_t)part.len };

        return send_all(channel, view_of(length, sizeof(length))) && send_all(channel, part);
}

static bool
send_question(int channel, const struct witness_question *question)
{
        const struct view parts[] = {
                [WITNESS_MODULE] = view_text(question->module_path),
                [WITNESS_SERIAL] = view_text(question->token_serial),
                [WITNESS_LABEL] = view_text(question->token_label),
                [WITNESS_KEY_ID] = question->key_id,
                [WITNESS_CERTIFICATE] = question->certificate,
                [WITNESS_PIN] = secret_view(question->pin),
        };
        static_assert(ARRAY_LENGTH(parts) == WITNESS_PARTS, "every part is sent");

        for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
                if (!send_part(channel, parts[i]))
                        return false;
        }
        return shutdown(channel, SHUT_WR) == 0;
}

/* Read until the child closes its end.  False: the time is over. */
static bool
read_answer(int channel, int64_t deadline, struct buf *answer)
{
        char chunk[1024];

        for (;;) {
                struct pollfd ready = { .fd = channel, .events = POLLIN };
                int64_t left = deadline - clock_boot_ms();

                if (left <= 0)
                        return false;
                if (poll(&ready, 1, (int)left) <= 0)
                        continue;
                ssize_t got = recv(channel, chunk, sizeof(chunk), MSG_DONTWAIT);

                if (got < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (got <= 0 || answer->len > ANSWER_MOST)
                        return true;
                buf_add(answer, view_of(chunk, (size_t)got));
        }
}

/*
 * End the child and collect it.  It has answered, or its time is over; what happens while it takes
 * its modules down is of no interest.
 */
static int
collect(pid_t child, bool answered)
{
        int status = 0;

        if (answered) {
                /* Its end of the channel is closed: it is gone, or about to be. */
                for (unsigned i = 0; i < 100; i++) {
                        if (waitpid(child, &status, WNOHANG) == child)
                                return status;
                        (void)poll(NULL, 0, 10);
                }
        }
        kill(child, SIGKILL);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                ;
        return status;
}

/* -- the verdict -------------------------------------------------------------------------- */

static bool
says_no(struct buf *answer, struct error *err)
{
        char *what = (char *)answer->data + 1;
        char *next = strchr(what, '\n');

        if (next)
                *next++ = '\0';
        error_set(err, ERROR_NOT_PROVED, "%s", what);
        return next ? error_advise(err, "%s", next) : false;
}

static bool
hung(int timeout_ms, struct error *err)
{
        error_set(err, ERROR_NOT_PROVED,
                  "an application that reaches the token through libp11 hangs (nothing came back "
                  "within %d s)",
                  timeout_ms / 1000);
        return error_advise(err, "see whether the token is still there, and try a newer libp11");
}

static bool
crashed(int status, struct error *err)
{
        if (WIFSIGNALED(status))
                error_set(
                        err, ERROR_NOT_PROVED,
                        "an application that reaches the token through libp11 crashes (signal %d)",
                        WTERMSIG(status));
        else
                error_set(err, ERROR_NOT_PROVED, "the witness ended without an answer");
        return error_advise(err, "try a newer libp11, or reach the token through a provider");
}

/* Wait for the answer of a child that has been started. */
static bool
hear(pid_t child, int channel, const struct witness_question *question, struct error *err)
{
        int timeout_ms = question->timeout_ms ? question->timeout_ms : TIMEOUT_MS;
        CLEANUP(buf_cleanup) struct buf answer = { 0 };
        bool in_time = true;

        if (send_question(channel, question))
                in_time = read_answer(channel, clock_boot_ms() + timeout_ms, &answer);
        int status = collect(child, in_time);

        if (answer.len && answer.data[0] == WITNESS_YES)
                return true;
        if (answer.len && answer.data[0] == WITNESS_NO)
                return says_no(&answer, err);
        return in_time ? crashed(status, err) : hung(timeout_ms, err);
}

bool
witness_ask(const char *program, const struct witness_question *question, struct error *err)
{
        int channel[2];
        pid_t child = 0;

        if (!question->pin || !question->pin->data) {
                error_set(err, ERROR_PIN_MISSING,
                          "the application's view needs a PIN that can be handed on");
                return error_advise(err, "with a PIN pad, try the application itself");
        }
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0)
                return error_set(err, ERROR_INTERNAL, "cannot make a socket pair: %s",
                                 strerror(errno));
        int failed = spawn_child(program, channel[1], question->pin, &child);
        bool proved = false;

        /* Ours would keep the child's end open after the child is gone. */
        close(channel[1]);
        if (failed)
                error_set(err, ERROR_INTERNAL, "cannot start '%s': %s", program, strerror(failed));
        else
                proved = hear(child, channel[0], question, err);
        close(channel[0]);
        return proved;
}
