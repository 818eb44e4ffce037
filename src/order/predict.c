#include "order/predict.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/decoded.h"
#include "order/lint.h"
#include "order/name.h"
#include "order/text_list.h"

enum {
        DAY_S = 24 * 60 * 60,
        DEFAULT_DAYS = 365,
        SHORT_LIVED_DAYS = 6,     /* what is asked for */
        SHORT_LIVED_MOST_DAYS = 7 /* what may be */
};

static const char template_sets[] = "the template sets its own";
static const char base_drops[] = "the template takes only subject and names from the CSR";
static const char reads_no_api[] =
        "the CSR says otherwise, and the template reads nothing from the API";
static const char ca_writes[] = "the CA writes its own";

/* One prediction on its way. */
struct outlook {
        const struct wishes *wishes;
        const struct issuer_facts *issuer;
        const struct template_facts *facts; /* NULL: none yet, or one that is not known */
        struct view csr;
        int64_t now;
        struct extensions request;
        struct content content; /* what the certificate gets */
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
add_row(struct outlook *outlook, enum field field, enum source source, enum answer critical,
        char *value)
{
        struct prediction *out = outlook->out;

        out->rows = memory_grow(out->rows, out->row_count + 1, sizeof(*out->rows));
        out->rows[out->row_count++] = (struct predicted_row){ field, value, source, critical };
}

/* Takes `value` over. */
static void
add_drop(struct outlook *outlook, enum field field, const char *rule, bool lost, char *value)
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

/* The subject that the CSR itself has; the caller frees. */
static char *
subject_of_csr(const struct outlook *outlook)
{
        X509_REQ *request = decoded_request(outlook->csr);

        return request ? subject_format(X509_REQ_get_subject_name(request)) : text_copy("");
}

static void
predict_subject(struct outlook *outlook)
{
        const struct wishes *wishes = outlook->wishes;
        const char *wished = wishes->subject ? wishes->subject : "";
        bool lost = wishes->over_csr & WISH_SUBJECT && outlook->content.subject_from != SOURCE_API;
        CLEANUP(free_cleanup) char *subject = lost ? subject_of_csr(outlook) : text_copy(wished);

        add_row(outlook, FIELD_SUBJECT, outlook->content.subject_from, ANSWER_UNKNOWN,
                text_copy(*subject ? subject : "none"));
        if (lost)
                add_drop(outlook, FIELD_SUBJECT, reads_no_api, true, text_copy(wished));
}

static void
predict_sans(struct outlook *outlook)
{
        const struct wishes *wishes = outlook->wishes;
        enum source from = outlook->content.sans_from;
        bool lost = wishes->over_csr & WISH_SANS && from != SOURCE_API;
        char *const *list = lost ? outlook->request.sans : wishes->sans;
        size_t count = lost ? outlook->request.san_count : wishes->san_count;
        bool foreign = wishes->csr_given && from == SOURCE_CSR;
        bool has_subject = wishes->subject && *wishes->subject;
        enum answer critical = foreign ? ANSWER_UNKNOWN : has_subject ? ANSWER_NO : ANSWER_YES;

        if (count)
                add_row(outlook, FIELD_SANS, from, critical, text_list_join(list, count));
        if (lost)
                add_drop(outlook, FIELD_SANS, reads_no_api, true,
                         text_list_join(wishes->sans, wishes->san_count));
}

static void
predict_key(struct outlook *outlook)
{
        const struct wishes *wishes = outlook->wishes;
        bool known = wishes->key_type != KEY_NONE;

        add_row(outlook, FIELD_PUBLIC_KEY, SOURCE_CSR, ANSWER_UNKNOWN,
                text_copy(known ? key_type_name(wishes->key_type) : "that of --key"));
}

/* -- what it is good for -------------------------------------------------------------------- */

/* What we put into a CSR ourselves is known; what somebody else's says, only they know. */
static enum answer
critical_of(const struct outlook *outlook, enum source source, bool template_critical,
            bool csr_critical)
{
        if (source == SOURCE_API || (source == SOURCE_CSR && outlook->wishes->csr_given))
                return ANSWER_UNKNOWN;
        return (source == SOURCE_TEMPLATE ? template_critical : csr_critical) ? ANSWER_YES
                                                                              : ANSWER_NO;
}

/* Why a part is dropped that the template does not set itself. */
static const char *
rule_of(const struct outlook *outlook, enum wish_part part)
{
        return outlook->wishes->over_csr & part ? reads_no_api : base_drops;
}

static char *
constraints_text(bool is_ca, int path_length)
{
        CLEANUP(free_cleanup)
        char *length = path_length >= 0 ? text_format(", path length %d", path_length) : NULL;

        return text_format("CA:%s%s", is_ca ? "TRUE" : "FALSE", length ? length : "");
}

static void
predict_basic_constraints(struct outlook *outlook)
{
        const struct template_facts *facts = outlook->facts;
        int wished = (int)outlook->wishes->path_length - 1;

        add_row(outlook, FIELD_BASIC_CONSTRAINTS, SOURCE_TEMPLATE,
                facts->basic_constraints_critical ? ANSWER_YES : ANSWER_NO,
                constraints_text(facts->is_ca, facts->path_length));
        if (wished >= 0 && (!facts->is_ca || facts->path_length != wished))
                add_drop(outlook, FIELD_BASIC_CONSTRAINTS, template_sets, true,
                         constraints_text(true, wished));
}

static void
predict_key_usage(struct outlook *outlook)
{
        enum source source = outlook->content.key_usage_from;
        bool set = source == SOURCE_TEMPLATE;
        unsigned got = outlook->content.usages.key_usage;
        unsigned dropped = outlook->wishes->usages.key_usage & ~got;

        if (got)
                add_row(outlook, FIELD_KEY_USAGE, source, critical_of(outlook, source, true, true),
                        key_usage_format(got));
        if (dropped)
                add_drop(outlook, FIELD_KEY_USAGE,
                         set ? template_sets : rule_of(outlook, WISH_KEY_USAGE),
                         wish_is_ours(outlook->wishes, WISH_KEY_USAGE), key_usage_format(dropped));
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
        const struct usages *wished = &outlook->wishes->usages;
        const struct usages *got = &outlook->content.usages;
        enum source source = outlook->content.extended_from;
        bool set = source == SOURCE_TEMPLATE;
        char *dropped = difference_text(wished->extended, wished->extended_count, got->extended,
                                        got->extended_count, extended_usage_name);

        if (got->extended_count)
                add_row(outlook, FIELD_EXTENDED_USAGE, source,
                        critical_of(outlook, source, outlook->facts->extended_critical, false),
                        difference_text(got->extended, got->extended_count, NULL, 0,
                                        extended_usage_name));
        if (dropped)
                add_drop(outlook, FIELD_EXTENDED_USAGE,
                         set ? template_sets : rule_of(outlook, WISH_EXTENDED),
                         wish_is_ours(outlook->wishes, WISH_EXTENDED), dropped);
}

static void
predict_policies(struct outlook *outlook)
{
        const struct usages *wished = &outlook->wishes->usages;
        const struct usages *got = &outlook->content.usages;
        enum source source = outlook->content.policies_from;
        char *dropped = difference_text(wished->policies, wished->policy_count, got->policies,
                                        got->policy_count, plain_name);

        if (got->policy_count)
                add_row(outlook, FIELD_POLICIES, source, critical_of(outlook, source, false, false),
                        text_list_join(got->policies, got->policy_count));
        if (dropped)
                add_drop(outlook, FIELD_POLICIES, rule_of(outlook, WISH_POLICIES),
                         wish_is_ours(outlook->wishes, WISH_POLICIES), dropped);
}

/* -- other extensions ------------------------------------------------------------------------ */

/* "1.2.3, value 0500" of a normal form. */
static char *
extension_text(const char *normal)
{
        CLEANUP(free_cleanup) char *oid = extension_oid(normal);

        return text_format("%s, value %s", oid, strchr(normal, ':') + 1);
}

static const char *
extension_rule(const struct outlook *outlook, const char *oid)
{
        const struct template_facts *facts = outlook->facts;

        if (strcmp(oid, "2.5.29.31") == 0 && outlook->issuer->crl_enabled && !facts->is_root)
                return ca_writes;
        if (extension_is_never_passed(oid) && facts->csr_passthrough)
                return template_sets;
        return rule_of(outlook, WISH_EXTENSIONS);
}

static void
drop_extensions(struct outlook *outlook, char *const *list, size_t count, bool lost)
{
        const struct content *content = &outlook->content;

        for (size_t i = 0; i < count; i++) {
                CLEANUP(free_cleanup) char *oid = extension_oid(list[i]);

                if (!text_list_has(content->extensions, content->extension_count, list[i]))
                        add_drop(outlook, FIELD_EXTENSION, extension_rule(outlook, oid), lost,
                                 extension_text(list[i]));
        }
}

static void
predict_other_extensions(struct outlook *outlook)
{
        const struct wishes *wishes = outlook->wishes;
        const struct content *content = &outlook->content;

        for (size_t i = 0; i < content->extension_count; i++) {
                bool by_api = i < content->extension_count - content->from_csr;
                bool critical = strstr(content->extensions[i], ",critical:") != NULL;

                add_row(outlook, FIELD_EXTENSION, by_api ? SOURCE_API : SOURCE_CSR,
                        critical ? ANSWER_YES : ANSWER_NO, extension_text(content->extensions[i]));
        }
        if (wish_is_ours(wishes, WISH_EXTENSIONS))
                drop_extensions(outlook, wishes->extensions, wishes->extension_count, true);
        if (!wishes->csr_given)
                return;
        if (outlook->request.has_basic_constraints)
                add_drop(outlook, FIELD_BASIC_CONSTRAINTS, template_sets, false,
                         constraints_text(outlook->request.is_ca, outlook->request.path_length));
        drop_extensions(outlook, outlook->request.others, outlook->request.other_count, false);
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
        bool root = facts && facts->is_root;

        /* A root issues itself; its subject was told first. */
        const char *name = root ? outlook->out->rows[0].value : issuer->subject;

        if (name)
                add_row(outlook, FIELD_ISSUER, SOURCE_CA, ANSWER_UNKNOWN, text_copy(name));
        add_row(outlook, FIELD_SUBJECT_KEY_ID, SOURCE_CA, ANSWER_NO,
                text_copy("SHA-1 of the public key"));
        if (!root)
                add_row(outlook, FIELD_AUTHORITY_KEY_ID, SOURCE_CA, ANSWER_NO,
                        text_copy("that of the CA's certificate"));
        if (issuer->crl_enabled && !root)
                add_row(outlook, FIELD_CRL_POINTS, SOURCE_CA, ANSWER_NO,
                        text_copy("as the CA is configured"));
        if (!issuer->ocsp_enabled || !facts)
                return;
        if (passes_on(facts))
                warn(outlook,
                     "the CA has OCSP on, but a template that passes extensions on gets no "
                     "authority information access: who reads the certificate is not told where "
                     "to ask");
        else if (!root)
                add_row(outlook, FIELD_INFORMATION_ACCESS, SOURCE_CA, ANSWER_NO,
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
                add_row(outlook, FIELD_SIGNATURE, SOURCE_REQUEST, ANSWER_UNKNOWN,
                        text_copy(algorithm));
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

/* A CA below the CA: its path has to be shorter than that of its issuer (RFC 5280, 4.2.1.9). */
static void
check_path(struct outlook *outlook)
{
        const struct issuer_facts *issuer = outlook->issuer;
        const struct template_facts *facts = outlook->facts;
        bool deep = facts && facts->is_ca && !facts->is_root && issuer->has_path_length &&
                    facts->path_length >= issuer->path_length;
        struct error *err = deep ? refusal(outlook) : NULL;

        if (!err)
                return;
        error_set(err, ERROR_USAGE,
                  "the CA's own certificate has a path length of %d, and that of the template is "
                  "not below it: %d",
                  issuer->path_length, facts->path_length);
        error_advise(err, issuer->path_length ? "take a template with a smaller path length"
                                              : "choose another CA: this one issues leaves only");
}

static void
predict_dates(struct outlook *outlook)
{
        const struct wishes *wishes = outlook->wishes;
        bool ca_end = wishes->validity.type == VALIDITY_CA_END;
        char text[CLOCK_TEXT];

        if (wishes->not_before)
                add_row(outlook, FIELD_NOT_BEFORE, SOURCE_REQUEST, ANSWER_UNKNOWN,
                        text_copy(clock_format(wishes->not_before, text)));
        else
                add_row(outlook, FIELD_NOT_BEFORE, SOURCE_CA, ANSWER_UNKNOWN,
                        text_copy("an hour before it is issued"));
        if (wishes->validity.type == VALIDITY_NONE)
                return;
        if (ca_end && !outlook->issuer->not_after) {
                add_row(outlook, FIELD_NOT_AFTER, SOURCE_CA, ANSWER_UNKNOWN,
                        text_copy("the CA's own end, which is not known"));
                return;
        }
        int64_t end = validity_end(&wishes->validity, outlook->now, outlook->issuer->not_after);

        outlook->out->not_after = end;
        add_row(outlook, FIELD_NOT_AFTER, ca_end ? SOURCE_CA : SOURCE_REQUEST, ANSWER_UNKNOWN,
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
        const struct usages *usages = &outlook->content.usages;
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

/* What a share covers is the owner's to say: a template outside it is denied, not refused here. */
static void
warn_of_share(struct outlook *outlook)
{
        const struct template_facts *facts = outlook->facts;

        if (!outlook->issuer->shared || !facts || facts->share == SHARE_BY_DEFAULT)
                return;
        warn(outlook,
             "the CA is another account's, and the default share (AWS RAM) covers "
             "EndEntityCertificate/V1 only: %s/V1 takes %s",
             facts->name,
             facts->share == SHARE_BY_NAME ? "the managed permission that names it"
                                           : "a permission that the CA's owner writes");
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
        warn_of_share(outlook);
        if (outlook->wishes->ca_arn && !outlook->issuer->described)
                warn(outlook, "the CA may not be described: its mode and what it adds are not "
                              "known");
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
        predict_basic_constraints(outlook);
        predict_key_usage(outlook);
        predict_extended_usage(outlook);
        predict_policies(outlook);
        predict_other_extensions(outlook);
        warn_of_usages(outlook);
        if (loses_wish(outlook->out))
                outlook->out->carries = content_smallest(outlook->wishes, outlook->facts,
                                                         &outlook->request, outlook->issuer);
}

static void
lint(struct outlook *outlook)
{
        struct error found = { 0 };
        struct error *err = refusal(outlook);
        struct prediction *out = outlook->out;

        if (err && !lint_wishes(outlook->wishes, outlook->facts, outlook->csr, &found))
                *err = found;
        lint_warnings(outlook->wishes, outlook->facts, outlook->csr, outlook->issuer,
                      &out->warnings, &out->warning_count);
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
        request_content(wishes, csr, &outlook.request);
        content_make(wishes, outlook.facts, &outlook.request, issuer, &outlook.content);
        predict_subject(&outlook);
        predict_sans(&outlook);
        predict_key(&outlook);
        warn_of_template(&outlook);
        if (outlook.facts)
                predict_by_template(&outlook);
        if (wishes->ca_arn) {
                predict_ca_extensions(&outlook);
                predict_signature(&outlook);
                predict_dates(&outlook);
                check_path(&outlook);
        }
        lint(&outlook);
        content_clear(&outlook.content);
        extensions_clear(&outlook.request);
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
                  field_name(first->field), first->value, first->rule, rest ? rest : "");
        if (!prediction->carries)
                return error_advise(err, "no template of this kind carries it: leave it out");
        return error_advise(err,
                            "--template %s/V1 carries all that was asked for; nothing was "
                            "made and nothing was sent",
                            prediction->carries->name);
}
