/*
 * Lists of texts, each entry and the list itself from the heap.  Pure.
 */
#ifndef ORDER_TEXT_LIST_H
#define ORDER_TEXT_LIST_H

#include "base/compiler.h"

void text_list_free(char **list, size_t count);

/* Append a copy of `text`. */
void text_list_add(char ***list, size_t *count, const char *text);

bool text_list_has(char *const *list, size_t count, const char *text);

/* Replace `*to` by a copy of the list. */
void text_list_copy(char ***to, size_t *to_count, char *const *from, size_t count);

/* Do two lists hold the same texts, equally often, in whatever order? */
bool text_list_same(char *const *a, size_t a_count, char *const *b, size_t b_count);

/* "a, b, c"; the caller frees. */
char *text_list_join(char *const *list, size_t count);

#endif
