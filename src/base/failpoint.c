#include "base/failpoint.h"

#ifdef ENABLE_FAILPOINTS

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

static void
write_name(const char *path, const char *name)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

        if (fd < 0)
                return;
        dprintf(fd, "%s\n", name);
        close(fd);
}

void
failpoint(const char *name)
{
        static atomic_int passed;
        const char *wanted = getenv("P11CERT_FAILPOINT");
        const char *path = getenv("P11CERT_FAILPOINT_LOG");
        int count = atomic_fetch_add(&passed, 1) + 1;
        int64_t number;

        if (path)
                write_name(path, name);
        if (!wanted)
                return;
        if (number_parse(wanted, 1, INT32_MAX, &number) ? number == count
                                                        : strcmp(wanted, name) == 0)
                raise(SIGKILL);
}

#else

/* ISO C wants a declaration in every file. */
extern int failpoint_unused;

#endif
