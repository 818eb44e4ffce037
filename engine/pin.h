/*
 * Where PINs come from, and the guard that keeps three restarts from locking a card.
 */
#ifndef ENGINE_PIN_H
#define ENGINE_PIN_H

#include "base/bytes.h"
#include "base/err.h"

enum pin_kind { PIN_NONE, PIN_FILE, PIN_ENV, PIN_FD, PIN_COMMAND, PIN_PROMPT };

struct pin_source {
        enum pin_kind kind;
        char *argument; /* path, variable, descriptor number or command */
};

/*
 * Read `file:/path` (a bare absolute path and RFC 7512's file:///path too), `env:NAME`, `fd:N`,
 * `cmd:program arg…` (run without a shell), `prompt`.  ERROR_USAGE; a text that is none of these
 * may be a PIN and is not quoted back.
 */
bool pin_source_parse(const char *text, struct pin_source *out, struct error *err) MUST_CHECK;
void pin_source_clear(struct pin_source *source);

/* Is it a file that others than its owner can get at?  That is for the caller to tell. */
bool pin_source_is_open(const struct pin_source *source);

/*
 * Ask a person for a PIN: `prompt` names the token, "token 'LABEL'".  Given by the command line;
 * NULL where nobody may be asked.  Returns false with ERROR_PIN_MISSING when there is no terminal.
 */
typedef bool pin_ask(void *context, const char *prompt, struct secret *pin, struct error *err);

/*
 * Read the PIN.  A file must belong to the user or root and not be writable by everybody
 * (ERROR_CONFIG); one trailing newline (or CR LF) is cut from files, descriptors and commands; an
 * empty PIN is ERROR_PIN_MISSING.  A descriptor is read once and remembered for the process.
 */
bool pin_read(const struct pin_source *source, const char *token_name, pin_ask *ask,
              void *ask_context, struct secret *pin, struct error *err) MUST_CHECK;

/*
 * The same for a token that is known: a command finds its label and serial number in the
 * environment (P11CERT_TOKEN_LABEL, P11CERT_TOKEN_SERIAL), so that each token can have a PIN of its
 * own.  NULL for what is not known.
 */
bool pin_read_for(const struct pin_source *source, const char *token_label,
                  const char *token_serial, pin_ask *ask, void *ask_context, struct secret *pin,
                  struct error *err) MUST_CHECK;

/* Is the length one that the token takes?  A `most` of 0 is unknown.  ERROR_PIN_WRONG. */
bool pin_length_fits(const struct secret *pin, unsigned long least, unsigned long most,
                     struct error *err) MUST_CHECK;

/* A random PIN of `digits` decimal digits (at least 4). */
void pin_random(unsigned digits, struct secret *pin);

/*
 * PINs that this process itself has set, kept in its memory for the logins that follow: a token
 * with a random one has no source to read it from.  Any thread.
 */
void pin_keep(const char *manufacturer, const char *serial, const struct secret *pin);
bool pin_kept(const char *manufacturer, const char *serial, struct secret *pin);
void pin_forget(const char *manufacturer, const char *serial);

/*
 * A text for messages ("file:/etc/p11cert/pin"); never the PIN.  Borrowed, in `out`.
 */
const char *pin_source_text(const struct pin_source *source, char *out, size_t size);

/*
 * The guard.  A refused PIN is recorded in `folder` (0700, one small file a token, named by a
 * digest of manufacturer and serial number) with its source and that source's change: mtime, size
 * and inode of a file, a digest keyed by a random salt of an environment value is NOT kept (an
 * environment variable, a command and a descriptor are "unchanged" until the record is 24 hours
 * old; a prompt is never refused).  Never the PIN.
 *
 * pin_guard_check fails with ERROR_PIN_REFUSED when the record says that this unchanged source was
 * refused; pin_guard_record notes a refusal beside those of other sources; pin_guard_forget removes
 * the record after a success.
 */
bool pin_guard_check(const char *folder, const char *manufacturer, const char *serial,
                     const struct pin_source *source, struct error *err) MUST_CHECK;
bool pin_guard_record(const char *folder, const char *manufacturer, const char *serial,
                      const struct pin_source *source, struct error *err) MUST_CHECK;
void pin_guard_forget(const char *folder, const char *manufacturer, const char *serial);

#endif
