#include "cli/options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum option_id
option_named(const char *name)
{
        for (enum option_id id = 0; id < OPTIONS; id++) {
                if (text_equal(option_row(id)->name, name))
                        return id;
        }
        return OPTIONS;
}

char *
option_variable(enum option_id id)
{
        const struct option_row *row = option_row(id);

        if (!row->variable)
                return NULL;
        char *name = text_format("P11CERT_%s", row->name);

        for (char *c = name; *c; c++)
                *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        return name;
}

/* -- values ------------------------------------------------------------------------------- */

static void
value_clear(struct option_value *value)
{
        for (size_t i = 0; value->texts && i < value->count; i++) {
                free(value->texts[i]);
                free(value->wheres[i]);
        }
        free(value->texts);
        free(value->wheres);
        free(value->where);
        *value = (struct option_value){ 0 };
}

void
options_clear(struct options *options)
{
        for (size_t i = 0; i < OPTIONS; i++)
                value_clear(&options->values[i]);
}

void
options_copy(struct options *to, const struct options *from, enum option_origin least)
{
        for (size_t i = 0; i < OPTIONS; i++) {
                const struct option_value *value = &from->values[i];
                struct option_value *copy = &to->values[i];

                if (value->origin == ORIGIN_NONE || value->origin < least)
                        continue;
                copy->count = value->count;
                copy->origin = value->origin;
                copy->where = text_copy(value->where);
                if (!value->texts)
                        continue;
                copy->texts = memory_new(value->count, sizeof(char *));
                copy->wheres = memory_new(value->count, sizeof(char *));
                for (size_t j = 0; j < value->count; j++) {
                        copy->texts[j] = text_copy(value->texts[j]);
                        copy->wheres[j] = text_copy(value->wheres[j]);
                }
        }
}

/* Is `word` one of "a|b|c"? */
static bool
is_choice(const char *choices, const char *word)
{
        size_t length = strlen(word);

        for (const char *at = choices; at; at = strchr(at, '|')) {
                at += *at == '|';
                if (strncmp(at, word, length) == 0 && (at[length] == '|' || at[length] == '\0'))
                        return true;
        }
        return false;
}

static bool
parse_flag(const char *text, bool *on)
{
        static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

        for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
                if (strcasecmp(words[i], text) == 0) {
                        *on = i % 2 == 1;
                        return true;
                }
        }
        return false;
}

static bool
check_text(const struct option_row *row, const char *text, enum error_kind kind, const char *where,
           struct error *err)
{
        int64_t span;
        bool on;

        switch (row->kind) {
        case OPTION_IS_FLAG:
                if (parse_flag(text, &on))
                        return true;
                return error_set(err, kind, "%s is either yes or no, not '%s'", where, text);
        case OPTION_IS_SPAN:
                if (clock_parse_span(text, &span) && (span || !row->lasts))
                        return true;
                if (row->lasts && clock_parse_span(text, &span)) {
                        error_set(err, kind, "%s is longer than '%s'", where, text);
                        return error_advise(err, "leave it out: then it is %s", row->fallback);
                }
                error_set(err, kind, "%s is not a span of time: '%s'", where, text);
                return error_advise(err, "write it as 10s, 5m, 12h or 30d");
        case OPTION_IS_CHOICE:
                if (is_choice(row->choices, text))
                        return true;
                return error_set(err, kind, "%s is one of %s, not '%s'", where, row->choices, text);
        case OPTION_IS_TEXT:
        case OPTION_IS_LIST:
                break;
        }
        if (*text)
                return true;
        error_set(err, kind, "%s is empty", where);
        return error_advise(err, "give it a value, or leave it out");
}

bool
options_set(struct options *options, enum option_id id, const char *text, enum option_origin origin,
            const char *where, struct error *err)
{
        const struct option_row *row = option_row(id);
        struct option_value *value = &options->values[id];
        bool line = origin == ORIGIN_LINE;

        enum error_kind kind = line                   ? ERROR_USAGE
                               : origin == ORIGIN_ROW ? ERROR_INPUT
                                                      : ERROR_CONFIG;

        if (!check_text(row, text, kind, where, err))
                return false;
        if (value->origin > origin)
                return true;
        bool again = value->origin == origin;

        if (again && row->kind != OPTION_IS_LIST && row->kind != OPTION_IS_FLAG && line &&
            row->group == GROUP_VERB) {
                error_set(err, ERROR_USAGE, "--%s is given twice", row->name);
                return error_advise(err, "give it once");
        }
        if (row->kind == OPTION_IS_FLAG) {
                bool on = false;

                (void)parse_flag(text, &on);
                value->count = !on ? 0 : again ? value->count + 1 : 1;
        } else {
                if (!again || row->kind != OPTION_IS_LIST)
                        value_clear(value);
                value->texts = memory_grow(value->texts, value->count + 1, sizeof(char *));
                value->wheres = memory_grow(value->wheres, value->count + 1, sizeof(char *));
                value->wheres[value->count] = text_copy(where);
                value->texts[value->count++] = text_copy(text);
        }
        value->origin = origin;
        text_assign(&value->where, where);
        return true;
}

const struct option_value *
option_value(const struct options *options, enum option_id id)
{
        return &options->values[id];
}

const char *
option_text(const struct options *options, enum option_id id)
{
        const struct option_value *value = &options->values[id];

        return value->texts ? value->texts[value->count - 1] : NULL;
}

const char *
option_line_text(const struct options *options, enum option_id id)
{
        return options->values[id].origin == ORIGIN_LINE ? option_text(options, id) : NULL;
}

bool
option_flag(const struct options *options, enum option_id id)
{
        return options->values[id].count > 0;
}

int64_t
option_span(const struct options *options, enum option_id id, int64_t fallback_ms)
{
        const char *text = option_text(options, id);
        int64_t ms = fallback_ms;

        /* It was checked when it was set. */
        if (text && !clock_parse_span(text, &ms))
                return fallback_ms;
        return ms;
}

/* -- the command line --------------------------------------------------------------------- */

bool
option_is_in(const struct option_list *list, enum option_id id)
{
        enum option_group group = option_row(id)->group;

        if (group == GROUP_GLOBAL)
                return true;
        if (list->groups & (1U << group))
                return true;
        for (const enum option_id *own = list->own; own && *own != OPTIONS; own++) {
                if (*own == id)
                        return true;
        }
        return false;
}

static bool
refuse_option(const struct option_list *list, const char *name, struct error *err)
{
        const char *names[OPTIONS];
        size_t count = 0;

        for (enum option_id id = 0; id < OPTIONS; id++) {
                if (option_is_in(list, id))
                        names[count++] = option_row(id)->name;
        }
        enum option_id known = option_named(name);
        const char *nearest = word_nearest(name, names, count);

        if (!list->verb && known != OPTIONS) {
                error_set(err, ERROR_USAGE, "--%s is not a global option", name);
                return error_advise(err, "write it behind the verb");
        }
        if (list->verb)
                error_set(err, ERROR_USAGE, "'%s' has no option --%s", list->verb, name);
        else
                error_set(err, ERROR_USAGE, "there is no option --%s", name);
        if (nearest)
                error_advise(err, "did you mean --%s?", nearest);
        return error_advise(err, "see `p11cert %s%s--help`", list->verb ? list->verb : "",
                            list->verb ? " " : "");
}

/* The words that are still to be read. */
struct reader {
        struct options *options;
        const struct option_list *list;
        char *const *words;
        size_t count;
        size_t at;
};

static bool
take_value(struct reader *reader, enum option_id id, const char *value, struct error *err)
{
        CLEANUP(free_cleanup) char *where = text_format("--%s", option_row(id)->name);

        return options_set(reader->options, id, value, ORIGIN_LINE, where, err);
}

/* The argument of an option stands in the next word. */
static bool
take_next_word(struct reader *reader, enum option_id id, struct error *err)
{
        const struct option_row *row = option_row(id);
        const char *next = reader->at < reader->count ? reader->words[reader->at] : NULL;

        /* A forgotten argument must not swallow the option behind it. */
        if (!next || (text_starts(next, "--") && next[2])) {
                error_set(err, ERROR_USAGE, "--%s needs an argument: %s", row->name, row->argument);
                if (next)
                        error_advise(err, "if it really is '%s', write --%s=%s", next, row->name,
                                     next);
                return false;
        }
        reader->at++;
        return take_value(reader, id, next, err);
}

static bool
take_long(struct reader *reader, const char *word, struct error *err)
{
        size_t length = strcspn(word, "=");
        CLEANUP(free_cleanup) char *name = text_copy_length(word, length);
        enum option_id id = option_named(name);

        if (id == OPTIONS || !option_is_in(reader->list, id))
                return refuse_option(reader->list, name, err);
        if (word[length] == '=')
                return take_value(reader, id, word + length + 1, err);
        if (option_row(id)->kind == OPTION_IS_FLAG)
                return take_value(reader, id, "yes", err);
        return take_next_word(reader, id, err);
}

static bool
take_letters(struct reader *reader, const char *letters, struct error *err)
{
        for (; *letters; letters++) {
                enum option_id id = 0;

                while (id < OPTIONS && option_row(id)->letter != *letters)
                        id++;
                if (id == OPTIONS) {
                        error_set(err, ERROR_USAGE, "there is no option -%c", *letters);
                        return error_advise(err, "see `p11cert --help`");
                }
                if (option_row(id)->kind == OPTION_IS_FLAG) {
                        if (!take_value(reader, id, "yes", err))
                                return false;
                        continue;
                }
                if (letters[1])
                        return take_value(reader, id, letters + 1, err);
                return take_next_word(reader, id, err);
        }
        return true;
}

bool
options_parse(struct options *options, const struct option_list *list, char *const *words,
              size_t count, const char **arguments, size_t *argument_count, size_t *stopped,
              struct error *err)
{
        struct reader reader = { .options = options, .list = list, .words = words, .count = count };
        bool only_arguments = false;
        size_t found = 0;

        while (reader.at < count) {
                const char *word = words[reader.at];
                bool is_argument = only_arguments || word[0] != '-' || !word[1];

                if (is_argument && !arguments)
                        break;
                reader.at++;
                if (is_argument) {
                        arguments[found++] = word;
                        continue;
                }
                if (strcmp(word, "--") == 0) {
                        only_arguments = true;
                        continue;
                }
                if (!(word[1] == '-' ? take_long(&reader, word + 2, err)
                                     : take_letters(&reader, word + 1, err)))
                        return false;
        }
        if (argument_count)
                *argument_count = found;
        if (stopped)
                *stopped = reader.at;
        return true;
}

bool
options_from_environment(struct options *options, const struct option_list *list, struct error *err)
{
        for (enum option_id id = 0; id < OPTIONS; id++) {
                CLEANUP(free_cleanup) char *name = option_variable(id);
                const char *text = name ? getenv(name) : NULL;

                if (!text || !*text || !option_is_in(list, id))
                        continue;
                if (!options_set(options, id, text, ORIGIN_VARIABLE, name, err))
                        return false;
        }
        return true;
}
