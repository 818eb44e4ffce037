#include "order/csr.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "order/der.h"
#include "order/extension.h"
#include "order/name.h"
#include "order/pem.h"
#include "order/signature.h"
#include "order/text_list.h"

static const char label[] = "CERTIFICATE REQUEST";

/* No request that anybody means is larger. */
enum { CSR_MOST = 64 * 1024 };

/* -- building ----------------------------------------------------------------------------- */

/* AlgorithmIdentifier of a signature: RFC 5758, 3.2 (no parameters), RFC 4055, 5 (NULL). */
static const uint8_t ecdsa_algorithm[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                           0x48, 0xce, 0x3d, 0x04, 0x03, 0x00 };
static const uint8_t rsa_algorithm[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                         0xf7, 0x0d, 0x01, 0x01, 0x00, 0x05, 0x00 };

/* The last arc of the algorithm's OID. */
static const struct {
        uint8_t ecdsa;
        uint8_t rsa;
} last_arcs[HASHES] = {
        [HASH_SHA256] = { 2, 11 },
        [HASH_SHA384] = { 3, 12 },
        [HASH_SHA512] = { 4, 13 },
};

static void
add_algorithm(struct buf *out, enum key_type type, enum hash hash)
{
        if (key_type_is_ec(type)) {
                buf_add(out, view_of(ecdsa_algorithm, sizeof(ecdsa_algorithm)));
                out->data[out->len - 1] = last_arcs[hash].ecdsa;
                return;
        }
        buf_add(out, view_of(rsa_algorithm, sizeof(rsa_algorithm)));
        out->data[out->len - 3] = last_arcs[hash].rsa;
}

static bool
add_subject(struct buf *out, const char *text, bool *empty, struct error *err)
{
        unsigned char *der = NULL;
        X509_NAME *name = NULL;

        if (!subject_parse(text ? text : "", &name, err))
                return false;
        int len = i2d_X509_NAME(name, &der);

        if (len > 0)
                buf_add(out, view_of(der, (size_t)len));
        *empty = X509_NAME_entry_count(name) == 0;
        OPENSSL_free(der);
        X509_NAME_free(name);
        return len > 0 || error_set(err, ERROR_INTERNAL, "the subject cannot be encoded");
}

static bool
sans_der(const struct wishes *wishes, struct buf *out, struct error *err)
{
        GENERAL_NAMES *names = NULL;
        unsigned char *der = NULL;

        if (!wishes->san_count)
                return true;
        if (!san_build(wishes->sans, wishes->san_count, &names, err))
                return false;
        int len = i2d_GENERAL_NAMES(names, &der);

        if (len > 0)
                buf_add(out, view_of(der, (size_t)len));
        OPENSSL_free(der);
        GENERAL_NAMES_free(names);
        return len > 0 || error_set(err, ERROR_INTERNAL, "the names cannot be encoded");
}

/* The attributes, [0]: extensionRequest (RFC 2985, 5.4.2) where there is something to ask. */
static void
add_attributes(struct buf *out, struct view extensions)
{
        CLEANUP(buf_cleanup) struct buf fields = { 0 };
        CLEANUP(buf_cleanup) struct buf attributes = { 0 };

        if (extensions.len) {
                der_add_object(&fields, OBJ_nid2obj(NID_ext_req));
                der_add(&fields, DER_SET, extensions);
                der_add(&attributes, DER_SEQUENCE, view_buf(&fields));
        }
        der_add(out, DER_CONTEXT_0, view_buf(&attributes));
}

/* CertificationRequestInfo. */
static bool
add_info(struct buf *out, const struct wishes *wishes, struct view spki, struct error *err)
{
        static const uint8_t version[] = { 0x02, 0x01, 0x00 };
        CLEANUP(buf_cleanup) struct buf fields = { 0 };
        CLEANUP(buf_cleanup) struct buf sans = { 0 };
        CLEANUP(buf_cleanup) struct buf extensions = { 0 };
        bool nameless = false;

        buf_add(&fields, view_of(version, sizeof(version)));
        if (!add_subject(&fields, wishes->subject, &nameless, err) || !sans_der(wishes, &sans, err))
                return false;
        if (nameless && !sans.len) {
                error_set(err, ERROR_USAGE, "a certificate needs a subject or an alternative name");
                return error_advise(err, "give --subject CN=… or --san dns:…");
        }
        buf_add(&fields, spki);
        /* Without a subject the names are critical: RFC 5280, 4.2.1.6. */
        extensions_write(&extensions, view_buf(&sans), nameless, wishes);
        add_attributes(&fields, view_buf(&extensions));
        der_add(out, DER_SEQUENCE, view_buf(&fields));
        return true;
}

static void
pkey_cleanup(EVP_PKEY **key)
{
        EVP_PKEY_free(*key);
}

bool
csr_build(const struct wishes *wishes, struct view spki, const struct signer *signer,
          struct buf *csr, struct error *err)
{
        CLEANUP(pkey_cleanup) EVP_PKEY *key = signature_key(spki);
        enum key_type type = key ? key_type_of_key(key) : KEY_NONE;
        CLEANUP(buf_cleanup) struct buf info = { 0 };
        CLEANUP(buf_cleanup) struct buf signature = { 0 };
        CLEANUP(buf_cleanup) struct buf bits = { 0 };

        if (type == KEY_NONE) {
                error_set(err, ERROR_INPUT, "the public key is of a type that is not supported");
                return error_advise(err, "use an EC key (P-256, P-384, P-521) or an RSA key (2048, "
                                         "3072, 4096 bits)");
        }
        if (!add_info(&info, wishes, spki, err))
                return false;
        enum hash hash = wishes_hash(wishes, type);

        if (!signer->sign(signer->context, hash, view_buf(&info), &signature, err))
                return false;
        if (!view_equal(signer->spki, spki) &&
            !signature_check(key, hash, view_buf(&info), view_buf(&signature), err))
                return false;
        buf_add_byte(&bits, 0); /* no unused bits */
        buf_add(&bits, view_buf(&signature));
        add_algorithm(&info, type, hash);
        der_add(&info, DER_BIT_STRING, view_buf(&bits));
        buf_clear(csr);
        der_add(csr, DER_SEQUENCE, view_buf(&info));
        return true;
}

/* -- reading ------------------------------------------------------------------------------ */

static void
request_cleanup(X509_REQ **request)
{
        X509_REQ_free(*request);
}

static void
extension_list_cleanup(STACK_OF(X509_EXTENSION) * *list)
{
        sk_X509_EXTENSION_pop_free(*list, X509_EXTENSION_free);
}

static bool
unreadable(struct error *err, const char *what)
{
        ERR_clear_error();
        error_set(err, ERROR_INPUT, "%s", what);
        return error_advise(err, "give one PKCS #10 request, in PEM or DER");
}

/* DER of the request in `text`, which may be DER itself. */
static bool
csr_der(struct view text, struct buf *der, struct error *err)
{
        static const char *const labels[] = { label, "NEW CERTIFICATE REQUEST" };

        if (text.len > CSR_MOST)
                return unreadable(err, "the certificate request is larger than 64 KiB");
        if (text.len && text.data[0] == DER_SEQUENCE) {
                buf_set(der, text);
                return true;
        }
        for (size_t i = 0; i < ARRAY_LENGTH(labels); i++) {
                struct view rest = text;
                struct error none = { 0 };

                if (pem_next(&rest, labels[i], der, &none))
                        return true;
                if (none.kind != ERROR_NONE)
                        return unreadable(err, none.what);
        }
        return unreadable(err, "there is no certificate request");
}

/* Why a key is not taken: what it is, and the rule. */
static bool
refuse_key(X509_REQ *request, struct error *err)
{
        EVP_PKEY *key = X509_REQ_get0_pubkey(request);
        const char *name = key ? EVP_PKEY_get0_type_name(key) : NULL;
        int bits = key ? EVP_PKEY_get_bits(key) : 0;

        if (name && EVP_PKEY_is_a(key, "RSA") && bits < 2048)
                return unreadable(err, "the certificate request's key is weak: RSA takes 2048 bits "
                                       "or more (NIST SP 800-131A)");
        error_set(err, ERROR_INPUT,
                  "the certificate request's key is of a type that is not supported: %s, %d bits",
                  name ? name : "unknown", bits);
        ERR_clear_error();
        return error_advise(err, "AWS Private CA takes EC keys on P-256, P-384 and P-521, and RSA "
                                 "keys of 2048, 3072 and 4096 bits");
}

static bool
request_wishes(X509_REQ *request, struct wishes *wishes, struct error *err)
{
        CLEANUP(extension_list_cleanup)
        STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(request);
        struct extensions facts;

        extensions_read(list, &facts);
        if (facts.problem[0]) {
                unreadable(err, "the certificate request is broken");
                error_about(err, "%s", facts.problem);
                extensions_clear(&facts);
                return false;
        }
        if (facts.san_count == 0 &&
            X509_NAME_entry_count(X509_REQ_get_subject_name(request)) == 0) {
                extensions_clear(&facts);
                return unreadable(err, "the certificate request names nobody: it has neither a "
                                       "subject nor an alternative name");
        }
        usages_clear(&wishes->usages);
        wishes->usages = facts.usages;
        text_list_free(wishes->sans, wishes->san_count);
        wishes->sans = facts.sans;
        wishes->san_count = facts.san_count;
        text_list_free(wishes->extensions, wishes->extension_count);
        wishes->extensions = facts.others;
        wishes->extension_count = facts.other_count;
        free(wishes->subject);
        wishes->subject = subject_format(X509_REQ_get_subject_name(request));
        return true;
}

bool
csr_read(struct view text, struct buf *csr, struct buf *spki, struct wishes *wishes,
         struct error *err)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };

        if (!csr_der(text, &der, err))
                return false;
        const unsigned char *end = der.data;
        CLEANUP(request_cleanup) X509_REQ *request = d2i_X509_REQ(NULL, &end, (long)der.len);

        if (!request)
                return unreadable(err, "the certificate request does not decode");
        if (end != der.data + der.len)
                return unreadable(err, "something follows the certificate request");
        unsigned char *key_der = NULL;
        int key_len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &key_der);
        CLEANUP(buf_cleanup) struct buf key = { 0 };

        if (key_len > 0)
                buf_add(&key, view_of(key_der, (size_t)key_len));
        OPENSSL_free(key_der);
        if (key_type_of_spki(view_buf(&key)) == KEY_NONE)
                return refuse_key(request, err);
        if (X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) != 1)
                return unreadable(err, "the certificate request's own signature is wrong");
        if (!request_wishes(request, wishes, err))
                return false;
        buf_set(csr, view_buf(&der));
        buf_set(spki, view_buf(&key));
        return true;
}

char *
csr_pem(struct view csr)
{
        struct buf text = { 0 };

        pem_add(&text, label, csr);
        return (char *)text.data;
}
