/*
 * What the tests of the credential chain share: an environment of their own, and a server on
 * loopback that is STS, the container's agent and the instance's metadata.
 */
#ifndef TESTS_UNIT_CHAIN_BENCH_H
#define TESTS_UNIT_CHAIN_BENCH_H

#include "tests/unit/unit.h"

#include "aws/credentials.h"
#include "base/file.h"
#include "tests/unit/folder.h"
#include "tests/unit/standin.h"

#define ROLE(name) "arn:aws:iam::111122223333:role/" name
#define SESSION(operation, id)                                                          \
        "<" operation "Response><" operation "Result><Credentials><AccessKeyId>" id     \
        "</AccessKeyId><SecretAccessKey>HUSH</SecretAccessKey><SessionToken>HUSH-TOKEN" \
        "</SessionToken><Expiration>2222-01-01T00:00:00Z</Expiration></Credentials>"    \
        "</" operation "Result></" operation "Response>"
#define JSON(id)                                                                         \
        "{\"Code\":\"Success\",\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":\"HUSH\"," \
        "\"Token\":\"HUSH-TOKEN\",\"Expiration\":\"2222-01-01T00:00:00Z\"}"
#define REFUSAL(code)                                                                       \
        "<ErrorResponse><Error><Code>" code "</Code><Message>User: u is not authorized to " \
        "perform: sts:AssumeRole on resource: r</Message></Error></ErrorResponse>"
#define BASE "[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = HUSH\n"

/* -- an environment of one's own, and a server -------------------------------------------- */

static char folder[64];
static struct standin *standin;

static inline char *
path_of(const char *name)
{
        return text_format("%s/%s", folder, name);
}

static inline void
write_file(const char *name, mode_t mode, const char *text)
{
        CLEANUP(free_cleanup) char *path = path_of(name);
        struct error err = { 0 };

        assert_done(file_write(path, mode, view_text(text), &err), err);
}

static inline int
begin(void **state)
{
        (void)state;
        if (folder_make(folder) != 0)
                return -1;
        CLEANUP(free_cleanup) char *config = path_of("config");
        CLEANUP(free_cleanup) char *credentials = path_of("credentials");

        clearenv();
        setenv("PATH", "/usr/bin:/bin", 1);
        setenv("HOME", folder, 1);
        setenv("AWS_CONFIG_FILE", config, 1);
        setenv("AWS_SHARED_CREDENTIALS_FILE", credentials, 1);
        setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
        /* Proxies that are not there: whoever asks one fails. */
        setenv("http_proxy", "http://127.0.0.1:1", 1);
        setenv("https_proxy", "http://127.0.0.1:1", 1);
        setenv("all_proxy", "http://127.0.0.1:1", 1);
        return 0;
}

static inline int
end(void **state)
{
        (void)state;
        if (standin)
                standin_stop(standin);
        standin = NULL;
        return folder_remove(folder);
}

/* A server with this script, which is STS, the container's agent and the instance's metadata. */
#define SERVE(...)                                                   \
        static const struct standin_step script[] = { __VA_ARGS__ }; \
        (void)state;                                                 \
        serve(script, ARRAY_LENGTH(script))

static inline void
serve(const struct standin_step *script, size_t steps)
{
        standin = standin_start(script, steps, NULL);
        setenv("AWS_ENDPOINT_URL_STS", standin_url(standin), 1);
        setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", standin_url(standin), 1);
}

static inline bool
find(const struct aws_options *options, struct credentials *found, struct error *err)
{
        struct aws_settings *settings = aws_settings_open(options, err);
        bool done = settings && credentials_find(settings, found, err);

        aws_settings_free(settings);
        return done;
}

static inline void
expect_with(const struct aws_options *options, const char *id)
{
        struct credentials found = { 0 };
        struct error err = { 0 };

        assert_done(find(options, &found, &err), err);
        assert_string_equal(found.access_key_id, id);
        assert_true(view_equal(secret_view(&found.secret_access_key), view_text("HUSH")));
        credentials_clear(&found);
}

static inline void
expect(const char *profile, const char *id)
{
        expect_with(&(struct aws_options){ .profile = profile }, id);
}

static inline void
expect_error_with(const struct aws_options *options, enum error_kind kind, const char *word)
{
        struct credentials found = { 0 };
        struct error err = { 0 };

        assert_refused(find(options, &found, &err), err, kind);
        CLEANUP(free_cleanup) char *all = text_format("%s|%s|%s", err.what, err.about, err.next);

        if (!strstr(all, word))
                fail_msg("'%s' is not in: %s", word, all);
        assert_null(strstr(all, "HUSH"));
        assert_null(found.access_key_id);
}

static inline void
expect_error(const char *profile, enum error_kind kind, const char *word)
{
        expect_error_with(&(struct aws_options){ .profile = profile }, kind, word);
}

/* Request number `index` has this in it. */
static inline void
assert_sent(unsigned index, const char *part)
{
        CLEANUP(free_cleanup) char *request = standin_request(standin, index);

        if (!strcasestr(request, part))
                fail_msg("'%s' is not in: %s", part, request);
}

static inline void
assert_not_sent(unsigned index, const char *part)
{
        CLEANUP(free_cleanup) char *request = standin_request(standin, index);

        assert_null(strcasestr(request, part));
}

#endif
