#include "order/usage.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "order/oid.h"
#include "order/text_list.h"

/* In the order of the bits; a second name of a bit comes behind all first ones. */
static const struct {
        const char *name;
        unsigned bit;
} key_usages[] = {
        { "digitalSignature", USAGE_DIGITAL_SIGNATURE },
        { "nonRepudiation", USAGE_NON_REPUDIATION },
        { "keyEncipherment", USAGE_KEY_ENCIPHERMENT },
        { "dataEncipherment", USAGE_DATA_ENCIPHERMENT },
        { "keyAgreement", USAGE_KEY_AGREEMENT },
        { "keyCertSign", USAGE_KEY_CERT_SIGN },
        { "cRLSign", USAGE_CRL_SIGN },
        { "encipherOnly", USAGE_ENCIPHER_ONLY },
        { "decipherOnly", USAGE_DECIPHER_ONLY },
        { "contentCommitment", USAGE_NON_REPUDIATION },
};
enum { KEY_USAGE_BITS = 9 };

static const struct {
        const char *name;
        const char *oid;
} extended_usages[] = {
        { "serverAuth", "1.3.6.1.5.5.7.3.1" },
        { "clientAuth", "1.3.6.1.5.5.7.3.2" },
        { "codeSigning", "1.3.6.1.5.5.7.3.3" },
        { "emailProtection", "1.3.6.1.5.5.7.3.4" },
        { "timeStamping", "1.3.6.1.5.5.7.3.8" },
        { "OCSPSigning", "1.3.6.1.5.5.7.3.9" },
        { "ipsecIKE", "1.3.6.1.5.5.7.3.17" },
        { "anyExtendedKeyUsage", "2.5.29.37.0" },
        { "smartCardLogin", "1.3.6.1.4.1.311.20.2.2" },
        { "documentSigning", "1.3.6.1.4.1.311.10.3.12" },
        { "certificateTransparency", "1.3.6.1.4.1.11129.2.4.4" },
        { "smartCardLogon", "1.3.6.1.4.1.311.20.2.2" },
};

void
usages_clear(struct usages *usages)
{
        text_list_free(usages->extended, usages->extended_count);
        text_list_free(usages->policies, usages->policy_count);
        *usages = (struct usages){ 0 };
}

void
usages_copy(struct usages *to, const struct usages *from)
{
        to->key_usage = from->key_usage;
        text_list_copy(&to->extended, &to->extended_count, from->extended, from->extended_count);
        text_list_copy(&to->policies, &to->policy_count, from->policies, from->policy_count);
}

/* Room for a name without its hyphens and a NUL; no name is longer. */
enum { PLAIN_NAME = 64 };

/* Lower case, without hyphens, underscores and spaces around. */
static void
plain_name(const char *name, size_t len, char out[PLAIN_NAME])
{
        size_t at = 0;

        for (size_t i = 0; i < len && at + 1 < PLAIN_NAME; i++) {
                if (name[i] != '-' && name[i] != '_' && name[i] != ' ')
                        out[at++] = (char)tolower((unsigned char)name[i]);
        }
        out[at] = '\0';
}

static bool
name_is(const char *plain, const char *name)
{
        char other[PLAIN_NAME];

        plain_name(name, strlen(name), other);
        return strcmp(plain, other) == 0;
}

static bool
unknown_name(struct error *err, const char *what, const char *plain,
             const char *(*name_at)(size_t index))
{
        CLEANUP(buf_cleanup) struct buf all = { 0 };
        const char *nearest = name_at(0);

        for (size_t i = 0; name_at(i); i++) {
                if (text_distance(plain, name_at(i)) < text_distance(plain, nearest))
                        nearest = name_at(i);
                buf_format(&all, "%s%s", i ? ", " : "", name_at(i));
        }
        error_set(err, ERROR_USAGE, "there is no %s '%s'", what, plain);
        return error_advise(err, "did you mean '%s'? There are %s", nearest, buf_text(&all));
}

/* Call `add` with each of a comma-separated list's names, spaces around them cut off. */
static bool
each_name(struct usages *usages, const char *names, const char *what,
          bool (*add)(struct usages *usages, const char *name, struct error *err),
          struct error *err)
{
        const char *at = names;

        for (;;) {
                size_t len = strcspn(at, ",");
                CLEANUP(free_cleanup) char *name = NULL;
                const char *next = at + len;

                while (len && *at == ' ') {
                        at++;
                        len--;
                }
                while (len && at[len - 1] == ' ')
                        len--;
                if (len == 0)
                        return error_set(err, ERROR_USAGE, "an empty %s in '%s'", what, names);
                name = text_copy_length(at, len);
                if (!add(usages, name, err))
                        return false;
                if (*next == '\0')
                        return true;
                at = next + 1;
        }
}

static const char *
key_usage_at(size_t index)
{
        return index < ARRAY_LENGTH(key_usages) ? key_usages[index].name : NULL;
}

static bool
add_key_usage(struct usages *usages, const char *name, struct error *err)
{
        char plain[PLAIN_NAME];

        plain_name(name, strlen(name), plain);
        for (size_t i = 0; i < ARRAY_LENGTH(key_usages); i++) {
                if (name_is(plain, key_usages[i].name)) {
                        usages->key_usage |= key_usages[i].bit;
                        return true;
                }
        }
        return unknown_name(err, "key usage", name, key_usage_at);
}

static const char *
extended_usage_at(size_t index)
{
        return index < ARRAY_LENGTH(extended_usages) ? extended_usages[index].name : NULL;
}

static void
add_once(char ***list, size_t *count, const char *text)
{
        if (!text_list_has(*list, *count, text))
                text_list_add(list, count, text);
}

static bool
add_extended(struct usages *usages, const char *name, struct error *err)
{
        char plain[PLAIN_NAME];

        if (oid_is_dotted(name)) {
                add_once(&usages->extended, &usages->extended_count, name);
                return true;
        }
        plain_name(name, strlen(name), plain);
        for (size_t i = 0; i < ARRAY_LENGTH(extended_usages); i++) {
                if (name_is(plain, extended_usages[i].name)) {
                        add_once(&usages->extended, &usages->extended_count,
                                 extended_usages[i].oid);
                        return true;
                }
        }
        return unknown_name(err, "extended key usage", name, extended_usage_at);
}

/* All names or none: work on a copy. */
static bool
add_names(struct usages *usages, const char *names, const char *what,
          bool (*add)(struct usages *usages, const char *name, struct error *err),
          struct error *err)
{
        struct usages more = { 0 };

        usages_copy(&more, usages);
        if (!each_name(&more, names, what, add, err)) {
                usages_clear(&more);
                return false;
        }
        usages_clear(usages);
        *usages = more;
        return true;
}

bool
usages_add_key_usage(struct usages *usages, const char *names, struct error *err)
{
        return add_names(usages, names, "key usage", add_key_usage, err);
}

bool
usages_add_extended(struct usages *usages, const char *names, struct error *err)
{
        return add_names(usages, names, "extended key usage", add_extended, err);
}

/* -- policies ----------------------------------------------------------------------------- */

static const char cps_mark[] = ",cps=";

/* An IA5String that is a URI: RFC 5280, 4.2.1.4 has no bound, the API takes 256 characters. */
enum { CPS_MOST = 256 };

char *
policy_oid(const char *policy)
{
        return text_copy_length(policy, strcspn(policy, ","));
}

const char *
policy_cps(const char *policy)
{
        const char *mark = strstr(policy, cps_mark);

        return mark ? mark + strlen(cps_mark) : NULL;
}

/* The rule that the address of a practice statement breaks, or NULL. */
static const char *
cps_rule(const char *uri)
{
        size_t scheme = strspn(uri, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789+-.");

        if (strlen(uri) > CPS_MOST)
                return "the address of the practice statement is longer than 256 characters";
        if (!isalpha((unsigned char)uri[0]) || uri[scheme] != ':' || !uri[scheme + 1])
                return "the practice statement's address is a URI such as https://pki.example/cps";
        for (const char *at = uri; *at; at++) {
                if (*at <= ' ' || *at > '~')
                        return "the practice statement's address holds visible ASCII only; write "
                               "others as %HH";
        }
        return NULL;
}

bool
usages_add_policy(struct usages *usages, const char *policy, struct error *err)
{
        CLEANUP(free_cleanup) char *oid = policy_oid(policy);
        const char *rest = policy + strlen(oid);
        const char *cps = *rest ? policy_cps(policy) : NULL;
        const char *rule = cps ? cps_rule(cps) : NULL;

        if (!oid_is_dotted(oid) || (*rest && !text_starts(rest, cps_mark))) {
                error_set(err, ERROR_USAGE, "'%s' is not a policy's object identifier", policy);
                return error_advise(err, "write numbers with dots, such as 1.3.6.1.4.1.99999.1, "
                                         "and the practice statement as OID,cps=URI");
        }
        if (rule)
                return error_set(err, ERROR_USAGE, "policy %s: %s", oid, rule);
        for (size_t i = 0; i < usages->policy_count; i++) {
                CLEANUP(free_cleanup) char *other = policy_oid(usages->policies[i]);

                if (strcmp(other, oid) != 0 || strcmp(usages->policies[i], policy) == 0)
                        continue;
                error_set(err, ERROR_USAGE, "policy %s is given twice, in two ways", oid);
                return error_advise(err, "a certificate names a policy once (RFC 5280, 4.2.1.4)");
        }
        add_once(&usages->policies, &usages->policy_count, policy);
        return true;
}

char *
key_usage_format(unsigned key_usage)
{
        struct buf text = { 0 };

        buf_add_text(&text, "");
        for (size_t i = 0; i < KEY_USAGE_BITS; i++) {
                if (key_usage & key_usages[i].bit)
                        buf_format(&text, "%s%s", text.len ? ", " : "", key_usages[i].name);
        }
        return (char *)text.data;
}

const char *
extended_usage_name(const char *oid)
{
        for (size_t i = 0; i < ARRAY_LENGTH(extended_usages); i++) {
                if (strcmp(extended_usages[i].oid, oid) == 0)
                        return extended_usages[i].name;
        }
        return oid;
}
