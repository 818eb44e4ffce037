/*
 * What every unit test needs: cmocka with its own includes in the right order.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"

/* Fail the test with the error's own words when `expression` is false. */
#define assert_done(expression, err)                                                     \
        do {                                                                             \
                if (!(expression))                                                       \
                        fail_msg("%s: %s [%s] %s", #expression, (err).what, (err).about, \
                                 (err).next);                                            \
        } while (0)

/* The call fails, and with this kind. */
#define assert_refused(expression, err, expected)                                            \
        do {                                                                                 \
                assert_false(expression);                                                    \
                assert_string_equal(error_kind_name((err).kind), error_kind_name(expected)); \
        } while (0)

#endif
