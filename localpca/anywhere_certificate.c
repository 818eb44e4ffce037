/* Which certificates Roles Anywhere takes, and what it makes of their names. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "localpca/anywhere.h"
#include "localpca/json.h"

enum {
        LEAST_SECURITY_BITS = 128, /* what SHA-256 has */
        PATH_MOST = 5,
        TAG_MOST = 256,
};

/* -- one certificate ---------------------------------------------------------------------- */

static const char *
common_fault(X509 *certificate)
{
        int bits = 0;

        if (X509_get_version(certificate) != X509_VERSION_3)
                return "it is not X.509 version 3";
        if (X509_get_extension_flags(certificate) & EXFLAG_INVALID)
                return "it has an extension that is malformed";
        if (!X509_get_signature_info(certificate, NULL, NULL, &bits, NULL) ||
            bits < LEAST_SECURITY_BITS)
                return "it is signed with a hash weaker than SHA-256";
        return NULL;
}

/* "Basic constraints must include CA: true", and a key usage has to allow signing certificates. */
const char *
anywhere_anchor_fault(X509 *certificate)
{
        const char *fault = common_fault(certificate);
        uint32_t flags = X509_get_extension_flags(certificate);

        if (fault)
                return fault;
        if (!(flags & EXFLAG_BCONS) || !(flags & EXFLAG_CA))
                return "it is not that of a CA";
        if (flags & EXFLAG_KUSAGE && !(X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN))
                return "its key usage does not allow to sign certificates";
        return NULL;
}

/* "Basic constraints must include CA: false.  The key usage must include Digital Signature." */
static const char *
leaf_fault(X509 *certificate)
{
        const char *fault = common_fault(certificate);
        uint32_t flags = X509_get_extension_flags(certificate);

        if (fault)
                return fault;
        if (!(flags & EXFLAG_BCONS) || flags & EXFLAG_CA)
                return "its basic constraints do not say CA:FALSE";
        if (!(flags & EXFLAG_KUSAGE) || !(X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE))
                return "it lacks the key usage digitalSignature";
        return NULL;
}

/* -- the path ----------------------------------------------------------------------------- */

/*
 * From the certificate to an anchor.  An anchor need not be a root, and no other trust is asked.
 * Level 2 of OpenSSL: no SHA-1, no RSA below 2048 bits, anywhere on the path.
 */
static const char *
path_build(X509 *certificate, STACK_OF(X509) * chain, STACK_OF(X509) * anchors, int64_t now,
           STACK_OF(X509) * *path)
{
        X509_STORE *store = X509_STORE_new();
        X509_STORE_CTX *context = X509_STORE_CTX_new();
        const char *fault = NULL;

        for (int i = 0; i < sk_X509_num(anchors); i++)
                X509_STORE_add_cert(store, sk_X509_value(anchors, i));
        if (!X509_STORE_CTX_init(context, store, certificate, chain))
                abort(); /* only memory can be missing */
        X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_time(rules, (time_t)now);
        X509_VERIFY_PARAM_set_depth(rules, PATH_MOST);
        X509_VERIFY_PARAM_set_auth_level(rules, 2);
        X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
        if (X509_verify_cert(context) == 1)
                *path = X509_STORE_CTX_get1_chain(context);
        else
                fault = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
        X509_STORE_CTX_free(context);
        X509_STORE_free(store);
        ERR_clear_error();
        return fault;
}

/* Is one of a path's certificates revoked by the one above it? */
static const char *
revocation_fault(STACK_OF(X509) * path, STACK_OF(X509_CRL) * crls)
{
        for (int i = 0; i + 1 < sk_X509_num(path); i++) {
                X509 *below = sk_X509_value(path, i), *above = sk_X509_value(path, i + 1);

                for (int j = 0; j < sk_X509_CRL_num(crls); j++) {
                        X509_CRL *crl = sk_X509_CRL_value(crls, j);
                        X509_REVOKED *entry = NULL;
                        if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(above)) ==
                                    0 &&
                            X509_CRL_verify(crl, X509_get0_pubkey(above)) == 1 &&
                            X509_CRL_get0_by_cert(crl, &entry, below) == 1)
                                return "it was revoked";
                }
        }
        ERR_clear_error();
        return NULL;
}

const char *
anywhere_certificate_fault(X509 *certificate, STACK_OF(X509) * chain, STACK_OF(X509) * anchors,
                           STACK_OF(X509_CRL) * crls, int64_t now)
{
        STACK_OF(X509) *path = NULL;
        const char *fault = leaf_fault(certificate);

        if (!fault)
                fault = path_build(certificate, chain, anchors, now, &path);
        if (!fault)
                fault = revocation_fault(path, crls);
        anywhere_certificates_free(path);
        return fault;
}

/* -- session tags -------------------------------------------------------------------------- */

/* Letters, digits, blanks and a few signs, and not too long (STS, tagValueType). */
static bool
is_tag_value(const char *text)
{
        for (const char *at = text; *at; at++)
                if (!((unsigned char)*at >= 0x80 || (*at >= 'a' && *at <= 'z') ||
                      (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
                      strchr(" _.:/=+-@", *at)))
                        return false;
        return *text && strlen(text) <= TAG_MOST;
}

/* Add a tag, or name it among those that cannot be; `owned` is freed by OpenSSL. */
static void
tag_add(cJSON *tags, const char *field, const char *name, const ASN1_STRING *value, struct buf *bad)
{
        unsigned char *text = NULL;
        CLEANUP(free_cleanup) char *key = text_format("%s/%s", field, name);

        if (ASN1_STRING_to_UTF8(&text, value) < 0)
                text = NULL;
        if (text && is_tag_value((const char *)text)) {
                json_set_text(tags, key, (const char *)text);
        } else {
                buf_format(bad, "%s%s", bad->len ? ", " : "", name);
        }
        OPENSSL_free(text);
}

static void
name_tags(X509_NAME *name, const char *field, cJSON *tags, struct buf *bad)
{
        for (int i = 0; i < X509_NAME_entry_count(name); i++) {
                X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
                int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
                const char *short_name = nid == NID_undef ? NULL : OBJ_nid2sn(nid);
                if (short_name)
                        tag_add(tags, field, short_name, X509_NAME_ENTRY_get_data(entry), bad);
        }
}

/* The first of a kind has its bare name, those behind it their number. */
static void
san_tag(cJSON *tags, const char *kind, const ASN1_STRING *value, unsigned index, struct buf *bad)
{
        CLEANUP(free_cleanup)
        char *name = index ? text_format("%s/%u", kind, index) : text_copy(kind);

        tag_add(tags, "x509SAN", name, value, bad);
}

static void
san_tags(X509 *certificate, cJSON *tags, struct buf *bad)
{
        GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
        unsigned dns = 0, uri = 0;

        for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
                const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
                if (name->type == GEN_DNS)
                        san_tag(tags, "DNS", name->d.dNSName, dns++, bad);
                else if (name->type == GEN_URI)
                        san_tag(tags, "URI", name->d.uniformResourceIdentifier, uri++, bad);
                else if (name->type == GEN_DIRNAME)
                        name_tags(name->d.directoryName, "x509SAN/Name", tags, bad);
        }
        GENERAL_NAMES_free(names);
}

void
anywhere_certificate_tags(X509 *certificate, cJSON *tags, struct buf *bad)
{
        CLEANUP(buf_cleanup) struct buf issuer = { 0 };
        CLEANUP(buf_cleanup) struct buf subject = { 0 };
        CLEANUP(buf_cleanup) struct buf san = { 0 };

        name_tags(X509_get_subject_name(certificate), "x509Subject", tags, &subject);
        name_tags(X509_get_issuer_name(certificate), "x509Issuer", tags, &issuer);
        san_tags(certificate, tags, &san);
        if (issuer.len || subject.len || san.len)
                buf_format(bad, "Issuer: [ %s ]; Subject: [ %s ]; SAN: [ %s ]", buf_text(&issuer),
                           buf_text(&subject), buf_text(&san));
}
