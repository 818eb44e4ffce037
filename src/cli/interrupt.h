/*
 * SIGINT and SIGTERM: the first asks for a tidy end, the second for a quick one, a third is not
 * listened to by anybody any more.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include "base/compiler.h"

/* Count the signals from now on instead of dying; calls nest. */
void interrupt_catch(void);
void interrupt_release(void);

/*
 * Call this, which must be async-signal-safe, when a third signal ends the process.  NULL: nothing.
 */
void interrupt_before_exit(void (*last)(void));

/* 0, 1 (finish what is in flight) or 2 (leave now); valid for the whole process. */
const volatile int *interrupt_flag(void);

#endif
