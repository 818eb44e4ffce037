/*
 * What an identity is wanted for, by command line and configuration: the wish that policies are
 * written from, and that a principal is checked against.
 */
#ifndef CLI_IDENTITY_WISH_H
#define CLI_IDENTITY_WISH_H

#include "cli/command.h"
#include "iam/write.h"

/* Owns the lists that `wish` borrows; the rest is the command's. */
struct identity_wish {
        struct iam_wish wish;
        const char **cas;
        char **templates;
};

/*
 * --use, the CAs among the arguments from `first` on, --template and the conditions.
 *
 * What the command line does not name comes from the configuration: the CA and the template of
 * every profile of it, or of the one that --cert-profile names; without any,
 * EndEntityCertificate/V1. Templates are ARNs of the first CA's partition.
 *
 * errors  ERROR_USAGE: a use or a template that there is not
 */
bool identity_wish_read(const struct command *command, size_t first, struct identity_wish *out,
                        struct error *err) MUST_CHECK;
void identity_wish_clear(struct identity_wish *wish);

/* What the policy cannot keep the identity from: into the answer's "limits", and on stderr. */
void identity_answer_limits(struct command *command, const struct iam_wish *wish);

/*
 * The trust policy of a role for `trusted` (an account, a user, a role, or a trust anchor), with
 * --external-id, --mfa and --common-name; it fits.  The caller frees.
 */
bool identity_trust(const struct command *command, const char *trusted, bool pretty, char **json,
                    struct error *err) MUST_CHECK;

#endif
