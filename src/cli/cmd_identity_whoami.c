/*
 * identity whoami: who AWS says we are.
 */
#include "cli/caller.h"
#include "cli/cloud.h"
#include "cli/show.h"
#include "cli/verbs.h"

bool
cmd_identity_whoami(struct command *command, struct error *err)
{
        CLEANUP(cloud_cleanup) struct cloud cloud = { 0 };
        CLEANUP(caller_clear) struct caller caller = { 0 };
        const char *id = NULL;
        const char *origin = NULL;

        if (!cloud_open(&cloud, command, NULL, NULL, err) ||
            !aws_client_identity(cloud.client, &id, &origin, err) ||
            !caller_ask(cloud.client, aws_settings_region(cloud.settings), &caller, err))
                return false;
        command->answer = cJSON_CreateObject();
        show_add_text(command->answer, "account", caller.said.account);
        show_add_text(command->answer, "arn", caller.said.arn);
        show_add_text(command->answer, "user_id", caller.said.user_id);
        show_add_text(command->answer, "kind", caller_kind_name(caller.kind));
        show_add_text(command->answer, "principal", caller.principal);
        show_add_text(command->answer, "session", caller.session);
        show_add_text(command->answer, "access_key_id", id);
        show_add_text(command->answer, "origin", origin);
        show_fact(&command->text, "account", caller.said.account);
        show_fact(&command->text, "ARN", caller.said.arn);
        show_fact(&command->text, "kind", caller_kind_name(caller.kind));
        show_fact_format(&command->text, "key", "%s from %s", id, origin);
        return true;
}
