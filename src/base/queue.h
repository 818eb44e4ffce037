/*
 * Hand things from one thread to another, whole: whoever pushes a pointer forgets it.
 *
 * Any number of threads may push and take.  The only locks of the program are in queue.c.
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include "base/compiler.h"

struct queue;

struct queue *queue_new(void);

/* The queue must be empty and nobody may be waiting.  NULL does nothing. */
void queue_free(struct queue *queue);

/* Append; never blocks, never fails.  `item` is not NULL. */
void queue_push(struct queue *queue, void *item);

/*
 * The oldest item, waiting up to `timeout_ms` for one (-1: for ever, 0: not at all).
 * NULL when there was none.
 */
void *queue_take(struct queue *queue, int timeout_ms);

/*
 * A descriptor that is readable while the queue holds something, for poll().  Do not read it.
 */
int queue_fd(const struct queue *queue);

#endif
