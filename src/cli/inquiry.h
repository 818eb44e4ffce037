/*
 * One question to a token, for the verbs that move no order: on a thread that may be left behind
 * when the module hangs (drive/batch.h, drive_guarded).
 */
#ifndef CLI_INQUIRY_H
#define CLI_INQUIRY_H

#include "cli/command.h"
#include "engine/token.h"

/*
 * Open the modules, and with `uri` the token that it names, and call `look`.
 *
 * uri      pkcs11: URI, or NULL: only modules are opened and `token` is NULL
 * module   path, or NULL: that of the options, then of the URI, else p11-kit's registry
 * log_in   as user, with the PIN of the options
 * context  from malloc: where drive_hangs() is true afterwards, it must not be touched or freed
 * errors   those of modules_open(), token_open() and `look`; ERROR_TOKEN_HANGS
 */
bool inquire(const struct command *command, const char *uri, const char *module, bool log_in,
             bool (*look)(struct modules *modules, struct token *token, void *context,
                          struct error *err),
             void *context, struct error *err) MUST_CHECK;

/* free() that keeps its hands off what a hanging module works on; for CLEANUP. */
void inquiry_free(void *pointer_to_pointer);

#endif
