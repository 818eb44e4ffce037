#include "order/signature.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/decoded.h"
#include "order/cert.h"

static const EVP_MD *
digest(enum hash hash)
{
        switch (hash) {
        case HASH_SHA256:
                return EVP_sha256();
        case HASH_SHA384:
                return EVP_sha384();
        case HASH_SHA512:
                return EVP_sha512();
        default:
                return NULL;
        }
}

EVP_PKEY *
signature_key(struct view spki)
{
        return decoded_key(spki);
}

bool
signature_check(EVP_PKEY *key, enum hash hash, struct view message, struct view signature,
                struct error *err)
{
        const EVP_MD *md = digest(hash);
        EVP_MD_CTX *context = md ? EVP_MD_CTX_new() : NULL;
        bool good = context && EVP_DigestVerifyInit(context, NULL, md, NULL, key) == 1 &&
                    EVP_DigestVerify(context, signature.data, signature.len, message.data,
                                     message.len) == 1;

        EVP_MD_CTX_free(context);
        ERR_clear_error();
        if (good)
                return true;
        error_set(err, ERROR_NOT_PROVED, "a signature does not verify with its public key");
        return error_advise(err, "the private key is not the one that belongs to this public key: "
                                 "check that the token was not swapped or re-initialised");
}

bool
signature_verify(struct view spki, enum hash hash, struct view message, struct view signature,
                 struct error *err)
{
        EVP_PKEY *key = signature_key(spki);

        if (!key)
                return error_set(err, ERROR_NOT_PROVED, "the public key does not decode");
        bool good = signature_check(key, hash, message, signature, err);

        EVP_PKEY_free(key);
        return good;
}
