#include "aws/pca.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/endpoint.h"
#include "base/clock.h"

/* -- ARNs --------------------------------------------------------------------------------- */

static const char ca_form[] = "arn:PARTITION:acm-pca:REGION:ACCOUNT:certificate-authority/ID";

static bool
arn_refused(const char *text, struct error *err, const char *rule)
{
        error_set(err, ERROR_USAGE, "'%s' is not the ARN of a CA: %s", text, rule);
        return error_advise(err, "it looks like %s", ca_form);
}

/*
 * Copy one part of an ARN, which consists of the given characters and ends in one of `end`, or with
 * the text; false if it is not like that.
 */
static bool
take_part(const char **at, const char *end, const char *characters, char *out, size_t size)
{
        size_t length = strspn(*at, characters);

        if (!length || length >= size || strchr(end, (*at)[length]) == NULL)
                return false;
        memcpy(out, *at, length);
        out[length] = '\0';
        *at += length;
        return true;
}

#define SMALL "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

bool
ca_arn_parse(const char *text, struct ca_arn *out, struct error *err)
{
        static const char service[] = ":acm-pca:";
        static const char resource[] = "certificate-authority/";
        struct ca_arn arn = { 0 };
        const char *at = text + 4;

        if (!text_starts(text, "arn:"))
                return arn_refused(text, err, "it does not start with 'arn:'");
        if (strlen(text) > 200)
                return arn_refused(text, err, "it is longer than 200 characters");
        if (!take_part(&at, ":", SMALL DIGITS "-", arn.partition, sizeof(arn.partition)))
                return arn_refused(text, err, "its partition is wrong");
        if (!text_starts(at, service))
                return arn_refused(text, err, "it is of another service than acm-pca");
        at += strlen(service);
        if (!take_part(&at, ":", SMALL DIGITS "-", arn.region, sizeof(arn.region)) ||
            !endpoint_region_check(arn.region, err) || *at != ':')
                return arn_refused(text, err, "its Region is wrong");
        at++;
        if (!take_part(&at, ":", DIGITS, arn.account, sizeof(arn.account)) ||
            strlen(arn.account) != 12 || *at != ':')
                return arn_refused(text, err, "its account is not 12 digits");
        at++;
        if (!text_starts(at, resource))
                return arn_refused(text, err, "it names something else than a CA");
        at += strlen(resource);
        if (!take_part(&at, "/", SMALL "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "-_", arn.id,
                       sizeof(arn.id)))
                return arn_refused(text, err, "it has no CA id");
        if (text_starts(at, "/certificate/"))
                return arn_refused(text, err, "it names a certificate of that CA");
        if (*at)
                return arn_refused(text, err, "something stands behind the CA id");
        *out = arn;
        return true;
}

bool
certificate_arn_parse(const char *text, char **ca_arn, struct error *err)
{
        static const char mark[] = "/certificate/";
        const char *found = strstr(text, mark);
        struct ca_arn parts;

        if (!found || !found[strlen(mark)] ||
            strspn(found + strlen(mark), SMALL "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "-_") !=
                    strlen(found + strlen(mark)) ||
            strlen(text) > 200) {
                error_set(err, ERROR_USAGE, "'%s' is not the ARN of a certificate", text);
                return error_advise(err, "it looks like %s/certificate/ID", ca_form);
        }
        char *ca = text_copy_length(text, (size_t)(found - text));

        if (!ca_arn_parse(ca, &parts, err)) {
                free(ca);
                return false;
        }
        *ca_arn = ca;
        return true;
}

/* -- writing ------------------------------------------------------------------------------ */

static char *
json_print(cJSON *json)
{
        char *printed = cJSON_PrintUnformatted(json);

        if (!printed)
                abort(); /* out of memory */
        char *text = text_copy(printed);

        cJSON_free(printed);
        cJSON_Delete(json);
        return text;
}

/* A request starts with the CA it concerns. */
static cJSON *
json_for_ca(const char *ca_arn)
{
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "CertificateAuthorityArn", ca_arn);
        return json;
}

static char *
pem_of_csr(struct view der)
{
        CLEANUP(free_cleanup) char *base64 = base64_encode(der);
        CLEANUP(buf_cleanup) struct buf pem = { 0 };
        size_t length = strlen(base64);

        buf_add_text(&pem, "-----BEGIN CERTIFICATE REQUEST-----\n");
        for (size_t at = 0; at < length; at += 64) {
                buf_add(&pem, view_of(base64 + at, length - at < 64 ? length - at : 64));
                buf_add_byte(&pem, '\n');
        }
        buf_add_text(&pem, "-----END CERTIFICATE REQUEST-----\n");
        return text_copy(buf_text(&pem));
}

/* Whole numbers go out digit by digit: a double would give large ones an exponent. */
static void
add_validity(cJSON *json, const char *name, const char *type, int64_t value)
{
        cJSON *validity = cJSON_AddObjectToObject(json, name);
        CLEANUP(free_cleanup) char *digits = text_format("%" PRId64, value);

        cJSON_AddRawToObject(validity, "Value", digits);
        cJSON_AddStringToObject(validity, "Type", type);
}

char *
pca_write_issue(const struct pca_issue *issue)
{
        cJSON *json = json_for_ca(issue->ca_arn);
        CLEANUP(free_cleanup)
        char *pem = issue->csr_pem ? text_copy(issue->csr_pem) : pem_of_csr(issue->csr);
        CLEANUP(free_cleanup) char *blob = base64_encode(view_text(pem));

        if (issue->api_passthrough)
                cJSON_AddRawToObject(json, "ApiPassthrough", issue->api_passthrough);
        cJSON_AddStringToObject(json, "Csr", blob);
        cJSON_AddStringToObject(json, "SigningAlgorithm", issue->signing_algorithm);
        if (issue->template_arn)
                cJSON_AddStringToObject(json, "TemplateArn", issue->template_arn);
        add_validity(json, "Validity", issue->validity_type, issue->validity_value);
        if (issue->not_before)
                add_validity(json, "ValidityNotBefore", "ABSOLUTE", issue->not_before);
        if (issue->idempotency_token)
                cJSON_AddStringToObject(json, "IdempotencyToken", issue->idempotency_token);
        return json_print(json);
}

char *
pca_write_get_certificate(const char *ca_arn, const char *certificate_arn)
{
        cJSON *json = json_for_ca(ca_arn);

        cJSON_AddStringToObject(json, "CertificateArn", certificate_arn);
        return json_print(json);
}

char *
pca_write_get_ca_certificate(const char *ca_arn)
{
        return json_print(json_for_ca(ca_arn));
}

char *
pca_write_describe(const char *ca_arn)
{
        return json_print(json_for_ca(ca_arn));
}

char *
pca_write_list(const char *next_token, bool other_accounts)
{
        cJSON *json = cJSON_CreateObject();

        if (next_token)
                cJSON_AddStringToObject(json, "NextToken", next_token);
        if (other_accounts)
                cJSON_AddStringToObject(json, "ResourceOwner", "OTHER_ACCOUNTS");
        return json_print(json);
}

char *
pca_write_revoke(const char *ca_arn, const char *serial, const char *reason)
{
        cJSON *json = json_for_ca(ca_arn);
        CLEANUP(buf_cleanup) struct buf colons = { 0 };
        size_t length = strlen(serial);

        for (size_t i = 0; i < length; i++) {
                if (i && (length - i) % 2 == 0)
                        buf_add_byte(&colons, ':');
                buf_add_byte(&colons, (uint8_t)serial[i]);
        }
        cJSON_AddStringToObject(json, "CertificateSerial", buf_text(&colons));
        cJSON_AddStringToObject(json, "RevocationReason", reason);
        return json_print(json);
}

/* -- reading ------------------------------------------------------------------------------ */

static void
json_cleanup(cJSON **json)
{
        cJSON_Delete(*json);
}

static bool
strange(struct error *err, const char *operation, const char *rule)
{
        error_set(err, ERROR_AWS_ANSWER, "the answer to %s %s", operation, rule);
        return error_advise(err, "something other than AWS Private CA may answer there: check the "
                                 "endpoint URL and HTTPS_PROXY");
}

/* The object in a reply; an empty body counts as "{}" (aws says either). */
static cJSON *
json_read(struct view body, const char *operation, struct error *err)
{
        cJSON *json = body.len ? cJSON_ParseWithLength((const char *)body.data, body.len)
                               : cJSON_CreateObject();

        if (cJSON_IsObject(json))
                return json;
        cJSON_Delete(json);
        strange(err, operation, "is not a JSON object");
        return NULL;
}

static const char *
text_member(const cJSON *json, const char *name)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

bool
pca_read_issue(struct view body, char **certificate_arn, struct error *err)
{
        static const char operation[] = "IssueCertificate";
        CLEANUP(json_cleanup) cJSON *json = json_read(body, operation, err);
        CLEANUP(free_cleanup) char *ca_arn = NULL;
        struct error ignored = { 0 };

        if (!json)
                return false;
        const char *arn = text_member(json, "CertificateArn");

        if (!arn || !certificate_arn_parse(arn, &ca_arn, &ignored))
                return strange(err, operation, "has no certificate ARN");
        *certificate_arn = text_copy(arn);
        return true;
}

/* A text of PEM certificates; the newline that AWS leaves out at the end is added. */
static bool
take_pem(const cJSON *json, const char *name, bool needed, struct buf *out, const char *operation,
         struct error *err)
{
        const char *text = text_member(json, name);

        buf_clear(out);
        if (!text || !*text) {
                if (!needed)
                        return true;
                return strange(err, operation, "has no certificate");
        }
        if (!strstr(text, "-----BEGIN CERTIFICATE-----") ||
            !strstr(text, "-----END CERTIFICATE-----"))
                return strange(err, operation, "holds something else than certificates in PEM");
        buf_add_text(out, text);
        if (text[strlen(text) - 1] != '\n')
                buf_add_byte(out, '\n');
        return true;
}

static bool
read_certificates(struct view body, const char *operation, struct buf *certificate,
                  struct buf *chain, struct error *err)
{
        CLEANUP(json_cleanup) cJSON *json = json_read(body, operation, err);

        return json && take_pem(json, "Certificate", true, certificate, operation, err) &&
               take_pem(json, "CertificateChain", false, chain, operation, err);
}

bool
pca_read_get_certificate(struct view body, struct buf *certificate, struct buf *chain,
                         struct error *err)
{
        return read_certificates(body, "GetCertificate", certificate, chain, err);
}

bool
pca_read_get_ca_certificate(struct view body, struct buf *certificate, struct buf *chain,
                            struct error *err)
{
        return read_certificates(body, "GetCertificateAuthorityCertificate", certificate, chain,
                                 err);
}

/* -- a CA --------------------------------------------------------------------------------- */

void
pca_authority_clear(struct pca_authority *authority)
{
        free(authority->arn);
        free(authority->owner);
        free(authority->type);
        free(authority->status);
        free(authority->failure_reason);
        free(authority->serial);
        free(authority->key_algorithm);
        free(authority->signing_algorithm);
        free(authority->subject);
        free(authority->usage_mode);
        free(authority->crl_host);
        free(authority->ocsp_host);
        *authority = (struct pca_authority){ 0 };
}

/* Seconds since 1970 with or without fraction and exponent, or ISO 8601; 0 when not there. */
static bool
take_time(const cJSON *json, const char *name, int64_t *out)
{
        static const double last = 253402300799.0; /* the end of year 9999 */
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

        *out = 0;
        if (!item || cJSON_IsNull(item))
                return true;
        if (cJSON_IsString(item))
                return clock_parse(item->valuestring, out);
        if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= last))
                return false;
        *out = (int64_t)item->valuedouble;
        return true;
}

/* RFC 4514, 2.4: what has a meaning in a name is escaped. */
static void
add_escaped(struct buf *out, const char *value)
{
        size_t length = strlen(value);

        for (size_t i = 0; i < length; i++) {
                char c = value[i];
                bool edge = (i == 0 && (c == ' ' || c == '#')) || (i + 1 == length && c == ' ');

                if ((unsigned char)c < ' ' || c == 0x7F) {
                        buf_format(out, "\\%02X", (unsigned char)c);
                        continue;
                }
                if (edge || strchr("\"+,;<>\\", c))
                        buf_add_byte(out, '\\');
                buf_add_byte(out, (uint8_t)c);
        }
}

static void
add_attribute(struct buf *out, const char *type, const char *value)
{
        buf_format(out, "%s%s=", out->len ? "," : "", type);
        add_escaped(out, value);
}

/* The name as people read it: the most particular part first. */
static char *
subject_text(const cJSON *subject)
{
        static const struct {
                const char *member;
                const char *type;
        } attributes[] = {
                { "CommonName", "CN" },
                { "Pseudonym", "pseudonym" },
                { "SerialNumber", "serialNumber" },
                { "DistinguishedNameQualifier", "dnQualifier" },
                { "Title", "title" },
                { "Surname", "SN" },
                { "GivenName", "givenName" },
                { "Initials", "initials" },
                { "GenerationQualifier", "generationQualifier" },
                { "OrganizationalUnit", "OU" },
                { "Organization", "O" },
                { "Locality", "L" },
                { "State", "ST" },
                { "Country", "C" },
        };
        CLEANUP(buf_cleanup) struct buf out = { 0 };
        const cJSON *custom = NULL;

        for (size_t i = 0; i < ARRAY_LENGTH(attributes); i++) {
                const char *value = text_member(subject, attributes[i].member);

                if (value && *value)
                        add_attribute(&out, attributes[i].type, value);
        }
        cJSON_ArrayForEach(custom, cJSON_GetObjectItemCaseSensitive(subject, "CustomAttributes"))
        {
                const char *type = text_member(custom, "ObjectIdentifier");
                const char *value = text_member(custom, "Value");

                if (type && value)
                        add_attribute(&out, type, value);
        }
        return text_copy(buf_text(&out));
}

static bool
is_enabled(const cJSON *json, const char *name)
{
        const cJSON *part = cJSON_GetObjectItemCaseSensitive(json, name);

        return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(part, "Enabled"));
}

/* CrlDistributionPointExtensionConfiguration. */
static bool
omits_crl_points(const cJSON *crl)
{
        const cJSON *extension =
                cJSON_GetObjectItemCaseSensitive(crl, "CrlDistributionPointExtensionConfiguration");

        return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(extension, "OmitExtension"));
}

static const char *
crl_host(const cJSON *crl)
{
        const char *name = text_member(crl, "CustomCname");

        return name && *name ? name : text_member(crl, "S3BucketName");
}

struct issuer_facts
pca_issuer_facts(const struct pca_authority *authority)
{
        return (struct issuer_facts){
                .described = authority->status != NULL,
                .short_lived = text_equal(authority->usage_mode, "SHORT_LIVED_CERTIFICATE"),
                .crl_enabled = authority->crl_enabled && !authority->crl_omitted,
                .ocsp_enabled = authority->ocsp_enabled,
                .crl_host = authority->crl_host,
                .ocsp_host = authority->ocsp_host,
                .not_after = authority->not_after,
                .subject = authority->subject,
                .key_algorithm = authority->key_algorithm,
        };
}

static bool
read_authority(const cJSON *json, struct pca_authority *out)
{
        const cJSON *configuration =
                cJSON_GetObjectItemCaseSensitive(json, "CertificateAuthorityConfiguration");
        const cJSON *revocation = cJSON_GetObjectItemCaseSensitive(json, "RevocationConfiguration");

        const cJSON *crl = cJSON_GetObjectItemCaseSensitive(revocation, "CrlConfiguration");
        const cJSON *ocsp = cJSON_GetObjectItemCaseSensitive(revocation, "OcspConfiguration");

        *out = (struct pca_authority){
                .arn = text_copy(text_member(json, "Arn")),
                .owner = text_copy(text_member(json, "OwnerAccount")),
                .type = text_copy(text_member(json, "Type")),
                .status = text_copy(text_member(json, "Status")),
                .failure_reason = text_copy(text_member(json, "FailureReason")),
                .serial = text_copy(text_member(json, "Serial")),
                .key_algorithm = text_copy(text_member(configuration, "KeyAlgorithm")),
                .signing_algorithm = text_copy(text_member(configuration, "SigningAlgorithm")),
                .subject = subject_text(cJSON_GetObjectItemCaseSensitive(configuration, "Subject")),
                .usage_mode = text_copy(text_member(json, "UsageMode")),
                .crl_enabled = is_enabled(revocation, "CrlConfiguration"),
                .crl_omitted = omits_crl_points(crl),
                .ocsp_enabled = is_enabled(revocation, "OcspConfiguration"),
                .crl_host = text_copy(crl_host(crl)),
                .ocsp_host = text_copy(text_member(ocsp, "OcspCustomCname")),
        };
        bool good = out->arn && out->status && take_time(json, "NotBefore", &out->not_before) &&
                    take_time(json, "NotAfter", &out->not_after) &&
                    take_time(json, "CreatedAt", &out->created_at);

        if (!good)
                pca_authority_clear(out);
        return good;
}

bool
pca_read_describe(struct view body, struct pca_authority *out, struct error *err)
{
        static const char operation[] = "DescribeCertificateAuthority";
        CLEANUP(json_cleanup) cJSON *json = json_read(body, operation, err);
        struct pca_authority read = { 0 };

        if (!json)
                return false;
        if (!read_authority(cJSON_GetObjectItemCaseSensitive(json, "CertificateAuthority"), &read))
                return strange(err, operation, "does not describe a CA");
        pca_authority_clear(out);
        *out = read;
        return true;
}

bool
pca_read_list(struct view body, struct pca_authority **list, size_t *count, char **next_token,
              struct error *err)
{
        static const char operation[] = "ListCertificateAuthorities";
        CLEANUP(json_cleanup) cJSON *json = json_read(body, operation, err);
        size_t before = *count;
        const cJSON *item = NULL;

        if (!json)
                return false;
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(json, "CertificateAuthorities"))
        {
                struct pca_authority read = { 0 };

                if (!read_authority(item, &read)) {
                        while (*count > before)
                                pca_authority_clear(&(*list)[--*count]);
                        return strange(err, operation, "holds something else than CAs");
                }
                *list = memory_grow(*list, *count + 1, sizeof(**list));
                (*list)[(*count)++] = read;
        }
        const char *next = text_member(json, "NextToken");

        text_assign(next_token, next && *next ? next : NULL);
        return true;
}

/* -- the API's words ---------------------------------------------------------------------- */

static const char *const signing_algorithms[] = {
        "SHA256WITHECDSA",   "SHA384WITHECDSA", "SHA512WITHECDSA",   "SHA256WITHRSA",
        "SHA384WITHRSA",     "SHA512WITHRSA",   "SHA256WITHRSA_PSS", "SHA384WITHRSA_PSS",
        "SHA512WITHRSA_PSS", "SM3WITHSM2",      "ML_DSA_44",         "ML_DSA_65",
        "ML_DSA_87",
};

/* Which algorithms a CA's key can sign with (by how they end), and which one is the usual choice.
 */
static const struct {
        const char *key;
        const char *ending[2];
        const char *usual;
} pairings[] = {
        { "RSA_2048", { "WITHRSA", "WITHRSA_PSS" }, "SHA256WITHRSA" },
        { "RSA_3072", { "WITHRSA", "WITHRSA_PSS" }, "SHA256WITHRSA" },
        { "RSA_4096", { "WITHRSA", "WITHRSA_PSS" }, "SHA256WITHRSA" },
        { "EC_prime256v1", { "WITHECDSA" }, "SHA256WITHECDSA" },
        { "EC_secp384r1", { "WITHECDSA" }, "SHA384WITHECDSA" },
        { "EC_secp521r1", { "WITHECDSA" }, "SHA512WITHECDSA" },
        { "ML_DSA_44", { "ML_DSA_44" }, "ML_DSA_44" },
        { "ML_DSA_65", { "ML_DSA_65" }, "ML_DSA_65" },
        { "ML_DSA_87", { "ML_DSA_87" }, "ML_DSA_87" },
        { "SM2", { "WITHSM2" }, "SM3WITHSM2" },
};

static bool
text_ends(const char *text, const char *ending)
{
        size_t length = strlen(text);

        return length >= strlen(ending) && strcmp(text + length - strlen(ending), ending) == 0;
}

const char *
pca_signing_algorithm(const char *key_algorithm, const char *own_algorithm)
{
        size_t row = 0;

        while (row < ARRAY_LENGTH(pairings) && !text_equal(pairings[row].key, key_algorithm))
                row++;
        if (row == ARRAY_LENGTH(pairings))
                return NULL;
        for (size_t i = 0; own_algorithm && i < ARRAY_LENGTH(signing_algorithms); i++) {
                if (strcmp(signing_algorithms[i], own_algorithm) != 0)
                        continue;
                for (size_t j = 0; j < ARRAY_LENGTH(pairings[row].ending); j++) {
                        if (pairings[row].ending[j] &&
                            text_ends(own_algorithm, pairings[row].ending[j]))
                                return signing_algorithms[i];
                }
        }
        return pairings[row].usual;
}

/* The row of `words` nearest to `text`. */
static const char *
nearest(const char *text, const char *const *words, size_t count)
{
        const char *best = words[0];

        for (size_t i = 1; i < count; i++) {
                if (text_distance(text, words[i]) < text_distance(text, best))
                        best = words[i];
        }
        return best;
}

bool
pca_signing_algorithm_check(const char *text, struct error *err)
{
        for (size_t i = 0; i < ARRAY_LENGTH(signing_algorithms); i++) {
                if (strcmp(text, signing_algorithms[i]) == 0)
                        return true;
        }
        error_set(err, ERROR_USAGE, "'%s' is not a signing algorithm of AWS Private CA", text);
        return error_advise(
                err, "did you mean %s? It has to fit the CA's key, not that of the certificate",
                nearest(text, signing_algorithms, ARRAY_LENGTH(signing_algorithms)));
}

/* The API's words first, then RFC 5280's where these differ in more than spelling. */
static const struct {
        const char *word;
        const char *reason;
} reasons[] = {
        { "UNSPECIFIED", "UNSPECIFIED" },
        { "KEY_COMPROMISE", "KEY_COMPROMISE" },
        { "CERTIFICATE_AUTHORITY_COMPROMISE", "CERTIFICATE_AUTHORITY_COMPROMISE" },
        { "AFFILIATION_CHANGED", "AFFILIATION_CHANGED" },
        { "SUPERSEDED", "SUPERSEDED" },
        { "CESSATION_OF_OPERATION", "CESSATION_OF_OPERATION" },
        { "PRIVILEGE_WITHDRAWN", "PRIVILEGE_WITHDRAWN" },
        { "A_A_COMPROMISE", "A_A_COMPROMISE" },
        { "CA_COMPROMISE", "CERTIFICATE_AUTHORITY_COMPROMISE" },
};

/* Equal but for case, '-' and '_'. */
static bool
words_equal(const char *a, const char *b)
{
        for (;;) {
                a += strspn(a, "-_");
                b += strspn(b, "-_");
                if (!*a || !*b)
                        return *a == *b;
                if (strncasecmp(a++, b++, 1) != 0)
                        return false;
        }
}

bool
pca_revocation_reason(const char *text, const char **reason, struct error *err)
{
        for (size_t i = 0; i < ARRAY_LENGTH(reasons); i++) {
                if (words_equal(text, reasons[i].word)) {
                        *reason = reasons[i].reason;
                        return true;
                }
        }
        error_set(err, ERROR_USAGE, "'%s' is not a reason to revoke", text);
        return error_advise(err, "it is one of unspecified, key-compromise, ca-compromise, "
                                 "affiliation-changed, superseded, cessation-of-operation, "
                                 "privilege-withdrawn, a-a-compromise");
}
