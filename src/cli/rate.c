#include "cli/rate.h"

#include <stdlib.h>
#include <string.h>

#include "drive/batch.h"

#define MOST_RATE 100000.0

bool
rate_parse(const char *text, double *rate, struct error *err)
{
        size_t length = strspn(text, "0123456789.");
        const char *unit = text + length;
        char *end = NULL;
        double number = length ? strtod(text, &end) : -1;

        if (strcmp(text, "none") == 0) {
                *rate = DRIVE_NO_RATE;
                return true;
        }
        if (end == unit && number >= 0 && number <= MOST_RATE &&
            (!*unit || strcmp(unit, "/s") == 0 || strcmp(unit, "/m") == 0)) {
                if (strcmp(unit, "/m") == 0)
                        number /= 60;
                *rate = number > 0 ? number : DRIVE_NO_RATE;
                return true;
        }
        error_set(err, ERROR_USAGE, "--rate is no rate: '%s'", text);
        return error_advise(err, "write it as 10/s or 300/m; `none` is no limit");
}
