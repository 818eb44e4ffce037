/*
 * Options whose texts are patterns (order/fill.h): filled as far as is known when the wishes are
 * read, with the place named where a wrong one was written.
 */
#ifndef CLI_PATTERN_H
#define CLI_PATTERN_H

#include "cli/options.h"
#include "order/fill.h"

struct patterns {
        const struct options *options;
        struct fill_facts facts; /* `later`: what only the token, or the name, will tell */
        unsigned needs;          /* of all patterns together */
};

/*
 * Look through the patterns that were given.  When one needs the token and the order's is not known
 * yet, all of them stay patterns: patterns->facts.later.
 *
 * row     of a manifest; 0: none
 * errors  ERROR_USAGE: as fill_needs()
 */
bool patterns_begin(struct patterns *patterns, const struct options *options,
                    const struct order *order, int64_t row, struct error *err) MUST_CHECK;

/* Does the option's text need the token?  False where it was not given. */
bool patterns_wait(const struct patterns *patterns, enum option_id id);

/* The option's text, filled; NULL in `out` where it was not given.  The caller frees. */
bool patterns_text(const struct patterns *patterns, enum option_id id, enum fill_place place,
                   char **out, struct error *err) MUST_CHECK;

/* A text that is no pattern, as `out` of the others would have it.  The caller frees. */
char *patterns_quote(const struct patterns *patterns, const char *text);

#endif
