#include "tests/unit/unit.h"

#include "base/file.h"
#include "cli/lint.h"
#include "tests/unit/folder.h"

static char folder[64];

/* The problems of a configuration; the caller clears it. */
static void
lint(const char *text, struct config *config)
{
        CLEANUP(free_cleanup) char *path = text_format("%s/config", folder);
        struct error err = { 0 };

        *config = (struct config){ 0 };
        assert_done(file_write(path, 0600, view_text(text), &err), err);
        if (config_load(config, path, &err))
                err = (struct error){ 0 };
        const struct command command = { 0 };

        lint_config(config, &command);
}

static void
a_profile_that_needs_token_and_manifest_is_good_without_them(void **state)
{
        struct config config;

        (void)state;
        lint("ca = arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/"
             "11111111-2222-3333-4444-555555555555\n"
             "[profile base]\nkey-type = ec:p384\nvalidity = ca-end\nkey-usage = digitalSignature\n"
             "[profile device]\nextends = base\nsubject = CN={token.serial},C={attr.country}\n"
             "san = ip:{attr.address}\nsan = email:{attr.mail}\nsan = rid:{attr.oid}\n"
             "san = dns:{name}.example\nlabel = {row}\nholder = {attr.who}\n"
             "[profile elsewhere]\nextends = base\nkey = engine:tpm2tss:key-7\nsubject = "
             "CN={name}\n"
             "[profile more]\nextends = device\n"
             "out = /srv/{date.compact}\ntemplate = client\next-key-usage = clientAuth\n",
             &config);
        if (config.problem_count)
                fail_msg("%s: %s", config.problems[0].error.about, config.problems[0].error.what);
        config_clear(&config);
}

static void
what_is_wrong_with_a_value_is_said_with_what_would_be_right(void **state)
{
        static const struct {
                const char *line;
                const char *what;
                const char *next;
        } rows[] = {
                { "key-type = ec:p521x", "", "ec:p256" },
                { "validity = 1 year", "", "365d" },
                { "template = EndEntityServerAuthCertficate", "", "EndEntityServerAuth" },
                { "key-usage = digitalSignatur", "", "" },
                { "ext-key-usage = serverAuht", "", "" },
                { "policy-oid = 1.2.x", "", "" },
                { "extension = 1.2.3", "", "" },
                { "hash = md5", "", "sha256" },
                { "allow-difference = subjects", "", "" },
                { "subject = CN={token.seriel}", "no placeholder", "{token.serial}" },
                { "subject = CN=a,XY=b", "unknown attribute 'XY'", "" },
                { "subject = C=Germany", "too long", "" },
                { "san = dns:{name}..example", "label", "" },
                { "san = {attr.x}:y", "no placeholder", "dns:" },
                { "token = pkcs11:token", "", "" },
                { "pin-source = 1234", "", "" },
                { "ca = arn:aws:acm-pca", "", "" },
                { "signing-algorithm = SHA1WITHRSA", "", "" },
                { "path-length = 9", "0, 1, 2 or 3", "" },
                { "format = pfx", "'pfx'", "pem" },
                { "store = disk", "'disk'", "token" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                CLEANUP(free_cleanup) char *text = text_format("[profile a]\n%s\n", rows[i].line);
                struct config config;

                lint(text, &config);
                if (config.problem_count != 1)
                        fail_msg("%s: %zu problems", rows[i].line, config.problem_count);
                const struct error *err = &config.problems[0].error;

                if (!strstr(err->what, rows[i].what) || !strstr(err->next, rows[i].next))
                        fail_msg("%s: %s / %s", rows[i].line, err->what, err->next);
                if (!strstr(err->about, "line 2"))
                        fail_msg("%s: %s", rows[i].line, err->about);
                config_clear(&config);
        }
}

/* A wish that the template drops is found without asking a CA. */
static void
a_profile_whose_template_would_drop_a_wish_is_refused(void **state)
{
        struct config config;

        (void)state;
        lint("[profile good]\ntemplate = server\next-key-usage = serverAuth\n"
             "[profile lost]\nextends = good\next-key-usage = codeSigning\n",
             &config);
        assert_int_equal(config.problem_count, 1);
        assert_non_null(strstr(config.problems[0].error.about, "[profile lost]"));
        assert_non_null(strstr(config.problems[0].where, "config:5"));
        config_clear(&config);
}

static void
every_value_is_looked_at_and_nothing_is_said_twice(void **state)
{
        struct config config;

        (void)state;
        lint("format = pfx\n[profile a]\n[profile b]\n[profile c]\nextends = b\n", &config);
        assert_int_equal(config.problem_count, 1);
        config_clear(&config);
        lint("key-type = x\nvalidity = y\n[profile a]\nhash = z\nmodul = w\n", &config);
        assert_int_equal(config.problem_count, 4);
        config_clear(&config);
        lint("[profile a]\nnot-before = yesterday\nfile-mode = 999\nfile-mode-x = 1\n"
             "renew-before = soon\ndeploy-hook = reload.sh\nfile-owner = nobody-of-that-name\n"
             "path-length = 5\nformat = pfx\nstore = disk\n",
             &config);
        assert_int_equal(config.problem_count, 9);
        for (size_t i = 0; i < config.problem_count; i++) {
                CLEANUP(free_cleanup) char *line = text_format(":%zu", i + 2);

                assert_string_equal(strrchr(config.problems[i].where, ':'), line);
                assert_true(config.problems[i].error.next[0]);
        }
        config_clear(&config);
}

static int
setup(void **state)
{
        (void)state;
        return folder_make(folder);
}

static int
teardown(void **state)
{
        (void)state;
        return folder_remove(folder);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_profile_that_needs_token_and_manifest_is_good_without_them),
                cmocka_unit_test(what_is_wrong_with_a_value_is_said_with_what_would_be_right),
                cmocka_unit_test(a_profile_whose_template_would_drop_a_wish_is_refused),
                cmocka_unit_test(every_value_is_looked_at_and_nothing_is_said_twice),
        };

        return cmocka_run_group_tests_name("lint", tests, setup, teardown);
}
