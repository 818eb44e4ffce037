#include "aws/shared_edit.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/shared.h"
#include "base/file.h"

static const char *const names[] = { "aws_access_key_id", "aws_secret_access_key",
                                     "aws_session_token", "aws_security_token" };

bool
shared_profile_name_check(const char *profile, struct error *err)
{
        size_t length = strlen(profile);
        bool good = length >= 1 && length <= 64;

        for (size_t i = 0; good && i < length; i++)
                good = (profile[i] >= 'A' && profile[i] <= 'Z') ||
                       (profile[i] >= 'a' && profile[i] <= 'z') ||
                       (profile[i] >= '0' && profile[i] <= '9') || strchr("_+=,.@-", profile[i]);
        if (good)
                return true;
        error_set(err, ERROR_USAGE, "'%.64s' cannot be the name of an AWS profile here", profile);
        return error_advise(err, "take 1 to 64 letters, digits and characters of _+=,.@-");
}

/* -- lines -------------------------------------------------------------------------------- */

static bool
is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The line that starts at `at`, its newline included. */
static struct view
line_at(struct view text, size_t at)
{
        const uint8_t *from = text.data + at;
        const uint8_t *end = memchr(from, '\n', text.len - at);

        return view_of(from, end ? (size_t)(end - from) + 1 : text.len - at);
}

/* Without the blanks around it. */
static struct view
trimmed(struct view line)
{
        while (line.len && is_blank((char)line.data[0]))
                line = view_of(line.data + 1, line.len - 1);
        while (line.len && is_blank((char)line.data[line.len - 1]))
                line.len--;
        return line;
}

static bool
is_heading(struct view line)
{
        struct view content = trimmed(line);

        return content.len && content.data[0] == '[';
}

/* Is it "[profile]", blanks and quotes aside, as shared.c reads headings? */
static bool
is_heading_of(struct view line, const char *profile)
{
        struct view content = trimmed(line);
        size_t length = strlen(profile);

        if (!content.len || content.data[0] != '[')
                return false;
        const uint8_t *end = memchr(content.data, ']', content.len);

        if (!end)
                return false;
        content = trimmed(view_of(content.data + 1, (size_t)(end - content.data) - 1));
        while (content.len >= 2 && strchr("\"'", content.data[0]) &&
               content.data[content.len - 1] == content.data[0])
                content = trimmed(view_of(content.data + 1, content.len - 2));
        return content.len == length && memcmp(content.data, profile, length) == 0;
}

/* Which of `names` the line sets; ARRAY_LENGTH(names) for none. */
static size_t
key_of(struct view line)
{
        size_t i = 0;

        for (; i < ARRAY_LENGTH(names); i++) {
                size_t length = strlen(names[i]);
                struct view content = trimmed(line);

                if (content.len <= length ||
                    strncasecmp((const char *)content.data, names[i], length) != 0)
                        continue;
                content = trimmed(view_of(content.data + length, content.len - length));
                if (content.len && (content.data[0] == '=' || content.data[0] == ':'))
                        break;
        }
        return i;
}

/* -- writing ------------------------------------------------------------------------------ */

/* There is room: see shared_edit(). */
static void
put(struct secret *out, struct view bytes)
{
        assert(out->len + bytes.len <= out->capacity);
        if (bytes.len)
                memcpy(out->data + out->len, bytes.data, bytes.len);
        out->len += bytes.len;
}

static void
put_pair(struct secret *out, const struct credentials *keys, const char *newline)
{
        const struct view values[] = { view_text(keys->access_key_id),
                                       secret_view(&keys->secret_access_key) };

        for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
                put(out, view_text(names[i]));
                put(out, view_text(" = "));
                put(out, values[i]);
                put(out, view_text(newline));
        }
}

/* A profile's section on its way from the old text to the new one. */
struct section {
        bool open;    /* the lines are its */
        size_t begin; /* where its heading stands in the new text */
        bool kept;    /* something else than keys and blank lines stands below the heading */
};

/* The heading of a section that has nothing left goes, too, and the blank line before it. */
static void
close_section(struct section *section, struct secret *out, bool taken_out)
{
        if (section->open && taken_out && !section->kept) {
                out->len = section->begin;
                if (out->len >= 2 && out->data[out->len - 1] == '\n' &&
                    out->data[out->len - 2] == '\n')
                        out->len--;
        }
        section->open = false;
}

void
shared_edit(struct view old, const char *profile, const struct credentials *keys,
            struct secret *out)
{
        bool windows = old.len && memmem(old.data, old.len, "\r\n", 2) != NULL;
        const char *newline = windows ? "\r\n" : "\n";
        size_t pair = keys ? strlen(keys->access_key_id) + keys->secret_access_key.len : 0;
        struct section section = { 0 };
        bool written = keys == NULL;

        secret_reserve(out, old.len + pair + strlen(profile) + 256);
        for (size_t at = 0; at < old.len;) {
                struct view line = line_at(old, at);

                at += line.len;
                if (is_heading(line)) {
                        close_section(&section, out, !keys);
                        section = (struct section){ .open = is_heading_of(line, profile),
                                                    .begin = out->len };
                        put(out, line);
                        if (!section.open || written)
                                continue;
                        if (line.data[line.len - 1] != '\n')
                                put(out, view_text(newline));
                        put_pair(out, keys, newline);
                        written = true;
                        continue;
                }
                if (section.open && key_of(line) < ARRAY_LENGTH(names))
                        continue;
                section.kept = section.kept || trimmed(line).len;
                put(out, line);
        }
        close_section(&section, out, !keys);
        if (written)
                return;
        if (out->len && out->data[out->len - 1] != '\n')
                put(out, view_text(newline));
        if (out->len)
                put(out, view_text(newline));
        put(out, view_text("["));
        put(out, view_text(profile));
        put(out, view_text("]"));
        put(out, view_text(newline));
        put_pair(out, keys, newline);
}

/* -- the file ----------------------------------------------------------------------------- */

/* Where a link leads: the file is replaced, the link stays. */
static char *
real_path(const char *path)
{
        char *real = realpath(path, NULL);

        return real ? real : text_copy(path);
}

bool
shared_edit_file(const char *path, const char *profile, const struct credentials *keys,
                 bool *changed, struct error *err)
{
        CLEANUP(free_cleanup) char *real = real_path(path);
        CLEANUP(secret_cleanup) struct secret old = { 0 };
        CLEANUP(secret_cleanup) struct secret edited = { 0 };
        const char *slash = strrchr(real, '/');

        if (!shared_read(real, &old, err))
                return false;
        shared_edit(secret_view(&old), profile, keys, &edited);
        bool same = view_equal(secret_view(&old), secret_view(&edited));

        if (changed)
                *changed = !same;
        if (same)
                return true;
        CLEANUP(free_cleanup)
        char *folder =
                slash && slash > real ? text_copy_length(real, (size_t)(slash - real)) : NULL;

        return (!folder || file_make_folder(folder, 0700, err)) &&
               file_write(real, 0600, secret_view(&edited), err);
}
