#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static bool
set_errno(struct error *err, const char *doing, const char *path)
{
        int number = errno;
        bool full = number == ENOSPC || number == EDQUOT;

        error_set(err, full ? ERROR_DISK_FULL : ERROR_FILE, "cannot %s '%s': %s", doing, path,
                  strerror(number));
        if (full)
                error_advise(err, "free some space there and repeat the command; nothing is lost");
        error_advise(err, "see that this path can be used and repeat the command; nothing is lost");
        return false;
}

static void
fd_cleanup(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

bool
file_read(const char *path, size_t most, struct buf *out, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf bytes = { 0 };
        bool standard = strcmp(path, "-") == 0;
        CLEANUP(fd_cleanup)
        int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
        uint8_t chunk[16384];
        ssize_t got;

        if (fd < 0)
                return error_set(err, ERROR_INPUT, "cannot open '%s': %s", path, strerror(errno));
        while ((got = read(fd, chunk, sizeof(chunk))) != 0) {
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return error_set(err, ERROR_INPUT, "cannot read '%s': %s", path,
                                         strerror(errno));
                if ((size_t)got > most - bytes.len)
                        return error_set(err, ERROR_INPUT, "'%s' is larger than %zu bytes", path,
                                         most);
                buf_add(&bytes, view_of(chunk, (size_t)got));
        }
        buf_clear(out);
        *out = bytes;
        bytes = (struct buf){ 0 };
        return true;
}

bool
file_read_named(const char *path, size_t most, struct buf *out, struct error *err)
{
        if (file_read(path, most, out, err))
                return true;
        /* As the AWS CLI wants it. */
        if (text_starts(path, "file://") || text_starts(path, "fileb://"))
                return error_advise(err, "leave '%.*s' out: here a file is named by its path alone",
                                    (int)(strstr(path, "//") + 2 - path), path);
        return error_advise(err,
                            "name a file that is there and may be read; '-' is standard input");
}

static bool
write_all(int fd, struct view bytes)
{
        while (bytes.len) {
                ssize_t done = write(fd, bytes.data, bytes.len);

                if (done < 0 && errno == EINTR)
                        continue;
                if (done < 0)
                        return false;
                bytes = view_of(bytes.data + done, bytes.len - (size_t)done);
        }
        return true;
}

static bool
sync_folder(const char *path)
{
        CLEANUP(free_cleanup) char *copy = text_copy(path);
        CLEANUP(fd_cleanup) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd >= 0 && fsync(fd) == 0;
}

/* Does the file hold just that, as the system sees it now?  errno is 0 where it does not. */
static bool
reads_back(int fd, struct view bytes)
{
        uint8_t part[8192];
        size_t at = 0;

        for (;;) {
                ssize_t got = pread(fd, part, sizeof(part), (off_t)at);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return false;
                errno = 0;
                if ((size_t)got > bytes.len - at ||
                    (got && memcmp(part, bytes.data + at, (size_t)got) != 0))
                        return false;
                at += (size_t)got;
                /* A file that gives less than was asked for ends there; or is cut off. */
                if (at == bytes.len && (size_t)got < sizeof(part))
                        return true;
                if (got == 0)
                        return false;
        }
}

static bool
is_owner_set(const struct file_access *access)
{
        return access->user != (uid_t)-1 || access->group != (gid_t)-1;
}

/* Nobody else can open it before it has its owner; chown() may clear bits of the mode. */
static bool
fill(int fd, const char *path, const struct file_access *access, struct view bytes, bool flush,
     struct error *err)
{
        if (!write_all(fd, bytes) ||
            (is_owner_set(access) && fchown(fd, access->user, access->group) != 0) ||
            fchmod(fd, access->mode) != 0 || (flush && fsync(fd) != 0))
                return set_errno(err, "write", path);
        if (reads_back(fd, bytes))
                return true;
        return errno ? set_errno(err, "read back", path)
                     : error_set(err, ERROR_FILE, "'%s' does not hold what was written to it",
                                 path);
}

static bool
replace(const char *path, const struct file_access *access, struct view bytes, bool flush,
        struct error *err)
{
        CLEANUP(free_cleanup) char *temporary = text_format("%s.XXXXXX", path);
        int fd = mkostemp(temporary, O_CLOEXEC);

        if (fd < 0)
                return set_errno(err, "write", path);
        if (!fill(fd, path, access, bytes, flush, err)) {
                close(fd);
                unlink(temporary);
                return false;
        }
        if (close(fd) != 0 || rename(temporary, path) != 0) {
                set_errno(err, "write", path);
                unlink(temporary);
                return false;
        }
        return true;
}

bool
file_write(const char *path, mode_t mode, struct view bytes, struct error *err)
{
        const struct file_access access = { mode, (uid_t)-1, (gid_t)-1 };

        if (!replace(path, &access, bytes, true, err))
                return false;
        if (!sync_folder(path))
                return set_errno(err, "flush the folder of", path);
        return true;
}

bool
file_write_soon(const char *path, const struct file_access *access, struct view bytes,
                struct error *err)
{
        return replace(path, access, bytes, false, err);
}

bool
file_set_access(const char *path, const struct file_access *access, struct error *err)
{
        if ((!is_owner_set(access) || chown(path, access->user, access->group) == 0) &&
            chmod(path, access->mode) == 0)
                return true;
        return set_errno(err, "change owner and mode of", path);
}

bool
file_flush(const char *path, struct error *err)
{
        CLEANUP(fd_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);

        return (fd >= 0 && fsync(fd) == 0) || set_errno(err, "flush", path);
}

bool
file_flush_system(const char *path, struct error *err)
{
        CLEANUP(fd_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);

        return (fd >= 0 && syncfs(fd) == 0) || set_errno(err, "flush the file system of", path);
}

/*
 * Is it there and something else than a file: a device, a pipe, or the link to an open descriptor
 * (/dev/stdout)?  Put a file in its place, and it is gone for everybody.
 */
static bool
is_special(const char *path)
{
        static const char descriptors[] = "/proc/self/fd/";
        char target[sizeof(descriptors)];
        struct stat status;

        if (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
                return true;
        ssize_t length = readlink(path, target, sizeof(descriptors) - 1);

        return length == sizeof(descriptors) - 1 &&
               memcmp(target, descriptors, sizeof(descriptors) - 1) == 0;
}

static bool
write_through(const char *path, struct view bytes, struct error *err)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        bool done = fd >= 0 && write_all(fd, bytes);

        if (!done)
                set_errno(err, "write", path);
        if (fd >= 0 && close(fd) != 0 && done)
                return set_errno(err, "write", path);
        return done;
}

bool
file_put(const char *path, mode_t mode, struct view bytes, struct error *err)
{
        return is_special(path) ? write_through(path, bytes, err)
                                : file_write(path, mode, bytes, err);
}

bool
file_make_folder(const char *path, mode_t mode, struct error *err)
{
        CLEANUP(free_cleanup) char *part = text_copy(path);
        struct stat status;

        /* Mostly the last one alone is missing. */
        if (mkdir(path, mode) == 0 || (stat(path, &status) == 0 && S_ISDIR(status.st_mode)))
                return true;
        for (char *slash = part + 1;; slash++) {
                slash = strchr(slash, '/');
                if (slash)
                        *slash = '\0';
                if (mkdir(part, mode) != 0 && errno != EEXIST)
                        return set_errno(err, "make the folder", part);
                if (!slash)
                        break;
                *slash = '/';
        }
        if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
                errno = ENOTDIR;
                return set_errno(err, "make the folder", path);
        }
        return true;
}

bool
file_check_folder(const char *path, struct error *err)
{
        CLEANUP(free_cleanup) char *part = text_copy(path);
        struct stat status;
        char *slash;

        /* The nearest one that is there. */
        while (stat(part, &status) != 0) {
                slash = strrchr(part, '/');
                if (errno != ENOENT || !slash)
                        return set_errno(err, "make the folder", path);
                slash[slash == part] = '\0';
        }
        if (!S_ISDIR(status.st_mode))
                errno = ENOTDIR;
        else if (access(part, W_OK | X_OK) == 0)
                return true;
        return set_errno(err, "write into", part);
}

char *
file_absolute(const char *path)
{
        CLEANUP(free_cleanup) char *here = NULL;

        if (path[0] == '/')
                return text_copy(path);
        here = getcwd(NULL, 0);
        while (text_starts(path, "./"))
                path += 2 + strspn(path + 2, "/");
        if (!*path || strcmp(path, ".") == 0)
                return text_copy(here ? here : ".");
        return text_format("%s/%s", here ? here : ".", path);
}

bool
file_exists(const char *path)
{
        struct stat status;

        return stat(path, &status) == 0;
}

int64_t
file_free_bytes(const char *path)
{
        struct statvfs status;

        if (statvfs(path, &status) != 0)
                return -1;
        return (int64_t)status.f_bavail * (int64_t)status.f_frsize;
}
