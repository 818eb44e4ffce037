/*
 * What --help prints, made from the tables of options and verbs.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/verbs.h"

/* `p11cert --help` */
void help_program(struct buf *out);

/* `p11cert ca --help` */
void help_family(struct buf *out, const char *family);

/* `p11cert issue --help` */
void help_verb(struct buf *out, const struct verb *verb);

/* What an exit status means, in a few words. */
const char *exit_status_text(unsigned status);

#endif
