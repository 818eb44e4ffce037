/*
 * What a plan means in bytes: the extensions that its rows stand for, made by OpenSSL from the
 * texts that a person reads.
 */
#ifndef TESTS_UNIT_PLANNED_H
#define TESTS_UNIT_PLANNED_H

#include <openssl/x509.h>

#include "order/predict.h"

enum { EXTENSIONS_MOST = 32 };

struct extension {
        char oid[80];
        struct buf value;
        enum answer critical;
};

struct extension_list {
        struct extension all[EXTENSIONS_MOST];
        size_t count;
};

/* What the plan was made of, and the certificate that came, for its key identifiers. */
struct planned_from {
        const struct wishes *wishes;
        struct view csr;
        const X509 *leaf;
        const X509 *root;
        const char *crl_url, *ocsp_url; /* where the CA says that they are */
};

/*
 * The extensions of a plan, in its order.  Fails the test where a row says what nobody understands.
 */
void planned_extensions(const struct prediction *plan, const struct planned_from *from,
                        struct extension_list *out);
void planned_clear(struct extension_list *list);

#endif
