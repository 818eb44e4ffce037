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

/* A secret that a person types unseen; what is missing, and what helps, is the caller's to say. */
struct asked {
        enum error_kind missing;
        const char *what; /* "PIN" */
        const char *advice;
};

static bool
ask_secret(const struct asked *asked, const char *prompt, struct secret *out, struct error *err)
{
        int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
        char line[ANSWER_BYTES];
        size_t length = 0;

        if (terminal < 0) {
                error_set(err, asked->missing, "there is no terminal to ask for the %s",
                          asked->what);
                return error_advise(err, "%s", asked->advice);
        }
        bool good = ask(terminal, prompt, false, line, &length, err);

        close(terminal);
        if (good && length == 0)
                good = error_set(err, asked->missing, "no %s was given", asked->what);
        if (good)
                secret_set(out, view_of(line, length));
        wipe(line, sizeof(line));
        return good;
}

bool
ask_pin(void *context, const char *prompt, struct secret *pin, struct error *err)
{
        static const struct asked asked = { ERROR_PIN_MISSING, "PIN",
                                            "give it with --pin-source file:PATH or env:NAME" };
        CLEANUP(free_cleanup) char *text = text_format("PIN of %s: ", prompt);

        (void)context;
        return ask_secret(&asked, text, pin, err);
}

bool
ask_mfa(void *context, const char *serial, struct secret *code, struct error *err)
{
        static const struct asked asked = { ERROR_CREDENTIALS_MISSING, "MFA code",
                                            "give it with --mfa-code" };
        CLEANUP(free_cleanup) char *text = text_format("MFA code of %s: ", serial);

        (void)context;
        return ask_secret(&asked, text, code, err);
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
