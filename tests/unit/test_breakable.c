#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

#include "base/clock.h"
#include "tests/unit/folder.h"

static unsigned char pin[] = "1234";
enum { PIN_LENGTH = 4 };

/* A folder of the test's own, the module over a SoftHSM token in it, and a logged-in session. */
static struct {
        char folder[64];
        CK_FUNCTION_LIST *p11;
        CK_SLOT_ID slot;
        CK_SESSION_HANDLE session;
        CK_OBJECT_HANDLE public_key;
        CK_OBJECT_HANDLE private_key;
} fixture;

static char *
path_of(const char *name)
{
        static char path[128];

        snprintf(path, sizeof(path), "%s/%s", fixture.folder, name);
        return path;
}

static void
write_text(const char *name, const char *text)
{
        FILE *file = fopen(path_of(name), "we");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

/* Put rules in force.  A new file each time: two writes can share one time of change. */
static void
rules(const char *text)
{
        char *fresh = text_copy(path_of("rules.new"));

        write_text("rules.new", text);
        assert_int_equal(rename(fresh, path_of("rules")), 0);
        free(fresh);
}

static unsigned long
counted(const char *function)
{
        FILE *file = fopen(path_of("counts"), "re");
        char name[64];
        unsigned long number;
        unsigned long found = 9999;

        assert_non_null(file);
        while (fscanf(file, "%63s %lu", name, &number) == 2)
                if (strcmp(name, function) == 0)
                        found = number;
        fclose(file);
        return found;
}

static CK_RV
make_pair(void)
{
        static unsigned char p256[] = {
                0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07
        };
        CK_BBOOL yes = CK_TRUE;
        CK_BBOOL no = CK_FALSE;
        CK_MECHANISM mechanism = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
        CK_ATTRIBUTE of_public[] = {
                { CKA_EC_PARAMS, p256, sizeof(p256) },
                { CKA_VERIFY, &yes, sizeof(yes) },
        };
        CK_ATTRIBUTE of_private[] = {
                { CKA_SIGN, &yes, sizeof(yes) },
                { CKA_EXTRACTABLE, &no, sizeof(no) },
        };

        return fixture.p11->C_GenerateKeyPair(fixture.session, &mechanism, of_public, 2, of_private,
                                              2, &fixture.public_key, &fixture.private_key);
}

static CK_RV
sign(void)
{
        CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
        unsigned char digest[32] = { 1 };
        unsigned char signature[128];
        CK_ULONG length = sizeof(signature);
        CK_RV rv = fixture.p11->C_SignInit(fixture.session, &mechanism, fixture.private_key);

        if (rv != CKR_OK)
                return rv;
        return fixture.p11->C_Sign(fixture.session, digest, sizeof(digest), signature, &length);
}

static CK_RV
log_in(CK_USER_TYPE user)
{
        return fixture.p11->C_Login(fixture.session, user, pin, PIN_LENGTH);
}

static void
open_session(void)
{
        assert_int_equal(fixture.p11->C_OpenSession(fixture.slot,
                                                    CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                                    &fixture.session),
                         CKR_OK);
}

static CK_ULONG
slots(CK_SLOT_ID list[16])
{
        CK_ULONG count = 16;

        assert_int_equal(fixture.p11->C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
        count = 16;
        assert_int_equal(fixture.p11->C_GetSlotList(CK_TRUE, list, &count), CKR_OK);
        return count;
}

/* The slot whose token is initialised; SoftHSM gives it a new number when it is. */
static void
find_token(void)
{
        CK_SLOT_ID list[16];
        CK_ULONG count = slots(list);
        CK_TOKEN_INFO info;

        for (CK_ULONG i = 0; i < count; i++) {
                assert_int_equal(fixture.p11->C_GetTokenInfo(list[i], &info), CKR_OK);
                if (info.flags & CKF_TOKEN_INITIALIZED)
                        fixture.slot = list[i];
        }
}

static void
make_token(void)
{
        unsigned char label[33];
        CK_SLOT_ID list[16];

        memset(label, ' ', sizeof(label));
        memcpy(label, "breakable", 9);
        slots(list);
        assert_int_equal(fixture.p11->C_InitToken(list[0], pin, PIN_LENGTH, label), CKR_OK);
        find_token();
        open_session();
        assert_int_equal(log_in(CKU_SO), CKR_OK);
        assert_int_equal(fixture.p11->C_InitPIN(fixture.session, pin, PIN_LENGTH), CKR_OK);
        assert_int_equal(fixture.p11->C_Logout(fixture.session), CKR_OK);
        assert_int_equal(log_in(CKU_USER), CKR_OK);
}

static int
prepare(void **state)
{
        const char *module = getenv("P11CERT_BREAKABLE");
        CK_C_INITIALIZE_ARGS arguments = { .flags = CKF_OS_LOCKING_OK };
        CK_C_GetFunctionList get_list;
        char *text;

        (void)state;
        assert_non_null(module);
        assert_int_equal(folder_make(fixture.folder), 0);
        assert_int_equal(mkdir(path_of("tokens"), 0700), 0);
        text = text_format("directories.tokendir = %s\nobjectstore.backend = file\n"
                           "log.level = ERROR\n",
                           path_of("tokens"));
        write_text("softhsm.conf", text);
        free(text);
        setenv("SOFTHSM2_CONF", path_of("softhsm.conf"), 1);
        setenv("BREAKABLE_RULES", path_of("rules"), 1);
        setenv("BREAKABLE_COUNTS", path_of("counts"), 1);
        void *handle = dlopen(module, RTLD_NOW | RTLD_LOCAL);
        if (!handle)
                fail_msg("%s", dlerror());
        *(void **)&get_list = dlsym(handle, "C_GetFunctionList");
        assert_int_equal(get_list(&fixture.p11), CKR_OK);
        assert_int_equal(fixture.p11->C_Initialize(&arguments), CKR_OK);
        make_token();
        return make_pair() == CKR_OK ? 0 : -1;
}

static int
clean_up(void **state)
{
        (void)state;
        fixture.p11->C_Finalize(NULL);
        return folder_remove(fixture.folder);
}

/* Each test begins without rules, logged in, with a key. */
static int
start_afresh(void **state)
{
        CK_SLOT_ID list[16];

        (void)state;
        rules("");
        slots(list);
        fixture.p11->C_CloseAllSessions(fixture.slot);
        open_session();
        assert_int_equal(log_in(CKU_USER), CKR_OK);
        assert_int_equal(make_pair(), CKR_OK);
        return 0;
}

static void
without_rules_everything_is_forwarded(void **state)
{
        (void)state;
        assert_int_equal(sign(), CKR_OK);
}

static void
a_call_answers_what_its_rule_says(void **state)
{
        (void)state;
        rules("# a comment\n\nC_Sign rv=CKR_DEVICE_ERROR # and another\n");
        assert_int_equal(sign(), CKR_DEVICE_ERROR);
        rules("C_SignInit rv=0x31\n");
        assert_int_equal(sign(), CKR_DEVICE_MEMORY);
}

static void
a_rule_spares_the_first_calls_and_ends_after_its_count(void **state)
{
        (void)state;
        rules("C_GenerateKeyPair rv=CKR_DEVICE_MEMORY after=1 count=2\n");
        assert_int_equal(make_pair(), CKR_OK);
        assert_int_equal(make_pair(), CKR_DEVICE_MEMORY);
        assert_int_equal(make_pair(), CKR_DEVICE_MEMORY);
        assert_int_equal(make_pair(), CKR_OK);
}

static void
a_call_is_delayed(void **state)
{
        int64_t before = clock_boot_ms();

        (void)state;
        rules("C_Sign delay_ms=60\n");
        assert_int_equal(sign(), CKR_OK);
        assert_true(clock_boot_ms() - before >= 60);
}

static void
a_rule_can_be_limited_to_one_token(void **state)
{
        (void)state;
        rules("C_GenerateKeyPair rv=CKR_DEVICE_ERROR token=another\n");
        assert_int_equal(make_pair(), CKR_OK);
        rules("C_GenerateKeyPair rv=CKR_DEVICE_ERROR token=breakable\n");
        assert_int_equal(make_pair(), CKR_DEVICE_ERROR);
}

static void
a_hidden_slot_is_not_listed(void **state)
{
        CK_SLOT_ID list[16];
        CK_ULONG before = slots(list);

        (void)state;
        rules("hide-slot token=breakable\n");
        assert_int_equal(slots(list), before - 1);
}

static void
a_token_that_vanished_comes_back_logged_out(void **state)
{
        CK_SLOT_ID list[16];
        CK_ULONG before = slots(list);
        CK_SLOT_INFO info;

        (void)state;
        rules("vanish token=breakable on=C_SignInit after=1\n");
        assert_int_equal(sign(), CKR_OK);
        assert_int_equal(slots(list), before);
        assert_int_equal(sign(), CKR_DEVICE_REMOVED);
        assert_int_equal(slots(list), before - 1);
        assert_int_equal(fixture.p11->C_GetSlotInfo(fixture.slot, &info), CKR_OK);
        assert_false(info.flags & CKF_TOKEN_PRESENT);
        rules("");
        assert_int_equal(slots(list), before);
        assert_int_equal(sign(), CKR_SESSION_HANDLE_INVALID);
        open_session();
        assert_int_equal(sign(), CKR_OBJECT_HANDLE_INVALID);
}

static void
each_module_tells_of_a_removal_in_its_own_way(void **state)
{
        CK_SESSION_INFO info;

        (void)state;
        rules("vanish=opensc\n");
        assert_int_equal(sign(), CKR_SESSION_HANDLE_INVALID);
        start_afresh(state);
        rules("vanish=ykcs11\n");
        assert_int_equal(sign(), CKR_DEVICE_ERROR);
        assert_int_equal(sign(), CKR_USER_NOT_LOGGED_IN);
        assert_int_equal(fixture.p11->C_GetSessionInfo(fixture.session, &info), CKR_OK);
        rules("");
        /* The old session is still one, but nobody is logged in: object handles are gone. */
        assert_int_equal(fixture.p11->C_GetSessionInfo(fixture.session, &info), CKR_OK);
        assert_int_equal(info.state, CKS_RW_PUBLIC_SESSION);
}

static void
another_serial_number_and_flags_are_reported(void **state)
{
        CK_TOKEN_INFO info;

        (void)state;
        rules("change-serial=SWAPPED\nset-flag=CKF_USER_PIN_LOCKED\n"
              "set-flag=CKF_USER_PIN_COUNT_LOW\n");
        assert_int_equal(fixture.p11->C_GetTokenInfo(fixture.slot, &info), CKR_OK);
        assert_memory_equal(info.serialNumber, "SWAPPED         ", 16);
        assert_true(info.flags & CKF_USER_PIN_LOCKED);
        assert_true(info.flags & CKF_USER_PIN_COUNT_LOW);
        assert_false(info.flags & CKF_WRITE_PROTECTED);
}

static void
a_template_with_a_refused_attribute_makes_nothing(void **state)
{
        (void)state;
        rules("refuse-attribute=CKA_EXTRACTABLE\n");
        assert_int_equal(make_pair(), CKR_ATTRIBUTE_TYPE_INVALID);
        rules("refuse-attribute=CKA_EXTRACTABLE in=public\n");
        assert_int_equal(make_pair(), CKR_OK);
        rules("refuse-attribute=CKA_SIGN in=private rv=CKR_TEMPLATE_INCONSISTENT\n");
        assert_int_equal(make_pair(), CKR_TEMPLATE_INCONSISTENT);
}

static void
attributes_answer_what_was_forced(void **state)
{
        CK_BBOOL local = CK_FALSE;
        CK_BBOOL extractable = CK_TRUE;
        CK_ATTRIBUTE list[] = {
                { CKA_LOCAL, &local, sizeof(local) },
                { CKA_EXTRACTABLE, &extractable, sizeof(extractable) },
        };

        (void)state;
        rules("force-attribute=CKA_LOCAL value=00\n");
        assert_int_equal(fixture.p11->C_GetAttributeValue(fixture.session, fixture.private_key,
                                                          list, 2),
                         CKR_OK);
        assert_int_equal(local, CK_FALSE);
        assert_int_equal(extractable, CK_FALSE);
        rules("force-attribute=CKA_LOCAL value=unreadable\n");
        assert_int_equal(fixture.p11->C_GetAttributeValue(fixture.session, fixture.private_key,
                                                          list, 2),
                         CKR_ATTRIBUTE_TYPE_INVALID);
        assert_int_equal(list[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
        assert_int_equal(list[1].ulValueLen, sizeof(extractable));
}

static void
a_point_can_be_bare(void **state)
{
        unsigned char point[80];
        CK_ATTRIBUTE attribute = { CKA_EC_POINT, point, sizeof(point) };

        (void)state;
        assert_int_equal(fixture.p11->C_GetAttributeValue(fixture.session, fixture.public_key,
                                                          &attribute, 1),
                         CKR_OK);
        assert_int_equal(attribute.ulValueLen, 67);
        rules("bare-point\n");
        attribute.ulValueLen = sizeof(point);
        assert_int_equal(fixture.p11->C_GetAttributeValue(fixture.session, fixture.public_key,
                                                          &attribute, 1),
                         CKR_OK);
        assert_int_equal(attribute.ulValueLen, 65);
        assert_int_equal(point[0], 0x04);
}

static void
a_hidden_mechanism_is_neither_listed_nor_done(void **state)
{
        CK_MECHANISM_INFO info;
        CK_ULONG before = 0;
        CK_ULONG after = 0;

        (void)state;
        assert_int_equal(fixture.p11->C_GetMechanismList(fixture.slot, NULL, &before), CKR_OK);
        rules("hide-mechanism=CKM_ECDSA\n");
        assert_int_equal(fixture.p11->C_GetMechanismList(fixture.slot, NULL, &after), CKR_OK);
        assert_int_equal(after, before - 1);
        assert_int_equal(fixture.p11->C_GetMechanismInfo(fixture.slot, CKM_ECDSA, &info),
                         CKR_MECHANISM_INVALID);
        assert_int_equal(sign(), CKR_MECHANISM_INVALID);
        assert_int_equal(make_pair(), CKR_OK);
}

static void
an_always_authenticate_key_wants_the_pin_for_each_signature(void **state)
{
        CK_BBOOL always = CK_FALSE;
        CK_ATTRIBUTE attribute = { CKA_ALWAYS_AUTHENTICATE, &always, sizeof(always) };
        CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
        unsigned char digest[32] = { 1 };
        unsigned char signature[128];
        CK_ULONG length = sizeof(signature);
        unsigned char wrong[] = "9999";

        (void)state;
        rules("always-authenticate\n");
        assert_int_equal(fixture.p11->C_GetAttributeValue(fixture.session, fixture.private_key,
                                                          &attribute, 1),
                         CKR_OK);
        assert_int_equal(always, CK_TRUE);
        assert_int_equal(sign(), CKR_USER_NOT_LOGGED_IN);
        assert_int_equal(fixture.p11->C_SignInit(fixture.session, &mechanism, fixture.private_key),
                         CKR_OK);
        assert_int_equal(fixture.p11->C_Login(fixture.session, CKU_CONTEXT_SPECIFIC, wrong, 4),
                         CKR_PIN_INCORRECT);
        assert_int_equal(log_in(CKU_CONTEXT_SPECIFIC), CKR_OK);
        assert_int_equal(fixture.p11->C_Sign(fixture.session, digest, sizeof(digest), signature,
                                             &length),
                         CKR_OK);
        assert_int_equal(sign(), CKR_USER_NOT_LOGGED_IN);
}

static void
locking_can_be_refused(void **state)
{
        CK_C_INITIALIZE_ARGS arguments = { .flags = CKF_OS_LOCKING_OK };

        (void)state;
        rules("cant-lock\n");
        assert_int_equal(fixture.p11->C_Finalize(NULL), CKR_OK);
        assert_int_equal(fixture.p11->C_Initialize(&arguments), CKR_CANT_LOCK);
        assert_int_equal(fixture.p11->C_Initialize(NULL), CKR_OK);
        find_token();
}

/* What a child process that signs once under these rules ends with. */
static int
status_of_child(const char *text)
{
        int status = 0;
        pid_t child;

        rules(text);
        child = fork();
        if (child == 0) {
                alarm(1);
                sign();
                _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        return status;
}

static void
the_process_is_killed_or_hangs_where_the_rule_says(void **state)
{
        int status = status_of_child("C_Sign kill\n");

        (void)state;
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        status = status_of_child("C_Sign kill=after\n");
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        status = status_of_child("C_Sign hang\n");
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
        status = status_of_child("");
        assert_true(WIFEXITED(status));
}

static void
calls_are_counted_those_that_fail_too(void **state)
{
        unsigned long before = counted("C_Sign");
        unsigned long logins = counted("C_Login");

        (void)state;
        assert_int_equal(sign(), CKR_OK);
        rules("C_Sign rv=CKR_DEVICE_ERROR\n");
        assert_int_equal(sign(), CKR_DEVICE_ERROR);
        assert_int_equal(counted("C_Sign"), before + 2);
        assert_int_equal(counted("C_Login"), logins);
        assert_int_equal(counted("concurrent"), 0);
}

static void
a_rule_that_cannot_be_understood_ends_the_process(void **state)
{
        const char *const wrong[] = {
                "C_Sgin rv=CKR_OK\n",       "C_Sign\n",         "C_Sign rv=CKR_NONSENSE\n",
                "vanish=quickly\n",         "change-serial\n",  "force-attribute=CKA_LOCAL\n",
                "C_Sign rv=0x30 after=x\n", "hide-mechanism\n",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                int status = status_of_child(wrong[i]);

                if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
                        fail_msg("accepted: %s", wrong[i]);
        }
        rules("");
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup(test, start_afresh)
        const struct CMUnitTest tests[] = {
                T(without_rules_everything_is_forwarded),
                T(a_call_answers_what_its_rule_says),
                T(a_rule_spares_the_first_calls_and_ends_after_its_count),
                T(a_call_is_delayed),
                T(a_rule_can_be_limited_to_one_token),
                T(a_hidden_slot_is_not_listed),
                T(a_token_that_vanished_comes_back_logged_out),
                T(each_module_tells_of_a_removal_in_its_own_way),
                T(another_serial_number_and_flags_are_reported),
                T(a_template_with_a_refused_attribute_makes_nothing),
                T(attributes_answer_what_was_forced),
                T(a_point_can_be_bare),
                T(a_hidden_mechanism_is_neither_listed_nor_done),
                T(an_always_authenticate_key_wants_the_pin_for_each_signature),
                T(locking_can_be_refused),
                T(the_process_is_killed_or_hangs_where_the_rule_says),
                T(calls_are_counted_those_that_fail_too),
                T(a_rule_that_cannot_be_understood_ends_the_process),
        };

        return cmocka_run_group_tests_name("breakable", tests, prepare, clean_up);
}
