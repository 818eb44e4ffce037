#include "cli/row_report.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/show.h"

struct row_report {
        char *path;
        FILE *file;
        bool json;
        int failed; /* errno of the first write that failed */
};

static const char *const names[] = {
        [ROW_DELIVERED] = "delivered",     [ROW_SKIPPED] = "skipped",
        [ROW_FAILED] = "failed",           [ROW_PENDING] = "pending",
        [ROW_INTERRUPTED] = "interrupted", [ROW_NOT_BEGUN] = "not-begun",
};
static_assert(ARRAY_LENGTH(names) == ROW_RESULTS, "a name for every result");

const char *
row_result_name(enum row_result result)
{
        return names[result];
}

static bool
ends_with(const char *text, const char *end)
{
        size_t length = strlen(text);
        size_t tail = strlen(end);

        return length >= tail && strcasecmp(text + length - tail, end) == 0;
}

static bool
set_errno(const char *path, int number, struct error *err)
{
        bool full = number == ENOSPC || number == EDQUOT;

        error_set(err, full ? ERROR_DISK_FULL : ERROR_FILE, "cannot write the report '%s': %s",
                  path, strerror(number));
        return error_advise(err, "the orders are in the ledger all the same: p11cert list");
}

static void
note_failure(struct row_report *report, bool good)
{
        if (!good && !report->failed)
                report->failed = errno ? errno : EIO;
}

struct row_report *
row_report_open(const char *path, struct error *err)
{
        FILE *file = fopen(path, "we");

        if (!file) {
                set_errno(path, errno, err);
                return NULL;
        }
        struct row_report *report = memory_new(1, sizeof(*report));

        report->path = text_copy(path);
        report->file = file;
        report->json =
                ends_with(path, ".json") || ends_with(path, ".jsonl") || ends_with(path, ".ndjson");
        if (!report->json)
                note_failure(report, fputs("row,line,name,result,order,state,serial,"
                                           "certificate_arn,not_before,not_after,token_label,"
                                           "token_serial,key_id,maybe_duplicate,certificate_file,"
                                           "error_kind,error\r\n",
                                           file) >= 0 &&
                                             fflush(file) == 0);
        return report;
}

/* In quotes where RFC 4180 wants them. */
static void
add_field(struct buf *out, const char *text)
{
        if (out->len)
                buf_add_byte(out, ',');
        if (!text)
                return;
        if (!text[strcspn(text, ",\"\r\n")]) {
                buf_add_text(out, text);
                return;
        }
        buf_add_byte(out, '"');
        for (; *text; text++) {
                if (*text == '"')
                        buf_add_byte(out, '"');
                buf_add_byte(out, (uint8_t)*text);
        }
        buf_add_byte(out, '"');
}

static void
add_time(struct buf *out, int64_t when)
{
        char text[CLOCK_TEXT];

        add_field(out, when ? clock_format(when, text) : NULL);
}

static void
add_number(struct buf *out, int64_t number)
{
        CLEANUP(free_cleanup) char *text = number ? text_format("%lld", (long long)number) : NULL;

        add_field(out, text);
}

static void
compose_csv(struct buf *out, const struct row_line *line, const struct error *error)
{
        static const struct order nothing;
        const struct order *order = line->order ? line->order : &nothing;
        CLEANUP(free_cleanup) char *id = NULL;
        CLEANUP(free_cleanup) char *what = show_printable(error->what);

        if (order->key_id.len)
                id = hex_encode(view_buf(&order->key_id));
        buf_format(out, "%lld", (long long)line->row);
        add_number(out, line->line);
        add_field(out, line->name);
        add_field(out, names[line->result]);
        add_number(out, order->number);
        add_field(out, order->number ? order_state_name(order->state) : NULL);
        add_field(out, order->serial);
        add_field(out, order->certificate_arn);
        add_time(out, order->not_before);
        add_time(out, order->not_after);
        add_field(out, order->token.label);
        add_field(out, order->token.serial);
        add_field(out, id);
        add_field(out, order->maybe_duplicate ? "true" : "false");
        add_field(out, order->file_certificate);
        add_field(out, error->kind != ERROR_NONE ? error_kind_name(error->kind) : NULL);
        add_field(out, error->kind != ERROR_NONE ? what : NULL);
        buf_add_text(out, "\r\n");
}

static void
compose_json(struct buf *out, const struct row_line *line, const struct error *error)
{
        cJSON *object = cJSON_CreateObject();
        cJSON *order = show_order_json(line->order);
        char *text;

        cJSON_AddNumberToObject(object, "row", (double)line->row);
        cJSON_AddNumberToObject(object, "line", (double)line->line);
        cJSON_AddStringToObject(object, "result", names[line->result]);
        while (order->child) {
                cJSON *item = cJSON_DetachItemViaPointer(order, order->child);

                cJSON_AddItemToObject(object, item->string, item);
        }
        cJSON_Delete(order);
        cJSON_DeleteItemFromObjectCaseSensitive(object, "name");
        show_add_text(object, "name", line->name);
        cJSON_DeleteItemFromObjectCaseSensitive(object, "error");
        cJSON_AddItemToObject(object, "error", show_error_json(error));
        text = cJSON_PrintUnformatted(object);
        buf_format(out, "%s\n", text);
        cJSON_free(text);
        cJSON_Delete(object);
}

void
row_report_add(struct row_report *report, const struct row_line *line)
{
        static const struct error nothing;
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        const struct error *error = line->error   ? line->error
                                    : line->order ? &line->order->error
                                                  : &nothing;

        if (!report || report->failed)
                return;
        if (report->json)
                compose_json(&text, line, error);
        else
                compose_csv(&text, line, error);
        note_failure(report, fwrite(text.data, 1, text.len, report->file) == text.len &&
                                     fflush(report->file) == 0);
}

bool
row_report_close(struct row_report *report, struct error *err)
{
        bool good = true;

        if (!report)
                return true;
        note_failure(report, fsync(fileno(report->file)) == 0 || errno == EINVAL || errno == EROFS);
        note_failure(report, fclose(report->file) == 0);
        if (report->failed)
                good = set_errno(report->path, report->failed, err);
        free(report->path);
        free(report);
        return good;
}
