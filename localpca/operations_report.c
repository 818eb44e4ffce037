/* Audit reports, written on the worker's thread. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "localpca/pca.h"
#include "localpca/report.h"

static const char KIND[] = "report";

struct report_job {
        struct job job;
        struct report report;
        char *id;
        cJSON *document;
        bool done;
};

static void
report_job_run(struct job *job)
{
        struct report_job *work = (struct report_job *)job;
        struct error ignored = { 0 };

        work->done = report_write(&work->report, &ignored);
}

static void
report_job_finish(struct job *job, struct pca *pca)
{
        struct report_job *work = (struct report_job *)job;
        struct error ignored = { 0 };

        if (pca) {
                cJSON_ReplaceItemInObjectCaseSensitive(work->document, "status",
                                                       cJSON_CreateString(work->done ? "SUCCESS"
                                                                                     : "FAILED"));
                /* If this cannot be kept, the report is written again after the next start. */
                (void)!store_document_put(pca->store, KIND, work->id, work->document, NULL,
                                          &ignored);
        }
        report_clear(&work->report);
        cJSON_Delete(work->document);
        free(work->id);
        free(work);
}

static const char *
member_text(const cJSON *object, const char *name)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void
report_start(struct pca *pca, const char *id, const cJSON *document)
{
        const struct authority *authority =
                authority_find(&pca->authorities, member_text(document, "authority"));
        const struct options *options = pca->options;
        struct report_job *work = memory_new(1, sizeof(*work));
        const char *key = member_text(document, "key");

        work->job = (struct job){ report_job_run, report_job_finish };
        work->id = text_copy(id);
        work->document = cJSON_Duplicate(document, true);
        work->report = (struct report){ .state = text_copy(options->state),
                                        .path = text_format("%s%s/%s/%s",
                                                            options->bucket ? options->bucket
                                                                            : options->state,
                                                            options->bucket ? "" : "/s3",
                                                            member_text(document, "bucket"), key),
                                        .authority = authority->row,
                                        .authority_arn = text_copy(authority->arn),
                                        .account = text_copy(authority->account),
                                        .csv = strcmp(key + strlen(key) - 4, ".csv") == 0 };
        worker_give(pca->worker, &work->job);
}

static bool
report_visit(void *context, int64_t row, const char *id, const cJSON *document, struct error *err)
{
        struct pca *pca = context;

        (void)row;
        (void)err;
        if (text_equal(member_text(document, "status"), "CREATING") &&
            authority_find(&pca->authorities, member_text(document, "authority")))
                report_start(pca, id, document);
        return true;
}

bool
reports_resume(struct pca *pca, struct error *err)
{
        return store_document_each(pca->store, KIND, report_visit, pca, err);
}

/* S3's rules for names; above all, nothing that leads out of the folder. */
static bool
bucket_check(struct call *call, const char *bucket)
{
        size_t len = strlen(bucket);
        bool good = isalnum((unsigned char)bucket[0]) && isalnum((unsigned char)bucket[len - 1]);

        for (const char *at = bucket; *at; at++)
                good = good && (islower((unsigned char)*at) || isdigit((unsigned char)*at) ||
                                *at == '-' || *at == '.');
        if (good && !strstr(bucket, ".."))
                return true;
        return refuse(&call->refusal, "InvalidArgsException",
                      "The s3BucketName %s is not the name of a bucket", bucket);
}

bool
operation_create_certificate_authority_audit_report(struct call *call)
{
        const char *bucket = call_text(call, "S3BucketName");
        const char *format = call_text(call, "AuditReportResponseFormat");
        struct authority *authority =
                call_authority_in(call, 1U << AUTHORITY_ACTIVE | 1U << AUTHORITY_DISABLED |
                                                1U << AUTHORITY_EXPIRED);
        struct error err = { 0 };
        char id[37];

        if (!authority || !bucket_check(call, bucket))
                return false;
        random_uuid(id);
        char *key = text_format("audit-report/%s/%s.%s", authority->id, id,
                                strcmp(format, "CSV") == 0 ? "csv" : "json");
        cJSON *document = cJSON_CreateObject();
        cJSON_AddStringToObject(document, "authority", authority->arn);
        cJSON_AddStringToObject(document, "status", "CREATING");
        cJSON_AddStringToObject(document, "bucket", bucket);
        cJSON_AddStringToObject(document, "key", key);
        cJSON_AddNumberToObject(document, "created_ms", (double)call->now_ms);
        /* The report has a connection of its own, and it must see this turn's certificates. */
        bool done = store_document_put(call->pca->store, KIND, id, document, NULL, &err) &&
                    store_commit(call->pca->store, &err);
        if (done) {
                report_start(call->pca, id, document);
                cJSON_AddStringToObject(call->output, "AuditReportId", id);
                cJSON_AddStringToObject(call->output, "S3Key", key);
        }
        cJSON_Delete(document);
        free(key);
        return done || call_broken(call, &err);
}

struct report_search {
        struct call *call;
        const struct authority *authority;
        const char *id;
        bool found;
};

static bool
report_describe(void *context, int64_t row, const char *id, const cJSON *document,
                struct error *err)
{
        struct report_search *search = context;
        cJSON *output = search->call->output;

        (void)row;
        (void)err;
        if (strcmp(id, search->id) != 0 ||
            !text_equal(member_text(document, "authority"), search->authority->arn))
                return true;
        search->found = true;
        cJSON_AddStringToObject(output, "AuditReportStatus", member_text(document, "status"));
        cJSON_AddStringToObject(output, "S3BucketName", member_text(document, "bucket"));
        cJSON_AddStringToObject(output, "S3Key", member_text(document, "key"));
        cJSON_AddNumberToObject(output, "CreatedAt",
                                cJSON_GetNumberValue(
                                        cJSON_GetObjectItemCaseSensitive(document, "created_ms")) /
                                        1000);
        return true;
}

bool
operation_describe_certificate_authority_audit_report(struct call *call)
{
        struct report_search search = { .call = call, .id = call_text(call, "AuditReportId") };
        struct error err = { 0 };

        search.authority = call_authority(call);
        if (!search.authority)
                return false;
        if (!store_document_each(call->pca->store, KIND, report_describe, &search, &err))
                return call_broken(call, &err);
        return search.found || refuse(&call->refusal, "ResourceNotFoundException",
                                      "Could not find the audit report %s", search.id);
}
