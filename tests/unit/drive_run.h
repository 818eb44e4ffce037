/*
 * One run of the conductor with a token and a CA in memory; what the tests of drive/batch.h share.
 */
#ifndef TESTS_UNIT_DRIVE_RUN_H
#define TESTS_UNIT_DRIVE_RUN_H

#include "drive/batch.h"
#include "tests/unit/fake_ca.h"
#include "tests/unit/fake_token.h"

extern char folder[64];
extern struct ledger *ledger;
extern struct drive_options options;
extern struct order *waiting; /* what `next` gives */
extern struct order *back;    /* what `done` was given */
extern volatile int stop;
extern char told[32][64]; /* the texts of the events */
extern size_t told_count;

/* For cmocka, around each test: a ledger of its own, an empty token, a CA that does what it is
 * told. */
int set_up(void **state);
int tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Gives `waiting`, and takes it back. */
extern const struct drive_source source;

/* Move one order as far as it goes; it is in `back` then. */
void run(struct order *order);

struct order *new_order(const char *name);

/* The order as a later process would find it. */
struct order *reload(int64_t number);

void assert_delivered(void);
void assert_stopped(enum error_kind kind, enum order_state state);

#endif
