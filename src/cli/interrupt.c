#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

static volatile int asked_to_stop;
static unsigned catchers;
static struct sigaction old_int;
static struct sigaction old_term;

static void
count_signal(int number)
{
        if (asked_to_stop >= 2)
                _exit(128 + number);
        asked_to_stop++;
}

void
interrupt_catch(void)
{
        struct sigaction action = { .sa_handler = count_signal };

        if (catchers++ > 0)
                return;
        sigemptyset(&action.sa_mask);
        sigaction(SIGINT, &action, &old_int);
        sigaction(SIGTERM, &action, &old_term);
}

void
interrupt_release(void)
{
        assert(catchers > 0);
        if (--catchers > 0)
                return;
        sigaction(SIGINT, &old_int, NULL);
        sigaction(SIGTERM, &old_term, NULL);
}

const volatile int *
interrupt_flag(void)
{
        return &asked_to_stop;
}
