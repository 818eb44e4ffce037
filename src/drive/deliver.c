#include "drive/deliver.h"

#include <grp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "engine/openssl_key.h"
#include "order/cert.h"
#include "order/pem.h"

enum { FILE_MODE = 0600, FOLDER_MODE = 0700, NAME_BUFFER = 16384 };

/* -- owner and mode --------------------------------------------------------------------------- */

static bool
find_user(const char *name, uid_t *user, gid_t *group, struct error *err)
{
        CLEANUP(free_cleanup) char *buffer = memory_new(1, NAME_BUFFER);
        struct passwd entry;
        struct passwd *found = NULL;

        if (getpwnam_r(name, &entry, buffer, NAME_BUFFER, &found) != 0 || !found) {
                error_set(err, ERROR_USAGE, "there is no user '%.40s' on this machine", name);
                return error_advise(err, "`getent passwd` lists the users");
        }
        *user = found->pw_uid;
        *group = found->pw_gid;
        return true;
}

static bool
find_group(const char *name, gid_t *group, struct error *err)
{
        CLEANUP(free_cleanup) char *buffer = memory_new(1, NAME_BUFFER);
        struct group entry;
        struct group *found = NULL;

        if (getgrnam_r(name, &entry, buffer, NAME_BUFFER, &found) != 0 || !found) {
                error_set(err, ERROR_USAGE, "there is no group '%.40s' on this machine", name);
                return error_advise(err, "`getent group` lists the groups");
        }
        *group = found->gr_gid;
        return true;
}

bool
deliver_owner(const char *text, uid_t *user, gid_t *group, struct error *err)
{
        size_t length = strcspn(text, ":");
        CLEANUP(free_cleanup) char *name = text_copy_length(text, length);
        uid_t uid = (uid_t)-1;
        gid_t gid = (gid_t)-1;

        if (!*text || strcmp(text, ":") == 0) {
                error_set(err, ERROR_USAGE, "'%.40s' names no owner", text);
                return error_advise(err, "write USER, USER:GROUP or :GROUP");
        }
        if ((*name && !find_user(name, &uid, &gid, err)) ||
            (text[length] && text[length + 1] && !find_group(text + length + 1, &gid, err)))
                return false;
        *user = uid;
        *group = gid;
        return true;
}

/* Of the files, and of their folder: who may read a file may look for it. */
static bool
access_of(const struct order *order, struct file_access *file, struct file_access *folder,
          struct error *err)
{
        const struct wishes *wishes = &order->wishes;
        mode_t mode = wishes->file_mode ? (mode_t)wishes->file_mode : FILE_MODE;
        struct file_access access = { mode, (uid_t)-1, (gid_t)-1 };

        if (wishes->file_owner &&
            !deliver_owner(wishes->file_owner, &access.user, &access.group, err)) {
                err->kind = ERROR_FILE;
                return false;
        }
        *file = access;
        *folder = access;
        folder->mode = FOLDER_MODE | (mode & S_IRGRP ? S_IRGRP | S_IXGRP : 0) |
                       (mode & S_IROTH ? S_IROTH | S_IXOTH : 0);
        return true;
}

/* -- what is written -------------------------------------------------------------------------- */

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
        if (openssl_key_is(order->key_uri)) {
                buf_format(out,
                           "Its private key is where OpenSSL reaches it: %s\n"
                           "Servers take fullchain.pem (the certificate, then its issuers) and "
                           "that key.\n",
                           order->key_uri);
        } else if (order->key_uri) {
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
                   order_call(order->wishes.name).text, order_call(order->wishes.name).text);
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

static void
compose_fullchain(const struct order *order, struct buf *out)
{
        certificate_pem_add(out, view_buf(&order->certificate));
        certificate_pem_add(out, view_buf(&order->chain));
}

static bool
compose_der(const struct order *order, struct buf *out, struct error *err)
{
        (void)err;
        buf_add(out, view_buf(&order->certificate));
        return true;
}

static bool
compose_p7b_of(const struct order *order, struct buf *out, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf all = { 0 };

        buf_add(&all, view_buf(&order->certificate));
        buf_add(&all, view_buf(&order->chain));
        return compose_p7b(view_buf(&all), out, err);
}

static bool
compose_p7b_pem(const struct order *order, struct buf *out, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };

        if (!compose_p7b_of(order, &der, err))
                return false;
        pem_add(out, "PKCS7", view_buf(&der));
        return true;
}

static bool
compose_bundle(const struct order *order, struct buf *out, struct error *err)
{
        (void)err;
        compose_fullchain(order, out);
        certificate_pem_add(out, view_buf(&order->root));
        return true;
}

static bool
compose_readme_of(const struct order *order, struct buf *out, struct error *err)
{
        (void)err;
        compose_readme(order, out);
        return true;
}

/* The files beside the planned ones, and what has to be asked for to get them. */
static const struct {
        const char *name;
        unsigned format;
        bool (*compose)(const struct order *order, struct buf *out, struct error *err);
} beside[] = {
        { "certificate.der", FORMAT_DER, compose_der },
        { "certificate.p7b", FORMAT_P7B, compose_p7b_of },
        { "certificate.p7b.pem", FORMAT_P7B_PEM, compose_p7b_pem },
        { "bundle.pem", FORMAT_BUNDLE, compose_bundle },
        { "README.txt", FORMAT_PEM, compose_readme_of },
};

static bool
write_beside(const struct order *order, const struct file_access *access, struct error *err)
{
        for (size_t i = 0; i < ARRAY_LENGTH(beside); i++) {
                CLEANUP(free_cleanup)
                char *path = text_format("%s/%s", order->wishes.folder, beside[i].name);
                CLEANUP(buf_cleanup) struct buf content = { 0 };

                if (((order->wishes.formats | FORMAT_PEM) & beside[i].format) &&
                    (!beside[i].compose(order, &content, err) ||
                     !file_write_soon(path, access, view_buf(&content), err)))
                        return false;
        }
        return true;
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
        struct file_access access, folder;
        bool done;

        if (!(order->wishes.stores & STORE_FILES) || !order->file_certificate)
                return true;
        if (!access_of(order, &access, &folder, err) ||
            !file_make_folder(order->wishes.folder, FOLDER_MODE, err) ||
            ((order->wishes.file_mode || order->wishes.file_owner) &&
             !file_set_access(order->wishes.folder, &folder, err)))
                return false;
        compose(order, files);
        done = true;
        for (size_t i = 0; done && i < PLANNED_FILES; i++) {
                done = !files[i].path ||
                       file_write_soon(files[i].path, &access, view_buf(&files[i].content), err);
                failpoint("file-written");
        }
        planned_clear(files);
        return done && write_beside(order, &access, err);
}

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
                                     order_call(order->wishes.name).text,
                                     order_call(order->wishes.name).text);
        }
        planned_clear(files);
        return done;
}

void
deliver_hook_facts(const struct order *order, struct hook_facts *facts)
{
        CLEANUP(free_cleanup)
        char *number = order->number ? text_format("%lld", (long long)order->number) : NULL;
        char not_before[CLOCK_TEXT];
        char not_after[CLOCK_TEXT];
        const struct {
                const char *name;
                const char *value;
        } rows[] = {
                { "P11CERT_HOOK", "deploy" },
                { "P11CERT_ORDER", number },
                { "P11CERT_NAME", order->wishes.name },
                { "P11CERT_SUBJECT", order->wishes.subject },
                { "P11CERT_HOLDER", order->wishes.holder },
                { "P11CERT_PLACE", order->wishes.place },
                { "P11CERT_SERIAL", order->serial },
                { "P11CERT_FINGERPRINT_SHA256", order->fingerprint },
                { "P11CERT_NOT_BEFORE",
                  order->not_before ? clock_format(order->not_before, not_before) : "" },
                { "P11CERT_NOT_AFTER",
                  order->not_after ? clock_format(order->not_after, not_after) : "" },
                { "P11CERT_CA_ARN", order->wishes.ca_arn },
                { "P11CERT_CERTIFICATE_ARN", order->certificate_arn },
                { "P11CERT_CERTIFICATE_FILE", order->file_certificate },
                { "P11CERT_CHAIN_FILE", order->file_chain },
                { "P11CERT_FULLCHAIN_FILE", order->file_fullchain },
                { "P11CERT_ROOT_FILE", order->file_root },
                { "P11CERT_TOKEN_LABEL", order->token.label },
                { "P11CERT_TOKEN_SERIAL", order->token.serial },
                { "P11CERT_KEY_URI", order->key_uri },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
                hook_fact(facts, rows[i].name, rows[i].value);
}
