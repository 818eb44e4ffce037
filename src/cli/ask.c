#include "cli/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#include "cli/interrupt.h"

enum { ANSWER_BYTES = 256, LOOK_MS = 200 };

/* A line from the terminal, wiped by the caller; false when a signal or the end came first. */
static bool
read_line(int terminal, char line[ANSWER_BYTES], size_t *length, struct error *err)
{
        struct pollfd waited = { .fd = terminal, .events = POLLIN };

        *length = 0;
        for (;;) {
                /* A signal may reach another thread, so its flag is looked at now and then. */
                int ready = poll(&waited, 1, LOOK_MS);
                char c;

                if (*interrupt_flag())
                        return error_set(err, ERROR_INTERRUPTED, "interrupted while asking");
                if (ready == 0 || (ready < 0 && errno == EINTR))
                        continue;
                if (ready < 0 || read(terminal, &c, 1) != 1)
                        return error_set(err, ERROR_INTERRUPTED, "the terminal is gone");
                if (c == '\n')
                        return true;
                if (*length + 1 < ANSWER_BYTES)
                        line[(*length)++] = c;
        }
}

static bool
say(int terminal, const char *text)
{
        size_t length = strlen(text);

        return write(terminal, text, length) == (ssize_t)length;
}

/* Ask with or without echo; signals are held back so that the terminal is always put right. */
static bool
ask(int terminal, const char *prompt, bool echo, char line[ANSWER_BYTES], size_t *length,
    struct error *err)
{
        struct termios before;
        struct termios silent;

        if (!say(terminal, prompt) || tcgetattr(terminal, &before) != 0)
                return error_set(err, ERROR_INTERRUPTED, "the terminal is gone");
        silent = before;
        silent.c_lflag |= ICANON;
        if (!echo)
                silent.c_lflag &= (tcflag_t)~ECHO;
        interrupt_catch();
        tcsetattr(terminal, TCSAFLUSH, &silent);
        bool good = read_line(terminal, line, length, err);

        tcsetattr(terminal, TCSAFLUSH, &before);
        interrupt_release();
        if (!echo || !good)
                (void)say(terminal, "\n");
        return good;
}

bool
ask_pin(void *context, const char *prompt, struct secret *pin, struct error *err)
{
        CLEANUP(free_cleanup) char *text = text_format("PIN of %s: ", prompt);
        int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
        char line[ANSWER_BYTES];
        size_t length = 0;

        (void)context;
        if (terminal < 0) {
                error_set(err, ERROR_PIN_MISSING, "there is no terminal to ask for the PIN");
                return error_advise(err, "give it with --pin-source file:PATH or env:NAME");
        }
        bool good = ask(terminal, text, false, line, &length, err);

        close(terminal);
        if (good && length == 0)
                good = error_set(err, ERROR_PIN_MISSING, "no PIN was given");
        if (good)
                secret_set(pin, view_of(line, length));
        wipe(line, sizeof(line));
        return good;
}

bool
ask_yes(const char *question, bool *yes, struct error *err)
{
        CLEANUP(free_cleanup) char *text = text_format("%s [y/N] ", question);
        int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
        char line[ANSWER_BYTES];
        size_t length = 0;

        if (terminal < 0) {
                error_set(err, ERROR_USAGE, "there is no terminal to ask: %s", question);
                return error_advise(err, "repeat the command with --yes");
        }
        bool good = ask(terminal, text, true, line, &length, err);

        close(terminal);
        if (!good)
                return false;
        line[length] = '\0';
        *yes = strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0;
        return true;
}
