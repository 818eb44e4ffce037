/*
 * One question to a token, on a thread that may be left behind.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/queue.h"
#include "drive/conductor.h"

struct guarded {
        bool (*call)(void *context, struct error *err);
        void *context;
        struct error error;
        bool done;
        struct queue *back;
};

static void *
guarded_main(void *argument)
{
        struct guarded *guarded = argument;

        guarded->done = guarded->call(guarded->context, &guarded->error);
        queue_push(guarded->back, guarded);
        return NULL;
}

bool
drive_guarded(bool (*call)(void *context, struct error *err), void *context, int64_t timeout_ms,
              struct error *err)
{
        struct guarded *guarded = memory_new(1, sizeof(*guarded));
        pthread_t thread;

        guarded->call = call;
        guarded->context = context;
        guarded->back = queue_new();
        if (pthread_create(&thread, NULL, guarded_main, guarded) != 0)
                abort();
        if (!queue_take(guarded->back, (int)timeout_ms)) {
                /* The thread keeps what it works on; the process will leave by _exit(). */
                pthread_detach(thread);
                drive_note_hang();
                error_set(err, ERROR_TOKEN_HANGS, "the token's module does not answer");
                return error_advise(err, "unplug the token and plug it in again, or restart its "
                                         "service; --token-timeout allows for more time");
        }
        pthread_join(thread, NULL);
        bool done = guarded->done;

        if (!done)
                *err = guarded->error;
        queue_free(guarded->back);
        free(guarded);
        return done;
}
