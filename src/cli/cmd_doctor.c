/*
 * doctor: tries what `issue` will need, changes nothing, and says what to mend.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/checkup.h"
#include "cli/cloud.h"
#include "cli/inquiry.h"
#include "cli/show.h"
#include "cli/verbs.h"
#include "drive/batch.h"

enum {
        CLOCK_WARN_S = 60,
        CLOCK_FAIL_S = 300, /* AWS refuses signatures that are older than five minutes */
        SPACE_WARN_BYTES = 64 << 20,
        SPACE_FAIL_BYTES = 1 << 20,
        CA_WARN_S = 90 * 24 * 3600,
};

void
checkup_add(struct checkup *checkup, const char *name, enum result result, const char *detail,
            const char *next)
{
        static const char *const words[] = { "ok", "warn", "fail", "skip" };
        struct buf *out = &checkup->command->text;
        CLEANUP(free_cleanup) char *printable = show_printable(detail);
        cJSON *row = cJSON_CreateObject();

        cJSON_AddItemToArray(checkup->rows, row);
        cJSON_AddStringToObject(row, "name", name);
        cJSON_AddStringToObject(row, "result", words[result]);
        show_add_text(row, "detail", detail);
        show_add_text(row, "next", next);
        buf_format(out, "%-5s %-10s %s\n", words[result], name, printable);
        show_lines(out, 16, "", next ? next : "");
}

void
checkup_ok(struct checkup *checkup, const char *name, const char *format, ...)
{
        CLEANUP(free_cleanup) char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        int length = vasprintf(&text, format, arguments);

        va_end(arguments);
        assert(length >= 0);
        checkup_add(checkup, name, RESULT_OK, text, NULL);
}

void
checkup_fail(struct checkup *checkup, const char *name, const struct error *err)
{
        CLEANUP(free_cleanup)
        char *detail = text_format("%s%s%s", err->what, err->about[0] ? ": " : "", err->about);

        checkup_add(checkup, name, RESULT_FAIL, detail, err->next);
        if (checkup->first.kind == ERROR_NONE)
                checkup->first = *err;
}

/* -- state folder, space, ledger
 * -------------------------------------------------------------------- */

static void
check_state_folder(struct checkup *checkup)
{
        const char *state = checkup->command->state;
        struct error err = { 0 };
        struct stat status;

        if (stat(state, &status) != 0) {
                checkup_add(checkup, "state", RESULT_OK,
                            "not there yet; it is made when it is needed", NULL);
                return;
        }
        if (!S_ISDIR(status.st_mode) || access(state, W_OK | X_OK) != 0) {
                error_set(&err, ERROR_FILE, "%s cannot be written", state);
                error_advise(&err, "make it yours, or name another one with --state");
                checkup_fail(checkup, "state", &err);
        } else if (status.st_mode & 077) {
                CLEANUP(free_cleanup) char *next = text_format("chmod 0700 '%s'", state);

                checkup_add(checkup, "state", RESULT_WARN, "others may look into it", next);
        } else {
                checkup_ok(checkup, "state", "%s", state);
        }
}

static void
check_space(struct checkup *checkup)
{
        const char *state = checkup->command->state;
        int64_t bytes = file_free_bytes(file_exists(state) ? state : "/");
        CLEANUP(free_cleanup)
        char *text = text_format("%lld MiB are free", (long long)(bytes >> 20));
        struct error err = { 0 };

        if (bytes < 0) {
                checkup_add(checkup, "space", RESULT_SKIP, "the file system does not tell", NULL);
        } else if (bytes < SPACE_FAIL_BYTES) {
                error_set(&err, ERROR_DISK_FULL, "%s", text);
                error_advise(&err, "free some space where the ledger is");
                checkup_fail(checkup, "space", &err);
        } else if (bytes < SPACE_WARN_BYTES) {
                checkup_add(checkup, "space", RESULT_WARN, text,
                            "free some space where the ledger is");
        } else {
                checkup_add(checkup, "space", RESULT_OK, text, NULL);
        }
}

static void
check_ledger(struct checkup *checkup)
{
        struct error err = { 0 };
        CLEANUP(ledger_cleanup)
        struct ledger *ledger = ledger_open_read(checkup->command->state, &err);
        int64_t links = 0;

        if (!ledger && err.kind == ERROR_NOTHING)
                checkup_add(checkup, "ledger", RESULT_OK, "there is none yet", NULL);
        else if (!ledger || !ledger_check(ledger, &err) || !ledger_verify(ledger, &links, &err))
                checkup_fail(checkup, "ledger", &err);
        else
                checkup_ok(checkup, "ledger", "whole; %lld links in the hash chain",
                           (long long)links);
}

/* -- PIN file, module, token
 * ------------------------------------------------------------------------- */

static void
check_pin(struct checkup *checkup)
{
        const struct pin_source *source = command_pin(checkup->command);
        CLEANUP(secret_cleanup) struct secret pin = { 0 };
        struct error err = { 0 };

        if (!source || source->kind != PIN_FILE) {
                checkup_add(checkup, "PIN", RESULT_SKIP,
                            source ? "it does not come from a file" : "no --pin-source was given",
                            NULL);
                return;
        }
        if (!pin_read(source, "the token", NULL, NULL, &pin, &err))
                checkup_fail(checkup, "PIN", &err);
        else if (pin_source_is_open(source))
                checkup_add(checkup, "PIN", RESULT_WARN, "other users can get at the PIN file",
                            "chmod 600 it");
        else
                checkup_ok(checkup, "PIN", "%s is there, and nobody else can read it",
                           source->argument);
}

struct seen {
        size_t tokens;
        char *notes;
        char *uri;
        char *flags;
};

static bool
look_at_modules(struct modules *modules, struct token *token, void *context, struct error *err)
{
        struct seen *seen = context;
        struct token_facts *list = NULL;

        (void)token;
        if (!modules_list(modules, &list, &seen->tokens, err))
                return false;
        tokens_free(list, seen->tokens);
        seen->notes = show_joined(modules_notes(modules));
        return true;
}

static bool
check_module(struct checkup *checkup)
{
        CLEANUP(inquiry_free) struct seen *seen = memory_new(1, sizeof(*seen));
        const char *module = option_text(&checkup->command->options, OPTION_MODULE);
        struct error err = { 0 };

        if (!inquire(checkup->command, NULL, NULL, false, look_at_modules, seen, &err)) {
                checkup_fail(checkup, "module", &err);
                return false;
        }
        CLEANUP(free_cleanup) char *notes = seen->notes;
        CLEANUP(free_cleanup)
        char *text = text_format("%s: %zu token%s%s%s", module ? module : "p11-kit's registry",
                                 seen->tokens, seen->tokens == 1 ? "" : "s",
                                 *notes ? "; not loaded: " : "", notes);

        checkup_add(checkup, "module", *notes ? RESULT_WARN : RESULT_OK, text,
                    *notes ? "name the one that is needed with --module PATH" : NULL);
        return true;
}

static bool
look_at_token(struct modules *modules, struct token *token, void *context, struct error *err)
{
        const struct token_facts *facts = token_facts(token);
        struct seen *seen = context;

        (void)modules;
        (void)err;
        seen->uri = text_format("'%s', serial %s", facts->label, facts->serial);
        seen->flags = facts->pin_locked        ? text_copy("its PIN is locked")
                      : facts->pin_final_try   ? text_copy("one try of its PIN is left")
                      : facts->write_protected ? text_copy("it is write-protected")
                      : facts->pin_count_low   ? text_copy("a wrong PIN was tried")
                                               : NULL;
        return true;
}

static void
check_token(struct checkup *checkup)
{
        const struct command *command = checkup->command;
        const char *uri = option_text(&command->options, OPTION_TOKEN);
        CLEANUP(inquiry_free) struct seen *seen = memory_new(1, sizeof(*seen));
        struct error err = { 0 };

        if (!uri) {
                checkup_add(checkup, "token", RESULT_SKIP, "no --token was given",
                            "`p11cert token list` shows the URIs");
                return;
        }
        if (!inquire(command, uri, NULL, false, look_at_token, seen, &err)) {
                checkup_fail(checkup, "token", &err);
                return;
        }
        CLEANUP(free_cleanup) char *name = seen->uri;
        CLEANUP(free_cleanup) char *flags = seen->flags;
        CLEANUP(free_cleanup)
        char *text = text_format("%s%s%s", name, flags ? ": " : "", flags ? flags : "");

        checkup_add(checkup, "token", flags ? RESULT_WARN : RESULT_OK, text, NULL);
}

static bool
look_logged_in(struct modules *modules, struct token *token, void *context, struct error *err)
{
        (void)modules;
        (void)context;
        return token_check(token, err);
}

static void
check_login(struct checkup *checkup)
{
        const struct command *command = checkup->command;
        const char *uri = option_text(&command->options, OPTION_TOKEN);
        struct error err = { 0 };

        if (!uri || !command_pin(command))
                checkup_add(checkup, "login", RESULT_SKIP, "needs --token and --pin-source", NULL);
        else if (inquire(command, uri, NULL, true, look_logged_in, NULL, &err))
                checkup_add(checkup, "login", RESULT_OK, "the token takes the PIN", NULL);
        else
                checkup_fail(checkup, "login", &err);
}

/* -- identity, CA, clock
 * ------------------------------------------------------------------------------ */

static void
judge_authority(struct checkup *checkup, const struct pca_authority *authority)
{
        struct error err = { 0 };
        char end[CLOCK_TEXT];
        int64_t left = authority->not_after - clock_now();

        clock_format(authority->not_after, end);
        if (!text_equal(authority->status, "ACTIVE")) {
                error_set(&err, ERROR_CA_STATE, "the CA is %s",
                          authority->status ? authority->status : "in no known state");
                error_advise(&err, "ask its administrator to make it active");
                checkup_fail(checkup, "CA", &err);
        } else if (authority->not_after && left < 0) {
                error_set(&err, ERROR_CA_EXPIRED, "the CA's certificate ended on %s", end);
                error_advise(&err, "ask its administrator for another CA");
                checkup_fail(checkup, "CA", &err);
        } else if (authority->not_after && left < CA_WARN_S) {
                CLEANUP(free_cleanup) char *text = text_format("active, but it ends on %s", end);

                checkup_add(checkup, "CA", RESULT_WARN, text,
                            "ask its administrator for a successor");
        } else {
                checkup_ok(checkup, "CA", "%s, %s, until %s",
                           authority->subject ? authority->subject : authority->arn,
                           authority->key_algorithm ? authority->key_algorithm : "key unknown",
                           authority->not_after ? end : "an unknown time");
        }
}

static void
check_clock(struct checkup *checkup, const struct cloud *cloud, bool asked)
{
        int64_t offset = asked ? aws_clock_offset(cloud->client) : 0;
        int64_t size = offset < 0 ? -offset : offset;
        CLEANUP(free_cleanup)
        char *text = text_format("%lld seconds %s the server's", (long long)size,
                                 offset < 0 ? "ahead of" : "behind");
        static const char advice[] = "let NTP set this machine's clock";
        struct error err = { 0 };

        if (!asked) {
                checkup_add(checkup, "clock", RESULT_SKIP, "there is no answer to compare it with",
                            NULL);
        } else if (size < CLOCK_WARN_S) {
                checkup_add(checkup, "clock", RESULT_OK, "agrees with the server's", NULL);
        } else if (size < CLOCK_FAIL_S) {
                checkup_add(checkup, "clock", RESULT_WARN, text, advice);
        } else {
                error_set(&err, ERROR_CLOCK, "%s", text);
                error_advise(&err, "%s", advice);
                checkup_fail(checkup, "clock", &err);
        }
}

static bool
check_ca(struct checkup *checkup, struct cloud *cloud)
{
        const char *arn = option_text(&checkup->command->options, OPTION_CA);
        struct pca_authority authority = { 0 };
        struct error err = { 0 };

        if (!arn) {
                checkup_add(checkup, "CA", RESULT_SKIP, "no --ca was given",
                            "`p11cert ca list` shows the CAs there are");
                return false;
        }
        if (!command_ca(checkup->command, NULL, &err) ||
            !cloud_describe(cloud, arn, &authority, &err)) {
                /* Who may only issue can still issue. */
                if (err.kind == ERROR_DENIED)
                        checkup_add(
                                checkup, "CA", RESULT_WARN, "the identity may not describe it",
                                "with --signing-algorithm and --root it can issue all the same");
                else
                        checkup_fail(checkup, "CA", &err);
                return err.kind == ERROR_DENIED;
        }
        judge_authority(checkup, &authority);
        pca_authority_clear(&authority);
        return true;
}

static void
check_aws(struct checkup *checkup)
{
        CLEANUP(cloud_cleanup) struct cloud cloud = { 0 };
        bool asked = false;

        checkup_station(checkup);
        if (checkup_identity(checkup, &cloud)) {
                asked = check_ca(checkup, &cloud);
                checkup_anchor(checkup, &cloud);
        }

        check_clock(checkup, &cloud, asked);
}

bool
cmd_doctor(struct command *command, struct error *err)
{
        struct checkup checkup = { .command = command };

        command->answer = cJSON_CreateObject();
        checkup.rows = cJSON_AddArrayToObject(command->answer, "checks");
        check_state_folder(&checkup);
        check_space(&checkup);
        check_ledger(&checkup);
        check_pin(&checkup);
        if (check_module(&checkup))
                check_token(&checkup);
        if (!drive_hangs())
                check_login(&checkup);
        check_aws(&checkup);
        if (checkup.first.kind == ERROR_NONE)
                return true;
        *err = checkup.first;
        return false;
}
