/*
 * check: what is due or stands still, for a monitoring system (the Nagios plugin interface: one
 * line, performance data behind '|', more lines, exit status 0 to 3).
 */
#include <string.h>

#include "base/clock.h"
#include "cli/show.h"
#include "cli/tracking.h"
#include "cli/verbs.h"

enum { CRITICAL_DAYS = 7, DAY_S = 24 * 60 * 60, NAMES = 5 };

enum verdict { VERDICT_OK, VERDICT_WARNING, VERDICT_CRITICAL, VERDICT_UNKNOWN };

static const char *const verdict_names[] = {
        [VERDICT_OK] = "ok",
        [VERDICT_WARNING] = "warning",
        [VERDICT_CRITICAL] = "critical",
        [VERDICT_UNKNOWN] = "unknown",
};

/* One reason for a verdict: how many, and the first of their names. */
struct finding {
        size_t count;
        struct buf names;
};

struct check {
        struct command *command;
        int64_t now;
        int64_t critical_s;
        struct finding expired, soon, due, stopped;
        int64_t first_end;
        struct buf lines;
};

static void
finding_add(struct finding *finding, const struct order *order)
{
        if (finding->count < NAMES)
                buf_format(&finding->names, "%s%s", finding->count ? ", " : "", order->wishes.name);
        else if (finding->count == NAMES)
                buf_add_text(&finding->names, ", …");
        finding->count++;
}

static bool
note_due(void *context, const struct order *order)
{
        struct check *check = context;
        int64_t left_s = order->not_after - check->now;

        finding_add(left_s <= 0                  ? &check->expired
                    : left_s < check->critical_s ? &check->soon
                                                 : &check->due,
                    order);
        if (!check->first_end || order->not_after < check->first_end)
                check->first_end = order->not_after;
        show_order_line(&check->lines, order);
        return true;
}

/* An order that is under way just now has no error. */
static bool
note_open(void *context, const struct order *order)
{
        struct check *check = context;

        if (order->error.kind == ERROR_NONE)
                return true;
        finding_add(&check->stopped, order);
        show_order_line(&check->lines, order);
        return true;
}

static enum verdict
judge(const struct check *check)
{
        if (check->expired.count || check->soon.count)
                return VERDICT_CRITICAL;
        return check->due.count || check->stopped.count ? VERDICT_WARNING : VERDICT_OK;
}

static void
write_findings(const struct check *check, struct buf *out)
{
        const struct {
                const char *what;
                const struct finding *finding;
        } rows[] = {
                { "expired", &check->expired },
                { "about to expire", &check->soon },
                { "due", &check->due },
                { "interrupted", &check->stopped },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                if (rows[i].finding->count)
                        buf_format(out, "%s%zu %s (%s)", out->len ? ", " : "",
                                   rows[i].finding->count, rows[i].what,
                                   buf_text(&rows[i].finding->names));
        }
        if (!out->len)
                buf_add_text(out, "nothing is due and nothing was interrupted");
}

static void
write_answer(struct check *check, enum verdict verdict)
{
        struct command *command = check->command;
        CLEANUP(buf_cleanup) struct buf summary = { 0 };
        const char *name = verdict_names[verdict];

        write_findings(check, &summary);
        buf_add_text(&command->text, "P11CERT ");
        for (const char *c = name; *c; c++)
                buf_add_byte(&command->text, (uint8_t)(*c - 'a' + 'A'));
        buf_format(&command->text,
                   " - %s | expired=%zu;;0 critical=%zu;;0 due=%zu;0 interrupted=%zu;0\n%s",
                   buf_text(&summary), check->expired.count, check->soon.count, check->due.count,
                   check->stopped.count, buf_text(&check->lines));
        command->answer = cJSON_CreateObject();
        show_add_text(command->answer, "status", name);
        cJSON_AddNumberToObject(command->answer, "exit_status", verdict);
        show_add_text(command->answer, "summary", buf_text(&summary));
        cJSON_AddNumberToObject(command->answer, "expired", (double)check->expired.count);
        cJSON_AddNumberToObject(command->answer, "critical", (double)check->soon.count);
        cJSON_AddNumberToObject(command->answer, "due", (double)check->due.count);
        cJSON_AddNumberToObject(command->answer, "interrupted", (double)check->stopped.count);
        show_add_time(command->answer, "first_end", check->first_end);
        cJSON_AddNullToObject(command->answer, "error");
}

static bool
look(struct check *check, struct ledger *ledger, struct error *err)
{
        struct ledger_filter open;

        if (!tracking_due(check->command, ledger, false, note_due, check, err) ||
            !tracking_filter(check->command, &open, err))
                return false;
        open.ends_before = 0;
        open.only_open = true;
        return ledger_each(ledger, &open, note_open, check, err);
}

bool
cmd_check(struct command *command, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = ledger_open_read(command->state, err);
        const int64_t usual_ms = (int64_t)CRITICAL_DAYS * DAY_S * 1000;
        struct check check = {
                .command = command,
                .now = clock_now(),
                .critical_s = option_span(&command->options, OPTION_CRITICAL, usual_ms) / 1000,
        };
        bool good = ledger && look(&check, ledger, err);

        if (good) {
                command->status = judge(&check);
                write_answer(&check, judge(&check));
        }
        buf_clear(&check.expired.names);
        buf_clear(&check.soon.names);
        buf_clear(&check.due.names);
        buf_clear(&check.stopped.names);
        buf_clear(&check.lines);
        return good;
}
