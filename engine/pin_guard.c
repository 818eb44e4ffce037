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

enum { RECORD_MOST = 1024, UNCHANGED_S = 24 * 60 * 60 };

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

/* The record has two lines: when it was refused, and the state of the source. */
static bool
record_matches(const char *record, const struct pin_source *source)
{
        CLEANUP(free_cleanup) char *state = source_state(source);
        const char *newline = strchr(record, '\n');
        int64_t refused = 0;

        if (!newline)
                return false;
        CLEANUP(free_cleanup) char *when = text_copy_length(record, (size_t)(newline - record));
        size_t length = strcspn(newline + 1, "\n");

        if (length != strlen(state) || memcmp(newline + 1, state, length) != 0)
                return false;
        if (source->kind == PIN_FILE || !number_parse(when, 0, INT64_MAX, &refused))
                return true;
        /* A clock that went back proves nothing: still the same. */
        return clock_now() - refused < UNCHANGED_S;
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
        CLEANUP(free_cleanup)
        char *record = text_format("%lld\n%s\n", (long long)clock_now(), state);

        return file_make_folder(folder, 0700, err) &&
               file_write(path, 0600, view_text(record), err);
}

void
pin_guard_forget(const char *folder, const char *manufacturer, const char *serial)
{
        if (!folder)
                return;
        CLEANUP(free_cleanup) char *path = record_path(folder, manufacturer, serial);

        (void)unlink(path);
}
