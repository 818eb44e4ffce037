#include "base/algorithm.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/decoded.h"

static const struct {
        const char *name;
        bool ec;
        unsigned bits;
        enum hash hash;
} types[] = {
        [KEY_NONE] = { "", false, 0, HASH_NONE },
        [KEY_EC_P256] = { "ec:p256", true, 256, HASH_SHA256 },
        [KEY_EC_P384] = { "ec:p384", true, 384, HASH_SHA384 },
        [KEY_EC_P521] = { "ec:p521", true, 521, HASH_SHA512 },
        [KEY_RSA_2048] = { "rsa:2048", false, 2048, HASH_SHA256 },
        [KEY_RSA_3072] = { "rsa:3072", false, 3072, HASH_SHA256 },
        [KEY_RSA_4096] = { "rsa:4096", false, 4096, HASH_SHA256 },
};
static_assert(ARRAY_LENGTH(types) == KEY_TYPES, "a row for every key type");

static const struct {
        const char *name;
        size_t size;
        const EVP_MD *(*md)(void);
} hashes[] = {
        [HASH_NONE] = { "", 0, EVP_md_null },
        [HASH_SHA256] = { "sha256", 32, EVP_sha256 },
        [HASH_SHA384] = { "sha384", 48, EVP_sha384 },
        [HASH_SHA512] = { "sha512", 64, EVP_sha512 },
};
static_assert(ARRAY_LENGTH(hashes) == HASHES, "a row for every hash");

const char *
key_type_name(enum key_type type)
{
        return types[type].name;
}

bool
key_type_named(const char *name, enum key_type *out, struct error *err)
{
        size_t nearest = KEY_EC_P256;

        for (size_t i = KEY_NONE + 1; i < KEY_TYPES; i++) {
                if (strcmp(types[i].name, name) == 0) {
                        *out = (enum key_type)i;
                        return true;
                }
        }
        for (size_t i = KEY_NONE + 1; i < KEY_TYPES; i++) {
                if (text_distance(name, types[i].name) < text_distance(name, types[nearest].name))
                        nearest = i;
        }
        error_set(err, ERROR_USAGE, "there is no key type '%s'", name);
        return error_advise(err,
                            "did you mean '%s'? There are ec:p256, ec:p384, ec:p521, rsa:2048, "
                            "rsa:3072 and rsa:4096",
                            types[nearest].name);
}

bool
key_type_is_ec(enum key_type type)
{
        return types[type].ec;
}

unsigned
key_type_bits(enum key_type type)
{
        return types[type].bits;
}

enum hash
key_type_hash(enum key_type type)
{
        return types[type].hash;
}

static enum key_type
ec_type(const EVP_PKEY *key)
{
        static const struct {
                const char *group;
                enum key_type type;
        } groups[] = {
                { "prime256v1", KEY_EC_P256 },
                { "secp384r1", KEY_EC_P384 },
                { "secp521r1", KEY_EC_P521 },
        };
        char group[64];

        if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
                                           NULL) != 1)
                return KEY_NONE;
        for (size_t i = 0; i < ARRAY_LENGTH(groups); i++) {
                if (strcmp(groups[i].group, group) == 0)
                        return groups[i].type;
        }
        return KEY_NONE;
}

static enum key_type
rsa_type(const EVP_PKEY *key)
{
        for (size_t i = KEY_NONE + 1; i < KEY_TYPES; i++) {
                if (!types[i].ec && (int)types[i].bits == EVP_PKEY_get_bits(key))
                        return (enum key_type)i;
        }
        return KEY_NONE;
}

enum key_type
key_type_of_key(const EVP_PKEY *key)
{
        if (EVP_PKEY_is_a(key, "EC"))
                return ec_type(key);
        return EVP_PKEY_is_a(key, "RSA") ? rsa_type(key) : KEY_NONE;
}

enum key_type
key_type_of_spki(struct view spki)
{
        EVP_PKEY *key = decoded_key(spki);
        enum key_type type = key ? key_type_of_key(key) : KEY_NONE;

        EVP_PKEY_free(key);
        return type;
}

const char *
hash_name(enum hash hash)
{
        return hashes[hash].name;
}

bool
hash_named(const char *name, enum hash *out, struct error *err)
{
        for (size_t i = HASH_NONE + 1; i < HASHES; i++) {
                if (strcmp(hashes[i].name, name) == 0) {
                        *out = (enum hash)i;
                        return true;
                }
        }
        error_set(err, ERROR_USAGE, "there is no hash '%s'", name);
        return error_advise(err, "there are sha256, sha384 and sha512");
}

size_t
hash_size(enum hash hash)
{
        return hashes[hash].size;
}

/* OpenSSL looks for the implementation each time, where it is not told which it found. */
static const EVP_MD *
fetched(enum hash hash)
{
        static _Atomic(EVP_MD *) found[HASHES];
        EVP_MD *md = found[hash];
        EVP_MD *other = NULL;

        if (md)
                return md;
        md = EVP_MD_fetch(NULL, hashes[hash].name, NULL);
        if (!md)
                abort();
        if (atomic_compare_exchange_strong(&found[hash], &other, md))
                return md;
        EVP_MD_free(md);
        return other;
}

void
hash_bytes(enum hash hash, struct view bytes, uint8_t out[64])
{
        if (EVP_Digest(bytes.data, bytes.len, out, NULL, fetched(hash), NULL) != 1)
                abort();
}

void
sha256(struct view bytes, uint8_t out[32])
{
        uint8_t digest[64];

        hash_bytes(HASH_SHA256, bytes, digest);
        memcpy(out, digest, 32);
}
