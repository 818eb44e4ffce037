/*
 * The guard: a small file for each token whose PIN was refused (pin.h).
 */
#include "engine/pin.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/algorithm.h"
#include "base/clock.h"
#include "base/file.h"

enum { RECORD_MOST = 4096, UNCHANGED_S = 24 * 60 * 60 };

static char *
record_path(const char *folder, const char *manufacturer, const char *serial)
{
        CLEANUP(free_cleanup) char *name = text_format("%s\n%s", manufacturer, serial);
        uint8_t digest[32];

        sha256(view_text(name), digest);
        CLEANUP(free_cleanup) char *hex = hex_encode(view_of(digest, 16));

        return text_format("%s/%s", folder, hex);
}

/* What has to stay the same for a source to count as the one that was refused. */
static char *
source_state(const struct pin_source *source)
{
        uint8_t digest[32];
        struct stat status;

        sha256(view_text(source->argument), digest);
        CLEANUP(free_cleanup) char *hex = hex_encode(view_of(digest, 16));

        if (source->kind == PIN_FILE && stat(source->argument, &status) == 0)
                return text_format("file %s %lld.%09ld %lld %llu", hex,
                                   (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                                   (long long)status.st_size, (unsigned long long)status.st_ino);
        return text_format("%d %s", (int)source->kind, hex);
}

static bool
is_guarded(const char *folder, const struct pin_source *source)
{
        return folder && source && source->kind != PIN_PROMPT && source->kind != PIN_NONE;
}

/* A line of the record: when it was refused, and the state of the source. */
static bool
line_matches(const char *line, size_t length, const char *state, bool dated)
{
        size_t digits = strspn(line, "0123456789");
        int64_t refused = 0;

        if (digits >= length || line[digits] != ' ' || length - digits - 1 != strlen(state) ||
            memcmp(line + digits + 1, state, strlen(state)) != 0)
                return false;
        CLEANUP(free_cleanup) char *when = text_copy_length(line, digits);

        if (!dated || !number_parse(when, 0, INT64_MAX, &refused))
                return true;
        /* A clock that went back proves nothing: still the same. */
        return clock_now() - refused < UNCHANGED_S;
}

static bool
record_matches(const char *record, const struct pin_source *source)
{
        CLEANUP(free_cleanup) char *state = source_state(source);

        for (const char *line = record; *line;) {
                size_t length = strcspn(line, "\n");

                if (line_matches(line, length, state, source->kind != PIN_FILE))
                        return true;
                line += length + (line[length] == '\n');
        }
        return false;
}

/* Add to `record` the lines of other sources, while they fit. */
static void
keep_lines(const char *before, const char *state, struct buf *record)
{
        for (const char *line = before; *line;) {
                size_t length = strcspn(line, "\n");

                if (record->len + length + 1 > RECORD_MOST)
                        return;
                if (length && !line_matches(line, length, state, false))
                        buf_format(record, "%.*s\n", (int)length, line);
                line += length + (line[length] == '\n');
        }
}

bool
pin_guard_check(const char *folder, const char *manufacturer, const char *serial,
                const struct pin_source *source, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf record = { 0 };
        CLEANUP(free_cleanup) char *path = NULL;
        char text[256];

        if (!is_guarded(folder, source))
                return true;
        path = record_path(folder, manufacturer, serial);
        if (!file_exists(path))
                return true;
        if (!file_read(path, RECORD_MOST, &record, err))
                return error_advise(err, "mend or remove the file; it keeps a refused PIN from "
                                         "being tried again");
        if (!record_matches(buf_text(&record), source))
                return true;
        error_set(err, ERROR_PIN_REFUSED,
                  "the token refused the PIN from %s before, and the source has not changed since",
                  pin_source_text(source, text, sizeof(text)));
        return error_advise(err, "correct the PIN there; --retry-pin tries it again as it is, "
                                 "which may lock the token");
}

bool
pin_guard_record(const char *folder, const char *manufacturer, const char *serial,
                 const struct pin_source *source, struct error *err)
{
        if (!is_guarded(folder, source))
                return true;
        CLEANUP(free_cleanup) char *path = record_path(folder, manufacturer, serial);
        CLEANUP(free_cleanup) char *state = source_state(source);
        CLEANUP(buf_cleanup) struct buf before = { 0 };
        CLEANUP(buf_cleanup) struct buf record = { 0 };
        struct error ignored = { 0 };

        /* The newest first, and as many as there is room for: two sources that take turns at being
         * wrong must not make each other forgotten. */
        buf_format(&record, "%lld %s\n", (long long)clock_now(), state);
        if (file_exists(path) && file_read(path, RECORD_MOST, &before, &ignored))
                keep_lines(buf_text(&before), state, &record);
        return file_make_folder(folder, 0700, err) &&
               file_write(path, 0600, view_buf(&record), err);
}

void
pin_guard_forget(const char *folder, const char *manufacturer, const char *serial)
{
        if (!folder)
                return;
        CLEANUP(free_cleanup) char *path = record_path(folder, manufacturer, serial);

        (void)unlink(path);
}
