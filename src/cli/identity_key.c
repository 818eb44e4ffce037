#include "cli/identity_key.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aws/shared.h"
#include "aws/shared_edit.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "cli/caller.h"

enum { MOST_KEYS = 2, PROOF_MS = 60 * 1000, PROOF_PAUSE_MS = 1000, JOURNAL_BYTES = 64 * 1024 };

bool
identity_key_open(const struct command *command, struct keeper *keeper, const char *profile,
                  struct identity_key *out, struct error *err)
{
        *out = (struct identity_key){ .command = command,
                                      .keeper = keeper,
                                      .profile = profile ? profile : keeper->name };
        if (!shared_profile_name_check(out->profile, err))
                return false;
        out->path = text_copy(aws_settings_credentials_path(keeper->cloud->settings));
        out->journal = text_format("%s/identities/%s.json", command->state, keeper->name);
        return true;
}

void
identity_key_clear(struct identity_key *key)
{
        free(key->path);
        free(key->journal);
        *key = (struct identity_key){ 0 };
}

/* The access key id in the profile, or NULL in `id`; the caller frees. */
static bool
profile_key(const struct identity_key *key, char **id, struct error *err)
{
        struct shared_file file = { 0 };

        if (!shared_open(key->path, &file, err))
                return false;
        *id = text_copy(shared_get(&file, key->profile, NULL, "aws_access_key_id"));
        shared_clear(&file);
        return true;
}

/* -- the journal -------------------------------------------------------------------------- */

/* What was known before a key was made. */
struct journal {
        bool open;
        bool rotate;
        cJSON *before; /* ids of the keys that there were */
};

static void
journal_clear(struct journal *journal)
{
        cJSON_Delete(journal->before);
        *journal = (struct journal){ 0 };
}

static bool
list_has(const cJSON *list, const char *text)
{
        const cJSON *item;

        cJSON_ArrayForEach(item, list)
        {
                if (text_equal(cJSON_GetStringValue(item), text))
                        return true;
        }
        return false;
}

/* One that is about another user of that name says nothing about this one. */
static bool
journal_read(const struct identity_key *key, struct journal *out, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        if (!file_exists(key->journal))
                return true;
        if (!file_read(key->journal, JOURNAL_BYTES, &text, err))
                return false;
        cJSON *json = cJSON_Parse(buf_text(&text));
        const char *arn = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "arn"));

        if (text_equal(arn, key->keeper->entity.arn)) {
                out->open = true;
                out->rotate = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "rotate"));
                out->before = cJSON_DetachItemFromObjectCaseSensitive(json, "before");
        }
        cJSON_Delete(json);
        return true;
}

static bool
journal_write(const struct identity_key *key, bool rotate, const struct iam_keys *before,
              struct error *err)
{
        CLEANUP(free_cleanup)
        char *folder =
                text_copy_length(key->journal, (size_t)(strrchr(key->journal, '/') - key->journal));
        cJSON *json = cJSON_CreateObject();
        cJSON *list = cJSON_AddArrayToObject(json, "before");

        cJSON_AddStringToObject(json, "arn", key->keeper->entity.arn);
        cJSON_AddBoolToObject(json, "rotate", rotate);
        for (size_t i = 0; i < before->count; i++)
                cJSON_AddItemToArray(list, cJSON_CreateString(before->all[i].id));
        char *text = cJSON_PrintUnformatted(json);
        bool done = file_make_folder(folder, 0700, err) &&
                    file_write(key->journal, 0600, view_text(text), err);

        cJSON_free(text);
        cJSON_Delete(json);
        return done;
}

static bool
journal_close(const struct identity_key *key, struct error *err)
{
        if (unlink(key->journal) == 0 || errno == ENOENT)
                return true;
        return error_set(err, ERROR_FILE, "cannot remove '%s': %s", key->journal, strerror(errno));
}

/* -- keys --------------------------------------------------------------------------------- */

static void
forget(struct iam_keys *keys, size_t index)
{
        free(keys->all[index].id);
        memmove(keys->all + index, keys->all + index + 1,
                (keys->count - index - 1) * sizeof(*keys->all));
        keys->count--;
}

static bool
delete_at(const struct identity_key *key, struct iam_keys *keys, size_t index, const char *why,
          struct error *err)
{
        if (!keeper_delete_key(key->keeper, keys->all[index].id, err))
                return false;
        command_say(key->command, "deleted an access key %s", why);
        forget(keys, index);
        return true;
}

/* Those that an interrupted call made and could not hand over. */
static bool
delete_lost(const struct identity_key *key, const struct journal *journal, const char *current,
            struct iam_keys *keys, struct error *err)
{
        for (size_t i = 0; journal->open && i < keys->count;) {
                if (list_has(journal->before, keys->all[i].id) ||
                    text_equal(keys->all[i].id, current)) {
                        i++;
                        continue;
                }
                if (!delete_at(key, keys, i, "whose secret was lost", err))
                        return false;
        }
        return true;
}

/* Room for one more.  What the profile has stays; of the others the one that was never used goes.
 */
static bool
make_room(const struct identity_key *key, const char *current, struct iam_keys *keys,
          struct error *err)
{
        size_t used = keys->count;

        if (keys->count < MOST_KEYS)
                return true;
        for (size_t i = 0; i < keys->count; i++) {
                if (text_equal(keys->all[i].id, current))
                        continue;
                if (!keeper_key_was_used(key->keeper, keys->all[i].id))
                        return delete_at(key, keys, i, "that was never used", err);
                if (used == keys->count || keys->all[i].created_at < keys->all[used].created_at)
                        used = i;
        }
        CLEANUP(free_cleanup)
        char *question = text_format("user '%s' has %d access keys, as many as there can be, and "
                                     "profile '%s' lacks one that was used: delete that one?",
                                     key->keeper->name, MOST_KEYS, key->profile);

        return command_confirm(key->command, question, err) &&
               delete_at(key, keys, used, "that the profile does not have", err);
}

static size_t
index_of(const struct iam_keys *keys, const char *id)
{
        size_t i = 0;

        while (i < keys->count && !text_equal(keys->all[i].id, id))
                i++;
        return i;
}

/* -- a new one ---------------------------------------------------------------------------- */

/* IAM is eventually consistent: a new key may be unknown for a while. */
static bool
prove(const struct identity_key *key, const struct credentials *made, struct error *err)
{
        struct cloud *cloud = key->keeper->cloud;
        int64_t until = clock_boot_ms() + PROOF_MS;

        for (;;) {
                CLEANUP(aws_client_cleanup)
                struct aws_client *client = aws_client_open_as(cloud->settings, made, err);
                CLEANUP(caller_clear) struct caller caller = { 0 };

                if (!client)
                        return false;
                if (caller_ask(client, key->keeper->region, &caller, err)) {
                        if (strcmp(caller.said.arn, key->keeper->entity.arn) == 0)
                                return true;
                        error_set(err, ERROR_NOT_PROVED, "the new access key is another's");
                        return error_about(err, "%s", caller.said.arn);
                }
                if (err->kind != ERROR_CREDENTIALS_REFUSED || clock_boot_ms() >= until)
                        break;
                aws_wait(cloud->client, -1, PROOF_PAUSE_MS);
        }
        if (err->kind != ERROR_CREDENTIALS_REFUSED)
                return false;
        error_set(err, ERROR_NOT_PROVED, "AWS does not take the new access key, after a minute");
        error_about(err, "user '%s'", key->keeper->name);
        return error_advise(err,
                            "run the command again; the key is deleted then, and another made");
}

/* What cannot be handed over is of no use to anybody. */
static void
take_back(const struct identity_key *key, const char *id)
{
        struct error ignored = { 0 };

        if (keeper_delete_key(key->keeper, id, &ignored))
                journal_close(key, &ignored);
}

static bool
make_key(const struct identity_key *key, bool rotate, const struct iam_keys *before,
         struct error *err)
{
        struct credentials made = { 0 };

        failpoint("identity-key-wanted");
        if (!journal_write(key, rotate, before, err) || !keeper_new_key(key->keeper, &made, err))
                return false;
        failpoint("identity-key-made");
        bool done = prove(key, &made, err) &&
                    shared_edit_file(key->path, key->profile, &made, NULL, err);

        if (!done)
                take_back(key, made.access_key_id);
        credentials_clear(&made);
        failpoint("identity-key-written");
        return done;
}

/* All that the profile does not have. */
static bool
delete_others(const struct identity_key *key, struct iam_keys *keys, const char *current,
              struct error *err)
{
        for (size_t i = 0; i < keys->count;) {
                if (text_equal(keys->all[i].id, current)) {
                        i++;
                        continue;
                }
                if (!delete_at(key, keys, i, "that another one took the place of", err))
                        return false;
                failpoint("identity-key-old-deleted");
        }
        return true;
}

/* An interrupted rotation that got as far as the profile: the old keys are what is left of it. */
static bool
is_half_rotated(const struct journal *journal, const char *current)
{
        return journal->open && journal->rotate && !list_has(journal->before, current);
}

static bool
replace(const struct identity_key *key, bool rotate, const char *current, struct iam_keys *keys,
        struct error *err)
{
        CLEANUP(free_cleanup) char *fresh = NULL;

        return make_room(key, current, keys, err) && make_key(key, rotate, keys, err) &&
               (!rotate ||
                (profile_key(key, &fresh, err) && delete_others(key, keys, fresh, err))) &&
               journal_close(key, err);
}

bool
identity_key_ensure(struct identity_key *key, bool rotate, bool *changed, struct error *err)
{
        CLEANUP(journal_clear) struct journal journal = { 0 };
        CLEANUP(iam_keys_clear) struct iam_keys keys = { 0 };
        CLEANUP(free_cleanup) char *current = NULL;

        if (!profile_key(key, &current, err) || !keeper_keys(key->keeper, &keys, err) ||
            !journal_read(key, &journal, err))
                return false;
        size_t at = index_of(&keys, current);
        bool there = current && at < keys.count && keys.all[at].active;

        *changed = false;
        if (!delete_lost(key, &journal, there ? current : NULL, &keys, err))
                return false;
        if (there && is_half_rotated(&journal, current)) {
                *changed = true;
                command_say(key->command, "finishing a rotation that was interrupted");
                return delete_others(key, &keys, current, err) && journal_close(key, err);
        }
        if (there && !rotate)
                return journal_close(key, err);
        /* One of somebody else's, or one that is gone, must not be lost unseen. */
        if (current && at == keys.count &&
            !command_confirm(key->command,
                             "the profile in the credentials file has a key that is not this "
                             "user's: replace it?",
                             err))
                return error_about(err, "profile '%s' in '%s'", key->profile, key->path);
        *changed = true;
        return replace(key, rotate, current, &keys, err);
}

bool
identity_key_drop(struct identity_key *key, bool *changed, struct error *err)
{
        CLEANUP(iam_keys_clear) struct iam_keys keys = { 0 };
        CLEANUP(free_cleanup) char *current = NULL;

        *changed = false;
        if (!profile_key(key, &current, err) || !keeper_keys(key->keeper, &keys, err))
                return false;
        if (current && index_of(&keys, current) < keys.count &&
            !shared_edit_file(key->path, key->profile, NULL, changed, err))
                return false;
        for (size_t i = 0; i < keys.count; i++) {
                if (!keeper_delete_key(key->keeper, keys.all[i].id, err))
                        return false;
        }
        return journal_close(key, err);
}
