#include "tests/unit/unit.h"

#include "drive/pace.h"

/* A service with a quota: a bucket of one second's calls, as localpca and AWS have it. */
struct service {
        double quota;
        double tokens;
        int64_t filled_ms;
        unsigned accepted;
        unsigned refused;
};

static bool
accepts(struct service *service, int64_t now_ms)
{
        service->tokens += (double)(now_ms - service->filled_ms) * service->quota / 1000;
        service->filled_ms = now_ms;
        if (service->tokens > service->quota)
                service->tokens = service->quota;
        if (service->tokens < 1) {
                service->refused++;
                return false;
        }
        service->tokens -= 1;
        service->accepted++;
        return true;
}

struct flight {
        int64_t sent_ms;
        bool accepted;
};

/* Call as fast as the pace lets us until `wanted` were accepted; how long it took. */
static int64_t
drive(struct pace *pace, struct service *service, unsigned wanted, int64_t latency_ms)
{
        struct flight flights[512];
        size_t first = 0, count = 0;
        int64_t now = 1000;
        unsigned done = 0;

        service->filled_ms = now;
        for (; done < wanted && now < 600 * 1000; now++) {
                while (count && flights[first % 512].sent_ms + latency_ms <= now) {
                        struct flight *flight = &flights[first++ % 512];

                        count--;
                        done += flight->accepted;
                        pace_answered(pace, flight->sent_ms, !flight->accepted, now);
                }
                while (done + count < wanted + 8 && count < 500 && pace_wait_ms(pace, now) == 0) {
                        flights[(first + count++) % 512] =
                                (struct flight){ now, accepts(service, now) };
                        pace_sent(pace, now);
                }
        }
        return now - 1000;
}

static void
just_under_the_quota_nothing_is_refused_and_little_is_left_over(void **state)
{
        struct service service = { .quota = 25, .tokens = 25 };
        struct pace pace;

        (void)state;
        pace_init(&pace, 24.9, 0);
        int64_t took = drive(&pace, &service, 1000, 40);

        assert_int_equal(service.refused, 0);
        assert_in_range(took, 1000 * 1000 / 25, 1000 * 10000 / 245);
}

static void
a_quota_that_nobody_told_of_is_met_by_few_calls_and_then_kept(void **state)
{
        struct service service = { .quota = 25, .tokens = 25 };
        struct pace pace;

        (void)state;
        pace_init(&pace, 0, 24.9);
        int64_t took = drive(&pace, &service, 1000, 5);

        assert_in_range(service.refused, 1, 12);
        assert_in_range(took, 38 * 1000, 1000 * 10000 / 245);
}

static void
the_quota_that_shows_is_kept_to_at_once(void **state)
{
        struct pace pace;

        (void)state;
        pace_init(&pace, 0, 24.9);
        for (int i = 0; i < 4; i++)
                pace_sent(&pace, 1000);
        pace_answered(&pace, 1000, false, 1005);
        pace_answered(&pace, 1000, true, 1005);
        assert_true(pace_rate(&pace) == 24.9);
}

static void
without_a_quota_there_is_no_limit(void **state)
{
        struct service service = { .quota = 1e9, .tokens = 1e9 };
        struct pace pace;

        (void)state;
        pace_init(&pace, 0, 24.9);
        int64_t took = drive(&pace, &service, 5000, 5);

        assert_int_equal(service.refused, 0);
        assert_in_range(took, 0, 3000);
}

/* Who says that there is no limit is not doubted. */
static void
without_a_quota_to_come_the_first_calls_are_as_many_as_there_are(void **state)
{
        struct pace pace;

        (void)state;
        pace_init(&pace, 0, 0);
        for (int i = 0; i < 1000; i++) {
                assert_int_equal(pace_wait_ms(&pace, 1000), 0);
                pace_sent(&pace, 1000);
        }
}

/* One after the other they would take twelve seconds. */
static void
where_there_is_no_quota_a_slow_ca_is_soon_asked_for_many_at_once(void **state)
{
        struct service service = { .quota = 1e9, .tokens = 1e9 };
        struct pace pace;

        (void)state;
        pace_init(&pace, 0, 24.9);
        assert_in_range(drive(&pace, &service, 300, 40), 0, 500);
}

static void
a_quota_far_below_the_limit_is_found(void **state)
{
        struct service service = { .quota = 5, .tokens = 5 };
        struct pace pace;

        (void)state;
        pace_init(&pace, 24.9, 0);
        int64_t took = drive(&pace, &service, 300, 40);

        /* Within a fifth of what the quota allows, and no storm of refusals. */
        assert_in_range(took, 58 * 1000, 75 * 1000);
        assert_in_range(service.refused, 1, 60);
        assert_true(pace_rate(&pace) < 12);
}

static void
refusals_of_calls_under_way_lower_the_rate_once(void **state)
{
        struct pace pace;

        (void)state;
        pace_init(&pace, 20, 0);
        for (int i = 0; i < 8; i++)
                pace_sent(&pace, 1000 + i);
        pace_answered(&pace, 1000, true, 1100);
        double once = pace_rate(&pace);

        for (int i = 1; i < 8; i++)
                pace_answered(&pace, 1000 + i, true, 1100 + i);
        assert_true(pace_rate(&pace) == once);
        assert_true(once < 20 && once > 10);
}

static void
the_rate_never_falls_below_one_call_in_two_seconds(void **state)
{
        struct pace pace;

        (void)state;
        pace_init(&pace, 1, 0);
        for (int64_t now = 1000; now < 100 * 1000; now += 1000) {
                pace_sent(&pace, now);
                pace_answered(&pace, now, true, now + 10);
        }
        assert_true(pace_rate(&pace) == 0.5);
        assert_in_range(pace_wait_ms(&pace, 100 * 1000), 0, 2000);
}

static void
a_pause_is_not_made_up_for_by_a_burst(void **state)
{
        struct pace pace;
        unsigned sent = 0;

        (void)state;
        pace_init(&pace, 10, 0);
        pace_sent(&pace, 1000);
        while (pace_wait_ms(&pace, 60 * 1000) == 0 && sent < 100) {
                pace_sent(&pace, 60 * 1000);
                sent++;
        }
        assert_in_range(sent, 1, 6);
}

static void
a_call_that_was_not_made_gives_its_place_back(void **state)
{
        struct pace pace;

        (void)state;
        pace_init(&pace, 0, 24.9);
        while (pace_wait_ms(&pace, 1000) == 0)
                pace_sent(&pace, 1000);
        assert_int_equal(pace_wait_ms(&pace, 1000), -1);
        pace_dropped(&pace);
        assert_int_equal(pace_wait_ms(&pace, 1000), 0);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(just_under_the_quota_nothing_is_refused_and_little_is_left_over),
                cmocka_unit_test(a_quota_that_nobody_told_of_is_met_by_few_calls_and_then_kept),
                cmocka_unit_test(the_quota_that_shows_is_kept_to_at_once),
                cmocka_unit_test(without_a_quota_there_is_no_limit),
                cmocka_unit_test(without_a_quota_to_come_the_first_calls_are_as_many_as_there_are),
                cmocka_unit_test(where_there_is_no_quota_a_slow_ca_is_soon_asked_for_many_at_once),
                cmocka_unit_test(a_quota_far_below_the_limit_is_found),
                cmocka_unit_test(refusals_of_calls_under_way_lower_the_rate_once),
                cmocka_unit_test(the_rate_never_falls_below_one_call_in_two_seconds),
                cmocka_unit_test(a_pause_is_not_made_up_for_by_a_burst),
                cmocka_unit_test(a_call_that_was_not_made_gives_its_place_back),
        };

        return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
