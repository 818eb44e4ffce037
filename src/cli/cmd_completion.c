/*
 * completion: scripts for bash, zsh and fish, made from the tables of verbs and options.
 */
#include <string.h>

#include "cli/verbs.h"

/* All options of a verb, each once. */
static void
each_option(const struct verb *verb, struct buf *out,
            void (*add)(struct buf *out, const struct verb *verb, enum option_id id))
{
        struct option_list list = { .own = verb->options, .groups = verb->groups };

        for (enum option_id id = 0; id < OPTIONS; id++) {
                if (option_is_in(&list, id))
                        add(out, verb, id);
        }
}

/* The first words ("ca" once), with blanks between. */
static void
add_first_words(struct buf *out)
{
        const char *before = "";

        for (size_t i = 0; verb_at(i); i++) {
                const char *name = verb_at(i)->name;
                size_t length = strcspn(name, " ");

                if (strncmp(before, name, length) != 0 || strcspn(before, " ") != length)
                        buf_format(out, "%s%.*s", i ? " " : "", (int)length, name);
                before = name;
        }
}

static void
add_second_words(struct buf *out, const char *family)
{
        CLEANUP(free_cleanup) char *start = text_format("%s ", family);
        const char *gap = "";

        for (size_t i = 0; verb_at(i); i++) {
                if (!text_starts(verb_at(i)->name, start))
                        continue;
                buf_format(out, "%s%s", gap, verb_at(i)->name + strlen(start));
                gap = " ";
        }
}

/* "text|json" as "text json". */
static void
add_choices(struct buf *out, const char *choices)
{
        for (const char *c = choices; *c; c++)
                buf_add_byte(out, *c == '|' ? ' ' : (uint8_t)*c);
}

static bool
takes_path(const struct option_row *row)
{
        return row->argument &&
               (strcmp(row->argument, "FILE") == 0 || strcmp(row->argument, "DIR") == 0 ||
                strcmp(row->argument, "PATH") == 0);
}

/* -- bash, which zsh reads too -------------------------------------------------------------------
 */

static void
add_bash_word(struct buf *out, const struct verb *verb, enum option_id id)
{
        (void)verb;
        buf_format(out, "--%s ", option_row(id)->name);
}

/* The case that offers what may follow an option. */
static void
add_bash_values(struct buf *out)
{
        buf_add_text(out, "        case \"$before\" in\n");
        for (enum option_id id = 0; id < OPTIONS; id++) {
                const struct option_row *row = option_row(id);

                if (row->choices) {
                        buf_format(out, "        --%s) COMPREPLY=($(compgen -W \"", row->name);
                        add_choices(out, row->choices);
                        buf_add_text(out, "\" -- \"$word\")); return ;;\n");
                } else if (takes_path(row)) {
                        buf_format(out,
                                   "        --%s) COMPREPLY=($(compgen -f -- \"$word\")); "
                                   "return ;;\n",
                                   row->name);
                } else if (row->argument) {
                        buf_format(out, "        --%s) return ;;\n", row->name);
                }
        }
        buf_add_text(out, "        esac\n");
}

static void
add_bash_verbs(struct buf *out)
{
        buf_add_text(out, "        case \"$verb\" in\n");
        for (size_t i = 0; verb_at(i); i++) {
                buf_format(out, "        '%s') words=\"", verb_at(i)->name);
                each_option(verb_at(i), out, add_bash_word);
                if (strcmp(verb_at(i)->name, "completion") == 0)
                        buf_add_text(out, "bash zsh fish");
                buf_add_text(out, "\" ;;\n");
        }
        for (size_t i = 0; verb_at(i); i++) {
                CLEANUP(free_cleanup) char *family = verb_page(verb_at(i));

                if (!verb_is_family(family) || (i > 0 && text_starts(verb_at(i - 1)->name, family)))
                        continue;
                buf_format(out, "        '%s') words=\"", family);
                add_second_words(out, family);
                buf_add_text(out, "\" ;;\n");
        }
        buf_add_text(out, "        '') words=\"");
        add_first_words(out);
        for (enum option_id id = 0; id < OPTIONS; id++) {
                if (option_row(id)->group == GROUP_GLOBAL)
                        buf_format(out, " --%s", option_row(id)->name);
        }
        buf_add_text(out, "\" ;;\n        esac\n");
}

static void
add_bash(struct buf *out)
{
        buf_add_text(out, "# bash completion for p11cert\n"
                          "_p11cert() {\n"
                          "        local word=${COMP_WORDS[COMP_CWORD]} "
                          "before=${COMP_WORDS[COMP_CWORD-1]}\n"
                          "        local verb= words= i\n"
                          "        COMPREPLY=()\n");
        add_bash_values(out);
        buf_add_text(out, "        for ((i = 1; i < COMP_CWORD; i++)); do\n"
                          "                case \"${COMP_WORDS[i]}\" in\n"
                          "                -*) ;;\n"
                          "                ");
        const char *gap = "";

        for (size_t i = 0; verb_at(i); i++) {
                CLEANUP(free_cleanup) char *first = verb_page(verb_at(i));

                if (i > 0 && verb_is_family(first) && text_starts(verb_at(i - 1)->name, first))
                        continue;
                buf_format(out, "%s%s", gap, first);
                gap = "|";
        }
        buf_add_text(out, ") [ -n \"$verb\" ] || verb=${COMP_WORDS[i]} ;;\n"
                          "                *) case \"$verb\" in\n"
                          "                   ");
        gap = "";
        for (size_t i = 0; verb_at(i); i++) {
                CLEANUP(free_cleanup) char *first = verb_page(verb_at(i));

                if (!verb_is_family(first) || (i > 0 && text_starts(verb_at(i - 1)->name, first)))
                        continue;
                buf_format(out, "%s%s", gap, first);
                gap = "|";
        }
        buf_add_text(out, ") verb=\"$verb ${COMP_WORDS[i]}\" ;;\n"
                          "                   esac ;;\n"
                          "                esac\n"
                          "        done\n");
        add_bash_verbs(out);
        buf_add_text(out, "        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                          "        [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "
                          "\"$word\"))\n"
                          "}\n"
                          "complete -o filenames -F _p11cert p11cert\n");
}

static void
add_zsh(struct buf *out)
{
        buf_add_text(out, "#compdef p11cert\n"
                          "autoload -U +X bashcompinit && bashcompinit\n");
        add_bash(out);
}

/* -- fish
 * ------------------------------------------------------------------------------------------ */

/* Single quotes of fish: only \ and ' are special. */
static void
add_fish_text(struct buf *out, const char *text)
{
        buf_add_byte(out, '\'');
        for (const char *c = text; *c; c++) {
                if (*c == '\'' || *c == '\\')
                        buf_add_byte(out, '\\');
                buf_add_byte(out, (uint8_t)*c);
        }
        buf_add_byte(out, '\'');
}

static void
add_fish_option(struct buf *out, const struct verb *verb, enum option_id id)
{
        const struct option_row *row = option_row(id);

        buf_format(out, "complete -c p11cert -n '__fish_seen_subcommand_from %s' -l %s", verb->name,
                   row->name);
        if (row->letter)
                buf_format(out, " -s %c", row->letter);
        if (row->argument)
                buf_add_text(out, takes_path(row) ? " -r -F" : " -x");
        if (row->choices) {
                buf_add_text(out, " -a '");
                add_choices(out, row->choices);
                buf_add_text(out, "'");
        }
        buf_add_text(out, " -d ");
        add_fish_text(out, row->help);
        buf_add_text(out, "\n");
}

static void
add_fish(struct buf *out)
{
        const char *before = "";

        buf_add_text(out, "# fish completion for p11cert\n");
        for (size_t i = 0; verb_at(i); i++) {
                const struct verb *verb = verb_at(i);
                CLEANUP(free_cleanup) char *first = verb_page(verb);
                bool family = verb_is_family(first);

                if (!family || !text_starts(before, first)) {
                        buf_format(out, "complete -c p11cert -n __fish_use_subcommand -f -a %s -d ",
                                   first);
                        add_fish_text(out, family ? "more verbs" : verb->summary);
                        buf_add_text(out, "\n");
                }
                if (family) {
                        buf_format(out,
                                   "complete -c p11cert -n '__fish_seen_subcommand_from %s' -f "
                                   "-a %s -d ",
                                   first, verb->name + strlen(first) + 1);
                        add_fish_text(out, verb->summary);
                        buf_add_text(out, "\n");
                }
                each_option(verb, out, add_fish_option);
                before = verb->name;
        }
        buf_add_text(out, "complete -c p11cert -n '__fish_seen_subcommand_from completion' -f "
                          "-a 'bash zsh fish'\n");
}

bool
cmd_completion(struct command *command, struct error *err)
{
        static const struct {
                const char *name;
                void (*add)(struct buf *out);
        } shells[] = { { "bash", add_bash }, { "zsh", add_zsh }, { "fish", add_fish } };
        const char *shell = command->arguments[0];

        for (size_t i = 0; i < ARRAY_LENGTH(shells); i++) {
                if (strcmp(shells[i].name, shell) != 0)
                        continue;
                shells[i].add(&command->text);
                command->answer = cJSON_CreateObject();
                cJSON_AddStringToObject(command->answer, "shell", shell);
                cJSON_AddStringToObject(command->answer, "script", buf_text(&command->text));
                return true;
        }
        error_set(err, ERROR_USAGE, "there is no completion for '%s'", shell);
        return error_advise(err, "one of: bash, zsh, fish");
}
