#include "base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"

struct item {
        struct item *next;
        void *pointer;
};

struct queue {
        pthread_mutex_t lock;
        pthread_cond_t filled;
        struct item *first;
        struct item **end;
        int fd; /* an eventfd that counts 1 while the queue is not empty */
};

struct queue *
queue_new(void)
{
        struct queue *queue = memory_new(1, sizeof(*queue));
        pthread_condattr_t attributes;

        queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (queue->fd < 0) {
                perror("p11cert: eventfd");
                abort();
        }
        pthread_mutex_init(&queue->lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&queue->filled, &attributes);
        pthread_condattr_destroy(&attributes);
        queue->end = &queue->first;
        return queue;
}

void
queue_free(struct queue *queue)
{
        if (!queue)
                return;
        assert(!queue->first);
        close(queue->fd);
        pthread_cond_destroy(&queue->filled);
        pthread_mutex_destroy(&queue->lock);
        free(queue);
}

void
queue_push(struct queue *queue, void *pointer)
{
        struct item *item = memory_new(1, sizeof(*item));

        assert(pointer);
        item->pointer = pointer;
        pthread_mutex_lock(&queue->lock);
        if (!queue->first)
                eventfd_write(queue->fd, 1);
        *queue->end = item;
        queue->end = &item->next;
        pthread_cond_signal(&queue->filled);
        pthread_mutex_unlock(&queue->lock);
}

/* Wait with the lock held until there is an item or the time is over. */
static void
wait_filled(struct queue *queue, int timeout_ms)
{
        struct timespec until;

        if (timeout_ms == 0)
                return;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += timeout_ms / 1000;
        until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
                until.tv_sec++;
                until.tv_nsec -= 1000000000;
        }
        while (!queue->first) {
                if (timeout_ms < 0)
                        pthread_cond_wait(&queue->filled, &queue->lock);
                else if (pthread_cond_timedwait(&queue->filled, &queue->lock, &until) == ETIMEDOUT)
                        return;
        }
}

void *
queue_take(struct queue *queue, int timeout_ms)
{
        void *pointer = NULL;

        pthread_mutex_lock(&queue->lock);
        wait_filled(queue, timeout_ms);
        struct item *item = queue->first;

        if (item) {
                pointer = item->pointer;
                queue->first = item->next;
                if (!queue->first) {
                        eventfd_t ignored;

                        queue->end = &queue->first;
                        eventfd_read(queue->fd, &ignored);
                }
        }
        pthread_mutex_unlock(&queue->lock);
        free(item);
        return pointer;
}

int
queue_fd(const struct queue *queue)
{
        return queue->fd;
}
