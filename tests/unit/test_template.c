#include <cjson/cJSON.h>

#include "order/template.h"
#include "order/usage.h"
#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

#define CA_ARN "arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/0"
#define PREFIX "arn:aws:acm-pca:::template/"

static size_t
template_count(void)
{
        size_t count = 0;

        while (template_at(count))
                count++;
        return count;
}

static void
there_are_sixty_one_templates_with_names_of_their_own(void **state)
{
        size_t count = template_count();

        (void)state;
        assert_int_equal(count, 61);
        for (size_t i = 0; i < count; i++) {
                CLEANUP(free_cleanup)
                char *arn = text_format(PREFIX "%s/V1", template_at(i)->name);

                assert_ptr_equal(template_find(template_at(i)->name), template_at(i));
                assert_ptr_equal(template_of_arn(arn), template_at(i));
        }
}

static void
the_varieties_are_told_by_the_names(void **state)
{
        (void)state;
        for (size_t i = 0; i < template_count(); i++) {
                const struct template_facts *facts = template_at(i);
                bool api = strstr(facts->name, "_API") != NULL;
                bool csr = strstr(facts->name, "CSRPassthrough") != NULL;

                assert_int_equal(facts->api_passthrough, api);
                assert_int_equal(facts->csr_passthrough, csr);
                assert_int_equal(facts->is_ca, strstr(facts->name, "CACertificate") != NULL);
                if (text_starts(facts->name, "Blank"))
                        assert_true(!facts->key_usage && !facts->extended[0]);
                else
                        assert_true(facts->key_usage != 0);
                /* Only the plain form of a template has a short name. */
                assert_true(!facts->nick || (!api && !csr));
        }
}

static void
templates_are_found_by_name_version_and_nick(void **state)
{
        static const struct {
                const char *given;
                const char *name; /* NULL: none */
        } cases[] = {
                { "EndEntityCertificate", "EndEntityCertificate" },
                { "EndEntityCertificate/V1", "EndEntityCertificate" },
                { "server", "EndEntityServerAuthCertificate" },
                { "client", "EndEntityClientAuthCertificate" },
                { "end-entity", "EndEntityCertificate" },
                { "code-signing", "CodeSigningCertificate" },
                { "ocsp-signing", "OCSPSigningCertificate" },
                { "RootCACertificate_APIPassthrough/V1", "RootCACertificate_APIPassthrough" },
                { "subordinate-0", "SubordinateCACertificate_PathLen0" },
                { "subordinate-3", "SubordinateCACertificate_PathLen3" },
                { "root", "RootCACertificate" },
                { "EndEntityCertificate/V2", NULL },
                { "EndEntityCertificat", NULL },
                { "EndEntityCertificate_", NULL },
                { "server/V1", NULL },
                { "Server", NULL },
                { "RootCACertificate_CSRPassthrough", NULL },
                { "BlankEndEntityCertificate", NULL },
                { "", NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                const struct template_facts *facts = template_find(cases[i].given);

                if (!text_equal(facts ? facts->name : NULL, cases[i].name))
                        fail_msg("'%s' is %s", cases[i].given, facts ? facts->name : "none");
        }
}

static void
an_arn_has_version_and_service(void **state)
{
        static const char *const wrong[] = {
                "arn:aws:acm-pca:::template/EndEntityCertificate",
                "arn:aws:acm-pca:::template/server",
                "arn:aws:acm-pca:::template/",
                "arn:aws:acm-pca:eu-central-1::template/EndEntityCertificate/V1",
                "arn::acm-pca:::template/EndEntityCertificate/V1",
                "arn:aws:acm:::template/EndEntityCertificate/V1",
                "EndEntityCertificate/V1",
                "arn:aws",
                "",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
                assert_null(template_of_arn(wrong[i]));
        assert_non_null(template_of_arn("arn:aws-cn:acm-pca:::template/EndEntityCertificate/V1"));
}

static void
what_is_given_becomes_an_arn_of_the_ca_s_partition(void **state)
{
        static const struct {
                const char *given;
                const char *ca_arn;
                const char *arn;
        } cases[] = {
                { "server", CA_ARN, PREFIX "EndEntityServerAuthCertificate/V1" },
                { "EndEntityCertificate/V1", CA_ARN, PREFIX "EndEntityCertificate/V1" },
                { "client", "arn:aws-us-gov:acm-pca:us-gov-west-1:1:certificate-authority/0",
                  "arn:aws-us-gov:acm-pca:::template/EndEntityClientAuthCertificate/V1" },
                { "client", NULL, PREFIX "EndEntityClientAuthCertificate/V1" },
                { PREFIX "NewCertificate/V3", CA_ARN, PREFIX "NewCertificate/V3" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(free_cleanup) char *arn = NULL;
                struct error err = { 0 };

                assert_done(template_resolve(cases[i].given, cases[i].ca_arn, &arn, &err), err);
                assert_string_equal(arn, cases[i].arn);
        }
}

static void
an_unknown_name_is_refused_with_the_nearest(void **state)
{
        struct error err = { 0 };
        char *arn = NULL;

        (void)state;
        assert_refused(template_resolve("sever", CA_ARN, &arn, &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.next, "'server'"));
        assert_refused(template_resolve("code", CA_ARN, &arn, &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.next, "'code-signing'"));
        assert_refused(template_resolve("nonsense", CA_ARN, &arn, &err), err, ERROR_USAGE);
        assert_null(strstr(err.next, "did you mean"));
        assert_non_null(strstr(err.next, "client, server, code-signing"));
        assert_refused(template_resolve("EndEntityCertficate/V1", CA_ARN, &arn, &err), err,
                       ERROR_USAGE);
        assert_non_null(strstr(err.next, "'EndEntityCertificate'"));
        assert_refused(template_resolve(CA_ARN, CA_ARN, &arn, &err), err, ERROR_USAGE);
        assert_refused(template_resolve(PREFIX, CA_ARN, &arn, &err), err, ERROR_USAGE);
        assert_null(arn);
}

/* -- against the published facts, where they are at hand ------------------------------------- */

static bool
flag(const cJSON *object, const char *name)
{
        return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static unsigned
bits_of(const cJSON *row)
{
        const cJSON *usage = cJSON_GetObjectItemCaseSensitive(row, "keyUsage");
        const cJSON *bit;
        struct usages usages = { 0 };
        struct error err = { 0 };

        cJSON_ArrayForEach(bit, cJSON_GetObjectItemCaseSensitive(usage, "bits"))
                assert_done(usages_add_key_usage(&usages, bit->valuestring, &err), err);
        return usages.key_usage;
}

static void
check_extended(const struct template_facts *facts, const cJSON *row)
{
        const cJSON *usage = cJSON_GetObjectItemCaseSensitive(row, "extendedKeyUsage");
        const cJSON *purposes = cJSON_GetObjectItemCaseSensitive(usage, "purposes");
        int count = 0;

        assert_int_equal(facts->extended_critical, flag(usage, "critical"));
        for (size_t i = 0; i < ARRAY_LENGTH(facts->extended) && facts->extended[i]; i++)
                assert_string_equal(cJSON_GetArrayItem(purposes, count++)->valuestring,
                                    extended_usage_name(facts->extended[i]));
        assert_int_equal(count, cJSON_GetArraySize(purposes));
}

static bool
lists(const cJSON *row, const char *name, const char *word)
{
        const cJSON *item;

        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(row, name))
        {
                if (strcmp(item->valuestring, word) == 0)
                        return true;
        }
        return false;
}

static void
check_row(const cJSON *row)
{
        const char *name = cJSON_GetObjectItemCaseSensitive(row, "name")->valuestring;
        const struct template_facts *facts = template_find(name);
        const cJSON *constraints = cJSON_GetObjectItemCaseSensitive(row, "basicConstraints");
        const cJSON *length = cJSON_GetObjectItemCaseSensitive(constraints, "pathLen");

        if (!facts)
                fail_msg("there is no '%s'", name);
        assert_int_equal(facts->api_passthrough, flag(row, "apiPassthrough"));
        assert_int_equal(facts->csr_passthrough, flag(row, "csrPassthrough"));
        assert_int_equal(facts->is_ca, flag(constraints, "ca"));
        assert_int_equal(facts->basic_constraints_critical, flag(constraints, "critical"));
        assert_int_equal(facts->path_length, length ? length->valueint : -1);
        assert_int_equal(facts->key_usage, bits_of(row));
        /* A root gets none of the CA's: there is nobody above it. */
        assert_int_equal(facts->is_root, !lists(row, "crlDistributionPoints", "ca-config"));
        check_extended(facts, row);
}

static void
the_table_says_what_the_user_guide_says(void **state)
{
        CLEANUP(free_cleanup)
        char *path = shared_path("reference/models/acm-pca-templates.json");
        CLEANUP(free_cleanup) char *text = read_text(path, NULL);
        const cJSON *row;

        (void)state;
        if (!text) {
                print_message("skipped: the published templates are not at hand\n");
                free(MOVE(path)); /* skip() jumps over clean-ups */
                skip();
        }
        cJSON *guide = cJSON_Parse(text);
        const cJSON *rows = cJSON_GetObjectItemCaseSensitive(guide, "templates");

        assert_int_equal(cJSON_GetArraySize(rows), 56);
        cJSON_ArrayForEach(row, rows) check_row(row);
        cJSON_Delete(guide);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(there_are_sixty_one_templates_with_names_of_their_own),
                cmocka_unit_test(the_varieties_are_told_by_the_names),
                cmocka_unit_test(templates_are_found_by_name_version_and_nick),
                cmocka_unit_test(an_arn_has_version_and_service),
                cmocka_unit_test(what_is_given_becomes_an_arn_of_the_ca_s_partition),
                cmocka_unit_test(an_unknown_name_is_refused_with_the_nearest),
                cmocka_unit_test(the_table_says_what_the_user_guide_says),
        };

        return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
