#include "order/validity.h"

#include <string.h>

#include "base/clock.h"

/* 9999-12-31T23:59:59Z, the last moment a certificate can express (RFC 5280, 4.1.2.5). */
static const int64_t last_moment = INT64_C(253402300799);

static const struct {
        const char *prefix;
        const char *suffix;
        int64_t most; /* a hundred years */
        const char *api;
} forms[] = {
        [VALIDITY_NONE] = { NULL, NULL, 0, NULL },
        [VALIDITY_DAYS] = { "", "d", 36525, "DAYS" },
        [VALIDITY_MONTHS] = { "", "mo", 1200, "MONTHS" },
        [VALIDITY_YEARS] = { "", "y", 100, "YEARS" },
        [VALIDITY_END_DATE] = { "end:", "", 0, "END_DATE" },
        [VALIDITY_ABSOLUTE] = { "absolute:", "", 0, "ABSOLUTE" },
        [VALIDITY_CA_END] = { "ca-end", "", 0, "ABSOLUTE" },
};
static_assert(ARRAY_LENGTH(forms) == VALIDITY_TYPES, "a row for every type");

static bool
parse_count(const char *text, struct validity *out)
{
        static const enum validity_type counted[] = { VALIDITY_DAYS, VALIDITY_MONTHS,
                                                      VALIDITY_YEARS };
        size_t digits = strspn(text, "0123456789");
        char number[24] = { 0 };

        if (digits == 0 || digits >= sizeof(number))
                return false;
        memcpy(number, text, digits);
        for (size_t i = 0; i < ARRAY_LENGTH(counted); i++) {
                enum validity_type type = counted[i];

                if (strcmp(text + digits, forms[type].suffix) != 0)
                        continue;
                if (!number_parse(number, 1, forms[type].most, &out->value))
                        return false;
                out->type = type;
                return true;
        }
        return false;
}

static bool
parse_end(const char *text, struct validity *out)
{
        int64_t when;

        if (!clock_parse(text, &when))
                return false;
        /* A date alone is meant whole: its last second. */
        if (strlen(text) == strlen("2027-12-31"))
                when += 24 * 60 * 60 - 1;
        if (when < 1 || when > last_moment)
                return false;
        *out = (struct validity){ VALIDITY_END_DATE, when };
        return true;
}

static bool
parse_any(const char *text, struct validity *out)
{
        const char *end = forms[VALIDITY_END_DATE].prefix;
        const char *absolute = forms[VALIDITY_ABSOLUTE].prefix;

        if (strcmp(text, forms[VALIDITY_CA_END].prefix) == 0) {
                *out = (struct validity){ VALIDITY_CA_END, 0 };
                return true;
        }
        if (text_starts(text, end))
                return parse_end(text + strlen(end), out);
        if (!text_starts(text, absolute))
                return parse_count(text, out);
        if (!number_parse(text + strlen(absolute), 1, last_moment, &out->value))
                return false;
        out->type = VALIDITY_ABSOLUTE;
        return true;
}

/* The rule that a text breaks which is none. */
static const char *
broken_rule(const char *text)
{
        static const char too_late[] =
                "no certificate ends after the year 9999 (RFC 5280, 4.1.2.5)";
        const char *end = forms[VALIDITY_END_DATE].prefix;
        const char *absolute = forms[VALIDITY_ABSOLUTE].prefix;
        size_t digits = strspn(text, "0123456789");

        if (text_starts(text, end)) {
                text += strlen(end);
                digits = strspn(text, "0123456789");
                /* The digits that AWS's own END_DATE is written in. */
                if (digits && !text[digits])
                        return "end: takes a date with dashes, as in end:2049-12-31, or a time in "
                               "RFC 3339";
                return digits > 4 && text[digits] == '-'
                               ? too_late
                               : "end: takes a date, or a time in RFC 3339";
        }
        if (text_starts(text, absolute)) {
                text += strlen(absolute);
                return *text && !text[strspn(text, "0123456789")] && *text != '0'
                               ? too_late
                               : "absolute: takes seconds since 1970";
        }
        for (int type = VALIDITY_DAYS; digits && type <= VALIDITY_YEARS; type++) {
                if (strcmp(text + digits, forms[type].suffix) == 0)
                        return "a span is at least one day and at most 100 years";
        }
        return digits ? "a span ends in d, mo or y" : "it is neither a span nor an end";
}

bool
validity_parse(const char *text, struct validity *out, struct error *err)
{
        struct validity validity = { 0 };

        if (!parse_any(text, &validity)) {
                error_set(err, ERROR_USAGE, "'%s' is not a validity: %s", text, broken_rule(text));
                return error_advise(err, "write 365d, 13mo, 2y (at most 100 years), "
                                         "end:2027-12-31, end:2027-12-31T23:59:59Z, "
                                         "absolute:1830297599 or ca-end");
        }
        *out = validity;
        return true;
}

char *
validity_format(const struct validity *validity)
{
        char when[CLOCK_TEXT];

        switch (validity->type) {
        case VALIDITY_DAYS:
        case VALIDITY_MONTHS:
        case VALIDITY_YEARS:
        case VALIDITY_ABSOLUTE:
                return text_format("%s%lld%s", forms[validity->type].prefix,
                                   (long long)validity->value, forms[validity->type].suffix);
        case VALIDITY_END_DATE:
                return text_format("%s%s", forms[VALIDITY_END_DATE].prefix,
                                   clock_format(validity->value, when));
        case VALIDITY_CA_END:
                return text_copy(forms[VALIDITY_CA_END].prefix);
        case VALIDITY_NONE:
        case VALIDITY_TYPES:
                break;
        }
        return text_copy("");
}

/* GeneralizedTime's digits as a number: 20271231235959. */
static int64_t
date_digits(int64_t when)
{
        int year, month, day, second;

        clock_to_civil(when, &year, &month, &day, &second);
        return (((int64_t)year * 100 + month) * 100 + day) * 1000000 + second / 3600 * 10000 +
               second / 60 % 60 * 100 + second % 60;
}

bool
validity_for_api(const struct validity *validity, int64_t ca_not_after, const char **type,
                 int64_t *value, struct error *err)
{
        assert(validity->type > VALIDITY_NONE && validity->type < VALIDITY_TYPES);
        if (validity->type == VALIDITY_CA_END && ca_not_after <= 0) {
                error_set(err, ERROR_INPUT, "the end of the CA is not known");
                return error_advise(err,
                                    "ask for a validity such as 365d instead of ca-end, or let "
                                    "the identity describe the CA");
        }
        *type = forms[validity->type].api;
        if (validity->type == VALIDITY_CA_END)
                *value = ca_not_after;
        else if (validity->type == VALIDITY_END_DATE)
                *value = date_digits(validity->value);
        else
                *value = validity->value;
        return true;
}

/* The same day and time `months` later; the last day of the month where there is no such day. */
static int64_t
months_later(int64_t when, int64_t months)
{
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        int year, month, day, second;

        clock_to_civil(when, &year, &month, &day, &second);
        int64_t count = (int64_t)year * 12 + month - 1 + months;

        year = (int)(count / 12);
        month = (int)(count % 12) + 1;
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        int last = days[month - 1] + (month == 2 && leap);

        return clock_civil(year, month, day < last ? day : last, 0, 0, 0) + second;
}

int64_t
validity_end(const struct validity *validity, int64_t issued_at, int64_t ca_not_after)
{
        switch (validity->type) {
        case VALIDITY_DAYS:
                return issued_at + validity->value * 24 * 60 * 60;
        case VALIDITY_MONTHS:
                return months_later(issued_at, validity->value);
        case VALIDITY_YEARS:
                return months_later(issued_at, validity->value * 12);
        case VALIDITY_END_DATE:
        case VALIDITY_ABSOLUTE:
                return validity->value;
        case VALIDITY_CA_END:
                return ca_not_after;
        case VALIDITY_NONE:
        case VALIDITY_TYPES:
                break;
        }
        return 0;
}
