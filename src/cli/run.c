#include "cli/run.h"

#include <stdlib.h>
#include <string.h>

#include "cli/admit.h"
#include "cli/anywhere.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/self_renew.h"
#include "cli/show.h"
#include "drive/batch.h"

bool
run_open(struct run *run, struct command *command, struct ledger *ledger, struct error *err)
{
        *run = (struct run){ .command = command, .ledger = ledger };
        return command_root(command, &run->root, err);
}

void
run_cleanup(struct run *run)
{
        for (size_t i = 0; i < run->count; i++)
                order_free(run->orders[i]);
        free(run->orders);
        buf_clear(&run->root);
        *run = (struct run){ 0 };
}

void
run_add(struct run *run, struct order *order)
{
        run->orders = memory_grow(run->orders, run->count + 1, sizeof(struct order *));
        run->orders[run->count++] = order;
}

/* -- one group, as the conductor asks for it ------------------------------------------------- */

struct group {
        struct order **orders; /* taken out as they are handed over, put back when they stand */
        size_t count;
        size_t next;
        size_t back;
};

static enum drive_supply
give_next(void *context, struct conductor *conductor, struct order **order)
{
        struct group *group = context;

        (void)conductor;
        if (group->next == group->count)
                return SUPPLY_END;
        *order = MOVE(group->orders[group->next++]);
        return SUPPLY_ORDER;
}

static void
take_back(void *context, struct conductor *conductor, struct order *order)
{
        struct group *group = context;

        (void)conductor;

        assert(group->back < group->next);
        group->orders[group->back++] = order;
}

static bool
is_same_group(const struct order *a, const struct order *b)
{
        return text_equal(a->wishes.endpoint, b->wishes.endpoint) &&
               text_equal(a->wishes.aws_profile, b->wishes.aws_profile);
}

/* Bring the orders of the first one's group to the front; how many there are. */
static size_t
gather(struct order **orders, size_t count)
{
        size_t same = 1;

        for (size_t i = 1; i < count; i++) {
                if (!is_same_group(orders[0], orders[i]))
                        continue;
                struct order *order = orders[i];

                memmove(orders + same + 1, orders + same, (i - same) * sizeof(struct order *));
                orders[same++] = order;
        }
        return same;
}

/* Lists are short: a group rarely has more than a few CAs and templates. */
static void
add_once(const char **list, size_t *count, const char *text)
{
        for (size_t i = 0; text && i < *count; i++) {
                if (strcmp(list[i], text) == 0)
                        return;
        }
        if (text)
                list[(*count)++] = text;
}

/* What is held, or only has to be delivered, gets there without AWS and whatever is wrong with it.
 */
static bool
needs_aws(const struct order *order)
{
        return !order->held && order->state < ORDER_VERIFIED;
}

/* What the orders that need AWS are about to touch, each once. */
struct targets {
        struct narrow_to to;
        const char **cas;
        const char **templates;
};

static struct targets
targets_of(struct order *const *orders, size_t count)
{
        struct targets targets = { .cas = memory_new(count, sizeof(*targets.cas)),
                                   .templates = memory_new(count, sizeof(*targets.templates)) };

        for (size_t i = 0; i < count; i++) {
                const struct wishes *wishes = &orders[i]->wishes;

                if (!needs_aws(orders[i]))
                        continue;
                add_once(targets.cas, &targets.to.ca_count, wishes->ca_arn);
                add_once(targets.templates, &targets.to.template_count, wishes->template_arn);
        }
        targets.to.cas = targets.cas;
        targets.to.templates = targets.templates;
        return targets;
}

static void
targets_clear(struct targets *targets)
{
        free(targets->cas);
        free(targets->templates);
}

bool
run_with(const struct run *run, const struct narrow_to *to, const struct wishes *wishes,
         bool needs_ca, const struct drive_options *more,
         bool (*go)(void *context, const struct drive_options *options, struct error *err),
         void *context, struct error *err)
{
        const struct command *command = run->command;
        CLEANUP(aws_settings_cleanup)
        struct aws_settings *aws =
                command_aws_for(command, wishes->endpoint, wishes->aws_profile, to, err);

        if (needs_ca && to && to->ca_count)
                command_note_region(command, to->cas[0]);
        if (needs_ca && (!aws || !anywhere_prefetch(command, aws, err) ||
                         !admit(command, run->ledger, aws, to, wishes->region, err)))
                return false;
        struct station_key *station = anywhere_station(command, aws);
        struct drive_options options = *more;

        options.ledger = run->ledger;
        options.aws = aws;
        options.state = command->state;
        options.pin = command_pin(command);
        options.ask = command_ask(command);
        options.retry_pin = option_flag(&command->options, OPTION_RETRY_PIN);
        options.token_timeout_ms = command_token_timeout_ms(command);
        options.hook_timeout_ms = option_span(&command->options, OPTION_HOOK_TIMEOUT, 0);
        options.no_wait = run->no_wait;
        options.token_may_miss = run->token_may_miss;
        options.root = view_buf(&run->root);
        options.local_ca = command_ca_is_local(aws);
        options.stop = interrupt_flag();
        station_key_tell(station, !option_flag(&command->options, OPTION_ALLOW_SELF_RENEW),
                         &options);
        station_key_share(station, true);
        bool good = go(context, &options, err);

        station_key_share(station, false);
        return good;
}

static bool
drive_source(void *context, const struct drive_options *options, struct error *err)
{
        const struct drive_source *const *source = context;

        return drive_run(options, *source, err);
}

bool
run_drive(const struct run *run, const struct narrow_to *to, const struct wishes *wishes,
          bool needs_ca, const struct drive_options *more, const struct drive_source *source,
          struct error *err)
{
        return run_with(run, to, wishes, needs_ca, more, drive_source, &source, err);
}

static bool
move_group(const struct run *run, struct progress *progress, struct order **orders, size_t count,
           struct error *err)
{
        struct group group = { .orders = orders, .count = count };
        CLEANUP(targets_clear) struct targets targets = targets_of(orders, count);
        const struct drive_options more = { .event = progress_event, .context = progress };
        const struct drive_source source = { .next = give_next,
                                             .done = take_back,
                                             .context = &group };
        bool needed = false;

        for (size_t i = 0; i < count; i++)
                needed = needed || needs_aws(orders[i]);
        /* The first is among those that the conductor gets, so its wishes are borrowed from here.
         */
        CLEANUP(wishes_clear) struct wishes wishes = { 0 };

        wishes_copy(&wishes, &orders[0]->wishes);
        return run_drive(run, &targets.to, &wishes, needed, &more, &source, err);
}

/* They come back as they are done; the answer goes by number, what was never recorded last. */
static int
compare_numbers(const void *a, const void *b)
{
        uint64_t first = (uint64_t)(*(struct order *const *)a)->number - 1;
        uint64_t second = (uint64_t)(*(struct order *const *)b)->number - 1;

        return first < second ? -1 : first > second;
}

bool
run_move(struct run *run, struct error *err)
{
        struct progress progress;
        bool good = true;
        bool asks = false;

        for (size_t i = 0; i < run->count; i++)
                asks = asks || needs_aws(run->orders[i]);
        if (asks)
                self_renew(run);
        progress_start(&progress, run->command, run->count > 1);
        interrupt_catch();
        for (size_t at = 0; good && at < run->count && !*interrupt_flag();) {
                size_t count = gather(run->orders + at, run->count - at);

                good = move_group(run, &progress, run->orders + at, count, err);
                at += count;
        }
        interrupt_release();
        /* An order in the hands of a module that hangs does not come back. */
        size_t kept = 0;

        for (size_t i = 0; i < run->count; i++) {
                if (run->orders[i])
                        run->orders[kept++] = run->orders[i];
        }
        run->count = kept;
        if (kept)
                qsort(run->orders, kept, sizeof(struct order *), compare_numbers);
        return good;
}

/* -- the answer -------------------------------------------------------------------------------- */

bool
run_verdict(const struct order *order, struct error *err)
{
        if (order->error.kind != ERROR_NONE) {
                *err = order->error;
                return false;
        }
        if (order->state == ORDER_FAILED) {
                error_set(err, ERROR_ORDER_FAILED, "the order failed");
                return error_about(err, "order %lld '%s'", (long long)order->number,
                                   order->wishes.name);
        }
        if (order->held || !order_state_is_open(order->state))
                return true;
        error_set(err, ERROR_PENDING, "the order is %s", order_state_name(order->state));
        error_about(err, "order %lld '%s'", (long long)order->number, order->wishes.name);
        return error_advise(err, "go on with: p11cert resume");
}

/* The run as a whole failed: its orders are answered all the same, with what the ledger lacks. */
static bool
answer_aborted(struct run *run, bool one, struct error *err)
{
        struct command *command = run->command;

        if (run->count && run->orders[0]->error.kind != ERROR_NONE)
                *err = run->orders[0]->error;
        for (size_t i = 0; !one && command->output != OUTPUT_TEXT && i < run->count; i++)
                command_stream_order(command, run->orders[i], show_order_line);
        if (one && run->count)
                command_answer_order(command, run->orders[0], show_order_summary);
        buf_clear(&command->text);
        return false;
}

bool
run_one(struct run *run, struct error *err)
{
        if (!run_move(run, err))
                return answer_aborted(run, true, err);
        if (!run->count) {
                error_set(err, ERROR_TOKEN_HANGS, "the token's module does not answer");
                return error_advise(err, "unplug the token and plug it in again, then: p11cert "
                                         "resume");
        }
        const struct order *order = run->orders[0];
        bool good = run_verdict(order, err);

        if (!good && order->number && order_state_is_open(order->state) && !order->held &&
            err->kind != ERROR_PENDING)
                command_say(run->command,
                            "order %lld '%s' stays %s; p11cert resume goes on with it",
                            (long long)order->number, order->wishes.name,
                            order_state_name(order->state));
        command_answer_order(run->command, order, show_order_summary);
        /* What has no certificate yet has nothing to show but its error. */
        if (!good && (!order->number || order->state < ORDER_SUBMITTED))
                buf_clear(&run->command->text);
        return good;
}

bool
run_many(struct run *run, struct error *err)
{
        struct error first = { 0 };
        size_t failed = 0;

        if (!run_move(run, err))
                return answer_aborted(run, false, err);
        for (size_t i = 0; i < run->count; i++) {
                struct error why = { 0 };

                command_stream_order(run->command, run->orders[i], show_order_line);
                if (run_verdict(run->orders[i], &why))
                        continue;
                if (failed++ == 0)
                        first = why;
                if (run->count > 1)
                        command_say(run->command, "%s: %s", run->orders[i]->wishes.name, why.what);
        }
        if (!failed)
                return true;
        if (run->count == 1) {
                *err = first;
                return false;
        }
        error_set(err, ERROR_BATCH_PARTIAL, "%zu of %zu orders stand still", failed, run->count);
        return error_advise(err, "`p11cert show ORDER` tells why; `p11cert resume` goes on");
}
