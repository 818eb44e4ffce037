#include "tests/unit/unit.h"

#include <math.h>
#include <string.h>

#include "cli/batch_rows.h"
#include "cli/rate.h"

static void
rates_are_read_as_they_are_meant(void **state)
{
        static const struct {
                const char *text;
                double rate; /* 0: refused */
        } rows[] = {
                { "10/s", 10 },
                { "10", 10 },
                { "0.5/s", 0.5 },
                { "300/m", 5 },
                { "24.9", 24.9 },
                { "none", DRIVE_NO_RATE },
                { "0", DRIVE_NO_RATE },
                { "0/s", DRIVE_NO_RATE },
                { "", 0 },
                { "/s", 0 },
                { "fast", 0 },
                { "-1", 0 },
                { "1e9", 0 },
                { "10/h", 0 },
                { "1.2.3", 0 },
                { "10 /s", 0 },
                { "200000", 0 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct error err = { 0 };
                double rate = 0;
                bool good = rate_parse(rows[i].text, &rate, &err);

                if (good != (rows[i].rate != 0) || fabs(rate - rows[i].rate) > 1e-9 ||
                    (!good && err.kind != ERROR_USAGE))
                        fail_msg("'%s': %d %g", rows[i].text, good, rate);
        }
}

static void
what_a_name_stands_for_decides_what_becomes_of_its_row(void **state)
{
        struct order *order = order_new();

        (void)state;
        assert_int_equal(row_standing_of(NULL), STANDING_NEW);
        for (int i = 0; i < ORDER_FAILED; i++) {
                order->state = (enum order_state)i;
                assert_int_equal(row_standing_of(order),
                                 order_state_is_open(order->state) ? STANDING_OPEN : STANDING_DONE);
        }
        order->state = ORDER_KEYED;
        order->held = true;
        assert_int_equal(row_standing_of(order), STANDING_HELD);
        order->held = false;
        order->state = ORDER_FAILED;
        assert_int_equal(row_standing_of(order), STANDING_FAILED);
        /* Where there is a certificate, or may be one, none is ordered again. */
        order->maybe_duplicate = true;
        assert_int_equal(row_standing_of(order), STANDING_FAILED_ISSUED);
        order->maybe_duplicate = false;
        text_assign(&order->certificate_arn, "arn:aws:acm-pca:…");
        assert_int_equal(row_standing_of(order), STANDING_FAILED_ISSUED);
        order_free(order);
}

static void
an_error_keeps_back_those_whom_it_concerns(void **state)
{
        (void)state;
        assert_int_equal(row_scope_of(ERROR_TOKEN_REMOVED), SCOPE_TOKEN);
        assert_int_equal(row_scope_of(ERROR_PIN_LOCKED), SCOPE_TOKEN);
        assert_int_equal(row_scope_of(ERROR_DENIED), SCOPE_ALL);
        assert_int_equal(row_scope_of(ERROR_NETWORK), SCOPE_ALL);
        assert_int_equal(row_scope_of(ERROR_NOT_AS_ASKED), SCOPE_ROW);
        assert_int_equal(row_scope_of(ERROR_KEY_LOST), SCOPE_ROW);
        /* What ends an order for good says nothing of the next one. */
        for (int kind = 0; kind < ERROR_KINDS; kind++) {
                if (error_is_verdict((enum error_kind)kind))
                        assert_int_equal(row_scope_of((enum error_kind)kind), SCOPE_ROW);
        }
}

static void
the_bar_says_how_far_how_fast_and_what_it_waits_for(void **state)
{
        static const struct {
                struct bar bar;
                struct drive_standing standing;
                const char *text;
        } rows[] = {
                { { .total = 10 }, { 0 }, "0/10" },
                { { .total = 1000, .done = 400, .rate = 25 },
                  { .in_flight = 20, .for_rate = 15 },
                  "400/1000  25.0/s  done in 0:24  waits for the quota" },
                { { .total = 1000, .done = 400, .rate = 0.1, .failed = 2 },
                  { .in_flight = 2, .at_token = 2 },
                  "400/1000  0.1/s  done in 1:40:00  2 failed  waits for the token" },
                { { .total = 10, .done = 1, .rate = 1 },
                  { .in_flight = 3, .at_network = 3 },
                  "1/10  1.0/s  done in 0:09  waits for the CA" },
                { { .total = 10, .done = 1, .rate = 1 },
                  { .in_flight = 3, .outage = { .kind = ERROR_NETWORK }, .next_try = 1795305600 },
                  "1/10  1.0/s  done in 0:09  AWS does not answer, next try at "
                  "2026-11-22T00:00:00Z" },
                { { .total = 10, .done = 10, .rate = 2 }, { .at_token = 1 }, "10/10  2.0/s" },
                { { .total = 10, .done = 5, .started_ms = 1000 },
                  { 0 },
                  "5/10  5.0/s  done in 0:01" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(buf_cleanup) struct buf text = { 0 };

                bar_compose(&rows[i].bar, &rows[i].standing, 2000, &text);
                assert_string_equal(buf_text(&text), rows[i].text);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rates_are_read_as_they_are_meant),
                cmocka_unit_test(what_a_name_stands_for_decides_what_becomes_of_its_row),
                cmocka_unit_test(an_error_keeps_back_those_whom_it_concerns),
                cmocka_unit_test(the_bar_says_how_far_how_fast_and_what_it_waits_for),
        };

        return cmocka_run_group_tests_name("batch rows", tests, NULL, NULL);
}
