/*
 * A root, an issuing CA, a leaf and the wishes it was issued for: all as they should be, until a
 * test spoils one of them.
 */
#ifndef TESTS_UNIT_SCENE_H
#define TESTS_UNIT_SCENE_H

#include "order/cert.h"
#include "tests/unit/maker.h"

/* 2026-11-22T00:00:00Z, when everything happens. */
#define SCENE_NOW INT64_C(1795305600)

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

#define TEMPLATE(name) "arn:aws:acm-pca:::template/" name "/V1"

/* Keys are made once: they take longer than all the rest. */
struct scene_keys {
        EVP_PKEY *root;
        EVP_PKEY *issuer;
        EVP_PKEY *leaf;
        EVP_PKEY *other;
        EVP_PKEY *rsa;
};
extern struct scene_keys keys;

/* For cmocka's group. */
int scene_make_keys(void **state);
int scene_free_keys(void **state);

/* All that a row may spoil before the certificates are signed and judged. */
struct scene {
        struct maker_certificate root;
        struct maker_certificate issuer;
        struct maker_certificate leaf;
        struct wishes wishes;
        struct certificate_expectation expected;
        struct buf csr;
        struct buf allowed; /* of the last judgement */
        struct buf notes;
        bool chain_missing;
        bool pin_other_root;
        bool trailing_byte;
        bool flip_signature;
};

void scene_init(struct scene *scene);
void scene_clear(struct scene *scene);

/* The request of the wishes, unless there is one already; scene_judge() does it, too. */
void scene_make_request(struct scene *scene);

/* Sign all three: DER. */
void scene_sign(struct scene *scene, struct buf *root, struct buf *issuer, struct buf *leaf);

/* Sign all three and judge the leaf; checks the path where it passes. */
bool scene_judge(struct scene *scene, struct buf *differences, struct error *err);

#endif
