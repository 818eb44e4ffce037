#include "order/content.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "base/decoded.h"
#include "order/oid.h"
#include "order/passthrough.h"
#include "order/text_list.h"

static const char crl_points[] = "2.5.29.31";

const char *
source_name(enum source source)
{
        static const char *const names[] = {
                [SOURCE_TEMPLATE] = "template", [SOURCE_CSR] = "CSR", [SOURCE_API] = "API",
                [SOURCE_REQUEST] = "request",   [SOURCE_CA] = "CA",
        };

        return names[source];
}

/* -- which way ------------------------------------------------------------------------------ */

static bool
is_wished(const struct wishes *wishes, enum wish_part part)
{
        switch (part) {
        case WISH_SUBJECT:
                return wishes->subject && *wishes->subject;
        case WISH_SANS:
                return wishes->san_count > 0;
        case WISH_KEY_USAGE:
                return wishes->usages.key_usage != 0;
        case WISH_EXTENDED:
                return wishes->usages.extended_count > 0;
        case WISH_POLICIES:
                return wishes->usages.policy_count > 0;
        case WISH_EXTENSIONS:
                return wishes->extension_count > 0;
        }
        return false;
}

bool
wish_is_ours(const struct wishes *wishes, enum wish_part part)
{
        return !wishes->csr_given || (wishes->over_csr & part) != 0;
}

bool
wish_goes_by_api(const struct wishes *wishes, const struct template_facts *facts,
                 enum wish_part part)
{
        bool named = part == WISH_SUBJECT || part == WISH_SANS;

        if (!is_wished(wishes, part))
                return false;
        if (wishes->csr_given)
                return (wishes->over_csr & part) != 0 && (!facts || facts->api_passthrough);
        return facts && facts->api_passthrough && !facts->csr_passthrough && !named;
}

bool
wishes_need_api(const struct wishes *wishes, const struct template_facts *facts)
{
        for (unsigned part = WISH_SUBJECT; part <= WISH_EXTENSIONS; part <<= 1) {
                if (wish_goes_by_api(wishes, facts, (enum wish_part)part))
                        return true;
        }
        return false;
}

/* -- what the request says ------------------------------------------------------------------ */

void
request_of_wishes(const struct wishes *wishes, struct extensions *out)
{
        *out = (struct extensions){ .path_length = -1 };
        usages_copy(&out->usages, &wishes->usages);
        text_list_copy(&out->sans, &out->san_count, wishes->sans, wishes->san_count);
        text_list_copy(&out->others, &out->other_count, wishes->extensions,
                       wishes->extension_count);
}

void
request_content(const struct wishes *wishes, struct view csr, struct extensions *out)
{
        X509_REQ *request = decoded_request(csr);

        if (!request) {
                request_of_wishes(wishes, out);
                return;
        }
        STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(request);

        extensions_read(list, out);
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
}

char *
extension_oid(const char *normal)
{
        return text_copy_length(normal, strcspn(normal, ",:"));
}

bool
extension_is_never_passed(const char *oid)
{
        static const char *const never[] = { "2.5.29.19", "2.5.29.14", "2.5.29.35" };

        for (size_t i = 0; i < ARRAY_LENGTH(never); i++) {
                if (strcmp(never[i], oid) == 0)
                        return true;
        }
        return false;
}

/* -- what comes of it ----------------------------------------------------------------------- */

void
content_clear(struct content *content)
{
        usages_clear(&content->usages);
        text_list_free(content->extensions, content->extension_count);
        *content = (struct content){ 0 };
}

/* One part on its way: what the API and the CSR give, where the template takes it. */
struct offer {
        bool api;
        bool csr;
};

static struct offer
offer_of(const struct wishes *wishes, const struct template_facts *facts, enum wish_part part,
         bool in_csr)
{
        return (struct offer){
                .api = facts->api_passthrough && wish_goes_by_api(wishes, facts, part),
                .csr = facts->csr_passthrough && in_csr,
        };
}

static void
make_key_usage(const struct wishes *wishes, const struct template_facts *facts,
               const struct extensions *csr, struct content *out)
{
        struct offer offer = offer_of(wishes, facts, WISH_KEY_USAGE, csr->usages.key_usage != 0);

        out->key_usage_from = facts->key_usage ? SOURCE_TEMPLATE
                              : offer.api      ? SOURCE_API
                                               : SOURCE_CSR;
        if (facts->key_usage)
                out->usages.key_usage = facts->key_usage;
        else if (offer.api)
                out->usages.key_usage = wishes->usages.key_usage;
        else if (offer.csr)
                out->usages.key_usage = csr->usages.key_usage;
}

static void
make_extended(const struct wishes *wishes, const struct template_facts *facts,
              const struct extensions *csr, struct content *out)
{
        struct offer offer = offer_of(wishes, facts, WISH_EXTENDED, csr->usages.extended_count > 0);
        const struct usages *from = offer.api ? &wishes->usages : &csr->usages;
        char ***list = &out->usages.extended;
        size_t *count = &out->usages.extended_count;

        out->extended_from = facts->extended[0] ? SOURCE_TEMPLATE
                             : offer.api        ? SOURCE_API
                                                : SOURCE_CSR;
        for (size_t i = 0; i < ARRAY_LENGTH(facts->extended) && facts->extended[i]; i++)
                text_list_add(list, count, facts->extended[i]);
        if (!facts->extended[0] && (offer.api || offer.csr))
                text_list_copy(list, count, from->extended, from->extended_count);
}

static void
make_policies(const struct wishes *wishes, const struct template_facts *facts,
              const struct extensions *csr, struct content *out)
{
        struct offer offer = offer_of(wishes, facts, WISH_POLICIES, csr->usages.policy_count > 0);
        const struct usages *from = offer.api ? &wishes->usages : &csr->usages;

        out->policies_from = offer.api ? SOURCE_API : SOURCE_CSR;
        if (offer.api || offer.csr)
                text_list_copy(&out->usages.policies, &out->usages.policy_count, from->policies,
                               from->policy_count);
}

static bool
has_extension(const struct content *content, const char *oid)
{
        for (size_t i = 0; i < content->extension_count; i++) {
                CLEANUP(free_cleanup) char *other = extension_oid(content->extensions[i]);

                if (strcmp(other, oid) == 0)
                        return true;
        }
        return false;
}

/*
 * The CA's own CRL distribution points win; it writes none into a root.  Else they pass as any
 * extension does: the guide's table names the API for two templates only, but its samples (mDL
 * document signer, IACA root) pass them through the API with others, and so says the API reference
 * (CrlDistributionPointExtensionConfiguration).
 */
static bool
takes_extension(const struct template_facts *facts, const struct issuer_facts *issuer,
                const char *oid)
{
        if (strcmp(oid, crl_points) == 0 && issuer && issuer->crl_enabled && !facts->is_root)
                return false;
        return !extension_is_never_passed(oid);
}

static void
add_extensions(const struct template_facts *facts, const struct issuer_facts *issuer,
               char *const *list, size_t count, bool from_api, struct content *out)
{
        for (size_t i = 0; i < count; i++) {
                CLEANUP(free_cleanup) char *oid = extension_oid(list[i]);

                if (!takes_extension(facts, issuer, oid) || has_extension(out, oid))
                        continue;
                text_list_add(&out->extensions, &out->extension_count, list[i]);
                out->from_csr += !from_api;
        }
}

void
content_make(const struct wishes *wishes, const struct template_facts *facts,
             const struct extensions *csr, const struct issuer_facts *issuer, struct content *out)
{
        *out = (struct content){
                .subject_from =
                        wish_goes_by_api(wishes, facts, WISH_SUBJECT) ? SOURCE_API : SOURCE_CSR,
                .sans_from = wish_goes_by_api(wishes, facts, WISH_SANS) ? SOURCE_API : SOURCE_CSR,
        };
        if (!facts)
                return;
        struct offer offer = offer_of(wishes, facts, WISH_EXTENSIONS, true);

        make_key_usage(wishes, facts, csr, out);
        make_extended(wishes, facts, csr, out);
        make_policies(wishes, facts, csr, out);
        if (offer.api)
                add_extensions(facts, issuer, wishes->extensions, wishes->extension_count, true,
                               out);
        if (offer.csr)
                add_extensions(facts, issuer, csr->others, csr->other_count, false, out);
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
carries_names(const struct wishes *wishes, const struct content *content)
{
        return (!(wishes->over_csr & WISH_SUBJECT) || content->subject_from == SOURCE_API) &&
               (!(wishes->over_csr & WISH_SANS) || content->sans_from == SOURCE_API);
}

bool
content_carries(const struct wishes *wishes, const struct template_facts *facts,
                const struct content *content)
{
        const struct usages *wished = &wishes->usages;
        const struct usages *got = &content->usages;
        unsigned length = wishes->path_length;

        if (length && (!facts->is_ca || facts->path_length != (int)length - 1))
                return false;
        if (wish_is_ours(wishes, WISH_KEY_USAGE) && wished->key_usage & ~got->key_usage)
                return false;
        if (wish_is_ours(wishes, WISH_EXTENDED) &&
            !is_subset(wished->extended, wished->extended_count, got->extended,
                       got->extended_count))
                return false;
        if (wish_is_ours(wishes, WISH_POLICIES) &&
            !is_subset(wished->policies, wished->policy_count, got->policies, got->policy_count))
                return false;
        if (wish_is_ours(wishes, WISH_EXTENSIONS) &&
            !is_subset(wishes->extensions, wishes->extension_count, content->extensions,
                       content->extension_count))
                return false;
        return carries_names(wishes, content);
}

/* What counts against a template: a purpose more or less, what it passes on, a key usage. */
enum {
        OTHER_PURPOSE = 10000,
        NOT_SHARED = 1000, /* of another account's CA: what its owner has to write a share for */
        PASSING_CSR = 100,
        PASSING_API = 150,
        OTHER_KEY_USAGE = 1
};

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

static bool
is_of_the_kind(const struct wishes *wishes, const struct template_facts *facts,
               const struct template_facts *at_hand)
{
        if (wishes->path_length)
                return facts->is_ca && facts->path_length == (int)wishes->path_length - 1 &&
                       facts->is_root == (at_hand->is_root && at_hand->is_ca);
        return facts->is_ca == at_hand->is_ca && facts->is_root == at_hand->is_root &&
               facts->path_length == at_hand->path_length;
}

/* What a CA does with its key (RFC 5280, 4.2.1.3). */
enum { CA_USAGES = USAGE_DIGITAL_SIGNATURE | USAGE_KEY_CERT_SIGN | USAGE_CRL_SIGN };

/* The usages to come near to. */
static void
make_target(const struct wishes *wishes, const struct template_facts *at_hand,
            const struct extensions *csr, struct usages *out)
{
        const struct usages *wished = &wishes->usages;
        struct content here;

        content_make(wishes, at_hand, csr, NULL, &here);
        usages_copy(out, wished->extended_count || wishes->path_length ? wished : &here.usages);
        out->key_usage = wished->key_usage     ? wished->key_usage
                         : wishes->path_length ? CA_USAGES
                                               : here.usages.key_usage;
        content_clear(&here);
}

const struct template_facts *
content_smallest(const struct wishes *wishes, const struct template_facts *at_hand,
                 const struct extensions *csr, const struct issuer_facts *issuer)
{
        const struct template_facts *best = NULL;
        bool shared = issuer && issuer->shared;
        unsigned least = 0;
        struct usages target = { 0 };

        make_target(wishes, at_hand, csr, &target);
        for (size_t i = 0; template_at(i); i++) {
                const struct template_facts *facts = template_at(i);
                struct error ignored = { 0 };
                struct content content;

                if (!is_of_the_kind(wishes, facts, at_hand) ||
                    !passthrough_check(wishes, facts, &ignored))
                        continue;
                content_make(wishes, facts, csr, issuer, &content);
                unsigned rank = distance(&content.usages, &target) +
                                (facts->csr_passthrough ? PASSING_CSR : 0) +
                                (facts->api_passthrough ? PASSING_API : 0) +
                                (shared && facts->share == SHARE_BY_CUSTOMER ? NOT_SHARED : 0);

                if (content_carries(wishes, facts, &content) && (!best || rank < least)) {
                        best = facts;
                        least = rank;
                }
                content_clear(&content);
        }
        usages_clear(&target);
        return best;
}
