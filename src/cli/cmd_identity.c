/*
 * identity policy: the smallest IAM policy for a use, or a role's trust policy.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/identity_wish.h"
#include "cli/verbs.h"

/* -- answers ------------------------------------------------------------------------------ */

static void
answer_policy(struct command *command, const char *kind, const char *json)
{
        buf_format(&command->text, "%s\n", json);
        command->answer = cJSON_CreateObject();
        cJSON_AddStringToObject(command->answer, "kind", kind);
        cJSON_AddItemToObject(command->answer, "policy", cJSON_Parse(json));
}

static bool
write_trust(struct command *command, const char *trusted, struct error *err)
{
        CLEANUP(free_cleanup) char *json = NULL;

        if (!identity_trust(command, trusted, true, &json, err))
                return false;
        answer_policy(command, "trust", json);
        return true;
}

static bool
write_session(struct command *command, const struct iam_wish *wish, struct error *err)
{
        CLEANUP(free_cleanup) char *json = NULL;

        if (!iam_write_session(wish, &json, err))
                return false;
        answer_policy(command, "session", json);
        identity_answer_limits(command, wish);
        return true;
}

bool
cmd_identity_policy(struct command *command, struct error *err)
{
        const char *trusted = option_text(&command->options, OPTION_ROLE_TRUST);
        CLEANUP(identity_wish_clear) struct identity_wish request = { 0 };
        CLEANUP(free_cleanup) char *json = NULL;
        struct error too_long = { 0 };

        if (trusted)
                return write_trust(command, trusted, err);
        if (!identity_wish_read(command, 0, &request, err))
                return false;
        if (option_flag(&command->options, OPTION_SESSION))
                return write_session(command, &request.wish, err);
        if (!iam_write_policy(&request.wish, true, &json, err) ||
            !iam_policy_fits(PLACE_ROLE, json, err))
                return false;
        answer_policy(command, "identity", json);
        cJSON_AddStringToObject(command->answer, "use", iam_use_name(request.wish.use));
        cJSON_AddNumberToObject(command->answer, "characters",
                                (double)iam_policy_length(PLACE_ROLE, json));
        identity_answer_limits(command, &request.wish);
        if (!iam_policy_fits(PLACE_USER, json, &too_long))
                command_say(command, "note: %s; a role takes it", too_long.what);
        return true;
}
