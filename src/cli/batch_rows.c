#include "cli/batch_rows.h"

#include <stdlib.h>
#include <string.h>

#include "cli/interrupt.h"
#include "cli/run.h"
#include "cli/show.h"
#include "cli/wish.h"

enum { NO_ROW = UINT32_MAX };

/* The rows of one token that are still to come. */
struct token_rows {
        uint32_t first;
        uint32_t last;
        size_t in_flight;
        char *module; /* of the orders in flight, to end the lane by */
        struct error blocked;
};

enum row_standing
row_standing_of(const struct order *order)
{
        if (!order)
                return STANDING_NEW;
        if (order_state_is_open(order->state))
                return order->held ? STANDING_HELD : STANDING_OPEN;
        if (order->state != ORDER_FAILED)
                return STANDING_DONE;
        return order->certificate_arn || order->certificate.len || order->maybe_duplicate
                       ? STANDING_FAILED_ISSUED
                       : STANDING_FAILED;
}

enum row_scope
row_scope_of(enum error_kind kind)
{
        switch (kind) {
        case ERROR_TOKEN_ABSENT:
        case ERROR_TOKEN_REMOVED:
        case ERROR_TOKEN_SWAPPED:
        case ERROR_TOKEN_HANGS:
        case ERROR_TOKEN_AMBIGUOUS:
        case ERROR_TOKEN_FULL:
        case ERROR_TOKEN_READ_ONLY:
        case ERROR_MODULE:
        case ERROR_PIN_WRONG:
        case ERROR_PIN_REFUSED:
        case ERROR_PIN_MISSING:
        case ERROR_PIN_LOCKED:
        case ERROR_PIN_LAST_TRY:
                return SCOPE_TOKEN;
        case ERROR_CA_STATE:
        case ERROR_CA_EXPIRED:
        case ERROR_CA_UNKNOWN:
        case ERROR_CA_QUOTA:
        case ERROR_CREDENTIALS_MISSING:
        case ERROR_CREDENTIALS_EXPIRED:
        case ERROR_CREDENTIALS_REFUSED:
        case ERROR_DENIED:
        case ERROR_CLOCK:
        case ERROR_ROOT_CHANGED:
        case ERROR_NETWORK:
        case ERROR_TLS:
        case ERROR_THROTTLED:
        case ERROR_AWS_UNAVAILABLE:
        case ERROR_DISK_FULL:
                return SCOPE_ALL;
        default:
                return SCOPE_ROW;
        }
}

/* -- lining up ----------------------------------------------------------------------------------
 */

/* Names that the ledger has open, as flags of their rows. */
struct open_rows {
        const struct roster *roster;
        bool *flags;
};

static bool
note_open(void *context, const struct order *order)
{
        struct open_rows *open = context;
        ptrdiff_t row = roster_find(open->roster, order->wishes.name);

        if (row >= 0)
                open->flags[row] = true;
        return true;
}

static void
line_up(struct batch_rows *rows, size_t row)
{
        struct token_rows *token = &rows->tokens[roster_token_of(rows->roster, row)];

        rows->next[row] = NO_ROW;
        if (token->first == NO_ROW)
                token->first = (uint32_t)row;
        else
                rows->next[token->last] = (uint32_t)row;
        token->last = (uint32_t)row;
        rows->chosen++;
}

bool
batch_rows_open(struct batch_rows *rows, const bool *only, struct error *err)
{
        static const struct ledger_filter filter = { .only_open = true };
        size_t count = roster_count(rows->roster);
        struct open_rows open = { rows->roster, memory_new(count, sizeof(bool)) };
        bool good = ledger_each(rows->ledger, &filter, note_open, &open, err);

        rows->next = memory_new(count, sizeof(*rows->next));
        rows->token_count = roster_tokens(rows->roster);
        rows->tokens = memory_new(rows->token_count, sizeof(*rows->tokens));
        for (size_t i = 0; i < rows->token_count; i++)
                rows->tokens[i].first = NO_ROW;
        for (int pass = 0; good && pass < 2; pass++) {
                for (size_t i = 0; i < count; i++) {
                        if (open.flags[i] == (pass == 0) && (!only || only[i]))
                                line_up(rows, i);
                }
        }
        free(open.flags);
        return good;
}

void
batch_rows_close(struct batch_rows *rows)
{
        for (size_t i = 0; i < rows->token_count; i++)
                free(rows->tokens[i].module);
        free(rows->tokens);
        free(rows->next);
        rows->tokens = NULL;
        rows->next = NULL;
        rows->token_count = 0;
}

/* -- what became of a row ------------------------------------------------------------------------
 */

static void
settle_row(struct batch_rows *rows, size_t row, enum row_result result, const struct order *order,
           const struct error *error)
{
        const struct manifest_place *place = roster_place(rows->roster, row);
        const struct row_line line = { .row = place->number,
                                       .line = place->line,
                                       .name = roster_name(rows->roster, row),
                                       .result = result,
                                       .order = order,
                                       .error = error };
        bool bad = result == ROW_FAILED || result == ROW_PENDING || result == ROW_NOT_BEGUN;

        rows->counts[result]++;
        if (rows->limit && rows->bar.total > rows->passed + rows->limit)
                rows->bar.total = rows->passed + rows->limit;
        row_report_add(rows->report, &line);
        if (order && rows->command->output != OUTPUT_TEXT)
                command_stream_order(rows->command, order, show_order_line);
        if (bad && error && rows->first.kind == ERROR_NONE)
                rows->first = *error;
        rows->bar.done += result != ROW_INTERRUPTED;
        rows->bar.failed += bad;
        /* What kept a token's rows back is said once. */
        if (!bad || result == ROW_NOT_BEGUN || !error)
                return;
        bar_hide(&rows->bar);
        command_say(rows->command, "%-9s line %lld, %s: %s", row_result_name(result),
                    (long long)place->line, line.name, error->what);
}

/* -- the next row ---------------------------------------------------------------------------------
 */

/* Its order stands in the ledger, and has to be what the row asks for. */
static bool
check_open(struct batch_rows *rows, size_t row, struct order *order, struct error *err)
{
        const struct options *options = &rows->command->options;
        CLEANUP(order_cleanup) struct order *asked = NULL;
        CLEANUP(free_cleanup) char *difference = NULL;

        if (!wish_check_recorded(options, option_flag(options, OPTION_OVERRIDE), &order->wishes,
                                 err))
                return false;
        if (rows->resume)
                return true;
        asked = roster_order(rows->roster, row, order, err);
        if (!asked)
                return false;
        if (wishes_equal(&order->wishes, &asked->wishes, &difference))
                return true;
        error_set(err, ERROR_ORDER_DIFFERS,
                  "an open order of that name asks for something else: %s", difference);
        return error_advise(err, "--resume goes on with it as it was recorded; else take another "
                                 "name");
}

static bool
refuse_row(enum row_standing standing, const struct order *order, struct error *err)
{
        if (standing == STANDING_HELD) {
                error_set(err, ERROR_HELD, "the order of that name is held");
                return error_advise(err, "p11cert submit %s sends it",
                                    order_call(order->wishes.name).text);
        }
        error_set(err, ERROR_ORDER_FAILED, "it failed before: %s",
                  order->error.what[0] ? order->error.what : "see p11cert show");
        if (standing == STANDING_FAILED)
                return error_advise(err, "--retry-failed makes a new order of it");
        return error_advise(
                err,
                "the CA issued a certificate, or may have: look at `p11cert show %lld`, "
                "revoke it where it is of no use, and order the next one under another "
                "name",
                (long long)order->number);
}

static struct order *
new_order(struct batch_rows *rows, size_t row, struct error *err)
{
        CLEANUP(order_cleanup) struct order *order = roster_order(rows->roster, row, NULL, err);
        CLEANUP(buf_cleanup) struct buf used = { 0 };

        if (!order || !wish_default(&order->wishes, rows->command->state, &used, err))
                return NULL;
        return MOVE(order);
}

static void
skip_row(struct batch_rows *rows, size_t row, struct order *order)
{
        order->error = (struct error){ 0 };
        rows->passed++;
        settle_row(rows, row, ROW_SKIPPED, order, NULL);
}

/* The row's order to be moved; NULL when there is none: then it is known what became of the row. */
static struct order *
take_row(struct batch_rows *rows, size_t row)
{
        struct error err = { 0 };
        CLEANUP(order_cleanup)
        struct order *order = ledger_named(rows->ledger, roster_name(rows->roster, row), &err);
        enum row_standing standing = row_standing_of(order);
        bool again = standing == STANDING_FAILED && rows->retry_failed;

        if (err.kind == ERROR_NONE && standing == STANDING_OPEN &&
            check_open(rows, row, order, &err))
                return MOVE(order);
        if (err.kind == ERROR_NONE && (standing == STANDING_NEW || again)) {
                struct order *fresh = new_order(rows, row, &err);

                if (fresh)
                        return fresh;
        }
        if (err.kind == ERROR_NONE && standing == STANDING_DONE) {
                skip_row(rows, row, order);
                return NULL;
        }
        if (err.kind == ERROR_NONE)
                refuse_row(standing, order, &err);
        rows->passed++;
        settle_row(rows, row, ROW_FAILED, order, &err);
        return NULL;
}

static bool
has_rows(const struct batch_rows *rows, size_t token)
{
        return rows->tokens[token].first != NO_ROW &&
               rows->tokens[token].blocked.kind == ERROR_NONE;
}

/* Tokens take turns; not more of them at once than can be looked after. */
static void
fill_active(struct batch_rows *rows)
{
        size_t kept = 0;

        for (size_t i = 0; i < rows->active_count; i++) {
                size_t token = rows->active[i];

                if (has_rows(rows, token) || rows->tokens[token].in_flight)
                        rows->active[kept++] = token;
        }
        rows->active_count = kept;
        while (rows->active_count < ARRAY_LENGTH(rows->active) &&
               rows->started < rows->token_count) {
                if (has_rows(rows, rows->started))
                        rows->active[rows->active_count++] = rows->started;
                rows->started++;
        }
}

static size_t
room_of(const struct batch_rows *rows, struct conductor *conductor, size_t token)
{
        const char *given = option_text(&rows->command->options, OPTION_MODULE);

        if (rows->tokens[token].module)
                given = rows->tokens[token].module;
        return drive_room(conductor, given, roster_token_uri(rows->roster, token));
}

/* One row of this token: false when it did not become an order. */
static bool
try_token(struct batch_rows *rows, size_t token_index, struct order **order)
{
        struct token_rows *token = &rows->tokens[token_index];
        size_t row = token->first;

        token->first = rows->next[row];
        *order = take_row(rows, row);
        if (!*order)
                return false;
        token->in_flight++;
        rows->moved++;
        text_assign(&token->module, (*order)->wishes.module);
        return true;
}

/* Does --limit let another row be moved? */
static bool
may_move(const struct batch_rows *rows)
{
        return !rows->limit || rows->moved < rows->limit;
}

enum drive_supply
batch_rows_next(void *context, struct conductor *conductor, struct order **order)
{
        struct batch_rows *rows = context;
        bool more = false;

        if (!may_move(rows) || rows->blocked.kind != ERROR_NONE)
                return SUPPLY_END;
        fill_active(rows);
        for (size_t tries = 0; tries < rows->active_count; tries++) {
                size_t token = rows->active[rows->turn++ % rows->active_count];

                more = more || has_rows(rows, token);
                /* What is skipped takes no room. */
                while (has_rows(rows, token) && room_of(rows, conductor, token) > 0) {
                        if (try_token(rows, token, order))
                                return SUPPLY_ORDER;
                        bar_draw(&rows->bar, NULL);
                        if (*interrupt_flag())
                                return SUPPLY_END;
                }
                more = more || has_rows(rows, token);
        }
        fill_active(rows);
        for (size_t i = 0; i < rows->active_count; i++)
                more = more || has_rows(rows, rows->active[i]);
        return more ? SUPPLY_LATER : SUPPLY_END;
}

/* -- orders that come back -----------------------------------------------------------------------
 */

static enum row_result
result_of(const struct order *order, struct error *why)
{
        if (run_verdict(order, why))
                return ROW_DELIVERED;
        if (why->kind == ERROR_INTERRUPTED)
                return ROW_INTERRUPTED;
        return why->kind == ERROR_PENDING ? ROW_PENDING : ROW_FAILED;
}

static void
block(struct batch_rows *rows, struct token_rows *token, const struct error *why)
{
        enum row_scope scope = row_scope_of(why->kind);

        if (scope == SCOPE_TOKEN && token->blocked.kind == ERROR_NONE)
                token->blocked = *why;
        if (scope == SCOPE_ALL && rows->blocked.kind == ERROR_NONE)
                rows->blocked = *why;
}

void
batch_rows_done(void *context, struct conductor *conductor, struct order *given)
{
        struct batch_rows *rows = context;
        CLEANUP(order_cleanup) struct order *order = given;
        struct error why = { 0 };
        ptrdiff_t row = roster_find(rows->roster, order->wishes.name);
        enum row_result result = result_of(order, &why);

        (void)conductor;
        assert(row >= 0);
        struct token_rows *token = &rows->tokens[roster_token_of(rows->roster, (size_t)row)];

        token->in_flight--;
        if (result == ROW_FAILED)
                block(rows, token, &why);
        settle_row(rows, (size_t)row, result, order, result == ROW_DELIVERED ? NULL : &why);
}

void
batch_rows_turn(void *context, struct conductor *conductor)
{
        struct batch_rows *rows = context;
        struct drive_standing standing;

        for (size_t i = 0; i < rows->active_count; i++) {
                size_t token = rows->active[i];

                /* With few tokens their sessions stay: another run of rows may come. */
                if (rows->token_count > ARRAY_LENGTH(rows->active) && !has_rows(rows, token) &&
                    !rows->tokens[token].in_flight)
                        drive_leave_token(conductor, rows->tokens[token].module,
                                          roster_token_uri(rows->roster, token));
        }
        drive_standing(conductor, &standing);
        bar_draw(&rows->bar, &standing);
}

void
batch_rows_event(void *context, enum drive_event event, const struct order *order, const char *text)
{
        struct batch_rows *rows = context;
        const char *kind = event == EVENT_NOTE      ? "note"
                           : event == EVENT_WAITING ? "waiting"
                           : event == EVENT_AGAIN   ? "again"
                           : event == EVENT_ROOT    ? "root"
                                                    : NULL;

        /* An order's own waiting is what the bar shows. */
        if (!kind || !text || (event == EVENT_WAITING && order))
                return;
        bar_hide(&rows->bar);
        if (event == EVENT_ROOT)
                command_say(rows->command, "root      pinned at first use for CA %s", text);
        else
                command_say(rows->command, "%-9s %s%s%s", kind, order ? order->wishes.name : "",
                            order ? ": " : "", text);
}

/* A row whose turn did not come; it would have been moved unless it was delivered before. */
static void
leave_row(struct batch_rows *rows, size_t row, const struct error *why)
{
        struct error trouble = { 0 };
        CLEANUP(order_cleanup)
        struct order *order = ledger_named(rows->ledger, roster_name(rows->roster, row), &trouble);

        if (row_standing_of(order) == STANDING_DONE) {
                skip_row(rows, row, order);
                return;
        }
        rows->moved++;
        settle_row(rows, row, ROW_NOT_BEGUN, NULL, why);
}

void
batch_rows_report_left(struct batch_rows *rows)
{
        for (size_t i = 0; i < rows->token_count; i++) {
                struct token_rows *token = &rows->tokens[i];
                const struct error *why =
                        token->blocked.kind != ERROR_NONE ? &token->blocked : &rows->blocked;
                size_t before = rows->counts[ROW_NOT_BEGUN];

                while (why->kind != ERROR_NONE && token->first != NO_ROW && may_move(rows)) {
                        leave_row(rows, token->first, why);
                        token->first = rows->next[token->first];
                }
                if (rows->counts[ROW_NOT_BEGUN] == before)
                        continue;
                bar_hide(&rows->bar);
                command_say(rows->command, "not begun %zu rows of %s: %s",
                            rows->counts[ROW_NOT_BEGUN] - before, roster_token_uri(rows->roster, i),
                            why->what);
        }
}

size_t
batch_rows_settled(const struct batch_rows *rows)
{
        size_t settled = 0;

        for (size_t i = 0; i < ROW_RESULTS; i++)
                settled += rows->counts[i];
        return settled;
}
