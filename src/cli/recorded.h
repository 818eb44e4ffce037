/*
 * What `identity check` recorded about a principal in the ledger, read again.
 */
#ifndef CLI_RECORDED_H
#define CLI_RECORDED_H

#include <cjson/cJSON.h>

#include "cli/caller.h"
#include "cli/options.h"
#include "ledger/ledger.h"

/*
 * Members of the record: "unique_id", "use", "cas", "templates", "source" ("simulation",
 * "policies"), "by" (ARN of who asked), "policy_sha256", "access_keys", "may" (what it should not).
 */
struct recorded {
        char *principal;
        char *verdict; /* "limited", "too-powerful", "insufficient", "unknown" */
        int64_t at;
        cJSON *facts;
};

void recorded_clear(struct recorded *recorded); /* may be called twice */

/*
 * The check of this caller's principal, or of whose access key this is; `found->principal` is NULL
 * when there is none.
 */
bool recorded_of_caller(struct ledger *ledger, const struct caller *caller, struct recorded *found,
                        struct error *err) MUST_CHECK;
bool recorded_of_key(struct ledger *ledger, const char *access_key_id, struct recorded *found,
                     struct error *err) MUST_CHECK;

/* Was it checked for this CA, and (where one is given) this template? */
bool recorded_covers(const struct recorded *recorded, const char *ca_arn, const char *template_arn);

/* Is it older than --limited-within lets it be? */
bool recorded_is_old(const struct recorded *recorded, const struct options *options, int64_t now);

/* A list of the record as text, ", " between; "" when it is empty.  The caller frees. */
char *recorded_list(const struct recorded *recorded, const char *member);

/* A text of the record, or NULL.  Borrowed. */
const char *recorded_text(const struct recorded *recorded, const char *member);

#endif
