/*
 * Which templates a CA can be used with, and by which share.
 */
#ifndef CLI_CA_TEMPLATES_H
#define CLI_CA_TEMPLATES_H

#include <cjson/cJSON.h>

#include "aws/pca.h"

/*
 * Adds "templates" (names to use as they are) and "templates_warned" (name and why it needs more
 * than the CA) to a CA's object, and a line or two to its text.
 *
 * shared  yes: another account's CA; unknown counts as no
 */
void ca_templates_answer(const struct pca_authority *authority, bool shared, cJSON *json,
                         struct buf *text);

#endif
