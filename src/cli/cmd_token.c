/*
 * token list, token info, key list, cert list: the tokens themselves, read only.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/inquiry.h"
#include "cli/show.h"
#include "cli/tokens.h"
#include "cli/verbs.h"
#include "drive/batch.h"
#include "engine/key.h"
#include "engine/uri.h"
#include "order/cert.h"

/* -- token list, token info ---------------------------------------------------------------------
 */

cJSON *
token_json(const struct token_facts *facts)
{
        CLEANUP(free_cleanup) char *uri = uri_of_token(facts);
        const struct {
                const char *name;
                bool is;
        } flags[] = {
                { "initialized", facts->initialized },
                { "login_required", facts->login_required },
                { "pin_initialized", facts->pin_initialized },
                { "pin_pad", facts->pin_pad },
                { "write_protected", facts->write_protected },
                { "pin_count_low", facts->pin_count_low },
                { "pin_final_try", facts->pin_final_try },
                { "pin_locked", facts->pin_locked },
                { "removable", facts->removable },
        };
        cJSON *token = cJSON_CreateObject();

        show_add_text(token, "uri", uri);
        show_add_text(token, "label", facts->label);
        show_add_text(token, "serial", facts->serial);
        show_add_text(token, "manufacturer", facts->manufacturer);
        show_add_text(token, "model", facts->model);
        show_add_text(token, "hardware", facts->hardware);
        show_add_text(token, "firmware", facts->firmware);
        show_add_text(token, "module", facts->module_path);
        show_add_text(token, "slot", facts->slot_description);
        cJSON_AddNumberToObject(token, "slot_id", (double)facts->slot_id);
        for (size_t i = 0; i < ARRAY_LENGTH(flags); i++)
                cJSON_AddBoolToObject(token, flags[i].name, flags[i].is);
        cJSON_AddNumberToObject(token, "pin_min", (double)facts->pin_min);
        cJSON_AddNumberToObject(token, "pin_max", (double)facts->pin_max);
        return token;
}

void
token_text(struct buf *out, const struct token_facts *facts)
{
        CLEANUP(free_cleanup) char *uri = uri_of_token(facts);

        show_fact(out, "token", facts->label[0] ? facts->label : "(without a label)");
        show_fact(out, "URI", uri);
        show_fact(out, "serial", facts->serial);
        show_fact_format(out, "made by", "%s, %s", facts->manufacturer, facts->model);
        show_fact_format(out, "slot", "%lu: %s", facts->slot_id, facts->slot_description);
        show_fact(out, "module", facts->module_path);
        show_fact_format(out, "state", "%s%s%s%s",
                         facts->initialized ? "initialised" : "not initialised",
                         facts->write_protected ? ", write-protected" : "",
                         facts->login_required ? "" : ", no login needed",
                         facts->pin_pad ? ", PIN pad" : "");
        show_fact_format(out, "PIN", "%s, %lu to %lu characters%s",
                         facts->pin_initialized ? "set" : "not set", facts->pin_min, facts->pin_max,
                         facts->pin_locked      ? ", LOCKED"
                         : facts->pin_final_try ? ", ONE TRY LEFT"
                         : facts->pin_count_low ? ", a wrong one was tried"
                                                : "");
}

/* What a look at the tokens gives back. */
struct tokens_seen {
        struct token_facts *list;
        size_t count;
        char *notes;
};

static bool
look_at_tokens(struct modules *modules, struct token *token, void *context, struct error *err)
{
        struct tokens_seen *seen = context;

        (void)token;
        seen->notes = show_joined(modules_notes(modules));
        return modules_list(modules, &seen->list, &seen->count, err);
}

bool
cmd_token_list(struct command *command, struct error *err)
{
        CLEANUP(inquiry_free) struct tokens_seen *seen = memory_new(1, sizeof(*seen));

        if (!inquire(command, NULL, NULL, false, look_at_tokens, seen, err))
                return false;
        command->answer = cJSON_CreateObject();
        cJSON *tokens = cJSON_AddArrayToObject(command->answer, "tokens");

        for (size_t i = 0; i < seen->count; i++) {
                cJSON_AddItemToArray(tokens, token_json(&seen->list[i]));
                buf_add_text(&command->text, i ? "\n" : "");
                token_text(&command->text, &seen->list[i]);
        }
        if (seen->notes && *seen->notes)
                command_say(command, "not loaded: %s", seen->notes);
        bool none = seen->count == 0;

        tokens_free(seen->list, seen->count);
        free(seen->notes);
        if (!none)
                return true;
        error_set(err, ERROR_TOKEN_ABSENT, "no token is here");
        return error_advise(err, "plug one in, or name its PKCS #11 module with --module PATH");
}

struct token_seen {
        struct token_facts facts;
        char *mechanisms;
        bool can_make[KEY_TYPES];
};

static bool
look_at_one(struct modules *modules, struct token *token, void *context, struct error *err)
{
        struct token_seen *seen = context;

        (void)modules;
        (void)err;
        token_facts_copy(&seen->facts, token_facts(token));
        seen->mechanisms = token_mechanisms(token);
        for (enum key_type type = KEY_NONE + 1; type < KEY_TYPES; type++)
                seen->can_make[type] = token_can_make(token, type);
        return true;
}

const char *
token_argument(const struct command *command)
{
        const char *token = option_text(&command->options, OPTION_TOKEN);

        return command->argument_count ? command->arguments[0] : token ? token : "pkcs11:";
}

bool
cmd_token_info(struct command *command, struct error *err)
{
        CLEANUP(inquiry_free) struct token_seen *seen = memory_new(1, sizeof(*seen));
        CLEANUP(buf_cleanup) struct buf types = { 0 };

        if (!inquire(command, token_argument(command), NULL, false, look_at_one, seen, err))
                return false;
        command->answer = token_json(&seen->facts);
        token_text(&command->text, &seen->facts);
        show_fact_format(&command->text, "versions", "hardware %s, firmware %s",
                         seen->facts.hardware, seen->facts.firmware);
        cJSON *can = cJSON_AddArrayToObject(command->answer, "key_types");

        for (enum key_type type = KEY_NONE + 1; type < KEY_TYPES; type++) {
                if (!seen->can_make[type])
                        continue;
                cJSON_AddItemToArray(can, cJSON_CreateString(key_type_name(type)));
                buf_format(&types, "%s%s", types.len ? ", " : "", key_type_name(type));
        }
        show_fact(&command->text, "makes keys", types.len ? buf_text(&types) : "none that we use");
        show_fact(&command->text, "mechanisms", seen->mechanisms);
        show_add_text(command->answer, "mechanisms", seen->mechanisms);
        token_facts_clear(&seen->facts);
        free(seen->mechanisms);
        return true;
}

/* -- key list, cert list -------------------------------------------------------------------------
 */

struct objects_seen {
        const char *kind;
        struct buf id;
        char *label;
        struct object_facts *list;
        size_t count;
};

static bool
look_for_objects(struct modules *modules, struct token *token, void *context, struct error *err)
{
        struct objects_seen *seen = context;

        (void)modules;
        return token_find_objects(token, seen->kind, view_buf(&seen->id), seen->label, &seen->list,
                                  &seen->count, err);
}

static void
add_certificate(cJSON *json, struct buf *out, const struct object_facts *object)
{
        struct certificate_facts facts = { 0 };
        struct error unreadable = { 0 };

        if (!certificate_facts_read(view_buf(&object->certificate), &facts, &unreadable)) {
                show_fact(out, "certificate", unreadable.what);
                show_add_text(json, "unreadable", unreadable.what);
                return;
        }
        show_fact(out, "subject", facts.subject);
        show_fact(out, "issuer", facts.issuer);
        show_fact(out, "serial", facts.serial);
        show_add_text(json, "subject", facts.subject);
        show_add_text(json, "issuer", facts.issuer);
        show_add_text(json, "serial", facts.serial);
        show_add_text(json, "fingerprint_sha256", facts.fingerprint);
        show_add_time(json, "not_before", facts.not_before);
        show_add_time(json, "not_after", facts.not_after);
        show_fact(out, "not after", cJSON_GetStringValue(cJSON_GetObjectItem(json, "not_after")));
        certificate_facts_clear(&facts);
}

static void
add_object(struct command *command, cJSON *array, const struct object_facts *object)
{
        CLEANUP(free_cleanup) char *id = hex_encode(view_buf(&object->id));
        cJSON *json = cJSON_CreateObject();
        bool certificate = strcmp(object->kind, "cert") == 0;

        cJSON_AddItemToArray(array, json);
        buf_add_text(&command->text, command->text.len ? "\n" : "");
        show_add_text(json, "uri", object->uri);
        show_add_text(json, "label", object->label);
        show_add_text(json, "id", id);
        show_fact(&command->text, certificate ? "certificate" : "key",
                  *object->label ? object->label : "(without a label)");
        show_fact(&command->text, "URI", object->uri);
        show_fact(&command->text, "id", id);
        if (certificate) {
                add_certificate(json, &command->text, object);
                return;
        }
        show_add_text(json, "type", object->key_type);
        show_fact(&command->text, "type", object->key_type);
}

static void
objects_seen_cleanup(struct objects_seen **seen)
{
        if (!drive_hangs()) {
                objects_free((*seen)->list, (*seen)->count);
                buf_clear(&(*seen)->id);
                free((*seen)->label);
        }
        inquiry_free(seen);
}

static bool
list_objects(struct command *command, const char *kind, const char *plural, bool log_in,
             struct error *err)
{
        CLEANUP(objects_seen_cleanup) struct objects_seen *seen = memory_new(1, sizeof(*seen));
        const char *id = option_text(&command->options, OPTION_ID);

        seen->kind = kind;
        seen->label = text_copy(option_text(&command->options, OPTION_LABEL));
        if (id && !hex_decode(id, &seen->id, err)) {
                err->kind = ERROR_USAGE;
                return error_about(err, "--id");
        }
        if (!inquire(command, token_argument(command), NULL, log_in, look_for_objects, seen, err))
                return false;
        command->answer = cJSON_CreateObject();
        cJSON *array = cJSON_AddArrayToObject(command->answer, plural);

        for (size_t i = 0; i < seen->count; i++)
                add_object(command, array, &seen->list[i]);
        if (!seen->count)
                command_say(command, "there are no %s on the token", plural);
        return true;
}

bool
cmd_key_list(struct command *command, struct error *err)
{
        return list_objects(command, "private", "keys", true, err);
}

bool
cmd_cert_list(struct command *command, struct error *err)
{
        return list_objects(command, "cert", "certificates", command_pin(command) != NULL, err);
}
