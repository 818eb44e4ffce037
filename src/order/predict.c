#include "order/predict.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "order/csr.h"
#include "order/name.h"
#include "order/oid.h"
#include "order/text_list.h"

enum {
        DAY_S = 24 * 60 * 60,
        DEFAULT_DAYS = 365,
        SHORT_LIVED_DAYS = 6,      /* what is asked for */
        SHORT_LIVED_MOST_DAYS = 7, /* what may be */
        CSR_MOST_BYTES = 32 * 1024 /* PEM; API reference, IssueCertificate */
};

static const char template_sets[] = "the template sets its own";
static const char base_drops[] = "the template takes only subject and names from the CSR";

/* One prediction on its way. */
struct outlook {
        const struct wishes *wishes;
        const struct issuer_facts *issuer;
        const struct template_facts *facts; /* NULL: none yet, or one that is not known */
        struct view csr;
        int64_t now;
        struct usages usages; /* what the certificate gets */
        struct prediction *out;
};

void
prediction_clear(struct prediction *prediction)
{
        for (size_t i = 0; i < prediction->row_count; i++)
                free(prediction->rows[i].value);
        for (size_t i = 0; i < prediction->drop_count; i++)
                free(prediction->drops[i].value);
        free(prediction->rows);
        free(prediction->drops);
        text_list_free(prediction->warnings, prediction->warning_count);
        *prediction = (struct prediction){ 0 };
}

const char *
predict_source_name(enum predict_source source)
{
        static const char *const names[] = {
                [SOURCE_TEMPLATE] = "template",
                [SOURCE_CSR] = "CSR",
                [SOURCE_REQUEST] = "request",
                [SOURCE_CA] = "CA",
        };

        return names[source];
}

void
predict_default_validity(struct wishes *wishes, bool short_lived)
{
        if (wishes->validity.type == VALIDITY_NONE)
                wishes->validity = (struct validity){ VALIDITY_DAYS, short_lived ? SHORT_LIVED_DAYS
                                                                                 : DEFAULT_DAYS };
}

/* -- taking notes --------------------------------------------------------------------------- */

/* Takes `value` over. */
static void
add_row(struct outlook *outlook, const char *field, enum predict_source source,
        enum answer critical, char *value)
{
        struct prediction *out = outlook->out;

        out->rows = memory_grow(out->rows, out->row_count + 1, sizeof(*out->rows));
        out->rows[out->row_count++] = (struct predicted_row){ field, value, source, critical };
}

/* Takes `value` over. */
static void
add_drop(struct outlook *outlook, const char *field, const char *rule, bool lost, char *value)
{
        struct prediction *out = outlook->out;

        out->drops = memory_grow(out->drops, out->drop_count + 1, sizeof(*out->drops));
        out->drops[out->drop_count++] = (struct predicted_drop){ field, value, rule, lost };
}

static void PRINTF(2, 3) warn(struct outlook *outlook, const char *format, ...)
{
        CLEANUP(free_cleanup) char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                abort();
        va_end(arguments);
        text_list_add(&outlook->out->warnings, &outlook->out->warning_count, text);
}

/* The first reason why AWS would refuse; NULL where another came before. */
static struct error *
refusal(struct outlook *outlook)
{
        struct error *err = &outlook->out->refusal;

        return err->kind == ERROR_NONE ? err : NULL;
}

/* -- names and key -------------------------------------------------------------------------- */

static void
predict_names(struct outlook *outlook)
{
        const struct wishes *wishes = outlook->wishes;
        const char *subject = wishes->subject ? wishes->subject : "";
        enum answer critical = wishes->csr_given ? ANSWER_UNKNOWN
                               : *subject        ? ANSWER_NO
                                                 : ANSWER_YES;

        add_row(outlook, "subject", SOURCE_CSR, ANSWER_UNKNOWN,
                text_copy(*subject ? subject : "none"));
        if (wishes->san_count)
                add_row(outlook, "alternative names", SOURCE_CSR, critical,
                        text_list_join(wishes->sans, wishes->san_count));
}

static void
predict_key(struct outlook *outlook)
{
        const struct wishes *wishes = outlook->wishes;
        bool known = wishes->key_type != KEY_NONE;

        add_row(outlook, "public key", SOURCE_CSR, ANSWER_UNKNOWN,
                text_copy(known ? key_type_name(wishes->key_type) : "that of --key"));
}

/* Are the names alone more than a request may hold?  The rest of the CSR comes on top. */
static void
check_size(struct outlook *outlook)
{
        const struct wishes *wishes = outlook->wishes;
        CLEANUP(free_cleanup) char *pem = NULL;
        GENERAL_NAMES *names = NULL;
        struct error ignored = { 0 };
        size_t bytes = 0;

        if (outlook->csr.len) {
                pem = csr_pem(outlook->csr);
                bytes = strlen(pem);
        } else if (wishes->san_count &&
                   san_build(wishes->sans, wishes->san_count, &names, &ignored)) {
                int len = i2d_GENERAL_NAMES(names, NULL);

                bytes = len > 0 ? (size_t)len / 3 * 4 : 0;
                GENERAL_NAMES_free(names);
        }
        struct error *err = bytes > CSR_MOST_BYTES ? refusal(outlook) : NULL;

        if (!err)
                return;
        error_set(err, ERROR_USAGE, "the CSR takes %zu bytes%s, and AWS Private CA takes %d", bytes,
                  outlook->csr.len ? "" : " for its alternative names alone", CSR_MOST_BYTES);
        error_advise(err, "ask for fewer names, or split them over several certificates");
}

/* -- what it is good for -------------------------------------------------------------------- */

static enum predict_source
source_of(bool set_by_template)
{
        return set_by_template ? SOURCE_TEMPLATE : SOURCE_CSR;
}

/* What we put into a CSR ourselves is known; what somebody else's says, only they know. */
static enum answer
critical_of(const struct outlook *outlook, bool set_by_template, bool template_critical,
            bool csr_critical)
{
        if (!set_by_template && outlook->wishes->csr_given)
                return ANSWER_UNKNOWN;
        return (set_by_template ? template_critical : csr_critical) ? ANSWER_YES : ANSWER_NO;
}

static void
predict_basic_constraints(struct outlook *outlook)
{
        const struct template_facts *facts = outlook->facts;
        CLEANUP(free_cleanup) char *length = NULL;

        if (facts->path_length >= 0)
                length = text_format(", path length %d", facts->path_length);
        add_row(outlook, "basic constraints", SOURCE_TEMPLATE,
                facts->basic_constraints_critical ? ANSWER_YES : ANSWER_NO,
                text_format("CA:%s%s", facts->is_ca ? "TRUE" : "FALSE", length ? length : ""));
}

static void
predict_key_usage(struct outlook *outlook)
{
        bool set = outlook->facts->key_usage != 0;
        unsigned got = outlook->usages.key_usage;
        unsigned dropped = outlook->wishes->usages.key_usage & ~got;

        if (got)
                add_row(outlook, "key usage", source_of(set), critical_of(outlook, set, true, true),
                        key_usage_format(got));
        if (dropped)
                add_drop(outlook, "key usage", set ? template_sets : base_drops,
                         !outlook->wishes->csr_given, key_usage_format(dropped));
}

/* "serverAuth, clientAuth" of what is in `list` and not in `without`; NULL for nothing. */
static char *
difference_text(char *const *list, size_t count, char *const *without, size_t without_count,
                const char *(*name)(const char *text))
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        for (size_t i = 0; i < count; i++) {
                if (!text_list_has(without, without_count, list[i]))
                        buf_format(&text, "%s%s", text.len ? ", " : "", name(list[i]));
        }
        return text.len ? text_copy(buf_text(&text)) : NULL;
}

static const char *
plain_name(const char *text)
{
        return text;
}

static void
predict_extended_usage(struct outlook *outlook)
{
        const struct template_facts *facts = outlook->facts;
        const struct usages *wished = &outlook->wishes->usages;
        const struct usages *got = &outlook->usages;
        bool set = facts->extended[0] != NULL;
        char *dropped = difference_text(wished->extended, wished->extended_count, got->extended,
                                        got->extended_count, extended_usage_name);

        if (got->extended_count)
                add_row(outlook, "extended key usage", source_of(set),
                        critical_of(outlook, set, facts->extended_critical, false),
                        difference_text(got->extended, got->extended_count, NULL, 0,
                                        extended_usage_name));
        if (dropped)
                add_drop(outlook, "extended key usage", set ? template_sets : base_drops,
                         !outlook->wishes->csr_given, dropped);
}

static void
predict_policies(struct outlook *outlook)
{
        const struct usages *wished = &outlook->wishes->usages;
        const struct usages *got = &outlook->usages;
        char *dropped = difference_text(wished->policies, wished->policy_count, got->policies,
                                        got->policy_count, plain_name);

        if (got->policy_count)
                add_row(outlook, "policies", SOURCE_CSR, critical_of(outlook, false, false, false),
                        text_list_join(got->policies, got->policy_count));
        if (dropped)
                add_drop(outlook, "policies", base_drops, !outlook->wishes->csr_given, dropped);
}

/* Extensions of a given CSR that wishes have no member for. */
static void
predict_other_extensions(struct outlook *outlook)
{
        static const int elsewhere[] = { NID_subject_alt_name, NID_key_usage, NID_ext_key_usage,
                                         NID_certificate_policies };
        static const int never[] = { NID_basic_constraints, NID_subject_key_identifier,
                                     NID_authority_key_identifier };
        const uint8_t *at = outlook->csr.data;
        X509_REQ *request =
                outlook->csr.len ? d2i_X509_REQ(NULL, &at, (long)outlook->csr.len) : NULL;
        STACK_OF(X509_EXTENSION) *list = request ? X509_REQ_get_extensions(request) : NULL;

        for (int i = 0; i < sk_X509_EXTENSION_num(list); i++) {
                X509_EXTENSION *extension = sk_X509_EXTENSION_value(list, i);
                int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
                bool passes = outlook->facts->csr_passthrough;
                bool known = false;
                char oid[OID_TEXT];

                for (size_t n = 0; n < ARRAY_LENGTH(elsewhere); n++)
                        known = known || nid == elsewhere[n];
                if (known)
                        continue;
                for (size_t n = 0; n < ARRAY_LENGTH(never); n++)
                        passes = passes && nid != never[n];
                oid_text(X509_EXTENSION_get_object(extension), oid);
                if (passes)
                        add_row(outlook, "extension", SOURCE_CSR,
                                X509_EXTENSION_get_critical(extension) ? ANSWER_YES : ANSWER_NO,
                                text_copy(oid));
                else
                        add_drop(outlook, "extension",
                                 outlook->facts->csr_passthrough ? template_sets : base_drops,
                                 false, text_copy(oid));
        }
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
        X509_REQ_free(request);
        ERR_clear_error();
}

/* -- what the CA adds ------------------------------------------------------------------------ */

/* The guide: a template that passes extensions on does not get the CA's AIA. */
static bool
passes_on(const struct template_facts *facts)
{
        return facts->csr_passthrough || facts->api_passthrough;
}

static void
predict_ca_extensions(struct outlook *outlook)
{
        const struct issuer_facts *issuer = outlook->issuer;
        const struct template_facts *facts = outlook->facts;
        bool root = facts && text_starts(facts->name, "RootCA");

        if (issuer->subject)
                add_row(outlook, "issuer", SOURCE_CA, ANSWER_UNKNOWN, text_copy(issuer->subject));
        add_row(outlook, "subject key identifier", SOURCE_CA, ANSWER_NO,
                text_copy("SHA-1 of the public key"));
        if (!root)
                add_row(outlook, "authority key identifier", SOURCE_CA, ANSWER_NO,
                        text_copy("that of the CA's certificate"));
        if (issuer->crl_enabled && !root)
                add_row(outlook, "CRL distribution points", SOURCE_CA, ANSWER_NO,
                        text_copy("as the CA is configured"));
        if (!issuer->ocsp_enabled || !facts)
                return;
        if (passes_on(facts))
                warn(outlook,
                     "the CA has OCSP on, but a template that passes extensions on gets no "
                     "authority information access: who reads the certificate is not told where "
                     "to ask");
        else if (!root)
                add_row(outlook, "authority information access", SOURCE_CA, ANSWER_NO,
                        text_copy("OCSP, as the CA is configured"));
}

/* Does the CA's key sign with that algorithm?  An unknown key signs with any. */
static bool
signs_with(const char *key_algorithm, const char *algorithm)
{
        static const struct {
                const char *key;
                const char *algorithm;
        } families[] = { { "RSA_", "WITHRSA" },
                         { "EC_", "WITHECDSA" },
                         { "ML_DSA_", "ML_DSA_" },
                         { "SM2", "SM3WITHSM2" } };

        for (size_t i = 0; i < ARRAY_LENGTH(families); i++) {
                if (text_starts(key_algorithm, families[i].key))
                        return strstr(algorithm, families[i].algorithm) != NULL;
        }
        return true;
}

static void
predict_signature(struct outlook *outlook)
{
        const char *key = outlook->issuer->key_algorithm;
        const char *algorithm = outlook->wishes->signing_algorithm;
        bool good = !key || !algorithm || signs_with(key, algorithm);
        struct error *err = good ? NULL : refusal(outlook);

        if (algorithm)
                add_row(outlook, "signature", SOURCE_REQUEST, ANSWER_UNKNOWN, text_copy(algorithm));
        if (!err)
                return;
        error_set(err, ERROR_USAGE, "a CA with a key of type %s does not sign with %s", key,
                  algorithm);
        error_advise(err, "leave --signing-algorithm out: the default goes with the CA's key");
}

/* -- dates ---------------------------------------------------------------------------------- */

static void
check_dates(struct outlook *outlook, int64_t end)
{
        const struct issuer_facts *issuer = outlook->issuer;
        const struct template_facts *facts = outlook->facts;
        int64_t begin = outlook->wishes->not_before;
        bool is_ca = facts && facts->is_ca;
        struct error *err = refusal(outlook);
        char text[CLOCK_TEXT];
        char other[CLOCK_TEXT];

        if (!err)
                return;
        if (end <= outlook->now || end <= begin) {
                error_set(err, ERROR_USAGE, "the validity would end on %s, before it begins",
                          clock_format(end, text));
                error_advise(err, "ask for a later end with --validity");
        } else if (issuer->not_after && end > issuer->not_after &&
                   outlook->wishes->validity.type != VALIDITY_CA_END) {
                error_set(err, ERROR_USAGE,
                          "the validity would end on %s, but the CA itself ends on %s",
                          clock_format(end, text), clock_format(issuer->not_after, other));
                error_advise(err, "ask for less, or for --validity ca-end; AWS Private CA refuses "
                                  "it otherwise, it does not shorten it");
        } else if (issuer->short_lived && !is_ca &&
                   end - outlook->now > SHORT_LIVED_MOST_DAYS * DAY_S) {
                error_set(err, ERROR_USAGE,
                          "the CA issues short-lived certificates, for %d days at most, and the "
                          "validity would end on %s",
                          SHORT_LIVED_MOST_DAYS, clock_format(end, text));
                error_advise(err, "ask for --validity %dd or less, or choose another CA",
                             SHORT_LIVED_MOST_DAYS);
        }
}

static void
predict_dates(struct outlook *outlook)
{
        const struct wishes *wishes = outlook->wishes;
        bool ca_end = wishes->validity.type == VALIDITY_CA_END;
        char text[CLOCK_TEXT];

        if (wishes->not_before)
                add_row(outlook, "not before", SOURCE_REQUEST, ANSWER_UNKNOWN,
                        text_copy(clock_format(wishes->not_before, text)));
        else
                add_row(outlook, "not before", SOURCE_CA, ANSWER_UNKNOWN,
                        text_copy("an hour before it is issued"));
        if (wishes->validity.type == VALIDITY_NONE)
                return;
        if (ca_end && !outlook->issuer->not_after) {
                add_row(outlook, "not after", SOURCE_CA, ANSWER_UNKNOWN,
                        text_copy("the CA's own end, which is not known"));
                return;
        }
        int64_t end = validity_end(&wishes->validity, outlook->now, outlook->issuer->not_after);

        outlook->out->not_after = end;
        add_row(outlook, "not after", ca_end ? SOURCE_CA : SOURCE_REQUEST, ANSWER_UNKNOWN,
                text_copy(clock_format(end, text)));
        check_dates(outlook, end);
}

/* -- warnings -------------------------------------------------------------------------------- */

static bool
has_name_of_server(const struct wishes *wishes)
{
        for (size_t i = 0; i < wishes->san_count; i++) {
                if (text_starts(wishes->sans[i], "dns:") || text_starts(wishes->sans[i], "ip:"))
                        return true;
        }
        return false;
}

static void
warn_of_usages(struct outlook *outlook)
{
        static const char server_auth[] = "1.3.6.1.5.5.7.3.1";
        const struct wishes *wishes = outlook->wishes;
        const struct usages *usages = &outlook->usages;
        bool is_ec = key_type_is_ec(wishes->key_type);
        bool wishes_server = text_list_has(wishes->usages.extended, wishes->usages.extended_count,
                                           server_auth) ||
                             text_equal(outlook->facts->nick, "server");

        if (is_ec && usages->key_usage & USAGE_KEY_ENCIPHERMENT)
                warn(outlook,
                     "keyEncipherment means nothing for an EC key; where a policy forbids it, take "
                     "BlankEndEntityCertificate_CSRPassthrough and --key-usage");
        if (!is_ec && wishes->key_type != KEY_NONE && usages->key_usage & USAGE_KEY_AGREEMENT)
                warn(outlook, "keyAgreement means nothing for an RSA key");
        if (wishes_server && !has_name_of_server(wishes))
                warn(outlook, "a server's certificate without a DNS name or address among its "
                              "alternative names: clients do not look at the common name");
        if (outlook->facts->is_ca)
                warn(outlook, "the template makes a CA, which may itself issue certificates");
}

static void
warn_of_template(struct outlook *outlook)
{
        if (!outlook->wishes->template_arn)
                warn(outlook, "there is no template yet: what it sets and drops is not known");
        else if (!outlook->facts)
                warn(outlook,
                     "the template is not one that this version knows: what it sets and drops is "
                     "not known");
        if (outlook->wishes->ca_arn && !outlook->issuer->described)
                warn(outlook, "the CA may not be described: its mode and what it adds are not "
                              "known");
}

/* -- the template that would do --------------------------------------------------------------- */

static bool
is_subset(char *const *list, size_t count, char *const *of, size_t of_count)
{
        for (size_t i = 0; i < count; i++) {
                if (!text_list_has(of, of_count, list[i]))
                        return false;
        }
        return true;
}

static bool
carries_wishes(const struct usages *wished, const struct usages *got)
{
        return !(wished->key_usage & ~got->key_usage) &&
               is_subset(wished->extended, wished->extended_count, got->extended,
                         got->extended_count) &&
               is_subset(wished->policies, wished->policy_count, got->policies, got->policy_count);
}

/* What counts against a template: a purpose more or less, that it passes on, a key usage. */
enum { OTHER_PURPOSE = 10000, PASSING = 100, OTHER_KEY_USAGE = 1 };

static unsigned
distance(const struct usages *a, const struct usages *b)
{
        unsigned count = 0;

        for (unsigned rest = a->key_usage ^ b->key_usage; rest; rest &= rest - 1)
                count += OTHER_KEY_USAGE;
        for (size_t i = 0; i < a->extended_count; i++) {
                if (!text_list_has(b->extended, b->extended_count, a->extended[i]))
                        count += OTHER_PURPOSE;
        }
        for (size_t i = 0; i < b->extended_count; i++) {
                if (!text_list_has(a->extended, a->extended_count, b->extended[i]))
                        count += OTHER_PURPOSE;
        }
        return count;
}

/*
 * The smallest template that drops nothing: its purposes are nearest to those wished for, or to
 * those of the template at hand where none were; it rather passes nothing on than all of the CSR;
 * its key usages are nearest.  The API's passthrough is not used here.
 */
static const struct template_facts *
find_carrying(const struct outlook *outlook)
{
        const struct usages *wished = &outlook->wishes->usages;
        const struct template_facts *best = NULL;
        unsigned least = 0;
        struct usages target = { 0 };

        usages_copy(&target, wished->extended_count ? wished : &outlook->usages);
        target.key_usage = wished->key_usage ? wished->key_usage : outlook->usages.key_usage;
        for (size_t i = 0; template_at(i); i++) {
                const struct template_facts *facts = template_at(i);
                struct usages got = { 0 };

                if (facts->api_passthrough || facts->is_ca != outlook->facts->is_ca ||
                    facts->path_length != outlook->facts->path_length)
                        continue;
                template_usages(facts, wished, &got);
                unsigned rank = distance(&got, &target) + (facts->csr_passthrough ? PASSING : 0);

                if (carries_wishes(wished, &got) && (!best || rank < least)) {
                        best = facts;
                        least = rank;
                }
                usages_clear(&got);
        }
        usages_clear(&target);
        return best;
}

/* -- all of it -------------------------------------------------------------------------------- */

static bool
loses_wish(const struct prediction *prediction)
{
        for (size_t i = 0; i < prediction->drop_count; i++) {
                if (prediction->drops[i].lost)
                        return true;
        }
        return false;
}

/* What only a known template can tell. */
static void
predict_by_template(struct outlook *outlook)
{
        template_usages(outlook->facts, &outlook->wishes->usages, &outlook->usages);
        predict_basic_constraints(outlook);
        predict_key_usage(outlook);
        predict_extended_usage(outlook);
        predict_policies(outlook);
        predict_other_extensions(outlook);
        warn_of_usages(outlook);
        if (loses_wish(outlook->out))
                outlook->out->carries = find_carrying(outlook);
}

void
predict(const struct wishes *wishes, struct view csr, const struct issuer_facts *issuer,
        int64_t now, struct prediction *out)
{
        struct outlook outlook = {
                .wishes = wishes,
                .issuer = issuer,
                .facts = wishes->template_arn ? template_of_arn(wishes->template_arn) : NULL,
                .csr = csr,
                .now = now,
                .out = out,
        };

        *out = (struct prediction){ 0 };
        predict_names(&outlook);
        predict_key(&outlook);
        check_size(&outlook);
        warn_of_template(&outlook);
        if (outlook.facts)
                predict_by_template(&outlook);
        if (wishes->ca_arn) {
                predict_ca_extensions(&outlook);
                predict_signature(&outlook);
                predict_dates(&outlook);
        }
        usages_clear(&outlook.usages);
}

bool
prediction_check(const struct prediction *prediction, struct error *err)
{
        const struct predicted_drop *first = NULL;
        size_t more = 0;

        if (prediction->refusal.kind != ERROR_NONE) {
                *err = prediction->refusal;
                return false;
        }
        for (size_t i = 0; i < prediction->drop_count; i++) {
                if (!prediction->drops[i].lost)
                        continue;
                if (first)
                        more++;
                else
                        first = &prediction->drops[i];
        }
        if (!first)
                return true;
        CLEANUP(free_cleanup) char *rest = more ? text_format(", and %zu more", more) : NULL;

        error_set(err, ERROR_WISH_LOST, "the certificate would come without a wish: %s %s (%s)%s",
                  first->field, first->value, first->rule, rest ? rest : "");
        if (!prediction->carries)
                return error_advise(err, "no template of this kind carries it: leave it out");
        return error_advise(err,
                            "--template %s/V1 carries all that was asked for; nothing was "
                            "made and nothing was sent",
                            prediction->carries->name);
}
