#include "engine/inside.h"

#include <dlfcn.h>

#include <fcntl.h>
#include <link.h>
#include <p11-kit/p11-kit.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"

/* More slots than any module has; a larger number is a broken module. */
enum { SLOTS_MOST = 65536 };

/* -- quiet: what modules print while they are loaded ---------------------------------------- */

/* Where stdout and stderr went while they are away, by descriptor; -1: they are not. */
static atomic_int away[3] = { -1, -1, -1 };

/* Send both into a file in memory; its descriptor, or -1 when nothing is swallowed. */
static int
quiet_begin(void)
{
        int sink = memfd_create("module-noise", MFD_CLOEXEC);

        if (sink < 0)
                return -1;
        fflush(stdout);
        for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
                away[fd] = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
                if (away[fd] >= 0)
                        (void)dup2(sink, fd);
        }
        return sink;
}

void
modules_unmute(void)
{
        for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
                int saved = atomic_exchange(&away[fd], -1);

                if (saved < 0)
                        continue;
                (void)dup2(saved, fd);
                close(saved);
        }
}

/* Put the descriptors back; what was printed goes to `noise`. */
static void
quiet_end(int sink, struct buf *noise)
{
        enum { NOISE_MOST = 16384 };
        char chunk[4096];
        ssize_t got;

        fflush(stdout);
        modules_unmute();
        if (sink < 0)
                return;
        while (noise->len < NOISE_MOST &&
               (got = pread(sink, chunk, sizeof(chunk), (off_t)noise->len)) > 0)
                buf_add(noise, view_of(chunk, (size_t)got));
        close(sink);
}

/* p11-kit says on stderr which modules it could not load: the only place where it does. */
static void
notes_from_noise(struct buf *notes, const struct buf *noise)
{
        static const char prefix[] = "p11-kit: ";
        const char *at = buf_text(noise);

        while (*at) {
                size_t length = strcspn(at, "\n");

                if (text_starts(at, prefix))
                        buf_format(notes, "%.*s\n", (int)(length - (sizeof(prefix) - 1)),
                                   at + sizeof(prefix) - 1);
                at += length + (at[length] == '\n');
        }
}

/* -- loading ------------------------------------------------------------------------------ */

/*
 * The functions we call.  A module that leaves one of them out would crash us; one that does not
 * support it has to answer CKR_FUNCTION_NOT_SUPPORTED (PKCS #11 v2.40, 4.3).
 */
static bool
has_every_call(const CK_FUNCTION_LIST *calls)
{
        return calls->C_Initialize && calls->C_Finalize && calls->C_GetInfo &&
               calls->C_GetSlotList && calls->C_GetSlotInfo && calls->C_GetTokenInfo &&
               calls->C_GetMechanismList && calls->C_GetMechanismInfo && calls->C_OpenSession &&
               calls->C_CloseSession && calls->C_GetSessionInfo && calls->C_Login &&
               calls->C_CreateObject && calls->C_DestroyObject && calls->C_GetAttributeValue &&
               calls->C_FindObjectsInit && calls->C_FindObjects && calls->C_FindObjectsFinal &&
               calls->C_SignInit && calls->C_Sign && calls->C_GenerateKeyPair;
}

/* Where the loader found it: an absolute path that another process can use, too. */
static char *
loaded_path(void *handle, const char *path)
{
        struct link_map *map = NULL;

        if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map && map->l_name[0] == '/')
                return text_copy(map->l_name);
        return text_copy(path);
}

/* Never closed again: modules leave threads and exit handlers behind. */
static CK_FUNCTION_LIST *
load(const char *path, char **found, struct error *err)
{
        CLEANUP(free_cleanup)
        char *name = strchr(path, '/') ? file_absolute(path) : text_copy(path);
        void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
        CK_C_GetFunctionList get_list = NULL;
        CK_FUNCTION_LIST *calls = NULL;

        if (!handle) {
                error_set(err, ERROR_MODULE, "cannot load the PKCS #11 module '%s': %s", path,
                          dlerror());
                error_advise(err, "give the path of a PKCS #11 module, such as --module "
                                  "/usr/lib/softhsm/libsofthsm2.so");
                return NULL;
        }
        *(void **)&get_list = dlsym(handle, "C_GetFunctionList");
        if (!get_list || MODULE_CALL(get_list(&calls)) != CKR_OK || !calls ||
            !has_every_call(calls)) {
                error_set(err, ERROR_MODULE, "'%s' is not a PKCS #11 module", path);
                error_advise(err, "give the path of a PKCS #11 module with --module");
                return NULL;
        }
        *found = loaded_path(handle, name);
        return calls;
}

/* C_Initialize as PKCS #11 and the modules want it. */
static CK_RV
initialize(struct module *module)
{
        /* NSS reads one pointer behind the structure, which has to be NULL.  pReserved stays NULL
         * without a text: OpenSC refuses an empty one. */
        struct {
                CK_C_INITIALIZE_ARGS args;
                void *behind;
        } locking = { .args = { .flags = CKF_OS_LOCKING_OK } };

        if (module->init_args && *module->init_args)
                locking.args.pReserved = module->init_args;
        CK_RV rv = MODULE_CALL(module->calls->C_Initialize(&locking));

        if (rv == CKR_CANT_LOCK) {
                module->cannot_lock = true;
                locking.args.flags = 0;
                rv = MODULE_CALL(module->calls->C_Initialize(&locking));
        }
        module->finalize_ours = rv == CKR_OK;
        return rv == CKR_CRYPTOKI_ALREADY_INITIALIZED ? CKR_OK : rv;
}

static bool
module_start(struct module *module, struct error *err)
{
        CK_RV rv = initialize(module);
        struct error reason = { 0 };

        if (rv == CKR_OK) {
                (void)MODULE_CALL(module->calls->C_GetInfo(&module->info));
                return true;
        }
        ckr_error(&reason, rv, "the PKCS #11 module does not start");
        error_set(err, ERROR_MODULE, "%s", reason.what);
        error_about(err, "module %s", module->path);
        return error_advise(err, "check the module's own configuration and environment variables");
}

static void
module_clear(struct module *module)
{
        free_cleanup(&module->path);
        free_cleanup(&module->init_args);
}

static bool
module_open(struct module *module, const char *path, const char *init_args, struct error *err)
{
        *module = (struct module){ 0 };
        module->calls = load(path, &module->path, err);
        if (!module->calls)
                return false;
        module->init_args = text_copy(init_args);
        if (module_start(module, err))
                return true;
        module_clear(module);
        return false;
}

/* A module that is registered twice shows its tokens once. */
static bool
modules_have(const struct modules *modules, const CK_FUNCTION_LIST *calls)
{
        for (size_t i = 0; i < modules->count; i++) {
                if (modules->list[i].calls == calls)
                        return true;
        }
        return false;
}

static void
modules_add(struct modules *modules, struct module *module)
{
        if (modules_have(modules, module->calls)) {
                module_clear(module);
                return;
        }
        modules->list = memory_grow(modules->list, modules->count + 1, sizeof(modules->list[0]));
        modules->list[modules->count++] = *module;
}

/* -- p11-kit's registry ------------------------------------------------------------------- */

static bool
option_is_yes(CK_FUNCTION_LIST *entry, const char *option)
{
        CLEANUP(free_cleanup) char *value = p11_kit_config_option(entry, option);

        return value && strcmp(value, "yes") == 0;
}

static void
add_registered(struct modules *modules, CK_FUNCTION_LIST *entry, const char *only_name,
               const char *init_args)
{
        CLEANUP(free_cleanup) char *name = p11_kit_module_get_name(entry);
        CLEANUP(free_cleanup) char *path = p11_kit_module_get_filename(entry);
        CLEANUP(free_cleanup) char *reserved = p11_kit_config_option(entry, "x-init-reserved");
        struct error err = { 0 };
        struct module module;

        if (only_name && !text_equal(name, only_name))
                return;
        if (!only_name && option_is_yes(entry, "trust-policy"))
                return;
        if (!path) {
                buf_format(&modules->notes, "%s: not a module in a file\n", name ? name : "?");
                return;
        }
        if (!module_open(&module, path, init_args ? init_args : reserved, &err)) {
                buf_format(&modules->notes, "%s: %s\n", name ? name : path, err.what);
                return;
        }
        modules_add(modules, &module);
}

/*
 * The registry tells which modules there are; each is then loaded as with --module, so that there
 * is one way to talk to a module: its own function list.
 */
static void
add_registry(struct modules *modules, const char *only_name, const char *init_args)
{
        /* Its complaints become modules_notes(). */
        p11_kit_be_loud();
        CK_FUNCTION_LIST **registry = p11_kit_modules_load(NULL, P11_KIT_MODULE_UNMANAGED);

        p11_kit_be_quiet();

        for (CK_FUNCTION_LIST **entry = registry; entry && *entry; entry++)
                add_registered(modules, *entry, only_name, init_args);
        if (registry)
                p11_kit_modules_release(registry);
}

static bool
registry_is_empty(const struct modules *modules, const char *only_name, struct error *err)
{
        if (only_name)
                error_set(err, ERROR_MODULE, "p11-kit knows no module '%s' that can be loaded",
                          only_name);
        else
                error_set(err, ERROR_MODULE, "p11-kit knows no PKCS #11 module that can be loaded");
        if (modules->notes.len)
                error_about(err, "%.*s", (int)(modules->notes.len - 1), buf_text(&modules->notes));
        return error_advise(err, "give one with --module PATH, or see `p11-kit list-modules`");
}

struct modules *
modules_open(const char *path, const char *only_name, const char *init_args, struct error *err)
{
        struct modules *modules = memory_new(1, sizeof(*modules));
        CLEANUP(buf_cleanup) struct buf noise = { 0 };
        struct module module;
        bool done = true;
        int sink = quiet_begin();

        if (!path)
                add_registry(modules, only_name, init_args);
        else if ((done = module_open(&module, path, init_args, err)))
                modules_add(modules, &module);
        quiet_end(sink, &noise);
        if (!path) {
                notes_from_noise(&modules->notes, &noise);
                done = modules->count > 0 || registry_is_empty(modules, only_name, err);
        }
        if (!done) {
                modules_close(modules);
                return NULL;
        }
        return modules;
}

/*
 * Modules that keep nothing outside the process and are slow to forget what is in it: SoftHSM frees
 * the objects of a token one by one, 0.1 s for 10,000 keys.
 */
static bool
ends_with_process(const struct module *module)
{
        static const char *const manufacturers[] = { "SoftHSM" };
        const char *name = (const char *)module->info.manufacturerID;

        for (size_t i = 0; i < ARRAY_LENGTH(manufacturers); i++) {
                size_t length = strlen(manufacturers[i]);

                if (strncmp(name, manufacturers[i], length) == 0 && name[length] == ' ')
                        return true;
        }
        return false;
}

static void
close_all(struct modules *modules, bool leaving)
{
        if (!modules)
                return;
        for (size_t i = 0; i < modules->count; i++) {
                struct module *module = &modules->list[i];

                if (module->finalize_ours && !(leaving && ends_with_process(module)))
                        (void)MODULE_CALL(module->calls->C_Finalize(NULL));
                module_clear(module);
        }
        free(modules->list);
        buf_clear(&modules->notes);
        free(modules);
}

void
modules_close(struct modules *modules)
{
        close_all(modules, false);
}

void
modules_leave(struct modules *modules)
{
        close_all(modules, true);
}

struct modules **
modules_apart(struct modules *modules, size_t *count)
{
        struct modules **apart = memory_new(modules->count, sizeof(struct modules *));

        *count = modules->count;
        for (size_t i = 0; i < modules->count; i++) {
                apart[i] = memory_new(1, sizeof(**apart));
                modules_add(apart[i], &modules->list[i]);
        }
        modules->count = 0;
        modules_close(modules);
        return apart;
}

bool
modules_restart(struct modules *modules, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf noise = { 0 };
        bool done = true;
        int sink = quiet_begin();

        for (size_t i = 0; done && i < modules->count; i++) {
                struct module *module = &modules->list[i];

                (void)MODULE_CALL(module->calls->C_Finalize(NULL));
                done = module_start(module, err);
        }
        quiet_end(sink, &noise);
        return done;
}

const char *
modules_notes(const struct modules *modules)
{
        return buf_text(&modules->notes);
}

bool
modules_cannot_lock(const struct modules *modules, const char *module_path)
{
        for (size_t i = 0; i < modules->count; i++) {
                if (text_equal(modules->list[i].path, module_path))
                        return modules->list[i].cannot_lock;
        }
        return false;
}

/* -- slots and tokens --------------------------------------------------------------------- */

CK_RV
module_slots(struct module *module, bool present, CK_SLOT_ID **slots, CK_ULONG *count)
{
        CK_BBOOL only_present = present ? CK_TRUE : CK_FALSE;
        CK_SLOT_ID *list = NULL;
        CK_ULONG room = 0;
        CK_RV rv;

        /* The call with NULL is the one that makes modules look for what was plugged in or pulled
         * (PKCS #11 v2.40, C_GetSlotList).  The number may grow between the calls. */
        for (unsigned tries = 0; tries < 5; tries++) {
                rv = MODULE_CALL(module->calls->C_GetSlotList(only_present, NULL, &room));
                if (rv != CKR_OK || room > SLOTS_MOST)
                        break;
                CK_ULONG allocated = room;

                list = memory_grow(list, room, sizeof(*list));
                if (room)
                        rv = MODULE_CALL(module->calls->C_GetSlotList(only_present, list, &room));
                if (rv == CKR_OK && room > allocated)
                        rv = CKR_BUFFER_TOO_SMALL;
                if (rv != CKR_BUFFER_TOO_SMALL)
                        break;
        }
        if (rv == CKR_OK && room > SLOTS_MOST)
                rv = CKR_GENERAL_ERROR;
        if (rv != CKR_OK) {
                free(list);
                return rv;
        }
        *slots = list;
        *count = room;
        return CKR_OK;
}

/* A field of fixed size, padded with spaces (or NULs, by some), as text. */
static void
copy_field(char *out, const unsigned char *field, size_t size)
{
        size_t length = strnlen((const char *)field, size);

        while (length && field[length - 1] == ' ')
                length--;
        memcpy(out, field, length);
        out[length] = '\0';
        /* Texts of tokens end up in messages: no control characters. */
        for (size_t i = 0; i < length; i++) {
                if ((unsigned char)out[i] < ' ' || out[i] == 0x7F)
                        out[i] = '?';
        }
}

static void
copy_token_flags(struct token_facts *facts, CK_FLAGS flags)
{
        facts->initialized = flags & CKF_TOKEN_INITIALIZED;
        facts->login_required = flags & CKF_LOGIN_REQUIRED;
        facts->pin_initialized = flags & CKF_USER_PIN_INITIALIZED;
        facts->pin_pad = flags & CKF_PROTECTED_AUTHENTICATION_PATH;
        facts->write_protected = flags & CKF_WRITE_PROTECTED;
        facts->pin_count_low = flags & CKF_USER_PIN_COUNT_LOW;
        facts->pin_final_try = flags & CKF_USER_PIN_FINAL_TRY;
        facts->pin_locked = flags & CKF_USER_PIN_LOCKED;
        facts->so_pin_final_try = flags & CKF_SO_PIN_FINAL_TRY;
        facts->so_pin_locked = flags & CKF_SO_PIN_LOCKED;
}

/*
 * SoftHSM says CKR_GENERAL_ERROR for the moment in which another process rewrites the token's file,
 * as every login does, and that process may have to wait for its turn: asked again, a little later
 * each time (a quarter of a second in all).
 */
static CK_RV
token_info(struct module *module, CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
        CK_RV rv = CKR_GENERAL_ERROR;

        for (unsigned i = 0; i < REWRITE_TRIES && ckr_is_vague(rv); i++) {
                if (i)
                        (void)poll(NULL, 0, 1 << i);
                rv = MODULE_CALL(module->calls->C_GetTokenInfo(slot, info));
        }
        return rv;
}

/* What the module says of the place. */
static void
copy_slot(struct module *module, CK_SLOT_ID slot, const CK_SLOT_INFO *where,
          struct token_facts *facts)
{
        *facts = (struct token_facts){ .slot_id = slot };
        copy_field(facts->slot_description, where->slotDescription, sizeof(where->slotDescription));
        copy_field(facts->slot_manufacturer, where->manufacturerID, sizeof(where->manufacturerID));
        copy_field(facts->library_manufacturer, module->info.manufacturerID,
                   sizeof(module->info.manufacturerID));
        copy_field(facts->library_description, module->info.libraryDescription,
                   sizeof(module->info.libraryDescription));
        facts->library_version[0] = module->info.libraryVersion.major;
        facts->library_version[1] = module->info.libraryVersion.minor;
        facts->removable = where->flags & CKF_REMOVABLE_DEVICE;
        facts->module_path = text_copy(module->path);
}

CK_RV
module_slot_facts(struct module *module, CK_SLOT_ID slot, struct token_facts *facts)
{
        CK_SLOT_INFO where = { 0 };
        CK_RV rv = MODULE_CALL(module->calls->C_GetSlotInfo(slot, &where));

        if (rv == CKR_OK)
                copy_slot(module, slot, &where, facts);
        return rv;
}

CK_RV
module_token_facts(struct module *module, CK_SLOT_ID slot, struct token_facts *facts)
{
        CK_SLOT_INFO where = { 0 };
        CK_TOKEN_INFO info = { 0 };
        CK_RV rv = MODULE_CALL(module->calls->C_GetSlotInfo(slot, &where));

        if (rv == CKR_OK)
                rv = token_info(module, slot, &info);
        if (rv != CKR_OK)
                return rv;
        copy_slot(module, slot, &where, facts);
        copy_field(facts->label, info.label, sizeof(info.label));
        copy_field(facts->manufacturer, info.manufacturerID, sizeof(info.manufacturerID));
        copy_field(facts->model, info.model, sizeof(info.model));
        copy_field(facts->serial, info.serialNumber, sizeof(info.serialNumber));
        snprintf(facts->hardware, sizeof(facts->hardware), "%u.%u", info.hardwareVersion.major,
                 info.hardwareVersion.minor);
        snprintf(facts->firmware, sizeof(facts->firmware), "%u.%u", info.firmwareVersion.major,
                 info.firmwareVersion.minor);
        copy_token_flags(facts, info.flags);
        facts->pin_min = info.ulMinPinLen;
        facts->pin_max = info.ulMaxPinLen;
        return CKR_OK;
}

static bool
module_list(struct module *module, struct token_facts **list, size_t *count, struct error *err)
{
        CLEANUP(free_cleanup) CK_SLOT_ID *slots = NULL;
        CK_ULONG slot_count = 0;
        CK_RV rv = module_slots(module, true, &slots, &slot_count);

        if (rv != CKR_OK) {
                ckr_error(err, rv, "cannot list the slots");
                return error_about(err, "module %s", module->path);
        }
        for (CK_ULONG i = 0; i < slot_count; i++) {
                struct token_facts facts;

                if (module_token_facts(module, slots[i], &facts) != CKR_OK)
                        continue;
                *list = memory_grow(*list, *count + 1, sizeof(**list));
                (*list)[(*count)++] = facts;
        }
        return true;
}

bool
modules_list(struct modules *modules, struct token_facts **list, size_t *count, struct error *err)
{
        struct token_facts *found = NULL;
        size_t found_count = 0;
        size_t failed = 0;

        for (size_t i = 0; i < modules->count; i++) {
                struct error one = { 0 };

                if (module_list(&modules->list[i], &found, &found_count, &one))
                        continue;
                /* One module that fails does not hide the tokens of the others. */
                *err = one;
                failed++;
        }
        if (failed && failed == modules->count) {
                tokens_free(found, found_count);
                return false;
        }
        *err = (struct error){ 0 };
        *list = found;
        *count = found_count;
        return true;
}

void
tokens_free(struct token_facts *list, size_t count)
{
        for (size_t i = 0; i < count; i++)
                token_facts_clear(&list[i]);
        free(list);
}

void
token_facts_clear(struct token_facts *facts)
{
        free(facts->module_path);
        *facts = (struct token_facts){ 0 };
}

void
token_facts_copy(struct token_facts *to, const struct token_facts *from)
{
        char *path = text_copy(from->module_path);

        token_facts_clear(to);
        *to = *from;
        to->module_path = path;
}

bool
token_serial_is_identity(const char *serial)
{
        return serial[strspn(serial, "0 ")] != '\0';
}
