/*
 * The configuration as far as it can be judged without token and CA: every value by itself, and
 * every profile as a whole, with the certificate that would come of it.
 */
#ifndef CLI_LINT_H
#define CLI_LINT_H

#include "cli/command.h"

/* Add what is wrong to the configuration's problems, by file and line; nothing is said twice. */
void lint_config(struct config *config, const struct command *command);

#endif
