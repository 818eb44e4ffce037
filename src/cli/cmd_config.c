/*
 * config init, config show, config check.
 */
#include <stdlib.h>
#include <string.h>
#include <libgen.h>

#include "base/file.h"
#include "cli/anywhere.h"
#include "cli/show.h"
#include "cli/verbs.h"

enum { CONFIG_MODE = 0600, FOLDER_MODE = 0700 };

/* -- config init
 * ------------------------------------------------------------------------------------ */

static const char *const group_heads[] = {
        [GROUP_GLOBAL] = "The program",
        [GROUP_TOKEN] = "The token",
        [GROUP_AWS] = "AWS (variables like AWS_PROFILE go before)",
        [GROUP_VERB] = "What is asked for",
};
static_assert(ARRAY_LENGTH(group_heads) == GROUPS, "a head for every group");

/* Every key that the general part takes, commented out, with its help. */
static void
write_template(struct buf *out)
{
        buf_add_text(out, "# Configuration of p11cert; p11cert.conf(5) describes it.\n"
                          "# A key is the long name of an option.  Options and P11CERT_… variables "
                          "go before.\n");
        for (enum option_group group = 0; group < GROUPS; group++) {
                buf_format(out, "\n# -- %s\n", group_heads[group]);
                for (enum option_id id = 0; id < OPTIONS; id++) {
                        const struct option_row *row = option_row(id);

                        if (row->group != group || !(row->scope & SCOPE_GENERAL))
                                continue;
                        buf_format(out, "# %s\n#%s = %s\n", row->help, row->name,
                                   row->fallback && !strchr(row->fallback, ' ') ? row->fallback
                                                                                : "");
                }
        }
        buf_add_text(out, "\n# -- Wishes that --cert-profile NAME takes; all of the above but the "
                          "program's own may stand here\n"
                          "#[profile server]\n");
        for (enum option_id id = 0; id < OPTIONS; id++) {
                if (option_row(id)->scope == SCOPE_PROFILE)
                        buf_format(out, "# %s\n#%s = \n", option_row(id)->help,
                                   option_row(id)->name);
        }
}

bool
cmd_config_init(struct command *command, struct error *err)
{
        const char *given = option_text(&command->options, OPTION_CONFIG);
        CLEANUP(free_cleanup) char *path = given ? file_absolute(given) : config_home();
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        if (!path) {
                error_set(err, ERROR_CONFIG, "there is no home to write the configuration to");
                return error_advise(err, "say where with --config FILE");
        }
        if (file_exists(path)) {
                error_set(err, ERROR_NOTHING, "there is a configuration already");
                error_about(err, "%s", path);
                return error_advise(err, "`p11cert config show` shows what it says; --config FILE "
                                         "writes another one");
        }
        CLEANUP(free_cleanup) char *copy = text_copy(path);

        write_template(&text);
        if (!command->dry_run && (!file_make_folder(dirname(copy), FOLDER_MODE, err) ||
                                  !file_write(path, CONFIG_MODE, view_buf(&text), err)))
                return false;
        command->answer = cJSON_CreateObject();
        show_add_text(command->answer, "config", path);
        show_fact(&command->text, command->dry_run ? "would write" : "written", path);
        return true;
}

/* -- config show
 * ------------------------------------------------------------------------------------ */

/* A PIN in a URI is refused wherever the URI is used; here it must not be repeated either. */
static const char *
presentable(enum option_id id, const char *text)
{
        bool is_uri = id == OPTION_TOKEN || id == OPTION_KEY || id == OPTION_ROLESANYWHERE_KEY;

        return is_uri && strcasestr(text, "pin-value") ? "refused: it holds a PIN" : text;
}

static void
add_value(struct command *command, cJSON *values, enum option_id id)
{
        const struct option_row *row = option_row(id);
        const struct option_value *value = option_value(&command->options, id);
        cJSON *json = cJSON_CreateObject();

        cJSON_AddItemToArray(values, json);
        cJSON_AddStringToObject(json, "key", row->name);
        cJSON *texts = cJSON_AddArrayToObject(json, "values");

        for (size_t i = 0; i < value->count && value->texts; i++) {
                const char *text = presentable(id, value->texts[i]);

                cJSON_AddItemToArray(texts, cJSON_CreateString(text));
                show_fact_format(&command->text, row->name, "%s  (%s)", text, value->where);
        }
        if (!value->texts) {
                cJSON_AddItemToArray(texts, cJSON_CreateString(value->count ? "yes" : "no"));
                show_fact_format(&command->text, row->name, "%s  (%s)", value->count ? "yes" : "no",
                                 value->where);
        }
        show_add_text(json, "from", value->where);
}

bool
cmd_config_show(struct command *command, struct error *err)
{
        static const struct option_list everything = { .groups = ~0U };
        const struct config *config = &command->config;

        /* What every verb would see, not only this one. */
        if (!options_from_environment(&command->options, &everything, err) ||
            !config_apply(config, &everything, &command->options, err))
                return false;
        command->answer = cJSON_CreateObject();
        cJSON *files = cJSON_AddArrayToObject(command->answer, "files");
        cJSON *profiles = cJSON_AddArrayToObject(command->answer, "profiles");
        cJSON *values = cJSON_AddArrayToObject(command->answer, "values");

        for (size_t i = 0; i < config->file_count; i++) {
                cJSON_AddItemToArray(files, cJSON_CreateString(config->files[i]));
                show_fact(&command->text, "file", config->files[i]);
        }
        if (!config->file_count)
                show_fact(&command->text, "file", "none");
        for (size_t i = 0; i < config->profile_count; i++) {
                cJSON_AddItemToArray(profiles, cJSON_CreateString(config->profiles[i]));
                show_fact(&command->text, "profile", config->profiles[i]);
        }
        show_add_text(command->answer, "state", command->state);
        show_fact(&command->text, "state folder", command->state);
        for (enum option_id id = 0; id < OPTIONS; id++) {
                if (option_value(&command->options, id)->origin != ORIGIN_NONE)
                        add_value(command, values, id);
        }
        return true;
}

/* -- config check
 * ----------------------------------------------------------------------------------- */

/* The general part by itself, without what only variables or the command line say. */
static bool
check_general(const struct command *command, struct error *err)
{
        static const struct option_list aws = { .groups = 1U << GROUP_AWS };
        struct options options = { 0 };
        bool good = config_apply(&command->config, &aws, &options, err) &&
                    anywhere_check(command, &options, err);

        options_clear(&options);
        return good;
}

bool
cmd_config_check(struct command *command, struct error *err)
{
        const struct config *config = &command->config;

        /* It was read before this verb was called; each profile is applied once on its own. */
        for (size_t i = 0; i < config->profile_count; i++) {
                static const struct option_list everything = { .groups = ~0U };
                struct options options = { 0 };
                bool good = options_set(&options, OPTION_CERT_PROFILE, config->profiles[i],
                                        ORIGIN_LINE, "--cert-profile", err) &&
                            config_apply(config, &everything, &options, err) &&
                            anywhere_check(command, &options, err);

                options_clear(&options);
                if (!good)
                        return error_about(err, "[profile %s]", config->profiles[i]);
        }
        if (!check_general(command, err))
                return false;
        command->answer = cJSON_CreateObject();
        cJSON_AddStringToObject(command->answer, "result", "good");
        cJSON *files = cJSON_AddArrayToObject(command->answer, "files");

        for (size_t i = 0; i < config->file_count; i++) {
                cJSON_AddItemToArray(files, cJSON_CreateString(config->files[i]));
                show_fact(&command->text, "good", config->files[i]);
        }
        if (!config->file_count)
                show_fact(&command->text, "good", "there is no configuration, which is fine");
        return true;
}
