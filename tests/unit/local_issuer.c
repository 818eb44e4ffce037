#include "tests/unit/local_issuer.h"

#include <openssl/pem.h>
#include <string.h>

#include "localpca/facts.h"
#include "localpca/pca.h"
#include "localpca/spoil.h"
#include "localpca/validate.h"
#include "tests/unit/folder.h"

struct local_issuer {
        struct pca pca;
        struct options options;
        char folder[64];
        struct authority *root;
        struct buf certificate;
};

struct local_issuer *
local_issuer_open(void)
{
        struct local_issuer *issuer = memory_new(1, sizeof(*issuer));
        static char program[] = "localpca", state[] = "--state";
        char *argv[] = { program, state, issuer->folder, NULL };
        struct error err = { 0 };

        if (folder_make(issuer->folder) != 0 || !options_read(&issuer->options, 3, argv, &err)) {
                free(issuer);
                return NULL;
        }
        if (!pca_open(&issuer->pca, &issuer->options, &err)) {
                local_issuer_close(issuer);
                return NULL;
        }
        issuer->pca.plain_url = text_copy("http://localpca.example");
        issuer->root = issuer->pca.authorities.all[0];
        certificate_der(issuer->root->certificate, &issuer->certificate);
        return issuer;
}

void
local_issuer_close(struct local_issuer *issuer)
{
        pca_close(&issuer->pca);
        options_clear(&issuer->options);
        buf_clear(&issuer->certificate);
        folder_remove(issuer->folder);
        free(issuer);
}

const char *
local_issuer_arn(const struct local_issuer *issuer)
{
        return issuer->root->arn;
}

struct view
local_issuer_certificate(const struct local_issuer *issuer)
{
        return view_buf(&issuer->certificate);
}

EVP_PKEY *
local_issuer_key(const struct local_issuer *issuer)
{
        return issuer->root->key;
}

void
local_issuer_configure(struct local_issuer *issuer, const char *json)
{
        cJSON_Delete(issuer->root->revocation);
        issuer->root->revocation = json ? cJSON_Parse(json) : NULL;
}

/* NULL, or the refusal; `*output` is what was answered. */
static char *
call_run(struct local_issuer *issuer, const char *operation, const cJSON *input, cJSON **output)
{
        struct call call = { .pca = &issuer->pca,
                             .operation = operation,
                             .caller = issuer->pca.identities.all[1],
                             .input = input,
                             .output = cJSON_CreateObject(),
                             .now_ms = pca_now_ms(&issuer->pca) };
        bool done = validate(facts_input(operation), input, &call.refusal) &&
                    (strcmp(operation, "IssueCertificate") == 0 ? operation_issue_certificate(&call)
                                                                : operation_get_certificate(&call));
        char *told =
                done ? NULL
                     : text_format("%s: %s", call.refusal.code, buf_text(&call.refusal.message));

        refusal_clear(&call.refusal);
        *output = call.output;
        return told;
}

static char *
fetch(struct local_issuer *issuer, const char *certificate_arn, struct buf *der)
{
        cJSON *input = cJSON_CreateObject(), *output = NULL;

        cJSON_AddStringToObject(input, "CertificateAuthorityArn", issuer->root->arn);
        cJSON_AddStringToObject(input, "CertificateArn", certificate_arn);
        char *told = call_run(issuer, "GetCertificate", input, &output);
        if (!told) {
                const char *pem = cJSON_GetStringValue(
                        cJSON_GetObjectItemCaseSensitive(output, "Certificate"));
                BIO *bio = BIO_new_mem_buf(pem, -1);
                char *label = NULL, *header = NULL;
                uint8_t *data = NULL;
                long len = 0;

                /* Only as bytes: OpenSSL 3.0 takes its time to read a public key. */
                if (PEM_read_bio(bio, &label, &header, &data, &len) == 1)
                        buf_set(der, view_of(data, (size_t)len));
                OPENSSL_free(label);
                OPENSSL_free(header);
                OPENSSL_free(data);
                BIO_free(bio);
        }
        cJSON_Delete(output);
        cJSON_Delete(input);
        return told;
}

char *
local_issuer_issue(struct local_issuer *issuer, const char *body, struct buf *der)
{
        cJSON *input = cJSON_Parse(body), *output = NULL;

        if (!input)
                return text_copy("SerializationException: no JSON");
        char *told = call_run(issuer, "IssueCertificate", input, &output);
        if (!told)
                told = fetch(issuer,
                             cJSON_GetStringValue(
                                     cJSON_GetObjectItemCaseSensitive(output, "CertificateArn")),
                             der);
        cJSON_Delete(output);
        cJSON_Delete(input);
        return told;
}

bool
local_issuer_spoil(struct local_issuer *issuer, const char *word, struct buf *der)
{
        struct error err = { 0 };
        uint64_t bit;

        return spoil_named(word, &bit) &&
               spoil(der, bit, issuer->root, pca_now_ms(&issuer->pca) / 1000, &err);
}

const char *
local_issuer_deviation(size_t index)
{
        return spoil_word(index);
}
