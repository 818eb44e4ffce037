/*
 * Orders and errors as people and programs see them: text and JSON.  Pure: nothing is printed here.
 *
 * What comes from tokens and from AWS may hold anything: it is made printable for a terminal, and
 * valid UTF-8 for JSON.
 */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "base/err.h"
#include "order/order.h"

/* The object that cli.md promises; `order` NULL or number 0: "order" is null.  Caller deletes. */
cJSON *show_order_json(const struct order *order);

/* The error's object, or null for ERROR_NONE. */
cJSON *show_error_json(const struct error *err);

/* Advise what moves an order on, or where it stands, in the commands for just this order. */
bool show_way_on(const struct order *order, struct error *err);

/* "p11cert: what / on: / next:", AWS's own words (in short) where there are any; wrapped at `width`
 * unless 0.
 */
void show_error_text(struct buf *out, const struct error *err, bool color, size_t width);

/* `text` in a column of a table, a blank behind it; what is longer pushes the rest to the right. */
void show_cell(struct buf *out, const char *text, size_t columns);

/*
 * `text`, of which the first line starts at column `indent`, and the others are indented to it;
 * broken between words where it would pass `width` (0: nowhere).
 */
void show_wrapped(struct buf *out, const char *text, size_t indent, size_t width);

/* Everything of an order (show), what counts after it was moved (issue), one line (list). */
void show_order_text(struct buf *out, const struct order *order);
void show_order_summary(struct buf *out, const struct order *order);
void show_order_line(struct buf *out, const struct order *order);

/* The head over show_order_line()'s columns. */
const char *show_order_head(void);

/* Add one line "name   value" in the columns that all text output has; NULL or "" adds nothing. */
void show_fact(struct buf *out, const char *name, const char *value);
/* The same for a text of several lines, below one another; `name` is `columns` wide. */
void show_lines(struct buf *out, int columns, const char *name, const char *text);
void show_fact_format(struct buf *out, const char *name, const char *format, ...) PRINTF(3, 4);

/* Times: "2026-11-21T21:00:00Z", null for 0. */
void show_add_time(cJSON *object, const char *name, int64_t when);

/* A string that is valid UTF-8 whatever `text` is; null for NULL and "". */
void show_add_text(cJSON *object, const char *name, const char *text);

/* The same as an element of an array. */
void show_add_item(cJSON *array, const char *text);

/* What was asked for beyond subject and names (show_wishes.c). */
cJSON *show_wishes_json(const struct wishes *wishes);
void show_wishes_text(struct buf *out, const struct wishes *wishes);

/* `text` without control characters and broken UTF-8, for terminals; the caller frees. */
char *show_printable(const char *text);

/* Lines as one line, "; " between them.  The caller frees. */
char *show_joined(const char *lines);

#endif
