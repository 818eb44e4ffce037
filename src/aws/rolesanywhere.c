#include "aws/rolesanywhere.h"

#include <cjson/cJSON.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/endpoint.h"
#include "aws/form.h"
#include "aws/found.h"
#include "aws/sts.h"
#include "base/clock.h"
#include "order/cert.h"
#include "order/x509.h"

enum {
        LEAST_HASH_BITS = 256, /* SHA-256 or better */
};

/* -- ARNs --------------------------------------------------------------------------------- */

/* "arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE", cut at its colons; `text` is owned. */
struct arn {
        char *text;
        char *part[6];
};

enum { ARN_PARTITION = 1, ARN_SERVICE, ARN_REGION, ARN_ACCOUNT, ARN_RESOURCE };

static void
arn_clear(struct arn *arn)
{
        free(arn->text);
}

static bool
arn_split(const char *text, struct arn *out)
{
        out->text = text_copy(text);
        char *at = out->text;

        for (size_t i = 0; i < ARRAY_LENGTH(out->part); i++) {
                out->part[i] = at;
                at = strchr(at, ':');
                if (i < ARN_RESOURCE && !at)
                        return false;
                if (i < ARN_RESOURCE)
                        *at++ = '\0';
        }
        return strcmp(out->part[0], "arn") == 0;
}

/* An id of Roles Anywhere: a UUID. */
static bool
is_uuid(const char *text)
{
        if (strlen(text) != 36 || strspn(text, "0123456789abcdef-") != 36)
                return false;
        for (size_t i = 0; i < 36; i++) {
                bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

                if (hyphen != (text[i] == '-'))
                        return false;
        }
        return true;
}

/* Of Roles Anywhere, with `resource` ("profile/") and a UUID? */
static bool
read_arn(const char *text, const char *resource, const char *what, struct arn *out,
         struct error *err)
{
        struct error ignored = { 0 };
        const char *rule = NULL;

        if (!arn_split(text, out))
                rule = "it has not the six parts of an ARN";
        else if (strcmp(out->part[ARN_SERVICE], "rolesanywhere") != 0)
                rule = "it is not of Roles Anywhere";
        else if (!endpoint_region_check(out->part[ARN_REGION], &ignored))
                rule = "its Region is none";
        else if (strcmp(endpoint_partition(out->part[ARN_REGION]), out->part[ARN_PARTITION]) != 0)
                rule = "its Region is of another partition";
        else if (strlen(out->part[ARN_ACCOUNT]) != 12 ||
                 strspn(out->part[ARN_ACCOUNT], "0123456789") != 12)
                rule = "its account has not twelve digits";
        else if (!text_starts(out->part[ARN_RESOURCE], resource) ||
                 !is_uuid(out->part[ARN_RESOURCE] + strlen(resource)))
                rule = "another kind of resource is named";
        if (!rule)
                return true;
        error_set(err, ERROR_CONFIG, "'%s' is not the ARN of a %s: %s", text, what, rule);
        return error_advise(err,
                            "it looks like arn:aws:rolesanywhere:eu-central-1:111122223333:"
                            "%s01234567-89ab-cdef-0123-456789abcdef",
                            resource);
}

bool
anywhere_arns_check(const char *trust_anchor, const char *profile, const char *role,
                    struct error *err)
{
        CLEANUP(arn_clear) struct arn anchor = { 0 };
        CLEANUP(arn_clear) struct arn other = { 0 };
        CLEANUP(arn_clear) struct arn third = { 0 };
        const char *rule = NULL;

        if (!read_arn(trust_anchor, "trust-anchor/", "trust anchor", &anchor, err) ||
            !read_arn(profile, "profile/", "Roles Anywhere profile", &other, err) ||
            !sts_role_arn_check(role, err))
                return false;
        (void)arn_split(role, &third);
        if (strcmp(anchor.part[ARN_REGION], other.part[ARN_REGION]) != 0)
                rule = "trust anchor and profile are of different Regions";
        else if (strcmp(anchor.part[ARN_ACCOUNT], other.part[ARN_ACCOUNT]) != 0)
                rule = "trust anchor and profile are of different accounts";
        else if (strcmp(anchor.part[ARN_ACCOUNT], third.part[ARN_ACCOUNT]) != 0)
                rule = "trust anchor and role are of different accounts";
        else if (strcmp(anchor.part[ARN_PARTITION], third.part[ARN_PARTITION]) != 0)
                rule = "trust anchor and role are of different partitions";
        if (!rule)
                return true;
        error_set(err, ERROR_CONFIG, "%s", rule);
        error_about(err, "%s, %s, %s", trust_anchor, profile, role);
        return error_advise(err, "Roles Anywhere wants anchor and profile in one Region, and the "
                                 "role in the same account");
}

char *
anywhere_region(const char *trust_anchor)
{
        CLEANUP(arn_clear) struct arn anchor = { 0 };

        return arn_split(trust_anchor, &anchor) ? text_copy(anchor.part[ARN_REGION]) : NULL;
}

/* -- certificates ------------------------------------------------------------------------- */

static bool
not_usable(struct error *err, const char *subject, const char *rule)
{
        error_set(err, ERROR_CONFIG, "Roles Anywhere would not take the certificate: %s", rule);
        error_about(err, "certificate '%s'", subject);
        return error_advise(err, "let the trust anchor's CA issue one for an end entity: key usage "
                                 "digitalSignature, CA:FALSE, SHA-256 or better");
}

static bool
check_dates(const struct certificate_facts *facts, int64_t now, struct error *err)
{
        char when[CLOCK_TEXT];

        if (now >= facts->not_before && now <= facts->not_after)
                return true;
        bool over = now > facts->not_after;

        clock_format(over ? facts->not_after : facts->not_before, when);
        error_set(err, ERROR_CREDENTIALS_EXPIRED, "the certificate for Roles Anywhere %s %s",
                  over ? "expired at" : "is not valid before", when);
        error_about(err, "certificate '%s'", facts->subject);
        return error_advise(err, over ? "have it renewed by the trust anchor's CA, with any "
                                        "identity but this one; check the clock, too"
                                      : "check this computer's clock");
}

static const char *
rule_broken(X509 *certificate, const struct certificate_facts *facts)
{
        int bits = 0;

        if (X509_get_version(certificate) != X509_VERSION_3)
                return "it is not of X.509 version 3";
        if (facts->is_ca)
                return "it is that of a CA";
        if (!(X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) ||
            X509_get_extension_flags(certificate) & EXFLAG_INVALID ||
            !(X509_get_extension_flags(certificate) & EXFLAG_KUSAGE))
                return "it lacks the key usage digitalSignature";
        if (!X509_get_signature_info(certificate, NULL, NULL, &bits, NULL) ||
            bits < LEAST_HASH_BITS / 2)
                return "it is signed with a hash weaker than SHA-256";
        if (facts->key_type == KEY_NONE)
                return "its key is neither RSA (2048 to 4096 bits) nor of the curves P-256, P-384 "
                       "and P-521";
        return NULL;
}

bool
anywhere_certificate_check(struct view certificate, int64_t now, struct error *err)
{
        CLEANUP(certificate_facts_clear) struct certificate_facts facts = { 0 };
        CLEANUP(x509_cleanup) X509 *x509 = x509_read(certificate);

        if (!certificate_facts_read(certificate, &facts, err))
                return false;
        const char *rule = rule_broken(x509, &facts);

        if (rule)
                return not_usable(err, facts.subject, rule);
        return check_dates(&facts, now, err);
}

void
anywhere_card_clear(struct anywhere_card *card)
{
        free(card->serial);
        free(card->certificate);
        free(card->chain);
        *card = (struct anywhere_card){ 0 };
}

/* Up to 20 octets (RFC 5280, 4.1.2.2), in decimal. */
static char *
decimal_serial(X509 *certificate)
{
        BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
        char *digits = number ? BN_bn2dec(number) : NULL;
        char *copy = text_copy(digits);

        OPENSSL_free(digits);
        BN_free(number);
        return copy;
}

static const char *
algorithm_of(X509 *certificate)
{
        const EVP_PKEY *key = X509_get0_pubkey(certificate);

        if (key && EVP_PKEY_is_a(key, "RSA"))
                return "AWS4-X509-RSA-SHA256";
        return key && EVP_PKEY_is_a(key, "EC") ? "AWS4-X509-ECDSA-SHA256" : NULL;
}

bool
anywhere_card_make(const struct anywhere_identity *identity, struct anywhere_card *out,
                   struct error *err)
{
        CLEANUP(x509_cleanup) X509 *leaf = x509_read(identity->certificate);
        CLEANUP(buf_cleanup) struct buf chain = { 0 };
        struct view rest = identity->chain;

        if (!leaf || !algorithm_of(leaf)) {
                error_set(err, ERROR_CONFIG,
                          "the certificate for Roles Anywhere has no RSA or EC "
                          "key");
                return error_advise(err, "use a certificate with such a key");
        }
        for (size_t length; (length = certificate_length(rest)) > 0;) {
                CLEANUP(free_cleanup) char *text = base64_encode(view_of(rest.data, length));

                buf_format(&chain, "%s%s", chain.len ? "," : "", text);
                rest = view_of(rest.data + length, rest.len - length);
        }
        *out = (struct anywhere_card){ .algorithm = algorithm_of(leaf),
                                       .serial = decimal_serial(leaf),
                                       .certificate = base64_encode(identity->certificate),
                                       .chain = chain.len ? text_copy(buf_text(&chain)) : NULL,
                                       .sign = identity->sign,
                                       .context = identity->context };
        return true;
}

/* -- the call ----------------------------------------------------------------------------- */

char *
anywhere_write_query(const struct anywhere_options *options)
{
        const struct {
                const char *name;
                const char *arn;
        } parts[] = {
                { "profileArn", options->profile },
                { "roleArn", options->role },
                { "trustAnchorArn", options->trust_anchor },
        };
        CLEANUP(buf_cleanup) struct buf query = { 0 };

        for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
                buf_format(&query, "%s%s=", i ? "&" : "", parts[i].name);
                form_encode(&query, parts[i].arn);
        }
        return text_copy(buf_text(&query));
}

char *
anywhere_write_body(const struct anywhere_options *options)
{
        int64_t duration = options->duration_s ? options->duration_s : ANYWHERE_USUAL_S;

        /* A session's name has no character that JSON would want escaped (sts.h). */
        return options->session_name
                       ? text_format("{\"durationSeconds\":%lld,\"roleSessionName\":\"%s\"}",
                                     (long long)duration, options->session_name)
                       : text_format("{\"durationSeconds\":%lld}", (long long)duration);
}

static bool
not_as_promised(struct error *err, const char *rule)
{
        error_set(err, ERROR_AWS_ANSWER, "the answer to CreateSession %s", rule);
        return error_advise(err, "something other than AWS Roles Anywhere may answer there; check "
                                 "the endpoint URL");
}

static const char *
json_text(const cJSON *json, const char *name)
{
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

        return text && *text ? text : NULL;
}

static bool
read_session(const cJSON *json, struct credentials *out, struct error *err)
{
        const cJSON *set = cJSON_GetObjectItemCaseSensitive(json, "credentialSet");
        const cJSON *from =
                cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(set, 0), "credentials");
        const char *expiration = json_text(from, "expiration");
        struct found found = { .access_key_id = json_text(from, "accessKeyId"),
                               .secret_access_key = json_text(from, "secretAccessKey"),
                               .session_token = json_text(from, "sessionToken"),
                               .origin = "CreateSession" };

        if (!found.access_key_id || !found.secret_access_key || !found.session_token)
                return not_as_promised(err, "lacks credentials");
        if (!expiration || !clock_parse(expiration, &found.expires_at))
                return not_as_promised(err, "has no time at which the session expires");
        if (found_take(&found, out, err))
                return true;
        return not_as_promised(err, "has credentials that none can be");
}

bool
anywhere_read_session(struct view body, struct credentials *out, struct error *err)
{
        cJSON *json = cJSON_ParseWithLength((const char *)body.data, body.len);
        bool done = read_session(json, out, err);

        found_wipe_json(json);
        return done;
}
