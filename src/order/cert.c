#include "order/cert.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "order/der.h"
#include "order/extension.h"
#include "order/name.h"
#include "order/pem.h"
#include "order/text_list.h"
#include "order/x509.h"

static const char label[] = "CERTIFICATE";

/* What certificates_read() takes at most. */
enum { CERTIFICATES_MOST = 16, TEXT_MOST = 1024 * 1024 };

/* -- facts -------------------------------------------------------------------------------- */

void
certificate_facts_clear(struct certificate_facts *facts)
{
        free(facts->subject);
        free(facts->issuer);
        free(facts->serial);
        free(facts->fingerprint);
        buf_clear(&facts->spki);
        buf_clear(&facts->subject_der);
        buf_clear(&facts->issuer_der);
        buf_clear(&facts->serial_der);
        text_list_free(facts->sans, facts->san_count);
        usages_clear(&facts->usages);
        *facts = (struct certificate_facts){ 0 };
}

static void
take_der(struct buf *out, unsigned char *der, int len)
{
        if (len < 0)
                abort();
        buf_set(out, view_of(der, (size_t)len));
        OPENSSL_free(der);
}

static void
read_names(X509 *certificate, struct certificate_facts *facts)
{
        unsigned char *der = NULL;
        int len = i2d_X509_NAME(X509_get_subject_name(certificate), &der);

        take_der(&facts->subject_der, der, len);
        der = NULL;
        len = i2d_X509_NAME(X509_get_issuer_name(certificate), &der);
        take_der(&facts->issuer_der, der, len);
        der = NULL;
        len = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &der);
        take_der(&facts->serial_der, der, len);
        facts->subject = subject_format(X509_get_subject_name(certificate));
        facts->issuer = subject_format(X509_get_issuer_name(certificate));
        facts->serial = x509_serial(certificate);
}

static bool
read_extensions(X509 *certificate, struct certificate_facts *facts, struct error *err)
{
        struct extensions extensions;

        extensions_read(X509_get0_extensions(certificate), &extensions);
        /* What was read belongs to the facts from here on, the wrong ones too. */
        facts->usages = extensions.usages;
        facts->sans = extensions.sans;
        facts->san_count = extensions.san_count;
        facts->is_ca = extensions.is_ca;
        facts->path_length = extensions.path_length;
        text_list_free(extensions.others, extensions.other_count);
        if (!extensions.problem[0])
                return true;
        error_set(err, ERROR_INPUT, "a certificate is broken: %s", extensions.problem);
        return error_about(err, "certificate '%s'", facts->subject);
}

/* The key is decoded with its certificate: asking it saves decoding it again. */
static enum key_type
type_of_key(const X509 *certificate)
{
        const EVP_PKEY *key = X509_get0_pubkey(certificate);

        ERR_clear_error();
        return key ? key_type_of_key(key) : KEY_NONE;
}

bool
certificate_facts_read(struct view der, struct certificate_facts *facts, struct error *err)
{
        CLEANUP(x509_cleanup) X509 *certificate = x509_read(der);
        struct certificate_facts fresh = { 0 };
        uint8_t digest[32];

        if (!certificate) {
                error_set(err, ERROR_INPUT, "this is not one certificate in DER");
                return error_advise(err, "give an X.509 certificate with nothing behind it");
        }
        read_names(certificate, &fresh);
        if (!x509_time(X509_get0_notBefore(certificate), &fresh.not_before) ||
            !x509_time(X509_get0_notAfter(certificate), &fresh.not_after)) {
                error_set(err, ERROR_INPUT, "a certificate's dates are not well formed");
                error_about(err, "certificate '%s'", fresh.subject);
                certificate_facts_clear(&fresh);
                return false;
        }
        if (!read_extensions(certificate, &fresh, err)) {
                certificate_facts_clear(&fresh);
                return false;
        }
        x509_spki(certificate, &fresh.spki);
        fresh.key_type = type_of_key(certificate);
        sha256(der, digest);
        fresh.fingerprint = hex_encode(view_of(digest, sizeof(digest)));
        certificate_facts_clear(facts);
        *facts = fresh;
        return true;
}

char *
certificate_serial(struct view der)
{
        struct view first = view_of(der.data, certificate_length(der));
        CLEANUP(x509_cleanup) X509 *certificate = x509_read(first);

        return certificate ? x509_serial(certificate) : NULL;
}

/* -- PEM and DER -------------------------------------------------------------------------- */

static bool
add_certificate(struct buf *first, struct buf *rest, struct view der, size_t count,
                struct error *err)
{
        X509 *certificate = x509_read(der);

        if (!certificate)
                return error_set(err, ERROR_INPUT, "certificate %zu is broken", count + 1);
        X509_free(certificate);
        if (count >= CERTIFICATES_MOST)
                return error_set(err, ERROR_INPUT, "there are more than %d certificates",
                                 CERTIFICATES_MOST);
        buf_add(count == 0 ? first : rest, der);
        return true;
}

static bool
read_der(struct view bytes, struct buf *first, struct buf *rest, size_t *count, struct error *err)
{
        while (bytes.len) {
                size_t len = certificate_length(bytes);

                if (len == 0)
                        return error_set(err, ERROR_INPUT, "certificate %zu is broken", *count + 1);
                if (!add_certificate(first, rest, view_of(bytes.data, len), (*count)++, err))
                        return false;
                bytes = view_of(bytes.data + len, bytes.len - len);
        }
        return true;
}

static bool
read_pem(struct view text, struct buf *first, struct buf *rest, size_t *count, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        struct error found = { 0 };

        while (pem_next(&text, label, &der, &found)) {
                if (!add_certificate(first, rest, view_buf(&der), (*count)++, err))
                        return false;
        }
        if (found.kind == ERROR_NONE)
                return true;
        *err = found;
        return false;
}

bool
certificates_read(struct view text, struct buf *first, struct buf *rest, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf leaf = { 0 };
        CLEANUP(buf_cleanup) struct buf others = { 0 };
        size_t count = 0;

        if (text.len > TEXT_MOST)
                return error_set(err, ERROR_INPUT, "the certificates take more than 1 MiB");
        bool is_der = text.len && text.data[0] == DER_SEQUENCE;

        if (is_der ? !read_der(text, &leaf, &others, &count, err)
                   : !read_pem(text, &leaf, &others, &count, err))
                return error_advise(err, "give certificates in PEM or DER");
        if (count == 0) {
                error_set(err, ERROR_INPUT, "there is no certificate");
                return error_advise(err, "give certificates in PEM or DER");
        }
        buf_set(first, view_buf(&leaf));
        if (rest)
                buf_set(rest, view_buf(&others));
        return true;
}

size_t
certificate_length(struct view concatenated)
{
        return der_sequence_length(concatenated);
}

void
certificate_pem_add(struct buf *out, struct view concatenated)
{
        size_t len;

        while ((len = certificate_length(concatenated)) > 0) {
                pem_add(out, label, view_of(concatenated.data, len));
                concatenated = view_of(concatenated.data + len, concatenated.len - len);
        }
}

/* -- roots -------------------------------------------------------------------------------- */

bool
certificate_same_root(struct view a, struct view b)
{
        CLEANUP(x509_cleanup) X509 *one = x509_read(a);
        CLEANUP(x509_cleanup) X509 *two = x509_read(b);
        CLEANUP(buf_cleanup) struct buf one_key = { 0 };
        CLEANUP(buf_cleanup) struct buf two_key = { 0 };

        if (!one || !two)
                return false;
        x509_spki(one, &one_key);
        x509_spki(two, &two_key);
        return view_equal(view_buf(&one_key), view_buf(&two_key)) &&
               subject_equal(X509_get_subject_name(one), X509_get_subject_name(two));
}

bool
certificate_is_root(struct view der)
{
        CLEANUP(x509_cleanup) X509 *certificate = x509_read(der);

        if (!certificate ||
            !subject_equal(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)))
                return false;
        bool good = X509_verify(certificate, X509_get0_pubkey(certificate)) == 1;

        ERR_clear_error();
        return good;
}

bool
certificate_is_issued_by(struct view certificate, struct view issuer)
{
        CLEANUP(x509_cleanup) X509 *below = x509_read(certificate);
        CLEANUP(x509_cleanup) X509 *above = x509_read(issuer);

        if (!below || !above ||
            !subject_equal(X509_get_issuer_name(below), X509_get_subject_name(above)))
                return false;
        bool good = X509_verify(below, X509_get0_pubkey(above)) == 1;

        ERR_clear_error();
        return good;
}
