#include "localpca/decide.h"
#include "tests/unit/iam_cases.h"

enum { MOST_POLICIES = 8 };

/* A case made ready to be decided. */
struct scene {
        cJSON *owned[MOST_POLICIES];
        const cJSON *identity[MOST_POLICIES];
        cJSON *boundary, *session, *resource;
        struct policies policies;
        struct principal principal;
        struct context context;
};

static void
scene_clear(struct scene *scene)
{
        for (size_t i = 0; i < MOST_POLICIES; i++)
                cJSON_Delete(scene->owned[i]);
        cJSON_Delete(scene->boundary);
        cJSON_Delete(scene->session);
        cJSON_Delete(scene->resource);
        principal_clear(&scene->principal);
        context_clear(&scene->context);
}

static cJSON *
policy_or_none(const cJSON *table, const cJSON *given)
{
        return given ? cases_policy(table, given) : NULL;
}

static void
scene_set(struct scene *scene, const cJSON *table, const cJSON *row)
{
        const cJSON *trust = cases_member(row, "trust");
        const cJSON *one, *value;
        size_t count = 0;

        cJSON_ArrayForEach(one, cases_member(row, "identity"))
        {
                assert_true(count < MOST_POLICIES);
                scene->owned[count] = cases_policy(table, one);
                scene->identity[count] = scene->owned[count];
                count++;
        }
        cJSON_ArrayForEach(one, cases_member(row, "session"))
        {
                if (!scene->session)
                        scene->session = cJSON_CreateArray();
                cJSON_AddItemToArray(scene->session, cases_policy(table, one));
        }
        scene->boundary = policy_or_none(table, cases_member(row, "boundary"));
        scene->resource = policy_or_none(table, trust ? trust : cases_member(row, "resource"));
        scene->policies = (struct policies){ .identity = scene->identity,
                                             .identity_count = count,
                                             .boundary = scene->boundary,
                                             .session = scene->session,
                                             .resource = scene->resource,
                                             .trust = trust != NULL };
        principal_read(&scene->principal, cases_text(table, row, "who"),
                       cases_text(table, row, "role"));
        cJSON_ArrayForEach(one, cases_member(row, "context"))
        {
                cJSON_ArrayForEach(value, one)
                        context_add(&scene->context, one->string, value->valuestring);
        }
        principal_describe(&scene->principal, &scene->context);
}

/* What localpca says to a case, in the table's words. */
static const char *
scene_decide(struct scene *scene, const cJSON *table, const cJSON *row)
{
        static const char *const names[] = { [POLICY_SILENT] = "implicit deny",
                                             [POLICY_ALLOWS] = "allowed",
                                             [POLICY_DENIES] = "explicit deny" };
        struct policy_question question = { .action = cases_text(table, row, "do"),
                                            .resource = cases_text(table, row, "on"),
                                            .principal = &scene->principal,
                                            .context = &scene->context };
        const char *given = cases_text(table, row, "owner");
        CLEANUP(free_cleanup) char *own = arn_part(question.resource, 4);
        const char *owner = *own || !given ? own : given;
        struct decision decision;

        context_default(&scene->context, "aws:ResourceAccount", *owner ? owner : NULL);
        decide(&scene->policies, &question, owner, &decision);
        return names[decision.answer];
}

/*
 * A service cannot leave anything open as an offline evaluator has to: where that matters, the
 * case's own "service" says what localpca answers.
 */
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
                const char *service = cases_text(table, row, "service");
                const char *expected = service ? service : cases_text(table, row, "expected");

                assert_non_null(expected);
                scene_set(&scene, table, row);
                const char *decided = scene_decide(&scene, table, row);
                seen++;
                if (strcmp(decided, expected) == 0)
                        continue;
                print_error("%s: %s, expected %s\n", cases_text(table, row, "name"), decided,
                            expected);
                wrong++;
        }
        cJSON_Delete(table);
        print_message("%zu cases decided\n", seen);
        assert_int_equal(wrong, 0);
        assert_true(seen >= 150);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_case_of_the_table_is_decided_as_its_rules_say),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
