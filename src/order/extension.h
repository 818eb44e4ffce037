/*
 * What the extensions of a certificate or a request say (RFC 5280, 4.2.1).  Pure.
 */
#ifndef ORDER_EXTENSION_H
#define ORDER_EXTENSION_H

#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "order/order.h"

struct extensions {
        bool has_basic_constraints;
        bool is_ca;
        int path_length; /* -1: none */
        struct usages usages;
        char **sans; /* as san_list() gives them */
        size_t san_count;
        char **others; /* all that have no member here, but key identifiers, as custom_format()
                          writes them */
        size_t other_count;
        char problem[192]; /* the first thing that is wrong with them; "" if nothing is */
};

void extensions_clear(struct extensions *extensions);

/*
 * Read them all, the good ones too where one is wrong: one that is there twice, that does not
 * decode, or that something follows inside its value.
 */
void extensions_read(const STACK_OF(X509_EXTENSION) * list, struct extensions *out);

/*
 * Append the extensions that wishes ask for, as one DER SEQUENCE OF Extension; nothing at all when
 * there are none.  `sans` is the DER of GeneralNames, or empty.
 */
void extensions_write(struct buf *out, struct view sans, bool sans_critical,
                      const struct wishes *wishes);

#endif
