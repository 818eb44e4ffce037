/*
 * measure RESULT COMMAND [ARGUMENT…]: run the command and append to the file RESULT one line,
 *
 *     wall-us cpu-us peak-kib status
 *
 * Peak memory is the highest resident size of the command or of any process it waited for.  The
 * kernel starts that figure at the size of whoever forks, so this program stays small.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long
microseconds(const struct timeval *time)
{
        return (long)time->tv_sec * 1000000 + time->tv_usec;
}

static long
now_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int
main(int argc, char **argv)
{
        struct rusage usage;
        char line[128];
        int result, status;
        long started;
        pid_t child;

        if (argc < 3) {
                fprintf(stderr, "usage: measure RESULT COMMAND [ARGUMENT...]\n");
                return 2;
        }
        result = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (result < 0) {
                fprintf(stderr, "measure: %s: %s\n", argv[1], strerror(errno));
                return 2;
        }
        started = now_us();
        child = fork();
        if (child == 0) {
                execvp(argv[2], argv + 2);
                fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
                _exit(127);
        }
        while (child < 0 || wait4(child, &status, 0, &usage) != child) {
                if (child < 0 || errno != EINTR) {
                        fprintf(stderr, "measure: %s\n", strerror(errno));
                        return 2;
                }
        }
        status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        snprintf(line, sizeof(line), "%ld %ld %ld %d\n", now_us() - started,
                 microseconds(&usage.ru_utime) + microseconds(&usage.ru_stime), usage.ru_maxrss,
                 status);
        if (write(result, line, strlen(line)) != (ssize_t)strlen(line))
                return 2;
        return status;
}
