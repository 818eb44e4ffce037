/*
 * --deploy-hook: the last step of a delivery, before it counts as one.  It is polled, so that other
 * orders go on; one hook runs at a time, for most of them make a server read its files again.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "drive/conductor.h"
#include "drive/deliver.h"

enum { LOOK_EVERY_MS = 20, HOOK_TIMEOUT_MS = 60 * 1000 };

static bool
start(struct conductor *conductor, struct ride *ride, struct error *err)
{
        const struct order *order = ride->order;
        const char *program = order->wishes.deploy_hook;
        int64_t timeout = conductor->options->hook_timeout_ms ? conductor->options->hook_timeout_ms
                                                              : HOOK_TIMEOUT_MS;
        struct hook_facts facts = { 0 };

        /* It was checked when it was wished for; whoever may change it now may have done so. */
        if (!hook_check(program, err))
                return false;
        deliver_hook_facts(order, &facts);
        ride->hook = hook_start(program, &facts, NULL, NULL, timeout, err);
        hook_facts_clear(&facts);
        return ride->hook != NULL;
}

static void
stop(struct ride *ride, struct error *err)
{
        error_about(err, "order %lld '%s'", (long long)ride->order->number,
                    ride->order->wishes.name);
        error_advise(err, "the certificate is on its token and in its files; mend the hook, then: "
                          "p11cert resume");
        ride_stop(ride, err);
}

void
ride_end_hook(struct conductor *conductor, struct ride *ride)
{
        hook_free(MOVE(ride->hook));
        if (conductor->deploying == ride)
                conductor->deploying = NULL;
}

bool
ride_deploy(struct conductor *conductor, struct ride *ride)
{
        struct error err = { 0 };

        if (!ride->order->wishes.deploy_hook || ride->deployed)
                return true;
        ride->wake_ms = clock_boot_ms() + LOOK_EVERY_MS;
        if (conductor->deploying && conductor->deploying != ride)
                return false;
        conductor->deploying = ride;
        if (!ride->hook && !start(conductor, ride, &err)) {
                ride_end_hook(conductor, ride);
                stop(ride, &err);
                return false;
        }
        enum hook_state state = hook_poll(ride->hook, &err);

        if (state == HOOK_RUNS)
                return false;
        ride_end_hook(conductor, ride);
        ride->wake_ms = 0;
        if (state == HOOK_FAILED) {
                stop(ride, &err);
                return false;
        }
        ride->deployed = true;
        return true;
}
