#include "cli/wish.h"

#include <stdlib.h>
#include <string.h>

#include "aws/pca.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/delivery.h"
#include "cli/pattern.h"
#include "engine/uri.h"
#include "order/csr.h"
#include "order/custom.h"
#include "order/field.h"
#include "order/name.h"
#include "order/template.h"

enum { CSR_BYTES = 1 << 20, ID_BYTES = 255 };

/* -- options that exclude each other ------------------------------------------------------- */

/* An option that was written on the command line although another one already says it. */
static bool
refuse_beside(const struct options *options, enum option_id with, const char *why,
              const enum option_id *others, size_t count, struct error *err)
{
        if (!option_value(options, with)->count)
                return true;
        for (size_t i = 0; i < count; i++) {
                const struct option_value *other = option_value(options, others[i]);

                if (other->origin != ORIGIN_LINE || !other->count)
                        continue;
                error_set(err, ERROR_USAGE, "--%s does not go with --%s: %s",
                          option_row(others[i])->name, option_row(with)->name, why);
                return error_advise(err, "leave one of them out");
        }
        return true;
}

/* In the order of enum wish_part. */
static const enum option_id csr_parts[] = {
        OPTION_SUBJECT,       OPTION_SAN,        OPTION_KEY_USAGE,
        OPTION_EXT_KEY_USAGE, OPTION_POLICY_OID, OPTION_EXTENSION,
};

/* What the command line asks for over a CSR that somebody else made: enum wish_part bits. */
static unsigned
over_csr(const struct options *options)
{
        unsigned over = 0;

        for (size_t i = 0; i < ARRAY_LENGTH(csr_parts); i++) {
                const struct option_value *value = option_value(options, csr_parts[i]);

                if (value->count && value->origin == ORIGIN_LINE)
                        over |= 1u << i;
        }
        return over;
}

/* The CSR says it already, unless the template lets the API say it again. */
static bool
check_over_csr(const struct options *options, struct error *err)
{
        const char *template = option_text(options, OPTION_TEMPLATE);
        const struct template_facts *facts = template ? template_find(template) : NULL;
        unsigned over = option_text(options, OPTION_CSR) ? over_csr(options) : 0;
        size_t first = 0;

        if (template && !facts)
                facts = template_of_arn(template);
        if (!over || (template && (!facts || facts->api_passthrough)))
                return true;
        while (!(over & 1u << first))
                first++;
        error_set(err, ERROR_USAGE, "--%s does not go with --csr: the CSR says it already",
                  option_row(csr_parts[first])->name);
        return error_advise(err, "leave one of them out, or take a template that reads the API, "
                                 "such as BlankEndEntityCertificate_APIPassthrough");
}

static bool
check_combination(const struct options *options, struct error *err)
{
        static const enum option_id said_by_key[] = {
                OPTION_CSR, OPTION_KEY_TYPE, OPTION_LABEL, OPTION_ID, OPTION_REPLACE,
        };
        static const enum option_id said_by_csr[] = {
                OPTION_KEY_TYPE, OPTION_LABEL, OPTION_ID, OPTION_REPLACE, OPTION_HASH,
        };

        if (!refuse_beside(options, OPTION_KEY, "the key exists already", said_by_key,
                           ARRAY_LENGTH(said_by_key), err) ||
            !refuse_beside(options, OPTION_CSR, "the CSR says it already", said_by_csr,
                           ARRAY_LENGTH(said_by_csr), err) ||
            !check_over_csr(options, err))
                return false;
        if (!option_flag(options, OPTION_REPLACE) || option_text(options, OPTION_ID))
                return true;
        error_set(err, ERROR_USAGE, "--replace needs --id");
        return error_advise(err, "say with --id which key may go");
}

/* -- where the key is and who issues --------------------------------------------------------- */

static bool
read_ca(const struct options *options, bool needed, struct wishes *wishes, struct error *err)
{
        const char *arn = option_text(options, OPTION_CA);
        const struct option_value *region = option_value(options, OPTION_REGION);
        struct ca_arn parts;

        if (!arn && needed) {
                error_set(err, ERROR_USAGE, "a certificate needs a CA: --ca ARN");
                return error_advise(err, "`p11cert ca list` shows the CAs there are");
        }
        if (!arn)
                return true;
        if (!ca_arn_parse(arn, &parts, err))
                return error_about(err, "%s", option_value(options, OPTION_CA)->where);
        if (region->origin == ORIGIN_LINE && strcmp(region->texts[0], parts.region) != 0) {
                error_set(err, ERROR_USAGE, "the CA is in Region %s, but --region says %s",
                          parts.region, region->texts[0]);
                return error_advise(err, "leave --region out: it comes from the CA's ARN");
        }
        text_assign(&wishes->ca_arn, arn);
        text_assign(&wishes->region, parts.region);
        return true;
}

static bool
read_key(const struct options *options, struct wishes *wishes, struct error *err)
{
        const char *type = option_text(options, OPTION_KEY_TYPE);
        const char *id = option_text(options, OPTION_ID);

        /* An existing key has its own type, whatever the configuration prefers. */
        if (type && !wishes->key_uri && !key_type_named(type, &wishes->key_type, err))
                return error_about(err, "%s", option_value(options, OPTION_KEY_TYPE)->where);
        if (id && !hex_decode(id, &wishes->given_id, err)) {
                err->kind = ERROR_USAGE;
                error_about(err, "--id");
                return error_advise(err, "write the id as hex, such as 0a1b2c");
        }
        if (wishes->given_id.len > ID_BYTES)
                return error_set(err, ERROR_USAGE, "the id is longer than %d bytes", ID_BYTES);
        wishes->replace = option_flag(options, OPTION_REPLACE);
        return true;
}

/* -- what the certificate says ---------------------------------------------------------------- */

static bool
read_subject(const struct patterns *patterns, struct wishes *wishes, struct error *err)
{
        const struct option_value *value = option_value(patterns->options, OPTION_SUBJECT);
        CLEANUP(free_cleanup) char *subject = NULL;

        if (!value->count) {
                error_set(err, ERROR_USAGE, "a certificate needs a subject: --subject NAME");
                return error_advise(err, "for example --subject CN=device-1,O=Example");
        }
        if (!fill_subject(value->texts[0], &patterns->facts, &subject, err))
                return error_about(err, "%s", value->where);
        text_assign(&wishes->subject, subject);
        return true;
}

/* Each text of an option in its normal form, once. */
static bool
read_list(const struct options *options, enum option_id id,
          bool (*parse)(const char *text, char **normal, struct error *err), char ***list,
          size_t *count, struct error *err)
{
        const struct option_value *value = option_value(options, id);

        for (size_t i = 0; i < value->count; i++) {
                CLEANUP(free_cleanup) char *normal = NULL;

                if (!parse(value->texts[i], &normal, err))
                        return error_about(err, "--%s %s", option_row(id)->name, value->texts[i]);
                if (!text_list_has(*list, *count, normal))
                        text_list_add(list, count, normal);
        }
        return true;
}

/* A certificate holds an extension once (RFC 5280, 4.2). */
static bool
check_extensions(const struct wishes *wishes, struct error *err)
{
        for (size_t i = 0; i < wishes->extension_count; i++) {
                size_t len = strcspn(wishes->extensions[i], ",:");

                for (size_t j = 0; j < i; j++) {
                        if (strcspn(wishes->extensions[j], ",:") == len &&
                            strncmp(wishes->extensions[i], wishes->extensions[j], len) == 0)
                                return error_set(err, ERROR_USAGE,
                                                 "extension %.*s is asked for twice", (int)len,
                                                 wishes->extensions[i]);
                }
        }
        return true;
}

static bool
read_sans(const struct patterns *patterns, struct wishes *wishes, struct error *err)
{
        const struct option_value *sans = option_value(patterns->options, OPTION_SAN);

        for (size_t i = 0; i < sans->count; i++) {
                CLEANUP(free_cleanup) char *normal = NULL;

                if (!fill_san(sans->texts[i], &patterns->facts, &normal, err))
                        return error_about(err, "--san %s", sans->texts[i]);
                if (!text_list_has(wishes->sans, wishes->san_count, normal))
                        wishes_add_san(wishes, normal);
        }
        return true;
}

static bool
read_extensions(const struct options *options, struct wishes *wishes, struct error *err)
{
        return read_list(options, OPTION_EXTENSION, custom_parse, &wishes->extensions,
                         &wishes->extension_count, err) &&
               check_extensions(wishes, err);
}

static bool
read_usages(const struct options *options, unsigned parts, struct usages *usages, struct error *err)
{
        static const struct {
                enum wish_part part;
                enum option_id id;
                bool (*add)(struct usages *usages, const char *text, struct error *err);
        } kinds[] = {
                { WISH_KEY_USAGE, OPTION_KEY_USAGE, usages_add_key_usage },
                { WISH_EXTENDED, OPTION_EXT_KEY_USAGE, usages_add_extended },
                { WISH_POLICIES, OPTION_POLICY_OID, usages_add_policy },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
                const struct option_value *value = option_value(options, kinds[i].id);

                for (size_t j = 0; j < value->count && parts & kinds[i].part; j++) {
                        if (!kinds[i].add(usages, value->texts[j], err))
                                return error_about(err, "%s", value->where);
                }
        }
        return true;
}

/* The API carries it (order/content.h). */
static bool
read_over_csr(const struct patterns *patterns, struct wishes *wishes, struct error *err)
{
        unsigned over = over_csr(patterns->options);

        wishes_forget(wishes, over);
        wishes->over_csr = over;
        return (!(over & WISH_SUBJECT) || read_subject(patterns, wishes, err)) &&
               (!(over & WISH_SANS) || read_sans(patterns, wishes, err)) &&
               (!(over & WISH_EXTENSIONS) || read_extensions(patterns->options, wishes, err)) &&
               read_usages(patterns->options, over, &wishes->usages, err);
}

static bool
read_csr(const char *path, struct order *order, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        if (!file_read_named(path, CSR_BYTES, &text, err) ||
            !csr_read(view_buf(&text), &order->csr, &order->spki, &order->wishes, err))
                return error_about(err, "--csr %s", path);
        order->wishes.csr_given = true;
        order->wishes.key_type = key_type_of_spki(view_buf(&order->spki));
        return true;
}

static bool
read_hash(const struct options *options, struct wishes *wishes, struct error *err)
{
        const char *hash = option_text(options, OPTION_HASH);

        return !hash || hash_named(hash, &wishes->hash, err) ||
               error_about(err, "%s", option_value(options, OPTION_HASH)->where);
}

/* What the certificate has to be, whoever made the CSR. */
static bool
read_demands(const struct options *options, struct wishes *wishes, struct error *err)
{
        const char *length = option_text(options, OPTION_PATH_LENGTH);

        if (length && (strlen(length) != 1 || *length < '0' || *length > '3')) {
                error_set(err, ERROR_USAGE, "a path length is 0, 1, 2 or 3, not '%s'", length);
                error_about(err, "%s", option_value(options, OPTION_PATH_LENGTH)->where);
                return error_advise(err, "AWS Private CA has no template for others");
        }
        wishes->path_length = length ? 1 + (unsigned)(*length - '0') : 0;
        return read_list(options, OPTION_ALLOW_DIFFERENCE, field_allow_parse, &wishes->allowed,
                         &wishes->allowed_count, err);
}

/* From now on {name} is known, or waits for the token, too. */
static void
use_name(struct patterns *patterns, const struct wishes *wishes, bool waits)
{
        if (waits)
                patterns->facts.later |= FILL_NEEDS_NAME;
        else
                patterns->facts.name = wishes->name;
}

static bool
read_name(struct patterns *patterns, struct wishes *wishes, struct error *err)
{
        bool waits = patterns_wait(patterns, OPTION_NAME);

        if (!option_text(patterns->options, OPTION_NAME))
                return true;
        if (!patterns_text(patterns, OPTION_NAME, FILL_TEXT, &wishes->name, err))
                return false;
        if (!waits && !order_name_check(wishes->name, err))
                return error_about(err, "--name");
        use_name(patterns, wishes, waits);
        return true;
}

/* The common name names the order; as long as that waits for the token, the name is open. */
static bool
name_after_subject(struct patterns *patterns, struct wishes *wishes, struct error *err)
{
        const struct fill_facts nothing = { 0 };
        CLEANUP(free_cleanup) char *subject = NULL;

        if (option_text(patterns->options, OPTION_NAME))
                return true;
        if (!wishes->csr_given && patterns_wait(patterns, OPTION_SUBJECT)) {
                use_name(patterns, wishes, true);
                return true;
        }
        if (wishes->csr_given || !patterns->facts.later)
                subject = text_copy(wishes->subject);
        else if (!fill_text(wishes->subject, FILL_SUBJECT, &nothing, &subject, err))
                return false;
        if (!fill_name(subject, &wishes->name, err))
                return false;
        use_name(patterns, wishes, false);
        return true;
}

static bool
read_content(struct patterns *patterns, struct order *order, struct error *err)
{
        const char *path = option_text(patterns->options, OPTION_CSR);
        struct wishes *wishes = &order->wishes;

        if (!read_name(patterns, wishes, err) ||
            !(path ? read_csr(path, order, err) : read_subject(patterns, wishes, err)) ||
            !name_after_subject(patterns, wishes, err))
                return false;
        if (path)
                return read_over_csr(patterns, wishes, err);
        return read_sans(patterns, wishes, err) &&
               read_extensions(patterns->options, wishes, err) &&
               read_usages(patterns->options, ~0u, &wishes->usages, err) &&
               read_hash(patterns->options, wishes, err);
}

/* -- what is asked of the CA ------------------------------------------------------------------- */

static bool
read_template(const char *given, struct wishes *wishes, struct error *err)
{
        CLEANUP(free_cleanup) char *arn = NULL;

        if (!wishes->ca_arn && !text_starts(given, "arn:")) {
                error_set(err, ERROR_USAGE, "--template by name needs --ca");
                return error_advise(err, "add --ca, or give the template to `submit`");
        }
        if (wishes->ca_arn) {
                if (!template_resolve(given, wishes->ca_arn, &arn, err))
                        return error_about(err, "--template %s", given);
        } else {
                arn = text_copy(given);
        }
        text_assign(&wishes->template_arn, arn);
        return true;
}

/* What an order has recorded gives way to the command line only, not to the configuration. */
static const char *
text_unless(bool recorded, const struct options *options, enum option_id id)
{
        return recorded ? option_line_text(options, id) : option_text(options, id);
}

static bool
read_request(const struct options *options, struct wishes *wishes, struct error *err)
{
        const char *template = text_unless(wishes->template_arn, options, OPTION_TEMPLATE);
        const char *validity =
                text_unless(wishes->validity.type != VALIDITY_NONE, options, OPTION_VALIDITY);
        const char *not_before = option_text(options, OPTION_NOT_BEFORE);
        const char *algorithm =
                text_unless(wishes->signing_algorithm, options, OPTION_SIGNING_ALGORITHM);

        if (template && !read_template(template, wishes, err))
                return false;
        if (validity && !validity_parse(validity, &wishes->validity, err))
                return error_about(err, "%s", option_value(options, OPTION_VALIDITY)->where);
        if (not_before && !clock_parse(not_before, &wishes->not_before)) {
                error_set(err, ERROR_USAGE, "the start of validity is not a time: '%s'",
                          not_before);
                error_about(err, "%s", option_value(options, OPTION_NOT_BEFORE)->where);
                return error_advise(err, "write it as 2026-11-21T21:00:00Z");
        }
        if (algorithm && !pca_signing_algorithm_check(algorithm, err))
                return error_about(err, "%s",
                                   option_value(options, OPTION_SIGNING_ALGORITHM)->where);
        if (algorithm)
                text_assign(&wishes->signing_algorithm, algorithm);
        wishes->prove = wishes->prove || option_flag(options, OPTION_PROVE);
        return true;
}

void
wish_adopt_endpoint(const struct options *options, struct wishes *wishes)
{
        if (!wishes->endpoint)
                text_assign(&wishes->endpoint, option_text(options, OPTION_ENDPOINT_URL));
        if (!wishes->aws_profile)
                text_assign(&wishes->aws_profile, option_text(options, OPTION_PROFILE));
}

bool
wish_amend(const struct options *options, struct wishes *wishes, struct error *err)
{
        CLEANUP(free_cleanup) char *before = text_copy(wishes->ca_arn);

        if (text_unless(before, options, OPTION_CA) && !read_ca(options, false, wishes, err))
                return false;
        if (before && !text_equal(before, wishes->ca_arn)) {
                error_set(err, ERROR_USAGE, "the order was made for another CA: %s", before);
                return error_advise(err, "leave --ca out");
        }
        return read_request(options, wishes, err);
}

/* -- where it goes ------------------------------------------------------------------------------
 */

static bool
read_attributes(const struct option_value *value, struct wishes *wishes, struct error *err)
{
        for (size_t i = 0; i < value->count; i++) {
                const char *text = value->texts[i];
                size_t length = strcspn(text, "=");
                CLEANUP(free_cleanup) char *name = text_copy_length(text, length);

                if (!length || text[length] != '=') {
                        error_set(err, ERROR_USAGE, "'%s' is not KEY=VALUE", text);
                        return error_about(err, "%s", value->where);
                }
                wishes_add_attribute(wishes, name, text + length + 1);
        }
        return true;
}

/* OUT as a pattern for an absolute path, whatever the current folder is called. */
static char *
absolute_pattern(const char *out)
{
        CLEANUP(free_cleanup) char *folder = file_absolute(strpbrk(out, "{}") ? "." : out);
        CLEANUP(free_cleanup) char *quoted = fill_quote(folder);

        if (!strpbrk(out, "{}"))
                return MOVE(quoted);
        return out[0] == '/' ? text_copy(out) : text_format("%s/%s", quoted, out);
}

bool
wish_name_is_open(const struct wishes *wishes)
{
        return !wishes->name || strchr(wishes->name, '{');
}

/* What the order's folder is called below OUT: its name, or a pattern while that is open. */
static const char *
folder_name(const struct wishes *wishes)
{
        return wish_name_is_open(wishes) ? "{name}" : wishes->name;
}

static bool
read_folder(const struct patterns *patterns, struct wishes *wishes, struct error *err)
{
        const struct option_value *value = option_value(patterns->options, OPTION_OUT);
        CLEANUP(free_cleanup) char *out = NULL;

        if (!value->count)
                return true;
        CLEANUP(free_cleanup) char *pattern = absolute_pattern(value->texts[0]);

        if (!fill_text(pattern, FILL_FILE, &patterns->facts, &out, err))
                return error_about(err, "%s", value->where);
        free(wishes->folder);
        wishes->folder = text_format("%s/%s", out, folder_name(wishes));
        return true;
}

static bool
read_notes(const struct patterns *patterns, struct wishes *wishes, struct error *err)
{
        /* A key that exists has its label. */
        bool makes_key = !wishes->key_uri && !wishes->csr_given;

        return (!makes_key ||
                patterns_text(patterns, OPTION_LABEL, FILL_TEXT, &wishes->label, err)) &&
               (!wishes->label || patterns_wait(patterns, OPTION_LABEL) ||
                order_label_check(wishes->label, err)) &&
               read_folder(patterns, wishes, err) &&
               patterns_text(patterns, OPTION_HOLDER, FILL_TEXT, &wishes->holder, err) &&
               patterns_text(patterns, OPTION_PLACE, FILL_TEXT, &wishes->place, err);
}

/* -- all of it ----------------------------------------------------------------------------------
 */

bool
wish_read_row(const struct options *options, bool needs_ca, int64_t row, struct order *order,
              struct error *err)
{
        struct wishes *wishes = &order->wishes;
        struct patterns patterns;

        if (!check_combination(options, err) || !read_ca(options, needs_ca, wishes, err) ||
            !wish_read_token(options, wishes, err) || !read_key(options, wishes, err) ||
            !read_attributes(option_value(options, OPTION_ATTRIBUTE), wishes, err) ||
            !patterns_begin(&patterns, options, order, row, err) ||
            !read_content(&patterns, order, err) || !read_demands(options, wishes, err) ||
            !read_request(options, wishes, err) || !delivery_read(options, wishes, err) ||
            !read_notes(&patterns, wishes, err))
                return false;
        wishes->unfilled = patterns.facts.later != 0;
        /* Repeated on another day, the order still has the date it began with. */
        if (patterns.needs & FILL_NEEDS_TIME)
                order->created_at = patterns.facts.now;
        return true;
}

bool
wish_read(const struct options *options, bool needs_ca, struct order *order, struct error *err)
{
        return wish_read_row(options, needs_ca, 0, order, err);
}

static void
note_default(struct buf *used, const char *what, const char *value)
{
        buf_format(used, "%s%s %s", used->len ? ", " : "", what, value);
}

const char *
wish_template_name(const char *template_arn)
{
        const char *slash = strchr(template_arn, '/');

        return slash ? slash + 1 : template_arn;
}

/* STATE/certificates/NAME; a pattern as the other texts are while they wait. */
static char *
default_folder(const struct wishes *wishes, const char *state)
{
        CLEANUP(free_cleanup)
        char *above = wishes->unfilled ? fill_quote(state) : text_copy(state);

        return text_format("%s/certificates/%s", above, folder_name(wishes));
}

bool
wish_default(struct wishes *wishes, const char *state, struct buf *used, struct error *err)
{
        if (!wishes->template_arn && wishes->ca_arn) {
                if (!read_template("EndEntityCertificate/V1", wishes, err))
                        return false;
                note_default(used, "template", wish_template_name(wishes->template_arn));
        }
        if (wishes->key_type == KEY_NONE && !wishes->key_uri && !wishes->csr_given) {
                wishes->key_type = KEY_EC_P256;
                note_default(used, "key", key_type_name(wishes->key_type));
        }
        if (wishes->validity.type == VALIDITY_NONE)
                note_default(used, "validity", "365d (6d on a short-lived CA)");
        if (!wishes->stores) {
                bool token = wishes->token_uri || wishes->key_uri;

                wishes->stores = STORE_FILES | (token ? STORE_TOKEN : 0);
                note_default(used, "delivered to", token ? "token and files" : "files");
        }
        wishes->formats |= FORMAT_PEM;
        if (!wishes->folder) {
                wishes->folder = default_folder(wishes, state);
                if (wishes->stores & STORE_FILES)
                        note_default(used, "folder", wishes->folder);
        }
        return true;
}

/* -- recorded options -----------------------------------------------------------------------------
 */

/* Before it is quoted or kept: there may be a PIN in it. */
static bool
check_token_uri(const char *text, const char *where, struct error *err)
{
        CLEANUP(uri_cleanup) struct uri *uri = uri_parse(text, err);

        return uri || error_about(err, "%s", where);
}

bool
wish_check_recorded(const struct options *options, bool override, struct wishes *recorded,
                    struct error *err)
{
        CLEANUP(free_cleanup) char *module = NULL;
        const struct {
                enum option_id id;
                char **slot;
        } kept[] = {
                { OPTION_MODULE, &recorded->module },
                { OPTION_TOKEN, &recorded->token_uri },
                { OPTION_ENDPOINT_URL, &recorded->endpoint },
                { OPTION_PROFILE, &recorded->aws_profile },
                { OPTION_REGION, &recorded->region },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(kept); i++) {
                const struct option_value *value = option_value(options, kept[i].id);
                const char *now = value->count ? value->texts[0] : NULL;

                if (!now || value->origin != ORIGIN_LINE)
                        continue;
                if (kept[i].id == OPTION_MODULE && strchr(now, '/') && file_exists(now))
                        now = module = file_absolute(now);
                if (kept[i].id == OPTION_TOKEN && !check_token_uri(now, value->where, err))
                        return false;
                if (text_equal(now, *kept[i].slot))
                        continue;
                if (override) {
                        text_assign(kept[i].slot, now);
                        continue;
                }
                error_set(err, ERROR_ORDER_DIFFERS, "%s is %s, but the order was made with %s",
                          value->where, now, *kept[i].slot ? *kept[i].slot : "none");
                return error_advise(err, "leave it out, or go on with --override");
        }
        return true;
}
