#include "cli/identity_wish.h"

#include <stdlib.h>
#include <string.h>

#include "order/template.h"

static const char usual_template[] = "EndEntityCertificate/V1";

void
identity_wish_clear(struct identity_wish *wish)
{
        for (size_t i = 0; i < wish->wish.template_count; i++)
                free(wish->templates[i]);
        free(wish->templates);
        free(wish->cas);
}

/* -- the configuration -------------------------------------------------------------------- */

/* What one section says, the general part for NULL. */
static const char *
said_in(const struct config *config, const char *profile, enum option_id id)
{
        const char *found = NULL;

        for (size_t i = 0; i < config->count; i++) {
                const struct config_entry *entry = &config->entries[i];

                if (entry->id == id && text_equal(entry->profile, profile))
                        found = entry->text;
        }
        return found;
}

/* What the configuration says for a profile: itself, those it extends, then the general part. */
static const char *
configured(const struct config *config, size_t index, enum option_id id)
{
        const struct config_profile *lineage[CONFIG_DEPTH];
        size_t count = config_lineage(config, config->profiles[index].name, lineage);
        const char *found = NULL;

        for (size_t i = 0; !found && i < count; i++)
                found = said_in(config, lineage[i]->name, id);
        return found ? found : said_in(config, NULL, id);
}

/* Are all profiles meant?  Not where one is chosen, nor where the command line says it itself. */
static bool
every_profile(const struct command *command, enum option_id id)
{
        return command->config.profile_count && !option_line_text(&command->options, id) &&
               !option_text(&command->options, OPTION_CERT_PROFILE);
}

/* -- CAs and templates -------------------------------------------------------------------- */

static void
add_ca(struct identity_wish *out, const char *ca)
{
        struct iam_wish *wish = &out->wish;

        for (size_t i = 0; i < wish->ca_count; i++) {
                if (strcmp(out->cas[i], ca) == 0)
                        return;
        }
        out->cas = memory_grow(out->cas, wish->ca_count + 1, sizeof(*out->cas));
        out->cas[wish->ca_count++] = ca;
        wish->cas = out->cas;
}

static void
take_cas(const struct command *command, size_t first, struct identity_wish *out)
{
        const struct config *config = &command->config;
        const char *given = option_text(&command->options, OPTION_CA);

        for (size_t i = first; i < command->argument_count; i++)
                add_ca(out, command->arguments[i]);
        if (out->wish.ca_count)
                return;
        for (size_t i = 0; every_profile(command, OPTION_CA) && i < config->profile_count; i++) {
                const char *ca = configured(config, i, OPTION_CA);

                if (ca)
                        add_ca(out, ca);
        }
        if (given)
                add_ca(out, given);
}

static void
add_template(struct identity_wish *out, char *arn)
{
        struct iam_wish *wish = &out->wish;

        for (size_t i = 0; i < wish->template_count; i++) {
                if (strcmp(out->templates[i], arn) == 0) {
                        free(arn);
                        return;
                }
        }
        out->templates =
                memory_grow(out->templates, wish->template_count + 1, sizeof(*out->templates));
        out->templates[wish->template_count++] = arn;
        wish->templates = (const char *const *)out->templates;
}

/* Names, nicks or ARNs, with commas between. */
static bool
add_templates(struct identity_wish *out, const char *given, struct error *err)
{
        for (; *given; given += strspn(given, ",")) {
                size_t length = strcspn(given, ",");
                CLEANUP(free_cleanup) char *name = text_copy_length(given, length);
                char *arn = NULL;

                if (length && !template_resolve(name, out->wish.cas[0], &arn, err))
                        return false;
                given += length;
                if (arn)
                        add_template(out, arn);
        }
        return true;
}

static bool
take_templates(const struct command *command, struct identity_wish *out, struct error *err)
{
        const struct config *config = &command->config;
        const char *given = option_text(&command->options, OPTION_TEMPLATE);

        if (!every_profile(command, OPTION_TEMPLATE))
                return add_templates(out, given ? given : usual_template, err);
        for (size_t i = 0; i < config->profile_count; i++) {
                const char *text = configured(config, i, OPTION_TEMPLATE);

                if (!add_templates(out, text ? text : usual_template, err))
                        return error_about(err, "profile '%s'", config->profiles[i].name);
        }
        return true;
}

bool
identity_wish_read(const struct command *command, size_t first, struct identity_wish *out,
                   struct error *err)
{
        const struct options *options = &command->options;
        const struct option_value *sources = option_value(options, OPTION_SOURCE_IP);
        const char *use = option_text(options, OPTION_USE);
        struct iam_wish *wish = &out->wish;

        if (use && !iam_use_named(use, &wish->use))
                return error_set(err, ERROR_USAGE, "'%s' is not a use", use);
        take_cas(command, first, out);
        wish->role_name = option_text(options, OPTION_ROLE_NAME);
        wish->account = option_text(options, OPTION_ACCOUNT);
        wish->strict = option_flag(options, OPTION_STRICT);
        wish->mfa = option_flag(options, OPTION_MFA);
        wish->sources = (const char *const *)sources->texts;
        wish->source_count = sources->count;
        /* Without a CA the writer says that it needs one. */
        return !wish->ca_count || take_templates(command, out, err);
}

/* -- limits ------------------------------------------------------------------------------- */

void
identity_answer_limits(struct command *command, const struct iam_wish *wish)
{
        CLEANUP(buf_cleanup) struct buf limits = { 0 };
        cJSON *array = cJSON_AddArrayToObject(command->answer, "limits");

        iam_limits(wish, &limits);
        for (const char *line = buf_text(&limits); *line;) {
                size_t length = strcspn(line, "\n");
                CLEANUP(free_cleanup) char *limit = text_copy_length(line, length);

                cJSON_AddItemToArray(array, cJSON_CreateString(limit));
                command_say(command, "limit: %s", limit);
                line += length + (line[length] == '\n');
        }
}

/* -- trust -------------------------------------------------------------------------------- */

bool
identity_trust(const struct command *command, const char *trusted, bool pretty, char **json,
               struct error *err)
{
        const struct option_value *names = option_value(&command->options, OPTION_COMMON_NAME);
        struct iam_trust trust = {
                .principal = trusted,
                .external_id = option_line_text(&command->options, OPTION_EXTERNAL_ID),
                .mfa = option_flag(&command->options, OPTION_MFA),
        };
        CLEANUP(free_cleanup) char *text = NULL;
        bool done;

        if (strstr(trusted, ":trust-anchor/"))
                done = iam_write_trust_anywhere(trusted, (const char *const *)names->texts,
                                                names->count, pretty, &text, err);
        else
                done = iam_write_trust(&trust, pretty, &text, err);
        if (!done || !iam_policy_fits(PLACE_TRUST, text, err))
                return false;
        *json = MOVE(text);
        return true;
}
