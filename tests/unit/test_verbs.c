#include "tests/unit/unit.h"

#include "cli/help.h"
#include "cli/verbs.h"
#include "iam/actions.h"

static void
every_verb_says_what_it_does_and_shows_an_example(void **state)
{
        (void)state;
        for (size_t i = 0; verb_at(i); i++) {
                const struct verb *verb = verb_at(i);
                CLEANUP(free_cleanup) char *start = text_format("p11cert %s", verb->name);

                assert_non_null(verb->usage);
                assert_true(verb->summary && *verb->summary);
                assert_non_null(verb->example);
                assert_true(text_starts(verb->example, start) ||
                            text_starts(verb->example, "p11cert --"));
                assert_non_null(verb->run);
                assert_true(verb->least <= verb->most);
        }
}

static void
verbs_are_found_by_one_or_two_words_and_wrong_ones_name_the_nearest(void **state)
{
        static const struct {
                const char *words[2];
                const char *name; /* of the verb that is found */
                const char *says; /* what the refusal says */
        } rows[] = {
                { { "issue", "x" }, "issue", NULL },
                { { "ca", "list" }, "ca list", NULL },
                { { "isue", "x" }, NULL, "'issue'" },
                { { "ca", "lsit" }, NULL, "'ca list'" },
                { { "ca", "--help" }, NULL, "second word" },
                { { "reconcile", "x" }, NULL, "not in this version" },
                { { "token", "probe" }, NULL, "not in this version" },
                { { "identity", "policy" }, "identity policy", NULL },
                { { "permission", "create" }, NULL, "not in this version" },
                { { "quite-another-thing", "x" }, NULL, "no verb" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                char *words[2] = { text_copy(rows[i].words[0]), text_copy(rows[i].words[1]) };
                struct error err = { 0 };
                size_t used = 0;
                const struct verb *verb = verb_find(words, 2, &used, &err);
                char all[2048];

                print_message("%s %s\n", words[0], words[1]);
                free(words[0]);
                free(words[1]);
                if (rows[i].name) {
                        assert_string_equal(verb->name, rows[i].name);
                        assert_int_equal(used, strchr(rows[i].name, ' ') ? 2 : 1);
                        continue;
                }
                assert_null(verb);
                assert_int_equal(err.kind, ERROR_USAGE);
                snprintf(all, sizeof(all), "%s %s", err.what, err.next);
                assert_non_null(strstr(all, rows[i].says));
        }
}

static void
every_verb_that_asks_aws_has_its_use_in_the_table_of_actions(void **state)
{
        /* They need no permission, or (check) are judged before anything is cut. */
        static const char *const without[] = { "csr",
                                               "verify",
                                               "config show",
                                               "identity check",
                                               "identity whoami",
                                               "identity credential-process" };

        (void)state;
        for (size_t i = 0; verb_at(i); i++) {
                const struct verb *verb = verb_at(i);
                bool needs_none = false;
                enum iam_use use;

                for (size_t j = 0; j < ARRAY_LENGTH(without); j++)
                        needs_none = needs_none || strcmp(verb->name, without[j]) == 0;
                if (!(verb->groups & (1U << GROUP_AWS)))
                        continue;
                if (iam_use_of_verb(verb->name, &use) == needs_none)
                        fail_msg("'%s' has %s use", verb->name, needs_none ? "a" : "no");
        }
}

static void
every_help_names_the_options_the_example_and_the_exit_statuses(void **state)
{
        (void)state;
        for (size_t i = 0; verb_at(i); i++) {
                const struct verb *verb = verb_at(i);
                CLEANUP(buf_cleanup) struct buf out = { 0 };

                help_verb(&out, verb);
                for (const enum option_id *id = verb->options; id && *id != OPTIONS; id++) {
                        CLEANUP(free_cleanup)
                        char *name = text_format("--%s", option_row(*id)->name);

                        assert_non_null(strstr(buf_text(&out), name));
                }
                assert_non_null(strstr(buf_text(&out), verb->example));
                assert_non_null(
                        strstr(buf_text(&out), verb->plugin ? "critical" : exit_status_text(2)));
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_verb_says_what_it_does_and_shows_an_example),
                cmocka_unit_test(
                        verbs_are_found_by_one_or_two_words_and_wrong_ones_name_the_nearest),
                cmocka_unit_test(every_verb_that_asks_aws_has_its_use_in_the_table_of_actions),
                cmocka_unit_test(every_help_names_the_options_the_example_and_the_exit_statuses),
        };

        return cmocka_run_group_tests_name("verbs", tests, NULL, NULL);
}
