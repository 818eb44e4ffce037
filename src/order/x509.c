#include "order/x509.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/decoded.h"
#include "order/der.h"

X509 *
x509_read(struct view der)
{
        if (der.len == 0 || der_sequence_length(der) != der.len)
                return NULL;
        return decoded_certificate(der);
}

void
x509_cleanup(X509 **certificate)
{
        X509_free(*certificate);
}

void
x509_add_der(struct buf *out, X509 *certificate)
{
        unsigned char *der = NULL;
        int len = i2d_X509(certificate, &der);

        if (len < 0)
                abort();
        buf_add(out, view_of(der, (size_t)len));
        OPENSSL_free(der);
}

bool
x509_time(const ASN1_TIME *time, int64_t *out)
{
        struct tm civil;

        if (!time || ASN1_TIME_to_tm(time, &civil) != 1) {
                ERR_clear_error();
                return false;
        }
        *out = clock_civil(civil.tm_year + 1900, civil.tm_mon + 1, civil.tm_mday, civil.tm_hour,
                           civil.tm_min, civil.tm_sec);
        return true;
}

char *
x509_serial(const X509 *certificate)
{
        const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
        CLEANUP(free_cleanup)
        char *digits = hex_encode(
                view_of(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)));
        bool negative = ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER;

        return text_format("%s%s", negative ? "-" : "", *digits ? digits : "00");
}

void
x509_spki(X509 *certificate, struct buf *out)
{
        unsigned char *der = NULL;
        int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);

        if (len < 0)
                abort();
        buf_set(out, view_of(der, (size_t)len));
        OPENSSL_free(der);
}
