/*
 * identity credential-process: the session of Roles Anywhere, for AWS's own tools.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/anywhere.h"
#include "cli/streams.h"
#include "cli/verbs.h"

/* Into locked memory: no character of these has to be escaped in JSON, but for two. */
static void
add_json_text(struct secret *out, const char *name, const void *bytes, size_t length)
{
        const char *text = bytes;
        int used = snprintf((char *)out->data + out->len, out->capacity - out->len, ",\"%s\":\"",
                            name);

        out->len += (size_t)used;
        for (size_t i = 0; i < length; i++) {
                if (text[i] == '"' || text[i] == '\\')
                        out->data[out->len++] = '\\';
                out->data[out->len++] = (uint8_t)text[i];
        }
        out->data[out->len++] = '"';
}

/* What AWS's tools read from a credential_process. */
static void
write_json(const struct credentials *session, struct secret *out)
{
        static const char head[] = "{\"Version\":1";
        const struct secret *key = &session->secret_access_key;
        size_t token_length = strlen(session->session_token);
        char when[CLOCK_TEXT];

        clock_format(session->expires_at, when);
        secret_reserve(out, 2 * (strlen(session->access_key_id) + key->len + token_length) + 256);
        memcpy(out->data, head, sizeof(head) - 1);
        out->len = sizeof(head) - 1;
        add_json_text(out, "AccessKeyId", session->access_key_id, strlen(session->access_key_id));
        add_json_text(out, "SecretAccessKey", key->data, key->len);
        add_json_text(out, "SessionToken", session->session_token, token_length);
        add_json_text(out, "Expiration", when, strlen(when));
        memcpy(out->data + out->len, "}\n", 2);
        out->len += 2;
}

/* Past stdio, whose buffer nobody wipes. */
static bool
write_answer(const struct secret *text, struct error *err)
{
        int fd = fileno(stream_answer());

        for (size_t done = 0; done < text->len;) {
                ssize_t wrote = write(fd, text->data + done, text->len - done);

                if (wrote < 0 && errno == EINTR)
                        continue;
                if (wrote <= 0)
                        return error_set(err, ERROR_FILE, "standard output takes nothing: %s",
                                         strerror(errno));
                done += (size_t)wrote;
        }
        return true;
}

/* Settings that ask Roles Anywhere and nothing else, whoever called us with which AWS_PROFILE. */
static struct aws_settings *
open_settings(const struct command *command, struct error *err)
{
        const struct options *options = &command->options;
        struct aws_options asked = {
                .region = option_text(options, OPTION_REGION),
                .endpoint_url = option_text(options, OPTION_ENDPOINT_URL),
                .ca_bundle = option_text(options, OPTION_CA_BUNDLE),
        };

        if (!anywhere_session_always(command, &asked.anywhere, err))
                return NULL;
        return aws_settings_open(&asked, err);
}

bool
cmd_identity_credential_process(struct command *command, struct error *err)
{
        CLEANUP(aws_settings_cleanup) struct aws_settings *settings = open_settings(command, err);
        CLEANUP(credentials_clear) struct credentials session = { 0 };
        CLEANUP(secret_cleanup) struct secret text = { 0 };

        if (!settings || !credentials_find(settings, &session, err))
                return false;
        write_json(&session, &text);
        /* This is the answer, in whatever form another one would have been. */
        command->output = OUTPUT_TEXT;
        return write_answer(&text, err);
}
