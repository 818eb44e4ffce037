#include "cli/config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/ini.h"

enum { CONFIG_BYTES = 1 << 20, MOST_PROBLEMS = 100, NAME_BYTES = 64 };

void
config_clear(struct config *config)
{
        for (size_t i = 0; i < config->count; i++) {
                free(config->entries[i].profile);
                free(config->entries[i].text);
                free(config->entries[i].where);
        }
        free(config->entries);
        for (size_t i = 0; i < config->profile_count; i++) {
                free(config->profiles[i].name);
                free(config->profiles[i].parent);
                free(config->profiles[i].where);
        }
        free(config->profiles);
        for (size_t i = 0; i < config->problem_count; i++)
                free(config->problems[i].where);
        free(config->problems);
        for (size_t i = 0; i < config->file_count; i++)
                free(config->files[i]);
        free(config->files);
        *config = (struct config){ 0 };
}

void
config_problem_add(struct config *config, const char *where, const struct error *error)
{
        const char *colon = strrchr(where, ':');
        struct error told = *error;

        if (config->problem_count == MOST_PROBLEMS)
                return;
        if (colon)
                error_about(&told, "%.*s, line %s", (int)(colon - where), where, colon + 1);
        else
                error_about(&told, "%s", where);
        told.kind = ERROR_CONFIG;
        config->problems =
                memory_grow(config->problems, config->problem_count + 1, sizeof(*config->problems));
        config->problems[config->problem_count++] =
                (struct config_problem){ .error = told, .where = text_copy(where) };
}

/* -- which file --------------------------------------------------------------------------- */

char *
config_home(void)
{
        const char *folder = getenv("XDG_CONFIG_HOME");
        const char *home = getenv("HOME");

        if (folder && folder[0] == '/')
                return text_format("%s/p11cert/config", folder);
        return home && home[0] == '/' ? text_format("%s/.config/p11cert/config", home) : NULL;
}

static bool
is_configured(const char *path)
{
        CLEANUP(free_cleanup) char *folder = text_format("%s.d", path);

        return file_exists(path) || file_exists(folder);
}

char *
config_find(void)
{
        static const char general[] = "/etc/p11cert/config";
        char *own = config_home();

        if (own && is_configured(own))
                return own;
        free(own);
        return is_configured(general) ? text_copy(general) : NULL;
}

/* -- reading ------------------------------------------------------------------------------ */

/* One file while it is read. */
struct reading {
        struct config *config;
        const char *path;
        struct ini ini;
        size_t first;     /* entries from here on are of this file */
        char *profile;    /* the section, NULL in front of the first */
        bool lost;        /* in a section that is none */
        struct error err; /* of the line that is read */
};

static char *
where_of(const struct reading *reading)
{
        return text_format("%s:%u", reading->path, reading->ini.line);
}

/* The error of this line is a problem; what follows is read all the same. */
static void
refuse(struct reading *reading, const char *advice)
{
        CLEANUP(free_cleanup) char *where = where_of(reading);

        error_advise(&reading->err, "%s", advice);
        config_problem_add(reading->config, where, &reading->err);
        reading->err = (struct error){ 0 };
}

static struct config_profile *
find_profile(struct config *config, const char *name)
{
        for (size_t i = 0; i < config->profile_count; i++) {
                if (strcmp(config->profiles[i].name, name) == 0)
                        return &config->profiles[i];
        }
        return NULL;
}

const struct config_profile *
config_profile_named(const struct config *config, const char *name)
{
        struct config copy = *config;

        return find_profile(&copy, name);
}

static void
read_section(struct reading *reading)
{
        static const char prefix[] = "profile ";
        struct config *config = reading->config;
        const char *section = reading->ini.name;
        const char *name = section + sizeof(prefix) - 1;

        free(MOVE(reading->profile));
        reading->lost = !text_starts(section, prefix) || !name[strspn(name, " ")];
        if (reading->lost) {
                error_set(&reading->err, ERROR_CONFIG, "the section '[%.60s]' is not known",
                          section);
                refuse(reading, "sections are called [profile NAME]");
                return;
        }
        name += strspn(name, " ");
        reading->profile = text_copy(name);
        if (strlen(name) > NAME_BYTES) {
                error_set(&reading->err, ERROR_CONFIG, "the profile's name is longer than %d bytes",
                          NAME_BYTES);
                refuse(reading, "give the profile a shorter name");
        }
        if (find_profile(config, name))
                return;
        config->profiles =
                memory_grow(config->profiles, config->profile_count + 1, sizeof(*config->profiles));
        config->profiles[config->profile_count++] =
                (struct config_profile){ .name = text_copy(name), .where = where_of(reading) };
}

static void
refuse_key(struct reading *reading, const char *key, unsigned scope)
{
        const char *names[OPTIONS + 1];
        size_t count = 0;
        enum option_id known = option_named(key);

        for (enum option_id id = 0; id < OPTIONS; id++) {
                if (option_row(id)->scope & scope)
                        names[count++] = option_row(id)->name;
        }
        if (scope == SCOPE_PROFILE)
                names[count++] = "extends";
        if ((known != OPTIONS && option_row(known)->scope & SCOPE_PROFILE) ||
            strcmp(key, "extends") == 0) {
                error_set(&reading->err, ERROR_CONFIG, "'%s' belongs into a profile", key);
                refuse(reading, "move it below a line [profile NAME]");
                return;
        }
        if (known != OPTIONS) {
                error_set(&reading->err, ERROR_CONFIG, "'%s' cannot be configured here", key);
                refuse(reading, option_row(known)->scope ? "move it in front of the first section"
                                                         : "give it on the command line");
                return;
        }
        const char *nearest = word_nearest(key, names, count);

        error_set(&reading->err, ERROR_CONFIG, "the key '%.60s' is not known", key);
        if (nearest)
                error_advise(&reading->err, "did you mean '%s'?", nearest);
        refuse(reading, "p11cert.conf(5) lists the keys");
}

/* Is the key in this file and section already? */
static bool
is_given_twice(struct reading *reading, const char *key, const char *where)
{
        if (!where)
                return false;
        error_set(&reading->err, ERROR_CONFIG, "'%s' is given twice", key);
        error_about(&reading->err, "first in %s", where);
        refuse(reading, "keep one of them");
        return true;
}

static const char *
given_before(const struct reading *reading, enum option_id id)
{
        const struct config *config = reading->config;

        for (size_t i = reading->first; i < config->count; i++) {
                const struct config_entry *old = &config->entries[i];

                if (old->id == id && text_equal(old->profile, reading->profile) &&
                    option_row(id)->kind != OPTION_IS_LIST)
                        return old->where;
        }
        return NULL;
}

/* "~/" in front of a path or behind "file:" is the home, as the shell has it on the command line.
 */
static char *
expand_home(enum option_id id, const char *text)
{
        static const char *const paths[] = { "FILE", "DIR", "PATH", "PROGRAM" };
        const char *argument = option_row(id)->argument ? option_row(id)->argument : "";
        const char *home = getenv("HOME");
        bool source = strcmp(argument, "SOURCE") == 0 && text_starts(text, "file:");
        const char *path = text + (source ? strlen("file:") : 0);
        bool expands = source;

        for (size_t i = 0; i < ARRAY_LENGTH(paths); i++)
                expands = expands || strcmp(argument, paths[i]) == 0;
        if (!expands || !text_starts(path, "~/") || !home || home[0] != '/')
                return text_copy(text);
        return text_format("%.*s%s%s", (int)(path - text), text, home, path + 1);
}

static void
add_entry(struct reading *reading, enum option_id id, const char *text)
{
        struct config *config = reading->config;
        struct options check = { 0 };
        bool good =
                options_set(&check, id, text, ORIGIN_GENERAL, option_row(id)->name, &reading->err);

        options_clear(&check);
        if (!good) {
                refuse(reading, "p11cert.conf(5) says what it may be");
                return;
        }
        if (is_given_twice(reading, option_row(id)->name, given_before(reading, id)))
                return;
        config->entries = memory_grow(config->entries, config->count + 1, sizeof(*config->entries));
        config->entries[config->count++] = (struct config_entry){
                .profile = text_copy(reading->profile),
                .id = id,
                .text = expand_home(id, text),
                .where = where_of(reading),
        };
}

static void
read_extends(struct reading *reading)
{
        struct config_profile *profile = find_profile(reading->config, reading->profile);
        size_t length = strlen(reading->path);
        bool here = profile->parent && strncmp(profile->where, reading->path, length) == 0 &&
                    profile->where[length] == ':';

        if (!*reading->ini.value) {
                error_set(&reading->err, ERROR_CONFIG, "extends is empty");
                refuse(reading, "name the profile that this one extends, or leave it out");
                return;
        }
        if (is_given_twice(reading, "extends", here ? profile->where : NULL))
                return;
        text_assign(&profile->parent, reading->ini.value);
        free(profile->where);
        profile->where = where_of(reading);
}

static void
read_pair(struct reading *reading)
{
        unsigned scope = reading->profile ? SCOPE_PROFILE : SCOPE_GENERAL;
        const char *key = reading->ini.name;
        enum option_id id = option_named(key);

        if (reading->lost)
                return;
        if (reading->profile && strcmp(key, "extends") == 0)
                read_extends(reading);
        else if (id == OPTIONS || !(option_row(id)->scope & scope))
                refuse_key(reading, key, scope);
        else
                add_entry(reading, id, reading->ini.value);
}

/* Who may write the configuration decides which programs we run (pin-source = cmd:…). */
static bool
check_owner(const char *path, struct error *err)
{
        struct stat status;

        if (stat(path, &status) != 0) {
                error_set(err, ERROR_CONFIG, "cannot read '%s': %s", path, strerror(errno));
                return error_advise(err, "`p11cert config init` writes one");
        }
        if (status.st_uid != 0 && status.st_uid != geteuid()) {
                error_set(err, ERROR_CONFIG, "'%s' belongs to another user", path);
                return error_advise(err, "make it your own, or root's: chown root '%s'", path);
        }
        /* What is written to /dev/null stays nowhere. */
        if (status.st_mode & (S_IWGRP | S_IWOTH) && strcmp(path, "/dev/null") != 0) {
                error_set(err, ERROR_CONFIG, "'%s' can be written by others", path);
                return error_advise(err, "chmod go-w '%s'", path);
        }
        return true;
}

static void
parse_text(struct config *config, const char *path, const struct buf *text)
{
        struct reading reading = { .config = config,
                                   .path = path,
                                   .ini = { .at = buf_text(text) },
                                   .first = config->count };

        for (enum ini_kind kind; (kind = ini_next(&reading.ini)) != INI_END;) {
                if (kind == INI_SECTION) {
                        read_section(&reading);
                } else if (kind == INI_PAIR) {
                        read_pair(&reading);
                } else {
                        error_set(&reading.err, ERROR_CONFIG, "%s", reading.ini.rule);
                        refuse(&reading, reading.ini.advice);
                }
        }
        ini_clear(&reading.ini);
        free(reading.profile);
}

static void
read_file(struct config *config, const char *path)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        struct error err = { 0 };
        bool good = check_owner(path, &err) && file_read(path, CONFIG_BYTES, &text, &err);

        if (good && strlen(buf_text(&text)) != text.len) {
                good = error_set(&err, ERROR_CONFIG, "it is not text");
                error_advise(&err, "p11cert.conf(5) shows what a configuration looks like");
        }
        if (!good) {
                config_problem_add(config, path, &err);
                return;
        }
        parse_text(config, path, &text);
        config->files = memory_grow(config->files, config->file_count + 1, sizeof(*config->files));
        config->files[config->file_count++] = file_absolute(path);
}

static int
is_part(const struct dirent *entry)
{
        const char *dot = strrchr(entry->d_name, '.');

        return dot && dot != entry->d_name && strcmp(dot, ".conf") == 0;
}

/* config.d/?*.conf by name. */
static void
read_parts(struct config *config, const char *path)
{
        CLEANUP(free_cleanup) char *folder = text_format("%s.d", path);
        struct dirent **found = NULL;
        int count = scandir(folder, &found, is_part, alphasort);

        for (int i = 0; i < count; i++) {
                CLEANUP(free_cleanup) char *part = text_format("%s/%s", folder, found[i]->d_name);

                read_file(config, part);
                free(found[i]);
        }
        free(found);
}

/* -- inheritance -------------------------------------------------------------------------- */

size_t
config_lineage(const struct config *config, const char *name,
               const struct config_profile *lineage[CONFIG_DEPTH])
{
        size_t count = 0;

        for (const struct config_profile *at = config_profile_named(config, name);
             at && count < CONFIG_DEPTH;
             at = at->parent ? config_profile_named(config, at->parent) : NULL)
                lineage[count++] = at;
        return count;
}

static void
refuse_parent(struct config *config, const struct config_profile *profile)
{
        CLEANUP(free_cleanup)
        const char **names = memory_new(config->profile_count + 1, sizeof(*names));
        struct error err = { 0 };

        for (size_t i = 0; i < config->profile_count; i++)
                names[i] = config->profiles[i].name;
        const char *nearest = word_nearest(profile->parent, names, config->profile_count);

        error_set(&err, ERROR_CONFIG, "there is no profile '%.64s' to extend", profile->parent);
        if (nearest)
                error_advise(&err, "did you mean '%s'?", nearest);
        error_advise(&err, "write a section [profile %.64s]", profile->parent);
        config_problem_add(config, profile->where, &err);
}

/* "a extends b extends a" */
static void
refuse_row(struct config *config, const struct config_profile *profile,
           const struct config_profile *const *lineage, size_t count, const char *what,
           const char *advice)
{
        CLEANUP(buf_cleanup) struct buf row = { 0 };
        struct error err = { 0 };

        for (size_t i = 0; i < count; i++)
                buf_format(&row, "%.64s extends ", lineage[i]->name);
        buf_format(&row, "%.64s", lineage[count - 1]->parent);
        error_set(&err, ERROR_CONFIG, "%s: %s", what, buf_text(&row));
        error_advise(&err, "%s", advice);
        config_problem_add(config, profile->where, &err);
}

static void
check_parents(struct config *config, const struct config_profile *profile)
{
        const struct config_profile *lineage[CONFIG_DEPTH];
        size_t count = config_lineage(config, profile->name, lineage);
        const char *next = lineage[count - 1]->parent;

        if (profile->parent && !config_profile_named(config, profile->parent)) {
                refuse_parent(config, profile);
                return;
        }
        if (profile->parent && strcmp(profile->parent, profile->name) == 0) {
                refuse_row(config, profile, lineage, 1, "a profile extends itself",
                           "take the 'extends' out");
                return;
        }
        for (size_t i = 1; i < count; i++) {
                if (lineage[i]->parent && strcmp(lineage[i]->parent, profile->name) == 0) {
                        refuse_row(config, profile, lineage, i + 1, "profiles extend one another",
                                   "take one of the 'extends' out");
                        return;
                }
        }
        if (next && count == CONFIG_DEPTH && config_profile_named(config, next))
                refuse_row(config, profile, lineage, count, "too many profiles in a row",
                           "8 are enough for anybody: put some of them together");
}

bool
config_load(struct config *config, const char *given, struct error *err)
{
        CLEANUP(free_cleanup) char *path = given ? text_copy(given) : config_find();

        if (path && (given || file_exists(path)))
                read_file(config, path);
        if (path && !given)
                read_parts(config, path);
        for (size_t i = 0; i < config->profile_count; i++)
                check_parents(config, &config->profiles[i]);
        if (!config->problem_count)
                return true;
        *err = config->problems[0].error;
        if (config->problem_count > 1)
                error_about(err, "one of %zu mistakes (`p11cert config check` lists them)",
                            config->problem_count);
        return false;
}

/* -- applying ----------------------------------------------------------------------------- */

/* Is one of the AWS variables set that beat the configuration? */
static bool
has_foreign(const struct option_row *row)
{
        const char *at = row->foreign;

        while (at && *at) {
                size_t length = strcspn(at, " ");
                CLEANUP(free_cleanup) char *name = text_copy_length(at, length);
                const char *text = getenv(name);

                if (text && *text)
                        return true;
                at += length + strspn(at + length, " ");
        }
        return false;
}

/* The file that an entry came from: the part of `where` in front of the line number. */
static bool
same_file(const struct config_entry *a, const struct config_entry *b)
{
        size_t length = (size_t)(strrchr(a->where, ':') - a->where);

        return strncmp(a->where, b->where, length + 1) == 0;
}

/* A list in a later file replaces that of an earlier one. */
static bool
is_replaced(const struct config *config, size_t index)
{
        const struct config_entry *entry = &config->entries[index];

        for (size_t i = index + 1; i < config->count; i++) {
                const struct config_entry *later = &config->entries[i];

                if (later->id == entry->id && text_equal(later->profile, entry->profile) &&
                    !same_file(entry, later))
                        return true;
        }
        return false;
}

/* Has a nearer profile the key, too? */
static bool
is_overridden(const struct config *config, enum option_id id,
              const struct config_profile *const *lineage, size_t count)
{
        for (size_t i = 0; i < config->count; i++) {
                if (config->entries[i].id != id || !config->entries[i].profile)
                        continue;
                for (size_t j = 0; j < count; j++) {
                        if (strcmp(config->entries[i].profile, lineage[j]->name) == 0)
                                return true;
                }
        }
        return false;
}

/* One profile of a lineage, or the general part (`lineage` NULL). */
static bool
apply_part(const struct config *config, const struct config_profile *const *lineage, size_t index,
           const struct option_list *list, struct options *options, struct error *err)
{
        const char *profile = lineage ? lineage[index]->name : NULL;
        enum option_origin origin = profile ? ORIGIN_PROFILE : ORIGIN_GENERAL;

        for (size_t i = 0; i < config->count; i++) {
                const struct config_entry *entry = &config->entries[i];

                if (!text_equal(entry->profile, profile) || !option_is_in(list, entry->id) ||
                    has_foreign(option_row(entry->id)) || is_replaced(config, i) ||
                    is_overridden(config, entry->id, lineage, index))
                        continue;
                if (!options_set(options, entry->id, entry->text, origin, entry->where, err))
                        return false;
        }
        return true;
}

bool
config_apply(const struct config *config, const struct option_list *list, struct options *options,
             struct error *err)
{
        const struct config_profile *lineage[CONFIG_DEPTH];

        if (!apply_part(config, NULL, 0, list, options, err))
                return false;
        const char *profile = option_text(options, OPTION_CERT_PROFILE);

        if (!profile)
                return true;
        size_t count = config_lineage(config, profile, lineage);

        for (size_t i = 0; i < count; i++) {
                if (!apply_part(config, lineage, i, list, options, err))
                        return false;
        }
        if (count)
                return true;
        CLEANUP(buf_cleanup) struct buf names = { 0 };

        for (size_t i = 0; i < config->profile_count; i++)
                buf_format(&names, "%s%s", i ? ", " : "", config->profiles[i].name);
        error_set(err, ERROR_CONFIG, "there is no profile '%s' in the configuration", profile);
        if (names.len)
                return error_advise(err, "there are: %s (--profile names one of AWS)",
                                    buf_text(&names));
        return error_advise(err, "write a section [profile %s]; --profile names one of AWS",
                            profile);
}
