#include "engine/watcher.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inside.h"

struct watcher {
        struct modules *modules;
        char *path;
        bool cannot_lock;
        struct queue *inbox;
        struct queue *out;
        pthread_t thread;
};

enum errand { ERRAND_LOOK, ERRAND_RESTART, ERRAND_END };

/* What is pushed into the inbox: its address is the errand. */
static const enum errand errands[] = { ERRAND_LOOK, ERRAND_RESTART, ERRAND_END };

void
sighting_free(struct sighting *sighting)
{
        if (!sighting)
                return;
        for (size_t i = 0; i < sighting->count; i++)
                token_facts_clear(&sighting->seats[i].facts);
        free(sighting->seats);
        free(sighting);
}

const struct seat *
sighting_find(const struct sighting *sighting, unsigned long slot_id)
{
        for (size_t i = 0; i < sighting->count; i++) {
                if (sighting->seats[i].facts.slot_id == slot_id)
                        return &sighting->seats[i];
        }
        return NULL;
}

/* -- the thread's side ------------------------------------------------------------------------ */

static bool
is_listed(const CK_SLOT_ID *slots, CK_ULONG count, CK_SLOT_ID slot)
{
        for (CK_ULONG i = 0; i < count; i++) {
                if (slots[i] == slot)
                        return true;
        }
        return false;
}

/* A token may be pulled between the list and the question: that is no trouble. */
static bool
means_empty(CK_RV rv)
{
        return rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_DEVICE_REMOVED || rv == CKR_SLOT_ID_INVALID;
}

static void
look_at_slot(struct module *module, CK_SLOT_ID slot, bool present, struct seat *seat)
{
        CK_RV rv = present ? module_token_facts(module, slot, &seat->facts) : CKR_TOKEN_NOT_PRESENT;

        if (rv == CKR_OK) {
                seat->state = SEAT_TAKEN;
                return;
        }
        if (module_slot_facts(module, slot, &seat->facts) != CKR_OK)
                seat->facts = (struct token_facts){ .slot_id = slot };
        if (means_empty(rv)) {
                seat->state = SEAT_EMPTY;
                return;
        }
        seat->state = SEAT_TROUBLE;
        ckr_error(&seat->trouble, rv, "the token does not answer");
}

static void
look(struct watcher *watcher, struct sighting *sighting)
{
        struct module *module = &watcher->modules->list[0];
        CLEANUP(free_cleanup) CK_SLOT_ID *filled = NULL;
        CLEANUP(free_cleanup) CK_SLOT_ID *slots = NULL;
        CK_ULONG filled_count = 0;
        CK_ULONG count = 0;
        /* Those with a token first: that question makes modules look. */
        CK_RV rv = module_slots(module, true, &filled, &filled_count);

        if (rv == CKR_OK)
                rv = module_slots(module, false, &slots, &count);
        if (rv != CKR_OK) {
                ckr_error(&sighting->error, rv, "cannot list the slots");
                error_about(&sighting->error, "module %s", module->path);
                return;
        }
        sighting->seats = memory_new(count, sizeof(*sighting->seats));
        sighting->count = count;
        for (CK_ULONG i = 0; i < count; i++)
                look_at_slot(module, slots[i], is_listed(filled, filled_count, slots[i]),
                             &sighting->seats[i]);
}

static void
run_errand(struct watcher *watcher, enum errand errand)
{
        struct sighting *sighting = memory_new(1, sizeof(*sighting));

        sighting->watcher = watcher;
        if (errand == ERRAND_RESTART)
                sighting->restarted = modules_restart(watcher->modules, &sighting->error);
        if (sighting->error.kind == ERROR_NONE)
                look(watcher, sighting);
        queue_push(watcher->out, sighting);
}

static void *
watcher_main(void *argument)
{
        struct watcher *watcher = argument;
        const enum errand *errand;

        while ((errand = queue_take(watcher->inbox, -1)) && *errand != ERRAND_END)
                run_errand(watcher, *errand);
        return NULL;
}

/* -- the other side --------------------------------------------------------------------------- */

static void
send(struct watcher *watcher, enum errand errand)
{
        /* A queue carries pointers that may be written through; nobody does here. */
        queue_push(watcher->inbox, (void *)(uintptr_t)&errands[errand]);
}

struct watcher *
watcher_start(struct modules *modules, struct queue *out)
{
        struct watcher *watcher = memory_new(1, sizeof(*watcher));

        assert(modules->count == 1);
        watcher->modules = modules;
        watcher->path = text_copy(modules->list[0].path);
        watcher->cannot_lock = modules->list[0].cannot_lock;
        watcher->inbox = queue_new();
        watcher->out = out;
        if (pthread_create(&watcher->thread, NULL, watcher_main, watcher) != 0)
                abort();
        return watcher;
}

const char *
watcher_module(const struct watcher *watcher)
{
        return watcher->path;
}

bool
watcher_cannot_lock(const struct watcher *watcher)
{
        return watcher->cannot_lock;
}

void
watcher_look(struct watcher *watcher)
{
        send(watcher, ERRAND_LOOK);
}

void
watcher_restart(struct watcher *watcher)
{
        send(watcher, ERRAND_RESTART);
}

void
watcher_stop(struct watcher *watcher, bool forget)
{
        if (forget) {
                /* It may come back and write into `out`; both stay. */
                pthread_detach(watcher->thread);
                return;
        }
        send(watcher, ERRAND_END);
        pthread_join(watcher->thread, NULL);
        modules_leave(watcher->modules);
        queue_free(watcher->inbox);
        free(watcher->path);
        free(watcher);
}
