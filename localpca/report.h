/*
 * Audit reports: every certificate that a CA issued or revoked, as JSON or CSV, in a file under the
 * folder that stands for S3.
 */
#ifndef LOCALPCA_REPORT_H
#define LOCALPCA_REPORT_H

#include "base/bytes.h"
#include "base/err.h"

struct report {
        char *state;       /* the state folder, read through a connection of its own */
        char *path;        /* the file to write; its folders are made */
        int64_t authority; /* row of the CA */
        char *authority_arn;
        char *account;
        bool csv;
};

void report_clear(struct report *report);

/* Write it; takes time with the number of certificates.  ERROR_FILE, ERROR_DISK_FULL */
bool report_write(const struct report *report, struct error *err) MUST_CHECK;

#endif
