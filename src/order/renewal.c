#include "order/renewal.h"

#include <string.h>

#include "base/clock.h"

enum { DAY_S = 24 * 60 * 60, HOUR_S = 60 * 60, PERCENT = 100 };

bool
renewal_parse(const char *text, struct renewal *out, struct error *err)
{
        size_t length = strlen(text);
        CLEANUP(free_cleanup) char *number = text_copy_length(text, length ? length - 1 : 0);
        int64_t value;

        if (length && text[length - 1] == '%' && number_parse(number, 1, PERCENT - 1, &value)) {
                *out = (struct renewal){ .percent = (unsigned)value };
                return true;
        }
        if (clock_parse_span(text, &value) && value >= 1000) {
                *out = (struct renewal){ .before_s = value / 1000 };
                return true;
        }
        error_set(err, ERROR_USAGE, "'%.40s' does not say when to renew", text);
        return error_advise(err, "write a span before the end, such as 30d or 12h, or a part of "
                                 "the whole life, 1%% to 99%%");
}

char *
renewal_format(const struct renewal *renewal)
{
        int64_t before = renewal->before_s;

        if (renewal->percent)
                return text_format("%u%%", renewal->percent);
        if (!before)
                return NULL;
        if (before % DAY_S == 0)
                return text_format("%lldd", (long long)(before / DAY_S));
        if (before % HOUR_S == 0)
                return text_format("%lldh", (long long)(before / HOUR_S));
        return text_format("%llds", (long long)before);
}

int64_t
renewal_begins(const struct renewal *renewal, int64_t not_before, int64_t not_after,
               int64_t window_s)
{
        if (renewal->percent)
                return not_after - (not_after - not_before) / PERCENT * renewal->percent;
        return not_after - (renewal->before_s ? renewal->before_s : window_s);
}
