#include "localpca/query.h"

#include <stdlib.h>
#include <string.h>

#include "localpca/facts.h"
#include "localpca/json.h"
#include "localpca/validate.h"

static const struct service {
        const char *name, *version, *xmlns;
        const struct query_operation *operations;
        const struct facts_operation *facts;
} services[] = {
        { "sts", "2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/", sts_operations,
          facts_sts },
        { "iam", "2010-05-08", "https://iam.amazonaws.com/doc/2010-05-08/", iam_operations,
          facts_iam },
};

/* What the json protocol's codes are called here. */
static const struct {
        const char *json_code, *code;
} names[] = {
        { "UnrecognizedClientException", "InvalidClientTokenId" },
        { "ExpiredTokenException", "ExpiredToken" },
        { "MissingAuthenticationTokenException", "MissingAuthenticationToken" },
        { "IncompleteSignatureException", "IncompleteSignature" },
        { "ValidationException", "ValidationError" },
        { "SerializationException", "MalformedInput" },
        { "ThrottlingException", "Throttling" },
};

/* Statuses that are not 400 (the service models, and the list of common errors). */
static const struct {
        const char *code;
        unsigned status;
} statuses[] = {
        { "AccessDenied", 403 },
        { "ConcurrentModification", 409 },
        { "DeleteConflict", 409 },
        { "EntityAlreadyExists", 409 },
        { "EntityTemporarilyUnmodifiable", 409 },
        { "ExpiredToken", 403 },
        { "IDPRejectedClaim", 403 },
        { "InternalFailure", 500 },
        { "InvalidAuthenticationCode", 403 },
        { "InvalidClientTokenId", 403 },
        { "LimitExceeded", 409 },
        { "MissingAuthenticationToken", 403 },
        { "NoSuchEntity", 404 },
        { "PolicyEvaluation", 500 },
        { "ServiceFailure", 500 },
        { "SignatureDoesNotMatch", 403 },
};

bool
query_is_request(const struct sigv4_request *request)
{
        const char *type = sigv4_header(request, "Content-Type");

        return !sigv4_header(request, "X-Amz-Target") && type &&
               text_starts(type, "application/x-www-form-urlencoded");
}

static void
error_write(const struct service *service, const char *code, const char *message,
            struct answer *answer)
{
        cJSON *error = cJSON_CreateObject();

        answer->status = 400;
        for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++)
                if (strcmp(statuses[i].code, code) == 0)
                        answer->status = statuses[i].status;
        cJSON *inside = cJSON_AddObjectToObject(error, "Error");
        cJSON_AddStringToObject(inside, "Type", answer->status < 500 ? "Sender" : "Receiver");
        cJSON_AddStringToObject(inside, "Code", code);
        cJSON_AddStringToObject(inside, "Message", message);
        cJSON_AddStringToObject(error, "RequestId", answer->request_id);
        buf_format(&answer->body, "<ErrorResponse xmlns=\"%s\">", service->xmlns);
        xml_write(&answer->body, error);
        buf_add_text(&answer->body, "</ErrorResponse>\n");
        cJSON_Delete(error);
}

static void
refusal_write(const struct service *service, const struct refusal *refusal, bool known,
              struct answer *answer)
{
        const char *code = refusal->code;

        /* AssumeRoleWithWebIdentity has an ExpiredTokenException of its own. */
        for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
                if (strcmp(names[i].json_code, refusal->code) == 0 &&
                    !(known && strcmp(code, "ExpiredTokenException") == 0))
                        code = names[i].code;
        error_write(service, code, buf_text(&refusal->message), answer);
}

static void
output_write(const struct service *service, const struct query_operation *operation,
             const struct call *call, struct answer *answer)
{
        struct buf *out = &answer->body;

        answer->status = 200;
        buf_format(out, "<%sResponse xmlns=\"%s\">", call->operation, service->xmlns);
        if (call->output->child || operation->empty_result) {
                buf_format(out, "<%sResult>", call->operation);
                xml_write(out, call->output);
                buf_format(out, "</%sResult>", call->operation);
        }
        buf_format(out,
                   "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>"
                   "</%sResponse>\n",
                   answer->request_id, call->operation);
}

/* -- deciding ----------------------------------------------------------------------------- */

/* STS, unless the form's Version says otherwise: each service has one version. */
static const struct service *
service_of(const struct form *form)
{
        const char *version = form_value(form, "Version");

        for (size_t i = 0; version && i < ARRAY_LENGTH(services); i++)
                if (strcmp(services[i].version, version) == 0)
                        return &services[i];
        return &services[0];
}

static const struct query_operation *
operation_find(const struct service *service, const char *name)
{
        for (const struct query_operation *one = service->operations; name && one->name; one++)
                if (strcmp(one->name, name) == 0)
                        return one;
        return NULL;
}

/* For faults, rates and statistics; -1 for an operation that is not known. */
static int
operation_index(const struct service *service, const struct query_operation *operation)
{
        CLEANUP(free_cleanup)
        char *name = operation ? text_format("%s.%s", service->name, operation->name) : NULL;

        return name ? facts_index(name) : -1;
}

static const struct shape *
input_find(const struct service *service, const char *name)
{
        for (const struct facts_operation *one = service->facts; one->name; one++)
                if (strcmp(one->name, name) == 0)
                        return one->input;
        return NULL;
}

static bool
operation_missing(struct call *call, const char *name, const struct form *form)
{
        const char *version = form_value(form, "Version");

        if (!name)
                return refuse(&call->refusal, "MissingAction",
                              "The request must contain an action.");
        return refuse(&call->refusal, "InvalidAction", "Could not find operation %s for version %s",
                      name, version ? version : "NO_VERSION_SPECIFIED");
}

/* Faults that stand in for the service's own decision. */
static bool
fault_check(struct call *call)
{
        const char *error = call->fault.error;

        if (!error[0])
                return true;
        if (strcmp(error, "AccessDeniedException") == 0)
                return refuse(&call->refusal, "AccessDenied",
                              "User: %s is not authorized to perform: %s:%s",
                              call->caller ? call->caller->arn : "anonymous", call->service,
                              call->operation);
        if (strcmp(error, "ExpiredTokenException") == 0)
                return refuse(&call->refusal, error,
                              "The security token included in the request is expired");
        return refuse(&call->refusal, error, "%s",
                      strcmp(error, "ThrottlingException") == 0 ? "Rate exceeded"
                                                                : "Asked for by --fault");
}

/* `*known`: it went as far as the operation's own rules. */
static bool
call_decide(struct call *call, const struct service *service, const struct form *form,
            const struct query_operation *operation, bool *known)
{
        const char *name = form_value(form, "Action");

        if (!(operation && operation->is_unsigned) &&
            !call_authenticate(call, call->request, service->name))
                return false;
        if (!operation)
                return operation_missing(call, name, form);
        const struct shape *shape = input_find(service, operation->name);
        cJSON *input = form_input(form, shape);
        call->input = input;
        *known = fault_check(call) && validate(shape, input, &call->refusal) &&
                 (!call->caller ||
                  throttle_take(call->pca->throttle,
                                facts_name((size_t)operation_index(service, operation)),
                                call->caller->account, call->now_ms) ||
                  refuse(&call->refusal, "ThrottlingException", "Rate exceeded"));
        bool done = *known && operation->run(call);
        cJSON_Delete(input);
        call->input = NULL;
        return done;
}

void
query_answer(struct pca *pca, const struct sigv4_request *request, struct answer *answer)
{
        CLEANUP(form_clear) struct form form = { 0 };
        struct call call = { .pca = pca,
                             .now_ms = pca_now_ms(pca),
                             .request = request,
                             .output = cJSON_CreateObject() };
        bool known = false, done = false;
        bool readable = form_read(request->body, &form);
        const struct service *service = service_of(&form);
        const struct query_operation *operation =
                operation_find(service, form_value(&form, "Action"));

        random_uuid(answer->request_id);
        answer->content_type = "text/xml";
        call.service = service->name;
        call.operation = operation ? operation->name : NULL;
        int index = operation_index(service, operation);
        if (index < 0) {
                pca->stats.unknown++;
        } else {
                pca->stats.requests[index]++;
                call.fault = faults_next(pca->faults, facts_name((size_t)index));
                answer->fault = call.fault;
        }
        if (!readable)
                refuse(&call.refusal, "MalformedInput", "The form has too many fields");
        else if (call.fault.http)
                refuse(&call.refusal,
                       call.fault.http == 503 ? "ServiceUnavailable" : "InternalFailure",
                       "Asked for by --fault");
        else if (!call.fault.reset_before)
                done = call_decide(&call, service, &form, operation, &known);
        if (done)
                output_write(service, operation, &call, answer);
        else if (call.refusal.code)
                refusal_write(service, &call.refusal, known, answer);
        if (call.fault.http)
                answer->status = call.fault.http;
        if (index >= 0)
                pca->stats.errors[index] += !done;
        refusal_clear(&call.refusal);
        cJSON_Delete(call.output);
}
