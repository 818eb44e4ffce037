/*
 * Names: subjects (RFC 4514) and subject alternative names (RFC 5280, 4.2.1.6).  Pure.
 */
#ifndef ORDER_NAME_H
#define ORDER_NAME_H

#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/err.h"
#include "order/text_list.h"

/*
 * Read an RFC 4514 subject ("CN=device-1,O=Example") with all its escapes, multi-valued RDNs,
 * #hex values and dotted OIDs.  The first RDN of the text is the last of the DER, as the RFC says.
 * Values become UTF8String, or PrintableString where the attribute asks for it (country, serial
 * number, dnQualifier).  Upper bounds of RFC 5280, appendix A, are kept.
 *
 * name    out, the caller frees with X509_NAME_free
 * errors  ERROR_USAGE with the rule that is broken
 */
bool subject_parse(const char *text, X509_NAME **name, struct error *err) MUST_CHECK;

/* RFC 4514 text of a name; the caller frees.  subject_parse() of it gives the same name. */
char *subject_format(const X509_NAME *name);

/* Do two names hold the same attributes as texts, equally often, in whatever order? */
bool subject_same_attributes(const X509_NAME *a, const X509_NAME *b);

/* Do two names compare equal (RFC 5280, 7.1, as X509_NAME_cmp does)? */
bool subject_equal(const X509_NAME *a, const X509_NAME *b);

/* The last (most specific) common name, or NULL; the caller frees. */
char *subject_common_name(const X509_NAME *name);

/*
 * Read one TYPE:VALUE of the command line and normalise it: dns (IDNs to A-labels, lower case,
 * wildcard only as the whole first label), ip (v4, v6), email, uri, rid, upn, krb5 (a Kerberos
 * principal), dirname (RFC 4514), othername (OID;UTF8:text, OID;IA5:text, OID;DER:hex).
 *
 * normal  out, the text in its normal form ("dns:device-1.example"); the caller frees
 */
bool san_parse(const char *text, char **normal, struct error *err) MUST_CHECK;

/* The names as an extension value; each text is a normal form of san_parse().  Caller frees. */
bool san_build(char *const *sans, size_t count, GENERAL_NAMES **out, struct error *err) MUST_CHECK;

/* The normal forms of an extension's names, in order; kinds we do not know as "other:HEX". */
void san_list(const GENERAL_NAMES *names, char ***sans, size_t *count);

#endif
