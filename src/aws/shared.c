#include "aws/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MOST_BYTES = 1024 * 1024, FIRST_BYTES = 16 * 1024 };

/* -- reading ------------------------------------------------------------------------------ */

static void
fd_cleanup(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

/* Twice the room; the old pages are wiped. */
static void
secret_double(struct secret *secret)
{
        struct secret larger = { 0 };

        secret_reserve(&larger, 2 * secret->capacity);
        memcpy(larger.data, secret->data, secret->len);
        larger.len = secret->len;
        secret_clear(secret);
        *secret = larger;
}

/* It may be a pipe, so its size is not asked for. */
bool
shared_read(const char *path, struct secret *out, struct error *err)
{
        CLEANUP(fd_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                return true;
        if (fd < 0) {
                error_set(err, ERROR_CONFIG, "cannot open '%s': %s", path, strerror(errno));
                return error_advise(err, "make it readable for this user");
        }
        secret_reserve(out, FIRST_BYTES);
        for (;;) {
                if (out->len + 1 >= out->capacity)
                        secret_double(out);
                ssize_t got = read(fd, out->data + out->len, out->capacity - out->len - 1);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return error_set(err, ERROR_CONFIG, "cannot read '%s': %s", path,
                                         strerror(errno));
                if (got == 0)
                        break;
                out->len += (size_t)got;
                if (out->len > MOST_BYTES)
                        return error_set(err, ERROR_CONFIG, "'%s' is larger than 1 MiB", path);
        }
        out->data[out->len] = '\0';
        return true;
}

/* -- splitting ---------------------------------------------------------------------------- */

struct reader {
        struct shared_file *file;
        const char *section; /* NULL before the first heading */
        char *last_value;    /* of the newest key at the section's level, or NULL */
        const char *last_name;
        size_t last_indent;
        unsigned line;
};

static bool
is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\r';
}

static char *
trim(char *text)
{
        while (is_blank(*text))
                text++;
        size_t length = strlen(text);

        while (length && is_blank(text[length - 1]))
                text[--length] = '\0';
        return text;
}

static bool
wrong_line(const struct reader *reader, struct error *err, const char *rule)
{
        error_set(err, ERROR_CONFIG, "line %u of '%s' %s", reader->line, reader->file->path, rule);
        return error_advise(err, "AWS's shared files hold '[profile NAME]' headings, 'key = value' "
                                 "lines and comments that start with '#'");
}

/* "profile  "my name"" becomes "profile my name": one blank, no quotes. */
static void
reduce_heading(char *text)
{
        char *to = text;

        for (const char *from = text; *from; from++) {
                if (*from == '"' || *from == '\'')
                        continue;
                if (is_blank(*from) && (to == text || is_blank(to[-1])))
                        continue;
                *to++ = is_blank(*from) ? ' ' : *from;
        }
        while (to > text && is_blank(to[-1]))
                to--;
        *to = '\0';
}

static bool
take_heading(struct reader *reader, char *line, struct error *err)
{
        struct shared_file *file = reader->file;
        char *end = strchr(line, ']');

        if (!end)
                return wrong_line(reader, err, "starts a heading without the closing ']'");
        *end = '\0';
        reduce_heading(line + 1);
        if (!line[1])
                return wrong_line(reader, err, "is a heading without a name");
        file->sections =
                memory_grow(file->sections, file->section_count + 1, sizeof(*file->sections));
        file->sections[file->section_count++] = line + 1;
        reader->section = line + 1;
        reader->last_value = NULL;
        reader->last_name = NULL;
        return true;
}

/* Cut a line at its '=' (or ':', as Python's readers do) and add the key; NULL if there is none. */
static struct shared_key *
add_key(struct reader *reader, char *line, const char *outer)
{
        struct shared_file *file = reader->file;
        char *separator = strpbrk(line, "=:");

        if (!separator || separator == line)
                return NULL;
        *separator = '\0';
        char *name = trim(line);

        for (char *c = name; *c; c++)
                *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        file->keys = memory_grow(file->keys, file->count + 1, sizeof(*file->keys));
        struct shared_key *key = &file->keys[file->count++];

        *key = (struct shared_key){ .section = reader->section,
                                    .outer = outer,
                                    .name = name,
                                    .value = trim(separator + 1),
                                    .line = reader->line };
        return key;
}

/* A line below a key: part of its nested block, or, where the key has a value, more of that. */
static bool
take_indented(struct reader *reader, char *line, struct error *err)
{
        size_t used = strlen(reader->last_value);

        if (used) {
                reader->last_value[used] = '\n';
                memmove(reader->last_value + used + 1, line, strlen(line) + 1);
                return true;
        }
        if (!add_key(reader, line, reader->last_name))
                return wrong_line(reader, err, "is indented but is no 'key = value'");
        return true;
}

static bool
take_line(struct reader *reader, char *line, struct error *err)
{
        char *content = trim(line);
        size_t indent = (size_t)(content - line);

        if (!*content || *content == '#' || *content == ';')
                return true;
        if (reader->last_value && indent > reader->last_indent)
                return take_indented(reader, content, err);
        if (*content == '[')
                return take_heading(reader, content, err);
        if (!reader->section)
                return wrong_line(reader, err, "stands before the first '[profile]' heading");
        struct shared_key *key = add_key(reader, content, NULL);

        if (!key)
                return wrong_line(reader, err, "is neither a '[heading]' nor 'key = value'");
        reader->last_name = key->name;
        reader->last_value = key->value;
        reader->last_indent = indent;
        return true;
}

bool
shared_open(const char *path, struct shared_file *out, struct error *err)
{
        static const char byte_order_mark[] = "\xEF\xBB\xBF";
        struct shared_file file = { .path = text_copy(path) };
        struct reader reader = { .file = &file };
        bool done = shared_read(path, &file.text, err);
        char *at = (char *)file.text.data;

        if (done && file.text.len && memchr(at, '\0', file.text.len)) {
                error_set(err, ERROR_CONFIG, "'%s' is not a text file", path);
                done = false;
        }
        if (done && at && text_starts(at, byte_order_mark))
                at += sizeof(byte_order_mark) - 1;
        while (done && at && *at) {
                char *end = at + strcspn(at, "\n");
                char *next = *end ? end + 1 : end;

                *end = '\0';
                reader.line++;
                done = take_line(&reader, at, err);
                at = next;
        }
        if (!done) {
                shared_clear(&file);
                return false;
        }
        *out = file;
        return true;
}

void
shared_clear(struct shared_file *file)
{
        free(file->path);
        free(file->keys);
        free(file->sections);
        secret_clear(&file->text);
        *file = (struct shared_file){ 0 };
}

/* -- asking ------------------------------------------------------------------------------- */

const struct shared_key *
shared_find(const struct shared_file *file, const char *section, const char *outer,
            const char *name)
{
        const struct shared_key *found = NULL;

        for (size_t i = 0; i < file->count; i++) {
                const struct shared_key *key = &file->keys[i];

                if (strcmp(key->section, section) == 0 && text_equal(key->outer, outer) &&
                    strcmp(key->name, name) == 0)
                        found = *key->value ? key : NULL;
        }
        return found;
}

const char *
shared_get(const struct shared_file *file, const char *section, const char *outer, const char *name)
{
        const struct shared_key *key = shared_find(file, section, outer, name);

        return key ? key->value : NULL;
}

bool
shared_has_section(const struct shared_file *file, const char *section)
{
        for (size_t i = 0; i < file->section_count; i++) {
                if (strcmp(file->sections[i], section) == 0)
                        return true;
        }
        return false;
}
