/*
 * identity create, rotate, delete: what an administrator does with limited identities.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/identity_key.h"
#include "cli/identity_wish.h"
#include "cli/show.h"
#include "cli/verbs.h"

/* What the verbs share. */
struct work {
        struct cloud cloud;
        struct keeper keeper;
        struct identity_key key;
};

static void
work_clear(struct work *work)
{
        identity_key_clear(&work->key);
        keeper_clear(&work->keeper);
        cloud_cleanup(&work->cloud);
}

static bool
check_name(const char *name, struct error *err)
{
        size_t length = strlen(name);
        bool good = length >= 1 && length <= 64;

        for (size_t i = 0; good && i < length; i++)
                good = (name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= 'a' && name[i] <= 'z') ||
                       (name[i] >= '0' && name[i] <= '9') || strchr("_+=,.@-", name[i]);
        /* It becomes the name of a file, too. */
        if (good && name[0] != '.')
                return true;
        error_set(err, ERROR_USAGE, "'%.64s' cannot be the name of an identity", name);
        return error_advise(err, "take 1 to 64 letters, digits and characters of _+=,.@-");
}

/* IAM is one for a partition; the Region only says which. */
static const char *
region_of(const struct aws_settings *settings, const char *ca_arn, char out[32])
{
        struct error ignored = { 0 };
        const char *region = aws_settings_region(settings);
        struct ca_arn parts;

        if (ca_arn && ca_arn_parse(ca_arn, &parts, &ignored)) {
                memcpy(out, parts.region, sizeof(parts.region));
                return out;
        }
        return region ? region : "us-east-1";
}

static bool
open_work(struct work *work, struct command *command, const char *ca_arn, char region[32],
          struct error *err)
{
        const char *name = command->arguments[0];

        if (!check_name(name, err) ||
            !cloud_open_at(&work->cloud, command, NULL, NULL, ca_arn, err))
                return false;
        work->keeper = (struct keeper){ .cloud = &work->cloud,
                                        .name = name,
                                        .region = region_of(work->cloud.settings, ca_arn, region) };
        return identity_key_open(command, &work->keeper,
                                 option_text(&command->options, OPTION_TO_PROFILE), &work->key,
                                 err);
}

/* -- the answer --------------------------------------------------------------------------- */

static void
answer(struct command *command, const struct work *work, const char *result)
{
        const struct iam_entity *entity = &work->keeper.entity;

        command->answer = cJSON_CreateObject();
        cJSON_AddStringToObject(command->answer, "result", result);
        cJSON_AddStringToObject(command->answer, "kind", work->keeper.role ? "role" : "user");
        show_add_text(command->answer, "name", work->keeper.name);
        show_add_text(command->answer, "arn", entity->arn);
        show_fact(&command->text, "identity", work->keeper.name);
        show_fact(&command->text, "ARN", entity->arn);
        show_fact(&command->text, "result", result);
}

static void
answer_profile(struct command *command, const struct work *work)
{
        show_add_text(command->answer, "profile", work->key.profile);
        show_add_text(command->answer, "credentials_file", work->key.path);
        show_fact_format(&command->text, "profile", "%s in %s", work->key.profile, work->key.path);
}

/* -- create ------------------------------------------------------------------------------- */

/* Its trust policy makes it a role; NULL for a user. */
static bool
trust_of(const struct command *command, char **trust, struct error *err)
{
        const char *trusted = option_text(&command->options, OPTION_ROLE_TRUST);

        return !trusted || identity_trust(command, trusted, false, trust, err);
}

/* Have it there, with its policy; `changed` is whether that took anything. */
static bool
make(struct work *work, const char *policy, const char *trust, bool *changed, struct error *err)
{
        bool made = false;
        bool policy_changed = false;
        bool trust_changed = false;

        if (!work->keeper.found) {
                made = true;
                if (!keeper_make(&work->keeper, trust, err))
                        return false;
        }
        if (!keeper_set_policy(&work->keeper, policy, &policy_changed, err))
                return false;
        if (work->keeper.role && !made &&
            !keeper_set_trust(&work->keeper, trust, &trust_changed, err))
                return false;
        *changed = made || policy_changed || trust_changed;
        return true;
}

/* Policies that p11cert did not write give it more than it says. */
static bool
note_others(struct command *command, struct work *work, struct error *err)
{
        for (int attached = 0; attached <= 1; attached++) {
                CLEANUP(iam_names_clear) struct iam_names names = { 0 };

                if (!keeper_policies(&work->keeper, attached, &names, err))
                        return false;
                for (size_t i = 0; i < names.count; i++) {
                        if (attached || strcmp(names.all[i], KEEPER_POLICY) != 0)
                                command_say(command, "note      policy %s hangs on it, too",
                                            names.all[i]);
                }
        }
        return true;
}

static bool
create(struct command *command, struct work *work, const char *policy, const char *trust,
       struct error *err)
{
        bool changed = false;
        bool key_changed = false;
        const char *result = "unchanged";

        work->keeper.role = trust != NULL;
        if (!keeper_look(&work->keeper, err))
                return false;
        bool found = work->keeper.found;

        if (command->dry_run) {
                answer(command, work, found ? "would bring up to date" : "would create");
                return true;
        }
        if (!make(work, policy, trust, &changed, err) || !note_others(command, work, err) ||
            (!trust && !identity_key_ensure(&work->key, false, &key_changed, err)))
                return false;
        if (!found)
                result = "created";
        else if (changed || key_changed)
                result = "updated";
        answer(command, work, result);
        return true;
}

bool
cmd_identity_create(struct command *command, struct error *err)
{
        CLEANUP(identity_wish_clear) struct identity_wish request = { 0 };
        CLEANUP(work_clear) struct work work = { 0 };
        CLEANUP(free_cleanup) char *policy = NULL;
        CLEANUP(free_cleanup) char *trust = NULL;
        char region[32];

        if (!identity_wish_read(command, 1, &request, err) ||
            !iam_write_policy(&request.wish, false, &policy, err) ||
            !trust_of(command, &trust, err) ||
            !iam_policy_fits(trust ? PLACE_ROLE : PLACE_USER, policy, err))
                return false;
        if (!open_work(&work, command, request.wish.ca_count ? request.wish.cas[0] : NULL, region,
                       err) ||
            !create(command, &work, policy, trust, err))
                return false;
        cJSON_AddStringToObject(command->answer, "use", iam_use_name(request.wish.use));
        cJSON_AddItemToObject(command->answer, "policy", cJSON_Parse(policy));
        show_fact(&command->text, "for", iam_use_summary(request.wish.use));
        if (!trust)
                answer_profile(command, &work);
        identity_answer_limits(command, &request.wish);
        return true;
}

/* -- rotate ------------------------------------------------------------------------------- */

bool
cmd_identity_rotate(struct command *command, struct error *err)
{
        CLEANUP(work_clear) struct work work = { 0 };
        char region[32];
        bool changed = false;

        if (!open_work(&work, command, NULL, region, err))
                return false;
        if (!keeper_look(&work.keeper, err))
                return false;
        if (!work.keeper.found) {
                error_set(err, ERROR_NOTHING, "there is no user of that name");
                error_about(err, "'%s'", work.keeper.name);
                return error_advise(err, "p11cert identity create makes one; a role has no keys");
        }
        if (command->dry_run) {
                answer(command, &work, "would rotate");
                return true;
        }
        if (!identity_key_ensure(&work.key, true, &changed, err))
                return false;
        answer(command, &work, "rotated");
        answer_profile(command, &work);
        return true;
}

/* -- delete ------------------------------------------------------------------------------- */

bool
cmd_identity_delete(struct command *command, struct error *err)
{
        CLEANUP(work_clear) struct work work = { 0 };
        char region[32];
        bool changed = false;

        if (!open_work(&work, command, NULL, region, err) ||
            !keeper_look_for_either(&work.keeper, err))
                return false;
        if (command->dry_run) {
                answer(command, &work, "would delete");
                return true;
        }
        CLEANUP(free_cleanup)
        char *question =
                text_format("delete %s, its keys and its policies?", work.keeper.entity.arn);

        if (!command_confirm(command, question, err) ||
            (!work.keeper.role && !identity_key_drop(&work.key, &changed, err)) ||
            !keeper_delete(&work.keeper, err))
                return false;
        answer(command, &work, "deleted");
        if (changed)
                answer_profile(command, &work);
        return true;
}
