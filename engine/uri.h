/*
 * pkcs11: URIs (RFC 7512), read by p11-kit and then narrowed to what we can honour.
 */
#ifndef ENGINE_URI_H
#define ENGINE_URI_H

#include "base/bytes.h"
#include "base/err.h"

struct token_facts;
struct uri;

/*
 * Read a URI.  Known: token, serial, manufacturer, model, slot-id, slot-description,
 * slot-manufacturer, library-*, object, id, type; pin-source, module-path, module-name.
 *
 * errors  ERROR_USAGE for broken syntax, an unknown attribute (it would match too much), the same
 *         attribute twice, and for pin-value: a PIN in a URI is refused and never quoted back.
 *         An `id` that looks like plain hex ("id=01") is refused with the form it should have had.
 */
struct uri *uri_parse(const char *text, struct error *err);
void uri_free(struct uri *uri);
void uri_cleanup(struct uri **uri);

/* NULL where the URI does not say; borrowed from the URI. */
const char *uri_module_path(const struct uri *uri);
const char *uri_module_name(const struct uri *uri);
const char *uri_pin_source(const struct uri *uri);
const char *uri_object(const struct uri *uri);
bool uri_id(const struct uri *uri, struct view *id); /* false: not given */

/* Does it name a token at all (token, serial, manufacturer, model or a slot attribute)? */
bool uri_names_token(const struct uri *uri);

/* The token's serial number, else its label, as the URI has it; NULL: neither.  Caller frees. */
char *uri_token_name(const struct uri *uri);

/* Are token and slot attributes of the URI equal to these? */
bool uri_matches(const struct uri *uri, const struct token_facts *facts);

/* What the URI says of token and slot, as a URI; never its query.  The caller frees. */
char *uri_wanted(const struct uri *uri);

/* Paste-able URIs; the caller frees.  `type` is "private", "public", "cert" or NULL. */
char *uri_of_token(const struct token_facts *facts);
char *uri_of_object(const struct token_facts *facts, struct view id, const char *label,
                    const char *type);

#endif
