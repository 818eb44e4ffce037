#include "localpca/start.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { START_MOST = 64 * 1024 };

static char *
state_path(const struct options *options, const char *name)
{
        CLEANUP(free_cleanup) char *folder = file_absolute(options->state);

        return text_format("%s/%s", folder, name);
}

static bool
root_write(const struct pca *pca, const char *path, struct error *err)
{
        CLEANUP(free_cleanup)
        char *pem = text_format("%s\n", pca->authorities.all[0]->certificate_pem);

        return file_write(path, 0600, view_text(pem), err);
}

static void
secret_add(cJSON *object, const char *name, const struct secret *secret)
{
        char *text = text_copy_length(secret->data, secret->len);

        cJSON_AddStringToObject(object, name, text);
        wipe(text, secret->len);
        free(text);
}

bool
start_tell(const struct pca *pca, struct buf *out, struct error *err)
{
        const struct identity *issuer = pca->identities.all[0];
        const struct identity *administrator = pca->identities.all[1];
        CLEANUP(free_cleanup) char *root = state_path(pca->options, "root-ca.pem");
        CLEANUP(free_cleanup) char *copy = state_path(pca->options, "start.json");
        cJSON *line = cJSON_CreateObject();

        cJSON_AddStringToObject(line, "endpoint", pca->endpoint);
        cJSON_AddStringToObject(line, "ca_arn", pca->authorities.all[1]->arn);
        cJSON_AddStringToObject(line, "root_ca", root);
        cJSON_AddStringToObject(line, "access_key_id", issuer->access_key_id);
        secret_add(line, "secret_access_key", &issuer->secret);
        cJSON_AddStringToObject(line, "admin_access_key_id", administrator->access_key_id);
        secret_add(line, "admin_secret_access_key", &administrator->secret);
        char *text = cJSON_PrintUnformatted(line);
        buf_format(out, "%s\n", text);
        wipe(text, strlen(text));
        cJSON_free(text);
        cJSON_Delete(line);
        return root_write(pca, root, err) && file_write(copy, 0600, view_buf(out), err);
}

static const char *
member_text(const cJSON *object, const char *name)
{
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

        return text ? text : "";
}

static void
profile_add(struct buf *out, const struct options *options, const cJSON *start, const char *profile,
            const char *key_member, const char *secret_member)
{
        const char *endpoint = member_text(start, "endpoint");

        buf_format(out, "# ~/.aws/config\n[profile %s]\nregion = %s\nendpoint_url = %s\n", profile,
                   options->region, endpoint);
        if (text_starts(endpoint, "https"))
                buf_format(out, "ca_bundle = %s\n", member_text(start, "root_ca"));
        buf_format(out,
                   "# ~/.aws/credentials\n[%s]\naws_access_key_id = %s\naws_secret_access_key = "
                   "%s\n",
                   profile, member_text(start, key_member), member_text(start, secret_member));
}

bool
start_aws_config(const struct options *options, struct buf *out, struct error *err)
{
        CLEANUP(free_cleanup) char *path = state_path(options, "start.json");
        CLEANUP(buf_cleanup) struct buf text = { 0 };

        if (!file_exists(path)) {
                error_set(err, ERROR_NOTHING, "no localpca has started with this state yet");
                error_about(err, "the folder '%s'", options->state);
                return error_advise(err, "start it once: localpca --state %s", options->state);
        }
        if (!file_read(path, START_MOST, &text, err))
                return false;
        cJSON *start = cJSON_ParseWithLength(buf_text(&text), text.len);
        profile_add(out, options, start, "localpca", "access_key_id", "secret_access_key");
        buf_add_byte(out, '\n');
        profile_add(out, options, start, "localpca-admin", "admin_access_key_id",
                    "admin_secret_access_key");
        cJSON_Delete(start);
        wipe(text.data, text.len);
        return true;
}
