/*
 * Objects on a token as the engine's own files handle them.
 */
#ifndef ENGINE_OBJECTS_H
#define ENGINE_OBJECTS_H

#include "engine/attributes.h"

/* CKA_LABEL as text without control characters; "" if it has none.  The caller frees. */
char *object_label(struct token *token, CK_OBJECT_HANDLE object);

/* All objects of a class; id and label where given.  The caller frees `*handles`. */
bool objects_of_class(struct token *token, CK_OBJECT_CLASS class, struct view id, const char *label,
                      CK_OBJECT_HANDLE **handles, size_t *count, struct error *err) MUST_CHECK;

/* The public key inside a certificate (DER); false if it cannot be read. */
bool certificate_spki(struct view certificate, struct buf *spki);

/* A key from its handles, with everything read from the token; NULL if `spki` is no key. */
struct key *key_from_handles(struct token *token, CK_OBJECT_HANDLE private_handle,
                             CK_OBJECT_HANDLE public_handle, enum key_type type, struct view spki);

#endif
