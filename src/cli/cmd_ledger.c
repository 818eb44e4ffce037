/*
 * audit verify, ledger check, ledger backup: the record itself.
 */
#include "base/file.h"
#include "cli/show.h"
#include "cli/verbs.h"

static void
answer_good(struct command *command, const char *what)
{
        command->answer = cJSON_CreateObject();
        cJSON_AddStringToObject(command->answer, "result", "good");
        show_add_text(command->answer, "ledger", command->state);
        show_fact(&command->text, "ledger", command->state);
        show_fact(&command->text, "result", what);
}

bool
cmd_audit_verify(struct command *command, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = ledger_open_read(command->state, err);
        int64_t links = 0;

        if (!ledger || !ledger_verify(ledger, &links, err))
                return false;
        answer_good(command, "the hash chain is whole");
        cJSON_AddNumberToObject(command->answer, "links", (double)links);
        show_fact_format(&command->text, "links", "%lld", (long long)links);
        return true;
}

bool
cmd_ledger_check(struct command *command, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = ledger_open_read(command->state, err);

        if (!ledger || !ledger_check(ledger, err))
                return false;
        answer_good(command, "the file is whole");
        return true;
}

bool
cmd_ledger_backup(struct command *command, struct error *err)
{
        CLEANUP(ledger_cleanup) struct ledger *ledger = ledger_open_read(command->state, err);
        CLEANUP(free_cleanup) char *path = file_absolute(command->arguments[0]);

        if (!ledger)
                return false;
        if (!command->dry_run && !ledger_backup(ledger, path, err))
                return false;
        answer_good(command, command->dry_run ? "dry run: nothing was copied" : "copied");
        show_add_text(command->answer, "backup", path);
        show_fact(&command->text, "backup", path);
        return true;
}
