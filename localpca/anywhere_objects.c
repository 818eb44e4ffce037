/* Trust anchors, profiles and CRLs: made, read, changed, deleted. */
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "localpca/access.h"
#include "localpca/anywhere.h"
#include "localpca/json.h"

#define DOCUMENT "rolesanywhere"

enum { PAGE_MOST = 100, DURATION_USUAL = 3600 };

/* How each kind is called. */
static const struct {
        const char *resource; /* in ARNs */
        const char *id, *arn; /* members */
        const char *one, *all;
        const char *word;
} kinds[] = {
        [ANYWHERE_TRUST_ANCHOR] = { "trust-anchor", "trustAnchorId", "trustAnchorArn",
                                    "trustAnchor", "trustAnchors", "TrustAnchor" },
        [ANYWHERE_PROFILE] = { "profile", "profileId", "profileArn", "profile", "profiles",
                               "Profile" },
        [ANYWHERE_CRL] = { "crl", "crlId", "crlArn", "crl", "crls", "Crl" },
};
static_assert(ARRAY_LENGTH(kinds) == ANYWHERE_KINDS, "names for every kind");

/* -- the state ---------------------------------------------------------------------------- */

static bool
object_visit(void *context, int64_t row, const char *key, const cJSON *document, struct error *err)
{
        (void)row;
        (void)err;
        cJSON_AddItemToObject(context, key, cJSON_Duplicate(document, true));
        return true;
}

bool
anywhere_load(struct pca *pca, struct error *err)
{
        cJSON_Delete(pca->anywhere);
        pca->anywhere = cJSON_CreateObject();
        return store_document_each(pca->store, DOCUMENT, object_visit, pca->anywhere, err);
}

static const char *
id_of(const cJSON *object)
{
        return object->string;
}

/* Keep it as it is now, with the time. */
static bool
object_save(struct call *call, cJSON *object)
{
        struct error err = { 0 };
        char now[CLOCK_TEXT];

        clock_format(call->now_ms / 1000, now);
        json_set_text(object, "updatedAt", now);
        return store_document_put(call->pca->store, DOCUMENT, id_of(object), object, NULL, &err) ||
               call_broken(call, &err);
}

static bool
is_kind(const cJSON *object, enum anywhere_kind kind)
{
        return json_member(object, kinds[kind].arn) &&
               (kind != ANYWHERE_TRUST_ANCHOR || !json_member(object, kinds[ANYWHERE_CRL].arn));
}

cJSON *
anywhere_find(const struct pca *pca, enum anywhere_kind kind, const char *arn)
{
        cJSON *object;

        cJSON_ArrayForEach(object, pca->anywhere)
        {
                if (is_kind(object, kind) && text_equal(json_text(object, kinds[kind].arn), arn))
                        return object;
        }
        return NULL;
}

/* -- what the operations share ------------------------------------------------------------- */

static bool
may(struct call *call, const char *resource)
{
        CLEANUP(free_cleanup) char *action = text_format("rolesanywhere:%s", call->operation);

        return access_check_action(call, action, resource, resource, NULL);
}

/* The object that the path names, once the caller may do this to it. */
static cJSON *
object_named(struct call *call, enum anywhere_kind kind)
{
        const char *id = call_text(call, kinds[kind].id);
        const struct options *options = call->pca->options;
        CLEANUP(free_cleanup)
        char *arn = text_format("arn:aws:rolesanywhere:%s:%s:%s/%s", options->region,
                                call->caller->account, kinds[kind].resource, id);
        cJSON *object = anywhere_find(call->pca, kind, arn);

        if (!may(call, arn))
                return NULL;
        if (!object)
                refuse(&call->refusal, "ResourceNotFoundException", "%s with id %s does not exist",
                       kinds[kind].word, id);
        return object;
}

static void
object_answer(struct call *call, enum anywhere_kind kind, const cJSON *object)
{
        cJSON_AddItemToObject(call->output, kinds[kind].one, cJSON_Duplicate(object, true));
}

/* A new one with an id and an ARN, in memory. */
static cJSON *
object_new(struct call *call, enum anywhere_kind kind)
{
        char id[37], now[CLOCK_TEXT];
        cJSON *object = cJSON_CreateObject();

        random_uuid(id);
        clock_format(call->now_ms / 1000, now);
        CLEANUP(free_cleanup)
        char *arn = text_format("arn:aws:rolesanywhere:%s:%s:%s/%s", call->pca->options->region,
                                call->caller->account, kinds[kind].resource, id);
        cJSON_AddStringToObject(object, kinds[kind].id, id);
        cJSON_AddStringToObject(object, kinds[kind].arn, arn);
        cJSON_AddStringToObject(object, "createdAt", now);
        cJSON_AddItemToObject(call->pca->anywhere, id, object);
        return object;
}

/* Take members of the input over, as far as they are there. */
static void
members_take(const struct call *call, cJSON *object, const char *const *names, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                const cJSON *item = json_member(call->input, names[i]);
                if (!item || cJSON_IsNull(item))
                        continue;
                cJSON_DeleteItemFromObjectCaseSensitive(object, names[i]);
                cJSON_AddItemToObject(object, names[i], cJSON_Duplicate(item, true));
        }
}

/* Unless it is said, an object is not enabled. */
static void
enabled_take(const struct call *call, cJSON *object)
{
        cJSON_AddBoolToObject(object, "enabled", cJSON_IsTrue(json_member(call->input, "enabled")));
}

static bool
object_finish(struct call *call, enum anywhere_kind kind, cJSON *object)
{
        if (!object_save(call, object))
                return false;
        object_answer(call, kind, object);
        return true;
}

/* -- of every kind ------------------------------------------------------------------------ */

bool
anywhere_get(struct call *call, enum anywhere_kind kind)
{
        const cJSON *object = object_named(call, kind);

        if (object)
                object_answer(call, kind, object);
        return object != NULL;
}

bool
anywhere_list(struct call *call, enum anywhere_kind kind)
{
        int64_t offset = 0, seen = 0, most = call_number(call, "pageSize", PAGE_MOST);
        const char *token = call_text(call, "nextToken");
        cJSON *object;

        if (!may(call, "*"))
                return false;
        if (token && !number_parse(token, 1, INT32_MAX, &offset))
                return refuse(&call->refusal, "ValidationException", "Invalid nextToken");
        if (most < 1 || most > PAGE_MOST)
                most = PAGE_MOST;
        cJSON *list = cJSON_AddArrayToObject(call->output, kinds[kind].all);
        cJSON_ArrayForEach(object, call->pca->anywhere)
        {
                if (!is_kind(object, kind))
                        continue;
                CLEANUP(free_cleanup)
                char *account = arn_part(json_text(object, kinds[kind].arn), 4);
                if (strcmp(account, call->caller->account) != 0)
                        continue;
                if (seen >= offset && seen < offset + most)
                        cJSON_AddItemToArray(list, cJSON_Duplicate(object, true));
                seen++;
        }
        if (seen > offset + most) {
                CLEANUP(free_cleanup) char *next = text_format("%lld", (long long)(offset + most));
                cJSON_AddStringToObject(call->output, "nextToken", next);
        }
        return true;
}

bool
anywhere_delete(struct call *call, enum anywhere_kind kind)
{
        cJSON *object = object_named(call, kind);
        struct error err = { 0 };

        if (!object)
                return false;
        object_answer(call, kind, object);
        if (!store_document_delete(call->pca->store, DOCUMENT, id_of(object), &err))
                return call_broken(call, &err);
        cJSON_Delete(cJSON_DetachItemViaPointer(call->pca->anywhere, object));
        return true;
}

static bool
enabled_set(struct call *call, enum anywhere_kind kind, bool enabled)
{
        cJSON *object = object_named(call, kind);

        if (!object)
                return false;
        cJSON_DeleteItemFromObjectCaseSensitive(object, "enabled");
        cJSON_AddBoolToObject(object, "enabled", enabled);
        return object_finish(call, kind, object);
}

bool
anywhere_enable(struct call *call, enum anywhere_kind kind)
{
        return enabled_set(call, kind, true);
}

bool
anywhere_disable(struct call *call, enum anywhere_kind kind)
{
        return enabled_set(call, kind, false);
}

/* -- trust anchors ------------------------------------------------------------------------ */

STACK_OF(X509) * anywhere_certificates_of_pem(const char *pem)
{
        STACK_OF(X509) *certificates = sk_X509_new_null();
        struct view rest = view_text(pem);
        X509 *one;

        for (size_t used = 0; (one = certificate_of_pem(rest, &used));) {
                sk_X509_push(certificates, one);
                rest = view_of(rest.data + used, rest.len - used);
        }
        return certificates;
}

void
anywhere_certificates_free(STACK_OF(X509) * certificates)
{
        sk_X509_pop_free(certificates, X509_free);
}

STACK_OF(X509) * anywhere_anchor_certificates(const struct pca *pca, const cJSON *anchor)
{
        const cJSON *data = json_member(json_member(anchor, "source"), "sourceData");
        const char *pem = json_text(data, "x509CertificateData");
        const char *arn = json_text(data, "acmPcaArn");
        const struct authority *authority = arn ? authority_find(&pca->authorities, arn) : NULL;

        if (authority && authority->certificate_pem)
                pem = authority->certificate_pem;
        return pem ? anywhere_certificates_of_pem(pem) : sk_X509_new_null();
}

static bool
bundle_check(struct call *call, const char *pem)
{
        STACK_OF(X509) *certificates = anywhere_certificates_of_pem(pem ? pem : "");
        const char *fault = sk_X509_num(certificates) ? NULL : "there is no PEM certificate";

        for (int i = 0; !fault && i < sk_X509_num(certificates); i++)
                fault = anywhere_anchor_fault(sk_X509_value(certificates, i));
        anywhere_certificates_free(certificates);
        return !fault || refuse(&call->refusal, "ValidationException",
                                "Incorrect basic constraints for CA certificate or invalid "
                                "certificate: %s",
                                fault);
}

/* A CA of AWS Private CA, in the caller's account. */
static bool
authority_check(struct call *call, const char *arn)
{
        const struct authority *authority =
                arn ? authority_find(&call->pca->authorities, arn) : NULL;

        if (authority && authority->certificate &&
            strcmp(authority->account, call->caller->account) == 0)
                return true;
        return refuse(&call->refusal, "ValidationException", "Invalid AWS Private CA ARN: %s",
                      arn ? arn : "");
}

static bool
source_check(struct call *call)
{
        const cJSON *source = json_member(call->input, "source");
        const char *type = json_text(source, "sourceType");
        const cJSON *data = json_member(source, "sourceData");

        if (type && strcmp(type, "CERTIFICATE_BUNDLE") == 0)
                return bundle_check(call, json_text(data, "x509CertificateData"));
        if (type && strcmp(type, "AWS_ACM_PCA") == 0)
                return authority_check(call, json_text(data, "acmPcaArn"));
        return refuse(&call->refusal, "ValidationException", "Invalid source type");
}

static const char *const anchor_members[] = { "name", "source" };

bool
anywhere_create_trust_anchor(struct call *call, enum anywhere_kind kind)
{
        if (!may(call, "*") || !source_check(call))
                return false;
        cJSON *anchor = object_new(call, kind);
        members_take(call, anchor, anchor_members, ARRAY_LENGTH(anchor_members));
        enabled_take(call, anchor);
        return object_finish(call, kind, anchor);
}

bool
anywhere_update_trust_anchor(struct call *call, enum anywhere_kind kind)
{
        cJSON *anchor = object_named(call, kind);

        if (!anchor || (json_member(call->input, "source") && !source_check(call)))
                return false;
        members_take(call, anchor, anchor_members, ARRAY_LENGTH(anchor_members));
        return object_finish(call, kind, anchor);
}

/* -- profiles ----------------------------------------------------------------------------- */

/* Who makes a profile hands its roles on, and has to be allowed to. */
static bool
profile_check(struct call *call)
{
        const char *policy = call_text(call, "sessionPolicy");
        CLEANUP(free_cleanup) char *why = NULL;
        const cJSON *role;

        cJSON_ArrayForEach(role, json_member(call->input, "roleArns"))
        {
                const char *arn = role->valuestring;
                CLEANUP(context_clear) struct context context = { 0 };
                context_add(&context, "iam:PassedToService", "rolesanywhere.amazonaws.com");
                if (!access_check_action(call, "iam:PassRole", arn, arn, &context))
                        return false;
        }
        cJSON *document = policy ? policy_check(policy, POLICY_OF_IDENTITY, &why) : NULL;
        cJSON_Delete(document);
        return !policy || document ||
               refuse(&call->refusal, "ValidationException", "Invalid session policy: %s", why);
}

static const char *const profile_members[] = {
        "name",
        "roleArns",
        "sessionPolicy",
        "managedPolicyArns",
        "durationSeconds",
        "requireInstanceProperties",
        "acceptRoleSessionName",
};

bool
anywhere_create_profile(struct call *call, enum anywhere_kind kind)
{
        if (!may(call, "*") || !profile_check(call))
                return false;
        cJSON *profile = object_new(call, kind);
        cJSON_AddStringToObject(profile, "createdBy", call->caller->arn);
        cJSON_AddArrayToObject(profile, "managedPolicyArns");
        cJSON_AddNumberToObject(profile, "durationSeconds", DURATION_USUAL);
        cJSON_AddBoolToObject(profile, "requireInstanceProperties", false);
        cJSON_AddBoolToObject(profile, "acceptRoleSessionName", false);
        members_take(call, profile, profile_members, ARRAY_LENGTH(profile_members));
        enabled_take(call, profile);
        return object_finish(call, kind, profile);
}

bool
anywhere_update_profile(struct call *call, enum anywhere_kind kind)
{
        cJSON *profile = object_named(call, kind);

        if (!profile || !profile_check(call))
                return false;
        members_take(call, profile, profile_members, ARRAY_LENGTH(profile_members));
        return object_finish(call, kind, profile);
}

/* -- CRLs --------------------------------------------------------------------------------- */

/* The blob is the CRL's PEM text, in base64. */
static bool
crl_check(struct call *call)
{
        const char *data = call_text(call, "crlData");
        CLEANUP(buf_cleanup) struct buf pem = { 0 };
        struct error ignored = { 0 };

        if (!data)
                return true;
        if (base64_decode(view_text(data), &pem, &ignored)) {
                BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
                X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
                bool good = crl != NULL;
                X509_CRL_free(crl);
                BIO_free(bio);
                if (good)
                        return true;
        }
        return refuse(&call->refusal, "ValidationException", "Invalid CRL");
}

static const char *const crl_members[] = { "name", "crlData", "trustAnchorArn" };

bool
anywhere_import_crl(struct call *call, enum anywhere_kind kind)
{
        const char *anchor = call_text(call, "trustAnchorArn");

        if (!may(call, "*") || !crl_check(call))
                return false;
        if (!anywhere_find(call->pca, ANYWHERE_TRUST_ANCHOR, anchor))
                return refuse(&call->refusal, "ResourceNotFoundException",
                              "TrustAnchor %s does not exist", anchor);
        cJSON *crl = object_new(call, kind);
        members_take(call, crl, crl_members, ARRAY_LENGTH(crl_members));
        enabled_take(call, crl);
        return object_finish(call, kind, crl);
}

bool
anywhere_update_crl(struct call *call, enum anywhere_kind kind)
{
        cJSON *crl = object_named(call, kind);

        if (!crl || !crl_check(call))
                return false;
        members_take(call, crl, crl_members, 2);
        return object_finish(call, kind, crl);
}
