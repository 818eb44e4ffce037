#include "localpca/exchange.h"

#include <stdlib.h>

struct exchange *
exchange_new(const char *uri)
{
        struct exchange *exchange = memory_new(1, sizeof(*exchange));

        exchange->uri = text_copy(uri);
        return exchange;
}

void
exchange_free(struct exchange *exchange)
{
        if (!exchange)
                return;
        free(exchange->uri);
        buf_clear(&exchange->body);
        answer_clear(&exchange->answer);
        free(exchange);
}

static void
swap(struct waiting *waiting, size_t a, size_t b)
{
        struct exchange *kept = waiting->all[a];

        waiting->all[a] = waiting->all[b];
        waiting->all[b] = kept;
}

static bool
earlier(const struct waiting *waiting, size_t a, size_t b)
{
        return waiting->all[a]->due_ms < waiting->all[b]->due_ms;
}

void
waiting_add(struct waiting *waiting, struct exchange *exchange)
{
        size_t at = waiting->count++;

        if (waiting->count > waiting->capacity) {
                waiting->capacity = waiting->capacity ? waiting->capacity * 2 : 64;
                waiting->all = memory_grow(waiting->all, waiting->capacity, sizeof(*waiting->all));
        }
        waiting->all[at] = exchange;
        for (; at && earlier(waiting, at, (at - 1) / 2); at = (at - 1) / 2)
                swap(waiting, at, (at - 1) / 2);
}

int64_t
waiting_due_ms(const struct waiting *waiting)
{
        return waiting->count ? waiting->all[0]->due_ms : INT64_MAX;
}

struct exchange *
waiting_take(struct waiting *waiting, int64_t now_ms)
{
        if (waiting_due_ms(waiting) > now_ms)
                return NULL;
        if (!waiting->count)
                return NULL;
        struct exchange *first = waiting->all[0];
        waiting->all[0] = waiting->all[--waiting->count];
        for (size_t at = 0, least; 2 * at + 1 < waiting->count; at = least) {
                least = 2 * at + 1;
                if (least + 1 < waiting->count && earlier(waiting, least + 1, least))
                        least++;
                if (!earlier(waiting, least, at))
                        break;
                swap(waiting, least, at);
        }
        return first;
}

void
waiting_clear(struct waiting *waiting)
{
        free(waiting->all);
        *waiting = (struct waiting){ 0 };
}
