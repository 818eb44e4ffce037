/*
 * PKCS #11 attribute lists: building them, reading them back, searching with them, and the ladder
 * of what is asked for when a key pair is made.
 */
#ifndef ENGINE_ATTRIBUTES_H
#define ENGINE_ATTRIBUTES_H

#include "base/algorithm.h"
#include "base/bytes.h"
#include "engine/inside.h"

enum { ATTRIBUTES_MOST = 24 };

/* A list that keeps the small values itself; byte strings are borrowed. */
struct attributes {
        CK_ATTRIBUTE list[ATTRIBUTES_MOST];
        CK_ULONG count;
        CK_ULONG numbers[ATTRIBUTES_MOST];
};

void attributes_add(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, struct view value);
void attributes_add_number(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, CK_ULONG value);
void attributes_add_bool(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, bool value);

/*
 * Read one attribute of an object.  False: the module would not tell (or it is absurdly long).
 */
bool attribute_read(struct token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                    struct buf *out);
bool attribute_read_number(struct token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                           CK_ULONG *out);
enum key_answer attribute_read_bool(struct token *token, CK_OBJECT_HANDLE object,
                                    CK_ATTRIBUTE_TYPE type);

/*
 * Read some attributes of an object with one call, where the module answers them all (each in at
 * most its part of GLANCE_BYTES; the first may take what the others leave).  Until
 * attributes_forget(), what is read of that object comes from there; anything else is asked for one
 * by one, since a module that does not know one of them may fail them all.
 */
void attributes_glance(struct token *token, CK_OBJECT_HANDLE object, const CK_ATTRIBUTE_TYPE *types,
                       size_t count);
void attributes_forget(struct token *token);

/* Handles of the objects that have these attributes; the caller frees `*handles`. */
bool objects_search(struct token *token, const struct attributes *wanted,
                    CK_OBJECT_HANDLE **handles, size_t *count, struct error *err) MUST_CHECK;

/* -- making a key pair -------------------------------------------------------------------- */

/* The ladder: each rung asks for less (pkcs11-facts 3.4 has the refusals that made it). */
enum { RUNGS = 5 };

/* The attributes of one rung for both halves.  `parameters` must live as long as they do. */
struct pair_parameters {
        struct view curve; /* CKA_EC_PARAMS */
        CK_ULONG modulus_bits;
};

struct pair_parameters pair_parameters(enum key_type type);
void pair_attributes(int rung, const struct pair_parameters *parameters, struct view id,
                     const char *label, struct attributes *public, struct attributes *private);

/* -- public keys -------------------------------------------------------------------------- */

/* CKA_EC_PARAMS of a key type: the curve's OID in DER.  Empty for RSA. */
struct view curve_oid(enum key_type type);

/* SubjectPublicKeyInfo (DER) of what a public key object, or any object with such attributes,
 * holds; false if it cannot be read or is none of our types. */
bool spki_read(struct token *token, CK_OBJECT_HANDLE object, enum key_type *type, struct buf *spki);

/*
 * Is the object's public key this one, of a type that is known?  One attribute tells: the point or
 * the modulus.  False: it cannot be read.
 */
bool spki_compare(struct token *token, CK_OBJECT_HANDLE object, enum key_type type,
                  struct view spki, bool *same);

/* The type of any key object; KEY_NONE for types that are not ours or cannot be told. */
enum key_type object_key_type(struct token *token, CK_OBJECT_HANDLE object);

#endif
