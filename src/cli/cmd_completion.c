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

/* The first words of verbs, "ca" once; `families`: only those that need a second one. */
static void
add_first_words(struct buf *out, const char *between, bool families)
{
        const char *gap = "";

        for (size_t i = 0; verb_at(i); i++) {
                CLEANUP(free_cleanup) char *first = verb_page(verb_at(i));
                CLEANUP(free_cleanup) char *before = i ? verb_page(verb_at(i - 1)) : NULL;

                if (text_equal(first, before) || (families && !verb_is_family(first)))
                        continue;
                buf_format(out, "%s%s", gap, first);
                gap = between;
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
                        buf_add_text(out, "\" -- \"$word\"))\n"
                                          "                declare -F __ltrim_colon_completions "
                                          ">/dev/null &&\n"
                                          "                        __ltrim_colon_completions "
                                          "\"$word\"\n"
                                          "                return 0 ;;\n");
                } else if (takes_path(row)) {
                        buf_format(out,
                                   "        --%s) COMPREPLY=($(compgen -f -- \"$word\")); "
                                   "return 0 ;;\n",
                                   row->name);
                } else if (row->argument) {
                        buf_format(out, "        --%s) return 0 ;;\n", row->name);
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
        add_first_words(out, " ", false);
        for (enum option_id id = 0; id < OPTIONS; id++) {
                if (option_row(id)->group == GROUP_GLOBAL)
                        buf_format(out, " --%s", option_row(id)->name);
        }
        buf_add_text(out, "\" ;;\n        esac\n");
}

static void
add_argument_pattern(struct buf *out)
{
        const char *gap = "";

        for (enum option_id id = 0; id < OPTIONS; id++) {
                const struct option_row *row = option_row(id);

                if (!row->argument)
                        continue;
                buf_format(out, "%s--%s", gap, row->name);
                if (row->letter)
                        buf_format(out, "|-%c", row->letter);
                gap = "|";
        }
}

/* Which verb stands on the line, the arguments of options left out. */
static void
add_bash_search(struct buf *out)
{
        buf_add_text(out, "        for ((i = 1; i < at; i++)); do\n"
                          "                case \"${all[i]}\" in\n"
                          "                ");
        add_argument_pattern(out);
        buf_add_text(out, ") i=$((i + 1)) ;;\n"
                          "                -*) ;;\n"
                          "                *)\n"
                          "                        case \"$verb\" in\n"
                          "                        '') verb=${all[i]} ;;\n"
                          "                        ");
        add_first_words(out, "|", true);
        buf_add_text(out, ") verb=\"$verb ${all[i]}\" ;;\n"
                          "                        esac ;;\n"
                          "                esac\n"
                          "        done\n");
}

static void
add_bash(struct buf *out)
{
        buf_add_text(out, "# bash completion for p11cert\n"
                          "_p11cert() {\n"
                          "        local verb= words= word before i at=$COMP_CWORD\n"
                          "        local -a all=(\"${COMP_WORDS[@]}\")\n"
                          "        # ec:p256 is one word, which readline splits at its colon\n"
                          "        declare -F _get_comp_words_by_ref >/dev/null &&\n"
                          "                _get_comp_words_by_ref -n : -w all -i at\n"
                          "        word=${all[at]} before=${all[at-1]}\n"
                          "        COMPREPLY=()\n");
        add_bash_search(out);
        add_bash_values(out);
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

/* When this verb, and no other, stands on the line; NULL: no verb yet. */
static void
add_fish_condition(struct buf *out, const struct verb *verb)
{
        const char *second = verb ? strchr(verb->name, ' ') : NULL;

        if (!verb) {
                buf_add_text(out, "__fish_use_subcommand");
                return;
        }
        buf_format(out, "'__fish_seen_subcommand_from %.*s; and ", (int)strcspn(verb->name, " "),
                   verb->name);
        if (second) {
                buf_format(out, "__fish_seen_subcommand_from%s'", second);
                return;
        }
        buf_add_text(out, "not __fish_seen_subcommand_from ");
        add_first_words(out, " ", true);
        buf_add_text(out, "'");
}

static void
add_fish_option(struct buf *out, const struct verb *verb, enum option_id id)
{
        const struct option_row *row = option_row(id);

        buf_add_text(out, "complete -c p11cert -n ");
        add_fish_condition(out, verb);
        buf_format(out, " -l %s", row->name);
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
        buf_add_text(out, "# fish completion for p11cert\n");
        for (enum option_id id = 0; id < OPTIONS; id++) {
                if (option_row(id)->group == GROUP_GLOBAL)
                        add_fish_option(out, NULL, id);
        }
        for (size_t i = 0; verb_at(i); i++) {
                const struct verb *verb = verb_at(i);
                CLEANUP(free_cleanup) char *first = verb_page(verb);
                CLEANUP(free_cleanup) char *before = i ? verb_page(verb_at(i - 1)) : NULL;
                bool family = verb_is_family(first);

                if (!text_equal(first, before)) {
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
