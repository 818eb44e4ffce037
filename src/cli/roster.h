/*
 * A manifest as a whole: every row was read and its wishes tried, so that nothing is begun for a
 * manifest with a mistake in it.  Kept of each row is where it stands, its name and its token: a
 * row is read again when its turn comes, and memory holds a few dozen bytes of each.
 */
#ifndef CLI_ROSTER_H
#define CLI_ROSTER_H

#include "cli/command.h"
#include "cli/manifest.h"
#include "cli/narrow.h"
#include "order/order.h"

struct roster;

enum { ROSTER_NONE = -1 };

/*
 * Read and check a manifest.  What a row does not say comes from its profile, else from the
 * command's options.
 *
 * open_names  may a name wait for the token ("{token.serial}")?
 * errors      ERROR_INPUT: the first mistake; the first few are said on stderr, and are the
 *             answer's "mistakes".  ERROR_USAGE where an option is missing
 */
struct roster *roster_open(struct command *command, const char *path, bool open_names,
                           struct error *err);
void roster_close(struct roster *roster); /* NULL does nothing */
void roster_cleanup(struct roster **roster);

size_t roster_count(const struct roster *roster);

/* Of row `index` from 0: its place in the manifest, and its name (NULL: it waits for the token). */
const struct manifest_place *roster_place(const struct roster *roster, size_t index);
const char *roster_name(const struct roster *roster, size_t index);

/* The row of a name, or ROSTER_NONE. */
ptrdiff_t roster_find(const struct roster *roster, const char *name);

/* The name in the manifest that is nearest to `name`, or NULL. */
const char *roster_nearest(const struct roster *roster, const char *name);

/* Tokens, by URI and in the order in which they come; which one a row is for. */
size_t roster_tokens(const struct roster *roster);
const char *roster_token_uri(const struct roster *roster, size_t token);
size_t roster_token_of(const struct roster *roster, size_t index);

/*
 * The order that a row asks for, new, as wish_read_row() gives it.  `known` (may be NULL): what is
 * known already of its token, and of the time when it was made.  ERROR_INPUT when the file was
 * changed meanwhile.
 */
struct order *roster_order(struct roster *roster, size_t index, const struct order *known,
                           struct error *err);

/* The CAs and templates of all rows, each once; valid as long as the roster. */
void roster_targets(const struct roster *roster, struct narrow_to *to);

#endif
