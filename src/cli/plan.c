#include "cli/plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/cloud.h"
#include "cli/inquiry.h"
#include "cli/show.h"
#include "cli/wish.h"
#include "engine/uri.h"
#include "order/template.h"

enum { DEFAULT_DAYS = 365, SHORT_LIVED_DAYS = 6 };

/* -- the token, looked at without a login -------------------------------------------------------
 */

struct token_seen {
        struct token_facts facts;
        enum key_type type;
        bool can_make;
};

static bool
look_at_token(struct modules *modules, struct token *token, void *context, struct error *err)
{
        struct token_seen *seen = context;

        (void)modules;
        (void)err;
        token_facts_copy(&seen->facts, token_facts(token));
        seen->can_make = seen->type == KEY_NONE || token_can_make(token, seen->type);
        return true;
}

static bool
find_token(const struct command *command, struct order *order, struct error *err)
{
        CLEANUP(inquiry_free) struct token_seen *seen = memory_new(1, sizeof(*seen));
        const struct wishes *wishes = &order->wishes;
        const char *uri = wishes->key_uri ? wishes->key_uri : wishes->token_uri;
        bool makes = !wishes->key_uri && !wishes->csr_given;

        if (!uri)
                return true;
        seen->type = makes ? wishes->key_type : KEY_NONE;
        if (!inquire(command, uri, wishes->module, false, look_at_token, seen, err))
                return false;
        free(order->token.uri);
        order->token.uri = uri_of_token(&seen->facts);
        text_assign(&order->token.label, seen->facts.label);
        text_assign(&order->token.serial, seen->facts.serial);
        bool can_make = seen->can_make;

        token_facts_clear(&seen->facts);
        if (can_make)
                return true;
        error_set(err, ERROR_MECHANISM, "the token cannot make keys of type %s",
                  key_type_name(wishes->key_type));
        error_about(err, "%s", order->token.uri);
        return error_advise(err, "`p11cert token info` shows what it can make");
}

/* -- the CA --------------------------------------------------------------------------------------
 */

/* Who may not describe the CA can still issue: that is worth a note, no error. */
static bool
find_ca(const struct command *command, const struct order *order, struct pca_authority *authority,
        struct error *err)
{
        const struct wishes *wishes = &order->wishes;
        CLEANUP(cloud_cleanup) struct cloud cloud = { 0 };

        if (!wishes->ca_arn)
                return true;
        if (!cloud_open(&cloud, command, wishes->endpoint, wishes->aws_profile, err))
                return false;
        if (cloud_describe(&cloud, wishes->ca_arn, authority, err))
                return true;
        if (err->kind != ERROR_DENIED)
                return false;
        command_say(command, "note      the CA may not be described: %s", err->aws.message);
        *err = (struct error){ 0 };
        return true;
}

/* -- what it comes to
 * ------------------------------------------------------------------------------ */

static bool
is_short_lived(const struct pca_authority *authority)
{
        return text_equal(authority->usage_mode, "SHORT_LIVED_CERTIFICATE");
}

/* What the template sets by itself, and which wishes of the CSR it drops. */
static void
describe_template(const struct wishes *wishes, struct buf *sets, struct buf *drops)
{
        const struct template_facts *facts =
                wishes->template_arn ? template_of_arn(wishes->template_arn) : NULL;

        if (!facts) {
                buf_add_text(sets, "not known to this version");
                return;
        }
        CLEANUP(free_cleanup) char *key_usage = key_usage_format(facts->key_usage);

        buf_format(sets, "CA:%s", facts->is_ca ? "TRUE" : "FALSE");
        if (facts->key_usage)
                buf_format(sets, "; key usage %s", key_usage);
        for (size_t i = 0; i < ARRAY_LENGTH(facts->extended) && facts->extended[i]; i++)
                buf_format(sets, "%s %s", i ? "," : "; extended key usage",
                           extended_usage_name(facts->extended[i]));
        if (facts->csr_passthrough)
                return;
        if (wishes->usages.key_usage)
                buf_add_text(drops, "--key-usage");
        if (wishes->usages.extended_count)
                buf_format(drops, "%s--ext-key-usage", drops->len ? ", " : "");
        if (wishes->usages.policy_count)
                buf_format(drops, "%s--policy-oid", drops->len ? ", " : "");
}

static void
answer_plan(struct command *command, const struct order *order,
            const struct pca_authority *authority)
{
        const struct wishes *wishes = &order->wishes;
        CLEANUP(free_cleanup) char *validity = validity_format(&wishes->validity);
        CLEANUP(buf_cleanup) struct buf sets = { 0 };
        CLEANUP(buf_cleanup) struct buf drops = { 0 };
        struct buf *out = &command->text;
        char end[CLOCK_TEXT] = "";
        int64_t start = wishes->not_before ? wishes->not_before : clock_now();

        if (wishes->validity.type != VALIDITY_CA_END || authority->not_after)
                clock_format(validity_end(&wishes->validity, start, authority->not_after), end);
        describe_template(wishes, &sets, &drops);
        show_order_text(out, order);
        show_fact(out, "template sets", buf_text(&sets));
        show_fact(out, "it drops", drops.len ? buf_text(&drops) : "nothing that was asked for");
        show_fact(out, "valid until", end);
        show_fact(out, "CA subject", authority->subject);
        show_fact(out, "CA status", authority->status);
        show_fact(out, "CA key", authority->key_algorithm);
        show_fact(out, "files in", wishes->stores & STORE_FILES ? wishes->folder : NULL);
        show_fact(out, "dry run", "nothing was changed and nothing was asked for");

        command->answer = show_order_json(order);
        cJSON *plan = cJSON_AddObjectToObject(command->answer, "plan");

        show_add_text(plan, "validity", validity);
        show_add_text(plan, "not_after", end);
        show_add_text(plan, "template_sets", buf_text(&sets));
        show_add_text(plan, "template_drops", buf_text(&drops));
        show_add_text(plan, "ca_subject", authority->subject);
        show_add_text(plan, "ca_status", authority->status);
        show_add_text(plan, "ca_key_algorithm", authority->key_algorithm);
        show_add_text(plan, "folder", wishes->folder);
}

static bool
look_up(struct command *command, struct order **order, struct error *err)
{
        struct error none = { 0 };
        CLEANUP(ledger_cleanup) struct ledger *ledger = ledger_open_read(command->state, &none);

        if (ledger)
                return issue_look_up(command, ledger, order, err);
        if (none.kind == ERROR_NOTHING)
                return true;
        *err = none;
        return false;
}

/* The order goes to `issue_look_up`, which may put another in its place. */
static bool
make_plan(struct command *command, struct order **order, struct pca_authority *authority,
          struct error *err)
{
        CLEANUP(buf_cleanup) struct buf used = { 0 };

        if (!look_up(command, order, err))
                return false;
        if ((*order)->number)
                return true;
        struct wishes *wishes = &(*order)->wishes;

        if (!wish_default(wishes, command->state, &used, err) ||
            !find_token(command, *order, err) || !find_ca(command, *order, authority, err))
                return false;
        if (wishes->validity.type == VALIDITY_NONE)
                wishes->validity = (struct validity){ VALIDITY_DAYS, is_short_lived(authority)
                                                                             ? SHORT_LIVED_DAYS
                                                                             : DEFAULT_DAYS };
        if (used.len)
                command_say(command, "defaults  %s", buf_text(&used));
        answer_plan(command, *order, authority);
        return true;
}

bool
plan_show(struct command *command, struct order **order, struct error *err)
{
        struct pca_authority authority = { 0 };
        bool good = make_plan(command, order, &authority, err);

        pca_authority_clear(&authority);
        return good;
}
