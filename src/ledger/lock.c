/*
 * The lock of whoever moves orders: an open file description lock on STATE/ledger.lock, which ends
 * with its descriptor, whatever happens to the process.  The file says who holds it.
 */
#include "ledger/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

enum { POLL_MS = 20, HOLDER_MOST = 128 };

static void
fd_cleanup(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

static bool
lock_failed(struct ledger *ledger, struct error *err)
{
        int number = errno;
        bool full = number == ENOSPC || number == EDQUOT;
        bool read_only = number == EROFS || number == EACCES || number == EPERM;

        error_set(err,
                  full        ? ERROR_LEDGER_FULL
                  : read_only ? ERROR_LEDGER_READ_ONLY
                              : ERROR_LEDGER,
                  "cannot lock '%s': %s", ledger->lock_path, strerror(number));
        return error_advise(err, "see that the disk has space and that the state folder is "
                                 "writable for this user");
}

/* Who says to hold the lock: "4711 issue 1795305600".  Anything else is left unsaid. */
static bool
locked(struct ledger *ledger, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        struct error ignored;
        char pid[16], verb[33], since[24], when[CLOCK_TEXT];
        int64_t at = 0;

        if (!file_read(ledger->lock_path, HOLDER_MOST, &text, &ignored) ||
            sscanf(buf_text(&text), "%15[0-9] %32[a-z-] %23[0-9]", pid, verb, since) != 3 ||
            !number_parse(since, 0, INT64_C(1) << 40, &at))
                error_set(err, ERROR_LEDGER_LOCKED, "another p11cert is moving orders");
        else
                error_set(err, ERROR_LEDGER_LOCKED,
                          "another p11cert is moving orders: '%s', process %s, since %s", verb, pid,
                          clock_format(at, when));
        error_about(err, "ledger %s", ledger->path);
        return error_advise(err, "wait until it ends, or wait longer with --lock-wait");
}

static bool
try_lock(int fd, bool *taken)
{
        struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

        *taken = fcntl(fd, F_OFD_SETLK, &whole) == 0;
        return *taken || errno == EAGAIN || errno == EACCES || errno == EINTR;
}

static bool
sign_lock(int fd, const char *verb)
{
        CLEANUP(free_cleanup)
        char *text = text_format("%ld %.32s %lld\n", (long)getpid(), verb, (long long)clock_now());
        size_t length = strlen(text);

        return ftruncate(fd, 0) == 0 && pwrite(fd, text, length, 0) == (ssize_t)length;
}

bool
ledger_lock(struct ledger *ledger, const char *verb, int64_t wait_ms, struct error *err)
{
        static const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
        int64_t give_up = clock_boot_ms() + wait_ms;
        CLEANUP(fd_cleanup) int fd = -1;
        bool taken;

        assert(!ledger->read_only);
        if (ledger->lock_fd >= 0)
                return true;
        fd = open(ledger->lock_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 || fchmod(fd, 0600) != 0)
                return lock_failed(ledger, err);
        for (;;) {
                if (!try_lock(fd, &taken))
                        return lock_failed(ledger, err);
                if (taken)
                        break;
                if (clock_boot_ms() >= give_up)
                        return locked(ledger, err);
                nanosleep(&pause, NULL);
        }
        /* A full disk must not keep anybody from moving on: the lock holds without its signature,
         * and the first commit says what is wrong. */
        if (!sign_lock(fd, verb) && ftruncate(fd, 0) != 0)
                return lock_failed(ledger, err);
        ledger->lock_fd = fd;
        fd = -1;
        return true;
}

void
lock_release(struct ledger *ledger)
{
        if (ledger->lock_fd < 0)
                return;
        close(ledger->lock_fd);
        ledger->lock_fd = -1;
}
