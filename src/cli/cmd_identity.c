/*
 * identity policy: the smallest IAM policy for a use, or a role's trust policy.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/verbs.h"
#include "iam/write.h"
#include "order/template.h"

/* -- the wish ----------------------------------------------------------------------------- */

/* What the command line and the configuration ask for; owns the lists that `wish` borrows. */
struct request {
        struct iam_wish wish;
        const char **cas;
        char **templates;
};

static void
request_clear(struct request *request)
{
        for (size_t i = 0; i < request->wish.template_count; i++)
                free(request->templates[i]);
        free(request->templates);
        free(request->cas);
}

/* The arguments, or else --ca. */
static void
take_cas(const struct command *command, struct request *request)
{
        struct iam_wish *wish = &request->wish;
        const char *configured = option_text(&command->options, OPTION_CA);

        request->cas = memory_new(command->argument_count + 1, sizeof(*request->cas));
        for (; wish->ca_count < command->argument_count; wish->ca_count++)
                request->cas[wish->ca_count] = command->arguments[wish->ca_count];
        if (!wish->ca_count && configured)
                request->cas[wish->ca_count++] = configured;
        wish->cas = request->cas;
}

/* Names, nicks or ARNs, with commas between. */
static bool
take_templates(const struct command *command, struct request *request, struct error *err)
{
        const char *given = option_text(&command->options, OPTION_TEMPLATE);
        struct iam_wish *wish = &request->wish;

        if (!given)
                given = "EndEntityCertificate/V1";
        for (; *given; given += strspn(given, ",")) {
                size_t length = strcspn(given, ",");
                CLEANUP(free_cleanup) char *name = text_copy_length(given, length);
                char *arn = NULL;

                if (length && !template_resolve(name, wish->cas[0], &arn, err))
                        return false;
                given += length;
                if (!arn)
                        continue;
                request->templates = memory_grow(request->templates, wish->template_count + 1,
                                                 sizeof(*request->templates));
                request->templates[wish->template_count++] = arn;
                wish->templates = (const char *const *)request->templates;
        }
        return true;
}

static bool
request_make(const struct command *command, struct request *request, struct error *err)
{
        const struct options *options = &command->options;
        const struct option_value *sources = option_value(options, OPTION_SOURCE_IP);
        const char *use = option_text(options, OPTION_USE);
        struct iam_wish *wish = &request->wish;

        if (use && !iam_use_named(use, &wish->use))
                return error_set(err, ERROR_USAGE, "'%s' is not a use", use);
        take_cas(command, request);
        wish->role_name = option_text(options, OPTION_ROLE_NAME);
        wish->account = option_text(options, OPTION_ACCOUNT);
        wish->strict = option_flag(options, OPTION_STRICT);
        wish->mfa = option_flag(options, OPTION_MFA);
        wish->sources = (const char *const *)sources->texts;
        wish->source_count = sources->count;
        /* Without a CA the writer says that it needs one. */
        return !wish->ca_count || take_templates(command, request, err);
}

/* -- answers ------------------------------------------------------------------------------ */

static void
answer_policy(struct command *command, const char *kind, const char *json)
{
        buf_format(&command->text, "%s\n", json);
        command->answer = cJSON_CreateObject();
        cJSON_AddStringToObject(command->answer, "kind", kind);
        cJSON_AddItemToObject(command->answer, "policy", cJSON_Parse(json));
}

/* What the policy cannot keep the identity from: in the answer, and on stderr. */
static void
answer_limits(struct command *command, const struct iam_wish *wish)
{
        CLEANUP(buf_cleanup) struct buf limits = { 0 };
        cJSON *array = cJSON_AddArrayToObject(command->answer, "limits");

        iam_limits(wish, &limits);
        for (const char *line = buf_text(&limits); *line;) {
                size_t length = strcspn(line, "\n");
                CLEANUP(free_cleanup) char *limit = text_copy_length(line, length);

                cJSON_AddItemToArray(array, cJSON_CreateString(limit));
                command_say(command, "limit: %s", limit);
                line += length + (line[length] == '\n');
        }
}

static bool
write_trust(struct command *command, const char *trusted, struct error *err)
{
        const struct option_value *names = option_value(&command->options, OPTION_COMMON_NAME);
        struct iam_trust trust = {
                .principal = trusted,
                .external_id = option_line_text(&command->options, OPTION_EXTERNAL_ID),
                .mfa = option_flag(&command->options, OPTION_MFA),
        };
        CLEANUP(free_cleanup) char *json = NULL;
        bool done;

        if (strstr(trusted, ":trust-anchor/"))
                done = iam_write_trust_anywhere(trusted, (const char *const *)names->texts,
                                                names->count, true, &json, err);
        else
                done = iam_write_trust(&trust, true, &json, err);
        if (!done || !iam_policy_fits(PLACE_TRUST, json, err))
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
        answer_limits(command, wish);
        return true;
}

bool
cmd_identity_policy(struct command *command, struct error *err)
{
        const char *trusted = option_text(&command->options, OPTION_ROLE_TRUST);
        CLEANUP(request_clear) struct request request = { 0 };
        CLEANUP(free_cleanup) char *json = NULL;
        struct error too_long = { 0 };

        if (trusted)
                return write_trust(command, trusted, err);
        if (!request_make(command, &request, err))
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
        answer_limits(command, &request.wish);
        if (!iam_policy_fits(PLACE_USER, json, &too_long))
                command_say(command, "note: %s; a role takes it", too_long.what);
        return true;
}
