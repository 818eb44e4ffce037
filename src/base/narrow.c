#include "base/narrow.h"

#include <openssl/core_dispatch.h>
#include <openssl/opensslv.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/compiler.h"

#if OPENSSL_VERSION_NUMBER < 0x30200000L

/* Its algorithms are the default provider's own, with that provider's context; only fewer. */
enum { MOST = 16 };

static OSSL_PROVIDER *whole;
static OSSL_ALGORITHM key_types[MOST + 1];
static OSSL_ALGORITHM decoders[MOST + 1];

/* "EC:id-ecPublicKey:1.2.840.10045.2.1" has the name "EC". */
static bool
has_name(const char *names, const char *name)
{
        size_t length = strlen(name);

        return strncmp(names, name, length) == 0 && (names[length] == ':' || !names[length]);
}

static bool
is_wanted(const OSSL_ALGORITHM *algorithm, bool decoder)
{
        const char *names = algorithm->algorithm_names;

        if (!has_name(names, "EC") && !has_name(names, "RSA"))
                return false;
        return !decoder || (strstr(algorithm->property_definition, "input=der") &&
                            strstr(algorithm->property_definition, "SubjectPublicKeyInfo"));
}

static bool
choose(int operation, OSSL_ALGORITHM *out)
{
        int may_not_keep = 0;
        const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, operation, &may_not_keep);
        size_t count = 0;

        for (; all && all->algorithm_names && count < MOST; all++) {
                if (is_wanted(all, operation == OSSL_OP_DECODER))
                        out[count++] = *all;
        }
        return count > 0 && !may_not_keep;
}

static const OSSL_ALGORITHM *
query(void *provider, int operation, int *may_not_keep)
{
        (void)provider;
        *may_not_keep = 0;
        if (operation == OSSL_OP_KEYMGMT)
                return key_types;
        return operation == OSSL_OP_DECODER ? decoders : NULL;
}

/* OSSL_provider_init_fn */
static int
narrow_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
            void **context)
{
        static const OSSL_DISPATCH functions[] = {
                { OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
                { 0, NULL },
        };

        (void)handle;
        (void)in;
        *out = functions;
        *context = OSSL_PROVIDER_get0_provider_ctx(whole);
        return 1;
}

static OSSL_LIB_CTX *narrow;

static void
make(void)
{
        OSSL_LIB_CTX *fresh = NULL;
        OSSL_LIB_CTX *home = OSSL_LIB_CTX_new();

        /* In a context of its own: what the process may use is for its configuration to say. */
        whole = home ? OSSL_PROVIDER_load(home, "default") : NULL;
        if (!whole || !choose(OSSL_OP_KEYMGMT, key_types) || !choose(OSSL_OP_DECODER, decoders))
                return;
        fresh = OSSL_LIB_CTX_new();
        if (fresh && OSSL_PROVIDER_add_builtin(fresh, "narrow", narrow_init) == 1 &&
            OSSL_PROVIDER_load(fresh, "narrow"))
                narrow = fresh;
        else
                OSSL_LIB_CTX_free(fresh);
}

OSSL_LIB_CTX *
narrow_context(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        pthread_once(&once, make);
        return narrow;
}

#else

OSSL_LIB_CTX *
narrow_context(void)
{
        return NULL;
}

#endif

/* -- none at all ----------------------------------------------------------------------------- */

static OSSL_LIB_CTX *bare;

static void
make_bare(void)
{
        bare = OSSL_LIB_CTX_new();
        if (bare && !OSSL_PROVIDER_load(bare, "null")) {
                OSSL_LIB_CTX_free(bare);
                bare = NULL;
        }
}

OSSL_LIB_CTX *
bare_context(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        pthread_once(&once, make_bare);
        return bare;
}
