#include "aws/found.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Key id and token travel in headers: printable ASCII without blanks. */
static bool
fits_header(const char *text)
{
        for (; *text; text++) {
                if (*text <= ' ' || *text >= 0x7F)
                        return false;
        }
        return true;
}

static bool
has_outer_blank(const char *text)
{
        size_t length = strlen(text);

        return length && ((unsigned char)text[0] <= ' ' || (unsigned char)text[length - 1] <= ' ');
}

bool
found_refuse(struct error *err, const struct found *found, const char *rule)
{
        error_set(err, ERROR_CONFIG, "the AWS credentials are not usable: %s", rule);
        error_about(err, "%s", found->origin);
        return error_advise(err, "set access key id and secret access key anew there, as a pair");
}

bool
found_take(const struct found *found, struct credentials *out, struct error *err)
{
        if (!found->access_key_id)
                return found_refuse(err, found,
                                    "there is a secret access key but no access key id");
        if (!found->secret_access_key)
                return found_refuse(err, found,
                                    "there is an access key id but no secret access key");
        if (!fits_header(found->access_key_id) || strlen(found->access_key_id) > 128)
                return found_refuse(err, found, "the access key id has characters that none has");
        if (has_outer_blank(found->secret_access_key))
                return found_refuse(err, found,
                                    "the secret access key begins or ends with white space");
        if (found->session_token && !fits_header(found->session_token))
                return found_refuse(err, found, "the session token has characters that none has");
        struct credentials taken = {
                .access_key_id = text_copy(found->access_key_id),
                .session_token = text_copy(found->session_token),
                .expires_at = found->expires_at,
                .origin = text_copy(found->origin),
        };

        secret_set(&taken.secret_access_key, view_text(found->secret_access_key));
        credentials_clear(out);
        *out = taken;
        return true;
}

bool
found_expired(struct error *err, const char *origin, int64_t expires_at)
{
        char when[CLOCK_TEXT];

        error_set(err, ERROR_CREDENTIALS_EXPIRED, "the AWS credentials expired at %s",
                  clock_format(expires_at, when));
        error_about(err, "%s", origin);
        return error_advise(err, "get fresh ones from where these came (log in again)");
}

/* -- in JSON ------------------------------------------------------------------------------ */

static void
wipe_texts(cJSON *json)
{
        cJSON *item = NULL;

        if (json && json->valuestring)
                wipe(json->valuestring, strlen(json->valuestring));
        cJSON_ArrayForEach(item, json)
        {
                wipe_texts(item);
        }
}

void
found_wipe_json(cJSON *json)
{
        wipe_texts(json);
        cJSON_Delete(json);
}

/* A text that is there and not empty, or NULL. */
static const char *
json_text(const cJSON *json, const char *name)
{
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

        return text && *text ? text : NULL;
}

static bool
read_object(const cJSON *json, const struct found_names *names, const char *origin,
            struct credentials *out, struct error *err)
{
        const cJSON *version = cJSON_GetObjectItemCaseSensitive(json, "Version");
        const char *expiration = json_text(json, "Expiration");
        struct found found = { .access_key_id = json_text(json, "AccessKeyId"),
                               .secret_access_key = json_text(json, "SecretAccessKey"),
                               .session_token = json_text(json, names->token),
                               .origin = origin };

        if (names->has_version && (!cJSON_IsNumber(version) || version->valueint != 1))
                return found_refuse(err, &found, "the answer's \"Version\" is not 1");
        if (!found.access_key_id || !found.secret_access_key)
                return found_refuse(err, &found,
                                    "the answer lacks \"AccessKeyId\" or \"SecretAccessKey\"");
        if (expiration && !clock_parse(expiration, &found.expires_at))
                return found_refuse(err, &found,
                                    "the answer's \"Expiration\" is not an ISO 8601 time");
        if (expiration && found.expires_at <= clock_now())
                return found_expired(err, origin, found.expires_at);
        return found_take(&found, out, err);
}

bool
found_read_json(struct view text, const struct found_names *names, const char *origin,
                struct credentials *out, struct error *err)
{
        cJSON *json = cJSON_ParseWithLength((const char *)text.data, text.len);
        bool done = false;

        if (cJSON_IsObject(json)) {
                done = read_object(json, names, origin, out, err);
        } else {
                error_set(
                        err, ERROR_CONFIG,
                        "the AWS credentials are not usable: %s did not answer with a JSON object",
                        names->subject);
                error_about(err, "%s", origin);
                error_advise(err, "see what it answers: an object with AccessKeyId and "
                                  "SecretAccessKey is wanted");
        }
        found_wipe_json(json);
        return done;
}
