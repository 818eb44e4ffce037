/*
 * Hooks: programs of the operator's that are run for a unit, such as a label printer's or a test
 * bench's.  A hook is an absolute path and nothing else: there is no shell and there are no
 * arguments.  What it has to know is in its environment.
 */
#ifndef DRIVE_HOOK_H
#define DRIVE_HOOK_H

#include "base/bytes.h"
#include "base/err.h"

/*
 * May it be run?  An absolute path to a program that belongs to the user or root and that nobody
 * else can write to.  ERROR_USAGE, ERROR_CONFIG.
 */
bool hook_check(const char *program, struct error *err) MUST_CHECK;

/* What a hook is told: "NAME=value" texts.  Its own, freed by hook_facts_clear(). */
struct hook_facts {
        char **list;
        size_t count;
};

/*
 * Add one, in the place of an earlier one of that name; control characters in `value` become '?'.
 * NULL adds an empty value.
 */
void hook_fact(struct hook_facts *facts, const char *name, const char *value);
void hook_facts_clear(struct hook_facts *facts);

enum hook_state { HOOK_RUNS, HOOK_GOOD, HOOK_FAILED };

struct hook;

/*
 * Start it, in a process group of its own, so that Ctrl-C does not reach it.  It inherits the
 * environment but for AWS_* and what P11CERT_PIN_SOURCE or `hide` (a variable's name, or NULL)
 * name, and gets the facts in addition.  What it prints is kept for the error it may end in.
 *
 * input       comes on its standard input (at most 4096 bytes); NULL: /dev/null
 * timeout_ms  it is killed after that time, with all that it started in its process group
 * errors      ERROR_HOOK: it cannot be started
 */
struct hook *hook_start(const char *program, const struct hook_facts *facts, const char *hide,
                        const struct secret *input, int64_t timeout_ms, struct error *err);

/* How is it?  Does not block.  HOOK_FAILED comes with ERROR_HOOK: status and last line. */
enum hook_state hook_poll(struct hook *hook, struct error *err);

/* Forget it; one that still runs is killed.  NULL does nothing. */
void hook_free(struct hook *hook);

/* Start it and wait for its end. */
bool hook_run(const char *program, const struct hook_facts *facts, const char *hide,
              const struct secret *input, int64_t timeout_ms, struct error *err) MUST_CHECK;

#endif
