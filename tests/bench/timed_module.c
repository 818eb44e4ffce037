/*
 * A PKCS #11 module that hands everything on to TIMED_MODULE and writes to the file TIMED_RESULT
 * one line: microseconds in C_Initialize, and in C_Finalize.  So what a
 * program takes beside a module that reads ten thousand files can be told to the millisecond.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST timed;
static long initialize_us, finalize_us;

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);

static long
now_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static CK_RV
timed_initialize(void *arguments)
{
        long started = now_us();
        CK_RV rv = real->C_Initialize(arguments);

        initialize_us += now_us() - started;
        return rv;
}

/* Written here and not by a destructor: a program may leave by _exit(). */
static void
tell(void)
{
        const char *path = getenv("TIMED_RESULT");
        int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

        if (fd < 0)
                return;
        dprintf(fd, "%ld %ld\n", initialize_us, finalize_us);
        close(fd);
}

static CK_RV
timed_open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                   CK_SESSION_HANDLE *session)
{
        tell();
        return real->C_OpenSession(slot, flags, application, notify, session);
}

static CK_RV
timed_finalize(void *reserved)
{
        long started = now_us();
        CK_RV rv = real->C_Finalize(reserved);

        finalize_us += now_us() - started;
        tell();
        return rv;
}

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
        const char *path = getenv("TIMED_MODULE");
        void *module = dlopen(path ? path : "", RTLD_NOW | RTLD_LOCAL);
        CK_C_GetFunctionList get = NULL;
        CK_RV rv;

        if (module)
                *(void **)&get = dlsym(module, "C_GetFunctionList");
        if (!get)
                return CKR_GENERAL_ERROR;
        rv = get(&real);
        if (rv != CKR_OK)
                return rv;
        timed = *real;
        timed.C_GetFunctionList = C_GetFunctionList;
        timed.C_Initialize = timed_initialize;
        timed.C_OpenSession = timed_open_session;
        timed.C_Finalize = timed_finalize;
        *list = &timed;
        return CKR_OK;
}
