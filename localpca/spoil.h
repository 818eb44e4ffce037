/*
 * Certificates that are not what was asked for: each word stands for one deviation.
 *
 *     wrong-key, wrong-subject, …   the words of spoil_word(); doc/localpca.md says what each does
 *
 * A deviation that finds nothing to change, as `policy-less` in a certificate without policies,
 * changes nothing.
 */
#ifndef LOCALPCA_SPOIL_H
#define LOCALPCA_SPOIL_H

#include "localpca/authority.h"

/* The bit of a word; false when there is none. */
bool spoil_named(const char *word, uint64_t *bit) MUST_CHECK;

/* The n-th word, counted from 0; NULL behind the last.  Its bit is 1 << index. */
const char *spoil_word(size_t index);

/*
 * Change a certificate of this CA as the bits say and sign it anew, with the algorithm of the CA's
 * own signature.  `der` is replaced.
 */
bool spoil(struct buf *der, uint64_t deviations, const struct authority *authority, int64_t now,
           struct error *err) MUST_CHECK;

#endif
