#include "cli/ini.h"

#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\r";

static struct view
trim(struct view text)
{
        while (text.len && strchr(blanks, text.data[0])) {
                text.data++;
                text.len--;
        }
        while (text.len && strchr(blanks, text.data[text.len - 1]))
                text.len--;
        return text;
}

/* What is in front of a comment behind a value. */
static struct view
cut_comment(struct view value)
{
        for (size_t i = 1; i < value.len; i++) {
                if (value.data[i] == ';' && strchr(blanks, value.data[i - 1]))
                        return view_of(value.data, i);
        }
        return value;
}

static enum ini_kind
wrong(struct ini *ini, const char *rule, const char *advice)
{
        ini->rule = rule;
        ini->advice = advice;
        return INI_WRONG;
}

static enum ini_kind
read_section(struct ini *ini, struct view line)
{
        const uint8_t *end = memchr(line.data, ']', line.len);

        if (!end)
                return wrong(ini, "the section has no ']'", "sections are called [profile NAME]");
        const uint8_t *behind = end + 1;
        struct view rest = trim(view_of(behind, line.len - (size_t)(behind - line.data)));

        if (rest.len && rest.data[0] != ';' && rest.data[0] != '#')
                return wrong(ini, "something stands behind the section's ']'",
                             "put it on a line of its own");
        struct view name = trim(view_of(line.data + 1, (size_t)(end - line.data) - 1));

        ini->name = text_copy_length(name.data, name.len);
        return INI_SECTION;
}

static enum ini_kind
read_pair(struct ini *ini, struct view line)
{
        const uint8_t *equals = memchr(line.data, '=', line.len);

        if (!equals || equals == line.data)
                return wrong(ini, "the line is neither KEY = VALUE nor a [section]",
                             "p11cert.conf(5) shows what a configuration looks like");
        size_t length = (size_t)(equals - line.data);
        struct view name = trim(view_of(line.data, length));
        struct view value = trim(cut_comment(view_of(equals + 1, line.len - length - 1)));

        ini->name = text_copy_length(name.data, name.len);
        ini->value = text_copy_length(value.data, value.len);
        return INI_PAIR;
}

void
ini_clear(struct ini *ini)
{
        free(MOVE(ini->name));
        free(MOVE(ini->value));
}

enum ini_kind
ini_next(struct ini *ini)
{
        ini_clear(ini);
        /* Some editors begin a file with a byte order mark. */
        if (!ini->line && text_starts(ini->at, "\xEF\xBB\xBF"))
                ini->at += 3;
        while (*ini->at) {
                size_t length = strcspn(ini->at, "\n");
                struct view line = trim(view_of(ini->at, length));

                ini->at += length + (ini->at[length] == '\n');
                ini->line++;
                if (!line.len || line.data[0] == '#' || line.data[0] == ';')
                        continue;
                if (line.len > INI_LINE_MOST)
                        return wrong(ini, "the line is longer than 16384 bytes",
                                     "shorten it, or give the value on the command line");
                return line.data[0] == '[' ? read_section(ini, line) : read_pair(ini, line);
        }
        return INI_END;
}
