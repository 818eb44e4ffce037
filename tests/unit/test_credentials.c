#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "aws/credentials.h"
#include "aws/process.h"
#include "aws/shared.h"
#include "base/clock.h"
#include "base/file.h"

/* -- an environment of one's own ---------------------------------------------------------- */

static char folder[64];

static int
make_folder(void **state)
{
        (void)state;
        snprintf(folder, sizeof(folder), "/tmp/test_credentials.XXXXXX");
        return mkdtemp(folder) ? 0 : -1;
}

static char *
path_of(const char *name)
{
        return text_format("%s/%s", folder, name);
}

static int
remove_folder(void **state)
{
        (void)state;
        static const char *const names[] = { "config", "credentials", "program", "witness" };

        for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
                CLEANUP(free_cleanup) char *path = path_of(names[i]);

                unlink(path);
        }
        return rmdir(folder);
}

static void
write_file(const char *name, mode_t mode, const char *text)
{
        CLEANUP(free_cleanup) char *path = path_of(name);
        struct error err = { 0 };

        assert_done(file_write(path, mode, view_text(text), &err), err);
}

/* A fresh environment with these two files (NULL: none). */
static void
begin(const char *config, const char *credentials)
{
        CLEANUP(free_cleanup) char *config_path = path_of("config");
        CLEANUP(free_cleanup) char *credentials_path = path_of("credentials");

        clearenv();
        setenv("PATH", "/usr/bin:/bin", 1);
        setenv("HOME", folder, 1);
        setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
        setenv("AWS_CONFIG_FILE", config_path, 1);
        setenv("AWS_SHARED_CREDENTIALS_FILE", credentials_path, 1);
        unlink(config_path);
        unlink(credentials_path);
        if (config)
                write_file("config", 0600, config);
        if (credentials)
                write_file("credentials", 0600, credentials);
}

static void
settings_cleanup(struct aws_settings **settings)
{
        aws_settings_free(*settings);
}

static void
credentials_cleanup(struct credentials *credentials)
{
        credentials_clear(credentials);
}

static struct aws_settings *
open_profile(const char *profile)
{
        struct aws_options options = { .profile = profile };
        struct error err = { 0 };
        struct aws_settings *settings = aws_settings_open(&options, &err);

        assert_done(settings, err);
        return settings;
}

/* Find credentials; they have this key id, secret and token. */
static void
expect(const char *profile, const char *id, const char *secret, const char *token)
{
        CLEANUP(settings_cleanup) struct aws_settings *settings = open_profile(profile);
        CLEANUP(credentials_cleanup) struct credentials found = { 0 };
        struct error err = { 0 };

        assert_done(credentials_find(settings, &found, &err), err);
        assert_string_equal(found.access_key_id, id);
        assert_true(view_equal(secret_view(&found.secret_access_key), view_text(secret)));
        assert_true(text_equal(found.session_token, token));
        assert_non_null(found.origin);
}

/* It fails with this kind and this word in its sentences, and tells no secret. */
static void
expect_error(const char *profile, enum error_kind kind, const char *word)
{
        CLEANUP(settings_cleanup) struct aws_settings *settings = NULL;
        CLEANUP(credentials_cleanup) struct credentials found = { 0 };
        struct aws_options options = { .profile = profile };
        struct error err = { 0 };

        settings = aws_settings_open(&options, &err);
        bool done = settings && credentials_find(settings, &found, &err);

        assert_refused(done, err, kind);
        CLEANUP(free_cleanup) char *all = text_format("%s|%s|%s", err.what, err.about, err.next);

        if (!strstr(all, word))
                fail_msg("'%s' is not in: %s", word, all);
        assert_null(strstr(all, "HUSH"));
}

/* -- the environment ---------------------------------------------------------------------- */

static void
the_environment_comes_first_unless_a_profile_was_named(void **state)
{
        (void)state;
        begin("[profile p]\nregion = eu-west-1\n",
              "[default]\naws_access_key_id = FILE\naws_secret_access_key = fs\n"
              "[p]\naws_access_key_id = P\naws_secret_access_key = ps\n");
        expect(NULL, "FILE", "fs", NULL);
        setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "es", 1);
        setenv("AWS_SESSION_TOKEN", "et", 1);
        expect(NULL, "ENV", "es", "et");
        expect("p", "P", "ps", NULL);
        setenv("AWS_PROFILE", "p", 1);
        expect(NULL, "ENV", "es", "et");
}

static void
half_a_pair_is_an_error_wherever_it_stands(void **state)
{
        (void)state;
        begin(NULL, NULL);
        setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
        expect_error(NULL, ERROR_CONFIG, "no secret access key");
        begin(NULL, NULL);
        setenv("AWS_SECRET_ACCESS_KEY", "HUSH", 1);
        expect_error(NULL, ERROR_CONFIG, "no access key id");
        begin(NULL, "[default]\naws_access_key_id = A\n");
        expect_error(NULL, ERROR_CONFIG, "no secret access key");
        begin("[default]\naws_secret_access_key = HUSH\n", NULL);
        expect_error(NULL, ERROR_CONFIG, "no access key id");
}

static void
an_expiration_in_the_environment_is_honoured(void **state)
{
        (void)state;
        begin(NULL, NULL);
        setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "HUSH", 1);
        setenv("AWS_CREDENTIAL_EXPIRATION", "2001-01-01T00:00:00Z", 1);
        expect_error(NULL, ERROR_CREDENTIALS_EXPIRED, "2001-01-01T00:00:00Z");
        setenv("AWS_CREDENTIAL_EXPIRATION", "tomorrow", 1);
        expect_error(NULL, ERROR_CONFIG, "AWS_CREDENTIAL_EXPIRATION");
        setenv("AWS_CREDENTIAL_EXPIRATION", "2222-01-01T00:00:00Z", 1);
        expect(NULL, "ENV", "HUSH", NULL);
}

static void
values_that_would_break_a_header_are_refused(void **state)
{
        (void)state;
        begin(NULL, NULL);
        setenv("AWS_ACCESS_KEY_ID", "A\r\nX-Evil: 1", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "HUSH", 1);
        expect_error(NULL, ERROR_CONFIG, "access key id");
        setenv("AWS_ACCESS_KEY_ID", "A", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "HUSH\n", 1);
        expect_error(NULL, ERROR_CONFIG, "white space");
        setenv("AWS_SECRET_ACCESS_KEY", "HUSH", 1);
        setenv("AWS_SESSION_TOKEN", "HUSH token", 1);
        expect_error(NULL, ERROR_CONFIG, "session token");
}

/* -- profiles and files ------------------------------------------------------------------- */

static void
the_credentials_file_wins_over_the_config_file(void **state)
{
        (void)state;
        begin("[profile p]\naws_access_key_id = C\naws_secret_access_key = cs\nregion = "
              "eu-west-1\n",
              "[p]\naws_access_key_id = K\naws_secret_access_key = ks\nregion = us-east-2\n");
        expect("p", "K", "ks", NULL);
        CLEANUP(settings_cleanup) struct aws_settings *settings = open_profile("p");

        assert_string_equal(aws_settings_region(settings), "us-east-2");
        begin("[profile p]\naws_access_key_id = C\naws_secret_access_key = cs\n", "[q]\n");
        expect("p", "C", "cs", NULL);
}

static void
a_profile_is_found_in_every_way_it_is_written(void **state)
{
        static const char *const configs[] = {
                "[profile my name]\naws_access_key_id=A\naws_secret_access_key=s\n",
                "[profile \"my name\"]\naws_access_key_id=A\naws_secret_access_key=s\n",
                "[ profile 'my name' ]\n  AWS_Access_Key_Id = A\n  aws_secret_access_key = s\n",
                "\xEF\xBB\xBF[profile my name]\r\naws_access_key_id = A\r\n"
                "aws_secret_access_key = s\r\n",
                "# c\n; c\n\n[profile my name] ; c\naws_access_key_id: A\n"
                "aws_secret_access_key = s",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(configs); i++) {
                begin(configs[i], NULL);
                expect("my name", "A", "s", NULL);
        }
}

static void
a_session_token_of_any_length_is_read_whole(void **state)
{
        enum { LENGTH = 30000 };
        CLEANUP(free_cleanup) char *token = memory_new(LENGTH + 1, 1);
        CLEANUP(free_cleanup) char *text = NULL;

        (void)state;
        memset(token, 'T', LENGTH);
        text = text_format("[default]\naws_access_key_id = A\naws_secret_access_key = s\n"
                           "aws_session_token = %s\n",
                           token);
        begin(NULL, text);
        expect(NULL, "A", "s", token);
}

static void
nothing_behind_a_value_is_taken_for_a_comment(void **state)
{
        (void)state;
        begin(NULL, "[default]\naws_access_key_id = A\naws_secret_access_key = s ;#x\n");
        expect(NULL, "A", "s ;#x", NULL);
}

static void
a_named_profile_that_is_not_there_is_an_error_with_those_that_are(void **state)
{
        (void)state;
        begin("[profile one]\nregion = eu-west-1\n[services x]\n", "[two]\n");
        expect_error("three", ERROR_CONFIG, "two, one");
        setenv("AWS_PROFILE", "four", 1);
        expect_error(NULL, ERROR_CONFIG, "'four'");
        begin(NULL, NULL);
        expect_error("three", ERROR_CONFIG, "no profile at all");
}

static void
without_any_file_nothing_is_found_and_the_places_are_named(void **state)
{
        (void)state;
        begin(NULL, NULL);
        expect_error(NULL, ERROR_CREDENTIALS_MISSING, "environment");
        expect_error(NULL, ERROR_CREDENTIALS_MISSING, folder);
}

static void
a_wrong_line_is_named_by_its_number_and_never_quoted(void **state)
{
        static const struct {
                const char *text;
                const char *word;
        } rows[] = {
                { "[default]\nregion = x\nHUSH\n", "line 3" },
                { "HUSH = 1\n", "line 1" },
                { "[default]\n\n\n[HUSH\n", "line 4" },
                { "[default]\nacm_pca =\n  HUSH\n", "line 3" },
                { "[default]\n= HUSH\n", "line 2" },
                { "[]\nHUSH = 1\n", "line 1" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                begin(rows[i].text, NULL);
                expect_error(NULL, ERROR_CONFIG, rows[i].word);
                begin(NULL, rows[i].text);
                expect_error(NULL, ERROR_CONFIG, rows[i].word);
        }
}

static void
a_file_that_is_not_text_or_too_large_is_refused(void **state)
{
        CLEANUP(free_cleanup) char *path = path_of("config");
        CLEANUP(free_cleanup) char *large = memory_new(1024 * 1024 + 2, 1);
        struct shared_file file = { 0 };
        struct error err = { 0 };

        (void)state;
        begin(NULL, NULL);
        assert_done(file_write(path, 0600, view_of("[a]\nb = \0c\n", 11), &err), err);
        assert_refused(shared_open(path, &file, &err), err, ERROR_CONFIG);
        memset(large, '#', 1024 * 1024 + 1);
        write_file("config", 0600, large);
        assert_refused(shared_open(path, &file, &err), err, ERROR_CONFIG);
        assert_refused(shared_open(folder, &file, &err), err, ERROR_CONFIG);
}

static void
nested_blocks_and_continued_values_are_read(void **state)
{
        CLEANUP(free_cleanup) char *path = path_of("config");
        struct shared_file file = { 0 };
        struct error err = { 0 };

        (void)state;
        begin("[services local]\nacm_pca =\n  endpoint_url = https://127.0.0.1:8443\n"
              "  other = 1\nsts =\n  endpoint_url = https://s\n"
              "[x]\nlong = one\n  two\n  # not this\n  three\n  indented = 4\nplain = 5\n",
              NULL);
        assert_done(shared_open(path, &file, &err), err);
        assert_string_equal(shared_get(&file, "services local", "acm_pca", "endpoint_url"),
                            "https://127.0.0.1:8443");
        assert_string_equal(shared_get(&file, "services local", "sts", "endpoint_url"),
                            "https://s");
        assert_null(shared_get(&file, "services local", NULL, "endpoint_url"));
        assert_null(shared_get(&file, "services local", NULL, "acm_pca"));
        assert_string_equal(shared_get(&file, "x", NULL, "long"), "one\ntwo\nthree\nindented = 4");
        assert_string_equal(shared_get(&file, "x", NULL, "plain"), "5");
        shared_clear(&file);
}

/* -- profiles of other kinds -------------------------------------------------------------- */

static void
profiles_that_need_a_login_say_what_helps(void **state)
{
        static const char *const keys[] = { "sso_session = s", "sso_start_url = https://x",
                                            "login_session = x" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
                CLEANUP(free_cleanup)
                char *config = text_format("[profile p]\n%s\naws_access_key_id = A\n"
                                           "aws_secret_access_key = HUSH\n",
                                           keys[i]);

                begin(config, NULL);
                expect_error("p", ERROR_CONFIG,
                             "aws configure export-credentials --profile p --format process");
                expect_error("p", ERROR_CONFIG, "line 2 of '");
        }
}

/* -- credential_process ------------------------------------------------------------------- */

/* A profile whose credential_process is this shell script. */
static void
begin_process(const char *script)
{
        CLEANUP(free_cleanup) char *program = path_of("program");
        CLEANUP(free_cleanup) char *text = text_format("#!/bin/sh\n%s\n", script);
        CLEANUP(free_cleanup)
        char *config = text_format("[default]\ncredential_process = %s 'an argument'\n", program);

        begin(config, NULL);
        write_file("program", 0700, text);
}

static void
a_program_can_provide_credentials(void **state)
{
        (void)state;
        begin_process("[ \"$1\" = 'an argument' ] || exit 1\n"
                      "echo '{\"Version\":1,\"AccessKeyId\":\"P\",\"SecretAccessKey\":\"ps\","
                      "\"SessionToken\":\"pt\",\"Expiration\":\"2222-01-01T00:00:00Z\"}'");
        expect(NULL, "P", "ps", "pt");
}

static void
a_program_is_asked_again_each_time(void **state)
{
        CLEANUP(credentials_cleanup) struct credentials found = { 0 };
        CLEANUP(free_cleanup) char *witness = path_of("witness");
        CLEANUP(free_cleanup)
        char *script = text_format(
                "echo x >> %s\necho \"{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"P$(wc -l <%s)\\\","
                "\\\"SecretAccessKey\\\":\\\"s\\\"}\"",
                witness, witness);
        struct error err = { 0 };

        (void)state;
        begin_process(script);
        CLEANUP(settings_cleanup) struct aws_settings *settings = open_profile(NULL);

        assert_done(credentials_find(settings, &found, &err), err);
        assert_string_equal(found.access_key_id, "P1");
        assert_done(credentials_find(settings, &found, &err), err);
        assert_string_equal(found.access_key_id, "P2");
}

static void
a_failing_program_shows_its_complaint_and_never_its_output(void **state)
{
        (void)state;
        begin_process("echo HUSH; echo 'please log in' >&2; exit 3");
        expect_error(NULL, ERROR_CREDENTIALS_MISSING, "exit status 3: please log in");
        begin_process("echo HUSH; kill -TERM $$");
        expect_error(NULL, ERROR_CREDENTIALS_MISSING, "signal 15");
        begin("[default]\ncredential_process = /nonexistent/program\n", NULL);
        expect_error(NULL, ERROR_CREDENTIALS_MISSING, "cannot be started");
        begin("[default]\ncredential_process = 'open\n", NULL);
        expect_error(NULL, ERROR_CONFIG, "quote");
}

static void
what_a_program_prints_is_checked(void **state)
{
        static const struct {
                const char *json;
                enum error_kind kind;
                const char *word;
        } rows[] = {
                { "HUSH", ERROR_CONFIG, "JSON" },
                { "", ERROR_CONFIG, "JSON" },
                { "[1]", ERROR_CONFIG, "JSON" },
                { "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"HUSH\"}", ERROR_CONFIG, "Version" },
                { "{\"Version\":2,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"HUSH\"}",
                  ERROR_CONFIG, "Version" },
                { "{\"Version\":1,\"AccessKeyId\":\"A\"}", ERROR_CONFIG, "SecretAccessKey" },
                { "{\"Version\":1,\"AccessKeyId\":7,\"SecretAccessKey\":\"HUSH\"}", ERROR_CONFIG,
                  "AccessKeyId" },
                { "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"HUSH\","
                  "\"Expiration\":\"2001-01-01T00:00:00Z\"}",
                  ERROR_CREDENTIALS_EXPIRED, "2001" },
                { "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"HUSH\","
                  "\"Expiration\":\"soon\"}",
                  ERROR_CONFIG, "Expiration" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup) char *script = text_format("echo '%s'", rows[i].json);

                begin_process(script);
                expect_error(NULL, rows[i].kind, rows[i].word);
        }
}

static void
a_program_that_does_not_end_is_killed_with_its_children(void **state)
{
        CLEANUP(secret_cleanup) struct secret output = { 0 };
        CLEANUP(free_cleanup) char *witness = path_of("witness");
        CLEANUP(free_cleanup)
        char *command = text_format("/bin/sh -c '(sleep 1; echo late > %s) & wait'", witness);
        struct error err = { 0 };
        int64_t begun = clock_boot_ms();

        (void)state;
        begin(NULL, NULL);
        unlink(witness);
        assert_refused(process_run(command, 300, &output, &err), err, ERROR_CREDENTIALS_MISSING);
        assert_in_range(clock_boot_ms() - begun, 300, 900);
        usleep(1200 * 1000);
        assert_false(file_exists(witness));
}

static void
a_program_that_prints_without_end_is_survived(void **state)
{
        CLEANUP(secret_cleanup) struct secret output = { 0 };
        struct error err = { 0 };

        (void)state;
        begin(NULL, NULL);
        assert_done(process_run("head -c 3000000 /dev/zero", 5000, &output, &err), err);
        assert_in_range(output.len, 1, 64 * 1024);
}

static void
a_program_inherits_no_descriptors(void **state)
{
        CLEANUP(secret_cleanup) struct secret output = { 0 };
        struct error err = { 0 };
        int ends[2];

        (void)state;
        begin(NULL, NULL);
        assert_int_equal(pipe(ends), 0);
        CLEANUP(free_cleanup)
        char *command = text_format("sh -c 'for fd in %d %d; do [ ! -e /proc/$$/fd/$fd ] || echo "
                                    "$fd; done; echo end'",
                                    ends[0], ends[1]);

        assert_done(process_run(command, 5000, &output, &err), err);
        assert_int_equal(output.len, 4);
        assert_memory_equal(output.data, "end\n", 4);
        close(ends[0]);
        close(ends[1]);
}

static void
command_lines_are_split_as_a_shell_splits_words(void **state)
{
        static const struct {
                const char *command;
                const char *words; /* joined with '|' */
        } rows[] = {
                { "a b  c", "a|b|c|" },
                { " a\tb\n", "a|b|" },
                { "'a b' \"c d\"", "a b|c d|" },
                { "a\\ b", "a b|" },
                { "\"a\\\"b\\\\c\\d\"", "a\"b\\c\\d|" },
                { "'a\\b'", "a\\b|" },
                { "a'b c'd", "ab cd|" },
                { "a '' \"\"", "a|||" },
                { "$HOME `x` *", "$HOME|`x`|*|" },
                { "a\\", "a\\|" },
        };
        static const char *const bad[] = { "", "  ", "'a", "a \"b" };
        struct error err = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(buf_cleanup) struct buf joined = { 0 };
                char **words = NULL;

                assert_done(process_split(rows[i].command, &words, &err), err);
                for (size_t j = 0; words[j]; j++)
                        buf_format(&joined, "%s|", words[j]);
                assert_string_equal(buf_text(&joined), rows[i].words);
                process_words_free(words);
        }
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
                char **words = NULL;

                assert_refused(process_split(bad[i], &words, &err), err, ERROR_CONFIG);
        }
}

/* -- settings ----------------------------------------------------------------------------- */

static void
the_region_comes_from_option_environment_profile(void **state)
{
        struct aws_options options = { .region = "eu-north-1" };
        struct error err = { 0 };

        (void)state;
        begin("[default]\nregion = us-west-2\n", NULL);
        CLEANUP(settings_cleanup) struct aws_settings *settings = open_profile(NULL);

        assert_string_equal(aws_settings_region(settings), "us-west-2");
        assert_string_equal(aws_settings_profile(settings), "default");
        setenv("AWS_DEFAULT_REGION", "us-east-2", 1);
        assert_string_equal(aws_settings_region(settings), "us-east-2");
        setenv("AWS_REGION", "us-east-1", 1);
        assert_string_equal(aws_settings_region(settings), "us-east-1");
        CLEANUP(settings_cleanup)
        struct aws_settings *with_option = aws_settings_open(&options, &err);

        assert_done(with_option, err);
        assert_string_equal(aws_settings_region(with_option), "eu-north-1");
        begin("[default]\nregion = us-west-2.evil.example\n", NULL);
        expect_error(NULL, ERROR_CONFIG, "not an AWS Region");
}

static void
endpoints_are_looked_for_from_the_nearest_to_the_farthest(void **state)
{
        struct aws_options remote = { .endpoint_url = "https://pca.example" };
        struct aws_options loopback = { .endpoint_url = "http://127.0.0.1:9" };
        struct error err = { 0 };

        (void)state;
        begin("[default]\nendpoint_url = https://profile\nservices = s\n"
              "[services s]\nacm_pca =\n  endpoint_url = https://service\n",
              NULL);
        CLEANUP(settings_cleanup) struct aws_settings *settings = open_profile(NULL);

        assert_string_equal(aws_settings_endpoint(settings, "acm-pca"), "https://service");
        assert_string_equal(aws_settings_endpoint(settings, "sts"), "https://profile");
        setenv("AWS_ENDPOINT_URL", "https://all", 1);
        assert_string_equal(aws_settings_endpoint(settings, "acm-pca"), "https://all");
        setenv("AWS_ENDPOINT_URL_ACM_PCA", "https://one", 1);
        assert_string_equal(aws_settings_endpoint(settings, "acm-pca"), "https://one");
        assert_string_equal(aws_settings_endpoint(settings, "sts"), "https://all");
        CLEANUP(settings_cleanup) struct aws_settings *far = aws_settings_open(&remote, &err);
        CLEANUP(settings_cleanup) struct aws_settings *near = aws_settings_open(&loopback, &err);

        assert_string_equal(aws_settings_endpoint(far, "acm-pca"), "https://pca.example");
        assert_string_equal(aws_settings_endpoint(far, "sts"), "https://all");
        assert_string_equal(aws_settings_endpoint(near, "sts"), "http://127.0.0.1:9");
        setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
        assert_null(aws_settings_endpoint(settings, "acm-pca"));
        assert_string_equal(aws_settings_endpoint(far, "acm-pca"), "https://pca.example");
}

static void
retry_settings_are_checked(void **state)
{
        (void)state;
        begin("[default]\nretry_mode = legacy\nmax_attempts = 7\n", NULL);
        CLEANUP(settings_cleanup) struct aws_settings *settings = open_profile(NULL);

        assert_string_equal(aws_settings_retry(settings).mode, "legacy");
        assert_int_equal(aws_settings_retry(settings).max_attempts, 7);
        begin(NULL, NULL);
        setenv("AWS_RETRY_MODE", "legacy", 1);
        CLEANUP(settings_cleanup) struct aws_settings *legacy = open_profile(NULL);

        assert_int_equal(aws_settings_retry(legacy).max_attempts, 5);
        setenv("AWS_RETRY_MODE", "eager", 1);
        expect_error(NULL, ERROR_CONFIG, "AWS_RETRY_MODE");
        setenv("AWS_RETRY_MODE", "adaptive", 1);
        setenv("AWS_MAX_ATTEMPTS", "0", 1);
        expect_error(NULL, ERROR_CONFIG, "AWS_MAX_ATTEMPTS");
        setenv("AWS_MAX_ATTEMPTS", "3", 1);
        setenv("AWS_USE_FIPS_ENDPOINT", "maybe", 1);
        expect_error(NULL, ERROR_CONFIG, "AWS_USE_FIPS_ENDPOINT");
}

static void
the_files_lie_in_the_home_folder_unless_told_otherwise(void **state)
{
        CLEANUP(free_cleanup) char *below = path_of(".aws");
        CLEANUP(free_cleanup) char *credentials = path_of(".aws/credentials");

        (void)state;
        begin(NULL, NULL);
        unsetenv("AWS_SHARED_CREDENTIALS_FILE");
        assert_int_equal(mkdir(below, 0700), 0);
        write_file(".aws/credentials", 0600,
                   "[default]\naws_access_key_id = H\naws_secret_access_key = s\n");
        expect(NULL, "H", "s", NULL);
        unlink(credentials);
        rmdir(below);
        write_file("credentials", 0600,
                   "[default]\naws_access_key_id = T\naws_secret_access_key = s\n");
        setenv("AWS_SHARED_CREDENTIALS_FILE", "~/credentials", 1);
        expect(NULL, "T", "s", NULL);
}

static void
a_copy_stands_on_its_own(void **state)
{
        struct credentials first = { .access_key_id = text_copy("A"),
                                     .session_token = text_copy("t"),
                                     .expires_at = 5,
                                     .origin = text_copy("o") };
        CLEANUP(credentials_cleanup) struct credentials copy = { 0 };

        (void)state;
        secret_set(&first.secret_access_key, view_text("s"));
        credentials_copy(&copy, &first);
        credentials_clear(&first);
        credentials_clear(&first);
        assert_string_equal(copy.access_key_id, "A");
        assert_string_equal(copy.session_token, "t");
        assert_int_equal(copy.expires_at, 5);
        assert_true(view_equal(secret_view(&copy.secret_access_key), view_text("s")));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_environment_comes_first_unless_a_profile_was_named),
                cmocka_unit_test(half_a_pair_is_an_error_wherever_it_stands),
                cmocka_unit_test(an_expiration_in_the_environment_is_honoured),
                cmocka_unit_test(values_that_would_break_a_header_are_refused),
                cmocka_unit_test(the_credentials_file_wins_over_the_config_file),
                cmocka_unit_test(a_profile_is_found_in_every_way_it_is_written),
                cmocka_unit_test(a_session_token_of_any_length_is_read_whole),
                cmocka_unit_test(nothing_behind_a_value_is_taken_for_a_comment),
                cmocka_unit_test(a_named_profile_that_is_not_there_is_an_error_with_those_that_are),
                cmocka_unit_test(without_any_file_nothing_is_found_and_the_places_are_named),
                cmocka_unit_test(a_wrong_line_is_named_by_its_number_and_never_quoted),
                cmocka_unit_test(a_file_that_is_not_text_or_too_large_is_refused),
                cmocka_unit_test(nested_blocks_and_continued_values_are_read),
                cmocka_unit_test(profiles_that_need_a_login_say_what_helps),
                cmocka_unit_test(a_program_can_provide_credentials),
                cmocka_unit_test(a_program_is_asked_again_each_time),
                cmocka_unit_test(a_failing_program_shows_its_complaint_and_never_its_output),
                cmocka_unit_test(what_a_program_prints_is_checked),
                cmocka_unit_test(a_program_that_does_not_end_is_killed_with_its_children),
                cmocka_unit_test(a_program_that_prints_without_end_is_survived),
                cmocka_unit_test(a_program_inherits_no_descriptors),
                cmocka_unit_test(command_lines_are_split_as_a_shell_splits_words),
                cmocka_unit_test(the_region_comes_from_option_environment_profile),
                cmocka_unit_test(endpoints_are_looked_for_from_the_nearest_to_the_farthest),
                cmocka_unit_test(retry_settings_are_checked),
                cmocka_unit_test(the_files_lie_in_the_home_folder_unless_told_otherwise),
                cmocka_unit_test(a_copy_stands_on_its_own),
        };

        return cmocka_run_group_tests_name("credentials", tests, make_folder, remove_folder);
}
