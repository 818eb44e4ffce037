#include "cli/streams.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"

static FILE *answer;
static FILE *talk;

static FILE *
duplicate(FILE *original)
{
        int fd = fcntl(fileno(original), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        FILE *copy = fd < 0 ? NULL : fdopen(fd, "w");

        /* A stream that is closed stays what it is: writing to it fails, and that is noticed. */
        return copy ? copy : original;
}

void
streams_open(void)
{
        answer = duplicate(stdout);
        talk = duplicate(stderr);
        (void)setvbuf(talk, NULL, _IONBF, 0);
        log_set_fd(fileno(talk));
}

FILE *
stream_answer(void)
{
        return answer ? answer : stdout;
}

FILE *
stream_talk(void)
{
        return talk ? talk : stderr;
}

static size_t
width_of(FILE *stream)
{
        enum { NARROWEST = 40 };
        struct winsize size = { 0 };

        if (ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col < NARROWEST)
                return 0;
        return size.ws_col;
}

size_t
stream_answer_width(void)
{
        return width_of(stream_answer());
}

size_t
stream_talk_width(void)
{
        return width_of(stream_talk());
}
