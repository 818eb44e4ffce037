/*
 * Checking signatures with a public key that was decoded once.  Pure.
 */
#ifndef ORDER_SIGNATURE_H
#define ORDER_SIGNATURE_H

#include <openssl/evp.h>

#include "base/algorithm.h"
#include "base/bytes.h"
#include "base/err.h"

/* A SubjectPublicKeyInfo as OpenSSL has it, nothing behind it; NULL if it is none. */
EVP_PKEY *signature_key(struct view spki);

/* As signature_verify() in order/cert.h. */
bool signature_check(EVP_PKEY *key, enum hash hash, struct view message, struct view signature,
                     struct error *err) MUST_CHECK;

#endif
