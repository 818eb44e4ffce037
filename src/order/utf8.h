/*
 * UTF-8 from outside: is it any (RFC 3629), and may it be shown to a person as it is?  Pure.
 */
#ifndef ORDER_UTF8_H
#define ORDER_UTF8_H

#include "base/bytes.h"

/* The next character of `*text`, which moves behind it; -1 if it is not UTF-8. */
long utf8_next(struct view *text);

/* How many characters, or -1 if it is not UTF-8. */
int utf8_length(struct view text);

/* Controls, and what turns the direction of writing round: a terminal would act upon them. */
bool utf8_is_control(long character);
bool utf8_has_control(struct view text);

#endif
