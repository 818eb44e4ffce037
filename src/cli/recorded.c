#include "cli/recorded.h"

#include <stdlib.h>
#include <string.h>

enum { CHECK_HOURS = 24, HOUR_S = 60 * 60, SKEW_S = 5 * 60 };

void
recorded_clear(struct recorded *recorded)
{
        free(recorded->principal);
        free(recorded->verdict);
        cJSON_Delete(recorded->facts);
        *recorded = (struct recorded){ 0 };
}

/* Which one is looked for; one of the two. */
struct search {
        const struct caller *caller;
        const char *access_key_id;
        struct recorded *found;
};

static bool
list_has(const cJSON *facts, const char *member, const char *text)
{
        const cJSON *item;

        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(facts, member))
        {
                if (text_equal(cJSON_GetStringValue(item), text))
                        return true;
        }
        return false;
}

static const char *
member_text(const cJSON *facts, const char *member)
{
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(facts, member));
}

static bool
look_at(void *context, const struct ledger_identity *identity)
{
        struct search *search = context;
        cJSON *facts = cJSON_Parse(identity->record);
        bool match = search->caller ? caller_is(search->caller, identity->principal,
                                                member_text(facts, "unique_id"))
                                    : list_has(facts, "access_keys", search->access_key_id);

        if (!match) {
                cJSON_Delete(facts);
                return true;
        }
        recorded_clear(search->found);
        *search->found = (struct recorded){ .principal = text_copy(identity->principal),
                                            .verdict = text_copy(identity->verdict),
                                            .at = identity->at,
                                            .facts = facts };
        return false;
}

bool
recorded_of_caller(struct ledger *ledger, const struct caller *caller, struct recorded *found,
                   struct error *err)
{
        struct search search = { .caller = caller, .found = found };

        return ledger_each_identity(ledger, look_at, &search, err);
}

bool
recorded_of_key(struct ledger *ledger, const char *access_key_id, struct recorded *found,
                struct error *err)
{
        struct search search = { .access_key_id = access_key_id, .found = found };

        return ledger_each_identity(ledger, look_at, &search, err);
}

bool
recorded_covers(const struct recorded *recorded, const char *ca_arn, const char *template_arn)
{
        return list_has(recorded->facts, "cas", ca_arn) &&
               (!template_arn || list_has(recorded->facts, "templates", template_arn));
}

char *
recorded_list(const struct recorded *recorded, const char *member)
{
        CLEANUP(buf_cleanup) struct buf text = { 0 };
        const cJSON *item;

        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(recorded->facts, member))
        {
                const char *value = cJSON_GetStringValue(item);

                if (value)
                        buf_format(&text, "%s%s", text.len ? ", " : "", value);
        }
        return text_copy(buf_text(&text));
}

const char *
recorded_text(const struct recorded *recorded, const char *member)
{
        return member_text(recorded->facts, member);
}

/* Policies change, and a clock that was set back makes nothing younger. */
bool
recorded_is_old(const struct recorded *recorded, const struct options *options, int64_t now)
{
        int64_t most_ms =
                option_span(options, OPTION_LIMITED_WITHIN, (int64_t)CHECK_HOURS * HOUR_S * 1000);

        return now - recorded->at > most_ms / 1000 || recorded->at > now + SKEW_S;
}
