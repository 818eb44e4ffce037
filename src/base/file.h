/*
 * Files and folders, as a program that must not lose anything handles them.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

/*
 * Read a whole file of at most `most` bytes ("-" is standard input).
 * ERROR_INPUT if it cannot be read or is larger.
 */
bool file_read(const char *path, size_t most, struct buf *out, struct error *err) MUST_CHECK;

/* The same for a file that somebody named to us: an error says what a name has to be, too. */
bool file_read_named(const char *path, size_t most, struct buf *out, struct error *err) MUST_CHECK;

/*
 * Write a file atomically: a temporary file in the same folder with the final mode, written,
 * flushed to the disk, read back, renamed over `path`, and the folder flushed.  A reader sees the
 * old content or the new one, after a crash too.  A symbolic link at `path` is replaced, not
 * followed.
 *
 * errors: ERROR_DISK_FULL (ENOSPC, EDQUOT), ERROR_FILE
 */
bool file_write(const char *path, mode_t mode, struct view bytes, struct error *err) MUST_CHECK;

/* Who may do what with a file; (uid_t)-1 and (gid_t)-1 leave what is usual. */
struct file_access {
        mode_t mode;
        uid_t user;
        gid_t group;
};

/*
 * The same, with an owner, but on the disk only after file_flush(), or file_flush_system(), which
 * is quicker for many files.  After a crash before that, `path` may be empty or not there.  Owner
 * and mode are set before the file has its name, in this order.
 */
bool file_write_soon(const char *path, const struct file_access *access, struct view bytes,
                     struct error *err) MUST_CHECK;

/* Give a folder that is there another owner and mode.  ERROR_FILE */
bool file_set_access(const char *path, const struct file_access *access,
                     struct error *err) MUST_CHECK;

/* Bring a file, or a folder's list of names, to the disk. */
bool file_flush(const char *path, struct error *err) MUST_CHECK;

/* Bring everything that was written on the file system of `path` to the disk. */
bool file_flush_system(const char *path, struct error *err) MUST_CHECK;

/*
 * The same to where a person said.  A device, a pipe or /dev/stdout is written into: a file in its
 * place would take it from everybody.
 */
bool file_put(const char *path, mode_t mode, struct view bytes, struct error *err) MUST_CHECK;

/* Make a folder and those above it, all with `mode`; one that exists is left as it is. */
bool file_make_folder(const char *path, mode_t mode, struct error *err) MUST_CHECK;

/*
 * Could that folder be made, or be written into if it is there?  Looks and changes nothing.
 * ERROR_FILE names what is in the way.
 */
bool file_check_folder(const char *path, struct error *err) MUST_CHECK;

/* The absolute form of a path, symbolic links left alone; the caller frees. */
char *file_absolute(const char *path);

bool file_exists(const char *path);

/* Bytes free for us on the file system of `path`; -1 when that cannot be told. */
int64_t file_free_bytes(const char *path);

#endif
