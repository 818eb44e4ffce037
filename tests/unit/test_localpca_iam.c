#include "tests/unit/unit.h"

#include "localpca/identity.h"
#include "localpca/json.h"
#include "localpca/managed.h"
#include "localpca/mfa.h"
#include "localpca/policy.h"
#include "localpca/query.h"
#include "localpca/records.h"
#include "tests/unit/folder.h"

static int
setup(void **state)
{
        char *path = memory_new(64, 1);

        *state = path;
        return folder_make(path);
}

static int
teardown(void **state)
{
        int status = folder_remove(*state);

        free(*state);
        return status;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* -- documents ---------------------------------------------------------------------------- */

/* `'` for `"`; the caller frees. */
static char *
quoted(const char *text)
{
        char *out = text_copy(text);

        for (char *at = out; *at; at++)
                if (*at == '\'')
                        *at = '"';
        return out;
}

static void
what_is_no_policy_is_refused_in_iams_words(void **state)
{
        static const struct {
                enum policy_use use;
                const char *text, *why; /* NULL: it is one */
        } rows[] = {
                { POLICY_OF_IDENTITY, "", "invalid Json" },
                { POLICY_OF_IDENTITY, "[]", "invalid Json" },
                { POLICY_OF_IDENTITY, "{}x", "invalid Json" },
                { POLICY_OF_IDENTITY, "{}", "Syntax errors" },
                { POLICY_OF_IDENTITY, "{'Statement':[]}", "Syntax errors" },
                { POLICY_OF_IDENTITY, "{'Statement':{},'More':1}", "Syntax errors" },
                { POLICY_OF_IDENTITY, "{'Version':'2013-01-01','Statement':{}}", "version" },
                { POLICY_OF_IDENTITY, "{'Statement':{'Action':'a:b','Resource':'*'}}", "Effect" },
                { POLICY_OF_IDENTITY,
                  "{'Statement':{'Effect':'allow','Action':'a:b','Resource':'*'}}", "effect" },
                { POLICY_OF_IDENTITY, "{'Statement':{'Effect':'Allow','Resource':'*'}}",
                  "must contain actions" },
                { POLICY_OF_IDENTITY, "{'Statement':{'Effect':'Allow','Action':'a:b'}}",
                  "must contain resources" },
                { POLICY_OF_IDENTITY,
                  "{'Statement':{'Effect':'Allow','Action':'ab','Resource':'*'}}", "vendor" },
                { POLICY_OF_IDENTITY,
                  "{'Statement':{'Effect':'Allow','Action':'a:b','Resource':'x'}}", "ARN format" },
                { POLICY_OF_IDENTITY,
                  "{'Statement':{'Effect':'Allow','Action':'a:b','NotAction':'a:c','Resource':'*'}"
                  "}",
                  "Syntax errors" },
                { POLICY_OF_IDENTITY, "{'Statement':{'Effect':'Allow','Action':7,'Resource':'*'}}",
                  "Syntax errors" },
                { POLICY_OF_IDENTITY,
                  "{'Statement':{'Effect':'Allow','Action':'a:b','Resource':'*','Resource':'*'}}",
                  "Syntax errors" },
                { POLICY_OF_IDENTITY,
                  "{'Statement':{'Effect':'Allow','Action':'a:b','Resource':'*','Principal':'*'}}",
                  "should not specify a principal" },
                { POLICY_OF_IDENTITY,
                  "{'Statement':{'Sid':'a b','Effect':'Allow','Action':'a:b','Resource':'*'}}",
                  "alpha-numeric" },
                { POLICY_OF_IDENTITY,
                  "{'Statement':[{'Sid':'a','Effect':'Allow','Action':'a:b','Resource':'*'},"
                  "{'Sid':'a','Effect':'Deny','Action':'a:b','Resource':'*'}]}",
                  "unique" },
                { POLICY_OF_IDENTITY,
                  "{'Statement':{'Effect':'Allow','Action':'a:b','Resource':'*','Condition':"
                  "{'StringResembles':{'a:b':'c'}}}}",
                  "Invalid Condition type : StringResembles" },
                { POLICY_OF_IDENTITY,
                  "{'Statement':{'Effect':'Allow','Action':'a:b','Resource':'*','Condition':"
                  "{'NullIfExists':{'a:b':'true'}}}}",
                  "Invalid Condition type" },
                { POLICY_OF_IDENTITY,
                  "{'Statement':{'Effect':'Allow','Action':'a:b','Resource':'*','Condition':"
                  "{'Bool':{'ab':'true'}}}}",
                  "vendor" },
                { POLICY_OF_IDENTITY,
                  "{'Statement':{'Effect':'Allow','Action':'a:b','Resource':'*','Condition':"
                  "{'Bool':{'a:b':{}}}}}",
                  "Syntax errors" },
                { POLICY_OF_IDENTITY,
                  "{'Version':'2012-10-17','Id':'x','Statement':[{'Sid':'','Effect':'Deny',"
                  "'NotAction':['a:b','*'],'NotResource':['arn:aws:s3:::b','*'],'Condition':"
                  "{'ForAllValues:StringLikeIfExists':{'a:b':['c',1,true]}}}]}",
                  NULL },
                { POLICY_OF_TRUST, "{'Statement':{'Effect':'Allow','Action':'sts:AssumeRole'}}",
                  "Missing required field Principal" },
                { POLICY_OF_TRUST,
                  "{'Statement':{'Effect':'Allow','Principal':'*','Action':'sts:AssumeRole',"
                  "'Resource':'*'}}",
                  "prohibited field Resource" },
                { POLICY_OF_TRUST,
                  "{'Statement':{'Effect':'Allow','Principal':'*','Action':'s3:GetObject'}}",
                  "only specify STS" },
                { POLICY_OF_TRUST,
                  "{'Statement':{'Effect':'Allow','Principal':{'AWS':'bob'},'Action':"
                  "'sts:AssumeRole'}}",
                  "Invalid principal in policy: \"AWS\":\"bob\"" },
                { POLICY_OF_TRUST,
                  "{'Statement':{'Effect':'Allow','Principal':'bob','Action':'sts:AssumeRole'}}",
                  "Invalid principal" },
                { POLICY_OF_TRUST,
                  "{'Statement':[{'Effect':'Allow','Principal':{'AWS':['111122223333','*'],"
                  "'Service':'rolesanywhere.amazonaws.com'},'Action':['sts:AssumeRole',"
                  "'sts:TagSession','sts:SetSourceIdentity']}]}",
                  NULL },
                { POLICY_OF_RESOURCE,
                  "{'Statement':{'Effect':'Allow','Principal':'*','Action':'a:b'}}",
                  "must contain resources" },
                { POLICY_OF_RESOURCE,
                  "{'Statement':{'Effect':'Allow','Principal':'*','Action':'a:b','Resource':'*'}}",
                  NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup) char *text = quoted(rows[i].text);
                CLEANUP(free_cleanup) char *why = NULL;
                cJSON *document = policy_check(text, rows[i].use, &why);

                if (!rows[i].why ? !document : document || !strstr(why, rows[i].why))
                        fail_msg("%s: %s", text, why ? why : "taken");
                cJSON_Delete(document);
        }
}

static void
every_managed_policy_is_a_policy(void **state)
{
        const struct managed *row;
        size_t count = 0;

        (void)state;
        for (; (row = managed_at(count)); count++) {
                CLEANUP(free_cleanup) char *why = NULL;
                CLEANUP(free_cleanup)
                char *arn = text_format("arn:aws:iam::aws:policy%s%s", row->path, row->name);
                cJSON *document = policy_check(row->text, POLICY_OF_IDENTITY, &why);

                if (!document)
                        fail_msg("%s: %s", row->name, why);
                cJSON_Delete(document);
                assert_non_null(managed_find(arn));
        }
        assert_true(count >= 10);
        assert_null(managed_find("arn:aws:iam::111122223333:policy/AWSPrivateCAUser"));
        assert_null(managed_find("arn:aws:iam::aws:policy/Nothing"));
        assert_null(managed_find("nothing"));
}

static void
white_space_does_not_count_for_the_size_of_a_policy(void **state)
{
        (void)state;
        assert_int_equal(policy_size(" {\n\t\"a\" : \"b\" }\r\n"), 9);
        assert_int_equal(policy_size("\"\xc3\xa9\""), 3);
}

/* -- keys and codes ----------------------------------------------------------------------- */

static void
one_time_passwords_are_those_of_rfc_6238(void **state)
{
        /* Appendix B, the last six of its eight digits; its key in base32. */
        static const struct {
                int64_t now;
                const char *code;
        } rows[] = {
                { 59, "287082" },         { 1111111109, "081804" }, { 1111111111, "050471" },
                { 1234567890, "005924" }, { 2000000000, "279037" }, { 20000000000, "353130" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                char code[7];
                mfa_code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", rows[i].now, code);
                assert_string_equal(code, rows[i].code);
        }
}

static void
the_account_of_an_access_key_is_read_from_its_id(void **state)
{
        static const char *const accounts[] = { "111122223333", "000000000001", "999999999999" };
        char account[13];

        for (size_t i = 0; i < ARRAY_LENGTH(accounts); i++) {
                struct identities identities = { 0 };
                struct error err = { 0 };
                struct store *store = store_open(*state, &err);
                cJSON *form = cJSON_CreateObject();

                assert_non_null(store);
                cJSON_AddStringToObject(form, "account", accounts[i]);
                cJSON_AddStringToObject(form, "arn", "arn:aws:iam::1:user/u");
                const struct identity *made =
                        identity_make(&identities, store, form, i == 1, 7, &err);
                assert_non_null(made);
                assert_int_equal(strlen(made->access_key_id), 20);
                access_key_account(made->access_key_id, account);
                assert_string_equal(account, accounts[i]);
                assert_int_equal(made->session_token != NULL, i == 1);
                identities_clear(&identities);
                store_close(store);
        }
        /* Keys of before there was an account in them, and what is no key. */
        access_key_account("AKIAIOSFODNN7EXAMPLE", account);
        assert_string_equal(account, "");
        access_key_account("AKIA", account);
        assert_string_equal(account, "");
        access_key_account("AKIA!!!!!!!!!!!!!!!!", account);
        assert_string_equal(account, "");
}

static cJSON *
session_form(int64_t expires)
{
        cJSON *form = cJSON_CreateObject();

        cJSON_AddStringToObject(form, "account", "1");
        cJSON_AddStringToObject(form, "arn", "arn:aws:sts::1:assumed-role/r/s");
        cJSON_AddNumberToObject(form, "expires", (double)expires);
        return form;
}

static void
a_session_is_known_for_a_day_after_its_end_and_then_forgotten(void **state)
{
        struct identities identities = { 0 }, again = { 0 };
        struct error err = { 0 };
        struct store *store = store_open(*state, &err);

        assert_non_null(store);
        const struct identity *first =
                identity_make(&identities, store, session_form(1000), true, 100, &err);
        assert_non_null(first);
        CLEANUP(free_cleanup) char *id = text_copy(first->access_key_id);
        assert_non_null(identity_make(&identities, store, session_form(200000), true, 87400, &err));
        assert_non_null(identity_find(&identities, id));
        assert_non_null(identity_make(&identities, store, session_form(200000), true, 87401, &err));
        assert_null(identity_find(&identities, id));
        assert_int_equal(identities.count, 2);
        assert_done(identities_reload(&again, store, "1", &err), err);
        assert_int_equal(again.count, 2);
        assert_int_equal(again.all[0]->expires, 200000);
        identities_clear(&identities);
        identities_clear(&again);
        store_close(store);
}

/* A state from before there was IAM: each key had a policy beside it. */
static void
the_identities_of_an_old_state_become_users(void **state)
{
        static const char ca[] = "arn:aws:acm-pca:us-east-1:1:certificate-authority/a";
        static const struct {
                const char *key, *arn, *allowed;
        } rows[] = {
                { "AKIAOLDISSUER", "arn:aws:iam::1:user/localpca-issuer", "acm-pca:Get*" },
                { "AKIAOLDADMIN", "arn:aws:iam::1:user/localpca-admin", "*" },
        };
        struct identities identities = { 0 };
        struct records records = { 0 };
        struct error err = { 0 };
        struct store *store = store_open(*state, &err);

        assert_non_null(store);
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                cJSON *old = cJSON_CreateObject();
                CLEANUP(free_cleanup)
                char *policy = quoted("{'Version':'2012-10-17','Statement':{'Effect':'Allow',"
                                      "'Action':'acm-pca:Get*','Resource':'*'}}");
                cJSON_AddStringToObject(old, "access_key_id", rows[i].key);
                cJSON_AddStringToObject(old, "secret_access_key", "secret");
                cJSON_AddStringToObject(old, "arn", rows[i].arn);
                cJSON_AddItemToObject(old, "policy", cJSON_Parse(policy));
                assert_done(store_document_put(store, "identity", rows[i].key, old, NULL, &err),
                            err);
                cJSON_Delete(old);
        }
        assert_done(identities_load(&identities, &records, store, ca, "1", &err), err);
        assert_int_equal(identities.count, 2);
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                const struct identity *one = identities.all[i];
                const struct record *user = record_find(&records, RECORD_USER, one->record);

                assert_string_equal(one->access_key_id, rows[i].key);
                assert_null(one->policy);
                assert_non_null(user);
                assert_string_equal(record_text(user, "arn"), rows[i].arn);
                const char *text = json_text(json_member(user->json, "inline"), "localpca");
                assert_non_null(strstr(text, rows[i].allowed));
        }
        /* The next start finds them as they are now. */
        identities_clear(&identities);
        records_clear(&records);
        assert_done(records_load(&records, store, &err), err);
        assert_done(identities_load(&identities, &records, store, ca, "1", &err), err);
        assert_int_equal(records.count, 2);
        assert_null(identities.all[0]->policy);
        identities_clear(&identities);
        records_clear(&records);
        store_close(store);
}

/* -- records ------------------------------------------------------------------------------ */

static bool
is_in_force(const struct record *record, int64_t now_ms, const char *name)
{
        return json_member(json_member(record_in_force(record, now_ms), "inline"), name) != NULL;
}

static void
a_changed_policy_is_in_force_after_the_delay_and_not_before(void **state)
{
        static const char text[] = "{\"Statement\":[]}";
        struct records records = { 0 };
        struct error err = { 0 };
        struct store *store = store_open(*state, &err);
        cJSON *json = cJSON_CreateObject();
        cJSON *policies = cJSON_AddObjectToObject(json, "inline");
        struct record *record = record_new(&records, RECORD_USER, "1/u", json);

        assert_non_null(store);
        cJSON_AddStringToObject(policies, "first", text);
        assert_done(record_save(record, store, 1000, 500, &err), err);
        assert_null(record_in_force(record, 1499));
        assert_true(is_in_force(record, 1500, "first"));
        cJSON_AddStringToObject(policies, "second", text);
        assert_done(record_save(record, store, 2000, 500, &err), err);
        assert_true(is_in_force(record, 2499, "first"));
        assert_false(is_in_force(record, 2499, "second"));
        assert_true(is_in_force(record, 2500, "second"));
        /* Two changes at once: until the later one's time it is as before both. */
        cJSON_AddStringToObject(policies, "third", text);
        assert_done(record_save(record, store, 3000, 500, &err), err);
        cJSON_DeleteItemFromObject(policies, "second");
        assert_done(record_save(record, store, 3100, 500, &err), err);
        assert_true(is_in_force(record, 3599, "second"));
        assert_false(is_in_force(record, 3599, "third"));
        assert_false(is_in_force(record, 3600, "second"));
        assert_true(is_in_force(record, 3600, "third"));
        records_clear(&records);
        store_close(store);
}

static void
records_come_back_as_they_were_and_deleted_ones_do_not(void **state)
{
        struct records records = { 0 }, again = { 0 };
        struct error err = { 0 };
        struct store *store = store_open(*state, &err);

        assert_non_null(store);
        for (int i = 0; i < 3; i++) {
                CLEANUP(free_cleanup) char *key = text_format("1/u%d", i);
                struct record *one = record_new(&records, i == 2 ? RECORD_ROLE : RECORD_USER, key,
                                                cJSON_CreateObject());
                json_set_text(one->json, "name", key);
                assert_done(record_save(one, store, 0, 0, &err), err);
        }
        assert_done(record_delete(&records, record_find(&records, RECORD_USER, "1/u0"), store,
                                  &err),
                    err);
        assert_done(records_load(&again, store, &err), err);
        assert_int_equal(again.count, 2);
        assert_null(record_find(&again, RECORD_USER, "1/u0"));
        assert_null(record_find(&again, RECORD_USER, "1/u2"));
        assert_string_equal(record_text(record_find(&again, RECORD_ROLE, "1/u2"), "name"), "1/u2");
        records_clear(&records);
        records_clear(&again);
        store_close(store);
}

/* -- the query protocol ------------------------------------------------------------------- */

static const struct shape *
input_of(const struct facts_operation *rows, const char *name)
{
        while (rows->name && strcmp(rows->name, name) != 0)
                rows++;
        return rows->input;
}

static void
a_form_becomes_the_input_that_the_facts_describe(void **state)
{
        static const char body[] =
                "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam&Tags.member.1.Key=a+b&"
                "Tags.member.1.Value=%C3%A9&Tags.member.2.Key=c&DurationSeconds=900&"
                "TransitiveTagKeys.member.1=x&TransitiveTagKeys.member.3=lost&Unknown=1";
        CLEANUP(form_clear) struct form form = { 0 };

        (void)state;
        assert_true(form_read(view_text(body), &form));
        cJSON *input = form_input(&form, input_of(facts_sts, "AssumeRole"));
        CLEANUP(free_cleanup) char *text = cJSON_PrintUnformatted(input);

        assert_string_equal(text, "{\"RoleArn\":\"arn:aws:iam\",\"DurationSeconds\":900,"
                                  "\"Tags\":[{\"Key\":\"a b\",\"Value\":\"\xc3\xa9\"},"
                                  "{\"Key\":\"c\"}],\"TransitiveTagKeys\":[\"x\"]}");
        cJSON_Delete(input);
}

static void
hostile_forms_are_read_or_refused(void **state)
{
        static const char *const bodies[] = {
                "",
                "&",
                "=",
                "&&&=&",
                "%",
                "%4",
                "%zz=%",
                "a=%00b",
                "RoleArn.member.1=x",
                "Tags=",
                "Tags.member.1=",
                "Tags.member.0.Key=a",
                "Tags.member.1.Key.member.1=a",
                "DurationSeconds=99999999999999999999",
                "Tags.member.1.Key.Key=a",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
                CLEANUP(form_clear) struct form form = { 0 };
                assert_true(form_read(view_text(bodies[i]), &form));
                cJSON *input = form_input(&form, input_of(facts_sts, "AssumeRole"));
                assert_true(cJSON_IsObject(input));
                cJSON_Delete(input);
        }
        CLEANUP(form_clear) struct form form = { 0 };
        CLEANUP(buf_cleanup) struct buf long_body = { 0 };
        for (int i = 0; i < 5000; i++)
                buf_format(&long_body, "a%d=&", i);
        assert_false(form_read(view_buf(&long_body), &form));
}

static void
an_output_becomes_xml_with_members_and_escapes(void **state)
{
        CLEANUP(buf_cleanup) struct buf out = { 0 };
        CLEANUP(free_cleanup)
        char *text = quoted("{'A':'<&>\\u0001','B':['x',{'C':true}],'D':7,'E':{},'F':[]}");
        cJSON *object = cJSON_Parse(text);

        (void)state;
        xml_write(&out, object);
        assert_string_equal(buf_text(&out),
                            "<A>&lt;&amp;&gt;</A><B><member>x</member><member><C>true</C></member>"
                            "</B><D>7</D><E></E><F></F>");
        cJSON_Delete(object);
}

static void
every_operation_with_facts_can_be_run_and_has_a_name_for_statistics(void **state)
{
        const struct {
                const char *service;
                const struct facts_operation *facts;
                const struct query_operation *operations;
        } services[] = { { "iam", facts_iam, iam_operations },
                         { "sts", facts_sts, sts_operations } };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(services); i++) {
                size_t count = 0;
                for (const struct facts_operation *one = services[i].facts; one->name; one++) {
                        CLEANUP(free_cleanup)
                        char *name = text_format("%s.%s", services[i].service, one->name);
                        assert_string_equal(services[i].operations[count].name, one->name);
                        assert_non_null(services[i].operations[count++].run);
                        int index = facts_index(name);
                        assert_true(index >= 0);
                        assert_string_equal(facts_name((size_t)index), name);
                }
                assert_null(services[i].operations[count].name);
        }
        assert_int_equal(facts_index("AssumeRole"), -1);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_no_policy_is_refused_in_iams_words),
                cmocka_unit_test(every_managed_policy_is_a_policy),
                cmocka_unit_test(white_space_does_not_count_for_the_size_of_a_policy),
                cmocka_unit_test(one_time_passwords_are_those_of_rfc_6238),
                IN_FOLDER(the_account_of_an_access_key_is_read_from_its_id),
                IN_FOLDER(a_session_is_known_for_a_day_after_its_end_and_then_forgotten),
                IN_FOLDER(the_identities_of_an_old_state_become_users),
                IN_FOLDER(a_changed_policy_is_in_force_after_the_delay_and_not_before),
                IN_FOLDER(records_come_back_as_they_were_and_deleted_ones_do_not),
                cmocka_unit_test(a_form_becomes_the_input_that_the_facts_describe),
                cmocka_unit_test(hostile_forms_are_read_or_refused),
                cmocka_unit_test(an_output_becomes_xml_with_members_and_escapes),
                cmocka_unit_test(
                        every_operation_with_facts_can_be_run_and_has_a_name_for_statistics),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
