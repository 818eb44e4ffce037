/*
 * Who is about to issue: what the credentials are, said before anything is moved, and held against
 * --require-limited.
 */
#ifndef CLI_ADMIT_H
#define CLI_ADMIT_H

#include "cli/command.h"
#include "cli/narrow.h"

/*
 * Look at the credentials that these settings find; the first client that is opened with the
 * settings uses them.
 *
 * A session that p11cert cut passes in silence.  For others a note says what they can do, as far as
 * a recorded check tells; with --require-limited they pass only where `identity check` found, and
 * recorded within --limited-within, that the principal may do no more than issue from all of `to`.
 *
 * region  where STS is asked, if it has to be; NULL: as the settings say
 * errors  with --require-limited only: ERROR_NOT_LIMITED, and whatever keeps AWS from being asked.
 *         Without it, credentials that cannot be had are the business of who uses them
 */
bool admit(const struct command *command, struct ledger *ledger, struct aws_settings *aws,
           const struct narrow_to *to, const char *region, struct error *err) MUST_CHECK;

#endif
