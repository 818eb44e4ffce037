/*
 * When a certificate is to be renewed: so long before its end, or in the last part of its life.
 * Pure.
 */
#ifndef ORDER_RENEWAL_H
#define ORDER_RENEWAL_H

#include "base/bytes.h"
#include "base/err.h"

/* `{ 0 }`: nothing of its own, the general window counts. */
struct renewal {
        int64_t before_s; /* seconds before the end */
        unsigned percent; /* of the whole life, 1 to 99 */
};

/* "30d", "12h" or "33%"; ERROR_USAGE with what would be right. */
bool renewal_parse(const char *text, struct renewal *out, struct error *err) MUST_CHECK;

/* The same form back, NULL for none; the caller frees. */
char *renewal_format(const struct renewal *renewal);

/* From when on it is to be renewed; `window_s` counts where there is nothing of its own. */
int64_t renewal_begins(const struct renewal *renewal, int64_t not_before, int64_t not_after,
                       int64_t window_s);

#endif
