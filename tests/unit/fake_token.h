/*
 * A token in memory that stands in for the engine, so that the conductor can be tested with every
 * answer a token may give at every step.
 */
#ifndef TESTS_UNIT_FAKE_TOKEN_H
#define TESTS_UNIT_FAKE_TOKEN_H

#include "engine/key.h"

enum { FAKE_KEYS = 64, FAKE_CERTIFICATES = 64 };

/* The calls that can be made to fail. */
enum fake_call {
        FAKE_OPEN,
        FAKE_MAKE,
        FAKE_SIGN,
        FAKE_CHECK, /* key_check() and token_check() */
        FAKE_WRITE,
        FAKE_DESTROY,
        FAKE_CALLS
};

struct fake_token {
        struct {
                struct buf id;
                void *pkey; /* EVP_PKEY */
                char *label;
        } keys[FAKE_KEYS];
        size_t key_count;
        struct {
                struct buf id;
                struct buf certificate;
        } certificates[FAKE_CERTIFICATES];
        size_t certificate_count;
        unsigned made;                        /* key pairs that were ever made */
        unsigned counts[FAKE_CALLS];          /* calls so far */
        enum error_kind failures[FAKE_CALLS]; /* every call fails with this, until reset */
        unsigned absent_opens;                /* so many opens find no token, then it is there */
        unsigned lies_at;                     /* the signature (1: the first) by another key */
        unsigned hang_ms;                     /* every FAKE_MAKE sleeps this long */
        void (*meanwhile)(enum fake_call);    /* what others do during a call; may be NULL */
};

extern struct fake_token fake_token;

/* An empty token that does what it is told. */
void fake_token_reset(void);

/* Calls so far, while workers may be at some. */
unsigned fake_token_count(enum fake_call call);

#endif
