/*
 * The operator's screen: what a station looks like on a terminal, made to be read from two metres
 * away.  Pure: a view and a size go in, lines come out.
 *
 * Each reader has a card with one big word, in colour where there is any: FREE, BUSY, WAIT, OK,
 * DONE (on another day), FAIL, BACK (put it back), SCAN, HOLD.  Above them the counts, below them
 * what to do next and the last units that left.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "base/bytes.h"
#include "drive/station.h"

struct screen_look {
        size_t width; /* of the terminal, in characters */
        size_t height;
        bool color;
        bool utf8;      /* else nothing but ASCII comes out */
        int64_t now;    /* seconds since 1970 */
        int64_t now_ms; /* clock_boot_ms() */
};

/* The smallest terminal; a smaller one gets as much as fits in it. */
enum { SCREEN_WIDTH = 40, SCREEN_HEIGHT = 10 };

/* The word that stands for a sight: "OK". */
const char *screen_word(enum bay_sight sight);

/* Append exactly `height` lines, each ended by '\n' and none wider than `width`. */
void screen_render(const struct station_view *view, const struct screen_look *look,
                   struct buf *out);

#endif
