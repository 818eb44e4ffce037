#include "order/name.h"
#include "order/order.h"
#include "tests/unit/unit.h"

static const int64_t now = INT64_C(1795305600); /* 2026-11-22T00:00:00Z */

static void
a_name_is_a_file_name_that_hides_nothing(void **state)
{
        static const char *const good[] = {
                "a",       "device-1",
                "A.b_c-9", "-x",
                "_",       "0123456789012345678901234567890123456789012345678901234567890123",
        };
        static const char *const bad[] = {
                "",
                ".",
                ".a",
                "a b",
                "a/b",
                "../a",
                "a\nb",
                ("b\xc3\xbc"
                 "cher"),
                "a:b",
                "01234567890123456789012345678901234567890123456789012345678901234",
        };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
                assert_done(order_name_check(good[i], &err), err);
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
                assert_refused(order_name_check(bad[i], &err), err, ERROR_USAGE);
                assert_true(err.next[0] != '\0');
        }
}

static void
a_name_can_be_made_of_any_text(void **state)
{
        static const struct {
                const char *text;
                const char *name;
        } cases[] = {
                { "device-1.example", "device-1.example" },
                { "Device 1/2", "Device-1-2" },
                { "b\xc3\xbc"
                  "cher",
                  "b-cher" },
                { "..hidden", "hidden" },
                { "", "order" },
                { "...", "order" },
                { "*.example", "-.example" },
                { "01234567890123456789012345678901234567890123456789012345678901234567",
                  "0123456789012345678901234567890123456789012345678901234567890123" },
        };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                CLEANUP(free_cleanup) char *name = order_name_from(cases[i].text);

                assert_string_equal(name, cases[i].name);
                assert_done(order_name_check(name, &err), err);
        }
}

static void
an_order_is_called_so_that_no_other_is_meant(void **state)
{
        static const char *const cases[][2] = {
                { "device-1", "device-1" },
                { "5", "name:5" },
                { "007", "name:007" },
                { "5a", "5a" },
                { "-.example", "name:-.example" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
                assert_string_equal(order_call(cases[i][0]).text, cases[i][1]);
}

static void
every_state_has_a_name_that_is_read_back(void **state)
{
        struct error err = { 0 };

        (void)state;
        for (enum order_state i = 0; i < ORDER_STATES; i++) {
                enum order_state back = ORDER_STATES;

                assert_done(order_state_named(order_state_name(i), &back, &err), err);
                assert_int_equal(back, i);
        }
        enum order_state untouched = ORDER_ISSUED;

        assert_refused(order_state_named("delivrd", &untouched, &err), err, ERROR_USAGE);
        assert_non_null(strstr(err.next, "'delivered'"));
        assert_int_equal(untouched, ORDER_ISSUED);
}

static void
an_order_moves_along_the_drawing_and_nowhere_else(void **state)
{
        /* row: from; a letter for each state that it may move to */
        static const char *const steps[ORDER_STATES] = {
                [ORDER_PLANNED] = "pkF",    [ORDER_KEYED] = "kriF",   [ORDER_REQUESTED] = "rsiF",
                [ORDER_SUBMITTED] = "sriF", [ORDER_ISSUED] = "ivF",   [ORDER_VERIFIED] = "vdF",
                [ORDER_DELIVERED] = "dIS",  [ORDER_INSTALLED] = "IS", [ORDER_SUPERSEDED] = "S",
                [ORDER_FAILED] = "F",
        };
        static const char letters[] = "pkrsivdISF";

        (void)state;
        for (enum order_state from = 0; from < ORDER_STATES; from++) {
                for (enum order_state to = 0; to < ORDER_STATES; to++)
                        assert_int_equal(order_may_move(from, to),
                                         strchr(steps[from], letters[to]) != NULL);
        }
}

static void
orders_up_to_verified_are_open(void **state)
{
        (void)state;
        for (enum order_state i = 0; i < ORDER_STATES; i++)
                assert_int_equal(order_state_is_open(i), i <= ORDER_VERIFIED);
}

static void
a_certificate_is_due_once_less_time_remains_than_asked(void **state)
{
        struct order order = { .state = ORDER_DELIVERED, .not_after = now + 1000 };

        (void)state;
        assert_false(order_is_due(&order, now, 1000));
        assert_true(order_is_due(&order, now + 1, 1000));
        assert_true(order_is_due(&order, now + 5000, 1000));
        order.state = ORDER_INSTALLED;
        assert_true(order_is_due(&order, now + 1, 1000));
}

static void
what_is_gone_or_never_was_is_not_due(void **state)
{
        struct order order = { .state = ORDER_SUPERSEDED, .not_after = now };

        (void)state;
        assert_false(order_is_due(&order, now, 1000));
        order.state = ORDER_FAILED;
        assert_false(order_is_due(&order, now, 1000));
        order.state = ORDER_DELIVERED;
        assert_true(order_is_due(&order, now, 1000));
        order.revoked_at = now - 5;
        assert_false(order_is_due(&order, now, 1000));
        order = (struct order){ .state = ORDER_SUBMITTED };
        assert_false(order_is_due(&order, now, 1000));
}

static void
a_request_is_repeated_only_within_four_and_a_half_minutes(void **state)
{
        char boot[] = "boot-a";
        struct order order = { .first_sent_at = now, .first_sent_boot_ms = 50000, .boot_id = boot };
        static const struct {
                const char *name;
                int64_t wall_s;
                int64_t boot_ms;
                const char *boot_id;
                bool may;
        } cases[] = {
                { "at once", 0, 0, "boot-a", true },
                { "after 269 seconds", 269, 269999, "boot-a", true },
                { "after 270 seconds", 270, 270000, "boot-a", false },
                { "the wall clock went back", -1, 1000, "boot-a", false },
                { "the wall clock was set back by minutes", 10, 290000, "boot-a", false },
                { "the wall clock jumped ahead", 300, 1000, "boot-a", false },
                { "the machine slept", 280, 280000, "boot-a", false },
                { "another boot", 60, 60000, "boot-b", false },
                { "a boot that is not known", 60, 60000, NULL, false },
                { "the clock since boot went back", 60, -60000, "boot-a", false },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                if (order_may_repeat(&order, now + cases[i].wall_s, 50000 + cases[i].boot_ms,
                                     cases[i].boot_id) != cases[i].may)
                        fail_msg("%s", cases[i].name);
        }
        order.first_sent_at = 0;
        assert_true(order_may_repeat(&order, now, 0, "boot-b"));
}

/* -- wishes ------------------------------------------------------------------------------- */

static void
fill(struct wishes *wishes)
{
        struct error err = { 0 };

        text_assign(&wishes->name, "device-1");
        text_assign(&wishes->ca_arn, "arn:ca");
        text_assign(&wishes->subject, "CN=device-1,O=Example");
        wishes_add_san(wishes, "dns:a.example");
        wishes_add_san(wishes, "ip:10.0.0.1");
        wishes_add_attribute(wishes, "site", "north");
        wishes->key_type = KEY_EC_P256;
        wishes->validity = (struct validity){ VALIDITY_DAYS, 365 };
        wishes->stores = STORE_TOKEN | STORE_FILES;
        wishes->formats = FORMAT_PEM;
        assert_done(hex_decode("0a0b", &wishes->given_id, &err), err);
        assert_done(usages_add_key_usage(&wishes->usages, "digitalSignature", &err), err);
        assert_done(usages_add_extended(&wishes->usages, "clientAuth", &err), err);
        assert_done(usages_add_policy(&wishes->usages, "1.2.3", &err), err);
}

static void
a_copy_of_wishes_shares_nothing_and_is_equal(void **state)
{
        struct wishes wishes = { 0 };
        struct wishes copy = { 0 };
        char *difference = NULL;

        (void)state;
        fill(&wishes);
        wishes_add_san(&copy, "dns:goes.away");
        wishes_copy(&copy, &wishes);
        assert_true(wishes_equal(&wishes, &copy, &difference));
        assert_true(wishes_equal(&copy, &wishes, &difference));
        assert_null(difference);
        assert_ptr_not_equal(copy.sans[0], wishes.sans[0]);
        wishes_clear(&wishes);
        assert_string_equal(copy.sans[1], "ip:10.0.0.1");
        assert_string_equal(copy.attributes[0].value, "north");
        assert_int_equal(copy.given_id.len, 2);
        wishes_clear(&copy);
        wishes_clear(&copy);
}

static void
what_is_not_given_again_is_equal(void **state)
{
        struct wishes wishes = { 0 };
        struct wishes bare = { 0 };
        char *difference = NULL;

        (void)state;
        fill(&wishes);
        assert_true(wishes_equal(&wishes, &bare, &difference));
        assert_false(wishes_equal(&bare, &wishes, &difference));
        assert_string_equal(difference, "--name: not given, now device-1");
        free(difference);
        wishes_clear(&wishes);
}

static void
two_ways_to_write_the_same_are_equal(void **state)
{
        struct wishes wishes = { 0 };
        struct wishes again = { 0 };
        char *difference = NULL;

        (void)state;
        fill(&wishes);
        text_assign(&again.subject, "2.5.4.3=device\\2d1,o=Example");
        wishes_add_san(&again, "ip:10.0.0.1");
        wishes_add_san(&again, "dns:a.example");
        assert_true(wishes_equal(&wishes, &again, &difference));
        wishes_clear(&again);
        wishes_clear(&wishes);
}

static void
other_text(struct wishes *now_wished)
{
        text_assign(&now_wished->ca_arn, "arn:other");
}

static void
other_subject(struct wishes *now_wished)
{
        text_assign(&now_wished->subject, "CN=device-2");
}

static void
other_san(struct wishes *now_wished)
{
        wishes_add_san(now_wished, "dns:b.example");
}

static void
other_key_type(struct wishes *now_wished)
{
        now_wished->key_type = KEY_RSA_2048;
}

static void
other_validity(struct wishes *now_wished)
{
        now_wished->validity.value = 90;
}

static void
other_not_before(struct wishes *now_wished)
{
        now_wished->not_before = now;
}

static void
other_id(struct wishes *now_wished)
{
        now_wished->given_id.data[0] = 0xff;
}

static void
other_key_usage(struct wishes *now_wished)
{
        now_wished->usages.key_usage |= USAGE_KEY_AGREEMENT;
}

static void
other_extended(struct wishes *now_wished)
{
        struct error err = { 0 };

        assert_done(usages_add_extended(&now_wished->usages, "serverAuth", &err), err);
}

static void
other_store(struct wishes *now_wished)
{
        now_wished->stores = STORE_FILES;
}

static void
other_format(struct wishes *now_wished)
{
        now_wished->formats = FORMAT_PEM | FORMAT_P7B;
}

static void
other_attribute(struct wishes *now_wished)
{
        text_assign(&now_wished->attributes[0].value, "south");
}

static void
replacing(struct wishes *now_wished)
{
        now_wished->replace = true;
}

static void
with_a_request(struct wishes *now_wished)
{
        now_wished->csr_given = true;
}

static void
the_first_difference_is_told_by_its_option(void **state)
{
        static const struct {
                void (*change)(struct wishes *now_wished);
                const char *difference;
        } cases[] = {
                { other_text, "--ca: arn:ca, now arn:other" },
                { other_subject, "--subject: CN=device-1,O=Example, now CN=device-2" },
                { other_san, "--san: dns:a.example, ip:10.0.0.1, now dns:a.example, ip:10.0.0.1, "
                             "dns:b.example" },
                { other_key_type, "--key-type: ec:p256, now rsa:2048" },
                { other_validity, "--validity: 365d, now 90d" },
                { other_not_before, "--not-before: not given, now 2026-11-22T00:00:00Z" },
                { other_id, "--id: 0a0b, now ff0b" },
                { other_key_usage,
                  "--key-usage: digitalSignature, now digitalSignature, keyAgreement" },
                { other_extended, "--ext-key-usage: 1.3.6.1.5.5.7.3.2, now 1.3.6.1.5.5.7.3.2, "
                                  "1.3.6.1.5.5.7.3.1" },
                { other_store, "--store: token,files, now files" },
                { other_format, "--format: pem, now pem,p7b" },
                { other_attribute, "--attribute: site=north, now site=south" },
                { with_a_request, "--csr: not given, now given" },
                { replacing, "--replace: not given, now given" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct wishes recorded = { 0 };
                struct wishes wished = { 0 };
                CLEANUP(free_cleanup) char *difference = NULL;

                fill(&recorded);
                wishes_copy(&wished, &recorded);
                cases[i].change(&wished);
                assert_false(wishes_equal(&recorded, &wished, &difference));
                assert_string_equal(difference, cases[i].difference);
                wishes_clear(&recorded);
                wishes_clear(&wished);
        }
}

static void
an_order_frees_all_it_holds(void **state)
{
        CLEANUP(order_cleanup) struct order *order = order_new();

        (void)state;
        assert_int_equal(order->state, ORDER_PLANNED);
        fill(&order->wishes);
        text_assign(&order->token.serial, "1234");
        text_assign(&order->boot_id, "boot");
        buf_add_text(&order->chain, "chain");
        order_free(NULL);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_name_is_a_file_name_that_hides_nothing),
                cmocka_unit_test(a_name_can_be_made_of_any_text),
                cmocka_unit_test(an_order_is_called_so_that_no_other_is_meant),
                cmocka_unit_test(every_state_has_a_name_that_is_read_back),
                cmocka_unit_test(an_order_moves_along_the_drawing_and_nowhere_else),
                cmocka_unit_test(orders_up_to_verified_are_open),
                cmocka_unit_test(a_certificate_is_due_once_less_time_remains_than_asked),
                cmocka_unit_test(what_is_gone_or_never_was_is_not_due),
                cmocka_unit_test(a_request_is_repeated_only_within_four_and_a_half_minutes),
                cmocka_unit_test(a_copy_of_wishes_shares_nothing_and_is_equal),
                cmocka_unit_test(what_is_not_given_again_is_equal),
                cmocka_unit_test(two_ways_to_write_the_same_are_equal),
                cmocka_unit_test(the_first_difference_is_told_by_its_option),
                cmocka_unit_test(an_order_frees_all_it_holds),
        };

        return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
