#include "tests/unit/fake_ca.h"

#include <cjson/cJSON.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct fake_ca fake_ca;

static const char *const operations[FAKE_OPERATIONS] = {
        [FAKE_DESCRIBE] = "DescribeCertificateAuthority",
        [FAKE_CA_CERTIFICATE] = "GetCertificateAuthorityCertificate",
        [FAKE_ISSUE] = "IssueCertificate",
        [FAKE_GET] = "GetCertificate",
};

/* A root that issues by itself: two of them, the second one foreign. */
static struct {
        EVP_PKEY *key;
        X509 *certificate;
        struct buf der;
} roots[2];

/* What was issued, by idempotency token; the place is the end of the ARN. */
static struct {
        char token[64];
        X509 *certificate;
        int64_t at_ms;
} * issued;
static size_t issued_count;

enum { MOST_REPLIES = 1024 };
static struct aws_reply *replies[MOST_REPLIES];
static size_t reply_count;
static bool replied; /* a reply was taken: the clock was heard */

/* -- issuing --------------------------------------------------------------------------------- */

static void
add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
        X509V3_CTX context;

        X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);

        assert(extension && X509_add_ext(certificate, extension, -1) == 1);
        X509_EXTENSION_free(extension);
}

static X509 *
new_certificate(const X509_NAME *subject, const X509_NAME *issuer, EVP_PKEY *key, long from,
                long until)
{
        X509 *certificate = X509_new();
        uint8_t serial[16];
        BIGNUM *number;

        random_bytes(serial, sizeof(serial));
        serial[0] = (uint8_t)((serial[0] & 0x7F) | 0x40);
        number = BN_bin2bn(serial, sizeof(serial), NULL);
        X509_set_version(certificate, X509_VERSION_3);
        BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
        BN_free(number);
        X509_set_subject_name(certificate, subject);
        X509_set_issuer_name(certificate, issuer);
        X509_gmtime_adj(X509_getm_notBefore(certificate), from);
        X509_gmtime_adj(X509_getm_notAfter(certificate), until);
        X509_set_pubkey(certificate, key);
        return certificate;
}

static void
make_root(size_t i)
{
        X509_NAME *name = X509_NAME_new();

        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                   (const unsigned char *)(i ? "Foreign root" : "Fake root"), -1,
                                   -1, 0);
        roots[i].key = EVP_EC_gen("P-256");
        roots[i].certificate = new_certificate(name, name, roots[i].key, -7200, 20L * 365 * 86400);
        add_extension(roots[i].certificate, roots[i].certificate, NID_basic_constraints,
                      "critical,CA:TRUE");
        add_extension(roots[i].certificate, roots[i].certificate, NID_key_usage,
                      "critical,digitalSignature,keyCertSign,cRLSign");
        add_extension(roots[i].certificate, roots[i].certificate, NID_subject_key_identifier,
                      "hash");
        assert(X509_sign(roots[i].certificate, roots[i].key, EVP_sha256()) > 0);
        X509_NAME_free(name);
        unsigned char *der = NULL;
        int length = i2d_X509(roots[i].certificate, &der);

        buf_set(&roots[i].der, view_of(der, (size_t)length));
        OPENSSL_free(der);
}

static X509_REQ *
read_csr(const cJSON *body)
{
        struct buf pem = { 0 };
        struct error err = { 0 };
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(body, "Csr"));

        assert(base64_decode(view_text(text), &pem, &err));
        BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
        X509_REQ *csr = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);

        assert(csr && X509_REQ_verify(csr, X509_REQ_get0_pubkey(csr)) == 1);
        BIO_free(bio);
        buf_clear(&pem);
        return csr;
}

static void
copy_sans(X509 *certificate, X509_REQ *csr)
{
        STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr);

        for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++) {
                X509_EXTENSION *extension = sk_X509_EXTENSION_value(extensions, i);

                if (OBJ_obj2nid(X509_EXTENSION_get_object(extension)) == NID_subject_alt_name)
                        X509_add_ext(certificate, extension, -1);
        }
        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

/* As the template EndEntityCertificate/V1 has it. */
static X509 *
issue(const cJSON *body)
{
        X509_REQ *csr = read_csr(body);
        size_t root = fake_ca.other_root;
        EVP_PKEY *key = fake_ca.wrong_key ? EVP_EC_gen("P-256") : X509_REQ_get_pubkey(csr);
        const cJSON *validity = cJSON_GetObjectItem(body, "Validity");
        double days = cJSON_GetNumberValue(cJSON_GetObjectItem(validity, "Value"));

        X509 *made = new_certificate(X509_REQ_get_subject_name(csr),
                                     X509_get_subject_name(roots[root].certificate), key, -3600,
                                     (long)days * 86400);

        add_extension(made, roots[root].certificate, NID_basic_constraints, "CA:FALSE");
        add_extension(made, roots[root].certificate, NID_key_usage,
                      "critical,digitalSignature,keyEncipherment");
        add_extension(made, roots[root].certificate, NID_ext_key_usage, "serverAuth,clientAuth");
        copy_sans(made, csr);
        if (fake_ca.broken)
                add_extension(made, roots[root].certificate, NID_subject_alt_name,
                              "DER:30:03:82:01");
        assert(X509_sign(made, roots[root].key, EVP_sha256()) > 0);
        EVP_PKEY_free(key);
        X509_REQ_free(csr);
        fake_ca.issued++;
        return made;
}

static char *
pem_of(X509 *certificate)
{
        BIO *bio = BIO_new(BIO_s_mem());
        char *data;

        PEM_write_bio_X509(bio, certificate);
        long length = BIO_get_mem_data(bio, &data);
        char *text = text_copy_length(data, (size_t)length);

        BIO_free(bio);
        return text;
}

/* -- answers --------------------------------------------------------------------------------- */

static cJSON *
answer_describe(void)
{
        cJSON *answer = cJSON_CreateObject();
        cJSON *ca = cJSON_AddObjectToObject(answer, "CertificateAuthority");
        cJSON *configuration;

        cJSON_AddStringToObject(ca, "Arn", FAKE_CA_ARN);
        cJSON_AddStringToObject(ca, "OwnerAccount", "111122223333");
        cJSON_AddStringToObject(ca, "Type", "ROOT");
        cJSON_AddStringToObject(ca, "Status", fake_ca.status);
        cJSON_AddNumberToObject(ca, "NotBefore", (double)clock_now() - 7200);
        cJSON_AddNumberToObject(ca, "NotAfter", (double)clock_now() + 20.0 * 365 * 86400);
        cJSON_AddStringToObject(ca, "UsageMode", "GENERAL_PURPOSE");
        configuration = cJSON_AddObjectToObject(ca, "CertificateAuthorityConfiguration");
        cJSON_AddStringToObject(configuration, "KeyAlgorithm", "EC_prime256v1");
        cJSON_AddStringToObject(configuration, "SigningAlgorithm", "SHA256WITHECDSA");
        cJSON_AddStringToObject(cJSON_AddObjectToObject(configuration, "Subject"), "CommonName",
                                "Fake root");
        return answer;
}

static cJSON *
answer_ca_certificate(void)
{
        cJSON *answer = cJSON_CreateObject();
        CLEANUP(free_cleanup) char *pem = pem_of(roots[0].certificate);

        cJSON_AddStringToObject(answer, "Certificate", pem);
        return answer;
}

static cJSON *
answer_issue(const cJSON *body)
{
        cJSON *answer = cJSON_CreateObject();
        const char *token = cJSON_GetStringValue(cJSON_GetObjectItem(body, "IdempotencyToken"));
        size_t i = 0;

        assert(token);
        snprintf(fake_ca.last_token, sizeof(fake_ca.last_token), "%s", token);
        while (i < issued_count && strcmp(issued[i].token, token) != 0)
                i++;
        if (i == issued_count) {
                issued = memory_grow(issued, issued_count + 1, sizeof(*issued));
                snprintf(issued[i].token, sizeof(issued[i].token), "%s", token);
                issued[i].certificate = issue(body);
                issued[i].at_ms = clock_boot_ms();
                issued_count++;
        }
        CLEANUP(free_cleanup)
        char *arn = text_format(FAKE_CA_ARN "/certificate/%032zx", i);

        cJSON_AddStringToObject(answer, "CertificateArn", arn);
        return answer;
}

static size_t
place_of(const cJSON *body)
{
        const char *arn = cJSON_GetStringValue(cJSON_GetObjectItem(body, "CertificateArn"));
        size_t i = strtoul(strrchr(arn, '/') + 1, NULL, 16);

        assert(i < issued_count);
        return i;
}

static cJSON *
answer_get(const cJSON *body)
{
        cJSON *answer = cJSON_CreateObject();
        size_t i = place_of(body);
        CLEANUP(free_cleanup) char *pem = pem_of(issued[i].certificate);
        CLEANUP(free_cleanup) char *root = pem_of(roots[fake_ca.other_root].certificate);

        cJSON_AddStringToObject(answer, "Certificate", fake_ca.instead ? fake_ca.instead : pem);
        cJSON_AddStringToObject(answer, "CertificateChain", root);
        return answer;
}

static cJSON *
answer(enum fake_operation operation, const cJSON *body)
{
        switch (operation) {
        case FAKE_DESCRIBE:
                return answer_describe();
        case FAKE_CA_CERTIFICATE:
                return answer_ca_certificate();
        case FAKE_ISSUE:
                return answer_issue(body);
        default:
                return answer_get(body);
        }
}

/* -- the client ------------------------------------------------------------------------------ */

struct aws_client {
        int unused;
};

void
fake_ca_reset(void)
{
        for (size_t i = 0; i < 2; i++) {
                if (!roots[i].key)
                        make_root(i);
        }
        for (size_t i = 0; i < issued_count; i++)
                X509_free(issued[i].certificate);
        free(issued);
        issued = NULL;
        issued_count = 0;
        fake_ca = (struct fake_ca){ .status = "ACTIVE" };
}

struct view
fake_ca_root(void)
{
        return view_buf(&roots[0].der);
}

int64_t
aws_clock_offset(const struct aws_client *client)
{
        (void)client;
        return replied ? fake_ca.clock_offset : 0;
}

struct aws_client *
aws_client_open(struct aws_settings *settings, struct error *err)
{
        (void)settings, (void)err;
        replied = false;
        return memory_new(1, sizeof(struct aws_client));
}

void
aws_client_close(struct aws_client *client)
{
        while (reply_count)
                aws_reply_free(replies[--reply_count]);
        free(client);
}

static bool
refuses(enum fake_operation operation, const cJSON *body, struct aws_reply *reply)
{
        struct fake_failure *failure = &fake_ca.failures[operation];
        bool early = operation == FAKE_GET && fake_ca.takes_ms &&
                     clock_boot_ms() - issued[place_of(body)].at_ms < fake_ca.takes_ms;

        if (early || (operation == FAKE_GET && fake_ca.pending)) {
                fake_ca.in_vain += early;
                fake_ca.pending -= fake_ca.pending && !early;
                error_set(&reply->error, ERROR_PENDING, "in progress");
                return true;
        }
        if (failure->kind == ERROR_NONE)
                return false;
        error_set(&reply->error, failure->kind, "the fake CA was told to fail");
        reply->maybe_done = failure->maybe_done;
        if (failure->times && --failure->times == 0)
                failure->kind = ERROR_NONE;
        return true;
}

void
aws_send(struct aws_client *client, const struct aws_call *call)
{
        struct aws_reply *reply = memory_new(1, sizeof(*reply));
        cJSON *body = cJSON_ParseWithLength((const char *)call->body.data, call->body.len);
        size_t operation = 0;

        (void)client;
        while (strcmp(operations[operation], call->operation) != 0)
                operation++;
        fake_ca.counts[operation]++;
        reply->tag = call->tag;
        reply->operation = text_copy(call->operation);
        bool lost_after = fake_ca.failures[operation].kind != ERROR_NONE &&
                          fake_ca.failures[operation].maybe_done;

        reply->ok = !refuses((enum fake_operation)operation, body, reply);
        if (reply->ok || lost_after) {
                cJSON *json = answer((enum fake_operation)operation, body);
                char *text = cJSON_PrintUnformatted(json);

                if (reply->ok)
                        buf_set(&reply->body, view_text(text));
                free(text);
                cJSON_Delete(json);
        }
        cJSON_Delete(body);
        assert(reply_count < MOST_REPLIES);
        replies[reply_count++] = reply;
}

void
aws_wait(struct aws_client *client, int fd, int timeout_ms)
{
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

        (void)client;
        if (!reply_count)
                poll(&poll_fd, 1, timeout_ms);
}

struct aws_reply *
aws_receive(struct aws_client *client)
{
        (void)client;
        if (!reply_count)
                return NULL;
        struct aws_reply *reply = replies[0];

        replied = replied || reply->ok;
        memmove(replies, replies + 1, --reply_count * sizeof(replies[0]));
        return reply;
}

void
aws_cancel(struct aws_client *client)
{
        (void)client;
}

void
aws_reply_free(struct aws_reply *reply)
{
        if (!reply)
                return;
        free(reply->operation);
        buf_clear(&reply->body);
        free(reply->request_id);
        free(reply);
}
