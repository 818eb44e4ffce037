#include "localpca/pca.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "localpca/access.h"
#include "localpca/anywhere.h"
#include "localpca/facts.h"
#include "localpca/validate.h"

#define TARGET_PREFIX "ACMPrivateCA."
#define JSON_TYPE "application/x-amz-json-1.1"

static const struct {
        const char *name;
        bool (*run)(struct call *call);
} operations[] = {
        { "IssueCertificate", operation_issue_certificate },
        { "GetCertificate", operation_get_certificate },
        { "RevokeCertificate", operation_revoke_certificate },
        { "GetCertificateAuthorityCertificate", operation_get_certificate_authority_certificate },
        { "DescribeCertificateAuthority", operation_describe_certificate_authority },
        { "ListCertificateAuthorities", operation_list_certificate_authorities },
        { "CreateCertificateAuthority", operation_create_certificate_authority },
        { "UpdateCertificateAuthority", operation_update_certificate_authority },
        { "DeleteCertificateAuthority", operation_delete_certificate_authority },
        { "RestoreCertificateAuthority", operation_restore_certificate_authority },
        { "GetCertificateAuthorityCsr", operation_get_certificate_authority_csr },
        { "ImportCertificateAuthorityCertificate",
          operation_import_certificate_authority_certificate },
        { "CreatePermission", operation_create_permission },
        { "ListPermissions", operation_list_permissions },
        { "DeletePermission", operation_delete_permission },
        { "PutPolicy", operation_put_policy },
        { "GetPolicy", operation_get_policy },
        { "DeletePolicy", operation_delete_policy },
        { "TagCertificateAuthority", operation_tag_certificate_authority },
        { "UntagCertificateAuthority", operation_untag_certificate_authority },
        { "ListTags", operation_list_tags },
        { "CreateCertificateAuthorityAuditReport",
          operation_create_certificate_authority_audit_report },
        { "DescribeCertificateAuthorityAuditReport",
          operation_describe_certificate_authority_audit_report },
};

/* -- the service -------------------------------------------------------------------------- */

int64_t
pca_now_ms(const struct pca *pca)
{
        return clock_now_ms() + pca->settings.clock_offset_ms;
}

static bool
stats_visit(void *context, int64_t row, const char *key, const cJSON *document, struct error *err)
{
        struct stats *stats = context;
        const cJSON *counts[] = { cJSON_GetObjectItemCaseSensitive(document, "issued"),
                                  cJSON_GetObjectItemCaseSensitive(document, "repeats_of_csr"),
                                  cJSON_GetObjectItemCaseSensitive(document, "repeats_of_key"),
                                  cJSON_GetObjectItemCaseSensitive(document, "revoked") };
        int64_t *targets[] = { &stats->issued, &stats->repeats_of_csr, &stats->repeats_of_key,
                               &stats->revoked };

        (void)row;
        (void)key;
        (void)err;
        for (size_t i = 0; i < ARRAY_LENGTH(counts); i++)
                if (cJSON_IsNumber(counts[i]))
                        *targets[i] = (int64_t)counts[i]->valuedouble;
        return true;
}

static bool
rules_read(struct pca *pca, struct error *err)
{
        const struct options *options = pca->options;

        for (size_t i = 0; i < options->rate_count; i++)
                if (!throttle_set(pca->throttle, options->rates[i], err))
                        return false;
        for (size_t i = 0; i < options->fault_count; i++)
                if (!faults_add(pca->faults, options->faults[i], err))
                        return false;
        return !options->identities ||
               identities_read(&pca->identities, options->identities, options->account, err);
}

/* Keys and reports that were being made when the last process ended. */
static bool
work_resume(struct pca *pca, struct error *err)
{
        for (size_t i = 0; i < pca->authorities.count; i++)
                if (pca->authorities.all[i]->status == AUTHORITY_CREATING)
                        authority_key_start(pca, pca->authorities.all[i]);
        return reports_resume(pca, err);
}

/* A CA's Region and account are in its ARN: they cannot be changed afterwards. */
static bool
state_is_ours(const struct pca *pca, struct error *err)
{
        const struct options *options = pca->options;
        const char *arn = pca->authorities.all[0]->arn;
        char *middle = text_format(":acm-pca:%s:%s:", options->region, options->account);
        bool ours = strstr(arn, middle) != NULL;

        free(middle);
        if (ours)
                return true;
        error_set(err, ERROR_CONFIG, "the state was made for another Region or account: %s", arn);
        error_about(err, "the folder '%s'", options->state);
        return error_advise(err, "give the --region and --account it was made with, or another "
                                 "--state folder");
}

bool
pca_open(struct pca *pca, const struct options *options, struct error *err)
{
        *pca = (struct pca){ .options = options,
                             .settings = { .latency_ms = options->latency_ms,
                                           .issue_delay_ms = options->issue_delay_ms,
                                           .clock_offset_ms = options->clock_offset_ms,
                                           .idempotency_window_ms = options->idempotency_window_ms,
                                           .iam_delay_ms = options->iam_delay_ms },
                             .throttle = throttle_new(),
                             .faults = faults_new(options->seed) };
        assert(!facts_name(OPERATIONS_MOST));
        pca->store = store_open(options->state, err);
        if (!pca->store || !authorities_load(&pca->authorities, pca->store, err))
                return false;
        if (!pca->authorities.count &&
            !authorities_found(&pca->authorities, pca->store, options->region, options->account,
                               options->key_kind, pca_now_ms(pca), err))
                return false;
        if (!state_is_ours(pca, err))
                return false;
        pca->worker = worker_new(err);
        const char *issuer = pca->authorities.all[1]->arn;
        return pca->worker && records_load(&pca->records, pca->store, err) &&
               anywhere_load(pca, err) &&
               identities_load(&pca->identities, &pca->records, pca->store, issuer,
                               options->account, err) &&
               rules_read(pca, err) &&
               store_document_each(pca->store, "setting", stats_visit, &pca->stats, err) &&
               store_commit(pca->store, err) && work_resume(pca, err);
}

void
pca_close(struct pca *pca)
{
        worker_free(pca->worker);
        authorities_clear(&pca->authorities);
        identities_clear(&pca->identities);
        records_clear(&pca->records);
        cJSON_Delete(pca->anywhere);
        throttle_free(pca->throttle);
        faults_free(pca->faults);
        store_close(pca->store);
        free(pca->endpoint);
        free(pca->plain_url);
        *pca = (struct pca){ 0 };
}

static void
counts_add(cJSON *object, const char *name, const int64_t counts[OPERATIONS_MOST])
{
        cJSON *per_operation = cJSON_AddObjectToObject(object, name);

        for (size_t i = 0; facts_name(i); i++)
                if (counts[i])
                        cJSON_AddNumberToObject(per_operation, facts_name(i), (double)counts[i]);
}

void
pca_stats(const struct pca *pca, struct buf *out)
{
        const struct stats *stats = &pca->stats;
        const struct {
                const char *name;
                int64_t value;
        } numbers[] = {
                { "issued", stats->issued },
                { "repeats_of_csr", stats->repeats_of_csr },
                { "repeats_of_key", stats->repeats_of_key },
                { "revoked", stats->revoked },
                { "unknown_operations", stats->unknown },
                { "connections", stats->connections },
                { "connections_open", stats->connections_open },
                { "connections_most", stats->connections_most },
        };
        cJSON *object = cJSON_CreateObject();

        counts_add(object, "requests", stats->requests);
        counts_add(object, "errors", stats->errors);
        for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
                cJSON_AddNumberToObject(object, numbers[i].name, (double)numbers[i].value);
        char *text = cJSON_PrintUnformatted(object);
        buf_add_text(out, text);
        cJSON_free(text);
        cJSON_Delete(object);
}

/* -- from the request to the answer ------------------------------------------------------- */

/* The index of the operation in the table of facts; -1 for an unknown one. */
static int
operation_index(const char *target)
{
        if (!target || !text_starts(target, TARGET_PREFIX))
                return -1;
        for (int i = 0; facts_operation((size_t)i); i++)
                if (strcmp(facts_operation((size_t)i), target + strlen(TARGET_PREFIX)) == 0)
                        return i;
        return -1;
}

/* Keys that are switched off or too new are not known, nor are those whose user is gone. */
static bool
is_known(const struct call *call, const struct identity *caller)
{
        if (caller->inactive || call->now_ms < caller->known_ms)
                return false;
        return !caller->record ||
               record_find(&call->pca->records, caller->is_role ? RECORD_ROLE : RECORD_USER,
                           caller->record);
}

static bool
caller_check(struct call *call, const struct sigv4_request *request,
             const struct sigv4_claim *claim)
{
        const char *token = sigv4_header(request, "X-Amz-Security-Token");
        struct identity *caller = identity_find(&call->pca->identities, claim->access_key_id);

        if (!caller || (caller->session_token != NULL) != (token != NULL) ||
            (token && strcmp(token, caller->session_token) != 0) || !is_known(call, caller))
                return refuse(&call->refusal, "UnrecognizedClientException",
                              "The security token included in the request is invalid.");
        if (caller->expires && call->now_ms / 1000 >= caller->expires)
                return refuse(&call->refusal, "ExpiredTokenException",
                              "The security token included in the request is expired");
        call->caller = caller;
        return true;
}

/* How each service calls a wrong signature, and how far a clock may be off. */
static const struct service_rules {
        const char *service, *mismatch_code;
        unsigned window_minutes;
        bool global; /* signed for the partition's one Region as well */
} services[] = {
        { "acm-pca", "InvalidSignatureException", 5, false },
        { "sts", "SignatureDoesNotMatch", 15, true },
        { "iam", "SignatureDoesNotMatch", 15, true },
        { "rolesanywhere", "InvalidSignatureException", 5, false },
};

/* Where the global endpoints of a partition are signed for. */
static const char *
global_region(const char *region)
{
        static const char *const homes[][2] = {
                { "cn-", "cn-north-1" },          { "us-gov-", "us-gov-west-1" },
                { "eusc-", "eusc-de-east-1" },    { "us-iso-", "us-iso-east-1" },
                { "us-isob-", "us-isob-east-1" }, { "us-isof-", "us-isof-south-1" },
                { "eu-isoe-", "eu-isoe-west-1" },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(homes); i++) {
                if (text_starts(region, homes[i][0]))
                        return homes[i][1];
        }
        return "us-east-1";
}

static void
use_note(const struct call *call, const char *service)
{
        struct identity *caller =
                identity_find(&call->pca->identities, call->caller->access_key_id);

        caller->used = call->now_ms / 1000;
        text_assign(&caller->used_service, service);
        text_assign(&caller->used_region, call->region);
}

bool
call_authenticate(struct call *call, const struct sigv4_request *request, const char *service)
{
        struct sigv4_claim claim = { 0 };
        struct sigv4_rules rules = { .region = call->pca->options->region,
                                     .service = service,
                                     .now = call->now_ms / 1000 };

        if (!sigv4_read(request, &claim, &call->refusal))
                return false;
        for (size_t i = 0; i < ARRAY_LENGTH(services); i++) {
                const char *global = global_region(rules.region);
                if (strcmp(services[i].service, service) != 0)
                        continue;
                rules.mismatch_code = services[i].mismatch_code;
                rules.window_minutes = services[i].window_minutes;
                if (services[i].global && strcmp(claim.region, global) == 0)
                        rules.region = global;
        }
        memcpy(call->region, claim.region, sizeof(call->region));
        if (call->fault.clock) /* as if the service were an hour ahead */
                rules.now += 60 * 60;
        if (!caller_check(call, request, &claim) ||
            !sigv4_check(request, &claim, &rules, &call->caller->secret, &call->refusal))
                return false;
        use_note(call, service);
        return true;
}

static bool
operation_run(struct call *call)
{
        for (size_t i = 0; i < ARRAY_LENGTH(operations); i++)
                if (strcmp(operations[i].name, call->operation) == 0)
                        return operations[i].run(call);
        return refuse(&call->refusal, "InternalFailure", "localpca has no %s", call->operation);
}

/* Faults that stand in for the service's own decision. */
static bool
fault_check(struct call *call)
{
        static const char *const codes[] = { "ThrottlingException", "AccessDeniedException",
                                             "ExpiredTokenException" };
        const char *error = call->fault.error;

        if (!error[0])
                return true;
        if (strcmp(error, codes[1]) == 0)
                return access_refuse(call);
        if (strcmp(error, codes[2]) == 0)
                return refuse(&call->refusal, codes[2],
                              "The security token included in the request is expired");
        return refuse(&call->refusal, error, "%s",
                      strcmp(error, codes[0]) == 0 ? "Rate exceeded" : "Asked for by --fault");
}

/* Nothing of a body is looked at before its sender is known. */
static bool
call_decide(struct call *call, const struct sigv4_request *request, cJSON **input)
{
        if (!call_authenticate(call, request, "acm-pca"))
                return false;
        *input = cJSON_ParseWithLength((const char *)request->body.data, request->body.len);
        call->input = *input;
        if (!cJSON_IsObject(*input))
                return refuse(&call->refusal, "SerializationException",
                              "The body is not a JSON object");
        if (!fault_check(call))
                return false;
        if (!validate(facts_input(call->operation), *input, &call->refusal))
                return false;
        if (!throttle_take(call->pca->throttle, call->operation, call->caller->account,
                           call->now_ms))
                return refuse(&call->refusal, "ThrottlingException", "Rate exceeded");
        return access_check(call) && operation_run(call);
}

static void
refusal_write(const struct refusal *refusal, struct answer *answer)
{
        cJSON *object = cJSON_CreateObject();
        /* AWS spells the member with a capital where the front end refuses. */
        bool capital = strcmp(refusal->code, "AccessDeniedException") == 0;

        cJSON_AddStringToObject(object, "__type", refusal->code);
        cJSON_AddStringToObject(object, capital ? "Message" : "message",
                                buf_text(&refusal->message));
        char *text = cJSON_PrintUnformatted(object);
        buf_set(&answer->body, view_text(text));
        cJSON_free(text);
        cJSON_Delete(object);
        answer->status = refusal_status(refusal->code);
}

static void
output_write(const struct call *call, struct answer *answer)
{
        char *text = call->output->child ? cJSON_PrintUnformatted(call->output) : NULL;

        answer->status = 200;
        if (text)
                buf_set(&answer->body, view_text(text));
        cJSON_free(text);
}

/* A failure of the service that is no error of the operation. */
static void
http_failure_write(unsigned status, struct answer *answer)
{
        answer->status = status;
        /* A 503 comes from something in front of the service, and has no body. */
        if (status != 503)
                buf_add_text(&answer->body, "{\"__type\":\"InternalFailure\"}");
}

void
pca_answer(struct pca *pca, const struct sigv4_request *request, struct answer *answer)
{
        int index = operation_index(sigv4_header(request, "X-Amz-Target"));
        struct call call = { .pca = pca, .now_ms = pca_now_ms(pca), .request = request };
        cJSON *input = NULL;
        bool done = false;

        random_uuid(answer->request_id);
        answer->content_type = JSON_TYPE;
        /* AWS chooses the protocol by the content type: another one knows no such operation. */
        const char *type = sigv4_header(request, "Content-Type");
        if (index < 0 || !type || !text_starts(type, JSON_TYPE)) {
                pca->stats.unknown++;
                refuse(&call.refusal, "UnknownOperationException", "%s", "");
                refusal_write(&call.refusal, answer);
                refusal_clear(&call.refusal);
                return;
        }
        call.operation = facts_operation((size_t)index);
        call.fault = faults_next(pca->faults, call.operation);
        answer->fault = call.fault;
        pca->stats.requests[index]++;
        if (!call.fault.http && !call.fault.reset_before) {
                call.output = cJSON_CreateObject();
                done = call_decide(&call, request, &input);
        }
        if (call.fault.http)
                http_failure_write(call.fault.http, answer);
        else if (done)
                output_write(&call, answer);
        else if (call.refusal.code)
                refusal_write(&call.refusal, answer);
        pca->stats.errors[index] += !done;
        refusal_clear(&call.refusal);
        cJSON_Delete(call.output);
        cJSON_Delete(input);
}

static bool
stats_save(struct pca *pca, struct error *err)
{
        const struct stats *stats = &pca->stats;
        cJSON *document = cJSON_CreateObject();

        cJSON_AddNumberToObject(document, "issued", (double)stats->issued);
        cJSON_AddNumberToObject(document, "repeats_of_csr", (double)stats->repeats_of_csr);
        cJSON_AddNumberToObject(document, "repeats_of_key", (double)stats->repeats_of_key);
        cJSON_AddNumberToObject(document, "revoked", (double)stats->revoked);
        bool done = store_document_put(pca->store, "setting", "stats", document, NULL, err);
        cJSON_Delete(document);
        return done;
}

/* Undo the turn, in memory as in the store. */
static bool
turn_undo(struct pca *pca, const struct error *why)
{
        struct error ignored = { 0 };

        store_rollback(pca->store);
        pca->broken = false;
        authorities_clear(&pca->authorities);
        records_clear(&pca->records);
        pca->stats.issued = pca->stats.repeats_of_csr = pca->stats.repeats_of_key = 0;
        pca->stats.revoked = 0;
        if (!authorities_load(&pca->authorities, pca->store, &ignored) ||
            !records_load(&pca->records, pca->store, &ignored) || !anywhere_load(pca, &ignored) ||
            !identities_reload(&pca->identities, pca->store, pca->options->account, &ignored) ||
            !store_document_each(pca->store, "setting", stats_visit, &pca->stats, &ignored))
                log_info("state-unreadable", "what='%s'", ignored.what);
        pca->writes_saved = pca->stats.issued + pca->stats.revoked;
        log_info("turn-undone", "what='%s'", why->what);
        return false;
}

bool
pca_commit(struct pca *pca, struct error *err)
{
        int64_t writes = pca->stats.issued + pca->stats.revoked;

        if (pca->broken) {
                error_set(err, ERROR_FILE, "the state could not be written");
                return turn_undo(pca, err);
        }
        if (writes != pca->writes_saved && !stats_save(pca, err))
                return turn_undo(pca, err);
        pca->writes_saved = writes;
        return store_commit(pca->store, err) || turn_undo(pca, err);
}

void
answer_unkept(struct answer *answer, const struct error *err)
{
        bool xml = answer->content_type && strcmp(answer->content_type, "text/xml") == 0;
        CLEANUP(free_cleanup)
        char *message = text_format("localpca: the state cannot be written (%s)",
                                    error_kind_name(err->kind));

        buf_clear(&answer->body);
        answer->status = 500;
        if (xml)
                buf_format(
                        &answer->body,
                        "<ErrorResponse><Error><Type>Receiver</Type><Code>InternalFailure</Code>"
                        "<Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>\n",
                        message, answer->request_id);
        else
                buf_format(&answer->body, "{\"__type\":\"InternalFailure\",\"message\":\"%s\"}",
                           message);
}

void
answer_clear(struct answer *answer)
{
        buf_clear(&answer->body);
}
