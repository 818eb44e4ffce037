/*
 * AWS IAM: requests written and replies read.  No I/O.  (API version 2010-05-08, query protocol.)
 *
 * A request is a form of the operation's own parameters; a reader takes the body of a 2xx reply,
 * and anything that is not what the API promises is ERROR_AWS_ANSWER.  Lists come in pages: a
 * reader adds to what is there and gives the marker of the next page, or NULL behind the last.
 */
#ifndef AWS_IAM_H
#define AWS_IAM_H

#include "aws/credentials.h"
#include "base/bytes.h"
#include "base/err.h"

/*
 * The form of "name, value" pairs up to a NULL name; a value that is NULL is left out.  The caller
 * frees.
 */
char *iam_form(const char *name, ...) __attribute__((sentinel));

/* A user or a role. */
struct iam_tag {
        char *key;
        char *value;
};

struct iam_entity {
        char *arn;
        char *name;
        char *path;
        char *unique_id;    /* "AIDA…", "AROA…": another one when it is deleted and made anew */
        char *boundary_arn; /* or NULL */
        char *trust;        /* of a role: who may assume it, JSON; or NULL */
        struct iam_tag *tags;
        size_t tag_count;
};

/* `operation`: GetUser, CreateUser, GetRole or CreateRole. */
bool iam_read_entity(struct view body, const char *operation, struct iam_entity *out,
                     struct error *err) MUST_CHECK;
void iam_entity_clear(struct iam_entity *entity);

/* The value of a tag, or NULL.  Borrowed. */
const char *iam_entity_tag(const struct iam_entity *entity, const char *key);

/* CreateAccessKey: the pair, which AWS shows this once.  `out` has no origin yet. */
bool iam_read_new_key(struct view body, struct credentials *out, struct error *err) MUST_CHECK;

/* ListAccessKeys. */
struct iam_key_facts {
        char *id;
        bool active;
        int64_t created_at;
};

struct iam_keys {
        struct iam_key_facts *all;
        size_t count;
};

bool iam_read_keys(struct view body, struct iam_keys *out, char **marker,
                   struct error *err) MUST_CHECK;
void iam_keys_clear(struct iam_keys *keys);

/* GetAccessKeyLastUsed: seconds since 1970, 0 for never. */
bool iam_read_last_used(struct view body, int64_t *out, struct error *err) MUST_CHECK;

/*
 * A list of texts: "PolicyNames" of ListUserPolicies and ListRolePolicies, and, with `member`,
 * "AttachedPolicies" by "PolicyArn" or "Groups" by "GroupName".
 */
struct iam_names {
        char **all;
        size_t count;
};

bool iam_read_names(struct view body, const char *operation, const char *list, const char *member,
                    struct iam_names *out, char **marker, struct error *err) MUST_CHECK;
void iam_names_clear(struct iam_names *names);

/* One text of a result, such as "Policy/DefaultVersionId" of GetPolicy; the caller frees. */
bool iam_read_text(struct view body, const char *operation, const char *path, char **out,
                   struct error *err) MUST_CHECK;

/* The same for a policy document, whose percent-encoding is undone. */
bool iam_read_document(struct view body, const char *operation, const char *path, char **out,
                       struct error *err) MUST_CHECK;

/* SimulatePrincipalPolicy: questions about one resource, and their answers. */
struct iam_simulation {
        const char *principal;      /* ARN of a user or role */
        const char *const *actions; /* each once */
        size_t action_count;
        const char *resource; /* or NULL: any */
        /* Condition keys of the request, by name and value; strings but for the booleans. */
        const struct iam_simulated_key {
                const char *name;
                const char *value;
                const char *type; /* "string", "ip", "boolean" */
        } * keys;
        size_t key_count;
};

char *iam_write_simulation(const struct iam_simulation *question);

/*
 * The answer about an action: "allowed", "explicitDeny" or "implicitDeny"; the caller frees.
 * `missing`: does it hang on condition keys that the question did not give?
 */
bool iam_read_simulation(struct view body, const char *action, char **decision, bool *missing,
                         struct error *err) MUST_CHECK;

#endif
