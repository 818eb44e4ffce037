#include "localpca/tls.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { TLS_DAYS = 397, DAY_SECONDS = 24 * 60 * 60 };

static char *
key_pem(EVP_PKEY *key)
{
        BIO *bio = BIO_new(BIO_s_mem());
        char *data = NULL, *copy = NULL;

        if (bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
                long len = BIO_get_mem_data(bio, &data);
                copy = text_copy_length(data, (size_t)len);
        }
        BIO_free(bio);
        return copy;
}

static STACK_OF(X509_EXTENSION) * names_of(const char *host)
{
        size_t len = strlen(host);
        bool brackets = host[0] == '[';
        char *text = text_format("DNS:localhost,IP:127.0.0.1,IP:::1,IP:%.*s",
                                 (int)(len - 2 * brackets), host + brackets);
        STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
        X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);

        free(text);
        if (names)
                sk_X509_EXTENSION_push(extensions, names);
        return extensions;
}

bool
tls_make(struct tls_files *files, const struct pca *pca, struct error *err)
{
        const struct authority *root = pca->authorities.all[0];
        CLEANUP(pkey_cleanup) EVP_PKEY *key = EVP_EC_gen("P-256");
        CLEANUP(name_cleanup) X509_NAME *subject = X509_NAME_new();
        CLEANUP(extensions_cleanup) STACK_OF(X509_EXTENSION) *names = names_of(pca->options->host);
        uint8_t serial[SERIAL_SIZE];
        int64_t now = pca_now_ms(pca) / 1000;
        struct signer signer = { root->key, root->certificate };
        struct wish wish = {
                .template = template_named(
                        "arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1"),
                .subject = subject,
                .key = key,
                .serial = serial,
                /* Its clock may be off: clients with the right one are to connect all the same. */
                .not_before = now - (int64_t)TLS_DAYS * DAY_SECONDS,
                .not_after = now + (int64_t)TLS_DAYS * DAY_SECONDS,
                .csr_extensions = names
        };

        random_bytes(serial, sizeof(serial));
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)"localpca",
                                   -1, -1, 0);
        CLEANUP(certificate_cleanup)
        X509 *certificate = certificate_make(&wish, &signer, root->algorithm, err);
        if (!certificate)
                return false;
        char *leaf = certificate_pem(certificate);
        files->chain = text_format("%s\n%s\n", leaf, root->certificate_pem);
        files->key = key_pem(key);
        free(leaf);
        return files->key || error_set(err, ERROR_INTERNAL, "OpenSSL cannot write a key");
}

void
tls_files_clear(struct tls_files *files)
{
        if (files->key)
                wipe(files->key, strlen(files->key));
        free(files->key);
        free(files->chain);
        *files = (struct tls_files){ 0 };
}
