#include "localpca/spoil.h"

enum { SPOILED_DAY = 24 * 60 * 60 };

bool
spoil_wanted(const struct fault *fault)
{
        return fault->wrong_key || fault->wrong_subject || fault->expired || fault->foreign;
}

static bool
certificate_change(X509 *certificate, const struct fault *fault, int64_t now)
{
        if (fault->wrong_key) {
                CLEANUP(pkey_cleanup) EVP_PKEY *other = EVP_EC_gen("P-256");
                if (!other || !X509_set_pubkey(certificate, other))
                        return false;
        }
        if (fault->wrong_subject) {
                CLEANUP(name_cleanup) X509_NAME *name = X509_NAME_new();
                if (!X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)"somebody else", -1, -1,
                                                0) ||
                    !X509_set_subject_name(certificate, name))
                        return false;
        }
        if (!fault->expired)
                return true;
        return ASN1_TIME_set(X509_getm_notBefore(certificate), now - 2 * SPOILED_DAY) &&
               ASN1_TIME_set(X509_getm_notAfter(certificate), now - SPOILED_DAY);
}

bool
spoil(struct buf *der, const struct fault *fault, const struct authority *authority, int64_t now,
      struct error *err)
{
        CLEANUP(certificate_cleanup) X509 *certificate = certificate_of_der(view_buf(der));
        CLEANUP(pkey_cleanup)
        EVP_PKEY *foreign = fault->foreign ? key_make(authority->kind) : NULL;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        bool done =
                certificate && context && certificate_change(certificate, fault, now) &&
                signing_start(context, foreign ? foreign : authority->key, authority->algorithm) &&
                X509_sign_ctx(certificate, context) > 0;

        EVP_MD_CTX_free(context);
        if (!done)
                return error_set(err, ERROR_INTERNAL, "OpenSSL cannot sign the certificate");
        buf_clear(der);
        certificate_der(certificate, der);
        return true;
}
