#include "drive/birth.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/queue.h"
#include "drive/conductor.h"
#include "drive/hook.h"
#include "engine/admin.h"

enum { USER_PIN_DIGITS = 8, OFFICER_PIN_DIGITS = 16 };

/* What the thread works on.  It belongs to the thread from its start until it comes back. */
struct labour {
        struct token_facts facts; /* in: which token; out: what became of it */
        char *label;
        struct secret officer;
        struct secret user;
        struct pin_source officer_source;
        struct pin_source user_source;
        char *guard_folder;
        char *init_args;
        bool keep;
        bool done;
        struct error error;
        struct queue *back;
};

struct birth {
        struct hook *hook;     /* runs first, where there is one */
        struct labour *labour; /* NULL once it was left behind */
        pthread_t thread;
        bool at_token;
        int64_t timeout_ms;
        int64_t ends_ms;
};

static void
copy_source(struct pin_source *to, const struct pin_source *from)
{
        if (from)
                *to = (struct pin_source){ from->kind, text_copy(from->argument) };
}

static struct labour *
labour_new(const struct token_facts *facts, const struct birth_plan *plan)
{
        struct labour *labour = memory_new(1, sizeof(*labour));

        token_facts_copy(&labour->facts, facts);
        labour->label = text_copy(plan->label);
        copy_source(&labour->officer_source, plan->officer_source);
        copy_source(&labour->user_source, plan->user_source);
        if (plan->officer)
                secret_copy(&labour->officer, plan->officer);
        if (plan->user)
                secret_copy(&labour->user, plan->user);
        labour->guard_folder = text_copy(plan->guard_folder);
        labour->init_args = text_copy(plan->init_args);
        labour->keep = plan->keep;
        labour->back = queue_new();
        return labour;
}

static void
labour_free(struct labour *labour)
{
        token_facts_clear(&labour->facts);
        free(labour->label);
        secret_clear(&labour->officer);
        secret_clear(&labour->user);
        pin_source_clear(&labour->officer_source);
        pin_source_clear(&labour->user_source);
        free(labour->guard_folder);
        free(labour->init_args);
        queue_free(labour->back);
        free(labour);
}

/* -- the thread ------------------------------------------------------------------------------- */

static bool
read_pin(const struct labour *labour, const struct pin_source *source, const char *whose,
         struct secret *pin, struct error *err)
{
        return pin->data ||
               pin_read_for(source, labour->label, labour->facts.serial, NULL, NULL, pin, err) ||
               error_about(err, "%s", whose);
}

static bool
initialize(struct labour *labour, struct modules *modules)
{
        const struct token_new wanted = {
                .label = labour->label,
                .so_pin = &labour->officer,
                .user_pin = &labour->user,
                .so_source =
                        labour->officer_source.kind == PIN_NONE ? NULL : &labour->officer_source,
                .guard_folder = labour->guard_folder,
        };

        return token_initialize(modules, &labour->facts, &wanted, &labour->facts, &labour->error);
}

static bool
work(struct labour *labour)
{
        if (!read_pin(labour, &labour->officer_source, "the security officer's PIN",
                      &labour->officer, &labour->error) ||
            !read_pin(labour, &labour->user_source, "the user PIN", &labour->user, &labour->error))
                return false;
        struct modules *modules =
                modules_open(labour->facts.module_path, NULL, labour->init_args, &labour->error);

        if (!modules)
                return false;
        bool done = initialize(labour, modules);

        modules_close(modules);
        if (done && labour->keep)
                pin_keep(labour->facts.manufacturer, labour->facts.serial, &labour->user);
        return done;
}

static void *
birth_main(void *argument)
{
        struct labour *labour = argument;

        labour->done = work(labour);
        queue_push(labour->back, labour);
        return NULL;
}

static void
go_to_token(struct birth *birth)
{
        birth->at_token = true;
        birth->ends_ms = clock_boot_ms() + birth->timeout_ms;
        if (pthread_create(&birth->thread, NULL, birth_main, birth->labour) != 0)
                abort();
}

/* -- the hook --------------------------------------------------------------------------------- */

/* As many digits as the token takes, `digits` if it can be. */
static bool
random_pin(const struct token_facts *facts, unsigned digits, struct secret *pin, struct error *err)
{
        if (digits < facts->pin_min)
                digits = (unsigned)facts->pin_min;
        if (facts->pin_max && digits > facts->pin_max)
                digits = (unsigned)facts->pin_max;
        pin_random(digits, pin);
        return pin_length_fits(pin, facts->pin_min, facts->pin_max, err);
}

static void
pin_lines(const struct secret *officer, const struct secret *user, struct secret *lines)
{
        const struct view parts[] = {
                view_text("so-pin="), secret_view(officer), view_text("\nuser-pin="),
                secret_view(user),    view_text("\n"),
        };
        size_t length = 0;

        for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
                length += parts[i].len;
        secret_reserve(lines, length);
        for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
                memcpy(lines->data + lines->len, parts[i].data, parts[i].len);
                lines->len += parts[i].len;
        }
}

static bool
start_hook(struct birth *birth, const struct birth_plan *plan, struct error *err)
{
        struct labour *labour = birth->labour;
        const struct token_facts *facts = &labour->facts;
        CLEANUP(secret_cleanup) struct secret lines = { 0 };
        struct hook_facts told = { 0 };

        if (!random_pin(facts, OFFICER_PIN_DIGITS, &labour->officer, err) ||
            !random_pin(facts, USER_PIN_DIGITS, &labour->user, err))
                return false;
        pin_lines(&labour->officer, &labour->user, &lines);
        hook_fact(&told, "P11CERT_HOOK", "pins");
        hook_fact(&told, "P11CERT_TOKEN_LABEL", labour->label);
        hook_fact(&told, "P11CERT_TOKEN_SERIAL", facts->serial);
        hook_fact(&told, "P11CERT_TOKEN_MANUFACTURER", facts->manufacturer);
        hook_fact(&told, "P11CERT_TOKEN_MODEL", facts->model);
        hook_fact(&told, "P11CERT_READER", facts->slot_description);
        birth->hook = hook_start(plan->hook, &told, NULL, &lines, plan->hook_timeout_ms, err);
        hook_facts_clear(&told);
        return birth->hook != NULL;
}

/* -- the whole -------------------------------------------------------------------------------- */

/* The hook has its PINs from the first time: others must not take their place in the vault. */
static bool
is_new(const struct token_facts *facts, struct error *err)
{
        if (token_is_blank(facts))
                return true;
        error_set(err, ERROR_TOKEN_NOT_BLANK,
                  "the token was initialised, but has no user PIN, and only the hook was told its "
                  "security officer's PIN");
        error_about(err, "token '%s' (serial %s)", facts->label,
                    facts->serial[0] ? facts->serial : "unknown");
        return error_advise(err, "set the user PIN with the token's own tool and the PINs that the "
                                 "hook was handed");
}

struct birth *
birth_begin(const struct token_facts *facts, const struct birth_plan *plan, struct error *err)
{
        if (plan->hook && !is_new(facts, err))
                return NULL;
        struct birth *birth = memory_new(1, sizeof(*birth));

        birth->labour = labour_new(facts, plan);
        birth->timeout_ms = plan->timeout_ms;
        if (!plan->hook) {
                go_to_token(birth);
                return birth;
        }
        if (start_hook(birth, plan, err))
                return birth;
        birth_free(birth);
        return NULL;
}

/* The thread keeps what it works on; the process will leave by _exit(). */
static enum birth_state
leave_behind(struct birth *birth, struct error *err)
{
        pthread_detach(birth->thread);
        birth->labour = NULL;
        birth->at_token = false;
        drive_note_hang();
        error_set(err, ERROR_TOKEN_HANGS, "the token's module does not answer");
        error_advise(err, "unplug the token and plug it in again, or restart its service; "
                          "--token-timeout allows for more time");
        return BIRTH_FAILED;
}

static enum birth_state
poll_token(struct birth *birth, struct token_facts *made, struct error *err)
{
        struct labour *labour = birth->labour;

        if (!queue_take(labour->back, 0))
                return clock_boot_ms() < birth->ends_ms ? BIRTH_GOES_ON : leave_behind(birth, err);
        pthread_join(birth->thread, NULL);
        birth->at_token = false;
        if (!labour->done) {
                *err = labour->error;
                return BIRTH_FAILED;
        }
        token_facts_copy(made, &labour->facts);
        return BIRTH_GOOD;
}

enum birth_state
birth_poll(struct birth *birth, struct token_facts *made, struct error *err)
{
        if (birth->at_token)
                return poll_token(birth, made, err);
        switch (hook_poll(birth->hook, err)) {
        case HOOK_RUNS:
                return BIRTH_GOES_ON;
        case HOOK_FAILED:
                error_advise(err, "nothing was written to the token");
                return BIRTH_FAILED;
        case HOOK_GOOD:
                break;
        }
        go_to_token(birth);
        return BIRTH_GOES_ON;
}

bool
birth_is_at_token(const struct birth *birth)
{
        return birth->at_token;
}

void
birth_free(struct birth *birth)
{
        if (!birth)
                return;
        assert(!birth->at_token);
        hook_free(birth->hook);
        if (birth->labour)
                labour_free(birth->labour);
        free(birth);
}
