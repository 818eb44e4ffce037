/*
 * Alternative names of the kind otherName (RFC 5280, 4.2.1.6): a type and a value of its own.
 * For san.c.  Pure.
 *
 *     upn:USER@REALM           userPrincipalName, the name of Windows logon
 *     krb5:NAME[/NAME]@REALM   KRB5PrincipalName (RFC 4556, 3.2.2); \ in front of / @ and \ in a
 * name othername:OID;UTF8:TEXT  any type; also IA5:TEXT, and DER:HEX for whatever else
 */
#ifndef ORDER_OTHERNAME_H
#define ORDER_OTHERNAME_H

#include <openssl/x509v3.h>

#include "base/compiler.h"

/* Each takes what stands behind the kind and gives its normal form, or the rule that it breaks. */
const char *upn_normal(const char *value, char **normal);
const char *krb5_normal(const char *value, char **normal);
const char *othername_normal(const char *value, char **normal);

/* The name of a normal form; `type` is GEN_OTHERNAME. */
bool upn_build(GENERAL_NAME *name, int type, const char *value);
bool krb5_build(GENERAL_NAME *name, int type, const char *value);
bool othername_build(GENERAL_NAME *name, int type, const char *value);

/* The form "kind:value" of a name; NULL where there is none.  The caller frees. */
char *othername_text(const OTHERNAME *other);

#endif
