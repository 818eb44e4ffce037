/*
 * What IAM keeps: users, roles, customer managed policies, MFA devices and identity providers, each
 * a JSON document in the state.
 *
 *     user, role   {"account","name","path","id","arn","created","tags":{key:value},
 *                   "inline":{name:text},"attached":[arn],"boundary":arn}; a role also
 *                  {"trust":text,"description","max_session"}
 *     policy       {"account","name","path","id","arn","created","updated","description","tags",
 *                   "default":"v1","versions":{"v1":{"text","created"}}}
 *     mfa          {"account","arn","seed","user","enabled","created"}
 *     provider     {"account","arn","url","clients":[…],"thumbprints":[…],"created"}
 *
 * Policy documents lie there as the texts that were sent, and are parsed once.
 */
#ifndef LOCALPCA_RECORDS_H
#define LOCALPCA_RECORDS_H

#include <cjson/cJSON.h>

#include "base/bytes.h"
#include "base/err.h"
#include "localpca/store.h"

enum record_kind {
        RECORD_USER,
        RECORD_ROLE,
        RECORD_POLICY,
        RECORD_MFA,
        RECORD_PROVIDER,
        RECORD_KINDS,
};

struct record {
        enum record_kind kind;
        char *key; /* "111122223333/name" in lower case, or an ARN */
        cJSON *json;
        /*
         * What requests are judged by: {"inline":{name:document},"versions":{id:document},
         * "trust":document,"attached":[arn],"boundary":arn,"default":id}; until `in_force_ms` as it
         * was `before` (--iam-delay).
         */
        cJSON *ready, *before;
        int64_t in_force_ms;
};

/* `{ 0 }` is empty. */
struct records {
        struct record **all;
        size_t count;
};

bool records_load(struct records *records, struct store *store, struct error *err) MUST_CHECK;
void records_clear(struct records *records);

/* NULL when there is none. */
struct record *record_find(const struct records *records, enum record_kind kind, const char *key);

/* A new one, not yet saved; `json` is consumed. */
struct record *record_new(struct records *records, enum record_kind kind, const char *key,
                          cJSON *json);

/*
 * Keep a record as its `json` is now: in the store, and for requests that come `delay_ms` or more
 * after `now_ms`.  Until then they are judged by what was in force before.
 */
bool record_save(struct record *record, struct store *store, int64_t now_ms, int64_t delay_ms,
                 struct error *err) MUST_CHECK;

/* Delete it, here and in the store. */
bool record_delete(struct records *records, struct record *record, struct store *store,
                   struct error *err) MUST_CHECK;

/* What requests at `now_ms` are judged by; NULL: nothing yet. */
const cJSON *record_in_force(const struct record *record, int64_t now_ms);

/* The key of a user or role: names are not told apart by case.  The caller frees. */
char *record_key(const char *account, const char *name);

/* A text member of its document; NULL when absent. */
const char *record_text(const struct record *record, const char *member);
int64_t record_number(const struct record *record, const char *member);

#endif
