/*
 * The answering side of the witness: an application that knows nothing but libp11, as nginx, curl
 * and OpenVPN do.  It may crash or hang (libp11 0.4.12 does both): it has a process of its own.
 */
#include <errno.h>
#include <libp11.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/witness.h"
#include "engine/witness_message.h"

/* Should nobody be left to kill it. */
enum { LIFE_S = 120 };

struct question {
        struct buf parts[WITNESS_PIN];
        struct secret pin;
};

/* What libp11 has given us, to be given back in order. */
struct view_of_token {
        PKCS11_CTX *context;
        bool loaded;
        PKCS11_SLOT *slots;
        unsigned slot_count;
        PKCS11_SLOT *slot; /* the one with the token */
        PKCS11_KEY *key;
        EVP_PKEY *private_key;
        X509 *certificate; /* borrowed from libp11 */
};

/* -- the question ------------------------------------------------------------------------- */

static bool
read_exactly(void *out, size_t length)
{
        uint8_t *at = out;

        while (length) {
                ssize_t got = read(WITNESS_CHANNEL, at, length);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return false;
                at += got;
                length -= (size_t)got;
        }
        return true;
}

static bool
read_length(size_t *length)
{
        uint8_t b[4];

        if (!read_exactly(b, sizeof(b)))
                return false;
        *length = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
        return *length <= WITNESS_PART_MOST;
}

static bool
read_question(struct question *question)
{
        size_t length = 0;

        for (size_t i = 0; i < WITNESS_PIN; i++) {
                if (!read_length(&length))
                        return false;
                CLEANUP(free_cleanup) uint8_t *bytes = memory_new(length + 1, 1);

                if (!read_exactly(bytes, length))
                        return false;
                buf_set(&question->parts[i], view_of(bytes, length));
        }
        if (!read_length(&length))
                return false;
        /* One byte more, which stays zero: libp11 takes the PIN as a C string. */
        secret_reserve(&question->pin, length + 1);
        question->pin.len = length;
        return read_exactly(question->pin.data, length);
}

static const char *
part_text(const struct question *question, enum witness_part part)
{
        return buf_text(&question->parts[part]);
}

/* -- what an application would meet ------------------------------------------------------------ */

/* The newest entry of OpenSSL's queue, where libp11 leaves its reasons, or nothing. */
static const char *
reason(void)
{
        unsigned long code = ERR_peek_last_error();
        const char *text = code ? ERR_reason_error_string(code) : NULL;

        return text ? text : "it does not say why";
}

static bool
not_found(struct error *err, const char *what, const char *next)
{
        error_set(err, ERROR_NOT_PROVED, "through libp11, an application %s", what);
        return error_advise(err, "%s", next);
}

static bool
find_slot(struct view_of_token *view, const struct question *question, struct error *err)
{
        view->context = PKCS11_CTX_new();
        if (!view->context ||
            PKCS11_CTX_load(view->context, part_text(question, WITNESS_MODULE)) != 0)
                return error_set(err, ERROR_NOT_PROVED, "libp11 cannot load the module: %s",
                                 reason());
        view->loaded = true;
        if (PKCS11_enumerate_slots(view->context, &view->slots, &view->slot_count) != 0)
                return error_set(err, ERROR_NOT_PROVED, "libp11 cannot list the slots: %s",
                                 reason());
        for (unsigned i = 0; i < view->slot_count; i++) {
                const PKCS11_TOKEN *token = view->slots[i].token;

                if (token && text_equal(token->serialnr, part_text(question, WITNESS_SERIAL)) &&
                    text_equal(token->label, part_text(question, WITNESS_LABEL)))
                        view->slot = &view->slots[i];
        }
        return view->slot || not_found(err, "does not see the token",
                                       "compare with `p11cert token list`; insert the token again");
}

static bool
log_in(struct view_of_token *view, const struct question *question, struct error *err)
{
        const PKCS11_TOKEN *token = view->slot->token;

        /* The flags were read by whoever logged in first; a try is not worth this proof. */
        if (token->userPinFinalTry || token->userPinLocked)
                return error_set(err, ERROR_NOT_PROVED, "the PIN is locked, or one try is left");
        if (!token->loginRequired)
                return true;
        if (PKCS11_login(view->slot, 0, (const char *)question->pin.data) != 0)
                return error_set(err, ERROR_NOT_PROVED, "libp11 cannot log in: %s", reason());
        return true;
}

static bool
same_id(const unsigned char *id, size_t length, const struct question *question)
{
        return view_equal(view_of(id, length), view_buf(&question->parts[WITNESS_KEY_ID]));
}

static bool
find_key(struct view_of_token *view, const struct question *question, struct error *err)
{
        PKCS11_KEY *keys = NULL;
        unsigned count = 0;

        if (PKCS11_enumerate_keys(view->slot->token, &keys, &count) != 0)
                return not_found(err, "cannot list the keys of the token",
                                 "one key of a type that libp11 does not know (Ed25519) is enough "
                                 "to hide them all: delete it, or use a newer libp11");
        for (unsigned i = 0; i < count; i++) {
                if (same_id(keys[i].id, keys[i].id_len, question))
                        view->key = &keys[i];
        }
        if (!view->key)
                return not_found(err, "does not find the private key by its id",
                                 "see `p11cert key list` for what is on the token");
        return true;
}

static bool
is_certificate(X509 *certificate, const struct question *question)
{
        unsigned char *der = NULL;
        int length = certificate ? i2d_X509(certificate, &der) : -1;
        bool same = length > 0 && view_equal(view_of(der, (size_t)length),
                                             view_buf(&question->parts[WITNESS_CERTIFICATE]));

        OPENSSL_free(der);
        return same;
}

static bool
find_certificate(struct view_of_token *view, const struct question *question, struct error *err)
{
        PKCS11_CERT *certificates = NULL;
        unsigned count = 0;
        bool other_id = false;

        if (PKCS11_enumerate_certs(view->slot->token, &certificates, &count) != 0)
                return not_found(err, "cannot list the certificates of the token",
                                 "see `p11cert cert list` for what is on the token");
        for (unsigned i = 0; i < count; i++) {
                if (!is_certificate(certificates[i].x509, question))
                        continue;
                other_id = true;
                if (same_id(certificates[i].id, certificates[i].id_len, question))
                        view->certificate = certificates[i].x509;
        }
        if (view->certificate)
                return true;
        return not_found(err,
                         other_id ? "finds the certificate under another id than the key"
                                  : "does not find the certificate",
                         "write the certificate to the token again");
}

static bool
get_private_key(struct view_of_token *view, struct error *err)
{
        view->private_key = PKCS11_get_private_key(view->key);
        if (!view->private_key)
                return not_found(err, "cannot use the private key",
                                 "see whether the key may sign: `p11cert key list`");
        if (X509_check_private_key(view->certificate, view->private_key) != 1)
                return not_found(err, "finds a private key that does not belong to the certificate",
                                 "see `p11cert key list` for keys with the same id");
        return true;
}

/* -- TLS in memory ------------------------------------------------------------------------ */

/* The client takes the very certificate that was asked about and no other; its chain, dates and
 * usages are judged elsewhere. */
static int
accept_expected(X509_STORE_CTX *store, void *expected)
{
        X509 *leaf = X509_STORE_CTX_get0_cert(store);

        return leaf && X509_cmp(leaf, expected) == 0;
}

static SSL_CTX *
tls_context(const SSL_METHOD *method, int version)
{
        SSL_CTX *context = SSL_CTX_new(method);

        if (!context || SSL_CTX_set_min_proto_version(context, version) != 1 ||
            SSL_CTX_set_max_proto_version(context, version) != 1) {
                SSL_CTX_free(context);
                return NULL;
        }
        return context;
}

/* One step of one end; `done` when its handshake is complete.  False: it failed. */
static bool
step(SSL *end, bool *done)
{
        int result = SSL_do_handshake(end);
        int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(end, result);

        *done = result == 1;
        return *done || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

/* Both ends take turns; each reads what the other wrote. */
static bool
shake_hands(SSL *server, SSL *client)
{
        enum { TURNS = 32 };
        bool client_done = false;
        bool server_done = false;

        for (unsigned i = 0; i < TURNS && !(client_done && server_done); i++) {
                if (!step(client, &client_done) || !step(server, &server_done))
                        return false;
        }
        return client_done && server_done;
}

static bool
connect_ends(SSL *server, SSL *client)
{
        BIO *server_end = NULL;
        BIO *client_end = NULL;

        if (!server || !client || BIO_new_bio_pair(&server_end, 0, &client_end, 0) != 1)
                return false;
        SSL_set_bio(server, server_end, server_end);
        SSL_set_bio(client, client_end, client_end);
        SSL_set_accept_state(server);
        SSL_set_connect_state(client);
        return true;
}

static bool
handshake(const struct view_of_token *view, int version)
{
        SSL_CTX *serving = tls_context(TLS_server_method(), version);
        SSL_CTX *asking = tls_context(TLS_client_method(), version);
        SSL *server = NULL;
        SSL *client = NULL;
        bool done = false;

        if (serving && asking && SSL_CTX_use_certificate(serving, view->certificate) == 1 &&
            SSL_CTX_use_PrivateKey(serving, view->private_key) == 1) {
                SSL_CTX_set_verify(asking, SSL_VERIFY_PEER, NULL);
                SSL_CTX_set_cert_verify_callback(asking, accept_expected, view->certificate);
                server = SSL_new(serving);
                client = SSL_new(asking);
                done = connect_ends(server, client) && shake_hands(server, client);
        }
        SSL_free(server);
        SSL_free(client);
        SSL_CTX_free(serving);
        SSL_CTX_free(asking);
        return done;
}

static bool
serve(const struct view_of_token *view, struct error *err)
{
        static const struct {
                int version;
                const char *name;
        } versions[] = { { TLS1_2_VERSION, "TLS 1.2" }, { TLS1_3_VERSION, "TLS 1.3" } };

        for (size_t i = 0; i < ARRAY_LENGTH(versions); i++) {
                ERR_clear_error();
                if (handshake(view, versions[i].version))
                        continue;
                error_set(err, ERROR_NOT_PROVED,
                          "through libp11, an application finds key and certificate, but a %s "
                          "handshake with them fails: %s",
                          versions[i].name, reason());
                return error_advise(err, "an RSA key may lack the raw mechanism (CKM_RSA_X_509) "
                                         "that this libp11 uses for PSS: take an EC key");
        }
        return true;
}

/* -- the whole view ----------------------------------------------------------------------- */

static bool
look(struct view_of_token *view, const struct question *question, struct error *err)
{
        return find_slot(view, question, err) && log_in(view, question, err) &&
               find_key(view, question, err) && find_certificate(view, question, err) &&
               get_private_key(view, err) && serve(view, err);
}

/* Keys before slots: libp11 0.4.12 reads freed memory otherwise. */
static void
give_back(struct view_of_token *view)
{
        EVP_PKEY_free(view->private_key);
        if (view->slots)
                PKCS11_release_all_slots(view->context, view->slots, view->slot_count);
        if (view->loaded)
                PKCS11_CTX_unload(view->context);
        if (view->context)
                PKCS11_CTX_free(view->context);
}

static void
answer(bool proved, const struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        buf_add_byte(&text, proved ? WITNESS_YES : WITNESS_NO);
        if (!proved)
                buf_format(&text, "%s\n%s", err->what, err->next);
        /* Nobody listening is no reason to be killed by SIGPIPE. */
        (void)send(WITNESS_CHANNEL, text.data, text.len, MSG_NOSIGNAL);
        close(WITNESS_CHANNEL);
}

/* The PIN is in this process: no core dumps, nobody looks into its memory. */
static void
keep_to_itself(void)
{
        const struct rlimit none = { 0, 0 };

        (void)prctl(PR_SET_DUMPABLE, 0);
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)alarm(LIFE_S);
}

int
witness_child(void)
{
        struct question question = { 0 };
        struct view_of_token view = { 0 };
        struct error err = { 0 };
        bool proved = false;

        keep_to_itself();
        if (read_question(&question)) {
                proved = look(&view, &question, &err);
                answer(proved, &err);
                give_back(&view);
        }
        for (size_t i = 0; i < WITNESS_PIN; i++)
                buf_clear(&question.parts[i]);
        secret_clear(&question.pin);
        return proved ? 0 : 1;
}
