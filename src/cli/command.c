#include "cli/command.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aws/endpoint.h"
#include "aws/pca.h"
#include "base/file.h"
#include "cli/anywhere.h"
#include "cli/ask.h"
#include "cli/narrow.h"
#include "cli/show.h"
#include "cli/streams.h"
#include "drive/batch.h"
#include "engine/uri.h"
#include "iam/write.h"
#include "order/cert.h"

enum { MOST_CAS = 16, ROOT_BYTES = 1 << 20, LOCK_WAIT_MS = 10000, TOKEN_TIMEOUT_MS = 120000 };

void
ledger_cleanup(struct ledger **ledger)
{
        ledger_close(*ledger);
}

void
aws_settings_cleanup(struct aws_settings **settings)
{
        if (*settings)
                aws_settings_free(*settings);
}

void
aws_client_cleanup(struct aws_client **client)
{
        aws_client_close(*client);
}

/* -- talk and answers --------------------------------------------------------------------- */

void
command_say(const struct command *command, const char *format, ...)
{
        CLEANUP(free_cleanup) char *text = NULL;
        va_list arguments;

        if (command->quiet)
                return;
        va_start(arguments, format);
        int length = vasprintf(&text, format, arguments);

        va_end(arguments);
        assert(length >= 0);
        CLEANUP(free_cleanup) char *printable = show_printable(text);
        CLEANUP(buf_cleanup) struct buf line = { 0 };
        /* "note      " and the like stand in front as at the steps of progress. */
        size_t head =
                strlen(printable) > SAY_COLUMN && text_starts(printable + 8, "  ") ? SAY_COLUMN : 0;

        buf_add(&line, view_of(printable, head));
        show_wrapped(&line, printable + head, head, stream_talk_width());
        fprintf(stream_talk(), "%s\n", buf_text(&line));
}

bool
command_is_talkative(const struct command *command)
{
        return !command->quiet && command->output == OUTPUT_TEXT;
}

void
command_answer_order(struct command *command, const struct order *order,
                     void (*text)(struct buf *out, const struct order *order))
{
        /* A later answer takes the place of an earlier one: that of an order that was resumed. */
        cJSON_Delete(command->answer);
        command->answer = show_order_json(order);
        buf_clear(&command->text);
        text(&command->text, order);
}

static void
print_json(const struct command *command, const cJSON *json, const char *end)
{
        char *text =
                command->output == OUTPUT_JSONL ? cJSON_PrintUnformatted(json) : cJSON_Print(json);

        fprintf(stream_answer(), "%s%s", text, end);
        cJSON_free(text);
}

/* The table of orders.  On a narrow terminal it leaves out its last column, the serial numbers. */
static void
print_row(const char *row)
{
        enum { WIDTH = 113 };
        size_t width = stream_answer_width();
        const char *cell = strrchr(row, ' ');

        if (width == 0 || width >= WIDTH || !cell) {
                fputs(row, stream_answer());
                return;
        }
        while (cell > row && cell[-1] == ' ')
                cell--;
        fprintf(stream_answer(), "%.*s\n", (int)(cell - row), row);
}

void
command_stream_order(struct command *command, const struct order *order,
                     void (*line)(struct buf *out, const struct order *order))
{
        if (command->output == OUTPUT_TEXT) {
                CLEANUP(buf_cleanup) struct buf text = { 0 };

                if (!command->streamed && line == show_order_line)
                        print_row(show_order_head());
                line(&text, order);
                if (line == show_order_line)
                        print_row(buf_text(&text));
                else
                        fputs(buf_text(&text), stream_answer());
        } else {
                cJSON *json = show_order_json(order);
                bool lines = command->output == OUTPUT_JSONL;

                if (!lines)
                        fputs(command->streamed ? ",\n" : "{\"orders\": [\n", stream_answer());
                print_json(command, json, lines ? "\n" : "");
                cJSON_Delete(json);
        }
        command->streaming = true;
        command->streamed++;
}

void
command_answer_summary(struct command *command, cJSON *summary)
{
        cJSON_Delete(command->answer);
        command->answer = cJSON_CreateObject();
        cJSON_AddItemToObject(command->answer, "summary", summary);
        command->streaming = true;
}

/* A member behind the list of orders, or a line of its own. */
static void
finish_member(const struct command *command, const cJSON *member)
{
        cJSON *line;

        if (command->output == OUTPUT_JSON) {
                char *text = cJSON_Print(member);

                fprintf(stream_answer(), ", \"%s\": %s", member->string, text);
                cJSON_free(text);
                return;
        }
        line = cJSON_CreateObject();
        cJSON_AddItemToObject(line, member->string, cJSON_Duplicate(member, true));
        print_json(command, line, "\n");
        cJSON_Delete(line);
}

/* The end of {"orders": […]}, with what sums it up, and the error that concerns the whole. */
static void
finish_stream(struct command *command, const struct error *err)
{
        bool failed = err->kind != ERROR_NONE && err->kind != ERROR_NOTHING;
        cJSON *whole = command->answer ? MOVE(command->answer) : cJSON_CreateObject();
        const cJSON *member;

        if (failed)
                cJSON_AddItemToObject(whole, "error", show_error_json(err));
        if (command->output == OUTPUT_JSON)
                fputs(command->streamed ? "\n]" : "{\"orders\": []", stream_answer());
        cJSON_ArrayForEach(member, whole) finish_member(command, member);
        if (command->output == OUTPUT_JSON)
                fputs("}\n", stream_answer());
        cJSON_Delete(whole);
}

static void
finish_json(struct command *command, const struct error *err)
{
        enum answer_shape shape = command->verb ? command->verb->shape : ANSWER_OTHER;

        if (command->streaming || (shape == ANSWER_ORDERS && !command->answer)) {
                finish_stream(command, err);
                return;
        }
        if (!command->answer)
                command->answer =
                        shape == ANSWER_ORDER ? show_order_json(NULL) : cJSON_CreateObject();
        if (err->kind != ERROR_NONE) {
                cJSON_DeleteItemFromObject(command->answer, "error");
                cJSON_AddItemToObject(command->answer, "error", show_error_json(err));
        }
        print_json(command, command->answer, "\n");
}

/* Every error has three sentences, also where what happened says it all. */
static struct error
complete_error(const struct command *command, const struct error *err)
{
        struct error complete = *err;
        const char *verb = command->verb ? command->verb->name : NULL;

        /* That there is nothing to do is said in one line to a person. */
        if (err->kind == ERROR_NONE ||
            (err->kind == ERROR_NOTHING && command->output == OUTPUT_TEXT))
                return complete;
        if (!err->about[0])
                error_about(&complete, verb ? "p11cert %s" : "p11cert", verb);
        if (error_exit_status(err->kind) <= 3)
                error_advise(&complete, "`p11cert %s%s--help` tells more", verb ? verb : "",
                             verb ? " " : "");
        else
                error_advise(&complete, "`p11cert doctor` looks for what is in the way");
        return complete;
}

enum { PLUGIN_UNKNOWN = 3 };

/* A plugin's first line is all that a monitoring system shows. */
static int
finish_plugin(struct command *command, const struct error *err)
{
        if (err->kind == ERROR_NONE)
                return command->status;
        buf_clear(&command->text);
        buf_format(&command->text, "P11CERT UNKNOWN - %s%s%s\n", err->what,
                   err->about[0] ? ": " : "", err->about);
        return PLUGIN_UNKNOWN;
}

int
command_finish(struct command *command, const struct error *given)
{
        const struct error complete = complete_error(command, given);
        const struct error *err = &complete;
        int status = error_exit_status(err->kind);

        if (command->verb && command->verb->plugin)
                status = finish_plugin(command, err);
        if (command->output == OUTPUT_TEXT)
                fputs(buf_text(&command->text), stream_answer());
        else
                finish_json(command, err);
        /* Who keeps the answer somewhere has to learn that it did not get there. */
        if (fflush(stream_answer()) != 0 || ferror(stream_answer())) {
                if (errno != EPIPE)
                        fputs("p11cert: the answer could not be written to standard output\n",
                              stream_talk());
                status = status ? status : 1;
        }
        if (err->kind != ERROR_NONE && (command->output == OUTPUT_TEXT || !command->quiet)) {
                CLEANUP(buf_cleanup) struct buf text = { 0 };

                show_error_text(&text, err, command->color, stream_talk_width());
                fputs(buf_text(&text), stream_talk());
        }
        return status;
}

void
command_clear(struct command *command)
{
        options_clear(&command->options);
        config_clear(&command->config);
        pin_source_clear(&command->pin);
        anywhere_login_free(MOVE(command->anywhere));
        cJSON_Delete(MOVE(command->answer));
        buf_clear(&command->text);
        free(MOVE(command->state));
        free(MOVE(command->arguments));
}

/* -- what commands need ------------------------------------------------------------------- */

const char *
command_need(const struct command *command, enum option_id id, const char *example,
             struct error *err)
{
        const char *text = option_text(&command->options, id);

        if (text)
                return text;
        error_set(err, ERROR_USAGE, "'%s' needs --%s", command->verb->name, option_row(id)->name);
        error_advise(err, "%s", example);
        return NULL;
}

bool
command_confirm(const struct command *command, const char *question, struct error *err)
{
        bool yes = false;

        if (option_flag(&command->options, OPTION_YES))
                return true;
        if (option_flag(&command->options, OPTION_NO_PROMPT)) {
                error_set(err, ERROR_USAGE, "nobody may be asked: %s", question);
                return error_advise(err, "repeat the command with --yes");
        }
        if (!ask_yes(question, &yes, err))
                return false;
        if (yes)
                return true;
        return error_set(err, ERROR_NOTHING, "nothing was done, as the answer was no");
}

/* Where the PIN comes from: --pin-source, else what the token's URI says. */
static bool
find_pin_source(const struct command *command, struct pin_source *source)
{
        const char *text = option_text(&command->options, OPTION_PIN_SOURCE);
        const char *token = option_text(&command->options, OPTION_TOKEN);
        struct error ignored;
        struct uri *uri = !text && token ? uri_parse(token, &ignored) : NULL;
        const char *named = uri ? uri_pin_source(uri) : text;
        bool found = named && pin_source_parse(named, source, &ignored);

        uri_free(uri);
        return found;
}

/* Once is enough; the PIN is used all the same. */
static void
warn_open_pin(const struct command *command)
{
        static bool looked;
        struct pin_source source = { 0 };

        if (looked)
                return;
        looked = true;
        if (find_pin_source(command, &source) && pin_source_is_open(&source))
                command_say(command,
                            "warning   '%s' holds a PIN and others may get at it: chmod 600 it",
                            source.argument);
        pin_source_clear(&source);
}

const struct pin_source *
command_pin(const struct command *command)
{
        warn_open_pin(command);
        return command->pin.kind == PIN_NONE ? NULL : &command->pin;
}

pin_ask *
command_ask(const struct command *command)
{
        return option_flag(&command->options, OPTION_NO_PROMPT) ? NULL : ask_pin;
}

char *
command_guard_folder(const struct command *command)
{
        return text_format("%s/pin-guard", command->state);
}

void
command_login(const struct command *command, struct token_login *login, char **guard_folder)
{
        *guard_folder = command_guard_folder(command);
        *login = (struct token_login){
                .source = command_pin(command),
                .ask = command_ask(command),
                .guard_folder = *guard_folder,
                .retry_pin = option_flag(&command->options, OPTION_RETRY_PIN),
        };
}

int64_t
command_token_timeout_ms(const struct command *command)
{
        return options_token_timeout_ms(&command->options);
}

int64_t
options_token_timeout_ms(const struct options *options)
{
        int64_t ms = option_span(options, OPTION_TOKEN_TIMEOUT, TOKEN_TIMEOUT_MS);

        /* Those who wait count in an int. */
        return ms > INT_MAX ? INT_MAX : ms;
}

struct ledger *
command_ledger_unlocked(const struct command *command, struct error *err)
{
        return command->dry_run ? ledger_open_read(command->state, err)
                                : ledger_open(command->state, err);
}

struct ledger *
command_ledger(const struct command *command, struct error *err)
{
        int64_t wait_ms = option_span(&command->options, OPTION_LOCK_WAIT, LOCK_WAIT_MS);
        struct ledger *ledger = command_ledger_unlocked(command, err);

        if (!ledger || command->dry_run)
                return ledger;
        if (ledger_lock(ledger, command->verb->name, wait_ms, err))
                return ledger;
        ledger_close(ledger);
        return NULL;
}

bool
command_has_ledger(const struct command *command, struct error *err)
{
        struct error none = { 0 };
        CLEANUP(ledger_cleanup) struct ledger *ledger = ledger_open_read(command->state, &none);

        /* What else is wrong with it, the verb will meet and say. */
        if (ledger || none.kind != ERROR_NOTHING)
                return true;
        *err = none;
        if (!command->argument_count)
                return false;
        error_set(err, ERROR_ORDER_UNKNOWN, "no order is called '%s': there is no ledger yet",
                  command->arguments[0]);
        error_about(err, "the state folder %s", command->state);
        return error_advise(err, "`p11cert issue --help` tells how to make one; --state names "
                                 "another ledger");
}

/* Once is enough, however many groups of orders there are. */
static void
warn_exposed(const struct command *command, const struct aws_settings *settings)
{
        static bool warned;
        const char *path = aws_settings_exposed(settings);

        if (path && !warned)
                command_say(command,
                            "warning   '%s' holds secret keys and others may read it: "
                            "chmod 600 it",
                            path);
        warned = warned || path;
}

struct aws_settings *
command_aws(const struct command *command, const char *endpoint, const char *profile,
            struct error *err)
{
        const char *cas[MOST_CAS];
        struct narrow_to to = { .cas = cas, .ca_count = narrow_arguments(command, cas, MOST_CAS) };

        return command_aws_for(command, endpoint, profile, &to, err);
}

/* The Region of the CA that is meant, by its ARN; `out` stays empty where none is. */
static void
region_of_ca(const struct options *options, const struct narrow_to *to, struct ca_arn *out)
{
        const char *arn = to && to->ca_count ? to->cas[0] : option_text(options, OPTION_CA);
        struct error ignored = { 0 };

        if (!arn || !ca_arn_parse(arn, out, &ignored))
                *out = (struct ca_arn){ 0 };
}

struct aws_settings *
command_aws_for(const struct command *command, const char *endpoint, const char *profile,
                const struct narrow_to *to, struct error *err)
{
        const struct options *options = &command->options;
        CLEANUP(free_cleanup) char *policy = NULL;
        struct ca_arn ca;
        struct aws_options asked = {
                .profile = profile ? profile : option_text(options, OPTION_PROFILE),
                .region = option_text(options, OPTION_REGION),
                .fallback_region = ca.region,
                .endpoint_url = endpoint ? endpoint : option_text(options, OPTION_ENDPOINT_URL),
                .ca_bundle = option_text(options, OPTION_CA_BUNDLE),
                .role_arn = option_text(options, OPTION_ROLE_ARN),
                .external_id = option_text(options, OPTION_EXTERNAL_ID),
                .role_session_name = option_text(options, OPTION_ROLE_SESSION_NAME),
                .mfa_code = option_text(options, OPTION_MFA_CODE),
                .ask_mfa = option_flag(options, OPTION_NO_PROMPT) ? NULL : ask_mfa,
        };

        region_of_ca(options, to, &ca);
        if (!narrow_policy(command, to, &policy, err))
                return NULL;
        asked.session_policy = policy;
        /* What needs no permission is not worth two questions. */
        asked.cut_others = policy && strcmp(policy, iam_cut_to_nothing) != 0;
        if (!anywhere_session(command, profile, &asked.anywhere, err))
                return NULL;
        struct aws_settings *settings = aws_settings_open(&asked, err);

        if (settings)
                warn_exposed(command, settings);
        return settings;
}

bool
command_ca_is_local(struct aws_settings *settings)
{
        const char *url = settings ? aws_settings_endpoint(settings, "acm-pca") : NULL;

        return url && endpoint_is_loopback(url);
}

bool
command_root(const struct command *command, struct buf *root, struct error *err)
{
        const char *path = option_text(&command->options, OPTION_ROOT);
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        if (!path)
                return true;
        if (!file_read_named(path, ROOT_BYTES, &text, err) ||
            !certificates_read(view_buf(&text), root, NULL, err))
                return error_about(err, "--root %s", path);
        if (certificate_is_root(view_buf(root)))
                return true;
        error_set(err, ERROR_INPUT, "the certificate in '%s' is not a root", path);
        return error_advise(err,
                            "--root takes the self-signed certificate at the top of the chain");
}

void
command_note_region(const struct command *command, const char *ca_arn)
{
        static const char *const names[] = { "AWS_REGION", "AWS_DEFAULT_REGION" };
        static bool noted;
        struct error ignored;
        struct ca_arn parts;

        if (noted || !ca_arn || !ca_arn_parse(ca_arn, &parts, &ignored))
                return;
        for (size_t i = 0; !noted && i < ARRAY_LENGTH(names); i++) {
                const char *other = getenv(names[i]);

                if (!other || !*other || strcmp(other, parts.region) == 0)
                        continue;
                command_say(command, "note      %s=%s is not used: the CA is in %s", names[i],
                            other, parts.region);
                noted = true;
        }
}

const char *
command_ca(const struct command *command, const char *argument, struct error *err)
{
        const char *arn = argument ? argument
                                   : command_need(command, OPTION_CA,
                                                  "`p11cert ca list` shows the CAs there are", err);
        const struct option_value *region = option_value(&command->options, OPTION_REGION);
        struct ca_arn parts;

        if (!arn || !ca_arn_parse(arn, &parts, err))
                return NULL;
        if (region->origin == ORIGIN_LINE && strcmp(region->texts[0], parts.region) != 0) {
                error_set(err, ERROR_USAGE, "the CA is in Region %s, but --region says %s",
                          parts.region, region->texts[0]);
                error_advise(err, "leave --region out: it comes from the CA's ARN");
                return NULL;
        }
        command_note_region(command, arn);
        return arn;
}
