/*
 * The names of key types and hashes that every part of the program uses.
 */
#ifndef BASE_ALGORITHM_H
#define BASE_ALGORITHM_H

#include <openssl/types.h>

#include "base/bytes.h"
#include "base/err.h"

enum key_type {
        KEY_NONE,
        KEY_EC_P256,
        KEY_EC_P384,
        KEY_EC_P521,
        KEY_RSA_2048,
        KEY_RSA_3072,
        KEY_RSA_4096,
        KEY_TYPES
};

enum hash { HASH_NONE, HASH_SHA256, HASH_SHA384, HASH_SHA512, HASHES };

/* "ec:p256", "rsa:2048"; "" for KEY_NONE. */
const char *key_type_name(enum key_type type);

/* The type with that name; ERROR_USAGE names the nearest one. */
bool key_type_named(const char *name, enum key_type *out, struct error *err) MUST_CHECK;

bool key_type_is_ec(enum key_type type);

/* RSA modulus length, or the field size of the curve, in bits. */
unsigned key_type_bits(enum key_type type);

/* The hash that goes with a key's strength: SHA-384 for P-384, SHA-512 for P-521, else SHA-256. */
enum hash key_type_hash(enum key_type type);

/* Which type a SubjectPublicKeyInfo (DER, RFC 5280 4.1.2.7) holds; KEY_NONE for any other. */
enum key_type key_type_of_spki(struct view spki);

/* The same for a public key that was decoded already: decoding is what costs time. */
enum key_type key_type_of_key(const EVP_PKEY *key);

/* "sha256"; "" for HASH_NONE. */
const char *hash_name(enum hash hash);
size_t hash_size(enum hash hash); /* bytes of a digest */

/* The hash with that name; ERROR_USAGE lists those there are. */
bool hash_named(const char *name, enum hash *out, struct error *err) MUST_CHECK;

/* SHA-256 of some bytes; `out` takes 32 bytes. */
void sha256(struct view bytes, uint8_t out[32]);

/* `out` takes hash_size(hash) bytes, at most 64. */
void hash_bytes(enum hash hash, struct view bytes, uint8_t out[64]);

#endif
