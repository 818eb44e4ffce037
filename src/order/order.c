#include "order/order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MOST = 64, LABEL_MOST = 255 };

/* The CA forgets an idempotency token after five minutes; we stop half a minute earlier. */
enum { REPEAT_S = 270 };

#define STEP(state) (1u << (state))

/* `next`: the states one step on, besides FAILED, which every open state may end in. */
static const struct {
        const char *name;
        bool open;
        unsigned next;
} states[] = {
        [ORDER_PLANNED] = { "planned", true, STEP(ORDER_KEYED) },
        /* `import` brings a certificate that came another way */
        [ORDER_KEYED] = { "keyed", true, STEP(ORDER_REQUESTED) | STEP(ORDER_ISSUED) },
        [ORDER_REQUESTED] = { "requested", true, STEP(ORDER_SUBMITTED) | STEP(ORDER_ISSUED) },
        /* the CA could not issue after all: asked once more, with a new request */
        [ORDER_SUBMITTED] = { "submitted", true, STEP(ORDER_ISSUED) | STEP(ORDER_REQUESTED) },
        [ORDER_ISSUED] = { "issued", true, STEP(ORDER_VERIFIED) },
        [ORDER_VERIFIED] = { "verified", true, STEP(ORDER_DELIVERED) },
        [ORDER_DELIVERED] = { "delivered", false, STEP(ORDER_INSTALLED) | STEP(ORDER_SUPERSEDED) },
        [ORDER_INSTALLED] = { "installed", false, STEP(ORDER_SUPERSEDED) },
        [ORDER_SUPERSEDED] = { "superseded", false, 0 },
        [ORDER_FAILED] = { "failed", false, 0 },
};
static_assert(ARRAY_LENGTH(states) == ORDER_STATES, "a row for every state");

struct order *
order_new(void)
{
        return memory_new(1, sizeof(struct order));
}

void
order_token_clear(struct order_token *token)
{
        free(token->label);
        free(token->serial);
        free(token->manufacturer);
        free(token->model);
        free(token->uri);
        *token = (struct order_token){ 0 };
}

void
order_free(struct order *order)
{
        if (!order)
                return;
        char *const texts[] = {
                order->key_label,      order->key_uri,          order->idempotency_token,
                order->boot_id,        order->certificate_arn,  order->serial,
                order->fingerprint,    order->file_certificate, order->file_chain,
                order->file_fullchain, order->file_root,        order->revocation_reason,
                order->differences,
        };
        struct buf *const bufs[] = {
                &order->key_id,  &order->spki,        &order->old_key_sha256, &order->csr,
                &order->request, &order->certificate, &order->chain,          &order->root,
        };

        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
                free(texts[i]);
        for (size_t i = 0; i < ARRAY_LENGTH(bufs); i++)
                buf_clear(bufs[i]);
        wishes_clear(&order->wishes);
        order_token_clear(&order->token);
        free(order);
}

void
order_cleanup(struct order **order)
{
        order_free(*order);
        *order = NULL;
}

/* -- states ------------------------------------------------------------------------------- */

const char *
order_state_name(enum order_state state)
{
        return states[state].name;
}

bool
order_state_named(const char *name, enum order_state *out, struct error *err)
{
        size_t nearest = 0;

        for (size_t i = 0; i < ORDER_STATES; i++) {
                if (strcmp(states[i].name, name) == 0) {
                        *out = (enum order_state)i;
                        return true;
                }
        }
        CLEANUP(buf_cleanup) struct buf names = { 0 };

        for (size_t i = 0; i < ORDER_STATES; i++) {
                if (text_distance(name, states[i].name) < text_distance(name, states[nearest].name))
                        nearest = i;
                buf_format(&names, "%s%s", i ? ", " : "", states[i].name);
        }
        error_set(err, ERROR_USAGE, "there is no state '%s'", name);
        return error_advise(err, "did you mean '%s'? There are %s", states[nearest].name,
                            buf_text(&names));
}

bool
order_state_is_open(enum order_state state)
{
        return states[state].open;
}

bool
order_may_move(enum order_state from, enum order_state to)
{
        if (from == to)
                return true;
        if (to == ORDER_FAILED)
                return states[from].open;
        return (states[from].next & STEP(to)) != 0;
}

/* -- names -------------------------------------------------------------------------------- */

static bool
is_name_character(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
}

/* The rule that a name breaks, or NULL. */
static const char *
name_rule(const char *name)
{
        if (!*name)
                return "it is empty";
        if (strlen(name) > NAME_MOST)
                return "it is longer than 64 bytes";
        if (*name == '.')
                return "it starts with a dot";
        while (is_name_character(*name))
                name++;
        return *name ? "it holds a character that a name cannot" : NULL;
}

bool
order_name_check(const char *name, struct error *err)
{
        const char *rule = name_rule(name);

        if (!rule)
                return true;
        error_set(err, ERROR_USAGE, "the name '%.80s' is wrong: %s", name, rule);
        return error_advise(err, "a name is 1 to 64 letters, digits, dots, hyphens and "
                                 "underscores, and does not start with a dot");
}

bool
order_label_check(const char *label, struct error *err)
{
        return strlen(label) <= LABEL_MOST ||
               error_set(err, ERROR_USAGE, "the label is longer than %d bytes", LABEL_MOST);
}

char *
order_name_from(const char *text)
{
        char name[NAME_MOST + 1];
        size_t len = 0;

        while (*text == '.')
                text++;
        for (; *text && len < NAME_MOST; text++) {
                bool continues = ((unsigned char)*text & 0xc0) == 0x80;

                /* One hyphen for a character of UTF-8, not one for each of its bytes. */
                if (is_name_character(*text))
                        name[len++] = *text;
                else if (!continues)
                        name[len++] = '-';
        }
        return len ? text_copy_length(name, len) : text_copy("order");
}

struct order_call
order_call(const char *name)
{
        struct order_call call;
        bool number = !name[strspn(name, "0123456789")];

        snprintf(call.text, sizeof(call.text), "%s%s", number || *name == '-' ? "name:" : "", name);
        return call;
}

/* -- times -------------------------------------------------------------------------------- */

void
order_note_dates(struct order *order, int64_t not_before, int64_t not_after)
{
        const struct renewal *renewal = &order->wishes.renewal;
        bool own = renewal->before_s || renewal->percent;

        order->not_before = not_before;
        order->not_after = not_after;
        order->renew_at = own ? renewal_begins(renewal, not_before, not_after, 0) : 0;
}

bool
order_is_due(const struct order *order, int64_t now, int64_t window_s)
{
        if (!order->not_after || order->revoked_at)
                return false;
        if (order->state == ORDER_SUPERSEDED || order->state == ORDER_FAILED)
                return false;
        return order->not_after - now < window_s;
}

static bool
sent_in_this_boot(const struct order *order, const char *boot_id)
{
        return boot_id && order->boot_id && strcmp(order->boot_id, boot_id) == 0;
}

int64_t
order_sent_at(const struct order *order, int64_t now, int64_t boot_ms, const char *boot_id)
{
        if (!order->first_sent_at || !sent_in_this_boot(order, boot_id) ||
            boot_ms < order->first_sent_boot_ms)
                return order->first_sent_at;
        return now - (boot_ms - order->first_sent_boot_ms) / 1000;
}

bool
order_may_repeat(const struct order *order, int64_t now, int64_t boot_ms, const char *boot_id)
{
        if (!order->first_sent_at)
                return true;
        if (!sent_in_this_boot(order, boot_id))
                return false;
        int64_t wall_s = now - order->first_sent_at;
        int64_t boot_s = (boot_ms - order->first_sent_boot_ms) / 1000;

        /* The clock since boot counts time in suspend and cannot be set; the wall clock may jump.
         */
        return wall_s >= 0 && wall_s < REPEAT_S && boot_s >= 0 && boot_s < REPEAT_S;
}
