#include "localpca/names.h"

#include <string.h>

#include "base/bytes.h"
#include "localpca/x509.h"

static const cJSON *
member_of(const cJSON *object, const char *name)
{
        const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);

        return cJSON_IsNull(found) ? NULL : found;
}

static const char *
member_text(const cJSON *object, const char *name)
{
        return cJSON_GetStringValue(member_of(object, name));
}

ASN1_OBJECT *
oid_of_text(const char *text)
{
        return text && *text ? OBJ_txt2obj(text, 1) : NULL;
}

/* -- subjects ----------------------------------------------------------------------------- */

static const struct {
        const char *member;
        int nid;
} attributes[] = {
        { "Country", NID_countryName },
        { "Organization", NID_organizationName },
        { "OrganizationalUnit", NID_organizationalUnitName },
        { "DistinguishedNameQualifier", NID_dnQualifier },
        { "State", NID_stateOrProvinceName },
        { "CommonName", NID_commonName },
        { "SerialNumber", NID_serialNumber },
        { "Locality", NID_localityName },
        { "Title", NID_title },
        { "Surname", NID_surname },
        { "GivenName", NID_givenName },
        { "Initials", NID_initials },
        { "Pseudonym", NID_pseudonym },
        { "GenerationQualifier", NID_generationQualifier },
};

static bool
custom_attribute_add(X509_NAME *name, const cJSON *from, struct error *err)
{
        const char *oid = member_text(from, "ObjectIdentifier");
        const char *value = member_text(from, "Value");
        ASN1_OBJECT *object = oid_of_text(oid);
        bool done = object && value &&
                    X509_NAME_add_entry_by_OBJ(name, object, MBSTRING_UTF8,
                                               (const unsigned char *)value, -1, -1, 0) == 1;

        ASN1_OBJECT_free(object);
        return done || error_set(err, ERROR_INPUT, "the custom attribute %s cannot hold '%s'",
                                 oid ? oid : "", value ? value : "");
}

static bool
standard_attributes_add(X509_NAME *name, const cJSON *subject, struct error *err)
{
        for (size_t i = 0; i < ARRAY_LENGTH(attributes); i++) {
                const char *value = member_text(subject, attributes[i].member);

                if (!value || !*value)
                        continue;
                if (X509_NAME_add_entry_by_NID(name, attributes[i].nid, MBSTRING_UTF8,
                                               (const unsigned char *)value, -1, -1, 0) != 1)
                        return error_set(err, ERROR_INPUT, "the %s cannot be '%s'",
                                         attributes[i].member, value);
        }
        return true;
}

X509_NAME *
name_of_subject(const cJSON *subject, struct error *err)
{
        const cJSON *custom = member_of(subject, "CustomAttributes"), *one;
        CLEANUP(name_cleanup) X509_NAME *name = X509_NAME_new();

        if (!standard_attributes_add(name, subject, err))
                return NULL;
        if (cJSON_GetArraySize(custom) && X509_NAME_entry_count(name)) {
                error_set(err, ERROR_INPUT,
                          "a subject has either standard attributes or customAttributes, not both");
                return NULL;
        }
        cJSON_ArrayForEach(one, custom)
        {
                if (!custom_attribute_add(name, one, err))
                        return NULL;
        }
        return MOVE(name);
}

/* -- general names ------------------------------------------------------------------------ */

/* An IA5String: RFC 5280, 4.2.1.6, for mail addresses, DNS names and URIs. */
static bool
text_name(GENERAL_NAME *name, int type, const char *text)
{
        ASN1_IA5STRING *string = ASN1_IA5STRING_new();

        for (const char *at = text; *at; at++) {
                if (*at & 0x80)
                        text = "";
        }
        if (!*text || !string || !ASN1_STRING_set(string, text, -1)) {
                ASN1_IA5STRING_free(string);
                return false;
        }
        GENERAL_NAME_set0_value(name, type, string);
        return true;
}

static bool
mail_name(GENERAL_NAME *name, const cJSON *from, struct error *err)
{
        (void)err;
        return text_name(name, GEN_EMAIL, from->valuestring);
}

static bool
dns_name(GENERAL_NAME *name, const cJSON *from, struct error *err)
{
        (void)err;
        return text_name(name, GEN_DNS, from->valuestring);
}

static bool
uri_name(GENERAL_NAME *name, const cJSON *from, struct error *err)
{
        (void)err;
        return text_name(name, GEN_URI, from->valuestring);
}

static bool
address_name(GENERAL_NAME *name, const cJSON *from, struct error *err)
{
        ASN1_OCTET_STRING *address = a2i_IPADDRESS(from->valuestring);

        (void)err;
        if (address)
                GENERAL_NAME_set0_value(name, GEN_IPADD, address);
        return address != NULL;
}

static bool
directory_name(GENERAL_NAME *name, const cJSON *from, struct error *err)
{
        X509_NAME *directory = name_of_subject(from, err);

        if (directory && !X509_NAME_entry_count(directory)) {
                X509_NAME_free(directory);
                return false;
        }
        if (directory)
                GENERAL_NAME_set0_value(name, GEN_DIRNAME, directory);
        return directory != NULL;
}

static bool
registered_name(GENERAL_NAME *name, const cJSON *from, struct error *err)
{
        ASN1_OBJECT *object = oid_of_text(from->valuestring);

        (void)err;
        if (object)
                GENERAL_NAME_set0_value(name, GEN_RID, object);
        return object != NULL;
}

static ASN1_UTF8STRING *
utf8_string(const char *text)
{
        ASN1_UTF8STRING *string = ASN1_UTF8STRING_new();

        if (string && ASN1_STRING_set(string, text, -1))
                return string;
        ASN1_UTF8STRING_free(string);
        return NULL;
}

static bool
other_name(GENERAL_NAME *name, const cJSON *from, struct error *err)
{
        ASN1_OBJECT *object = oid_of_text(member_text(from, "TypeId"));
        const char *value = member_text(from, "Value");
        ASN1_UTF8STRING *text = value ? utf8_string(value) : NULL;
        ASN1_TYPE *wrapped = text ? ASN1_TYPE_new() : NULL;

        (void)err;
        if (wrapped) {
                ASN1_TYPE_set(wrapped, V_ASN1_UTF8STRING, MOVE(text));
                if (object && GENERAL_NAME_set0_othername(name, object, wrapped))
                        return true;
        }
        ASN1_OBJECT_free(object);
        ASN1_TYPE_free(wrapped);
        ASN1_UTF8STRING_free(text);
        return false;
}

/* A DirectoryString is a choice of string types: UTF-8 (RFC 5280, 4.1.2.4). */
static bool
party_name(GENERAL_NAME *name, const cJSON *from, struct error *err)
{
        const char *party = member_text(from, "PartyName");
        const char *assigner = member_text(from, "NameAssigner");
        EDIPARTYNAME *edi = EDIPARTYNAME_new();
        bool done = edi && party && *party;

        (void)err;
        if (done) {
                ASN1_STRING_free(edi->partyName);
                edi->partyName = utf8_string(party);
                done = edi->partyName != NULL;
        }
        if (done && assigner && *assigner) {
                edi->nameAssigner = utf8_string(assigner);
                done = edi->nameAssigner != NULL;
        }
        if (done)
                GENERAL_NAME_set0_value(name, GEN_EDIPARTY, edi);
        else
                EDIPARTYNAME_free(edi);
        return done;
}

static const struct {
        const char *member;
        bool (*make)(GENERAL_NAME *name, const cJSON *from, struct error *err);
} kinds[] = {
        { "OtherName", other_name },    { "Rfc822Name", mail_name },
        { "DnsName", dns_name },        { "DirectoryName", directory_name },
        { "EdiPartyName", party_name }, { "UniformResourceIdentifier", uri_name },
        { "IpAddress", address_name },  { "RegisteredId", registered_name },
};

GENERAL_NAME *
name_of_general(const cJSON *from, struct error *err)
{
        size_t count = 0, kind = 0;

        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
                if (member_of(from, kinds[i].member)) {
                        kind = i;
                        count++;
                }
        }
        if (count != 1) {
                error_set(err, ERROR_INPUT, "a general name has exactly one member, not %zu",
                          count);
                return NULL;
        }
        GENERAL_NAME *name = GENERAL_NAME_new();
        const cJSON *value = member_of(from, kinds[kind].member);

        if (name && kinds[kind].make(name, value, err))
                return name;
        GENERAL_NAME_free(name);
        if (err->kind == ERROR_NONE)
                error_set(err, ERROR_INPUT, "the %s%s%s%s cannot be encoded", kinds[kind].member,
                          cJSON_IsString(value) ? " '" : "",
                          cJSON_IsString(value) ? value->valuestring : "",
                          cJSON_IsString(value) ? "'" : "");
        return NULL;
}
