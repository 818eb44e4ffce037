/*
 * Keys that OpenSSL reaches, without a token of ours: "engine:ID:KEY" and "store:URI" (--key).
 *
 * They sign, and that is all: nothing can be made, written or searched there, and there is no
 * evidence of their birth.  A key whose private part OpenSSL hands out is refused.  PIN flags
 * cannot be read, so that a PIN is tried once and no more.
 */
#ifndef ENGINE_OPENSSL_KEY_H
#define ENGINE_OPENSSL_KEY_H

#include "engine/key.h"

/* Does this --key name such a key? */
bool openssl_key_is(const char *uri);

/* Is it well formed?  ERROR_USAGE; a PIN in it is refused and not quoted. */
bool openssl_key_check(const char *uri, struct error *err) MUST_CHECK;

/*
 * Open the key; free with key_free().  key_sign(), key_check() and the questions of key.h take it;
 * CKA_ID is empty.  ENGINEs are those of this OpenSSL, by their id; a store is opened in a library
 * context of its own, with the providers of openssl.cnf; where those find nothing, "tpm2" and
 * "pkcs11" are tried, if they are installed.
 *
 * module  for an ENGINE that loads one (MODULE_PATH), or NULL
 * login   where a PIN comes from when one is asked for
 * errors  ERROR_KEY_ABSENT, with what OpenSSL says; ERROR_KEY_WEAK: it lies in a file;
 *         ERROR_MECHANISM; ERROR_PIN_*; ERROR_USAGE: no ENGINEs in this OpenSSL
 * time    as long as the ENGINE or the provider takes
 */
struct key *openssl_key_open(const char *uri, const char *module, const struct token_login *login,
                             struct error *err);

#endif
