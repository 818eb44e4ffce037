#include <arpa/inet.h>
#include <ctype.h>
#include <idn2.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "order/name.h"
#include "order/oid.h"
#include "order/othername.h"
#include "order/text_list.h"
#include "order/utf8.h"

enum { DNS_MOST = 253, LABEL_MOST = 63, LOCAL_PART_MOST = 64, VALUE_MOST = 4096 };

static void
general_name_cleanup(GENERAL_NAME **name)
{
        GENERAL_NAME_free(*name);
}

static void
subject_cleanup(X509_NAME **name)
{
        X509_NAME_free(*name);
}

static bool
is_ascii_text(const char *text)
{
        for (; *text; text++) {
                if ((unsigned char)*text >= 0x80)
                        return false;
        }
        return true;
}

/* -- the rules of each kind: NULL and the normal value, or the rule that is broken --------- */

static const char *
label_rule(const char *label, size_t len)
{
        if (len == 0)
                return "a label is empty";
        if (len > LABEL_MOST)
                return "a label is longer than 63 characters";
        if (label[0] == '-' || label[len - 1] == '-')
                return "a label begins or ends with a hyphen";
        for (size_t i = 0; i < len; i++) {
                if (!isalnum((unsigned char)label[i]) && label[i] != '-')
                        return "a label holds letters, digits and hyphens only";
        }
        return NULL;
}

/* A host name in A-labels: RFC 5280, 4.2.1.6 (preferred name syntax). */
static const char *
host_rule(const char *host)
{
        const char *label = host;

        if (strlen(host) > DNS_MOST)
                return "a name is longer than 253 characters";
        if (*host && host[strlen(host) - 1] == '.')
                return "a name stands here without the dot at its end";
        for (;;) {
                size_t len = strcspn(label, ".");
                const char *rule = label_rule(label, len);

                if (rule)
                        return rule;
                if (label[len] == '\0')
                        break;
                label += len + 1;
        }
        if (strspn(label, "0123456789") == strlen(label))
                return "it looks like an address (write ip: for one)";
        return NULL;
}

/* A host name in any script to lower-case A-labels (IDNA 2008). */
static const char *
normal_host(const char *value, char **normal)
{
        char *a_labels = NULL;
        CLEANUP(free_cleanup) char *host = text_copy(value);

        for (char *at = host; *at; at++)
                *at = (unsigned char)*at < 0x80 ? (char)tolower((unsigned char)*at) : *at;
        if (!is_ascii_text(host) || strstr(host, "xn--")) {
                if (idn2_lookup_u8((const uint8_t *)host, (uint8_t **)&a_labels,
                                   IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
                        return "it is not a valid internationalised name";
                free(host);
                host = text_copy(a_labels);
                idn2_free(a_labels);
        }
        const char *rule = host_rule(host);

        if (!rule)
                *normal = MOVE(host);
        return rule;
}

static const char *
normal_dns(const char *value, char **normal)
{
        bool wildcard = text_starts(value, "*.");
        CLEANUP(free_cleanup) char *host = NULL;
        const char *rule = normal_host(wildcard ? value + 2 : value, &host);

        if (rule)
                return strchr(wildcard ? value + 2 : value, '*')
                               ? "'*' may only be the whole first label"
                               : rule;
        *normal = text_format("%s%s", wildcard ? "*." : "", host);
        if (strlen(*normal) <= DNS_MOST)
                return NULL;
        free(MOVE(*normal));
        return "a name is longer than 253 characters";
}

static const char *
normal_ip(const char *value, char **normal)
{
        int family = strchr(value, ':') ? AF_INET6 : AF_INET;
        char text[INET6_ADDRSTRLEN];
        uint8_t address[16];

        if (strchr(value, '/'))
                return "it is a network; a certificate names single addresses";
        if (strchr(value, '%'))
                return "a zone (%eth0) has no place in a certificate";
        if (strpbrk(value, "[]"))
                return "an address stands here without brackets and port";
        if (inet_pton(family, value, address) != 1 ||
            !inet_ntop(family, address, text, sizeof(text)))
                return "it is neither an IPv4 address (four numbers up to 255, without leading "
                       "zeros) nor an IPv6 one (RFC 4291, 2.2)";
        *normal = text_copy(text);
        return NULL;
}

static const char *
normal_email(const char *value, char **normal)
{
        const char *at = strrchr(value, '@');
        CLEANUP(free_cleanup)
        char *local = at ? text_copy_length(value, (size_t)(at - value)) : NULL;
        CLEANUP(free_cleanup) char *host = NULL;

        if (!local)
                return "there is no '@'";
        size_t len = strlen(local);

        /* Dot-atom of RFC 5321; other scripts would need SmtpUTF8Mailbox (RFC 9598). */
        if (len == 0 || len > LOCAL_PART_MOST)
                return "the part before '@' has 1 to 64 characters";
        if (local[0] == '.' || local[len - 1] == '.' || strstr(local, ".."))
                return "the part before '@' has a dot too many";
        for (size_t i = 0; i < len; i++) {
                unsigned char c = (unsigned char)local[i];

                if (c >= 0x80 || (!isalnum(c) && !strchr(".!#$%&'*+-/=?^_`{|}~", c)))
                        return "the part before '@' holds a character that it cannot";
        }
        const char *rule = normal_host(at + 1, &host);

        if (!rule)
                *normal = text_format("%s@%s", local, host);
        return rule;
}

static const char *
uri_character_rule(const char *value)
{
        static const char other[] = "-._~:/?#[]@!$&'()*+,;=";

        for (; *value; value++) {
                unsigned char c = (unsigned char)*value;

                if (c == '%' && isxdigit((unsigned char)value[1]) &&
                    isxdigit((unsigned char)value[2]))
                        continue;
                if (c >= 0x80 || (!isalnum(c) && !strchr(other, c)))
                        return "a character in it has to be written as %HH (RFC 3986)";
        }
        return NULL;
}

/* An absolute URI (RFC 5280, 4.2.1.6); scheme and host in lower case. */
static const char *
normal_uri(const char *value, char **normal)
{
        size_t scheme = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789+-.");
        const char *rule = uri_character_rule(value);
        CLEANUP(free_cleanup) char *text = text_copy(value);

        if (rule)
                return rule;
        if (!isalpha((unsigned char)value[0]) || value[scheme] != ':')
                return "it does not begin with a scheme such as https:";
        if (!value[scheme + 1])
                return "nothing follows the scheme";
        for (size_t i = 0; i < scheme; i++)
                text[i] = (char)tolower((unsigned char)text[i]);
        if (text_starts(text + scheme, "://")) {
                char *host = text + scheme + strlen("://");
                size_t authority = strcspn(host, "/?#");

                for (size_t i = 0; i < authority; i++) {
                        if (host[i] == '@') {
                                host += i + 1;
                                authority -= i + 1;
                                break;
                        }
                }
                if (authority == 0 || *host == ':')
                        return "there is no host behind '//'";
                for (size_t i = 0; i < authority; i++) {
                        /* the hex digits of %HH mean the same in either case */
                        host[i] = (char)tolower((unsigned char)host[i]);
                }
        }
        *normal = MOVE(text);
        return NULL;
}

static const char *
normal_rid(const char *value, char **normal)
{
        if (!oid_is_dotted(value))
                return "it is not a dotted object identifier";
        *normal = text_copy(value);
        return NULL;
}

static const char *
normal_dirname(const char *value, char **normal)
{
        CLEANUP(subject_cleanup) X509_NAME *name = NULL;
        struct error ignored = { 0 };

        if (!subject_parse(value, &name, &ignored))
                return "it is not a name as RFC 4514 has it";
        if (X509_NAME_entry_count(name) == 0)
                return "it is empty";
        *normal = subject_format(name);
        return NULL;
}

/* -- building ----------------------------------------------------------------------------- */

static bool
build_ia5(GENERAL_NAME *name, int type, const char *value)
{
        ASN1_IA5STRING *string = ASN1_IA5STRING_new();

        if (!string || !ASN1_STRING_set(string, value, -1)) {
                ASN1_IA5STRING_free(string);
                return false;
        }
        GENERAL_NAME_set0_value(name, type, string);
        return true;
}

static bool
build_ip(GENERAL_NAME *name, int type, const char *value)
{
        ASN1_OCTET_STRING *address = a2i_IPADDRESS(value);

        if (address)
                GENERAL_NAME_set0_value(name, type, address);
        return address != NULL;
}

static bool
build_rid(GENERAL_NAME *name, int type, const char *value)
{
        ASN1_OBJECT *object = oid_object(value);

        if (object)
                GENERAL_NAME_set0_value(name, type, object);
        return object != NULL;
}

static bool
build_dirname(GENERAL_NAME *name, int type, const char *value)
{
        struct error ignored = { 0 };
        X509_NAME *directory = NULL;

        if (!subject_parse(value, &directory, &ignored))
                return false;
        GENERAL_NAME_set0_value(name, type, directory);
        return true;
}

static const struct kind {
        const char *name;
        int type;
        const char *(*normal)(const char *value, char **normal);
        bool (*build)(GENERAL_NAME *name, int type, const char *value);
} kinds[] = {
        { "dns", GEN_DNS, normal_dns, build_ia5 },
        { "ip", GEN_IPADD, normal_ip, build_ip },
        { "email", GEN_EMAIL, normal_email, build_ia5 },
        { "uri", GEN_URI, normal_uri, build_ia5 },
        { "rid", GEN_RID, normal_rid, build_rid },
        { "upn", GEN_OTHERNAME, upn_normal, upn_build },
        { "krb5", GEN_OTHERNAME, krb5_normal, krb5_build },
        { "dirname", GEN_DIRNAME, normal_dirname, build_dirname },
        { "othername", GEN_OTHERNAME, othername_normal, othername_build },
};

/* What san_list() says of a name that it cannot say otherwise: its DER in hex. */
static const char raw_prefix[] = "other:";

static const struct kind *
kind_of(const char *text, const char **value)
{
        const char *colon = strchr(text, ':');
        size_t len = colon ? (size_t)(colon - text) : 0;

        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
                if (len && strlen(kinds[i].name) == len &&
                    strncasecmp(kinds[i].name, text, len) == 0) {
                        *value = colon + 1;
                        return &kinds[i];
                }
        }
        return NULL;
}

bool
san_parse(const char *text, char **normal, struct error *err)
{
        const char *value = NULL;
        const struct kind *kind = kind_of(text, &value);
        CLEANUP(free_cleanup) char *fresh = NULL;

        if (!kind) {
                error_set(err, ERROR_USAGE, "'%.80s' is no alternative name of a known type", text);
                return error_advise(err, "write dns:NAME, ip:ADDRESS, email:ADDRESS, uri:URI, "
                                         "rid:OID, upn:USER@REALM, krb5:NAME@REALM, "
                                         "dirname:RFC4514 or othername:OID;UTF8:TEXT");
        }
        const char *rule = strlen(value) > VALUE_MOST ? "it is longer than 4096 bytes"
                                                      : kind->normal(value, &fresh);

        if (rule) {
                struct error inner = { 0 };
                X509_NAME *name = NULL;

                /* Of a name inside the name, what is wrong with that is the better answer. */
                if (kind->type == GEN_DIRNAME && !subject_parse(value, &name, &inner))
                        rule = inner.what;
                X509_NAME_free(name);
                error_set(err, ERROR_USAGE, "the alternative name '%.80s' is wrong: %s", text,
                          rule);
                return error_advise(err, "names are written as RFC 5280, 4.2.1.6 has them");
        }
        *normal = text_format("%s:%s", kind->name, fresh);
        return true;
}

/* Decode what san_list() could only give as hex. */
static GENERAL_NAME *
raw_name(const char *hex)
{
        CLEANUP(buf_cleanup) struct buf der = { 0 };
        CLEANUP(general_name_cleanup) GENERAL_NAME *name = NULL;
        struct error ignored = { 0 };

        if (!hex_decode(hex, &der, &ignored))
                return NULL;
        const unsigned char *end = der.data;

        name = d2i_GENERAL_NAME(NULL, &end, (long)der.len);
        ERR_clear_error();
        return name && end == der.data + der.len ? MOVE(name) : NULL;
}

static GENERAL_NAME *
build_name(const char *text)
{
        CLEANUP(general_name_cleanup) GENERAL_NAME *name = NULL;
        CLEANUP(free_cleanup) char *normal = NULL;
        struct error ignored = { 0 };
        const char *value = NULL;

        if (text_starts(text, raw_prefix))
                return raw_name(text + strlen(raw_prefix));
        const struct kind *kind = kind_of(text, &value);

        if (!kind || !san_parse(text, &normal, &ignored) || strcmp(normal, text) != 0)
                return NULL;
        name = GENERAL_NAME_new();
        return name && kind->build(name, kind->type, value) ? MOVE(name) : NULL;
}

bool
san_build(char *const *sans, size_t count, GENERAL_NAMES **out, struct error *err)
{
        GENERAL_NAMES *names = GENERAL_NAMES_new();

        for (size_t i = 0; i < count; i++) {
                GENERAL_NAME *name = names ? build_name(sans[i]) : NULL;

                if (name && sk_GENERAL_NAME_push(names, name))
                        continue;
                GENERAL_NAME_free(name);
                GENERAL_NAMES_free(names);
                ERR_clear_error();
                return error_set(err, ERROR_USAGE, "'%.80s' is no alternative name", sans[i]);
        }
        if (!names)
                return error_set(err, ERROR_INTERNAL, "there is no memory for names");
        *out = names;
        return true;
}

/* -- listing ------------------------------------------------------------------------------ */

/* The bytes as text behind a prefix, or NULL if they hold a NUL or, for IA5, more than ASCII. */
static char *
string_text(const char *prefix, const ASN1_STRING *string, bool ascii)
{
        struct view bytes =
                view_of(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
        CLEANUP(free_cleanup) char *text = text_copy_length(bytes.data, bytes.len);

        if (strlen(text) != bytes.len || (ascii && !is_ascii_text(text)))
                return NULL;
        return text_format("%s:%s", prefix, text);
}

static char *
ip_text(const ASN1_OCTET_STRING *string)
{
        int length = ASN1_STRING_length(string);
        char text[INET6_ADDRSTRLEN];

        if (length != 4 && length != 16)
                return NULL;
        if (!inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(string), text,
                       sizeof(text)))
                return NULL;
        return text_format("ip:%s", text);
}

/* The form san_parse() reads, not yet normal; NULL where there is none. */
static char *
plain_text(const GENERAL_NAME *name)
{
        char oid[OID_TEXT];

        switch (name->type) {
        case GEN_DNS:
                return string_text("dns", name->d.dNSName, true);
        case GEN_EMAIL:
                return string_text("email", name->d.rfc822Name, true);
        case GEN_URI:
                return string_text("uri", name->d.uniformResourceIdentifier, true);
        case GEN_IPADD:
                return ip_text(name->d.iPAddress);
        case GEN_RID:
                return text_format("rid:%s", oid_text(name->d.registeredID, oid));
        case GEN_OTHERNAME:
                return othername_text(name->d.otherName);
        case GEN_DIRNAME: {
                CLEANUP(free_cleanup) char *text = subject_format(name->d.directoryName);

                return text_format("dirname:%s", text);
        }
        default:
                return NULL;
        }
}

static char *
normal_text(const GENERAL_NAME *name)
{
        CLEANUP(free_cleanup) char *plain = plain_text(name);
        struct error ignored = { 0 };
        unsigned char *der = NULL;
        char *normal = NULL;

        if (plain && san_parse(plain, &normal, &ignored))
                return normal;
        int len = i2d_GENERAL_NAME(name, &der);
        CLEANUP(free_cleanup) char *hex = hex_encode(view_of(der, len > 0 ? (size_t)len : 0));

        OPENSSL_free(der);
        return text_format("%s%s", raw_prefix, hex);
}

void
san_list(const GENERAL_NAMES *names, char ***sans, size_t *count)
{
        *sans = NULL;
        *count = 0;
        for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
                CLEANUP(free_cleanup) char *text = normal_text(sk_GENERAL_NAME_value(names, i));

                text_list_add(sans, count, text);
        }
}
