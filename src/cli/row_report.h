/*
 * The report of a batch: a line for each row as soon as it is known what became of it, flushed so
 * that it can be read while it grows.  CSV (RFC 4180), or JSON lines where the file's name ends in
 * .json, .jsonl or .ndjson.
 */
#ifndef CLI_ROW_REPORT_H
#define CLI_ROW_REPORT_H

#include "base/bytes.h"
#include "base/err.h"
#include "order/order.h"

/* What became of a row. */
enum row_result {
        ROW_DELIVERED,   /* in this run */
        ROW_SKIPPED,     /* it was delivered before */
        ROW_FAILED,      /* a verdict, or something in the way */
        ROW_PENDING,     /* the CA has not issued yet */
        ROW_INTERRUPTED, /* begun, and stopped by a signal */
        ROW_NOT_BEGUN,   /* its token or its CA is out of use; the error says why */
        ROW_RESULTS
};

/* "delivered", "skipped", "failed", "pending", "interrupted", "not-begun". */
const char *row_result_name(enum row_result result);

struct row_line {
        int64_t row;
        int64_t line;
        const char *name;
        enum row_result result;
        const struct order *order; /* NULL: there is none */
        const struct error *error; /* NULL: that of the order */
};

struct row_report;

/* A new file, 0600; one that is there is replaced.  ERROR_FILE, ERROR_DISK_FULL. */
struct row_report *row_report_open(const char *path, struct error *err);

/* Add a line.  After a failure nothing more is written; row_report_close() tells. */
void row_report_add(struct row_report *report, const struct row_line *line);

/* Close, on the disk; NULL does nothing.  ERROR_FILE, ERROR_DISK_FULL: the report is not whole. */
bool row_report_close(struct row_report *report, struct error *err) MUST_CHECK;

#endif
