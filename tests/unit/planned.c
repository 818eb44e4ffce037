#include "tests/unit/planned.h"

#include <openssl/x509v3.h>

#include "order/name.h"
#include "tests/unit/unit.h"

void
planned_clear(struct extension_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                buf_clear(&list->all[i].value);
}

static struct extension *
list_add(struct extension_list *list, const char *oid, enum answer critical)
{
        assert_true(list->count < EXTENSIONS_MOST);
        struct extension *one = &list->all[list->count++];

        *one = (struct extension){ .critical = critical };
        snprintf(one->oid, sizeof(one->oid), "%s", oid);
        return one;
}

/* The value of OpenSSL's own making from its configuration's form. */
static void
put_conf(struct extension *one, int nid, const char *text)
{
        X509V3_CTX context = { 0 };

        X509V3_set_ctx_nodb(&context);
        X509_EXTENSION *made = X509V3_EXT_nconf_nid(NULL, &context, nid, text);
        if (!made)
                fail_msg("OpenSSL does not take '%s'", text);
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(made);
        buf_set(&one->value, view_of(value->data, (size_t)value->length));
        X509_EXTENSION_free(made);
}

static void
put_constraints(struct extension *one, const char *text)
{
        BASIC_CONSTRAINTS *basic = BASIC_CONSTRAINTS_new();
        const char *length = strstr(text, "path length ");
        uint8_t *der = NULL;

        basic->ca = text_starts(text, "CA:TRUE") ? 0xff : 0;
        if (length) {
                basic->pathlen = ASN1_INTEGER_new();
                ASN1_INTEGER_set(basic->pathlen, length[strlen("path length ")] - '0');
        }
        int len = i2d_BASIC_CONSTRAINTS(basic, &der);
        buf_set(&one->value, view_of(der, (size_t)len));
        OPENSSL_free(der);
        BASIC_CONSTRAINTS_free(basic);
}

/* "serverAuth, clientAuth" */
static void
put_purposes(struct extension *one, const char *text)
{
        EXTENDED_KEY_USAGE *list = sk_ASN1_OBJECT_new_null();
        CLEANUP(free_cleanup) char *copy = text_copy(text);
        char *rest = NULL;
        uint8_t *der = NULL;

        for (char *word = strtok_r(copy, ", ", &rest); word; word = strtok_r(NULL, ", ", &rest)) {
                const char *known = strcmp(word, "smartCardLogin") == 0 ? "1.3.6.1.4.1.311.20.2.2"
                                    : strcmp(word, "documentSigning") == 0
                                            ? "1.3.6.1.4.1.311.10.3.12"
                                            : word;
                ASN1_OBJECT *object = OBJ_txt2obj(known, 0);
                if (!object)
                        fail_msg("no purpose '%s'", word);
                sk_ASN1_OBJECT_push(list, object);
        }
        int len = i2d_EXTENDED_KEY_USAGE(list, &der);
        buf_set(&one->value, view_of(der, (size_t)len));
        OPENSSL_free(der);
        sk_ASN1_OBJECT_pop_free(list, ASN1_OBJECT_free);
}

/* "1.2.3.4,cps=URI" */
static POLICYINFO *
policy_of(const char *text)
{
        POLICYINFO *policy = POLICYINFO_new();
        const char *cps = strstr(text, ",cps=");
        CLEANUP(free_cleanup) char *oid = text_copy_length(text, strcspn(text, ","));

        policy->policyid = OBJ_txt2obj(oid, 1);
        assert_non_null(policy->policyid);
        if (cps) {
                POLICYQUALINFO *info = POLICYQUALINFO_new();
                info->pqualid = OBJ_nid2obj(NID_id_qt_cps);
                info->d.cpsuri = ASN1_IA5STRING_new();
                ASN1_STRING_set(info->d.cpsuri, cps + strlen(",cps="), -1);
                policy->qualifiers = sk_POLICYQUALINFO_new_null();
                sk_POLICYQUALINFO_push(policy->qualifiers, info);
        }
        return policy;
}

/* Policies joined by ", ": a practice statement has no blank in it. */
static void
put_policies(struct extension *one, const char *text)
{
        CERTIFICATEPOLICIES *list = sk_POLICYINFO_new_null();
        CLEANUP(free_cleanup) char *copy = text_copy(text);
        uint8_t *der = NULL;

        for (char *at = copy, *next; at; at = next) {
                next = strstr(at, ", ");
                if (next) {
                        *next = '\0';
                        next += 2;
                }
                sk_POLICYINFO_push(list, policy_of(at));
        }
        int len = i2d_CERTIFICATEPOLICIES(list, &der);
        buf_set(&one->value, view_of(der, (size_t)len));
        OPENSSL_free(der);
        sk_POLICYINFO_pop_free(list, POLICYINFO_free);
}

/* The names that the plan lists: those wished for, or those of the request. */
static void
split_names(const struct planned_from *from, const char *text, char ***list, size_t *count)
{
        const struct wishes *wishes = from->wishes;
        CLEANUP(free_cleanup) char *wished = text_list_join(wishes->sans, wishes->san_count);
        struct extensions request = { 0 };

        if (strcmp(wished, text) == 0) {
                text_list_copy(list, count, wishes->sans, wishes->san_count);
                return;
        }
        request_content(wishes, from->csr, &request);
        CLEANUP(free_cleanup) char *asked = text_list_join(request.sans, request.san_count);
        if (strcmp(asked, text) != 0)
                fail_msg("the plan names %s, which nobody asked for", text);
        text_list_copy(list, count, request.sans, request.san_count);
        extensions_clear(&request);
}

static void
put_names(const struct planned_from *from, struct extension *one, const char *text)
{
        GENERAL_NAMES *names = NULL;
        struct error err = { 0 };
        char **list = NULL;
        size_t count = 0;
        uint8_t *der = NULL;

        split_names(from, text, &list, &count);
        assert_done(san_build(list, count, &names, &err), err);
        text_list_free(list, count);
        int len = i2d_GENERAL_NAMES(names, &der);
        buf_set(&one->value, view_of(der, (size_t)len));
        OPENSSL_free(der);
        GENERAL_NAMES_free(names);
}

static void
put_digest(struct extension *one, const X509 *certificate, const uint8_t *head, size_t head_len)
{
        const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(certificate);
        uint8_t digest[20];
        unsigned len = sizeof(digest);

        EVP_Digest(bits->data, (size_t)bits->length, digest, &len, EVP_sha1(), NULL);
        buf_set(&one->value, view_of(head, head_len));
        buf_add(&one->value, view_of(digest, len));
}

/* "1.2.3.4, value 0500" */
static void
add_other(struct extension_list *list, const struct predicted_row *row)
{
        CLEANUP(free_cleanup) char *oid = text_copy_length(row->value, strcspn(row->value, ","));
        struct extension *one = list_add(list, oid, row->critical);
        struct error err = { 0 };

        assert_done(hex_decode(strstr(row->value, "value ") + strlen("value "), &one->value, &err),
                    err);
}

/* The extension that a row of the plan stands for, if it stands for one. */
static void
add_row(const struct planned_from *from, const struct predicted_row *row,
        struct extension_list *list)
{
        static const uint8_t octets[] = { 0x04, 0x14 }, key_id[] = { 0x30, 0x16, 0x80, 0x14 };
        CLEANUP(free_cleanup) char *url = NULL;

        switch (row->field) {
        case FIELD_SANS:
                put_names(from, list_add(list, "2.5.29.17", row->critical), row->value);
                break;
        case FIELD_BASIC_CONSTRAINTS:
                put_constraints(list_add(list, "2.5.29.19", row->critical), row->value);
                break;
        case FIELD_KEY_USAGE:
                put_conf(list_add(list, "2.5.29.15", row->critical), NID_key_usage, row->value);
                break;
        case FIELD_EXTENDED_USAGE:
                put_purposes(list_add(list, "2.5.29.37", row->critical), row->value);
                break;
        case FIELD_POLICIES:
                put_policies(list_add(list, "2.5.29.32", row->critical), row->value);
                break;
        case FIELD_EXTENSION:
                add_other(list, row);
                break;
        case FIELD_SUBJECT_KEY_ID:
                put_digest(list_add(list, "2.5.29.14", row->critical), from->leaf, octets,
                           sizeof(octets));
                break;
        case FIELD_AUTHORITY_KEY_ID:
                put_digest(list_add(list, "2.5.29.35", row->critical), from->root, key_id,
                           sizeof(key_id));
                break;
        case FIELD_CRL_POINTS:
                url = text_format("URI:%s", from->crl_url);
                put_conf(list_add(list, "2.5.29.31", row->critical), NID_crl_distribution_points,
                         url);
                break;
        case FIELD_INFORMATION_ACCESS:
                url = text_format("OCSP;URI:%s", from->ocsp_url);
                put_conf(list_add(list, "1.3.6.1.5.5.7.1.1", row->critical), NID_info_access, url);
                break;
        default:
                break;
        }
}

void
planned_extensions(const struct prediction *plan, const struct planned_from *from,
                   struct extension_list *out)
{
        *out = (struct extension_list){ 0 };
        for (size_t i = 0; i < plan->row_count; i++)
                add_row(from, &plan->rows[i], out);
}
