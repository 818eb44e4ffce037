/* IssueCertificate, GetCertificate, RevokeCertificate. */
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/algorithm.h"
#include "localpca/idempotency.h"
#include "localpca/passthrough.h"
#include "localpca/pca.h"
#include "localpca/revocation.h"
#include "localpca/spoil.h"
#include "localpca/validity.h"

enum { BACKDATE_SECONDS = 60 * 60, DAY_SECONDS = 24 * 60 * 60, COMMON_NAME_MOST = 64 };

/* -- IssueCertificate --------------------------------------------------------------------- */

/* The request in its parts, as the service understands it. */
struct issuing {
        struct authority *authority;
        const struct template *template;
        const struct algorithm *algorithm;
        char *template_arn;
        struct buf csr_pem;
        X509_REQ *csr;
        X509_NAME *subject;
        EVP_PKEY *key;
        STACK_OF(X509_EXTENSION) * csr_extensions;
        struct passthrough passed;
        int64_t not_before, not_after;
};

static void
issuing_clear(struct issuing *issuing)
{
        free(issuing->template_arn);
        buf_clear(&issuing->csr_pem);
        X509_REQ_free(issuing->csr);
        X509_NAME_free(issuing->subject);
        EVP_PKEY_free(issuing->key);
        sk_X509_EXTENSION_pop_free(issuing->csr_extensions, X509_EXTENSION_free);
        passthrough_clear(&issuing->passed);
}

static bool
algorithm_check(struct call *call, struct issuing *issuing)
{
        const char *name = call_text(call, "SigningAlgorithm");
        const struct key_kind *kind = issuing->authority->kind;

        issuing->algorithm = algorithm_find(name);
        if (issuing->algorithm && strcmp(issuing->algorithm->family, kind->family) == 0)
                return true;
        return refuse(&call->refusal, "InvalidArgsException",
                      "Signing algorithm %s cannot be used with key type %s. Valid signing "
                      "algorithms are: %s.",
                      name, kind->name,
                      strcmp(kind->family, "EC") == 0
                              ? "SHA256WITHECDSA, SHA384WITHECDSA, SHA512WITHECDSA"
                              : "SHA256WITHRSA, SHA384WITHRSA, SHA512WITHRSA, SHA256WITHRSA_PSS, "
                                "SHA384WITHRSA_PSS, SHA512WITHRSA_PSS");
}

static bool
template_check(struct call *call, struct issuing *issuing)
{
        const char *arn = call_text(call, "TemplateArn");
        size_t partition = strcspn(issuing->authority->arn + 4, ":");

        issuing->template_arn =
                arn ? text_copy(arn)
                    : text_format("arn:%.*s:acm-pca:::template/EndEntityCertificate/V1",
                                  (int)partition, issuing->authority->arn + 4);
        bool own = strncmp(issuing->template_arn, issuing->authority->arn, partition + 5) == 0;
        issuing->template = own ? template_named(issuing->template_arn) : NULL;
        if (!issuing->template)
                return refuse(&call->refusal, "InvalidArgsException",
                              "The template ARN %s is not valid", issuing->template_arn);
        return true;
}

/* Is this CSR the one that the CA itself gave out? */
static bool
csr_is_own(const struct issuing *issuing)
{
        return EVP_PKEY_eq(issuing->key, issuing->authority->key) == 1;
}

static bool
state_check(struct call *call, const struct issuing *issuing)
{
        const struct authority *authority = issuing->authority;
        enum authority_status status = authority_status_at(authority, call->now_ms / 1000);

        if (status == AUTHORITY_ACTIVE)
                return true;
        /* A new root signs itself before it is active, and nothing else. */
        if (status == AUTHORITY_PENDING && authority->root && issuing->template->root)
                return true;
        return refuse(&call->refusal, "InvalidStateException",
                      "The certificate authority is not in a valid state for issuing certificates");
}

static int
characters_of(const ASN1_STRING *string)
{
        uint8_t *text = NULL;
        int len = ASN1_STRING_to_UTF8(&text, string), count = 0;

        for (int i = 0; i < len; i++)
                count += (text[i] & 0xc0) != 0x80;
        OPENSSL_free(text);
        return count;
}

static bool
csr_check(struct call *call, struct issuing *issuing)
{
        struct error ignored = { 0 };
        const char *why = "it is not base64";

        if (base64_decode(view_text(call_text(call, "Csr")), &issuing->csr_pem, &ignored))
                issuing->csr = csr_parse(view_buf(&issuing->csr_pem), &why);
        if (!issuing->csr)
                return refuse(&call->refusal, "MalformedCSRException", "The CSR is malformed: %s",
                              why);
        issuing->key = X509_REQ_get_pubkey(issuing->csr);
        issuing->subject = X509_NAME_dup(X509_REQ_get_subject_name(issuing->csr));
        issuing->csr_extensions = X509_REQ_get_extensions(issuing->csr);
        if (!X509_NAME_entry_count(issuing->subject) &&
            X509v3_get_ext_by_NID(issuing->csr_extensions, NID_subject_alt_name, -1) < 0)
                return refuse(&call->refusal, "MalformedCSRException",
                              "The CSR has neither a subject nor a subject alternative name");
        int at = X509_NAME_get_index_by_NID(issuing->subject, NID_commonName, -1);
        if (at >= 0 && characters_of(X509_NAME_ENTRY_get_data(
                               X509_NAME_get_entry(issuing->subject, at))) > COMMON_NAME_MOST)
                return refuse(&call->refusal, "MalformedCSRException",
                              "The common name of the CSR is longer than %d characters",
                              COMMON_NAME_MOST);
        return true;
}

/* ApiPassthrough: without a template that takes it, it is ignored, whatever it holds. */
static bool
passthrough_check(struct call *call, struct issuing *issuing)
{
        const cJSON *from = cJSON_GetObjectItemCaseSensitive(call->input, "ApiPassthrough");

        if (!issuing->template->api_passthrough || !cJSON_IsObject(from))
                return true;
        return passthrough_read(from, X509_NAME_entry_count(issuing->subject) == 0,
                                &issuing->passed, &call->refusal);
}

static bool
template_fits_check(struct call *call, const struct issuing *issuing)
{
        const struct template *template = issuing->template;
        const struct authority *authority = issuing->authority;

        if (template->root && (!authority->root || !csr_is_own(issuing)))
                return refuse(&call->refusal, "InvalidArgsException",
                              "The template %s is only for the CSR of the root certificate "
                              "authority itself",
                              template->name);
        if (!template->ca || template->root || !authority->certificate)
                return true;
        long parent = X509_get_pathlen(authority->certificate);
        if (parent >= 0 && template->path_length >= parent)
                return refuse(&call->refusal, "InvalidArgsException",
                              "The path length %d of the template is not below the path length %ld "
                              "of the certificate authority",
                              template->path_length, parent);
        return true;
}

static bool
validity_read(struct call *call, const char *member, const char *shown, int64_t *out)
{
        const cJSON *validity = cJSON_GetObjectItemCaseSensitive(call->input, member);
        const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(validity, "Type"));
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(validity, "Value");

        return validity_resolve(shown, type, (int64_t)value->valuedouble, call->now_ms / 1000, out,
                                &call->refusal);
}

static bool
start_check(struct call *call, struct issuing *issuing)
{
        const cJSON *asked = cJSON_GetObjectItemCaseSensitive(call->input, "ValidityNotBefore");
        const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(asked, "Type"));

        issuing->not_before = call->now_ms / 1000 - BACKDATE_SECONDS;
        if (!cJSON_IsObject(asked))
                return true;
        if (strcmp(type, "ABSOLUTE") != 0)
                return refuse(&call->refusal, "InvalidArgsException",
                              "The validityNotBefore.type must be ABSOLUTE, not %s", type);
        return validity_read(call, "ValidityNotBefore", "validityNotBefore", &issuing->not_before);
}

static bool
validity_check(struct call *call, struct issuing *issuing)
{
        const struct authority *authority = issuing->authority;
        int64_t now = call->now_ms / 1000;

        if (!validity_read(call, "Validity", "validity", &issuing->not_after) ||
            !start_check(call, issuing))
                return false;
        if (issuing->not_after <= now || issuing->not_after <= issuing->not_before)
                return refuse(&call->refusal, "ValidationException",
                              "The validity ends before it starts, or in the past");
        if (!issuing->template->root && issuing->not_after > authority->not_after)
                return refuse(&call->refusal, "ValidationException",
                              "The certificate validity specified exceeds the certificate "
                              "authority validity");
        bool brief = text_equal(authority->usage_mode, "SHORT_LIVED_CERTIFICATE");
        if (brief && !issuing->template->ca && issuing->not_after - now > 7 * DAY_SECONDS)
                return refuse(&call->refusal, "ValidationException",
                              "A certificate authority in SHORT_LIVED_CERTIFICATE mode issues for "
                              "at most 7 days");
        return true;
}

static X509 *
issuing_sign(const struct pca *pca, const struct issuing *issuing, const uint8_t *serial,
             struct error *err)
{
        const struct authority *authority = issuing->authority;
        CLEANUP(free_cleanup) char *crl_url = revocation_crl_url(pca, authority);
        CLEANUP(free_cleanup) char *ocsp_url = revocation_ocsp_url(pca, authority);
        struct wish wish = { .template = issuing->template,
                             .subject = issuing->passed.subject ? issuing->passed.subject
                                                                : issuing->subject,
                             .key = issuing->key,
                             .public_key = X509_REQ_get_X509_PUBKEY(issuing->csr),
                             .serial = serial,
                             .not_before = issuing->not_before,
                             .not_after = issuing->not_after,
                             .api_extensions = issuing->passed.extensions,
                             .csr_extensions = issuing->csr_extensions,
                             .crl_url = crl_url,
                             .ocsp_url = ocsp_url };
        struct signer signer = { authority->key,
                                 issuing->template->root ? NULL : authority->certificate };

        return certificate_make(&wish, &signer, issuing->algorithm, err);
}

static uint64_t
digest_head(struct view bytes)
{
        uint8_t digest[32];
        uint64_t head;

        sha256(bytes, digest);
        memcpy(&head, digest, sizeof(head));
        return head;
}

/* The row of the certificate, its repeats counted. */
static bool
issued_record(struct call *call, const struct issuing *issuing, struct issued *issued)
{
        struct stats *stats = &call->pca->stats;
        struct buf spki = { 0 };
        struct error err = { 0 };
        bool csr_seen = false, key_seen = false;

        csr_spki(issuing->csr, &spki);
        issued->csr_digest = digest_head(view_buf(&issuing->csr_pem));
        issued->key_digest = digest_head(view_buf(&spki));
        buf_clear(&spki);
        issued->authority = issuing->authority->row;
        issued->issued_ms = call->now_ms;
        issued->ready_ms = call->now_ms + call->pca->settings.issue_delay_ms;
        issued->not_after = issuing->not_after;
        issued->failed = call->fault.fail;
        issued->garbled_chain = call->fault.garbled_chain;
        text_assign(&issued->template_arn, issuing->template_arn);
        if (!store_issued_seen(call->pca->store, issued, &csr_seen, &key_seen, &err) ||
            !store_issued_add(call->pca->store, issued, &err))
                return call_broken(call, &err);
        stats->issued++;
        stats->repeats_of_csr += csr_seen;
        stats->repeats_of_key += key_seen;
        return true;
}

static bool
issue(struct call *call, struct issuing *issuing, const char *scope)
{
        struct issued issued = { 0 };
        struct error err = { 0 };

        random_bytes(issued.serial, sizeof(issued.serial));
        CLEANUP(certificate_cleanup)
        X509 *certificate = issuing_sign(call->pca, issuing, issued.serial, &err);
        if (!certificate)
                return call_broken(call, &err);
        certificate_der(certificate, &issued.der);
        if (call->fault.deviations && !spoil(&issued.der, call->fault.deviations,
                                             issuing->authority, call->now_ms / 1000, &err)) {
                issued_clear(&issued);
                return call_broken(call, &err);
        }
        char *id = hex_encode(view_of(issued.serial, sizeof(issued.serial)));
        char *arn = text_format("%s/certificate/%s", issuing->authority->arn, id);
        bool done = issued_record(call, issuing, &issued) && token_record(call, scope, arn);
        if (done)
                cJSON_AddStringToObject(call->output, "CertificateArn", arn);
        free(id);
        free(arn);
        issued_clear(&issued);
        return done;
}

static bool
issuing_read(struct call *call, struct issuing *issuing)
{
        issuing->authority = call_authority(call);
        return issuing->authority && template_check(call, issuing) && state_check(call, issuing) &&
               algorithm_check(call, issuing) && csr_check(call, issuing) &&
               passthrough_check(call, issuing) && template_fits_check(call, issuing) &&
               validity_check(call, issuing);
}

bool
operation_issue_certificate(struct call *call)
{
        struct issuing issuing = { 0 };
        bool repeated = false;
        bool done = issuing_read(call, &issuing);

        if (done) {
                char *scope = text_format("%s/IssueCertificate/%s", call->caller->account,
                                          issuing.authority->id);
                done = token_answer(call, scope, "CertificateArn", &repeated) &&
                       (repeated || issue(call, &issuing, scope));
                free(scope);
        }
        issuing_clear(&issuing);
        return done;
}

/* -- GetCertificate ----------------------------------------------------------------------- */

/* The certificate that CertificateArn names; refuses as AWS does. */
static bool
issued_find(struct call *call, const struct authority *authority, struct issued *out)
{
        const char *arn = call_text(call, "CertificateArn");
        const char *id = strstr(arn, "/certificate/");
        struct buf serial = { 0 };
        struct error err = { 0 };
        bool found = false;

        if (!id)
                return refuse(&call->refusal, "InvalidArnException",
                              "The ARN %s is not the ARN of a certificate", arn);
        bool own = strlen(authority->arn) == (size_t)(id - arn) &&
                   strncmp(arn, authority->arn, (size_t)(id - arn)) == 0;
        if (own && hex_decode(id + strlen("/certificate/"), &serial, &err) &&
            serial.len == SERIAL_SIZE &&
            !store_issued_find(call->pca->store, authority->row, serial.data, out, &found, &err)) {
                buf_clear(&serial);
                return call_broken(call, &err);
        }
        buf_clear(&serial);
        return found || refuse(&call->refusal, "ResourceNotFoundException",
                               "Could not find Certificate with ARN %s", arn);
}

bool
operation_get_certificate(struct call *call)
{
        struct authority *authority = call_authority(call);
        struct issued issued = { 0 };
        bool done = authority && issued_find(call, authority, &issued);
        const char *arn = call_text(call, "CertificateArn");
        struct error err = { 0 };

        if (done && call->now_ms < issued.ready_ms)
                done = refuse(&call->refusal, "RequestInProgressException",
                              "The request to issue certificate %s is still in progress. Try again "
                              "later.",
                              arn);
        if (done && (issued.failed || call->fault.fail))
                done = refuse(&call->refusal, "RequestFailedException",
                              "The request to issue certificate %s failed", arn);
        if (done && call->fault.deviations &&
            !spoil(&issued.der, call->fault.deviations, authority, call->now_ms / 1000, &err))
                done = call_broken(call, &err);
        if (done) {
                char *pem = der_pem(view_buf(&issued.der));
                char *chain = authority->chain ? text_format("%s\n%s", authority->certificate_pem,
                                                             authority->chain)
                                               : text_copy(authority->certificate_pem);
                bool garbled = issued.garbled_chain || call->fault.garbled_chain;
                cJSON_AddStringToObject(call->output, "Certificate", pem);
                if (garbled)
                        cJSON_AddStringToObject(call->output, "CertificateChain",
                                                "-----BEGIN CERTIFICATE-----\nbm90IGEgY2hhaW4=\n"
                                                "-----END CERTIFICATE-----");
                else if (chain)
                        cJSON_AddStringToObject(call->output, "CertificateChain", chain);
                free(pem);
                free(chain);
        }
        issued_clear(&issued);
        return done;
}

/* -- RevokeCertificate -------------------------------------------------------------------- */

/* Hex with or without colons; a serial number's leading zeros may be missing. */
static bool
serial_read(struct call *call, uint8_t out[SERIAL_SIZE])
{
        const char *text = call_text(call, "CertificateSerial");
        struct buf bytes = { 0 };
        struct error ignored = { 0 };
        char *even =
                text_format("%s%s", strchr(text, ':') || strlen(text) % 2 == 0 ? "" : "0", text);
        bool done = *text && hex_decode(even, &bytes, &ignored);

        free(even);
        /* A DER serial number with its high bit set has a zero in front. */
        size_t skip = done && bytes.len == SERIAL_SIZE + 1 && bytes.data[0] == 0;
        done = done && bytes.len - skip <= SERIAL_SIZE;
        if (done) {
                memset(out, 0, SERIAL_SIZE);
                memcpy(out + SERIAL_SIZE - (bytes.len - skip), bytes.data + skip, bytes.len - skip);
        }
        buf_clear(&bytes);
        return done ||
               refuse(&call->refusal, "InvalidRequestException",
                      "The certificateSerial %s is not a serial number in hexadecimal", text);
}

static bool
revoke_check(struct call *call, const struct authority *authority, const struct issued *issued)
{
        uint8_t own[SERIAL_SIZE] = { 0 };
        const ASN1_INTEGER *serial = X509_get0_serialNumber(authority->certificate);

        if (issued->revoked_at)
                return refuse(&call->refusal, "RequestAlreadyProcessedException",
                              "The certificate has already been revoked");
        if (call->now_ms < issued->ready_ms)
                return refuse(&call->refusal, "RequestInProgressException",
                              "The certificate is still being issued");
        if (issued->failed)
                return refuse(&call->refusal, "RequestFailedException",
                              "The certificate could not be issued");
        if (issued->not_after < call->now_ms / 1000)
                return refuse(&call->refusal, "InvalidRequestException",
                              "An expired certificate cannot be revoked");
        if (serial->length <= SERIAL_SIZE)
                memcpy(own + SERIAL_SIZE - serial->length, serial->data, (size_t)serial->length);
        if (authority->root && memcmp(own, issued->serial, sizeof(own)) == 0)
                return refuse(&call->refusal, "InvalidRequestException",
                              "The self-signed certificate of a root cannot be revoked");
        return true;
}

static bool
revoke(struct call *call, struct authority *authority, struct issued *issued)
{
        struct error err = { 0 };
        uint8_t serial[SERIAL_SIZE];
        bool found = false;

        if (!serial_read(call, serial))
                return false;
        if (!store_issued_find(call->pca->store, authority->row, serial, issued, &found, &err))
                return call_broken(call, &err);
        if (!found)
                return refuse(&call->refusal, "ResourceNotFoundException",
                              "Could not find a certificate with the serial number %s",
                              call_text(call, "CertificateSerial"));
        if (!revoke_check(call, authority, issued))
                return false;
        issued->revoked_at = call->now_ms / 1000;
        text_assign(&issued->reason, call_text(call, "RevocationReason"));
        if (!store_issued_revoke(call->pca->store, issued, &err))
                return call_broken(call, &err);
        call->pca->stats.revoked++;
        return true;
}

bool
operation_revoke_certificate(struct call *call)
{
        struct authority *authority = call_authority(call);
        struct issued issued = { 0 };

        if (!authority)
                return false;
        if (authority_status_at(authority, call->now_ms / 1000) != AUTHORITY_ACTIVE)
                return refuse(&call->refusal, "InvalidStateException",
                              "The certificate authority is not in a valid state for revoking "
                              "certificates");
        bool done = revoke(call, authority, &issued);
        issued_clear(&issued);
        return done;
}
