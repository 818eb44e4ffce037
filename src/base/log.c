#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

static enum log_level most = LOG_OFF;
static int descriptor = STDERR_FILENO;

void
log_set_level(enum log_level level)
{
        most = level;
}

void
log_set_fd(int fd)
{
        descriptor = fd;
}

/* One write() a line, so that lines of several threads never mix. */
static void PRINTF(2, 0) write_line(const char *event, const char *format, va_list arguments)
{
        char facts[2048];
        char line[2304];
        char when[CLOCK_TEXT];

        vsnprintf(facts, sizeof(facts), format, arguments);
        for (char *c = facts; *c; c++) {
                if ((unsigned char)*c < ' ')
                        *c = ' ';
        }
        int length = snprintf(line, sizeof(line), "%s %s %s\n", clock_format(clock_now(), when),
                              event, facts);
        ssize_t ignored = write(descriptor, line, (size_t)length);

        (void)ignored;
}

void
log_info(const char *event, const char *format, ...)
{
        va_list arguments;

        if (most < LOG_INFO)
                return;
        va_start(arguments, format);
        write_line(event, format, arguments);
        va_end(arguments);
}

void
log_debug(const char *event, const char *format, ...)
{
        va_list arguments;

        if (most < LOG_DEBUG)
                return;
        va_start(arguments, format);
        write_line(event, format, arguments);
        va_end(arguments);
}
