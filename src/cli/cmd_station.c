/*
 * station: the batch that never ends.  What the options say becomes what the station
 * (drive/station.h) asks for; what it says becomes a screen, or a line an event.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/run.h"
#include "cli/show.h"
#include "cli/self_renew.h"
#include "cli/station_face.h"
#include "cli/station_rows.h"
#include "cli/tokens.h"
#include "cli/verbs.h"
#include "cli/wish.h"
#include "drive/hook.h"
#include "engine/admin.h"
#include "order/fill.h"

enum { HOOK_TIMEOUT_MS = 60 * 1000, DAY_S = 24 * 60 * 60 };

/* What the station's questions are answered with. */
struct shift {
        struct command *command;
        struct ledger *ledger;
        struct face *face;
        char *token_label; /* pattern for blank tokens */
        uint64_t births;   /* {row} of it */

        /* a PIN that was asked for at the beginning, for every token */
        struct secret pin;
        struct secret officer;
        struct pin_source officer_source;
        struct station_rows *rows; /* of --manifest, or NULL */
        struct self_renewal renewal;
};

static void
shift_clear(struct shift *shift)
{
        face_free(shift->face);
        free(shift->token_label);
        secret_clear(&shift->pin);
        secret_clear(&shift->officer);
        pin_source_clear(&shift->officer_source);
        station_rows_free(shift->rows);
        self_renewal_clear(&shift->renewal);
}

/* -- wishes ----------------------------------------------------------------------------------- */

static void
know_token(struct order *order, const struct token_facts *facts)
{
        text_assign(&order->token.label, facts->label);
        text_assign(&order->token.serial, facts->serial);
        text_assign(&order->token.manufacturer, facts->manufacturer);
        text_assign(&order->token.model, facts->model);
}

/* The wishes of the options for this token. */
static bool
wish_for(struct shift *shift, const struct token_facts *facts, const char *scan,
         struct order *order, struct error *err)
{
        struct command *command = shift->command;
        CLEANUP(free_cleanup) char *uri = uri_of_token(facts);
        CLEANUP(buf_cleanup) struct buf used = { 0 };

        know_token(order, facts);
        if (scan)
                wishes_add_attribute(&order->wishes, "scan", scan);
        if (!options_set(&command->options, OPTION_TOKEN, uri, ORIGIN_LINE, "--token", err) ||
            !wish_read(&command->options, true, order, err))
                return false;
        /* The conductor finds out what the token is by itself. */
        order_token_clear(&order->token);
        return wish_default(&order->wishes, command->state, &used, err);
}

/* A name belongs to one token; another one with that name is a mistake in the wishes. */
static bool
name_is_free(struct shift *shift, const struct order *order, struct error *err)
{
        struct error none = { 0 };
        CLEANUP(order_cleanup)
        struct order *newest = ledger_newest(shift->ledger, order->wishes.name, &none);

        if (!newest) {
                *err = none;
                return none.kind == ERROR_NONE;
        }
        error_set(err, ERROR_ORDER_STATE, "the name %s belongs to another token's order",
                  order->wishes.name);
        error_about(err, "order %lld, token %s", (long long)newest->number,
                    newest->token.serial ? newest->token.serial : "unknown");
        return error_advise(err, "names come from --name or the common name; let one have "
                                 "{token.serial} in it");
}

/* A row's order; its name is free, or the row would not have been given. */
static bool
take_row(struct shift *shift, const struct token_facts *facts, const char *scan,
         struct order **order, struct error *err)
{
        CLEANUP(order_cleanup) struct order *known = order_new();
        CLEANUP(order_cleanup) struct order *fresh = NULL;
        CLEANUP(buf_cleanup) struct buf used = { 0 };

        know_token(known, facts);
        fresh = station_rows_take(shift->rows, shift->ledger, facts, known, scan, err);
        if (!fresh)
                return false;
        order_token_clear(&fresh->token);
        if (scan)
                wishes_add_attribute(&fresh->wishes, "scan", scan);
        if (!wish_default(&fresh->wishes, shift->command->state, &used, err)) {
                station_rows_give_back(shift->rows, fresh->wishes.name);
                return false;
        }
        *order = MOVE(fresh);
        return true;
}

static bool
give_order(void *context, const struct token_facts *facts, const char *scan, struct order **order,
           struct error *err)
{
        struct shift *shift = context;

        if (shift->rows)
                return take_row(shift, facts, scan, order, err);
        CLEANUP(order_cleanup) struct order *fresh = order_new();

        if (!wish_for(shift, facts, scan, fresh, err) || !name_is_free(shift, fresh, err))
                return false;
        *order = MOVE(fresh);
        return true;
}

static void
give_back(void *context, const char *name)
{
        struct shift *shift = context;

        if (shift->rows)
                station_rows_give_back(shift->rows, name);
}

static bool
accept_order(void *context, struct order *order, struct error *err)
{
        const struct shift *shift = context;
        const struct options *options = &shift->command->options;

        if (text_equal(order->wishes.endpoint, option_text(options, OPTION_ENDPOINT_URL)) &&
            text_equal(order->wishes.aws_profile, option_text(options, OPTION_PROFILE)))
                return true;
        error_set(err, ERROR_ORDER_DIFFERS,
                  "its order was begun with another endpoint or AWS profile");
        error_about(err, "order %lld '%s'", (long long)order->number, order->wishes.name);
        return error_advise(err, "go on with it by hand: p11cert resume");
}

static bool
give_label(void *context, const struct token_facts *facts, char **label, struct error *err)
{
        struct shift *shift = context;
        const struct fill_facts known = {
                .token_serial = facts->serial[0] ? facts->serial : NULL,
                .row = (int64_t)shift->births + 1,
                .now = clock_now(),
        };

        if (!fill_text(shift->token_label, FILL_TEXT, &known, label, err))
                return error_about(err, "--token-label");
        if (token_is_blank(facts))
                shift->births++;
        return token_label_check(*label, err);
}

static void
unit_done(void *context, const struct order *order)
{
        struct shift *shift = context;

        if (shift->command->output != OUTPUT_TEXT && order->number)
                command_stream_order(shift->command, order, show_order_line);
}

static void
tell_face(void *context, enum station_event event, unsigned bay, const char *text)
{
        face_event(((struct shift *)context)->face, event, bay, text);
}

static void
draw_face(void *context, const struct station_view *view)
{
        face_show(((struct shift *)context)->face, view);
}

static bool
read_scan(void *context, char *line, size_t size)
{
        return face_read(((struct shift *)context)->face, line, size);
}

/* -- the certificate that the station itself logs in with -------------------------------------- */

static bool
next_errand(void *context, struct order **order)
{
        struct shift *shift = context;
        struct error err = { 0 };
        char end[CLOCK_TEXT];

        *order = self_renewal_next(&shift->renewal, &err);
        if (err.kind == ERROR_NONE)
                return *order != NULL;
        CLEANUP(free_cleanup)
        char *text = text_format("the station's own certificate ends on %s and cannot be renewed: "
                                 "%s",
                                 clock_format(shift->renewal.not_after, end), err.what);

        face_event(shift->face, STATION_TROUBLE, 0, text);
        return false;
}

static void
errand_done(void *context, const struct order *order)
{
        struct shift *shift = context;
        bool good = false;
        CLEANUP(free_cleanup) char *text = self_renewal_done(&shift->renewal, order, &good);

        face_event(shift->face, good ? STATION_NOTE : STATION_TROUBLE, 0, text);
}

/* -- what is said at the beginning ------------------------------------------------------------ */

/* Options that need a token to be understood are tried on one that does not exist. */
static bool
try_wishes(struct shift *shift, struct order *order, struct error *err)
{
        struct token_facts facts = {
                .label = "LABEL",
                .serial = "0123456789ABCDEF",
                .manufacturer = "MANUFACTURER",
                .model = "MODEL",
        };

        return wish_for(shift, &facts,
                        option_flag(&shift->command->options, OPTION_SCAN) ? "SCANNED" : NULL,
                        order, err);
}

/* A manifest is checked as a whole; without one, the options are. */
static bool
read_wishes(struct shift *shift, struct order *trial, struct error *err)
{
        const char *path = option_text(&shift->command->options, OPTION_MANIFEST);

        if (!path)
                return try_wishes(shift, trial, err);
        shift->rows = station_rows_open(shift->command, path, err);
        return shift->rows != NULL;
}

/* "17:30" is today's, or tomorrow's when that is over. */
static bool
parse_until(const char *text, int64_t *until, struct error *err)
{
        time_t now = (time_t)clock_now();
        struct tm local;
        int64_t hour;
        int64_t minute;
        CLEANUP(free_cleanup) char *copy = text_copy(text);
        char *colon = strchr(copy, ':');

        if (clock_parse(text, until))
                return true;
        if (colon)
                *colon = '\0';
        if (!colon || !number_parse(copy, 0, 23, &hour) ||
            !number_parse(colon + 1, 0, 59, &minute)) {
                error_set(err, ERROR_USAGE, "'%s' is no time", text);
                error_about(err, "--until");
                return error_advise(err, "write 17:30, or 2026-12-31T17:30:00Z");
        }
        localtime_r(&now, &local);
        local.tm_hour = (int)hour;
        local.tm_min = (int)minute;
        local.tm_sec = 0;
        local.tm_isdst = -1;
        time_t then = mktime(&local);

        if (then <= now) {
                local.tm_mday++;
                local.tm_isdst = -1;
                then = mktime(&local);
        }
        *until = (int64_t)then;
        return true;
}

static bool
read_limits(const struct command *command, struct station_options *options, struct error *err)
{
        const char *quota = option_text(&command->options, OPTION_QUOTA);
        const char *until = option_text(&command->options, OPTION_UNTIL);
        int64_t number = 0;

        if (quota && !number_parse(quota, 1, INT32_MAX, &number)) {
                error_set(err, ERROR_USAGE, "'%s' is no number of certificates", quota);
                error_about(err, "--quota");
                return error_advise(err, "give a number from 1 on, such as --quota 250");
        }
        options->quota = (uint64_t)number;
        return !until || parse_until(until, &options->until, err);
}

static bool
read_hooks(const struct command *command, struct station_options *options, struct error *err)
{
        const struct pin_source *pin = command_pin(command);

        options->before = option_text(&command->options, OPTION_PRE_HOOK);
        options->after = option_text(&command->options, OPTION_POST_HOOK);
        options->hook_timeout_ms =
                option_span(&command->options, OPTION_HOOK_TIMEOUT, HOOK_TIMEOUT_MS);
        options->hide = pin && pin->kind == PIN_ENV ? pin->argument : NULL;
        return (!options->before || hook_check(options->before, err)) &&
               (!options->after || hook_check(options->after, err));
}

static bool
asks_for_pin(const struct pin_source *source)
{
        return !source || source->kind == PIN_NONE || source->kind == PIN_PROMPT;
}

/* There is no asking while the screen is drawn, and one PIN is meant for all tokens. */
static bool
ask_beforehand(struct shift *shift, bool births, struct error *err)
{
        const struct command *command = shift->command;
        pin_ask *ask = command_ask(command);
        const char *hook = option_text(&command->options, OPTION_PIN_HOOK);

        if (births && !hook && asks_for_pin(&shift->officer_source) &&
            !token_read_new_pin(command, NULL, "the security officer of blank tokens", NULL,
                                &shift->officer, err))
                return false;
        if (!asks_for_pin(command_pin(command)) || (births && hook))
                return true;
        if (!ask) {
                error_set(err, ERROR_PIN_MISSING,
                          "the tokens want a PIN and nobody may be asked "
                          "for it");
                return error_advise(err, "give --pin-source file:/PATH, env:NAME, fd:N or "
                                         "cmd:PROGRAM");
        }
        return ask(NULL, "the tokens of this station", &shift->pin, err);
}

static bool
answer_with_pin(void *context, const char *prompt, struct secret *pin, struct error *err)
{
        const struct shift *shift = context;

        if (shift->pin.data) {
                secret_copy(pin, &shift->pin);
                return true;
        }
        error_set(err, ERROR_PIN_MISSING, "the PIN of %s is not known", prompt);
        return error_advise(err, "give --pin-source; a command finds the token's serial number in "
                                 "P11CERT_TOKEN_SERIAL");
}

static bool
read_birth(struct shift *shift, struct birth_plan *plan, struct error *err)
{
        const struct command *command = shift->command;
        const char *label = command_need(command, OPTION_TOKEN_LABEL,
                                         "for example --token-label 'device-{token.serial}'", err);
        const char *source = option_text(&command->options, OPTION_SO_PIN_SOURCE);
        const struct pin_source *pin = command_pin(command);
        unsigned needs = 0;

        if (!label)
                return false;
        if (!fill_needs(label, &needs, err))
                return error_about(err, "--token-label");
        text_assign(&shift->token_label, label);
        plan->hook = option_text(&command->options, OPTION_PIN_HOOK);
        plan->hook_timeout_ms =
                option_span(&command->options, OPTION_HOOK_TIMEOUT, HOOK_TIMEOUT_MS);
        plan->timeout_ms = command_token_timeout_ms(command);
        plan->keep = true;
        if (plan->hook)
                return hook_check(plan->hook, err);
        if (source && !pin_source_parse(source, &shift->officer_source, err))
                return error_about(err, "--so-pin-source");
        if (source)
                plan->officer_source = &shift->officer_source;
        if (!asks_for_pin(pin))
                plan->user_source = pin;
        return true;
}

/* -- the run ---------------------------------------------------------------------------------- */

/* Loading a module may take its time, or for ever. */
struct load {
        char *path; /* NULL: the registry's */
        char *name; /* only this one of them, or NULL */
        struct modules *modules;
};

static bool
load_modules(void *context, struct error *err)
{
        struct load *load = context;

        load->modules = modules_open(load->path, load->name, NULL, err);
        return load->modules != NULL;
}

static bool
open_modules(const struct command *command, const char *filter, struct modules **modules,
             struct error *err)
{
        CLEANUP(uri_cleanup) struct uri *uri = filter ? uri_parse(filter, err) : NULL;
        const char *path = option_text(&command->options, OPTION_MODULE);

        if (filter && !uri)
                return error_about(err, "--token");
        struct load *load = memory_new(1, sizeof(*load));

        load->path = text_copy(path || !uri ? path : uri_module_path(uri));
        load->name = text_copy(uri && !load->path ? uri_module_name(uri) : NULL);
        bool good = drive_guarded(load_modules, load, command_token_timeout_ms(command), err);

        if (drive_hangs())
                return false;
        *modules = load->modules;
        free(load->path);
        free(load->name);
        free(load);
        return good;
}

struct round {
        struct shift *shift;
        struct station_options *options;
        struct station_result *result;
};

/* With what the conductor is to be called with; run_with() has made it. */
static bool
go(void *context, const struct drive_options *drive, struct error *err)
{
        struct round *round = context;
        struct shift *shift = round->shift;
        struct modules *modules = NULL;
        const struct station_user user = {
                .order = give_order,
                .give_back = give_back,
                .label = give_label,
                .accept = accept_order,
                .done = unit_done,
                .errand = next_errand,
                .errand_done = errand_done,
                .tell = tell_face,
                .draw = draw_face,
                .scan = read_scan,
                .context = shift,
        };

        shift->renewal.station = option_flag(&shift->command->options, OPTION_ALLOW_SELF_RENEW)
                                         ? drive->station
                                         : NULL;
        round->options->drive = *drive;
        round->options->drive.ask = answer_with_pin;
        round->options->drive.ask_context = shift;
        if (!open_modules(shift->command, round->options->filter, &modules, err))
                return false;
        round->options->signals = interrupt_flag();
        shift->face = face_new(shift->command);
        bool good = station_run(round->options, &user, modules, round->result, err);

        face_free(MOVE(shift->face));
        return good;
}

/* `trial` has the wishes that say where AWS is. */
static bool
run_station(struct shift *shift, struct run *run, struct station_options *options,
            const struct order *trial, struct station_result *result, struct error *err)
{
        const char *const cas[] = { trial->wishes.ca_arn };
        const char *const templates[] = { trial->wishes.template_arn };
        struct narrow_to to = { cas, 1, templates, 1 };
        struct round round = { shift, options, result };
        const struct drive_options more = { 0 };
        CLEANUP(wishes_clear) struct wishes wishes = { 0 };

        wish_adopt_endpoint(&shift->command->options, &wishes);
        shift->renewal.run = run;
        shift->renewal.endpoint = wishes.endpoint;
        if (shift->rows)
                station_rows_targets(shift->rows, &to);
        self_renew(run);
        interrupt_catch();
        bool good = run_with(run, &to, &wishes, true, &more, go, &round, err);

        interrupt_release();
        return good;
}

static bool
verdict(struct command *command, const struct station_result *result, struct error *err)
{
        buf_format(&command->text, "%llu good, %llu failed, %llu done before\n",
                   (unsigned long long)result->good, (unsigned long long)result->failed,
                   (unsigned long long)result->again);
        command->streaming = command->streaming || command->output != OUTPUT_TEXT;
        if (result->interrupted) {
                error_set(err, ERROR_INTERRUPTED, "%llu unit(s) left half-way",
                          (unsigned long long)result->interrupted);
                return error_advise(err, "nothing is lost: they go on when they are inserted "
                                         "again, or with p11cert resume");
        }
        if (result->failed == 1 && !result->good) {
                *err = result->last_error;
                return false;
        }
        if (result->failed) {
                error_set(err, ERROR_BATCH_PARTIAL, "%llu of %llu attempts failed",
                          (unsigned long long)result->failed,
                          (unsigned long long)(result->failed + result->good));
                return error_advise(err, "insert those tokens again, or see `p11cert list`");
        }
        if (result->good)
                return true;
        return error_set(err, ERROR_NOTHING, "%s",
                         result->again ? "every token was done before" : "no token came");
}

static bool
begin(struct shift *shift, struct station_options *options, struct birth_plan *plan,
      struct order *trial, struct error *err)
{
        struct command *command = shift->command;

        options->once = option_flag(&command->options, OPTION_ONCE);
        options->scans = option_flag(&command->options, OPTION_SCAN);
        options->retry_failed = option_flag(&command->options, OPTION_RETRY_FAILED);
        if (!read_limits(command, options, err) || !read_hooks(command, options, err) ||
            !read_wishes(shift, trial, err))
                return false;
        if (option_flag(&command->options, OPTION_INIT)) {
                if (!read_birth(shift, plan, err))
                        return false;
                options->birth = plan;
        }
        return true;
}

bool
cmd_station(struct command *command, struct error *err)
{
        CLEANUP(shift_clear) struct shift shift = { .command = command };
        CLEANUP(ledger_cleanup) struct ledger *ledger = NULL;
        CLEANUP(run_cleanup) struct run run = { 0 };
        CLEANUP(order_cleanup) struct order *trial = order_new();
        CLEANUP(free_cleanup)
        char *filter = text_copy(option_text(&command->options, OPTION_TOKEN));
        CLEANUP(free_cleanup) char *guard = command_guard_folder(command);
        struct birth_plan plan = { .guard_folder = guard };
        struct station_options options = { .filter = filter };
        struct station_result result = { 0 };

        if (!begin(&shift, &options, &plan, trial, err))
                return false;
        if (command->dry_run) {
                command_say(command, "dry run: the options%s are complete; no token was looked at",
                            shift.rows ? " and the manifest" : "");
                return true;
        }
        ledger = command_ledger(command, err);
        if (!ledger || !run_open(&run, command, ledger, err) ||
            !ask_beforehand(&shift, options.birth != NULL, err))
                return false;
        plan.officer = shift.officer.data ? &shift.officer : NULL;
        plan.user = shift.pin.data ? &shift.pin : NULL;
        shift.ledger = ledger;
        return run_station(&shift, &run, &options, trial, &result, err) &&
               verdict(command, &result, err);
}
