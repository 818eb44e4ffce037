/*
 * token init, token check-pin, token change-pin: bringing a token into service.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/inquiry.h"
#include "cli/show.h"
#include "cli/tokens.h"
#include "cli/verbs.h"
#include "drive/batch.h"
#include "drive/hook.h"
#include "engine/admin.h"

enum { HOOK_TIMEOUT_MS = 60 * 1000, USER_PIN_DIGITS = 8, OFFICER_PIN_DIGITS = 16 };

static void
source_cleanup(struct pin_source *source)
{
        pin_source_clear(source);
}

/* -- PINs that are to be set --------------------------------------------------------------------
 */

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
        static const char so[] = "so-pin=";
        static const char pin[] = "\nuser-pin=";
        const struct view parts[] = {
                view_text(so),     secret_view(officer), view_text(pin),
                secret_view(user), view_text("\n"),
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

bool
token_hand_over_pins(const char *hook, int64_t timeout_ms, const struct token_facts *facts,
                     const char *label, struct secret *officer, struct secret *user,
                     struct error *err)
{
        CLEANUP(secret_cleanup) struct secret lines = { 0 };
        struct hook_facts told = { 0 };

        if (!random_pin(facts, OFFICER_PIN_DIGITS, officer, err) ||
            !random_pin(facts, USER_PIN_DIGITS, user, err))
                return false;
        pin_lines(officer, user, &lines);
        hook_fact(&told, "P11CERT_HOOK", "pins");
        hook_fact(&told, "P11CERT_TOKEN_LABEL", label);
        hook_fact(&told, "P11CERT_TOKEN_SERIAL", facts->serial);
        hook_fact(&told, "P11CERT_TOKEN_MANUFACTURER", facts->manufacturer);
        hook_fact(&told, "P11CERT_TOKEN_MODEL", facts->model);
        hook_fact(&told, "P11CERT_READER", facts->slot_description);
        bool good = hook_run(hook, &told, NULL, &lines, timeout_ms, err);

        hook_facts_clear(&told);
        return good || error_advise(err, "nothing was written to the token");
}

/* -- token init ---------------------------------------------------------------------------------
 */

/* What both looks share; the second one writes. */
struct birth {
        char *uri;
        char *label;
        struct token_facts facts;
        struct secret officer;
        struct secret user;
        struct pin_source so_source;
        char *guard_folder;
        bool half_made;
};

static void
birth_free(struct birth **slot)
{
        struct birth *birth = *slot;

        /* A thread that is inside a module may still read it. */
        if (drive_hangs())
                return;
        free(birth->uri);
        free(birth->label);
        free(birth->guard_folder);
        token_facts_clear(&birth->facts);
        secret_clear(&birth->officer);
        secret_clear(&birth->user);
        pin_source_clear(&birth->so_source);
        free(birth);
}

static bool
find_blank(struct modules *modules, struct token *token, void *context, struct error *err)
{
        struct birth *birth = context;
        CLEANUP(uri_cleanup) struct uri *uri = NULL;

        (void)token;
        if (birth->uri && !(uri = uri_parse(birth->uri, err)))
                return false;
        if (!token_find_blank(modules, uri, birth->label, &birth->facts, err))
                return false;
        birth->half_made = token_is_half_made(&birth->facts, birth->label);
        return true;
}

static bool
give_birth(struct modules *modules, struct token *token, void *context, struct error *err)
{
        struct birth *birth = context;
        const struct token_new wanted = {
                .label = birth->label,
                .so_pin = &birth->officer,
                .user_pin = &birth->user,
                .so_source = birth->so_source.kind == PIN_NONE ? NULL : &birth->so_source,
                .guard_folder = birth->guard_folder,
        };

        (void)token;
        return token_initialize(modules, &birth->facts, &wanted, &birth->facts, err);
}

static bool
read_pins(const struct command *command, struct birth *birth, struct error *err)
{
        const char *hook = option_text(&command->options, OPTION_PIN_HOOK);
        CLEANUP(free_cleanup) char *whose = text_format("token '%s'", birth->label);
        CLEANUP(free_cleanup)
        char *officer = text_format("the security officer of token '%s'", birth->label);

        if (hook)
                return token_hand_over_pins(
                        hook, option_span(&command->options, OPTION_HOOK_TIMEOUT, HOOK_TIMEOUT_MS),
                        &birth->facts, birth->label, &birth->officer, &birth->user, err);
        return token_read_new_pin(command, &birth->so_source, officer, &birth->facts,
                                  &birth->officer, err) &&
               token_read_new_pin(command, command_pin(command), whose, &birth->facts, &birth->user,
                                  err);
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

static struct birth *
birth_new(const struct command *command, const char *label)
{
        struct birth *birth = memory_new(1, sizeof(*birth));
        const char *uri = token_argument(command);

        birth->label = text_copy(label);
        birth->uri = strcmp(uri, "pkcs11:") == 0 ? NULL : text_copy(uri);
        birth->guard_folder = command_guard_folder(command);
        return birth;
}

static void
show_birth(struct command *command, const struct birth *birth)
{
        command->answer = token_json(&birth->facts);
        token_text(&command->text, &birth->facts);
        if (birth->half_made)
                command_say(command, "note      the token had its label already; it got its user "
                                     "PIN");
        if (option_text(&command->options, OPTION_PIN_HOOK))
                command_say(command, "note      its PINs are random; %s has them",
                            option_text(&command->options, OPTION_PIN_HOOK));
}

static bool
check_init(struct command *command, struct birth *birth, struct error *err)
{
        const char *source = option_text(&command->options, OPTION_SO_PIN_SOURCE);

        return token_label_check(birth->label, err) && refuse_beside_hook(command, err) &&
               (!source || pin_source_parse(source, &birth->so_source, err));
}

bool
cmd_token_init(struct command *command, struct error *err)
{
        const char *label = command_need(command, OPTION_TOKEN_LABEL,
                                         "for example --token-label device-17", err);

        if (!label)
                return false;
        CLEANUP(birth_free) struct birth *birth = birth_new(command, label);

        if (!check_init(command, birth, err) ||
            !inquire(command, NULL, NULL, false, find_blank, birth, err))
                return false;
        if (command->dry_run) {
                command->answer = token_json(&birth->facts);
                command_say(command, "dry run: the blank token in slot %lu (%s) would become '%s'",
                            birth->facts.slot_id, birth->facts.slot_description, label);
                return true;
        }
        if (!read_pins(command, birth, err) ||
            !inquire(command, NULL, NULL, false, give_birth, birth, err))
                return false;
        show_birth(command, birth);
        return true;
}

/* -- token check-pin, token change-pin ----------------------------------------------------------
 */

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
