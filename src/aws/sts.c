#include "aws/sts.h"

#include <stdlib.h>
#include <string.h>

#include "aws/form.h"
#include "aws/found.h"
#include "aws/xml.h"
#include "base/clock.h"

/* -- writing ------------------------------------------------------------------------------ */

/* The form as a text of the caller's. */
static char *
hand_over(struct buf *form)
{
        char *text = text_copy(buf_text(form));

        if (form->data)
                wipe(form->data, form->len);
        buf_clear(form);
        return text;
}

static void
add_duration(struct buf *form, int64_t duration_s)
{
        if (duration_s)
                form_add_number(form, "DurationSeconds", duration_s);
}

char *
sts_write_assume_role(const struct sts_assume_role *wish)
{
        struct buf form = { 0 };

        form_add(&form, "RoleArn", wish->role_arn);
        form_add(&form, "RoleSessionName", wish->session_name);
        form_add(&form, "Policy", wish->policy);
        add_duration(&form, wish->duration_s);
        form_add(&form, "ExternalId", wish->external_id);
        form_add(&form, "SerialNumber", wish->mfa_serial);
        form_add(&form, "TokenCode", wish->mfa_code);
        return hand_over(&form);
}

char *
sts_write_assume_role_with_web_identity(const struct sts_web_identity *wish)
{
        struct buf form = { 0 };

        form_add(&form, "RoleArn", wish->role_arn);
        form_add(&form, "RoleSessionName", wish->session_name);
        form_add(&form, "WebIdentityToken", wish->token);
        form_add(&form, "Policy", wish->policy);
        add_duration(&form, wish->duration_s);
        return hand_over(&form);
}

char *
sts_write_get_session_token(int64_t duration_s, const char *mfa_serial, const char *mfa_code)
{
        struct buf form = { 0 };

        add_duration(&form, duration_s);
        form_add(&form, "SerialNumber", mfa_serial);
        form_add(&form, "TokenCode", mfa_code);
        return hand_over(&form);
}

char *
sts_write_get_access_key_info(const char *access_key_id)
{
        struct buf form = { 0 };

        form_add(&form, "AccessKeyId", access_key_id);
        return hand_over(&form);
}

/* -- reading ------------------------------------------------------------------------------ */

static bool
not_as_promised(struct error *err, const char *operation, const char *rule)
{
        error_set(err, ERROR_AWS_ANSWER, "the answer to %s %s", operation, rule);
        return error_advise(err, "something other than AWS STS may answer there; check the "
                                 "endpoint URL");
}

/* Read <OperationResponse><OperationResult>; `xml` belongs to the caller, NULL on failure. */
static const struct xml_element *
open_result(struct view body, const char *operation, struct xml **xml, struct error *err)
{
        CLEANUP(free_cleanup) char *response = text_format("%sResponse", operation);
        CLEANUP(free_cleanup) char *name = text_format("%sResult", operation);

        *xml = xml_read(body, err);
        if (!*xml)
                return NULL;
        const struct xml_element *root = xml_root(*xml);
        const struct xml_element *result = xml_is(root, response) ? xml_find(root, name) : NULL;

        if (!result)
                not_as_promised(err, operation, "has no result");
        return result;
}

static bool
read_session(const struct xml_element *result, const char *operation, struct credentials *out,
             struct error *err)
{
        const struct xml_element *from = xml_find(result, "Credentials");
        const char *expiration = xml_text_at(from, "Expiration");
        struct found found = { .access_key_id = xml_text_at(from, "AccessKeyId"),
                               .secret_access_key = xml_text_at(from, "SecretAccessKey"),
                               .session_token = xml_text_at(from, "SessionToken"),
                               .origin = operation };

        if (!found.access_key_id || !*found.access_key_id || !found.secret_access_key ||
            !*found.secret_access_key || !found.session_token || !*found.session_token)
                return not_as_promised(err, operation, "lacks credentials");
        if (!expiration || !clock_parse(expiration, &found.expires_at))
                return not_as_promised(err, operation, "has no time at which the session expires");
        if (found_take(&found, out, err))
                return true;
        return not_as_promised(err, operation, "has credentials that none can be");
}

bool
sts_read_session(struct view body, const char *operation, struct credentials *out, char **arn,
                 struct error *err)
{
        struct xml *xml = NULL;
        const struct xml_element *result = open_result(body, operation, &xml, err);
        bool done = result && read_session(result, operation, out, err);

        if (done && arn)
                *arn = text_copy(xml_text_at(result, "AssumedRoleUser/Arn"));
        xml_free(xml);
        return done;
}

bool
sts_read_caller_identity(struct view body, struct sts_identity *out, struct error *err)
{
        static const char operation[] = "GetCallerIdentity";
        struct xml *xml = NULL;
        const struct xml_element *result = open_result(body, operation, &xml, err);
        const char *account = xml_text_at(result, "Account");
        const char *arn = xml_text_at(result, "Arn");
        const char *user_id = xml_text_at(result, "UserId");
        bool done = account && arn && user_id && *account && text_starts(arn, "arn:");

        if (done)
                *out = (struct sts_identity){ .account = text_copy(account),
                                              .arn = text_copy(arn),
                                              .user_id = text_copy(user_id) };
        else if (result)
                not_as_promised(err, operation, "lacks account, ARN or user id");
        xml_free(xml);
        return done;
}

void
sts_identity_clear(struct sts_identity *identity)
{
        free(identity->account);
        free(identity->arn);
        free(identity->user_id);
        *identity = (struct sts_identity){ 0 };
}

bool
sts_read_access_key_info(struct view body, char **account, struct error *err)
{
        static const char operation[] = "GetAccessKeyInfo";
        struct xml *xml = NULL;
        const struct xml_element *result = open_result(body, operation, &xml, err);
        const char *text = xml_text_at(result, "Account");
        bool done = text && *text;

        if (done)
                *account = text_copy(text);
        else if (result)
                not_as_promised(err, operation, "lacks the account");
        xml_free(xml);
        return done;
}

/* -- checking ----------------------------------------------------------------------------- */

static bool
is_word(char c, const char *more)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               (c && strchr(more, c));
}

/* From `least` to `most` letters, digits, and characters of `more`? */
static bool
is_made_of(const char *text, size_t least, size_t most, const char *more)
{
        size_t length = strlen(text);

        for (size_t i = 0; i < length; i++) {
                if (!is_word(text[i], more))
                        return false;
        }
        return length >= least && length <= most;
}

/* The six parts of an ARN that stand between colons; `part` is cut up. */
static bool
split_arn(char *text, char *parts[6])
{
        for (size_t i = 0; i < 6; i++) {
                parts[i] = text;
                text = strchr(text, ':');
                if (i < 5 && !text)
                        return false;
                if (i < 5)
                        *text++ = '\0';
        }
        return true;
}

bool
sts_role_arn_check(const char *arn, struct error *err)
{
        CLEANUP(free_cleanup) char *text = text_copy(arn);
        char *parts[6];
        const char *rule = NULL;

        if (!split_arn(text, parts) || strcmp(parts[0], "arn") != 0)
                rule = "it has not the six parts of an ARN";
        else if (strlen(arn) > 2048 || !is_made_of(parts[1], 3, 20, "-"))
                rule = "its partition is none";
        else if (strcmp(parts[2], "iam") != 0 || *parts[3])
                rule = "it is not of IAM";
        else if (strlen(parts[4]) != 12 || strspn(parts[4], "0123456789") != 12)
                rule = "its account has not twelve digits";
        else if (!text_starts(parts[5], "role/") || !is_made_of(parts[5], 6, 600, "/+=,.@_-"))
                rule = "it names no role";
        if (!rule)
                return true;
        error_set(err, ERROR_CONFIG, "'%s' is not the ARN of a role: %s", arn, rule);
        return error_advise(err, "a role's ARN looks like arn:aws:iam::111122223333:role/NAME");
}

bool
sts_session_arn_read(const char *arn, char **role_arn, char **name)
{
        static const char resource[] = "assumed-role/";
        CLEANUP(free_cleanup) char *text = text_copy(arn);
        char *parts[6];

        if (!split_arn(text, parts) || strcmp(parts[0], "arn") != 0 ||
            strcmp(parts[2], "sts") != 0 || !text_starts(parts[5], resource))
                return false;
        char *role = parts[5] + strlen(resource);
        char *slash = strchr(role, '/');

        if (!slash || slash == role || !slash[1])
                return false;
        *slash = '\0';
        *role_arn = text_format("arn:%s:iam::%s:role/%s", parts[1], parts[4], role);
        *name = text_copy(slash + 1);
        return true;
}

bool
sts_session_name_check(const char *name, struct error *err)
{
        if (is_made_of(name, 2, 64, "_+=,.@-"))
                return true;
        error_set(err, ERROR_CONFIG, "'%s' cannot be the name of a role's session", name);
        return error_advise(err, "it has 2 to 64 letters, digits and characters of _+=,.@-");
}

bool
sts_external_id_check(const char *id, struct error *err)
{
        if (is_made_of(id, 2, 1224, "_+=,.@:/-"))
                return true;
        error_set(err, ERROR_CONFIG, "the external id has another form than STS accepts");
        return error_advise(err, "it has 2 to 1,224 letters, digits and characters of _+=,.@:/-");
}

bool
sts_mfa_code_check(const char *code, struct error *err)
{
        if (strlen(code) == 6 && strspn(code, "0123456789") == 6)
                return true;
        error_set(err, ERROR_CONFIG, "the MFA code is not six digits");
        return error_advise(err, "give the six digits that the device shows now");
}

bool
sts_policy_check(const char *policy, struct error *err)
{
        size_t length = strlen(policy);

        if (length <= STS_POLICY_MOST)
                return true;
        error_set(err, ERROR_CONFIG, "the session policy has %zu characters; STS takes %d", length,
                  STS_POLICY_MOST);
        return error_advise(err, "name fewer CAs and templates at a time, or leave the session "
                                 "uncut with --no-narrow");
}

const char *
sts_home_region(const char *role_arn)
{
        static const struct {
                const char *prefix;
                const char *region;
        } homes[] = {
                { "arn:aws-cn:", "cn-north-1" },         { "arn:aws-us-gov:", "us-gov-west-1" },
                { "arn:aws-eusc:", "eusc-de-east-1" },   { "arn:aws-iso:", "us-iso-east-1" },
                { "arn:aws-iso-b:", "us-isob-east-1" },  { "arn:aws-iso-e:", "eu-isoe-west-1" },
                { "arn:aws-iso-f:", "us-isof-south-1" },
        };

        for (size_t i = 0; i < ARRAY_LENGTH(homes); i++) {
                if (text_starts(role_arn, homes[i].prefix))
                        return homes[i].region;
        }
        return "us-east-1";
}
