#include "localpca/refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
        const char *code;
        unsigned status;
} statuses[] = {
        { "InternalFailure", 500 },
        { "InternalServerException", 500 },
        { "ServiceUnavailable", 503 },
        { "ServiceUnavailableException", 503 },
        { "RequestEntityTooLargeException", 413 },
};

bool
refuse(struct refusal *refusal, const char *code, const char *format, ...)
{
        va_list arguments;
        char *message = NULL;

        if (refusal->code)
                return false;
        va_start(arguments, format);
        int len = vasprintf(&message, format, arguments);
        va_end(arguments);
        refusal->code = code;
        if (len >= 0)
                buf_add(&refusal->message, view_of(message, (size_t)len));
        free(message);
        return false;
}

unsigned
refusal_status(const char *code)
{
        for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++)
                if (strcmp(statuses[i].code, code) == 0)
                        return statuses[i].status;
        return 400;
}

void
refusal_clear(struct refusal *refusal)
{
        buf_clear(&refusal->message);
        refusal->code = NULL;
}
