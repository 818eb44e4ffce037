/*
 * AWS's own managed policies, as far as Private CA and its tools are concerned.
 */
#ifndef LOCALPCA_MANAGED_H
#define LOCALPCA_MANAGED_H

#include <cjson/cJSON.h>

#include "base/bytes.h"

/* The document of "arn:PARTITION:iam::aws:policy/NAME"; NULL for one that is not here.  Borrowed.
 */
const cJSON *managed_find(const char *arn);

/* The n-th of them, counted from 0: name, path and text; NULL behind the last. */
struct managed {
        const char *name;
        const char *path; /* "/" or "/service-role/" */
        const char *text;
};
const struct managed *managed_at(size_t index);

/* The row of an ARN; NULL when it is none of these. */
const struct managed *managed_row(const char *arn);

#endif
