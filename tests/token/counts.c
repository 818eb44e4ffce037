#include "tests/token/counts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

/* "C_Sign                          12\n": fixed width, so that a line can be changed in place. */
enum { NAME_WIDTH = 24, NUMBER_WIDTH = 10, LINE_WIDTH = NAME_WIDTH + NUMBER_WIDTH + 1 };

static struct {
        int fd;
        char *lines; /* one a function; the first, NO_FUNCTION's, is of concurrent calls */
} counts = { .fd = -1 };

static void
write_line(enum function function, unsigned long number)
{
        char line[LINE_WIDTH + 1];

        snprintf(line, sizeof(line), "%-*.*s%*lu\n", NAME_WIDTH, NAME_WIDTH,
                 function == NO_FUNCTION ? "concurrent" : function_name(function), NUMBER_WIDTH,
                 number % 1000000000);
        memcpy(counts.lines + function * LINE_WIDTH, line, LINE_WIDTH);
}

static void
add(enum function function)
{
        char number[NUMBER_WIDTH + 1];

        memcpy(number, counts.lines + function * LINE_WIDTH + NAME_WIDTH, NUMBER_WIDTH);
        number[NUMBER_WIDTH] = '\0';
        write_line(function, strtoul(number, NULL, 10) + 1);
}

void
count_open(const char *path)
{
        off_t size = LINE_WIDTH * FUNCTIONS;
        void *lines;

        counts.fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
        if (counts.fd < 0)
                return;
        flock(counts.fd, LOCK_EX);
        bool fresh = lseek(counts.fd, 0, SEEK_END) != size;
        lines = ftruncate(counts.fd, size) == 0
                        ? mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, counts.fd, 0)
                        : MAP_FAILED;
        counts.lines = lines == MAP_FAILED ? NULL : lines;
        for (size_t i = 0; fresh && counts.lines && i < FUNCTIONS; i++)
                write_line((enum function)i, 0);
        flock(counts.fd, LOCK_UN);
}

void
count_call(enum function function, bool concurrent)
{
        if (!counts.lines)
                return;
        flock(counts.fd, LOCK_EX);
        add(function);
        if (concurrent)
                add(NO_FUNCTION);
        flock(counts.fd, LOCK_UN);
}
