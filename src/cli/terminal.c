#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/interrupt.h"

/* Alternate screen, no cursor, no wrapping at the margin; and the reverse. */
static const char enter[] = "\033[?1049h\033[?25l\033[?7l\033[2J";
static const char leave[] = "\033[0m\033[?7h\033[?25h\033[?1049l";

static const int deadly[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGHUP, SIGQUIT };

static struct {
        int fd;
        volatile sig_atomic_t open;
        volatile sig_atomic_t stale; /* the frame has to be drawn as a whole */
        bool tty_known;
        struct termios tty; /* of standard input, as it was */
        struct sigaction before[ARRAY_LENGTH(deadly)];
        struct sigaction before_stop;
        struct sigaction before_continue;
        struct sigaction before_resize;
        struct buf frame; /* that is on the screen */
        size_t width;
        size_t height;
} terminal = { .fd = -1 };

/* Everything that handlers call is async-signal-safe. */
static void
put(const char *text, size_t length)
{
        while (length) {
                ssize_t put = write(terminal.fd, text, length);

                if (put < 0 && errno == EINTR)
                        continue;
                if (put <= 0)
                        return;
                text += put;
                length -= (size_t)put;
        }
}

static void
set_echo(bool echo)
{
        struct termios now = terminal.tty;

        if (!terminal.tty_known)
                return;
        if (!echo)
                now.c_lflag &= (tcflag_t)~ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

static void
give_back(void)
{
        if (!terminal.open)
                return;
        put(leave, sizeof(leave) - 1);
        set_echo(true);
        /* What was typed blindly is not for the shell that comes next. */
        (void)tcflush(STDIN_FILENO, TCIFLUSH);
}

static void
take(void)
{
        set_echo(false);
        put(enter, sizeof(enter) - 1);
        terminal.stale = 1;
}

/* The signal does to the program what it would have done without us. */
static void
on_deadly(int number)
{
        give_back();
        terminal.open = 0;
        for (size_t i = 0; i < ARRAY_LENGTH(deadly); i++) {
                if (deadly[i] == number)
                        sigaction(number, &terminal.before[i], NULL);
        }
        raise(number);
}

static void
on_stop(int number)
{
        int saved = errno;
        struct sigaction plain = { .sa_handler = SIG_DFL };
        struct sigaction ours;
        sigset_t only;

        give_back();
        sigemptyset(&only);
        sigaddset(&only, number);
        sigaction(number, &plain, &ours);
        raise(number);
        sigprocmask(SIG_UNBLOCK, &only, NULL); /* here it stops */
        sigaction(number, &ours, NULL);
        if (terminal.open)
                take();
        errno = saved;
}

static void
on_resize(int number)
{
        (void)number;
        terminal.stale = 1;
}

bool
terminal_can_draw(int fd)
{
        const char *term = getenv("TERM");

        return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool
terminal_is_utf8(void)
{
        static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

        for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
                const char *value = getenv(names[i]);

                if (!value || !*value)
                        continue;
                const char *dot = strchr(value, '.');

                return dot && (strncasecmp(dot + 1, "UTF-8", 5) == 0 ||
                               strncasecmp(dot + 1, "UTF8", 4) == 0);
        }
        return false;
}

static void
catch_signals(void)
{
        struct sigaction action = { .sa_handler = on_deadly };

        sigemptyset(&action.sa_mask);
        for (size_t i = 0; i < ARRAY_LENGTH(deadly); i++)
                sigaction(deadly[i], &action, &terminal.before[i]);
        action.sa_handler = on_stop;
        sigaction(SIGTSTP, &action, &terminal.before_stop);
        action.sa_handler = on_resize;
        sigaction(SIGWINCH, &action, &terminal.before_resize);
        sigaction(SIGCONT, &action, &terminal.before_continue);
        interrupt_before_exit(give_back);
}

static void
release_signals(void)
{
        interrupt_before_exit(NULL);
        for (size_t i = 0; i < ARRAY_LENGTH(deadly); i++)
                sigaction(deadly[i], &terminal.before[i], NULL);
        sigaction(SIGTSTP, &terminal.before_stop, NULL);
        sigaction(SIGWINCH, &terminal.before_resize, NULL);
        sigaction(SIGCONT, &terminal.before_continue, NULL);
}

void
terminal_open(int fd)
{
        assert(!terminal.open);
        terminal.fd = fd;
        terminal.tty_known = tcgetattr(STDIN_FILENO, &terminal.tty) == 0;
        terminal.open = 1;
        catch_signals();
        take();
}

void
terminal_close(void)
{
        if (!terminal.open)
                return;
        give_back();
        terminal.open = 0;
        release_signals();
        buf_clear(&terminal.frame);
}

void
terminal_size(size_t *width, size_t *height)
{
        struct winsize size = { 0 };
        bool known = ioctl(terminal.fd, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row;

        *width = known ? size.ws_col : 80;
        *height = known ? size.ws_row : 24;
}

/* Lines that are the same as in the last frame are left as they are. */
static void
add_changes(struct buf *out, const char *fresh, const char *old, bool all)
{
        for (size_t row = 1; *fresh; row++) {
                size_t length = strcspn(fresh, "\n");
                size_t old_length = strcspn(old, "\n");

                if (all || !view_equal(view_of(fresh, length), view_of(old, old_length))) {
                        /* Erased first: behind a full line the cursor still stands on its end. */
                        buf_format(out, "\033[%zu;1H\033[0m\033[K", row);
                        buf_add(out, view_of(fresh, length));
                        buf_add_text(out, "\033[0m");
                }
                fresh += length + (fresh[length] == '\n');
                old += old_length + (old[old_length] == '\n');
        }
}

void
terminal_draw(struct view frame)
{
        CLEANUP(buf_cleanup) struct buf out = { 0 };
        CLEANUP(buf_cleanup) struct buf fresh = { 0 };
        size_t width;
        size_t height;

        terminal_size(&width, &height);
        bool all = terminal.stale || width != terminal.width || height != terminal.height;

        terminal.stale = 0;
        terminal.width = width;
        terminal.height = height;
        buf_set(&fresh, frame);
        if (all)
                buf_add_text(&out, "\033[2J");
        add_changes(&out, buf_text(&fresh), buf_text(&terminal.frame), all);
        put(buf_text(&out), out.len);
        buf_set(&terminal.frame, frame);
}

void
terminal_bell(int fd)
{
        (void)!write(fd, "\a", 1);
}
