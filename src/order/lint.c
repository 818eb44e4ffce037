#include "order/lint.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/decoded.h"
#include "order/content.h"
#include "order/csr.h"
#include "order/name.h"
#include "order/passthrough.h"
#include "order/text_list.h"

enum {
        CSR_MOST_BYTES = 32 * 1024, /* PEM; API reference, IssueCertificate */
        FRAME_BYTES = 64,           /* what stands around names, key and signature */
        COMMON_NAME_MOST = 64,      /* of a CSR; User Guide, "Issuing" */
        STRONG_BITS = 112,
};

/* -- size ------------------------------------------------------------------------------------- */

static size_t
subject_bytes(const struct wishes *wishes)
{
        struct error ignored = { 0 };
        X509_NAME *name = NULL;

        if (!wishes->subject || !subject_parse(wishes->subject, &name, &ignored))
                return 0;
        int len = i2d_X509_NAME(name, NULL);

        X509_NAME_free(name);
        return len > 0 ? (size_t)len : 0;
}

static size_t
extension_bytes(const struct wishes *wishes)
{
        CLEANUP(buf_cleanup) struct buf sans = { 0 };
        CLEANUP(buf_cleanup) struct buf list = { 0 };
        GENERAL_NAMES *names = NULL;
        struct error ignored = { 0 };
        unsigned char *der = NULL;

        if (wishes->san_count && san_build(wishes->sans, wishes->san_count, &names, &ignored)) {
                int len = i2d_GENERAL_NAMES(names, &der);

                if (len > 0)
                        buf_add(&sans, view_of(der, (size_t)len));
                OPENSSL_free(der);
                GENERAL_NAMES_free(names);
        }
        extensions_write(&list, view_buf(&sans), false, wishes);
        return list.len;
}

/* What a CSR of these wishes takes in PEM: names and extensions to the byte, the rest about. */
static size_t
reckoned_bytes(const struct wishes *wishes)
{
        size_t bits = key_type_bits(wishes->key_type);
        size_t key = key_type_is_ec(wishes->key_type) ? bits / 2 : bits / 4;
        size_t der = subject_bytes(wishes) + extension_bytes(wishes) + key + FRAME_BYTES;
        size_t base64 = (der + 2) / 3 * 4;

        return base64 + base64 / 64 +
               strlen("-----BEGIN CERTIFICATE REQUEST-----\n"
                      "-----END CERTIFICATE REQUEST-----\n");
}

static bool
check_size(const struct wishes *wishes, struct view csr, struct error *err)
{
        size_t bytes = 0;

        if (csr.len) {
                CLEANUP(free_cleanup) char *pem = csr_pem(csr);

                bytes = strlen(pem);
        } else {
                bytes = reckoned_bytes(wishes);
        }
        if (bytes <= CSR_MOST_BYTES)
                return true;
        error_set(err, ERROR_USAGE, "the CSR takes %s%zu bytes, and AWS Private CA takes %d",
                  csr.len ? "" : "about ", bytes, CSR_MOST_BYTES);
        error_about(err, "%zu alternative names, %zu extensions", wishes->san_count,
                    wishes->extension_count);
        return error_advise(err, "ask for fewer names, or split them over several certificates");
}

static size_t
characters(const char *text)
{
        size_t count = 0;

        for (; *text; text++)
                count += (*text & 0xc0) != 0x80;
        return count;
}

/* One that we make ourselves is held by subject_parse(); somebody else's may be longer. */
static bool
check_common_name(struct view csr, struct error *err)
{
        X509_REQ *request = decoded_request(csr);
        CLEANUP(free_cleanup)
        char *name = request ? subject_common_name(X509_REQ_get_subject_name(request)) : NULL;

        if (!name || characters(name) <= COMMON_NAME_MOST)
                return true;
        error_set(err, ERROR_USAGE,
                  "the common name of the CSR has %zu characters, and AWS Private CA takes %d",
                  characters(name), COMMON_NAME_MOST);
        error_about(err, "CN=%s", name);
        return error_advise(err, "put the long name among the alternative names (up to 253 "
                                 "characters), and a shorter one or none into the subject");
}

bool
lint_wishes(const struct wishes *wishes, const struct template_facts *facts, struct view csr,
            struct error *err)
{
        return check_size(wishes, csr, err) && check_common_name(csr, err) &&
               passthrough_check(wishes, facts, err);
}

/* -- a second look ------------------------------------------------------------------------------
 */

/* The list that grows. */
struct warnings {
        char ***list;
        size_t *count;
};

static void
warn(struct warnings *warnings, const char *text)
{
        text_list_add(warnings->list, warnings->count, text);
}

/* The caller frees; NULL if it does not decode. */
static EVP_PKEY *
key_of_request(X509_REQ *request)
{
        unsigned char *spki = NULL;
        int length = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &spki);
        EVP_PKEY *key = length > 0 ? decoded_key(view_of(spki, (size_t)length)) : NULL;

        OPENSSL_free(spki);
        return key;
}

static void
warn_of_request(struct warnings *warnings, struct view csr)
{
        X509_REQ *request = decoded_request(csr);
        int hash = NID_undef, bits = 0, type = NID_undef;
        BIGNUM *exponent = NULL;

        if (!request)
                return;
        EVP_PKEY *key = key_of_request(request);

        if (OBJ_find_sigid_algs(X509_REQ_get_signature_nid(request), &hash, &type) && hash &&
            EVP_get_digestbynid(hash))
                bits = EVP_MD_get_size(EVP_get_digestbynid(hash)) * 4;
        if (bits && bits < STRONG_BITS)
                warn(warnings, "the CSR is signed with a weak hash (SHA-1 or MD5)");
        if (key && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bn_param(key, "e", &exponent) == 1 &&
            BN_get_word(exponent) < 65537)
                warn(warnings, "the RSA key's public exponent is below 65537, which FIPS 186-5 "
                               "does not allow");
        BN_free(exponent);
        EVP_PKEY_free(key);
        ERR_clear_error();
}

/* Strength in bits: NIST SP 800-57 part 1, table 2. */
static unsigned
strength(enum key_type type)
{
        if (key_type_is_ec(type))
                return key_type_bits(type) / 2;
        return type == KEY_RSA_2048 ? 112 : type == KEY_RSA_3072 ? 128 : 142;
}

static enum key_type
key_type_of_api(const char *algorithm)
{
        static const struct {
                const char *name;
                enum key_type type;
        } names[] = {
                { "RSA_2048", KEY_RSA_2048 },    { "RSA_3072", KEY_RSA_3072 },
                { "RSA_4096", KEY_RSA_4096 },    { "EC_prime256v1", KEY_EC_P256 },
                { "EC_secp384r1", KEY_EC_P384 }, { "EC_secp521r1", KEY_EC_P521 },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
                if (text_equal(names[i].name, algorithm))
                        return names[i].type;
        }
        return KEY_NONE;
}

static void
warn_of_key(struct warnings *warnings, const struct wishes *wishes,
            const struct issuer_facts *issuer)
{
        enum key_type ca = key_type_of_api(issuer->key_algorithm);
        bool late = wishes->key_type == KEY_RSA_3072 || wishes->key_type == KEY_EC_P521;

        if (wishes->key_type == KEY_NONE)
                return;
        if (late && wishes->ca_arn)
                warn(warnings, "AWS Private CA took requests with RSA keys of 3072 bits and P-521 "
                               "keys later than others: a Region may still refuse them");
        if (ca != KEY_NONE && strength(ca) < strength(wishes->key_type))
                warn(warnings,
                     "the key is stronger than that of the CA: the certificate is as weak "
                     "as the CA's signature");
}

static void
warn_of_extensions(struct warnings *warnings, const struct wishes *wishes)
{
        for (size_t i = 0; i < wishes->extension_count; i++) {
                size_t len = strcspn(wishes->extensions[i], ",:");
                CLEANUP(free_cleanup) char *text = NULL;

                if (wishes->extensions[i][len] != ',')
                        continue;
                text = text_format("extension %.*s is critical: whoever does not know it refuses "
                                   "the certificate (RFC 5280, 4.2)",
                                   (int)len, wishes->extensions[i]);
                warn(warnings, text);
        }
}

static bool
usage_without(const struct usages *usages, unsigned bit, unsigned needed)
{
        return usages->key_usage & bit && !(usages->key_usage & needed);
}

static void
warn_of_usages(struct warnings *warnings, const struct wishes *wishes,
               const struct template_facts *facts)
{
        const struct usages *usages = &wishes->usages;
        bool leaf = !facts || !facts->is_ca;

        if (leaf && usages->key_usage & USAGE_KEY_CERT_SIGN)
                warn(warnings, "keyCertSign is for CAs only (RFC 5280, 4.2.1.9)");
        if (usage_without(usages, USAGE_ENCIPHER_ONLY | USAGE_DECIPHER_ONLY, USAGE_KEY_AGREEMENT))
                warn(warnings, "encipherOnly and decipherOnly mean something beside keyAgreement "
                               "only (RFC 5280, 4.2.1.3)");
        if (text_list_has(usages->extended, usages->extended_count, "2.5.29.37.0"))
                warn(warnings,
                     "anyExtendedKeyUsage allows every purpose: many verifiers refuse it");
        if (facts && facts->is_root)
                warn(warnings, "this template is for the certificate of the CA itself: AWS Private "
                               "CA issues it for the CA's own key only");
}

void
lint_warnings(const struct wishes *wishes, const struct template_facts *facts, struct view csr,
              const struct issuer_facts *issuer, char ***list, size_t *count)
{
        struct warnings warnings = { list, count };

        warn_of_request(&warnings, csr);
        warn_of_key(&warnings, wishes, issuer);
        warn_of_extensions(&warnings, wishes);
        warn_of_usages(&warnings, wishes, facts);
}
