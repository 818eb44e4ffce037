/*
 * The clocks, and time as text.  Times are whole seconds since 1970, UTC, in an int64_t.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/compiler.h"

/* Room for "2026-11-21T21:00:00Z" (or a five-digit year) and a NUL. */
enum { CLOCK_TEXT = 32 };

/* Wall clock: seconds, and milliseconds, since 1970. */
int64_t clock_now(void);
int64_t clock_now_ms(void);

/* Milliseconds since boot, time in suspend included (CLOCK_BOOTTIME): never goes back. */
int64_t clock_boot_ms(void);
int64_t clock_boot_us(void); /* the same clock in microseconds */

/* RFC 3339 in UTC, "2026-11-21T21:00:00Z"; returns `out`. */
const char *clock_format(int64_t when, char out[CLOCK_TEXT]);

/*
 * RFC 3339 or ISO 8601 ("2026-11-21T21:00:00Z", with a fraction or an offset), or a date alone,
 * which means its first second.  False if it is anything else.
 */
bool clock_parse(const char *text, int64_t *out) MUST_CHECK;

/* Seconds since 1970 of a date and time in the proleptic Gregorian calendar, UTC. */
int64_t clock_civil(int year, int month, int day, int hour, int minute, int second);

/* The reverse, for calendar arithmetic; month 1 to 12, day 1 to 31. */
void clock_to_civil(int64_t when, int *year, int *month, int *day, int *second_of_day);

/*
 * A span such as "10s", "500ms", "2m", "4h", "30d" in milliseconds; a bare number means seconds.
 * False if it is anything else or over 100 years.
 */
bool clock_parse_span(const char *text, int64_t *ms) MUST_CHECK;

#endif
