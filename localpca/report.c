#include "localpca/report.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "localpca/store.h"
#include "localpca/x509.h"

void
report_clear(struct report *report)
{
        free(report->state);
        free(report->path);
        free(report->authority_arn);
        free(report->account);
        *report = (struct report){ 0 };
}

/* The columns, in AWS's order. */
enum column {
        ACCOUNT,
        SERVICE,
        ARN,
        SERIAL,
        SUBJECT,
        NOT_BEFORE,
        NOT_AFTER,
        ISSUED_AT,
        REVOKED_AT,
        REASON,
        TEMPLATE,
        COLUMNS
};

static const char *const column_names[COLUMNS] = {
        [ACCOUNT] = "awsAccountId", [SERVICE] = "requestedByServicePrincipal",
        [ARN] = "certificateArn",   [SERIAL] = "serial",
        [SUBJECT] = "subject",      [NOT_BEFORE] = "notBefore",
        [NOT_AFTER] = "notAfter",   [ISSUED_AT] = "issuedAt",
        [REVOKED_AT] = "revokedAt", [REASON] = "revocationReason",
        [TEMPLATE] = "templateArn",
};

struct writing {
        const struct report *report;
        FILE *file;
        bool any;
};

/* "2026-11-21T21:00:00+0000" */
static char *
time_text(int64_t when)
{
        time_t seconds = (time_t)when;
        struct tm civil;
        char text[40];

        gmtime_r(&seconds, &civil);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S+0000", &civil);
        return text_copy(text);
}

static char *
subject_text(const X509_NAME *name)
{
        BIO *bio = BIO_new(BIO_s_mem());
        char *data = NULL, *copy = NULL;

        if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
                long len = BIO_get_mem_data(bio, &data);
                copy = text_copy_length(data, (size_t)len);
        }
        BIO_free(bio);
        return copy;
}

static void
row_fill(const struct report *report, const struct issued *issued, char *cells[COLUMNS])
{
        CLEANUP(name_cleanup) X509_NAME *subject = NULL;
        int64_t not_before, not_after;
        char *id = hex_encode(view_of(issued->serial, sizeof(issued->serial)));

        cells[ACCOUNT] = issued->service ? NULL : text_copy(report->account);
        cells[SERVICE] = issued->service ? text_copy("acm.amazonaws.com") : NULL;
        cells[ARN] = text_format("%s/certificate/%s", report->authority_arn, id);
        cells[SERIAL] = serial_colons(view_of(issued->serial, sizeof(issued->serial)));
        if (certificate_outline(view_buf(&issued->der), &subject, &not_before, &not_after)) {
                cells[SUBJECT] = subject_text(subject);
                cells[NOT_BEFORE] = time_text(not_before);
                cells[NOT_AFTER] = time_text(not_after);
        }
        cells[ISSUED_AT] = time_text(issued->issued_ms / 1000);
        cells[REVOKED_AT] = issued->revoked_at ? time_text(issued->revoked_at) : NULL;
        cells[REASON] = text_copy(issued->reason);
        cells[TEMPLATE] = text_copy(issued->template_arn);
        free(id);
}

static void
json_row_write(struct writing *writing, char *const cells[COLUMNS])
{
        cJSON *object = cJSON_CreateObject();

        for (size_t i = 0; i < COLUMNS; i++)
                if (cells[i])
                        cJSON_AddStringToObject(object, column_names[i], cells[i]);
        char *text = cJSON_PrintUnformatted(object);
        fprintf(writing->file, "%s%s", writing->any ? ",\n" : "[\n", text);
        cJSON_free(text);
        cJSON_Delete(object);
}

/* RFC 4180: quoted where a comma, a quote or a line break asks for it. */
static void
csv_cell_write(FILE *file, const char *text)
{
        if (!strpbrk(text, ",\"\r\n")) {
                fputs(text, file);
                return;
        }
        fputc('"', file);
        for (; *text; text++) {
                if (*text == '"')
                        fputc('"', file);
                fputc(*text, file);
        }
        fputc('"', file);
}

static void
csv_row_write(FILE *file, const char *const cells[COLUMNS])
{
        for (size_t i = 0; i < COLUMNS; i++) {
                if (i)
                        fputc(',', file);
                csv_cell_write(file, cells[i] ? cells[i] : "");
        }
        fputc('\n', file);
}

static bool
row_write(void *context, const struct issued *issued)
{
        struct writing *writing = context;
        char *cells[COLUMNS] = { 0 };

        if (issued->failed)
                return true;
        row_fill(writing->report, issued, cells);
        if (writing->report->csv)
                csv_row_write(writing->file, (const char *const *)cells);
        else
                json_row_write(writing, cells);
        writing->any = true;
        for (size_t i = 0; i < COLUMNS; i++)
                free(cells[i]);
        return !ferror(writing->file);
}

static bool
rows_write(struct writing *writing, struct error *err)
{
        const struct report *report = writing->report;
        struct store *store = store_open_reader(report->state, err);
        bool done = store != NULL;

        if (done && report->csv)
                csv_row_write(writing->file, column_names);
        done = done && store_issued_each(store, report->authority, false, row_write, writing, err);
        if (done && !report->csv)
                fputs(writing->any ? "\n]\n" : "[]\n", writing->file);
        store_close(store);
        return done;
}

bool
report_write(const struct report *report, struct error *err)
{
        const char *slash = strrchr(report->path, '/');
        char *folder = text_copy_length(report->path, (size_t)(slash - report->path));
        char *temporary = text_format("%s.part", report->path);
        struct writing writing = { .report = report };
        bool done = file_make_folder(folder, 0700, err);

        if (done && !(writing.file = fopen(temporary, "we")))
                done = error_set(err, ERROR_FILE, "cannot write '%s': %s", temporary,
                                 strerror(errno));
        done = done && rows_write(&writing, err);
        if (writing.file && fclose(writing.file) != 0)
                done = error_set(err, ERROR_FILE, "cannot write '%s': %s", temporary,
                                 strerror(errno));
        if (done && rename(temporary, report->path) != 0)
                done = error_set(err, ERROR_FILE, "cannot write '%s': %s", report->path,
                                 strerror(errno));
        if (!done && writing.file)
                unlink(temporary);
        free(folder);
        free(temporary);
        return done;
}
