/*
 * A token that breaks: SoftHSM behind the breakable module (tests/token/rules.h has its rules).
 */
#ifndef TESTS_UNIT_BROKEN_H
#define TESTS_UNIT_BROKEN_H

#include "engine/key.h"
#include "tests/unit/softhsm.h"

extern struct modules *modules;
extern struct token *token; /* open and logged in when a test begins */
extern struct uri *uri;
extern struct pin_source source;
extern struct token_login login;

/* The rules in force from the next call on. */
void rules(const char *text);

/* How often a function of the module was called since the tests began. */
unsigned long counted(const char *function);

/* A key pair under a random id. */
struct key *make(enum key_type type, struct error *err);

/* How many objects carry the id. */
size_t count_objects(struct view id);

/* Does the key sign? */
bool signs(struct key *key, struct error *err);

/* Set-up and tear-down of a group, and of each test in it. */
int broken_prepare(void **state);
int broken_clean_up(void **state);
int broken_open_token(void **state);
int broken_close_token(void **state);

#define broken_test(name) \
        cmocka_unit_test_setup_teardown(name, broken_open_token, broken_close_token)

#endif
