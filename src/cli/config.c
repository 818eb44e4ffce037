#include "cli/config.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum {
        CONFIG_BYTES = 1 << 20,
        /* inih cuts longer lines and names without a word (INI_MAX_LINE, MAX_SECTION). */
        LINE_BYTES = 197,
        SECTION_BYTES = 49,
};

static void
names_clear(char **names, size_t count)
{
        for (size_t i = 0; i < count; i++)
                free(names[i]);
        free(names);
}

void
config_clear(struct config *config)
{
        for (size_t i = 0; i < config->count; i++) {
                free(config->entries[i].profile);
                free(config->entries[i].text);
                free(config->entries[i].where);
        }
        free(config->entries);
        names_clear(config->profiles, config->profile_count);
        names_clear(config->files, config->file_count);
        *config = (struct config){ 0 };
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

/* One file while inih reads it. */
struct reading {
        struct config *config;
        const char *path;
        const char *at; /* what is left of its text */
        unsigned line;
        size_t first; /* entries from here on are of this file */
        char *profile;
        bool general;
        struct error *err; /* the first error; inih goes on, we do not */
};

static bool
is_failed(const struct reading *reading)
{
        return reading->err->kind != ERROR_NONE;
}

static bool
refuse(struct reading *reading, const char *advice)
{
        error_about(reading->err, "%s, line %u", reading->path, reading->line);
        return error_advise(reading->err, "%s", advice);
}

static void
add_name(char ***names, size_t *count, const char *name)
{
        *names = memory_grow(*names, *count + 1, sizeof(char *));
        (*names)[(*count)++] = text_copy(name);
}

static bool
has_profile(const struct config *config, const char *name)
{
        for (size_t i = 0; i < config->profile_count; i++) {
                if (strcmp(config->profiles[i], name) == 0)
                        return true;
        }
        return false;
}

/* "[profile server]": inih tells of sections only with their first key, and cuts long ones. */
static bool
read_section(struct reading *reading, const char *line, size_t length)
{
        static const char prefix[] = "[profile ";
        const char *end = memchr(line, ']', length);
        const char *name = line + sizeof(prefix) - 1;

        if (!end)
                return true; /* inih refuses the line */
        if (end - line > SECTION_BYTES) {
                error_set(reading->err, ERROR_CONFIG, "the name of a section is longer than %d",
                          SECTION_BYTES);
                return refuse(reading, "give the profile a shorter name");
        }
        if (strncmp(line, prefix, sizeof(prefix) - 1) != 0 || end <= name) {
                error_set(reading->err, ERROR_CONFIG, "the section '%.*s' is not known",
                          (int)(end - line + 1), line);
                return refuse(reading, "sections are called [profile NAME]");
        }
        free(reading->profile);
        reading->profile = text_copy_length(name, (size_t)(end - name));
        if (!has_profile(reading->config, reading->profile))
                add_name(&reading->config->profiles, &reading->config->profile_count,
                         reading->profile);
        return true;
}

/* Hands inih one line after the other, and counts them for the messages. */
static char *
next_line(char *out, int size, void *stream)
{
        struct reading *reading = stream;
        /* An indented line is no continuation of the one before, as inih would take it. */
        const char *line = reading->at + strspn(reading->at, " \t");
        size_t length = strcspn(line, "\n");

        if (!*line || is_failed(reading))
                return NULL;
        reading->line++;
        if (length > LINE_BYTES || length + 2 > (size_t)size) {
                error_set(reading->err, ERROR_CONFIG, "the line is longer than %d bytes",
                          LINE_BYTES);
                refuse(reading, "shorten it, or give the value on the command line");
                return NULL;
        }
        if (line[0] == '[' && !read_section(reading, line, length))
                return NULL;
        memcpy(out, line, length);
        out[length] = '\n';
        out[length + 1] = '\0';
        reading->at = line + length + (line[length] == '\n');
        return out;
}

static bool
refuse_key(struct reading *reading, const char *key, unsigned scope)
{
        const char *names[OPTIONS];
        size_t count = 0;
        enum option_id known = option_named(key);

        for (enum option_id id = 0; id < OPTIONS; id++) {
                if (option_row(id)->scope & scope)
                        names[count++] = option_row(id)->name;
        }
        if (known != OPTIONS && option_row(known)->scope & SCOPE_PROFILE) {
                error_set(reading->err, ERROR_CONFIG, "'%s' belongs into a profile", key);
                return refuse(reading, "move it below a line [profile NAME]");
        }
        if (known != OPTIONS) {
                error_set(reading->err, ERROR_CONFIG, "'%s' cannot be configured here", key);
                return refuse(reading, option_row(known)->scope
                                               ? "move it in front of the first section"
                                               : "give it on the command line");
        }
        const char *nearest = word_nearest(key, names, count);

        error_set(reading->err, ERROR_CONFIG, "the key '%s' is not known", key);
        if (nearest)
                error_advise(reading->err, "did you mean '%s'?", nearest);
        return refuse(reading, "p11cert.conf(5) lists the keys");
}

static bool
add_entry(struct reading *reading, enum option_id id, const char *text)
{
        struct config *config = reading->config;
        CLEANUP(free_cleanup)
        char *where = text_format("%s:%u", reading->path, reading->line);
        struct options check = { 0 };
        bool good =
                options_set(&check, id, text, ORIGIN_GENERAL, option_row(id)->name, reading->err);

        options_clear(&check);
        if (!good)
                return refuse(reading, "p11cert.conf(5) says what it may be");
        for (size_t i = 0; i < config->count; i++) {
                struct config_entry *old = &config->entries[i];

                if (old->id != id || !text_equal(old->profile, reading->profile) ||
                    option_row(id)->kind == OPTION_IS_LIST)
                        continue;
                if (i >= reading->first) {
                        error_set(reading->err, ERROR_CONFIG, "'%s' is given twice",
                                  option_row(id)->name);
                        error_about(reading->err, "first in %s", old->where);
                        return refuse(reading, "keep one of them");
                }
        }
        config->entries = memory_grow(config->entries, config->count + 1, sizeof(*config->entries));
        config->entries[config->count++] = (struct config_entry){
                .profile = text_copy(reading->profile),
                .id = id,
                .text = text_copy(text),
                .where = MOVE(where),
        };
        return true;
}

/* inih's handler: 0 is an error. */
static int
take_pair(void *user, const char *section, const char *key, const char *text)
{
        struct reading *reading = user;
        unsigned scope = *section ? SCOPE_PROFILE : SCOPE_GENERAL;
        enum option_id id = option_named(key);

        if (is_failed(reading))
                return 0;
        if (id == OPTIONS || !(option_row(id)->scope & scope))
                return refuse_key(reading, key, scope);
        return add_entry(reading, id, text);
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
        if (status.st_mode & (S_IWGRP | S_IWOTH)) {
                error_set(err, ERROR_CONFIG, "'%s' can be written by others", path);
                return error_advise(err, "chmod go-w '%s'", path);
        }
        return true;
}

static bool
parse_text(struct config *config, const char *path, const struct buf *text, struct error *err)
{
        struct error first = { 0 };
        struct reading reading = { .config = config,
                                   .path = path,
                                   .at = buf_text(text),
                                   .first = config->count,
                                   .err = &first };

        if (strlen(buf_text(text)) != text->len)
                return error_set(err, ERROR_CONFIG, "'%s' is not text", path);
        int line = ini_parse_stream(next_line, &reading, take_pair, &reading);

        free(reading.profile);
        if (first.kind == ERROR_NONE && line != 0) {
                error_set(&first, ERROR_CONFIG, "the line is neither KEY = VALUE nor a [section]");
                error_about(&first, "%s, line %d", path, line);
                error_advise(&first, "p11cert.conf(5) shows what a configuration looks like");
        }
        if (first.kind == ERROR_NONE)
                return true;
        *err = first;
        return false;
}

bool
config_read(struct config *config, const char *path, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        if (!check_owner(path, err))
                return false;
        if (!file_read(path, CONFIG_BYTES, &text, err)) {
                err->kind = ERROR_CONFIG;
                return false;
        }
        if (!parse_text(config, path, &text, err))
                return false;
        CLEANUP(free_cleanup) char *absolute = file_absolute(path);

        add_name(&config->files, &config->file_count, absolute);
        return true;
}

static int
is_part(const struct dirent *entry)
{
        const char *dot = strrchr(entry->d_name, '.');

        return dot && dot != entry->d_name && strcmp(dot, ".conf") == 0;
}

/* config.d/?*.conf by name. */
static bool
read_parts(struct config *config, const char *path, struct error *err)
{
        CLEANUP(free_cleanup) char *folder = text_format("%s.d", path);
        struct dirent **found = NULL;
        int count = scandir(folder, &found, is_part, alphasort);
        bool good = true;

        for (int i = 0; i < count; i++) {
                CLEANUP(free_cleanup) char *part = text_format("%s/%s", folder, found[i]->d_name);

                good = good && config_read(config, part, err);
                free(found[i]);
        }
        free(found);
        return good;
}

bool
config_load(struct config *config, const char *given, struct error *err)
{
        CLEANUP(free_cleanup) char *path = given ? NULL : config_find();

        if (given)
                return config_read(config, given, err);
        if (!path)
                return true;
        if (file_exists(path) && !config_read(config, path, err))
                return false;
        return read_parts(config, path, err);
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

static bool
apply_part(const struct config *config, const char *profile, const struct option_list *list,
           struct options *options, struct error *err)
{
        enum option_origin origin = profile ? ORIGIN_PROFILE : ORIGIN_GENERAL;

        for (size_t i = 0; i < config->count; i++) {
                const struct config_entry *entry = &config->entries[i];

                if (!text_equal(entry->profile, profile) || !option_is_in(list, entry->id) ||
                    has_foreign(option_row(entry->id)) || is_replaced(config, i))
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
        if (!apply_part(config, NULL, list, options, err))
                return false;
        const char *profile = option_text(options, OPTION_CERT_PROFILE);

        if (!profile)
                return true;
        if (has_profile(config, profile))
                return apply_part(config, profile, list, options, err);
        CLEANUP(buf_cleanup) struct buf names = { 0 };

        for (size_t i = 0; i < config->profile_count; i++)
                buf_format(&names, "%s%s", i ? ", " : "", config->profiles[i]);
        error_set(err, ERROR_CONFIG, "there is no profile '%s' in the configuration", profile);
        if (names.len)
                return error_advise(err, "there are: %s (--profile names one of AWS)",
                                    buf_text(&names));
        return error_advise(err, "write a section [profile %s]; --profile names one of AWS",
                            profile);
}
