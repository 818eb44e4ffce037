#include "localpca/validity.h"

#include <string.h>

#include "base/clock.h"

enum { DAY_SECONDS = 24 * 60 * 60 };

/* RFC 5280, 4.1.2.5: nothing can be written beyond the year 9999. */
static const int64_t END_OF_TIME = 253402300799;

static int
month_days(int year, int month)
{
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return days[month - 1] + (month == 2 && leap);
}

/* The same day of a later month, or that month's last day when it is shorter. */
static int64_t
months_later(int64_t now, int64_t months)
{
        int year, month, day, second;

        clock_to_civil(now, &year, &month, &day, &second);
        int64_t count = (int64_t)year * 12 + (month - 1) + months;
        year = (int)(count / 12);
        month = (int)(count % 12) + 1;
        if (day > month_days(year, month))
                day = month_days(year, month);
        return clock_civil(year, month, day, 0, 0, 0) + second;
}

/*
 * YYMMDDHHMMSS (50 to 99 mean 19xx) or YYYYMMDDHHMMSS, as a number of just as many digits: the
 * years 2000 to 2009 cannot be written with two, a number has no leading zero.
 */
static bool
end_date(int64_t digits, int64_t *out)
{
        int part[5];
        int64_t rest = digits;

        for (int i = 4; i >= 0; i--) {
                part[i] = (int)(rest % 100);
                rest /= 100;
        }
        if (rest < 10 || (rest > 99 && rest < 1000) || rest > 9999)
                return false;
        int year = rest < 50 ? (int)rest + 2000 : rest < 100 ? (int)rest + 1900 : (int)rest;
        if (part[0] < 1 || part[0] > 12 || part[1] < 1 || part[1] > month_days(year, part[0]) ||
            part[2] > 23 || part[3] > 59 || part[4] > 59)
                return false;
        *out = clock_civil(year, part[0], part[1], part[2], part[3], part[4]);
        return true;
}

bool
validity_resolve(const char *member, const char *type, int64_t value, int64_t now, int64_t *out,
                 struct refusal *refusal)
{
        static const struct {
                const char *type;
                int64_t most;
        } spans[] = { { "DAYS", 3000000 }, { "MONTHS", 96000 }, { "YEARS", 8000 } };

        for (size_t i = 0; i < ARRAY_LENGTH(spans); i++) {
                if (strcmp(type, spans[i].type) != 0)
                        continue;
                if (value > spans[i].most)
                        return refuse(refusal, "ValidationException",
                                      "The %s of %lld %s ends beyond the year 9999", member,
                                      (long long)value, type);
                *out = i == 0 ? now + value * DAY_SECONDS
                              : months_later(now, i == 1 ? value : value * 12);
        }
        if (strcmp(type, "ABSOLUTE") == 0)
                *out = value;
        if (strcmp(type, "END_DATE") == 0 && !end_date(value, out))
                return refuse(refusal, "ValidationException",
                              "The %s.value %lld is not a date in the form YYMMDDHHMMSS or "
                              "YYYYMMDDHHMMSS",
                              member, (long long)value);
        if (*out > END_OF_TIME)
                return refuse(refusal, "ValidationException", "The %s ends beyond the year 9999",
                              member);
        return true;
}
