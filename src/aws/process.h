/*
 * Run a credential_process: a program that prints credentials, without a shell in between.
 */
#ifndef AWS_PROCESS_H
#define AWS_PROCESS_H

#include "base/bytes.h"
#include "base/err.h"

/*
 * Split a command line as a POSIX shell splits words: blanks between them, quotes, backslashes;
 * nothing is expanded.  `words` ends with NULL; the caller frees with process_words_free().
 *
 * errors  ERROR_CONFIG for an open quote or no word at all
 */
bool process_split(const char *command, char ***words, struct error *err) MUST_CHECK;
void process_words_free(char **words);

/*
 * Run a command and take what it prints (at most 64 KiB).  What it says on stderr is part of the
 * error when it fails; what it prints never is.
 *
 * errors  ERROR_CREDENTIALS_MISSING: cannot be started, exit status not 0, or not done after
 *         `limit_ms` (it is killed then, with its children)
 * time    up to limit_ms
 */
bool process_run(const char *command, int64_t limit_ms, struct secret *output,
                 struct error *err) MUST_CHECK;

#endif
