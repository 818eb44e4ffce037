/*
 * One call of the program: what it was asked, and the answer it gives.  Commands fill the answer;
 * main() prints it, once, with the error that came back.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <cjson/cJSON.h>

#include "aws/client.h"
#include "base/bytes.h"
#include "base/err.h"
#include "cli/config.h"
#include "cli/options.h"
#include "engine/pin.h"
#include "engine/token.h"
#include "ledger/ledger.h"

/* Where the text of a line of talk begins, behind "note" or the name of a step. */
enum { SAY_COLUMN = 10 };

enum output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_JSONL };

/* What the JSON of a verb looks like: one order, {"orders": […]}, or an object of its own. */
enum answer_shape { ANSWER_OTHER, ANSWER_ORDER, ANSWER_ORDERS };

struct command;
struct anywhere_login; /* cli/anywhere.h */

/* A default that differs from the one in the table of options. */
struct verb_fallback {
        enum option_id id; /* OPTIONS ends a list */
        const char *text;  /* "" for none */
};

struct verb {
        const char *name;  /* "issue", "ca list" */
        const char *usage; /* of its arguments: "ORDER FILE"; "" for none */
        const char *summary;
        const char *details; /* more lines for --help, or NULL */
        const char *example; /* lines for --help */
        const enum option_id *options;
        const struct verb_fallback *fallbacks; /* NULL: those of the table */
        unsigned groups;                       /* of options: 1 << GROUP_TOKEN … */
        size_t least;                          /* arguments */
        size_t most;
        unsigned statuses; /* bits: exit statuses it is known for, besides 0, 1 and 2 */
        enum answer_shape shape;
        bool plugin;  /* exit statuses are those of a Nagios plugin: whatever fails is 3, unknown */
        bool lenient; /* runs with a configuration that has problems, and tells them */
        bool plain;   /* reads neither configuration nor P11CERT_… variables */
        bool (*run)(struct command *command, struct error *err);
};

struct command {
        const struct verb *verb;
        struct options options;
        struct config config;
        const char **arguments;
        size_t argument_count;

        enum output output;
        bool quiet;
        bool color;
        bool dry_run;
        char *state; /* absolute */
        struct pin_source pin;
        struct anywhere_login *anywhere; /* how this machine logs in to AWS by itself, or NULL */

        int status;      /* of a plugin that did not fail */
        cJSON *answer;   /* for JSON output; "error" is added to it on failure */
        struct buf text; /* for text output */
        bool streaming;  /* orders are being printed one after the other */
        size_t streamed;
};

/* -- talk and answers --------------------------------------------------------------------- */

/* One line on stderr, unless -q. */
void command_say(const struct command *command, const char *format, ...) PRINTF(2, 3);

/* Is the progress of orders to be shown? */
bool command_is_talkative(const struct command *command);

/* An order as the answer of a verb of ANSWER_ORDER; `text` says how it reads (show.h). */
struct order;
void command_answer_order(struct command *command, const struct order *order,
                          void (*text)(struct buf *out, const struct order *order));

/*
 * Orders as the answer of a verb of ANSWER_ORDERS, printed one by one so that memory does not grow
 * with their number.  `line` is the text form.
 */
void command_stream_order(struct command *command, const struct order *order,
                          void (*line)(struct buf *out, const struct order *order));

/*
 * What sums up the streamed orders: "summary" beside them, in JSON lines a last line.  Takes over
 * `summary`.
 */
void command_answer_summary(struct command *command, cJSON *summary);

/* Print what is left to print, the error too; returns the exit status. */
int command_finish(struct command *command, const struct error *err);

void command_clear(struct command *command);

/* -- what commands need ------------------------------------------------------------------- */

/* The option's text, or what it was not given and has to be: ERROR_USAGE. */
const char *command_need(const struct command *command, enum option_id id, const char *example,
                         struct error *err);

/* Yes from a person, or --yes; ERROR_USAGE where nobody can be asked, ERROR_NOTHING for no. */
bool command_confirm(const struct command *command, const char *question,
                     struct error *err) MUST_CHECK;

/* The --pin-source, or NULL where none was given. */
const struct pin_source *command_pin(const struct command *command);

/* The function that asks for PINs; NULL with --no-prompt. */
pin_ask *command_ask(const struct command *command);

/* How PINs are found for the verbs that ask a token one thing; borrows from the command. */
void command_login(const struct command *command, struct token_login *login, char **guard_folder);

/* The folder of the PIN guard; the caller frees. */
char *command_guard_folder(const struct command *command);

int64_t command_token_timeout_ms(const struct command *command);
int64_t options_token_timeout_ms(const struct options *options); /* by options of another's */

/*
 * The ledger, made where it is missing; the second one locks it for this verb.  With --dry-run it
 * is neither made nor locked nor written: ERROR_NOTHING when there is none.
 */
struct ledger *command_ledger_unlocked(const struct command *command, struct error *err);
struct ledger *command_ledger(const struct command *command, struct error *err);

/*
 * For verbs about orders that are there, so that a slip in --state makes no empty ledger: is there
 * one?  ERROR_ORDER_UNKNOWN where the arguments name orders, else ERROR_NOTHING.
 */
bool command_has_ledger(const struct command *command, struct error *err) MUST_CHECK;

/*
 * Settings of AWS from options; `endpoint` and `profile` (may be NULL) are those of an order.  The
 * session of a role is cut to the verb and to `to` (narrow.h); the first one takes that from the
 * command line.
 */
struct narrow_to;
struct aws_settings *command_aws(const struct command *command, const char *endpoint,
                                 const char *profile, struct error *err);
struct aws_settings *command_aws_for(const struct command *command, const char *endpoint,
                                     const char *profile, const struct narrow_to *to,
                                     struct error *err);

/* Is Private CA called on this machine?  `settings` may be NULL: no. */
bool command_ca_is_local(struct aws_settings *settings);

/* --root: the certificate's DER; empty when it was not given.  ERROR_INPUT. */
bool command_root(const struct command *command, struct buf *root, struct error *err) MUST_CHECK;

/*
 * AWS_REGION and its like say nothing about Private CA calls: those go where the CA is.  Says so,
 * once, where they differ from the Region of this CA, which may be NULL.
 */
void command_note_region(const struct command *command, const char *ca_arn);

/* An argument or --ca; ERROR_USAGE.  Checks that it is the ARN of a CA and the Region fits. */
const char *command_ca(const struct command *command, const char *argument, struct error *err);

void ledger_cleanup(struct ledger **ledger);
void aws_settings_cleanup(struct aws_settings **settings);
void aws_client_cleanup(struct aws_client **client);

#endif
