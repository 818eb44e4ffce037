#include "tests/unit/unit.h"

#include <poll.h>
#include <pthread.h>

#include "base/queue.h"

enum { ITEMS = 20000 };

static void
things_come_out_in_the_order_they_went_in(void **state)
{
        struct queue *queue = queue_new();
        int things[3];

        (void)state;
        for (size_t i = 0; i < 3; i++)
                queue_push(queue, &things[i]);
        for (size_t i = 0; i < 3; i++)
                assert_ptr_equal(queue_take(queue, 0), &things[i]);
        assert_null(queue_take(queue, 0));
        queue_free(queue);
}

static void
the_descriptor_is_readable_exactly_while_there_is_something(void **state)
{
        struct queue *queue = queue_new();
        struct pollfd poll_fd = { .fd = queue_fd(queue), .events = POLLIN };
        int things[2];

        (void)state;
        assert_int_equal(poll(&poll_fd, 1, 0), 0);
        queue_push(queue, &things[0]);
        queue_push(queue, &things[1]);
        assert_int_equal(poll(&poll_fd, 1, 0), 1);
        queue_take(queue, 0);
        assert_int_equal(poll(&poll_fd, 1, 0), 1);
        queue_take(queue, 0);
        assert_int_equal(poll(&poll_fd, 1, 0), 0);
        queue_free(queue);
}

static void *
push_many(void *argument)
{
        static int thing;

        for (int i = 0; i < ITEMS; i++)
                queue_push(argument, &thing);
        return NULL;
}

static void
nothing_is_lost_between_threads(void **state)
{
        struct queue *queue = queue_new();
        pthread_t threads[4];
        int taken = 0;

        (void)state;
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, push_many, queue), 0);
        while (taken < 4 * ITEMS && queue_take(queue, 10000))
                taken++;
        for (size_t i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(taken, 4 * ITEMS);
        assert_null(queue_take(queue, 1));
        queue_free(queue);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(things_come_out_in_the_order_they_went_in),
                cmocka_unit_test(the_descriptor_is_readable_exactly_while_there_is_something),
                cmocka_unit_test(nothing_is_lost_between_threads),
        };

        return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
