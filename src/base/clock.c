#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t
read_ms(clockid_t id)
{
        struct timespec now;

        clock_gettime(id, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_now(void)
{
        /* time(), not clock_gettime()'s coarser cousins: tests shift it by faketime. */
        return (int64_t)time(NULL);
}

int64_t
clock_now_ms(void)
{
        return read_ms(CLOCK_REALTIME);
}

int64_t
clock_boot_ms(void)
{
        return read_ms(CLOCK_BOOTTIME);
}

int64_t
clock_boot_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_civil(int year, int month, int day, int hour, int minute, int second)
{
        /* Days from the civil calendar: years begin in March, eras of 400 years. */
        int64_t y = year - (month <= 2);
        int64_t era = (y >= 0 ? y : y - 399) / 400;
        int64_t year_of_era = y - era * 400;
        int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        int64_t days = era * 146097 + day_of_era - 719468;

        return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

void
clock_to_civil(int64_t when, int *year, int *month, int *day, int *second_of_day)
{
        int64_t days = when / 86400 - (when % 86400 < 0);
        int64_t shifted = days + 719468;
        int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
        int64_t day_of_era = shifted - era * 146097;
        int64_t year_of_era =
                (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
        int64_t day_of_year =
                day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        int64_t march_month = (5 * day_of_year + 2) / 153;

        *day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
        *month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
        *year = (int)(year_of_era + era * 400 + (*month <= 2));
        *second_of_day = (int)(when - days * 86400);
}

const char *
clock_format(int64_t when, char out[CLOCK_TEXT])
{
        int year, month, day, second;

        clock_to_civil(when, &year, &month, &day, &second);
        snprintf(out, CLOCK_TEXT, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, second / 3600,
                 second / 60 % 60, second % 60);
        return out;
}

static int
days_in_month(int year, int month)
{
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return days[month - 1] + (month == 2 && leap);
}

/* Exactly `width` digits at `*at`, which moves on. */
static bool
digits(const char **at, int width, int *out)
{
        int value = 0;

        for (int i = 0; i < width; i++, (*at)++) {
                if (**at < '0' || **at > '9')
                        return false;
                value = value * 10 + (**at - '0');
        }
        *out = value;
        return true;
}

static bool
parse_offset(const char *at, int *seconds)
{
        int sign = *at == '-' ? -1 : 1;
        int hour, minute;

        if (strcmp(at, "Z") == 0 || strcmp(at, "z") == 0) {
                *seconds = 0;
                return true;
        }
        if (*at != '+' && *at != '-')
                return false;
        at++;
        if (!digits(&at, 2, &hour))
                return false;
        if (*at == ':')
                at++;
        if (!digits(&at, 2, &minute) || *at || hour > 23 || minute > 59)
                return false;
        *seconds = sign * (hour * 3600 + minute * 60);
        return true;
}

bool
clock_parse(const char *text, int64_t *out)
{
        const char *at = text;
        int year, month, day, hour, minute, second, offset;

        if (!digits(&at, 4, &year) || *at++ != '-' || !digits(&at, 2, &month) || *at++ != '-' ||
            !digits(&at, 2, &day) || month < 1 || month > 12 || day < 1 ||
            day > days_in_month(year, month))
                return false;
        if (*at == '\0') {
                *out = clock_civil(year, month, day, 0, 0, 0);
                return true;
        }
        if (*at != 'T' && *at != 't' && *at != ' ')
                return false;
        at++;
        if (!digits(&at, 2, &hour) || *at++ != ':' || !digits(&at, 2, &minute) || *at++ != ':' ||
            !digits(&at, 2, &second) || hour > 23 || minute > 59 || second > 60)
                return false;
        if (*at == '.') {
                at++;
                while (*at >= '0' && *at <= '9')
                        at++;
        }
        if (!parse_offset(at, &offset))
                return false;
        *out = clock_civil(year, month, day, hour, minute, second) - offset;
        return true;
}

bool
clock_parse_span(const char *text, int64_t *ms)
{
        static const struct {
                const char *unit;
                int64_t ms;
        } units[] = {
                { "", 1000 },     { "ms", 1 },      { "s", 1000 },     { "m", 60000 },
                { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { "w", 604800000 },
        };
        const int64_t most = INT64_C(100) * 366 * 86400000;
        int64_t value = 0;
        const char *at = text;

        if (*at < '0' || *at > '9')
                return false;
        for (; *at >= '0' && *at <= '9'; at++) {
                value = value * 10 + (*at - '0');
                if (value > most)
                        return false;
        }
        for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
                if (strcmp(at, units[i].unit) != 0)
                        continue;
                if (value > most / units[i].ms)
                        return false;
                *ms = value * units[i].ms;
                return true;
        }
        return false;
}
