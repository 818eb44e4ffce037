/*
 * The regular expressions of the service models, matched against whole strings of UTF-8.
 *
 * Groups, alternatives, classes with ranges or negated, \w, \d, \uXXXX, \p{L}, \p{N}, \p{Z}, and
 * the quantifiers ? * + {n} {n,m}: what the table of facts uses, and no more.  Matching backtracks,
 * so check the length first; single characters under a quantifier take no stack.
 */
#ifndef LOCALPCA_PATTERN_H
#define LOCALPCA_PATTERN_H

#include "base/compiler.h"

/* Does the whole of `text` match?  `pattern` is one of ours: a malformed one is an assert. */
bool pattern_matches(const char *pattern, const char *text) MUST_CHECK;

/* The length of a UTF-8 string in characters (code points). */
size_t pattern_characters(const char *text);

#endif
