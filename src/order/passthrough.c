#include "order/passthrough.h"

#include <ctype.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "order/content.h"
#include "order/custom.h"
#include "order/name.h"
#include "order/utf8.h"

enum {
        SANS_MOST = 150,
        EXTENDED_MOST = 20,
        POLICIES_MOST = 20,
        EXTENSIONS_MOST = 150,
        ATTRIBUTES_MOST = 150,
        OID_MOST = 64,
        CUSTOM_VALUE_MOST = 256,
        EXTENSION_VALUE_MOST = 4096, /* characters of base64 */
        CPS_MOST = 256,
        DNS_MOST = 253,
        EMAIL_MOST = 256,
        URI_MOST = 253,
        OTHER_MOST = 256,
};

/* The standard members of ASN1Subject; `plain`: of the pattern [a-zA-Z0-9'()+-.?:/= ]*. */
static const struct {
        const char *oid;
        const char *member;
        int most;
        bool plain;
} members[] = {
        { "2.5.4.6", "Country", 2, false },
        { "2.5.4.10", "Organization", 64, false },
        { "2.5.4.11", "OrganizationalUnit", 64, false },
        { "2.5.4.46", "DistinguishedNameQualifier", 64, true },
        { "2.5.4.8", "State", 128, false },
        { "2.5.4.3", "CommonName", 64, false },
        { "2.5.4.5", "SerialNumber", 64, true },
        { "2.5.4.7", "Locality", 128, false },
        { "2.5.4.12", "Title", 64, false },
        { "2.5.4.4", "Surname", 40, false },
        { "2.5.4.42", "GivenName", 16, false },
        { "2.5.4.43", "Initials", 5, false },
        { "2.5.4.65", "Pseudonym", 128, false },
        { "2.5.4.44", "GenerationQualifier", 3, false },
};

static bool
refuse(struct error *err, const char *what, const char *rule)
{
        error_set(err, ERROR_USAGE, "%s cannot go through the API: %s", what, rule);
        return error_advise(err, "a template that passes the CSR on (…_CSRPassthrough) has no such "
                                 "limit");
}

/* The rule of the model's pattern for object identifiers that one breaks, or NULL. */
static const char *
oid_rule(const char *oid)
{
        size_t second = strcspn(oid + 2, ".");

        if (strlen(oid) > OID_MOST)
                return "an object identifier there has 64 characters at most";
        if (second > 2 || (second == 2 && oid[2] > '3'))
                return "the second number of an object identifier there is 39 at most";
        return NULL;
}

/* -- names ---------------------------------------------------------------------------------- */

void
passthrough_name_clear(struct passthrough_name *name)
{
        for (size_t i = 0; i < name->count; i++)
                free(name->attributes[i].value);
        free(name->attributes);
        *name = (struct passthrough_name){ 0 };
}

static bool
is_plain(const char *value)
{
        for (; *value; value++) {
                if (!isalnum((unsigned char)*value) && !strchr("'()+,-.?:/= ", *value))
                        return false;
        }
        return true;
}

/* The standard member that takes this value, or NULL. */
static const char *
member_of(const char *oid, const char *value)
{
        for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
                if (strcmp(members[i].oid, oid) != 0)
                        continue;
                bool fits = utf8_length(view_text(value)) <= members[i].most &&
                            (!members[i].plain || is_plain(value));

                return fits ? members[i].member : NULL;
        }
        return NULL;
}

static bool
is_standard(const struct passthrough_name *name)
{
        for (size_t i = 0; i < name->count; i++) {
                if (!name->attributes[i].member)
                        return false;
                for (size_t j = 0; j < i; j++) {
                        if (strcmp(name->attributes[i].oid, name->attributes[j].oid) == 0)
                                return false;
                }
        }
        return true;
}

static const char *
take_entry(const X509_NAME_ENTRY *entry, struct passthrough_attribute *out)
{
        unsigned char *utf8 = NULL;
        int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));

        ERR_clear_error();
        oid_text(X509_NAME_ENTRY_get_object(entry), out->oid);
        if (len >= 0)
                out->value = text_copy_length(utf8, (size_t)len);
        OPENSSL_free(utf8);
        if (!out->value || strlen(out->value) != (size_t)len)
                return "a value of it is no text";
        const char *rule = oid_rule(out->oid);

        if (rule)
                return rule;
        if (len == 0 || utf8_length(view_text(out->value)) > CUSTOM_VALUE_MOST)
                return "a value there has 1 to 256 characters";
        out->member = member_of(out->oid, out->value);
        return NULL;
}

static const char *
take_name(const X509_NAME *name, struct passthrough_name *out)
{
        int count = X509_NAME_entry_count(name);

        if (count > ATTRIBUTES_MOST)
                return "a name there has 150 attributes at most";
        for (int i = 0; i < count; i++) {
                const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);

                if (i && X509_NAME_ENTRY_set(entry) ==
                                 X509_NAME_ENTRY_set(X509_NAME_get_entry(name, i - 1)))
                        return "several attributes stand in one part of the name (with '+')";
                out->attributes =
                        memory_grow(out->attributes, out->count + 1, sizeof(*out->attributes));
                struct passthrough_attribute *next = &out->attributes[out->count++];

                *next = (struct passthrough_attribute){ 0 };
                const char *rule = take_entry(entry, next);

                if (rule)
                        return rule;
        }
        out->standard = is_standard(out);
        return NULL;
}

bool
passthrough_name_read(const char *subject, struct passthrough_name *out, struct error *err)
{
        struct passthrough_name name = { 0 };
        X509_NAME *parsed = NULL;

        if (!subject_parse(subject, &parsed, err))
                return false;
        const char *rule = take_name(parsed, &name);

        X509_NAME_free(parsed);
        if (!rule) {
                *out = name;
                return true;
        }
        passthrough_name_clear(&name);
        return refuse(err, "the name", rule);
}

/* -- alternative names ------------------------------------------------------------------------ */

static const char *
length_rule(const char *value, size_t most, const char *rule)
{
        return strlen(value) > most ? rule : NULL;
}

static const char *
other_rule(const char *value)
{
        CLEANUP(free_cleanup) char *oid = text_copy_length(value, strcspn(value, ";"));
        const char *rule = oid_rule(oid);

        if (rule)
                return rule;
        if (!text_starts(value + strlen(oid), ";UTF8:"))
                return "the value of another name there is text (UTF8) only";
        return utf8_length(view_text(value + strlen(oid) + strlen(";UTF8:"))) > OTHER_MOST
                       ? "the value of another name there has 256 characters at most"
                       : NULL;
}

static const char *
directory_rule(const char *value, struct error *err)
{
        struct passthrough_name name = { 0 };

        if (!passthrough_name_read(value, &name, err))
                return err->what;
        passthrough_name_clear(&name);
        return NULL;
}

static const char *
san_rule(const char *san, struct error *err)
{
        const char *value = strchr(san, ':') + 1;

        if (text_starts(san, "dns:"))
                return length_rule(value, DNS_MOST, "a DNS name there has 253 characters at most");
        if (text_starts(san, "email:"))
                return length_rule(value, EMAIL_MOST,
                                   "an address there has 256 characters at most");
        if (text_starts(san, "uri:"))
                return length_rule(value, URI_MOST, "a URI there has 253 characters at most");
        if (text_starts(san, "ip:"))
                return NULL;
        if (text_starts(san, "rid:"))
                return oid_rule(value);
        if (text_starts(san, "upn:"))
                return length_rule(value, OTHER_MOST,
                                   "the value of another name there has 256 characters at most");
        if (text_starts(san, "othername:"))
                return other_rule(value);
        if (text_starts(san, "dirname:"))
                return directory_rule(value, err);
        return "the API has no form for this kind of name";
}

static bool
check_sans(const struct wishes *wishes, struct error *err)
{
        if (wishes->san_count > SANS_MOST) {
                CLEANUP(free_cleanup)
                char *what = text_format("%zu alternative names", wishes->san_count);

                return refuse(err, what, "it takes 150 at most");
        }
        for (size_t i = 0; i < wishes->san_count; i++) {
                struct error why = { 0 };
                const char *rule = san_rule(wishes->sans[i], &why);
                CLEANUP(free_cleanup) char *what = text_format("'%.80s'", wishes->sans[i]);

                if (rule)
                        return refuse(err, what, rule);
        }
        return true;
}

/* -- the rest --------------------------------------------------------------------------------- */

static bool
check_extended(const struct wishes *wishes, struct error *err)
{
        const struct usages *usages = &wishes->usages;

        if (usages->extended_count > EXTENDED_MOST)
                return refuse(err, "the extended key usages", "it takes 20 at most");
        for (size_t i = 0; i < usages->extended_count; i++) {
                const char *rule = oid_rule(usages->extended[i]);

                if (rule)
                        return refuse(err, usages->extended[i], rule);
        }
        return true;
}

static bool
check_policies(const struct wishes *wishes, struct error *err)
{
        const struct usages *usages = &wishes->usages;

        if (usages->policy_count > POLICIES_MOST)
                return refuse(err, "the policies", "it takes 20 at most");
        for (size_t i = 0; i < usages->policy_count; i++) {
                CLEANUP(free_cleanup) char *oid = policy_oid(usages->policies[i]);
                const char *cps = policy_cps(usages->policies[i]);
                const char *rule = oid_rule(oid);

                if (!rule && cps && strlen(cps) > CPS_MOST)
                        rule = "the address of a practice statement there has 256 characters at "
                               "most";
                if (rule)
                        return refuse(err, oid, rule);
        }
        return true;
}

static bool
check_extensions(const struct wishes *wishes, struct error *err)
{
        if (wishes->extension_count > EXTENSIONS_MOST)
                return refuse(err, "the extensions", "it takes 150 at most");
        for (size_t i = 0; i < wishes->extension_count; i++) {
                struct custom custom;

                custom_read(wishes->extensions[i], &custom);
                const char *rule = oid_rule(custom.oid);

                if (!rule && (custom.value.len + 2) / 3 * 4 > EXTENSION_VALUE_MOST)
                        rule = "the value of an extension there has 4,096 characters of base64 at "
                               "most";
                buf_clear(&custom.value);
                if (rule)
                        return refuse(err, custom.oid, rule);
        }
        return true;
}

static bool
check_subject(const struct wishes *wishes, struct error *err)
{
        struct passthrough_name name = { 0 };
        bool good = passthrough_name_read(wishes->subject, &name, err);

        passthrough_name_clear(&name);
        return good;
}

bool
passthrough_check(const struct wishes *wishes, const struct template_facts *facts,
                  struct error *err)
{
        static const struct {
                enum wish_part part;
                bool (*check)(const struct wishes *wishes, struct error *err);
        } checks[] = {
                { WISH_SUBJECT, check_subject },       { WISH_SANS, check_sans },
                { WISH_EXTENDED, check_extended },     { WISH_POLICIES, check_policies },
                { WISH_EXTENSIONS, check_extensions },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(checks); i++) {
                if (wish_goes_by_api(wishes, facts, checks[i].part) &&
                    !checks[i].check(wishes, err))
                        return false;
        }
        return true;
}
