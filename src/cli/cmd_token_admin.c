/*
 * token init, token check-pin, token change-pin: bringing a token into service.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inquiry.h"
#include "cli/show.h"
#include "cli/tokens.h"
#include "cli/verbs.h"
#include "drive/batch.h"
#include "drive/birth.h"
#include "drive/hook.h"
#include "engine/admin.h"

enum { HOOK_TIMEOUT_MS = 60 * 1000, POLL_MS = 20 };

static void
source_cleanup(struct pin_source *source)
{
        pin_source_clear(source);
}

/* -- PINs that are to be set ------------------------------------------------------------------ */

static bool
ask_twice(const struct command *command, const char *whose, struct secret *pin, struct error *err)
{
        CLEANUP(free_cleanup) char *first = text_format("%s, the new one", whose);
        CLEANUP(free_cleanup) char *second = text_format("%s, the new one again", whose);
        CLEANUP(secret_cleanup) struct secret again = { 0 };
        pin_ask *ask = command_ask(command);

        if (!ask) {
                error_set(err, ERROR_PIN_MISSING, "nobody may be asked for the PIN of %s", whose);
                return error_advise(err, "give its source: file:/PATH, env:NAME, fd:N or "
                                         "cmd:PROGRAM");
        }
        if (!ask(NULL, first, pin, err) || !ask(NULL, second, &again, err))
                return false;
        if (view_equal(secret_view(pin), secret_view(&again)))
                return true;
        error_set(err, ERROR_PIN_MISSING, "the two PINs are not the same");
        return error_advise(err, "repeat the command; nothing was changed");
}

bool
token_read_new_pin(const struct command *command, const struct pin_source *source,
                   const char *whose, const struct token_facts *facts, struct secret *pin,
                   struct error *err)
{
        if (!source || source->kind == PIN_NONE || source->kind == PIN_PROMPT)
                return ask_twice(command, whose, pin, err);
        return pin_read_for(source, facts ? facts->label : NULL, facts ? facts->serial : NULL, NULL,
                            NULL, pin, err) ||
               error_about(err, "%s", whose);
}

/* -- token init ------------------------------------------------------------------------------- */

/* What a look for a blank token gives back. */
struct blank_seen {
        char *uri;
        char *label;
        struct token_facts facts;
};

static void
blank_seen_free(struct blank_seen **slot)
{
        /* A thread that is inside a module may still use it. */
        if (drive_hangs())
                return;
        free((*slot)->uri);
        free((*slot)->label);
        token_facts_clear(&(*slot)->facts);
        free(*slot);
}

static bool
find_blank(struct modules *modules, struct token *token, void *context, struct error *err)
{
        struct blank_seen *seen = context;
        CLEANUP(uri_cleanup) struct uri *uri = NULL;

        (void)token;
        if (seen->uri && !(uri = uri_parse(seen->uri, err)))
                return false;
        return token_find_blank(modules, uri, seen->label, &seen->facts, err);
}

static bool
look_for_blank(struct command *command, const char *label, struct blank_seen *seen,
               struct error *err)
{
        const char *uri = token_argument(command);

        seen->label = text_copy(label);
        seen->uri = strcmp(uri, "pkcs11:") == 0 ? NULL : text_copy(uri);
        return inquire(command, NULL, NULL, false, find_blank, seen, err);
}

static bool
refuse_beside_hook(const struct command *command, struct error *err)
{
        static const enum option_id others[] = { OPTION_SO_PIN_SOURCE, OPTION_PIN_SOURCE };
        const char *hook = option_text(&command->options, OPTION_PIN_HOOK);

        for (size_t i = 0; hook && i < ARRAY_LENGTH(others); i++) {
                if (option_value(&command->options, others[i])->origin != ORIGIN_LINE)
                        continue;
                error_set(err, ERROR_USAGE, "--%s does not go with --pin-hook: its PINs are random",
                          option_row(others[i])->name);
                return error_advise(err, "leave one of them out");
        }
        return !hook || hook_check(hook, err);
}

/* The PINs that nobody makes at random. */
static bool
read_pins(const struct command *command, const struct pin_source *officer_source,
          const struct token_facts *facts, const char *label, struct secret *officer,
          struct secret *user, struct error *err)
{
        CLEANUP(free_cleanup) char *whose = text_format("token '%s'", label);
        CLEANUP(free_cleanup)
        char *officers = text_format("the security officer of token '%s'", label);

        return token_read_new_pin(command, officer_source, officers, facts, officer, err) &&
               token_read_new_pin(command, command_pin(command), whose, facts, user, err);
}

static bool
give_birth(const struct token_facts *facts, const struct birth_plan *plan, struct token_facts *made,
           struct error *err)
{
        struct birth *birth = birth_begin(facts, plan, err);
        enum birth_state state;

        if (!birth)
                return false;
        while ((state = birth_poll(birth, made, err)) == BIRTH_GOES_ON)
                (void)poll(NULL, 0, POLL_MS);
        birth_free(birth);
        return state == BIRTH_GOOD;
}

static bool
initialize(struct command *command, const char *label, const struct pin_source *officer_source,
           const struct token_facts *facts, struct error *err)
{
        const char *hook = option_text(&command->options, OPTION_PIN_HOOK);
        CLEANUP(free_cleanup) char *guard = command_guard_folder(command);
        CLEANUP(secret_cleanup) struct secret officer = { 0 };
        CLEANUP(secret_cleanup) struct secret user = { 0 };
        struct token_facts made = { 0 };
        const struct birth_plan plan = {
                .label = label,
                .hook = hook,
                .hook_timeout_ms =
                        option_span(&command->options, OPTION_HOOK_TIMEOUT, HOOK_TIMEOUT_MS),
                .officer = hook ? NULL : &officer,
                .user = hook ? NULL : &user,
                .officer_source = officer_source->kind == PIN_NONE ? NULL : officer_source,
                .guard_folder = guard,
                .timeout_ms = command_token_timeout_ms(command),
        };

        if (!hook && !read_pins(command, officer_source, facts, label, &officer, &user, err))
                return false;
        if (!give_birth(facts, &plan, &made, err))
                return false;
        command->answer = token_json(&made);
        token_text(&command->text, &made);
        token_facts_clear(&made);
        if (token_is_half_made(facts, label))
                command_say(command, "note      the token had its label already; it got its user "
                                     "PIN");
        if (hook)
                command_say(command, "note      its PINs are random; %s has them", hook);
        return true;
}

bool
cmd_token_init(struct command *command, struct error *err)
{
        const char *label = command_need(command, OPTION_TOKEN_LABEL,
                                         "for example --token-label device-17", err);
        const char *source = option_text(&command->options, OPTION_SO_PIN_SOURCE);
        CLEANUP(source_cleanup) struct pin_source officer_source = { 0 };
        CLEANUP(blank_seen_free) struct blank_seen *seen = memory_new(1, sizeof(*seen));

        if (!label || !token_label_check(label, err) || !refuse_beside_hook(command, err) ||
            (source && !pin_source_parse(source, &officer_source, err)) ||
            !look_for_blank(command, label, seen, err))
                return false;
        if (!command->dry_run)
                return initialize(command, label, &officer_source, &seen->facts, err);
        command->answer = token_json(&seen->facts);
        command_say(command, "dry run: the blank token in slot %lu (%s) would become '%s'",
                    seen->facts.slot_id, seen->facts.slot_description, label);
        return true;
}

/* -- token check-pin, token change-pin -------------------------------------------------------- */

struct login_seen {
        struct token_facts facts;
        struct secret fresh; /* change-pin */
};

static void
login_seen_free(struct login_seen **slot)
{
        if (drive_hangs())
                return;
        token_facts_clear(&(*slot)->facts);
        secret_clear(&(*slot)->fresh);
        free(*slot);
}

static bool
see_login(struct modules *modules, struct token *token, void *context, struct error *err)
{
        struct login_seen *seen = context;

        (void)modules;
        (void)err;
        token_facts_copy(&seen->facts, token_facts(token));
        return true;
}

static bool
change_pin(struct modules *modules, struct token *token, void *context, struct error *err)
{
        struct login_seen *seen = context;

        return token_change_pin(token, &seen->fresh, err) &&
               see_login(modules, token, context, err);
}

static void
show_login(struct command *command, const struct token_facts *facts, const char *pin)
{
        command->answer = token_json(facts);
        show_add_text(command->answer, "pin", pin);
        token_text(&command->text, facts);
}

bool
cmd_token_check_pin(struct command *command, struct error *err)
{
        CLEANUP(login_seen_free) struct login_seen *seen = memory_new(1, sizeof(*seen));

        if (!inquire(command, token_argument(command), NULL, true, see_login, seen, err))
                return false;
        show_login(command, &seen->facts, seen->facts.login_required ? "right" : "not-needed");
        command_say(command,
                    seen->facts.login_required ? "the PIN is right" : "the token wants no login");
        return true;
}

bool
cmd_token_change_pin(struct command *command, struct error *err)
{
        const char *text = option_text(&command->options, OPTION_NEW_PIN_SOURCE);
        CLEANUP(login_seen_free) struct login_seen *seen = memory_new(1, sizeof(*seen));
        CLEANUP(source_cleanup) struct pin_source source = { 0 };
        const struct pin_source *old = command_pin(command);

        if (text && !pin_source_parse(text, &source, err))
                return error_about(err, "--new-pin-source");
        /* With the old one first: whoever does not know it is not asked for another. */
        if (!inquire(command, token_argument(command), NULL, true, see_login, seen, err))
                return false;
        if (command->dry_run) {
                show_login(command, &seen->facts, "right");
                command_say(command, "dry run: the PIN is right, and would be changed");
                return true;
        }
        CLEANUP(free_cleanup) char *whose = text_format("token '%s'", seen->facts.label);

        if (!token_read_new_pin(command, &source, whose, &seen->facts, &seen->fresh, err) ||
            !inquire(command, token_argument(command), NULL, true, change_pin, seen, err))
                return false;
        show_login(command, &seen->facts, "changed");
        command_say(command, "the PIN is changed, and the new one logs in");
        if (old && old->kind == PIN_FILE)
                command_say(command, "note      %s still holds the old one", old->argument);
        return true;
}
