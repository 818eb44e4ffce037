/*
 * The access key of an identity of ours: made, proved, written to a profile of AWS's credentials
 * file, and the old one taken out of use.  It is never printed.
 *
 * A crash anywhere in between is mended by the next call: what there was before is written to
 * STATE/identities/NAME.json before a key is made, so that a key whose secret was lost is told from
 * one that was there, and is deleted.
 */
#ifndef CLI_IDENTITY_KEY_H
#define CLI_IDENTITY_KEY_H

#include "cli/keeper.h"

struct identity_key {
        const struct command *command;
        struct keeper *keeper;
        const char *profile; /* of the credentials file */
        char *path;          /* of the credentials file */
        char *journal;       /* STATE/identities/NAME.json */
};

/* `profile` NULL: called as the identity is.  ERROR_USAGE for one that cannot be written. */
bool identity_key_open(const struct command *command, struct keeper *keeper, const char *profile,
                       struct identity_key *out, struct error *err) MUST_CHECK;
void identity_key_clear(struct identity_key *key);

/*
 * Have an active key in the profile.  One that is there already stays, unless `rotate`: then a new
 * one takes its place, and every other key of the user is deactivated and deleted.
 *
 * A key that the profile does not have, and that somebody has used, is only deleted with --yes or
 * by a person who says so; one that nobody has ever used counts as lost.
 *
 * changed  out, whether the profile has another key now
 * errors   ERROR_NOT_PROVED: AWS does not take the new key; it is deleted again
 * time     up to a minute until AWS knows the new key everywhere
 */
bool identity_key_ensure(struct identity_key *key, bool rotate, bool *changed,
                         struct error *err) MUST_CHECK;

/* Take all keys of the user away, and the profile that has one of them. */
bool identity_key_drop(struct identity_key *key, bool *changed, struct error *err) MUST_CHECK;

#endif
