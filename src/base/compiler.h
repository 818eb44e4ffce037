/*
 * The few words we add to C: attributes, scoped clean-up, array lengths.
 */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The caller has to look at what the function returns. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* The compiler checks the arguments against the format string. */
#define PRINTF(format_index, first_argument) \
        __attribute__((format(printf, format_index, first_argument)))

/* Run `function(&variable)` when the variable leaves its scope. */
#define CLEANUP(function) __attribute__((cleanup(function)))

/*
 * Hand a pointer on: its value, leaving NULL behind for the clean-up.  The argument is evaluated
 * once, so that it may be `list[next++]`.
 */
#define MOVE(pointer)                                    \
        (__extension__({                                 \
                __typeof__(pointer) *slot_ = &(pointer); \
                __typeof__(pointer) moved_ = *slot_;     \
                *slot_ = NULL;                           \
                moved_;                                  \
        }))

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Free what a `char *` (or any pointer from malloc) holds; for CLEANUP. */
void free_cleanup(void *pointer_to_pointer);

#endif
