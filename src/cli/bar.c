#include "cli/bar.h"

#include <stdio.h>

#include "base/clock.h"
#include "cli/streams.h"

enum {
        REDRAW_MS = 200,
        PLAIN_MS = 10 * 1000,
        COUNT_MS = 2000,
        CELLS = 20,
        LEAST_WIDTH = 40,
};

void
bar_start(struct bar *bar, const struct command *command, size_t total)
{
        int64_t now = clock_boot_ms();

        *bar = (struct bar){
                .command = command,
                .total = total,
                .started_ms = now,
                .drawn_ms = now,
                .counted_ms = now,
        };
}

void
bar_add_span(struct buf *out, int64_t seconds)
{
        long long hours = seconds / 3600;

        if (hours)
                buf_format(out, "%lld:%02lld:%02lld", hours, (long long)seconds / 60 % 60,
                           (long long)seconds % 60);
        else
                buf_format(out, "%lld:%02lld", (long long)seconds / 60, (long long)seconds % 60);
}

/* What it is that takes the time. */
static void
add_wait(const struct drive_standing *standing, struct buf *out)
{
        char text[CLOCK_TEXT];

        if (standing->outage.kind != ERROR_NONE)
                buf_format(out, "  AWS does not answer, next try at %s",
                           clock_format(standing->next_try, text));
        else if (standing->for_rate * 2 > standing->in_flight)
                buf_add_text(out, "  waits for the quota");
        else if (standing->at_token > standing->at_network)
                buf_add_text(out, "  waits for the token");
        else if (standing->at_network)
                buf_add_text(out, "  waits for the CA");
}

void
bar_compose(const struct bar *bar, const struct drive_standing *standing, int64_t now_ms,
            struct buf *out)
{
        double rate = bar->rate;

        if (rate <= 0 && bar->done && now_ms > bar->started_ms)
                rate = (double)bar->done * 1000 / (double)(now_ms - bar->started_ms);
        buf_format(out, "%zu/%zu", bar->done, bar->total);
        if (rate > 0) {
                buf_format(out, "  %.1f/s", rate);
                if (bar->done < bar->total) {
                        buf_add_text(out, "  done in ");
                        bar_add_span(out,
                                     (int64_t)((double)(bar->total - bar->done) / rate + 0.999));
                }
        }
        if (bar->failed)
                buf_format(out, "  %zu failed", bar->failed);
        if (standing && bar->done < bar->total)
                add_wait(standing, out);
}

static void
count(struct bar *bar, int64_t now_ms)
{
        int64_t span = now_ms - bar->counted_ms;

        if (span < COUNT_MS)
                return;
        double rate = (double)(bar->done - bar->counted) * 1000 / (double)span;

        bar->rate = bar->rate > 0 ? bar->rate * 0.6 + rate * 0.4 : rate;
        bar->counted = bar->done;
        bar->counted_ms = now_ms;
}

static void
draw_over(struct bar *bar, const struct buf *text, size_t width)
{
        CLEANUP(buf_cleanup) struct buf line = { 0 };
        size_t filled = bar->total ? bar->done * CELLS / bar->total : 0;

        if (width >= LEAST_WIDTH) {
                buf_add_byte(&line, '[');
                for (size_t i = 0; i < CELLS; i++)
                        buf_add_byte(&line, i < filled ? '#' : ' ');
                buf_add_text(&line, "]  ");
        }
        buf_add(&line, view_buf(text));
        /* A line that wraps could not be drawn over. */
        int length = (int)(line.len < width ? line.len : width - 1);

        fprintf(stream_talk(), "\r%.*s\033[K", length, buf_text(&line));
        bar->drawn = true;
}

void
bar_draw(struct bar *bar, const struct drive_standing *standing)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        int64_t now = clock_boot_ms();
        size_t width = stream_talk_width();

        if (!command_is_talkative(bar->command))
                return;
        count(bar, now);
        if (now - bar->drawn_ms < (width ? REDRAW_MS : PLAIN_MS))
                return;
        bar->drawn_ms = now;
        bar_compose(bar, standing, now, &text);
        if (width > 1)
                draw_over(bar, &text, width);
        else
                fprintf(stream_talk(), "progress  %s\n", buf_text(&text));
}

void
bar_hide(struct bar *bar)
{
        if (!bar->drawn)
                return;
        fputs("\r\033[K", stream_talk());
        bar->drawn = false;
        bar->drawn_ms = 0;
}
