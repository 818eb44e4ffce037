/* The life of a certificate authority: created, activated, updated, deleted, restored. */
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "localpca/csr.h"
#include "localpca/idempotency.h"
#include "localpca/names.h"
#include "localpca/pca.h"

enum { AUTHORITIES_MOST = 200, RESTORABLE_DAYS = 30, CHAIN_MOST = 10, DAY_SECONDS = 24 * 60 * 60 };

static const char *
member_text(const cJSON *object, const char *name)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static bool
status_change(struct call *call, struct authority *authority, enum authority_status status)
{
        authority->status = status;
        authority->changed_ms = call->now_ms;
        return call_save(call, authority);
}

/* -- the key, made on the worker's thread ------------------------------------------------- */

struct key_job {
        struct job job;
        char *arn;
        cJSON *configuration;
        const struct key_kind *kind;
        const struct algorithm *algorithm;
        EVP_PKEY *key;
        char *csr;
};

static void
key_job_run(struct job *job)
{
        struct key_job *work = (struct key_job *)job;
        struct error ignored = { 0 };

        work->key = key_make(work->kind);
        if (work->key)
                work->csr = csr_make(work->configuration, work->key, work->algorithm, &ignored);
}

static void
key_job_finish(struct job *job, struct pca *pca)
{
        struct key_job *work = (struct key_job *)job;
        struct authority *authority = pca ? authority_find(&pca->authorities, work->arn) : NULL;
        struct error ignored = { 0 };

        if (authority && authority->status == AUTHORITY_CREATING) {
                authority->status = work->csr ? AUTHORITY_PENDING : AUTHORITY_FAILED;
                authority->changed_ms = pca_now_ms(pca);
                authority->key = MOVE(work->key);
                authority->csr = MOVE(work->csr);
                /* If this cannot be kept, the key is made again after the next start. */
                (void)!authority_save(authority, pca->store, &ignored);
        }
        EVP_PKEY_free(work->key);
        free(work->csr);
        free(work->arn);
        cJSON_Delete(work->configuration);
        free(work);
}

void
authority_key_start(struct pca *pca, const struct authority *authority)
{
        struct key_job *work = memory_new(1, sizeof(*work));

        work->job = (struct job){ key_job_run, key_job_finish };
        work->arn = text_copy(authority->arn);
        work->configuration = cJSON_Duplicate(authority->configuration, true);
        work->kind = authority->kind;
        work->algorithm = authority->algorithm;
        worker_give(pca->worker, &work->job);
}

/* -- CreateCertificateAuthority ----------------------------------------------------------- */

static bool
subject_check(struct call *call, const cJSON *subject)
{
        struct error err = { 0 };
        CLEANUP(name_cleanup) X509_NAME *name = NULL;

        name = name_of_subject(subject, &err);
        if (!name || !X509_NAME_entry_count(name))
                return refuse(&call->refusal, "InvalidArgsException",
                              "The certificateAuthorityConfiguration.subject %s%s",
                              name ? "is empty" : "is not valid: ", name ? "" : err.what);
        return true;
}

static bool
configuration_check(struct call *call, const cJSON *configuration)
{
        const char *key = member_text(configuration, "KeyAlgorithm");
        const char *signing = member_text(configuration, "SigningAlgorithm");
        const struct key_kind *kind = key_kind_find(key);
        const struct algorithm *algorithm = algorithm_find(signing);

        if (!kind)
                return refuse(&call->refusal, "InvalidArgsException",
                              "The key algorithm %s is not supported in this Region", key);
        if (!algorithm || strcmp(algorithm->family, kind->family) != 0)
                return refuse(&call->refusal, "InvalidArgsException",
                              "Signing algorithm %s cannot be used with key type %s.", signing,
                              key);
        return subject_check(call, cJSON_GetObjectItemCaseSensitive(configuration, "Subject"));
}

static bool
cname_check(struct call *call, const cJSON *configuration, const char *member, const char *shown)
{
        const char *name = member_text(configuration, member);

        if (name && strstr(name, "://"))
                return refuse(&call->refusal, "InvalidArgsException",
                              "The %s must not have a protocol prefix such as http://", shown);
        return true;
}

static bool
revocation_check(struct call *call, const cJSON *revocation)
{
        const cJSON *crl = cJSON_GetObjectItemCaseSensitive(revocation, "CrlConfiguration");
        const cJSON *ocsp = cJSON_GetObjectItemCaseSensitive(revocation, "OcspConfiguration");
        bool crl_on = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(crl, "Enabled"));

        if (crl_on && (!cJSON_GetObjectItemCaseSensitive(crl, "ExpirationInDays") ||
                       !member_text(crl, "S3BucketName")))
                return refuse(&call->refusal, "InvalidArgsException",
                              "An enabled crlConfiguration needs expirationInDays and "
                              "s3BucketName");
        const cJSON *extension =
                cJSON_GetObjectItemCaseSensitive(crl, "CrlDistributionPointExtensionConfiguration");
        const char *cname = member_text(crl, "CustomCname");
        if (cname && *cname &&
            cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(extension, "OmitExtension")))
                return refuse(&call->refusal, "InvalidArgsException",
                              "The crlConfiguration cannot omit the extension and have a "
                              "customCname");
        return cname_check(call, crl, "CustomCname", "crlConfiguration.customCname") &&
               cname_check(call, ocsp, "OcspCustomCname", "ocspConfiguration.ocspCustomCname");
}

static bool
standard_check(struct call *call, const char *standard)
{
        bool china = text_starts(call->pca->options->region, "cn-");
        bool chinese = strcmp(standard, "CCPC_LEVEL_1_OR_HIGHER") == 0;

        if (china == chinese)
                return true;
        return refuse(&call->refusal, "InvalidArgsException",
                      "A certificate authority cannot be created in this region with the given "
                      "keyStorageSecurityStandard %s",
                      standard);
}

static bool
quota_check(struct call *call)
{
        const struct authorities *authorities = &call->pca->authorities;
        size_t own = 0;

        for (size_t i = 0; i < authorities->count; i++)
                own += strcmp(authorities->all[i]->account, call->caller->account) == 0 &&
                       !authority_is_gone(authorities->all[i], call->now_ms / 1000);
        if (own < AUTHORITIES_MOST)
                return true;
        return refuse(&call->refusal, "LimitExceededException",
                      "The account has reached its limit of %d certificate authorities",
                      AUTHORITIES_MOST);
}

static bool
authority_create(struct call *call, const char *scope)
{
        struct pca *pca = call->pca;
        const char *usage = call_text(call, "UsageMode");
        const char *standard = call_text(call, "KeyStorageSecurityStandard");
        const cJSON *revocation =
                cJSON_GetObjectItemCaseSensitive(call->input, "RevocationConfiguration");
        const cJSON *tags = cJSON_GetObjectItemCaseSensitive(call->input, "Tags");
        struct authority *authority = authority_new(
                &pca->authorities, pca->options->region, call->caller->account,
                cJSON_GetObjectItemCaseSensitive(call->input, "CertificateAuthorityConfiguration"));

        authority->status = AUTHORITY_CREATING;
        authority->root = strcmp(call_text(call, "CertificateAuthorityType"), "ROOT") == 0;
        authority->usage_mode = text_copy(usage ? usage : "GENERAL_PURPOSE");
        authority->storage_standard =
                text_copy(standard ? standard : "FIPS_140_2_LEVEL_3_OR_HIGHER");
        authority->created_ms = authority->changed_ms = call->now_ms;
        if (revocation)
                authority->revocation = cJSON_Duplicate(revocation, true);
        if (tags) {
                cJSON_Delete(authority->tags);
                authority->tags = cJSON_Duplicate(tags, true);
        }
        if (!call_save(call, authority) || !token_record(call, scope, authority->arn))
                return false;
        authority_key_start(pca, authority);
        cJSON_AddStringToObject(call->output, "CertificateAuthorityArn", authority->arn);
        return true;
}

bool
operation_create_certificate_authority(struct call *call)
{
        const char *standard = call_text(call, "KeyStorageSecurityStandard");
        char *scope = text_format("%s/CreateCertificateAuthority", call->caller->account);
        bool repeated = false;
        bool done = configuration_check(call, cJSON_GetObjectItemCaseSensitive(
                                                      call->input,
                                                      "CertificateAuthorityConfiguration")) &&
                    revocation_check(call, cJSON_GetObjectItemCaseSensitive(
                                                   call->input, "RevocationConfiguration")) &&
                    standard_check(call, standard ? standard : "FIPS_140_2_LEVEL_3_OR_HIGHER") &&
                    call_tags_check(call, cJSON_GetObjectItemCaseSensitive(call->input, "Tags")) &&
                    token_answer(call, scope, "CertificateAuthorityArn", &repeated) &&
                    (repeated || (quota_check(call) && authority_create(call, scope)));

        free(scope);
        return done;
}

/* -- GetCertificateAuthorityCsr ----------------------------------------------------------- */

bool
operation_get_certificate_authority_csr(struct call *call)
{
        struct authority *authority = call_authority(call);

        if (!authority)
                return false;
        if (authority->status == AUTHORITY_CREATING)
                return refuse(&call->refusal, "RequestInProgressException",
                              "The certificate authority is still being created");
        if (authority->status == AUTHORITY_FAILED)
                return refuse(&call->refusal, "RequestFailedException",
                              "The certificate authority could not be created");
        if (authority->status == AUTHORITY_DELETED)
                return refuse(&call->refusal, "InvalidStateException",
                              "The certificate authority is deleted");
        cJSON_AddStringToObject(call->output, "Csr", authority->csr);
        return true;
}

/* -- ImportCertificateAuthorityCertificate ------------------------------------------------ */

static void
stack_cleanup(STACK_OF(X509) * *stack)
{
        sk_X509_pop_free(*stack, X509_free);
}

/* The certificates of a PEM blob, at most CHAIN_MOST; NULL when there is anything else in it. */
static STACK_OF(X509) * certificates_read(const char *encoded)
{
        CLEANUP(buf_cleanup) struct buf pem = { 0 };
        CLEANUP(stack_cleanup) STACK_OF(X509) *stack = sk_X509_new_null();
        struct error ignored = { 0 };
        struct view rest;

        if (!base64_decode(view_text(encoded), &pem, &ignored))
                return NULL;
        rest = view_buf(&pem);
        while (rest.len) {
                size_t used;
                X509 *certificate = certificate_of_pem(rest, &used);
                if (!certificate)
                        break;
                sk_X509_push(stack, certificate);
                rest = view_of(rest.data + used, rest.len - used);
                if (sk_X509_num(stack) > CHAIN_MOST)
                        return NULL;
        }
        for (size_t i = 0; i < rest.len; i++)
                if (!strchr(" \t\r\n", rest.data[i]) || !rest.data[i])
                        return NULL;
        return MOVE(stack);
}

static bool
import_certificate_check(struct call *call, const struct authority *authority, X509 *certificate)
{
        struct error err = { 0 };
        int64_t now = call->now_ms / 1000;
        EVP_PKEY *key = X509_get0_pubkey(certificate);
        CLEANUP(name_cleanup)
        X509_NAME *subject = name_of_subject(
                cJSON_GetObjectItemCaseSensitive(authority->configuration, "Subject"), &err);

        if (!key || EVP_PKEY_eq(key, authority->key) != 1)
                return refuse(&call->refusal, "CertificateMismatchException",
                              "The public key of the certificate is not that of the certificate "
                              "authority");
        if (!subject || X509_NAME_cmp(subject, X509_get_subject_name(certificate)) != 0)
                return refuse(&call->refusal, "CertificateMismatchException",
                              "The subject of the certificate is not that of the certificate "
                              "authority");
        if (!X509_check_ca(certificate) || !(X509_get_extension_flags(certificate) & EXFLAG_CA) ||
            !(X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN))
                return refuse(&call->refusal, "MalformedCertificateException",
                              "The certificate is not one of a certificate authority");
        if (asn1_time_read(X509_get0_notAfter(certificate)) <= now ||
            asn1_time_read(X509_get0_notBefore(certificate)) > now)
                return refuse(&call->refusal, "MalformedCertificateException",
                              "The certificate is expired or not yet valid");
        return true;
}

/* Issuer first, root last, each signed by the next, and the certificate by the first. */
static bool
import_chain_check(struct call *call, X509 *certificate, const STACK_OF(X509) * chain)
{
        X509 *child = certificate;

        for (int i = 0; i < sk_X509_num(chain); i++) {
                X509 *parent = sk_X509_value(chain, i);
                if (X509_cmp(parent, certificate) == 0)
                        return refuse(&call->refusal, "InvalidRequestException",
                                      "The certificateChain must not contain the certificate of "
                                      "the certificate authority itself");
                if (X509_check_issued(parent, child) != X509_V_OK ||
                    X509_verify(child, X509_get0_pubkey(parent)) != 1)
                        return refuse(&call->refusal, "MalformedCertificateException",
                                      "Certificate %d of the certificateChain did not issue the "
                                      "one before it",
                                      i + 1);
                child = parent;
        }
        if (X509_self_signed(child, 1) != 1)
                return refuse(&call->refusal, "MalformedCertificateException",
                              "The certificateChain does not end with a root");
        return true;
}

static char *
chain_text(const STACK_OF(X509) * chain)
{
        struct buf out = { 0 };

        for (int i = 0; i < sk_X509_num(chain); i++) {
                char *pem = certificate_pem(sk_X509_value(chain, i));
                buf_format(&out, "%s%s", i ? "\n" : "", pem);
                free(pem);
        }
        return (char *)out.data;
}

static bool
authority_import(struct call *call, struct authority *authority, const STACK_OF(X509) * own,
                 const STACK_OF(X509) * chain)
{
        X509 *certificate = sk_X509_value(own, 0);
        bool has_chain = sk_X509_num(chain) > 0;

        if (authority->root && has_chain)
                return refuse(&call->refusal, "InvalidRequestException",
                              "The certificate of a root certificate authority is imported without "
                              "a certificateChain");
        if (!authority->root && !has_chain)
                return refuse(&call->refusal, "InvalidRequestException",
                              "The certificate of a subordinate certificate authority needs its "
                              "certificateChain");
        if (!import_certificate_check(call, authority, certificate) ||
            !import_chain_check(call, certificate, chain))
                return false;
        char *text = has_chain ? chain_text(chain) : NULL;
        authority_set_certificate(authority, certificate, text);
        free(text);
        return status_change(call, authority, AUTHORITY_ACTIVE);
}

bool
operation_import_certificate_authority_certificate(struct call *call)
{
        const char *chain_member = call_text(call, "CertificateChain");
        struct authority *authority =
                call_authority_in(call, 1U << AUTHORITY_PENDING | 1U << AUTHORITY_ACTIVE |
                                                1U << AUTHORITY_DISABLED | 1U << AUTHORITY_EXPIRED);

        if (!authority)
                return false;
        CLEANUP(stack_cleanup)
        STACK_OF(X509) *own = certificates_read(call_text(call, "Certificate"));
        CLEANUP(stack_cleanup)
        STACK_OF(X509) *chain = certificates_read(chain_member ? chain_member : "");
        if (!own || sk_X509_num(own) != 1)
                return refuse(&call->refusal, "MalformedCertificateException",
                              "The certificate is not one PEM certificate");
        if (!chain)
                return refuse(&call->refusal, "MalformedCertificateException",
                              "The certificateChain is not a list of PEM certificates");
        return authority_import(call, authority, own, chain);
}

/* -- Update, Delete, Restore -------------------------------------------------------------- */

bool
operation_update_certificate_authority(struct call *call)
{
        const char *status = call_text(call, "Status");
        const cJSON *revocation =
                cJSON_GetObjectItemCaseSensitive(call->input, "RevocationConfiguration");
        struct authority *authority =
                call_authority_in(call, 1U << AUTHORITY_ACTIVE | 1U << AUTHORITY_DISABLED);
        bool on = status && strcmp(status, "ACTIVE") == 0;

        if (!authority)
                return false;
        if (status && !on && strcmp(status, "DISABLED") != 0)
                return refuse(&call->refusal, "InvalidArgsException",
                              "The status can be set to ACTIVE or DISABLED, not to %s", status);
        if (revocation && !revocation_check(call, revocation))
                return false;
        if (revocation) {
                cJSON_Delete(authority->revocation);
                authority->revocation = cJSON_Duplicate(revocation, true);
                buf_clear(&authority->crl); /* the next one is by the new configuration */
        }
        return status_change(call, authority,
                             !status ? authority->status
                             : on    ? AUTHORITY_ACTIVE
                                     : AUTHORITY_DISABLED);
}

bool
operation_delete_certificate_authority(struct call *call)
{
        int64_t days = call_number(call, "PermanentDeletionTimeInDays", RESTORABLE_DAYS);
        struct authority *authority =
                call_authority_in(call, 1U << AUTHORITY_PENDING | 1U << AUTHORITY_DISABLED |
                                                1U << AUTHORITY_EXPIRED | 1U << AUTHORITY_FAILED |
                                                1U << AUTHORITY_CREATING);

        if (!authority)
                return false;
        authority->status_before = authority->status;
        authority->restorable_until = call->now_ms / 1000 + days * DAY_SECONDS;
        return status_change(call, authority, AUTHORITY_DELETED);
}

bool
operation_restore_certificate_authority(struct call *call)
{
        struct authority *authority = call_authority_in(call, 1U << AUTHORITY_DELETED);

        if (!authority)
                return false;
        /* What was active comes back disabled; it was switched off before it was deleted. */
        enum authority_status status = authority->status_before;
        if (status == AUTHORITY_ACTIVE)
                status = AUTHORITY_DISABLED;
        authority->restorable_until = 0;
        if (status == AUTHORITY_CREATING)
                authority_key_start(call->pca, authority);
        return status_change(call, authority, status);
}
