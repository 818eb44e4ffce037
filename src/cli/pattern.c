#include "cli/pattern.h"

#include <stdlib.h>

#include "base/clock.h"

static const enum option_id pattern_options[] = {
        OPTION_NAME, OPTION_SUBJECT, OPTION_SAN,   OPTION_LABEL,
        OPTION_OUT,  OPTION_HOLDER,  OPTION_PLACE,
};

static bool
option_needs(const struct options *options, enum option_id id, unsigned *needs, struct error *err)
{
        const struct option_value *value = option_value(options, id);
        unsigned found = 0;

        for (size_t i = 0; i < value->count; i++) {
                if (!fill_needs(value->texts[i], &found, err))
                        return error_about(err, "%s", value->where);
                *needs |= found;
        }
        return true;
}

bool
patterns_begin(struct patterns *patterns, const struct options *options, const struct order *order,
               int64_t row, struct error *err)
{
        const struct order_token *token = &order->token;

        *patterns = (struct patterns){
                .options = options,
                .facts = {
                        .token_serial = token->serial,
                        .token_label = token->label,
                        .attributes = order->wishes.attributes,
                        .attribute_count = order->wishes.attribute_count,
                        .row = row,
                        .now = order->created_at ? order->created_at : clock_now(),
                },
        };
        for (size_t i = 0; i < ARRAY_LENGTH(pattern_options); i++) {
                if (!option_needs(options, pattern_options[i], &patterns->needs, err))
                        return false;
        }
        /* Without a token there is nothing to wait for. */
        if (!token->serial && !token->label && (order->wishes.token_uri || order->wishes.key_uri))
                patterns->facts.later = patterns->needs & FILL_NEEDS_TOKEN;
        return true;
}

bool
patterns_wait(const struct patterns *patterns, enum option_id id)
{
        struct error ignored = { 0 };
        unsigned needs = 0;

        return option_needs(patterns->options, id, &needs, &ignored) &&
               (needs & patterns->facts.later);
}

bool
patterns_text(const struct patterns *patterns, enum option_id id, enum fill_place place, char **out,
              struct error *err)
{
        const struct option_value *value = option_value(patterns->options, id);

        *out = NULL;
        if (!value->count)
                return true;
        return fill_text(value->texts[0], place, &patterns->facts, out, err) ||
               error_about(err, "%s", value->where);
}

char *
patterns_quote(const struct patterns *patterns, const char *text)
{
        return patterns->facts.later ? fill_quote(text) : text_copy(text);
}
