#include "cli/principal.h"

#include <stdlib.h>
#include <string.h>

#include "base/algorithm.h"
#include "base/file.h"

void
principal_clear(struct principal *principal)
{
        keeper_clear(&principal->keeper);
        free(principal->arn);
        for (size_t i = 0; i < principal->count; i++)
                policy_clear(&principal->policies[i]);
        free(principal->policies);
        policy_clear(&principal->boundary);
        buf_clear(&principal->documents);
        iam_keys_clear(&principal->keys);
        *principal = (struct principal){ 0 };
}

/* -- documents ---------------------------------------------------------------------------- */

static void
note_document(struct principal *principal, const char *name, const char *document)
{
        buf_format(&principal->documents, "%s\n%s\n", name, document);
}

static bool
add_document(struct principal *principal, const char *name, const char *document, struct error *err)
{
        struct policy policy = { 0 };

        note_document(principal, name, document);
        if (!policy_read(POLICY_OF_IDENTITY, name, view_text(document), &policy, err))
                return false;
        principal->policies = memory_grow(principal->policies, principal->count + 1,
                                          sizeof(*principal->policies));
        principal->policies[principal->count++] = policy;
        return true;
}

bool
principal_add_file(struct principal *principal, const char *path, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        CLEANUP(free_cleanup) char *name = text_format("policy '%s'", path);

        return file_read(path, POLICY_MOST_BYTES, &text, err) &&
               add_document(principal, name, buf_text(&text), err);
}

char *
principal_digest(const struct principal *principal)
{
        uint8_t digest[32];

        if (!principal->complete)
                return NULL;
        sha256(view_buf(&principal->documents), digest);
        return hex_encode(view_of(digest, sizeof(digest)));
}

/* -- what hangs on whom ------------------------------------------------------------------- */

/* Where policies hang, and the calls that read them. */
struct place {
        const char *key;      /* "UserName" */
        const char *word;     /* for people */
        const char *list;     /* names of inline policies */
        const char *get;      /* one of them */
        const char *attached; /* ARNs of managed ones */
};

static const struct place of_user = { "UserName", "user", "ListUserPolicies", "GetUserPolicy",
                                      "ListAttachedUserPolicies" };
static const struct place of_role = { "RoleName", "role", "ListRolePolicies", "GetRolePolicy",
                                      "ListAttachedRolePolicies" };
static const struct place of_group = { "GroupName", "group", "ListGroupPolicies", "GetGroupPolicy",
                                       "ListAttachedGroupPolicies" };

/* All pages of a list. */
static bool
list_names(struct keeper *keeper, const char *operation, const char *key, const char *name,
           const char *list, const char *member, struct iam_names *out, struct error *err)
{
        char *marker = NULL;

        do {
                CLEANUP(free_cleanup) char *from = MOVE(marker);
                CLEANUP(buf_cleanup) struct buf reply = { 0 };

                if (!keeper_call(keeper, operation, iam_form(key, name, "Marker", from, NULL),
                                 false, &reply, err) ||
                    !iam_read_names(view_buf(&reply), operation, list, member, out, &marker, err))
                        return false;
        } while (marker);
        return true;
}

static bool
read_inline(struct principal *principal, const struct place *place, const char *name,
            struct error *err)
{
        CLEANUP(iam_names_clear) struct iam_names names = { 0 };

        if (!list_names(&principal->keeper, place->list, place->key, name, "PolicyNames", NULL,
                        &names, err))
                return false;
        for (size_t i = 0; i < names.count; i++) {
                CLEANUP(buf_cleanup) struct buf reply = { 0 };
                CLEANUP(free_cleanup) char *document = NULL;
                CLEANUP(free_cleanup)
                char *title =
                        text_format("policy '%s' of %s '%s'", names.all[i], place->word, name);

                if (!keeper_call(&principal->keeper, place->get,
                                 iam_form(place->key, name, "PolicyName", names.all[i], NULL),
                                 false, &reply, err) ||
                    !iam_read_document(view_buf(&reply), place->get, "PolicyDocument", &document,
                                       err) ||
                    !add_document(principal, title, document, err))
                        return false;
        }
        return true;
}

/* The document of a managed policy, in its default version; the caller frees. */
static bool
managed_document(struct principal *principal, const char *arn, char **document, struct error *err)
{
        CLEANUP(buf_cleanup) struct buf reply = { 0 };
        CLEANUP(buf_cleanup) struct buf version_reply = { 0 };
        CLEANUP(free_cleanup) char *version = NULL;

        return keeper_call(&principal->keeper, "GetPolicy", iam_form("PolicyArn", arn, NULL), false,
                           &reply, err) &&
               iam_read_text(view_buf(&reply), "GetPolicy", "Policy/DefaultVersionId", &version,
                             err) &&
               keeper_call(&principal->keeper, "GetPolicyVersion",
                           iam_form("PolicyArn", arn, "VersionId", version, NULL), false,
                           &version_reply, err) &&
               iam_read_document(view_buf(&version_reply), "GetPolicyVersion",
                                 "PolicyVersion/Document", document, err);
}

static bool
read_attached(struct principal *principal, const struct place *place, const char *name,
              struct error *err)
{
        CLEANUP(iam_names_clear) struct iam_names arns = { 0 };

        if (!list_names(&principal->keeper, place->attached, place->key, name, "AttachedPolicies",
                        "PolicyArn", &arns, err))
                return false;
        for (size_t i = 0; i < arns.count; i++) {
                CLEANUP(free_cleanup) char *document = NULL;

                if (!managed_document(principal, arns.all[i], &document, err) ||
                    !add_document(principal, arns.all[i], document, err))
                        return false;
        }
        return true;
}

static bool
read_place(struct principal *principal, const struct place *place, const char *name,
           struct error *err)
{
        return read_inline(principal, place, name, err) &&
               read_attached(principal, place, name, err);
}

static bool
read_groups(struct principal *principal, struct error *err)
{
        struct keeper *keeper = &principal->keeper;
        CLEANUP(iam_names_clear) struct iam_names groups = { 0 };

        if (!list_names(keeper, "ListGroupsForUser", "UserName", keeper->name, "Groups",
                        "GroupName", &groups, err))
                return false;
        for (size_t i = 0; i < groups.count; i++) {
                if (!read_place(principal, &of_group, groups.all[i], err))
                        return false;
        }
        return true;
}

static bool
read_boundary(struct principal *principal, struct error *err)
{
        const char *arn = principal->keeper.entity.boundary_arn;
        CLEANUP(free_cleanup) char *document = NULL;
        CLEANUP(free_cleanup) char *name = NULL;

        if (!arn)
                return true;
        if (!managed_document(principal, arn, &document, err))
                return false;
        name = text_format("permissions boundary %s", arn);
        note_document(principal, name, document);
        principal->bounded = policy_read(POLICY_OF_IDENTITY, name, view_text(document),
                                         &principal->boundary, err);
        return principal->bounded;
}

static bool
read_policies(struct principal *principal, struct error *err)
{
        struct keeper *keeper = &principal->keeper;

        return read_place(principal, keeper->role ? &of_role : &of_user, keeper->name, err) &&
               (keeper->role || read_groups(principal, err)) && read_boundary(principal, err);
}

/* -- who it is ---------------------------------------------------------------------------- */

/* Nobody is reached, or nobody knows us: going on would only say so again. */
static bool
is_fatal(const struct error *err)
{
        return error_exit_status(err->kind) == 11 || err->kind == ERROR_CREDENTIALS_REFUSED ||
               err->kind == ERROR_CREDENTIALS_EXPIRED || err->kind == ERROR_CLOCK;
}

/* "arn:aws:iam::111122223333:user/path/NAME"; false where it is none. */
static bool
take_arn(struct principal *principal, const char *arn, struct error *err)
{
        bool user = strstr(arn, ":user/") != NULL;

        if (!text_starts(arn, "arn:") || !strstr(arn, ":iam::") ||
            (!user && !strstr(arn, ":role/")) || !strrchr(arn, '/')[1]) {
                error_set(err, ERROR_USAGE, "'%.120s' is not the ARN of a user or a role", arn);
                return error_advise(err, "it looks like arn:aws:iam::111122223333:user/NAME");
        }
        principal->arn = text_copy(arn);
        principal->keeper.role = !user;
        principal->keeper.name = strrchr(principal->arn, '/') + 1;
        return true;
}

static bool
absent(const char *named, struct error *err)
{
        error_set(err, ERROR_NOTHING, "there is no user and no role of that name");
        error_about(err, "'%s'", named);
        return error_advise(err, "name it by its ARN, or have the name checked");
}

/* A name is looked for among the users, then among the roles. */
static bool
find(struct principal *principal, const char *named, struct error *err)
{
        struct keeper *keeper = &principal->keeper;

        if (strchr(named, ':')) {
                if (!take_arn(principal, named, err))
                        return false;
                if (keeper_read(keeper, &principal->why) || !is_fatal(&principal->why))
                        return true;
                *err = principal->why;
                return false;
        }
        keeper->name = named;
        for (int role = 0; role <= 1 && !keeper->found; role++) {
                keeper->role = role;
                if (!keeper_read(keeper, err))
                        return false;
        }
        return keeper->found || absent(named, err);
}

bool
principal_read(struct cloud *cloud, const char *region, const char *named, struct principal *out,
               struct error *err)
{
        struct error ignored = { 0 };

        out->keeper = (struct keeper){ .cloud = cloud, .region = region };
        if (!find(out, named, err))
                return false;
        struct keeper *keeper = &out->keeper;

        if (keeper->found) {
                /* The whole ARN, with its path; the name is in the old one. */
                CLEANUP(free_cleanup) char *old = MOVE(out->arn);

                out->arn = text_copy(keeper->entity.arn);
                keeper->name = keeper->entity.name;
        }
        out->complete = keeper->found && read_policies(out, &out->why);
        if (!out->complete && is_fatal(&out->why)) {
                *err = out->why;
                return false;
        }
        if (keeper->found && !keeper->role && !keeper_keys(keeper, &out->keys, &ignored))
                iam_keys_clear(&out->keys);
        return true;
}
