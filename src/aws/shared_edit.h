/*
 * One profile of AWS's credentials file written or taken out; every other byte stays.  The text
 * holds secret keys, so it lives in a struct secret.
 */
#ifndef AWS_SHARED_EDIT_H
#define AWS_SHARED_EDIT_H

#include "aws/credentials.h"

/* What can be the name of a profile here: 1 to 64 letters, digits and characters of _+=,.@- */
bool shared_profile_name_check(const char *profile, struct error *err) MUST_CHECK;

/*
 * `old` with the keys of `profile` set to these; keys NULL takes them out, and the heading with
 * them where nothing else is left below it.
 *
 * Keys that are there are replaced in place (a session token goes); other keys of the profile and
 * comments are kept; a profile that is not there is added at the end.
 */
void shared_edit(struct view old, const char *profile, const struct credentials *keys,
                 struct secret *out);

/*
 * The same in a file: read, edited, written 0600 in one step; made (its folder 0700) where it is
 * missing.  A symbolic link is followed.  `changed` (may be NULL) is false when nothing had to be.
 *
 * errors  ERROR_CONFIG (cannot be read, over 1 MiB), ERROR_FILE, ERROR_DISK_FULL
 */
bool shared_edit_file(const char *path, const char *profile, const struct credentials *keys,
                      bool *changed, struct error *err) MUST_CHECK;

#endif
