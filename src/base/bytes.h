/*
 * Bytes with a length: borrowed (`struct view`), owned (`struct buf`), secret (`struct secret`),
 * and the few encodings everybody needs.
 *
 * Running out of memory ends the program with a message: on the systems we run on it is not an
 * error that a caller could act upon.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/compiler.h"
#include "base/err.h"

/* Bytes of somebody else, valid as long as their owner keeps them.  `data` may be NULL if empty. */
struct view {
        const uint8_t *data;
        size_t len;
};

/* Bytes of our own.  `{ 0 }` is empty.  There is always a NUL behind the last byte once filled. */
struct buf {
        uint8_t *data;
        size_t len;
        size_t capacity;
};

/* -- memory ------------------------------------------------------------------------------- */

/* malloc, calloc, realloc, strdup, asprintf that never return NULL.  The caller frees. */
void *memory_new(size_t count, size_t size) __attribute__((malloc));
void *memory_grow(void *old, size_t count, size_t size);
char *text_copy(const char *text); /* NULL gives NULL */
char *text_copy_length(const void *bytes, size_t len);
char *text_format(const char *format, ...) PRINTF(1, 2);

/* Replace the text in `*slot` by a copy of `text` (NULL for none). */
void text_assign(char **slot, const char *text);

/* Both NULL, or both the same text. */
bool text_equal(const char *a, const char *b);
bool text_starts(const char *text, const char *prefix);

/* -- views and buffers -------------------------------------------------------------------- */

struct view view_of(const void *data, size_t len);
struct view view_text(const char *text); /* without the NUL; NULL is empty */
struct view view_buf(const struct buf *buf);
bool view_equal(struct view a, struct view b);

/* Make room for `more` bytes, so that adding them one by one allocates no more. */
void buf_reserve(struct buf *buf, size_t more);

void buf_add(struct buf *buf, struct view bytes);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_byte(struct buf *buf, uint8_t byte);
void buf_format(struct buf *buf, const char *format, ...) PRINTF(2, 3);
void buf_set(struct buf *buf, struct view bytes);
const char *buf_text(const struct buf *buf); /* as a C string; "" when empty */
void buf_clear(struct buf *buf);             /* frees; may be called twice */
void buf_cleanup(struct buf *buf);           /* the same, for CLEANUP */

/* -- encodings ---------------------------------------------------------------------------- */

/* Lower-case hex, two digits a byte; the caller frees. */
char *hex_encode(struct view bytes);

/* Hex of either case; colons between bytes are accepted.  ERROR_INPUT if it is anything else. */
bool hex_decode(const char *text, struct buf *out, struct error *err) MUST_CHECK;

/* Base64 with padding and without line breaks (RFC 4648, 4); the caller frees. */
char *base64_encode(struct view bytes);

/* Base64; white space between the characters is ignored.  ERROR_INPUT if it is anything else. */
bool base64_decode(struct view text, struct buf *out, struct error *err) MUST_CHECK;

/*
 * A whole number in decimal, nothing around it, between `least` and `most`.
 * False if it is anything else; `out` is untouched then.
 */
bool number_parse(const char *text, int64_t least, int64_t most, int64_t *out) MUST_CHECK;

/*
 * How many edits (insert, delete, replace, swap neighbours) turn `a` into `b`; for "did you mean".
 * Texts over 63 bytes count as far away.
 */
unsigned text_distance(const char *a, const char *b);

/* The word among `words` that is nearest to `wrong`, or NULL when none is near. */
const char *word_nearest(const char *wrong, const char *const *words, size_t count);

/* Fill with random bytes from the system (OpenSSL's RAND_bytes). */
void random_bytes(void *out, size_t len);

/* A random UUID, version 4, as 36 characters and a NUL (RFC 9562, 5.4). */
void random_uuid(char out[37]);

/* -- secrets ------------------------------------------------------------------------------ */

/*
 * A PIN or a secret key, and the only place where one lives: locked memory that is left out of
 * core dumps and wiped by secret_clear().  Nothing turns it into text; `{ 0 }` is "none".
 */
struct secret {
        uint8_t *data;
        size_t len;
        size_t capacity;
};

/* Room for `capacity` bytes (wiped first if there was something); `len` becomes 0. */
void secret_reserve(struct secret *secret, size_t capacity);
void secret_set(struct secret *secret, struct view bytes);
void secret_copy(struct secret *to, const struct secret *from);
struct view secret_view(const struct secret *secret);
void secret_clear(struct secret *secret);
void secret_cleanup(struct secret *secret);

/* Wipe bytes that held a secret on their way (a read buffer). */
void wipe(void *data, size_t len);

#endif
