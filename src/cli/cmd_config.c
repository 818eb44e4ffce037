/*
 * config init, config show, config check.
 */
#include <stdlib.h>
#include <string.h>
#include <libgen.h>

#include "base/file.h"
#include "cli/lint.h"
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

/* What a key may be set to without changing anything; "" where the default is no value. */
static const char *
value_of_default(const struct option_row *row)
{
        if (!row->argument)
                return "no";
        if (!row->fallback || strchr(row->fallback, ' ') || text_starts(row->fallback, "--") ||
            text_starts(row->fallback, "STATE/"))
                return "";
        return row->fallback;
}

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
                                   value_of_default(row));
                }
        }
        buf_add_text(out, "\n# -- Wishes that --cert-profile NAME takes; all of the above but the "
                          "program's own may stand here\n"
                          "#[profile server]\n"
                          "# take what is not said here from another profile\n"
                          "#extends = \n");
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

static const char *const origin_names[] = {
        [ORIGIN_NONE] = "default",      [ORIGIN_GENERAL] = "file", [ORIGIN_PROFILE] = "profile",
        [ORIGIN_VARIABLE] = "variable", [ORIGIN_LINE] = "option",
};

static void
show_setting(struct command *command, const char *key, const char *value)
{
        enum { KEY_COLUMN = 26 }; /* the longest key's */
        CLEANUP(free_cleanup) char *printable = show_printable(value);

        show_cell(&command->text, key, KEY_COLUMN);
        buf_format(&command->text, "%s\n", printable);
}

/* One value and where it was said; the key only in front of the first. */
static void
add_text(struct command *command, cJSON *json, const char *key, const char *text, const char *where)
{
        cJSON *texts = cJSON_GetObjectItem(json, "values");
        cJSON *wheres = cJSON_GetObjectItem(json, "origins");

        CLEANUP(free_cleanup) char *line = text_format("%s  (%s)", text, where);

        show_setting(command, cJSON_GetArraySize(texts) ? "" : key, line);
        cJSON_AddItemToArray(texts, cJSON_CreateString(text));
        cJSON_AddItemToArray(wheres, cJSON_CreateString(where));
}

static void
add_value(struct command *command, cJSON *values, enum option_id id)
{
        const struct option_row *row = option_row(id);
        const struct option_value *value = option_value(&command->options, id);
        cJSON *json = cJSON_CreateObject();

        cJSON_AddItemToArray(values, json);
        cJSON_AddStringToObject(json, "key", row->name);
        cJSON_AddArrayToObject(json, "values");
        cJSON_AddArrayToObject(json, "origins");
        show_add_text(json, "from", value->origin == ORIGIN_NONE ? "default" : value->where);
        show_add_text(json, "origin", origin_names[value->origin]);
        for (size_t i = 0; i < value->count && value->texts; i++)
                add_text(command, json, row->name, presentable(id, value->texts[i]),
                         value->wheres[i]);
        if (value->origin == ORIGIN_NONE)
                add_text(command, json, row->name, row->fallback, "default");
        else if (!value->texts)
                add_text(command, json, row->name, value->count ? "yes" : "no", value->where);
}

/* With --origin what nobody set is shown, too, where the configuration could set it. */
static bool
is_shown(const struct command *command, enum option_id id, bool has_profile)
{
        const struct option_row *row = option_row(id);
        unsigned scope = SCOPE_GENERAL | (has_profile ? SCOPE_PROFILE : 0);

        if (option_value(&command->options, id)->origin != ORIGIN_NONE)
                return id != OPTION_ORIGIN;
        return option_flag(&command->options, OPTION_ORIGIN) && row->fallback &&
               (row->scope & scope);
}

static void
add_profiles(struct command *command, cJSON *answer)
{
        const struct config *config = &command->config;
        cJSON *profiles = cJSON_AddArrayToObject(answer, "profiles");
        cJSON *parents = cJSON_AddObjectToObject(answer, "extends");

        for (size_t i = 0; i < config->profile_count; i++) {
                const struct config_profile *profile = &config->profiles[i];

                cJSON_AddItemToArray(profiles, cJSON_CreateString(profile->name));
                if (profile->parent)
                        cJSON_AddStringToObject(parents, profile->name, profile->parent);
                CLEANUP(free_cleanup)
                char *line = text_format("[profile %s]%s%s", profile->name,
                                         profile->parent ? " extends " : "",
                                         profile->parent ? profile->parent : "");

                show_setting(command, "", line);
        }
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

        for (size_t i = 0; i < config->file_count; i++) {
                cJSON_AddItemToArray(files, cJSON_CreateString(config->files[i]));
                show_setting(command, "file", config->files[i]);
        }
        if (!config->file_count)
                show_setting(command, "file", "none");
        add_profiles(command, command->answer);
        show_add_text(command->answer, "state", command->state);
        show_setting(command, "state folder", command->state);
        cJSON *values = cJSON_AddArrayToObject(command->answer, "values");
        bool has_profile = option_text(&command->options, OPTION_CERT_PROFILE) != NULL;

        for (enum option_id id = 0; id < OPTIONS; id++) {
                if (is_shown(command, id, has_profile))
                        add_value(command, values, id);
        }
        return true;
}

/* -- config check
 * ----------------------------------------------------------------------------------- */

static void
add_problem(struct command *command, cJSON *problems, const struct config_problem *problem)
{
        const struct error *error = &problem->error;
        const char *colon = strrchr(problem->where, ':');
        size_t length = colon ? (size_t)(colon - problem->where) : strlen(problem->where);
        CLEANUP(free_cleanup) char *file = text_copy_length(problem->where, length);
        cJSON *json = cJSON_CreateObject();

        cJSON_AddItemToArray(problems, json);
        show_add_text(json, "file", file);
        if (colon)
                cJSON_AddNumberToObject(json, "line", (double)strtol(colon + 1, NULL, 10));
        else
                cJSON_AddNullToObject(json, "line");
        show_add_text(json, "what", error->what);
        show_add_text(json, "about", error->about);
        show_add_text(json, "next", error->next);
        buf_format(&command->text, "%s: %s%s%s\n", problem->where, error->what,
                   error->next[0] ? "; " : "", error->next);
}

/* One mistake is the error itself; several are put together, as far as an error can hold them. */
static bool
tell_problems(const struct config *config, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf about = { 0 };
        CLEANUP(buf_cleanup) struct buf next = { 0 };

        *err = config->problems[0].error;
        if (config->problem_count == 1)
                return false;
        for (size_t i = 0; i < config->problem_count; i++) {
                const struct error *each = &config->problems[i].error;

                buf_format(&about, "%s%s", i ? "; " : "", each->about);
                buf_format(&next, "%s%s", i ? "; " : "", each->next);
        }
        error_set(err, ERROR_CONFIG, "there are %zu mistakes in the configuration",
                  config->problem_count);
        error_about(err, "%s", buf_text(&about));
        return error_advise(err, "%s", buf_text(&next));
}

bool
cmd_config_check(struct command *command, struct error *err)
{
        struct config *config = &command->config;

        lint_config(config, command);
        command->answer = cJSON_CreateObject();
        cJSON_AddStringToObject(command->answer, "result", config->problem_count ? "bad" : "good");
        cJSON *files = cJSON_AddArrayToObject(command->answer, "files");
        cJSON *problems = cJSON_AddArrayToObject(command->answer, "problems");

        for (size_t i = 0; i < config->file_count; i++) {
                cJSON_AddItemToArray(files, cJSON_CreateString(config->files[i]));
                if (!config->problem_count)
                        show_fact(&command->text, "good", config->files[i]);
        }
        for (size_t i = 0; i < config->problem_count; i++)
                add_problem(command, problems, &config->problems[i]);
        if (config->problem_count)
                return tell_problems(config, err);
        if (!config->file_count)
                show_fact(&command->text, "good", "there is no configuration, which is fine");
        return true;
}
