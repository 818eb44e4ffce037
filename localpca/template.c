#include "localpca/template.h"

#include <openssl/obj_mac.h>
#include <openssl/x509v3.h>
#include <string.h>

static const int server_and_client[] = { NID_server_auth, NID_client_auth, 0 };
static const int client_only[] = { NID_client_auth, 0 };
static const int server_only[] = { NID_server_auth, 0 };
static const int code_only[] = { NID_code_sign, 0 };
static const int ocsp_only[] = { NID_OCSP_sign, 0 };

/* What a family of templates sets. */
#define TLS .path_length = -1, .key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT
#define SIGNING .path_length = -1, .key_usage = KU_DIGITAL_SIGNATURE, .extended_critical = true
#define AUTHORITY(length) .ca = true, .critical_basic = true, .path_length = (length)
#define CA_USAGE .key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN | KU_CRL_SIGN

/* The varieties that families come in. */
#define BASE(family, ...)                         \
        {                                         \
                .name = family "/V1", __VA_ARGS__ \
        }
#define CSR(family, ...)                                                                  \
        {                                                                                 \
                .name = family "_CSRPassthrough/V1", .csr_passthrough = true, __VA_ARGS__ \
        }
#define API(family, ...)                                                                  \
        {                                                                                 \
                .name = family "_APIPassthrough/V1", .api_passthrough = true, __VA_ARGS__ \
        }
#define BOTH(family, ...)                                                        \
        {                                                                        \
                .name = family "_APICSRPassthrough/V1", .csr_passthrough = true, \
                .api_passthrough = true, __VA_ARGS__                             \
        }
#define PASSING(family, ...) \
        CSR(family, __VA_ARGS__), API(family, __VA_ARGS__), BOTH(family, __VA_ARGS__)
#define EVERY(family, ...) BASE(family, __VA_ARGS__), PASSING(family, __VA_ARGS__)

/* clang-format off */
static const struct template templates[] = {
        EVERY("EndEntityCertificate", TLS, .extended_nids = server_and_client),
        EVERY("EndEntityClientAuthCertificate", TLS, .extended_nids = client_only),
        EVERY("EndEntityServerAuthCertificate", TLS, .extended_nids = server_only),
        EVERY("CodeSigningCertificate", SIGNING, .extended_nids = code_only),
        EVERY("OCSPSigningCertificate", SIGNING, .extended_nids = ocsp_only),
        PASSING("BlankEndEntityCertificate", .path_length = -1),
        PASSING("BlankEndEntityCertificate_CriticalBasicConstraints", .path_length = -1,
                .critical_basic = true),
        EVERY("SubordinateCACertificate_PathLen0", AUTHORITY(0), CA_USAGE),
        EVERY("SubordinateCACertificate_PathLen1", AUTHORITY(1), CA_USAGE),
        EVERY("SubordinateCACertificate_PathLen2", AUTHORITY(2), CA_USAGE),
        EVERY("SubordinateCACertificate_PathLen3", AUTHORITY(3), CA_USAGE),
        PASSING("BlankSubordinateCACertificate_PathLen0", AUTHORITY(0)),
        PASSING("BlankSubordinateCACertificate_PathLen1", AUTHORITY(1)),
        PASSING("BlankSubordinateCACertificate_PathLen2", AUTHORITY(2)),
        PASSING("BlankSubordinateCACertificate_PathLen3", AUTHORITY(3)),
        BASE("RootCACertificate", AUTHORITY(-1), CA_USAGE, .root = true),
        API("RootCACertificate", AUTHORITY(-1), CA_USAGE, .root = true),
        API("BlankRootCACertificate", AUTHORITY(-1), .root = true),
        API("BlankRootCACertificate_PathLen0", AUTHORITY(0), .root = true),
        API("BlankRootCACertificate_PathLen1", AUTHORITY(1), .root = true),
        API("BlankRootCACertificate_PathLen2", AUTHORITY(2), .root = true),
        API("BlankRootCACertificate_PathLen3", AUTHORITY(3), .root = true),
};
/* clang-format on */
static_assert(ARRAY_LENGTH(templates) == 61, "all that AWS has");

const struct template *
template_listed(size_t index)
{
        return index < ARRAY_LENGTH(templates) ? &templates[index] : NULL;
}

const struct template *
template_named(const char *arn)
{
        const char *name = strstr(arn, ":acm-pca:::template/");

        if (!name)
                return NULL;
        name = strchr(name, '/') + 1;
        for (size_t i = 0; i < ARRAY_LENGTH(templates); i++)
                if (strcmp(templates[i].name, name) == 0)
                        return &templates[i];
        return NULL;
}
