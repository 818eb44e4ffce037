#include "cli/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

enum {
        LETTER_ROWS = 5,
        LETTER_COLUMNS = 5,
        WORD_COLUMNS = 4 * (LETTER_COLUMNS + 1) - 1, /* the longest word has four letters */
        CARD_WIDTH = WORD_COLUMNS + 2,
        CARD_SMALLEST = 16,
        CARD_TEXTS = 3, /* title, unit, what happens */
        HEAD = 2,
        FOOT = 2, /* a gap, and what to do next */
        SCALES = 4,
};

/* -- letters ---------------------------------------------------------------------------------- */

static const struct {
        char letter;
        const char *rows[LETTER_ROWS];
} letters[] = {
        { 'A', { " ### ", "#   #", "#####", "#   #", "#   #" } },
        { 'B', { "#### ", "#   #", "#### ", "#   #", "#### " } },
        { 'C', { " ####", "#    ", "#    ", "#    ", " ####" } },
        { 'D', { "#### ", "#   #", "#   #", "#   #", "#### " } },
        { 'E', { "#####", "#    ", "#### ", "#    ", "#####" } },
        { 'F', { "#####", "#    ", "#### ", "#    ", "#    " } },
        { 'H', { "#   #", "#   #", "#####", "#   #", "#   #" } },
        { 'I', { "#####", "  #  ", "  #  ", "  #  ", "#####" } },
        { 'K', { "#   #", "#  # ", "###  ", "#  # ", "#   #" } },
        { 'L', { "#    ", "#    ", "#    ", "#    ", "#####" } },
        { 'N', { "#   #", "##  #", "# # #", "#  ##", "#   #" } },
        { 'O', { " ### ", "#   #", "#   #", "#   #", " ### " } },
        { 'R', { "#### ", "#   #", "#### ", "#  # ", "#   #" } },
        { 'S', { " ####", "#    ", " ### ", "    #", "#### " } },
        { 'T', { "#####", "  #  ", "  #  ", "  #  ", "  #  " } },
        { 'U', { "#   #", "#   #", "#   #", "#   #", " ### " } },
        { 'W', { "#   #", "#   #", "# # #", "## ##", "#   #" } },
        { 'Y', { "#   #", " # # ", "  #  ", "  #  ", "  #  " } },
};

static const struct {
        const char *word;
        const char *color; /* SGR: of the whole card */
} sights[] = {
        [SIGHT_FREE] = { "FREE", "0;37;40" },  [SIGHT_BUSY] = { "BUSY", "0;30;43" },
        [SIGHT_WAIT] = { "WAIT", "1;37;44" },  [SIGHT_OK] = { "OK", "0;30;42" },
        [SIGHT_DONE] = { "DONE", "0;30;46" },  [SIGHT_FAIL] = { "FAIL", "1;37;41" },
        [SIGHT_BACK] = { "BACK", "1;37;45" },  [SIGHT_SCAN] = { "SCAN", "0;30;47" },
        [SIGHT_HOLD] = { "HOLD", "1;37;100" },
};
static_assert(ARRAY_LENGTH(sights) == SIGHTS, "a word for every sight");

const char *
screen_word(enum bay_sight sight)
{
        return sights[sight].word;
}

static const char *
letter_row(char letter, size_t row)
{
        for (size_t i = 0; i < ARRAY_LENGTH(letters); i++) {
                if (letters[i].letter == letter)
                        return letters[i].rows[row];
        }
        return "     ";
}

/* -- text of a certain width ------------------------------------------------------------------ */

/* Stands for bytes that are no UTF-8: a control character, which is not let through. */
enum { NO_CHARACTER = 0x80 };

/* The character at `text`: its bytes, and its code in `*code`. */
static size_t
decode(const char *text, uint32_t *code)
{
        const unsigned char *bytes = (const unsigned char *)text;
        size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;

        *code = length == 1 ? bytes[0] : bytes[0] & (0xFFU >> (length + 1));
        if (length > 1 && bytes[0] < 0xC0) {
                *code = NO_CHARACTER;
                return 1;
        }
        for (size_t i = 1; i < length; i++) {
                if ((bytes[i] & 0xC0) != 0x80) {
                        *code = NO_CHARACTER;
                        return i;
                }
                *code = *code << 6 | (bytes[i] & 0x3FU);
        }
        return length;
}

static size_t
columns_of(uint32_t code)
{
        static const struct {
                uint32_t first;
                uint32_t last;
                size_t columns;
        } ranges[] = {
                { 0x0300, 0x036F, 0 },   { 0x200B, 0x200F, 0 }, { 0x1100, 0x115F, 2 },
                { 0x2E80, 0xA4CF, 2 },   { 0xAC00, 0xD7A3, 2 }, { 0xF900, 0xFAFF, 2 },
                { 0xFE30, 0xFE6F, 2 },   { 0xFF00, 0xFF60, 2 }, { 0xFFE0, 0xFFE6, 2 },
                { 0x1F300, 0x1FAFF, 2 },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(ranges); i++) {
                if (code >= ranges[i].first && code <= ranges[i].last)
                        return ranges[i].columns;
        }
        return 1;
}

static size_t
text_columns(const char *text)
{
        size_t columns = 0;
        uint32_t code;

        while (*text) {
                text += decode(text, &code);
                columns += columns_of(code);
        }
        return columns;
}

/* Append `text` in exactly `width` columns: cut, or filled up with blanks. */
static void
add_fitted(struct buf *out, const struct screen_look *look, const char *text, size_t width)
{
        const char *dots = look->utf8 ? "…" : "~";
        bool cut = text_columns(text) > width;
        size_t room = cut && width ? width - 1 : width;
        size_t used = 0;
        uint32_t code;

        while (*text) {
                size_t length = decode(text, &code);
                bool plain = code >= ' ' && (code < 0x7F || (code >= 0xA0 && look->utf8));
                size_t columns = plain ? columns_of(code) : 1;

                if (used + columns > room)
                        break;
                if (plain)
                        buf_add(out, view_of(text, length));
                else
                        buf_add_byte(out, '?');
                used += columns;
                text += length;
        }
        if (cut && width) {
                buf_add_text(out, dots);
                used++;
        }
        while (used++ < width)
                buf_add_byte(out, ' ');
}

static void
add_color(struct buf *out, const struct screen_look *look, const char *color)
{
        if (look->color)
                buf_format(out, "\033[%sm", color);
}

static void
end_line(struct buf *out, const struct screen_look *look)
{
        add_color(out, look, "0");
        buf_add_byte(out, '\n');
}

/* -- the layout ------------------------------------------------------------------------------- */

struct layout {
        size_t columns; /* of cards */
        size_t rows;
        size_t card_width; /* without the gap of one column */
        size_t card_height;
        size_t scale; /* of the letters; 0: the word is written as it is */
        size_t last;  /* units that left */
};

static size_t
least(size_t a, size_t b)
{
        return a < b ? a : b;
}

/* The biggest letters that `count` cards can have in so many columns of cards. */
static size_t
scale_of(const struct screen_look *look, size_t count, size_t columns, size_t height)
{
        size_t width = (look->width + 1) / columns;
        size_t rows = (count + columns - 1) / columns;
        size_t each = height / rows;

        if (width < CARD_WIDTH + 1 || each < CARD_TEXTS + LETTER_ROWS)
                return 0;
        return least(least((width - 2) / WORD_COLUMNS, (each - CARD_TEXTS) / LETTER_ROWS), SCALES);
}

static void
consider(const struct screen_look *look, size_t count, size_t last, struct layout *best)
{
        size_t taken = HEAD + FOOT + (last ? last + 1 : 0);

        if (look->height <= taken)
                return;
        for (size_t columns = 1; columns <= count; columns++) {
                size_t scale = scale_of(look, count, columns, look->height - taken);

                if (scale <= best->scale)
                        continue;
                *best = (struct layout){ .columns = columns, .scale = scale, .last = last };
        }
}

/* Big letters first; among equals, as many of the last units as there is room for. */
static struct layout
lay_out(const struct screen_look *look, size_t count)
{
        static const size_t lasts[] = { STATION_LAST, 5, 3 };
        struct layout layout = { .columns = 1 };

        for (size_t i = 0; i < ARRAY_LENGTH(lasts); i++)
                consider(look, count, lasts[i], &layout);
        if (!layout.scale)
                consider(look, count, 0, &layout);
        if (!layout.scale) {
                layout.columns = (look->width + 1) / (CARD_SMALLEST + 1);
                layout.columns = layout.columns ? least(layout.columns, count ? count : 1) : 1;
        }
        layout.rows = (count + layout.columns - 1) / layout.columns;
        layout.card_width = (look->width + 1) / layout.columns - 1;
        layout.card_height = CARD_TEXTS + (layout.scale ? LETTER_ROWS * layout.scale : 1);
        /* What is left over becomes margins of the cards, and a line for what to do about each. */
        size_t taken = HEAD + FOOT + (layout.last ? layout.last + 1 : 0);
        size_t spare = look->height > taken ? look->height - taken : 0;
        size_t most = layout.rows ? spare / layout.rows : 0;

        if (layout.scale && most > layout.card_height)
                layout.card_height = least(most, layout.card_height + 3);
        return layout;
}

/* -- cards ------------------------------------------------------------------------------------ */

static void
add_title(struct buf *out, const struct screen_look *look, const struct bay_view *bay, size_t width)
{
        int64_t seconds = (look->now_ms - bay->since_ms) / 1000;
        CLEANUP(free_cleanup)
        char *left = bay->number ? text_format(" %u  %s", bay->number, bay->reader)
                                 : text_copy(" no token yet");
        CLEANUP(free_cleanup)
        char *right = seconds < 0 || seconds >= 100 * 60
                              ? text_copy("")
                              : text_format("%lld:%02lld ", (long long)(seconds / 60),
                                            (long long)(seconds % 60));

        /* How long it takes matters while somebody waits. */
        if ((bay->sight != SIGHT_BUSY && bay->sight != SIGHT_WAIT && bay->sight != SIGHT_SCAN &&
             bay->sight != SIGHT_BACK) ||
            strlen(right) + 4 > width)
                right[0] = '\0';
        add_fitted(out, look, left, width - strlen(right));
        buf_add_text(out, right);
}

static void
add_letters(struct buf *out, const struct screen_look *look, const char *word, size_t scale,
            size_t row, size_t width)
{
        const char *block = look->utf8 ? "█" : "#";
        size_t count = strlen(word);
        size_t needed = (count * (LETTER_COLUMNS + 1) - 1) * scale;
        size_t margin = (width - needed) / 2;
        size_t used = margin;

        buf_format(out, "%*s", (int)margin, "");
        for (size_t i = 0; i < count; i++) {
                const char *pattern = letter_row(word[i], row / scale);

                for (size_t column = 0; column < LETTER_COLUMNS * scale; column++)
                        buf_add_text(out, pattern[column / scale] == '#' ? block : " ");
                used += LETTER_COLUMNS * scale;
                if (i + 1 == count)
                        break;
                buf_format(out, "%*s", (int)scale, "");
                used += scale;
        }
        buf_format(out, "%*s", (int)(width - used), "");
}

static void
add_padded(struct buf *out, const struct screen_look *look, const char *text, size_t width)
{
        CLEANUP(free_cleanup) char *indented = text_format(" %s", text);

        add_fitted(out, look, indented, width);
}

/* Line `row` of a card: title, margin, letters, margin, unit, what happens, what to do. */
static void
add_card_row(struct buf *out, const struct screen_look *look, const struct layout *layout,
             const struct bay_view *bay, size_t row)
{
        size_t width = layout->card_width;
        size_t letters_high = layout->scale ? LETTER_ROWS * layout->scale : 1;
        size_t spare = layout->card_height - CARD_TEXTS - letters_high;
        bool has_next = spare > 0;
        size_t above = spare > 1 ? 1 : 0;
        size_t word = 1 + above;
        size_t texts = layout->card_height - 2 - has_next;
        const char *name = bay->unit;
        const char *doing = bay->doing;

        add_color(out, look, sights[bay->sight].color);
        if (bay->sight == SIGHT_FREE || !doing[0])
                doing = has_next ? "" : bay->next;
        if (row == 0)
                add_title(out, look, bay, width);
        else if (row >= word && row < word + letters_high && layout->scale)
                add_letters(out, look, sights[bay->sight].word, layout->scale, row - word, width);
        else if (row == word && !layout->scale)
                add_padded(out, look, sights[bay->sight].word, width);
        else if (row == texts)
                add_padded(out, look, name, width);
        else if (row == texts + 1)
                add_padded(out, look, doing, width);
        else if (has_next && row == texts + 2)
                add_padded(out, look, bay->next, width);
        else
                add_fitted(out, look, "", width);
        add_color(out, look, "0");
}

static void
add_cards(struct buf *out, const struct screen_look *look, const struct layout *layout,
          const struct station_view *view)
{
        for (size_t row = 0; row < layout->rows; row++) {
                for (size_t line = 0; line < layout->card_height; line++) {
                        for (size_t column = 0; column < layout->columns; column++) {
                                size_t bay = row * layout->columns + column;

                                if (bay >= view->bay_count)
                                        break;
                                if (column)
                                        buf_add_byte(out, ' ');
                                add_card_row(out, look, layout, &view->bays[bay], line);
                        }
                        buf_add_byte(out, '\n');
                }
        }
}

/* -- head and foot ---------------------------------------------------------------------------- */

/* The time of the day, here. */
static void
clock_text(int64_t when, char out[16])
{
        time_t seconds = (time_t)when;
        struct tm local;

        localtime_r(&seconds, &local);
        if (strftime(out, 16, "%H:%M:%S", &local) == 0)
                out[0] = '\0';
}

static void
add_head(struct buf *out, const struct screen_look *look, const struct station_view *view)
{
        CLEANUP(buf_cleanup) struct buf line = { 0 };
        char clock[16];

        clock_text(look->now, clock);
        buf_format(&line, " %s   %llu good   %llu failed", clock, (unsigned long long)view->good,
                   (unsigned long long)view->failed);
        if (view->again)
                buf_format(&line, "   %llu done before", (unsigned long long)view->again);
        buf_format(&line, "   %u an hour", view->per_hour);
        if (view->quota)
                buf_format(&line, "   quota %llu of %llu", (unsigned long long)view->issued,
                           (unsigned long long)view->quota);
        if (view->until) {
                clock_text(view->until, clock);
                buf_format(&line, "   until %.5s", clock);
        }
        if (view->finishing)
                buf_add_text(&line, "   FINISHING");
        add_color(out, look, "1");
        add_fitted(out, look, buf_text(&line), look->width);
        end_line(out, look);
        end_line(out, look);
}

/* What does not fit on a card of what an operator has to know. */
static bool
has_detail(const struct bay_view *bay)
{
        return bay->sight == SIGHT_FAIL || bay->sight == SIGHT_HOLD;
}

static size_t
add_details(struct buf *out, const struct screen_look *look, const struct station_view *view,
            size_t most)
{
        size_t added = 0;

        for (size_t i = 0; i < view->bay_count && added < most; i++) {
                const struct bay_view *bay = &view->bays[i];

                if (!has_detail(bay))
                        continue;
                CLEANUP(free_cleanup)
                char *text = text_format(" %u  %s: %s%s%s", bay->number, bay->unit, bay->doing,
                                         bay->next[0] ? "; " : "", bay->next);

                add_color(out, look, bay->sight == SIGHT_FAIL ? "1;31" : "1");
                add_fitted(out, look, text, look->width);
                end_line(out, look);
                added++;
        }
        return added;
}

static void
add_last(struct buf *out, const struct screen_look *look, const struct station_view *view,
         size_t most)
{
        for (size_t i = 0; i < most && i < view->last_count; i++) {
                const struct unit_view *unit = &view->last[i];
                char clock[16];

                clock_text(unit->at, clock);
                CLEANUP(free_cleanup)
                char *text = text_format(" %s  %-4s  %-20s  %s", clock, unit->good ? "OK" : "FAIL",
                                         unit->name, unit->text);

                add_color(out, look, unit->good ? "32" : "1;31");
                add_fitted(out, look, text, look->width);
                end_line(out, look);
        }
}

static void
add_foot(struct buf *out, const struct screen_look *look, const struct layout *layout,
         const struct station_view *view)
{
        CLEANUP(buf_cleanup) struct buf line = { 0 };

        if (view->trouble[0])
                buf_format(&line, " %s", view->trouble);
        else if (view->outage[0])
                buf_format(&line, " AWS: %s", view->outage);
        else if (view->scan[0])
                buf_format(&line, " scanned: %s", view->scan);
        add_color(out, look, "1;33");
        add_fitted(out, look, buf_text(&line), look->width);
        end_line(out, look);
        buf_clear(&line);
        buf_format(&line, " %s %s", look->utf8 ? "▶" : ">", view->next);
        add_color(out, look, "1;7");
        add_fitted(out, look, buf_text(&line), look->width);
        end_line(out, look);
        if (!layout->last)
                return;
        size_t details = add_details(out, look, view, layout->last);

        end_line(out, look);
        add_last(out, look, view, layout->last - details);
}

/* As many lines as the terminal has: too many are cut off, too few filled up. */
static void
fit_lines(const struct buf *lines, size_t height, struct buf *out)
{
        const char *at = buf_text(lines);

        for (size_t i = 0; i < height; i++) {
                size_t length = strcspn(at, "\n");

                buf_add(out, view_of(at, length));
                buf_add_byte(out, '\n');
                at += length + (at[length] == '\n');
        }
}

void
screen_render(const struct station_view *view, const struct screen_look *look, struct buf *out)
{
        static const struct bay_view nobody = { .sight = SIGHT_FREE };
        CLEANUP(buf_cleanup) struct buf lines = { 0 };
        struct station_view shown = *view;

        /* Before the first token there may be no reader: the place is shown all the same. */
        if (!shown.bay_count) {
                shown.bays = &nobody;
                shown.bay_count = 1;
        }
        struct layout layout = lay_out(look, shown.bay_count);

        add_head(&lines, look, view);
        add_cards(&lines, look, &layout, &shown);
        add_foot(&lines, look, &layout, view);
        fit_lines(&lines, look->height, out);
}
