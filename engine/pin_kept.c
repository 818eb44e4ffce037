/*
 * PINs that were set by this process, and new ones.
 */
#include "engine/pin.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/queue.h"

struct kept {
        struct kept *next;
        char *manufacturer;
        char *serial;
        struct secret pin;
};

struct kept_list {
        struct kept *first;
};

/* The list itself is the one item of a queue: whoever took it out may look and change it. */
static struct queue *holder;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
make_holder(void)
{
        holder = queue_new();
        queue_push(holder, memory_new(1, sizeof(struct kept_list)));
}

static struct kept_list *
take_list(void)
{
        pthread_once(&once, make_holder);
        return queue_take(holder, -1);
}

/* The link that leads to the token's PIN, or to the end. */
static struct kept **
find(struct kept_list *list, const char *manufacturer, const char *serial)
{
        struct kept **link = &list->first;

        while (*link && (!text_equal((*link)->manufacturer, manufacturer) ||
                         !text_equal((*link)->serial, serial)))
                link = &(*link)->next;
        return link;
}

void
pin_keep(const char *manufacturer, const char *serial, const struct secret *pin)
{
        struct kept_list *list = take_list();
        struct kept **link = find(list, manufacturer, serial);

        if (!*link) {
                *link = memory_new(1, sizeof(**link));
                (*link)->manufacturer = text_copy(manufacturer);
                (*link)->serial = text_copy(serial);
        }
        secret_copy(&(*link)->pin, pin);
        queue_push(holder, list);
}

bool
pin_kept(const char *manufacturer, const char *serial, struct secret *pin)
{
        struct kept_list *list = take_list();
        struct kept *kept = *find(list, manufacturer, serial);

        if (kept)
                secret_copy(pin, &kept->pin);
        queue_push(holder, list);
        return kept != NULL;
}

void
pin_forget(const char *manufacturer, const char *serial)
{
        struct kept_list *list = take_list();
        struct kept **link = find(list, manufacturer, serial);
        struct kept *kept = *link;

        if (kept) {
                *link = kept->next;
                secret_clear(&kept->pin);
                free(kept->manufacturer);
                free(kept->serial);
                free(kept);
        }
        queue_push(holder, list);
}

bool
pin_length_fits(const struct secret *pin, unsigned long least, unsigned long most,
                struct error *err)
{
        if (pin->len >= least && (most == 0 || pin->len <= most))
                return true;
        error_set(err, ERROR_PIN_WRONG, "the PIN is too %s for the token",
                  pin->len < least ? "short" : "long");
        return error_advise(err, "take one of %lu to %lu characters", least, most);
}

void
pin_random(unsigned digits, struct secret *pin)
{
        secret_reserve(pin, digits);
        while (pin->len < digits) {
                uint8_t byte;

                random_bytes(&byte, 1);
                /* 250 is the largest multiple of ten in a byte: no digit is likelier. */
                if (byte < 250)
                        pin->data[pin->len++] = (uint8_t)('0' + byte % 10);
                wipe(&byte, 1);
        }
}
