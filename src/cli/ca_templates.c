#include "cli/ca_templates.h"

#include <stdlib.h>

#include "cli/show.h"
#include "order/template.h"

/* What stands between the template and its use; NULL for nothing. */
static const char *
obstacle(const struct template_facts *facts, bool shared)
{
        if (facts->is_root)
                return "for the certificate of the CA itself";
        if (!shared || facts->share == SHARE_BY_DEFAULT)
                return NULL;
        return facts->share == SHARE_BY_NAME
                       ? "outside the default share: the managed RAM permission that names it"
                       : "outside the default share: a RAM permission that the CA's owner writes";
}

static void
add_names(struct buf *text, const char *name)
{
        buf_format(text, "%s%s/V1", text->len ? ", " : "", name);
}

static void
show_usable(struct buf *text, const struct pca_authority *authority, bool active, bool shared)
{
        CLEANUP(buf_cleanup) struct buf by_default = { 0 };
        CLEANUP(buf_cleanup) struct buf by_name = { 0 };

        if (!active) {
                show_fact_format(text, "templates", "none: the CA is %s",
                                 authority->status ? authority->status : "in an unknown state");
                return;
        }
        if (!shared) {
                show_fact(text, "templates", "all but those for a CA's own certificate");
                return;
        }
        for (size_t i = 0; template_at(i); i++) {
                const struct template_facts *facts = template_at(i);

                if (facts->share == SHARE_BY_DEFAULT)
                        add_names(&by_default, facts->name);
                if (facts->share == SHARE_BY_NAME)
                        add_names(&by_name, facts->name);
        }
        show_fact_format(text, "templates", "%s (default share)", buf_text(&by_default));
        show_fact_format(text, "", "by managed RAM permissions: %s", buf_text(&by_name));
        show_fact(text, "", "others by a RAM permission that the CA's owner writes");
}

void
ca_templates_answer(const struct pca_authority *authority, bool shared, cJSON *json,
                    struct buf *text)
{
        bool active = text_equal(authority->status, "ACTIVE");
        cJSON *usable = cJSON_AddArrayToObject(json, "templates");
        cJSON *warned = cJSON_AddArrayToObject(json, "templates_warned");

        show_usable(text, authority, active, shared);
        for (size_t i = 0; active && template_at(i); i++) {
                const struct template_facts *facts = template_at(i);
                CLEANUP(free_cleanup) char *name = text_format("%s/V1", facts->name);
                const char *why = obstacle(facts, shared);

                if (!why) {
                        show_add_item(usable, name);
                        continue;
                }
                cJSON *object = cJSON_CreateObject();

                show_add_text(object, "name", name);
                show_add_text(object, "why", why);
                cJSON_AddItemToArray(warned, object);
        }
}
