/*
 * What the session of a role is cut to before it is used: this verb, these CAs, these templates,
 * whatever the role itself may do.
 */
#ifndef CLI_NARROW_H
#define CLI_NARROW_H

#include "cli/command.h"

/* What the verb is about to touch; borrowed. */
struct narrow_to {
        const char *const *cas; /* ARNs */
        size_t ca_count;
        const char *const *templates; /* ARNs; none: what `issue` takes unless told */
        size_t template_count;
};

/*
 * The session policy, in `json`: NULL where the session is to stay as it is (--no-narrow, and
 * `identity check`, which judges what there is to narrow).  A verb that needs no permission gets
 * one that allows nothing.  Its length is checked where a role is assumed.  The caller frees.
 *
 * errors  ERROR_USAGE: a CA or a template that cannot stand in a policy
 */
bool narrow_policy(const struct command *command, const struct narrow_to *to, char **json,
                   struct error *err) MUST_CHECK;

/* What the command line itself names: ARNs of CAs among the arguments, else --ca. */
size_t narrow_arguments(const struct command *command, const char **cas, size_t most);

#endif
