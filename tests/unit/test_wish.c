#include "tests/unit/unit.h"

#include "cli/wish.h"
#include "order/fill.h"

#define CA                                                              \
        "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/" \
        "11111111-2222-3333-4444-555555555555"

/* Options from "name=value" texts that end with NULL, as if they stood on the command line. */
static struct options
given(const char *const *pairs)
{
        struct options options = { 0 };
        struct error err = { 0 };

        for (; *pairs; pairs++) {
                size_t length = strcspn(*pairs, "=");
                CLEANUP(free_cleanup) char *name = text_copy_length(*pairs, length);
                CLEANUP(free_cleanup) char *where = text_format("--%s", name);

                assert_done(options_set(&options, option_named(name), *pairs + length + 1,
                                        ORIGIN_LINE, where, &err),
                            err);
        }
        return options;
}

#define GIVEN(...) given((const char *const[]){ __VA_ARGS__, NULL })

static void
wishes_are_what_was_given_in_its_normal_form(void **state)
{
        struct options options =
                GIVEN("ca=" CA, "token=pkcs11:token=a", "subject=CN=Device 1,O=X",
                      "san=dns:A.example", "san=ip:192.0.2.1", "validity=90d", "key-type=rsa:3072",
                      "template=EndEntityCertificate", "key-usage=digitalSignature", "id=0A:ff",
                      "attribute=rack=7", "store=token", "format=der,p7b");
        struct order *order = order_new();
        struct error err = { 0 };
        struct wishes *wishes = &order->wishes;

        (void)state;
        assert_done(wish_read(&options, true, order, &err), err);
        assert_string_equal(wishes->name, "Device-1");
        assert_string_equal(wishes->region, "us-east-1");
        assert_string_equal(wishes->subject, "CN=Device 1,O=X");
        assert_int_equal(wishes->san_count, 2);
        assert_string_equal(wishes->sans[0], "dns:a.example");
        assert_int_equal(wishes->key_type, KEY_RSA_3072);
        assert_int_equal(wishes->validity.type, VALIDITY_DAYS);
        assert_int_equal(wishes->validity.value, 90);
        assert_string_equal(wishes->template_arn,
                            "arn:aws:acm-pca:::template/EndEntityCertificate/V1");
        assert_int_equal(wishes->usages.key_usage, USAGE_DIGITAL_SIGNATURE);
        assert_int_equal(wishes->given_id.len, 2);
        assert_int_equal(wishes->stores, STORE_TOKEN);
        assert_int_equal(wishes->formats, FORMAT_DER | FORMAT_P7B);
        assert_string_equal(wishes->attributes[0].value, "7");
        order_free(order);
        options_clear(&options);
}

static void
what_nobody_asked_for_stays_open_until_the_defaults_are_filled_in(void **state)
{
        struct options options = GIVEN("ca=" CA, "token=pkcs11:token=a", "subject=CN=a");
        CLEANUP(buf_cleanup) struct buf used = { 0 };
        struct order *order = order_new();
        struct error err = { 0 };

        (void)state;
        assert_done(wish_read(&options, true, order, &err), err);
        assert_null(order->wishes.template_arn);
        assert_int_equal(order->wishes.key_type, KEY_NONE);
        assert_int_equal(order->wishes.stores, 0);
        assert_null(order->wishes.folder);
        assert_done(wish_default(&order->wishes, "/state", &used, &err), err);
        assert_int_equal(order->wishes.key_type, KEY_EC_P256);
        assert_int_equal(order->wishes.stores, STORE_TOKEN | STORE_FILES);
        assert_string_equal(order->wishes.folder, "/state/certificates/a");
        assert_non_null(strstr(buf_text(&used), "EndEntityCertificate/V1"));
        assert_non_null(strstr(buf_text(&used), "ec:p256"));
        assert_non_null(strstr(buf_text(&used), "365d"));
        assert_non_null(strstr(buf_text(&used), "/state/certificates/a"));
        order_free(order);
        options_clear(&options);
}

static void
what_does_not_go_together_is_a_usage_error(void **state)
{
        static const struct {
                const char *name;
                const char *pairs[8];
                const char *says;
        } rows[] = {
                { "no CA", { "token=pkcs11:token=a", "subject=CN=a" }, "--ca" },
                { "no token", { "ca=" CA, "subject=CN=a" }, "--token" },
                { "no subject", { "ca=" CA, "token=pkcs11:token=a" }, "--subject" },
                { "another Region",
                  { "ca=" CA, "token=pkcs11:token=a", "subject=CN=a", "region=eu-west-1" },
                  "us-east-1" },
                { "a key and a type",
                  { "ca=" CA, "key=pkcs11:token=a;object=k", "subject=CN=a", "key-type=ec:p256" },
                  "--key" },
                { "a CSR and a subject",
                  { "ca=" CA, "token=pkcs11:token=a", "csr=/nowhere", "subject=CN=a" },
                  "--csr" },
                { "--replace alone",
                  { "ca=" CA, "token=pkcs11:token=a", "subject=CN=a", "replace=yes" },
                  "--id" },
                { "an id that is no hex",
                  { "ca=" CA, "token=pkcs11:token=a", "subject=CN=a", "id=xyz" },
                  "hex" },
                { "a bad name",
                  { "ca=" CA, "token=pkcs11:token=a", "subject=CN=a", "name=.hidden" },
                  "dot" },
                { "no common name",
                  { "ca=" CA, "token=pkcs11:token=a", "subject=O=Example" },
                  "--name" },
                { "an unknown target",
                  { "ca=" CA, "token=pkcs11:token=a", "subject=CN=a", "store=cloud" },
                  "token and files" },
                { "half an attribute",
                  { "ca=" CA, "token=pkcs11:token=a", "subject=CN=a", "attribute=rack" },
                  "KEY=VALUE" },
                { "half a key of an ENGINE",
                  { "ca=" CA, "key=engine:tpm2tss", "subject=CN=a" },
                  "engine:ID:KEY" },
                { "a token beside a key of an ENGINE",
                  { "ca=" CA, "key=engine:tpm2tss:k", "token=pkcs11:token=a", "subject=CN=a" },
                  "--token" },
                { "what cannot be written behind an ENGINE",
                  { "ca=" CA, "key=engine:tpm2tss:k", "subject=CN=a", "store=token" },
                  "--store token" },
                { "a key on no token",
                  { "ca=" CA, "key=pkcs11:object=k", "subject=CN=a" },
                  "--token" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                struct options options = given(rows[i].pairs);
                struct order *order = order_new();
                struct error err = { 0 };
                char all[2048];

                print_message("%s\n", rows[i].name);
                assert_refused(wish_read(&options, true, order, &err), err, ERROR_USAGE);
                snprintf(all, sizeof(all), "%s %s", err.what, err.next);
                assert_non_null(strstr(all, rows[i].says));
                order_free(order);
                options_clear(&options);
        }
}

static void
a_key_without_a_token_in_its_uri_is_looked_for_on_the_named_token(void **state)
{
        struct options options = GIVEN("ca=" CA, "token=pkcs11:token=a?pin-source=file:/p",
                                       "key=pkcs11:object=k", "subject=CN=a");
        struct order *order = order_new();
        struct error err = { 0 };

        (void)state;
        assert_done(wish_read(&options, true, order, &err), err);
        assert_string_equal(order->wishes.key_uri, "pkcs11:token=a;object=k?pin-source=file:/p");
        order_free(order);
        options_clear(&options);
}

static void
a_csr_that_is_held_needs_no_ca_yet(void **state)
{
        struct options options = GIVEN("token=pkcs11:token=a", "subject=CN=a");
        struct options named = GIVEN("token=pkcs11:token=a", "subject=CN=a", "template=server");
        struct order *order = order_new();
        struct order *other = order_new();
        struct error err = { 0 };

        (void)state;
        assert_done(wish_read(&options, false, order, &err), err);
        assert_null(order->wishes.ca_arn);
        assert_refused(wish_read(&named, false, other, &err), err, ERROR_USAGE);
        order_free(order);
        order_free(other);
        options_clear(&options);
        options_clear(&named);
}

static void
a_recorded_option_may_not_change_unless_overridden(void **state)
{
        struct options options = GIVEN("endpoint-url=http://127.0.0.1:2", "module=/other.so");
        struct wishes wishes = { .endpoint = text_copy("http://127.0.0.1:1"),
                                 .module = text_copy("/other.so") };
        struct error err = { 0 };

        (void)state;
        assert_refused(wish_check_recorded(&options, false, &wishes, &err), err,
                       ERROR_ORDER_DIFFERS);
        assert_non_null(strstr(err.what, "http://127.0.0.1:1"));
        assert_non_null(strstr(err.next, "--override"));
        assert_done(wish_check_recorded(&options, true, &wishes, &err), err);
        assert_string_equal(wishes.endpoint, "http://127.0.0.1:2");
        assert_done(wish_check_recorded(&options, false, &wishes, &err), err);
        wishes_clear(&wishes);
        options_clear(&options);
}

static void
the_configuration_is_no_reason_to_refuse_a_recorded_option(void **state)
{
        struct options options = { 0 };
        struct wishes wishes = { .module = text_copy("/recorded.so") };
        struct error err = { 0 };

        (void)state;
        assert_done(options_set(&options, OPTION_MODULE, "/configured.so", ORIGIN_GENERAL, "f:1",
                                &err),
                    err);
        assert_done(wish_check_recorded(&options, false, &wishes, &err), err);
        assert_string_equal(wishes.module, "/recorded.so");
        wishes_clear(&wishes);
        options_clear(&options);
}

static void
submit_may_say_what_is_still_open_but_not_move_to_another_ca(void **state)
{
        struct options options = GIVEN("ca=" CA, "validity=30d", "template=EndEntityCertificate");
        struct options other =
                GIVEN("ca=arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/"
                      "99999999-2222-3333-4444-555555555555");
        struct wishes wishes = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_done(wish_amend(&options, &wishes, &err), err);
        assert_string_equal(wishes.ca_arn, CA);
        assert_int_equal(wishes.validity.value, 30);
        assert_non_null(wishes.template_arn);
        assert_refused(wish_amend(&other, &wishes, &err), err, ERROR_USAGE);
        wishes_clear(&wishes);
        options_clear(&options);
        options_clear(&other);
}

static void
the_configuration_fills_in_what_is_open_and_leaves_alone_what_is_recorded(void **state)
{
        static const struct {
                enum option_id id;
                const char *text;
        } configured[] = {
                { OPTION_VALIDITY, "365d" },
                { OPTION_TEMPLATE, "EndEntityClientAuthCertificate" },
                { OPTION_CA, "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/"
                             "99999999-2222-3333-4444-555555555555" },
        };
        struct options options = { 0 };
        struct wishes wishes = { .ca_arn = text_copy(CA), .validity = { VALIDITY_DAYS, 10 } };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(configured); i++)
                assert_done(options_set(&options, configured[i].id, configured[i].text,
                                        ORIGIN_GENERAL, "f:1", &err),
                            err);
        assert_done(wish_amend(&options, &wishes, &err), err);
        assert_string_equal(wishes.ca_arn, CA);
        assert_int_equal(wishes.validity.value, 10);
        assert_string_equal(wishes.template_arn,
                            "arn:aws:acm-pca:::template/EndEntityClientAuthCertificate/V1");
        wishes_clear(&wishes);
        options_clear(&options);
}

/* The wishes that `options` give for a token that is known, or NULL for one that is not. */
static struct order *
filled(const struct options *options, const char *serial, struct error *err)
{
        struct order *order = order_new();

        text_assign(&order->token.serial, serial);
        text_assign(&order->token.label, serial ? "first" : NULL);
        assert_done(wish_read_row(options, true, 7, order, err), *err);
        return order;
}

static void
texts_are_filled_with_what_is_known(void **state)
{
        struct options options =
                GIVEN("ca=" CA, "token=pkcs11:token=a", "name=dev-{row}",
                      "attribute=site=Berlin, N", "subject=CN={name},L={attr.site}",
                      "san=dns:{name}.{attr.site}x.example", "label={name}/{row}",
                      "out=/srv/{attr.site}", "holder={attr.site} {{x}}", "place={date.compact}");
        struct error err = { 0 };
        struct order *order = order_new();

        (void)state;
        assert_refused(wish_read_row(&options, true, 7, order, &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.about, "--san")); /* ", " is nothing for a DNS name */
        order_free(order);
        options_clear(&options);
        options = GIVEN("ca=" CA, "token=pkcs11:token=a", "name=dev-{row}",
                        "attribute=site=Berlin, N", "subject=CN={name},L={attr.site}",
                        "san=dns:{name}.example", "label={name}/{row}", "out=/srv/{attr.site}",
                        "holder={attr.site} {{x}}", "place={row}");
        order = filled(&options, NULL, &err);
        assert_false(order->wishes.unfilled);
        assert_string_equal(order->wishes.name, "dev-7");
        assert_string_equal(order->wishes.subject, "CN=dev-7,L=Berlin\\, N");
        assert_string_equal(order->wishes.sans[0], "dns:dev-7.example");
        assert_string_equal(order->wishes.label, "dev-7/7");
        assert_string_equal(order->wishes.folder, "/srv/Berlin%2C%20N/dev-7");
        assert_string_equal(order->wishes.holder, "Berlin, N {x}");
        assert_string_equal(order->wishes.place, "7");
        order_free(order);
        options_clear(&options);
}

/* Values that look like placeholders go through both fillings as they are. */
static void
what_waits_for_the_token_is_filled_once_it_is_known(void **state)
{
        struct options options =
                GIVEN("ca=" CA, "token=pkcs11:token=a", "attribute=odd={token.label}",
                      "subject=CN={token.serial},OU={attr.odd}", "san=dns:{name}.example",
                      "san=dirname:CN={token.label},O={attr.odd}", "label={token.label}-{{}}",
                      "holder={attr.odd}");
        const struct fill_facts token = { .token_serial = "0A", .token_label = "{name}" };
        struct error err = { 0 };
        struct order *order = filled(&options, NULL, &err);
        CLEANUP(buf_cleanup) struct buf used = { 0 };
        struct wishes *wishes = &order->wishes;

        (void)state;
        assert_true(wishes->unfilled);
        assert_true(wish_name_is_open(wishes));
        assert_done(wish_default(wishes, "/st{a}te", &used, &err), err);
        assert_done(fill_wishes(wishes, &token, &err), err);
        assert_false(wishes->unfilled);
        assert_string_equal(wishes->name, "0A");
        assert_string_equal(wishes->subject, "CN=0A,OU={token.label}");
        assert_string_equal(wishes->sans[0], "dns:0a.example");
        assert_string_equal(wishes->sans[1], "dirname:CN={name},O={token.label}");
        assert_string_equal(wishes->label, "{name}-{}");
        assert_string_equal(wishes->holder, "{token.label}");
        assert_string_equal(wishes->folder, "/st{a}te/certificates/0A");
        order_free(order);
        options_clear(&options);
}

/* The same command for an order that has its token already asks for the same. */
static void
a_known_token_gives_the_same_wishes_at_once(void **state)
{
        struct options options = GIVEN("ca=" CA, "token=pkcs11:token=a", "name=n",
                                       "subject=CN={token.serial},O={token.label}", "place={name}");
        const struct fill_facts token = { .token_serial = "0A,1", .token_label = "first" };
        struct error err = { 0 };
        struct order *later = filled(&options, NULL, &err);
        struct order *at_once = filled(&options, "0A,1", &err);
        char *difference = NULL;

        (void)state;
        assert_true(later->wishes.unfilled);
        assert_false(wish_name_is_open(&later->wishes));
        assert_false(at_once->wishes.unfilled);
        assert_done(fill_wishes(&later->wishes, &token, &err), err);
        assert_true(wishes_equal(&at_once->wishes, &later->wishes, &difference));
        assert_string_equal(at_once->wishes.subject, "CN=0A\\,1,O=first");
        order_free(later);
        order_free(at_once);
        options_clear(&options);
}

static void
a_pattern_that_can_never_be_right_is_refused_before_the_token_is_known(void **state)
{
        static const struct {
                const char *option;
                const char *says;
        } rows[] = {
                { "subject=CN={token.seriel}", "{token.serial}" },
                { "subject=XX={token.serial}", "unknown attribute" },
                { "subject=CN={token.serial},C=Germany", "too long" },
                { "san=dns:{token.label}..example", "label is empty" },
                { "san=dns:{name", "stands alone" },
                { "place={token.serial}{attr.none}", "no attribute" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                bool is_subject = text_starts(rows[i].option, "subject");
                struct options options =
                        GIVEN("ca=" CA, "token=pkcs11:token=a", "name=n", rows[i].option,
                              is_subject ? "place=x" : "subject=CN={token.serial}");
                struct order *order = order_new();
                struct error err = { 0 };

                assert_refused(wish_read(&options, true, order, &err), err, ERROR_USAGE);
                if (!strstr(err.what, rows[i].says) && !strstr(err.next, rows[i].says))
                        fail_msg("%s: %s / %s", rows[i].option, err.what, err.next);
                order_free(order);
                options_clear(&options);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(wishes_are_what_was_given_in_its_normal_form),
                cmocka_unit_test(what_nobody_asked_for_stays_open_until_the_defaults_are_filled_in),
                cmocka_unit_test(what_does_not_go_together_is_a_usage_error),
                cmocka_unit_test(a_key_without_a_token_in_its_uri_is_looked_for_on_the_named_token),
                cmocka_unit_test(a_csr_that_is_held_needs_no_ca_yet),
                cmocka_unit_test(a_recorded_option_may_not_change_unless_overridden),
                cmocka_unit_test(the_configuration_is_no_reason_to_refuse_a_recorded_option),
                cmocka_unit_test(
                        the_configuration_fills_in_what_is_open_and_leaves_alone_what_is_recorded),
                cmocka_unit_test(submit_may_say_what_is_still_open_but_not_move_to_another_ca),
                cmocka_unit_test(texts_are_filled_with_what_is_known),
                cmocka_unit_test(what_waits_for_the_token_is_filled_once_it_is_known),
                cmocka_unit_test(a_known_token_gives_the_same_wishes_at_once),
                cmocka_unit_test(
                        a_pattern_that_can_never_be_right_is_refused_before_the_token_is_known),
        };

        return cmocka_run_group_tests_name("wish", tests, NULL, NULL);
}
