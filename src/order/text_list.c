#include "order/text_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

void
text_list_free(char **list, size_t count)
{
        for (size_t i = 0; i < count; i++)
                free(list[i]);
        free(list);
}

void
text_list_add(char ***list, size_t *count, const char *text)
{
        *list = memory_grow(*list, *count + 1, sizeof(**list));
        (*list)[(*count)++] = text_copy(text);
}

static size_t
occurrences(char *const *list, size_t count, const char *text)
{
        size_t found = 0;

        for (size_t i = 0; i < count; i++)
                found += strcmp(list[i], text) == 0;
        return found;
}

bool
text_list_has(char *const *list, size_t count, const char *text)
{
        return occurrences(list, count, text) > 0;
}

void
text_list_copy(char ***to, size_t *to_count, char *const *from, size_t count)
{
        char **copy = NULL;
        size_t copied = 0;

        for (size_t i = 0; i < count; i++)
                text_list_add(&copy, &copied, from[i]);
        text_list_free(*to, *to_count);
        *to = copy;
        *to_count = copied;
}

bool
text_list_same(char *const *a, size_t a_count, char *const *b, size_t b_count)
{
        if (a_count != b_count)
                return false;
        for (size_t i = 0; i < a_count; i++) {
                if (occurrences(a, a_count, a[i]) != occurrences(b, b_count, a[i]))
                        return false;
        }
        return true;
}

char *
text_list_join(char *const *list, size_t count)
{
        struct buf text = { 0 };

        buf_add_text(&text, "");
        for (size_t i = 0; i < count; i++)
                buf_format(&text, "%s%s", i ? ", " : "", list[i]);
        return (char *)text.data;
}
