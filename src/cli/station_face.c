#include "cli/station_face.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/screen.h"
#include "cli/streams.h"
#include "cli/terminal.h"

enum { LINE_MOST = 256, RINGS_OF_FAILURE = 3, RING_EVERY_MS = 300 };

struct face {
        const struct command *command;
        bool draws; /* a screen; else lines */
        bool utf8;
        bool bell;
        unsigned rings; /* still to be rung */
        int64_t rung_ms;
        char line[LINE_MOST]; /* of standard input, not complete yet */
        size_t length;
        bool ended; /* standard input */
};

struct face *
face_new(const struct command *command)
{
        struct face *face = memory_new(1, sizeof(*face));
        int fd = fileno(stream_answer());
        bool shows = command_is_talkative(command);

        face->command = command;
        face->draws = shows && terminal_can_draw(fd);
        face->utf8 = terminal_is_utf8();
        face->bell = shows && isatty(fd) && !option_flag(&command->options, OPTION_NO_BELL);
        if (face->draws)
                terminal_open(fd);
        return face;
}

void
face_free(struct face *face)
{
        if (!face)
                return;
        if (face->draws)
                terminal_close();
        free(face);
}

/* -- the log ---------------------------------------------------------------------------------- */

static const struct {
        const char *word;
        unsigned rings;
} events[] = {
        [STATION_INSERTED] = { "in", 0 },
        [STATION_PULLED] = { "out", 0 },
        [STATION_BEGUN] = { "begun", 0 },
        [STATION_STEP] = { NULL, 0 }, /* seven a unit: the ledger has them */
        [STATION_GOOD] = { "OK", 1 },
        [STATION_AGAIN] = { "DONE", 1 },
        [STATION_FAILED] = { "FAIL", RINGS_OF_FAILURE },
        [STATION_TROUBLE] = { "trouble", 2 },
        [STATION_NOTE] = { "note", 0 },
};

void
face_event(struct face *face, enum station_event event, unsigned bay, const char *text)
{
        char when[CLOCK_TEXT];

        if (events[event].rings > face->rings)
                face->rings = events[event].rings;
        if (face->draws || !events[event].word)
                return;
        clock_format(clock_now(), when);
        if (bay)
                command_say(face->command, "%s  reader %u  %-7s  %s", when, bay, events[event].word,
                            text);
        else
                command_say(face->command, "%s  station   %-7s  %s", when, events[event].word,
                            text);
}

/* -- the screen ------------------------------------------------------------------------------- */

static void
ring(struct face *face)
{
        int64_t now = clock_boot_ms();

        if (!face->bell)
                face->rings = 0;
        if (!face->rings || now - face->rung_ms < RING_EVERY_MS)
                return;
        terminal_bell(fileno(stream_answer()));
        face->rings--;
        face->rung_ms = now;
}

void
face_show(struct face *face, const struct station_view *view)
{
        CLEANUP(buf_cleanup) struct buf frame = { 0 };
        struct screen_look look = {
                .color = face->command->color,
                .utf8 = face->utf8,
                .now = clock_now(),
                .now_ms = clock_boot_ms(),
        };

        ring(face);
        if (!face->draws)
                return;
        terminal_size(&look.width, &look.height);
        screen_render(view, &look, &frame);
        terminal_draw(view_buf(&frame));
}

/* -- what is scanned -------------------------------------------------------------------------- */

/* A line, complete, without the blanks that scanners add. */
static bool
take_line(struct face *face, char *line, size_t size)
{
        char *end = memchr(face->line, '\n', face->length);
        size_t length = end ? (size_t)(end - face->line) : face->length;
        size_t skip = 0;
        size_t rest;

        if (!end && !(face->ended && face->length))
                return false;
        while (skip < length && (face->line[skip] == ' ' || face->line[skip] == '\t'))
                skip++;
        size_t last = length;

        while (last > skip && (face->line[last - 1] == ' ' || face->line[last - 1] == '\r' ||
                               face->line[last - 1] == '\t'))
                last--;
        size_t kept = last - skip < size ? last - skip : size - 1;

        memcpy(line, face->line + skip, kept);
        line[kept] = '\0';
        rest = length + (end != NULL);
        memmove(face->line, face->line + rest, face->length - rest);
        face->length -= rest;
        return kept > 0 || take_line(face, line, size);
}

bool
face_read(struct face *face, char *line, size_t size)
{
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

        if (take_line(face, line, size))
                return true;
        if (face->ended || poll(&input, 1, 0) <= 0)
                return false;
        if (face->length == sizeof(face->line))
                face->length = 0; /* no label is that long */
        ssize_t got =
                read(STDIN_FILENO, face->line + face->length, sizeof(face->line) - face->length);

        if (got < 0 && (errno == EINTR || errno == EAGAIN))
                return false;
        if (got <= 0)
                face->ended = true;
        else
                face->length += (size_t)got;
        return take_line(face, line, size);
}
