/*
 * The options of every verb, in one table: an option means the same wherever it is accepted.
 *
 * A value comes from the command line, a P11CERT_… variable, a profile of the configuration or its
 * general part; in this order the first wins.  Nothing here opens a file or a token.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/bytes.h"
#include "base/err.h"

enum option_id {
        /* global */
        OPTION_CONFIG,
        OPTION_STATE,
        OPTION_CERT_PROFILE,
        OPTION_OUTPUT,
        OPTION_QUIET,
        OPTION_VERBOSE,
        OPTION_NO_PROMPT,
        OPTION_DRY_RUN,
        OPTION_YES,
        OPTION_NO_COLOR,
        OPTION_LOCK_WAIT,
        OPTION_HELP,
        OPTION_VERSION,
        /* token */
        OPTION_MODULE,
        OPTION_TOKEN,
        OPTION_PIN_SOURCE,
        OPTION_RETRY_PIN,
        OPTION_TOKEN_TIMEOUT,
        /* AWS */
        OPTION_PROFILE,
        OPTION_REGION,
        OPTION_ENDPOINT_URL,
        OPTION_CA_BUNDLE,
        OPTION_ROLE_ARN,
        OPTION_EXTERNAL_ID,
        OPTION_ROLE_SESSION_NAME,
        OPTION_MFA_CODE,
        OPTION_NO_NARROW,
        OPTION_LIMITED_WITHIN,
        OPTION_ROLESANYWHERE_TRUST_ANCHOR,
        OPTION_ROLESANYWHERE_PROFILE,
        OPTION_ROLESANYWHERE_ROLE,
        OPTION_ROLESANYWHERE_KEY,
        OPTION_ROLESANYWHERE_CERTIFICATE,
        OPTION_ROLESANYWHERE_CHAIN,
        OPTION_ROLESANYWHERE_DURATION,
        OPTION_ROLESANYWHERE_PIN_SOURCE,
        OPTION_ALLOW_SELF_RENEW,
        /* of verbs */
        OPTION_CA,
        OPTION_KEY,
        OPTION_CSR,
        OPTION_SUBJECT,
        OPTION_SAN,
        OPTION_KEY_TYPE,
        OPTION_LABEL,
        OPTION_ID,
        OPTION_REPLACE,
        OPTION_TEMPLATE,
        OPTION_VALIDITY,
        OPTION_NOT_BEFORE,
        OPTION_KEY_USAGE,
        OPTION_EXT_KEY_USAGE,
        OPTION_POLICY_OID,
        OPTION_EXTENSION,
        OPTION_PATH_LENGTH,
        OPTION_HASH,
        OPTION_ALLOW_DIFFERENCE,
        OPTION_SIGNING_ALGORITHM,
        OPTION_ROOT,
        OPTION_NAME,
        OPTION_OUT,
        OPTION_FORMAT,
        OPTION_STORE,
        OPTION_FILE_MODE,
        OPTION_FILE_OWNER,
        OPTION_DEPLOY_HOOK,
        OPTION_RENEW_BEFORE,
        OPTION_ATTRIBUTE,
        OPTION_HOLDER,
        OPTION_PLACE,
        OPTION_PROVE,
        OPTION_NO_WAIT,
        OPTION_REQUIRE_LIMITED,
        OPTION_OVERRIDE,
        OPTION_IN_STATE,
        OPTION_WITHIN,
        OPTION_CRITICAL,
        OPTION_ON_TOKEN,
        OPTION_DUE,
        OPTION_REASON,
        OPTION_BY,
        OPTION_WHERE,
        OPTION_NOTE,
        OPTION_OTHER_ACCOUNTS,
        OPTION_USE,
        OPTION_ORIGIN,
        OPTION_STRICT,
        OPTION_SOURCE_IP,
        OPTION_MFA,
        OPTION_SESSION,
        OPTION_ROLE_NAME,
        OPTION_ACCOUNT,
        OPTION_ROLE_TRUST,
        OPTION_COMMON_NAME,
        OPTION_TO_PROFILE,
        OPTION_POLICY,
        OPTION_RESUME,
        OPTION_RATE,
        OPTION_SESSIONS,
        OPTION_REPORT,
        OPTION_LIMIT,
        OPTION_ONLY,
        OPTION_PLAN,
        OPTION_OUTAGE_WAIT,
        OPTION_TOKEN_LABEL,
        OPTION_SO_PIN_SOURCE,
        OPTION_NEW_PIN_SOURCE,
        OPTION_PIN_HOOK,
        OPTION_HOOK_TIMEOUT,
        OPTION_MANIFEST,
        OPTION_ONCE,
        OPTION_INIT,
        OPTION_QUOTA,
        OPTION_UNTIL,
        OPTION_SCAN,
        OPTION_PRE_HOOK,
        OPTION_POST_HOOK,
        OPTION_NO_BELL,
        OPTION_RETRY_FAILED,
        OPTIONS
};

enum option_group { GROUP_GLOBAL, GROUP_TOKEN, GROUP_AWS, GROUP_VERB, GROUPS };

enum option_kind {
        OPTION_IS_FLAG,
        OPTION_IS_TEXT,
        OPTION_IS_LIST,   /* may be repeated */
        OPTION_IS_SPAN,   /* "10s", "30d" */
        OPTION_IS_CHOICE, /* one of `choices` */
};

/* Where the configuration may set an option; a set of bits. */
enum option_scope { SCOPE_GENERAL = 1, SCOPE_PROFILE = 2 };

struct option_row {
        const char *name;     /* without the dashes; the configuration's key too */
        const char *argument; /* what `--help` calls the argument; NULL for flags */
        const char *help;     /* one line */
        const char *fallback; /* the default, as `--help` says it; NULL: none */
        const char *choices;  /* "text|json|jsonl": checked for choices, else only completed */
        enum option_group group;
        enum option_kind kind;
        unsigned scope;      /* enum option_scope bits; 0: command line (and variable) only */
        const char *foreign; /* AWS variables that beat the configuration, with blanks between */
        char letter;         /* -c; 0: none */
        bool variable;       /* is there a P11CERT_… variable? */
        bool lasts;          /* a span that cannot be 0: the time that something is given */
};

const struct option_row *option_row(enum option_id id);

/* The option with that name; OPTIONS when there is none. */
enum option_id option_named(const char *name);

/* "P11CERT_LOCK_WAIT" for OPTION_LOCK_WAIT; the caller frees.  NULL where there is none. */
char *option_variable(enum option_id id);

/* -- values ------------------------------------------------------------------------------- */

enum option_origin {
        ORIGIN_NONE,
        ORIGIN_GENERAL,  /* the configuration's general part */
        ORIGIN_PROFILE,  /* a profile of the configuration */
        ORIGIN_VARIABLE, /* a P11CERT_… variable */
        ORIGIN_LINE,     /* the command line */
        ORIGIN_ROW,      /* a manifest's row */
};

struct option_value {
        char **texts;
        char **wheres; /* of each text, as `where` below */
        size_t count;  /* flags: how often it was given */
        enum option_origin origin;
        char *where; /* "--token", "P11CERT_TOKEN", "/etc/p11cert/config:3" */
};

struct options {
        struct option_value values[OPTIONS];
};

void options_clear(struct options *options);

/* Copy what was given at least as strongly as `least`; `to` is empty. */
void options_copy(struct options *to, const struct options *from, enum option_origin least);

/*
 * Give an option a value.  One that was set by something stronger stays as it is; something weaker
 * is replaced; an equal one is added to (lists), counted (flags), replaced (from the same file or
 * for global options) or refused (a verb's option twice on the command line).
 *
 * errors  ERROR_USAGE for the command line, else ERROR_CONFIG: not one of the choices, not a span,
 *         not a yes or no, empty
 */
bool options_set(struct options *options, enum option_id id, const char *text,
                 enum option_origin origin, const char *where, struct error *err) MUST_CHECK;

/* NULL when it was not given; else the (last) text.  Borrowed. */
const char *option_text(const struct options *options, enum option_id id);
bool option_flag(const struct options *options, enum option_id id);

/* Milliseconds; `fallback_ms` when it was not given. */
int64_t option_span(const struct options *options, enum option_id id, int64_t fallback_ms);
const struct option_value *option_value(const struct options *options, enum option_id id);

/* Only when it was given on the command line itself: filters are never meant by a default. */
const char *option_line_text(const struct options *options, enum option_id id);

/* -- the command line --------------------------------------------------------------------- */

/* Which options are accepted: a verb's own list, and groups. */
struct option_list {
        const enum option_id *own; /* ends with OPTIONS; NULL: none */
        unsigned groups;           /* 1 << GROUP_TOKEN … */
        const char *verb;          /* for messages: "issue"; NULL in front of the verb */
};

bool option_is_in(const struct option_list *list, enum option_id id);

/*
 * Read options from words[0] on: `--name value`, `--name=value`, `-c value`, `-cvalue`, `-qy`.
 *
 * arguments  out, borrowed words that are no options, in order; room for `count` of them.  NULL:
 *            stop at the first one
 * stopped    out (may be NULL), how many words were read when it stopped
 * errors     ERROR_USAGE; an unknown option names the nearest one that is accepted here
 */
bool options_parse(struct options *options, const struct option_list *list, char *const *words,
                   size_t count, const char **arguments, size_t *argument_count, size_t *stopped,
                   struct error *err) MUST_CHECK;

/* Take the P11CERT_… variables of this environment for what `list` accepts. */
bool options_from_environment(struct options *options, const struct option_list *list,
                              struct error *err) MUST_CHECK;

#endif
