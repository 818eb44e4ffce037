/*
 * Failpoints: the places where a crash must not lose anything, that is every boundary between a
 * deed and its record.  Built with --enable-failpoints, the program kills itself (SIGKILL) at the
 * N-th failpoint that it passes when P11CERT_FAILPOINT=N is in its environment;
 * P11CERT_FAILPOINT=NAME dies at the first one of that name.  P11CERT_FAILPOINT_LOG=FILE appends
 * the name of each one passed.  In other builds they are nothing.
 */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#include "config.h"

#ifdef ENABLE_FAILPOINTS
void failpoint(const char *name);
#else
#define failpoint(name) ((void)0)
#endif

#endif
