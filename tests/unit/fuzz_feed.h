/*
 * Feeds a fuzz target inputs that are changed in a few places: the same ones in every run.
 */
#ifndef TESTS_UNIT_FUZZ_FEED_H
#define TESTS_UNIT_FUZZ_FEED_H

#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Change an input in one place. */
void fuzz_mutate(uint32_t *seed, struct buf *input);

/* The next number of the sequence of `seed`, which is not 0. */
uint32_t fuzz_random(uint32_t *seed);

/* Feed an input as it is, and `rounds` times changed in one to four places. */
void fuzz_feed(struct view input, int rounds, uint32_t seed);

#endif
