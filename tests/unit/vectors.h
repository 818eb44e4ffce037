/*
 * Where test data lies: ours beside the sources, other people's beside the project, if at all.
 */
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"

/* A path below the sources' top folder; the caller frees. */
static inline char *
source_path(const char *below)
{
        const char *folder = getenv("srcdir");

        return text_format("%s/%s", folder ? folder : ".", below);
}

/* A path below the folder of reference material ($P11CERT_SHARED, ../shared); the caller frees. */
static inline char *
shared_path(const char *below)
{
        const char *folder = getenv("P11CERT_SHARED");

        if (folder && *folder)
                return text_format("%s/%s", folder, below);
        CLEANUP(free_cleanup) char *beside = text_format("../shared/%s", below);

        return source_path(beside);
}

/* The text of a file (`name` NULL: `folder` is its path); NULL when it is not there.  The caller
 * frees. */
static inline char *
read_text(const char *folder, const char *name)
{
        CLEANUP(free_cleanup)
        char *path = name ? text_format("%s/%s", folder, name) : text_copy(folder);
        CLEANUP(buf_cleanup) struct buf bytes = { 0 };
        struct error err = { 0 };

        if (!file_read(path, 4 * 1024 * 1024, &bytes, &err))
                return NULL;
        return text_copy_length(bytes.data, bytes.len);
}

#endif
