/*
 * Names as the API writes them in JSON, made into those of X.509: ASN1Subject and GeneralName.
 *
 * What cannot be encoded is refused with a sentence that names the member; the caller knows which
 * code goes with it.
 */
#ifndef LOCALPCA_NAMES_H
#define LOCALPCA_NAMES_H

#include <cjson/cJSON.h>
#include <openssl/x509v3.h>

#include "base/err.h"

/*
 * The distinguished name of an ASN1Subject: one RDN for each member, in the order of the API's
 * documentation, then the CustomAttributes in theirs; members that are empty are left out.  Each
 * value takes the string type of its attribute (RFC 5280, appendix A: PrintableString for country,
 * serialNumber and dnQualifier, IA5String for domainComponent) and UTF8String elsewhere.
 * ERROR_INPUT: standard attributes beside custom ones, or a value that its type does not take.
 */
X509_NAME *name_of_subject(const cJSON *subject, struct error *err) MUST_CHECK;

/*
 * One GeneralName of exactly one member.  The value of an OtherName becomes a UTF8String.
 * ERROR_INPUT as above; an address that is none, text beyond IA5String, an OID that is none.
 */
GENERAL_NAME *name_of_general(const cJSON *from, struct error *err) MUST_CHECK;

/* An OID in figures; NULL when it is none. */
ASN1_OBJECT *oid_of_text(const char *text);

#endif
