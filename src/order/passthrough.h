/*
 * What ApiPassthrough of IssueCertificate can carry: the limits and forms of the API's model
 * (acm-pca 2017-08-22), held before anything is sent.  Pure.
 */
#ifndef ORDER_PASSTHROUGH_H
#define ORDER_PASSTHROUGH_H

#include "order/oid.h"
#include "order/order.h"
#include "order/template.h"

/* One attribute of an ASN1Subject. */
struct passthrough_attribute {
        const char *member; /* "CommonName" …; NULL: only as a custom attribute */
        char oid[OID_TEXT];
        char *value; /* UTF-8 */
};

/* A name as ASN1Subject: standard members, or custom attributes in the order of the DER. */
struct passthrough_name {
        struct passthrough_attribute *attributes;
        size_t count;
        bool standard; /* each has a member that it fits, none twice; else all go as custom ones */
};

void passthrough_name_clear(struct passthrough_name *name);

/*
 * Read an RFC 4514 name.  ERROR_USAGE for what the API cannot say: several attributes in one RDN, a
 * value that is no text or longer than 256 characters, an OID that its pattern does not allow.
 */
bool passthrough_name_read(const char *subject, struct passthrough_name *out,
                           struct error *err) MUST_CHECK;

/* Do all wishes that go through the API fit it?  ERROR_USAGE with the limit that is broken. */
bool passthrough_check(const struct wishes *wishes, const struct template_facts *facts,
                       struct error *err) MUST_CHECK;

#endif
