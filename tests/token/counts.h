/*
 * The file of call counts (BREAKABLE_COUNTS): a line a function, added up over all processes that
 * use it.  It is mapped, so that what was counted is there after kill -9, too.
 */
#ifndef TESTS_TOKEN_COUNTS_H
#define TESTS_TOKEN_COUNTS_H

#include <stdbool.h>

#include "tests/token/rules.h"

/* Use this file; NULL: nothing is counted. */
void count_open(const char *path);

/* One more call; `concurrent`: while another thread was inside.  Callers hold the module's lock. */
void count_call(enum function function, bool concurrent);

#endif
