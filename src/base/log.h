/*
 * The log: one line an event on stderr, an event name first, then facts as key=value.
 *
 *     key-made order=3 token=batch-07 took_ms=812
 *
 * Off unless asked for (-v).  Never a place for secrets.  May be called from any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/compiler.h"

enum log_level { LOG_OFF, LOG_INFO, LOG_DEBUG };

/* What is written from now on; call before threads are started. */
void log_set_level(enum log_level level);

/* Write to this descriptor instead of stderr; call before threads are started. */
void log_set_fd(int fd);

void log_info(const char *event, const char *format, ...) PRINTF(2, 3);
void log_debug(const char *event, const char *format, ...) PRINTF(2, 3);

#endif
