#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

static volatile int asked_to_stop;
static unsigned catchers;
static struct sigaction old_int;
static struct sigaction old_term;

static void (*volatile before_exit)(void);

static void
count_signal(int number)
{
        if (asked_to_stop >= 2) {
                void (*last)(void) = before_exit;

                if (last)
                        last();
                _exit(128 + number);
        }
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

void
interrupt_before_exit(void (*last)(void))
{
        before_exit = last;
}

const volatile int *
interrupt_flag(void)
{
        return &asked_to_stop;
}
