#include "tests/unit/unit.h"

#include <cjson/cJSON.h>

#include "aws/iam.h"
#include "base/clock.h"
#include "tests/unit/vectors.h"

#define ANSWER(operation, inside)                                                     \
        "<" operation "Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">" \
        "<" operation "Result>" inside "</" operation "Result><ResponseMetadata>"     \
        "<RequestId>r</RequestId></ResponseMetadata></" operation "Response>"
#define USER                                                                                 \
        "<User><Path>/p11cert/</Path><UserName>s-7</UserName><UserId>AIDAX</UserId>"         \
        "<Arn>arn:aws:iam::111122223333:user/p11cert/s-7</Arn><CreateDate>2026-11-01T00:00:" \
        "00Z</CreateDate><Tags><member><Key>a</Key><Value></Value></member><member><Key>"    \
        "p11cert</Key><Value>identity</Value></member></Tags></User>"

/* -- writing ------------------------------------------------------------------------------ */

static void
what_has_no_value_is_not_sent_and_the_rest_is_encoded(void **state)
{
        CLEANUP(free_cleanup)
        char *form =
                iam_form("UserName", "a+b", "Marker", NULL, "PolicyDocument", "{\"a b\"}", NULL);
        CLEANUP(free_cleanup) char *none = iam_form(NULL, NULL);

        (void)state;
        assert_string_equal(form, "UserName=a%2Bb&PolicyDocument=%7B%22a%20b%22%7D");
        assert_string_equal(none, "");
}

static void
a_simulation_asks_about_actions_with_what_is_known_of_the_request(void **state)
{
        static const char *const actions[] = { "acm-pca:IssueCertificate", "iam:CreateUser" };
        static const struct iam_simulated_key keys[] = {
                { "acm-pca:TemplateArn", "arn:t", "string" },
                { "aws:SourceIp", "10.0.0.1", "ip" },
        };
        CLEANUP(free_cleanup)
        char *form = iam_write_simulation(&(struct iam_simulation){ .principal = "arn:p",
                                                                    .actions = actions,
                                                                    .action_count = 2,
                                                                    .resource = "arn:ca",
                                                                    .keys = keys,
                                                                    .key_count = 2 });
        CLEANUP(free_cleanup)
        char *bare = iam_write_simulation(&(struct iam_simulation){
                .principal = "arn:p", .actions = actions, .action_count = 1 });

        (void)state;
        assert_string_equal(
                form, "PolicySourceArn=arn%3Ap&ActionNames.member.1=acm-pca%3AIssueCertificate&"
                      "ActionNames.member.2=iam%3ACreateUser&ResourceArns.member.1=arn%3Aca&"
                      "ContextEntries.member.1.ContextKeyName=acm-pca%3ATemplateArn&"
                      "ContextEntries.member.1.ContextKeyValues.member.1=arn%3At&"
                      "ContextEntries.member.1.ContextKeyType=string&"
                      "ContextEntries.member.2.ContextKeyName=aws%3ASourceIp&"
                      "ContextEntries.member.2.ContextKeyValues.member.1=10.0.0.1&"
                      "ContextEntries.member.2.ContextKeyType=ip");
        assert_string_equal(bare, "PolicySourceArn=arn%3Ap&ActionNames.member.1="
                                  "acm-pca%3AIssueCertificate");
}

/* The parameters that cli/keeper.c sends, operation by operation. */
static const struct {
        const char *operation;
        const char *parameters; /* with blanks between */
} sent[] = {
        { "GetUser", "UserName" },
        { "GetRole", "RoleName" },
        { "CreateUser", "Path UserName Tags" },
        { "CreateRole", "Path RoleName AssumeRolePolicyDocument Tags" },
        { "GetUserPolicy", "UserName PolicyName" },
        { "GetRolePolicy", "RoleName PolicyName" },
        { "PutUserPolicy", "UserName PolicyName PolicyDocument" },
        { "PutRolePolicy", "RoleName PolicyName PolicyDocument" },
        { "ListUserPolicies", "UserName Marker" },
        { "ListAttachedUserPolicies", "UserName Marker" },
        { "DeleteUserPolicy", "UserName PolicyName" },
        { "DeleteRolePolicy", "RoleName PolicyName" },
        { "DetachUserPolicy", "UserName PolicyArn" },
        { "DetachRolePolicy", "RoleName PolicyArn" },
        { "DeleteUser", "UserName" },
        { "DeleteRole", "RoleName" },
        { "ListAccessKeys", "UserName Marker" },
        { "CreateAccessKey", "UserName" },
        { "UpdateAccessKey", "UserName AccessKeyId Status" },
        { "DeleteAccessKey", "UserName AccessKeyId" },
        { "GetAccessKeyLastUsed", "AccessKeyId" },
        { "GetPolicy", "PolicyArn" },
        { "SimulatePrincipalPolicy", "PolicySourceArn ActionNames ResourceArns ContextEntries" },
};

static bool
has_word(const char *words, const char *word)
{
        CLEANUP(free_cleanup) char *all = text_format(" %s ", words);
        CLEANUP(free_cleanup) char *one = text_format(" %s ", word);

        return strstr(all, one) != NULL;
}

static void
assert_in_model(const cJSON *model, const char *operation, const char *parameters)
{
        const cJSON *op = cJSON_GetObjectItem(cJSON_GetObjectItem(model, "operations"), operation);
        const char *shape = cJSON_GetStringValue(
                cJSON_GetObjectItem(cJSON_GetObjectItem(op, "input"), "shape"));

        assert_non_null(shape);
        const cJSON *input = cJSON_GetObjectItem(cJSON_GetObjectItem(model, "shapes"), shape);
        const cJSON *members = cJSON_GetObjectItem(input, "members");
        const cJSON *item;

        cJSON_ArrayForEach(item, cJSON_GetObjectItem(input, "required"))
        {
                if (!has_word(parameters, item->valuestring))
                        fail_msg("%s lacks %s", operation, item->valuestring);
        }
        while (*parameters) {
                size_t length = strcspn(parameters, " ");
                CLEANUP(free_cleanup) char *name = text_copy_length(parameters, length);

                if (!cJSON_GetObjectItemCaseSensitive(members, name))
                        fail_msg("%s has no %s", operation, name);
                parameters += length + (parameters[length] == ' ');
        }
}

static void
every_call_has_the_parameters_of_the_model(void **state)
{
        CLEANUP(free_cleanup) char *path = shared_path("reference/models/iam.json");
        CLEANUP(free_cleanup) char *text = read_text(path, NULL);

        (void)state;
        if (!text) {
                free(MOVE(path)); /* skip() jumps over clean-ups */
                skip();
        }
        cJSON *model = cJSON_Parse(text);

        assert_non_null(model);
        for (size_t i = 0; i < ARRAY_LENGTH(sent); i++)
                assert_in_model(model, sent[i].operation, sent[i].parameters);
        cJSON_Delete(model);
}

/* -- reading ------------------------------------------------------------------------------ */

static void
users_and_roles_are_read_with_their_tags_and_what_bounds_them(void **state)
{
        struct iam_entity entity = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(iam_read_entity(view_text(ANSWER("GetUser", USER)), "GetUser", &entity, &err),
                    err);
        assert_string_equal(entity.arn, "arn:aws:iam::111122223333:user/p11cert/s-7");
        assert_string_equal(entity.path, "/p11cert/");
        assert_string_equal(entity.unique_id, "AIDAX");
        assert_string_equal(iam_entity_tag(&entity, "p11cert"), "identity");
        assert_string_equal(iam_entity_tag(&entity, "a"), "");
        assert_null(iam_entity_tag(&entity, "b"));
        assert_null(entity.boundary_arn);
        iam_entity_clear(&entity);
        assert_done(
                iam_read_entity(
                        view_text(ANSWER("GetRole",
                                         "<Role><Path>/</Path><RoleName>r</RoleName><RoleId>AROAX"
                                         "</RoleId><Arn>arn:aws:iam::1:role/r</Arn>"
                                         "<AssumeRolePolicyDocument>%7B%22a%22%3A%22b%2Bc%22%7D"
                                         "</AssumeRolePolicyDocument><PermissionsBoundary>"
                                         "<PermissionsBoundaryArn>arn:b</PermissionsBoundaryArn>"
                                         "</PermissionsBoundary></Role>")),
                        "GetRole", &entity, &err),
                err);
        assert_string_equal(entity.trust, "{\"a\":\"b+c\"}");
        assert_string_equal(entity.boundary_arn, "arn:b");
        iam_entity_clear(&entity);
}

static void
a_new_key_is_taken_whole_or_not_at_all(void **state)
{
        static const char *const bad[] = {
                ANSWER("CreateAccessKey", "<AccessKey><AccessKeyId>AKIDX</AccessKeyId>"
                                          "<SecretAccessKey></SecretAccessKey></AccessKey>"),
                ANSWER("CreateAccessKey", "<AccessKey><SecretAccessKey>HUSH</SecretAccessKey>"
                                          "</AccessKey>"),
                ANSWER("CreateUser", USER),
                "<html/>",
        };
        struct credentials made = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(iam_read_new_key(
                            view_text(ANSWER("CreateAccessKey",
                                             "<AccessKey><UserName>u</UserName><AccessKeyId>AKIDX"
                                             "</AccessKeyId><Status>Active</Status>"
                                             "<SecretAccessKey>HUSH/+</SecretAccessKey>"
                                             "</AccessKey>")),
                            &made, &err),
                    err);
        assert_string_equal(made.access_key_id, "AKIDX");
        assert_true(view_equal(secret_view(&made.secret_access_key), view_text("HUSH/+")));
        credentials_clear(&made);
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
                assert_refused(iam_read_new_key(view_text(bad[i]), &made, &err), err,
                               ERROR_AWS_ANSWER);
                assert_null(strstr(err.what, "HUSH"));
        }
}

static void
lists_are_read_page_by_page(void **state)
{
        struct iam_keys keys = { 0 };
        struct iam_names names = { 0 };
        struct error err = { 0 };
        char *marker = NULL;

        (void)state;
        assert_done(
                iam_read_keys(view_text(ANSWER(
                                      "ListAccessKeys",
                                      "<AccessKeyMetadata><member><AccessKeyId>A1</AccessKeyId>"
                                      "<Status>Active</Status><CreateDate>2026-11-01T00:00:00Z"
                                      "</CreateDate></member><member><AccessKeyId>A2</AccessKeyId>"
                                      "<Status>Inactive</Status></member></AccessKeyMetadata>"
                                      "<IsTruncated>true</IsTruncated><Marker>m1</Marker>")),
                              &keys, &marker, &err),
                err);
        assert_string_equal(marker, "m1");
        free(marker);
        assert_done(iam_read_keys(view_text(ANSWER("ListAccessKeys",
                                                   "<AccessKeyMetadata/><IsTruncated>false"
                                                   "</IsTruncated><Marker>m</Marker>")),
                                  &keys, &marker, &err),
                    err);
        assert_null(marker);
        assert_int_equal(keys.count, 2);
        assert_true(keys.all[0].active);
        assert_false(keys.all[1].active);
        assert_int_equal(keys.all[0].created_at, clock_civil(2026, 11, 1, 0, 0, 0));
        iam_keys_clear(&keys);
        assert_done(iam_read_names(view_text(ANSWER("ListUserPolicies",
                                                    "<PolicyNames><member>p</member><member>q"
                                                    "</member></PolicyNames>")),
                                   "ListUserPolicies", "PolicyNames", NULL, &names, &marker, &err),
                    err);
        assert_done(iam_read_names(view_text(ANSWER("ListAttachedUserPolicies",
                                                    "<AttachedPolicies><member><PolicyName>x"
                                                    "</PolicyName><PolicyArn>arn:x</PolicyArn>"
                                                    "</member></AttachedPolicies>")),
                                   "ListAttachedUserPolicies", "AttachedPolicies", "PolicyArn",
                                   &names, &marker, &err),
                    err);
        assert_int_equal(names.count, 3);
        assert_string_equal(names.all[1], "q");
        assert_string_equal(names.all[2], "arn:x");
        iam_names_clear(&names);
}

static void
a_key_that_was_never_used_has_no_date(void **state)
{
        static const struct {
                const char *date;
                int64_t expected;
        } rows[] = {
                { "<LastUsedDate>2026-11-01T00:00:00Z</LastUsedDate>", 1793491200 },
                { "<LastUsedDate>N/A</LastUsedDate>", 0 },
                { "", 0 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup)
                char *body = text_format(ANSWER("GetAccessKeyLastUsed",
                                                "<AccessKeyLastUsed>%s</AccessKeyLastUsed>"),
                                         rows[i].date);
                struct error err = { 0 };
                int64_t used = 7;

                assert_done(iam_read_last_used(view_text(body), &used, &err), err);
                assert_int_equal(used, rows[i].expected);
        }
}

static void
documents_are_decoded_and_broken_ones_refused(void **state)
{
        static const char *const bad[] = { "%", "%2", "%zz", "a%00b", "" };
        CLEANUP(free_cleanup) char *document = NULL;
        struct error err = { 0 };

        (void)state;
        assert_done(iam_read_document(view_text(ANSWER("GetUserPolicy",
                                                       "<PolicyDocument>%7B%22V%22%3A%20%22+%22"
                                                       "%7D</PolicyDocument>")),
                                      "GetUserPolicy", "PolicyDocument", &document, &err),
                    err);
        assert_string_equal(document, "{\"V\": \"+\"}");
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
                CLEANUP(free_cleanup)
                char *body =
                        text_format(ANSWER("GetUserPolicy", "<PolicyDocument>%s</PolicyDocument>"),
                                    bad[i]);
                char *out = NULL;

                assert_refused(iam_read_document(view_text(body), "GetUserPolicy", "PolicyDocument",
                                                 &out, &err),
                               err, ERROR_AWS_ANSWER);
                assert_null(out);
        }
}

static void
a_simulation_s_decision_is_one_of_three_and_of_that_action(void **state)
{
        static const char body[] =
                ANSWER("SimulatePrincipalPolicy",
                       "<EvaluationResults><member><EvalActionName>a:B</EvalActionName>"
                       "<EvalDecision>allowed</EvalDecision></member><member><EvalActionName>a:C"
                       "</EvalActionName><EvalDecision>implicitDeny</EvalDecision>"
                       "<MissingContextValues><member>k</member></MissingContextValues></member>"
                       "<member><EvalActionName>a:D</EvalActionName><EvalDecision>perhaps"
                       "</EvalDecision></member></EvaluationResults>");
        CLEANUP(free_cleanup) char *first = NULL;
        CLEANUP(free_cleanup) char *second = NULL;
        struct error err = { 0 };
        bool missing = true;
        char *none = NULL;

        (void)state;
        assert_done(iam_read_simulation(view_text(body), "a:B", &first, &missing, &err), err);
        assert_string_equal(first, "allowed");
        assert_false(missing);
        assert_done(iam_read_simulation(view_text(body), "a:C", &second, &missing, &err), err);
        assert_string_equal(second, "implicitDeny");
        assert_true(missing);
        assert_refused(iam_read_simulation(view_text(body), "a:D", &none, &missing, &err), err,
                       ERROR_AWS_ANSWER);
        assert_refused(iam_read_simulation(view_text(body), "a:E", &none, &missing, &err), err,
                       ERROR_AWS_ANSWER);
        assert_null(none);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_has_no_value_is_not_sent_and_the_rest_is_encoded),
                cmocka_unit_test(a_simulation_asks_about_actions_with_what_is_known_of_the_request),
                cmocka_unit_test(every_call_has_the_parameters_of_the_model),
                cmocka_unit_test(users_and_roles_are_read_with_their_tags_and_what_bounds_them),
                cmocka_unit_test(a_new_key_is_taken_whole_or_not_at_all),
                cmocka_unit_test(lists_are_read_page_by_page),
                cmocka_unit_test(a_key_that_was_never_used_has_no_date),
                cmocka_unit_test(documents_are_decoded_and_broken_ones_refused),
                cmocka_unit_test(a_simulation_s_decision_is_one_of_three_and_of_that_action),
        };

        return cmocka_run_group_tests_name("aws iam", tests, NULL, NULL);
}
