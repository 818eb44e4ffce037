/*
 * An INI text, line by line.  Nothing is cut: what is too long is said to be.
 *
 *     KEY = VALUE    blanks around both do not count; a blank and ';' behind a value begin a
 * comment [SECTION] # comment, ; comment, empty lines
 */
#ifndef CLI_INI_H
#define CLI_INI_H

#include "base/bytes.h"

enum { INI_LINE_MOST = 16384 };

enum ini_kind { INI_END, INI_SECTION, INI_PAIR, INI_WRONG };

/* Where the reading is; `{ .at = text, }` begins. */
struct ini {
        const char *at;
        unsigned line; /* number of the line that was read last, from 1 */

        /* of the line that was read last; valid until the next, and owned here */
        char *name;         /* of the section or the key */
        char *value;        /* of a pair */
        const char *rule;   /* INI_WRONG: what is wrong */
        const char *advice; /* and what would be right */
};

/* Read up to the next line that says something. */
enum ini_kind ini_next(struct ini *ini);

void ini_clear(struct ini *ini);

#endif
