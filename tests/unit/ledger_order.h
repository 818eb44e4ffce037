/*
 * What the tests of the ledger share: a folder each, orders to record, and comparing them.
 */
#ifndef TESTS_UNIT_LEDGER_ORDER_H
#define TESTS_UNIT_LEDGER_ORDER_H

#include <sys/types.h>

#include "ledger/ledger.h"
#include "order/order.h"

/* A folder of its own for a test, below a real disk's /var/tmp; given as *state. */
int place_make(void **state);
int place_remove(void **state);
int mkdir_parent(const char *path);

struct ledger *open_ledger(const char *place); /* or the test fails */
void close_cleanup(struct ledger **ledger);
size_t count_orders(const char *place);

/*
 * End a child.  A program takes its place, because valgrind would hold the memory that a child has
 * from its parent against it.
 */
__attribute__((noreturn)) void child_leave(int status);

/* A child's exit status, or 128 and the signal that ended it. */
int exit_status(pid_t child);

/* A small order, and one with every member set (to something that is not its default). */
struct order *order_planned(const char *name);
struct order *order_full(const char *name);

/* Every member but the number's own and the record of revocation. */
void assert_orders_equal(const struct order *a, const struct order *b);

#endif
