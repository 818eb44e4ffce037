/*
 * measure RESULT COMMAND [ARGUMENT…]: run the command and append to the file RESULT one line,
 *
 *     wall-us cpu-us peak-kib status all-kib
 *
 * Peak memory is the highest resident size of the command or of any process it waited for.  The
 * kernel starts that figure at the size of whoever forks, so this program stays small.  All-kib is
 * the most that all processes of the command held together, looked at every 50 ms: what each has
 * for itself, shared libraries left out.  CPU time counts all of them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
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

/* Resident less shared pages of one process of the session, in KiB; 0 for any other. */
static long
own_kib(const char *process, pid_t session)
{
        char path[64];
        long resident = 0, shared = 0;
        FILE *file;

        if (getsid((pid_t)strtol(process, NULL, 10)) != session)
                return 0;
        if (snprintf(path, sizeof(path), "/proc/%.20s/statm", process) < 0)
                return 0;
        file = fopen(path, "re");
        if (!file)
                return 0;
        if (fscanf(file, "%*d %ld %ld", &resident, &shared) != 2)
                resident = shared = 0;
        fclose(file);
        return (resident - shared) * (sysconf(_SC_PAGESIZE) / 1024);
}

static long
all_kib(pid_t session)
{
        DIR *processes = opendir("/proc");
        const struct dirent *entry;
        long sum = 0;

        while (processes && (entry = readdir(processes)) != NULL)
                if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
                        sum += own_kib(entry->d_name, session);
        if (processes)
                closedir(processes);
        return sum;
}

/* Wait for the command, and look at its memory meanwhile. */
static bool
watch(pid_t child, int *status, struct rusage *usage, long *most_kib)
{
        static const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
        sigset_t children;
        pid_t ended;

        sigemptyset(&children);
        sigaddset(&children, SIGCHLD);
        while ((ended = wait4(child, status, WNOHANG, usage)) == 0) {
                long kib;

                if (sigtimedwait(&children, NULL, &pause) == SIGCHLD)
                        continue;
                kib = all_kib(child);
                *most_kib = kib > *most_kib ? kib : *most_kib;
        }
        return ended == child;
}

int
main(int argc, char **argv)
{
        struct rusage usage;
        char line[160];
        int result, status;
        long started, most_kib = 0;
        sigset_t children;
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
        sigemptyset(&children);
        sigaddset(&children, SIGCHLD);
        sigprocmask(SIG_BLOCK, &children, NULL);
        started = now_us();
        child = fork();
        if (child == 0) {
                sigprocmask(SIG_UNBLOCK, &children, NULL);
                setsid();
                execvp(argv[2], argv + 2);
                fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
                _exit(127);
        }
        if (child < 0 || !watch(child, &status, &usage, &most_kib)) {
                fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
                return 2;
        }
        snprintf(line, sizeof(line), "%ld %ld %ld %d %ld\n", now_us() - started,
                 microseconds(&usage.ru_utime) + microseconds(&usage.ru_stime), usage.ru_maxrss,
                 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), most_kib);
        if (write(result, line, strlen(line)) != (ssize_t)strlen(line)) {
                fprintf(stderr, "measure: %s: %s\n", argv[1], strerror(errno));
                return 2;
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
