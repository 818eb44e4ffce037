/*
 * ApiPassthrough of IssueCertificate.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "aws/pca.h"
#include "order/content.h"
#include "order/custom.h"
#include "order/passthrough.h"

/* Adds what was promised by passthrough_check() to fit. */
static void
add_name(cJSON *object, const char *member, const char *subject)
{
        struct passthrough_name name = { 0 };
        struct error ignored = { 0 };

        if (!passthrough_name_read(subject, &name, &ignored))
                return;
        cJSON *json = cJSON_AddObjectToObject(object, member);
        cJSON *custom = name.standard ? NULL : cJSON_AddArrayToObject(json, "CustomAttributes");

        for (size_t i = 0; i < name.count; i++) {
                const struct passthrough_attribute *attribute = &name.attributes[i];

                if (name.standard) {
                        cJSON_AddStringToObject(json, attribute->member, attribute->value);
                        continue;
                }
                cJSON *one = cJSON_CreateObject();

                cJSON_AddStringToObject(one, "ObjectIdentifier", attribute->oid);
                cJSON_AddStringToObject(one, "Value", attribute->value);
                cJSON_AddItemToArray(custom, one);
        }
        passthrough_name_clear(&name);
}

static void
add_other_name(cJSON *general, const char *oid, const char *value)
{
        cJSON *other = cJSON_AddObjectToObject(general, "OtherName");

        cJSON_AddStringToObject(other, "TypeId", oid);
        cJSON_AddStringToObject(other, "Value", value);
}

/* One member for each GeneralName. */
static cJSON *
general_name(const char *san)
{
        static const struct {
                const char *prefix;
                const char *member;
        } plain[] = {
                { "dns:", "DnsName" },
                { "email:", "Rfc822Name" },
                { "uri:", "UniformResourceIdentifier" },
                { "ip:", "IpAddress" },
                { "rid:", "RegisteredId" },
        };
        const char *value = strchr(san, ':') + 1;
        cJSON *general = cJSON_CreateObject();

        for (size_t i = 0; i < ARRAY_LENGTH(plain); i++) {
                if (text_starts(san, plain[i].prefix))
                        cJSON_AddStringToObject(general, plain[i].member, value);
        }
        if (text_starts(san, "dirname:"))
                add_name(general, "DirectoryName", value);
        if (text_starts(san, "upn:"))
                add_other_name(general, "1.3.6.1.4.1.311.20.2.3", value);
        if (text_starts(san, "othername:")) {
                CLEANUP(free_cleanup) char *oid = text_copy_length(value, strcspn(value, ";"));

                add_other_name(general, oid, value + strlen(oid) + strlen(";UTF8:"));
        }
        return general;
}

static void
add_sans(cJSON *extensions, const struct wishes *wishes)
{
        cJSON *list = cJSON_AddArrayToObject(extensions, "SubjectAlternativeNames");

        for (size_t i = 0; i < wishes->san_count; i++)
                cJSON_AddItemToArray(list, general_name(wishes->sans[i]));
}

static void
add_key_usage(cJSON *extensions, const struct wishes *wishes)
{
        /* In the order of the bits. */
        static const char *const members[] = {
                "DigitalSignature", "NonRepudiation", "KeyEncipherment",
                "DataEncipherment", "KeyAgreement",   "KeyCertSign",
                "CRLSign",          "EncipherOnly",   "DecipherOnly",
        };
        cJSON *usage = cJSON_AddObjectToObject(extensions, "KeyUsage");

        for (size_t bit = 0; bit < ARRAY_LENGTH(members); bit++)
                cJSON_AddBoolToObject(usage, members[bit],
                                      (wishes->usages.key_usage & 1u << bit) != 0);
}

static void
add_extended(cJSON *extensions, const struct wishes *wishes)
{
        static const struct {
                const char *oid;
                const char *type;
        } types[] = {
                { "1.3.6.1.5.5.7.3.1", "SERVER_AUTH" },
                { "1.3.6.1.5.5.7.3.2", "CLIENT_AUTH" },
                { "1.3.6.1.5.5.7.3.3", "CODE_SIGNING" },
                { "1.3.6.1.5.5.7.3.4", "EMAIL_PROTECTION" },
                { "1.3.6.1.5.5.7.3.8", "TIME_STAMPING" },
                { "1.3.6.1.5.5.7.3.9", "OCSP_SIGNING" },
                { "1.3.6.1.4.1.311.20.2.2", "SMART_CARD_LOGIN" },
                { "1.3.6.1.4.1.311.10.3.12", "DOCUMENT_SIGNING" },
                { "1.3.6.1.4.1.11129.2.4.4", "CERTIFICATE_TRANSPARENCY" },
        };
        cJSON *list = cJSON_AddArrayToObject(extensions, "ExtendedKeyUsage");

        for (size_t i = 0; i < wishes->usages.extended_count; i++) {
                const char *oid = wishes->usages.extended[i];
                const char *type = NULL;
                cJSON *usage = cJSON_CreateObject();

                for (size_t t = 0; t < ARRAY_LENGTH(types); t++) {
                        if (strcmp(types[t].oid, oid) == 0)
                                type = types[t].type;
                }
                cJSON_AddStringToObject(usage,
                                        type ? "ExtendedKeyUsageType"
                                             : "ExtendedKeyUsageObjectIdentifier",
                                        type ? type : oid);
                cJSON_AddItemToArray(list, usage);
        }
}

static void
add_policies(cJSON *extensions, const struct wishes *wishes)
{
        cJSON *list = cJSON_AddArrayToObject(extensions, "CertificatePolicies");

        for (size_t i = 0; i < wishes->usages.policy_count; i++) {
                CLEANUP(free_cleanup) char *oid = policy_oid(wishes->usages.policies[i]);
                const char *cps = policy_cps(wishes->usages.policies[i]);
                cJSON *policy = cJSON_CreateObject();

                cJSON_AddStringToObject(policy, "CertPolicyId", oid);
                if (cps) {
                        cJSON *qualifiers = cJSON_AddArrayToObject(policy, "PolicyQualifiers");
                        cJSON *qualifier = cJSON_CreateObject();

                        cJSON_AddStringToObject(qualifier, "PolicyQualifierId", "CPS");
                        cJSON_AddStringToObject(cJSON_AddObjectToObject(qualifier, "Qualifier"),
                                                "CpsUri", cps);
                        cJSON_AddItemToArray(qualifiers, qualifier);
                }
                cJSON_AddItemToArray(list, policy);
        }
}

/* `Value` is a string of the API: base64 once. */
static void
add_custom(cJSON *extensions, const struct wishes *wishes)
{
        cJSON *list = cJSON_AddArrayToObject(extensions, "CustomExtensions");

        for (size_t i = 0; i < wishes->extension_count; i++) {
                cJSON *extension = cJSON_CreateObject();
                struct custom custom;

                custom_read(wishes->extensions[i], &custom);
                CLEANUP(free_cleanup) char *base64 = base64_encode(view_buf(&custom.value));

                buf_clear(&custom.value);
                cJSON_AddStringToObject(extension, "ObjectIdentifier", custom.oid);
                cJSON_AddStringToObject(extension, "Value", base64);
                cJSON_AddBoolToObject(extension, "Critical", custom.critical);
                cJSON_AddItemToArray(list, extension);
        }
}

char *
pca_write_passthrough(const struct wishes *wishes, const struct template_facts *facts)
{
        static const struct {
                enum wish_part part;
                void (*add)(cJSON *extensions, const struct wishes *wishes);
        } parts[] = {
                { WISH_POLICIES, add_policies },   { WISH_EXTENDED, add_extended },
                { WISH_KEY_USAGE, add_key_usage }, { WISH_SANS, add_sans },
                { WISH_EXTENSIONS, add_custom },
        };

        if (!wishes_need_api(wishes, facts))
                return NULL;
        cJSON *json = cJSON_CreateObject();
        cJSON *extensions = cJSON_CreateObject();

        for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
                if (wish_goes_by_api(wishes, facts, parts[i].part))
                        parts[i].add(extensions, wishes);
        }
        if (extensions->child)
                cJSON_AddItemToObject(json, "Extensions", extensions);
        else
                cJSON_Delete(extensions);
        if (wish_goes_by_api(wishes, facts, WISH_SUBJECT))
                add_name(json, "Subject", wishes->subject);
        char *printed = cJSON_PrintUnformatted(json);

        if (!printed)
                abort(); /* out of memory */
        char *text = text_copy(printed);

        cJSON_free(printed);
        cJSON_Delete(json);
        return text;
}
