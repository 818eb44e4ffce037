/*
 * Where a batch stands: a bar that is drawn over itself on a terminal, now and then a plain line
 * elsewhere (a log).  On stderr, and nothing with -q.
 *
 *     [#########           ]  412/1000  24.8/s  done in 0:24  2 failed  waits for the quota
 */
#ifndef CLI_BAR_H
#define CLI_BAR_H

#include "cli/command.h"
#include "drive/batch.h"

struct bar {
        const struct command *command;
        size_t total;
        size_t done;   /* rows of which it is known what became of them in this run */
        size_t failed; /* of these */

        bool drawn; /* it stands on the terminal's line */
        int64_t started_ms;
        int64_t drawn_ms;
        int64_t counted_ms; /* the rate is counted from here */
        size_t counted;
        double rate; /* rows a second, smoothed; 0: not known yet */
};

void bar_start(struct bar *bar, const struct command *command, size_t total);

/* Draw, if it is time to.  `standing` may be NULL. */
void bar_draw(struct bar *bar, const struct drive_standing *standing);

/* Take it off the line, so that something can be said; it is drawn again later. */
void bar_hide(struct bar *bar);

/* The text of a line, without the bar itself; for the tests, too. */
void bar_compose(const struct bar *bar, const struct drive_standing *standing, int64_t now_ms,
                 struct buf *out);

/* "0:24", "1:02:03", of seconds. */
void bar_add_span(struct buf *out, int64_t seconds);

#endif
