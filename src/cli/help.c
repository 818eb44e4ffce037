#include "cli/help.h"

#include <string.h>

#include "cli/show.h"

enum { EXIT_STATUSES = 13, HELP_COLUMN = 34 };

const char *
exit_status_text(unsigned status)
{
        static const char *const texts[EXIT_STATUSES] = {
                [0] = "done",
                [1] = "failed",
                [2] = "usage or configuration",
                [3] = "nothing to do",
                [4] = "pending: try again later",
                [5] = "denied by AWS",
                [6] = "token absent",
                [7] = "PIN wrong, refused or missing",
                [8] = "PIN locked, or its last try",
                [9] = "not what was asked for",
                [10] = "some orders failed",
                [11] = "network or AWS not available",
                [12] = "ledger locked, full, corrupt or newer",
        };

        return status < EXIT_STATUSES ? texts[status] : "";
}

/* The default as this verb has it; "" for none. */
static const char *
fallback_of(const struct verb *verb, enum option_id id)
{
        const struct verb_fallback *own = verb ? verb->fallbacks : NULL;

        for (; own && own->id != OPTIONS; own++) {
                if (own->id == id)
                        return own->text;
        }
        return option_row(id)->fallback ? option_row(id)->fallback : "";
}

static void
add_option(struct buf *out, const struct verb *verb, enum option_id id)
{
        const struct option_row *row = option_row(id);
        const char *fallback = fallback_of(verb, id);
        CLEANUP(free_cleanup)
        char *letter = row->letter ? text_format("-%c,", row->letter) : text_copy("   ");
        CLEANUP(free_cleanup)
        char *left = text_format("  %s --%s%s%s", letter, row->name, row->argument ? " " : "",
                                 row->argument ? row->argument : "");

        /* What is too long for its column has the line to itself. */
        if (strlen(left) > HELP_COLUMN)
                buf_format(out, "%s\n%*s", left, HELP_COLUMN + 1, "");
        else
                show_cell(out, left, HELP_COLUMN);
        buf_add_text(out, row->help);
        if (*fallback)
                buf_format(out, " [%s]", fallback);
        buf_add_text(out, "\n");
}

static void
add_group(struct buf *out, const char *head, enum option_group group)
{
        buf_format(out, "\n%s:\n", head);
        for (enum option_id id = 0; id < OPTIONS; id++) {
                if (option_row(id)->group == group)
                        add_option(out, NULL, id);
        }
}

static void
add_statuses(struct buf *out, unsigned statuses, bool plugin)
{
        static const char *const words[] = { "ok", "warning", "critical", "unknown" };

        buf_add_text(out, "\nExit status:\n");
        for (unsigned i = 0; plugin && i < ARRAY_LENGTH(words); i++)
                buf_format(out, "  %-3u %s\n", i, words[i]);
        if (plugin)
                return;
        for (unsigned i = 0; i < EXIT_STATUSES; i++) {
                if (i < 3 || statuses & (1U << i))
                        buf_format(out, "  %-3u %s\n", i, exit_status_text(i));
        }
}

static void
add_verb_line(struct buf *out, const struct verb *verb)
{
        CLEANUP(free_cleanup)
        char *left = text_format("  %s %s", verb->name, verb->usage);

        show_cell(out, left, HELP_COLUMN - 4);
        buf_format(out, "%s\n", verb->summary);
}

void
help_program(struct buf *out)
{
        buf_add_text(out, "Usage: p11cert [GLOBAL OPTIONS] VERB [OPTIONS] [ARGUMENTS]\n\n"
                          "Certificates of AWS Private CA for keys that never leave their hardware "
                          "token.\n\nVerbs:\n");
        for (size_t i = 0; verb_at(i); i++)
                add_verb_line(out, verb_at(i));
        add_group(out, "Global options", GROUP_GLOBAL);
        add_statuses(out, ~0U, false);
        buf_add_text(out, "\n`p11cert VERB --help` tells more; so do p11cert(1) and "
                          "p11cert-VERB(1).\n");
}

void
help_family(struct buf *out, const char *family)
{
        CLEANUP(free_cleanup) char *start = text_format("%s ", family);

        buf_format(out, "Usage: p11cert %s VERB [OPTIONS] [ARGUMENTS]\n\nVerbs:\n", family);
        for (size_t i = 0; verb_at(i); i++) {
                if (text_starts(verb_at(i)->name, start))
                        add_verb_line(out, verb_at(i));
        }
        buf_format(out, "\n`p11cert %s VERB --help` tells more; so does p11cert-%s(1).\n", family,
                   family);
}

void
help_verb(struct buf *out, const struct verb *verb)
{
        bool has_options = verb->options || verb->groups;

        buf_format(out, "Usage: p11cert %s%s%s%s\n\n%c%s.\n", verb->name,
                   has_options ? " [OPTIONS]" : "", *verb->usage ? " " : "", verb->usage,
                   verb->summary[0] >= 'a' && verb->summary[0] <= 'z' ? verb->summary[0] - 32
                                                                      : verb->summary[0],
                   verb->summary + 1);
        if (verb->details)
                buf_format(out, "%s", verb->details);
        if (verb->options) {
                buf_add_text(out, "\nOptions:\n");
                for (const enum option_id *id = verb->options; *id != OPTIONS; id++)
                        add_option(out, verb, *id);
        }
        if (verb->groups & (1U << GROUP_TOKEN))
                add_group(out, "Token options", GROUP_TOKEN);
        if (verb->groups & (1U << GROUP_AWS))
                add_group(out, "AWS options", GROUP_AWS);
        add_group(out, "Global options", GROUP_GLOBAL);
        buf_format(out, "\nExample:\n  %s\n", verb->example);
        add_statuses(out, verb->statuses, verb->plugin);
}
