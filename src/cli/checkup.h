/*
 * The rows of `doctor`: what was tried, what came of it, what to mend.
 */
#ifndef CLI_CHECKUP_H
#define CLI_CHECKUP_H

#include "cli/cloud.h"

enum result { RESULT_OK, RESULT_WARN, RESULT_FAIL, RESULT_SKIP };

/* The rows so far. */
struct checkup {
        struct command *command;
        cJSON *rows;
        struct error first; /* of the first row that failed */
};

/* Add a row; `next` (may be NULL) says what to mend. */
void checkup_add(struct checkup *checkup, const char *name, enum result result, const char *detail,
                 const char *next);
void checkup_ok(struct checkup *checkup, const char *name, const char *format, ...) PRINTF(3, 4);
void checkup_fail(struct checkup *checkup, const char *name, const struct error *err);

/*
 * Who AWS says we are, and whether that is known to be limited; opens `cloud`, which the caller
 * cleans up.  False when nothing can be asked of AWS.
 */
bool checkup_identity(struct checkup *checkup, struct cloud *cloud) MUST_CHECK;

/*
 * The station's own login, where Roles Anywhere is configured: its key, its certificate by the
 * rules of Roles Anywhere, and what it takes to shut it out.  Adds nothing otherwise.
 */
void checkup_station(struct checkup *checkup);

/* Would its trust anchor take what the CA issues?  After checkup_station(); needs --ca. */
void checkup_anchor(struct checkup *checkup, struct cloud *cloud);

#endif
