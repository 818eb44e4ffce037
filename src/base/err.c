#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum effect { STAY, VERDICT };

static const struct {
        const char *name;
        int exit_status;
        enum effect effect;
} kinds[] = {
#define X(kind, name_, status_, effect_) [ERROR_##kind] = { name_, status_, effect_ },
        ERROR_KIND_LIST(X)
#undef X
};
static_assert(ARRAY_LENGTH(kinds) == ERROR_KINDS, "a row for every kind");

void
free_cleanup(void *pointer_to_pointer)
{
        void **pointer = pointer_to_pointer;

        free(*pointer);
        *pointer = NULL;
}

/* Cut a text that was too long at a UTF-8 character boundary and mark the cut. */
static void
mark_cut(char *text, size_t size)
{
        static const char mark[] = "…";
        size_t end = size - sizeof(mark);

        while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80)
                end--;
        memcpy(text + end, mark, sizeof(mark));
}

static void PRINTF(3, 0) set_text(char *text, size_t size, const char *format, va_list arguments)
{
        int length = vsnprintf(text, size, format, arguments);

        if (length >= 0 && (size_t)length >= size)
                mark_cut(text, size);
}

static void
copy_text(char *text, size_t size, const char *source)
{
        size_t length = source ? strlen(source) : 0;

        if (length < size) {
                memcpy(text, source ? source : "", length + 1);
                return;
        }
        memcpy(text, source, size - 1);
        text[size - 1] = '\0';
        mark_cut(text, size);
}

bool
error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
        /* The arguments may be parts of `err` itself, so it is filled in a copy. */
        struct error fresh = { .kind = kind };
        va_list arguments;

        va_start(arguments, format);
        set_text(fresh.what, sizeof(fresh.what), format, arguments);
        va_end(arguments);
        *err = fresh;
        return false;
}

bool
error_about(struct error *err, const char *format, ...)
{
        char text[sizeof(err->about)];
        char joined[2 * sizeof(err->about) + 2];
        va_list arguments;

        va_start(arguments, format);
        set_text(text, sizeof(text), format, arguments);
        va_end(arguments);
        snprintf(joined, sizeof(joined), "%s%s%s", text, err->about[0] ? ", " : "", err->about);
        copy_text(err->about, sizeof(err->about), joined);
        return false;
}

bool
error_advise(struct error *err, const char *format, ...)
{
        va_list arguments;

        if (err->next[0])
                return false;
        va_start(arguments, format);
        set_text(err->next, sizeof(err->next), format, arguments);
        va_end(arguments);
        return false;
}

bool
error_aws(struct error *err, const char *code, const char *message, const char *request_id)
{
        copy_text(err->aws.code, sizeof(err->aws.code), code);
        copy_text(err->aws.message, sizeof(err->aws.message), message);
        copy_text(err->aws.request_id, sizeof(err->aws.request_id), request_id);
        return false;
}

const char *
error_kind_name(enum error_kind kind)
{
        return kinds[kind].name;
}

enum error_kind
error_kind_named(const char *name)
{
        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
                if (strcmp(kinds[i].name, name) == 0)
                        return (enum error_kind)i;
        }
        return ERROR_INTERNAL;
}

int
error_exit_status(enum error_kind kind)
{
        return kinds[kind].exit_status;
}

bool
error_is_verdict(enum error_kind kind)
{
        return kinds[kind].effect == VERDICT;
}
