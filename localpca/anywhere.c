#include "localpca/anywhere.h"

#include <stdlib.h>
#include <string.h>

#include "localpca/facts.h"
#include "localpca/json.h"
#include "localpca/query.h"
#include "localpca/validate.h"

#define SERVICE "rolesanywhere"

/* "{}" in a path stands for an id, which becomes the member `id` of the input. */
static const struct route {
        const char *operation, *method, *path, *id;
        unsigned status;
        enum anywhere_kind kind;
        bool (*run)(struct call *call, enum anywhere_kind kind); /* NULL: CreateSession */
} routes[] = {
        { "CreateSession", "POST", "/sessions", NULL, 201, 0, NULL },
        { "CreateTrustAnchor", "POST", "/trustanchors", NULL, 201, ANYWHERE_TRUST_ANCHOR,
          anywhere_create_trust_anchor },
        { "ListTrustAnchors", "GET", "/trustanchors", NULL, 200, ANYWHERE_TRUST_ANCHOR,
          anywhere_list },
        { "GetTrustAnchor", "GET", "/trustanchor/{}", "trustAnchorId", 200, ANYWHERE_TRUST_ANCHOR,
          anywhere_get },
        { "UpdateTrustAnchor", "PATCH", "/trustanchor/{}", "trustAnchorId", 200,
          ANYWHERE_TRUST_ANCHOR, anywhere_update_trust_anchor },
        { "DeleteTrustAnchor", "DELETE", "/trustanchor/{}", "trustAnchorId", 200,
          ANYWHERE_TRUST_ANCHOR, anywhere_delete },
        { "EnableTrustAnchor", "POST", "/trustanchor/{}/enable", "trustAnchorId", 200,
          ANYWHERE_TRUST_ANCHOR, anywhere_enable },
        { "DisableTrustAnchor", "POST", "/trustanchor/{}/disable", "trustAnchorId", 200,
          ANYWHERE_TRUST_ANCHOR, anywhere_disable },
        { "CreateProfile", "POST", "/profiles", NULL, 201, ANYWHERE_PROFILE,
          anywhere_create_profile },
        { "ListProfiles", "GET", "/profiles", NULL, 200, ANYWHERE_PROFILE, anywhere_list },
        { "GetProfile", "GET", "/profile/{}", "profileId", 200, ANYWHERE_PROFILE, anywhere_get },
        { "UpdateProfile", "PATCH", "/profile/{}", "profileId", 200, ANYWHERE_PROFILE,
          anywhere_update_profile },
        { "DeleteProfile", "DELETE", "/profile/{}", "profileId", 200, ANYWHERE_PROFILE,
          anywhere_delete },
        { "EnableProfile", "POST", "/profile/{}/enable", "profileId", 200, ANYWHERE_PROFILE,
          anywhere_enable },
        { "DisableProfile", "POST", "/profile/{}/disable", "profileId", 200, ANYWHERE_PROFILE,
          anywhere_disable },
        { "ImportCrl", "POST", "/crls", NULL, 201, ANYWHERE_CRL, anywhere_import_crl },
        { "ListCrls", "GET", "/crls", NULL, 200, ANYWHERE_CRL, anywhere_list },
        { "GetCrl", "GET", "/crl/{}", "crlId", 200, ANYWHERE_CRL, anywhere_get },
        { "UpdateCrl", "PATCH", "/crl/{}", "crlId", 200, ANYWHERE_CRL, anywhere_update_crl },
        { "DeleteCrl", "DELETE", "/crl/{}", "crlId", 200, ANYWHERE_CRL, anywhere_delete },
        { "EnableCrl", "POST", "/crl/{}/enable", "crlId", 200, ANYWHERE_CRL, anywhere_enable },
        { "DisableCrl", "POST", "/crl/{}/disable", "crlId", 200, ANYWHERE_CRL, anywhere_disable },
};

/* Statuses that are not 400 (the service's model, and the list of common errors). */
static const struct {
        const char *code;
        unsigned status;
} statuses[] = {
        { "AccessDeniedException", 403 },        { "ExpiredTokenException", 403 },
        { "IncompleteSignatureException", 403 }, { "InternalFailure", 500 },
        { "InvalidSignatureException", 403 },    { "MissingAuthenticationTokenException", 403 },
        { "ResourceNotFoundException", 404 },    { "ServiceUnavailable", 503 },
        { "ThrottlingException", 429 },          { "UnrecognizedClientException", 403 },
};

/* -- which operation ---------------------------------------------------------------------- */

/* Does a path fit a route's?  Then `id` (may be NULL) gets what stands for "{}". */
static bool
path_fits(const char *pattern, const char *path, struct view *id)
{
        const char *hole = strstr(pattern, "{}");
        size_t before = hole ? (size_t)(hole - pattern) : strlen(pattern);

        if (strncmp(path, pattern, before) != 0)
                return false;
        if (!hole)
                return path[before] == '\0';
        size_t len = strcspn(path + before, "/");
        /* A CRL to download is the CA's, not ours. */
        if (!len || memchr(path + before, '.', len) || strcmp(path + before + len, hole + 2) != 0)
                return false;
        if (id)
                *id = view_of(path + before, len);
        return true;
}

static const struct route *
route_find(const char *method, const char *path, struct view *id)
{
        for (size_t i = 0; i < ARRAY_LENGTH(routes); i++)
                if (strcmp(routes[i].method, method) == 0 && path_fits(routes[i].path, path, id))
                        return &routes[i];
        return NULL;
}

bool
anywhere_is_request(const char *method, const char *path)
{
        return route_find(method, path, NULL) != NULL;
}

/* -- the input ---------------------------------------------------------------------------- */

static const struct shape *
input_find(const char *operation)
{
        for (const struct facts_operation *one = facts_rolesanywhere; one->name; one++)
                if (strcmp(one->name, operation) == 0)
                        return one->input;
        return NULL;
}

/* Parameters of the query, as the shape has them: numbers become numbers. */
static void
query_add(const char *query, const struct shape *shape, cJSON *input)
{
        CLEANUP(form_clear) struct form form = { 0 };

        if (!query || !form_read(view_text(query), &form))
                return;
        for (size_t i = 0; i < shape->member_count; i++) {
                const struct member *member = &shape->members[i];
                const char *value = form_value(&form, member->name);
                int64_t number = 0;
                if (!value)
                        continue;
                cJSON_DeleteItemFromObjectCaseSensitive(input, member->name);
                if (member->shape->type == SHAPE_INTEGER &&
                    number_parse(value, INT32_MIN, INT32_MAX, &number))
                        cJSON_AddNumberToObject(input, member->name, (double)number);
                else
                        cJSON_AddStringToObject(input, member->name, value);
        }
}

/* Body, query and path in one object, or NULL. */
static cJSON *
input_read(struct call *call, const struct route *route, struct view id)
{
        const struct sigv4_request *request = call->request;
        cJSON *input = request->body.len ? cJSON_ParseWithLength((const char *)request->body.data,
                                                                 request->body.len)
                                         : cJSON_CreateObject();

        if (!cJSON_IsObject(input)) {
                cJSON_Delete(input);
                refuse(&call->refusal, "SerializationException", "The body is not a JSON object");
                return NULL;
        }
        query_add(request->query, input_find(route->operation), input);
        if (route->id) {
                CLEANUP(free_cleanup) char *text = text_copy_length(id.data, id.len);
                json_set_text(input, route->id, text);
        }
        return input;
}

/* -- deciding ----------------------------------------------------------------------------- */

static bool
fault_check(struct call *call)
{
        const char *error = call->fault.error;

        if (!error[0])
                return true;
        return refuse(&call->refusal, error, "%s",
                      strcmp(error, "ThrottlingException") == 0 ? "Rate exceeded"
                                                                : "Asked for by --fault");
}

static bool
rate_check(struct call *call, int index)
{
        const char *account = call->caller ? call->caller->account : call->pca->options->account;

        return throttle_take(call->pca->throttle, facts_name((size_t)index), account,
                             call->now_ms) ||
               refuse(&call->refusal, "ThrottlingException", "Rate exceeded");
}

static bool
call_decide(struct call *call, const struct route *route, struct view id, int index)
{
        /* CreateSession is signed by a certificate. */
        if (!(route->run ? call_authenticate(call, call->request, SERVICE)
                         : anywhere_is_signed(call)))
                return false;
        cJSON *input = fault_check(call) ? input_read(call, route, id) : NULL;
        if (!input)
                return false;
        call->input = input;
        bool done = validate(input_find(route->operation), input, &call->refusal) &&
                    rate_check(call, index) &&
                    (route->run ? route->run(call, route->kind) : anywhere_create_session(call));
        call->input = NULL;
        cJSON_Delete(input);
        return done;
}

/* Denials of the common code have the query protocol's name. */
static const char *
code_of(const struct refusal *refusal)
{
        return strcmp(refusal->code, "AccessDenied") == 0 ? "AccessDeniedException" : refusal->code;
}

static void
refusal_write(const struct refusal *refusal, struct answer *answer)
{
        cJSON *object = cJSON_CreateObject();

        answer->error_type = code_of(refusal);
        answer->status = 400;
        for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++)
                if (strcmp(statuses[i].code, answer->error_type) == 0)
                        answer->status = statuses[i].status;
        cJSON_AddStringToObject(object, "message", buf_text(&refusal->message));
        char *text = cJSON_PrintUnformatted(object);
        buf_set(&answer->body, view_text(text));
        cJSON_free(text);
        cJSON_Delete(object);
}

static void
output_write(const struct call *call, unsigned status, struct answer *answer)
{
        char *text = cJSON_PrintUnformatted(call->output);

        answer->status = status;
        buf_set(&answer->body, view_text(text));
        cJSON_free(text);
}

void
anywhere_answer(struct pca *pca, const struct sigv4_request *request, struct answer *answer)
{
        struct view id = { 0 };
        const struct route *route = route_find(request->method, request->path, &id);
        CLEANUP(free_cleanup) char *name = text_format(SERVICE ".%s", route->operation);
        int index = facts_index(name);
        struct call call = { .pca = pca,
                             .now_ms = pca_now_ms(pca),
                             .request = request,
                             .service = SERVICE,
                             .operation = route->operation,
                             .output = cJSON_CreateObject() };
        bool done = false;

        random_uuid(answer->request_id);
        answer->content_type = "application/json";
        call.fault = faults_next(pca->faults, name);
        answer->fault = call.fault;
        pca->stats.requests[index]++;
        if (call.fault.http)
                refuse(&call.refusal,
                       call.fault.http == 503 ? "ServiceUnavailable" : "InternalFailure",
                       "Asked for by --fault");
        else if (!call.fault.reset_before)
                done = call_decide(&call, route, id, index);
        if (done)
                output_write(&call, route->status, answer);
        else if (call.refusal.code)
                refusal_write(&call.refusal, answer);
        if (call.fault.http)
                answer->status = call.fault.http;
        pca->stats.errors[index] += !done;
        refusal_clear(&call.refusal);
        cJSON_Delete(call.output);
}
