/*
 * Sessions that took an MFA code, kept until they expire, so that a person is not asked for every
 * command: in $XDG_RUNTIME_DIR, which is the user's alone and gone after the log-out, 0600.
 */
#ifndef AWS_SESSION_H
#define AWS_SESSION_H

#include "aws/credentials.h"

/*
 * Where the session that `facts` describe is kept; the caller frees.  NULL when there is no
 * $XDG_RUNTIME_DIR that belongs to this user alone: then nothing is kept.
 */
char *session_path(struct view facts);

/* Take a session that is kept and lasts another minute; false if there is none to trust. */
bool session_load(const char *path, struct credentials *out) MUST_CHECK;

/* Keep a session; one that cannot be kept is forgotten (and logged). */
void session_save(const char *path, const struct credentials *session);

#endif
