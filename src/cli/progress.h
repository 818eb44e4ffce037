/*
 * What the operator sees on stderr while orders move: a line a step, with the time it took.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/command.h"
#include "drive/batch.h"

struct progress {
        const struct command *command;
        bool many;         /* more than one order: lines begin with the name */
        int64_t before_ms; /* clock_boot_ms() of the last step */
        bool waiting;      /* "waiting" was said since the last step */
};

void progress_start(struct progress *progress, const struct command *command, bool many);

/* drive_options.event; `context` is the progress. */
void progress_event(void *context, enum drive_event event, const struct order *order,
                    const char *text);

#endif
