/*
 * What the watcher sees: tokens that come, go and change, and modules that fail.
 */
#include "engine/watcher.h"
#include "tests/unit/broken.h"

enum { SOON_MS = 5000 };

static struct queue *out;
static struct watcher *watcher;

static int
begin_watching(void **state)
{
        struct error err = { 0 };
        size_t count = 0;

        (void)state;
        rules("");
        struct modules *own = modules_open(getenv("P11CERT_BREAKABLE"), NULL, NULL, &err);

        if (!own)
                return -1;
        struct modules **apart = modules_apart(own, &count);

        out = queue_new();
        watcher = watcher_start(apart[0], out);
        free(apart);
        return count == 1 ? 0 : -1;
}

static int
end_watching(void **state)
{
        (void)state;
        rules("");
        watcher_stop(watcher, false);
        queue_free(out);
        return 0;
}

static struct sighting *
look(void)
{
        watcher_look(watcher);
        struct sighting *sighting = queue_take(out, SOON_MS);

        assert_non_null(sighting);
        return sighting;
}

/* The seat of the one token that is initialised, as it was before anything happened to it. */
static unsigned long
slot_of_token(void)
{
        struct sighting *sighting = look();
        unsigned long slot = 0;

        for (size_t i = 0; i < sighting->count; i++) {
                if (strcmp(sighting->seats[i].facts.label, "breakable") == 0)
                        slot = sighting->seats[i].facts.slot_id;
        }
        sighting_free(sighting);
        return slot;
}

static void
a_token_that_is_pulled_leaves_an_empty_seat_and_comes_back(void **state)
{
        static const char *const styles[] = { "vanish=removed", "vanish=opensc", "vanish=ykcs11" };
        unsigned long slot = slot_of_token();

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(styles); i++) {
                CLEANUP(free_cleanup) char *rule = text_format("%s token=breakable\n", styles[i]);

                rules(rule);
                struct sighting *gone = look();

                assert_non_null(sighting_find(gone, slot));
                assert_int_equal(sighting_find(gone, slot)->state, SEAT_EMPTY);
                assert_string_equal(sighting_find(gone, slot)->facts.serial, "");
                assert_string_not_equal(sighting_find(gone, slot)->facts.slot_description, "");
                sighting_free(gone);
                rules("");
                struct sighting *back = look();

                assert_int_equal(sighting_find(back, slot)->state, SEAT_TAKEN);
                assert_string_equal(sighting_find(back, slot)->facts.label, "breakable");
                sighting_free(back);
        }
}

static void
another_token_in_the_same_seat_shows_by_its_serial_number(void **state)
{
        unsigned long slot = slot_of_token();

        (void)state;
        rules("change-serial=0123456789ABCDEF token=breakable\n");
        struct sighting *sighting = look();

        assert_string_equal(sighting_find(sighting, slot)->facts.serial, "0123456789ABCDEF");
        sighting_free(sighting);
}

static void
a_reader_that_is_unplugged_has_no_seat(void **state)
{
        unsigned long slot = slot_of_token();

        (void)state;
        rules("hide-slot token=breakable\n");
        struct sighting *sighting = look();

        assert_int_equal(sighting->error.kind, ERROR_NONE);
        assert_null(sighting_find(sighting, slot));
        sighting_free(sighting);
}

static void
a_token_that_does_not_answer_is_told_apart_from_none(void **state)
{
        unsigned long slot = slot_of_token();

        (void)state;
        rules("C_GetTokenInfo rv=CKR_TOKEN_NOT_RECOGNIZED token=breakable\n");
        struct sighting *sighting = look();
        const struct seat *seat = sighting_find(sighting, slot);

        assert_int_equal(seat->state, SEAT_TROUBLE);
        assert_int_equal(seat->trouble.kind, ERROR_TOKEN);
        sighting_free(sighting);
}

static void
a_module_in_an_error_state_says_so_until_it_is_started_anew(void **state)
{
        unsigned long slot = slot_of_token();

        (void)state;
        rules("C_GetSlotList rv=CKR_DEVICE_ERROR\n");
        struct sighting *broken = look();

        assert_int_equal(broken->error.kind, ERROR_TOKEN);
        assert_int_equal(broken->count, 0);
        sighting_free(broken);

        unsigned long ended = counted("C_Finalize");

        rules("");
        watcher_restart(watcher);
        struct sighting *mended = queue_take(out, SOON_MS);

        assert_non_null(mended);
        assert_true(mended->restarted);
        assert_int_equal(counted("C_Finalize"), ended + 1);
        assert_int_equal(sighting_find(mended, slot)->state, SEAT_TAKEN);
        sighting_free(mended);
}

static void
a_module_that_does_not_start_again_can_be_tried_later(void **state)
{
        (void)state;
        rules("C_Initialize rv=CKR_DEVICE_ERROR\n");
        watcher_restart(watcher);
        struct sighting *broken = queue_take(out, SOON_MS);

        assert_non_null(broken);
        assert_false(broken->restarted);
        assert_int_equal(broken->error.kind, ERROR_MODULE);
        sighting_free(broken);
        rules("");
        watcher_restart(watcher);
        struct sighting *mended = queue_take(out, SOON_MS);

        assert_non_null(mended);
        assert_true(mended->restarted);
        sighting_free(mended);
}

#define watching(name) cmocka_unit_test_setup_teardown(name, begin_watching, end_watching)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                watching(a_token_that_is_pulled_leaves_an_empty_seat_and_comes_back),
                watching(another_token_in_the_same_seat_shows_by_its_serial_number),
                watching(a_reader_that_is_unplugged_has_no_seat),
                watching(a_token_that_does_not_answer_is_told_apart_from_none),
                watching(a_module_in_an_error_state_says_so_until_it_is_started_anew),
                watching(a_module_that_does_not_start_again_can_be_tried_later),
        };

        return cmocka_run_group_tests(tests, broken_prepare, broken_clean_up);
}
