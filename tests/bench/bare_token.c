/*
 * What a token takes by itself, with nobody around it but these calls.
 *
 *     bare_token MODULE LABEL PIN order     one order's worth of calls: prints
 *                                           initialize-us order-us finalize-us
 *     bare_token MODULE LABEL PIN fill N    make N P-256 key pairs
 *     bare_token MODULE LABEL PIN leave     C_Initialize, and the end of the process: prints
 *                                           initialize-us
 *     bare_token MODULE LABEL PIN floor N   the token floor of N orders, one after the other in one
 *                                           session: prints initialize-us orders-us cpu-us
 *
 * An order is: login, a P-256 key pair, two signatures (CSR and proof), one certificate object.
 * One of the floor is every call that an order must make of a token, once: the serial number is
 * read before each write, the attributes of the new pair and of the new certificate are read back.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static CK_FUNCTION_LIST *p11;

static long
now_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
want(CK_RV rv, const char *call)
{
        if (rv == CKR_OK)
                return;
        fprintf(stderr, "bare_token: %s: 0x%lx\n", call, rv);
        exit(1);
}

static void
load(const char *path)
{
        void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        CK_C_GetFunctionList get;

        if (!module) {
                fprintf(stderr, "bare_token: %s\n", dlerror());
                exit(1);
        }
        *(void **)&get = dlsym(module, "C_GetFunctionList");
        if (!get) {
                fprintf(stderr, "bare_token: %s is not a PKCS #11 module\n", path);
                exit(1);
        }
        want(get(&p11), "C_GetFunctionList");
}

static CK_SESSION_HANDLE
open_session(const char *label, const char *pin)
{
        CK_SESSION_HANDLE session;
        CK_SLOT_ID slots[64];
        CK_ULONG count = LENGTH(slots);
        CK_TOKEN_INFO info;

        want(p11->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
        for (CK_ULONG i = 0; i < count; i++) {
                want(p11->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
                if (strncmp((const char *)info.label, label, strlen(label)) != 0)
                        continue;
                want(p11->C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                        &session),
                     "C_OpenSession");
                want(p11->C_Login(session, CKU_USER, (unsigned char *)(size_t)pin, strlen(pin)),
                     "C_Login");
                return session;
        }
        fprintf(stderr, "bare_token: no token '%s'\n", label);
        exit(1);
}

/* An id as long as those of p11cert. */
struct id {
        unsigned char bytes[20];
};

static struct id
id_of(unsigned number)
{
        struct id id = { { 0 } };

        memcpy(id.bytes, &number, sizeof(number));
        return id;
}

static void
make_pair(CK_SESSION_HANDLE session, unsigned number, CK_OBJECT_HANDLE *public_key,
          CK_OBJECT_HANDLE *private_key)
{
        static unsigned char p256[] = {
                0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07
        };
        CK_MECHANISM mechanism = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
        CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
        char label[32];
        int length = snprintf(label, sizeof(label), "bare-%u", number);
        struct id id = id_of(number);
        CK_ATTRIBUTE public[] = {
                { CKA_TOKEN, &yes, sizeof(yes) },       { CKA_VERIFY, &yes, sizeof(yes) },
                { CKA_EC_PARAMS, p256, sizeof(p256) },  { CKA_LABEL, label, (CK_ULONG)length },
                { CKA_ID, id.bytes, sizeof(id.bytes) },
        };
        CK_ATTRIBUTE private[] = {
                { CKA_TOKEN, &yes, sizeof(yes) },       { CKA_PRIVATE, &yes, sizeof(yes) },
                { CKA_SENSITIVE, &yes, sizeof(yes) },   { CKA_EXTRACTABLE, &no, sizeof(no) },
                { CKA_SIGN, &yes, sizeof(yes) },        { CKA_LABEL, label, (CK_ULONG)length },
                { CKA_ID, id.bytes, sizeof(id.bytes) },
        };

        want(p11->C_GenerateKeyPair(session, &mechanism, public, LENGTH(public), private,
                                    LENGTH(private), public_key, private_key),
             "C_GenerateKeyPair");
}

static CK_OBJECT_HANDLE
make_key(CK_SESSION_HANDLE session, unsigned number)
{
        CK_OBJECT_HANDLE public_key, private_key;

        make_pair(session, number, &public_key, &private_key);
        return private_key;
}

static void
sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
        CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
        unsigned char digest[32] = { 1 }, signature[64];
        CK_ULONG length = sizeof(signature);

        want(p11->C_SignInit(session, &mechanism, key), "C_SignInit");
        want(p11->C_Sign(session, digest, sizeof(digest), signature, &length), "C_Sign");
}

static CK_OBJECT_HANDLE
write_certificate(CK_SESSION_HANDLE session, unsigned number)
{
        static unsigned char value[600] = { 0x30, 0x82, 0x02, 0x54 };
        static unsigned char name[] = { 0x30, 0x00 };
        static unsigned char serial[] = { 0x02, 0x01, 0x01 };
        CK_OBJECT_CLASS class = CKO_CERTIFICATE;
        CK_CERTIFICATE_TYPE type = CKC_X_509;
        CK_BBOOL yes = CK_TRUE;
        char label[32];
        int length = snprintf(label, sizeof(label), "bare-%u", number);
        struct id id = id_of(number);
        CK_ATTRIBUTE certificate[] = {
                { CKA_CLASS, &class, sizeof(class) },
                { CKA_CERTIFICATE_TYPE, &type, sizeof(type) },
                { CKA_TOKEN, &yes, sizeof(yes) },
                { CKA_SUBJECT, name, sizeof(name) },
                { CKA_ISSUER, name, sizeof(name) },
                { CKA_SERIAL_NUMBER, serial, sizeof(serial) },
                { CKA_VALUE, value, sizeof(value) },
                { CKA_LABEL, label, (CK_ULONG)length },
                { CKA_ID, id.bytes, sizeof(id.bytes) },
        };
        CK_OBJECT_HANDLE object;

        want(p11->C_CreateObject(session, certificate, LENGTH(certificate), &object),
             "C_CreateObject");
        return object;
}

static void
initialize(void)
{
        CK_C_INITIALIZE_ARGS arguments = { .flags = CKF_OS_LOCKING_OK };

        want(p11->C_Initialize(&arguments), "C_Initialize");
}

static void
time_order(const char *label, const char *pin)
{
        long times[4];
        CK_SESSION_HANDLE session;
        CK_OBJECT_HANDLE key;

        times[0] = now_us();
        initialize();
        times[1] = now_us();
        session = open_session(label, pin);
        key = make_key(session, 1);
        sign(session, key);
        sign(session, key);
        write_certificate(session, 1);
        times[2] = now_us();
        want(p11->C_Finalize(NULL), "C_Finalize");
        times[3] = now_us();
        printf("%ld %ld %ld\n", times[1] - times[0], times[2] - times[1], times[3] - times[2]);
}

static void
read_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
        unsigned char value[2048];
        CK_ATTRIBUTE attribute = { type, value, sizeof(value) };

        want(p11->C_GetAttributeValue(session, object, &attribute, 1), "C_GetAttributeValue");
}

/* The serial number of the token that this session is with. */
static void
check_serial(CK_SESSION_HANDLE session)
{
        CK_SESSION_INFO session_info;
        CK_TOKEN_INFO info;

        want(p11->C_GetSessionInfo(session, &session_info), "C_GetSessionInfo");
        want(p11->C_GetTokenInfo(session_info.slotID, &info), "C_GetTokenInfo");
}

static void
floor_of_one(CK_SESSION_HANDLE session, unsigned number)
{
        static const CK_ATTRIBUTE_TYPE evidence[] = { CKA_LOCAL,
                                                      CKA_SENSITIVE,
                                                      CKA_EXTRACTABLE,
                                                      CKA_ALWAYS_SENSITIVE,
                                                      CKA_NEVER_EXTRACTABLE,
                                                      CKA_ALWAYS_AUTHENTICATE };
        CK_OBJECT_HANDLE public_key, private_key, certificate;

        check_serial(session);
        make_pair(session, number, &public_key, &private_key);
        read_attribute(session, public_key, CKA_EC_PARAMS);
        read_attribute(session, public_key, CKA_EC_POINT);
        for (size_t i = 0; i < LENGTH(evidence); i++)
                read_attribute(session, private_key, evidence[i]);
        sign(session, private_key);
        sign(session, private_key);
        check_serial(session);
        certificate = write_certificate(session, number);
        read_attribute(session, certificate, CKA_VALUE);
        read_attribute(session, certificate, CKA_ID);
}

static long
cpu_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
time_floor(const char *label, const char *pin, unsigned count)
{
        CK_SESSION_HANDLE session;
        long times[3], cpu;

        times[0] = now_us();
        initialize();
        times[1] = now_us();
        cpu = cpu_us();
        session = open_session(label, pin);
        for (unsigned i = 0; i < count; i++)
                floor_of_one(session, i + 1);
        times[2] = now_us();
        cpu = cpu_us() - cpu;
        want(p11->C_Finalize(NULL), "C_Finalize");
        printf("%ld %ld %ld\n", times[1] - times[0], times[2] - times[1], cpu);
}

static void
fill(const char *label, const char *pin, unsigned count)
{
        CK_SESSION_HANDLE session;

        initialize();
        session = open_session(label, pin);
        for (unsigned i = 0; i < count; i++)
                make_key(session, i);
        want(p11->C_Finalize(NULL), "C_Finalize");
}

/* What the process takes beside this is its start and the kernel's taking back its memory. */
__attribute__((noreturn)) static void
leave(void)
{
        long started = now_us();

        initialize();
        printf("%ld\n", now_us() - started);
        fflush(stdout);
        _exit(0);
}

int
main(int argc, char **argv)
{
        bool order = argc == 5 && strcmp(argv[4], "order") == 0;
        bool leaving = argc == 5 && strcmp(argv[4], "leave") == 0;
        bool filling = argc == 6 && strcmp(argv[4], "fill") == 0;
        bool flooring = argc == 6 && strcmp(argv[4], "floor") == 0;

        if (!order && !leaving && !filling && !flooring) {
                fprintf(stderr, "usage: bare_token MODULE LABEL PIN order|leave|fill N|floor N\n");
                return 2;
        }
        load(argv[1]);
        if (leaving)
                leave();
        if (order)
                time_order(argv[2], argv[3]);
        else if (flooring)
                time_floor(argv[2], argv[3], (unsigned)strtoul(argv[5], NULL, 10));
        else
                fill(argv[2], argv[3], (unsigned)strtoul(argv[5], NULL, 10));
        return 0;
}
