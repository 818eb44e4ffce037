/*
 * A manifest: the rows of a batch, read one after the other, never as a whole.
 *
 * CSV (RFC 4180: quotes, doubled quotes, line ends within quotes; CR LF, LF or CR; a byte order
 * mark is skipped) with a header, or JSON lines (one object a line; it begins with '{').  Blank
 * lines are no rows.  Blanks around a value are part of it.  An empty value is an absent one.
 *
 * Every error is ERROR_INPUT and says line and column: in CSV the number and name of the column, in
 * JSON lines the byte within the line.
 */
#ifndef CLI_MANIFEST_H
#define CLI_MANIFEST_H

#include "base/bytes.h"
#include "base/err.h"

/* The columns there are (cli.md, "Manifest"). */
enum manifest_column {
        COLUMN_NAME,
        COLUMN_SUBJECT,
        COLUMN_SAN,
        COLUMN_TOKEN,
        COLUMN_KEY_TYPE,
        COLUMN_LABEL,
        COLUMN_ID,
        COLUMN_PROFILE,
        COLUMN_TEMPLATE,
        COLUMN_VALIDITY,
        COLUMN_HOLDER,
        COLUMN_PLACE,
        COLUMN_ATTRIBUTE, /* attr.*: one of several */
        COLUMNS
};

const char *manifest_column_name(enum manifest_column column);

struct manifest_cell {
        enum manifest_column column;
        const char *name; /* as in the manifest: "san", "attr.batch" */
        char *text;       /* UTF-8 without NUL; never empty */
        int64_t line;
        int64_t place; /* number of the column, or byte within the line; both from 1 */
};

/* Where a row begins, enough to read it again. */
struct manifest_place {
        int64_t offset;
        int64_t line;   /* from 1 */
        int64_t number; /* of the row, from 1 */
};

struct manifest_row {
        struct manifest_place place;
        struct manifest_cell *cells;
        size_t count;
        char **names; /* of JSON members, which the cells borrow */
        size_t name_count;
};

void manifest_row_clear(struct manifest_row *row);

/* The cell of a column, or NULL.  For COLUMN_ATTRIBUTE the first. */
const struct manifest_cell *manifest_row_cell(const struct manifest_row *row,
                                              enum manifest_column column);

struct manifest;

/*
 * Open a file ("-": standard input, which is copied to a temporary file first, as is a pipe) and
 * read its header.  errors: ERROR_INPUT; an unknown column names the nearest one.
 */
struct manifest *manifest_open(const char *path, struct error *err);
void manifest_close(struct manifest *manifest); /* NULL does nothing */
void manifest_cleanup(struct manifest **manifest);

const char *manifest_path(const struct manifest *manifest);

/* The next row into `row`, which is cleared first; `*end` when there is none. */
bool manifest_next(struct manifest *manifest, struct manifest_row *row, bool *end,
                   struct error *err) MUST_CHECK;

/* manifest_next failed: is it known all the same where the next row begins? */
bool manifest_goes_on(const struct manifest *manifest);

/* Go on at a row that was read before. */
bool manifest_seek(struct manifest *manifest, const struct manifest_place *place,
                   struct error *err) MUST_CHECK;

/* Say where: "FILE, line 3, column 2 (san)". */
bool manifest_blame_cell(const struct manifest *manifest, const struct manifest_cell *cell,
                         struct error *err);
bool manifest_blame_row(const struct manifest *manifest, const struct manifest_row *row,
                        struct error *err);

#endif
