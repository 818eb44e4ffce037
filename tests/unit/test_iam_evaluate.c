#include "tests/unit/unit.h"

#include "iam/evaluate.h"
#include "iam/match.h"
#include "tests/unit/iam_cases.h"

/* -- the table: tests/vectors/iam-cases.json ---------------------------------------------- */

enum { MOST_POLICIES = 8, MOST_KEYS = 8, MOST_VALUES = 8 };

/* A case made ready to be asked. */
struct scene {
        struct policy owned[MOST_POLICIES];
        size_t owned_count;
        struct iam_policies policies;
        struct iam_request request;
        struct iam_key keys[MOST_KEYS];
        const char *values[MOST_KEYS][MOST_VALUES];
};

static void
scene_clear(struct scene *scene)
{
        for (size_t i = 0; i < scene->owned_count; i++)
                policy_clear(&scene->owned[i]);
}

/* A name of the table, a document, or one statement. */
static const struct policy *
add_policy(struct scene *scene, enum policy_kind kind, const cJSON *table, const cJSON *given)
{
        struct policy *policy = &scene->owned[scene->owned_count++];
        const char *name = cJSON_GetStringValue(given);
        cJSON *document = cases_policy(table, given);
        CLEANUP(free_cleanup) char *text = cJSON_PrintUnformatted(document);
        struct error err = { 0 };

        cJSON_Delete(document);
        assert_true(scene->owned_count <= MOST_POLICIES);
        assert_done(policy_read(kind, name ? name : "inline", view_text(text), policy, &err), err);
        return policy;
}

static const struct policy *
add_policies(struct scene *scene, const cJSON *table, const cJSON *list, size_t *count)
{
        const struct policy *first = &scene->owned[scene->owned_count];
        const cJSON *item;

        cJSON_ArrayForEach(item, list)
        {
                add_policy(scene, POLICY_OF_IDENTITY, table, item);
                (*count)++;
        }
        return first;
}

static void
add_context(struct scene *scene, const cJSON *row)
{
        struct iam_context *context = &scene->request.context;
        const cJSON *key;
        const cJSON *value;

        context->keys = scene->keys;
        context->open = cJSON_IsTrue(cases_member(row, "open"));
        cJSON_ArrayForEach(key, cases_member(row, "context"))
        {
                struct iam_key *out = &scene->keys[context->count];

                out->name = key->string;
                out->values = scene->values[context->count++];
                cJSON_ArrayForEach(value, key)
                {
                        scene->values[context->count - 1][out->count++] = value->valuestring;
                }
        }
        cJSON_ArrayForEach(key, cases_member(row, "unknown"))
        {
                scene->keys[context->count++] =
                        (struct iam_key){ .name = key->valuestring, .unknown = true };
        }
}

static void
scene_set(struct scene *scene, const cJSON *table, const cJSON *row)
{
        struct iam_policies *policies = &scene->policies;
        const cJSON *boundary = cases_member(row, "boundary");
        const cJSON *resource = cases_member(row, "resource");
        const cJSON *trust = cases_member(row, "trust");

        policies->identity = add_policies(scene, table, cases_member(row, "identity"),
                                          &policies->identity_count);
        policies->session =
                add_policies(scene, table, cases_member(row, "session"), &policies->session_count);
        if (boundary)
                policies->boundary = add_policy(scene, POLICY_OF_IDENTITY, table, boundary);
        if (resource)
                policies->resource = add_policy(scene, POLICY_OF_RESOURCE, table, resource);
        if (trust)
                policies->resource = add_policy(scene, POLICY_OF_TRUST, table, trust);
        scene->request = (struct iam_request){ .action = cases_text(table, row, "do"),
                                               .resource = cases_text(table, row, "on"),
                                               .principal = cases_text(table, row, "who"),
                                               .role = cases_text(table, row, "role"),
                                               .owner = cases_text(table, row, "owner") };
        add_context(scene, row);
}

static void
every_case_of_the_table_is_decided_as_its_rules_say(void **state)
{
        cJSON *table = cases_read();
        const cJSON *row;
        size_t seen = 0, wrong = 0;

        (void)state;
        cJSON_ArrayForEach(row, cases_member(table, "cases"))
        {
                CLEANUP(scene_clear) struct scene scene = { 0 };
                struct iam_answer answer;

                scene_set(&scene, table, row);
                iam_evaluate(&scene.policies, &scene.request, &answer);
                const char *expected = cases_text(table, row, "expected");
                CLEANUP(free_cleanup) char *text = iam_answer_text(&answer);

                seen++;
                if (strcmp(iam_decision_name(answer.decision), expected) == 0)
                        continue;
                print_error("%s: %s, expected %s\n", cases_text(table, row, "name"), text,
                            expected);
                wrong++;
        }
        cJSON_Delete(table);
        assert_int_equal(wrong, 0);
        assert_true(seen >= 150);
}

static void
every_case_of_the_table_has_a_name_of_its_own(void **state)
{
        cJSON *table = cases_read();
        const cJSON *cases = cases_member(table, "cases");

        (void)state;
        for (const cJSON *a = cases->child; a; a = a->next) {
                for (const cJSON *b = a->next; b; b = b->next)
                        assert_string_not_equal(cases_text(table, a, "name"),
                                                cases_text(table, b, "name"));
        }
        cJSON_Delete(table);
}

/* -- answers ------------------------------------------------------------------------------ */

#define CA "arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/1"

static void
an_answer_names_the_statement_it_comes_from(void **state)
{
        struct policy policy = { 0 };
        struct error err = { 0 };
        struct iam_request request = { .action = "acm-pca:GetCertificate",
                                       .resource = CA,
                                       .principal = "arn:aws:iam::111122223333:user/issuer" };
        struct iam_answer answer;

        (void)state;
        assert_done(policy_read(POLICY_OF_IDENTITY, "user policy 'issuer'",
                                view_text("{\"Version\":\"2012-10-17\",\"Statement\":["
                                          "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":"
                                          "\"*\"},{\"Sid\":\"No\",\"Effect\":\"Deny\",\"Action\":"
                                          "\"acm-pca:Revoke*\",\"Resource\":\"*\"}]}"),
                                &policy, &err),
                    err);
        struct iam_policies policies = { .identity = &policy, .identity_count = 1 };

        iam_evaluate(&policies, &request, &answer);
        CLEANUP(free_cleanup) char *allowed = iam_answer_text(&answer);

        assert_string_equal(allowed, "allowed by statement 1 of user policy 'issuer'");
        assert_int_equal(answer.layer, IAM_LAYER_IDENTITY);
        request.action = "acm-pca:RevokeCertificate";
        iam_evaluate(&policies, &request, &answer);
        CLEANUP(free_cleanup) char *denied = iam_answer_text(&answer);

        assert_string_equal(denied,
                            "explicitly denied by statement 2 (Sid 'No') of user policy 'issuer'");
        policy_clear(&policy);
}

static void
an_implicit_deny_names_the_layer_that_is_silent(void **state)
{
        static const char all[] = "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\","
                                  "\"Resource\":\"*\"}}";
        static const char none[] = "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:*\","
                                   "\"Resource\":\"*\"}}";
        struct policy everything = { 0 }, nothing = { 0 };
        struct error err = { 0 };
        struct iam_request request = { .action = "acm-pca:GetCertificate",
                                       .resource = CA,
                                       .principal = "arn:aws:iam::111122223333:user/issuer" };
        struct iam_answer answer;

        (void)state;
        assert_done(policy_read(POLICY_OF_IDENTITY, "all", view_text(all), &everything, &err), err);
        assert_done(policy_read(POLICY_OF_IDENTITY, "none", view_text(none), &nothing, &err), err);
        struct iam_policies policies = { .identity = &everything, .identity_count = 1 };

        policies.boundary = &nothing;
        iam_evaluate(&policies, &request, &answer);
        assert_int_equal(answer.decision, IAM_IMPLICIT_DENY);
        assert_int_equal(answer.layer, IAM_LAYER_BOUNDARY);
        policies.boundary = NULL;
        policies.session = &nothing;
        policies.session_count = 1;
        iam_evaluate(&policies, &request, &answer);
        assert_int_equal(answer.layer, IAM_LAYER_SESSION);
        CLEANUP(free_cleanup) char *text = iam_answer_text(&answer);

        assert_string_equal(text, "implicitly denied: no session policy allows it");
        policy_clear(&everything);
        policy_clear(&nothing);
}

/* -- wildcards ---------------------------------------------------------------------------- */

static bool
fits(const char *pattern, const char *text)
{
        static const struct iam_context nothing;
        CLEANUP(buf_cleanup) struct buf ready = { 0 };

        assert_int_equal(match_prepare(pattern, false, true, &nothing, &ready), IAM_YES);
        return match_ready(&ready, text);
}

static void
wildcards_fit_what_they_should(void **state)
{
        static const struct {
                const char *pattern;
                const char *text;
                bool fits;
        } rows[] = {
                { "", "", true },
                { "*", "", true },
                { "", "a", false },
                { "?", "", false },
                { "?", "a", true },
                { "a*b*c", "aXXbYYc", true },
                { "a*b*c", "abc", true },
                { "a*b*c", "ac", false },
                { "*a", "banana", true },
                { "**", "x", true },
                { "a?c", "abc", true },
                { "a?c", "ac", false },
                { "?", "é", true },
                { "??", "é", false },
                { "*é", "caffé", true },
                { "A", "a", false },
                { "*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                if (fits(rows[i].pattern, rows[i].text) != rows[i].fits)
                        fail_msg("'%s' against '%s'", rows[i].pattern, rows[i].text);
        }
        assert_true(match_action("ACM-PCA:get*", "acm-pca:GetCertificate"));
}

static void
a_pattern_full_of_stars_takes_no_time(void **state)
{
        char pattern[2001];
        char text[2001];

        (void)state;
        for (size_t i = 0; i < 2000; i++)
                pattern[i] = i % 2 ? 'a' : '*';
        pattern[1999] = 'b';
        pattern[2000] = '\0';
        memset(text, 'a', 2000);
        text[2000] = '\0';
        for (size_t i = 0; i < 20; i++)
                assert_false(fits(pattern, text));
}

static void
a_broken_character_at_the_end_is_not_read_past(void **state)
{
        (void)state;
        assert_true(fits("?", "\xC3"));
        assert_false(fits("?b", "\xC3"));
        assert_true(fits("*", "a\x80\x80"));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_case_of_the_table_is_decided_as_its_rules_say),
                cmocka_unit_test(every_case_of_the_table_has_a_name_of_its_own),
                cmocka_unit_test(an_answer_names_the_statement_it_comes_from),
                cmocka_unit_test(an_implicit_deny_names_the_layer_that_is_silent),
                cmocka_unit_test(wildcards_fit_what_they_should),
                cmocka_unit_test(a_pattern_full_of_stars_takes_no_time),
                cmocka_unit_test(a_broken_character_at_the_end_is_not_read_past),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
