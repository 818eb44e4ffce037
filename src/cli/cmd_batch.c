/*
 * batch: many orders, a row of a manifest each.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "aws/endpoint.h"
#include "base/clock.h"
#include "cli/batch_rows.h"
#include "cli/interrupt.h"
#include "cli/rate.h"
#include "cli/run.h"
#include "cli/self_renew.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "cli/wish.h"

enum {
        GRACE_MS = 20 * 1000,
        OUTAGE_MS = 30 * 60 * 1000,
        MOST_SESSIONS = 64,
        CA_LIFETIME = 1000000, /* certificates that a CA may issue (AWS Private CA, Quotas) */
};

/* -- options -------------------------------------------------------------------------------------
 */

static bool
read_number(const struct command *command, enum option_id id, int64_t most, int64_t *out,
            struct error *err)
{
        const char *text = option_text(&command->options, id);

        if (!text || number_parse(text, 1, most, out))
                return true;
        error_set(err, ERROR_USAGE, "--%s is a number from 1 to %lld, not '%s'",
                  option_row(id)->name, (long long)most, text);
        return error_advise(err, "leave it out, or write --%s 4", option_row(id)->name);
}

/* What the command line says of how fast and how far. */
struct bounds {
        double rate; /* of struct drive_options */
        int64_t sessions;
        int64_t limit; /* 0: none */
};

static bool
read_bounds(const struct command *command, struct bounds *bounds, struct error *err)
{
        const char *rate = option_text(&command->options, OPTION_RATE);

        *bounds = (struct bounds){ .sessions = 1 };
        return (!rate || rate_parse(rate, &bounds->rate, err)) &&
               read_number(command, OPTION_SESSIONS, MOST_SESSIONS, &bounds->sessions, err) &&
               read_number(command, OPTION_LIMIT, INT32_MAX, &bounds->limit, err);
}

static bool
choose_name(const struct roster *roster, const char *name, bool *only, struct error *err)
{
        ptrdiff_t row = roster_find(roster, name);
        const char *nearest;

        if (row >= 0) {
                only[row] = true;
                return true;
        }
        nearest = roster_nearest(roster, name);
        error_set(err, ERROR_USAGE, "the manifest has no row '%s'", name);
        error_about(err, "--only");
        if (nearest)
                error_advise(err, "did you mean '%s'?", nearest);
        return error_advise(err, "name rows by what stands in the column 'name'");
}

/* --only NAME…: repeated, with commas between, or as further arguments. */
static bool
choose_rows(const struct command *command, const struct roster *roster, bool **only,
            struct error *err)
{
        const struct option_value *value = option_value(&command->options, OPTION_ONLY);

        if (!value->count && command->argument_count < 2)
                return true;
        if (!value->count) {
                error_set(err, ERROR_USAGE, "'%s' is one argument too much", command->arguments[1]);
                return error_advise(err, "rows are named with --only NAME");
        }
        *only = memory_new(roster_count(roster), sizeof(bool));
        for (size_t i = 0; i < value->count; i++) {
                for (const char *at = value->texts[i]; *at;) {
                        size_t length = strcspn(at, ",");
                        CLEANUP(free_cleanup) char *name = text_copy_length(at, length);

                        if (!choose_name(roster, name, *only, err))
                                return false;
                        at += length + (at[length] == ',');
                }
        }
        for (size_t i = 1; i < command->argument_count; i++) {
                if (!choose_name(roster, command->arguments[i], *only, err))
                        return false;
        }
        return true;
}

/* -- the plan
 * -------------------------------------------------------------------------------------- */

struct outlook {
        size_t counts[STANDING_FAILED_ISSUED + 1];
        size_t rows;     /* that are meant */
        size_t tokens;   /* of these */
        size_t to_begin; /* without an order, or whose order is followed by another one */
        size_t to_send;  /* with an open order that the CA has not heard of */
        size_t to_issue; /* in one run, as far as --limit lets it */
        double rate;     /* 0: no limit */
};

/* What is open goes first. */
static size_t
issued_within(const struct outlook *outlook, size_t limit)
{
        size_t open = outlook->counts[STANDING_OPEN];

        if (!limit)
                return outlook->to_send + outlook->to_begin;
        if (open >= limit)
                return outlook->to_send < limit ? outlook->to_send : limit;
        limit -= open;
        return outlook->to_send + (outlook->to_begin < limit ? outlook->to_begin : limit);
}

static bool
look_ahead(const struct command *command, const struct roster *roster, struct ledger *ledger,
           const bool *only, struct outlook *outlook, struct error *err)
{
        bool retry = option_flag(&command->options, OPTION_RETRY_FAILED);
        CLEANUP(free_cleanup) bool *seen = memory_new(roster_tokens(roster), sizeof(bool));

        for (size_t i = 0; i < roster_count(roster); i++) {
                struct error trouble = { 0 };
                CLEANUP(order_cleanup) struct order *order = NULL;

                if (only && !only[i])
                        continue;
                if (ledger)
                        order = ledger_named(ledger, roster_name(roster, i), &trouble);
                if (trouble.kind != ERROR_NONE) {
                        *err = trouble;
                        return false;
                }
                enum row_standing standing = row_standing_of(order);

                outlook->counts[standing]++;
                outlook->rows++;
                outlook->tokens += !seen[roster_token_of(roster, i)];
                seen[roster_token_of(roster, i)] = true;
                outlook->to_begin +=
                        standing == STANDING_NEW || (standing == STANDING_FAILED && retry);
                outlook->to_send += standing == STANDING_OPEN && order->state < ORDER_SUBMITTED;
        }
        return true;
}

static void
show_outlook(struct command *command, const struct outlook *outlook)
{
        struct buf *text = &command->text;
        double seconds = outlook->rate > 0 ? (double)outlook->to_issue / outlook->rate : 0;
        double share = (double)outlook->to_issue / CA_LIFETIME;
        size_t done = outlook->counts[STANDING_DONE];
        size_t open = outlook->counts[STANDING_OPEN] + outlook->counts[STANDING_HELD];
        size_t failed = outlook->counts[STANDING_FAILED] + outlook->counts[STANDING_FAILED_ISSUED];
        char end[CLOCK_TEXT];
        CLEANUP(buf_cleanup) struct buf span = { 0 };
        cJSON *json = command->answer = cJSON_CreateObject();

        bar_add_span(&span, (int64_t)(seconds + 0.999));
        clock_format(clock_now() + (int64_t)(seconds + 0.999), end);
        show_fact_format(text, "rows", "%zu, for %zu token%s", outlook->rows, outlook->tokens,
                         outlook->tokens == 1 ? "" : "s");
        show_fact_format(text, "delivered", "%zu before", done);
        show_fact_format(text, "open", "%zu", open);
        show_fact_format(text, "failed", "%zu before", failed);
        show_fact_format(text, "to issue", "%zu", outlook->to_issue);
        if (outlook->rate > 0) {
                show_fact_format(text, "rate", "%g certificates a second", outlook->rate);
                show_fact_format(text, "time", "%s at least, until %s", buf_text(&span), end);
        } else {
                show_fact(text, "rate", "no limit; as fast as token and CA are");
        }
        show_fact_format(text, "share",
                         "%.4g %% of the %d certificates that a CA may issue in its "
                         "lifetime",
                         share * 100, CA_LIFETIME);
        cJSON_AddNumberToObject(json, "rows", (double)outlook->rows);
        cJSON_AddNumberToObject(json, "tokens", (double)outlook->tokens);
        cJSON_AddNumberToObject(json, "delivered", (double)done);
        cJSON_AddNumberToObject(json, "open", (double)open);
        cJSON_AddNumberToObject(json, "failed", (double)failed);
        cJSON_AddNumberToObject(json, "to_issue", (double)outlook->to_issue);
        if (outlook->rate > 0) {
                cJSON_AddNumberToObject(json, "rate", outlook->rate);
                cJSON_AddNumberToObject(json, "seconds", seconds);
                cJSON_AddStringToObject(json, "finish", end);
        } else {
                cJSON_AddNullToObject(json, "rate");
                cJSON_AddNullToObject(json, "seconds");
                cJSON_AddNullToObject(json, "finish");
        }
        cJSON_AddNumberToObject(json, "ca_lifetime", CA_LIFETIME);
        cJSON_AddNumberToObject(json, "ca_share", share);
}

/* What AWS's quota allows, unless the CA is on this machine. */
static double
rate_ahead(const struct command *command, double rate)
{
        struct error ignored = { 0 };
        CLEANUP(aws_settings_cleanup)
        struct aws_settings *aws = command_aws(command, NULL, NULL, &ignored);

        if (rate > 0)
                return rate;
        return rate < 0 || command_ca_is_local(aws) ? 0 : RATE_OF_QUOTA;
}

static bool
show_plan(struct command *command, const struct roster *roster, const bool *only,
          const struct bounds *bounds, struct error *err)
{
        struct error none = { 0 };
        struct outlook outlook = { .rate = rate_ahead(command, bounds->rate) };
        CLEANUP(ledger_cleanup) struct ledger *ledger = ledger_open_read(command->state, &none);

        if (!ledger && none.kind != ERROR_NOTHING) {
                *err = none;
                return false;
        }
        if (!look_ahead(command, roster, ledger, only, &outlook, err))
                return false;
        outlook.to_issue = issued_within(&outlook, (size_t)bounds->limit);
        show_outlook(command, &outlook);
        return true;
}

/* -- the answer
 * ------------------------------------------------------------------------------------ */

static void
add_summary(struct command *command, const struct batch_rows *rows, int64_t took_ms)
{
        double seconds = (double)took_ms / 1000;
        double rate = took_ms > 0 ? (double)rows->counts[ROW_DELIVERED] / seconds : 0;
        struct buf *text = &command->text;
        cJSON *json = cJSON_CreateObject();

        size_t left = rows->chosen - batch_rows_settled(rows);

        cJSON_AddNumberToObject(json, "rows", (double)rows->chosen);
        buf_format(text, "%zu rows:", rows->chosen);
        for (size_t i = 0; i < ROW_RESULTS; i++) {
                CLEANUP(free_cleanup) char *name = text_copy(row_result_name((enum row_result)i));

                for (char *c = name; *c; c++)
                        *c = *c == '-' ? '_' : *c;
                cJSON_AddNumberToObject(json, name, (double)rows->counts[i]);
                if (rows->counts[i] || i == ROW_DELIVERED)
                        buf_format(text, "%s %zu %s", i ? "," : "", rows->counts[i],
                                   i == ROW_SKIPPED ? "delivered before"
                                                    : row_result_name((enum row_result)i));
        }
        cJSON_AddNumberToObject(json, "left", (double)left);
        if (left)
                buf_format(text, ", %zu left for another run", left);
        buf_add_text(text, "; ");
        bar_add_span(text, (int64_t)(seconds + 0.5));
        if (rows->counts[ROW_DELIVERED])
                buf_format(text, ", %.1f a second", rate);
        buf_add_text(text, "\n");
        cJSON_AddNumberToObject(json, "seconds", seconds);
        cJSON_AddNumberToObject(json, "rate", rate);
        command_answer_summary(command, json);
}

static bool
verdict(const struct batch_rows *rows, struct error *err)
{
        size_t bad =
                rows->counts[ROW_FAILED] + rows->counts[ROW_PENDING] + rows->counts[ROW_NOT_BEGUN];

        if (bad) {
                error_set(err, ERROR_BATCH_PARTIAL,
                          "%zu of the %zu rows of this run were not delivered; the first: %s", bad,
                          batch_rows_settled(rows) - rows->counts[ROW_SKIPPED], rows->first.what);
                error_about(err, "%s", rows->first.about);
                if (rows->first.next[0])
                        error_advise(err,
                                     "%s%s then repeat the command: what is delivered is not "
                                     "issued again",
                                     rows->first.next, strchr(rows->first.next, '\n') ? "\n" : ";");
                return error_advise(err,
                                    "repeat the command: what is delivered is not issued again");
        }
        if (*interrupt_flag()) {
                error_set(err, ERROR_INTERRUPTED, "interrupted");
                return error_advise(err, "nothing is lost; repeat the command to go on");
        }
        if (rows->counts[ROW_DELIVERED] || !rows->chosen)
                return true;
        return error_set(err, ERROR_NOTHING,
                         "there is nothing to do: every row was delivered before");
}

/* -- the run
 * --------------------------------------------------------------------------------------- */

/* The manifest's orders go where the command line says, whatever an order recorded. */
static bool
move(struct batch_rows *rows, struct run *run, const struct bounds *bounds, struct error *err)
{
        const struct options *options = &rows->command->options;
        const struct drive_options more = {
                .rate = bounds->rate,
                .sessions = (unsigned)bounds->sessions,
                .outage_ms = option_span(options, OPTION_OUTAGE_WAIT, OUTAGE_MS),
                .grace_ms = GRACE_MS,
                .event = batch_rows_event,
                .context = rows,
        };
        const struct drive_source source = {
                .next = batch_rows_next,
                .done = batch_rows_done,
                .turn = batch_rows_turn,
                .context = rows,
        };
        CLEANUP(wishes_clear) struct wishes wishes = { 0 };
        struct narrow_to to;

        wish_adopt_endpoint(options, &wishes);
        roster_targets(rows->roster, &to);
        interrupt_catch();
        bool good = run_drive(run, &to, &wishes, true, &more, &source, err);

        interrupt_release();
        return good;
}

static bool
run_rows(struct batch_rows *rows, struct run *run, const struct bounds *bounds, struct error *err)
{
        int64_t started = clock_boot_ms();

        self_renew(run);
        bar_start(&rows->bar, rows->command, rows->chosen);
        bool good = move(rows, run, bounds, err);

        bar_hide(&rows->bar);
        if (good)
                batch_rows_report_left(rows);
        add_summary(rows->command, rows, clock_boot_ms() - started);
        return good && verdict(rows, err);
}

/* The report replaces the file that it is written to: that must not be the manifest. */
static bool
check_report(const struct command *command, const char *path, struct error *err)
{
        struct stat manifest, report;

        if (!path || stat(command->arguments[0], &manifest) != 0 || stat(path, &report) != 0 ||
            !S_ISREG(report.st_mode) || manifest.st_dev != report.st_dev ||
            manifest.st_ino != report.st_ino)
                return true;
        error_set(err, ERROR_USAGE, "--report names the manifest itself: '%s'", path);
        return error_advise(err, "give the report a file of its own");
}

static bool
open_and_run(struct command *command, struct roster *roster, const bool *only,
             const struct bounds *bounds, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = NULL;
        CLEANUP(run_cleanup) struct run run = { 0 };
        const char *path = option_text(&command->options, OPTION_REPORT);
        struct batch_rows rows = {
                .command = command,
                .roster = roster,
                .resume = option_flag(&command->options, OPTION_RESUME),
                .retry_failed = option_flag(&command->options, OPTION_RETRY_FAILED),
                .limit = (size_t)bounds->limit,
        };
        struct error trouble = { 0 };

        ledger = command_ledger(command, err);
        if (!ledger || !run_open(&run, command, ledger, err))
                return false;
        rows.ledger = ledger;
        if (path && !(rows.report = row_report_open(path, err)))
                return false;
        bool good = batch_rows_open(&rows, only, err) && run_rows(&rows, &run, bounds, err);

        batch_rows_close(&rows);
        if (row_report_close(rows.report, &trouble) || !good)
                return good;
        *err = trouble;
        return false;
}

bool
cmd_batch(struct command *command, struct error *err)
{
        CLEANUP(roster_cleanup) struct roster *roster = NULL;
        CLEANUP(free_cleanup) bool *only = NULL;
        struct bounds bounds;

        if (!read_bounds(command, &bounds, err))
                return false;
        if (!check_report(command, option_text(&command->options, OPTION_REPORT), err))
                return false;
        roster = roster_open(command, command->arguments[0], false, err);
        if (!roster || !choose_rows(command, roster, &only, err))
                return false;
        if (command->dry_run || option_flag(&command->options, OPTION_PLAN))
                return show_plan(command, roster, only, &bounds, err);
        return open_and_run(command, roster, only, &bounds, err);
}
