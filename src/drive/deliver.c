#include "drive/deliver.h"

#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "order/cert.h"

enum { FILE_MODE = 0600, FOLDER_MODE = 0700 };

static void
plan(char **slot, const char *folder, const char *name)
{
        free(*slot);
        *slot = text_format("%s/%s", folder, name);
}

void
deliver_plan(struct order *order)
{
        const char *folder = order->wishes.folder;

        if (!(order->wishes.stores & STORE_FILES) || !folder)
                return;
        plan(&order->file_certificate, folder, "certificate.pem");
        plan(&order->file_fullchain, folder, "fullchain.pem");
        plan(&order->file_root, folder, "root.pem");
        if (order->chain.len)
                plan(&order->file_chain, folder, "chain.pem");
}

/* The five lines for whoever installs it. */
static void
compose_readme(const struct order *order, struct buf *out)
{
        char until[CLOCK_TEXT];

        buf_format(out, "Certificate %s (serial %s), valid until %s; order %lld of p11cert.\n",
                   order->wishes.name, order->serial, clock_format(order->not_after, until),
                   (long long)order->number);
        if (order->key_uri) {
                buf_format(out, "Its private key is on the token and nowhere else: %s\n",
                           order->key_uri);
                /* libp11 takes the whole file for the PIN, and each start is a try at the token. */
                buf_format(out,
                           "nginx: `ssl_engine pkcs11;` at the top; in the server "
                           "`ssl_certificate %s;` and `ssl_certificate_key "
                           "\"engine:pkcs11:%s%cpin-source=file:PIN_FILE\";`, where PIN_FILE holds "
                           "the PIN without a newline behind it (with one it is a wrong PIN).\n",
                           order->file_fullchain, order->key_uri,
                           strchr(order->key_uri, '?') ? '&' : '?');
        } else {
                buf_add_text(out, "Its private key is where the CSR was made; p11cert has not "
                                  "seen it.\n");
                buf_add_text(out, "Servers take fullchain.pem (the certificate, then its "
                                  "issuers) and that key.\n");
        }
        buf_add_text(out, "Peers that check this certificate trust root.pem; never take the root "
                          "from the server itself.\n");
        buf_format(out,
                   "When it is in place: p11cert installed %s --by YOU --where PLACE; before "
                   "it ends: p11cert renew %s.\n",
                   order->wishes.name, order->wishes.name);
}

/* Certificate and issuers as a PKCS #7 bundle in DER (RFC 2315, SignedData without signers). */
static bool
compose_p7b(struct view certificates, struct buf *out, struct error *err)
{
        PKCS7 *bundle = PKCS7_new();
        unsigned char *der = NULL;
        bool done = bundle && PKCS7_set_type(bundle, NID_pkcs7_signed) == 1 &&
                    PKCS7_content_new(bundle, NID_pkcs7_data) == 1;

        while (done && certificates.len) {
                const unsigned char *at = certificates.data;
                X509 *certificate = d2i_X509(NULL, &at, (long)certificates.len);

                done = certificate && PKCS7_add_certificate(bundle, certificate) == 1;
                X509_free(certificate);
                size_t used = (size_t)(at - certificates.data);

                certificates = view_of(at, certificates.len - used);
        }
        int length = done ? i2d_PKCS7(bundle, &der) : -1;

        PKCS7_free(bundle);
        if (length < 0)
                return error_set(err, ERROR_INTERNAL, "the PKCS #7 bundle cannot be encoded");
        buf_set(out, view_of(der, (size_t)length));
        OPENSSL_free(der);
        return true;
}

static bool
write_checked(const char *path, struct view content, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf back = { 0 };

        if (!file_write_soon(path, FILE_MODE, content, err) ||
            !file_read(path, content.len + 1, &back, err))
                return false;
        if (!view_equal(view_buf(&back), content))
                return error_set(err, ERROR_FILE, "'%s' does not hold what was written to it",
                                 path);
        return true;
}

/* A file beside the planned ones. */
static bool
write_beside(const struct order *order, const char *name, struct view content, struct error *err)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/%s", order->wishes.folder, name);

        return write_checked(path, content, err);
}

static void
compose_fullchain(const struct order *order, struct buf *out)
{
        certificate_pem_add(out, view_buf(&order->certificate));
        certificate_pem_add(out, view_buf(&order->chain));
}

static bool
write_formats(const struct order *order, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf all = { 0 };
        CLEANUP(buf_cleanup) struct buf bundle = { 0 };

        if ((order->wishes.formats & FORMAT_DER) &&
            !write_beside(order, "certificate.der", view_buf(&order->certificate), err))
                return false;
        if (!(order->wishes.formats & FORMAT_P7B))
                return true;
        buf_add(&all, view_buf(&order->certificate));
        buf_add(&all, view_buf(&order->chain));
        return compose_p7b(view_buf(&all), &bundle, err) &&
               write_beside(order, "certificate.p7b", view_buf(&bundle), err);
}

/* What each planned file has to hold. */
struct planned {
        const char *path;
        struct buf content;
};

enum { PLANNED_FILES = 4 };

static void
compose(const struct order *order, struct planned files[PLANNED_FILES])
{
        files[0].path = order->file_certificate;
        certificate_pem_add(&files[0].content, view_buf(&order->certificate));
        files[1].path = order->file_chain;
        certificate_pem_add(&files[1].content, view_buf(&order->chain));
        files[2].path = order->file_fullchain;
        compose_fullchain(order, &files[2].content);
        files[3].path = order->file_root;
        certificate_pem_add(&files[3].content, view_buf(&order->root));
}

static void
planned_clear(struct planned files[PLANNED_FILES])
{
        for (size_t i = 0; i < PLANNED_FILES; i++)
                buf_clear(&files[i].content);
}

bool
deliver_files(const struct order *order, struct error *err)
{
        struct planned files[PLANNED_FILES] = { 0 };
        CLEANUP(buf_cleanup) struct buf readme = { 0 };
        bool done;

        if (!(order->wishes.stores & STORE_FILES) || !order->file_certificate)
                return true;
        if (!file_make_folder(order->wishes.folder, FOLDER_MODE, err))
                return false;
        compose(order, files);
        done = true;
        for (size_t i = 0; done && i < PLANNED_FILES; i++) {
                done = !files[i].path ||
                       write_checked(files[i].path, view_buf(&files[i].content), err);
                failpoint("file-written");
        }
        planned_clear(files);
        if (!done)
                return false;
        compose_readme(order, &readme);
        return write_formats(order, err) &&
               write_beside(order, "README.txt", view_buf(&readme), err);
}

/* The files beside the planned ones, and what has to be asked for to get them. */
static const struct {
        const char *name;
        unsigned format;
} beside[] = {
        { "README.txt", FORMAT_PEM },
        { "certificate.der", FORMAT_DER },
        { "certificate.p7b", FORMAT_P7B },
};

static bool
flush_each(const struct order *order, struct error *err)
{
        const char *folder = order->wishes.folder;
        const char *const planned[] = { order->file_certificate, order->file_chain,
                                        order->file_fullchain, order->file_root };
        CLEANUP(free_cleanup) char *above = text_format("%s/..", folder);

        for (size_t i = 0; i < ARRAY_LENGTH(planned); i++) {
                if (planned[i] && !file_flush(planned[i], err))
                        return false;
        }
        for (size_t i = 0; i < ARRAY_LENGTH(beside); i++) {
                CLEANUP(free_cleanup) char *path = text_format("%s/%s", folder, beside[i].name);

                if ((order->wishes.formats | FORMAT_PEM) & beside[i].format &&
                    !file_flush(path, err))
                        return false;
        }
        return file_flush(folder, err) && file_flush(above, err);
}

bool
deliver_flush(struct deliver_flush *flush, const struct order *order, struct error *err)
{
        struct stat status;

        if (!(order->wishes.stores & STORE_FILES) || !order->file_certificate)
                return true;
        if (!flush->together || stat(order->wishes.folder, &status) != 0)
                return flush_each(order, err);
        for (size_t i = 0; i < flush->count; i++) {
                if (flush->flushed[i] == status.st_dev)
                        return true;
        }
        if (!file_flush_system(order->wishes.folder, err))
                return false;
        if (flush->count < ARRAY_LENGTH(flush->flushed))
                flush->flushed[flush->count++] = status.st_dev;
        return true;
}

bool
deliver_check(const struct order *order, struct error *err)
{
        struct planned files[PLANNED_FILES] = { 0 };
        bool done = true;

        compose(order, files);
        for (size_t i = 0; done && i < PLANNED_FILES; i++) {
                CLEANUP(buf_cleanup) struct buf back = { 0 };
                struct error read_error = { 0 };

                if (!files[i].path)
                        continue;
                if (!file_read(files[i].path, 1 << 20, &back, &read_error)) {
                        done = error_set(err, ERROR_NOT_PROVED, "%s", read_error.what);
                } else if (!view_equal(view_buf(&back), view_buf(&files[i].content))) {
                        done = error_set(err, ERROR_NOT_PROVED,
                                         "'%s' does not hold what was delivered", files[i].path);
                }
                if (!done)
                        error_advise(err,
                                     "what was delivered is in the ledger: `p11cert show %s` "
                                     "names it; `p11cert fetch %s` writes it again",
                                     order->wishes.name, order->wishes.name);
        }
        planned_clear(files);
        return done;
}
