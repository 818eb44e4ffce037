#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>

#include "order/cert.h"
#include "order/name.h"
#include "order/x509.h"

/*
 * OpenSSL's level 2: 112 bits, that is SHA-224 and RSA 2048 or better, for every certificate but
 * the root's own signature.
 */
enum { AUTH_LEVEL = 2, CHAIN_MOST = 16 };

static void
stack_cleanup(STACK_OF(X509) * *stack)
{
        sk_X509_pop_free(*stack, X509_free);
}

static void
store_cleanup(X509_STORE **store)
{
        X509_STORE_free(*store);
}

static void
context_cleanup(X509_STORE_CTX **context)
{
        X509_STORE_CTX_free(*context);
}

static bool
refuse(struct error *err, const X509 *certificate, const char *reason)
{
        CLEANUP(free_cleanup)
        char *subject = certificate ? subject_format(X509_get_subject_name(certificate)) : NULL;

        ERR_clear_error();
        error_set(err, ERROR_NOT_AS_ASKED, "the certificate does not chain to the pinned root: %s",
                  reason);
        if (subject)
                error_about(err, "certificate '%s'", subject);
        return error_advise(err, "compare the CA's certificates with the pinned root ('ca chain', "
                                 "'ca trust')");
}

/* Decoding a certificate takes OpenSSL 0.2 ms, and the root is there already. */
static X509 *
read_or_share(struct view der, struct view root, X509 *anchor)
{
        if (!view_equal(der, root))
                return x509_read(der);
        X509_up_ref(anchor);
        return anchor;
}

/* The certificates that the CA answered, as a stack. */
static bool
read_chain(struct view chain, struct view root, X509 *anchor, STACK_OF(X509) * out,
           struct error *err)
{
        while (chain.len) {
                size_t len = certificate_length(chain);
                X509 *certificate =
                        len ? read_or_share(view_of(chain.data, len), root, anchor) : NULL;

                if (!certificate)
                        return refuse(err, NULL, "a certificate of the chain is broken");
                if (sk_X509_num(out) >= CHAIN_MOST || !sk_X509_push(out, certificate)) {
                        X509_free(certificate);
                        return refuse(err, NULL, "the chain is too long");
                }
                chain = view_of(chain.data + len, chain.len - len);
        }
        return true;
}

/* What RFC 5280 asks of an issuer and OpenSSL lets pass. */
static bool
check_issuer(X509 *issuer, struct error *err)
{
        if (X509_get_version(issuer) != X509_VERSION_3)
                return refuse(err, issuer, "an issuer is not an X.509 version 3 certificate");
        /*
         * 1: basicConstraints says so, and keyUsage does not forbid it; the other answers are
         * guesses from other extensions, which OpenSSL lets pass for a root.
         */
        if (X509_check_ca(issuer) != 1)
                return refuse(err, issuer, "an issuer is not a CA (basicConstraints)");
        return true;
}

static X509_STORE *
root_store(X509 *root)
{
        X509_STORE *store = X509_STORE_new();

        if (!store || !X509_STORE_add_cert(store, root))
                abort();
        return store;
}

/*
 * A critical extension of the certificate itself may be one that was asked for: whether it was is
 * for whoever compares it with that, and whether it is understood is for whoever uses it.
 */
static int
let_own_extensions_pass(int good, X509_STORE_CTX *context)
{
        bool own = X509_STORE_CTX_get_error_depth(context) == 0 &&
                   X509_STORE_CTX_get_error(context) == X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION;

        return good || own;
}

/*
 * The issuers whose path to the root was verified last, the lowest first: the same for every order
 * of a CA, and an ECDSA signature takes 0.1 ms to verify.
 */
static _Thread_local STACK_OF(X509) * verified;

static void
remember_path(STACK_OF(X509) * path)
{
        sk_X509_pop_free(verified, X509_free);
        verified = sk_X509_new_null();
        for (int i = 1; verified && i < sk_X509_num(path); i++) {
                if (X509_up_ref(sk_X509_value(path, i)) != 1 ||
                    !sk_X509_push(verified, sk_X509_value(path, i)))
                        abort();
        }
}

static bool
is_remembered(STACK_OF(X509) * path)
{
        if (!verified || sk_X509_num(path) != sk_X509_num(verified) + 1)
                return false;
        for (int i = 1; i < sk_X509_num(path); i++) {
                if (X509_cmp(sk_X509_value(path, i), sk_X509_value(verified, i - 1)) != 0)
                        return false;
        }
        return true;
}

/* Dates that are not well formed (RFC 5280, 4.1.2.5) are none. */
static bool
is_valid_at(const X509 *certificate, X509_VERIFY_PARAM *param)
{
#if OPENSSL_VERSION_NUMBER >= 0x40000000L
        return X509_check_certificate_times(param, certificate, NULL) == 1;
#else
        time_t now = X509_VERIFY_PARAM_get_time(param);

        return X509_cmp_time(X509_get0_notBefore(certificate), &now) < 0 &&
               X509_cmp_time(X509_get0_notAfter(certificate), &now) > 0;
#endif
}

static bool
are_all_valid_now(X509_STORE_CTX *context, STACK_OF(X509) * path)
{
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);

        for (int i = 0; i < sk_X509_num(path); i++) {
                if (!is_valid_at(sk_X509_value(path, i), param))
                        return false;
        }
        return true;
}

struct default_verify {
        X509_STORE_CTX_verify_fn run;
};

/*
 * Stands where OpenSSL verifies the signatures and dates of a path that it has built and checked
 * (X509_STORE_CTX_set_verify()).  Whatever is not simply good is left to OpenSSL.
 */
static int
verify_signatures(X509_STORE_CTX *context)
{
        STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(context);
        const struct default_verify *openssl = X509_STORE_CTX_get_app_data(context);

        if (sk_X509_num(path) > 1 && is_remembered(path) && are_all_valid_now(context, path) &&
            X509_verify(sk_X509_value(path, 0), X509_get0_pubkey(sk_X509_value(path, 1))) == 1)
                return 1;
        ERR_clear_error();
        if (openssl->run(context) != 1)
                return 0;
        remember_path(path);
        return 1;
}

static bool
verify(X509 *certificate, STACK_OF(X509) * chain, X509 *root, int64_t now, struct buf *path,
       struct error *err)
{
        CLEANUP(store_cleanup) X509_STORE *store = root_store(root);
        CLEANUP(context_cleanup) X509_STORE_CTX *context = X509_STORE_CTX_new();
        CLEANUP(buf_cleanup) struct buf issuers = { 0 };

        if (!context || !X509_STORE_CTX_init(context, store, certificate, chain))
                abort();
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);

        X509_VERIFY_PARAM_set_time(param, (time_t)now);
        X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
        struct default_verify openssl = { X509_STORE_CTX_get_verify(context) };

        X509_STORE_CTX_set_verify_cb(context, let_own_extensions_pass);
        X509_STORE_CTX_set_verify(context, verify_signatures);
        X509_STORE_CTX_set_app_data(context, &openssl);
        if (X509_verify_cert(context) != 1) {
                int reason = X509_STORE_CTX_get_error(context);

                return refuse(err, X509_STORE_CTX_get_current_cert(context),
                              X509_verify_cert_error_string(reason));
        }
        STACK_OF(X509) *found = X509_STORE_CTX_get0_chain(context);
        int last = sk_X509_num(found) - 1;

        for (int i = 1; i <= last; i++) {
                if (!check_issuer(sk_X509_value(found, i), err))
                        return false;
                if (i < last)
                        x509_add_der(&issuers, sk_X509_value(found, i));
        }
        if (last < 1)
                return refuse(err, certificate, "it is the root itself");
        buf_set(path, view_buf(&issuers));
        return true;
}

bool
certificate_chain(struct view certificate, struct view chain, struct view root, int64_t now,
                  struct buf *path, struct error *err)
{
        CLEANUP(x509_cleanup) X509 *leaf = x509_read(certificate);
        CLEANUP(x509_cleanup) X509 *anchor = x509_read(root);
        CLEANUP(stack_cleanup) STACK_OF(X509) *others = sk_X509_new_null();

        if (!leaf)
                return refuse(err, NULL, "it is broken");
        if (!anchor)
                return refuse(err, NULL, "the pinned root is broken");
        if (!read_chain(chain, root, anchor, others, err))
                return false;
        return verify(leaf, others, anchor, now, path, err);
}
