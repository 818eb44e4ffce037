/*
 * p11cert: reads the command line, runs one verb, prints its answer and its error once.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/anywhere.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/streams.h"
#include "cli/verbs.h"
#include "drive/batch.h"
#include "engine/uri.h"
#include "engine/witness.h"

/* A usage error is answered in JSON, too, where --output says so further along the line. */
static enum output
guess_output(char *const *words, size_t count)
{
        const char *text = getenv("P11CERT_OUTPUT");

        for (size_t i = 0; i < count; i++) {
                if (text_starts(words[i], "--output="))
                        text = words[i] + strlen("--output=");
                else if (strcmp(words[i], "--output") == 0 && i + 1 < count)
                        text = words[i + 1];
        }
        if (!text)
                return OUTPUT_TEXT;
        return strcmp(text, "json") == 0    ? OUTPUT_JSON
               : strcmp(text, "jsonl") == 0 ? OUTPUT_JSONL
                                            : OUTPUT_TEXT;
}

static bool
use_color(const struct command *command)
{
        const char *no_color = getenv("NO_COLOR");
        const char *terminal = getenv("TERM");

        return !option_flag(&command->options, OPTION_NO_COLOR) && !(no_color && *no_color) &&
               isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

static char *
state_folder(const struct options *options)
{
        const char *given = option_text(options, OPTION_STATE);
        const char *state = getenv("XDG_STATE_HOME");
        const char *home = getenv("HOME");

        if (given)
                return file_absolute(given);
        if (state && state[0] == '/')
                return text_format("%s/p11cert", state);
        if (geteuid() == 0 || !home || home[0] != '/')
                return text_copy("/var/lib/p11cert");
        return text_format("%s/.local/state/p11cert", home);
}

/* --on-token takes a pasted URI, too: it comes down to what the ledger knows of a token. */
static bool
settle_on_token(struct options *options, struct error *err)
{
        struct option_value *value = &options->values[OPTION_ON_TOKEN];
        const char *text = option_text(options, OPTION_ON_TOKEN);

        if (!text || strncasecmp(text, "pkcs11:", 7) != 0)
                return true;
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse(text, err);

        if (!uri)
                return error_about(err, "--on-token");
        CLEANUP(free_cleanup) char *name = uri_token_name(uri);

        if (name) {
                text_assign(&value->texts[value->count - 1], name);
                return true;
        }
        error_set(err, ERROR_USAGE, "the URI names no token");
        error_about(err, "--on-token");
        return error_advise(err, "say which with serial=NUMBER or token=LABEL");
}

/* What the values of global options mean for the command. */
static bool
settle(struct command *command, struct error *err)
{
        const struct options *options = &command->options;
        const char *output = option_text(options, OPTION_OUTPUT);
        const char *pin = option_text(options, OPTION_PIN_SOURCE);
        size_t verbose = option_value(options, OPTION_VERBOSE)->count;

        if (output)
                command->output = strcmp(output, "json") == 0    ? OUTPUT_JSON
                                  : strcmp(output, "jsonl") == 0 ? OUTPUT_JSONL
                                                                 : OUTPUT_TEXT;
        if (!settle_on_token(&command->options, err))
                return false;
        command->quiet = option_flag(options, OPTION_QUIET);
        command->dry_run = option_flag(options, OPTION_DRY_RUN);
        command->color = use_color(command);
        command->state = state_folder(options);
        log_set_level(verbose > 1 ? LOG_DEBUG : verbose ? LOG_INFO : LOG_OFF);
        if (pin && !pin_source_parse(pin, &command->pin, err))
                return error_about(err, "%s", option_value(options, OPTION_PIN_SOURCE)->where);
        return true;
}

static bool
check_arguments(const struct command *command, struct error *err)
{
        const struct verb *verb = command->verb;

        if (command->argument_count >= verb->least && command->argument_count <= verb->most)
                return true;
        if (command->argument_count < verb->least)
                error_set(err, ERROR_USAGE, "'%s' needs more: %s", verb->name, verb->usage);
        else if (verb->most)
                error_set(err, ERROR_USAGE, "'%s' takes no more than %s; '%s' is too much",
                          verb->name, verb->usage, command->arguments[verb->most]);
        else
                error_set(err, ERROR_USAGE, "'%s' takes no argument, but there is '%s'", verb->name,
                          command->arguments[0]);
        return error_advise(err, "see `p11cert %s --help`", verb->name);
}

/* Variables and configuration, for verbs that do not have to work without them. */
static bool
read_surroundings(struct command *command, const struct option_list *list, struct error *err)
{
        if (command->verb->plain)
                return true;
        if (!options_from_environment(&command->options, list, err))
                return false;
        if (!config_load(&command->config, option_text(&command->options, OPTION_CONFIG), err))
                return command->verb->lenient;
        return config_apply(&command->config, list, &command->options, err);
}

static bool
run_verb(struct command *command, char *const *words, size_t count, struct error *err)
{
        struct option_list list = { .own = command->verb->options,
                                    .groups = command->verb->groups,
                                    .verb = command->verb->name };

        command->arguments = memory_new(count + 1, sizeof(char *));
        if (!options_parse(&command->options, &list, words, count, command->arguments,
                           &command->argument_count, NULL, err))
                return false;
        if (option_flag(&command->options, OPTION_HELP)) {
                command->output = OUTPUT_TEXT;
                help_verb(&command->text, command->verb);
                return true;
        }
        return check_arguments(command, err) && read_surroundings(command, &list, err) &&
               settle(command, err) && command->verb->run(command, err);
}

static bool
is_help(const char *word)
{
        return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* `p11cert help VERB`, `p11cert VERB --help` before anything of the verb is read. */
static bool
run_help(struct command *command, char *const *words, size_t count, struct error *err)
{
        size_t used;

        command->output = OUTPUT_TEXT;
        if (!count) {
                help_program(&command->text);
                return true;
        }
        if (verb_is_family(words[0]) && (count == 1 || is_help(words[1]))) {
                help_family(&command->text, words[0]);
                return true;
        }
        command->verb = verb_find(words, count, &used, err);
        if (!command->verb)
                return false;
        help_verb(&command->text, command->verb);
        return true;
}

static bool
run_words(struct command *command, char *const *words, size_t count, struct error *err)
{
        struct option_list front = { 0 };
        size_t used = 0;

        if (!options_parse(&command->options, &front, words, count, NULL, NULL, &used, err))
                return false;
        words += used;
        count -= used;
        if (option_flag(&command->options, OPTION_VERSION))
                return cmd_version(command, err);
        if (option_flag(&command->options, OPTION_HELP))
                return run_help(command, words, count, err);
        if (!count) {
                error_set(err, ERROR_USAGE, "there is no verb");
                return error_advise(err, "`p11cert --help` lists the verbs; `p11cert issue --help` "
                                         "is a good start");
        }
        if (strcmp(words[0], "help") == 0)
                return run_help(command, words + 1, count - 1, err);
        if (count > 1 && is_help(words[1]) && verb_is_family(words[0]))
                return run_help(command, words, count, err);
        command->verb = verb_find(words, count, &used, err);
        return command->verb && run_verb(command, words + used, count - used, err);
}

/*
 * A standard descriptor that came closed would be given to the next file that is opened, and talk
 * would be written into it.  What stands in refuses to be used: read from as stdin, written to as
 * stdout or stderr.
 */
static void
fill_standard_descriptors(void)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
                if (fcntl(fd, F_GETFD) >= 0)
                        continue;
                if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
                        _exit(1);
        }
}

/* A reader that went away is a failed write, not a death in the middle of an order. */
static void
ignore_signal(int number)
{
        (void)number;
}

int
main(int argc, char **argv)
{
        fill_standard_descriptors();
        /* The application's view is asked of a process that has done nothing yet. */
        if (argc > 1 && strcmp(argv[1], "witness-child") == 0)
                return witness_child();
        struct sigaction action = { .sa_handler = ignore_signal, .sa_flags = SA_RESTART };
        struct command command = { .anywhere = anywhere_login_new() };
        struct error err = { 0 };
        size_t count = argc > 0 ? (size_t)argc - 1 : 0;

        umask(077);
        streams_open();
        sigaction(SIGPIPE, &action, NULL);
        /* A limit on the size of files is an error of write(), as a full disk is. */
        sigaction(SIGXFSZ, &action, NULL);
        command.output = guess_output(argv + 1, count);
        if (run_words(&command, argv + 1, count, &err))
                err = (struct error){ 0 };
        int status = command_finish(&command, &err);

        /* What a hanging module works on must not be touched any more. */
        if (drive_hangs())
                _exit(status);
        command_clear(&command);
#ifndef __SANITIZE_ADDRESS__
        /* Exit handlers of modules free what the end of the process frees anyway (modules_leave());
         * our own output is flushed by now.  The leak checker is such a handler, too. */
        _exit(status);
#endif
        return status;
}
