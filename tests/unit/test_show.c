#include "tests/unit/unit.h"

#include "cli/show.h"
#include "order/text_list.h"

/* The members of an order's object, in the order that cli.md has them. */
static const char *const members[] = {
        "order",
        "name",
        "state",
        "maybe_duplicate",
        "ca_arn",
        "certificate_arn",
        "serial",
        "subject",
        "sans",
        "template_arn",
        "not_before",
        "not_after",
        "fingerprint_sha256",
        "token",
        "key",
        "files",
        "holder",
        "place",
        "replaces",
        "error",
        "differences",
        "wishes",
        "superseded_by",
        "created_at",
        "issued_at",
        "delivered_at",
        "installed_at",
        "revoked_at",
        "revocation_reason",
        "attributes",
};

static const cJSON *
at(const cJSON *json, const char *name)
{
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

        assert_non_null(item);
        return item;
}

static const char *
text_at(const cJSON *json, const char *name)
{
        const char *text = cJSON_GetStringValue(at(json, name));

        assert_non_null(text);
        return text;
}

static struct order *
delivered(void)
{
        struct order *order = order_new();
        const uint8_t id[] = { 0x0A, 0xFF };

        order->number = 7;
        order->state = ORDER_DELIVERED;
        order->wishes.name = text_copy("device-1");
        order->wishes.subject = text_copy("CN=device-1");
        order->wishes.key_type = KEY_EC_P256;
        wishes_add_san(&order->wishes, "dns:device-1.example");
        buf_set(&order->key_id, view_of(id, sizeof(id)));
        order->evidence.local = ANSWER_YES;
        order->evidence.always_sensitive = ANSWER_NO;
        order->serial = text_copy("0a1b");
        order->not_after = 1800000000;
        order->file_certificate = text_copy("/c.pem");
        return order;
}

static void
an_order_has_exactly_the_members_that_were_promised(void **state)
{
        struct order *order = delivered();
        cJSON *json = show_order_json(order);
        size_t i = 0;

        (void)state;
        for (const cJSON *item = json->child; item; item = item->next, i++) {
                assert_true(i < ARRAY_LENGTH(members));
                assert_string_equal(item->string, members[i]);
        }
        assert_int_equal(i, ARRAY_LENGTH(members));
        assert_int_equal(at(json, "order")->valueint, 7);
        assert_string_equal(text_at(json, "state"), "delivered");
        assert_string_equal(text_at(json, "not_after"), "2027-01-15T08:00:00Z");
        assert_true(cJSON_IsNull(at(json, "not_before")));
        assert_true(cJSON_IsNull(at(json, "replaces")));
        assert_true(cJSON_IsNull(at(json, "error")));
        assert_true(cJSON_IsFalse(at(json, "maybe_duplicate")));
        assert_string_equal(cJSON_GetArrayItem(at(json, "sans"), 0)->valuestring,
                            "dns:device-1.example");
        const cJSON *key = at(json, "key");

        assert_string_equal(text_at(key, "type"), "ec:p256");
        assert_string_equal(text_at(key, "id"), "0aff");
        assert_true(cJSON_IsTrue(at(at(key, "evidence"), "local")));
        assert_true(cJSON_IsFalse(at(at(key, "evidence"), "always_sensitive")));
        assert_true(cJSON_IsNull(at(at(key, "evidence"), "never_extractable")));
        assert_string_equal(text_at(at(json, "files"), "certificate"), "/c.pem");
        assert_true(cJSON_IsNull(at(at(json, "files"), "chain")));
        cJSON_Delete(json);
        order_free(order);
}

static void
without_an_order_there_are_the_same_members_with_nothing_in_them(void **state)
{
        cJSON *json = show_order_json(NULL);

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(members); i++)
                assert_non_null(at(json, members[i]));
        assert_true(cJSON_IsNull(at(json, "order")));
        assert_true(cJSON_IsNull(at(json, "state")));
        assert_true(cJSON_IsNull(at(json, "sans")));
        cJSON_Delete(json);
}

static void
the_wishes_are_shown_part_by_part(void **state)
{
        struct order *order = delivered();
        struct wishes *wishes = &order->wishes;
        struct error err = { 0 };

        (void)state;
        assert_done(usages_add_key_usage(&wishes->usages, "keyAgreement,digitalSignature", &err),
                    err);
        assert_done(usages_add_extended(&wishes->usages, "clientAuth,1.2.3", &err), err);
        assert_done(usages_add_policy(&wishes->usages, "1.2.3,cps=https://pki.example/", &err),
                    err);
        text_list_add(&wishes->extensions, &wishes->extension_count, "1.2.4,critical:0500");
        text_list_add(&wishes->allowed, &wishes->allowed_count, "extension:1.2.9");
        wishes->path_length = 1;
        wishes->hash = HASH_SHA384;
        wishes->validity = (struct validity){ VALIDITY_MONTHS, 13 };
        cJSON *json = show_wishes_json(wishes);
        char *text = cJSON_PrintUnformatted(json);

        assert_string_equal(
                text, "{\"profile\":null,\"key_usage\":[\"digitalSignature\",\"keyAgreement\"],"
                      "\"ext_key_usage\":[\"clientAuth\",\"1.2.3\"],"
                      "\"policies\":[{\"oid\":\"1.2.3\",\"cps\":\"https://pki.example/\"}],"
                      "\"extensions\":[{\"oid\":\"1.2.4\",\"critical\":true,\"value\":\"0500\"}],"
                      "\"path_length\":0,\"hash\":\"sha384\",\"validity\":\"13mo\","
                      "\"not_before\":null,\"renew_before\":null,\"signing_algorithm\":null,"
                      "\"allowed_differences\":[\"extension:1.2.9\"]}");
        cJSON_free(text);
        cJSON_Delete(json);
        order_free(order);
}

static void
an_error_keeps_its_sentences_and_what_aws_said(void **state)
{
        struct error err = { 0 };

        (void)state;
        error_set(&err, ERROR_DENIED, "AWS denied it");
        error_about(&err, "order 3");
        error_aws(&err, "AccessDeniedException", "not you", "id-1");
        cJSON *json = show_error_json(&err);

        assert_string_equal(text_at(json, "kind"), "access-denied");
        assert_string_equal(text_at(json, "what"), "AWS denied it");
        assert_string_equal(text_at(json, "about"), "order 3");
        assert_true(cJSON_IsNull(at(json, "next")));
        assert_string_equal(text_at(at(json, "aws"), "code"), "AccessDeniedException");
        assert_string_equal(text_at(at(json, "aws"), "request_id"), "id-1");
        cJSON_Delete(json);
}

static void
an_error_reads_in_three_lines(void **state)
{
        CLEANUP(buf_cleanup) struct buf out = { 0 };
        struct error err = { 0 };

        (void)state;
        error_set(&err, ERROR_PIN_WRONG, "the token refused the PIN");
        error_about(&err, "token 'batch-07'");
        error_advise(&err, "check the PIN file");
        show_error_text(&out, &err, false, 0);
        assert_string_equal(buf_text(&out), "p11cert: the token refused the PIN\n"
                                            "  on:   token 'batch-07'\n"
                                            "  next: check the PIN file\n");
}

static void
an_error_is_broken_between_words_at_the_width_of_the_terminal(void **state)
{
        CLEANUP(buf_cleanup) struct buf out = { 0 };
        struct error err = { 0 };

        (void)state;
        error_set(&err, ERROR_USAGE, "'foo' is not a reason to revoke that anybody knows");
        error_about(&err, "pkcs11:token=a-word-that-is-longer-than-the-line");
        error_advise(&err, "it is one of superseded,\nor key-compromise, as RFC 5280 has it");
        show_error_text(&out, &err, false, 40);
        assert_string_equal(buf_text(&out),
                            "p11cert: 'foo' is not a reason to revoke\n"
                            "        that anybody knows\n"
                            "  on:   pkcs11:token=a-word-that-is-longer-than-the-line\n"
                            "  next: it is one of superseded,\n"
                            "        or key-compromise, as RFC 5280\n"
                            "        has it\n");
}

static void
what_aws_said_is_not_repeated_and_not_a_page(void **state)
{
        CLEANUP(buf_cleanup) struct buf out = { 0 };
        struct error err = { 0 };

        (void)state;
        error_set(&err, ERROR_REQUEST_REFUSED, "AWS refuses the request: too long");
        (void)snprintf(err.aws.code, sizeof(err.aws.code), "ValidationException");
        (void)snprintf(err.aws.message, sizeof(err.aws.message), "too long");
        show_error_text(&out, &err, false, 0);
        assert_non_null(strstr(buf_text(&out), "  aws:  ValidationException (request unknown)\n"));
        buf_clear(&out);
        memset(err.aws.message, 'x', sizeof(err.aws.message) - 1);
        show_error_text(&out, &err, false, 0);
        assert_non_null(strstr(buf_text(&out), "ValidationException: xxx"));
        assert_non_null(strstr(buf_text(&out), "xxx … (request unknown)\n"));
        assert_true(out.len < 450);
}

static void
a_cell_is_as_wide_as_its_characters_not_as_its_bytes(void **state)
{
        CLEANUP(buf_cleanup) struct buf out = { 0 };

        (void)state;
        show_cell(&out, "a…b", 5);
        show_cell(&out, "longer", 5);
        show_cell(&out, "", 2);
        assert_string_equal(buf_text(&out), "a…b   longer    ");
}

static void
the_lines_of_a_list_in_an_error_are_kept_apart(void **state)
{
        CLEANUP(buf_cleanup) struct buf out = { 0 };
        struct error err = { 0 };

        (void)state;
        error_set(&err, ERROR_TOKEN_AMBIGUOUS, "two tokens match");
        error_advise(&err, "choose one:\npkcs11:serial=1\npkcs11:serial=2");
        show_error_text(&out, &err, false, 0);
        assert_non_null(strstr(buf_text(&out), "  next: choose one:\n        pkcs11:serial=1\n"));
}

static void
what_a_token_says_cannot_steer_the_terminal(void **state)
{
        static const struct {
                const char *name;
                const char *text;
                const char *shown;
        } rows[] = {
                { "plain", "token \xC3\xA9 1", "token \xC3\xA9 1" },
                { "an escape sequence", "a\033[2Jb", "a\xEF\xBF\xBD[2Jb" },
                { "a new line", "a\nb",
                  "a\xEF\xBF\xBD"
                  "b" },
                { "a C1 control",
                  "a\xC2\x9B"
                  "b",
                  "a\xEF\xBF\xBD"
                  "b" },
                { "Latin-1", "caf\xE9", "caf\xEF\xBF\xBD" },
                { "overlong", "\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD" },
                { "a surrogate", "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
                { "cut short", "\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD" },
                { "four bytes", "\xF0\x9F\x94\x91", "\xF0\x9F\x94\x91" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup) char *shown = show_printable(rows[i].text);

                print_message("%s\n", rows[i].name);
                assert_string_equal(shown, rows[i].shown);
        }
}

static void
json_is_valid_whatever_a_token_calls_itself(void **state)
{
        struct order *order = delivered();

        (void)state;
        order->token.label = text_copy("caf\xE9 \"x\" \001");
        cJSON *json = show_order_json(order);
        char *text = cJSON_PrintUnformatted(json);

        assert_non_null(strstr(text, "caf\xEF\xBF\xBD \\\"x\\\" \\u0001"));
        cJSON_free(text);
        cJSON_Delete(json);
        order_free(order);
}

static void
the_summary_names_what_is_needed_to_install_it(void **state)
{
        CLEANUP(buf_cleanup) struct buf out = { 0 };
        struct order *order = delivered();

        (void)state;
        order->key_uri = text_copy("pkcs11:id=%0A");
        show_order_summary(&out, order);
        assert_non_null(strstr(buf_text(&out), "device-1"));
        assert_non_null(strstr(buf_text(&out), "0a1b"));
        assert_non_null(strstr(buf_text(&out), "/c.pem"));
        assert_non_null(strstr(buf_text(&out), "pkcs11:id=%0A"));
        order_free(order);
}

static void
why_an_order_stands_still_is_part_of_what_is_shown(void **state)
{
        CLEANUP(buf_cleanup) struct buf out = { 0 };
        struct order *order = delivered();

        (void)state;
        error_set(&order->error, ERROR_TOKEN_ABSENT, "the token is not here");
        show_order_text(&out, order);
        assert_non_null(strstr(buf_text(&out), "the token is not here"));
        order_free(order);
}

static void
lines_stand_below_one_another(void **state)
{
        CLEANUP(buf_cleanup) struct buf out = { 0 };

        (void)state;
        show_lines(&out, 4, "on", "a\nb\x1b");
        show_lines(&out, 4, "x", "");
        assert_string_equal(buf_text(&out), "on   a\n     b\xef\xbf\xbd\n");
}

static void
lines_are_joined_to_one(void **state)
{
        static const char *const cases[][2] = {
                { "", "" },
                { "a", "a" },
                { "a\n", "a" },
                { "a b\nc\n", "a b; c" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(free_cleanup) char *joined = show_joined(cases[i][0]);

                assert_string_equal(joined, cases[i][1]);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_stand_below_one_another),
                cmocka_unit_test(lines_are_joined_to_one),
                cmocka_unit_test(an_order_has_exactly_the_members_that_were_promised),
                cmocka_unit_test(without_an_order_there_are_the_same_members_with_nothing_in_them),
                cmocka_unit_test(the_wishes_are_shown_part_by_part),
                cmocka_unit_test(an_error_keeps_its_sentences_and_what_aws_said),
                cmocka_unit_test(an_error_reads_in_three_lines),
                cmocka_unit_test(an_error_is_broken_between_words_at_the_width_of_the_terminal),
                cmocka_unit_test(what_aws_said_is_not_repeated_and_not_a_page),
                cmocka_unit_test(a_cell_is_as_wide_as_its_characters_not_as_its_bytes),
                cmocka_unit_test(the_lines_of_a_list_in_an_error_are_kept_apart),
                cmocka_unit_test(what_a_token_says_cannot_steer_the_terminal),
                cmocka_unit_test(json_is_valid_whatever_a_token_calls_itself),
                cmocka_unit_test(the_summary_names_what_is_needed_to_install_it),
                cmocka_unit_test(why_an_order_stands_still_is_part_of_what_is_shown),
        };

        return cmocka_run_group_tests_name("show", tests, NULL, NULL);
}
