/*
 * How a station shows itself: a screen where standard output is a terminal that can be drawn on,
 * else a line an event on standard error.
 */
#ifndef CLI_STATION_FACE_H
#define CLI_STATION_FACE_H

#include "cli/command.h"
#include "drive/station.h"

struct face;

/* Takes the terminal, where there is one to be taken. */
struct face *face_new(const struct command *command);
void face_free(struct face *face); /* gives it back; NULL does nothing */

/* One event, for the log, and the bell for those that an operator waits for. */
void face_event(struct face *face, enum station_event event, unsigned bay, const char *text);

void face_show(struct face *face, const struct station_view *view);

/* The next line of standard input, without blanks around it; false when there is none now. */
bool face_read(struct face *face, char *line, size_t size);

#endif
