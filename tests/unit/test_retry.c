#include "tests/unit/unit.h"

#include "aws/retry.h"

static void
the_longest_wait_doubles_up_to_twenty_seconds(void **state)
{
        static const int64_t longest[] = { 1000, 2000, 4000, 8000, 16000, 20000, 20000 };

        (void)state;
        for (unsigned i = 0; i < ARRAY_LENGTH(longest); i++)
                assert_int_equal(retry_delay_ms(i, 1.0, -1), longest[i]);
        assert_int_equal(retry_delay_ms(4000000000U, 1.0, -1), 20000);
}

static void
the_wait_is_drawn_between_nothing_and_the_longest(void **state)
{
        (void)state;
        assert_int_equal(retry_delay_ms(3, 0.0, -1), 0);
        assert_int_equal(retry_delay_ms(3, 0.5, -1), 4000);
}

static void
what_the_service_asks_for_counts_within_five_seconds(void **state)
{
        (void)state;
        assert_int_equal(retry_delay_ms(0, 0.5, 3000), 3000);
        assert_int_equal(retry_delay_ms(0, 0.5, 100), 500);
        assert_int_equal(retry_delay_ms(0, 0.5, 60000), 5500);
        assert_int_equal(retry_delay_ms(0, 0.5, 0), 500);
}

static void
an_empty_quota_ends_the_retrying(void **state)
{
        struct retry_quota quota = { .tokens = 12 };

        (void)state;
        assert_int_equal(retry_quota_take(&quota, RETRY_TIMEOUT), 10);
        assert_int_equal(retry_quota_take(&quota, RETRY_TRANSIENT), 0);
        assert_int_equal(quota.tokens, 2);
}

static void
a_success_gives_back_what_its_retry_cost(void **state)
{
        struct retry_quota quota = { .tokens = 100 };

        (void)state;
        retry_quota_give(&quota, retry_quota_take(&quota, RETRY_THROTTLED));
        assert_int_equal(quota.tokens, 100);
        retry_quota_give(&quota, 0);
        assert_int_equal(quota.tokens, 101);
        quota.tokens = RETRY_QUOTA_FULL;
        retry_quota_give(&quota, 10);
        assert_int_equal(quota.tokens, RETRY_QUOTA_FULL);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_longest_wait_doubles_up_to_twenty_seconds),
                cmocka_unit_test(the_wait_is_drawn_between_nothing_and_the_longest),
                cmocka_unit_test(what_the_service_asks_for_counts_within_five_seconds),
                cmocka_unit_test(an_empty_quota_ends_the_retrying),
                cmocka_unit_test(a_success_gives_back_what_its_retry_cost),
        };

        return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
