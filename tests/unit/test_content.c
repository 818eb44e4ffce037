#include "order/content.h"
#include "order/lint.h"
#include "order/passthrough.h"
#include "order/text_list.h"
#include "tests/unit/unit.h"

#define ARN(name) "arn:aws:acm-pca:::template/" name "/V1"
#define POLICY "1.3.6.1.4.1.99999.2,cps=https://pki.example/cps"
#define EXTENSION "1.3.6.1.4.1.99999.3:0500"
#define CRL_POINTS "2.5.29.31:3000"

static void
wishes_cleanup(struct wishes *wishes)
{
        wishes_clear(wishes);
}

static void
wish_all(struct wishes *wishes)
{
        struct error err = { 0 };

        text_assign(&wishes->subject, "CN=device-1,O=Example");
        wishes_add_san(wishes, "dns:device-1.example");
        assert_done(usages_add_key_usage(&wishes->usages, "keyAgreement", &err), err);
        assert_done(usages_add_extended(&wishes->usages, "emailProtection", &err), err);
        assert_done(usages_add_policy(&wishes->usages, POLICY, &err), err);
        text_list_add(&wishes->extensions, &wishes->extension_count, EXTENSION);
}

static void
make(const struct wishes *wishes, const char *template, const struct issuer_facts *issuer,
     struct content *out)
{
        struct extensions csr;

        request_of_wishes(wishes, &csr);
        content_make(wishes, template_find(template), &csr, issuer, out);
        extensions_clear(&csr);
}

/* -- which way -------------------------------------------------------------------------------- */

static void
the_csr_carries_what_it_can_and_the_api_the_rest(void **state)
{
        static const struct {
                const char *template; /* NULL: not known */
                unsigned by_api;
        } cases[] = {
                { NULL, 0 },
                { "EndEntityCertificate", 0 },
                { "BlankEndEntityCertificate_CSRPassthrough", 0 },
                { "BlankEndEntityCertificate_APICSRPassthrough", 0 },
                { "BlankEndEntityCertificate_APIPassthrough",
                  WISH_KEY_USAGE | WISH_EXTENDED | WISH_POLICIES | WISH_EXTENSIONS },
        };
        CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };

        (void)state;
        wish_all(&wishes);
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                const struct template_facts *facts =
                        cases[i].template ? template_find(cases[i].template) : NULL;

                for (unsigned part = WISH_SUBJECT; part <= WISH_EXTENSIONS; part <<= 1)
                        assert_int_equal(wish_goes_by_api(&wishes, facts, (enum wish_part)part),
                                         (cases[i].by_api & part) != 0);
                assert_int_equal(wishes_need_api(&wishes, facts), cases[i].by_api != 0);
        }
}

static void
what_is_asked_for_over_a_csr_goes_through_the_api(void **state)
{
        static const char *const reading[] = { "EndEntityCertificate_APIPassthrough",
                                               "EndEntityCertificate_APICSRPassthrough", NULL };
        CLEANUP(wishes_cleanup) struct wishes wishes = { .csr_given = true };

        (void)state;
        wish_all(&wishes);
        wishes.over_csr = WISH_SUBJECT | WISH_SANS | WISH_POLICIES;
        for (size_t i = 0; i < ARRAY_LENGTH(reading); i++) {
                const struct template_facts *facts = reading[i] ? template_find(reading[i]) : NULL;

                for (unsigned part = WISH_SUBJECT; part <= WISH_EXTENSIONS; part <<= 1)
                        assert_int_equal(wish_goes_by_api(&wishes, facts, (enum wish_part)part),
                                         (wishes.over_csr & part) != 0);
        }
        assert_false(wishes_need_api(&wishes, template_find("EndEntityCertificate")));
        assert_true(wish_is_ours(&wishes, WISH_POLICIES));
        assert_false(wish_is_ours(&wishes, WISH_KEY_USAGE));
}

/* -- what comes of it ------------------------------------------------------------------------- */

/* Every template, held against what its name says. */
static void
of_each_part_the_template_wins_then_the_api_then_the_csr(void **state)
{
        CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };

        (void)state;
        wish_all(&wishes);
        for (size_t i = 0; template_at(i); i++) {
                const struct template_facts *facts = template_at(i);
                bool passes = strstr(facts->name, "Passthrough") != NULL;
                enum source from = strstr(facts->name, "_APIPassthrough") ? SOURCE_API : SOURCE_CSR;
                struct content content;

                make(&wishes, facts->name, NULL, &content);
                if (facts->key_usage) {
                        assert_int_equal(content.usages.key_usage, facts->key_usage);
                        assert_int_equal(content.key_usage_from, SOURCE_TEMPLATE);
                } else {
                        assert_int_equal(content.usages.key_usage, USAGE_KEY_AGREEMENT);
                        assert_int_equal(content.key_usage_from, from);
                }
                if (!facts->extended[0])
                        assert_int_equal(content.usages.extended_count, passes);
                else
                        assert_string_equal(content.usages.extended[0], facts->extended[0]);
                assert_int_equal(content.usages.policy_count, passes);
                assert_int_equal(content.extension_count, passes);
                assert_int_equal(content.subject_from, SOURCE_CSR);
                content_clear(&content);
        }
}

/* APICSRPassthrough with a CSR of somebody else and wishes over it. */
static void
what_the_api_says_beats_the_csr_part_by_part(void **state)
{
        CLEANUP(wishes_cleanup)
        struct wishes wishes = { .csr_given = true, .over_csr = WISH_POLICIES | WISH_EXTENSIONS };
        struct extensions csr = { .path_length = -1 };
        struct error err = { 0 };
        struct content content;

        (void)state;
        wish_all(&wishes);
        csr.usages.key_usage = USAGE_DIGITAL_SIGNATURE;
        assert_done(usages_add_policy(&csr.usages, "1.2.3", &err), err);
        text_list_add(&csr.others, &csr.other_count, "1.3.6.1.4.1.99999.3:0400");
        text_list_add(&csr.others, &csr.other_count, "1.3.6.1.4.1.99999.4:0400");
        content_make(&wishes, template_find("BlankEndEntityCertificate_APICSRPassthrough"), &csr,
                     NULL, &content);
        assert_int_equal(content.usages.key_usage, USAGE_DIGITAL_SIGNATURE);
        assert_int_equal(content.usages.policy_count, 1);
        assert_string_equal(content.usages.policies[0], POLICY);
        assert_int_equal(content.extension_count, 2);
        assert_string_equal(content.extensions[0], EXTENSION);
        assert_string_equal(content.extensions[1], "1.3.6.1.4.1.99999.4:0400");
        assert_int_equal(content.from_csr, 1);
        content_clear(&content);
        extensions_clear(&csr);
}

static void
crl_distribution_points_are_the_ca_s_first_but_in_a_root(void **state)
{
        static const struct issuer_facts with_crl = { .described = true, .crl_enabled = true };
        static const struct issuer_facts without = { .described = true };
        static const struct {
                const char *template;
                const struct issuer_facts *issuer;
                bool passes;
        } cases[] = {
                { "EndEntityCertificate", &without, false },
                { "EndEntityCertificate_CSRPassthrough", &without, true },
                { "EndEntityCertificate_CSRPassthrough", &with_crl, false },
                { "BlankEndEntityCertificate_APIPassthrough", &without, true },
                { "BlankRootCACertificate_PathLen0_APIPassthrough", &with_crl, true },
                { "BlankEndEntityCertificate_CriticalBasicConstraints_APIPassthrough", &without,
                  true },
                { "BlankEndEntityCertificate_CriticalBasicConstraints_APIPassthrough", &with_crl,
                  false },
        };
        CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };

        (void)state;
        text_list_add(&wishes.extensions, &wishes.extension_count, CRL_POINTS);
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct content content;

                make(&wishes, cases[i].template, cases[i].issuer, &content);
                assert_int_equal(content.extension_count, cases[i].passes);
                content_clear(&content);
        }
}

/* -- the smallest template ----------------------------------------------------------------------
 */

static unsigned
passing(const struct template_facts *facts)
{
        return facts->csr_passthrough + 2u * facts->api_passthrough;
}

/* Purposes that were not wished for. */
static size_t
surplus(const struct wishes *wishes, const struct content *content)
{
        size_t count = 0;

        for (size_t i = 0; i < content->usages.extended_count; i++)
                count += !text_list_has(wishes->usages.extended, wishes->usages.extended_count,
                                        content->usages.extended[i]);
        return count;
}

/* Does no other template of the kind carry the wishes with less of both? */
static void
check_smallest(const struct wishes *wishes, const struct template_facts *at_hand,
               const struct template_facts *named)
{
        struct content best;

        make(wishes, named->name, NULL, &best);
        assert_true(content_carries(wishes, named, &best));
        for (size_t i = 0; template_at(i); i++) {
                const struct template_facts *other = template_at(i);
                struct content content;

                make(wishes, other->name, NULL, &content);
                if (content_carries(wishes, other, &content) && other->is_ca == named->is_ca &&
                    other->is_root == named->is_root && other->path_length == named->path_length &&
                    passing(other) < passing(named) &&
                    (wishes->usages.extended_count == 0 || surplus(wishes, &content) == 0) &&
                    surplus(wishes, &content) <= surplus(wishes, &best) &&
                    (wishes->usages.extended_count ||
                     text_list_same(content.usages.extended, content.usages.extended_count,
                                    best.usages.extended, best.usages.extended_count)))
                        fail_msg("%s, at hand %s: %s would be smaller", named->name, at_hand->name,
                                 other->name);
                content_clear(&content);
        }
        content_clear(&best);
}

/* All 2^9 combinations of these wishes, from a template of each kind. */
static void
the_template_that_is_named_carries_every_wish_and_none_is_smaller(void **state)
{
        static const char *const extended[] = { "serverAuth", "clientAuth", "codeSigning",
                                                "OCSPSigning", "emailProtection" };
        static const char *const at_hand[] = {
                "end-entity",    "client",
                "code-signing",  "BlankEndEntityCertificate_APIPassthrough",
                "subordinate-1", "BlankRootCACertificate_APIPassthrough"
        };
        size_t named = 0;

        (void)state;
        for (unsigned bits = 0; bits < 1u << 9; bits++) {
                CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };
                struct extensions csr;
                struct error err = { 0 };

                for (size_t i = 0; i < ARRAY_LENGTH(extended); i++) {
                        if (bits & 1u << i)
                                assert_done(usages_add_extended(&wishes.usages, extended[i], &err),
                                            err);
                }
                if (bits & 1u << 5)
                        wishes.usages.key_usage |= USAGE_DIGITAL_SIGNATURE;
                if (bits & 1u << 6)
                        wishes.usages.key_usage |= USAGE_NON_REPUDIATION;
                if (bits & 1u << 7)
                        assert_done(usages_add_policy(&wishes.usages, POLICY, &err), err);
                if (bits & 1u << 8)
                        text_list_add(&wishes.extensions, &wishes.extension_count, EXTENSION);
                request_of_wishes(&wishes, &csr);
                for (size_t t = 0; t < ARRAY_LENGTH(at_hand); t++) {
                        const struct template_facts *here = template_find(at_hand[t]);
                        const struct template_facts *best =
                                content_smallest(&wishes, here, &csr, NULL);

                        assert_non_null(best);
                        check_smallest(&wishes, here, best);
                        named++;
                }
                extensions_clear(&csr);
        }
        assert_int_equal(named, (1u << 9) * ARRAY_LENGTH(at_hand));
}

/* Of a shared CA, a template that AWS keeps a permission for beats one that its owner writes. */
static void
a_shared_ca_leads_to_a_template_that_a_share_covers(void **state)
{
        static const struct issuer_facts shared = { .shared = true, .described = true };
        const struct template_facts *here = template_find("EndEntityCertificate");
        CLEANUP(wishes_cleanup) struct wishes wishes = { 0 };
        struct extensions csr;
        struct error err = { 0 };

        (void)state;
        assert_done(usages_add_extended(&wishes.usages, "emailProtection", &err), err);
        request_of_wishes(&wishes, &csr);
        assert_string_equal(content_smallest(&wishes, here, &csr, NULL)->name,
                            "BlankEndEntityCertificate_CSRPassthrough");
        assert_string_equal(content_smallest(&wishes, here, &csr, &shared)->name,
                            "BlankEndEntityCertificate_APIPassthrough");
        extensions_clear(&csr);
}

static void
a_wished_path_length_leads_to_its_template(void **state)
{
        (void)state;
        for (unsigned length = 0; length < 4; length++) {
                CLEANUP(wishes_cleanup) struct wishes wishes = { .path_length = length + 1 };
                CLEANUP(free_cleanup)
                char *base = text_format("SubordinateCACertificate_PathLen%u", length);
                CLEANUP(free_cleanup)
                char *passing_on =
                        text_format("SubordinateCACertificate_PathLen%u_CSRPassthrough", length);
                const struct template_facts *leaf = template_find("EndEntityCertificate");
                struct extensions csr;

                request_of_wishes(&wishes, &csr);
                assert_string_equal(content_smallest(&wishes, leaf, &csr, NULL)->name, base);
                extensions_clear(&csr);
                text_list_add(&wishes.extensions, &wishes.extension_count, EXTENSION);
                request_of_wishes(&wishes, &csr);
                assert_string_equal(content_smallest(&wishes, leaf, &csr, NULL)->name, passing_on);
                extensions_clear(&csr);
        }
}

/* -- the limits of the API ------------------------------------------------------------------------
 */

static char *
repeated(const char *prefix, char c, size_t count)
{
        struct buf text = { 0 };

        buf_add_text(&text, prefix);
        for (size_t i = 0; i < count; i++)
                buf_add_byte(&text, (uint8_t)c);
        return (char *)text.data;
}

static bool
fits(const struct wishes *wishes, struct error *err)
{
        return passthrough_check(wishes, template_find("BlankEndEntityCertificate_APIPassthrough"),
                                 err);
}

static void
what_the_api_cannot_say_is_refused_with_its_limit(void **state)
{
        static const struct {
                const char *subject;
                const char *san;
                const char *extended;
                const char *policy;
                const char *rule;
        } cases[] = {
                { "CN=a+O=b", NULL, NULL, NULL, "several attributes" },
                { "2.999.1=#0c0161", NULL, NULL, NULL, "39 at most" },
                { "CN=a,1.2.3=#03020001", NULL, NULL, NULL, "no text" },
                { NULL, "krb5:a@R", NULL, NULL, "no form" },
                { NULL, "othername:1.2.3;DER:0500", NULL, NULL, "text (UTF8) only" },
                { NULL, "othername:2.999;UTF8:a", NULL, NULL, "39 at most" },
                { NULL, "rid:2.40.1", NULL, NULL, "39 at most" },
                { NULL, "dirname:CN=a+O=b", NULL, NULL, "several attributes" },
                { NULL, NULL, "2.999.1", NULL, "39 at most" },
                { NULL, NULL, NULL, "2.999.1", "39 at most" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(wishes_cleanup)
                struct wishes wishes = { .csr_given = true, .over_csr = ~0u };
                struct error err = { 0 };

                text_assign(&wishes.subject, cases[i].subject);
                if (cases[i].san)
                        wishes_add_san(&wishes, cases[i].san);
                if (cases[i].extended)
                        assert_done(usages_add_extended(&wishes.usages, cases[i].extended, &err),
                                    err);
                if (cases[i].policy)
                        assert_done(usages_add_policy(&wishes.usages, cases[i].policy, &err), err);
                assert_refused(fits(&wishes, &err), err, ERROR_USAGE);
                if (!strstr(err.what, cases[i].rule))
                        fail_msg("case %zu: %s", i, err.what);
                assert_non_null(strstr(err.next, "CSRPassthrough"));
        }
}

static void
the_lengths_and_counts_of_the_api_are_held_to_the_last_one(void **state)
{
        CLEANUP(wishes_cleanup) struct wishes wishes = { .csr_given = true, .over_csr = ~0u };
        CLEANUP(free_cleanup) char *uri = repeated("uri:https://a.example/", 'a', 253 - 18);
        CLEANUP(free_cleanup) char *long_uri = repeated("uri:https://a.example/", 'a', 254 - 18);
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < 150; i++) {
                CLEANUP(free_cleanup) char *san = text_format("dns:d%zu.example", i);

                wishes_add_san(&wishes, san);
        }
        assert_done(fits(&wishes, &err), err);
        wishes_add_san(&wishes, "dns:one.more");
        assert_refused(fits(&wishes, &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.what, "151 alternative names"));
        wishes_forget(&wishes, WISH_SANS);
        wishes_add_san(&wishes, uri);
        assert_done(fits(&wishes, &err), err);
        wishes_add_san(&wishes, long_uri);
        assert_refused(fits(&wishes, &err), err, ERROR_USAGE);
        wishes_forget(&wishes, WISH_SANS);
        /* 3,072 bytes are 4,096 characters of base64. */
        for (size_t extra = 0; extra < 2; extra++) {
                struct buf text = { 0 };

                buf_format(&text, "1.2.3:0482%04zx", 3068 + extra);
                for (size_t i = 0; i < 3068 + extra; i++)
                        buf_add_text(&text, "00");
                wishes_forget(&wishes, WISH_EXTENSIONS);
                text_list_add(&wishes.extensions, &wishes.extension_count, buf_text(&text));
                assert_int_equal(fits(&wishes, &err), extra == 0);
                buf_clear(&text);
        }
}

static void
a_name_takes_the_standard_members_where_they_say_it_and_custom_ones_else(void **state)
{
        static const struct {
                const char *subject;
                bool standard;
        } cases[] = {
                { "CN=device-1,OU=a,O=b,L=c,ST=d,C=DE", true },
                { "CN=a,serialNumber=0A,dnQualifier=x,title=t,SN=s,givenName=g,initials=i,"
                  "pseudonym=p,generationQualifier=III",
                  true },
                { "CN=a,OU=b,OU=c", false },
                { "CN=a,DC=example", false },
                { "CN=a,1.3.6.1.4.1.37244.2.1=#0c0446464631", false },
                { "givenName=abcdefghijklmnop", true },
                { "givenName=abcdefghijklmnopq", false },
                { "generationQualifier=IIII", false },
                { "serialNumber=a:b/c", true },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct passthrough_name name = { 0 };
                struct error err = { 0 };

                assert_done(passthrough_name_read(cases[i].subject, &name, &err), err);
                if (name.standard != cases[i].standard)
                        fail_msg("%s", cases[i].subject);
                passthrough_name_clear(&name);
        }
}

/* -- lint ------------------------------------------------------------------------------------- */

static void
a_request_is_refused_above_32_kib_and_not_below(void **state)
{
        static const struct {
                unsigned names;
                bool good;
        } cases[] = { { 1, true }, { 500, true }, { 1000, true }, { 1300, false } };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(wishes_cleanup) struct wishes wishes = { .key_type = KEY_EC_P256 };
                struct error err = { 0 };

                text_assign(&wishes.subject, "CN=device-1");
                for (unsigned n = 0; n < cases[i].names; n++) {
                        CLEANUP(free_cleanup)
                        char *san = text_format("dns:n%04u.device.example", n);

                        wishes_add_san(&wishes, san);
                }
                assert_int_equal(lint_wishes(&wishes, template_find("EndEntityCertificate"),
                                             view_text(NULL), &err),
                                 cases[i].good);
                if (!cases[i].good)
                        assert_non_null(strstr(err.what, "32768"));
        }
}

static bool
warns(const struct wishes *wishes, const char *template, const char *ca_key, const char *words)
{
        const struct issuer_facts issuer = { .described = true, .key_algorithm = ca_key };
        char **warnings = NULL;
        size_t count = 0;
        bool found = false;

        lint_warnings(wishes, template_find(template), view_text(NULL), &issuer, &warnings, &count);
        for (size_t i = 0; i < count; i++)
                found = found || strstr(warnings[i], words);
        text_list_free(warnings, count);
        return found;
}

static void
what_is_legal_and_hardly_meant_is_warned_of(void **state)
{
        CLEANUP(wishes_cleanup) struct wishes wishes = { .key_type = KEY_EC_P384 };
        struct error err = { 0 };

        (void)state;
        assert_true(warns(&wishes, "EndEntityCertificate", "EC_prime256v1", "stronger"));
        assert_true(warns(&wishes, "EndEntityCertificate", "RSA_4096", "stronger"));
        assert_false(warns(&wishes, "EndEntityCertificate", "EC_secp521r1", "stronger"));
        assert_false(warns(&wishes, "EndEntityCertificate", "ML_DSA_65", "stronger"));
        assert_true(warns(&wishes, "root", NULL, "CA itself"));
        wishes.usages.key_usage = USAGE_KEY_CERT_SIGN | USAGE_DECIPHER_ONLY;
        assert_true(warns(&wishes, "EndEntityCertificate", NULL, "keyCertSign"));
        assert_false(warns(&wishes, "subordinate-0", NULL, "keyCertSign"));
        assert_true(warns(&wishes, "EndEntityCertificate", NULL, "keyAgreement"));
        wishes.usages.key_usage |= USAGE_KEY_AGREEMENT;
        assert_false(warns(&wishes, "EndEntityCertificate", NULL, "keyAgreement"));
        assert_done(usages_add_extended(&wishes.usages, "anyExtendedKeyUsage", &err), err);
        assert_true(warns(&wishes, "EndEntityCertificate", NULL, "every purpose"));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_csr_carries_what_it_can_and_the_api_the_rest),
                cmocka_unit_test(what_is_asked_for_over_a_csr_goes_through_the_api),
                cmocka_unit_test(of_each_part_the_template_wins_then_the_api_then_the_csr),
                cmocka_unit_test(what_the_api_says_beats_the_csr_part_by_part),
                cmocka_unit_test(crl_distribution_points_are_the_ca_s_first_but_in_a_root),
                cmocka_unit_test(the_template_that_is_named_carries_every_wish_and_none_is_smaller),
                cmocka_unit_test(a_shared_ca_leads_to_a_template_that_a_share_covers),
                cmocka_unit_test(a_wished_path_length_leads_to_its_template),
                cmocka_unit_test(what_the_api_cannot_say_is_refused_with_its_limit),
                cmocka_unit_test(the_lengths_and_counts_of_the_api_are_held_to_the_last_one),
                cmocka_unit_test(
                        a_name_takes_the_standard_members_where_they_say_it_and_custom_ones_else),
                cmocka_unit_test(a_request_is_refused_above_32_kib_and_not_below),
                cmocka_unit_test(what_is_legal_and_hardly_meant_is_warned_of),
        };

        return cmocka_run_group_tests_name("content", tests, NULL, NULL);
}
