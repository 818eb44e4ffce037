/*
 * The key engine: one private key, wherever it lives, and the objects beside it on its token.
 *
 * `struct key` is a public key, "sign this", and evidence.  Behind it stands a token's own function
 * list (pkcs11), or OpenSSL with an ENGINE or a provider (openssl_key.h), which can sign and no
 * more.  A key is used by the thread that uses its token; it must be freed before the token is
 * closed.
 */
#ifndef ENGINE_KEY_H
#define ENGINE_KEY_H

#include "base/algorithm.h"
#include "base/bytes.h"
#include "base/err.h"
#include "engine/token.h"

struct key;

/* CK_TRUE, CK_FALSE, or the module would not tell. */
enum key_answer { KEY_ANSWER_UNKNOWN, KEY_ANSWER_NO, KEY_ANSWER_YES };

/* What the token says of a private key's birth and protection (PKCS #11, 4.9). */
struct key_evidence {
        enum key_answer local;
        enum key_answer sensitive;
        enum key_answer always_sensitive;
        enum key_answer extractable;
        enum key_answer never_extractable;
        enum key_answer always_authenticate;
};

/* What token_find_objects() and `key list` say of an object. */
struct object_facts {
        char *kind;             /* "private", "public", "cert" */
        char *label;            /* "" if it has none */
        struct buf id;          /* empty if it has none */
        char *key_type;         /* "ec:p256", "other"; certificates: "" */
        struct buf certificate; /* DER, of certificates */
        struct buf spki;        /* DER, where it can be read */
        char *uri;
};

/* -- keys --------------------------------------------------------------------------------- */

/*
 * Ask the token for a key pair kept under `id`, which the caller has recorded beforehand.
 *
 * Attributes are spelled out, the false ones too (TOKEN, PRIVATE, SENSITIVE, SIGN true;
 * EXTRACTABLE, DECRYPT, UNWRAP, DERIVE, SIGN_RECOVER false where the module takes them), stepping
 * down the module's ladder; the rung that worked is remembered.  Read back: EXTRACTABLE true
 * destroys the pair and is ERROR_KEY_WEAK.  Never searches.
 *
 * errors  ERROR_MECHANISM, ERROR_TOKEN_FULL, ERROR_TOKEN_READ_ONLY, ERROR_TOKEN_REMOVED,
 *         ERROR_TOKEN_SWAPPED, ERROR_KEY_WEAK, ERROR_TOKEN
 * time    blocks as long as the token takes: seconds on a smart card
 */
struct key *key_make(struct token *token, enum key_type type, struct view id, const char *label,
                     struct error *err);

/*
 * What is left of an interrupted key_make() under the recorded random `id`: a complete pair whose
 * test signature verifies is adopted and returned; anything less that carries the id is destroyed,
 * and NULL is returned with err->kind == ERROR_NONE.  `not_this_sha256` (32 bytes, or empty) is
 * the digest of a public key that must never be adopted (--replace).
 */
struct key *key_recover(struct token *token, enum key_type type, struct view id,
                        struct view not_this_sha256, struct error *err);

/*
 * Find one private key: by id, by label, or both, whichever is given.  ERROR_KEY_ABSENT lists the
 * keys that are there, ERROR_KEY_AMBIGUOUS the URIs to choose from.  With `spki` not empty, the
 * key with that public key is meant where ids or labels leave several.
 */
struct key *key_find(struct token *token, struct view id, const char *label, struct view spki,
                     struct error *err);

/* Find the private key that belongs to a public key (for --csr); ERROR_KEY_ABSENT. */
struct key *key_find_public(struct token *token, struct view spki, struct error *err);

void key_free(struct key *key); /* the object on the token stays; NULL does nothing */

/* SubjectPublicKeyInfo (DER), CKA_ID, label, URI: borrowed. */
struct view key_spki(const struct key *key);
struct view key_id(const struct key *key);
const char *key_label(const struct key *key);
const char *key_uri(const struct key *key);
enum key_type key_type(const struct key *key);
void key_evidence(const struct key *key, struct key_evidence *out);

/*
 * Sign `message` with `hash`: the digest is made here and signed with CKM_ECDSA or CKM_RSA_PKCS,
 * or the token hashes where it only has the combined mechanism.  The signature comes in X.509's
 * form (ECDSA: DER).  Always-authenticate keys log in again for each signature.  The signature is
 * verified with the public key before it is handed out.
 *
 * errors  ERROR_TOKEN_*, ERROR_PIN_*, ERROR_MECHANISM, ERROR_KEY_LOST (it does not verify)
 */
bool key_sign(struct key *key, enum hash hash, struct view message, struct buf *signature,
              struct error *err) MUST_CHECK;

/*
 * The same for a signature that somebody else verifies before it counts, as a CA does a request's:
 * here only the first of each kind (key type and hash) is verified after the token was opened.
 */
bool key_sign_for_verifier(struct key *key, enum hash hash, struct view message,
                           struct buf *signature, struct error *err) MUST_CHECK;

/*
 * The token is there and the same one (its serial number was read in the last tenth of a second, or
 * is read), its session is good, and the handle leads to this key: in a new session it is searched
 * by its public key.  True at once for a key that OpenSSL reaches.  ERROR_TOKEN_SWAPPED,
 * ERROR_TOKEN_REMOVED, ERROR_KEY_LOST.
 */
bool key_reach(struct key *key, struct error *err) MUST_CHECK;

/*
 * Is this still the key of that public key?  Its point or modulus is read again from the token
 * (where it cannot be read, a test signature is made), and the serial number where it was not read
 * in the last tenth of a second.  ERROR_TOKEN_SWAPPED, ERROR_TOKEN_REMOVED, ERROR_KEY_LOST.
 */
bool key_check(struct key *key, struct view spki, struct error *err) MUST_CHECK;

/* Destroy the pair (and nothing else) on the token. */
bool key_destroy(struct key *key, struct error *err) MUST_CHECK;

/*
 * Destroy every key and every certificate that carries `id` (--replace): a certificate left beside
 * a new key would be taken for that key's.  A certificate that the token itself protects stays
 * (YubiKeys show the slot's attestation under the key's id).
 */
bool token_clear_id(struct token *token, struct view id, struct error *err) MUST_CHECK;

/* -- certificates and other objects -------------------------------------------------------- */

/*
 * Write a certificate object with the key's id and label, subject, issuer and serial number; then
 * read it back.  One with the same value and id that is there already is enough (safe to repeat).
 *
 * not_before/not_after and URLs are not stored.  `subject`, `issuer`, `serial` are DER.
 */
bool token_write_certificate(struct token *token, struct view certificate, struct view subject,
                             struct view issuer, struct view serial, struct view id,
                             const char *label, struct error *err) MUST_CHECK;

/* Is a certificate object with this value and id there?  ERROR_NONE and false: no. */
bool token_has_certificate(struct token *token, struct view certificate, struct view id,
                           struct error *err);

/* Destroy certificate objects with this value and id; none there is success. */
bool token_destroy_certificate(struct token *token, struct view certificate, struct view id,
                               struct error *err) MUST_CHECK;

/*
 * List objects of a kind ("private", "public", "cert"; NULL all), limited to an id and a label
 * where given.  The caller frees with objects_free().
 */
bool token_find_objects(struct token *token, const char *kind, struct view id, const char *label,
                        struct object_facts **list, size_t *count, struct error *err) MUST_CHECK;
void objects_free(struct object_facts *list, size_t count);

/*
 * Is `id` or `label` taken on the token by a key or a certificate?  Used once, for a --label or
 * --id given by hand.  Gives the URIs of what is there (caller frees), or NULL.
 */
bool token_taken(struct token *token, struct view id, const char *label, char **uris,
                 struct error *err) MUST_CHECK;

#endif
