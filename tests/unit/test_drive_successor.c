#include "tests/unit/unit.h"

#include "tests/unit/drive_run.h"

static void
a_successor_supersedes_and_removes_the_old_certificate_object(void **state)
{
        struct order *successor = new_order("device-1");
        struct order *old;

        (void)state;
        run(new_order("device-1"));
        successor->replaces = back->number;
        successor->wishes.key_uri = text_copy("pkcs11:serial=f00d;object=device-1");
        run(successor);
        assert_stopped(ERROR_NONE, ORDER_DELIVERED);
        assert_int_equal(fake_token.made, 1);
        assert_int_equal(fake_token.counts[FAKE_DESTROY], 1);
        old = reload(1);
        assert_int_equal(old->state, ORDER_SUPERSEDED);
        assert_int_equal(old->superseded_by, 2);
        order_free(old);
}

static void
a_predecessor_is_superseded_later_when_the_token_went_away(void **state)
{
        struct order *successor = new_order("device-1");
        struct order *old;

        (void)state;
        run(new_order("device-1"));
        successor->replaces = back->number;
        successor->wishes.key_uri = text_copy("pkcs11:serial=f00d;object=device-1");
        fake_token.failures[FAKE_DESTROY] = ERROR_TOKEN_REMOVED;
        run(successor);
        assert_stopped(ERROR_TOKEN_REMOVED, ORDER_DELIVERED);
        fake_token.failures[FAKE_DESTROY] = ERROR_NONE;
        run(reload(2));
        old = reload(1);
        assert_int_equal(old->state, ORDER_SUPERSEDED);
        order_free(old);
}

/* Another process, while the token destroys the old certificate object. */
static void
record_installation(enum fake_call call)
{
        struct error err = { 0 };
        struct ledger *other = call == FAKE_DESTROY ? ledger_open(folder, &err) : NULL;
        struct order *old = other ? ledger_get(other, 1, &err) : NULL;

        if (old) {
                old->state = ORDER_INSTALLED;
                old->installed_at = 4711;
                if (!ledger_update(other, old, "installed", 4711, &err))
                        abort();
        }
        order_free(old);
        ledger_close(other);
}

static void
what_others_record_of_a_predecessor_meanwhile_stays(void **state)
{
        struct order *successor = new_order("device-1");
        struct order *old;

        (void)state;
        run(new_order("device-1"));
        successor->replaces = back->number;
        successor->wishes.key_uri = text_copy("pkcs11:serial=f00d;object=device-1");
        fake_token.meanwhile = record_installation;
        run(successor);
        assert_stopped(ERROR_NONE, ORDER_DELIVERED);
        old = reload(1);
        assert_int_equal(old->state, ORDER_SUPERSEDED);
        assert_int_equal(old->installed_at, 4711);
        order_free(old);
}

/* The same of the successor itself: delivered, it may be put to use at once. */
static void
record_own_installation(enum fake_call call)
{
        struct error err = { 0 };
        struct ledger *other = call == FAKE_DESTROY ? ledger_open(folder, &err) : NULL;
        struct order *own = other ? ledger_get(other, 2, &err) : NULL;

        if (own) {
                own->state = ORDER_INSTALLED;
                own->installed_at = 4712;
                wishes_add_attribute(&own->wishes, "installed-by", "somebody");
                if (!ledger_update(other, own, "installed", 4712, &err))
                        abort();
        }
        order_free(own);
        ledger_close(other);
}

static void
a_successor_that_is_installed_meanwhile_still_supersedes(void **state)
{
        struct order *successor = new_order("device-1");
        struct order *order;

        (void)state;
        run(new_order("device-1"));
        successor->replaces = back->number;
        successor->wishes.key_uri = text_copy("pkcs11:serial=f00d;object=device-1");
        fake_token.meanwhile = record_own_installation;
        run(successor);
        assert_stopped(ERROR_NONE, ORDER_INSTALLED);
        order = reload(1);
        assert_int_equal(order->state, ORDER_SUPERSEDED);
        order_free(order);
        order = reload(2);
        assert_int_equal(order->installed_at, 4712);
        assert_int_equal(order->wishes.attribute_count, 1);
        order_free(order);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_successor_supersedes_and_removes_the_old_certificate_object),
                TEST(a_predecessor_is_superseded_later_when_the_token_went_away),
                TEST(what_others_record_of_a_predecessor_meanwhile_stays),
                TEST(a_successor_that_is_installed_meanwhile_still_supersedes),
        };

        return cmocka_run_group_tests_name("drive: successors", tests, NULL, NULL);
}
