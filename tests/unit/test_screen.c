/*
 * The operator's screen: what is on it, and that it fits.
 */
#include "cli/screen.h"

#include <time.h>

#include "tests/unit/unit.h"

enum { NOW_MS = 1000 * 1000 };

static struct bay_view
bay(unsigned number, enum bay_sight sight, const char *unit, const char *doing, const char *next)
{
        struct bay_view view = { .number = number, .sight = sight, .since_ms = NOW_MS - 65000 };

        snprintf(view.reader, sizeof(view.reader), "Reader %u", number);
        snprintf(view.unit, sizeof(view.unit), "%s", unit);
        snprintf(view.doing, sizeof(view.doing), "%s", doing);
        snprintf(view.next, sizeof(view.next), "%s", next);
        return view;
}

static const struct screen_look plain = {
        .width = 80,
        .height = 24,
        .now = 1795305600,
        .now_ms = NOW_MS,
};

/* Columns of a line: escape sequences have none, and every other character has one here. */
static size_t
columns(const char *line, size_t length)
{
        size_t count = 0;

        for (size_t i = 0; i < length; i++) {
                if (line[i] == '\033') {
                        while (i < length && line[i] != 'm')
                                i++;
                        continue;
                }
                count += ((unsigned char)line[i] & 0xC0) != 0x80;
        }
        return count;
}

static void
assert_fits(const struct buf *frame, const struct screen_look *look)
{
        const char *at = buf_text(frame);
        size_t lines = 0;

        while (*at) {
                size_t length = strcspn(at, "\n");

                if (columns(at, length) > look->width)
                        fail_msg("%zu by %zu, line %zu: %zu columns", look->width, look->height,
                                 lines + 1, columns(at, length));
                for (size_t i = 0; !look->utf8 && i < length; i++)
                        assert_true((unsigned char)at[i] < 0x80);
                at += length + (at[length] == '\n');
                lines++;
        }
        assert_int_equal(lines, look->height);
}

static void
three_readers_each_have_their_big_word_their_unit_and_what_to_do(void **state)
{
        const struct bay_view bays[] = {
                bay(1, SIGHT_OK, "device-1", "delivered in 2.1 s", "take it out"),
                bay(2, SIGHT_FAIL, "device-2", "the token refused the PIN", "put it aside"),
                bay(3, SIGHT_BUSY, "device-3", "makes its key", "leave it in"),
        };
        struct station_view view = {
                .bays = bays,
                .bay_count = 3,
                .good = 41,
                .failed = 2,
                .again = 1,
                .per_hour = 83,
                .quota = 200,
                .issued = 43,
        };
        CLEANUP(buf_cleanup) struct buf frame = { 0 };

        (void)state;
        snprintf(view.next, sizeof(view.next), "Take out 2 (failed); take out 1");
        screen_render(&view, &plain, &frame);
        assert_fits(&frame, &plain);
        const char *text = buf_text(&frame);
        static const char *const expected[] = {
                "41 good   2 failed   1 done before   83 an hour   quota 43 of 200",
                " 1  Reader 1",
                " 3  Reader 3         1:05",
                /* the first row of OK, FAIL and BUSY, beside each other */
                "        ###  #   #          #####  ###  ##### #        ####  #   #  #### #   #",
                " device-1                   device-2                   device-3",
                " delivered in 2.1 s         the token refused the PIN  makes its key",
                " take it out                put it aside               leave it in",
                " > Take out 2 (failed); take out 1",
                " 2  device-2: the token refused the PIN; put it aside",
        };

        for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
                if (!strstr(text, expected[i]))
                        fail_msg("'%s' is not in:\n%s", expected[i], text);
        }
}

static void
a_single_reader_has_letters_that_are_larger(void **state)
{
        const struct bay_view one = bay(1, SIGHT_OK, "device-1", "delivered", "take it out");
        const struct station_view view = { .bays = &one, .bay_count = 1 };
        CLEANUP(buf_cleanup) struct buf frame = { 0 };

        (void)state;
        screen_render(&view, &plain, &frame);
        assert_non_null(strstr(buf_text(&frame), "######    ##      ##"));
}

static void
the_last_units_are_shown_newest_first_with_time_and_reason(void **state)
{
        struct station_view view = { .last_count = 2 };
        CLEANUP(buf_cleanup) struct buf frame = { 0 };

        (void)state;
        setenv("TZ", "UTC", 1);
        tzset();
        view.last[0] = (struct unit_view){ .good = false, .at = 1795305600 - 1 };
        view.last[1] = (struct unit_view){ .good = true, .at = 1795305600 - 60 };
        snprintf(view.last[0].name, sizeof(view.last[0].name), "device-2");
        snprintf(view.last[0].text, sizeof(view.last[0].text), "the token is full");
        snprintf(view.last[1].name, sizeof(view.last[1].name), "device-1");
        snprintf(view.last[1].text, sizeof(view.last[1].text), "delivered in 2.1 s");
        screen_render(&view, &plain, &frame);
        const char *newer =
                strstr(buf_text(&frame), " FAIL  device-2              the token is full");
        const char *older =
                strstr(buf_text(&frame), " OK    device-1              delivered in 2.1 s");

        if (!newer || !older)
                fail_msg("%s", buf_text(&frame));
        assert_true(newer < older);
}

static void
without_a_reader_the_place_is_shown_all_the_same(void **state)
{
        const struct station_view view = { .next = "Insert a token" };
        CLEANUP(buf_cleanup) struct buf frame = { 0 };

        (void)state;
        screen_render(&view, &plain, &frame);
        assert_fits(&frame, &plain);
        assert_non_null(strstr(buf_text(&frame), "no token yet"));
        assert_non_null(strstr(buf_text(&frame), "> Insert a token"));
}

static void
an_outage_says_until_when_and_the_end_of_the_shift_is_announced(void **state)
{
        const struct bay_view one = bay(1, SIGHT_WAIT, "device-1", "", "leave it in");
        struct station_view view = { .bays = &one, .bay_count = 1, .finishing = true };
        CLEANUP(buf_cleanup) struct buf frame = { 0 };

        (void)state;
        snprintf(view.outage, sizeof(view.outage), "no route to host; next try at 10:42:10");
        screen_render(&view, &plain, &frame);
        assert_non_null(strstr(buf_text(&frame), "AWS: no route to host; next try at 10:42:10"));
        assert_non_null(strstr(buf_text(&frame), "FINISHING"));
        buf_clear(&frame);
        snprintf(view.trouble, sizeof(view.trouble), "module.so does not answer");
        screen_render(&view, &plain, &frame);
        assert_non_null(strstr(buf_text(&frame), "module.so does not answer"));
}

static void
every_sight_has_a_word_of_its_own_and_letters_for_it(void **state)
{
        (void)state;
        for (enum bay_sight sight = 0; sight < SIGHTS; sight++) {
                const struct bay_view one = bay(1, sight, "u", "d", "n");
                const struct station_view view = { .bays = &one, .bay_count = 1 };
                CLEANUP(buf_cleanup) struct buf frame = { 0 };

                for (enum bay_sight other = 0; other < sight; other++)
                        assert_string_not_equal(screen_word(sight), screen_word(other));
                screen_render(&view, &plain, &frame);
                /* A letter without a pattern would be a gap: each has a stroke in some row. */
                size_t strokes = 0;

                for (const char *c = buf_text(&frame); *c; c++)
                        strokes += *c == '#';
                assert_true(strokes >= 7 * 4 * strlen(screen_word(sight)));
        }
}

static void
colour_marks_the_whole_card_and_is_left_out_where_it_is_not_wanted(void **state)
{
        const struct bay_view one = bay(1, SIGHT_OK, "device-1", "delivered", "take it out");
        const struct station_view view = { .bays = &one, .bay_count = 1 };
        CLEANUP(buf_cleanup) struct buf colored = { 0 };
        CLEANUP(buf_cleanup) struct buf frame = { 0 };
        struct screen_look look = plain;

        (void)state;
        screen_render(&view, &look, &frame);
        assert_null(strchr(buf_text(&frame), '\033'));
        look.color = true;
        screen_render(&view, &look, &colored);
        assert_non_null(strstr(buf_text(&colored), "\033[0;30;42m"));
        assert_fits(&colored, &look);
}

static void
it_fits_whatever_the_size_and_however_many_readers(void **state)
{
        static const size_t widths[] = { 20, 40, 79, 80, 81, 132, 211 };
        static const size_t heights[] = { 5, 10, 24, 25, 50 };
        struct bay_view bays[17];

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(bays); i++)
                bays[i] = bay((unsigned)i + 1, (enum bay_sight)(i % SIGHTS),
                              "device-with-a-long-name-é-ü", "something happens to it just now",
                              "this is what to do about it");
        for (size_t w = 0; w < ARRAY_LENGTH(widths); w++) {
                for (size_t h = 0; h < ARRAY_LENGTH(heights); h++) {
                        for (size_t count = 0; count <= ARRAY_LENGTH(bays); count++) {
                                struct station_view view = { .bays = bays, .bay_count = count };
                                struct screen_look look = plain;

                                look.width = widths[w];
                                look.height = heights[h];
                                for (int utf8 = 0; utf8 < 2; utf8++) {
                                        CLEANUP(buf_cleanup) struct buf frame = { 0 };

                                        look.utf8 = look.color = utf8;
                                        screen_render(&view, &look, &frame);
                                        assert_fits(&frame, &look);
                                }
                        }
                }
        }
}

static void
names_with_control_characters_cannot_steer_the_terminal(void **state)
{
        const struct bay_view one = bay(1, SIGHT_BUSY, "\033[2Jevil\a",
                                        "\x9b"
                                        "0m",
                                        "leave it in");
        const struct station_view view = { .bays = &one, .bay_count = 1 };
        CLEANUP(buf_cleanup) struct buf frame = { 0 };
        struct screen_look look = plain;

        (void)state;
        look.utf8 = true;
        screen_render(&view, &look, &frame);
        assert_null(strchr(buf_text(&frame), '\033'));
        assert_null(strchr(buf_text(&frame), '\a'));
        assert_null(strchr(buf_text(&frame), '\x9b'));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(three_readers_each_have_their_big_word_their_unit_and_what_to_do),
                cmocka_unit_test(a_single_reader_has_letters_that_are_larger),
                cmocka_unit_test(the_last_units_are_shown_newest_first_with_time_and_reason),
                cmocka_unit_test(without_a_reader_the_place_is_shown_all_the_same),
                cmocka_unit_test(an_outage_says_until_when_and_the_end_of_the_shift_is_announced),
                cmocka_unit_test(every_sight_has_a_word_of_its_own_and_letters_for_it),
                cmocka_unit_test(
                        colour_marks_the_whole_card_and_is_left_out_where_it_is_not_wanted),
                cmocka_unit_test(it_fits_whatever_the_size_and_however_many_readers),
                cmocka_unit_test(names_with_control_characters_cannot_steer_the_terminal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
