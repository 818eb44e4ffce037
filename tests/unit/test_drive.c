#include "tests/unit/unit.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "drive/batch.h"
#include "drive/deliver.h"
#include "order/cert.h"
#include "tests/unit/drive_run.h"

/* -- the ordinary way ------------------------------------------------------------------------ */

static void
an_order_goes_from_key_to_files_in_one_run(void **state)
{
        (void)state;
        run(new_order("device-1"));
        assert_delivered();
        assert_int_equal(back->number, 1);
        assert_int_equal(fake_ca.counts[FAKE_DESCRIBE], 1);
        assert_int_equal(fake_ca.counts[FAKE_CA_CERTIFICATE], 1);
        assert_int_equal(fake_ca.counts[FAKE_ISSUE], 1);
        assert_int_equal(fake_ca.counts[FAKE_GET], 1);
        assert_int_equal(fake_token.counts[FAKE_OPEN], 1);
        assert_string_equal(back->wishes.signing_algorithm, "SHA256WITHECDSA");
        assert_int_equal(back->wishes.validity.value, 365);
        assert_string_equal(back->key_label, "device-1");
        assert_int_equal(back->key_id.len, 20);
}

static void
what_the_ledger_has_is_what_came_back(void **state)
{
        (void)state;
        run(new_order("device-1"));
        struct order *order = reload(back->number);

        assert_int_equal(order->state, ORDER_DELIVERED);
        assert_true(view_equal(view_buf(&order->certificate), view_buf(&back->certificate)));
        assert_string_equal(order->certificate_arn, back->certificate_arn);
        assert_string_equal(order->serial, back->serial);
        order_free(order);
}

static void
a_root_is_pinned_at_first_use_and_not_asked_for_again(void **state)
{
        (void)state;
        run(new_order("device-1"));
        run(new_order("device-2"));
        assert_int_equal(back->state, ORDER_DELIVERED);
        assert_int_equal(fake_ca.counts[FAKE_CA_CERTIFICATE], 1);
}

static void
with_root_and_algorithm_two_operations_are_enough(void **state)
{
        struct order *order = new_order("device-1");

        (void)state;
        fake_ca.failures[FAKE_DESCRIBE].kind = ERROR_DENIED;
        fake_ca.failures[FAKE_CA_CERTIFICATE].kind = ERROR_DENIED;
        options.root = fake_ca_root();
        order->wishes.signing_algorithm = text_copy("SHA256WITHECDSA");
        run(order);
        assert_delivered();
        assert_int_equal(fake_ca.counts[FAKE_CA_CERTIFICATE], 0);
}

static void
who_may_not_describe_learns_the_algorithm_from_the_ca_certificate(void **state)
{
        (void)state;
        fake_ca.failures[FAKE_DESCRIBE].kind = ERROR_DENIED;
        run(new_order("device-1"));
        assert_delivered();
}

static void
a_held_order_stops_with_its_csr(void **state)
{
        struct order *order = new_order("device-1");

        (void)state;
        order->held = true;
        text_assign(&order->wishes.ca_arn, NULL);
        run(order);
        assert_stopped(ERROR_NONE, ORDER_KEYED);
        assert_true(back->csr.len > 100);
        assert_int_equal(fake_ca.counts[FAKE_ISSUE], 0);
}

static void
a_held_order_asks_nothing_of_its_ca(void **state)
{
        struct order *order = new_order("device-1");

        (void)state;
        order->held = true;
        fake_ca.failures[FAKE_DESCRIBE].kind = ERROR_NETWORK;
        run(order);
        assert_stopped(ERROR_NONE, ORDER_KEYED);
        assert_true(back->csr.len > 100);
        assert_int_equal(fake_ca.counts[FAKE_DESCRIBE], 0);
}

static void
without_waiting_it_stops_at_submitted_and_can_be_fetched(void **state)
{
        (void)state;
        options.no_wait = true;
        run(new_order("device-1"));
        assert_stopped(ERROR_PENDING, ORDER_SUBMITTED);
        options.no_wait = false;
        run(reload(back->number));
        assert_delivered();
}

static void
a_certificate_that_is_not_ready_is_asked_for_again(void **state)
{
        (void)state;
        fake_ca.pending = 4;
        run(new_order("device-1"));
        assert_delivered();
        assert_int_equal(fake_ca.counts[FAKE_GET], 5);
}

static void
a_default_label_is_never_given_twice_on_a_token(void **state)
{
        (void)state;
        fake_ca.failures[FAKE_ISSUE].kind = ERROR_REQUEST_REFUSED;
        run(new_order("device-1"));
        assert_stopped(ERROR_REQUEST_REFUSED, ORDER_FAILED);
        fake_ca.failures[FAKE_ISSUE].kind = ERROR_NONE;
        run(new_order("device-1"));
        assert_string_equal(back->key_label, "device-1-2");
}

/* -- before there is an order ---------------------------------------------------------------- */

static void
nothing_is_recorded_when_the_token_is_absent(void **state)
{
        struct error err = { 0 };

        (void)state;
        fake_token.failures[FAKE_OPEN] = ERROR_TOKEN_ABSENT;
        run(new_order("device-1"));
        assert_stopped(ERROR_TOKEN_ABSENT, ORDER_PLANNED);
        assert_int_equal(back->number, 0);
        assert_null(ledger_get(ledger, 1, &err));
}

static void
a_token_that_another_process_was_writing_is_found_by_loading_anew(void **state)
{
        (void)state;
        fake_token.absent_opens = 2;
        run(new_order("device-1"));
        assert_delivered();
        assert_int_equal(fake_token.counts[FAKE_OPEN], 3);
}

static void
a_ca_that_is_not_active_is_told_before_a_key_is_made(void **state)
{
        (void)state;
        fake_ca.status = "DISABLED";
        run(new_order("device-1"));
        assert_stopped(ERROR_CA_STATE, ORDER_PLANNED);
        assert_int_equal(back->number, 0);
        assert_int_equal(fake_token.made, 0);
}

static void
a_wish_that_the_template_drops_is_told_before_a_key_is_made(void **state)
{
        struct order *order = new_order("device-1");
        struct error err = { 0 };

        (void)state;
        order->wishes.usages.key_usage = USAGE_NON_REPUDIATION;
        run(order);
        assert_stopped(ERROR_WISH_LOST, ORDER_PLANNED);
        assert_int_equal(back->number, 0);
        assert_null(ledger_get(ledger, 1, &err));
        assert_int_equal(fake_token.made, 0);
        assert_int_equal(fake_ca.counts[FAKE_ISSUE], 0);
}

static void
a_validity_beyond_the_end_of_the_ca_is_told_before_a_key_is_made(void **state)
{
        struct order *order = new_order("device-1");
        struct error err = { 0 };

        (void)state;
        order->wishes.validity = (struct validity){ VALIDITY_YEARS, 50 };
        run(order);
        assert_stopped(ERROR_USAGE, ORDER_PLANNED);
        assert_null(ledger_get(ledger, 1, &err));
        assert_int_equal(fake_token.made, 0);
        assert_int_equal(fake_ca.counts[FAKE_ISSUE], 0);
}

static void
a_held_order_that_would_lose_a_wish_is_held_on(void **state)
{
        struct order *order = new_order("device-1");

        (void)state;
        order->held = true;
        text_assign(&order->wishes.ca_arn, NULL);
        order->wishes.usages.key_usage = USAGE_NON_REPUDIATION;
        run(order);
        assert_stopped(ERROR_NONE, ORDER_KEYED);
        order = reload(back->number);
        order->held = false;
        text_assign(&order->wishes.ca_arn, FAKE_CA_ARN);
        run(order);
        assert_stopped(ERROR_WISH_LOST, ORDER_KEYED);
        CLEANUP(order_cleanup) struct order *recorded = reload(back->number);

        assert_true(recorded->held);
        assert_int_equal(fake_ca.counts[FAKE_ISSUE], 0);
}

static void
a_given_label_that_is_taken_is_refused(void **state)
{
        struct order *order;

        (void)state;
        run(new_order("device-1"));
        order = new_order("device-2");
        order->wishes.label = text_copy("device-1");
        run(order);
        assert_stopped(ERROR_OBJECT_EXISTS, ORDER_PLANNED);
        assert_int_equal(fake_token.made, 1);
}

static void
a_second_open_order_of_a_name_is_refused(void **state)
{
        (void)state;
        fake_ca.failures[FAKE_ISSUE].kind = ERROR_DENIED;
        run(new_order("device-1"));
        assert_stopped(ERROR_DENIED, ORDER_REQUESTED);
        run(new_order("device-1"));
        assert_int_equal(back->error.kind, ERROR_ORDER_STATE);
        assert_int_equal(back->number, 0);
}

static struct order *several[3];
static size_t several_given;
static struct order *several_back[3];

static enum drive_supply
give_several(void *context, struct conductor *conductor, struct order **order)
{
        (void)context, (void)conductor;
        if (several_given == ARRAY_LENGTH(several))
                return SUPPLY_END;
        *order = several[several_given++];
        return SUPPLY_ORDER;
}

static void
take_several(void *context, struct conductor *conductor, struct order *order)
{
        (void)context, (void)conductor;
        for (size_t i = 0; i < ARRAY_LENGTH(several); i++) {
                if (several[i] == order)
                        several_back[i] = order;
        }
}

/* An order that needs neither token nor CA: it is recorded in its first turn. */
static struct order *
held_order(const char *name)
{
        struct order *order = new_order(name);

        text_assign(&order->wishes.token_uri, NULL);
        text_assign(&order->wishes.ca_arn, NULL);
        order->wishes.csr_given = true;
        order->held = true;
        buf_set(&order->csr, view_text("a request"));
        return order;
}

static void
who_repeats_a_name_is_refused_and_not_who_stands_beside(void **state)
{
        static const char *const names[] = { "device-1", "device-2", "device-2" };
        struct error err = { 0 };

        (void)state;
        several_given = 0;
        for (size_t i = 0; i < ARRAY_LENGTH(several); i++) {
                several[i] = held_order(names[i]);
                several_back[i] = NULL;
        }
        const struct drive_source source_of_several = { .next = give_several,
                                                        .done = take_several };

        assert_done(drive_run(&options, &source_of_several, &err), err);
        for (size_t i = 0; i < ARRAY_LENGTH(several); i++) {
                assert_non_null(several_back[i]);
                assert_int_equal(several_back[i]->error.kind,
                                 i < 2 ? ERROR_NONE : ERROR_ORDER_STATE);
                assert_int_equal(several_back[i]->number != 0, i < 2);
                order_free(several_back[i]);
        }
}

/* -- the token fails ------------------------------------------------------------------------- */

static void
a_token_that_goes_away_leaves_the_state_and_resume_goes_on(void **state)
{
        static const struct {
                enum fake_call call;
                enum order_state stays;
        } rows[] = {
                { FAKE_MAKE, ORDER_PLANNED },
                { FAKE_SIGN, ORDER_KEYED },
                { FAKE_WRITE, ORDER_VERIFIED },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                fake_token.failures[rows[i].call] = ERROR_TOKEN_REMOVED;
                run(new_order("device-1"));
                assert_stopped(ERROR_TOKEN_REMOVED, rows[i].stays);
                fake_token.failures[rows[i].call] = ERROR_NONE;
                run(reload(back->number));
                assert_delivered();
                assert_int_equal(fake_ca.issued, 1);
                tear_down(state);
                set_up(state);
        }
}

static void
a_key_that_was_made_before_the_crash_is_adopted(void **state)
{
        struct error err = { 0 };
        struct order *order;

        (void)state;
        fake_token.failures[FAKE_MAKE] = ERROR_TOKEN;
        run(new_order("device-1"));
        assert_int_equal(back->state, ORDER_PLANNED);
        fake_token.failures[FAKE_MAKE] = ERROR_NONE;
        /* The pair as the crash left it: on the token, not in the ledger. */
        order = reload(back->number);
        key_free(key_make(NULL, KEY_EC_P256, view_buf(&order->key_id), "device-1", &err));
        run(order);
        assert_delivered();
}

static void
a_key_that_is_gone_is_a_verdict(void **state)
{
        (void)state;
        fake_token.failures[FAKE_SIGN] = ERROR_TOKEN_REMOVED;
        run(new_order("device-1"));
        fake_token.failures[FAKE_SIGN] = ERROR_NONE;
        fake_token.failures[FAKE_CHECK] = ERROR_KEY_LOST;
        run(reload(back->number));
        assert_stopped(ERROR_KEY_LOST, ORDER_FAILED);
        assert_int_equal(fake_ca.counts[FAKE_ISSUE], 0);
}

static void
what_signs_with_another_key_gets_no_certificate(void **state)
{
        (void)state;
        /* The first one is the request's. */
        fake_token.lies_at = 2;
        run(new_order("device-1"));
        assert_stopped(ERROR_KEY_LOST, ORDER_FAILED);
        assert_int_equal(fake_token.counts[FAKE_WRITE], 0);
}

static void
an_order_whose_token_was_swapped_goes_on_with_its_own(void **state)
{
        (void)state;
        fake_token.lies_at = 2;
        fake_token.failures[FAKE_CHECK] = ERROR_TOKEN_SWAPPED;
        run(new_order("device-1"));
        assert_stopped(ERROR_TOKEN_SWAPPED, ORDER_VERIFIED);
        assert_int_equal(fake_token.counts[FAKE_WRITE], 0);
        fake_token.failures[FAKE_CHECK] = ERROR_NONE;
        run(reload(back->number));
        assert_delivered();
}

static void
fetching_without_the_token_is_pending(void **state)
{
        (void)state;
        options.no_wait = true;
        run(new_order("device-1"));
        options.no_wait = false;
        options.token_may_miss = true;
        fake_token.failures[FAKE_OPEN] = ERROR_TOKEN_ABSENT;
        run(reload(back->number));
        assert_stopped(ERROR_PENDING, ORDER_VERIFIED);
}

/* -- the CA fails ---------------------------------------------------------------------------- */

static void
a_request_whose_answer_was_lost_is_sent_again_with_its_token(void **state)
{
        char token[64];

        (void)state;
        fake_ca.failures[FAKE_ISSUE] =
                (struct fake_failure){ ERROR_NETWORK, .maybe_done = true, .times = 1 };
        run(new_order("device-1"));
        assert_stopped(ERROR_NETWORK, ORDER_REQUESTED);
        snprintf(token, sizeof(token), "%s", fake_ca.last_token);
        run(reload(back->number));
        assert_delivered();
        assert_string_equal(fake_ca.last_token, token);
        assert_int_equal(fake_ca.issued, 1);
        assert_false(back->maybe_duplicate);
}

static void
after_four_and_a_half_minutes_a_lost_answer_may_mean_a_duplicate(void **state)
{
        struct error err = { 0 };
        struct order *order;

        (void)state;
        fake_ca.failures[FAKE_ISSUE] =
                (struct fake_failure){ ERROR_NETWORK, .maybe_done = true, .times = 1 };
        run(new_order("device-1"));
        order = reload(back->number);
        order->first_sent_at -= 271;
        order->first_sent_boot_ms -= 271 * 1000;
        assert_done(ledger_update(ledger, order, "aged", clock_now(), &err), err);
        run(order);
        assert_delivered();
        assert_true(back->maybe_duplicate);
        assert_int_equal(fake_ca.issued, 2);
}

static void
a_request_that_never_left_is_no_duplicate_however_late(void **state)
{
        struct error err = { 0 };
        struct order *order;

        (void)state;
        fake_ca.failures[FAKE_ISSUE] = (struct fake_failure){ ERROR_NETWORK, .times = 1 };
        run(new_order("device-1"));
        assert_stopped(ERROR_NETWORK, ORDER_REQUESTED);
        order = reload(back->number);
        assert_int_equal(order->first_sent_at, 0);
        order->first_sent_boot_ms -= 271 * 1000;
        assert_done(ledger_update(ledger, order, "aged", clock_now(), &err), err);
        run(order);
        assert_delivered();
        assert_false(back->maybe_duplicate);
        assert_int_equal(fake_ca.issued, 1);
}

static void
a_refusal_for_good_is_a_verdict(void **state)
{
        (void)state;
        fake_ca.failures[FAKE_ISSUE].kind = ERROR_REQUEST_REFUSED;
        run(new_order("device-1"));
        assert_stopped(ERROR_REQUEST_REFUSED, ORDER_FAILED);
}

static void
a_refusal_after_a_lost_answer_admits_that_there_may_be_a_certificate(void **state)
{
        (void)state;
        fake_ca.failures[FAKE_ISSUE] =
                (struct fake_failure){ ERROR_NETWORK, .maybe_done = true, .times = 1 };
        run(new_order("device-1"));
        assert_stopped(ERROR_NETWORK, ORDER_REQUESTED);
        fake_ca.failures[FAKE_ISSUE] = (struct fake_failure){ .kind = ERROR_REQUEST_REFUSED };
        run(reload(back->number));
        assert_stopped(ERROR_REQUEST_REFUSED, ORDER_FAILED);
        assert_true(back->maybe_duplicate);
}

static void
a_denial_leaves_the_order_where_it_is(void **state)
{
        (void)state;
        fake_ca.failures[FAKE_ISSUE] = (struct fake_failure){ ERROR_DENIED, .times = 1 };
        run(new_order("device-1"));
        assert_stopped(ERROR_DENIED, ORDER_REQUESTED);
        run(reload(back->number));
        assert_delivered();
}

static void
a_failed_issue_is_asked_once_more_with_a_new_token(void **state)
{
        (void)state;
        fake_ca.failures[FAKE_GET] = (struct fake_failure){ ERROR_ISSUE_FAILED, .times = 1 };
        run(new_order("device-1"));
        assert_delivered();
        assert_int_equal(fake_ca.counts[FAKE_ISSUE], 2);
        assert_int_equal(fake_ca.issued, 2);
        assert_false(back->maybe_duplicate);
}

static void
two_failed_issues_are_a_verdict(void **state)
{
        (void)state;
        fake_ca.failures[FAKE_GET] = (struct fake_failure){ .kind = ERROR_ISSUE_FAILED };
        run(new_order("device-1"));
        assert_stopped(ERROR_ISSUE_FAILED, ORDER_FAILED);
        assert_int_equal(fake_ca.counts[FAKE_ISSUE], 2);
}

static void
an_outage_is_waited_out_when_there_is_time(void **state)
{
        (void)state;
        options.outage_ms = 20000;
        fake_ca.failures[FAKE_GET] = (struct fake_failure){ ERROR_AWS_UNAVAILABLE, .times = 1 };
        run(new_order("device-1"));
        assert_delivered();
        assert_int_equal(fake_ca.issued, 1);
}

static void
a_certificate_for_another_key_is_never_delivered(void **state)
{
        (void)state;
        fake_ca.wrong_key = true;
        run(new_order("device-1"));
        assert_stopped(ERROR_NOT_AS_ASKED, ORDER_FAILED);
        assert_int_equal(fake_token.certificate_count, 0);
        assert_null(back->file_certificate);
        assert_true(back->certificate.len > 0);
        assert_non_null(back->serial);
}

static void
a_certificate_that_cannot_be_read_is_not_what_was_asked(void **state)
{
        (void)state;
        fake_ca.broken = true;
        run(new_order("device-1"));
        assert_stopped(ERROR_NOT_AS_ASKED, ORDER_FAILED);
        assert_int_equal(fake_token.certificate_count, 0);
        assert_non_null(back->serial);
}

static void
what_the_ca_calls_a_certificate_and_is_none_is_kept_and_not_what_was_asked(void **state)
{
        (void)state;
        fake_ca.instead = "-----BEGIN CERTIFICATE-----\nMAMCAQEA\n-----END CERTIFICATE-----";
        run(new_order("device-1"));
        assert_stopped(ERROR_NOT_AS_ASKED, ORDER_FAILED);
        assert_int_equal(back->certificate.len, 6);
        assert_string_equal(back->differences, "form: it is not one X.509 certificate in DER\n");
        assert_null(back->serial);
}

static void
an_answer_that_breaks_off_is_asked_for_again_and_judges_nothing(void **state)
{
        static const char *const texts[] = {
                "-----BEGIN CERTIFICATE-----\nMAMCAQEA\n-----END CERTIFICATE----",
                "-----BEGIN CERTIFICATE-----\nMAM!AQEA\n-----END CERTIFICATE-----",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                fake_ca.instead = texts[i];
                run(i ? reload(1) : new_order("device-1"));
                assert_stopped(ERROR_AWS_ANSWER, ORDER_SUBMITTED);
                assert_int_equal(back->certificate.len, 0);
        }
        fake_ca.instead = NULL;
        run(reload(1));
        assert_delivered();
}

/* A crash right after the certificate was recorded, on a station whose clock is fast. */
static void
a_verdict_on_dates_waits_until_the_clock_of_aws_is_known(void **state)
{
        struct error err = { 0 };
        struct order *order;

        (void)state;
        run(new_order("device-1"));
        order = reload(back->number);
        order->number = 0;
        order->state = ORDER_ISSUED;
        text_assign(&order->wishes.name, "device-2");
        order->first_sent_at += 1200;
        order->issued_at += 1200;
        text_assign(&order->boot_id, "another boot");
        assert_done(ledger_insert(ledger, order, clock_now(), &err), err);
        order_free(order);
        fake_ca.counts[FAKE_DESCRIBE] = 0;
        fake_ca.clock_offset = -1200;
        fake_ca.failures[FAKE_DESCRIBE] = (struct fake_failure){ ERROR_NETWORK, .times = 1 };
        run(reload(2));
        assert_stopped(ERROR_NETWORK, ORDER_ISSUED);
        run(reload(2));
        assert_stopped(ERROR_NONE, ORDER_DELIVERED);
        assert_int_equal(fake_ca.counts[FAKE_DESCRIBE], 2);
}

/* Submitted by a station whose clock was twenty minutes fast; it is right when it fetches. */
static void
dates_are_judged_by_when_the_request_was_sent_whatever_the_clock_said_then(void **state)
{
        struct error err = { 0 };
        struct order *order;

        (void)state;
        options.no_wait = true;
        run(new_order("device-1"));
        assert_stopped(ERROR_PENDING, ORDER_SUBMITTED);
        order = reload(back->number);
        order->first_sent_at += 1200;
        assert_done(ledger_update(ledger, order, "aged", clock_now(), &err), err);
        order_free(order);
        options.no_wait = false;
        run(reload(1));
        assert_stopped(ERROR_NONE, ORDER_DELIVERED);
}

static void
a_certificate_of_another_root_waits_for_a_person(void **state)
{
        (void)state;
        fake_ca.other_root = true;
        run(new_order("device-1"));
        assert_stopped(ERROR_ROOT_CHANGED, ORDER_ISSUED);
        assert_int_equal(fake_token.certificate_count, 0);
}

/* -- stopping -------------------------------------------------------------------------------- */

static void
the_first_signal_keeps_what_was_in_flight(void **state)
{
        (void)state;
        stop = 1;
        waiting = new_order("device-1");
        struct error err = { 0 };

        assert_done(drive_run(&options, &source, &err), err);
        assert_null(back);
        assert_int_equal(fake_token.made, 0);
        order_free(MOVE(waiting));
}

static void
facts_are_told_only_after_they_are_on_record(void **state)
{
        static const char *const expected[] = { "planned",   "keyed",  "csr-signed", "requested",
                                                "submitted", "issued", "verified",   "delivered" };
        size_t found = 0;

        (void)state;
        run(new_order("device-1"));
        for (size_t i = 0; i < told_count && found < ARRAY_LENGTH(expected); i++)
                found += strcmp(told[i], expected[found]) == 0;
        assert_int_equal(found, ARRAY_LENGTH(expected));
}

/* -- files ----------------------------------------------------------------------------------- */

static void
a_delivered_file_that_was_lost_is_written_again(void **state)
{
        struct error err = { 0 };

        (void)state;
        run(new_order("device-1"));
        assert_int_equal(unlink(back->file_fullchain), 0);
        assert_refused(deliver_check(back, &err), err, ERROR_NOT_PROVED);
        run(reload(back->number));
        assert_done(deliver_check(back, &err), err);
}

/* Runs last: the thread that hangs is left behind. */
static void
a_module_that_hangs_keeps_only_its_order(void **state)
{
        (void)state;
        options.token_timeout_ms = 100;
        fake_token.hang_ms = 1500;
        run(new_order("device-1"));
        assert_stopped(ERROR_TOKEN_HANGS, ORDER_PLANNED);
        assert_int_equal(back->number, 1);
        assert_true(drive_hangs());
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(an_order_goes_from_key_to_files_in_one_run),
                TEST(what_the_ledger_has_is_what_came_back),
                TEST(a_root_is_pinned_at_first_use_and_not_asked_for_again),
                TEST(with_root_and_algorithm_two_operations_are_enough),
                TEST(who_may_not_describe_learns_the_algorithm_from_the_ca_certificate),
                TEST(a_held_order_stops_with_its_csr),
                TEST(a_held_order_asks_nothing_of_its_ca),
                TEST(without_waiting_it_stops_at_submitted_and_can_be_fetched),
                TEST(a_certificate_that_is_not_ready_is_asked_for_again),
                TEST(a_default_label_is_never_given_twice_on_a_token),
                TEST(nothing_is_recorded_when_the_token_is_absent),
                TEST(a_token_that_another_process_was_writing_is_found_by_loading_anew),
                TEST(a_ca_that_is_not_active_is_told_before_a_key_is_made),
                TEST(a_wish_that_the_template_drops_is_told_before_a_key_is_made),
                TEST(a_validity_beyond_the_end_of_the_ca_is_told_before_a_key_is_made),
                TEST(a_held_order_that_would_lose_a_wish_is_held_on),
                TEST(a_given_label_that_is_taken_is_refused),
                TEST(a_second_open_order_of_a_name_is_refused),
                TEST(who_repeats_a_name_is_refused_and_not_who_stands_beside),
                TEST(a_token_that_goes_away_leaves_the_state_and_resume_goes_on),
                TEST(a_key_that_was_made_before_the_crash_is_adopted),
                TEST(a_key_that_is_gone_is_a_verdict),
                TEST(what_signs_with_another_key_gets_no_certificate),
                TEST(an_order_whose_token_was_swapped_goes_on_with_its_own),
                TEST(fetching_without_the_token_is_pending),
                TEST(a_request_whose_answer_was_lost_is_sent_again_with_its_token),
                TEST(after_four_and_a_half_minutes_a_lost_answer_may_mean_a_duplicate),
                TEST(a_request_that_never_left_is_no_duplicate_however_late),
                TEST(a_refusal_for_good_is_a_verdict),
                TEST(a_refusal_after_a_lost_answer_admits_that_there_may_be_a_certificate),
                TEST(a_denial_leaves_the_order_where_it_is),
                TEST(a_failed_issue_is_asked_once_more_with_a_new_token),
                TEST(two_failed_issues_are_a_verdict),
                TEST(an_outage_is_waited_out_when_there_is_time),
                TEST(a_certificate_for_another_key_is_never_delivered),
                TEST(a_certificate_that_cannot_be_read_is_not_what_was_asked),
                TEST(what_the_ca_calls_a_certificate_and_is_none_is_kept_and_not_what_was_asked),
                TEST(an_answer_that_breaks_off_is_asked_for_again_and_judges_nothing),
                TEST(a_verdict_on_dates_waits_until_the_clock_of_aws_is_known),
                TEST(dates_are_judged_by_when_the_request_was_sent_whatever_the_clock_said_then),
                TEST(a_certificate_of_another_root_waits_for_a_person),
                TEST(the_first_signal_keeps_what_was_in_flight),
                TEST(facts_are_told_only_after_they_are_on_record),
                TEST(a_delivered_file_that_was_lost_is_written_again),
                TEST(a_module_that_hangs_keeps_only_its_order),
        };
        int failed = cmocka_run_group_tests_name("drive", tests, NULL, NULL);

        fflush(NULL);
        _exit(failed);
}
