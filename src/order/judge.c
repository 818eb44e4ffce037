#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/decoded.h"
#include "order/cert.h"
#include "order/content.h"
#include "order/field.h"
#include "order/name.h"
#include "order/text_list.h"
#include "order/x509.h"

/*
 * AWS Private CA sets NotBefore an hour back (API reference, ValidityNotBefore); five minutes are
 * for clocks that differ.
 */
enum { BACKDATED_S = 65 * 60, CLOCKS_S = 5 * 60, SERIAL_BYTES = 20, STRONG_BITS = 112 };

/* One judgement on its way. */
struct judgement {
        const struct wishes *wishes;
        const struct certificate_expectation *expected;
        const struct template_facts *facts; /* NULL: a template that we do not know */
        X509 *certificate;
        X509_REQ *request;
        struct extensions got;
        struct extensions sent; /* the request's */
        struct content given;   /* what the template gives for that request */
        struct comparison *found;
        size_t count;
        char first[256];
};

void
comparison_clear(struct comparison *comparison)
{
        buf_clear(&comparison->differences);
        buf_clear(&comparison->allowed);
        buf_clear(&comparison->notes);
        *comparison = (struct comparison){ 0 };
}

/* A difference in a field, of the extension `oid` where that is one of many (else NULL). */
static void __attribute__((format(printf, 4, 5)))
differ(struct judgement *judgement, enum field field, const char *oid, const char *format, ...)
{
        const struct wishes *wishes = judgement->wishes;
        CLEANUP(free_cleanup) char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                abort();
        va_end(arguments);
        if (field_is_allowed(wishes->allowed, wishes->allowed_count, field, oid)) {
                buf_format(&judgement->found->allowed, "%s: %s\n", field_name(field), text);
                return;
        }
        if (judgement->count++ == 0)
                snprintf(judgement->first, sizeof(judgement->first), "%s: %s", field_name(field),
                         text);
        buf_format(&judgement->found->differences, "%s: %s\n", field_name(field), text);
}

/* -- key, names --------------------------------------------------------------------------- */

static void
judge_key(struct judgement *judgement)
{
        CLEANUP(buf_cleanup) struct buf key = { 0 };
        unsigned char *sent = NULL;
        int len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(judgement->request), &sent);

        x509_spki(judgement->certificate, &key);
        if (len <= 0 || !view_equal(view_buf(&key), view_of(sent, (size_t)len)))
                differ(judgement, FIELD_PUBLIC_KEY, NULL, "it is not the key of the request");
        OPENSSL_free(sent);
}

static void
judge_subject(struct judgement *judgement)
{
        const X509_NAME *got = X509_get_subject_name(judgement->certificate);
        bool by_api = judgement->given.subject_from == SOURCE_API;
        struct error ignored = { 0 };
        X509_NAME *wished = NULL;

        /* A request from elsewhere may hold a name that we would not write ourselves. */
        if (!judgement->wishes->subject ||
            !subject_parse(judgement->wishes->subject, &wished, &ignored))
                wished = X509_NAME_dup(X509_REQ_get_subject_name(judgement->request));
        if (!wished ||
            !(subject_equal(wished, got) || (by_api && subject_same_attributes(wished, got)))) {
                CLEANUP(free_cleanup) char *asked = wished ? subject_format(wished) : NULL;
                CLEANUP(free_cleanup) char *text = subject_format(got);

                differ(judgement, FIELD_SUBJECT, NULL, "asked %s, got %s",
                       asked && *asked ? asked : "none", *text ? text : "none");
        }
        X509_NAME_free(wished);
}

/* Tell what is in one list and not in the other. */
static void
judge_lists(struct judgement *judgement, enum field field, char *const *asked, size_t asked_count,
            char *const *got, size_t got_count, const char *(*name)(const char *text))
{
        for (size_t i = 0; i < asked_count; i++) {
                if (!text_list_has(got, got_count, asked[i]))
                        differ(judgement, field, NULL, "asked %s, missing", name(asked[i]));
        }
        for (size_t i = 0; i < got_count; i++) {
                if (!text_list_has(asked, asked_count, got[i]))
                        differ(judgement, field, NULL, "got %s, not asked for", name(got[i]));
        }
}

static const char *
plain_name(const char *text)
{
        return text;
}

static void
judge_sans(struct judgement *judgement)
{
        judge_lists(judgement, FIELD_SANS, judgement->wishes->sans, judgement->wishes->san_count,
                    judgement->got.sans, judgement->got.san_count, plain_name);
}

/* -- what it is good for ------------------------------------------------------------------ */

static char *
length_text(int length)
{
        return length < 0 ? text_copy("no") : text_format("%d", length);
}

static void
judge_basic_constraints(struct judgement *judgement)
{
        const struct extensions *got = &judgement->got;
        unsigned wished = judgement->wishes->path_length;
        bool ca = wished || (judgement->facts && judgement->facts->is_ca);
        int length = wished             ? (int)wished - 1
                     : judgement->facts ? judgement->facts->path_length
                                        : -1;

        if (ca && !got->is_ca)
                differ(judgement, FIELD_BASIC_CONSTRAINTS, NULL, "asked CA:TRUE, got %s",
                       got->has_basic_constraints ? "CA:FALSE" : "none");
        /* Where a leaf has none at all it says CA:FALSE, too: RFC 5280, 4.2.1.9. */
        if (!ca && got->is_ca)
                differ(judgement, FIELD_BASIC_CONSTRAINTS, NULL, "asked CA:FALSE, got CA:TRUE");
        if (ca != got->is_ca || got->path_length == length)
                return;
        CLEANUP(free_cleanup) char *asked_text = length_text(length);
        CLEANUP(free_cleanup) char *got_text = length_text(got->path_length);

        differ(judgement, FIELD_BASIC_CONSTRAINTS, NULL, "asked %s path length, got %s", asked_text,
               got_text);
}

/* Whatever the request asked for and the template would drop was expected to be dropped, unless
 * it was wished for here. */
static bool
holds_wishes(const struct judgement *judgement, enum wish_part part)
{
        return wish_is_ours(judgement->wishes, part);
}

/* What the certificate has to carry: what the template gives, and what was wished for. */
static unsigned
expected_key_usage(const struct judgement *judgement)
{
        unsigned expected = judgement->given.usages.key_usage;

        if (holds_wishes(judgement, WISH_KEY_USAGE))
                expected |= judgement->wishes->usages.key_usage;
        return expected;
}

static void
judge_key_usage(struct judgement *judgement)
{
        unsigned expected = expected_key_usage(judgement);
        unsigned got = judgement->got.usages.key_usage;
        CLEANUP(free_cleanup) char *missing = key_usage_format(expected & ~got);
        CLEANUP(free_cleanup) char *added = key_usage_format(got & ~expected);

        if (*missing)
                differ(judgement, FIELD_KEY_USAGE, NULL, "asked %s, missing", missing);
        if (*added && judgement->facts)
                differ(judgement, FIELD_KEY_USAGE, NULL, "got %s, not asked for", added);
}

static void
add_all(char ***list, size_t *count, char *const *more, size_t more_count)
{
        for (size_t i = 0; i < more_count; i++) {
                if (!text_list_has(*list, *count, more[i]))
                        text_list_add(list, count, more[i]);
        }
}

static void
judge_extended_usage(struct judgement *judgement)
{
        const struct usages *wished = &judgement->wishes->usages;
        const struct usages *given = &judgement->given.usages;
        const struct usages *got = &judgement->got.usages;
        char **expected = NULL;
        size_t count = 0;

        add_all(&expected, &count, given->extended, given->extended_count);
        if (holds_wishes(judgement, WISH_EXTENDED))
                add_all(&expected, &count, wished->extended, wished->extended_count);
        /* Of an unknown template only what was wished for is known. */
        if (!judgement->facts)
                add_all(&expected, &count, got->extended, got->extended_count);
        judge_lists(judgement, FIELD_EXTENDED_USAGE, expected, count, got->extended,
                    got->extended_count, extended_usage_name);
        text_list_free(expected, count);
}

static void
judge_policies(struct judgement *judgement)
{
        const struct usages *wished = &judgement->wishes->usages;
        const struct usages *given = &judgement->given.usages;
        char **expected = NULL;
        size_t count = 0;

        add_all(&expected, &count, given->policies, given->policy_count);
        if (holds_wishes(judgement, WISH_POLICIES))
                add_all(&expected, &count, wished->policies, wished->policy_count);
        judge_lists(judgement, FIELD_POLICIES, expected, count, judgement->got.usages.policies,
                    judgement->got.usages.policy_count, plain_name);
        text_list_free(expected, count);
}

/* -- other extensions --------------------------------------------------------------------- */

#define CRL_POINTS "2.5.29.31"
#define INFORMATION_ACCESS "1.3.6.1.5.5.7.1.1"

static enum field
field_of(const char *oid)
{
        if (strcmp(oid, CRL_POINTS) == 0)
                return FIELD_CRL_POINTS;
        return strcmp(oid, INFORMATION_ACCESS) == 0 ? FIELD_INFORMATION_ACCESS : FIELD_EXTENSION;
}

/* "1.2.3", or nothing where the field says it already. */
static const char *
label_of(enum field field, const char *oid)
{
        return field == FIELD_EXTENSION ? oid : "it";
}

/* Does the value (hex of DER) hold that host's name?  It stands there as it is: IA5String. */
static bool
names_host(const char *normal, const char *host)
{
        CLEANUP(free_cleanup) char *hex = hex_encode(view_text(host));

        return strstr(strchr(normal, ':'), hex) != NULL;
}

/*
 * CRL distribution points and AIA are the CA's to write, where its configuration says so; the host
 * that it names is in them.
 */
static void
judge_of_configuration(struct judgement *judgement, enum field field, const char *normal)
{
        const struct issuer_facts *issuer = judgement->expected->issuer;
        bool crl = field == FIELD_CRL_POINTS;

        if (!issuer || !issuer->described) {
                judgement->found->wants_issuer = true;
                buf_format(&judgement->found->notes,
                           "%s: there are some; whether the CA is configured so is not known\n",
                           field_name(field));
                return;
        }
        const char *host = crl ? issuer->crl_host : issuer->ocsp_host;

        if (!(crl ? issuer->crl_enabled : issuer->ocsp_enabled))
                differ(judgement, field, NULL, "got some, not asked for: the CA has %s off",
                       crl ? "CRLs" : "OCSP");
        else if (host && *host && !names_host(normal, host))
                differ(judgement, field, NULL, "asked %s, as the CA is configured, got another",
                       host);
}

/* One that was got and is not among those expected: another value, or nobody asked for it. */
static void
judge_unexpected(struct judgement *judgement, char *const *expected, size_t count,
                 const char *normal)
{
        CLEANUP(free_cleanup) char *oid = extension_oid(normal);
        enum field field = field_of(oid);

        for (size_t i = 0; i < count; i++) {
                CLEANUP(free_cleanup) char *other = extension_oid(expected[i]);

                if (strcmp(other, oid) != 0)
                        continue;
                differ(judgement, field, oid, "asked %s, got %s", expected[i] + strlen(oid) + 1,
                       normal + strlen(oid) + 1);
                return;
        }
        if (field == FIELD_EXTENSION)
                differ(judgement, field, oid, "got %s, not asked for", oid);
        else
                judge_of_configuration(judgement, field, normal);
}

static bool
has_oid(char *const *list, size_t count, const char *oid)
{
        for (size_t i = 0; i < count; i++) {
                CLEANUP(free_cleanup) char *other = extension_oid(list[i]);

                if (strcmp(other, oid) == 0)
                        return true;
        }
        return false;
}

static void
judge_other_extensions(struct judgement *judgement)
{
        const struct wishes *wishes = judgement->wishes;
        const struct extensions *got = &judgement->got;
        char **expected = NULL;
        size_t count = 0;

        if (got->problem[0])
                differ(judgement, FIELD_FORM, NULL, "%s", got->problem);
        add_all(&expected, &count, judgement->given.extensions, judgement->given.extension_count);
        if (holds_wishes(judgement, WISH_EXTENSIONS))
                add_all(&expected, &count, wishes->extensions, wishes->extension_count);
        for (size_t i = 0; i < got->other_count; i++) {
                if (!text_list_has(expected, count, got->others[i]))
                        judge_unexpected(judgement, expected, count, got->others[i]);
        }
        for (size_t i = 0; i < count; i++) {
                CLEANUP(free_cleanup) char *oid = extension_oid(expected[i]);
                enum field field = field_of(oid);

                if (!has_oid(got->others, got->other_count, oid))
                        differ(judgement, field, oid, "asked %s, missing", label_of(field, oid));
        }
        text_list_free(expected, count);
}

/* -- what is told and held against nobody --------------------------------------------------- */

/* Is the extension there, and is it critical? */
static bool
is_critical(const X509 *certificate, int nid, bool *critical)
{
        int at = X509_get_ext_by_NID(certificate, nid, -1);

        if (at >= 0)
                *critical = X509_EXTENSION_get_critical(X509_get_ext(certificate, at)) != 0;
        return at >= 0;
}

static void
note_critical(struct judgement *judgement, enum field field, int nid, bool foretold)
{
        bool critical = false;

        if (is_critical(judgement->certificate, nid, &critical) && critical != foretold)
                buf_format(&judgement->found->notes, "%s: %s critical, against what was foretold\n",
                           field_name(field), critical ? "it is" : "it is not");
}

/* Who verifies reads a known extension in the same way, critical or not: RFC 5280, 4.2. */
static void
note_all_critical(struct judgement *judgement)
{
        const struct template_facts *facts = judgement->facts;
        const struct content *given = &judgement->given;
        bool ours = !judgement->wishes->csr_given;
        bool nameless = X509_NAME_entry_count(X509_REQ_get_subject_name(judgement->request)) == 0;

        if (!facts)
                return;
        note_critical(judgement, FIELD_BASIC_CONSTRAINTS, NID_basic_constraints,
                      facts->basic_constraints_critical);
        if (given->key_usage_from == SOURCE_TEMPLATE ||
            (given->key_usage_from == SOURCE_CSR && ours))
                note_critical(judgement, FIELD_KEY_USAGE, NID_key_usage, true);
        if (given->extended_from == SOURCE_TEMPLATE || (given->extended_from == SOURCE_CSR && ours))
                note_critical(judgement, FIELD_EXTENDED_USAGE, NID_ext_key_usage,
                              facts->extended_critical);
        if (given->sans_from == SOURCE_CSR && ours)
                note_critical(judgement, FIELD_SANS, NID_subject_alt_name, nameless);
}

/* RFC 5280, 4.2.1.2: (1) the SHA-1 of the key's bits; other ways to make one are allowed. */
static void
note_key_identifier(struct judgement *judgement)
{
        const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(judgement->certificate);
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned len = 0;

        if (!id)
                buf_format(&judgement->found->notes, "%s: there is none\n",
                           field_name(FIELD_SUBJECT_KEY_ID));
        else if (X509_pubkey_digest(judgement->certificate, EVP_sha1(), digest, &len) != 1 ||
                 !view_equal(view_of(digest, len),
                             view_of(ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id))))
                buf_format(&judgement->found->notes, "%s: it is not the SHA-1 of the public key\n",
                           field_name(FIELD_SUBJECT_KEY_ID));
}

/* -- form --------------------------------------------------------------------------------- */

static void
judge_serial(struct judgement *judgement)
{
        const ASN1_INTEGER *serial = X509_get0_serialNumber(judgement->certificate);
        CLEANUP(free_cleanup) char *text = x509_serial(judgement->certificate);
        const uint8_t *bytes = ASN1_STRING_get0_data(serial);
        int len = ASN1_STRING_length(serial);

        if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
                differ(judgement, FIELD_SERIAL, NULL, "%s is negative", text);
        else if (strspn(text, "0") == strlen(text))
                differ(judgement, FIELD_SERIAL, NULL, "it is zero");
        /* A first bit that is set takes one byte more in DER. */
        else if (len + (bytes[0] >> 7) > SERIAL_BYTES)
                differ(judgement, FIELD_SERIAL, NULL, "%s is longer than 20 bytes", text);
}

static void
judge_form(struct judgement *judgement)
{
        const ASN1_BIT_STRING *issuer_id = NULL;
        const ASN1_BIT_STRING *subject_id = NULL;
        int bits = 0;

        if (X509_get_version(judgement->certificate) != X509_VERSION_3)
                differ(judgement, FIELD_FORM, NULL, "asked X.509 version 3, got %ld",
                       X509_get_version(judgement->certificate) + 1);
        X509_get0_uids(judgement->certificate, &issuer_id, &subject_id);
        if (issuer_id || subject_id)
                differ(judgement, FIELD_FORM, NULL, "got unique identifiers, not asked for");
        if (X509_get_signature_info(judgement->certificate, NULL, NULL, &bits, NULL) != 1 ||
            bits < STRONG_BITS)
                differ(judgement, FIELD_SIGNATURE, NULL,
                       "made with a weak or unknown algorithm (%s)",
                       OBJ_nid2ln(X509_get_signature_nid(judgement->certificate)));
        judge_serial(judgement);
}

/* -- dates -------------------------------------------------------------------------------- */

static void
differ_in_time(struct judgement *judgement, enum field field, int64_t from, int64_t until,
               int64_t got)
{
        char earliest[CLOCK_TEXT], latest[CLOCK_TEXT], text[CLOCK_TEXT];

        if (from == until)
                differ(judgement, field, NULL, "asked %s, got %s", clock_format(from, earliest),
                       clock_format(got, text));
        else
                differ(judgement, field, NULL, "asked %s to %s, got %s",
                       clock_format(from, earliest), clock_format(until, latest),
                       clock_format(got, text));
}

/* When the CA answered; where that is not known, the latest it can have been. */
static int64_t
answered_at(const struct certificate_expectation *expected)
{
        return expected->received_at ? expected->received_at : expected->now;
}

static void
judge_not_before(struct judgement *judgement, int64_t got)
{
        const struct certificate_expectation *expected = judgement->expected;
        int64_t asked = judgement->wishes->not_before;
        int64_t from = asked ? asked : expected->asked_at - BACKDATED_S;
        int64_t until = asked ? asked : answered_at(expected) + CLOCKS_S;

        if (!asked && !expected->asked_at)
                return;
        if (got < from || got > until)
                differ_in_time(judgement, FIELD_NOT_BEFORE, from, until, got);
}

/* NotAfter of the certificate's issuer: what `ca-end` means where the CA was not described. */
static int64_t
issuer_end(const struct judgement *judgement, const struct buf *path)
{
        size_t len = certificate_length(view_buf(path));
        struct view issuer = len ? view_of(path->data, len) : judgement->expected->root;
        CLEANUP(x509_cleanup) X509 *certificate = x509_read(issuer);
        int64_t end = 0;

        return certificate && x509_time(X509_get0_notAfter(certificate), &end) ? end : 0;
}

static void
judge_not_after(struct judgement *judgement, int64_t got, const struct buf *path)
{
        const struct certificate_expectation *expected = judgement->expected;
        const struct validity *validity = &judgement->wishes->validity;
        bool counted = validity->type == VALIDITY_DAYS || validity->type == VALIDITY_MONTHS ||
                       validity->type == VALIDITY_YEARS;
        int64_t ca_end = expected->ca_not_after;

        if (validity->type == VALIDITY_NONE || (counted && !expected->asked_at))
                return;
        if (validity->type == VALIDITY_CA_END && !ca_end)
                ca_end = issuer_end(judgement, path);
        int64_t from = validity_end(validity, expected->asked_at, ca_end) - CLOCKS_S;
        int64_t until = validity_end(validity, answered_at(expected), ca_end) + CLOCKS_S;

        if (got < from || got > until)
                differ_in_time(judgement, FIELD_NOT_AFTER, from, until, got);
}

static void
judge_dates(struct judgement *judgement, const struct buf *path)
{
        int64_t not_before, not_after;

        if (!x509_time(X509_get0_notBefore(judgement->certificate), &not_before) ||
            !x509_time(X509_get0_notAfter(judgement->certificate), &not_after)) {
                differ(judgement, FIELD_FORM, NULL, "the dates are not well formed");
                return;
        }
        if (not_after <= not_before)
                differ(judgement, FIELD_FORM, NULL, "it ends before it begins");
        judge_not_before(judgement, not_before);
        judge_not_after(judgement, not_after, path);
}

static void
judge_chain(struct judgement *judgement, struct view certificate, struct buf *path)
{
        const struct certificate_expectation *expected = judgement->expected;
        int64_t when = expected->now;
        struct error err = { 0 };

        /* One that was asked to begin later is looked at when it has begun. */
        if (judgement->wishes->not_before > when)
                when = judgement->wishes->not_before;
        if (!certificate_chain(certificate, expected->chain, expected->root, when, path, &err))
                differ(judgement, FIELD_CHAIN, NULL, "%s%s%s%s", err.what, err.about[0] ? " (" : "",
                       err.about, err.about[0] ? ")" : "");
}

/* -- the judgement ------------------------------------------------------------------------ */

static void
judge_all(struct judgement *judgement, struct view certificate, struct buf *path)
{
        const struct issuer_facts *issuer = judgement->expected->issuer;

        request_content(judgement->wishes, judgement->expected->csr, &judgement->sent);
        content_make(judgement->wishes, judgement->facts, &judgement->sent, issuer,
                     &judgement->given);
        extensions_read(X509_get0_extensions(judgement->certificate), &judgement->got);
        judge_key(judgement);
        judge_subject(judgement);
        judge_sans(judgement);
        judge_basic_constraints(judgement);
        judge_key_usage(judgement);
        judge_extended_usage(judgement);
        judge_policies(judgement);
        judge_other_extensions(judgement);
        note_all_critical(judgement);
        note_key_identifier(judgement);
        judge_form(judgement);
        judge_chain(judgement, certificate, path);
        judge_dates(judgement, path);
        content_clear(&judgement->given);
        extensions_clear(&judgement->sent);
        extensions_clear(&judgement->got);
}

bool
certificate_judge(const struct wishes *wishes, struct view certificate,
                  const struct certificate_expectation *expected, struct buf *path,
                  struct comparison *found, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf issuers = { 0 };
        *found = (struct comparison){ 0 };
        struct judgement judgement = {
                .wishes = wishes,
                .expected = expected,
                .facts = wishes->template_arn ? template_of_arn(wishes->template_arn) : NULL,
                .certificate = x509_read(certificate),
                .request = decoded_request(expected->csr),
                .found = found,
        };

        if (!judgement.request)
                differ(&judgement, FIELD_FORM, NULL, "the recorded request does not decode");
        else if (!judgement.certificate)
                differ(&judgement, FIELD_FORM, NULL, "it is not one X.509 certificate in DER");
        else
                judge_all(&judgement, certificate, &issuers);
        X509_free(judgement.certificate);
        ERR_clear_error();
        if (judgement.count == 0) {
                buf_set(path, view_buf(&issuers));
                return true;
        }
        error_set(err, ERROR_NOT_AS_ASKED, "the certificate is not what was asked for: %s",
                  judgement.first);
        if (judgement.count > 1)
                error_about(err, "%zu more differences", judgement.count - 1);
        return error_advise(err, "it is kept and not delivered: revoke it, mend the request or the "
                                 "template, and order again");
}
