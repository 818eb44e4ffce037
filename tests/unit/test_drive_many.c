/*
 * The conductor with many orders: several tokens, an endless source, AWS out of reach, signals.
 */
#include "tests/unit/unit.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "tests/unit/drive_run.h"

/* A source of `total` orders for `tokens` tokens in turn, and what came of them. */
static struct {
        size_t total;
        size_t tokens;
        size_t given;
        size_t delivered;
        size_t stopped;
        unsigned later;      /* SUPPLY_LATER before each order so often */
        unsigned asked;      /* since the last order */
        bool leave;          /* one order after the other, and the token is left behind each */
        bool stop_submitted; /* the first signal comes when an order is submitted */
        bool stop_delivered; /* or delivered */
        atomic_bool alone;   /* a token was at work while the other one had to wait for it */
        size_t least_room;
        size_t most_flying;
        enum error_kind kind;  /* of the last that stopped */
        int64_t back_after_ms; /* AWS is there again so long after the outage was shown */
        int64_t shown_ms;      /* when it was shown first; 0: not yet */
        unsigned told;         /* of AWS being away */
        unsigned told_again;   /* and of being back */
        struct drive_standing standing;
} many;

static char *
uri_of(size_t i)
{
        return text_format("pkcs11:token=t%zu", i % many.tokens);
}

static enum drive_supply
next_of_many(void *context, struct conductor *conductor, struct order **order)
{
        CLEANUP(free_cleanup) char *name = text_format("device-%zu", many.given + 1);
        CLEANUP(free_cleanup) char *uri = uri_of(many.given);

        (void)context;
        if (many.given == many.total)
                return SUPPLY_END;
        if (many.asked++ < many.later || (many.leave && many.given > many.delivered + many.stopped))
                return SUPPLY_LATER;
        size_t room = drive_room(conductor, NULL, uri);

        if (!room)
                return SUPPLY_LATER;
        if (room < many.least_room)
                many.least_room = room;
        many.asked = 0;
        many.given++;
        *order = new_order(name);
        text_assign(&(*order)->wishes.token_uri, uri);
        return SUPPLY_ORDER;
}

static void
done_of_many(void *context, struct conductor *conductor, struct order *order)
{
        (void)context;
        if (order->error.kind == ERROR_NONE && order->state == ORDER_DELIVERED)
                many.delivered++;
        else
                many.stopped++;
        if (order->error.kind != ERROR_NONE)
                many.kind = order->error.kind;
        if (many.leave)
                drive_leave_token(conductor, NULL, order->wishes.token_uri);
        order_free(order);
}

static void
turn_of_many(void *context, struct conductor *conductor)
{
        struct drive_standing standing;

        (void)context;
        drive_standing(conductor, &standing);
        if (standing.in_flight > many.most_flying)
                many.most_flying = standing.in_flight;
        if (standing.outage.kind == ERROR_NONE)
                return;
        if (!many.shown_ms)
                many.shown_ms = clock_boot_ms();
        if (many.back_after_ms && clock_boot_ms() - many.shown_ms >= many.back_after_ms)
                fake_ca.failures[FAKE_ISSUE].kind = ERROR_NONE;
        many.standing = standing;
}

static void
hear_of_many(void *context, enum drive_event event, const struct order *order, const char *text)
{
        (void)context;
        if (event == EVENT_WAITING && !order) {
                assert_non_null(strstr(text, "until 20"));
                many.told++;
        }
        if (event == EVENT_AGAIN) {
                assert_non_null(strstr(text, "again after"));
                many.told_again++;
        }
        if ((event == EVENT_SUBMITTED && many.stop_submitted) ||
            (event == EVENT_DELIVERED && many.stop_delivered))
                stop = 1;
}

static void
run_many(size_t total, size_t tokens)
{
        static const struct drive_source of_many = { .next = next_of_many,
                                                     .done = done_of_many,
                                                     .turn = turn_of_many };
        struct error err = { 0 };

        many.total = total;
        many.tokens = tokens;
        many.least_room = SIZE_MAX;
        options.event = hear_of_many;
        options.rate = options.local_ca ? 0 : DRIVE_NO_RATE;
        assert_done(drive_run(&options, &of_many, &err), err);
}

static int
set_up_many(void **state)
{
        memset(&many, 0, sizeof(many));
        return set_up(state);
}

#define MANY(name) cmocka_unit_test_setup_teardown(name, set_up_many, tear_down)

/* -- tokens ---------------------------------------------------------------------------------- */

static void
each_token_is_opened_once_for_all_its_orders(void **state)
{
        (void)state;
        run_many(24, 3);
        assert_int_equal(many.delivered, 24);
        assert_int_equal(fake_token.counts[FAKE_OPEN], 3);
        assert_int_equal(fake_token.made, 24);
        assert_int_equal(fake_ca.counts[FAKE_ISSUE], 24);
        assert_int_equal(fake_ca.counts[FAKE_DESCRIBE], 1);
}

/* No signature before both tokens were opened, however long that takes. */
static void
wait_for_both_tokens(enum fake_call call)
{
        static const struct timespec pause = { .tv_nsec = 1000000 };
        int64_t give_up = clock_boot_ms() + 10 * 1000;

        if (call != FAKE_SIGN || many.alone)
                return;
        while (fake_token_count(FAKE_OPEN) < 2 && clock_boot_ms() < give_up)
                nanosleep(&pause, NULL);
        many.alone = fake_token_count(FAKE_OPEN) < 2;
}

static void
a_token_does_not_wait_until_another_one_of_its_module_has_nothing_to_do(void **state)
{
        (void)state;
        fake_token.meanwhile = wait_for_both_tokens;
        run_many(8, 2);
        assert_int_equal(many.delivered, 8);
        assert_false(many.alone);
}

static void
a_source_that_has_nothing_now_is_asked_again(void **state)
{
        (void)state;
        many.later = 2;
        run_many(3, 1);
        assert_int_equal(many.delivered, 3);
        assert_int_equal(fake_token.counts[FAKE_OPEN], 1);
}

static void
a_token_that_was_left_is_opened_anew_for_its_next_order(void **state)
{
        (void)state;
        many.leave = true;
        run_many(3, 1);
        assert_int_equal(many.delivered, 3);
        assert_int_equal(fake_token.counts[FAKE_OPEN], 3);
}

static void
little_is_begun_before_the_ca_issued_something(void **state)
{
        (void)state;
        fake_ca.failures[FAKE_ISSUE].kind = ERROR_DENIED;
        run_many(60, 1);
        assert_int_equal(many.stopped, 60);
        assert_in_range(many.most_flying, 1, 32);
        assert_in_range(many.least_room, 1, 8);
}

/* Making a key takes so long that no more than the first few are made. */
static void
hardly_anything_is_begun_on_a_slow_token_before_the_ca_issued_something(void **state)
{
        (void)state;
        fake_token.hang_ms = 70;
        fake_ca.failures[FAKE_ISSUE].kind = ERROR_DENIED;
        run_many(12, 1);
        assert_int_equal(many.stopped, 12);
        assert_in_range(many.most_flying, 1, 8);
}

static void
a_token_that_signed_with_another_key_is_opened_anew(void **state)
{
        (void)state;
        fake_token.lies_at = 5;
        run_many(4, 1);
        assert_int_equal(many.stopped, 1);
        assert_int_equal(many.kind, ERROR_KEY_LOST);
        assert_int_equal(many.delivered, 3);
        assert_int_equal(fake_token.counts[FAKE_OPEN], 2);
}

static void
a_module_that_fails_is_loaded_anew_and_what_did_not_fail_goes_on(void **state)
{
        (void)state;
        fake_token.failures[FAKE_SIGN] = ERROR_TOKEN;
        run_many(3, 1);
        assert_int_equal(many.stopped, 3);
        assert_int_equal(many.kind, ERROR_TOKEN);
        /* Opened again after the second failure in a row. */
        assert_in_range(fake_token.counts[FAKE_OPEN], 1, 3);
}

/* -- AWS out of reach ------------------------------------------------------------------------ */

static void
all_orders_wait_while_nobody_answers_and_it_is_said_once_until_when(void **state)
{
        (void)state;
        options.outage_ms = 60 * 1000;
        fake_ca.failures[FAKE_ISSUE] = (struct fake_failure){ .kind = ERROR_NETWORK };
        many.back_after_ms = 1500; /* the first pause is 1.2 s at most: another try is in vain */
        int64_t before = clock_now();

        run_many(6, 2);
        assert_int_equal(many.delivered, 6);
        assert_int_equal(fake_ca.issued, 6);
        assert_int_equal(many.told, 1);
        assert_int_equal(many.told_again, 1);
        assert_in_range(many.standing.next_try, before, clock_now() + 4);
        assert_in_range(many.standing.give_up, before + 55, clock_now() + 61);
}

static void
an_outage_that_lasts_too_long_stops_the_orders_where_they_are(void **state)
{
        (void)state;
        options.outage_ms = 300;
        fake_ca.failures[FAKE_ISSUE] = (struct fake_failure){ .kind = ERROR_NETWORK };
        int64_t before = clock_boot_ms();

        run_many(4, 1);
        assert_int_equal(many.stopped, 4);
        assert_int_equal(many.kind, ERROR_NETWORK);
        assert_in_range(clock_boot_ms() - before, 300, 5000);
        struct order *order = reload(1);

        assert_int_equal(order->state, ORDER_REQUESTED);
        assert_false(order->maybe_duplicate);
        order_free(order);
}

static void
a_ca_that_cannot_be_described_at_first_is_asked_again(void **state)
{
        (void)state;
        options.outage_ms = 60 * 1000;
        fake_ca.failures[FAKE_DESCRIBE] = (struct fake_failure){ ERROR_NETWORK, .times = 1 };
        run_many(2, 1);
        assert_int_equal(many.delivered, 2);
        assert_int_equal(fake_ca.counts[FAKE_DESCRIBE], 2);
}

static void
throttling_slows_down_and_stops_nothing(void **state)
{
        (void)state;
        options.outage_ms = 60 * 1000;
        options.local_ca = true;
        fake_ca.failures[FAKE_ISSUE] = (struct fake_failure){ ERROR_THROTTLED, .times = 2 };
        run_many(4, 1);
        assert_int_equal(many.delivered, 4);
        assert_int_equal(fake_ca.issued, 4);
        assert_int_equal(fake_ca.counts[FAKE_ISSUE], 6);
}

/* Each asked again and again by itself would be two hundred in vain. */
static void
a_ca_that_takes_its_time_is_asked_in_vain_for_the_first_certificates_only(void **state)
{
        (void)state;
        fake_token.hang_ms = 8;
        fake_ca.takes_ms = 150;
        run_many(60, 1);
        assert_int_equal(many.delivered, 60);
        assert_in_range(fake_ca.in_vain, 1, 60);
}

/* -- signals --------------------------------------------------------------------------------- */

static void
after_the_first_signal_what_was_asked_for_is_brought_home(void **state)
{
        (void)state;
        options.grace_ms = 20 * 1000;
        fake_ca.pending = 3;
        many.stop_submitted = true;
        run_many(40, 1);
        assert_true(many.delivered >= 1 && many.stopped >= 1);
        assert_int_equal(many.delivered, fake_ca.issued);
        assert_int_equal(many.delivered + many.stopped, many.given);
        assert_int_equal(many.kind, ERROR_INTERRUPTED);
}

static void
write_slowly(enum fake_call call)
{
        static const struct timespec pause = { .tv_nsec = 8000000 };

        if (call == FAKE_WRITE)
                nanosleep(&pause, NULL);
}

/* Each certificate names its subject on the token (the fake one looks). */
static void
certificates_that_a_worker_had_not_begun_to_write_are_written_whole_after_the_first_signal(
        void **state)
{
        (void)state;
        options.grace_ms = 20 * 1000;
        fake_token.meanwhile = write_slowly;
        many.stop_delivered = true;
        run_many(40, 1);
        assert_in_range(many.delivered, 2, 40);
        assert_int_equal(many.delivered, fake_ca.issued);
}

static void
without_grace_the_first_signal_leaves_them_where_they_are(void **state)
{
        (void)state;
        fake_ca.pending = 100;
        many.stop_submitted = true;
        run_many(4, 1);
        assert_int_equal(many.delivered, 0);
        assert_int_equal(many.kind, ERROR_INTERRUPTED);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                MANY(each_token_is_opened_once_for_all_its_orders),
                MANY(a_token_does_not_wait_until_another_one_of_its_module_has_nothing_to_do),
                MANY(a_source_that_has_nothing_now_is_asked_again),
                MANY(a_token_that_was_left_is_opened_anew_for_its_next_order),
                MANY(little_is_begun_before_the_ca_issued_something),
                MANY(hardly_anything_is_begun_on_a_slow_token_before_the_ca_issued_something),
                MANY(a_token_that_signed_with_another_key_is_opened_anew),
                MANY(a_module_that_fails_is_loaded_anew_and_what_did_not_fail_goes_on),
                MANY(all_orders_wait_while_nobody_answers_and_it_is_said_once_until_when),
                MANY(an_outage_that_lasts_too_long_stops_the_orders_where_they_are),
                MANY(a_ca_that_cannot_be_described_at_first_is_asked_again),
                MANY(throttling_slows_down_and_stops_nothing),
                MANY(a_ca_that_takes_its_time_is_asked_in_vain_for_the_first_certificates_only),
                MANY(after_the_first_signal_what_was_asked_for_is_brought_home),
                MANY(certificates_that_a_worker_had_not_begun_to_write_are_written_whole_after_the_first_signal),
                MANY(without_grace_the_first_signal_leaves_them_where_they_are),
        };

        return cmocka_run_group_tests_name("many orders", tests, NULL, NULL);
}
