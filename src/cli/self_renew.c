#include "cli/self_renew.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cli/anywhere.h"
#include "cli/successor.h"
#include "order/cert.h"

enum { PART = 3, MOST_S = 30 * 24 * 3600, AGAIN_S = 10 * 60 };

static int64_t
due_at(const struct certificate_facts *facts)
{
        int64_t before_s = (facts->not_after - facts->not_before) / PART;

        return facts->not_after - (before_s > MOST_S ? MOST_S : before_s);
}

/* The certificate that the station logs in with; false where it does not log in by one. */
static bool
read_own(const struct command *command, struct certificate_facts *facts)
{
        struct error ignored = { 0 };
        CLEANUP(aws_settings_cleanup)
        struct aws_settings *aws = command_aws(command, NULL, NULL, &ignored);
        struct station_key *station = anywhere_station(command, aws);
        struct view certificate = { 0 };
        struct view chain = { 0 };

        /* What is wrong is told when the run itself asks for a session. */
        return station && anywhere_prefetch(command, aws, &ignored) &&
               station_key_seen(station, &certificate, &chain) &&
               certificate_facts_read(certificate, facts, &ignored);
}

static bool
moves_already(const struct run *run, const struct order *own)
{
        for (size_t i = 0; i < run->count; i++) {
                if (run->orders[i] && text_equal(run->orders[i]->wishes.name, own->wishes.name))
                        return true;
        }
        return false;
}

/* With the session of Roles Anywhere, whoever asked for the first certificate. */
static struct order *
make_successor(struct ledger *ledger, const struct order *own, struct error *err)
{
        const struct validity *validity = &own->wishes.validity;
        struct order *order = successor_under_way(ledger, own, err);

        if (order || err->kind != ERROR_NONE)
                return order;
        if (validity->type == VALIDITY_END_DATE || validity->type == VALIDITY_ABSOLUTE) {
                error_set(err, ERROR_USAGE, "its validity has a fixed end");
                return NULL;
        }
        order = successor_new(own, err);
        if (order)
                text_assign(&order->wishes.aws_profile, NULL);
        return order;
}

static bool
move(const struct run *run, struct order *order, struct error *err)
{
        CLEANUP(run_cleanup) struct run own = { 0 };
        char end[CLOCK_TEXT];

        if (!run_open(&own, run->command, run->ledger, err)) {
                order_free(order);
                return false;
        }
        own.own = true;
        run_add(&own, order);
        if (!run_move(&own, err))
                return false;
        if (!own.count)
                return error_set(err, ERROR_TOKEN_HANGS, "the token's module does not answer");
        if (!run_verdict(own.orders[0], err))
                return false;
        command_say(run->command, "station   its own certificate was renewed, until %s",
                    clock_format(own.orders[0]->not_after, end));
        return true;
}

static bool
renew(const struct run *run, const struct certificate_facts *facts, struct error *err)
{
        CLEANUP(order_cleanup) struct order *own = ledger_find(run->ledger, facts->serial, err);

        if (!own)
                return false;
        if (moves_already(run, own))
                return true;
        struct order *order = make_successor(run->ledger, own, err);

        return order && move(run, order, err);
}

void
self_renew(const struct run *run)
{
        CLEANUP(certificate_facts_clear) struct certificate_facts facts = { 0 };
        struct error err = { 0 };
        char end[CLOCK_TEXT];

        if (run->own || !option_flag(&run->command->options, OPTION_ALLOW_SELF_RENEW) ||
            !read_own(run->command, &facts) || clock_now() <= due_at(&facts) ||
            renew(run, &facts, &err))
                return;
        command_say(run->command,
                    "station   its own certificate ends on %s and could not be renewed: %s",
                    clock_format(facts.not_after, end), err.what);
}

/* -- while a run goes on ---------------------------------------------------------------------- */

void
self_renewal_clear(struct self_renewal *renewal)
{
        buf_clear(&renewal->certificate);
        free(MOVE(renewal->serial));
}

/* The certificate that the last session was asked for with. */
static bool
look_again(struct self_renewal *renewal)
{
        CLEANUP(certificate_facts_clear) struct certificate_facts facts = { 0 };
        struct error ignored = { 0 };
        struct view certificate;
        struct view chain;

        if (!station_key_seen(renewal->station, &certificate, &chain))
                return false;
        if (view_equal(certificate, view_buf(&renewal->certificate)))
                return renewal->serial != NULL;
        self_renewal_clear(renewal);
        buf_set(&renewal->certificate, certificate);
        if (!certificate_facts_read(certificate, &facts, &ignored))
                return false;
        text_assign(&renewal->serial, facts.serial);
        renewal->not_after = facts.not_after;
        renewal->due_at = due_at(&facts);
        return true;
}

/* All orders of a run go to one place, with one session. */
static bool
goes_with_run(const struct self_renewal *renewal, const struct order *order, struct error *err)
{
        if (text_equal(order->wishes.endpoint, renewal->endpoint) && !order->wishes.aws_profile)
                return true;
        error_set(err, ERROR_ORDER_DIFFERS, "it was issued with another endpoint or AWS profile");
        return error_advise(err, "p11cert renew %s", order->wishes.name);
}

struct order *
self_renewal_next(struct self_renewal *renewal, struct error *err)
{
        struct ledger *ledger = renewal->run->ledger;
        int64_t now = clock_now();

        *err = (struct error){ 0 };
        if (!renewal->station || !look_again(renewal) || now <= renewal->due_at)
                return NULL;
        renewal->due_at = now + AGAIN_S;
        CLEANUP(order_cleanup) struct order *own = ledger_find(ledger, renewal->serial, err);
        CLEANUP(order_cleanup) struct order *order = own ? make_successor(ledger, own, err) : NULL;

        return order && goes_with_run(renewal, order, err) ? MOVE(order) : NULL;
}

char *
self_renewal_done(struct self_renewal *renewal, const struct order *order, bool *good)
{
        struct error why = { 0 };
        char end[CLOCK_TEXT];

        *good = run_verdict(order, &why);
        if (!*good)
                return text_format("the station's own certificate ends on %s and could not be "
                                   "renewed: %s",
                                   clock_format(renewal->not_after, end), why.what);
        /* What is looked at is the old one until another session is asked for. */
        renewal->due_at = INT64_MAX;
        return text_format("the station's own certificate was renewed, until %s",
                           clock_format(order->not_after, end));
}
