/*
 * A client beside a stand-in server, with credentials in a folder of its own and a proxy that is
 * not there.
 */
#ifndef TESTS_UNIT_BENCH_H
#define TESTS_UNIT_BENCH_H

#include "tests/unit/unit.h"

#include <unistd.h>

#include "aws/client.h"
#include "base/file.h"
#include "tests/unit/standin.h"

static char folder[64];

static struct bench {
        struct standin *standin;
        struct aws_settings *settings;
        struct aws_client *client;
} bench;

static inline void
write_credentials(const char *id, const char *secret)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/credentials", folder);
        CLEANUP(free_cleanup)
        char *text = text_format("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
                                 id, secret);
        struct error err = { 0 };

        assert_done(file_write(path, 0600, view_text(text), &err), err);
}

static inline int
make_folder(void **state)
{
        (void)state;
        snprintf(folder, sizeof(folder), "/tmp/test_client.XXXXXX");
        if (!mkdtemp(folder))
                return -1;
        CLEANUP(free_cleanup) char *credentials = text_format("%s/credentials", folder);
        CLEANUP(free_cleanup) char *config = text_format("%s/config", folder);

        clearenv();
        setenv("PATH", "/usr/bin:/bin", 1);
        setenv("AWS_SHARED_CREDENTIALS_FILE", credentials, 1);
        setenv("AWS_CONFIG_FILE", config, 1);
        setenv("AWS_REGION", "eu-central-1", 1);
        /* A proxy that is not there: whoever asks it fails. */
        setenv("http_proxy", "http://127.0.0.1:1", 1);
        setenv("https_proxy", "http://127.0.0.1:1", 1);
        return 0;
}

static inline int
remove_folder(void **state)
{
        (void)state;
        CLEANUP(free_cleanup) char *credentials = text_format("%s/credentials", folder);
        CLEANUP(free_cleanup) char *config = text_format("%s/config", folder);

        unlink(credentials);
        unlink(config);
        return rmdir(folder);
}

static inline void
open_client(const char *url, const char *ca_bundle)
{
        struct aws_options options = { .endpoint_url = url, .ca_bundle = ca_bundle };
        struct error err = { 0 };

        bench.settings = aws_settings_open(&options, &err);
        assert_done(bench.settings, err);
        bench.client = aws_client_open(bench.settings, &err);
        assert_done(bench.client, err);
}

static inline void
start(const struct standin_step *script, size_t steps)
{
        write_credentials("AKIDFIRST", "secret-one");
        bench.standin = standin_start(script, steps, NULL);
        open_client(standin_url(bench.standin), NULL);
}

static inline int
stop(void **state)
{
        (void)state;
        aws_client_close(bench.client);
        aws_settings_free(bench.settings);
        if (bench.standin)
                standin_stop(bench.standin);
        bench = (struct bench){ 0 };
        unsetenv("AWS_MAX_ATTEMPTS");
        return 0;
}

#define START(...)                                                   \
        static const struct standin_step script[] = { __VA_ARGS__ }; \
        (void)state;                                                 \
        start(script, ARRAY_LENGTH(script))

static inline struct aws_call
call_of(const char *operation)
{
        return (struct aws_call){ .service = "acm-pca",
                                  .region = "eu-central-1",
                                  .operation = operation,
                                  .body = view_text("{\"A\":1}"),
                                  .most_attempts = 1 };
}

/* Send one call and wait for its reply. */
static inline struct aws_reply *
ask(const struct aws_call *call)
{
        struct aws_reply *reply = NULL;

        aws_send(bench.client, call);
        for (int i = 0; i < 100 && !(reply = aws_receive(bench.client)); i++)
                aws_wait(bench.client, -1, 100);
        assert_non_null(reply);
        return reply;
}

static inline struct aws_reply *
ask_once(const char *operation)
{
        struct aws_call call = call_of(operation);

        return ask(&call);
}

static inline void
assert_kind(const struct aws_reply *reply, enum error_kind kind)
{
        assert_string_equal(error_kind_name(reply->error.kind), error_kind_name(kind));
}

#endif
