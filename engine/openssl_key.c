/*
 * Keys that OpenSSL reaches: "engine:ID:KEY" through an ENGINE, where OpenSSL still has them, and
 * "store:URI" through a provider's OSSL_STORE loader.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* ENGINEs are, and on purpose asked for here */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inside.h"
#include "engine/openssl_key.h"

#if !defined(OPENSSL_NO_ENGINE) && OPENSSL_VERSION_MAJOR < 4
#define HAVE_ENGINES 1
#include <openssl/engine.h>
#endif

enum { SIGNATURE_MOST = 1024 };

/* What a key's EVP_PKEY hangs on; it goes after it. */
struct openssl_home {
        OSSL_LIB_CTX *context; /* of its own; NULL: the process's */
        OSSL_PROVIDER *providers[3];
#ifdef HAVE_ENGINES
        ENGINE *engine;
#endif
        EVP_PKEY *private_key;
};

/* -- what the URI says -------------------------------------------------------------------- */

static const char engine_scheme[] = "engine:";
static const char store_scheme[] = "store:";

bool
openssl_key_is(const char *uri)
{
        return uri && (text_starts(uri, engine_scheme) || text_starts(uri, store_scheme));
}

bool
openssl_key_check(const char *uri, struct error *err)
{
        if (strcasestr(uri, "pin-value")) {
                error_set(err, ERROR_USAGE, "a PIN in a key's URI is not accepted");
                return error_advise(err, "say where it comes from with --pin-source");
        }
        if (text_starts(uri, store_scheme) && uri[sizeof(store_scheme) - 1])
                return true;
        const char *id = text_starts(uri, engine_scheme) ? uri + sizeof(engine_scheme) - 1 : NULL;
        const char *colon = id ? strchr(id, ':') : NULL;

        if (colon && colon != id && colon[1])
                return true;
        error_set(err, ERROR_USAGE, "'%s' does not name a key of OpenSSL's", uri);
        return error_advise(err, "write engine:ID:KEY, such as engine:pkcs11:pkcs11:object=k, or "
                                 "store:URI, such as store:handle:0x81000001");
}

/* -- PINs --------------------------------------------------------------------------------- */

/* What asks for a PIN while a key is loaded. */
struct asked {
        const struct token_login *login;
        const char *uri;
        bool once; /* it was asked for: a second time means that it was refused */
        struct error error;
};

static const struct pin_source *
source_of(const struct token_login *login)
{
        static const struct pin_source prompt = { PIN_PROMPT, NULL };
        bool named = login && login->source && login->source->kind != PIN_NONE;

        return named ? login->source : &prompt;
}

/* Guarded like a token's: by the URI, as nothing else is known of it. */
static bool
pin_refused(struct asked *asked, const struct pin_source *source)
{
        struct error guard = { 0 };
        char text[256];

        error_set(&asked->error, ERROR_PIN_WRONG, "the PIN was refused");
        error_about(&asked->error, "%s, PIN from %s", asked->uri,
                    pin_source_text(source, text, sizeof(text)));
        error_advise(&asked->error, "correct it where it comes from; it was tried once, and its "
                                    "source is not used again until it changes");
        if (!pin_guard_record(asked->login->guard_folder, "openssl", asked->uri, source, &guard))
                error_about(&asked->error, "the refusal could not be recorded (%s)", guard.what);
        return false;
}

static bool
fetch_pin(struct asked *asked, struct secret *pin)
{
        const struct token_login *login = asked->login;
        const struct pin_source *source = source_of(login);

        if (!login)
                return error_set(&asked->error, ERROR_PIN_MISSING, "the key wants a PIN");
        if (asked->once)
                return pin_refused(asked, source);
        asked->once = true;
        return (login->retry_pin || pin_guard_check(login->guard_folder, "openssl", asked->uri,
                                                    source, &asked->error)) &&
               pin_read(source, asked->uri, login->ask, login->ask_context, pin, &asked->error);
}

/* OpenSSL's question; its answer ends with a NUL. */
static int
answer(UI *ui, UI_STRING *question)
{
        struct asked *asked = UI_get0_user_data(ui);
        CLEANUP(secret_cleanup) struct secret pin = { 0 };
        CLEANUP(secret_cleanup) struct secret text = { 0 };

        if (UI_get_string_type(question) != UIT_PROMPT &&
            UI_get_string_type(question) != UIT_VERIFY)
                return 1;
        if (!asked || !fetch_pin(asked, &pin))
                return 0;
        secret_reserve(&text, pin.len + 1);
        memcpy(text.data, pin.data, pin.len);
        text.data[pin.len] = '\0';
        text.len = pin.len + 1;
        return UI_set_result(ui, question, (const char *)text.data) == 0;
}

static UI_METHOD *
make_method(void)
{
        UI_METHOD *method = UI_create_method("p11cert");

        if (method)
                UI_method_set_reader(method, answer);
        return method;
}

/* -- loading ------------------------------------------------------------------------------ */

/* The oldest error is the cause; those behind it say that it did not work. */
static bool
refuse(struct error *err, const char *uri, const char *what)
{
        unsigned long code = ERR_peek_error();
        const char *reason = code ? ERR_reason_error_string(code) : NULL;
        char number[32];

        snprintf(number, sizeof(number), "error %lX", code);
        error_set(err, ERROR_KEY_ABSENT, "%s%s%s", what, code ? ": " : "",
                  !code    ? ""
                  : reason ? reason
                           : number);
        ERR_clear_error();
        error_about(err, "%s", uri);
        return error_advise(err, "look whether OpenSSL finds it: openssl pkey -in URI -pubout "
                                 "(with -engine ID -inform engine for an ENGINE)");
}

/* ENGINEs and providers have codes of their own; their words for it have the PIN in them. */
static bool
was_about_pin(const char *reason)
{
        return strstr(reason, "PIN") != NULL;
}

#ifdef HAVE_ENGINES
/* `module`: --module, for the ENGINE that takes one (libp11's). */
static bool
load_by_engine(const char *uri, const char *module, UI_METHOD *method, struct asked *asked,
               struct openssl_home *home, struct error *err)
{
        const char *at = uri + sizeof(engine_scheme) - 1;
        CLEANUP(free_cleanup) char *id = text_copy_length(at, strcspn(at, ":"));
        const char *name = at + strlen(id) + 1;

        ENGINE_load_builtin_engines();
        home->engine = ENGINE_by_id(id);
        if (!home->engine)
                return refuse(err, uri, "OpenSSL has no such ENGINE");
        /* libp11's prints what goes wrong, which is ours to say. */
        ENGINE_ctrl_cmd_string(home->engine, "QUIET", NULL, 1);
        if (module)
                ENGINE_ctrl_cmd_string(home->engine, "MODULE_PATH", module, 1);
        if (!ENGINE_init(home->engine)) {
                ENGINE_free(home->engine);
                home->engine = NULL;
                return refuse(err, uri, "the ENGINE does not start");
        }
        home->private_key = ENGINE_load_private_key(home->engine, name, method, asked);
        return home->private_key || refuse(err, uri, "the ENGINE does not find the key");
}
#else
static bool
load_by_engine(const char *uri, const char *module, UI_METHOD *method, struct asked *asked,
               struct openssl_home *home, struct error *err)
{
        (void)module, (void)method, (void)asked, (void)home;
        error_set(err, ERROR_USAGE, "this OpenSSL has no ENGINEs");
        error_about(err, "%s", uri);
        return error_advise(err, "reach the key by a provider: store:URI");
}
#endif

/* Providers of keys in hardware that are tried though openssl.cnf does not name them. */
static const char *const more_providers[] = { "tpm2", "pkcs11" };

/* In a library context of its own: what a provider does to it, it does to nobody else. */
static bool
make_context(struct openssl_home *home)
{
        home->context = OSSL_LIB_CTX_new();
        if (!home->context)
                return false;
        /* The providers of openssl.cnf; one that is not there leaves the built-in ones. */
        (void)OSSL_LIB_CTX_load_config(home->context, NULL);
        if (!OSSL_PROVIDER_available(home->context, "default"))
                home->providers[0] = OSSL_PROVIDER_load(home->context, "default");
        return true;
}

/* The first private key in the store, or NULL; what a provider complains of stays in the queue. */
static EVP_PKEY *
find_in_store(const char *store, UI_METHOD *method, struct asked *asked, struct openssl_home *home)
{
        OSSL_STORE_CTX *open =
                OSSL_STORE_open_ex(store, home->context, NULL, method, asked, NULL, NULL, NULL);
        EVP_PKEY *key = NULL;

        if (!open)
                return NULL;
        /* A loader that takes no hint gives all it has. */
        (void)OSSL_STORE_expect(open, OSSL_STORE_INFO_PKEY);
        while (!key && !OSSL_STORE_eof(open)) {
                OSSL_STORE_INFO *info = OSSL_STORE_load(open);

                if (!info && OSSL_STORE_error(open))
                        break;
                if (info && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
                        key = OSSL_STORE_INFO_get1_PKEY(info);
                OSSL_STORE_INFO_free(info);
        }
        OSSL_STORE_close(open);
        return key;
}

static bool
load_by_store(const char *uri, UI_METHOD *method, struct asked *asked, struct openssl_home *home,
              struct error *err)
{
        const char *store = uri + sizeof(store_scheme) - 1;

        if (!make_context(home))
                return refuse(err, uri, "OpenSSL gives no library context");
        ERR_clear_error();
        home->private_key = find_in_store(store, method, asked, home);
        for (size_t i = 0; !home->private_key && !asked->once && i < ARRAY_LENGTH(more_providers);
             i++) {
                ERR_set_mark();
                if (!OSSL_PROVIDER_available(home->context, more_providers[i]))
                        home->providers[i + 1] =
                                OSSL_PROVIDER_load(home->context, more_providers[i]);
                (void)ERR_pop_to_mark();
                if (home->providers[i + 1])
                        home->private_key = find_in_store(store, method, asked, home);
        }
        return home->private_key || refuse(err, uri, "OpenSSL finds no private key there");
}

void
openssl_home_free(struct openssl_home *home)
{
        if (!home)
                return;
        EVP_PKEY_free(home->private_key);
#ifdef HAVE_ENGINES
        if (home->engine) {
                ENGINE_finish(home->engine);
                ENGINE_free(home->engine);
        }
#endif
        for (size_t i = 0; i < ARRAY_LENGTH(home->providers); i++) {
                if (home->providers[i])
                        OSSL_PROVIDER_unload(home->providers[i]);
        }
        OSSL_LIB_CTX_free(home->context);
        free(home);
}

/* -- the key ------------------------------------------------------------------------------ */

/* Does OpenSSL hand out the private part?  Then it lies in this machine's memory. */
static bool
is_in_the_open(const EVP_PKEY *key)
{
        BIGNUM *part = NULL;
        bool rsa = EVP_PKEY_is_a(key, "RSA");

        ERR_set_mark();
        bool open =
                EVP_PKEY_get_bn_param(key, rsa ? OSSL_PKEY_PARAM_RSA_D : OSSL_PKEY_PARAM_PRIV_KEY,
                                      &part) == 1 &&
                part && !BN_is_zero(part);

        (void)ERR_pop_to_mark();
        BN_clear_free(part);
        return open;
}

static bool
check_kind(const struct key *key, const char *uri, struct error *err)
{
        if (key->type == KEY_NONE) {
                error_set(err, ERROR_MECHANISM, "the key is of a kind that p11cert does not know");
                error_about(err, "%s", uri);
                return error_advise(err, "RSA (2048 to 4096 bits) and the curves P-256, P-384 and "
                                         "P-521 are taken");
        }
        if (!is_in_the_open(key->home->private_key))
                return true;
        error_set(err, ERROR_KEY_WEAK,
                  "OpenSSL hands out the private key: it is in a file, and not in hardware");
        error_about(err, "%s", uri);
        return error_advise(err, "name a key that an HSM, a TPM or a card keeps");
}

/* The public half, in a form that belongs to no provider and no ENGINE. */
static bool
take_public(struct key *key)
{
        unsigned char *der = NULL;
        int length = i2d_PUBKEY(key->home->private_key, &der);

        if (length > 0)
                buf_set(&key->spki, view_of(der, (size_t)length));
        OPENSSL_free(der);
        const unsigned char *at = key->spki.data;

        key->public_key = length > 0 ? d2i_PUBKEY(NULL, &at, length) : NULL;
        key->type = length > 0 ? key_type_of_spki(view_buf(&key->spki)) : KEY_NONE;
        return key->public_key != NULL;
}

static bool
load(struct key *key, const char *uri, const char *module, struct asked *asked, struct error *err)
{
        UI_METHOD *method = make_method();
        bool loaded = text_starts(uri, engine_scheme)
                              ? load_by_engine(uri, module, method, asked, key->home, err)
                              : load_by_store(uri, method, asked, key->home, err);

        UI_destroy_method(method);
        if (loaded)
                return true;
        if (asked->once && asked->error.kind == ERROR_NONE && was_about_pin(err->what))
                pin_refused(asked, source_of(asked->login));
        /* What kept the PIN from coming says more than that no key came. */
        if (asked->error.kind != ERROR_NONE)
                *err = asked->error;
        return false;
}

struct key *
openssl_key_open(const char *uri, const char *module, const struct token_login *login,
                 struct error *err)
{
        struct asked asked = { .login = login, .uri = uri };

        if (!openssl_key_check(uri, err))
                return NULL;
        struct key *key = memory_new(1, sizeof(*key));

        key->home = memory_new(1, sizeof(*key->home));
        key->uri = text_copy(uri);
        key->label = text_copy("");
        bool good =
                load(key, uri, module, &asked, err) &&
                (take_public(key) || refuse(err, uri, "OpenSSL does not tell the public key")) &&
                check_kind(key, uri, err);

        if (!good) {
                key_free(key);
                return NULL;
        }
        if (login && asked.once)
                pin_guard_forget(login->guard_folder, "openssl", uri);
        return key;
}

bool
openssl_key_sign(const struct key *key, enum hash hash, struct view message, struct buf *signature,
                 struct error *err)
{
        uint8_t bytes[SIGNATURE_MOST];
        size_t length = sizeof(bytes);
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(key->home->private_key);
        /* Another provider's method would want the private part. */
        CLEANUP(free_cleanup)
        char *ours =
                provider ? text_format("?provider=%s", OSSL_PROVIDER_get0_name(provider)) : NULL;

        ERR_clear_error();
        bool done = context &&
                    EVP_DigestSignInit_ex(context, NULL, hash_name(hash), key->home->context, ours,
                                          key->home->private_key, NULL) == 1 &&
                    EVP_DigestSign(context, bytes, &length, message.data, message.len) == 1;

        EVP_MD_CTX_free(context);
        if (!done) {
                refuse(err, key->uri, "the key does not sign");
                err->kind = ERROR_TOKEN;
                return false;
        }
        buf_set(signature, view_of(bytes, length));
        return true;
}
