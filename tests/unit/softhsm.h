/*
 * Real SoftHSM tokens in a folder of the test's own.
 */
#ifndef TESTS_UNIT_SOFTHSM_H
#define TESTS_UNIT_SOFTHSM_H

#include "tests/unit/unit.h"

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define SOFTHSM_PIN "1234"

/* Make the folder and point SOFTHSM2_CONF at it.  Use as a group's set-up and tear-down. */
int softhsm_begin(void **state);
int softhsm_end(void **state);

/* The folder; files of a test may be put there. */
const char *softhsm_folder(void);

/* Another token with this label and SOFTHSM_PIN; no module may be loaded at the time. */
void softhsm_add_token(const char *label);

/* Run a program and return its exit status; words end with NULL. */
int run_program(const char *const *words);

#endif
