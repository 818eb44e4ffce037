/*
 * One of AWS's shared files (~/.aws/config, ~/.aws/credentials), read and kept in memory.
 *
 * They look like INI but are not what INI libraries read: values of any length (a session token
 * has over a thousand characters, and inih cuts lines at 200), no comments behind a value, blocks
 * that are nested by indentation.  And they hold secret keys, so the whole text lives in a struct
 * secret, is split up in place, and is wiped with it.
 */
#ifndef AWS_SHARED_H
#define AWS_SHARED_H

#include "base/bytes.h"
#include "base/err.h"

struct shared_key {
        const char *section; /* "profile pki", blanks and quotes reduced */
        const char *outer;   /* the key whose nested block this stands in, or NULL */
        const char *name;    /* lower case */
        char *value;         /* inside the file's text, as all of these */
        unsigned line;
};

struct shared_file {
        char *path;
        struct secret text;
        struct shared_key *keys; /* in the file's order */
        size_t count;
        const char **sections; /* every section once per heading, empty ones too */
        size_t section_count;
};

/*
 * Read a file.  One that does not exist is empty.
 *
 * errors  ERROR_CONFIG: cannot be read, over 1 MiB, or a line that is neither heading, key nor
 *         comment (its number is named, its text never quoted)
 */
bool shared_open(const char *path, struct shared_file *out, struct error *err) MUST_CHECK;
void shared_clear(struct shared_file *file);

/* The bytes of such a file, a NUL behind them; none where there is no file.  ERROR_CONFIG. */
bool shared_read(const char *path, struct secret *out, struct error *err) MUST_CHECK;

/* The value of a key (the last one wins; an empty one counts as absent), or NULL.  Borrowed. */
const char *shared_get(const struct shared_file *file, const char *section, const char *outer,
                       const char *name);

/* The same, with its line: NULL if there is none. */
const struct shared_key *shared_find(const struct shared_file *file, const char *section,
                                     const char *outer, const char *name);

bool shared_has_section(const struct shared_file *file, const char *section);

#endif
