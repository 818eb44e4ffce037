/* CreateSession: a certificate and its key become a session of a role. */
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "base/algorithm.h"
#include "base/clock.h"
#include "localpca/access.h"
#include "localpca/anywhere.h"
#include "localpca/json.h"
#include "localpca/session.h"

enum { DURATION_USUAL = 3600, CLOCK_WINDOW_MINUTES = 5 };

/* What CreateSession has found out so far.  Clear it. */
struct login {
        X509 *certificate;
        STACK_OF(X509) * chain;
        const cJSON *anchor, *profile;
        struct record *role;
        char *serial;      /* lower-case hex: the session's name unless another is given */
        cJSON *tags;       /* the session's */
        char *common_name; /* its source identity; NULL: none */
};

static void
login_clear(struct login *login)
{
        X509_free(login->certificate);
        anywhere_certificates_free(login->chain);
        cJSON_Delete(login->tags);
        free(login->serial);
        free(login->common_name);
}

static bool
denied(struct call *call, const char *message)
{
        return refuse(&call->refusal, "AccessDeniedException", "%s", message);
}

/* -- who asks ----------------------------------------------------------------------------- */

static X509 *
certificate_decode(const char *text, size_t len)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        struct error ignored = { 0 };

        return base64_decode(view_of(text, len), &der, &ignored) && der.len
                       ? certificate_of_der(view_buf(&der))
                       : NULL;
}

/* X-Amz-X509 and X-Amz-X509-Chain: base64 of DER, the latter with commas between. */
static bool
certificates_read(struct call *call, struct login *login)
{
        const char *leaf = sigv4_header(call->request, "X-Amz-X509");
        const char *rest = sigv4_header(call->request, "X-Amz-X509-Chain");

        login->chain = sk_X509_new_null();
        if (leaf)
                login->certificate = certificate_decode(leaf, strlen(leaf));
        if (!login->certificate)
                return denied(call, "Untrusted signing certificate (localpca: X-Amz-X509 holds "
                                    "none)");
        while (rest && *rest) {
                size_t len = strcspn(rest, ",");
                X509 *one = certificate_decode(rest, len);
                if (!one)
                        return denied(call, "Untrusted signing certificate (localpca: "
                                            "X-Amz-X509-Chain holds something else)");
                sk_X509_push(login->chain, one);
                rest += len + (rest[len] == ',');
        }
        return true;
}

/* Credential= names the certificate by its serial number, in decimal. */
static bool
serial_check(struct call *call, const struct sigv4_claim *claim, struct login *login)
{
        BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(login->certificate), NULL);
        char *decimal = number ? BN_bn2dec(number) : NULL;
        bool same = decimal && strcmp(decimal, claim->access_key_id) == 0;
        char *hex = number ? BN_bn2hex(number) : NULL;

        login->serial = text_copy(hex);
        for (char *c = login->serial; c && *c; c++)
                *c = (char)(*c >= 'A' && *c <= 'F' ? *c + 32 : *c);
        OPENSSL_free(hex);
        OPENSSL_free(decimal);
        BN_free(number);
        return same || denied(call, "Invalid signature (localpca: Credential does not begin with "
                                    "the certificate's serial number in decimal)");
}

/* The request is signed by the key of the certificate that it shows. */
static bool
signature_check(struct call *call, struct login *login)
{
        struct sigv4_claim claim = { 0 };
        struct sigv4_rules rules = { .region = call->pca->options->region,
                                     .service = "rolesanywhere",
                                     .now = call->now_ms / 1000,
                                     .window_minutes = CLOCK_WINDOW_MINUTES,
                                     .mismatch_code = "AccessDeniedException" };

        if (call->fault.clock) /* as if the service were an hour ahead */
                rules.now += 60 * 60;
        if (!sigv4_read_x509(call->request, &claim, &call->refusal) ||
            !certificates_read(call, login) || !serial_check(call, &claim, login))
                return false;
        memcpy(call->region, claim.region, sizeof(call->region));
        EVP_PKEY *key = X509_get0_pubkey(login->certificate);
        return key ? sigv4_check_x509(call->request, &claim, &rules, key, &call->refusal)
                   : denied(call, "Invalid signature");
}

bool
anywhere_is_signed(struct call *call)
{
        CLEANUP(login_clear) struct login login = { 0 };

        return signature_check(call, &login);
}

/* -- what is asked for -------------------------------------------------------------------- */

static bool
enabled_check(struct call *call, const cJSON *object, const char *word)
{
        if (cJSON_IsTrue(json_member(object, "enabled")))
                return true;
        return refuse(&call->refusal, "AccessDeniedException", "%s is disabled", word);
}

static bool
objects_find(struct call *call, struct login *login)
{
        const char *anchor = call_text(call, "trustAnchorArn");
        const char *profile = call_text(call, "profileArn");

        login->anchor = anywhere_find(call->pca, ANYWHERE_TRUST_ANCHOR, anchor);
        login->profile = anywhere_find(call->pca, ANYWHERE_PROFILE, profile);
        if (!login->anchor)
                return refuse(&call->refusal, "ResourceNotFoundException",
                              "TrustAnchor %s does not exist", anchor);
        if (!login->profile)
                return refuse(&call->refusal, "ResourceNotFoundException",
                              "Profile %s does not exist", profile);
        return enabled_check(call, login->anchor, "Trust anchor") &&
               enabled_check(call, login->profile, "Profile");
}

/* The enabled CRLs of the anchor; the caller frees them all. */
static STACK_OF(X509_CRL) * crls_collect(const struct call *call, const char *anchor)
{
        STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
        const cJSON *object;

        cJSON_ArrayForEach(object, call->pca->anywhere)
        {
                const char *data = json_text(object, "crlData");
                CLEANUP(buf_cleanup) struct buf pem = { 0 };
                struct error ignored = { 0 };
                if (!data || !cJSON_IsTrue(json_member(object, "enabled")) ||
                    !text_equal(json_text(object, "trustAnchorArn"), anchor) ||
                    !base64_decode(view_text(data), &pem, &ignored))
                        continue;
                BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
                X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
                if (crl)
                        sk_X509_CRL_push(crls, crl);
                BIO_free(bio);
        }
        return crls;
}

static bool
certificate_check(struct call *call, const struct login *login)
{
        STACK_OF(X509) *anchors = anywhere_anchor_certificates(call->pca, login->anchor);
        STACK_OF(X509_CRL) *crls = crls_collect(call, json_text(login->anchor, "trustAnchorArn"));
        const char *fault = anywhere_certificate_fault(login->certificate, login->chain, anchors,
                                                       crls, call->now_ms / 1000);

        anywhere_certificates_free(anchors);
        sk_X509_CRL_pop_free(crls, X509_CRL_free);
        return !fault || refuse(&call->refusal, "AccessDeniedException",
                                "Untrusted signing certificate (localpca: %s)", fault);
}

static bool
role_denied(struct call *call, const char *why)
{
        return refuse(&call->refusal, "AccessDeniedException", "Unable to assume role for %s%s%s",
                      call_text(call, "roleArn"), *why ? ". " : "", why);
}

/* The role is one of the profile's. */
static bool
role_find(struct call *call, struct login *login)
{
        const char *arn = call_text(call, "roleArn");
        const cJSON *one;
        bool listed = false;

        cJSON_ArrayForEach(one, json_member(login->profile, "roleArns")) listed =
                listed || text_equal(cJSON_GetStringValue(one), arn);
        login->role = listed ? session_role(call->pca, arn) : NULL;
        return login->role || role_denied(call, "");
}

static bool
tags_make(struct call *call, struct login *login)
{
        CLEANUP(buf_cleanup) struct buf bad = { 0 };

        login->tags = cJSON_CreateObject();
        anywhere_certificate_tags(login->certificate, login->tags, &bad);
        login->common_name = text_copy(json_text(login->tags, "x509Subject/CN"));
        if (!bad.len)
                return true;
        CLEANUP(free_cleanup)
        char *why = text_format("Some attributes failed to be mapped into session tags. %s",
                                buf_text(&bad));
        return role_denied(call, why);
}

/* The role trusts the service, for this anchor and this certificate. */
static bool
trust_check(struct call *call, const struct login *login)
{
        static const char *const actions[] = { "sts:AssumeRole", "sts:TagSession",
                                               "sts:SetSourceIdentity" };
        CLEANUP(context_clear) struct context context = { 0 };
        struct principal service = { 0 };
        const cJSON *tag;
        bool trusted = true;

        context_add(&context, "aws:SourceArn", json_text(login->anchor, "trustAnchorArn"));
        context_add(&context, "aws:SourceAccount", record_text(login->role, "account"));
        context_add(&context, "sts:SourceIdentity", login->common_name);
        cJSON_ArrayForEach(tag, login->tags)
        {
                CLEANUP(free_cleanup) char *held = text_format("aws:PrincipalTag/%s", tag->string);
                CLEANUP(free_cleanup) char *set = text_format("aws:RequestTag/%s", tag->string);
                context_add(&context, held, tag->valuestring);
                context_add(&context, set, tag->valuestring);
                context_add(&context, "aws:TagKeys", tag->string);
        }
        principal_read(&service, "rolesanywhere.amazonaws.com", NULL);
        for (size_t i = 0; trusted && i < ARRAY_LENGTH(actions); i++) {
                struct trust_question question = { .role = login->role,
                                                   .action = actions[i],
                                                   .principal = &service,
                                                   .context = &context };
                trusted = access_is_trusted(call, &question);
        }
        principal_clear(&service);
        return trusted || role_denied(call, "");
}

/* -- the session -------------------------------------------------------------------------- */

static bool
name_find(struct call *call, const struct login *login, const char **name)
{
        *name = call_text(call, "roleSessionName");
        if (*name && !cJSON_IsTrue(json_member(login->profile, "acceptRoleSessionName")))
                return denied(call, "Not authorized to set roleSessionName");
        if (!*name)
                *name = login->serial;
        return true;
}

/* What was asked for, but not longer than the profile has it; the role has the last word. */
static bool
duration_find(struct call *call, const struct login *login, int64_t *duration)
{
        int64_t most = json_number(login->profile, "durationSeconds", DURATION_USUAL);
        struct refusal own = call->refusal;

        *duration = call_number(call, "durationSeconds", most);
        if (*duration > most)
                *duration = most;
        if (session_duration_check(call, login->role, *duration, false))
                return true;
        CLEANUP(free_cleanup) char *why = text_copy(buf_text(&call->refusal.message));
        refusal_clear(&call->refusal);
        call->refusal = own;
        return role_denied(call, why);
}

/* The profile's session policies; a list of {"arn":…} as STS has them. */
static cJSON *
managed_arns(const cJSON *profile)
{
        cJSON *list = cJSON_CreateArray();
        const cJSON *one;

        cJSON_ArrayForEach(one, json_member(profile, "managedPolicyArns"))
        {
                cJSON *item = cJSON_CreateObject();
                cJSON_AddItemToObject(item, "arn", cJSON_Duplicate(one, true));
                cJSON_AddItemToArray(list, item);
        }
        return list;
}

static void
credentials_write(struct call *call, const struct login *login, const struct identity *session,
                  int64_t packed)
{
        cJSON *set = cJSON_AddArrayToObject(call->output, "credentialSet");
        cJSON *entry = cJSON_CreateObject();
        CLEANUP(free_cleanup)
        char *secret = text_copy_length(session->secret.data, session->secret.len);
        char expires[CLOCK_TEXT];

        cJSON_AddItemToArray(set, entry);
        cJSON *user = cJSON_AddObjectToObject(entry, "assumedRoleUser");
        cJSON_AddStringToObject(user, "arn", session->arn);
        cJSON_AddStringToObject(user, "assumedRoleId", session->user_id);
        cJSON *credentials = cJSON_AddObjectToObject(entry, "credentials");
        cJSON_AddStringToObject(credentials, "accessKeyId", session->access_key_id);
        cJSON_AddStringToObject(credentials, "secretAccessKey", secret);
        cJSON_AddStringToObject(credentials, "sessionToken", session->session_token);
        cJSON_AddStringToObject(credentials, "expiration", clock_format(session->expires, expires));
        cJSON_AddNumberToObject(entry, "packedPolicySize", (double)packed);
        cJSON_AddStringToObject(entry, "roleArn", record_text(login->role, "arn"));
        json_set_text(entry, "sourceIdentity", login->common_name);
}

/* One id for one subject, as AWS counts them. */
static void
subject_write(struct call *call, const struct login *login)
{
        unsigned char *der = NULL;
        int len = i2d_X509_NAME(X509_get_subject_name(login->certificate), &der);
        uint8_t digest[32];

        sha256(view_of(der, len > 0 ? (size_t)len : 0), digest);
        OPENSSL_free(der);
        CLEANUP(free_cleanup) char *hex = hex_encode(view_of(digest, 16));
        CLEANUP(free_cleanup)
        char *arn = text_format("arn:aws:rolesanywhere:%s:%s:subject/%.8s-%.4s-%.4s-%.4s-%.12s",
                                call->pca->options->region, record_text(login->role, "account"),
                                hex, hex + 8, hex + 12, hex + 16, hex + 20);
        cJSON_AddStringToObject(call->output, "subjectArn", arn);
}

static bool
session_give(struct call *call, struct login *login)
{
        struct session_wish wish = { .role = login->role,
                                     .tags = login->tags,
                                     .source_identity = login->common_name };
        cJSON *policies = NULL, *arns = managed_arns(login->profile);
        int64_t packed = 0;
        const struct identity *session = NULL;

        if (name_find(call, login, &wish.name) && duration_find(call, login, &wish.duration_s) &&
            session_policies_read(call, json_text(login->profile, "sessionPolicy"), arns,
                                  login->tags, &policies, &packed)) {
                wish.policies = policies;
                session = session_make(call, &wish);
        }
        if (session) {
                credentials_write(call, login, session, packed);
                subject_write(call, login);
        }
        cJSON_Delete(policies);
        cJSON_Delete(arns);
        return session != NULL;
}

bool
anywhere_create_session(struct call *call)
{
        CLEANUP(login_clear) struct login login = { 0 };

        return signature_check(call, &login) && objects_find(call, &login) &&
               certificate_check(call, &login) && role_find(call, &login) &&
               tags_make(call, &login) && trust_check(call, &login) && session_give(call, &login);
}
