/*
 * A folder of the test's own, gone after it.
 */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Make a folder (0700), in memory where that can be had; `path` takes its name.  0: done. */
static inline int
folder_make(char path[64])
{
        snprintf(path, 64, "%s/p11cert-unit-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        return mkdtemp(path) ? 0 : -1;
}

static inline int
folder_remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
        (void)status;
        (void)type;
        (void)where;
        return remove(path);
}

/* Remove it and everything below it.  0: done. */
static inline int
folder_remove(const char *path)
{
        return nftw(path, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
