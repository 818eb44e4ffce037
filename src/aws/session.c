#include "aws/session.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aws/found.h"
#include "aws/settings.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

enum { MOST_BYTES = 64 * 1024, LEAST_S = 60 };

/* Ours, and nobody else may do anything with it. */
static bool
is_private(const struct stat *status)
{
        return status->st_uid == geteuid() && !(status->st_mode & (S_IRWXG | S_IRWXO));
}

char *
session_path(struct view facts)
{
        const char *folder = environment_get("XDG_RUNTIME_DIR");
        struct stat status;
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned length = 0;

        if (!folder || *folder != '/' || stat(folder, &status) != 0 || !is_private(&status))
                return NULL;
        if (EVP_Digest(facts.data, facts.len, digest, &length, EVP_sha256(), NULL) != 1)
                return NULL;
        CLEANUP(free_cleanup) char *name = hex_encode(view_of(digest, 16));

        return text_format("%s/p11cert/session-%s.json", folder, name);
}

/* A private file's content; false if it is not there or not to be trusted. */
static bool
read_private(const char *path, struct secret *out)
{
        struct stat status;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        bool done = false;

        if (fd < 0)
                return false;
        if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && is_private(&status) &&
            status.st_size > 0 && status.st_size <= MOST_BYTES) {
                secret_reserve(out, (size_t)status.st_size);
                ssize_t got = read(fd, out->data, (size_t)status.st_size);

                done = got == status.st_size;
                out->len = done ? (size_t)got : 0;
        }
        close(fd);
        return done;
}

static const struct found_names names = { .token = "SessionToken",
                                          .has_version = true,
                                          .subject = "the kept session" };

bool
session_load(const char *path, struct credentials *out)
{
        CLEANUP(secret_cleanup) struct secret text = { 0 };
        struct credentials kept = { 0 };
        struct error ignored = { 0 };

        if (!read_private(path, &text) ||
            !found_read_json(secret_view(&text), &names, path, &kept, &ignored))
                return false;
        if (kept.expires_at < clock_now() + LEAST_S) {
                credentials_clear(&kept);
                return false;
        }
        credentials_clear(out);
        *out = kept;
        return true;
}

/* No character that JSON would want escaped. */
static bool
is_plain(const void *bytes, size_t length)
{
        const uint8_t *byte = bytes;

        for (size_t i = 0; i < length; i++) {
                if (byte[i] < ' ' || byte[i] >= 0x7F || byte[i] == '"' || byte[i] == '\\')
                        return false;
        }
        return true;
}

void
session_save(const char *path, const struct credentials *session)
{
        const struct secret *key = &session->secret_access_key;
        const char *token = session->session_token;
        CLEANUP(free_cleanup)
        char *folder = text_copy_length(path, (size_t)(strrchr(path, '/') - path));
        CLEANUP(secret_cleanup) struct secret text = { 0 };
        char when[CLOCK_TEXT];
        struct error err = { 0 };

        if (!token || !is_plain(key->data, key->len) || !is_plain(token, strlen(token)) ||
            !is_plain(session->access_key_id, strlen(session->access_key_id)))
                return;
        secret_reserve(&text, key->len + strlen(token) + strlen(session->access_key_id) + 256);
        /* Straight into locked memory: cJSON would leave copies. */
        int length = snprintf((char *)text.data, text.capacity,
                              "{\"Version\":1,\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"%.*s\","
                              "\"SessionToken\":\"%s\",\"Expiration\":\"%s\"}\n",
                              session->access_key_id, (int)key->len, (const char *)key->data, token,
                              clock_format(session->expires_at, when));

        text.len = (size_t)length;
        if (!file_make_folder(folder, 0700, &err) ||
            !file_write(path, 0600, secret_view(&text), &err))
                log_info("aws-session-not-kept", "reason=\"%s\"", err.what);
}
