/*
 * Tokens as the verbs about them show and name them.
 */
#ifndef CLI_TOKENS_H
#define CLI_TOKENS_H

#include "cli/command.h"
#include "engine/token.h"

cJSON *token_json(const struct token_facts *facts);
void token_text(struct buf *out, const struct token_facts *facts);

/*
 * The token that is meant: an argument or --token; without both "pkcs11:", the only one there is.
 */
const char *token_argument(const struct command *command);

/*
 * Read a PIN that is to be set.  From a prompt it is asked for twice.
 *
 * source  NULL: a prompt
 * whose   "token 'a'"
 * facts   of the token, for commands; may be NULL
 * errors  those of pin_read(); ERROR_PIN_MISSING when the two differ, or nobody may be asked
 */
bool token_read_new_pin(const struct command *command, const struct pin_source *source,
                        const char *whose, const struct token_facts *facts, struct secret *pin,
                        struct error *err) MUST_CHECK;

#endif
