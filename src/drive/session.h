/*
 * Opening an order's token, and the questions that both workers and `verify` put to it.
 */
#ifndef DRIVE_SESSION_H
#define DRIVE_SESSION_H

#include "drive/batch.h"
#include "engine/key.h"
#include "order/cert.h"

/*
 * Load the module (once: `*modules` is kept and reused) and open the token that `token_uri` names,
 * with the PIN source, prompt and guard of `options`.
 *
 * module  --module, or NULL: module-path or module-name of the URI, else p11-kit's registry
 * errors  ERROR_USAGE when the URI names no token; those of modules_open() and token_open()
 */
struct token *session_open(const struct drive_options *options, const char *module,
                           const char *token_uri, struct modules **modules, struct error *err);

/*
 * The key that OpenSSL reaches by `key_uri` (engine/openssl_key.h), with the same PIN source,
 * prompt and guard.  module: as above, for an ENGINE that loads one.
 */
struct key *session_open_key(const struct drive_options *options, const char *module,
                             const char *key_uri, struct error *err);

/* The token signs something fresh; the certificate must verify it.  ERROR_NOT_PROVED. */
bool session_test_signature(struct key *key, const struct certificate_facts *facts,
                            struct error *err) MUST_CHECK;

/* The application's view of the order's key and certificate; not for a PIN pad. */
bool session_prove(struct token *token, const struct order *order, struct error *err) MUST_CHECK;

/*
 * Can the token make keys of that type, and sign a request with that hash (HASH_NONE: none was
 * asked for)?  ERROR_MECHANISM says what it cannot.
 */
bool session_can_serve(struct token *token, enum key_type type, enum hash hash,
                       struct error *err) MUST_CHECK;

#endif
